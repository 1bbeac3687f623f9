/* Mixing times on the line against closed forms, and the two methods against one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <string.h>

#include "laws.h"
#include "scoregap/mixing.h"

static double below(double x) {
    return 0.5 * erfc(-x * M_SQRT1_2);
}

/* TV between N(m, v) and N(0, 1), v < 1: the densities cross where (x-m)^2/v + log v = x^2. */
static double gaussian_distance(double m, double v) {
    double a = 1 - v, b = -2 * m, c = m * m + v * log(v), root = sqrt(b * b - 4 * a * c), s = sqrt(v);
    double lo = (-b - root) / (2 * a), hi = (-b + root) / (2 * a);
    return (below((hi - m) / s) - below((lo - m) / s)) - (below(hi) - below(lo));
}

/* Langevin's diffusion of N(0, a^2) from x */
static double ornstein_uhlenbeck(double a, double x, double t) {
    return gaussian_distance(x / a * exp(-t / (a * a)), -expm1(-2 * t / (a * a)));
}

static sg_panels *panels_of(const law *l, double depth) {
    sg_panels *panels = NULL;
    assert_int_equal(law_panels(l, depth, 0, &panels), SG_OK);
    return panels;
}

static sg_mixing mixing_of(const sg_panels *panels, const double *log_d, sg_start start, double x, double epsilon,
                           int points) {
    const sg_mixing_settings settings = {.epsilon = epsilon, .points = points};
    sg_mixing m = {0};
    sg_status status = sg_line_mixing(panels, log_d, start, x, &settings, &m);
    if (status) fail_msg("%s: %s", sg_status_name(status), sg_message());
    return m;
}

static void assert_decreasing(const sg_mixing *m) {
    for (int i = 1; i < m->points; i++)
        if (m->distance[i] > m->distance[i - 1] + 1e-12)
            fail_msg("TV grows from %.15g to %.15g at time %g", m->distance[i - 1], m->distance[i], m->time[i]);
}

static void test_gaussian_profile(void **state) {
    (void)state;
    static const double start[] = {0, 0.3, -1, 2.5, 6, 15}, scale[] = {1, 3};
    for (int a = 0; a < 2; a++) {
        law l = {.kind = GAUSSIAN, .a = scale[a]};
        sg_panels *panels = panels_of(&l, 200);
        for (int k = 0; k < 6; k++) {
            double x = start[k] * scale[a];
            sg_mixing m = mixing_of(panels, NULL, SG_START_POINT, x, 0.25, 11);
            assert_int_equal(m.status, SG_OK);
            assert_near(m.relaxation_time, scale[a] * scale[a], 1e-9 * scale[a] * scale[a]);
            for (int i = 1; i < m.points; i++)
                assert_near(m.distance[i], ornstein_uhlenbeck(scale[a], x, m.time[i]), 1e-11);
            assert_near(ornstein_uhlenbeck(scale[a], x, m.mixing_time), 0.25, 1e-11);
            assert_true(ornstein_uhlenbeck(scale[a], x, m.mixing_time_lower) >= 0.25 - 1e-15);
            assert_true(ornstein_uhlenbeck(scale[a], x, m.mixing_time_upper) <= 0.25 + 1e-15);
            assert_true(m.mixing_time_upper < m.mixing_time_lower * (1 + 1e-9));
            assert_non_null(strstr(m.method, "checked"));
            assert_decreasing(&m);
            sg_mixing_clear(&m);
        }
        sg_panels_delete(panels);
    }
}

/* Small and large distances. */
static void test_gaussian_levels(void **state) {
    (void)state;
    static const double epsilon[] = {0.9, 0.5, 1e-2, 1e-6};
    law l = {.kind = GAUSSIAN, .a = 1};
    sg_panels *panels = panels_of(&l, 200);
    for (int k = 0; k < 4; k++) {
        sg_mixing m = mixing_of(panels, NULL, SG_START_POINT, 2, epsilon[k], 0);
        assert_near(ornstein_uhlenbeck(1, 2, m.mixing_time) / epsilon[k], 1, 1e-11 / epsilon[k]);
        sg_mixing_clear(&m);
    }
    sg_panels_delete(panels);
}

