/*
 * Gaps of jumps on finite sets, from model and loss to the number.  Values: exact formulas for rings, products, parity
 * and hardcore models, which two independent programs confirmed, and this library's other way (classes against all
 * states).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/chain.h"

static sg_model *model_of(const char *family, const char *keys) {
    char text[SG_TEXT];
    sg_pair pairs[12];
    int count;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 12, pairs, &count), SG_OK);
    if (sg_model_new(family, count, pairs, &model) != SG_OK) fail_msg("%s(%s): %s", family, keys, sg_message());
    return model;
}

static sg_status gap_of(const char *family, const char *keys, const char *loss_text, sg_gap *gap,
                        sg_eigenvalues *values) {
    const sg_spectrum_settings settings = {.threads = 2};
    sg_model *model = model_of(family, keys);
    sg_loss *loss = NULL;
    if (sg_loss_new(loss_text, &loss) != SG_OK) fail_msg("%s: %s", loss_text, sg_message());
    assert_int_equal(sg_loss_fits(loss, model), SG_OK);
    sg_status status = sg_spectrum_gap(model, loss, &settings, gap, values);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status;
}

/* The gap is this to the relative tolerance, and stands in its enclosure. */
static void check_gap(const char *family, const char *keys, const char *loss, double want, double relative) {
    sg_gap gap;
    if (gap_of(family, keys, loss, &gap, NULL) != SG_OK) fail_msg("%s(%s): %s", family, keys, sg_message());
    if (gap.status != SG_OK) fail_msg("%s(%s), %s: %s", family, keys, loss, gap.message);
    if (!(fabs(gap.gap - want) <= relative * want))
        fail_msg("%s(%s), %s: %.15g, expected %.15g", family, keys, loss, gap.gap, want);
    assert_true(gap.gap_lower <= gap.gap && gap.gap <= gap.gap_upper);
    assert_true(gap.gap_lower <= want * (1 + relative) && want * (1 - relative) <= gap.gap_upper);
    assert_true(gap.gap_upper / gap.gap_lower - 1 < 1e-6);
    assert_true(fabs(gap.log10_gap - log10(gap.gap)) < 1e-12 * (1 + fabs(gap.log10_gap)));
    assert_true(fabs(gap.relaxation_time * gap.gap - 1) < 1e-14 && gap.seconds > 0);
}

/* ------------------------------------------------------------ exact formulas */

static void rings(void **state) {
    (void)state;
    static const double betas[] = {0, 0.3, 1, 2.5, -0.4};
    for (int n = 3; n <= 12; n++)
        for (int k = 0; k < 5; k++) {
            char keys[64];
            const double t = tanh(2 * fabs(betas[k]));
            const double want = betas[k] >= 0 || n % 2 == 0 ? 1 - t : 1 - t * cos(M_PI / n);
            snprintf(keys, sizeof keys, "graph=ring,n=%d,beta=%g", n, betas[k]);
            check_gap("ising", keys, "pseudolikelihood", want, 1e-9);
        }
}

static void products_and_pairs(void **state) {
    (void)state;
    for (int n = 2; n <= 10; n += 4) {
        char keys[96], loss[32];
        snprintf(keys, sizeof keys, "graph=ring,n=%d,beta=0,h=0.7", n < 3 ? 3 : n);
        check_gap("ising", keys, "pseudolikelihood", 1, 1e-9);
        for (int k = 1; k <= n; k++) {
            snprintf(keys, sizeof keys, "graph=path,n=%d,beta=0,h=-0.4", n);
            snprintf(loss, sizeof loss, "masked:k=%d", k);
            check_gap("ising", keys, loss, (double)k / n, 1e-9);
        }
    }
    check_gap("ising", "graph=path,n=2,beta=0.8", "pseudolikelihood", 1 - tanh(0.8), 1e-12);
    check_gap("ising", "graph=path,n=1,h=3", "pseudolikelihood", 1, 1e-12);
    check_gap("ising", "n=5", "mle", 1, 0);
}

