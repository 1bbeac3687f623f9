/* Bakry and Emery's criterion on R^d: the least eigenvalue of Hess V over a box, by branch and bound. */
#include <math.h>

#include "space.h"

enum { CELLS_MOST = 1 << 15, SHELLS = 20, RING = 9 };
static const double TOLERANCE = 1e-3, ALLOWANCE = 2;

typedef struct {
    double middle[SG_BOUND_D], half[SG_BOUND_D];
    double lower, along[SG_BOUND_D]; /* of lmin over the cell; the deviation along each axis */
} cell;

typedef struct {
    const sg_potential *potential;
    sg_convexity *out;
    cell *open;
    int count;
} search;

/* Twice the weight of entries off the diagonal: the norm of the matrix. */
static const double NORM[SG_SPACE_PAIRS] = {1, 2, 1, 2, 2, 1};

static sg_status look(search *s, cell *c) {
    const int d = s->potential->d, points = sg_space_points(d), rows = d * (d + 1) / 2;
    double x[SG_BOUND_D * SG_SPACE_LATTICE], value[SG_SPACE_PAIRS * SG_SPACE_LATTICE], packed[SG_SPACE_PAIRS];
    double corner = INFINITY;
    for (int i = 0; i < points; i++)
        for (int a = 0; a < d; a++) x[a * points + i] = c->middle[a] + (sg_space_index(i, a) - 1) * c->half[a];
    s->potential->hessian(s->potential->context, points, x, value);
    s->out->cells++;
    for (int i = 0; i < points; i++) {
        double rounding = 0;
        int middles = 0;
        for (int r = 0; r < rows; r++) packed[r] = value[r * points + i];
        for (int a = 0; a < d; a++) middles += sg_space_index(i, a) == 1;
        if (middles > 0 && middles < d) continue;
        const double least = sg_space_least(d, packed, &rounding);
        if (isnan(least)) return sg_fail(SG_REFUSED, "the second derivatives of log p are not finite in the box");
        if (middles == 0) corner = fmin(corner, least - rounding);
        if (least >= s->out->seen) continue;
        s->out->seen = least;
        for (int a = 0; a < d; a++) s->out->at[a] = x[a * points + i];
    }
    c->lower = corner - ALLOWANCE * sg_space_deviation(d, rows, NORM, value, c->along);
    if (isnan(c->lower)) return sg_fail(SG_REFUSED, "the second derivatives of log p are not finite in the box");
    return SG_OK;
}

static bool good_enough(const search *s, const cell *c) {
    return c->lower >= (1 - TOLERANCE) * s->out->seen;
}

/* A binary heap: the cell whose bound is least goes first. */
static void push(search *s, cell c) {
    int k = s->count++;
    for (; k > 0 && c.lower < s->open[(k - 1) / 2].lower; k = (k - 1) / 2) s->open[k] = s->open[(k - 1) / 2];
    s->open[k] = c;
}

static cell pop(search *s) {
    const cell top = s->open[0], c = s->open[--s->count];
    int k = 0;
    for (int child; (child = 2 * k + 1) < s->count; k = child) {
        if (child + 1 < s->count && s->open[child + 1].lower < s->open[child].lower) child++;
        if (c.lower <= s->open[child].lower) break;
        s->open[k] = s->open[child];
    }
    s->open[k] = c;
    return top;
}

/* The two halves of a cell across the axis along which it deviates most, or its longest. */
static sg_status split(search *s, cell c) {
    const int d = s->potential->d;
    int axis = 0;
    for (int a = 1; a < d; a++)
        if (c.along[a] > c.along[axis] || (c.along[a] == c.along[axis] && c.half[a] > c.half[axis])) axis = a;
    c.half[axis] *= 0.5;
    for (int side = -1; side <= 1; side += 2) {
        cell half = c;
        half.middle[axis] += side * c.half[axis];
        sg_status status = look(s, &half);
        if (status) return status;
        if (half.lower < c.lower) half.lower = c.lower; /* what held of the whole holds of the half */
        push(s, half);
    }
    return SG_OK;
}

/* Values on ever larger boxes around the middle; what rounding has taken is given back. */
static void look_beyond(const sg_potential *p, const double *lo, const double *hi, sg_convexity *out) {
    const int d = p->d;
    int total = 1;
    double factor = 1;
    for (int a = 0; a < d; a++) total *= RING;
    out->beyond = INFINITY;
    for (int shell = 0; shell < SHELLS; shell++) {
        factor *= M_SQRT2;
        for (int i = 0; i < total; i++) {
            double x[SG_BOUND_D], value[SG_SPACE_PAIRS], rounding = 0;
            bool outside = false;
            for (int a = 0, rest = i; a < d; a++, rest /= RING) {
                const double t = factor * (2.0 * (rest % RING) / (RING - 1) - 1);
                x[a] = 0.5 * (lo[a] + hi[a]) + 0.5 * t * (hi[a] - lo[a]);
                outside = outside || fabs(t) > 1;
            }
            if (!outside) continue;
            p->hessian(p->context, 1, x, value);
            const double least = sg_space_least(d, value, &rounding);
            if (!isnan(least)) out->beyond = fmin(out->beyond, least + 64 * rounding);
        }
    }
}

static sg_status check(const sg_potential *p, const double *lo, const double *hi) {
    if (p->d < 1 || p->d > SG_BOUND_D)
        return sg_fail(SG_OUT_OF_RANGE, "the potential has %d coordinates: it must be 1 to %d", p->d, SG_BOUND_D);
    for (int a = 0; a < p->d; a++)
        if (!(isfinite(lo[a]) && isfinite(hi[a]) && lo[a] < hi[a]))
            return sg_fail(SG_OUT_OF_RANGE, "side %d of the box is [%g, %g]: it must be finite and not empty", a + 1,
                           lo[a], hi[a]);
    return SG_OK;
}

sg_status sg_bound_convexity_lower(const sg_potential *potential, const double *lo, const double *hi,
                                   sg_convexity *out) {
    search s = {.potential = potential, .out = out};
    cell whole = {.lower = -INFINITY};
    *out = (sg_convexity){.seen = INFINITY, .curvature = -INFINITY, .beyond = INFINITY, .log_gap_lower = -INFINITY};
    sg_status status = check(potential, lo, hi);
    if (status) return status;
    for (int a = 0; a < potential->d; a++) {
        whole.middle[a] = 0.5 * (lo[a] + hi[a]);
        whole.half[a] = 0.5 * (hi[a] - lo[a]);
    }
    if ((status = sg_new(&s.open, CELLS_MOST + 2, sizeof *s.open))) return status;
    if ((status = look(&s, &whole))) goto out;
    push(&s, whole);
    while (out->cells < CELLS_MOST && out->seen > 0 && !good_enough(&s, &s.open[0]))
        if ((status = split(&s, pop(&s)))) goto out;
    look_beyond(potential, lo, hi, out);
    if (out->seen > 0) out->curvature = s.open[0].lower;
    if (out->curvature > 0 && out->beyond >= out->curvature) out->log_gap_lower = log(out->curvature);
out:
    sg_delete(s.open);
    return status;
}
