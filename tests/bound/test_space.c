/*
 * Bounds on R^d, and comparisons of forms: against closed forms (normal laws, quadratic and trigonometric potentials),
 * against minima over many points, and, for blocks of sites, against all eigenvalues of small chains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "scoregap/bound.h"

enum { D = SG_BOUND_D, PAIRS = D * (D + 1) / 2 };

static void near_at(double value, double truth, double tolerance, int line) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("line %d: %.17g is not within %g of %.17g", line, value, tolerance, truth);
}
#define assert_near(value, truth, tolerance) near_at(value, truth, tolerance, __LINE__)

static double uniform(sg_stream *s, double lo, double hi) {
    double u;
    sg_stream_uniform(s, 1, &u);
    return lo + u * (hi - lo);
}

static double log_uniform(sg_stream *s, double lo, double hi) {
    return lo * pow(hi / lo, uniform(s, 0, 1));
}

/* A random orthonormal matrix, rows r [d][d]: products of turns. */
static void random_turn(sg_stream *s, int d, double *r) {
    for (int i = 0; i < d * d; i++) r[i] = i % (d + 1) == 0;
    for (int k = 0; k < 4; k++)
        for (int a = 1; a < d; a++)
            for (int b = 0; b < a; b++) {
                const double angle = uniform(s, -3, 3), c = cos(angle), q = sin(angle);
                for (int j = 0; j < d; j++) {
                    const double x = r[a * d + j], y = r[b * d + j];
                    r[a * d + j] = c * x + q * y;
                    r[b * d + j] = c * y - q * x;
                }
            }
}

/* packed r' diag(value) r. */
static void compose(int d, const double *r, const double *value, double *packed) {
    for (int i = 0, pair = 0; i < d; i++)
        for (int j = 0; j <= i; j++, pair++) {
            packed[pair] = 0;
            for (int k = 0; k < d; k++) packed[pair] += value[k] * r[k * d + i] * r[k * d + j];
        }
}

static double least_of(int d, const double *packed) {
    double full[D * D], value[D];
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) full[i + d * j] = full[j + d * i] = packed[i * (i + 1) / 2 + j];
    assert_int_equal(sg_symmetric_eigen(d, full, value, NULL), SG_OK);
    return value[0];
}

/* ----------------------------------------------------------------- Bakry-Emery */

/* V = x'Ax/2 + sum_k size_k w(direction_k . x): kind 0: s^4/12, 1: cos s, 2: log cosh s. */
typedef struct {
    int d, kind, terms;
    double a[PAIRS], size[D], along[D][D];
} law;

static double bend(int kind, double s) {
    return kind == 0 ? s * s : kind == 1 ? -cos(s) : 1 / (cosh(s) * cosh(s));
}

static void hessian(const void *context, int n, const double *x, double *out) {
    const law *l = context;
    for (int i = 0; i < n; i++) {
        for (int r = 0; r < l->d * (l->d + 1) / 2; r++) out[r * n + i] = l->a[r];
        for (int k = 0; k < l->terms; k++) {
            double s = 0;
            for (int b = 0; b < l->d; b++) s += l->along[k][b] * x[b * n + i];
            const double w = l->size[k] * bend(l->kind, s);
            for (int b = 0, r = 0; b < l->d; b++)
                for (int c = 0; c <= b; c++, r++) out[r * n + i] += w * l->along[k][b] * l->along[k][c];
        }
    }
}

static sg_status convexity(const law *l, double side, sg_convexity *out) {
    const sg_potential p = {l, l->d, hessian};
    const double lo[] = {-side, -1.3 * side, -0.8 * side}, hi[] = {0.9 * side, side, 1.1 * side};
    return sg_bound_convexity_lower(&p, lo, hi, out);
}

