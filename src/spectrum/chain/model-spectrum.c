/* The spectrum of jumps on few states, and its top, from the model. */
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "scoregap/chain.h"

enum { STORED_MOST = 1 << 24, ITERATIONS = 300, PART = 256 };

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_prepared *prepared;
    int states;
    double *log_p; /* normalized */
} jumps;

static void close_jumps(jumps *j) {
    if (j->prepared) sg_loss_release(j->loss, j->prepared);
    sg_delete(j->log_p);
}

static sg_status open_jumps(const sg_model *model, const sg_loss *loss, jumps *j) {
    *j = (jumps){.model = model, .loss = loss};
    if (model->space.shape != SG_FINITE || loss->row->kind != SG_JUMP || !(loss->row->rate || loss->row->blocks))
        return sg_fail(SG_MISFIT, "%s has no jumps on %s", loss->text, model->text);
    return sg_loss_prepare(loss, model, NULL, &j->prepared);
}

static sg_status list_states(jumps *j) {
    double top = -INFINITY, sum = 0;
    j->states = (int)sg_model_states(j->model);
    sg_status status = sg_new(&j->log_p, (size_t)j->states, sizeof(double));
    if (status) return status;
    j->model->family->states(j->model, j->model->truth, 0, j->states, j->log_p);
    for (int x = 0; x < j->states; x++) top = fmax(top, j->log_p[x]);
    for (int x = 0; x < j->states; x++) sum += exp(j->log_p[x] - top);
    for (int x = 0; x < j->states; x++) j->log_p[x] -= top + log(sum);
    return SG_OK;
}

/* rate(u) = e^u rate(-u), from u >= 0, where it keeps its accuracy: sqrt(rate(u) rate(-u)), and *rate itself. */
static double conductance(const jumps *j, double u, double *rate) {
    const double up = fabs(u);
    double there;
    j->loss->row->rate(j->prepared, 1, &up, &there);
    *rate = u < 0 ? there * exp(-up) : there;
    return there * exp(-0.5 * up);
}

/* ------------------------------------------------------------------- the matrix */

static int power(int q, int k) {
    int p = 1;
    while (k-- > 0) p *= q;
    return p;
}

/* Single-site moves. */
static void add_moves(const jumps *j, double *a) {
    const int q = j->model->space.q;
    const size_t n = (size_t)j->states;
    for (int site = 0, step = 1; site < j->model->space.d; site++, step *= q)
        for (int x = 0; x < j->states; x++)
            for (int move = 1; move < q; move++) {
                const int here = x / step % q, y = x + ((here + move) % q - here) * step;
                double rate;
                if (!(j->log_p[x] > -INFINITY)) continue;
                if (!(j->log_p[y] > -INFINITY)) continue;
                a[(size_t)x + (size_t)y * n] -= conductance(j, j->log_p[y] - j->log_p[x], &rate);
                a[(size_t)x + (size_t)x * n] += rate;
            }
}

/* The states that agree with x outside of the block are x + offset, x being the first of them. */
static int fibre(const jumps *j, uint32_t mask, int *offset) {
    const int q = j->model->space.q;
    int count = 1;
    offset[0] = 0;
    for (int site = 0; site < j->model->space.d; site++) {
        if (!(mask >> site & 1)) continue;
        const int step = power(q, site);
        for (int s = 1; s < q; s++)
            for (int k = 0; k < count; k++) offset[s * count + k] = offset[k] + s * step;
        count *= q;
    }
    return count;
}

static bool is_first(const jumps *j, uint32_t mask, int x) {
    const int q = j->model->space.q;
    for (int site = 0; site < j->model->space.d; site++, x /= q)
        if (mask >> site & 1 && x % q) return false;
    return true;
}

/* One block drawn given the rest, at a rate. */
static void add_block(const jumps *j, uint32_t mask, double rate, int *offset, double *a) {
    const int count = fibre(j, mask, offset);
    const size_t n = (size_t)j->states;
    for (int x = 0; x < j->states; x++) {
        double top = -INFINITY, sum = 0;
        if (!is_first(j, mask, x)) continue;
        for (int k = 0; k < count; k++) top = fmax(top, j->log_p[x + offset[k]]);
        if (!(top > -INFINITY)) continue;
        for (int k = 0; k < count; k++) sum += exp(j->log_p[x + offset[k]] - top);
        for (int k = 0; k < count; k++) {
            const int y = x + offset[k];
            if (!(j->log_p[y] > -INFINITY)) continue;
            a[(size_t)y + (size_t)y * n] += rate;
            for (int l = 0; l < count; l++) {
                const int z = x + offset[l];
                if (j->log_p[z] > -INFINITY)
                    a[(size_t)y + (size_t)z * n] -= rate * exp(0.5 * (j->log_p[y] + j->log_p[z]) - top) / sum;
            }
        }
    }
}

