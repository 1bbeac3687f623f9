#include "family/space-sampler.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/domain.h"
#include "family/langevin.h"
#include "family/nodes.h"
#include "family/space-statistics.h"
#include "family/spin-sampler-past.h"

enum { B = SG_BLOCK, BLOCKS = 16, POOL = BLOCKS * B, THIN_MOST = 512, PAIRS = 40, BURN = 5 };
/* Warm-up: steps with a length of their own for each chain, then rounds with the covariance of all. */
enum { ALONE = 200, ROUNDS = 10, TURNS = 10, TURN = 10 };
/* One block is recorded for its correlation time, so many rows of it at most. */
enum { RECORDS = 64, RECORDED_MOST = 256 };
/* An exponential correlation falls to 1/200 in ln(200)/2 of its integrated times; means that are off by so many
 * standard errors contradict. */
static const double FORGET = 2.65, CONTRADICTION = 6, ACCEPTANCE = 0.6;

struct sg_space_sampler {
    sg_langevin kernel;
    double *theta, *factor, *pool; /* pool [d][POOL] in the coordinates y */
    double step, error;
    int thin;
    char method[160];
    sg_past_scratch scratch;
};

/* -------------------------------------------------------------------- herds */

/* All chains of the pool while it is made. */
typedef struct {
    sg_langevin kernel;
    void *memory;
    sg_langevin_state state[BLOCKS];
    sg_stream stream[BLOCKS];
} herd;

static long long run(herd *h, int steps, bool adapt) {
    long long moved = 0;
#pragma omp parallel for schedule(static) reduction(+ : moved)
    for (int b = 0; b < BLOCKS; b++)
        for (int k = 0; k < steps; k++) moved += sg_langevin_step(&h->kernel, &h->stream[b], adapt, &h->state[b]);
    return moved;
}

static void restart(herd *h) {
#pragma omp parallel for schedule(static)
    for (int b = 0; b < BLOCKS; b++) sg_langevin_start(&h->kernel, &h->state[b]);
}

/* Around the places that the family names, wider than they are; otherwise about the origin, at lengths 1/8 to 16. */
static void scatter(const sg_places *places, herd *h) {
    const int d = h->kernel.model->space.d;
    for (int b = 0; b < BLOCKS; b++) {
        sg_langevin_state *s = &h->state[b];
        sg_stream_normal(&h->stream[b], (size_t)d * B, s->y);
        for (int a = 0; a < d; a++)
            for (int i = 0; i < B; i++) {
                const int k = places->count ? i % places->count : 0;
                const double scale = places->count ? 3 * places->scale[k][a] : ldexp(1, i % 8 - 3);
                double *y = &s->y[a * B + i];
                *y = (places->count ? places->at[k][a] : 0) + scale * *y;
                if (h->kernel.positive) *y = places->count ? log(fabs(*y)) : fmin(*y, 4);
            }
    }
}

static sg_status gather(const sg_model *model, const double *theta, double *factor, herd *h) {
    const int d = model->space.d;
    const size_t bytes = sg_langevin_bytes(d);
    const uint64_t key = sg_model_law_key(model, theta, "pool");
    sg_places places = {0};
    h->kernel =
        (sg_langevin){.model = model, .theta = theta, .positive = model->space.shape == SG_ORTHANT, .factor = factor};
    sg_status status = sg_new(&h->memory, BLOCKS, bytes);
    if (status != SG_OK) return status;
    for (int b = 0; b < BLOCKS; b++) {
        sg_langevin_take(&h->kernel, (char *)h->memory + (size_t)b * bytes, &h->state[b]);
        sg_stream_open(&h->stream[b], key, SG_PURPOSE_START, (uint32_t)b);
    }
    for (int a = 0; a < d; a++) factor[a * d + a] = 1;
    if (model->family->places && d <= SG_CUBATURE_AXES) model->family->places(model, theta, &places);
    scatter(&places, h);
    restart(h);
    return SG_OK;
}

/* ------------------------------------------------------------------- warm-up */

