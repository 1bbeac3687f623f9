#include "elements.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 256, PACKED = SG_DIM * (SG_DIM + 1) / 2 };
static const double STEEPEST = 20; /* what log p may fall by on an element: more would make its matrix singular */

/* ------------------------------------------------------------------- frames */

static void turn_points(const sg_frame *f, int d, int n, const double *u, int stride, double *x) {
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int b = 0; b < d; b++) sum += f->turn[a][b] * u[(size_t)b * (size_t)stride + (size_t)i];
            x[a * n + i] = f->turned ? sum : u[(size_t)a * (size_t)stride + (size_t)i];
        }
}

/* turn' D turn at each point, in place. */
static void turn_tensor(const sg_frame *f, int d, int n, double *tensor) {
    double full[SG_DIM][SG_DIM], half[SG_DIM][SG_DIM];
    for (int i = 0; i < n; i++) {
        for (int a = 0; a < d; a++)
            for (int b = 0; b <= a; b++) full[a][b] = full[b][a] = tensor[(a * (a + 1) / 2 + b) * n + i];
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++) {
                half[a][b] = 0;
                for (int c = 0; c < d; c++) half[a][b] += full[a][c] * f->turn[c][b];
            }
        for (int a = 0; a < d; a++)
            for (int b = 0; b <= a; b++) {
                double sum = 0;
                for (int c = 0; c < d; c++) sum += f->turn[c][a] * half[c][b];
                tensor[(a * (a + 1) / 2 + b) * n + i] = sum;
            }
    }
}

static bool in_box(const sg_grid_problem *p, int n, const double *x, int i) {
    for (int a = 0; a < p->d; a++) {
        const double slack = 1e-12 * (p->hi[a] - p->lo[a]);
        if (!(x[a * n + i] >= p->lo[a] - slack && x[a * n + i] <= p->hi[a] + slack)) return false;
    }
    return true;
}

void sg_frame_evaluate(const sg_frame *frame, const sg_grid_problem *problem, int n, const double *u, double *log_p,
                       double *diffusion) {
    double x[SG_DIM * CHUNK], tensor[PACKED * CHUNK];
    const int d = problem->d, packed = d * (d + 1) / 2;
    for (int first = 0; first < n; first += CHUNK) {
        const int count = n - first < CHUNK ? n - first : CHUNK;
        turn_points(frame, d, count, u + first, n, x);
        problem->log_p(problem->context, count, x, log_p + first);
        for (int i = 0; i < count; i++) {
            log_p[first + i] -= frame->top;
            if (frame->turned && !in_box(problem, count, x, i)) log_p[first + i] = -INFINITY;
        }
        if (!diffusion) continue;
        problem->diffusion(problem->context, count, x, tensor);
        if (frame->turned) turn_tensor(frame, d, count, tensor);
        for (int k = 0; k < packed; k++)
            memcpy(diffusion + (size_t)k * (size_t)n + first, tensor + k * count, (size_t)count * sizeof(double));
    }
}

/* ---------------------------------------------------------------- quadrature */

/* Legendre polynomial and its derivative. */
static void legendre(int n, double t, double *p, double *slope) {
    double a = 1, b = t;
    for (int k = 2; k <= n; k++) {
        double c = ((2 * k - 1) * t * b - (k - 1) * a) / k;
        a = b;
        b = c;
    }
    *p = b;
    *slope = fabs(t) < 1 ? n * (a - t * b) / (1 - t * t) : 0.5 * n * (n + 1) * (n % 2 ? 1 : t);
}

void sg_lobatto_fill(int order, sg_lobatto *rule) {
    const int n = order;
    double p[SG_ORDER + 1], slope;
    rule->order = n;
    for (int j = 0; j <= n; j++) {
        double t = -cos(M_PI * j / n);
        for (int step = 0; j > 0 && j < n && step < 50; step++) { /* zeros of P_n' */
            legendre(n, t, &p[j], &slope);
            double change = slope * (1 - t * t) / (2 * t * slope - n * (n + 1) * p[j]);
            t -= change;
            if (fabs(change) < 1e-16) break;
        }
        if (2 * j == n) t = 0;
        rule->node[j] = t;
    }
    for (int j = 0; j <= n; j++) {
        legendre(n, rule->node[j], &p[j], &slope);
        rule->weight[j] = 2 / (n * (n + 1) * p[j] * p[j]);
    }
    for (int q = 0; q <= n; q++) {
        double sum = 0;
        for (int j = 0; j <= n; j++) {
            if (j == q) continue;
            rule->slope[q][j] = p[q] / (p[j] * (rule->node[q] - rule->node[j]));
            sum += rule->slope[q][j];
        }
        rule->slope[q][q] = -sum;
    }
}

