/* Searches for the options of a loss: known optima, fine scans, limits on the relaxation time, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>

#include "../model.h"
#include "../tier.h"
#include "scoregap/design.h"

static sg_design *search(const char *law, const char *loss, sg_design_settings settings) {
    sg_model *model = model_of(law);
    sg_design *design = NULL;
    OK(sg_design_search(model, loss, &settings, &design));
    sg_model_delete(model);
    return design;
}

static double worst(const sg_design *d) {
    return d->best.asymptotic->inefficiency[d->best.asymptotic->m - 1];
}

static sg_design_settings vary(const char *key, double lo, double hi, double most, int evaluations) {
    sg_design_settings s = {.ranges = 1, .most_relaxation = most, .evaluations = evaluations};
    s.range[0] = (sg_range){.lo = lo, .hi = hi, .start = NAN};
    snprintf(s.range[0].key, sizeof s.range[0].key, "%s", key);
    return s;
}

/* Score matching of a normal law is maximum likelihood: the best power of the density is its zeroth. */
static void test_normal_law_wants_constant_d(void **state) {
    (void)state;
    sg_design *d = search("gaussian", "preconditioned:with=power", vary("exponent", -0.4, 1, INFINITY, 90));
    assert_true(d->settled);
    assert_true(fabs(d->value[0]) < 1e-3);
    assert_true(fabs(worst(d) - 1) < 1e-6);
    assert_true(fabs(d->quick - worst(d)) < 1e-9);
    assert_false(d->at_end[0]);
    assert_true(d->evaluations <= 90);
    sg_design_delete(d);
}

/* A constant D changes nothing but the clock: relaxation time C_P / D. */
static void test_flat_class_within_a_limit(void **state) {
    (void)state;
    sg_model *model = model_of("bimodal:a=3");
    sg_design_value plain;
    OK(sg_design_value_of(model, "score-matching", &plain));
    sg_design *d = search("bimodal:a=3", "preconditioned", vary("value", 0.1, 1000, 2, 40));
    assert_true(fabs(worst(d) / plain.asymptotic->inefficiency[1] - 1) < 1e-10);
    assert_true(d->best.gap.relaxation_time <= 2);
    assert_true(fabs(d->best.gap.relaxation_time * d->value[0] / plain.gap.relaxation_time - 1) < 1e-10);
    assert_true(d->beyond > 0 && d->failed == 0);
    sg_design_delete(d);
    sg_design_value_free(&plain);
    sg_model_delete(model);
}

/* The least inefficiency over a scan of 101 exponents, among those that are fast enough. */
static double scan(const char *law, double lo, double hi, double most, double *at) {
    sg_model *model = model_of(law);
    double least = INFINITY;
    for (int k = 0; k <= 100; k++) {
        const double exponent = lo + (hi - lo) * k / 100;
        char text[80];
        sg_loss *loss = NULL;
        sg_gap gap = {0};
        double value;
        snprintf(text, sizeof text, "preconditioned:with=power,exponent=%.10g", exponent);
        OK(sg_loss_new(text, &loss));
        if (most < INFINITY) OK(sg_spectrum_gap(model, loss, NULL, &gap, NULL));
        const bool slow = most < INFINITY && !(gap.relaxation_time <= most);
        if (!slow) OK(sg_asymptotic_quick(model, loss, &value));
        if (!slow && value < least) least = value, *at = exponent;
        sg_loss_delete(loss);
    }
    sg_model_delete(model);
    return least;
}

static double power_at(const char *law, double exponent) {
    sg_model *model = model_of(law);
    sg_loss *loss = NULL;
    char text[80];
    double value;
    snprintf(text, sizeof text, "preconditioned:with=power,exponent=%.10g", exponent);
    OK(sg_loss_new(text, &loss));
    OK(sg_asymptotic_quick(model, loss, &value));
    sg_loss_delete(loss);
    sg_model_delete(model);
    return value;
}

