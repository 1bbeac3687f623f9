/* log Z and moments of Bingham's law in its principal axes, by a contour integral. */
#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "family/sphere.h"

enum { D = SG_BINGHAM_MOST, SUMS = 1 + D + D * D, HALVINGS = 12 };

typedef struct {
    int d;
    double depth[D]; /* largest lambda less this one */
    double saddle, top;
} contour;

/* sum_i 1/(2 (s + depth_i)) = 1: between half the number of zeros and d/2. */
static double saddle_of(int d, const double *depth) {
    double lo = 0.5, hi = 0.5 * d;
    for (int k = 0; k < 60; k++) {
        const double s = 0.5 * (lo + hi);
        double sum = 0;
        for (int i = 0; i < d; i++) sum += 0.5 / (s + depth[i]);
        *(sum > 1 ? &lo : &hi) = s;
    }
    return 0.5 * (lo + hi);
}

/* Adds the integrand at s(u) = saddle (1 + i u)^2, times 1, 1/(2 (s - lambda_i)), and the second derivatives. */
static double add(const contour *c, double u, double weight, double *sum) {
    const double complex turn = 1 + I * u, s = c->saddle * turn * turn;
    double complex log_f = s, inverse[D];
    for (int i = 0; i < c->d; i++) inverse[i] = 1 / (s + c->depth[i]), log_f -= 0.5 * clog(s + c->depth[i]);
    const double complex f = weight * turn * cexp(log_f - c->top);
    sum[0] += creal(f);
    for (int i = 0; i < c->d; i++) {
        const double complex g = 0.5 * f * inverse[i];
        sum[1 + i] += creal(g);
        for (int j = 0; j <= i; j++) sum[1 + D + i * D + j] += creal(0.5 * g * inverse[j]) * (i == j ? 3 : 1);
    }
    return cabs(f);
}

/* The trapezoidal rule at the odd multiples of `step`, or at all of them, until the integrand is gone. */
static void add_row(const contour *c, double step, bool all, double *sum) {
    double most = 0;
    if (all) most = add(c, 0, 0.5, sum);
    for (long k = 1;; k += all ? 1 : 2) {
        const double size = add(c, step * (double)k, 1, sum);
        most = fmax(most, size);
        if (size < 1e-22 * most) break;
    }
}

static double change_of(int d, const double *before, const double *now) {
    double worst = fabs(before[0] / now[0] - 1);
    for (int i = 0; i < d; i++) {
        worst = fmax(worst, fabs(before[1 + i] / now[1 + i] - 1));
        for (int j = 0; j <= i; j++) {
            const int at = 1 + D + i * D + j;
            worst = fmax(worst, fabs(before[at] / now[at] - 1));
        }
    }
    return worst;
}

static double integrate(const contour *c, double *sum) {
    double before[SUMS], step = 0.5 / sqrt(c->saddle), change = INFINITY;
    memset(sum, 0, SUMS * sizeof *sum);
    add_row(c, step, true, sum);
    for (int k = 0; k < SUMS; k++) sum[k] *= step;
    for (int k = 0; k < HALVINGS && change > 8 * DBL_EPSILON; k++) {
        double more[SUMS] = {0};
        memcpy(before, sum, sizeof before);
        step *= 0.5;
        add_row(c, step, false, more);
        for (int i = 0; i < SUMS; i++) sum[i] = 0.5 * sum[i] + step * more[i];
        const double now = change_of(c->d, before, sum);
        if (now >= change && now < 1e-12) break; /* rounding */
        change = now;
    }
    return change + 16 * DBL_EPSILON;
}

/* Covariances of squares, which add up to zero over either index: so those of the largest square follow from the rest.
 */
static void fill_spread(int d, const double *second, const double *fourth, double *spread) {
    int top = 0;
    for (int i = 1; i < d; i++)
        if (second[i] > second[top]) top = i;
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) spread[i * d + j] = fourth[i * d + j] - second[i] * second[j];
    for (int i = 0; i < d; i++) {
        double sum = 0;
        for (int j = 0; j < d && i != top; j++) sum += j != top ? spread[i * d + j] : 0;
        if (i != top) spread[i * d + top] = spread[top * d + i] = -sum;
    }
    double sum = 0;
    for (int j = 0; j < d; j++) sum += j != top ? spread[top * d + j] : 0;
    spread[top * d + top] = -sum;
}

double sg_sphere_bingham(int d, const double *lambda, double *log_z, double *second, double *fourth, double *spread) {
    contour c = {.d = d};
    double sum[SUMS], own_second[D], own_fourth[D * D], largest = -INFINITY;
    for (int i = 0; i < d; i++) largest = fmax(largest, lambda[i]);
    for (int i = 0; i < d; i++) c.depth[i] = largest - lambda[i];
    c.saddle = saddle_of(d, c.depth);
    c.top = c.saddle;
    for (int i = 0; i < d; i++) c.top -= 0.5 * log(c.saddle + c.depth[i]);
    const double error = integrate(&c, sum);
    if (log_z) *log_z = largest + 0.5 * d * log(M_PI) + c.top + log(4 / M_PI * c.saddle * sum[0]);
    if (!second) second = own_second;
    if (!fourth) fourth = own_fourth;
    for (int i = 0; i < d; i++) second[i] = sum[1 + i] / sum[0];
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) fourth[i * d + j] = fourth[j * d + i] = sum[1 + D + i * D + j] / sum[0];
    if (spread) fill_spread(d, second, fourth, spread);
    return error;
}
