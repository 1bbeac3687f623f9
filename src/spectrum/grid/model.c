/* A diffusion on R^2 or R^3, an orthant, or (x, beta), from its model: a box around the law, then sg_grid_gap. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spectrum/kinds.h"
#include "tails.h"
#include "wells.h"

static const double PROFILE = 3e-7; /* relative error aimed at in the eigenvalues of spectral profiles */
static const double DEPTH = 60;     /* of the faces below the top, and half of it below the pass between wells */

typedef struct {
    const sg_model *model; /* or the view of it on more coordinates */
    const sg_loss *loss;
    const sg_prepared *prepared;
    int want;
    sg_jet jet;
    sg_d_shape shape;
    double *x, *D, *div; /* [d][SG_BLOCK], [rows][SG_BLOCK], [d][SG_BLOCK] */
} source;

static sg_block block_of(const source *s, int n, const double *x) {
    const int d = s->model->space.d;
    for (int a = 0; a < d; a++) {
        memcpy(s->x + a * SG_BLOCK, x + a * n, (size_t)n * sizeof *x);
        for (int i = n; i < SG_BLOCK && i < n + 8; i++) s->x[a * SG_BLOCK + i] = x[a * n];
    }
    return (sg_block){.n = n, .d = d, .draws = 1, .x = s->x};
}

static void log_p(const void *context, int n, const double *x, double *out) {
    const source *s = context;
    const sg_block block = block_of(s, n, x);
    sg_jet jet = s->jet;
    s->model->family->jet(s->model, s->model->truth, &block, &jet);
    memcpy(out, jet.logp, (size_t)n * sizeof *out);
}

/* D, packed. */
static void diffusion(const void *context, int n, const double *x, double *out) {
    const source *s = context;
    const sg_block block = block_of(s, n, x);
    const size_t bytes = (size_t)n * sizeof *out;
    s->loss->row->diffusion(s->prepared, &block, s->D, s->div);
    for (int a = 0, row = 0; a < s->model->space.d; a++)
        for (int b = 0; b <= a; b++, row++) {
            const int from = s->shape == SG_D_MATRIX ? row : s->shape == SG_D_DIAGONAL ? a : 0;
            if (s->shape == SG_D_MATRIX || a == b)
                memcpy(out + row * n, s->D + from * SG_BLOCK, bytes);
            else
                memset(out + row * n, 0, bytes);
        }
}

static sg_status take(sg_arena **arena, source *s) {
    const sg_model *model = s->model;
    const size_t d = (size_t)model->space.d, rows = 2 * d + (size_t)sg_d_rows(s->shape, (int)d);
    sg_status status =
        sg_arena_new(sg_jet_bytes(model->full, (int)d, s->want) + rows * SG_BLOCK * sizeof(double), arena);
    if (!status) status = sg_jet_take(*arena, model->full, (int)d, s->want, &s->jet);
    if (status) return status;
    s->x = sg_arena_take(*arena, rows * SG_BLOCK, sizeof(double));
    if (!s->x) return sg_fail(SG_NO_MEMORY, "the arena of a grid is too small");
    s->div = s->x + d * SG_BLOCK;
    s->D = s->div + d * SG_BLOCK;
    return SG_OK;
}

/* The box: around the law, but from 0 on an orthant, and from 0 to the top along a noise level; `at` is a point
 * inside. */
static sg_status find_box(sg_grid_problem *problem, const sg_space *space, const double *at, double depth) {
    bool along[SG_GRID_DIMENSIONS] = {true, true, true};
    for (int a = 0; a < space->d; a++) problem->lo[a] = 0;
    if (space->shape == SG_ORTHANT) return sg_grid_box_above(problem, at, depth);
    if (!space->tempered) return sg_grid_box(problem, at, depth);
    along[space->d - 1] = false;
    problem->lo[space->d - 1] = 0;
    problem->hi[space->d - 1] = space->top;
    return sg_grid_box_along(problem, along, at, depth);
}

static void point_inside(const sg_space *space, double at[SG_GRID_DIMENSIONS]) {
    for (int a = 0; a < space->d; a++) at[a] = space->shape == SG_ORTHANT;
}

/* No eigenvalue below the essential spectrum, whose bottom is the gap; a box bounds it from above. */
static void not_attained(double bottom, double upper, sg_gap *out) {
    const double seconds = out->seconds;
    const int iterations = out->iterations;
    *out = (sg_gap){.status = SG_NOT_ATTAINED,
                    .method = "potential along rays",
                    .gap = bottom,
                    .gap_upper = upper,
                    .log10_gap = log10(bottom),
                    .poincare = 1 / bottom,
                    .relaxation_time = 1 / bottom,
                    .seconds = seconds,
                    .iterations = iterations};
    snprintf(out->message, sizeof out->message,
             bottom > 0 ? "no eigenfunction: the gap is the bottom of the essential spectrum, the least limit of "
                          "W_y^2/4 along rays, W = -log(p sqrt D) (extrapolated, so gap_lower is 0)"
                        : "there is no gap: along some ray W_y^2/4, W = -log(p sqrt D), dy = dr/sqrt D, tends to 0, "
                          "and the spectrum goes down to 0");
}

