#include "family/langevin.h"

#include <string.h>

#include "base/vecmath.h"

enum { B = SG_BLOCK };

/* Their ratio balances at an acceptance of 0.57, the best of such steps in many dimensions. */
static const double LONGER = 1.12, SHORTER = 0.86;

size_t sg_langevin_bytes(int d) {
    return (size_t)(8 * d + 6) * B * sizeof(double);
}

void sg_langevin_take(const sg_langevin *kernel, void *memory, sg_langevin_state *s) {
    const int d = kernel->model->space.d;
    double *at = memory;
    double **const rows[] = {&s->y, &s->x, &s->w, &s->next_y, &s->next_x, &s->next_w, &s->z, &s->slope};
    double **const single[] = {&s->logp, &s->step, &s->now, &s->next_logp, &s->u, &s->gain};
    for (int k = 0; k < 8; k++, at += d * B) *rows[k] = at;
    for (int k = 0; k < 6; k++, at += B) *single[k] = at;
    if (!kernel->positive) s->x = s->y, s->next_x = s->next_y;
    for (int i = 0; i < B; i++) s->step[i] = 1;
}

/* w = L' slope */
static void whiten(int d, const double *factor, const double *slope, double *w) {
    for (int a = 0; a < d; a++, w += B) {
        memset(w, 0, B * sizeof *w);
        for (int b = a; b < d; b++) {
            const double part = factor[b * d + a], *restrict from = slope + b * B;
#pragma omp simd
            for (int i = 0; i < B; i++) w[i] += part * from[i];
        }
    }
}

/* Where log p is not finite nothing is known: such points are left at once and never entered. */
static void evaluate(const sg_langevin *k, const double *y, double *x, double *slope, double *logp, double *w) {
    const int d = k->model->space.d;
    const sg_block block = {.n = B, .d = d, .draws = 1, .x = x};
    sg_jet jet = {.m = k->model->full, .d = d, .want = SG_LOGP | SG_DX, .logp = logp, .dx = slope};
    for (int r = 0; r < d * B && k->positive; r += B)
#pragma omp simd
        for (int i = 0; i < B; i++) x[r + i] = exp(y[r + i]);
    k->model->family->jet(k->model, k->theta, &block, &jet);
    for (int r = 0; r < d * B && k->positive; r += B)
#pragma omp simd
        for (int i = 0; i < B; i++) {
            slope[r + i] = x[r + i] * slope[r + i] + 1;
            logp[i] += y[r + i];
        }
    for (int i = 0; i < B; i++) logp[i] = isfinite(logp[i]) ? logp[i] : -INFINITY;
    for (int r = 0; r < d * B; r++) slope[r] = isfinite(slope[r]) ? slope[r] : 0;
    whiten(d, k->factor, slope, w);
}

void sg_langevin_start(const sg_langevin *k, sg_langevin_state *s) {
    evaluate(k, s->y, s->x, s->slope, s->logp, s->w);
}

/*
 * Some steps are shorter, whatever the state: where log p falls faster than a square, long ones overshoot from the
 * tails, and a chain that comes there would stay for very long.
 */
static void vary(bool alone, sg_langevin_state *s) {
#pragma omp simd
    for (int i = 0; i < B; i++) {
        const double u = alone ? 0 : s->u[i];
        s->now[i] = s->step[i] * (u < 0.7 ? 1 : u < 0.85 ? 0.5 : u < 0.95 ? 0.2 : 0.05);
    }
}

/* next_y; slope is scratch. */
static void propose(const sg_langevin *k, sg_langevin_state *s) {
    const int d = k->model->space.d;
    for (int a = 0; a < d; a++)
#pragma omp simd
        for (int i = 0; i < B; i++)
            s->slope[a * B + i] = s->now[i] * (0.5 * s->now[i] * s->w[a * B + i] + s->z[a * B + i]);
    memcpy(s->next_y, s->y, (size_t)d * B * sizeof(double));
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            const double part = k->factor[a * d + b], *restrict from = s->slope + b * B;
            double *restrict to = s->next_y + a * B;
#pragma omp simd
            for (int i = 0; i < B; i++) to[i] += part * from[i];
        }
}

/* The log of the ratio that is compared with log u. */
static void gains(int d, sg_langevin_state *s) {
#pragma omp simd
    for (int i = 0; i < B; i++) s->gain[i] = s->next_logp[i] - s->logp[i];
    for (int r = 0; r < d * B; r += B)
#pragma omp simd
        for (int i = 0; i < B; i++) {
            const double drift = 0.5 * s->now[i] * (s->w[r + i] + s->next_w[r + i]);
            s->gain[i] -= drift * (s->z[r + i] + 0.5 * drift);
        }
}

static void replace(const double *taken, const double *next, double *now) {
#pragma omp simd
    for (int i = 0; i < B; i++) now[i] = taken[i] != 0 ? next[i] : now[i];
}

int sg_langevin_step(const sg_langevin *k, sg_stream *stream, bool adapt, sg_langevin_state *s) {
    const int d = k->model->space.d;
    int moved = 0;
    sg_stream_normal(stream, (size_t)d * B, s->z);
    sg_stream_uniform(stream, B, s->u);
    vary(adapt, s);
    sg_stream_uniform(stream, B, s->u);
    propose(k, s);
    evaluate(k, s->next_y, s->next_x, s->slope, s->next_logp, s->next_w);
    gains(d, s);
#pragma omp simd
    for (int i = 0; i < B; i++) s->u[i] = log(s->u[i]);
    for (int i = 0; i < B; i++) {
        s->u[i] = s->next_logp[i] > -INFINITY && s->u[i] < s->gain[i];
        moved += s->u[i] != 0;
    }
    for (int r = 0; r < d * B; r += B) {
        replace(s->u, s->next_y + r, s->y + r);
        if (k->positive) replace(s->u, s->next_x + r, s->x + r);
        replace(s->u, s->next_w + r, s->w + r);
    }
    replace(s->u, s->next_logp, s->logp);
    for (int i = 0; i < B && adapt; i++) s->step[i] *= s->u[i] != 0 ? LONGER : SHORTER;
    return moved;
}
