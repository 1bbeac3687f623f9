/* The top of the spectrum of jumps, from above. */
#include <float.h>
#include <math.h>

#include "jumps.h"

enum { STORED_MOST = 1 << 24, ITERATIONS = 300, STATES_MOST = 64 };

/* max (M v)/v over the entries of v > 0 bounds the largest eigenvalue of M >= 0; v = M v until that is its minimum. */
typedef void (*product)(const void *context, const double *v, double *out);

static sg_status collatz_wielandt(int n, const double *log_p, product multiply, const void *context, double *top) {
    double *v = NULL, *w = NULL, least, most;
    *top = INFINITY;
    sg_status status = sg_new(&v, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&w, (size_t)n, sizeof(double));
    for (int x = 0; x < n && !status; x++) v[x] = !log_p || log_p[x] > -INFINITY;
    for (int k = 0; k < ITERATIONS && !status; k++) {
        double size = 0;
        least = INFINITY, most = 0;
        multiply(context, v, w);
        for (int x = 0; x < n; x++) {
            if (!(v[x] > 0)) continue;
            least = fmin(least, w[x] / v[x]);
            most = fmax(most, w[x] / v[x]);
            size = fmax(size, w[x]);
        }
        *top = fmin(*top, most);
        if (most <= least * (1 + 1e-6)) break;
        for (int x = 0; x < n; x++) v[x] = fmax(w[x] / size, log_p && !(log_p[x] > -INFINITY) ? 0 : 1e-250);
    }
    if (!status) *top *= 1 + 64 * DBL_EPSILON;
    sg_delete(v);
    sg_delete(w);
    return status;
}

/* ------------------------------------------------------------------ single sites */

/* Moves of one site: the states low + s step + high step q, s = 0 .. q - 1, are a fibre. */
typedef struct {
    const sg_jumps *j;
    int d, q, n;
    double *exit;        /* [n] rates out */
    double *conductance; /* [d][n/q][q (q-1)/2], pairs s < t of a fibre; NULL: not kept */
} flips;

typedef struct {
    int step, fibres;
} site;

static site site_of(const flips *f, int i) {
    site s = {1, f->n / f->q};
    while (i-- > 0) s.step *= f->q;
    return s;
}

static int base_of(const flips *f, site s, int fibre) {
    return fibre / s.step * s.step * f->q + fibre % s.step;
}

static double *pairs_of(const flips *f, int i, int fibre) {
    const size_t pairs = (size_t)(f->q * (f->q - 1) / 2);
    return f->conductance + ((size_t)i * (size_t)(f->n / f->q) + (size_t)fibre) * pairs;
}

/* D + C: the symmetric form with all its signs positive. */
static void multiply_flips(const void *context, const double *v, double *out) {
    const flips *f = context;
    for (int x = 0; x < f->n; x++) out[x] = f->exit[x] * v[x];
    for (int i = 0; i < f->d; i++) {
        const site s = site_of(f, i);
        const double *c = pairs_of(f, i, 0);
        for (int k = 0; k < s.fibres; k++)
            for (int b = 1, base = base_of(f, s, k); b < f->q; b++)
                for (int a = 0; a < b; a++, c++) {
                    const int x = base + a * s.step, y = base + b * s.step;
                    out[x] += *c * v[y];
                    out[y] += *c * v[x];
                }
    }
}

/* Moves between two states; their conductance. */
static double add_pair(const sg_jumps *j, int x, int y, double *at_x, double *at_y) {
    const double u = j->log_p[y] - j->log_p[x];
    if (!(fabs(u) < INFINITY)) return 0;
    const double c = sg_jumps_conductance(j, u, at_x);
    sg_jumps_conductance(j, -u, at_y);
    return c;
}

/*
 * The symmetric form of the moves of one fibre has q - 1 eigenvalues beside 0: none is above their mean and sqrt(q - 2)
 * standard deviations (Wolkowicz and Styan 1980), known from trace and squares.  Exact for two and three states.
 */
static double fibre_top(int q, double trace, double squares) {
    const double mean = trace / (q - 1), variance = fmax(0, squares / (q - 1) - mean * mean);
    return fmin(trace, mean + sqrt((q - 2) * variance));
}