/* Deeper where a barrier lies almost as deep as the faces: it may be crossed elsewhere, or beyond them. */
static sg_status solve(sg_grid_problem *problem, const sg_space *space, const sg_grid_settings *settings, sg_gap *out,
                       sg_grid_spectrum *spectrum) {
    double origin[SG_GRID_DIMENSIONS] = {0};
    sg_status status = SG_OK;
    sg_frame frame;
    point_inside(space, origin);
    for (double depth = DEPTH, pass; !status; depth = DEPTH - pass) {
        if (space->tempered) origin[space->d - 1] = 0.5 * space->top;
        status = find_box(problem, space, origin, depth);
        if (!status && space->tempered) return sg_grid_gap(problem, settings, out, spectrum);
        if (!status)
            status = sg_grid_fit_frame(problem, !settings->fixed_frame && !problem->cuts, SG_DEEPER, &frame, &pass);
        if (!status && -pass <= depth - 0.5 * DEPTH) return sg_grid_gap(problem, settings, out, spectrum);
    }
    return status;
}

/* The derivatives of log p in all parameters. */
static void statistics(const void *context, int n, const double *x, size_t stride, double *out) {
    const source *s = context;
    const sg_block block = block_of(s, n, x);
    sg_jet jet = s->jet;
    s->model->family->jet(s->model, s->model->truth, &block, &jet);
    for (int j = 0; j < s->model->full; j++)
        memcpy(out + (size_t)j * stride, jet.dt + (size_t)j * SG_BLOCK, (size_t)n * sizeof *out);
}

/* coefficient [full][16]; NULL: not wanted. */
static sg_status on_grid(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                         sg_eigenvalues *values, double *coefficient) {
    source s = {.model = model, .loss = loss, .want = coefficient ? SG_LOGP | SG_DT : SG_LOGP};
    sg_arena *arena = NULL;
    sg_prepared *prepared = NULL;
    sg_grid_spectrum spectrum = {.coefficient = coefficient};
    sg_tails tails = SG_TAILS_RISE;
    double bottom = INFINITY;
    const int wanted = values ? (values->count < 15 ? values->count : 15) : 1;
    sg_grid_settings grid = {.count = wanted, .memory = settings->memory, .stop = settings->stop};
    if (coefficient) grid.tol = PROFILE;
    sg_grid_problem problem = {.context = &s, .log_p = log_p};
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (status) goto out;
    s.prepared = prepared;
    if ((status = sg_loss_law(loss, prepared, model, &s.model))) goto out;
    if (loss->row->shape) s.shape = loss->row->shape(prepared);
    problem.d = s.model->space.d;
    problem.cuts = sg_loss_cuts(loss, model, problem.cut);
    grid.fixed_frame = s.model->space.tempered || s.model->space.shape == SG_ORTHANT;
    if ((status = take(&arena, &s))) goto out;
    if (loss->row->diffusion) problem.diffusion = diffusion;
    if (coefficient) problem.functions = model->full, problem.function = statistics;
    if (!s.model->space.tempered) {
        double at[SG_GRID_DIMENSIONS];
        point_inside(&s.model->space, at);
        if ((status = sg_grid_tails(&problem, at, s.model->space.shape == SG_ORTHANT, &tails, &bottom))) goto out;
    }
    if (tails != SG_TAILS_FALL && (status = solve(&problem, &s.model->space, &grid, out, &spectrum))) {
        status = sg_fail_within(status, "%s", model->text);
        goto out;
    }
    if (tails == SG_TAILS_FALL) bottom = 0;
    if (tails == SG_TAILS_FALL || out->gap_upper > bottom) {
        not_attained(bottom, tails == SG_TAILS_FALL ? 0 : out->gap_upper, out);
        if (values) values->count = 0;
        goto out;
    }
    if (values) {
        values->count = spectrum.count;
        memcpy(values->log_value, spectrum.log_value, (size_t)spectrum.count * sizeof(double));
        memcpy(values->error, spectrum.value_error, (size_t)spectrum.count * sizeof(double));
    }
out:
    sg_loss_release(loss, prepared);
    sg_arena_delete(arena);
    return status;
}

sg_status sg_gap_on_grid(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                         sg_eigenvalues *values) {
    return on_grid(model, loss, settings, out, values, NULL);
}

sg_status sg_grid_profile(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                          sg_eigenvalues *values, double *coefficient) {
    static const sg_spectrum_settings plain = {0};
    const size_t full = (size_t)model->full;
    double *all = NULL;
    sg_gap gap;
    if (loss->row->kind != SG_DIFFUSION || loss->row->more || model->space.d < 2 ||
        model->space.d > SG_GRID_DIMENSIONS || (model->space.shape != SG_RD && model->space.shape != SG_ORTHANT))
        return sg_fail(SG_REFUSED, "%s on %s is no diffusion in two or three dimensions", loss->text, model->text);
    sg_status status = sg_new(&all, full * 16, sizeof *all);
    if (status) return status;
    const size_t asked = (size_t)values->count;
    status = on_grid(model, loss, settings ? settings : &plain, &gap, values, all);
    for (size_t j = 0; j < full && !status; j++)
        memcpy(coefficient + j * asked, all + j * 16, (size_t)values->count * sizeof *all);
    sg_delete(all);
    return status;
}
