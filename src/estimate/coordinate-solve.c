#include "estimate/coordinate-solve.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

static const double CONDITION_MOST = 1e13, RESIDUAL_MOST = 1e-10, RIDGE = 1e-9;
static const double PROBED = 1e-3, SOLVED = 1e-13, REFINED = 1e-3; /* where residuals are left */
enum { PROBES = 3, POWERS = 8, ROUNDS = 4, ITERATIONS_LEAST = 500 };

struct sg_coordinate_solver {
    int d, side, m, full; /* side: parameters of a coordinate */
    const sg_coordinate_sums *sums;
    int *where;                      /* [d][side] of K_jk and then eta_j among the free; -1: held */
    double *share;                   /* [m] 1/2 where two coordinates have it, otherwise 1 */
    double *scale;                   /* [m] 1/sqrt(diagonal of A) */
    double *factor;                  /* [d] packed upper triangles [side(side+1)/2] */
    double *wide, *here, *image;     /* [side,side], [side], [side] of one coordinate */
    double *r, *z, *p, *q, *x, *rhs; /* [m] */
};

static size_t packed(const sg_coordinate_solver *s) {
    return (size_t)s->side * ((size_t)s->side + 1) / 2;
}

static int pair_of(int i, int j) {
    return i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
}

/* Index in theta of parameter k of coordinate j. */
static int parameter_of(const sg_coordinate_solver *s, int j, int k) {
    return k < s->d ? pair_of(j, k) : pair_of(s->d, 0) + j;
}

/* ---------------------------------------------------------------------- set-up */

static void fill_lists(sg_coordinate_solver *s, const int *free) {
    for (int j = 0; j < s->d; j++)
        for (int k = 0; k < s->side; k++) {
            const int wanted = parameter_of(s, j, k);
            int lo = 0, hi = s->m; /* the first of the free that is not below */
            while (lo < hi) {
                const int middle = (lo + hi) / 2;
                if (free[middle] < wanted)
                    lo = middle + 1;
                else
                    hi = middle;
            }
            const bool found = lo < s->m && free[lo] == wanted;
            s->where[(size_t)j * (size_t)s->side + (size_t)k] = found ? lo : -1;
            if (found) s->share[lo] = k < s->d && k != j ? 0.5 : 1;
        }
}

sg_status sg_coordinate_solver_new(int d, bool linear, int m, const int *free, sg_coordinate_solver **out) {
    sg_coordinate_solver *s = NULL;
    *out = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    s->d = d, s->side = d + linear, s->m = m, s->full = pair_of(d, 0) + (linear ? d : 0);
    const size_t side = (size_t)s->side, count = (size_t)m;
    const struct {
        double **array;
        size_t count;
    } want[] = {{&s->share, count},      {&s->scale, count}, {&s->factor, (size_t)d * packed(s)},
                {&s->wide, side * side}, {&s->here, side},   {&s->image, side},
                {&s->r, count},          {&s->z, count},     {&s->p, count},
                {&s->q, count},          {&s->x, count},     {&s->rhs, count}};
    for (size_t k = 0; k < sizeof want / sizeof *want && !status; k++)
        status = sg_new(want[k].array, want[k].count, sizeof(double));
    if (!status) status = sg_new(&s->where, (size_t)d * side, sizeof(int));
    if (status) {
        sg_coordinate_solver_delete(s);
        return status;
    }
    fill_lists(s, free);
    *out = s;
    return SG_OK;
}

void sg_coordinate_solver_delete(sg_coordinate_solver *s) {
    if (!s) return;
    void *array[] = {s->where, s->share, s->scale, s->factor, s->wide, s->here, s->image,
                     s->r,     s->z,     s->p,     s->q,      s->x,    s->rhs};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(s);
}

/* ------------------------------------------------------------------- products */

/* image = A_j here */
static void multiply_one(const sg_coordinate_solver *s, int j) {
    const sg_coordinate_sums *n = s->sums;
    const int d = s->d;
    cblas_dspmv(CblasColMajor, CblasUpper, d, 1, n->gram + (size_t)j * n->pairs, s->here, 1, 0, s->image, 1);
    if (s->side == d) return;
    const double *cross = n->cross + (size_t)j * (size_t)d;
    s->image[d] = n->square[j] * s->here[d] + cblas_ddot(d, cross, 1, s->here, 1);
    cblas_daxpy(d, s->here[d], cross, 1, s->image, 1);
}

/* out = S A S x, S the scale. */
static void multiply(const sg_coordinate_solver *s, const double *x, double *out) {
    memset(out, 0, (size_t)s->m * sizeof(double));
    for (int j = 0; j < s->d; j++) {
        const int *where = s->where + (size_t)j * (size_t)s->side;
        for (int k = 0; k < s->side; k++) s->here[k] = where[k] < 0 ? 0 : s->scale[where[k]] * x[where[k]];
        multiply_one(s, j);
        for (int k = 0; k < s->side; k++)
            if (where[k] >= 0) out[where[k]] += s->scale[where[k]] * s->image[k];
    }
}

