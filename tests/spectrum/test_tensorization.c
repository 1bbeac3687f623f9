/*
 * Approximate tensorization of entropy.  Closed forms: products (1; n/k for k-subsets; 1 over the coverage of any list
 * of blocks); 1/gap_k of the block dynamics where the supremum is at constants.  Maxima away from constants were found
 * by another program of its own kind (SciPy's BFGS on log f from twelve random starts).  Quotients are formed here
 * again, plainly, for the maximizer and for random functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>

#include "laws.h"
#include "scoregap/bound.h"
#include "scoregap/entropy.h"

enum { STATES = 256 };

typedef struct {
    int sites, q, states;
    double log_p[STATES], p[STATES];
} law_of_sites;

static double between(sg_stream *stream, double lo, double hi) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return lo + (hi - lo) * u;
}

static void normalize(law_of_sites *l) {
    double sum = 0;
    for (int x = 0; x < l->states; x++) sum += exp(l->log_p[x]);
    for (int x = 0; x < l->states; x++) l->p[x] = exp(l->log_p[x]) / sum;
}

/* All states with log p of their own, uniform in [-size, size]. */
static law_of_sites random_law(sg_stream *stream, int sites, int q, double size) {
    law_of_sites l = {.sites = sites, .q = q, .states = 1};
    for (int i = 0; i < sites; i++) l.states *= q;
    for (int x = 0; x < l.states; x++) l.log_p[x] = between(stream, -size, size);
    normalize(&l);
    return l;
}

static law_of_sites random_product(sg_stream *stream, int sites, int q, double size) {
    law_of_sites l = random_law(stream, sites, q, 0);
    for (int i = 0, power = 1; i < sites; i++, power *= q)
        for (int s = 0; s < q; s++) {
            const double field = between(stream, -size, size);
            for (int x = 0; x < l.states; x++)
                if (x / power % q == s) l.log_p[x] += field;
        }
    normalize(&l);
    return l;
}

static law_of_sites of_model(const char *family, int count, const sg_pair *pairs, const double *truth) {
    sg_model *model = NULL;
    law_of_sites l = {.states = 1};
    if (sg_model_new(family, count, pairs, &model)) fail_msg("%s: %s", family, sg_message());
    if (truth) assert_int_equal(sg_model_set_truth(model, model->full, truth), SG_OK);
    l.sites = model->space.d;
    l.q = model->space.q;
    for (int i = 0; i < l.sites; i++) l.states *= l.q;
    assert_true(l.states <= STATES);
    model->family->states(model, model->truth, 0, l.states, l.log_p);
    normalize(&l);
    sg_model_delete(model);
    return l;
}

static sg_tensorization constant(const law_of_sites *l, int blocks, const uint32_t *mask, const double *rate,
                                 double *log_f) {
    sg_tensorization out;
    if (sg_law_tensorization(l->sites, l->q, l->log_p, blocks, mask, rate, log_f, &out)) fail_msg("%s", sg_message());
    assert_int_equal(out.status, SG_OK);
    assert_true(out.log_lower <= out.log_value && !(out.ratio < 1));
    return out;
}

static int subsets(int sites, int k, uint32_t *mask, double *rate) {
    int count = 0;
    for (uint32_t b = 1; b < UINT32_C(1) << sites; b++)
        if (__builtin_popcount(b) == k) mask[count++] = b;
    for (int b = 0; b < count; b++) rate[b] = 1. / count;
    return count;
}

/* ------------------------------------------------------------ the quotient, plainly */

static bool same_outside(const law_of_sites *l, int x, int y, uint32_t mask) {
    for (int i = 0; i < l->sites; i++, x /= l->q, y /= l->q)
        if (!(mask >> i & 1) && x % l->q != y % l->q) return false;
    return true;
}

/* E[f | sites outside the mask] at x */
static double mean_given(const law_of_sites *l, const double *f, int x, uint32_t mask) {
    double sum = 0, mass = 0;
    for (int y = 0; y < l->states; y++)
        if (same_outside(l, x, y, mask)) {
            sum += l->p[y] * f[y];
            mass += l->p[y];
        }
    return sum / mass;
}