/* Free ends: 1 - the largest eigenvalue of M, tridiagonal, tanh(2 beta)/2 inside and tanh(beta) in the two end rows. */
static double path_gap(int n, double beta) {
    double x[16], y[16], top = 0;
    for (int i = 0; i < n; i++) x[i] = 1;
    for (int step = 0; step < 20000; step++) {
        double most = 0;
        for (int i = 0; i < n; i++) {
            const bool end = i == 0 || i == n - 1;
            const double around = (i > 0 ? x[i - 1] : 0) + (i < n - 1 ? x[i + 1] : 0);
            y[i] = x[i] + (end ? tanh(beta) : 0.5 * tanh(2 * beta)) * around; /* 1 + M: its powers do not alternate */
            most = fmax(most, y[i]);
        }
        for (int i = 0; i < n; i++) x[i] = y[i] / most;
        top = most - 1;
    }
    return 1 - top;
}

static void paths(void **state) {
    (void)state;
    assert_true(fabs(path_gap(7, 1) - 0.0686205506) < 0.6e-10);
    for (int n = 2; n <= 11; n++)
        for (int k = 1; k <= 3; k++) {
            char keys[64];
            snprintf(keys, sizeof keys, "graph=path,n=%d,beta=%g", n, 0.4 * k);
            check_gap("ising", keys, "pseudolikelihood", path_gap(n, 0.4 * k), 1e-9);
        }
}

static void contiguous_masks_on_the_ring(void **state) {
    (void)state;
    static const double betas[] = {0.2, 0.7};
    for (int n = 5; n <= 9; n += 4)
        for (int l = 1; l < n; l++)
            for (int k = 0; k < 2; k++) {
                char keys[64], loss[64];
                const double t = tanh(betas[k]), power = pow(t, l + 1);
                snprintf(keys, sizeof keys, "n=%d,beta=%g", n, betas[k]);
                snprintf(loss, sizeof loss, "masked:k=%d,blocks=contiguous", l);
                check_gap("ising", keys, loss, (l - 2 * (t - power) / ((1 - t) * (1 + power))) / n, 1e-9);
            }
}

static void parities(void **state) {
    (void)state;
    for (int k = 2; k <= 9; k++)
        for (int turn = 0; turn < 6; turn++) {
            const int size = 1 + turn / 2 * 3, J = turn % 2 ? -size : size;
            char keys[64];
            const double s = 1 / cosh(J), want = k / 2.0 * (1 - sqrt(1 - 4 * (k - 1) * s * s / ((double)k * k)));
            snprintf(keys, sizeof keys, "n=%d,k=%d,J=%d", size == 4 ? 500 : 9, k, J);
            check_gap("parity", keys, "pseudolikelihood", want, size == 7 ? 1e-9 : 1e-12);
        }
    check_gap("parity", "n=3,k=1,J=2", "pseudolikelihood", 1, 1e-12);
}

static void hardcore_models(void **state) {
    (void)state;
    static const struct {
        int m;
        double gap, unit;
    } bipartite[] = {{2, .0732233, 1e-7}, {3, .0295207, 1e-7},  {4, .0134513, 1e-7},
                     {8, 8.258e-4, 1e-7}, {16, 3.534e-6, 1e-9}, {24, 1.4217e-8, 1e-12}};
    char keys[64];
    for (int k = 0; k < 6; k++) {
        snprintf(keys, sizeof keys, "graph=bipartite,n=%d", 2 * bipartite[k].m);
        sg_gap gap;
        assert_int_equal(gap_of("hardcore", keys, "pseudolikelihood", &gap, NULL), SG_OK);
        assert_int_equal(gap.status, SG_OK);
        assert_true(fabs(gap.gap / (2 * bipartite[k].m) - bipartite[k].gap) <= 0.51 * bipartite[k].unit);
    }
    for (int n = 2; n <= 1000; n = 3 * n + 1)
        for (int lambda = 1; lambda <= 100; lambda *= 10) {
            snprintf(keys, sizeof keys, "graph=complete,n=%d,lambda=%d", n, lambda);
            check_gap("hardcore", keys, "pseudolikelihood", 1.0 / (1 + lambda), 1e-12);
        }
}

