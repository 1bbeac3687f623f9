/* The quartic double well with a tilt: F = (x, x^2, -x^4), theta = (0, 2h, h), that is V = h (x^2 - 1)^2 up to a
 * constant. */
#include <math.h>

#include "family/exponential.h"

typedef struct {
    double h;
} double_well;

static sg_status make(const void *keys, sg_model *model) {
    const double_well *key = keys;
    sg_status status = sg_line_model(model, 3, key, sizeof *key);
    if (status != SG_OK) return status;
    model->truth[1] = 2 * key->h;
    model->truth[2] = key->h;
    return SG_OK;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"tilt", "quadratic", "quartic"};
    (void)model;
    sg_line_name(names, index, name);
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    (void)own;
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            double square = x[i] * x[i];
            f[0][i] = x[i];
            f[0][SG_BLOCK + i] = square;
            f[0][2 * SG_BLOCK + i] = -square * square;
        }
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[1][i] = 1;
            f[1][SG_BLOCK + i] = 2 * x[i];
            f[1][2 * SG_BLOCK + i] = -4 * x[i] * (x[i] * x[i]);
        }
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[2][i] = 0;
            f[2][SG_BLOCK + i] = 2;
            f[2][2 * SG_BLOCK + i] = -12 * (x[i] * x[i]);
        }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(3, theta) && (theta[2] > 0 || (theta[2] == 0 && theta[1] < 0));
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    if (theta[2] == 0) {
        sg_line_mark(marks, -theta[0] / (2 * theta[1]), 1 / sqrt(-2 * theta[1]));
        return;
    }
    const double far = 2 * fmax(sqrt(fabs(theta[1]) / (2 * theta[2])), cbrt(fabs(theta[0]) / (4 * theta[2])));
    sg_line_mark_critical(model, theta, far, marks);
    if (marks->count == 0) sg_line_mark(marks, 0, 1 / sqrt(sqrt(theta[2])));
}

static const sg_field keys[] = {
    {.key = "h",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(double_well, h),
     .initial = "5",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "height of the true barrier between the wells at -1 and 1; theta = (0, 2h, h)"},
    {0},
};

const sg_family sg_family_double_well = {
    .name = "double-well",
    .summary = "p(x) ~ exp(tilt x + quadratic x^2 - quartic x^4)",
    .keys = keys,
    .keys_size = sizeof(double_well),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
