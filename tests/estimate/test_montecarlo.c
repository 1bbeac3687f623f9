/*
 * Monte Carlo against theory, and what makes replicates reproducible.
 *
 * A cell is run at n and compared within 5 Monte Carlo standard errors, with nothing allowed beside them: n Cov with
 * Gamma (each entry, and again in the directions of the inefficiencies), the bias with its second-order value, coverage
 * with 95 %.  What is left is of order 1/n, and is shown to be small: the same cell at n/16, where it is 16 times as
 * large, must agree too, moments within 5 standard errors (so that this part at n is below (5 + 5)/16 < 0.7 of one) and
 * coverage, which is slower, within 11 (below (11 + 5)/16 = 1).
 *
 * False alarms at n, if the program is right.  With 1600 replicates a studentized variance is off by 5 standard errors
 * with probability 4e-6 (chi-square, lower tail), a mean with 6e-7, a share of 95 % with 1.7e-6 (binomial).  There are
 * 352 comparisons of the first kind and 110 of each other: below 2e-3 in all.  Were the part of order 1/n everywhere as
 * large as the runs at n/16 can hide, it would be 0.04; they see none in the moments (the largest of their departures
 * is 3.3 standard errors).  Seeds are fixed, so that a pass stays a pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "replicates.h"

static void run_cell(const char *model, int losses, const char *const *texts, long long n) {
    fixture f;
    open_fixture(model_of(model), losses, texts, n, REPLICATES, &f);
    f.plan.kl = false;
    for (int l = 0; l < losses; l++) second_order_bias(&f, l, f.bias[l]);
    for (int run = 0; run < 2; run++) {
        sg_montecarlo *out = NULL;
        f.plan.n = run ? n : n / FEWER;
        f.plan.key = sg_cell_key(7, f.model, f.plan.n);
        f.fewer = !run;
        if (sg_montecarlo_run(&f.plan, &out)) fail_msg("%s", sg_message());
        for (int l = 0; l < losses; l++) check_loss(&f, out, l);
        sg_montecarlo_delete(out);
    }
    close_fixture(&f);
}

#define TEXTS(...)                                                                 \
    (int)(sizeof(char *[]){__VA_ARGS__} / sizeof(char *)), (const char *const[]) { \
        __VA_ARGS__                                                                \
    }
/* Powers below these have gradients with such tails that more than the terms of order 1/n count at these n. */
#define PLAIN                                                                      \
    TEXTS("mle", "score-matching", "preconditioned:with=exponential,exponent=0.8", \
          "preconditioned:with=power,exponent=0.3", "preconditioned:with=power,exponent=-0.1")

static void agrees_with_gamma(void **state) {
    (void)state;
    run_cell("gaussian:s=2", PLAIN, 6400);
    run_cell("bimodal:a=2", PLAIN, 6400);
    run_cell("monomial:k=6",
             TEXTS("mle", "score-matching", "preconditioned:with=exponential,exponent=0.8",
                   "preconditioned:with=power,exponent=-0.05"),
             20000);
    run_cell("sinusoid:omega=2", PLAIN, 6400);
    run_cell("polynomial:B=1", PLAIN, 6400);
    run_cell("sparse-cut:a=1.5,g=0.3", PLAIN, 6400);
    run_cell("double-well:h=1", PLAIN, 6400);
}

/* The score is not linear in theta: fits by Newton's method, a pass over the data an evaluation. */
static void agrees_with_gamma_of_mixtures(void **state) {
    (void)state;
#define FEW TEXTS("mle", "score-matching", "preconditioned:with=exponential,exponent=0.8")
    run_cell("mixture:m=1.5,w=0.4", FEW, 4000);
    run_cell("mixture:m=2,free=means", FEW, 4000);
    run_cell("mixture:m=2,free=all", FEW, 4000);
}

/* Stein kernels: one parameter, its score monotone. */
static void agrees_with_gamma_of_stein_kernels(void **state) {
    (void)state;
#define STEIN TEXTS("preconditioned:value=2", "preconditioned:with=stein")
    run_cell("gaussian:s=2,free=location", STEIN, 6400);
    run_cell("bimodal:a=1.6,free=erf",
             TEXTS("mle", "preconditioned:with=stein", "preconditioned:with=stein,at=0.1",
                   "preconditioned:with=stein,at=pilot"),
             5000);
    run_cell("polynomial:B=1,free=x1", STEIN, 6400);
    run_cell("sparse-cut:a=1.5,g=0.3,free=cut", STEIN, 6400);
    run_cell("double-well:h=1,free=tilt", STEIN, 6400);
    run_cell("mixture:m=1.5,w=0.4", STEIN, 4000);
}

static void same_bits(const sg_montecarlo *x, const sg_montecarlo *y, int replicates) {
    for (int l = 0; l < x->losses; l++) {
        size_t count = (size_t)replicates * (size_t)x->m * sizeof(double);
        assert_memory_equal(x->loss[l].theta, y->loss[l].theta, count);
        assert_memory_equal(x->loss[l].se, y->loss[l].se, count);
        assert_memory_equal(x->loss[l].kl, y->loss[l].kl, (size_t)replicates * sizeof(double));
        assert_memory_equal(x->loss[l].status, y->loss[l].status, (size_t)replicates);
    }
}

