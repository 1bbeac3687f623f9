/* Operators on the hypercube: what is checked, what memory they take. */
#include <float.h>
#include <omp.h>

#include "base/vecmath.h"
#include "cube.h"

#define MOST_SPAN 1300.0 /* of log p: the amplitudes' squares must be numbers, from 1e-268 to 1e296 */
#define SHARE 0x10000    /* states that are worth a thread */
#define LOG_TOP 340.0    /* log of the largest amplitude, where they are far apart */

static size_t size_of(const sg_cube_problem *s) {
    return (size_t)1 << s->cube->n;
}

/* ------------------------------------------------------------------- checks */

static sg_status check_blocks(const sg_cube *cube) {
    const uint32_t all = (uint32_t)(((uint64_t)1 << cube->n) - 1);
    uint32_t covered = 0;
    if (cube->blocks < 1) return sg_fail(SG_OUT_OF_RANGE, "no block of sites is resampled: at least one is needed");
    for (int b = 0; b < cube->blocks; b++) {
        if (cube->block[b] == 0 || (cube->block[b] & ~all))
            return sg_fail(SG_OUT_OF_RANGE, "block %d is 0x%x: it must name at least one of the %d sites and no other",
                           b, (unsigned)cube->block[b], cube->n);
        if (!(cube->weight[b] > 0 && isfinite(cube->weight[b])))
            return sg_fail(SG_OUT_OF_RANGE, "block %d has weight %g: weights must be positive and finite", b,
                           cube->weight[b]);
        covered |= cube->block[b];
    }
    if (covered == all) return SG_OK;
    return sg_fail(SG_REFUSED, "no block contains site %d: it never changes, and the gap is 0",
                   __builtin_ctz(~covered));
}

static sg_status check_law(sg_cube_problem *s) {
    const double *log_p = s->cube->log_p;
    double top = -INFINITY, bottom = INFINITY;
    for (size_t x = 0; x < size_of(s); x++) {
        if (!(log_p[x] < INFINITY)) return sg_fail(SG_OUT_OF_RANGE, "log p of state %zu is %g", x, log_p[x]);
        if (!(log_p[x] > -INFINITY)) continue;
        s->states++;
        top = log_p[x] > top ? log_p[x] : top;
        bottom = log_p[x] < bottom ? log_p[x] : bottom;
    }
    if (s->states < 2) return sg_fail(SG_REFUSED, "%zu states have positive probability: a gap needs two", s->states);
    if (top - bottom > MOST_SPAN)
        return sg_fail(SG_OUT_OF_RANGE, "log p spans %.0f, more than %.0f: weaken the couplings", top - bottom,
                       MOST_SPAN);
    s->top = top;
    s->narrow = s->states == size_of(s) && top - bottom <= 4 * SG_CUBE_NARROW;
    s->shift = s->narrow ? 0.25 * (top - bottom) : LOG_TOP;
    return SG_OK;
}

static sg_status check_classes(const sg_cube_problem *s) {
    uint32_t a = 0, b = 0;
    bool apart = false;
    if (s->states == size_of(s)) return SG_OK;
    sg_status status = sg_cube_classes(s->cube, &a, &b, &apart);
    if (status || !apart) return status;
    return sg_fail(SG_REFUSED, "no moves lead from state 0x%x to state 0x%x: the gap is 0", (unsigned)a, (unsigned)b);
}

sg_status sg_cube_check(sg_cube_problem *s) {
    static const sg_spectrum_settings plain = {0};
    if (!s->settings) s->settings = &plain;
    if (s->cube->n < 1 || s->cube->n > SG_CUBE_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "%d spins: the number must be from 1 to %d", s->cube->n, SG_CUBE_MOST);
    sg_status status = check_blocks(s->cube);
    if (!status) status = check_law(s);
    return status ? status : check_classes(s);
}

/* -------------------------------------------------------------------- memory */

