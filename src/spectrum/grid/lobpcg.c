/*
 * LOBPCG (Knyazev 2001), constants taken out: Rayleigh-Ritz on the current vectors, their preconditioned residuals and
 * the last directions, all orthonormal in M.
 */
#include <math.h>
#include <string.h>

#include "lanczos.h"
#include "scoregap/numeric.h"

enum { MOST_STEPS = 1000, GUARDS = 2 }; /* guards: further vectors that speed up the last ones wanted */

typedef struct {
    const sg_form *form;
    sg_basis inner;
    sg_precondition *precondition;
    void *context;
    int n, wanted, count, columns;
    double *basis, *image, *fresh; /* [3 count][n]: X, W, P; A times them; the next X, A X, P */
    double *gram, *value, *vector;
} state;

static sg_status take(state *s) {
    const size_t n = (size_t)s->n, wide = 3 * (size_t)s->count;
    sg_status status = sg_basis_open(s->form, &s->inner);
    if (!status) status = sg_new(&s->basis, 3 * wide * n, sizeof(double));
    if (!status) status = sg_new(&s->gram, 2 * wide * wide + wide, sizeof(double));
    s->image = s->basis + wide * n;
    s->fresh = s->image + wide * n;
    s->vector = s->gram + wide * wide;
    s->value = s->vector + wide * wide;
    return status;
}

static void release(state *s) {
    sg_basis_close(&s->inner);
    sg_delete(s->basis);
    sg_delete(s->gram);
}

/* Ritz vectors into X, A times them where W is to be, the parts of them outside the old X into P. */
static sg_status ritz(state *s, int old) {
    const int c = s->columns, n = s->n;
    const size_t block = (size_t)s->count * (size_t)n;
    for (int k = 0; k < c; k++)
        sg_sparse_multiply(s->form->a, s->basis + (size_t)k * (size_t)n, s->image + (size_t)k * (size_t)n);
    for (int j = 0; j < c; j++)
        for (int k = 0; k <= j; k++)
            s->gram[j + c * k] = s->gram[k + c * j] =
                sg_basis_dot(n, s->basis + (size_t)j * (size_t)n, s->image + (size_t)k * (size_t)n);
    sg_status status = sg_symmetric_eigen(c, s->gram, s->value, s->vector);
    if (status) return status;
    memset(s->fresh, 0, 3 * block * sizeof(double));
    for (int k = 0; k < s->count && k < c; k++)
        for (int j = 0; j < c; j++) {
            const double *b = s->basis + (size_t)j * (size_t)n, *a = s->image + (size_t)j * (size_t)n;
            const double y = s->vector[j + c * k];
            double *to = s->fresh + (size_t)k * (size_t)n;
            sg_basis_add(n, y, b, to);
            sg_basis_add(n, y, a, to + block);
            if (j >= old) sg_basis_add(n, y, b, to + 2 * block);
        }
    memcpy(s->basis, s->fresh, 3 * block * sizeof(double));
    return SG_OK;
}

static void fill_start(state *s) {
    sg_stream stream;
    sg_stream_open(&stream, 0, SG_PURPOSE_TEST, 1);
    sg_stream_normal(&stream, (size_t)s->n * (size_t)s->count, s->basis);
}

/* W = preconditioner (A X - M X theta), in place of A X. */
static sg_status residuals(state *s) {
    const size_t n = (size_t)s->n;
    double *w = s->basis + (size_t)s->count * n;
    for (int k = 0; k < s->count; k++) {
        sg_form_weigh(s->form, s->basis + (size_t)k * n, s->fresh);
        sg_basis_add(s->n, -s->value[k], s->fresh, w + (size_t)k * n);
    }
    return s->precondition(s->context, s->count, w);
}

static sg_status iterate(state *s, double tol, const volatile int *stop) {
    double last[64] = {0};
    fill_start(s);
    sg_status status = s->precondition(s->context, s->count, s->basis); /* as an inverse iteration would start */
    if (status) return status;
    s->columns = sg_basis_push(&s->inner, 0, s->count, s->basis, NULL, 0);
    status = ritz(s, 0);
    for (int step = 0, quiet = 0; !status && step < MOST_STEPS; step++) {
        if (stop && *stop) return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped");
        double change = 0;
        for (int k = 0; k < s->wanted; k++) {
            change = fmax(change, fabs(s->value[k] - last[k]) / s->value[k]);
            last[k] = s->value[k];
        }
        quiet = change < tol ? quiet + 1 : 0;
        if (quiet == 3) return SG_OK;
        status = residuals(s);
        if (status) break;
        s->columns = sg_basis_push(&s->inner, 0, step ? 3 * s->count : 2 * s->count, s->basis, NULL, 0);
        status = ritz(s, s->count);
    }
    if (status) return status;
    return sg_fail(SG_NOT_CONVERGED,
                   "LOBPCG did not converge in %d steps on a matrix of order %d: allow more memory, so "
                   "that the matrix can be factored",
                   MOST_STEPS, s->n);
}

sg_status sg_lobpcg(const sg_form *form, sg_precondition *precondition, void *context, int count, double tol,
                    const volatile int *stop, double *value, double *function) {
    state s = {.form = form,
               .precondition = precondition,
               .context = context,
               .n = form->n,
               .wanted = count,
               .count = count + GUARDS};
    sg_status status = take(&s);
    if (!status) status = iterate(&s, tol, stop);
    if (!status) {
        memcpy(value, s.value, (size_t)count * sizeof *value);
        memcpy(function, s.basis, (size_t)count * (size_t)s.n * sizeof *function);
        sg_form_unscale(form, count, function);
    }
    release(&s);
    return status;
}
