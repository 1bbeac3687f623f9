/*
 * The turned double well: its log density as it is written down, every member of its jet against differences of that in
 * 113-bit arithmetic, its domain and its keys.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* the functions of _Float128 */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/family.h"

typedef _Float128 quad;

enum { D = 3, MOST = 6, POINTS = 13, TRIALS = 40 };

static sg_model *model_of(const char *keys) {
    char text[256];
    sg_pair pairs[8];
    sg_model *model = NULL;
    int count = 0;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 8, pairs, &count), SG_OK);
    if (sg_model_new("rotated-wells", count, pairs, &model)) fail_msg("%s: %s", keys, sg_message());
    return model;
}

/* ------------------------------------------------------------- the definition */

static void turn(int d, quad angle, const quad *x, quad *u) {
    const quad cosine = cosf128(angle), sine = sinf128(angle);
    for (int a = 0; a < d; a++) u[a] = x[a];
    for (int a = 0; a + 1 < d; a++) {
        const quad first = u[a], second = u[a + 1];
        u[a] = cosine * first + sine * second;
        u[a + 1] = cosine * second - sine * first;
    }
}

static quad statistic(int d, double angle, int j, const quad *x) {
    quad u[D];
    turn(d, angle, x, u);
    switch (j) {
    case 0:
        return u[0];
    case 1:
        return u[0] * u[0];
    case 2:
        return -u[0] * u[0] * u[0] * u[0];
    case 3:
        return -u[0] * u[1];
    }
    return -u[j - 3] * u[j - 3] / 2;
}

static quad log_density(int d, double angle, const double *theta, const quad *x) {
    quad sum = 0;
    for (int j = 0; j < d + 3; j++) sum += theta[j] * statistic(d, angle, j, x);
    return sum;
}

/* Central differences; h = 2^-30 leaves errors below 1e-15 of either kind in 113 bits. */
typedef quad function(int d, double angle, const void *which, const quad *x);

static quad statistic_of(int d, double angle, const void *which, const quad *x) {
    return statistic(d, angle, *(const int *)which, x);
}

static quad density_of(int d, double angle, const void *which, const quad *x) {
    return log_density(d, angle, which, x);
}

static const quad STEP = 0x1p-30;

static double first(function *f, int d, double angle, const void *which, const quad *x, int a) {
    quad y[D];
    memcpy(y, x, sizeof y);
    y[a] = x[a] + STEP;
    quad up = f(d, angle, which, y);
    y[a] = x[a] - STEP;
    return (double)((up - f(d, angle, which, y)) / (2 * STEP));
}

static double second(function *f, int d, double angle, const void *which, const quad *x, int a, int b) {
    quad y[D], sum = 0;
    for (int k = 0; k < 4; k++) {
        memcpy(y, x, sizeof y);
        y[a] += k & 1 ? STEP : -STEP;
        y[b] += k & 2 ? STEP : -STEP;
        sum += (k == 0 || k == 3 ? 1 : -1) * f(d, angle, which, y);
    }
    return (double)(sum / (4 * STEP * STEP));
}

/* --------------------------------------------------------------------- jets */

static double uniform(sg_stream *s, double lo, double hi) {
    double u;
    sg_stream_uniform(s, 1, &u);
    return lo + u * (hi - lo);
}

static void near_at(double value, double known, double size, int line) {
    if (!(fabs(value - known) <= 1e-12 * (1 + size)))
        fail_msg("line %d: %.17g, known %.17g, terms of %g", line, value, known, size);
}
#define near(value, known, size) near_at(value, known, size, __LINE__)

/* Sum of the sizes of the terms at a point: rounding errors are in proportion. */
static double size_at(int d, const double *theta, const quad *x) {
    double r = 1, most = 0;
    for (int a = 0; a < d; a++) r += fabs((double)x[a]);
    for (int j = 0; j < d + 3; j++) most += fabs(theta[j]);
    return (1 + most) * r * r * r * r;
}