static double plain_quotient(const law_of_sites *l, const double *f, int blocks, const uint32_t *mask,
                             const double *rate) {
    double top = 0, bottom = 0;
    const uint32_t all = (UINT32_C(1) << l->sites) - 1;
    for (int x = 0; x < l->states; x++) {
        if (!(l->p[x] > 0)) continue;
        top += l->p[x] * f[x] * log(f[x] / mean_given(l, f, x, all));
        for (int b = 0; b < blocks; b++) bottom += rate[b] * l->p[x] * f[x] * log(f[x] / mean_given(l, f, x, mask[b]));
    }
    return top / bottom;
}

static int singles(int sites, uint32_t *mask, double *rate) {
    for (int i = 0; i < sites; i++) mask[i] = UINT32_C(1) << i, rate[i] = 1;
    return sites;
}

/* ----------------------------------------------------------------------- oracles */

static void test_products(void **state) {
    sg_stream stream;
    uint32_t mask[STATES];
    double rate[STATES];
    (void)state;
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 12; trial++) {
        const int q = 2 + trial % 3, sites = q == 2 ? 5 : 3;
        const law_of_sites l = random_product(&stream, sites, q, trial % 2 ? 0.5 : 4);
        double oscillation, upper;
        assert_near(constant(&l, 0, NULL, NULL, NULL).log_value, 0, 1e-12);
        for (int k = 1; k <= sites; k++) {
            const int count = subsets(sites, k, mask, rate);
            assert_near(constant(&l, count, mask, rate, NULL).log_value, log((double)sites / k), 1e-12);
        }
        assert_int_equal(sg_bound_product_tensorization_upper(sites, q, l.log_p, 1, &oscillation, &upper), SG_OK);
        assert_near(oscillation, 0, 1e-13);
        assert_near(upper, 0, 1e-13);
    }
}

/* Blocks {0,1} at 0.7, {1,2} at 0.4, {2} at 0.5: site 0 is the one that is drawn afresh least. */
static void test_coverage(void **state) {
    static const uint32_t mask[] = {3, 6, 4};
    static const double rate[] = {0.7, 0.4, 0.5};
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 2, SG_PURPOSE_TEST, 0);
    const law_of_sites l = random_product(&stream, 3, 3, 2);
    assert_near(constant(&l, 3, mask, rate, NULL).log_value, -log(0.7), 1e-12);
}

static void test_maxima(void **state) {
    static const struct {
        const char *family, *text;
        double value, relative;
    } cases[] = {
        {"ising", "graph=path,n=2,beta=0.5,h=0.7", 1.6945478281684159, 1e-13},
        {"ising", "graph=path,n=2,beta=2,h=0.7", 20.852485295840438, 1e-13},
        {"ising", "graph=path,n=4,beta=1,h=0.3", 8.684116325411944, 1e-13},
        {"ising", "graph=complete,n=4,beta=0.3,h=-0.3", 3.5121064399672455, 1e-13},
        {"ising", "graph=ring,n=4,beta=3,h=0.1", 80837.90749397298, 1e-10},
        {"parity", "n=4,k=3,J=1", 4.063085695686256, 1e-13},
        {"parity", "n=5,k=3,J=1.3", 6.9630553077705, 1e-13},
        {"potts", "graph=path,n=3,q=3,beta=1.7", 3.7947948412577657, 1e-13},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char text[128];
        sg_pair pairs[8];
        int count;
        snprintf(text, sizeof text, "%s", cases[c].text);
        assert_int_equal(sg_pairs_split(text, 8, pairs, &count), SG_OK);
        const law_of_sites l = of_model(cases[c].family, count, pairs, NULL);
        const sg_tensorization t = constant(&l, 0, NULL, NULL, NULL);
        if (!(fabs(exp(t.log_value) / cases[c].value - 1) <= cases[c].relative))
            fail_msg("%s(%s): %.15g, known %.15g", cases[c].family, cases[c].text, exp(t.log_value), cases[c].value);
        assert_true(t.share > 0.01 && t.ratio > 1.01);
    }
}

