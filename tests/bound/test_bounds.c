/*
 * Bounds against closed forms and 30-digit arithmetic.  The Poincare constants that must be bracketed are closed forms
 * (Gaussian s^2, uniform (l/pi)^2, exponential and Laplace 4, Pearson diffusions) or those of the literature's double
 * wells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "scoregap/bound.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

/* ---------------------------------------------------------------------- laws */

typedef enum { GAUSSIAN, UNIFORM, EXPONENTIAL, LAPLACE, DOUBLE_WELL, STUDENT, GAMMA } kind;
typedef struct {
    kind kind;
    double a, tilt;
} law;

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const law *l = context;
    (void)test;
    for (int i = 0; i < n; i++) {
        double y = x[i], u = y * y - 1;
        switch (l->kind) {
        case GAUSSIAN:
            logq[i] = -0.5 * y * y / (l->a * l->a);
            break;
        case UNIFORM:
            logq[i] = 0;
            break;
        case EXPONENTIAL:
            logq[i] = -y;
            break;
        case LAPLACE:
            logq[i] = -fabs(y);
            break;
        case DOUBLE_WELL:
            logq[i] = -l->a * u * u + l->tilt * y;
            break;
        case STUDENT:
            logq[i] = -l->a * log1p(y * y);
            break;
        case GAMMA:
            logq[i] = (l->a - 1) * log(y) - y;
            break;
        }
    }
}

static sg_panels *panels_of(const law *l) {
    const double at[] = {-1, 0, 1}, wide = l->kind == DOUBLE_WELL ? 0.3 / sqrt(l->a) : 1, scale[] = {wide, wide, wide};
    bool half = l->kind == EXPONENTIAL || l->kind == UNIFORM || l->kind == GAMMA;
    sg_density density = {
        .context = l, .evaluate = evaluate, .lo = -INFINITY, .hi = INFINITY, .landmark = at, .scale = scale};
    sg_panels *panels = NULL;
    density.landmarks = 3;
    if (half) density.lo = 0;
    if (l->kind == UNIFORM) density.hi = l->a, density.landmarks = 0;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &panels), SG_OK);
    return panels;
}

static sg_muckenhoupt muckenhoupt_of(const law *l, double (*d)(double)) {
    sg_panels *panels = panels_of(l);
    double *log_d = NULL;
    sg_muckenhoupt out;
    assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof(double)), SG_OK);
    for (int i = 0; i < panels->n; i++) log_d[i] = d ? log(d(panels->x[i])) : 0;
    assert_int_equal(sg_bound_muckenhoupt(panels, d ? log_d : NULL, &out), SG_OK);
    sg_delete(log_d);
    sg_panels_delete(panels);
    return out;
}

static double one_plus_square(double x) {
    return 1 + x * x;
}
static double identity(double x) {
    return x;
}
static double seven(double x) {
    (void)x;
    return 7;
}

/* --------------------------------------------------------------- Muckenhoupt */

/* Balanced points and B in closed form: uniform l^2/16 at l/2; Exp(1) B = 1 at 2 log 2; Laplace B = 1 at 0. */
static void test_closed_forms(void **state) {
    (void)state;
    sg_muckenhoupt m = muckenhoupt_of(&(law){UNIFORM, 3, 0}, NULL);
    assert_near(m.log_lower, log(9.0 / 16), 1e-10);
    assert_near(m.log_upper, log(9.0 / 4), 1e-10);
    assert_near(m.split, 1.5, 1e-9);
    m = muckenhoupt_of(&(law){EXPONENTIAL, 0, 0}, NULL);
    assert_near(m.log_lower, 0, 1e-10);
    assert_near(m.split, 2 * log(2), 1e-9);
    m = muckenhoupt_of(&(law){LAPLACE, 0, 0}, NULL);
    assert_near(m.log_lower, 0, 1e-10);               /* balanced on an interval of m, so the split is not checked */
    m = muckenhoupt_of(&(law){GAUSSIAN, 2, 0}, NULL); /* mpmath, 30 digits */
    assert_near(m.log_lower, -0.736445373669073 + 2 * log(2), 1e-9);
    assert_near(m.log_lower_median, m.log_lower - log(2), 1e-9);
    assert_near(m.log_upper_median, m.log_upper, 1e-9);
}

