/*
 * Lanczos' process from a given vector, in three vectors.  Without reorthogonalization Ritz values that have converged
 * come back as copies, whose weights add up to that of the eigenvalue (Greenbaum 1989): copies are taken together.
 */
#include "quadrature.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#define ONE 1e-9       /* of the top: Ritz values nearer than that are one */
#define NONE 1e-13     /* of the whole: weights that are none */
#define SHARP 1e-6     /* residual over the distance to the next value; the error of a weight is its square */
#define ROUNDING 1e-13 /* of the top: residuals that are as small as they become */
#define GROWTH 1.25    /* steps from one look to the next */
#define SINKING 1e-3   /* of the first entries: a next vector that small is looked at */
enum { FIRST_LOOK = 12 };

typedef struct {
    sg_krylov k;
    sg_quadrature *out;
    int steps, most;
    double *value, *weight, *residual; /* of the tridiagonal matrix [most] */
    double *work;                      /* [6 most] */
} run;

void sg_quadrature_clear(sg_quadrature *q) {
    sg_delete(q->value);
    sg_delete(q->weight);
    sg_delete(q->error);
    sg_delete(q->alpha);
    sg_delete(q->beta);
    *q = (sg_quadrature){0};
}

static void release(run *r) {
    double *part[] = {r->value, r->weight, r->work, r->residual, r->k.v, r->k.w, r->k.partial};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
}

