/* The vectors of Lanczos' method and of the filter: the start, sums in fixed order, and what is projected out. */
#include "base/vecmath.h"
#include "krylov.h"

#define FLAT 0.1 /* share of flat noise in the start */
enum { LOW = 12 /* bits within a chunk */ };
_Static_assert(SG_CUBE_CHUNK == 1 << LOW, "a chunk is the states of the low bits");

static double combine(const double *slope, int first, int end, size_t state) {
    double sum = 0;
    for (int site = first; site < end; site++) sum += (state >> site & 1) ? slope[site] : -slope[site];
    return sum;
}

/*
 * A random combination of the sites and noise, times the null vector, and flat noise where that is positive: no
 * symmetry, much weight on slow modes, some on every mode.
 */
static void fill_start(sg_krylov *r, double *v) {
    const sg_lanczos *p = r->problem;
    const long chunks = (long)((p->n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK);
    const double scale = 1 / sqrt(r->null2), flat = FLAT / sqrt((double)p->n);
    double slope[32] = {0}, within[SG_CUBE_CHUNK];
    sg_stream stream;
    sg_stream_open(&stream, 0x5c0a9e, SG_PURPOSE_START, (uint32_t)r->locked);
    sg_stream_seek(&stream, UINT32_MAX);
    sg_stream_normal(&stream, 32, slope);
    for (size_t i = 0; i < SG_CUBE_CHUNK; i++) within[i] = combine(slope, 0, LOW < p->sites ? LOW : p->sites, i);
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (long c = 0; c < chunks; c++) {
        const size_t from = (size_t)c * SG_CUBE_CHUNK, to = from + SG_CUBE_CHUNK < p->n ? from + SG_CUBE_CHUNK : p->n;
        const double beyond = combine(slope, LOW, p->sites, from);
        sg_stream own;
        sg_stream_open(&own, 0x5c0a9e, SG_PURPOSE_START, (uint32_t)r->locked);
        sg_stream_seek(&own, (uint32_t)c);
        sg_stream_normal(&own, to - from, v + from);
        for (size_t i = from; i < to; i++) {
            const double amplitude = scale * p->null[i], sum = v[i] + within[i - from] + beyond;
            v[i] = p->null[i] > 0 ? amplitude * sum + flat * v[i] : 0;
        }
    }
}

/* What it says in krylov.h, in one pass. */
double sg_krylov_subtract(const sg_krylov *r, double a, double b, double c) {
    const size_t n = r->problem->n;
    const long chunks = (long)((n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK);
    const double *restrict v = r->v, *restrict null = r->problem->null;
    double *restrict w = r->w, *restrict y = r->y, *partial = r->partial;
#pragma omp parallel for schedule(static) num_threads(r->problem->threads)
    for (long k = 0; k < chunks; k++) {
        const size_t from = (size_t)k * SG_CUBE_CHUNK, to = from + SG_CUBE_CHUNK < n ? from + SG_CUBE_CHUNK : n;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = from; i < to; i++) {
            double left = w[i] - a * v[i] - b * null[i];
            w[i] = left;
            sum += left * left;
        }
        partial[k] = sum;
        if (c == 0) continue;
#pragma omp simd
        for (size_t i = from; i < to; i++) y[i] += c * v[i];
    }
    return sg_sum((size_t)chunks, partial);
}

void sg_krylov_add(const sg_krylov *r, double a, const double *x, double *y) {
    const size_t n = r->problem->n;
#pragma omp parallel for simd schedule(static) num_threads(r->problem->threads)
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

void sg_krylov_multiply(const sg_krylov *r, double a, double *x) {
    const size_t n = r->problem->n;
#pragma omp parallel for simd schedule(static) num_threads(r->problem->threads)
    for (size_t i = 0; i < n; i++) x[i] *= a;
}

double sg_krylov_dot(const sg_krylov *r, const double *x, const double *y) {
    return sg_cube_dot(r->problem->n, r->problem->threads, x, y, r->partial);
}

void sg_krylov_project(const sg_krylov *r, double *x) {
    sg_krylov_add(r, -sg_krylov_dot(r, r->problem->null, x) / r->null2, r->problem->null, x);
    for (int k = 0; k < r->locked; k++) sg_krylov_add(r, -sg_krylov_dot(r, r->lock[k], x), r->lock[k], x);
}

/* Amplitudes are far from 1 in size, so the start is scaled before anything is squared again. */
bool sg_krylov_begin(sg_krylov *r) {
    fill_start(r, r->v);
    double size = sqrt(sg_krylov_dot(r, r->v, r->v));
    sg_krylov_project(r, r->v);
    sg_krylov_project(r, r->v);
    double left = sqrt(sg_krylov_dot(r, r->v, r->v));
    if (!(left > 1e-12 * size)) return false;
    sg_krylov_multiply(r, 1 / left, r->v);
    return true;
}

bool sg_krylov_stopped(const sg_krylov *r) {
    const sg_spectrum_settings *settings = r->problem->settings;
    return settings->stop && *settings->stop;
}

void sg_krylov_measure(const sg_krylov *r, double *x, double *other, sg_lanczos_result *out) {
    const sg_lanczos *p = r->problem;
    sg_krylov_project(r, x);
    sg_krylov_multiply(r, 1 / sqrt(sg_krylov_dot(r, x, x)), x);
    p->apply(p->context, x, 1, 0, other, 0, NULL);
    out->value = sg_krylov_dot(r, x, other);
    sg_krylov_add(r, -out->value, x, other);
    out->residual = sqrt(sg_krylov_dot(r, other, other));
}

void sg_krylov_swap(sg_krylov *r) {
    double *held = r->v;
    r->v = r->w;
    r->w = held;
}

void sg_krylov_product(sg_krylov *r, int j, const double *beta, double sum[3]) {
    const sg_lanczos *p = r->problem;
    p->apply(p->context, r->v, 1 / beta[j], 0, r->w, j > 0 ? -beta[j] / beta[j - 1] : 0, sum);
}

void sg_krylov_step(sg_krylov *r, int j, double *alpha, double *beta, double *part) {
    double sum[3];
    sg_krylov_product(r, j, beta, sum);
    alpha[j] = sum[0] / beta[j];
    part[0] = (sum[1] - alpha[j] / beta[j] * sum[2]) / r->null2;
    double square = sg_krylov_subtract(r, alpha[j] / beta[j], part[0], 0);
    for (int i = 0; i < r->locked; i++) {
        part[1 + i] = sg_krylov_dot(r, r->lock[i], r->w);
        sg_krylov_add(r, -part[1 + i], r->lock[i], r->w);
    }
    beta[j + 1] = sqrt(r->locked > 0 ? sg_krylov_dot(r, r->w, r->w) : square);
    sg_krylov_swap(r);
}