/* Entry of A_j, k >= l. */
static double entry(const sg_coordinate_sums *n, int j, int k, int l) {
    if (k < n->d) return n->gram[(size_t)j * n->pairs + (size_t)pair_of(k, l)];
    return l < n->d ? n->cross[(size_t)j * (size_t)n->d + (size_t)l] : n->square[j];
}

void sg_coordinate_matrix(const sg_coordinate_solver *s, const sg_coordinate_sums *n, double *matrix) {
    const size_t m = (size_t)s->m;
    memset(matrix, 0, m * m * sizeof(double));
    for (int j = 0; j < s->d; j++) {
        const int *where = s->where + (size_t)j * (size_t)s->side;
        for (int k = 0; k < s->side; k++)
            for (int l = 0; l <= k && where[k] >= 0; l++) {
                if (where[l] < 0) continue;
                const double value = entry(n, j, k, l);
                matrix[(size_t)where[k] + (size_t)where[l] * m] += value;
                if (k != l) matrix[(size_t)where[l] + (size_t)where[k] * m] += value;
            }
    }
}

/* -------------------------------------------------------------- preconditioner */

static sg_status fill_scale(sg_coordinate_solver *s) {
    memset(s->scale, 0, (size_t)s->m * sizeof(double));
    for (int j = 0; j < s->d; j++)
        for (int k = 0; k < s->side; k++) {
            const int at = s->where[(size_t)j * (size_t)s->side + (size_t)k];
            if (at >= 0) s->scale[at] += entry(s->sums, j, k, k);
        }
    for (int k = 0; k < s->m; k++) {
        if (!(s->scale[k] > 0 && isfinite(s->scale[k])))
            return sg_fail(SG_SINGULAR,
                           "free parameter %d has no effect on the loss of these data: fix it with free=", k + 1);
        s->scale[k] = 1 / sqrt(s->scale[k]);
    }
    return SG_OK;
}

/* Factor of the free part of A_j, scaled, its diagonal raised until there is one; rows of held parameters are unit. */
static void factor_one(sg_coordinate_solver *s, int j) {
    const int side = s->side, *where = s->where + (size_t)j * (size_t)side;
    double *to = s->factor + (size_t)j * packed(s);
    for (double ridge = RIDGE;; ridge *= 100) {
        for (int k = 0; k < side; k++)
            for (int l = 0; l <= k; l++) {
                double *a = s->wide + l + (size_t)k * (size_t)side;
                *a = k == l;
                if (where[k] < 0 || where[l] < 0) continue;
                *a = entry(s->sums, j, k, l) * s->scale[where[k]] * s->scale[where[l]];
                if (k == l) *a += ridge + ridge * *a;
            }
        if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', side, s->wide, side) == 0 || !(ridge < 1)) break;
    }
    for (int k = 0; k < side; k++)
        memcpy(to + (size_t)k * ((size_t)k + 1) / 2, s->wide + (size_t)k * (size_t)side, (size_t)(k + 1) * sizeof *to);
}

static void precondition(const sg_coordinate_solver *s, const double *r, double *z) {
    memset(z, 0, (size_t)s->m * sizeof(double));
    for (int j = 0; j < s->d; j++) {
        const int *where = s->where + (size_t)j * (size_t)s->side;
        const double *factor = s->factor + (size_t)j * packed(s);
        for (int k = 0; k < s->side; k++) s->here[k] = where[k] < 0 ? 0 : s->share[where[k]] * r[where[k]];
        cblas_dtpsv(CblasColMajor, CblasUpper, CblasTrans, CblasNonUnit, s->side, factor, s->here, 1);
        cblas_dtpsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, s->side, factor, s->here, 1);
        for (int k = 0; k < s->side; k++)
            if (where[k] >= 0) z[where[k]] += s->share[where[k]] * s->here[k];
    }
}

/* --------------------------------------------------------- conjugate gradients */

/* x with S A S x = r, which is left as the residual, until that is `tol` of what it was.  False: it does not get there.
 */
static bool gradients(sg_coordinate_solver *s, double *x, double tol, int *iterations) {
    const int m = s->m, most = m > ITERATIONS_LEAST ? m : ITERATIONS_LEAST;
    const double begin = cblas_dnrm2(m, s->r, 1);
    memset(x, 0, (size_t)m * sizeof(double));
    if (begin == 0) return true;
    precondition(s, s->r, s->z);
    memcpy(s->p, s->z, (size_t)m * sizeof(double));
    double rz = cblas_ddot(m, s->r, 1, s->z, 1);
    for (int k = 0; k < most; k++) {
        multiply(s, s->p, s->q);
        ++*iterations;
        const double bend = cblas_ddot(m, s->p, 1, s->q, 1);
        if (!(bend > 0)) return false;
        cblas_daxpy(m, rz / bend, s->p, 1, x, 1);
        cblas_daxpy(m, -rz / bend, s->q, 1, s->r, 1);
        if (cblas_dnrm2(m, s->r, 1) <= tol * begin) return true;
        precondition(s, s->r, s->z);
        const double next = cblas_ddot(m, s->r, 1, s->z, 1);
        if (!(next > 0)) return false;
        cblas_dscal(m, next / rz, s->p, 1);
        cblas_daxpy(m, 1, s->z, 1, s->p, 1);
        rz = next;
    }
    return false;
}

