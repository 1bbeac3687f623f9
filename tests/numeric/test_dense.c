/* Inverses, singular values, eigenvalues and products of small matrices, against 113-bit arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/numeric.h"

typedef _Float128 quad;

enum { BIG = 70 }; /* beyond the order up to which workspace is automatic */

static double *fresh(size_t n) {
    double *x = malloc(sizeof *x * n);
    assert_non_null(x);
    return x;
}

/* Entries uniform on (-1, 1); row i times row_ratio^i, column j times column_ratio^j. */
static void graded(uint64_t key, int m, double row_ratio, double column_ratio, double *a) {
    sg_stream stream;
    sg_stream_open(&stream, key, SG_PURPOSE_TEST, 0);
    sg_stream_uniform(&stream, (size_t)(m * m), a);
    for (int j = 0; j < m; j++)
        for (int i = 0; i < m; i++) a[i + m * j] = (2 * a[i + m * j] - 1) * pow(row_ratio, i) * pow(column_ratio, j);
}

/* Gauss and Jordan with complete pivoting in quad; b becomes a^-1. */
static void quad_inverse(int m, const double *matrix, quad *b) {
    quad *a = malloc(sizeof *a * (size_t)(m * m));
    int *row = malloc(sizeof *row * (size_t)m), *col = malloc(sizeof *col * (size_t)m);
    for (int i = 0; i < m * m; i++) a[i] = matrix[i], b[i] = i % (m + 1) == 0;
    bool used_row[256] = {0}, used_col[256] = {0};
    for (int k = 0; k < m; k++) {
        int p = -1, q = -1;
        for (int j = 0; j < m; j++)
            for (int i = 0; i < m; i++) {
                if (used_row[i] || used_col[j]) continue;
                quad x = a[i + m * j], best = p < 0 ? 0 : a[p + m * q];
                if (p < 0 || (x < 0 ? -x : x) > (best < 0 ? -best : best)) p = i, q = j;
            }
        used_row[p] = used_col[q] = true;
        row[k] = p, col[k] = q;
        quad pivot = a[p + m * q];
        for (int j = 0; j < m; j++) a[p + m * j] /= pivot, b[p + m * j] /= pivot;
        for (int i = 0; i < m; i++) {
            quad f = a[i + m * q];
            if (i == p || f == 0) continue;
            for (int j = 0; j < m; j++) a[i + m * j] -= f * a[p + m * j], b[i + m * j] -= f * b[p + m * j];
        }
    }
    quad *sorted = malloc(sizeof *sorted * (size_t)(m * m));
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) sorted[col[k] + m * j] = b[row[k] + m * j];
    memcpy(b, sorted, sizeof *b * (size_t)(m * m));
    free(a), free(row), free(col), free(sorted);
}

/* One-sided Jacobi in quad: the columns become orthogonal, their norms are the singular values. */
static void quad_singular_values(int m, const double *matrix, double *values) {
    quad *a = malloc(sizeof *a * (size_t)(m * m));
    for (int i = 0; i < m * m; i++) a[i] = matrix[i];
    bool turned = true;
    for (int sweep = 0; turned && sweep < 40; sweep++) {
        turned = false;
        for (int p = 0; p < m; p++)
            for (int q = p + 1; q < m; q++) {
                quad pp = 0, qq = 0, pq = 0, *x = a + m * p, *y = a + m * q;
                for (int i = 0; i < m; i++) pp += x[i] * x[i], qq += y[i] * y[i], pq += x[i] * y[i];
                if (pq * pq <= (quad)1e-60 * pp * qq) continue;
                turned = true;
                quad zeta = (qq - pp) / (2 * pq), size = zeta < 0 ? -zeta : zeta;
                quad t = (zeta < 0 ? -1 : 1) / (size + __builtin_sqrtf128(1 + zeta * zeta));
                quad c = 1 / __builtin_sqrtf128(1 + t * t), s = c * t;
                for (int i = 0; i < m; i++) {
                    quad xi = x[i];
                    x[i] = c * xi - s * y[i];
                    y[i] = s * xi + c * y[i];
                }
            }
    }
    for (int j = 0; j < m; j++) {
        quad sum = 0;
        for (int i = 0; i < m; i++) sum += a[i + m * j] * a[i + m * j];
        double value = (double)__builtin_sqrtf128(sum);
        int at = j;
        for (; at > 0 && values[at - 1] < value; at--) values[at] = values[at - 1];
        values[at] = value;
    }
    free(a);
}

