/* Eigenvalues on one set of elements. */
#include <math.h>
#include <string.h>

#include "border.h"
#include "lanczos.h"
#include "schwarz.h"
#include "work.h"

enum { GROWTHS = 12, FINER = 6 };
static const double ROUNDING = 1e-11; /* relative: what was seen on barriers of 20 to 500 is half of it */
static const double LOST = 1e-2;      /* by which fluxes and Rayleigh quotient may differ */
static const double NOISE = 1e-31;    /* energy of the rounding errors of a function, to the norm of the matrix */

/* On elements of one degree. */
typedef struct {
    double log_value[SG_GRID_MOST], noise[SG_GRID_MOST], quadrature[SG_GRID_MOST]; /* what finer quadrature changes */
    int count, slow, grown;
    double left_out, ends;
    double *share;    /* [points] of mass or energy, the largest of all modes; gone after sg_border_grow */
    double *function; /* [count][n]; likewise */
} solution;

/* The element that holds a point. */
static int element_at(const sg_mesh *m, const double *u) {
    for (int e = 0; e < m->elements; e++) {
        bool inside = true;
        for (int a = 0; a < m->d; a++) {
            const double *edge = m->slabs.edge[a] + m->element[e * SG_DIM + a];
            inside &= u[a] >= edge[0] && u[a] <= edge[1];
        }
        if (inside) return e;
    }
    return -1;
}

/* The node of highest density on the element of the well. */
static sg_status node_of_well(const sg_grid_work *w, const sg_mesh *m, int cell, int *node) {
    double at[SG_DIM], *u = NULL, best = -INFINITY;
    sg_cells_centre(&w->scout->cells, cell, at);
    const int e = element_at(m, at);
    const size_t local = (size_t)m->local;
    *node = -1;
    if (e < 0) return SG_OK;
    sg_status status = sg_new(&u, local * ((size_t)m->d + 1), sizeof(double));
    if (status) return status;
    double *log_p = u + local * (size_t)m->d;
    for (size_t q = 0; q < local; q++)
        for (size_t a = 0, rest = q; a < (size_t)m->d; rest /= (size_t)m->nodes[a++]) {
            const double *edge = m->slabs.edge[a] + m->element[e * SG_DIM + (int)a];
            const double t = sg_mesh_side(m, e, (int)a)->node[rest % (size_t)m->nodes[a]];
            u[a * local + q] = 0.5 * ((1 - t) * edge[0] + (1 + t) * edge[1]);
        }
    sg_frame_evaluate(&w->scout->frame, w->problem, m->local, u, log_p, NULL);
    for (size_t q = 0; q < local; q++)
        if (log_p[q] > best) best = log_p[q], *node = m->node[(size_t)e * local + q];
    sg_delete(u);
    return SG_OK;
}

static sg_status slow_values(const sg_grid_work *w, sg_mesh *m, solution *out) {
    sg_capacity c = {0};
    int well[SG_WELLS], wells = 0;
    sg_status status = SG_OK;
    for (int k = 0; k < w->scout->wells.count && !status; k++) {
        int node, known = 0;
        status = node_of_well(w, m, w->scout->wells.cell[k], &node);
        for (int j = 0; j < wells; j++) known |= well[j] == node;
        if (!known && node >= 0) well[wells++] = node;
    }
    if (status || wells < 2) return status;
    status = sg_capacity_solve(&m->form, wells, well, w->scout->wells.pass, w->s.memory, &c);
    out->slow = c.count < out->count ? c.count : out->count;
    if (!status) memcpy(out->function, c.function, (size_t)out->slow * (size_t)m->n * sizeof(double));
    for (int k = 0; k < out->slow && !status; k++) {
        out->log_value[k] = sg_mesh_log_quotient(m, c.shift, out->function + (size_t)k * (size_t)m->n);
        out->noise[k] = fabs(expm1(c.log_value[k] - out->log_value[k]));
        if (!(out->noise[k] < LOST))
            status = sg_fail(SG_SINGULAR, "slow mode %d of the grid is lost in rounding errors: take smaller elements",
                             k + 1);
    }
    sg_capacity_clear(&c);
    return status;
}

