#include "estimate/turned.h"

#include <math.h>
#include <string.h>

#include "scoregap/grid.h"

enum { WANT = SG_LOGP | SG_DXX | SG_DT | SG_DT_DX };
static const double FLATTENED = 10; /* temperature of the weights of a frame: they must not die out between points */
static const double SAME = 1e-9;

sg_status sg_turned_new(const sg_model *model, sg_turned **made) {
    sg_turned *t = NULL;
    const int d = model->space.d;
    *made = NULL;
    if (d < 1 || d > SG_BOUND_D)
        return sg_fail(SG_REFUSED, "%s has %d dimensions: at most %d are within reach", model->text, d, SG_BOUND_D);
    sg_status status = sg_new(&t, 1, sizeof *t);
    if (status) return status;
    t->model = model;
    t->d = d;
    for (int a = 0; a < d; a++) t->turn[a * d + a] = 1;
    const size_t rows = (size_t)d * SG_BLOCK * sizeof(double);
    status = sg_arena_new(sg_jet_bytes(model->full, d, WANT) + rows, &t->arena);
    if (!status) status = sg_jet_take(t->arena, model->full, d, WANT, &t->jet);
    if (!status) t->x = sg_arena_take(t->arena, rows, 1);
    if (!status && !t->x) status = sg_fail(SG_NO_MEMORY, "the arena of a turned frame is too small");
    if (status)
        sg_turned_delete(t);
    else
        *made = t;
    return status;
}

void sg_turned_delete(sg_turned *t) {
    if (!t) return;
    sg_arena_delete(t->arena);
    sg_delete(t);
}

void sg_turned_look(sg_turned *t, int want, int n, const double *u) {
    const int d = t->d;
    for (int b = 0; b < d; b++) {
        double *restrict x = t->x + b * SG_BLOCK;
        for (int i = 0; i < n; i++) x[i] = 0;
        for (int a = 0; a < d; a++)
            for (int i = 0; i < n; i++) x[i] += t->turn[a * d + b] * u[a * n + i];
        for (int i = n; i < SG_BLOCK && i < n + 8; i++) x[i] = x[0]; /* vector loops read on */
    }
    const sg_block block = {.n = n, .d = d, .draws = 1, .x = t->x};
    sg_jet jet = t->jet;
    jet.want = want;
    if (!(want & SG_LOGP)) jet.logp = NULL;
    if (!(want & SG_DXX)) jet.dxx = NULL;
    if (!(want & SG_DT)) jet.dt = NULL;
    if (!(want & SG_DT_DX)) jet.dt_dx = NULL;
    t->model->family->jet(t->model, t->model->truth, &block, &jet);
}

void sg_turned_hessian(const sg_turned *t, int n, double *out) {
    const int d = t->d;
    for (int i = 0; i < n; i++) {
        double full[SG_BOUND_D][SG_BOUND_D];
        for (int b = 0, pair = 0; b < d; b++)
            for (int c = 0; c <= b; c++, pair++) full[b][c] = full[c][b] = -t->jet.dxx[pair * SG_BLOCK + i];
        for (int a = 0, pair = 0; a < d; a++)
            for (int e = 0; e <= a; e++, pair++) {
                double sum = 0;
                for (int b = 0; b < d; b++)
                    for (int c = 0; c < d; c++) sum += t->turn[a * d + b] * full[b][c] * t->turn[e * d + c];
                out[pair * n + i] = sum;
            }
    }
}

void sg_turned_potential(const void *context, int n, const double *u, double *hessian) {
    sg_turned *t = (sg_turned *)context;
    sg_turned_look(t, SG_DXX, n, u);
    sg_turned_hessian(t, n, hessian);
}

static void log_p(const void *context, int n, const double *u, double *out) {
    sg_turned *t = (sg_turned *)context;
    sg_turned_look(t, SG_LOGP, n, u);
    memcpy(out, t->jet.logp, (size_t)n * sizeof *out);
}

sg_status sg_turned_box(sg_turned *t, double depth) {
    sg_grid_problem problem = {.context = t, .d = t->d, .log_p = log_p};
    const double origin[SG_BOUND_D] = {0};
    sg_status status = sg_grid_box(&problem, origin, depth);
    if (status) return status;
    memcpy(t->lo, problem.lo, sizeof t->lo);
    memcpy(t->hi, problem.hi, sizeof t->hi);
    t->depth = depth;
    t->top = -INFINITY;
    return SG_OK;
}

/* -------------------------------------------------------------------- the frame */

static int lattice_side(int d) {
    return d == 1 ? 257 : d == 2 ? 49 : 15;
}

/* log p and Hess V on the lattice. */
static void look_at_lattice(sg_turned *t, int total, double *level, double *hessian) {
    const int d = t->d, side = lattice_side(d), rows = d * (d + 1) / 2;
    double u[SG_BOUND_D * SG_BLOCK], h[SG_BOUND_D * (SG_BOUND_D + 1) / 2 * SG_BLOCK];
    for (int first = 0; first < total; first += SG_BLOCK) {
        const int n = total - first < SG_BLOCK ? total - first : SG_BLOCK;
        for (int i = 0; i < n; i++)
            for (int a = 0, rest = first + i; a < d; a++, rest /= side)
                u[a * n + i] = t->lo[a] + (t->hi[a] - t->lo[a]) * (rest % side) / (side - 1);
        sg_turned_look(t, SG_LOGP | SG_DXX, n, u);
        sg_turned_hessian(t, n, h);
        memcpy(level + first, t->jet.logp, (size_t)n * sizeof *level);
        for (int r = 0; r < rows; r++)
            memcpy(hessian + (size_t)r * (size_t)total + first, h + r * n, (size_t)n * sizeof *h);
    }
}

sg_status sg_turned_least_coupling(sg_turned *t, bool *same) {
    const int d = t->d, side = lattice_side(d), rows = d * (d + 1) / 2;
    int total = 1;
    double *memory = NULL, more[SG_BOUND_D * SG_BOUND_D], old[SG_BOUND_D * SG_BOUND_D], top = -INFINITY;
    for (int a = 0; a < d; a++) total *= side;
    sg_status status = sg_new(&memory, (size_t)total * (size_t)(rows + 1), sizeof *memory);
    if (status) return status;
    double *weight = memory, *hessian = memory + total;
    look_at_lattice(t, total, weight, hessian);
    for (int i = 0; i < total; i++) top = fmax(top, weight[i]);
    for (int i = 0; i < total; i++) weight[i] = exp((weight[i] - top) / FLATTENED);
    status = sg_bound_least_coupling(d, total, hessian, weight, more);
    memcpy(old, t->turn, sizeof old);
    *same = true;
    for (int a = 0; a < d && !status; a++) {
        int aligned = 0;
        for (int b = 0; b < d; b++) {
            if (fabs(fabs(more[a * d + b]) - 1) < SAME) aligned++;
            t->turn[a * d + b] = 0;
            for (int c = 0; c < d; c++) t->turn[a * d + b] += more[a * d + c] * old[c * d + b];
        }
        *same = *same && aligned == 1;
    }
    sg_delete(memory);
    return status;
}
