#include "lanczos.h"

#include <math.h>
#include <string.h>

#include "spectrum/arpack.h"

typedef struct {
    const sg_form *form;
    double *constant, *scratch; /* [n]: M^1/2 of norm one */
} deflated;

static void project(const deflated *d, double *x) {
    const int n = d->form->n;
    for (int twice = 0; twice < 2; twice++) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += d->constant[i] * x[i];
        for (int i = 0; i < n; i++) x[i] -= sum * d->constant[i];
    }
}

static sg_status apply(void *context, const double *x, double *y) {
    const deflated *d = context;
    memcpy(d->scratch, x, (size_t)d->form->n * sizeof(double));
    project(d, d->scratch);
    sg_status status = sg_sparse_solve(d->form->a, 1, d->scratch, y);
    project(d, y);
    return status;
}

/* From M^1/2 f to f, centred, of variance one; its Rayleigh quotient. */
double sg_form_quotient(const sg_form *form, const double *root, double *f) {
    const int n = form->n;
    double mass = 0, mean = 0, square = 0;
    for (int i = 0; i < n; i++) mass += root[i] * root[i], mean += root[i] * (root[i] * f[i]);
    mean /= mass;
    for (int i = 0; i < n; i++) {
        f[i] -= mean;
        square += root[i] * root[i] * (f[i] * f[i]);
    }
    const double size = sqrt(mass / square);
    for (int i = 0; i < n; i++) f[i] *= size;
    return form->energy(form->context, 0, f, f) / mass;
}

static void divide(int n, const double *root, double *f) {
    for (int i = 0; i < n; i++) f[i] = root[i] > 0 ? f[i] / root[i] : 0;
}

static void sort_pairs(int count, size_t n, double *value, double *function, double *scratch) {
    for (int k = 1; k < count; k++)
        for (int j = k; j > 0 && value[j] < value[j - 1]; j--) {
            const double v = value[j];
            value[j] = value[j - 1];
            value[j - 1] = v;
            memcpy(scratch, function + (size_t)j * n, n * sizeof(double));
            memcpy(function + (size_t)j * n, function + (size_t)(j - 1) * n, n * sizeof(double));
            memcpy(function + (size_t)(j - 1) * n, scratch, n * sizeof(double));
        }
}

sg_status sg_lanczos(const sg_form *form, double shift, int count, size_t memory, const volatile int *stop,
                     double *value, double *function) {
    const size_t n = (size_t)form->n;
    const sg_arpack_settings settings = {.n = form->n, .count = count, .tol = 1e-13, .stop = stop};
    double *root = NULL, norm = 0;
    sg_status status = sg_new(&root, 3 * n, sizeof(double));
    if (status) return status;
    deflated d = {form, root + n, root + 2 * n};
    for (size_t i = 0; i < n; i++) root[i] = exp(0.5 * form->log_mass[i]);
    for (size_t i = 0; i < n; i++) norm += root[i] * root[i];
    for (size_t i = 0; i < n; i++) d.constant[i] = root[i] / sqrt(norm);
    if ((status = sg_sparse_factor(form->a, shift, 0, NULL, memory))) goto out;
    if ((status = sg_arpack_symmetric(&settings, apply, &d, value, function, NULL))) goto out;
    for (int k = 0; k < count; k++) {
        divide(form->n, root, function + (size_t)k * n);
        value[k] = sg_form_quotient(form, root, function + (size_t)k * n);
    }
    sort_pairs(count, n, value, function, d.scratch);
out:
    sg_delete(root);
    return status;
}
