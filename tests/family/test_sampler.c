/*
 * Samplers of every family against distribution functions from a uniform grid.
 *
 * False alarms: COUNT Kolmogorov-Smirnov tests, each at level 1e-6 / COUNT by P(sqrt(n) D > t) <= 2 exp(-2 t^2)
 * (Massart), which holds for every n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/family.h"

enum { PAIRS_MOST = 8, BLOCKS = 800, DRAWS = BLOCKS * SG_BLOCK, CELLS = 400000 };

static const char *const cases[][2] = {
    {"gaussian", "s=3"},      {"bimodal", "a=1"},         {"bimodal", "a=3"},         {"bimodal", "a=6"},
    {"monomial", "k=4"},      {"monomial", "k=16"},       {"sinusoid", "omega=1"},    {"sinusoid", "omega=8"},
    {"polynomial", "B=4"},    {"polynomial", "degree=7"}, {"sparse-cut", "a=2,g=.1"}, {"sparse-cut", "g=.01"},
    {"double-well", "h=5"},   {"double-well", "h=40"},    {"mixture", "m=1"},         {"mixture", "m=4,w=.01"},
    {"mixture", "m=.1,w=.9"}, {"polynomial", "degree=1"}, {"laplace", "scale=2"},     {"exponential", "rate=.3"},
    {"logistic", "scale=5"},  {"student", "nu=60"},       {"uniform", "lo=-2,hi=7"},  {"truncated-gaussian", "hi=.5"},
    {"von-mises", "kappa=0"}, {"von-mises", "kappa=7"}};
/* Another law than the truth of some of them: full theta. */
static const struct {
    const char *family;
    double theta[3];
} elsewhere[] = {
    {"gaussian", {4, 0.25}},   {"bimodal", {0.5, 1.5}}, {"sparse-cut", {1, 2}}, {"double-well", {1.5, -1, 0.5}},
    {"mixture", {0.2, 3, -1}}, {"logistic", {-3, 0.5}}, {"uniform", {-4}},      {"truncated-gaussian", {3, -20}},
    {"von-mises", {-1, -3}}};
enum { CASES = sizeof cases / sizeof cases[0], ELSEWHERE = sizeof elsewhere / sizeof elsewhere[0] };
enum { COUNT = CASES + ELSEWHERE };

static sg_model *model_of(const char *family, const char *keys) {
    char text[256];
    sg_pair pairs[PAIRS_MOST];
    int count = 0;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, PAIRS_MOST, pairs, &count), SG_OK);
    if (sg_model_new(family, count, pairs, &model) != SG_OK) fail_msg("%s", sg_message());
    return model;
}

/* exp(log p - top) at `n` points from lo in steps of h. */
static void densities(const sg_model *model, const double *theta, double lo, double h, int n, double *p) {
    sg_arena *arena = NULL;
    sg_jet jet;
    double top = -INFINITY;
    assert_int_equal(sg_arena_new(sg_jet_bytes(model->full, 1, SG_LOGP) + SG_BLOCK * sizeof(double), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, model->full, 1, SG_LOGP, &jet), SG_OK);
    sg_block block = {.d = 1, .draws = 1, .x = sg_arena_take(arena, SG_BLOCK, sizeof(double))};
    for (int start = 0; start < n; start += SG_BLOCK) {
        block.n = n - start < SG_BLOCK ? n - start : SG_BLOCK;
        for (int i = 0; i < block.n; i++) block.x[i] = lo + h * (start + i);
        model->family->jet(model, theta, &block, &jet);
        memcpy(p + start, jet.logp, (size_t)block.n * sizeof(double));
    }
    for (int i = 0; i < n; i++) top = fmax(top, p[i]);
    for (int i = 0; i < n; i++) p[i] = exp(p[i] - top);
    sg_arena_delete(arena);
}

/* Distribution function at the ends of CELLS equal cells, by Simpson's rule in each. */
typedef struct {
    double lo, width;
    double *below; /* [CELLS + 1] */
    double *p;     /* [2 CELLS + 1] */
} table;

static table table_of(const sg_model *model, const double *theta, double lo, double hi) {
    table t = {.lo = lo, .width = (hi - lo) / CELLS};
    assert_int_equal(sg_new(&t.below, CELLS + 1, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&t.p, 2 * CELLS + 1, sizeof(double)), SG_OK);
    densities(model, theta, lo, t.width / 2, 2 * CELLS + 1, t.p);
    for (int c = 0; c < CELLS; c++) t.below[c + 1] = t.below[c] + t.p[2 * c] + 4 * t.p[2 * c + 1] + t.p[2 * c + 2];
    for (int c = 0; c < CELLS; c++) t.below[c] /= t.below[CELLS];
    t.below[CELLS] = 1;
    return t;
}

/* Within a cell the density is taken as linear: its error is of third order in the width of the cell. */
static double below(const table *t, double x) {
    double place = (x - t->lo) / t->width;
    if (!(place > 0)) return 0;
    if (place >= CELLS) return 1;
    int c = (int)place;
    double s = place - c, a = t->p[2 * c], b = t->p[2 * c + 2];
    double share = a + b > 0 ? (a * s + 0.5 * (b - a) * s * s) / (0.5 * (a + b)) : s;
    return t->below[c] + share * (t->below[c + 1] - t->below[c]);
}

