#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/spin-sampler-past.h"

/* Points that go together, with numbers of their own at each time and site. */
enum {
    B = SG_BLOCK,
    G = 64,
    COUNTERS = B / 2,
    ALIKE_MOST = 127,
    MULTIPLE = 8,
    SITES_MOST = 1 << 17,
    SWEEPS_LEAST = 64
};
static const double CHAIN_WORK = 0x1p20; /* of the trial of chains: sweeps times sites and neighbours of sites */
static const double HARD = 1e9;          /* in place of infinity: beyond any log of a number in (0,1) */
static const double LEVEL = 0.05;        /* at which no pair of the trial being late bounds how many are */

/* log-odds of state 1 at site i: base[i] + sum of weight over the neighbours in state 1. */
struct sg_past_sites {
    int d;
    int *start, *neighbour; /* [d + 1], [start[d]] */
    double *weight, *base;  /* [start[d]], [d] */
    /* [d] Where all weights of a site are equal: probability[start[i] + i + k] of state 1 at k neighbours in state 1.
     */
    bool *alike;
    double *probability; /* [start[d] + d] */
    bool exact;
    long long sweeps; /* of the first run, or of the chain */
    sg_past_scratch scratch;
};

void sg_past_sites_delete(sg_past_sites *s) {
    if (!s) return;
    sg_delete(s->start);
    sg_delete(s->neighbour);
    sg_delete(s->weight);
    sg_delete(s->base);
    sg_delete(s->alike);
    sg_delete(s->probability);
    sg_past_scratch_free(&s->scratch);
    sg_delete(s);
}

long long sg_past_sites_sweeps(const sg_past_sites *s) {
    return s->sweeps;
}

void sg_past_sites_begin(sg_past_sites *s, long long sweeps) {
    s->sweeps = sweeps;
}

/*
 * If pairs from any starts are apart after one meeting time of the trial with probability a, they are after eight with
 * a^8; of G pairs none was.
 */
double sg_past_sites_error(const sg_past_sites *s) {
    return s->exact ? 0 : pow(1 - pow(LEVEL, 1.0 / G), MULTIPLE);
}

/* ---------------------------------------------------------------- the pairs */

/* What the site gains by state 1, while its neighbour is in state 0 and more while it is in state 1. */
static sg_status gain_of(const double *t, bool second, double *without, double *with) {
    *without = second ? t[2] - t[0] : t[1] - t[0];
    *with = second ? t[3] - t[1] : t[3] - t[2];
    if (*with == -INFINITY) *with = -HARD;
    if (fabs(*without) < HARD && fabs(*with) <= HARD) return SG_OK;
    return sg_fail(SG_REFUSED, "the hard constraints are others than two neighbours that are not both in state 1");
}

static sg_status add_end(const sg_spin_pairs *p, int e, bool second, sg_past_sites *s) {
    const int site = second ? p->j[e] : p->i[e], at = s->start[site]++;
    double without, with;
    sg_status status = gain_of(p->table + 4 * (size_t)e, second, &without, &with);
    if (status != SG_OK) return status;
    s->neighbour[at] = second ? p->i[e] : p->j[e];
    s->weight[at] = with == -HARD ? with : with - without;
    s->base[site] += without;
    return SG_OK;
}

static void find_alike(sg_past_sites *s) {
    for (int i = 0; i < s->d; i++) {
        const int from = s->start[i], to = s->start[i + 1];
        s->alike[i] = to - from <= ALIKE_MOST;
        for (int a = from + 1; a < to; a++) s->alike[i] = s->alike[i] && s->weight[a] == s->weight[from];
        for (int k = 0; s->alike[i] && k <= to - from; k++)
            s->probability[from + i + k] = 1 / (1 + exp(-s->base[i] - (k ? k * s->weight[from] : 0)));
    }
}

