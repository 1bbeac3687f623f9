/*
 * What blocks of sites do to one tile.  A block projects on functions of its fibres,
 *     (P x)_a = s_a r,  r = sum g / sum p over the fibre of a,  g = s x,  p = s^2,
 * so that one number r for every fibre is all there is to find, and t sums those of all blocks: A x = sum of weights
 * times x - s t.  Thanks to TINY, r is 0 where all states are forbidden.
 */
#include "base/vecmath.h"
#include "cube.h"

#define TINY 1e-290 /* far below the squares of amplitudes, see cube.c */
enum { PAIRS = 256 };

typedef double quad __attribute__((vector_size(32)));
typedef long long choice __attribute__((vector_size(32)));

/*
 * Fibres of any block, four side by side: p and g are summed over the `count` registers at offset[] from each that has
 * no bit of `far`, and within registers over bits 0 and 1 as `near` says.
 */
static inline void fibres(size_t quads, size_t far, size_t count, const uint32_t *offset, uint32_t near, double weight,
                          const double *p, const double *g, double *t) {
    const quad *pq = __builtin_assume_aligned(p, 32), *gq = __builtin_assume_aligned(g, 32);
    const choice one = {1, 0, 3, 2}, two = {2, 3, 0, 1};
    quad *tq = __builtin_assume_aligned(t, 32);
    for (size_t i = 0; i < quads; i = ((i | far) + 1) & ~far) {
        quad square = pq[i], product = gq[i];
        for (size_t c = 1; c < count; c++) {
            square += pq[i + offset[c]];
            product += gq[i + offset[c]];
        }
        if (near & 1) {
            square += __builtin_shuffle(square, one);
            product += __builtin_shuffle(product, one);
        }
        if (near & 2) {
            square += __builtin_shuffle(square, two);
            product += __builtin_shuffle(product, two);
        }
        const quad r = product * (weight / (square + TINY));
        for (size_t c = 0; c < count; c++) tq[i + offset[c]] += r;
    }
}

static void any_block(size_t size, uint32_t mask, double weight, const double *p, const double *g, double *t) {
    uint32_t offset[1 << (SG_CUBE_TILE_BITS - 2)];
    const uint32_t far = mask >> 2, near = mask & 3;
    size_t count = 0;
    uint32_t sub = 0;
    do offset[count++] = sub;
    while ((sub = (sub - far) & far));
    if (count == 1)
        fibres(size / 4, 0, 1, offset, near, weight, p, g, t);
    else if (count == 2)
        fibres(size / 4, far, 2, offset, near, weight, p, g, t);
    else if (count == 4)
        fibres(size / 4, far, 4, offset, near, weight, p, g, t);
    else
        fibres(size / 4, far, count, offset, near, weight, p, g, t);
}

/* ------------------------------------------------- two sites, one division */

/*
 * Where products of four sums p_a + p_b are numbers (sg_cube_operator.narrow), four pairs share a division, and two
 * sites are done on one load.
 */
static inline void four_pairs(quad weight, const quad p[4], const quad g[4], quad t[4]) {
    const quad d01 = p[0] + p[1], d23 = p[2] + p[3], d02 = p[0] + p[2], d13 = p[1] + p[3];
    const quad first = d01 * d23, second = d02 * d13, inverse = weight / (first * second);
    const quad u = inverse * second, v = inverse * first;
    const quad r01 = (g[0] + g[1]) * (u * d23), r23 = (g[2] + g[3]) * (u * d01);
    const quad r02 = (g[0] + g[2]) * (v * d13), r13 = (g[1] + g[3]) * (v * d02);
    t[0] += r01 + r02;
    t[1] += r01 + r13;
    t[2] += r23 + r02;
    t[3] += r23 + r13;
}

