/*
 * Draws on finite sets against laws by enumeration and transfer matrices.  Seeds are fixed; a chi-square test fails a
 * correct sampler with probability 1e-6, a comparison of means (five standard errors) with 6e-7.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../chain-file.h"
#include "../ok.h"
#include "family/elimination.h"
#include "family/spin-sampler-past.h"
#include "family/spin-sampler.h"
#include "finite.h"

enum { B = SG_BLOCK, STATES_MOST = 1 << 12, LEAST = 8, SITES_MOST = 64 };
static const double ALARM = 1e-6, SIGMAS = 5, WORK = 0x1p19;

/* Any of the samplers. */
typedef struct {
    sg_spin_sampler *any;
    sg_elimination_law *elimination;
    sg_past_sites *sites;
    sg_past_clusters *clusters;
    sg_past_chain *chain;
} sampler;

typedef enum { ANY, ELIMINATION, FACTORS, SITES, CLUSTERS, CHAIN } method;

static sampler open_sampler(const sg_model *model, method how) {
    sampler s = {0};
    sg_spin_pairs pairs;
    if (how == ANY) OK(sg_spin_sampler_new(model, model->truth, &s.any));
    if (how == ELIMINATION) {
        sg_factors *factors = NULL;
        OK(sg_model_factors(model, model->truth, &factors));
        OK(sg_elimination_law_new(factors, false, &s.elimination));
        sg_factors_delete(factors);
    }
    if (how == FACTORS) OK(sg_past_chain_new(model, model->truth, &s.chain));
    if (how < SITES) return s;
    OK(sg_spin_pairs_new(model, model->truth, &pairs));
    if (how == SITES) OK(sg_past_sites_new(&pairs, WORK, &s.sites));
    if (how == CHAIN) OK(sg_past_sites_new(&pairs, 0, &s.sites));
    if (how == CLUSTERS) OK(sg_past_clusters_new(&pairs, &s.clusters));
    sg_spin_pairs_free(&pairs);
    return s;
}

static void close_sampler(sampler *s) {
    sg_spin_sampler_delete(s->any);
    sg_elimination_law_delete(s->elimination);
    sg_past_sites_delete(s->sites);
    sg_past_clusters_delete(s->clusters);
    sg_past_chain_delete(s->chain);
}

static void draw(const sampler *s, uint64_t key, uint32_t number, sg_block *block) {
    sg_stream stream;
    sg_stream_open(&stream, key, SG_PURPOSE_DATA, 0);
    sg_stream_seek(&stream, number);
    if (s->any) sg_spin_sampler_draw(s->any, &stream, block);
    if (s->elimination) sg_elimination_law_draw(s->elimination, &stream, block);
    if (s->sites) sg_past_sites_draw(s->sites, &stream, block);
    if (s->clusters) sg_past_clusters_draw(s->clusters, &stream, block);
    if (s->chain) sg_past_chain_draw(s->chain, &stream, block);
}

/* --------------------------------------------------------------- chi-square */

static int code_of(const sg_model *model, const sg_block *block, int point) {
    const int q = model->space.q;
    int code = 0;
    for (int a = model->space.d - 1; a >= 0; a--) {
        const double x = block->x[(size_t)a * B + (size_t)point];
        const int state = q == 2 ? (int)(x + 1) / 2 : (int)x;
        if (!(x == (q == 2 ? 2 * state - 1 : state)) || state < 0 || state >= q) return -1;
        code = code * q + state;
    }
    return code;
}

/* States that are expected less than LEAST times are one cell; forbidden ones never come. */
static double chi_square(int states, const double *mass, const int *count, int n, int *cells) {
    double sum = 0, rest = 0, rest_count = 0;
    *cells = 0;
    for (int k = 0; k < states; k++) {
        const double expected = n * mass[k], lack = count[k] - expected;
        if (mass[k] == 0) assert_int_equal(count[k], 0);
        if (expected < LEAST) {
            rest += expected;
            rest_count += count[k];
            continue;
        }
        sum += lack * lack / expected;
        ++*cells;
    }
    if (rest >= LEAST) {
        sum += (rest_count - rest) * (rest_count - rest) / rest;
        ++*cells;
    }
    return sum;
}

