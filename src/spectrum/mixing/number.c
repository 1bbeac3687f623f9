/*
 * Jumps on two-state sites where p is a function of the number of ones: single flips by a birth-death chain from the
 * ends and by pairs of numbers from other starts, blocks of all k-subsets by such pairs.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "states.h"

#define PATIENCE 6e10 /* states times jumps, for all starts */

typedef struct {
    const sg_states_problem *of;
    sg_lumped *lumped;
    double *log_up, *log_down; /* [n] */
    sg_birth_death chain;
    sg_exchange dynamics;
    double log_inverse; /* of the least probability of a state */
} numbers;

/* -------------------------------------------------------------------- set-up */

sg_status sg_states_numbers(const sg_model *model, bool *known, sg_lumped **lumped) {
    *known = false;
    if (!model->family->lump) return SG_OK;
    sg_status status = model->family->lump(model, model->truth, lumped);
    if (status == SG_REFUSED) return SG_OK;
    if (status) return status;
    *known = (*lumped)->counts && (*lumped)->classes == model->space.d + 1;
    for (int k = 0; *known && k < (*lumped)->classes; k++) *known = isfinite((*lumped)->log_p[k]);
    return SG_OK;
}

sg_status sg_states_block(const sg_states_problem *p, int *block) {
    double *rate = NULL;
    *block = 0;
    if (!p->loss->row->sizes) return SG_OK;
    sg_status status = sg_new(&rate, (size_t)p->n + 1, sizeof(double));
    if (!status && p->loss->row->sizes(p->loss->options, p->model, rate))
        for (int k = 1; k <= p->n && k <= SG_EXCHANGE_BLOCK; k++)
            if (rate[k] == 1) *block = k;
    sg_delete(rate);
    return status;
}

static sg_status fill_chain(numbers *m) {
    const sg_states_problem *p = m->of;
    sg_status status = sg_new(&m->log_up, (size_t)p->n, sizeof(double));
    if (!status) status = sg_new(&m->log_down, (size_t)p->n, sizeof(double));
    for (int k = 0; !status && k < p->n; k++) {
        const double u = m->lumped->log_p[k + 1] - m->lumped->log_p[k];
        m->log_up[k] = log(p->n - k) + sg_states_log_rate(p, u);
        m->log_down[k] = log(k + 1.0) + sg_states_log_rate(p, -u);
    }
    m->chain = (sg_birth_death){p->n + 1, m->log_up, m->log_down};
    m->dynamics.chain = &m->chain;
    return status;
}

static void find_least(numbers *m) {
    const sg_lumped *l = m->lumped;
    double least = INFINITY, top = -INFINITY, sum = 0;
    for (int k = 0; k < l->classes; k++) {
        least = fmin(least, l->log_p[k]);
        top = fmax(top, l->log_p[k] + l->log_size[k]);
    }
    for (int k = 0; k < l->classes; k++) sum += exp(l->log_p[k] + l->log_size[k] - top);
    m->log_inverse = top + log(sum) - least;
}

/* law [n + 1] of the number of ones: the lower half */
static sg_status warm_law(const numbers *m, double **law) {
    const sg_lumped *l = m->lumped;
    double *density = NULL, top = -INFINITY, sum = 0;
    const int n = m->of->n;
    sg_status status = sg_new(law, (size_t)n + 1, sizeof(double));
    if (!status) status = sg_new(&density, (size_t)n + 1, sizeof(double));
    if (status) return status;
    for (int k = 0; k <= n; k++) top = fmax(top, l->log_p[k] + l->log_size[k]);
    for (int k = 0; k <= n; k++) sum += exp(l->log_p[k] + l->log_size[k] - top);
    for (int k = 0; k <= n; k++) (*law)[k] = density[k] = exp(l->log_p[k] + l->log_size[k] - top) / sum;
    sg_states_lower_half(n, density);
    for (int k = 0; k <= n; k++) (*law)[k] *= density[k];
    sg_delete(density);
    return SG_OK;
}

/* -------------------------------------------------------------- single flips */

static bool rates_grow(const numbers *m) {
    const double *log_p = m->lumped->log_p;
    if (!m->lumped->attractive) return false;
    for (int k = 0; k + 1 < m->of->n && !m->of->loss->row->heat_bath; k++) {
        const double u = log_p[k + 1] - log_p[k], v = log_p[k + 2] - log_p[k + 1], most = fmax(u, v),
                     least = fmin(u, v);
        if (sg_states_log_rate(m->of, most) < sg_states_log_rate(m->of, least) - 1e-12) return false;
        if (sg_states_log_rate(m->of, -least) < sg_states_log_rate(m->of, -most) - 1e-12) return false;
    }
    return true;
}

/* The worse of both ends. */
static sg_status worse_end(const numbers *m, sg_mixing *out) {
    const sg_states_problem *p = m->of;
    const sg_mixing_settings quick = {.epsilon = out->epsilon};
    sg_mixing low = {0}, high = {0};
    sg_status status = sg_birth_death_mixing(&m->chain, 0, NULL, &quick, &low);
    if (!status) status = sg_birth_death_mixing(&m->chain, p->n, NULL, &quick, &high);
    if (status) return status;
    const bool plus = high.mixing_time >= low.mixing_time;
    status = sg_birth_death_mixing(&m->chain, plus ? p->n : 0, NULL, p->settings, out);
    if (status) return status;
    sg_mixing_sandwich(out->relaxation_time, m->log_inverse, out);
    sg_states_name(p->n, 2, "worst of two: ", 0, plus, out);
    return SG_OK;
}

