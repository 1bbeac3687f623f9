/* Mixing times of jumps on two-state sites: the chain that a start needs, from the model and the row. */
#include "finite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "spectrum/finite.h"

enum { ALL_SITES = 11, SINGLE_SITES = 20, CHUNK = 1 << 12 };

#define USUAL_MEMORY ((size_t)1 << 30)
#define PATIENCE 6e10    /* operations for all starts of an exchangeable chain */
#define LONGEST_RUN 2e11 /* operations for one start of the cube */

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_prepared *prepared;
    const sg_mixing_settings *settings;
    int n;
    size_t states, memory;
    sg_spin_start start;
    uint64_t state;
    double *log_p; /* [2^n], NULL until needed */
} problem;

/* ---------------------------------------------------------------- the law */

sg_status sg_states_law(const sg_model *model, double **log_p) {
    const size_t states = (size_t)1 << model->space.d;
    double top = -INFINITY, sum = 0;
    sg_status status = sg_new(log_p, states, sizeof(double));
    if (status) return status;
    double *p = *log_p;
    for (size_t first = 0; first < states; first += CHUNK)
        model->family->states(model, model->truth, first, (int)(states - first < CHUNK ? states - first : CHUNK),
                              p + first);
    for (size_t x = 0; x < states; x++) top = fmax(top, p[x]);
    for (size_t x = 0; x < states; x++) sum += exp(p[x] - top);
    for (size_t x = 0; x < states; x++) p[x] -= top + log(sum);
    return SG_OK;
}

/* Probabilities [n + 1] to densities of their lower half. */
static void lower_half(int n, double *density) {
    double left = 0.5;
    for (int k = 0; k <= n; k++) {
        const double taken = fmin(left, density[k]);
        left -= taken;
        density[k] = density[k] > 0 ? 2 * taken / density[k] : 0;
    }
}

void sg_states_warm(int n, const double *log_p, double *law) {
    const size_t states = (size_t)1 << n;
    double density[65] = {0};
    for (size_t x = 0; x < states; x++) density[__builtin_popcountll(x)] += exp(log_p[x]);
    lower_half(n, density);
    for (size_t x = 0; x < states; x++) law[x] = exp(log_p[x]) * density[__builtin_popcountll(x)];
}

static sg_status need_law(problem *p) {
    return p->log_p ? SG_OK : sg_states_law(p->model, &p->log_p);
}

static void write_bits(uint64_t state, int n, size_t size, char *text) {
    int i = 0;
    for (; i < n && (size_t)i + 1 < size; i++) text[i] = (i < 64 ? state >> i & 1 : state >> 63) ? '1' : '0';
    text[i] = 0;
}

