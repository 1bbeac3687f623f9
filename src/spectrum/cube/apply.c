/* Products with the operator: passes over tiles, wide blocks fibre by fibre, sums in fixed order. */
#include <omp.h>
#include <string.h>

#include "cube.h"

enum { ARRAYS = 3 /* of a tile: p, g, t or log p, x, t */, SKEW = 128 };

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

static uint32_t fixed_bits(const sg_cube_plan *plan, const sg_cube_pass *pass) {
    const uint32_t all = (uint32_t)(((uint64_t)1 << plan->n) - 1);
    return all & ~(pass->high | (((uint32_t)1 << plan->run) - 1));
}

static long tiles_of(const sg_cube_plan *plan) {
    return 1L << (plan->n - plan->bits);
}

/* y = scale_y y + own x, where y may be anything if scale_y is 0. */
static void combine(size_t n, int threads, double own, const double *x, double *y, double scale_y) {
    if (own == 0 && scale_y == 1) return;
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (size_t i = 0; i < n; i++) y[i] = (scale_y == 0 ? 0 : scale_y * y[i]) + own * x[i];
}

/* -------------------------------------------------------------------- tiles */

static void collect(const sg_cube_plan *plan, const sg_cube_pass *pass, const double *from, double *tile) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    for (size_t r = 0; r < runs; r++) memcpy(tile + r * length, from + pass->offset[r], length * sizeof(double));
}

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

/* What becomes of y on a tile: scale_y y + own x - scale s t (resampling) or + scale t; it may be anything if scale_y
 * is 0. */
typedef struct {
    const double *s, *x;
    double own, scale, *y, scale_y;
    bool flips;
} target;

static inline double value_of(const target *to, double y, double x, double s, double t) {
    return (to->scale_y == 0 ? 0 : to->scale_y * y) + (to->own * x - to->scale * (to->flips ? -t : s * t));
}

static void put(const sg_cube_plan *plan, const sg_cube_pass *pass, const target *to, const double *t) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    const target here = *to;
    for (size_t r = 0; r < runs; r++, t += length) {
        const double *sr = here.s + pass->offset[r], *xr = here.x + pass->offset[r];
        double *restrict yr = here.y + pass->offset[r];
#pragma omp simd
        for (size_t i = 0; i < length; i++) yr[i] = value_of(&here, yr[i], xr[i], sr[i], t[i]);
    }
}

/* The same, and the sums. */
static void put_and_sum(const sg_cube_plan *plan, const sg_cube_pass *pass, const target *to, const double *t,
                        double sum[3]) {
    const size_t runs = (size_t)1 << (plan->bits - pass->run), length = (size_t)1 << pass->run;
    const target here = *to;
    double yx = 0, ys = 0, xs = 0;
    for (size_t r = 0; r < runs; r++, t += length) {
        const double *sr = here.s + pass->offset[r], *xr = here.x + pass->offset[r];
        double *restrict yr = here.y + pass->offset[r];
#pragma omp simd reduction(+ : yx, ys, xs)
        for (size_t i = 0; i < length; i++) {
            const double value = value_of(&here, yr[i], xr[i], sr[i], t[i]);
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

/* The terms of a pass on a tile, added up in t. */
static void do_tile(const sg_cube_operator *op, const sg_cube_pass *pass, long tile, uint32_t base, const double *x,
                    double *scratch, double *t) {
    const size_t room = room_of(op->plan);
    double *p = scratch, *g = p + room;
    if (!op->rate) {
        squares(op->plan, pass, op->s + base, x + base, p, g, t);
        sg_cube_tile(op, pass, p, g, t);
        return;
    }
    if (!op->roots) collect(op->plan, pass, op->s + base, p);
    collect(op->plan, pass, x + base, g);
    memset(t, 0, sg_cube_tile_size(op->plan) * sizeof(double));
    sg_cube_flips(op, pass, p, op->roots ? op->roots + sg_cube_roots_at(op->plan, pass, tile) : NULL, g, t);
}

/* The roots of all rates, tile after tile in the order in which products take them. */
void sg_cube_fill_roots(const sg_cube_operator *op, double *roots) {
    const sg_cube_plan *plan = op->plan;
    for (int k = 0; k < plan->passes; k++) {
        const sg_cube_pass *pass = &plan->pass[k];
        const uint32_t fixed = fixed_bits(plan, pass);
#pragma omp parallel for schedule(static) num_threads(op->threads)
        for (long tile = 0; tile < tiles_of(plan); tile++) {
            double *log_p = op->scratch + sg_cube_scratch(plan) * (size_t)omp_get_thread_num();
            collect(plan, pass, op->s + base_of((uint32_t)tile, fixed), log_p);
            sg_cube_roots(op, pass, log_p, roots + sg_cube_roots_at(plan, pass, tile));
        }
    }
}

/* ------------------------------------------------------------------- passes */

static void do_pass(const sg_cube_operator *op, const sg_cube_pass *pass, const double *x, double scale_x, double shift,
                    double *y, double scale_y, double sum[3]) {
    const sg_cube_plan *plan = op->plan;
    const uint32_t fixed = fixed_bits(plan, pass);
    const long tiles = tiles_of(plan);
    const double own = scale_x * ((op->rate ? 0 : pass->weight) - shift);
    double *partial = op->partial;
#pragma omp parallel for schedule(static) num_threads(op->threads)
    for (long k = 0; k < tiles; k++) {
        double *scratch = op->scratch + sg_cube_scratch(plan) * (size_t)omp_get_thread_num(), here[3];
        const uint32_t base = base_of((uint32_t)k, fixed);
        const target to = {op->null + base, x + base, own, scale_x, y + base, scale_y, op->rate};
        double *t = scratch + 2 * room_of(plan);
        do_tile(op, pass, k, base, x, scratch, t);
        if (sum)
            put_and_sum(plan, pass, &to, t, here);
        else
            put(plan, pass, &to, t);
        for (int i = 0; sum && i < 3; i++) partial[i * tiles + k] = here[i];
    }
    for (int i = 0; sum && i < 3; i++) sum[i] = sg_sum((size_t)tiles, partial + i * tiles);
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
    const bool with = sum && plan->passes > 0 && plan->wide == 0;
    if (plan->passes == 0) combine((size_t)1 << plan->n, op->threads, -scale_x * shift, x, y, scale_y);
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
