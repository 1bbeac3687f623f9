/* Masses, values and energies of functions at the points of an element, and their sums. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "elements.h"

static size_t stride(const sg_mesh *m) {
    return m->most_points > (size_t)m->local ? m->most_points : (size_t)m->local;
}

void sg_mesh_mass_on(const sg_mesh *m, int e, double *out) {
    const sg_side *x = sg_mesh_side(m, e, 0), *y = sg_mesh_side(m, e, 1), *z = sg_mesh_side(m, e, 2);
    const double *log_p = m->log_p + m->first[e];
    for (int k = 0; k < z->points; k++)
        for (int j = 0; j < y->points; j++) {
            const double w = z->weight[k] * y->weight[j];
#pragma omp simd
            for (int i = 0; i < x->points; i++) out[i] = w * x->weight[i] * exp(log_p[i] - m->top[e]);
            out += x->points;
            log_p += x->points;
        }
}

/* Values on an element less the first; false when they are all the same. */
static bool gather(const sg_mesh *m, int e, const double *u, double *local) {
    const int *node = m->node + (size_t)e * (size_t)m->local;
    bool moves = false;
    for (int q = 0; q < m->local; q++) {
        local[q] = u[node[q]] - u[node[0]];
        moves |= local[q] != 0;
    }
    return moves;
}

/* out [points]: sum over the nodes of local times values, slopes in direction a (-1: none). */
static void spread(const sg_mesh *m, int e, const double *local, int a, double *out) {
    double *first = m->scratch + 8 * stride(m), *second = m->scratch + 9 * stride(m);
    const sg_side *s[SG_DIM];
    const double *table[SG_DIM];
    int n[SG_DIM];
    for (int b = 0; b < SG_DIM; b++) {
        s[b] = sg_mesh_side(m, e, b);
        table[b] = a == b ? s[b]->slope : s[b]->value;
        n[b] = m->nodes[b];
    }
    const int wide = s[1]->points * s[0]->points;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n[2] * n[1], s[0]->points, n[0], 1, local, n[0], table[0],
                n[0], 0, first, s[0]->points);
    for (int k = 0; k < n[2]; k++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, s[1]->points, s[0]->points, n[1], 1, table[1], n[1],
                    first + k * n[1] * s[0]->points, s[0]->points, 0, second + k * wide, s[0]->points);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, s[2]->points, wide, n[2], 1, table[2], n[2], second, wide, 0,
                out, wide);
}

double sg_mesh_values_on(const sg_mesh *m, int e, const double *f, double *out) {
    double *local = m->scratch + 6 * stride(m);
    gather(m, e, f, local);
    spread(m, e, local, -1, out);
    return f[m->node[(size_t)e * (size_t)m->local]];
}

/* Of functions given at the nodes of one element. */
static void local_energy(const sg_mesh *m, int e, double shift, const double *u, const double *v, double *out) {
    const size_t from = m->first[e], count = m->first[e + 1] - from, packed = (size_t)(m->d * (m->d + 1) / 2);
    const double *tensor = m->tensor ? m->tensor + packed * from : NULL;
    double *slope[2][SG_DIM];
    for (int a = 0; a < m->d; a++) {
        slope[0][a] = m->scratch + (size_t)a * stride(m);
        slope[1][a] = u == v ? slope[0][a] : m->scratch + (size_t)(SG_DIM + a) * stride(m);
        spread(m, e, u, a, slope[0][a]);
        if (u != v) spread(m, e, v, a, slope[1][a]);
    }
    sg_mesh_mass_on(m, e, out);
    const double scale = exp(m->top[e] - shift);
    for (size_t i = 0; i < count; i++) {
        double product = 0;
        for (int a = 0; a < m->d; a++) {
            const double *row = tensor ? tensor + (size_t)(a * (a + 1) / 2) * count + i : NULL;
            product += (row ? row[(size_t)a * count] : 1) * slope[0][a][i] * slope[1][a][i];
            for (int b = 0; m->mixed && b < a; b++)
                product += row[(size_t)b * count] * (slope[0][a][i] * slope[1][b][i] + slope[0][b][i] * slope[1][a][i]);
        }
        out[i] *= scale * product;
    }
}

bool sg_mesh_energy_on(const sg_mesh *m, int e, double shift, const double *u, const double *v, double *out) {
    double *local_u = m->scratch + 6 * stride(m), *local_v = m->scratch + 7 * stride(m);
    if (!gather(m, e, u, local_u) || (u != v && !gather(m, e, v, local_v))) return false;
    local_energy(m, e, shift, local_u, u == v ? local_u : local_v, out);
    return true;
}

static double total(size_t n, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

double sg_mesh_energy(const void *mesh, double shift, const double *u, const double *v) {
    const sg_mesh *m = mesh;
    double *out = m->scratch + 10 * stride(m), sum = 0;
    for (int e = 0; e < m->elements; e++)
        if (sg_mesh_energy_on(m, e, shift, u, v, out)) sum += total(m->first[e + 1] - m->first[e], out);
    return sum;
}

/* The two highest terms of the Legendre series along a side, from values at its nodes `step` apart, in place. */
static void keep_top(int nodes, const double *node, int step, double *f) {
    double sum = 0, top = 0, next = 0, p[SG_ORDER + 1], lead[2] = {1, 1}; /* leading coefficients of P_N-1 and P_N */
    const int n = nodes - 1;
    for (int k = 1; k <= n; k++) {
        if (k < n) lead[0] *= (2 * k - 1.0) / k;
        lead[1] *= (2 * k - 1.0) / k;
    }
    for (int j = 0; j < nodes; j++) sum += node[j];
    for (int j = 0; j < nodes; j++) {
        double part = f[j * step];
        for (int k = 0; k < nodes; k++)
            if (k != j) part /= node[j] - node[k];
        top += part;
        next -= part * (sum - node[j]);
    }
    for (int j = 0; j < nodes; j++) {
        sg_legendre_fill(nodes, node[j], p);
        f[j * step] = top / lead[1] * p[n] + next / lead[0] * p[n - 1];
    }
}

double sg_mesh_top_energy(const sg_mesh *m, int e, int a, double shift, const double *f) {
    double *local = m->scratch + 6 * stride(m), *out = m->scratch + 10 * stride(m);
    int step = 1;
    if (!gather(m, e, f, local)) return 0;
    for (int b = 0; b < a; b++) step *= m->nodes[b];
    for (int q = 0; q < m->local; q++)
        if (q / step % m->nodes[a] == 0) keep_top(m->nodes[a], sg_mesh_side(m, e, a)->node, step, local + q);
    local_energy(m, e, shift, local, local, out);
    return total(m->first[e + 1] - m->first[e], out);
}

double sg_mesh_log_quotient(const sg_mesh *m, double shift, const double *f) {
    double *mass = m->scratch + 10 * stride(m), *value = m->scratch + 11 * stride(m);
    double weight = 0, mean = 0, square = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int e = 0; e < m->elements; e++) {
            const size_t count = m->first[e + 1] - m->first[e];
            const double base = sg_mesh_values_on(m, e, f, value), scale = exp(m->top[e]);
            sg_mesh_mass_on(m, e, mass);
            for (size_t i = 0; i < count; i++) {
                const double at = base + value[i] - (pass ? mean : 0);
                if (pass)
                    square += scale * mass[i] * at * at;
                else
                    weight += scale * mass[i], mean += scale * mass[i] * at;
            }
        }
        if (pass == 0) mean /= weight;
    }
    return shift + log(sg_mesh_energy(m, shift, f, f)) - log(square);
}
