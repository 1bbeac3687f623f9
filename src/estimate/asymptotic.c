#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/asymptotic-finite.h"
#include "estimate/asymptotic-local.h"
#include "estimate/bounds.h"
#include "estimate/rows.h"

enum { STATES_LISTED = 1 << 18 };

/* One grid's answers; the two grids of an sg_asymptotic are compared. */
typedef struct {
    double *gamma, *gamma_mle, *dirichlet, *fisher, *whiten, *metric_root, *cov_psi, *inefficiency;
    double restricted, condition, mean_psi, rho, norm;
} grid_values;

static sg_status new_matrices(int m, double **matrix[], int count) {
    for (int k = 0; k < count; k++) {
        sg_status status = sg_new(matrix[k], (size_t)m * (size_t)m, sizeof(double));
        if (status) return status;
    }
    return SG_OK;
}

static sg_status new_values(int m, grid_values *v) {
    double **matrix[] = {&v->gamma,  &v->gamma_mle,   &v->dirichlet, &v->fisher,
                         &v->whiten, &v->metric_root, &v->cov_psi,   &v->inefficiency};
    return new_matrices(m, matrix, 8);
}

static void delete_values(grid_values *v) {
    double *matrix[] = {v->gamma,  v->gamma_mle,   v->dirichlet, v->fisher,
                        v->whiten, v->metric_root, v->cov_psi,   v->inefficiency};
    for (int k = 0; k < 8; k++) sg_delete(matrix[k]);
}

/* a^T a */
static void square(int m, const double *a, double *out) {
    sg_multiply_tn(m, a, a, out);
}

/* Fisher information, its root and inverse: from the scores in the free parameters themselves, which are well scaled.
 */
static sg_status information(const sg_model *model, sg_rows_table *t, grid_values *v) {
    sg_status status = SG_OK;
    int m = t->m;
    double *inverse = NULL, condition;
    if ((status = sg_new(&inverse, (size_t)m * (size_t)m, sizeof(double)))) goto out;
    if ((status = sg_qr_factor(t->n, m, t->score, v->metric_root, t->work))) goto out;
    status = sg_invert(m, v->metric_root, inverse, &condition);
    if (status == SG_SINGULAR)
        status =
            sg_fail(SG_SINGULAR,
                    "the Fisher information of %s is singular: fix some of its parameters with free=", model->text);
    if (status) goto out;
    sg_multiply_nt(m, inverse, inverse, v->gamma_mle);
    square(m, v->metric_root, v->fisher);
out:
    sg_delete(inverse);
    return status;
}

/* gamma, restricted Poincare constant and inefficiencies from the whitened table; W = v->whiten. */
static sg_status whitened_answers(const sg_model *model, sg_rows_table *t, grid_values *v) {
    sg_status status = SG_OK;
    int m = t->m;
    double *r_psi = NULL, *r_score = NULL, *inverse = NULL, *a = NULL, *b = NULL, condition;
    double **matrix[] = {&r_psi, &r_score, &inverse, &a, &b};
    if ((status = new_matrices(m, matrix, 5))) goto out;
    v->rho = sg_rows_worst_hessian(t);
    if ((status = sg_rows_whitening(model, t, inverse, &condition))) goto out;
    if ((status = sg_qr_factor(t->n, m, t->psi, r_psi, t->work))) goto out;
    if ((status = sg_qr_factor(t->n, m, t->score, r_score, t->work))) goto out;
    sg_multiply(m, r_psi, inverse, a);
    sg_multiply_nt(m, a, inverse, b); /* B = R_psi R^-1 R^-T in whitened coordinates */
    sg_multiply_nt(m, b, r_score, a);
    if ((status = sg_singular_values(m, a, v->inefficiency, NULL))) goto out;
    sg_multiply(m, r_score, inverse, a);
    v->restricted = sg_norm2(m, a) * sg_norm2(m, a);
    sg_multiply_nt(m, b, v->whiten, a); /* B W^T */
    square(m, a, v->gamma);
    v->norm = sg_norm2(m, a) * sg_norm2(m, a);
    for (int j = 0; j < m; j++) v->inefficiency[j] *= v->inefficiency[j];
out:
    for (int k = 0; k < 5; k++) sg_delete(*matrix[k]);
    return status;
}

