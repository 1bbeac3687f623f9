/*
 * What a block of sites does to one tile, y += scale A x.  One site: the pair (a, b) of states that differ there has
 *     (A x)_a = s_b c,  (A x)_b = -s_a c,  c = weight (s_b x_a - s_a x_b) / (s_a^2 + s_b^2),
 * which vanishes on x = s without cancellation and, thanks to TINY, where both states are forbidden.
 */
#include "base/vecmath.h"
#include "cube.h"

#define TINY 1e-290 /* far below the squares of amplitudes, see cube.c */
enum { PAIRS = 256 };

typedef double quad __attribute__((vector_size(32)));
typedef long long choice __attribute__((vector_size(32)));

static inline void pair(double scale, double sa, double sb, double xa, double xb, double *ya, double *yb) {
    double c = (sb * xa - sa * xb) * (scale / (sa * sa + sb * sb + TINY));
    *ya += sb * c;
    *yb -= sa * c;
}

/* States that differ in bit log2(h). */
static inline void far_pairs(size_t size, size_t h, double scale, const double *s, const double *x, double *y) {
    for (size_t base = 0; base < size; base += 2 * h) {
        const double *restrict sa = s + base, *restrict sb = sa + h, *restrict xa = x + base, *restrict xb = xa + h;
        double *restrict ya = y + base, *restrict yb = ya + h;
#pragma omp simd
        for (size_t i = 0; i < h; i++) pair(scale, sa[i], sb[i], xa[i], xb[i], ya + i, yb + i);
    }
}

/* Bits 0 and 1: each number and its partner in one register of four. */
static inline void near_pairs(size_t size, choice partner, double scale, const double *s, const double *x, double *y) {
    const quad *sq = __builtin_assume_aligned(s, 32), *xq = __builtin_assume_aligned(x, 32);
    quad *yq = __builtin_assume_aligned(y, 32);
    for (size_t i = 0; i < size / 4; i++) {
        quad sa = sq[i], xa = xq[i], sb = __builtin_shuffle(sa, partner), xb = __builtin_shuffle(xa, partner);
        yq[i] += sb * ((sb * xa - sa * xb) * (scale / (sa * sa + sb * sb + TINY)));
    }
}

static void one_site(size_t size, uint32_t h, double scale, const double *s, const double *x, double *y) {
    if (h < 4 && size >= 4) {
        if (h == 1)
            near_pairs(size, (choice){1, 0, 3, 2}, scale, s, x, y);
        else
            near_pairs(size, (choice){2, 3, 0, 1}, scale, s, x, y);
    } else if (h == 4) {
        far_pairs(size, 4, scale, s, x, y);
    } else if (h == 8) {
        far_pairs(size, 8, scale, s, x, y);
    } else {
        far_pairs(size, h, scale, s, x, y);
    }
}

/* ------------------------------------------------- two sites, one division */

/*
 * Where products of four sums s_a^2 + s_b^2 are numbers (sg_cube_operator.narrow), four pairs share a division, and two
 * sites are done on one load.
 */
static inline void four_pairs(quad scale, const quad s[4], const quad x[4], quad y[4]) {
    const quad q0 = s[0] * s[0], q1 = s[1] * s[1], q2 = s[2] * s[2], q3 = s[3] * s[3];
    const quad d01 = q0 + q1, d23 = q2 + q3, d02 = q0 + q2, d13 = q1 + q3;
    const quad first = d01 * d23, second = d02 * d13, inverse = scale / (first * second);
    const quad u = inverse * second, v = inverse * first;
    const quad c01 = (s[1] * x[0] - s[0] * x[1]) * (u * d23), c23 = (s[3] * x[2] - s[2] * x[3]) * (u * d01);
    const quad c02 = (s[2] * x[0] - s[0] * x[2]) * (v * d13), c13 = (s[3] * x[1] - s[1] * x[3]) * (v * d02);
    y[0] += s[1] * c01 + s[2] * c02;
    y[1] += s[3] * c13 - s[0] * c01;
    y[2] += s[3] * c23 - s[0] * c02;
    y[3] -= s[2] * c23 + s[1] * c13;
}

