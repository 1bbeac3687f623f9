/* Two wells and a smoothed indicator of the right one: F = (x^2 - x^4/(2 a^2), Phi(x/g)), theta = (1, 0) (KHR, Theorem
 * 3). */
#include <math.h>
#include <stdalign.h>

#include "base/vecmath.h"
#include "family/exponential.h"

static const double Y_MOST = 40;                           /* the normal density is 0 in double precision beyond */
static const double INV_SQRT_2PI = 0.39894228040143267794; /* 1/sqrt(2 pi) */

typedef struct {
    double a, g;
} sparse_cut;

static sg_status make(const void *keys, sg_model *model) {
    sg_status status = sg_line_model(model, 2, keys, sizeof(sparse_cut));
    if (status == SG_OK) model->truth[0] = 1;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"base", "cut"};
    (void)model;
    sg_line_name(names, index, name);
}

static inline double clipped(double y) {
    return y > Y_MOST ? Y_MOST : y < -Y_MOST ? -Y_MOST : y;
}

static void values(const sparse_cut *law, int n, const double *x, double *f) {
    const double half = 0.5 / (law->a * law->a), g = law->g;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double square = x[i] * x[i];
        f[i] = square * (1 - half * square);
        f[SG_BLOCK + i] = 0.5 * erfc(-M_SQRT1_2 * clipped(x[i] / g));
    }
}

/* y = x/g, bump = d/dx Phi(x/g) */
static void derivatives(const sparse_cut *law, int n, const double *x, double *const f[3]) {
    const double c = 1 / (law->a * law->a), g = law->g, height = INV_SQRT_2PI / g;
    alignas(SG_ALIGN) double y[SG_BLOCK], bump[SG_BLOCK];
#pragma omp simd
    for (int i = 0; i < n; i++) {
        y[i] = clipped(x[i] / g);
        bump[i] = height * exp(-0.5 * y[i] * y[i]);
    }
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[1][i] = 2 * x[i] * (1 - c * (x[i] * x[i]));
            f[1][SG_BLOCK + i] = bump[i];
        }
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[2][i] = 2 - 6 * c * (x[i] * x[i]);
            f[2][SG_BLOCK + i] = -y[i] / g * bump[i];
        }
}

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    if (f[0]) values(own, n, x, f[0]);
    if (f[1] || f[2]) derivatives(own, n, x, f);
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
    const sparse_cut *law = model->own;
    const double quartic = sqrt(sqrt(2 * law->a * law->a / theta[0])); /* where the fourth-order term reaches 1 */
    const double well = fmin(0.5 / sqrt(theta[0]), quartic);
    sg_line_mark(marks, 0, fmin(law->g, quartic));
    sg_line_mark(marks, -law->a, well);
    sg_line_mark(marks, law->a, well);
    if (theta[1] != 0) sg_line_mark_critical(model, theta, 2 * law->a + Y_MOST * law->g, marks);
}

static const sg_field keys[] = {
    {.key = "a",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(sparse_cut, a),
     .initial = "2",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "distance of each of the two modes from 0"},
    {.key = "g",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(sparse_cut, g),
     .initial = "0.1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "width of the smoothed cut at 0"},
    {0},
};

const sg_family sg_family_sparse_cut = {
    .name = "sparse-cut",
    .summary = "p(x) ~ exp(base (x^2 - x^4/(2 a^2)) + cut Phi(x/g)), Phi the normal distribution function",
    .keys = keys,
    .keys_size = sizeof(sparse_cut),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
};
