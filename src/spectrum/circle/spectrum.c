/*
 * Eigenpairs on the circle: block Krylov spaces of the integral operator, errors by residuals (Temple and Kato),
 * completeness by Sturm's count on the opened circle.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "numeric/legendre.h"
#include "operator.h"
#include "spectrum/line/line.h"

#define MOST_PAIRS 200
#define MORE 4       /* pairs beyond those asked for: they separate the last ones and complete the count */
#define CLUSTER 1e-2 /* relative distance within which eigenvalues share their error bound */
#define POLISHES 3

typedef struct {
    sg_circle_operator *op;
    int n, size, most;                /* nodes; columns so far, at most */
    int pairs;                        /* Ritz pairs that are kept */
    double *basis;                    /* [most][n] orthonormal */
    double *image;                    /* [most][n] T of it */
    double *small;                    /* [most][most] <basis, T basis> */
    double *ritz;                     /* [most] ascending */
    double *vectors;                  /* [most][most] */
    double *block;                    /* [pairs][n] Ritz vectors */
    double *u, *work;                 /* [n] */
    double *theta, *residual, *error; /* [pairs] descending eigenvalues of T; relative errors */
} krylov;

static void clear(krylov *k) {
    double *array[] = {k->block, k->basis, k->image, k->small,    k->ritz, k->vectors,
                       k->u,     k->work,  k->theta, k->residual, k->error};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) sg_delete(array[i]);
    sg_circle_operator_delete(k->op);
}

static sg_status allocate(krylov *k) {
    const size_t n = (size_t)k->n, most = (size_t)k->most, pairs = (size_t)k->pairs;
    const struct {
        double **array;
        size_t count;
    } list[] = {{&k->block, pairs * n},
                {&k->basis, most * n},
                {&k->image, most * n},
                {&k->small, most * most},
                {&k->ritz, most},
                {&k->vectors, most * most},
                {&k->u, n},
                {&k->work, n},
                {&k->theta, pairs},
                {&k->residual, pairs},
                {&k->error, pairs}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        sg_status status = sg_new(list[i].array, list[i].count, sizeof(double));
        if (status) return status;
    }
    return SG_OK;
}

/* ------------------------------------------------------------------ Krylov */

/* Takes `u` into the basis; false when nothing new is left of it. */
static bool append(krylov *k, double *u) {
    double *coefficient = k->vectors, before = cblas_dnrm2(k->n, u, 1), norm = before;
    for (int pass = 0; pass < 2 && k->size > 0; pass++) {
        cblas_dgemv(CblasColMajor, CblasTrans, k->n, k->size, 1, k->basis, k->n, u, 1, 0, coefficient, 1);
        cblas_dgemv(CblasColMajor, CblasNoTrans, k->n, k->size, -1, k->basis, k->n, coefficient, 1, 1, u, 1);
        norm = cblas_dnrm2(k->n, u, 1);
    }
    if (!(norm > 1e-9 * before)) return false;
    double *column = k->basis + (size_t)k->size * (size_t)k->n, *image = k->image + (size_t)k->size * (size_t)k->n;
    for (int i = 0; i < k->n; i++) column[i] = u[i] / norm;
    sg_circle_operator_apply(k->op, column, image);
    k->size++;
    return true;
}

/* Two steps with random heights on the panels: they have a part of every eigenfunction, those of the barrier included,
 * and T makes them closed. */
static void start(krylov *k) {
    sg_stream stream;
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    for (int which = 0; which < 2; which++) {
        for (int b = 0; b < k->op->count; b++) {
            double height;
            sg_stream_normal(&stream, 1, &height);
            for (int i = b * SG_PANEL_ORDER; i < (b + 1) * SG_PANEL_ORDER; i++)
                k->u[i] = height * sqrt(k->op->panels->weight[i]);
        }
        for (int times = 0; times < 2; times++) sg_circle_operator_apply(k->op, k->u, k->u);
        append(k, k->u);
    }
}

/* Eigenvalues come in twos: a block of two, the images of the last two columns. */
static void grow(krylov *k) {
    for (int from = 0; from < k->size && k->size < k->most; from++) {
        memcpy(k->u, k->image + (size_t)from * (size_t)k->n, (size_t)k->n * sizeof(double));
        append(k, k->u);
    }
}

