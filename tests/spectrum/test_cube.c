/*
 * Gaps on the hypercube by Lanczos' method without a matrix.  Exact values: rings, paths, product measures, parity and
 * hard-core models (closed forms, or two programs that enumerate the states); otherwise the same chain as an explicit
 * matrix, or lumped to a birth-death chain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/chain.h"
#include "scoregap/numeric.h"

enum { MOST = 18 };

typedef struct {
    int n, blocks;
    double *log_p;
    uint32_t *block;
    double *weight;
} model;

static model make(int n, int blocks) {
    model m = {n, blocks, calloc((size_t)1 << n, sizeof(double)), calloc((size_t)blocks, sizeof(uint32_t)),
               calloc((size_t)blocks, sizeof(double))};
    assert_true(m.log_p && m.block && m.weight);
    return m;
}

static model single_sites(int n) {
    model m = make(n, n);
    for (int i = 0; i < n; i++) m.block[i] = (uint32_t)1 << i, m.weight[i] = 1;
    return m;
}

static void drop(model *m) {
    free(m->log_p);
    free(m->block);
    free(m->weight);
}

static sg_cube cube_of(const model *m) {
    return (sg_cube){m->n, m->blocks, m->block, m->weight, m->log_p};
}

static double spin(uint32_t x, int i) {
    return (x >> i & 1) ? 1 : -1;
}

/* log p = sum_{i<j} J_ij x_i x_j + sum h_i x_i; couplings [n,n], fields on the diagonal */
static void fill_ising(const model *m, const double *j) {
    const int n = m->n;
    for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
        double sum = 0;
        for (int a = 0; a < n; a++) {
            sum += j[a * n + a] * spin(x, a);
            for (int b = 0; b < a; b++) sum += j[a * n + b] * spin(x, a) * spin(x, b);
        }
        m->log_p[x] = sum;
    }
}

static void fill_chain(const model *m, double beta, bool closed) {
    double *j = calloc((size_t)(m->n * m->n), sizeof(double));
    for (int i = 1; i < m->n; i++) j[i * m->n + i - 1] = beta;
    if (closed) j[(m->n - 1) * m->n] = beta;
    fill_ising(m, j);
    free(j);
}

static void fill_random(const model *m, double size, uint32_t seed) {
    double *j = calloc((size_t)(m->n * m->n), sizeof(double));
    sg_stream stream;
    sg_stream_open(&stream, 21, SG_PURPOSE_TEST, seed);
    sg_stream_normal(&stream, (size_t)(m->n * m->n), j);
    for (int i = 0; i < m->n * m->n; i++) j[i] *= size;
    fill_ising(m, j);
    free(j);
}

static void assert_relative(double value, double truth, double tolerance) {
    if (!(fabs(value / truth - 1) <= tolerance))
        fail_msg("%.17g is %.3g from %.17g, relative; %g was allowed", value, value / truth - 1, truth, tolerance);
}

/* The enclosure holds the truth (known to `digits`, relative) and the value is that good. */
static void check(const sg_gap *gap, double truth, double digits) {
    if (gap->status) fail_msg("status %s: %s", sg_status_name(gap->status), gap->message);
    assert_true(gap->gap_lower <= gap->gap && gap->gap <= gap->gap_upper);
    if (!(gap->gap_lower <= truth * (1 + digits) && truth * (1 - digits) <= gap->gap_upper))
        fail_msg("%.17g is not in [%.17g, %.17g]", truth, gap->gap_lower, gap->gap_upper);
    assert_true(gap->gap_upper - gap->gap_lower <= 1e-6 * gap->gap);
    assert_relative(gap->gap, truth, digits);
}

static void assert_gap(const model *m, double truth, double digits) {
    sg_gap gap;
    sg_cube cube = cube_of(m);
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OK);
    check(&gap, truth, digits);
}

/* ------------------------------------------------------------- closed forms */

