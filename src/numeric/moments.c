/* Moments of replicate estimates with their Monte Carlo standard errors. */
#include "scoregap/numeric.h"

#include <math.h>
#include <string.h>

enum { GROUPS = 200 };

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

/* ----------------------------------------------- the worst direction */

/* Sums of y_j, and of y_j y_k (j <= k), over replicates from..to-1, packed: [m] then [m,m]. */
static void group_sums(const sample *s, int from, int to, double *sums) {
    size_t stride = (size_t)s->n, length = (size_t)(to - from);
    for (int j = 0; j < s->m; j++) {
        const double *a = s->d + (size_t)j * stride + from;
        sums[j] = sg_sum(length, a);
        for (int k = 0; k <= j; k++) {
            const double *b = s->d + (size_t)k * stride + from;
            for (size_t r = 0; r < length; r++) s->room[r] = a[r] * b[r];
            sums[s->m + j + s->m * k] = sums[s->m + k + s->m * j] = sg_sum(length, s->room);
        }
    }
}

/* Largest eigenvalue of the covariance of n replicates whose sums are all less without. */
static sg_status top_eigenvalue(int m, int n, const double *all, const double *without, double *work, double *top) {
    double *cov = work, *values = work + m * m;
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            int at = m + k + m * j;
            double sj = all[j] - without[j], sk = all[k] - without[k];
            cov[k + m * j] = (all[at] - without[at] - sj * sk / n) / (n - 1);
        }
    sg_status status = sg_symmetric_eigen(m, cov, values, NULL);
    if (!status) *top = values[m - 1];
    return status;
}

/* y = W d, replicate by replicate; then in units of the largest, so that products stay in range.  Returns the unit. */
static double to_metric(sample *s, const double *w, double *column) {
    size_t n = (size_t)s->n;
    int m = s->m, e = 0;
    double top = 0;
    for (size_t r = 0; r < n; r++) {
        for (int i = 0; i < m; i++) {
            column[i] = 0;
            for (int j = 0; j < m; j++) column[i] += w[i + m * j] * s->d[(size_t)j * n + r];
        }
        for (int i = 0; i < m; i++) {
            s->d[(size_t)i * n + r] = column[i];
            top = fmax(top, fabs(column[i]));
        }
    }
    frexp(top, &e);
    for (size_t i = 0; i < n * (size_t)m; i++) s->d[i] = ldexp(s->d[i], -e);
    return ldexp(1, e);
}

/*
 * Jackknife over groups of sizes d_g that differ (Busing, Meijer and van der Leeden 1999): with h_g = n/d_g and
 * pseudo-values h_g t - (h_g - 1) t_(g), the variance is the mean of (pseudo-value - their weighted mean)^2/(h_g - 1).
 */
static double group_jackknife(int n, int size, double whole, int groups, const double *without) {
    double centre = groups * whole, sum = 0;
    for (int g = 0; g < groups; g++) {
        int d = g < groups - 1 ? size : n - size * (groups - 1);
        centre -= (1 - (double)d / n) * without[g];
    }
    for (int g = 0; g < groups; g++) {
        int d = g < groups - 1 ? size : n - size * (groups - 1);
        double h = (double)n / d, pseudo = h * whole - (h - 1) * without[g];
        sum += (pseudo - centre) * (pseudo - centre) / (h - 1);
    }
    return sqrt(sum / groups);
}

sg_status sg_moments_worst(int count, int m, const double *theta, const uint8_t *use, const double *metric_root,
                           double scale, double *worst, double *se) {
    sample s;
    double *work = NULL, left_out[GROUPS], whole;
    sg_status status = sample_new(count, m, theta, use, &s);
    if (status) goto out;
    size_t square = (size_t)m * (size_t)m, pack = square + (size_t)m;
    status = sg_new(&work, 4 * pack, sizeof *work);
    if (status) goto out;
    double *all = work, *none = all + pack, *group = none + pack, *eigen = group + pack;
    double unit = to_metric(&s, metric_root, eigen);
    group_sums(&s, 0, s.n, all);
    status = top_eigenvalue(m, s.n, all, none, eigen, &whole);
    if (status) goto out;

    int size = (s.n + GROUPS - 1) / GROUPS, groups = (s.n + size - 1) / size;
    for (int g = 0; g < groups && s.n > 2; g++) {
        int from = g * size, to = from + size < s.n ? from + size : s.n;
        group_sums(&s, from, to, group);
        status = top_eigenvalue(m, s.n - (to - from), all, group, eigen, &left_out[g]);
        if (status) goto out;
    }
    *worst = scale * whole * unit * unit;
    *se = s.n > 2 ? scale * group_jackknife(s.n, size, whole, groups, left_out) * unit * unit : NAN;
out:
    sg_delete(work);
    sg_delete(s.memory);
    return status;
}

void sg_share(int k, int count, double *share, double *se) {
    double p = count > 0 ? (double)k / count : NAN;
    *share = p;
    *se = sqrt(p * (1 - p) / count);
}
