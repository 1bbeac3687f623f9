/*
 * The triangular factor of matrices whose rows and columns differ by many orders of magnitude.
 *
 * The reference needs no factorization: by the formula of Cauchy and Binet det(A^T A) is the sum of the squares of all
 * m-rowed minors, and (A^T A)^-1_jj is that sum without column j over the sum with it.  All terms are positive, so in
 * 113-bit arithmetic both are right to 30 digits however the rows are scaled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/numeric.h"

typedef _Float128 quad;

enum { MOST_ROWS = 60, MOST = 4 };

static void uniform(uint64_t key, size_t n, double *u) {
    sg_stream stream;
    sg_stream_open(&stream, key, SG_PURPOSE_TEST, 0);
    sg_stream_uniform(&stream, n, u);
}

/* Determinant of a k x k matrix, k <= 4, by expansion along the first column. */
static quad minor(int k, const quad *a) {
    if (k == 0) return 1;
    if (k == 1) return a[0];
    quad sum = 0, sub[9];
    for (int i = 0; i < k; i++) {
        for (int c = 1; c < k; c++)
            for (int r = 0, to = 0; r < k; r++)
                if (r != i) sub[to++ + (k - 1) * (c - 1)] = a[r + k * c];
        sum += (i % 2 ? -1 : 1) * a[i] * minor(k - 1, sub);
    }
    return sum;
}

/* Sum of the squared minors of the columns listed, over all choices of k rows. */
static quad minors(int rows, int k, const int *column, const double *a) {
    int pick[MOST];
    quad sum = 0, sub[16];
    for (int i = 0; i < k; i++) pick[i] = i;
    for (;;) {
        for (int c = 0; c < k; c++)
            for (int r = 0; r < k; r++) sub[r + k * c] = a[pick[r] + rows * column[c]];
        quad d = minor(k, sub);
        sum += d * d;
        int i = k - 1;
        while (i >= 0 && pick[i] == rows - k + i) i--;
        if (i < 0) return sum;
        pick[i]++;
        for (int r = i + 1; r < k; r++) pick[r] = pick[r - 1] + 1;
    }
}

typedef struct {
    double det, row[MOST]; /* |det factor|; norms of the rows of factor^-1 */
} truth;

static double root(quad x) {
    return (double)__builtin_sqrtf128(x);
}

static truth exact(int rows, int m, const double *a) {
    truth t;
    int all[MOST], rest[MOST];
    for (int j = 0; j < m; j++) all[j] = j;
    quad det = minors(rows, m, all, a);
    t.det = root(det);
    for (int j = 0; j < m; j++) {
        for (int k = 0, to = 0; k < m; k++)
            if (k != j) rest[to++] = k;
        t.row[j] = root((m == 1 ? 1 : minors(rows, m - 1, rest, a)) / det);
    }
    return t;
}

/* Largest relative error of the determinant and of the rows of the inverse of a factor, both found in quad. */
static double error_of(int m, const double *factor, truth t) {
    quad f[16], sub[9];
    for (int i = 0; i < m * m; i++) f[i] = factor[i];
    quad det = minor(m, f);
    double error = fabs(fabs((double)det) / t.det - 1);
    for (int j = 0; j < m; j++) {
        quad sum = 0;
        for (int k = 0; k < m; k++) { /* row k and column j struck out */
            for (int c = 0, to = 0; c < m; c++)
                for (int r = 0; r < m; r++)
                    if (r != k && c != j) sub[to++] = f[r + m * c];
            quad cofactor = minor(m - 1, sub);
            sum += cofactor * cofactor;
        }
        error = fmax(error, fabs(root(sum / (det * det)) / t.row[j] - 1));
    }
    return error;
}

static void factor_of(int rows, int m, const double *a, double *factor) {
    double *copy = malloc(sizeof *copy * (size_t)rows * (size_t)m);
    double *work = malloc(sizeof *work * sg_qr_work(rows, m));
    memcpy(copy, a, sizeof *copy * (size_t)rows * (size_t)m);
    assert_int_equal(sg_qr_factor(rows, m, copy, factor, work), SG_OK);
    free(copy);
    free(work);
}

/* Row i is 10^power[i] times a generic row. */
static void graded(uint64_t key, int rows, int m, const double *power, double *a) {
    uniform(key, (size_t)(rows * m), a);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < m; j++) a[i + rows * j] = (2 * a[i + rows * j] - 1) * pow(10, power[i]);
}

/* ------------------------------------------------------------ the methods that fail */

static double normal_equations(int rows, int m, const double *a, truth t) {
    double g[16];
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            g[j + m * k] = 0;
            for (int i = 0; i < rows; i++) g[j + m * k] += a[i + rows * j] * a[i + rows * k];
        }
    quad q[16];
    for (int i = 0; i < m * m; i++) q[i] = g[i];
    quad det = minor(m, q);
    return det > 0 ? fabs(root(det) / t.det - 1) : 1;
}