/* n gap at beta <= 1, gap n^1.5 at beta = 1, and a gap far below the rounding of any matrix. */
static void curie_weiss(void **state) {
    (void)state;
    check_gap("ising", "graph=curie-weiss,n=1000,beta=0.3", "pseudolikelihood", .700338, 1e-6);
    check_gap("ising", "graph=curie-weiss,n=1000,beta=0.6", "pseudolikelihood", .401133, 2e-6);
    check_gap("ising", "graph=curie-weiss,n=1000,beta=0.9", "pseudolikelihood", .107126, 5e-6);
    check_gap("ising", "graph=curie-weiss,n=100,beta=1", "pseudolikelihood", .753025 / 10, 1e-6);
    check_gap("ising", "graph=curie-weiss,n=1000,beta=1,free=tied", "pseudolikelihood", .777076 / sqrt(1000), 1e-6);
    check_gap("ising", "graph=curie-weiss,n=4000,beta=1,free=tied", "pseudolikelihood", .783454 / sqrt(4000), 1e-6);
    sg_gap gap;
    assert_int_equal(gap_of("ising", "graph=curie-weiss,n=4000,beta=2,free=tied", "pseudolikelihood", &gap, NULL),
                     SG_OK);
    assert_int_equal(gap.status, SG_UNDERFLOW);
    assert_true(fabs(gap.log10_gap + 567.766893) < 1e-6);
}

/* The matrix of all states, built and diagonalized by another program (numpy). */
static void against_matrices(void **state) {
    (void)state;
    static const char *const keys = "graph=ring,n=6,beta=0.3,h=0.1";
    check_gap("ising", keys, "probability-flow", 1.0262572925265352, 1e-9);
    check_gap("ising", keys, "ratio-matching", 0.19533667483760284, 1e-9);
    check_gap("ising", keys, "concrete-score", 7.161282888094464, 1e-9);
    check_gap("ising", keys, "masked:k=2", 0.17950950905331248, 1e-9);
    check_gap("ising", keys, "masked:k=3", 0.30977452947141026, 1e-9);
    check_gap("ising", "graph=curie-weiss,n=8,beta=-1", "pseudolikelihood", 0.8818361788566734, 1e-9);
}

/* ------------------------------------------------- classes against all states */

/* A row with its constants, as a rate of chain.h. */
typedef struct {
    const sg_row *row;
    const sg_prepared *prepared;
} bound_rate;

static void rate_of(const void *context, int n, const double *log_ratio, double *rate) {
    const bound_rate *bound = context;
    bound->row->rate(bound->prepared, n, log_ratio, rate);
}

/* The gap of all states, by the rate of the row, whatever the family knows of symmetry. */
static sg_gap gap_of_states(const char *family, const char *keys, const char *loss_text) {
    static double log_p[1 << 12];
    sg_model *model = model_of(family, keys);
    sg_loss *loss = NULL;
    sg_prepared *prepared = NULL;
    sg_site_blocks blocks = {0};
    sg_gap gap;
    assert_int_equal(sg_loss_new(loss_text, &loss), SG_OK);
    assert_int_equal(sg_loss_prepare(loss, model, NULL, &prepared), SG_OK);
    model->family->states(model, model->truth, 0, 1 << model->space.d, log_p);
    sg_status status;
    if (loss->row->blocks) {
        assert_int_equal(loss->row->blocks(loss->options, model, &blocks), SG_OK);
        const sg_cube cube = {model->space.d, blocks.count, blocks.mask, blocks.rate, log_p};
        status = sg_cube_gap(&cube, &(sg_spectrum_settings){0}, 1, &gap, NULL);
    } else {
        const bound_rate bound = {loss->row, prepared};
        status = sg_flip_gap(model->space.d, log_p, rate_of, &bound, &(sg_spectrum_settings){0}, 1, &gap, NULL);
    }
    if (status != SG_OK) fail_msg("%s(%s): %s", family, keys, sg_message());
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return gap;
}