/* Covariance of all chains, lower triangle in [d][d]. */
static void covariance_of(const herd *h, double *covariance) {
    const int d = h->kernel.model->space.d;
    double centred[2][B], mean[2];
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = 0;
            const int axis[] = {a, b};
            for (int k = 0; k < 2; k++) {
                mean[k] = 0;
                for (int c = 0; c < BLOCKS; c++)
                    for (int i = 0; i < B; i++) mean[k] += h->state[c].y[axis[k] * B + i] / POOL;
            }
            for (int c = 0; c < BLOCKS; c++) {
                for (int k = 0; k < 2; k++)
                    for (int i = 0; i < B; i++) centred[k][i] = h->state[c].y[axis[k] * B + i] - mean[k];
                for (int i = 0; i < B; i++) sum += centred[0][i] * centred[1][i] / POOL;
            }
            covariance[a * d + b] = sum;
        }
}

/* L of L L', in place; false when a pivot is not positive. */
static bool factorize(int d, double *a) {
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            double sum = a[i * d + j];
            for (int k = 0; k < j; k++) sum -= a[i * d + k] * a[j * d + k];
            if (i == j && !(sum > 0 && isfinite(sum))) return false;
            a[i * d + j] = i == j ? sqrt(sum) : sum / a[j * d + j];
        }
    return true;
}

static void set_steps(herd *h, double step) {
    for (int b = 0; b < BLOCKS; b++)
        for (int i = 0; i < B; i++) h->state[b].step[i] = step;
}

static sg_status warm_up(herd *h, double *step) {
    const int d = h->kernel.model->space.d;
    run(h, ALONE, true);
    *step = 1.2 / pow(d, 1.0 / 6);
    for (int round = 0; round < ROUNDS; round++) {
        covariance_of(h, h->kernel.factor);
        if (!factorize(d, h->kernel.factor))
            return sg_fail(SG_REFUSED, "the chains for %s do not move: their covariance is singular",
                           h->kernel.model->text);
        restart(h);
        for (int turn = 0; turn < TURNS; turn++) {
            set_steps(h, *step);
            const double share = (double)run(h, TURN, false) / (TURN * POOL);
            *step = fmin(fmax(*step * exp(0.6 * (share - ACCEPTANCE)), 1e-3), 3);
        }
    }
    set_steps(h, *step);
    return SG_OK;
}

/* ------------------------------------------------------- correlation times */

static sg_status refuse_mixing(const sg_model *model) {
    return sg_fail(SG_REFUSED,
                   "the chains for %s do not mix within %d steps a draw: take lower barriers, or a family with exact "
                   "draws",
                   model->text, THIN_MOST);
}

/* The largest integrated autocorrelation time of the first rows, in records, `stride` steps apart. */
static double longest_time(herd *h, const sg_space_statistics *s, int rows, int stride, sg_jet *jet, double *values,
                           double *records) {
    double longest = 0;
    for (int t = 0; t < RECORDS; t++) {
        for (int k = 0; k < stride; k++) (void)sg_langevin_step(&h->kernel, &h->stream[0], false, &h->state[0]);
        sg_space_statistics_at(s, jet, h->state[0].x, values);
        for (int r = 0; r < rows; r++) memcpy(records + (r * RECORDS + t) * B, values + r * B, B * sizeof(double));
    }
    for (int r = 0; r < rows; r++)
        longest = fmax(longest, sg_autocorrelation_time(B, RECORDS, records + r * RECORDS * B));
    return longest;
}

/* Steps after which correlations should be small enough. */
static sg_status guess_thin(herd *h, const sg_space_statistics *s, int *thin) {
    const int rows = s->rows < RECORDED_MOST ? s->rows : RECORDED_MOST;
    double *values = NULL, *records = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    sg_status status = sg_space_scratch_new(s, &arena, &jet);
    if (status == SG_OK) status = sg_new(&values, (size_t)s->rows * B, sizeof(double));
    if (status == SG_OK) status = sg_new(&records, (size_t)rows * RECORDS * B, sizeof(double));
    for (int stride = 1; status == SG_OK; stride *= 2) {
        const double time = longest_time(h, s, rows, stride, &jet, values, records);
        *thin = (int)fmin(ceil(FORGET * time * stride), THIN_MOST + 1);
        if (time <= RECORDS / 10.) break;
        if (stride * RECORDS > 4 * THIN_MOST) status = refuse_mixing(h->kernel.model);
    }
    if (status == SG_OK && *thin > THIN_MOST) status = refuse_mixing(h->kernel.model);
    sg_arena_delete(arena);
    sg_delete(values);
    sg_delete(records);
    return status;
}

