/*
 * Draws from the a-b model.  Exact: the normal law and, a = b = 0, the log-normal one; the normal law cut to the
 * orthant by rejection, where few are, and in one dimension.  In one dimension also by the inverse distribution
 * function, of log x.  Otherwise Gibbs' sampler over the coordinates,
 * whose conditionals are cut normal laws, drawn exactly (a = b = 1), or are left invariant by a slice move in log x
 * (Neal 2003, stepping out and shrinking).  A draw is a state of a pool, made when the sampler is made, after so many
 * sweeps that what is left of its start is a part in 1e4.
 */
#include "family/ab-model.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { B = SG_BLOCK, POOL = 1024, REJECTION_MOST = 16, TRIED = 4096, SWEEPS_FIRST = 64, SWEEPS_MOST = 1 << 13 };
static const double LEAST_ACCEPTED = 0.02, FORGOTTEN = 1e-4, LENGTHS = 20, APART = 6, SLICE = 1, LOWEST = -700;

typedef struct {
    sg_own_sampler base;
    int d, sweeps;
    double a, b;
    bool logarithm;         /* x = exp(normal) */
    double *K, *eta;        /* [d,d], [d] */
    double *root, *mean;    /* of the normal law: K = root root', [d,d]; [d] */
    int *first, *neighbour; /* where K is not 0: those of j from first[j] to first[j + 1] */
    double *pool;           /* [d][POOL] of x^a */
    sg_inverse *inverse;    /* of log x */
} ab_sampler;

static void release(sg_own_sampler *base) {
    ab_sampler *s = (ab_sampler *)base;
    sg_delete(s->K);
    sg_delete(s->eta);
    sg_delete(s->root);
    sg_delete(s->mean);
    sg_delete(s->first);
    sg_delete(s->neighbour);
    sg_delete(s->pool);
    sg_inverse_delete(s->inverse);
    sg_delete(s);
}

/* Uniforms one by one. */
typedef struct {
    sg_stream *stream;
    int at;
    double u[B];
} uniforms;

static double next(uniforms *r) {
    if (r->at == B) {
        sg_stream_uniform(r->stream, B, r->u);
        r->at = 0;
    }
    return r->u[r->at++];
}

/* ----------------------------------------------------------------- normal laws */

/* x = mean + root^-T z of all B points. */
static void fill_normal(const ab_sampler *s, sg_stream *stream, double *x) {
    for (int j = 0; j < s->d; j++) sg_stream_normal(stream, B, x + (size_t)j * B);
    cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, B, s->d, 1, s->root, s->d, x, B);
    for (int j = 0; j < s->d; j++)
        for (int i = 0; i < B; i++) x[(size_t)j * B + i] += s->mean[j];
}

static void draw_normal(const sg_own_sampler *base, sg_stream *stream, sg_block *block) {
    const ab_sampler *s = (const ab_sampler *)base;
    fill_normal(s, stream, block->x);
    for (size_t k = 0; s->logarithm && k < (size_t)s->d * B; k++) block->x[k] = exp(block->x[k]);
}

static bool positive(int d, const double *x, int i) {
    for (int j = 0; j < d; j++)
        if (!(x[j * B + i] > 0)) return false;
    return true;
}

static void draw_rejection(const sg_own_sampler *base, sg_stream *stream, sg_block *block) {
    const ab_sampler *s = (const ab_sampler *)base;
    _Alignas(SG_ALIGN) double x[REJECTION_MOST * B];
    for (int kept = 0; kept < block->n;) {
        fill_normal(s, stream, x);
        for (int i = 0; i < B && kept < block->n; i++) {
            if (!positive(s->d, x, i)) continue;
            for (int j = 0; j < s->d; j++) block->x[j * B + kept] = x[j * B + i];
            kept++;
        }
    }
}

/* A standard normal variable beyond `low`: normal ones until one is, or Robert's (1995) exponential ones. */
static double cut_normal(uniforms *r, double low) {
    const double pi = 3.14159265358979323846;
    if (low < 0)
        for (;;) {
            const double radius = sqrt(-2 * log(next(r))), angle = 2 * pi * next(r);
            const double first = radius * cos(angle), second = radius * sin(angle);
            if (first > low) return first;
            if (second > low) return second;
        }
    const double rate = 0.5 * (low + sqrt(low * low + 4));
    for (;;) {
        const double z = low - log(next(r)) / rate, off = z - rate;
        if (log(next(r)) < -0.5 * off * off) return z;
    }
}

/* ------------------------------------------------------------ Gibbs' sampler */

