#include <math.h>
#include <string.h>

#include "scoregap/estimate.h"

static const double interval = 1.959963984540054; /* normal quantile of .975 */

static sg_status allocate(int m, sg_summary **out) {
    sg_summary *s = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    *out = s;
    s->m = m;
    double **vector[] = {&s->bias, &s->bias_se, &s->coverage, &s->coverage_se, &s->robust};
    for (int k = 0; k < 5; k++)
        if ((status = sg_new(vector[k], (size_t)m, sizeof(double)))) return status;
    if ((status = sg_new(&s->covariance, (size_t)m * (size_t)m, sizeof(double)))) return status;
    if ((status = sg_new(&s->covariance_se, (size_t)m * (size_t)m, sizeof(double)))) return status;
    return sg_new(&s->quantile, (size_t)m * 5, sizeof(double));
}

void sg_summary_delete(sg_summary *s) {
    if (!s) return;
    double *array[] = {s->bias,   s->bias_se,    s->coverage,      s->coverage_se,
                       s->robust, s->covariance, s->covariance_se, s->quantile};
    for (int k = 0; k < 8; k++) sg_delete(array[k]);
    sg_delete(s);
}

static void undefined(sg_summary *s) {
    double *vector[] = {s->bias, s->bias_se, s->coverage, s->coverage_se, s->robust};
    for (int k = 0; k < 5; k++)
        for (int j = 0; j < s->m; j++) vector[k][j] = NAN;
    for (int k = 0; k < s->m * s->m; k++) s->covariance[k] = s->covariance_se[k] = NAN;
    for (int k = 0; k < 5 * s->m; k++) s->quantile[k] = NAN;
    s->worst = s->worst_se = s->kl_median = s->kl_mean = s->kl_mean_se = s->kl_lo = s->kl_hi = NAN;
}

/* Quantiles of the scaled error of parameter j, and the variance that they suggest. */
static void parameter_quantiles(sg_summary *s, const sg_montecarlo_plan *plan, const sg_replicates *r,
                                const uint8_t *use, int j, double truth, double *scratch) {
    static const double probs[5] = {0.025, 0.25, 0.5, 0.75, 0.975};
    int count = 0, covered = 0, intervals = 0;
    double root = sqrt((double)plan->n);
    for (int k = 0; k < plan->replicates; k++) {
        if (!use[k]) continue;
        double error = r->theta[(size_t)k * s->m + j] - truth, se = r->se[(size_t)k * s->m + j];
        scratch[count++] = root * error;
        intervals++;
        if (fabs(error) <= interval * se) covered++; /* a missing standard error covers nothing */
    }
    sg_share(covered, intervals, &s->coverage[j], &s->coverage_se[j]);
    sg_quantiles(count, scratch, 5, probs, s->quantile + 5 * j);
    double iqr = s->quantile[5 * j + 3] - s->quantile[5 * j + 1];
    s->robust[j] = iqr / 1.349 * iqr / 1.349;
}

static void kl_summary(sg_summary *s, const sg_montecarlo_plan *plan, const sg_replicates *r, double *scratch) {
    static const double probs[3] = {0.025, 0.5, 0.975};
    double quantile[3], sum = 0, squares = 0;
    int count = 0;
    for (int k = 0; k < plan->replicates; k++)
        if (!isnan(r->kl[k])) scratch[count++] = r->kl[k], sum += r->kl[k];
    if (count < 2) return;
    s->kl_mean = sum / count;
    for (int k = 0; k < count; k++) squares += (scratch[k] - s->kl_mean) * (scratch[k] - s->kl_mean);
    s->kl_mean_se = isfinite(s->kl_mean) ? sqrt(squares / (count - 1) / count) : NAN;
    sg_quantiles(count, scratch, 3, probs, quantile);
    s->kl_lo = quantile[0], s->kl_median = quantile[1], s->kl_hi = quantile[2];
}

/*
 * The direction of the worst inefficiency as a linear function of theta: direction = R_S^T u, |u| = 1 in the top
 * eigenspace of R_S Gamma R_S^T, so that it has variance 1 under maximum likelihood.  It comes from theory, not from
 * the replicates, whose own top eigenvalue is biased upward.  Where the space has several dimensions (likelihood
 * itself, symmetric models), u is the part in it of the first parameter that has one: the choice does not rest on
 * rounding.
 */
static void top_space(const sg_asymptotic *a, const double *value, const double *vector, double *u) {
    const int m = a->m;
    int first = m - 1;
    while (first > 0 && value[first - 1] >= value[m - 1] * (1 - 1e-6)) first--;
    for (int j = 0; j < m && first < m - 1; j++) {
        const double *column = a->metric_root + (size_t)j * (size_t)m;
        double whole = 0, inside = 0;
        for (int i = 0; i < m; i++) u[i] = 0, whole += column[i] * column[i];
        for (int k = first; k < m; k++) {
            double part = 0;
            for (int i = 0; i < m; i++) part += vector[i + k * m] * column[i];
            for (int i = 0; i < m; i++) u[i] += part * vector[i + k * m];
            inside += part * part;
        }
        for (int i = 0; i < m; i++) u[i] /= sqrt(inside);
        if (inside > 0.01 * whole) return;
    }
    memcpy(u, vector + (size_t)(m - 1) * (size_t)m, (size_t)m * sizeof *u);
}