static void classes_have_the_gap_of_all_states(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys, *loss;
    } table[] = {{"ising", "graph=curie-weiss,n=10,beta=0.4", "pseudolikelihood"},
                 {"ising", "graph=curie-weiss,n=11,beta=1.4,h=0.05", "pseudolikelihood"},
                 {"ising", "graph=complete,n=7,beta=0.1,h=-1", "pseudolikelihood"},
                 {"ising", "graph=curie-weiss,n=9,beta=1", "probability-flow"},
                 {"ising", "graph=complete,n=6,beta=0.3,h=0.5", "probability-flow"},
                 {"ising", "graph=curie-weiss,n=8,beta=0.2", "ratio-matching"},
                 {"ising", "graph=bipartite,n=9,beta=0.3", "pseudolikelihood"},
                 {"ising", "graph=bipartite,n=8,beta=-0.5,h=0.2", "pseudolikelihood"},
                 {"ising", "graph=bipartite,n=8,beta=0.25", "probability-flow"},
                 {"parity", "n=7,k=4,J=1.5", "pseudolikelihood"},
                 {"parity", "n=8,k=8,J=-0.5", "pseudolikelihood"},
                 {"hardcore", "graph=bipartite,n=9,lambda=2", "pseudolikelihood"},
                 {"hardcore", "graph=complete,n=9,lambda=0.4", "pseudolikelihood"}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_gap gap;
        const sg_gap full = gap_of_states(table[k].family, table[k].keys, table[k].loss);
        check_gap(table[k].family, table[k].keys, table[k].loss, full.gap, 1e-9);
        assert_int_equal(gap_of(table[k].family, table[k].keys, table[k].loss, &gap, NULL), SG_OK);
        if (!strstr(gap.method, "chain of classes"))
            fail_msg("%s(%s), %s: %s", table[k].family, table[k].keys, table[k].loss, gap.method);
        assert_non_null(strstr(gap.message, "classes under permutations"));
    }
}

/* Where no reason is known all states are visited: the answer differs from that of the classes. */
static void without_a_reason_all_states(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys, *loss;
    } table[] = {{"ising", "graph=curie-weiss,n=8,beta=-1", "pseudolikelihood"},
                 {"ising", "graph=complete,n=6,beta=0.9", "ratio-matching"},
                 {"ising", "graph=curie-weiss,n=6,beta=0.5", "concrete-score"},
                 {"parity", "n=6,k=3,J=1", "probability-flow"}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_gap gap;
        const sg_gap full = gap_of_states(table[k].family, table[k].keys, table[k].loss);
        assert_int_equal(gap_of(table[k].family, table[k].keys, table[k].loss, &gap, NULL), SG_OK);
        assert_null(strstr(gap.method, "classes"));
        assert_true(fabs(gap.gap / full.gap - 1) < 1e-9);
    }
}

/* ------------------------------------------------------------ beyond all states */

static void large_sets_without_a_reason(void **state) {
    (void)state;
    sg_gap gap;
    assert_int_equal(gap_of("ising", "graph=curie-weiss,n=40,beta=-1", "pseudolikelihood", &gap, NULL), SG_OK);
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_true(isnan(gap.gap) && isnan(gap.relaxation_time) && gap.gap_lower == 0);
    assert_true(gap.gap_upper > 1 && gap.gap_upper < 3); /* the antisymmetric modes: below 1 */
    assert_non_null(strstr(gap.message, "only an upper bound"));
    assert_int_equal(gap_of("parity", "n=30,k=4", "ratio-matching", &gap, NULL), SG_OK);
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_int_equal(gap_of("ising", "graph=ring,n=25", "pseudolikelihood", &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "take n <= 24"));
    assert_int_equal(gap_of("ising", "graph=ring,n=25", "masked:k=2", &gap, NULL), SG_REFUSED);
    assert_int_equal(gap_of("hardcore", "graph=tree,n=31", "pseudolikelihood", &gap, NULL), SG_REFUSED);
}