static sg_status add_blocks(const jumps *j, double *a) {
    sg_site_blocks blocks = {0};
    int *offset = NULL;
    sg_status status = j->loss->row->blocks(j->loss->options, j->model, &blocks);
    if (!status) status = sg_new(&offset, (size_t)j->states, sizeof(int));
    for (int b = 0; b < blocks.count && !status; b++) add_block(j, blocks.mask[b], blocks.rate[b], offset, a);
    sg_delete(offset);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

/* ----------------------------------------------------------------- all of it */

void sg_states_spectrum_delete(sg_states_spectrum *s) {
    if (!s) return;
    sg_delete(s->value);
    sg_delete(s->function);
    sg_delete(s->mass);
    sg_delete(s);
}

static sg_status new_spectrum(int n, int count, sg_states_spectrum **out) {
    sg_states_spectrum *s = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    *out = s;
    s->n = n, s->count = count;
    if ((status = sg_new(&s->value, (size_t)count, sizeof(double)))) return status;
    if ((status = sg_new(&s->function, (size_t)count * (size_t)n, sizeof(double)))) return status;
    return sg_new(&s->mass, (size_t)n, sizeof(double));
}

/* Forbidden states are moved above the others, so that those come first. */
static void set_forbidden_apart(int n, const double *log_p, double *a) {
    double top = 0;
    for (int x = 0; x < n; x++) top = fmax(top, a[(size_t)x + (size_t)x * (size_t)n]);
    for (int x = 0; x < n; x++)
        if (!(log_p[x] > -INFINITY)) a[(size_t)x + (size_t)x * (size_t)n] = 4 * top * n + 1;
}

/* Eigenpairs of the symmetric form [n,n], destroyed; the first is the constant. */
static sg_status solve(int n, const double *log_p, double *a, sg_states_spectrum **out) {
    double *value = NULL, *work = NULL;
    const int size = 3 * n + 64 * n;
    int allowed = 0;
    for (int x = 0; x < n; x++) allowed += log_p[x] > -INFINITY;
    set_forbidden_apart(n, log_p, a);
    sg_status status = sg_new(&value, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&work, (size_t)size, sizeof(double));
    if (!status) status = new_spectrum(n, allowed - 1, out);
    if (status) goto out;
    if (LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', n, a, n, value, work, size)) {
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of %d states were not found", n);
        goto out;
    }
    sg_states_spectrum *s = *out;
    for (int x = 0; x < n; x++) s->mass[x] = exp(log_p[x]);
    for (int k = 0; k < s->count; k++) {
        s->value[k] = value[k + 1];
        for (int x = 0; x < n; x++)
            if (log_p[x] > -INFINITY)
                s->function[(size_t)k * (size_t)n + (size_t)x] =
                    a[(size_t)x + (size_t)(k + 1) * (size_t)n] * exp(-0.5 * log_p[x]);
    }
    s->error = 8 * DBL_EPSILON * n * value[allowed - 1];
out:
    sg_delete(value);
    sg_delete(work);
    return status;
}

static sg_status of_states(const sg_model *model, const sg_loss *loss, sg_states_spectrum **out) {
    jumps j = {0};
    double *a = NULL;
    sg_status status = open_jumps(model, loss, &j);
    if (!status) status = list_states(&j);
    if (!status) status = sg_new(&a, (size_t)j.states * (size_t)j.states, sizeof(double));
    if (!status && loss->row->blocks) status = add_blocks(&j, a);
    if (!status && !loss->row->blocks) add_moves(&j, a);
    if (!status) status = solve(j.states, j.log_p, a, out);
    sg_delete(a);
    close_jumps(&j);
    return status;
}

/* --------------------------------------------------------------- paths of counts */

typedef struct {
    int n;
    double *up, *down;          /* [n] logs of rates k -> k+1 and k+1 -> k */
    double *conductance, *exit; /* [n] */
} path;

static void close_path(path *p) {
    sg_delete(p->up);
    sg_delete(p->down);
    sg_delete(p->conductance);
    sg_delete(p->exit);
}

static sg_status open_path(const jumps *j, const sg_lumped *lumped, path *p) {
    sg_status status;
    const size_t n = (size_t)lumped->classes;
    p->n = lumped->classes;
    if ((status = sg_new(&p->up, n, sizeof(double)))) return status;
    if ((status = sg_new(&p->down, n, sizeof(double)))) return status;
    if ((status = sg_new(&p->conductance, n, sizeof(double)))) return status;
    if ((status = sg_new(&p->exit, n, sizeof(double)))) return status;
    for (int e = 0; e < lumped->edges; e++) {
        const int from = lumped->from[e], to = lumped->to[e];
        const double u = lumped->log_p[to] - lumped->log_p[from];
        double rate, there = fabs(u);
        conductance(j, u, &rate);
        p->exit[from] += lumped->flips[e] * rate;
        j->loss->row->rate(j->prepared, 1, &there, &rate);
        const double log_rate = log(lumped->flips[e]) + log(rate) + (u < 0 ? u : 0);
        *(to > from ? &p->up[from] : &p->down[to]) = log_rate;
    }
    for (int k = 0; k + 1 < p->n; k++) p->conductance[k] = exp(0.5 * (p->up[k] + p->down[k]));
    return SG_OK;
}

/* *found: the classes of the model are the counts of sites in state 1, and the jumps of the loss go along them. */
static sg_status find_path(const jumps *j, bool *found, path *p) {
    sg_lumped *lumped = NULL;
    *found = false;
    if (!j->model->family->lump || !j->loss->row->rate || j->model->space.q != 2 || !sg_model_exchangeable(j->model))
        return SG_OK;
    sg_status status = j->model->family->lump(j->model, j->model->truth, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    *found = !status && lumped->path && lumped->counts;
    if (*found) status = open_path(j, lumped, p);
    sg_lumped_delete(lumped);
    return status;
}

static sg_status of_path(const path *p, int most, sg_states_spectrum **out) {
    const sg_birth_death chain = {.n = p->n, .log_up = p->up, .log_down = p->down};
    const int count = most < p->n - 1 ? most : p->n - 1;
    double *all = NULL;
    sg_status status = new_spectrum(p->n, count, out);
    if (!status) status = sg_new(&all, (size_t)p->n, sizeof(double));
    if (!status) status = sg_birth_death_spectrum(&chain, all, count, (*out)->function);
    if (!status) status = sg_birth_death_law(&chain, (*out)->mass);
    for (int k = 0; k < p->n && !status; k++) (*out)->mass[k] = exp((*out)->mass[k]);
    for (int k = 0; k < count && !status; k++) (*out)->value[k] = exp(all[k]);
    if (!status) (*out)->by_counts = true;
    if (!status) (*out)->error = 64 * DBL_EPSILON * (*out)->value[count - 1];
    sg_delete(all);
    return status;
}

sg_status sg_states_spectrum_new(const sg_model *model, const sg_loss *loss, int most, sg_states_spectrum **out) {
    jumps j = {0};
    path p = {0};
    bool found = false;
    *out = NULL;
    sg_status status = open_jumps(model, loss, &j);
    if (!status) status = find_path(&j, &found, &p);
    if (!status && found)
        status = of_path(&p, p.n - 1 > SG_SPECTRUM_STATES ? most : p.n - 1, out);
    else if (!status && sg_model_states(model) <= SG_SPECTRUM_STATES)
        status = of_states(model, loss, out);
    else if (!status)
        status = sg_fail(SG_REFUSED, "the whole spectrum of %s on %s takes at most %d states, and there are %.4g",
                         loss->text, model->text, (int)SG_SPECTRUM_STATES, sg_model_states(model));
    close_path(&p);
    close_jumps(&j);
    if (status) {
        sg_states_spectrum_delete(*out);
        *out = NULL;
    }
    return status;
}

/* ------------------------------------------------------------------------- the top */

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

static void fill_flips(const jumps *j, flips *f) {
    for (int site = 0; site < f->d; site++) {
        const int below = (1 << site) - 1;
        for (int k = 0; k < f->n / 2; k++) {
            const int x = (k & ~below) << 1 | (k & below), y = x | (below + 1);
            double up, down;
            if (!(j->log_p[x] > -INFINITY && j->log_p[y] > -INFINITY)) continue;
            f->conductance[(size_t)site * (size_t)(f->n / 2) + (size_t)k] =
                conductance(j, j->log_p[y] - j->log_p[x], &up);
            conductance(j, j->log_p[x] - j->log_p[y], &down);
            f->exit[x] += up;
            f->exit[y] += down;
        }
    }
}

static sg_status top_of_flips(jumps *j, double *top) {
    sg_status status;
    flips f = {.d = j->model->space.d};
    if ((status = list_states(j))) goto out;
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
    const path *p = context;
    for (int k = 0; k < p->n; k++)
        out[k] = p->exit[k] * v[k] + (k ? p->conductance[k - 1] * v[k - 1] : 0) +
                 (k + 1 < p->n ? p->conductance[k] * v[k + 1] : 0);
}

/* Blocks drawn afresh are projections. */
static sg_status top_of_blocks(const sg_model *model, const sg_loss *loss, double *top) {
    sg_site_blocks blocks = {0};
    *top = model->space.d;
    if (loss->row->heat_bath) return SG_OK;
    sg_status status = loss->row->blocks(loss->options, model, &blocks);
    *top = 0;
    for (int b = 0; b < blocks.count && !status; b++) *top += blocks.rate[b];
    if (status && status != SG_NO_MEMORY) {
        *top = INFINITY;
        status = SG_OK;
    }
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

sg_status sg_jumps_top(const sg_model *model, const sg_loss *loss, double *top) {
    jumps j = {0};
    path p = {0};
    bool found = false;
    *top = INFINITY;
    sg_status status = open_jumps(model, loss, &j);
    if (!status && (loss->row->blocks || loss->row->heat_bath)) {
        status = top_of_blocks(model, loss, top);
        goto out;
    }
    if (!status) status = find_path(&j, &found, &p);
    if (!status && found)
        status = collatz_wielandt(p.n, NULL, multiply_path, &p, top);
    else if (!status && model->space.q == 2 && sg_model_states(model) * model->space.d <= STORED_MOST)
        status = top_of_flips(&j, top);
out:
    close_path(&p);
    close_jumps(&j);
    return status;
}
