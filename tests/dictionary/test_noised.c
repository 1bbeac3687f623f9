/* The rule for expectations over noise, against moments of the normal law about any point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "../model.h"
#include "dictionary/noised.h"

enum { POINTS = 4 };

static double dot(int d, const double *x, const double *y) {
    double sum = 0;
    for (int a = 0; a < d; a++) sum += x[a] * y[a];
    return sum;
}

/* The data: at random, on the line, far out, across the line alone. */
static void place(const sg_round *r, sg_block *data) {
    static const double u[POINTS] = {0.3, -1.7, 40, 0}, y[POINTS] = {1, 0, 30, 0.01};
    memset(data->x, 0, (size_t)r->d * SG_BLOCK * sizeof(double));
    for (int i = 0; i < POINTS; i++) {
        double side[SG_NORMALS_D], along;
        for (int a = 0; a < r->d; a++) side[a] = y[i] * cos(3 * a + i);
        along = dot(r->d, side, r->axis);
        for (int a = 0; a < r->d; a++) data->x[a * SG_BLOCK + i] = r->origin[a] + side[a] + (u[i] - along) * r->axis[a];
    }
    data->n = POINTS;
}

static void check_rule(const char *text) {
    sg_model *model = model_of(text);
    sg_noise_rule rule;
    _Alignas(SG_ALIGN) static double x[SG_NORMALS_D * SG_BLOCK], z[SG_NORMALS_D * SG_BLOCK];
    sg_block data = {.x = x, .d = model->space.d};
    double moment[POINTS][3][3] = {{{0}}}, sum = 0;
    const double s = 0.7;
    OK(sg_noise_rule_fits("it", model, "nothing"));
    OK(sg_noise_rule_new(model, model->truth, 48, &rule));
    const sg_round *r = &rule.round;
    const double n = r->d - 1;
    place(r, &data);
    for (int k = 0; k < rule.n; k++) {
        sg_noise_rule_at(&rule, k, &data, z);
        sum += rule.weight[k];
        for (int i = 0; i < POINTS; i++) {
            double point[SG_NORMALS_D];
            for (int a = 0; a < r->d; a++) point[a] = x[a * SG_BLOCK + i] + s * z[a * SG_BLOCK + i] - r->origin[a];
            const double u = dot(r->d, point, r->axis), y2 = dot(r->d, point, point) - u * u;
            for (int f = 0; f < 3; f++)
                for (int p = 0; p < 3; p++) moment[i][f][p] += rule.weight[k] * pow(u, f) * pow(y2, p);
        }
    }
    assert_true(fabs(sum - 1) < 1e-14);
    for (int i = 0; i < POINTS; i++) {
        double point[SG_NORMALS_D];
        for (int a = 0; a < r->d; a++) point[a] = x[a * SG_BLOCK + i] - r->origin[a];
        const double u = dot(r->d, point, r->axis), y2 = dot(r->d, point, point) - u * u, v = s * s;
        /* noncentral chi-square: mean y2 + n v, variance 2 n v^2 + 4 v y2 */
        const double mean = y2 + n * v, line[3] = {1, u, u * u + v};
        const double across[3] = {1, mean, mean * mean + 2 * n * v * v + 4 * v * y2};
        for (int f = 0; f < 3; f++)
            for (int p = 0; p < 3; p++) {
                const double size = pow(1 + u * u, f / 2.) * pow(1 + u * u + across[1], p);
                if (!(fabs(moment[i][f][p] - line[f] * across[p]) <= 1e-12 * size))
                    fail_msg("%s, point %d: E u^%d |y|^%d is %.15g, expected %.15g", text, i, f, 2 * p, moment[i][f][p],
                             line[f] * across[p]);
            }
    }
    sg_noise_rule_free(&rule);
    sg_model_delete(model);
}

static void noise_rules_are_exact(void **state) {
    (void)state;
    check_rule("mixture:d=2,m=1");
    check_rule("mixture:d=3,m=1");
    check_rule("mixture:d=8,m=2,w=0.3");
    check_rule("mixture:d=32,m=2");
    check_rule("gaussian-mixture:d=3,k=3,means=0/0/0/1/2/2/-2/-4/-4,sd=0.5,free=weights");
    check_rule("gaussian-mixture:d=5,k=2,means=0/0/1/0/1/3/1/1/1/1,free=weights");
}

/* Hermite's, for any law. */
static void on_the_line_all_laws_have_one(void **state) {
    (void)state;
    static const char *const text[] = {"mixture:m=1,free=all", "gaussian-mixture:d=1,sd=1/2/3"};
    _Alignas(SG_ALIGN) static double x[SG_BLOCK], z[SG_BLOCK];
    for (int t = 0; t < 2; t++) {
        sg_model *model = model_of(text[t]);
        sg_noise_rule rule;
        sg_block data = {.n = 1, .d = 1, .x = x};
        double fourth = 0;
        OK(sg_noise_rule_fits("it", model, "nothing"));
        OK(sg_noise_rule_new(model, model->truth, 48, &rule));
        for (int k = 0; k < rule.n; k++) {
            sg_noise_rule_at(&rule, k, &data, z);
            fourth += rule.weight[k] * z[0] * z[0] * z[0] * z[0];
        }
        assert_true(fabs(fourth - 3) < 1e-13);
        sg_noise_rule_free(&rule);
        sg_model_delete(model);
    }
}

static void other_laws_are_refused(void **state) {
    (void)state;
    static const char *const refused[] = {"lifted", "lifted:design=tapered,draws=inf", "denoising:draws=inf"};
    static const char *const taken[] = {"lifted:boundary=shared", "lifted:design=tapered", "denoising"};
    sg_model *model = model_of("mixture:d=3,m=1,free=means"), *round = model_of("mixture:d=3,m=1");
    for (int k = 0; k < 3; k++) {
        sg_loss *no = NULL, *yes = NULL;
        OK(sg_loss_new(refused[k], &no));
        OK(sg_loss_new(taken[k], &yes));
        assert_int_equal(sg_loss_fits(no, model), SG_MISFIT);
        assert_non_null(strstr(sg_message(), "take "));
        OK(sg_loss_fits(yes, model));
        OK(sg_loss_fits(no, round));
        sg_loss_delete(no);
        sg_loss_delete(yes);
    }
    sg_model_delete(model);
    sg_model_delete(round);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_rules_are_exact),
        cmocka_unit_test(on_the_line_all_laws_have_one),
        cmocka_unit_test(other_laws_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
