/* Laws on n sites of q states by uniformization: single sites that move, and blocks of sites drawn given the others. */
#include <math.h>
#include <stdio.h>

#include "evolve.h"
#include "finite.h"
#include "spectrum/chain/fibres.h"

struct sg_sites_flow {
    int n, q;
    size_t states;
    sg_flow flow;
    const double *rate; /* [n][q-1][q^n], of single sites */
    double each;        /* 1/q of the flow */
    int blocks;
    uint32_t *mask;    /* [blocks] */
    double *weight;    /* [blocks] over q of the flow */
    size_t *first;     /* [blocks] in `inverse` */
    double *inverse;   /* 1/mass of every fibre of every block */
    const double *pi;  /* [q^n] */
    int32_t *offset;   /* [q^k] scratch: the states of a fibre of the largest block */
    double operations; /* of a jump */
};

void sg_sites_flow_delete(sg_sites_flow *f) {
    if (!f) return;
    void *part[] = {f->mask, f->weight, f->first, f->inverse, f->offset};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_delete(f);
}

static sg_status begin(int n, int q, void (*jump)(const void *, const double *, double *), sg_sites_flow **flow) {
    sg_status status = sg_new(flow, 1, sizeof **flow);
    if (status) return status;
    sg_sites_flow *f = *flow;
    f->n = n;
    f->q = q;
    f->states = (size_t)llround(pow(q, n));
    f->flow = (sg_flow){.n = f->states, .apply = jump, .context = f};
    return SG_OK;
}

/* ------------------------------------------------------------- single sites */

/* Between states s < t of a site, in pairs `apart` states from each other: up at one rate, down at the other. */
static void exchange(const sg_sites_flow *f, size_t high, size_t step, size_t apart, const double *up,
                     const double *down, const double *restrict in, double *restrict out) {
#pragma omp simd
    for (size_t x = high; x < high + step; x++) {
        const double flow = f->each * (in[x] * up[x] - in[x + apart] * down[x + apart]);
        out[x] -= flow;
        out[x + apart] += flow;
    }
}

/* out(x) = in(x) + sum over moves of (in(y) rate(y,x) - in(x) rate(x,y)) / q */
static void jump_by_moves(const void *context, const double *in, double *out) {
    const sg_sites_flow *f = context;
    const size_t q = (size_t)f->q;
    for (size_t x = 0; x < f->states; x++) out[x] = in[x];
    const double *rate = f->rate;
    for (size_t i = 0, step = 1; i < (size_t)f->n; i++, step *= q, rate += (q - 1) * f->states)
        for (size_t base = 0; base < f->states; base += q * step)
            for (size_t t = 1; t < q; t++)
                for (size_t s = 0; s < t; s++)
                    exchange(f, base + s * step, step, (t - s) * step, rate + (t - s - 1) * f->states,
                             rate + (q - (t - s) - 1) * f->states, in, out);
}

sg_status sg_sites_flow_moves(int n, int q, const double *rate, sg_sites_flow **flow) {
    sg_status status = begin(n, q, jump_by_moves, flow);
    if (status) return status;
    sg_sites_flow *f = *flow;
    const size_t moves = (size_t)n * (size_t)(q - 1);
    f->rate = rate;
    for (size_t x = 0; x < f->states; x++) {
        double exit = 0;
        for (size_t m = 0; m < moves; m++) exit += rate[f->states * m + x];
        f->flow.q = fmax(f->flow.q, exit);
    }
    f->each = 1 / f->flow.q;
    f->operations = (double)moves * (double)f->states;
    return SG_OK;
}

/* ------------------------------------------------------------------- blocks */

enum { TOGETHER = 256 };

/* The fibres of a block, many at a time, with their states by offsets. */
static void fibres_of(const sg_sites_flow *f, int b, sg_fibres *fibres) {
    sg_fibres_of(f->n, f->q, f->mask[b], fibres);
    sg_fibres_offsets(fibres, 0, (int)fibres->length, f->offset);
}

