#include "family/location-scale.h"

#include <math.h>
#include <stdalign.h>

enum { B = SG_BLOCK };

sg_status sg_location_scale_model(sg_model *model, double scale, const void *own, size_t size) {
    sg_status status = sg_line_model(model, 2, own, size);
    if (status == SG_OK) model->truth[1] = scale;
    return status;
}

void sg_location_scale_parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"location", "scale"};
    (void)model;
    sg_line_name(names, index, name);
}

bool sg_location_scale_inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta) && theta[1] > 0;
}

void sg_location_scale_landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    (void)model;
    sg_line_mark(marks, theta[0], theta[1]);
}

/* out = k f + z g: the derivative number k of z f', with f and g those number k and k + 1 of f. */
static void product(int n, int k, const double *restrict z, const double *restrict f, const double *restrict g,
                    double *restrict out) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = k * f[i] + z[i] * g[i];
}

void sg_standard_products(int n, const double *z, double *row) {
    double *h = row + SG_STANDARD_H * B, *u = row + SG_STANDARD_U * B, *v = row + SG_STANDARD_V * B;
    for (int k = 0; k < 4; k++) product(n, k, z, h + k * B, h + (k + 1) * B, u + k * B);
    for (int k = 0; k < 3; k++) product(n, k, z, u + k * B, u + (k + 1) * B, v + k * B);
}

typedef struct {
    int n;
    double inverse; /* 1/scale */
    alignas(SG_ALIGN) double z[B];
    alignas(SG_ALIGN) double row[SG_STANDARD_ROWS * B];
} standard;

/* out = factor (c + f), f row number `row` */
static void scaled(const standard *s, int row, double factor, double c, double *restrict out) {
    const double *restrict f = s->row + row * B;
#pragma omp simd
    for (int i = 0; i < s->n; i++) out[i] = factor * (c + f[i]);
}

/* First theta-derivative of the k-th x-derivative. */
static void tangent(const standard *s, int k, double *f) {
    const double factor = -pow(s->inverse, k + 1);
    scaled(s, SG_STANDARD_H + k + 1, factor, 0, f);
    scaled(s, SG_STANDARD_U + k, factor, k == 0, f + B);
}

/* Second ones, packed: (location, location), (scale, location), (scale, scale): h'', (z h')' and 1 + u + v. */
static void second(const standard *s, int k, double *f) {
    const double factor = pow(s->inverse, k + 2), one = k == 0;
    const double *restrict u = s->row + (SG_STANDARD_U + k) * B, *restrict v = s->row + (SG_STANDARD_V + k) * B;
    double *restrict both = f + 2 * B;
    scaled(s, SG_STANDARD_H + k + 2, factor, 0, f);
    scaled(s, SG_STANDARD_U + k + 1, factor, 0, f + B);
#pragma omp simd
    for (int i = 0; i < s->n; i++) both[i] = factor * (one + (u[i] + v[i]));
}

void sg_location_scale_jet(sg_standard_law *law, const sg_model *model, const double *theta, const sg_block *block,
                           sg_jet *jet) {
    double *const of_theta[] = {jet->dt, jet->dt_dx, jet->dt_dxx}, *const twice_theta[] = {jet->dtt, jet->dtt_dx,
                                                                                           jet->dtt_dxx};
    const double location = theta[0], log_scale = log(theta[1]);
    standard s = {.n = sg_line_points(block->n), .inverse = 1 / theta[1]};
#pragma omp simd
    for (int i = 0; i < s.n; i++) s.z[i] = (block->x[i] - location) / theta[1];
    law(model->own, s.n, s.z, s.row);
    if (jet->logp)
#pragma omp simd
        for (int i = 0; i < s.n; i++) jet->logp[i] = s.row[i] - log_scale;
    if (jet->dx) scaled(&s, SG_STANDARD_H + 1, s.inverse, 0, jet->dx);
    if (jet->dxx) scaled(&s, SG_STANDARD_H + 2, s.inverse * s.inverse, 0, jet->dxx);
    for (int k = 0; k < 3; k++) {
        if (of_theta[k]) tangent(&s, k, of_theta[k]);
        if (twice_theta[k]) second(&s, k, twice_theta[k]);
    }
}
