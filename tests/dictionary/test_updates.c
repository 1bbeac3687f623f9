/* Events in one unit of time: closed forms for independent sites, and classes of states against all states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../model.h"
#include "../ok.h"
#include "scoregap/dictionary.h"

static double updates_of(const sg_model *model, const char *text) {
    sg_loss *loss = NULL;
    double updates = -1;
    OK(sg_loss_new(text, &loss));
    OK(sg_loss_updates(loss, model, &updates));
    sg_loss_delete(loss);
    return updates;
}

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-12 * fabs(want))) fail_msg("%.15g in place of %.15g", got, want);
}

/* One site with p = P(+1): E rate = p r(q/p) + q r(p/q). */
static void independent_sites(void **state) {
    (void)state;
    const double h[] = {0, 0.3, -1.2};
    for (int k = 0; k < 3; k++) {
        char text[96];
        const double p = 1 / (1 + exp(-2 * h[k])), q = 1 - p;
        snprintf(text, sizeof text, "ising:n=5,beta=0,h=%.17g", h[k]);
        sg_model *model = model_of(text);
        near(updates_of(model, "pseudolikelihood"), 1);
        near(updates_of(model, "probability-flow"), 2 * sqrt(p * q));
        near(updates_of(model, "rise"), 2 * sqrt(p * q));
        near(updates_of(model, "ratio-matching"), 4 * p * p * q * q);
        near(updates_of(model, "concrete-score"), 4 * (q * q / p + p * p / q));
        near(updates_of(model, "masked:k=2"), 2.0 / 5);
        near(updates_of(model, "mle"), 1);
        sg_model_delete(model);
    }
}

/* Sites with three states: two other states each, rate sqrt(p'/p) between them. */
static void three_states(void **state) {
    (void)state;
    sg_model *model = model_of("potts:graph=path,n=2,q=3,beta=0.7");
    const double e = exp(0.7), z = 3 * e + 6;
    /* equal sites: two moves away at each; unequal: one to equality, one between unequal states, at each */
    near(updates_of(model, "probability-flow"), (3 * e / z * 4 / sqrt(e) + 6 / z * 2 * (sqrt(e) + 1)) / 2);
    sg_model_delete(model);
}

static void classes_and_states(void **state) {
    (void)state;
    static const char *const models[] = {"ising:graph=curie-weiss,n=9,beta=1.3,h=0.2",
                                         "ising:graph=bipartite,n=8,beta=0.4", "potts:graph=complete,n=5,q=3,beta=0.6"};
    static const char *const losses[] = {"probability-flow", "ratio-matching", "concrete-score"};
    for (int a = 0; a < 3; a++) {
        sg_model *model = model_of(models[a]);
        sg_family without = *model->family;
        const sg_family *family = model->family;
        assert_non_null(family->lump);
        without.lump = NULL;
        for (int l = 0; l < 3; l++) {
            const double classes = updates_of(model, losses[l]);
            model->family = &without;
            near(classes, updates_of(model, losses[l]));
            model->family = family;
        }
        sg_model_delete(model);
    }
    sg_model *large = model_of("ising:graph=curie-weiss,n=700,beta=0,h=0.5,free=tied");
    near(updates_of(large, "probability-flow"), 1 / cosh(0.5));
    sg_model_delete(large);
}

static void none(void **state) {
    (void)state;
    sg_model *line = model_of("gaussian"), *many = model_of("ising:graph=ring,n=40");
    assert_true(isnan(updates_of(line, "score-matching")));
    assert_true(isnan(updates_of(many, "probability-flow")));
    near(updates_of(many, "pseudolikelihood"), 1);
    sg_model_delete(line);
    sg_model_delete(many);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(independent_sites), cmocka_unit_test(three_states),
                                       cmocka_unit_test(classes_and_states), cmocka_unit_test(none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