/* ------------------------------------------------------------------- watching */

/* Values of all rows at all chains, before and after a draw's steps, and their sums. */
typedef struct {
    sg_space_statistics s;
    double *value[2];                      /* [BLOCKS][rows][B] */
    double *centre, *sum, *square, *cross; /* [rows], about centre */
    double *reference;                     /* [rows] means by another way; NaN: none */
    bool cubature;
} watch;

static void close_watch(watch *w) {
    double *const array[] = {w->value[0], w->value[1], w->centre, w->sum, w->square, w->cross, w->reference};
    for (int k = 0; k < 7; k++) sg_delete(array[k]);
}

static sg_status open_watch(const sg_model *model, const double *theta, watch *w) {
    w->s = sg_space_statistics_of(model, theta);
    const size_t rows = (size_t)w->s.rows;
    double **const array[] = {&w->centre, &w->sum, &w->square, &w->cross, &w->reference};
    sg_status status = sg_new(&w->value[0], rows * POOL, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->value[1], rows * POOL, sizeof(double));
    for (int k = 0; k < 5 && status == SG_OK; k++) status = sg_new(array[k], rows, sizeof(double));
    return status;
}

/* `steps` steps of all chains, and then the rows. */
static sg_status look(herd *h, int steps, const sg_space_statistics *s, double *value) {
    sg_status worst = SG_OK;
#pragma omp parallel
    {
        sg_arena *arena = NULL;
        sg_jet jet;
        const sg_status status = sg_space_scratch_new(s, &arena, &jet);
#pragma omp for schedule(static)
        for (int b = 0; b < BLOCKS; b++) {
            for (int k = 0; k < steps; k++) (void)sg_langevin_step(&h->kernel, &h->stream[b], false, &h->state[b]);
            if (status == SG_OK) sg_space_statistics_at(s, &jet, h->state[b].x, value + (size_t)b * s->rows * B);
        }
        if (status != SG_OK)
#pragma omp critical(sg_space_sampler)
            worst = status;
        sg_arena_delete(arena);
    }
    return worst == SG_OK ? SG_OK : sg_fail(worst, "memory for chains of %s is exhausted", s->model->text);
}

static void add_pair(const watch *w, const double *before, const double *after) {
    for (int b = 0; b < BLOCKS; b++)
        for (int r = 0; r < w->s.rows; r++, before += B, after += B) {
            const double c = w->centre[r];
            double sum = 0, square = 0, cross = 0;
#pragma omp simd reduction(+ : sum, square, cross)
            for (int i = 0; i < B; i++) {
                const double y = after[i] - c;
                sum += y;
                square += y * y;
                cross += y * (before[i] - c);
            }
            w->sum[r] += sum, w->square[r] += square, w->cross[r] += cross;
        }
}

static void pool_means(const watch *w, const double *value, double *mean) {
    memset(mean, 0, (size_t)w->s.rows * sizeof *mean);
    for (int b = 0; b < BLOCKS; b++)
        for (int r = 0; r < w->s.rows; r++)
            for (int i = 0; i < B; i++) mean[r] += value[((size_t)b * w->s.rows + r) * B + i] / POOL;
}

