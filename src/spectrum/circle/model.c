/*
 * A diffusion on the circle from its model.  The circle is opened where p is least: by panels that run once round from
 * there.  Where p falls below e^-200 of its largest value the panels are cut; nothing flows through the arc that is
 * left out, and the rest is a line.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spectrum/kinds.h"
#include "spectrum/line/line.h"

enum { B = SG_BLOCK, FEWEST = 32 /* panels; fewer are halved */ };

#define DEEP 400       /* range of log p beyond which there is no operator on the circle */
#define DEEPEST 6000   /* and beyond which there are no panels */
#define CERTIFIED 1e-6 /* wider enclosures are not certified */

/* Panels with D on them. */
typedef struct {
    sg_panels *panels;
    double *log_d;
} grid;

typedef struct {
    const sg_model *model;
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} source;

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const source *from = context;
    sg_block block = from->block;
    sg_jet jet = from->jet;
    (void)test;
    block.n = n;
    memcpy(block.x, x, (size_t)n * sizeof(double));
    from->model->family->jet(from->model, from->model->truth, &block, &jet);
    memcpy(logq, jet.logp, (size_t)n * sizeof(double));
}

static sg_status open_source(const sg_model *model, source *from) {
    *from = (source){.model = model, .block = {.d = 1, .draws = 1}};
    sg_status status =
        sg_arena_new(sg_jet_bytes(model->full, 1, SG_LOGP | SG_DX) + (B + 64) * sizeof(double), &from->arena);
    if (status) return status;
    from->block.x = sg_arena_take(from->arena, B, sizeof(double));
    return sg_jet_take(from->arena, model->full, 1, SG_LOGP | SG_DX, &from->jet);
}

/* Where p is least: the best of 256 points, then by bisection of the slope; and how far log p ranges. */
static double lowest_point(source *from, double *range) {
    const sg_space *space = &from->model->space;
    const double step = (space->hi - space->lo) / B;
    double x[B], logp[B], most = -INFINITY;
    int best = 0;
    for (int i = 0; i < B; i++) x[i] = space->lo + step * i;
    evaluate(from, B, x, logp, NULL);
    for (int i = 0; i < B; i++) {
        if (logp[i] < logp[best]) best = i;
        most = fmax(most, logp[i]);
    }
    *range = most - logp[best];
    double lo = x[best] - step, hi = x[best] + step;
    for (int k = 0; k < 60; k++) {
        double mid = 0.5 * lo + 0.5 * hi;
        evaluate(from, 1, &mid, logp, NULL);
        *(from->jet.dx[0] < 0 ? &lo : &hi) = mid;
    }
    return 0.5 * lo + 0.5 * hi;
}

/* The density once round from its lowest point, with the landmarks of the family brought there. */
static void describe(const source *from, double lo, sg_landmarks *marks, sg_density *density) {
    const double length = from->model->space.hi - from->model->space.lo;
    marks->count = 0;
    if (from->model->family->landmarks) from->model->family->landmarks(from->model, from->model->truth, marks);
    for (int k = 0; k < marks->count; k++) marks->at[k] -= length * floor((marks->at[k] - lo) / length);
    *density = (sg_density){.context = from,
                            .evaluate = evaluate,
                            .lo = lo,
                            .hi = lo + length,
                            .landmarks = marks->count,
                            .landmark = marks->at,
                            .scale = marks->scale};
}

/* Panels once round, the cut far below the least p. */
static sg_status make_panels(const sg_model *model, int halved, sg_panels **panels, double *range) {
    source from;
    sg_density density;
    sg_landmarks marks;
    sg_status status = open_source(model, &from);
    if (status) goto out;
    describe(&from, lowest_point(&from, range), &marks, &density);
    if (*range > DEEPEST) {
        status = sg_fail(SG_REFUSED, "log p ranges over %.3g on the circle, which no panels resolve: at most %d",
                         *range, DEEPEST);
        goto out;
    }
    for (int level = halved;; level++) {
        if ((status = sg_panels_new(&density, 1e-13, *range + 60, level, panels))) break;
        if ((*panels)->count >= FEWEST << halved) break;
        sg_panels_delete(*panels);
        *panels = NULL;
    }
out:
    if (status) status = sg_fail_within(status, "%s", model->text);
    sg_arena_delete(from.arena);
    return status;
}

static sg_status make_grid(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared, int halved, grid *g,
                           double *range) {
    sg_status status = make_panels(model, halved, &g->panels, range);
    if (!status) status = sg_new(&g->log_d, (size_t)g->panels->n, sizeof(double));
    return status ? status : sg_loss_log_diffusion(loss, prepared, g->panels, g->log_d);
}

/* ------------------------------------------------------------------ solvers */

