/*
 * Large reversible chains.  A = -M^{1/2} L M^{-1/2} is singular with the known vector s = pi^{1/2}; with the heaviest
 * state left out it is positive definite, and on the complement of s its pseudoinverse is: solve there, project.  So
 * nothing is shifted and zero is no eigenvalue of what ARPACK sees.  Where the factor would not fit, Lanczos' method
 * with A itself.
 */
#include <float.h>
#include <math.h>
#include <suitesparse/cholmod.h>

#include "graph.h"
#include "spectrum/arpack.h"
#include "spectrum/cube/cube.h"

typedef struct {
    const sg_graph *g;
    int n, ground;
    double *null;                  /* [n] norm 1 */
    double *diagonal, *off, *root; /* of A over exp(log_unit): [n], [arcs]; root of each rate [arcs] */
    cholmod_common common;
    cholmod_sparse *matrix;
    cholmod_factor *factor;
    cholmod_dense *right;
} solver;

static sg_status fill(const sg_graph *g, solver *s) {
    sg_status status = sg_new(&s->null, (size_t)g->n, sizeof(double));
    if (!status) status = sg_new(&s->diagonal, (size_t)g->n, sizeof(double));
    if (!status) status = sg_new(&s->off, g->arcs, sizeof(double));
    if (!status) status = sg_new(&s->root, g->arcs, sizeof(double));
    if (status) return status;
    s->g = g;
    s->n = g->n;
    for (int x = 0; x < g->n; x++) {
        if (g->log_pi[x] > g->log_pi[s->ground]) s->ground = x;
        s->null[x] = exp(0.5 * g->log_pi[x]);
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            double there = g->log_rate[a] - g->log_unit, back = g->log_rate[g->reverse[a]] - g->log_unit;
            s->diagonal[x] += exp(there);
            s->off[a] = -exp(0.5 * (there + back));
            s->root[a] = exp(0.5 * there);
        }
    }
    return SG_OK;
}

static double dot(int n, const double *x, const double *y) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* As the solver wants it: y = scale_y y + scale_x (A - shift) x, and products of y and x with each other and with null.
 */
static void apply(void *context, const double *x, double scale_x, double shift, double *y, double scale_y,
                  double sum[3]) {
    const solver *s = context;
    for (int i = 0; i < s->n; i++) {
        double image = (s->diagonal[i] - shift) * x[i];
        for (size_t a = s->g->start[i]; a < s->g->start[i + 1]; a++) image += s->off[a] * x[s->g->to[a]];
        y[i] = (scale_y != 0 ? scale_y * y[i] : 0) + scale_x * image;
    }
    if (!sum) return;
    sum[0] = dot(s->n, y, x);
    sum[1] = dot(s->n, y, s->null);
    sum[2] = dot(s->n, x, s->null);
}

/* <x, A x> as a sum of squares over pairs, which small eigenvalues need. */
static double energy(const solver *s, const double *x) {
    const sg_graph *g = s->g;
    double sum = 0;
    for (int i = 0; i < s->n; i++)
        for (size_t a = g->start[i]; a < g->start[i + 1]; a++) {
            if (g->to[a] < i) continue;
            double difference = s->root[a] * x[i] - s->root[g->reverse[a]] * x[g->to[a]];
            sum += difference * difference;
        }
    return sum;
}

static void project(const solver *s, double *x) {
    const double part = dot(s->n, s->null, x);
    for (int i = 0; i < s->n; i++) x[i] -= part * s->null[i];
}

/* ------------------------------------------------------------------- factor */

/* Lower triangle without the ground state. */
static bool assemble(solver *s) {
    const sg_graph *g = s->g;
    const size_t m = (size_t)s->n - 1;
    s->matrix = cholmod_allocate_sparse(m, m, m + g->arcs / 2 + 1, 1, 1, -1, CHOLMOD_REAL, &s->common);
    s->right = cholmod_allocate_dense(m, 1, m, CHOLMOD_REAL, &s->common);
    if (!s->matrix || !s->right) return false;
    int *p = s->matrix->p, *row = s->matrix->i, entries = 0, column = 0;
    double *value = s->matrix->x;
    for (int x = 0; x < s->n; x++) {
        if (x == s->ground) continue;
        p[column++] = entries;
        row[entries] = x - (x > s->ground);
        value[entries++] = s->diagonal[x];
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            int y = g->to[a];
            if (y <= x || y == s->ground) continue;
            row[entries] = y - (y > s->ground);
            value[entries++] = s->off[a];
        }
    }
    p[column] = entries;
    return true;
}

/* False when it would take more than `most` bytes, or fails. */
static bool factorize(solver *s, size_t most) {
    if (s->g->arcs > INT32_MAX / 2 || !assemble(s)) return false;
    s->factor = cholmod_analyze(s->matrix, &s->common);
    if (!s->factor || s->common.lnz * sizeof(double) > (double)most) return false;
    return cholmod_factorize(s->matrix, s->factor, &s->common) && s->common.status == CHOLMOD_OK;
}