static sg_status rayleigh_ritz(krylov *k) {
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k->size, k->size, k->n, 1, k->basis, k->n, k->image, k->n, 0,
                k->small, k->size);
    for (int i = 0; i < k->size; i++)
        for (int j = 0; j < i; j++) {
            double mean = 0.5 * (k->small[i + j * k->size] + k->small[j + i * k->size]);
            k->small[i + j * k->size] = k->small[j + i * k->size] = mean;
        }
    return sg_symmetric_eigen(k->size, k->small, k->ritz, k->vectors);
}

/* Ritz vector number j, from the largest on, of norm one. */
static void ritz_vector(const krylov *k, int j, double *u) {
    const double *y = k->vectors + (size_t)(k->size - 1 - j) * (size_t)k->size;
    cblas_dgemv(CblasColMajor, CblasNoTrans, k->n, k->size, 1, k->basis, k->n, y, 1, 0, u, 1);
    cblas_dscal(k->n, 1 / cblas_dnrm2(k->n, u, 1), u, 1);
}

/*
 * Subspace iteration from the leading Ritz vectors: T wipes out what the Krylov space has of functions that the panels
 * do not resolve, on which the discrete T is not symmetric.
 */
static sg_status polish(krylov *k) {
    for (int round = 0; round < POLISHES; round++) {
        if (k->size < k->pairs) k->pairs = k->size; /* the others are below the rounding of the first */
        for (int j = 0; j < k->pairs; j++) ritz_vector(k, j, k->block + (size_t)j * (size_t)k->n);
        k->size = 0;
        for (int j = 0; j < k->pairs; j++) {
            sg_circle_operator_apply(k->op, k->block + (size_t)j * (size_t)k->n, k->u);
            append(k, k->u);
        }
        sg_status status = rayleigh_ritz(k);
        if (status) return status;
    }
    return SG_OK;
}

/* |T u - theta u|/theta for Ritz vector number j, left in u. */
static double residual_of(krylov *k, int j) {
    const double theta = k->ritz[k->size - 1 - j];
    ritz_vector(k, j, k->u);
    sg_circle_operator_apply(k->op, k->u, k->work);
    cblas_daxpy(k->n, -theta, k->u, 1, k->work, 1);
    return cblas_dnrm2(k->n, k->work, 1) / theta;
}

/* ------------------------------------------------------------------ errors */

/*
 * Distance, relative to theta_j, from the cluster of theta_j to the next eigenvalue outside: above, one that was found;
 * below, one that was found or what the opened circle says of it.
 */
static double isolation(const krylov *k, int j, const double *log_nu) {
    int first = j, last = j;
    while (first > 0 && k->theta[first - 1] < k->theta[first] * (1 + CLUSTER)) first--;
    while (last + 1 < k->pairs && k->theta[last + 1] > k->theta[last] * (1 - CLUSTER)) last++;
    const double above = first > 0 ? k->theta[first - 1] / k->theta[j] - 1 : INFINITY;
    const double found = last + 1 < k->pairs ? 1 - k->theta[last + 1] / k->theta[j] : 0;
    return fmin(above, fmax(found, 1 - exp(-log(k->theta[j]) - log_nu[last + 1])));
}

/* What the panels do not resolve of a function of norm one and of its derivative: the second power, as in all Rayleigh
 * quotients. */
static double unresolved(const krylov *k, const double *f, const double *g, double theta) {
    const sg_circle_operator *op = k->op;
    double sum = 0;
    for (int b = 0; b < op->count; b++) {
        const int at = b * SG_PANEL_ORDER;
        const double of_f = sg_legendre_rest(f + at), of_g = sg_legendre_rest(g + at);
        for (int i = at; i < at + SG_PANEL_ORDER; i++)
            sum += op->mass[i] * of_f * of_f + op->root[i] * op->root[i] * theta * of_g * of_g;
    }
    return sum;
}

/* Scales f and g to E f^2 = 1, f >= 0 at the last node. */
static void normalize(const krylov *k, double *f, double *g) {
    double square = 0;
    for (int i = 0; i < k->n; i++) square += k->op->mass[i] * f[i] * f[i];
    const double scale = (f[k->n - 1] < 0 ? -1 : 1) / sqrt(square);
    cblas_dscal(k->n, scale, f, 1);
    cblas_dscal(k->n, scale, g, 1);
}

/*
 * Ritz values never exceed eigenvalues of T; by Temple and Kato they fall short by at most residual^2 over the distance
 * to the rest of the spectrum.  No eigenvalue is missed when the opened circle, whose eigenvalues nu_0 <= nu_1 <= ...
 * are below those of the circle one by one, has no more of them below the last one kept.
 */
