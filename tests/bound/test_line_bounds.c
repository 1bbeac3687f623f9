/*
 * The bounds on the line beyond Muckenhoupt's and Cheeger's: against closed forms, and around constants that are known.
 * Closed forms used: Gaussian C_P = C_LS = s^2; uniform on length l C_P = C_LS = (l/pi)^2; the law of x^2 in the
 * coordinate of its own diffusion; double wells' C_P from 40-digit arithmetic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "scoregap/bound.h"

typedef struct {
    double (*log_q)(double a, double x);
    double (*first)(double a, double x);
    double (*second)(double a, double x);
    double a, lo, hi, mark;
    const char *name;
} law;

static double gauss(double a, double x) {
    return -0.5 * x * x / (a * a);
}
static double gauss1(double a, double x) {
    return -x / (a * a);
}
static double gauss2(double a, double x) {
    (void)x;
    return -1 / (a * a);
}
static double flat(double a, double x) {
    (void)a, (void)x;
    return 0;
}
static double well(double a, double x) {
    return -a * (x * x - 1) * (x * x - 1);
}
static double well1(double a, double x) {
    return -4 * a * x * (x * x - 1);
}
static double well2(double a, double x) {
    return -a * (12 * x * x - 4);
}
static double quartic(double a, double x) {
    return -a * x * x * x * x - 0.5 * x * x;
}
static double quartic1(double a, double x) {
    return -4 * a * x * x * x - x;
}
static double quartic2(double a, double x) {
    return -12 * a * x * x - 1;
}

static const law gaussian = {gauss, gauss1, gauss2, 2, -INFINITY, INFINITY, 2, "gaussian"};
static const law uniform = {flat, flat, flat, 1, 0, 3, 1, "uniform"};
static const law quartic_law = {quartic, quartic1, quartic2, 0.5, -INFINITY, INFINITY, 0.5, "quartic"};

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const law *l = context;
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = l->log_q(l->a, x[i]);
}

static sg_panels *panels_of(const law *l, int level) {
    const double at[] = {-1, 0, 1}, scale[] = {l->mark, l->mark, l->mark};
    sg_density density = {.context = l,
                          .evaluate = evaluate,
                          .lo = l->lo,
                          .hi = l->hi,
                          .landmarks = isfinite(l->lo) ? 0 : 3,
                          .landmark = at,
                          .scale = scale};
    sg_panels *panels = NULL;
    if (sg_panels_new(&density, 1e-13, 200, level, &panels)) fail_msg("%s: %s", l->name, sg_message());
    return panels;
}

static law double_well(double h) {
    return (law){well, well1, well2, h, -INFINITY, INFINITY, 0.3 / sqrt(h), "double well"};
}

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

/* ---------------------------------------------------------------------- Chen */

/* Both sides close in on the constant from their sides, whatever the number of steps. */
static void test_chen(void **state) {
    (void)state;
    const struct {
        law law;
        double log_poincare;
    } cases[] = {{gaussian, log(4)},
                 {uniform, 2 * log(3 / M_PI)},
                 {double_well(5), -log(0.0555228127315)},
                 {double_well(20), -log(7.27721139945e-08)},
                 {double_well(100), -log(6.67316232264e-42)}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_panels *panels = panels_of(&cases[k].law, 0);
        double width = INFINITY;
        for (int steps = 1; steps <= 64; steps *= 4) {
            sg_chen c;
            assert_int_equal(sg_bound_chen(panels, NULL, steps, &c), SG_OK);
            if (!(c.log_lower <= cases[k].log_poincare + 1e-10 && cases[k].log_poincare - 1e-10 <= c.log_upper))
                fail_msg("%s, %d steps: [%.15g, %.15g] misses %.15g", cases[k].law.name, steps, c.log_lower,
                         c.log_upper, cases[k].log_poincare);
            assert_true(c.log_upper - c.log_lower <= width + 1e-12);
            width = c.log_upper - c.log_lower;
        }
        if (k > 1 && !(width < 1e-9)) fail_msg("%s: still %g wide", cases[k].law.name, width);
        sg_panels_delete(panels);
    }
    sg_panels *panels = panels_of(&gaussian, 0);
    sg_chen c;
    assert_int_equal(sg_bound_chen(panels, NULL, 0, &c), SG_OUT_OF_RANGE);
    sg_panels_delete(panels);
}

