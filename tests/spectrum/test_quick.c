/*
 * The gap of Langevin's diffusion on the line by shallow grids, against deep ones with finer panels, against long
 * arithmetic, and where it must not answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>

#include "../ok.h"
#include "spectrum/line/quick.h"

static sg_model *model_of(const char *family, const char *keys, int count, const double *theta) {
    sg_model *model = NULL;
    sg_pair pairs[8];
    char text[256];
    int n = 0;
    snprintf(text, sizeof text, "%s", keys);
    OK(sg_pairs_split(text, 8, pairs, &n));
    OK(sg_model_new(family, n, pairs, &model));
    if (count) OK(sg_model_set_truth(model, count, theta));
    return model;
}

/* Panels of the statistics too, cut at e^-200 and e^-260. */
static sg_gap deep_gap(const sg_model *model) {
    sg_panels *panels[2] = {NULL, NULL};
    sg_gap gap;
    for (int k = 0; k < 2; k++) OK(sg_model_panels_deep(model, model->truth, k ? 260 : 200, k, &panels[k]));
    OK(sg_line_gap(panels[0], NULL, panels[1], NULL, &gap));
    for (int k = 0; k < 2; k++) sg_panels_delete(panels[k]);
    return gap;
}

/* Both enclosures hold one number, and the quick one is not wider than 1e-12 or what rounding allows (at log10 of the
 * gap beyond 100 or so). */
static void compare(const sg_model *model, const sg_gap *quick) {
    const sg_gap deep = deep_gap(model);
    const double rounding = 2e-15 * fabs(deep.log10_gap);
    if (quick->status != deep.status) fail_msg("%s: status %d and %d", model->text, quick->status, deep.status);
    if (!(fabs(quick->log10_gap - deep.log10_gap) * M_LN10 < 3e-14 + rounding))
        fail_msg("%s: log10 gaps %.17g and %.17g", model->text, quick->log10_gap, deep.log10_gap);
    if (quick->status == SG_UNDERFLOW) return;
    assert_true(quick->gap_lower <= quick->gap && quick->gap <= quick->gap_upper);
    assert_true(quick->gap_lower <= deep.gap_upper && deep.gap_lower <= quick->gap_upper);
    if (!(quick->gap_upper / quick->gap_lower - 1 < 1.01e-12 + 10 * rounding))
        fail_msg("%s: width %g", model->text, quick->gap_upper / quick->gap_lower - 1);
}

/* ------------------------------------------------------------ known digits */

