/*
 * The pass up: table after table, the first site of each is summed out.  Its message to the sites that are left holds
 * the log of the sum, and the means and covariances of the sums so far given these sites, by the law of total
 * covariance.
 */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/elimination.h"

enum { PIECE = 256 };
static const double LOWEST = -1.7e308; /* in place of -INFINITY where it is subtracted */

static size_t components(const sg_elimination_pass *pass) {
    return 1 + (size_t)pass->a + (size_t)pass->b;
}

/* Where the message of table k stands, and its entries. */
static double *message_of(const sg_elimination *plan, const sg_elimination_pass *pass, int k, size_t *entries) {
    *entries = sg_elimination_power(plan->q, sg_elimination_later(plan, k));
    return pass->message + plan->slot[k] * components(pass);
}

static int sum_of(const sg_elimination_pass *pass, int sum) {
    return pass->sum ? pass->sum[sum] : sum;
}

static void add_factor(const sg_elimination *plan, const sg_elimination_pass *pass, int k, const sg_factor *factor,
                       size_t size) {
    sg_table_map map;
    const size_t entries = sg_elimination_power(plan->q, factor->sites);
    sg_table_map_factor(plan, k, factor, pass->given, &map);
    sg_table_spread(&map, factor->log_p, pass->table);
    for (int s = 0; s < factor->sums && pass->a; s++) {
        const int to = sum_of(pass, factor->sum[s]);
        if (to >= 0) sg_table_spread(&map, factor->value + (size_t)s * entries, pass->table + (1 + (size_t)to) * size);
    }
}

/* All that goes into table k. */
static void fill_table(const sg_elimination *plan, const sg_factors *factors, const sg_elimination_pass *pass, int k,
                       size_t size) {
    memset(pass->table, 0, components(pass) * size * sizeof(double));
    for (int c = plan->child[k]; c >= 0; c = plan->next[c]) {
        sg_table_map map;
        size_t entries;
        const double *message = message_of(plan, pass, c, &entries);
        sg_table_map_message(plan, k, c, &map);
        for (size_t a = 0; a < components(pass); a++)
            sg_table_spread(&map, message + a * entries, pass->table + a * size);
    }
    for (int f = plan->first[k]; f >= 0; f = plan->following[f]) add_factor(plan, pass, k, &factors->factor[f], size);
}

/* Logs [q][entries] to the log of their sum over the states, and to the shares in it. */
static void share(int q, int count, size_t entries, double *restrict table, double *restrict out) {
    double top[PIECE], sum[PIECE] = {0};
    memcpy(top, table, (size_t)count * sizeof(double));
    for (int s = 1; s < q; s++) {
        const double *restrict from = table + (size_t)s * entries;
#pragma omp simd
        for (int i = 0; i < count; i++) top[i] = from[i] > top[i] ? from[i] : top[i];
    }
#pragma omp simd
    for (int i = 0; i < count; i++) top[i] = top[i] > LOWEST ? top[i] : LOWEST;
    for (int s = 0; s < q; s++) {
        double *restrict from = table + (size_t)s * entries;
#pragma omp simd
        for (int i = 0; i < count; i++) {
            from[i] = exp(from[i] - top[i]);
            sum[i] += from[i];
        }
    }
#pragma omp simd
    for (int i = 0; i < count; i++) out[i] = top[i] + log(sum[i]);
#pragma omp simd
    for (int i = 0; i < count; i++) sum[i] = sum[i] > 0 ? 1 / sum[i] : 0;
    for (int s = 0; s < q; s++) {
        double *restrict from = table + (size_t)s * entries;
#pragma omp simd
        for (int i = 0; i < count; i++) from[i] *= sum[i];
    }
}

/* The same with two states: one exp and one log1p. */
static void share_two(int count, double *restrict down, double *restrict up, double *restrict out) {
#pragma omp simd
    for (int i = 0; i < count; i++) {
        const double a = down[i] > LOWEST ? down[i] : LOWEST, b = up[i] > LOWEST ? up[i] : LOWEST;
        const double top = a > b ? a : b, low = a > b ? b : a, e = exp(low - top), larger = 1 / (1 + e);
        out[i] = (down[i] > up[i] ? down[i] : up[i]) + log1p(e);
        down[i] = a > b ? larger : e * larger;
        up[i] = a > b ? e * larger : larger;
    }
}

/* Mean over the shares, and deviations from it in place of the values. */
static void centre(int q, int count, size_t entries, const double *share_of, double *value, double *restrict mean) {
    for (int i = 0; i < count; i++) mean[i] = 0;
    for (int s = 0; s < q; s++) {
        const double *restrict w = share_of + (size_t)s * entries, *restrict v = value + (size_t)s * entries;
#pragma omp simd
        for (int i = 0; i < count; i++) mean[i] += w[i] * v[i];
    }
    for (int s = 0; s < q; s++) {
        double *restrict v = value + (size_t)s * entries;
#pragma omp simd
        for (int i = 0; i < count; i++) v[i] -= mean[i];
    }
}

