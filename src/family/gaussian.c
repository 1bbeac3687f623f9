/*
 * The normal law in natural parameters.  d = 1: F = (x, -x^2/2), theta = (mean/s^2, 1/s^2).  d > 1: log p = sum_a
 * location_a x_a - x'P x/2, with the parameters of normal-law.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family/exponential.h"
#include "family/gaussian.h"
#include "family/normal-law.h"

typedef struct {
    int d, correlation, axes;
    double s, rho, condition;
} gaussian;

enum { EQUI, AR1 };
enum { ALIGNED, TURNED };

/* -------------------------------------------------------------------- truth */

/* Column k of the cosine transform, an orthogonal matrix. */
static double cosine(int d, int a, int k) {
    return sqrt((k == 0 ? 1.0 : 2.0) / d) * cos(M_PI * (a + 0.5) * k / d);
}

/* The inverse of the matrix of correlations, in closed form. */
static double inverse_correlation(const gaussian *key, int a, int b) {
    const double rho = key->rho;
    const int d = key->d;
    if (key->correlation == EQUI) return ((a == b) - rho / (1 + (d - 1) * rho)) / (1 - rho);
    const double norm = 1 - rho * rho;
    if (a != b) return abs(a - b) == 1 ? -rho / norm : 0;
    return (a == 0 || a == d - 1 ? 1 : 1 + rho * rho) / norm;
}

/* Variances from s^2 sqrt(condition) down to s^2 / sqrt(condition), in equal ratios. */
static double deviation(const gaussian *key, int a) {
    return key->d == 1 ? key->s : key->s * pow(key->condition, 0.25 - 0.5 * a / (key->d - 1));
}

static double aligned_precision(const gaussian *key, int a, int b) {
    return inverse_correlation(key, a, b) / (deviation(key, a) * deviation(key, b));
}

static double precision(const gaussian *key, int a, int b) {
    if (key->axes == ALIGNED) return aligned_precision(key, a, b);
    double sum = 0;
    for (int j = 0; j < key->d; j++)
        for (int k = 0; k < key->d; k++)
            sum += cosine(key->d, a, j) * aligned_precision(key, j, k) * cosine(key->d, b, k);
    return sum;
}

static sg_status settle(void *keys) {
    const gaussian *key = keys;
    if (key->d == 1 && (key->rho != 0 || key->condition != 1))
        return sg_fail(SG_BAD_SYNTAX, "rho and condition of family gaussian need more than one dimension: leave them "
                                      "out, or take d > 1");
    if (key->d > 1 && key->correlation == EQUI && !(1 + (key->d - 1) * key->rho > 0))
        return sg_fail(SG_OUT_OF_RANGE,
                       "rho = %g of family gaussian is out of range: %d equal correlations must be "
                       "above %g",
                       key->rho, key->d, -1.0 / (key->d - 1));
    return SG_OK;
}

static bool idle(const void *keys, const char *key) {
    const gaussian *own = keys;
    if (strcmp(key, "correlation") == 0) return own->rho == 0;
    if (strcmp(key, "axes") == 0) return own->d == 1 || (own->rho == 0 && own->condition == 1);
    return own->d == 1 && (strcmp(key, "rho") == 0 || strcmp(key, "condition") == 0);
}

static sg_status make(const void *keys, sg_model *model) {
    const gaussian *key = keys;
    const int d = key->d;
    sg_status status = sg_line_model(model, SG_NORMAL_FULL(d), key, sizeof *key);
    if (status != SG_OK) return status;
    if (d > 1) model->space = (sg_space){.shape = SG_RD, .d = d, .lo = -INFINITY, .hi = INFINITY};
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) model->truth[sg_normal_entry(d, a, b)] = precision(key, a, b);
    return SG_OK;
}

void sg_gaussian_parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"location", "precision"};
    (void)model;
    sg_line_name(names, index, name);
}

