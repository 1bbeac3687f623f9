/*
 * Mixing times on the circle: the wrapped heat kernel for the uniform law; even laws from a point of symmetry, where
 * the circle is a line reflected at both ends (another solver); rotations; the worst of all starts; what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/mixing.h"

static void near_at(double value, double truth, double tolerance, int line) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("line %d: %.17g is not within %g of %.17g", line, value, tolerance, truth);
}
#define assert_near(value, truth, tolerance) near_at(value, truth, tolerance, __LINE__)

/* log q = a cos(x) + b cos(2x) + c sin(x), period `length` by x = 2 pi u/length */
typedef struct {
    double a, b, c, length;
} law;

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const law *l = context;
    (void)test;
    for (int i = 0; i < n; i++) {
        const double u = 2 * M_PI * x[i] / l->length;
        logq[i] = l->a * cos(u) + l->b * cos(2 * u) + l->c * sin(u);
    }
}

/* From lo to hi, with at least `least` panels. */
static sg_panels *panels_between(const law *l, double lo, double hi, int least) {
    double at[17], scale[17];
    sg_panels *panels = NULL;
    sg_density density = {
        .context = l, .evaluate = evaluate, .lo = lo, .hi = hi, .landmarks = 17, .landmark = at, .scale = scale};
    for (int k = 0; k < 17; k++)
        at[k] = lo + (hi - lo) * k / 16.0, scale[k] = 0.02 * l->length / (1 + sqrt(fabs(l->a) + 4 * fabs(l->b)));
    for (int level = 0;; level++) {
        sg_panels_delete(panels);
        OK(sg_panels_new(&density, 1e-13, 595, level, &panels));
        if (panels->count >= least) return panels;
    }
}

static sg_mixing on_circle(const law *l, double open, sg_start start, double x, double epsilon, int points) {
    const sg_mixing_settings settings = {.epsilon = epsilon, .points = points};
    sg_panels *panels = panels_between(l, open, open + l->length, 52);
    sg_mixing m = {0};
    OK(sg_circle_mixing(panels, NULL, start, x, &settings, &m));
    sg_panels_delete(panels);
    assert_true(m.mixing_time_lower <= m.mixing_time && m.mixing_time <= m.mixing_time_upper);
    if (start == SG_START_WORST) assert_true(m.sandwich_lower <= m.mixing_time_upper);
    return m;
}

/* ------------------------------------------------------------- the uniform law */

/* Half of the L1 distance of the wrapped normal density, variance 2t, from 1/length: it falls from 0 to half way round,
 * so that it is P(|X| < z) - 2 z/length at the place z where both are equal. */
static double heat_distance(double length, double t) {
    double lo = 0, hi = 0.5 * length, inside = 0;
    for (int i = 0; i < 100; i++) {
        double z = 0.5 * (lo + hi), density = 0;
        for (int k = -60; k <= 60; k++)
            density += exp(-(z + k * length) * (z + k * length) / (4 * t)) / sqrt(4 * M_PI * t);
        *(density > 1 / length ? &lo : &hi) = z;
    }
    for (int k = -60; k <= 60; k++)
        inside += 0.5 * (erf((lo + k * length) / (2 * sqrt(t))) - erf((-lo + k * length) / (2 * sqrt(t))));
    return inside - 2 * lo / length;
}

static void test_uniform(void **state) {
    (void)state;
    static const double epsilon[] = {0.9, 0.25, 1e-3};
    for (int k = 0; k < 3; k++)
        for (double length = 0.5; length < 10; length *= 4) {
            const law l = {.length = length};
            sg_mixing m = on_circle(&l, -0.3 * length, SG_START_POINT, 0.1 * length, epsilon[k], 9);
            assert_int_equal(m.status, SG_OK);
            assert_near(heat_distance(length, m.mixing_time), epsilon[k], 1e-11);
            assert_true(heat_distance(length, m.mixing_time_lower) >= epsilon[k] - 1e-12);
            assert_true(heat_distance(length, m.mixing_time_upper) <= epsilon[k] + 1e-12);
            assert_near(m.relaxation_time / (length * length / (4 * M_PI * M_PI)), 1, 1e-10);
            for (int i = 1; i < 9; i++) {
                const double truth = heat_distance(length, m.time[i]);
                assert_near(m.distance[i], truth, 1e-10);
                assert_true(fabs(m.distance[i] - truth) <= m.distance_error[i] + 1e-12);
            }
            sg_mixing_clear(&m);
        }
}

