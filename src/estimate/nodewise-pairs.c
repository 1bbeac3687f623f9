#include "estimate/nodewise-pairs.h"

#include <string.h>

enum { CHUNK = SG_PAIRS_CHUNK, LOW_MOST = SG_PAIRS_SITES_MOST / 2 };

static int low_of(int d) {
    return d / 2;
}

/* ---------------------------------------------------------------------- chunks */

static void unpack(const uint32_t *code, int n, int site, double *restrict x) {
    for (int k = 0; k < n; k++) x[k] = (double)(int)(2 * (code[k] >> site & 1)) - 1;
}

void sg_pair_chunk_read(const sg_weighted_states *states, long long first, sg_pair_chunk *c) {
    const int low = low_of(states->d);
    const uint32_t *code = states->code + first, mask = (1u << low) - 1;
    c->d = states->d;
    c->n = states->n - first < CHUNK ? (int)(states->n - first) : CHUNK;
    c->weight = states->weight + first;
    c->pieces = 0;
    for (int k = 0; k < c->n; k++) c->low[k] = code[k] & mask;
    for (int k = 0; k < c->n; k++) {
        if (k && code[k] >> low == c->high[c->pieces - 1]) continue;
        c->high[c->pieces] = code[k] >> low;
        c->start[c->pieces++] = k;
    }
    c->start[c->pieces] = c->n;
    for (int a = 0; a < c->d; a++) unpack(code, c->n, a, c->x + (size_t)a * CHUNK);
    for (int a = 0; a < low; a++)
        for (int k = 0; k < c->n; k++) c->x_low[k * low + a] = c->x[(size_t)a * CHUNK + k];
}

/* ------------------------------------------------------------------------ sums */

size_t sg_pair_sums_fours(int d) {
    const int low = low_of(d), high = d - low;
    return ((size_t)1 << low) + (size_t)(high * low + high * (high + 1) / 2);
}

void sg_pair_sums_at(int d, sg_four *memory, sg_pair_sums *sums) {
    const int low = low_of(d), high = d - low;
    sums->lows = memory;
    sums->across = sums->lows + ((size_t)1 << low);
    sums->high = sums->across + high * low;
}

/* A list's sum and first moments into the products with its high sites. */
static void add_list(int low, int high, uint32_t code, sg_four total, const sg_four *mean, sg_pair_sums *sums) {
    sg_four *pair = sums->high;
    for (int h = 0; h < high; h++) {
        const double sign = code >> h & 1 ? 1 : -1;
        const sg_four signed_total = sign * total;
        sg_four *across = sums->across + h * low;
        for (int b = 0; b < low; b++) across[b] += sign * mean[b];
        for (int g = 0; g < h; g++) *pair++ += code >> g & 1 ? signed_total : -signed_total;
        *pair++ += signed_total;
    }
}

/* `low` is a constant where this is inlined, so that all moments of a list stay in registers. */
static inline __attribute__((always_inline)) void add_lists(const sg_pair_chunk *c, int low, const sg_four *v,
                                                            sg_pair_sums *sums) {
    for (int p = 0; p < c->pieces; p++) {
        sg_four total = {0}, mean[LOW_MOST] = {{0}};
        for (int k = c->start[p]; k < c->start[p + 1]; k++) {
            const sg_four here = v[k];
            const double *x = c->x_low + k * low;
#pragma GCC unroll 12
            for (int b = 0; b < low; b++) mean[b] += x[b] * here;
            total += here;
            sums->lows[c->low[k]] += here;
        }
        add_list(low, c->d - low, c->high[p], total, mean, sums);
    }
}

void sg_pair_sums_add(const sg_pair_chunk *c, const sg_four *v, sg_pair_sums *sums) {
#define LOW(n)                    \
    case n:                       \
        add_lists(c, n, v, sums); \
        break;
    switch (low_of(c->d)) { LOW(1) LOW(2) LOW(3) LOW(4) LOW(5) LOW(6) LOW(7) LOW(8) LOW(9) LOW(10) LOW(11) LOW(12) }
#undef LOW
}

static double total_of(int n, const double *restrict v) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < n; k++) sum += v[k];
    return sum;
}

static double dot(int n, const double *restrict v, const double *restrict x) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < n; k++) sum += v[k] * x[k];
    return sum;
}

