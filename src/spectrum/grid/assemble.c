/* Element matrices, by sums over one coordinate after the other, and from them the sparse ones. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "elements.h"

/* Of two basis functions i, j along a side: value value and slope slope for i >= j, slope value for all; value^2. */
enum { VALUES, SLOPES, MIXED, SQUARES, KINDS };

typedef struct {
    sg_mesh *mesh;
    int width[SG_DIM][KINDS];
    double *table[SG_DIM][SG_SLABS];                    /* KINDS of them, [points][width] each */
    double *tables, *c, *first, *second, *part, *k, *m; /* k, m: [local][local], rows i >= j */
} work;

/* out [w_2][w_1][w_0] = sum over the points of one element of c t_2 t_1 t_0; table[a] [points[a]][width[a]]. */
static void sum_products(const int *points, const int *width, const double *const *table, const double *c,
                         double *first, double *second, double *out) {
    const int rows = points[2] * points[1], wide = width[1] * width[0];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, width[0], points[0], 1, c, points[0], table[0],
                width[0], 0, first, width[0]);
    for (int q = 0; q < points[2]; q++)
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width[1], width[0], points[1], 1, table[1], width[1],
                    first + (size_t)q * (size_t)points[1] * (size_t)width[0], width[0], 0,
                    second + (size_t)q * (size_t)wide, width[0]);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width[2], wide, points[2], 1, table[2], width[2], second, wide,
                0, out, wide);
}

/* ------------------------------------------------------------------- tables */

static int pair(int i, int j) {
    return i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
}

static void fill_table(const sg_side *s, int side, double *at) {
    const int pairs = side * (side + 1) / 2, points = s->points;
    double *values = at, *slopes = values + points * pairs, *mixed = slopes + points * pairs,
           *squares = mixed + points * side * side;
    for (int q = 0; q < points; q++) {
        const double *v = s->value + q * side, *g = s->slope + q * side;
        for (int i = 0; i < side; i++) {
            squares[q * side + i] = v[i] * v[i];
            for (int j = 0; j <= i; j++) {
                values[q * pairs + pair(i, j)] = v[i] * v[j];
                slopes[q * pairs + pair(i, j)] = g[i] * g[j];
            }
            for (int j = 0; j < side; j++) mixed[q * side * side + i * side + j] = g[i] * v[j];
        }
    }
}

static const double *table_of(const work *w, int e, int a, int kind) {
    const int points = sg_mesh_side(w->mesh, e, a)->points;
    const double *at = w->table[a][w->mesh->element[e * SG_DIM + a]];
    for (int k = 0; k < kind; k++) at += points * w->width[a][k];
    return at;
}

static sg_status make_tables(work *w) {
    const sg_mesh *m = w->mesh;
    size_t room = 0;
    for (int a = 0; a < SG_DIM; a++) {
        const int side = m->nodes[a];
        w->width[a][VALUES] = w->width[a][SLOPES] = side * (side + 1) / 2;
        w->width[a][MIXED] = side * side;
        w->width[a][SQUARES] = side;
        for (int k = 0; k < m->slabs.count[a]; k++)
            for (int kind = 0; kind < KINDS; kind++) room += (size_t)(m->side[a][k].points * w->width[a][kind]);
    }
    sg_status status = sg_new(&w->tables, room, sizeof(double));
    double *at = w->tables;
    for (int a = 0; a < SG_DIM && !status; a++)
        for (int k = 0; k < m->slabs.count[a]; k++) {
            w->table[a][k] = at;
            fill_table(m->side[a] + k, w->width[a][SQUARES], at);
            for (int kind = 0; kind < KINDS; kind++) at += m->side[a][k].points * w->width[a][kind];
        }
    return status;
}

