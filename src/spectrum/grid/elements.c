/* Meshes: which elements, nodes and points there are, and p at the points. */
#include "elements.h"

#include <math.h>
#include <string.h>

/* -------------------------------------------------------------------- nodes */

static sg_status list_elements(sg_mesh *m, const uint8_t *keep) {
    const int *c = m->slabs.count;
    for (int i = 0; i < c[0] * c[1] * c[2]; i++) m->elements += keep[i] != 0;
    if (m->elements == 0) return sg_fail(SG_REFUSED, "no element of the grid holds any of the law");
    sg_status status = sg_new(&m->element, (size_t)m->elements * SG_DIM, sizeof(int));
    for (int i = 0, at = 0; !status && i < c[0] * c[1] * c[2]; i++)
        if (keep[i]) {
            m->element[at++] = i % c[0];
            m->element[at++] = i / c[0] % c[1];
            m->element[at++] = i / c[0] / c[1];
        }
    return status;
}

/* Numbers the nodes in the order in which elements meet them; nodes on common faces are one. */
static sg_status number_nodes(sg_mesh *m) {
    size_t stride[SG_DIM], all = 1;
    int *number = NULL;
    for (int a = 0; a < m->d; a++) {
        stride[a] = all;
        all *= (size_t)m->slabs.count[a] * (size_t)(m->nodes[a] - 1) + 1;
    }
    sg_status status = sg_new(&number, all, sizeof(int));
    if (!status) status = sg_new(&m->node, (size_t)m->elements * (size_t)m->local, sizeof(int));
    for (int e = 0; !status && e < m->elements; e++)
        for (int q = 0; q < m->local; q++) {
            size_t at = 0;
            for (int a = 0, rest = q; a < m->d; rest /= m->nodes[a++])
                at += stride[a] * (size_t)(m->element[e * SG_DIM + a] * (m->nodes[a] - 1) + rest % m->nodes[a]);
            if (number[at] == 0) number[at] = ++m->n;
            m->node[e * m->local + q] = number[at] - 1;
        }
    sg_delete(number);
    return status;
}

/* ------------------------------------------------------------------- points */

/* Enough for p times the product of two basis functions, and `more`. */
static int points_of(const sg_mesh *m, int a, int slab, int more) {
    const int needed = (m->slabs.degree[a][slab] + 2 * m->nodes[a]) / 2, least = m->nodes[a] + 1;
    const int points = (needed > least ? needed : least) + more;
    return points < SG_POINTS ? points : SG_POINTS;
}

static sg_status make_sides(sg_mesh *m, int more) {
    static const sg_side beyond = {.points = 1, .half = 1, .weight = {1}};
    for (int a = 0; a < SG_DIM; a++) {
        sg_status status = sg_new(&m->side[a], (size_t)m->slabs.count[a], sizeof(sg_side));
        if (status) return status;
        for (int k = 0; k < m->slabs.count[a]; k++) {
            sg_side *s = m->side[a] + k;
            *s = beyond;
            if (a >= m->d) continue;
            s->half = 0.5 * (m->slabs.edge[a][k + 1] - m->slabs.edge[a][k]);
            s->points = points_of(m, a, k, more);
            sg_gauss_fill(s->points, s->point, s->weight);
            for (int q = 0; q < s->points; q++) s->weight[q] *= s->half;
        }
    }
    return SG_OK;
}

static sg_status count_points(sg_mesh *m) {
    sg_status status = sg_new(&m->first, (size_t)m->elements + 1, sizeof(size_t));
    for (int e = 0; !status && e < m->elements; e++) {
        size_t points = 1;
        for (int a = 0; a < SG_DIM; a++) points *= (size_t)sg_mesh_side(m, e, a)->points;
        m->first[e + 1] = m->first[e] + points;
        if (points > m->most_points) m->most_points = points;
    }
    return status;
}

static bool positive(const double *t, int d, size_t stride, size_t i) {
    double l[SG_PACKED];
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = t[(size_t)(a * (a + 1) / 2 + b) * stride + i];
            for (int c = 0; c < b; c++) sum -= l[a * (a + 1) / 2 + c] * l[b * (b + 1) / 2 + c];
            if (a == b && !(sum > 0 && isfinite(sum))) return false;
            l[a * (a + 1) / 2 + b] = a == b ? sqrt(sum) : sum / l[b * (b + 1) / 2 + b];
        }
    return true;
}