/* All sites +1; beyond 64 sites the bits stand for those of both uniform states only. */
static uint64_t all_plus(int n) {
    return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

static void name_start(const problem *p, const char *prefix, uint64_t state, sg_mixing *out) {
    char bits[80];
    write_bits(state, p->n, sizeof bits, bits);
    if (state == all_plus(p->n) || state == 0)
        snprintf(out->start, sizeof out->start, "%s%s", prefix, state ? "all +1" : "all -1");
    else
        snprintf(out->start, sizeof out->start, "%sstate %s", prefix, bits);
}

/* log rate(u), by rate(u) = e^u rate(-u) where u < 0. */
static double log_rate(const problem *p, double u) {
    double rate, size = fabs(u);
    p->loss->row->rate(p->prepared, 1, &size, &rate);
    return log(rate) + fmin(0, u);
}

/* ---------------------------------------------------- classes by magnetization */

/* Chain of the number of ones, if p is a function of it; else *known is false. */
static sg_status find_magnetization(const problem *p, const sg_lumped *lumped, bool *known, double *log_up,
                                    double *log_down) {
    *known = lumped->path && lumped->classes == p->n + 1;
    for (int k = 0; *known && k <= p->n; k++) {
        double size = lgamma(p->n + 1.0) - lgamma(k + 1.0) - lgamma(p->n - k + 1.0);
        *known = fabs(lumped->log_size[k] - size) < 1e-6;
    }
    for (int k = 0; *known && k < p->n; k++) {
        const double u = lumped->log_p[k + 1] - lumped->log_p[k];
        log_up[k] = log(p->n - k) + log_rate(p, u);
        log_down[k] = log(k + 1.0) + log_rate(p, -u);
    }
    return SG_OK;
}

static bool rates_grow(const problem *p, const sg_lumped *lumped) {
    if (!lumped->attractive) return false;
    for (int k = 0; k + 1 < p->n && !p->loss->row->heat_bath; k++) {
        const double u = lumped->log_p[k + 1] - lumped->log_p[k], v = lumped->log_p[k + 2] - lumped->log_p[k + 1];
        if (log_rate(p, fmax(u, v)) < log_rate(p, fmin(u, v)) - 1e-12) return false;
        if (log_rate(p, fmax(-u, -v)) < log_rate(p, fmin(-u, -v)) - 1e-12) return false;
    }
    return true;
}

/* An upper end over all starts, for a worst start that was sought among candidates. */
static void bound_all(double coupling, sg_mixing *out) {
    double bound = fmin(coupling, isnan(out->sandwich_upper) ? INFINITY : out->sandwich_upper * (1 + 1e-9));
    out->mixing_time_upper = fmax(bound, out->mixing_time_upper);
    sg_mixing_say(out, SG_UNCERTIFIED,
                  "the worst start was sought among all +1 and all -1 only; the upper end bounds all starts");
}

/* The worse of both ends; with it the least log pi of a state, for the sandwich. */
static sg_status worse_end(const problem *p, const sg_birth_death *chain, const sg_lumped *lumped, sg_mixing *out) {
    const sg_mixing_settings quick = {.epsilon = out->epsilon};
    sg_mixing low = {0}, high = {0};
    double least = INFINITY, top = -INFINITY, sum = 0;
    sg_status status = sg_birth_death_mixing(chain, 0, NULL, &quick, &low);
    if (!status) status = sg_birth_death_mixing(chain, p->n, NULL, &quick, &high);
    if (status) return status;
    const bool plus = high.mixing_time >= low.mixing_time;
    status = sg_birth_death_mixing(chain, plus ? p->n : 0, NULL, p->settings, out);
    if (status) return status;
    for (int k = 0; k <= p->n; k++) {
        least = fmin(least, lumped->log_p[k]);
        top = fmax(top, lumped->log_p[k] + lumped->log_size[k]);
    }
    for (int k = 0; k <= p->n; k++) sum += exp(lumped->log_p[k] + lumped->log_size[k] - top);
    sg_mixing_sandwich(out->relaxation_time, top + log(sum) - least, out);
    name_start(p, "worst of two: ", plus ? all_plus(p->n) : 0, out);
    return SG_OK;
}

/* The relaxation time of the model where it is certified: modes without the symmetry may be slower than those with. */
static void take_relaxation(const problem *p, sg_mixing *out) {
    sg_gap gap;
    const double log_inverse = isfinite(out->sandwich_upper) && out->relaxation_time > 0
                                   ? out->sandwich_upper / out->relaxation_time + log(out->epsilon)
                                   : NAN;
    if (sg_spectrum_gap(p->model, p->loss, NULL, &gap, NULL) || gap.status != SG_OK) gap.relaxation_time = NAN;
    out->relaxation_time = gap.relaxation_time;
    if (!isnan(log_inverse)) sg_mixing_sandwich(gap.relaxation_time, log_inverse, out);
}

static sg_status worst_by_number(const problem *p, const sg_birth_death *chain, const sg_lumped *lumped,
                                 sg_mixing *out) {
    sg_status status = worse_end(p, chain, lumped, out);
    bool known = false;
    if (status || out->status == SG_REFUSED || !(out->mixing_time > 0)) return status;
    take_relaxation(p, out);
    sg_mixing all = {.epsilon = out->epsilon, .relaxation_time = out->relaxation_time, .mixing_time = out->mixing_time};
    if ((status = sg_exchangeable_mixing(chain, PATIENCE, p->settings, &known, &all)) || known) {
        all.sandwich_lower = out->sandwich_lower;
        all.sandwich_upper = out->sandwich_upper;
        all.state = -1;
        sg_mixing_clear(out);
        *out = all;
        return status;
    }
    double coupling = INFINITY;
    if (rates_grow(p, lumped)) status = sg_birth_death_coupling(chain, out->epsilon, out->mixing_time, &coupling);
    bound_all(coupling, out);
    return status;
}

static sg_status warm_by_number(const problem *p, const sg_birth_death *chain, sg_mixing *out) {
    double *law = NULL, *density = NULL;
    sg_status status = sg_new(&law, (size_t)p->n + 1, sizeof(double));
    if (!status) status = sg_new(&density, (size_t)p->n + 1, sizeof(double));
    if (!status) status = sg_birth_death_law(chain, law);
    if (status) goto out;
    for (int k = 0; k <= p->n; k++) law[k] = density[k] = exp(law[k]);
    lower_half(p->n, density);
    for (int k = 0; k <= p->n; k++) law[k] *= density[k];
    status = sg_birth_death_mixing(chain, -1, law, p->settings, out);
    strcpy(out->start, SG_WARM_TEXT);
    if (!status) take_relaxation(p, out);
out:
    sg_delete(law);
    sg_delete(density);
    return status;
}

/* *known: the chain of the number of ones has answered. */
static sg_status by_number(const problem *p, bool *known, sg_mixing *out) {
    double *log_up = NULL, *log_down = NULL;
    sg_lumped *lumped = NULL;
    *known = false;
    if (!p->model->family->lump || !p->loss->row->rate) return SG_OK;
    if (p->start == SG_FROM_STATE && p->state != 0 && p->state != all_plus(p->n)) return SG_OK;
    sg_status status = p->model->family->lump(p->model, p->model->truth, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    if (!status) status = sg_new(&log_up, (size_t)p->n, sizeof(double));
    if (!status) status = sg_new(&log_down, (size_t)p->n, sizeof(double));
    if (!status) status = find_magnetization(p, lumped, known, log_up, log_down);
    if (status || !*known) goto out;
    const sg_birth_death chain = {p->n + 1, log_up, log_down};
    if (p->start == SG_FROM_WORST) {
        status = worst_by_number(p, &chain, lumped, out);
    } else if (p->start == SG_FROM_WARM) {
        status = warm_by_number(p, &chain, out);
    } else {
        status = sg_birth_death_mixing(&chain, p->state ? p->n : 0, NULL, p->settings, out);
        name_start(p, "", p->state, out);
        if (!status) take_relaxation(p, out);
    }
out:
    sg_lumped_delete(lumped);
    sg_delete(log_up);
    sg_delete(log_down);
    return status;
}

/* --------------------------------------------------------------- all states */

/* The states of positive probability. */
typedef struct {
    int count;
    int *number;    /* [2^n] of a state, -1: forbidden */
    uint32_t *code; /* [count] */
    double *rate;   /* [count][count] summed */
    sg_chain chain;
    int *from, *to;
    double *log_rate, *log_pi;
} listing;

static void release_listing(listing *l) {
    void *part[] = {l->number, l->code, l->rate, l->from, l->to, l->log_rate, l->log_pi};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
}

static void add_flips(const problem *p, listing *l) {
    for (int x = 0; x < l->count; x++)
        for (int i = 0; i < p->n; i++) {
            const uint32_t there = l->code[x] ^ UINT32_C(1) << i;
            if (l->number[there] < 0) continue;
            l->rate[(size_t)x * (size_t)l->count + (size_t)l->number[there]] +=
                exp(log_rate(p, p->log_p[there] - p->log_p[l->code[x]]));
        }
}

/* The states that agree outside a block, each from each at weight p(y | outside). */
static void add_block(const problem *p, uint32_t mask, double weight, listing *l) {
    for (uint32_t base = 0; base < p->states; base++) {
        if (base & mask) continue;
        double top = -INFINITY, sum = 0;
        for (uint32_t part = mask;; part = (part - 1) & mask) {
            top = fmax(top, p->log_p[base | part]);
            if (!part) break;
        }
        if (top == -INFINITY) continue;
        for (uint32_t part = mask;; part = (part - 1) & mask) {
            sum += exp(p->log_p[base | part] - top);
            if (!part) break;
        }
        for (uint32_t a = mask;; a = (a - 1) & mask) {
            const int x = l->number[base | a];
            for (uint32_t b = mask; x >= 0; b = (b - 1) & mask) {
                const int y = l->number[base | b];
                if (y >= 0 && y != x)
                    l->rate[(size_t)x * (size_t)l->count + (size_t)y] += weight * exp(p->log_p[base | b] - top) / sum;
                if (!b) break;
            }
            if (!a) break;
        }
    }
}

static sg_status add_blocks(const problem *p, listing *l) {
    sg_site_blocks blocks = {0};
    sg_status status = p->loss->row->blocks(p->loss->options, p->model, &blocks);
    for (int b = 0; !status && b < blocks.count; b++) add_block(p, blocks.mask[b], blocks.rate[b], l);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

static sg_status list_states(const problem *p, listing *l) {
    sg_status status = sg_new(&l->number, p->states, sizeof *l->number);
    if (!status) status = sg_new(&l->code, p->states, sizeof *l->code);
    if (status) return status;
    for (size_t x = 0; x < p->states; x++) {
        l->number[x] = p->log_p[x] > -INFINITY ? l->count : -1;
        if (l->number[x] >= 0) l->code[l->count++] = (uint32_t)x;
    }
    const size_t n = (size_t)l->count;
    if (n < 2) return sg_fail(SG_REFUSED, "%s has one state only: nothing mixes", p->model->text);
    if (!status) status = sg_new(&l->rate, n * n, sizeof(double));
    if (!status) status = sg_new(&l->log_pi, n, sizeof(double));
    if (status) return status;
    if (p->loss->row->rate)
        add_flips(p, l);
    else
        status = add_blocks(p, l);
    for (size_t x = 0; x < n; x++) l->log_pi[x] = p->log_p[l->code[x]];
    return status;
}

static sg_status list_edges(listing *l) {
    const size_t n = (size_t)l->count;
    size_t edges = 0;
    for (size_t e = 0; e < n * n; e++) edges += l->rate[e] > 0;
    sg_status status = sg_new(&l->from, edges + 1, sizeof *l->from);
    if (!status) status = sg_new(&l->to, edges + 1, sizeof *l->to);
    if (!status) status = sg_new(&l->log_rate, edges + 1, sizeof *l->log_rate);
    if (status) return status;
    edges = 0;
    for (size_t x = 0; x < n; x++)
        for (size_t y = 0; y < n; y++) {
            if (!(l->rate[x * n + y] > 0)) continue;
            l->from[edges] = (int)x;
            l->to[edges] = (int)y;
            l->log_rate[edges++] = log(l->rate[x * n + y]);
        }
    sg_delete(l->rate); /* the solver needs the room */
    l->rate = NULL;
    l->chain = (sg_chain){l->count, (long long)edges, l->from, l->to, l->log_rate, l->log_pi};
    return SG_OK;
}

static sg_status check_allowed(const problem *p) {
    char bits[80];
    if (p->log_p[p->state] > -INFINITY) return SG_OK;
    write_bits(p->state, p->n, sizeof bits, bits);
    return sg_fail(SG_OUT_OF_RANGE, "state %s has probability zero under %s: give another start", bits, p->model->text);
}

static sg_status by_all_states(problem *p, sg_mixing *out) {
    listing l = {0};
    double *law = NULL, *warm = NULL;
    sg_status status = need_law(p);
    if (!status && p->start == SG_FROM_STATE) status = check_allowed(p);
    if (!status) status = list_states(p, &l);
    if (!status) status = list_edges(&l);
    if (!status && p->start == SG_FROM_WARM) status = sg_new(&law, (size_t)l.count, sizeof(double));
    if (!status && law) status = sg_new(&warm, p->states, sizeof(double));
    if (status) goto out;
    if (law) {
        sg_states_warm(p->n, p->log_p, warm);
        for (int x = 0; x < l.count; x++) law[x] = warm[l.code[x]];
    }
    status = sg_chain_mixing(&l.chain, p->start == SG_FROM_STATE ? l.number[p->state] : -1, law, p->settings, out);
    if (law) strcpy(out->start, SG_WARM_TEXT);
    if (!status && out->state >= 0) {
        name_start(p, p->start == SG_FROM_WORST ? "worst: " : "", l.code[out->state], out);
        out->state = (int)l.code[out->state];
    }
out:
    release_listing(&l);
    sg_delete(law);
    sg_delete(warm);
    return status;
}

/* ------------------------------------------------------------ single starts */

static sg_status all_rates(const problem *p, double **rates) {
    const size_t bytes = (size_t)p->n * p->states * sizeof(double);
    if (bytes > p->memory)
        return sg_fail(SG_NO_MEMORY, "the rates of %s take %zu bytes, %zu are allowed: give more with --memory",
                       p->model->text, bytes, p->memory);
    sg_status status = sg_new(rates, (size_t)p->n * p->states, sizeof(double));
    for (int i = 0; !status && i < p->n; i++) {
        const size_t bit = (size_t)1 << i;
        for (size_t x = 0; x < p->states; x++) {
            const double here = p->log_p[x], there = p->log_p[x ^ bit];
            (*rates)[p->states * (size_t)i + x] =
                here == -INFINITY || there == -INFINITY ? 0 : exp(log_rate(p, there - here));
        }
    }
    return status;
}

static sg_status cross_single(const problem *p, const double *rates, const double *pi, double guess, double *initial,
                              uint64_t state, const sg_mixing_settings *settings, sg_mixing *out) {
    if (p->start != SG_FROM_WARM) {
        memset(initial, 0, p->states * sizeof(double));
        initial[state] = 1;
    }
    sg_mixing_again(out);
    sg_status status = sg_flips_mixing(p->n, rates, pi, initial, guess, settings, out);
    if (p->start != SG_FROM_WARM) name_start(p, p->start == SG_FROM_WORST ? "worst of two: " : "", state, out);
    return status;
}

/* The worse of all +1 and all -1, those that are allowed. */
static sg_status worse_single(const problem *p, const double *rates, const double *pi, double guess, double *initial,
                              sg_mixing *out) {
    const uint64_t end[2] = {p->states - 1, 0};
    const sg_mixing_settings quick = {.epsilon = out->epsilon};
    double longest = -1;
    int best = -1;
    for (int k = 0; k < 2; k++) {
        if (p->log_p[end[k]] == -INFINITY) continue;
        sg_status status = cross_single(p, rates, pi, guess, initial, end[k], &quick, out);
        if (status) return status;
        if (out->mixing_time > longest) longest = out->mixing_time, best = k;
    }
    if (best < 0) return sg_fail(SG_REFUSED, "all +1 and all -1 have probability zero: give a start");
    return cross_single(p, rates, pi, longest > 0 ? longest : guess, initial, end[best], p->settings, out);
}

static sg_status by_single_start(problem *p, sg_mixing *out) {
    double *rates = NULL, *pi = NULL, *initial = NULL, least = 0;
    sg_gap gap;
    sg_status status = need_law(p);
    if (!status && p->start == SG_FROM_STATE) status = check_allowed(p);
    if (!status) status = sg_spectrum_gap(p->model, p->loss, NULL, &gap, NULL);
    if (!status) status = all_rates(p, &rates);
    if (!status) status = sg_new(&pi, p->states, sizeof(double));
    if (!status) status = sg_new(&initial, p->states, sizeof(double));
    if (status) goto out;
    if (p->start == SG_FROM_WARM) sg_states_warm(p->n, p->log_p, initial);
    for (size_t x = 0; x < p->states; x++) {
        pi[x] = exp(p->log_p[x]);
        if (p->log_p[x] > -INFINITY) least = fmin(least, p->log_p[x]);
    }
    out->relaxation_time = gap.gap > 0 ? gap.relaxation_time : INFINITY;
    if (!(3.0 * p->n * (double)p->states * p->n * out->relaxation_time < LONGEST_RUN)) {
        status = sg_fail(SG_REFUSED,
                         "the law of %s over its relaxation time %g takes too many steps: take n <= %d, where all "
                         "eigenpairs are used",
                         p->model->text, out->relaxation_time, ALL_SITES);
        goto out;
    }
    if (p->start == SG_FROM_WORST) {
        status = worse_single(p, rates, pi, out->relaxation_time, initial, out);
        sg_mixing_sandwich(out->relaxation_time, -least, out);
        if (!status) bound_all(INFINITY, out);
    } else {
        status = cross_single(p, rates, pi, out->relaxation_time, initial, p->state, p->settings, out);
        if (p->start == SG_FROM_WARM) strcpy(out->start, SG_WARM_TEXT);
    }
out:
    sg_delete(rates);
    sg_delete(pi);
    sg_delete(initial);
    return status;
}

sg_status sg_mixing_on_states(const sg_model *model, const sg_loss *loss, sg_spin_start start, uint64_t state,
                              const sg_mixing_settings *settings, sg_mixing *out) {
    problem p = {.model = model, .loss = loss, .settings = settings, .n = model->space.d, .start = start};
    double begun = sg_finite_now();
    bool known = false;
    p.state = state;
    p.memory = settings && settings->memory ? settings->memory : USUAL_MEMORY;
    p.states = p.n < 48 ? (size_t)1 << p.n : 0;
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = sg_loss_prepare(loss, model, NULL, &p.prepared);
    if (!status) status = by_number(&p, &known, out);
    if (status || known) goto out;
    if (p.n <= ALL_SITES)
        status = by_all_states(&p, out);
    else if (p.n <= SINGLE_SITES && loss->row->rate)
        status = by_single_start(&p, out);
    else
        status = sg_fail(SG_REFUSED,
                         "there is no solver for the mixing time of %s on %s: it takes n <= %d, single flips with n <= "
                         "%d, or a law of the number of +1 sites",
                         loss->text, model->text, ALL_SITES, SINGLE_SITES);
out:
    out->seconds = sg_finite_now() - begun;
    sg_loss_release(loss, p.prepared);
    sg_delete(p.log_p);
    return status;
}
