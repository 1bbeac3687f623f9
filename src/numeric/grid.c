/*
 * Adaptive partition of the line for a density.  Pieces grow geometrically away from the landmarks, are added outwards
 * until log q is below the cut, and are halved level by level between the two cuts, all pieces of a level in one sweep.
 */
#include "grid.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "legendre.h"

#define BATCH 256         /* points in one call of evaluate */
#define MOST_PIECES 20000 /* beyond it the density counts as unresolvable */
#define MARGIN 3          /* dormant pieces kept beyond the cut, in case the density comes back */
#define CHUNK 4           /* pieces added outwards at once */
#define FAR 1e100         /* no search beyond */
#define STAGNANT 1e-9     /* below it a series that does not improve under halving is rounding noise */
#define VANISHING 1e-17   /* share of the mass in a piece that may be left out at an end */

static const double EPS = 0x1p-52;

/* ------------------------------------------------------------------ storage */

static sg_status widen(void *array, size_t used, size_t most, size_t size) {
    void *old, *made;
    sg_status status = sg_new(&made, most, size);
    if (status) return status;
    memcpy(&old, array, sizeof old);
    if (used) memcpy(made, old, used * size);
    sg_delete(old);
    memcpy(array, &made, sizeof made);
    return SG_OK;
}

static sg_status make_room(sg_grid *g, int more) {
    int most = g->most ? g->most : g->bare ? 128 : 512;
    while (most < g->used + more) most *= 2;
    if (most == g->most) return SG_OK;
    size_t used = (size_t)g->used, room = (size_t)most, tests = (size_t)g->density->tests;
    sg_status status = widen(&g->piece, used, room, sizeof *g->piece);
    if (!status && tests) status = widen(&g->trace, used * tests, room * tests, sizeof *g->trace);
    if (!status) status = widen(&g->order, (size_t)g->count, room, sizeof *g->order);
    if (!status) status = widen(&g->spare, 0, room, sizeof *g->spare);
    if (!status) status = widen(&g->waiting, (size_t)g->fresh, room, sizeof *g->waiting);
    if (!status) g->most = most;
    return status;
}

void sg_grid_delete(sg_grid *g) {
    if (!g) return;
    sg_delete(g->piece);
    sg_delete(g->trace);
    sg_delete(g->order);
    sg_delete(g->spare);
    sg_delete(g->waiting);
    sg_delete(g->peak);
    sg_delete(g->landmark);
    sg_delete(g->scale);
    sg_delete(g->test);
    sg_delete(g);
}

/* A piece of the pool that waits for its values; room must be there. */
static int born(sg_grid *g, int slot, double lo, double hi, const sg_piece *parent) {
    sg_piece *p = &g->piece[slot];
    int tests = g->density->tests;
    double before = parent ? parent->rest : INFINITY;
    for (int t = 0; t < tests; t++) {
        sg_trace *mine = &g->trace[slot * tests + t];
        mine->before = parent ? g->trace[(int)(parent - g->piece) * tests + t].rest : INFINITY;
    }
    p->lo = lo;
    p->hi = hi;
    p->before = before;
    g->waiting[g->fresh++] = slot;
    return slot;
}

sg_status sg_grid_append(sg_grid *g, double lo, double hi) {
    if (!(hi > lo)) return SG_OK;
    sg_status status = make_room(g, 1);
    if (status) return status;
    g->order[g->count++] = born(g, g->used++, lo, hi, NULL);
    return SG_OK;
}

/* --------------------------------------------------------------- evaluation */

static bool narrow(const sg_piece *p) {
    return p->hi - p->lo <= 64 * EPS * sg_larger(fabs(p->lo), fabs(p->hi));
}