/* 1/gap of averaged masks on the ferromagnet of four spins: nothing is gained over variances without a field. */
static void test_limit_at_constants(void **state) {
    static const struct {
        const char *beta;
        int k;
        double value, relative;
    } cases[] = {{"0.1", 1, 5.655125025009, 1e-12},
                 {"0.5", 1, 48.79547960580, 1e-12},
                 {"0.5", 2, 16.41476265272, 1e-12},
                 {"0.5", 3, 6.138254217572, 1e-12},
                 {"1", 1, 1540.807199, 1e-9}};
    uint32_t mask[16];
    double rate[16];
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const sg_pair pairs[] = {{"graph", "complete"}, {"n", "4"}, {"beta", cases[c].beta}};
        const law_of_sites l = of_model("ising", 3, pairs, NULL);
        const int count = subsets(4, cases[c].k, mask, rate);
        const sg_tensorization t = constant(&l, count, mask, rate, NULL);
        assert_near(exp(t.log_value) / cases[c].value, 1, cases[c].relative);
        assert_near(t.ratio, 1, 1e-12);
    }
}

/* ------------------------------------------------------------- what must hold of all */

/* The quotient of the maximizer is the value, it is stationary, and no random function exceeds it. */
static void check_law(const law_of_sites *l, int blocks, const uint32_t *mask, const double *rate, sg_stream *stream) {
    double log_f[STATES], f[STATES], oscillation, upper;
    const sg_tensorization t = constant(l, blocks, mask, rate, log_f);
    const double value = exp(t.log_value);
    if (t.share > 1e-3) {
        for (int x = 0; x < l->states; x++) f[x] = exp(log_f[x]);
        const double there = plain_quotient(l, f, blocks, mask, rate);
        assert_near(there / value, 1, 1e-11);
        for (int trial = 0; trial < 4; trial++) { /* stationary: it falls equally to both sides */
            double g[STATES], fall[2];
            for (int x = 0; x < l->states; x++) g[x] = 1e-3 * between(stream, -1, 1);
            for (int side = 0; side < 2; side++) {
                for (int x = 0; x < l->states; x++) f[x] = exp(log_f[x] + (side ? -g[x] : g[x]));
                fall[side] = 1 - plain_quotient(l, f, blocks, mask, rate) / value;
            }
            assert_true(fall[0] > 0 && fall[1] > 0);
            assert_near(fall[0] / fall[1], 1, 0.1);
        }
    }
    for (int trial = 0; trial < 12; trial++) {
        const double size = trial % 3 == 0 ? 0.3 : trial % 3 == 1 ? 3 : 15;
        const double around = trial % 2 && t.share > 1e-3 ? 1 : 0;
        for (int x = 0; x < l->states; x++)
            f[x] = exp((around > 0 ? log_f[x] : 0) + (around > 0 ? size / 10 : size) * between(stream, -1, 1));
        const double other = plain_quotient(l, f, blocks, mask, rate);
        if (!(other <= value * (1 + 1e-10))) fail_msg("a quotient of %.15g is above %.15g", other, value);
    }
    const double covered = blocks == l->sites ? 1 : 2. / l->sites; /* singles at 1, or pairs on average */
    assert_int_equal(sg_bound_product_tensorization_upper(l->sites, l->q, l->log_p, covered, &oscillation, &upper),
                     SG_OK);
    assert_true(t.log_value <= upper + 1e-12);
}

static void test_random_laws(void **state) {
    sg_stream stream;
    uint32_t mask[STATES];
    double rate[STATES];
    (void)state;
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 24; trial++) {
        const int q = trial % 4 == 3 ? 3 : 2, sites = q == 3 ? 3 : 3 + trial % 2;
        const law_of_sites l = random_law(&stream, sites, q, trial % 3 == 0 ? 0.2 : trial % 3 == 1 ? 2 : 8);
        check_law(&l, singles(sites, mask, rate), mask, rate, &stream);
        if (sites != 4) continue; /* as many pairs as sites, for three */
        check_law(&l, subsets(sites, 2, mask, rate), mask, rate, &stream);
    }
}

/* C_LS of the heat bath, and the least conditional probability of a site's state. */
static double log_sobolev(const law_of_sites *l, double *least) {
    int from[STATES * 8], to[STATES * 8];
    double log_rate[STATES * 8];
    sg_chain chain = {.n = l->states, .from = from, .to = to, .log_rate = log_rate, .log_pi = l->log_p};
    sg_log_sobolev out;
    *least = 0.5;
    for (int x = 0; x < l->states; x++)
        for (int i = 0; i < l->sites; i++) {
            const int y = x ^ 1 << i;
            const double given = l->p[y] / (l->p[x] + l->p[y]);
            from[chain.edges] = x;
            to[chain.edges] = y;
            log_rate[chain.edges++] = log(given);
            *least = fmin(*least, given);
        }
    if (sg_chain_log_sobolev(&chain, &out)) fail_msg("%s", sg_message());
    return exp(out.log_value);
}