static void test_normal(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 41, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 60; trial++) {
        law l = {.d = 1 + trial % 3};
        double r[D * D], value[D], least = INFINITY;
        sg_convexity b;
        random_turn(&s, l.d, r);
        for (int a = 0; a < l.d; a++) least = fmin(least, value[a] = log_uniform(&s, 1e-2, 1e2));
        compose(l.d, r, value, l.a);
        assert_int_equal(convexity(&l, 3, &b), SG_OK);
        assert_near(b.curvature, least, 1e-11);
        assert_near(exp(b.log_gap_lower), least, 1e-11);
        assert_true(b.curvature <= least + 1e-13 * 100 && b.cells == 1);
    }
}

/* The least value lies where the fourth powers have no curvature, all at the origin; cosines pull it down there. */
static void test_convexity(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 42, SG_PURPOSE_TEST, 0);
    int positive = 0;
    for (int trial = 0; trial < 36; trial++) {
        law l = {.d = 2 + trial % 2, .kind = trial % 4 / 2, .terms = 1 + trial % 2};
        double r[D * D], value[D], x[D], packed[PAIRS], middle[PAIRS];
        sg_convexity b;
        random_turn(&s, l.d, r);
        for (int a = 0; a < l.d; a++) value[a] = log_uniform(&s, 0.5, 20);
        compose(l.d, r, value, l.a);
        for (int k = 0; k < l.terms; k++) {
            l.size[k] = log_uniform(&s, 0.05, l.kind ? 0.4 : 10);
            for (int a = 0; a < l.d; a++) l.along[k][a] = uniform(&s, -1, 1) * (l.kind ? 1.5 : 1);
        }
        const double origin[D] = {0};
        hessian(&l, 1, origin, middle);
        const double truth = least_of(l.d, middle);
        assert_int_equal(convexity(&l, 2, &b), SG_OK);
        if (truth <= 0) {
            assert_true(b.log_gap_lower == -INFINITY && b.seen <= 0 && b.curvature == -INFINITY);
            continue;
        }
        positive++;
        assert_true(b.curvature <= truth * (1 + 1e-12) && b.seen >= truth * (1 - 1e-12));
        assert_true(b.curvature >= truth * (b.cells < 32768 ? 1 - 1.001e-3 : 0.9));
        assert_true(b.log_gap_lower == log(b.curvature) && b.beyond >= b.curvature);
        for (int k = 0; k < 2000; k++) {
            for (int a = 0; a < l.d; a++) x[a] = uniform(&s, -1.6, 1.6);
            hessian(&l, 1, x, packed);
            assert_true(least_of(l.d, packed) >= b.curvature);
        }
    }
    assert_true(positive > 24);
}

/* Where the potential flattens outside the box there is no bound, whatever the box says. */
static void test_convexity_fails(void **state) {
    (void)state;
    law l = {.d = 2, .kind = 2, .terms = 2, .size = {1, 2}, .along = {{1, 0}, {0, 1}}};
    sg_convexity b;
    assert_int_equal(convexity(&l, 1, &b), SG_OK);
    assert_true(b.curvature > 0.1 && b.beyond < 1e-3 && b.log_gap_lower == -INFINITY);
    const sg_potential p = {&l, 2, hessian}, wrong = {&l, 4, hessian};
    const double lo[] = {0, 0}, hi[] = {1, NAN}, one[] = {1, 1};
    assert_int_equal(sg_bound_convexity_lower(&p, lo, hi, &b), SG_OUT_OF_RANGE);
    assert_int_equal(sg_bound_convexity_lower(&wrong, lo, one, &b), SG_OUT_OF_RANGE);
    sg_memory_fail_after(1);
    assert_int_equal(sg_bound_convexity_lower(&p, lo, one, &b), SG_NO_MEMORY);
    sg_memory_fail_after(0);
    l.size[0] = NAN;
    const long live = sg_memory_live();
    assert_int_equal(sg_bound_convexity_lower(&p, lo, one, &b), SG_REFUSED);
    assert_int_equal(sg_memory_live(), live);
}

/* ------------------------------------------------------------- conditional gaps */

enum { SIDE = 17, NODES = SIDE * SIDE * SIDE };

typedef struct {
    sg_conditional_gaps gaps;
    double log_gap[D][NODES], coupling[D][NODES], noise[NODES], flat[D * NODES];
} tensor;

