/*
 * Elimination: against sums over all states, plans and what is refused, and every allocation that may fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../chain-file.h"
#include "factors.h"
#include "finite.h"

static double *doubles(size_t n) {
    double *made = NULL;
    assert_int_equal(sg_new(&made, n + 1, sizeof(double)), SG_OK);
    return made;
}

static void close_to(const char *what, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: %.17g, expected %.17g, off by %g", what, got, want, got - want);
}

/* ---------------------------------------------------- factors against all states */

typedef struct {
    double log_z, *mean, *covariance;
} law;

static law law_new(int sums) {
    return (law){.mean = doubles((size_t)sums), .covariance = doubles((size_t)sums * (size_t)sums)};
}

static void law_delete(law *l) {
    sg_delete(l->mean);
    sg_delete(l->covariance);
}

/* Three passes over all states: the largest log p, the mean, the covariance about it. */
static law enumerate(const sg_factors *factors) {
    const int sums = factors->sums;
    int state[32] = {0};
    law l = law_new(sums);
    double *sum = doubles((size_t)sums), top = -INFINITY, total = 0;
    do top = fmax(top, factors_at(factors, state, sum));
    while (factors_next(factors->d, factors->q, state));
    do {
        const double p = exp(factors_at(factors, state, sum) - top);
        total += p;
        for (int s = 0; s < sums; s++) l.mean[s] += p * sum[s];
    } while (factors_next(factors->d, factors->q, state));
    for (int s = 0; s < sums; s++) l.mean[s] /= total;
    do {
        const double p = exp(factors_at(factors, state, sum) - top) / total;
        for (int s = 0; s < sums; s++)
            for (int t = 0; t < sums; t++)
                l.covariance[s + t * sums] += p * (sum[s] - l.mean[s]) * (sum[t] - l.mean[t]);
    } while (factors_next(factors->d, factors->q, state));
    l.log_z = top + log(total);
    sg_delete(sum);
    return l;
}

static void same_law(const char *what, int sums, const law *got, const law *want) {
    close_to(what, got->log_z, want->log_z, 1e-13 * (10 + fabs(want->log_z)));
    for (int s = 0; s < sums; s++) close_to(what, got->mean[s], want->mean[s], 1e-12 * (1 + fabs(want->mean[s])));
    for (int s = 0; s < sums; s++)
        for (int t = 0; t < sums; t++) {
            const double scale = sqrt(want->covariance[s + s * sums] * want->covariance[t + t * sums]);
            close_to(what, got->covariance[s + t * sums], want->covariance[s + t * sums], 1e-11 * (1 + scale));
        }
}

/* Upwards with cuts, and downwards without. */
static void check_factors(const char *what, const sg_factors *factors) {
    law want = enumerate(factors), got = law_new(factors->sums);
    sg_elimination *plan = NULL;
    for (int cuts = 0; cuts < 2; cuts++) {
        sg_elimination_scratch scratch = {0};
        assert_int_equal(sg_elimination_plan(factors, cuts, &plan), SG_OK);
        if (!cuts || factors->sums <= SG_ELIMINATION_FEW) {
            assert_int_equal(sg_elimination_covariance(plan, factors, &got.log_z, got.mean, got.covariance), SG_OK);
            same_law(what, factors->sums, &got, &want);
        }
        if (!cuts) {
            assert_int_equal(sg_elimination_marginals(plan, factors, &scratch, &got.log_z, got.mean, got.covariance),
                             SG_OK);
            same_law(what, factors->sums, &got, &want);
        }
        sg_elimination_scratch_free(&scratch);
        sg_elimination_delete(plan);
    }
    law_delete(&want);
    law_delete(&got);
}

static void test_random_factors(void **unused) {
    sg_stream stream;
    (void)unused;
    sg_stream_open(&stream, 20261, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < 60; k++) {
        char what[64];
        const int q = 2 + factors_below(&stream, 3), d = 1 + factors_below(&stream, q == 2 ? 10 : q == 3 ? 7 : 5);
        const double strengths[] = {0, 0.5, 5, 300}, strength = strengths[k % 4];
        sg_factors *factors = factors_random(&stream, d, q, factors_below(&stream, 12),
                                             1 + factors_below(&stream, 2 * d), strength, k % 3 == 0 ? 0.2 : 0);
        snprintf(what, sizeof what, "case %d: q %d, d %d, %d factors", k, q, d, factors->count);
        check_factors(what, factors);
        sg_factors_delete(factors);
    }
}

