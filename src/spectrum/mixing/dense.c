#include "dense.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#define PRECISION 0x1p-52
#define BLOCK 64       /* starts a product */
#define PRECISE 1e-10  /* errors of a distance that are good enough */
#define AFFORDABLE 1e9 /* operations, rather than an expansion that is poor */
#define UNAFFORDABLE 2e11
#define FASTER 8.0 /* operations of products of matrices in the time of others */
#define LONG 1e6   /* short times in a long one */

void sg_dense_delete(sg_dense *d) {
    double *part[] = {d->log_pi, d->pi,    d->root,        d->value,  d->vector,
                      d->square, d->other, d->coefficient, d->scaled, d->sum};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_rows_of_rates_delete(&d->rows);
    sg_trail_delete(&d->trail);
}

/* --------------------------------------------------------------- set-up */

/* State that state 0 does not reach, or -1. */
static sg_status find_apart(const sg_rows_of_rates *rows, int *apart) {
    int *queue = NULL, head = 0, tail = 1;
    bool *seen = NULL;
    sg_status status = sg_new(&queue, (size_t)rows->n, sizeof *queue);
    if (!status) status = sg_new(&seen, (size_t)rows->n, sizeof *seen);
    *apart = -1;
    if (!status) seen[0] = true;
    while (!status && head < tail) {
        int x = queue[head++];
        for (int e = rows->first[x]; e < rows->first[x + 1]; e++) {
            if (seen[rows->to[e]] || rows->rate[e] == 0) continue;
            seen[rows->to[e]] = true;
            queue[tail++] = rows->to[e];
        }
    }
    for (int x = 0; !status && x < rows->n && *apart < 0; x++)
        if (!seen[x]) *apart = x;
    sg_delete(queue);
    sg_delete(seen);
    return status;
}

/* Rates in `square` to A, by the geometric mean of both directions of a pair: the one is what the other is by detailed
 * balance. */
static sg_status symmetrize(sg_dense *d) {
    const size_t n = (size_t)d->n;
    double *a = d->square;
    for (size_t x = 0; x < n; x++)
        for (int e = d->rows.first[x]; e < d->rows.first[x + 1]; e++)
            a[x + n * (size_t)d->rows.to[e]] += d->rows.rate[e] * d->rows.q;
    for (size_t x = 0; x < n; x++) a[x + n * x] = d->rows.exit[x];
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < y; x++) {
            double there = a[x + n * y], back = a[y + n * x];
            if (there == 0 && back == 0) continue;
            double balance = log(there) + d->log_pi[x] - log(back) - d->log_pi[y];
            if (!(fabs(balance) < 1e-8))
                return sg_fail(SG_BAD_DATA, "the flows between states %zu and %zu differ: give the log pi of the rates",
                               x, y);
            a[x + n * y] = a[y + n * x] = -sqrt(there) * sqrt(back);
        }
    return SG_OK;
}

static sg_status diagonalize(sg_dense *d) {
    const int n = d->n;
    double *work = NULL, want;
    int *iwork = NULL, iwant, found, info;
    lapack_int *support = NULL;
    sg_status status = sg_new(&support, 2 * (size_t)n, sizeof *support);
    if (status) return status;
    info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'A', 'L', n, d->square, n, 0, 0, 0, 0, 0, &found, d->value,
                               d->vector, n, support, &want, -1, &iwant, -1);
    if (!status) status = sg_new(&work, (size_t)want, sizeof(double));
    if (!status) status = sg_new(&iwork, (size_t)iwant, sizeof(int));
    if (!status)
        info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'A', 'L', n, d->square, n, 0, 0, 0, 0, 0, &found, d->value,
                                   d->vector, n, support, work, (int)want, iwork, iwant);
    if (!status && (info != 0 || found != n))
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of a chain of %d states were not found", n);
    sg_delete(work);
    sg_delete(iwork);
    sg_delete(support);
    d->top = 0;
    for (int k = 0; !status && k < n; k++) d->top = fmax(d->top, fabs(d->value[k]));
    return status;
}

static sg_status allocate(sg_dense *d) {
    const size_t n = (size_t)d->n;
    double **line[] = {&d->log_pi, &d->root, &d->value, &d->coefficient, &d->scaled, &d->pi};
    sg_status status = SG_OK;
    for (size_t k = 0; !status && k < sizeof line / sizeof *line; k++) status = sg_new(line[k], n, sizeof(double));
    return status ? status : sg_new(&d->sum, n * BLOCK, sizeof(double));
}

static sg_status allocate_matrices(sg_dense *d, size_t memory) {
    const size_t n = (size_t)d->n, many = d->reversible ? 3 : 2;
    double **matrix[] = {&d->square, &d->other, &d->vector};
    const int most = d->reversible ? SG_DENSE_REVERSIBLE : SG_DENSE_GENERAL;
    sg_status status = SG_OK;
    if (d->n > most)
        return sg_fail(SG_OUT_OF_RANGE,
                       "a chain of %d states%s: mixing times from all starts take at most %d, give one", d->n,
                       d->reversible ? "" : " that is not reversible", most);
    if (many * n * n * sizeof(double) > memory)
        return sg_fail(SG_NO_MEMORY, "a chain of %d states needs %zu bytes for its matrices; %zu are allowed", d->n,
                       many * n * n * sizeof(double), memory);
    for (size_t k = 0; !status && k < many; k++) status = sg_new(matrix[k], n * n, sizeof(double));
    return status;
}

