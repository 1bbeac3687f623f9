/* Panels: normalization and distribution function in log space on the partition that grid.c finds. */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "grid.h"
#include "legendre.h"

/* One block of memory: this head, then the arrays. */
typedef struct {
    sg_panels panels;
    bool open_lo, open_hi; /* the law goes on beyond that end */
    double floor;          /* least of the error estimate of any density on these panels */
    size_t bytes;
} block;

#define BARRIER_DEPTH 60 /* the cut lies that far below the lowest barrier */
#define STEEP 3          /* largest change of log q across a panel */

enum { NODE_ARRAYS = 6, EDGE_ARRAYS = 3 };

static size_t padded(size_t n) {
    return (n + 7) / 8 * 8;
}

/* Points the arrays of `made` into its own memory. */
static void place(block *made) {
    sg_panels *p = &made->panels;
    double *next = (double *)((char *)made + padded((sizeof *made + 7) / 8) * 8);
    const double **node[NODE_ARRAYS] = {&p->x, &p->weight, &p->logp, &p->mass, &p->log_below, &p->log_above};
    const double **edge[EDGE_ARRAYS] = {&p->edge, &p->edge_below, &p->edge_above};
    for (int k = 0; k < NODE_ARRAYS; k++, next += p->n) *node[k] = next;
    for (int k = 0; k < EDGE_ARRAYS; k++, next += padded((size_t)p->count + 1)) *edge[k] = next;
}

static sg_status allocate(int count, block **made) {
    size_t n = (size_t)count * SG_PANEL_ORDER;
    size_t bytes = 8 * (padded((sizeof(block) + 7) / 8) + NODE_ARRAYS * n + EDGE_ARRAYS * padded((size_t)count + 1));
    sg_status status = sg_new(made, bytes, 1);
    if (status) return status;
    (*made)->bytes = bytes;
    (*made)->panels.count = count;
    (*made)->panels.n = (int)n;
    place(*made);
    return SG_OK;
}

static double *writable(const double *array) {
    return (double *)array;
}

/* ------------------------------------------------------------ normalization */

static double top_of(const double *log) {
    double top = log[0];
#pragma omp simd reduction(max : top)
    for (int j = 0; j < SG_PANEL_ORDER; j++) top = log[j] > top ? log[j] : top;
    return top;
}

static double half_width(const sg_panels *p, int b) {
    return 0.5 * (p->edge[b + 1] - p->edge[b]);
}

/* A running integral mantissa * exp(scale). */
typedef struct {
    double mantissa, scale;
} running;

static double running_log(running sum) {
    return sum.mantissa > 0 ? log(sum.mantissa) + sum.scale : -INFINITY;
}

/* Adds a panel whose integrals up to its nodes are exp(top) half inner[j]; `out` gets the logs of the sums at the
 * nodes. */
static running accumulate(running sum, double top, double half, const double *inner, double total, double *out) {
    double unit = sg_larger(sum.scale, top), value[SG_PANEL_ORDER];
    if (unit == -INFINITY) {
        for (int j = 0; j < SG_PANEL_ORDER; j++) out[j] = unit;
        return sum;
    }
    double start = sum.mantissa * exp(sum.scale - unit), step = half * exp(top - unit);
    for (int j = 0; j < SG_PANEL_ORDER; j++) value[j] = start + step * sg_larger(inner[j], 0);
#pragma omp simd
    for (int j = 0; j < SG_PANEL_ORDER; j++) out[j] = log(value[j]) + unit;
    return (running){start + step * total, unit};
}

/*
 * From the left: log_below and edge_below before normalization; `mass` holds exp(logp - its maximum in the panel)
 * meanwhile, `lost` gets the truncation of its Legendre series weighed with the mass.
 */
