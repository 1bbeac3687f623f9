/* Gaps of dynamics on the hypercube: what is checked, what memory it takes, and what is reported. */
#include <float.h>
#include <omp.h>
#include <string.h>

#include "base/vecmath.h"
#include "cube.h"
#include "spectrum/finite.h"

#define MOST_SPAN 1300.0 /* of log p: the amplitudes' squares must be numbers, from 1e-268 to 1e296 */
#define SHARE 0x10000    /* states that are worth a thread */
#define LOG_TOP 340.0    /* log of the largest amplitude, where they are far apart */

typedef struct {
    const sg_cube *cube;
    sg_flip_rate rate;
    const void *context;
    const sg_spectrum_settings *settings;
    int count, known; /* eigenvalues asked for and found */
    int threads;
    double top;    /* max log p */
    double shift;  /* log of the largest amplitude */
    bool narrow;   /* as in sg_cube_operator */
    size_t states; /* of positive probability */
    size_t bytes;
    sg_cube_plan *plan;
    double *over;                     /* [2^n] log p, to be lost; NULL: it is not */
    bool keep;                        /* all rates are kept */
    double *root, *scratch, *partial; /* amplitudes [2^n]; tiles; sums of chunks */
    double *rates;                    /* roots of those of flips [n 2^n], NULL: they are found in every product */
    double **lock;                    /* [count] eigenvectors */
    sg_lanczos_result *found;         /* [count] */
} solver;