/* Where a limit binds, the search finds the place to 1e-4 of the range. */
static void test_scans(void **state) {
    static const struct {
        const char *law;
        double lo, hi, most;
    } cases[] = {{"bimodal:a=3", -0.4, 0.6, INFINITY},
                 {"bimodal:a=3", -0.4, 0.6, 60},
                 {"mixture:m=2", -0.6, 0, INFINITY},
                 {"mixture:m=2", -0.6, 0, 7}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const double step = (cases[k].hi - cases[k].lo) / 100, shift = 0.01 * step;
        double at = NAN;
        const double least = scan(cases[k].law, cases[k].lo, cases[k].hi, cases[k].most, &at);
        const double room = fabs(power_at(cases[k].law, at + shift) - power_at(cases[k].law, at - shift)) / 2;
        sg_design *d = search(cases[k].law, "preconditioned:with=power",
                              vary("exponent", cases[k].lo, cases[k].hi, cases[k].most, 120));
        if (!(d->quick <= least * (1 + 1e-9) + room && fabs(d->value[0] - at) <= 1.01 * step))
            fail_msg("%s: %.12g at %g, by a scan %.12g at %g", cases[k].law, d->quick, d->value[0], least, at);
        assert_true(cases[k].most == INFINITY || d->best.gap.relaxation_time <= cases[k].most);
        assert_int_equal(d->beyond > 0, cases[k].most < INFINITY);
        sg_design_delete(d);
    }
}

/* More noise is better for the weight of this mixture, as far as the range goes; and every run is the same. */
static void test_optimum_at_an_end(void **state) {
    (void)state;
    const sg_design_settings any = {.most_relaxation = INFINITY, .evaluations = 60};
    sg_design *d = search("mixture:m=3", "denoising", any), *again = search("mixture:m=3", "denoising", any);
    sg_model *model = model_of("mixture:m=3");
    assert_true(d->at_end[0]);
    assert_true(fabs(d->value[0] / 12 - 1) < 1e-3);
    for (double sigma = 0.125; sigma < 12; sigma *= 1.3) {
        char text[80];
        sg_loss *loss = NULL;
        double value;
        snprintf(text, sizeof text, "denoising:sigma=%.10g", sigma);
        OK(sg_loss_new(text, &loss));
        OK(sg_asymptotic_quick(model, loss, &value));
        assert_true(d->quick <= value);
        sg_loss_delete(loss);
    }
    assert_true(d->value[0] == again->value[0] && d->quick == again->quick && d->evaluations == again->evaluations);
    sg_model_delete(model);
    sg_design_delete(d);
    sg_design_delete(again);
}

/* Options that the text of the loss gives are held; the class of the loss has the others. */
static void test_given_options_are_held(void **state) {
    (void)state;
    const sg_design_settings any = {.most_relaxation = INFINITY, .evaluations = 3};
    sg_design *d = search("mixture:m=1", "lifted:draws=inf,decay=3,beta-max=20", any);
    assert_int_equal(d->ranges, 2);
    assert_string_equal(d->range[0].key, "power");
    assert_string_equal(d->range[1].key, "speed");
    assert_int_equal(d->evaluations, 3);
    assert_false(d->settled);
    assert_non_null(strstr(d->best.loss->text, "decay=3,"));
    assert_non_null(strstr(d->best.loss->text, "beta-max=20"));
    sg_design_delete(d);
}

/* Two options of a schedule against a grid of 7 x 7. */
static void test_schedule(void **state) {
    (void)state;
    if (!second_tier()) skip();
    sg_model *model = model_of("mixture:m=2");
    sg_design_settings settings = vary("decay", 0, 20, INFINITY, 100);
    settings.ranges = 2;
    settings.range[1] = (sg_range){.key = "speed", .lo = 0.01, .hi = 100, .start = NAN};
    sg_design *d = search("mixture:m=2", "lifted:design=tapered", settings);
    for (int i = 0; i < 49; i++) {
        char text[80];
        sg_loss *loss = NULL;
        double value;
        snprintf(text, sizeof text, "lifted:design=tapered,decay=%.10g,speed=%.10g", 20 * (i % 7) / 6.0,
                 0.01 * pow(1e4, i / 7 / 6.0));
        OK(sg_loss_new(text, &loss));
        OK(sg_asymptotic_quick(model, loss, &value));
        assert_true(d->quick <= value * (1 + 1e-4));
        sg_loss_delete(loss);
    }
    sg_design_delete(d);
    sg_model_delete(model);
}