static sg_status check_points(sg_mesh *m, int e, const double *u, const double *tensor) {
    const size_t count = m->first[e + 1] - m->first[e];
    const double *log_p = m->log_p + m->first[e];
    m->top[e] = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double y = m->d > 1 ? u[count + i] : 0;
        if (log_p[i] == INFINITY || isnan(log_p[i]))
            return sg_fail(SG_REFUSED, "log p is %g at (%g, %g, ..): take a smaller box", log_p[i], u[i], y);
        m->top[e] = fmax(m->top[e], log_p[i]);
        if (tensor && log_p[i] > -INFINITY && !positive(tensor, m->d, count, i))
            return sg_fail(SG_REFUSED, "the diffusion matrix is not positive definite at (%g, %g, ..)", u[i], y);
        for (int a = 0; tensor && a < m->d; a++)
            for (int b = 0; b < a; b++)
                m->mixed |= fabs(tensor[(size_t)(a * (a + 1) / 2 + b) * count + i]) >
                            1e-15 * fabs(tensor[(size_t)(a * (a + 3) / 2) * count + i]);
    }
    if (m->top[e] == -INFINITY) return sg_fail(SG_REFUSED, "a part of the grid lies where p vanishes");
    return SG_OK;
}

void sg_mesh_points(const sg_mesh *m, int e, double *u) {
    const size_t count = m->first[e + 1] - m->first[e];
    for (size_t i = 0; i < count; i++)
        for (size_t a = 0, rest = i; a < (size_t)m->d; a++) {
            const sg_side *s = sg_mesh_side(m, e, (int)a);
            const double *edge = m->slabs.edge[a] + m->element[e * SG_DIM + (int)a];
            const double t = s->point[rest % (size_t)s->points];
            u[a * count + i] = 0.5 * ((1 - t) * edge[0] + (1 + t) * edge[1]);
            rest /= (size_t)s->points;
        }
}

static sg_status evaluate(const sg_grid_problem *problem, const sg_frame *frame, sg_mesh *m) {
    const size_t packed = (size_t)(m->d * (m->d + 1) / 2), all = m->first[m->elements];
    double *u = NULL;
    sg_status status = sg_new(&u, m->most_points * (size_t)m->d, sizeof(double));
    if (!status) status = sg_new(&m->log_p, all, sizeof(double));
    if (!status) status = sg_new(&m->top, (size_t)m->elements, sizeof(double));
    if (!status && problem->diffusion) status = sg_new(&m->tensor, all * packed, sizeof(double));
    for (int e = 0; !status && e < m->elements; e++) {
        double *tensor = m->tensor ? m->tensor + packed * m->first[e] : NULL;
        sg_mesh_points(m, e, u);
        sg_frame_evaluate(frame, problem, (int)(m->first[e + 1] - m->first[e]), u, m->log_p + m->first[e], tensor);
        status = check_points(m, e, u, tensor);
    }
    sg_delete(u);
    return status;
}

/* ------------------------------------------------------------------- tables */

/* For one direction: log of p along each slab, the mean of its elements, each relative to its largest. */
static void add_marginals(const sg_mesh *m, int e, int a, double *sum) {
    int step = 1;
    for (int b = 0; b < a; b++) step *= sg_mesh_side(m, e, b)->points;
    const int points = sg_mesh_side(m, e, a)->points;
    const double *log_p = m->log_p + m->first[e];
    for (size_t i = 0; i < m->first[e + 1] - m->first[e]; i++)
        sum[i / (size_t)step % (size_t)points] += exp(log_p[i] - m->top[e]);
}

static sg_status choose_nodes(sg_mesh *m) {
    double *sum = NULL;
    sg_status status = sg_new(&sum, SG_SLABS * SG_POINTS, sizeof(double));
    for (int a = 0; a < m->d && !status; a++) {
        memset(sum, 0, SG_SLABS * SG_POINTS * sizeof *sum);
        for (int e = 0; e < m->elements; e++) add_marginals(m, e, a, sum + m->element[e * SG_DIM + a] * SG_POINTS);
        for (int k = 0; k < m->slabs.count[a]; k++) {
            sg_side *s = m->side[a] + k;
            double *log_w = sum + k * SG_POINTS;
            for (int q = 0; q < s->points; q++) log_w[q] = log(fmax(log_w[q], 1e-300));
            sg_fekete_fill(m->nodes[a] - 1, s->points, s->point, log_w, s->node);
        }
    }
    sg_delete(sum);
    return status;
}

