/* Explicit chains: arcs merged and sorted, communicating states, reversibility and the law. */
#include "graph.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BALANCE 1e-10 /* relative, of flows */

static double log_add(double a, double b) {
    double most = a > b ? a : b, least = a > b ? b : a;
    return most + log1p(exp(least - most));
}

/* -------------------------------------------------------------------- arcs */

static sg_status check(const sg_chain *chain) {
    if (chain->n < 2)
        return sg_fail(SG_OUT_OF_RANGE, "a chain of %d states has no gap: n must be at least 2", chain->n);
    for (long long e = 0; e < chain->edges; e++) {
        int x = chain->from[e], y = chain->to[e];
        if (x < 0 || x >= chain->n || y < 0 || y >= chain->n || x == y)
            return sg_fail(SG_OUT_OF_RANGE,
                           "transition %lld leads from %d to %d: it must join two of the states 0 to %d", e, x, y,
                           chain->n - 1);
        if (!isfinite(chain->log_rate[e]))
            return sg_fail(SG_OUT_OF_RANGE, "the rate from %d to %d has the log %g: it must be positive and finite", x,
                           y, chain->log_rate[e]);
    }
    for (int x = 0; chain->log_pi && x < chain->n; x++)
        if (!isfinite(chain->log_pi[x]))
            return sg_fail(SG_OUT_OF_RANGE, "log pi of state %d is %g: leave out states without mass", x,
                           chain->log_pi[x]);
    return SG_OK;
}

/* Positions that sort `key` stably, by counting: place [edges] from the order given (NULL: as they stand). */
static void sort_by(int n, size_t edges, const int *key, const size_t *before, size_t *count, size_t *after) {
    memset(count, 0, ((size_t)n + 1) * sizeof *count);
    for (size_t e = 0; e < edges; e++) count[key[e] + 1]++;
    for (int x = 0; x < n; x++) count[x + 1] += count[x];
    for (size_t k = 0; k < edges; k++) {
        size_t e = before ? before[k] : k;
        after[count[key[e]]++] = e;
    }
}

/* Arcs in order of (from, to); equal ones are added. */
static sg_status sort_arcs(const sg_chain *chain, sg_graph *g) {
    const size_t edges = (size_t)chain->edges;
    size_t *by_target = NULL, *order = NULL;
    sg_status status = sg_new(&by_target, edges, sizeof *by_target);
    if (!status) status = sg_new(&order, edges, sizeof *order);
    if (status) goto out;
    sort_by(g->n, edges, chain->to, NULL, g->start, by_target);
    sort_by(g->n, edges, chain->from, by_target, g->start, order);
    memset(g->start, 0, ((size_t)g->n + 1) * sizeof *g->start);
    g->log_unit = -INFINITY;
    for (size_t k = 0; k < edges; k++) {
        size_t e = order[k], last = g->arcs - 1;
        bool same = k > 0 && chain->from[e] == chain->from[order[k - 1]] && chain->to[e] == chain->to[order[k - 1]];
        if (same) {
            g->log_rate[last] = log_add(g->log_rate[last], chain->log_rate[e]);
        } else {
            g->to[g->arcs] = chain->to[e];
            g->log_rate[g->arcs++] = chain->log_rate[e];
            g->start[chain->from[e] + 1]++;
        }
    }
    for (size_t a = 0; a < g->arcs; a++) g->log_unit = fmax(g->log_unit, g->log_rate[a]);
    for (int x = 0; x < g->n; x++) g->start[x + 1] += g->start[x];
out:
    sg_delete(by_target);
    sg_delete(order);
    return status;
}

static size_t find_arc(const sg_graph *g, int from, int to) {
    size_t lo = g->start[from], hi = g->start[from + 1];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (g->to[mid] < to)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < g->start[from + 1] && g->to[lo] == to ? lo : SIZE_MAX;
}

static void find_reverses(sg_graph *g) {
    for (int x = 0; x < g->n; x++)
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) g->reverse[a] = find_arc(g, g->to[a], x);
}

/* ------------------------------------------------------------ communication */

/* What is reached from state 0 by lists of neighbours: those of x are list[start[x]] .. list[start[x+1] - 1]. */
static void reach(int n, const size_t *start, const int *list, bool *seen, int *queue) {
    int length = 1;
    memset(seen, 0, (size_t)n * sizeof *seen);
    seen[0] = true;
    queue[0] = 0;
    for (int k = 0; k < length; k++)
        for (size_t a = start[queue[k]]; a < start[queue[k] + 1]; a++) {
            if (seen[list[a]]) continue;
            seen[list[a]] = true;
            queue[length++] = list[a];
        }
}