static void check_point(int d, double angle, const double *theta, const sg_jet *jet, int i, const quad *x) {
    const double size = size_at(d, theta, x);
    near(jet->logp[i], (double)log_density(d, angle, theta, x), size);
    for (int a = 0, pair = 0; a < d; a++) {
        near(jet->dx[a * SG_BLOCK + i], first(density_of, d, angle, theta, x, a), size);
        for (int b = 0; b <= a; b++, pair++)
            near(jet->dxx[pair * SG_BLOCK + i], second(density_of, d, angle, theta, x, a, b), size);
    }
    for (int j = 0; j < d + 3; j++) {
        near(jet->dt[j * SG_BLOCK + i], (double)statistic(d, angle, j, x), size);
        for (int a = 0, pair = 0; a < d; a++) {
            near(jet->dt_dx[(j * d + a) * SG_BLOCK + i], first(statistic_of, d, angle, &j, x, a), size);
            for (int b = 0; b <= a; b++, pair++)
                near(jet->dt_dxx[(j * d * (d + 1) / 2 + pair) * SG_BLOCK + i],
                     second(statistic_of, d, angle, &j, x, a, b), size);
        }
    }
}

static void jets(void **state) {
    (void)state;
    sg_stream s;
    sg_arena *arena = NULL;
    sg_stream_open(&s, 20251123, SG_PURPOSE_TEST, 0);
    assert_int_equal(sg_arena_new(sg_jet_bytes(MOST, D, SG_JET_ALL) + D * SG_BLOCK * sizeof(double), &arena), SG_OK);
    for (int trial = 0; trial < TRIALS; trial++) {
        const int d = 2 + trial % 2;
        const double angle = uniform(&s, -4, 4);
        double theta[MOST];
        char keys[64], number[SG_NUMBER_TEXT];
        sg_jet jet;
        for (int j = 0; j < d + 3; j++) theta[j] = trial % 5 == 0 && j != 2 ? 0 : uniform(&s, -20, 20);
        sg_number_text(angle, number);
        snprintf(keys, sizeof keys, "d=%d,angle=%s", d, number);
        sg_model *model = model_of(keys);
        sg_arena_rewind(arena, 0);
        sg_block block = {.n = POINTS, .d = d, .draws = 1, .x = sg_arena_take(arena, D * SG_BLOCK, sizeof(double))};
        assert_int_equal(sg_jet_take(arena, model->full, d, SG_JET_ALL, &jet), SG_OK);
        for (int a = 0; a < d; a++)
            for (int i = 0; i < SG_BLOCK; i++) block.x[a * SG_BLOCK + i] = i < POINTS ? uniform(&s, -3, 3) : 0;
        model->family->jet(model, theta, &block, &jet);
        for (int i = 0; i < POINTS; i++) {
            quad x[D] = {0};
            for (int a = 0; a < d; a++) x[a] = block.x[a * SG_BLOCK + i];
            check_point(d, angle, theta, &jet, i, x);
        }
        const int pairs = model->full * (model->full + 1) / 2;
        for (int k = 0; k < pairs * d * (d + 1) / 2; k++) assert_true(jet.dtt_dxx[k * SG_BLOCK] == 0);
        for (int k = 0; k < pairs * d; k++) assert_true(jet.dtt_dx[k * SG_BLOCK + 1] == 0);
        for (int k = 0; k < pairs; k++) assert_true(jet.dtt[k * SG_BLOCK] == 0);
        sg_model_delete(model);
    }
    sg_arena_delete(arena);
}

