/*
 * Fits on finite sets: against Gamma over replicates, and in every form of the data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../draw.h"
#include "estimate/source.h"
#include "fit_rows.h"
#include "replicates.h"

void openblas_set_num_threads(int threads);

enum { ROOM = 15000, FEW = 1200, VARIANTS = 4, M = 16 };

/* ----------------------------------------------------------------- against Gamma */

/*
 * Every finite family with every row that has a loss there, in cells that are asymptotic, as on the line
 * (test_montecarlo.c): within 5 Monte Carlo standard errors, with nothing allowed beside them.  What is left is of
 * order rho/n <= 0.01 of a variance, of which the standard error is 0.041; besides, 2 n KL is a quadratic form in
 * sqrt(n)(theta_hat - theta), and its mean the trace of Gamma against Gamma_MLE.
 *
 * False alarms, if the program is right: with 1200 replicates a studentized variance is off by 5 standard errors with
 * probability 5.5e-6 (chi-square, lower tail), a mean with 6e-7, a share of 95 % with 2.2e-6 (binomial).  There are
 * about 3500 comparisons of entries of covariances, of which the losses of a cell share their data, and 1000 of means
 * and shares: below 0.022 in all.  Seeds are fixed, so that a pass stays a pass.
 */
static void check_kl(const fixture *f, const sg_montecarlo *out, int l) {
    sg_summary *s = NULL;
    double trace = 0;
    OK(sg_summary_new(&f->plan, out, l, &s));
    for (int j = 0; j < f->a[l]->m; j++) trace += f->a[l]->inefficiency[j];
    const double n = (double)f->plan.n;
    check_near(f, l, "2 n KL", 0, 0, 2 * n * s->kl_mean, 2 * n * s->kl_mean_se, trace);
    sg_summary_delete(s);
}

/* The losses of all rows that the cell can test: their n is the largest that one of them needs. */
static int find_losses(sg_model *model, char text[MOST][SG_TEXT], const char *texts[MOST], long long *n) {
    int count = 0;
    *n = 4000;
    for (int r = 0; sg_rows[r]; r++)
        for (int v = 0; v < VARIANTS && count < MOST; v++) {
            sg_loss *loss = NULL;
            sg_asymptotic *a = NULL;
            draw_loss(sg_rows[r], v, text[count]);
            if (!text[count][0]) continue;
            OK(sg_loss_new(text[count], &loss));
            const bool fits = !sg_loss_fits(loss, model);
            if (fits && sg_asymptotic_new(model, loss, &a)) fail_msg("%s: %s", model->text, sg_message());
            if (fits && a->rho <= ROOM * 0.01) {
                *n = (long long)fmax((double)*n, 105 * a->rho);
                texts[count] = text[count];
                count++;
            }
            sg_asymptotic_delete(a);
            sg_loss_delete(loss);
        }
    return count;
}

static void check_cell(sg_model *model, int least) {
    static char text[MOST][SG_TEXT];
    const char *texts[MOST];
    long long n;
    fixture f;
    sg_montecarlo *out = NULL;
    const int count = find_losses(model, text, texts, &n);
    if (count < least) fail_msg("%s: only %d losses", model->text, count);
    open_fixture(model, count, texts, n, FEW, &f);
    for (int l = 0; l < count; l++) second_order_bias(&f, l, f.bias[l]);
    OK(sg_montecarlo_run(&f.plan, &out));
    for (int l = 0; l < count; l++) {
        check_loss(&f, out, l);
        check_kl(&f, out, l);
    }
    sg_montecarlo_delete(out);
    close_fixture(&f);
}

/* A small model of the family at a high temperature. */
static sg_model *warm_model(const sg_family *family) {
    for (int draw = 0; draw < 50; draw++) {
        sg_model *model = draw_model(family, draw);
        double theta[DRAW_FREE];
        if (!model) continue;
        sg_model_free(model, model->truth, theta);
        for (int j = 0; j < model->m; j++) theta[j] *= 0.3;
        OK(sg_model_set_truth(model, model->m, theta));
        if (sg_model_states(model) >= 8 && sg_model_states(model) <= 32 && model->m <= 6) return model;
        sg_model_delete(model);
    }
    fail_msg("%s has no small model", family->name);
    return NULL;
}

