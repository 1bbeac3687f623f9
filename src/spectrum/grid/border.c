/*
 * What the elements left out would have held: mass and energy on the faces where the mesh ends short of the box.  The
 * first look chose the elements; this checks it by the solution.
 */
#include "border.h"

#include <math.h>

static const double BEYOND =
    50; /* what lies beyond a face, where p falls by e^3 or more an element, to what its nodes weigh */

static double size_of(const sg_mesh *m, const double *share) {
    double sum = 0;
    for (int i = 0; i < m->n; i++) sum += share[i];
    return sum;
}

void sg_border_mass(const sg_mesh *m, const double *h, bool squared, double *share) {
    double total = 0;
    for (int i = 0; i < m->n; i++) total += exp(m->log_mass[i]) * (squared ? h[i] * h[i] : fabs(h[i]));
    for (int i = 0; i < m->n; i++) {
        const double part = exp(m->log_mass[i]) / total * (squared ? h[i] * h[i] : fabs(h[i]));
        if (part > share[i]) share[i] = part;
    }
}

void sg_border_energy(const sg_mesh *m, double shift, const double *u, const double *v, double *scratch,
                      double *share) {
    for (int i = 0; i < m->n; i++) scratch[i] = 0;
    sg_mesh_energy_nodes(m, shift, u, v, scratch);
    for (int i = 0; i < m->n; i++) scratch[i] = fabs(scratch[i]);
    const double total = size_of(m, scratch);
    for (int i = 0; i < m->n && total > 0; i++)
        if (scratch[i] / total > share[i]) share[i] = scratch[i] / total;
}

/* Sum over the nodes of one face. */
static double face_sum(const sg_mesh *m, int e, int a, int side, const double *share) {
    const int *node = m->node + (size_t)e * (size_t)m->local;
    int step = 1, order = m->rule.order;
    double sum = 0;
    for (int b = 0; b < a; b++) step *= order + 1;
    for (int q = 0; q < m->local; q++)
        if (q / step % (order + 1) == (side ? order : 0)) sum += share[node[q]];
    return sum;
}

double sg_border_grow(const sg_mesh *m, const double *share, double limit, uint8_t *keep, int *grown) {
    const int *count = m->slabs.count;
    double left_out = 0;
    *grown = 0;
    for (int e = 0; e < m->elements; e++)
        for (int f = 0; f < 2 * m->d; f++) {
            int at[SG_DIM];
            for (int b = 0; b < SG_DIM; b++) at[b] = m->element[e * SG_DIM + b];
            at[f / 2] += f % 2 ? 1 : -1;
            if (at[f / 2] < 0 || at[f / 2] >= count[f / 2]) continue;
            uint8_t *other = keep + ((size_t)at[2] * (size_t)count[1] + (size_t)at[1]) * (size_t)count[0] + at[0];
            if (*other) continue;
            const double sum = BEYOND * face_sum(m, e, f / 2, f % 2, share);
            left_out += sum;
            if (sum > limit) *other = 2, ++*grown;
        }
    for (int i = 0; i < count[0] * count[1] * count[2]; i++) keep[i] = keep[i] != 0;
    return left_out;
}
