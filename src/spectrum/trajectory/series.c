/* Estimates of a gap from the records of independent chains. */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/trajectory.h"

enum { CHAINS_LEAST = 8, RECORDS_LEAST = 16, DOUBLINGS = 5, LONGEST = 4 };
static const double RANK_FLOOR = 1e-7; /* of the correlation matrix */
static const double FALL = 3;          /* standard errors by which an estimate must fall for a longer lag to be taken */
static const double WINDOW = 5;        /* integrated times that are summed over */
static const double APART = 2;         /* standard errors between the first two modes */
static const double TIMES_LEAST = 10;  /* relaxation times in a chain */

/* Observables without their linear dependences, of mean 0 and covariance 1 over all records. */
typedef struct {
    int chains, records, rank;
    bool odd;                            /* lags must be */
    double dt, next;                     /* gap of the second mode */
    double *y;                           /* [chains][records][rank] */
    double *sums;                        /* [chains + 1][2 rank^2 + rank]: P0, Pl, m of each chain, last the total */
    double *part, *square[5];            /* the sums without one chain; [rank^2] scratch */
    double *vector;                      /* [chains + 1][rank] the slowest function in the coordinates y */
    double *value;                       /* [rank] */
    double *first, *second, *difference; /* [chains + 1] log gaps, last of all chains */
} work;

static void clear(work *w) {
    double *array[] = {w->y, w->sums, w->part, w->vector, w->value, w->first, w->second, w->difference};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    for (int k = 0; k < 5; k++) sg_delete(w->square[k]);
}

static sg_status allocate(const sg_series *s, work *w) {
    const size_t r = (size_t)w->rank, chains = (size_t)s->chains, each = 2 * r * r + r;
    sg_status status = sg_new(&w->y, chains * (size_t)s->records * r, sizeof(double));
    if (!status) status = sg_new(&w->sums, (chains + 1) * each, sizeof(double));
    if (!status) status = sg_new(&w->part, each, sizeof(double));
    if (!status) status = sg_new(&w->vector, (chains + 1) * r, sizeof(double));
    if (!status) status = sg_new(&w->value, r, sizeof(double));
    if (!status) status = sg_new(&w->first, chains + 1, sizeof(double));
    if (!status) status = sg_new(&w->second, chains + 1, sizeof(double));
    if (!status) status = sg_new(&w->difference, chains + 1, sizeof(double));
    for (int k = 0; k < 5 && !status; k++) status = sg_new(&w->square[k], r * r, sizeof(double));
    return status;
}

/* ------------------------------------------------------------------ whitening */

static void means(const sg_series *s, double *mean) {
    const size_t rows = (size_t)s->chains * (size_t)s->records;
    for (int k = 0; k < s->count; k++) mean[k] = 0;
    for (size_t t = 0; t < rows; t++)
        for (int k = 0; k < s->count; k++) mean[k] += s->f[t * (size_t)s->count + (size_t)k];
    for (int k = 0; k < s->count; k++) mean[k] /= (double)rows;
}

static void covariance(const sg_series *s, const double *mean, double *c) {
    const size_t rows = (size_t)s->chains * (size_t)s->records;
    const int m = s->count;
    memset(c, 0, (size_t)m * (size_t)m * sizeof *c);
    for (size_t t = 0; t < rows; t++) {
        const double *f = s->f + t * (size_t)m;
        for (int j = 0; j < m; j++)
            for (int k = 0; k <= j; k++) c[j + k * m] += (f[j] - mean[j]) * (f[k] - mean[k]);
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++) c[k + j * m] = c[j + k * m] /= (double)rows;
}

/* map [count][rank]: from f - mean to coordinates with covariance 1; constants and dependences are left out. */
static sg_status whitening(int m, double *c, double *map, int *rank) {
    double scale[SG_OBSERVABLES], value[SG_OBSERVABLES], *vector = NULL;
    sg_status status = sg_new(&vector, (size_t)m * (size_t)m, sizeof(double));
    if (status) return status;
    for (int k = 0; k < m; k++) scale[k] = c[k * (m + 1)] > 0 ? 1 / sqrt(c[k * (m + 1)]) : 0;
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) c[j + k * m] *= scale[j] * scale[k];
    status = sg_symmetric_eigen(m, c, value, vector);
    *rank = 0;
    for (int a = m - 1; a >= 0 && !status && value[a] > RANK_FLOOR; a--, (*rank)++)
        for (int k = 0; k < m; k++) map[*rank * m + k] = scale[k] * vector[k + a * m] / sqrt(value[a]);
    if (!status && !*rank)
        status = sg_fail(SG_SINGULAR, "no observable varies along the trajectories: they are too short");
    sg_delete(vector);
    return status;
}

