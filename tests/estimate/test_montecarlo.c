/*
 * Monte Carlo against theory, and what makes replicates reproducible.
 *
 * False alarms: a comparison within 5 standard errors fails by chance with probability below 6e-7 if the standard error
 * is right; there are about 60 of them.  Seeds are fixed, so that a pass stays a pass.
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

#include "scoregap/estimate.h"

enum { MOST = 4 };

typedef struct {
    sg_model *model;
    int losses;
    sg_loss *loss[MOST];
    sg_asymptotic *a[MOST];
    sg_montecarlo_plan plan;
} fixture;

static void open_fixture(const char *family, int count, const sg_pair *pairs, int losses, const char *const *texts,
                         long long n, int replicates, fixture *f) {
    memset(f, 0, sizeof *f);
    f->losses = losses;
    if (sg_model_new(family, count, pairs, &f->model)) fail_msg("%s", sg_message());
    for (int l = 0; l < losses; l++) {
        if (sg_loss_new(texts[l], &f->loss[l])) fail_msg("%s", sg_message());
        if (sg_asymptotic_new(f->model, f->loss[l], &f->a[l])) fail_msg("%s %s: %s", family, texts[l], sg_message());
    }
    f->plan = (sg_montecarlo_plan){.model = f->model,
                                   .losses = losses,
                                   .loss = (const sg_loss *const *)f->loss,
                                   .asymptotic = (const sg_asymptotic *const *)f->a,
                                   .n = n,
                                   .replicates = replicates,
                                   .key = sg_cell_key(7, f->model, n),
                                   .memory = (size_t)64 << 20,
                                   .kl = true};
}

static void close_fixture(fixture *f) {
    for (int l = 0; l < f->losses; l++) {
        sg_asymptotic_delete(f->a[l]);
        sg_loss_delete(f->loss[l]);
    }
    sg_model_delete(f->model);
}

/* Each entry of n Cov(theta-hat) within 5 of its standard errors of Gamma, these below 8 % of the diagonal; bias of
 * order 1/n. */
static void check_cell(const fixture *f, const sg_summary *s, int l) {
    const sg_asymptotic *a = f->a[l];
    const char *who = f->model->text, *loss = f->loss[l]->text;
    int m = a->m;
    if (!s->asymptotic)
        fail_msg("%s %s: rho/n = %.3g, the cell is not asymptotic: choose a larger n", who, loss,
                 a->rho / (double)f->plan.n);
    assert_int_equal(s->failed[SG_OK], f->plan.replicates);
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++) {
            double expected = a->gamma[j + k * m], value = s->covariance[j + k * m], se = s->covariance_se[j + k * m];
            /* the finite-n correction is of relative order rho/n <= 1 % */
            double slack = 0.01 * sqrt(a->gamma[j + j * m] * a->gamma[k + k * m]);
            if (!(fabs(value - expected) <= 5 * se + slack))
                fail_msg("%s %s: n Cov[%d,%d] = %.6g +- %.2g, Gamma %.6g", who, loss, j, k, value, se, expected);
            if (j == k && !(se < 0.08 * expected))
                fail_msg("%s %s: the standard error %.3g of %.3g is too large to test", who, loss, se, expected);
        }
    for (int j = 0; j < m; j++) {
        double scale = sqrt(a->gamma[j + j * m] / (double)f->plan.n);
        if (!(fabs(s->bias[j]) <= 5 * s->bias_se[j] + 0.3 * scale))
            fail_msg("%s %s: bias %.3g of parameter %d", who, loss, s->bias[j], j);
        /* 95 % intervals: five binomial standard errors, and 1 % for n finite */
        if (!(fabs(s->coverage[j] - 0.95) <= 5 * sqrt(.95 * .05 / s->used) + 0.01))
            fail_msg("%s %s: coverage %.3f", who, loss, s->coverage[j]);
    }
    double worst = a->inefficiency[m - 1];
    if (!(fabs(s->worst - worst) <= 5 * s->worst_se + 0.05 * worst))
        fail_msg("%s %s: worst %.4g +- %.2g, theory %.4g", who, loss, s->worst, s->worst_se, worst);
}

