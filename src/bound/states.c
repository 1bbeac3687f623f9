/* Bounds on the gap of single flips from the law of all states: congestion of canonical paths, and test functions. */
#include <math.h>
#include <string.h>

#include "scoregap/bound.h"

enum { PATHS_MOST = 16, TESTS_MOST = 20, CHUNK = 256 };
static const double DEEPEST = 600;

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* Rates of the flips of `site` at states first .. first + count - 1; 0 where the flip is forbidden. */
static void rates(const double *log_p, size_t first, int count, int site, sg_bound_rate rate, const void *context,
                  double *out) {
    double u[CHUNK] = {0};
    for (int k = 0; k < count; k++) {
        const double here = log_p[first + (size_t)k], there = log_p[(first + (size_t)k) ^ ((size_t)1 << site)];
        u[k] = isinf(here) || isinf(there) ? -INFINITY : there - here;
    }
    rate(context, count, u, out);
    for (int k = 0; k < count; k++)
        if (u[k] == -INFINITY) out[k] = 0;
}

/* p up to a factor, the heaviest state 1. */
static void weigh(size_t states, const double *log_p, double *p, double *log_least) {
    double most = -INFINITY, least = INFINITY;
    for (size_t z = 0; z < states; z++) most = larger(most, log_p[z]);
    for (size_t z = 0; z < states; z++) {
        if (log_p[z] < least) least = log_p[z];
        p[z] = exp(log_p[z] - most);
    }
    *log_least = least - most;
}

/* ------------------------------------------------------- canonical paths */

/*
 * Summing out site k of a law given on all states (each value stands at every state that shares it), and of the mean
 * number of differences from z on the sites that are summed out.
 */
static void sum_out(size_t states, int k, double *mass, double *differences) {
    const size_t bit = (size_t)1 << k;
    for (size_t z = 0; z < states; z++) {
        if (z & bit) continue;
        const double a = mass[z], b = mass[z | bit], d = differences[z] + differences[z | bit];
        mass[z] = mass[z | bit] = a + b;
        differences[z] = d + b;
        differences[z | bit] = d + a;
    }
}

typedef struct {
    int n;
    size_t states;
    const double *log_p;
    double *p, *right, *right_differences, *left, *left_differences;
} path_work;

/*
 * The pairs (x, y) that flip site k of z: x agrees with z from k on, y with z' up to k.  `right` is P(x_{>=k} =
 * z_{>=k}), `left` P(y_{<=k}); differences count the sites before and after k in which x and y differ from z.
 */
static double worst_flip(const path_work *w, int k, double mass, sg_bound_rate rate, const void *context) {
    const size_t bit = (size_t)1 << k;
    double r[CHUNK], worst = -INFINITY;
    for (size_t first = 0; first < w->states; first += CHUNK) {
        const int count = (int)(w->states - first < CHUNK ? w->states - first : CHUNK);
        rates(w->log_p, first, count, k, rate, context, r);
        for (int c = 0; c < count; c++) {
            const size_t z = first + (size_t)c, y = z ^ bit;
            const double load =
                w->right_differences[z] * w->left[y] + w->right[z] * w->left_differences[y] + w->right[z] * w->left[y];
            worst = larger(worst, log(load) - log(mass) - log(w->p[z]) - log(r[c]));
        }
    }
    return worst;
}

sg_status sg_bound_congestion_lower(int n, const double *log_p, sg_bound_rate rate, const void *context,
                                    double *log_gap_lower) {
    double *memory = NULL, least, worst = -INFINITY, mass = 0;
    *log_gap_lower = -INFINITY;
    if (n < 2 || n > PATHS_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "the congestion of paths is for 2 to %d sites, not %d", (int)PATHS_MOST, n);
    path_work w = {.n = n, .states = (size_t)1 << n, .log_p = log_p};
    sg_status status = sg_new(&memory, 5 * w.states, sizeof *memory);
    if (status) return status;
    w.p = memory, w.right = w.p + w.states, w.right_differences = w.right + w.states;
    w.left = w.right_differences + w.states, w.left_differences = w.left + w.states;
    weigh(w.states, log_p, w.p, &least);
    if (!(least >= -DEEPEST)) {
        status = sg_fail(SG_REFUSED, "paths need mass on every state: the least has log mass %g", least);
        goto out;
    }
    for (size_t z = 0; z < w.states; z++) mass += w.p[z];
    memcpy(w.right, w.p, w.states * sizeof *w.p);
    for (int k = 0; k < n; k++) {
        memcpy(w.left, w.p, w.states * sizeof *w.p);
        memset(w.left_differences, 0, w.states * sizeof *w.p);
        for (int j = n - 1; j > k; j--) sum_out(w.states, j, w.left, w.left_differences);
        worst = larger(worst, worst_flip(&w, k, mass, rate, context));
        sum_out(w.states, k, w.right, w.right_differences);
    }
    *log_gap_lower = -worst;
out:
    sg_delete(memory);
    return status;
}

