/*
 * The gap of denoising's dynamics, Langevin's diffusion in the law of noised data.  With noise of variance t the law
 * 1/2 N(-m, 1) + 1/2 N(m, 1) becomes that of sqrt(1 + t) X, X from the mixture at m/sqrt(1 + t): C_P is 1 + t times
 * that mixture's, of which the literature has a table.  The same scaling holds in R^d, for any weights and spherical
 * covariances.
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

#include "../model.h"
#include "scoregap/spectrum.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

static sg_gap gap_of(const char *text, const char *loss_text, sg_eigenvalues *values) {
    sg_model *model = model_of(text);
    sg_loss *loss;
    sg_gap gap;
    OK(sg_loss_new(loss_text, &loss));
    OK(sg_loss_runs(loss, model));
    OK(sg_spectrum_gap(model, loss, NULL, &gap, values));
    assert_int_equal(gap.status, SG_OK);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return gap;
}

static void test_table(void **state) {
    (void)state;
    const double poincare[] = {2.06156669, 8.39879886, 69.8475184, 1612.64418}; /* m = 1 .. 4 */
    for (int m = 1; m <= 4; m++)
        for (int k = 0; k < 3; k++) {
            const double t = k == 0 ? 0.25 : k == 1 ? 1 : 8;
            char model[64], loss[64];
            snprintf(model, sizeof model, "mixture:m=%.17g", m * sqrt(1 + t));
            snprintf(loss, sizeof loss, "denoising:sigma=%.17g", sqrt(t));
            assert_near(gap_of(model, loss, NULL).poincare / (1 + t) / poincare[m - 1], 1, 5e-9);
        }
}

/* The first eigenvalues too, and in the plane: against score matching on the scaled mixture. */
static void test_scaling(void **state) {
    (void)state;
    static const char *const pair[][2] = {
        {"mixture:m=3,w=0.2", "mixture:m=1.5,w=0.2"},
        {"mixture:d=2,m=2,w=0.7", "mixture:d=2,m=1,w=0.7"},
        {"gaussian-mixture:d=2,k=3,means=0/0/6/0/0/4", "gaussian-mixture:d=2,k=3,means=0/0/3/0/0/2"},
        {"gaussian-mixture:d=1,k=3,means=-4/0/6,weights=1/2/1", "gaussian-mixture:d=1,k=3,means=-2/0/3,weights=1/2/1"},
    };
    for (int k = 0; k < 4; k++) {
        sg_eigenvalues *wide, *narrow;
        OK(sg_eigenvalues_new(4, &wide));
        OK(sg_eigenvalues_new(4, &narrow));
        gap_of(pair[k][0], "denoising:sigma=1.7320508075688772", wide);
        gap_of(pair[k][1], "score-matching", narrow);
        for (int j = 0; j < 4; j++) assert_near(wide->log_value[j] + log(4), narrow->log_value[j], 1e-7);
        sg_eigenvalues_delete(wide);
        sg_eigenvalues_delete(narrow);
    }
}

/* Little noise changes little, much of it leaves the slowest mode of one wide normal law: C_P >= Var x, nearly equal.
 */
static void test_limits(void **state) {
    (void)state;
    const double plain = gap_of("mixture:m=2,w=0.3", "score-matching", NULL).gap;
    assert_near(gap_of("mixture:m=2,w=0.3", "denoising:sigma=1e-4", NULL).gap / plain, 1, 1e-6);
    const double t = 1e6, variance = 1 + t + 4 * 4 * 0.21;
    assert_near(gap_of("mixture:m=2,w=0.3", "denoising:sigma=1000", NULL).poincare / variance, 1, 1e-9);
}

static void test_refusals(void **state) {
    (void)state;
    sg_model *model = model_of("mixture"), *line = model_of("bimodal");
    sg_loss *schedule, *one;
    sg_gap gap;
    OK(sg_loss_new("denoising:sigma=0.5,sigma-max=2", &schedule));
    OK(sg_loss_new("denoising", &one));
    assert_int_equal(sg_spectrum_gap(model, schedule, NULL, &gap, NULL), SG_MISFIT);
    assert_int_equal(sg_loss_runs(one, line), SG_MISFIT);
    sg_loss_delete(schedule);
    sg_loss_delete(one);
    sg_model_delete(model);
    sg_model_delete(line);
}

static void test_memory_failures(void **state) {
    (void)state;
    sg_model *model = model_of("mixture"), *law;
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    long k = 1;
    for (; status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_model_noised(model, model->truth, 1, &law);
        sg_memory_fail_after(0);
        if (status) assert_int_equal(sg_memory_live(), live);
    }
    OK(status);
    assert_true(k > 4);
    sg_model_delete(law);
    assert_int_equal(sg_model_noised(model, model->truth, -1, &law), SG_OUT_OF_RANGE);
    sg_model_delete(model);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),    cmocka_unit_test(test_scaling),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_memory_failures),
    };
    return cmocka_run_group_tests_name("gaps on noised data", tests, NULL, NULL);
}
