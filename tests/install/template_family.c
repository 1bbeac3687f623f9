/*
 * Template of a family: the hyperbolic secant law with an unknown location, log p = -log cosh z - log(pi s), z = (x -
 * location)/s. It is no exponential family, so that every derivative is here.  Copied to src/family/secant.c and
 * named in src/family/registry.c it is in every command, table and experiment.
 */
#include <math.h>

#include "base/vecmath.h"
#include "family/line.h"

/* The keys, as the user gives them. */
typedef struct {
    double mu, s;
} secant;

/* One parameter on the line, its true value from the keys. */
static sg_status make(const void *keys, sg_model *model) {
    const secant *key = keys;
    sg_status status = sg_line_model(model, 1, key, sizeof *key);
    if (status == SG_OK) model->truth[0] = key->mu;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"location"};
    (void)model;
    sg_line_name(names, index, name);
}

/* out [n] = the k-th x-derivative of log p, times `sign`.  With t = tanh z: -t/s, -(1-t^2)/s^2, 2t(1-t^2)/s^3, ... */
static void derivative(double location, double s, int k, double sign, int n, const double *x, double *out) {
    const double scale = sign * pow(s, -k), constant = log(2 / (M_PI * s));
    if (!out) return;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double z = (x[i] - location) / s, q = exp(-2 * fabs(z)), t = copysign((1 - q) / (1 + q), z),
               v = 4 * q / ((1 + q) * (1 + q));
        double value = k == 0   ? constant - fabs(z) - log1p(q)
                       : k == 1 ? -t
                       : k == 2 ? -v
                       : k == 3 ? 2 * t * v
                                : v * (2 - 6 * t * t);
        out[i] = scale * value;
    }
}

/* log p depends on x - location alone: a derivative in the location is one in x with the sign changed. */
static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const double s = ((const secant *)model->own)->s;
    const int n = sg_line_points(block->n);
    derivative(theta[0], s, 0, 1, n, block->x, out->logp);
    derivative(theta[0], s, 1, 1, n, block->x, out->dx);
    derivative(theta[0], s, 2, 1, n, block->x, out->dxx);
    derivative(theta[0], s, 1, -1, n, block->x, out->dt);
    derivative(theta[0], s, 2, -1, n, block->x, out->dt_dx);
    derivative(theta[0], s, 3, -1, n, block->x, out->dt_dxx);
    derivative(theta[0], s, 2, 1, n, block->x, out->dtt);
    derivative(theta[0], s, 3, 1, n, block->x, out->dtt_dx);
    derivative(theta[0], s, 4, 1, n, block->x, out->dtt_dxx);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(1, theta);
}

/* Where the quadrature should look first. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    sg_line_mark(marks, theta[0], ((const secant *)model->own)->s);
}

static const sg_field keys[] = {
    {.key = "mu",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(secant, mu),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true location"},
    {.key = "s",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(secant, s),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "scale, known"},
    {0},
};

const sg_family sg_family_secant = {
    .name = "secant",
    .summary = "p(x) = 1/(pi s cosh z), z = (x - location)/s",
    .keys = keys,
    .keys_size = sizeof(secant),
    .can = SG_NORMALIZED | SG_NODES | SG_SAMPLER, /* without .draw: exact draws by the inverse distribution function */
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