static void check_law(const char *family, const char *keys, method how, int blocks) {
    static int count[STATES_MOST];
    static double x[SITES_MOST * B];
    sg_model *model = finite_model(family, keys);
    sampler s = open_sampler(model, how);
    sg_block block = {.n = B, .d = model->space.d, .draws = 1, .x = x};
    sg_nodes *nodes;
    int cells;
    OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
    assert_true(nodes->n <= STATES_MOST);
    memset(count, 0, sizeof count);
    for (int b = 0; b < blocks; b++) {
        draw(&s, 41, (uint32_t)b, &block);
        for (int i = 0; i < B; i++) {
            const int code = code_of(model, &block, i);
            assert_in_range(code, 0, nodes->n - 1);
            count[code]++;
        }
    }
    const double sum = chi_square((int)nodes->n, nodes->mass, count, blocks * B, &cells);
    assert_true(cells > 3);
    if (!(gsl_cdf_chisq_Q(sum, cells - 1) > ALARM))
        fail_msg("%s by method %d: chi-square %g of %d cells", model->text, how, sum, cells);
    sg_nodes_delete(nodes);
    close_sampler(&s);
    sg_model_delete(model);
}

static void laws_by_tables(void **state) {
    (void)state;
    check_law("ising", "n=6,beta=.4,h=.2", ANY, 200);
    check_law("ising", "graph=curie-weiss,n=6,beta=.8,h=.1,free=tied", ANY, 200);
    check_law("potts", "n=4,q=3,beta=.8", ANY, 200);
    check_law("potts", "graph=complete,n=4,q=4,beta=.5", ANY, 200);
    check_law("loglinear", "model=triangle", ANY, 200);
    check_law("hardcore", "n=7,lambda=1.5", ANY, 200);
    check_law("parity", "n=5,k=3,J=.7", ANY, 200);
}

static void laws_by_elimination(void **state) {
    (void)state;
    check_law("ising", "graph=lattice,shape=3x3,beta=.3,h=.1", ELIMINATION, 200);
    check_law("potts", "n=5,q=3,beta=.8", ELIMINATION, 200);
    check_law("potts", "graph=lattice,shape=2x3,boundary=free,q=3,beta=-1", ELIMINATION, 200);
    check_law("hardcore", "graph=lattice,shape=3x3,lambda=1.5", ELIMINATION, 200);
    check_law("hardcore", "graph=tree,n=11,degree=4,lambda=.4", ELIMINATION, 200);
    check_law("parity", "n=6,k=4,J=-.6", ELIMINATION, 200);
    check_law("loglinear", "model=triangle", ELIMINATION, 200);
    char keys[64];
    chain_write(5, 3, true, keys);
    check_law("loglinear", keys, ELIMINATION, 400);
    chain_remove(keys);
}

/* Attractive; after a change of signs; frustrated; equal and unequal couplings at a site. */
static void laws_by_bounds(void **state) {
    (void)state;
    check_law("ising", "graph=lattice,shape=3x3,beta=.3,h=.1", SITES, 100);
    check_law("ising", "n=6,beta=-.5,h=.3", SITES, 100);
    check_law("ising", "graph=complete,n=5,beta=-.15,h=.1", SITES, 100);
    check_law("ising", "graph=complete,n=6,couplings=sk,beta=.4", SITES, 100);
    check_law("ising", "graph=tree,n=8,couplings=gauss,beta=.6,h=-.2", SITES, 100);
    check_law("potts", "graph=path,n=6,q=2,beta=1", SITES, 100);
}

static void laws_by_clusters(void **state) {
    (void)state;
    check_law("ising", "graph=lattice,shape=3x3,beta=.3,h=.1", CLUSTERS, 100);
    check_law("ising", "graph=lattice,shape=3x3,beta=.5,h=-.05", CLUSTERS, 100);
    check_law("ising", "n=6,beta=-.5", CLUSTERS, 100);
    check_law("ising", "graph=tree,n=8,couplings=gauss,beta=.6", CLUSTERS, 100);
    check_law("ising", "graph=path,n=6,couplings=pm,beta=1", CLUSTERS, 100);
    check_law("potts", "n=5,q=3,beta=1.2", CLUSTERS, 100);
    check_law("potts", "graph=complete,n=4,q=4,beta=.7", CLUSTERS, 100);
}

