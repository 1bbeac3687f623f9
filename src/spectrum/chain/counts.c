/*
 * Blocks drawn afresh by the numbers of sites in state 1.  With o of those outside a block of k sites, P(o, i) =
 * C(n-k, o) C(k, i) p(o + i) is the joint law of the numbers outside and inside, and a block of this size, chosen
 * uniformly, is I - B B^T with B(c, o) = P(o, c - o)/sqrt(P(c) P(o)).
 */
#include <math.h>

#include "jumps.h"

static double log_choose(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* log_class [n + 1]: of all states with so many; b [n + 1][n - k + 1] by rows */
static void fill_joint(int n, int k, const double *log_p, const double *log_class, double *b) {
    const int outside = n - k + 1;
    for (int o = 0; o < outside; o++) {
        double top = -INFINITY, sum = 0;
        for (int i = 0; i <= k; i++) top = fmax(top, log_p[o + i] + log_choose(k, i));
        for (int i = 0; i <= k && top > -INFINITY; i++) sum += exp(log_p[o + i] + log_choose(k, i) - top);
        const double log_outside = log_choose(n - k, o) + top + log(sum);
        for (int c = 0; c <= n; c++) {
            const int i = c - o;
            const bool open = i >= 0 && i <= k && log_p[c] > -INFINITY;
            const double log_joint = open ? log_choose(n - k, o) + log_choose(k, i) + log_p[c] : -INFINITY;
            b[(size_t)c * (size_t)outside + (size_t)o] = open ? exp(log_joint - 0.5 * (log_class[c] + log_outside)) : 0;
        }
    }
}

static void add_size(int n, int k, double rate, const double *b, double *a) {
    const size_t outside = (size_t)(n - k + 1), size = (size_t)n + 1;
    for (size_t c = 0; c < size; c++) {
        a[c + c * size] += rate;
        for (size_t d = 0; d < size; d++) {
            double sum = 0;
            for (size_t o = 0; o < outside; o++) sum += b[c * outside + o] * b[d * outside + o];
            a[c + d * size] -= rate * sum;
        }
    }
}

static sg_status find_law(const sg_jumps *j, bool *found, double *log_p, double *log_class) {
    sg_lumped *lumped = NULL;
    double top = -INFINITY, sum = 0;
    sg_status status = j->model->family->lump(j->model, j->model->truth, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    if (status) return status;
    *found = lumped->counts && lumped->classes == j->model->space.d + 1;
    for (int c = 0; *found && c < lumped->classes; c++) {
        log_class[c] = lumped->log_p[c] + lumped->log_size[c];
        top = fmax(top, log_class[c]);
    }
    for (int c = 0; *found && c < lumped->classes; c++) sum += exp(log_class[c] - top);
    for (int c = 0; *found && c < lumped->classes; c++) {
        log_p[c] = lumped->log_p[c] - top - log(sum);
        log_class[c] -= top + log(sum);
    }
    sg_lumped_delete(lumped);
    return SG_OK;
}

sg_status sg_jumps_counts(const sg_jumps *j, bool *found, double **log_class, double **a) {
    const int n = j->model->space.d;
    const size_t size = (size_t)n + 1;
    double *rate = NULL, *log_p = NULL, *b = NULL;
    *found = false;
    if (!j->loss->row->sizes || !j->model->family->lump || n >= SG_SPECTRUM_STATES || !sg_model_exchangeable(j->model))
        return SG_OK;
    sg_status status = sg_new(&rate, size, sizeof(double));
    if (!status) status = sg_new(&log_p, size, sizeof(double));
    if (!status) status = sg_new(&b, size * size, sizeof(double));
    if (!status) status = sg_new(log_class, size, sizeof(double));
    if (!status) status = sg_new(a, size * size, sizeof(double));
    if (!status && j->loss->row->sizes(j->loss->options, j->model, rate))
        status = find_law(j, found, log_p, *log_class);
    for (int k = 1; *found && k <= n; k++) {
        if (!(rate[k] > 0)) continue;
        fill_joint(n, k, log_p, *log_class, b);
        add_size(n, k, rate[k], b, *a);
    }
    sg_delete(rate);
    sg_delete(log_p);
    sg_delete(b);
    return status;
}
