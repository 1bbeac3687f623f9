/*
 * Every member of every jet against differences, in 113-bit arithmetic, of the log density written from its definition.
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

#include "corners.h"

typedef _Float128 quad;

enum { POINTS = 8, MEMBERS = 9, MOST = 4 };

/* --------------------------------------------- log densities as they are defined */

static quad power(quad x, int k) {
    quad value = 1;
    for (int i = 0; i < k; i++) value *= x;
    return value;
}

static quad well(quad a, quad x) {
    return x * x - x * x * x * x / (2 * a * a);
}

static quad gaussian(const double *key, const quad *t, quad x) {
    (void)key;
    return t[0] * x - t[1] * x * x / 2;
}

static quad bimodal(const double *key, const quad *t, quad x) {
    return t[0] * well(key[0], x) + t[1] * erff128(x);
}

static quad monomial(const double *key, const quad *t, quad x) {
    return -t[0] * x * x / 2 - t[1] * power(x, (int)key[0]);
}

static quad sinusoid(const double *key, const quad *t, quad x) {
    return -t[0] * x * x / 2 + t[1] * (sinf128(key[0] * x) - 1);
}

static quad polynomial(const double *key, const quad *t, quad x) {
    quad sum = 0, term = x;
    for (int j = 1; j <= (int)key[0]; j++, term *= x) sum += t[j - 1] * term;
    return sum - term;
}

static quad sparse_cut(const double *key, const quad *t, quad x) {
    return t[0] * well(key[0], x) + t[1] * erfcf128(-x / (key[1] * sqrtf128(2))) / 2;
}

static quad double_well(const double *key, const quad *t, quad x) {
    (void)key;
    return t[0] * x + t[1] * x * x - t[2] * x * x * x * x;
}

static quad mixture(const double *key, const quad *t, quad x) {
    quad first = expf128(-(x - t[1]) * (x - t[1]) / 2), second = expf128(-(x - t[2]) * (x - t[2]) / 2);
    (void)key;
    return logf128((t[0] * first + (1 - t[0]) * second) / sqrtf128(2 * M_PIf128));
}

static quad gaussian_mixture(const double *key, const quad *t, quad x) {
    const quad s = key[1], weight[3] = {t[0], t[1], 1 - t[0] - t[1]};
    quad sum = 0, top = 0;
    for (int k = 0; k < 3; k++) {
        const quad z = (x - t[2 + k]) / s;
        if (k == 0 || -z * z / 2 > top) top = -z * z / 2;
    }
    for (int k = 0; k < 3; k++) {
        const quad z = (x - t[2 + k]) / s;
        sum += weight[k] * expf128(-z * z / 2 - top);
    }
    return top + logf128(sum / (s * sqrtf128(2 * M_PIf128)));
}

static quad laplace(const double *key, const quad *t, quad x) {
    (void)key;
    return -t[0] * fabsf128(x);
}

static quad linear(const double *key, const quad *t, quad x) {
    (void)key;
    return t[0] * x;
}

static quad exponential(const double *key, const quad *t, quad x) {
    return -linear(key, t, x);
}

static quad logistic(const double *key, const quad *t, quad x) {
    quad z = fabsf128(x - t[0]) / t[1];
    (void)key;
    return -z - 2 * log1pf128(expf128(-z)) - logf128(t[1]);
}

static quad student(const double *key, const quad *t, quad x) {
    quad nu = key[0], z = (x - t[0]) / t[1];
    quad norm = lgammaf128((nu + 1) / 2) - lgammaf128(nu / 2) - logf128(nu * M_PIf128) / 2;
    return norm - (nu + 1) / 2 * log1pf128(z * z / nu) - logf128(t[1]);
}

static quad von_mises(const double *key, const quad *t, quad x) {
    (void)key;
    return t[0] * cosf128(x) + t[1] * sinf128(x);
}

typedef struct {
    const char *family;
    quad (*logp)(const double *key, const quad *theta, quad x);
    double slack; /* rounding errors allowed, in units of what one rounding of each input does */
} definition;

