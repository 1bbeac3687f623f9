/* Moments of replicate estimates with their Monte Carlo standard errors. */
#include "scoregap/numeric.h"

#include <math.h>
#include <string.h>

/* The replicates in use, by columns: value j of replicate r at d + j*n + r, less its mean. */
typedef struct {
    int n, m;
    double *mean; /* [m] */
    double *d;    /* [m][n] */
    double *room; /* [n] */
    void *memory;
} sample;

static sg_status copy_used(int count, const double *theta, const uint8_t *use, sample *s) {
    for (int r = 0, to = 0; r < count; r++) {
        if (use && !use[r]) continue;
        for (int j = 0; j < s->m; j++) {
            double x = theta[(size_t)r * (size_t)s->m + (size_t)j];
            if (!isfinite(x))
                return sg_fail(SG_BAD_DATA, "parameter %d of replicate %d is %g; leave that replicate out", j, r, x);
            s->d[(size_t)j * (size_t)s->n + (size_t)to] = x;
        }
        to++;
    }
    return SG_OK;
}

/* Two passes: the second takes away what the rounding of the mean left. */
static void centre(sample *s) {
    for (int j = 0; j < s->m; j++) {
        double *d = s->d + (size_t)j * (size_t)s->n;
        s->mean[j] = 0;
        for (int pass = 0; pass < 2; pass++) {
            double mean = sg_sum((size_t)s->n, d) / s->n;
            for (int r = 0; r < s->n; r++) d[r] -= mean;
            s->mean[j] += mean;
        }
    }
}

static sg_status sample_new(int count, int m, const double *theta, const uint8_t *use, sample *s) {
    *s = (sample){.m = m};
    if (m < 1) return sg_fail(SG_OUT_OF_RANGE, "replicates of %d parameters were given; there must be at least one", m);
    for (int r = 0; r < count; r++) s->n += !use || use[r];
    if (s->n < 2)
        return sg_fail(SG_BAD_DATA, "%d of %d replicates can be used; a covariance needs two, so run more", s->n,
                       count);
    size_t n = (size_t)s->n;
    sg_status status = sg_new(&s->memory, n * ((size_t)m + 1) + (size_t)m, sizeof(double));
    if (status) return status;
    s->d = s->memory;
    s->room = s->d + n * (size_t)m;
    s->mean = s->room + n;
    status = copy_used(count, theta, use, s);
    if (!status) centre(s);
    return status;
}

/* sum_r of the products of two columns, compensated; the products stay in s->room. */
static double product_sum(const sample *s, const double *a, const double *b) {
    for (int r = 0; r < s->n; r++) s->room[r] = a[r] * b[r];
    return sg_sum((size_t)s->n, s->room);
}

/*
 * With S = sum d e the covariance without replicate r is (S - n/(n-1) d_r e_r)/(n-2), and the mean of these over r is
 * S/(n-1), so the delete-one jackknife variance is n/((n-1)(n-2)^2) sum (d_r e_r - S/n)^2.  `size` is near S/n of the
 * diagonal and keeps the squares in range.
 */
static double jackknife_se(const sample *s, double sum, double size) {
    int n = s->n;
    if (n < 3) return NAN;
    if (size == 0) return 0;
    for (int r = 0; r < n; r++) {
        double p = (s->room[r] - sum / n) / size;
        s->room[r] = p * p;
    }
    return size * sqrt(n * sg_sum((size_t)n, s->room) / (n - 1)) / (n - 2);
}

/* Entry (j, k); the diagonal must be there already, it gives the size. */
static void covariance(const sample *s, int j, int k, sg_moments *out) {
    int m = s->m;
    size_t stride = (size_t)s->n;
    double sum = product_sum(s, s->d + (size_t)j * stride, s->d + (size_t)k * stride), c = sum / (s->n - 1);
    out->covariance[j + m * k] = out->covariance[k + m * j] = c;
    double size = sqrt(out->covariance[j + m * j]) * sqrt(out->covariance[k + m * k]);
    double se = jackknife_se(s, sum, size);
    out->covariance_se[j + m * k] = out->covariance_se[k + m * j] = se;
}

sg_status sg_moments_of(int count, int m, const double *theta, const uint8_t *use, const double *truth,
                        sg_moments *out) {
    sample s;
    sg_status status = sample_new(count, m, theta, use, &s);
    if (status) goto out;
    out->count = s.n;
    for (int j = 0; j < m; j++) {
        covariance(&s, j, j, out);
        for (int k = 0; k < j; k++) covariance(&s, j, k, out);
        out->mean[j] = s.mean[j];
        out->bias[j] = s.mean[j] - truth[j];
        out->bias_se[j] = sqrt(out->covariance[j + m * j] / s.n);
    }
out:
    sg_delete(s.memory);
    return status;
}

void sg_share(int k, int count, double *share, double *se) {
    double p = count > 0 ? (double)k / count : NAN;
    *share = p;
    *se = sqrt(p * (1 - p) / count);
}
