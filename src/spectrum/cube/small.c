/*
 * Cubes with few states and a gap too small for Lanczos' method: the same dynamics as an explicit chain, whose solver
 * keeps relative accuracy.
 */
#include <math.h>
#include <string.h>

#include "cube.h"

enum { MOST_STATES = 1024, MOST_EDGES = 1 << 22 };

typedef struct {
    const sg_cube *cube;
    sg_flip_rate rate;
    const void *context;
    int *index; /* [2^n] of the states of positive probability */
    sg_chain chain;
    int *from, *to;
    double *log_rate, *log_pi;
} builder;

static void add_edge(builder *b, uint32_t x, uint32_t y, double log_rate) {
    const long long e = b->chain.edges;
    if (x == y || !(log_rate > -INFINITY)) return;
    b->from[e] = b->index[x];
    b->to[e] = b->index[y];
    b->log_rate[e] = log_rate;
    b->chain.edges++;
}

static bool allowed(const builder *b, uint32_t x) {
    return b->cube->log_p[x] > -INFINITY;
}

/* Every state of the fibre leads to every other at rate weight p(y)/p(fibre). */
static void add_fibre(builder *b, uint32_t base, uint32_t mask, double weight) {
    const double *log_p = b->cube->log_p;
    double top = -INFINITY, sum = 0;
    uint32_t x = 0, y = 0;
    do top = fmax(top, log_p[base | x]);
    while ((x = (x - mask) & mask));
    if (top == -INFINITY) return;
    do sum += exp(log_p[base | x] - top);
    while ((x = (x - mask) & mask));
    do {
        if (!allowed(b, base | x)) continue;
        do
            if (allowed(b, base | y)) add_edge(b, base | x, base | y, log(weight) + log_p[base | y] - top - log(sum));
        while ((y = (y - mask) & mask));
    } while ((x = (x - mask) & mask));
}

static void add_flip(builder *b, uint32_t x, uint32_t y) {
    double ratio = b->cube->log_p[y] - b->cube->log_p[x], rate;
    if (!allowed(b, x) || !allowed(b, y)) return;
    b->rate(b->context, 1, &ratio, &rate);
    add_edge(b, x, y, log(rate));
}

static void add_block(builder *b, uint32_t mask, double weight) {
    const uint32_t all = ((uint32_t)1 << b->cube->n) - 1, fixed = all & ~mask;
    uint32_t base = 0;
    do {
        if (b->rate) {
            add_flip(b, base, base | mask);
            add_flip(b, base | mask, base);
        } else {
            add_fibre(b, base, mask, weight);
        }
    } while ((base = (base - fixed) & fixed));
}

static size_t room_for(const sg_cube *cube) {
    double room = 0;
    for (int k = 0; k < cube->blocks; k++) room += ldexp(1, cube->n + __builtin_popcount(cube->block[k]));
    return room <= MOST_EDGES ? (size_t)room : 0;
}

bool sg_cube_is_small(const sg_cube *cube) {
    return room_for(cube) > 0;
}

static sg_status build(builder *b, size_t room) {
    const size_t all = (size_t)1 << b->cube->n;
    sg_status status = sg_new(&b->index, all, sizeof *b->index);
    if (!status) status = sg_new(&b->log_pi, all, sizeof *b->log_pi);
    if (!status) status = sg_new(&b->from, room, sizeof *b->from);
    if (!status) status = sg_new(&b->to, room, sizeof *b->to);
    if (!status) status = sg_new(&b->log_rate, room, sizeof *b->log_rate);
    if (status) return status;
    for (uint32_t x = 0; x < all; x++) {
        if (!allowed(b, x)) continue;
        b->log_pi[b->chain.n] = b->cube->log_p[x];
        b->index[x] = b->chain.n++;
    }
    for (int k = 0; k < b->cube->blocks; k++) add_block(b, b->cube->block[k], b->cube->weight[k]);
    b->chain.from = b->from;
    b->chain.to = b->to;
    b->chain.log_rate = b->log_rate;
    b->chain.log_pi = b->log_pi;
    return SG_OK;
}

sg_status sg_cube_small(const sg_cube *cube, sg_flip_rate rate, const void *context, size_t states, int count,
                        sg_gap *out, sg_chain_spectrum *spectrum) {
    builder b = {.cube = cube, .rate = rate, .context = context};
    const size_t room = room_for(cube);
    sg_eigenvalues *values = NULL;
    sg_gap gap;
    if (states > MOST_STATES || room == 0) return SG_OK;
    sg_status status = sg_eigenvalues_new(spectrum ? count : 1, &values);
    if (!status) status = build(&b, room);
    if (!status) status = sg_chain_gap(&b.chain, NULL, &gap, values, NULL);
    if (status) goto out;
    *out = gap;
    if (spectrum) spectrum->count = values->count;
    for (int k = 0; spectrum && k < spectrum->count; k++) {
        spectrum->value[k] = exp(values->log_value[k]);
        spectrum->error[k] = values->error[k] * spectrum->value[k];
    }
    if (spectrum) { /* it belongs to no eigenvalue found here */
        sg_delete(spectrum->vector);
        spectrum->vector = NULL;
    }
out:
    sg_eigenvalues_delete(values);
    sg_delete(b.index);
    sg_delete(b.log_pi);
    sg_delete(b.from);
    sg_delete(b.to);
    sg_delete(b.log_rate);
    return status;
}
