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

#include "estimate/source.h"
#include "fit_rows.h"

void openblas_set_num_threads(int threads);

enum { REPLICATES = 1000, MOST = 16, M = 16 };

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

typedef struct {
    sg_model *model;
    int losses;
    sg_loss *loss[MOST];
    sg_asymptotic *a[MOST];
    sg_montecarlo_plan plan;
} cell;

static void open_cell(const char *model, int count, const char *const *texts, long long n, int replicates, cell *c) {
    memset(c, 0, sizeof *c);
    c->model = model_of(model);
    c->losses = count;
    for (int l = 0; l < count; l++) {
        OK(sg_loss_new(texts[l], &c->loss[l]));
        OK(sg_asymptotic_new(c->model, c->loss[l], &c->a[l]));
        assert_int_equal(c->a[l]->status, SG_OK);
    }
    c->plan = (sg_montecarlo_plan){.model = c->model,
                                   .losses = count,
                                   .loss = (const sg_loss *const *)c->loss,
                                   .asymptotic = (const sg_asymptotic *const *)c->a,
                                   .n = n,
                                   .replicates = replicates,
                                   .key = sg_cell_key(11, c->model, n),
                                   .memory = (size_t)64 << 20,
                                   .kl = true};
}

static void close_cell(cell *c) {
    for (int l = 0; l < c->losses; l++) {
        sg_asymptotic_delete(c->a[l]);
        sg_loss_delete(c->loss[l]);
    }
    sg_model_delete(c->model);
}

/* ----------------------------------------------------------------- against Gamma */

/*
 * Five Monte Carlo standard errors, and what the next order in 1/n may add: relative terms of size rho/n, the bias of
 * sqrt(rho Gamma)/n.  About 1200 comparisons in all, none of which is independent of those of the other losses: false
 * alarms in less than 7e-4 of the seeds (5.7e-7 each, were the errors normal).
 */
static void check_loss(const cell *c, const sg_montecarlo *out, int l) {
    sg_summary *s = NULL;
    const sg_asymptotic *a = c->a[l];
    const double n = (double)c->plan.n, next = 3 * (1 + a->rho) / n;
    const char *who = c->loss[l]->text;
    OK(sg_summary_new(&c->plan, out, l, &s));
    if (s->used != c->plan.replicates) fail_msg("%s: %d of %d fits", who, s->used, c->plan.replicates);
    for (int j = 0; j < a->m; j++) {
        const double size = sqrt(a->gamma[j + j * a->m]);
        if (!(fabs(s->bias[j]) <= 5 * s->bias_se[j] + 3 * size * sqrt(1 + a->rho) / n))
            fail_msg("%s %s: bias %.3g, standard error %.3g", c->model->text, who, s->bias[j], s->bias_se[j]);
        if (!(fabs(s->coverage[j] - 0.95) <= 5 * sqrt(0.95 * 0.05 / c->plan.replicates) + sqrt(next)))
            fail_msg("%s %s: coverage %.3g", c->model->text, who, s->coverage[j]);
        for (int k = 0; k <= j; k++) {
            const double got = s->covariance[j + k * a->m], want = a->gamma[j + k * a->m];
            const double se = s->covariance_se[j + k * a->m];
            if (!(fabs(got - want) <= 5 * se + next * sqrt(a->gamma[j + j * a->m] * a->gamma[k + k * a->m])))
                fail_msg("%s %s: Gamma[%d,%d] is %.6g, by replicates %.6g +- %.2g", c->model->text, who, j, k, want,
                         got, se);
        }
    }
    if (!(fabs(s->worst - a->inefficiency[a->m - 1]) <= 5 * s->worst_se + next * s->worst))
        fail_msg("%s: worst %.6g, by replicates %.6g +- %.2g", who, a->inefficiency[a->m - 1], s->worst, s->worst_se);
    /* 2 n KL is a quadratic form in sqrt(n)(theta_hat - theta): its mean is the trace of Gamma against Gamma_MLE. */
    double trace = 0;
    for (int j = 0; j < a->m; j++) trace += a->inefficiency[j];
    if (!(fabs(2 * n * s->kl_mean - trace) <= 10 * n * s->kl_mean_se + 10 * next * trace))
        fail_msg("%s %s: 2n KL is %.6g +- %.2g, expected %.6g", c->model->text, who, 2 * n * s->kl_mean,
                 2 * n * s->kl_mean_se, trace);
    sg_summary_delete(s);
}

