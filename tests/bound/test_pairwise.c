/*
 * Bounds for jumps on {-1,+1}^n against gaps from all eigenvalues of the generator, which is set up here from its
 * definition, and against closed forms: ring n*gap = 1 - tanh(2 beta), Curie-Weiss, independent sites, two points.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/bound.h"

enum { MOST = 10 };

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

static double uniform(sg_stream *s, double lo, double hi) {
    double u;
    sg_stream_uniform(s, 1, &u);
    return lo + u * (hi - lo);
}

typedef struct {
    int n;
    double J[MOST * MOST], h[MOST];
    double log_p[1 << MOST];
} ising;

static double spin(size_t z, int i) {
    return z >> i & 1 ? 1 : -1;
}

static void fill_law(ising *m) {
    for (size_t z = 0; z < (size_t)1 << m->n; z++) {
        m->log_p[z] = 0;
        for (int i = 0; i < m->n; i++) {
            m->log_p[z] += m->h[i] * spin(z, i);
            for (int j = 0; j < i; j++) m->log_p[z] += m->J[i * m->n + j] * spin(z, i) * spin(z, j);
        }
    }
}

static void couple(ising *m, int i, int j, double J) {
    m->J[i * m->n + j] = m->J[j * m->n + i] = J;
}

/* Dense or sparse, weak to strong, with and without fields. */
static void random_ising(sg_stream *s, int n, double size, ising *m) {
    const double density = uniform(s, 0, 1) < 0.5 ? 1 : 0.4, fields = uniform(s, 0, 1) < 0.3 ? 0 : 2;
    *m = (ising){.n = n};
    for (int i = 0; i < n; i++) {
        m->h[i] = fields * uniform(s, -1, 1);
        for (int j = 0; j < i; j++)
            if (uniform(s, 0, 1) < density) couple(m, i, j, size * uniform(s, -1, 1));
    }
    fill_law(m);
}

static sg_pairwise pairwise(const ising *m) {
    return (sg_pairwise){.n = m->n, .J = m->J, .h = m->h};
}

static void heat_bath(const void *context, int n, const double *u, double *rate) {
    (void)context;
    for (int i = 0; i < n; i++) rate[i] = 1 / (1 + exp(-u[i]));
}
static void flow(const void *context, int n, const double *u, double *rate) {
    (void)context;
    for (int i = 0; i < n; i++) rate[i] = exp(0.5 * u[i]);
}

/* All eigenvalues of -L. */
static double gap_of(int n, const double *log_p, sg_bound_rate rate) {
    const size_t states = (size_t)1 << n;
    double *a = NULL, *value = NULL;
    assert_int_equal(sg_new(&a, states * states, sizeof *a), SG_OK);
    assert_int_equal(sg_new(&value, states, sizeof *value), SG_OK);
    for (size_t z = 0; z < states; z++)
        for (int i = 0; i < n; i++) {
            const size_t y = z ^ ((size_t)1 << i);
            double u = log_p[y] - log_p[z], r;
            rate(NULL, 1, &u, &r);
            a[z + z * states] += r;
            a[z + y * states] -= r * exp(-0.5 * u);
        }
    assert_int_equal(sg_symmetric_eigen((int)states, a, value, NULL), SG_OK);
    const double gap = value[1];
    assert_near(value[0], 0, 1e-9);
    sg_delete(a);
    sg_delete(value);
    return gap;
}

/* Largest change in total variation of the law of x_i when x_j is flipped, over all states. */
static double exact_influence(const ising *m, int i, int j) {
    double most = 0;
    for (size_t z = 0; z < (size_t)1 << m->n; z++) {
        const size_t bit_i = (size_t)1 << i, y = z ^ ((size_t)1 << j);
        const double a = 1 / (1 + exp(m->log_p[z & ~bit_i] - m->log_p[z | bit_i]));
        const double b = 1 / (1 + exp(m->log_p[y & ~bit_i] - m->log_p[y | bit_i]));
        most = fmax(most, fabs(a - b));
    }
    return most;
}

/* ------------------------------------------------------------ random models */

