/* The law of von Mises and Fisher on the unit sphere of R^d: F = x, theta = kappa mu; at the truth mu is the last axis.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/line.h"
#include "family/sphere.h"

typedef struct {
    int d;
    double kappa;
} fisher;

static sg_status make(const void *keys, sg_model *model) {
    const fisher *key = keys;
    sg_status status = sg_sphere_model(model, key->d, key->d, key, sizeof *key);
    if (status == SG_OK) model->truth[key->d - 1] = key->kappa;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    (void)model;
    snprintf(name, SG_NAME, "x%d", index + 1);
}

/* -------------------------------------------------------------------- jets */

static void log_density(int d, const double *theta, const sg_block *block, double *restrict out) {
    const int n = sg_line_points(block->n);
    for (int i = 0; i < n; i++) out[i] = 0;
    for (int a = 0; a < d; a++) {
        const double *restrict x = block->x + a * SG_BLOCK, own = theta[a];
        if (own == 0) continue;
        for (int i = 0; i < n; i++) out[i] += own * x[i];
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const int d = model->space.d, seconds = d * (d + 1) / 2;
    if (out->logp) log_density(d, theta, block, out->logp);
    for (int a = 0; a < d && out->dx; a++) sg_sphere_constant(out->dx + a * SG_BLOCK, block->n, theta[a]);
    for (int a = 0; a < d && out->dt; a++)
        memcpy(out->dt + a * SG_BLOCK, block->x + a * SG_BLOCK, SG_BLOCK * sizeof(double));
    sg_sphere_clear(out->dt_dx, d * d);
    for (int a = 0; a < d && out->dt_dx; a++) sg_sphere_constant(out->dt_dx + a * (d + 1) * SG_BLOCK, block->n, 1);
    sg_sphere_clear(out->dxx, seconds);
    sg_sphere_clear(out->dt_dxx, d * seconds);
    sg_sphere_clear(out->dtt, seconds);
    sg_sphere_clear(out->dtt_dx, seconds * d);
    sg_sphere_clear(out->dtt_dxx, seconds * seconds);
}

/* ------------------------------------------------------------------ the law */

static bool inside(const sg_model *model, const double *theta) {
    return sg_line_finite(model->full, theta);
}

/* kappa and mu; mu = 0 where kappa is 0. */
static double concentration(int d, const double *theta, double *mu) {
    double largest = 0, sum = 0;
    for (int a = 0; a < d; a++) largest = fmax(largest, fabs(theta[a]));
    for (int a = 0; a < d; a++) mu[a] = largest > 0 ? theta[a] / largest : 0, sum += mu[a] * mu[a];
    for (int a = 0; a < d && largest > 0; a++) mu[a] /= sqrt(sum);
    return largest * sqrt(sum);
}

static sg_status log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    const int d = model->space.d;
    double mu[SG_SPHERE_MOST], z[3];
    sg_sphere_fisher(d, concentration(d, theta, mu), z);
    *value = z[0];
    for (int a = 0; a < d && gradient; a++) gradient[a] = z[1] * theta[a];
    for (int a = 0; a < d && hessian; a++)
        for (int b = 0; b < d; b++) hessian[a * d + b] = (a == b ? z[1] : 0) + (z[2] - z[1]) * mu[a] * mu[b];
    return SG_OK;
}

static void frame(const sg_model *model, const double *theta, double *axes, double *sharp, bool *axial) {
    double mu[SG_SPHERE_MOST];
    *sharp = concentration(model->space.d, theta, mu);
    *axial = true;
    sg_sphere_frame(model->space.d, mu, axes);
}

/* ------------------------------------------------------------------ sampler */

/* Wood 1994: 1 - x.mu is 2 b z/(1 - (1 - b) z) with z of a beta law, thinned; b and all constants without cancellation.
 */
typedef struct {
    int d;
    double kappa, b, at, constant; /* at = 1 - x0 */
} envelope;

static envelope envelope_of(int d, double kappa) {
    envelope e = {.d = d, .kappa = kappa};
    e.b = (d - 1) / (2 * kappa + sqrt(4 * kappa * kappa + (d - 1.) * (d - 1.)));
    e.at = 2 * e.b / (1 + e.b);
    e.constant = -kappa * e.at + (d - 1) * log(e.at * (2 - e.at));
    return e;
}

/* One attempt at 1 - x.mu, from two rows of d - 1 normals, whose lengths make the beta law, and a uniform. */
static bool attempt(const envelope *e, sg_stream *stream, double *below) {
    double normal[2 * SG_SPHERE_MOST], u, first = 0, second = 0;
    const int k = e->d - 1;
    sg_stream_normal(stream, (size_t)(2 * k), normal);
    sg_stream_uniform(stream, 1, &u);
    for (int a = 0; a < k; a++) first += normal[a] * normal[a], second += normal[k + a] * normal[k + a];
    const double z = first / (first + second), y = 2 * e->b * z / (1 - (1 - e->b) * z);
    /* 1 - x0 w = 1 - x0 + x0 (1 - w) */
    const double log_ratio = -e->kappa * y + k * log(e->at + (1 - e->at) * y) - e->constant;
    *below = y;
    return log(u) <= log_ratio;
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const int d = model->space.d;
    double mu[SG_SPHERE_MOST], axes[SG_SPHERE_MOST * SG_SPHERE_MOST], across[SG_SPHERE_MOST], below;
    const envelope e = envelope_of(d, concentration(d, theta, mu));
    const uint32_t base = stream->index;
    sg_sphere_frame(d, mu, axes);
    for (int i = 0; i < block->n; i++) {
        double norm2 = 0;
        sg_sphere_seek(stream, base, i);
        while (!attempt(&e, stream, &below)) continue;
        sg_stream_normal(stream, (size_t)(d - 1), across);
        for (int a = 0; a < d - 1; a++) norm2 += across[a] * across[a];
        const double length = sqrt(below * (2 - below) / norm2);
        for (int b = 0; b < d; b++) {
            double sum = (1 - below) * axes[(d - 1) * d + b];
            for (int a = 0; a < d - 1; a++) sum += length * across[a] * axes[a * d + b];
            block->x[b * SG_BLOCK + i] = sum;
        }
    }
    sg_sphere_seek(stream, base, SG_BLOCK);
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(fisher, d),
     .initial = "3",
     .lo = 2,
     .hi = SG_SPHERE_MOST,
     .help = "the sphere is that of unit vectors in R^d"},
    {.key = "kappa",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(fisher, kappa),
     .initial = "1",
     .lo = 0,
     .hi = 1e8,
     .help = "concentration of the true law about the last axis; theta = (0, .., 0, kappa)"},
    {0},
};

const sg_family sg_family_von_mises_fisher = {
    .name = "von-mises-fisher",
    .summary = "p(x) ~ exp(sum_a theta_a x_a) on the unit sphere of R^d",
    .keys = keys,
    .keys_size = sizeof(fisher),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .frame = frame,
    .draw = draw,
    .log_z = log_z,
};