static sg_status check_memory(sg_cube_problem *s, int own) {
    const size_t most = s->settings->memory ? s->settings->memory : (size_t)1 << 30;
    const size_t vectors = (size_t)own + (s->over ? 0 : 1);
    const size_t rates = s->rate ? (size_t)s->cube->n * size_of(s) * sizeof(double) : 0;
    s->bytes = vectors * size_of(s) * sizeof(double) +
               (size_t)s->op.threads * (size_t)3 * sizeof(double) * ((size_t)1 << SG_CUBE_TILE_BITS);
    s->keep = rates > 0 && s->bytes + rates <= most;
    if (s->keep) s->bytes += rates;
    if (s->bytes <= most) return SG_OK;
    return sg_fail(SG_NO_MEMORY,
                   "the spectrum of %d spins needs %zu MiB for %zu vectors: allow more memory than %zu MiB", s->cube->n,
                   (s->bytes >> 20) + 1, vectors, most >> 20);
}

static sg_status allocate(sg_cube_problem *s) {
    const size_t n = size_of(s), chunks = n / SG_CUBE_CHUNK + 1;
    sg_status status = sg_cube_plan_new(s->cube->n, s->cube->blocks, s->cube->block, s->cube->weight, &s->plan);
    if (status) return status;
    if (s->over)
        s->root = s->over;
    else
        status = sg_new(&s->root, n, sizeof(double));
    if (!status) status = sg_new(&s->op.scratch, (size_t)s->op.threads * sg_cube_scratch(s->plan), sizeof(double));
    if (!status) status = sg_new(&s->op.partial, 3 * chunks, sizeof(double));
    if (!status && s->keep) status = sg_new(&s->rates, (size_t)s->cube->n * n, sizeof(double));
    return status;
}

void sg_cube_close(sg_cube_problem *s) {
    sg_cube_plan_delete(s->plan);
    if (!s->over) sg_delete(s->root);
    sg_delete(s->op.scratch);
    sg_delete(s->op.partial);
    sg_delete(s->rates);
}

/* ---------------------------------------------------------------------- open */

static void fill_roots(sg_cube_problem *s) {
    const double *log_p = s->cube->log_p, shift = s->shift - 0.5 * s->top;
    const size_t n = size_of(s), length = n < SG_CUBE_CHUNK ? n : SG_CUBE_CHUNK;
    double *root = s->root;
#pragma omp parallel for schedule(static) num_threads(s->op.threads)
    for (size_t from = 0; from < n; from += length)
#pragma omp simd /* whole chunks: the same numbers go through the vector variant of exp whatever the threads */
        for (size_t x = from; x < from + length; x++) root[x] = exp(0.5 * log_p[x] + shift);
}

static double bound_of(const sg_cube_problem *s) {
    double sum = 0;
    for (int b = 0; b < s->cube->blocks; b++) sum += s->cube->weight[b];
    return s->rate ? INFINITY : sum; /* every block is a projection times its weight */
}

/* Small vectors are done before other threads have woken up. */
static int threads_of(const sg_cube_problem *s) {
    const int most = s->settings->threads > 0 ? s->settings->threads : omp_get_max_threads();
    const size_t useful = size_of(s) / SHARE;
    return (size_t)most < useful ? most : useful > 1 ? (int)useful : 1;
}

sg_status sg_cube_open(sg_cube_problem *s, int vectors) {
    sg_cube_operator *op = &s->op;
    op->threads = threads_of(s);
    sg_status status = check_memory(s, vectors);
    if (!status) status = allocate(s);
    if (status) return status;
    fill_roots(s);
    op->plan = s->plan;
    op->s = s->rate ? s->cube->log_p : s->root;
    op->null = s->root;
    op->rate = s->rate;
    op->context = s->context;
    op->narrow = s->narrow;
    if (s->keep) sg_cube_fill_roots(op, s->rates);
    op->roots = s->rates;
    s->lanczos = (sg_lanczos){.n = size_of(s),
                              .apply = sg_cube_apply,
                              .context = op,
                              .null = s->root,
                              .bound = bound_of(s),
                              .sites = s->cube->n,
                              .threads = op->threads,
                              .settings = s->settings};
    return SG_OK;
}

double sg_cube_floor(const sg_cube_problem *s, double top) {
    const double size = s->rate ? top : fmax(top, s->lanczos.bound);
    return (4 + 2 * sqrt((double)s->cube->blocks)) * DBL_EPSILON * size;
}
