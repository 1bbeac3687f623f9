/* Mixing times of chains that a model gives by their rates, reversible or not. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "finite.h"
#include "solve.h"
#include "spectrum/chain/graph.h"

typedef struct {
    sg_rates rates;
    double *log_rate;
    sg_chain chain;
    sg_graph *graph;
    int start;   /* -1: the worst, or `law` */
    double *law; /* [n] */
} problem;

static void release(problem *p) {
    sg_delete(p->log_rate);
    sg_delete(p->law);
    sg_graph_delete(p->graph);
}

/* The lower half of pi by the numbers of the states: density 2 below one of them, 0 above. */
static sg_status put_warm(problem *p) {
    double left = 0.5;
    sg_status status = sg_new(&p->law, (size_t)p->chain.n, sizeof(double));
    for (int x = 0; !status && x < p->chain.n; x++) {
        const double taken = fmin(left, exp(p->graph->log_pi[x]));
        left -= taken;
        p->law[x] = 2 * taken;
    }
    return status;
}

static sg_status fill(const sg_model *model, problem *p) {
    model->family->rates(model, model->truth, &p->rates);
    sg_status status = sg_new(&p->log_rate, (size_t)p->rates.edges, sizeof(double));
    if (status) return status;
    for (long long e = 0; e < p->rates.edges; e++) p->log_rate[e] = p->rates.log_rate[e] + log(p->rates.speed);
    p->chain = (sg_chain){
        .n = p->rates.n, .edges = p->rates.edges, .from = p->rates.from, .to = p->rates.to, .log_rate = p->log_rate};
    status = sg_graph_new(&p->chain, &p->graph);
    if (!status) p->chain.log_pi = p->graph->log_pi;
    return status;
}

/* ------------------------------------------------------------- along a path */

static void along(const sg_graph *g, const int *order, double *up, double *down) {
    for (int k = 0; k + 1 < g->n; k++)
        for (size_t a = g->start[order[k]]; a < g->start[order[k] + 1]; a++) {
            if (g->to[a] != order[k + 1]) continue;
            up[k] = g->log_rate[a];
            down[k] = g->log_rate[g->reverse[a]];
        }
}

/* A birth-death chain in the order of the path, to which no depth is too great. */
static sg_status by_path(const problem *p, const int *order, const sg_mixing_settings *settings, sg_mixing *out) {
    const size_t n = (size_t)p->chain.n;
    double *up = NULL, *down = NULL, *law = NULL;
    int start = -1;
    sg_status status = sg_new(&up, n, sizeof(double));
    if (!status) status = sg_new(&down, n, sizeof(double));
    if (!status && p->law) status = sg_new(&law, n, sizeof(double));
    if (status) goto out;
    along(p->graph, order, up, down);
    for (int k = 0; k < p->chain.n; k++) {
        if (order[k] == p->start) start = k;
        if (law) law[k] = p->law[order[k]];
    }
    const sg_birth_death path = {p->chain.n, up, down};
    status = sg_birth_death_mixing(&path, start, law, settings, out);
    if (!status && out->state >= 0) {
        out->state = order[out->state];
        snprintf(out->start, sizeof out->start, p->start < 0 ? "worst: state %d of %d" : "state %d", out->state,
                 p->chain.n);
    }
out:
    sg_delete(up);
    sg_delete(down);
    sg_delete(law);
    return status;
}

sg_status sg_mixing_of_rates(const sg_model *model, const sg_sites_start *start, const sg_mixing_settings *settings,
                             sg_mixing *out) {
    problem p = {.start = start->kind == SG_FROM_STATE ? (int)start->state : -1};
    int *order = NULL;
    sg_status status = fill(model, &p);
    if (!status && start->kind == SG_FROM_WARM) status = put_warm(&p);
    if (!status) status = sg_new(&order, (size_t)p.chain.n, sizeof *order);
    if (status) goto out;
    if (p.graph->reversible && sg_graph_is_path(p.graph, order))
        status = by_path(&p, order, settings, out);
    else
        status = sg_chain_mixing(&p.chain, p.start, p.law, settings, out);
    if (p.law) strcpy(out->start, "warm: the lower half by the numbers of the states");
out:
    sg_delete(order);
    release(&p);
    return status;
}