static void run_cell(const char *family, int count, const sg_pair *pairs, int losses, const char *const *texts,
                     long long n) {
    fixture f;
    sg_montecarlo *out = NULL;
    open_fixture(family, count, pairs, losses, texts, n, 800, &f);
    if (sg_montecarlo_run(&f.plan, &out)) fail_msg("%s", sg_message());
    for (int l = 0; l < losses; l++) {
        sg_summary *s = NULL;
        assert_int_equal(sg_summary_new(&f.plan, out, l, &s), SG_OK);
        check_cell(&f, s, l);
        sg_summary_delete(s);
    }
    sg_montecarlo_delete(out);
    close_fixture(&f);
}

static void agrees_with_gamma(void **state) {
    (void)state;
    static const char *const plain[] = {"mle", "score-matching", "preconditioned:with=exponential,exponent=0.8"};
    static const char *const stein[] = {"mle", "preconditioned:with=stein,direction=erf",
                                        "preconditioned:with=stein,direction=erf,at=pilot"};
    run_cell("gaussian", 1, (sg_pair[]){{"s", "2"}}, 3, plain, 2000);
    run_cell("bimodal", 1, (sg_pair[]){{"a", "2"}}, 3, plain, 5000);
    run_cell("monomial", 1, (sg_pair[]){{"k", "6"}}, 3, plain, 5000);
    run_cell("sinusoid", 1, (sg_pair[]){{"omega", "2"}}, 3, plain, 2000);
    run_cell("polynomial", 1, (sg_pair[]){{"B", "1"}}, 3, plain, 5000);
    run_cell("sparse-cut", 2, (sg_pair[]){{"a", "1.5"}, {"g", "0.3"}}, 3, plain, 5000);
    run_cell("double-well", 1, (sg_pair[]){{"h", "1"}}, 3, plain, 5000);
    run_cell("mixture", 2, (sg_pair[]){{"m", "1.5"}, {"w", "0.4"}}, 3, plain, 4000);
    run_cell("mixture", 2, (sg_pair[]){{"m", "2"}, {"free", "means"}}, 2, plain, 4000);
    run_cell("bimodal", 2, (sg_pair[]){{"a", "2"}, {"free", "erf"}}, 3, stein, 4000);
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
    open_fixture("bimodal", 2, (sg_pair[]){{"a", "2.3"}, {"free", "erf"}}, 3, texts, 1500, 40, &f);
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
    open_fixture("bimodal", 1, (sg_pair[]){{"a", "4"}}, 2, texts, 30, 200, &f);
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
    open_fixture("gaussian", 0, NULL, 1, texts, 1000, 50, &f);
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
        sg_panels *panels = NULL;
        assert_int_equal(sg_model_new(families[k], 0, NULL, &model), SG_OK);
        assert_int_equal(sg_loss_new("mle", &loss), SG_OK);
        assert_int_equal(sg_asymptotic_new(model, loss, &a), SG_OK);
        assert_int_equal(sg_model_panels(model, model->truth, 0, &panels), SG_OK);
        double theta[3], kl, quadratic = 0, step = 1e-4;
        for (int j = 0; j < a->m; j++) theta[j] = a->theta[j] + step;
        for (int i = 0; i < a->m * a->m; i++) quadratic += 0.5 * step * step * a->fisher[i];
        assert_int_equal(sg_kl(model, panels, theta, &kl), SG_OK);
        if (!(fabs(kl / quadratic - 1) < 2e-3))
            fail_msg("%s: KL %.6g, quadratic form %.6g", families[k], kl, quadratic);
        sg_panels_delete(panels);
        sg_asymptotic_delete(a);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_gamma), cmocka_unit_test(replicates_are_functions_of_their_number),
        cmocka_unit_test(failures_are_data), cmocka_unit_test(stops_when_asked), cmocka_unit_test(kl_is_quadratic)};
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
