#include "far.h"

#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

enum { B = SG_BLOCK, BLOCKS = 8 };

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
    double half, top; /* of the panels; log q at the mode */
} view;

static void close_view(view *v) {
    sg_arena_delete(v->arena);
}

static void look(view *v) {
    v->model->family->jet(v->model, v->model->truth, &v->block, &v->jet);
}

/* log p as the jet gives it is unnormalized: its top is taken from the jet, too. */
static sg_status open_view(const sg_model *model, const sg_line_law *law, int want, view *v) {
    *v = (view){.model = model, .block = {.d = 1, .draws = 1}};
    int mode = 0;
    sg_status status = sg_arena_new(sg_jet_bytes(model->full, 1, want) + (B + 64) * sizeof(double), &v->arena);
    if (status) return status;
    v->block.x = sg_arena_take(v->arena, B, sizeof(double));
    if ((status = sg_jet_take(v->arena, model->full, 1, want, &v->jet))) return status;
    for (int i = 0; i < law->count * SG_PANEL_ORDER; i++)
        if (law->logp[i] > law->logp[mode]) mode = i;
    v->half = 0.5 * (law->edge[law->count] - law->edge[0]);
    v->block.n = 1;
    const double lo = law->edge[mode / SG_PANEL_ORDER], hi = law->edge[mode / SG_PANEL_ORDER + 1];
    v->block.x[0] = (0.5 * lo + 0.5 * hi) + 0.5 * (hi - lo) * sg_legendre_node[mode % SG_PANEL_ORDER];
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

sg_status sg_far_bottom(const sg_model *model, const sg_line_law *law, double *bottom) {
    view v;
    const bool open[] = {law->open_lo, law->open_hi};
    const double end[] = {model->space.lo, model->space.hi};
    *bottom = INFINITY;
    sg_status status = open_view(model, law, SG_LOGP, &v);
    for (int k = 0; k < 2 && !status; k++) {
        if (!open[k] || isfinite(end[k])) continue;
        double limit = slope_at(&v, law->edge[k ? law->count : 0], k ? 1 : -1);
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
static double reach_of(const view *v, const sg_landmarks *marks, double cut, int side) {
    double reach = REACH * v->half;
    for (int k = 0; k < marks->count; k++) reach = fmax(reach, 1.5 * side * (marks->at[k] - cut));
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

/* Depth of the points of the block, as many as are above DEEPEST. */
static int depths(const view *v, double depth[B]) {
    int n = 0;
    for (int i = 0; i < v->block.n; i++) depth[i] = v->top - v->jet.logp[i];
    while (n < v->block.n && depth[n] < DEEPEST) n++;
    return n;
}

/* Whether the points only lead down, with no room for a wave: `step` for the last of them says it all. */
static bool plain(const view *v, const walk *w, int n, const double *depth) {
    const double *slope = v->jet.dx, *bend = v->jet.dxx, rate = w->unit ? w->rate : -INFINITY;
    int turns = !(depth[0] > w->barrier);
#pragma omp simd reduction(+ : turns)
    for (int i = 1; i < n; i++) turns += !(depth[i] > depth[i - 1]);
#pragma omp simd reduction(+ : turns)
    for (int i = 0; i < n; i++) turns += 0.25 * slope[i] * slope[i] + 0.5 * bend[i] < rate;
    return turns == 0;
}

static double look_outwards(view *v, const sg_landmarks *marks, double cut, int side, walk w) {
    const double unit = side * reach_of(v, marks, cut, side) / REACH, growth = log1p(REACH) / (BLOCKS * B);
    for (int b = 0; b < BLOCKS; b++) {
        double depth[B];
        v->block.n = B;
#pragma omp simd
        for (int i = 0; i < B; i++) v->block.x[i] = cut + unit * (exp(growth * (b * B + i)) - 1);
        look(v);
        const int n = depths(v, depth);
        for (int i = n && plain(v, &w, n, depth) ? n - 1 : 0; i < n; i++)
            step(&w, v->block.x[i], depth[i], v->jet.dx[i], v->jet.dxx[i]);
        if (n < B) break;
    }
    return w.deepest;
}

sg_status sg_far_depth(const sg_model *model, const sg_line_law *law, const sg_landmarks *marks, bool unit,
                       double log_rate, double *depth) {
    view v;
    sg_landmarks own = {0};
    const bool open[] = {law->open_lo, law->open_hi};
    *depth = 0;
    sg_status status = open_view(model, law, SG_LOGP | SG_DX | SG_DXX, &v);
    if (!marks && model->family->landmarks) model->family->landmarks(model, model->truth, &own);
    for (int k = 0; k < 2 && !status; k++) {
        const double cut = law->edge[k ? law->count : 0];
        const walk w = {.log_rate = log_rate, .rate = exp(log_rate), .unit = unit, .barrier = -INFINITY, .x = cut};
        if (open[k]) *depth = fmax(*depth, look_outwards(&v, marks ? marks : &own, cut, k ? 1 : -1, w));
    }
    close_view(&v);
    return status;
}