/* ----------------------------------------------------------------- inverse */

/*
 * Error of each row of the inverse relative to its norm, over condition * eps: a row has the unit of one column of the
 * matrix, so the scaling of the columns must not matter at all.
 */
static double inverse_error(int m, const double *a) {
    double *inverse = fresh((size_t)(m * m)), condition, worst = 0;
    quad *b = malloc(sizeof *b * (size_t)(m * m));
    assert_int_equal(sg_invert(m, a, inverse, &condition), SG_OK);
    quad_inverse(m, a, b);
    for (int i = 0; i < m; i++) {
        quad off = 0, size = 0;
        for (int j = 0; j < m; j++) {
            quad d = inverse[i + m * j] - b[i + m * j];
            off += d * d;
            size += b[i + m * j] * b[i + m * j];
        }
        worst = fmax(worst, (double)__builtin_sqrtf128(off / size));
    }
    free(inverse), free(b);
    return worst / (condition * 0x1p-53);
}

static void inverse_of_scaled_columns(void **state) {
    (void)state;
    const int order[] = {1, 2, 3, 5, 9, 30, BIG};
    for (int c = 0; c < 7; c++) {
        int m = order[c];
        double *a = fresh((size_t)(m * m));
        double ratio = pow(10, 200.0 / m); /* columns from 1 to 10^200 */
        graded(10 + (uint64_t)c, m, 1, 1, a);
        assert_true(inverse_error(m, a) < m + 1);
        graded(10 + (uint64_t)c, m, 1, ratio, a);
        assert_true(inverse_error(m, a) < m + 1);
        graded(10 + (uint64_t)c, m, 1, 1 / ratio, a);
        assert_true(inverse_error(m, a) < m + 1);
        free(a);
    }
}

/* A triangular factor with graded rows and permuted columns is inverted to its last digits, far from condition * eps.
 */
static void inverse_of_graded_rows(void **state) {
    (void)state;
    const int order[] = {3, 0, 2, 1};
    for (uint64_t key = 50; key < 60; key++) {
        double full[16], a[16] = {0}, condition;
        graded(key, 4, 1e-4, 1, full);
        for (int k = 0; k < 4; k++)
            for (int i = 0; i <= k; i++) a[i + 4 * order[k]] = i == k ? pow(1e-4, i) : full[i + 4 * k];
        assert_int_equal(sg_invert(4, a, full, &condition), SG_OK);
        assert_true(condition > 1e11);
        assert_true(inverse_error(4, a) * condition * 0x1p-53 < 1e-14);
    }
}

static void singular_matrices(void **state) {
    (void)state;
    double a[9], inverse[9], condition;
    graded(70, 3, 1, 1, a);
    for (int i = 0; i < 3; i++) a[i + 6] = 1e-30 * (a[i] + a[i + 3]);
    assert_int_equal(sg_invert(3, a, inverse, &condition), SG_SINGULAR);
    assert_true(condition > 1e15);
    assert_non_null(strstr(sg_message(), "condition"));
    memset(a, 0, sizeof a);
    assert_int_equal(sg_invert(3, a, inverse, NULL), SG_SINGULAR);
    a[4] = NAN;
    assert_int_equal(sg_invert(3, a, inverse, NULL), SG_BAD_DATA);
    assert_non_null(strstr(sg_message(), "row 1, column 1"));
    assert_int_equal(sg_invert(0, a, inverse, NULL), SG_OUT_OF_RANGE);
    /* Hilbert's matrix: condition 1.5e13 passes (order 10), 5e14 and more (order 11 and beyond) depends on the limit.
     */
    double hilbert[13 * 13], out[13 * 13];
    for (int m = 10; m <= 13; m += 3) {
        for (int j = 0; j < m; j++)
            for (int i = 0; i < m; i++) hilbert[i + m * j] = 1.0 / (i + j + 1);
        assert_int_equal(sg_invert(m, hilbert, out, &condition), m == 10 ? SG_OK : SG_SINGULAR);
    }
}