static sg_status fast_values(const sg_grid_work *w, sg_mesh *m, solution *out) {
    const size_t n = (size_t)m->n;
    const double rough = exp(w->scout->log_value[out->slow < w->scout->count ? out->slow : 0]);
    double *function = NULL, value[SG_GRID_MOST];
    sg_status status = sg_new(&function, (size_t)out->count * n, sizeof(double));
    if (status) return status;
    const double shift = fmax(0.1 * rough, 1e-15 * sg_sparse_norm(m->form.a));
    status = w->lobpcg ? sg_schwarz_lobpcg(w->problem, &w->scout->frame, w->keep, m, shift, out->count, w->s.memory,
                                           1e-3 * w->s.tol, w->s.stop, value, function)
                       : sg_lanczos(&m->form, shift, out->count, w->s.memory, w->s.stop, value, function);
    for (int k = out->slow; k < out->count && !status; k++) {
        const double *f = function + (size_t)k * n;
        out->log_value[k] = sg_mesh_log_quotient(m, 0, f);
        out->noise[k] = NOISE * sg_sparse_norm(m->form.a) / exp(out->log_value[k]) + (w->lobpcg ? 1e-2 * w->s.tol : 0);
        memcpy(out->function + (size_t)k * n, f, n * sizeof(double));
    }
    sg_delete(function);
    return status;
}

static double shift_of(const sg_grid_work *w, const solution *s, int mode) {
    return mode < s->slow ? w->scout->wells.pass : 0;
}

/* What each point holds of the mass, and of the variance and energy of each mode. */
static sg_status shares(const sg_grid_work *w, const sg_mesh *m, solution *out) {
    double *part = NULL;
    sg_status status = sg_new(&part, m->first[m->elements], sizeof(double));
    if (status) return status;
    sg_border_mass(m, NULL, part, out->share);
    for (int k = 0; k < out->count; k++) {
        const double *f = out->function + (size_t)k * (size_t)m->n;
        sg_border_mass(m, f, part, out->share);
        sg_border_energy(m, shift_of(w, out, k), f, part, out->share);
    }
    sg_delete(part);
    return SG_OK;
}

/* What elements of two degrees less would miss, slab by slab. */
static void roughness(sg_grid_work *w, const sg_mesh *m, const solution *s) {
    memset(w->rough, 0, sizeof w->rough);
    for (int k = 0; k < s->count; k++) {
        const double *f = s->function + (size_t)k * (size_t)m->n, shift = shift_of(w, s, k);
        const double energy = sg_mesh_energy(m, shift, f, f);
        double part[SG_DIM][SG_SLABS] = {{0}};
        for (int e = 0; e < m->elements; e++)
            for (int a = 0; a < m->d; a++)
                part[a][m->element[e * SG_DIM + a]] += sg_mesh_top_energy(m, e, a, shift, f) / energy;
        for (int a = 0; a < m->d; a++)
            for (int i = 0; i < m->slabs.count[a]; i++) w->rough[a][i] = fmax(w->rough[a][i], part[a][i]);
    }
}

/* Rayleigh quotients by finer quadrature. */
static sg_status verify(const sg_grid_work *w, const sg_mesh *m, solution *out) {
    sg_mesh *finer = NULL;
    sg_status status = sg_mesh_finer(w->problem, &w->scout->frame, m, FINER, &finer);
    for (int k = 0; k < out->count && !status; k++) {
        const double *f = out->function + (size_t)k * (size_t)m->n, shift = shift_of(w, out, k);
        const double coarse = sg_mesh_log_quotient(m, shift, f), fine = sg_mesh_log_quotient(finer, shift, f);
        out->quadrature[k] = fabs(expm1(fine - coarse));
        out->log_value[k] = fine;
    }
    if (!status && w->coefficient)
        status = sg_mesh_coefficients(w->problem, &w->scout->frame, finer, out->count, out->function, w->coefficient);
    sg_mesh_delete(finer);
    return status;
}