/* Counts of models in which each hypothesis held: a test of bounds that never apply would prove nothing. */
static void test_random(void **state) {
    (void)state;
    sg_stream s;
    int dobrushin = 0, spectral = 0;
    sg_stream_open(&s, 2024, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 160; trial++) {
        static ising m;
        const int n = trial < 3 ? 10 - trial % 2 : 3 + trial % 6;
        random_ising(&s, n, pow(10, uniform(&s, -1.2, 0.4)), &m);
        const sg_pairwise p = pairwise(&m);
        const double gap = gap_of(n, m.log_p, heat_bath);
        double radius, spread, lower, congestion;
        sg_test_functions tests;
        assert_int_equal(sg_bound_dobrushin_lower(&p, &radius, &lower), SG_OK);
        if (radius < 1) dobrushin++;
        assert_true(radius < 1 ? exp(lower) <= gap + 1e-12 : lower == -INFINITY);
        assert_int_equal(sg_bound_spectral_lower(&p, &spread, &lower), SG_OK);
        if (spread < 1) spectral++;
        assert_true(spread < 1 ? exp(lower) <= gap + 1e-12 : lower == -INFINITY);
        if (!(exp(sg_bound_paths_lower(&p)) <= gap)) fail_msg("cuts: %g > %g", exp(sg_bound_paths_lower(&p)), gap);
        assert_int_equal(sg_bound_congestion_lower(n, m.log_p, heat_bath, NULL, &congestion), SG_OK);
        if (!(exp(congestion) <= gap && sg_bound_paths_lower(&p) <= congestion + 1e-12))
            fail_msg("paths: cuts %g, exact %g, gap %g", exp(sg_bound_paths_lower(&p)), exp(congestion), gap);
        assert_int_equal(sg_bound_test_functions_upper(n, m.log_p, heat_bath, NULL, &tests), SG_OK);
        if (!(exp(tests.log_linear) >= gap - 1e-11 && exp(tests.log_cut) >= gap - 1e-11))
            fail_msg("test functions: %g, %g, gap %g", exp(tests.log_linear), exp(tests.log_cut), gap);
    }
    if (dobrushin < 30 || dobrushin > 130 || spectral < 30 || spectral > 130)
        fail_msg("the conditions held %d and %d times", dobrushin, spectral);
}

/* With other rates: the paths and the test functions. */
static void test_random_flow(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 7, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 30; trial++) {
        static ising m;
        const int n = 2 + trial % 5;
        random_ising(&s, n, 0.8, &m);
        const double gap = gap_of(n, m.log_p, flow);
        double congestion;
        sg_test_functions tests;
        assert_int_equal(sg_bound_congestion_lower(n, m.log_p, flow, NULL, &congestion), SG_OK);
        assert_int_equal(sg_bound_test_functions_upper(n, m.log_p, flow, NULL, &tests), SG_OK);
        assert_true(exp(congestion) <= gap);
        assert_true(exp(tests.log_linear) >= gap - 1e-11 && exp(tests.log_cut) >= gap - 1e-11);
    }
}

/* The radius is that of a matrix that dominates the exact influences, and at most that of tanh |J|. */
static void test_influences(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 3, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 60; trial++) {
        static ising m;
        const int n = 2 + trial % 5;
        double radius, lower;
        random_ising(&s, n, uniform(&s, 0.05, 2), &m);
        if (trial % 3 == 0) { /* fields so strong that they decide */
            for (int i = 0; i < n; i++) m.h[i] *= 5;
            fill_law(&m);
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                if (i == j) continue;
                const double exact = exact_influence(&m, i, j);
                assert_true(exact <= tanh(fabs(m.J[i * n + j])) + 1e-12);
                /* the influences of a pair alone: others are pinned by their largest effect on the field */
                double rest = 0;
                for (int k = 0; k < n; k++) rest += k == i || k == j ? 0 : fabs(m.J[i * n + k]);
                const double u = fmax(0, fabs(m.h[i]) - rest), J = fabs(m.J[i * n + j]);
                assert_true(exact <= 0.5 * (tanh(u + J) - tanh(u - J)) + 1e-12);
            }
        const sg_pairwise p = pairwise(&m);
        assert_int_equal(sg_bound_dobrushin_lower(&p, &radius, &lower), SG_OK);
        double rows = 0;
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int j = 0; j < n; j++) sum += i == j ? 0 : tanh(fabs(m.J[i * n + j]));
            rows = fmax(rows, sum);
        }
        assert_true(radius <= rows * (1 + 1e-12));
    }
}