static sg_status bound_of(tensor *t, sg_conditional_bound *out) {
    int nodes = 1;
    for (int a = 0; a < t->gaps.d; a++) nodes *= t->gaps.count[a];
    for (int r = 0; r < t->gaps.d * (t->gaps.d - 1) / 2; r++)
        memcpy(t->flat + r * nodes, t->coupling[r], (size_t)nodes * sizeof(double));
    for (int a = 0; a < t->gaps.d; a++) t->gaps.log_gap[a] = t->log_gap[a];
    t->gaps.coupling = t->flat;
    t->gaps.noise = t->noise;
    return sg_bound_conditional_lower(&t->gaps, out);
}

static void fill(tensor *t, int d, int side, const double *packed, double noise) {
    int nodes = 1;
    *t = (tensor){.gaps = {.d = d}};
    for (int a = 0; a < d; a++) t->gaps.count[a] = side, nodes *= side;
    for (int i = 0; i < nodes; i++) {
        t->noise[i] = noise;
        for (int a = 0, r = 0; a < d; a++) {
            t->log_gap[a][i] = log(packed[a * (a + 1) / 2 + a]);
            for (int b = 0; b < a; b++, r++) t->coupling[r][i] = packed[a * (a + 1) / 2 + b];
        }
    }
}

/* A normal law of precision A: the conditional gaps are its diagonal, and the bound is its gap, lmin(A). */
static void test_normal_couplings(void **state) {
    (void)state;
    static tensor t;
    sg_stream s;
    sg_conditional_bound b;
    sg_stream_open(&s, 43, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 100; trial++) {
        const int d = 2 + trial % 2;
        double r[D * D], value[D], packed[PAIRS], least = INFINITY;
        random_turn(&s, d, r);
        for (int a = 0; a < d; a++) least = fmin(least, value[a] = log_uniform(&s, 0.1, 10));
        compose(d, r, value, packed);
        fill(&t, d, 3, packed, 0);
        assert_int_equal(bound_of(&t, &b), SG_OK);
        assert_near(exp(b.log_gap_lower), least, 1e-12);
        assert_near(exp(b.log_seen), least, 1e-12);
        value[0] = -value[0];
        compose(d, r, value, packed);
        if (packed[0] <= 0 || packed[2] <= 0 || (d == 3 && packed[5] <= 0)) continue;
        fill(&t, d, 3, packed, 0);
        assert_int_equal(bound_of(&t, &b), SG_OK);
        assert_true(b.log_gap_lower == -INFINITY && b.log_seen == -INFINITY);
        assert_near(b.seen, value[0], 1e-12);
    }
    const double plain[] = {3, 1, 2}; /* [[3, 1], [1, 2]]: (5 - sqrt 5)/2, not with twice or half of the coupling */
    fill(&t, 2, 3, plain, 0);
    assert_int_equal(bound_of(&t, &b), SG_OK);
    assert_near(exp(b.log_gap_lower), 0.5 * (5 - sqrt(5)), 1e-13);
    const double frustrated[] = {1, 0.4, 1, 0.4, 0.4, 1}; /* 0.6, with the sign of one coupling turned 0.2 */
    fill(&t, 3, 3, frustrated, 0);
    assert_int_equal(bound_of(&t, &b), SG_OK);
    assert_near(exp(b.log_gap_lower), 0.6, 1e-13);
    for (int i = 0; i < 27; i++) t.coupling[1][i] = -0.4;
    assert_int_equal(bound_of(&t, &b), SG_OK);
    assert_near(exp(b.log_gap_lower), 0.2, 1e-13);
}

