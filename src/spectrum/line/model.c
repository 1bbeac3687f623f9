/*
 * A diffusion on the line from its model: the gap alone by shallow grids where they leave no doubt; otherwise panels at
 * two depths, enclosure by the operator, eigenvalues by shooting; the cut is moved out while wells, or the slowest
 * mode, lie beyond it.
 */
#include <math.h>
#include <string.h>

#include "far.h"
#include "line.h"
#include "quick.h"
#include "spectrum/kinds.h"
#include "tail.h"

#define DEPTH 200   /* of the first grid */
#define OUTSIDE 100 /* depth from which D counts as that beyond the cut */
#define BEYOND 60   /* the second reaches that much deeper; a well is resolved when its floor is that far inside */
#define DEEPER 2.5  /* factor of the next cut */
#define DEEPEST 8000
#define MOST_ROUNDS 5

/* Panels with D on them. */
typedef struct {
    sg_panels *panels;
    double *log_d;
} grid;

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_prepared *prepared;
    grid coarse, fine;
} problem;

static void clear_grid(grid *g) {
    sg_panels_delete(g->panels);
    sg_delete(g->log_d);
    *g = (grid){0};
}

static void clear(problem *p) {
    sg_loss_release(p->loss, p->prepared);
    p->prepared = NULL;
    clear_grid(&p->coarse);
    clear_grid(&p->fine);
}

static sg_status put_diffusion(const problem *p, grid *g) {
    sg_status status = sg_new(&g->log_d, (size_t)g->panels->n, sizeof(double));
    return status ? status : sg_loss_log_diffusion(p->loss, p->prepared, g->panels, g->log_d);
}

static sg_status lay(problem *p, double depth) {
    clear(p);
    const double *truth = p->model->truth;
    double cut[SG_CUTS_MOST];
    const int cuts = sg_loss_cuts(p->loss, p->model, cut);
    sg_status status = sg_model_panels_cut(p->model, truth, depth, 0, cuts, cut, &p->coarse.panels);
    if (!status) status = sg_model_panels_cut(p->model, truth, depth + BEYOND, 1, cuts, cut, &p->fine.panels);
    if (!status) status = sg_loss_prepare(p->loss, p->model, p->coarse.panels, &p->prepared);
    if (!status) status = put_diffusion(p, &p->coarse);
    if (!status) status = put_diffusion(p, &p->fine);
    return status;
}

/* Whether D is one number where p is below e^-OUTSIDE of its largest value, and so beyond the cut. */
static bool constant_outside(const grid *g, double *log_d) {
    double top = -INFINITY, least = INFINITY, most = -INFINITY;
    for (int i = 0; i < g->panels->n; i++) top = fmax(top, g->panels->logp[i]);
    for (int i = 0; i < g->panels->n; i++) {
        if (g->panels->logp[i] > top - OUTSIDE) continue;
        least = fmin(least, g->log_d[i]);
        most = fmax(most, g->log_d[i]);
    }
    *log_d = most > -INFINITY ? most : 0;
    return most - least <= 1e-12;
}

/* By the law itself where D is constant; otherwise extrapolated, at infinite ends. */
static sg_status find_bottom(const problem *p, double *bottom) {
    const grid *g = &p->fine;
    const bool left = isinf(p->model->space.lo), right = isinf(p->model->space.hi);
    double log_d;
    *bottom = INFINITY;
    if (!left && !right) return SG_OK;
    if (!constant_outside(g, &log_d)) return sg_tail_bottom(g->panels, g->log_d, right - left, bottom);
    const sg_line_law law = sg_line_law_of(g->panels, g->log_d);
    sg_status status = sg_far_bottom(p->model, &law, bottom);
    *bottom *= exp(log_d);
    if (status || !isnan(*bottom)) return status;
    return sg_tail_bottom(g->panels, g->log_d, right - left, bottom);
}

/* ------------------------------------------------------------- eigenvalues */

/* Of p and of the transfer matrices, on eigenvalues found by shooting. */
static double rounding(const grid *g) {
    double depth = 0;
    for (int i = 0; i < g->panels->n; i++) depth = fmax(depth, fabs(g->panels->logp[i]) + fabs(g->log_d[i]));
    return 0x1p-52 * (4 * depth + 8 * g->panels->count + 64) + g->panels->error;
}

