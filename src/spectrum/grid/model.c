/* A diffusion on R^2 or R^3 from its model: a box around the law, then sg_grid_gap. */
#include <math.h>
#include <string.h>

#include "spectrum/kinds.h"
#include "wells.h"

static const double DEPTH = 60; /* of the faces below the top, and half of it below the pass between wells */

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_prepared *prepared;
    sg_jet jet;
    double *x, *D, *grad_D; /* [d][SG_BLOCK], [SG_BLOCK], [d][SG_BLOCK] */
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

/* D times the identity, packed. */
static void diffusion(const void *context, int n, const double *x, double *out) {
    const source *s = context;
    const sg_block block = block_of(s, n, x);
    s->loss->row->diffusion(s->prepared, &block, s->D, s->grad_D);
    for (int a = 0, row = 0; a < s->model->space.d; a++)
        for (int b = 0; b <= a; b++, row++)
            for (int i = 0; i < n; i++) out[row * n + i] = a == b ? s->D[i] : 0;
}

/* There are no panels here, so that constants can only be those at the truth. */
static sg_status prepare(const sg_loss *loss, const sg_model *model, sg_prepared **prepared) {
    double theta[SG_REALS];
    sg_at at;
    sg_status status = sg_loss_reference(loss, model, theta, &at);
    if (status) return status;
    if (memcmp(theta, model->truth, (size_t)model->full * sizeof(double)) != 0)
        return sg_fail(SG_REFUSED, "on R^%d the reference of loss %s must be the truth: leave at= out", model->space.d,
                       loss->text);
    return sg_loss_prepare(loss, model, NULL, prepared);
}

static sg_status take(const sg_model *model, sg_arena **arena, source *s) {
    const size_t d = (size_t)model->space.d, rows = 2 * d + 1;
    sg_status status =
        sg_arena_new(sg_jet_bytes(model->full, (int)d, SG_LOGP) + rows * SG_BLOCK * sizeof(double), arena);
    if (!status) status = sg_jet_take(*arena, model->full, (int)d, SG_LOGP, &s->jet);
    if (status) return status;
    s->x = sg_arena_take(*arena, rows * SG_BLOCK, sizeof(double));
    if (!s->x) return sg_fail(SG_NO_MEMORY, "the arena of a grid is too small");
    s->D = s->x + d * SG_BLOCK;
    s->grad_D = s->D + SG_BLOCK;
    return SG_OK;
}

/* Deeper where a barrier lies almost as deep as the faces: it may be crossed elsewhere, or beyond them. */
static sg_status solve(sg_grid_problem *problem, const sg_grid_settings *settings, sg_gap *out,
                       sg_grid_spectrum *spectrum) {
    const double origin[SG_GRID_DIMENSIONS] = {0};
    sg_status status = SG_OK;
    sg_frame frame;
    for (double depth = DEPTH, pass; !status; depth = DEPTH - pass) {
        status = sg_grid_box(problem, origin, depth);
        if (!status) status = sg_grid_fit_frame(problem, true, SG_DEEPER, &frame, &pass);
        if (!status && -pass <= depth - 0.5 * DEPTH) return sg_grid_gap(problem, settings, out, spectrum);
    }
    return status;
}

sg_status sg_gap_on_grid(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                         sg_eigenvalues *values) {
    source s = {.model = model, .loss = loss};
    sg_arena *arena = NULL;
    sg_prepared *prepared = NULL;
    sg_grid_spectrum spectrum;
    const int wanted = values ? (values->count < 15 ? values->count : 15) : 1;
    const sg_grid_settings grid = {.count = wanted, .memory = settings->memory, .stop = settings->stop};
    sg_grid_problem problem = {.context = &s, .d = model->space.d, .log_p = log_p};
    sg_status status = prepare(loss, model, &prepared);
    if (status) goto out;
    s.prepared = prepared;
    if ((status = take(model, &arena, &s))) goto out;
    if (loss->row->diffusion) problem.diffusion = diffusion;
    if ((status = solve(&problem, &grid, out, &spectrum))) {
        status = sg_fail_within(status, "%s", model->text);
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