/* V = h (x^2 - 1)^2: 40 to 100 digits by sinc collocation on two grids each. */
static void test_double_wells(void **state) {
    (void)state;
    const char *const keys[] = {"h=5", "h=20", "h=100"};
    const double truth[] = {0.055522812731454510, 7.2772113994504126e-8, 6.6731623226382493e-42};
    for (int k = 0; k < 3; k++) {
        sg_model *model = model_of("double-well", keys[k], 0, NULL);
        sg_gap gap;
        bool done;
        OK(sg_quick_gap(model, &gap, &done));
        assert_true(done && gap.status == SG_OK);
        assert_true(gap.gap_lower <= truth[k] && truth[k] <= gap.gap_upper);
        assert_true(fabs(gap.gap / truth[k] - 1) < 2e-14);
        assert_true(gap.gap_upper / gap.gap_lower - 1 < 5e-13);
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------- deep grids */

static void test_families(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"gaussian", ""},
        {"gaussian", "s=1e3"},
        {"gaussian", "s=1e-3"},
        {"bimodal", ""},
        {"bimodal", "a=4"},
        {"bimodal", "a=8"},
        {"monomial", ""},
        {"monomial", "k=16"},
        {"polynomial", ""},
        {"polynomial", "B=12"},
        {"polynomial", "degree=9"},
        {"sparse-cut", ""},
        {"sparse-cut", "g=1e-3"},
        {"mixture", ""},
        {"mixture", "m=4,w=0.01"},
        {"mixture", "m=15"},
        {"double-well", "h=0.01"},
        {"double-well", "h=1"},
        {"double-well", "h=40"},
        {"double-well", "h=300"},
        {"double-well", "h=2000"},
        {"sinusoid", "omega=8"},
        {"uniform", ""},
        {"uniform", "hi=1e-3"},
        {"truncated-gaussian", ""},
        {"truncated-gaussian", "lo=-1,hi=6"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_model *model = model_of(cases[k][0], cases[k][1], 0, NULL);
        sg_gap gap;
        bool done;
        OK(sg_quick_gap(model, &gap, &done));
        if (!done) fail_msg("%s: no answer", model->text);
        compare(model, &gap);
        sg_model_delete(model);
    }
}

/*
 * Tilted wells: the secondary one anywhere between e^0 and e^-90 of the main one, so that it lies above, between, at
 * and beyond the cuts, and its rate is the gap or it is not there at all.  An answer must be right; where the tilt is
 * small or the barrier gone there must be one.
 */
static void test_tilted(void **state) {
    (void)state;
    sg_stream stream;
    int answers = 0;
    sg_stream_open(&stream, 20261107, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 150; trial++) {
        double u[3];
        sg_stream_uniform(&stream, 3, u);
        const double h = exp(log(0.5) + u[0] * log(200)), fall = 90 * u[1] * u[1];
        const double theta[] = {(u[2] < 0.5 ? -1 : 1) * 0.5 * fall, 2 * h, h};
        sg_model *model = model_of("double-well", "", 3, theta);
        sg_gap gap;
        bool done;
        OK(sg_quick_gap(model, &gap, &done));
        if (done) compare(model, &gap);
        if (!done && fall < 10) fail_msg("h = %g, wells %g apart: no answer", h, fall);
        answers += done;
        sg_model_delete(model);
    }
    assert_true(answers > 75);
}

/* Five coefficients of a sextic, to either side of where wells appear. */
static void test_sextic(void **state) {
    (void)state;
    sg_stream stream;
    int answers = 0;
    sg_stream_open(&stream, 20261108, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 100; trial++) {
        double u[6], theta[5];
        sg_stream_uniform(&stream, 6, u);
        for (int k = 0; k < 5; k++) theta[k] = 16 * u[5] * (2 * u[k] - 1) * (k % 2 ? 1 : 0.5);
        sg_model *model = model_of("polynomial", "degree=5", 5, theta);
        sg_gap gap;
        bool done;
        OK(sg_quick_gap(model, &gap, &done));
        if (done) compare(model, &gap);
        answers += done;
        sg_model_delete(model);
    }
    assert_true(answers > 50);
}

/* ------------------------------------------------------------ what is refused */

/* Tails with an essential spectrum, whose bottom may be the gap, and a well beyond the cut whose rate is the gap. */
static void test_doubt(void **state) {
    (void)state;
    const char *const families[] = {"laplace", "logistic", "exponential", "student"};
    const double far_well[] = {250, 800, 400};
    sg_gap gap;
    bool done;
    for (int k = 0; k < 4; k++) {
        sg_model *model = model_of(families[k], "", 0, NULL);
        OK(sg_quick_gap(model, &gap, &done));
        assert_false(done);
        sg_model_delete(model);
    }
    sg_model *model = model_of("double-well", "", 3, far_well);
    OK(sg_quick_gap(model, &gap, &done));
    assert_false(done);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------- memory */

static void test_memory(void **state) {
    (void)state;
    sg_model *model = model_of("double-well", "", 0, NULL);
    const long live = sg_memory_live();
    int failures = 0;
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_gap gap;
        bool done;
        sg_memory_fail_after(k);
        status = sg_quick_gap(model, &gap, &done);
        failures += status == SG_NO_MEMORY;
        assert_true(sg_memory_live() == live);
        assert_true(done == (status == SG_OK));
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    assert_true(failures > 10);
    sg_model_delete(model);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_wells), cmocka_unit_test(test_families), cmocka_unit_test(test_tilted),
        cmocka_unit_test(test_sextic),       cmocka_unit_test(test_doubt),    cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
