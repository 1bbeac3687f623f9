/*
 * Two unit normals: p = w N(mu1, I) + (1 - w) N(mu2, I) in R^d, theta = (w, mu1, mu2) = (w, -m e_1, m e_1).
 * Normalized, not exponential.  In several dimensions, and with heat, normals.h; on the line:
 *
 * With A = x - mu1, B = x - mu2, D = mu1 - mu2, the ratios R = N(x; mu1, 1)/p, Q = N(x; mu2, 1)/p and the
 * responsibilities r = w R, q = (1-w) Q, r + q = 1, every derivative of log p is a polynomial in these:
 *   d log p/dx = -(r A + q B),  d log p/dw = R - Q,  d log p/dmu1 = r A,  d log p/dmu2 = q B,
 *   dr/dx = v D,  dr/dw = R Q,  dr/dmu1 = v A,  dr/dmu2 = -v B,  v = r q,  dv/dr = q - r,  dq = -dr.
 * All four are computed to relative accuracy on either side, and R - Q apart from them.
 */
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/line.h"
#include "family/normals.h"

static const double LOG_SQRT_2PI = 0.91893853320467274178;

typedef struct {
    int d;
    double m, w;
} mixture;

static sg_status make(const void *keys, sg_model *model) {
    static const double unit[] = {1, 1};
    const mixture *key = keys;
    sg_normals *law = NULL;
    sg_status status = sg_normals_new(key->d, 2, unit, NULL, &law);
    if (status != SG_OK) return status;
    status = sg_normals_model(model, law);
    if (status != SG_OK) return status;
    model->truth[0] = key->w;
    model->truth[1] = -key->m;
    model->truth[1 + key->d] = key->m;
    return SG_OK;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    if (index == 0)
        snprintf(name, SG_NAME, "w");
    else
        sg_normals_mean_name(model->own, index - 1, name);
}

/* d has no place in the text where it is 1. */
static bool idle(const void *keys, const char *key) {
    return strcmp(key, "d") == 0 && ((const mixture *)keys)->d == 1;
}

/* --------------------------------------------------------------------- jets */

/* What every member is made of. */
typedef struct {
    int n;
    double D;
    alignas(SG_ALIGN) double A[SG_BLOCK], B[SG_BLOCK], R[SG_BLOCK], Q[SG_BLOCK], r[SG_BLOCK], q[SG_BLOCK];
    alignas(SG_ALIGN) double weight[SG_BLOCK]; /* R - Q */
} parts;

/* t = log N(x; mu1, 1)/N(x; mu2, 1); p is the larger component times w + (1-w) exp(-|t|), or the mirror of it. */
static void prepare(const double *theta, int n, const double *x, parts *p) {
    const double w = theta[0], mu1 = theta[1], mu2 = theta[2], D = mu1 - mu2, middle = 0.5 * mu1 + 0.5 * mu2;
    p->n = n;
    p->D = D;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double t = D * (x[i] - middle), e = exp(-fabs(t));
        double one = t > 0 ? 1 : e, two = t > 0 ? e : 1, inverse = 1 / (w * one + (1 - w) * two);
        double R = one * inverse, Q = two * inverse;
        p->A[i] = x[i] - mu1;
        p->B[i] = x[i] - mu2;
        p->R[i] = R;
        p->Q[i] = Q;
        p->r[i] = w * R;
        p->q[i] = (1 - w) * Q;
    }
}

/* R - Q: the larger of the two times 1 - exp(-|t|) = 2 tanh(|t|/2)/(1 + tanh(|t|/2)). */
static void prepare_weight(const double *theta, int n, const double *x, parts *p) {
    const double mu1 = theta[1], mu2 = theta[2], D = mu1 - mu2, middle = 0.5 * mu1 + 0.5 * mu2;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double s = tanh(0.5 * D * (x[i] - middle)), large = p->R[i] > p->Q[i] ? p->R[i] : p->Q[i];
        p->weight[i] = large * (2 * s / (1 + fabs(s)));
    }
}

static void log_density(const double *theta, int n, const double *x, double *logp) {
    const double w = theta[0], mu1 = theta[1], mu2 = theta[2], D = mu1 - mu2, middle = 0.5 * mu1 + 0.5 * mu2;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double t = D * (x[i] - middle), A = x[i] - mu1, B = x[i] - mu2, e = exp(-fabs(t));
        double top = -0.5 * (t > 0 ? A * A : B * B) - LOG_SQRT_2PI;
        logp[i] = top + log(t > 0 ? w + (1 - w) * e : w * e + (1 - w));
    }
}

static void slope(const parts *p, double *dx) {
#pragma omp simd
    for (int i = 0; i < p->n; i++) dx[i] = -(p->r[i] * p->A[i] + p->q[i] * p->B[i]);
}