static void find_errors(krylov *k, const double *log_nu) {
    const double floor = 0x1p-52 * (64 + k->op->count) + k->op->panels->error;
    int complete = 0;
    for (int j = 0; j < k->pairs; j++)
        if (-log(k->theta[j]) + 2 * k->residual[j] < log_nu[j + 1]) complete = j + 1;
    for (int j = 0; j < k->pairs; j++) {
        const double distance = isolation(k, j, log_nu), r = k->residual[j];
        k->error[j] += floor + (distance > 0 ? fmin(r, r * r / distance) : r);
        if (j >= complete) k->error[j] = INFINITY;
    }
}

/* --------------------------------------------------------------- spectrum */

static sg_status new_spectrum(int n, int count, sg_spectrum **spectrum) {
    sg_status status = sg_new(spectrum, 1, sizeof **spectrum);
    if (status) return status;
    sg_spectrum *out = *spectrum;
    out->n = n;
    out->count = count;
    double **pair[] = {&out->value, &out->value_error, &out->log_value}, **node[] = {&out->function, &out->derivative};
    for (int k = 0; k < 3 && !status; k++) status = sg_new(pair[k], (size_t)count, sizeof(double));
    for (int k = 0; k < 2 && !status; k++) status = sg_new(node[k], (size_t)count * (size_t)n, sizeof(double));
    return status;
}

static void fill(krylov *k, sg_spectrum *out) {
    const size_t n = (size_t)k->n;
    for (int j = 0; j < k->pairs; j++) {
        double *f = j < out->count ? out->function + (size_t)j * n : k->op->f;
        double *g = j < out->count ? out->derivative + (size_t)j * n : k->op->g;
        k->theta[j] = k->ritz[k->size - 1 - j];
        k->residual[j] = residual_of(k, j);
        sg_circle_operator_function(k->op, k->u, f, g);
        normalize(k, f, g);
        k->error[j] = unresolved(k, f, g, k->theta[j]);
        if (j < out->count) out->residual = fmax(out->residual, k->residual[j]);
    }
}

static void check_gram(const krylov *k, sg_spectrum *out) {
    for (int i = 0; i < out->count; i++)
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int x = 0; x < k->n; x++)
                sum += k->op->mass[x] * out->function[i * k->n + x] * out->function[j * k->n + x];
            out->orthonormality = fmax(out->orthonormality, fabs(sum - (i == j)));
        }
}

sg_status sg_circle_spectrum(const sg_panels *panels, const double *log_d, int count, sg_spectrum **spectrum) {
    krylov k = {.n = panels->n, .pairs = count + MORE};
    double *log_nu = NULL;
    *spectrum = NULL;
    if (count < 1 || count > MOST_PAIRS)
        return sg_fail(SG_OUT_OF_RANGE, "the number of eigenpairs on the circle must lie in [1, %d], not %d",
                       MOST_PAIRS, count);
    k.most = 6 * k.pairs + 32 < k.n / 8 ? 6 * k.pairs + 32 : k.n / 8; /* eight nodes a wave of the fastest */
    if (k.pairs > k.most / 2)
        return sg_fail(SG_NOT_CONVERGED, "%d panels do not resolve %d eigenpairs on the circle: ask for fewer",
                       panels->count, count);
    sg_status status = sg_circle_operator_new(panels, log_d, &k.op);
    if (status) goto out;
    if ((status = allocate(&k))) goto out;
    if ((status = sg_new(&log_nu, (size_t)k.pairs + 1, sizeof(double)))) goto out;
    if ((status = sg_line_values(panels, log_d, k.pairs + 1, log_nu))) goto out;
    start(&k);
    grow(&k);
    if ((status = rayleigh_ritz(&k))) goto out;
    if ((status = polish(&k))) goto out;
    if (k.size < k.pairs) k.pairs = k.size;
    if (k.pairs < count) {
        status = sg_fail(SG_NOT_CONVERGED,
                         "only %d eigenpairs on the circle are above the rounding of the first: ask "
                         "for fewer",
                         k.pairs);
        goto out;
    }
    if ((status = new_spectrum(k.n, count, spectrum))) goto out;
    fill(&k, *spectrum);
    find_errors(&k, log_nu);
    for (int j = 0; j < count; j++) {
        (*spectrum)->value[j] = 1 / k.theta[j];
        (*spectrum)->log_value[j] = -log(k.theta[j]);
        (*spectrum)->value_error[j] = k.error[j];
    }
    check_gram(&k, *spectrum);
out:
    clear(&k);
    sg_delete(log_nu);
    if (status) {
        sg_spectrum_delete(*spectrum);
        *spectrum = NULL;
    }
    return status;
}