/* Also gives the values exp(logq - max) at the nodes; a bare grid does without where log q alone asks for halving. */
static void measure(const sg_grid *g, sg_piece *p, double *value) {
    double sum = 0, max = -INFINITY, min = INFINITY;
    int wrong = 0;
#pragma omp simd reduction(max : max) reduction(min : min) reduction(+ : wrong)
    for (int j = 0; j < SG_PANEL_ORDER; j++) {
        const double here = p->logq[j];
        wrong += !(here < INFINITY);
        max = here < INFINITY && here > max ? here : max;
        min = here < INFINITY && here < min ? here : min;
    }
    p->bad = wrong > 0;
    p->max = max;
    p->min = min;
    p->mass = p->rest = 0;
    if (p->bad || max == -INFINITY) return;
    if (g->bare && max - min > g->steep && !narrow(p)) {
        p->rest = INFINITY;
        return;
    }
#pragma omp simd
    for (int j = 0; j < SG_PANEL_ORDER; j++) value[j] = exp(p->logq[j] - max);
    for (int j = 0; j < SG_PANEL_ORDER; j++) sum += sg_legendre_weight[j] * value[j];
    p->mass = 0.5 * (p->hi - p->lo) * sum;
    p->rest = sg_legendre_rest(value);
}

static void measure_test(const sg_piece *p, const double *value, const double *test, sg_trace *trace) {
    double size = 0, peak = 0, sum = 0;
    trace->size = trace->peak = trace->mass = trace->rest = 0;
    if (p->bad || p->max == -INFINITY) return;
#pragma omp simd reduction(max : size, peak) reduction(+ : sum)
    for (int j = 0; j < SG_PANEL_ORDER; j++) {
        double height = fabs(test[j]), rooted = height * sqrt(value[j]);
        size = height > size ? height : size;
        peak = rooted > peak ? rooted : peak;
        sum += sg_legendre_weight[j] * height * value[j];
    }
    trace->size = size;
    trace->peak = peak;
    trace->mass = 0.5 * (p->hi - p->lo) * sum;
    trace->rest = sg_legendre_rest(test);
}

/* Values of up to 16 waiting pieces in one call. */
static void evaluate_batch(sg_grid *g, const int *slot, int pieces) {
    const sg_density *d = g->density;
    int n = pieces * SG_PANEL_ORDER;
    for (int k = 0; k < pieces; k++) {
        const sg_piece *p = &g->piece[slot[k]];
        double mid = 0.5 * p->lo + 0.5 * p->hi, half = 0.5 * (p->hi - p->lo);
        for (int j = 0; j < SG_PANEL_ORDER; j++) g->x[k * SG_PANEL_ORDER + j] = mid + half * sg_legendre_node[j];
    }
    d->evaluate(d->context, n, g->x, g->logq, g->test);
    for (int k = 0; k < pieces; k++) {
        sg_piece *p = &g->piece[slot[k]];
        double value[SG_PANEL_ORDER];
        memcpy(p->logq, g->logq + k * SG_PANEL_ORDER, sizeof p->logq);
        measure(g, p, value);
        for (int t = 0; t < d->tests; t++)
            measure_test(p, value, g->test + t * n + k * SG_PANEL_ORDER, &g->trace[slot[k] * d->tests + t]);
    }
}

static void evaluate(sg_grid *g) {
    const int most = BATCH / SG_PANEL_ORDER;
    for (int k = 0; k < g->fresh; k += most)
        evaluate_batch(g, g->waiting + k, g->fresh - k < most ? g->fresh - k : most);
    g->fresh = 0;
}

/* ---------------------------------------------------- where the density lives */

static const sg_piece *at(const sg_grid *g, int i) {
    return &g->piece[g->order[i]];
}

/* The outermost well seen from piece `from` on in direction `step`: its floor is followed by a rise of -log q by 1. */
static int outer_well(const sg_grid *g, int from, int to, int step) {
    int well = from;
    for (int i = from; i != to + step; i += step) {
        const sg_piece *p = at(g, i);
        if (p->max >= at(g, well)->max)
            well = i;
        else if (p->min < at(g, well)->max - 1)
            break;
    }
    return well;
}

static void reach(sg_grid *g, double level) {
    g->first = 0;
    g->last = g->count - 1;
    while (g->first < g->count && at(g, g->first)->max < level) g->first++;
    while (g->last >= 0 && at(g, g->last)->max < level) g->last--;
}

