#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/domain.h"
#include "family/partition-states.h"

enum { LANES = SG_PANEL_ORDER };

/* At each evaluation panels lighter than e^-75 of the heaviest node are left out of the sums. */
static const double ACTIVE_DEPTH = 75;
/* The mass beyond the nodes that goes unnoticed even when a squared statistic is 1e5 times larger there. */
static const double TAIL_MOST = 1e-18;
/* A change of log p by 5 within 16 Gauss nodes, as a bump, leaves a relative error of 1.4e-13 in its integral. */
static const double CHANGE_MOST = 5, SHARE_LEAST = 1e-16;

/* An end of the nodes: weight and distance of the last panel's outermost nodes; closed at an end of the support. */
typedef struct {
    bool closed;
    double weight, span;
} grid_end;

/* log q and the statistics along the chart at the nodes of some panels, panel by panel. */
typedef struct {
    int panels, m;
    grid_end lo, hi;
    double unweight[LANES]; /* what turns e into a density, up to a factor a panel */
    double *centre;         /* [m] means of the statistics, subtracted from them */
    double *base;           /* [panels][LANES] log(weight q) */
    double *dt;             /* [panels][m][LANES] */
    double *e;              /* [panels][LANES] scratch: log masses; then, in active panels, masses over the largest */
    double *top;            /* [panels] scratch: largest log mass */
    int *active;            /* [actives] scratch: panels that matter at this delta */
    int actives;
    double *sum;    /* [1 + m + m(m+1)/2][LANES] scratch */
    double *spread; /* [m][LANES] scratch */
    double *mean;   /* [m] scratch */
    sg_arena *arena;
} grid;

struct sg_partition {
    const sg_model *model;
    sg_chart *chart;
    grid *reference;
    sg_partition_states *states; /* finite sets, R^d and closed forms, in place of the reference */
    double *theta;               /* [full] scratch */
    double *zero;                /* [m] */
};

/* ------------------------------------------------------------------- grids */

static void grid_delete(grid *g) {
    if (!g) return;
    sg_arena_delete(g->arena);
    sg_delete(g);
}

static sg_status grid_allocate(int panels, int m, grid **made) {
    const size_t nodes = (size_t)panels * LANES, parameters = (size_t)m;
    const size_t sums = 1 + parameters + parameters * (parameters + 1) / 2;
    const size_t numbers = 2 * nodes + nodes * parameters + (sums + parameters) * LANES + 2 * parameters;
    *made = NULL;
    grid *g = NULL;
    sg_status status = sg_new(&g, 1, sizeof *g);
    if (status != SG_OK) return status;
    status = sg_arena_new((numbers + (size_t)panels) * sizeof(double) + (size_t)panels * sizeof(int) + 4 * SG_ALIGN,
                          &g->arena);
    if (status != SG_OK) {
        sg_delete(g);
        return status;
    }
    g->panels = panels;
    g->m = m;
    g->centre = sg_arena_take(g->arena, parameters, sizeof(double));
    g->mean = sg_arena_take(g->arena, parameters, sizeof(double));
    g->base = sg_arena_take(g->arena, nodes, sizeof(double));
    g->dt = sg_arena_take(g->arena, nodes * parameters, sizeof(double));
    g->e = sg_arena_take(g->arena, nodes, sizeof(double));
    g->top = sg_arena_take(g->arena, (size_t)panels, sizeof(double));
    g->active = sg_arena_take(g->arena, (size_t)panels, sizeof(int));
    g->sum = sg_arena_take(g->arena, sums * LANES, sizeof(double));
    g->spread = sg_arena_take(g->arena, parameters * LANES, sizeof(double));
    *made = g;
    return SG_OK;
}

static grid_end end_of(const sg_panels *panels, int p, bool closed) {
    const double *x = panels->x + p * LANES, *weight = panels->weight + p * LANES;
    return (grid_end){.closed = closed, .weight = weight[0], .span = x[LANES - 1] - x[0]};
}

