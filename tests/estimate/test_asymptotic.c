/* Asymptotic covariances by quadrature: what a row makes on the grid, and the kernel that makes it efficient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/estimate.h"

/* The Stein kernel of a monotone score at the truth is efficient and has gap 1. */
static void stein(void **state) {
    (void)state;
    static const struct {
        const char *family, *key, *value, *free;
    } cases[] = {{"bimodal", "a", "1.3", "erf"},     {"bimodal", "a", "4.5", "erf"},
                 {"gaussian", "s", "3", "location"}, {"double-well", "h", "9", "tilt"},
                 {"sparse-cut", "g", "0.3", "cut"},  {"polynomial", "B", "3", "x1"},
                 {"mixture", "m", "2", "w"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_pair pairs[] = {{cases[k].key, cases[k].value}, {"free", cases[k].free}};
        char loss[64];
        sg_model *model = NULL;
        sg_loss *l = NULL;
        sg_asymptotic *a = NULL;
        sg_gap gap;
        snprintf(loss, sizeof loss, "preconditioned:with=stein,direction=%s", cases[k].free);
        OK(sg_model_new(cases[k].family, 2, pairs, &model));
        OK(sg_loss_new(loss, &l));
        OK(sg_asymptotic_new(model, l, &a));
        OK(sg_spectrum_gap(model, l, NULL, &gap, NULL));
        if (!(fabs(a->inefficiency[0] - 1) < 1e-8)) fail_msg("%s: inefficiency %.12g", model->text, a->inefficiency[0]);
        if (!(fabs(gap.gap - 1) < 1e-9)) fail_msg("%s: gap %.12g", model->text, gap.gap);
        sg_asymptotic_delete(a);
        sg_loss_delete(l);
        sg_model_delete(model);
    }
}

/* A row in disguise: it notes its preparations, and is made at a reference off by a factor that depends on the grid. */
static struct {
    const sg_row *row;
    int calls, nodes[4];
    double off[2]; /* by level */
} spy;

static sg_status spying_prepare(const void *options, const sg_model *model, const double *theta,
                                const sg_panels *panels, sg_prepared **prepared) {
    double moved[SG_REALS];
    if (spy.calls < 4) spy.nodes[spy.calls] = panels->n;
    spy.calls++;
    for (int j = 0; j < model->full; j++) moved[j] = theta[j] * (1 + spy.off[panels->level]);
    return spy.row->prepare(options, model, moved, panels, prepared);
}

static void spied_asymptotic(const sg_model *model, const char *text, double coarse, double fine, sg_asymptotic **a) {
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new(text, &loss), SG_OK);
    sg_row row = *loss->row;
    spy.row = loss->row, spy.calls = 0, spy.off[0] = coarse, spy.off[1] = fine;
    row.prepare = spying_prepare;
    loss->row = &row;
    if (sg_asymptotic_new(model, loss, a)) fail_msg("%s %s: %s", model->text, text, sg_message());
    loss->row = spy.row;
    sg_loss_delete(loss);
}

/*
 * The error estimate compares two grids, and what a row makes on a grid (the kernel of a reference, be it the truth or
 * not) must be made on both: otherwise its own error would be in both values and in no estimate.  So a kernel that is
 * wrong on the coarse grid alone must show in the estimate, by as much as it is wrong, and leave the value.
 */
static void errors_hold_those_of_the_row(void **state) {
    (void)state;
    static const char *const texts[] = {
        "preconditioned:with=stein,direction=erf",      "preconditioned:with=stein,direction=erf,at=1/0.3",
        "preconditioned:with=power,exponent=-0.2",      "preconditioned:with=power,exponent=-0.2,at=1.1/0.2",
        "preconditioned:with=exponential,exponent=0.8", "preconditioned:with=exponential,exponent=0.8,at=1.1/0.2"};
    sg_model *model = NULL;
    sg_pair pairs[] = {{"a", "2"}};
    assert_int_equal(sg_model_new("bimodal", 1, pairs, &model), SG_OK);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        sg_asymptotic *good = NULL, *bad = NULL, *wrong = NULL;
        spied_asymptotic(model, texts[k], 0, 0, &good);
        assert_int_equal(spy.nodes[1], 2 * spy.nodes[0]);
        spied_asymptotic(model, texts[k], 1e-4, 0, &bad);
        spied_asymptotic(model, texts[k], 1e-4, 1e-4, &wrong);
        double value = good->inefficiency[1], error = fabs(wrong->inefficiency[1] - value);
        assert_true(bad->inefficiency[1] == value);
        if (!(good->inefficiency_error < 1e-12 * value && error > 1e-7 * value))
            fail_msg("%s: error estimate %.2g, wrong by %.2g, of %.4g", texts[k], good->inefficiency_error, error,
                     value);
        if (!(fabs(bad->inefficiency_error / error - 1) < 1e-3))
            fail_msg("%s: a kernel wrong by %.4g gives the estimate %.4g", texts[k], error, bad->inefficiency_error);
        sg_asymptotic_delete(good);
        sg_asymptotic_delete(bad);
        sg_asymptotic_delete(wrong);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stein),
        cmocka_unit_test(errors_hold_those_of_the_row),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("covariances by quadrature", tests, NULL, NULL);
}
