/* Upper bounds on R^d by test functions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/gap-bounds-grid.h"

enum { PROFILE = 1025, TRIALS = 4, FUNCTIONS_MOST = SG_REALS };
enum { LINEAR, SCORES, ALONG_AXIS, AT_PASS };
static const int FIRST_SIDE[] = {0, 129, 65, 33}, MOST_SIDE[] = {0, 1025, 1025, 129};
static const double DEPTH = 60;       /* of the box below the top, and below the pass between two wells */
static const double CLOSE = 1e-4;     /* two grids on log Z, where only coefficients are wanted */
static const double EXACT = 1e-9;     /* on a quotient */
static const double UNRESOLVED = 0.1; /* beyond this error a quotient says nothing */
static const double LEAST_DIP = 0.1;  /* of log density, to be two wells */

/* f(x) = coef . (x - middle, S) or Phi((along . x - at)/width). */
typedef struct {
    bool is;
    double *coef; /* [d + m] */
    double along[SG_BOUND_D], at, width;
    double mean; /* roughly */
    double log_value, error;
    char what[64];
} trial;

/* Sums over all points, and over every second one a direction. */
typedef struct {
    double weight[2], energy[TRIALS][2], first[TRIALS][2], second[TRIALS][2];
} quotients;

typedef struct {
    sg_turned *turned;
    int d, m, k; /* k = d + m functions */
    int side;
    double middle[SG_BOUND_D];   /* of the box, in x */
    double *direction;           /* [m][full] */
    double *f, *grad;            /* [k] and [k][d] at a point */
    double weight[2], *mean;     /* [k] */
    double *product, *energy;    /* [k,k] */
    double *profile[SG_BOUND_D]; /* [PROFILE] log marginal density, up to a constant, at the nodes of an axis */
    double *centre[SG_BOUND_D];  /* [PROFILE][d] mean of u given the coordinate */
    trial trials[TRIALS];
    double *memory;
} work;

/* ------------------------------------------------------------- the regular grid */

static double node_of(const work *w, int a, int k) {
    const sg_turned *t = w->turned;
    return ((w->side - 1 - k) * t->lo[a] + k * t->hi[a]) / (w->side - 1);
}

static long points_of(const work *w) {
    long total = 1;
    for (int a = 0; a < w->d; a++) total *= w->side;
    return total;
}

/* Points first, first + 1, ... of the grid; index [a * n + i]; returns whether any has mass. */
static bool look(work *w, long first, int n, int *index, bool functions) {
    double u[SG_BOUND_D * SG_BLOCK] = {0};
    sg_turned *t = w->turned;
    bool any = false;
    for (int i = 0; i < n; i++) {
        long rest = first + i;
        for (int a = 0; a < w->d; a++, rest /= w->side) {
            index[a * n + i] = (int)(rest % w->side);
            u[a * n + i] = node_of(w, a, index[a * n + i]);
        }
    }
    sg_turned_look(t, SG_LOGP, n, u);
    for (int i = 0; i < n; i++) {
        t->top = fmax(t->top, t->jet.logp[i]);
        any = any || t->jet.logp[i] > t->top - t->depth;
    }
    if (any && functions) sg_turned_look(t, SG_LOGP | SG_DT | SG_DT_DX, n, u);
    return any;
}

static bool even(const work *w, const int *index, int n, int i) {
    for (int a = 0; a < w->d; a++)
        if (index[a * n + i] % 2) return false;
    return true;
}

/* The functions and their gradients, in x, at point i of the block. */
static void functions_at(work *w, int i) {
    const sg_turned *t = w->turned;
    const int full = t->model->full, d = w->d;
    memset(w->grad, 0, (size_t)(w->k * d) * sizeof *w->grad);
    for (int a = 0; a < d; a++) {
        w->f[a] = t->x[a * SG_BLOCK + i] - w->middle[a];
        w->grad[a * d + a] = 1;
    }
    for (int j = 0; j < w->m; j++) {
        const double *direction = w->direction + j * full;
        w->f[d + j] = 0;
        for (int p = 0; p < full; p++) {
            if (direction[p] == 0) continue;
            w->f[d + j] += direction[p] * t->jet.dt[p * SG_BLOCK + i];
            for (int a = 0; a < d; a++)
                w->grad[(d + j) * d + a] += direction[p] * t->jet.dt_dx[(p * d + a) * SG_BLOCK + i];
        }
    }
}