/* With a constant D the constant is divided by it; one step of the Gaussian from g = 1 is exact but for the cut. */
static void test_chen_diffusion(void **state) {
    (void)state;
    sg_panels *panels = panels_of(&gaussian, 0);
    double *log_d = NULL;
    sg_chen plain, divided;
    assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof *log_d), SG_OK);
    for (int i = 0; i < panels->n; i++) log_d[i] = log(7);
    assert_int_equal(sg_bound_chen(panels, NULL, 3, &plain), SG_OK);
    assert_int_equal(sg_bound_chen(panels, log_d, 3, &divided), SG_OK);
    assert_near(divided.log_lower, plain.log_lower - log(7), 1e-12);
    assert_near(divided.log_upper, plain.log_upper - log(7), 1e-12);
    assert_near(plain.log_upper, log(4), 1e-10);
    sg_delete(log_d);
    sg_panels_delete(panels);
}

/* --------------------------------------------------------------- Bakry-Emery */

static sg_bakry_emery bakry_emery(const law *l, double power) {
    sg_panels *panels = panels_of(l, 0);
    double *a = NULL;
    sg_bakry_emery out;
    const size_t n = (size_t)panels->n;
    assert_int_equal(sg_new(&a, 4 * n, sizeof *a), SG_OK);
    for (size_t i = 0; i < n; i++) {
        double x = panels->x[i], w = 1 + x * x;
        a[i] = l->first(l->a, x);
        a[n + i] = l->second(l->a, x);
        a[2 * n + i] = power * log(w);
        a[3 * n + i] = 2 * power * x / w;
    }
    assert_int_equal(
        sg_bound_bakry_emery(panels, a, a + n, power != 0 ? a + 2 * n : NULL, power != 0 ? a + 3 * n : NULL, &out),
        SG_OK);
    sg_delete(a);
    sg_panels_delete(panels);
    return out;
}

static void test_bakry_emery(void **state) {
    (void)state;
    sg_bakry_emery b = bakry_emery(&gaussian, 0);
    assert_near(b.log_poincare_upper, log(4), 1e-14);
    b = bakry_emery(&quartic_law, 0); /* V'' = 6 x^2 + 1 */
    assert_near(b.curvature, 1, 1e-9);
    assert_near(b.at, 0, 0.1);
    const law deep = double_well(5);
    b = bakry_emery(&deep, 0); /* V'' = 60 x^2 - 20 < 0 at 0 */
    assert_near(b.curvature, -20, 1e-6);
    assert_true(b.log_poincare_upper == INFINITY);
}

/*
 * D = (1 + x^2)^power on N(0, 4) by second differences of V = -log p - log(D)/2 along y = int dx/sqrt(D), here for D =
 * 1 + x^2: x = sinh y, V = sinh(y)^2/8 - log cosh y, V'' = cosh(2 y)/4 - 1/cosh(y)^2, least at y = 0.
 */
static void test_bakry_emery_diffusion(void **state) {
    (void)state;
    sg_bakry_emery b = bakry_emery(&gaussian, 1);
    assert_near(b.curvature, 0.25 - 1, 1e-7);
    const law narrow = {gauss, gauss1, gauss2, 0.5, -INFINITY, INFINITY, 0.5, "narrow gaussian"};
    b = bakry_emery(&narrow, 1); /* 2 sinh^2 - log cosh: V'' = 4 cosh(2 y) - 1/cosh^2, 3 at 0 */
    assert_near(b.curvature, 3, 1e-7);
    assert_near(b.log_poincare_upper, -log(3), 1e-7);
}

/* --------------------------------------------------------------- log-Sobolev */