/* The largest correlation over `thin` steps, of PAIRS pairs of each chain; the last values stand in value[0]. */
static sg_status correlate(herd *h, int thin, watch *w, double *correlation) {
    const size_t bytes = (size_t)w->s.rows * sizeof(double);
    const double n = (double)PAIRS * POOL;
    sg_status status = look(h, BURN * thin, &w->s, w->value[0]);
    *correlation = 0;
    pool_means(w, w->value[0], w->centre);
    memset(w->sum, 0, bytes), memset(w->square, 0, bytes), memset(w->cross, 0, bytes);
    for (int k = 0; k < PAIRS && status == SG_OK; k++) {
        status = look(h, thin, &w->s, w->value[1]);
        if (status == SG_OK) add_pair(w, w->value[0], w->value[1]);
        double *swap = w->value[0];
        w->value[0] = w->value[1], w->value[1] = swap;
    }
    for (int r = 0; r < w->s.rows; r++) {
        const double mean = w->sum[r] / n, variance = w->square[r] / n - mean * mean;
        if (variance > 0) *correlation = fmax(*correlation, (w->cross[r] / n - mean * mean) / variance);
    }
    return status;
}

/* -------------------------------------------------------------------- checks */

/* Means by cubature, where there is one and it succeeds; zeros. */
static sg_status find_references(watch *w) {
    const sg_model *model = w->s.model;
    const int full = model->full, d = model->space.d;
    double weight[B];
    sg_nodes *nodes = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    for (int r = 0; r < w->s.rows; r++) w->reference[r] = r < w->s.rows - w->s.nulls ? NAN : 0;
    sg_status status = sg_nodes_rough(model, w->s.theta, &nodes);
    if (status != SG_OK) return status == SG_NO_MEMORY ? status : SG_OK;
    status = sg_arena_new(sg_jet_bytes(full, d, SG_DT) + (size_t)d * B * sizeof(double), &arena);
    if (status == SG_OK) status = sg_jet_take(arena, full, d, SG_DT, &jet);
    if (status != SG_OK) goto out;
    sg_block block = {.x = sg_arena_take(arena, (size_t)d * B, sizeof(double))};
    memset(w->reference, 0, (size_t)full * sizeof(double));
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        model->family->jet(model, w->s.theta, &block, &jet);
        for (int j = 0; j < full; j++)
            for (int i = 0; i < block.n; i++) w->reference[j] += weight[i] * jet.dt[j * B + i];
    }
    w->cubature = true;
out:
    sg_arena_delete(arena);
    sg_nodes_delete(nodes);
    return status;
}

/*
 * Means over all pairs against the references; and the bias of a draw: what the pool is off by, in standard deviations,
 * and the share of it that a draw remembers.
 */
static sg_status check_means(const watch *w, double *pool_mean, double *error) {
    const double n = (double)PAIRS * POOL;
    pool_means(w, w->value[0], pool_mean);
    *error = 0;
    for (int r = 0; r < w->s.rows; r++) {
        const double mean = w->sum[r] / n, deviation = sqrt(w->square[r] / n - mean * mean);
        const bool known = !isnan(w->reference[r]);
        if (!(deviation > 0)) continue;
        const double off = w->centre[r] + mean - w->reference[r];
        if (known && !(fabs(off) < CONTRADICTION * deviation / sqrt(n)))
            return sg_fail(SG_REFUSED,
                           "the chains for %s contradict %s: the mean of watched statistic %d is off by %.2g standard "
                           "errors",
                           w->s.model->text, r < w->s.model->full ? "cubature" : "an identity of its law", r + 1,
                           off / (deviation / sqrt(n)));
        const double away = pool_mean[r] - (known ? w->reference[r] : w->centre[r] + mean);
        *error = fmax(*error, SG_SPACE_CORRELATION * fabs(away) / deviation);
    }
    return SG_OK;
}

/* -------------------------------------------------------------------- sampler */

static sg_status choose_thin(herd *h, watch *w, sg_space_sampler *sampler) {
    double correlation;
    sg_status status = guess_thin(h, &w->s, &sampler->thin);
    while (status == SG_OK) {
        status = correlate(h, sampler->thin, w, &correlation);
        if (status != SG_OK || correlation < SG_SPACE_CORRELATION) break;
        sampler->thin += sampler->thin / 2 + 1;
        if (sampler->thin > THIN_MOST) status = refuse_mixing(h->kernel.model);
    }
    return status;
}

