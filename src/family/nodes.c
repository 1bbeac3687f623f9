#include "family/domain.h"

#include <string.h>

/* Tolerance and depth of every grid in the library: rounding errors are what is left. */
static const double PANELS_TOL = 1e-13, PANELS_DEPTH = 200;

enum { STATISTICS = SG_DT | SG_DT_DX | SG_DT_DXX };

/* What the panels need to evaluate a family: its jet and a block of points in scratch memory. */
typedef struct {
    const sg_model *model;
    const double *theta;
    sg_jet *jet;
    double *x; /* [SG_BLOCK] */
} source;

/* log p and the statistics with their two derivatives in x, of the full parameters one after the other. */
static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const source *from = context;
    const int full = from->model->full;
    const size_t length = (size_t)n * sizeof(double);
    sg_block block = {.n = n, .d = 1, .draws = 1, .x = from->x};
    memcpy(from->x, x, length);
    from->model->family->jet(from->model, from->theta, &block, from->jet);
    memcpy(logq, from->jet->logp, length);
    const double *member[] = {from->jet->dt, from->jet->dt_dx, from->jet->dt_dxx};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < full; i++)
            memcpy(test + (size_t)(k * full + i) * (size_t)n, member[k] + (size_t)i * SG_BLOCK, length);
}

static sg_status check_space(const sg_model *model) {
    sg_shape shape = model->space.shape;
    bool line = shape == SG_LINE || shape == SG_INTERVAL || shape == SG_RD || shape == SG_ORTHANT || shape == SG_CIRCLE;
    if (line && model->space.d == 1 && model->family->can & SG_NODES) return SG_OK;
    return sg_fail(SG_REFUSED, "%s has no quadrature on the line: take a family in one dimension", model->text);
}

sg_status sg_model_panels_deep(const sg_model *model, const double *theta, double depth, int level,
                               sg_panels **panels) {
    sg_arena *arena = NULL;
    sg_jet jet;
    source from = {.model = model, .theta = theta, .jet = &jet};
    sg_landmarks marks = {0};
    *panels = NULL;
    sg_status status = check_space(model);
    if (status != SG_OK) return status;
    status = sg_model_check(model, theta);
    if (status != SG_OK) return status;
    size_t bytes = sg_jet_bytes(model->full, 1, SG_LOGP | STATISTICS) + SG_BLOCK * sizeof(double);
    status = sg_arena_new(bytes, &arena);
    if (status != SG_OK) goto out;
    status = sg_jet_take(arena, model->full, 1, SG_LOGP | STATISTICS, &jet);
    if (status != SG_OK) goto out;
    from.x = sg_arena_take(arena, SG_BLOCK, sizeof(double));
    if (!from.x) {
        status = sg_fail(SG_NO_MEMORY, "the arena of the panels is too small");
        goto out;
    }
    if (model->family->landmarks) model->family->landmarks(model, theta, &marks);
    sg_density density = {.context = &from,
                          .evaluate = evaluate,
                          .tests = 3 * model->full,
                          .lo = model->space.lo,
                          .hi = model->space.hi,
                          .landmarks = marks.count,
                          .landmark = marks.at,
                          .scale = marks.scale};
    status = sg_panels_new(&density, PANELS_TOL, depth, level, panels);
    if (status != SG_OK) status = sg_fail_within(status, "%s", model->text);
out:
    sg_arena_delete(arena);
    return status;
}

sg_status sg_model_panels(const sg_model *model, const double *theta, int level, sg_panels **panels) {
    return sg_model_panels_deep(model, theta, PANELS_DEPTH, level, panels);
}