/* -------------------------------------------------------------------- nodes */

static double half_width(const sg_mesh *m, int element, int a) {
    const int s = m->element[element * SG_DIM + a];
    return 0.5 * (m->slabs.edge[a][s + 1] - m->slabs.edge[a][s]);
}

/* Index of local node q in direction a. */
static int along(const sg_mesh *m, int q, int a) {
    const int side = m->rule.order + 1;
    for (; a > 0; a--) q /= side;
    return q % side;
}

static sg_status list_elements(sg_mesh *m, const uint8_t *keep) {
    const int *c = m->slabs.count;
    for (int i = 0; i < c[0] * c[1] * c[2]; i++) m->elements += keep[i] != 0;
    if (m->elements == 0) return sg_fail(SG_REFUSED, "no element of the grid holds any of the law");
    sg_status status = sg_new(&m->element, (size_t)m->elements * SG_DIM, sizeof(int));
    for (int k = 0, i = 0, at = 0; !status && k < c[2]; k++)
        for (int j = 0; j < c[1]; j++)
            for (int l = 0; l < c[0]; l++, i++)
                if (keep[i]) {
                    m->element[at++] = l;
                    m->element[at++] = j;
                    m->element[at++] = k;
                }
    return status;
}

/* Numbers the nodes in the order in which elements meet them; nodes on common faces are one. */
static sg_status number_nodes(sg_mesh *m) {
    const int d = m->d, order = m->rule.order;
    size_t side[SG_DIM] = {1, 1, 1};
    int *number = NULL;
    for (int a = 0; a < d; a++) side[a] = (size_t)m->slabs.count[a] * (size_t)order + 1;
    sg_status status = sg_new(&number, side[0] * side[1] * side[2], sizeof(int));
    if (!status) status = sg_new(&m->node, (size_t)m->elements * (size_t)m->local, sizeof(int));
    for (int e = 0; !status && e < m->elements; e++)
        for (int q = 0; q < m->local; q++) {
            size_t at = 0;
            for (int a = d - 1; a >= 0; a--)
                at = at * side[a] + (size_t)(m->element[e * SG_DIM + a] * order + along(m, q, a));
            if (number[at] == 0) number[at] = ++m->n;
            m->node[e * m->local + q] = number[at] - 1;
        }
    sg_delete(number);
    return status;
}

static void place_nodes(sg_mesh *m) {
    for (int e = 0; e < m->elements; e++)
        for (int q = 0; q < m->local; q++)
            for (int a = 0; a < m->d; a++) {
                const double *edge = m->slabs.edge[a] + m->element[e * SG_DIM + a];
                const int k = along(m, q, a);
                const double t = m->rule.node[k];
                m->u[(size_t)a * (size_t)m->n + (size_t)m->node[e * m->local + q]] =
                    k == 0               ? edge[0]
                    : k == m->rule.order ? edge[1]
                                         : 0.5 * ((1 - t) * edge[0] + (1 + t) * edge[1]);
            }
}

static bool positive(const double *t, int d, size_t n, size_t i) {
    double l[PACKED];
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = t[(size_t)(a * (a + 1) / 2 + b) * n + i];
            for (int c = 0; c < b; c++) sum -= l[a * (a + 1) / 2 + c] * l[b * (b + 1) / 2 + c];
            if (a == b && !(sum > 0 && isfinite(sum))) return false;
            l[a * (a + 1) / 2 + b] = a == b ? sqrt(sum) : sum / l[b * (b + 1) / 2 + b];
        }
    return true;
}

