/*
 * Dynamics on n sites that do not tell them apart: all starts up to permutations of the sites.  From `ones` ones the
 * pair (ones among those, ones among the others) is a Markov chain.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evolve.h"
#include "finite.h"
#include "spectrum/finite.h"

#define SLACK 1e-9 /* relative, beyond the latest crossing: starts that are alike are then near */

/*
 * (a, b), a of 0..ones still or again among those, b of 0..rest among the others, at (a + 1) width + b + 1: a border of
 * zeros saves the loops their ends.
 */
typedef struct {
    const sg_exchange *dynamics;
    int n, ones, rest;
    size_t width;
    double *stay, *rise, *fall;  /* [n + 1] over q, by the ones after the jump: of those that were there, one less, one
                                    more */
    double *free_sites, *raised; /* [n + 2] n - i and i + 1, numbers for the loops */
    double *log_law;             /* [n + 1] of the number of ones */
    double q;
    bool mirrored; /* exchanging ones and zeros changes nothing */
    double *pi;    /* of the pairs, room for the largest */
    sg_rows_of_rates rows;
    sg_flow flow;
    sg_trail trail;
} pairs;

static size_t place(const pairs *p, int a, int b) {
    return (size_t)(a + 1) * p->width + (size_t)b + 1;
}

static void release(pairs *p) {
    double *part[] = {p->stay, p->rise, p->fall, p->free_sites, p->raised, p->log_law, p->pi};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_rows_of_rates_delete(&p->rows);
    sg_trail_delete(&p->trail);
}

/* ------------------------------------------------------------- single flips */

static void jump(const void *context, const double *in, double *out) {
    const pairs *p = context;
    const double *free_there = p->free_sites + (p->n - p->rest), *raised = p->raised;
    for (int a = 0; a <= p->ones; a++) {
        const double *stay = p->stay + a, *rise = p->rise + a, *fall = p->fall + a;
        const double *here = in + place(p, a, 0), *before = here - p->width, *after = here + p->width;
        const double free_here = p->ones + 1 - a, set_here = a + 1;
        double *to = out + place(p, a, 0);
#pragma omp simd
        for (int b = 0; b <= p->rest; b++)
            to[b] = here[b] * stay[b] + rise[b] * (here[b - 1] * free_there[b] + before[b] * free_here) +
                    fall[b] * (here[b + 1] * raised[b] + after[b] * set_here);
    }
}

static void fill_flips(const sg_birth_death *chain, pairs *p) {
    const int n = p->n;
    p->q = 0;
    for (int s = 0; s <= n; s++) {
        const double up = s < n ? exp(chain->log_up[s]) : 0, down = s > 0 ? exp(chain->log_down[s - 1]) : 0;
        p->stay[s] = up + down;
        p->q = fmax(p->q, up + down);
    }
    for (int s = 0; s <= n; s++) {
        p->stay[s] = 1 - p->stay[s] / p->q;
        p->rise[s] = s > 0 ? exp(chain->log_up[s - 1]) / ((n - s + 1) * p->q) : 0;
        p->fall[s] = s < n ? exp(chain->log_down[s]) / ((s + 1) * p->q) : 0;
    }
    p->mirrored = true;
    for (int s = 0; s < n; s++) {
        const double u = chain->log_up[s], v = chain->log_down[n - 1 - s];
        p->mirrored = p->mirrored && fabs(u - v) <= 1e-13 * (1 + fabs(u));
    }
}

/* ------------------------------------------------------------------- blocks */

static double choose(int n, int k) {
    double value = 1;
    for (int i = 1; i <= k; i++) value = value * (n - k + i) / i;
    return k < 0 || k > n ? 0 : value;
}

/* How many ones a block of k sites gets beside `outside` ones elsewhere: law [k + 1]. */
static void block_law(const sg_exchange *e, int outside, double *law) {
    double top = -INFINITY, sum = 0;
    for (int r = 0; r <= e->block; r++) top = fmax(top, e->log_p[outside + r]);
    for (int r = 0; r <= e->block; r++) sum += law[r] = choose(e->block, r) * exp(e->log_p[outside + r] - top);
    for (int r = 0; r <= e->block; r++) law[r] /= sum;
}