/* ---------------------------------------------------------------------- moments */

static void add_to_profile(work *w, const int *index, int n, int i, double level) {
    for (int a = 0; a < w->d; a++) {
        const int at = index[a * n + i];
        double *log_sum = &w->profile[a][at], *centre = &w->centre[a][at * w->d];
        const double share = *log_sum == -INFINITY ? 1 : 1 / (1 + exp(*log_sum - level));
        *log_sum = level > *log_sum ? level + log1p(exp(*log_sum - level)) : *log_sum + log1p(exp(level - *log_sum));
        for (int b = 0; b < w->d; b++) centre[b] += share * (node_of(w, b, index[b * n + i]) - centre[b]);
    }
}

static void add_to_moments(work *w, double weight) {
    for (int p = 0; p < w->k; p++) {
        w->mean[p] += weight * w->f[p];
        for (int q = 0; q <= p; q++) {
            double dot = 0;
            for (int a = 0; a < w->d; a++) dot += w->grad[p * w->d + a] * w->grad[q * w->d + a];
            w->product[p + w->k * q] += weight * w->f[p] * w->f[q];
            w->energy[p + w->k * q] += weight * dot;
        }
    }
}

static void clear_moments(work *w) {
    const size_t k = (size_t)w->k;
    memset(w->mean, 0, k * sizeof(double));
    memset(w->product, 0, k * k * sizeof(double));
    memset(w->energy, 0, k * k * sizeof(double));
    w->weight[0] = w->weight[1] = 0;
    for (int a = 0; a < w->d; a++) {
        for (int i = 0; i < PROFILE; i++) w->profile[a][i] = -INFINITY;
        memset(w->centre[a], 0, (size_t)(PROFILE * w->d) * sizeof(double));
    }
}

static void finish_moments(work *w) {
    for (int p = 0; p < w->k; p++) w->mean[p] /= w->weight[0];
    for (int p = 0; p < w->k; p++)
        for (int q = 0; q <= p; q++) {
            const int at = p + w->k * q, across = q + w->k * p;
            w->energy[at] /= w->weight[0];
            w->product[at] = w->product[at] / w->weight[0] - w->mean[p] * w->mean[q];
            w->energy[across] = w->energy[at];
            w->product[across] = w->product[at];
        }
}

static void moments(work *w) {
    const long total = points_of(w);
    int index[SG_BOUND_D * SG_BLOCK];
    const double top = w->turned->top;
    clear_moments(w);
    for (long first = 0; first < total; first += SG_BLOCK) {
        const int n = total - first < SG_BLOCK ? (int)(total - first) : SG_BLOCK;
        if (!look(w, first, n, index, true)) continue;
        for (int i = 0; i < n; i++) {
            const double level = w->turned->jet.logp[i] - top, weight = exp(level);
            if (!(level > -w->turned->depth)) continue;
            w->weight[0] += weight;
            if (even(w, index, n, i)) w->weight[1] += weight;
            functions_at(w, i);
            add_to_moments(w, weight);
            add_to_profile(w, index, n, i, level);
        }
    }
    finish_moments(w);
}

/* The top on this grid, before sums are taken relative to it. */
static void find_top(work *w) {
    const long total = points_of(w);
    int index[SG_BOUND_D * SG_BLOCK];
    w->turned->top = -INFINITY;
    for (long first = 0; first < total; first += SG_BLOCK)
        look(w, first, total - first < SG_BLOCK ? (int)(total - first) : SG_BLOCK, index, false);
}

/* ------------------------------------------------------------------ two wells */