/* ------------------------------------------------------------- eigenvalues */

/* Product measures: multiplicities are binomial coefficients. */
static void several_eigenvalues(void **state) {
    (void)state;
    sg_eigenvalues *values = NULL;
    sg_gap gap;
    assert_int_equal(sg_eigenvalues_new(16, &values), SG_OK);
    assert_int_equal(gap_of("ising", "graph=path,n=5,beta=0,h=0.3", "pseudolikelihood", &gap, values), SG_OK);
    assert_int_equal(values->count, 16);
    for (int k = 0; k < 16; k++) {
        const double want = k < 5 ? 1 : k < 15 ? 2 : 3;
        if (!(fabs(exp(values->log_value[k]) - want) < 1e-8))
            fail_msg("eigenvalue %d: %.15g", k, exp(values->log_value[k]));
        assert_true(values->error[k] < 1e-5);
    }
    values->count = 16;
    assert_int_equal(gap_of("ising", "graph=path,n=2,beta=0.5", "pseudolikelihood", &gap, values), SG_OK);
    assert_int_equal(values->count, 3); /* two sites have four states */
    const double t = tanh(0.5), pair[] = {1 - t, 1 + t, 2};
    for (int k = 0; k < 3; k++) assert_true(fabs(exp(values->log_value[k]) - pair[k]) < 1e-8);
    values->count = 16; /* symmetric functions and others */
    assert_int_equal(gap_of("parity", "n=4,k=4,J=1", "pseudolikelihood", &gap, values), SG_OK);
    assert_int_equal(values->count, 15);
    const double root = sqrt(4 - 3 / (cosh(1) * cosh(1)));
    for (int k = 0; k < 4; k++) assert_true(fabs(exp(values->log_value[k]) - (2 - root)) < 1e-8);
    assert_true(values->error[0] < 1e-11);
    values->count = 16;
    assert_int_equal(gap_of("ising", "graph=curie-weiss,n=100,beta=0.5", "pseudolikelihood", &gap, values), SG_OK);
    assert_int_equal(values->count, 1);
    assert_true(fabs(exp(values->log_value[0]) / gap.gap - 1) < 1e-13);
    sg_eigenvalues_delete(values);
}

static void laws_at_the_edge(void **state) {
    (void)state;
    sg_gap gap;
    check_gap("hardcore", "graph=ring,n=6,lambda=3", "masked:k=6", 1, 1e-9);
    assert_int_equal(gap_of("ising", "graph=path,n=4,beta=1e4", "pseudolikelihood", &gap, NULL), SG_OUT_OF_RANGE);
}

/* ------------------------------------------------------- more than two states */

static const double *brute_law;

/* Sites where x and y differ. */
static uint32_t difference(int d, int q, int x, int y) {
    uint32_t mask = 0;
    for (int i = 0; i < d; i++, x /= q, y /= q) mask |= (uint32_t)(x % q != y % q) << i;
    return mask;
}

/* The rate of x -> y != x, by definition. */
static double brute_rate(const sg_model *model, const sg_loss *loss, sg_prepared *prepared,
                         const sg_site_blocks *blocks, int states, int x, int y) {
    const int d = model->space.d, q = model->space.q;
    const double *p = brute_law;
    double sum = 0;
    for (int b = 0; b < blocks->count; b++) {
        double fibre = 0;
        if (difference(d, q, x, y) & ~blocks->mask[b]) continue;
        for (int z = 0; z < states; z++)
            if (!(difference(d, q, x, z) & ~blocks->mask[b])) fibre += exp(p[z]);
        sum += blocks->rate[b] * exp(p[y]) / fibre;
    }
    if (blocks->count || __builtin_popcount(difference(d, q, x, y)) != 1) return sum;
    const double u = p[y] - p[x];
    loss->row->rate(prepared, 1, &u, &sum);
    return sum;
}