static void delete_table(table *t) {
    sg_delete(t->below);
    sg_delete(t->p);
}

/* Where p is above e^-50 of its maximum, a little more. */
static table table_of_panels(const sg_model *model, const double *theta, const sg_panels *panels) {
    double top = -INFINITY;
    int first = 0, last = panels->n - 1;
    for (int i = 0; i < panels->n; i++) top = fmax(top, panels->logp[i]);
    while (panels->logp[first] < top - 50) first++;
    while (panels->logp[last] < top - 50) last--;
    /* to the ends of the support where p does not vanish there */
    return table_of(model, theta, first ? panels->x[first] : panels->edge[0],
                    last + 1 < panels->n ? panels->x[last] : panels->edge[panels->count]);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void draw_all(const sg_sampler *sampler, uint32_t replicate, double *out) {
    double x[SG_BLOCK] __attribute__((aligned(SG_ALIGN)));
    sg_block block = {.n = SG_BLOCK, .d = 1, .draws = 1, .x = x};
    sg_stream stream;
    sg_stream_open(&stream, 2024, SG_PURPOSE_TEST, replicate);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        sg_stream_seek(&stream, b);
        sg_sampler_draw(sampler, &stream, &block);
        memcpy(out + b * SG_BLOCK, x, sizeof x);
    }
}

static double kolmogorov(const table *t, double *x) {
    double worst = 0;
    qsort(x, DRAWS, sizeof *x, ascending);
    for (int i = 0; i < DRAWS; i++) {
        double f = below(t, x[i]);
        worst = fmax(worst, fmax(fabs(f - i / (double)DRAWS), fabs(f - (i + 1) / (double)DRAWS)));
    }
    return worst;
}

static void check_law(const sg_model *model, const double *theta, uint32_t replicate) {
    sg_panels *panels = NULL;
    sg_sampler *sampler = NULL;
    double *x = NULL;
    assert_int_equal(sg_model_panels(model, theta, 0, &panels), SG_OK);
    assert_int_equal(sg_sampler_new(model, theta, panels, &sampler), SG_OK);
    table t = table_of_panels(model, theta, panels);
    sg_panels_delete(panels); /* the sampler may not look at them later */
    assert_int_equal(sg_new(&x, DRAWS, sizeof(double)), SG_OK);
    draw_all(sampler, replicate, x);
    double distance = kolmogorov(&t, x), most = sqrt(log(2 * COUNT / 1e-6) / (2.0 * DRAWS));
    if (!(distance < most)) fail_msg("%s: D = %g, at most %g", model->text, distance, most);
    sg_delete(x);
    delete_table(&t);
    sg_sampler_delete(sampler);
}

static void draws_have_the_law(void **state) {
    (void)state;
    for (int c = 0; c < CASES; c++) {
        sg_model *model = model_of(cases[c][0], cases[c][1]);
        check_law(model, model->truth, (uint32_t)c);
        sg_model_delete(model);
    }
    for (int c = 0; c < ELSEWHERE; c++) {
        sg_model *model = model_of(elsewhere[c].family, "");
        check_law(model, elsewhere[c].theta, (uint32_t)(CASES + c));
        sg_model_delete(model);
    }
}

/* The test above can fail: a coefficient of erf that is off by 0.02 is noticed. */
static void a_wrong_law_is_noticed(void **state) {
    (void)state;
    sg_model *model = model_of("bimodal", "a=3");
    sg_panels *panels = NULL;
    sg_sampler *sampler = NULL;
    double *x = NULL, other[] = {1, 0.02};
    assert_int_equal(sg_model_panels(model, model->truth, 0, &panels), SG_OK);
    assert_int_equal(sg_sampler_new(model, other, NULL, &sampler), SG_OK);
    table t = table_of_panels(model, model->truth, panels);
    assert_int_equal(sg_new(&x, DRAWS, sizeof(double)), SG_OK);
    draw_all(sampler, 0, x);
    assert_true(kolmogorov(&t, x) > sqrt(log(2 * COUNT / 1e-6) / (2.0 * DRAWS)));
    sg_delete(x);
    delete_table(&t);
    sg_sampler_delete(sampler);
    sg_panels_delete(panels);
    sg_model_delete(model);
}

/*
 * |F(x(u)) - u| at every uniform drawn, F by panels half as wide and by the uniform grid, whose own error is below
 * 1e-9.
 */