static void laws_by_chains(void **state) {
    (void)state;
    check_law("ising", "graph=complete,n=6,couplings=sk,beta=1", CHAIN, 100);
    check_law("ising", "graph=complete,n=5,beta=-.5,h=.1", CHAIN, 100);
    check_law("ising", "graph=complete,n=6,couplings=sk,beta=1", FACTORS, 100);
    check_law("potts", "graph=complete,n=5,q=3,beta=-.8", FACTORS, 100);
    check_law("potts", "graph=lattice,shape=2x3,boundary=free,q=4,beta=-1.2,couplings=gauss", FACTORS, 100);
    check_law("loglinear", "model=triangle", FACTORS, 100);
    check_law("parity", "n=6,k=4,J=.5", FACTORS, 100);
    char keys[64];
    chain_write(5, 3, true, keys);
    check_law("loglinear", keys, FACTORS, 400);
    chain_remove(keys);
}

/* Parity by composition, at sizes where nothing else is: the product has the mean tanh J, and no other is there. */
static void parity_by_composition(void **state) {
    (void)state;
    enum { N = 200, K = 90, BLOCKS = 400 };
    static double x[N * B];
    sg_model *model = finite_model("parity", "n=200,k=90,J=.6");
    sg_sampler *made;
    sg_stream stream;
    double sum[3] = {0};
    OK(sg_sampler_new(model, model->truth, NULL, &made));
    assert_true(strstr(sg_sampler_method(made), "composition") && sg_sampler_error(made) == 0);
    sg_stream_open(&stream, 12, SG_PURPOSE_DATA, 0);
    for (int b = 0; b < BLOCKS; b++) {
        sg_block block = {.n = B, .d = N, .draws = 1, .x = x};
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(made, &stream, &block);
        for (int i = 0; i < B; i++) {
            double product = 1, part = 1;
            for (int a = 0; a < K; a++) product *= x[a * B + i];
            for (int a = 1; a < K; a++) part *= x[a * B + i];
            sum[0] += product - tanh(.6);
            sum[1] += part;
            sum[2] += x[(K - 1) * B + i] * x[K * B + i];
        }
    }
    for (int k = 0; k < 3; k++) {
        const double sd = k ? 1 : 1 / cosh(.6);
        if (!(fabs(sum[k]) <= SIGMAS * sd * sqrt(BLOCKS * B))) fail_msg("moment %d: %g", k, sum[k]);
    }
    sg_sampler_delete(made);
    sg_model_delete(model);
}

/* ------------------------------------------------------------- the square lattice */

enum { SIDE = 8, ROWS = 1 << SIDE };

static double row_weight(int row, int other, double beta, double h) {
    const int ring = (row >> 1 | (row & 1) << (SIDE - 1)) ^ row, apart = row ^ other;
    const double within = SIDE - 2 * __builtin_popcount((unsigned)ring);
    const double between = SIDE - 2 * __builtin_popcount((unsigned)apart);
    return exp(beta * (within + between) + h * (2 * __builtin_popcount((unsigned)row) - SIDE));
}

static void multiply(const double *a, const double *b, double *out) {
    memset(out, 0, (size_t)ROWS * ROWS * sizeof(double));
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < ROWS; k++)
            for (int j = 0; j < ROWS; j++) out[i * ROWS + j] += a[i * ROWS + k] * b[k * ROWS + j];
}

/* log Z of the periodic lattice: the trace of the eighth power of the matrix between rows, (T^4)_ij (T^4)_ji. */
static double log_z(double beta, double h) {
    static double t[ROWS * ROWS], square[ROWS * ROWS], fourth[ROWS * ROWS];
    double trace = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++) t[i * ROWS + j] = row_weight(i, j, beta, h);
    multiply(t, t, square);
    multiply(square, square, fourth);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++) trace += fourth[i * ROWS + j] * fourth[j * ROWS + i];
    return log(trace);
}