/* The node between two higher maxima of a marginal, where it lies deepest below the lower of them. */
static double dip_of(const work *w, int axis, int *at) {
    double left[PROFILE], right = -INFINITY, deepest = 0;
    const double *p = w->profile[axis];
    *at = -1;
    for (int k = 0; k < w->side; k++) left[k] = fmax(k ? left[k - 1] : -INFINITY, p[k]);
    for (int k = w->side - 1; k >= 0; k--) {
        right = fmax(right, p[k]);
        const double depth = fmin(left[k], right) - p[k];
        if (p[k] > -INFINITY && depth > deepest) deepest = depth, *at = k;
    }
    return deepest;
}

/* Phi of the coordinate across the dip, as wide as the reciprocal of the marginal is there. */
static void along_axis(work *w, int axis, int k, trial *t) {
    const double *p = w->profile[axis], step = node_of(w, axis, 1) - node_of(w, axis, 0);
    const double bend = p[k - 1] - 2 * p[k] + p[k + 1], slope = 0.5 * (p[k + 1] - p[k - 1]);
    const double shift = bend > 0 ? fmax(-1, fmin(1, -slope / bend)) : 0;
    t->is = true;
    for (int b = 0; b < w->d; b++) t->along[b] = w->turned->turn[axis * w->d + b];
    t->at = node_of(w, axis, k) + shift * step;
    t->width = bend > 0 ? step / sqrt(bend) : step;
    snprintf(t->what, sizeof t->what, "across the marginal's dip along axis %d", axis + 1);
}

/* The same in the direction in which Hess V is negative at the mean of the slice through the dip. */
static void at_pass(work *w, int axis, int k, trial *t) {
    const int d = w->d;
    double h[SG_BOUND_D * (SG_BOUND_D + 1) / 2], full[SG_BOUND_D * SG_BOUND_D], value[SG_BOUND_D],
        vector[SG_BOUND_D * SG_BOUND_D];
    sg_turned_potential(w->turned, 1, &w->centre[axis][k * d], h);
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) full[a + d * b] = full[b + d * a] = h[a * (a + 1) / 2 + b];
    if (sg_symmetric_eigen(d, full, value, vector) || !(value[0] < 0)) return;
    t->is = true;
    t->width = 1 / sqrt(-value[0]);
    t->at = 0;
    for (int b = 0; b < d; b++) {
        t->along[b] = 0;
        for (int a = 0; a < d; a++) t->along[b] += vector[a] * w->turned->turn[a * d + b];
        t->at += t->along[b] * w->turned->x[b * SG_BLOCK];
    }
    snprintf(t->what, sizeof t->what, "across the pass, where lmin(Hess V) = %.6g", value[0]);
}

/* Depth of the dip below the top of the marginals; 0: there are no two wells. */
static double place_wells(work *w) {
    int best = -1, where = 0;
    double deepest = LEAST_DIP;
    for (int a = 0, at; a < w->d; a++) {
        const double dip = dip_of(w, a, &at);
        if (dip > deepest && at > 0 && at < w->side - 1) deepest = dip, best = a, where = at;
    }
    w->trials[ALONG_AXIS].is = w->trials[AT_PASS].is = false;
    if (best < 0) return 0;
    along_axis(w, best, where, &w->trials[ALONG_AXIS]);
    at_pass(w, best, where, &w->trials[AT_PASS]);
    double top = -INFINITY;
    for (int k = 0; k < w->side; k++) top = fmax(top, w->profile[best][k]);
    return top - w->profile[best][where];
}

/* -------------------------------------------------------------------- quotients */

static void value_of(const work *w, const trial *t, int i, double *f, double *square) {
    double grad[SG_BOUND_D] = {0}, z = -t->at;
    *f = *square = 0;
    if (t->width > 0) {
        for (int a = 0; a < w->d; a++) z += t->along[a] * w->turned->x[a * SG_BLOCK + i];
        z /= t->width;
        *f = 0.5 * erfc(-z * M_SQRT1_2);
        *square = exp(-z * z) / (2 * M_PI * t->width * t->width);
        return;
    }
    for (int p = 0; p < w->k; p++) {
        *f += t->coef[p] * w->f[p];
        for (int a = 0; a < w->d; a++) grad[a] += t->coef[p] * w->grad[p * w->d + a];
    }
    *f -= t->mean;
    for (int a = 0; a < w->d; a++) *square += grad[a] * grad[a];
}

