/* Products of laws on the line: names and texts, domain, log Z, draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "../model.h"

static void near_to(const char *what, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s = %.17g, not %.17g", what, got, want);
}

/* The canonical text of the factors reads back as itself. */
static void names_and_texts(void **state) {
    (void)state;
    static const char *const names[] = {"base_1", "erf_1", "location_2", "precision_2",
                                        "base_3", "erf_3", "location_4", "precision_4"};
    char name[SG_NAME];
    sg_model *model = model_of("product:of=bimodal:a=3e0/gaussian:s=0.50"),
             *again = model_of("product:of=bimodal:a=3/gaussian:d=1:s=0.5,copies=2,free=all");
    assert_string_equal(model->text, "product(of=bimodal:a=3/gaussian:d=1:s=0.5,copies=2,free=base_1/erf_1/location_2/"
                                     "precision_2/base_3/erf_3/location_4/precision_4)");
    assert_string_equal(model->text, again->text);
    assert_int_equal(model->m, 8);
    for (int j = 0; j < 8; j++) {
        sg_model_parameter(model, j, name);
        assert_string_equal(name, names[j]);
    }
    assert_true(model->truth[3] == 4 && model->truth[7] == 4 && model->truth[0] == 1 && model->truth[1] == 0);
    sg_model_delete(model);
    sg_model_delete(again);
}

/* Parameters by name that are no coordinates of a factor are none of the product. */
static void directions_are_those_of_the_factors(void **state) {
    (void)state;
    sg_model *model = model_of("product:of=gaussian/bimodal,copies=1"), *line = model_of("bimodal");
    double whole[4], part[2];
    for (int alone = 0; alone < 2; alone++)
        for (int j = 0; j < 2; j++) {
            sg_model_direction(model, 2 + j, alone, whole);
            sg_model_direction(line, j, alone, part);
            assert_true(whole[0] == 0 && whole[1] == 0 && whole[2] == part[0] && whole[3] == part[1]);
        }
    assert_true(model->truth[2] == line->truth[0] && model->truth[3] == line->truth[1]);
    sg_model_delete(model);
    sg_model_delete(line);
}

static void wrong_factors_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *of, *copies;
        sg_status status;
    } wrong[] = {{"gausian", "2", SG_UNKNOWN},       {"mixture", "2", SG_MISFIT},
                 {"laplace", "2", SG_MISFIT},        {"truncated-gaussian", "2", SG_MISFIT},
                 {"ising", "2", SG_MISFIT},          {"gaussian:d=2", "2", SG_MISFIT},
                 {"gaussian:s", "2", SG_BAD_SYNTAX}, {"gaussian:s=-1", "2", SG_OUT_OF_RANGE},
                 {"gaussian/", "2", SG_UNKNOWN},     {"bimodal:free=erf", "2", SG_BAD_SYNTAX},
                 {"gaussian", "1", SG_OUT_OF_RANGE}, {"gaussian", "33", SG_OUT_OF_RANGE},
                 {"product", "2", SG_MISFIT}};
    const long live = sg_memory_live();
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const sg_pair pairs[] = {{"of", wrong[k].of}, {"copies", wrong[k].copies}};
        sg_model *model = NULL;
        const sg_status status = sg_model_new("product", 2, pairs, &model);
        if (status != wrong[k].status) fail_msg("%s: %s: %s", wrong[k].of, sg_status_name(status), sg_message());
        assert_null(model);
        assert_int_equal(sg_memory_live(), live);
    }
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    const sg_pair pairs[] = {{"of", "bimodal/gaussian/double-well"}};
    const long live = sg_memory_live();
    for (long k = 1;; k++) {
        sg_model *model = NULL;
        sg_memory_fail_after(k);
        const sg_status status = sg_model_new("product", 1, pairs, &model);
        sg_memory_fail_after(0);
        sg_model_delete(model);
        assert_int_equal(sg_memory_live(), live);
        if (status == SG_OK) break;
        assert_int_equal(status, SG_NO_MEMORY);
        assert_true(k < 1000);
    }
}