/*
 * log of the conditional density of s = log x^a at the others' sum_k K_jk x_k^a = field, up to a constant.  Cut where
 * x^a is no number any more, far below where its mass ends.
 */
static double conditional(const ab_sampler *s, double K, double eta, double field, double at) {
    if (at < LOWEST) return -INFINITY;
    const double u = exp(at), linear = s->b > 0 ? exp(s->b / s->a * at) / s->b : at / s->a;
    return -(0.5 * K * u + field) * u / s->a + eta * linear + at / s->a;
}

/* One slice move from `here`. */
static double slice(const ab_sampler *s, uniforms *r, double K, double eta, double field, double here) {
    const double level = conditional(s, K, eta, field, here) + log(next(r));
    double lo = here - SLICE * next(r), hi = lo + SLICE;
    while (conditional(s, K, eta, field, lo) > level) lo -= SLICE;
    while (conditional(s, K, eta, field, hi) > level) hi += SLICE;
    for (;;) {
        const double to = lo + (hi - lo) * next(r);
        if (!(conditional(s, K, eta, field, to) < level)) return to;
        *(to < here ? &lo : &hi) = to;
    }
}

/* One sweep of n chains, whose states are x^a. */
static void sweep(const ab_sampler *s, uniforms *r, int n, double *u) {
    _Alignas(SG_ALIGN) double field[B];
    const bool normal = s->a == 1 && s->b == 1;
    for (int j = 0; j < s->d; j++) {
        const double K = s->K[j + (size_t)j * s->d], eta = s->eta[j], width = 1 / sqrt(K);
        double *here = u + (size_t)j * B;
        memset(field, 0, sizeof field);
        for (int e = s->first[j]; e < s->first[j + 1]; e++) {
            const double weight = s->K[j + (size_t)s->neighbour[e] * s->d];
            const double *restrict other = u + (size_t)s->neighbour[e] * B;
            for (int i = 0; i < B; i++) field[i] += weight * other[i];
        }
        for (int i = 0; i < n && normal; i++) {
            const double mean = (eta - field[i]) / K, low = -mean / width;
            here[i] = width * (cut_normal(r, low) - low);
        }
        for (int i = 0; i < n && !normal; i++) here[i] = exp(slice(s, r, K, eta, field[i], log(here[i])));
    }
}

static void draw_gibbs(const sg_own_sampler *base, sg_stream *stream, sg_block *block) {
    const ab_sampler *s = (const ab_sampler *)base;
    uniforms r = {.stream = stream, .at = B};
    int from[B];
    for (int i = 0; i < block->n; i++) from[i] = (int)(POOL * next(&r));
    for (size_t j = 0; j < (size_t)s->d; j++)
        for (int i = 0; i < B; i++) block->x[j * B + i] = s->pool[j * POOL + from[i < block->n ? i : 0]];
    for (int k = 0; k < s->sweeps; k++) sweep(s, &r, block->n, block->x);
    for (size_t k = 0; s->a != 1 && k < (size_t)s->d * B; k++) block->x[k] = pow(block->x[k], 1 / s->a);
}

static void draw_one(const sg_own_sampler *base, sg_stream *stream, sg_block *block) {
    const ab_sampler *s = (const ab_sampler *)base;
    uniforms r = {.stream = stream, .at = B};
    sweep(s, &r, block->n, block->x);
}

/* ---------------------------------------------------------------- one dimension */

static void draw_table(const sg_own_sampler *base, sg_stream *stream, sg_block *block) {
    const ab_sampler *s = (const ab_sampler *)base;
    _Alignas(SG_ALIGN) double u[B];
    sg_stream_uniform(stream, (size_t)block->n, u);
    sg_inverse_draw(s->inverse, (size_t)block->n, u, block->x);
    for (int i = 0; i < block->n; i++) block->x[i] = exp(block->x[i]);
}

static void evaluate(const void *context, int n, const double *t, double *logq, double *test) {
    const ab_sampler *s = context;
    const sg_ab law = {.a = s->a, .b = s->b};
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = sg_ab_along(&law, s->K[0], 0, s->eta[0], t[i]);
}

/* The law of log x is smooth on the whole line. */
static sg_status fill_table(const sg_model *model, ab_sampler *s) {
    const double zero = 0, one = 1;
    const sg_density density = {.context = s,
                                .evaluate = evaluate,
                                .lo = -INFINITY,
                                .hi = INFINITY,
                                .landmarks = 1,
                                .landmark = &zero,
                                .scale = &one};
    sg_panels *panels = NULL;
    sg_status status = sg_panels_new(&density, 1e-13, 200, 0, &panels);
    if (status != SG_OK) return sg_fail_within(status, "%s", model->text);
    status = sg_inverse_new(panels, &s->inverse);
    sg_panels_delete(panels);
    if (status == SG_OK) s->base.error = sg_inverse_error(s->inverse);
    return status;
}

