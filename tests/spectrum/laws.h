/* Plain densities with known gaps, for tests that need no family. */
#ifndef SG_TESTS_SPECTRUM_LAWS_H
#define SG_TESTS_SPECTRUM_LAWS_H

#include <math.h>
#include <stdlib.h>

#include "scoregap/numeric.h"

typedef enum {
    GAUSSIAN,
    UNIFORM,
    LAPLACE,
    HYPERBOLIC,
    DOUBLE_WELL,
    THREE_WELLS,
    STUDENT,
    GAMMA,
    BETA,
    SEXTIC
} law_kind;

/*
 * log q: GAUSSIAN -x^2/2a^2; UNIFORM on [0, a]; LAPLACE -|x|; HYPERBOLIC -sqrt(1+x^2); DOUBLE_WELL -a(x^2-1)^2 + b x;
 * THREE_WELLS log(N(0,1) + e^-a N(8,1) + e^-b N(-8,1)); STUDENT -a log(1+x^2); GAMMA (a-1) log x - x; BETA (a-1)
 * log(1-x^2) on [-1,1]; SEXTIC a polynomial of degree 6 in x with coefficients c.
 */
typedef struct {
    law_kind kind;
    double a, b, c[7];
} law;

static inline double law_log(const law *l, double x) {
    double u = x * x - 1, sum = 0, v[3];
    switch (l->kind) {
    case GAUSSIAN:
        return -0.5 * x * x / (l->a * l->a);
    case UNIFORM:
        return 0;
    case LAPLACE:
        return -fabs(x);
    case HYPERBOLIC:
        return -sqrt(1 + x * x);
    case DOUBLE_WELL:
        return -l->a * u * u + l->b * x;
    case STUDENT:
        return -l->a * log1p(x * x);
    case GAMMA:
        return (l->a - 1) * log(x) - x;
    case BETA:
        return (l->a - 1) * log1p(-x * x);
    case THREE_WELLS:
        v[0] = -0.5 * x * x, v[1] = -0.5 * (x - 8) * (x - 8) - l->a, v[2] = -0.5 * (x + 8) * (x + 8) - l->b;
        sum = fmax(v[0], fmax(v[1], v[2]));
        return sum + log(exp(v[0] - sum) + exp(v[1] - sum) + exp(v[2] - sum));
    case SEXTIC:
        for (int k = 6; k >= 0; k--) sum = sum * x + l->c[k];
        return -sum;
    }
    return NAN;
}

static inline void law_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = law_log(context, x[i]);
}

static inline sg_status law_panels(const law *l, double depth, int level, sg_panels **panels) {
    double at[] = {-1, 0, 1}, wide = l->kind == DOUBLE_WELL ? 0.3 / sqrt(l->a) : l->kind == SEXTIC ? 0.2 : 1;
    const double scale[] = {wide, wide, wide};
    sg_density density = {
        .context = l, .evaluate = law_evaluate, .lo = -INFINITY, .hi = INFINITY, .landmark = at, .scale = scale};
    density.landmarks = 3;
    if (l->kind == THREE_WELLS) at[0] = -8, at[2] = 8;
    if (l->kind == GAMMA || l->kind == UNIFORM) density.lo = 0;
    if (l->kind == UNIFORM) density.hi = l->a, density.landmarks = 0;
    if (l->kind == BETA) density.lo = -1, density.hi = 1;
    return sg_panels_new(&density, 1e-13, depth, level, panels);
}

/* log of d at the nodes; free it with sg_delete */
static inline double *law_log_d(const sg_panels *panels, double (*d)(double)) {
    double *log_d = NULL;
    if (sg_new(&log_d, (size_t)panels->n, sizeof(double))) return NULL;
    for (int i = 0; i < panels->n; i++) log_d[i] = log(d(panels->x[i]));
    return log_d;
}

static inline double one_plus_square(double x) {
    return 1 + x * x;
}
static inline double one_minus_square(double x) {
    return (1 - x) * (1 + x);
}
static inline double identity(double x) {
    return x;
}
static inline double seven(double x) {
    (void)x;
    return 7;
}

static inline void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

#endif