static double unsorted(int rows, int m, const double *a, truth t) {
    double copy[MOST_ROWS * MOST], tau[MOST], work[256], det = 1;
    lapack_int pivot[MOST] = {0};
    memcpy(copy, a, sizeof *copy * (size_t)(rows * m));
    assert_int_equal(LAPACKE_dgeqp3_work(LAPACK_COL_MAJOR, rows, m, copy, rows, pivot, tau, work, 256), 0);
    for (int j = 0; j < m; j++) det *= copy[j + rows * j];
    return fabs(fabs(det) / t.det - 1);
}

/* Householder without pivoting, the vector x + sign sgn(x_1)|x| e_1; sign = -1 is the choice that cancels. */
static double householder(int rows, int m, const double *matrix, int sign, truth t) {
    double a[MOST_ROWS * MOST], det = 1;
    memcpy(a, matrix, sizeof *a * (size_t)(rows * m));
    for (int k = 0; k < m; k++) {
        double *v = a + rows * k, norm = 0, square = 0;
        for (int i = k; i < rows; i++) norm = hypot(norm, v[i]);
        double beta = (v[k] < 0 ? 1 : -1) * sign * norm;
        double head = v[k] - beta;
        if (sign < 0) { /* without cancellation, so that only the choice is at fault */
            double below = 0;
            for (int i = k + 1; i < rows; i++) below += v[i] * v[i];
            head = -below / (v[k] + beta);
        }
        v[k] = head;
        for (int i = k; i < rows; i++) square += v[i] * v[i];
        for (int j = k + 1; j < m && square > 0; j++) {
            double w = 0;
            for (int i = k; i < rows; i++) w += v[i] * a[i + rows * j];
            for (int i = k; i < rows; i++) a[i + rows * j] -= 2 * w / square * v[i];
        }
        det *= norm;
    }
    return fabs(det / t.det - 1);
}

/* ------------------------------------------------------------------ tests */

/* m large rows leave nothing for the small ones; fewer do, and the small rows must then keep their digits. */
static void rows_of_many_sizes(void **state) {
    (void)state;
    double a[MOST_ROWS * MOST], power[MOST_ROWS], u[MOST_ROWS], factor[16];
    for (int m = 1; m <= MOST; m++) {
        int rows = m < 4 ? 40 : 20;
        for (uint64_t key = 1; key <= 12; key++) {
            uniform(100 * key + (uint64_t)m, (size_t)rows, u);
            for (int i = 0; i < rows; i++) power[i] = 24 * u[i] - 12;
            graded(key, rows, m, power, a);
            truth t = exact(rows, m, a);
            factor_of(rows, m, a, factor);
            assert_true(error_of(m, factor, t) < 2e-14 * m);
        }
    }
}

/* One row of 10^12, a few of 1, the rest 10^-12, smallest first: the other methods lose what this one keeps. */
static void other_methods_lose_digits(void **state) {
    (void)state;
    enum { ROWS = 40 };
    double a[ROWS * 3], power[ROWS], factor[9], best_normal = 1, best_unsorted = 1, worst = 0;
    for (uint64_t key = 1; key <= 10; key++) {
        for (int i = 0; i < ROWS; i++) power[i] = i == ROWS - 1 ? 12 : i == ROWS - 2 ? 0 : -12;
        graded(1000 + key, ROWS, 3, power, a);
        truth t = exact(ROWS, 3, a);
        factor_of(ROWS, 3, a, factor);
        worst = fmax(worst, error_of(3, factor, t));
        best_normal = fmin(best_normal, normal_equations(ROWS, 3, a, t));
        best_unsorted = fmin(best_unsorted, unsorted(ROWS, 3, a, t));
    }
    assert_true(worst < 5e-14);
    assert_true(best_normal > 1e-2);
    assert_true(best_unsorted > 1e-6);
}

/*
 * Two large rows, the second small in the pivot column: with the other sign of the Householder vector the first
 * reflection fills the small rows with large numbers, though rows and columns are in order (Cox and Higham 1998).
 */
static void the_sign_matters(void **state) {
    (void)state;
    enum { ROWS = 30 };
    double a[ROWS * 3], power[ROWS], factor[9], best = 1, worst = 0;
    for (uint64_t key = 1; key <= 10; key++) {
        for (int i = 0; i < ROWS; i++) power[i] = i < 2 ? 9 : -9;
        graded(2000 + key, ROWS, 3, power, a);
        a[0] = 2e9, a[1] = 1;
        truth t = exact(ROWS, 3, a);
        factor_of(ROWS, 3, a, factor);
        worst = fmax(worst, error_of(3, factor, t));
        worst = fmax(worst, householder(ROWS, 3, a, 1, t));
        best = fmin(best, householder(ROWS, 3, a, -1, t));
    }
    assert_true(worst < 1e-13);
    assert_true(best > 1e-10);
}

