/* The law of von Mises on the circle [-pi, pi): F = (cos x, sin x), theta = (kappa, 0). */
#include <math.h>
#include <stdalign.h>

#include "base/vecmath.h"
#include "family/exponential.h"

typedef struct {
    double kappa;
} von_mises;

static sg_status make(const void *keys, sg_model *model) {
    const von_mises *key = keys;
    sg_status status = sg_line_model(model, 2, key, sizeof *key);
    if (status != SG_OK) return status;
    model->space = (sg_space){.shape = SG_CIRCLE, .d = 1, .lo = -M_PI, .hi = M_PI};
    model->truth[0] = key->kappa;
    return SG_OK;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"cos", "sin"};
    (void)model;
    sg_line_name(names, index, name);
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    alignas(SG_ALIGN) double sine[SG_BLOCK], cosine[SG_BLOCK];
    (void)own;
#pragma omp simd
    for (int i = 0; i < n; i++) sine[i] = sin(x[i]);
#pragma omp simd
    for (int i = 0; i < n; i++) cosine[i] = cos(x[i]);
    for (int i = 0; f[0] && i < n; i++) f[0][i] = cosine[i];
    for (int i = 0; f[0] && i < n; i++) f[0][SG_BLOCK + i] = sine[i];
    for (int i = 0; f[1] && i < n; i++) f[1][i] = -sine[i];
    for (int i = 0; f[1] && i < n; i++) f[1][SG_BLOCK + i] = cosine[i];
    for (int i = 0; f[2] && i < n; i++) f[2][i] = -cosine[i];
    for (int i = 0; f[2] && i < n; i++) f[2][SG_BLOCK + i] = -sine[i];
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta);
}

/* The mode, the antipode, and the ends, where the circle was opened. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double kappa = hypot(theta[0], theta[1]), mode = atan2(theta[1], theta[0]), wide = 1 / sqrt(1 + kappa);
    sg_line_mark(marks, mode, wide);
    sg_line_mark(marks, mode > 0 ? mode - M_PI : mode + M_PI, wide);
    sg_line_mark(marks, model->space.lo, wide);
    sg_line_mark(marks, model->space.hi, wide);
}

static const sg_field keys[] = {
    {.key = "kappa",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(von_mises, kappa),
     .initial = "1",
     .lo = 0,
     .hi = 1e8,
     .help = "concentration of the true law about 0; theta = (kappa, 0)"},
    {0},
};

const sg_family sg_family_von_mises = {
    .name = "von-mises",
    .summary = "p(x) ~ exp(cos cos(x) + sin sin(x)) on the circle [-pi, pi)",
    .keys = keys,
    .keys_size = sizeof(von_mises),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
