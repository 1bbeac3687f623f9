/*
 * The families that are mixtures of normals, in one and several dimensions: on the line against its own jets, smoothed
 * against numeric convolution, nodes against what is known, draws against moments, and keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "../model.h"
#include "corners.h"
#include "family/normals.h"

enum { MEMBERS = 9, DRAWS = 1 << 18 };

static double *member_of(const sg_jet *jet, int k) {
    double *const member[MEMBERS] = {jet->logp,   jet->dx,  jet->dxx,    jet->dt,     jet->dt_dx,
                                     jet->dt_dxx, jet->dtt, jet->dtt_dx, jet->dtt_dxx};
    return member[k];
}

typedef struct {
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} workspace;

static void open_workspace(workspace *w, int m, int d, int want) {
    OK(sg_arena_new(sg_jet_bytes(m, d, want) + (size_t)d * SG_BLOCK * sizeof(double), &w->arena));
    w->block = (sg_block){.n = SG_BLOCK, .d = d, .draws = 1, .x = sg_arena_take(w->arena, (size_t)d * SG_BLOCK, 8)};
    assert_non_null(w->block.x);
    OK(sg_jet_take(w->arena, m, d, want, &w->jet));
}

/* -------------------------------------------------------------- on the line */

/* Adds |v f_v| of every member to `size`, v one input: what a rounding error of it does, by a move of 2^-30. */
static void add_condition(const corner *at, double *v, workspace *moved, const sg_jet *jet, double *size) {
    const double was = *v;
    *v = was * (1 + 0x1p-30);
    at->model->family->jet(at->model, at->theta, &moved->block, &moved->jet);
    *v = was;
    for (int k = 0, at_row = 0; k < MEMBERS; k++)
        for (int row = 0; row < (k < 3 ? 1 : k < 6 ? 3 : 6); row++, at_row++)
            size[at_row] +=
                0x1p30 * fabs(member_of(&moved->jet, k)[row * SG_BLOCK] - member_of(jet, k)[row * SG_BLOCK]);
}

/* Two programs for the same derivatives, the family's own and that of any dimension, at corners. */
static void both_jets_of_the_line_agree(void **state) {
    sg_stream s;
    workspace fast, core, moved;
    (void)state;
    sg_stream_open(&s, 20261101, SG_PURPOSE_TEST, 0);
    open_workspace(&fast, 3, 1, SG_JET_ALL);
    open_workspace(&core, 3, 1, SG_JET_ALL);
    open_workspace(&moved, 3, 1, SG_JET_ALL);
    fast.block.n = core.block.n = moved.block.n = 1;
    for (int trial = 0; trial < 4000; trial++) {
        corner at;
        double size[30] = {0};
        OK(corner_new(&s, "mixture", &at));
        fast.block.x[0] = core.block.x[0] = moved.block.x[0] = corner_point(&s, &at);
        at.model->family->jet(at.model, at.theta, &fast.block, &fast.jet);
        sg_normals_jet(at.model->own, at.theta, &core.block, false, &core.jet);
        for (int j = 0; j < 3; j++) add_condition(&at, &at.theta[j], &moved, &fast.jet, size);
        add_condition(&at, moved.block.x, &moved, &fast.jet, size);
        for (int k = 0, at_row = 0; k < MEMBERS; k++)
            for (int row = 0; row < (k < 3 ? 1 : k < 6 ? 3 : 6); row++, at_row++) {
                const double x = member_of(&fast.jet, k)[row * SG_BLOCK], y = member_of(&core.jet, k)[row * SG_BLOCK];
                if (!(fabs(x - y) <= 32 * DBL_EPSILON * (fabs(x) + size[at_row]) + DBL_MIN))
                    fail_msg("%s, member %d row %d at %.17g: %.17g and %.17g", at.model->text, k, row, fast.block.x[0],
                             x, y);
            }
        sg_model_delete(at.model);
    }
    sg_arena_delete(fast.arena);
    sg_arena_delete(core.arena);
    sg_arena_delete(moved.arena);
}