/* Bits log2(h) < log2(k), h >= 4. */
static inline void far_squares(size_t size, size_t h, size_t k, double scale, const double *s, const double *x,
                               double *y) {
    const quad *sq = __builtin_assume_aligned(s, 32), *xq = __builtin_assume_aligned(x, 32);
    const quad all = scale + (quad){0};
    const size_t low = h / 4, high = k / 4;
    quad *yq = __builtin_assume_aligned(y, 32);
    for (size_t base = 0; base < size / 4; base += 2 * high)
        for (size_t middle = base; middle < base + high; middle += 2 * low)
            for (size_t i = middle; i < middle + low; i++) {
                const size_t at[4] = {i, i + low, i + high, i + low + high};
                quad here[3][4];
                for (int c = 0; c < 4; c++) here[0][c] = sq[at[c]], here[1][c] = xq[at[c]], here[2][c] = yq[at[c]];
                four_pairs(all, here[0], here[1], here[2]);
                for (int c = 0; c < 4; c++) yq[at[c]] = here[2][c];
            }
}

/* Bits 0 and 1 of two registers. */
static inline void near_squares(size_t size, double scale, const double *s, const double *x, double *y) {
    const quad *sq = __builtin_assume_aligned(s, 32), *xq = __builtin_assume_aligned(x, 32);
    quad *yq = __builtin_assume_aligned(y, 32);
    const choice one = {1, 0, 3, 2}, two = {2, 3, 0, 1};
    for (size_t i = 0; i < size / 4; i += 2) {
        quad s1[2], s2[2], d1[2], d2[2], both[2];
        for (int j = 0; j < 2; j++) {
            const quad q = sq[i + (size_t)j] * sq[i + (size_t)j];
            s1[j] = __builtin_shuffle(sq[i + (size_t)j], one);
            s2[j] = __builtin_shuffle(sq[i + (size_t)j], two);
            d1[j] = q + __builtin_shuffle(q, one);
            d2[j] = q + __builtin_shuffle(q, two);
            both[j] = d1[j] * d2[j];
        }
        const quad inverse = scale / (both[0] * both[1]);
        for (int j = 0; j < 2; j++) {
            const quad here = sq[i + (size_t)j], value = xq[i + (size_t)j], w = inverse * both[1 - j];
            const quad c1 = (s1[j] * value - here * __builtin_shuffle(value, one)) * (w * d2[j]);
            const quad c2 = (s2[j] * value - here * __builtin_shuffle(value, two)) * (w * d1[j]);
            yq[i + (size_t)j] += s1[j] * c1 + s2[j] * c2;
        }
    }
}

static bool is_site(uint32_t mask) {
    return (mask & (mask - 1)) == 0;
}

static void two_sites(size_t size, uint32_t a, uint32_t b, double scale, const double *s, const double *x, double *y) {
    const uint32_t h = a < b ? a : b, k = a + b - h;
    if (h == 1)
        near_squares(size, scale, s, x, y);
    else if (h == 4 && k == 8)
        far_squares(size, 4, 8, scale, s, x, y);
    else
        far_squares(size, h, k, scale, s, x, y);
}

/* Two different sites, of one weight, that two_sites knows: bits 0 and 1, or none of them. */
static bool fit_together(size_t size, const sg_cube_term *a, const sg_cube_term *b) {
    if (!is_site(a->mask) || !is_site(b->mask) || a->mask == b->mask || a->weight != b->weight) return false;
    return (a->mask >= 4 && b->mask >= 4) || (a->mask + b->mask == 3 && size >= 8);
}

/* ------------------------------------------------------------- many sites */

