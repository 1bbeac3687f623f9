/* The normal law in natural parameters: F = (x, -x^2/2), theta = (mean/s^2, 1/s^2). */
#include <math.h>

#include "family/exponential.h"
#include "family/gaussian.h"

typedef struct {
    int d;
    double s;
} gaussian;

static sg_status make(const void *keys, sg_model *model) {
    const gaussian *key = keys;
    sg_status status = sg_line_model(model, 2, key, sizeof *key);
    if (status == SG_OK) model->truth[1] = 1 / (key->s * key->s);
    return status;
}

void sg_gaussian_parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"location", "precision"};
    (void)model;
    sg_line_name(names, index, name);
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    (void)own;
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[0][i] = x[i];
            f[0][SG_BLOCK + i] = -0.5 * x[i] * x[i];
        }
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[1][i] = 1;
            f[1][SG_BLOCK + i] = -x[i];
        }
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[2][i] = 0;
            f[2][SG_BLOCK + i] = -1;
        }
}

void sg_gaussian_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta) && theta[1] > 0;
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    (void)model;
    sg_line_mark(marks, theta[0] / theta[1], 1 / sqrt(theta[1]));
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const double mean = theta[0] / theta[1], deviation = 1 / sqrt(theta[1]);
    (void)model;
    sg_stream_normal(stream, (size_t)block->n, block->x);
    for (int i = 0; i < block->n; i++) block->x[i] = mean + deviation * block->x[i];
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian, d),
     .initial = "1",
     .lo = 1,
     .hi = 1,
     .help = "dimension"},
    {.key = "s",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian, s),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "standard deviation of the true law; theta = (0, 1/s^2)"},
    {0},
};

const sg_family sg_family_gaussian = {
    .name = "gaussian",
    .summary = "p(x) ~ exp(location x - precision x^2/2)",
    .keys = keys,
    .keys_size = sizeof(gaussian),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = sg_gaussian_parameter,
    .jet = sg_gaussian_jet,
    .inside = inside,
    .landmarks = landmarks,
    .draw = draw,
};
