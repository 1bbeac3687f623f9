/*
 * The logistic law: p(x) = e^-z/(s (1 + e^-z)^2), z = (x - location)/s.  Tails exp(-|x|/s): the spectrum of its
 * Langevin dynamics is {0} and [1/(4 s^2), infinity), without any other eigenvalue (the potential 1/4 - sech^2(z/2)/2
 * is reflectionless).
 */
#include <math.h>

#include "base/vecmath.h"
#include "family/location-scale.h"

enum { B = SG_BLOCK };

typedef struct {
    double scale;
} logistic;

static sg_status make(const void *keys, sg_model *model) {
    return sg_location_scale_model(model, ((const logistic *)keys)->scale, keys, sizeof(logistic));
}

/* With t = tanh(z/2) and q = 1 - t^2: h' = -t, h'' = -q/2, h''' = q t/2, h'''' = q (q/2 - t^2)/2. */
static void standard(const void *own, int n, const double *z, double *row) {
    double *h = row + SG_STANDARD_H * B;
    (void)own;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double e = exp(-fabs(z[i])), t = tanh(0.5 * z[i]), q = 4 * e / ((1 + e) * (1 + e));
        h[i] = -fabs(z[i]) - 2 * log1p(e);
        h[B + i] = -t;
        h[2 * B + i] = -0.5 * q;
        h[3 * B + i] = 0.5 * q * t;
        h[4 * B + i] = 0.5 * q * (0.5 * q - t * t);
    }
    sg_standard_products(n, z, row);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    sg_location_scale_jet(standard, model, theta, block, out);
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const double location = theta[0], scale = theta[1];
    (void)model;
    sg_stream_uniform(stream, (size_t)block->n, block->x);
    for (int i = 0; i < block->n; i++) block->x[i] = location + scale * log(block->x[i] / (1 - block->x[i]));
}

static const sg_field keys[] = {
    {.key = "scale",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(logistic, scale),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "scale of the true law; its location is 0"},
    {0},
};

const sg_family sg_family_logistic = {
    .name = "logistic",
    .summary = "p(x) = exp(-z)/(scale (1 + exp(-z))^2), z = (x - location)/scale",
    .keys = keys,
    .keys_size = sizeof(logistic),
    .can = SG_NORMALIZED | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = sg_location_scale_parameter,
    .jet = jet,
    .inside = sg_location_scale_inside,
    .landmarks = sg_location_scale_landmarks,
    .draw = draw,
};