/* Every number becomes its sum with its partner's. */
static void fold(size_t size, size_t h, double *u) {
    for (size_t base = 0; base < size; base += 2 * h) {
        double *restrict a = u + base, *restrict b = a + h;
#pragma omp simd
        for (size_t i = 0; i < h; i++) a[i] = b[i] = a[i] + b[i];
    }
}

/* y += weight (x - s <s, x>/<s, s>) on each fibre of the block; work [2][size] */
static void many_sites(size_t size, uint32_t mask, double scale, const double *s, const double *x, double *y,
                       double *work) {
    double *restrict product = work, *restrict square = work + size;
#pragma omp simd
    for (size_t i = 0; i < size; i++) {
        product[i] = s[i] * x[i];
        square[i] = s[i] * s[i];
    }
    for (; mask; mask &= mask - 1) {
        fold(size, mask & -mask, product);
        fold(size, mask & -mask, square);
    }
#pragma omp simd
    for (size_t i = 0; i < size; i++) y[i] += scale * (x[i] - s[i] * (product[i] / (square[i] + TINY)));
}

/* ------------------------------------------------------------ general rates */

typedef struct {
    uint32_t at[PAIRS]; /* of the lower state of each pair */
    double ratio[PAIRS], back[PAIRS], up[PAIRS], down[PAIRS], open[PAIRS];
} batch;

static void rates_of(const sg_cube_operator *op, int count, uint32_t h, const double *log_p, batch *b) {
    for (int k = 0; k < count; k++) {
        double from = log_p[b->at[k]], to = log_p[b->at[k] + h];
        bool open = from > -INFINITY && to > -INFINITY;
        b->ratio[k] = open ? to - from : 0;
        b->back[k] = -b->ratio[k];
        b->open[k] = open;
    }
    op->rate(op->context, count, b->ratio, b->up);
    op->rate(op->context, count, b->back, b->down);
#pragma omp simd
    for (int k = 0; k < count; k++) {
        b->up[k] = sqrt(b->open[k] * b->up[k]);
        b->down[k] = sqrt(b->open[k] * b->down[k]);
    }
}

/* (A x)_a = r_a (r_a x_a - r_b x_b), r the roots of the rates: zero on s without more cancellation than that of s. */
static void one_flip(const sg_cube_operator *op, size_t size, uint32_t h, double scale, const double *log_p,
                     const double *x, double *y) {
    batch b;
    const uint32_t pairs = (uint32_t)(size / 2);
    for (uint32_t p = 0; p < pairs; p += PAIRS) {
        int count = pairs - p < PAIRS ? (int)(pairs - p) : PAIRS;
        for (int k = 0; k < count; k++) b.at[k] = ((p + (uint32_t)k) & ~(h - 1)) << 1 | ((p + (uint32_t)k) & (h - 1));
        rates_of(op, count, h, log_p, &b);
        for (int k = 0; k < count; k++) {
            uint32_t i = b.at[k];
            double c = scale * (b.up[k] * x[i] - b.down[k] * x[i + h]);
            y[i] += b.up[k] * c;
            y[i + h] -= b.down[k] * c;
        }
    }
}

/* ------------------------------------------------------------------- tiles */

void sg_cube_tile(const sg_cube_operator *op, const sg_cube_pass *pass, const double *s, const double *x, double scale,
                  double *y, double *work) {
    const size_t size = (size_t)1 << op->plan->bits;
    const sg_cube_term *term = op->plan->term + pass->first, *end = term + pass->terms;
    for (; term < end; term++) {
        const double weight = scale * term->weight;
        if (op->rate)
            one_flip(op, size, term->mask, weight, s, x, y);
        else if (op->narrow && term + 1 < end && fit_together(size, term, term + 1))
            two_sites(size, term[0].mask, term[1].mask, weight, s, x, y), term++;
        else if (is_site(term->mask))
            one_site(size, term->mask, weight, s, x, y);
        else
            many_sites(size, term->mask, weight, s, x, y, work);
    }
}
