/*
 * Mixtures of normals in R^d and their convolutions: members of every jet against differences, in 113-bit arithmetic,
 * of the log density written from its definition, at random corners; the heat equation; what is known on the line; and
 * draws.
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

#include "../ok.h"
#include "../tier.h"
#include "corners.h"
#include "family/normals.h"

typedef _Float128 quad;

enum { D = 4, K = 4, Z = D + 1, FULL = K - 1 + K * D, MEMBERS = 9, MOST = 5, POINTS = 21 };

/* ---------------------------------------------------------------- random laws */

typedef struct {
    int d, count, full, z;
    bool round, heat;
    double variance[K], covariance[K][D][D];
    double shake[K][D][D]; /* what rounding may do to a covariance, in units of its size and eps */
    double theta[FULL];
    sg_normals *law;
} mixture;

/* L L' with L of random entries: condition numbers up to a few hundred. */
static void random_covariance(sg_stream *s, int d, double scale, double *out) {
    double root[D][D] = {{0}};
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) root[a][b] = a == b ? corner_scale(s, 0.3, 2) : corner_uniform(s, -1, 1);
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) {
            out[a * d + b] = 0;
            for (int c = 0; c < d; c++) out[a * d + b] += scale * root[a][c] * root[b][c];
        }
}

static void random_weights(sg_stream *s, mixture *m) {
    double weight[K], sum = 0;
    for (int k = 0; k < m->count; k++) sum += weight[k] = corner_scale(s, 1e-5, 1);
    for (int k = 0; k + 1 < m->count; k++) m->theta[k] = weight[k] / sum;
}

/* Symmetric, 1 where the covariance is round. */
static void random_shakes(sg_stream *s, mixture *m) {
    for (int k = 0; k < m->count; k++)
        for (int a = 0; a < m->d; a++)
            for (int b = 0; b <= a; b++)
                m->shake[k][a][b] = m->shake[k][b][a] = m->round ? a == b : corner_uniform(s, -1, 1);
}

/* What one stands for: a bound of the largest eigenvalue of the covariance. */
static double shake_size(const mixture *m, int k) {
    double trace = 0;
    for (int a = 0; a < m->d; a++) trace += m->covariance[k][a][a];
    return m->round ? m->variance[k] : trace;
}

static void random_mixture(sg_stream *s, int d, int count, mixture *m) {
    *m = (mixture){.d = d, .count = count, .full = count - 1 + count * d};
    const bool shared = corner_uniform(s, 0, 1) < 0.5;
    m->round = corner_uniform(s, 0, 1) < 0.5;
    m->heat = corner_uniform(s, 0, 1) < 0.6;
    m->z = d + m->heat;
    double tight[K * D * D];
    for (int k = 0; k < count; k++) {
        m->variance[k] = corner_scale(s, 0.01, 4);
        random_covariance(s, d, corner_scale(s, 0.1, 2), tight + k * d * d);
        if (shared) m->variance[k] = m->variance[0];
        if (shared) memcpy(tight + k * d * d, tight, (size_t)(d * d) * sizeof(double));
        for (int a = 0; a < d; a++) m->theta[count - 1 + k * d + a] = corner_signed(s, 0.01, 8);
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++)
                m->covariance[k][a][b] = m->round ? (a == b ? m->variance[k] : 0)
                                                  : 0.5 * (tight[k * d * d + a * d + b] + tight[k * d * d + b * d + a]);
    }
    random_weights(s, m);
    random_shakes(s, m);
    OK(sg_normals_new(d, count, m->variance, m->round ? NULL : tight, &m->law));
    assert_true(m->law->shared || !shared);
    assert_int_equal(sg_normals_full(m->law), m->full);
    assert_true(sg_normals_inside(m->law, m->theta));
}

/* x near a mean, between two of them, or far; t at both ends of its range. */
static void random_point(sg_stream *s, const mixture *m, double *z) {
    const double *mean = m->theta + m->count - 1;
    const int k = (int)corner_uniform(s, 0, m->count), j = (int)corner_uniform(s, 0, m->count);
    const double part = corner_uniform(s, 0, 1) < 0.5 ? 0 : 0.5, far = corner_uniform(s, 0, 1) < 0.1 ? 8 : 1;
    for (int a = 0; a < m->d; a++)
        z[a] = (1 - part) * mean[k * m->d + a] + part * mean[j * m->d + a] + far * corner_uniform(s, -2, 2);
    if (m->heat) z[m->d] = corner_scale(s, 1e-3, 10);
}

/* ------------------------------------------------------------- the definition */

