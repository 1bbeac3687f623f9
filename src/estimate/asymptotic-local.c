#include "estimate/asymptotic-local.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Everything [m,m] unless it says otherwise. */
typedef struct {
    int m, sums;
    double *first, *second; /* [sums], [pairs] means */
    double *covariance;     /* [sums,sums] */
    double *cross;          /* Cov (S, L S) = -H */
    double *root, *a, *b, *c;
    double *value; /* [m] */
} work;

static sg_status new_work(int m, int sums, work *w) {
    const size_t size = (size_t)m * (size_t)m;
    double **matrix[] = {&w->cross, &w->root, &w->a, &w->b, &w->c};
    *w = (work){.m = m, .sums = sums};
    sg_status status = sg_new(&w->first, (size_t)sums, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->second, size, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->covariance, (size_t)sums * (size_t)sums, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->value, (size_t)m, sizeof(double));
    for (size_t k = 0; k < sizeof matrix / sizeof *matrix && status == SG_OK; k++)
        status = sg_new(matrix[k], size, sizeof(double));
    return status;
}

static void delete_work(work *w) {
    double *array[] = {w->first, w->second, w->covariance, w->value, w->cross, w->root, w->a, w->b, w->c};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
}

/* Rows from `i`, columns from `j` of the covariance. */
static void take_block(const work *w, int i, int j, double *out) {
    for (int k = 0; k < w->m; k++)
        for (int l = 0; l < w->m; l++)
            out[l + k * w->m] = w->covariance[(size_t)(i + l) + (size_t)(j + k) * (size_t)w->sums];
}

/* Maximum likelihood: L S = -S. */
static void fill_resampling(const work *w, sg_asymptotic *out) {
    const size_t bytes = (size_t)w->m * (size_t)w->m * sizeof(double);
    take_block(w, 0, 0, out->fisher);
    memcpy(out->cov_psi, out->fisher, bytes);
    memcpy(out->dirichlet, out->fisher, bytes);
    for (int k = 0; k < w->m * w->m; k++) w->cross[k] = -out->fisher[k];
}

static void fill_moving(const work *w, sg_asymptotic *out) {
    const int m = w->m;
    take_block(w, 0, 0, out->fisher);
    take_block(w, m, m, out->cov_psi);
    take_block(w, 0, m, w->cross);
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++) out->dirichlet[j + k * m] = out->dirichlet[k + j * m] = w->second[p];
    for (int j = 0; j < m; j++) {
        const double size = fabs(w->first[m + j]) / (sqrt(out->cov_psi[j + j * m]) + DBL_MIN);
        if (!(size <= out->mean_psi)) out->mean_psi = size;
    }
}

/* R with a = R^T R, upper triangular.  *condition: of the root of a scaled to unit diagonal. */
static sg_status root_of(const sg_model *model, const work *w, const char *what, const double *a, double *root,
                         double *inverse, double *condition) {
    const int m = w->m;
    bool definite = true;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) root[j + k * m] = a[j + k * m] / sqrt(a[j + j * m]) / sqrt(a[k + k * m]);
    for (int j = 0; j < m; j++) definite &= a[j + j * m] > 0;
    if (!definite || LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', m, root, m))
        return sg_fail(SG_SINGULAR, "the %s of %s is singular: fix some of its parameters with free=", what,
                       model->text);
    for (int k = 0; k < m; k++)
        for (int j = k + 1; j < m; j++) root[j + k * m] = 0;
    sg_status status = sg_invert(m, root, inverse, condition);
    for (int k = 0; k < m; k++)
        for (int j = 0; j <= k; j++) {
            root[j + k * m] *= sqrt(a[k + k * m]);
            inverse[j + k * m] /= sqrt(a[j + j * m]);
        }
    return status;
}

/* ------------------------------------------------------------------------- rho */

/* Var(v'Av), A given by its pairs, at v = W (cos, sin), where v'Hv = 1. */
static double spread_at(const work *w, const double *whiten, double angle) {
    const double c = cos(angle), s = sin(angle);
    const double v[] = {whiten[0] * c + whiten[2] * s, whiten[1] * c + whiten[3] * s};
    const double weight[] = {v[0] * v[0], 2 * v[0] * v[1], v[1] * v[1]};
    double sum = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            sum += weight[i] * weight[j] * w->covariance[(size_t)(4 + i) + (size_t)(4 + j) * (size_t)w->sums];
    return sum;
}

/* The largest over a circle, by its best of many points and a search between the neighbours of that. */
static double worst_of_two(const work *w, const double *whiten) {
    enum { POINTS = 720, TURNS = 60 };
    const double step = M_PI / POINTS, golden = 0.5 * (sqrt(5) - 1);
    double best = 0, at = 0;
    for (int k = 0; k < POINTS; k++) {
        const double here = spread_at(w, whiten, k * step);
        if (here > best) best = here, at = k * step;
    }
    double lo = at - step, hi = at + step;
    for (int turn = 0; turn < TURNS; turn++) {
        const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
        if (spread_at(w, whiten, a) < spread_at(w, whiten, b))
            lo = a;
        else
            hi = b;
    }
    return fmax(best, spread_at(w, whiten, 0.5 * (lo + hi)));
}