static void add_moments(const sg_block *block, double *sum, double *square) {
    for (int i = 0; i < block->n; i++) {
        double value[2] = {0, 0};
        for (int a = 0; a < SIDE * SIDE; a++) {
            const int right = a / SIDE * SIDE + (a + 1) % SIDE, down = (a + SIDE) % (SIDE * SIDE);
            const double *x = block->x + i;
            value[0] += x[a * B] * (x[right * B] + x[down * B]);
            value[1] += x[a * B];
        }
        value[1] *= value[1];
        for (int k = 0; k < 2; k++) {
            sum[k] += value[k];
            square[k] += value[k] * value[k];
        }
    }
}

/* Energy, the derivative of log Z in beta, and the squared magnetization, its second derivative in h. */
static void check_lattice(double beta, const double *exact, method how, int blocks) {
    static double x[SITES_MOST * B];
    char keys[64];
    double sum[2] = {0}, square[2] = {0};
    const int n = blocks * B;
    snprintf(keys, sizeof keys, "graph=lattice,shape=8x8,beta=%g,free=tied", beta);
    sg_model *model = finite_model("ising", keys);
    sampler s = open_sampler(model, how);
    sg_block block = {.n = B, .d = SIDE * SIDE, .draws = 1, .x = x};
    for (int b = 0; b < blocks; b++) {
        draw(&s, 5, (uint32_t)b, &block);
        add_moments(&block, sum, square);
    }
    for (int k = 0; k < 2; k++) {
        const double mean = sum[k] / n, error = sqrt((square[k] / n - mean * mean) / n);
        if (!(fabs(mean - exact[k]) <= SIGMAS * error))
            fail_msg("beta %g, method %d, moment %d: %g +- %g, exact %g", beta, how, k, mean, error, exact[k]);
    }
    close_sampler(&s);
    sg_model_delete(model);
}

static void lattice_moments(void **state) {
    (void)state;
    const double step = 1e-4;
    for (int warm = 0; warm < 2; warm++) {
        const double beta = warm ? 0.25 : 0.44, middle = log_z(beta, 0);
        const double exact[] = {(log_z(beta + step, 0) - log_z(beta - step, 0)) / (2 * step),
                                2 * (log_z(beta, step) - middle) / (step * step)};
        check_lattice(beta, exact, CLUSTERS, 8);
        check_lattice(beta, exact, ELIMINATION, 8);
        if (warm) check_lattice(beta, exact, SITES, 16);
    }
}

/* ------------------------------------------------------- blocks, threads, points */

/* Any order and any threads, fewer points, a stream that is not at its beginning: the same numbers where they should.
 */
static void check_blocks(const char *keys, method how) {
    enum { BLOCKS = 8, D = 36 };
    static double first[BLOCKS][D * B], again[BLOCKS][D * B];
    sg_model *model = finite_model("ising", keys);
    assert_int_equal(model->space.d, D);
    sampler s = open_sampler(model, how);
    for (int b = 0; b < BLOCKS; b++) draw(&s, 9, (uint32_t)b, &(sg_block){.n = B, .d = D, .draws = 1, .x = first[b]});
#pragma omp parallel for num_threads(4) schedule(dynamic)
    for (int b = BLOCKS - 1; b >= 0; b--) {
        sg_block block = {.n = B, .d = D, .draws = 1, .x = again[b]};
        draw(&s, 9, (uint32_t)b, &block);
    }
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first[0], first[1], sizeof first[0]);
    draw(&s, 9, 3, &(sg_block){.n = 70, .d = D, .draws = 1, .x = again[0]});
    for (int a = 0; a < D; a++) assert_memory_equal(again[0] + a * B, first[3] + a * B, 70 * sizeof(double));
    close_sampler(&s);
    sg_model_delete(model);
}

static void blocks_and_threads(void **state) {
    (void)state;
    check_blocks("graph=lattice,shape=6x6,beta=.3", SITES);
    check_blocks("graph=lattice,shape=6x6,beta=.44", CLUSTERS);
    check_blocks("graph=lattice,shape=6x6,beta=.44", ELIMINATION);
    check_blocks("graph=lattice,shape=6x6,beta=.3,couplings=pm", CHAIN);
    check_blocks("graph=curie-weiss,n=36,beta=.3,free=tied", ANY);
}