static sg_status worst_direction(const sg_asymptotic *a, double *direction) {
    const int m = a->m;
    const size_t square = (size_t)m * (size_t)m;
    double *room = NULL;
    sg_status status = sg_new(&room, 3 * square + 2 * (size_t)m, sizeof *room);
    if (status) return status;
    double *product = room, *ratio = product + square, *vector = ratio + square, *value = vector + square,
           *u = value + m;
    sg_multiply(m, a->metric_root, a->gamma, product);
    sg_multiply_nt(m, product, a->metric_root, ratio);
    status = sg_symmetric_eigen(m, ratio, value, vector);
    if (!status) top_space(a, value, vector, u);
    for (int j = 0; j < m && !status; j++) {
        direction[j] = 0;
        for (int i = 0; i < m; i++) direction[j] += a->metric_root[i + j * m] * u[i];
    }
    sg_delete(room);
    return status;
}

/* n times the variance of the replicates along it. */
static sg_status worst_variance(sg_summary *s, const sg_montecarlo_plan *plan, const sg_replicates *r,
                                const uint8_t *use, const sg_asymptotic *a) {
    const int m = s->m;
    const double origin = 0, root = sqrt((double)plan->n);
    double *direction = NULL, *along = NULL, mean, bias, bias_se;
    sg_moments out = {
        .mean = &mean, .bias = &bias, .bias_se = &bias_se, .covariance = &s->worst, .covariance_se = &s->worst_se};
    sg_status status = sg_new(&direction, (size_t)m, sizeof *direction);
    if (!status) status = sg_new(&along, (size_t)plan->replicates, sizeof *along);
    if (!status) status = worst_direction(a, direction);
    if (!status) {
        for (int k = 0; k < plan->replicates; k++)
            for (int j = 0; j < m && use[k]; j++)
                along[k] += root * direction[j] * (r->theta[(size_t)k * (size_t)m + (size_t)j] - a->theta[j]);
        status = sg_moments_of(plan->replicates, 1, along, use, &origin, &out);
    }
    sg_delete(direction);
    sg_delete(along);
    return status;
}

static sg_status moments(sg_summary *s, const sg_montecarlo_plan *plan, const sg_replicates *r, const uint8_t *use,
                         const double *truth, const sg_asymptotic *a, double *mean) {
    sg_moments out = {.mean = mean,
                      .bias = s->bias,
                      .bias_se = s->bias_se,
                      .covariance = s->covariance,
                      .covariance_se = s->covariance_se};
    sg_status status = sg_moments_of(plan->replicates, s->m, r->theta, use, truth, &out);
    if (status) return status;
    for (int k = 0; k < s->m * s->m; k++) s->covariance[k] *= (double)plan->n, s->covariance_se[k] *= (double)plan->n;
    return sg_asymptotic_known(a) ? worst_variance(s, plan, r, use, a) : SG_OK;
}

sg_status sg_summary_new(const sg_montecarlo_plan *plan, const sg_montecarlo *montecarlo, int loss,
                         sg_summary **result) {
    sg_status status = SG_OK;
    sg_summary *s = NULL;
    const sg_replicates *r = &montecarlo->loss[loss];
    const sg_asymptotic *a = plan->asymptotic ? plan->asymptotic[loss] : NULL;
    int m = montecarlo->m, count = plan->replicates;
    uint8_t *use = NULL;
    double *scratch = NULL, *truth = NULL, *mean = NULL;
    *result = NULL;
    if ((status = allocate(m, &s))) goto out;
    undefined(s);
    if ((status = sg_new(&use, (size_t)count + 1, 1)) || (status = sg_new(&scratch, (size_t)count + 1, sizeof(double))))
        goto out;
    if ((status = sg_new(&truth, (size_t)m, sizeof(double))) || (status = sg_new(&mean, (size_t)m, sizeof(double))))
        goto out;
    for (int j = 0; j < m; j++) truth[j] = plan->model->named[plan->model->free[j]];
    /* an estimate outside the parameter space is still the root of its estimating equation: counted as a failure, kept
     * in the moments */
    for (int k = 0; k < count; k++) {
        s->failed[r->status[k] < SG_STATUS_COUNT ? r->status[k] : SG_INTERNAL]++;
        use[k] = 1;
        for (int j = 0; j < m; j++)
            if (!isfinite(r->theta[(size_t)k * m + j])) use[k] = 0;
        s->used += use[k];
    }
    s->asymptotic = a && a->rho / (double)plan->n <= 0.01;
    kl_summary(s, plan, r, scratch);
    if (s->used < 3) {
        s->status = SG_BAD_DATA;
        goto out;
    }
    if ((status = moments(s, plan, r, use, truth, a, mean))) goto out;
    for (int j = 0; j < m; j++) parameter_quantiles(s, plan, r, use, j, truth[j], scratch);
out:
    sg_delete(use);
    sg_delete(scratch);
    sg_delete(truth);
    sg_delete(mean);
    if (status) {
        sg_summary_delete(s);
        return status;
    }
    *result = s;
    return SG_OK;
}