static sg_status make_tables(sg_mesh *m) {
    size_t room = 0;
    for (int a = 0; a < SG_DIM; a++)
        for (int k = 0; k < m->slabs.count[a]; k++) room += 2 * (size_t)m->side[a][k].points * (size_t)m->nodes[a];
    sg_status status = sg_new(&m->tables, room, sizeof(double));
    double *at = m->tables;
    for (int a = 0; a < SG_DIM && !status; a++)
        for (int k = 0; k < m->slabs.count[a]; k++) {
            sg_side *s = m->side[a] + k;
            const int size = s->points * m->nodes[a];
            s->value = at;
            s->slope = at + size;
            at += 2 * size;
            sg_lagrange_fill(m->nodes[a] - 1, s->node, s->points, s->point, s->value, s->slope);
            for (int i = 0; i < size; i++) s->slope[i] /= s->half;
        }
    return status;
}

/* ---------------------------------------------------------------------- mesh */

static sg_status take_scratch(sg_mesh *m) {
    const size_t widest = m->most_points > (size_t)m->local ? m->most_points : (size_t)m->local;
    return sg_new(&m->scratch, 12 * widest, sizeof(double));
}

sg_status sg_mesh_new(const sg_grid_problem *problem, const sg_frame *frame, const sg_partition_of_box *slabs,
                      const uint8_t *keep, int lower, size_t memory, sg_mesh **mesh) {
    sg_mesh *m = NULL;
    *mesh = NULL;
    sg_status status = sg_new(&m, 1, sizeof *m);
    if (status) return status;
    m->d = problem->d;
    m->slabs = *slabs;
    m->local = 1;
    for (int a = 0; a < SG_DIM; a++) {
        m->nodes[a] = a >= m->d ? 1 : slabs->order[a] > lower ? slabs->order[a] - lower + 1 : 2;
        m->local *= m->nodes[a];
    }
    if ((status = list_elements(m, keep)) || (status = number_nodes(m))) goto out;
    if ((status = make_sides(m, 0)) || (status = count_points(m))) goto out;
    if ((status = evaluate(problem, frame, m))) goto out;
    if ((status = choose_nodes(m)) || (status = make_tables(m)) || (status = take_scratch(m))) goto out;
    m->form.n = m->n;
    m->form.energy = sg_mesh_energy;
    m->form.context = m;
    status = sg_mesh_assemble(m, memory);
out:
    if (status)
        sg_mesh_delete(m);
    else
        *mesh = m;
    return status;
}

sg_status sg_mesh_finer(const sg_grid_problem *problem, const sg_frame *frame, const sg_mesh *mesh, int more,
                        sg_mesh **finer) {
    sg_mesh *m = NULL;
    *finer = NULL;
    sg_status status = sg_new(&m, 1, sizeof *m);
    if (status) return status;
    m->d = mesh->d, m->slabs = mesh->slabs;
    memcpy(m->nodes, mesh->nodes, sizeof m->nodes);
    m->n = mesh->n, m->elements = mesh->elements, m->local = mesh->local;
    if ((status = sg_new(&m->element, (size_t)m->elements * SG_DIM, sizeof(int)))) goto out;
    if ((status = sg_new(&m->node, (size_t)m->elements * (size_t)m->local, sizeof(int)))) goto out;
    memcpy(m->element, mesh->element, (size_t)m->elements * SG_DIM * sizeof(int));
    memcpy(m->node, mesh->node, (size_t)m->elements * (size_t)m->local * sizeof(int));
    if ((status = make_sides(m, more)) || (status = count_points(m))) goto out;
    for (int a = 0; a < m->d; a++)
        for (int k = 0; k < m->slabs.count[a]; k++)
            memcpy(m->side[a][k].node, mesh->side[a][k].node, sizeof mesh->side[a][k].node);
    if ((status = evaluate(problem, frame, m))) goto out;
    if ((status = make_tables(m)) || (status = take_scratch(m))) goto out;
out:
    if (status)
        sg_mesh_delete(m);
    else
        *finer = m;
    return status;
}

void sg_mesh_delete(sg_mesh *m) {
    if (!m) return;
    sg_sparse_delete(m->form.a);
    sg_sparse_delete(m->form.m);
    sg_delete(m->form.log_scale);
    for (int a = 0; a < SG_DIM; a++) sg_delete(m->side[a]);
    sg_delete(m->tables);
    sg_delete(m->element);
    sg_delete(m->node);
    sg_delete(m->first);
    sg_delete(m->log_p);
    sg_delete(m->tensor);
    sg_delete(m->top);
    sg_delete(m->scratch);
    sg_delete(m);
}
