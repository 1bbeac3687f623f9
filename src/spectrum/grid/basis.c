/* What the eigenvalue iterations share: vectors orthonormal in M and to the constants. */
#include <math.h>
#include <string.h>

#include "lanczos.h"

double sg_basis_dot(int n, const double *x, const double *y) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

void sg_basis_add(int n, double c, const double *restrict x, double *restrict y) {
#pragma omp simd
    for (int i = 0; i < n; i++) y[i] += c * x[i];
}

void sg_form_weigh(const sg_form *form, const double *x, double *out) {
    if (form->m)
        sg_sparse_multiply(form->m, x, out);
    else
        memcpy(out, x, (size_t)form->n * sizeof *x);
}

void sg_form_unscale(const sg_form *form, int count, double *f) {
    for (int k = 0; k < count; k++, f += form->n)
        for (int i = 0; i < form->n; i++) {
            const double scale = exp(form->log_scale[i]);
            f[i] = scale > 0 ? f[i] / scale : 0;
        }
}

sg_status sg_basis_open(const sg_form *form, sg_basis *basis) {
    const size_t n = (size_t)form->n;
    *basis = (sg_basis){.form = form};
    sg_status status = sg_new(&basis->constant, 3 * n, sizeof(double));
    if (status) return status;
    basis->weighed = basis->constant + n;
    basis->scratch = basis->weighed + n;
    for (size_t i = 0; i < n; i++) basis->constant[i] = exp(form->log_scale[i]);
    sg_form_weigh(form, basis->constant, basis->weighed);
    const double size = sqrt(sg_basis_dot(form->n, basis->constant, basis->weighed));
    for (size_t i = 0; i < n; i++) basis->constant[i] /= size, basis->weighed[i] /= size;
    return SG_OK;
}

void sg_basis_close(sg_basis *basis) {
    sg_delete(basis->constant);
    basis->constant = NULL;
}

int sg_basis_push(const sg_basis *basis, int from, int to, double *v, double *coefficient, int stride) {
    const int n = basis->form->n;
    int columns = from;
    for (int k = from; k < to; k++) {
        double *x = v + (size_t)k * (size_t)n, *at = v + (size_t)columns * (size_t)n;
        double *c = coefficient ? coefficient + (k - from) * stride : NULL;
        double before = 0, size = 0;
        for (int twice = 0; twice < 2; twice++) {
            sg_form_weigh(basis->form, x, basis->scratch);
            size = sg_basis_dot(n, x, basis->scratch);
            if (!twice) before = sqrt(fmax(0, size));
            const double mean = sg_basis_dot(n, basis->weighed, x);
            sg_basis_add(n, -mean, basis->constant, x);
            size -= mean * mean;
            for (int j = 0; j < columns; j++) {
                const double *b = v + (size_t)j * (size_t)n, product = sg_basis_dot(n, b, basis->scratch);
                if (c) c[j] = product + (twice ? c[j] : 0);
                sg_basis_add(n, -product, b, x);
                size -= product * product;
            }
        }
        size = sqrt(fmax(0, size)); /* of what the second pass hardly changed */
        if (!(size > 1e-10 * before)) continue;
        if (c) c[columns] = size;
        for (int i = 0; i < n; i++) at[i] = x[i] / size;
        columns++;
    }
    return columns;
}
