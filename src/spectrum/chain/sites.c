#include "sites.h"

#include <float.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/vecmath.h"
#include "fibres.h"
#include "spectrum/cube/cube.h"
#include "spectrum/finite.h"

#define MOST_SPAN 1300.0 /* of log p: squares of amplitudes must be numbers */
#define LOG_TOP 340.0    /* log of the largest amplitude, where they are far apart */
enum { TOGETHER = 256, SHARE = 1 << 15, DENSE_STATES = 1024, DENSE_MOVES = 1 << 22 };

typedef struct {
    const sg_sites *sites;
    const sg_spectrum_settings *settings;
    size_t n;
    int count, known, threads;
    double top, shift;
    double *root, *partial; /* amplitudes; sums of chunks */
    double **lock;
    sg_lanczos_result *found;
} solver;

/* --------------------------------------------------------------------- products */

/* y += scale (x - s <s,x>/<s,s>) on the fibres with these bases. */
static void draw_fibres(const sg_fibres *f, int n, const int32_t *base, const double *s, const double *x, double scale,
                        double *y) {
    double product[TOGETHER] = {0}, square[TOGETHER] = {0};
    int32_t offset[TOGETHER];
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t first = 0; first < f->length; first += TOGETHER) {
            const int part = (int)(f->length - first < TOGETHER ? f->length - first : TOGETHER);
            sg_fibres_offsets(f, first, part, offset);
            for (int e = 0; e < part; e++) {
                const double *restrict a = s + offset[e], *restrict b = x + offset[e];
                double *restrict c = y + offset[e];
                if (pass)
#pragma omp simd
                    for (int k = 0; k < n; k++) c[base[k]] += scale * (b[base[k]] - a[base[k]] * product[k]);
                else
#pragma omp simd
                    for (int k = 0; k < n; k++) {
                        product[k] += a[base[k]] * b[base[k]];
                        square[k] += a[base[k]] * a[base[k]];
                    }
            }
        }
        for (int k = 0; k < n && !pass; k++) product[k] = square[k] > 0 ? product[k] / square[k] : 0;
    }
}

/* Moves between two states of one site, at these bases: y += scale sqrt(a) (sqrt(a) x - sqrt(b) x'), and back. */
static void move_pairs(const sg_sites *sites, int n, const int32_t *base, int64_t from, int64_t to, const double *x,
                       double scale, double *y) {
    double u[TOGETHER], v[TOGETHER], a[TOGETHER], b[TOGETHER];
    const double *here = sites->log_p + from, *there = sites->log_p + to;
    for (int k = 0; k < n; k++) {
        u[k] = there[base[k]] - here[base[k]];
        v[k] = -u[k];
    }
    sites->rate(sites->context, n, u, a);
    sites->rate(sites->context, n, v, b);
#pragma omp simd
    for (int k = 0; k < n; k++) {
        const double up = sqrt(a[k]), down = sqrt(b[k]);
        const double flow = scale * (up * x[base[k] + from] - down * x[base[k] + to]);
        y[base[k] + from] += up * flow;
        y[base[k] + to] -= down * flow;
    }
}

static void move_fibres(const sg_sites *sites, const sg_fibres *f, int n, const int32_t *base, const double *x,
                        double scale, double *y) {
    for (int s = 0; s < sites->q; s++)
        for (int t = s + 1; t < sites->q; t++) move_pairs(sites, n, base, s * f->step[0], t * f->step[0], x, scale, y);
}

/* Fibres do not meet, so that each thread has its own; what a state gets comes block after block. */
static void do_block(const solver *s, uint32_t mask, double weight, const double *x, double *y) {
    const sg_sites *sites = s->sites;
    sg_fibres f;
    sg_fibres_of(sites->d, sites->q, mask, &f);
#pragma omp parallel for schedule(static) num_threads(s->threads)
    for (int64_t first = 0; first < f.count; first += TOGETHER) {
        const int n = (int)(f.count - first < TOGETHER ? f.count - first : TOGETHER);
        int32_t base[TOGETHER];
        sg_fibres_bases(&f, first, n, base);
        if (sites->blocks)
            draw_fibres(&f, n, base, s->root, x, weight, y);
        else
            move_fibres(sites, &f, n, base, x, weight, y);
    }
}

/* As the solver wants it: y = scale_y y + scale_x (A - shift) x, and products of y and x with each other and with null.
 */
