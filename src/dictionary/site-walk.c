#include "dictionary/site-walk.h"

#include <math.h>

#include "dictionary/numbers.h"

enum { B = SG_BLOCK, STATES_MOST = SG_SITE_WALK_STATES };
static const double MEAN_MOST = 256; /* of one Poisson number by inversion */

size_t sg_site_walk_bytes(int d) {
    return (2 * (size_t)d + ((size_t)1 << SG_SITE_WALK_BLOCK)) * sizeof(double) + 16 * SG_ALIGN +
           sg_jet_bytes(0, d, SG_LOGP);
}

/* Poisson number by inversion of its distribution function, a large mean in parts. */
static long long events(sg_numbers *r, double mean) {
    long long total = 0;
    while (mean > 0) {
        const double part = fmin(mean, MEAN_MOST), u = sg_numbers_draw(r);
        double term = exp(-part), sum = term;
        int k = 0;
        for (; u > sum && term > 0; sum += term) term *= part / ++k;
        total += k;
        mean -= part;
    }
    return total;
}

/* -------------------------------------------------------------- single sites */

static inline double ratio(const sg_walk *walk, int chain, int site) {
    return walk->model->family->log_ratio(walk->model, walk->theta, &walk->block, chain, site);
}

/* ---- more than two states: x = 0 .. q - 1 */

static inline double *place(const sg_walk *walk, int chain, int site) {
    return walk->block.x + (size_t)site * B + (size_t)chain;
}

/* By the moves of a block of one point. */
static void conditional_by_moves(const sg_walk *walk, int chain, int site, double *logp) {
    const sg_model *model = walk->model;
    const sg_block one = {.n = 1, .d = walk->block.d, .draws = 1, .x = walk->block.x + chain};
    const int q = model->space.q, here = (int)*place(walk, chain, site);
    double log_ratio[B];
    logp[here] = 0;
    for (int move = 1; move < q; move++) {
        model->family->move(model, walk->theta, &one, site, move, log_ratio, NULL);
        logp[(here + move) % q] = log_ratio[0];
    }
}

/* log p of the states of a site given the others, up to a constant. */
static inline void conditional(const sg_walk *walk, int chain, int site, double *logp) {
    const sg_model *model = walk->model;
    if (model->family->conditional)
        model->family->conditional(model, walk->theta, &walk->block, chain, site, logp);
    else
        conditional_by_moves(walk, chain, site, logp);
}

/* A state with probability proportional to exp(value), which is lost. */
static int draw_state(sg_numbers *r, int count, double *value) {
    double most = -INFINITY, total = 0;
    int state = 0;
    for (int s = 0; s < count; s++) most = fmax(most, value[s]);
    for (int s = 0; s < count; s++) total += value[s] = exp(value[s] - most);
    double at = sg_numbers_draw(r) * total;
    for (; state + 1 < count && at >= value[state]; state++) at -= value[state];
    return state;
}

/* Draws a site given the others; is its state another one? */
static bool refresh(const sg_walk *walk, sg_numbers *r, int chain, int site) {
    double logp[STATES_MOST], *x = place(walk, chain, site);
    conditional(walk, chain, site, logp);
    const double state = draw_state(r, walk->model->space.q, logp), old = *x;
    *x = state;
    return state != old;
}

static bool flip(const sg_walk *walk, sg_numbers *r, int chain, int site) {
    const bool flips = sg_numbers_draw(r) < 1 / (1 + exp(-ratio(walk, chain, site)));
    double *x = place(walk, chain, site);
    *x = flips ? -*x : *x;
    return flips;
}

void sg_site_walk_heat_bath(sg_walk *walk) {
    const int d = walk->block.d, q = walk->model->space.q;
    for (int c = 0; q <= STATES_MOST && c < walk->block.n; c++) {
        sg_numbers r;
        sg_numbers_open(walk, c, &r);
        const long long count = events(&r, d * walk->dt);
        for (long long k = 0; k < count; k++) {
            const int site = sg_numbers_below(&r, d);
            walk->accepted += q == 2 ? flip(walk, &r, c, site) : refresh(walk, &r, c, site);
        }
        walk->proposed += count;
    }
}

typedef void site_rate(const sg_prepared *prepared, int n, const double *log_ratio, double *rate);

