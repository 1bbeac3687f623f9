/* Lifted domains: a position and a noise level beta in [0, beta_max], reflected at both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>

#include "scoregap/grid.h"

/* ------------------------------------------------------- the printed design of QR */

/*
 * p(x, beta) ~ r(beta) (N(-m, 1 + beta) + N(m, 1 + beta))/2, r ~ exp(-7 R/(1 + beta)) on [0, 14 R - 1], R = 4 m^2 the
 * squared distance of the means.
 */
static void printed(const void *context, int n, const double *x, double *log_p) {
    const double m = *(const double *)context, r = 4 * m * m;
    for (int i = 0; i < n; i++) {
        const double v = 1 + x[n + i], a = -(x[i] - m) * (x[i] - m) / (2 * v), b = -(x[i] + m) * (x[i] + m) / (2 * v);
        const double top = a > b ? a : b;
        log_p[i] = -7 * r / v - 0.5 * log(v) + top + log(exp(a - top) + exp(b - top));
    }
}

static double printed_constant(double m, double *error) {
    sg_grid_problem problem = {.context = &m, .d = 2, .log_p = printed};
    sg_gap gap;
    const double most = 56 * m * m - 1;
    problem.lo[0] = -(problem.hi[0] = m + 10 * sqrt(1 + most));
    problem.lo[1] = 0;
    problem.hi[1] = most;
    const sg_grid_settings settings = {.fixed_frame = true};
    sg_status status = sg_grid_gap(&problem, &settings, &gap, NULL);
    if (status != SG_OK) fail_msg("m = %g: %s", m, sg_message());
    *error = (gap.gap_upper - gap.gap_lower) / gap.gap;
    return 1 / gap.gap;
}

/* 169.96, 2702.9, 13669 and 43184 by another program, to the digits that are written. */
static void constants_of_the_printed_design(void **state) {
    (void)state;
    const double expected[] = {169.96, 2702.9, 13669, 43184}, digits[] = {0.006, 0.06, 0.6, 0.6};
    for (int m = 1; m <= 4; m++) {
        double error;
        const double found = printed_constant(m, &error);
        assert_true(error < 1e-5);
        assert_true(fabs(found - expected[m - 1]) <= digits[m - 1] + error * found);
        /* The marginal of beta alone is a lower bound on the constant: 10.53806 R^2. */
        assert_true(found >= 10.53806 * 16 * m * m * m * m * (1 - 1e-5));
    }
}

/* ------------------------------------------------------- a speed that vanishes */

/* x normal of standard deviation s, beta uniform on [-1, 1]. */
static void normal_and_uniform(const void *context, int n, const double *x, double *log_p) {
    const double s = *(const double *)context;
    for (int i = 0; i < n; i++) log_p[i] = -x[i] * x[i] / (2 * s * s);
}

/* D = diag(1, 1 - beta^2): Legendre's operator in beta, eigenvalues k (k + 1); in x those of the normal law, k/s^2. */
static void legendre(const void *context, int n, const double *x, double *diffusion) {
    (void)context;
    for (int i = 0; i < n; i++) {
        diffusion[i] = 1;
        diffusion[n + i] = 0;
        diffusion[2 * n + i] = 1 - x[n + i] * x[n + i];
    }
}

static void tapered_ends(void **state) {
    (void)state;
    const double s = 0.5, expected[] = {2, 4, 6, 6, 8};
    sg_grid_problem problem = {
        .context = &s, .d = 2, .lo = {-6, -1}, .hi = {6, 1}, .log_p = normal_and_uniform, .diffusion = legendre};
    const sg_grid_settings settings = {.count = 5, .fixed_frame = true};
    sg_grid_spectrum spectrum;
    sg_gap gap;
    sg_status status = sg_grid_gap(&problem, &settings, &gap, &spectrum);
    if (status != SG_OK) fail_msg("%s", sg_message());
    for (int k = 0; k < 5; k++)
        assert_true(fabs(spectrum.value[k] / expected[k] - 1) <= 1e-9 + spectrum.value_error[k]);
    assert_true(gap.gap_lower <= 2 * (1 + 1e-12) && gap.gap_upper >= 2 * (1 - 1e-12));
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_of_the_printed_design),
        cmocka_unit_test(tapered_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