/* Fills base and dt, in blocks of nodes. */
static sg_status grid_fill(const sg_model *model, const sg_chart *chart, const double *theta, const sg_panels *panels,
                           grid *g) {
    enum { WANT = SG_LOGP | SG_DT, STEP = SG_BLOCK / LANES };
    sg_arena *arena = NULL;
    sg_jet raw, jet;
    size_t bytes = sg_jet_bytes(model->full, 1, WANT) + sg_jet_bytes(g->m, 1, WANT) + SG_BLOCK * sizeof(double);
    sg_status status = sg_arena_new(bytes, &arena);
    if (status != SG_OK) goto out;
    double *x = sg_arena_take(arena, SG_BLOCK, sizeof(double));
    status = sg_jet_take(arena, model->full, 1, WANT, &raw);
    if (status == SG_OK) status = sg_jet_take(arena, g->m, 1, WANT, &jet);
    if (status != SG_OK) goto out;
    for (int start = 0; start < g->panels; start += STEP) {
        const int count = g->panels - start < STEP ? g->panels - start : STEP;
        const size_t from = (size_t)start * LANES;
        sg_block block = {.n = count * LANES, .d = 1, .draws = 1, .x = x};
        memcpy(x, panels->x + from, (size_t)block.n * sizeof(double));
        sg_chart_jet(model, chart, theta, &block, &raw, &jet);
        for (int i = 0; i < block.n; i++)
            g->base[from + (size_t)i] = jet.logp[i] + log(panels->weight[from + (size_t)i]);
        for (int p = 0; p < count; p++)
            for (int j = 0; j < g->m; j++)
                memcpy(g->dt + ((start + p) * g->m + j) * LANES, jet.dt + j * SG_BLOCK + p * LANES,
                       LANES * sizeof(double));
    }
out:
    sg_arena_delete(arena);
    return status;
}

/* Subtracts the means at the panels' own density: small numbers keep their digits in the exponent. */
static void grid_centre(const sg_panels *panels, grid *g) {
    for (int j = 0; j < g->m; j++) {
        double mean = 0;
        for (int p = 0; p < g->panels; p++)
            for (int l = 0; l < LANES; l++) mean += panels->mass[p * LANES + l] * g->dt[(p * g->m + j) * LANES + l];
        for (int p = 0; p < g->panels; p++)
            for (int l = 0; l < LANES; l++) g->dt[(p * g->m + j) * LANES + l] -= mean;
        g->centre[j] = mean;
    }
}

static void grid_unweight(const sg_panels *panels, grid *g) {
    for (int l = 0; l < LANES; l++) g->unweight[l] = panels->weight[0] / panels->weight[l];
}

/* `panels` stand for p_theta; statistics along the chart. */
static sg_status grid_new(const sg_model *model, const sg_chart *chart, const double *theta, const sg_panels *panels,
                          grid **made) {
    const int count = panels->count;
    sg_status status = grid_allocate(count, chart->m, made);
    if (status != SG_OK) return status;
    grid *g = *made;
    g->lo = end_of(panels, 0, panels->edge[0] <= model->space.lo);
    g->hi = end_of(panels, count - 1, panels->edge[count] >= model->space.hi);
    status = grid_fill(model, chart, theta, panels, g);
    if (status == SG_OK) {
        grid_centre(panels, g);
        grid_unweight(panels, g);
    } else {
        grid_delete(g);
        *made = NULL;
    }
    return status;
}

/* -------------------------------------------------------------- evaluation */

/* e = base + delta . dt and its largest value in each panel; returns the largest of all. */
static double exponents(const grid *g, const double *delta) {
    double top = -INFINITY;
    for (int p = 0; p < g->panels; p++) {
        const double *restrict base = g->base + p * LANES, *restrict dt = g->dt + p * g->m * LANES;
        double *restrict e = g->e + p * LANES, own = -INFINITY;
#pragma omp simd
        for (int l = 0; l < LANES; l++) e[l] = base[l];
        for (int j = 0; j < g->m; j++, dt += LANES) {
            const double step = delta[j];
#pragma omp simd
            for (int l = 0; l < LANES; l++) e[l] += step * dt[l];
        }
#pragma omp simd reduction(max : own)
        for (int l = 0; l < LANES; l++) own = e[l] > own ? e[l] : own;
        g->top[p] = own;
        top = own > top ? own : top;
    }
    return top;
}

static void activate(grid *g, double top) {
    g->actives = 0;
    for (int p = 0; p < g->panels; p++)
        if (g->top[p] > top - ACTIVE_DEPTH) g->active[g->actives++] = p;
}

/* Mass beyond an end, in units of exp(top), the density going on with the slope it has in the last panel. */
static double tail_mass(const grid_end *end, double inner, double outer, double top) {
    if (end->closed || outer == -INFINITY) return 0;
    double slope = (inner - outer) / end->span;
    return slope > 0 ? exp(outer - top) / (end->weight * slope) : INFINITY;
}

/* From the log masses; the whole mass is at least exp(top). */
static bool tails_are_light(const grid *g, double top) {
    const double *last = g->e + (g->panels - 1) * LANES;
    return tail_mass(&g->lo, g->e[LANES - 1], g->e[0], top) <= TAIL_MOST &&
           tail_mass(&g->hi, last[0], last[LANES - 1], top) <= TAIL_MOST;
}