/* C_P <= C <= 2 C_LS, and C_LS <= C C_2(a), C_2(a) = log((1-a)/a)/(2 (1-2a)) of the two states of a site. */
static void test_log_sobolev(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 4, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 12; trial++) {
        const law_of_sites l = random_law(&stream, 2 + trial % 3, 2, trial % 2 ? 0.5 : 3);
        double least;
        const double c = exp(constant(&l, 0, NULL, NULL, NULL).log_value), entropy = log_sobolev(&l, &least);
        assert_true(c <= 2 * entropy * (1 + 1e-10));
        assert_true(entropy <= c * exp(sg_bound_two_point(log(least))) * (1 + 1e-10));
    }
}

/* A law on one state has the quotient log p(x)/sum_i log p(x_i | x_-i): below, with hard constraints too. */
static void test_points(void **state) {
    const sg_pair pairs[] = {{"graph", "ring"}, {"n", "6"}, {"lambda", "9"}};
    const law_of_sites l = of_model("hardcore", 3, pairs, NULL);
    const sg_tensorization t = constant(&l, 0, NULL, NULL, NULL);
    (void)state;
    assert_int_equal(t.states, 18);
    for (int x = 0; x < l.states; x++) {
        double sum = 0;
        if (!(l.p[x] > 0)) continue;
        for (int i = 0; i < l.sites; i++) sum += log(l.p[x] / (l.p[x] + l.p[x ^ 1 << i]));
        assert_true(log(l.p[x]) / sum <= exp(t.log_value));
    }
}

/* ------------------------------------------------------------------------ errors */

static void test_reducible(void **state) {
    law_of_sites l = {.sites = 2, .q = 2, .states = 4, .log_p = {0, -INFINITY, -INFINITY, 0.3}};
    static const uint32_t both[] = {3};
    static const double one[] = {1};
    (void)state;
    const sg_tensorization t = constant(&l, 0, NULL, NULL, NULL);
    assert_true(isinf(t.log_value) && t.log_value > 0);
    assert_near(constant(&l, 1, both, one, NULL).log_value, 0, 1e-13);
}

static void refuses(sg_status want, const char *part, int sites, int q, const double *log_p, int blocks,
                    const uint32_t *mask, const double *rate) {
    sg_tensorization out;
    const long live = sg_memory_live();
    const sg_status status = sg_law_tensorization(sites, q, log_p, blocks, mask, rate, NULL, &out);
    if (status != want || !strstr(sg_message(), part)) fail_msg("%d: %s", status, sg_message());
    assert_int_equal(sg_memory_live(), live);
}

static void test_errors(void **state) {
    static double log_p[1 << 11], deep[4] = {0, -601, 0, 0};
    static const uint32_t one[] = {1}, beyond[] = {4}, none[] = {0};
    static const double zero[] = {0}, unit[] = {1};
    (void)state;
    refuses(SG_OUT_OF_RANGE, "at most 1024 states", 11, 2, log_p, 0, NULL, NULL);
    refuses(SG_OUT_OF_RANGE, "rates must be positive", 2, 2, log_p, 1, one, zero);
    refuses(SG_OUT_OF_RANGE, "beyond the 2", 2, 2, log_p, 1, beyond, unit);
    refuses(SG_OUT_OF_RANGE, "has no site", 2, 2, log_p, 1, none, unit);
    refuses(SG_OUT_OF_RANGE, "take at least one block", 2, 1, log_p, 1, one, unit);
    refuses(SG_REFUSED, "state 1 is at e^-601", 2, 2, deep, 0, NULL, NULL);
}

static void test_memory(void **state) {
    const double log_p[8] = {0, 1, -1, 0.5, 0, 0.2, 0.7, -2};
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    (void)state;
    for (long k = 1; status != SG_OK; k++) {
        sg_tensorization out;
        sg_memory_fail_after(k);
        status = sg_law_tensorization(3, 2, log_p, 0, NULL, NULL, NULL, &out);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),    cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_maxima),      cmocka_unit_test(test_limit_at_constants),
        cmocka_unit_test(test_random_laws), cmocka_unit_test(test_log_sobolev),
        cmocka_unit_test(test_points),      cmocka_unit_test(test_reducible),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_memory),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("tensorization of entropy", tests, NULL, NULL);
}