/* -------------------------------------------------------------------- the pool */

/* Running sums over one chain, of each coordinate's x^a. */
typedef struct {
    double *state;         /* [d][B] */
    double *mean, *square; /* [d][B] averages over sweeps of each chain; [d] of squares, all chains */
} watch;

static void start_chains(const ab_sampler *s, double *u) {
    for (int j = 0; j < s->d; j++) {
        const double K = s->K[j + (size_t)j * s->d], scale = sqrt(1 / K) + fmax(0, s->eta[j]) / K;
        for (int i = 0; i < B; i++) u[(size_t)j * B + i] = scale * (i < B / 2 ? 1e-3 : 10);
    }
}

static void watch_chains(const ab_sampler *s, uniforms *r, int sweeps, watch *w) {
    const size_t all = (size_t)s->d * B;
    memset(w->mean, 0, all * sizeof(double));
    memset(w->square, 0, (size_t)s->d * sizeof(double));
    for (int t = 0; t < sweeps; t++) {
        sweep(s, r, B, w->state);
        for (size_t k = 0; k < all; k++) w->mean[k] += w->state[k] / sweeps;
        for (size_t k = 0; k < all; k++) w->square[k / B] += w->state[k] * w->state[k] / ((double)sweeps * B);
    }
}

static void moments(int n, const double *x, double *mean, double *variance) {
    *mean = *variance = 0;
    for (int i = 0; i < n; i++) *mean += x[i] / n;
    for (int i = 0; i < n; i++) *variance += (x[i] - *mean) * (x[i] - *mean) / (n - 1);
}

/*
 * The largest over the coordinates: of the integrated autocorrelation time in sweeps, by the variance of the chains'
 * averages, and of how many standard errors the chains from low and from high starts are apart.
 */
static void judge(const ab_sampler *s, int sweeps, const watch *w, double *time, double *apart) {
    *time = 1, *apart = 0;
    for (int j = 0; j < s->d; j++) {
        const double *row = w->mean + (size_t)j * B;
        double mean[3], variance[3];
        moments(B, row, &mean[0], &variance[0]);
        moments(B / 2, row, &mean[1], &variance[1]);
        moments(B / 2, row + B / 2, &mean[2], &variance[2]);
        const double t = sweeps * variance[0] / (w->square[j] - mean[0] * mean[0]);
        const double z = fabs(mean[1] - mean[2]) / sqrt((variance[1] + variance[2]) / (B / 2));
        if (!(t <= *time)) *time = t; /* what is no number stays */
        if (!(z <= *apart)) *apart = z;
    }
}

/* Doubles the run until it is many times longer than its memory, and does not know where it came from. */
static sg_status fill_pool(const sg_model *model, ab_sampler *s) {
    watch w = {0};
    sg_stream stream;
    const size_t d = (size_t)s->d;
    double time, apart;
    int sweeps = SWEEPS_FIRST;
    sg_status status = sg_new(&w.state, d * B, sizeof(double));
    if (status == SG_OK) status = sg_new(&w.mean, d * B, sizeof(double));
    if (status == SG_OK) status = sg_new(&w.square, d, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->pool, d * POOL, sizeof(double));
    if (status != SG_OK) goto out;
    sg_stream_open(&stream, sg_hash64("the pool of the a-b model"), SG_PURPOSE_START, 0);
    uniforms r = {.stream = &stream, .at = B};
    start_chains(s, w.state);
    for (watch_chains(s, &r, sweeps, &w);; sweeps *= 2) {
        watch_chains(s, &r, sweeps, &w);
        judge(s, sweeps, &w, &time, &apart);
        if (sweeps > LENGTHS * time && apart < APART) break;
        if (sweeps < SWEEPS_MOST) continue;
        status = sg_fail(SG_REFUSED,
                         "Gibbs' sampler of %s forgets its start too slowly (%.3g sweeps; chains from two starts are "
                         "%.2g standard errors apart): take weaker couplings",
                         model->text, time, apart);
        goto out;
    }
    const double left = (time - 1) / (time + 1); /* of a chain whose correlations fall geometrically */
    s->sweeps = (int)fmax(4, ceil(log(FORGOTTEN) / log(fmax(left, 1e-3))));
    for (int part = 0; part < POOL / B; part++) {
        for (int t = 0; t < s->sweeps && part; t++) sweep(s, &r, B, w.state);
        for (size_t j = 0; j < d; j++) memcpy(s->pool + j * POOL + part * B, w.state + j * B, B * sizeof(double));
    }
    s->base.error = pow(fmax(left, 1e-3), s->sweeps) / sqrt(POOL);
    snprintf(
        s->base.method, sizeof s->base.method,
        "Gibbs' sampler, %d sweeps a draw (correlation time %.2g sweeps; opposite starts %.2g standard errors apart)",
        s->sweeps, time, apart);
out:
    sg_delete(w.state);
    sg_delete(w.mean);
    sg_delete(w.square);
    return status;
}

