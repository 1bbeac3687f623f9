#include "family/nodes.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/domain.h"

/* Tolerance and depth of every grid in the library: rounding errors are what is left. */
static const double PANELS_TOL = 1e-13, PANELS_DEPTH = 200;

enum { STATISTICS = SG_DT | SG_DT_DX | SG_DT_DXX };

/* What the panels need to evaluate a family: its jet and a block of points in scratch memory. */
typedef struct {
    const sg_model *model;
    const double *theta;
    sg_jet *jet;
    double *x;        /* [d][SG_BLOCK] */
    bool logarithmic; /* cubature in log x */
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

/* Landmarks of the law, and cuts as places where it has no width to speak of. */
static void mark(const sg_model *model, const double *theta, int cuts, const double *at, sg_landmarks *marks) {
    if (model->family->landmarks) model->family->landmarks(model, theta, marks);
    double width = INFINITY;
    for (int k = 0; k < marks->count; k++) width = fmin(width, marks->scale[k]);
    for (int k = 0; k < cuts && marks->count < SG_LANDMARKS; k++) {
        marks->at[marks->count] = at[k];
        marks->scale[marks->count++] = isfinite(width) ? width : 1;
    }
}

sg_status sg_model_panels_cut(const sg_model *model, const double *theta, double depth, int level, int cuts,
                              const double *at, sg_panels **panels) {
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
    mark(model, theta, cuts, at, &marks);
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

sg_status sg_model_panels_deep(const sg_model *model, const double *theta, double depth, int level,
                               sg_panels **panels) {
    return sg_model_panels_cut(model, theta, depth, level, 0, NULL, panels);
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
static const resolution FINE[] = {{0, 0, 0}, {1e-13, 60, STATISTICS}, {1e-13, 60, STATISTICS}, {1e-10, 60, STATISTICS}},
                        ROUGH = {1e-6, 30, SG_DT};

/*
 * On the orthant derivatives come with a factor x_a each: where p does not vanish at a face they may be infinite there,
 * and what losses make of them carries a weight that vanishes.
 */
static void weigh(const sg_model *model, int n, const double *x, sg_jet *jet) {
    const int d = model->space.d, pairs = d * (d + 1) / 2;
    if (model->space.shape != SG_ORTHANT) return;
    for (int t = 0; jet->dt_dx && t < model->full; t++)
        for (int a = 0, pair = 0; a < d; a++) {
            const double *restrict first = x + a * SG_BLOCK;
            double *restrict slope = jet->dt_dx + (t * d + a) * SG_BLOCK;
            for (int i = 0; i < n; i++) slope[i] *= first[i];
            for (int b = 0; b <= a; b++, pair++) {
                const double *restrict second = x + b * SG_BLOCK;
                double *restrict bend = jet->dt_dxx + (t * pairs + pair) * SG_BLOCK;
                for (int i = 0; i < n; i++) bend[i] *= first[i] * second[i];
            }
        }
}

/* The same for cubature, whose points are a block of their own. */
static void evaluate_space(const void *context, int n, const double *x, double *logq, double *test) {
    const source *from = context;
    const int d = from->model->space.d, full = from->model->full;
    const int rows[3] = {full, full * d, full * d * (d + 1) / 2};
    const double *member[3];
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++)
            from->x[a * SG_BLOCK + i] = from->logarithmic ? exp(x[a * SG_BLOCK + i]) : x[a * SG_BLOCK + i];
    const sg_block block = {.n = n, .d = d, .draws = 1, .x = from->x};
    from->model->family->jet(from->model, from->theta, &block, from->jet);
    weigh(from->model, n, from->x, from->jet);
    member[0] = from->jet->dt, member[1] = from->jet->dt_dx, member[2] = from->jet->dt_dxx;
    memcpy(logq, from->jet->logp, (size_t)n * sizeof(double));
    for (int a = 0; a < d && from->logarithmic; a++)
        for (int i = 0; i < n; i++) logq[i] += x[a * SG_BLOCK + i];
    for (int k = 0; k < 3 && member[k]; test += rows[k++] * SG_BLOCK)
        memcpy(test, member[k], (size_t)rows[k] * SG_BLOCK * sizeof(double));
}

/* Points of log x become points of x; their masses are the same. */
static void leave_logarithms(const sg_cubature *points) {
    double *x = (double *)points->x, *logp = (double *)points->logp;
    for (int a = 0; a < points->d; a++)
        for (long long i = 0; i < points->n; i++) {
            logp[i] -= x[a * points->n + i];
            x[a * points->n + i] = exp(x[a * points->n + i]);
        }
}

/* Places, ends and widths in the coordinates of cubature. */
static void lay_out(const sg_model *model, const sg_places *places, double *lo, double *hi, double *at, double *scale) {
    const int d = model->space.d;
    const bool logarithmic = places->logarithmic;
    for (int a = 0; a < d; a++) lo[a] = logarithmic ? -INFINITY : model->space.lo, hi[a] = model->space.hi;
    for (int k = 0; k < places->count; k++)
        for (int a = 0; a < d; a++) {
            const double x = places->at[k][a], width = places->scale[k][a];
            at[k * d + a] = logarithmic ? log(x) : x;
            scale[k * d + a] = logarithmic ? width / x : width;
        }
}

static sg_status fill_space(const sg_model *model, const double *theta, const resolution *how, int level, int cuts,
                            const double *cut, sg_nodes *nodes) {
    const int d = model->space.d, want = SG_LOGP | how->tests;
    double lo[SG_CUBATURE_AXES], hi[SG_CUBATURE_AXES], at[SG_LANDMARKS * SG_CUBATURE_AXES],
        scale[SG_LANDMARKS * SG_CUBATURE_AXES];
    double breaks[SG_CUTS_MOST] = {0};
    sg_places places = {0};
    sg_arena *arena = NULL;
    sg_jet jet;
    source from = {.model = model, .theta = theta, .jet = &jet};
    sg_status status = sg_model_check(model, theta);
    const size_t rows = (size_t)d * SG_BLOCK;
    const size_t bytes = sg_jet_bytes(model->full, d, want) + rows * sizeof(double);
    if (status == SG_OK) status = sg_arena_new(bytes, &arena);
    if (status == SG_OK) status = sg_jet_take(arena, model->full, d, want, &jet);
    if (status != SG_OK) goto out;
    from.x = sg_arena_take(arena, rows, sizeof(double));
    if (!from.x) {
        status = sg_fail(SG_NO_MEMORY, "the arena of the cubature is too small");
        goto out;
    }
    model->family->places(model, theta, &places);
    from.logarithmic = places.logarithmic;
    lay_out(model, &places, lo, hi, at, scale);
    for (int k = 0; k < cuts && places.logarithmic; k++) breaks[k] = log(cut[k]);
    const sg_density_space density = {.context = &from,
                                      .evaluate = evaluate_space,
                                      .d = d,
                                      .tests = model->full * (how->tests == SG_DT ? 1 : 1 + d + d * (d + 1) / 2),
                                      .lo = lo,
                                      .hi = hi,
                                      .places = places.count,
                                      .place = at,
                                      .scale = scale,
                                      .breaks = cuts,
                                      .at = places.logarithmic ? breaks : cut,
                                      .every_axis = true};
    status = sg_cubature_new(&density, how->tol, how->depth, level, &nodes->points);
    if (status != SG_OK) {
        status = sg_fail_within(status, "%s", model->text);
        goto out;
    }
    nodes->logarithmic = places.logarithmic;
    if (places.logarithmic) leave_logarithms(nodes->points);
    nodes->n = nodes->points->n;
    nodes->mass = (double *)nodes->points->mass;
out:
    sg_arena_delete(arena);
    return status;
}

static bool has_cubature(const sg_model *model) {
    return model->space.d <= SG_CUBATURE_AXES && model->family->places;
}

/* ------------------------------------------------------------------ spheres */

/* Tests are the statistics alone: their derivatives are of lower degree. */
static void evaluate_sphere(const void *context, int n, const double *x, double *logq, double *test) {
    const source *from = context;
    const sg_block block = {.n = n, .d = from->model->space.d, .draws = 1, .x = (double *)x};
    from->model->family->jet(from->model, from->theta, &block, from->jet);
    memcpy(logq, from->jet->logp, (size_t)n * sizeof(double));
    memcpy(test, from->jet->dt, (size_t)from->model->full * SG_BLOCK * sizeof(double));
}

/* Are the statistics linear in x, as far as the axes and their middles show? */
static sg_status look_linear(const sg_model *model, const double *theta, bool *linear) {
    const int d = model->space.d, rows = model->full * d * (d + 1) / 2;
    sg_arena *arena = NULL;
    sg_jet jet;
    sg_status status =
        sg_arena_new(sg_jet_bytes(model->full, d, SG_DT_DXX) + (size_t)d * SG_BLOCK * sizeof(double), &arena);
    if (status != SG_OK) return status;
    status = sg_jet_take(arena, model->full, d, SG_DT_DXX, &jet);
    double *x = sg_arena_take(arena, (size_t)d * SG_BLOCK, sizeof(double));
    if (status == SG_OK) {
        const sg_block block = {.n = d, .d = d, .draws = 1, .x = x};
        for (int i = 0; i < SG_BLOCK; i++)
            for (int a = 0; a < d; a++) x[a * SG_BLOCK + i] = a == i % d ? 0.8 : a == (i + 1) % d ? 0.6 : 0;
        model->family->jet(model, theta, &block, &jet);
        *linear = true;
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < d; i++) *linear = *linear && jet.dt_dxx[r * SG_BLOCK + i] == 0;
    }
    sg_arena_delete(arena);
    return status;
}

static sg_status fill_sphere(const sg_model *model, const double *theta, int level, sg_nodes *nodes) {
    const int d = model->space.d;
    double *axes = NULL;
    bool linear = false;
    sg_density_sphere density = {.evaluate = evaluate_sphere, .d = d, .tests = model->full};
    sg_arena *arena = NULL;
    sg_jet jet;
    source from = {.model = model, .theta = theta, .jet = &jet};
    sg_status status = sg_model_check(model, theta);
    if (status == SG_OK) status = look_linear(model, theta, &linear);
    if (status == SG_OK) status = sg_new(&axes, (size_t)d * (size_t)d, sizeof(double));
    if (status == SG_OK) status = sg_arena_new(sg_jet_bytes(model->full, d, SG_LOGP | SG_DT), &arena);
    if (status == SG_OK) status = sg_jet_take(arena, model->full, d, SG_LOGP | SG_DT, &jet);
    if (status != SG_OK) goto out;
    model->family->frame(model, theta, axes, &density.sharp, &density.axial);
    density.axial = density.axial && linear && d > 3;
    density.context = &from, density.axes = axes;
    if (!density.axial && d > 3) {
        status = sg_nodes_fill_drawn(theta, level, nodes);
        goto out;
    }
    status = sg_cubature_sphere(&density, level, &nodes->points);
    if (status != SG_OK) {
        status = sg_fail_within(status, "%s", model->text);
        goto out;
    }
    nodes->n = nodes->points->n;
    nodes->mass = (double *)nodes->points->mass;
out:
    sg_delete(axes);
    sg_arena_delete(arena);
    return status;
}

static sg_status new_nodes(const sg_model *model, const double *theta, int level, bool alike, int cuts,
                           const double *cut, sg_nodes **nodes) {
    sg_nodes *made = NULL;
    *nodes = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    *made = (sg_nodes){.model = model, .alike = alike};
    if (model->space.shape == SG_FINITE) {
        status = sg_nodes_fill_states(theta, made);
    } else if (alike) {
        status = sg_fail(SG_REFUSED, "%s has no sites that are alike", model->text);
    } else if (model->space.shape == SG_SPHERE) {
        status = fill_sphere(model, theta, level, made);
    } else if (model->space.d > 1 || model->space.shape == SG_ORTHANT) {
        status = has_cubature(model) ? fill_space(model, theta, &FINE[model->space.d], level, cuts, cut, made)
                                     : sg_nodes_fill_drawn(theta, level, made);
    } else {
        status = sg_model_panels_cut(model, theta, PANELS_DEPTH, level, cuts, cut, &made->panels);
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
    status = fill_space(model, theta, &ROUGH, 0, 0, NULL, made);
    if (status == SG_OK)
        *nodes = made;
    else
        sg_nodes_delete(made);
    return status;
}

sg_status sg_nodes_new(const sg_model *model, const double *theta, int level, bool alike, sg_nodes **nodes) {
    return new_nodes(model, theta, level, alike, 0, NULL, nodes);
}

sg_status sg_nodes_cut(const sg_model *model, const double *theta, int level, int cuts, const double *cut,
                       sg_nodes **nodes) {
    return new_nodes(model, theta, level, false, cuts < SG_CUTS_MOST ? cuts : SG_CUTS_MOST, cut, nodes);
}

void sg_nodes_delete(sg_nodes *nodes) {
    if (!nodes) return;
    if (!nodes->panels && !nodes->points) sg_delete(nodes->mass);
    sg_panels_delete(nodes->panels);
    sg_panels_delete(nodes->line);
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
