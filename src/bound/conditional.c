/* Gaps of the conditional laws, joined by the couplings. */
#include <math.h>

#include "space.h"

enum { OFF_MOST = SG_BOUND_D * (SG_BOUND_D - 1) / 2 };
static const double ALLOWANCE = 2;

/* What a cell of 3^d nodes, or a node alone (points 1), holds. */
typedef struct {
    int points;
    double log_gap[SG_BOUND_D][SG_SPACE_LATTICE];
    double coupling[OFF_MOST][SG_SPACE_LATTICE];
} part;

static int pairs_of(int d) {
    return d * (d - 1) / 2;
}

static void read_node(const sg_conditional_gaps *g, const int *at, part *p, int point) {
    int node = 0, nodes = 1;
    for (int a = 0; a < g->d; a++) node += nodes * at[a], nodes *= g->count[a];
    for (int a = 0; a < g->d; a++) {
        int line = 0, step = 1;
        for (int b = 0; b < g->d; b++)
            if (b != a) line += step * at[b], step *= g->count[b];
        p->log_gap[a][point] = g->log_gap[a][line];
    }
    for (int r = 0; r < pairs_of(g->d); r++) {
        const double c = g->coupling[(size_t)r * (size_t)nodes + (size_t)node];
        p->coupling[r][point] = fabs(c) <= g->noise[node] ? 0 : c;
    }
}

/* By the eigenvalues of M at corners, less what M deviates from its interpolation between them. */
static double by_eigenvalues(int d, const part *p) {
    double rows[SG_SPACE_PAIRS * SG_SPACE_LATTICE], along[SG_BOUND_D], least = INFINITY;
    const int off = pairs_of(d);
    for (int i = 0; i < p->points; i++) {
        double packed[SG_SPACE_PAIRS], rounding = 0;
        bool corner = true;
        for (int a = 0, r = 0; a < d; a++) {
            corner = corner && (p->points == 1 || sg_space_index(i, a) != 1);
            for (int b = 0; b < a; b++, r++)
                packed[a * (a + 1) / 2 + b] = rows[(d + r) * p->points + i] = p->coupling[r][i];
            packed[a * (a + 1) / 2 + a] = rows[a * p->points + i] = exp(p->log_gap[a][i]);
        }
        const double here = sg_space_least(d, packed, &rounding);
        if (isnan(here)) return -INFINITY;
        if (corner) least = fmin(least, here - rounding);
    }
    if (p->points == 1) return least;
    double weight[SG_SPACE_PAIRS];
    for (int r = 0; r < d + off; r++) weight[r] = r < d ? 1 : 2; /* an entry off the diagonal stands twice */
    return least - ALLOWANCE * sg_space_deviation(d, d + off, weight, rows, along);
}

/* The least of a row over the cell (of log_gap), or the largest size (of a coupling), with the allowance. */
static double extreme(int d, const part *p, const double *row, bool least) {
    double value = least ? INFINITY : 0, one = 1, along[SG_BOUND_D];
    for (int i = 0; i < p->points; i++) value = least ? fmin(value, row[i]) : fmax(value, fabs(row[i]));
    if (p->points == 1) return value;
    const double allowance = ALLOWANCE * sg_space_deviation(d, 1, &one, row, along);
    return least ? value - allowance : value + allowance;
}

/* log of min g_a (1 - max_a sum_b |M_ab|/sqrt(g_a g_b)). */
static double by_rows(int d, const part *p) {
    double log_gap[SG_BOUND_D], sum[SG_BOUND_D] = {0}, least = INFINITY, largest = 0;
    for (int a = 0; a < d; a++) {
        log_gap[a] = extreme(d, p, p->log_gap[a], true);
        least = fmin(least, log_gap[a]);
    }
    for (int a = 0, r = 0; a < d; a++)
        for (int b = 0; b < a; b++, r++) {
            const double size = extreme(d, p, p->coupling[r], false);
            const double share = size > 0 ? exp(log(size) - 0.5 * (log_gap[a] + log_gap[b])) : 0;
            sum[a] += share;
            sum[b] += share;
        }
    for (int a = 0; a < d; a++) largest = fmax(largest, sum[a]);
    return largest < 1 ? least + log1p(-largest) : -INFINITY;
}

static double log_lower(int d, const part *p, double *value) {
    *value = by_eigenvalues(d, p);
    const double log_rows = by_rows(d, p);
    return *value > 0 ? fmax(log(*value), log_rows) : log_rows;
}

static sg_status check(const sg_conditional_gaps *g, int *nodes) {
    if (g->d < 1 || g->d > SG_BOUND_D)
        return sg_fail(SG_OUT_OF_RANGE, "there are %d coordinates: it must be 1 to %d", g->d, SG_BOUND_D);
    *nodes = 1;
    for (int a = 0; a < g->d; a++) {
        if (g->count[a] < 3 || g->count[a] % 2 == 0)
            return sg_fail(SG_OUT_OF_RANGE, "direction %d has %d nodes: it must be odd and at least 3", a + 1,
                           g->count[a]);
        *nodes *= g->count[a];
    }
    for (size_t i = 0; i < (size_t)*nodes * (size_t)pairs_of(g->d); i++)
        if (!isfinite(g->coupling[i]))
            return sg_fail(SG_REFUSED, "the second derivatives of log p are not finite in the box");
    return SG_OK;
}

static void look_at_nodes(const sg_conditional_gaps *g, int nodes, sg_conditional_bound *out) {
    part p = {.points = 1};
    for (int i = 0; i < nodes; i++) {
        int at[SG_BOUND_D];
        double value;
        for (int a = 0, rest = i; a < g->d; a++) at[a] = rest % g->count[a], rest /= g->count[a];
        read_node(g, at, &p, 0);
        const double here = log_lower(g->d, &p, &value);
        if (!(here < out->log_seen) && !(here == -INFINITY && value < out->seen)) continue;
        out->log_seen = here;
        out->seen = here > -INFINITY ? exp(here) : value;
        out->at = i;
    }
}

sg_status sg_bound_conditional_lower(const sg_conditional_gaps *g, sg_conditional_bound *out) {
    int nodes = 0, cells = 1;
    *out = (sg_conditional_bound){.log_gap_lower = -INFINITY, .log_seen = INFINITY, .seen = INFINITY};
    sg_status status = check(g, &nodes);
    if (status) return status;
    look_at_nodes(g, nodes, out);
    if (out->log_seen == -INFINITY) return SG_OK;
    out->log_gap_lower = out->log_seen;
    for (int a = 0; a < g->d; a++) cells *= g->count[a] / 2;
    for (int k = 0; k < cells; k++) {
        part p = {.points = sg_space_points(g->d)};
        double value;
        for (int i = 0; i < p.points; i++) {
            int at[SG_BOUND_D];
            for (int a = 0, rest = k; a < g->d; a++) {
                at[a] = 2 * (rest % (g->count[a] / 2)) + sg_space_index(i, a);
                rest /= g->count[a] / 2;
            }
            read_node(g, at, &p, i);
        }
        out->log_gap_lower = fmin(out->log_gap_lower, log_lower(g->d, &p, &value));
    }
    return SG_OK;
}
