#include "far.h"

#include <math.h>

enum { B = SG_BLOCK, BLOCKS = 8, WANT = SG_LOGP | SG_DX | SG_DXX };

#define FAR 1e90
#define REACH 16       /* wells are looked for at that many half-lengths of the panels */
#define MARGIN 7       /* log of the factor by which the estimated rate of a well may be off */
#define DEEPEST 2500   /* floors below are left out */
#define PHASE 0.5      /* of a wave that finds room */
#define CONSTANT 1e-10 /* relative change of a slope that has its limit */
#define CHANGED 1e3    /* ratio of slopes that tend to 0 or infinity */

typedef struct {
    const sg_model *model;
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
    double centre, half, top; /* of the panels; log q at the mode */
} view;

static void close_view(view *v) {
    sg_arena_delete(v->arena);
}

static void look(view *v) {
    v->model->family->jet(v->model, v->model->truth, &v->block, &v->jet);
}

/* log p as the jet gives it is unnormalized: its top is taken from the jet, too. */
static sg_status open_view(const sg_model *model, const sg_panels *panels, view *v) {
    *v = (view){.model = model, .block = {.d = 1, .draws = 1}};
    int mode = 0;
    sg_status status = sg_arena_new(sg_jet_bytes(model->full, 1, WANT) + (B + 64) * sizeof(double), &v->arena);
    if (status) return status;
    v->block.x = sg_arena_take(v->arena, B, sizeof(double));
    if ((status = sg_jet_take(v->arena, model->full, 1, WANT, &v->jet))) return status;
    for (int i = 0; i < panels->n; i++)
        if (panels->logp[i] > panels->logp[mode]) mode = i;
    v->centre = 0.5 * panels->edge[0] + 0.5 * panels->edge[panels->count];
    v->half = 0.5 * (panels->edge[panels->count] - panels->edge[0]);
    v->block.n = 1;
    v->block.x[0] = panels->x[mode];
    look(v);
    v->top = v->jet.logp[0];
    return SG_OK;
}

/* ------------------------------------------------------------ the tails */

/* Limit of slopes at distances that double. */
static double limit_of(int count, const double *slope) {
    if (count < 4) return NAN;
    double last = slope[count - 1], middle = slope[count / 2], first = slope[0];
    if (last == INFINITY || last > CHANGED * fabs(first)) return INFINITY;
    if (fabs(last - middle) <= CONSTANT * last) return last;
    return last >= 0 && last * CHANGED < first ? 0 : NAN;
}

static double slope_at(view *v, double cut, int side) {
    double slope[B];
    int count = 0;
    v->block.n = 0;
    for (double step = 0; v->block.n < B && fabs(cut) + step < FAR; step = 2 * step + v->half)
        v->block.x[v->block.n++] = cut + side * step;
    look(v);
    for (; count + 1 < v->block.n && v->jet.logp[count + 1] > -1e300; count++)
        slope[count] = -(v->jet.logp[count + 1] - v->jet.logp[count]) / fabs(v->block.x[count + 1] - v->block.x[count]);
    return limit_of(count, slope);
}

sg_status sg_far_bottom(const sg_model *model, const sg_panels *panels, double *bottom) {
    view v;
    const double cut[] = {panels->log_tail_lo, panels->log_tail_hi}, end[] = {model->space.lo, model->space.hi};
    *bottom = INFINITY;
    sg_status status = open_view(model, panels, &v);
    for (int k = 0; k < 2 && !status; k++) {
        if (cut[k] == -INFINITY || isfinite(end[k])) continue;
        double limit = slope_at(&v, panels->edge[k ? panels->count : 0], k ? 1 : -1);
        if (isnan(limit) || isnan(*bottom))
            *bottom = NAN;
        else
            *bottom = fmin(*bottom, 0.25 * limit * limit);
    }
    close_view(&v);
    return status;
}

/* ------------------------------------------------------- wells and plateaus */

/* How far to look: several lengths of the panels, and beyond every landmark of the family. */
static double reach_of(const view *v, double cut, int side) {
    sg_landmarks marks = {0};
    double reach = REACH * v->half;
    if (v->model->family->landmarks) v->model->family->landmarks(v->model, v->model->truth, &marks);
    for (int k = 0; k < marks.count; k++) reach = fmax(reach, 1.5 * side * (marks.at[k] - cut));
    double end = side < 0 ? cut - v->model->space.lo : v->model->space.hi - cut;
    return fmin(reach, end);
}

/* On the way outwards: the highest point of -log p, the lowest since, and the phase of a wave in the stretch under way.
 */
typedef struct {
    double log_rate, rate;
    bool unit;
    double barrier, floor, barrier_bend, floor_bend, phase, x, deepest;
} walk;

/* Kramers' estimate of the log of the rate at which the well under way is left towards the mode; where nothing bends (a
 * kink, an edge) the bend counts as one. */
static double well_rate(const walk *w) {
    const double bends = w->barrier_bend * w->floor_bend;
    return (bends > 0 && bends < INFINITY ? 0.5 * log(bends) : 0) - log(2 * M_PI) - (w->barrier - w->floor);
}

static void step(walk *w, double x, double depth, double slope, double bend) {
    const double potential = 0.25 * slope * slope + 0.5 * bend, width = fabs(x - w->x);
    w->x = x;
    if (depth > w->barrier) {
        w->barrier = w->floor = depth;
        w->barrier_bend = fabs(bend);
    }
    if (depth < w->floor) {
        w->floor = depth;
        w->floor_bend = fabs(bend);
    }
    if (w->barrier - w->floor >= 1 && well_rate(w) < w->log_rate + MARGIN) w->deepest = fmax(w->deepest, w->floor);
    if (!w->unit || !(potential < w->rate)) {
        w->phase = 0;
        return;
    }
    if (potential >= 0) w->phase += width * sqrt(w->rate - potential);
    if (w->phase > PHASE) w->deepest = fmax(w->deepest, depth);
}

static double look_outwards(view *v, double cut, int side, bool unit, double log_rate) {
    const double reach = reach_of(v, cut, side), growth = log1p(REACH) / (BLOCKS * B);
    walk w = {.log_rate = log_rate, .rate = exp(log_rate), .unit = unit, .barrier = -INFINITY, .x = cut};
    for (int b = 0; b < BLOCKS; b++) {
        v->block.n = B;
        for (int i = 0; i < B; i++) v->block.x[i] = cut + side * reach * (expm1(growth * (b * B + i)) / REACH);
        look(v);
        for (int i = 0; i < B; i++) {
            double depth = v->top - v->jet.logp[i];
            if (!(depth < DEEPEST)) return w.deepest;
            step(&w, v->block.x[i], depth, v->jet.dx[i], v->jet.dxx[i]);
        }
    }
    return w.deepest;
}

sg_status sg_far_depth(const sg_model *model, const sg_panels *panels, bool unit, double log_rate, double *depth) {
    view v;
    const double cut[] = {panels->log_tail_lo, panels->log_tail_hi};
    *depth = 0;
    sg_status status = open_view(model, panels, &v);
    for (int k = 0; k < 2 && !status; k++)
        if (cut[k] > -INFINITY)
            *depth = fmax(*depth, look_outwards(&v, panels->edge[k ? panels->count : 0], k ? 1 : -1, unit, log_rate));
    close_view(&v);
    return status;
}
