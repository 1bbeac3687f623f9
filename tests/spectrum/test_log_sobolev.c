/*
 * The logarithmic Sobolev constant.  Closed forms: Gaussian s^2; uniform on length l (l/pi)^2; von Mises on the circle
 * 1, attained by exp(-kappa cos x), at any kappa where C_P <= 1; two points log((1-a)/a)/(2(1-2a)); resampling on any
 * finite set the same at the least mass; products the largest factor.  Numbers for wells of unequal weight are from a
 * program of its own kind: finite volumes on uniform grids of 2000, 4000 and 8000 cells, Newton's method on -C L f = f
 * log f with E f^2 = 1, Richardson extrapolation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>

#include "laws.h"
#include "scoregap/entropy.h"

static void evaluate_mixture(const void *context, int n, const double *x, double *logq, double *test) {
    const law *l = context;
    (void)test;
    for (int i = 0; i < n; i++) {
        double a = log(l->b) - 0.5 * (x[i] + l->a) * (x[i] + l->a);
        double b = log1p(-l->b) - 0.5 * (x[i] - l->a) * (x[i] - l->a), top = fmax(a, b);
        logq[i] = top + log(exp(a - top) + exp(b - top));
    }
}

/* b N(-a, 1) + (1 - b) N(a, 1) */
static sg_panels *mixture(double m, double w) {
    const law l = {.a = m, .b = w};
    const double at[] = {-m, 0, m}, scale[] = {1, 1 / m, 1};
    sg_density density = {.context = &l,
                          .evaluate = evaluate_mixture,
                          .lo = -INFINITY,
                          .hi = INFINITY,
                          .landmarks = 3,
                          .landmark = at,
                          .scale = scale};
    sg_panels *panels = NULL;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &panels), SG_OK);
    return panels;
}

static sg_panels *panels_of(const law *l, int level) {
    sg_panels *panels = NULL;
    assert_int_equal(law_panels(l, 200, level, &panels), SG_OK);
    return panels;
}

static sg_log_sobolev line(const sg_panels *panels, int most) {
    sg_log_sobolev out;
    if (sg_line_log_sobolev(panels, NULL, most, &out)) fail_msg("%s", sg_message());
    return out;
}

/* -------------------------------------------------------------------- the line */

static void test_equal_to_poincare(void **state) {
    (void)state;
    const law cases[] = {{.kind = GAUSSIAN, .a = 1}, {.kind = GAUSSIAN, .a = 0.01}, {.kind = UNIFORM, .a = 3}};
    const double log_c[] = {0, 2 * log(0.01), 2 * log(3 / M_PI)};
    for (int k = 0; k < 3; k++) {
        sg_panels *panels = panels_of(&cases[k], k == 2 ? 2 : 0);
        sg_log_sobolev c = line(panels, 0);
        assert_int_equal(c.status, SG_OK);
        assert_near(c.log_value, log_c[k], 1e-10);
        assert_true(c.log_lower <= log_c[k] + 1e-11 && c.log_lower > log_c[k] - 1e-8);
        assert_near(c.ratio, 1, 1e-12);
        sg_panels_delete(panels);
    }
}

/* Symmetric wells: nothing is gained over the Poincare constant. */
static void test_symmetric_wells(void **state) {
    (void)state;
    const double h[] = {2, 5, 20}, gap[] = {NAN, 0.0555228127315, 7.27721139945e-08};
    for (int k = 0; k < 3; k++) {
        const law l = {.kind = DOUBLE_WELL, .a = h[k]};
        sg_panels *panels = panels_of(&l, 0);
        sg_log_sobolev c = line(panels, 32);
        assert_int_equal(c.status, SG_OK);
        assert_near(c.ratio, 1, 1e-12);
        if (k) assert_near(c.log_value, -log(gap[k]), 1e-10);
        sg_panels_delete(panels);
    }
}

