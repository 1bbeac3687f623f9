/* Laws on {0,1}^n by uniformization: single flips, and blocks of sites drawn given the others. */
#include <math.h>
#include <stdio.h>

#include "evolve.h"
#include "finite.h"

struct sg_cube_flow {
    int n;
    size_t states;
    sg_flow flow;
    const double *rate; /* [n][2^n], of flips */
    double each;        /* 1/q */
    int blocks;
    uint32_t *mask;    /* [blocks] */
    double *weight;    /* [blocks] over q */
    size_t *first;     /* [blocks] in `inverse` */
    double *inverse;   /* 1/mass of every fibre of every block */
    const double *pi;  /* [2^n] */
    uint32_t *sub;     /* [2^k] scratch: the states of a block */
    double operations; /* of a jump */
};

void sg_cube_flow_delete(sg_cube_flow *f) {
    if (!f) return;
    void *part[] = {f->mask, f->weight, f->first, f->inverse, f->sub};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_delete(f);
}

static sg_status begin(int n, void (*jump)(const void *, const double *, double *), sg_cube_flow **flow) {
    sg_status status = sg_new(flow, 1, sizeof **flow);
    if (status) return status;
    sg_cube_flow *f = *flow;
    f->n = n;
    f->states = (size_t)1 << n;
    f->flow = (sg_flow){.n = f->states, .apply = jump, .context = f};
    return SG_OK;
}

/* ------------------------------------------------------------- single flips */

/* out(x) = in(x) + sum_i (in(x^i) rate_i(x^i) - in(x) rate_i(x)) / q, in pairs */
static void jump_by_flips(const void *context, const double *in, double *out) {
    const sg_cube_flow *f = context;
    for (size_t x = 0; x < f->states; x++) out[x] = in[x];
    for (int i = 0; i < f->n; i++) {
        const size_t bit = (size_t)1 << i;
        const double *rate = f->rate + f->states * (size_t)i;
        for (size_t high = 0; high < f->states; high += 2 * bit)
#pragma omp simd
            for (size_t x = high; x < high + bit; x++) {
                const double flow = f->each * (in[x] * rate[x] - in[x + bit] * rate[x + bit]);
                out[x] -= flow;
                out[x + bit] += flow;
            }
    }
}

sg_status sg_cube_flow_flips(int n, const double *rate, sg_cube_flow **flow) {
    sg_status status = begin(n, jump_by_flips, flow);
    if (status) return status;
    sg_cube_flow *f = *flow;
    f->rate = rate;
    for (size_t x = 0; x < f->states; x++) {
        double exit = 0;
        for (int i = 0; i < n; i++) exit += rate[f->states * (size_t)i + x];
        f->flow.q = fmax(f->flow.q, exit);
    }
    f->each = 1 / f->flow.q;
    f->operations = (double)n * (double)f->states;
    return SG_OK;
}

/* ------------------------------------------------------------------- blocks */

/* The states of a block, all other sites 0. */
static uint32_t list_block(uint32_t mask, uint32_t *sub) {
    uint32_t count = 0, state = 0;
    do {
        sub[count++] = state;
        state = (state - mask) & mask;
    } while (state);
    return count;
}

static void jump_by_blocks(const void *context, const double *in, double *out) {
    const sg_cube_flow *f = context;
    const uint32_t all = (uint32_t)(f->states - 1);
    for (size_t x = 0; x < f->states; x++) out[x] = 0;
    for (int b = 0; b < f->blocks; b++) {
        const uint32_t fixed = all & ~f->mask[b], count = list_block(f->mask[b], f->sub);
        const double *inverse = f->inverse + f->first[b];
        uint32_t base = 0;
        do {
            double mass = 0;
            for (uint32_t k = 0; k < count; k++) mass += in[base + f->sub[k]];
            mass *= f->weight[b] * *inverse++;
            for (uint32_t k = 0; k < count; k++) out[base + f->sub[k]] += mass * f->pi[base + f->sub[k]];
            base = (base - fixed) & fixed;
        } while (base);
    }
}