/* Threads, memory budget, number of replicates and company of other losses change no bit of a replicate. */
static void replicates_are_functions_of_their_number(void **state) {
    (void)state;
    static const char *const texts[] = {"mle", "score-matching", "preconditioned:with=stein,direction=erf,at=pilot"};
    fixture f;
    sg_montecarlo *one = NULL, *seven = NULL, *tight = NULL, *fewer = NULL;
    open_fixture(model_of("bimodal:a=2.3,free=erf"), 3, texts, 1500, 40, &f);
    f.plan.threads = 1;
    assert_int_equal(sg_montecarlo_run(&f.plan, &one), SG_OK);
    f.plan.threads = 7;
    assert_int_equal(sg_montecarlo_run(&f.plan, &seven), SG_OK);
    same_bits(one, seven, 40);
    f.plan.memory = 0; /* data drawn anew at each pass */
    assert_int_equal(sg_montecarlo_run(&f.plan, &tight), SG_OK);
    same_bits(one, tight, 40);
    f.plan.replicates = 11;
    assert_int_equal(sg_montecarlo_run(&f.plan, &fewer), SG_OK);
    same_bits(one, fewer, 11);
    for (int l = 0; l < 3; l++) {
        double theta[1], se[1], covariance[1], kl;
        sg_fit fit = {.covariance = covariance};
        f.plan.replicates = 40;
        assert_int_equal(sg_montecarlo_replay(&f.plan, l, 33, theta, se, &kl, &fit), SG_OK);
        assert_memory_equal(theta, one->loss[l].theta + 33, sizeof theta);
        assert_memory_equal(se, one->loss[l].se + 33, sizeof se);
        assert_memory_equal(&kl, one->loss[l].kl + 33, sizeof kl);
    }
    sg_montecarlo_delete(one);
    sg_montecarlo_delete(seven);
    sg_montecarlo_delete(tight);
    sg_montecarlo_delete(fewer);
    close_fixture(&f);
}

/* Few data and well separated modes: fits fail, and are counted by kind. */
static void failures_are_data(void **state) {
    (void)state;
    static const char *const texts[] = {"mle", "score-matching"};
    fixture f;
    sg_montecarlo *out = NULL;
    open_fixture(model_of("bimodal:a=4"), 2, texts, 30, 200, &f);
    assert_int_equal(sg_montecarlo_run(&f.plan, &out), SG_OK);
    for (int l = 0; l < 2; l++) {
        sg_summary *s = NULL;
        int total = 0;
        assert_int_equal(sg_summary_new(&f.plan, out, l, &s), SG_OK);
        for (int k = 0; k < SG_STATUS_COUNT; k++) total += s->failed[k];
        assert_int_equal(total, 200);
        assert_false(l == 1 && s->asymptotic);
        for (int r = 0; r < 200; r++) {
            const sg_replicates *reps = &out->loss[l];
            if (reps->status[r] == SG_NOT_INTEGRABLE) assert_true(isinf(reps->kl[r]) || isnan(reps->theta[2 * r]));
            if (reps->status[r] == SG_OK) assert_true(reps->kl[r] >= 0);
        }
        sg_summary_delete(s);
    }
    sg_montecarlo_delete(out);
    close_fixture(&f);
}

static void stops_when_asked(void **state) {
    (void)state;
    static const char *const texts[] = {"score-matching"};
    fixture f;
    sg_montecarlo *out = NULL;
    volatile int stop = 2;
    open_fixture(model_of("gaussian"), 1, texts, 1000, 50, &f);
    f.plan.stop = &stop;
    assert_int_equal(sg_montecarlo_run(&f.plan, &out), SG_STOPPED);
    assert_null(out);
    close_fixture(&f);
}

/* KL near the truth is half the squared distance in the information metric. */
static void kl_is_quadratic(void **state) {
    (void)state;
    const char *families[] = {"bimodal", "gaussian", "mixture"};
    for (int k = 0; k < 3; k++) {
        sg_model *model = NULL;
        sg_loss *loss = NULL;
        sg_asymptotic *a = NULL;
        sg_nodes *nodes = NULL;
        assert_int_equal(sg_model_new(families[k], 0, NULL, &model), SG_OK);
        assert_int_equal(sg_loss_new("mle", &loss), SG_OK);
        assert_int_equal(sg_asymptotic_new(model, loss, &a), SG_OK);
        assert_int_equal(sg_nodes_new(model, model->truth, 0, false, &nodes), SG_OK);
        double theta[3], kl, quadratic = 0, step = 1e-4;
        for (int j = 0; j < a->m; j++) theta[j] = a->theta[j] + step;
        for (int i = 0; i < a->m * a->m; i++) quadratic += 0.5 * step * step * a->fisher[i];
        assert_int_equal(sg_kl(model, nodes, theta, &kl), SG_OK);
        if (!(fabs(kl / quadratic - 1) < 2e-3))
            fail_msg("%s: KL %.6g, quadratic form %.6g", families[k], kl, quadratic);
        sg_nodes_delete(nodes);
        sg_asymptotic_delete(a);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_gamma),
                                       cmocka_unit_test(agrees_with_gamma_of_mixtures),
                                       cmocka_unit_test(agrees_with_gamma_of_stein_kernels),
                                       cmocka_unit_test(replicates_are_functions_of_their_number),
                                       cmocka_unit_test(failures_are_data),
                                       cmocka_unit_test(stops_when_asked),
                                       cmocka_unit_test(kl_is_quadratic)};
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