/* Rates of a site to each of its states, 0 to that where it is; returns their sum. */
static double rates_of(const sg_walk *walk, site_rate *rate, const sg_prepared *prepared, int chain, int site,
                       double *speed) {
    const int q = walk->model->space.q, here = (int)*place(walk, chain, site);
    double logp[STATES_MOST], total = 0;
    conditional(walk, chain, site, logp);
    const double own = logp[here];
    for (int s = 0; s < q; s++) logp[s] -= own;
    rate(prepared, q, logp, speed);
    speed[here] = 0;
    for (int s = 0; s < q; s++) total += speed[s];
    return total;
}

/* The rates of all sites, speed [d]: of the flip, or to all other states together. */
static void site_rates(const sg_walk *walk, site_rate *rate, const sg_prepared *prepared, int chain, double *u,
                       double *speed) {
    const int d = walk->block.d;
    double each[STATES_MOST];
    if (walk->model->space.q == 2) {
        for (int i = 0; i < d; i++) u[i] = ratio(walk, chain, i);
        rate(prepared, d, u, speed);
    } else {
        for (int i = 0; i < d; i++) speed[i] = rates_of(walk, rate, prepared, chain, i, each);
    }
}

static int choose(int count, const double *speed, double at) {
    int k = 0;
    for (; k + 1 < count && at >= speed[k]; k++) at -= speed[k];
    return k;
}

/* The same in place of the state that is left, whose rate is 0. */
static int choose_other(int count, int here, const double *speed, double at) {
    int last = 0;
    for (int k = 0; k < count; k++) {
        if (k == here) continue;
        last = k;
        if (at < speed[k]) return k;
        at -= speed[k];
    }
    return last;
}

static void jump(const sg_walk *walk, site_rate *rate, const sg_prepared *prepared, sg_numbers *r, int chain,
                 int site) {
    const int q = walk->model->space.q;
    double *x = place(walk, chain, site), speed[STATES_MOST];
    if (q == 2) {
        *x *= -1;
        return;
    }
    const double total = rates_of(walk, rate, prepared, chain, site, speed);
    *x = choose_other(q, (int)*x, speed, sg_numbers_draw(r) * total);
}

void sg_site_walk_jumps(void (*rate)(const sg_prepared *prepared, int n, const double *log_ratio, double *rate),
                        const sg_prepared *prepared, sg_walk *walk) {
    const int d = walk->block.d;
    const size_t mark = sg_arena_mark(walk->arena);
    double *u = sg_arena_take(walk->arena, (size_t)d, sizeof(double));
    double *speed = sg_arena_take(walk->arena, (size_t)d, sizeof(double));
    const bool ready = u && speed && walk->model->space.q <= STATES_MOST;
    for (int c = 0; ready && c < walk->block.n; c++) {
        sg_numbers r;
        sg_numbers_open(walk, c, &r);
        for (double left = walk->dt;;) {
            double total = 0;
            site_rates(walk, rate, prepared, c, u, speed);
            for (int i = 0; i < d; i++) total += speed[i];
            left += log(sg_numbers_draw(&r)) / total;
            if (!(left > 0)) break;
            jump(walk, rate, prepared, &r, c, choose(d, speed, sg_numbers_draw(&r) * total));
            walk->proposed++;
            walk->accepted++;
        }
    }
    sg_arena_rewind(walk->arena, mark);
}

/* -------------------------------------------------------------------- blocks */

/* Flips the sites of a code, those in state 1 first: a set without forbidden pairs stays one on the way. */
static double flip_all(const sg_walk *walk, int chain, int k, const int *site, uint32_t code, uint32_t *flipped) {
    double *x = walk->block.x + chain, sum = 0;
    uint32_t up = 0;
    for (int i = 0; i < k; i++) up |= (uint32_t)(x[(size_t)site[i] * B] > 0) << i;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t rest = pass ? code & ~up : code & up; rest; rest &= rest - 1) {
            const int i = __builtin_ctz(rest);
            const double change = ratio(walk, chain, site[i]);
            if (!(change > -INFINITY)) return -INFINITY;
            sum += change;
            x[(size_t)site[i] * B] *= -1;
            *flipped |= UINT32_C(1) << i;
        }
    return sum;
}

/* log p of all states of a block given the rest, up to a constant, by the code of sites that are flipped. */
static void weights(const sg_walk *walk, int chain, int k, const int *site, double *log_weight) {
    double *x = walk->block.x + chain;
    for (uint32_t code = 0; code < UINT32_C(1) << k; code++) {
        uint32_t flipped = 0;
        log_weight[code] = flip_all(walk, chain, k, site, code, &flipped);
        for (; flipped; flipped &= flipped - 1) x[(size_t)site[__builtin_ctz(flipped)] * B] *= -1;
    }
}

