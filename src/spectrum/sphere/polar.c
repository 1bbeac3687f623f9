/* Laws around an axis: panels in the polar angle, and Galerkin's method for angular momentum across. */
#include <cblas.h>
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

/*
 * Band matrices, entry (i, j) at i - j + j (DEGREE + 1), i >= j; row and column i are those of the forms over
 * exp(level_i/2), so that nothing underflows however far p falls.
 */
typedef struct {
    int d, l, n; /* n unknowns */
    const sg_panels *panels;
    double *log_weight; /* [panels->n] log of mass s^{2l-2} */
    double *level;      /* [n] */
    double *stiffness, *mass;
} forms;

enum { BAND = DEGREE + 1, SPARE = 6, STEPS_MOST = 400 };

/* The largest weights of the panels that an unknown touches. */
static void fill_levels(forms *f) {
    for (int i = 0; i < f->n; i++) f->level[i] = -INFINITY;
    for (int p = 0; p < f->panels->count; p++) {
        double top = -INFINITY;
        for (int i = p * ORDER; i < (p + 1) * ORDER; i++) {
            f->log_weight[i] =
                f->panels->logp[i] + log(f->panels->weight[i]) - (2 * f->l - 2) * log_cosh(f->panels->x[i]);
            top = fmax(top, f->log_weight[i]);
        }
        for (int k = 0; k < SHAPES; k++) f->level[unknown(p, k)] = fmax(f->level[unknown(p, k)], top);
    }
}

static void add_panel(forms *f, int p, const double value[ORDER][SHAPES], const double slope[ORDER][SHAPES]) {
    const sg_panels *panels = f->panels;
    const double half = 0.5 * (panels->edge[p + 1] - panels->edge[p]), rate = f->l * (f->l + f->d - 3.);
    for (int i = 0; i < ORDER; i++) {
        const int node = p * ORDER + i;
        const double t = panels->x[node], turn = f->l * tanh(t), square = exp(-2 * log_cosh(t));
        double g[SHAPES], root[SHAPES];
        for (int k = 0; k < SHAPES; k++) {
            g[k] = slope[i][k] / half - turn * value[i][k];
            root[k] = exp(0.5 * (f->log_weight[node] - f->level[unknown(p, k)]));
        }
        for (int k = 0; k < SHAPES; k++)
            for (int j = 0; j < SHAPES; j++) {
                const int row = unknown(p, j), column = unknown(p, k);
                if (row < column) continue;
                const double product = value[i][j] * value[i][k], weight = root[j] * root[k];
                const size_t at = (size_t)(row - column) + (size_t)column * BAND;
                f->stiffness[at] += weight * (g[j] * g[k] + rate * product);
                f->mass[at] += weight * square * product;
            }
    }
}

/* The functions of d = 2 vanish at both ends: their unknowns there are left without mass. */
static void tie_ends(forms *f) {
    for (int k = 0; k < BAND; k++) {
        f->stiffness[k] = f->mass[k] = 0;
        const int column = f->n - 1 - k;
        if (column >= 0) f->stiffness[k + (size_t)column * BAND] = f->mass[k + (size_t)column * BAND] = 0;
    }
    f->stiffness[0] = f->stiffness[(size_t)(f->n - 1) * BAND] = 1;
}

/*
 * Largest eigenvalues of mass v = v stiffness/lambda, by subspace iteration: eigenvalues of the stiffness against the
 * mass go beyond all numbers at the poles, while this operator is bounded.  With y = K^-1 M x, Ritz values come from
 * y' M y against y' M x, sums without cancellation.
 */