/* Finds the maximum, the cut and the pieces between the two cuts; first > last when the density is nowhere positive. */
static void survey(sg_grid *g) {
    g->top = -INFINITY;
    for (int i = 0; i < g->count; i++) g->top = sg_larger(g->top, at(g, i)->max);
    g->cut = g->top - g->depth;
    g->first = g->count;
    g->last = -1;
    if (g->top == -INFINITY) return;
    reach(g, g->cut);
    int left = outer_well(g, g->first, g->last, 1), right = outer_well(g, g->last, g->first, -1);
    double barrier = INFINITY;
    if (g->beyond == INFINITY) return;
    for (int i = left + 1; i < right; i++) barrier = sg_smaller(barrier, at(g, i)->min);
    if (barrier - g->beyond >= g->cut || barrier == -INFINITY) return;
    g->cut = barrier - g->beyond;
    reach(g, g->cut);
}

static sg_status too_far(const sg_grid *g, const char *side) {
    return sg_fail(
        SG_NOT_INTEGRABLE,
        "log q does not fall %g below its maximum for x to the %s within |x| <= %g; the density needs a finite "
        "support or lighter tails",
        g->depth, side, FAR);
}

static sg_status extend_right(sg_grid *g) {
    double end = g->density->hi;
    sg_status status = SG_OK;
    for (int k = 0; k < CHUNK && !status; k++) {
        double lo = at(g, g->count - 1)->hi, hi = lo + g->step_hi;
        if (lo >= end) break;
        if (lo > FAR) return too_far(g, "right");
        if (hi + 0.25 * g->step_hi >= end) hi = end;
        status = sg_grid_append(g, lo, hi);
        g->step_hi *= 2;
    }
    return status;
}

static sg_status extend_left(sg_grid *g) {
    double end = g->density->lo, hi = at(g, 0)->lo;
    int added = 0;
    sg_status status = make_room(g, CHUNK);
    for (; added < CHUNK && !status && hi > end; added++) {
        if (hi < -FAR) return too_far(g, "left");
        double lo = hi - g->step_lo;
        if (lo - 0.25 * g->step_lo <= end) lo = end;
        g->spare[CHUNK - 1 - added] = born(g, g->used++, lo, hi, NULL);
        g->step_lo *= 2;
        hi = lo;
    }
    memmove(g->order + added, g->order, (size_t)g->count * sizeof *g->order);
    memcpy(g->order, g->spare + CHUNK - added, (size_t)added * sizeof *g->order);
    g->count += added;
    return status;
}

/* Adds pieces outwards until both cuts have their margin or the support ends. */
static sg_status enclose(sg_grid *g) {
    for (;;) {
        evaluate(g);
        survey(g);
        bool nowhere = g->first > g->last;
        bool right = (nowhere || g->last + MARGIN >= g->count) && at(g, g->count - 1)->hi < g->density->hi;
        bool left = (nowhere || g->first < MARGIN) && at(g, 0)->lo > g->density->lo;
        if (!right && !left) return nowhere ? sg_fail(SG_NOT_INTEGRABLE, "the density vanishes on its support") : SG_OK;
        sg_status status = right ? extend_right(g) : SG_OK;
        if (!status && left) status = extend_left(g);
        if (status) return status;
    }
}

/* --------------------------------------------------------------- refinement */

/*
 * Whether a series is good enough: below `bound`, or below the noise of rounding that halving does not reduce.
 */
static bool decayed(double rest, double before, double bound, double noise) {
    return rest <= bound || (rest < noise && rest > 0.5 * before);
}

static sg_status settled(const sg_grid *g, int slot, bool *done) {
    const sg_piece *p = &g->piece[slot];
    int tests = g->density->tests;
    *done = narrow(p);
    if (*done) return SG_OK;
    if (p->bad || p->max - p->min > g->steep) return SG_OK;
    double grain = EPS * sg_larger(fabs(p->lo), fabs(p->hi)) / (p->hi - p->lo); /* rounding of x, in widths */
    double noise = 4 * EPS * (1 + fabs(p->max)) + grain * (p->max - p->min), stagnant = sg_larger(STAGNANT, 16 * grain);
    if (!decayed(p->rest, p->before, sg_larger(g->tol, noise), stagnant)) return SG_OK;
    double root = exp(0.5 * (p->max - g->top));
    for (int t = 0; t < tests; t++) {
        const sg_trace *trace = &g->trace[slot * tests + t];
        if (root < 1e-30) break;
        if (!isfinite(trace->rest))
            return sg_fail(SG_NOT_INTEGRABLE, "function %d to be integrated is not finite between x = %g and %g", t,
                           p->lo, p->hi);
        double bound = sg_larger(g->tol * g->peak[t] / root, (8 * EPS + grain) * trace->size);
        if (!decayed(trace->rest, trace->before, bound, stagnant * trace->size)) return SG_OK;
    }
    *done = true;
    return SG_OK;
}

