/* The lower bound from the gaps of conditional laws: lines through a box, each an interval law of its own. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/gap-bounds-grid.h"

enum { SCAN = 256, WIDENINGS = 12, SHELLS = 4, FIRST_SIDE = 5, SIDE_MOST = 65, ENLARGEMENTS = 4 };
static const double EVEN = 0.3;               /* part of the spacing of nodes that is even */
static const double DEPTH = 200, DEEPER = 60; /* of a line's panels: the second are cut that much deeper */
static const double WIDTH = 1e-6;             /* of the enclosure of a gap that only its log holds */
static const double ROUNDING = 64 * 0x1p-52;  /* of a coupling, relative to the largest second derivative */
static const double FARTHER[SHELLS] = {1.5, 2, 3, 4};

/* ------------------------------------------------------------------------ lines */

typedef struct {
    sg_turned *turned;
    int axis;
    double at[SG_BOUND_D]; /* the other coordinates */
} line;

static void look(const line *l, int want, int n, const double *t) {
    double u[SG_BOUND_D * SG_BLOCK];
    for (int a = 0; a < l->turned->d; a++)
        for (int i = 0; i < n; i++) u[a * n + i] = a == l->axis ? t[i] : l->at[a];
    sg_turned_look(l->turned, want, n, u);
}

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const line *l = context;
    (void)test;
    look(l, SG_LOGP, n, x);
    memcpy(logq, l->turned->jet.logp, (size_t)n * sizeof *logq);
}

/* Where log p has its maxima along the line, as a scan sees them: wider while the largest is at an end. */
static void find_modes(const line *l, sg_landmarks *marks) {
    const double lo = l->turned->lo[l->axis], hi = l->turned->hi[l->axis], middle = 0.5 * (lo + hi);
    double half = hi - lo, t[SCAN], h[SG_BOUND_D * (SG_BOUND_D + 1) / 2 * SCAN];
    const double *level = l->turned->jet.logp;
    for (int round = 0, best = 0; round < WIDENINGS && (best == 0 || best == SCAN - 1); round++, half *= 2) {
        for (int i = 0; i < SCAN; i++) t[i] = middle + half * (2.0 * i / (SCAN - 1) - 1);
        look(l, SG_LOGP | SG_DXX, SCAN, t);
        for (int i = best = 0; i < SCAN; i++)
            if (level[i] > level[best]) best = i;
    }
    sg_turned_hessian(l->turned, SCAN, h);
    const double *bend = h + l->axis * (l->axis + 3) / 2 * SCAN, step = t[1] - t[0];
    marks->count = 0;
    for (int i = 0; i < SCAN && marks->count < SG_LANDMARKS; i++) {
        if ((i > 0 && level[i] < level[i - 1]) || (i < SCAN - 1 && level[i] <= level[i + 1])) continue;
        marks->at[marks->count] = t[i];
        marks->scale[marks->count++] = bend[i] > 0 ? fmin(step, 1 / sqrt(bend[i])) : step;
    }
}

/* log of a lower bound on the gap of the law on the line. */
static sg_status line_gap(const line *l, double *log_lower) {
    sg_panels *panels[2] = {NULL, NULL};
    sg_landmarks marks;
    sg_gap gap;
    find_modes(l, &marks);
    const sg_density density = {.context = l,
                                .evaluate = evaluate,
                                .lo = -INFINITY,
                                .hi = INFINITY,
                                .landmarks = marks.count,
                                .landmark = marks.at,
                                .scale = marks.scale};
    sg_status status = sg_panels_new(&density, 1e-13, DEPTH, 0, &panels[0]);
    if (!status) status = sg_panels_new(&density, 1e-13, DEPTH + DEEPER, 1, &panels[1]);
    if (!status) status = sg_line_gap(panels[0], NULL, panels[1], NULL, &gap);
    if (!status && gap.status != SG_OK && gap.status != SG_UNDERFLOW)
        status =
            sg_fail(SG_REFUSED, "the law of coordinate %d of the frame given the others: %s", l->axis + 1, gap.message);
    if (!status) *log_lower = gap.status == SG_UNDERFLOW ? gap.log10_gap * M_LN10 - WIDTH : log(gap.gap_lower);
    sg_panels_delete(panels[0]);
    sg_panels_delete(panels[1]);
    return status;
}

/* ------------------------------------------------------------------ a tensor grid */

typedef struct {
    sg_turned *turned;
    const double *node[SG_BOUND_D]; /* [count[a]] */
    sg_conditional_gaps gaps;
    double *memory, *coupling, *noise, *log_gap[SG_BOUND_D];
    bool linked[SG_BOUND_D][SG_BOUND_D];
    int nodes, lines;
} tensor;

