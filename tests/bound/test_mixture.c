/*
 * Products and mixtures, Holley and Stroock's bound on the circle, and the growth of the log-Sobolev criterion in
 * tails. Constants that must be bounded: mixtures of two normals 1/2 N(-m,1) + 1/2 N(m,1) (the literature's table), von
 * Mises' circle, chains of components computed here from all eigenvalues.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "scoregap/bound.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

static double uniform(sg_stream *s, double lo, double hi) {
    double u;
    sg_stream_uniform(s, 1, &u);
    return lo + u * (hi - lo);
}

static void test_product(void **state) {
    (void)state;
    const double c[] = {log(2), log(7), log(0.1)};
    assert_near(sg_bound_product_upper(3, c), log(7), 0);
    assert_true(sg_bound_product_upper(0, c) == -INFINITY);
}

/* On the line, from means and standard deviations. */
static double line_log_chi2(double mean_i, double sd_i, double mean_j, double sd_j) {
    const double one = sd_i * sd_i, other = sd_j * sd_j;
    double value;
    assert_int_equal(sg_bound_normals_log_chi2(1, &mean_i, &one, &mean_j, &other, &value), SG_OK);
    return value;
}

/* Against sums over a fine grid. */
static void test_chi2(void **state) {
    (void)state;
    const double cases[][4] = {{0, 1, 1, 1}, {0, 1, 3, 1}, {-1, 2, 0.5, 1}, {0, 1, 0, 1.3}, {2, 0.8, 2.5, 1.1}};
    for (int k = 0; k < 5; k++) {
        const double *c = cases[k];
        double sum = 0, step = 1e-3;
        for (double x = -60; x < 60; x += step) {
            double i = (x - c[0]) / c[1], j = (x - c[2]) / c[3];
            sum += exp(-j * j + 0.5 * i * i) * c[1] / (c[3] * c[3]) / sqrt(2 * M_PI) * step;
        }
        assert_near(line_log_chi2(c[0], c[1], c[2], c[3]), log(sum - 1), 1e-9);
    }
    assert_true(line_log_chi2(0, 1, 0, 1.5) == INFINITY);
    assert_true(line_log_chi2(3, 2, 3, 2) == -INFINITY);
    assert_near(line_log_chi2(0, 1, 40, 1), 1600, 1e-9);
}

/* L L' of random L, and a law near it that is dominated by it. */
static void random_pair(sg_stream *s, int d, double mean[2][4], double covariance[2][16]) {
    for (int k = 0; k < 2; k++) {
        double root[4][4] = {{0}};
        for (int a = 0; a < d; a++) {
            mean[k][a] = uniform(s, -1, 1);
            for (int b = 0; b <= a; b++)
                root[a][b] = (k ? 1 : 1.3) * (a == b ? uniform(s, 0.8, 1) : uniform(s, -.2, .2));
        }
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++) {
                covariance[k][a * d + b] = 0;
                for (int c = 0; c < d; c++) covariance[k][a * d + b] += root[a][c] * root[b][c];
            }
    }
}

static double log_normal(const double *x, const double *mean, const double *c) {
    const double y = x[0] - mean[0], z = x[1] - mean[1], det = c[0] * c[3] - c[1] * c[2];
    return -0.5 * (y * y * c[3] - 2 * y * z * c[1] + z * z * c[0]) / det - log(2 * M_PI) - 0.5 * log(det);
}

