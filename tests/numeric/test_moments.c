/*
 * Moments of replicates: against long double sums, brute-force jackknives, and simulation.
 *
 * Statistical tests compare at five Monte Carlo standard errors: a false alarm has probability 6e-7 each, 1e-5 for
 * the file; the seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/numeric.h"

enum { MOST = 4 };

typedef struct {
    double mean[MOST], bias[MOST], bias_se[MOST], covariance[MOST * MOST], covariance_se[MOST * MOST];
} storage;

static sg_moments into(storage *s) {
    return (sg_moments){.mean = s->mean,
                        .bias = s->bias,
                        .bias_se = s->bias_se,
                        .covariance = s->covariance,
                        .covariance_se = s->covariance_se};
}

static void normals(uint64_t key, uint32_t replicate, size_t n, double *z) {
    sg_stream stream;
    sg_stream_open(&stream, key, SG_PURPOSE_TEST, replicate);
    sg_stream_normal(&stream, n, z);
}

/* Correlated columns with far means: x_j = 1000 (j+1) + z_j + z_(j-1)/2, every third standing aside as NaN. */
static void make_rows(uint64_t key, int count, int m, double *theta, uint8_t *use) {
    normals(key, 0, (size_t)(count * m), theta);
    for (int r = 0; r < count; r++) {
        double *x = theta + r * m;
        use[r] = r % 3 != 1;
        for (int j = m - 1; j >= 0; j--) x[j] = use[r] ? 1000 * (j + 1) + x[j] + (j ? x[j - 1] / 2 : 0) : NAN;
    }
}

/* ------------------------------------------------------- against brute force */

static long double plain_covariance(int count, int m, const double *theta, const uint8_t *use, int skip, int j, int k) {
    long double sj = 0, sk = 0, sjk = 0;
    int n = 0;
    for (int r = 0; r < count; r++)
        if (use[r] && r != skip) sj += theta[r * m + j], sk += theta[r * m + k], n++;
    for (int r = 0; r < count; r++)
        if (use[r] && r != skip) sjk += (theta[r * m + j] - sj / n) * (theta[r * m + k] - sk / n);
    return sjk / (n - 1);
}

static void moments_by_brute_force(void **state) {
    (void)state;
    const int counts[] = {5, 30, 150};
    double theta[150 * MOST], truth[MOST] = {1000, 2000, 0, -1};
    uint8_t use[150];
    for (int c = 0; c < 3; c++)
        for (int m = 1; m <= MOST; m++) {
            int count = counts[c], n = 0;
            make_rows(10 + (uint64_t)(c * MOST + m), count, m, theta, use);
            for (int r = 0; r < count; r++) n += use[r];
            storage s;
            sg_moments out = into(&s);
            assert_int_equal(sg_moments_of(count, m, theta, use, truth, &out), SG_OK);
            assert_int_equal(out.count, n);
            for (int j = 0; j < m; j++) {
                long double mean = 0;
                for (int r = 0; r < count; r++) mean += use[r] ? theta[r * m + j] : 0;
                mean /= n;
                assert_true(fabsl(s.mean[j] - mean) < 1e-12L);
                assert_true(fabsl(s.bias[j] - (mean - truth[j])) < 1e-12L);
                assert_true(fabs(s.bias_se[j] / sqrt(s.covariance[j + m * j] / n) - 1) < 1e-15);
                for (int k = 0; k < m; k++) {
                    long double whole = plain_covariance(count, m, theta, use, -1, j, k), centre = 0, square = 0;
                    assert_true(fabsl(s.covariance[j + m * k] - whole) < 1e-13L);
                    for (int r = 0; r < count; r++)
                        if (use[r]) centre += plain_covariance(count, m, theta, use, r, j, k) / n;
                    for (int r = 0; r < count; r++) {
                        if (!use[r]) continue;
                        long double d = plain_covariance(count, m, theta, use, r, j, k) - centre;
                        square += d * d;
                    }
                    long double se = sqrtl(square * (n - 1) / n);
                    assert_true(fabsl(s.covariance_se[j + m * k] / se - 1) < 1e-10L);
                    assert_true(s.covariance[j + m * k] == s.covariance[k + m * j]);
                }
            }
        }
}

