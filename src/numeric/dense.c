/* Small dense matrices: inverse, singular values, symmetric eigenvalues, products. */
#include "numeric/dense.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

enum { STACK = SG_DENSE_STACK, LOOPS = 16 };

double sg_dense_power(double x) {
    int e = 0;
    if (x > 0) frexp(x, &e);
    if (e > 1000) e = 1000;
    if (e < -1000) e = -1000;
    return ldexp(1, -e);
}

sg_status sg_dense_check(int rows, int m, const double *a, const char *what) {
    size_t n = (size_t)rows * (size_t)m, bad = 0;
    double sum = 0; /* x * 0 is NaN for a NaN or an infinity */
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += a[i] * 0;
    if (sum == 0) return SG_OK;
    while (isfinite(a[bad])) bad++;
    return sg_fail(SG_BAD_DATA, "row %zu, column %zu of the %s is %g; every entry must be finite", bad % (size_t)rows,
                   bad / (size_t)rows, what, a[bad]);
}

static sg_status check_square(int m, const double *a) {
    if (m < 1) return sg_fail(SG_OUT_OF_RANGE, "a matrix of order %d was given; the order must be at least 1", m);
    return sg_dense_check(m, m, a, "matrix");
}

/* ----------------------------------------------------------------- inverse */

/* lu [m,m], scale [m], order of rows and columns [2 m] (kept as doubles), one column [m] */
size_t sg_dense_invert_work(int m) {
    return (size_t)m * (size_t)m + 4 * (size_t)m;
}

static double norm1(int m, const double *a) {
    double most = 0;
    for (int j = 0; j < m; j++) {
        double sum = 0;
        for (int i = 0; i < m; i++) sum += fabs(a[i + m * j]);
        most = sum > most ? sum : most;
    }
    return most;
}

static void swap_rows(int m, double *a, int i, int k) {
    for (int j = 0; i != k && j < m; j++) {
        double x = a[i + m * j];
        a[i + m * j] = a[k + m * j];
        a[k + m * j] = x;
    }
}

static void swap_columns(int m, double *a, int i, int k) {
    for (int r = 0; i != k && r < m; r++) {
        double x = a[r + m * i];
        a[r + m * i] = a[r + m * k];
        a[r + m * k] = x;
    }
}

/* Elimination with complete pivoting in place; false at a zero pivot. */
static bool eliminate(int m, double *a, double *row, double *column) {
    for (int k = 0; k < m; k++) {
        int p = k, q = k;
        for (int j = k; j < m; j++)
            for (int i = k; i < m; i++)
                if (fabs(a[i + m * j]) > fabs(a[p + m * q])) p = i, q = j;
        if (a[p + m * q] == 0) return false;
        row[k] = p;
        column[k] = q;
        swap_rows(m, a, k, p);
        swap_columns(m, a, k, q);
        for (int i = k + 1; i < m; i++) a[i + m * k] /= a[k + m * k];
        for (int j = k + 1; j < m; j++) {
            double u = a[k + m * j];
            if (u == 0) continue;
            for (int i = k + 1; i < m; i++) a[i + m * j] -= a[i + m * k] * u;
        }
    }
    return true;
}

static void exchange(double *x, int i, int k) {
    double xi = x[i];
    x[i] = x[k];
    x[k] = xi;
}

/* x becomes a^-1 x. */
static void solve(int m, const double *lu, const double *row, const double *column, double *x) {
    for (int k = 0; k < m; k++) exchange(x, k, (int)row[k]);
    for (int k = 0; k < m; k++) {
        if (x[k] == 0) continue;
        for (int i = k + 1; i < m; i++) x[i] -= lu[i + m * k] * x[k];
    }
    for (int k = m - 1; k >= 0; k--) {
        x[k] /= lu[k + m * k];
        for (int i = 0; i < k; i++) x[i] -= lu[i + m * k] * x[k];
    }
    for (int k = m - 1; k >= 0; k--) exchange(x, k, (int)column[k]);
}