static sg_status take(work *w) {
    const size_t local = (size_t)w->mesh->local;
    size_t wide = 1, points = 1, first = 1, second = 1;
    for (int a = 0; a < SG_DIM; a++) {
        const size_t width = (size_t)w->width[a][w->mesh->mixed ? MIXED : VALUES];
        size_t most = 1;
        for (int k = 0; k < w->mesh->slabs.count[a]; k++)
            if ((size_t)w->mesh->side[a][k].points > most) most = (size_t)w->mesh->side[a][k].points;
        first = a == 0 ? width : first * most;
        second = a < 2 ? second * width : second * most;
        wide *= width;
        points *= most;
    }
    sg_status status = sg_new(&w->c, points + first + second + wide, sizeof(double));
    if (!status) status = sg_new(&w->k, 2 * local * local, sizeof(double));
    w->first = w->c + points;
    w->second = w->first + first;
    w->part = w->second + second;
    w->m = w->k + local * local;
    return status;
}

/* ----------------------------------------------------------- element matrices */

/* weight p, times D_ab if a >= 0, relative to the element's largest p. */
static void coefficients(work *w, int e, int a, int b) {
    const sg_mesh *m = w->mesh;
    const size_t from = m->first[e], count = m->first[e + 1] - from, packed = (size_t)(m->d * (m->d + 1) / 2);
    sg_mesh_mass_on(m, e, w->c);
    if (a < 0 || !m->tensor) return;
    const double *tensor = m->tensor + packed * from + (size_t)(a * (a + 1) / 2 + b) * count;
    for (size_t i = 0; i < count; i++) w->c[i] *= tensor[i];
}

static void contract(const work *w, int e, const int *kind) {
    int points[SG_DIM], width[SG_DIM];
    const double *table[SG_DIM];
    for (int a = 0; a < SG_DIM; a++) {
        points[a] = sg_mesh_side(w->mesh, e, a)->points;
        width[a] = w->width[a][kind[a]];
        table[a] = table_of(w, e, a, kind[a]);
    }
    sum_products(points, width, table, w->c, w->first, w->second, w->part);
}

/* Indices of a local node. */
static void indices(const sg_mesh *m, int q, int *at) {
    for (int a = 0; a < SG_DIM; a++) {
        at[a] = q % m->nodes[a];
        q /= m->nodes[a];
    }
}

/* part, contracted with the pairs i >= j in every direction, added to `out`. */
static void add_pairs(const work *w, double *out) {
    const int local = w->mesh->local, w0 = w->width[0][VALUES], w1 = w->width[1][VALUES];
    for (int i = 0; i < local; i++) {
        int at[SG_DIM], to[SG_DIM];
        indices(w->mesh, i, at);
        for (int j = 0; j <= i; j++) {
            indices(w->mesh, j, to);
            const int row = pair(at[2], to[2]) * w1 + pair(at[1], to[1]);
            out[(size_t)i * (size_t)local + (size_t)j] += w->part[row * w0 + pair(at[0], to[0])];
        }
    }
}

/* D_ab (d_a u d_b v + d_b u d_a v), part contracted with slope value in the directions a > b. */
static void add_mixed(const work *w, int a, int b, double *out) {
    const sg_mesh *m = w->mesh;
    const int w0 = w->width[0][b == 0 ? MIXED : VALUES], w1 = w->width[1][a == 1 || b == 1 ? MIXED : VALUES];
    for (int i = 0; i < m->local; i++) {
        int at[SG_DIM], to[SG_DIM], index[SG_DIM];
        indices(m, i, at);
        for (int j = 0; j <= i; j++) {
            indices(m, j, to);
            for (int swap = 0; swap < 2; swap++) {
                const int *x = swap ? to : at, *y = swap ? at : to; /* slope of x in direction a, of y in b */
                for (int c = 0; c < SG_DIM; c++)
                    index[c] = c == a   ? x[c] * m->nodes[c] + y[c]
                               : c == b ? y[c] * m->nodes[c] + x[c]
                                        : pair(x[c], y[c]);
                out[(size_t)i * (size_t)m->local + (size_t)j] +=
                    w->part[((size_t)index[2] * (size_t)w1 + (size_t)index[1]) * (size_t)w0 + (size_t)index[0]];
            }
        }
    }
}