static void curvature(const parts *p, double *dxx) {
    const double D2 = p->D * p->D;
#pragma omp simd
    for (int i = 0; i < p->n; i++) dxx[i] = p->r[i] * p->q[i] * D2 - 1;
}

/* First theta-derivatives, in the order w, mu1, mu2. */
static void tangent(const parts *p, double *f) {
#pragma omp simd
    for (int i = 0; i < p->n; i++) {
        f[i] = p->weight[i];
        f[SG_BLOCK + i] = p->r[i] * p->A[i];
        f[2 * SG_BLOCK + i] = p->q[i] * p->B[i];
    }
}

static void tangent_slope(const parts *p, double *f) {
    const double D = p->D;
#pragma omp simd
    for (int i = 0; i < p->n; i++) {
        double r = p->r[i], q = p->q[i], vD = r * q * D;
        f[i] = p->R[i] * p->Q[i] * D;
        f[SG_BLOCK + i] = r + p->A[i] * vD;
        f[2 * SG_BLOCK + i] = q - p->B[i] * vD;
    }
}

static void tangent_curvature(const parts *p, double *f) {
    const double D = p->D;
#pragma omp simd
    for (int i = 0; i < p->n; i++) {
        double r = p->r[i], q = p->q[i], kD = (q - r) * D, vD = r * q * D;
        f[i] = p->R[i] * p->Q[i] * D * kD;
        f[SG_BLOCK + i] = vD * (2 + p->A[i] * kD);
        f[2 * SG_BLOCK + i] = -vD * (2 + p->B[i] * kD);
    }
}

/* Second theta-derivatives, packed: (w,w), (mu1,w), (mu1,mu1), (mu2,w), (mu2,mu1), (mu2,mu2). */
static void second(const parts *p, double *f) {
#pragma omp simd
    for (int i = 0; i < p->n; i++) {
        double A = p->A[i], B = p->B[i], r = p->r[i], q = p->q[i], v = r * q, vw = p->R[i] * p->Q[i];
        f[i] = -p->weight[i] * p->weight[i];
        f[SG_BLOCK + i] = vw * A;
        f[2 * SG_BLOCK + i] = r * (q * A * A - 1);
        f[3 * SG_BLOCK + i] = -vw * B;
        f[4 * SG_BLOCK + i] = -v * A * B;
        f[5 * SG_BLOCK + i] = q * (r * B * B - 1);
    }
}

static void second_slope(const parts *p, double *f) {
    const double D = p->D;
#pragma omp simd
    for (int i = 0; i < p->n; i++) {
        double A = p->A[i], B = p->B[i], r = p->r[i], q = p->q[i], v = r * q, vw = p->R[i] * p->Q[i];
        double kD = (q - r) * D;
        f[i] = -2 * p->weight[i] * vw * D;
        f[SG_BLOCK + i] = vw * (1 + A * kD);
        f[2 * SG_BLOCK + i] = v * (A * A * kD + 2 * A - D);
        f[3 * SG_BLOCK + i] = -vw * (1 + B * kD);
        f[4 * SG_BLOCK + i] = -v * (A * B * kD + A + B);
        f[5 * SG_BLOCK + i] = v * (B * B * kD + 2 * B + D);
    }
}

static void second_curvature(const parts *p, double *f) {
    const double D = p->D;
#pragma omp simd
    for (int i = 0; i < p->n; i++) {
        double A = p->A[i], B = p->B[i], r = p->r[i], q = p->q[i], v = r * q, vw = p->R[i] * p->Q[i];
        double kD = (q - r) * D, cD = (1 - 6 * v) * D * D;
        f[i] = -2 * (vw * D * vw * D + p->weight[i] * vw * kD * D);
        f[SG_BLOCK + i] = vw * (2 * kD + A * cD);
        f[2 * SG_BLOCK + i] = v * (A * A * cD + (4 * A - D) * kD + 2);
        f[3 * SG_BLOCK + i] = -vw * (2 * kD + B * cD);
        f[4 * SG_BLOCK + i] = -v * (A * B * cD + 2 * (A + B) * kD + 2);
        f[5 * SG_BLOCK + i] = v * (B * B * cD + (4 * B + D) * kD + 2);
    }
}

static void line_jet(const double *theta, const sg_block *block, sg_jet *out) {
    const int n = sg_line_points(block->n);
    parts p;
    if (out->logp) log_density(theta, n, block->x, out->logp);
    if (!(out->want & ~SG_LOGP)) return;
    prepare(theta, n, block->x, &p);
    if (out->dt || out->dtt || out->dtt_dx || out->dtt_dxx) prepare_weight(theta, n, block->x, &p);
    if (out->dx) slope(&p, out->dx);
    if (out->dxx) curvature(&p, out->dxx);
    if (out->dt) tangent(&p, out->dt);
    if (out->dt_dx) tangent_slope(&p, out->dt_dx);
    if (out->dt_dxx) tangent_curvature(&p, out->dt_dxx);
    if (out->dtt) second(&p, out->dtt);
    if (out->dtt_dx) second_slope(&p, out->dtt_dx);
    if (out->dtt_dxx) second_curvature(&p, out->dtt_dxx);
}

