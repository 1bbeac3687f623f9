#include "family/elimination.h"

#include <math.h>
#include <string.h>

/* Tables beyond this are cut where that costs little; below it they stay in the second-level cache. */
static const double SMALL = 0x1p16, LITTLE = 2, HOPELESS = 16;

void sg_elimination_delete(sg_elimination *plan) {
    if (!plan) return;
    sg_delete(plan->cut);
    sg_site_order_delete(&plan->order);
    sg_delete(plan->child);
    sg_delete(plan->next);
    sg_delete(plan->first);
    sg_delete(plan->following);
    sg_delete(plan->slot);
    sg_delete(plan->table);
    sg_delete(plan->message);
    sg_delete(plan);
}

/* ------------------------------------------------------------------------- cuts */

static double work_of(const sg_site_order *order, int q, int cuts) {
    return order->entries * pow(q, cuts);
}

/* The site that stands in most of the entries. */
static sg_status heaviest(const sg_site_graph *g, const sg_site_order *o, int *site) {
    double *weight = NULL;
    sg_status status = sg_new(&weight, (size_t)g->n, sizeof(double));
    if (status != SG_OK) return status;
    for (int k = 0; k < o->count; k++) {
        const int ties = o->start[k + 1] - o->start[k];
        const double entries = pow(g->q, ties + 1);
        weight[o->order[k]] += entries;
        for (int a = o->start[k]; a < o->start[k + 1]; a++) weight[o->order[o->later[a]]] += entries;
    }
    *site = 0;
    for (int i = 1; i < g->n; i++)
        if (weight[i] > weight[*site]) *site = i;
    sg_delete(weight);
    return SG_OK;
}

static sg_status cut_one(const sg_site_graph *g, int way, bool *cut, int *chosen, int *cuts, sg_site_order *order) {
    sg_status status = heaviest(g, order, &chosen[*cuts]);
    sg_site_order_delete(order);
    if (status != SG_OK) return status;
    cut[chosen[(*cuts)++]] = true;
    return sg_site_order_new(g, cut, way, order);
}

/* Room for the tables of `components` numbers an entry, and for about twice as much of their messages. */
static bool fits(const sg_site_order *order, int components) {
    return 3 * order->largest * components * sizeof(double) <= SG_ELIMINATION_BYTES;
}

/* The plan so far: has it room, and how much work is the least that one with room was? */
typedef struct {
    const sg_site_graph *graph;
    int components, most;
    bool room, *cut; /* [n] */
    int *chosen;     /* [most] */
    double least;
} cutting;

/* Is an order to be kept in place of that of the plan? */
static bool is_better(const cutting *c, const sg_site_order *order, const sg_elimination *plan, double work) {
    if (!fits(order, c->components)) return false;
    return c->room ? work <= LITTLE * c->least && order->largest < plan->order.largest : work <= SG_ELIMINATION_ENTRIES;
}

static sg_status keep_cuts(cutting *c, int cuts, double work, sg_elimination *plan) {
    c->least = c->room ? fmin(c->least, work) : work;
    c->room = true;
    plan->cuts = cuts;
    for (int k = 0; k < cuts; k++) plan->cut[k] = c->chosen[k];
    sg_site_order_delete(&plan->order);
    return sg_site_order_new(c->graph, c->cut, SG_SITE_ORDER_ANY, &plan->order);
}

/* Cuts the heaviest site of an order of one kind, one after the other. */
static sg_status try_cuts(cutting *c, int way, sg_elimination *plan) {
    const sg_site_graph *g = c->graph;
    sg_site_order trial = {0};
    for (int i = 0; i < g->n; i++) c->cut[i] = false;
    sg_status status = sg_site_order_new(g, c->cut, way, &trial);
    for (int cuts = 0; status == SG_OK && cuts < c->most && trial.count > 1;) {
        if (!isfinite(trial.entries) || trial.largest <= SMALL) break;
        status = cut_one(g, way, c->cut, c->chosen, &cuts, &trial);
        const double work = status == SG_OK ? work_of(&trial, g->q, cuts) : INFINITY;
        if (c->room ? work > HOPELESS * c->least : !isfinite(work)) break;
        if (is_better(c, &trial, plan, work)) status = keep_cuts(c, cuts, work, plan);
    }
    sg_site_order_delete(&trial);
    return status;
}

/* As many cuts as are needed for the tables to fit, or make them small at little more work. */
static sg_status choose_cuts(const sg_site_graph *g, int components, bool *cut, sg_elimination *plan) {
    cutting c = {.graph = g, .components = components, .most = sg_site_order_most(g->q), .cut = cut};
    sg_status status = sg_site_order_new(g, cut, SG_SITE_ORDER_ANY, &plan->order);
    if (status != SG_OK || !isfinite(plan->order.entries) || plan->order.largest <= SMALL) return status;
    c.least = plan->order.entries;
    c.room = fits(&plan->order, components) && c.least <= SG_ELIMINATION_ENTRIES;
    status = sg_new(&c.chosen, (size_t)c.most + 1, sizeof(int));
    for (int way = 0; way < SG_SITE_ORDERS && status == SG_OK; way++) status = try_cuts(&c, way, plan);
    sg_delete(c.chosen);
    return status;
}

/* ------------------------------------------------------------------ where things stand */