/* --------------------------------------------------------- singular values */

static void singular_values_of_scaled_columns(void **state) {
    (void)state;
    const int order[] = {1, 2, 3, 6, 20, BIG};
    for (int c = 0; c < 6; c++) {
        int m = order[c];
        double *a = fresh((size_t)(m * m)), *v = fresh((size_t)(m * m)), values[BIG], alone[BIG], expected[BIG] = {0};
        graded(80 + (uint64_t)c, m, 1, pow(10, -120.0 / m), a); /* columns from 1 to 10^-120 */
        assert_int_equal(sg_singular_values(m, a, values, v), SG_OK);
        assert_int_equal(sg_singular_values(m, a, alone, NULL), SG_OK);
        quad_singular_values(m, a, expected);
        for (int k = 0; k < m; k++) {
            assert_true(fabs(values[k] / expected[k] - 1) < 1e-14 * m);
            assert_true(fabs(alone[k] / expected[k] - 1) < 1e-14 * m);
            double size = 0; /* |a v_k| is the value; the columns of v are orthonormal */
            for (int i = 0; i < m; i++) {
                double x = 0;
                for (int j = 0; j < m; j++) x += a[i + m * j] * v[j + m * k];
                size += x * x / (expected[0] * expected[0]);
            }
            assert_true(fabs(sqrt(size) - expected[k] / expected[0]) < 1e-14 * m);
            for (int l = 0; l <= k; l++) {
                double s = 0;
                for (int i = 0; i < m; i++) s += v[i + m * k] * v[i + m * l];
                assert_true(fabs(s - (k == l)) < 1e-14 * m);
            }
        }
        assert_true(fabs(sg_norm2(m, a) / expected[0] - 1) < 1e-14 * m);
        free(a), free(v);
    }
}

static void singular_values_at_the_ends(void **state) {
    (void)state;
    double values[2], tiny[4] = {3e-200, 4e-200, 0, 5e-300}, zero[4] = {0}, bad[4] = {1, 2, INFINITY, 4};
    assert_int_equal(sg_singular_values(2, tiny, values, NULL), SG_OK);
    assert_true(fabs(values[0] / 5e-200 - 1) < 1e-15);
    assert_true(fabs(values[1] / (3e-200 * (5e-300 / 5e-200)) - 1) < 1e-15); /* determinant over the first */
    assert_int_equal(sg_singular_values(2, zero, values, NULL), SG_OK);
    assert_true(values[0] == 0 && values[1] == 0);
    assert_int_equal(sg_singular_values(2, bad, values, NULL), SG_BAD_DATA);
    assert_true(isnan(sg_norm2(2, bad)));
    assert_true(sg_norm2(2, zero) == 0);
    double large[4] = {3e300, 0, 4e300, 0};
    assert_true(fabs(sg_norm2(2, large) / 5e300 - 1) < 1e-15);
}

/* ------------------------------------------------------------- eigenvalues */