/* One grid against two, drawn nodes against the same drawn nodes, states. */
static void test_quick(void **state) {
    static const char *const cases[][2] = {{"bimodal:a=3", "score-matching"},
                                           {"mixture:m=2", "denoising"},
                                           {"gaussian:d=2,rho=0.5", "score-matching"},
                                           {"gaussian:d=4", "score-matching"},
                                           {"ising:n=6,free=tied,beta=0.4", "pseudolikelihood"}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_model *model = model_of(cases[k][0]);
        sg_loss *loss = NULL;
        sg_asymptotic *a = NULL;
        double quick;
        OK(sg_loss_new(cases[k][1], &loss));
        OK(sg_asymptotic_new(model, loss, &a));
        OK(sg_asymptotic_quick(model, loss, &quick));
        const double error = a->sampled ? 1e-10 * quick : 2 * a->inefficiency_error;
        if (!(fabs(quick - a->inefficiency[a->m - 1]) <= error))
            fail_msg("%s: %.17g, quickly %.17g", model->text, a->inefficiency[a->m - 1], quick);
        sg_asymptotic_delete(a);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

static double points_of(const sg_model *model, const char *text) {
    sg_loss *loss = NULL;
    double points;
    OK(sg_loss_new(text, &loss));
    OK(sg_loss_points(loss, model, &points));
    sg_loss_delete(loss);
    return points;
}

static void test_points(void **state) {
    (void)state;
    sg_model *model = model_of("mixture:m=2");
    assert_true(points_of(model, "score-matching") == 1);
    assert_true(points_of(model, "denoising:draws=5") == 5);
    assert_true(points_of(model, "lifted:design=tapered,draws=7") == 7);
    assert_true(points_of(model, "lifted:boundary=independent,draws=3") == 1 + 2 * 3);
    const double one = points_of(model, "lifted");
    assert_true(one > 2 && points_of(model, "lifted:draws=10") == one + 9);
    assert_true(points_of(model, "lifted:draws=inf") > 100);
    sg_model_delete(model);
}

static void refuse(const char *loss, sg_design_settings settings, sg_status expected, const char *sentence) {
    sg_model *model = model_of("mixture:m=2");
    sg_design *d = NULL;
    const sg_status status = sg_design_search(model, loss, &settings, &d);
    assert_null(d);
    if (status != expected || !strstr(sg_message(), sentence))
        fail_msg("%s: %s: %s", loss, sg_status_name(status), sg_message());
    sg_model_delete(model);
}

static void test_refusals(void **state) {
    (void)state;
    const sg_design_settings none = {.most_relaxation = INFINITY, .evaluations = 10};
    refuse("score-matching", none, SG_BAD_SYNTAX, "nothing to vary");
    refuse("denoising:sigma=2", none, SG_BAD_SYNTAX, "nothing to vary");
    refuse("score-matching", vary("sigma", 1, 2, INFINITY, 10), SG_UNKNOWN, "no options that are real numbers");
    refuse("denoising", vary("sgma", 1, 2, INFINITY, 10), SG_UNKNOWN, "the nearest is 'sigma'");
    refuse("denoising", vary("draws", 1, 2, INFINITY, 10), SG_BAD_TYPE, "no real number");
    refuse("denoising", vary("sigma", 0, 2, INFINITY, 10), SG_OUT_OF_RANGE, "(0, 1");
    refuse("denoising", vary("sigma", 2, 1, INFINITY, 10), SG_OUT_OF_RANGE, "LO < HI");
    refuse("denoising", vary("sigma", 1, 2, 5, 10), SG_REFUSED, "the fastest has");
    refuse("denoising:sigma-max=5", vary("sigma", 1, 2, 5, 10), SG_MISFIT, "noise levels that do not move");
    refuse("preconditioned", vary("value", 0.1, 1, 0.5, 10), SG_REFUSED, "the fastest has");
    refuse("denoisng", none, SG_UNKNOWN, "nearest is 'denoising'");
    sg_design_settings twice = vary("sigma", 1, 2, INFINITY, 10);
    twice.ranges = 2;
    twice.range[1] = twice.range[0];
    refuse("denoising", twice, SG_BAD_SYNTAX, "varied twice");
}

/* The k-th allocation fails, for some k: that is said, and nothing is lost. */
static void test_without_memory(void **state) {
    (void)state;
    sg_model *model = model_of("gaussian");
    const sg_design_settings settings = vary("exponent", -0.4, 1, INFINITY, 4);
    sg_status status = SG_NO_MEMORY;
    const long live = sg_memory_live();
    for (long k = 1; status; k += k / 6 + 1) {
        sg_design *d = NULL;
        sg_memory_fail_after(k);
        status = sg_design_search(model, "preconditioned:with=power", &settings, &d);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        sg_design_delete(d);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_normal_law_wants_constant_d),
                                       cmocka_unit_test(test_flat_class_within_a_limit),
                                       cmocka_unit_test(test_scans),
                                       cmocka_unit_test(test_optimum_at_an_end),
                                       cmocka_unit_test(test_given_options_are_held),
                                       cmocka_unit_test(test_schedule),
                                       cmocka_unit_test(test_quick),
                                       cmocka_unit_test(test_points),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_without_memory)};
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
