/*
 * The gap of the dynamics that belongs to a loss, from model and loss to the number.  Poincare constants: tables of
 * KHR's families computed by two independent programs; a tolerance is half a unit of the last digit given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "scoregap/spectrum.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

static sg_status gap_of(const char *family, const char *keys, const char *loss_text, sg_gap *gap) {
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_pair pairs[8];
    char text[256];
    int count = 0;
    strcpy(text, keys);
    assert_int_equal(sg_pairs_split(text, 8, pairs, &count), SG_OK);
    assert_int_equal(sg_model_new(family, count, pairs, &model), SG_OK);
    assert_int_equal(sg_loss_new(loss_text, &loss), SG_OK);
    assert_int_equal(sg_loss_fits(loss, model), SG_OK);
    sg_status status = sg_spectrum_gap(model, loss, NULL, gap, NULL);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status;
}

static void check_poincare(const char *family, const char *keys, const char *loss, double truth, double unit) {
    sg_gap gap;
    assert_int_equal(gap_of(family, keys, loss, &gap), SG_OK);
    assert_int_equal(gap.status, SG_OK);
    assert_near(gap.poincare, truth, 0.5 * unit);
    assert_true(gap.gap_lower <= gap.gap && gap.gap <= gap.gap_upper);
    assert_true(1 / gap.gap_upper <= truth + 0.5 * unit && truth - 0.5 * unit <= 1 / gap.gap_lower);
    assert_true(gap.gap_upper / gap.gap_lower - 1 < 1e-10);
    assert_true(gap.seconds > 0);
    assert_string_equal(gap.method, "integral operator");
    assert_near(gap.log10_gap, -log10(truth), 0.5 * unit / truth);
}

/* ------------------------------------------------------------ score matching */

static void test_langevin(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys;
        double poincare, unit;
    } table[] = {{"bimodal", "a=1", 1.1821878, 1e-7},
                 {"bimodal", "a=2", 8.799977785, 1e-9},
                 {"bimodal", "a=2.5", 28.13069059, 1e-8},
                 {"bimodal", "a=3", 110.0185703, 1e-7},
                 {"bimodal", "a=4", 3497.305132, 1e-6},
                 {"bimodal", "a=5", 308030.6507, 1e-4},
                 {"bimodal", "a=6", 74563580.2, 1e-1},
                 {"polynomial", "degree=3,B=0", 0.365338837, 1e-9},
                 {"polynomial", "degree=3,B=2", 1.335681154, 1e-9},
                 {"polynomial", "degree=3,B=4", 16.7900211, 1e-7},
                 {"polynomial", "degree=3,B=6", 1573.51077, 1e-5},
                 {"polynomial", "degree=3,B=8", 1265160.452, 1e-3},
                 {"polynomial", "degree=3,B=12", 4.033503577e+14, 1e5},
                 {"monomial", "k=4", 0.293202789, 1e-9},
                 {"monomial", "k=8", 0.302101091563, 1e-12},
                 {"monomial", "k=16", 0.315235932642, 1e-12},
                 {"sinusoid", "omega=0.5", 0.96458735, 1e-8},
                 {"sinusoid", "omega=1", 0.994087027, 1e-9},
                 {"sinusoid", "omega=2", 1.83433295, 1e-8},
                 {"sinusoid", "omega=8", 1.61974937, 1e-8},
                 {"mixture", "m=1", 2.06156669, 1e-8},
                 {"mixture", "m=2", 8.39879886, 1e-8},
                 {"mixture", "m=3", 69.8475184, 1e-7},
                 {"mixture", "m=4", 1612.64418, 1e-5},
                 {"mixture", "m=5", 111700.734, 1e-3},
                 {"gaussian", "s=0.25", 0.0625, 1e-13},
                 {"sparse-cut", "a=2,g=0.1", 8.799977785, 1e-9}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        check_poincare(table[k].family, table[k].keys, "score-matching", table[k].poincare, table[k].unit);
}

static void test_double_well(void **state) {
    (void)state;
    const char *keys[] = {"h=5", "h=20", "h=100"};
    const double gap[] = {0.0555228127315, 7.27721139945e-08, 6.67316232264e-42};
    for (int k = 0; k < 3; k++)
        check_poincare("double-well", keys[k], "score-matching", 1 / gap[k], 2e-12 / gap[k]); /* 12 digits */
    sg_gap deep;
    assert_int_equal(gap_of("double-well", "h=800", "score-matching", &deep), SG_OK);
    assert_int_equal(deep.status, SG_UNDERFLOW);
    assert_true(deep.gap == 0 && deep.log10_gap < -330 && deep.log10_gap > -350);
}

/* --------------------------------------------------------------- other rows */

static void test_resampling(void **state) {
    (void)state;
    sg_gap gap;
    assert_int_equal(gap_of("bimodal", "a=4", "mle", &gap), SG_OK);
    assert_int_equal(gap.status, SG_OK);
    assert_true(gap.gap == 1 && gap.gap_lower == 1 && gap.gap_upper == 1 && gap.poincare == 1 && gap.log10_gap == 0);
    assert_string_equal(gap.method, "resampling");
}

/* Constant D multiplies the gap; a Stein kernel makes it 1; any other D leaves an enclosure. */
static void test_preconditioned(void **state) {
    (void)state;
    check_poincare("gaussian", "s=2", "preconditioned:with=constant,value=16", 0.25, 1e-12);
    check_poincare("bimodal", "a=4", "preconditioned:with=constant,value=0.01", 349730.5132, 1e-4);
    check_poincare("double-well", "h=5,free=tilt", "preconditioned:with=stein", 1, 1e-9);
    check_poincare("gaussian", "s=3,free=location", "preconditioned:with=stein", 1, 1e-10);
    const char *exponent[] = {"preconditioned:with=power,exponent=-0.25", "preconditioned:with=power,exponent=-0.9",
                              "preconditioned:with=exponential,exponent=3"};
    sg_gap gap;
    for (int k = 0; k < 3; k++) {
        assert_int_equal(gap_of("bimodal", "a=3", exponent[k], &gap), SG_OK);
        assert_int_equal(gap.status, SG_OK);
        assert_true(gap.gap_lower <= gap.gap && gap.gap <= gap.gap_upper && gap.gap_upper / gap.gap_lower < 1 + 1e-9);
    }
    /* D = p: Q int 1/(D p) is not bounded, so there is no gap */
    assert_int_equal(gap_of("bimodal", "a=3", "preconditioned:with=power,exponent=1", &gap), SG_OK);
    assert_int_equal(gap.status, SG_NOT_ATTAINED);
    assert_true(gap.gap_lower == 0);
}

/* ------------------------------------------------------------------- errors */

static void test_refusal(void **state) {
    (void)state;
    const sg_row row = {.name = "jump", .kind = SG_JUMP};
    const sg_loss loss = {.row = &row, .text = "jump"};
    sg_model *model = NULL;
    sg_gap gap;
    assert_int_equal(sg_model_new("gaussian", 0, NULL, &model), SG_OK);
    assert_int_equal(sg_spectrum_gap(model, &loss, NULL, &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "jump"));
    sg_model_delete(model);
}

static void test_memory(void **state) {
    (void)state;
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_gap gap;
    assert_int_equal(sg_model_new("bimodal", 0, NULL, &model), SG_OK);
    assert_int_equal(sg_loss_new("score-matching", &loss), SG_OK);
    long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_spectrum_gap(model, loss, NULL, &gap, NULL);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_langevin),       cmocka_unit_test(test_double_well), cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_preconditioned), cmocka_unit_test(test_refusal),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
