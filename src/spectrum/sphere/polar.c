/* Laws around an axis: panels in the polar angle, and Galerkin's method for angular momentum across. */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "sphere.h"

enum { B = SG_BLOCK, ORDER = SG_PANEL_ORDER, DEGREE = 8, SHAPES = DEGREE + 1 };

/* ------------------------------------------------------------------ panels */

typedef struct {
    const sg_model *model;
    const double *axes; /* [d,d] */
    sg_block block;
    sg_jet jet;
} source;

static double log_cosh(double t) {
    const double a = fabs(t);
    return a - M_LN2 + log1p(exp(-2 * a));
}

/* Along the meridian through the first axis. */
static void evaluate(const void *context, int n, const double *t, double *logq, double *test) {
    const source *from = context;
    const int d = from->model->space.d;
    sg_block block = from->block;
    sg_jet jet = from->jet;
    (void)test;
    block.n = n;
    for (int i = 0; i < n; i++) {
        const double sine = 1 / cosh(t[i]), cosine = -tanh(t[i]);
        for (int b = 0; b < d; b++) block.x[b * B + i] = sine * from->axes[b] + cosine * from->axes[(d - 1) * d + b];
    }
    from->model->family->jet(from->model, from->model->truth, &block, &jet);
    for (int i = 0; i < n; i++) logq[i] = jet.logp[i] - (d - 1) * log_cosh(t[i]);
}

sg_status sg_sphere_polar(const sg_model *model, const double *axes, double sharp, double depth, int level,
                          sg_panels **panels, double **log_d) {
    const int d = model->space.d;
    const double narrow = 0.5 * log1p(sharp), at[] = {0, -narrow, narrow}, scale[] = {1 / (1 + sqrt(sharp)), 1, 1};
    source from = {.model = model, .axes = axes, .block = {.d = d, .draws = 1}};
    sg_arena *arena = NULL;
    *panels = NULL, *log_d = NULL;
    sg_status status =
        sg_arena_new(sg_jet_bytes(model->full, d, SG_LOGP) + ((size_t)d * B + 64) * sizeof(double), &arena);
    if (!status) status = sg_jet_take(arena, model->full, d, SG_LOGP, &from.jet);
    if (status) goto out;
    from.block.x = sg_arena_take(arena, (size_t)d * B, sizeof(double));
    const sg_density density = {.context = &from,
                                .evaluate = evaluate,
                                .lo = -INFINITY,
                                .hi = INFINITY,
                                .landmarks = 3,
                                .landmark = at,
                                .scale = scale};
    status = sg_panels_new(&density, 1e-13 + 0x1p-52 * sharp, depth, level, panels);
    if (!status) status = sg_new(log_d, (size_t)(*panels)->n, sizeof(double));
    for (int i = 0; !status && i < (*panels)->n; i++) (*log_d)[i] = 2 * log_cosh((*panels)->x[i]);
    if (status) status = sg_fail_within(status, "%s", model->text);
out:
    sg_arena_delete(arena);
    return status;
}

/* ---------------------------------------------------------------- Galerkin */

/* The two ends' linear functions, then integrals of Legendre polynomials, at x in [-1, 1]. */
static void shapes_at(double x, double value[SHAPES], double slope[SHAPES]) {
    double before = 1, now = x;
    value[0] = 0.5 * (1 - x), slope[0] = -0.5;
    value[1] = 0.5 * (1 + x), slope[1] = 0.5;
    for (int k = 2; k <= DEGREE; k++) { /* (P_k - P_{k-2})/(2k-1), slope P_{k-1} */
        const double next = ((2 * k - 1) * x * now - (k - 1) * before) / k;
        value[k] = (next - before) / (2 * k - 1);
        slope[k] = now;
        before = now, now = next;
    }
}

/* Unknown number of shape k on panel p: ends are shared. */
static int unknown(int p, int k) {
    return k < 2 ? (p + k) * DEGREE : p * DEGREE + k - 1;
}

typedef struct {
    int n;                    /* unknowns */
    double *stiffness, *mass; /* [n,n] lower triangles, column-major */
} forms;

static void add_panel(int d, int l, const sg_panels *panels, int p, const double value[ORDER][SHAPES],
                      const double slope[ORDER][SHAPES], forms *f) {
    const double half = 0.5 * (panels->edge[p + 1] - panels->edge[p]), rate = l * (l + d - 3.);
    for (int i = 0; i < ORDER; i++) {
        const int node = p * ORDER + i;
        const double t = panels->x[node], turn = l * tanh(t), log_s = -log_cosh(t);
        const double weight = panels->mass[node] * exp((2 * l - 2) * log_s), square = exp(2 * log_s);
        double g[SHAPES];
        for (int k = 0; k < SHAPES; k++) g[k] = slope[i][k] / half - turn * value[i][k];
        for (int k = 0; k < SHAPES; k++)
            for (int j = 0; j < SHAPES; j++) {
                const int row = unknown(p, j), column = unknown(p, k);
                if (row < column) continue;
                const double product = value[i][j] * value[i][k];
                f->stiffness[row + (size_t)column * (size_t)f->n] += weight * (g[j] * g[k] + rate * product);
                f->mass[row + (size_t)column * (size_t)f->n] += weight * square * product;
            }
    }
}

