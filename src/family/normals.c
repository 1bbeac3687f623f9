/* Mixtures of normals: what they are made of, draws, and where they have their mass. */
#include "family/normals.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/line.h"

static const double LEAST_VARIANCE = 1e-14; /* of the largest along another axis: below, no digit of it is sure */

static sg_status check_shape(int d, int count) {
    if (d < 1 || d > SG_NORMALS_D)
        return sg_fail(SG_OUT_OF_RANGE, "mixtures of normals have 1 to %d dimensions, not %d", SG_NORMALS_D, d);
    if (count < 1 || count > SG_COMPONENTS)
        return sg_fail(SG_OUT_OF_RANGE, "mixtures of normals have 1 to %d components, not %d", SG_COMPONENTS, count);
    return SG_OK;
}

static sg_status not_positive(int k) {
    return sg_fail(SG_OUT_OF_RANGE, "the covariance of component %d is not positive definite", k + 1);
}

/* Eigenvalues, axes (the vectors are columns: their transpose is row after row) and inverse of one covariance. */
static sg_status decompose(int d, int k, const double *covariance, double *variance, double *axes, double *precision) {
    sg_status status = sg_symmetric_eigen(d, covariance, variance, axes);
    if (status != SG_OK) return status;
    if (!(variance[0] > LEAST_VARIANCE * variance[d - 1])) return not_positive(k);
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) {
            double sum = 0;
            for (int e = 0; e < d; e++) sum += axes[e * d + a] * axes[e * d + b] / variance[e];
            precision[a * d + b] = sum;
        }
    return SG_OK;
}

static bool all_alike(int count, size_t numbers, const double *v) {
    for (int k = 1; k < count; k++)
        if (memcmp(v, v + (size_t)k * numbers, numbers * sizeof *v) != 0) return false;
    return true;
}

sg_status sg_normals_new(int d, int count, const double *variance, const double *covariance, sg_normals **law) {
    sg_normals *made = NULL;
    *law = NULL;
    sg_status status = check_shape(d, count);
    if (status != SG_OK) return status;
    const size_t rows = (size_t)count * (size_t)d, square = covariance ? rows * (size_t)d : 0;
    const size_t head = (sizeof *made + SG_ALIGN - 1) / SG_ALIGN * SG_ALIGN;
    status = sg_new(&made, 1, head + (rows + 2 * square) * sizeof(double));
    if (status != SG_OK) return status;
    double *values = (double *)((char *)made + head), *axes = values + rows, *precision = axes + square;
    *made = (sg_normals){.d = d, .count = count, .round = !covariance, .variance = values};
    made->shared = covariance ? all_alike(count, (size_t)(d * d), covariance) : all_alike(count, 1, variance);
    if (covariance) made->axes = axes, made->precision = precision;
    for (int k = 0; k < count && status == SG_OK; k++) {
        const size_t at = (size_t)(k * d) * (size_t)d;
        if (covariance)
            status = decompose(d, k, covariance + at, values + k * d, axes + at, precision + at);
        else if (!(variance[k] > 0 && isfinite(variance[k])))
            status = not_positive(k);
        for (int e = 0; e < d && !covariance; e++) values[k * d + e] = variance[k];
    }
    if (status != SG_OK) {
        sg_delete(made);
        return status;
    }
    *law = made;
    return SG_OK;
}

int sg_normals_full(const sg_normals *law) {
    return law->count - 1 + law->count * law->d;
}

sg_status sg_normals_model(sg_model *model, sg_normals *law) {
    model->own = law;
    model->full = sg_normals_full(law);
    model->space = (sg_space){.shape = law->d == 1 ? SG_LINE : SG_RD, .d = law->d, .lo = -INFINITY, .hi = INFINITY};
    return sg_new(&model->truth, (size_t)model->full, sizeof *model->truth);
}

void sg_normals_mean_name(const sg_normals *law, int index, char name[SG_NAME]) {
    if (law->d == 1)
        snprintf(name, SG_NAME, "mu%d", 1 + index);
    else
        snprintf(name, SG_NAME, "mu%d_%d", 1 + index / law->d, 1 + index % law->d);
}

bool sg_normals_inside(const sg_normals *law, const double *theta) {
    double last = 1;
    if (!sg_line_finite(sg_normals_full(law), theta)) return false;
    for (int k = 0; k + 1 < law->count; k++) {
        if (!(theta[k] > 0 && theta[k] < 1)) return false;
        last -= theta[k];
    }
    return last > 0;
}

void sg_normals_weights(const sg_normals *law, const double *theta, double *weight) {
    double last = 1;
    for (int k = 0; k + 1 < law->count; k++) last -= weight[k] = theta[k];
    weight[law->count - 1] = last;
}

/* -------------------------------------------------------------------- draws */

static void choose(const sg_normals *law, const double *theta, int n, const double *uniform, int *component) {
    double weight[SG_COMPONENTS];
    sg_normals_weights(law, theta, weight);
    for (int i = 0; i < n; i++) {
        double below = weight[0];
        component[i] = 0;
        while (component[i] + 1 < law->count && !(uniform[i] < below)) below += weight[++component[i]];
    }
}

/* Standard normals of a point along the axes, with the deviations of its component, to its coordinates. */
static void turn(const sg_normals *law, int k, double *z, double *x) {
    const int d = law->d;
    const double *variance = law->variance + k * d, *axes = law->axes ? law->axes + (size_t)(k * d * d) : NULL;
    for (int e = 0; e < d; e++) z[e] *= sqrt(variance[e]);
    for (int a = 0; a < d; a++) {
        x[a] = axes ? 0 : z[a];
        for (int e = 0; e < d && axes; e++) x[a] += axes[e * d + a] * z[e];
    }
}

