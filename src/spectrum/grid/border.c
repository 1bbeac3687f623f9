#include "border.h"

#include <math.h>

static void take_larger(const sg_mesh *m, const double *part, double *share) {
    const size_t all = m->first[m->elements];
    double total = 0;
    for (size_t i = 0; i < all; i++) total += part[i];
    for (size_t i = 0; i < all && total > 0; i++)
        if (part[i] / total > share[i]) share[i] = part[i] / total;
}

void sg_border_mass(const sg_mesh *m, const double *f, double *scratch, double *share) {
    double *value = m->scratch + 10 * (m->most_points > (size_t)m->local ? m->most_points : (size_t)m->local);
    for (int e = 0; e < m->elements; e++) {
        double *part = scratch + m->first[e];
        const double base = f ? sg_mesh_values_on(m, e, f, value) : 1, scale = exp(m->top[e]);
        sg_mesh_mass_on(m, e, part);
        for (size_t i = 0; i < m->first[e + 1] - m->first[e]; i++)
            part[i] *= scale * (f ? (base + value[i]) * (base + value[i]) : 1);
    }
    take_larger(m, scratch, share);
}

void sg_border_energy(const sg_mesh *m, double shift, const double *f, double *scratch, double *share) {
    for (int e = 0; e < m->elements; e++) {
        double *part = scratch + m->first[e];
        const bool moves = sg_mesh_energy_on(m, e, shift, f, f, part);
        for (size_t i = 0; i < m->first[e + 1] - m->first[e]; i++) part[i] = moves ? part[i] : 0;
    }
    take_larger(m, scratch, share);
}

/* Sum over the layer of points that is the k-th from one end of direction a, per length. */
static double layer(const sg_mesh *m, int e, int a, bool upper, int k, const double *share) {
    const sg_side *s = sg_mesh_side(m, e, a);
    const int at = upper ? s->points - 1 - k : k;
    size_t step = 1;
    double sum = 0;
    for (int b = 0; b < a; b++) step *= (size_t)sg_mesh_side(m, e, b)->points;
    for (size_t i = 0; i < m->first[e + 1] - m->first[e]; i++)
        if (i / step % (size_t)s->points == (size_t)at) sum += share[m->first[e] + i];
    return sum / s->weight[at];
}

/* Beyond a face, where it goes on to fall as it does between the last two layers; at least a side where it does not. */
static double beyond(const sg_mesh *m, int e, int a, bool upper, const double *share) {
    const sg_side *s = sg_mesh_side(m, e, a);
    const double last = layer(m, e, a, upper, 0, share), before = layer(m, e, a, upper, 1, share);
    const double apart = s->half * (s->point[1] - s->point[0]), rate = log(before / last) / apart;
    if (last == 0) return 0;
    return rate > 0.5 / s->half ? last * exp(-rate * s->half * (1 + s->point[0])) / rate : 2 * last * s->half;
}

double sg_border_grow(const sg_mesh *m, const double *share, double limit, uint8_t *keep, int *grown, double *ends) {
    const int *count = m->slabs.count;
    double left_out = 0;
    *grown = 0;
    *ends = 0;
    for (int e = 0; e < m->elements; e++)
        for (int f = 0; f < 2 * m->d; f++) {
            int at[SG_DIM];
            for (int b = 0; b < SG_DIM; b++) at[b] = m->element[e * SG_DIM + b];
            at[f / 2] += f % 2 ? 1 : -1;
            const bool inside = at[f / 2] >= 0 && at[f / 2] < count[f / 2];
            uint8_t *other =
                inside ? keep + ((size_t)at[2] * (size_t)count[1] + (size_t)at[1]) * (size_t)count[0] + at[0] : NULL;
            if (other ? *other == 1 : !m->slabs.open[f / 2][f % 2]) continue;
            const double sum = beyond(m, e, f / 2, f % 2, share);
            left_out += sum;
            if (!other) *ends += sum;
            if (other && sum > limit) *other = 2, ++*grown;
        }
    for (int i = 0; i < count[0] * count[1] * count[2]; i++) keep[i] = keep[i] != 0;
    return left_out;
}