/*
 * lambda_k lies between eigenvalues k and k + 1 of the opened circle, which have relative accuracy at any depth (and
 * which, where almost nothing flows through the opening, differ little).  lower and upper [count], logs.
 */
static sg_status interlace(const grid g[2], int count, double *lower, double *upper) {
    double *nu[2] = {NULL, NULL};
    sg_status status = SG_OK;
    for (int i = 0; i < 2 && !status; i++) {
        status = sg_new(&nu[i], (size_t)count + 1, sizeof(double));
        if (!status) status = sg_line_values(g[i].panels, g[i].log_d, count + 1, nu[i]);
    }
    for (int k = 0; k < count && !status; k++) {
        const double floor = g[1].panels->error + 0x1p-52 * g[1].panels->n;
        lower[k] = nu[1][k] - fabs(nu[1][k] - nu[0][k]) - floor;
        upper[k] = nu[1][k + 1] + fabs(nu[1][k + 1] - nu[0][k + 1]) + floor;
    }
    for (int i = 0; i < 2; i++) sg_delete(nu[i]);
    return status;
}

static sg_status deep_gap(const grid g[2], sg_gap *out) {
    double lower, upper;
    sg_status status = interlace(g, 1, &lower, &upper);
    if (status) return status;
    const double log_value = 0.5 * (lower + upper);
    *out = (sg_gap){.gap = exp(log_value),
                    .gap_lower = exp(lower),
                    .gap_upper = exp(upper),
                    .log10_gap = log_value / M_LN10,
                    .poincare = exp(-log_value),
                    .relaxation_time = exp(-log_value),
                    .iterations = 1,
                    .method = "shooting on the opened circle"};
    if (upper - lower > CERTIFIED) {
        out->status = SG_UNCERTIFIED;
        snprintf(
            out->message, sizeof out->message,
            "log p ranges over more than %d, and the eigenvalues of the opened circle on either side are %.2g apart",
            DEEP, upper - lower);
    } else if (out->gap == 0) {
        out->status = SG_UNDERFLOW;
        snprintf(out->message, sizeof out->message, "the gap is 10^%.6f, below the range of double precision",
                 out->log10_gap);
    }
    return SG_OK;
}

static sg_status deep_values(const grid g[2], sg_eigenvalues *values) {
    double *upper = NULL;
    sg_status status = sg_new(&upper, (size_t)values->count, sizeof(double));
    if (!status) status = interlace(g, values->count, values->log_value, upper);
    for (int k = 0; k < values->count && !status; k++) {
        const double half = 0.5 * (upper[k] - values->log_value[k]);
        values->log_value[k] += half;
        values->error[k] = half < 0.1 ? half : INFINITY;
    }
    sg_delete(upper);
    return status;
}

/* On the finer grid, the difference from the other being part of the error. */
static sg_status shallow_values(const grid g[2], sg_eigenvalues *values) {
    sg_spectrum *spectrum[2] = {NULL, NULL};
    sg_status status = SG_OK;
    for (int i = 0; i < 2 && !status; i++)
        status = sg_circle_spectrum(g[i].panels, g[i].log_d, values->count, &spectrum[i]);
    for (int k = 0; k < values->count && !status; k++) {
        const double value = spectrum[1]->log_value[k], change = fabs(expm1(spectrum[0]->log_value[k] - value));
        const double error = spectrum[1]->value_error[k] + change;
        values->log_value[k] = value;
        values->error[k] = error < 1 ? error : INFINITY;
    }
    for (int i = 0; i < 2; i++) sg_spectrum_delete(spectrum[i]);
    return status;
}

sg_status sg_gap_on_circle(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                           sg_gap *out, sg_eigenvalues *values) {
    sg_panels *panels = NULL;
    sg_prepared *prepared = NULL;
    grid g[2] = {{0}};
    double range = 0;
    (void)settings;
    sg_status status = sg_model_panels(model, model->truth, 0, &panels);
    if (!status) status = sg_loss_prepare(loss, model, panels, &prepared);
    for (int i = 0; i < 2 && !status; i++) status = make_grid(model, loss, prepared, i, &g[i], &range);
    if (status) goto out;
    status = range > DEEP ? deep_gap(g, out) : sg_circle_gap(g[0].panels, g[0].log_d, g[1].panels, g[1].log_d, out);
    if (!status && values) {
        status = range > DEEP ? SG_NOT_CONVERGED : shallow_values(g, values);
        if (status == SG_NOT_CONVERGED) status = deep_values(g, values);
    }
out:
    sg_loss_release(loss, prepared);
    sg_panels_delete(panels);
    for (int i = 0; i < 2; i++) {
        sg_panels_delete(g[i].panels);
        sg_delete(g[i].log_d);
    }
    return status;
}