/* Constants far beyond the range of double precision; mpmath, 30 digits. */
static void test_deep_wells(void **state) {
    (void)state;
    sg_muckenhoupt m = muckenhoupt_of(&(law){DOUBLE_WELL, 100, 0}, NULL);
    assert_near(m.log_lower, 94.8104800468375892, 1e-9);
    m = muckenhoupt_of(&(law){DOUBLE_WELL, 2000, 0}, NULL);
    assert_near(m.log_lower, 1991.81114706875428, 1e-8);
    assert_near(m.split, 0, 1e-6);
}

static void check_bracket(const law *l, double (*d)(double), double log_poincare) {
    sg_muckenhoupt m = muckenhoupt_of(l, d);
    assert_true(m.log_lower <= log_poincare + 1e-9);
    assert_true(m.log_upper >= log_poincare - 1e-9);
    assert_true(m.log_lower_median <= log_poincare + 1e-9);
    assert_true(m.log_upper_median >= log_poincare - 1e-9);
}

static void test_brackets(void **state) {
    (void)state;
    check_bracket(&(law){GAUSSIAN, 0.3, 0}, NULL, 2 * log(0.3));
    check_bracket(&(law){GAUSSIAN, 0.3, 0}, seven, 2 * log(0.3) - log(7));
    check_bracket(&(law){UNIFORM, 3, 0}, NULL, 2 * log(3 / M_PI));
    check_bracket(&(law){EXPONENTIAL, 0, 0}, NULL, log(4));
    check_bracket(&(law){LAPLACE, 0, 0}, NULL, log(4));
    check_bracket(&(law){DOUBLE_WELL, 5, 0}, NULL, -log(0.0555228127315));
    check_bracket(&(law){DOUBLE_WELL, 20, 0}, NULL, -log(7.27721139945e-08));
    check_bracket(&(law){DOUBLE_WELL, 100, 0}, NULL, -log(6.67316232264e-42));
    for (double a = 2; a < 9; a += 1.5) check_bracket(&(law){STUDENT, a, 0}, one_plus_square, -log(2 * a - 2));
    for (double a = 1; a < 5; a += 1.5) check_bracket(&(law){GAMMA, a, 0}, identity, 0);
}

/* V = 20(x^2-1)^2 - .01x: the median form without its factor 1/2 exceeds the constant, the balanced one does not. */
static void test_median_needs_half(void **state) {
    (void)state;
    const double log_poincare = log(1.37409e7);
    sg_muckenhoupt m = muckenhoupt_of(&(law){DOUBLE_WELL, 20, 0.01}, NULL);
    assert_near(m.log_lower_median + log(2), log(2.7212e7), 2e-5);
    assert_true(m.log_lower_median + log(2) > log_poincare + 0.5);
    assert_true(m.log_lower <= log_poincare + 1e-5);
    assert_true(m.log_upper >= log_poincare);
}

/* ------------------------------------------------------------------- Cheeger */

static sg_cheeger cheeger_of(const law *l, double d) {
    sg_panels *panels = panels_of(l);
    double *log_d = NULL;
    sg_cheeger out;
    assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof(double)), SG_OK);
    for (int i = 0; i < panels->n; i++) log_d[i] = log(d);
    assert_int_equal(sg_bound_cheeger(panels, d == 1 ? NULL : log_d, &out), SG_OK);
    sg_delete(log_d);
    sg_panels_delete(panels);
    return out;
}

/* Exp(1): sqrt(D) p/Q = 1 wherever Q <= P; Gaussian: p(0)/(1/2); uniform: (1/l)/(1/2). */
static void test_cheeger(void **state) {
    (void)state;
    sg_cheeger c = cheeger_of(&(law){EXPONENTIAL, 0, 0}, 1);
    assert_near(c.log_h, 0, 1e-12);
    assert_near(c.log_gap_lower, -log(4), 1e-12);
    c = cheeger_of(&(law){LAPLACE, 0, 0}, 1);
    assert_near(c.log_h, 0, 1e-12);
    c = cheeger_of(&(law){GAUSSIAN, 1, 0}, 1);
    assert_near(c.log_h, 0.5 * log(2 / M_PI), 1e-12);
    assert_near(c.h_at, 0, 1e-6);
    c = cheeger_of(&(law){GAUSSIAN, 1, 0}, 9);
    assert_near(c.log_h, 0.5 * log(2 / M_PI) + log(3), 1e-12);
    c = cheeger_of(&(law){UNIFORM, 4, 0}, 1);
    assert_near(c.log_h, log(0.5), 1e-12);
    assert_near(c.h_at, 2, 1e-6);
}