static void test_ring(void **state) {
    (void)state;
    static const double beta[] = {0, .1, .37, 1, 1.7, -.2, -.9};
    for (int n = 3; n <= 14; n++)
        for (size_t b = 0; b < sizeof beta / sizeof *beta; b++) {
            double t = tanh(2 * beta[b]);
            double truth = beta[b] >= 0 || n % 2 == 0 ? 1 - fabs(t) : 1 - fabs(t) * cos(M_PI / n);
            model m = single_sites(n);
            fill_chain(&m, beta[b], true);
            assert_gap(&m, truth, 1e-11);
            drop(&m);
        }
}

static void test_path(void **state) {
    (void)state;
    for (int n = 2; n <= 13; n++)
        for (double beta = .25; beta < 1.1; beta += .25) {
            double a[MOST * MOST] = {0}, value[MOST];
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                    if (j == i + 1 || j == i - 1) a[i + n * j] = i == 0 || i == n - 1 ? tanh(beta) : tanh(2 * beta) / 2;
            /* similar to a symmetric matrix */
            for (int i = 0; i + 1 < n; i++)
                a[i + n * (i + 1)] = a[i + 1 + n * i] = sqrt(a[i + n * (i + 1)] * a[i + 1 + n * i]);
            assert_int_equal(sg_symmetric_eigen(n, a, value, NULL), SG_OK);
            model m = single_sites(n);
            fill_chain(&m, beta, false);
            assert_gap(&m, 1 - value[n - 1], 1e-11);
            if (n == 2) assert_gap(&m, 1 - tanh(beta), 1e-12);
            if (n == 7 && beta == 1) assert_gap(&m, .0686205506, .6e-9);
            drop(&m);
        }
}

static double choose(int n, int k) {
    return round(exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)));
}

static model subsets(int n, int k) {
    model m = make(n, (int)choose(n, k));
    int b = 0;
    for (uint32_t mask = 0; mask < (uint32_t)1 << n; mask++)
        if (__builtin_popcount(mask) == k) m.block[b] = mask, m.weight[b++] = 1 / choose(n, k);
    assert_int_equal(b, m.blocks);
    return m;
}

/* Eigenvalues 1 - C(n-m,k)/C(n,k), m = 1.., each C(n,m) times; with 13 sites, k > 7 some blocks are wider than a tile.
 */
static void test_product_measure(void **state) {
    (void)state;
    static const int table[][2] = {{4, 2}, {5, 1}, {8, 3}, {8, 8}, {9, 7}, {13, 2}, {13, 9}, {13, 12}, {13, 13}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t][0], k = table[t][1], count = n < 6 ? n + 2 : n == 8 ? 3 : 1;
        double field[MOST * MOST] = {0};
        model m = subsets(n, k);
        for (int i = 0; i < n; i++) field[i * n + i] = .3 * (i - 2);
        fill_ising(&m, field);
        sg_gap gap;
        sg_cube cube = cube_of(&m);
        sg_chain_spectrum *spectrum = NULL;
        assert_int_equal(sg_cube_gap(&cube, NULL, count, &gap, &spectrum), SG_OK);
        check(&gap, (double)k / n, 1e-12);
        assert_int_equal(spectrum->count, count);
        for (int i = 0; i < count; i++) {
            double truth = 1 - (i < n ? (double)(n - k) / n : choose(n - 2, k) / choose(n, k));
            assert_relative(spectrum->value[i], truth, 1e-11);
            assert_true(fabs(spectrum->value[i] - truth) <= spectrum->error[i]);
        }
        sg_chain_spectrum_delete(spectrum);
        drop(&m);
    }
}

/* One of the n runs of l neighbours uniformly. */
static void test_contiguous_blocks(void **state) {
    (void)state;
    static const struct {
        int n, l;
        double beta;
    } table[] = {{6, 1, .4}, {6, 2, .4}, {6, 5, .8}, {9, 4, 1}, {13, 3, .6}, {13, 10, .6}, {14, 8, .3}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t].n, l = table[t].l;
        double th = tanh(table[t].beta), power = pow(th, l + 1);
        model m = make(n, n);
        for (int i = 0; i < n; i++) {
            m.weight[i] = 1.0 / n;
            for (int k = 0; k < l; k++) m.block[i] |= (uint32_t)1 << (i + k) % n;
        }
        fill_chain(&m, table[t].beta, true);
        assert_gap(&m, (l - 2 * (th - power) / ((1 - th) * (1 + power))) / n, 1e-11);
        drop(&m);
    }
}