/* The mean of covariances and the covariance of means. */
static void total(int q, int count, size_t entries, const double *share_of, const double *value, const double *first,
                  const double *second, double *restrict out) {
    for (int i = 0; i < count; i++) out[i] = 0;
    for (int s = 0; s < q; s++) {
        const size_t at = (size_t)s * entries;
        const double *restrict w = share_of + at, *restrict v = value + at, *restrict x = first + at,
                               *restrict y = second + at;
#pragma omp simd
        for (int i = 0; i < count; i++) out[i] += w[i] * (v[i] + x[i] * y[i]);
    }
}

static void sum_out(const sg_elimination *plan, const sg_elimination_pass *pass, size_t entries, double *out) {
    const int q = plan->q;
    const size_t size = entries * (size_t)q;
    for (size_t at = 0; at < entries; at += PIECE) {
        const int count = (int)(entries - at < PIECE ? entries - at : PIECE);
        double *table = pass->table + at, *to = out + at;
        if (q == 2)
            share_two(count, table, table + entries, to);
        else
            share(q, count, entries, table, to);
        for (int a = 0; a < pass->a; a++)
            centre(q, count, entries, table, table + (1 + (size_t)a) * size, to + (1 + (size_t)a) * entries);
        const size_t pairs = 1 + (size_t)pass->a;
        for (int a = 0, p = 0; a < pass->a && pass->b; a++)
            for (int b = 0; b <= a; b++, p++)
                total(q, count, entries, table, table + (pairs + (size_t)p) * size, table + (1 + (size_t)a) * size,
                      table + (1 + (size_t)b) * size, to + (pairs + (size_t)p) * entries);
    }
}

static void add(double term, double *sum, double *carry) {
    if (!isfinite(*sum)) return; /* p = 0 everywhere */
    const double next = *sum + term;
    *carry += fabs(*sum) >= fabs(term) ? (*sum - next) + term : (term - next) + *sum;
    *sum = next;
}

/* Subtracts the largest entry, and returns it. */
static double lower(size_t entries, double *log_value) {
    double top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (size_t i = 0; i < entries; i++) top = log_value[i] > top ? log_value[i] : top;
    if (!isfinite(top)) return 0;
    for (size_t i = 0; i < entries; i++) log_value[i] -= top;
    return top;
}

/* What has no site left: it goes into the result. */
typedef struct {
    double sum, carry;
    double *mean, *covariance;
} result;

static void add_result(const sg_elimination_pass *pass, const double *value, result *r) {
    if (isfinite(value[0]))
        add(value[0], &r->sum, &r->carry);
    else
        r->sum = value[0];
    for (int a = 0; a < pass->a; a++) r->mean[a] += value[1 + a];
    for (int p = 0; p < pass->b; p++) r->covariance[p] += value[1 + pass->a + p];
}

static void keep(const sg_elimination *plan, const sg_elimination_pass *pass, int k, size_t size) {
    if (pass->conditional) memcpy(pass->conditional + plan->table[k], pass->table, size * sizeof(double));
    for (int a = 0; a < pass->a && pass->deviation; a++)
        memcpy(pass->deviation + (size_t)a * plan->tables + plan->table[k], pass->table + (1 + (size_t)a) * size,
               size * sizeof(double));
}

void sg_elimination_up(const sg_elimination *plan, const sg_factors *factors, const sg_elimination_pass *pass,
                       double *log_z, double *mean, double *covariance) {
    const int count = plan->order.count;
    result r = {.mean = mean, .covariance = covariance};
    for (int a = 0; a < pass->a; a++) mean[a] = 0;
    for (int p = 0; p < pass->b; p++) covariance[p] = 0;
    for (int k = 0; k < count; k++) {
        size_t entries;
        double *out = message_of(plan, pass, k, &entries);
        const size_t size = entries * (size_t)plan->q;
        fill_table(plan, factors, pass, k, size);
        sum_out(plan, pass, entries, out);
        keep(plan, pass, k, size);
        if (entries == 1)
            add_result(pass, out, &r);
        else
            add(lower(entries, out), &r.sum, &r.carry);
    }
    for (int f = plan->first[count]; f >= 0; f = plan->following[f]) {
        memset(pass->table, 0, components(pass) * sizeof(double));
        add_factor(plan, pass, -1, &factors->factor[f], 1);
        add_result(pass, pass->table, &r);
    }
    *log_z = r.sum + r.carry;
}