static sg_status take_law(const sg_chain *chain, sg_dense *d) {
    sg_status status = sg_chain_law(chain, d->log_pi, &d->reversible);
    if (status) return status;
    for (int x = 0; x < d->n; x++) {
        if (!(d->log_pi[x] > -690))
            return sg_fail(SG_UNDERFLOW, "state %d has probability e^%g, below the range of double precision", x,
                           d->log_pi[x]);
        d->root[x] = exp(0.5 * d->log_pi[x]);
        d->pi[x] = exp(d->log_pi[x]);
        d->rarest = fmax(d->rarest, 1 / d->root[x]);
    }
    return SG_OK;
}

sg_status sg_dense_new(const sg_chain *chain, double epsilon, size_t memory, bool one, sg_dense *d) {
    int apart;
    *d = (sg_dense){.n = chain->n};
    if (chain->n < 2) return sg_fail(SG_OUT_OF_RANGE, "a chain has at least 2 states, not %d", chain->n);
    sg_status status = sg_rows_of_rates_new(chain, &d->rows);
    if (!status) status = find_apart(&d->rows, &apart);
    if (!status && apart >= 0)
        status = sg_fail(SG_REFUSED, "states 0 and %d do not communicate: the law never comes near p", apart);
    if (!status) status = allocate(d);
    if (!status) status = take_law(chain, d);
    d->matrices = !status && !(one && d->n > (d->reversible ? SG_DENSE_REVERSIBLE : SG_DENSE_GENERAL));
    if (d->matrices) status = allocate_matrices(d, memory);
    if (!status && d->matrices && d->reversible) status = symmetrize(d);
    if (!status && d->matrices && d->reversible) status = diagonalize(d);
    d->flow = sg_rows_flow(&d->rows);
    if (!status) status = sg_trail_new(&d->flow, d->pi, epsilon, &d->trail);
    return status;
}

/* ------------------------------------------------------------ distances */

/*
 * Backward errors of a few units of ||A|| in A move exp(-t A) by at most t exp(-gap t) times that, with the least gap
 * that the eigenvalues leave possible; a density of norm `size` turns it into total variation.
 */
static double expansion_error(const sg_dense *d, double t, double size) {
    if (!d->matrices || !d->reversible) return INFINITY;
    double gap = fmax(0, d->value[1] - 10 * sqrt(d->n) * PRECISION * d->top), late = t * d->top * exp(-gap * t);
    return 0.5 * PRECISION * size * (4 * sqrt(d->n) + 10 * late) + 4 * PRECISION;
}

void sg_dense_start(sg_dense *d, int state, const double *law) {
    const int n = d->n;
    for (int x = 0; x < n; x++) d->trail.initial[x] = law ? law[x] : x == state;
    sg_trail_begin(&d->trail);
    d->zero = sg_trail_at_zero(&d->trail);
    for (int x = 0; x < n; x++) d->scaled[x] = d->trail.initial[x] / d->root[x];
    d->size = cblas_dnrm2(n, d->scaled, 1);
    if (!d->matrices || !d->reversible) return;
    cblas_dgemv(CblasColMajor, CblasTrans, n, n, 1, d->vector, n, d->scaled, 1, 0, d->coefficient, 1);
}

/* Half the L1 distance of a density, relative to pi, from 1; the constant part that rounding left is taken out. */
static double variation(const sg_dense *d, const double *rest) {
    double total = 0, constant = cblas_ddot(d->n, rest, 1, d->root, 1);
    for (int x = 0; x < d->n; x++) total += d->root[x] * fabs(rest[x] - constant * d->root[x]);
    return 0.5 * total;
}

static void all_by_expansion(sg_dense *d, double t, double *distance, double *error) {
    const int n = d->n;
    const size_t step = (size_t)n;
    int kept = 1;
    for (size_t k = 1; k < step; k++) {
        double decay = exp(-fmax(0, d->value[k]) * t);
        if (decay * d->rarest > 1e-18) kept = (int)k + 1;
        for (size_t x = 0; x < step; x++) d->square[x + step * k] = d->vector[x + step * k] * decay;
    }
    for (int first = 0; first < n; first += BLOCK) {
        int many = n - first < BLOCK ? n - first : BLOCK;
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, many, kept - 1, 1, d->square + step, n,
                    d->vector + step + first, n, 0, d->sum, n);
        for (int x = first; x < first + many; x++) {
            distance[x] = variation(d, d->sum + step * (size_t)(x - first)) / d->root[x];
            error[x] = expansion_error(d, t, 1 / d->root[x]);
        }
    }
}

/* -------------------------------------------------------- repeated squaring */