/* Bits log2(h) < log2(k), h >= 4. */
static inline void far_squares(size_t size, size_t h, size_t k, double weight, const double *p, const double *g,
                               double *t) {
    const quad *pq = __builtin_assume_aligned(p, 32), *gq = __builtin_assume_aligned(g, 32);
    const quad all = weight + (quad){0};
    const size_t low = h / 4, high = k / 4;
    quad *tq = __builtin_assume_aligned(t, 32);
    for (size_t base = 0; base < size / 4; base += 2 * high)
        for (size_t middle = base; middle < base + high; middle += 2 * low)
            for (size_t i = middle; i < middle + low; i++) {
                const size_t at[4] = {i, i + low, i + high, i + low + high};
                quad here[3][4];
                for (int c = 0; c < 4; c++) here[0][c] = pq[at[c]], here[1][c] = gq[at[c]], here[2][c] = tq[at[c]];
                four_pairs(all, here[0], here[1], here[2]);
                for (int c = 0; c < 4; c++) tq[at[c]] = here[2][c];
            }
}

static inline void transpose(const quad in[4], quad out[4]) {
    const choice even = {0, 4, 2, 6}, odd = {1, 5, 3, 7}, lower = {0, 1, 4, 5}, upper = {2, 3, 6, 7};
    const quad a = __builtin_shuffle(in[0], in[1], even), b = __builtin_shuffle(in[0], in[1], odd);
    const quad c = __builtin_shuffle(in[2], in[3], even), d = __builtin_shuffle(in[2], in[3], odd);
    out[0] = __builtin_shuffle(a, c, lower);
    out[1] = __builtin_shuffle(b, d, lower);
    out[2] = __builtin_shuffle(a, c, upper);
    out[3] = __builtin_shuffle(b, d, upper);
}

/* Bits 0 and 1: four registers, turned so that those bits number the registers. */
static inline void near_squares(size_t size, double weight, const double *p, const double *g, double *t) {
    const quad *pq = __builtin_assume_aligned(p, 32), *gq = __builtin_assume_aligned(g, 32);
    const quad all = weight + (quad){0};
    quad *tq = __builtin_assume_aligned(t, 32);
    for (size_t i = 0; i < size / 4; i += 4) {
        quad turned[3][4] = {0}, sum[4];
        transpose(pq + i, turned[0]);
        transpose(gq + i, turned[1]);
        four_pairs(all, turned[0], turned[1], turned[2]);
        transpose(turned[2], sum);
        for (int c = 0; c < 4; c++) tq[i + (size_t)c] += sum[c];
    }
}

static bool is_site(uint32_t mask) {
    return (mask & (mask - 1)) == 0;
}

static void two_sites(size_t size, uint32_t a, uint32_t b, double weight, const double *p, const double *g, double *t) {
    const uint32_t h = a < b ? a : b, k = a + b - h;
    if (h == 1)
        near_squares(size, weight, p, g, t);
    else if (h == 4 && k == 8)
        far_squares(size, 4, 8, weight, p, g, t);
    else
        far_squares(size, h, k, weight, p, g, t);
}

/* Two different sites, of one weight, that two_sites knows: bits 0 and 1, or none of them. */
static bool fit_together(size_t size, const sg_cube_term *a, const sg_cube_term *b) {
    if (!is_site(a->mask) || !is_site(b->mask) || a->mask == b->mask || a->weight != b->weight) return false;
    return (a->mask >= 4 && b->mask >= 4) || (a->mask + b->mask == 3 && size >= 16);
}

/* ------------------------------------------------------------ general rates */

static size_t pairs_of(const sg_cube_plan *plan) {
    return (size_t)1 << (plan->bits - 1);
}

size_t sg_cube_roots_at(const sg_cube_plan *plan, const sg_cube_pass *pass, long tile) {
    const size_t tiles = (size_t)1 << (plan->n - plan->bits);
    return 2 * pairs_of(plan) * (tiles * (size_t)pass->first + (size_t)(tile * pass->terms));
}

/*
 * Roots of the rates up and down of pairs of states h apart, of which the lower ones are first, first + 1, ... among
 * all lower ones; rate(u) = e^u rate(-u), from u >= 0, where it keeps its accuracy.
 */
