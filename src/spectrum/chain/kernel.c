/* Reversible processes in discrete time: S = pi^{1/2} P pi^{-1/2} through the products with P that the row offers. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "jumps.h"
#include "spectrum/arpack.h"
#include "spectrum/finite.h"
#include "spectrum/kinds.h"

enum { DENSE = 512 };
#define USUAL_MEMORY ((size_t)1 << 30)
#define SPREAD 1300.0    /* of log p: square roots stay numbers */
#define OUT_OF_WAY 3.0   /* takes the constant function below -1 */
#define PAIRS_TO 1e-11   /* residual of Lanczos' pairs */
#define SMALLEST_TO 1e-6 /* that of the smallest eigenvalue, whose error is its square */
#define NEGATIVE (-1e-9) /* smallest eigenvalues below that are told */

typedef struct {
    const sg_kernel *kernel;
    bool positive;
    int n;         /* states */
    double *root;  /* [n] pi^{1/2} */
    double *inner; /* [n] scratch */
    double lack;   /* rounding: of P 1 - 1 and of products */
    double smallest;
    int products, locked;
    const double *lock; /* [locked][n] eigenvectors that are known */
} problem;

/* ------------------------------------------------------------------- the law */

static sg_status fill_root(const sg_model *model, problem *p) {
    double top = -INFINITY, bottom = INFINITY, sum = 0;
    sg_status status = sg_jumps_states(model, 0, &p->root);
    if (!status) status = sg_new(&p->inner, (size_t)p->n, sizeof(double));
    if (status) return status;
    for (int x = 0; x < p->n; x++) {
        top = fmax(top, p->root[x]);
        bottom = fmin(bottom, p->root[x]);
    }
    if (bottom == -INFINITY)
        return sg_fail(SG_REFUSED, "%s forbids some states: the gap of a process in discrete time needs p > 0",
                       model->text);
    if (!(top - bottom <= SPREAD))
        return sg_fail(SG_OUT_OF_RANGE, "log p of %s spans %g, more than %g: take smaller parameters", model->text,
                       top - bottom, SPREAD);
    for (int x = 0; x < p->n; x++) {
        p->root[x] = exp(0.5 * (p->root[x] - top));
        sum += p->root[x] * p->root[x];
    }
    cblas_dscal(p->n, 1 / sqrt(sum), p->root, 1);
    return SG_OK;
}

/* ------------------------------------------------------------------- products */

/* y = S x */
static void product(problem *p, const double *x, double *y) {
    for (int k = 0; k < p->n; k++) p->inner[k] = x[k] / p->root[k];
    p->kernel->apply(p->kernel, p->inner, y);
    for (int k = 0; k < p->n; k++) y[k] *= p->root[k];
    p->products++;
}

static void take_out(const problem *p, const double *vector, const double *x, double *y) {
    cblas_daxpy(p->n, -OUT_OF_WAY * cblas_ddot(p->n, vector, 1, x, 1), vector, 1, y, 1);
}

static sg_status without_known(void *context, const double *x, double *y) {
    problem *p = context;
    product(p, x, y);
    take_out(p, p->root, x, y);
    for (int k = 0; k < p->locked; k++) take_out(p, p->lock + (size_t)k * (size_t)p->n, x, y);
    return SG_OK;
}

static sg_status turned(void *context, const double *x, double *y) {
    problem *p = context;
    product(p, x, y);
    for (int k = 0; k < p->n; k++) y[k] = x[k] - y[k];
    return SG_OK;
}

static void measure_rounding(int sites, problem *p, double *image) {
    double worst = 0;
    for (int x = 0; x < p->n; x++) p->inner[x] = 1;
    p->kernel->apply(p->kernel, p->inner, image);
    for (int x = 0; x < p->n; x++) worst = fmax(worst, fabs(image[x] - 1));
    p->lack = worst + 8 * sites * 0x1p-52;
}

/* ------------------------------------------------------------------ eigenpairs */