/* The lists of states that lead to each state. */
static sg_status turn_around(const sg_graph *g, size_t *start, int *list) {
    size_t *next = NULL;
    sg_status status = sg_new(&next, (size_t)g->n, sizeof *next);
    if (status) return status;
    for (size_t a = 0; a < g->arcs; a++) start[g->to[a] + 1]++;
    for (int x = 0; x < g->n; x++) start[x + 1] += start[x];
    for (int x = 0; x < g->n; x++) next[x] = start[x];
    for (int x = 0; x < g->n; x++)
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) list[next[g->to[a]]++] = x;
    sg_delete(next);
    return SG_OK;
}

static sg_status check_communication(const sg_graph *g, bool *seen, int *queue) {
    size_t *start = NULL;
    int *list = NULL, lost = 0;
    sg_status status = sg_new(&start, (size_t)g->n + 1, sizeof *start);
    if (!status) status = sg_new(&list, g->arcs, sizeof *list);
    if (!status) status = turn_around(g, start, list);
    if (status) goto out;
    reach(g->n, g->start, g->to, seen, queue);
    while (lost < g->n && seen[lost]) lost++;
    if (lost < g->n) {
        status = sg_fail(SG_REFUSED, "the chain is reducible: state %d cannot be reached from state 0", lost);
        goto out;
    }
    reach(g->n, start, list, seen, queue);
    for (lost = 0; lost < g->n && seen[lost];) lost++;
    if (lost < g->n)
        status = sg_fail(SG_REFUSED, "the chain is reducible: state 0 cannot be reached from state %d", lost);
out:
    sg_delete(start);
    sg_delete(list);
    return status;
}

/* -------------------------------------------------------------------- the law */

static void normalize(int n, double *log_pi) {
    double top = -INFINITY, sum = 0;
    for (int x = 0; x < n; x++) top = fmax(top, log_pi[x]);
    for (int x = 0; x < n; x++) sum += exp(log_pi[x] - top);
    for (int x = 0; x < n; x++) log_pi[x] -= top + log(sum);
}

/* Detailed balance along every arc. */
static bool balanced(const sg_graph *g) {
    for (int x = 0; x < g->n; x++)
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            if (g->reverse[a] == SIZE_MAX) return false;
            double out = g->log_pi[x] + g->log_rate[a], in = g->log_pi[g->to[a]] + g->log_rate[g->reverse[a]];
            if (!(fabs(out - in) <= BALANCE + 64 * DBL_EPSILON * fabs(g->log_pi[x]))) return false;
        }
    return true;
}

/* The law that a reversible chain must have, from state to state by detailed balance. */
static bool law_by_balance(sg_graph *g, bool *seen, int *queue) {
    int length = 1;
    memset(seen, 0, (size_t)g->n * sizeof *seen);
    seen[0] = true;
    queue[0] = 0;
    g->log_pi[0] = 0;
    for (int k = 0; k < length; k++)
        for (size_t a = g->start[queue[k]]; a < g->start[queue[k] + 1]; a++) {
            if (g->reverse[a] == SIZE_MAX) return false;
            if (seen[g->to[a]]) continue;
            seen[g->to[a]] = true;
            queue[length++] = g->to[a];
            g->log_pi[g->to[a]] = g->log_pi[queue[k]] + g->log_rate[a] - g->log_rate[g->reverse[a]];
        }
    normalize(g->n, g->log_pi);
    return balanced(g);
}

static sg_status law_by_elimination(sg_graph *g, int *order) {
    const size_t n = (size_t)g->n;
    long double *q = NULL, *leave = NULL, *mass = NULL;
    sg_status status = SG_OK;
    if (g->n > SG_CHAIN_ELIMINATE)
        return sg_fail(SG_OUT_OF_RANGE, "the chain of %d states is not reversible: give log_pi, or at most %d states",
                       g->n, SG_CHAIN_ELIMINATE);
    if ((status = sg_new(&q, n * n, sizeof *q))) goto out;
    if ((status = sg_new(&leave, n, sizeof *leave))) goto out;
    if ((status = sg_new(&mass, n, sizeof *mass))) goto out;
    for (int x = 0; x < g->n; x++) order[x] = x;
    if ((status = sg_graph_eliminate(g, order, q, leave))) goto out;
    mass[0] = 1;
    for (size_t k = 1; k < n; k++) {
        for (size_t i = 0; i < k; i++) mass[k] += mass[i] * q[i * n + k];
        mass[k] /= leave[k];
    }
    for (size_t k = 0; k < n; k++) g->log_pi[k] = (double)logl(mass[k]);
    normalize(g->n, g->log_pi);
out:
    sg_delete(q);
    sg_delete(leave);
    sg_delete(mass);
    return status;
}