static void test_cheeger_brackets(void **state) {
    (void)state;
    const law laws[] = {
        {GAUSSIAN, 1, 0}, {UNIFORM, 3, 0}, {DOUBLE_WELL, 5, 0}, {DOUBLE_WELL, 20, 0}, {DOUBLE_WELL, 100, 0}};
    const double gap[] = {1, M_PI * M_PI / 9, 0.0555228127315, 7.27721139945e-08, 6.67316232264e-42};
    for (int k = 0; k < 5; k++) {
        sg_cheeger c = cheeger_of(&laws[k], 1);
        assert_true(c.log_gap_lower <= log(gap[k]) + 1e-9);
        assert_true(c.log_gap_upper >= log(gap[k]) - 1e-9);
        assert_true(c.log_gap_upper <= log(4 * gap[k])); /* at the balanced point two steps give B >= C_P/4 */
    }
    /* in a deep symmetric well the best two-step function is the eigenfunction */
    assert_near(cheeger_of(&laws[4], 1).log_gap_upper, log(gap[4]), 1e-6);
}

/* ------------------------------------------------------------------ Rayleigh */

static void test_rayleigh(void **state) {
    (void)state;
    law l = {GAUSSIAN, 2, 0};
    sg_panels *panels = panels_of(&l);
    double *f = NULL, *g = NULL, bound;
    assert_int_equal(sg_new(&f, (size_t)panels->n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&g, (size_t)panels->n, sizeof(double)), SG_OK);
    for (int i = 0; i < panels->n; i++) f[i] = 3 * panels->x[i] + 100, g[i] = 3;
    assert_int_equal(sg_bound_rayleigh_upper(panels, NULL, f, g, &bound), SG_OK);
    assert_near(bound, -log(4), 1e-12);
    for (int i = 0; i < panels->n; i++) f[i] = pow(panels->x[i], 3), g[i] = 3 * panels->x[i] * panels->x[i];
    assert_int_equal(sg_bound_rayleigh_upper(panels, NULL, f, g, &bound), SG_OK);
    assert_near(bound, log(1.8 / 4), 1e-12); /* 9 E x^4/E x^6, in units of 1/s^2 */
    for (int i = 0; i < panels->n; i++) f[i] *= 1e250, g[i] *= 1e250;
    assert_int_equal(sg_bound_rayleigh_upper(panels, NULL, f, g, &bound), SG_OK);
    assert_near(bound, log(1.8 / 4), 1e-12);
    for (int i = 0; i < panels->n; i++) f[i] = 5, g[i] = 0;
    assert_int_equal(sg_bound_rayleigh_upper(panels, NULL, f, g, &bound), SG_REFUSED);
    sg_delete(f);
    sg_delete(g);
    sg_panels_delete(panels);
}

/* ------------------------------------------------------- Kantorovich and KHR */

static void test_kantorovich(void **state) {
    (void)state;
    assert_near(sg_bound_kantorovich_upper(1, 1), 1, 0);
    assert_near(sg_bound_kantorovich_upper(1, 3), 4.0 / 3, 1e-15);
    assert_near(sg_bound_kantorovich_upper(1e-200, 1e-100), 2.5e99, 1e85);
    assert_near(sg_bound_kantorovich_upper(1e200, 3e200), 4.0 / 3, 1e-15);
    assert_true(sg_bound_kantorovich_upper(1, INFINITY) == INFINITY);
    assert_true(sg_bound_kantorovich_upper(0, 1) == INFINITY);
    assert_true(isnan(sg_bound_kantorovich_upper(2, 1)));
}

