/*
 * Families in several dimensions: every member of every jet against differences, in 113-bit arithmetic, of the log
 * density written from its definition.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* the functions of _Float128 */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "../model.h"
#include "family/ab-model.h"

typedef _Float128 quad;

enum { POINTS = 11, TRIALS = 6, FULL_MOST = 128, D_MOST = 8, MEMBERS = 9 };

/* --------------------------------------------- log densities as they are defined */

static quad gaussian(const sg_model *model, const quad *t, const quad *x) {
    const int d = model->space.d;
    quad sum = 0;
    for (int a = 0; a < d; a++) sum += t[a] * x[a] - t[d + a] * x[a] * x[a] / 2;
    for (int a = 1, j = 2 * d; a < d; a++)
        for (int b = 0; b < a; b++, j++) sum -= t[j] * x[a] * x[b];
    return sum;
}

/* x^c/c or log x */
static quad power(quad x, double c) {
    return c > 0 ? powf128(x, c) / c : logf128(x);
}

static quad ab_model(const sg_model *model, const quad *t, const quad *x) {
    const sg_ab *own = model->own;
    const int d = model->space.d;
    quad sum = 0;
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            const quad other = own->a > 0 ? powf128(x[j], own->a) : power(x[j], 0);
            sum -= t[sg_ab_pair(i, j)] * power(x[i], own->a) * other / 2;
        }
    for (int j = 0; j < d && !own->centred; j++) sum += t[d * (d + 1) / 2 + j] * power(x[j], own->b);
    return sum;
}

/* Monomials by degree, then the powers of the first variables falling; degree 3 or 5, over exp(-sum x^(degree + 1)). */
static quad polynomial(const sg_model *model, const quad *t, const quad *x) {
    const int d = model->space.d, degree = model->full == 20 ? 5 : 3;
    quad sum = 0;
    int power[4] = {0}, j = 0;
    for (int total = 1; total <= degree; total++)
        for (power[0] = total; power[0] >= 0; power[0]--)
            for (power[1] = total - power[0]; power[1] >= 0; power[1]--)
                for (power[2] = total - power[0] - power[1]; power[2] >= 0; power[2]--) {
                    power[3] = total - power[0] - power[1] - power[2];
                    quad term = 1;
                    for (int a = 0; a < 4; a++)
                        for (int k = 0; k < power[a]; k++) term *= a < d ? x[a] : 0;
                    if ((d < 4 && power[3]) || (d < 3 && power[2])) continue;
                    sum += t[j++] * term;
                }
    for (int a = 0; a < d; a++) {
        quad term = 1;
        for (int k = 0; k <= degree; k++) term *= x[a];
        sum -= term;
    }
    return sum;
}

/* A bimodal law with a = 1.5, a double well and a normal law. */
static quad product(const sg_model *model, const quad *t, const quad *x) {
    const quad y = x[1], z = x[2];
    (void)model;
    return t[0] * (x[0] * x[0] - x[0] * x[0] * x[0] * x[0] / (2 * 2.25Q)) + t[1] * erff128(x[0]) + t[2] * y +
           t[3] * y * y - t[4] * y * y * y * y + t[5] * z - t[6] * z * z / 2;
}

static const struct {
    const char *text;
    quad (*logp)(const sg_model *model, const quad *theta, const quad *x);
} definitions[] = {
    {"gaussian:d=2,rho=0.3", gaussian},
    {"gaussian:d=3,rho=-0.2,condition=9,axes=turned", gaussian},
    {"gaussian:d=7,rho=0.5,correlation=ar1", gaussian},
    {"ab-model:d=2", ab_model},
    {"ab-model:d=2,a=0.5,b=0.5,eta=1", ab_model},
    {"ab-model:d=2,a=1,b=0,eta=0.5", ab_model},
    {"ab-model:d=3,a=0,b=0,centred=yes", ab_model},
    {"ab-model:d=2,a=1.5,b=0.7", ab_model},
    {"ab-model:d=3,a=2,b=3,graph=complete,coupling=2", ab_model},
    {"ab-model:d=3,space=reals,graph=ring", ab_model},
    {"polynomial:d=2,B=1", polynomial},
    {"polynomial:d=2,degree=5", polynomial},
    {"polynomial:d=3,coupling=0.5", polynomial},
    {"product:of=bimodal:a=1.5/double-well:h=2/gaussian,copies=1", product},
};

