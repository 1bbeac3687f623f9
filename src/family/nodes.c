#include "family/nodes.h"

#include <math.h>
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

/* ------------------------------------------------------- several dimensions */

/* Which integrals cubature resolves: relative change that one box may leave, natural-log units of the cut, tests. */
typedef struct {
    double tol, depth;
    int tests; /* jet bits: the statistics of all parameters, or their slopes and bends too */
} resolution;
static const resolution FINE[] = {{0, 0, 0}, {0, 0, 0}, {1e-13, 60, STATISTICS}, {1e-10, 60, STATISTICS}},
                        ROUGH = {1e-6, 30, SG_DT};

/* The same for cubature, whose points are a block of their own. */
static void evaluate_space(const void *context, int n, const double *x, double *logq, double *test) {
    const source *from = context;
    const int d = from->model->space.d, full = from->model->full;
    const int rows[3] = {full, full * d, full * d * (d + 1) / 2};
    const sg_block block = {.n = n, .d = d, .draws = 1, .x = (double *)x};
    from->model->family->jet(from->model, from->theta, &block, from->jet);
    const double *member[3] = {from->jet->dt, from->jet->dt_dx, from->jet->dt_dxx};
    memcpy(logq, from->jet->logp, (size_t)n * sizeof(double));
    for (int k = 0; k < 3 && member[k]; test += rows[k++] * SG_BLOCK)
        memcpy(test, member[k], (size_t)rows[k] * SG_BLOCK * sizeof(double));
}

static sg_status fill_space(const sg_model *model, const double *theta, const resolution *how, int level,
                            sg_nodes *nodes) {
    const int d = model->space.d, want = SG_LOGP | how->tests;
    double lo[SG_CUBATURE_AXES], hi[SG_CUBATURE_AXES], at[SG_LANDMARKS * SG_CUBATURE_AXES],
        scale[SG_LANDMARKS * SG_CUBATURE_AXES];
    sg_places places = {0};
    sg_arena *arena = NULL;
    sg_jet jet;
    source from = {.model = model, .theta = theta, .jet = &jet};
    sg_status status = sg_model_check(model, theta);
    if (status == SG_OK) status = sg_arena_new(sg_jet_bytes(model->full, d, want), &arena);
    if (status == SG_OK) status = sg_jet_take(arena, model->full, d, want, &jet);
    if (status != SG_OK) goto out;
    model->family->places(model, theta, &places);
    for (int a = 0; a < d; a++) lo[a] = model->space.lo, hi[a] = model->space.hi;
    for (int k = 0; k < places.count; k++)
        for (int a = 0; a < d; a++) at[k * d + a] = places.at[k][a], scale[k * d + a] = places.scale[k][a];
    const sg_density_space density = {.context = &from,
                                      .evaluate = evaluate_space,
                                      .d = d,
                                      .tests = model->full * (how->tests == SG_DT ? 1 : 1 + d + d * (d + 1) / 2),
                                      .lo = lo,
                                      .hi = hi,
                                      .places = places.count,
                                      .place = at,
                                      .scale = scale};
    status = sg_cubature_new(&density, how->tol, how->depth, level, &nodes->points);
    if (status != SG_OK) {
        status = sg_fail_within(status, "%s", model->text);
        goto out;
    }
    nodes->n = nodes->points->n;
    nodes->mass = (double *)nodes->points->mass;
out:
    sg_arena_delete(arena);
    return status;
}

static bool has_cubature(const sg_model *model) {
    return model->space.d <= SG_CUBATURE_AXES && model->family->places;
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
    } else if (model->space.d > 1) {
        status = has_cubature(model) ? fill_space(model, theta, &FINE[model->space.d], level, made)
                                     : sg_nodes_fill_drawn(theta, level, made);
    } else {
        status = sg_model_panels(model, theta, level, &made->panels);
        if (status == SG_OK) made->n = made->panels->n, made->mass = (double *)made->panels->mass;
    }
    if (status != SG_OK) {
        sg_nodes_delete(made);
        return status;
    }
    *nodes = made;
    return SG_OK;
}

sg_status sg_nodes_rough(const sg_model *model, const double *theta, sg_nodes **nodes) {
    sg_nodes *made = NULL;
    *nodes = NULL;
    if (!has_cubature(model)) return sg_fail(SG_REFUSED, "%s has no cubature", model->text);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    status = fill_space(model, theta, &ROUGH, 0, made);
    if (status == SG_OK)
        *nodes = made;
    else
        sg_nodes_delete(made);
    return status;
}

void sg_nodes_delete(sg_nodes *nodes) {
    if (!nodes) return;
    if (!nodes->panels && !nodes->points) sg_delete(nodes->mass);
    sg_panels_delete(nodes->panels);
    sg_cubature_delete(nodes->points);
    sg_delete(nodes->x);
    sg_delete(nodes->logp);
    sg_delete(nodes);
}

double sg_nodes_mean(const sg_nodes *nodes, const double *f) {
    if (nodes->panels) return sg_panels_mean(nodes->panels, f);
    double sum = 0, carry = 0;
    for (long long i = 0; i < nodes->n; i++) {
        const double term = nodes->mass[i] * f[i], total = sum + term;
        carry += fabs(sum) >= fabs(term) ? (sum - total) + term : (term - total) + sum;
        sum = total;
    }
    return sum + carry;
}

const double *sg_nodes_logp(const sg_nodes *nodes) {
    return nodes->panels ? nodes->panels->logp : nodes->points ? nodes->points->logp : nodes->logp;
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
    const double *x = nodes->panels ? nodes->panels->x : nodes->points ? nodes->points->x : nodes->x;
    if (!x) {
        sg_nodes_states_block(nodes, b, block, weight);
        return;
    }
    for (int i = 0; i < SG_BLOCK; i++) {
        const long long at = first + (i < block->n ? i : block->n - 1);
        for (int a = 0; a < block->d; a++) block->x[a * SG_BLOCK + i] = x[a * nodes->n + at];
        weight[i] = i < block->n ? nodes->mass[at] : 0;
    }
}