/* square = exp(t L) for a short time, q t <= 1/16: ten terms of positive numbers. */
static void short_time(sg_dense *d, double t) {
    const size_t n = (size_t)d->n;
    const double x = d->rows.q * t;
    double *power = d->sum, *next = d->sum + n;
    for (size_t start = 0; start < n; start++) {
        double weight = exp(-x);
        memset(power, 0, n * sizeof(double));
        power[start] = 1;
        for (size_t y = 0; y < n; y++) d->square[start + n * y] = weight * power[y];
        for (int k = 1; k <= 10; k++) {
            double *last = power;
            d->flow.apply(d->flow.context, power, next);
            power = next;
            next = last;
            weight *= x / k;
            for (size_t y = 0; y < n; y++) d->square[start + n * y] += weight * power[y];
        }
    }
}

/* Rows of `square` back to sum 1. */
static void normalize(sg_dense *d) {
    const size_t n = (size_t)d->n;
    memset(d->sum, 0, n * sizeof(double));
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++) d->sum[x] += d->square[x + n * y];
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++) d->square[x + n * y] /= d->sum[x];
}

static void square_up(sg_dense *d, double t, int times, double *distance) {
    const int n = d->n;
    const size_t step = (size_t)n;
    short_time(d, ldexp(t, -times));
    normalize(d);
    for (int k = 0; k < times; k++) {
        double *old = d->square;
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, old, n, old, n, 0, d->other, n);
        d->square = d->other;
        d->other = old;
        normalize(d);
    }
    memset(distance, 0, step * sizeof(double));
    for (size_t y = 0; y < step; y++)
        for (size_t x = 0; x < step; x++) distance[x] += 0.5 * fabs(d->square[x + step * y] - d->pi[y]);
}

/*
 * The error is an estimate.  Relative roundings of random sign in each short time add up like a root of their number,
 * until parts of the chain have mixed, which forget them; for longer times than that a second run, from a time half as
 * short, shows what is left.
 */
static void all_by_squaring(sg_dense *d, double t, double *distance, double *error) {
    const double pieces = 16 * d->rows.q * t;
    const int times = (int)fmax(0, ceil(log2(pieces)));
    double each = PRECISION * (4 * times * sqrt(d->n) + 16 * sqrt(fmin(pieces, LONG)));
    if (pieces > LONG) square_up(d, t, times + 1, error);
    square_up(d, t, times, distance);
    for (int x = 0; x < d->n; x++) error[x] = each + (pieces > LONG ? 4 * fabs(error[x] - distance[x]) : 0);
    d->squared = true;
}

/* The start in use, for times that are too long for everything else. */
static void one_by_squaring(sg_dense *d, double t, double *distance, double *error) {
    double *all = d->sum + 2 * (size_t)d->n, *errors = all + d->n, total = 0;
    all_by_squaring(d, t, all, errors);
    cblas_dgemv(CblasColMajor, CblasTrans, d->n, d->n, 1, d->square, d->n, d->trail.initial, 1, 0, d->sum, 1);
    for (int y = 0; y < d->n; y++) total += 0.5 * fabs(d->sum[y] - d->pi[y]);
    *distance = total;
    *error = errors[0];
}

/* Operations of one distance, evolved or by squaring. */
static double evolving(const sg_dense *d, double t) {
    return 1.2 * d->flow.q * t * d->rows.first[d->n];
}
static double squaring(const sg_dense *d, double t) {
    const double n = d->n;
    return d->matrices ? 2 * n * n * n * log2(2 + 16 * d->flow.q * t) / FASTER : INFINITY;
}

sg_status sg_dense_distance(void *context, double t, double *distance, double *error) {
    sg_dense *d = context;
    const double evolve = evolving(d, t), square = squaring(d, t), least = fmin(evolve, square);
    int kept = 1;
    *error = expansion_error(d, t, d->size);
    if (!isfinite(*error) && !(least < UNAFFORDABLE))
        return sg_fail(SG_REFUSED, "the law at time %g takes too many steps: take fewer states, or a larger epsilon",
                       t);
    if (!isfinite(*error) || (*error > PRECISE && least < AFFORDABLE)) {
        if (evolve <= square) {
            d->evolved = true;
            return sg_trail_distance(&d->trail, t, distance, error);
        }
        one_by_squaring(d, t, distance, error);
        return SG_OK;
    }
    for (int k = 1; k < d->n; k++) {
        double decay = exp(-fmax(0, d->value[k]) * t);
        d->scaled[k] = d->coefficient[k] * decay;
        if (decay * d->size > 1e-18) kept = k + 1;
    }
    cblas_dgemv(CblasColMajor, CblasNoTrans, d->n, kept - 1, 1, d->vector + d->n, d->n, d->scaled + 1, 1, 0, d->sum, 1);
    *distance = variation(d, d->sum);
    return SG_OK;
}

void sg_dense_all(sg_dense *d, double t, double *distance, double *error) {
    if (expansion_error(d, t, d->rarest) < PRECISE)
        all_by_expansion(d, t, distance, error);
    else
        all_by_squaring(d, t, distance, error);
}
