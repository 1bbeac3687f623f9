/*
 * The a-b model: keys, domain, the functions that fits by coordinates take against its jets, draws of every kind of
 * sampler against cubature, memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "../model.h"

enum { B = SG_BLOCK };

/* ------------------------------------------------------------ keys and domain */

static void keys(void **state) {
    (void)state;
    sg_model *model = model_of("ab-model:d=3,graph=banded,width=2,coupling=-0.2,diagonal=2,eta=0.5");
    const double truth[] = {2, -.2, 2, -.2, -.2, 2, .5, .5, .5};
    const char *const names[] = {"K0-0", "K0-1", "K1-1", "K0-2", "K1-2", "K2-2", "eta0", "eta1", "eta2"};
    assert_int_equal(model->full, 9);
    assert_int_equal(model->space.shape, SG_ORTHANT);
    assert_memory_equal(model->truth, truth, sizeof truth);
    for (int j = 0; j < 9; j++) {
        char name[SG_NAME];
        model->family->parameter(model, j, name);
        assert_string_equal(name, names[j]);
    }
    sg_model_delete(model);
    model = model_of("ab-model:d=4,graph=ring,centred=yes");
    assert_int_equal(model->full, 10);
    assert_true(model->truth[6] == 0.3 && model->truth[3] == 0); /* K0-3, K0-2 */
    sg_model_delete(model);
    model = model_of("ab-model:d=200");
    char name[SG_NAME];
    assert_int_equal(model->full, 200 * 201 / 2 + 200);
    model->family->parameter(model, 150 * 151 / 2 + 3, name);
    assert_string_equal(name, "K3-150");
    assert_non_null(strstr(model->text, "free=all"));
    sg_model_delete(model);
    static const struct {
        const char *key, *value;
        sg_status status;
    } bad[] = {{"d", "0", SG_OUT_OF_RANGE},  {"d", "513", SG_OUT_OF_RANGE},         {"b", "2", SG_OUT_OF_RANGE},
               {"a", "0", SG_OUT_OF_RANGE},  {"graph", "chain", SG_UNKNOWN},        {"width", "2", SG_BAD_SYNTAX},
               {"a", "-1", SG_OUT_OF_RANGE}, {"coupling", "-1", SG_NOT_INTEGRABLE}, {"graph", "@none", SG_CANNOT_READ}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        const sg_pair pair = {bad[k].key, bad[k].value};
        assert_int_equal(sg_model_new("ab-model", 1, &pair, &model), bad[k].status);
        assert_null(model);
    }
}

static void file(void **state) {
    (void)state;
    char path[] = "/tmp/scoregap-ab-XXXXXX", text[128];
    static const char lines[] = "0 2 -0.25\n# fields\n1 0.5\n";
    const int out = mkstemp(path);
    assert_true(out >= 0 && write(out, lines, sizeof lines - 1) == (ssize_t)sizeof lines - 1 && !close(out));
    snprintf(text, sizeof text, "ab-model:d=3,graph=@%s,coupling=2,eta=1", path);
    sg_model *model = model_of(text);
    const double truth[] = {1, 0, 1, -.5, 0, 1, 1, 1.5, 1};
    assert_memory_equal(model->truth, truth, sizeof truth);
    sg_model_delete(model);
    snprintf(text, sizeof text, "@%s", path);
    const sg_pair few[] = {{"d", "2"}, {"graph", text}}, centred[] = {{"d", "3"}, {"graph", text}, {"centred", "yes"}};
    assert_int_equal(sg_model_new("ab-model", 2, few, &model), SG_OUT_OF_RANGE);
    assert_int_equal(sg_model_new("ab-model", 3, centred, &model), SG_BAD_DATA);
    unlink(path);
}

