#include "family/nodes.h"

#include <string.h>

#include "family/domain.h"

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

sg_status sg_nodes_new(const sg_model *model, const double *theta, int level, bool alike, sg_nodes **nodes) {
    sg_nodes *made = NULL;
    *nodes = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    *made = (sg_nodes){.model = model, .alike = alike};
    if (model->space.shape == SG_FINITE) {
        status = sg_nodes_fill_states(theta, made);
    } else if (alike) {
        status = sg_fail(SG_REFUSED, "%s has no sites that are alike", model->text);
    } else {
        status = sg_model_panels(model, theta, level, &made->panels);
        if (status == SG_OK) made->n = made->panels->n;
    }
    if (status != SG_OK) {
        sg_nodes_delete(made);
        return status;
    }
    *nodes = made;
    return SG_OK;
}

void sg_nodes_delete(sg_nodes *nodes) {
    if (!nodes) return;
    sg_panels_delete(nodes->panels);
    sg_delete(nodes->mass);
    sg_delete(nodes);
}

long long sg_nodes_blocks(const sg_nodes *nodes) {
    return (nodes->n + SG_BLOCK - 1) / SG_BLOCK;
}

void sg_nodes_block(const sg_nodes *nodes, long long b, sg_block *block, double weight[SG_BLOCK]) {
    const long long first = b * SG_BLOCK;
    block->n = (int)(nodes->n - first < SG_BLOCK ? nodes->n - first : SG_BLOCK);
    block->d = nodes->model->space.d;
    block->draws = 1;
    block->weight = weight;
    block->count = NULL;
    block->tag = NULL;
    if (!nodes->panels) {
        sg_nodes_states_block(nodes, b, block, weight);
        return;
    }
    for (int i = 0; i < SG_BLOCK; i++) {
        const long long at = first + (i < block->n ? i : block->n - 1);
        block->x[i] = nodes->panels->x[at];
        weight[i] = i < block->n ? nodes->panels->mass[at] : 0;
    }
}
