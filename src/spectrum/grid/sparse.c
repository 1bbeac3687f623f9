#include "sparse.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <suitesparse/cholmod.h>

struct sg_sparse {
    int n;
    cholmod_common common;
    cholmod_triplet *list;
    cholmod_sparse *lower;
    cholmod_factor *factor;
    cholmod_dense *b, *x, *y, *e; /* of cholmod_solve2, which keeps them */
};

/* CHOLMOD's own threads cost more than they bring here. */
static int enter(void) {
    const int levels = omp_get_max_active_levels();
    omp_set_max_active_levels(0);
    return levels;
}

static sg_status failed(const sg_sparse *m) {
    if (m->common.status == CHOLMOD_NOT_POSDEF)
        return sg_fail(SG_SINGULAR, "a matrix of order %d is not positive definite to working precision", m->n);
    return sg_fail(SG_NO_MEMORY, "the sparse factorization of a matrix of order %d needs more memory", m->n);
}

sg_status sg_sparse_new(int n, size_t entries, sg_sparse **matrix) {
    sg_sparse *m = NULL;
    *matrix = NULL;
    sg_status status = sg_new(&m, 1, sizeof *m);
    if (status) return status;
    m->n = n;
    cholmod_start(&m->common);
    m->common.print = 0;
    m->common.error_handler = NULL;
    m->common.try_catch = 1;
    m->common.quick_return_if_not_posdef = 1;
    m->common.supernodal = CHOLMOD_SUPERNODAL;
    m->list = cholmod_allocate_triplet((size_t)n, (size_t)n, entries, -1, CHOLMOD_REAL, &m->common);
    m->b = m->list ? cholmod_allocate_dense((size_t)n, 1, (size_t)n, CHOLMOD_REAL, &m->common) : NULL;
    if (!m->b) {
        status = failed(m);
        sg_sparse_delete(m);
        return status;
    }
    *matrix = m;
    return SG_OK;
}

void sg_sparse_delete(sg_sparse *m) {
    if (!m) return;
    cholmod_free_triplet(&m->list, &m->common);
    cholmod_free_sparse(&m->lower, &m->common);
    cholmod_free_factor(&m->factor, &m->common);
    cholmod_free_dense(&m->b, &m->common);
    cholmod_free_dense(&m->x, &m->common);
    cholmod_free_dense(&m->y, &m->common);
    cholmod_free_dense(&m->e, &m->common);
    cholmod_finish(&m->common);
    sg_delete(m);
}

void sg_sparse_add(sg_sparse *m, int i, int j, double v) {
    int *row = m->list->i, *column = m->list->j;
    double *value = m->list->x;
    const size_t at = m->list->nnz++;
    row[at] = i > j ? i : j;
    column[at] = i > j ? j : i;
    value[at] = v;
}

sg_status sg_sparse_close(sg_sparse *m) {
    m->lower = cholmod_triplet_to_sparse(m->list, 0, &m->common);
    cholmod_free_triplet(&m->list, &m->common);
    return m->lower && cholmod_sort(m->lower, &m->common) ? SG_OK : failed(m);
}

void sg_sparse_multiply(const sg_sparse *m, const double *x, double *y) {
    const int *start = m->lower->p, *row = m->lower->i;
    const double *value = m->lower->x;
    memset(y, 0, (size_t)m->n * sizeof *y);
    for (int j = 0; j < m->n; j++) { /* rows ascend: the first is j */
        const double xj = x[j];
        double sum = value[start[j]] * xj;
        for (int k = start[j] + 1; k < start[j + 1]; k++) {
            sum += value[k] * x[row[k]];
            y[row[k]] += value[k] * xj;
        }
        y[j] += sum;
    }
}

double sg_sparse_norm(const sg_sparse *m) {
    const int *start = m->lower->p, *row = m->lower->i;
    const double *value = m->lower->x;
    double *sum = m->b->x, most = 0; /* scratch */
    memset(sum, 0, (size_t)m->n * sizeof *sum);
    for (int j = 0; j < m->n; j++)
        for (int k = start[j]; k < start[j + 1]; k++) {
            sum[j] += fabs(value[k]);
            if (row[k] != j) sum[row[k]] += fabs(value[k]);
        }
    for (int j = 0; j < m->n; j++) most = fmax(most, sum[j]);
    return most;
}

sg_status sg_sparse_block(const sg_sparse *m, int count, const int *node, double *block) {
    const int *start = m->lower->p, *row = m->lower->i;
    const double *value = m->lower->x;
    int *at = NULL;
    sg_status status = sg_new(&at, (size_t)m->n, sizeof(int));
    if (status) return status;
    memset(block, 0, (size_t)count * (size_t)count * sizeof *block);
    for (int k = 0; k < count; k++) at[node[k]] = k + 1;
    for (int j = 0; j < count; j++)
        for (int k = start[node[j]]; k < start[node[j] + 1]; k++)
            if (at[row[k]]) block[(at[row[k]] - 1) + j * count] = block[j + (at[row[k]] - 1) * count] = value[k];
    sg_delete(at);
    return SG_OK;
}

