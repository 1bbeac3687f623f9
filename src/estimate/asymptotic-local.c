#include "estimate/asymptotic-local.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/local-sums.h"

static const double LITTLE = 0x1p28; /* numbers gone through by whole sums: below it they are taken */
static const double SMALL = 0x1p12;  /* entries of a term that is no list of states itself */

/* Everything [m,m] unless it says otherwise. */
typedef struct {
    int m, bends;
    double *cross;  /* Cov (S, L S) = -H */
    double *spread; /* [bends,bends] covariance of the Hessian of one datum, as sg_local_moments has it */
    double *root, *a, *b, *c;
    double *value; /* [m] */
} work;

static sg_status new_work(int m, work *w) {
    const size_t size = (size_t)m * (size_t)m;
    double **matrix[] = {&w->cross, &w->root, &w->a, &w->b, &w->c};
    *w = (work){.m = m, .bends = m <= 2 ? m * (m + 1) / 2 : m};
    sg_status status = sg_new(&w->value, (size_t)m, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->spread, (size_t)w->bends * (size_t)w->bends, sizeof(double));
    for (size_t k = 0; k < sizeof matrix / sizeof *matrix && status == SG_OK; k++)
        status = sg_new(matrix[k], size, sizeof(double));
    return status;
}

static void delete_work(work *w) {
    double *array[] = {w->value, w->spread, w->cross, w->root, w->a, w->b, w->c};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
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
        for (int j = 0; j < 3; j++) sum += weight[i] * weight[j] * w->spread[i + 3 * j];
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
    for (int j = 0; j < w->m; j++) worst = fmax(worst, w->spread[j + j * w->m] / (h[j + j * w->m] * h[j + j * w->m]));
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

static sg_status answers(const sg_model *model, work *w, sg_asymptotic *out) {
    const int m = w->m;
    sg_status status = combine(model, w, out);
    if (status != SG_OK) return status;
    out->rho = m == 2 ? worst_of_two(w, out->whiten) : worst_of_parameters(w, out->dirichlet);
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

/* ------------------------------------------------------------------ covariances */

/* The information, the covariance of the free statistics. */
static sg_status fill_fisher(const sg_local_terms *terms, sg_asymptotic *out) {
    double log_z;
    sg_elimination *plan = NULL;
    sg_status status = sg_elimination_new(terms->own, &plan);
    if (status == SG_OK) status = sg_elimination_covariance(plan, terms->own, &log_z, NULL, out->fisher);
    sg_elimination_delete(plan);
    return status;
}

/* Maximum likelihood: L S = -S. */
static void fill_resampling(const work *w, sg_asymptotic *out) {
    const size_t bytes = (size_t)w->m * (size_t)w->m * sizeof(double);
    memcpy(out->cov_psi, out->fisher, bytes);
    memcpy(out->dirichlet, out->fisher, bytes);
    for (int k = 0; k < w->m * w->m; k++) w->cross[k] = -out->fisher[k];
}

/* Rows from `i`, columns from `j` of the covariance of whole sums. */
static void take_block(const sg_local_sums *s, int i, int j, int n, double *out) {
    for (int k = 0; k < n; k++)
        for (int l = 0; l < n; l++) out[l + k * n] = s->covariance[(size_t)(i + l) + (size_t)(j + k) * (size_t)s->sums];
}

static sg_status by_sums(sg_local_moments *moments, sg_local_sums *sums, work *w) {
    sg_status status = sg_local_sums_solve(sums);
    if (status != SG_OK) return status;
    take_block(sums, 0, sums->m, sums->m, moments->cross);
    take_block(sums, sums->m, sums->m, sums->m, moments->cov_psi);
    if (!moments->terms->masks.count) take_block(sums, 2 * sums->m, 2 * sums->m, sums->bends, w->spread);
    memcpy(moments->mean, sums->mean + sums->m, (size_t)sums->m * sizeof(double));
    return SG_OK;
}

static sg_status refuse_slow(const sg_local_terms *terms) {
    return sg_fail(SG_REFUSED, "the terms of %s on %s are so large that a list of states is as little work",
                   terms->loss->text, terms->model->text);
}

/* Pairs of terms or whole sums, by the work that they are. */
static sg_status fill_covariances(sg_local_moments *moments, sg_local_way way, work *w) {
    sg_local_sums sums = {0};
    sg_status status = way == SG_LOCAL_PAIRS ? SG_REFUSED : sg_local_sums_new(moments, &sums);
    bool whole = status == SG_OK;
    if (status == SG_NO_MEMORY || (status != SG_OK && way == SG_LOCAL_SUMS)) return status;
    if (way == SG_LOCAL_QUICK && !(whole && sg_local_sums_work(&sums) <= LITTLE)) {
        sg_local_sums_clear(&sums);
        return refuse_slow(moments->terms);
    }
    if (whole && way == SG_LOCAL_CHEAPEST && sg_local_sums_work(&sums) > LITTLE)
        whole = sg_local_sums_work(&sums) < sg_local_moments_work(moments);
    status = whole ? by_sums(moments, &sums, w) : sg_local_moments_pairs(moments);
    sg_local_sums_clear(&sums);
    if (status == SG_OK && (!whole || moments->terms->masks.count)) status = sg_local_spread(moments, w->spread);
    return status;
}

/*
 * One mask a datum: psi_K = S - E[S | x_-K] has the covariance H in the mean over masks, the information-matrix
 * equality; what is beyond that of the mean over masks is due to the draw.
 */
static void add_noise(const sg_local_moments *moments, sg_asymptotic *out) {
    const int size = out->m * out->m;
    for (int k = 0; k < size; k++) out->noise[k] = out->dirichlet[k] - out->cov_psi[k];
    memcpy(out->cov_psi, moments->h, (size_t)size * sizeof(double));
}

static sg_status fill_moving(const sg_local_terms *terms, sg_local_way way, work *w, sg_asymptotic *out) {
    const size_t bytes = (size_t)w->m * (size_t)w->m * sizeof(double);
    sg_local_moments *moments = NULL;
    if (way == SG_LOCAL_QUICK && (double)terms->largest > SMALL) return refuse_slow(terms);
    sg_status status = sg_local_moments_new(terms, &moments);
    if (status == SG_OK) status = fill_covariances(moments, way, w);
    if (status == SG_OK) status = sg_local_moments_finish(moments);
    if (status != SG_OK) goto out;
    memcpy(out->dirichlet, moments->h, bytes);
    memcpy(out->cov_psi, moments->cov_psi, bytes);
    memcpy(w->cross, moments->cross, bytes);
    if (terms->masks.count) add_noise(moments, out);
    for (int j = 0; j < w->m; j++) {
        const double size = fabs(moments->mean[j]) / (sqrt(out->cov_psi[j + j * w->m]) + DBL_MIN);
        if (!(size <= out->mean_psi)) out->mean_psi = size;
    }
out:
    sg_local_moments_delete(moments);
    return status;
}

static sg_status with_terms(const sg_model *model, const sg_loss *loss, sg_local_way way, work *w, sg_asymptotic *out) {
    sg_local_terms *terms = NULL;
    sg_status status = sg_local_terms_new(model, loss, &terms);
    if (status == SG_OK && loss->row->kind != SG_RESAMPLE) status = fill_moving(terms, way, w, out);
    if (status == SG_OK) status = fill_fisher(terms, out);
    if (status == SG_OK && loss->row->kind == SG_RESAMPLE) fill_resampling(w, out);
    sg_local_terms_delete(terms);
    return status;
}

/* Maximum likelihood needs no terms where log Z has a closed form. */
static sg_status closed_form(const sg_model *model, const work *w, sg_asymptotic *out) {
    double log_z;
    sg_status status = model->family->log_z(model, model->truth, &log_z, NULL, out->fisher);
    if (status == SG_OK) fill_resampling(w, out);
    return status;
}

sg_status sg_asymptotic_local(const sg_model *model, const sg_loss *loss, sg_local_way way, sg_asymptotic *out) {
    const bool closed = loss->row->kind == SG_RESAMPLE && model->family->log_z && model->full == model->m;
    work w = {0};
    out->mean_psi = out->rho = 0;
    sg_status status = new_work(model->m, &w);
    if (status == SG_OK) status = closed ? closed_form(model, &w, out) : with_terms(model, loss, way, &w, out);
    if (status == SG_OK) status = answers(model, &w, out);
    delete_work(&w);
    return status;
}
