/*
 * Heat-bath sweeps of any model on a finite set by its factors, 64 points together.  In the trial two chains choose the
 * same state with the largest probability that there is for it.
 */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/spin-sampler-past.h"

enum { B = SG_BLOCK, G = 64, COUNTERS = B / 2, MULTIPLE = 8, STATES_MOST = 64 };
static const double WORK = 0x1p23; /* of the trial: sweeps times the entries of tables at a site; a second or so */
static const double LEVEL = 0.05;  /* at which no pair of the trial being late bounds how many are */

/* A factor as a site sees it: its other sites with their strides, and its own. */
typedef struct {
    const double *log_p;
    int others, first; /* in `other` and `stride` */
    int32_t own;
} view;

struct sg_past_chain {
    int d, q;
    sg_factors *factors;
    int *start; /* [d + 1] */
    view *view; /* [start[d]] */
    int *other;
    int32_t *stride;
    long long sweeps;
    sg_past_scratch scratch;
};

typedef struct {
    uint8_t *x, *y; /* [d][G] */
    double *p, *r;  /* [q][G] */
} room;

void sg_past_chain_delete(sg_past_chain *s) {
    if (!s) return;
    sg_factors_delete(s->factors);
    sg_delete(s->start);
    sg_delete(s->view);
    sg_delete(s->other);
    sg_delete(s->stride);
    sg_past_scratch_free(&s->scratch);
    sg_delete(s);
}

long long sg_past_chain_sweeps(const sg_past_chain *s) {
    return s->sweeps;
}

/*
 * If pairs from any starts are apart after one meeting time of the trial with probability a, they are after eight with
 * a^8; of G pairs none was.
 */
double sg_past_chain_error(const sg_past_chain *s) {
    (void)s;
    return pow(1 - pow(LEVEL, 1.0 / G), MULTIPLE);
}

/* ------------------------------------------------------------------ the factors */

static sg_status check(const sg_factors *f) {
    if (f->q > STATES_MOST)
        return sg_fail(SG_REFUSED, "the heat bath takes at most %d states a site, and there are %d", (int)STATES_MOST,
                       f->q);
    for (int k = 0; k < f->count; k++) {
        double size = 1;
        for (int a = 0; a < f->factor[k].sites; a++) size *= f->q;
        for (size_t i = 0; i < (size_t)size; i++)
            if (!isfinite(f->factor[k].log_p[i]))
                return sg_fail(SG_REFUSED, "hard constraints may keep the heat bath in a part of the states");
    }
    return SG_OK;
}

static void list_views(sg_past_chain *s) {
    const sg_factors *f = s->factors;
    int next = 0;
    for (int k = 0; k < f->count; k++)
        for (int a = 0; a < f->factor[k].sites; a++) {
            const sg_factor *factor = &f->factor[k];
            view *v = &s->view[s->start[factor->site[a] + 1]++];
            *v = (view){.log_p = factor->log_p, .first = next, .others = factor->sites - 1};
            int32_t power = 1;
            for (int b = 0; b < factor->sites; b++, power *= f->q) {
                if (b == a) {
                    v->own = power;
                    continue;
                }
                s->other[next] = factor->site[b];
                s->stride[next++] = power;
            }
        }
}

/* Views of all factors, and the entries that a sweep looks at. */
static sg_status fill(sg_past_chain *s, double *work) {
    const sg_factors *f = s->factors;
    size_t views = 0, others = 0;
    for (int k = 0; k < f->count; k++) {
        views += (size_t)f->factor[k].sites;
        others += (size_t)f->factor[k].sites * (size_t)f->factor[k].sites;
    }
    const size_t d = (size_t)f->d, bytes = 2 * d * G + 2 * (size_t)f->q * G * sizeof(double);
    sg_status status = sg_new(&s->start, d + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->view, views + 1, sizeof *s->view);
    if (status == SG_OK) status = sg_new(&s->other, others + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->stride, others + 1, sizeof *s->stride);
    if (status == SG_OK) status = sg_past_scratch_new(bytes, &s->scratch);
    if (status != SG_OK) return status;
    for (int k = 0; k < f->count; k++)
        for (int a = 0; a < f->factor[k].sites; a++) s->start[f->factor[k].site[a] + 2]++;
    for (size_t i = 0; i < d; i++) s->start[i + 2] += s->start[i + 1];
    list_views(s);
    *work = (double)f->q * (double)(d + views + others);
    return SG_OK;
}