static void every_family_agrees_with_gamma(void **state) {
    (void)state;
    for (int k = 0; sg_families[k]; k++)
        if (sg_families[k]->can & SG_STATES && !(sg_families[k]->can & SG_RATES))
            check_cell(warm_model(sg_families[k]), sg_families[k]->can & SG_HARD ? 5 : 10);
}

static void more_models_agree_with_gamma(void **state) {
    (void)state;
    check_cell(model_of("ising:graph=complete,n=4,beta=0.2,h=0.1"), 14);
    check_cell(model_of("ising:graph=complete,n=5,couplings=pm,beta=0.3,free=J0-1/J1-3/h0/h3"), 14);
    check_cell(model_of("ising:graph=curie-weiss,n=6,beta=0.6,h=0.05,free=tied"), 14);
}

/*
 * Sites that no list of states reaches: draws, log Z, KL and Gamma by elimination.  No sums over states give the bias
 * here; it is of order sqrt(rho Gamma)/n, and terms of order rho/n are allowed in the rest.
 */
static void check_without_states(const char *model, int count, const char *const *texts) {
    fixture f;
    sg_montecarlo *out = NULL;
    open_fixture(model_of(model), count, texts, 400, 300, &f);
    OK(sg_montecarlo_run(&f.plan, &out));
    for (int l = 0; l < count; l++) {
        const sg_asymptotic *a = f.a[l];
        const double n = (double)f.plan.n, next = 3 * (1 + a->rho) / n;
        sg_summary *s = NULL;
        double trace = 0;
        OK(sg_summary_new(&f.plan, out, l, &s));
        assert_int_equal(s->used, f.plan.replicates);
        for (int j = 0; j < a->m; j++) {
            const double size = sqrt(a->gamma[j + j * a->m]), slack = size * sqrt(1 + a->rho) / n;
            check_near(&f, l, "bias", j, j, s->bias[j], s->bias_se[j] + 0.6 * slack, 0);
            for (int k = 0; k <= j; k++)
                check_near(&f, l, "n Cov", j, k, s->covariance[j + k * a->m],
                           s->covariance_se[j + k * a->m] + next / 5 * size * sqrt(a->gamma[k + k * a->m]),
                           a->gamma[j + k * a->m]);
            trace += a->inefficiency[j];
        }
        check_near(&f, l, "worst", 0, 0, s->worst, s->worst_se + next / 5 * s->worst, a->inefficiency[a->m - 1]);
        check_near(&f, l, "2 n KL", 0, 0, 2 * n * s->kl_mean, 2 * n * s->kl_mean_se + next * trace, trace);
        sg_summary_delete(s);
    }
    sg_montecarlo_delete(out);
    close_fixture(&f);
}

static void many_sites_agree_with_gamma(void **state) {
    static const char *const hard[] = {"mle", "pseudolikelihood", "pseudolikelihood:sites=averaged",
                                       "masked:k=2,blocks=contiguous"};
    static const char *const many[] = {"mle", "pseudolikelihood", "probability-flow", "ratio-matching",
                                       "masked:k=2,blocks=contiguous"};
    (void)state;
    check_without_states("hardcore:graph=lattice,shape=5x30,boundary=free,lambda=1.5", 4, hard);
    check_without_states("potts:graph=lattice,shape=3x40,boundary=free,q=3,beta=0.6,free=tied", 5, many);
    check_without_states("ising:graph=lattice,shape=7x16,boundary=free,beta=0.3,h=0.1,free=tied", 2, many);
}

/* ---------------------------------------------------------------- bits and forms */

static const char *const losses[] = {"mle",
                                     "pseudolikelihood",
                                     "masked:k=2",
                                     "masked:blocks=contiguous,k=2",
                                     "masked-random:k=2",
                                     "masked-random:rate=0.5",
                                     "probability-flow",
                                     "ratio-matching",
                                     "concrete-score",
                                     "rise",
                                     "rise:sites=pooled",
                                     "pseudolikelihood:sites=averaged"};
enum { LOSSES = sizeof losses / sizeof *losses };