/* ------------------------------------------------------------- plans */

static void plan_of(const char *family, const char *keys, sg_elimination_cost *cost) {
    sg_model *model = finite_model(family, keys);
    sg_factors *factors = NULL;
    sg_elimination *plan = NULL;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    if (sg_elimination_new(factors, &plan) != SG_OK) fail_msg("%s: %s", keys, sg_message());
    sg_elimination_costs(plan, cost);
    sg_elimination_delete(plan);
    sg_factors_delete(factors);
    sg_model_delete(model);
}

static void test_widths(void **unused) {
    sg_elimination_cost cost;
    (void)unused;
    plan_of("ising", "graph=ring,n=5000,free=tied", &cost);
    assert_int_equal(cost.width, 3);
    plan_of("ising", "graph=path,n=5000,free=tied", &cost);
    assert_int_equal(cost.width, 2);
    plan_of("ising", "graph=tree,n=5000,degree=3,free=tied", &cost);
    assert_int_equal(cost.width, 2);
    plan_of("ising", "graph=tree,n=5000,degree=900,free=tied", &cost);
    assert_int_equal(cost.width, 2);
    plan_of("ising", "graph=lattice,shape=200x6,boundary=free,free=tied", &cost);
    assert_true(cost.entries <= 1200 * 0x1p7);
    plan_of("ising", "graph=lattice,shape=6x200,boundary=free,free=tied", &cost);
    assert_true(cost.entries <= 1200 * 0x1p7);
    plan_of("ising", "graph=lattice,shape=12x100,boundary=free,free=tied", &cost);
    assert_true(cost.entries <= 1200 * 0x1p13);
    plan_of("ising", "graph=lattice,shape=3x1000,free=tied", &cost);
    assert_in_range(cost.width, 2, 8);
    plan_of("ising", "graph=lattice,shape=12x12,free=tied", &cost);
    assert_true(cost.entries <= 144 * 0x1p25);
    assert_true(6 * cost.bytes <= SG_ELIMINATION_BYTES);
}

static void refused(const char *keys, const char *part) {
    sg_model *model = finite_model("ising", keys);
    const long live = sg_memory_live();
    double value;
    const sg_status status = sg_model_log_z(model, model->truth, &value, NULL, NULL);
    if (status != SG_REFUSED || !strstr(sg_message(), part)) fail_msg("%s: %d, %s", keys, status, sg_message());
    assert_int_equal(sg_memory_live(), live);
    sg_model_delete(model);
}

/* Dense graphs: listing all states is as little work, or nothing is possible. */
static void test_refused(void **unused) {
    (void)unused;
    refused("graph=complete,n=20,couplings=sk", "as little work");
    refused("graph=complete,n=26,couplings=sk", "as little work");
    refused("graph=complete,n=40,couplings=sk", "take a narrower graph");
    refused("graph=complete,n=600,couplings=sk,free=tied", "too many");
    refused("graph=regular,n=400,degree=3,free=tied", "take a narrower graph");
    refused("graph=lattice,shape=30x30,free=tied", "take a narrower graph");
    refused("graph=lattice,shape=8x8x8,free=tied", "take a narrower graph");
}

/* ------------------------------------------- log Z of models against all states */

