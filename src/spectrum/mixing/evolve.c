#include "evolve.h"

#include <math.h>
#include <string.h>

#define PIECE 4096.0 /* q t of one series */
#define REACH 700    /* most terms of it on either side of the largest */
#define NOTHING 1e-19
#define PRECISION 0x1p-52

/* Poisson weights by ratios outwards from the largest, those that matter: of terms first, first + 1, ... */
static int weights(double x, double *weight, int *first) {
    const int mode = (int)x;
    double low[REACH + 1], sum = 1;
    int left = 0, count;
    low[0] = 1;
    while (left < REACH && left < mode && low[left] > NOTHING) {
        low[left + 1] = low[left] * ((mode - left) / x);
        left++;
    }
    for (int i = 0; i <= left; i++) weight[i] = low[left - i];
    for (count = left + 1; count < 2 * REACH && weight[count - 1] > NOTHING; count++)
        weight[count] = weight[count - 1] * (x / (mode + count - left));
    for (int i = 0; i < count; i++) sum += i == left ? 0 : weight[i];
    for (int i = 0; i < count; i++) weight[i] /= sum;
    *first = mode - left;
    return count;
}

/* One series: law P^k and its sum with Poisson weights. */
static void piece(const sg_flow *flow, double x, double *law, double *work, double *error) {
    const size_t n = flow->n;
    double *power = work, *next = work + n, weight[2 * REACH];
    int first, count = weights(x, weight, &first);
    memcpy(power, law, n * sizeof(double));
    memset(law, 0, n * sizeof(double));
    for (int k = 0; k < first + count; k++) {
        if (k > 0) {
            flow->apply(flow->context, power, next);
            double *swap = power;
            power = next;
            next = swap;
        }
        if (k < first) continue;
        const double share = weight[k - first];
#pragma omp simd
        for (size_t i = 0; i < n; i++) law[i] += share * power[i];
    }
    /* beyond the ends weights fall faster than geometrically; rounding: a few units an application */
    *error += 0x1p-53 + PRECISION * (4 * x + 32);
}

void sg_evolve(const sg_flow *flow, double t, double *law, double *work, double *error) {
    double x = flow->q * t;
    for (; x > PIECE; x -= PIECE) piece(flow, PIECE, law, work, error);
    if (x > 0) piece(flow, x, law, work, error);
}

/* ------------------------------------------------------------------- trail */

sg_status sg_trail_new(const sg_flow *flow, const double *pi, double epsilon, sg_trail *trail) {
    *trail = (sg_trail){.flow = flow, .pi = pi, .epsilon = epsilon};
    sg_status status = sg_new(&trail->initial, flow->n, sizeof(double));
    if (!status) status = sg_new(&trail->kept, flow->n, sizeof(double));
    if (!status) status = sg_new(&trail->now, flow->n, sizeof(double));
    if (!status) status = sg_new(&trail->work, 2 * flow->n, sizeof(double));
    return status;
}

void sg_trail_delete(sg_trail *trail) {
    sg_delete(trail->initial);
    sg_delete(trail->kept);
    sg_delete(trail->now);
    sg_delete(trail->work);
}

void sg_trail_begin(sg_trail *trail) {
    memcpy(trail->kept, trail->initial, trail->flow->n * sizeof(double));
    trail->kept_at = trail->kept_error = 0;
}

static double variation(const sg_trail *trail, const double *law) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < trail->flow->n; i++) sum += fabs(law[i] - trail->pi[i]);
    return 0.5 * sum;
}

double sg_trail_at_zero(const sg_trail *trail) {
    return variation(trail, trail->initial);
}

sg_status sg_trail_distance(void *context, double t, double *distance, double *error) {
    sg_trail *trail = context;
    if (t < trail->kept_at) sg_trail_begin(trail);
    memcpy(trail->now, trail->kept, trail->flow->n * sizeof(double));
    *error = trail->kept_error;
    sg_evolve(trail->flow, t - trail->kept_at, trail->now, trail->work, error);
    *distance = variation(trail, trail->now);
    if (*distance > trail->epsilon) {
        double *swap = trail->kept;
        trail->kept = trail->now;
        trail->now = swap;
        trail->kept_at = t;
        trail->kept_error = *error;
    }
    *error += 8 * PRECISION;
    return SG_OK;
}

/* -------------------------------------------------------------------- rows */

void sg_rows_of_rates_delete(sg_rows_of_rates *rows) {
    sg_delete(rows->first);
    sg_delete(rows->to);
    sg_delete(rows->rate);
    sg_delete(rows->exit);
    sg_delete(rows->stay);
}

