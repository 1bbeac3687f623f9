/*
 * Lanczos' method in two runs and three vectors.  Without reorthogonalization a Ritz value that has converged comes
 * back as a copy; the smallest one is not touched by that (Paige), and the run ends when it has converged.  The null
 * vector and locked ones are projected out at every step, where they would otherwise grow from rounding.
 */
#include <float.h>
#include <lapacke.h>
#include <omp.h>
#include <string.h>

#include "base/vecmath.h"
#include "cube.h"

#define TIGHT 1e-9                   /* residual asked for, relative to the value */
#define LOOSE 1e-7                   /* enough when the next Ritz value is resolved ... */
#define SMALL 1e-13                  /* ... and the square of the residual over the distance to it is this small */
#define HOPELESS (4e6 * DBL_EPSILON) /* of the top: below this a value cannot be certified to 1e-6 */
#define FLAT 0.1                     /* share of flat noise in the start */
#define SINKING 1e-3 /* of the first entries: a next vector that small is looked at, before rounding makes it one */
enum { MOST_STEPS = 20000, FIRST_ROOM = 512, LOW = 12 /* bits within a chunk */ };
_Static_assert(SG_CUBE_CHUNK == 1 << LOW, "a chunk is the states of the low bits");

typedef struct {
    const sg_lanczos *problem;
    int locked, steps, most, room;
    double *const *lock;
    double *v, *w, *y;
    double *alpha, *beta;  /* beta[j]: norm of vector j before scaling */
    double *part;          /* [room][1 + locked]: what was projected out after step j */
    double *ritz;          /* [room] bottom vector of the tridiagonal matrix */
    double *small, *value; /* LAPACK's work */
    int *whole;
    double *partial;
    double null2;
} run;

/* ------------------------------------------------------------------ vectors */

static double combine(const double *slope, int first, int end, size_t state) {
    double sum = 0;
    for (int site = first; site < end; site++) sum += (state >> site & 1) ? slope[site] : -slope[site];
    return sum;
}

/*
 * A random combination of the sites and noise, times the null vector, and flat noise where that is positive: no
 * symmetry, much weight on slow modes, some on every mode.
 */