/* From (a, b) to all pairs, at `target` [ones + 1][rest + 1]: the block takes j sites of the first kind. */
static void spread(const pairs *p, int a, int b, double *target) {
    const int k = p->dynamics->block, width = p->rest + 1;
    const double blocks = choose(p->n, k);
    double law[SG_EXCHANGE_BLOCK + 1];
    for (int i = 0; i <= k && i <= a + b; i++) { /* ones in the block */
        block_law(p->dynamics, a + b - i, law);
        for (int j = 0; j <= k; j++)
            for (int i1 = 0; i1 <= i && i1 <= j; i1++) {
                const double taken = choose(a, i1) * choose(p->ones - a, j - i1) * choose(b, i - i1) *
                                     choose(p->rest - b, k - j - (i - i1)) / blocks;
                if (taken == 0) continue;
                for (int r = 0; r <= k; r++)
                    for (int r1 = 0; r1 <= r && r1 <= j; r1++)
                        if (r - r1 <= k - j)
                            target[(a - i1 + r1) * width + b - (i - i1) + r - r1] +=
                                taken * law[r] * choose(j, r1) * choose(k - j, r - r1) / choose(k, r);
            }
    }
}

typedef struct {
    int *from, *to;
    double *log_rate, *target;
    long long edges;
} listing;

static void release_listing(listing *l) {
    sg_delete(l->from);
    sg_delete(l->to);
    sg_delete(l->log_rate);
    sg_delete(l->target);
}

/* All jumps between pairs; `bordered`: states are numbered as places, else without the border. */
static sg_status list_jumps(const pairs *p, bool bordered, listing *l) {
    const int width = p->rest + 1, states = (p->ones + 1) * width, k = p->dynamics->block;
    const size_t most = (size_t)states * (size_t)(2 * k + 1) * (size_t)(2 * k + 1);
    sg_status status = sg_new(&l->target, (size_t)states, sizeof(double));
    if (!status) status = sg_new(&l->from, most, sizeof(int));
    if (!status) status = sg_new(&l->to, most, sizeof(int));
    if (!status) status = sg_new(&l->log_rate, most, sizeof(double));
    if (status) return status;
    for (int x = 0; x < states; x++) {
        memset(l->target, 0, (size_t)states * sizeof(double));
        spread(p, x / width, x % width, l->target);
        for (int y = 0; y < states; y++) {
            if (y == x || !(l->target[y] > 0)) continue;
            l->from[l->edges] = bordered ? (int)place(p, x / width, x % width) : x;
            l->to[l->edges] = bordered ? (int)place(p, y / width, y % width) : y;
            l->log_rate[l->edges++] = log(l->target[y]);
        }
    }
    return SG_OK;
}

static sg_status fill_blocks(pairs *p) {
    listing l = {0};
    sg_rows_of_rates_delete(&p->rows);
    p->rows = (sg_rows_of_rates){0};
    sg_status status = list_jumps(p, true, &l);
    if (!status) {
        const sg_chain chain = {.n = (int)((size_t)(p->ones + 3) * p->width),
                                .edges = l.edges,
                                .from = l.from,
                                .to = l.to,
                                .log_rate = l.log_rate};
        status = sg_rows_of_rates_new(&chain, &p->rows);
    }
    if (!status) p->flow = sg_rows_flow(&p->rows);
    release_listing(&l);
    return status;
}

/* --------------------------------------------------------------------- both */