/* K_00, K_01, K_11, eta_0, eta_1 of d = 2, where the conditions are exact but for K singular. */
static void domain(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool inside;
        double theta[5];
    } table[] = {{"ab-model", true, {1, 5, 1, -9, 9}},
                 {"ab-model", true, {1, -.99, 1, 0, 0}},
                 {"ab-model", false, {1, -1.01, 1, 0, 0}},
                 {"ab-model", false, {-1, 5, 1, 0, 0}},
                 {"ab-model", false, {1, 0, 0, -1, -1}},
                 {"ab-model", false, {1, NAN, 1, 0, 0}},
                 {"ab-model:space=reals", false, {1, 5, 1, 0, 0}},
                 {"ab-model:space=reals", true, {1, .9, 1, 3, 0}},
                 {"ab-model:b=0", true, {1, 5, 1, -.9, 3}},
                 {"ab-model:b=0", false, {1, 0, 1, -1.1, 0}},
                 {"ab-model:a=0,b=0", true, {1, .9, 1, -7, 3}},
                 {"ab-model:a=0,b=0", false, {1, 5, 1, 0, 0}}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_model *model = model_of(table[k].text);
        assert_int_equal(model->family->inside(model, table[k].theta), table[k].inside);
        sg_model_delete(model);
    }
}

/* ---------------------------------------------------------- functions and jets */

static const char *const laws[] = {"ab-model:d=3",
                                   "ab-model:d=3,a=0.5,b=0.5,eta=1",
                                   "ab-model:d=2,a=1,b=0,eta=0.5",
                                   "ab-model:d=3,a=0,b=0,eta=-0.5",
                                   "ab-model:d=2,a=1.5,b=0.7,centred=yes",
                                   "ab-model:d=2,a=2,b=3",
                                   "ab-model:d=4,space=reals"};
enum { LAWS = sizeof laws / sizeof *laws };

/* d_j F_jk = -g'_j g_k, d_jj F_jk = -g''_j g_k - [k = j] g'_j^2, and v: what sg_interactions says of the jet. */
static void interactions(void **state) {
    (void)state;
    for (int c = 0; c < LAWS; c++) {
        sg_model *model = model_of(laws[c]);
        const int d = model->space.d, seconds = d * (d + 1) / 2;
        sg_arena *arena = NULL;
        sg_jet jet;
        sg_interactions f;
        sg_stream stream;
        double **rows[] = {&f.g, &f.g1, &f.g2, &f.v1, &f.v2};
        const int want = SG_DT_DX | SG_DT_DXX;
        const size_t room = (size_t)d * B;
        OK(sg_arena_new(sg_jet_bytes(model->full, d, want) + 6 * room * sizeof(double), &arena));
        OK(sg_jet_take(arena, model->full, d, want, &jet));
        sg_block block = {.n = 100, .d = d, .draws = 1, .x = sg_arena_take(arena, room, sizeof(double))};
        for (int k = 0; k < 5; k++) *rows[k] = sg_arena_take(arena, room, sizeof(double));
        sg_stream_open(&stream, 5, SG_PURPOSE_TEST, (uint32_t)c);
        sg_stream_uniform(&stream, room, block.x);
        for (size_t k = 0; k < room; k++) block.x[k] *= 4;
        model->family->interactions(model, &block, &f);
        model->family->jet(model, model->truth, &block, &jet);
        for (int j = 0; j < d; j++)
            for (int k = 0; k < d; k++)
                for (int i = 0; i < 100; i++) {
                    const int t = j > k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j, diagonal = j * (j + 3) / 2;
                    const double slope = jet.dt_dx[(t * d + j) * B + i],
                                 bend = jet.dt_dxx[(t * seconds + diagonal) * B + i];
                    const double g1 = f.g1[j * B + i], first = -g1 * f.g[k * B + i];
                    const double part = j == k ? g1 * g1 : 0, second = -f.g2[j * B + i] * f.g[k * B + i] - part;
                    assert_true(fabs(slope - first) <= 1e-13 * fabs(first));
                    assert_true(fabs(bend - second) <= 1e-12 * (fabs(second) + part));
                }
        for (int j = 0; j < d && model->full > seconds; j++)
            for (int i = 0; i < 100; i++) {
                const int t = seconds + j, diagonal = j * (j + 3) / 2;
                assert_true(jet.dt_dx[(t * d + j) * B + i] == f.v1[j * B + i]);
                assert_true(jet.dt_dxx[(t * seconds + diagonal) * B + i] == f.v2[j * B + i]);
            }
        sg_arena_delete(arena);
        sg_model_delete(model);
    }
}

/* -------------------------------------------------------------------- samplers */