sg_status sg_dense_invert(int m, const double *a, double limit, double *inverse, double *condition, double *work) {
    double *lu = work, *scale = lu + m * m, *row = scale + m, *column = row + m;
    for (int j = 0; j < m; j++) {
        double top = 0;
        for (int i = 0; i < m; i++) top = fmax(top, fabs(a[i + m * j]));
        scale[j] = sg_dense_power(top);
        for (int i = 0; i < m; i++) lu[i + m * j] = a[i + m * j] * scale[j];
    }
    double size = norm1(m, lu), found = INFINITY;
    if (eliminate(m, lu, row, column)) {
        memset(inverse, 0, sizeof(double) * (size_t)m * (size_t)m);
        for (int j = 0; j < m; j++) {
            inverse[j + m * j] = 1;
            solve(m, lu, row, column, inverse + m * j);
        }
        found = size * norm1(m, inverse);
    }
    if (condition) *condition = found;
    if (!(found <= limit))
        return sg_fail(SG_SINGULAR,
                       "the matrix of order %d has condition %.3g after scaling, above %.0e; leave out a "
                       "parameter that the others determine",
                       m, found, limit);
    for (int j = 0; j < m; j++)
        for (int i = 0; i < m; i++) inverse[i + m * j] *= scale[i];
    return SG_OK;
}

sg_status sg_invert(int m, const double *a, double *inverse, double *condition) {
    double local[STACK * STACK + 4 * STACK], *heap = NULL;
    sg_status status = check_square(m, a);
    if (status) return status;
    if (m > STACK) {
        status = sg_new(&heap, sg_dense_invert_work(m), sizeof *heap);
        if (status) return status;
    }
    status = sg_dense_invert(m, a, 1e15, inverse, condition, heap ? heap : local);
    sg_delete(heap);
    return status;
}

/* --------------------------------------------------------- singular values */

sg_status sg_singular_values(int m, const double *a, double *values, double *right_vectors) {
    double local[STACK * STACK + 2 * STACK + 6], *heap = NULL;
    sg_status status = check_square(m, a);
    if (status) return status;
    size_t square = (size_t)m * (size_t)m;
    lapack_int room = 2 * m > 6 ? 2 * m : 6;
    if (m > STACK) {
        status = sg_new(&heap, square + (size_t)room, sizeof *heap);
        if (status) return status;
    }
    double *copy = heap ? heap : local, *work = copy + square;
    memcpy(copy, a, sizeof *copy * square);
    lapack_int info = LAPACKE_dgesvj_work(LAPACK_COL_MAJOR, 'G', 'N', right_vectors ? 'V' : 'N', m, m, copy, m, values,
                                          m, right_vectors ? right_vectors : work, m, work, room);
    for (int k = 0; k < m; k++) values[k] *= work[0]; /* 1 unless the values leave the range of doubles */
    sg_delete(heap);
    if (info < 0) return sg_fail(SG_INTERNAL, "dgesvj refused its argument %d", (int)-info);
    if (info > 0) return sg_fail(SG_NOT_CONVERGED, "the singular values of a matrix of order %d did not converge", m);
    return SG_OK;
}

/* The root of the largest eigenvalue of A^T A, A in units of its largest entry: enough for a norm. */
static double norm_by_gram(int m, const double *a, double *gram, double *values) {
    double top = 0;
    for (int k = 0; k < m * m; k++) top = fmax(top, fabs(a[k]));
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) {
            gram[i + m * j] = 0;
            for (int k = 0; k < m; k++) gram[i + m * j] += (a[k + m * i] / top) * (a[k + m * j] / top);
        }
    return sg_symmetric_eigen(m, gram, values, NULL) ? NAN : top * sqrt(values[m - 1]);
}