/* log of E over y of p of N(x - y; 0, t), with y at the nodes of panels of p. */
static double convolved(const sg_panels *panels, double *f, double x, double t) {
    for (long long i = 0; i < panels->n; i++)
        f[i] = exp(-(x - panels->x[i]) * (x - panels->x[i]) / (2 * t)) / sqrt(2 * M_PI * t);
    return log(sg_panels_mean(panels, f));
}

static void smoothing_is_convolution(void **state) {
    static const char *const texts[] = {"mixture:m=2,w=.3,free=all", "mixture:m=.1"};
    (void)state;
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        sg_model *model = model_of(texts[n]);
        sg_panels *panels = NULL;
        double *f = NULL;
        workspace w;
        open_workspace(&w, model->full, 2, SG_LOGP);
        w.block.n = 60;
        for (int i = 0; i < 60; i++) {
            w.block.x[i] = -6 + i % 20 * 0.6;
            w.block.x[SG_BLOCK + i] = i < 20 ? 0.3 : i < 40 ? 1 : 7;
        }
        model->family->smooth(model, model->truth, &w.block, &w.jet);
        OK(sg_model_panels(model, model->truth, 1, &panels));
        OK(sg_new(&f, (size_t)panels->n, sizeof *f));
        for (int i = 0; i < 60; i++) {
            const double known = convolved(panels, f, w.block.x[i], w.block.x[SG_BLOCK + i]);
            if (!(fabs(w.jet.logp[i] - known) < 1e-12 * (1 + fabs(known))))
                fail_msg("%s at %g, t = %g: %.15g, not %.15g", model->text, w.block.x[i], w.block.x[SG_BLOCK + i],
                         w.jet.logp[i], known);
        }
        sg_delete(f);
        sg_panels_delete(panels);
        sg_arena_delete(w.arena);
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------------ the plane */

/* At nodes of cubature: log Z = 0, E F = 0, E F F' = -E dF/dtheta, E x and E x x' as composed. */
static void check_nodes(const char *text) {
    sg_model *model = model_of(text);
    const int d = model->space.d, full = model->full;
    sg_nodes *nodes = NULL;
    workspace w;
    double weight[SG_BLOCK], mean[SG_REALS] = {0}, square[SG_REALS] = {0}, cross[SG_REALS * SG_REALS] = {0};
    OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
    assert_true(fabs(nodes->points->log_z) < 1e-9);
    open_workspace(&w, full, d, SG_DT | SG_DTT);
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &w.block, weight);
        model->family->jet(model, model->truth, &w.block, &w.jet);
        for (int j = 0, pair = 0; j < full; j++)
            for (int k = 0; k <= j; k++, pair++)
                for (int i = 0; i < w.block.n; i++) {
                    const double one = w.jet.dt[j * SG_BLOCK + i], other = w.jet.dt[k * SG_BLOCK + i];
                    if (k == 0) mean[j] += weight[i] * one;
                    if (k == j) square[j] += weight[i] * one * one;
                    cross[pair] += weight[i] * (one * other + w.jet.dtt[pair * SG_BLOCK + i]);
                }
    }
    for (int j = 0, pair = 0; j < full; j++) {
        if (!(fabs(mean[j]) < 1e-9 * sqrt(square[j]))) fail_msg("%s: E F_%d = %g", text, j, mean[j]);
        for (int k = 0; k <= j; k++, pair++)
            if (!(fabs(cross[pair]) < 1e-9 * sqrt(square[j] * square[k])))
                fail_msg("%s: E F_%d F_%d + E F_%d%d = %g", text, j, k, j, k, cross[pair]);
    }
    sg_arena_delete(w.arena);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void nodes_know_the_law(void **state) {
    (void)state;
    check_nodes("mixture:d=2,m=2,w=.3,free=all");
    check_nodes("mixture:d=2,m=.2");
}

/* -------------------------------------------------------------------- draws */

/* Weights, means, and covariances of the components of a law. */
typedef struct {
    double weight[4], mean[4][4], covariance[4][4][4];
} composition;

static void two_normals(double m, double w, int d, composition *c) {
    *c = (composition){.weight = {w, 1 - w}, .mean = {{-m}, {m}}};
    for (int k = 0; k < 2; k++)
        for (int a = 0; a < d; a++) c->covariance[k][a][a] = 1;
}