/* --------------------------------------------------------------- differences */

/* Steps of differences; their truncation is h^4 times sixth derivatives, which are below 1000 here. */
#define STEP 0x1p-18Q
static const double TRUNCATION = 1e3 * 0x1p-72;

typedef struct {
    const sg_model *model;
    quad (*logp)(const sg_model *model, const quad *theta, const quad *x);
    quad theta[FULL_MOST], x[D_MOST];
} place;

/* log p (j < 0) or statistic j, which is a difference since log p is linear in theta. */
static quad value_of(place *p, int j) {
    if (j < 0) return p->logp(p->model, p->theta, p->x);
    const quad at = p->theta[j], first = value_of(p, -1);
    p->theta[j] = at + 1;
    const quad second = value_of(p, -1);
    p->theta[j] = at;
    return second - first;
}

/* Its derivative along the axes of the list: central differences of fourth (points 4) or second order. */
static quad differ(place *p, int j, int count, const int *axis, int points) {
    static const int move[] = {-1, 1, -2, 2}, four[] = {-8, 8, 1, -1}, two[] = {-6, 6};
    if (count == 0) return value_of(p, j);
    const quad at = p->x[axis[0]], h = STEP;
    quad sum = 0;
    for (int k = 0; k < points; k++) {
        p->x[axis[0]] = at + move[k] * h;
        sum += (points == 4 ? four[k] : two[k]) * differ(p, j, count - 1, axis + 1, points);
    }
    p->x[axis[0]] = at;
    return sum / (12 * h);
}

/* What a rounding of each input does to the value, and of theta to log p. */
static double condition(place *p, int j, int count, const int *axis, quad value) {
    const sg_model *model = p->model;
    int more[4];
    double sum = fabs((double)value);
    memcpy(more, axis, (size_t)count * sizeof *axis);
    for (int a = 0; a < model->space.d; a++) {
        more[count] = a;
        if (p->x[a] != 0) sum += fabs((double)(p->x[a] * differ(p, j, count + 1, more, 2)));
    }
    for (int k = 0; k < model->full && j < 0; k++)
        if (p->theta[k] != 0) sum += fabs((double)(p->theta[k] * differ(p, k, count, axis, 2)));
    return sum;
}

/* ---------------------------------------------------------------------- jets */

static double *member_of(const sg_jet *jet, int k) {
    double *const members[MEMBERS] = {jet->logp,   jet->dx,  jet->dxx,    jet->dt,     jet->dt_dx,
                                      jet->dt_dxx, jet->dtt, jet->dtt_dx, jet->dtt_dxx};
    return members[k];
}

static int rows_of(const sg_model *model, int k) {
    const int d = model->space.d, full = model->full;
    const int each[] = {1, d, d * (d + 1) / 2}, many[] = {1, full, full * (full + 1) / 2};
    return each[k % 3] * many[k / 3];
}

/* Axes of derivative `row` of order 0, 1 or 2. */
static int axes_of(int order, int row, int axis[2]) {
    axis[0] = row;
    if (order < 2) return order;
    for (axis[0] = 0; (axis[0] + 1) * (axis[0] + 2) / 2 <= row;) axis[0]++;
    axis[1] = row - axis[0] * (axis[0] + 1) / 2;
    return 2;
}

static void check_point(place *p, const sg_block *block, const sg_jet *jet, int i) {
    const sg_model *model = p->model;
    for (int a = 0; a < model->space.d; a++) p->x[a] = block->x[a * SG_BLOCK + i];
    for (int k = 0; k < 6; k++) {
        const int each = rows_of(model, k % 3);
        for (int row = 0; row < rows_of(model, k); row++) {
            int axis[2], count = axes_of(k % 3, row % each, axis), j = k < 3 ? -1 : row / each;
            const double got = member_of(jet, k)[row * SG_BLOCK + i];
            const quad want = differ(p, j, count, axis, 4);
            const double tolerance = 8 * DBL_EPSILON * condition(p, j, count, axis, want) + TRUNCATION;
            if (!(fabs(got - (double)want) <= tolerance))
                fail_msg("%s: member %d row %d is %.17g, not %.17g (tolerance %.2g)", model->text, k, row, got,
                         (double)want, tolerance);
        }
    }
    for (int k = 6; k < MEMBERS; k++)
        for (int row = 0; row < rows_of(model, k); row++) assert_true(member_of(jet, k)[row * SG_BLOCK + i] == 0);
}

