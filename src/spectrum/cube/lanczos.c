/*
 * Lanczos' method in three vectors.  Without reorthogonalization a Ritz value that has converged comes back as a copy;
 * the smallest one is not touched by that (Paige), and the run ends when it has converged.  The null vector and locked
 * ones are projected out at every step, where they would otherwise grow from rounding.
 *
 * The Ritz vector is, up to its size, the product of (A - theta) times the start over all other Ritz values theta: so
 * it needs no more room than the two vectors of the run.  Where Ritz values have come back, that is another product,
 * and a second run repeats the first bit by bit and sums the vector.
 */
#include <float.h>
#include <lapacke.h>
#include <string.h>

#include "base/vecmath.h"
#include "krylov.h"

#define TIGHT 1e-9                   /* residual asked for, relative to the value */
#define HOPELESS (4e6 * DBL_EPSILON) /* of the top: below this a value cannot be certified to 1e-6 */
#define COPY 1e-10                   /* of the top: Ritz values nearer than that are one */
#define SINKING 1e-3 /* of the first entries: a next vector that small is looked at, before rounding makes it one */
enum { MOST_STEPS = 20000, FIRST_ROOM = 512, MOST_ROOTS = 2000 };

typedef struct {
    sg_krylov k;
    int steps, most, room;
    double *alpha, *beta;  /* beta[j]: norm of vector j before scaling */
    double *part;          /* [room][1 + locked]: what was projected out after step j */
    double *ritz;          /* [room] bottom vector of the tridiagonal matrix */
    double *small, *value; /* LAPACK's work */
    int *whole;
} run;

/* Ritz values of the bottom of the spectrum and its neighbour with norms of their residuals, and the top from above. */
typedef struct {
    double value, residual, top;
} ritz_view;

/* --------------------------------------------------------------------- steps */

static void second_step(run *r, int j) {
    sg_krylov *k = &r->k;
    const double *part = r->part + (size_t)j * (size_t)(1 + k->locked);
    sg_krylov_product(k, j, r->beta, NULL);
    (void)sg_krylov_subtract(k, r->alpha[j] / r->beta[j], part[0], r->ritz[j] / r->beta[j]);
    for (int i = 0; i < k->locked; i++) sg_krylov_add(k, -part[1 + i], k->lock[i], k->w);
    sg_krylov_swap(k);
}

/* ------------------------------------------------------- tridiagonal matrix */

/* Eigenvalues il .. iu of the tridiagonal matrix of order m, vectors into z [m] each. */
static sg_status some_pairs(run *r, int m, int il, int iu, double *value, double *z) {
    double *d = r->small, *e = d + r->room, *work = e + r->room;
    lapack_int found = 0, support[4], info;
    memcpy(d, r->alpha, (size_t)m * sizeof(double));
    memcpy(e, r->beta + 1, (size_t)m * sizeof(double));
    info = LAPACKE_dstevr_work(LAPACK_COL_MAJOR, 'V', 'I', m, d, e, 0, 0, il, iu, 0, &found, value, z, m, support, work,
                               20 * r->room, r->whole, 10 * r->room);
    if (info == 0 && found == iu - il + 1) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED, "the tridiagonal matrix of %d Lanczos steps has no eigenvalues by LAPACK", m);
}

static sg_status look(run *r, int m, ritz_view *view) {
    double *z = r->ritz, last = r->beta[m];
    sg_status status = some_pairs(r, m, m, m, r->value, z);
    if (status) return status;
    view->top = r->value[0] + last * fabs(z[m - 1]);
    if ((status = some_pairs(r, m, 1, 1, r->value, z))) return status;
    view->value = r->value[0];
    view->residual = last * fabs(z[m - 1]);
    return SG_OK;
}

/*
 * The residual that is enough.  No more is made of the distance to the next Ritz value: a cluster may hide behind one,
 * and a mixture of its vectors has a small residual long before its value is the least.
 */
