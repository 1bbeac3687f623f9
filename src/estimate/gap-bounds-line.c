/* Bounds for diffusions on the line and on the circle, from the panels of the law. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/gap-bounds.h"

enum { CHEN_STEPS = 16, ROUNDS = 3, FEW_PANELS = 24 };
/* Depths of the cut, deeper while the constant of the law cut there is not that of the law; that of the first look at
 * the curvature, and what the panels are made with where the deeper do not exist. */
static const double DEPTH[ROUNDS] = {260, 650, 1625}, SHALLOW = 100, USUAL = 200;
static const double SAME = 1e-6;
static const char CUT[] = "the law is cut, and its tails decide";
static const char HEAVY[] = "there is no log-Sobolev inequality: the tails are heavier than Gaussian";

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_gap *gap;
    sg_panels *panels;
    sg_prepared *prepared;
    double *log_d, *slope_d, *first, *second, *test; /* [n] */
    bool unit;                                       /* D = 1 */
    bool cut, heavy;
} line;

static void clear(line *l) {
    double **array[] = {&l->log_d, &l->slope_d, &l->first, &l->second, &l->test};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) {
        sg_delete(*array[k]);
        *array[k] = NULL;
    }
    sg_loss_release(l->loss, l->prepared);
    l->prepared = NULL;
    sg_panels_delete(l->panels);
    l->panels = NULL;
}

/* Derivatives of log p and of log D at the nodes. */
static sg_status derivatives(line *l) {
    const sg_model *model = l->model;
    sg_arena *arena = NULL;
    sg_jet jet;
    const size_t bytes = sg_jet_bytes(model->full, 1, SG_DX | SG_DXX) + 4 * (SG_BLOCK * sizeof(double) + SG_ALIGN);
    sg_status status = sg_arena_new(bytes, &arena);
    if (!status) status = sg_jet_take(arena, model->full, 1, SG_DX | SG_DXX, &jet);
    if (status) goto out;
    sg_block block = {.d = 1, .draws = 1, .x = sg_arena_take(arena, SG_BLOCK, sizeof(double))};
    double *D = sg_arena_take(arena, SG_BLOCK, sizeof(double)), *slope = sg_arena_take(arena, SG_BLOCK, sizeof(double));
    if (!block.x || !D || !slope) {
        status = sg_fail(SG_NO_MEMORY, "memory for a block of derivatives is exhausted");
        goto out;
    }
    for (int first = 0; first < l->panels->n; first += SG_BLOCK) {
        block.n = l->panels->n - first < SG_BLOCK ? l->panels->n - first : SG_BLOCK;
        for (int i = 0; i < SG_BLOCK; i++) block.x[i] = l->panels->x[first + (i < block.n ? i : block.n - 1)];
        model->family->jet(model, model->truth, &block, &jet);
        if (!l->unit) l->loss->row->diffusion(l->prepared, &block, D, slope);
        for (int i = 0; i < block.n; i++) {
            l->first[first + i] = jet.dx[i];
            l->second[first + i] = jet.dxx[i];
            l->slope_d[first + i] = l->unit ? 0 : slope[i] / D[i];
        }
    }
out:
    sg_arena_delete(arena);
    return status;
}

/* Eigenfunctions want more panels than the law of an interval or of a circle needs. */
static sg_status panels_of(line *l, double depth) {
    sg_status status = sg_model_panels_deep(l->model, l->model->truth, depth, 0, &l->panels);
    if (status || l->panels->count >= FEW_PANELS) return status;
    sg_panels_delete(l->panels);
    l->panels = NULL;
    return sg_model_panels_deep(l->model, l->model->truth, depth, 2, &l->panels);
}