static sg_status fill(const sg_model *model, sg_space_sampler *sampler) {
    const size_t d = (size_t)model->space.d;
    herd h = {0};
    watch w = {0};
    sg_status status = gather(model, sampler->theta, sampler->factor, &h);
    if (status == SG_OK) status = warm_up(&h, &sampler->step);
    if (status == SG_OK) status = open_watch(model, sampler->theta, &w);
    if (status == SG_OK) status = choose_thin(&h, &w, sampler);
    if (status == SG_OK) status = find_references(&w);
    if (status == SG_OK) status = check_means(&w, w.cross, &sampler->error);
    if (status == SG_OK) status = sg_new(&sampler->pool, d * POOL, sizeof(double));
    for (size_t a = 0; a < d && status == SG_OK; a++)
        for (int b = 0; b < BLOCKS; b++)
            memcpy(sampler->pool + a * POOL + b * B, h.state[b].y + a * B, B * sizeof(double));
    sampler->kernel = h.kernel;
    snprintf(
        sampler->method, sizeof sampler->method,
        "Langevin chains with Metropolis's correction, %d steps a draw; correlations below %g, means checked by %s",
        sampler->thin, SG_SPACE_CORRELATION, w.cubature ? "cubature" : "identities");
    close_watch(&w);
    sg_delete(h.memory);
    return status;
}

sg_status sg_space_sampler_new(const sg_model *model, const double *theta, sg_space_sampler **sampler) {
    const size_t d = (size_t)model->space.d, full = (size_t)model->full;
    sg_space_sampler *made = NULL;
    *sampler = NULL;
    if (model->space.shape != SG_RD && model->space.shape != SG_ORTHANT)
        return sg_fail(SG_REFUSED, "%s has no sampler: chains run on R^d and on the orthant", model->text);
    sg_status status = sg_model_check(model, theta);
    if (status == SG_OK) status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = sg_new(&made->theta, full, sizeof(double));
    if (status == SG_OK) status = sg_new(&made->factor, d * d, sizeof(double));
    if (status == SG_OK) status = sg_past_scratch_new(sg_langevin_bytes((int)d), &made->scratch);
    if (status == SG_OK) {
        memcpy(made->theta, theta, full * sizeof(double));
        status = fill(model, made);
    }
    if (status == SG_OK)
        *sampler = made;
    else
        sg_space_sampler_delete(made);
    return status;
}

void sg_space_sampler_delete(sg_space_sampler *sampler) {
    if (!sampler) return;
    sg_past_scratch_free(&sampler->scratch);
    sg_delete(sampler->theta);
    sg_delete(sampler->factor);
    sg_delete(sampler->pool);
    sg_delete(sampler);
}

/* All chains of the block run whatever its n: a point does not depend on it. */
void sg_space_sampler_draw(const sg_space_sampler *sampler, sg_stream *stream, sg_block *block) {
    const int d = sampler->kernel.model->space.d;
    uint32_t from[B];
    int which;
    sg_langevin_state s;
    sg_langevin_take(&sampler->kernel, sg_past_scratch_take(&sampler->scratch, &which), &s);
    sg_stream_words(stream, B, from);
    for (int a = 0; a < d; a++)
        for (int i = 0; i < B; i++) s.y[a * B + i] = sampler->pool[(size_t)a * POOL + from[i] % POOL];
    for (int i = 0; i < B; i++) s.step[i] = sampler->step;
    sg_langevin_start(&sampler->kernel, &s);
    for (int k = 0; k < sampler->thin; k++) (void)sg_langevin_step(&sampler->kernel, stream, false, &s);
    for (int a = 0; a < d; a++) memcpy(block->x + a * B, s.x + a * B, (size_t)block->n * sizeof(double));
    sg_past_scratch_give(&sampler->scratch, which);
}

double sg_space_sampler_error(const sg_space_sampler *sampler) {
    return sampler->error;
}

const char *sg_space_sampler_method(const sg_space_sampler *sampler) {
    return sampler->method;
}