/* ------------------------------------------------------------------ factor */

static sg_status order(sg_sparse *m) {
    if (m->factor) return SG_OK;
    m->factor = cholmod_analyze(m->lower, &m->common);
    return m->factor ? SG_OK : failed(m);
}

sg_status sg_sparse_factor_bytes(sg_sparse *m, size_t *bytes) {
    sg_status status = order(m);
    if (!status) *bytes = (m->factor->is_super ? m->factor->xsize : (size_t)m->common.lnz) * sizeof(double);
    return status;
}

/* Both are filled by the same calls, so that their patterns are one. */
static void add_multiple(cholmod_sparse *a, double factor, const cholmod_sparse *b) {
    const int *start = a->p;
    double *x = a->x;
    const double *y = b->x;
    for (int k = 0; k < start[a->ncol]; k++) x[k] += factor * y[k];
}

static void ground_nodes(cholmod_sparse *a, int count, const int *ground, uint8_t *mark) {
    const int *start = a->p, *row = a->i;
    double *value = a->x;
    for (int k = 0; k < count; k++) mark[ground[k]] = 1;
    for (int j = 0; j < (int)a->ncol; j++)
        for (int k = start[j]; k < start[j + 1]; k++)
            if (mark[j] || mark[row[k]]) value[k] = row[k] == j;
}

/* Larger diagonal entries, by the part `more`. */
static void raise_diagonal(cholmod_sparse *a, double more) {
    const int *start = a->p, *row = a->i;
    double *value = a->x;
    for (int j = 0; j < (int)a->ncol; j++)
        for (int k = start[j]; k < start[j + 1]; k++)
            if (row[k] == j) value[k] += more * fabs(value[k]);
}

static sg_status factorize(sg_sparse *m, cholmod_sparse *a, int trials) {
    static const double more[] = {0, 1e-13, 1e-11};
    double none[2] = {0};
    const int levels = enter();
    int done = 0;
    for (int k = 0; k < trials; k++) {
        raise_diagonal(a, more[k]);
        done = cholmod_factorize_p(a, none, NULL, 0, m->factor, &m->common);
        if (!done || m->common.status != CHOLMOD_NOT_POSDEF) break;
    }
    omp_set_max_active_levels(levels);
    return done && m->common.status == CHOLMOD_OK ? SG_OK : failed(m);
}

static void add_identity(cholmod_sparse *a, double shift) {
    const int *start = a->p, *row = a->i;
    double *value = a->x;
    for (int j = 0; j < (int)a->ncol; j++)
        for (int k = start[j]; k < start[j + 1]; k++)
            if (row[k] == j) value[k] += shift;
}

sg_status sg_sparse_factor(sg_sparse *m, double shift, const sg_sparse *mass, int grounded, const int *ground,
                           size_t memory) {
    cholmod_sparse *copy = NULL;
    uint8_t *mark = NULL;
    size_t bytes;
    sg_status status = sg_sparse_factor_bytes(m, &bytes);
    if (status) return status;
    if (bytes > memory)
        return sg_fail(SG_NO_MEMORY,
                       "the factor of a matrix of order %d takes %zu MiB: allow more memory or fewer elements", m->n,
                       bytes >> 20);
    copy = cholmod_copy_sparse(m->lower, &m->common);
    if (!copy) return failed(m);
    if (mass)
        add_multiple(copy, shift, mass->lower);
    else if (shift != 0)
        add_identity(copy, shift);
    if (grounded) {
        if ((status = sg_new(&mark, (size_t)m->n, 1))) goto out;
        ground_nodes(copy, grounded, ground, mark);
    }
    status = factorize(m, copy, mass ? 3 : 1);
out:
    cholmod_free_sparse(&copy, &m->common);
    sg_delete(mark);
    return status;
}

sg_status sg_sparse_solve(sg_sparse *m, int columns, const double *b, double *x) {
    const size_t bytes = (size_t)m->n * (size_t)columns * sizeof *b;
    if (m->b->ncol != (size_t)columns) {
        cholmod_free_dense(&m->b, &m->common);
        m->b = cholmod_allocate_dense((size_t)m->n, (size_t)columns, (size_t)m->n, CHOLMOD_REAL, &m->common);
        if (!m->b) return failed(m);
    }
    memcpy(m->b->x, b, bytes);
    const int levels = enter();
    const int done = cholmod_solve2(CHOLMOD_A, m->factor, m->b, NULL, &m->x, NULL, &m->y, &m->e, &m->common);
    omp_set_max_active_levels(levels);
    if (!done) return failed(m);
    memcpy(x, m->x->x, bytes);
    return SG_OK;
}
