/*
 * The law of a few sites by elimination: against sums over all states for random factors on trees, forests and narrow
 * graphs, against closed forms at sizes that no list of states reaches, what is refused, and every allocation that may
 * fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "factors.h"
#include "finite.h"

enum { MOST = 8, ENTRIES = 1 << 12 };

static void law_by_states(const sg_factors *factors, int count, const int *site, double *p) {
    int state[32] = {0};
    assert_in_range(factors->sums, 0, 64);
    double none[64], top = -INFINITY, total = 0;
    const size_t entries = sg_elimination_power(factors->q, count);
    memset(p, 0, entries * sizeof(double));
    do top = fmax(top, factors_at(factors, state, none));
    while (factors_next(factors->d, factors->q, state));
    do {
        const double weight = exp(factors_at(factors, state, none) - top);
        size_t at = 0;
        for (int k = count - 1; k >= 0; k--) at = at * (size_t)factors->q + (size_t)state[site[k]];
        p[at] += weight;
        total += weight;
    } while (factors_next(factors->d, factors->q, state));
    for (size_t i = 0; i < entries; i++) p[i] /= total;
}

/* Some sites in any order. */
static int some_sites(sg_stream *stream, int d, int most, int *site) {
    int list[32];
    const int count = 1 + factors_below(stream, d < most ? d : most);
    for (int i = 0; i < d; i++) list[i] = i;
    for (int k = 0; k < count; k++) {
        const int pick = k + factors_below(stream, d - k), turn = list[k];
        site[k] = list[k] = list[pick];
        list[pick] = turn;
    }
    return count;
}

static void check_sites(const char *what, const sg_factors *factors, sg_stream *stream, int times) {
    static double got[ENTRIES], want[ENTRIES];
    sg_elimination_law *law = NULL;
    sg_elimination_sites *sites = NULL;
    if (sg_elimination_law_new(factors, true, &law) != SG_OK) fail_msg("%s: %s", what, sg_message());
    assert_int_equal(sg_elimination_sites_new(law, &sites), SG_OK);
    for (int t = 0; t < times; t++) {
        int site[MOST];
        const int count = some_sites(stream, factors->d, factors->q == 2 ? MOST : 4, site);
        const size_t entries = sg_elimination_power(factors->q, count);
        assert_true(isfinite(sg_elimination_sites_work(sites, count, site)));
        assert_int_equal(sg_elimination_sites_at(sites, count, site, got), SG_OK);
        law_by_states(factors, count, site, want);
        for (size_t i = 0; i < entries; i++)
            if (!(fabs(got[i] - want[i]) <= 1e-13))
                fail_msg("%s: entry %zu of %d sites is %.17g, by all states %.17g", what, i, count, got[i], want[i]);
    }
    sg_elimination_sites_delete(sites);
    sg_elimination_law_delete(law);
}

/* Sparse ones fall apart into several trees; some states are forbidden. */
static void random_graphs(void **unused) {
    sg_stream stream;
    (void)unused;
    sg_stream_open(&stream, 20262, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < 80; k++) {
        char what[64];
        const int q = 2 + factors_below(&stream, 3), d = 1 + factors_below(&stream, q == 2 ? 10 : q == 3 ? 7 : 5);
        const double strengths[] = {0, 0.5, 5, 100}, strength = strengths[k % 4];
        sg_factors *factors =
            factors_random(&stream, d, q, 0, 1 + factors_below(&stream, k % 2 ? d : 2 * d), strength, k % 3 ? 0 : 0.2);
        snprintf(what, sizeof what, "case %d: q %d, d %d, %d factors", k, q, d, factors->count);
        check_sites(what, factors, &stream, 12);
        sg_factors_delete(factors);
    }
}

static void graphs_by_name(void **unused) {
    static const char *const table[][2] = {{"ising", "graph=lattice,shape=3x5,boundary=free,beta=.5,couplings=gauss"},
                                           {"ising", "graph=lattice,shape=3x4,beta=.4,h=.2"},
                                           {"ising", "graph=tree,n=14,degree=4,beta=.8"},
                                           {"ising", "graph=ring,n=14,beta=-1,h=.3"},
                                           {"hardcore", "graph=lattice,shape=3x4,lambda=2"},
                                           {"hardcore", "graph=bipartite,n=9"},
                                           {"potts", "graph=lattice,shape=2x4,boundary=free,q=3,beta=-1"},
                                           {"parity", "n=9,k=5"}};
    sg_stream stream;
    (void)unused;
    sg_stream_open(&stream, 20263, SG_PURPOSE_TEST, 0);
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_model *model = finite_model(table[k][0], table[k][1]);
        sg_factors *factors = NULL;
        assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
        check_sites(table[k][1], factors, &stream, 10);
        sg_factors_delete(factors);
        sg_model_delete(model);
    }
}

