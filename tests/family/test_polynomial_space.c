/*
 * Polynomials in several variables: names, sizes and truth; without products the law is one of independent variables,
 * whose moments panels give, by cubature and from chains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../model.h"
#include "family/nodes.h"

static void near_to(const char *what, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s = %.17g, not %.17g", what, got, want);
}

static void names_and_truth(void **state) {
    (void)state;
    static const char *const names[] = {"x1", "x2", "x1^2", "x1x2", "x2^2", "x1^3", "x1^2x2", "x1x2^2", "x2^3"};
    static const double truth[] = {0, 0, 2, .5, 2, 0, 0, 0, 0};
    char name[SG_NAME];
    sg_model *model = model_of("polynomial:d=2,B=2,coupling=0.5"), *line = model_of("polynomial:B=2");
    assert_int_equal(model->m, 9);
    for (int j = 0; j < 9; j++) {
        sg_model_parameter(model, j, name);
        assert_string_equal(name, names[j]);
        assert_true(model->truth[j] == truth[j]);
    }
    assert_string_equal(model->text, "polynomial(degree=3,B=2,d=2,coupling=0.5,free=x1/x2/x1^2/x1x2/x2^2/x1^3/x1^2x2/"
                                     "x1x2^2/x2^3)");
    assert_string_equal(line->text, "polynomial(degree=3,B=2,free=x1/x2/x3)");
    sg_model_delete(model);
    sg_model_delete(line);
}

static void sizes_and_refusals(void **state) {
    (void)state;
    static const struct {
        const char *d, *degree, *coupling;
        int full; /* or the status, negative */
    } cases[] = {{"3", "7", "0", 119},
                 {"10", "3", "1", 285},
                 {"64", "1", "0", 64},
                 {"1", "3", "1", -SG_BAD_SYNTAX},
                 {"20", "3", "0", -SG_OUT_OF_RANGE},
                 {"2", "1", "1", -SG_OUT_OF_RANGE}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const sg_pair pairs[] = {{"d", cases[k].d}, {"degree", cases[k].degree}, {"coupling", cases[k].coupling}};
        const long live = sg_memory_live();
        sg_model *model = NULL;
        const sg_status status = sg_model_new("polynomial", 3, pairs, &model);
        if (cases[k].full < 0)
            assert_int_equal(status, -cases[k].full);
        else
            assert_int_equal(model->full, cases[k].full);
        sg_model_delete(model);
        assert_int_equal(sg_memory_live(), live);
    }
}

/* log Z and E x^k on the line, k = 1 .. degree. */
static void on_the_line(const sg_model *line, const double *theta, double *log_z, double *moment) {
    sg_panels *panels = NULL;
    OK(sg_model_panels(line, theta, 0, &panels));
    *log_z = panels->log_z;
    for (int k = 1; k <= 2 * line->full; k++) {
        moment[k] = 0;
        for (int i = 0; i < panels->n; i++) moment[k] += panels->mass[i] * pow(panels->x[i], k);
    }
    moment[0] = 1;
    sg_panels_delete(panels);
}

/* Coefficients of single variables, another set for each; products have 0. */
static void separate(const sg_model *model, double line[][3], double *theta) {
    char name[SG_NAME];
    for (int j = 0; j < model->full; j++) {
        int a, k = 1;
        sg_model_parameter(model, j, name);
        theta[j] = 0;
        if (strchr(name + 1, 'x')) continue;
        (void)sscanf(name, "x%d^%d", &a, &k);
        theta[j] = line[a - 1][k - 1];
    }
}

/* Two wells in the first variable, a tilted single one in the second, what the truth has in the third. */
static double coefficients[][3] = {{0.2, 4, 0}, {-1, -1, 0.5}, {0, 0, 0}};