/* A constant D is another clock; D = 1 + x^2 has the moment exp(-2t) of x - E x and no closed form: two methods. */
/* p = 15/16 (1-x^2)^2, D = 1-x^2, from x = 1: Gegenbauer polynomials of index 5/2, eigenvalues k (k+5). */
static double jacobi(double t) {
    enum { CELLS = 40000, TERMS = 60 };
    double norm[TERMS] = {0}, at_one[TERMS], sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = -1; i < CELLS; i++) {
            const double x = i < 0 ? 1 : (2.0 * i + 1) / CELLS - 1, p = 15.0 / 16 * (1 - x * x) * (1 - x * x);
            double c[TERMS] = {1, 5 * x}, rest = 0;
            for (int k = 2; k < TERMS; k++) c[k] = (2 * x * (k + 1.5) * c[k - 1] - (k + 3) * c[k - 2]) / k;
            for (int k = 1; k < TERMS; k++) {
                if (i < 0) at_one[k] = c[k];
                if (i >= 0 && !pass) norm[k] += c[k] * c[k] * p * 2 / CELLS;
                if (i >= 0 && pass) rest += exp(-k * (k + 5) * t) * at_one[k] * c[k] / norm[k];
            }
            if (pass && i >= 0) sum += fabs(rest) * p / CELLS;
        }
    return sum;
}

static void test_weights(void **state) {
    (void)state;
    law l = {.kind = GAUSSIAN, .a = 1}, b = {.kind = BETA, .a = 3};
    sg_panels *panels = panels_of(&l, 200), *beta = panels_of(&b, 200);
    double *log_d = law_log_d(panels, seven);
    sg_mixing slow = mixing_of(panels, NULL, SG_START_POINT, 1.5, 0.1, 0),
              fast = mixing_of(panels, log_d, SG_START_POINT, 1.5, 0.1, 0);
    assert_near(fast.mixing_time * 7 / slow.mixing_time, 1, 1e-10);
    sg_mixing_clear(&slow);
    sg_mixing_clear(&fast);
    sg_delete(log_d);
    log_d = law_log_d(panels, one_plus_square);
    sg_mixing m = mixing_of(panels, log_d, SG_START_POINT, 1.5, 0.1, 13);
    assert_int_equal(m.status, SG_OK);
    assert_non_null(strstr(m.method, "checked"));
    assert_decreasing(&m);
    sg_mixing_clear(&m);
    sg_delete(log_d);
    log_d = law_log_d(beta, one_minus_square); /* Jacobi polynomials, eigenvalues k (k + 5) */
    m = mixing_of(beta, log_d, SG_START_WORST, NAN, 0.25, 0);
    assert_near(m.relaxation_time, 1 / 6.0, 1e-9);
    assert_int_equal(m.status, SG_OK);
    assert_true(m.mixing_time > m.sandwich_lower);
    assert_near(jacobi(m.mixing_time), 0.25, 1e-6); /* midpoints, 40000 */
    sg_mixing_clear(&m);
    sg_delete(log_d);
    sg_panels_delete(panels);
    sg_panels_delete(beta);
}

/* Reflected Brownian motion on [0, l] from its end: theta functions. */
static double reflected(double l, double t) {
    /* density 1/l (1 + 2 sum cos(k pi y/l) exp(-(k pi/l)^2 t)) decreases: TV is the integral up to where it is 1/l */
    double lo = 0, hi = l, sum = 0;
    for (int i = 0; i < 200; i++) {
        double y = 0.5 * (lo + hi), excess = 0;
        for (int k = 1; k < 400; k++) excess += 2 * cos(k * M_PI * y / l) * exp(-pow(k * M_PI / l, 2) * t);
        if (excess > 0)
            lo = y;
        else
            hi = y;
    }
    for (int k = 1; k < 400; k++) sum += 2 * sin(k * M_PI * lo / l) / (k * M_PI) * exp(-pow(k * M_PI / l, 2) * t);
    return sum;
}

static void test_interval(void **state) {
    (void)state;
    for (double length = 0.5; length < 5; length *= 3) {
        law l = {.kind = UNIFORM, .a = length};
        sg_panels *panels = panels_of(&l, 200);
        sg_mixing m = mixing_of(panels, NULL, SG_START_WORST, NAN, 0.25, 13);
        assert_int_equal(m.status, SG_OK);
        assert_non_null(strstr(m.start, "end"));
        assert_near(reflected(length, m.mixing_time), 0.25, 1e-11);
        for (int i = 1; i < m.points; i++) assert_near(m.distance[i], reflected(length, m.time[i]), 1e-11);
        assert_near(m.relaxation_time, pow(length / M_PI, 2), 1e-9 * length * length);
        assert_true(m.sandwich_lower <= m.mixing_time && isnan(m.sandwich_upper));
        sg_mixing_clear(&m);
        sg_panels_delete(panels);
    }
}

/* From N(0,1) restricted to x <= 0 the law has density 2 Phi(-x e^-t / sqrt(1 - e^-2t)): TV is that of Phi(..) > 1/2.
 */
static double half_gaussian(double t) {
    /* TV = P(X <= 0) under the law - 1/2 = arctan(e^-t / sqrt(1 - e^-2t)) / pi */
    return atan(exp(-t) / sqrt(-expm1(-2 * t))) / M_PI;
}