static sg_status lay(line *l, double depth) {
    clear(l);
    sg_status status = panels_of(l, depth);
    if (!status) status = sg_loss_prepare(l->loss, l->model, l->panels, &l->prepared);
    const size_t n = status ? 0 : (size_t)l->panels->n;
    double **array[] = {&l->log_d, &l->slope_d, &l->first, &l->second, &l->test};
    for (size_t k = 0; !status && k < sizeof array / sizeof *array; k++) status = sg_new(array[k], n, sizeof(double));
    if (!status) status = sg_loss_log_diffusion(l->loss, l->prepared, l->panels, l->log_d);
    l->unit = !l->loss->row->diffusion;
    return status ? status : derivatives(l);
}

/* Is C_P of the gap one that the law on these panels can have? */
static sg_status consistent(const line *l, bool *is) {
    sg_chen chen;
    *is = true;
    if (!l->gap || l->gap->status != SG_OK) return SG_OK;
    sg_status status = sg_bound_chen(l->panels, l->log_d, CHEN_STEPS, &chen);
    const double log_c = -l->gap->log10_gap * M_LN10;
    *is = status || (log_c <= chen.log_upper + SAME && log_c >= chen.log_lower - SAME);
    return status == SG_NO_MEMORY ? status : SG_OK;
}

static sg_status lay_deep_enough(line *l) {
    bool is = false;
    sg_status status = lay(l, DEPTH[0]);
    if (status && status != SG_NO_MEMORY) return lay(l, USUAL);
    if (!status) status = consistent(l, &is);
    for (int k = 1; k < ROUNDS && !status && !is; k++) {
        status = lay(l, DEPTH[k]);
        if (!status) status = consistent(l, &is);
    }
    return status;
}

/* -------------------------------------------------------- the criteria, on panels */

static sg_status add(line *l, sg_gap_bounds *list, const char *name, sg_bound_side side, sg_status status,
                     double log_value, const char *note) {
    status = sg_gap_bounds_add(list, name, side, status, log_value, "%s", note);
    if (status) return status;
    if (side == SG_GAP_LOWER && l->cut) sg_gap_bounds_deny(list, CUT);
    if (side == SG_ENTROPY_UPPER && l->heavy) sg_gap_bounds_deny(list, HEAVY);
    return SG_OK;
}

static sg_status muckenhoupt(line *l, sg_gap_bounds *list, bool both) {
    sg_muckenhoupt m = {.log_upper_median = INFINITY};
    char note[96];
    sg_status code = sg_bound_muckenhoupt(l->panels, l->log_d, &m);
    snprintf(note, sizeof note, "balanced at m = %.6g", m.split);
    sg_status status = add(l, list, "Muckenhoupt", SG_GAP_LOWER, code, -m.log_upper, note);
    if (!status && both) status = add(l, list, "Muckenhoupt", SG_GAP_UPPER, code, -m.log_lower, note);
    if (!status) status = add(l, list, "Muckenhoupt, median", SG_GAP_LOWER, code, -m.log_upper_median, "");
    if (!status && both) status = add(l, list, "Muckenhoupt, median", SG_GAP_UPPER, code, -m.log_lower_median, "");
    return status;
}

static sg_status cheeger(line *l, sg_gap_bounds *list, bool both) {
    sg_cheeger c = {0};
    char note[96];
    sg_status code = sg_bound_cheeger(l->panels, l->log_d, &c);
    snprintf(note, sizeof note, "h = %.6g at x = %.6g", exp(c.log_h), c.h_at);
    sg_status status = add(l, list, "Cheeger", SG_GAP_LOWER, code, c.log_gap_lower, note);
    return status || !both ? status : add(l, list, "two-step function", SG_GAP_UPPER, code, c.log_gap_upper, "");
}

static sg_status chen(line *l, sg_gap_bounds *list, bool both) {
    sg_chen c = {0};
    char note[96];
    sg_status code = sg_bound_chen(l->panels, l->log_d, CHEN_STEPS, &c);
    snprintf(note, sizeof note, "%d steps from D^{-1/2}", CHEN_STEPS);
    sg_status status = add(l, list, "Chen", SG_GAP_LOWER, code, -c.log_upper, note);
    return status || !both ? status : add(l, list, "Chen", SG_GAP_UPPER, code, -c.log_lower, note);
}