/* Exact draws do not depend on how far back the first run begins: when bounds have met, all states have. */
static void check_begin(const char *keys, method how) {
    enum { D = 9, BLOCKS = 4 };
    static double x[3][D * B];
    const long long begin[] = {1, 7, 500};
    sg_model *model = finite_model("ising", keys);
    sampler s = open_sampler(model, how);
    assert_true(model->space.d <= D);
    for (int b = 0; b < BLOCKS; b++) {
        for (int k = 0; k < 3; k++) {
            if (s.sites) sg_past_sites_begin(s.sites, begin[k]);
            if (s.clusters) sg_past_clusters_begin(s.clusters, begin[k]);
            draw(&s, 13, (uint32_t)b, &(sg_block){.n = B, .d = model->space.d, .draws = 1, .x = x[k]});
        }
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_memory_equal(x[0], x[2], sizeof x[0]);
    }
    close_sampler(&s);
    sg_model_delete(model);
}

static void any_beginning(void **state) {
    (void)state;
    check_begin("graph=lattice,shape=3x3,beta=.3,h=.1", SITES);
    check_begin("n=6,beta=-1", SITES);
    check_begin("graph=complete,n=5,beta=-.15,h=.1", SITES);
    check_begin("graph=complete,n=6,couplings=sk,beta=.4", SITES);
    check_begin("graph=tree,n=8,couplings=gauss,beta=.6,h=-.2", SITES);
    check_begin("graph=lattice,shape=3x3,beta=.4,h=.1", CLUSTERS);
    check_begin("n=6,beta=-1", CLUSTERS);
}

/* Two draws from one stream, one after the other, are different ones. */
static void draws_move_on(void **state) {
    (void)state;
    enum { D = 36 };
    static double x[2][D * B];
    sg_model *model = finite_model("ising", "graph=lattice,shape=6x6,beta=.3");
    for (method how = SITES; how <= CLUSTERS; how++) {
        sampler s = open_sampler(model, how);
        sg_stream stream;
        sg_stream_open(&stream, 2, SG_PURPOSE_DATA, 0);
        for (int k = 0; k < 2; k++) {
            sg_block block = {.n = B, .d = D, .draws = 1, .x = x[k]};
            if (s.sites) sg_past_sites_draw(s.sites, &stream, &block);
            if (s.clusters) sg_past_clusters_draw(s.clusters, &stream, &block);
        }
        double product = 0;
        for (int i = 0; i < D * B; i++) product += x[0][i] * x[1][i] / (D * B);
        assert_true(fabs(product) < 0.2); /* 1 if they were the same */
        close_sampler(&s);
    }
    sg_model_delete(model);
}

/* ------------------------------------------------------------ choice and refusal */

static void check_method(const char *family, const char *keys, const char *part, bool exact) {
    sg_model *model = finite_model(family, keys);
    sg_sampler *made;
    OK(sg_sampler_new(model, model->truth, NULL, &made));
    if (!strstr(sg_sampler_method(made), part)) fail_msg("%s: %s", model->text, sg_sampler_method(made));
    assert_true(exact ? sg_sampler_error(made) == 0 : sg_sampler_error(made) > 0 && sg_sampler_error(made) < 1e-6);
    sg_sampler_delete(made);
    sg_model_delete(model);
}

static void check_refusal(const char *family, const char *keys, const char *part) {
    sg_model *model = finite_model(family, keys);
    sg_sampler *made;
    assert_int_equal(sg_sampler_new(model, model->truth, NULL, &made), SG_REFUSED);
    assert_null(made);
    if (!strstr(sg_message(), part)) fail_msg("%s: %s", model->text, sg_message());
    sg_model_delete(model);
}