static double goal_of(const ritz_view *view, double top) {
    return fmax(TIGHT * view->value, 8 * DBL_EPSILON * top);
}

/* Progress is counted in the logarithm of the residual. */
static void tell(const run *r, const ritz_view *view, double begun) {
    const sg_spectrum_settings *settings = r->k.problem->settings;
    double goal = log(TIGHT * fmax(view->value, 1e-290)), now = log(fmax(view->residual, 1e-300));
    if (!settings->progress) return;
    settings->progress(settings->context, fmin(fmax(begun - now, 0), fmax(begun - goal, 0)), begun - goal);
}

static sg_status regrow(double **array, size_t used, size_t room) {
    double *larger = NULL;
    sg_status status = sg_new(&larger, room, sizeof(double));
    if (status) return status;
    if (*array) memcpy(larger, *array, used * sizeof(double));
    sg_delete(*array);
    *array = larger;
    return SG_OK;
}

/* Room for twice as many steps. */
static sg_status reserve(run *r) {
    const size_t old = (size_t)r->room, room = old ? 2 * old : FIRST_ROOM, wide = 1 + (size_t)r->k.locked;
    int *whole = NULL;
    sg_status status = regrow(&r->alpha, old, room + 1);
    if (!status) status = regrow(&r->beta, old ? old + 1 : 0, room + 1);
    if (!status) status = regrow(&r->part, old * wide, room * wide);
    if (!status) status = regrow(&r->ritz, 0, 2 * room + 2);
    if (!status) status = regrow(&r->small, 0, 22 * room);
    if (!status) status = regrow(&r->value, 0, room);
    if (!status) status = sg_new(&whole, 10 * room, sizeof *whole);
    if (status) return status;
    sg_delete(r->whole);
    r->whole = whole;
    r->room = (int)room;
    return SG_OK;
}

/* The next look is where the residual will be small enough at its present pace, and not more than a twelfth later. */
static int next_look(int steps, double pace, double residual, double goal) {
    const double wait = pace > 0 ? log(residual / goal) / pace : INFINITY;
    return steps + 1 + (int)fmin(fmax(wait - 1, 0), steps / 12);
}

static sg_status iterate(run *r, ritz_view *view, sg_lanczos_result *out) {
    const double bound = r->k.problem->bound;
    int next = 1;
    for (int j = 0, last = 0;; j++) {
        if (sg_krylov_stopped(&r->k))
            return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped after %d steps", j);
        sg_status status = j < r->room ? SG_OK : reserve(r);
        if (status) return status;
        sg_krylov_step(&r->k, j, r->alpha, r->beta, r->part + (size_t)j * (size_t)(1 + r->k.locked));
        r->steps = j + 1;
        if (!isfinite(r->alpha[j] + r->beta[j + 1]))
            return sg_fail(SG_OUT_OF_RANGE, "a rate is not finite: the probabilities of neighbours differ by too much");
        double scale = fmax(fabs(r->alpha[0]), r->beta[1]), before = view->residual;
        bool ended = r->beta[j + 1] <= 4 * DBL_EPSILON * scale || r->steps == r->most;
        if (r->steps < next && !ended && r->beta[j + 1] > SINKING * scale) continue;
        if ((status = look(r, r->steps, view))) return status;
        out->top = fmin(view->top, bound);
        tell(r, view, log(out->top));
        const double goal = goal_of(view, out->top);
        out->hopeless = view->value <= HOPELESS * out->top || r->steps == r->most;
        if (ended || out->hopeless || view->residual <= goal) return SG_OK;
        next = next_look(r->steps, log(before / view->residual) / (r->steps - last), view->residual, goal);
        last = r->steps;
    }
}

/* ---------------------------------------------------------------- the vector */

