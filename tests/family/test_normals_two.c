/*
 * Two normals of one round covariance: the formulas of their own against those for any number of components, every
 * member of the jet, from between the modes to far out, where all of it is of the order of the smaller responsibility.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model.h"
#include "family/normals-two.h"

enum { POINTS = 203 }; /* no whole number of vectors */
static const double TOLERANCE = 1e-12;

typedef struct {
    sg_model *model;
    sg_arena *arena;
    sg_block block;
    sg_jet one, other;
} setting;

static void open_setting(const char *text, int m, const int *parameter, bool heat, int want, setting *s) {
    sg_stream stream;
    *s = (setting){.model = model_of(text)};
    const int z = s->model->space.d + heat;
    const size_t bytes = sg_jet_bytes(m, z, want), points = (size_t)z * SG_BLOCK;
    OK(sg_arena_new(2 * bytes + points * sizeof(double), &s->arena));
    OK(sg_jet_take(s->arena, m, z, want, &s->one));
    OK(sg_jet_take(s->arena, m, z, want, &s->other));
    s->one.parameter = s->other.parameter = parameter;
    s->block = (sg_block){.n = POINTS, .d = z, .draws = 1, .x = sg_arena_take(s->arena, points, sizeof(double))};
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, points, s->block.x);
    for (size_t k = 0; k < points; k++) s->block.x[k] *= k % 3 == 0 ? 8 : 2;
    double *t = s->block.x + points - SG_BLOCK;
    for (int i = 0; i < SG_BLOCK && heat; i++) t[i] = i % 5 ? 0.1 * t[i] * t[i] : 0;
}

static void close_setting(setting *s) {
    sg_arena_delete(s->arena);
    sg_model_delete(s->model);
}

/* Relative to the largest of the rows of one parameter or pair at one point. */
static void compare(const char *text, const char *member, int sets, int rows, const double *a, const double *b) {
    for (int k = 0; a && k < sets; k++)
        for (int i = 0; i < POINTS; i++) {
            double size = 0;
            for (int r = 0; r < rows; r++) size = fmax(size, fabs(b[(k * rows + r) * SG_BLOCK + i]));
            for (int r = 0; r < rows; r++) {
                const int at = (k * rows + r) * SG_BLOCK + i;
                if (!(fabs(a[at] - b[at]) <= TOLERANCE * size))
                    fail_msg("%s: %s[%d][%d] of point %d is %.17g, by the general formulas %.17g", text, member, k, r,
                             i, a[at], b[at]);
            }
        }
}

static void check(const char *text, const double *theta, int m, const int *parameter, bool heat, int want) {
    setting s;
    open_setting(text, m, parameter, heat, want, &s);
    const sg_normals *law = s.model->own;
    const int z = s.block.d, bends = sg_jet_seconds(&s.one), pairs = m * (m + 1) / 2;
    if (!theta) theta = s.model->truth;
    assert_true(sg_normals_are_two(law));
    sg_normals_two_jet(law, theta, &s.block, heat, &s.one);
    sg_normals_many_jet(law, theta, &s.block, heat, &s.other);
    compare(text, "logp", 1, 1, s.one.logp, s.other.logp);
    compare(text, "dx", 1, z, s.one.dx, s.other.dx);
    compare(text, "dxx", 1, bends, s.one.dxx, s.other.dxx);
    compare(text, "dt", m, 1, s.one.dt, s.other.dt);
    compare(text, "dt_dx", m, z, s.one.dt_dx, s.other.dt_dx);
    compare(text, "dt_dxx", m, bends, s.one.dt_dxx, s.other.dt_dxx);
    compare(text, "dtt", pairs, 1, s.one.dtt, s.other.dtt);
    compare(text, "dtt_dx", pairs, z, s.one.dtt_dx, s.other.dtt_dx);
    compare(text, "dtt_dxx", pairs, bends, s.one.dtt_dxx, s.other.dtt_dxx);
    close_setting(&s);
}

static void all_parameters(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int m;
    } laws[] = {{"mixture:d=2,m=1.5,w=.3", 5},
                {"mixture:d=8,m=2,w=.01", 17},
                {"gaussian-mixture:d=1,k=2,means=-3/3.5,sd=.7,weights=1/3", 3},
                {"gaussian-mixture:d=3,k=2,means=0/1/-1/2/0.5/-3,sd=1.7,weights=1/3", 7}};
    for (int l = 0; l < 4; l++)
        for (int heat = 0; heat < 2; heat++)
            for (int diagonal = 0; diagonal < 2; diagonal++)
                check(laws[l].text, NULL, laws[l].m, NULL, heat, SG_JET_ALL | (diagonal ? SG_DIAGONAL : 0));
}

/* Members and parameters that losses ask for, at means in general position. */
static void some_members_of_some_parameters(void **state) {
    (void)state;
    static const double theta[9] = {.35, -1, .2, .1, 0, 1.2, .2, -.3, .4}; /* means alike along the second axis */
    static const int weight[] = {0}, means[] = {1, 3, 6}, some[] = {0, 2, 4, 5, 8};
    static const int wants[] = {SG_DX | SG_DT_DX,
                                SG_DX | SG_DT_DX | SG_DT_DXX | SG_DIAGONAL,
                                SG_DX | SG_DXX | SG_DTT_DX | SG_DTT_DXX | SG_DIAGONAL,
                                SG_LOGP,
                                SG_DXX,
                                SG_DT,
                                SG_DTT,
                                SG_DTT_DX | SG_DT_DX};
    for (int k = 0; k < (int)(sizeof wants / sizeof *wants); k++)
        for (int heat = 0; heat < 2; heat++) {
            check("mixture:d=4,m=1", theta, 1, weight, heat, wants[k]);
            check("mixture:d=4,m=1", theta, 3, means, heat, wants[k]);
            check("mixture:d=4,m=1", theta, 5, some, heat, wants[k]);
        }
}

static void others_are_not_two(void **state) {
    (void)state;
    static const char *const texts[] = {"gaussian-mixture:k=3", "gaussian-mixture:k=2,sd=1/2",
                                        "gaussian-mixture:k=2,correlation=.1"};
    for (int k = 0; k < 3; k++) {
        sg_model *model = model_of(texts[k]);
        assert_false(sg_normals_are_two(model->own));
        sg_model_delete(model);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_parameters),
        cmocka_unit_test(some_members_of_some_parameters),
        cmocka_unit_test(others_are_not_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