/* Asked for alone, each member is what it is among all. */
static void members_alone(void **state) {
    (void)state;
    sg_arena *arena = NULL;
    const size_t most = sg_jet_bytes(MOST, D, SG_JET_ALL);
    assert_int_equal(sg_arena_new(2 * most + D * SG_BLOCK * sizeof(double), &arena), SG_OK);
    sg_model *model = model_of("d=3,angle=.7,c=.4");
    sg_block block = {.n = 9, .d = 3, .draws = 1, .x = sg_arena_take(arena, D * SG_BLOCK, sizeof(double))};
    for (int i = 0; i < D * SG_BLOCK; i++) block.x[i] = sin(i);
    sg_jet all, one;
    assert_int_equal(sg_jet_take(arena, MOST, 3, SG_JET_ALL, &all), SG_OK);
    model->family->jet(model, model->truth, &block, &all);
    const size_t mark = sg_arena_mark(arena);
    for (int bit = 1; bit <= SG_DT_DXX; bit *= 2) {
        const int rows = bit == SG_LOGP    ? 1
                         : bit == SG_DX    ? 3
                         : bit == SG_DXX   ? 6
                         : bit == SG_DT    ? 6
                         : bit == SG_DT_DX ? 18
                                           : 36;
        sg_arena_rewind(arena, mark);
        assert_int_equal(sg_jet_take(arena, MOST, 3, bit, &one), SG_OK);
        model->family->jet(model, model->truth, &block, &one);
        const double *members[6][2] = {{all.logp, one.logp}, {all.dx, one.dx},       {all.dxx, one.dxx},
                                       {all.dt, one.dt},     {all.dt_dx, one.dt_dx}, {all.dt_dxx, one.dt_dxx}};
        for (int k = 0; k < 6; k++) {
            assert_true((members[k][1] != NULL) == (bit == 1 << k));
            for (int r = 0; bit == 1 << k && r < rows; r++)
                assert_memory_equal(members[k][0] + r * SG_BLOCK, members[k][1] + r * SG_BLOCK, 9 * sizeof(double));
        }
    }
    sg_model_delete(model);
    sg_arena_delete(arena);
}

/* ------------------------------------------------------------------- domain */

static void truth_and_names(void **state) {
    (void)state;
    const char *names[] = {"tilt", "quadratic", "quartic", "coupling", "precision2", "precision3"};
    for (int d = 2; d <= 3; d++) {
        char keys[64], name[SG_NAME];
        snprintf(keys, sizeof keys, "d=%d,h=7,s=.25,c=-.5", d);
        sg_model *model = model_of(keys);
        const double truth[] = {0, 14, 7, -0.5, 16, 16};
        assert_int_equal(model->full, d + 3);
        assert_int_equal(model->m, d + 3);
        assert_int_equal(model->space.shape, SG_RD);
        assert_int_equal(model->space.d, d);
        assert_memory_equal(model->truth, truth, (size_t)model->full * sizeof(double));
        for (int j = 0; j < model->full; j++) {
            model->family->parameter(model, j, name);
            assert_string_equal(name, names[j]);
        }
        sg_model_delete(model);
    }
    sg_model *model = model_of("free=coupling/quartic");
    assert_string_equal(model->text, "rotated-wells(d=2,angle=0,h=5,s=0.5,c=0,free=quartic/coupling)");
    sg_model_delete(model);
}

static void domain(void **state) {
    (void)state;
    static const struct {
        bool inside;
        double theta[6];
    } table[] = {{true, {0, 10, 5, 0, 4, 4}},        {true, {9, -10, 5, 1e3, 4, 4}}, {false, {0, 10, -5, 0, 4, 4}},
                 {false, {0, 10, 5, 0, 0, 4}},       {false, {0, 10, 5, 0, 4, -1}},  {false, {0, 10, 0, 0, 4, 4}},
                 {true, {1, -2, 0, 3.9, 4, 1}},      {false, {1, -2, 0, 4, 4, 1}},   {false, {0, NAN, 5, 0, 4, 4}},
                 {false, {0, 10, INFINITY, 0, 4, 4}}};
    sg_model *model = model_of("d=3");
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        assert_int_equal(model->family->inside(model, table[k].theta), table[k].inside);
    sg_model_delete(model);
    const char *bad[][2] = {{"d", "1"}, {"d", "4"}, {"h", "0"}, {"s", "-1"}, {"angle", "inf"}};
    for (int k = 0; k < 5; k++) {
        const sg_pair pair = {bad[k][0], bad[k][1]};
        assert_int_not_equal(sg_model_new("rotated-wells", 1, &pair, &model), SG_OK);
        assert_null(model);
    }
}

static void memory(void **state) {
    (void)state;
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    sg_model *model = NULL;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_model_new("rotated-wells", 0, NULL, &model);
        if (status) assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    sg_model_delete(model);
    assert_int_equal(sg_memory_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jets),   cmocka_unit_test(members_alone), cmocka_unit_test(truth_and_names),
        cmocka_unit_test(domain), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