static const definition definitions[] = {
    {"gaussian", gaussian, 4},       {"bimodal", bimodal, 4},
    {"monomial", monomial, 4},       {"sinusoid", sinusoid, 4},
    {"polynomial", polynomial, 16},  {"sparse-cut", sparse_cut, 4},
    {"double-well", double_well, 4}, {"mixture", mixture, 8},
    {"laplace", laplace, 4},         {"exponential", exponential, 4},
    {"logistic", logistic, 8},       {"student", student, 8},
    {"uniform", linear, 4},          {"truncated-gaussian", gaussian, 4},
    {"von-mises", von_mises, 4},     {"gaussian-mixture", gaussian_mixture, 16},
};

/* --------------------------------------------------------------- differences */

typedef struct {
    const definition *law;
    const corner *at;
    quad v[SG_REALS + 1];      /* theta, then x */
    quad length[SG_REALS + 1]; /* over which log p changes, for each of them */
    int full;
    double size; /* of the largest |log p| that went into the differences */
} place;

/* Lengths that keep the truncation error of the differences small: features of the density at x. */
static void set_lengths(place *p, double x) {
    const char *family = p->law->family;
    const double *key = p->at->key, *theta = p->at->theta, own = x != 0 ? fabs(x) : 1;
    double *shift = &(double){1};
    for (int j = 0; j < p->full; j++) p->length[j] = 0x1p20; /* any step is exact where log p is linear */
    if (strcmp(family, "bimodal") == 0) *shift = 1 / (1 + fabs(x));
    if (strcmp(family, "monomial") == 0 || strcmp(family, "polynomial") == 0) *shift = own / key[0];
    if (strcmp(family, "sinusoid") == 0) *shift = fmin(1, 1 / key[0]);
    if (strcmp(family, "sparse-cut") == 0) *shift = key[1] / (1 + fmin(fabs(x) / key[1], 40));
    if (strcmp(family, "mixture") == 0) {
        double far = fabs(x - theta[1]) + fabs(x - theta[2]);
        *shift = 1 / (1 + fabs(theta[1] - theta[2]));
        p->length[0] = fmin(theta[0], 1 - theta[0]);
        p->length[1] = p->length[2] = 1 / (1 + far);
    }
    if (strcmp(family, "gaussian-mixture") == 0) {
        const double s = key[1], last = 1 - theta[0] - theta[1];
        *shift = s;
        for (int k = 0; k < 3; k++) *shift = fmin(*shift, p->length[2 + k] = s / (1 + fabs(x - theta[2 + k]) / s));
        for (int k = 0; k < 2; k++) p->length[k] = fmin(theta[k], last);
    }
    if (strcmp(family, "laplace") == 0) *shift = own; /* both sides of the kink are apart */
    if (strcmp(family, "logistic") == 0 || strcmp(family, "student") == 0) {
        double z = fabs(x - theta[0]) / theta[1];
        *shift = p->length[0] = theta[1] * (family[0] == 's' ? fmin(1, sqrt(key[0])) : 1);
        p->length[1] = theta[1] / (1 + z);
    }
    p->length[p->full] = *shift;
}

/* Mixed derivative in the variables list[0..count-1], by central differences of fourth (points 4) or second order. */
static quad differ(place *p, int count, const int *list, double step, int points) {
    static const int move[] = {-1, 1, -2, 2};
    static const quad four[] = {-8, 8, 1, -1}, two[] = {-6, 6};
    if (count == 0) {
        quad value = p->law->logp(p->at->key, p->v, p->v[p->full]);
        p->size = fmax(p->size, fabs((double)value));
        return value;
    }
    quad *v = &p->v[list[0]], at = *v, h = p->length[list[0]] * (quad)step, sum = 0;
    for (int k = 0; k < points; k++) {
        *v = at + move[k] * h;
        sum += (points == 4 ? four[k] : two[k]) * differ(p, count - 1, list + 1, step, points);
    }
    *v = at;
    return sum / (12 * h);
}

/* |f| + sum |v f_v|: what a rounding error in each input does to the value. */
static double condition(place *p, int count, const int *list, quad value) {
    int more[MOST + 1];
    double sum = fabs((double)value);
    bool statistic = p->at->model->family->can & SG_LINEAR && count > 0 && list[0] < p->full; /* free of theta */
    memcpy(more, list, (size_t)count * sizeof *list);
    for (int j = statistic ? p->full : 0; j <= p->full; j++) {
        more[count] = j;
        if (p->v[j] != 0) sum += fabs((double)(p->v[j] * differ(p, count + 1, more, 0x1p-12, 2)));
    }
    return sum;
}

