/* Tails along rays: laws and diffusions in the plane whose potential at infinity is known, and gaps that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>

#include "../model.h"
#include "scoregap/spectrum.h"
#include "spectrum/grid/tails.h"

/* log p = -(rate s)^power, s = (1 + x^2 + y^2)^1/2, and D = s^growth exp(-fall s^2). */
typedef struct {
    double rate, power, growth, fall;
    sg_tails tails;
    double bottom;
} law;

static const law laws[] = {
    {1, 2, 0, 0, SG_TAILS_RISE, INFINITY}, {1, 4, 0, 0, SG_TAILS_RISE, INFINITY},  {1, 1, 0, 0, SG_TAILS_LEVEL, 0.25},
    {3, 1, 0, 0, SG_TAILS_LEVEL, 2.25},    {1, 0.5, 0, 0, SG_TAILS_FALL, 0},       {1, 0.9, 0, 0, SG_TAILS_FALL, 0},
    {1, 1, 1, 0, SG_TAILS_RISE, INFINITY}, {1, 1, -1, 0, SG_TAILS_FALL, 0},        {1, 2, -2, 0, SG_TAILS_LEVEL, 1},
    {1, 2, 0, 0.05, SG_TAILS_FALL, 0},     {1, 0.5, 1, 0, SG_TAILS_LEVEL, 0.0625},
};
enum { LAWS = sizeof laws / sizeof *laws };

static double far(int n, const double *x, int i) {
    return sqrt(1 + x[i] * x[i] + x[n + i] * x[n + i]);
}

static void log_p(const void *context, int n, const double *x, double *out) {
    const law *l = context;
    for (int i = 0; i < n; i++) out[i] = -pow(l->rate * far(n, x, i), l->power);
}

static void diffusion(const void *context, int n, const double *x, double *out) {
    const law *l = context;
    for (int i = 0; i < n; i++) {
        const double s = far(n, x, i);
        out[i] = out[2 * n + i] = pow(s, l->growth) * exp(-l->fall * s * s);
        out[n + i] = 0;
    }
}

/* Limits of D ((log p)' + (log D)'/2)^2/4: at the depth of 240 what is left is below a tenth. */
static void limits(void **state) {
    (void)state;
    const double at[2] = {0, 0};
    for (int k = 0; k < LAWS; k++) {
        const sg_grid_problem problem = {.context = &laws[k], .d = 2, .log_p = log_p, .diffusion = diffusion};
        sg_tails tails;
        double bottom;
        OK(sg_grid_tails(&problem, at, false, &tails, &bottom));
        if (tails != laws[k].tails) fail_msg("law %d: %d, expected %d", k, (int)tails, (int)laws[k].tails);
        if (tails == SG_TAILS_LEVEL && !(fabs(bottom / laws[k].bottom - 1) < 0.1))
            fail_msg("law %d: bottom %.6g, expected %.6g", k, bottom, laws[k].bottom);
        if (tails == SG_TAILS_RISE) assert_true(bottom == INFINITY);
    }
}

static sg_gap gap_of(const char *model_text, const char *loss_text) {
    sg_model *model = model_of(model_text);
    sg_loss *loss = NULL;
    sg_gap gap;
    OK(sg_loss_new(loss_text, &loss));
    if (sg_spectrum_gap(model, loss, NULL, &gap, NULL)) fail_msg("%s %s: %s", model_text, loss_text, sg_message());
    sg_loss_delete(loss);
    sg_model_delete(model);
    return gap;
}

/* What a box would give a gap. */
static void gaps(void **state) {
    (void)state;
    static const char *const none[][2] = {{"gaussian-mixture", "preconditioned:with=power,exponent=0.2"},
                                          {"gaussian:d=2", "preconditioned:with=power,exponent=0.05"},
                                          {"ab-model:d=2,a=0.25,b=0.25", "score-matching"}};
    for (int k = 0; k < 3; k++) {
        const sg_gap gap = gap_of(none[k][0], none[k][1]);
        assert_int_equal(gap.status, SG_NOT_ATTAINED);
        assert_true(gap.gap == 0 && gap.gap_lower == 0 && isinf(gap.poincare));
    }
    /* exp(-x) on the half-line: a quarter of the squared rate, without an eigenfunction */
    const sg_gap half = gap_of("ab-model:d=1,a=0.5,b=0.5", "score-matching");
    assert_int_equal(half.status, SG_NOT_ATTAINED);
    assert_true(fabs(half.gap - 0.25) < 1e-6 && half.gap_lower == 0 && half.gap_upper >= half.gap);
    const sg_gap normal = gap_of("gaussian:d=2,s=2", "score-matching");
    assert_int_equal(normal.status, SG_OK);
    assert_true(fabs(normal.gap - 0.25) < 1e-8);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits), cmocka_unit_test(gaps)};
    return cmocka_run_group_tests_name("tails along rays", tests, NULL, NULL);
}