/* The same for q states: sites of the block are set one after the other, from the last; code is that of their states.
 */
static void descend(const sg_walk *walk, int chain, int k, const int *site, uint32_t code, double sum,
                    double *log_weight) {
    const int q = walk->model->space.q;
    double logp[STATES_MOST];
    if (k == 0) {
        log_weight[code] = sum;
        return;
    }
    double *x = place(walk, chain, site[k - 1]);
    const int own = (int)*x;
    conditional(walk, chain, site[k - 1], logp);
    for (int s = 0; s < q; s++) {
        *x = s;
        descend(walk, chain, k - 1, site, code * (uint32_t)q + (uint32_t)s, sum + (logp[s] - logp[own]), log_weight);
    }
    *x = own;
}

static void set_states(const sg_walk *walk, int chain, int k, const int *site, uint32_t code) {
    const uint32_t q = (uint32_t)walk->model->space.q;
    for (int i = 0; i < k; i++, code /= q)
        *place(walk, chain, site[i]) = q == 2 ? 2.0 * (code % q) - 1 : (double)(code % q);
}

/*
 * The same, by the code of their states, for families that forbid states and have no moves: each by a jet, since one
 * may be joined to another by forbidden states alone.
 */
static void weights_by_jets(const sg_walk *walk, int chain, int k, const int *site, uint32_t count,
                            double *log_weight) {
    const size_t mark = sg_arena_mark(walk->arena);
    const sg_block one = {.n = 1, .d = walk->block.d, .draws = 1, .x = walk->block.x + chain};
    sg_jet jet;
    if (sg_jet_take(walk->arena, walk->model->full, walk->block.d, SG_LOGP, &jet)) return;
    for (uint32_t code = 0; code < count; code++) {
        set_states(walk, chain, k, site, code);
        walk->model->family->jet(walk->model, walk->theta, &one, &jet);
        log_weight[code] = jet.logp[0];
    }
    sg_arena_rewind(walk->arena, mark);
}

/* States of a block of k sites, 0 where they are more than there is room for. */
static uint32_t block_states(const sg_walk *walk, int k) {
    const double states = pow(walk->model->space.q, k);
    const bool fits = walk->model->space.q <= STATES_MOST && states <= (double)(UINT32_C(1) << SG_SITE_WALK_BLOCK);
    return fits ? (uint32_t)states : 0;
}

static void draw_block(const sg_walk *walk, sg_numbers *r, int chain, int k, const int *site, double *weight) {
    const uint32_t count = block_states(walk, k);
    if (!count) return;
    if (walk->model->family->can & SG_HARD && !walk->model->family->move) {
        weights_by_jets(walk, chain, k, site, count, weight);
        set_states(walk, chain, k, site, (uint32_t)draw_state(r, (int)count, weight));
        return;
    }
    if (walk->model->space.q > 2) {
        descend(walk, chain, k, site, 0, 0, weight);
        set_states(walk, chain, k, site, (uint32_t)draw_state(r, (int)count, weight));
        return;
    }
    weights(walk, chain, k, site, weight);
    const uint32_t code = (uint32_t)draw_state(r, (int)count, weight);
    for (int i = 0; i < k; i++)
        if (code >> i & 1) *place(walk, chain, site[i]) *= -1;
}

void sg_site_walk_blocks(const sg_site_lists *blocks, sg_walk *walk) {
    const size_t mark = sg_arena_mark(walk->arena);
    double *weight = sg_arena_take(walk->arena, (size_t)1 << SG_SITE_WALK_BLOCK, sizeof(double)), total = 0;
    for (int b = 0; b < blocks->count; b++) total += blocks->rate[b];
    for (int c = 0; weight && c < walk->block.n; c++) {
        sg_numbers r;
        sg_numbers_open(walk, c, &r);
        const long long count = events(&r, total * walk->dt);
        for (long long k = 0; k < count; k++) {
            const int b = choose(blocks->count, blocks->rate, sg_numbers_draw(&r) * total);
            draw_block(walk, &r, c, blocks->start[b + 1] - blocks->start[b], blocks->site + blocks->start[b], weight);
        }
        walk->proposed += count;
        walk->accepted += count;
    }
    sg_arena_rewind(walk->arena, mark);
}