static void add_to_quotients(const work *w, double weight, int sets, int i, quotients *q) {
    for (int s = 0; s < sets; s++) q->weight[s] += weight;
    for (int k = 0; k < TRIALS; k++) {
        double f, square;
        if (!w->trials[k].is) continue;
        value_of(w, &w->trials[k], i, &f, &square);
        for (int s = 0; s < sets; s++) {
            q->first[k][s] += weight * f;
            q->second[k][s] += weight * f * f;
            q->energy[k][s] += weight * square;
        }
    }
}

/* Returns the largest change from half of the points a direction to all of them. */
static double conclude(work *w, const quotients *q) {
    double worst = 0;
    for (int k = 0; k < TRIALS; k++) {
        double value[2];
        if (!w->trials[k].is) continue;
        for (int s = 0; s < 2; s++) {
            const double mean = q->first[k][s] / q->weight[s];
            value[s] = log(q->energy[k][s] / (q->second[k][s] - q->weight[s] * mean * mean));
        }
        w->trials[k].log_value = value[0];
        w->trials[k].error = fabs(expm1(value[1] - value[0]));
        worst = fmax(worst, isfinite(w->trials[k].error) ? w->trials[k].error : INFINITY);
    }
    return worst;
}

static double measure(work *w) {
    const long total = points_of(w);
    int index[SG_BOUND_D * SG_BLOCK];
    quotients q = {.weight = {0}};
    const double top = w->turned->top;
    for (long first = 0; first < total; first += SG_BLOCK) {
        const int n = total - first < SG_BLOCK ? (int)(total - first) : SG_BLOCK;
        if (!look(w, first, n, index, true)) continue;
        for (int i = 0; i < n; i++) {
            const double level = w->turned->jet.logp[i] - top;
            if (!(level > -w->turned->depth)) continue;
            functions_at(w, i);
            add_to_quotients(w, exp(level), even(w, index, n, i) ? 2 : 1, i, &q);
        }
    }
    return conclude(w, &q);
}

/* ---------------------------------------------------------------------- the work */

static sg_status take(work *w) {
    const sg_turned *t = w->turned;
    const size_t d = (size_t)t->d, full = (size_t)t->model->full, k = (size_t)w->k;
    const size_t profile = d * PROFILE * (1 + d);
    sg_status status =
        sg_new(&w->memory, (size_t)w->m * full + k + k * d + k + 2 * k * k + profile + TRIALS * k, sizeof(double));
    if (status) return status;
    double *next = w->memory;
    w->direction = next, next += (size_t)w->m * full;
    w->f = next, next += k;
    w->grad = next, next += k * d;
    w->mean = next, next += k;
    w->product = next, next += k * k;
    w->energy = next, next += k * k;
    for (size_t a = 0; a < d; a++) {
        w->profile[a] = next, next += PROFILE;
        w->centre[a] = next, next += PROFILE * d;
    }
    for (int j = 0; j < TRIALS; j++) w->trials[j].coef = next, next += k;
    for (int j = 0; j < w->m; j++)
        sg_model_direction(t->model, t->model->free[j], false, w->direction + (size_t)j * full);
    return SG_OK;
}

static void put_middle(work *w) {
    const sg_turned *t = w->turned;
    for (int b = 0; b < w->d; b++) {
        w->middle[b] = 0;
        for (int a = 0; a < w->d; a++) w->middle[b] += t->turn[a * w->d + b] * 0.5 * (t->lo[a] + t->hi[a]);
    }
}