/* Couplings that are rounding leave products their digits; those that are not do not. */
static void test_products(void **state) {
    (void)state;
    static tensor t;
    sg_conditional_bound b;
    const double packed[] = {1, 1e-13, 4, -1e-13, 1e-14, 9};
    fill(&t, 3, 5, packed, 1e-12);
    for (int i = 0; i < 25; i++) t.log_gap[0][i] = -1234.5;
    assert_int_equal(bound_of(&t, &b), SG_OK);
    assert_near(b.log_gap_lower, -1234.5, 1e-12);
    for (int i = 0; i < 125; i++) t.noise[i] = 0;
    assert_int_equal(bound_of(&t, &b), SG_OK);
    assert_true(b.log_gap_lower == -INFINITY);
    for (int i = 0; i < 25; i++) t.log_gap[0][i] = log(1e-20); /* 1e-13 < sqrt(4 1e-20) */
    assert_int_equal(bound_of(&t, &b), SG_OK);
    const double share = 1e-13 / sqrt(4e-20) + 1e-13 / sqrt(9e-20);
    assert_near(b.log_gap_lower, log(1e-20) + log1p(-share), 1e-9);
}

/* Entries that vary: node order, and a minimum that no node sees, against a fine search. */
static void test_between_nodes(void **state) {
    (void)state;
    static tensor t;
    sg_stream s;
    sg_stream_open(&s, 44, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 40; trial++) {
        double q[9], truth = INFINITY;
        sg_conditional_bound b;
        for (int k = 0; k < 9; k++) q[k] = uniform(&s, -0.5, 0.5);
        t = (tensor){.gaps = {.d = 2, .count = {SIDE, 9}}};
        for (int n = 0; n < 161 * 161; n++) { /* x in [-1,1]^2: nodes are every 10th and 20th */
            const int i = n % 161, j = n / 161;
            const double x = i / 80.0 - 1, y = j / 80.0 - 1;
            const double one = 2 + q[0] * y + y * y * q[1], two = 3 + q[2] * x + q[3] * x * x;
            const double c = q[4] + q[5] * x + q[6] * y + q[7] * x * y + q[8] * x * x;
            const double packed[] = {one, c, two};
            truth = fmin(truth, least_of(2, packed));
            if (i % 10 || j % 20) continue;
            t.log_gap[0][j / 20] = log(one);
            t.log_gap[1][i / 10] = log(two);
            t.coupling[0][i / 10 + SIDE * (j / 20)] = c;
        }
        assert_int_equal(bound_of(&t, &b), SG_OK);
        assert_true(exp(b.log_gap_lower) <= truth + 1e-12);
        /* twice the deviation is taken off, and the interpolation lies by as much below at most */
        const double deviation = 0.0625 * fabs(q[1]) + 0.015625 * hypot(q[3], M_SQRT2 * q[8]);
        assert_true(exp(b.log_gap_lower) >= truth - 3 * deviation - 1e-12);
        assert_true(exp(b.log_seen) >= truth - 1e-12);
    }
    sg_conditional_bound b;
    t.gaps.count[1] = 8;
    assert_int_equal(bound_of(&t, &b), SG_OUT_OF_RANGE);
    t.gaps.count[1] = 9;
    t.coupling[0][7] = NAN;
    assert_int_equal(bound_of(&t, &b), SG_REFUSED);
}

/* ---------------------------------------------------------------------- the frame */

static void test_frame(void **state) {
    (void)state;
    enum { POINTS = 50 };
    sg_stream s;
    sg_stream_open(&s, 45, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 60; trial++) {
        const int d = 2 + trial % 2, varying = trial % 3; /* directions along which V is no quadratic form */
        double r[D * D], value[D], packed[PAIRS], h[PAIRS * POINTS], weight[POINTS], turn[D * D];
        random_turn(&s, d, r);
        for (int k = 0; k < POINTS; k++) {
            for (int a = 0; a < d; a++) value[a] = a < varying ? uniform(&s, -20, 20) : 1 + a;
            compose(d, r, value, packed);
            for (int p = 0; p < d * (d + 1) / 2; p++) h[p * POINTS + k] = packed[p];
            weight[k] = uniform(&s, 0, 1);
        }
        assert_int_equal(sg_bound_least_coupling(d, POINTS, h, weight, turn), SG_OK);
        for (int a = 0; a < d; a++) { /* each row of r is found, up to its sign */
            double most = 0;
            for (int b = 0; b < d; b++) {
                double dot = 0;
                for (int c = 0; c < d; c++) dot += r[a * d + c] * turn[b * d + c];
                most = fmax(most, fabs(dot));
            }
            assert_near(most, 1, 1e-12);
        }
    }
    double turn[D * D];
    const double h[PAIRS] = {1, 0, 1}, none = 0, bad[PAIRS] = {NAN, 0, 1}, one = 1;
    assert_int_equal(sg_bound_least_coupling(2, 1, h, &none, turn), SG_REFUSED);
    assert_int_equal(sg_bound_least_coupling(2, 1, bad, &one, turn), SG_REFUSED);
    assert_int_equal(sg_bound_least_coupling(4, 1, h, &one, turn), SG_OUT_OF_RANGE);
}