/* A one-parameter Gaussian in its location: F = x, H = 1, psi = -x, everything by hand. */
static void test_khr_by_hand(void **state) {
    (void)state;
    sg_khr_chain chain;
    sg_khr_terms t = {.norm_gamma = 1, .norm_gamma_mle = 1, .norm_h_inverse = 1, .norm_cov_psi = 1};
    t.norm_cov_drift = t.mean_drift = 1;
    sg_bound_khr_upper(&t, 1, &chain);
    assert_near(chain.step_inverse, 1, 0);
    assert_near(chain.step_poincare, 1, 0);
    assert_near(chain.step_split, 2, 0);
    assert_near(chain.bound, 2, 0);
    t.norm_cov_divergence = 1, t.mean_divergence = 2, t.varying = true;
    sg_bound_khr_upper(&t, 2, &chain);
    assert_near(chain.step_split, 3 * 4 * 2, 0);
    assert_near(chain.bound, 3 * 4 * 3, 0);
}

/* Scalar inputs that are moments of random numbers a, b, c, psi = a + b + c: the chain must ascend. */
static void test_khr_ascends(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 77, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 200; trial++) {
        double z[60], sum[4] = {0}, square[4] = {0}, variance[4];
        sg_stream_normal(&stream, 60, z);
        bool varying = trial % 2;
        for (int i = 0; i < 20; i++) {
            double part[4] = {z[3 * i], 0.3 * z[3 * i + 1] + 0.9 * z[3 * i], varying ? z[3 * i + 2] + 1 : 0, 0};
            part[3] = part[0] + part[1] + part[2];
            for (int k = 0; k < 4; k++) sum[k] += part[k] / 20, square[k] += part[k] * part[k] / 20;
        }
        for (int k = 0; k < 4; k++) variance[k] = square[k] - sum[k] * sum[k];
        double h = exp(z[0]), fisher = h * exp(z[1]), poincare = fisher / h; /* H^-1 = C_res/I */
        sg_khr_terms t = {.norm_gamma = variance[3] / (h * h),
                          .norm_gamma_mle = 1 / fisher,
                          .norm_h_inverse = 1 / h,
                          .norm_cov_psi = variance[3],
                          .norm_cov_drift = variance[0],
                          .norm_cov_laplacian = variance[1],
                          .norm_cov_divergence = variance[2],
                          .mean_drift = square[0],
                          .mean_laplacian = square[1],
                          .mean_divergence = square[2],
                          .varying = varying};
        sg_khr_chain c;
        sg_bound_khr_upper(&t, poincare, &c);
        assert_true(t.norm_gamma <= c.step_inverse * (1 + 1e-14));
        assert_true(c.step_inverse <= c.step_poincare * (1 + 1e-12));
        assert_true(c.step_poincare <= c.step_split * (1 + 1e-12));
        assert_true(c.step_split <= c.bound * (1 + 1e-12));
    }
}

/* -------------------------------------------------------------------- errors */

static void test_refusals(void **state) {
    (void)state;
    law l = {GAUSSIAN, 1, 0};
    sg_panels *panels = panels_of(&l);
    double *log_d = NULL;
    sg_muckenhoupt m;
    sg_cheeger c;
    assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof(double)), SG_OK);
    log_d[7] = -INFINITY;
    assert_int_equal(sg_bound_muckenhoupt(panels, log_d, &m), SG_REFUSED);
    assert_int_equal(sg_bound_cheeger(panels, log_d, &c), SG_REFUSED);
    sg_delete(log_d);
    sg_panels_delete(panels);
}

static void test_memory(void **state) {
    (void)state;
    law l = {GAUSSIAN, 1, 0};
    sg_panels *panels = panels_of(&l);
    long live = sg_memory_live();
    sg_muckenhoupt m;
    sg_cheeger c;
    sg_status status = SG_NO_MEMORY;
    int failures = 0;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_bound_muckenhoupt(panels, NULL, &m);
        failures += status == SG_NO_MEMORY;
        assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(status, SG_OK);
    assert_true(failures >= 7);
    for (long k = 1; k == 1 || status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_bound_cheeger(panels, NULL, &c);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    sg_panels_delete(panels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_forms), cmocka_unit_test(test_deep_wells),
        cmocka_unit_test(test_brackets),     cmocka_unit_test(test_median_needs_half),
        cmocka_unit_test(test_cheeger),      cmocka_unit_test(test_cheeger_brackets),
        cmocka_unit_test(test_rayleigh),     cmocka_unit_test(test_kantorovich),
        cmocka_unit_test(test_khr_by_hand),  cmocka_unit_test(test_khr_ascends),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