/* ------------------------------------------------------------------- condition */

/* Signs that no symmetry of the model shares. */
static void fill_signs(int m, double *x) {
    uint32_t state = 1;
    for (int k = 0; k < m; k++) {
        state = 1664525u * state + 1013904223u;
        x[k] = state >> 31 ? 1 : -1;
    }
}

/* Power and inverse iteration from a vector of signs. */
static sg_status estimate_condition(sg_coordinate_solver *s, sg_coordinate_report *report) {
    const int m = s->m;
    double top = 0, growth = 0;
    fill_signs(m, s->rhs);
    for (int k = 0; k < POWERS; k++) {
        multiply(s, s->rhs, s->q);
        top = cblas_dnrm2(m, s->q, 1) / cblas_dnrm2(m, s->rhs, 1);
        cblas_dcopy(m, s->q, 1, s->rhs, 1);
        cblas_dscal(m, 1 / cblas_dnrm2(m, s->rhs, 1), s->rhs, 1);
    }
    fill_signs(m, s->rhs);
    report->condition = INFINITY;
    for (int k = 0; k < PROBES; k++) {
        memcpy(s->r, s->rhs, (size_t)m * sizeof(double));
        const bool done = gradients(s, s->x, PROBED, &report->iterations);
        growth = fmax(growth, cblas_dnrm2(m, s->x, 1) / cblas_dnrm2(m, s->rhs, 1));
        if (!done || !isfinite(growth) || !(top * growth < CONDITION_MOST))
            return sg_fail(SG_SINGULAR,
                           "the normal equations are singular or nearly so (condition of %d parameters at least %.2g): "
                           "take more data, or fix parameters with free=",
                           m, top * growth);
        cblas_dcopy(m, s->x, 1, s->rhs, 1);
        cblas_dscal(m, 1 / cblas_dnrm2(m, s->rhs, 1), s->rhs, 1);
    }
    report->condition = top * growth;
    return SG_OK;
}

/* ----------------------------------------------------------------------- solve */

/* -S (A theta + b) in s->r, and the size of S b. */
static double residual(const sg_coordinate_solver *s, const double *theta) {
    const sg_coordinate_sums *n = s->sums;
    memset(s->r, 0, (size_t)s->m * sizeof(double));
    memset(s->z, 0, (size_t)s->m * sizeof(double));
    for (int j = 0; j < s->d; j++) {
        const int *where = s->where + (size_t)j * (size_t)s->side;
        for (int k = 0; k < s->side; k++) s->here[k] = theta[parameter_of(s, j, k)];
        multiply_one(s, j);
        for (int k = 0; k < s->side; k++) {
            const double b = k < s->d ? n->slope[(size_t)j * (size_t)s->d + (size_t)k] : n->shift[j];
            if (where[k] < 0) continue;
            s->r[where[k]] -= s->scale[where[k]] * (s->image[k] + b);
            s->z[where[k]] += s->scale[where[k]] * b;
        }
    }
    return cblas_dnrm2(s->m, s->z, 1);
}

static void add_step(const sg_coordinate_solver *s, double *theta) {
    for (int j = 0; j < s->d; j++)
        for (int k = 0; k < s->side; k++) {
            const int at = s->where[(size_t)j * (size_t)s->side + (size_t)k];
            if (at >= 0 && (k >= s->d || k <= j)) theta[parameter_of(s, j, k)] += s->scale[at] * s->x[at];
        }
}

static void clear_free(const sg_coordinate_solver *s, double *theta) {
    for (int j = 0; j < s->d; j++)
        for (int k = 0; k < s->side; k++)
            if (s->where[(size_t)j * (size_t)s->side + (size_t)k] >= 0) theta[parameter_of(s, j, k)] = 0;
}

sg_status sg_coordinate_solve(sg_coordinate_solver *s, const sg_coordinate_sums *sums, double *theta,
                              sg_coordinate_report *report) {
    *report = (sg_coordinate_report){.residual = INFINITY};
    s->sums = sums;
    sg_status status = fill_scale(s);
    if (status) return status;
    for (int j = 0; j < s->d; j++) factor_one(s, j);
    if ((status = estimate_condition(s, report))) return status;
    clear_free(s, theta);
    double size = residual(s, theta);
    for (int round = 0; round < ROUNDS; round++) {
        gradients(s, s->x, round ? REFINED : SOLVED, &report->iterations);
        add_step(s, theta);
        size = residual(s, theta);
        const double left = cblas_dnrm2(s->m, s->r, 1) / fmax(size, DBL_MIN), last = report->residual;
        report->residual = left;
        if (!(left < 0.5 * last)) break;
    }
    if (report->residual <= RESIDUAL_MOST) return SG_OK;
    return sg_fail(SG_SINGULAR,
                   "the normal equations are solved with a residual of %.2g only: take more data, or fix "
                   "parameters with free=",
                   report->residual);
}