static sg_status take(tensor *t) {
    const int d = t->turned->d;
    size_t total = 0, pairs = (size_t)(d * (d - 1) / 2);
    t->nodes = 1;
    for (int a = 0; a < d; a++) t->nodes *= t->gaps.count[a];
    for (int a = 0; a < d; a++) total += (size_t)(t->nodes / t->gaps.count[a]);
    sg_status status = sg_new(&t->memory, total + (pairs + 1) * (size_t)t->nodes, sizeof(double));
    if (status) return status;
    t->coupling = t->memory;
    t->noise = t->coupling + pairs * (size_t)t->nodes;
    t->log_gap[0] = t->noise + t->nodes;
    for (int a = 1; a < d; a++) t->log_gap[a] = t->log_gap[a - 1] + t->nodes / t->gaps.count[a - 1];
    t->gaps.d = d;
    t->gaps.coupling = t->coupling;
    t->gaps.noise = t->noise;
    for (int a = 0; a < d; a++) t->gaps.log_gap[a] = t->log_gap[a];
    return SG_OK;
}

static void put_couplings(tensor *t) {
    const int d = t->turned->d, rows = d * (d + 1) / 2;
    double u[SG_BOUND_D * SG_BLOCK], h[SG_BOUND_D * (SG_BOUND_D + 1) / 2 * SG_BLOCK];
    for (int first = 0; first < t->nodes; first += SG_BLOCK) {
        const int n = t->nodes - first < SG_BLOCK ? t->nodes - first : SG_BLOCK;
        for (int i = 0; i < n; i++)
            for (int a = 0, rest = first + i; a < d; a++) {
                u[a * n + i] = t->node[a][rest % t->gaps.count[a]];
                rest /= t->gaps.count[a];
            }
        sg_turned_potential(t->turned, n, u, h);
        for (int i = 0; i < n; i++) {
            double size = 0;
            for (int r = 0; r < rows; r++) size = fmax(size, fabs(h[r * n + i]));
            t->noise[first + i] = ROUNDING * size;
            for (int a = 0, off = 0; a < d; a++)
                for (int b = 0; b < a; b++, off++)
                    t->coupling[(size_t)off * (size_t)t->nodes + (size_t)(first + i)] =
                        h[(a * (a + 1) / 2 + b) * n + i];
        }
    }
}

/*
 * Whether d_a d_b V is nothing but rounding at all nodes: the law of x_a given the others then does not depend on x_b.
 */
static void find_links(tensor *t) {
    for (int a = 0, off = 0; a < t->turned->d; a++)
        for (int b = 0; b < a; b++, off++) {
            const double *coupling = t->coupling + (size_t)off * (size_t)t->nodes;
            bool linked = false;
            for (int i = 0; i < t->nodes && !linked; i++) linked = !(fabs(coupling[i]) <= t->noise[i]);
            t->linked[a][b] = t->linked[b][a] = linked;
        }
}

static sg_status put_gaps(tensor *t, int axis) {
    const int d = t->turned->d, count = t->nodes / t->gaps.count[axis];
    for (int k = 0; k < count; k++) {
        line l = {.turned = t->turned, .axis = axis};
        int known = 0; /* the line of the same law that comes first */
        for (int b = 0, rest = k, step = 1; b < d; b++) {
            if (b == axis) continue;
            const int at = rest % t->gaps.count[b];
            l.at[b] = t->node[b][at];
            if (t->linked[axis][b]) known += at * step;
            rest /= t->gaps.count[b];
            step *= t->gaps.count[b];
        }
        if (known < k) {
            t->log_gap[axis][k] = t->log_gap[axis][known];
            continue;
        }
        sg_status status = line_gap(&l, &t->log_gap[axis][k]);
        if (status) return status;
        t->lines++;
    }
    return SG_OK;
}

static sg_status lay(tensor *t) {
    sg_status status = take(t);
    if (status) return status;
    put_couplings(t);
    find_links(t);
    return SG_OK;
}

static sg_status solve(tensor *t, sg_conditional_bound *out) {
    for (int a = 0; a < t->turned->d; a++) {
        sg_status status = put_gaps(t, a);
        if (status) return status;
    }
    return sg_bound_conditional_lower(&t->gaps, out);
}

/* ------------------------------------------------------------------------ the bound */

/* Cells are smaller in the middle of the box; their own middles are nodes, too. */
static void place_nodes(const sg_turned *turned, int axis, double factor, int n, double *node) {
    const double middle = 0.5 * (turned->lo[axis] + turned->hi[axis]), half = factor * (turned->hi[axis] - middle);
    for (int i = 0; i < n; i += 2) {
        const double s = 2.0 * i / (n - 1) - 1;
        node[i] = middle + half * s * (EVEN + (1 - EVEN) * s * s);
    }
    for (int i = 1; i < n; i += 2) node[i] = 0.5 * (node[i - 1] + node[i + 1]);
}