static sg_status fill(const sg_spin_pairs *p, sg_past_sites *s) {
    const size_t d = (size_t)p->d, ends = 2 * (size_t)p->count;
    s->d = p->d;
    sg_status status = sg_new(&s->start, d + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->neighbour, ends + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->weight, ends + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->base, d, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->alike, d, sizeof(bool));
    if (status == SG_OK) status = sg_new(&s->probability, ends + d, sizeof(double));
    if (status == SG_OK) status = sg_past_scratch_new(2 * d * G, &s->scratch);
    if (status != SG_OK) return status;
    memcpy(s->base, p->field, d * sizeof(double));
    for (int e = 0; e < p->count; e++) {
        s->start[p->i[e] + 1]++;
        s->start[p->j[e] + 1]++;
    }
    for (size_t i = 0; i < d; i++) s->start[i + 1] += s->start[i];
    for (int e = 0; e < p->count && status == SG_OK; e++) {
        status = add_end(p, e, false, s);
        if (status == SG_OK) status = add_end(p, e, true, s);
    }
    memmove(s->start + 1, s->start, d * sizeof(int));
    s->start[0] = 0;
    find_alike(s);
    return status;
}

/* ------------------------------------------------------------------ a sweep */

static void add_bits(const int8_t *restrict x, int8_t *restrict sum) {
#pragma omp simd
    for (int k = 0; k < G; k++) sum[k] = (int8_t)(sum[k] + x[k]);
}

static void add_weighted(double weight, const int8_t *restrict x, double *restrict odds) {
#pragma omp simd
    for (int k = 0; k < G; k++) odds[k] += weight * x[k];
}

/* u becomes its log-odds: P(logit u < odds) is the probability of state 1. */
static void to_log_odds(double *restrict u) {
#pragma omp simd
    for (int k = 0; k < G; k++) u[k] = log(u[k] / (1 - u[k]));
}

static void decide(const double *restrict level, const double *restrict odds, int8_t *restrict x) {
#pragma omp simd
    for (int k = 0; k < G; k++) x[k] = level[k] < odds[k];
}

static void decide_by_count(const double *restrict u, const double *restrict probability, const int8_t *restrict count,
                            int8_t *restrict x) {
#pragma omp simd
    for (int k = 0; k < G; k++) x[k] = u[k] < probability[count[k]];
}

/* A bound at a site, from the same bound of neighbours that attract and from the other of those that repel. */
static void decide_site(const sg_past_sites *s, int site, const double *u, const int8_t *same, const int8_t *other,
                        int8_t *x) {
    const int from = s->start[site], to = s->start[site + 1];
    if (s->alike[site]) {
        int8_t count[G] = {0};
        const int8_t *y = from < to && s->weight[from] < 0 ? other : same;
        for (int a = from; a < to; a++) add_bits(y + (size_t)s->neighbour[a] * G, count);
        decide_by_count(u, s->probability + from + site, count, x);
        return;
    }
    double odds[G];
    for (int k = 0; k < G; k++) odds[k] = s->base[site];
    for (int a = from; a < to; a++)
        add_weighted(s->weight[a], (s->weight[a] < 0 ? other : same) + (size_t)s->neighbour[a] * G, odds);
    decide(u, odds, x);
}

static uint64_t counter_of(const sg_past_sites *s, long long time, int site, int group) {
    return ((uint64_t)time * (uint64_t)s->d + (uint64_t)site) * COUNTERS + (uint64_t)group * (G / 2);
}

/* The sweep `time` sweeps before the last one.  `bounds`: two bounds; otherwise two chains, or one (upper NULL). */
static void sweep(const sg_past_sites *s, sg_past_numbers *r, int group, long long time, bool bounds, int8_t *lower,
                  int8_t *upper) {
    double u[G];
    for (int i = 0; i < s->d; i++) {
        sg_past_uniform(r, counter_of(s, time, i, group), G, u);
        if (!s->alike[i]) to_log_odds(u);
        decide_site(s, i, u, lower, bounds && upper ? upper : lower, lower + (size_t)i * G);
        if (upper) decide_site(s, i, u, upper, bounds ? lower : upper, upper + (size_t)i * G);
    }
}

static bool met(const sg_past_sites *s, const int8_t *lower, const int8_t *upper) {
    return memcmp(lower, upper, (size_t)s->d * G) == 0;
}

/* From all bounds `sweeps` back until now; once they have met one chain is enough. */
static bool run(const sg_past_sites *s, sg_past_numbers *r, int group, long long sweeps, int8_t *lower, int8_t *upper) {
    const size_t size = (size_t)s->d * G;
    bool together = false;
    memset(lower, 0, size);
    memset(upper, 1, size);
    for (long long time = sweeps - 1; time >= 0; time--) {
        sweep(s, r, group, time, true, lower, together ? NULL : upper);
        together = together || met(s, lower, upper);
    }
    return together;
}