static void cubature_finds_independent_variables(void **state) {
    (void)state;
    for (int d = 2; d <= 3; d++) {
        sg_model *model = model_of(d == 2 ? "polynomial:d=2" : "polynomial:d=3"), *line = model_of("polynomial");
        double theta[19], moment[3][7], part, log_z = 0, weight[SG_BLOCK], sum[19] = {0};
        sg_nodes *nodes = NULL;
        sg_arena *arena = NULL;
        sg_jet jet;
        separate(model, coefficients, theta);
        for (int a = 0; a < d; a++) on_the_line(line, coefficients[a], &part, moment[a]), log_z += part;
        OK(d == 2 ? sg_nodes_new(model, theta, 0, false, &nodes) : sg_nodes_rough(model, theta, &nodes));
        near_to("log Z", nodes->points->log_z, log_z, d == 2 ? 1e-12 : 1e-6);
        OK(sg_arena_new(sg_jet_bytes(model->full, d, SG_DT) + (size_t)d * SG_BLOCK * sizeof(double), &arena));
        OK(sg_jet_take(arena, model->full, d, SG_DT, &jet));
        sg_block block = {.x = sg_arena_take(arena, (size_t)d * SG_BLOCK, sizeof(double))};
        for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
            sg_nodes_block(nodes, b, &block, weight);
            model->family->jet(model, theta, &block, &jet);
            for (int j = 0; j < model->full; j++)
                for (int i = 0; i < block.n; i++) sum[j] += weight[i] * jet.dt[j * SG_BLOCK + i];
        }
        for (int j = 0; j < model->full; j++) {
            char name[SG_NAME];
            double want = 1;
            sg_model_parameter(model, j, name);
            for (const char *at = name; *at;) {
                int a = 0, k = 1, used = 0;
                (void)sscanf(at, "x%d%n", &a, &used);
                at += used;
                if (*at == '^') (void)sscanf(at, "^%d%n", &k, &used), at += used;
                want *= moment[a - 1][k];
            }
            near_to(name, sum[j], want, d == 2 ? 1e-11 : 1e-6);
        }
        sg_arena_delete(arena);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
        sg_model_delete(line);
    }
}

/* Moments of every variable, and products of two, within 6 standard errors: 2e-9 each. */
static void chains_find_independent_variables(void **state) {
    (void)state;
    enum { D = 5, BLOCKS = 128, N = BLOCKS * SG_BLOCK };
    sg_model *model = model_of("polynomial:d=5,B=1"), *line = model_of("polynomial:B=1");
    double moment[7], log_z, sum[D][4] = {{0}}, mixed[D][D] = {{0}}, room[D * SG_BLOCK];
    sg_sampler *sampler = NULL;
    sg_stream stream;
    on_the_line(line, line->truth, &log_z, moment);
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    assert_false(sg_sampler_exact(sampler));
    sg_block block = {.n = SG_BLOCK, .d = D, .draws = 1, .x = room};
    sg_stream_open(&stream, 12, SG_PURPOSE_TEST, 0);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        sg_stream_seek(&stream, b);
        sg_sampler_draw(sampler, &stream, &block);
        for (int i = 0; i < SG_BLOCK; i++)
            for (int a = 0; a < D; a++) {
                const double x = room[a * SG_BLOCK + i];
                for (int k = 1; k < 4; k++) sum[a][k] += pow(x, k) / N;
                for (int c = 0; c < a; c++) mixed[a][c] += x * room[c * SG_BLOCK + i] / N;
            }
    }
    for (int a = 0; a < D; a++) {
        for (int k = 1; k < 4; k++)
            near_to("a moment", sum[a][k], moment[k], 6 * sqrt((moment[2 * k] - moment[k] * moment[k]) / N));
        for (int c = 0; c < a; c++) near_to("a product", mixed[a][c], 0, 6 * moment[2] / sqrt(N));
    }
    sg_sampler_delete(sampler);
    sg_model_delete(model);
    sg_model_delete(line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_truth),
        cmocka_unit_test(sizes_and_refusals),
        cmocka_unit_test(cubature_finds_independent_variables),
        cmocka_unit_test(chains_find_independent_variables),
    };
    return cmocka_run_group_tests_name("polynomials in several variables", tests, NULL, NULL);
}
