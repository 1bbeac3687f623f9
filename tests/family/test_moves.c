/*
 * Single-site moves of every finite family against its jet at both ends, the coordinates that they touch, and log p by
 * counts against the jet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "finite.h"

enum { B = SG_BLOCK, WANT = SG_LOGP | SG_DT };

static const char *const cases[][2] = {
    {"ising", "graph=ring,n=9,beta=0.7,h=-0.3"},
    {"ising", "graph=path,n=1,h=0.4"},
    {"ising", "graph=lattice,shape=5x7,beta=0.44,h=0.1"},
    {"ising", "graph=lattice,shape=3x4x3,couplings=gauss,free=tied"},
    {"ising", "graph=complete,n=12,couplings=gauss,beta=0.3"},
    {"ising", "graph=complete,n=40,couplings=pm,beta=0.3,free=tied"},
    {"ising", "graph=curie-weiss,n=11,beta=1.1,h=0.01"},
    {"ising", "graph=curie-weiss,n=300,beta=1.1,h=0.01,free=tied"},
    {"ising", "graph=bipartite,n=11,beta=-0.2,h=1"},
    {"ising", "graph=bipartite,n=11,beta=-0.2,h=1,free=tied"},
    {"ising", "graph=bipartite,n=12,couplings=pm,free=beta"},
    {"ising", "graph=regular,n=30,couplings=pm,free=h3/J0-12"},
    {"ising", "graph=tree,n=22,couplings=gauss,h=0.5"},
    {"potts", "graph=ring,n=9,q=3,beta=0.7"},
    {"potts", "graph=complete,n=7,q=4,couplings=gauss"},
    {"potts", "graph=lattice,shape=4x5,q=5,couplings=pm,free=tied"},
    {"potts", "graph=curie-weiss,n=40,q=3,free=tied"},
    {"potts", "graph=bipartite,n=9,q=2,beta=-0.2"},
    {"parity", "n=9,k=5,J=0.8"},
    {"parity", "n=7,k=7,J=-1.5"},
    {"parity", "n=1,k=1"},
    {"hardcore", "graph=path,n=1"},
    {"hardcore", "graph=lattice,shape=4x4,lambda=2"},
    {"hardcore", "graph=complete,n=6,lambda=.3"},
    {"hardcore", "graph=bipartite,n=9,lambda=3"},
    {"hardcore", "graph=ring,n=3"},
};
enum { CASES = sizeof cases / sizeof *cases };

/* A block of points, and room for the moved one and both jets. */
typedef struct {
    sg_model *model;
    sg_arena *arena;
    double *x, *y;
    sg_jet at, there;
    double *log_ratio, *difference;
} setting;

static setting open_setting(sg_model *model) {
    const int d = model->space.d;
    const size_t row = B * sizeof(double);
    setting s = {.model = model};
    assert_int_equal(
        sg_arena_new(2 * (size_t)d * row + 2 * sg_jet_bytes(model->full, d, WANT) + (size_t)(model->full + 1) * row,
                     &s.arena),
        SG_OK);
    s.x = sg_arena_take(s.arena, (size_t)d * B, sizeof(double));
    s.y = sg_arena_take(s.arena, (size_t)d * B, sizeof(double));
    assert_int_equal(sg_jet_take(s.arena, model->full, d, WANT, &s.at), SG_OK);
    assert_int_equal(sg_jet_take(s.arena, model->full, d, WANT, &s.there), SG_OK);
    s.log_ratio = sg_arena_take(s.arena, B, sizeof(double));
    s.difference = sg_arena_take(s.arena, (size_t)model->full * B, sizeof(double));
    return s;
}

static void close_setting(setting *s) {
    sg_arena_delete(s->arena);
    sg_model_delete(s->model);
}

static double value_of(const sg_model *model, int state) {
    return model->space.q == 2 ? 2 * state - 1 : state;
}

static int state_of(const sg_model *model, double x) {
    return model->space.q == 2 ? x > 0 : (int)x;
}