static sg_status check_nodes(sg_mesh *m) {
    for (size_t i = 0; i < (size_t)m->n; i++) {
        const double x = m->u[i], y = m->d > 1 ? m->u[(size_t)m->n + i] : 0;
        if (m->log_p[i] == INFINITY || isnan(m->log_p[i]))
            return sg_fail(SG_REFUSED, "log p is %g at (%g, %g, ..): take a smaller box", m->log_p[i], x, y);
        if (m->tensor && !positive(m->tensor, m->d, (size_t)m->n, i))
            return sg_fail(SG_REFUSED, "the diffusion matrix is not positive definite at (%g, %g, ..)", x, y);
        for (int a = 0; m->tensor && a < m->d; a++)
            for (int b = 0; b < a; b++) m->mixed |= m->tensor[(size_t)(a * (a + 1) / 2 + b) * (size_t)m->n + i] != 0;
    }
    return SG_OK;
}

/* Over and over, since an element raises those beside it. */
static sg_status raise(sg_mesh *m) {
    for (bool again = true; again;) {
        again = false;
        for (int e = 0; e < m->elements; e++) {
            const int *node = m->node + (size_t)e * (size_t)m->local;
            double top = -INFINITY;
            for (int q = 0; q < m->local; q++) top = fmax(top, m->log_p[node[q]]);
            if (top == -INFINITY) continue;
            for (int q = 0; q < m->local; q++)
                if (m->log_p[node[q]] < top - STEEPEST) {
                    m->log_p[node[q]] = top - STEEPEST;
                    m->raised[node[q]] = 1;
                    again = true;
                }
        }
    }
    for (int i = 0; i < m->n; i++)
        if (m->log_p[i] == -INFINITY) return sg_fail(SG_REFUSED, "a part of the grid lies where p vanishes");
    return SG_OK;
}

/* ----------------------------------------------------------------- matrices */

/* Quadrature weight of local node q, directions a and b left out (-1: none). */
static double weight_without(const sg_mesh *m, int e, int q, int skip, int skip_too) {
    double w = 1;
    for (int a = 0; a < m->d; a++)
        if (a != skip && a != skip_too) w *= m->rule.weight[along(m, q, a)] * half_width(m, e, a);
    return w;
}

static void masses(sg_mesh *m) {
    memset(m->log_mass, 0, (size_t)m->n * sizeof(double));
    for (int e = 0; e < m->elements; e++)
        for (int q = 0; q < m->local; q++) m->log_mass[m->node[e * m->local + q]] += weight_without(m, e, q, -1, -1);
    for (int i = 0; i < m->n; i++) m->log_mass[i] = m->log_p[i] + log(m->log_mass[i]);
}

static double tensor_at(const sg_mesh *m, int a, int b, int node) {
    if (!m->tensor) return a == b;
    const int row = a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
    return m->tensor[(size_t)row * (size_t)m->n + (size_t)node];
}

static double scaled(const sg_mesh *m, int q, int j, int k, double value) {
    return value * exp(m->log_p[q] - 0.5 * (m->log_mass[j] + m->log_mass[k]));
}

/* sum_q w_q D p l_j' l_k' along one line of nodes; `first` has index 0 in direction a. */
static void add_line(sg_mesh *m, int e, int a, int first, int step) {
    const int side = m->rule.order + 1, *node = m->node + (size_t)e * (size_t)m->local + first;
    const double other = weight_without(m, e, first, a, -1) / half_width(m, e, a);
    double at[SG_ORDER + 1], root[SG_ORDER + 1];
    double top = -INFINITY; /* of log p on the line: keeps every factor in range */
    for (int q = 0; q < side; q++) top = fmax(top, m->log_p[node[q * step]]);
    for (int q = 0; q < side; q++) {
        const int i = node[q * step];
        at[q] = other * m->rule.weight[q] * tensor_at(m, a, a, i) * exp(m->log_p[i] - top);
        root[q] = exp(0.5 * (top - m->log_mass[i]));
    }
    for (int j = 0; j < side; j++)
        for (int k = 0; k <= j; k++) {
            double sum = 0;
            for (int q = 0; q < side; q++) sum += at[q] * (m->rule.slope[q][j] * m->rule.slope[q][k]);
            sg_sparse_add(m->form.a, node[j * step], node[k * step], sum * root[j] * root[k]);
        }
}

/* The terms D_ab (d_a u d_b v + d_b u d_a v) of one element: nodes j and k meet at the corner that has the a-index of k
 * and the b-index of j. */