static void statistics(const sg_model *model, sg_jet *jet, const sg_block *block, const double *weight, double *mean,
                       double *square) {
    model->family->jet(model, model->truth, block, jet);
    for (int k = 0; k < model->full; k++)
        for (int i = 0; i < block->n; i++) {
            const double f = jet->dt[k * B + i], w = weight ? weight[i] : 1;
            mean[k] += w * f, square[k] += w * f * f;
        }
}

/*
 * Means and mean squares of all statistics over 2^18 draws against cubature: 5 standard errors, 100 comparisons, 6e-5
 * in all.
 */
static void draws(void **state) {
    (void)state;
    enum { BLOCKS = 1024 };
    static const struct {
        const char *text, *method;
    } cases[] = {{"ab-model:d=1,eta=-3", "exact: a normal law"},
                 {"ab-model:d=1,a=0.5,b=0.5,eta=1", "the inverse"},
                 {"ab-model:d=1,a=1,b=0,eta=-0.5", "the inverse"},
                 {"ab-model:d=2,eta=0.5", "exact: rejection"},
                 {"ab-model:d=3,coupling=-0.4,graph=complete", "exact: rejection"},
                 {"ab-model:d=2,coupling=3,eta=1", "Gibbs"},
                 {"ab-model:d=2,eta=-4", "Gibbs"},
                 {"ab-model:d=2,a=0.5,b=0.5,coupling=-0.4,eta=1", "Gibbs"},
                 {"ab-model:d=2,a=1,b=0,eta=0.5", "Gibbs"},
                 {"ab-model:d=2,a=2,b=1,coupling=3,eta=1", "Gibbs"},
                 {"ab-model:d=2,a=0,b=0,eta=0.3", "exact: exp"},
                 {"ab-model:d=2,space=reals,eta=1", "exact: the root"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        sg_model *model = model_of(cases[c].text);
        const int d = model->space.d, full = model->full;
        double mean[2][9] = {{0}}, square[2][9] = {{0}}, fourth[9] = {0}, weight[B];
        sg_sampler *sampler = NULL;
        sg_nodes *nodes = NULL;
        sg_arena *arena = NULL;
        sg_jet jet;
        sg_stream stream;
        OK(sg_arena_new(sg_jet_bytes(full, d, SG_DT) + (size_t)d * B * sizeof(double), &arena));
        OK(sg_jet_take(arena, full, d, SG_DT, &jet));
        sg_block block = {.n = B, .d = d, .draws = 1, .x = sg_arena_take(arena, (size_t)d * B, sizeof(double))};
        OK(sg_sampler_new(model, model->truth, NULL, &sampler));
        if (strncmp(sg_sampler_method(sampler), cases[c].method, strlen(cases[c].method)))
            fail_msg("%s: %s", cases[c].text, sg_sampler_method(sampler));
        assert_true(sg_sampler_error(sampler) < 1e-4);
        sg_stream_open(&stream, 99, SG_PURPOSE_TEST, (uint32_t)c);
        for (uint32_t b = 0; b < BLOCKS; b++) {
            sg_stream_seek(&stream, b);
            sg_sampler_draw(sampler, &stream, &block);
            for (int k = 0; k < d * B && model->space.shape == SG_ORTHANT; k++) assert_true(block.x[k] > 0);
            statistics(model, &jet, &block, NULL, mean[0], square[0]);
            for (int k = 0; k < full; k++)
                for (int i = 0; i < B; i++) fourth[k] += pow(jet.dt[k * B + i], 4);
        }
        OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
        for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
            sg_nodes_block(nodes, b, &block, weight);
            statistics(model, &jet, &block, weight, mean[1], square[1]);
        }
        const double n = (double)BLOCKS * B;
        for (int k = 0; k < full; k++) {
            const double m = mean[0][k] / n, s = square[0][k] / n, q = fourth[k] / n;
            if (!(fabs(m - mean[1][k]) < 5 * sqrt((s - m * m) / n)))
                fail_msg("%s: mean %d is %g, not %g", cases[c].text, k, m, mean[1][k]);
            if (!(fabs(s - square[1][k]) < 5 * sqrt((q - s * s) / n)))
                fail_msg("%s: mean square %d is %g, not %g", cases[c].text, k, s, square[1][k]);
        }
        sg_nodes_delete(nodes);
        sg_sampler_delete(sampler);
        sg_arena_delete(arena);
        sg_model_delete(model);
    }
}