static void fill_start(run *r, double *v) {
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

/* <w, v>, <w, null> and <v, null>. */
static void three_dots(const run *r, double sum[3]) {
    const size_t n = r->problem->n;
    const long chunks = (long)((n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK);
    const double *v = r->v, *w = r->w, *null = r->problem->null;
    double *partial = r->partial;
#pragma omp parallel for schedule(static) num_threads(r->problem->threads)
    for (long c = 0; c < chunks; c++) {
        const size_t from = (size_t)c * SG_CUBE_CHUNK, to = from + SG_CUBE_CHUNK < n ? from + SG_CUBE_CHUNK : n;
        double first = 0, second = 0, third = 0;
#pragma omp simd reduction(+ : first, second, third)
        for (size_t i = from; i < to; i++) {
            first += w[i] * v[i];
            second += w[i] * null[i];
            third += v[i] * null[i];
        }
        partial[c] = first;
        partial[chunks + c] = second;
        partial[2 * chunks + c] = third;
    }
    for (int k = 0; k < 3; k++) sum[k] = sg_sum((size_t)chunks, partial + k * chunks);
}

/* w -= a v + b null; y += c v if c is not zero; returns |w|^2. */
static double subtract(const run *r, double a, double b, double c) {
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

static void add(const run *r, double a, const double *x, double *y) {
    const size_t n = r->problem->n;
#pragma omp parallel for simd schedule(static) num_threads(r->problem->threads)
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void multiply(const run *r, double a, double *x) {
    const size_t n = r->problem->n;
#pragma omp parallel for simd schedule(static) num_threads(r->problem->threads)
    for (size_t i = 0; i < n; i++) x[i] *= a;
}

static double dot(const run *r, const double *x, const double *y) {
    return sg_cube_dot(r->problem->n, r->problem->threads, x, y, r->partial);
}

static void project(const run *r, double *x) {
    add(r, -dot(r, r->problem->null, x) / r->null2, r->problem->null, x);
    for (int k = 0; k < r->locked; k++) add(r, -dot(r, r->lock[k], x), r->lock[k], x);
}

/* --------------------------------------------------------------------- steps */

/* Amplitudes are far from 1 in size, so the start is scaled before anything is squared again.  False: nothing is left.
 */
static bool begin(run *r) {
    fill_start(r, r->v);
    double size = sqrt(dot(r, r->v, r->v));
    project(r, r->v);
    project(r, r->v);
    double left = sqrt(dot(r, r->v, r->v));
    if (!(left > 1e-12 * size)) return false;
    multiply(r, 1 / left, r->v);
    memset(r->w, 0, r->problem->n * sizeof(double));
    r->beta[0] = 1;
    return true;
}

static void swap(run *r) {
    double *held = r->v;
    r->v = r->w;
    r->w = held;
}

/* w = A v_j - beta_j v_{j-1}, where v and w hold v_j beta_j and v_{j-1} beta_{j-1} */
static void product(run *r, int j) {
    const sg_lanczos *p = r->problem;
    p->apply(p->context, r->v, 1 / r->beta[j], r->w, j > 0 ? -r->beta[j] / r->beta[j - 1] : 0);
}

/* w loses its parts along v and null in one pass (what v has of null included), then those along the locked vectors. */
static void first_step(run *r, int j) {
    double *part = r->part + (size_t)j * (size_t)(1 + r->locked), sum[3];
    product(r, j);
    three_dots(r, sum);
    r->alpha[j] = sum[0] / r->beta[j];
    part[0] = (sum[1] - r->alpha[j] / r->beta[j] * sum[2]) / r->null2;
    double square = subtract(r, r->alpha[j] / r->beta[j], part[0], 0);
    for (int k = 0; k < r->locked; k++) {
        part[1 + k] = dot(r, r->lock[k], r->w);
        add(r, -part[1 + k], r->lock[k], r->w);
    }
    r->beta[j + 1] = sqrt(r->locked > 0 ? dot(r, r->w, r->w) : square);
    swap(r);
}

static void second_step(run *r, int j) {
    const double *part = r->part + (size_t)j * (size_t)(1 + r->locked);
    product(r, j);
    (void)subtract(r, r->alpha[j] / r->beta[j], part[0], r->ritz[j] / r->beta[j]);
    for (int k = 0; k < r->locked; k++) add(r, -part[1 + k], r->lock[k], r->w);
    swap(r);
}

/* ------------------------------------------------------- tridiagonal matrix */

typedef struct {
    double value, residual, next, next_residual, top;
} ritz_view;

/* Eigenvalues il .. iu of the tridiagonal matrix of order m, vectors into z [m] each. */
static sg_status some_pairs(run *r, int m, int il, int iu, double *value, double *z) {
    double *d = r->small, *e = d + r->room, *work = e + r->room;
    lapack_int found = 0, support[4], info;
    memcpy(d, r->alpha, (size_t)m * sizeof(double));
    memcpy(e, r->beta + 1, (size_t)m * sizeof(double));
    info = LAPACKE_dstevr_work(LAPACK_COL_MAJOR, 'V', 'I', m, d, e, 0, 0, il, iu, 0, &found, value, z, m, support, work,
                               20 * r->room, r->whole, 10 * r->room);
    if (info == 0 && found == iu - il + 1) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED, "the tridiagonal matrix of %d Lanczos steps has no eigenvalues by LAPACK", m);
}

static sg_status look(run *r, int m, ritz_view *view) {
    const int two = m > 1 ? 2 : 1;
    double *z = r->ritz, last = r->beta[m];
    sg_status status = some_pairs(r, m, m, m, r->value, z);
    if (status) return status;
    view->top = r->value[0] + last * fabs(z[m - 1]);
    if ((status = some_pairs(r, m, 1, two, r->value, z))) return status;
    view->value = r->value[0];
    view->residual = last * fabs(z[m - 1]);
    view->next = two > 1 ? r->value[1] : INFINITY;
    view->next_residual = two > 1 ? last * fabs(z[2 * m - 1]) : 0;
    return SG_OK;
}

static bool converged(const ritz_view *view, double top) {
    double distance = view->next - view->next_residual - view->value, r = view->residual;
    if (r <= fmax(TIGHT * view->value, 8 * DBL_EPSILON * top)) return true;
    return r <= LOOSE * view->value && view->next_residual < 0.1 * distance && r * r <= SMALL * view->value * distance;
}

static void tell(const sg_lanczos *p, const ritz_view *view, double begun) {
    double goal = log(TIGHT * fmax(view->value, 1e-290)), now = log(fmax(view->residual, 1e-300));
    if (!p->settings->progress) return;
    p->settings->progress(p->settings->context, fmin(fmax(begun - now, 0), fmax(begun - goal, 0)), begun - goal);
}

static sg_status regrow(double **array, size_t used, size_t room) {
    double *larger = NULL;
    sg_status status = sg_new(&larger, room, sizeof(double));
    if (status) return status;
    if (*array) memcpy(larger, *array, used * sizeof(double));
    sg_delete(*array);
    *array = larger;
    return SG_OK;
}

/* Room for twice as many steps. */
static sg_status reserve(run *r) {
    const size_t old = (size_t)r->room, room = old ? 2 * old : FIRST_ROOM, wide = 1 + (size_t)r->locked;
    int *whole = NULL;
    sg_status status = regrow(&r->alpha, old, room + 1);
    if (!status) status = regrow(&r->beta, old ? old + 1 : 0, room + 1);
    if (!status) status = regrow(&r->part, old * wide, room * wide);
    if (!status) status = regrow(&r->ritz, 0, 2 * room + 2);
    if (!status) status = regrow(&r->small, 0, 22 * room);
    if (!status) status = regrow(&r->value, 0, room);
    if (!status) status = sg_new(&whole, 10 * room, sizeof *whole);
    if (status) return status;
    sg_delete(r->whole);
    r->whole = whole;
    r->room = (int)room;
    return SG_OK;
}

static bool stopped(const sg_lanczos *p) {
    return p->settings->stop && *p->settings->stop;
}

static sg_status iterate(run *r, sg_lanczos_result *out) {
    const sg_lanczos *p = r->problem;
    int next_look = 1;
    ritz_view view = {0};
    for (int j = 0;; j++) {
        if (stopped(p)) return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped after %d steps", j);
        sg_status status = j < r->room ? SG_OK : reserve(r);
        if (status) return status;
        first_step(r, j);
        r->steps = j + 1;
        if (!isfinite(r->alpha[j] + r->beta[j + 1]))
            return sg_fail(SG_OUT_OF_RANGE, "a rate is not finite: the probabilities of neighbours differ by too much");
        double scale = fmax(fabs(r->alpha[0]), r->beta[1]);
        bool ended = r->beta[j + 1] <= 4 * DBL_EPSILON * scale || r->steps == r->most;
        if (r->steps < next_look && !ended && r->beta[j + 1] > SINKING * scale) continue;
        if ((status = look(r, r->steps, &view))) return status;
        out->top = fmin(view.top, p->bound);
        tell(p, &view, log(out->top));
        out->hopeless = view.value <= HOPELESS * out->top || r->steps == r->most;
        if (ended || out->hopeless || converged(&view, out->top)) return SG_OK;
        next_look = r->steps + 1 + r->steps / 12;
    }
}

/* Ritz vector, its value and residual, each computed anew; w is work. */
static sg_status finish(run *r, sg_lanczos_result *out) {
    const sg_lanczos *p = r->problem;
    memset(r->y, 0, p->n * sizeof(double));
    (void)begin(r);
    for (int j = 0; j + 1 < r->steps; j++) {
        if (stopped(p)) return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped while it summed its vector");
        second_step(r, j);
    }
    add(r, r->ritz[r->steps - 1] / r->beta[r->steps - 1], r->v, r->y);
    project(r, r->y);
    multiply(r, 1 / sqrt(dot(r, r->y, r->y)), r->y);
    p->apply(p->context, r->y, 1, r->w, 0);
    out->value = dot(r, r->y, r->w);
    add(r, -out->value, r->y, r->w);
    out->residual = sqrt(dot(r, r->w, r->w));
    return SG_OK;
}

static sg_status allocate(run *r) {
    const size_t chunks = (r->problem->n + SG_CUBE_CHUNK - 1) / SG_CUBE_CHUNK;
    sg_status status = sg_new(&r->partial, 3 * chunks, sizeof(double));
    return status ? status : reserve(r);
}

static void release(run *r) {
    double *array[] = {r->alpha, r->beta, r->part, r->ritz, r->small, r->value, r->partial};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(r->whole);
}

sg_status sg_lanczos_smallest(const sg_lanczos *problem, int locked, double *const *lock, double *work, double *y,
                              sg_lanczos_result *out) {
    run r = {.problem = problem, .locked = locked, .lock = lock, .v = work, .w = work + problem->n, .y = y};
    r.most = problem->n < MOST_STEPS / 4 ? (int)problem->n * 4 + 8 : MOST_STEPS;
    *out = (sg_lanczos_result){0};
    sg_status status = allocate(&r);
    if (status) goto out;
    r.null2 = dot(&r, problem->null, problem->null);
    if (!begin(&r)) {
        status = sg_fail(SG_OUT_OF_RANGE, "there are no more than %d eigenvalues", locked);
        goto out;
    }
    if ((status = iterate(&r, out))) goto out;
    if ((status = finish(&r, out))) goto out;
    out->steps = r.steps;
    out->products = 2LL * r.steps;
out:
    release(&r);
    return status;
}
