/*
 * The law of Bingham on the unit sphere of R^d: F = x_a x_b, b <= a, without the last square, which the others
 * determine; log p = sum theta_ab x_a x_b = x' A x with A_aa = theta_aa, A_ab = theta_ab/2 and last diagonal entry 0.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/line.h"
#include "family/sphere.h"

enum { D = SG_BINGHAM_MOST, FULL = D * (D + 1) / 2 - 1 };

typedef struct {
    int d;
    sg_reals concentrations;
} bingham;

static sg_status settle(void *keys) {
    bingham *key = keys;
    sg_reals *c = &key->concentrations;
    bool same = true;
    if (c->n != 1 && c->n != key->d - 1)
        return sg_fail(SG_OUT_OF_RANGE, "concentrations of family bingham has %d numbers: with d=%d give 1 or %d", c->n,
                       key->d, key->d - 1);
    for (int a = 1; a < c->n; a++) same = same && c->v[a] == c->v[0];
    if (same) c->n = 1;
    return SG_OK;
}

static int packed(int a, int b) {
    return a * (a + 1) / 2 + b;
}

static sg_status make(const void *keys, sg_model *model) {
    const bingham *key = keys;
    const sg_reals *c = &key->concentrations;
    sg_status status = sg_sphere_model(model, key->d, key->d * (key->d + 1) / 2 - 1, key, sizeof *key);
    for (int a = 0; a + 1 < key->d && status == SG_OK; a++) model->truth[packed(a, a)] = -c->v[c->n == 1 ? 0 : a];
    return status;
}

/* The coordinates of parameter `index`, b <= a. */
static void pair_of(int index, int *a, int *b) {
    for (*a = 0; packed(*a + 1, 0) <= index;) ++*a;
    *b = index - packed(*a, 0);
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    int a, b;
    (void)model;
    pair_of(index, &a, &b);
    snprintf(name, SG_NAME, "x%dx%d", b + 1, a + 1);
}

/* -------------------------------------------------------------------- jets */

/* out += c times the product or row x. */
static void add_product(int n, double c, const double *restrict x, const double *restrict y, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] += c * (x[i] * y[i]);
}

static void add_row(int n, double c, const double *restrict x, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] += c * x[i];
}

/* One statistic times c, added to the rows of a function of x, its gradient and its packed second derivatives (NULL:
 * not wanted). */
static void add_statistic(int index, double c, const sg_block *block, double *const f[3]) {
    int a, b;
    pair_of(index, &a, &b);
    const int n = sg_line_points(block->n);
    const double *x = block->x + a * SG_BLOCK, *y = block->x + b * SG_BLOCK;
    if (f[0]) add_product(n, c, x, y, f[0]);
    if (f[1]) add_row(n, c, y, f[1] + a * SG_BLOCK), add_row(n, c, x, f[1] + b * SG_BLOCK);
    for (int i = 0; i < n && f[2]; i++) f[2][packed(a, b) * SG_BLOCK + i] += a == b ? 2 * c : c;
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const int d = model->space.d, full = model->full, pairs = full * (full + 1) / 2;
    const int rows[3] = {1, d, d * (d + 1) / 2};
    double *const sum[3] = {out->logp, out->dx, out->dxx}, *const each[3] = {out->dt, out->dt_dx, out->dt_dxx};
    double *const zero[3] = {out->dtt, out->dtt_dx, out->dtt_dxx};
    for (int k = 0; k < 3; k++) {
        sg_sphere_clear(sum[k], rows[k]);
        sg_sphere_clear(each[k], full * rows[k]);
        sg_sphere_clear(zero[k], pairs * rows[k]);
    }
    for (int j = 0; j < full; j++) {
        double *own[3];
        for (int k = 0; k < 3; k++) own[k] = each[k] ? each[k] + j * rows[k] * SG_BLOCK : NULL;
        if (theta[j] != 0) add_statistic(j, theta[j], block, sum);
        add_statistic(j, 1, block, own);
    }
}

/* ------------------------------------------------------------------ the law */

static bool inside(const sg_model *model, const double *theta) {
    return sg_line_finite(model->full, theta);
}

/* A = sum_i lambda_i axis_i axis_i', lambda ascending, axis i in row i of axes [d,d]. */
static sg_status principal(int d, const double *theta, double *lambda, double *axes) {
    double a[D * D];
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++)
            a[i * d + j] = a[j * d + i] = i > j ? 0.5 * theta[packed(i, j)] : i < d - 1 ? theta[packed(i, i)] : 0;
    return sg_symmetric_eigen(d, a, lambda, axes);
}

/* Second derivatives: covariances of x_a x_b = sum over pairs i >= j of axes of (...) y_i y_j, where squares are
 * correlated among themselves only and every other product with none. */
static void fill_hessian(int d, int full, const double *axes, const double *fourth, const double *spread,
                         double *hessian) {
    double image[FULL + 1][FULL], scaled[FULL + 1];
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++)
            for (int s = 0, a, b; s < full; s++) {
                const double *q = axes + i * d, *r = axes + j * d;
                pair_of(s, &a, &b);
                image[packed(i, j)][s] = i == j ? q[a] * q[b] : q[a] * r[b] + q[b] * r[a];
            }
    for (int s = 0; s < full; s++) {
        for (int i = 0; i < d; i++) {
            double sum = 0;
            for (int j = 0; j < i; j++) scaled[packed(i, j)] = fourth[i * d + j] * image[packed(i, j)][s];
            for (int j = 0; j < d; j++) sum += spread[i * d + j] * image[packed(j, j)][s];
            scaled[packed(i, i)] = sum;
        }
        for (int t = 0; t < full; t++) {
            double sum = 0;
            for (int k = 0; k <= full; k++) sum += image[k][t] * scaled[k];
            hessian[s * full + t] = sum;
        }
    }
}