static size_t size_of(const solver *s) {
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

static sg_status check_law(solver *s) {
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

static sg_status check_classes(const solver *s) {
    uint32_t a = 0, b = 0;
    bool apart = false;
    if (s->states == size_of(s)) return SG_OK;
    sg_status status = sg_cube_classes(s->cube, &a, &b, &apart);
    if (status || !apart) return status;
    return sg_fail(SG_REFUSED, "no moves lead from state 0x%x to state 0x%x: the gap is 0", (unsigned)a, (unsigned)b);
}

/* -------------------------------------------------------------------- memory */

static sg_status check_memory(solver *s) {
    const size_t most = s->settings->memory ? s->settings->memory : (size_t)1 << 30;
    const size_t vectors = (size_t)s->count + (s->over ? 2 : 3);
    const size_t rates = s->rate ? (size_t)s->cube->n * size_of(s) * sizeof(double) : 0;
    s->bytes = vectors * size_of(s) * sizeof(double) +
               (size_t)s->threads * (size_t)3 * sizeof(double) * ((size_t)1 << SG_CUBE_TILE_BITS);
    s->keep = rates > 0 && s->bytes + rates <= most;
    if (s->keep) s->bytes += rates;
    if (s->bytes <= most) return SG_OK;
    return sg_fail(SG_NO_MEMORY,
                   "%d eigenvalues of %d spins need %zu MiB for %zu vectors: allow more memory than %zu MiB", s->count,
                   s->cube->n, (s->bytes >> 20) + 1, vectors, most >> 20);
}

static sg_status allocate(solver *s) {
    const size_t n = size_of(s), chunks = n / SG_CUBE_CHUNK + 1;
    sg_status status = sg_cube_plan_new(s->cube->n, s->cube->blocks, s->cube->block, s->cube->weight, &s->plan);
    if (status) return status;
    if (s->over)
        s->root = s->over;
    else
        status = sg_new(&s->root, n, sizeof(double));
    if (!status) status = sg_new(&s->scratch, (size_t)s->threads * sg_cube_scratch(s->plan), sizeof(double));
    if (!status) status = sg_new(&s->partial, 3 * chunks, sizeof(double));
    if (!status && s->keep) status = sg_new(&s->rates, (size_t)s->cube->n * n, sizeof(double));
    if (!status) status = sg_new(&s->lock, (size_t)s->count, sizeof *s->lock);
    if (!status) status = sg_new(&s->found, (size_t)s->count, sizeof *s->found);
    return status;
}

static void release(solver *s) {
    for (int k = 0; s->lock && k < s->count; k++) sg_delete(s->lock[k]);
    sg_cube_plan_delete(s->plan);
    if (!s->over) sg_delete(s->root);
    sg_delete(s->scratch);
    sg_delete(s->partial);
    sg_delete(s->rates);
    sg_delete(s->lock);
    sg_delete(s->found);
}

/* --------------------------------------------------------------------- solve */

static void fill_roots(solver *s) {
    const double *log_p = s->cube->log_p, shift = s->shift - 0.5 * s->top;
    const size_t n = size_of(s), length = n < SG_CUBE_CHUNK ? n : SG_CUBE_CHUNK;
    double *root = s->root;
#pragma omp parallel for schedule(static) num_threads(s->threads)
    for (size_t from = 0; from < n; from += length)
#pragma omp simd /* whole chunks: the same numbers go through the vector variant of exp whatever the threads */
        for (size_t x = from; x < from + length; x++) root[x] = exp(0.5 * log_p[x] + shift);
}

static double bound_of(const solver *s) {
    double sum = 0;
    for (int b = 0; b < s->cube->blocks; b++) sum += s->cube->weight[b];
    return s->rate ? INFINITY : sum; /* every block is a projection times its weight */
}

/* One eigenpair after the other, each orthogonal to those before: so multiple eigenvalues come as often as they are. */
static sg_status solve(solver *s) {
    sg_cube_operator op = {.plan = s->plan,
                           .s = s->rate ? s->cube->log_p : s->root,
                           .null = s->root,
                           .rate = s->rate,
                           .context = s->context,
                           .narrow = s->narrow,
                           .threads = s->threads,
                           .scratch = s->scratch,
                           .partial = s->partial};
    sg_lanczos problem = {.n = size_of(s),
                          .apply = sg_cube_apply,
                          .context = &op,
                          .null = s->root,
                          .bound = bound_of(s),
                          .sites = s->cube->n,
                          .threads = s->threads,
                          .settings = s->settings};
    if (s->keep) sg_cube_fill_roots(&op, s->rates);
    op.roots = s->rates;
    for (s->known = 0; s->known < s->count; s->known++) {
        const int k = s->known;
        sg_status status = sg_lanczos_smallest(&problem, k, s->lock, &s->lock[k], &s->found[k]);
        if (status) return status;
        if (s->found[k].hopeless) { /* what is orthogonal to a vector that has not converged means nothing */
            s->known++;
            return SG_OK;
        }
    }
    return SG_OK;
}

static void sort(solver *s) {
    for (int i = 1; i < s->known; i++)
        for (int k = i; k > 0 && s->found[k].value < s->found[k - 1].value; k--) {
            sg_lanczos_result held = s->found[k];
            double *vector = s->lock[k];
            s->found[k] = s->found[k - 1];
            s->lock[k] = s->lock[k - 1];
            s->found[k - 1] = held;
            s->lock[k - 1] = vector;
        }
}

/* -------------------------------------------------------------------- report */

static double top_of(const solver *s) {
    double top = 0;
    for (int k = 0; k < s->known; k++) top = fmax(top, fmax(s->found[k].top, s->found[k].value));
    return top;
}

/*
 * Rounding of products: terms of every block are added up one after the other, and resampling is what is left of the
 * sum of weights.
 */
static double floor_of(const solver *s) {
    const double size = s->rate ? top_of(s) : fmax(top_of(s), bound_of(s));
    return (4 + 2 * sqrt((double)s->cube->blocks)) * DBL_EPSILON * size;
}

static double error_of(const solver *s, int k) {
    return s->found[k].residual + floor_of(s);
}

static void report(const solver *s, sg_gap *out) {
    const sg_lanczos_result *first = &s->found[0];
    const double floor = floor_of(s);
    double value = fmax(first->value, DBL_MIN);
    sg_finite_report(sg_scaled_of(value, 0), first->hopeless ? INFINITY : error_of(s, 0) / value, floor / value,
                     first->steps, "Lanczos on the cube", out);
    if (out->status == SG_UNCERTIFIED)
        snprintf(out->message, sizeof out->message,
                 "after %d Lanczos steps the gap is at most %.3g, the top of the spectrum %.3g: too far apart for "
                 "double precision, or for the steps that are allowed",
                 first->steps, out->gap_upper, top_of(s));
}

/* The eigenvector of A becomes a function: f = y / pi^{1/2}. */
static void make_function(const solver *s, double *y) {
    const double *root = s->root, size = sqrt(sg_cube_dot(size_of(s), s->threads, root, root, s->partial));
    const size_t n = size_of(s);
    for (size_t x = 0; x < n; x++) y[x] = root[x] > 0 ? y[x] / root[x] * size : 0;
}

static sg_status give(solver *s, sg_chain_spectrum **spectrum) {
    sg_chain_spectrum *made = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (!status) status = sg_new(&made->value, (size_t)s->count, sizeof(double));
    if (!status) status = sg_new(&made->error, (size_t)s->count, sizeof(double));
    if (status) {
        sg_chain_spectrum_delete(made);
        return status;
    }
    made->count = s->known;
    made->largest = top_of(s);
    made->bytes = s->bytes;
    for (int k = 0; k < s->known; k++) {
        made->value[k] = s->found[k].value;
        made->error[k] = error_of(s, k);
        made->products += s->found[k].products;
    }
    made->vector = s->lock[0];
    s->lock[0] = NULL;
    make_function(s, made->vector);
    *spectrum = made;
    return SG_OK;
}

void sg_chain_spectrum_delete(sg_chain_spectrum *spectrum) {
    if (!spectrum) return;
    sg_delete(spectrum->value);
    sg_delete(spectrum->error);
    sg_delete(spectrum->vector);
    sg_delete(spectrum);
}

/* Small vectors are done before other threads have woken up. */
static int threads_of(const solver *s) {
    const int most = s->settings->threads > 0 ? s->settings->threads : omp_get_max_threads();
    const size_t useful = size_of(s) / SHARE;
    return (size_t)most < useful ? most : useful > 1 ? (int)useful : 1;
}

static sg_status run(solver *s, int count, sg_gap *out, sg_chain_spectrum **spectrum) {
    static const sg_spectrum_settings plain = {0};
    const double start = sg_finite_now();
    if (!s->settings) s->settings = &plain;
    if (spectrum) *spectrum = NULL;
    *out = (sg_gap){0};
    if (s->cube->n < 1 || s->cube->n > SG_CUBE_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "%d spins: the number must be from 1 to %d", s->cube->n, SG_CUBE_MOST);
    if (count < 1) return sg_fail(SG_OUT_OF_RANGE, "%d eigenvalues were asked for: it must be at least 1", count);
    sg_status status = check_blocks(s->cube);
    if (!status) status = check_law(s);
    if (!status) status = check_classes(s);
    if (status) return status;
    s->count = (size_t)count < s->states ? count : (int)(s->states - 1);
    s->threads = threads_of(s);
    if ((status = check_memory(s)) || (status = allocate(s))) goto out;
    fill_roots(s);
    if ((status = solve(s))) goto out;
    sort(s);
    report(s, out);
    if (spectrum && (status = give(s, spectrum))) goto out;
    if (out->status == SG_UNCERTIFIED)
        status = sg_cube_small(s->cube, s->rate, s->context, s->states, s->count, out, spectrum ? *spectrum : NULL);
out:
    release(s);
    out->seconds = sg_finite_now() - start;
    return status;
}

sg_status sg_cube_gap(const sg_cube *cube, const sg_spectrum_settings *settings, int count, sg_gap *out,
                      sg_chain_spectrum **spectrum) {
    solver s = {.cube = cube, .settings = settings};
    return run(&s, count, out, spectrum);
}

sg_status sg_cube_gap_over(const sg_cube *cube, double *log_p, const sg_spectrum_settings *settings, int count,
                           sg_gap *out, sg_chain_spectrum **spectrum) {
    sg_cube own = *cube;
    own.log_p = log_p;
    solver s = {.cube = &own, .settings = settings};
    if (own.n >= 1 && own.n <= SG_CUBE_MOST && !sg_cube_is_small(&own)) s.over = log_p;
    return run(&s, count, out, spectrum);
}

sg_status sg_flip_gap(int n, const double *log_p, sg_flip_rate rate, const void *context,
                      const sg_spectrum_settings *settings, int count, sg_gap *out, sg_chain_spectrum **spectrum) {
    uint32_t block[SG_CUBE_MOST];
    double weight[SG_CUBE_MOST];
    for (int i = 0; i < SG_CUBE_MOST; i++) block[i] = (uint32_t)1 << i, weight[i] = 1;
    sg_cube cube = {n, n, block, weight, log_p};
    solver s = {.cube = &cube, .rate = rate, .context = context, .settings = settings};
    return run(&s, count, out, spectrum);
}
