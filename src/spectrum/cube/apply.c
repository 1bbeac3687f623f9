/* Products with the operator: passes over tiles, wide blocks fibre by fibre, sums in fixed order. */
#include <omp.h>
#include <string.h>

#include "cube.h"

enum { ARRAYS = 3 /* of a tile: p, g, t or log p, x, y */, SKEW = 128 };

/* Of an array: they lie a quarter of a way of the first cache apart, so that the same place in each is in another set.
 */
static size_t room_of(const sg_cube_plan *plan) {
    return sg_cube_tile_size(plan) + SKEW;
}

size_t sg_cube_scratch(const sg_cube_plan *plan) {
    return ARRAYS * room_of(plan);
}

/* At least the numbers of a register; those that stand for no state are 0. */
size_t sg_cube_tile_size(const sg_cube_plan *plan) {
    return plan->bits < 2 ? 4 : (size_t)1 << plan->bits;
}

/* The index of a tile spread over the bits that it fixes. */
static uint32_t base_of(uint32_t tile, uint32_t fixed) {
    uint32_t out = 0;
    for (; tile; tile >>= 1, fixed &= fixed - 1)
        if (tile & 1) out |= fixed & -fixed;
    return out;
}

/* y = scale_y y + own x, where y may be anything if scale_y is 0. */
static void combine(size_t n, int threads, double own, const double *x, double *y, double scale_y) {
    if (own == 0 && scale_y == 1) return;
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (size_t i = 0; i < n; i++) y[i] = (scale_y == 0 ? 0 : scale_y * y[i]) + own * x[i];
}

/* ------------------------------------------------------------ general rates */

static void collect(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *from, double *tile) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    for (size_t r = 0; r < runs; r++) memcpy(tile + r * length, from + pass->offset[r], length * sizeof(double));
}

static void spread(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *tile, double *to) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    for (size_t r = 0; r < runs; r++) memcpy(to + pass->offset[r], tile + r * length, length * sizeof(double));
}

static void flip_tile(const sg_cube_operator *op, const sg_cube_pass *pass, uint32_t base, const double *x,
                      double scale, double *y, double *scratch) {
    const size_t room = room_of(op->plan);
    double *log_p = scratch, *tx = log_p + room, *ty = tx + room;
    collect(op->plan, pass, op->s + base, log_p);
    collect(op->plan, pass, x + base, tx);
    collect(op->plan, pass, y + base, ty);
    sg_cube_flips(op, pass, log_p, tx, scale, ty);
    spread(op->plan, pass, ty, y + base);
}

/* --------------------------------------------------------------- resampling */

/* p = s^2, g = s x, t = 0 on a tile. */
static void squares(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *s, const double *x, double *p,
                    double *g, double *t) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    for (size_t r = 0; r < runs; r++, p += length, g += length, t += length) {
        const double *sr = s + pass->offset[r], *xr = x + pass->offset[r];
#pragma omp simd
        for (size_t i = 0; i < length; i++) {
            p[i] = sr[i] * sr[i];
            g[i] = sr[i] * xr[i];
            t[i] = 0;
        }
    }
}

/* y = scale_y y + own x - scale s t on a tile; y may be anything if scale_y is 0. */
static void put(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *s, const double *x, double own,
                double scale, const double *t, double *y, double scale_y) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    for (size_t r = 0; r < runs; r++, t += length) {
        const double *sr = s + pass->offset[r], *xr = x + pass->offset[r];
        double *restrict yr = y + pass->offset[r];
        if (scale_y == 0)
#pragma omp simd
            for (size_t i = 0; i < length; i++) yr[i] = own * xr[i] - scale * (sr[i] * t[i]);
        else
#pragma omp simd
            for (size_t i = 0; i < length; i++) yr[i] = scale_y * yr[i] + (own * xr[i] - scale * (sr[i] * t[i]));
    }
}