static double log_binomial(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

static sg_status fill(const sg_exchange *dynamics, pairs *p) {
    const size_t n = (size_t)dynamics->n;
    double **part[] = {&p->stay, &p->rise, &p->fall, &p->log_law, &p->free_sites, &p->raised};
    double top = -INFINITY, sum = 0;
    sg_status status = SG_OK;
    *p = (pairs){.dynamics = dynamics, .n = dynamics->n, .q = 1};
    for (size_t k = 0; !status && k < sizeof part / sizeof *part; k++) status = sg_new(part[k], n + 2, sizeof(double));
    if (!status) status = sg_new(&p->pi, (n / 2 + 4) * (n / 2 + 4), sizeof(double)); /* n >= 1: also 3 (n + 3) */
    if (status) return status;
    for (int s = 0; s <= p->n; s++) {
        p->log_law[s] = dynamics->log_p[s] + log_binomial(p->n, s);
        top = fmax(top, p->log_law[s]);
    }
    for (int s = 0; s <= p->n; s++) sum += exp(p->log_law[s] - top);
    for (int s = 0; s <= p->n; s++) p->log_law[s] -= top + log(sum);
    for (int i = 0; i <= p->n + 1; i++) p->free_sites[i] = p->n + 1 - i, p->raised[i] = i + 1;
    if (dynamics->chain) fill_flips(dynamics->chain, p);
    return SG_OK;
}

/* Takes the partition by a start. */
static sg_status begin(pairs *p, int ones, double epsilon) {
    double sum = 0;
    sg_trail_delete(&p->trail);
    p->trail = (sg_trail){0};
    p->ones = ones;
    p->rest = p->n - ones;
    p->width = (size_t)p->rest + 3;
    p->flow = (sg_flow){.n = (size_t)(ones + 3) * p->width, .q = p->q, .apply = jump, .context = p};
    sg_status status = p->dynamics->chain ? SG_OK : fill_blocks(p);
    if (!status) status = sg_trail_new(&p->flow, p->pi, epsilon, &p->trail);
    if (status) return status;
    memset(p->pi, 0, p->flow.n * sizeof(double));
    for (int a = 0; a <= ones; a++)
        for (int b = 0; b <= p->rest; b++)
            sum += p->pi[place(p, a, b)] =
                exp(log_binomial(ones, a) + log_binomial(p->rest, b) - log_binomial(p->n, a + b) + p->log_law[a + b]);
    for (size_t i = 0; i < p->flow.n; i++) p->pi[i] /= sum;
    p->trail.initial[place(p, ones, 0)] = 1;
    sg_trail_begin(&p->trail);
    return SG_OK;
}

/* Of one start, of all. */
static double steps(const pairs *p, double jumps) {
    return jumps * (double)(p->dynamics->chain ? p->flow.n : (size_t)p->rows.first[p->rows.n]);
}

static double operations(const pairs *p, double t) {
    const double n = p->n, k = p->dynamics->chain ? 1 : 2 * p->dynamics->block + 1;
    return p->q * t * n * n * n / (p->mirrored ? 12 : 6) * k * k;
}

/* ------------------------------------------------------------------ answers */

static sg_status cross(pairs *p, int ones, double guess, sg_mixing *out) {
    sg_mixing_again(out);
    sg_status status = begin(p, ones, out->epsilon);
    if (status) return status;
    return sg_mixing_cross(sg_trail_distance, &p->trail, sg_trail_at_zero(&p->trail), guess, out);
}

/* Is the start near at time t?  Distances never grow: one that is near at half the time is done. */
static sg_status is_near(pairs *p, int ones, double t, double epsilon, bool *near) {
    double d, e;
    sg_status status = begin(p, ones, epsilon);
    if (!status) status = sg_trail_distance(&p->trail, 0.5 * t, &d, &e);
    if (!status && d + e > epsilon) status = sg_trail_distance(&p->trail, t, &d, &e);
    *near = !status && d + e <= epsilon;
    return status;
}

/*
 * One pass over all starts: each is near by the latest time so far, or has a crossing of its own, which may be the
 * latest; those before remain near.
 */
static sg_status search(pairs *p, double most, const sg_mixing_settings *settings, bool *known, sg_mixing *out) {
    int here = p->n;
    sg_mixing best = *out, other = *out;
    sg_status status = cross(p, here, out->mixing_time, &best);
    if (status || !(best.mixing_time > 0)) return status;
    double upper = best.mixing_time_upper;
    for (int k = p->mirrored ? (p->n + 1) / 2 : 0; k < p->n; k++) {
        bool near;
        if (!(operations(p, upper) < most)) return SG_OK;
        upper = fmax(upper, best.mixing_time * (1 + SLACK));
        if ((status = is_near(p, k, upper, out->epsilon, &near))) return status;
        if (near) continue;
        if ((status = cross(p, k, best.mixing_time, &other))) return status;
        upper = fmax(upper, other.mixing_time_upper);
        if (other.mixing_time > best.mixing_time) best = other, here = k;
    }
    *out = best;
    out->mixing_time_upper = upper;
    if (!(upper <= best.mixing_time_lower * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the starts are too much alike to tell the worst of them");
    *known = true;
    snprintf(out->start, sizeof out->start, "worst: %d of %d sites +1", here, p->n);
    snprintf(out->method, sizeof out->method, "all starts up to permutations of the %d sites, by uniformization", p->n);
    if ((status = begin(p, here, out->epsilon))) return status;
    return sg_mixing_profile(sg_trail_distance, &p->trail, sg_trail_at_zero(&p->trail), settings, out);
}

sg_status sg_exchange_worst(const sg_exchange *dynamics, double most, const sg_mixing_settings *settings, bool *known,
                            sg_mixing *out) {
    pairs p = {0};
    *known = false;
    sg_status status = fill(dynamics, &p);
    /* out->mixing_time is a guess here */
    if (!status && operations(&p, out->mixing_time) < most) status = search(&p, most, settings, known, out);
    release(&p);
    return status;
}

sg_status sg_exchange_from(const sg_exchange *dynamics, int ones, const double *law, double most,
                           const sg_mixing_settings *settings, sg_mixing *out) {
    const double guess = out->relaxation_time > 0 ? out->relaxation_time : 1;
    pairs p = {0};
    sg_status status = fill(dynamics, &p);
    if (!status) status = begin(&p, law ? p.n : ones, out->epsilon);
    if (!status && !(steps(&p, p.flow.q * guess) < most))
        status = sg_fail(SG_REFUSED,
                         "the law over the relaxation time %g takes too many steps: take all-plus or all-minus on "
                         "single flips, fewer sites, or a weaker coupling",
                         guess);
    if (status) goto out;
    for (int s = 0; law && s <= p.n; s++) p.trail.initial[place(&p, s, 0)] = law[s];
    if (law) sg_trail_begin(&p.trail);
    status = sg_mixing_cross(sg_trail_distance, &p.trail, sg_trail_at_zero(&p.trail), guess, out);
    snprintf(out->method, sizeof out->method, "law up to permutations of the %d sites, by uniformization", p.n);
    if (!status) status = sg_mixing_profile(sg_trail_distance, &p.trail, sg_trail_at_zero(&p.trail), settings, out);
out:
    release(&p);
    return status;
}

/*
 * Functions on {0,1}^n that the permutations within two halves leave alone contain a copy of every irreducible space of
 * the symmetric group that functions on {0,1}^n have: the pairs of a start with n/2 ones have all eigenvalues.
 */
sg_status sg_exchange_gap(const sg_exchange *dynamics, sg_gap *gap) {
    pairs p = {0};
    listing l = {0};
    sg_status status = fill(dynamics, &p);
    p.ones = p.n / 2;
    p.rest = p.n - p.ones;
    p.width = (size_t)p.rest + 3;
    if (!status) status = list_jumps(&p, false, &l);
    if (!status) {
        const sg_chain chain = {
            .n = (p.ones + 1) * (p.rest + 1), .edges = l.edges, .from = l.from, .to = l.to, .log_rate = l.log_rate};
        status = sg_chain_gap(&chain, NULL, gap, NULL, NULL);
    }
    release_listing(&l);
    release(&p);
    return status;
}