static void add_plane(sg_mesh *m, int e, int a, int b, int first, int step_a, int step_b) {
    const int side = m->rule.order + 1, *node = m->node + (size_t)e * (size_t)m->local + first;
    const double other = weight_without(m, e, first, a, b);
    for (int ja = 0; ja < side; ja++)
        for (int jb = 0; jb < side; jb++)
            for (int ka = 0; ka < side; ka++)
                for (int kb = 0; kb < side; kb++) {
                    const int j = node[ja * step_a + jb * step_b], k = node[ka * step_a + kb * step_b];
                    const int q = node[ka * step_a + jb * step_b];
                    const double w = other * m->rule.weight[ka] * m->rule.weight[jb] * tensor_at(m, a, b, q);
                    const double value = scaled(m, q, j, k, w * m->rule.slope[ka][ja] * m->rule.slope[jb][kb]);
                    sg_sparse_add(m->form.a, j, k, j == k ? 2 * value : value); /* its mirror is (k, j) */
                }
}

static int step_of(const sg_mesh *m, int a) {
    int step = 1;
    for (; a > 0; a--) step *= m->rule.order + 1;
    return step;
}

static sg_status assemble(sg_mesh *m) {
    const size_t side = (size_t)m->rule.order + 1, local = (size_t)m->local;
    size_t entries = (size_t)m->d * local * (side + 1) / 2;
    if (m->mixed) entries += (size_t)(m->d * (m->d - 1) / 2) * local * side * side;
    sg_status status = sg_sparse_new(m->n, entries * (size_t)m->elements, &m->form.a);
    if (status) return status;
    for (int e = 0; e < m->elements; e++)
        for (int q = 0; q < m->local; q++)
            for (int a = 0; a < m->d; a++) {
                if (along(m, q, a)) continue;
                add_line(m, e, a, q, step_of(m, a));
                for (int b = 0; m->mixed && b < a; b++)
                    if (!along(m, q, b)) add_plane(m, e, a, b, q, step_of(m, a), step_of(m, b));
            }
    return sg_sparse_close(m->form.a);
}

sg_status sg_mesh_new(const sg_grid_problem *problem, const sg_frame *frame, const sg_partition_of_box *slabs,
                      const uint8_t *keep, int order, sg_mesh **mesh) {
    const int d = problem->d, packed = d * (d + 1) / 2;
    sg_mesh *m = NULL;
    *mesh = NULL;
    sg_status status = sg_new(&m, 1, sizeof *m);
    if (status) return status;
    m->d = d;
    m->slabs = *slabs;
    sg_lobatto_fill(order, &m->rule);
    m->local = 1;
    for (int a = 0; a < d; a++) m->local *= order + 1;
    if ((status = list_elements(m, keep)) || (status = number_nodes(m))) goto out;
    if ((status = sg_new(&m->scratch, 2 * (size_t)m->local, sizeof(double)))) goto out;
    if ((status = sg_new(&m->nodal, (size_t)m->n, sizeof(double)))) goto out;
    if ((status = sg_new(&m->raised, (size_t)m->n, 1))) goto out;
    if ((status = sg_new(&m->u, (size_t)m->n * (size_t)d, sizeof(double)))) goto out;
    if ((status = sg_new(&m->log_p, (size_t)m->n, sizeof(double)))) goto out;
    if ((status = sg_new(&m->log_mass, (size_t)m->n, sizeof(double)))) goto out;
    if (problem->diffusion && (status = sg_new(&m->tensor, (size_t)m->n * (size_t)packed, sizeof(double)))) goto out;
    place_nodes(m);
    sg_frame_evaluate(frame, problem, m->n, m->u, m->log_p, m->tensor);
    if ((status = check_nodes(m)) || (status = raise(m))) goto out;
    masses(m);
    m->form.n = m->n;
    m->form.log_mass = m->log_mass;
    m->form.energy = sg_mesh_energy;
    m->form.context = m;
    status = assemble(m);
out:
    if (status)
        sg_mesh_delete(m);
    else
        *mesh = m;
    return status;
}

void sg_mesh_delete(sg_mesh *m) {
    if (!m) return;
    sg_sparse_delete(m->form.a);
    sg_delete(m->element);
    sg_delete(m->node);
    sg_delete(m->u);
    sg_delete(m->log_p);
    sg_delete(m->log_mass);
    sg_delete(m->tensor);
    sg_delete(m->scratch);
    sg_delete(m->nodal);
    sg_delete(m->raised);
    sg_delete(m);
}