/* All starts are equal: the worst of them is none the worse for it. */
static void test_uniform_worst(void **state) {
    (void)state;
    const law l = {.length = 1};
    sg_mixing m = on_circle(&l, 0, SG_START_WORST, NAN, 0.25, 0);
    assert_int_equal(m.status, SG_OK);
    assert_near(heat_distance(1, m.mixing_time), 0.25, 1e-11);
    assert_true(heat_distance(1, m.mixing_time_upper) <= 0.25);
    assert_true(m.mixing_time_upper < m.mixing_time_lower * (1 + 1e-6));
    sg_mixing_clear(&m);
}

/* ------------------------------------------------- symmetry: half of the circle */

/* An even law from a point of symmetry stays even: it is that of the half circle, reflected at both ends. */
static void test_half(void **state) {
    (void)state;
    static const law even[] = {{1, 0, 0, 2 * M_PI}, {20, 0, 0, 2 * M_PI}, {0.5, 3, 0, 2 * M_PI},
                               {1, 12, 0, 4},       {60, 0, 0, 2 * M_PI}, {2, 40, 0, 2 * M_PI}};
    for (int k = 0; k < 6; k++)
        for (int side = 0; side < 2; side++) {
            const law *l = &even[k];
            const double half = 0.5 * l->length, x = side ? half : 0;
            const sg_mixing_settings settings = {.epsilon = 0.2, .points = 6};
            sg_panels *panels = panels_between(l, 0, half, 1);
            sg_mixing line = {0}, circle = on_circle(l, 0.77 - half, SG_START_POINT, x, 0.2, 6);
            OK(sg_line_mixing(panels, NULL, SG_START_POINT, x, &settings, &line));
            assert_int_equal(circle.status, SG_OK);
            assert_near(circle.mixing_time / line.mixing_time, 1, 1e-8);
            assert_true(circle.mixing_time_lower <= line.mixing_time_upper * (1 + 1e-10));
            assert_true(line.mixing_time_lower <= circle.mixing_time_upper * (1 + 1e-10));
            for (int i = 0; i < 6; i++) assert_near(circle.distance[i], line.distance[i], 1e-8);
            sg_mixing_clear(&line);
            sg_mixing_clear(&circle);
            sg_panels_delete(panels);
        }
}

/* From half of an even law, the two sides exchanged: the same by any way of counting. */
static void test_warm(void **state) {
    (void)state;
    const law l = {.a = 3, .b = 1, .length = 2 * M_PI};
    sg_mixing low = on_circle(&l, -M_PI, SG_START_WARM, NAN, 0.1, 5),
              high = on_circle(&l, 0, SG_START_WARM, NAN, 0.1, 5);
    assert_near(low.distance[0], 0.5, 1e-12);
    assert_near(low.mixing_time / high.mixing_time, 1, 1e-9);
    for (int i = 0; i < 5; i++) assert_near(low.distance[i], high.distance[i], 1e-9);
    sg_mixing_clear(&low);
    sg_mixing_clear(&high);
    /* all of it but a part of mass 1e-3 or less is near from the beginning */
    low = on_circle(&l, -M_PI, SG_START_WARM, M_PI - 1e-3, 0.1, 0);
    assert_true(low.mixing_time == 0);
}

/* Uniform on half of a circle of length 1: sums of sines over odd modes. */
static void test_warm_uniform(void **state) {
    (void)state;
    const law l = {.length = 1};
    sg_mixing m = on_circle(&l, 0, SG_START_WARM, NAN, 0.1, 7);
    for (int i = 1; i < 7; i++) {
        /* h_t - 1 = sum over odd k of 4/(pi k) sin(2 pi k x) e^{-(2 pi k)^2 t}, positive on the first half */
        double sum = 0;
        for (int k = 1; k < 400; k += 2) sum += 4 / (M_PI * M_PI * k * k) * exp(-4 * M_PI * M_PI * k * k * m.time[i]);
        assert_near(m.distance[i], sum, 1e-11);
    }
    sg_mixing_clear(&m);
}