/* Flows into and out of every state, for a law that was given. */
static sg_status check_stationary(const sg_graph *g) {
    double *in = NULL;
    sg_status status = sg_new(&in, (size_t)g->n, sizeof *in);
    if (status) return status;
    for (int x = 0; x < g->n; x++) in[x] = -INFINITY;
    for (int x = 0; x < g->n; x++)
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            double flow = g->log_pi[x] + g->log_rate[a], *into = &in[g->to[a]];
            *into = *into == -INFINITY ? flow : log_add(*into, flow);
        }
    for (int x = 0; x < g->n && !status; x++) {
        double out = g->log_pi[x] + g->log_rate[g->start[x]];
        for (size_t a = g->start[x] + 1; a < g->start[x + 1]; a++) out = log_add(out, g->log_pi[x] + g->log_rate[a]);
        if (!(fabs(out - in[x]) <= 10 * BALANCE + 64 * DBL_EPSILON * fabs(g->log_pi[x])))
            status = sg_fail(SG_BAD_DATA, "log_pi is not stationary: the flows into and out of state %d differ by %.3g",
                             x, fabs(expm1(out - in[x])));
    }
    sg_delete(in);
    return status;
}

static sg_status find_law(const sg_chain *chain, sg_graph *g, bool *seen, int *queue) {
    if (!chain->log_pi) {
        g->reversible = law_by_balance(g, seen, queue);
        return g->reversible ? SG_OK : law_by_elimination(g, queue);
    }
    memcpy(g->log_pi, chain->log_pi, (size_t)g->n * sizeof(double));
    normalize(g->n, g->log_pi);
    g->reversible = balanced(g);
    return g->reversible ? SG_OK : check_stationary(g);
}

/* ---------------------------------------------------------------------- made */

sg_status sg_graph_new(const sg_chain *chain, sg_graph **made) {
    sg_graph *g = NULL;
    bool *seen = NULL;
    int *queue = NULL;
    *made = NULL;
    sg_status status = check(chain);
    if (status) return status;
    const size_t n = (size_t)chain->n, edges = (size_t)chain->edges;
    if ((status = sg_new(&g, 1, sizeof *g))) goto out;
    g->n = chain->n;
    if ((status = sg_new(&g->start, n + 1, sizeof *g->start))) goto out;
    if ((status = sg_new(&g->to, edges, sizeof *g->to))) goto out;
    if ((status = sg_new(&g->log_rate, edges, sizeof *g->log_rate))) goto out;
    if ((status = sg_new(&g->reverse, edges, sizeof *g->reverse))) goto out;
    if ((status = sg_new(&g->log_pi, n, sizeof *g->log_pi))) goto out;
    if ((status = sg_new(&seen, n, sizeof *seen))) goto out;
    if ((status = sg_new(&queue, n, sizeof *queue))) goto out;
    if ((status = sort_arcs(chain, g))) goto out;
    if ((status = check_communication(g, seen, queue))) goto out;
    find_reverses(g);
    if ((status = find_law(chain, g, seen, queue))) goto out;
    *made = g;
    g = NULL;
out:
    sg_graph_delete(g);
    sg_delete(seen);
    sg_delete(queue);
    return status;
}

void sg_graph_delete(sg_graph *g) {
    if (!g) return;
    sg_delete(g->start);
    sg_delete(g->to);
    sg_delete(g->log_rate);
    sg_delete(g->reverse);
    sg_delete(g->log_pi);
    sg_delete(g);
}

sg_status sg_graph_reversibilization(const sg_graph *g, sg_graph **made) {
    int *from = NULL, *to = NULL;
    double *log_rate = NULL;
    sg_status status = sg_new(&from, 2 * g->arcs, sizeof *from);
    if (!status) status = sg_new(&to, 2 * g->arcs, sizeof *to);
    if (!status) status = sg_new(&log_rate, 2 * g->arcs, sizeof *log_rate);
    if (status) goto out;
    for (int x = 0; x < g->n; x++)
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            int y = g->to[a];
            from[2 * a] = to[2 * a + 1] = x;
            to[2 * a] = from[2 * a + 1] = y;
            log_rate[2 * a] = g->log_rate[a] - M_LN2;
            log_rate[2 * a + 1] = g->log_rate[a] + g->log_pi[x] - g->log_pi[y] - M_LN2;
        }
    sg_chain both = {g->n, 2 * (long long)g->arcs, from, to, log_rate, g->log_pi};
    status = sg_graph_new(&both, made);
out:
    sg_delete(from);
    sg_delete(to);
    sg_delete(log_rate);
    return status;
}

bool sg_graph_is_path(const sg_graph *g, int *order) {
    int at = -1, before = -1;
    if (g->arcs != 2 * ((size_t)g->n - 1)) return false;
    for (int x = 0; x < g->n; x++) {
        size_t degree = g->start[x + 1] - g->start[x];
        if (degree > 2) return false;
        if (degree == 1 && at < 0) at = x;
    }
    for (int k = 0; k < g->n; k++) { /* a tree without branches */
        int next = -1;
        order[k] = at;
        for (size_t a = g->start[at]; a < g->start[at + 1]; a++)
            if (g->to[a] != before) next = g->to[a];
        before = at;
        at = next;
    }
    return true;
}
