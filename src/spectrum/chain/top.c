/* The top of the spectrum of jumps, from above. */
#include <float.h>
#include <math.h>

#include "jumps.h"

enum { STORED_MOST = 1 << 24, ITERATIONS = 300 };

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

/* Rates out, and conductances to the state with one more 1, of all states. */
typedef struct {
    int d, n;
    double *exit;        /* [n] */
    double *conductance; /* [d][n / 2] pairs by the state without the bit, bit taken out */
} flips;

static void multiply_flips(const void *context, const double *v, double *out) {
    const flips *f = context;
    const int half = f->n / 2;
    for (int x = 0; x < f->n; x++) out[x] = f->exit[x] * v[x];
    for (int site = 0; site < f->d; site++) {
        const int below = (1 << site) - 1;
        const double *c = f->conductance + (size_t)site * (size_t)half;
        for (int k = 0; k < half; k++) {
            const int x = (k & ~below) << 1 | (k & below), y = x | (below + 1);
            out[x] += c[k] * v[y];
            out[y] += c[k] * v[x];
        }
    }
}

static void fill_flips(const sg_jumps *j, flips *f) {
    for (int site = 0; site < f->d; site++) {
        const int below = (1 << site) - 1;
        for (int k = 0; k < f->n / 2; k++) {
            const int x = (k & ~below) << 1 | (k & below), y = x | (below + 1);
            double up, down;
            if (!(j->log_p[x] > -INFINITY && j->log_p[y] > -INFINITY)) continue;
            f->conductance[(size_t)site * (size_t)(f->n / 2) + (size_t)k] =
                sg_jumps_conductance(j, j->log_p[y] - j->log_p[x], &up);
            sg_jumps_conductance(j, j->log_p[x] - j->log_p[y], &down);
            f->exit[x] += up;
            f->exit[y] += down;
        }
    }
}

static sg_status top_of_flips(sg_jumps *j, double *top) {
    sg_status status;
    flips f = {.d = j->model->space.d};
    if ((status = sg_jumps_list(j))) goto out;
    f.n = j->states;
    if ((status = sg_new(&f.exit, (size_t)f.n, sizeof(double)))) goto out;
    if ((status = sg_new(&f.conductance, (size_t)f.d * (size_t)(f.n / 2), sizeof(double)))) goto out;
    fill_flips(j, &f);
    status = collatz_wielandt(f.n, j->log_p, multiply_flips, &f, top);
out:
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
    else if (!status && model->space.q == 2 && sg_model_states(model) * model->space.d <= STORED_MOST)
        status = top_of_flips(&j, top);
out:
    sg_jumps_path_close(&p);
    sg_jumps_close(&j);
    return status;
}