/* A block of draws is a function of its number, whatever was drawn before; no two blocks are the same. */
static void streams(void **state) {
    (void)state;
    sg_model *model = model_of("ab-model:d=20,coupling=-0.3,eta=0.5,graph=ring");
    static double x[3][20 * B] __attribute__((aligned(64)));
    sg_sampler *sampler = NULL, *again = NULL;
    sg_stream stream;
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    OK(sg_sampler_new(model, model->truth, NULL, &again));
    sg_stream_open(&stream, 3, SG_PURPOSE_DATA, 0);
    for (int k = 0; k < 3; k++) {
        sg_block block = {.n = B, .d = 20, .draws = 1, .x = x[k]};
        sg_stream_seek(&stream, k == 2 ? 0 : (uint32_t)k);
        sg_sampler_draw(k == 2 ? again : sampler, &stream, &block);
    }
    assert_memory_equal(x[0], x[2], sizeof x[0]);
    assert_memory_not_equal(x[0], x[1], sizeof x[0]);
    sg_sampler_delete(sampler);
    sg_sampler_delete(again);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------- cuts */

/* Of x_0 of the law with K = 1, c off the diagonal: exp((c^2 - 1) x^2/2) erfc(c x/sqrt 2). */
static double marginal(double x, void *c) {
    const double coupling = *(const double *)c, z = coupling * x / sqrt(2);
    return exp(gsl_sf_log_erfc(z) + 0.5 * (coupling * coupling - 1) * x * x);
}

static double marginal_mass(double lo, double hi, double c) {
    gsl_integration_workspace *space = gsl_integration_workspace_alloc(2000);
    gsl_function f = {marginal, &c};
    double sum, error;
    assert_int_equal(gsl_integration_qag(&f, lo, hi, 0, 1e-12, 2000, GSL_INTEG_GAUSS61, space, &sum, &error), 0);
    gsl_integration_workspace_free(space);
    return sum;
}

/* No box of cubature goes across a kink of a loss, and nothing beyond is lost, also where little of the law lies. */
static void cuts(void **state) {
    (void)state;
    static const double couplings[] = {-0.5, 0, 2, 3, 4, 6}, places[] = {0.3, 1, 3, 4};
    for (int c = 0; c < 6; c++)
        for (int k = 0; k < 4; k++) {
            char text[64];
            snprintf(text, sizeof text, "ab-model:d=2,centred=yes,coupling=%g", couplings[c]);
            sg_model *model = model_of(text);
            sg_nodes *nodes = NULL;
            double beyond = 0;
            OK(sg_nodes_cut(model, model->truth, 0, 1, &places[k], &nodes));
            for (long long i = 0; i < nodes->n; i++) beyond += nodes->points->x[i] > places[k] ? nodes->mass[i] : 0;
            const double expected = marginal_mass(places[k], 40, couplings[c]) / marginal_mass(0, 40, couplings[c]);
            if (!(fabs(beyond - expected) < 1e-11 * (expected + 1e-2)))
                fail_msg("%s: beyond %g lies %.12g, expected %.12g", text, places[k], beyond, expected);
            sg_nodes_delete(nodes);
            sg_model_delete(model);
        }
}

static void memory(void **state) {
    (void)state;
    static const char *const texts[] = {"ab-model:d=2,eta=0.5", "ab-model:d=2,coupling=3", "ab-model:d=1,a=0.5,b=0.5"};
    for (int c = 0; c < 3; c++) {
        sg_model *model = model_of(texts[c]);
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        for (long k = 1; status != SG_OK; k++) {
            sg_sampler *sampler = NULL;
            sg_memory_fail_after(k);
            status = sg_sampler_new(model, model->truth, NULL, &sampler);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK || status == SG_NO_MEMORY);
            sg_sampler_delete(sampler);
            assert_int_equal(sg_memory_live(), live);
        }
        sg_model_delete(model);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),  cmocka_unit_test(file),    cmocka_unit_test(domain), cmocka_unit_test(interactions),
        cmocka_unit_test(draws), cmocka_unit_test(streams), cmocka_unit_test(memory), cmocka_unit_test(cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