static sg_status allocate(run *r) {
    const size_t n = r->k.problem->n, chunks = (n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK, most = (size_t)r->most;
    sg_status status;
    if ((status = sg_new(&r->k.partial, 3 * chunks, sizeof(double)))) return status;
    if ((status = sg_new(&r->k.v, n, sizeof(double)))) return status;
    if ((status = sg_new(&r->k.w, n, sizeof(double)))) return status;
    if ((status = sg_new(&r->out->alpha, most, sizeof(double)))) return status;
    if ((status = sg_new(&r->out->beta, most + 1, sizeof(double)))) return status;
    if ((status = sg_new(&r->value, most, sizeof(double)))) return status;
    if ((status = sg_new(&r->weight, most, sizeof(double)))) return status;
    if ((status = sg_new(&r->work, 6 * most, sizeof(double)))) return status;
    if ((status = sg_new(&r->residual, most, sizeof(double)))) return status;
    if ((status = sg_new(&r->out->value, most, sizeof(double)))) return status;
    if ((status = sg_new(&r->out->weight, most, sizeof(double)))) return status;
    return sg_new(&r->out->error, most, sizeof(double));
}

/* ------------------------------------------------------------------- Ritz values */

/*
 * All of them, ascending, with the vectors' first entries squared and the norms of their residuals.  T + shift = U^T U
 * is positive, and LAPACK takes the singular values of U with any rows of its right vectors: the first and the last are
 * enough, k^2 operations.
 */
static sg_status solve(run *r) {
    const int m = r->steps;
    double *d = r->value, *e = r->residual, *ends = r->work, *scratch = ends + 2 * (size_t)r->most, top = 0;
    for (int i = 0; i < m; i++) top = fmax(top, r->out->alpha[i] + r->out->beta[i + 1] + (i > 0 ? r->out->beta[i] : 0));
    const double shift = 64 * DBL_EPSILON * top;
    for (int i = 0; i < m; i++) d[i] = r->out->alpha[i] + shift;
    for (int i = 0; i < m; i++) e[i] = r->out->beta[i + 1];
    int info = LAPACKE_dpttrf_work(m, d, e);
    for (int i = 0; i < m && !info; i++) {
        d[i] = sqrt(d[i]);
        e[i] *= d[i];
    }
    memset(ends, 0, 2 * (size_t)m * sizeof(double)); /* [m][2] by columns: of the first and of the last entries */
    ends[0] = ends[2 * m - 1] = 1;
    if (!info) info = LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', m, 2, 0, 0, d, e, ends, m, NULL, 1, NULL, 1, scratch);
    if (info)
        return sg_fail(SG_NOT_CONVERGED, "the tridiagonal matrix of %d Lanczos steps has no eigenvalues by LAPACK", m);
    for (int i = 0, k = m - 1; i < k; i++, k--) { /* they come in descending order */
        const double held = d[i];
        d[i] = d[k];
        d[k] = held;
    }
    for (int i = 0; i < m; i++) d[i] = d[i] * d[i] - shift;
    for (int i = 0; i < m; i++) r->residual[i] = r->out->beta[m] * fabs(ends[m + m - 1 - i]);
    for (int i = 0; i < m; i++) r->weight[i] = ends[m - 1 - i] * ends[m - 1 - i];
    return SG_OK;
}

/* Ritz values that are one, taken together: value and residual in the mean, weights added; without those of no weight.
 */
static void gather(run *r) {
    const double *weight = r->weight, *value = r->value;
    sg_quadrature *q = r->out;
    q->top = value[r->steps - 1] + r->residual[r->steps - 1];
    q->count = 0;
    for (int i = 0, end; i < r->steps; i = end) {
        double sum = 0, mean = 0, square = 0;
        for (end = i; end < r->steps && (end == i || value[end] - value[end - 1] <= ONE * q->top); end++) {
            sum += weight[end];
            mean += weight[end] * value[end];
            square += weight[end] * r->residual[end] * r->residual[end];
        }
        if (!(sum > NONE)) continue;
        q->value[q->count] = mean / sum;
        q->error[q->count] = sqrt(square / sum);
        q->weight[q->count++] = sum;
    }
}

static double distance_of(const sg_quadrature *q, int i) {
    const double below = i > 0 ? q->value[i] - q->value[i - 1] : INFINITY;
    const double above = i + 1 < q->count ? q->value[i + 1] - q->value[i] : INFINITY;
    return fmin(fmin(below, above), q->top);
}

/* Residuals become errors, of second order where the next value is apart; how many of the first have converged. */
static void judge(sg_quadrature *q) {
    double rest = 0;
    q->known = q->count;
    q->limit = INFINITY;
    for (int i = 0; i < q->count; i++) {
        const double residual = q->error[i], far = distance_of(q, i);
        const bool converged = residual <= fmax(SHARP * far, ROUNDING * q->top);
        if (!converged) rest += q->weight[i];
        if (!converged && i < q->known) {
            q->known = i;
            q->limit = q->value[i] - residual;
        }
        q->error[i] = fmin(residual, residual * residual / far);
    }
    if (rest <= NONE * q->count) { /* the process has ended, but for rounding */
        q->known = q->count;
        q->limit = INFINITY;
    }
}

double sg_quadrature_most(const sg_quadrature *q, double value) {
    double last = 0, now = 1, sum = 1; /* orthonormal polynomials at the value */
    for (int k = 0; k + 1 < q->steps && sum < 1e200; k++) {
        const double next = ((value - q->alpha[k]) * now - (k ? q->beta[k] * last : 0)) / q->beta[k + 1];
        last = now;
        now = next;
        sum += now * now;
    }
    return q->moment[0] / sum;
}

/* --------------------------------------------------------------------- process */

/* False: nothing is left of the start beside null. */
static bool begin(run *r, const double *start) {
    sg_krylov *k = &r->k;
    const size_t n = k->problem->n;
    memcpy(k->v, start, n * sizeof(double));
    const double size = sqrt(sg_krylov_dot(k, k->v, k->v));
    sg_krylov_project(k, k->v);
    sg_krylov_project(k, k->v);
    r->out->moment[0] = sg_krylov_dot(k, k->v, k->v);
    const double left = sqrt(r->out->moment[0]);
    if (!(left > 1e-12 * size)) return false;
    sg_krylov_multiply(k, 1 / left, k->v);
    r->out->beta[0] = 1;
    return true;
}

static sg_status iterate(run *r, int count) {
    sg_quadrature *q = r->out;
    int next = FIRST_LOOK;
    for (int j = 0; j < r->most; j++) {
        double part;
        if (sg_krylov_stopped(&r->k)) return sg_fail(SG_STOPPED, "Lanczos' process was stopped after %d steps", j);
        sg_krylov_step(&r->k, j, r->out->alpha, r->out->beta, &part);
        r->steps = j + 1;
        if (!isfinite(r->out->alpha[j] + r->out->beta[j + 1]))
            return sg_fail(SG_OUT_OF_RANGE, "a rate is not finite: the probabilities of neighbours differ by too much");
        const double scale = fmax(fabs(r->out->alpha[0]), r->out->beta[1]);
        const bool ended = r->out->beta[j + 1] <= 4 * DBL_EPSILON * scale;
        if (r->steps < next && r->steps < r->most && !ended && r->out->beta[j + 1] > SINKING * scale) continue;
        sg_status status = solve(r);
        if (status) return status;
        gather(r);
        judge(q);
        if (ended || q->known == q->count || q->known >= count) return SG_OK;
        next = (int)ceil(r->steps * GROWTH);
    }
    return SG_OK;
}

sg_status sg_lanczos_quadrature(const sg_lanczos *problem, const double *start, int most, int count,
                                sg_quadrature *out) {
    run r = {.k = {.problem = problem}, .out = out, .most = most};
    *out = (sg_quadrature){0};
    sg_status status = allocate(&r);
    if (status) goto out;
    r.k.null2 = sg_krylov_dot(&r.k, problem->null, problem->null);
    out->limit = INFINITY;
    if (!begin(&r, start)) goto out;
    if ((status = iterate(&r, count))) goto out;
    out->steps = r.steps;
    out->moment[1] = out->moment[0] * out->alpha[0];
    out->moment[2] = out->moment[0] * (out->alpha[0] * out->alpha[0] + out->beta[1] * out->beta[1]);
    for (int i = 0; i < out->count; i++) out->weight[i] *= out->moment[0];
out:
    release(&r);
    if (status) sg_quadrature_clear(out);
    return status;
}
