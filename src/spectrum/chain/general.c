/*
 * Chains that are not reversible: real parts of the spectrum of -L from the matrix M^{1/2} (-L) M^{-1/2}, whose entries
 * are bounded by the rates away, with the null vector pi^{1/2} (left and right) taken out by a reflection.
 */
#include <float.h>
#include <lapacke.h>
#include <math.h>

#include "graph.h"

typedef struct {
    double *a;    /* [n, n] column-major, then [m, m] */
    double *null; /* [n] pi^{1/2}, then the vector of the reflection */
    double *real, *imaginary, *left, *right, *scale, *value_condition, *vector_condition, *work;
    lapack_int *whole;
} matrices;

static sg_status allocate(size_t n, matrices *m) {
    sg_status status = SG_OK;
    double **square[] = {&m->a, &m->left, &m->right};
    double **line[] = {&m->null, &m->real, &m->imaginary, &m->scale, &m->value_condition, &m->vector_condition};
    for (int k = 0; k < 3 && !status; k++) status = sg_new(square[k], n * n, sizeof(double));
    for (int k = 0; k < 6 && !status; k++) status = sg_new(line[k], n, sizeof(double));
    if (!status) status = sg_new(&m->work, n * (n + 40), sizeof(double));
    if (!status) status = sg_new(&m->whole, 2 * n, sizeof *m->whole);
    return status;
}

static void release(matrices *m) {
    double *array[] = {
        m->a,   m->left, m->right, m->null, m->real, m->imaginary, m->scale, m->value_condition, m->vector_condition,
        m->work};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(m->whole);
}

static void fill(const sg_graph *g, matrices *m) {
    const size_t n = (size_t)g->n;
    for (int x = 0; x < g->n; x++) {
        double leave = 0;
        m->null[x] = exp(0.5 * g->log_pi[x]);
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            const int y = g->to[a];
            const double log_rate = g->log_rate[a] - g->log_unit;
            leave += exp(log_rate);
            m->a[(size_t)x + n * (size_t)y] = -exp(log_rate + 0.5 * (g->log_pi[x] - g->log_pi[y]));
        }
        m->a[(size_t)x + n * (size_t)x] = leave;
    }
}

/* The reflection that brings pi^{1/2} to the last axis, from both sides; then the last row and column go. */
static void deflate(size_t n, matrices *m) {
    double *u = m->null, size = 0, *a = m->a;
    u[n - 1] += 1; /* pi^{1/2} has norm 1 and positive entries */
    for (size_t i = 0; i < n; i++) size += u[i] * u[i];
    for (size_t j = 0; j < n; j++) {
        double part = 0;
        for (size_t i = 0; i < n; i++) part += u[i] * a[i + n * j];
        for (size_t i = 0; i < n; i++) a[i + n * j] -= 2 / size * part * u[i];
    }
    for (size_t i = 0; i < n; i++) m->real[i] = 0;
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n; i++) m->real[i] += a[i + n * j] * u[j];
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n; i++) a[i + n * j] -= 2 / size * m->real[i] * u[j];
    for (size_t j = 0; j + 1 < n; j++)
        for (size_t i = 0; i + 1 < n; i++) a[i + (n - 1) * j] = a[i + n * j];
}

static sg_status eigenvalues(int m, matrices *work, double *norm) {
    lapack_int low, high;
    lapack_int info =
        LAPACKE_dgeevx_work(LAPACK_COL_MAJOR, 'N', 'V', 'V', 'E', m, work->a, m, work->real, work->imaginary,
                            work->left, m, work->right, m, &low, &high, work->scale, norm, work->value_condition,
                            work->vector_condition, work->work, (m + 1) * (m + 41), work->whole);
    if (info < 0) return sg_fail(SG_INTERNAL, "dgeevx refused its argument %d", (int)-info);
    if (info > 0) return sg_fail(SG_NOT_CONVERGED, "the spectrum of a chain of %d states did not converge", m + 1);
    return SG_OK;
}

/* Ascending real parts and their errors: rounding of the matrix over the condition of the eigenvalue. */
static void sort(int m, double *real, double *error) {
    for (int i = 1; i < m; i++) {
        double value = real[i], width = error[i];
        int k = i;
        for (; k > 0 && real[k - 1] > value; k--) real[k] = real[k - 1], error[k] = error[k - 1];
        real[k] = value;
        error[k] = width;
    }
}

sg_status sg_graph_general(const sg_graph *g, int *count, double *log_value, double *error) {
    const int n = g->n, m = n - 1;
    matrices work = {0};
    double norm = 0;
    sg_status status = SG_OK;
    if (n > SG_CHAIN_DENSE)
        return sg_fail(SG_REFUSED, "the spectrum of a chain of %d states that is not reversible: at most %d states", n,
                       SG_CHAIN_DENSE);
    if ((status = allocate((size_t)n, &work))) goto out;
    fill(g, &work);
    deflate((size_t)n, &work);
    if ((status = eigenvalues(m, &work, &norm))) goto out;
    for (int k = 0; k < m; k++)
        work.scale[k] = 8 * DBL_EPSILON * sqrt((double)n) * norm / fmax(work.value_condition[k], DBL_MIN);
    sort(m, work.real, work.scale);
    if (*count > m) *count = m;
    for (int k = 0; k < *count; k++) {
        bool positive = work.real[k] > 0;
        log_value[k] = positive ? log(work.real[k]) : -INFINITY;
        error[k] = positive ? work.scale[k] / work.real[k] : INFINITY;
    }
out:
    release(&work);
    return status;
}