/* Eigenvalues of -L on all states by LAPACK, [states], the first is 0. */
static void brute_spectrum(const sg_model *model, const sg_loss *loss, int states, double *value) {
    double *A = NULL, *p = NULL, work[4096];
    sg_prepared *prepared;
    sg_site_blocks blocks = {0};
    const size_t n = (size_t)states;
    assert_int_equal(sg_new(&A, n * n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&p, n, sizeof(double)), SG_OK);
    assert_int_equal(sg_loss_prepare(loss, model, NULL, &prepared), SG_OK);
    if (loss->row->blocks) assert_int_equal(loss->row->blocks(loss->options, model, &blocks), SG_OK);
    model->family->states(model, model->truth, 0, states, p);
    brute_law = p;
    for (int x = 0; x < states; x++)
        for (int y = 0; y < states; y++) {
            if (x == y) continue;
            const double rate = brute_rate(model, loss, prepared, &blocks, states, x, y);
            A[(size_t)x * n + (size_t)x] += rate;
            A[(size_t)x * n + (size_t)y] -= rate * exp(0.5 * (p[x] - p[y]));
        }
    assert_int_equal(LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'L', states, A, states, value, work, 4096), 0);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    sg_loss_release(loss, prepared);
    sg_delete(A);
    sg_delete(p);
}

static void several_states_against_matrices(void **state) {
    (void)state;
    enum { VALUES = 7 };
    static const char *const models[][2] = {{"potts", "graph=ring,n=4,q=3,beta=0.7"},
                                            {"potts", "graph=complete,n=3,q=5,couplings=gauss,free=tied"},
                                            {"potts", "graph=path,n=2,q=10,beta=1.5"},
                                            {"potts", "graph=curie-weiss,n=3,q=4,beta=-2,free=tied"},
                                            {"loglinear", ""}};
    static const char *const losses[] = {
        "pseudolikelihood", "masked:k=2",     "masked-random:rate=0.3",       "probability-flow",
        "ratio-matching",   "concrete-score", "masked:k=2,blocks=contiguous", "rise"};
    static double want[256];
    for (int m = 0; m < 5; m++)
        for (int l = 0; l < 8; l++) {
            sg_model *model = model_of(models[m][0], models[m][1]);
            sg_loss *loss = NULL;
            sg_eigenvalues *values = NULL;
            sg_gap gap;
            const int states = (int)sg_model_states(model);
            assert_int_equal(sg_loss_new(losses[l], &loss), SG_OK);
            assert_int_equal(sg_loss_runs(loss, model), SG_OK);
            assert_in_range(states, 2, 256);
            brute_spectrum(model, loss, states, want);
            assert_int_equal(sg_eigenvalues_new(VALUES, &values), SG_OK);
            if (sg_spectrum_gap(model, loss, NULL, &gap, values)) fail_msg("%s: %s", losses[l], sg_message());
            if (!(gap.status == SG_OK && fabs(gap.gap / want[1] - 1) < 1e-9))
                fail_msg("%s, %s: %.15g, expected %.15g: %s", model->text, losses[l], gap.gap, want[1], gap.message);
            assert_true(gap.gap_lower <= want[1] * (1 + 1e-12) && want[1] * (1 - 1e-12) <= gap.gap_upper);
            assert_int_equal(values->count, VALUES);
            for (int k = 0; k < VALUES; k++)
                if (!(fabs(exp(values->log_value[k]) / want[k + 1] - 1) < 1e-7))
                    fail_msg("%s, %s, eigenvalue %d: %.12g, expected %.12g", model->text, losses[l], k,
                             exp(values->log_value[k]), want[k + 1]);
            sg_eigenvalues_delete(values);
            sg_loss_delete(loss);
            sg_model_delete(model);
        }
}