static void agrees(const char *model, int count, const char *const *texts, long long n, int replicates) {
    cell c;
    sg_montecarlo *out = NULL;
    open_cell(model, count, texts, n, replicates, &c);
    OK(sg_montecarlo_run(&c.plan, &out));
    for (int l = 0; l < c.losses; l++) check_loss(&c, out, l);
    sg_montecarlo_delete(out);
    close_cell(&c);
}

/* More than two states a site. */
static const char *const coloured[] = {"mle",
                                       "pseudolikelihood",
                                       "masked:k=2",
                                       "masked-random:k=2",
                                       "probability-flow",
                                       "ratio-matching",
                                       "concrete-score",
                                       "rise:sites=pooled"};
enum { COLOURED = sizeof coloured / sizeof *coloured };

static void agrees_with_gamma(void **state) {
    (void)state;
    agrees("ising(graph=ring,n=6,beta=0.35,h=0.15,free=tied)", LOSSES, losses, 10000, REPLICATES);
    agrees("ising(graph=complete,n=4,beta=0.2,h=0.1)", LOSSES, losses, 20000, REPLICATES);
    agrees("ising(graph=curie-weiss,n=8,beta=0.6,h=0.05,free=tied)", LOSSES, losses, 10000, REPLICATES);
    agrees("potts(graph=path,n=4,q=3,beta=0.4)", COLOURED, coloured, 10000, REPLICATES);
}

/* Sites that no list of states reaches: draws, log Z, KL and Gamma by elimination. */
static void agrees_without_states(void **state) {
    static const char *const hard[] = {"mle", "pseudolikelihood", "pseudolikelihood:sites=averaged",
                                       "masked:k=2,blocks=contiguous"};
    static const char *const many[] = {"mle", "pseudolikelihood", "probability-flow", "ratio-matching",
                                       "masked:k=2,blocks=contiguous"};
    (void)state;
    agrees("hardcore(graph=lattice,shape=5x30,boundary=free,lambda=1.5)", 4, hard, 400, 300);
    agrees("potts(graph=lattice,shape=3x40,boundary=free,q=3,beta=0.6,free=tied)", 5, many, 400, 300);
    agrees("ising(graph=lattice,shape=7x16,boundary=free,beta=0.3,h=0.1,free=tied)", 2, many, 400, 300);
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

/* ---------------------------------------------------------------- bits and forms */

static void threads_and_replays_leave_the_bits(void **state) {
    cell c;
    sg_montecarlo *one = NULL, *three = NULL;
    (void)state;
    open_cell("ising(graph=ring,n=6,beta=0.35,h=0.15,free=tied)", LOSSES, losses, 500, 9, &c);
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
    close_cell(&c);
}

/* Data drawn anew at each pass, for want of memory, say the same but for the order of the sums. */
static void without_memory(void **state) {
    cell c;
    sg_montecarlo *kept = NULL, *anew = NULL;
    (void)state;
    open_cell("ising(graph=ring,n=6,beta=0.35,h=0.15,free=tied)", LOSSES, losses, 700, 3, &c);
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
    close_cell(&c);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_gamma),
        cmocka_unit_test(agrees_without_states),
        cmocka_unit_test(inexact_draws_are_refused),
        cmocka_unit_test(threads_and_replays_leave_the_bits),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(forms_hold_the_data),
        cmocka_unit_test(many_sites),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests_name("fits on finite sets", tests, NULL, NULL);
}