static void test_parity(void **state) {
    (void)state;
    static const struct {
        int n, k;
        double j;
    } table[] = {{2, 2, .5}, {5, 3, 1}, {7, 4, .2}, {8, 8, 1.5}, {10, 6, 3}, {13, 2, .7}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t].n, k = table[t].k;
        double sech = 1 / cosh(table[t].j), root = sqrt(1 - 4 * (k - 1) * sech * sech / (k * k));
        model m = single_sites(n);
        for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
            int minus = __builtin_popcount(~x & (((uint32_t)1 << k) - 1));
            m.log_p[x] = minus % 2 ? -table[t].j : table[t].j;
        }
        assert_gap(&m, fmin(1, .5 * k * (1 - root)), 1e-11);
        drop(&m);
    }
}

/* ---------------------------------------------------------------- hard core */

static void test_hard_core_complete(void **state) {
    (void)state;
    for (int n = 2; n <= 9; n++)
        for (double lambda = .3; lambda < 3; lambda *= 2) {
            model m = single_sites(n);
            for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
                int size = __builtin_popcount(x);
                m.log_p[x] = size > 1 ? -INFINITY : size * log(lambda);
            }
            assert_gap(&m, 1 / (1 + lambda), 1e-12);
            drop(&m);
        }
}

/* K_{m,m}: all sites of at most one side; the numbers occupied, the right side negative, are a birth-death chain. */
static double lumped_bipartite(int m, double lambda) {
    double up[64], down[64], in = lambda / (1 + lambda), out = 1 / (1 + lambda);
    for (int k = -m; k < m; k++) {
        up[k + m] = log(k >= 0 ? (m - k) * in : -k * out);
        down[k + m] = log(k >= 0 ? (k + 1) * out : (m + k + 1) * in);
    }
    sg_birth_death chain = {2 * m + 1, up, down};
    sg_gap gap;
    assert_int_equal(sg_birth_death_gap(&chain, &gap), SG_OK);
    assert_int_equal(gap.status, SG_OK);
    return gap.gap;
}

static void test_hard_core_bipartite(void **state) {
    (void)state;
    static const struct {
        int m;
        double gap, unit; /* of discrete time */
    } table[] = {{2, .0732233, 1e-7}, {3, .0295207, 1e-7},  {4, .0134513, 1e-7},
                 {8, 8.258e-4, 1e-7}, {16, 3.534e-6, 1e-9}, {24, 1.4217e-8, 1e-12}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int side = table[t].m, n = 2 * side;
        double lumped = lumped_bipartite(side, 1);
        if (!(fabs(lumped / n - table[t].gap) <= .5 * table[t].unit))
            fail_msg("K_{%d,%d}: %.12g, not %.12g", side, side, lumped / n, table[t].gap);
        if (side > 8) continue;
        model m = single_sites(n);
        const uint32_t left = ((uint32_t)1 << side) - 1;
        for (uint32_t x = 0; x < (uint32_t)1 << n; x++) m.log_p[x] = (x & left) && (x & ~left) ? -INFINITY : 0;
        assert_gap(&m, lumped, 1e-10);
        drop(&m);
    }
}

/* ---------------------------------------------------------- blocks and lumping */