/* All of them, ascending; S is made symmetric, and what that changes goes into the rounding. */
static sg_status all_pairs(problem *p, double *value, double *matrix) {
    const size_t n = (size_t)p->n;
    double *unit = NULL, *work = NULL, want, worst = 0;
    sg_status status = sg_new(&unit, n, sizeof(double));
    for (size_t y = 0; !status && y < n; y++) {
        unit[y] = 1;
        product(p, unit, matrix + n * y);
        unit[y] = 0;
    }
    for (size_t x = 0; !status && x < n; x++) {
        double sum = 0;
        for (size_t y = 0; y < n; y++) sum += 0.5 * fabs(matrix[x + n * y] - matrix[y + n * x]);
        worst = fmax(worst, sum);
    }
    for (size_t y = 0; !status && y < n; y++)
        for (size_t x = 0; x < y; x++)
            matrix[x + n * y] = matrix[y + n * x] = 0.5 * (matrix[x + n * y] + matrix[y + n * x]);
    p->lack += worst;
    /* the constant function leaves the top */
    if (!status) cblas_dsyr(CblasColMajor, CblasLower, p->n, -OUT_OF_WAY, p->root, 1, matrix, p->n);
    if (!status) LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', p->n, matrix, p->n, value, &want, -1);
    if (!status) status = sg_new(&work, (size_t)want, sizeof(double));
    if (!status && LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', p->n, matrix, p->n, value, work, (int)want) != 0)
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of a matrix of order %d were not found", p->n);
    sg_delete(unit);
    sg_delete(work);
    return status;
}

static double residual(problem *p, double value, const double *vector, double *image) {
    product(p, vector, image);
    cblas_daxpy(p->n, -value, vector, 1, image, 1);
    return cblas_dnrm2(p->n, image, 1);
}

/* The first `count` below 1, descending, with their vectors. */
static sg_status by_dense(problem *p, int count, double *value, double *vector) {
    const size_t n = (size_t)p->n;
    double *all = NULL, *matrix = NULL;
    sg_status status = sg_new(&all, n, sizeof(double));
    if (!status) status = sg_new(&matrix, n * n, sizeof(double));
    if (!status) status = all_pairs(p, all, matrix);
    for (size_t k = 0; !status && k < (size_t)count; k++) {
        value[k] = all[n - 1 - k];
        memcpy(vector + n * k, matrix + n * (n - 1 - k), n * sizeof(double));
    }
    if (!status) p->smallest = all[1]; /* the constant function is the first */
    sg_delete(all);
    sg_delete(matrix);
    return status;
}

/* Puts a pair where it belongs; the last one goes. */
static void insert(const problem *p, int count, double *value, double *vector, double found, const double *pair) {
    const size_t n = (size_t)p->n;
    int at = count - 1;
    for (; at > 0 && value[at - 1] < found; at--) {
        value[at] = value[at - 1];
        memcpy(vector + n * (size_t)at, vector + n * (size_t)(at - 1), n * sizeof(double));
    }
    value[at] = found;
    memcpy(vector + n * (size_t)at, pair, n * sizeof(double));
}

/* One Krylov space sees a multiple eigenvalue once: what is left without the pairs known may belong among them. */
static sg_status find_copies(problem *p, const sg_arpack_settings *first, int count, double *value, double *vector) {
    sg_arpack_settings s = *first;
    double *pair = NULL, found = INFINITY;
    sg_status status = sg_new(&pair, (size_t)p->n, sizeof(double));
    s.count = 1;
    p->lock = vector;
    p->locked = count;
    for (int k = 0; !status && k < count && found > value[count - 1]; k++) {
        status = sg_arpack_symmetric(&s, without_known, p, &found, pair, NULL);
        if (!status && found > value[count - 1]) insert(p, count, value, vector, found, pair);
    }
    p->locked = 0;
    sg_delete(pair);
    return status;
}

static sg_status by_lanczos(problem *p, const sg_spectrum_settings *settings, int count, double *value,
                            double *vector) {
    sg_arpack_settings s = {.n = p->n, .count = count, .tol = PAIRS_TO, .stop = settings->stop};
    sg_status status = sg_arpack_symmetric(&s, without_known, p, value, vector, NULL);
    if (!status && count > 1) status = find_copies(p, &s, count, value, vector);
    if (status || p->positive) return status;
    s.count = 1;
    s.tol = SMALLEST_TO;
    status = sg_arpack_symmetric(&s, turned, p, &p->smallest, NULL, NULL);
    p->smallest = 1 - p->smallest;
    return status;
}

/* --------------------------------------------------------------------- answers */

static double absolute_gap(const problem *p, double gap) {
    return fmin(gap, 1 + fmax(-1, p->smallest));
}

static void report(const problem *p, double value, double error, sg_gap *out) {
    const double gap = 1 - value;
    const char *method =
        p->n <= DENSE ? "all eigenvalues of the transition matrix" : "Lanczos' method on the transition matrix";
    if (gap > error) {
        sg_finite_report(sg_scaled_of(gap, 0), error / gap, p->lack / gap, p->products, method, out);
    } else {
        *out = (sg_gap){.gap = NAN, .gap_upper = fmax(0, gap) + error, .log10_gap = NAN, .poincare = NAN};
        out->relaxation_time = NAN;
        out->iterations = p->products;
        out->method = method;
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message, "the gap is below %.2g, the rounding of the transition matrix",
                 out->gap_upper);
    }
    if (out->status == SG_OK && p->smallest < NEGATIVE)
        snprintf(out->message, sizeof out->message,
                 "1 - lambda_2; the smallest eigenvalue is %.9g, and the absolute gap, 1 - max |lambda|, is %.9g",
                 p->smallest, absolute_gap(p, gap));
}

