/*
 * Two wells at +-a and a smooth step between them: F = (b, b + erf x), b = x^2 - x^4/(2 a^2), theta = (1, 0).  Inside,
 * the coordinates are the weights of b and of erf x, in which neither the tails nor the small second weight cancel.
 */
#include <math.h>
#include <stdalign.h>

#include "base/vecmath.h"
#include "family/exponential.h"

typedef struct {
    double a;
} bimodal;

static sg_status make(const void *keys, sg_model *model) {
    sg_status status = sg_line_model(model, 2, keys, sizeof(bimodal));
    if (status == SG_OK) model->truth[0] = 1;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"base", "erf"};
    (void)model;
    sg_line_name(names, index, name);
}

/* Coordinates are the weights of b and of erf x. */
static void direction(const sg_model *model, int index, bool alone, double *along) {
    (void)model;
    if (index == 1 && !alone) along[0] = 1;
}

static void values(double a, int n, const double *x, double *f) {
    const double half = 0.5 / (a * a);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double y = x[i] * x[i];
        f[i] = y * (1 - half * y);
        f[SG_BLOCK + i] = erf(x[i]);
    }
}

static void slopes(double a, int n, const double *x, double *f) {
    const double c = 1 / (a * a);
#pragma omp simd
    for (int i = 0; i < n; i++) f[i] = 2 * x[i] * (1 - c * (x[i] * x[i]));
}

/* bump = (erf)' */
static void curvatures(double a, int n, const double *x, const double *bump, double *f) {
    const double c = 6 / (a * a);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        f[i] = 2 - c * (x[i] * x[i]);
        f[SG_BLOCK + i] = -2 * x[i] * bump[i];
    }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    const double a = ((const bimodal *)own)->a;
    alignas(SG_ALIGN) double scratch[SG_BLOCK];
    double *bump = f[1] ? f[1] + SG_BLOCK : scratch;
    if (f[0]) values(a, n, x, f[0]);
    if (!f[1] && !f[2]) return;
#pragma omp simd
    for (int i = 0; i < n; i++) bump[i] = M_2_SQRTPI * exp(-x[i] * x[i]);
    if (f[1]) slopes(a, n, x, f[1]);
    if (f[2]) curvatures(a, n, x, bump, f[2]);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta) && theta[0] > 0;
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double a = ((const bimodal *)model->own)->a;
    const double quartic = sqrt(sqrt(2 * a * a / theta[0])); /* where the fourth-order term reaches 1 */
    const double well = fmin(0.5 / sqrt(theta[0]), quartic);
    sg_line_mark(marks, 0, fmin(1, quartic));
    sg_line_mark(marks, -a, well);
    sg_line_mark(marks, a, well);
    if (theta[1] != 0) sg_line_mark_critical(model, theta, 2 * a + cbrt(fabs(theta[1]) * a * a / theta[0]), marks);
}

static const sg_field keys[] = {
    {.key = "a",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(bimodal, a),
     .initial = "2",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "distance of each of the two modes from 0"},
    {0},
};

const sg_family sg_family_bimodal = {
    .name = "bimodal",
    .summary = "p(x) ~ exp(base b(x) + erf (b(x) + erf x)), b(x) = x^2 - x^4/(2 a^2)",
    .keys = keys,
    .keys_size = sizeof(bimodal),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .direction = direction,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