static void apply(void *context, const double *x, double scale_x, double shift, double *y, double scale_y,
                  double sum[3]) {
    const solver *s = context;
    const sg_site_blocks *blocks = s->sites->blocks;
    if (scale_y == 0)
        memset(y, 0, s->n * sizeof(double));
    else
#pragma omp parallel for simd schedule(static) num_threads(s->threads)
        for (size_t i = 0; i < s->n; i++) y[i] *= scale_y;
    for (int b = 0; blocks && b < blocks->count; b++) do_block(s, blocks->mask[b], scale_x * blocks->rate[b], x, y);
    for (int i = 0; !blocks && i < s->sites->d; i++) do_block(s, UINT32_C(1) << i, scale_x, x, y);
    if (shift != 0)
#pragma omp parallel for simd schedule(static) num_threads(s->threads)
        for (size_t i = 0; i < s->n; i++) y[i] -= scale_x * shift * x[i];
    if (!sum) return;
    sum[0] = sg_cube_dot(s->n, s->threads, y, x, s->partial);
    sum[1] = sg_cube_dot(s->n, s->threads, y, s->root, s->partial);
    sum[2] = sg_cube_dot(s->n, s->threads, x, s->root, s->partial);
}

/* --------------------------------------------------------------- what is checked */

static sg_status check_law(solver *s) {
    const double *log_p = s->sites->log_p;
    double top = -INFINITY, bottom = INFINITY;
    for (size_t x = 0; x < s->n; x++) {
        if (!isfinite(log_p[x]))
            return sg_fail(SG_OUT_OF_RANGE, "log p of state %zu is %g: with %d states a site all must be possible", x,
                           log_p[x], s->sites->q);
        top = fmax(top, log_p[x]);
        bottom = fmin(bottom, log_p[x]);
    }
    if (top - bottom > MOST_SPAN)
        return sg_fail(SG_OUT_OF_RANGE, "log p spans %.0f, more than %.0f: weaken the couplings", top - bottom,
                       MOST_SPAN);
    s->top = top;
    s->shift = fmin(0.25 * (top - bottom), LOG_TOP);
    return SG_OK;
}

static sg_status check_blocks(const sg_sites *sites) {
    uint32_t covered = 0;
    for (int b = 0; sites->blocks && b < sites->blocks->count; b++) covered |= sites->blocks->mask[b];
    const uint32_t left = (uint32_t)((UINT64_C(1) << sites->d) - 1) & ~covered;
    if (!sites->blocks || !left) return SG_OK;
    return sg_fail(SG_REFUSED, "no block contains site %d: it never changes, and the gap is 0", __builtin_ctz(left));
}

static sg_status check_memory(const solver *s) {
    const size_t most = s->settings->memory ? s->settings->memory : (size_t)1 << 30;
    const size_t vectors = (size_t)s->count + 3, bytes = vectors * s->n * sizeof(double);
    if (bytes <= most) return SG_OK;
    return sg_fail(SG_NO_MEMORY,
                   "%d eigenvalues on %zu states need %zu MiB for %zu vectors: allow more memory than "
                   "%zu MiB",
                   s->count, s->n, (bytes >> 20) + 1, vectors, most >> 20);
}

/* ------------------------------------------------------------------------- solve */

static sg_status allocate(solver *s) {
    sg_status status = sg_new(&s->root, s->n, sizeof(double));
    if (!status) status = sg_new(&s->partial, 2 * (s->n / SG_CUBE_CHUNK + 1), sizeof(double));
    if (!status) status = sg_new(&s->lock, (size_t)s->count, sizeof *s->lock);
    if (!status) status = sg_new(&s->found, (size_t)s->count, sizeof *s->found);
    return status;
}

static void release(solver *s) {
    for (int k = 0; s->lock && k < s->count; k++) sg_delete(s->lock[k]);
    sg_delete(s->root);
    sg_delete(s->partial);
    sg_delete(s->lock);
    sg_delete(s->found);
}

static void fill_roots(solver *s) {
    const double *log_p = s->sites->log_p, shift = s->shift - 0.5 * s->top;
    double *root = s->root;
#pragma omp simd
    for (size_t x = 0; x < s->n; x++) root[x] = exp(0.5 * log_p[x] + shift);
}

static double bound_of(const solver *s) {
    double sum = 0;
    if (!s->sites->blocks) return INFINITY;
    for (int b = 0; b < s->sites->blocks->count; b++) sum += s->sites->blocks->rate[b];
    return sum; /* every block is a projection times its rate */
}