static void test_unequal_wells(void **state) {
    (void)state;
    const law tilted = {.kind = DOUBLE_WELL, .a = 2, .b = -1};
    sg_panels *panels = panels_of(&tilted, 0);
    sg_log_sobolev c = line(panels, 0);
    assert_int_equal(c.status, SG_OK);
    assert_near(exp(c.log_value), 2.07102845211, 1e-9);
    assert_true(c.share > 0.01 && c.change < 1e-9);
    sg_panels_delete(panels);
    panels = mixture(3, 0.01);
    c = line(panels, 128);
    assert_int_equal(c.status, SG_OK);
    assert_near(exp(c.log_value), 46.4976170941, 2e-9);
    sg_panels_delete(panels);
}

/* Deep wells of masses w and 1 - w are two points: the ratio to C_P is theirs, up to the relaxation within the wells.
 */
static void test_two_wells(void **state) {
    (void)state;
    const double w[] = {0.3, 1e-2, 1e-6, 1e-12};
    for (int k = 0; k < 4; k++) {
        const double m = k < 2 ? 7 : 8, expected = log((1 - w[k]) / w[k]) / (2 * (1 - 2 * w[k]));
        sg_panels *panels = mixture(m, w[k]);
        sg_log_sobolev c = line(panels, 32);
        sg_spectrum *spectrum = NULL;
        assert_int_equal(sg_line_spectrum(panels, NULL, 2, &spectrum), SG_OK);
        const double slow = spectrum->value[0] / spectrum->value[1]; /* about the size of the correction, times logs */
        assert_int_equal(c.status, SG_OK);
        assert_near(c.ratio / expected, 1, 100 * slow + 1e-10);
        sg_spectrum_delete(spectrum);
        sg_panels_delete(panels);
    }
}

/* More functions never lower the value, and every value lies above C_P. */
static void test_nested(void **state) {
    (void)state;
    const law cases[] = {{.kind = DOUBLE_WELL, .a = 1, .b = 0.7},
                         {.kind = THREE_WELLS, .a = 1, .b = 3},
                         {.kind = SEXTIC, .c = {0, 0.3, -1, 0, 0.2, 0, 0.1}}};
    for (int k = 0; k < 3; k++) {
        sg_panels *panels = panels_of(&cases[k], 0);
        double before = 0;
        for (int most = 8; most <= 64; most *= 2) {
            sg_log_sobolev c = line(panels, most);
            assert_true(c.ratio >= 1 && c.ratio >= before * (1 - 1e-9));
            assert_int_equal(c.basis, most + 1);
            before = c.ratio;
        }
        sg_panels_delete(panels);
    }
}

/* With D constant everything is divided by it. */
static void test_diffusion(void **state) {
    (void)state;
    const law l = {.kind = DOUBLE_WELL, .a = 2, .b = -1};
    sg_panels *panels = panels_of(&l, 0);
    double *log_d = law_log_d(panels, seven);
    sg_log_sobolev plain = line(panels, 16), divided;
    assert_int_equal(sg_line_log_sobolev(panels, log_d, 16, &divided), SG_OK);
    assert_near(divided.log_value, plain.log_value - log(7), 1e-9);
    sg_delete(log_d);
    sg_panels_delete(panels);
}

/* Tails heavier than Gaussian: the value grows with the cut. */
static void test_heavy(void **state) {
    (void)state;
    const law l = {.kind = HYPERBOLIC};
    double value[2];
    for (int k = 0; k < 2; k++) {
        sg_panels *panels = NULL;
        assert_int_equal(law_panels(&l, k ? 120 : 60, 0, &panels), SG_OK);
        value[k] = line(panels, 64).log_value;
        sg_panels_delete(panels);
    }
    assert_true(value[1] > value[0] + 0.5); /* like the depth: log 2 */
}