static void choice_of_method(void **state) {
    (void)state;
    check_method("ising", "graph=curie-weiss,n=500,free=tied", "the number of sites", true);
    check_method("ising", "n=12", "all 4096 states", true);
    check_method("potts", "n=12,q=3", "all 531441 states", true);
    check_method("ising", "n=40", "elimination", true);
    check_method("potts", "n=40,q=3", "elimination", true);
    check_method("ising", "graph=lattice,shape=24x24,beta=.2,free=tied", "single sites", true);
    check_method("ising", "graph=lattice,shape=24x24,beta=.6,free=tied", "random-cluster", true);
    check_method("potts", "graph=lattice,shape=24x24,q=3,beta=.5,free=tied", "random-cluster", true);
    check_method("ising", "graph=complete,n=60,couplings=sk,beta=.5,free=tied", "not exact", false);
    check_method("hardcore", "graph=lattice,shape=8x30", "elimination", true);
    check_method("hardcore", "graph=lattice,shape=40x40,lambda=.5", "single sites", true);
    check_method("parity", "n=60,k=40", "composition", true);
    check_method("potts", "graph=lattice,shape=24x24,q=3,beta=-.5,free=tied", "not exact", false);
    check_method("potts", "graph=lattice,shape=6x30,boundary=free,q=3,beta=-.5,free=tied", "elimination", true);
    check_refusal("potts", "graph=lattice,shape=24x24,q=3,beta=-9,free=tied", "had not met");
    check_refusal("ising", "graph=complete,n=60,couplings=sk,beta=4,free=tied", "had not met");
}

/* A first-order transition: clusters take too long as well, and say so after a bounded time. */
static void too_slow(void **state) {
    (void)state;
    check_refusal("potts", "graph=lattice,shape=24x24,q=10,beta=1.426,free=tied", "had not met");
}

static void check_failures(const char *family, const char *keys) {
    sg_model *model = finite_model(family, keys);
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status != SG_OK; k++) {
        sg_spin_pairs pairs;
        sampler s = {0};
        sg_memory_fail_after(k);
        status = sg_spin_pairs_new(model, model->truth, &pairs);
        if (status == SG_OK && pairs.q == 2) status = sg_past_sites_new(&pairs, WORK, &s.sites);
        if (status == SG_OK) status = sg_past_clusters_new(&pairs, &s.clusters);
        if (status == SG_OK) status = sg_past_chain_new(model, model->truth, &s.chain);
        sg_memory_fail_after(0);
        if (status != SG_OK) assert_int_equal(status, SG_NO_MEMORY);
        sg_spin_pairs_free(&pairs);
        close_sampler(&s);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_model_delete(model);
}

static void failing_memory(void **state) {
    (void)state;
    check_failures("ising", "n=6");
    check_failures("potts", "n=6,q=3");
}

/* The guide finds the first entry above u, also beside entries of no weight. */
static void guide(void **state) {
    (void)state;
    enum { N = 1000 };
    sg_entry_table table;
    sg_stream stream;
    double u[N];
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
    sg_stream_uniform(&stream, N, u);
    OK(sg_entry_table_new(N, &table));
    for (int k = 0; k < N; k++) table.cumulative[k] = k % 3 ? -40 * u[k] : -INFINITY;
    OK(sg_entry_table_settle(&table));
    sg_stream_uniform(&stream, N, u);
    for (int i = 0; i < 2 * N; i++) {
        const double at = i < N ? u[i] : fmin(table.cumulative[i - N], 1 - 0x1p-53);
        int k = 0;
        while (table.cumulative[k] <= at) k++;
        assert_int_equal(sg_entry_table_at(&table, at), k);
    }
    for (int k = 0; k < N; k++) table.cumulative[k] = -INFINITY;
    assert_int_equal(sg_entry_table_settle(&table), SG_NOT_INTEGRABLE);
    sg_entry_table_free(&table);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guide),
        cmocka_unit_test(laws_by_tables),
        cmocka_unit_test(laws_by_elimination),
        cmocka_unit_test(laws_by_bounds),
        cmocka_unit_test(laws_by_clusters),
        cmocka_unit_test(laws_by_chains),
        cmocka_unit_test(lattice_moments),
        cmocka_unit_test(blocks_and_threads),
        cmocka_unit_test(any_beginning),
        cmocka_unit_test(draws_move_on),
        cmocka_unit_test(choice_of_method),
        cmocka_unit_test(too_slow),
        cmocka_unit_test(failing_memory),
        cmocka_unit_test(parity_by_composition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