static int by_value(const void *a, const void *b) {
    const sg_lanczos_result *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static sg_status solve(solver *s) {
    const sg_lanczos problem = {.n = s->n,
                                .apply = apply,
                                .context = s,
                                .null = s->root,
                                .bound = bound_of(s),
                                .threads = s->threads,
                                .settings = s->settings};
    bool hopeless = false; /* what is orthogonal to a vector that has not converged means nothing */
    while (s->known < s->count && !hopeless) {
        const int k = s->known++;
        sg_status status = sg_lanczos_smallest(&problem, k, s->lock, &s->lock[k], &s->found[k]);
        if (status) return status;
        hopeless = s->found[k].hopeless;
    }
    qsort(s->found, (size_t)s->known, sizeof *s->found, by_value);
    return SG_OK;
}

static double top_of(const solver *s) {
    double top = 0;
    for (int k = 0; k < s->known; k++) top = fmax(top, s->found[k].top);
    return top;
}

/* Rounding of products: the terms of every block are added up one after the other. */
static double floor_of(const solver *s) {
    const double terms = s->sites->blocks ? s->sites->blocks->count : s->sites->d * (s->sites->q - 1.0);
    return (4 + 2 * sqrt(terms)) * DBL_EPSILON * top_of(s);
}

static void report(const solver *s, sg_gap *out, sg_eigenvalues *values) {
    const sg_lanczos_result *first = &s->found[0];
    const double floor = floor_of(s), value = fmax(first->value, DBL_MIN), error = first->residual + floor;
    sg_finite_report(sg_scaled_of(value, 0), first->hopeless ? INFINITY : error / value, floor / value, first->steps,
                     "Lanczos on all states", out);
    if (out->status == SG_UNCERTIFIED)
        snprintf(out->message, sizeof out->message,
                 "after %d Lanczos steps the gap is at most %.3g, the top of the spectrum %.3g: too far apart for "
                 "double precision, or for the steps that are allowed",
                 first->steps, out->gap_upper, top_of(s));
    if (values) values->count = s->known;
    for (int k = 0; values && k < s->known; k++) {
        values->log_value[k] = log(fmax(s->found[k].value, DBL_MIN));
        values->error[k] = (s->found[k].residual + floor) / fmax(s->found[k].value, DBL_MIN);
    }
}

/* Few states: the explicit chain in place of a gap that is not certified. */
static sg_status try_dense(const solver *s, int count, sg_gap *out, sg_eigenvalues *values) {
    sg_chain chain;
    int *from = NULL, *to = NULL;
    double *log_rate = NULL;
    if (out->status != SG_UNCERTIFIED || s->n > DENSE_STATES || sg_sites_moves(s->sites) > DENSE_MOVES) return SG_OK;
    sg_status status = sg_sites_chain(s->sites, &chain, &from, &to, &log_rate);
    if (values) values->count = count;
    if (!status) status = sg_chain_gap(&chain, s->settings, out, values, NULL);
    sg_delete(from);
    sg_delete(to);
    sg_delete(log_rate);
    return status;
}

/* Small vectors are done before other threads have woken up. */
static int threads_of(const solver *s) {
    const int most = s->settings->threads > 0 ? s->settings->threads : omp_get_max_threads();
    const size_t useful = s->n / SHARE;
    return (size_t)most < useful ? most : useful > 1 ? (int)useful : 1;
}

sg_status sg_sites_gap(const sg_sites *sites, const sg_spectrum_settings *settings, sg_gap *out,
                       sg_eigenvalues *values) {
    static const sg_spectrum_settings plain = {0};
    const double start = sg_finite_now(), states = pow(sites->q, sites->d);
    solver s = {.sites = sites, .settings = settings ? settings : &plain, .n = (size_t)states};
    *out = (sg_gap){0};
    if (sites->d < 1 || sites->d > SG_FIBRES_SITES || sites->q < 2 || states > INT32_MAX)
        return sg_fail(SG_OUT_OF_RANGE, "%d^%d states are too many, or too few: take 2 to %d of them", sites->q,
                       sites->d, INT32_MAX);
    sg_status status = check_law(&s);
    if (!status) status = check_blocks(sites);
    if (status) return status;
    s.count = !values ? 1 : (size_t)values->count < s.n ? values->count : (int)(s.n - 1);
    s.threads = threads_of(&s);
    if ((status = check_memory(&s)) || (status = allocate(&s))) goto out;
    fill_roots(&s);
    if ((status = solve(&s))) goto out;
    report(&s, out, values);
    status = try_dense(&s, s.count, out, values);
out:
    release(&s);
    out->seconds = sg_finite_now() - start;
    return status;
}
