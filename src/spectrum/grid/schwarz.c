#include "schwarz.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "lanczos.h"

enum { COARSE = 2 };

typedef struct {
    const sg_mesh *fine;
    sg_mesh *coarse;
    int width;      /* coarse basis functions that are not 0 at a node */
    int *column;    /* [fine nodes][width] */
    double *weight; /* [fine nodes][width], between the scaled variables */
    double *factor; /* [elements][local][local] */
    double *r, *c, *x;
} levels;

/* Values of the coarse basis of element e at its fine node q. */
static void embed(const levels *l, int e, int q) {
    const sg_mesh *f = l->fine, *g = l->coarse;
    const int node = f->node[(size_t)e * (size_t)f->local + (size_t)q];
    double value[SG_DIM][COARSE + 1], slope[COARSE + 1];
    for (int a = 0, rest = q; a < f->d; rest /= f->nodes[a++])
        sg_lagrange_fill(g->nodes[a] - 1, sg_mesh_side(g, e, a)->node, 1,
                         sg_mesh_side(f, e, a)->node + rest % f->nodes[a], value[a], slope);
    for (int k = 0; k < l->width; k++) {
        double product = 1;
        const int to = g->node[(size_t)e * (size_t)g->local + (size_t)k];
        for (int a = 0, rest = k; a < f->d; rest /= g->nodes[a++]) product *= value[a][rest % g->nodes[a]];
        const size_t at = (size_t)node * (size_t)l->width + (size_t)k;
        l->column[at] = to;
        l->weight[at] = product == 0 ? 0 : product * exp(f->form.log_scale[node] - g->form.log_scale[to]);
    }
}

static sg_status make_coarse(levels *l, const sg_grid_problem *problem, const sg_frame *frame, const uint8_t *keep,
                             double shift, size_t memory) {
    const sg_mesh *f = l->fine;
    sg_partition_of_box *slabs = NULL;
    sg_status status = sg_new(&slabs, 1, sizeof *slabs);
    if (status) return status;
    *slabs = f->slabs;
    for (int a = 0; a < f->d; a++) slabs->order[a] = f->nodes[a] - 1 < COARSE ? f->nodes[a] - 1 : COARSE;
    status = sg_mesh_new(problem, frame, slabs, keep, 0, memory, &l->coarse);
    sg_delete(slabs);
    if (status) return status;
    l->width = l->coarse->local;
    const size_t size = (size_t)f->n * (size_t)l->width;
    if ((status = sg_new(&l->column, size, sizeof(int)))) return status;
    if ((status = sg_new(&l->weight, size, sizeof(double)))) return status;
    for (int e = 0; e < f->elements; e++)
        for (int q = 0; q < f->local; q++) embed(l, e, q);
    return sg_sparse_factor(l->coarse->form.a, shift, l->coarse->form.m, 0, NULL, memory);
}

static sg_status make_locals(levels *l, double shift, size_t memory) {
    const sg_mesh *f = l->fine;
    const size_t local = (size_t)f->local, size = local * local;
    double *mass = NULL;
    if (size * (size_t)f->elements * sizeof(double) > memory)
        return sg_fail(SG_NO_MEMORY, "the factors of %d elements of %d nodes take more than %zu MiB: allow more memory",
                       f->elements, f->local, memory >> 20);
    sg_status status = sg_new(&l->factor, size * (size_t)f->elements, sizeof(double));
    if (!status) status = sg_new(&mass, size, sizeof(double));
    for (int e = 0; e < f->elements && !status; e++) {
        double *a = l->factor + size * (size_t)e;
        const int *node = f->node + local * (size_t)e;
        if ((status = sg_sparse_block(f->form.a, f->local, node, a))) break;
        if ((status = sg_sparse_block(f->form.m, f->local, node, mass))) break;
        for (size_t i = 0; i < size; i++) a[i] += shift * mass[i];
        if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', f->local, a, f->local))
            status = sg_fail(SG_SINGULAR,
                             "the matrix of an element of order %d is not positive definite to working "
                             "precision",
                             f->local);
    }
    sg_delete(mass);
    return status;
}

static sg_status precondition(void *context, int columns, double *x) {
    const levels *l = context;
    const sg_mesh *f = l->fine;
    const int width = l->width, local = f->local;
    for (int k = 0; k < columns; k++, x += f->n) {
        memcpy(l->r, x, (size_t)f->n * sizeof *x);
        memset(l->c, 0, (size_t)l->coarse->n * sizeof *x);
        for (int i = 0; i < f->n; i++)
            for (int j = i * width; j < (i + 1) * width; j++) l->c[l->column[j]] += l->weight[j] * x[i];
        sg_status status = sg_sparse_solve(l->coarse->form.a, 1, l->c, l->c);
        if (status) return status;
        for (int i = 0; i < f->n; i++) {
            x[i] = 0;
            for (int j = i * width; j < (i + 1) * width; j++) x[i] += l->weight[j] * l->c[l->column[j]];
        }
        for (int e = 0; e < f->elements; e++) {
            const int *node = f->node + (size_t)e * (size_t)local;
            for (int q = 0; q < local; q++) l->x[q] = l->r[node[q]];
            (void)LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', local, 1,
                                      l->factor + (size_t)e * (size_t)local * (size_t)local, local, l->x, local);
            for (int q = 0; q < local; q++) x[node[q]] += l->x[q];
        }
    }
    return SG_OK;
}

sg_status sg_schwarz_lobpcg(const sg_grid_problem *problem, const sg_frame *frame, const uint8_t *keep,
                            const sg_mesh *mesh, double shift, int count, size_t memory, double tol,
                            const volatile int *stop, double *value, double *function) {
    levels l = {.fine = mesh};
    sg_status status = make_coarse(&l, problem, frame, keep, shift, memory);
    if (!status) status = make_locals(&l, shift, memory);
    if (!status) status = sg_new(&l.r, (size_t)mesh->n + (size_t)l.coarse->n + (size_t)mesh->local, sizeof(double));
    if (status) goto out;
    l.c = l.r + mesh->n;
    l.x = l.c + l.coarse->n;
    status = sg_lobpcg(&mesh->form, precondition, &l, count, tol, stop, value, function);
out:
    sg_mesh_delete(l.coarse);
    sg_delete(l.column);
    sg_delete(l.weight);
    sg_delete(l.factor);
    sg_delete(l.r);
    return status;
}
