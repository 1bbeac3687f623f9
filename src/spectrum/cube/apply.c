/* Products with the operator: passes over tiles, wide blocks fibre by fibre, sums in fixed order. */
#include <omp.h>
#include <string.h>

#include "cube.h"

enum { ARRAYS = 5 }; /* s, x, y and two for sums over blocks, a tile each */

size_t sg_cube_scratch(const sg_cube_plan *plan) {
    return (size_t)ARRAYS << plan->bits;
}

/* The index of a tile spread over the bits that it fixes. */
static uint32_t base_of(uint32_t tile, uint32_t fixed) {
    uint32_t out = 0;
    for (; tile; tile >>= 1, fixed &= fixed - 1)
        if (tile & 1) out |= fixed & -fixed;
    return out;
}

static void collect(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *from, double *tile) {
    const size_t runs = (size_t)1 << (plan->bits - plan->run), length = (size_t)1 << plan->run;
    for (size_t r = 0; r < runs; r++) memcpy(tile + r * length, from + pass->offset[r], length * sizeof(double));
}

static void spread(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *tile, double *to) {
    const size_t runs = (size_t)1 << (plan->bits - plan->run), length = (size_t)1 << plan->run;
    for (size_t r = 0; r < runs; r++) memcpy(to + pass->offset[r], tile + r * length, length * sizeof(double));
}

static void scale_by(size_t n, double factor, double *y) {
    if (factor == 0)
        memset(y, 0, n * sizeof(double));
    else if (factor != 1)
#pragma omp simd
        for (size_t i = 0; i < n; i++) y[i] *= factor;
}

static void do_tile(const sg_cube_operator *op, const sg_cube_pass *pass, uint32_t base, const double *x,
                    double scale_x, double *y, double scale_y, double *scratch) {
    const sg_cube_plan *plan = op->plan;
    const size_t size = (size_t)1 << plan->bits;
    double *s = scratch, *tx = s + size, *ty = tx + size, *work = ty + size;
    if (pass->whole) {
        scale_by(size, scale_y, y + base);
        sg_cube_tile(op, pass, op->s + base, x + base, scale_x, y + base, work);
        return;
    }
    collect(plan, pass, op->s + base, s);
    collect(plan, pass, x + base, tx);
    collect(plan, pass, y + base, ty);
    scale_by(size, scale_y, ty);
    sg_cube_tile(op, pass, s, tx, scale_x, ty, work);
    spread(plan, pass, ty, y + base);
}

static void do_pass(const sg_cube_operator *op, const sg_cube_pass *pass, const double *x, double scale_x, double *y,
                    double scale_y) {
    const sg_cube_plan *plan = op->plan;
    const uint32_t all = (uint32_t)(((uint64_t)1 << plan->n) - 1);
    const uint32_t fixed = all & ~(pass->high | (((uint32_t)1 << plan->run) - 1));
    const long tiles = 1L << (plan->n - plan->bits);
    const size_t each = sg_cube_scratch(plan);
#pragma omp parallel for schedule(static) num_threads(op->threads)
    for (long t = 0; t < tiles; t++)
        do_tile(op, pass, base_of((uint32_t)t, fixed), x, scale_x, y, scale_y,
                op->scratch + each * (size_t)omp_get_thread_num());
}

/* ------------------------------------------------------------- wide blocks */

static void do_fibre(const double *s, const double *x, double scale, uint32_t base, uint32_t mask, double *y) {
    double product = 0, square = 0;
    uint32_t sub = 0;
    do {
        double amplitude = s[base | sub];
        product += amplitude * x[base | sub];
        square += amplitude * amplitude;
        sub = (sub - mask) & mask;
    } while (sub);
    const double mean = square > 0 ? product / square : 0;
    do {
        y[base | sub] += scale * (x[base | sub] - s[base | sub] * mean);
        sub = (sub - mask) & mask;
    } while (sub);
}

static void do_everything(const sg_cube_operator *op, const double *x, double scale, double *y) {
    const size_t n = (size_t)1 << op->plan->n;
    const double *s = op->s;
    double mean = sg_cube_dot(n, op->threads, s, x, op->partial) / sg_cube_dot(n, op->threads, s, s, op->partial);
#pragma omp parallel for simd schedule(static) num_threads(op->threads)
    for (size_t i = 0; i < n; i++) y[i] += scale * (x[i] - s[i] * mean);
}

static void do_wide(const sg_cube_operator *op, const sg_cube_term *term, const double *x, double scale, double *y) {
    const int n = op->plan->n, free = __builtin_popcount(term->mask);
    const uint32_t fixed = (uint32_t)(((uint64_t)1 << n) - 1) & ~term->mask;
    const long fibres = 1L << (n - free);
    const double weight = scale * term->weight;
    if (fixed == 0) {
        do_everything(op, x, weight, y);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(op->threads)
    for (long f = 0; f < fibres; f++) do_fibre(op->s, x, weight, base_of((uint32_t)f, fixed), term->mask, y);
}

void sg_cube_apply(void *cube_operator, const double *x, double scale_x, double *y, double scale_y) {
    const sg_cube_operator *op = cube_operator;
    const sg_cube_plan *plan = op->plan;
    if (plan->passes == 0) {
        const size_t n = (size_t)1 << plan->n;
        scale_by(n, scale_y, y);
    }
    for (int k = 0; k < plan->passes; k++) do_pass(op, &plan->pass[k], x, scale_x, y, k == 0 ? scale_y : 1);
    for (int k = 0; k < plan->wide; k++) do_wide(op, &plan->wide_term[k], x, scale_x, y);
}

/* --------------------------------------------------------------------- sums */

double sg_cube_dot(size_t n, int threads, const double *x, const double *y, double *partial) {
    const long chunks = (long)((n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long c = 0; c < chunks; c++) {
        const size_t from = (size_t)c * SG_CUBE_CHUNK, to = from + SG_CUBE_CHUNK < n ? from + SG_CUBE_CHUNK : n;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = from; i < to; i++) sum += x[i] * y[i];
        partial[c] = sum;
    }
    return sg_sum((size_t)chunks, partial);
}
