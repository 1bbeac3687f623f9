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
    sg_sites_problem sites;
    int count, known;
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
static void do_block(const sg_sites_problem *s, uint32_t mask, double weight, const double *x, double *y) {
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
    const sg_sites_problem *s = context;
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

static sg_status check_law(sg_sites_problem *s) {
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

static sg_status check_memory(const sg_sites_problem *s, int own) {
    const size_t most = s->settings->memory ? s->settings->memory : (size_t)1 << 30;
    const size_t vectors = (size_t)own + 1, bytes = vectors * s->n * sizeof(double);
    if (bytes <= most) return SG_OK;
    return sg_fail(SG_NO_MEMORY,
                   "the spectrum on %zu states needs %zu MiB for %zu vectors: allow more memory than %zu MiB", s->n,
                   (bytes >> 20) + 1, vectors, most >> 20);
}

/* -------------------------------------------------------------------------- open */

static void fill_roots(sg_sites_problem *s) {
    const double *log_p = s->sites->log_p, shift = s->shift - 0.5 * s->top;
    double *root = s->root;
#pragma omp simd
    for (size_t x = 0; x < s->n; x++) root[x] = exp(0.5 * log_p[x] + shift);
}

static double bound_of(const sg_sites *sites) {
    double sum = 0;
    if (!sites->blocks) return INFINITY;
    for (int b = 0; b < sites->blocks->count; b++) sum += sites->blocks->rate[b];
    return sum; /* every block is a projection times its rate */
}

/* Small vectors are done before other threads have woken up. */
static int threads_of(const sg_sites_problem *s) {
    const int most = s->settings->threads > 0 ? s->settings->threads : omp_get_max_threads();
    const size_t useful = s->n / SHARE;
    return (size_t)most < useful ? most : useful > 1 ? (int)useful : 1;
}

sg_status sg_sites_check(sg_sites_problem *s) {
    static const sg_spectrum_settings plain = {0};
    const double states = pow(s->sites->q, s->sites->d);
    if (!s->settings) s->settings = &plain;
    if (s->sites->d < 1 || s->sites->d > SG_FIBRES_SITES || s->sites->q < 2 || states > INT32_MAX)
        return sg_fail(SG_OUT_OF_RANGE, "%d^%d states are too many, or too few: take 2 to %d of them", s->sites->q,
                       s->sites->d, INT32_MAX);
    s->n = (size_t)states;
    sg_status status = check_law(s);
    return status ? status : check_blocks(s->sites);
}

sg_status sg_sites_open(sg_sites_problem *s, int vectors) {
    s->threads = threads_of(s);
    sg_status status = check_memory(s, vectors);
    if (!status) status = sg_new(&s->root, s->n, sizeof(double));
    if (!status) status = sg_new(&s->partial, 3 * (s->n / SG_CUBE_CHUNK + 1), sizeof(double));
    if (status) return status;
    fill_roots(s);
    s->lanczos = (sg_lanczos){.n = s->n,
                              .apply = apply,
                              .context = s,
                              .null = s->root,
                              .bound = bound_of(s->sites),
                              .threads = s->threads,
                              .settings = s->settings};
    return SG_OK;
}

void sg_sites_close(sg_sites_problem *s) {
    sg_delete(s->root);
    sg_delete(s->partial);
}

/* Rounding of products: the terms of every block are added up one after the other. */
double sg_sites_floor(const sg_sites_problem *s, double top) {
    const sg_sites *sites = s->sites;
    const double terms = sites->blocks ? sites->blocks->count : sites->d * (sites->q - 1.0);
    return (4 + 2 * sqrt(terms)) * DBL_EPSILON * top;
}

/* ------------------------------------------------------------------------- solve */

static void release(solver *s) {
    for (int k = 0; s->lock && k < s->count; k++) sg_delete(s->lock[k]);
    sg_sites_close(&s->sites);
    sg_delete(s->lock);
    sg_delete(s->found);
}

static int by_value(const void *a, const void *b) {
    const sg_lanczos_result *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static sg_status solve(solver *s) {
    bool hopeless = false; /* what is orthogonal to a vector that has not converged means nothing */
    while (s->known < s->count && !hopeless) {
        const int k = s->known++;
        sg_status status = sg_lanczos_smallest(&s->sites.lanczos, k, s->lock, &s->lock[k], &s->found[k]);
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

static void report(const solver *s, sg_gap *out, sg_eigenvalues *values) {
    const sg_lanczos_result *first = &s->found[0];
    const double floor = sg_sites_floor(&s->sites, top_of(s)), value = fmax(first->value, DBL_MIN),
                 error = first->residual + floor;
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
static sg_status try_dense(const sg_sites_problem *s, int count, sg_gap *out, sg_eigenvalues *values) {
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

sg_status sg_sites_gap(const sg_sites *sites, const sg_spectrum_settings *settings, sg_gap *out,
                       sg_eigenvalues *values) {
    const double start = sg_finite_now();
    solver s = {.sites = {.sites = sites, .settings = settings}};
    *out = (sg_gap){0};
    sg_status status = sg_sites_check(&s.sites);
    if (status) return status;
    s.count = !values ? 1 : (size_t)values->count < s.sites.n ? values->count : (int)(s.sites.n - 1);
    status = sg_sites_open(&s.sites, s.count + 2);
    if (!status) status = sg_new(&s.lock, (size_t)s.count, sizeof *s.lock);
    if (!status) status = sg_new(&s.found, (size_t)s.count, sizeof *s.found);
    if (!status) status = solve(&s);
    if (status) goto out;
    report(&s, out, values);
    status = try_dense(&s.sites, s.count, out, values);
out:
    release(&s);
    out->seconds = sg_finite_now() - start;
    return status;
}
