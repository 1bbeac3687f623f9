/* Orders of elimination, and the tables that they lead to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "family/elimination.h"

static const double LARGEST = 0x1p30; /* entries of a table in an order that is looked at */

int sg_site_order_most(int q) {
    return (int)floor(log(LARGEST) / log(q) + 1e-9);
}

/* ------------------------------------------------------------------- who meets whom */

void sg_site_graph_delete(sg_site_graph *graph) {
    sg_delete(graph->start);
    sg_delete(graph->neighbour);
    *graph = (sg_site_graph){0};
}

static int ascending(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Each neighbour once. */
static void drop_doubles(sg_site_graph *g) {
    int kept = 0;
    for (int i = 0, from = 0; i < g->n; i++) {
        const int end = g->start[i + 1], first = kept;
        if (end > from) qsort(g->neighbour + from, (size_t)(end - from), sizeof(int), ascending);
        for (int k = from; k < end; k++)
            if (kept == first || g->neighbour[kept - 1] != g->neighbour[k]) g->neighbour[kept++] = g->neighbour[k];
        from = end;
        g->start[i + 1] = kept;
    }
}

sg_status sg_site_graph_new(const sg_factors *factors, sg_site_graph *graph) {
    const int n = factors->d, most = sg_site_order_most(factors->q);
    long long pairs = 0;
    *graph = (sg_site_graph){.n = n, .q = factors->q};
    for (int f = 0; f < factors->count; f++) {
        const int sites = factors->factor[f].sites;
        if (sites > most)
            return sg_fail(SG_REFUSED, "a factor has %d sites: at most %d can stand in a table", sites, most);
        pairs += (long long)sites * (sites - 1);
    }
    if (pairs > INT32_MAX) return sg_fail(SG_REFUSED, "%lld pairs of sites are tied: take a smaller graph", pairs / 2);
    sg_status status = sg_new(&graph->start, (size_t)n + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&graph->neighbour, (size_t)pairs + 1, sizeof(int));
    if (status != SG_OK) {
        sg_site_graph_delete(graph);
        return status;
    }
    for (int f = 0; f < factors->count; f++) {
        const sg_factor *factor = &factors->factor[f];
        for (int k = 0; k < factor->sites; k++) graph->start[factor->site[k] + 2] += factor->sites - 1;
    }
    for (int i = 0; i < n; i++) graph->start[i + 2] += graph->start[i + 1];
    for (int f = 0; f < factors->count; f++) {
        const sg_factor *factor = &factors->factor[f];
        for (int k = 0; k < factor->sites; k++)
            for (int l = 0; l < factor->sites; l++)
                if (l != k) graph->neighbour[graph->start[factor->site[k] + 1]++] = factor->site[l];
    }
    drop_doubles(graph);
    return SG_OK;
}

/* ------------------------------------------------------ the tables of an order */

void sg_site_order_delete(sg_site_order *order) {
    sg_delete(order->order);
    sg_delete(order->position);
    sg_delete(order->start);
    sg_delete(order->later);
    *order = (sg_site_order){0};
}

static sg_status make_room(sg_site_order *o, size_t room) {
    int *longer = NULL;
    if (room <= o->room) return SG_OK;
    room *= 2;
    sg_status status = sg_new(&longer, room, sizeof(int));
    if (status != SG_OK) return status;
    if (o->room) memcpy(longer, o->later, o->room * sizeof(int));
    sg_delete(o->later);
    o->later = longer;
    o->room = room;
    return SG_OK;
}

static void add_marked(int position, int own, int *mark, int *later, int *count) {
    if (position <= own || mark[position] == own) return;
    mark[position] = own;
    later[(*count)++] = position;
}

/* What is tied to position k: its neighbours to come, and what is left of the tables that go into its own. */
static void tie(const sg_site_graph *g, const sg_site_order *o, int k, const int *child, const int *next, int *mark,
                int *later, int *count) {
    const int site = o->order[k];
    *count = 0;
    for (int a = g->start[site]; a < g->start[site + 1]; a++)
        add_marked(o->position[g->neighbour[a]], k, mark, later, count);
    for (int c = child[k]; c >= 0; c = next[c])
        for (int a = o->start[c]; a < o->start[c + 1]; a++) add_marked(o->later[a], k, mark, later, count);
    if (*count > 1) qsort(later, (size_t)*count, sizeof(int), ascending);
}

/* The most that position k can be tied to. */
static size_t most_ties(const sg_site_graph *g, const sg_site_order *o, int k, const int *child, const int *next) {
    size_t most = (size_t)(g->start[o->order[k] + 1] - g->start[o->order[k]]);
    for (int c = child[k]; c >= 0; c = next[c]) most += (size_t)(o->start[c + 1] - o->start[c]);
    return most;
}

/* Fills in the tables; gives up beyond `limit` entries: INFINITY. */
static sg_status fill_tables(const sg_site_graph *g, double limit, sg_site_order *o) {
    int *work = NULL, *mark, *child, *next, ties;
    const int count = o->count, most = sg_site_order_most(g->q);
    sg_status status = sg_new(&work, 3 * (size_t)count + 1, sizeof(int));
    if (status != SG_OK) return status;
    mark = work;
    child = mark + count;
    next = child + count;
    for (int k = 0; k < 3 * count; k++) work[k] = -1;
    o->entries = o->largest = o->width = 0;
    for (int k = 0; k < count; k++) {
        status = make_room(o, (size_t)o->start[k] + most_ties(g, o, k, child, next));
        if (status != SG_OK) break;
        tie(g, o, k, child, next, mark, o->later + o->start[k], &ties);
        const double entries = pow(g->q, ties + 1);
        o->start[k + 1] = o->start[k] + ties;
        o->entries += entries;
        o->largest = fmax(o->largest, entries);
        o->width = ties + 1 > o->width ? ties + 1 : o->width;
        if (ties + 1 > most || o->entries > limit) {
            o->entries = INFINITY;
            break;
        }
        if (!ties) continue;
        const int parent = o->later[o->start[k]];
        next[k] = child[parent];
        child[parent] = k;
    }
    sg_delete(work);
    return status;
}

/* ------------------------------------------------------------------------- orders */

/* The site that is last by breadth first from `from`; queue [n]. */
static int farthest(const sg_site_graph *g, const bool *cut, int from, bool *seen, int *queue) {
    int count = 1;
    for (int i = 0; i < g->n; i++) seen[i] = cut[i];
    seen[from] = true;
    queue[0] = from;
    for (int done = 0; done < count; done++)
        for (int a = g->start[queue[done]]; a < g->start[queue[done] + 1]; a++) {
            if (seen[g->neighbour[a]]) continue;
            seen[g->neighbour[a]] = true;
            queue[count++] = g->neighbour[a];
        }
    return queue[count - 1];
}

/* Sites that are seen, at most FRONT of them, and not yet in the order. */
enum { FRONT = 64 };
typedef struct {
    int count, site[FRONT + 1];
} front;

static bool see(int site, bool *seen, front *f) {
    if (seen[site]) return true;
    seen[site] = true;
    f->site[f->count++] = site;
    return f->count <= FRONT;
}

/* Takes out the site of the front with the fewest neighbours that are not seen, the first of these. */
static int take_least(const sg_site_graph *g, const bool *seen, front *f) {
    int best = 0, least = INT32_MAX;
    for (int k = 0; k < f->count && least; k++) {
        int fresh = 0;
        for (int a = g->start[f->site[k]]; a < g->start[f->site[k] + 1]; a++) fresh += !seen[g->neighbour[a]];
        if (fresh >= least) continue;
        least = fresh;
        best = k;
    }
    const int site = f->site[best];
    f->count--;
    for (int k = best; k < f->count; k++) f->site[k] = f->site[k + 1];
    return site;
}

/* From an end of the graph, so that the front grows least (King 1970). */
static void along(const sg_site_graph *g, const bool *cut, bool *seen, int *order, bool *found) {
    int from = 0, count = 0;
    front f = {0};
    while (cut[from]) from++;
    for (int turn = 0; turn < 2; turn++) from = farthest(g, cut, from, seen, order);
    for (int i = 0; i < g->n; i++) seen[i] = cut[i];
    *found = see(from, seen, &f);
    for (int next = 0; *found;) {
        while (!f.count && next < g->n && seen[next]) next++;
        if (!f.count && next == g->n) break;
        if (!f.count) *found = see(next, seen, &f);
        const int site = order[count++] = take_least(g, seen, &f);
        for (int a = g->start[site]; a < g->start[site + 1] && *found; a++) *found = see(g->neighbour[a], seen, &f);
    }
}

/* The most frequent difference beyond 1 of neighbours' numbers: of a lattice, that between its rows; 0: none. */
static sg_status stride_of(const sg_site_graph *g, int *stride) {
    int *apart = NULL, count = 0, most = 0;
    *stride = 0;
    sg_status status = sg_new(&apart, (size_t)g->start[g->n] + 1, sizeof(int));
    if (status != SG_OK) return status;
    for (int i = 0; i < g->n; i++)
        for (int a = g->start[i]; a < g->start[i + 1]; a++)
            if (g->neighbour[a] > i + 1) apart[count++] = g->neighbour[a] - i;
    if (count > 1) qsort(apart, (size_t)count, sizeof(int), ascending);
    for (int k = 0, run = 0; k < count; k++) {
        run = k && apart[k] == apart[k - 1] ? run + 1 : 1;
        if (run > most) most = run, *stride = apart[k];
    }
    sg_delete(apart);
    return SG_OK;
}

/* As numbered, but across the rows. */
static sg_status across(const sg_site_graph *g, const bool *cut, int *order, bool *found) {
    int stride, count = 0;
    sg_status status = stride_of(g, &stride);
    *found = status == SG_OK && stride > 0;
    for (int first = 0; *found && first < stride; first++)
        for (int i = first; i < g->n; i += stride)
            if (!cut[i]) order[count++] = i;
    return status;
}

enum { NUMBERED, REVERSED, ACROSS, ALONG, FILL };

static sg_status propose(const sg_site_graph *g, const bool *cut, int which, bool *seen, sg_site_order *o,
                         bool *found) {
    int count = 0;
    *found = true;
    if (which == NUMBERED)
        for (int i = 0; i < g->n; i++) {
            if (!cut[i]) o->order[count++] = i;
        }
    if (which == REVERSED)
        for (int i = g->n - 1; i >= 0; i--) {
            if (!cut[i]) o->order[count++] = i;
        }
    if (which == ACROSS) return across(g, cut, o->order, found);
    if (which == ALONG) along(g, cut, seen, o->order, found);
    return which == FILL ? sg_site_order_fill(g, cut, o->order, found) : SG_OK;
}

static sg_status take_order(const sg_site_graph *g, const bool *cut, sg_site_order *o) {
    *o = (sg_site_order){.entries = INFINITY};
    for (int i = 0; i < g->n; i++) o->count += !cut[i];
    sg_status status = sg_new(&o->order, (size_t)g->n + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&o->position, (size_t)g->n, sizeof(int));
    if (status == SG_OK) status = sg_new(&o->start, (size_t)g->n + 1, sizeof(int));
    return status;
}

static sg_status try_order(const sg_site_graph *g, const bool *cut, int which, double limit, bool *seen,
                           sg_site_order *o) {
    bool found;
    sg_status status = propose(g, cut, which, seen, o, &found);
    if (status != SG_OK || !found) return status;
    for (int i = 0; i < g->n; i++) o->position[i] = -1;
    for (int k = 0; k < o->count; k++) o->position[o->order[k]] = k;
    return fill_tables(g, limit, o);
}

static sg_status keep_cheaper(const sg_site_graph *graph, const bool *cut, int which, bool *seen,
                              sg_site_order *order) {
    sg_site_order other;
    sg_status status = take_order(graph, cut, &other);
    if (status == SG_OK) status = try_order(graph, cut, which, order->entries, seen, &other);
    if (status == SG_OK && other.entries < order->entries) {
        sg_site_order_delete(order);
        *order = other;
    } else {
        sg_site_order_delete(&other);
    }
    return status;
}

/* Tables of up to three sites are as good as any. */
sg_status sg_site_order_new(const sg_site_graph *graph, const bool *cut, int way, sg_site_order *order) {
    const double enough = pow(graph->q, 3) * graph->n;
    bool *seen = NULL;
    sg_status status = take_order(graph, cut, order);
    if (status == SG_OK) status = sg_new(&seen, (size_t)graph->n, sizeof(bool));
    for (int which = 0; which < SG_SITE_ORDERS && status == SG_OK && order->count && order->entries > enough; which++)
        if (way < 0 || way == which) status = keep_cheaper(graph, cut, which, seen, order);
    if (!order->count) order->entries = 0;
    sg_delete(seen);
    if (status != SG_OK) sg_site_order_delete(order);
    return status;
}
