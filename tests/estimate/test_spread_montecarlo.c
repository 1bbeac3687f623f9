/*
 * Replicates of fits by losses in R^d that draw: n Cov(theta-hat) is the Gamma of the variant that was fitted, and of
 * no other.
 *
 * With 1000 replicates and more a studentized variance is off by 5 standard errors with probability 1e-5 (chi-square,
 * lower tail), and a share of 95 % with 3e-6; there are below 40 comparisons, 4e-4 in all, if the program is right and
 * terms of order 1/n are small: n is such that rho/n <= 0.01.  Seeds are fixed.
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

#include "../model.h"
#include "scoregap/estimate.h"

enum { LOSSES_MOST = 6 };
static const double LIMIT = 5;

typedef struct {
    sg_model *model;
    int losses;
    sg_loss *loss[LOSSES_MOST];
    sg_asymptotic *a[LOSSES_MOST];
    sg_montecarlo *out;
    sg_montecarlo_plan plan;
} cell;

static void run_cell(const char *model, int losses, const char *const *text, long long n, int replicates, cell *c) {
    memset(c, 0, sizeof *c);
    c->model = model_of(model);
    c->losses = losses;
    for (int l = 0; l < losses; l++) {
        OK(sg_loss_new(text[l], &c->loss[l]));
        OK(sg_asymptotic_new(c->model, c->loss[l], &c->a[l]));
        if (c->a[l]->status) fail_msg("%s %s: %s", model, text[l], c->a[l]->message);
    }
    c->plan = (sg_montecarlo_plan){.model = c->model,
                                   .losses = losses,
                                   .loss = (const sg_loss *const *)c->loss,
                                   .asymptotic = (const sg_asymptotic *const *)c->a,
                                   .n = n,
                                   .replicates = replicates,
                                   .key = sg_cell_key(3, c->model, n),
                                   .memory = (size_t)64 << 20};
    OK(sg_montecarlo_run(&c->plan, &c->out));
}

static void close_cell(cell *c) {
    sg_montecarlo_delete(c->out);
    for (int l = 0; l < c->losses; l++) {
        sg_asymptotic_delete(c->a[l]);
        sg_loss_delete(c->loss[l]);
    }
    sg_model_delete(c->model);
}

/* Distance of n Cov from the Gamma of loss k, in standard errors, in the worst entry. */
static double distance(const sg_summary *s, const sg_asymptotic *a) {
    double worst = 0;
    for (int k = 0; k < a->m * a->m; k++)
        worst = fmax(worst, fabs(s->covariance[k] - a->gamma[k]) / s->covariance_se[k]);
    return worst;
}

/* Each loss is near its own Gamma, and far from those of all others. */
static void check_cell(const cell *c) {
    for (int l = 0; l < c->losses; l++) {
        sg_summary *s = NULL;
        OK(sg_summary_new(&c->plan, c->out, l, &s));
        const char *text = c->loss[l]->text;
        if (s->failed[SG_OK] != c->plan.replicates) fail_msg("%s: %d fits failed", text, c->plan.replicates - s->used);
        if (!s->asymptotic) fail_msg("%s: rho/n is %.3g", text, c->a[l]->rho / (double)c->plan.n);
        for (int j = 0; j < s->m; j++) {
            const double se = sqrt(.95 * .05 / s->used);
            if (!(fabs(s->coverage[j] - 0.95) <= LIMIT * se)) fail_msg("%s: coverage is %.4g", text, s->coverage[j]);
        }
        for (int k = 0; k < c->losses; k++) {
            const double away = distance(s, c->a[k]);
            if (k == l && !(away <= LIMIT))
                fail_msg("%s %s: n Cov[0,0] is %.6g +- %.2g, theory %.6g; the worst entry is off by %.3g",
                         c->model->text, text, s->covariance[0], s->covariance_se[0], c->a[k]->gamma[0], away);
            if (k != l && !(away > LIMIT))
                fail_msg("%s: n Cov %.6g +- %.2g is that of %s too, %.6g", text, s->covariance[0], s->covariance_se[0],
                         c->loss[k]->text, c->a[k]->gamma[0]);
        }
        sg_summary_delete(s);
    }
}

static void check(const char *model, int losses, const char *const *text, long long n, int replicates) {
    cell c;
    run_cell(model, losses, text, n, replicates, &c);
    check_cell(&c);
    close_cell(&c);
}
#define TEXTS(...)                                                                 \
    (int)(sizeof(char *[]){__VA_ARGS__} / sizeof(char *)), (const char *const[]) { \
        __VA_ARGS__                                                                \
    }

/* A short ladder of levels and a fast beta, where boundary terms weigh much (at the printed ones they make 1 %). */
static void lifted_by_its_boundary(void **state) {
    (void)state;
    check("mixture:m=1,w=0.4",
          TEXTS("lifted:decay=0,beta-max=1,speed=30,boundary=shared",
                "lifted:decay=0,beta-max=1,speed=30,boundary=independent", "lifted:decay=0,beta-max=1,speed=30"),
          4000, 2000);
}

static void lifted_by_its_draws(void **state) {
    (void)state;
    check("mixture:m=1,w=0.4", TEXTS("lifted:boundary=shared", "lifted:boundary=shared,draws=4"), 4000, 1000);
}

static void denoising_by_its_draws(void **state) {
    (void)state;
    check("mixture:m=1.5,w=0.4,free=all",
          TEXTS("denoising:sigma=0.7", "denoising:sigma=0.7,draws=4", "denoising:sigma=0.7,draws=inf"), 4000, 1000);
}

static void sliced_by_its_directions(void **state) {
    (void)state;
    check("mixture:d=2,m=1,w=0.4,free=means",
          TEXTS("sliced:law=gauss", "sliced:law=gauss,draws=4", "sliced:law=rademacher", "score-matching"), 4000, 1500);
}

/* By a rule about a line, in theory and in the fits. */
static void all_draws_in_three_dimensions(void **state) {
    (void)state;
    check("mixture:d=3,m=1,w=0.4", TEXTS("denoising:sigma=0.7,draws=inf", "denoising:sigma=0.7"), 850, 1000);
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifted_by_its_boundary),        cmocka_unit_test(lifted_by_its_draws),
        cmocka_unit_test(denoising_by_its_draws),        cmocka_unit_test(sliced_by_its_directions),
        cmocka_unit_test(all_draws_in_three_dimensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