/* ------------------------------------------------------- rotations, and starts */

static void test_rotation(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++) {
        const law l = {.a = 1 + 4 * k, .b = k, .c = 2, .length = 2 * M_PI};
        sg_mixing first = on_circle(&l, -M_PI, SG_START_POINT, 1, 0.25, 5);
        for (int turn = 1; turn < 3; turn++) {
            sg_mixing m = on_circle(&l, -M_PI + 1.3 * turn, SG_START_POINT, 1 + 2 * M_PI * (turn - 2), 0.25, 5);
            assert_near(m.mixing_time / first.mixing_time, 1, 1e-9);
            for (int i = 0; i < 5; i++) assert_near(m.distance[i], first.distance[i], 1e-9);
            sg_mixing_clear(&m);
        }
        sg_mixing_clear(&first);
    }
}

/* No start is later than the worst, and one is as late. */
static void test_worst(void **state) {
    (void)state;
    static const law any[] = {{1, 2, 1, 2 * M_PI}, {6, 0, 3, 2 * M_PI}};
    for (int k = 0; k < 2; k++) {
        sg_mixing worst = on_circle(&any[k], -M_PI, SG_START_WORST, NAN, 0.25, 0);
        double latest = 0, at;
        assert_int_equal(worst.status, SG_OK);
        assert_true(worst.mixing_time_upper < worst.mixing_time_lower * (1 + 1e-6));
        for (int i = 0; i < 9; i++) {
            sg_mixing m = on_circle(&any[k], -M_PI, SG_START_POINT, 2 * M_PI * i / 9, 0.25, 0);
            assert_true(m.mixing_time_lower <= worst.mixing_time_upper);
            latest = fmax(latest, m.mixing_time);
            sg_mixing_clear(&m);
        }
        assert_true(worst.mixing_time >= latest * (1 - 1e-11));
        assert_int_equal(sscanf(worst.start, "worst: x = %lf", &at), 1);
        sg_mixing m = on_circle(&any[k], -M_PI, SG_START_POINT, at, 0.25, 0);
        assert_near(m.mixing_time / worst.mixing_time, 1, 1e-8);
        sg_mixing_clear(&m);
        sg_mixing_clear(&worst);
    }
}

/* Two equal wells with barriers of e^80: half of the law crosses at the rate of the gap. */
static void test_metastable(void **state) {
    (void)state;
    const law l = {.b = 40, .length = 2 * M_PI};
    sg_mixing m = on_circle(&l, -M_PI / 2, SG_START_POINT, 0, 0.2, 0);
    assert_int_equal(m.status, SG_OK);
    assert_near(m.mixing_time / (m.relaxation_time * log(0.5 / 0.2)), 1, 1e-9);
    assert_true(m.relaxation_time > 1e30);
    sg_mixing_clear(&m);
}

static void test_requests(void **state) {
    (void)state;
    const law l = {.a = 1, .length = 2 * M_PI}, deep = {.a = 350, .length = 2 * M_PI};
    sg_panels *panels = panels_between(&l, -M_PI, M_PI, 52), *far = panels_between(&deep, -M_PI, M_PI, 1);
    sg_mixing m = {0};
    assert_int_equal(sg_circle_mixing(panels, NULL, SG_START_POINT, INFINITY, NULL, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_circle_mixing(far, NULL, SG_START_POINT, 0, NULL, &m), SG_REFUSED);
    const sg_mixing_settings wrong = {.epsilon = 2};
    assert_int_equal(sg_circle_mixing(panels, NULL, SG_START_POINT, 0, &wrong, &m), SG_OUT_OF_RANGE);
    sg_panels_delete(far);
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status == SG_NO_MEMORY; k += 1 + k / 4) {
        assert_true(k < 20000);
        sg_memory_fail_after(k);
        status = sg_circle_mixing(panels, NULL, SG_START_POINT, 0, NULL, &m);
        sg_memory_fail_after(0);
        sg_mixing_clear(&m);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(status, SG_OK);
    sg_panels_delete(panels);
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform), cmocka_unit_test(test_uniform_worst), cmocka_unit_test(test_half),
        cmocka_unit_test(test_warm),    cmocka_unit_test(test_warm_uniform),  cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_worst),   cmocka_unit_test(test_metastable),    cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
