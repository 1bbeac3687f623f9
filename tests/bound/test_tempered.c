/*
 * Bounds on tempered Langevin dynamics of mixtures of normals.  Constants of 1/2 N(-m,1) + 1/2 N(m,1) and its overlap
 * under QR's schedule come from a separate program (finite elements for the level with 4000 cells, adaptive quadrature,
 * bisection); the random ones are compared with gaps in test_gap_bounds.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/bound.h"
#include "scoregap/family.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

static const double half[] = {0.5, 0.5};

/* `count` unit normals on the line at these means, h = speed. */
static double bound_of(int count, const double *weight, const double *mean, const double *variance, sg_lift lift,
                       double speed, sg_status *status) {
    sg_panels *level = NULL;
    double *log_h = NULL, value;
    OK(sg_lift_panels(&lift, 200, 0, &level));
    OK(sg_new(&log_h, (size_t)level->n, sizeof *log_h));
    for (int i = 0; i < level->n; i++) log_h[i] = log(speed);
    const sg_tempered_normals law = {1, count, weight, mean, variance, lift.lambda, level, log_h};
    *status = sg_bound_tempered_upper(&law, &value);
    sg_delete(log_h);
    sg_panels_delete(level);
    return exp(value);
}

static sg_lift printed(double R) {
    return (sg_lift){.lambda = 1, .beta_max = 14 * R - 1, .decay = 7 * R};
}

static void test_two_normals(void **state) {
    (void)state;
    const double truth[] = {175.89984617283946, 2792.974598739063, 44617.27375373956}, one[] = {1, 1};
    for (int k = 0; k < 3; k++) {
        const double m = exp2(k), mean[] = {-m, m};
        sg_status status;
        const double both = bound_of(2, half, mean, one, printed(4 * m * m), 1, &status);
        assert_int_equal(status, SG_OK);
        assert_near(both / truth[k], 1, 1.5e-3); /* found to 1e-3, and the elements' error of 3e-4 */
        /* of one component alone; 1 + X/4 with the overlap X of the same program */
        const double alone = bound_of(1, half, mean, one, printed(4 * m * m), 1, &status);
        assert_near(both / alone, 1 + 0.1326158644129 / 4, 1e-10);
    }
}

/* Time runs at the speed of the slower part: for a slow level the constant of the level alone, uniform r on [0, top].
 */
static void test_slow_level(void **state) {
    (void)state;
    const double mean = 0, one = 1;
    const sg_lift flat = {.lambda = 1, .beta_max = 20};
    for (int k = 2; k <= 6; k++) {
        sg_status status;
        const double speed = pow(10, -k), level = pow(20 / M_PI, 2) / speed;
        const double bound = bound_of(1, &one, &mean, &one, flat, speed, &status);
        assert_int_equal(status, SG_OK);
        assert_true(bound >= level * (1 - 1e-9));
        assert_near(bound / level, 1, 1.1e-3 + speed);
    }
}

/* Infinite where the wider component's density over the other's is not square-integrable at beta = 0. */
static void test_overlaps(void **state) {
    (void)state;
    const double mean[] = {-1, 1}, apart[] = {1, 2.5}, crossed[] = {1, 1, 4};
    const double third[] = {1. / 3, 1. / 3, 1. / 3}, zero[3] = {0};
    sg_status status;
    double bound = bound_of(2, half, mean, apart, printed(4), 1, &status); /* one side suffices */
    assert_int_equal(status, SG_OK);
    assert_true(isfinite(bound));
    bound = bound_of(3, third, zero, crossed, printed(4), 1, &status);
    assert_int_equal(status, SG_OK);
    const double negative[] = {1, -1};
    bound_of(2, half, mean, negative, printed(4), 1, &status);
    assert_int_equal(status, SG_OUT_OF_RANGE);
    const double none[] = {1, 0};
    bound_of(2, none, mean, apart, printed(4), 1, &status);
    assert_int_equal(status, SG_OUT_OF_RANGE);
}

/* By hand: d = 1, R = 16, c = 224, B = (223/pi)^2 = 5038.60..; b = c + 5/4 B; and the values of the other program. */
static void test_scales(void **state) {
    (void)state;
    const double c = 224, B = 223 * 223 / (M_PI * M_PI), b = c + 1.25 * B;
    assert_near(exp(sg_bound_tempered_scales_upper(1, 1, 1, 16)) / (0.5 * (b + sqrt(b * b - 4 * c * B)) * 113), 1,
                1e-14);
    assert_near(exp(sg_bound_tempered_scales_upper(1, 1, 1, 4)), 11476.762852086546, 1e-8);
    assert_near(exp(sg_bound_tempered_scales_upper(1, 1, 1, 64)), 45632531.94809598, 1e-5);
    /* never below the decomposition, whatever R */
    for (int k = 0; k < 8; k++) {
        const double R = 0.2 * exp2(k), mean[] = {0, sqrt(R)}, one[] = {1, 1};
        sg_status status;
        const double sharp = bound_of(2, half, mean, one, printed(R), 1, &status);
        assert_int_equal(status, SG_OK);
        assert_true(log(sharp) <= sg_bound_tempered_scales_upper(1, 1, 1, R) + 1e-3);
    }
    assert_true(isnan(sg_bound_tempered_scales_upper(1, 1, 1, 1. / 14)));
    assert_true(isnan(sg_bound_tempered_scales_upper(1, 0, 1, 4)));
    assert_true(isnan(sg_bound_tempered_scales_upper(1, 2, 1, 4)));
}

static void test_memory_failures(void **state) {
    (void)state;
    const double mean[] = {-1, 1}, one[] = {1, 1};
    const sg_lift lift = printed(4);
    sg_panels *level = NULL;
    double *log_h = NULL, value;
    OK(sg_lift_panels(&lift, 200, 0, &level));
    OK(sg_new(&log_h, (size_t)level->n, sizeof *log_h));
    const sg_tempered_normals law = {1, 2, half, mean, one, 1, level, log_h};
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    int k = 1;
    for (; status == SG_NO_MEMORY && k < 100000; k += 1 + k / 4) {
        sg_memory_fail_after(k);
        status = sg_bound_tempered_upper(&law, &value);
        sg_memory_fail_after(0);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 10);
    sg_delete(log_h);
    sg_panels_delete(level);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_normals), cmocka_unit_test(test_slow_level),      cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_scales),      cmocka_unit_test(test_memory_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