/* First pass in the free parameters: whitening, information, Cov psi, H. */
static sg_status plain_answers(const sg_model *model, sg_rows_table *t, grid_values *v) {
    sg_status status = SG_OK;
    int m = t->m;
    double *factor = NULL;
    if ((status = sg_new(&factor, (size_t)m * (size_t)m, sizeof(double)))) return status;
    v->mean_psi = 0;
    for (int j = 0; j < m; j++) {
        double sum = 0;
        for (int i = 0; i < t->n; i++) sum += t->psi[(size_t)j * t->n + i] * t->psi[(size_t)j * t->n + i];
        double size = fabs(t->mean_psi[j]) / sqrt(sum + t->mean_psi[j] * t->mean_psi[j] + DBL_MIN);
        if (!(size <= v->mean_psi)) v->mean_psi = size;
    }
    if ((status = information(model, t, v))) goto out;
    if ((status = sg_rows_whitening(model, t, v->whiten, &v->condition))) goto out;
    if ((status = sg_qr_factor(t->n, m, t->psi, factor, t->work))) goto out;
    square(m, factor, v->cov_psi);
out:
    sg_delete(factor);
    return status;
}

/* H = W^-T W^-1: kept for readers; nothing is computed from it. */
static sg_status dirichlet_of(int m, grid_values *v) {
    double *inverse = NULL, condition;
    sg_status status = sg_new(&inverse, (size_t)m * (size_t)m, sizeof(double));
    if (!status) status = sg_invert(m, v->whiten, inverse, &condition);
    if (!status) square(m, inverse, v->dirichlet);
    sg_delete(inverse);
    return status;
}

static sg_status on_grid(const sg_model *model, const sg_loss *loss, const sg_nodes *nodes, grid_values *v) {
    sg_status status = SG_OK;
    sg_prepared *prepared = NULL;
    sg_chart *plain = NULL, *white = NULL;
    sg_rows_table *table = NULL;
    if ((status = sg_loss_prepare(loss, model, nodes->panels, &prepared))) goto out;
    if ((status = sg_chart_new(model, model->truth, NULL, &plain))) goto out;
    if ((status = sg_rows_table_new(model, loss, prepared, plain, nodes, &table))) goto out;
    if ((status = plain_answers(model, table, v))) goto out;
    if ((status = dirichlet_of(model->m, v))) goto out;
    sg_rows_table_delete(table);
    table = NULL;
    if ((status = sg_chart_new(model, model->truth, v->whiten, &white))) goto out;
    if ((status = sg_rows_table_new(model, loss, prepared, white, nodes, &table))) goto out;
    status = whitened_answers(model, table, v);
out:
    sg_rows_table_delete(table);
    sg_chart_delete(plain);
    sg_chart_delete(white);
    sg_loss_release(loss, prepared);
    return status;
}

static double norm_of_difference(int m, const double *a, const double *b, double *scratch) {
    for (int k = 0; k < m * m; k++) scratch[k] = a[k] - b[k];
    return sg_norm2(m, scratch);
}

/*
 * Differences of the grids, plus what rounding does to both alike: the statistics carry relative errors eps, which the
 * whitening multiplies by the condition of R; they enter the squares quadratically (independent of the main part), and
 * linearly at eps.
 */
static void estimate_errors(sg_asymptotic *out, const grid_values *coarse, const grid_values *fine) {
    int m = out->m;
    double amplified = DBL_EPSILON * fine->condition, rounding = 16 * DBL_EPSILON + amplified * amplified;
    double difference = norm_of_difference(m, fine->gamma, coarse->gamma, out->gamma);
    out->gamma_error = difference + rounding * fine->norm;
    double worst = fine->inefficiency[0];
    out->inefficiency_error = fabs(worst - coarse->inefficiency[0]) + rounding * worst;
    out->restricted_poincare_error = fabs(fine->restricted - coarse->restricted) + rounding * fine->restricted;
    if (!(out->gamma_error < 0.1 * fine->norm && out->inefficiency_error < 0.1 * worst &&
          out->restricted_poincare_error < 0.1 * fine->restricted)) {
        out->status = SG_NO_DIGITS;
        snprintf(out->message, sizeof out->message,
                 "the error estimate leaves no digit (condition of the statistics %.2g): the modes are too far apart "
                 "for double precision",
                 fine->condition);
    }
}