static void test_warm(void **state) {
    (void)state;
    law l = {.kind = GAUSSIAN, .a = 1};
    sg_panels *panels = panels_of(&l, 200);
    sg_mixing m = mixing_of(panels, NULL, SG_START_WARM, NAN, 0.1, 13);
    assert_int_equal(m.status, SG_OK);
    assert_near(half_gaussian(m.mixing_time), 0.1, 1e-11);
    assert_near(m.distance[0], 0.5, 1e-12);
    for (int i = 1; i < m.points; i++) assert_near(m.distance[i], half_gaussian(m.time[i]), 1e-11);
    sg_mixing_clear(&m);
    m = mixing_of(panels, NULL, SG_START_WARM, NAN, 0.5 + 1e-9, 0);
    assert_true(m.mixing_time == 0);
    sg_mixing_clear(&m);
    sg_panels_delete(panels);
}

/* Deep wells: after a long time TV = 1/2 exp(-gap t), times of any size. */
static void test_metastable(void **state) {
    (void)state;
    for (double h = 5; h <= 100; h += 47.5) {
        law l = {.kind = DOUBLE_WELL, .a = h};
        sg_panels *panels = panels_of(&l, 200);
        sg_gap gap;
        assert_int_equal(sg_line_gap(panels, NULL, NULL, NULL, &gap), SG_OK);
        sg_mixing m = mixing_of(panels, NULL, SG_START_POINT, -1, 0.01, 0);
        assert_int_equal(m.status, SG_OK);
        /* 1/2 E|phi_1| phi_1(-1) exp(-gap t) with phi_1 near -1 and 1: equality only in the limit of deep wells */
        double two_states = log(0.5 / 0.01) / gap.gap, tolerance = h > 30 ? 3 / h : 0.2;
        assert_near(m.mixing_time / two_states, 1, tolerance);
        assert_near(m.relaxation_time * gap.gap, 1, 1e-12);
        assert_true(m.mixing_time_upper <= m.mixing_time_lower * (1 + 1e-6));
        sg_mixing_clear(&m);
        sg_panels_delete(panels);
    }
}

/* The worst start of a Gaussian is infinitely far; a quartic potential comes down from infinity. */
static void test_from_infinity(void **state) {
    (void)state;
    law g = {.kind = GAUSSIAN, .a = 1}, q = {.kind = SEXTIC, .c = {0, 0, 0, 0, 1}}, e = {.kind = LAPLACE};
    sg_panels *panels = panels_of(&g, 200);
    sg_mixing m = mixing_of(panels, NULL, SG_START_WORST, NAN, 0.25, 10);
    assert_int_equal(m.status, SG_REFUSED);
    assert_true(isnan(m.mixing_time) && m.points == 0);
    assert_non_null(strstr(m.message, "--start"));
    sg_mixing_clear(&m);
    sg_panels_delete(panels);
    panels = panels_of(&e, 200);
    m = mixing_of(panels, NULL, SG_START_WORST, NAN, 0.25, 0);
    assert_int_equal(m.status, SG_REFUSED);
    sg_mixing_clear(&m);
    sg_panels_delete(panels);
    double time[2], width[2];
    for (int k = 0; k < 2; k++) { /* two cuts agree within what they say */
        panels = panels_of(&q, k ? 400 : 150);
        m = mixing_of(panels, NULL, SG_START_WORST, NAN, 0.25, 0);
        assert_true(m.status == SG_OK || m.status == SG_UNCERTIFIED);
        assert_non_null(strstr(m.start, "infinity"));
        time[k] = m.mixing_time, width[k] = m.mixing_time_upper - m.mixing_time_lower;
        sg_mixing_clear(&m);
        for (double x = -3; x <= 3; x += 1.5) { /* no start is later */
            m = mixing_of(panels, NULL, SG_START_POINT, x, 0.25, 0);
            assert_true(m.mixing_time < time[k]);
            sg_mixing_clear(&m);
        }
        sg_panels_delete(panels);
    }
    assert_near(time[0], time[1], 0.5 * (width[0] + width[1]));
    assert_true(width[0] < 1e-3 * time[0]);
}

static void test_requests(void **state) {
    (void)state;
    law l = {.kind = GAUSSIAN, .a = 1};
    sg_panels *panels = panels_of(&l, 200);
    sg_mixing m = {0};
    sg_mixing_settings bad = {.epsilon = 1};
    assert_int_equal(sg_line_mixing(panels, NULL, SG_START_POINT, 0, &bad, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_line_mixing(panels, NULL, SG_START_POINT, 1e3, NULL, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_line_mixing(panels, NULL, SG_START_POINT, NAN, NULL, &m), SG_OUT_OF_RANGE);
    sg_mixing_clear(&m);
    sg_panels_delete(panels);
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian_profile),
        cmocka_unit_test(test_gaussian_levels),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_warm),
        cmocka_unit_test(test_metastable),
        cmocka_unit_test(test_from_infinity),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