enum { LINE_ROWS = 9 * SG_BLOCK, PAIR_ROWS = 18 * SG_BLOCK }; /* of the members of each order in theta */

/* Of some parameters: of all three, of which some are copied. */
static void some_of_line_jet(const double *theta, const sg_block *block, sg_jet *out) {
    alignas(SG_ALIGN) double once[LINE_ROWS], twice[PAIR_ROWS];
    double *const from[] = {once,  once + 3 * SG_BLOCK,  once + 6 * SG_BLOCK,
                            twice, twice + 6 * SG_BLOCK, twice + 12 * SG_BLOCK};
    double *const to[] = {out->dt, out->dt_dx, out->dt_dxx, out->dtt, out->dtt_dx, out->dtt_dxx};
    sg_jet all = *out;
    double **member[] = {&all.dt, &all.dt_dx, &all.dt_dxx, &all.dtt, &all.dtt_dx, &all.dtt_dxx};
    all.m = 3;
    all.parameter = NULL;
    for (int n = 0; n < 6; n++) *member[n] = to[n] ? from[n] : NULL;
    line_jet(theta, block, &all);
    for (int j = 0, pair = 0; j < out->m; j++) {
        const int first = out->parameter[j];
        for (int n = 0; n < 3; n++)
            if (to[n]) memcpy(to[n] + j * SG_BLOCK, from[n] + first * SG_BLOCK, SG_BLOCK * sizeof(double));
        for (int k = 0; k <= j; k++, pair++) {
            const int row = first * (first + 1) / 2 + out->parameter[k];
            for (int n = 3; n < 6; n++)
                if (to[n]) memcpy(to[n] + pair * SG_BLOCK, from[n] + row * SG_BLOCK, SG_BLOCK * sizeof(double));
        }
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    if (model->space.d == 1 && out->parameter)
        some_of_line_jet(theta, block, out);
    else if (model->space.d == 1)
        line_jet(theta, block, out);
    else
        sg_normals_jet(model->own, theta, block, false, out);
}

static void smooth(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    sg_normals_jet(model->own, theta, block, true, out);
}

/* ------------------------------------------------------- the rest of a family */

static bool inside(const sg_model *model, const double *theta) {
    return sg_normals_inside(model->own, theta);
}

static void places(const sg_model *model, const double *theta, sg_places *out) {
    sg_normals_places(model->own, theta, out);
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double D = theta[1] - theta[2], log_odds = log(theta[0]) - log1p(-theta[0]);
    const double crossing = 0.5 * theta[1] + 0.5 * theta[2] - log_odds / D;
    (void)model;
    sg_line_mark(marks, theta[1], 1);
    sg_line_mark(marks, theta[2], 1);
    if (fabs(crossing - theta[1]) < 20 + fabs(D)) sg_line_mark(marks, crossing, fmin(1, 1 / fabs(D)));
}

/* The components of all points first, then their normals. */
static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const double w = theta[0], mu1 = theta[1], mu2 = theta[2];
    double component[SG_BLOCK];
    if (model->space.d > 1) {
        sg_normals_draw(model->own, theta, stream, block);
        return;
    }
    sg_stream_uniform(stream, (size_t)block->n, component);
    sg_stream_normal(stream, (size_t)block->n, block->x);
    for (int i = 0; i < block->n; i++) block->x[i] += component[i] < w ? mu1 : mu2;
}

static sg_status components(const sg_model *model, const double *theta, sg_components **out) {
    return sg_normals_components(model->own, theta, out);
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(mixture, d),
     .initial = "1",
     .lo = 1,
     .hi = SG_NORMALS_D,
     .help = "dimension"},
    {.key = "m",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(mixture, m),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "the true means are -m and m along the first axis, in standard deviations of a component"},
    {.key = "w",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(mixture, w),
     .initial = "0.5",
     .lo = 0,
     .hi = 1,
     .lo_open = true,
     .hi_open = true,
     .help = "true weight of the component at -m"},
    {0},
};

static const char *const groups[] = {"weight", "w", "means", "mu*", NULL};

const sg_family sg_family_mixture = {
    .name = "mixture",
    .summary = "p(x) = w N(x; mu1, I) + (1 - w) N(x; mu2, I) in R^d",
    .keys = keys,
    .keys_size = sizeof(mixture),
    .can = SG_NORMALIZED | SG_NODES | SG_SAMPLER | SG_CHOICE | SG_DIAGONALS,
    .free_initial = "weight",
    .groups = groups,
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
    .places = places,
    .draw = draw,
    .idle = idle,
    .components = components,
    .smooth = smooth,
};
