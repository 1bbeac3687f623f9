/*
 * Jumps on sites with more than two states by the classes of the model, numbers of sites in each state: a law that does
 * not tell sites apart stays one, and its distance to p is that of the classes.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "states.h"

typedef struct {
    const sg_states_problem *of;
    sg_lumped *lumped;
    double *log_pi, *log_rate; /* [classes], [edges] */
    sg_chain chain;
    double *law;        /* [classes] */
    double log_inverse; /* of the least probability of a state */
} classes;

static void release(classes *c) {
    sg_lumped_delete(c->lumped);
    sg_delete(c->log_pi);
    sg_delete(c->log_rate);
    sg_delete(c->law);
}

static int members(const classes *c, int class, int state) {
    return c->lumped->composition[class * c->of->q + state];
}

static sg_status find_classes(const sg_states_problem *p, bool *known, sg_lumped **lumped) {
    *known = false;
    if (!p->model->family->lump || !p->loss->row->rate || p->states <= SG_STATES_ALL) return SG_OK;
    if (p->start->kind == SG_FROM_STATE && p->start->same < 0) return SG_OK;
    sg_status status = p->model->family->lump(p->model, p->model->truth, lumped);
    if (status == SG_REFUSED) return SG_OK;
    *known = !status && (*lumped)->composition;
    return status;
}

static sg_status fill(classes *c) {
    const sg_lumped *l = c->lumped;
    double top = -INFINITY, sum = 0, least = INFINITY;
    sg_status status = sg_new(&c->log_pi, (size_t)l->classes, sizeof(double));
    if (!status) status = sg_new(&c->log_rate, (size_t)l->edges, sizeof(double));
    if (!status) status = sg_jumps_class_rates(c->of->loss, c->of->prepared, l, c->log_rate);
    if (status) return status;
    for (int a = 0; a < l->classes; a++) top = fmax(top, l->log_p[a] + l->log_size[a]);
    for (int a = 0; a < l->classes; a++) sum += exp(l->log_p[a] + l->log_size[a] - top);
    for (int a = 0; a < l->classes; a++) {
        c->log_pi[a] = l->log_p[a] + l->log_size[a] - top - log(sum);
        least = fmin(least, l->log_p[a] - top - log(sum));
    }
    c->log_inverse = -least;
    c->chain = (sg_chain){l->classes, l->edges, l->from, l->to, c->log_rate, c->log_pi};
    return SG_OK;
}

/* The lower half by the number of sites in the last state. */
static sg_status put_warm(classes *c) {
    const int n = c->of->n, last = c->of->q - 1;
    double *density = NULL;
    sg_status status = sg_new(&c->law, (size_t)c->chain.n, sizeof(double));
    if (!status) status = sg_new(&density, (size_t)n + 1, sizeof(double));
    if (status) return status;
    for (int a = 0; a < c->chain.n; a++) density[members(c, a, last)] += exp(c->log_pi[a]);
    sg_states_lower_half(n, density);
    for (int a = 0; a < c->chain.n; a++) c->law[a] = exp(c->log_pi[a]) * density[members(c, a, last)];
    sg_delete(density);
    return SG_OK;
}

static int class_of(const classes *c, int same) {
    int a = 0;
    while (members(c, a, same) < c->of->n) a++;
    return a;
}

static sg_status worst(const classes *c, sg_mixing *out) {
    const sg_states_problem *p = c->of;
    const sg_mixing_settings quick = {.epsilon = out->epsilon, .memory = p->memory};
    double longest = -1;
    char prefix[24];
    int best = 0;
    for (int same = 0; same < p->q; same++) {
        sg_mixing one = {0};
        sg_status status = sg_chain_mixing(&c->chain, class_of(c, same), NULL, &quick, &one);
        if (status) return status;
        if (one.mixing_time > longest) longest = one.mixing_time, best = same;
        sg_mixing_clear(&one);
    }
    sg_status status = sg_chain_mixing(&c->chain, class_of(c, best), NULL, p->settings, out);
    snprintf(prefix, sizeof prefix, "worst of %d: ", p->q);
    sg_states_name(p->n, p->q, prefix, 0, best, out);
    return status;
}

static sg_status solve(classes *c, sg_mixing *out) {
    const sg_states_problem *p = c->of;
    sg_gap gap;
    sg_status status = fill(c);
    if (!status && p->start->kind == SG_FROM_WARM) status = put_warm(c);
    if (status) return status;
    if (p->start->kind == SG_FROM_WORST)
        status = worst(c, out);
    else
        status = sg_chain_mixing(&c->chain, c->law ? -1 : class_of(c, p->start->same), c->law, p->settings, out);
    if (status) return status;
    const size_t used = strlen(out->method);
    snprintf(out->method + used, sizeof out->method - used, " of classes of states");
    out->state = -1;
    if (c->law) sg_states_warm_text(p->q, out);
    if (p->start->kind == SG_FROM_STATE) sg_states_name(p->n, p->q, "", 0, p->start->same, out);
    /* other modes may be slower than those of the classes; they are looked for where that is not long */
    if (p->states > SG_STATES_SINGLE || sg_spectrum_gap(p->model, p->loss, NULL, &gap, NULL)) gap.status = SG_REFUSED;
    out->relaxation_time = gap.status == SG_OK ? gap.relaxation_time : NAN;
    if (p->start->kind != SG_FROM_WORST) return SG_OK;
    if (gap.status == SG_OK) sg_mixing_sandwich(gap.relaxation_time, c->log_inverse, out);
    sg_states_bound_all(p->q, INFINITY, out);
    return SG_OK;
}

sg_status sg_states_by_classes(const sg_states_problem *p, bool *known, sg_mixing *out) {
    classes c = {.of = p};
    sg_status status = find_classes(p, known, &c.lumped);
    if (!status && *known) status = solve(&c, out);
    release(&c);
    return status;
}