/* Independent sites, each state with probability 1/2. */
static void scatter(const sg_past_sites *s, sg_past_numbers *r, int group, long long time, int8_t *x) {
    double u[G];
    for (int i = 0; i < s->d; i++) {
        sg_past_uniform(r, counter_of(s, time, i, group), G, u);
        for (int k = 0; k < G; k++) x[(size_t)i * G + (size_t)k] = u[k] < 0.5;
    }
}

/* ------------------------------------------------------------------- trials */

static sg_status refuse(const sg_past_sites *s, long long sweeps) {
    return sg_fail(SG_REFUSED, "%s of %d sites had not met after %lld sweeps, the most that are tried",
                   s->exact ? "the bounds" : "chains from different starts", s->d, sweeps);
}

static double sweep_work(const sg_past_sites *s) {
    return (double)s->d + s->start[s->d];
}

static sg_status try_bounds(sg_past_sites *s, double work, int8_t *lower, int8_t *upper) {
    sg_past_numbers r = sg_past_numbers_trial(0);
    const double most = fmax(work / sweep_work(s), SWEEPS_LEAST);
    for (s->sweeps = 1; (double)s->sweeps <= most; s->sweeps *= 2)
        if (run(s, &r, 0, s->sweeps, lower, upper)) return SG_OK;
    return refuse(s, s->sweeps / 2);
}

/* Half of the pairs from all sites in one state, half from random states and their opposites. */
static sg_status try_chains(sg_past_sites *s, int8_t *lower, int8_t *upper) {
    sg_past_numbers r = sg_past_numbers_trial(0);
    const long long most = (long long)(CHAIN_WORK / sweep_work(s));
    scatter(s, &r, 0, most, lower);
    for (int i = 0; i < s->d; i++)
        for (int k = 0; k < G; k++) {
            const size_t at = (size_t)i * G + (size_t)k;
            if (k % 2) lower[at] = 0;
            upper[at] = !lower[at];
        }
    for (long long time = most - 1; time >= 0; time--) {
        sweep(s, &r, 0, time, false, lower, upper);
        if (!met(s, lower, upper)) continue;
        s->sweeps = MULTIPLE * (most - time);
        return SG_OK;
    }
    return refuse(s, most);
}

sg_status sg_past_sites_new(const sg_spin_pairs *pairs, double work, sg_past_sites **sampler) {
    sg_past_sites *made = NULL;
    int which;
    *sampler = NULL;
    if (pairs->q != 2 || pairs->d > SITES_MOST)
        return sg_fail(SG_REFUSED, "bounds of single sites need two states a site and at most %d sites",
                       (int)SITES_MOST);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = fill(pairs, made);
    if (status == SG_OK) {
        int8_t *lower = sg_past_scratch_take(&made->scratch, &which), *upper = lower + (size_t)made->d * G;
        made->exact = work > 0;
        status = made->exact ? try_bounds(made, work, lower, upper) : try_chains(made, lower, upper);
        sg_past_scratch_give(&made->scratch, which);
    }
    if (status != SG_OK) {
        sg_past_sites_delete(made);
        return status;
    }
    *sampler = made;
    return SG_OK;
}

/* -------------------------------------------------------------------- draws */

static void draw_group(const sg_past_sites *s, sg_past_numbers *r, int group, int8_t *lower, int8_t *upper) {
    if (s->exact) {
        for (long long sweeps = s->sweeps; !run(s, r, group, sweeps, lower, upper);) sweeps *= 2;
        return;
    }
    scatter(s, r, group, s->sweeps, lower);
    for (long long time = s->sweeps - 1; time >= 0; time--) sweep(s, r, group, time, false, lower, NULL);
}

void sg_past_sites_draw(const sg_past_sites *s, sg_stream *stream, sg_block *block) {
    int which;
    int8_t *lower = sg_past_scratch_take(&s->scratch, &which), *upper = lower + (size_t)s->d * G;
    sg_past_numbers r = sg_past_numbers_of(stream, B);
    for (int first = 0; first < block->n; first += G) {
        const int n = block->n - first < G ? block->n - first : G;
        draw_group(s, &r, first / G, lower, upper);
        for (int i = 0; i < s->d; i++)
            for (int k = 0; k < n; k++)
                block->x[(size_t)i * B + (size_t)(first + k)] = lower[(size_t)i * G + (size_t)k] ? 1 : -1;
    }
    sg_past_scratch_give(&s->scratch, which);
    stream->index += B / 2;
}