/* ------------------------------------------------------------- closed forms */

static void test_ring(void **state) {
    (void)state;
    const double beta[] = {0.05, 0.2, 0.6, 1.5};
    for (int k = 0; k < 4; k++) {
        static ising m;
        m = (ising){.n = 8};
        for (int i = 0; i < 8; i++) couple(&m, i, (i + 1) % 8, beta[k]);
        fill_law(&m);
        const sg_pairwise p = pairwise(&m);
        const double gap = 1 - tanh(2 * beta[k]);
        double radius, spread, lower, congestion;
        sg_test_functions tests;
        assert_int_equal(sg_bound_dobrushin_lower(&p, &radius, &lower), SG_OK);
        assert_near(radius, 2 * tanh(beta[k]), 1e-13);
        assert_int_equal(sg_bound_spectral_lower(&p, &spread, &lower), SG_OK);
        assert_near(spread, 4 * beta[k], 1e-13);
        assert_near(sg_bound_paths_lower(&p), -log(8) - 8 * beta[k] - log(2), 1e-12); /* cuts of 2 edges */
        assert_int_equal(sg_bound_congestion_lower(8, m.log_p, heat_bath, NULL, &congestion), SG_OK);
        assert_true(congestion <= log(gap));
        assert_int_equal(sg_bound_test_functions_upper(8, m.log_p, heat_bath, NULL, &tests), SG_OK);
        assert_near(exp(tests.log_linear), gap, 1e-12); /* the magnetization is the slowest mode */
    }
}

/* The same numbers from the closed forms for equal couplings as from matrices; on Curie-Weiss the gap tends to 1 -
 * beta. */
static void test_equal_couplings(void **state) {
    (void)state;
    for (int n = 2; n <= MOST; n += 4)
        for (int k = 0; k < 12; k++) {
            static ising m;
            const double J = (k % 4 - 1.5) * 0.2, h = (k / 4) * 0.7;
            double a[2], b[2], c[2], d[2];
            m = (ising){.n = n};
            for (int i = 0; i < n; i++) {
                m.h[i] = h;
                for (int j = 0; j < i; j++) couple(&m, i, j, J);
            }
            const sg_pairwise dense = pairwise(&m), equal = {.n = n, .coupling = J, .field = h};
            assert_int_equal(sg_bound_dobrushin_lower(&dense, &a[0], &a[1]), SG_OK);
            assert_int_equal(sg_bound_dobrushin_lower(&equal, &b[0], &b[1]), SG_OK);
            assert_near(a[0], b[0], 1e-12);
            assert_int_equal(sg_bound_spectral_lower(&dense, &a[0], &a[1]), SG_OK);
            assert_int_equal(sg_bound_spectral_lower(&equal, &b[0], &b[1]), SG_OK);
            assert_near(a[0], b[0], 1e-12);
            assert_int_equal(sg_bound_tensorization_upper(&dense, &c[0], &c[1]), SG_OK);
            assert_int_equal(sg_bound_tensorization_upper(&equal, &d[0], &d[1]), SG_OK);
            if (isfinite(d[1])) assert_near(c[1], d[1], 1e-12);
            assert_near(sg_bound_paths_lower(&dense), sg_bound_paths_lower(&equal), 1e-11);
        }
    const sg_pairwise curie_weiss = {.n = 100000, .coupling = 0.6 / 100000};
    double number, lower;
    assert_int_equal(sg_bound_dobrushin_lower(&curie_weiss, &number, &lower), SG_OK);
    assert_near(exp(lower), 0.4, 1e-5);
    assert_int_equal(sg_bound_spectral_lower(&curie_weiss, &number, &lower), SG_OK);
    assert_near(exp(lower), 0.4, 1e-12);
}