/* Two states are the Ising model at half the coupling; one edge: P(x_2 | x_1) has the eigenvalue (e^b - 1)/(e^b + q-1);
 * independent sites. */
static void potts_models(void **state) {
    (void)state;
    static const char *const losses[] = {"pseudolikelihood", "masked:k=2", "probability-flow", "concrete-score"};
    static const char *const graphs[] = {"graph=ring,n=7", "graph=complete,n=6,couplings=gauss",
                                         "graph=curie-weiss,n=8", "graph=lattice,shape=3x3,couplings=pm"};
    for (int g = 0; g < 4; g++)
        for (int l = 0; l < 4; l++) {
            char keys[96];
            sg_gap ising;
            snprintf(keys, sizeof keys, "%s,beta=0.3", graphs[g]);
            assert_int_equal(gap_of("ising", keys, losses[l], &ising, NULL), SG_OK);
            snprintf(keys, sizeof keys, "%s,beta=0.6,q=2", graphs[g]);
            check_gap("potts", keys, losses[l], ising.gap, 1e-8);
        }
    sg_gap large;
    assert_int_equal(gap_of("ising", "graph=curie-weiss,n=400,beta=1.1,free=tied", "pseudolikelihood", &large, NULL),
                     SG_OK);
    check_gap("potts", "graph=curie-weiss,n=400,beta=2.2,q=2,free=tied", "pseudolikelihood", large.gap, 1e-11);
    for (int q = 2; q <= 10; q += 2)
        for (int b = -2; b <= 6; b += 2) {
            char keys[96];
            const double r = fabs(expm1(b)) / (exp(b) + q - 1);
            snprintf(keys, sizeof keys, "graph=path,n=2,q=%d,beta=%d", q, b);
            check_gap("potts", keys, "pseudolikelihood", 1 - r, 1e-9);
        }
    check_gap("potts", "graph=ring,n=8,q=3,beta=0,free=tied", "pseudolikelihood", 1, 1e-9);
    check_gap("potts", "graph=ring,n=6,q=4,beta=0", "masked:k=3", 0.5, 1e-9);
    check_gap("potts", "graph=path,n=3,q=3,beta=2", "mle", 1, 0);
    /* Far below the rounding of Lanczos' method: as a chain. */
    check_gap("potts", "graph=path,n=2,q=3,beta=35", "pseudolikelihood", 3 / (exp(35) + 2), 1e-9);
}

/* Mean field with too many states: an upper bound by the classes, whose chain numpy diagonalized. */
static void classes_of_several_states(void **state) {
    (void)state;
    static const struct {
        const char *keys, *loss;
        double want;
    } table[] = {{"n=16,q=3,beta=2", "pseudolikelihood", 0.35416584668182},
                 {"n=16,q=3,beta=2", "probability-flow", 1.0346653184736},
                 {"n=16,q=3,beta=-2", "pseudolikelihood", 1.6084081063366},
                 {"n=16,q=3,beta=-2", "probability-flow", 4.8334998743032},
                 {"n=40,q=4,beta=0", "pseudolikelihood", 1},
                 {"n=40,q=4,beta=0", "probability-flow", 4}};
    for (int k = 0; k < 6; k++) {
        char keys[96];
        sg_gap gap;
        snprintf(keys, sizeof keys, "graph=curie-weiss,free=tied,%s", table[k].keys);
        assert_int_equal(gap_of("potts", keys, table[k].loss, &gap, NULL), SG_OK);
        assert_int_equal(gap.status, SG_UNCERTIFIED);
        assert_true(isnan(gap.gap) && gap.gap_lower == 0);
        assert_non_null(strstr(gap.message, "only an upper bound"));
        if (!(fabs(gap.gap_upper / table[k].want - 1) < 1e-9))
            fail_msg("%s, %s: %.12g, expected %.12g", keys, table[k].loss, gap.gap_upper, table[k].want);
    }
}