static sg_status fill_masses(sg_cube_flow *f) {
    const uint32_t all = (uint32_t)(f->states - 1);
    double *inverse = f->inverse;
    for (int b = 0; b < f->blocks; b++) {
        const uint32_t fixed = all & ~f->mask[b], count = list_block(f->mask[b], f->sub);
        uint32_t base = 0;
        do {
            double mass = 0, least = INFINITY;
            for (uint32_t k = 0; k < count; k++) {
                const double here = f->pi[base + f->sub[k]];
                mass += here;
                if (here > 0) least = fmin(least, here);
            }
            if (mass > 0 && !(least > 1e-290))
                return sg_fail(SG_UNDERFLOW, "some states have probabilities near 1e-308: take weaker couplings");
            *inverse++ = mass > 0 ? 1 / mass : 0;
            base = (base - fixed) & fixed;
        } while (base);
    }
    return SG_OK;
}

static sg_status take_blocks(const sg_site_blocks *blocks, size_t memory, sg_cube_flow *f) {
    size_t fibres = 0;
    int largest = 0;
    sg_status status = sg_new(&f->mask, (size_t)blocks->count, sizeof *f->mask);
    if (!status) status = sg_new(&f->weight, (size_t)blocks->count, sizeof *f->weight);
    if (!status) status = sg_new(&f->first, (size_t)blocks->count, sizeof *f->first);
    if (status) return status;
    f->blocks = blocks->count;
    for (int b = 0; b < f->blocks; b++) f->flow.q += blocks->rate[b];
    for (int b = 0; b < f->blocks; b++) {
        const int sites = __builtin_popcount(blocks->mask[b]);
        largest = sites > largest ? sites : largest;
        f->mask[b] = blocks->mask[b];
        f->weight[b] = blocks->rate[b] / f->flow.q;
        f->first[b] = fibres;
        fibres += f->states >> sites;
    }
    if (fibres * sizeof(double) > memory)
        return sg_fail(SG_NO_MEMORY, "the masses of %d blocks take %zu bytes, %zu are allowed: give more with --memory",
                       f->blocks, fibres * sizeof(double), memory);
    f->operations = 2.0 * (double)f->states * f->blocks;
    status = sg_new(&f->inverse, fibres, sizeof(double));
    return status ? status : sg_new(&f->sub, (size_t)1 << largest, sizeof *f->sub);
}

sg_status sg_cube_flow_blocks(int n, const sg_site_blocks *blocks, const double *pi, size_t memory,
                              sg_cube_flow **flow) {
    sg_status status = begin(n, jump_by_blocks, flow);
    if (status) return status;
    (*flow)->pi = pi;
    status = take_blocks(blocks, memory, *flow);
    return status ? status : fill_masses(*flow);
}

/* -------------------------------------------------------------------- answer */

double sg_cube_flow_speed(const sg_cube_flow *f) {
    return f->flow.q * f->operations;
}

sg_status sg_cube_flow_mixing(const sg_cube_flow *f, const double *pi, const double *initial, double guess,
                              const sg_mixing_settings *settings, sg_mixing *out) {
    sg_trail trail = {0};
    sg_status status = sg_trail_new(&f->flow, pi, out->epsilon, &trail);
    if (status) goto out;
    for (size_t x = 0; x < f->states; x++) trail.initial[x] = initial[x];
    sg_trail_begin(&trail);
    status = sg_mixing_cross(sg_trail_distance, &trail, sg_trail_at_zero(&trail), guess, out);
    snprintf(out->method, sizeof out->method, "law on all %zu states, by uniformization", f->states);
    if (!status) status = sg_mixing_profile(sg_trail_distance, &trail, sg_trail_at_zero(&trail), settings, out);
out:
    sg_trail_delete(&trail);
    return status;
}