static void some_roots(const sg_cube_operator *op, int count, size_t first, size_t h, const double *log_p, double *up,
                       double *down) {
    double u[PAIRS], size[PAIRS] = {0}, open[PAIRS], rate[PAIRS];
    for (int k = 0; k < count; k++) {
        const size_t pair = first + (size_t)k, low = (pair & ~(h - 1)) << 1 | (pair & (h - 1));
        u[k] = log_p[low + h] - log_p[low];
        open[k] = fabs(u[k]) < INFINITY; /* none of both is forbidden */
        size[k] = open[k] > 0 ? fabs(u[k]) : 0;
    }
    op->rate(op->context, count, size, rate);
#pragma omp simd
    for (int k = 0; k < count; k++) {
        const double more = sqrt(open[k] * rate[k]), less = more * exp(-0.5 * size[k]);
        up[k] = u[k] > 0 ? more : less;
        down[k] = u[k] > 0 ? less : more;
    }
}

/* [2^(bits-1)] roots up, and as many down, of the pairs of a tile. */
static void roots_of(const sg_cube_operator *op, size_t h, const double *log_p, double *roots) {
    const size_t pairs = pairs_of(op->plan);
    for (size_t first = 0; first < pairs; first += PAIRS)
        some_roots(op, pairs - first < PAIRS ? (int)(pairs - first) : PAIRS, first, h, log_p, roots + first,
                   roots + pairs + first);
}

void sg_cube_roots(const sg_cube_operator *op, const sg_cube_pass *pass, const double *log_p, double *roots) {
    const sg_cube_term *term = op->plan->term + pass->first;
    for (int k = 0; k < pass->terms; k++, roots += 2 * pairs_of(op->plan)) roots_of(op, term[k].mask, log_p, roots);
}

/* (A x)_a = r_a (r_a x_a - r_b x_b), r the roots of the rates: zero on s without more cancellation than that of s. */
static inline void flip_pairs(size_t pairs, size_t h, double weight, const double *roots, const double *x, double *t) {
    const double *restrict up = roots, *restrict down = roots + pairs;
    for (size_t first = 0; first < pairs; first += h, up += h, down += h) {
        const double *restrict a = x + 2 * first, *restrict b = a + h;
        double *restrict c = t + 2 * first, *restrict d = c + h;
#pragma omp simd
        for (size_t k = 0; k < h; k++) {
            const double flow = weight * (up[k] * a[k] - down[k] * b[k]);
            c[k] += up[k] * flow;
            d[k] -= down[k] * flow;
        }
    }
}

/* Neighbours 1 or 2 apart. */
static inline void near_pairs(size_t pairs, size_t h, double weight, const double *roots, const double *restrict x,
                              double *restrict t) {
    const double *restrict up = roots, *restrict down = roots + pairs;
#pragma omp simd
    for (size_t k = 0; k < pairs; k++) {
        const size_t a = h == 1 ? 2 * k : (k & ~(size_t)1) << 1 | (k & 1), b = a + h;
        const double flow = weight * (up[k] * x[a] - down[k] * x[b]);
        t[a] += up[k] * flow;
        t[b] -= down[k] * flow;
    }
}

void sg_cube_flips(const sg_cube_operator *op, const sg_cube_pass *pass, const double *log_p, const double *roots,
                   const double *x, double *t) {
    const sg_cube_term *term = op->plan->term + pass->first;
    const size_t pairs = pairs_of(op->plan);
    double here[1 << SG_CUBE_TILE_BITS];
    for (int k = 0; k < pass->terms; k++) {
        const size_t h = term[k].mask;
        const double *of = roots ? roots + 2 * pairs * (size_t)k : here;
        if (!roots) roots_of(op, h, log_p, here);
        if (h == 1)
            near_pairs(pairs, 1, term[k].weight, of, x, t);
        else if (h == 2)
            near_pairs(pairs, 2, term[k].weight, of, x, t);
        else
            flip_pairs(pairs, h, term[k].weight, of, x, t);
    }
}

/* ------------------------------------------------------------------- tiles */

void sg_cube_tile(const sg_cube_operator *op, const sg_cube_pass *pass, const double *p, const double *g, double *t) {
    const size_t size = sg_cube_tile_size(op->plan);
    const sg_cube_term *term = op->plan->term + pass->first, *end = term + pass->terms;
    for (; term < end; term++)
        if (op->narrow && term + 1 < end && fit_together(size, term, term + 1))
            two_sites(size, term[0].mask, term[1].mask, term->weight, p, g, t), term++;
        else
            any_block(size, term->mask, term->weight, p, g, t);
}