static sg_status log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    const int d = model->space.d;
    double lambda[D], axes[D * D], second[D], fourth[D * D], spread[D * D];
    sg_status status = principal(d, theta, lambda, axes);
    if (status != SG_OK) return status;
    const double error = sg_sphere_bingham(d, lambda, value, second, fourth, spread);
    if (!(error < 1e-10))
        return sg_fail(SG_NOT_CONVERGED, "log Z of %s is known to %.2g only: take concentrations nearer to each other",
                       model->text, error);
    for (int s = 0, a, b; s < model->full && gradient; s++) {
        pair_of(s, &a, &b);
        gradient[s] = 0;
        for (int i = 0; i < d; i++) gradient[s] += axes[i * d + a] * axes[i * d + b] * second[i];
    }
    if (hessian) fill_hessian(d, model->full, axes, fourth, spread, hessian);
    return SG_OK;
}

/* Axial: all concentrations but one are the same; that one goes last. */
static void frame(const sg_model *model, const double *theta, double *axes, double *sharp, bool *axial) {
    const int d = model->space.d;
    double lambda[D], copy[D];
    if (principal(d, theta, lambda, axes) != SG_OK) sg_sphere_frame(d, (double[D]){0}, axes);
    const double range = lambda[d - 1] - lambda[0], near = 4e-15 * fmax(fabs(lambda[0]), fabs(lambda[d - 1]));
    *sharp = 2 * range;
    *axial = lambda[d - 2] - lambda[0] <= near;
    if (*axial || d == 2 || lambda[d - 1] - lambda[1] > near) return;
    *axial = true;
    memcpy(copy, axes, (size_t)d * sizeof *copy);
    memmove(axes, axes + d, (size_t)(d * (d - 1)) * sizeof *axes);
    memcpy(axes + d * (d - 1), copy, (size_t)d * sizeof *copy);
}

/* ------------------------------------------------------------------ sampler */

/*
 * Kent, Ganeiber and Mardia 2013: normal vectors of variances 1/(1 + 2 depth_i/b), projected to the sphere, b solving
 * sum_i 1/(b + 2 depth_i) = 1, are thinned by exp(-q) (1 + 2 q/b)^{d/2} over its largest value, q = sum_i depth_i
 * y_i^2.
 */
typedef struct {
    int d;
    double depth[D], axes[D * D], b, constant;
} envelope;

static void fill_envelope(int d, const double *theta, envelope *e) {
    double lambda[D], lo = 0.5, hi = d;
    e->d = d;
    if (principal(d, theta, lambda, e->axes) != SG_OK) return;
    for (int i = 0; i < d; i++) e->depth[i] = lambda[d - 1] - lambda[i];
    for (int k = 0; k < 60; k++) {
        double sum = 0;
        e->b = 0.5 * (lo + hi);
        for (int i = 0; i < d; i++) sum += 1 / (e->b + 2 * e->depth[i]);
        *(sum > 1 ? &lo : &hi) = e->b;
    }
    e->constant = -0.5 * (d - e->b) + 0.5 * d * log(d / e->b);
}

static bool attempt(const envelope *e, sg_stream *stream, double *y) {
    double normal[D], u, norm2 = 0, q = 0;
    sg_stream_normal(stream, (size_t)e->d, normal);
    sg_stream_uniform(stream, 1, &u);
    for (int i = 0; i < e->d; i++) y[i] = normal[i] / sqrt(1 + 2 * e->depth[i] / e->b), norm2 += y[i] * y[i];
    for (int i = 0; i < e->d; i++) y[i] /= sqrt(norm2), q += e->depth[i] * y[i] * y[i];
    return log(u) <= -q + 0.5 * e->d * log1p(2 * q / e->b) - e->constant;
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const int d = model->space.d;
    const uint32_t base = stream->index;
    envelope e = {0};
    double y[D];
    fill_envelope(d, theta, &e);
    for (int i = 0; i < block->n; i++) {
        sg_sphere_seek(stream, base, i);
        while (!attempt(&e, stream, y)) continue;
        for (int b = 0; b < d; b++) {
            double sum = 0;
            for (int a = 0; a < d; a++) sum += y[a] * e.axes[a * d + b];
            block->x[b * SG_BLOCK + i] = sum;
        }
    }
    sg_sphere_seek(stream, base, SG_BLOCK);
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(bingham, d),
     .initial = "3",
     .lo = 2,
     .hi = SG_BINGHAM_MOST,
     .help = "the sphere is that of unit vectors in R^d"},
    {.key = "concentrations",
     .type = SG_FIELD_REALS,
     .role = SG_TRUTH,
     .offset = offsetof(bingham, concentrations),
     .initial = "1",
     .lo = -1e8,
     .hi = 1e8,
     .help = "true law exp(-sum_a c_a x_a^2), a < d: d - 1 numbers, or one for all of them"},
    {0},
};

const sg_family sg_family_bingham = {
    .name = "bingham",
    .summary = "p(x) ~ exp(sum_{b<=a} theta_ab x_a x_b), theta_dd = 0, on the unit sphere of R^d",
    .keys = keys,
    .keys_size = sizeof(bingham),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .frame = frame,
    .draw = draw,
    .log_z = log_z,
    .settle = settle,
};