/* Four spins, all couplings J: 1/gap when k of the sites, uniformly chosen, are resampled. */
static void test_random_masks(void **state) {
    (void)state;
    static const struct {
        double j, inverse[4];
    } table[] = {{.1, {5.655125025009, 2.551696860909, 1.517232286970, 1}},
                 {.5, {48.79547960580, 16.41476265272, 6.138254217572, 1}},
                 {1, {1540.807199, 357.2196995585, 119.7398998429, 1}}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++)
        for (int k = 1; k <= 4; k++) {
            double j[16];
            for (int i = 0; i < 16; i++) j[i] = i % 5 == 0 ? 0 : table[t].j;
            model m = subsets(4, k);
            fill_ising(&m, j);
            assert_gap(&m, 1 / table[t].inverse[k - 1], 5e-10);
            drop(&m);
        }
}

static void test_curie_weiss(void **state) {
    (void)state;
    static const struct {
        int n;
        double beta;
    } table[] = {{8, .4}, {12, 1.5}, {14, .9}, {15, 2}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t].n;
        double up[MOST], down[MOST], beta = table[t].beta;
        for (int k = 0; k < n; k++) {
            up[k] = log(n - k) - log1p(exp(-2 * beta * (2 * k - n + 1) / n));
            down[k] = log(k + 1) - log1p(exp(2 * beta * (2 * k + 1 - n) / n));
        }
        sg_birth_death chain = {n + 1, up, down};
        sg_gap lumped;
        assert_int_equal(sg_birth_death_gap(&chain, &lumped), SG_OK);
        model m = single_sites(n);
        for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
            double s = 2 * __builtin_popcount(x) - n;
            m.log_p[x] = .5 * beta / n * s * s;
        }
        assert_gap(&m, lumped.gap, 1e-10);
        drop(&m);
    }
}

/* Antiferromagnetic mean field, n = 8, beta = -1: the slow mode has no symmetry of the lumped chain, whose gap is
 * 1.8259 (NumPy's dense eigenvalues). */
static void test_lumping_is_not_enough(void **state) {
    (void)state;
    model m = single_sites(8);
    for (uint32_t x = 0; x < 256; x++) {
        double s = 2 * __builtin_popcount(x) - 8;
        m.log_p[x] = -.5 / 8 * s * s;
    }
    assert_gap(&m, .881836179, 1e-9);
    drop(&m);
}

/* ------------------------------------------------- against an explicit matrix */

static double heat_bath(double u) {
    return u > 0 ? 1 / (1 + exp(-u)) : exp(u) / (1 + exp(u));
}

static void heat_bath_rate(const void *context, int n, const double *u, double *rate) {
    (void)context;
    for (int k = 0; k < n; k++) rate[k] = heat_bath(u[k]);
}

static void metropolis_rate(const void *context, int n, const double *u, double *rate) {
    (void)context;
    for (int k = 0; k < n; k++) rate[k] = u[k] < 0 ? exp(u[k]) : 1;
}

static void root_rate(const void *context, int n, const double *u, double *rate) {
    const double *factor = context;
    for (int k = 0; k < n; k++) rate[k] = *factor * exp(.5 * u[k]);
}

/* First eigenvalues of the chain of single flips as an explicit matrix. */
static void explicit_values(const model *m, sg_flip_rate rate, const void *context, sg_eigenvalues *values) {
    const uint32_t states = (uint32_t)1 << m->n;
    int *from = calloc((size_t)states * (size_t)m->n, sizeof(int)),
        *to = calloc((size_t)states * (size_t)m->n, sizeof(int));
    double *log_rate = calloc((size_t)states * (size_t)m->n, sizeof(double));
    long long e = 0;
    for (uint32_t x = 0; x < states; x++)
        for (int i = 0; i < m->n; i++) {
            double u = m->log_p[x ^ (uint32_t)1 << i] - m->log_p[x], r;
            rate(context, 1, &u, &r);
            from[e] = (int)x;
            to[e] = (int)(x ^ (uint32_t)1 << i);
            log_rate[e++] = log(r);
        }
    sg_chain chain = {(int)states, e, from, to, log_rate, NULL};
    sg_gap gap;
    assert_int_equal(sg_chain_gap(&chain, NULL, &gap, values, NULL), SG_OK);
    assert_int_equal(gap.status, SG_OK);
    free(from);
    free(to);
    free(log_rate);
}