/* log N(y; 0, S) of component k by the factor of S = covariance + t I + shakes. */
static quad log_normal(const mixture *m, int k, const quad *y, const quad *t) {
    const int d = m->d;
    const double size = shake_size(m, k);
    quad L[D][D], z[D], sum = 0;
    for (int a = 0; a < d; a++) {
        for (int b = 0; b <= a; b++) {
            quad entry = m->covariance[k][a][b] + (a == b ? t[0] : 0);
            entry += t[1 + k] * (size + t[0]) * m->shake[k][a][b];
            for (int c = 0; c < b; c++) entry -= L[a][c] * L[b][c];
            L[a][b] = a == b ? sqrtf128(entry) : entry / L[b][b];
        }
        z[a] = y[a];
        for (int c = 0; c < a; c++) z[a] -= L[a][c] * z[c];
        z[a] /= L[a][a];
        sum -= z[a] * z[a] / 2 + logf128(L[a][a]) + logf128(2 * M_PIf128) / 2;
    }
    return sum;
}

/* v: theta, then x, then t, 0 without heat, then the coefficients of the shakes of the covariances, 0. */
static quad log_density(const mixture *m, const quad *v) {
    const quad *mean = v + m->count - 1, *x = v + m->full;
    quad part[K], last = 1, top = -INFINITY, sum = 0, y[D];
    for (int k = 0; k < m->count; k++) {
        const quad weight = k + 1 < m->count ? v[k] : last;
        last -= weight;
        for (int a = 0; a < m->d; a++) y[a] = x[a] - mean[k * m->d + a];
        part[k] = logf128(weight) + log_normal(m, k, y, x + m->d);
        if (part[k] > top) top = part[k];
    }
    for (int k = 0; k < m->count; k++) sum += expf128(part[k] - top);
    return top + logf128(sum);
}

/* --------------------------------------------------------------- differences */

typedef struct {
    const mixture *law;
    quad v[FULL + Z + K], length[FULL + Z + K];
    double size;
} place;

static void set_lengths(place *p) {
    const mixture *m = p->law;
    const double *mean = m->theta + m->count - 1;
    double weight[K], shift = INFINITY, worst = 0;
    sg_normals_weights(m->law, m->theta, weight);
    for (int k = 0; k < m->count; k++) {
        double narrow = INFINITY, wide = 0, far = 0;
        for (int e = 0; e < m->d; e++) {
            narrow = fmin(narrow, m->law->variance[k * m->d + e]);
            wide = fmax(wide, m->law->variance[k * m->d + e]);
        }
        worst = fmax(worst, wide / narrow);
        narrow += (double)p->v[m->full + m->d];
        for (int a = 0; a < m->d; a++) far += fabs((double)p->v[m->full + a] - mean[k * m->d + a]);
        const double away = sqrt(narrow) / (1 + far / sqrt(narrow));
        for (int a = 0; a < m->d; a++) p->length[m->count - 1 + k * m->d + a] = away;
        shift = fmin(shift, away);
    }
    for (int k = 0; k + 1 < m->count; k++) p->length[k] = fmin(weight[k], weight[m->count - 1]);
    for (int a = 0; a < m->d; a++) p->length[m->full + a] = shift;
    p->length[m->full + m->d] = shift * shift;
    for (int n = 1; n <= m->count; n++) p->length[m->full + m->d + n] = 1 / (worst * m->d * m->d);
}