static sg_status inverse(void *context, const double *x, double *y) {
    solver *s = context;
    double *right = s->right->x;
    for (int i = 0; i < s->n; i++) y[i] = x[i];
    project(s, y);
    for (int i = 0, k = 0; i < s->n; i++)
        if (i != s->ground) right[k++] = y[i];
    cholmod_dense *found = cholmod_solve(CHOLMOD_A, s->factor, s->right, &s->common);
    if (!found) return sg_fail(SG_NO_MEMORY, "memory is exhausted while a chain of %d states is solved", s->n);
    const double *solution = found->x;
    for (int i = 0, k = 0; i < s->n; i++) y[i] = i == s->ground ? 0 : solution[k++];
    cholmod_free_dense(&found, &s->common);
    project(s, y);
    return SG_OK;
}

/* -------------------------------------------------------------------- solve */

/* Value and relative error of the eigenvector y: residual and rounding against the top of the spectrum. */
static void judge(const solver *s, double *y, double *work, double *log_value, double *error) {
    double top = 0, residual = 0, norm;
    project(s, y);
    norm = sqrt(dot(s->n, y, y));
    for (int i = 0; i < s->n; i++) y[i] /= norm;
    apply((void *)s, y, 1, 0, work, 0, NULL);
    const double value = energy(s, y);
    for (int i = 0; i < s->n; i++) {
        double rest = work[i] - value * y[i];
        residual += rest * rest;
        top = fmax(top, 2 * s->diagonal[i]);
    }
    *log_value = log(value);
    *error = (sqrt(residual) + 4 * DBL_EPSILON * top) / value;
}

static sg_status by_factor(solver *s, const sg_spectrum_settings *settings, int count, double *log_value, double *error,
                           int *steps) {
    sg_arpack_settings arpack = {.n = s->n, .count = count, .stop = settings->stop};
    double *value = NULL, *vector = NULL, *work = NULL;
    sg_status status = sg_new(&value, (size_t)count, sizeof(double));
    if (!status) status = sg_new(&vector, (size_t)count * (size_t)s->n, sizeof(double));
    if (!status) status = sg_new(&work, (size_t)s->n, sizeof(double));
    if (!status) status = sg_arpack_symmetric(&arpack, inverse, s, value, vector, steps);
    for (int k = 0; k < count && !status; k++)
        judge(s, vector + (size_t)k * (size_t)s->n, work, &log_value[k], &error[k]);
    sg_delete(value);
    sg_delete(vector);
    sg_delete(work);
    return status;
}

static sg_status by_products(solver *s, const sg_spectrum_settings *settings, int count, double *log_value,
                             double *error, int *steps) {
    sg_lanczos problem = {.n = (size_t)s->n,
                          .apply = apply,
                          .context = s,
                          .null = s->null,
                          .bound = INFINITY,
                          .threads = 1,
                          .settings = settings};
    double *work = NULL, **lock = NULL;
    sg_lanczos_result found;
    sg_status status = sg_new(&work, (size_t)s->n, sizeof(double));
    if (!status) status = sg_new(&lock, (size_t)count, sizeof *lock);
    for (int k = 0; k < count && !status; k++) {
        status = sg_lanczos_smallest(&problem, k, lock, &lock[k], &found);
        if (status) break;
        judge(s, lock[k], work, &log_value[k], &error[k]);
        if (found.hopeless) error[k] = INFINITY;
        *steps += found.steps;
    }
    for (int k = 0; lock && k < count; k++) sg_delete(lock[k]);
    sg_delete(lock);
    sg_delete(work);
    return status;
}

static void sort(int count, double *log_value, double *error) {
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && log_value[k] < log_value[k - 1]; k--) {
            double value = log_value[k], width = error[k];
            log_value[k] = log_value[k - 1];
            error[k] = error[k - 1];
            log_value[k - 1] = value;
            error[k - 1] = width;
        }
}

sg_status sg_graph_sparse(const sg_graph *g, const sg_spectrum_settings *settings, int *count, double *log_value,
                          double *error, int *steps, const char **method) {
    const size_t most = settings->memory ? settings->memory : (size_t)1 << 30;
    solver s = {0};
    *steps = 0;
    if (*count > g->n / 2) *count = g->n / 2;
    cholmod_start(&s.common);
    s.common.print = 0;
    s.common.try_catch = 1; /* no messages */
    sg_status status = fill(g, &s);
    if (status) goto out;
    if (factorize(&s, most)) {
        *method = "shift-invert Lanczos";
        status = by_factor(&s, settings, *count, log_value, error, steps);
    } else {
        *method = "Lanczos";
        status = by_products(&s, settings, *count, log_value, error, steps);
    }
    if (!status) sort(*count, log_value, error);
out:
    cholmod_free_factor(&s.factor, &s.common);
    cholmod_free_sparse(&s.matrix, &s.common);
    cholmod_free_dense(&s.right, &s.common);
    cholmod_finish(&s.common);
    sg_delete(s.null);
    sg_delete(s.diagonal);
    sg_delete(s.off);
    sg_delete(s.root);
    return status;
}