void sg_normals_draw(const sg_normals *law, const double *theta, sg_stream *stream, sg_block *block) {
    const int d = law->d;
    const double *mean = theta + law->count - 1;
    double uniform[SG_BLOCK], z[SG_NORMALS_D], x[SG_NORMALS_D];
    int component[SG_BLOCK];
    sg_stream_uniform(stream, (size_t)block->n, uniform);
    for (int a = 0; a < d; a++) sg_stream_normal(stream, (size_t)block->n, block->x + a * SG_BLOCK);
    choose(law, theta, block->n, uniform, component);
    for (int i = 0; i < block->n; i++) {
        const int k = component[i];
        for (int a = 0; a < d; a++) z[a] = block->x[a * SG_BLOCK + i];
        turn(law, k, z, x);
        for (int a = 0; a < d; a++) block->x[a * SG_BLOCK + i] = mean[k * d + a] + x[a];
    }
}

/* ---------------------------------------------------------------- where mass is */

/* The standard deviation of component k in coordinate a. */
static double width_in(const sg_normals *law, int k, int a) {
    const int d = law->d;
    double sum = 0;
    if (law->round) return sqrt(law->variance[k * d]);
    for (int e = 0; e < d; e++) {
        const double entry = law->axes[(k * d + e) * d + a];
        sum += entry * entry * law->variance[k * d + e];
    }
    return sqrt(sum);
}

/* The smallest deviation of a component: the length over which it changes in any direction. */
static double narrowest(const sg_normals *law, int k) {
    double least = INFINITY;
    for (int e = 0; e < law->d; e++) least = fmin(least, law->variance[k * law->d + e]);
    return sqrt(least);
}

void sg_normals_places(const sg_normals *law, const double *theta, sg_places *places) {
    const double *mean = theta + law->count - 1;
    places->count = law->count < SG_LANDMARKS ? law->count : SG_LANDMARKS;
    for (int k = 0; k < places->count; k++)
        for (int a = 0; a < law->d; a++) {
            places->at[k][a] = mean[k * law->d + a];
            places->scale[k][a] = fmin(width_in(law, k, a), 2 * narrowest(law, k));
        }
}

/* On the line: where w_k phi_k = w_j phi_j between the means, for neighbours. */
static void mark_crossing(const sg_normals *law, const double *weight, const double *mean, int k, int j,
                          sg_landmarks *marks) {
    const double a = 1 / law->variance[k], b = 1 / law->variance[j], apart = mean[j] - mean[k];
    double lo = 0, hi = 1;
    if (apart == 0) return;
    const double level = log(weight[k]) + 0.5 * log(a) - log(weight[j]) - 0.5 * log(b), square = apart * apart;
    for (int step = 0; step < 60; step++) { /* falls from lo to hi */
        const double s = 0.5 * (lo + hi), more = level - 0.5 * square * (a * s * s - b * (1 - s) * (1 - s));
        *(more > 0 ? &lo : &hi) = s;
    }
    sg_line_mark(marks, mean[k] + lo * apart, fmin(1 / sqrt(fmax(a, b)), 1 / (fabs(apart) * fmax(a, b))));
}

void sg_normals_landmarks(const sg_normals *law, const double *theta, sg_landmarks *marks) {
    const double *mean = theta + law->count - 1;
    double weight[SG_COMPONENTS];
    sg_normals_weights(law, theta, weight);
    for (int k = 0; k < law->count; k++) sg_line_mark(marks, mean[k], sqrt(law->variance[k]));
    for (int k = 0; k < law->count; k++)
        for (int j = 0; j < law->count; j++) {
            bool neighbours = mean[j] > mean[k];
            for (int l = 0; l < law->count; l++) neighbours = neighbours && !(mean[l] > mean[k] && mean[l] < mean[j]);
            if (neighbours) mark_crossing(law, weight, mean, k, j, marks);
        }
}

sg_status sg_normals_components(const sg_normals *law, const double *theta, sg_components **out) {
    const size_t d = (size_t)law->d, count = (size_t)law->count, head = SG_ALIGN;
    _Static_assert(sizeof(sg_components) <= SG_ALIGN, "components stand before their arrays");
    sg_components *made = NULL;
    *out = NULL;
    sg_status status = sg_new(&made, 1, head + count * (1 + d + d * d) * sizeof(double));
    if (status != SG_OK) return status;
    double *weight = (double *)((char *)made + head), *mean = weight + count, *covariance = mean + count * d;
    *made = (sg_components){law->d, law->count, weight, mean, covariance};
    sg_normals_weights(law, theta, weight);
    memcpy(mean, theta + count - 1, count * d * sizeof(double));
    for (size_t k = 0; k < count; k++)
        for (size_t e = 0; e < d; e++) {
            const double variance = law->variance[k * d + e], *axis = law->axes ? law->axes + (k * d + e) * d : NULL;
            double *square = covariance + k * d * d;
            if (!axis) square[e * d + e] = variance;
            for (size_t a = 0; a < d && axis; a++)
                for (size_t b = 0; b < d; b++) square[a * d + b] += variance * axis[a] * axis[b];
        }
    *out = made;
    return SG_OK;
}