static void test_explicit(void **state) {
    (void)state;
    static const struct {
        int n;
        double size;
    } table[] = {{2, 1}, {3, .5}, {5, .3}, {7, .2}, {7, .6}, {8, .4}};
    const double factor = 3;
    const struct {
        sg_flip_rate rate;
        const void *context;
    } rates[] = {{heat_bath_rate, NULL}, {metropolis_rate, NULL}, {root_rate, &factor}};
    for (uint32_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t].n, count = n == 2 ? 3 : 5;
        model m = single_sites(n);
        fill_random(&m, table[t].size, t);
        for (int r = 0; r < 3; r++) {
            sg_eigenvalues *values = NULL;
            sg_chain_spectrum *spectrum = NULL;
            sg_gap gap;
            assert_int_equal(sg_eigenvalues_new(count, &values), SG_OK);
            explicit_values(&m, rates[r].rate, rates[r].context, values);
            assert_int_equal(sg_flip_gap(n, m.log_p, rates[r].rate, rates[r].context, NULL, count, &gap, &spectrum),
                             SG_OK);
            check(&gap, exp(values->log_value[0]), 1e-10);
            for (int k = 0; k < count; k++) assert_relative(spectrum->value[k], exp(values->log_value[k]), 1e-10);
            assert_true(spectrum->largest >= spectrum->value[count - 1]);
            if (r == 0) assert_gap(&m, exp(values->log_value[0]), 1e-10);
            sg_chain_spectrum_delete(spectrum);
            sg_eigenvalues_delete(values);
        }
        drop(&m);
    }
}

/* Tiles of several passes: the two operators, and the order of the sites, make no difference. */
static void test_order_of_sites(void **state) {
    (void)state;
    const int n = 15;
    model m = single_sites(n), turned = single_sites(n);
    sg_gap gap, flip, other;
    fill_random(&m, .15, 40);
    for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
        uint32_t y = 0;
        for (int i = 0; i < n; i++) y |= (x >> i & 1) << (7 * i + 3) % n;
        turned.log_p[y] = m.log_p[x];
    }
    sg_cube cube = cube_of(&m), turned_cube = cube_of(&turned);
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OK);
    assert_int_equal(sg_cube_gap(&turned_cube, NULL, 1, &other, NULL), SG_OK);
    assert_int_equal(sg_flip_gap(n, m.log_p, heat_bath_rate, NULL, NULL, 1, &flip, NULL), SG_OK);
    check(&other, gap.gap, 1e-11);
    check(&flip, gap.gap, 1e-11);
    drop(&m);
    drop(&turned);
}

/* ------------------------------------------------------------- what is promised */

static void test_threads(void **state) {
    (void)state;
    const int n = 18;
    double value[2], first[2];
    model m = single_sites(n);
    fill_random(&m, .1, 50);
    sg_cube cube = cube_of(&m);
    for (int threads = 1; threads <= 3; threads += 2) {
        sg_spectrum_settings settings = {.threads = threads};
        sg_chain_spectrum *spectrum = NULL;
        sg_gap gap;
        assert_int_equal(sg_cube_gap(&cube, &settings, 1, &gap, &spectrum), SG_OK);
        value[threads / 2] = gap.gap_lower;
        first[threads / 2] = spectrum->vector[12345];
        sg_chain_spectrum_delete(spectrum);
    }
    assert_memory_equal(&value[0], &value[1], sizeof(double));
    assert_memory_equal(&first[0], &first[1], sizeof(double));
    drop(&m);
}