static double add_lanes(const double *sum) {
    double total = 0;
    for (int l = 0; l < LANES / 2; l++) total += sum[l] + sum[LANES - 1 - l];
    return total;
}

/* e = exp(e - top), their sum and first moments, lane by lane so that the sums are short; active panels only. */
static void first_sums(grid *g, double top) {
    memset(g->sum, 0, (size_t)(1 + g->m) * LANES * sizeof(double));
    for (int a = 0; a < g->actives; a++) {
        const int p = g->active[a];
        const double *restrict dt = g->dt + p * g->m * LANES;
        double *restrict e = g->e + p * LANES, *restrict sum = g->sum;
#pragma omp simd
        for (int l = 0; l < LANES; l++) e[l] = exp(e[l] - top);
#pragma omp simd
        for (int l = 0; l < LANES; l++) sum[l] += e[l];
        for (int j = 0; j < g->m; j++, dt += LANES) {
            sum += LANES;
#pragma omp simd
            for (int l = 0; l < LANES; l++) sum[l] += e[l] * dt[l];
        }
    }
}

/* Second moments about `mean`, packed. */
static void second_sums(grid *g, const double *mean) {
    const int m = g->m;
    memset(g->sum, 0, (size_t)(m * (m + 1) / 2) * LANES * sizeof(double));
    for (int a = 0; a < g->actives; a++) {
        const int p = g->active[a];
        const double *restrict e = g->e + p * LANES, *restrict dt = g->dt + p * m * LANES;
        double *restrict spread = g->spread, *restrict sum = g->sum;
        for (int j = 0; j < m; j++) {
            double *restrict own = spread + j * LANES, weighted[LANES];
            const double shift = mean[j];
#pragma omp simd
            for (int l = 0; l < LANES; l++) own[l] = dt[j * LANES + l] - shift;
#pragma omp simd
            for (int l = 0; l < LANES; l++) weighted[l] = e[l] * own[l];
            for (int k = 0; k <= j; k++, sum += LANES) {
                const double *other = spread + k * LANES;
#pragma omp simd
                for (int l = 0; l < LANES; l++) sum[l] += weighted[l] * other[l];
            }
        }
    }
}

/* No panel that counts has a change of log p that its nodes cannot follow. */
static bool is_resolved(const grid *g, double total) {
    const double ratio_most = exp(CHANGE_MOST), least = SHARE_LEAST * total;
    for (int a = 0; a < g->actives; a++) {
        const double *restrict e = g->e + g->active[a] * LANES;
        double top = 0, low = INFINITY, mass = 0;
#pragma omp simd reduction(max : top) reduction(min : low) reduction(+ : mass)
        for (int l = 0; l < LANES; l++) {
            double density = e[l] * g->unweight[l];
            top = density > top ? density : top;
            low = density < low ? density : low;
            mass += e[l];
        }
        if (mass > least && top > low * ratio_most) return false;
    }
    return true;
}

static void fill_gradient(const grid *g, double total, double *gradient) {
    for (int j = 0; j < g->m; j++) {
        g->mean[j] = add_lanes(g->sum + (1 + j) * LANES) / total;
        if (gradient) gradient[j] = g->centre[j] + g->mean[j];
    }
}

static void fill_hessian(grid *g, double total, double *hessian) {
    second_sums(g, g->mean);
    const double *sum = g->sum;
    for (int j = 0; j < g->m; j++)
        for (int k = 0; k <= j; k++, sum += LANES)
            hessian[j + k * g->m] = hessian[k + j * g->m] = add_lanes(sum) / total;
}

/* False when the nodes do not carry the density at delta. */
static bool evaluate(grid *g, const double *delta, sg_local *local) {
    double top = exponents(g, delta);
    if (!isfinite(top) || !tails_are_light(g, top)) return false;
    activate(g, top);
    first_sums(g, top);
    double total = add_lanes(g->sum);
    if (!isfinite(total) || !is_resolved(g, total)) return false;
    local->log_z = top + log(total);
    for (int j = 0; j < g->m; j++) local->log_z += delta[j] * g->centre[j];
    fill_gradient(g, total, local->gradient);
    if (local->hessian) fill_hessian(g, total, local->hessian);
    return true;
}