/* Rows that are left out must not matter, wherever they stand and whatever they hold. */
static void rows_left_out(void **state) {
    (void)state;
    double theta[90 * 2], kept[60 * 2], truth[2] = {0};
    uint8_t use[90];
    storage s[2];
    sg_moments out[2] = {into(&s[0]), into(&s[1])};
    make_rows(60, 90, 2, theta, use);
    for (int r = 0, to = 0; r < 90; r++)
        if (use[r]) memcpy(kept + 2 * to++, theta + 2 * r, 2 * sizeof *kept);
    assert_int_equal(sg_moments_of(90, 2, theta, use, truth, &out[0]), SG_OK);
    assert_int_equal(sg_moments_of(60, 2, kept, NULL, truth, &out[1]), SG_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(s[0].covariance[i] == s[1].covariance[i]);
        assert_true(s[0].covariance_se[i] == s[1].covariance_se[i]);
    }
    assert_true(s[0].mean[0] == s[1].mean[0] && s[0].mean[1] == s[1].mean[1]);
}

/* ----------------------------------------------------------- by simulation */

typedef struct {
    double mean, se, variance, variance_se; /* of `n` independent numbers, each with its standard error */
} spread;

static spread spread_of(int n, const double *x) {
    double mean = 0, m2 = 0, m4 = 0;
    for (int i = 0; i < n; i++) mean += x[i] / n;
    for (int i = 0; i < n; i++) {
        double d = (x[i] - mean) * (x[i] - mean);
        m2 += d / n;
        m4 += d * d / n;
    }
    return (spread){mean, sqrt(m2 / n), m2 * n / (n - 1), sqrt((m4 - m2 * m2) / n)};
}

enum { SETS = 4000, REPLICATES = 60, FREEDOM = 18 };

/* Two columns with unit variance and correlation 0.6; Student's t, scaled, if asked. */
static void draw(uint64_t key, uint32_t set, bool student, double *theta) {
    double z[REPLICATES * (2 + FREEDOM)];
    normals(key, set, REPLICATES * (2 + FREEDOM), z);
    for (int r = 0; r < REPLICATES; r++) {
        const double *u = z + r * (2 + FREEDOM);
        double chi = 0;
        for (int i = 0; i < FREEDOM; i++) chi += u[2 + i] * u[2 + i];
        double scale = student ? sqrt((FREEDOM - 2) / chi) : 1;
        theta[2 * r] = scale * u[0];
        theta[2 * r + 1] = scale * (0.6 * u[0] + 0.8 * u[1]);
    }
}

static void check_against(spread measured, double expected) {
    assert_true(fabs(measured.mean - expected) < 5 * measured.se);
}

/* Var cov for n replicates with unit variances, A = E x^2 y^2 and C = E x y. */
static double variance_of_covariance(double n, double a, double c) {
    return (a - c * c) / n + (c * c + 1) / (n * (n - 1));
}

/*
 * Expectation of the squared jackknife error, n/((n-1)(n-2)^2) (E sum d^2 e^2 - E S^2/n): d = p x_r + u with p = 1 -
 * 1/n and u the other replicates' share of the mean.  Exceeds Var cov by a factor 1 + O(1/n) (Efron and Stein 1981).
 */
static double expected_jackknife(double n, double a, double c) {
    double p = 1 - 1 / n, uv = (n - 1) / (n * n);
    double uuvv = ((n - 1) * a + (n - 1) * (n - 2) * (1 + 2 * c * c)) / pow(n, 4);
    double ddee = pow(p, 4) * a + p * p * uv * (2 + 4 * c * c) + uuvv;
    double ss = (n - 1) * (n - 1) * (variance_of_covariance(n, a, c) + c * c);
    return n / ((n - 1) * (n - 2) * (n - 2)) * (n * ddee - ss / n);
}