static void test_line_refusals(void **state) {
    (void)state;
    const law l = {.kind = GAUSSIAN, .a = 1};
    sg_panels *panels = panels_of(&l, 0);
    sg_log_sobolev c;
    assert_int_equal(sg_line_log_sobolev(panels, NULL, 7, &c), SG_OUT_OF_RANGE);
    assert_int_equal(sg_line_log_sobolev(panels, NULL, 513, &c), SG_OUT_OF_RANGE);
    long live = sg_memory_live();
    for (int k = 1; k < 100; k += 13) {
        sg_memory_fail_after(k);
        sg_status status = sg_line_log_sobolev(panels, NULL, 8, &c);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_panels_delete(panels);
}

/* ------------------------------------------------------------------ the circle */

static void evaluate_circle(const void *context, int n, const double *x, double *logq, double *test) {
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = *(const double *)context * cos(x[i]);
}

static void test_circle(void **state) {
    (void)state;
    const double kappa[] = {0, 0.5, 1, 3};
    for (int k = 0; k < 4; k++) {
        sg_density density = {.context = &kappa[k], .evaluate = evaluate_circle, .lo = -M_PI, .hi = M_PI};
        sg_panels *panels = NULL;
        sg_log_sobolev c;
        assert_int_equal(sg_panels_new(&density, 1e-13, 200, 2, &panels), SG_OK);
        if (sg_circle_log_sobolev(panels, NULL, 16, &c)) fail_msg("%s", sg_message());
        assert_near(c.log_value, 0, 1e-9);
        sg_panels_delete(panels);
    }
}

/* ---------------------------------------------------------------- finite chains */

typedef struct {
    int n;
    long long edges;
    int from[4096], to[4096];
    double log_rate[4096];
} arcs;

static void add(arcs *a, int from, int to, double rate) {
    a->from[a->edges] = from;
    a->to[a->edges] = to;
    a->log_rate[a->edges++] = log(rate);
}

static sg_chain chain_of(const arcs *a) {
    return (sg_chain){.n = a->n, .edges = a->edges, .from = a->from, .to = a->to, .log_rate = a->log_rate};
}

static sg_log_sobolev chain(const arcs *a) {
    const sg_chain c = chain_of(a);
    sg_log_sobolev out;
    if (sg_chain_log_sobolev(&c, &out)) fail_msg("%s", sg_message());
    assert_int_equal(out.status, SG_OK);
    assert_true(out.log_lower <= out.log_value && out.ratio >= 1);
    return out;
}

static double two_point(double a) {
    return fabs(a - 0.5) < 1e-9 ? 1 : log((1 - a) / a) / (2 * (1 - 2 * a));
}

static void test_two_states(void **state) {
    (void)state;
    static arcs a;
    for (double p = 1e-12; p <= 0.5; p = p < 0.2 ? p * 8 : p + 0.05) {
        a = (arcs){.n = 2};
        add(&a, 0, 1, p); /* L f = E f - f, pi = (1 - p, p) */
        add(&a, 1, 0, 1 - p);
        assert_near(exp(chain(&a).log_value) / two_point(p), 1, 1e-9);
    }
}

/* E f - f on m states: the constant of the least mass. */
static void test_resampling(void **state) {
    (void)state;
    static arcs a;
    const double mass[][5] = {{0.2, 0.2, 0.2, 0.2, 0.2}, {0.6, 0.1, 0.1, 0.15, 0.05}, {0.01, 0.39, 0.1, 0.2, 0.3}};
    for (int k = 0; k < 3; k++) {
        double least = 1;
        a = (arcs){.n = 5};
        for (int x = 0; x < 5; x++) {
            least = fmin(least, mass[k][x]);
            for (int y = 0; y < 5; y++)
                if (y != x) add(&a, x, y, mass[k][y]);
        }
        assert_near(exp(chain(&a).log_value), two_point(least), 1e-9);
    }
}

/* Independent sites that jump at speeds of their own: the largest of their constants. */
static void test_product(void **state) {
    (void)state;
    static arcs a;
    const double up[] = {0.3, 0.5, 0.02, 0.11}, speed[] = {1, 0.25, 2, 0.4};
    double most = 0;
    a = (arcs){.n = 16};
    for (int i = 0; i < 4; i++) {
        most = fmax(most, two_point(fmin(up[i], 1 - up[i])) / speed[i]);
        for (int x = 0; x < 16; x++) add(&a, x, x ^ 1 << i, speed[i] * (x >> i & 1 ? 1 - up[i] : up[i]));
    }
    assert_near(exp(chain(&a).log_value), most, 1e-9);
}

/* Random walk on the cycle of n points at rate 1 to either side: C_LS = C_P = 1/(2 (1 - cos(2 pi/n))) for even n (Chen
 * and Sheu 2003). */
static void test_cycle(void **state) {
    (void)state;
    static arcs a;
    for (int n = 4; n <= 64; n *= 2) {
        a = (arcs){.n = n};
        for (int x = 0; x < n; x++) {
            add(&a, x, (x + 1) % n, 1);
            add(&a, x, (x + n - 1) % n, 1);
        }
        assert_near(exp(chain(&a).log_value) * 2 * (1 - cos(2 * M_PI / n)), 1, 1e-9);
    }
}

/* No function drawn at random beats the value. */
static void test_random_functions(void **state) {
    (void)state;
    static arcs a;
    sg_stream s;
    sg_stream_open(&s, 11, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 20; trial++) {
        double log_pi[12], u[12], z[12], total = 0;
        a = (arcs){.n = 12};
        sg_stream_normal(&s, 12, log_pi);
        for (int x = 0; x < 12; x++) total += exp(log_pi[x] *= 1.5);
        for (int x = 0; x < 12; x++)
            for (int y = 0; y < x; y++) {
                sg_stream_uniform(&s, 1, u);
                if (y != x - 1 && u[0] < 0.6) continue;
                add(&a, x, y, exp(0.5 * (log_pi[y] - log_pi[x]) + 3 * u[0]));
                add(&a, y, x, exp(0.5 * (log_pi[x] - log_pi[y]) + 3 * u[0]));
            }
        const double value = exp(chain(&a).log_value);
        for (int draw = 0; draw < 500; draw++) {
            double square = 0, entropy = 0, energy = 0, f[12], size;
            sg_stream_normal(&s, 12, z);
            sg_stream_uniform(&s, 1, &size);
            for (int x = 0; x < 12; x++) f[x] = exp(3 * size * z[x] - 0.5 * (draw % 3) * size * log_pi[x]);
            for (int x = 0; x < 12; x++) square += exp(log_pi[x]) / total * f[x] * f[x];
            for (int x = 0; x < 12; x++) entropy += exp(log_pi[x]) / total * f[x] * f[x] * log(f[x] * f[x] / square);
            for (long long e = 0; e < a.edges; e++)
                energy += 0.5 * exp(log_pi[a.from[e]] + a.log_rate[e]) / total * pow(f[a.from[e]] - f[a.to[e]], 2);
            assert_true(entropy / (2 * energy) <= value * (1 + 1e-9));
        }
    }
}

static void test_chain_refusals(void **state) {
    (void)state;
    static arcs a;
    sg_log_sobolev out;
    a = (arcs){.n = 3};
    for (int x = 0; x < 3; x++) {
        add(&a, x, (x + 1) % 3, 2); /* goes around */
        add(&a, x, (x + 2) % 3, 1);
    }
    sg_chain c = chain_of(&a);
    assert_int_equal(sg_chain_log_sobolev(&c, &out), SG_REFUSED);
    c.n = 513;
    assert_int_equal(sg_chain_log_sobolev(&c, &out), SG_OUT_OF_RANGE);
    c.n = 1;
    assert_int_equal(sg_chain_log_sobolev(&c, &out), SG_OUT_OF_RANGE);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_poincare),
        cmocka_unit_test(test_symmetric_wells),
        cmocka_unit_test(test_unequal_wells),
        cmocka_unit_test(test_two_wells),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_diffusion),
        cmocka_unit_test(test_heavy),
        cmocka_unit_test(test_line_refusals),
        cmocka_unit_test(test_circle),
        cmocka_unit_test(test_two_states),
        cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_random_functions),
        cmocka_unit_test(test_chain_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