/* Far from the reference: panels of their own for this one theta. */
static sg_status evaluate_afresh(const sg_partition *partition, sg_local *local) {
    sg_panels *panels = NULL;
    grid *g = NULL;
    sg_status status = sg_model_panels(partition->model, partition->theta, 0, &panels);
    if (status == SG_OK) status = grid_new(partition->model, partition->chart, partition->theta, panels, &g);
    if (status == SG_OK && !evaluate(g, partition->zero, local))
        status = sg_fail(SG_NOT_INTEGRABLE, "the density of %s is not resolved by panels built for it",
                         partition->model->text);
    if (status != SG_OK && status != SG_NO_MEMORY) status = sg_fail_within(SG_NOT_INTEGRABLE, "log-partition function");
    grid_delete(g);
    sg_panels_delete(panels);
    return status;
}

/* The same for points of cubature. */
static sg_status space_afresh(const sg_partition *partition, sg_local *local) {
    sg_nodes *nodes = NULL;
    sg_chart *chart = NULL;
    sg_partition_states *states = NULL;
    const size_t basis = (size_t)partition->chart->full * (size_t)partition->chart->m * sizeof(double);
    sg_status status = sg_nodes_new(partition->model, partition->theta, 0, false, &nodes);
    if (status == SG_OK) status = sg_chart_new(partition->model, partition->theta, NULL, &chart);
    if (status == SG_OK) memcpy(chart->basis, partition->chart->basis, basis);
    if (status == SG_OK) status = sg_partition_states_new(partition->model, chart, nodes, &states);
    if (status == SG_OK) status = sg_partition_states_at(states, partition->zero, partition->theta, local);
    if (status != SG_OK && status != SG_NO_MEMORY) status = sg_fail_within(SG_NOT_INTEGRABLE, "log-partition function");
    sg_partition_states_delete(states);
    sg_chart_delete(chart);
    sg_nodes_delete(nodes);
    return status;
}

/* ------------------------------------------------------------ the partition */

static sg_status copy_chart(const sg_model *model, const sg_chart *from, sg_chart **copy) {
    sg_status status = sg_chart_new(model, from->origin, NULL, copy);
    if (status == SG_OK) memcpy((*copy)->basis, from->basis, (size_t)from->full * (size_t)from->m * sizeof(double));
    return status;
}

sg_status sg_partition_new(const sg_model *model, const sg_chart *chart, const sg_nodes *nodes,
                           sg_partition **partition) {
    sg_partition *made = NULL;
    *partition = NULL;
    const bool normalized = model->family->can & SG_NORMALIZED,
               many = !(nodes && nodes->panels) || model->family->log_z;
    if (!normalized && !(model->family->can & SG_LINEAR))
        return sg_fail(SG_REFUSED, "%s is neither normalized nor an exponential family: its log Z is not computed",
                       model->text);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) goto out;
    made->model = model;
    status = copy_chart(model, chart, &made->chart);
    if (status == SG_OK) status = sg_new(&made->theta, (size_t)model->full, sizeof(double));
    if (status == SG_OK) status = sg_new(&made->zero, (size_t)chart->m, sizeof(double));
    if (status == SG_OK && !normalized && many)
        status = sg_partition_states_new(model, made->chart, nodes, &made->states);
    if (status == SG_OK && !normalized && !many)
        status = grid_new(model, chart, chart->origin, nodes->panels, &made->reference);
    if (status != SG_OK) goto out;
    *partition = made;
    made = NULL;
out:
    sg_partition_delete(made);
    return status;
}

void sg_partition_delete(sg_partition *partition) {
    if (!partition) return;
    grid_delete(partition->reference);
    sg_partition_states_delete(partition->states);
    sg_chart_delete(partition->chart);
    sg_delete(partition->theta);
    sg_delete(partition->zero);
    sg_delete(partition);
}

static void fill_zeros(int m, sg_local *local) {
    local->log_z = 0;
    if (local->gradient) memset(local->gradient, 0, (size_t)m * sizeof(double));
    if (local->hessian) memset(local->hessian, 0, (size_t)m * (size_t)m * sizeof(double));
}

sg_status sg_partition_at(sg_partition *partition, const double *delta, sg_local *local) {
    sg_chart_theta(partition->chart, delta, partition->theta);
    sg_status status = sg_model_check(partition->model, partition->theta);
    if (status != SG_OK) return status;
    if (partition->states) {
        status = sg_partition_states_at(partition->states, delta, partition->theta, local);
        return status == SG_UNCERTIFIED ? space_afresh(partition, local) : status;
    }
    if (!partition->reference)
        fill_zeros(partition->chart->m, local);
    else if (!evaluate(partition->reference, delta, local))
        status = evaluate_afresh(partition, local);
    return status;
}