static sg_elimination_law *law_of(const char *family, const char *keys) {
    sg_model *model = finite_model(family, keys);
    sg_factors *factors = NULL;
    sg_elimination_law *law = NULL;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    if (sg_elimination_law_new(factors, true, &law) != SG_OK) fail_msg("%s: %s", keys, sg_message());
    sg_factors_delete(factors);
    sg_model_delete(model);
    return law;
}

/* Ring in no field: E x_i x_j = (t^r + t^{n-r})/(1 + t^n); Potts path: the probability of equal ends. */
static void far_sites(void **unused) {
    enum { N = 3000 };
    const double t = tanh(2.5), q = 5, J = 1.7;
    double p[25];
    (void)unused;
    sg_elimination_law *law = law_of("ising", "graph=ring,n=3000,beta=2.5,free=tied");
    sg_elimination_sites *sites = NULL;
    assert_int_equal(sg_elimination_sites_new(law, &sites), SG_OK);
    for (int r = 1; r < N; r = 3 * r + 1) {
        const int site[] = {(2000 + r) % N, 2000};
        const double want = (pow(t, r) + pow(t, N - r)) / (1 + pow(t, N));
        assert_int_equal(sg_elimination_sites_at(sites, 2, site, p), SG_OK);
        const double got = p[0] + p[3] - p[1] - p[2];
        if (!(fabs(got - want) <= 1e-12)) fail_msg("distance %d: %.17g, not %.17g", r, got, want);
    }
    sg_elimination_sites_delete(sites);
    sg_elimination_law_delete(law);
    law = law_of("potts", "graph=path,n=3000,q=5,beta=1.7,free=tied");
    assert_int_equal(sg_elimination_sites_new(law, &sites), SG_OK);
    for (int r = 1; r < N; r = 3 * r + 1) {
        const int site[] = {100, 100 + r};
        const double want = 1 / q + (1 - 1 / q) * pow((exp(J) - 1) / (exp(J) + q - 1), r);
        if (100 + r >= N) break;
        assert_int_equal(sg_elimination_sites_at(sites, 2, site, p), SG_OK);
        double got = 0;
        for (int s = 0; s < 5; s++) got += p[6 * s];
        if (!(fabs(got - want) <= 1e-12)) fail_msg("distance %d: %.17g, not %.17g", r, got, want);
    }
    sg_elimination_sites_delete(sites);
    sg_elimination_law_delete(law);
}

/* Ends of a wide strip: the walk keeps one while it goes through the fronts; many of them are too much. */
static void wide_strips(void **unused) {
    sg_elimination_law *law = law_of("ising", "graph=lattice,shape=12x20,boundary=free,beta=.4,free=tied");
    sg_elimination_sites *sites = NULL;
    const int two[] = {0, 239}, many[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
    static double p[1 << 18];
    (void)unused;
    assert_int_equal(sg_elimination_sites_new(law, &sites), SG_OK);
    assert_int_equal(sg_elimination_sites_at(sites, 2, two, p), SG_OK);
    assert_true(fabs(p[0] + p[1] + p[2] + p[3] - 1) < 1e-12 && fabs(p[0] - p[3]) < 1e-12 && p[0] > p[1]);
    assert_true(isinf(sg_elimination_sites_work(sites, 18, many)));
    assert_int_equal(sg_elimination_sites_at(sites, 18, many, p), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "take a narrower graph"));
    sg_elimination_sites_delete(sites);
    sg_elimination_law_delete(law);
    sg_model *model = finite_model("ising", "graph=lattice,shape=12x12,beta=.4,free=tied");
    sg_factors *factors = NULL;
    const long live = sg_memory_live();
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    assert_int_equal(sg_elimination_law_new(factors, true, &law), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "more than 1"));
    sg_factors_delete(factors);
    assert_int_equal(sg_memory_live(), live);
    sg_model_delete(model);
}

static void failing_memory(void **unused) {
    sg_model *model = finite_model("ising", "graph=lattice,shape=3x4,boundary=free,beta=.4");
    sg_factors *factors = NULL;
    const int site[] = {0, 11, 5};
    double p[8];
    (void)unused;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    long k = 1;
    for (; status != SG_OK; k++) {
        sg_elimination_law *law = NULL;
        sg_elimination_sites *sites = NULL;
        sg_memory_fail_after(k);
        status = sg_elimination_law_new(factors, true, &law);
        if (status == SG_OK) status = sg_elimination_sites_new(law, &sites);
        if (status == SG_OK) status = sg_elimination_sites_at(sites, 3, site, p);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        sg_elimination_sites_delete(sites);
        sg_elimination_law_delete(law);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_true(k > 20);
    sg_factors_delete(factors);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs), cmocka_unit_test(graphs_by_name), cmocka_unit_test(far_sites),
        cmocka_unit_test(wide_strips),   cmocka_unit_test(failing_memory),
    };
    return cmocka_run_group_tests_name("laws of a few sites", tests, NULL, NULL);
}
