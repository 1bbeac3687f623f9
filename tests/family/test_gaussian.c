/* The normal law on R^d: its truth, log Z with derivatives, domain, names and draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "../model.h"
#include "family/normal-law.h"

enum { MOST = 64, BLOCKS = 256 };

/* A theta away from the truth: locations, and a precision that stays positive definite. */
static void move(const sg_model *model, double *theta) {
    memcpy(theta, model->truth, (size_t)model->full * sizeof *theta);
    for (int a = 0; a < model->space.d; a++) {
        theta[a] = 0.3 * (a + 1) * (a % 2 ? -1 : 1);
        theta[model->space.d + a] *= 1.1 + 0.1 * a;
    }
}

static void near_to(const char *what, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s = %.17g, not %.17g", what, got, want);
}

/* -------------------------------------------------------------------- truth */

/* Covariance [d,d] of the truth: the Hessian of log Z in the locations. */
static void covariance_of(const sg_model *model, double *covariance) {
    const int d = model->space.d, full = model->full;
    static double hessian[SG_NORMAL_FULL(8) * SG_NORMAL_FULL(8)];
    double value;
    OK(sg_model_log_z(model, model->truth, &value, NULL, hessian));
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) covariance[a + b * d] = hessian[a + b * full];
}

static void the_truth_has_the_covariance_of_its_keys(void **state) {
    (void)state;
    double c[MOST], values[8];
    sg_model *model = model_of("gaussian:d=5,s=2,rho=0.6,correlation=ar1");
    covariance_of(model, c);
    for (int a = 0; a < 5; a++)
        for (int b = 0; b < 5; b++) near_to("ar1", c[a + 5 * b], 4 * pow(.6, abs(a - b)), 1e-14);
    sg_model_delete(model);
    model = model_of("gaussian:d=4,rho=-0.3,condition=81");
    covariance_of(model, c);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
            const double scale = 9 * pow(81, -(a + b) / 6.0);
            near_to("equi", c[a + 4 * b], (a == b ? 1 : -.3) * scale, 1e-13 * scale);
        }
    sg_model_delete(model);
    model = model_of("gaussian:d=6,condition=1e6,axes=turned");
    covariance_of(model, c);
    OK(sg_symmetric_eigen(6, c, values, NULL));
    for (int k = 0; k < 6; k++) near_to("variance", values[k], 1e-3 * pow(1e6, k / 5.0), 1e-9 * pow(1e6, k / 5.0));
    sg_model_delete(model);
}

static void wrong_keys_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *key, *value;
        sg_status status;
    } wrong[] = {{"rho", "-0.5", SG_OUT_OF_RANGE},
                 {"rho", "1", SG_OUT_OF_RANGE},
                 {"d", "65", SG_OUT_OF_RANGE},
                 {"condition", ".5", SG_OUT_OF_RANGE}};
    sg_model *model = NULL;
    for (int k = 0; k < 4; k++) {
        const sg_pair pairs[] = {{"s", "1"}, {wrong[k].key, wrong[k].value}, {"d", "3"}};
        assert_int_equal(sg_model_new("gaussian", k == 2 ? 2 : 3, pairs, &model), wrong[k].status);
        assert_null(model);
    }
    const sg_pair line[] = {{"rho", "0.1"}};
    assert_int_equal(sg_model_new("gaussian", 1, line, &model), SG_BAD_SYNTAX);
}

static void names_and_texts(void **state) {
    (void)state;
    static const char *const names[] = {"location1",   "location2",   "location3",   "precision11", "precision22",
                                        "precision33", "precision21", "precision31", "precision32"};
    char name[SG_NAME];
    sg_model *model = model_of("gaussian:d=3");
    for (int j = 0; j < 9; j++) {
        sg_model_parameter(model, j, name);
        assert_string_equal(name, names[j]);
    }
    sg_model_delete(model);
    model = model_of("gaussian:d=12,free=precision11.3/precision12.12");
    assert_int_equal(model->free[0], sg_normal_entry(12, 11, 11));
    assert_int_equal(model->free[1], sg_normal_entry(12, 10, 2));
    assert_string_equal(model->text, "gaussian(d=12,s=1,rho=0,condition=1,free=precision12.12/precision11.3)");
    sg_model_delete(model);
    model = model_of("gaussian:d=12,free=location1*/precision12.12");
    assert_int_equal(model->m, 5);
    assert_string_equal(
        model->text,
        "gaussian(d=12,s=1,rho=0,condition=1,free=location1/location10/location11/location12/precision12.12)");
    sg_model_delete(model);
    model = model_of("gaussian:d=12,free=precision*");
    assert_int_equal(model->m, 78);
    assert_string_equal(model->text, "gaussian(d=12,s=1,rho=0,condition=1,free=precision*)");
    sg_model_delete(model);
    const sg_pair none[] = {{"free", "width*"}};
    assert_int_equal(sg_model_new("gaussian", 1, none, &model), SG_UNKNOWN);
    model = model_of("gaussian");
    assert_string_equal(model->text, "gaussian(d=1,s=1,free=location/precision)");
    sg_model_delete(model);
}