static sg_status solve(problem *p, const sg_spectrum_settings *settings, sg_gap *out, sg_eigenvalues *values) {
    const int count = values ? (values->count < p->n - 1 ? values->count : p->n - 1) : 1;
    double *value = NULL, *vector = NULL, *image = NULL;
    sg_status status = sg_new(&value, (size_t)count, sizeof(double));
    if (!status) status = sg_new(&vector, (size_t)p->n * (size_t)count, sizeof(double));
    if (!status) status = sg_new(&image, (size_t)p->n, sizeof(double));
    if (status) goto out;
    status = p->n <= DENSE ? by_dense(p, count, value, vector) : by_lanczos(p, settings, count, value, vector);
    for (int k = 0; !status && k < count; k++) {
        const double error = residual(p, value[k], vector + (size_t)k * (size_t)p->n, image) + p->lack;
        if (k == 0) report(p, value[k], error, out);
        if (!values) break;
        values->log_value[k] = log(fmax(1 - value[k], error));
        values->error[k] = 1 - value[k] > error ? error / (1 - value[k]) : INFINITY;
    }
    if (!status && values) values->count = count;
out:
    sg_delete(value);
    sg_delete(vector);
    sg_delete(image);
    return status;
}

static sg_status with_kernel(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                             problem *p, sg_gap *out, sg_eigenvalues *values) {
    const size_t memory = settings->memory ? settings->memory : USUAL_MEMORY;
    sg_prepared *prepared = NULL;
    sg_kernel *kernel = NULL;
    double *image = NULL;
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (!status) status = loss->row->kernel(prepared, model, memory, &kernel);
    if (!status) status = fill_root(model, p);
    if (!status) status = sg_new(&image, (size_t)p->n, sizeof(double));
    if (!status) {
        p->kernel = kernel;
        p->positive = loss->row->positive;
        measure_rounding(model->space.d, p, image);
        status = solve(p, settings, out, values);
    }
    sg_delete(image);
    sg_kernel_delete(kernel);
    sg_loss_release(loss, prepared);
    return status;
}

sg_status sg_kernel_gap(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                        sg_eigenvalues *values, double *absolute) {
    const int threads = omp_get_max_threads();
    problem p = {.n = sg_model_states(model) <= SG_JUMPS_STATES ? (int)sg_model_states(model) : 0};
    if (settings->threads > 0) omp_set_num_threads(settings->threads);
    sg_status status = with_kernel(model, loss, settings, &p, out, values);
    omp_set_num_threads(threads);
    if (!status) *absolute = absolute_gap(&p, out->gap);
    sg_delete(p.root);
    sg_delete(p.inner);
    return status;
}

sg_status sg_gap_of_kernel(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                           sg_gap *out, sg_eigenvalues *values) {
    double absolute;
    return sg_kernel_gap(model, loss, settings, out, values, &absolute);
}