/* Several digits an index are kept apart: precision2.11. */
static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const int d = model->space.d;
    const char *between = d < 10 ? "" : ".";
    int a = index - d, b = a;
    if (d == 1) {
        sg_gaussian_parameter(model, index, name);
        return;
    }
    if (index < d) {
        snprintf(name, SG_NAME, "location%d", index + 1);
        return;
    }
    if (index >= 2 * d)
        for (a = 1, b = index - 2 * d; b >= a;) b -= a++;
    snprintf(name, SG_NAME, "precision%d%s%d", a + 1, between, b + 1);
}

/* --------------------------------------------------------------------- jets */

static void statistics(const void *own, int n, const double *x, double *const f[3]) {
    (void)own;
    if (f[0])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[0][i] = x[i];
            f[0][SG_BLOCK + i] = -0.5 * x[i] * x[i];
        }
    if (f[1])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[1][i] = 1;
            f[1][SG_BLOCK + i] = -x[i];
        }
    if (f[2])
#pragma omp simd
        for (int i = 0; i < n; i++) {
            f[2][i] = 0;
            f[2][SG_BLOCK + i] = -1;
        }
}

void sg_gaussian_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    static const sg_exponential law = {.statistics = statistics};
    sg_exponential_jet(&law, model, theta, block, out);
}

static void fill(double *row, double value, int n) {
#pragma omp simd
    for (int i = 0; i < n; i++) row[i] = value;
}

/* out += factor * x_b x_a, or factor * x_b (x_a NULL). */
static void add(double *restrict out, double factor, const double *restrict x, const double *restrict y, int n) {
    if (y)
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] += factor * x[i] * y[i];
    else
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] += factor * x[i];
}

/* The place of second derivatives along axes a and b. */
static int packed(int a, int b) {
    return a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
}

/* Values, slopes or bends (k = 0, 1, 2) of the statistics, rows [full][1, d or d(d+1)/2][SG_BLOCK] of zeros. */
static void space_statistics(int d, int k, int n, const double *x, double *rows) {
    const int each = k == 0 ? 1 : k == 1 ? d : d * (d + 1) / 2;
#define ROW(j, r) (rows + (size_t)((j)*each + (r)) * SG_BLOCK)
    for (int a = 0; a < d; a++) {
        const double *x_a = x + a * SG_BLOCK;
        if (k == 0) add(ROW(a, 0), 1, x_a, NULL, n);
        if (k == 1) fill(ROW(a, a), 1, n);
        for (int b = 0; b <= a; b++) {
            const int j = sg_normal_entry(d, a, b);
            const double *x_b = x + b * SG_BLOCK;
            if (k == 0) add(ROW(j, 0), a == b ? -0.5 : -1, x_a, x_b, n);
            if (k == 1) add(ROW(j, a), -1, x_b, NULL, n);
            if (k == 1 && a != b) add(ROW(j, b), -1, x_a, NULL, n);
            if (k == 2) fill(ROW(j, packed(a, b)), -1, n);
        }
    }
#undef ROW
}

