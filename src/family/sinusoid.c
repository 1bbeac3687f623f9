/* A normal law with a ripple: F = (-x^2/2, sin(omega x) - 1), theta = (1, 1) (KHR, frequency sweep). */
#include <math.h>
#include <stdalign.h>

#include "base/vecmath.h"
#include "family/exponential.h"

typedef struct {
    double omega;
} sinusoid;

static sg_status make(const void *keys, sg_model *model) {
    sg_status status = sg_line_model(model, 2, keys, sizeof(sinusoid));
    if (status == SG_OK) model->truth[0] = model->truth[1] = 1;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"quadratic", "sine"};
    (void)model;
    sg_line_name(names, index, name);
}

/* sin - 1 without cancellation near its zeros: -cos^2/(1 + sin) where sin > 0. */
static void values(int n, const double *x, const double *sine, const double *cosine, double *f) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double s = sine[i], high = -cosine[i] * cosine[i] / (1 + fabs(s));
        f[i] = -0.5 * x[i] * x[i];
        f[SG_BLOCK + i] = s > 0 ? high : s - 1;
    }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    const double omega = ((const sinusoid *)own)->omega, second = -omega * omega;
    alignas(SG_ALIGN) double sine[SG_BLOCK], cosine[SG_BLOCK];
    if (f[0] || f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) sine[i] = sin(omega * x[i]);
    if (f[0] || f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) cosine[i] = cos(omega * x[i]);
    if (f[0]) values(n, x, sine, cosine, f[0]);
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[1][i] = -x[i];
            f[1][SG_BLOCK + i] = omega * cosine[i];
        }
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[2][i] = -1;
            f[2][SG_BLOCK + i] = second * sine[i];
        }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta) && theta[0] > 0;
}

/* The middle and the critical points of the first periods on either side. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double omega = ((const sinusoid *)model->own)->omega;
    const double ripples = fabs(theta[1]) * omega / theta[0]; /* there are no critical points beyond */
    sg_line_mark(marks, 0, fmin(1 / sqrt(theta[0]), 1 / omega));
    sg_line_mark_critical(model, theta, 1.01 * fmin(ripples, 2 * M_PI / omega), marks);
}

static const sg_field keys[] = {
    {.key = "omega",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(sinusoid, omega),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "angular frequency of the ripple"},
    {0},
};

const sg_family sg_family_sinusoid = {
    .name = "sinusoid",
    .summary = "p(x) ~ exp(-quadratic x^2/2 + sine (sin(omega x) - 1))",
    .keys = keys,
    .keys_size = sizeof(sinusoid),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