/* Four rows at a time: one load of v serves four. */
static void four_dots(int n, const double *restrict v, const double *restrict x, double *restrict out) {
    double a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
    for (int k = 0; k < n; k++) {
        a += v[k] * x[k];
        b += v[k] * x[CHUNK + k];
        c += v[k] * x[2 * CHUNK + k];
        d += v[k] * x[3 * CHUNK + k];
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

static void dots(int n, const double *v, int rows, const double *x, double *out) {
    int a = 0;
    for (; a + 4 <= rows; a += 4) four_dots(n, v, x + (size_t)a * CHUNK, out + a);
    for (; a < rows; a++) out[a] = dot(n, v, x + (size_t)a * CHUNK);
}

void sg_pair_means_add(const sg_pair_chunk *c, const double *v, double *moment) {
    double part[SG_PAIRS_SITES_MOST];
    dots(c->n, v, c->d, c->x, part);
    for (int a = 0; a < c->d; a++) moment[a] += part[a];
    moment[c->d] += total_of(c->n, v);
}

/* ------------------------------------------------------------- lists to moments */

/* sum = lower + upper; returns the sum of upper - lower. */
static double fold(int half, const double *lower, const double *upper, double *sum) {
    double mean = 0;
#pragma omp simd reduction(+ : mean)
    for (int k = 0; k < half; k++) {
        const double a = lower[k], b = upper[k];
        mean += b - a;
        sum[k] = a + b;
    }
    return mean;
}

/* upper - lower, and lower + upper in place of lower. */
static void split(int half, double *restrict lower, const double *restrict upper, double *restrict difference) {
#pragma omp simd
    for (int k = 0; k < half; k++) {
        const double a = lower[k], b = upper[k];
        difference[k] = b - a;
        lower[k] = a + b;
    }
}

/* Rows and columns first .. first + bits and the last, of a list over so many sites; scratch [2^bits]. */
static void fold_list(int bits, double *list, double *scratch, int d, int first, double *moment) {
    const int side = d + 1;
    for (int i = bits - 1; i >= 0; i--) {
        split(1 << i, list, list + (1 << i), scratch);
        for (int j = i - 1; j >= 0; j--) {
            const double pair = fold(1 << j, scratch, scratch + (1 << j), scratch);
            moment[first + i + (first + j) * side] = moment[first + j + (first + i) * side] = pair;
        }
        moment[first + i + d * side] = moment[d + (first + i) * side] = scratch[0];
    }
}

size_t sg_pair_scratch(int d) {
    return (size_t)2 << low_of(d);
}

void sg_pair_sums_moments(int d, const sg_pair_sums *sums, int lane, double *scratch, double *moment) {
    const int low = low_of(d), high = d - low, side = d + 1, size = 1 << low;
    const sg_four *pair = sums->high;
    for (int k = 0; k < size; k++) scratch[k] = sums->lows[k][lane];
    fold_list(low, scratch, scratch + size, d, 0, moment);
    for (int a = 0; a <= d; a++) moment[a + a * side] = scratch[0];
    for (int h = 0; h < high; h++) {
        const int a = low + h;
        for (int b = 0; b < low; b++) moment[a + b * side] = moment[b + a * side] = sums->across[h * low + b][lane];
        for (int g = 0; g < h; g++, pair++) moment[a + (low + g) * side] = moment[low + g + a * side] = (*pair)[lane];
        moment[a + d * side] = moment[d + a * side] = (*pair++)[lane];
    }
}

/* ------------------------------------------------------------------- log-ratios */

static void add_row(int n, double f, const double *restrict x, double *restrict u) {
#pragma omp simd
    for (int k = 0; k < n; k++) u[k] += f * x[k];
}

static void add_four(int n, const double *f, const double *restrict x, double *restrict u) {
    const double f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
#pragma omp simd
    for (int k = 0; k < n; k++)
        u[k] += (f0 * x[k] + f1 * x[CHUNK + k]) + (f2 * x[2 * CHUNK + k] + f3 * x[3 * CHUNK + k]);
}

void sg_pair_log_ratio(const sg_pair_chunk *c, int site, const double *field, double *restrict u) {
    double f[SG_PAIRS_SITES_MOST];
    const double *restrict own = c->x + (size_t)site * CHUNK;
    const int n = c->n;
    int a = 0;
    for (int j = 0; j < c->d; j++) f[j] = j == site ? 0 : field[j];
    for (int k = 0; k < n; k++) u[k] = field[c->d];
    for (; a + 4 <= c->d; a += 4) add_four(n, f + a, c->x + (size_t)a * CHUNK, u);
    for (; a < c->d; a++) add_row(n, f[a], c->x + (size_t)a * CHUNK, u);
#pragma omp simd
    for (int k = 0; k < n; k++) u[k] *= -2 * own[k];
}