/* The same bits, whether amplitudes take the place of log p or not. */
static void test_over(void **state) {
    (void)state;
    for (int n = 10; n <= 17; n += 7) {
        const size_t states = (size_t)1 << n;
        sg_gap gap, other;
        sg_chain_spectrum *spectrum = NULL, *again = NULL;
        model m = single_sites(n);
        fill_random(&m, .15, 55);
        sg_cube cube = cube_of(&m);
        double *lost = malloc(states * sizeof(double));
        assert_non_null(lost);
        memcpy(lost, m.log_p, states * sizeof(double));
        assert_int_equal(sg_cube_gap(&cube, NULL, 2, &gap, &spectrum), SG_OK);
        cube.log_p = NULL;
        assert_int_equal(sg_cube_gap_over(&cube, lost, NULL, 2, &other, &again), SG_OK);
        assert_int_equal(gap.status, SG_OK);
        assert_memory_equal(&gap.gap_lower, &other.gap_lower, sizeof(double));
        assert_memory_equal(spectrum->value, again->value, 2 * sizeof(double));
        assert_memory_equal(spectrum->vector, again->vector, states * sizeof(double));
        sg_chain_spectrum_delete(spectrum);
        sg_chain_spectrum_delete(again);
        free(lost);
        drop(&m);
    }
}

/* The same bits, whether the rates of flips are kept or found in every product, and the rates may be cut off. */
static void test_kept_rates(void **state) {
    (void)state;
    const double factor = 3;
    for (int n = 5; n <= 15; n += 5) {
        const size_t states = (size_t)1 << n;
        model m = single_sites(n);
        sg_gap gap, other;
        sg_chain_spectrum *spectrum = NULL, *again = NULL;
        fill_random(&m, .15, 57);
        for (size_t x = 0; n == 10 && x < states; x++)
            if ((x & 5) == 5) m.log_p[x] = -INFINITY;
        assert_int_equal(sg_flip_gap(n, m.log_p, root_rate, &factor, NULL, 2, &gap, &spectrum), SG_OK);
        const sg_spectrum_settings settings = {.memory = spectrum->bytes - 1};
        assert_int_equal(sg_flip_gap(n, m.log_p, root_rate, &factor, &settings, 2, &other, &again), SG_OK);
        assert_int_equal(gap.status, SG_OK);
        assert_int_equal(spectrum->bytes - again->bytes, (size_t)n * states * sizeof(double));
        assert_memory_equal(&gap.gap_lower, &other.gap_lower, sizeof(double));
        assert_memory_equal(spectrum->value, again->value, 2 * sizeof(double));
        assert_memory_equal(spectrum->vector, again->vector, states * sizeof(double));
        sg_chain_spectrum_delete(spectrum);
        sg_chain_spectrum_delete(again);
        drop(&m);
    }
}

/* The residual of f that is computed here agrees with the enclosure's width. */
static double residual_of(const model *m, const double *f, double gap) {
    double square = 0, mass = 0;
    for (uint32_t x = 0; x < (uint32_t)1 << m->n; x++) {
        double sum = -gap * f[x];
        for (int i = 0; i < m->n; i++) {
            uint32_t y = x ^ (uint32_t)1 << i;
            sum += heat_bath(m->log_p[y] - m->log_p[x]) * (f[x] - f[y]);
        }
        square += exp(m->log_p[x]) * sum * sum;
        mass += exp(m->log_p[x]);
    }
    return sqrt(square / mass);
}

/* At every strength: weak couplings end in few steps, strong ones after Ritz values have come back. */
static void test_residual(void **state) {
    (void)state;
    for (int k = 0; k < 8; k++) {
        const double size = .05 * (1 << k / 2) * (k % 2 ? 1.4 : 1);
        model m = single_sites(11);
        sg_gap gap;
        sg_chain_spectrum *spectrum = NULL;
        fill_random(&m, size, 90 + (uint32_t)k);
        sg_cube cube = cube_of(&m);
        assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, &spectrum), SG_OK);
        if (gap.status) fail_msg("size %g: %s", size, gap.message);
        const double width = gap.gap - gap.gap_lower, residual = residual_of(&m, spectrum->vector, gap.gap);
        if (!(residual <= width)) fail_msg("size %g: residual %g, the enclosure allows %g", size, residual, width);
        sg_chain_spectrum_delete(spectrum);
        drop(&m);
    }
}