/* u_1 alone is no quadratic form, and couples to one direction across: that is found, of a plane otherwise alike. */
static void test_frame_gathers(void **state) {
    (void)state;
    enum { POINTS = 20 };
    sg_stream s;
    sg_stream_open(&s, 46, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 20; trial++) {
        double r[9], h[PAIRS * POINTS], weight[POINTS], turn[9];
        random_turn(&s, 3, r);
        for (int k = 0; k < POINTS; k++) {
            const double first = uniform(&s, -20, 20), m[3][3] = {{first, 0.5, 0}, {0.5, 4, 0}, {0, 0, 4}};
            weight[k] = 1;
            for (int i = 0, p = 0; i < 3; i++)
                for (int j = 0; j <= i; j++, p++) {
                    h[p * POINTS + k] = 0;
                    for (int a = 0; a < 3; a++)
                        for (int b = 0; b < 3; b++) h[p * POINTS + k] += r[a * 3 + i] * m[a][b] * r[b * 3 + j];
                }
        }
        assert_int_equal(sg_bound_least_coupling(3, POINTS, h, weight, turn), SG_OK);
        int found = 0;
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) {
                double dot = 0;
                for (int c = 0; c < 3; c++) dot += r[a * 3 + c] * turn[b * 3 + c];
                found += fabs(fabs(dot) - 1) < 1e-12;
            }
        assert_int_equal(found, 3);
    }
}

/* -------------------------------------------------------------- test functions */

static void test_ritz(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 47, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 50; trial++) {
        enum { MOST = 6 };
        const int n = 1 + trial % MOST;
        double f[MOST][MOST], v[MOST], e[MOST * MOST], c[MOST * MOST], a[MOST], value, most = 0, over = 0, under = 0;
        for (int k = 0; k < n; k++) most = fmax(most, v[k] = log_uniform(&s, 1e-3, 1e3));
        for (int i = 0; i < n; i++)
            for (int k = 0; k < n; k++) f[i][k] = uniform(&s, -1, 1) + 2 * (i == k);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                e[i + n * j] = c[i + n * j] = 0;
                for (int k = 0; k < n; k++) {
                    e[i + n * j] += f[i][k] * f[j][k];
                    c[i + n * j] += v[k] * f[i][k] * f[j][k];
                }
            }
        assert_int_equal(sg_bound_ritz_upper(n, e, c, a, &value), SG_OK);
        assert_near(value, -log(most), 1e-8);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                over += a[i] * e[i + n * j] * a[j];
                under += a[i] * c[i + n * j] * a[j];
            }
        assert_near(log(over / under), -log(most), 1e-8);
    }
    double a[2], value;
    const double zero[4] = {0}, twice[] = {1, 2, 2, 4}, variance[] = {5, 10, 10, 20};
    assert_int_equal(sg_bound_ritz_upper(2, twice, variance, a, &value), SG_OK);
    assert_near(value, -log(5), 1e-12);
    assert_int_equal(sg_bound_ritz_upper(2, zero, variance, a, &value), SG_REFUSED);
    assert_int_equal(sg_bound_ritz_upper(2, twice, zero, a, &value), SG_REFUSED);
    assert_int_equal(sg_bound_ritz_upper(0, twice, variance, a, &value), SG_OUT_OF_RANGE);
    sg_memory_fail_after(1);
    assert_int_equal(sg_bound_ritz_upper(2, twice, variance, a, &value), SG_NO_MEMORY);
    sg_memory_fail_after(0);
}