static void transform(const sg_series *s, const double *mean, const double *map, work *w) {
    const size_t rows = (size_t)s->chains * (size_t)s->records;
    for (size_t t = 0; t < rows; t++) {
        const double *f = s->f + t * (size_t)s->count;
        for (int a = 0; a < w->rank; a++) {
            double sum = 0;
            for (int k = 0; k < s->count; k++) sum += map[a * s->count + k] * (f[k] - mean[k]);
            w->y[t * (size_t)w->rank + (size_t)a] = sum;
        }
    }
}

static sg_status whiten(const sg_series *s, work *w) {
    const size_t m = (size_t)s->count;
    double *map = NULL, *c = NULL, mean[SG_OBSERVABLES];
    sg_status status = sg_new(&map, m * m, sizeof(double));
    if (!status) status = sg_new(&c, m * m, sizeof(double));
    if (status) goto out;
    means(s, mean);
    covariance(s, mean, c);
    if ((status = whitening(s->count, c, map, &w->rank))) goto out;
    if ((status = allocate(s, w))) goto out;
    transform(s, mean, map, w);
out:
    sg_delete(map);
    sg_delete(c);
    return status;
}

/* ------------------------------------------------------------------ jackknife */

/* From the values without each chain and of all chains, last: without bias of first order, with standard error. */
static void jackknife(int chains, const double *value, double *estimate, double *se) {
    double mean = 0, square = 0;
    for (int c = 0; c < chains; c++) mean += value[c] / chains;
    for (int c = 0; c < chains; c++) square += (value[c] - mean) * (value[c] - mean);
    *estimate = chains * value[chains] - (chains - 1) * mean;
    *se = sqrt(square * (chains - 1) / chains);
}

static sg_gap_estimate interval(int chains, double log_gap, double se) {
    const double width = gsl_cdf_tdist_Pinv(0.975, chains - 1) * se;
    return (sg_gap_estimate){.log_gap = log_gap,
                             .se = se,
                             .gap = exp(log_gap),
                             .lower = exp(log_gap - width),
                             .upper = exp(log_gap + width)};
}

/* ---------------------------------------------------------------- variational */

/* P0 = sum of y_t y_t^T over both ends of all pairs, Pl = sum of y_t y_{t+lag}^T, m = sum of both ends; of one chain.
 */
static void chain_sums(const work *w, int chain, int lag, double *sums) {
    const int r = w->rank;
    const double *y = w->y + (size_t)chain * (size_t)w->records * (size_t)r;
    double *p0 = sums, *pl = sums + r * r, *m = sums + 2 * r * r;
    memset(sums, 0, (size_t)(2 * r * r + r) * sizeof *sums);
    for (int t = 0; t + lag < w->records; t++) {
        const double *u = y + (size_t)t * (size_t)r, *v = u + (size_t)lag * (size_t)r;
        for (int j = 0; j < r; j++) {
            m[j] += u[j] + v[j];
            for (int k = 0; k < r; k++) {
                p0[j * r + k] += u[j] * u[k] + v[j] * v[k];
                pl[j * r + k] += u[j] * v[k];
            }
        }
    }
}

/* C(0) and C(lag), symmetric, from sums over n pairs. */
static void covariances(const work *w, const double *sums, double n, double *c0, double *cl) {
    const int r = w->rank;
    const double *m = sums + 2 * r * r;
    for (int j = 0; j < r; j++)
        for (int k = 0; k < r; k++) {
            const double square = m[j] * m[k] / (4 * n * n);
            c0[j + k * r] = sums[j * r + k] / (2 * n) - square;
            cl[j + k * r] = (sums[r * r + j * r + k] + sums[r * r + k * r + j]) / (2 * n) - square;
        }
}

/* The largest generalized eigenvalue and its vector v [rank], NaN: C(0) is singular; and the next. */
static sg_status top(work *w, const double *c0, const double *cl, double *v, double *largest, double *next) {
    const int r = w->rank;
    double *vector = w->square[2], *root = w->square[3], *t = w->square[4];
    *largest = *next = NAN;
    sg_status status = sg_symmetric_eigen(r, c0, w->value, vector);
    if (status || !(w->value[0] > RANK_FLOOR)) return status;
    for (int j = 0; j < r; j++)
        for (int k = 0; k < r; k++) root[j + k * r] = vector[j + k * r] / sqrt(w->value[k]);
    sg_multiply(r, cl, root, t);
    sg_multiply_tn(r, root, t, vector);
    status = sg_symmetric_eigen(r, vector, w->value, t);
    if (status) return status;
    *largest = w->value[r - 1];
    *next = r > 1 ? w->value[r - 2] : 0;
    for (int j = 0; j < r; j++) {
        v[j] = 0;
        for (int k = 0; k < r; k++) v[j] += root[j + k * r] * t[k + (r - 1) * r];
    }
    return SG_OK;
}

