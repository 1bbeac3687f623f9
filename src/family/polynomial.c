/*
 * All powers up to an odd degree over a quasi-Gaussian base: F = (x, .., x^degree), h = exp(-x^(degree+1)) (PRSLMR). In
 * d > 1 variables all monomials up to that total degree, h = exp(-sum_a x_a^(degree+1)).
 */
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "family/exponential.h"
#include "family/monomials.h"

typedef struct {
    int degree, d;
    double B, coupling;
    sg_monomials *all; /* d > 1 */
} polynomial;

static const sg_monomials *monomials_of(const sg_model *model) {
    return ((const polynomial *)model->own)->all;
}

/* -------------------------------------------------------------------- truth */

static sg_status settle(void *keys) {
    const polynomial *key = keys;
    if (key->degree < 2 && (key->B != 0 || key->coupling != 0))
        return sg_fail(SG_OUT_OF_RANGE,
                       "B = %g and coupling = %g of family polynomial need squares and products to multiply: they must "
                       "be 0, or degree at least 3",
                       key->B, key->coupling);
    if (key->d == 1 && key->coupling != 0)
        return sg_fail(SG_BAD_SYNTAX, "coupling of family polynomial needs two variables: leave it out, or take d > 1");
    const double count = sg_monomials_count(key->d, key->degree);
    if (count > SG_MONOMIALS_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "family polynomial has %g monomials of degree %d in %d variables: at most %d",
                       count, key->degree, key->d, SG_MONOMIALS_MOST);
    return SG_OK;
}

static bool idle(const void *keys, const char *key) {
    return ((const polynomial *)keys)->d == 1 && (strcmp(key, "d") == 0 || strcmp(key, "coupling") == 0);
}

/* B at the squares, the coupling at the products of two. */
static void fill_truth(const polynomial *own, double *truth) {
    for (int j = 0; j < own->all->count; j++) {
        int total = 0, largest = 0;
        for (int a = 0; a < own->d; a++) {
            const int power = own->all->power[j * own->d + a];
            total += power;
            largest = power > largest ? power : largest;
        }
        if (total == 2) truth[j] = largest == 2 ? own->B : own->coupling;
    }
}

static sg_status make(const void *keys, sg_model *model) {
    polynomial own = *(const polynomial *)keys;
    sg_status status = SG_OK;
    own.all = NULL;
    if (own.d == 1) {
        status = sg_line_model(model, own.degree, &own, sizeof own);
        if (status == SG_OK && own.degree > 1) model->truth[1] = own.B;
        return status;
    }
    status = sg_monomials_new(own.d, own.degree, &own.all);
    if (status == SG_OK) status = sg_line_model(model, own.all->count, &own, sizeof own);
    if (status != SG_OK && !model->own) sg_delete(own.all);
    if (status != SG_OK) return status;
    model->space = (sg_space){.shape = SG_RD, .d = own.d, .lo = -INFINITY, .hi = INFINITY};
    fill_truth(&own, model->truth);
    return SG_OK;
}

static void release(sg_model *model) {
    if (model->own) sg_delete(((polynomial *)model->own)->all);
}

/* "x2" is the square on the line; in several variables "x1^2x3". */
static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const sg_monomials *all = monomials_of(model);
    size_t used = 0;
    if (!all) {
        snprintf(name, SG_NAME, "x%d", index + 1);
        return;
    }
    for (int a = 0; a < all->d && used < SG_NAME; a++) {
        const int power = all->power[index * all->d + a];
        if (power > 0) used += (size_t)snprintf(name + used, SG_NAME - used, "x%d", a + 1);
        if (power > 1 && used < SG_NAME) used += (size_t)snprintf(name + used, SG_NAME - used, "^%d", power);
    }
}

/* --------------------------------------------------------------------- jets */

/* k-th derivative of x^j is falling(j, k) x^(j-k), k = 0, 1, 2. */
static double falling(int j, int k) {
    return k == 0 ? 1 : k == 1 ? j : (double)j * (j - 1);
}

static void powers(int degree, int k, int n, const double *x, double *f) {
    alignas(SG_ALIGN) double power[SG_BLOCK];
#pragma omp simd
    for (int i = 0; i < n; i++) power[i] = 1;
    for (int j = 1; j <= degree; j++, f += SG_BLOCK) {
        const double factor = falling(j, k);
        if (j > k)
#pragma omp simd
            for (int i = 0; i < n; i++) power[i] *= x[i];
#pragma omp simd
        for (int i = 0; i < n; i++) f[i] = factor * power[i];
    }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    const polynomial *law = own;
    for (int k = 0; k < 3; k++)
        if (f[k]) powers(law->degree, k, n, x, f[k]);
}

/* Horner's rule lets the leading term have its sign in the tails, where single terms overflow. */
static void log_density(const void *own, const double *theta, int k, int n, const double *x, double *out) {
    const int degree = ((const polynomial *)own)->degree;
    const double lead = -falling(degree + 1, k);
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = lead;
    for (int j = degree; j >= k; j--) {
        const double c = j > 0 ? falling(j, k) * theta[j - 1] : 0;
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] = out[i] * x[i] + c;
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics, .log_density = log_density};
    if (monomials_of(model))
        sg_monomials_jet(monomials_of(model), theta, block, out);
    else
        sg_exponential_jet(&law, model, theta, block, out);
}

/* --------------------------------------------------------------------- law */

static bool inside(const sg_model *model, const double *theta) {
    return sg_line_finite(model->full, theta);
}