/* Moments on a grid that is fine enough for coefficients, in a box that is deep enough for the pass. */
static sg_status prepare(work *w) {
    double depth = DEPTH;
    for (;;) {
        sg_status status = sg_turned_box(w->turned, depth);
        if (status) return status;
        put_middle(w);
        for (w->side = FIRST_SIDE[w->d];; w->side = 2 * w->side - 1) {
            find_top(w);
            moments(w);
            const double change = fabs(log(w->weight[0] / w->weight[1]) - w->d * M_LN2);
            if (change < CLOSE || 2 * w->side - 1 > MOST_SIDE[w->d]) break;
        }
        const double dip = place_wells(w);
        if (!(dip > depth - 0.5 * DEPTH)) return SG_OK;
        depth = dip + DEPTH;
    }
}

static sg_status best_of(const work *w, int first, int count, trial *t) {
    const size_t square = (size_t)count * (size_t)count;
    double *energy = NULL, a[FUNCTIONS_MOST] = {0}, ignored;
    sg_status status = sg_new(&energy, 2 * square, sizeof *energy);
    double *covariance = energy + (status ? 0 : square);
    for (int p = 0; p < count && !status; p++)
        for (int q = 0; q < count; q++) {
            energy[p + count * q] = w->energy[first + p + w->k * (first + q)];
            covariance[p + count * q] = w->product[first + p + w->k * (first + q)];
        }
    if (!status) status = sg_bound_ritz_upper(count, energy, covariance, a, &ignored);
    sg_delete(energy);
    t->is = !status;
    t->mean = 0;
    memset(t->coef, 0, (size_t)w->k * sizeof(double));
    for (int p = 0; p < count && !status; p++) {
        t->coef[first + p] = a[p];
        t->mean += a[p] * w->mean[first + p];
    }
    return status == SG_NO_MEMORY ? status : SG_OK;
}

static sg_status run(work *w) {
    sg_status status = prepare(w);
    if (!status) status = best_of(w, 0, w->d, &w->trials[LINEAR]);
    if (!status && w->m > 0 && w->m <= FUNCTIONS_MOST) status = best_of(w, w->d, w->m, &w->trials[SCORES]);
    if (status) return status;
    while (measure(w) > EXACT && 2 * w->side - 1 <= MOST_SIDE[w->d]) w->side = 2 * w->side - 1;
    return SG_OK;
}

static sg_status list_one(const trial *t, const char *name, const char *what, const char *why, sg_status code,
                          double log_d, sg_gap_bounds *list) {
    if (code || !t->is) return sg_gap_bounds_add(list, name, SG_GAP_UPPER, code, NAN, "%s", why);
    if (!(t->error < UNRESOLVED))
        return sg_gap_bounds_add(list, name, SG_GAP_UPPER, SG_OK, NAN,
                                 "the law is too narrow in its box for the grid: a quotient changes by %.1e", t->error);
    return sg_gap_bounds_add(list, name, SG_GAP_UPPER, SG_OK, t->log_value + log1p(t->error) + log_d,
                             "%s; error %.1e of the sums added", what, t->error);
}

sg_status sg_gap_bounds_trial(sg_turned *turned, double log_d, sg_gap_bounds *list) {
    work w = {.turned = turned, .d = turned->d, .m = turned->model->m, .k = turned->d + turned->model->m};
    sg_status code = take(&w);
    if (!code) code = run(&w);
    const trial *t = w.trials, *pass = &t[ALONG_AXIS];
    if (t[AT_PASS].is && t[AT_PASS].log_value < pass->log_value) pass = &t[AT_PASS];
    sg_status status = list_one(&t[LINEAR], "linear functions", "the best a'x: 1/lmax(Cov x)", "the law is a point",
                                code, log_d, list);
    if (!status)
        status = list_one(&t[SCORES], "score functions", "the best a'S: 1/C_res", "there are no score functions", code,
                          log_d, list);
    if (!status)
        status = list_one(pass, "smoothed indicator", pass->what, "no marginal of the frame has two wells", code, log_d,
                          list);
    sg_delete(w.memory);
    return status;
}
