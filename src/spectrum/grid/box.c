/* A box for a law on R^d. */
#include <math.h>
#include <string.h>

#include "scoregap/grid.h"

enum { POINTS = 256, DOUBLINGS = 40, BISECTIONS = 12 };

/* Which faces of each axis move; where the lower one does not, p need not be finite on it. */
typedef struct {
    bool low[SG_GRID_DIMENSIONS], high[SG_GRID_DIMENSIONS];
} movable;

/* The largest log p seen on the face of coordinate `axis` at `at`, or over the whole box (axis < 0). */
static double highest(const sg_grid_problem *p, const movable *m, int axis, double at) {
    static const int face_side[] = {0, 1, 257, 33}, box_side[] = {0, 257, 65, 21};
    const int d = p->d, side = axis < 0 ? box_side[d] : face_side[d];
    double x[SG_GRID_DIMENSIONS * POINTS], log_p[POINTS], top = -INFINITY;
    int total = 1;
    for (int a = 0; a < d; a++)
        if (a != axis) total *= side;
    for (int first = 0; first < total; first += POINTS) {
        const int n = total - first < POINTS ? total - first : POINTS;
        for (int i = 0; i < n; i++)
            for (int a = 0, rest = first + i; a < d; a++) {
                x[a * n + i] = at;
                if (a == axis) continue;
                const double inner = m->low[a] || !m->high[a] ? 0 : 1e-6; /* off a lower face that stays */
                x[a * n + i] = p->lo[a] + (p->hi[a] - p->lo[a]) * fmax(inner, (double)(rest % side) / (side - 1));
                rest /= side;
            }
        p->log_p(p->context, n, x, log_p);
        for (int i = 0; i < n; i++)
            if (log_p[i] > top) top = log_p[i];
    }
    return top;
}

/* Moves every face outwards by doubling until it lies deep enough; returns whether one had to move. */
static bool push_out(sg_grid_problem *p, const movable *m, const double *at, double level) {
    bool moved = false;
    for (int a = 0; a < p->d; a++) {
        if (m->low[a] && !(highest(p, m, a, p->lo[a]) <= level)) p->lo[a] += p->lo[a] - at[a], moved = true;
        if (m->high[a] && !(highest(p, m, a, p->hi[a]) <= level)) p->hi[a] += p->hi[a] - at[a], moved = true;
    }
    return moved;
}

/* Moves a face inwards again as far as it goes. */
static void pull_in(sg_grid_problem *p, const movable *m, int axis, double *face, double inside, double level) {
    double out = *face, in = 0.5 * (*face + inside);
    if (highest(p, m, axis, in) <= level) { /* a maximum elsewhere may be hidden behind it */
        *face = out;
        return;
    }
    for (int k = 0; k < BISECTIONS; k++) {
        const double middle = 0.5 * (in + out);
        *(highest(p, m, axis, middle) <= level ? &out : &in) = middle;
    }
    *face = out;
}

static sg_status surround(sg_grid_problem *p, const movable *m, const double *at, double depth) {
    double x[SG_GRID_DIMENSIONS], top;
    if (p->d < 1 || p->d > SG_GRID_DIMENSIONS)
        return sg_fail(SG_OUT_OF_RANGE, "the grid has %d dimensions: it must be 1, 2 or 3", p->d);
    if (!(depth > 0)) return sg_fail(SG_OUT_OF_RANGE, "the depth of a box is %g: it must be > 0", depth);
    for (int a = 0; a < p->d; a++) x[a] = at[a];
    p->log_p(p->context, 1, x, &top);
    if (!isfinite(top))
        return sg_fail(SG_NOT_INTEGRABLE, "log p is %g at the point that the box is to surround: take another", top);
    for (int a = 0; a < p->d; a++) {
        if (m->low[a]) p->lo[a] = at[a] - 1;
        if (m->high[a]) p->hi[a] = at[a] + 1;
    }
    for (int k = 0; k < DOUBLINGS; k++) {
        top = fmax(top, highest(p, m, -1, 0));
        if (!isfinite(top)) break;
        if (push_out(p, m, at, top - depth)) continue;
        for (int a = 0; a < p->d; a++) {
            if (m->low[a]) pull_in(p, m, a, &p->lo[a], at[a], top - depth);
            if (m->high[a]) pull_in(p, m, a, &p->hi[a], at[a], top - depth);
        }
        return SG_OK;
    }
    return sg_fail(SG_NOT_INTEGRABLE,
                   "log p does not fall by %g in every direction: the law is not integrable, or its "
                   "tails are too heavy for a box",
                   depth);
}

sg_status sg_grid_box(sg_grid_problem *p, const double *at, double depth) {
    static const bool all[SG_GRID_DIMENSIONS] = {true, true, true};
    return sg_grid_box_along(p, all, at, depth);
}

sg_status sg_grid_box_along(sg_grid_problem *p, const bool *along, const double *at, double depth) {
    movable m = {{false}, {false}};
    for (int a = 0; a < p->d && a < SG_GRID_DIMENSIONS; a++) m.low[a] = m.high[a] = along[a];
    return surround(p, &m, at, depth);
}

sg_status sg_grid_box_above(sg_grid_problem *p, const double *at, double depth) {
    const movable m = {{false, false, false}, {true, true, true}};
    return surround(p, &m, at, depth);
}
