/* The parts of given functions along eigenfunctions. */
#include <math.h>
#include <string.h>

#include "work.h"

typedef struct {
    const sg_grid_problem *problem;
    const sg_frame *frame;
    const sg_mesh *mesh;
    double *u, *f, *mass, *value; /* [d], [functions] and one row of points of an element */
} tables;

static sg_status take(tables *t) {
    const size_t most = t->mesh->most_points, functions = (size_t)t->problem->functions, d = (size_t)t->mesh->d;
    sg_status status = sg_new(&t->u, most * (d + functions + 2), sizeof(double));
    if (status) return status;
    t->f = t->u + most * d;
    t->mass = t->f + most * functions;
    t->value = t->mass + most;
    return SG_OK;
}

/* Values and weights of one function at the points of an element; its first node's value is added. */
static size_t look(const tables *t, int e, const double *phi) {
    const sg_mesh *m = t->mesh;
    const size_t count = m->first[e + 1] - m->first[e];
    const double base = sg_mesh_values_on(m, e, phi, t->value), scale = exp(m->top[e]);
    sg_mesh_mass_on(m, e, t->mass);
    for (size_t i = 0; i < count; i++) t->value[i] += base, t->mass[i] *= scale;
    return count;
}

static void moments(const tables *t, const double *phi, double *weight, double *mean, double *square) {
    *weight = *mean = *square = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int e = 0; e < t->mesh->elements; e++) {
            const size_t count = look(t, e, phi);
            for (size_t i = 0; i < count && !pass; i++) *weight += t->mass[i], *mean += t->mass[i] * t->value[i];
            for (size_t i = 0; i < count && pass; i++) *square += t->mass[i] * pow(t->value[i] - *mean, 2);
        }
        if (!pass) *mean /= *weight;
    }
}

sg_status sg_mesh_coefficients(const sg_grid_problem *problem, const sg_frame *frame, const sg_mesh *mesh, int count,
                               const double *phi, double *coefficient) {
    tables t = {.problem = problem, .frame = frame, .mesh = mesh};
    const int functions = problem->functions;
    double weight = 1, mean[SG_GRID_MOST], square[SG_GRID_MOST];
    sg_status status = take(&t);
    if (status) return status;
    for (int k = 0; k < count; k++) moments(&t, phi + (size_t)k * (size_t)mesh->n, &weight, &mean[k], &square[k]);
    memset(coefficient, 0, (size_t)functions * SG_GRID_MOST * sizeof *coefficient);
    for (int e = 0; e < mesh->elements; e++) {
        const size_t points = mesh->first[e + 1] - mesh->first[e];
        sg_mesh_points(mesh, e, t.u);
        sg_frame_functions(frame, problem, (int)points, t.u, t.f);
        for (int k = 0; k < count; k++) {
            look(&t, e, phi + (size_t)k * (size_t)mesh->n);
            for (int j = 0; j < functions; j++) {
                const double *f = t.f + (size_t)j * points;
                double sum = 0;
                for (size_t i = 0; i < points; i++) sum += t.mass[i] * (t.value[i] - mean[k]) * f[i];
                coefficient[j * SG_GRID_MOST + k] += sum / sqrt(weight * square[k]);
            }
        }
    }
    sg_delete(t.u);
    return SG_OK;
}