/* In the plane against sums over a grid; of laws with independent parts the parts of 1 + chi^2 multiply. */
static void test_chi2_of_dimensions(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 8, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 20; trial++) {
        double mean[2][4], covariance[2][16], sum = 0, value, parts = 0;
        const double step = 0.05;
        random_pair(&s, 2, mean, covariance);
        for (int a = -400; a <= 400; a++)
            for (int b = -400; b <= 400; b++) {
                const double x[] = {a * step, b * step};
                sum += exp(2 * log_normal(x, mean[1], covariance[1]) - log_normal(x, mean[0], covariance[0]));
            }
        assert_int_equal(sg_bound_normals_log_chi2(2, mean[0], covariance[0], mean[1], covariance[1], &value), SG_OK);
        assert_near(value, log(sum * step * step - 1), 1e-9);
        for (int k = 0; k < 2; k++) { /* blocks (plane, line, line) */
            double whole[16] = {covariance[k][0], covariance[k][1], 0, 0, covariance[k][2], covariance[k][3]};
            whole[10] = k ? 0.6 : 0.5, whole[15] = k ? 0.9 : 1;
            mean[k][2] = 0.3 * k, mean[k][3] = 1 - k;
            memcpy(covariance[k], whole, sizeof whole);
        }
        parts = log1p(exp(value)) + log1p(exp(line_log_chi2(0, sqrt(0.5), 0.3, sqrt(0.6)))) +
                log1p(exp(line_log_chi2(1, 1, 0, sqrt(0.9))));
        assert_int_equal(sg_bound_normals_log_chi2(4, mean[0], covariance[0], mean[1], covariance[1], &value), SG_OK);
        assert_near(log1p(exp(value)), parts, 1e-12);
    }
    const double mean[] = {0, 0}, flat[] = {1, 1, 1, 1}, unit[] = {1, 0, 0, 1}, wide[] = {1, 0, 0, 2};
    double value;
    assert_int_equal(sg_bound_normals_log_chi2(2, mean, flat, mean, unit, &value), SG_OUT_OF_RANGE);
    assert_int_equal(sg_bound_normals_log_chi2(2, mean, unit, mean, wide, &value), SG_OK);
    assert_true(value == INFINITY);
    assert_int_equal(sg_bound_normals_log_chi2(2, mean, unit, mean, unit, &value), SG_OK);
    assert_true(value == -INFINITY);
}

/*
 * Two unit normals 2 m apart in any direction of R^3 are those on the line; three components of which each dominates
 * the narrower ones only have a bound, and without that order there is none.
 */
static void test_normals(void **state) {
    (void)state;
    const double weight[] = {0.5, 0.5}, mean[] = {1, 2, 2, -1, -2, -2};
    const double covariance[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1};
    double bound;
    assert_int_equal(sg_bound_normals_upper(3, 2, weight, mean, covariance, &bound), SG_OK);
    assert_near(exp(bound) / (1 + expm1(36) / 4), 1, 1e-12);
    const double third[] = {1. / 3, 1. / 3, 1. / 3}, zero[3] = {0}, variance[] = {4, 1, .25};
    assert_int_equal(sg_bound_normals_upper(1, 3, third, zero, variance, &bound), SG_OK);
    assert_true(exp(bound) > 4 && exp(bound) < 200);
    const double crossed[] = {1, 0, 0, 5, 5, 0, 0, 1, 1, 0, 0, 5}, apart[] = {0, 0, 1, 1, 2, 2};
    assert_int_equal(sg_bound_normals_upper(2, 3, third, apart, crossed, &bound), SG_NO_DIGITS);
    assert_true(bound == INFINITY);
}

static void two_normals(double m, double *log_chi2) {
    for (int k = 0; k < 4; k++) log_chi2[k] = line_log_chi2(k / 2 ? m : -m, 1, k % 2 ? m : -m, 1);
}

static void test_two_components(void **state) {
    (void)state;
    const double poincare[] = {2.06156669, 8.39879886, 69.8475184, 1612.64418, 111700.734}; /* m = 1 .. 5 */
    const double weight[] = {0.5, 0.5}, log_c[] = {0, 0};
    double log_chi2[4], bound;
    for (int m = 1; m <= 5; m++) {
        two_normals(m, log_chi2);
        assert_int_equal(sg_bound_mixture_upper(2, weight, log_c, log_chi2, &bound), SG_OK);
        assert_near(exp(bound), 1 + expm1(4.0 * m * m) / 4, exp(bound) * 1e-12); /* a = 1/2: 1 + X/4 */
        assert_true(bound >= log(poincare[m - 1]));
    }
    two_normals(20, log_chi2);
    assert_int_equal(sg_bound_mixture_upper(2, weight, log_c, log_chi2, &bound), SG_OK);
    assert_near(bound, 1600 - log(4), 1e-9);
    two_normals(0, log_chi2);
    assert_int_equal(sg_bound_mixture_upper(2, weight, log_c, log_chi2, &bound), SG_OK);
    assert_near(bound, 0, 0);
}

