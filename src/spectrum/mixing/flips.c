/* One start of single flips on the cube, by uniformization. */
#include <math.h>
#include <stdio.h>

#include "evolve.h"
#include "finite.h"

typedef struct {
    int n;
    const double *rate; /* [n][2^n] */
    double each;        /* 1/q */
} flips;

/* out(x) = in(x) + sum_i (in(x^i) rate_i(x^i) - in(x) rate_i(x)) / q, in pairs */
static void jump(const void *context, const double *in, double *out) {
    const flips *f = context;
    const size_t states = (size_t)1 << f->n;
    for (size_t x = 0; x < states; x++) out[x] = in[x];
    for (int i = 0; i < f->n; i++) {
        const size_t bit = (size_t)1 << i;
        const double *rate = f->rate + states * (size_t)i;
        for (size_t high = 0; high < states; high += 2 * bit)
#pragma omp simd
            for (size_t x = high; x < high + bit; x++) {
                const double flow = f->each * (in[x] * rate[x] - in[x + bit] * rate[x + bit]);
                out[x] -= flow;
                out[x + bit] += flow;
            }
    }
}

sg_status sg_flips_mixing(int n, const double *rate, const double *pi, const double *initial, double guess,
                          const sg_mixing_settings *settings, sg_mixing *out) {
    const size_t states = (size_t)1 << n;
    flips f = {.n = n, .rate = rate};
    sg_flow flow = {.n = states, .apply = jump, .context = &f};
    sg_trail trail = {0};
    for (size_t x = 0; x < states; x++) {
        double exit = 0;
        for (int i = 0; i < n; i++) exit += rate[states * (size_t)i + x];
        flow.q = fmax(flow.q, exit);
    }
    f.each = 1 / flow.q;
    sg_status status = sg_trail_new(&flow, pi, out->epsilon, &trail);
    if (status) goto out;
    for (size_t x = 0; x < states; x++) trail.initial[x] = initial[x];
    sg_trail_begin(&trail);
    status = sg_mixing_cross(sg_trail_distance, &trail, sg_trail_at_zero(&trail), guess, out);
    snprintf(out->method, sizeof out->method, "law on all %zu states, by uniformization", states);
    if (!status) status = sg_mixing_profile(sg_trail_distance, &trail, sg_trail_at_zero(&trail), settings, out);
out:
    sg_trail_delete(&trail);
    return status;
}