/* -------------------------------------------------------------- comparison of forms */

enum { SITES = 4, STATES = 1 << SITES };

/* Least nonzero eigenvalue of sum_K r_K (I - P_K), P_K the conditional expectation given the sites outside K. */
static double block_gap(const double *p, int count, const uint32_t *mask, const double *rate) {
    double m[STATES * STATES] = {0}, value[STATES];
    for (int k = 0; k < count; k++)
        for (unsigned x = 0; x < STATES; x++) {
            double sum = 0;
            for (unsigned y = 0; y < STATES; y++)
                if (((x ^ y) & ~mask[k]) == 0) sum += p[y];
            m[x + STATES * x] += rate[k];
            for (unsigned y = 0; y < STATES; y++)
                if (((x ^ y) & ~mask[k]) == 0) m[x + STATES * y] -= rate[k] * sqrt(p[x] * p[y]) / sum;
        }
    assert_int_equal(sg_symmetric_eigen(STATES, m, value, NULL), SG_OK);
    assert_near(value[0], 0, 1e-12);
    return value[1];
}

static void test_blocks(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 48, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 100; trial++) {
        double p[STATES], rate[8], upper;
        uint32_t mask[8];
        const int count = 3 + trial % 6;
        const double depth = log_uniform(&s, 0.1, 6);
        for (int x = 0; x < STATES; x++) p[x] = exp(uniform(&s, -depth, depth));
        for (int k = 0; k < count; k++) {
            rate[k] = log_uniform(&s, 0.1, 3);
            mask[k] = 1 + (uint32_t)uniform(&s, 0, STATES - 1);
        }
        static const uint32_t alone[] = {1, 2, 4, 8};
        static const double once[] = {1, 1, 1, 1};
        const double log_share = sg_bound_blocks(SITES, count, mask, rate, &upper);
        const double gap = block_gap(p, count, mask, rate), single = block_gap(p, SITES, alone, once);
        if (exp(log_share) * single > gap * (1 + 1e-9) + 1e-13)
            fail_msg("%g times %g against %g", exp(log_share), single, gap);
        assert_true(gap <= exp(upper) + 1e-12);
    }
    const uint32_t pairs[] = {3, 5, 6};
    const double third[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    double upper;
    assert_near(exp(sg_bound_blocks(3, 3, pairs, third, &upper)), 1.0 / 3, 1e-15);
    assert_near(exp(upper), 2.0 / 3, 1e-15);
}

/* Quadratic potentials, whose eigenvalues have the real part (g - sqrt(g^2 - 4 m))/2, g/2 below g = 2 sqrt m. */
static void test_kinetic(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 49, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 200; trial++) {
        const double m = log_uniform(&s, 1e-3, 1e3), g = log_uniform(&s, 1e-2, 1e3), root = g * g - 4 * m;
        const double gap = root > 0 ? 2 * m / (g + sqrt(root)) : g / 2, lower = exp(sg_bound_kinetic_lower(m, m, g));
        assert_true(lower <= gap * (1 + 1e-12));
        assert_true((lower > 0) == (g * g > m));
        if (g * g > 100 * m) assert_true(lower > 0.98 * gap);
    }
    assert_near(exp(sg_bound_kinetic_lower(0.5, 3, 2)), 0.25, 1e-15);
    assert_near(exp(sg_bound_kinetic_lower(1.5, 3, 2)), 0.5, 1e-15);
    assert_true(sg_bound_kinetic_lower(-0.1, 1, 2) == -INFINITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_convexity),
        cmocka_unit_test(test_convexity_fails),
        cmocka_unit_test(test_normal_couplings),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_between_nodes),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_frame_gathers),
        cmocka_unit_test(test_ritz),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_kinetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