/* E f = 0, E f^2 = 1, and its Dirichlet form is the gap; f is 0 where p is. */
static void test_function(void **state) {
    (void)state;
    const int n = 12;
    model m = single_sites(n);
    sg_gap gap;
    sg_chain_spectrum *spectrum = NULL;
    fill_random(&m, .2, 60);
    for (uint32_t x = 0; x < (uint32_t)1 << n; x++)
        if ((x & 0x21) == 0x21) m.log_p[x] = -INFINITY;
    sg_cube cube = cube_of(&m);
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, &spectrum), SG_OK);
    assert_int_equal(gap.status, SG_OK);
    const double *f = spectrum->vector;
    double mass = 0, mean = 0, square = 0, energy = 0;
    for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
        double p = exp(m.log_p[x]);
        mass += p;
        mean += p * f[x];
        square += p * f[x] * f[x];
        if (p == 0) assert_true(f[x] == 0);
        for (int i = 0; i < n; i++) {
            uint32_t y = x ^ (uint32_t)1 << i;
            double q = exp(m.log_p[y]);
            if (y > x && p + q > 0) energy += p * q / (p + q) * (f[x] - f[y]) * (f[x] - f[y]);
        }
    }
    assert_true(fabs(mean / mass) <= 1e-12);
    assert_relative(square / mass, 1, 1e-12);
    assert_relative(energy / mass, gap.gap, 1e-11);
    assert_true(spectrum->products > 0 && spectrum->bytes > 0);
    assert_true(spectrum->largest <= n * (1 + 1e-12) && spectrum->largest > 1);
    sg_chain_spectrum_delete(spectrum);
    drop(&m);
}

/* Low temperature: few states go to the dense solver, many are refused a certificate; the upper bound holds. */
static void test_metastable(void **state) {
    (void)state;
    for (int n = 9; n <= 14; n += 5) {
        double up[MOST], down[MOST], beta = 6;
        for (int k = 0; k < n; k++) {
            up[k] = log(n - k) - log1p(exp(-2 * beta * (2 * k - n + 1) / n));
            down[k] = log(k + 1) - log1p(exp(2 * beta * (2 * k + 1 - n) / n));
        }
        sg_birth_death chain = {n + 1, up, down};
        sg_gap lumped, gap;
        sg_chain_spectrum *spectrum = NULL;
        assert_int_equal(sg_birth_death_gap(&chain, &lumped), SG_OK);
        assert_true(lumped.gap < 1e-8);
        model m = single_sites(n);
        for (uint32_t x = 0; x < (uint32_t)1 << n; x++) {
            double s = 2 * __builtin_popcount(x) - n;
            m.log_p[x] = .5 * beta / n * s * s;
        }
        sg_cube cube = cube_of(&m);
        assert_int_equal(sg_cube_gap(&cube, NULL, 2, &gap, &spectrum), SG_OK);
        if (n == 9) {
            check(&gap, lumped.gap, 1e-11);
            assert_relative(spectrum->value[0], lumped.gap, 1e-11);
        } else {
            assert_int_equal(gap.status, SG_UNCERTIFIED);
            assert_true(gap.message[0] && gap.gap_lower == 0 && lumped.gap <= gap.gap_upper);
        }
        sg_chain_spectrum_delete(spectrum);
        drop(&m);
    }
}

/* Amplitudes down to e^-600. */
static void test_wide_range(void **state) {
    (void)state;
    model m = single_sites(12);
    for (uint32_t x = 0; x < 4096; x++) m.log_p[x] = 100 * __builtin_popcount(x);
    assert_gap(&m, 1, 1e-12);
    for (uint32_t x = 0; x < 4096; x++) m.log_p[x] = x == 4095 ? -1290 : 0;
    sg_gap gap;
    sg_cube cube = cube_of(&m);
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OK);
    assert_int_equal(gap.status, SG_OK);
    m.log_p[0] = 11;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OUT_OF_RANGE);
    drop(&m);
}

/* ------------------------------------------------------------------- errors */

