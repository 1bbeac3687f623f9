/* The exponential law on the half-line, reflected at 0: F = -x, theta = rate.  The gap is rate^2/4, not attained. */
#include <math.h>

#include "family/exponential.h"

typedef struct {
    double rate;
} exponential;

static sg_status make(const void *keys, sg_model *model) {
    const exponential *key = keys;
    sg_status status = sg_line_model(model, 1, key, sizeof *key);
    if (status != SG_OK) return status;
    model->space.shape = SG_INTERVAL;
    model->space.lo = 0;
    model->truth[0] = key->rate;
    return SG_OK;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"rate"};
    (void)model;
    sg_line_name(names, index, name);
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    (void)own;
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) f[0][i] = -x[i];
    for (int k = 1; k < 3; k++)
        if (f[k])
#pragma omp simd
            for (int i = 0; i < n; i++) f[k][i] = k == 1 ? -1 : 0;
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
    for (int i = 0; i < block->n; i++) block->x[i] = -scale * log(block->x[i]);
}

static const sg_field keys[] = {
    {.key = "rate",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(exponential, rate),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "rate of the true law, 1 over its mean"},
    {0},
};

const sg_family sg_family_exponential = {
    .name = "exponential",
    .summary = "p(x) ~ exp(-rate x) on [0, infinity)",
    .keys = keys,
    .keys_size = sizeof(exponential),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
    .draw = draw,
};