/* The same, and the sums. */
static void put_and_sum(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *s, const double *x,
                        double own, double scale, const double *t, double *y, double scale_y, double sum[3]) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    double yx = 0, ys = 0, xs = 0;
    for (size_t r = 0; r < runs; r++, t += length) {
        const double *sr = s + pass->offset[r], *xr = x + pass->offset[r];
        double *restrict yr = y + pass->offset[r];
#pragma omp simd reduction(+ : yx, ys, xs)
        for (size_t i = 0; i < length; i++) {
            const double value = scale_y * yr[i] + (own * xr[i] - scale * (sr[i] * t[i]));
            yr[i] = value;
            yx += value * xr[i];
            ys += value * sr[i];
            xs += xr[i] * sr[i];
        }
    }
    sum[0] = yx;
    sum[1] = ys;
    sum[2] = xs;
}

static void sample_tile(const sg_cube_operator *op, const sg_cube_pass *pass, uint32_t base, const double *x,
                        double scale, double shift, double *y, double scale_y, double *scratch, double *sum) {
    const sg_cube_plan *plan = op->plan;
    const size_t room = room_of(plan);
    const double own = scale * (pass->weight - shift);
    double *p = scratch, *g = p + room, *t = g + room;
    squares(plan, pass, op->s + base, x + base, p, g, t);
    sg_cube_tile(op, pass, p, g, t);
    if (sum)
        put_and_sum(plan, pass, op->s + base, x + base, own, scale, t, y + base, scale_y, sum);
    else
        put(plan, pass, op->s + base, x + base, own, scale, t, y + base, scale_y);
}

/* ------------------------------------------------------------------- passes */

static void do_pass(const sg_cube_operator *op, const sg_cube_pass *pass, const double *x, double scale_x, double shift,
                    double *y, double scale_y, double sum[3]) {
    const sg_cube_plan *plan = op->plan;
    const uint32_t all = (uint32_t)(((uint64_t)1 << plan->n) - 1);
    const uint32_t fixed = all & ~(pass->high | (((uint32_t)1 << plan->run) - 1));
    const long tiles = 1L << (plan->n - plan->bits);
    const size_t each = sg_cube_scratch(plan);
    double *partial = op->partial;
#pragma omp parallel for schedule(static) num_threads(op->threads)
    for (long t = 0; t < tiles; t++) {
        double *scratch = op->scratch + each * (size_t)omp_get_thread_num(), here[3];
        const uint32_t base = base_of((uint32_t)t, fixed);
        if (op->rate) {
            flip_tile(op, pass, base, x, scale_x, y, scratch);
        } else {
            sample_tile(op, pass, base, x, scale_x, shift, y, scale_y, scratch, sum ? here : NULL);
            for (int k = 0; sum && k < 3; k++) partial[k * tiles + t] = here[k];
        }
    }
    for (int k = 0; sum && k < 3; k++) sum[k] = sg_sum((size_t)tiles, partial + k * tiles);
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

static void three_sums(const sg_cube_operator *op, const double *x, const double *y, double sum[3]) {
    const size_t n = (size_t)1 << op->plan->n;
    sum[0] = sg_cube_dot(n, op->threads, y, x, op->partial);
    sum[1] = sg_cube_dot(n, op->threads, y, op->null, op->partial);
    sum[2] = sg_cube_dot(n, op->threads, x, op->null, op->partial);
}

void sg_cube_apply(void *cube_operator, const double *x, double scale_x, double shift, double *y, double scale_y,
                   double sum[3]) {
    const sg_cube_operator *op = cube_operator;
    const sg_cube_plan *plan = op->plan;
    const bool tiles = !op->rate && plan->passes > 0, with = sum && tiles && plan->wide == 0;
    if (!tiles || (with && scale_y == 0 && plan->passes == 1)) {
        combine((size_t)1 << plan->n, op->threads, -scale_x * shift, x, y, scale_y);
        scale_y = 1;
        shift = 0;
    }
    for (int k = 0; k < plan->passes; k++) {
        do_pass(op, &plan->pass[k], x, scale_x, shift, y, scale_y, with && k + 1 == plan->passes ? sum : NULL);
        scale_y = 1;
        shift = 0;
    }
    for (int k = 0; k < plan->wide; k++) do_wide(op, &plan->wide_term[k], x, scale_x, y);
    if (sum && !with) three_sums(op, x, y, sum);
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