static sg_status second_run(run *r, sg_lanczos_result *out) {
    sg_krylov *k = &r->k;
    sg_status status = sg_new(&k->y, k->problem->n, sizeof(double));
    if (status) return status;
    (void)sg_krylov_begin(k);
    for (int j = 0; j + 1 < r->steps; j++) {
        if (sg_krylov_stopped(k))
            return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped while it summed its vector");
        second_step(r, j);
    }
    sg_krylov_add(k, r->ritz[r->steps - 1] / r->beta[r->steps - 1], k->v, k->y);
    sg_krylov_measure(k, k->y, k->w, out);
    out->products += r->steps;
    return SG_OK;
}

/* Ascending, into r->small; *copies: some of them have come back. */
static sg_status all_values(run *r, double top, bool *copies) {
    const int m = r->steps;
    double *d = r->small, *e = d + m;
    memcpy(d, r->alpha, (size_t)m * sizeof(double));
    memcpy(e, r->beta + 1, (size_t)m * sizeof(double));
    if (LAPACKE_dsterf_work(m, d, e))
        return sg_fail(SG_NOT_CONVERGED, "the tridiagonal matrix of %d Lanczos steps has no eigenvalues by LAPACK", m);
    *copies = false;
    for (int k = 1; k < m; k++) *copies = *copies || d[k] - d[k - 1] < COPY * top;
    return SG_OK;
}

/* The vector is left in v. */
static sg_status filter(run *r, double value, sg_lanczos_result *out) {
    const int m = r->steps;
    double *roots = r->small + 1, *work = r->small + m;
    (void)sg_krylov_begin(&r->k);
    sg_status status = sg_krylov_filter(&r->k, m - 1, roots, value, work);
    if (status) return status;
    sg_krylov_measure(&r->k, r->k.v, r->k.w, out);
    out->products += m;
    return SG_OK;
}

/* The vector is left in y. */
static sg_status find(run *r, sg_lanczos_result *out) {
    ritz_view view = {0};
    bool copies = false;
    sg_status status = iterate(r, &view, out);
    if (!status) status = all_values(r, out->top, &copies);
    if (status) return status;
    out->products = r->steps;
    if (out->hopeless || copies || r->steps > MOST_ROOTS) return second_run(r, out);
    if ((status = filter(r, view.value, out))) return status;
    if (!(out->residual <= fmax(2 * view.residual, goal_of(&view, out->top)))) return second_run(r, out);
    r->k.y = r->k.v;
    r->k.v = NULL;
    return SG_OK;
}

static sg_status allocate(run *r) {
    const size_t n = r->k.problem->n, chunks = (n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK;
    sg_status status = sg_new(&r->k.partial, 3 * chunks, sizeof(double));
    if (!status) status = sg_new(&r->k.v, n, sizeof(double));
    if (!status) status = sg_new(&r->k.w, n, sizeof(double));
    return status ? status : reserve(r);
}

static void release(run *r) {
    double *array[] = {r->alpha, r->beta, r->part, r->ritz, r->small, r->value, r->k.partial, r->k.v, r->k.w, r->k.y};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(r->whole);
}

sg_status sg_lanczos_smallest(const sg_lanczos *problem, int locked, double *const *lock, double **y,
                              sg_lanczos_result *out) {
    run r = {.k = {.problem = problem, .locked = locked, .lock = lock}};
    r.most = problem->n < MOST_STEPS / 4 ? (int)problem->n * 4 + 8 : MOST_STEPS;
    *out = (sg_lanczos_result){0};
    *y = NULL;
    sg_status status = allocate(&r);
    if (status) goto out;
    r.k.null2 = sg_krylov_dot(&r.k, problem->null, problem->null);
    if (!sg_krylov_begin(&r.k)) {
        status = sg_fail(SG_OUT_OF_RANGE, "there are no more than %d eigenvalues", locked);
        goto out;
    }
    r.beta[0] = 1;
    if ((status = find(&r, out))) goto out;
    out->steps = r.steps;
    *y = r.k.y;
    r.k.y = NULL;
out:
    release(&r);
    return status;
}