/* Whether the factor fits.  Where the eigenvalues are too small for LOBPCG it must. */
static sg_status choose(sg_grid_work *w, sg_mesh *m, bool metastable) {
    size_t bytes;
    w->lobpcg = w->s.method == SG_GRID_LOBPCG;
    if (w->s.method != SG_GRID_AUTO) return SG_OK;
    sg_status status = sg_sparse_factor_bytes(m->form.a, &bytes);
    if (status || bytes <= w->s.memory) return status;
    const double ratio = exp(w->scout->log_value[0]);
    w->lobpcg = !metastable || ratio > 1e-4;
    return SG_OK;
}

static sg_status solve(sg_grid_work *w, int lower, bool last, solution *out) {
    sg_mesh *m = NULL;
    const bool metastable = w->s.method == SG_GRID_METASTABLE || (w->s.method == SG_GRID_AUTO && w->scout->slow > 0);
    *out = (solution){.slow = 0};
    sg_status status = sg_mesh_new(w->problem, &w->scout->frame, &w->slabs, w->keep, lower, w->s.memory, &m);
    if (status) return status;
    out->count = w->s.count < m->n - 2 ? w->s.count : m->n - 2;
    if ((status = sg_new(&out->share, m->first[m->elements], sizeof(double)))) goto out;
    if ((status = sg_new(&out->function, (size_t)out->count * (size_t)m->n, sizeof(double)))) goto out;
    if ((status = choose(w, m, metastable))) goto out;
    if (metastable && !w->lobpcg && (status = slow_values(w, m, out))) goto out;
    if (out->slow < out->count && (status = fast_values(w, m, out))) goto out;
    if ((status = shares(w, m, out))) goto out;
    if (last && (status = verify(w, m, out))) goto out;
    if (last) roughness(w, m, out);
    out->left_out = sg_border_grow(m, out->share, 1e-2 * w->s.tol, w->keep, &out->grown, &out->ends);
    w->unknowns = m->n;
    w->solves++;
out:
    sg_delete(out->share);
    sg_delete(out->function);
    sg_mesh_delete(m);
    return status;
}

/*
 * Relative error of the highest order.  From two orders: what they differ by, though the higher is much better.  From
 * three, as in three dimensions, where every node is dear: once they converge, the last difference times four times the
 * factor by which it has fallen, but no less than a fifth of it.
 */
static double order_error(int orders, const double *log_value) {
    const double last = fabs(expm1(log_value[orders - 2] - log_value[orders - 1]));
    if (orders < 3 || !(last < 1e-3)) return last;
    const double before = fabs(expm1(log_value[0] - log_value[1]));
    return last * fmin(1, fmax(0.2, 4 * last / before));
}

/* Where the solution says that elements are missing they are added and it starts again. */
sg_status sg_grid_solve(sg_grid_work *w) {
    const int orders = w->problem->d == 3 ? 3 : 2;
    solution at[3];
    double value[3];
    sg_status status = SG_OK;
    for (int k = 0, growths = 0; k < orders && !status; k++) {
        status = solve(w, 2 * (orders - 1 - k), k == orders - 1, &at[k]);
        if (!status && at[k].grown && growths++ < GROWTHS) k = -1;
    }
    if (status) return status;
    const solution *last = &at[orders - 1];
    for (int k = 0; k < last->count; k++)
        if (!isfinite(last->log_value[k]))
            return sg_fail(SG_SINGULAR, "eigenfunction %d of the grid is not finite: take other elements", k + 1);
    w->count = last->count;
    w->slow = last->slow;
    for (int k = 0; k < w->count; k++) {
        for (int j = 0; j < orders; j++) value[j] = at[j].log_value[k];
        w->log_value[k] = last->log_value[k];
        w->error[k] = order_error(orders, value) + last->left_out + last->quadrature[k] + ROUNDING;
        w->error[k] += last->noise[k];
        if (!isfinite(w->error[k]) || w->unresolved) w->error[k] = INFINITY;
    }
    w->left_out = last->left_out;
    w->ends = last->ends;
    w->log_upper = last->log_value[0] + log1p(last->left_out + last->quadrature[0] + ROUNDING);
    return SG_OK;
}