static sg_status solve(const forms *f, int count, double *value) {
    const int n = f->n, b = count + SPARE < n ? count + SPARE : n;
    const size_t block = (size_t)n * (size_t)b, small = (size_t)b * (size_t)b;
    double *x = NULL, *image, *y, *g, *h, *ritz, *before, *work, change = INFINITY;
    sg_stream stream;
    if (count > n) return sg_fail(SG_NOT_CONVERGED, "%d eigenvalues are more than %d unknowns have", count, n);
    sg_status status = sg_new(&x, 3 * block + 2 * small + 70 * (size_t)b, sizeof *x);
    if (status) return status;
    image = x + block, y = image + block, g = y + block, h = g + small, ritz = h + small, before = ritz + b;
    work = before + b;
    int info = LAPACKE_dpbtrf_work(LAPACK_COL_MAJOR, 'L', n, DEGREE, f->stiffness, BAND);
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, block, x);
    for (int step = 0; step < STEPS_MOST && !info && change > 1e-15; step++) {
        for (int k = 0; k < b; k++)
            cblas_dsbmv(CblasColMajor, CblasLower, n, DEGREE, 1, f->mass, BAND, x + (size_t)k * (size_t)n, 1, 0,
                        image + (size_t)k * (size_t)n, 1);
        memcpy(y, image, block * sizeof *y);
        info = LAPACKE_dpbtrs_work(LAPACK_COL_MAJOR, 'L', n, DEGREE, b, f->stiffness, BAND, y, n);
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, b, b, n, 1, y, n, image, n, 0, g, b);
        for (int k = 0; k < b; k++)
            cblas_dsbmv(CblasColMajor, CblasLower, n, DEGREE, 1, f->mass, BAND, y + (size_t)k * (size_t)n, 1, 0,
                        image + (size_t)k * (size_t)n, 1);
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, b, b, n, 1, y, n, image, n, 0, h, b);
        if (!info) info = LAPACKE_dsygv_work(LAPACK_COL_MAJOR, 1, 'V', 'L', b, h, b, g, b, ritz, work, 68 * b);
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, b, b, 1, y, n, h, b, 0, x, n);
        change = 0;
        for (int k = b - count; k < b; k++) change = fmax(change, fabs(before[k] / ritz[k] - 1));
        memcpy(before, ritz, (size_t)b * sizeof *before);
    }
    if (info || !(change < 1e-12))
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of the polar problem were not found (%d)", info);
    for (int k = 0; k < count && !status; k++) value[k] = 1 / ritz[b - 1 - k];
    sg_delete(x);
    return status;
}

/* What rounding of the forms does to an eigenvalue whose function is spread like the law: an eps of the mean rate of
 * the shapes, each with its weight. */
static double rounding_of(const forms *f) {
    double top = -INFINITY, energy = 0, mass = 0;
    for (int i = 0; i < f->n; i++) top = fmax(top, f->level[i]);
    for (int i = 0; i < f->n; i++) {
        const double weight = exp(f->level[i] - top);
        energy += weight * f->stiffness[(size_t)i * BAND];
        mass += weight * f->mass[(size_t)i * BAND];
    }
    return 0x1p-52 * energy / mass;
}

static sg_status ritz_values(int d, const sg_panels *panels, int l, int count, double *value, double *rounding) {
    double shape[ORDER][SHAPES], slope[ORDER][SHAPES];
    forms f = {.d = d, .l = l, .n = panels->count * DEGREE + 1, .panels = panels};
    const size_t n = (size_t)f.n;
    for (int i = 0; i < ORDER; i++) {
        const double mid = 0.5 * (panels->edge[0] + panels->edge[1]), half = 0.5 * (panels->edge[1] - panels->edge[0]);
        shapes_at((panels->x[i] - mid) / half, shape[i], slope[i]);
    }
    sg_status status = sg_new(&f.stiffness, n * BAND, sizeof(double));
    if (!status) status = sg_new(&f.mass, n * BAND, sizeof(double));
    if (!status) status = sg_new(&f.level, n, sizeof(double));
    if (!status) status = sg_new(&f.log_weight, (size_t)panels->n, sizeof(double));
    if (status) goto out;
    fill_levels(&f);
    for (int p = 0; p < panels->count; p++) add_panel(&f, p, shape, slope);
    if (d == 2) tie_ends(&f);
    *rounding = rounding_of(&f);
    status = solve(&f, count, value);
out:
    sg_delete(f.stiffness), sg_delete(f.mass), sg_delete(f.level), sg_delete(f.log_weight);
    return status;
}

sg_status sg_sphere_across(int d, const sg_panels *coarse, const sg_panels *fine, int l, int count,
                           sg_sphere_level *levels) {
    double *value = NULL, local = 0;
    sg_status status = sg_new(&value, 2 * (size_t)count, sizeof *value);
    if (!status) status = ritz_values(d, coarse, l, count, value, &local);
    if (!status) status = ritz_values(d, fine, l, count, value + count, &local);
    for (int k = 0; k < count && !status; k++) {
        const double now = value[count + k], rounding = local + (1e-13 + fine->error) * now;
        levels[k] = (sg_sphere_level){now, now - 2 * fabs(value[k] - now) - rounding, now + rounding};
    }
    sg_delete(value);
    return status;
}