double sg_norm2(int m, const double *a) {
    double local[STACK + STACK * STACK], *heap = NULL;
    if (m > STACK && sg_new(&heap, (size_t)m + (size_t)m * (size_t)m, sizeof *heap)) return NAN;
    double *values = heap ? heap : local, norm = NAN;
    sg_status status = sg_singular_values(m, a, values, NULL);
    if (status == SG_OK) norm = values[0];
    /* Jacobi's sweeps may not end on a matrix that is rounding noise, such as the difference of two results. */
    if (status == SG_NOT_CONVERGED) norm = norm_by_gram(m, a, values + m, values);
    sg_delete(heap);
    return norm;
}

/* ------------------------------------------------------------- eigenvalues */

size_t sg_dense_eigen_work(int m) {
    return (size_t)(SG_DENSE_BLOCK + 2) * (size_t)m;
}

static sg_status run_dsyev(int m, bool vectors, double *a, double *values, double *work) {
    lapack_int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'L', m, a, m, values, work,
                                         (lapack_int)sg_dense_eigen_work(m));
    if (info < 0) return sg_fail(SG_INTERNAL, "dsyev refused its argument %d", (int)-info);
    if (info > 0) return sg_fail(SG_NOT_CONVERGED, "the eigenvalues of a matrix of order %d did not converge", m);
    return SG_OK;
}

sg_status sg_dense_eigen(int m, double *a, double *values, double *work) {
    return run_dsyev(m, true, a, values, work);
}

sg_status sg_symmetric_eigen(int m, const double *a, double *values, double *vectors) {
    double local[STACK * (STACK + SG_DENSE_BLOCK + 2)], *heap = NULL;
    sg_status status = check_square(m, a);
    if (status) return status;
    size_t square = (size_t)m * (size_t)m;
    if (m > STACK) {
        status = sg_new(&heap, square + sg_dense_eigen_work(m), sizeof *heap);
        if (status) return status;
    }
    double *copy = heap ? heap : local;
    for (int j = 0; j < m; j++) /* rounding may have left the halves apart */
        for (int i = 0; i < m; i++) copy[i + m * j] = 0.5 * a[i + m * j] + 0.5 * a[j + m * i];
    status = run_dsyev(m, vectors, copy, values, copy + square);
    if (vectors) memcpy(vectors, copy, sizeof *copy * square);
    sg_delete(heap);
    return status;
}

/* ---------------------------------------------------------------- products */

/* Entry (i, k) of a is a[i*down + k*across]: so a transpose needs no copy. */
static void multiply(int m, const double *a, int down, int across, const double *b, int deep, int wide, double *c) {
    for (int j = 0; j < m; j++) {
        double *cj = c + m * j;
        for (int i = 0; i < m; i++) cj[i] = 0;
        for (int k = 0; k < m; k++) {
            double bkj = b[k * deep + j * wide];
            for (int i = 0; i < m; i++) cj[i] += a[i * down + k * across] * bkj;
        }
    }
}

static void big_multiply(int m, CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, const double *a, const double *b,
                         double *c) {
    cblas_dgemm(CblasColMajor, left, right, m, m, m, 1, a, m, b, m, 0, c, m);
}

void sg_multiply(int m, const double *a, const double *b, double *c) {
    if (m <= LOOPS)
        multiply(m, a, 1, m, b, 1, m, c);
    else
        big_multiply(m, CblasNoTrans, CblasNoTrans, a, b, c);
}

void sg_multiply_tn(int m, const double *a, const double *b, double *c) {
    if (m <= LOOPS)
        multiply(m, a, m, 1, b, 1, m, c);
    else
        big_multiply(m, CblasTrans, CblasNoTrans, a, b, c);
}

void sg_multiply_nt(int m, const double *a, const double *b, double *c) {
    if (m <= LOOPS)
        multiply(m, a, 1, m, b, m, 1, c);
    else
        big_multiply(m, CblasNoTrans, CblasTrans, a, b, c);
}