/* --------------------------------------------------------- test functions */

typedef struct {
    double *mean, *second, *flow; /* E x_i [n], E x_i x_j [n,n], E rate_i [n] */
    double *level, *cut;          /* mass with k pluses [n + 1], flow between k and k + 1 pluses [n] */
    double mass;
} averages;

static void add_state(int n, size_t z, double p, averages *a) {
    a->mass += p;
    a->level[__builtin_popcountll(z)] += p;
    for (int i = 0; i < n; i++) {
        const double xi = z >> i & 1 ? p : -p;
        a->mean[i] += xi;
        for (int j = 0; j <= i; j++) a->second[i + j * n] += z >> j & 1 ? xi : -xi;
    }
}

static void average(int n, const double *log_p, const double *p, sg_bound_rate rate, const void *context, averages *a) {
    const size_t states = (size_t)1 << n;
    double r[CHUNK];
    for (size_t z = 0; z < states; z++)
        if (p[z] > 0) add_state(n, z, p[z], a);
    for (int i = 0; i < n; i++)
        for (size_t first = 0; first < states; first += CHUNK) {
            const int count = (int)(states - first < CHUNK ? states - first : CHUNK);
            rates(log_p, first, count, i, rate, context, r);
            for (int k = 0; k < count; k++) {
                const size_t z = first + (size_t)k;
                if (!(p[z] > 0)) continue;
                a->flow[i] += p[z] * r[k];
                if (!(z >> i & 1)) a->cut[__builtin_popcountll(z)] += p[z] * r[k];
            }
        }
}

/* min over a of sum 2 flow_i a_i^2/Var(a x): the reciprocal of the largest eigenvalue of the covariance so scaled. */
static sg_status linear(int n, averages *a, double *value, double *log_linear) {
    double *c = a->second;
    for (int i = 0; i < n; i++) a->mean[i] /= a->mass;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            const double scale = 2 * sqrt(a->flow[i]) * sqrt(a->flow[j]) / a->mass;
            const double covariance = a->second[i + j * n] / a->mass - a->mean[i] * a->mean[j];
            if (scale == 0 && i == j && covariance > 0) {
                *log_linear = -INFINITY; /* a site that varies and is never flipped */
                return SG_OK;
            }
            c[i + j * n] = c[j + i * n] = scale > 0 ? covariance / scale : 0;
        }
    sg_status status = sg_symmetric_eigen(n, c, value, NULL);
    *log_linear = !status && value[n - 1] > 0 ? -log(value[n - 1]) : INFINITY;
    return status;
}

static double best_cut(int n, const averages *a) {
    double best = INFINITY, below = 0;
    for (int k = 0; k < n; k++) {
        below += a->level[k];
        double above = 0;
        for (int j = k + 1; j <= n; j++) above += a->level[j];
        if (!(below > 0 && above > 0)) continue;
        const double quotient = log(a->cut[k]) - log(below) - log(above) + log(a->mass);
        if (quotient < best) best = quotient;
    }
    return best;
}

sg_status sg_bound_test_functions_upper(int n, const double *log_p, sg_bound_rate rate, const void *context,
                                        sg_test_functions *out) {
    const size_t states = (size_t)1 << (n > 0 && n <= TESTS_MOST ? n : 0), side = (size_t)n;
    double *p = NULL, *memory = NULL, least;
    averages a = {0};
    *out = (sg_test_functions){INFINITY, INFINITY};
    if (n < 1 || n > TESTS_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "test functions on all states are for 1 to %d sites, not %d", (int)TESTS_MOST,
                       n);
    sg_status status = sg_new(&p, states, sizeof *p);
    if (!status) status = sg_new(&memory, side * side + 5 * side + 1, sizeof *memory);
    if (status) goto out;
    a.second = memory, a.mean = a.second + side * side, a.flow = a.mean + side, a.cut = a.flow + side;
    a.level = a.cut + side;
    double *value = a.level + side + 1;
    weigh(states, log_p, p, &least);
    for (size_t z = 0; z < states; z++)
        if (log_p[z] > -INFINITY && !(p[z] > exp(-DEEPEST))) {
            status = sg_fail(SG_REFUSED, "test functions need states that are not lighter than e^-%g of the heaviest",
                             DEEPEST);
            goto out;
        }
    average(n, log_p, p, rate, context, &a);
    out->log_cut = best_cut(n, &a);
    status = linear(n, &a, value, &out->log_linear);
out:
    sg_delete(p);
    sg_delete(memory);
    return status;
}