static sg_status worst_by_flips(const numbers *m, sg_mixing *out) {
    sg_status status = worse_end(m, out);
    bool known = false;
    if (status || out->status == SG_REFUSED || !(out->mixing_time > 0)) return status;
    sg_states_relaxation(m->of, out);
    sg_mixing all = {.epsilon = out->epsilon, .relaxation_time = out->relaxation_time, .mixing_time = out->mixing_time};
    if ((status = sg_exchange_worst(&m->dynamics, PATIENCE, m->of->settings, &known, &all)) || known) {
        all.sandwich_lower = out->sandwich_lower;
        all.sandwich_upper = out->sandwich_upper;
        all.state = -1;
        sg_mixing_clear(out);
        *out = all;
        return status;
    }
    double coupling = INFINITY;
    if (rates_grow(m)) status = sg_birth_death_coupling(&m->chain, out->epsilon, out->mixing_time, &coupling);
    sg_states_bound_all(2, coupling, out);
    return status;
}

static int ones_of(const sg_states_problem *p) {
    if (p->start->same >= 0) return p->start->same ? p->n : 0;
    return __builtin_popcountll(p->start->state);
}

/* *known is false for starts that are left to others. */
static sg_status by_flips(const numbers *m, bool *known, sg_mixing *out) {
    const sg_states_problem *p = m->of;
    const bool end = p->start->same >= 0;
    double *law = NULL;
    sg_status status = SG_OK;
    if (p->start->kind == SG_FROM_WORST) return worst_by_flips(m, out);
    *known = p->start->kind == SG_FROM_WARM || end || p->states > SG_STATES_ALL;
    if (!*known) return SG_OK;
    if (p->start->kind == SG_FROM_WARM) {
        status = warm_law(m, &law);
        if (!status) status = sg_birth_death_mixing(&m->chain, -1, law, p->settings, out);
        sg_states_warm_text(2, out);
    } else if (end) {
        status = sg_birth_death_mixing(&m->chain, p->start->same ? p->n : 0, NULL, p->settings, out);
        sg_states_name(p->n, 2, "", p->start->state, p->start->same, out);
    }
    if (!status) sg_states_relaxation(p, out);
    if (!status && p->start->kind == SG_FROM_STATE && !end) {
        status = sg_exchange_from(&m->dynamics, ones_of(p), NULL, PATIENCE, p->settings, out);
        sg_states_name(p->n, 2, "", p->start->state, p->start->same, out);
    }
    sg_delete(law);
    return status;
}

/* -------------------------------------------------------------------- blocks */

static sg_status worst_by_blocks(const numbers *m, sg_mixing *out) {
    const double relaxation_time = out->relaxation_time;
    bool known;
    out->mixing_time = relaxation_time;
    sg_status status = sg_exchange_worst(&m->dynamics, PATIENCE, m->of->settings, &known, out);
    if (status) return status;
    if (!known)
        return sg_fail(SG_REFUSED,
                       "the laws of %s from all starts over its relaxation time %g take too many steps: take fewer "
                       "sites, or a weaker coupling",
                       m->of->model->text, relaxation_time);
    sg_mixing_sandwich(relaxation_time, m->log_inverse, out);
    return SG_OK;
}

static sg_status by_blocks(const numbers *m, sg_mixing *out) {
    const sg_states_problem *p = m->of;
    double *law = NULL;
    sg_gap gap;
    sg_status status = sg_exchange_gap(&m->dynamics, &gap);
    if (status) return status;
    out->relaxation_time = gap.status == SG_OK || gap.status == SG_UNCERTIFIED ? gap.relaxation_time : NAN;
    if (p->start->kind == SG_FROM_WORST) return worst_by_blocks(m, out);
    if (p->start->kind == SG_FROM_WARM) status = warm_law(m, &law);
    if (!status) status = sg_exchange_from(&m->dynamics, ones_of(p), law, PATIENCE, p->settings, out);
    if (law)
        sg_states_warm_text(2, out);
    else
        sg_states_name(p->n, 2, "", p->start->state, p->start->same, out);
    sg_delete(law);
    return status;
}

sg_status sg_states_by_number(const sg_states_problem *p, bool *known, sg_mixing *out) {
    const sg_row *row = p->loss->row;
    numbers m = {.of = p, .dynamics = {.n = p->n}};
    *known = false;
    if (!row->rate && (!row->blocks || p->states <= SG_STATES_ALL)) return SG_OK;
    sg_status status = sg_states_numbers(p->model, known, &m.lumped);
    if (status || !*known) goto out;
    m.dynamics.log_p = m.lumped->log_p;
    find_least(&m);
    if (row->rate) {
        status = fill_chain(&m);
        if (!status) status = by_flips(&m, known, out);
    } else {
        status = sg_states_block(p, &m.dynamics.block);
        *known = !status && m.dynamics.block > 0;
        if (*known) status = by_blocks(&m, out);
    }
out:
    sg_lumped_delete(m.lumped);
    sg_delete(m.log_up);
    sg_delete(m.log_down);
    return status;
}