static double quadratic(int r, const double *c, const double *v) {
    double sum = 0;
    for (int j = 0; j < r; j++)
        for (int k = 0; k < r; k++) sum += v[j] * c[j + k * r] * v[k];
    return sum;
}

static void all_sums(work *w, int lag) {
    const int each = 2 * w->rank * w->rank + w->rank;
    double *total = w->sums + (size_t)w->chains * (size_t)each;
    memset(total, 0, (size_t)each * sizeof *total);
    for (int c = 0; c < w->chains; c++) {
        double *own = w->sums + (size_t)c * (size_t)each;
        chain_sums(w, c, lag, own);
        for (int k = 0; k < each; k++) total[k] += own[k];
    }
}

/*
 * Log gaps at a lag: without each chain, and of all.  `anew`: with the best vectors at this lag; otherwise those that
 * are there, so that no maximum is taken over noise.
 */
static sg_status log_gaps(work *w, int lag, bool anew, double *log_gap) {
    const int r = w->rank, each = 2 * r * r + r;
    const double pairs = w->records - lag, *total = w->sums + (size_t)w->chains * (size_t)each;
    double *c0 = w->square[0], *cl = w->square[1], mu = NAN, next = 0;
    sg_status status = SG_OK;
    all_sums(w, lag);
    for (int c = 0; c <= w->chains && !status; c++) {
        const double *own = w->sums + (size_t)c * (size_t)each;
        const bool all = c == w->chains;
        double *v = w->vector + (size_t)c * (size_t)r;
        for (int k = 0; k < each; k++) w->part[k] = all ? total[k] : total[k] - own[k];
        covariances(w, w->part, pairs * (w->chains - !all), c0, cl);
        if (anew)
            status = top(w, c0, cl, v, &mu, &next);
        else
            mu = quadratic(r, cl, v) / quadratic(r, c0, v);
        log_gap[c] = log(-log(mu) / (lag * w->dt));
    }
    if (anew) w->next = next > 0 ? -log(next) / (lag * w->dt) : INFINITY; /* of all chains, which come last */
    return status;
}

/* Does the estimate at twice the lag lie lower than its error explains?  NaN says no more than noise does. */
static bool falls(work *w) {
    double estimate, se;
    for (int c = 0; c <= w->chains; c++) w->difference[c] = w->first[c] - w->second[c];
    jackknife(w->chains, w->difference, &estimate, &se);
    return estimate > FALL * se;
}

/* A lag as it must be, near this one. */
static int lag_near(const work *w, int lag) {
    return w->odd && lag % 2 == 0 ? lag + 1 : lag;
}

static sg_status variational(work *w, int lag, sg_series_gap *out) {
    const int most = w->records / (2 * LONGEST) - w->odd;
    double log_gap, se;
    sg_status status = SG_OK;
    out->lag = lag_near(w, lag < 1 ? 1 : lag > most ? most : lag);
    for (int k = 0;; k++) {
        status = log_gaps(w, out->lag, true, w->first);
        const int longer = lag_near(w, 2 * out->lag);
        if (status || longer > w->records / LONGEST) break;
        status = log_gaps(w, longer, false, w->second);
        out->plateau = !status && !falls(w);
        if (status || out->plateau || k == DOUBLINGS) break;
        out->lag = longer;
    }
    jackknife(w->chains, w->first, &log_gap, &se);
    out->next = w->next * exp(log_gap - w->first[w->chains]); /* both with the same correction */
    out->variational = interval(w->chains, log_gap, se);
    return status;
}

/* ------------------------------------------------- integrated autocorrelation */

/* Observable k less its mean, chain after chain. */
static void take_column(const sg_series *s, int k, double mean, double *column) {
    const size_t rows = (size_t)s->chains * (size_t)s->records;
    for (size_t t = 0; t < rows; t++) column[t] = s->f[t * (size_t)s->count + (size_t)k] - mean;
}

/* Autocovariance at a lag along one chain, a sum. */
static double lagged(const sg_series *s, const double *column, int chain, int lag) {
    const double *f = column + (size_t)chain * (size_t)s->records;
    const int n = s->records - lag;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int t = 0; t < n; t++) sum += f[t] * f[t + lag];
    return sum;
}

static double pooled(const sg_series *s, const double *column, int lag) {
    double sum = 0;
    for (int c = 0; c < s->chains; c++) sum += lagged(s, column, c, lag);
    return sum / ((double)s->chains * (s->records - lag));
}

/*
 * tau* = 1 + 2 sum of rho over the lags below *lags, the first that is WINDOW times the integrated time so far (Sokal):
 * a window that hardly depends on the noise of far lags, so that its choice adds little to the error of the sum.
 */
