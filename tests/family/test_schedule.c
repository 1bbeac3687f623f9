/* The density r of the noise level beta of a lifted law: derivatives, normalization, rules, and shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

#include "../model.h"

static const sg_lift lifts[] = {
    {.lambda = 1, .beta_max = 50, .decay = 3, .power = 0.5},
    {.lambda = 0.5, .beta_max = 0.4, .decay = 0, .power = 0, .shapes = 2, .shape = {1.5, -0.7}},
    {.lambda = 2, .beta_max = 300, .decay = 20, .power = -1, .shapes = 8, .shape = {1, -2, 0.5, 0.3, -1, 2, 0.1, -0.4}},
};
enum { LIFTS = 3 };

static void assert_near(double value, double expected, double error) {
    if (!(fabs(value - expected) <= error)) fail_msg("%.15g, expected %.15g within %.2g", value, expected, error);
}

static double rate(double beta, void *context) {
    return exp(sg_lift_log_rate(context, 0, beta, NULL, NULL));
}

static double integral(const sg_lift *lift, double lo, double hi) {
    gsl_integration_workspace *space = gsl_integration_workspace_alloc(1000);
    gsl_function f = {rate, (void *)lift};
    double sum, error;
    assert_int_equal(gsl_integration_qag(&f, lo, hi, 0, 1e-13, 1000, GSL_INTEG_GAUSS41, space, &sum, &error), 0);
    gsl_integration_workspace_free(space);
    return sum;
}

/* log r is sum_k shape_k P_k(t) and the rest, term by term. */
static void values(void **state) {
    (void)state;
    const sg_lift *l = &lifts[1];
    for (int k = 0; k <= 10; k++) {
        const double beta = l->beta_max * k / 10, t = 2 * log1p(beta) / log1p(l->beta_max) - 1;
        const double expected = 1.5 * t - 0.7 * (1.5 * t * t - 0.5);
        assert_near(sg_lift_log_rate(l, 0.25, beta, NULL, NULL), expected - 0.25, 1e-14);
    }
}

/* Central differences of fourth order, of which the error is below 1e-9 of the scale of change here. */
static void derivatives(void **state) {
    (void)state;
    for (int k = 0; k < LIFTS; k++)
        for (double share = 0.1; share < 1; share += 0.2) {
            const double beta = lifts[k].beta_max * share, h = 2e-3 * (1 + beta);
            double slope, bend, near[4][2], value[4];
            sg_lift_log_rate(&lifts[k], 0, beta, &slope, &bend);
            for (int i = 0; i < 4; i++) {
                const double at = beta + h * (i < 2 ? i - 2 : i - 1);
                value[i] = sg_lift_log_rate(&lifts[k], 0, at, &near[i][0], &near[i][1]);
            }
            const double scale = 1 / (1 + beta);
            assert_near((value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * h), slope, 1e-6 * scale);
            assert_near((near[0][0] - 8 * near[1][0] + 8 * near[2][0] - near[3][0]) / (12 * h), bend,
                        1e-6 * scale * scale * 100);
        }
}

static void norms_and_levels(void **state) {
    (void)state;
    for (int k = 0; k < LIFTS; k++) {
        double *beta, *weight, mean = 0, all = 0, below = 0;
        int count;
        const double z = integral(&lifts[k], 0, lifts[k].beta_max);
        assert_near(sg_lift_norm(&lifts[k]), log(z), 1e-12);
        OK(sg_lift_levels(&lifts[k], 2, &count, &beta, &weight));
        for (int i = 0; i < count; i++) all += weight[i], mean += weight[i] * log1p(beta[i]);
        assert_near(all, 1, 1e-13);
        /* by parts: E log(1 + beta) = int (1 - F)/(1 + beta) */
        enum { STEPS = 2000 };
        for (int i = 0; i < STEPS; i++) {
            const double u = (i + 0.5) / STEPS * log1p(lifts[k].beta_max);
            below += (1 - integral(&lifts[k], 0, expm1(u)) / z) * log1p(lifts[k].beta_max) / STEPS;
        }
        assert_near(mean, below, 1e-6 * (1 + mean));
        sg_delete(beta);
        sg_delete(weight);
    }
}

/* One Legendre polynomial is a power of 1 + beta. */
static void shape_of_a_power(void **state) {
    (void)state;
    const sg_lift power = {.lambda = 1, .beta_max = 50, .decay = 3, .power = 1.3};
    const sg_lift shape = {.lambda = 1, .beta_max = 50, .decay = 3, .shapes = 1, .shape = {-1.3 * log(51) / 2}};
    const double norm[2] = {sg_lift_norm(&power), sg_lift_norm(&shape)};
    for (int k = 0; k <= 20; k++) {
        const double beta = 2.5 * k;
        double slope[2], bend[2];
        assert_near(sg_lift_log_rate(&power, norm[0], beta, &slope[0], &bend[0]),
                    sg_lift_log_rate(&shape, norm[1], beta, &slope[1], &bend[1]), 1e-13);
        assert_near(slope[0], slope[1], 1e-14);
        assert_near(bend[0], bend[1], 1e-14);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(derivatives),
        cmocka_unit_test(norms_and_levels),
        cmocka_unit_test(shape_of_a_power),
    };
    return cmocka_run_group_tests_name("schedules of noise levels", tests, NULL, NULL);
}