/* The closed form is the least over a of the larger of the two sides. */
static void test_two_components_best(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 5, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 200; trial++) {
        const double w = uniform(&s, 0.001, 0.999), weight[] = {w, 1 - w};
        const double c[] = {exp(uniform(&s, -3, 3)), exp(uniform(&s, -3, 3))}, log_c[] = {log(c[0]), log(c[1])};
        const double x[] = {exp(uniform(&s, -5, 5)), exp(uniform(&s, -5, 5))};
        const double log_chi2[] = {-INFINITY, log(x[0]), log(x[1]), -INFINITY};
        double bound, best = INFINITY;
        for (int k = 0; k <= 100000; k++) {
            const double a = k * 1e-5;
            best = fmin(best, fmax(c[0] * (1 + weight[1] * a * x[0]), c[1] * (1 + weight[0] * (1 - a) * x[1])));
        }
        assert_int_equal(sg_bound_mixture_upper(2, weight, log_c, log_chi2, &bound), SG_OK);
        assert_true(exp(bound) <= best * (1 + 1e-12));
        assert_near(exp(bound) / best, 1, 1e-3);
    }
}

/*
 * Mixtures on a path of states: components are laws p_i on it with their own birth-death chains (rate 1 where allowed
 * by p_i's detailed balance: energies E_i = sum p_i(x) r_i (f(x+1) - f(x))^2 with flow proportional to p_i add up when
 * r is common), so take flows p_i(x) r(x), r common: a diffusion coefficient on the edges.
 */
enum { STATES = 12 };

static double path_constant(const double *p) {
    double a[STATES * STATES] = {0}, value[STATES];
    for (int x = 0; x + 1 < STATES; x++) {
        const double flow = p[x];
        a[x + x * STATES] += flow / p[x];
        a[x + 1 + (x + 1) * STATES] += flow / p[x + 1];
        a[x + (x + 1) * STATES] -= flow / sqrt(p[x] * p[x + 1]);
        a[x + 1 + x * STATES] = a[x + (x + 1) * STATES];
    }
    assert_int_equal(sg_symmetric_eigen(STATES, a, value, NULL), SG_OK);
    return 1 / value[1];
}

static void test_many_components(void **state) {
    (void)state;
    sg_stream s;
    int refused = 0;
    sg_stream_open(&s, 6, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 100; trial++) {
        enum { MOST = 5 };
        const int count = 2 + trial % (MOST - 1);
        double weight[MOST], log_c[MOST], log_chi2[MOST * MOST], p[MOST][STATES], mix[STATES] = {0}, total = 0, bound;
        for (int i = 0; i < count; i++) total += weight[i] = uniform(&s, 0.05, 1);
        for (int i = 0; i < count; i++) {
            const double centre = uniform(&s, 0, STATES), width = uniform(&s, 1.5, 6);
            double sum = 0;
            for (int x = 0; x < STATES; x++) sum += p[i][x] = exp(-0.5 * pow((x - centre) / width, 2));
            weight[i] /= total;
            for (int x = 0; x < STATES; x++) mix[x] += weight[i] * (p[i][x] /= sum);
            log_c[i] = log(path_constant(p[i]));
        }
        for (int i = 0; i < count; i++)
            for (int j = 0; j < count; j++) {
                double chi2 = 0;
                for (int x = 0; x < STATES; x++) chi2 += pow(p[j][x] - p[i][x], 2) / p[i][x];
                log_chi2[i * count + j] = log(chi2);
            }
        sg_status status = sg_bound_mixture_upper(count, weight, log_c, log_chi2, &bound);
        if (status == SG_NO_DIGITS && ++refused) continue;
        assert_int_equal(status, SG_OK);
        if (!(path_constant(mix) <= exp(bound))) fail_msg("%d: %g > %g", count, path_constant(mix), exp(bound));
        /* a component's own constant is never beaten */
        for (int i = 0; i < count; i++) assert_true(bound >= log_c[i]);
    }
    assert_true(refused < 40);
}