/* Lists of what goes into each table: earlier tables and factors. */
static sg_status fill_lists(const sg_factors *factors, sg_elimination *plan) {
    const sg_site_order *o = &plan->order;
    const int count = o->count;
    sg_status status = sg_new(&plan->child, (size_t)count + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&plan->next, (size_t)count + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&plan->first, (size_t)count + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&plan->following, (size_t)factors->count + 1, sizeof(int));
    if (status != SG_OK) return status;
    for (int k = 0; k <= count; k++) plan->child[k] = plan->next[k] = plan->first[k] = -1;
    for (int k = 0; k < count; k++) {
        if (!sg_elimination_later(plan, k)) continue;
        const int parent = o->later[o->start[k]];
        plan->next[k] = plan->child[parent];
        plan->child[parent] = k;
    }
    for (int f = factors->count - 1; f >= 0; f--) {
        const sg_factor *factor = &factors->factor[f];
        int at = count;
        for (int k = 0; k < factor->sites; k++) {
            const int position = o->position[factor->site[k]];
            if (position >= 0 && position < at) at = position;
        }
        plan->following[f] = plan->first[at];
        plan->first[at] = f;
    }
    return SG_OK;
}

/* Messages are forgotten once they have gone into a table; their places, by size, are used again. */
static sg_status fill_places(sg_elimination *plan) {
    const int count = plan->order.count;
    int *free_place = NULL, spare[SG_MAP_DIGITS];
    sg_status status = sg_new(&plan->slot, (size_t)count + 1, sizeof(size_t));
    if (status == SG_OK) status = sg_new(&plan->table, (size_t)count + 1, sizeof(size_t));
    if (status == SG_OK) status = sg_new(&plan->message, (size_t)count + 1, sizeof(size_t));
    if (status == SG_OK) status = sg_new(&free_place, (size_t)count + 1, sizeof(int));
    if (status != SG_OK) return status;
    for (int size = 0; size < SG_MAP_DIGITS; size++) spare[size] = -1;
    for (int k = 0; k < count; k++) {
        const int later = sg_elimination_later(plan, k);
        const size_t entries = sg_elimination_power(plan->q, later);
        plan->table[k] = plan->tables;
        plan->tables += entries * (size_t)plan->q;
        plan->message[k] = plan->messages;
        plan->messages += entries;
        if (spare[later] >= 0) {
            plan->slot[k] = plan->slot[spare[later]];
            spare[later] = free_place[spare[later]];
        } else {
            plan->slot[k] = plan->slots;
            plan->slots += entries;
        }
        for (int c = plan->child[k]; c >= 0; c = plan->next[c]) {
            const int size = sg_elimination_later(plan, c);
            free_place[c] = spare[size];
            spare[size] = c;
        }
    }
    sg_delete(free_place);
    return SG_OK;
}

static sg_status check_work(const sg_elimination *plan) {
    const double work = work_of(&plan->order, plan->q, plan->cuts);
    if (!isfinite(work))
        return sg_fail(SG_REFUSED,
                       "no order of elimination was found for these %d sites: each needs tables of more than 2^30 "
                       "entries; take a narrower graph (strips up to 20 sites wide, periodic ones up to 12)",
                       plan->n);
    if (work > SG_ELIMINATION_ENTRIES || plan->order.largest * sizeof(double) > SG_ELIMINATION_BYTES)
        return sg_fail(
            SG_REFUSED,
            "the best order of elimination found for these %d sites has tables of %g entries in all and %g "
            "in one (at most 2^34 and 2^27): take a narrower graph (strips up to 20 sites wide, periodic ones up to "
            "12)",
            plan->n, work, plan->order.largest);
    return SG_OK;
}

/* Numbers an entry of a table, covariances included. */
static int components_of(const sg_factors *factors) {
    const int sums = factors->sums <= SG_ELIMINATION_FEW ? factors->sums : 0;
    return 1 + sums + sums * (sums + 1) / 2;
}

static sg_status fill_plan(const sg_factors *factors, bool cuts, sg_elimination *plan) {
    sg_site_graph graph = {0};
    bool *cut = NULL;
    *plan = (sg_elimination){.n = factors->d, .q = factors->q, .factors = factors->count};
    sg_status status = sg_site_graph_new(factors, &graph);
    if (status == SG_OK) status = sg_new(&cut, (size_t)plan->n, sizeof(bool));
    if (status == SG_OK) status = sg_new(&plan->cut, (size_t)sg_site_order_most(plan->q) + 1, sizeof(int));
    if (status == SG_OK && cuts) status = choose_cuts(&graph, components_of(factors), cut, plan);
    if (status == SG_OK && !cuts) status = sg_site_order_new(&graph, cut, SG_SITE_ORDER_ANY, &plan->order);
    if (status == SG_OK) status = check_work(plan);
    plan->assignments = pow(plan->q, plan->cuts);
    plan->largest = (size_t)plan->order.largest;
    if (status == SG_OK) status = fill_lists(factors, plan);
    if (status == SG_OK) status = fill_places(plan);
    sg_site_graph_delete(&graph);
    sg_delete(cut);
    return status;
}

sg_status sg_elimination_plan(const sg_factors *factors, bool cuts, sg_elimination **plan) {
    sg_elimination *made = NULL;
    *plan = NULL;
    if (factors->q < 2)
        return sg_fail(SG_OUT_OF_RANGE, "sites have %d states: elimination takes at least 2", factors->q);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = fill_plan(factors, cuts, made);
    if (status != SG_OK) {
        sg_elimination_delete(made);
        return status;
    }
    *plan = made;
    return SG_OK;
}

sg_status sg_elimination_new(const sg_factors *factors, sg_elimination **plan) {
    return sg_elimination_plan(factors, factors->sums <= SG_ELIMINATION_FEW, plan);
}