static double worst_of_parameters(const work *w, const double *h) {
    double worst = 0;
    for (int j = 0; j < w->m; j++) {
        const size_t at = (size_t)(2 * w->m + j);
        worst = fmax(worst, w->covariance[at + at * (size_t)w->sums] / (h[j + j * w->m] * h[j + j * w->m]));
    }
    return worst;
}

/* ------------------------------------------------------------------- the answers */

/* How far the two expressions of H are apart, and rounding, which the condition multiplies. */
static double relative_error(const work *w, int d, const sg_asymptotic *out) {
    double apart = 0;
    for (int j = 0; j < w->m; j++)
        for (int k = 0; k < w->m; k++) {
            const double *h = out->dirichlet;
            const double scale = sqrt(h[j + j * w->m]) * sqrt(h[k + k * w->m]);
            apart = fmax(apart, fabs(h[j + k * w->m] + w->cross[j + k * w->m]) / scale);
        }
    return out->condition * out->condition * (w->m * apart + 16 * DBL_EPSILON * sqrt(d));
}

/* gamma = B^T B, B = R_psi W W^T. */
static sg_status combine(const sg_model *model, work *w, sg_asymptotic *out) {
    const int m = w->m;
    double condition;
    sg_status status = root_of(model, w, "Dirichlet matrix", out->dirichlet, w->root, out->whiten, &out->condition);
    if (status == SG_OK)
        status = root_of(model, w, "Fisher information", out->fisher, out->metric_root, w->a, &condition);
    if (status != SG_OK) return status;
    sg_multiply_nt(m, w->a, w->a, out->gamma_mle);
    sg_multiply(m, out->metric_root, out->whiten, w->a);
    out->restricted_poincare = sg_norm2(m, w->a) * sg_norm2(m, w->a);
    status = root_of(model, w, "covariance of psi", out->cov_psi, w->root, w->a, &condition);
    if (status != SG_OK) return status;
    sg_multiply(m, w->root, out->whiten, w->a);
    sg_multiply_nt(m, w->a, out->whiten, w->b);
    sg_multiply_tn(m, w->b, w->b, out->gamma);
    sg_multiply_nt(m, w->b, out->metric_root, w->c);
    status = sg_singular_values(m, w->c, w->value, NULL);
    for (int j = 0; j < m && status == SG_OK; j++) out->inefficiency[j] = w->value[m - 1 - j] * w->value[m - 1 - j];
    return status;
}

static sg_status answers(const sg_model *model, const sg_local_sums *sums, work *w, sg_asymptotic *out) {
    const int m = w->m;
    out->mean_psi = out->rho = 0;
    if (sums->bends)
        fill_moving(w, out);
    else
        fill_resampling(w, out);
    sg_status status = combine(model, w, out);
    if (status != SG_OK) return status;
    if (sums->bends && m == 2) out->rho = worst_of_two(w, out->whiten);
    if (sums->bends && m != 2) out->rho = worst_of_parameters(w, out->dirichlet);
    const double relative = relative_error(w, model->space.d, out);
    out->gamma_error = relative * sg_norm2(m, out->gamma);
    out->inefficiency_error = relative * out->inefficiency[m - 1];
    out->restricted_poincare_error = relative * out->restricted_poincare;
    if (relative < 0.1) return SG_OK;
    out->status = SG_NO_DIGITS;
    snprintf(out->message, sizeof out->message,
             "the error estimate leaves no digit (condition of the statistics %.2g): they are too nearly dependent for "
             "double precision",
             out->condition);
    return SG_OK;
}

sg_status sg_asymptotic_local(const sg_model *model, const sg_loss *loss, sg_asymptotic *out) {
    sg_local_sums sums;
    sg_elimination *plan = NULL, *other = NULL;
    work w = {0};
    double log_z;
    sg_status status = sg_local_sums_new(model, loss, &sums);
    if (status == SG_OK) status = new_work(model->m, sums.first->sums, &w);
    if (status == SG_OK) status = sg_elimination_new(sums.first, &plan);
    if (status == SG_OK) status = sg_elimination_covariance(plan, sums.first, &log_z, w.first, w.covariance);
    if (status == SG_OK && sums.bends) status = sg_elimination_new(sums.second, &other);
    if (status == SG_OK && sums.bends) status = sg_elimination_covariance(other, sums.second, &log_z, w.second, NULL);
    if (status == SG_OK) status = answers(model, &sums, &w, out);
    delete_work(&w);
    sg_elimination_delete(plan);
    sg_elimination_delete(other);
    sg_local_sums_clear(&sums);
    return status;
}