/* ---------------------------------------------------------------------- a sweep */

static room room_at(const sg_past_chain *s, void *memory) {
    room w = {.p = memory};
    w.r = w.p + (size_t)s->q * G;
    w.x = (uint8_t *)(w.r + (size_t)s->q * G);
    w.y = w.x + (size_t)s->d * G;
    return w;
}

static void add_view(const sg_past_chain *s, const view *v, const uint8_t *x, double *restrict log_p) {
    int32_t index[G] = {0};
    for (int b = v->first; b < v->first + v->others; b++) {
        const uint8_t *restrict state = x + (size_t)s->other[b] * G;
        const int32_t stride = s->stride[b];
#pragma omp simd
        for (int k = 0; k < G; k++) index[k] += stride * state[k];
    }
    for (int t = 0; t < s->q; t++) {
        const double *restrict table = v->log_p + (size_t)t * (size_t)v->own;
        double *restrict to = log_p + (size_t)t * G;
#pragma omp simd
        for (int k = 0; k < G; k++) to[k] += table[index[k]];
    }
}

/* Probabilities p [q][G] of the states of a site given the others. */
static void condition(const sg_past_chain *s, int site, const uint8_t *x, double *restrict p) {
    double top[G], sum[G] = {0};
    memset(p, 0, (size_t)s->q * G * sizeof(double));
    for (int a = s->start[site]; a < s->start[site + 1]; a++) add_view(s, &s->view[a], x, p);
    memcpy(top, p, sizeof top);
    for (int t = 1; t < s->q; t++)
        for (int k = 0; k < G; k++) top[k] = p[t * G + k] > top[k] ? p[t * G + k] : top[k];
    for (int t = 0; t < s->q; t++) {
        double *restrict own = p + (size_t)t * G;
#pragma omp simd
        for (int k = 0; k < G; k++) {
            own[k] = exp(own[k] - top[k]);
            sum[k] += own[k];
        }
    }
    for (int t = 0; t < s->q; t++)
        for (int k = 0; k < G; k++) p[t * G + k] /= sum[k];
}

/* The first state whose cumulative weight exceeds u. */
static uint8_t choose(int q, const double *weight, double u) {
    int t = 0;
    for (; t < q - 1 && u >= weight[t * G]; t++) u -= weight[t * G];
    return (uint8_t)t;
}

/* What two laws share is chosen for both; the rest, of the same size in each, by the same number. */
static void choose_two(int q, double *p, double *r, double u, uint8_t *x, uint8_t *y) {
    double shared = 0;
    for (int t = 0; t < q; t++) {
        const double both = fmin(p[t * G], r[t * G]);
        if (u >= shared && u < shared + both) {
            *x = *y = (uint8_t)t;
            return;
        }
        shared += both;
    }
    for (int t = 0; t < q; t++) {
        const double both = fmin(p[t * G], r[t * G]);
        p[t * G] -= both;
        r[t * G] -= both;
    }
    *x = choose(q, p, u - shared);
    *y = choose(q, r, u - shared);
}

static uint64_t counter_of(const sg_past_chain *s, long long time, int site, int group) {
    return ((uint64_t)time * (uint64_t)s->d + (uint64_t)site) * COUNTERS + (uint64_t)group * (G / 2);
}

