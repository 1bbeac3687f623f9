/* All powers up to an odd degree over a quasi-Gaussian base: F = (x, .., x^degree), h = exp(-x^(degree+1)) (PRSLMR). */
#include <math.h>
#include <stdalign.h>
#include <stdio.h>

#include "family/exponential.h"

typedef struct {
    int degree;
    double B;
} polynomial;

static sg_status make(const void *keys, sg_model *model) {
    const polynomial *key = keys;
    if (key->degree < 2 && key->B != 0)
        return sg_fail(SG_OUT_OF_RANGE,
                       "B = %g of family polynomial needs a square to multiply: B must be 0, or degree "
                       "at least 3",
                       key->B);
    sg_status status = sg_line_model(model, key->degree, key, sizeof *key);
    if (status == SG_OK && key->degree > 1) model->truth[1] = key->B;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    (void)model;
    snprintf(name, SG_NAME, "x%d", index + 1);
}

/* k-th derivative of x^j is falling(j, k) x^(j-k), k = 0, 1, 2. */
static double falling(int j, int k) {
    return k == 0 ? 1 : k == 1 ? j : (double)j * (j - 1);
}

static void powers(int degree, int k, int n, const double *x, double *f) {
    alignas(SG_ALIGN) double power[SG_BLOCK];
#pragma omp simd
    for (int i = 0; i < n; i++) power[i] = 1;
    for (int j = 1; j <= degree; j++, f += SG_BLOCK) {
        const double factor = falling(j, k);
        if (j > k)
#pragma omp simd
            for (int i = 0; i < n; i++) power[i] *= x[i];
#pragma omp simd
        for (int i = 0; i < n; i++) f[i] = factor * power[i];
    }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    const polynomial *law = own;
    for (int k = 0; k < 3; k++)
        if (f[k]) powers(law->degree, k, n, x, f[k]);
}

/* Horner's rule lets the leading term have its sign in the tails, where single terms overflow. */
static void log_density(const void *own, const double *theta, int k, int n, const double *x, double *out) {
    const int degree = ((const polynomial *)own)->degree;
    const double lead = -falling(degree + 1, k);
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = lead;
    for (int j = degree; j >= k; j--) {
        const double c = j > 0 ? falling(j, k) * theta[j - 1] : 0;
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] = out[i] * x[i] + c;
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics, .log_density = log_density};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    return sg_line_finite(model->full, theta);
}

/* The base, and the critical points inside the bound of Fujiwara (1916) on the roots of the derivative. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const int degree = model->full;
    double radius = 0;
    for (int j = 1; j <= degree; j++)
        radius = fmax(radius, 2 * pow(fabs(theta[j - 1]) * j / (degree + 1), 1.0 / (degree + 1 - j)));
    sg_line_mark(marks, 0, 0.5);
    sg_line_mark(marks, -1, 1.0 / (degree + 1));
    sg_line_mark(marks, 1, 1.0 / (degree + 1));
    sg_line_mark_critical(model, theta, radius, marks);
}

static const sg_field keys[] = {
    {.key = "degree",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(polynomial, degree),
     .initial = "3",
     .lo = 1,
     .hi = 31,
     .parity = 1,
     .help = "highest power among the statistics; the base measure is exp(-x^(degree+1))"},
    {.key = "B",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(polynomial, B),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true coefficient of x^2; the other true coefficients are 0"},
    {0},
};

const sg_family sg_family_polynomial = {
    .name = "polynomial",
    .summary = "p(x) ~ exp(-x^(degree+1) + x1 x + x2 x^2 + ... + xd x^d), d = degree",
    .keys = keys,
    .keys_size = sizeof(polynomial),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