static void test_refusals(void **state) {
    (void)state;
    const double weight[] = {0.5, 0}, log_c[] = {0, 0, 0}, far[9] = {0, 1e4, 1e4, 1e4, 0, 1, 1e4, 1, 0};
    const double third[] = {0.3, 0.3, 0.4};
    double bound;
    assert_int_equal(sg_bound_mixture_upper(2, weight, log_c, far, &bound), SG_OUT_OF_RANGE);
    assert_int_equal(sg_bound_mixture_upper(0, weight, log_c, far, &bound), SG_OUT_OF_RANGE);
    assert_int_equal(sg_bound_mixture_upper(3, third, log_c, far, &bound), SG_NO_DIGITS);
    assert_true(bound == INFINITY);
}

/* ------------------------------------------------------------------ the circle */

static void evaluate_circle(const void *context, int n, const double *x, double *logq, double *test) {
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = *(const double *)context * cos(x[i]);
}

static sg_panels *circle(const double *kappa) {
    sg_density density = {.context = kappa, .evaluate = evaluate_circle, .lo = -M_PI, .hi = M_PI};
    sg_panels *panels = NULL;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 1, &panels), SG_OK);
    return panels;
}

static void test_circle(void **state) {
    (void)state;
    const double kappa[] = {0, 1, 5};
    for (int k = 0; k < 3; k++) {
        sg_panels *panels = circle(&kappa[k]);
        double *log_d = NULL;
        sg_holley_stroock b;
        assert_int_equal(sg_bound_holley_stroock_circle(panels, NULL, &b), SG_OK);
        assert_near(b.oscillation, 2 * kappa[k], 1e-9);
        assert_near(b.log_poincare_upper, 2 * kappa[k], 2e-4);
        if (k == 1) assert_true(exp(b.log_poincare_upper) >= 0.858003412161); /* C_P */
        assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof *log_d), SG_OK);
        for (int i = 0; i < panels->n; i++) log_d[i] = -2 * panels->logp[i]; /* D = 1/p^2: uniform in y, of length 1 */
        assert_int_equal(sg_bound_holley_stroock_circle(panels, log_d, &b), SG_OK);
        assert_near(b.oscillation, 0, 1e-10);
        assert_near(b.log_log_sobolev_upper, -2 * log(2 * M_PI), 2e-4);
        sg_delete(log_d);
        sg_panels_delete(panels);
    }
}

/* -------------------------------------------------------------------- the tails */

static void evaluate_tail(const void *context, int n, const double *x, double *logq, double *test) {
    const double a = *(const double *)context;
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = a == 0 ? -3 * log1p(x[i] * x[i]) : -pow(1 + x[i] * x[i], 0.5 * a);
}

/* exp(-(1 + x^2)^{a/2}): exponent (2 - a)/a; a = 0: Student's law, where it grows without end. */
static void test_tails(void **state) {
    (void)state;
    const double a[] = {0, 1, 1.5, 1.8, 2, 2.5, 4};
    const double at[] = {0}, scale[] = {1};
    for (int k = 0; k < 7; k++) {
        sg_density density = {.context = &a[k],
                              .evaluate = evaluate_tail,
                              .lo = -INFINITY,
                              .hi = INFINITY,
                              .landmarks = 1,
                              .landmark = at,
                              .scale = scale};
        sg_panels *panels = NULL;
        double growth;
        bool infinite;
        assert_int_equal(sg_panels_new(&density, 1e-13, 260, 0, &panels), SG_OK);
        assert_int_equal(sg_bound_log_sobolev_tail(panels, NULL, &growth, &infinite), SG_OK);
        if (infinite != (a[k] < 2)) fail_msg("a = %g: exponent %g", a[k], growth);
        if (a[k] >= 1) assert_near(growth, (2 - a[k]) / a[k], a[k] <= 2 ? 0.03 : 0.1); /* up to log(depth)/depth */
        sg_panels_delete(panels);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_chi2),
        cmocka_unit_test(test_chi2_of_dimensions),
        cmocka_unit_test(test_normals),
        cmocka_unit_test(test_two_components),
        cmocka_unit_test(test_two_components_best),
        cmocka_unit_test(test_many_components),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