/* Independent sites: gap 1 from below and above, entropy tensorizes with constant 1. */
static void test_product(void **state) {
    (void)state;
    static ising m;
    double number, lower, entropy, factor[4];
    sg_test_functions tests;
    m = (ising){.n = 4, .h = {0, 0.5, -1.2, 2}};
    fill_law(&m);
    const sg_pairwise p = pairwise(&m);
    assert_int_equal(sg_bound_dobrushin_lower(&p, &number, &lower), SG_OK);
    assert_true(number == 0 && lower == 0);
    assert_int_equal(sg_bound_test_functions_upper(4, m.log_p, heat_bath, NULL, &tests), SG_OK);
    assert_near(tests.log_linear, 0, 1e-13);
    assert_int_equal(sg_bound_tensorization_upper(&p, &number, &entropy), SG_OK);
    for (int i = 0; i < 4; i++) factor[i] = sg_bound_two_point(-log1p(exp(2 * fabs(m.h[i]))));
    assert_near(number, 0, 1e-14);
    assert_near(entropy, sg_bound_product_upper(4, factor), 1e-13);
    assert_near(exp(factor[3]), 2 / tanh(2),
                1e-13); /* a = 1/(1 + e^4): log odds 4, 1 - 2a = tanh 2, C = 4/(2 tanh 2) */
}

static void test_two_point(void **state) {
    (void)state;
    assert_near(sg_bound_two_point(log(0.5)), 0, 1e-15);
    assert_near(exp(sg_bound_two_point(log(0.5 - 1e-5))), 1 + 4e-10 / 3, 1e-15);
    assert_near(exp(sg_bound_two_point(log(0.1))), log(9) / 1.6, 1e-14);
    assert_near(exp(sg_bound_two_point(-5000)), 2500, 1e-9);
    for (double a = 1e-3; a < 0.5; a *= 1.01) {
        const double direct = log((1 - a) / a) / (2 * (1 - 2 * a));
        if (a < 0.4999) assert_near(exp(sg_bound_two_point(log(a))), direct, 1e-10);
    }
    assert_near(sg_bound_least_mass_upper(log(0.1), log(3)), log(log(9) / 1.6 * 3), 1e-14);
}

/* ----------------------------------------------------------------- refusals */

static void test_refusals(void **state) {
    (void)state;
    static ising m;
    double lower;
    sg_test_functions tests;
    m = (ising){.n = 3};
    couple(&m, 0, 1, 0.3);
    fill_law(&m);
    assert_int_equal(sg_bound_congestion_lower(1, m.log_p, heat_bath, NULL, &lower), SG_OUT_OF_RANGE);
    assert_int_equal(sg_bound_congestion_lower(17, m.log_p, heat_bath, NULL, &lower), SG_OUT_OF_RANGE);
    assert_int_equal(sg_bound_test_functions_upper(21, m.log_p, heat_bath, NULL, &tests), SG_OUT_OF_RANGE);
    m.log_p[5] = -INFINITY;
    assert_int_equal(sg_bound_congestion_lower(3, m.log_p, heat_bath, NULL, &lower), SG_REFUSED);
    assert_true(lower == -INFINITY);
    assert_int_equal(sg_bound_test_functions_upper(3, m.log_p, heat_bath, NULL, &tests), SG_OK);
    assert_true(isfinite(tests.log_linear));
    m.log_p[5] = -700;
    assert_int_equal(sg_bound_test_functions_upper(3, m.log_p, heat_bath, NULL, &tests), SG_REFUSED);
    for (size_t z = 0; z < 8; z++)
        m.log_p[z] = z == 0 || z == 7 ? 0 : -INFINITY; /* sites that are never flipped alone */
    assert_int_equal(sg_bound_test_functions_upper(3, m.log_p, heat_bath, NULL, &tests), SG_OK);
    assert_true(tests.log_linear == -INFINITY && tests.log_cut == -INFINITY); /* the gap is 0 */
    for (int k = 1; k < 4; k++) {
        m.log_p[3] = 0;
        long live = sg_memory_live();
        sg_memory_fail_after(k);
        sg_status status = sg_bound_test_functions_upper(3, m.log_p, heat_bath, NULL, &tests);
        sg_memory_fail_after(0);
        assert_true(k > 2 ? status == SG_OK : status == SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),    cmocka_unit_test(test_random_flow),     cmocka_unit_test(test_influences),
        cmocka_unit_test(test_ring),      cmocka_unit_test(test_equal_couplings), cmocka_unit_test(test_product),
        cmocka_unit_test(test_two_point), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
