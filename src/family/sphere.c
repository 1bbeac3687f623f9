#include "family/sphere.h"

#include <math.h>
#include <string.h>

#include "family/line.h"

sg_status sg_sphere_model(sg_model *model, int d, int full, const void *own, size_t size) {
    sg_status status = sg_line_model(model, full, own, size);
    model->space = (sg_space){.shape = SG_SPHERE, .d = d, .lo = -1, .hi = 1};
    return status;
}

void sg_sphere_clear(double *out, int rows) {
    if (out) memset(out, 0, (size_t)rows * SG_BLOCK * sizeof *out);
}

void sg_sphere_constant(double *row, int n, double value) {
    const int count = sg_line_points(n);
    for (int i = 0; i < count; i++) row[i] = value;
}

/* I - 2 w w^T takes the last axis to u, w the unit vector along e_d - u or, when that cancels, e_d + u and a sign. */
void sg_sphere_frame(int d, const double *u, double *axes) {
    const double last = u[d - 1], sign = last > 0 ? -1 : 1;
    double w[SG_SPHERE_MOST], norm2 = 0, own = 0;
    for (int a = 0; a < d; a++) own += u[a] * u[a];
    for (int a = 0; a < d; a++) w[a] = (a == d - 1) - sign * u[a], norm2 += w[a] * w[a];
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) axes[a * d + b] = (a == b) - (own > 0 ? 2 * w[a] * w[b] / norm2 : 0);
    for (int b = 0; b < d && own > 0; b++) axes[(d - 1) * d + b] = u[b];
}

void sg_sphere_seek(sg_stream *stream, uint32_t base, int i) {
    stream->index = base + (uint32_t)i * SG_SPHERE_COUNTERS;
}