/* The derivatives of log Z are the moments of the family's own statistics over all its states. */
static void check_model(const char *family, const char *keys) {
    sg_model *model = finite_model(family, keys);
    sg_factors *factors = NULL;
    const int full = model->full, d = model->space.d;
    const int states = (int)sg_model_states(model);
    double *logp = doubles((size_t)states), *x = doubles((size_t)d * SG_BLOCK), *dt = doubles((size_t)full);
    law want = law_new(full), got = law_new(full);
    double top = -INFINITY, total = 0;
    sg_arena *arena = NULL;
    sg_jet jet;
    assert_int_equal(sg_arena_new(sg_jet_bytes(full, d, SG_DT), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, full, d, SG_DT, &jet), SG_OK);
    model->family->states(model, model->truth, 0, states, logp);
    for (int k = 0; k < states; k++) top = fmax(top, logp[k]);
    for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < states; k++) {
            const sg_block block = {.n = 1, .d = d, .draws = 1, .x = x};
            const double p = exp(logp[k] - top) / (pass ? total : 1);
            for (int i = 0, code = k; i < d; i++, code /= model->space.q) {
                const int s = code % model->space.q;
                x[(size_t)i * SG_BLOCK] = model->space.q == 2 ? 2 * s - 1 : s;
            }
            model->family->jet(model, model->truth, &block, &jet);
            for (int j = 0; j < full; j++) dt[j] = jet.dt[(size_t)j * SG_BLOCK] - (pass ? want.mean[j] : 0);
            total += pass ? 0 : p;
            for (int j = 0; j < full && !pass; j++) want.mean[j] += p * dt[j];
            for (int j = 0; j < full * full && pass; j++) want.covariance[j] += p * dt[j / full] * dt[j % full];
        }
        for (int j = 0; j < full && !pass; j++) want.mean[j] /= total;
    }
    want.log_z = top + log(total);
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    for (int way = 0; way < 3; way++) {
        sg_elimination *plan = NULL;
        sg_elimination_scratch scratch = {0};
        assert_int_equal(sg_elimination_plan(factors, way == 1 && full <= SG_ELIMINATION_FEW, &plan), SG_OK);
        if (way < 2)
            assert_int_equal(sg_elimination_covariance(plan, factors, &got.log_z, got.mean, got.covariance), SG_OK);
        else
            assert_int_equal(sg_elimination_marginals(plan, factors, &scratch, &got.log_z, got.mean, got.covariance),
                             SG_OK);
        same_law(keys, full, &got, &want);
        sg_elimination_scratch_free(&scratch);
        sg_elimination_delete(plan);
    }
    sg_factors_delete(factors);
    law_delete(&want);
    law_delete(&got);
    sg_arena_delete(arena);
    sg_delete(logp);
    sg_delete(x);
    sg_delete(dt);
    sg_model_delete(model);
}

static void test_models(void **unused) {
    (void)unused;
    check_model("ising", "graph=ring,n=12,beta=0.7,h=0.2");
    check_model("ising", "graph=ring,n=12,beta=0.7,h=0.2,free=tied");
    check_model("ising", "graph=path,n=11,beta=-2,h=0.3,free=tied");
    check_model("ising", "graph=lattice,shape=3x4,beta=0.4,couplings=gauss");
    check_model("ising", "graph=lattice,shape=3x4,beta=3,h=-0.1,couplings=pm,free=tied");
    check_model("ising", "graph=tree,n=13,degree=4,beta=1");
    check_model("ising", "graph=complete,n=8,couplings=sk,beta=1");
    check_model("ising", "graph=bipartite,n=9,beta=0.3,free=tied");
    check_model("ising", "graph=regular,n=12,degree=3,beta=0.5");
    check_model("ising", "graph=path,n=1,h=0.5");
    check_model("potts", "graph=ring,n=7,q=3,beta=0.8");
    check_model("potts", "graph=lattice,shape=2x4,boundary=free,q=3,beta=-1,free=tied");
    check_model("potts", "graph=path,n=5,q=5,beta=2,couplings=gauss");
    check_model("potts", "graph=ring,n=9,q=2,beta=0.8");
    check_model("hardcore", "graph=ring,n=11,lambda=2");
    check_model("hardcore", "graph=lattice,shape=3x4,lambda=0.7");
    check_model("hardcore", "graph=complete,n=9,lambda=3");
    check_model("hardcore", "graph=tree,n=12,degree=4,lambda=30");
    check_model("parity", "n=9,k=5,J=0.8");
    check_model("parity", "n=6,k=6,J=-2");
    check_model("loglinear", "model=triangle");
    for (int q = 2; q <= 4; q++) {
        char keys[64];
        chain_write(q == 2 ? 10 : 8 - q, q, true, keys);
        check_model("loglinear", keys);
        chain_remove(keys);
    }
}

/* Assignments to cut sites go on several threads: the same bits. */
static void test_threads(void **unused) {
    sg_model *model = finite_model("ising", "graph=lattice,shape=8x8,beta=0.45,h=0.05,couplings=gauss,free=tied");
    law l[2] = {law_new(2), law_new(2)};
    const int threads = omp_get_max_threads();
    (void)unused;
    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(k ? 3 : 1);
        assert_int_equal(sg_model_log_z(model, model->truth, &l[k].log_z, l[k].mean, l[k].covariance), SG_OK);
    }
    omp_set_num_threads(threads);
    assert_true(l[0].log_z == l[1].log_z);
    assert_memory_equal(l[0].mean, l[1].mean, 2 * sizeof(double));
    assert_memory_equal(l[0].covariance, l[1].covariance, 4 * sizeof(double));
    law_delete(&l[0]);
    law_delete(&l[1]);
    sg_model_delete(model);
}