/*
 * Whether piece i, below the cut, may hide density between its nodes: it lies beside the last piece above the cut and
 * is much wider.
 */
static bool may_hide(const sg_grid *g, int i) {
    if (i != g->first - 1 && i != g->last + 1) return false;
    const sg_piece *beside = at(g, i < g->first ? g->first : g->last), *p = at(g, i);
    return p->hi - p->lo > 2.5 * (beside->hi - beside->lo) && !narrow(p);
}

static void find_peaks(sg_grid *g) {
    int tests = g->density->tests;
    for (int t = 0; t < tests; t++) g->peak[t] = 0;
    for (int i = g->first; i <= g->last; i++) {
        double root = exp(0.5 * (at(g, i)->max - g->top));
        const sg_trace *trace = g->trace + g->order[i] * tests;
        for (int t = 0; t < tests; t++) g->peak[t] = sg_larger(g->peak[t], root * trace[t].peak);
    }
}

/* The two halves replace piece `slot` at place `count` of the spare order. */
static void halve(sg_grid *g, int slot, int *count) {
    const sg_piece parent = g->piece[slot];
    double mid = 0.5 * parent.lo + 0.5 * parent.hi;
    int right = born(g, g->used++, mid, parent.hi, &g->piece[slot]);
    int left = born(g, slot, parent.lo, mid, &g->piece[slot]);
    g->spare[(*count)++] = left;
    g->spare[(*count)++] = right;
}

/* One sweep: halves the pieces between the cuts that need it, or all of them. */
static sg_status refine(sg_grid *g, bool all) {
    int count = 0;
    sg_status status = make_room(g, g->last - g->first + 3);
    if (status) return status;
    find_peaks(g);
    for (int i = 0; i < g->count; i++) {
        bool outside = i < g->first || i > g->last, done = all ? outside || narrow(at(g, i)) : !may_hide(g, i);
        if (!outside && !all) status = settled(g, g->order[i], &done);
        if (status) return status;
        if (done)
            g->spare[count++] = g->order[i];
        else
            halve(g, g->order[i], &count);
    }
    int *order = g->order;
    g->order = g->spare;
    g->spare = order;
    g->count = count;
    return SG_OK;
}

static sg_status check_interior(const sg_grid *g) {
    for (int i = g->first; i <= g->last; i++) {
        const sg_piece *p = at(g, i);
        bool inside = i > g->first && i < g->last;
        if ((p->bad && (inside || narrow(p))) || (inside && p->min == -INFINITY))
            return sg_fail(SG_NOT_INTEGRABLE, "log q is not finite between x = %g and %g", p->lo, p->hi);
    }
    return SG_OK;
}

/* A density that stops being a number before it is below the cut has no known tail. */
static sg_status check_ends(const sg_grid *g) {
    const sg_piece *right = g->last + 1 < g->count ? at(g, g->last + 1) : NULL;
    const sg_piece *left = g->first > 0 ? at(g, g->first - 1) : NULL;
    if (right && !(right->logq[0] < INFINITY))
        return sg_fail(SG_NOT_INTEGRABLE, "log q is not finite at x = %g", right->lo);
    if (left && !(left->logq[SG_PANEL_ORDER - 1] < INFINITY))
        return sg_fail(SG_NOT_INTEGRABLE, "log q is not finite at x = %g", left->hi);
    return SG_OK;
}

/*
 * Towards a finite end where the density vanishes pieces get so narrow that their nodes coincide, before the density is
 * below the cut: the law is cut before them.
 */
static bool collapsed(const sg_grid *g, int i, double whole) {
    const sg_piece *p = at(g, i);
    return narrow(p) && p->max - p->min > g->steep && exp(p->max - g->top) * p->mass < VANISHING * whole;
}