/* To unit diagonal of the stiffness, which is graded like p. */
static void balance(forms *f, double *scale) {
    const size_t n = (size_t)f->n;
    for (size_t j = 0; j < n; j++) scale[j] = 1 / sqrt(f->stiffness[j + j * n]);
    for (size_t j = 0; j < n; j++)
        for (size_t i = j; i < n; i++) {
            f->mass[i + j * n] *= scale[i] * scale[j];
            f->stiffness[i + j * n] *= scale[i] * scale[j];
        }
}

/* The functions of d = 2 vanish at both ends: their unknowns there are left without mass. */
static void tie_ends(forms *f) {
    const int ends[] = {0, f->n - 1};
    const size_t n = (size_t)f->n;
    for (int e = 0; e < 2; e++) {
        const size_t at = (size_t)ends[e];
        for (size_t i = 0; i < n; i++) {
            const size_t low = i > at ? i : at, high = i > at ? at : i;
            f->stiffness[low + high * n] = f->mass[low + high * n] = 0;
        }
        f->stiffness[at + at * n] = 1;
    }
}

/*
 * Largest eigenvalues of mass v = v stiffness/lambda: the operator is bounded, while eigenvalues of the stiffness
 * against the mass are beyond all numbers at the poles.
 */
static sg_status solve(forms *f, int count, double *value) {
    const int n = f->n;
    double *all = NULL, *work = NULL, unused = 0;
    int *isuppz = NULL, *iwork = NULL, found = 0;
    if (count > n) return sg_fail(SG_NOT_CONVERGED, "%d eigenvalues are more than %d unknowns have", count, n);
    sg_status status = sg_new(&all, (size_t)n, sizeof *all);
    if (!status) status = sg_new(&work, 64 * (size_t)n, sizeof *work);
    if (!status) status = sg_new(&iwork, 16 * (size_t)n, sizeof *iwork);
    if (!status) status = sg_new(&isuppz, 2 * (size_t)n, sizeof *isuppz);
    if (status) goto out;
    int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, f->stiffness, n);
    if (!info) info = LAPACKE_dsygst_work(LAPACK_COL_MAJOR, 1, 'L', n, f->mass, n, f->stiffness, n);
    if (!info)
        info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'N', 'I', 'L', n, f->mass, n, 0, 0, n - count + 1, n, 0, &found,
                                   all, &unused, 1, isuppz, work, 64 * n, iwork, 16 * n);
    if (info || found < count)
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of the polar problem were not found (%d)", info);
    for (int k = 0; k < count && !status; k++) value[k] = 1 / all[count - 1 - k];
out:
    sg_delete(all), sg_delete(work), sg_delete(iwork), sg_delete(isuppz);
    return status;
}

static sg_status ritz_values(int d, const sg_panels *panels, int l, int count, double *value) {
    double shape[ORDER][SHAPES], slope[ORDER][SHAPES], *scale = NULL;
    forms f = {.n = panels->count * DEGREE + 1};
    const size_t n = (size_t)f.n;
    for (int i = 0; i < ORDER; i++) {
        const double mid = 0.5 * (panels->edge[0] + panels->edge[1]), half = 0.5 * (panels->edge[1] - panels->edge[0]);
        shapes_at((panels->x[i] - mid) / half, shape[i], slope[i]);
    }
    sg_status status = sg_new(&f.stiffness, n * n, sizeof(double));
    if (!status) status = sg_new(&f.mass, n * n, sizeof(double));
    if (!status) status = sg_new(&scale, n, sizeof(double));
    if (status) goto out;
    for (int p = 0; p < panels->count; p++) add_panel(d, l, panels, p, shape, slope, &f);
    balance(&f, scale);
    if (d == 2) tie_ends(&f);
    status = solve(&f, count, value);
out:
    sg_delete(f.stiffness), sg_delete(f.mass), sg_delete(scale);
    return status;
}

sg_status sg_sphere_across(int d, const sg_panels *coarse, const sg_panels *fine, int l, int count,
                           sg_sphere_level *levels) {
    double *value = NULL;
    sg_status status = sg_new(&value, 2 * (size_t)count, sizeof *value);
    if (!status) status = ritz_values(d, coarse, l, count, value);
    if (!status) status = ritz_values(d, fine, l, count, value + count);
    for (int k = 0; k < count && !status; k++) {
        const double now = value[count + k], rounding = 1e-13 * (now + value[count]) + fine->error * now;
        levels[k] = (sg_sphere_level){now, now - 2 * fabs(value[k] - now) - rounding, now + rounding};
    }
    sg_delete(value);
    return status;
}