static void several_states_refused(void **state) {
    (void)state;
    sg_gap gap;
    assert_int_equal(gap_of("potts", "graph=path,n=16,q=3", "pseudolikelihood", &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "take n <= 15"));
    assert_int_equal(gap_of("potts", "graph=path,n=4,q=3,beta=1e4", "pseudolikelihood", &gap, NULL), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "weaken the couplings"));
    sg_model *model = model_of("potts", "graph=path,n=13,q=3");
    const sg_spectrum_settings small = {.memory = 1 << 20};
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("pseudolikelihood", &loss), SG_OK);
    assert_int_equal(sg_spectrum_gap(model, loss, &small, &gap, NULL), SG_NO_MEMORY);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* 3^11 states: the same bits for any number of threads; values by numpy and ARPACK on all states. */
static void many_states(void **state) {
    (void)state;
    sg_gap gap[2];
    sg_eigenvalues *values = NULL;
    sg_model *model = model_of("potts", "graph=path,n=11,q=3,beta=0.8,free=tied");
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("pseudolikelihood", &loss), SG_OK);
    for (int k = 0; k < 2; k++) {
        const sg_spectrum_settings settings = {.threads = 1 + k};
        assert_int_equal(sg_eigenvalues_new(3, &values), SG_OK);
        assert_int_equal(sg_spectrum_gap(model, loss, &settings, &gap[k], values), SG_OK);
        assert_int_equal(gap[k].status, SG_OK);
        assert_true(fabs(gap[k].gap - 0.480102843949) < 1e-10);
        assert_true(fabs(exp(values->log_value[1]) - 0.480102843949) < 1e-9);
        assert_true(fabs(exp(values->log_value[2]) - 0.531226937143) < 1e-9);
        sg_eigenvalues_delete(values);
    }
    assert_memory_equal(&gap[0].gap, &gap[1].gap, sizeof(double));
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void memory_failures_are_reported(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys, *loss;
    } table[] = {{"ising", "graph=ring,n=4", "pseudolikelihood"},
                 {"ising", "graph=curie-weiss,n=5", "probability-flow"},
                 {"ising", "graph=bipartite,n=4", "pseudolikelihood"},
                 {"ising", "graph=path,n=4", "masked:k=2"},
                 {"potts", "graph=path,n=3", "masked:k=2"},
                 {"potts", "graph=path,n=2,beta=35", "probability-flow"}};
    for (int k = 0; k < 6; k++) {
        sg_model *model = model_of(table[k].family, table[k].keys);
        sg_loss *loss = NULL;
        sg_gap gap;
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        assert_int_equal(sg_loss_new(table[k].loss, &loss), SG_OK);
        const long with_loss = sg_memory_live();
        for (long fail = 1; status != SG_OK; fail++) {
            sg_memory_fail_after(fail);
            status = sg_spectrum_gap(model, loss, NULL, &gap, NULL);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK || status == SG_NO_MEMORY);
            assert_int_equal(sg_memory_live(), with_loss);
        }
        sg_loss_delete(loss);
        assert_int_equal(sg_memory_live(), live);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings),
        cmocka_unit_test(products_and_pairs),
        cmocka_unit_test(paths),
        cmocka_unit_test(contiguous_masks_on_the_ring),
        cmocka_unit_test(parities),
        cmocka_unit_test(hardcore_models),
        cmocka_unit_test(curie_weiss),
        cmocka_unit_test(against_matrices),
        cmocka_unit_test(classes_have_the_gap_of_all_states),
        cmocka_unit_test(without_a_reason_all_states),
        cmocka_unit_test(large_sets_without_a_reason),
        cmocka_unit_test(several_eigenvalues),
        cmocka_unit_test(laws_at_the_edge),
        cmocka_unit_test(several_states_against_matrices),
        cmocka_unit_test(potts_models),
        cmocka_unit_test(classes_of_several_states),
        cmocka_unit_test(several_states_refused),
        cmocka_unit_test(many_states),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests_name("gaps on finite sets", tests, NULL, NULL);
}