static void take(sg_asymptotic *out, grid_values *fine) {
    int m = out->m;
    size_t bytes = (size_t)m * (size_t)m * sizeof(double);
    memcpy(out->gamma, fine->gamma, bytes);
    memcpy(out->gamma_mle, fine->gamma_mle, bytes);
    memcpy(out->dirichlet, fine->dirichlet, bytes);
    memcpy(out->fisher, fine->fisher, bytes);
    memcpy(out->whiten, fine->whiten, bytes);
    memcpy(out->metric_root, fine->metric_root, bytes);
    memcpy(out->cov_psi, fine->cov_psi, bytes);
    for (int j = 0; j < m; j++) out->inefficiency[j] = fine->inefficiency[m - 1 - j];
    out->restricted_poincare = fine->restricted;
    out->condition = fine->condition;
    out->mean_psi = fine->mean_psi;
    out->rho = fine->rho;
}

/*
 * By counts, by all states, or by elimination, which is less work already where states are many and graphs are narrow;
 * all states keep more digits of ill-conditioned statistics, and name what is singular.
 */
static sg_status on_finite_set(const sg_model *model, const sg_loss *loss, sg_asymptotic *out) {
    const bool alike = sg_model_exchangeable(model) && loss->row->alike && loss->row->alike(loss->options, model);
    const double states = sg_model_states(model);
    if (alike || states <= STATES_LISTED) return sg_asymptotic_finite(model, loss, out);
    if (states > SG_STATES_MOST) return sg_asymptotic_local(model, loss, SG_LOCAL_CHEAPEST, out);
    sg_status status = sg_asymptotic_local(model, loss, SG_LOCAL_QUICK, out);
    if (status == SG_NO_MEMORY || (status == SG_OK && out->status == SG_OK)) return status;
    out->status = SG_OK;
    out->message[0] = '\0';
    return sg_asymptotic_finite(model, loss, out);
}

sg_status sg_asymptotic_new(const sg_model *model, const sg_loss *loss, sg_asymptotic **result) {
    sg_status status = SG_OK;
    grid_values coarse = {0}, fine = {0};
    sg_nodes *nodes[2] = {NULL, NULL};
    sg_asymptotic *out = NULL;
    int m = model->m;
    *result = NULL;
    if ((status = sg_loss_fits(loss, model))) goto out;
    if ((status = sg_new(&out, 1, sizeof *out))) goto out;
    out->m = m;
    double **matrix[] = {&out->theta,  &out->gamma,       &out->gamma_mle, &out->dirichlet,    &out->fisher,
                         &out->whiten, &out->metric_root, &out->cov_psi,   &out->inefficiency, &out->noise};
    if ((status = new_matrices(m, matrix, 10))) goto out;
    for (int j = 0; j < m; j++) out->theta[j] = model->named[model->free[j]];
    if (model->space.shape == SG_FINITE) {
        status = on_finite_set(model, loss, out);
        if (!status) status = sg_khr_terms_of(model, loss, NULL, out, &out->khr);
        goto out;
    }
    if ((status = new_values(m, &coarse)) || (status = new_values(m, &fine))) goto out;
    if ((status = sg_nodes_new(model, model->truth, 0, false, &nodes[0]))) goto out;
    if ((status = sg_nodes_new(model, model->truth, 1, false, &nodes[1]))) goto out;
    if ((status = on_grid(model, loss, nodes[0], &coarse)) || (status = on_grid(model, loss, nodes[1], &fine)))
        goto out;
    estimate_errors(out, &coarse, &fine);
    take(out, &fine);
    status = sg_khr_terms_of(model, loss, nodes[1], out, &out->khr);
out:
    delete_values(&coarse);
    delete_values(&fine);
    sg_nodes_delete(nodes[0]);
    sg_nodes_delete(nodes[1]);
    if (status) {
        sg_asymptotic_delete(out);
        return status;
    }
    *result = out;
    return SG_OK;
}

void sg_asymptotic_delete(sg_asymptotic *a) {
    if (!a) return;
    double *matrix[] = {a->theta,  a->gamma,       a->gamma_mle, a->dirichlet,    a->fisher,
                        a->whiten, a->metric_root, a->cov_psi,   a->inefficiency, a->noise};
    for (int k = 0; k < 10; k++) sg_delete(matrix[k]);
    sg_delete(a);
}
