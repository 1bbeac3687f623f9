/* Jumps on sites from one start, its law evolved on all states. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "states.h"

#define LONGEST_RUN 2e11 /* operations for one start */
#define JUMPS 100        /* fewer are not enough for any start, nor for the gap */

typedef struct {
    const sg_states_problem *of;
    double *rates, *pi, *initial; /* [n][q-1][q^n] for single sites; [q^n] */
    double least;                 /* log of the least probability */
    sg_sites_flow *flow;
} single;

static double rate_of(const sg_states_problem *p, size_t x, size_t y) {
    const double here = p->log_p[x], there = p->log_p[y];
    return here == -INFINITY || there == -INFINITY ? 0 : exp(sg_states_log_rate(p, there - here));
}

static sg_status fill_rates(single *s) {
    const sg_states_problem *p = s->of;
    const size_t q = (size_t)p->q, moves = (size_t)p->n * (q - 1), bytes = moves * p->states * sizeof(double);
    if (bytes > p->memory)
        return sg_fail(SG_NO_MEMORY, "the rates of %s take %zu bytes, %zu are allowed: give more with --memory",
                       p->model->text, bytes, p->memory);
    sg_status status = sg_new(&s->rates, moves * p->states, sizeof(double));
    double *rate = s->rates;
    for (size_t i = 0, step = 1; !status && i < (size_t)p->n; i++, step *= q)
        for (size_t m = 1; m < q; m++, rate += p->states)
            for (size_t x = 0; x < p->states; x++) {
                const size_t here = x / step % q, there = (here + m) % q;
                rate[x] = rate_of(p, x, x - here * step + there * step);
            }
    return status;
}

static sg_status make_flow(single *s) {
    const sg_states_problem *p = s->of;
    sg_site_blocks blocks = {0};
    sg_status status;
    if (sg_states_moves(p)) {
        status = fill_rates(s);
        return status ? status : sg_sites_flow_moves(p->n, p->q, s->rates, &s->flow);
    }
    status = p->loss->row->blocks(p->loss->options, p->model, &blocks);
    if (!status && !(JUMPS * 2.0 * blocks.count * (double)p->states < LONGEST_RUN))
        status =
            sg_fail(SG_REFUSED,
                    "%s has %d masks on the %zu states of %s, too many for its law in time: take smaller masks, or "
                    "n <= %d",
                    p->loss->text, blocks.count, p->states, p->model->text, sg_states_sites(p->q, SG_STATES_ALL));
    if (!status) status = sg_sites_flow_blocks(p->n, p->q, &blocks, s->pi, p->memory, &s->flow);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

static sg_status fill(single *s) {
    const sg_states_problem *p = s->of;
    sg_status status = sg_new(&s->pi, p->states, sizeof(double));
    if (!status) status = sg_new(&s->initial, p->states, sizeof(double));
    if (status) return status;
    if (p->start->kind == SG_FROM_WARM) sg_states_warm(p->n, p->q, p->log_p, s->initial);
    for (size_t x = 0; x < p->states; x++) {
        s->pi[x] = exp(p->log_p[x]);
        if (p->log_p[x] > -INFINITY) s->least = fmin(s->least, p->log_p[x]);
    }
    return make_flow(s);
}

static sg_status cross(const single *s, double guess, uint64_t state, const sg_mixing_settings *settings,
                       sg_mixing *out) {
    const sg_states_problem *p = s->of;
    const bool warm = p->start->kind == SG_FROM_WARM;
    char prefix[24] = "";
    if (!warm) {
        memset(s->initial, 0, p->states * sizeof(double));
        s->initial[state] = 1;
    }
    sg_mixing_again(out);
    sg_status status = sg_sites_flow_mixing(s->flow, s->pi, s->initial, guess, settings, out);
    if (p->start->kind == SG_FROM_WORST && p->q == 2) strcpy(prefix, "worst of two: ");
    if (p->start->kind == SG_FROM_WORST && p->q > 2) snprintf(prefix, sizeof prefix, "worst of %d: ", p->q);
    if (warm)
        sg_states_warm_text(p->q, out);
    else
        sg_states_name(p->n, p->q, prefix, state, sg_states_same(p->n, p->q, state), out);
    return status;
}

/* The worst of those with all sites in one state that are allowed. */
static sg_status worst(const single *s, double guess, sg_mixing *out) {
    const sg_states_problem *p = s->of;
    const sg_mixing_settings quick = {.epsilon = out->epsilon};
    double longest = -1;
    uint64_t best = 0;
    for (int same = p->q - 1; same >= 0; same--) {
        const uint64_t end = sg_states_uniform(p->n, p->q, same);
        if (p->log_p[end] == -INFINITY) continue;
        sg_status status = cross(s, guess, end, &quick, out);
        if (status) return status;
        if (out->mixing_time > longest) longest = out->mixing_time, best = end;
    }
    if (longest < 0) return sg_fail(SG_REFUSED, "all states with all sites alike have probability zero: give a start");
    return cross(s, longest > 0 ? longest : guess, best, s->of->settings, out);
}

sg_status sg_states_by_single(sg_states_problem *p, sg_mixing *out) {
    single s = {.of = p};
    sg_gap gap;
    sg_status status = sg_states_need_law(p);
    if (!status && p->start->kind == SG_FROM_STATE) status = sg_states_check(p);
    if (!status) status = fill(&s);
    if (!status) status = sg_spectrum_gap(p->model, p->loss, NULL, &gap, NULL);
    if (status) goto out;
    const double relaxation_time = out->relaxation_time = gap.gap > 0 ? gap.relaxation_time : INFINITY;
    if (!(3 * sg_sites_flow_speed(s.flow) * relaxation_time < LONGEST_RUN)) {
        status = sg_fail(SG_REFUSED,
                         "the law of %s over its relaxation time %g takes too many steps: take n <= %d, where all "
                         "eigenpairs are used",
                         p->model->text, relaxation_time, sg_states_sites(p->q, SG_STATES_ALL));
        goto out;
    }
    if (p->start->kind == SG_FROM_WORST) {
        status = worst(&s, relaxation_time, out);
        sg_mixing_sandwich(relaxation_time, -s.least, out);
        if (!status) sg_states_bound_all(p->q, INFINITY, out);
    } else {
        status = cross(&s, relaxation_time, p->start->state, p->settings, out);
    }
out:
    sg_sites_flow_delete(s.flow);
    sg_delete(s.rates);
    sg_delete(s.pi);
    sg_delete(s.initial);
    return status;
}
