/* The uniform law on an interval, as the truth of the exponentially tilted ones: F = x, theta = 0. */
#include <math.h>

#include "family/exponential.h"
#include "family/interval.h"

typedef struct {
    sg_ends ends;
} uniform;

static sg_status make(const void *keys, sg_model *model) {
    const uniform *key = keys;
    sg_status status = sg_line_model(model, 1, key, sizeof *key);
    return status == SG_OK ? sg_interval_set("uniform", &key->ends, model) : status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"tilt"};
    (void)model;
    sg_line_name(names, index, name);
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    (void)own;
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) f[0][i] = x[i];
    for (int k = 1; k < 3; k++)
        if (f[k])
#pragma omp simd
            for (int i = 0; i < n; i++) f[k][i] = k == 1 ? 1 : 0;
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(1, theta);
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double lo = model->space.lo, hi = model->space.hi;
    sg_line_mark(marks, theta[0] > 0 ? hi : lo, fmin(0.25 * (hi - lo), 1 / fabs(theta[0])));
}

static const sg_field keys[] = {
    SG_INTERVAL_KEYS(uniform, "0", "1"),
    {0},
};

const sg_family sg_family_uniform = {
    .name = "uniform",
    .summary = "p(x) ~ exp(tilt x) on [lo, hi]; tilt = 0 is the truth",
    .keys = keys,
    .keys_size = sizeof(uniform),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