static void element_matrices(work *w, int e) {
    const sg_mesh *m = w->mesh;
    const size_t size = (size_t)m->local * (size_t)m->local;
    memset(w->k, 0, 2 * size * sizeof(double));
    coefficients(w, e, -1, -1);
    contract(w, e, (int[]){VALUES, VALUES, VALUES});
    add_pairs(w, w->m);
    for (int a = 0; a < m->d; a++) {
        int kind[SG_DIM] = {VALUES, VALUES, VALUES};
        kind[a] = SLOPES;
        if (m->tensor) coefficients(w, e, a, a);
        contract(w, e, kind);
        add_pairs(w, w->k);
        for (int b = 0; m->mixed && b < a; b++) {
            int crossed[SG_DIM] = {VALUES, VALUES, VALUES};
            crossed[a] = crossed[b] = MIXED;
            coefficients(w, e, a, b);
            contract(w, e, crossed);
            add_mixed(w, a, b, w->k);
        }
    }
}

/* -------------------------------------------------------------- the matrices */

/* log of the root of each basis function's own mass, summed over elements whose p may be far apart. */
static sg_status scales(work *w) {
    sg_mesh *m = w->mesh;
    double *log_mass = m->form.log_scale;
    for (int i = 0; i < m->n; i++) log_mass[i] = -INFINITY;
    for (int e = 0; e < m->elements; e++) {
        coefficients(w, e, -1, -1);
        contract(w, e, (int[]){SQUARES, SQUARES, SQUARES});
        for (int q = 0; q < m->local; q++) {
            double *at = log_mass + m->node[(size_t)e * (size_t)m->local + (size_t)q];
            if (!(w->part[q] > 0)) return sg_fail(SG_SINGULAR, "p is too steep for the elements of the grid");
            const double more = m->top[e] + log(w->part[q]), high = fmax(*at, more), low = fmin(*at, more);
            *at = low == -INFINITY ? high : high + log1p(exp(low - high));
        }
    }
    for (int i = 0; i < m->n; i++) log_mass[i] *= 0.5;
    return SG_OK;
}

static void add_element(work *w, int e) {
    const sg_mesh *m = w->mesh;
    const int *node = m->node + (size_t)e * (size_t)m->local;
    double *root = w->c; /* no longer needed */
    for (int q = 0; q < m->local; q++) root[q] = exp(0.5 * m->top[e] - m->form.log_scale[node[q]]);
    for (int i = 0; i < m->local; i++)
        for (int j = 0; j <= i; j++) {
            const size_t at = (size_t)i * (size_t)m->local + (size_t)j;
            sg_sparse_add(m->form.a, node[i], node[j], w->k[at] * root[i] * root[j]);
            sg_sparse_add(m->form.m, node[i], node[j], w->m[at] * root[i] * root[j]);
        }
}

sg_status sg_mesh_assemble(sg_mesh *m, size_t memory) {
    const size_t entries = (size_t)m->elements * (size_t)m->local * ((size_t)m->local + 1) / 2;
    work *w = NULL;
    if (2 * entries * (sizeof(double) + 2 * sizeof(int)) > memory)
        return sg_fail(SG_NO_MEMORY,
                       "the matrices of %d elements of %d nodes take more than %zu MiB: allow more memory "
                       "or a lower order",
                       m->elements, m->local, memory >> 20);
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status) return status;
    w->mesh = m;
    if ((status = make_tables(w)) || (status = take(w))) goto out;
    if ((status = sg_new(&m->form.log_scale, (size_t)m->n, sizeof(double)))) goto out;
    if ((status = sg_sparse_new(m->n, entries, &m->form.a))) goto out;
    if ((status = sg_sparse_new(m->n, entries, &m->form.m))) goto out;
    if ((status = scales(w))) goto out;
    for (int e = 0; e < m->elements; e++) {
        element_matrices(w, e);
        add_element(w, e);
    }
    if ((status = sg_sparse_close(m->form.a))) goto out;
    status = sg_sparse_close(m->form.m);
out:
    sg_delete(w->tables);
    sg_delete(w->c);
    sg_delete(w->k);
    sg_delete(w);
    return status;
}