static void indefinite_precisions_are_outside(void **state) {
    (void)state;
    sg_model *model = model_of("gaussian:d=2");
    const double inside[] = {1, 2, 1, 1, 0.999}, edge[] = {0, 0, 1, 1, 1}, out[] = {0, 0, 1, 1, -1.001},
                 nan[] = {NAN, 0, 1, 1, 0};
    assert_true(model->family->inside(model, inside));
    assert_false(model->family->inside(model, edge));
    assert_false(model->family->inside(model, out));
    assert_false(model->family->inside(model, nan));
    double value;
    assert_int_equal(sg_model_log_z(model, out, &value, NULL, NULL), SG_NOT_INTEGRABLE);
    sg_model_delete(model);
}

/* -------------------------------------------------------------------- log Z */

/* Second ways: quadrature, of log Z itself and of the moments of the statistics. */
static void log_z_agrees_with_quadrature(void **state) {
    (void)state;
    static const char *const texts[] = {"gaussian:s=0.7", "gaussian:d=2,rho=0.7,condition=5,axes=turned",
                                        "gaussian:d=3,s=3,rho=-0.3"};
    static const double tolerance[] = {1e-12, 1e-12, 1e-8};
    for (int c = 0; c < 3; c++) {
        sg_model *model = model_of(texts[c]);
        const int full = model->full, d = model->space.d;
        double theta[9], value, gradient[9], hessian[81], first[9] = {0}, second[81] = {0}, weight[SG_BLOCK];
        sg_nodes *nodes = NULL;
        sg_arena *arena = NULL;
        sg_jet jet;
        move(model, theta);
        OK(sg_model_log_z(model, theta, &value, gradient, hessian));
        OK(sg_nodes_new(model, theta, 0, false, &nodes));
        near_to("log Z", nodes->panels ? nodes->panels->log_z : nodes->points->log_z, value, tolerance[c]);
        OK(sg_arena_new(sg_jet_bytes(full, d, SG_DT) + (size_t)d * SG_BLOCK * sizeof(double), &arena));
        OK(sg_jet_take(arena, full, d, SG_DT, &jet));
        sg_block block = {.x = sg_arena_take(arena, (size_t)d * SG_BLOCK, sizeof(double))};
        for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
            sg_nodes_block(nodes, b, &block, weight);
            model->family->jet(model, theta, &block, &jet);
            for (int j = 0; j < full; j++)
                for (int i = 0; i < block.n; i++) {
                    const double centred = jet.dt[j * SG_BLOCK + i] - gradient[j];
                    first[j] += weight[i] * jet.dt[j * SG_BLOCK + i];
                    for (int k = 0; k < full; k++)
                        second[j + k * full] += weight[i] * centred * (jet.dt[k * SG_BLOCK + i] - gradient[k]);
                }
        }
        for (int j = 0; j < full; j++) {
            const double size = sqrt(hessian[j + j * full]);
            near_to("mean", first[j], gradient[j], tolerance[c] * (size + fabs(gradient[j])));
            for (int k = 0; k < full; k++)
                near_to("covariance", second[j + k * full], hessian[j + k * full],
                        10 * tolerance[c] * size * sqrt(hessian[k + k * full]));
        }
        sg_arena_delete(arena);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
    }
}

/* In seven dimensions the gradient is the derivative of the value, and the Hessian that of the gradient. */
static void derivatives_of_log_z(void **state) {
    (void)state;
    enum { FULL = SG_NORMAL_FULL(7) };
    const double h = 1e-4;
    double theta[FULL], value[4], gradient[4][FULL], at[FULL];
    static double hessian[FULL * FULL];
    sg_model *model = model_of("gaussian:d=7,rho=0.4,correlation=ar1");
    move(model, theta);
    OK(sg_model_log_z(model, theta, &value[0], at, hessian));
    for (int j = 0; j < FULL; j++) {
        const double own = theta[j];
        for (int k = 0; k < 4; k++) {
            theta[j] = own + h * (k < 2 ? 2 * k - 1 : 4 * k - 10); /* -1 1 -2 2 */
            OK(sg_model_log_z(model, theta, &value[k], gradient[k], NULL));
        }
        theta[j] = own;
        near_to("gradient", (8 * (value[1] - value[0]) - (value[3] - value[2])) / (12 * h), at[j], 1e-9);
        for (int k = 0; k < FULL; k++)
            near_to("Hessian", (8 * (gradient[1][k] - gradient[0][k]) - (gradient[3][k] - gradient[2][k])) / (12 * h),
                    hessian[j + k * FULL], 1e-8);
    }
    sg_model_delete(model);
}