static void trim(sg_grid *g) {
    const bool left = at(g, g->first)->lo <= g->density->lo, right = at(g, g->last)->hi >= g->density->hi;
    double whole = 0;
    for (int i = g->first; i <= g->last; i++) whole += exp(at(g, i)->max - g->top) * at(g, i)->mass;
    while (left && g->first < g->last && collapsed(g, g->first, whole)) g->first++;
    while (right && g->first < g->last && collapsed(g, g->last, whole)) g->last--;
}

static sg_status resolve(sg_grid *g, int level) {
    for (;;) {
        sg_status status = enclose(g);
        if (!status) status = check_interior(g);
        if (!status) status = refine(g, false);
        if (status) return status;
        if (!g->fresh) break;
        if (g->count > MOST_PIECES)
            return sg_fail(SG_NOT_CONVERGED,
                           "the density needs more than %d panels between x = %g and %g; give the places where it is "
                           "rough as landmarks, or a larger tolerance",
                           MOST_PIECES, at(g, g->first)->lo, at(g, g->last)->hi);
    }
    sg_status status = check_ends(g);
    trim(g);
    for (int k = 0; k < level && !status; k++) {
        status = refine(g, true);
        if (status) break;
        g->last += g->fresh / 2;
        evaluate(g);
    }
    return status;
}

/* -------------------------------------------------------------------- error */

/* Truncated series weighed with the mass of their pieces, relative to the integral of |test| p; the largest over tests.
 */
static void estimate_error(sg_grid *g) {
    int tests = g->density->tests;
    double mass = 0, lost = 0;
    for (int i = g->first; i <= g->last; i++) {
        double share = exp(at(g, i)->max - g->top) * at(g, i)->mass;
        mass += share;
        lost += share * at(g, i)->rest;
    }
    g->error = lost / mass + EPS;
    for (int t = 0; t < tests; t++) {
        double whole = 0, off = 0;
        for (int i = g->first; i <= g->last; i++) {
            const sg_piece *p = at(g, i);
            const sg_trace *trace = &g->trace[g->order[i] * tests + t];
            double unit = exp(p->max - g->top);
            if (unit == 0) continue;
            whole += unit * trace->mass;
            off += unit * p->mass * (p->rest * trace->size + trace->rest);
        }
        if (whole > 0) g->error = sg_larger(g->error, off / whole + EPS);
    }
}

static sg_status check_request(const sg_density *d, double tol, double depth, int level) {
    if (!(d->lo < d->hi)) return sg_fail(SG_OUT_OF_RANGE, "the support [%g, %g] of the density is empty", d->lo, d->hi);
    if (!(tol >= 1e-15 && tol < 1))
        return sg_fail(SG_OUT_OF_RANGE, "the tolerance %g of panels must lie in [1e-15, 1)", tol);
    if (!(depth > 0 && isfinite(depth)))
        return sg_fail(SG_OUT_OF_RANGE, "the depth %g of panels must be positive", depth);
    if (level < 0 || level > 10) return sg_fail(SG_OUT_OF_RANGE, "the level %d of panels must lie in [0, 10]", level);
    return SG_OK;
}

sg_status sg_grid_new(const sg_density *density, const sg_grid_request *request, sg_grid **grid) {
    *grid = NULL;
    sg_status status = check_request(density, request->tol, request->depth, request->level);
    if (!status) status = sg_new(grid, 1, sizeof **grid);
    if (status) return status;
    sg_grid *g = *grid;
    size_t marks = density->landmarks > 0 ? (size_t)density->landmarks : 1;
    g->density = density;
    g->tol = request->tol;
    g->depth = request->depth;
    g->steep = request->steep;
    g->beyond = request->beyond;
    g->bare = request->bare;
    status = sg_new(&g->landmark, marks, sizeof *g->landmark);
    if (!status) status = sg_new(&g->scale, marks, sizeof *g->scale);
    if (!status && density->tests) status = sg_new(&g->peak, (size_t)density->tests, sizeof *g->peak);
    if (!status && density->tests) status = sg_new(&g->test, (size_t)density->tests * BATCH, sizeof *g->test);
    if (!status) status = sg_grid_seed(g);
    if (!status) status = resolve(g, request->level);
    if (!status && !g->bare) estimate_error(g);
    return status;
}