/* log p and its slopes; dx = location - P x, logp = (location + dx)'x/2. */
static void space_density(int d, const double *theta, int n, const double *x, double *logp, double *dx) {
    _Alignas(SG_ALIGN) double own[SG_BLOCK], *slope = own;
    if (logp) fill(logp, 0, n);
    for (int a = 0; a < d; a++) {
        if (dx) slope = dx + a * SG_BLOCK;
        fill(slope, theta[a], n);
        for (int b = 0; b < d; b++) add(slope, -theta[sg_normal_entry(d, a, b)], x + b * SG_BLOCK, NULL, n);
        if (!logp) continue;
        add(logp, 0.5, x + a * SG_BLOCK, slope, n);
        add(logp, 0.5 * theta[a], x + a * SG_BLOCK, NULL, n);
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const int d = model->space.d, full = model->full, n = sg_line_points(block->n), bends = d * (d + 1) / 2;
    const size_t each[] = {1, (size_t)d, (size_t)bends};
    double *const statistic[] = {out->dt, out->dt_dx, out->dt_dxx}, *const zero[] = {out->dtt, out->dtt_dx,
                                                                                     out->dtt_dxx};
    if (d == 1) {
        sg_gaussian_jet(model, theta, block, out);
        return;
    }
    if (out->logp || out->dx) space_density(d, theta, n, block->x, out->logp, out->dx);
    for (int a = 0; a < d && out->dxx; a++)
        for (int b = 0; b <= a; b++) fill(out->dxx + packed(a, b) * SG_BLOCK, -theta[sg_normal_entry(d, a, b)], n);
    for (int k = 0; k < 3; k++) {
        const size_t row = each[k] * SG_BLOCK * sizeof(double);
        if (zero[k]) memset(zero[k], 0, (size_t)full * (size_t)(full + 1) / 2 * row);
        if (!statistic[k]) continue;
        memset(statistic[k], 0, (size_t)full * row);
        space_statistics(d, k, n, block->x, statistic[k]);
    }
}

/* ---------------------------------------------------------------------- law */

static bool inside(const sg_model *model, const double *theta) {
    sg_normal_law law;
    return sg_normal_law_of(model->space.d, theta, &law);
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    (void)model;
    sg_line_mark(marks, theta[0] / theta[1], 1 / sqrt(theta[1]));
}

/* The mode, with the widths along the axes that the law has given the other coordinates. */
static void places(const sg_model *model, const double *theta, sg_places *out) {
    const int d = model->space.d;
    sg_normal_law law;
    out->count = sg_normal_law_of(d, theta, &law);
    for (int a = 0; a < d && out->count; a++)
        out->at[0][a] = law.mean[a], out->scale[0][a] = 1 / sqrt(theta[sg_normal_entry(d, a, a)]);
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    sg_normal_law law;
    if (sg_normal_law_of(model->space.d, theta, &law)) sg_normal_draw(&law, stream, block);
}

static sg_status log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    sg_normal_law law;
    if (!sg_normal_law_of(model->space.d, theta, &law))
        return sg_fail(SG_NOT_INTEGRABLE, "the precision matrix of %s is not positive definite", model->text);
    *value = sg_normal_log_z(&law, gradient, hessian);
    return SG_OK;
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian, d),
     .initial = "1",
     .lo = 1,
     .hi = SG_NORMAL_MOST,
     .help = "dimension"},
    {.key = "s",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian, s),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "standard deviation of the true law, d > 1: geometric mean over the axes; its mean is 0"},
    {.key = "rho",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian, rho),
     .initial = "0",
     .lo = -1,
     .lo_open = true,
     .hi = 1,
     .hi_open = true,
     .help = "d > 1: true correlation of coordinates, before the axes are turned"},
    {.key = "correlation",
     .type = SG_FIELD_WORD,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian, correlation),
     .initial = "equi",
     .choices = "equi|ar1",
     .help = "rho between all coordinates, or rho^|a-b| between coordinates a and b"},
    {.key = "condition",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian, condition),
     .initial = "1",
     .lo = 1,
     .hi = INFINITY,
     .help = "d > 1: largest over smallest true variance, which fall in equal ratios, before the axes are turned"},
    {.key = "axes",
     .type = SG_FIELD_WORD,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian, axes),
     .initial = "aligned",
     .choices = "aligned|turned",
     .help = "turned: the true covariance is turned by the matrix of the cosine transform"},
    {0},
};

const sg_family sg_family_gaussian = {
    .name = "gaussian",
    .summary = "p(x) ~ exp(location x - precision x^2/2), on R^d with a precision matrix",
    .keys = keys,
    .keys_size = sizeof(gaussian),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .settle = settle,
    .idle = idle,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
    .places = places,
    .draw = draw,
    .log_z = log_z,
};