static double do_fibre(flips *f, site s, int base, double *c) {
    double rate[STATES_MOST] = {0}, trace = 0, squares = 0;
    for (int b = 1; b < f->q; b++)
        for (int a = 0; a < b; a++) {
            double up = 0, down = 0;
            const double each = add_pair(f->j, base + a * s.step, base + b * s.step, &up, &down);
            rate[a] += up;
            rate[b] += down;
            squares += 2 * each * each;
            if (c) *c++ = each;
        }
    for (int a = 0; a < f->q; a++) {
        f->exit[base + a * s.step] += rate[a];
        trace += rate[a];
        squares += rate[a] * rate[a];
    }
    return fibre_top(f->q, trace, squares);
}

/* Fills the table; *top: A <= diag(sum of the tops of the fibres of a state). */
static sg_status fill_flips(flips *f, double *top) {
    double *sum = NULL, most = 0;
    sg_status status = sg_new(&sum, (size_t)f->n, sizeof(double));
    for (int i = 0; i < f->d && !status; i++) {
        const site s = site_of(f, i);
        for (int k = 0; k < s.fibres; k++) {
            const int base = base_of(f, s, k);
            const double here = do_fibre(f, s, base, f->conductance ? pairs_of(f, i, k) : NULL);
            for (int a = 0; a < f->q; a++) sum[base + a * s.step] += here;
        }
    }
    for (int x = 0; x < f->n && !status; x++)
        if (f->j->log_p[x] > -INFINITY) most = fmax(most, sum[x]);
    *top = most * (1 + 64 * DBL_EPSILON);
    sg_delete(sum);
    return status;
}

static sg_status top_of_flips(sg_jumps *j, double *top) {
    flips f = {.j = j, .d = j->model->space.d, .q = j->model->space.q};
    double by_signs = INFINITY;
    sg_status status = sg_jumps_list(j);
    f.n = j->states;
    const double table = (double)f.n * f.d * (f.q - 1) / 2;
    if (!status) status = sg_new(&f.exit, (size_t)f.n, sizeof(double));
    if (!status && table <= STORED_MOST) status = sg_new(&f.conductance, (size_t)table, sizeof(double));
    if (!status) status = fill_flips(&f, top);
    if (!status && f.conductance) status = collatz_wielandt(f.n, j->log_p, multiply_flips, &f, &by_signs);
    *top = fmin(*top, by_signs);
    sg_delete(f.exit);
    sg_delete(f.conductance);
    return status;
}

static void multiply_path(const void *context, const double *v, double *out) {
    const sg_jumps_path *p = context;
    for (int k = 0; k < p->n; k++)
        out[k] = p->exit[k] * v[k] + (k ? p->conductance[k - 1] * v[k - 1] : 0) +
                 (k + 1 < p->n ? p->conductance[k] * v[k + 1] : 0);
}

/* Blocks drawn afresh are projections: the sum of their rates. */
static sg_status top_of_blocks(const sg_model *model, const sg_loss *loss, double *top) {
    const sg_row *row = loss->row;
    const int n = model->space.d;
    sg_site_blocks blocks = {0};
    double *rate = NULL;
    bool known = false;
    *top = row->heat_bath ? n : 0;
    if (row->heat_bath) return SG_OK;
    sg_status status = sg_new(&rate, (size_t)n + 1, sizeof(double));
    if (!status && row->sizes) known = row->sizes(loss->options, model, rate);
    for (int k = 1; known && k <= n; k++) *top += rate[k];
    if (!status && !known) status = row->blocks(loss->options, model, &blocks);
    for (int b = 0; b < blocks.count && !status; b++) *top += blocks.rate[b];
    if (status && status != SG_NO_MEMORY) {
        *top = INFINITY;
        status = SG_OK;
    }
    sg_delete(rate);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

sg_status sg_jumps_top(const sg_model *model, const sg_loss *loss, double *top) {
    sg_jumps j = {0};
    sg_jumps_path p = {0};
    bool found = false;
    *top = INFINITY;
    sg_status status = sg_jumps_open(model, loss, &j);
    if (!status && (loss->row->blocks || loss->row->heat_bath)) {
        status = top_of_blocks(model, loss, top);
        goto out;
    }
    if (!status) status = sg_jumps_path_find(&j, &found, &p);
    if (!status && found)
        status = collatz_wielandt(p.n, NULL, multiply_path, &p, top);
    else if (!status && sg_model_states(model) <= SG_JUMPS_STATES && model->space.q <= STATES_MOST)
        status = top_of_flips(&j, top);
out:
    sg_jumps_path_close(&p);
    sg_jumps_close(&j);
    return status;
}