static double windowed_time(const sg_series *s, const double *column, int *lags) {
    const double variance = pooled(s, column, 0);
    double time = 0.5;
    int l = 1;
    if (!(variance > 0)) return NAN;
    for (; l < s->records / 2 && l < WINDOW * time; l++) time += pooled(s, column, l) / variance;
    *lags = l;
    return 2 * time;
}

/* tau* of the chains but one with the same window, from the sums of each chain at each lag. */
static double part_time(int chains, int lags, const double *sum, int left_out, int records) {
    double total = 0, variance = 0;
    for (int c = 0; c < chains; c++) {
        if (c == left_out) continue;
        variance += sum[c * lags] / records;
        for (int l = 1; l < lags; l++) total += sum[c * lags + l] / (records - l);
    }
    return 1 + 2 * total / variance;
}

static double bounded_gap(double tau, double dt) {
    return tau > 1 ? log(2 / dt * atanh(1 / tau)) : NAN;
}

static void slowest_observable(const sg_series *s, const double *mean, double *column, int *lags, sg_series_gap *out) {
    double longest = -INFINITY;
    for (int k = 0, own = 1; k < s->count; k++) {
        take_column(s, k, mean[k], column);
        const double tau = windowed_time(s, column, &own);
        if (!(tau > longest)) continue;
        longest = tau;
        out->slowest = k;
        *lags = own;
    }
    out->integrated_time = 0.5 * s->dt * longest;
    out->effective = (double)s->chains * s->records / fmax(longest, 1);
    take_column(s, out->slowest, mean[out->slowest], column);
}

static sg_status integrated(const sg_series *s, work *w, sg_series_gap *out) {
    double mean[SG_OBSERVABLES], log_gap, se, *sum = NULL, *column = NULL;
    int lags = 1;
    sg_status status = sg_new(&column, (size_t)s->chains * (size_t)s->records, sizeof(double));
    if (status) goto out;
    means(s, mean);
    slowest_observable(s, mean, column, &lags, out);
    if ((status = sg_new(&sum, (size_t)s->chains * (size_t)lags, sizeof(double)))) goto out;
    for (int c = 0; c < s->chains; c++)
        for (int l = 0; l < lags; l++) sum[c * lags + l] = lagged(s, column, c, l);
    for (int c = 0; c <= s->chains; c++)
        w->first[c] = bounded_gap(part_time(s->chains, lags, sum, c, s->records), s->dt);
    jackknife(s->chains, w->first, &log_gap, &se);
    out->integrated = interval(s->chains, log_gap, se);
out:
    sg_delete(sum);
    sg_delete(column);
    return status;
}

/* --------------------------------------------------------------------- answer */

static void judge(const sg_series *s, sg_series_gap *out) {
    const double span = s->records * s->dt;
    if (!(out->variational.gap > 0) || !isfinite(out->variational.se) || span * out->variational.gap < TIMES_LEAST) {
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message,
                 "the trajectories are too short: each must last %g relaxation times, and lasts %.3g; take more steps",
                 TIMES_LEAST, isfinite(out->variational.gap) ? span * out->variational.gap : 0);
    } else if (log(out->next / out->variational.gap) < APART * out->variational.se) {
        out->status = SG_UNCERTIFIED;
        snprintf(
            out->message, sizeof out->message,
            "a second mode is as slow within the error: the largest of equal eigenvalues is estimated too large, so "
            "the gap too small; take more steps");
    } else if (!out->plateau) {
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message,
                 "the estimate still falls at the longest lag: the observables miss the slowest mode, or there is no "
                 "gap; take more steps");
    }
}

sg_status sg_series_gap_of(const sg_series *s, int lag, sg_series_gap *out) {
    work w = {.chains = s->chains, .records = s->records, .dt = s->dt, .odd = s->odd};
    *out = (sg_series_gap){.status = SG_OK};
    if (s->chains < CHAINS_LEAST || s->chains > SG_BLOCK)
        return sg_fail(SG_OUT_OF_RANGE, "%d chains give no interval: take %d to %d", s->chains, CHAINS_LEAST, SG_BLOCK);
    if (s->records < RECORDS_LEAST)
        return sg_fail(SG_OUT_OF_RANGE, "%d steps are too few for a trajectory: take at least %d", s->records,
                       RECORDS_LEAST);
    if (s->count < 1 || s->count > SG_OBSERVABLES)
        return sg_fail(SG_OUT_OF_RANGE, "%d observables: take 1 to %d", s->count, SG_OBSERVABLES);
    sg_status status = whiten(s, &w);
    out->rank = w.rank;
    if (!status) status = variational(&w, lag, out);
    if (!status) status = integrated(s, &w, out);
    if (!status) judge(s, out);
    clear(&w);
    return status;
}