static void standard_errors_match_the_spread(void **state) {
    (void)state;
    const double n = REPLICATES, rho = 0.6, v = FREEDOM;
    double *cov[2], *se2[2], theta[REPLICATES * 2], truth[2] = {0}, z[SETS];
    for (int e = 0; e < 2; e++) {
        cov[e] = malloc(sizeof(double) * SETS);
        se2[e] = malloc(sizeof(double) * SETS);
    }
    for (int student = 0; student < 2; student++) {
        for (int i = 0; i < SETS; i++) {
            storage s;
            sg_moments out = into(&s);
            draw(80, (uint32_t)i, student, theta);
            assert_int_equal(sg_moments_of(REPLICATES, 2, theta, NULL, truth, &out), SG_OK);
            for (int e = 0; e < 2; e++) { /* entry (0,0), then (0,1) */
                cov[e][i] = s.covariance[2 * e];
                se2[e][i] = s.covariance_se[2 * e] * s.covariance_se[2 * e];
            }
            z[i] = s.bias[1] / s.bias_se[1];
        }
        double tail = student ? (v - 2) / (v - 4) : 1; /* E s^4 of the common scale, E s^2 = 1 */
        for (int e = 0; e < 2; e++) {
            double c = e ? rho : 1, a = tail * (1 + 2 * c * c);
            double variance = variance_of_covariance(n, a, c), jackknife = expected_jackknife(n, a, c);
            spread of_cov = spread_of(SETS, cov[e]);
            check_against(of_cov, c);
            assert_true(fabs(of_cov.variance - variance) < 5 * of_cov.variance_se);
            check_against(spread_of(SETS, se2[e]), jackknife);
            assert_true(jackknife > variance && jackknife < (1 + 3 / n) * variance);
        }
        spread of_z = spread_of(SETS, z); /* nearly t with n - 1 degrees: variance (n-1)/(n-3) */
        check_against(of_z, 0);
        assert_true(fabs(of_z.variance - (n - 1) / (n - 3)) < 5 * of_z.variance_se + 1 / (n * n));
    }
    for (int e = 0; e < 2; e++) free(cov[e]), free(se2[e]);
}

/* ------------------------------------------------------------------ corners */

static void far_means_and_large_spreads(void **state) {
    (void)state;
    double theta[6] = {1e8 + 1, 1e8 + 2, 1e8 + 4, 0, 0, 0}, truth[1] = {1e8}, base[3] = {1, 2, 4};
    storage s, t;
    sg_moments out = into(&s), plain = into(&t);
    assert_int_equal(sg_moments_of(3, 1, theta, NULL, truth, &out), SG_OK);
    truth[0] = 0;
    assert_int_equal(sg_moments_of(3, 1, base, NULL, truth, &plain), SG_OK);
    assert_true(fabs(s.covariance[0] - 7.0 / 3) < 1e-15 * 7);
    assert_true(fabs(s.covariance_se[0] / t.covariance_se[0] - 1) < 1e-14);
    for (int e = -120; e <= 120; e += 240) { /* fourth powers leave the range of doubles */
        for (int r = 0; r < 3; r++) theta[r] = base[r] * pow(10, e);
        assert_int_equal(sg_moments_of(3, 1, theta, NULL, truth, &out), SG_OK);
        assert_true(fabs(s.covariance_se[0] / t.covariance_se[0] / pow(10, 2 * e) - 1) < 1e-13);
    }
    for (int r = 0; r < 3; r++) theta[r] = 5; /* no spread at all */
    assert_int_equal(sg_moments_of(3, 1, theta, NULL, truth, &out), SG_OK);
    assert_true(s.covariance[0] == 0 && s.covariance_se[0] == 0 && s.bias_se[0] == 0 && s.mean[0] == 5);
}

