/*
 * LOBPCG (Knyazev 2001) in the variable M^1/2 f, constants projected out: Rayleigh-Ritz on the current vectors, their
 * preconditioned residuals and the last directions, orthonormalized by the eigenvectors of the Gram matrix.
 */
#include <math.h>
#include <string.h>

#include "lanczos.h"
#include "scoregap/numeric.h"

enum { MOST_STEPS = 1000, GUARDS = 2 }; /* guards: further vectors that speed up the last ones wanted */

typedef struct {
    int n, wanted, count, columns;
    double *basis, *image; /* [3 count][n]: X, W, P and A times them */
    double *constant, *gram, *ritz, *value, *vector, *fresh;
} state;

static double dot(int n, const double *x, const double *y) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static void add(int n, double c, const double *restrict x, double *restrict y) {
#pragma omp simd
    for (int i = 0; i < n; i++) y[i] += c * x[i];
}

static sg_status take(state *s) {
    const size_t n = (size_t)s->n, wide = 3 * (size_t)s->count;
    sg_status status = sg_new(&s->basis, wide * n, sizeof(double));
    if (!status) status = sg_new(&s->image, wide * n, sizeof(double));
    if (!status) status = sg_new(&s->fresh, wide * n, sizeof(double));
    if (!status) status = sg_new(&s->constant, n, sizeof(double));
    if (!status) status = sg_new(&s->gram, 4 * wide * wide + wide, sizeof(double));
    s->ritz = s->gram + wide * wide;
    s->vector = s->ritz + wide * wide;
    s->value = s->vector + 2 * wide * wide;
    return status;
}

static void release(state *s) {
    sg_delete(s->basis);
    sg_delete(s->image);
    sg_delete(s->fresh);
    sg_delete(s->constant);
    sg_delete(s->gram);
}

/* Columns orthonormal against those before, twice; one that is nothing but rounding error is dropped. */
static void orthonormalize(state *s, int from, int to) {
    s->columns = from;
    for (int k = from; k < to; k++) {
        double *x = s->basis + (size_t)k * (size_t)s->n, *at = s->basis + (size_t)s->columns * (size_t)s->n;
        const double before = sqrt(dot(s->n, x, x));
        for (int twice = 0; twice < 2; twice++) {
            add(s->n, -dot(s->n, s->constant, x), s->constant, x);
            for (int j = 0; j < s->columns; j++) {
                const double *b = s->basis + (size_t)j * (size_t)s->n;
                add(s->n, -dot(s->n, b, x), b, x);
            }
        }
        const double size = sqrt(dot(s->n, x, x));
        if (!(size > 1e-10 * before) || before == 0) continue;
        for (int i = 0; i < s->n; i++) at[i] = x[i] / size;
        s->columns++;
    }
}

/* Ritz vectors into X, the parts of them outside the old X into P. */
static sg_status ritz(state *s, const sg_form *form, int old) {
    const int c = s->columns, n = s->n;
    for (int k = 0; k < c; k++)
        sg_sparse_multiply(form->a, s->basis + (size_t)k * (size_t)n, s->image + (size_t)k * (size_t)n);
    for (int j = 0; j < c; j++)
        for (int k = 0; k < c; k++)
            s->ritz[j + c * k] = dot(n, s->basis + (size_t)j * (size_t)n, s->image + (size_t)k * (size_t)n);
    sg_status status = sg_symmetric_eigen(c, s->ritz, s->value, s->vector);
    if (status) return status;
    memset(s->fresh, 0, 3 * (size_t)s->count * (size_t)n * sizeof(double));
    for (int k = 0; k < s->count; k++)
        for (int j = 0; j < c; j++) {
            const double *b = s->basis + (size_t)j * (size_t)n, *a = s->image + (size_t)j * (size_t)n;
            const double y = s->vector[j + c * k];
            add(n, y, b, s->fresh + (size_t)k * (size_t)n);
            add(n, y, a, s->fresh + (size_t)(s->count + k) * (size_t)n);
            if (j >= old) add(n, y, b, s->fresh + (size_t)(2 * s->count + k) * (size_t)n);
        }
    memcpy(s->basis, s->fresh, 3 * (size_t)s->count * (size_t)n * sizeof(double)); /* X, AX, P */
    return SG_OK;
}

static void fill_start(state *s) {
    sg_stream stream;
    sg_stream_open(&stream, 0, SG_PURPOSE_TEST, 1);
    sg_stream_normal(&stream, (size_t)s->n * (size_t)s->count, s->basis);
}

/* W = preconditioner (A X - X theta), in place of A X. */
static sg_status residuals(state *s, sg_sparse *coarse) {
    sg_status status = SG_OK;
    for (int k = 0; k < s->count && !status; k++) {
        double *x = s->basis + (size_t)k * (size_t)s->n, *r = s->basis + (size_t)(s->count + k) * (size_t)s->n;
        add(s->n, -s->value[k], x, r);
        status = sg_sparse_solve(coarse, 1, r, r);
    }
    return status;
}

static sg_status iterate(state *s, const sg_form *form, sg_sparse *coarse, double tol, const volatile int *stop) {
    double last[64] = {0};
    fill_start(s);
    for (int k = 0; k < s->count; k++) { /* as an inverse iteration would start */
        double *x = s->basis + (size_t)k * (size_t)s->n;
        sg_status status = sg_sparse_solve(coarse, 1, x, x);
        if (status) return status;
    }
    orthonormalize(s, 0, s->count);
    sg_status status = ritz(s, form, 0);
    for (int step = 0, quiet = 0; !status && step < MOST_STEPS; step++) {
        if (stop && *stop) return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped");
        double change = 0;
        for (int k = 0; k < s->wanted; k++) {
            change = fmax(change, fabs(s->value[k] - last[k]) / s->value[k]);
            last[k] = s->value[k];
        }
        quiet = change < 0.01 * tol ? quiet + 1 : 0;
        if (quiet == 3) return SG_OK;
        status = residuals(s, coarse);
        if (status) break;
        orthonormalize(s, 0, step ? 3 * s->count : 2 * s->count);
        status = ritz(s, form, s->count);
    }
    if (status) return status;
    return sg_fail(SG_NOT_CONVERGED,
                   "LOBPCG did not converge in %d steps on a matrix of order %d: allow more memory, so "
                   "that the matrix can be factored",
                   MOST_STEPS, s->n);
}

sg_status sg_lobpcg(const sg_form *form, sg_sparse *coarse, double shift, int count, size_t memory, double tol,
                    const volatile int *stop, double *value, double *function) {
    const size_t n = (size_t)form->n;
    state s = {.n = form->n, .wanted = count, .count = count + GUARDS};
    double *root = NULL;
    sg_status status = sg_sparse_factor(coarse, shift, 0, NULL, memory);
    if (status || (status = take(&s))) goto out;
    if ((status = sg_new(&root, n, sizeof(double)))) goto out;
    for (size_t i = 0; i < n; i++) s.constant[i] = root[i] = exp(0.5 * form->log_mass[i]);
    const double norm = sqrt(dot(s.n, root, root));
    for (size_t i = 0; i < n; i++) s.constant[i] /= norm;
    if ((status = iterate(&s, form, coarse, tol, stop))) goto out;
    for (int k = 0; k < count; k++) {
        double *f = function + (size_t)k * n;
        for (size_t i = 0; i < n; i++) f[i] = root[i] > 0 ? s.basis[(size_t)k * n + i] / root[i] : 0;
        value[k] = sg_form_quotient(form, root, f);
    }
out:
    release(&s);
    sg_delete(root);
    return status;
}