/* The sweep `time` sweeps before the last one, of one chain or of two. */
static void sweep(const sg_past_chain *s, sg_past_numbers *numbers, int group, long long time, bool two, room *w) {
    double u[G];
    for (int i = 0; i < s->d; i++) {
        uint8_t *x = w->x + (size_t)i * G, *y = w->y + (size_t)i * G;
        sg_past_uniform(numbers, counter_of(s, time, i, group), G, u);
        condition(s, i, w->x, w->p);
        if (two) condition(s, i, w->y, w->r);
        for (int k = 0; k < G && two; k++) choose_two(s->q, w->p + k, w->r + k, u[k], &x[k], &y[k]);
        for (int k = 0; k < G && !two; k++) x[k] = choose(s->q, w->p + k, u[k]);
    }
}

/* Independent sites, each state as likely. */
static void scatter(const sg_past_chain *s, sg_past_numbers *numbers, int group, long long time, uint8_t *x) {
    double u[G];
    for (int i = 0; i < s->d; i++) {
        sg_past_uniform(numbers, counter_of(s, time, i, group), G, u);
        for (int k = 0; k < G; k++) x[(size_t)i * G + (size_t)k] = (uint8_t)(u[k] * s->q);
    }
}

/* --------------------------------------------------------------------- the trial */

/* Half of the pairs from all sites in one state and in another, half from random states and others at each site. */
static sg_status try_pairs(sg_past_chain *s, double work, room *w) {
    sg_past_numbers numbers = sg_past_numbers_trial(0);
    const long long most = (long long)fmax(1, WORK / work);
    scatter(s, &numbers, 0, most, w->x);
    for (int i = 0; i < s->d; i++)
        for (int k = 0; k < G; k++) {
            const size_t at = (size_t)i * G + (size_t)k;
            if (k % 2) w->x[at] = (uint8_t)(k / 2 % s->q);
            w->y[at] = (uint8_t)((w->x[at] + 1 + k / 2 % (s->q - 1)) % s->q);
        }
    for (long long time = most - 1; time >= 0; time--) {
        sweep(s, &numbers, 0, time, true, w);
        if (memcmp(w->x, w->y, (size_t)s->d * G) != 0) continue;
        s->sweeps = MULTIPLE * (most - time);
        return SG_OK;
    }
    return sg_fail(SG_REFUSED,
                   "chains from different starts of %d sites had not met after %lld sweeps, the most that "
                   "are tried",
                   s->d, most);
}

sg_status sg_past_chain_new(const sg_model *model, const double *theta, sg_past_chain **sampler) {
    sg_past_chain *made = NULL;
    double work = 0;
    int which;
    *sampler = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = sg_model_factors(model, theta, &made->factors);
    if (status == SG_OK) status = check(made->factors);
    if (status == SG_OK) {
        made->d = made->factors->d;
        made->q = made->factors->q;
        status = fill(made, &work);
    }
    if (status == SG_OK) {
        room w = room_at(made, sg_past_scratch_take(&made->scratch, &which));
        status = try_pairs(made, work, &w);
        sg_past_scratch_give(&made->scratch, which);
    }
    if (status != SG_OK) {
        sg_past_chain_delete(made);
        return status;
    }
    *sampler = made;
    return SG_OK;
}

/* -------------------------------------------------------------------- draws */

void sg_past_chain_draw(const sg_past_chain *s, sg_stream *stream, sg_block *block) {
    int which;
    room w = room_at(s, sg_past_scratch_take(&s->scratch, &which));
    sg_past_numbers numbers = sg_past_numbers_of(stream, B);
    for (int first = 0; first < block->n; first += G) {
        const int n = block->n - first < G ? block->n - first : G;
        scatter(s, &numbers, first / G, s->sweeps, w.x);
        for (long long time = s->sweeps - 1; time >= 0; time--) sweep(s, &numbers, first / G, time, false, &w);
        for (int i = 0; i < s->d; i++)
            for (int k = 0; k < n; k++) {
                const int state = w.x[(size_t)i * G + (size_t)k];
                block->x[(size_t)i * B + (size_t)(first + k)] = s->q == 2 ? 2 * state - 1 : state;
            }
    }
    sg_past_scratch_give(&s->scratch, which);
    stream->index += B / 2;
}