static void threads_and_replays_leave_the_bits(void **state) {
    fixture c;
    sg_montecarlo *one = NULL, *three = NULL;
    (void)state;
    open_fixture(model_of("ising:graph=ring,n=6,beta=0.35,h=0.15,free=tied"), LOSSES, losses, 500, 9, &c);
    c.plan.threads = 1;
    OK(sg_montecarlo_run(&c.plan, &one));
    c.plan.threads = 3;
    OK(sg_montecarlo_run(&c.plan, &three));
    for (int l = 0; l < c.losses; l++) {
        const size_t count = 9 * (size_t)one->m;
        double theta[2], se[2], kl, covariance[4];
        sg_fit fit = {.covariance = covariance};
        assert_memory_equal(one->loss[l].theta, three->loss[l].theta, count * sizeof(double));
        assert_memory_equal(one->loss[l].se, three->loss[l].se, count * sizeof(double));
        assert_memory_equal(one->loss[l].kl, three->loss[l].kl, 9 * sizeof(double));
        OK(sg_montecarlo_replay(&c.plan, l, 4, theta, se, &kl, &fit));
        assert_memory_equal(one->loss[l].theta + 8, theta, sizeof theta);
        assert_memory_equal(one->loss[l].se + 8, se, sizeof se);
        assert_memory_equal(one->loss[l].kl + 4, &kl, sizeof kl);
    }
    sg_montecarlo_delete(one);
    sg_montecarlo_delete(three);
    close_fixture(&c);
}

/* Data drawn anew at each pass, for want of memory, say the same but for the order of the sums. */
static void without_memory(void **state) {
    fixture c;
    sg_montecarlo *kept = NULL, *anew = NULL;
    (void)state;
    open_fixture(model_of("ising:graph=ring,n=6,beta=0.35,h=0.15,free=tied"), LOSSES, losses, 700, 3, &c);
    OK(sg_montecarlo_run(&c.plan, &kept));
    c.plan.memory = 0;
    OK(sg_montecarlo_run(&c.plan, &anew));
    for (int l = 0; l < c.losses; l++)
        for (int k = 0; k < 6; k++) {
            const double a = kept->loss[l].theta[k], b = anew->loss[l].theta[k];
            if (!(fabs(a - b) <= 1e-9)) fail_msg("%s: %.15g and %.15g", c.loss[l]->text, a, b);
            if (!(fabs(kept->loss[l].se[k] - anew->loss[l].se[k]) <= 1e-9)) fail_msg("%s", c.loss[l]->text);
        }
    sg_montecarlo_delete(kept);
    sg_montecarlo_delete(anew);
    close_fixture(&c);
}