/* Whether some law depends on two other coordinates: lines are many then. */
static bool dense(const tensor *t) {
    for (int a = 0; a < t->turned->d; a++) {
        int links = 0;
        for (int b = 0; b < t->turned->d; b++) links += t->linked[a][b];
        if (links > 1) return true;
    }
    return false;
}

static sg_status lay_box(tensor *t, double factor, int n, double node[SG_BOUND_D][SIDE_MOST]) {
    sg_delete(t->memory);
    t->memory = NULL;
    t->lines = 0;
    for (int a = 0; a < t->turned->d; a++) {
        place_nodes(t->turned, a, factor, n, node[a]);
        t->node[a] = node[a];
        t->gaps.count[a] = n;
    }
    return lay(t);
}

/* A few nodes first: where they say that there is no bound it is not looked for. */
static sg_status in_the_box(sg_turned *turned, double factor, sg_conditional_bound *out, int *lines) {
    static const int full[] = {0, 3, 65, 33}, fewer[] = {0, 3, 65, 13};
    double node[SG_BOUND_D][SIDE_MOST];
    tensor t = {.turned = turned};
    const int d = turned->d;
    sg_status status = lay_box(&t, factor, FIRST_SIDE, node);
    if (!status) status = solve(&t, out);
    if (status || out->log_seen == -INFINITY) goto out;
    if ((status = lay_box(&t, factor, full[d], node))) goto out;
    if (dense(&t) && fewer[d] < full[d] && (status = lay_box(&t, factor, fewer[d], node))) goto out;
    status = solve(&t, out);
out:
    *lines = t.lines;
    sg_delete(t.memory);
    return status;
}

/* The least that is seen at the corners and middles of larger boxes. */
static sg_status beyond(sg_turned *turned, double factor, double *log_seen) {
    *log_seen = INFINITY;
    for (int k = 0; k < SHELLS; k++) {
        double node[SG_BOUND_D][3];
        tensor t = {.turned = turned};
        sg_conditional_bound seen;
        for (int a = 0; a < turned->d; a++) {
            const double middle = 0.5 * (turned->lo[a] + turned->hi[a]), half = 0.5 * (turned->hi[a] - turned->lo[a]);
            for (int i = 0; i < 3; i++) node[a][i] = middle + (i - 1) * factor * FARTHER[k] * half;
            t.node[a] = node[a];
            t.gaps.count[a] = 3;
        }
        sg_status status = lay(&t);
        if (!status) status = solve(&t, &seen);
        sg_delete(t.memory);
        if (status) return status;
        *log_seen = fmin(*log_seen, seen.log_seen);
    }
    return SG_OK;
}

/* On larger boxes while it is lower outside: where the law has no mass, but the bound needs all of R^d. */
static sg_status search(sg_turned *turned, sg_conditional_bound *out, double *factor, bool *covered, int *lines) {
    double outside;
    *factor = 1;
    for (int k = 0;; k++, *factor *= FARTHER[SHELLS - 1]) {
        sg_status status = in_the_box(turned, *factor, out, lines);
        *covered = true;
        if (status || out->log_gap_lower == -INFINITY) return status;
        if ((status = beyond(turned, *factor, &outside))) return status;
        *covered = outside >= out->log_gap_lower - WIDTH;
        if (*covered || k == ENLARGEMENTS) return SG_OK;
    }
}

sg_status sg_gap_bounds_conditional(sg_turned *turned, const char *frame, double log_d, sg_gap_bounds *list) {
    sg_conditional_bound b = {.log_gap_lower = -INFINITY};
    double factor;
    bool covered = true;
    char note[160];
    int lines = 0;
    sg_status code = search(turned, &b, &factor, &covered, &lines);
    if (b.log_gap_lower > -INFINITY)
        snprintf(note, sizeof note,
                 "%s: least eigenvalue of the gaps of %d lines with their couplings; assumed no lower beyond %g boxes",
                 frame, lines, factor * FARTHER[SHELLS - 1]);
    else
        snprintf(note, sizeof note, "%s: couplings outweigh the conditional gaps: least eigenvalue %.6g%s", frame,
                 b.seen, b.seen > 0 ? ", but not between the lines" : "");
    sg_status status =
        sg_gap_bounds_add(list, "conditional gaps", SG_GAP_LOWER, code, b.log_gap_lower + log_d, "%s", note);
    if (status || covered) return status;
    snprintf(note, sizeof note, "%s: the least eigenvalue is lower the farther one looks", frame);
    sg_gap_bounds_deny(list, note);
    return SG_OK;
}