/* State 0 with probability `rest`, otherwise any state: independent sets are rare among uniform ones. */
static void draw(setting *s, sg_stream *stream, int n, double rest) {
    const int d = s->model->space.d, q = s->model->space.q;
    double u[2 * B];
    for (int a = 0; a < d; a++) {
        sg_stream_uniform(stream, 2 * B, u);
        for (int i = 0; i < n; i++) s->x[a * B + i] = value_of(s->model, u[i] < rest ? 0 : (int)(u[B + i] * q));
    }
}

static void check_move(setting *s, const double *theta, int n, int site, int which, const int *list, int touched) {
    const sg_model *model = s->model;
    const int q = model->space.q;
    const sg_block block = {.n = n, .d = model->space.d, .draws = 1, .x = s->x};
    const sg_block moved = {.n = n, .d = model->space.d, .draws = 1, .x = s->y};
    memcpy(s->y, s->x, (size_t)model->space.d * B * sizeof(double));
    for (int i = 0; i < n; i++) s->y[site * B + i] = value_of(model, (state_of(model, s->x[site * B + i]) + which) % q);
    model->family->jet(model, theta, &block, &s->at);
    model->family->jet(model, theta, &moved, &s->there);
    model->family->move(model, theta, &block, site, which, s->log_ratio, s->difference);
    for (int i = 0; i < n; i++) {
        double size = 1;
        for (int k = 0; k < model->full; k++) size += fabs(theta[k] * s->at.dt[k * B + i]);
        if (isfinite(s->at.logp[i])) {
            if (isfinite(s->there.logp[i]))
                finite_near(model, s->log_ratio[i], s->there.logp[i] - s->at.logp[i], size);
            else
                assert_true(s->log_ratio[i] == -INFINITY);
        }
        assert_false(isnan(s->log_ratio[i]));
        for (int k = 0, r = 0; k < model->full; k++) {
            const double change = s->there.dt[k * B + i] - s->at.dt[k * B + i];
            if (r < touched && list[r] == k)
                finite_near(model, s->difference[r++ * B + i], change, fabs(s->at.dt[k * B + i]));
            else
                assert_true(change == 0);
        }
    }
    double alone[B];
    model->family->move(model, theta, &block, site, which, alone, NULL);
    assert_memory_equal(alone, s->log_ratio, (size_t)n * sizeof(double));
}

static void check_moves(sg_model *model, sg_stream *stream) {
    static const int sizes[] = {B, 1, 77};
    setting s = open_setting(model);
    const int d = model->space.d;
    double *theta = NULL;
    int *all = NULL;
    assert_int_equal(sg_new(&theta, (size_t)model->full, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&all, (size_t)model->full, sizeof(int)), SG_OK);
    for (int k = 0; k < model->full; k++) all[k] = k;
    for (int trial = 0; trial < 3; trial++) {
        sg_stream_normal(stream, (size_t)model->full, theta);
        if (!model->family->inside(model, theta)) memcpy(theta, model->truth, (size_t)model->full * sizeof(double));
        draw(&s, stream, sizes[trial], model->family->can & SG_HARD ? 0.8 : 0);
        for (int site = 0; site<d; site += d> 60 ? 37 : 1) {
            int count = model->full;
            const int *list = model->family->touched ? model->family->touched(model, site, &count) : all;
            for (int r = 0; r < count; r++) assert_true(list[r] < model->full && (r == 0 || list[r - 1] < list[r]));
            for (int which = 1; which < model->space.q; which++)
                check_move(&s, theta, sizes[trial], site, which, list, count);
        }
    }
    sg_delete(theta);
    sg_delete(all);
    close_setting(&s);
}

static void moves_are_differences_of_jets(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    for (int c = 0; c < CASES; c++) check_moves(finite_model(cases[c][0], cases[c][1]), &stream);
    /* Families that are not in the table, with their default keys where these make a model. */
    for (const sg_family *const *family = sg_families; *family; family++) {
        sg_model *model = NULL;
        if (!(*family)->move || sg_model_new((*family)->name, 0, NULL, &model) != SG_OK) continue;
        check_moves(model, &stream);
    }
}