static running sweep_right(sg_panels *p, double *lost) {
    running sum = {0, -INFINITY};
    *lost = 0;
    for (int b = 0; b < p->count; b++) {
        const double *logp = p->logp + b * SG_PANEL_ORDER;
        double *value = writable(p->mass) + b * SG_PANEL_ORDER, inner[SG_PANEL_ORDER], total;
        double top = top_of(logp), half = half_width(p, b), unit = top == -INFINITY ? 0 : top;
#pragma omp simd
        for (int j = 0; j < SG_PANEL_ORDER; j++) value[j] = exp(logp[j] - unit);
        sg_panel_unit_left(value, inner, &total);
        writable(p->edge_below)[b] = running_log(sum);
        sum = accumulate(sum, top, half, inner, total, writable(p->log_below) + b * SG_PANEL_ORDER);
        *lost += exp(top) * half * total * sg_legendre_rest(value);
    }
    writable(p->edge_below)[p->count] = running_log(sum);
    return sum;
}

static running sweep_left(sg_panels *p) {
    running sum = {0, -INFINITY};
    for (int b = p->count - 1; b >= 0; b--) {
        double inner[SG_PANEL_ORDER], total;
        sg_panel_unit_right(p->mass + b * SG_PANEL_ORDER, inner, &total);
        writable(p->edge_above)[b + 1] = running_log(sum);
        sum = accumulate(sum, top_of(p->logp + b * SG_PANEL_ORDER), half_width(p, b), inner, total,
                         writable(p->log_above) + b * SG_PANEL_ORDER);
    }
    writable(p->edge_above)[0] = running_log(sum);
    return sum;
}

/* Subtracts the log of the total, so that the last of the sums is 0 to rounding and none is positive. */
static void relative_to(double total, int n, double *log_sum) {
    for (int i = 0; i < n; i++) log_sum[i] = sg_smaller(log_sum[i] - total, 0);
}

/* Log of the mass beyond the end of panel b (side -1: left, 1: right), were log p to go on with its slope there. */
static double tail(const sg_panels *p, int b, int side) {
    double c[SG_PANEL_ORDER], level = 0;
    sg_legendre_apply(sg_legendre_coefficient, p->logp + b * SG_PANEL_ORDER, c);
    for (int k = 0; k < SG_PANEL_ORDER; k++) level += side < 0 && k % 2 ? -c[k] : c[k];
    double fall = -side * sg_legendre_slope(c, side) / half_width(p, b);
    if (!isfinite(level)) return -INFINITY; /* p is 0 beyond a node */
    return fall > 0 ? level - log(fall) : INFINITY;
}

/* Everything that follows from log q at the nodes. */
static sg_status normalize(block *made, const double *logq) {
    sg_panels *p = &made->panels;
    double *logp = writable(p->logp), *mass = writable(p->mass), top = -INFINITY, lost;
    int wrong = 0;
#pragma omp simd reduction(max : top) reduction(+ : wrong)
    for (int i = 0; i < p->n; i++) {
        wrong += !(logq[i] < INFINITY);
        top = logq[i] > top ? logq[i] : top;
    }
    if (wrong || top == -INFINITY) return sg_fail(SG_NOT_INTEGRABLE, "log q is not finite on the panels");
    for (int i = 0; i < p->n; i++) logp[i] = logq[i] - top;
    running below = sweep_right(p, &lost), above = sweep_left(p);
    double total = running_log(below), z = below.mantissa * exp(below.scale);
    relative_to(total, p->n, writable(p->log_below));
    relative_to(total, p->count + 1, writable(p->edge_below));
    relative_to(running_log(above), p->n, writable(p->log_above));
    relative_to(running_log(above), p->count + 1, writable(p->edge_above));
    for (int b = 0; b < p->count; b++) {
        double *value = mass + b * SG_PANEL_ORDER, unit = exp(top_of(logp + b * SG_PANEL_ORDER)) / z;
        for (int j = 0; j < SG_PANEL_ORDER; j++) value[j] *= p->weight[b * SG_PANEL_ORDER + j] * unit;
    }
    for (int i = 0; i < p->n; i++) logp[i] -= total;
    p->log_z = top + total;
    p->log_tail_lo = made->open_lo ? tail(p, 0, -1) : -INFINITY;
    p->log_tail_hi = made->open_hi ? tail(p, p->count - 1, 1) : -INFINITY;
    p->error = sg_larger(made->floor, lost / z + 0x1p-52);
    return SG_OK;
}