static void table_error_is_a_bound(void **state) {
    (void)state;
    for (int c = 0; c < CASES; c++) {
        sg_model *model = model_of(cases[c][0], cases[c][1]);
        sg_panels *panels = NULL;
        sg_sampler *sampler = NULL;
        assert_int_equal(sg_model_panels(model, model->truth, 1, &panels), SG_OK);
        assert_int_equal(sg_sampler_new(model, model->truth, NULL, &sampler), SG_OK);
        double error = sg_sampler_error(sampler), worst = 0, worst_grid = 0, x[SG_BLOCK], u[SG_BLOCK];
        table t = table_of_panels(model, model->truth, panels);
        if (model->family->draw) assert_true(error == 0);
        assert_true(error <= 1e-9);
        for (uint32_t b = 0; b < 40 && !model->family->draw; b++) {
            sg_block block = {.n = SG_BLOCK, .d = 1, .draws = 1, .x = x};
            sg_stream stream;
            sg_stream_open(&stream, 99, SG_PURPOSE_TEST, (uint32_t)c);
            sg_stream_seek(&stream, b);
            sg_stream_uniform(&stream, SG_BLOCK, u);
            sg_stream_seek(&stream, b);
            sg_sampler_draw(sampler, &stream, &block);
            for (int i = 0; i < SG_BLOCK; i++) {
                double left, right;
                sg_panels_distribution(panels, x[i], &left, &right);
                worst = fmax(worst, fabs(u[i] < 0.5 ? left - u[i] : right - (1 - u[i])));
                worst_grid = fmax(worst_grid, fabs(below(&t, x[i]) - u[i]));
            }
        }
        if (!(worst <= error + 1e-12)) fail_msg("%s: error %g, stated %g", model->text, worst, error);
        if (!(worst_grid <= error + 1e-9)) fail_msg("%s: error %g on the grid", model->text, worst_grid);
        delete_table(&t);
        sg_sampler_delete(sampler);
        sg_panels_delete(panels);
        sg_model_delete(model);
    }
}

static void only_n_points_are_written(void **state) {
    (void)state;
    const char *const families[] = {"bimodal", "mixture", "gaussian"};
    for (int f = 0; f < 3; f++) {
        sg_model *model = model_of(families[f], "");
        sg_sampler *sampler = NULL;
        assert_int_equal(sg_sampler_new(model, model->truth, NULL, &sampler), SG_OK);
        for (int n = 1; n <= SG_BLOCK; n += 51) {
            double x[SG_BLOCK + 1] __attribute__((aligned(SG_ALIGN)));
            for (int i = 0; i <= SG_BLOCK; i++) x[i] = -1234;
            sg_block block = {.n = n, .d = 1, .draws = 1, .x = x};
            sg_stream stream;
            sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
            sg_sampler_draw(sampler, &stream, &block);
            for (int i = 0; i <= SG_BLOCK; i++) assert_true((x[i] == -1234) == (i >= n));
        }
        sg_sampler_delete(sampler);
        sg_model_delete(model);
    }
}

static void drawing_allocates_nothing(void **state) {
    (void)state;
    const char *const families[] = {"bimodal", "mixture", "gaussian"};
    for (int f = 0; f < 3; f++) {
        sg_model *model = model_of(families[f], "");
        sg_sampler *sampler = NULL;
        double x[SG_BLOCK] __attribute__((aligned(SG_ALIGN)));
        void *probe = NULL;
        assert_int_equal(sg_sampler_new(model, model->truth, NULL, &sampler), SG_OK);
        sg_block block = {.n = SG_BLOCK, .d = 1, .draws = 1, .x = x};
        sg_stream stream;
        sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
        sg_memory_fail_after(1);
        sg_sampler_draw(sampler, &stream, &block);
        assert_int_equal(sg_new(&probe, 1, 1), SG_NO_MEMORY); /* the failure still waits for its call */
        sg_memory_fail_after(0);
        sg_sampler_delete(sampler);
        sg_model_delete(model);
    }
}

static void a_theta_outside_is_refused(void **state) {
    (void)state;
    const double bimodal[] = {-1, 0}, weight[] = {1.5, -1, 1};
    sg_model *model = model_of("bimodal", "");
    sg_sampler *sampler = NULL;
    assert_int_equal(sg_sampler_new(model, bimodal, NULL, &sampler), SG_NOT_INTEGRABLE);
    assert_null(sampler);
    sg_model_delete(model);
    model = model_of("mixture", "");
    assert_int_equal(sg_sampler_new(model, weight, NULL, &sampler), SG_NOT_INTEGRABLE);
    assert_null(sampler);
    sg_model_delete(model);
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    const char *const families[] = {"bimodal", "mixture"};
    for (int f = 0; f < 2; f++) {
        sg_model *model = model_of(families[f], "");
        long live = sg_memory_live(), k;
        for (k = 1;; k++) {
            sg_sampler *sampler = NULL;
            sg_memory_fail_after(k);
            sg_status status = sg_sampler_new(model, model->truth, NULL, &sampler);
            sg_memory_fail_after(0);
            sg_sampler_delete(sampler);
            assert_int_equal(sg_memory_live(), live);
            if (status == SG_OK) break;
            assert_int_equal(status, SG_NO_MEMORY);
            assert_null(sampler);
        }
        assert_true(k > 2);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_have_the_law),
        cmocka_unit_test(a_wrong_law_is_noticed),
        cmocka_unit_test(table_error_is_a_bound),
        cmocka_unit_test(only_n_points_are_written),
        cmocka_unit_test(drawing_allocates_nothing),
        cmocka_unit_test(a_theta_outside_is_refused),
        cmocka_unit_test(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