/* The quotient of f(x) = x. */
static sg_status rayleigh(line *l, sg_gap_bounds *list) {
    double value = INFINITY;
    for (int i = 0; i < l->panels->n; i++) l->test[i] = 1;
    sg_status code = sg_bound_rayleigh_upper(l->panels, l->log_d, l->panels->x, l->test, &value);
    return add(l, list, "Rayleigh", SG_GAP_UPPER, code, value, "f(x) = x");
}

static sg_status curvature(const line *l, sg_bakry_emery *out) {
    return sg_bound_bakry_emery(l->panels, l->first, l->second, l->unit ? NULL : l->log_d, l->unit ? NULL : l->slope_d,
                                out);
}

/* Where a shallower cut has a larger infimum, it lies in the tails and may be lower still beyond the panels. */
static sg_status falls_off(const line *l, const sg_bakry_emery *deep, bool *falls) {
    line shallow = {.model = l->model, .loss = l->loss};
    sg_bakry_emery b;
    *falls = false;
    const bool ends = isfinite(l->panels->log_tail_lo) || isfinite(l->panels->log_tail_hi);
    if (!ends || !(deep->curvature > 0)) return SG_OK;
    sg_status status = lay(&shallow, SHALLOW);
    if (!status) status = curvature(&shallow, &b);
    if (!status) *falls = b.curvature > deep->curvature * (1 + SAME);
    clear(&shallow);
    return status == SG_NO_MEMORY ? status : SG_OK;
}

static sg_status bakry_emery(line *l, sg_gap_bounds *list) {
    sg_bakry_emery b = {0};
    char note[128];
    bool falls = false, kink = l->model->family->can & SG_KINK;
    sg_status code = curvature(l, &b), status = code ? SG_OK : falls_off(l, &b, &falls);
    if (status) return status;
    if (!code)
        snprintf(note, sizeof note, "inf V'' = %.6g at x = %.6g%s", b.curvature, b.at,
                 b.curvature > 0 ? "" : ", not positive");
    for (int side = 0; side < 2; side++) {
        const double value = side ? b.log_poincare_upper : -b.log_poincare_upper;
        status = add(l, list, "Bakry-Emery", side ? SG_ENTROPY_UPPER : SG_GAP_LOWER, code, value, note);
        if (status) return status;
        if (kink) sg_gap_bounds_deny(list, "the potential has a kink");
        if (falls) sg_gap_bounds_deny(list, "the infimum of V'' lies in the tails, beyond the panels");
    }
    return SG_OK;
}

static sg_status holley_stroock(line *l, sg_gap_bounds *list, bool circle) {
    sg_holley_stroock b = {0};
    char note[128];
    sg_status code = circle ? sg_bound_holley_stroock_circle(l->panels, l->log_d, &b)
                            : sg_bound_holley_stroock(l->panels, l->log_d, &b);
    snprintf(note, sizeof note, "oscillation %.6g from %s", b.oscillation,
             circle ? "the uniform law" : "the convex envelope of the potential");
    sg_status status = add(l, list, "Holley-Stroock", SG_GAP_LOWER, code, -b.log_poincare_upper, note);
    return status ? status : add(l, list, "Holley-Stroock", SG_ENTROPY_UPPER, code, b.log_log_sobolev_upper, note);
}

static sg_status barthe_roberto(line *l, sg_gap_bounds *list, bool both) {
    sg_log_sobolev_bounds b = {0};
    double growth = NAN;
    char note[96];
    sg_status code = sg_bound_log_sobolev_tail(l->panels, l->log_d, &growth, &l->heavy);
    l->heavy = l->heavy || l->cut; /* tails that leave no discrete spectrum leave no log-Sobolev inequality either */
    if (!code) code = sg_bound_log_sobolev(l->panels, l->log_d, &b);
    snprintf(note, sizeof note, isfinite(growth) ? "exponent of growth in the tails %.3g" : "no tails", growth);
    sg_status status = add(l, list, "Barthe-Roberto", SG_ENTROPY_UPPER, code, b.log_upper, note);
    return status || !both ? status : add(l, list, "Barthe-Roberto", SG_ENTROPY_LOWER, code, b.log_lower, note);
}