/* One sum of draws against its mean, in standard errors. */
static double deviation(double sum, double sum_of_squares, double known) {
    const double mean = sum / DRAWS, variance = sum_of_squares / DRAWS - mean * mean;
    return fabs(mean - known) / sqrt(variance / DRAWS);
}

/*
 * E x_a, E x_a x_b and E x_a^3 of 2^18 draws within 5.2 standard errors: for each of the fewer than 50 quantities here
 * a false alarm has probability 2e-7, 1e-5 in all.
 */
static void check_draws(const char *text, int count, const composition *c) {
    sg_model *model = model_of(text);
    const int d = model->space.d;
    sg_sampler *sampler = NULL;
    sg_stream s;
    workspace w;
    double one[4][2] = {{0}}, two[16][2] = {{0}}, three[4][2] = {{0}};
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    assert_true(sg_sampler_error(sampler) == 0);
    open_workspace(&w, 1, d, SG_LOGP);
    sg_stream_open(&s, 20261102, SG_PURPOSE_TEST, 0);
    for (uint32_t b = 0; b < DRAWS / SG_BLOCK; b++) {
        sg_stream_seek(&s, b);
        sg_sampler_draw(sampler, &s, &w.block);
        for (int i = 0; i < SG_BLOCK; i++)
            for (int a = 0; a < d; a++) {
                const double x = w.block.x[a * SG_BLOCK + i], cube = x * x * x;
                one[a][0] += x, one[a][1] += x * x;
                three[a][0] += cube, three[a][1] += cube * cube;
                for (int e = 0; e <= a; e++) {
                    const double product = x * w.block.x[e * SG_BLOCK + i];
                    two[a * 4 + e][0] += product, two[a * 4 + e][1] += product * product;
                }
            }
    }
    for (int a = 0; a < d; a++) {
        double first = 0, third = 0;
        for (int k = 0; k < count; k++) {
            const double m = c->mean[k][a];
            first += c->weight[k] * m;
            third += c->weight[k] * (m * m * m + 3 * m * c->covariance[k][a][a]);
        }
        assert_true(deviation(one[a][0], one[a][1], first) < 5.2);
        assert_true(deviation(three[a][0], three[a][1], third) < 5.2);
        for (int e = 0; e <= a; e++) {
            double second = 0;
            for (int k = 0; k < count; k++)
                second += c->weight[k] * (c->covariance[k][a][e] + c->mean[k][a] * c->mean[k][e]);
            assert_true(deviation(two[a * 4 + e][0], two[a * 4 + e][1], second) < 5.2);
        }
    }
    sg_arena_delete(w.arena);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

static void draws_have_the_moments(void **state) {
    composition c;
    (void)state;
    two_normals(2, 0.3, 1, &c);
    check_draws("mixture:m=2,w=.3", 2, &c);
    two_normals(1, 0.1, 3, &c);
    check_draws("mixture:d=3,m=1,w=.1", 2, &c);
}

/* --------------------------------------------------------------------- keys */

static void check_text(const char *keys, const char *canonical, int m) {
    sg_model *model = model_of(keys);
    assert_string_equal(model->text, canonical);
    assert_int_equal(model->m, m);
    sg_model_delete(model);
}

static void groups_and_texts(void **state) {
    (void)state;
    check_text("mixture:d=1", "mixture(m=1,w=0.5,free=w)", 1);
    check_text("mixture:d=2,free=means", "mixture(d=2,m=1,w=0.5,free=mu1_1/mu1_2/mu2_1/mu2_2)", 4);
    check_text("mixture:d=2,free=w/mu2*", "mixture(d=2,m=1,w=0.5,free=w/mu2_1/mu2_2)", 3);
    check_text("mixture:d=32,free=means", "mixture(d=32,m=1,w=0.5,free=means)", 64);
    check_text("mixture:d=32", "mixture(d=32,m=1,w=0.5,free=weight)", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_jets_of_the_line_agree),
        cmocka_unit_test(smoothing_is_convolution),
        cmocka_unit_test(nodes_know_the_law),
        cmocka_unit_test(draws_have_the_moments),
        cmocka_unit_test(groups_and_texts),
    };
    return cmocka_run_group_tests_name("mixtures of normals", tests, NULL, NULL);
}
