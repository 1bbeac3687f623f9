/*
 * Laplace's law in its natural parameter: F = -|x|, theta = 1/scale.  Its log density has a kink at 0 and tails
 * exp(-|x| theta): Langevin's gap is theta^2/4, the bottom of the essential spectrum, and not attained.
 */
#include <math.h>

#include "family/exponential.h"

typedef struct {
    double scale;
} laplace;

static sg_status make(const void *keys, sg_model *model) {
    const laplace *key = keys;
    sg_status status = sg_line_model(model, 1, key, sizeof *key);
    if (status == SG_OK) model->truth[0] = 1 / key->scale;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"rate"};
    (void)model;
    sg_line_name(names, index, name);
}

/* At the kink itself the derivative is the mean of both sides. */
static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    (void)own;
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) f[0][i] = -fabs(x[i]);
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) f[1][i] = x[i] > 0 ? -1.0 : x[i] < 0 ? 1.0 : 0.0;
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) f[2][i] = 0;
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(1, theta) && theta[0] > 0;
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    (void)model;
    sg_line_mark(marks, 0, 1 / theta[0]);
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const double scale = 1 / theta[0];
    (void)model;
    sg_stream_uniform(stream, (size_t)block->n, block->x);
    for (int i = 0; i < block->n; i++) {
        double u = block->x[i];
        block->x[i] = scale * (u < 0.5 ? log(2 * u) : -log(2 * (1 - u)));
    }
}

static const sg_field keys[] = {
    {.key = "scale",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(laplace, scale),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "mean of |x| under the true law; theta = 1/scale"},
    {0},
};

const sg_family sg_family_laplace = {
    .name = "laplace",
    .summary = "p(x) ~ exp(-rate |x|), with a kink at 0",
    .keys = keys,
    .keys_size = sizeof(laplace),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER | SG_KINK,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
    .draw = draw,
};
