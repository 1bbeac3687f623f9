/*
 * Student's law: p(x) ~ (1 + z^2/nu)^-(nu+1)/2 / s, z = (x - location)/s.  Tails heavier than exponential: its Langevin
 * dynamics have no gap.
 */
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

#include "base/vecmath.h"
#include "family/location-scale.h"

enum { B = SG_BLOCK };

typedef struct {
    double nu, scale;
    double log_norm; /* not a key: log of the constant of the standard law */
} student;

static sg_status make(const void *keys, sg_model *model) {
    student own = *(const student *)keys;
    own.log_norm = -gsl_sf_lnbeta(0.5, 0.5 * own.nu) - 0.5 * log(own.nu); /* no difference of large logarithms */
    return sg_location_scale_model(model, own.scale, &own, sizeof own);
}

/* With w = 1/(nu + z^2), a = nu w, b = z^2 w, a' = -b' = -2 z w a: quotients that neither over- nor underflow far out.
 */
static void standard(const void *own, int n, const double *z, double *row) {
    const double nu = ((const student *)own)->nu, log_norm = ((const student *)own)->log_norm, power = nu + 1;
    double *h = row + SG_STANDARD_H * B, *u = row + SG_STANDARD_U * B, *v = row + SG_STANDARD_V * B;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double square = z[i] * z[i], w = 1 / (nu + square), a = nu * w, b = square * w, zw = z[i] * w;
        h[i] = log_norm - 0.5 * power * log1p(square / nu);
        h[B + i] = -power * zw;
        h[2 * B + i] = -power * w * (a - b);
        h[3 * B + i] = 2 * power * zw * w * (3 * a - b);
        h[4 * B + i] = 6 * power * w * w * (a * a - 6 * a * b + b * b);
        u[i] = -power * b;
        u[B + i] = -2 * power * a * zw;
        u[2 * B + i] = -2 * power * a * w * (a - 3 * b);
        u[3 * B + i] = 24 * power * a * zw * w * (a - b);
        v[i] = -2 * power * a * b;
        v[B + i] = -4 * power * a * zw * (a - b);
        v[2 * B + i] = -4 * power * a * w * (a * a - 8 * a * b + 3 * b * b);
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    sg_location_scale_jet(standard, model, theta, block, out);
}

static const sg_field keys[] = {
    {.key = "nu",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(student, nu),
     .initial = "3",
     .lo = 0.5,
     .hi = 1e6,
     .help = "degrees of freedom; the density falls like |x|^-(nu+1)"},
    {.key = "scale",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(student, scale),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "scale of the true law; its location is 0"},
    {0},
};

const sg_family sg_family_student = {
    .name = "student",
    .summary = "p(x) ~ (1 + z^2/nu)^(-(nu+1)/2)/scale, z = (x - location)/scale",
    .keys = keys,
    .keys_size = sizeof(student),
    .can = SG_NORMALIZED | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = sg_location_scale_parameter,
    .jet = jet,
    .inside = sg_location_scale_inside,
    .landmarks = sg_location_scale_landmarks,
};