/* Cuts do not change the law: a torus that is cut against the same without cuts. */
static void test_cuts(void **unused) {
    sg_model *model = finite_model("ising", "graph=lattice,shape=8x8,beta=0.45,h=0.05,couplings=gauss,free=tied");
    sg_factors *factors = NULL;
    sg_elimination *plan[2];
    sg_elimination_cost cost;
    law l[2] = {law_new(2), law_new(2)};
    (void)unused;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    for (int cuts = 0; cuts < 2; cuts++) {
        assert_int_equal(sg_elimination_plan(factors, cuts, &plan[cuts]), SG_OK);
        assert_int_equal(
            sg_elimination_covariance(plan[cuts], factors, &l[cuts].log_z, l[cuts].mean, l[cuts].covariance), SG_OK);
        sg_elimination_costs(plan[cuts], &cost);
        assert_int_equal(cost.cuts > 0, cuts);
        sg_elimination_delete(plan[cuts]);
    }
    same_law("8x8", 2, &l[1], &l[0]);
    law_delete(&l[0]);
    law_delete(&l[1]);
    sg_factors_delete(factors);
    sg_model_delete(model);
}

/* ---------------------------------------------------------------- failures */

static void test_memory(void **unused) {
    const char *const keys[] = {"graph=lattice,shape=3x7,beta=0.3", "graph=ring,n=30,beta=0.3,free=tied"};
    (void)unused;
    for (int k = 0; k < 2; k++) {
        sg_model *model = finite_model("ising", keys[k]);
        double value, *gradient = doubles((size_t)model->full),
                      *hessian = doubles((size_t)model->full * (size_t)model->full);
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        for (long fail = 1; status != SG_OK; fail++) {
            sg_sampler *sampler = NULL;
            sg_memory_fail_after(fail);
            status = sg_model_log_z(model, model->truth, &value, gradient, hessian);
            if (status == SG_OK) status = sg_sampler_new(model, model->truth, NULL, &sampler);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK || status == SG_NO_MEMORY);
            sg_sampler_delete(sampler);
            assert_int_equal(sg_memory_live(), live);
        }
        sg_delete(gradient);
        sg_delete(hessian);
        sg_model_delete(model);
    }
}

static void test_errors(void **unused) {
    sg_factors *factors = NULL, *other = NULL;
    sg_elimination *plan = NULL;
    sg_elimination_scratch scratch = {0};
    sg_factor *factor;
    const int pair[] = {0, 1};
    double value;
    (void)unused;
    assert_int_equal(sg_factors_new(2, 2, 0, 1, 2, 4, &factors), SG_OK);
    assert_int_equal(sg_factors_new(3, 2, 0, 0, 0, 0, &other), SG_OK);
    assert_int_equal(sg_factors_add(factors, 2, pair, 0, NULL, &factor), SG_OK);
    sg_factor *second;
    assert_int_equal(sg_factors_add(factors, 2, pair, 0, NULL, &second), SG_INTERNAL);
    assert_int_equal(sg_elimination_new(factors, &plan), SG_OK);
    assert_int_equal(sg_elimination_covariance(plan, other, &value, NULL, NULL), SG_INTERNAL);
    assert_int_equal(sg_elimination_covariance(plan, factors, &value, NULL, NULL), SG_OK);
    close_to("two free sites", value, log(4), 1e-15);
    for (int s = 0; s < 4; s++) factor->log_p[s] = -INFINITY;
    assert_int_equal(sg_elimination_covariance(plan, factors, &value, NULL, NULL), SG_NOT_INTEGRABLE);
    assert_int_equal(sg_elimination_marginals(plan, factors, &scratch, &value, NULL, NULL), SG_NOT_INTEGRABLE);
    sg_elimination_scratch_free(&scratch);
    sg_elimination_delete(plan);
    sg_factors_delete(factors);
    sg_factors_delete(other);
    sg_model *model = finite_model("parity", "n=30,k=29");
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "product of 29 sites"));
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_factors), cmocka_unit_test(test_widths), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_models),         cmocka_unit_test(test_cuts),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
