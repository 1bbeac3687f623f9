/* Triangular factor of a tall matrix whose rows differ by many orders of magnitude. */
#include "numeric/dense.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

enum { DIGIT = 11, BUCKETS = 1 << DIGIT };

/* The caller's doubles are lent to integers for a while. */
typedef uint64_t __attribute__((may_alias)) word;
typedef lapack_int __attribute__((may_alias)) pivot;

static size_t lapack_work(int m) {
    return 2 * (size_t)m + (size_t)(m + 1) * SG_DENSE_BLOCK;
}

size_t sg_qr_work(int rows, int m) {
    size_t sorted = (size_t)rows * (size_t)m, keys = 2 * (size_t)rows, tau_and_pivots = 3 * (size_t)m;
    return sorted + keys + tau_and_pivots + lapack_work(m);
}

static double column_top(int rows, const double *column) {
    double top = 0;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < rows; i++) top = fabs(column[i]) > top ? fabs(column[i]) : top;
    return top;
}

/*
 * Order of the rows by decreasing largest entry: radix sort of the upper halves of the doubles (equal to 2^-20 counts
 * as equal), the row's index carried in the lower half of each word.
 */
static void sort_rows(int rows, int m, const double *a, word *key, word *spare) {
    uint32_t count[3][BUCKETS];
    memset(count, 0, sizeof count);
    for (int i = 0; i < rows; i++) {
        double top = 0;
        for (int j = 0; j < m; j++) {
            double x = fabs(a[i + (size_t)j * (size_t)rows]);
            top = x > top ? x : top;
        }
        uint64_t bits;
        memcpy(&bits, &top, sizeof bits);
        key[i] = (~bits >> 32 << 32) | (uint32_t)i;
        for (int d = 0; d < 3; d++) count[d][key[i] >> (32 + DIGIT * d) & (BUCKETS - 1)]++;
    }
    for (int d = 0; d < 3; d++) {
        uint32_t from = 0;
        for (int b = 0; b < BUCKETS; b++) {
            uint32_t here = count[d][b];
            count[d][b] = from;
            from += here;
        }
        for (int i = 0; i < rows; i++) spare[count[d][key[i] >> (32 + DIGIT * d) & (BUCKETS - 1)]++] = key[i];
        word *swap = key;
        key = spare;
        spare = swap;
    }
}

sg_status sg_qr_factor(int rows, int m, double *a, double *factor, double *work) {
    if (m < 1 || rows < m)
        return sg_fail(SG_OUT_OF_RANGE,
                       "a matrix of %d rows and %d columns cannot be factored; give at least one column "
                       "and no fewer rows than columns",
                       rows, m);
    sg_status status = sg_dense_check(rows, m, a, "matrix to be factored");
    if (status) return status;

    size_t n = (size_t)rows;
    double *sorted = work, *tau = sorted + n * (size_t)m, *scale = tau + m;
    pivot *column = (pivot *)(scale + m);
    word *key = (word *)(scale + 2 * m), *spare = key + n;
    double *lapack = (double *)(spare + n);

    /* Powers of two, so that nothing is rounded and no square leaves the range. */
    for (int j = 0; j < m; j++) {
        double *aj = a + n * (size_t)j;
        scale[j] = sg_dense_power(column_top(rows, aj));
        for (int i = 0; i < rows; i++) aj[i] *= scale[j];
    }
    if (m == 1) {
        factor[0] = cblas_dnrm2(rows, a, 1) / scale[0];
        return SG_OK;
    }

    sort_rows(rows, m, a, key, spare); /* three passes: the result is in spare */
    for (int j = 0; j < m; j++) {
        const double *from = a + n * (size_t)j;
        double *to = sorted + n * (size_t)j;
        for (int i = 0; i < rows; i++) to[i] = from[(uint32_t)spare[i]];
        column[j] = 0; /* free to move */
    }
    lapack_int info = LAPACKE_dgeqp3_work(LAPACK_COL_MAJOR, rows, m, sorted, rows, (lapack_int *)column, tau, lapack,
                                          (lapack_int)lapack_work(m));
    if (info) return sg_fail(SG_INTERNAL, "dgeqp3 refused its argument %d", (int)-info);
    for (int k = 0; k < m; k++) {
        int j = (int)column[k] - 1;
        for (int i = 0; i < m; i++) factor[i + m * j] = i <= k ? sorted[(size_t)i + n * (size_t)k] / scale[j] : 0;
    }
    return SG_OK;
}
