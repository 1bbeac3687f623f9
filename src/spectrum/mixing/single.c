/* Jumps on two-state sites from one start, its law evolved on all states. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "states.h"

#define LONGEST_RUN 2e11 /* operations for one start */
#define JUMPS 100        /* fewer are not enough for any start, nor for the gap */

typedef struct {
    const sg_states_problem *of;
    double *rates, *pi, *initial; /* [n][2^n] for flips; [2^n] */
    double least;                 /* log of the least probability */
    sg_cube_flow *flow;
} single;

static sg_status fill_rates(single *s) {
    const sg_states_problem *p = s->of;
    const size_t bytes = (size_t)p->n * p->states * sizeof(double);
    if (bytes > p->memory)
        return sg_fail(SG_NO_MEMORY, "the rates of %s take %zu bytes, %zu are allowed: give more with --memory",
                       p->model->text, bytes, p->memory);
    sg_status status = sg_new(&s->rates, (size_t)p->n * p->states, sizeof(double));
    for (int i = 0; !status && i < p->n; i++) {
        const size_t bit = (size_t)1 << i;
        for (size_t x = 0; x < p->states; x++) {
            const double here = p->log_p[x], there = p->log_p[x ^ bit];
            s->rates[p->states * (size_t)i + x] =
                here == -INFINITY || there == -INFINITY ? 0 : exp(sg_states_log_rate(p, there - here));
        }
    }
    return status;
}

static sg_status make_flow(single *s) {
    const sg_states_problem *p = s->of;
    sg_site_blocks blocks = {0};
    sg_status status;
    if (p->loss->row->rate) {
        status = fill_rates(s);
        return status ? status : sg_cube_flow_flips(p->n, s->rates, &s->flow);
    }
    status = p->loss->row->blocks(p->loss->options, p->model, &blocks);
    if (!status && !(JUMPS * 2.0 * blocks.count * (double)p->states < LONGEST_RUN))
        status =
            sg_fail(SG_REFUSED,
                    "%s has %d masks on the %zu states of %s, too many for its law in time: take smaller masks, or "
                    "n <= %d",
                    p->loss->text, blocks.count, p->states, p->model->text, SG_STATES_ALL);
    if (!status) status = sg_cube_flow_blocks(p->n, &blocks, s->pi, p->memory, &s->flow);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

static sg_status fill(single *s) {
    const sg_states_problem *p = s->of;
    sg_status status = sg_new(&s->pi, p->states, sizeof(double));
    if (!status) status = sg_new(&s->initial, p->states, sizeof(double));
    if (status) return status;
    if (p->start == SG_FROM_WARM) sg_states_warm(p->n, p->log_p, s->initial);
    for (size_t x = 0; x < p->states; x++) {
        s->pi[x] = exp(p->log_p[x]);
        if (p->log_p[x] > -INFINITY) s->least = fmin(s->least, p->log_p[x]);
    }
    return make_flow(s);
}

static sg_status cross(const single *s, double guess, uint64_t state, const sg_mixing_settings *settings,
                       sg_mixing *out) {
    const sg_states_problem *p = s->of;
    if (p->start != SG_FROM_WARM) {
        memset(s->initial, 0, p->states * sizeof(double));
        s->initial[state] = 1;
    }
    sg_mixing_again(out);
    sg_status status = sg_cube_flow_mixing(s->flow, s->pi, s->initial, guess, settings, out);
    if (p->start == SG_FROM_WARM)
        strcpy(out->start, SG_WARM_TEXT);
    else
        sg_states_name(p, p->start == SG_FROM_WORST ? "worst of two: " : "", state, out);
    return status;
}

/* The worse of all +1 and all -1, those that are allowed. */
static sg_status worse(const single *s, double guess, sg_mixing *out) {
    const uint64_t end[2] = {s->of->states - 1, 0};
    const sg_mixing_settings quick = {.epsilon = out->epsilon};
    double longest = -1;
    int best = -1;
    for (int k = 0; k < 2; k++) {
        if (s->of->log_p[end[k]] == -INFINITY) continue;
        sg_status status = cross(s, guess, end[k], &quick, out);
        if (status) return status;
        if (out->mixing_time > longest) longest = out->mixing_time, best = k;
    }
    if (best < 0) return sg_fail(SG_REFUSED, "all +1 and all -1 have probability zero: give a start");
    return cross(s, longest > 0 ? longest : guess, end[best], s->of->settings, out);
}

sg_status sg_states_by_single(sg_states_problem *p, sg_mixing *out) {
    single s = {.of = p};
    sg_gap gap;
    sg_status status = sg_states_need_law(p);
    if (!status && p->start == SG_FROM_STATE) status = sg_states_check(p);
    if (!status) status = fill(&s);
    if (!status) status = sg_spectrum_gap(p->model, p->loss, NULL, &gap, NULL);
    if (status) goto out;
    const double relaxation_time = out->relaxation_time = gap.gap > 0 ? gap.relaxation_time : INFINITY;
    if (!(3 * sg_cube_flow_speed(s.flow) * relaxation_time < LONGEST_RUN)) {
        status = sg_fail(SG_REFUSED,
                         "the law of %s over its relaxation time %g takes too many steps: take n <= %d, where all "
                         "eigenpairs are used",
                         p->model->text, relaxation_time, SG_STATES_ALL);
        goto out;
    }
    if (p->start == SG_FROM_WORST) {
        status = worse(&s, relaxation_time, out);
        sg_mixing_sandwich(relaxation_time, -s.least, out);
        if (!status) sg_states_bound_all(INFINITY, out);
    } else {
        status = cross(&s, relaxation_time, p->state, p->settings, out);
    }
out:
    sg_cube_flow_delete(s.flow);
    sg_delete(s.rates);
    sg_delete(s.pi);
    sg_delete(s.initial);
    return status;
}