static void symmetric_eigenvalues(void **state) {
    (void)state;
    const int order[] = {1, 2, 3, 7, 40, BIG};
    for (int c = 0; c < 6; c++) {
        int m = order[c];
        double *a = fresh((size_t)(m * m)), *v = fresh((size_t)(m * m)), values[BIG], alone[BIG];
        graded(90 + (uint64_t)c, m, 1, 1, a);
        for (int j = 0; j < m; j++)
            for (int i = 0; i < j; i++) a[i + m * j] = a[j + m * i];
        assert_int_equal(sg_symmetric_eigen(m, a, values, v), SG_OK);
        assert_int_equal(sg_symmetric_eigen(m, a, alone, NULL), SG_OK);
        for (int k = 0; k < m; k++) {
            if (k) assert_true(values[k] >= values[k - 1]);
            assert_true(fabs(alone[k] - values[k]) < 1e-14 * m);
            for (int i = 0; i < m; i++) {
                double r = -values[k] * v[i + m * k];
                for (int j = 0; j < m; j++) r += a[i + m * j] * v[j + m * k];
                assert_true(fabs(r) < 1e-14 * m);
            }
            for (int l = 0; l <= k; l++) {
                double s = 0;
                for (int i = 0; i < m; i++) s += v[i + m * k] * v[i + m * l];
                assert_true(fabs(s - (k == l)) < 1e-14 * m);
            }
        }
        free(a), free(v);
    }
    double a[4] = {1, NAN, 2, 3}, values[2];
    assert_int_equal(sg_symmetric_eigen(2, a, values, NULL), SG_BAD_DATA);
    assert_int_equal(sg_symmetric_eigen(0, a, values, NULL), SG_OUT_OF_RANGE);
    double known[4] = {2, 1, 1, 2};
    assert_int_equal(sg_symmetric_eigen(2, known, values, NULL), SG_OK);
    assert_true(fabs(values[0] - 1) < 1e-15 && fabs(values[1] - 3) < 1e-15);
}

/* ---------------------------------------------------------------- products */

static void products(void **state) {
    (void)state;
    const int order[] = {1, 2, 5, 16, 17, 60};
    for (int c = 0; c < 6; c++) {
        int m = order[c];
        size_t n = (size_t)(m * m);
        double *a = fresh(n), *b = fresh(n), *out[3] = {fresh(n), fresh(n), fresh(n)};
        graded(100, m, 1, 1, a);
        graded(101, m, 1, 1, b);
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; i < n; i++) out[k][i] = NAN;
        sg_multiply(m, a, b, out[0]);
        sg_multiply_tn(m, a, b, out[1]);
        sg_multiply_nt(m, a, b, out[2]);
        for (int j = 0; j < m; j++)
            for (int i = 0; i < m; i++) {
                quad nn = 0, tn = 0, nt = 0;
                for (int k = 0; k < m; k++) {
                    nn += (quad)a[i + m * k] * b[k + m * j];
                    tn += (quad)a[k + m * i] * b[k + m * j];
                    nt += (quad)a[i + m * k] * b[j + m * k];
                }
                assert_true(fabs(out[0][i + m * j] - (double)nn) < 2e-16 * m);
                assert_true(fabs(out[1][i + m * j] - (double)tn) < 2e-16 * m);
                assert_true(fabs(out[2][i + m * j] - (double)nt) < 2e-16 * m);
            }
        free(a), free(b);
        for (int k = 0; k < 3; k++) free(out[k]);
    }
}

/* Nothing is allocated up to order 64; beyond it a failed allocation is reported and leaves nothing behind. */
static void memory(void **state) {
    (void)state;
    double *a = fresh(BIG * BIG), *b = fresh(BIG * BIG), values[BIG];
    long live = sg_memory_live();
    for (int m = 64; m <= BIG; m += BIG - 64) {
        sg_status expected = m == 64 ? SG_OK : SG_NO_MEMORY;
        graded(110, m, 1, 1, a);
        sg_memory_fail_after(1);
        assert_int_equal(sg_invert(m, a, b, NULL), expected);
        sg_memory_fail_after(1);
        assert_int_equal(sg_singular_values(m, a, values, NULL), expected);
        sg_memory_fail_after(1);
        assert_int_equal(sg_symmetric_eigen(m, a, values, NULL), expected);
        sg_memory_fail_after(1);
        assert_int_equal(isnan(sg_norm2(m, a)), m != 64);
        sg_memory_fail_after(2);
        assert_int_equal(isnan(sg_norm2(m, a)), m != 64);
        sg_memory_fail_after(0);
    }
    assert_int_equal(sg_memory_live(), live);
    free(a), free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverse_of_scaled_columns),
        cmocka_unit_test(inverse_of_graded_rows),
        cmocka_unit_test(singular_matrices),
        cmocka_unit_test(singular_values_of_scaled_columns),
        cmocka_unit_test(singular_values_at_the_ends),
        cmocka_unit_test(symmetric_eigenvalues),
        cmocka_unit_test(products),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