/* The value and how far a good double may lie from it. */
static double reference(place *p, int count, const int *list, double *tolerance) {
    static const double step[] = {0, 0x1p-22, 0x1p-19, 0x1p-17, 0x1p-14};
    p->size = 0;
    quad value = differ(p, count, list, step[count], 4), coarse = differ(p, count, list, 2 * step[count], 4);
    double noise = 0x1p-107 * p->size;
    for (int k = 0; k < count; k++) noise /= (double)p->length[list[k]] * step[count];
    *tolerance = p->law->slack * DBL_EPSILON * condition(p, count, list, value) +
                 (count ? fabs((double)(value - coarse)) / 4 : 0) + noise + DBL_MIN;
    return (double)value;
}

/* ---------------------------------------------------------------------- jets */

typedef struct {
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} workspace;

static void open_workspace(workspace *w, int m) {
    assert_int_equal(sg_arena_new(sg_jet_bytes(m, 1, SG_JET_ALL) + SG_BLOCK * sizeof(double), &w->arena), SG_OK);
    w->block = (sg_block){.n = POINTS, .d = 1, .draws = 1, .x = sg_arena_take(w->arena, SG_BLOCK, sizeof(double))};
    assert_non_null(w->block.x);
    assert_int_equal(sg_jet_take(w->arena, m, 1, SG_JET_ALL, &w->jet), SG_OK);
}

/* Member k has theta-order k/3 and x-order k%3. */
static double *member_of(const sg_jet *jet, int k) {
    double *const member[MEMBERS] = {jet->logp,   jet->dx,  jet->dxx,    jet->dt,     jet->dt_dx,
                                     jet->dt_dxx, jet->dtt, jet->dtt_dx, jet->dtt_dxx};
    return member[k];
}

static int rows_of(int m, int k) {
    return k / 3 == 0 ? 1 : k / 3 == 1 ? m : m * (m + 1) / 2;
}

/* The variables in which row `row` of member k is the derivative. */
static int variables(int full, int k, int row, int list[MOST]) {
    int count = 0, first = row, second = 0;
    if (k / 3 == 2) {
        for (first = 0; (first + 1) * (first + 2) / 2 <= row;) first++;
        second = row - first * (first + 1) / 2;
    }
    if (k / 3 > 0) list[count++] = first;
    if (k / 3 > 1) list[count++] = second;
    for (int order = 0; order < k % 3; order++) list[count++] = full;
    return count;
}

static void check_point(place *p, const workspace *w, int i) {
    bool linear = p->at->model->family->can & SG_LINEAR;
    double x = w->block.x[i], tolerance;
    int list[MOST];
    for (int j = 0; j < p->full; j++) p->v[j] = p->at->theta[j];
    p->v[p->full] = x;
    set_lengths(p, x);
    for (int k = 0; k < MEMBERS; k++)
        for (int row = 0; row < rows_of(p->full, k); row++) {
            double value = member_of(&w->jet, k)[row * SG_BLOCK + i];
            if (linear && k >= 6) {
                assert_true(value == 0);
                continue;
            }
            double wanted = reference(p, variables(p->full, k, row, list), list, &tolerance);
            if (!(fabs(value - wanted) <= tolerance))
                fail_msg("%s: member %d row %d at x = %.17g is %.17g, not %.17g (tolerance %.2g)", p->at->model->text,
                         k, row, x, value, wanted, tolerance);
        }
}

static void forget(const sg_jet *jet) {
    for (int k = 0; k < MEMBERS; k++)
        for (int i = 0; i < rows_of(jet->m, k) * SG_BLOCK; i++) member_of(jet, k)[i] = NAN;
}