static void too_few_and_bad(void **state) {
    (void)state;
    double theta[6] = {1, 2, 3, 4, 5, 6}, truth[2] = {0};
    uint8_t use[3] = {1, 0, 0};
    storage s;
    sg_moments out = into(&s);
    assert_int_equal(sg_moments_of(3, 2, theta, use, truth, &out), SG_BAD_DATA);
    assert_non_null(strstr(sg_message(), "1 of 3"));
    assert_int_equal(sg_moments_of(0, 2, theta, NULL, truth, &out), SG_BAD_DATA);
    assert_int_equal(sg_moments_of(3, 0, theta, NULL, truth, &out), SG_OUT_OF_RANGE);
    use[2] = 1; /* two: a covariance, but no error of it */
    assert_int_equal(sg_moments_of(3, 2, theta, use, truth, &out), SG_OK);
    assert_true(s.covariance[0] == 8 && isnan(s.covariance_se[0]) && s.bias_se[0] == 2);
    theta[5] = NAN;
    assert_int_equal(sg_moments_of(3, 2, theta, use, truth, &out), SG_BAD_DATA);
    assert_non_null(strstr(sg_message(), "parameter 1 of replicate 2"));
    theta[5] = 6;
    long live = sg_memory_live();
    sg_memory_fail_after(1);
    assert_int_equal(sg_moments_of(3, 2, theta, NULL, truth, &out), SG_NO_MEMORY);
    sg_memory_fail_after(0);
    assert_int_equal(sg_memory_live(), live);
}

static void shares(void **state) {
    (void)state;
    double share, se;
    sg_share(3, 12, &share, &se);
    assert_true(share == 0.25 && fabs(se - 0.125) < 1e-16);
    sg_share(0, 5, &share, &se);
    assert_true(share == 0 && se == 0);
    sg_share(5, 5, &share, &se);
    assert_true(share == 1 && se == 0);
    sg_share(0, 0, &share, &se);
    assert_true(isnan(share) && isnan(se));
}

/* ---------------------------------------------------------------- quantiles */

static void quantiles(void **state) {
    (void)state;
    /* by hand: position (n - 1) p, .1 lies .4 of the way from -.5 to 1.2, .9 lies .6 from 3.7 to 9 */
    double x[5] = {1.2, -0.5, 3.7, 2.2, 9}, out[6];
    const double probs[6] = {0, 0.1, 0.25, 0.5, 0.9, 1}, expected[6] = {-0.5, 0.18, 1.2, 2.2, 6.88, 9};
    sg_quantiles(5, x, 6, probs, out);
    for (int i = 0; i < 6; i++) assert_true(fabs(out[i] - expected[i]) < 1e-14);
    for (int i = 1; i < 5; i++) assert_true(x[i] >= x[i - 1]);
    double one[1] = {4};
    sg_quantiles(1, one, 6, probs, out);
    for (int i = 0; i < 6; i++) assert_true(out[i] == 4);
    sg_quantiles(0, NULL, 6, probs, out);
    for (int i = 0; i < 6; i++) assert_true(isnan(out[i]));
}

static void quantiles_with_infinities(void **state) {
    (void)state;
    double x[5] = {INFINITY, 1, 3, INFINITY, 2}, out[5];
    const double probs[5] = {0.25, 0.5, 0.51, 0.75, 0.9};
    sg_quantiles(5, x, 5, probs, out);
    assert_true(out[0] == 2 && out[1] == 3 && out[2] == INFINITY && out[3] == INFINITY && out[4] == INFINITY);
    double all[3] = {INFINITY, INFINITY, INFINITY};
    sg_quantiles(3, all, 5, probs, out);
    for (int i = 0; i < 5; i++) assert_true(out[i] == INFINITY);
    double wide[2] = {1.5e308, -1.5e308}; /* their difference overflows */
    sg_quantiles(2, wide, 5, probs, out);
    assert_true(out[1] == 0 && fabs(out[0] + 0.75e308) < 1e294);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_by_brute_force),
        cmocka_unit_test(rows_left_out),
        cmocka_unit_test(standard_errors_match_the_spread),
        cmocka_unit_test(far_means_and_large_spreads),
        cmocka_unit_test(too_few_and_bad),
        cmocka_unit_test(shares),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(quantiles_with_infinities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