/* The spectral matrix's own entry between nodes `at` and at + 1 of a line: where p falls steeply along it, the slope of
 * a basis function in the tail is felt where p is large. */
static double neighbour_entry(const sg_mesh *m, int a, const int *line, int at, double top) {
    double sum = 0;
    for (int q = 0; q <= m->rule.order; q++) {
        const int k = line[q * step_of(m, a)];
        const double dp = tensor_at(m, a, a, k) * exp(m->log_p[k] - top);
        sum += m->rule.weight[q] * dp * (m->rule.slope[q][at] * m->rule.slope[q][at + 1]);
    }
    return sum;
}

sg_status sg_mesh_coarse(const sg_mesh *m, sg_sparse **coarse) {
    const size_t per_element = 3 * (size_t)m->d * (size_t)m->local;
    sg_status status = sg_sparse_new(m->n, per_element * (size_t)m->elements, coarse);
    for (int e = 0; !status && e < m->elements; e++)
        for (int q = 0; q < m->local; q++)
            for (int a = 0; a < m->d; a++) {
                const int at = along(m, q, a), *node = m->node + (size_t)e * (size_t)m->local;
                if (at == m->rule.order) continue;
                const int i = node[q], j = node[q + step_of(m, a)];
                const double gap = (m->rule.node[at + 1] - m->rule.node[at]) * half_width(m, e, a);
                const double top = fmax(m->log_p[i], m->log_p[j]);
                const double mean = 0.5 * (tensor_at(m, a, a, i) * exp(m->log_p[i] - top) +
                                           tensor_at(m, a, a, j) * exp(m->log_p[j] - top));
                const double spectral = fabs(neighbour_entry(m, a, node + q - at * step_of(m, a), at, top));
                const double c = weight_without(m, e, q, a, -1) * fmax(mean / gap, spectral / half_width(m, e, a));
                const double ri = exp(0.5 * (top - m->log_mass[i])), rj = exp(0.5 * (top - m->log_mass[j]));
                sg_sparse_add(*coarse, i, i, c * ri * ri);
                sg_sparse_add(*coarse, j, j, c * rj * rj);
                sg_sparse_add(*coarse, i, j, -c * ri * rj);
            }
    if (!status) status = sg_sparse_close(*coarse);
    if (status) {
        sg_sparse_delete(*coarse);
        *coarse = NULL;
    }
    return status;
}

/* ------------------------------------------------------------------- energy */

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

static double slope_at(const sg_mesh *m, int e, const double *local, int q, int a) {
    const int at = along(m, q, a), step = step_of(m, a);
    const double *line = local + q - at * step;
    double sum = 0;
    for (int j = 0; j <= m->rule.order; j++) sum += m->rule.slope[at][j] * line[j * step];
    return sum / half_width(m, e, a);
}

void sg_mesh_energy_nodes(const sg_mesh *m, double shift, const double *u, const double *v, double *out) {
    double *local_u = m->scratch, *local_v = m->scratch + m->local;
    for (int e = 0; e < m->elements; e++) {
        if (!gather(m, e, u, local_u) || !gather(m, e, v, local_v)) continue;
        const int *node = m->node + (size_t)e * (size_t)m->local;
        for (int q = 0; q < m->local; q++) {
            double product = 0, du[SG_DIM], dv[SG_DIM];
            for (int a = 0; a < m->d; a++) {
                du[a] = slope_at(m, e, local_u, q, a);
                dv[a] = u == v ? du[a] : slope_at(m, e, local_v, q, a);
                product += tensor_at(m, a, a, node[q]) * du[a] * dv[a];
                for (int b = 0; m->mixed && b < a; b++)
                    product += tensor_at(m, a, b, node[q]) * (du[a] * dv[b] + du[b] * dv[a]);
            }
            out[node[q]] += weight_without(m, e, q, -1, -1) * exp(m->log_p[node[q]] - shift) * product;
        }
    }
}

double sg_mesh_energy(const void *mesh, double shift, const double *u, const double *v) {
    const sg_mesh *m = mesh;
    double total = 0;
    memset(m->nodal, 0, (size_t)m->n * sizeof(double));
    sg_mesh_energy_nodes(m, shift, u, v, m->nodal);
    for (int i = 0; i < m->n; i++) total += m->nodal[i];
    return total;
}