static void jets_are_derivatives(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20260901, SG_PURPOSE_TEST, 0);
    for (size_t f = 0; f < sizeof definitions / sizeof *definitions; f++) {
        const definition *law = &definitions[f];
        for (int trial = 0; trial < 40; trial++) {
            corner at;
            workspace w;
            assert_int_equal(corner_new(&stream, law->family, &at), SG_OK);
            assert_true(at.model->family->inside(at.model, at.theta));
            open_workspace(&w, at.model->full);
            bool costly = at.model->full > 9 || at.model->family->can & SG_NORMALIZED;
            w.block.n = costly ? 2 : POINTS;
            for (int i = 0; i < w.block.n; i++) {
                w.block.x[i] = corner_point(&stream, &at);
                if (w.block.x[i] == 0 && at.model->family->can & SG_KINK) w.block.x[i] = 1e-3;
            }
            forget(&w.jet);
            at.model->family->jet(at.model, at.theta, &w.block, &w.jet);
            place p = {.law = law, .at = &at, .full = at.model->full};
            for (int i = 0; i < w.block.n; i++) check_point(&p, &w, i);
            sg_arena_delete(w.arena);
            sg_model_delete(at.model);
        }
    }
}

/* sin - 1 keeps its relative accuracy where it vanishes, so that flat crests stay smooth. */
static void the_sine_does_not_cancel_at_its_crests(void **state) {
    corner at;
    workspace w;
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20260903, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 200; trial++) {
        assert_int_equal(corner_new(&stream, "sinusoid", &at), SG_OK);
        open_workspace(&w, at.model->full);
        w.block.n = POINTS;
        for (int i = 0; i < POINTS; i++)
            w.block.x[i] = (M_PI_2 + 2 * M_PI * (i - 4) + corner_signed(&stream, 1e-7, 1)) / at.key[0];
        at.model->family->jet(at.model, at.theta, &w.block, &w.jet);
        for (int i = 0; i < POINTS; i++) {
            double y = at.key[0] * w.block.x[i]; /* rounded, as in the family */
            quad half = sinf128(M_PIf128 / 4 - (quad)y / 2), crest = -2 * half * half;
            double value = w.jet.dt[SG_BLOCK + i], error = fabs(value - (double)crest) / fabs((double)crest);
            if (error > 6 * DBL_EPSILON)
                fail_msg("%s at %.17g: %.17g, relative error %.2g", at.model->text, w.block.x[i], value, error);
        }
        sg_arena_delete(w.arena);
        sg_model_delete(at.model);
    }
}

/* The bits of a member do not depend on what else is asked for, nor those of a point on its place in the block. */
static void check_bits(const corner *at, const workspace *all, workspace *one, int count) {
    const int full = at->model->full;
    for (int k = 0; k < MEMBERS; k++) {
        const size_t mark = sg_arena_mark(one->arena);
        assert_int_equal(sg_jet_take(one->arena, full, 1, 1 << k, &one->jet), SG_OK);
        for (int i = 0; i < count; i += 37) {
            one->block.n = 1;
            one->block.x[0] = all->block.x[i];
            at->model->family->jet(at->model, at->theta, &one->block, &one->jet);
            for (int row = 0; row < rows_of(full, k); row++)
                assert_memory_equal(member_of(&one->jet, k) + row * SG_BLOCK,
                                    member_of(&all->jet, k) + row * SG_BLOCK + i, sizeof(double));
        }
        sg_arena_rewind(one->arena, mark);
    }
}

static void bits_depend_on_the_point_only(void **state) {
    static const int counts[] = {1, 3, 17, SG_BLOCK};
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20260902, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 4 * CORNER_FAMILIES; trial++) {
        corner at;
        workspace all, one;
        assert_int_equal(corner_new(&stream, corner_makers[trial / 4].family, &at), SG_OK);
        open_workspace(&all, at.model->full);
        open_workspace(&one, at.model->full);
        sg_arena_rewind(one.arena, SG_BLOCK * sizeof(double));
        all.block.n = counts[trial % 4];
        for (int i = 0; i < all.block.n; i++) all.block.x[i] = corner_point(&stream, &at);
        at.model->family->jet(at.model, at.theta, &all.block, &all.jet);
        check_bits(&at, &all, &one, all.block.n);
        sg_arena_delete(all.arena);
        sg_arena_delete(one.arena);
        sg_model_delete(at.model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jets_are_derivatives),
        cmocka_unit_test(the_sine_does_not_cancel_at_its_crests),
        cmocka_unit_test(bits_depend_on_the_point_only),
    };
    return cmocka_run_group_tests_name("family jets", tests, NULL, NULL);
}