/* Every form holds the data: by the table, by sorting, with two states a site or more. */
static void check_forms(const char *text, long long n) {
    sg_model *model = model_of(text);
    sg_sampler *sampler = NULL;
    sg_gathered *gathered = NULL;
    const int d = model->space.d, all = SG_GATHER_EACH | SG_GATHER_DISTINCT | SG_GATHER_PLUSES;
    double *x = NULL, *y = NULL, sum[3] = {0}, many[3] = {0};
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    OK(sg_gathered_new(model, n, all, &gathered));
    OK(sg_new(&x, (size_t)d * SG_BLOCK, sizeof(double)));
    OK(sg_new(&y, (size_t)d * SG_BLOCK, sizeof(double)));
    sg_source plain = {.n = n, .d = d, .sampler = sampler, .key = 3}, source = plain;
    sg_source_gather(&source, gathered);
    sg_block block = {.x = x}, other = {.x = y};
    for (long long b = 0; b < sg_source_blocks(&plain); b++) {
        sg_source_block(&plain, b, &block);
        sg_source_form_block(&source, SG_GATHER_EACH, b, &other);
        assert_int_equal(block.n, other.n);
        assert_memory_equal(x, y, (size_t)d * SG_BLOCK * sizeof(double));
        for (int i = 0; i < block.n; i++) many[0]++;
        for (int a = 0; a < d; a++)
            for (int i = 0; i < block.n; i++) sum[0] += (1 + a % 7) * x[a * SG_BLOCK + i];
    }
    double last = -1;
    for (long long b = 0; b < sg_source_form_blocks(&source, SG_GATHER_DISTINCT); b++) {
        sg_source_form_block(&source, SG_GATHER_DISTINCT, b, &block);
        for (int i = 0; i < block.n; i++) {
            double code = 0;
            many[1] += block.weight[i];
            for (int a = 0; a < d; a++) sum[1] += (1 + a % 7) * x[a * SG_BLOCK + i] * block.weight[i];
            for (int a = d - 1; a >= 0; a--)
                code = code * model->space.q + (model->space.q == 2 ? x[a * SG_BLOCK + i] > 0 : x[a * SG_BLOCK + i]);
            if (!(code > last)) fail_msg("%s: states are not in order", text);
            last = code;
        }
    }
    double pluses = 0, direct = 0;
    for (long long b = 0; b < sg_source_form_blocks(&source, SG_GATHER_PLUSES); b++) {
        sg_source_form_block(&source, SG_GATHER_PLUSES, b, &block);
        for (int i = 0; i < block.n; i++) many[2] += block.weight[i], pluses += block.weight[i] * block.count[i];
    }
    for (long long b = 0; b < sg_source_blocks(&plain); b++) {
        sg_source_block(&plain, b, &block);
        for (int a = 0; a < d; a++)
            for (int i = 0; i < block.n; i++) direct += x[a * SG_BLOCK + i] > 0;
    }
    for (int k = 0; k < 3; k++) assert_true(many[k] == (double)n);
    assert_true(sum[0] == sum[1]);
    assert_true(pluses == direct);
    sg_delete(x);
    sg_delete(y);
    sg_gathered_delete(gathered);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

static void forms_hold_the_data(void **state) {
    (void)state;
    check_forms("ising(graph=ring,n=5,beta=0.4,free=tied)", 3000);
    check_forms("ising(graph=ring,n=5,beta=0.4,free=tied)", 1);
    check_forms("ising(graph=ring,n=19,beta=0.4,free=tied)", 5000);
    check_forms("ising(graph=ring,n=19,beta=5,free=tied)", 777); /* two states, mostly */
    check_forms("potts(graph=ring,n=5,q=3,beta=0.4)", 2000);
    check_forms("potts(graph=ring,n=11,q=3,beta=0.4)", 2000);
}

/* Where no loss needs log Z, the number of states does not matter. */
static void many_sites(void **state) {
    enum { SITES = 1000, N = 300 };
    double *rows = NULL, theta[2], u[SITES];
    sg_stream stream;
    (void)state;
    OK(sg_new(&rows, SITES * N, sizeof(double)));
    sg_stream_open(&stream, 4, SG_PURPOSE_TEST, 0);
    for (int i = 0; i < N; i++) { /* a stationary chain along the path: spins agree with probability e^.3/(2 cosh .3) */
        sg_stream_uniform(&stream, SITES, u);
        for (int a = 0; a < SITES; a++)
            rows[i * SITES + a] =
                a == 0 ? (u[0] < .5 ? -1 : 1) : rows[i * SITES + a - 1] * (u[a] < 1 / (1 + exp(-.6)) ? 1 : -1);
    }
    for (int l = 0; l < 3; l++) {
        static const char *const some[] = {"pseudolikelihood", "probability-flow", "ratio-matching"};
        sg_status status = fit_rows("ising(graph=path,n=1000,beta=0.1,free=tied)", some[l], N, rows, theta);
        if (status != SG_OK || !(fabs(theta[0] - .3) < .02) || !(fabs(theta[1]) < .02))
            fail_msg("%s: %s, %g %g", some[l], sg_status_name(status), theta[0], theta[1]);
    }
    sg_delete(rows);
}

/* Draws that are not exact are not used. */
static void inexact_draws_are_refused(void **state) {
    static const char *const text[] = {"potts(graph=lattice,shape=24x24,q=3,beta=-0.5,free=tied)",
                                       "ising(graph=complete,n=60,couplings=sk,beta=0.5,free=tied)"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        sg_model *model = model_of(text[k]);
        sg_loss *loss;
        sg_montecarlo *out = NULL;
        OK(sg_loss_new("pseudolikelihood", &loss));
        const sg_asymptotic *none = NULL;
        const sg_loss *const one[] = {loss};
        const sg_montecarlo_plan plan = {.model = model,
                                         .losses = 1,
                                         .loss = one,
                                         .asymptotic = &none,
                                         .n = 10,
                                         .replicates = 2,
                                         .memory = (size_t)64 << 20};
        assert_int_equal(sg_montecarlo_run(&plan, &out), SG_REFUSED);
        assert_null(out);
        assert_non_null(strstr(sg_message(), "there are no exact draws"));
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_agrees_with_gamma),
        cmocka_unit_test(more_models_agree_with_gamma),
        cmocka_unit_test(many_sites_agree_with_gamma),
        cmocka_unit_test(threads_and_replays_leave_the_bits),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(forms_hold_the_data),
        cmocka_unit_test(many_sites),
        cmocka_unit_test(inexact_draws_are_refused),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests_name("fits on finite sets", tests, NULL, NULL);
}