static int some_bases(const sg_fibres *fibres, int64_t first, int32_t base[TOGETHER]) {
    const int now = (int)(fibres->count - first < TOGETHER ? fibres->count - first : TOGETHER);
    sg_fibres_bases(fibres, first, now, base);
    return now;
}

static void jump_by_blocks(const void *context, const double *in, double *out) {
    const sg_sites_flow *f = context;
    for (size_t x = 0; x < f->states; x++) out[x] = 0;
    for (int b = 0; b < f->blocks; b++) {
        sg_fibres fibres;
        int32_t base[TOGETHER];
        const double *inverse = f->inverse + f->first[b];
        fibres_of(f, b, &fibres);
        for (int64_t first = 0; first < fibres.count; first += TOGETHER) {
            const int now = some_bases(&fibres, first, base);
            for (int k = 0; k < now; k++) {
                double mass = 0;
                for (int64_t e = 0; e < fibres.length; e++) mass += in[base[k] + f->offset[e]];
                mass *= f->weight[b] * *inverse++;
                for (int64_t e = 0; e < fibres.length; e++)
                    out[base[k] + f->offset[e]] += mass * f->pi[base[k] + f->offset[e]];
            }
        }
    }
}

/* 1/mass of a fibre, 0 if all of it is forbidden. */
static sg_status invert(const sg_sites_flow *f, int64_t length, int32_t base, double *inverse) {
    double mass = 0, least = INFINITY;
    for (int64_t e = 0; e < length; e++) {
        const double here = f->pi[base + f->offset[e]];
        mass += here;
        if (here > 0) least = fmin(least, here);
    }
    if (mass > 0 && !(least > 1e-290))
        return sg_fail(SG_UNDERFLOW, "some states have probabilities near 1e-308: take weaker couplings");
    *inverse = mass > 0 ? 1 / mass : 0;
    return SG_OK;
}

static sg_status fill_masses(sg_sites_flow *f) {
    double *inverse = f->inverse;
    sg_status status = SG_OK;
    for (int b = 0; b < f->blocks && !status; b++) {
        sg_fibres fibres;
        int32_t base[TOGETHER];
        fibres_of(f, b, &fibres);
        for (int64_t first = 0; first < fibres.count && !status; first += TOGETHER) {
            const int now = some_bases(&fibres, first, base);
            for (int k = 0; k < now && !status; k++) status = invert(f, fibres.length, base[k], inverse++);
        }
    }
    return status;
}

static sg_status take_blocks(const sg_site_blocks *blocks, size_t memory, sg_sites_flow *f) {
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
        fibres += (size_t)llround(pow(f->q, f->n - sites));
    }
    if (fibres * sizeof(double) > memory)
        return sg_fail(SG_NO_MEMORY, "the masses of %d blocks take %zu bytes, %zu are allowed: give more with --memory",
                       f->blocks, fibres * sizeof(double), memory);
    f->operations = 2.0 * (double)f->states * f->blocks;
    status = sg_new(&f->inverse, fibres, sizeof(double));
    return status ? status : sg_new(&f->offset, (size_t)llround(pow(f->q, largest)), sizeof *f->offset);
}

sg_status sg_sites_flow_blocks(int n, int q, const sg_site_blocks *blocks, const double *pi, size_t memory,
                               sg_sites_flow **flow) {
    sg_status status = begin(n, q, jump_by_blocks, flow);
    if (status) return status;
    (*flow)->pi = pi;
    status = take_blocks(blocks, memory, *flow);
    return status ? status : fill_masses(*flow);
}

/* -------------------------------------------------------------------- answer */

double sg_sites_flow_speed(const sg_sites_flow *f) {
    return f->flow.q * f->operations;
}

sg_status sg_sites_flow_mixing(const sg_sites_flow *f, const double *pi, const double *initial, double guess,
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