/* Every coefficient is a force towards or away from 0 no larger than this at the distance that is returned. */
static double reach(const sg_monomials *all, const double *theta) {
    double radius = 0.5;
    for (int j = 0; j < all->count; j++) {
        int total = 0;
        for (int a = 0; a < all->d; a++) total += all->power[j * all->d + a];
        radius = fmax(radius, pow(fabs(theta[j]), 1.0 / (all->degree + 1 - total)));
    }
    return radius;
}

/* Points of a lattice climb: each takes the step that is longer after a rise and shorter after a fall. */
enum { CLIMBS = 200 };
typedef struct {
    alignas(SG_ALIGN) double x[SG_CUBATURE_AXES * SG_BLOCK], dx[SG_CUBATURE_AXES * SG_BLOCK],
        next[SG_CUBATURE_AXES * SG_BLOCK], logp[SG_BLOCK], dxx[6 * SG_BLOCK];
    double best[SG_BLOCK], step[SG_BLOCK];
} climbers;

static void look(const sg_model *model, const double *theta, double *x, int count, climbers *c) {
    const int d = model->space.d;
    const sg_block block = {.n = count, .d = d, .draws = 1, .x = x};
    sg_jet jet = {
        .m = model->full, .d = d, .want = SG_LOGP | SG_DX | SG_DXX, .logp = c->logp, .dx = c->next, .dxx = c->dxx};
    model->family->jet(model, theta, &block, &jet);
}

static void climb(const sg_model *model, const double *theta, int count, climbers *c) {
    const int d = model->space.d;
    look(model, theta, c->x, count, c);
    memcpy(c->dx, c->next, sizeof c->dx), memcpy(c->best, c->logp, sizeof c->best);
    for (int turn = 0; turn < CLIMBS; turn++) {
        double moved[SG_CUBATURE_AXES * SG_BLOCK] = {0};
        for (int i = 0; i < count; i++)
            for (int a = 0; a < d; a++)
                moved[a * SG_BLOCK + i] = c->x[a * SG_BLOCK + i] + c->step[i] * c->dx[a * SG_BLOCK + i];
        look(model, theta, moved, count, c);
        for (int i = 0; i < count; i++) {
            const bool rises = c->logp[i] >= c->best[i];
            c->step[i] *= rises ? 1.3 : 0.4;
            if (!rises) continue;
            c->best[i] = c->logp[i];
            for (int a = 0; a < d; a++)
                c->x[a * SG_BLOCK + i] = moved[a * SG_BLOCK + i], c->dx[a * SG_BLOCK + i] = c->next[a * SG_BLOCK + i];
        }
    }
    look(model, theta, c->x, count, c);
}

/* A summit that is none of the places yet, with the widths of its bends. */
static void add_place(int d, const climbers *c, int i, double radius, sg_places *out) {
    const int at = out->count;
    if (at == SG_LANDMARKS) return;
    for (int a = 0; a < d; a++) {
        const double bend = c->dxx[(a * (a + 1) / 2 + a) * SG_BLOCK + i];
        out->at[at][a] = c->x[a * SG_BLOCK + i];
        out->scale[at][a] = fmin(0.5 * radius, 1 / sqrt(fabs(bend)));
    }
    for (int k = 0; k < at; k++) {
        double away = 0;
        for (int a = 0; a < d; a++) away = fmax(away, fabs(out->at[k][a] - out->at[at][a]) / out->scale[k][a]);
        if (away < 0.5) return;
    }
    out->count++;
}

/* The middle, and the summits that a lattice of 3^d points climbs to. */
static void places(const sg_model *model, const double *theta, sg_places *out) {
    const int d = model->space.d;
    const double radius = reach(monomials_of(model), theta);
    climbers c = {0};
    int count = 1;
    for (int a = 0; a < d; a++) count *= 3;
    for (int i = 0; i < count; i++) {
        c.step[i] = 1e-3;
        for (int a = 0, rest = i; a < d; a++, rest /= 3) c.x[a * SG_BLOCK + i] = (rest % 3 - 1.001) * 0.7 * radius;
    }
    climb(model, theta, count, &c);
    out->count = 1;
    for (int a = 0; a < d; a++) out->at[0][a] = 0, out->scale[0][a] = 0.5;
    for (int i = 0; i < count; i++) add_place(d, &c, i, radius, out);
}

/* The base, and the critical points inside the bound of Fujiwara (1916) on the roots of the derivative. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const int degree = model->full;
    double radius = 0;
    for (int j = 1; j <= degree; j++)
        radius = fmax(radius, 2 * pow(fabs(theta[j - 1]) * j / (degree + 1), 1.0 / (degree + 1 - j)));
    sg_line_mark(marks, 0, 0.5);
    sg_line_mark(marks, -1, 1.0 / (degree + 1));
    sg_line_mark(marks, 1, 1.0 / (degree + 1));
    sg_line_mark_critical(model, theta, radius, marks);
}

static const sg_field keys[] = {
    {.key = "degree",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(polynomial, degree),
     .initial = "3",
     .lo = 1,
     .hi = 31,
     .parity = 1,
     .help = "highest power among the statistics; the base measure is exp(-x^(degree+1))"},
    {.key = "B",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(polynomial, B),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true coefficient of x^2, of each variable; the other true coefficients are 0"},
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(polynomial, d),
     .initial = "1",
     .lo = 1,
     .hi = 64,
     .help = "variables"},
    {.key = "coupling",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(polynomial, coupling),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "d > 1: true coefficient of the products of two variables"},
    {0},
};

const sg_family sg_family_polynomial = {
    .name = "polynomial",
    .summary = "p(x) ~ exp(-x^(degree+1) + x1 x + x2 x^2 + ...), all powers to x^degree; d > 1: all monomials",
    .keys = keys,
    .keys_size = sizeof(polynomial),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .settle = settle,
    .idle = idle,
    .make = make,
    .release = release,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
    .places = places,
};