static quad differ(place *p, int count, const int *list, double step, int points) {
    static const int move[] = {-1, 1, -2, 2};
    static const quad four[] = {-8, 8, 1, -1}, two[] = {-6, 6};
    if (count == 0) {
        quad value = log_density(p->law, p->v);
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

/* What a rounding error in each input does to the value. */
static double condition(place *p, int count, const int *list, quad value) {
    const mixture *m = p->law;
    int more[MOST + 1];
    double sum = fabs((double)value);
    memcpy(more, list, (size_t)count * sizeof *list);
    for (int j = 0; j <= m->full + m->d + m->count; j++) {
        const double unit = j > m->full + m->d ? 1 : fabs((double)p->v[j]);
        more[count] = j;
        if (unit > 0) sum += unit * fabs((double)differ(p, count + 1, more, 0x1p-12, 2));
    }
    return sum;
}

static double reference(place *p, int count, const int *list, double slack, double *tolerance) {
    static const double step[] = {0, 0x1p-22, 0x1p-19, 0x1p-17, 0x1p-14};
    p->size = 0;
    quad value = differ(p, count, list, step[count], 4), coarse = differ(p, count, list, 2 * step[count], 4);
    double noise = 0x1p-107 * p->size;
    for (int k = 0; k < count; k++) noise /= (double)p->length[list[k]] * step[count];
    *tolerance = slack * DBL_EPSILON * condition(p, count, list, value) +
                 (count ? fabs((double)(value - coarse)) / 4 : 0) + noise + DBL_MIN;
    return (double)value;
}

/* ---------------------------------------------------------------------- jets */

static double *member_of(const sg_jet *jet, int k) {
    double *const member[MEMBERS] = {jet->logp,   jet->dx,  jet->dxx,    jet->dt,     jet->dt_dx,
                                     jet->dt_dxx, jet->dtt, jet->dtt_dx, jet->dtt_dxx};
    return member[k];
}

static int packed(int n) {
    return n * (n + 1) / 2;
}

static void unpack(int row, int *first, int *second) {
    for (*first = 0; packed(*first + 1) <= row;) ++*first;
    *second = row - packed(*first);
}

/* The variables of row (parameters `row`, coordinates `bend`) of member k. */
static int variables(int full, int k, int row, int bend, int list[MOST]) {
    int count = 0, a = row, b = 0, c = bend, e = 0;
    if (k / 3 == 2) unpack(row, &a, &b);
    if (k % 3 == 2) unpack(bend, &c, &e);
    if (k / 3 > 0) list[count++] = a;
    if (k / 3 > 1) list[count++] = b;
    if (k % 3 > 0) list[count++] = full + c;
    if (k % 3 > 1) list[count++] = full + e;
    return count;
}

typedef struct {
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} workspace;

static void open_workspace(workspace *w, int m, int z, int want) {
    OK(sg_arena_new(sg_jet_bytes(m, z, want) + (size_t)z * SG_BLOCK * sizeof(double), &w->arena));
    w->block = (sg_block){.n = POINTS, .d = z, .draws = 1, .x = sg_arena_take(w->arena, (size_t)z * SG_BLOCK, 8)};
    assert_non_null(w->block.x);
    OK(sg_jet_take(w->arena, m, z, want, &w->jet));
}

static void set_point(workspace *w, int i, int z, const double *point) {
    for (int a = 0; a < z; a++) w->block.x[a * SG_BLOCK + i] = point[a];
}

/* A few rows of every member, at random. */
static void check_point(sg_stream *s, place *p, const workspace *w, int i) {
    const mixture *m = p->law;
    const double slack = m->round ? 16 : 16 * m->d * m->d; /* eigenvectors: errors of all entries may add up */
    double tolerance;
    int list[MOST];
    for (int j = 0; j < m->full; j++) p->v[j] = m->theta[j];
    for (int n = 0; n <= m->count; n++) p->v[m->full + m->d + n] = 0;
    for (int a = 0; a < m->z; a++) p->v[m->full + a] = w->block.x[a * SG_BLOCK + i];
    set_lengths(p);
    for (int k = 0; k < MEMBERS; k++) {
        const int rows = k / 3 == 0 ? 1 : k / 3 == 1 ? m->full : packed(m->full);
        const int bends = k % 3 == 0 ? 1 : k % 3 == 1 ? m->z : packed(m->z);
        for (int trial = 0; trial < 2 && trial < rows * bends; trial++) {
            const int row = (int)corner_uniform(s, 0, rows), bend = (int)corner_uniform(s, 0, bends);
            const double value = member_of(&w->jet, k)[(row * bends + bend) * SG_BLOCK + i];
            const double wanted = reference(p, variables(m->full, k, row, bend, list), list, slack, &tolerance);
            if (!(fabs(value - wanted) <= tolerance))
                fail_msg("d = %d, K = %d%s%s%s, member %d row %d, %d: %.17g, not %.17g (tolerance %.2g)", m->d,
                         m->count, m->round ? ", round" : "", m->law->shared ? ", shared" : "", m->heat ? ", heat" : "",
                         k, row, bend, value, wanted, tolerance);
        }
    }
}

static void jets_are_derivatives(void **state) {
    sg_stream s;
    (void)state;
    sg_stream_open(&s, 20261001, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < (second_tier() ? 640 : 32); trial++) {
        mixture m;
        workspace w;
        double z[Z];
        random_mixture(&s, 1 + trial % D, 1 + trial / D % K, &m);
        open_workspace(&w, m.full, m.z, SG_JET_ALL);
        for (int i = 0; i < POINTS; i++) {
            random_point(&s, &m, z);
            set_point(&w, i, m.z, z);
        }
        sg_normals_jet(m.law, m.theta, &w.block, m.heat, &w.jet);
        place p = {.law = &m};
        for (int i = trial % 7; i < POINTS; i += 14) check_point(&s, &p, &w, i);
        sg_arena_delete(w.arena);
        sg_delete(m.law);
    }
}

/* ------------------------------------------------------------ heat equation */

/* Terms of f_t - (sum_a f_aa + 2 g_a f_a)/2, their sum and the sum of their sizes; g = grad log p / 2 or grad log p. */
static void heat_terms(int d, double f_t, const double *slope, const double *bend, const double *gradient,
                       double factor, int i, double *sum, double *size) {
    *sum = f_t, *size = fabs(f_t);
    for (int a = 0; a < d; a++) {
        const double one = 0.5 * bend[(packed(a) + a) * SG_BLOCK + i];
        const double two = factor * slope[a * SG_BLOCK + i] * gradient[a * SG_BLOCK + i];
        *sum -= one + two;
        *size += fabs(one) + fabs(two);
    }
}

/* Numbers near the end of the range have fewer digits. */
static double relative(double sum, double size, double worst) {
    return size > 1e-250 ? fmax(worst, fabs(sum) / size) : worst;
}

static void check_heat(const mixture *m, const sg_jet *jet, int i, double *worst) {
    const int d = m->d, z = m->z, bends = packed(z);
    double sum, size;
    heat_terms(d, jet->dx[d * SG_BLOCK + i], jet->dx, jet->dxx, jet->dx, 0.5, i, &sum, &size);
    *worst = relative(sum, size, *worst);
    for (int j = 0; j < m->full; j++) {
        const double *slope = jet->dt_dx + j * z * SG_BLOCK, *bend = jet->dt_dxx + j * bends * SG_BLOCK;
        heat_terms(d, slope[d * SG_BLOCK + i], slope, bend, jet->dx, 1, i, &sum, &size);
        *worst = relative(sum, size, *worst);
        for (int k = 0; k <= j; k++) {
            const int pair = packed(j) + k;
            const double *other = jet->dt_dx + k * z * SG_BLOCK, *second = jet->dtt_dx + pair * z * SG_BLOCK;
            heat_terms(d, second[d * SG_BLOCK + i], second, jet->dtt_dxx + pair * bends * SG_BLOCK, jet->dx, 1, i, &sum,
                       &size);
            for (int a = 0; a < d; a++) {
                const double term = slope[a * SG_BLOCK + i] * other[a * SG_BLOCK + i];
                sum -= term, size += fabs(term);
            }
            *worst = relative(sum, size, *worst);
        }
    }
}

/*
 * d_t log p = (Lap log p + |grad log p|^2)/2 and its derivatives of both orders in theta, to rounding of the terms: of
 * covariances with axes of their own times their condition numbers, at most 2000 here.
 */
static void the_heat_equation_holds(void **state) {
    sg_stream s;
    double worst[2] = {0};
    (void)state;
    sg_stream_open(&s, 20261002, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 400; trial++) {
        mixture m;
        workspace w;
        double z[Z];
        random_mixture(&s, 1 + trial % D, 1 + trial / D % K, &m);
        m.heat = true, m.z = m.d + 1;
        open_workspace(&w, m.full, m.z, SG_JET_ALL);
        for (int i = 0; i < POINTS; i++) {
            random_point(&s, &m, z);
            set_point(&w, i, m.z, z);
        }
        sg_normals_jet(m.law, m.theta, &w.block, true, &w.jet);
        for (int i = 0; i < POINTS; i++) check_heat(&m, &w.jet, i, &worst[m.round]);
        sg_arena_delete(w.arena);
        sg_delete(m.law);
    }
    printf("heat equation: %.1f eps, of any covariances %.1f eps\n", worst[1] / DBL_EPSILON, worst[0] / DBL_EPSILON);
    assert_true(worst[1] < 64 * DBL_EPSILON);
    assert_true(worst[0] < 64 * DBL_EPSILON * 2000);
}

/* At t = 0 the convolution is the law: rows of its jet without t against those of the law. */
static void no_heat_is_the_law(void **state) {
    sg_stream s;
    (void)state;
    sg_stream_open(&s, 20261003, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 100; trial++) {
        mixture m;
        workspace cold, warm;
        double z[Z];
        random_mixture(&s, 1 + trial % D, 1 + trial / D % K, &m);
        open_workspace(&cold, m.full, m.d, SG_JET_ALL);
        open_workspace(&warm, m.full, m.d + 1, SG_JET_ALL);
        for (int i = 0; i < POINTS; i++) {
            random_point(&s, &m, z);
            z[m.d] = 0;
            set_point(&cold, i, m.d, z);
            set_point(&warm, i, m.d + 1, z);
        }
        sg_normals_jet(m.law, m.theta, &cold.block, false, &cold.jet);
        sg_normals_jet(m.law, m.theta, &warm.block, true, &warm.jet);
        for (int k = 0; k < MEMBERS; k++) {
            const int rows = k / 3 == 0 ? 1 : k / 3 == 1 ? m.full : packed(m.full), order = k % 3;
            const int one = order == 0 ? 1 : order == 1 ? m.d : packed(m.d);
            const int other = order == 0 ? 1 : order == 1 ? m.d + 1 : packed(m.d + 1);
            for (int n = 0; n < rows * one; n++)
                for (int i = 0; i < POINTS; i++) {
                    const double x = member_of(&cold.jet, k)[n * SG_BLOCK + i];
                    const double y = member_of(&warm.jet, k)[(n / one * other + n % one) * SG_BLOCK + i];
                    if (m.round) assert_memory_equal(&x, &y, sizeof x);
                    assert_true(fabs(x - y) <= 1e-10 * (fabs(x) + 1));
                }
        }
        sg_arena_delete(cold.arena);
        sg_arena_delete(warm.arena);
        sg_delete(m.law);
    }
}

/* The bits of a member do not depend on what else is asked for, nor those of a point on its place in the block. */
static void bits_depend_on_the_point_only(void **state) {
    sg_stream s;
    (void)state;
    sg_stream_open(&s, 20261004, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 32; trial++) {
        mixture m;
        workspace all, one;
        double z[Z];
        random_mixture(&s, 1 + trial % D, 1 + trial / D % K, &m);
        open_workspace(&all, m.full, m.z, SG_JET_ALL);
        for (int i = 0; i < POINTS; i++) {
            random_point(&s, &m, z);
            set_point(&all, i, m.z, z);
        }
        sg_normals_jet(m.law, m.theta, &all.block, m.heat, &all.jet);
        for (int k = 0; k < MEMBERS; k++) {
            const int rows = k / 3 == 0 ? 1 : k / 3 == 1 ? m.full : packed(m.full);
            const int each = k % 3 == 0 ? 1 : k % 3 == 1 ? m.z : packed(m.z), i = (7 * k + trial) % POINTS;
            open_workspace(&one, m.full, m.z, 1 << k);
            for (int a = 0; a < m.z; a++) one.block.x[a * SG_BLOCK] = all.block.x[a * SG_BLOCK + i];
            one.block.n = 1;
            sg_normals_jet(m.law, m.theta, &one.block, m.heat, &one.jet);
            for (int n = 0; n < rows * each; n++)
                assert_memory_equal(member_of(&one.jet, k) + n * SG_BLOCK, member_of(&all.jet, k) + n * SG_BLOCK + i,
                                    sizeof(double));
            sg_arena_delete(one.arena);
        }
        sg_arena_delete(all.arena);
        sg_delete(m.law);
    }
}

static void what_is_no_law_is_refused(void **state) {
    const double unit[] = {1, 1}, flat[] = {1, 0}, singular[] = {1, 1, 1, 1}, indefinite[] = {1, 2, 2, 1};
    sg_normals *law = NULL;
    (void)state;
    assert_int_equal(sg_normals_new(0, 2, unit, NULL, &law), SG_OUT_OF_RANGE);
    assert_int_equal(sg_normals_new(SG_NORMALS_D + 1, 2, unit, NULL, &law), SG_OUT_OF_RANGE);
    assert_int_equal(sg_normals_new(1, 0, unit, NULL, &law), SG_OUT_OF_RANGE);
    assert_int_equal(sg_normals_new(1, SG_COMPONENTS + 1, unit, NULL, &law), SG_OUT_OF_RANGE);
    assert_int_equal(sg_normals_new(1, 2, flat, NULL, &law), SG_OUT_OF_RANGE);
    assert_string_equal(sg_message(), "the covariance of component 2 is not positive definite");
    assert_int_equal(sg_normals_new(2, 1, NULL, singular, &law), SG_OUT_OF_RANGE);
    assert_int_equal(sg_normals_new(2, 1, NULL, indefinite, &law), SG_OUT_OF_RANGE);
    assert_null(law);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jets_are_derivatives),      cmocka_unit_test(the_heat_equation_holds),
        cmocka_unit_test(no_heat_is_the_law),        cmocka_unit_test(bits_depend_on_the_point_only),
        cmocka_unit_test(what_is_no_law_is_refused),
    };
    return cmocka_run_group_tests_name("normals", tests, NULL, NULL);
}