/* Its partition needs no nodes, in any dimension. */
static void partitions_by_the_closed_form(void **state) {
    (void)state;
    static const char *const texts[] = {"gaussian:s=2", "gaussian:d=6,rho=0.3,free=location1/precision11/precision43"};
    for (int c = 0; c < 2; c++) {
        sg_model *model = model_of(texts[c]);
        sg_chart *chart = NULL;
        sg_partition *partition = NULL;
        const double delta[] = {0.5, 0.2, -0.1};
        double free_theta[3], theta[MOST], value, all[MOST], gradient[3], hessian[9];
        static double whole[MOST * MOST];
        sg_local local = {.gradient = gradient, .hessian = hessian};
        OK(sg_chart_new(model, model->truth, NULL, &chart));
        OK(sg_partition_new(model, chart, NULL, &partition));
        OK(sg_partition_at(partition, delta, &local));
        for (int j = 0; j < model->m; j++) free_theta[j] = model->truth[model->free[j]] + delta[j];
        sg_model_expand(model, free_theta, theta);
        OK(sg_model_log_z(model, theta, &value, all, whole));
        near_to("log Z", local.log_z, value, 1e-14 * (1 + fabs(value)));
        for (int j = 0; j < model->m; j++) {
            near_to("gradient", gradient[j], all[model->free[j]], 1e-14);
            for (int k = 0; k < model->m; k++)
                near_to("Hessian", hessian[j + k * model->m], whole[model->free[j] + model->free[k] * model->full],
                        1e-14 * 16);
        }
        sg_partition_delete(partition);
        sg_chart_delete(chart);
        sg_model_delete(model);
    }
}

/* -------------------------------------------------------------------- draws */

/*
 * Means of all statistics within 6 standard errors, which closed forms give, and the law of the coordinates by
 * Kolmogorov's distance.  False alarms: 2e-9 for each of 70 means; 1e-8 for each of 10 laws by Massart's inequality.
 */
static void draws_have_the_law(void **state) {
    (void)state;
    enum { D = 10, N = BLOCKS * SG_BLOCK };
    const double *t;
    double theta[SG_NORMAL_FULL(D)], value, gradient[SG_NORMAL_FULL(D)], sum[SG_NORMAL_FULL(D)] = {0}, worst;
    static double hessian[SG_NORMAL_FULL(D) * SG_NORMAL_FULL(D)], seen[D][64];
    sg_model *model = model_of("gaussian:d=10,rho=0.5,condition=20,axes=turned");
    const int full = model->full;
    sg_sampler *sampler = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    sg_stream stream;
    move(model, theta);
    OK(sg_model_log_z(model, theta, &value, gradient, hessian));
    OK(sg_sampler_new(model, theta, NULL, &sampler));
    assert_true(sg_sampler_error(sampler) == 0);
    OK(sg_arena_new(sg_jet_bytes(full, D, SG_DT) + D * SG_BLOCK * sizeof(double), &arena));
    OK(sg_jet_take(arena, full, D, SG_DT, &jet));
    sg_block block = {.n = SG_BLOCK, .d = D, .draws = 1, .x = sg_arena_take(arena, D * SG_BLOCK, sizeof(double))};
    sg_stream_open(&stream, 77, SG_PURPOSE_TEST, 0);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        sg_stream_seek(&stream, b);
        sg_sampler_draw(sampler, &stream, &block);
        model->family->jet(model, theta, &block, &jet);
        for (int j = 0; j < full; j++)
            for (int i = 0; i < SG_BLOCK; i++) sum[j] += jet.dt[j * SG_BLOCK + i];
        for (int a = 0; a < D; a++)
            for (int i = 0; i < SG_BLOCK; i++) {
                const double z = (block.x[a * SG_BLOCK + i] - gradient[a]) / sqrt(hessian[a + a * full]);
                seen[a][(int)(64 * 0.5 * erfc(-z / sqrt(2)))]++;
            }
    }
    for (int j = 0; j < full; j++) {
        const double z = (sum[j] / N - gradient[j]) / sqrt(hessian[j + j * full] / N);
        if (!(fabs(z) < 6)) fail_msg("statistic %d is off by %g standard errors", j, z);
    }
    for (int a = 0; a < D; a++) {
        double below = worst = 0;
        t = seen[a];
        for (int k = 0; k < 64; k++) below += t[k] / N, worst = fmax(worst, fabs(below - (k + 1) / 64.0));
        assert_true(worst < sqrt(log(2 / 1e-8) / (2.0 * N)));
    }
    sg_arena_delete(arena);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_truth_has_the_covariance_of_its_keys),
        cmocka_unit_test(wrong_keys_are_refused),
        cmocka_unit_test(names_and_texts),
        cmocka_unit_test(indefinite_precisions_are_outside),
        cmocka_unit_test(log_z_agrees_with_quadrature),
        cmocka_unit_test(derivatives_of_log_z),
        cmocka_unit_test(partitions_by_the_closed_form),
        cmocka_unit_test(draws_have_the_law),
    };
    return cmocka_run_group_tests_name("gaussian", tests, NULL, NULL);
}