/* With functions, whose residuals give errors; without, when they are beyond the range of numbers. */
static sg_status shoot(const grid *g, sg_eigenvalues *values) {
    sg_spectrum *spectrum = NULL;
    sg_status status = sg_line_spectrum(g->panels, g->log_d, values->count, &spectrum);
    if (status == SG_UNDERFLOW) {
        for (int k = 0; k < values->count; k++) values->error[k] = rounding(g);
        return sg_line_values(g->panels, g->log_d, values->count, values->log_value);
    }
    if (status) return status;
    for (int k = 0; k < values->count; k++) {
        values->log_value[k] = spectrum->log_value[k];
        values->error[k] = spectrum->value_error[k] < 1 ? spectrum->value_error[k] : INFINITY;
    }
    sg_spectrum_delete(spectrum);
    return SG_OK;
}

/* The difference between the grids, which also shows what a cut has left out, is part of the error; eigenvalues end
 * where the essential spectrum begins. */
static sg_status compare(const grid *coarse, double bottom, sg_eigenvalues *values) {
    double *other = NULL;
    sg_status status = sg_new(&other, (size_t)values->count, sizeof(double));
    if (!status) status = sg_line_values(coarse->panels, coarse->log_d, values->count, other);
    if (status) goto out;
    const double log_bottom = isnan(bottom) ? INFINITY : log(bottom);
    int discrete = 0;
    while (discrete < values->count && values->log_value[discrete] < log_bottom) discrete++;
    values->count = discrete;
    for (int k = 0; k < values->count; k++)
        values->error[k] = fmax(values->error[k], fabs(expm1(other[k] - values->log_value[k])));
out:
    sg_delete(other);
    return status;
}

static sg_status first_eigenvalues(const problem *p, double bottom, const sg_gap *gap, sg_eigenvalues *values) {
    if (gap->status == SG_NOT_ATTAINED) {
        values->count = 0;
        return SG_OK;
    }
    sg_status status = shoot(&p->fine, values);
    if (!status) status = compare(&p->coarse, bottom, values);
    if (!status && values->count && gap->status == SG_OK) {
        values->log_value[0] = gap->log10_gap * M_LN10;
        values->error[0] = log(gap->gap_upper / gap->gap_lower);
    }
    return status;
}

/* ---------------------------------------------------------------- the depth */

/* The slowest rate that matters: the last eigenvalue asked for. */
static double last_rate(const sg_gap *gap, const sg_eigenvalues *values) {
    double rate = gap->log10_gap * M_LN10;
    return values && values->count ? fmax(rate, values->log_value[values->count - 1]) : rate;
}

/* The next depth, or 0 when this one will do. */
static sg_status next_depth(const problem *p, const sg_gap *gap, const sg_eigenvalues *values, bool deeper,
                            double depth, double *next) {
    double floor = 0, log_d;
    *next = 0;
    if (gap->status == SG_NOT_ATTAINED || isnan(gap->log10_gap)) return SG_OK;
    const bool unit = constant_outside(&p->fine, &log_d);
    const double log_rate = last_rate(gap, values) - (unit ? log_d : 0);
    const sg_line_law law = sg_line_law_of(p->fine.panels, p->fine.log_d);
    sg_status status = sg_far_depth(p->model, &law, NULL, unit, log_rate, &floor);
    if (floor > 0) *next = fmin(floor + BEYOND, DEEPEST);
    if (deeper) *next = fmax(*next, fmin(DEEPER * depth, DEEPEST));
    if (*next <= depth) *next = 0;
    return status;
}

sg_status sg_gap_on_line(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                         sg_eigenvalues *values) {
    problem p = {.model = model, .loss = loss};
    sg_line_tails tails;
    sg_status status = SG_OK;
    double next = DEPTH;
    const int asked = values ? values->count : 0;
    bool done = false;
    (void)settings;
    if (!values && !loss->row->diffusion && (status = sg_quick_gap(model, out, &done))) return status;
    for (int round = 0; round < MOST_ROUNDS && next > 0 && !done; round++) {
        const double depth = next;
        if ((status = lay(&p, depth))) goto out;
        if ((status = find_bottom(&p, &tails.bottom))) goto out;
        status = sg_line_gap_and_tails(p.coarse.panels, p.coarse.log_d, p.fine.panels, p.fine.log_d, out, &tails);
        if (status) goto out;
        if (values) values->count = asked;
        if (values && (status = first_eigenvalues(&p, tails.bottom, out, values))) goto out;
        if ((status = next_depth(&p, out, values, tails.deeper, depth, &next))) goto out;
    }
out:
    clear(&p);
    return status;
}
