/* Block Lanczos with a factor of A + shift M. */
#include "lanczos.h"

#include <math.h>
#include <string.h>

#include "scoregap/numeric.h"

enum { MOST_COLUMNS = 400, MOST_BLOCK = 16 };

typedef struct {
    sg_basis basis;
    const sg_form *form;
    int block, most, columns; /* most: room for columns */
    double *v;                /* [most + block][n] */
    double *t;                /* [most][most + block] products of A^-1 M times column k with the others */
    double *small, *value, *vector;
} state;

static sg_status take(state *s) {
    const size_t n = (size_t)s->form->n, most = (size_t)s->most, wide = most + (size_t)s->block;
    sg_status status = sg_basis_open(s->form, &s->basis);
    if (!status) status = sg_new(&s->v, wide * n, sizeof(double));
    if (!status) status = sg_new(&s->t, most * wide + 2 * most * most + most, sizeof(double));
    s->small = s->t + most * wide;
    s->vector = s->small + most * most;
    s->value = s->vector + most * most;
    return status;
}

static void release(state *s) {
    sg_basis_close(&s->basis);
    sg_delete(s->v);
    sg_delete(s->t);
}

/* The next block from columns [from, s->columns). */
static sg_status extend(state *s, int from) {
    const size_t n = (size_t)s->form->n;
    const int width = s->columns - from, to = s->columns;
    double *next = s->v + (size_t)to * n;
    for (int k = 0; k < width; k++) sg_form_weigh(s->form, s->v + (size_t)(from + k) * n, next + (size_t)k * n);
    sg_status status = sg_sparse_solve(s->form->a, width, next, next);
    if (!status)
        s->columns =
            sg_basis_push(&s->basis, to, to + width, s->v, s->t + from * (s->most + s->block), s->most + s->block);
    return status;
}

/* Ritz values of the first `columns`, and the largest residual of the `count` largest, relative to each. */
static sg_status ritz(state *s, int columns, int last, int count, double *residual) {
    const int stride = s->most + s->block, beyond = s->columns - columns;
    for (int j = 0; j < columns; j++)
        for (int i = 0; i <= j; i++) s->small[i + columns * j] = s->small[j + columns * i] = s->t[j * stride + i];
    sg_status status = sg_symmetric_eigen(columns, s->small, s->value, s->vector);
    *residual = columns < count ? INFINITY : 0;
    for (int k = 0; k < count && k < columns && !status; k++) {
        const double *y = s->vector + (size_t)columns * (size_t)(columns - 1 - k);
        double square = 0;
        for (int i = 0; i < beyond; i++) {
            double sum = 0;
            for (int j = last; j < columns; j++) sum += s->t[j * stride + columns + i] * y[j];
            square += sum * sum;
        }
        *residual = fmax(*residual, sqrt(square) / s->value[columns - 1 - k]);
    }
    return status;
}

static sg_status iterate(state *s, int count, const volatile int *stop, int *used) {
    sg_stream stream;
    double residual = INFINITY;
    sg_stream_open(&stream, 0, SG_PURPOSE_TEST, 1);
    sg_stream_normal(&stream, (size_t)s->form->n * (size_t)s->block, s->v);
    s->columns = sg_basis_push(&s->basis, 0, s->block, s->v, NULL, 0);
    for (int last = 0, step = 0; s->columns > last && s->columns <= s->most; step++) {
        if (stop && *stop) return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped");
        const int columns = s->columns;
        sg_status status = extend(s, last);
        if (!status && (step > 1 || s->columns == columns)) {
            *used = columns;
            status = ritz(s, columns, last, count, &residual);
        }
        if (status || residual < 1e-9) return status; /* of which the error of the value is the square */
        last = columns;
    }
    if (residual < 1e-6) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED,
                   "the Lanczos iteration did not converge on a matrix of order %d: the eigenvalues "
                   "are too close, or too small for it",
                   s->form->n);
}

sg_status sg_lanczos(const sg_form *form, double shift, int count, size_t memory, const volatile int *stop,
                     double *value, double *function) {
    const size_t n = (size_t)form->n;
    int block = count + 1 < MOST_BLOCK ? count + 1 : MOST_BLOCK, used = 0;
    if (block > form->n - 1) block = form->n - 1;
    state s = {.form = form, .block = block, .most = form->n < MOST_COLUMNS ? form->n : MOST_COLUMNS};
    sg_status status = take(&s);
    if (status) goto out;
    if ((status = sg_sparse_factor(form->a, shift, form->m, 0, NULL, memory))) goto out;
    if ((status = iterate(&s, count, stop, &used))) goto out;
    memset(function, 0, (size_t)count * n * sizeof *function);
    for (int k = 0; k < count; k++) {
        const double *y = s.vector + (size_t)used * (size_t)(used - 1 - k);
        value[k] = 1 / s.value[used - 1 - k] - shift;
        for (int j = 0; j < used; j++) sg_basis_add(form->n, y[j], s.v + (size_t)j * n, function + (size_t)k * n);
    }
    sg_form_unscale(form, count, function);
out:
    release(&s);
    return status;
}