/* log Z and its derivatives by panels, coordinate by coordinate, against cubature, at another theta. */
static void check_log_z(const char *text, double tolerance) {
    enum { MOST = 7 };
    sg_model *model = model_of(text);
    const int full = model->full, d = model->space.d;
    double theta[MOST], value, gradient[MOST], hessian[MOST * MOST], weight[SG_BLOCK], first[MOST] = {0},
                                                                                       second[MOST * MOST] = {0};
    sg_nodes *nodes = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    memcpy(theta, model->truth, (size_t)full * sizeof *theta);
    theta[0] = 0.4, theta[2] = 0.3;
    OK(sg_model_log_z(model, theta, &value, gradient, hessian));
    OK(sg_nodes_new(model, theta, 0, false, &nodes));
    near_to("log Z", nodes->points->log_z, value, tolerance);
    OK(sg_arena_new(sg_jet_bytes(full, d, SG_DT) + (size_t)d * SG_BLOCK * sizeof(double), &arena));
    OK(sg_jet_take(arena, full, d, SG_DT, &jet));
    sg_block block = {.x = sg_arena_take(arena, (size_t)d * SG_BLOCK, sizeof(double))};
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        model->family->jet(model, theta, &block, &jet);
        for (int j = 0; j < full; j++)
            for (int i = 0; i < block.n; i++) {
                const double centred = jet.dt[j * SG_BLOCK + i] - gradient[j];
                first[j] += weight[i] * centred;
                for (int k = 0; k < full; k++)
                    second[j + k * full] += weight[i] * centred * (jet.dt[k * SG_BLOCK + i] - gradient[k]);
            }
    }
    for (int j = 0; j < full; j++) {
        near_to("mean", first[j], 0, tolerance * sqrt(hessian[j * (full + 1)]));
        for (int k = 0; k < full; k++)
            near_to("covariance", second[j + k * full], hessian[j + k * full],
                    10 * tolerance * sqrt(hessian[j * (full + 1)] * hessian[k * (full + 1)]));
    }
    sg_arena_delete(arena);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void log_z_is_a_sum(void **state) {
    (void)state;
    check_log_z("product:of=double-well:h=1/gaussian:s=2,copies=1", 1e-12);
    check_log_z("product:of=bimodal:a=1.5/gaussian:s=2/double-well:h=1,copies=1", 1e-8);
}

/* -------------------------------------------------------------------- draws */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * The law of each coordinate (1e-8 by Massart's inequality), and 36 pairs of ranks without correlation, each within 6
 * of its standard errors 1/sqrt(n) (2e-9).
 */
static void draws_have_the_law(void **state) {
    (void)state;
    enum { D = 9, BLOCKS = 200, N = BLOCKS * SG_BLOCK };
    sg_model *model = model_of("product:of=bimodal:a=2/sinusoid:omega=3/double-well:h=6,copies=3");
    const char *const lines[] = {"bimodal:a=2", "sinusoid:omega=3", "double-well:h=6"};
    double room[D * SG_BLOCK] __attribute__((aligned(SG_ALIGN))), *u = NULL, above;
    sg_sampler *sampler = NULL;
    sg_stream stream;
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    assert_true(sg_sampler_error(sampler) < 1e-9 && sg_sampler_exact(sampler));
    OK(sg_new(&u, D * N, sizeof *u));
    sg_block block = {.n = SG_BLOCK, .d = D, .draws = 1, .x = room};
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    for (int b = 0; b < BLOCKS; b++) {
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(sampler, &stream, &block);
        for (int a = 0; a < D; a++) memcpy(u + a * N + b * SG_BLOCK, room + a * SG_BLOCK, SG_BLOCK * sizeof *u);
    }
    for (int a = 0; a < D; a++) {
        sg_model *line = model_of(lines[a % 3]);
        sg_panels *panels = NULL;
        OK(sg_model_panels(line, line->truth, 0, &panels));
        for (int i = 0; i < N; i++) sg_panels_distribution(panels, u[a * N + i], &u[a * N + i], &above);
        sg_panels_delete(panels);
        sg_model_delete(line);
    }
    for (int a = 0; a < D; a++)
        for (int b = 0; b < a; b++) {
            double sum = 0;
            for (int i = 0; i < N; i++) sum += 12 * (u[a * N + i] - 0.5) * (u[b * N + i] - 0.5);
            assert_true(fabs(sum) < 6 * sqrt(N));
        }
    for (int a = 0; a < D; a++) {
        double worst = 0;
        qsort(u + a * N, N, sizeof *u, ascending);
        for (int i = 0; i < N; i++) worst = fmax(worst, fabs(u[a * N + i] - (i + 0.5) / N));
        assert_true(worst < sqrt(log(2 / 1e-8) / (2.0 * N)));
    }
    sg_delete(u);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_texts),
        cmocka_unit_test(directions_are_those_of_the_factors),
        cmocka_unit_test(wrong_factors_are_refused),
        cmocka_unit_test(allocation_failures_leave_nothing),
        cmocka_unit_test(log_z_is_a_sum),
        cmocka_unit_test(draws_have_the_law),
    };
    return cmocka_run_group_tests_name("products", tests, NULL, NULL);
}
