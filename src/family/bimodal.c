/* Two wells at +-a and a smooth step between them: F = (b, b + erf x), b = x^2 - x^4/(2 a^2), theta = (1, 0). */
#include <math.h>
#include <stdalign.h>

#include "base/vecmath.h"
#include "family/exponential.h"

/* Squares stop growing here, so that the two statistics never meet as inf - inf. */
static const double SQUARE_MOST = 1e140;

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

static inline double square(double x) {
    return x * x < SQUARE_MOST ? x * x : SQUARE_MOST;
}

static void values(double a, int n, const double *x, double *f) {
    const double half = 0.5 / (a * a);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double y = square(x[i]), base = y * (1 - half * y);
        f[i] = base;
        f[SG_BLOCK + i] = base + erf(x[i]);
    }
}

/* bump = (erf)' */
static void slopes(double a, int n, const double *x, const double *bump, double *f) {
    const double c = 1 / (a * a);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double base = 2 * x[i] * (1 - c * square(x[i]));
        f[i] = base;
        f[SG_BLOCK + i] = base + bump[i];
    }
}

static void curvatures(double a, int n, const double *x, const double *bump, double *f) {
    const double c = 6 / (a * a);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double base = 2 - c * square(x[i]);
        f[i] = base;
        f[SG_BLOCK + i] = base - 2 * x[i] * bump[i];
    }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    const double a = ((const bimodal *)own)->a;
    alignas(SG_ALIGN) double bump[SG_BLOCK];
    if (f[0]) values(a, n, x, f[0]);
    if (!f[1] && !f[2]) return;
#pragma omp simd
    for (int i = 0; i < n; i++) bump[i] = M_2_SQRTPI * exp(-square(x[i]));
    if (f[1]) slopes(a, n, x, bump, f[1]);
    if (f[2]) curvatures(a, n, x, bump, f[2]);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta) && theta[0] + theta[1] > 0 && isfinite(theta[0] + theta[1]);
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double a = ((const bimodal *)model->own)->a, lead = theta[0] + theta[1];
    const double quartic = sqrt(sqrt(2 * a * a / lead)); /* where the fourth-order term reaches 1 */
    const double well = fmin(0.5 / sqrt(lead), quartic);
    sg_line_mark(marks, 0, fmin(1, quartic));
    sg_line_mark(marks, -a, well);
    sg_line_mark(marks, a, well);
    if (theta[1] != 0) sg_line_mark_critical(model, theta, 2 * a + cbrt(fabs(theta[1]) * a * a / lead), marks);
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
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