static sg_status fill_neighbours(ab_sampler *s) {
    const int d = s->d;
    int count = 0;
    for (int k = 0; k < d * d; k++) count += k % (d + 1) && s->K[k] != 0;
    sg_status status = sg_new(&s->first, (size_t)d + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->neighbour, (size_t)count + 1, sizeof(int));
    for (int j = 0, at = 0; j < d && status == SG_OK; j++) {
        for (int k = 0; k < d; k++)
            if (k != j && s->K[j + (size_t)k * d] != 0) s->neighbour[at++] = k;
        s->first[j + 1] = at;
    }
    return status;
}

/* ---------------------------------------------------------------------- set-up */

/* The normal law with precision K and linear term eta + shift; false: K is not positive definite. */
static bool fill_law(ab_sampler *s, double shift) {
    const int d = s->d;
    memcpy(s->root, s->K, (size_t)d * (size_t)d * sizeof(double));
    for (int j = 0; j < d; j++) s->mean[j] = s->eta[j] + shift;
    return LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'L', d, 1, s->root, d, s->mean, d) == 0;
}

static double share_accepted(const ab_sampler *s) {
    _Alignas(SG_ALIGN) double x[REJECTION_MOST * B];
    sg_stream stream;
    int accepted = 0;
    sg_stream_open(&stream, sg_hash64("acceptance in the orthant"), SG_PURPOSE_START, 0);
    for (int k = 0; k < TRIED / B; k++) {
        fill_normal(s, &stream, x);
        for (int i = 0; i < B; i++) accepted += positive(s->d, x, i);
    }
    return accepted / (double)TRIED;
}

static void say(ab_sampler *s, void (*draw)(const sg_own_sampler *, sg_stream *, sg_block *), const char *method) {
    s->base.draw = draw;
    snprintf(s->base.method, sizeof s->base.method, "%s", method);
}

static sg_status choose(const sg_model *model, ab_sampler *s) {
    const bool reals = model->space.shape == SG_RD, cut = !reals && s->a == 1 && s->b == 1;
    s->logarithm = s->a == 0;
    if (reals || s->logarithm) {
        fill_law(s, s->logarithm ? 1 : 0);
        say(s, draw_normal, s->logarithm ? "exact: exp of a normal law" : "exact: the root of the precision matrix");
        return SG_OK;
    }
    sg_status status = fill_neighbours(s);
    if (status != SG_OK) return status;
    if (s->d == 1) {
        say(s, cut ? draw_one : draw_table, cut ? "exact: a normal law beyond 0" : "the inverse distribution function");
        return cut ? SG_OK : fill_table(model, s);
    }
    if (cut && s->d <= REJECTION_MOST && fill_law(s, 0)) {
        const double accepted = share_accepted(s);
        say(s, draw_rejection, "");
        snprintf(s->base.method, sizeof s->base.method, "exact: rejection from the normal law, %.2g accepted",
                 accepted);
        if (accepted >= LEAST_ACCEPTED) return SG_OK;
    }
    s->base.draw = draw_gibbs;
    return fill_pool(model, s);
}

sg_status sg_ab_sampler_new(const sg_model *model, const double *theta, sg_own_sampler **out) {
    const sg_ab *own = model->own;
    const size_t d = (size_t)model->space.d;
    ab_sampler *s = NULL;
    *out = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status != SG_OK) return status;
    s->base.release = release;
    s->d = model->space.d, s->a = own->a, s->b = own->b;
    status = sg_new(&s->K, d * d, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->root, d * d, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->eta, d, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->mean, d, sizeof(double));
    if (status == SG_OK) {
        sg_ab_matrix(model, theta, s->K);
        for (int j = 0; j < s->d; j++) s->eta[j] = sg_ab_eta(model, theta, j);
        status = choose(model, s);
    }
    if (status != SG_OK) {
        release(&s->base);
        return status;
    }
    *out = &s->base;
    return SG_OK;
}