/* `most`: largest allowed log of the mass beyond an open end. */
static sg_status check_tails(const sg_panels *p, double most) {
    bool left = p->log_tail_lo > most;
    if (!left && !(p->log_tail_hi > most)) return SG_OK;
    return sg_fail(SG_NOT_INTEGRABLE,
                   "a mass of about e^%.3g lies beyond the %s end x = %g of the panels: the density does not fall off "
                   "inside them",
                   left ? p->log_tail_lo : p->log_tail_hi, left ? "left" : "right", p->edge[left ? 0 : p->count]);
}

/* -------------------------------------------------------------- construction */

static void copy_grid(const sg_grid *g, block *made, double *logq) {
    const sg_panels *p = &made->panels;
    for (int b = 0; b < p->count; b++) {
        const sg_piece *piece = &g->piece[g->order[g->first + b]];
        double mid = 0.5 * piece->lo + 0.5 * piece->hi, half = 0.5 * (piece->hi - piece->lo);
        writable(p->edge)[b] = piece->lo;
        writable(p->edge)[b + 1] = piece->hi;
        for (int j = 0; j < SG_PANEL_ORDER; j++) {
            writable(p->x)[b * SG_PANEL_ORDER + j] = mid + half * sg_legendre_node[j];
            writable(p->weight)[b * SG_PANEL_ORDER + j] = half * sg_legendre_weight[j];
        }
        memcpy(logq + b * SG_PANEL_ORDER, piece->logq, sizeof piece->logq);
    }
    made->open_lo = p->edge[0] > g->density->lo;
    made->open_hi = p->edge[p->count] < g->density->hi;
    made->floor = g->error;
}

sg_status sg_panels_new(const sg_density *density, double tol, double depth, int level, sg_panels **panels) {
    sg_grid *grid = NULL;
    block *made = NULL;
    double *logq = NULL;
    *panels = NULL;
    const sg_grid_request request = {
        .tol = tol, .depth = depth, .steep = STEEP, .beyond = BARRIER_DEPTH, .level = level};
    sg_status status = sg_grid_new(density, &request, &grid);
    if (status) goto out;
    status = allocate(grid->last - grid->first + 1, &made);
    if (status) goto out;
    status = sg_new(&logq, (size_t)made->panels.n, sizeof *logq);
    if (status) goto out;
    copy_grid(grid, made, logq);
    made->panels.level = level;
    status = normalize(made, logq);
    if (!status) status = check_tails(&made->panels, -0.5 * sg_smaller(depth, 55));
    if (status) goto out;
    *panels = &made->panels;
    made = NULL;
out:
    sg_delete(logq);
    sg_delete(made);
    sg_grid_delete(grid);
    return status;
}

void sg_panels_delete(sg_panels *panels) {
    sg_delete(panels); /* the head of its block */
}

sg_status sg_panels_copy(const sg_panels *panels, sg_panels **copy) {
    const block *from = (const block *)panels;
    block *made;
    *copy = NULL;
    sg_status status = sg_new(&made, from->bytes, 1);
    if (status) return status;
    memcpy(made, from, from->bytes);
    place(made);
    *copy = &made->panels;
    return SG_OK;
}

sg_status sg_panels_reweight(const sg_panels *panels, const double *logq, sg_panels *into) {
    block *made = (block *)into;
    if (into->count != panels->count)
        return sg_fail(SG_INTERNAL, "panels to be overwritten must be a copy of those that are reweighted");
    sg_status status = normalize(made, logq);
    if (!status) status = check_tails(into, log(1e-12));
    for (int b = 0; b < into->count && !status; b++) {
        const double *logp = into->logp + b * SG_PANEL_ORDER, *mass = into->mass + b * SG_PANEL_ORDER;
        double low = logp[0], share = 0;
        for (int j = 0; j < SG_PANEL_ORDER; j++) {
            low = sg_smaller(low, logp[j]);
            share += mass[j];
        }
        if (share > 1e-14 && top_of(logp) - low > 8)
            status = sg_fail(SG_NOT_INTEGRABLE, "the panels do not resolve the density between x = %g and %g",
                             into->edge[b], into->edge[b + 1]);
    }
    return status;
}
