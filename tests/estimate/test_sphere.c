/*
 * Estimation on spheres: the circle as a sphere and as an angle, Gamma by cubature against Gamma by draws of estimates.
 *
 * False alarms: Monte Carlo covariances are held to 5 of their standard errors (6e-7 each, 30 of them).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>

#include "../model.h"
#include "scoregap/estimate.h"

static void near(const char *what, double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%s: %.15g, not %.15g (tolerance %.2g)", what, value, wanted, tolerance);
}

static sg_asymptotic *theory(const sg_model *model, const sg_loss *loss) {
    sg_asymptotic *a = NULL;
    OK(sg_asymptotic_new(model, loss, &a));
    if (a->status) fail_msg("%s: %s", model->text, a->message);
    assert_true(a->mean_psi < 1e-10);
    return a;
}

/* Every number of von Mises' law: its parameters cos and sin are x_2 and x_1. */
static void the_circle_is_the_circle(void **state) {
    static const double kappas[] = {0, 0.5, 3, 40};
    static const char *const losses[] = {"mle", "score-matching"};
    (void)state;
    for (int k = 0; k < 4; k++)
        for (int l = 0; l < 2; l++) {
            char text[64];
            sg_loss *loss = NULL;
            sg_bounds one, two;
            sg_gap gap;
            OK(sg_loss_new(losses[l], &loss));
            snprintf(text, sizeof text, "von-mises:kappa=%g", kappas[k]);
            sg_model *angle = model_of(text);
            snprintf(text, sizeof text, "von-mises-fisher:d=2,kappa=%g", kappas[k]);
            sg_model *sphere = model_of(text);
            sg_asymptotic *a = theory(angle, loss), *b = theory(sphere, loss);
            for (int i = 0; i < 2; i++) {
                near("inefficiency", b->inefficiency[i], a->inefficiency[i], 1e-12);
                for (int j = 0; j < 2; j++) {
                    const int here = i + 2 * j, there = (1 - i) + 2 * (1 - j);
                    near("Gamma", b->gamma[here], a->gamma[there], 1e-12 * a->gamma[0]);
                    near("Gamma_MLE", b->gamma_mle[here], a->gamma_mle[there], 1e-12 * a->gamma_mle[0]);
                    near("H", b->dirichlet[here], a->dirichlet[there], 1e-12);
                }
            }
            near("C_res", b->restricted_poincare, a->restricted_poincare, 1e-12);
            near("rho", b->rho, a->rho, 1e-10 * (1 + a->rho));
            OK(sg_spectrum_gap(angle, loss, NULL, &gap, NULL));
            OK(sg_bounds_of(angle, loss, a, &gap, &one));
            OK(sg_bounds_of(sphere, loss, b, &gap, &two));
            if (l == 1) near("KHR", two.khr_poincare.bound, one.khr_poincare.bound, 1e-9 * one.khr_poincare.bound);
            sg_asymptotic_delete(a);
            sg_asymptotic_delete(b);
            sg_model_delete(angle);
            sg_model_delete(sphere);
            sg_loss_delete(loss);
        }
}

/* kappa = 0: S = x, L S = -(d-1) x: every loss is maximum likelihood there, Gamma = d I.  Bingham's at 0 likewise. */
static void uniform_laws_are_efficient(void **state) {
    static const char *const models[] = {"von-mises-fisher:d=3,kappa=0", "von-mises-fisher:d=9,kappa=0",
                                         "bingham:d=2,concentrations=0", "bingham:d=3,concentrations=0"};
    (void)state;
    for (int k = 0; k < 4; k++) {
        sg_model *model = model_of(models[k]);
        sg_loss *loss = NULL;
        OK(sg_loss_new("score-matching", &loss));
        sg_asymptotic *a = theory(model, loss);
        for (int j = 0; j < a->m; j++) near(models[k], a->inefficiency[j], 1, 1e-11);
        if (k < 2) near("Gamma", a->gamma[0], model->space.d, 1e-12);
        near("C_res", a->restricted_poincare, 1. / (k < 2 ? model->space.d - 1 : 2 * model->space.d), 1e-12);
        sg_asymptotic_delete(a);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

static void replicates_have_their_covariance(void **state) {
    static const char *const models[] = {"von-mises-fisher:d=3,kappa=2", "von-mises-fisher:d=5,kappa=4",
                                         "bingham:concentrations=3/1"};
    static const char *const names[] = {"mle", "score-matching"};
    (void)state;
    for (int k = 0; k < 3; k++) {
        sg_model *model = model_of(models[k]);
        sg_loss *loss[2] = {NULL, NULL};
        sg_asymptotic *a[2];
        sg_montecarlo *mc = NULL;
        for (int l = 0; l < 2; l++) {
            OK(sg_loss_new(names[l], &loss[l]));
            a[l] = theory(model, loss[l]);
        }
        const sg_montecarlo_plan plan = {.model = model,
                                         .losses = 2,
                                         .loss = (const sg_loss *const *)loss,
                                         .asymptotic = (const sg_asymptotic *const *)a,
                                         .n = 4000,
                                         .replicates = 300,
                                         .key = 20261121,
                                         .memory = 1 << 22,
                                         .kl = true};
        OK(sg_montecarlo_run(&plan, &mc));
        for (int l = 0; l < 2; l++) {
            sg_summary *s = NULL;
            OK(sg_summary_new(&plan, mc, l, &s));
            assert_int_equal(s->used, 300);
            for (int j = 0; j < model->m; j++) {
                const int at = j + j * model->m;
                near(models[k], s->covariance[at], a[l]->gamma[at], 5 * s->covariance_se[at] + 0.02 * a[l]->gamma[at]);
                near(models[k], s->bias[j], 0, 5 * s->bias_se[j] + 5 * a[l]->gamma[at] / plan.n);
                near("coverage", s->coverage[j], 0.95, 5 * sqrt(0.95 * 0.05 / 300));
            }
            /* 2 n KL of maximum likelihood is chi squared with m degrees of freedom */
            if (l == 0) near("KL", 2 * plan.n * s->kl_mean, model->m, 5 * 2 * plan.n * s->kl_mean_se + 0.02 * model->m);
            sg_summary_delete(s);
            sg_asymptotic_delete(a[l]);
        }
        sg_montecarlo_delete(mc);
        for (int l = 0; l < 2; l++) sg_loss_delete(loss[l]);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_circle_is_the_circle),
        cmocka_unit_test(uniform_laws_are_efficient),
        cmocka_unit_test(replicates_have_their_covariance),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("estimation on spheres", tests, NULL, NULL);
}