/* Only lists that are no longer than they must be are worth having. */
static void untouched_coordinates_are_left_out(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys;
        int site, count;
    } table[] = {{"ising", "graph=ring,n=9", 4, 3},
                 {"ising", "graph=complete,n=9", 8, 9},
                 {"ising", "graph=bipartite,n=7", 2, 5},
                 {"ising", "graph=bipartite,n=7", 3, 4},
                 {"ising", "graph=bipartite,n=7", 6, 4},
                 {"ising", "graph=path,n=1", 0, 1},
                 {"ising", "graph=ring,n=9,free=h", 4, 2},
                 {"parity", "n=9,k=5", 4, 1},
                 {"parity", "n=9,k=5", 5, 0},
                 {"hardcore", "n=9", 4, 1}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        int count = -1;
        sg_model *model = finite_model(table[k].family, table[k].keys);
        model->family->touched(model, table[k].site, &count);
        assert_int_equal(count, table[k].count);
        sg_model_delete(model);
    }
}

/* ----------------------------------------------------------------- counts */

static void check_counts(const char *family, const char *keys, sg_stream *stream) {
    setting s = open_setting(finite_model(family, keys));
    const sg_model *model = s.model;
    const int d = model->space.d, full = model->full;
    double k[B], logp[B], theta[2], u[B];
    double *dt = NULL;
    assert_in_range(full, 1, 2);
    assert_true(sg_model_exchangeable(model));
    assert_int_equal(sg_new(&dt, (size_t)full * B, sizeof(double)), SG_OK);
    sg_stream_normal(stream, (size_t)full, theta);
    sg_stream_uniform(stream, B, u);
    for (int i = 0; i < B; i++) {
        const int count = (int)(u[i] * (d + 1)), first = i % d;
        k[i] = count;
        for (int a = 0; a < d; a++) s.x[(a + first) % d * B + i] = a < count ? 1 : -1;
    }
    const sg_block block = {.n = B, .d = d, .draws = 1, .x = s.x};
    model->family->jet(model, theta, &block, &s.at);
    model->family->counted(model, theta, B, k, logp, dt);
    for (int i = 0; i < B; i++) {
        finite_near(model, logp[i], s.at.logp[i], fabs(s.at.logp[i]));
        for (int j = 0; j < full; j++) finite_near(model, dt[j * B + i], s.at.dt[j * B + i], fabs(dt[j * B + i]));
    }
    memset(dt, 0, (size_t)full * B * sizeof(double));
    model->family->counted(model, theta, B, k, NULL, dt);
    for (int j = 0; j < full; j++) assert_true(dt[j * B] == s.at.dt[j * B] || d > 1);
    sg_delete(dt);
    close_setting(&s);
}

static void counts_stand_for_states(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 2, SG_PURPOSE_TEST, 0);
    check_counts("ising", "graph=curie-weiss,n=300,free=tied", &stream);
    check_counts("ising", "graph=complete,n=7,free=h", &stream);
    check_counts("ising", "graph=complete,n=1,free=beta", &stream);
    check_counts("parity", "n=12,k=12", &stream);
    check_counts("parity", "n=5,k=5", &stream);
    check_counts("hardcore", "graph=complete,n=9", &stream);
    check_counts("hardcore", "graph=ring,n=3", &stream);
}

static void other_sites_are_not_alike(void **state) {
    (void)state;
    static const char *const table[][2] = {{"ising", "graph=curie-weiss,n=6"},
                                           {"ising", "graph=complete,n=6,couplings=pm,free=tied"},
                                           {"ising", "n=6,free=tied"},
                                           {"parity", "n=6,k=5"},
                                           {"hardcore", "n=6"},
                                           {"gaussian", ""}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_model *model = finite_model(table[k][0], table[k][1]);
        assert_false(sg_model_exchangeable(model));
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_differences_of_jets),
        cmocka_unit_test(untouched_coordinates_are_left_out),
        cmocka_unit_test(counts_stand_for_states),
        cmocka_unit_test(other_sites_are_not_alike),
    };
    return cmocka_run_group_tests_name("moves", tests, NULL, NULL);
}