static void test_errors(void **state) {
    (void)state;
    sg_gap gap;
    model m = single_sites(4);
    sg_cube cube = cube_of(&m);
    cube.n = 27;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OUT_OF_RANGE);
    cube.n = 3;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OUT_OF_RANGE);
    cube = cube_of(&m);
    assert_int_equal(sg_cube_gap(&cube, NULL, 0, &gap, NULL), SG_OUT_OF_RANGE);
    cube.blocks = 3;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "site 3"));
    cube.blocks = 4;
    m.weight[2] = 0;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OUT_OF_RANGE);
    m.weight[2] = 1;
    m.log_p[5] = NAN;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_OUT_OF_RANGE);
    for (uint32_t x = 0; x < 16; x++) m.log_p[x] = __builtin_popcount(x) % 2 ? -INFINITY : 0;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "0x3"));
    for (uint32_t x = 1; x < 16; x++) m.log_p[x] = -INFINITY;
    assert_int_equal(sg_cube_gap(&cube, NULL, 1, &gap, NULL), SG_REFUSED);
    drop(&m);
}

static int calls;
static void count_progress(void *context, double done, double of) {
    (void)context;
    if (done >= 0 && done <= of && of > 0) calls++;
}

static void test_settings(void **state) {
    (void)state;
    const int n = 12;
    volatile int stop = 0;
    sg_gap gap;
    sg_chain_spectrum *spectrum = NULL;
    model m = single_sites(n);
    fill_random(&m, .2, 70);
    sg_cube cube = cube_of(&m);
    sg_spectrum_settings settings = {.stop = &stop, .progress = count_progress};
    calls = 0;
    assert_int_equal(sg_cube_gap(&cube, &settings, 1, &gap, &spectrum), SG_OK);
    assert_true(calls > 2);
    settings.memory = spectrum->bytes;
    settings.threads = 1;
    sg_chain_spectrum_delete(spectrum);
    assert_int_equal(sg_cube_gap(&cube, &settings, 1, &gap, NULL), SG_OK);
    settings.memory = 4 * 4096 * sizeof(double);
    assert_int_equal(sg_cube_gap(&cube, &settings, 1, &gap, &spectrum), SG_NO_MEMORY);
    assert_null(spectrum);
    settings.memory = 0;
    stop = 1;
    assert_int_equal(sg_cube_gap(&cube, &settings, 1, &gap, &spectrum), SG_STOPPED);
    assert_null(spectrum);
    drop(&m);
}

static void test_memory(void **state) {
    (void)state;
    sg_gap gap;
    model m = subsets(7, 2);
    sg_cube cube = cube_of(&m);
    for (uint32_t x = 0; x < 128; x++) m.log_p[x] = (x & 3) == 3 ? -INFINITY : 6 * __builtin_popcount(x);
    long live = sg_memory_live();
    for (int k = 1;; k++) {
        sg_chain_spectrum *spectrum = NULL;
        sg_memory_fail_after(k);
        sg_status status = sg_cube_gap(&cube, NULL, 2, &gap, &spectrum);
        sg_memory_fail_after(0);
        sg_chain_spectrum_delete(spectrum);
        assert_true(status == SG_NO_MEMORY || status == SG_OK);
        assert_int_equal(sg_memory_live(), live);
        if (!status) break;
        assert_true(k < 200);
    }
    drop(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_product_measure),
        cmocka_unit_test(test_contiguous_blocks),
        cmocka_unit_test(test_parity),
        cmocka_unit_test(test_hard_core_complete),
        cmocka_unit_test(test_hard_core_bipartite),
        cmocka_unit_test(test_random_masks),
        cmocka_unit_test(test_curie_weiss),
        cmocka_unit_test(test_lumping_is_not_enough),
        cmocka_unit_test(test_explicit),
        cmocka_unit_test(test_order_of_sites),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_over),
        cmocka_unit_test(test_kept_rates),
        cmocka_unit_test(test_residual),
        cmocka_unit_test(test_function),
        cmocka_unit_test(test_metastable),
        cmocka_unit_test(test_wide_range),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