/* The Gaussian's and the uniform law's constants are known; everything else must lie between C_P and the upper side. */
static void test_log_sobolev(void **state) {
    (void)state;
    const struct {
        law law;
        double log_constant;
    } cases[] = {{gaussian, log(4)}, {uniform, 2 * log(3 / M_PI)}};
    for (size_t k = 0; k < 2; k++) {
        sg_panels *panels = panels_of(&cases[k].law, 0);
        sg_log_sobolev_bounds b;
        assert_int_equal(sg_bound_log_sobolev(panels, NULL, &b), SG_OK);
        if (!(b.log_lower <= cases[k].log_constant && cases[k].log_constant <= b.log_upper))
            fail_msg("%s: [%g, %g] misses %g", cases[k].law.name, b.log_lower, b.log_upper, cases[k].log_constant);
        assert_true(b.log_upper - b.log_lower < log(16 * 2)); /* the sides are never far apart: a factor below 4 * 8 */
        sg_panels_delete(panels);
    }
}

/*
 * The uniform law on [0, 1] by hand: Q = 1 - x, int_{1/2}^x = x - 1/2, so with z = 1 - x the lower side is
 * sup z log(1 + 1/(2z)) (1/2 - z) / 2 and the upper one 2 sup z log(1 + e^2/z) (1/2 - z).
 */
static void test_log_sobolev_uniform(void **state) {
    (void)state;
    const law unit = {flat, flat, flat, 1, 0, 1, 1, "unit interval"};
    double lower = 0, upper = 0;
    for (int i = 1; i < 500000; i++) {
        double z = i * 1e-6;
        lower = fmax(lower, 0.5 * z * log1p(0.5 / z) * (0.5 - z));
        upper = fmax(upper, 2 * z * log1p(exp(2) / z) * (0.5 - z));
    }
    sg_panels *panels = panels_of(&unit, 0);
    sg_log_sobolev_bounds b;
    assert_int_equal(sg_bound_log_sobolev(panels, NULL, &b), SG_OK);
    assert_near(b.log_lower, log(lower), 1e-9);
    assert_near(b.log_upper, log(upper), 1e-9);
    sg_panels_delete(panels);
}

/* ------------------------------------------------------------ Holley-Stroock */

/* A log-concave law is its own envelope; a double well pays exp(h) and lies below the bound. */
static void test_holley_stroock(void **state) {
    (void)state;
    sg_panels *panels = panels_of(&gaussian, 0);
    sg_holley_stroock b;
    sg_muckenhoupt m;
    assert_int_equal(sg_bound_holley_stroock(panels, NULL, &b), SG_OK);
    assert_int_equal(sg_bound_muckenhoupt(panels, NULL, &m), SG_OK);
    assert_near(b.oscillation, 0, 1e-9);
    assert_near(b.log_poincare_upper, m.log_upper, 2e-4);
    sg_panels_delete(panels);
    const double height[] = {5, 20, 100}, gap[] = {0.0555228127315, 7.27721139945e-08, 6.67316232264e-42};
    for (int k = 0; k < 3; k++) {
        const law deep = double_well(height[k]);
        double value[2];
        for (int level = 0; level < 2; level++) {
            panels = panels_of(&deep, level);
            if (sg_bound_holley_stroock(panels, NULL, &b)) fail_msg("h = %g: %s", height[k], sg_message());
            assert_near(b.oscillation, height[k], 1e-2 * height[k]); /* the envelope is flat between the wells */
            if (!(b.log_poincare_upper >= -log(gap[k]))) fail_msg("h = %g: %g", height[k], b.log_poincare_upper);
            value[level] = b.log_poincare_upper;
            sg_panels_delete(panels);
        }
        assert_near(value[1], value[0], 1e-4 + 1e-4 * height[k]); /* what halving the panels changes */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chen),           cmocka_unit_test(test_chen_diffusion),
        cmocka_unit_test(test_bakry_emery),    cmocka_unit_test(test_bakry_emery_diffusion),
        cmocka_unit_test(test_log_sobolev),    cmocka_unit_test(test_log_sobolev_uniform),
        cmocka_unit_test(test_holley_stroock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