typedef struct {
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} workspace;

static void open_workspace(const sg_model *model, int want, workspace *w) {
    const int d = model->space.d;
    const size_t points = (size_t)d * SG_BLOCK;
    OK(sg_arena_new(sg_jet_bytes(model->full, d, want) + points * sizeof(double), &w->arena));
    OK(sg_jet_take(w->arena, model->full, d, want, &w->jet));
    w->block = (sg_block){.n = POINTS, .d = d, .draws = 1, .x = sg_arena_take(w->arena, points, sizeof(double))};
    for (int k = 0; k < MEMBERS; k++)
        for (int r = 0; member_of(&w->jet, k) && r < rows_of(model, k) * SG_BLOCK; r++) member_of(&w->jet, k)[r] = NAN;
}

/* Points about the origin, one of them with a coordinate 0 (on the orthant: exponentials of half of them); theta at and
 * about the truth. */
static void draw_place(sg_stream *stream, int trial, const sg_model *model, workspace *w, double *theta) {
    double z[FULL_MOST];
    sg_stream_normal(stream, (size_t)model->full, z);
    for (int j = 0; j < model->full; j++) theta[j] = model->truth[j] + (trial ? 0.5 * z[j] : 0);
    for (int a = 0; a < model->space.d; a++) {
        sg_stream_normal(stream, POINTS, w->block.x + a * SG_BLOCK);
        if (a > 0) w->block.x[a * SG_BLOCK] = 0;
        for (int i = 0; i < POINTS && model->space.shape == SG_ORTHANT; i++)
            w->block.x[a * SG_BLOCK + i] = exp(0.5 * w->block.x[a * SG_BLOCK + i]);
    }
}

static void jets_are_derivatives(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 20261001, SG_PURPOSE_TEST, 0);
    for (size_t c = 0; c < sizeof definitions / sizeof *definitions; c++) {
        sg_model *model = model_of(definitions[c].text);
        place p = {.model = model, .logp = definitions[c].logp};
        assert_true(model->full <= FULL_MOST && model->space.d <= D_MOST && model->space.d > 1);
        for (int trial = 0; trial < (model->full > 12 ? 2 : TRIALS); trial++) {
            double theta[FULL_MOST];
            workspace w;
            open_workspace(model, SG_JET_ALL, &w);
            draw_place(&stream, trial, model, &w, theta);
            for (int j = 0; j < model->full; j++) p.theta[j] = theta[j];
            model->family->jet(model, theta, &w.block, &w.jet);
            for (int i = 0; i < (model->full > 12 ? 2 : POINTS); i++) check_point(&p, &w.block, &w.jet, i);
            sg_arena_delete(w.arena);
        }
        sg_model_delete(model);
    }
}

/* The bits of a member do not depend on what else is asked for, nor those of a point on its place in the block. */
static void bits_depend_on_the_point_only(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 20261002, SG_PURPOSE_TEST, 0);
    for (size_t c = 0; c < sizeof definitions / sizeof *definitions; c++) {
        sg_model *model = model_of(definitions[c].text);
        double theta[FULL_MOST];
        workspace all;
        open_workspace(model, SG_JET_ALL, &all);
        draw_place(&stream, 1, model, &all, theta);
        model->family->jet(model, theta, &all.block, &all.jet);
        for (int k = 0; k < MEMBERS; k++) {
            workspace one;
            open_workspace(model, 1 << k, &one);
            one.block.n = 1;
            for (int i = 0; i < POINTS; i += 5) {
                for (int a = 0; a < model->space.d; a++) one.block.x[a * SG_BLOCK] = all.block.x[a * SG_BLOCK + i];
                model->family->jet(model, theta, &one.block, &one.jet);
                for (int row = 0; row < rows_of(model, k); row++)
                    assert_memory_equal(member_of(&one.jet, k) + row * SG_BLOCK,
                                        member_of(&all.jet, k) + row * SG_BLOCK + i, sizeof(double));
            }
            sg_arena_delete(one.arena);
        }
        sg_arena_delete(all.arena);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jets_are_derivatives),
        cmocka_unit_test(bits_depend_on_the_point_only),
    };
    return cmocka_run_group_tests_name("jets in several dimensions", tests, NULL, NULL);
}