/* Entries whose squares underflow or overflow, by rows and by columns. */
static void ends_of_the_range(void **state) {
    (void)state;
    enum { ROWS = 20 };
    const double column_power[][2] = {{-160, -160}, {150, -160}, {-300, 0}, {150, 150}, {-297, -297}};
    double a[ROWS * 2], power[ROWS], factor[4];
    for (int c = 0; c < 5; c++) {
        for (int i = 0; i < ROWS; i++) power[i] = -(i % 8);
        graded(30, ROWS, 2, power, a);
        for (int j = 0; j < 2; j++)
            for (int i = 0; i < ROWS; i++) a[i + ROWS * j] *= pow(10, column_power[c][j]);
        truth t = exact(ROWS, 1, a);
        factor_of(ROWS, 1, a, factor);
        assert_true(fabs(factor[0] * t.row[0] - 1) < 1e-14);
        factor_of(ROWS, 2, a, factor);
        /* the determinant may leave the range: bring the columns back, which is exact enough for 1e-14 */
        for (int j = 0; j < 2; j++) {
            for (int i = 0; i < ROWS; i++) a[i + ROWS * j] /= pow(10, column_power[c][j]);
            for (int i = 0; i < 2; i++) factor[i + 2 * j] /= pow(10, column_power[c][j]);
        }
        assert_true(error_of(2, factor, exact(ROWS, 2, a)) < 2e-14);
    }
    for (int i = 0; i < ROWS; i++) power[i] = i == 7 ? 0 : -160;
    graded(31, ROWS, 2, power, a);
    factor_of(ROWS, 2, a, factor);
    truth t = exact(ROWS, 2, a);
    quad f[4] = {factor[0], factor[1], factor[2], factor[3]};
    assert_true(fabs(fabs((double)minor(2, f)) / t.det - 1) < 1e-14);
}

/* A^T A = factor^T factor for tall and for wider matrices, against long double sums. */
static void gram_matrix(void **state) {
    (void)state;
    const int shape[][2] = {{3000, 1}, {3000, 2}, {1, 1}, {2, 2}, {9, 9}, {500, 9}, {300, 70}, {260, 200}};
    for (size_t c = 0; c < sizeof shape / sizeof *shape; c++) {
        int rows = shape[c][0], m = shape[c][1];
        double *a = malloc(sizeof *a * (size_t)(rows * m)), *factor = malloc(sizeof *a * (size_t)(m * m));
        double *gram = malloc(sizeof *a * (size_t)(m * m));
        uniform(40 + c, (size_t)(rows * m), a);
        factor_of(rows, m, a, factor);
        sg_multiply_tn(m, factor, factor, gram);
        for (int j = 0; j < m; j++)
            for (int k = 0; k < m; k++) {
                long double sum = 0;
                for (int i = 0; i < rows; i++) sum += (long double)a[i + rows * j] * a[i + rows * k];
                assert_true(fabsl(gram[j + m * k] - sum) < 1e-13L * rows / 3);
            }
        free(a);
        free(factor);
        free(gram);
    }
}

static void zero_columns_and_rows(void **state) {
    (void)state;
    double a[12] = {0}, factor[9];
    factor_of(4, 3, a, factor);
    for (int i = 0; i < 9; i++) assert_true(factor[i] == 0);
    a[2] = 3, a[3] = -4; /* the first column has norm 5 */
    factor_of(4, 3, a, factor);
    assert_true(fabs(fabs(factor[0]) - 5) < 1e-15 && factor[4] == 0 && factor[8] == 0);
    double inverse[9], condition;
    assert_int_equal(sg_invert(3, factor, inverse, &condition), SG_SINGULAR);
    assert_true(isinf(condition));
}

static void bad_requests(void **state) {
    (void)state;
    double a[6] = {1, 2, 3, 4, 5, 6}, factor[9], work[1000];
    assert_true(sg_qr_work(3, 2) < 1000);
    assert_int_equal(sg_qr_factor(2, 3, a, factor, work), SG_OUT_OF_RANGE);
    assert_int_equal(sg_qr_factor(3, 0, a, factor, work), SG_OUT_OF_RANGE);
    a[4] = NAN;
    assert_int_equal(sg_qr_factor(3, 2, a, factor, work), SG_BAD_DATA);
    assert_non_null(strstr(sg_message(), "row 1, column 1"));
    a[4] = 5, a[2] = INFINITY;
    assert_int_equal(sg_qr_factor(3, 2, a, factor, work), SG_BAD_DATA);
    assert_non_null(strstr(sg_message(), "row 2, column 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_many_sizes), cmocka_unit_test(other_methods_lose_digits),
        cmocka_unit_test(the_sign_matters),   cmocka_unit_test(ends_of_the_range),
        cmocka_unit_test(gram_matrix),        cmocka_unit_test(zero_columns_and_rows),
        cmocka_unit_test(bad_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
