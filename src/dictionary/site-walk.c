#include "dictionary/site-walk.h"

#include <math.h>

#include "dictionary/numbers.h"

enum { B = SG_BLOCK };
static const double MEAN_MOST = 256; /* of one Poisson number by inversion */

size_t sg_site_walk_bytes(int d) {
    return (2 * (size_t)d + ((size_t)1 << SG_SITE_WALK_BLOCK)) * sizeof(double) + 16 * SG_ALIGN;
}

/* Poisson number by inversion of its distribution function, a large mean in parts. */
static long long events(sg_numbers *r, double mean) {
    long long total = 0;
    while (mean > 0) {
        const double part = fmin(mean, MEAN_MOST), u = sg_numbers_draw(r);
        double term = exp(-part), sum = term;
        int k = 0;
        for (; u > sum && term > 0; sum += term) term *= part / ++k;
        total += k;
        mean -= part;
    }
    return total;
}

/* -------------------------------------------------------------- single sites */

static inline double ratio(const sg_walk *walk, int chain, int site) {
    return walk->model->family->log_ratio(walk->model, walk->theta, &walk->block, chain, site);
}

void sg_site_walk_heat_bath(sg_walk *walk) {
    const int d = walk->block.d;
    for (int c = 0; c < walk->block.n; c++) {
        sg_numbers r;
        sg_numbers_open(walk, c, &r);
        const long long count = events(&r, d * walk->dt);
        for (long long k = 0; k < count; k++) {
            const int site = sg_numbers_below(&r, d);
            const bool flips = sg_numbers_draw(&r) < 1 / (1 + exp(-ratio(walk, c, site)));
            double *x = walk->block.x + (size_t)site * B + (size_t)c;
            *x = flips ? -*x : *x;
            walk->accepted += flips;
        }
        walk->proposed += count;
    }
}

void sg_site_walk_jumps(void (*rate)(const sg_prepared *prepared, int n, const double *log_ratio, double *rate),
                        const sg_prepared *prepared, sg_walk *walk) {
    const int d = walk->block.d;
    const size_t mark = sg_arena_mark(walk->arena);
    double *u = sg_arena_take(walk->arena, (size_t)d, sizeof(double));
    double *speed = sg_arena_take(walk->arena, (size_t)d, sizeof(double));
    for (int c = 0; u && speed && c < walk->block.n; c++) {
        sg_numbers r;
        sg_numbers_open(walk, c, &r);
        for (double left = walk->dt;;) {
            double total = 0;
            int site = 0;
            for (int i = 0; i < d; i++) u[i] = ratio(walk, c, i);
            rate(prepared, d, u, speed);
            for (int i = 0; i < d; i++) total += speed[i];
            left += log(sg_numbers_draw(&r)) / total;
            if (!(left > 0)) break;
            double at = sg_numbers_draw(&r) * total;
            for (; site + 1 < d && at >= speed[site]; site++) at -= speed[site];
            walk->block.x[(size_t)site * B + (size_t)c] *= -1;
            walk->proposed++;
            walk->accepted++;
        }
    }
    sg_arena_rewind(walk->arena, mark);
}

/* -------------------------------------------------------------------- blocks */

static int sites_of(uint32_t mask, int *site) {
    int k = 0;
    for (; mask; mask &= mask - 1) site[k++] = __builtin_ctz(mask);
    return k;
}

/* Flips the sites of a code, those in state 1 first: a set without forbidden pairs stays one on the way. */
static double flip_all(const sg_walk *walk, int chain, int k, const int *site, uint32_t code, uint32_t *flipped) {
    double *x = walk->block.x + chain, sum = 0;
    uint32_t up = 0;
    for (int i = 0; i < k; i++) up |= (uint32_t)(x[(size_t)site[i] * B] > 0) << i;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t rest = pass ? code & ~up : code & up; rest; rest &= rest - 1) {
            const int i = __builtin_ctz(rest);
            const double change = ratio(walk, chain, site[i]);
            if (!(change > -INFINITY)) return -INFINITY;
            sum += change;
            x[(size_t)site[i] * B] *= -1;
            *flipped |= UINT32_C(1) << i;
        }
    return sum;
}

/* log p of all states of a block given the rest, up to a constant, by the code of sites that are flipped. */
static void weights(const sg_walk *walk, int chain, int k, const int *site, double *log_weight) {
    double *x = walk->block.x + chain;
    for (uint32_t code = 0; code < UINT32_C(1) << k; code++) {
        uint32_t flipped = 0;
        log_weight[code] = flip_all(walk, chain, k, site, code, &flipped);
        for (; flipped; flipped &= flipped - 1) x[(size_t)site[__builtin_ctz(flipped)] * B] *= -1;
    }
}

static void draw_block(const sg_walk *walk, sg_numbers *r, int chain, uint32_t mask, double *weight) {
    int site[32];
    const int k = sites_of(mask, site);
    const uint32_t count = UINT32_C(1) << k;
    double most = -INFINITY, total = 0;
    uint32_t code = 0;
    weights(walk, chain, k, site, weight);
    for (uint32_t s = 0; s < count; s++) most = fmax(most, weight[s]);
    for (uint32_t s = 0; s < count; s++) total += weight[s] = exp(weight[s] - most);
    double at = sg_numbers_draw(r) * total;
    for (; code + 1 < count && at >= weight[code]; code++) at -= weight[code];
    for (int i = 0; i < k; i++)
        if (code >> i & 1) walk->block.x[(size_t)site[i] * B + (size_t)chain] *= -1;
}

void sg_site_walk_blocks(const sg_site_blocks *blocks, sg_walk *walk) {
    const size_t mark = sg_arena_mark(walk->arena);
    double *weight = sg_arena_take(walk->arena, (size_t)1 << SG_SITE_WALK_BLOCK, sizeof(double)), total = 0;
    for (int b = 0; b < blocks->count; b++) total += blocks->rate[b];
    for (int c = 0; weight && c < walk->block.n; c++) {
        sg_numbers r;
        sg_numbers_open(walk, c, &r);
        const long long count = events(&r, total * walk->dt);
        for (long long k = 0; k < count; k++) {
            double at = sg_numbers_draw(&r) * total;
            int b = 0;
            for (; b + 1 < blocks->count && at >= blocks->rate[b]; b++) at -= blocks->rate[b];
            if (__builtin_popcount(blocks->mask[b]) <= SG_SITE_WALK_BLOCK)
                draw_block(walk, &r, c, blocks->mask[b], weight);
        }
        walk->proposed += count;
        walk->accepted += count;
    }
    sg_arena_rewind(walk->arena, mark);
}