static sg_status check(const sg_chain *chain) {
    if (chain->n < 2) return sg_fail(SG_OUT_OF_RANGE, "a chain has at least 2 states, not %d", chain->n);
    for (long long e = 0; e < chain->edges; e++) {
        if (chain->from[e] < 0 || chain->from[e] >= chain->n || chain->to[e] < 0 || chain->to[e] >= chain->n)
            return sg_fail(SG_OUT_OF_RANGE, "edge %lld goes from %d to %d: states are 0 to %d", e, chain->from[e],
                           chain->to[e], chain->n - 1);
        if (!(chain->log_rate[e] < 690 && (chain->log_rate[e] > -690 || chain->log_rate[e] == -INFINITY)))
            return sg_fail(SG_OUT_OF_RANGE,
                           "edge %lld has log rate %g: it must lie between -690 and 690 for mixing times; change the "
                           "unit",
                           e, chain->log_rate[e]);
    }
    return SG_OK;
}

sg_status sg_rows_of_rates_new(const sg_chain *chain, sg_rows_of_rates *rows) {
    size_t n = (size_t)(chain->n > 0 ? chain->n : 0), edges = (size_t)chain->edges;
    *rows = (sg_rows_of_rates){.n = chain->n};
    sg_status status = check(chain);
    if (!status) status = sg_new(&rows->first, n + 2, sizeof(int));
    if (!status) status = sg_new(&rows->to, edges + 1, sizeof(int));
    if (!status) status = sg_new(&rows->rate, edges + 1, sizeof(double));
    if (!status) status = sg_new(&rows->exit, n, sizeof(double));
    if (!status) status = sg_new(&rows->stay, n, sizeof(double));
    if (status) return status;
    int *next = rows->first + 1; /* counts, then ends of the rows so far */
    for (size_t e = 0; e < edges; e++) next[chain->from[e] + 1]++;
    for (size_t x = 0; x < n; x++) next[x + 1] += next[x];
    for (size_t e = 0; e < edges; e++) {
        double rate = chain->from[e] == chain->to[e] ? 0 : exp(chain->log_rate[e]);
        int at = next[chain->from[e]]++;
        rows->to[at] = chain->to[e];
        rows->rate[at] = rate;
        rows->exit[chain->from[e]] += rate;
    }
    for (size_t x = 0; x < n; x++) rows->q = fmax(rows->q, rows->exit[x]);
    if (!(rows->q > 0)) return sg_fail(SG_OUT_OF_RANGE, "the chain never jumps: give it edges");
    for (size_t e = 0; e < edges; e++) rows->rate[e] /= rows->q;
    for (size_t x = 0; x < n; x++) rows->stay[x] = fmax(0, 1 - rows->exit[x] / rows->q);
    return SG_OK;
}

static void apply(const void *context, const double *in, double *out) {
    const sg_rows_of_rates *rows = context;
    for (int x = 0; x < rows->n; x++) out[x] = in[x] * rows->stay[x];
    for (int x = 0; x < rows->n; x++)
        for (int e = rows->first[x]; e < rows->first[x + 1]; e++) out[rows->to[e]] += in[x] * rows->rate[e];
}

sg_flow sg_rows_flow(const sg_rows_of_rates *rows) {
    return (sg_flow){.n = (size_t)rows->n, .q = rows->q, .apply = apply, .context = rows};
}

sg_status sg_chain_distance(const sg_chain *chain, int start, double t, double *distance, double *error) {
    sg_rows_of_rates rows = {0};
    sg_trail trail = {0};
    sg_flow flow;
    double *pi = NULL;
    sg_status status = sg_rows_of_rates_new(chain, &rows);
    if (status) goto out;
    if (start < 0 || start >= chain->n || !(t >= 0 && isfinite(t))) {
        status = sg_fail(SG_OUT_OF_RANGE, "start %d or time %g is out of range: states are 0 to %d, times finite",
                         start, t, chain->n - 1);
        goto out;
    }
    if ((status = sg_new(&pi, (size_t)chain->n, sizeof(double)))) goto out;
    if ((status = sg_chain_law(chain, pi, &(bool){false}))) goto out;
    for (int x = 0; x < chain->n; x++) pi[x] = exp(pi[x]);
    flow = sg_rows_flow(&rows);
    if ((status = sg_trail_new(&flow, pi, -1, &trail))) goto out;
    trail.initial[start] = 1;
    sg_trail_begin(&trail);
    status = sg_trail_distance(&trail, t, distance, error);
out:
    sg_trail_delete(&trail);
    sg_rows_of_rates_delete(&rows);
    sg_delete(pi);
    return status;
}
