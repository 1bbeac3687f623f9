#include "arpack.h"

#include <arpack/arpack.h>
#include <pthread.h>
#include <string.h>

enum { CONVERGED = 99, PRODUCT = 1, FIRST_PRODUCT = -1 };

/* ARPACK's routines keep their state between calls in static variables. */
static pthread_mutex_t whole_solve = PTHREAD_MUTEX_INITIALIZER;

typedef struct {
    double *start, *basis, *work, *small, *value;
    int *select;
} memory;

static sg_status take(const sg_arpack_settings *s, size_t vectors, memory *m) {
    const size_t n = (size_t)s->n;
    sg_status status = sg_new(&m->start, n, sizeof(double));
    if (!status) status = sg_new(&m->basis, n * vectors, sizeof(double));
    if (!status) status = sg_new(&m->work, 3 * n, sizeof(double));
    if (!status) status = sg_new(&m->small, vectors * (vectors + 8), sizeof(double));
    if (!status) status = sg_new(&m->value, (size_t)s->count, sizeof(double));
    if (!status) status = sg_new(&m->select, vectors, sizeof(int));
    return status;
}

static void release(memory *m) {
    sg_delete(m->start);
    sg_delete(m->basis);
    sg_delete(m->work);
    sg_delete(m->small);
    sg_delete(m->value);
    sg_delete(m->select);
}

static void fill_start(const sg_arpack_settings *s, double *start) {
    sg_stream stream;
    if (s->start) {
        memcpy(start, s->start, (size_t)s->n * sizeof(double));
        return;
    }
    sg_stream_open(&stream, 0, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, (size_t)s->n, start);
}

static sg_status complaint(int code, const sg_arpack_settings *s) {
    if (code == 1)
        return sg_fail(SG_NOT_CONVERGED,
                       "Lanczos iteration did not find %d eigenpairs of a matrix of order %d: allow "
                       "more restarts, or a larger tolerance",
                       s->count, s->n);
    return sg_fail(SG_NOT_CONVERGED, "Lanczos iteration on a matrix of order %d failed with ARPACK's code %d", s->n,
                   code);
}

static sg_status iterate(const sg_arpack_settings *s, int vectors, sg_arpack_apply *apply, void *context, memory *m,
                         double *value, double *vector, int *products) {
    const char *which = s->smallest ? "SA" : "LA";
    const int n = s->n, length = vectors * (vectors + 8);
    int param[11] = {1, 0, s->most > 0 ? s->most : 300, 1, 0, 0, 1}, at[14] = {0}, ido = 0, info = 1;
    sg_status status = SG_OK;
    while (ido != CONVERGED) {
        dsaupd_c(&ido, "I", n, which, s->count, s->tol, m->start, vectors, m->basis, n, param, at, m->work, m->small,
                 length, &info);
        if (ido != PRODUCT && ido != FIRST_PRODUCT) break;
        if (s->stop && *s->stop) return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped");
        if ((status = apply(context, m->work + at[0] - 1, m->work + at[1] - 1))) return status;
    }
    if (products) *products = param[8];
    if (info != 0) return complaint(info, s);
    dseupd_c(vector != NULL, "A", m->select, m->value, m->basis, n, 0, "I", n, which, s->count, s->tol, m->start,
             vectors, m->basis, n, param, at, m->work, m->small, length, &info);
    if (info != 0) return complaint(info, s);
    for (int k = 0; k < s->count; k++) { /* ARPACK's order is ascending */
        const int from = s->smallest ? k : s->count - 1 - k;
        value[k] = m->value[from];
        if (vector) memcpy(vector + (size_t)k * n, m->basis + (size_t)from * n, (size_t)n * sizeof(double));
    }
    return SG_OK;
}

sg_status sg_arpack_symmetric(const sg_arpack_settings *settings, sg_arpack_apply *apply, void *context, double *value,
                              double *vector, int *products) {
    const int n = settings->n, count = settings->count;
    int vectors = settings->vectors ? settings->vectors : count < 10 ? 20 : 2 * count + 1;
    memory m = {0};
    if (vectors > n) vectors = n;
    if (count < 1 || count >= vectors)
        return sg_fail(SG_OUT_OF_RANGE, "%d eigenpairs of a matrix of order %d from %d vectors: ask for fewer", count,
                       n, vectors);
    sg_status status = take(settings, (size_t)vectors, &m);
    if (status) goto out;
    fill_start(settings, m.start);
    pthread_mutex_lock(&whole_solve);
    status = iterate(settings, vectors, apply, context, &m, value, vector, products);
    pthread_mutex_unlock(&whole_solve);
out:
    release(&m);
    return status;
}
