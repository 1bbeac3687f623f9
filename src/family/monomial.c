/* A normal law with one higher even power: F = (-x^2/2, -x^k), theta = (1, 1) (KHR, exponent sweep). */
#include <math.h>
#include <stdalign.h>

#include "family/exponential.h"

typedef struct {
    int k;
} monomial;

static sg_status make(const void *keys, sg_model *model) {
    sg_status status = sg_line_model(model, 2, keys, sizeof(monomial));
    if (status == SG_OK) model->truth[0] = model->truth[1] = 1;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"quadratic", "monomial"};
    (void)model;
    sg_line_name(names, index, name);
}

/* x^(2 e), e >= 1, by repeated squaring: one pass over the points for each binary digit of e. */
static void even_power(int e, int n, const double *x, double *power) {
    alignas(SG_ALIGN) double factor[SG_BLOCK];
#pragma omp simd
    for (int i = 0; i < n; i++) {
        factor[i] = x[i] * x[i];
        power[i] = e & 1 ? factor[i] : 1;
    }
    for (int rest = e >> 1; rest; rest >>= 1) {
        const int taken = rest & 1;
#pragma omp simd
        for (int i = 0; i < n; i++) {
            factor[i] *= factor[i];
            power[i] = taken ? power[i] * factor[i] : power[i];
        }
    }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    const int k = ((const monomial *)own)->k;
    const double second = -(double)k * (k - 1);
    alignas(SG_ALIGN) double power[SG_BLOCK]; /* x^(k-2) */
    even_power(k / 2 - 1, n, x, power);
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            double y = x[i] * x[i];
            f[0][i] = -0.5 * y;
            f[0][SG_BLOCK + i] = -y * power[i];
        }
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[1][i] = -x[i];
            f[1][SG_BLOCK + i] = -k * (x[i] * power[i]);
        }
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[2][i] = -1;
            f[2][SG_BLOCK + i] = second * power[i];
        }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta) && (theta[1] > 0 || (theta[1] == 0 && theta[0] > 0));
}

/* The middle, the shoulders where the power reaches 1, and the two modes that a negative quadratic makes. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const int k = ((const monomial *)model->own)->k;
    const double shoulder = pow(theta[1], -1.0 / k), curve = 1 / sqrt(fabs(theta[0]));
    sg_line_mark(marks, 0, fmin(curve, shoulder));
    if (theta[0] > 0 && curve < 0.1 * shoulder) return;
    sg_line_mark(marks, -shoulder, shoulder / k);
    sg_line_mark(marks, shoulder, shoulder / k);
    if (theta[0] >= 0) return;
    const double mode = pow(-theta[0] / (k * theta[1]), 1.0 / (k - 2)), width = curve / sqrt(k - 2);
    sg_line_mark(marks, -mode, width);
    sg_line_mark(marks, mode, width);
}

static const sg_field keys[] = {
    {.key = "k",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(monomial, k),
     .initial = "4",
     .lo = 4,
     .hi = INFINITY,
     .parity = 2,
     .help = "exponent of the second statistic"},
    {0},
};

const sg_family sg_family_monomial = {
    .name = "monomial",
    .summary = "p(x) ~ exp(-quadratic x^2/2 - monomial x^k)",
    .keys = keys,
    .keys_size = sizeof(monomial),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