static sg_status mixture(line *l, sg_gap_bounds *list) {
    bool constant = true;
    for (int i = 0; i < l->panels->n; i++) constant = constant && l->log_d[i] == l->log_d[0];
    return sg_gap_bounds_mixture(l->model, constant, l->log_d[0], list);
}

/* ---------------------------------------------------------------------- the line */

static sg_status constant_of(line *l, sg_gap_bounds *list, bool circle) {
    sg_log_sobolev *entropy = &list->log_sobolev;
    if (!l->heavy) {
        sg_status status = circle ? sg_circle_log_sobolev(l->panels, l->log_d, 32, entropy)
                                  : sg_line_log_sobolev(l->panels, l->log_d, 0, entropy);
        if (!status || status == SG_NO_MEMORY) return status;
        entropy->status = status;
        snprintf(entropy->message, sizeof entropy->message, "%s", sg_message());
        return SG_OK;
    }
    entropy->method = "growth of the lower side in the tails";
    entropy->log_value = INFINITY;
    entropy->status = SG_NOT_ATTAINED;
    snprintf(entropy->message, sizeof entropy->message, "%s", HEAVY);
    return SG_OK;
}

sg_status sg_gap_bounds_line(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_gap_bounds *list) {
    line l = {.model = model, .loss = loss, .gap = gap, .cut = gap && gap->status == SG_NOT_ATTAINED};
    sg_status status = lay_deep_enough(&l);
    if (!status) status = muckenhoupt(&l, list, true);
    if (!status) status = cheeger(&l, list, true);
    if (!status) status = chen(&l, list, true);
    if (!status) status = rayleigh(&l, list);
    if (!status) status = mixture(&l, list);
    if (!status) status = barthe_roberto(&l, list, true); /* tells whether there is an inequality */
    if (!status) status = bakry_emery(&l, list);
    if (!status) status = holley_stroock(&l, list, false);
    if (!status) status = constant_of(&l, list, false);
    clear(&l);
    return status;
}

/* -------------------------------------------------------------------- the circle */

/* The quotients of the cosine and the sine once around. */
static sg_status once_around(line *l, sg_gap_bounds *list) {
    const sg_panels *p = l->panels;
    const double turn = 2 * M_PI / (p->edge[p->count] - p->edge[0]);
    for (int k = 0; k < 2; k++) {
        double value = INFINITY;
        for (int i = 0; i < p->n; i++) {
            const double a = turn * (p->x[i] - p->edge[0]) + k * M_PI / 2;
            l->test[i] = cos(a);
            l->first[i] = -turn * sin(a);
        }
        sg_status code = sg_bound_rayleigh_upper(p, l->log_d, l->test, l->first, &value);
        sg_status status = add(l, list, "Rayleigh", SG_GAP_UPPER, code, value, k ? "sine" : "cosine");
        if (status) return status;
    }
    return SG_OK;
}

/* Functions on the circle are functions on the circle cut open, with the same forms: lower sides of its gap and upper
 * sides of its C_LS stand. */
sg_status sg_gap_bounds_circle(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_gap_bounds *list) {
    line l = {.model = model, .loss = loss, .gap = gap};
    sg_status status = lay(&l, USUAL);
    if (!status) status = muckenhoupt(&l, list, false);
    if (!status) status = cheeger(&l, list, false);
    if (!status) status = chen(&l, list, false);
    if (!status) status = holley_stroock(&l, list, true);
    if (!status) status = barthe_roberto(&l, list, false);
    if (!status) status = once_around(&l, list);
    if (!status) status = constant_of(&l, list, true);
    clear(&l);
    return status;
}
