/*
 * Three ways to log Z and its derivatives.  Lists of states (or of counts, or of points of cubature) with the
 * statistics along the chart at each of them, where these take little memory; otherwise by the structure of the model
 * (log-z.h); otherwise all states one block after the other, with sums in the coordinates that the chart moves.
 *
 * Exponents are relative to log p at the origin of the chart and statistics to their means there, so that near it
 * nothing cancels.
 */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/log-z.h"
#include "family/nodes.h"
#include "family/partition-states.h"

enum { B = SG_BLOCK, CHUNK = 16 * SG_BLOCK };
static const size_t KEPT_MOST = (size_t)64 << 20;

/* How much of the mass may lie where p is that much smaller than its largest, at the origin. */
static const double FAR_MOST = 1e-12, FAR_DEPTH = 35;

typedef enum { KEPT, PASSING, BY_STRUCTURE } way;

struct sg_partition_states {
    const sg_model *model;
    const sg_chart *chart;
    way way;
    bool alike; /* counts in place of states */
    long long n, blocks;
    int rows;            /* statistics in the sums: kept, those along the chart, passing, of the coordinates it moves */
    int *coordinate;     /* [rows] these */
    double *compact;     /* [rows][m] their rows of the basis */
    const double *basis; /* compact, or that of the chart */
    double *centre;      /* [rows] means at the origin, subtracted from the statistics */
    double log_z;        /* at the origin */
    double *base;        /* [blocks][B] log mass at the origin, -INFINITY beyond n */
    double *far;         /* [blocks][B] 1 where p is small at the origin; NULL: nodes carry any theta */
    double *dt;          /* [blocks][rows][B] */
    double *e;           /* [blocks][B] scratch; passing: [CHUNK] */
    double *sum, *carry; /* [1 + rows] scratch: compensated sums of e and of the first moments */
    double *spread;      /* [rows][B] scratch */
    double *second;      /* [rows,rows] column-major lower triangle, scratch; by structure: [full,full] */
    double *half;        /* [rows][m] scratch */
    sg_log_z *structure; /* by its structure */
    sg_block block;      /* passing: points and their jet */
    sg_jet raw;
    sg_arena *arena;
};

void sg_partition_states_delete(sg_partition_states *p) {
    if (!p) return;
    sg_delete(p->coordinate);
    sg_delete(p->compact);
    sg_delete(p->centre);
    sg_delete(p->base);
    sg_delete(p->far);
    sg_delete(p->dt);
    sg_delete(p->e);
    sg_arena_delete(p->arena);
    sg_delete(p->sum);
    sg_delete(p->spread);
    sg_delete(p->second);
    sg_delete(p->half);
    sg_log_z_delete(p->structure);
    sg_delete(p);
}

/* ------------------------------------------------------------------------ sums */

static void add(double term, double *sum, double *carry) {
    const double total = *sum + term;
    *carry += fabs(*sum) >= fabs(term) ? (*sum - total) + term : (term - total) + *sum;
    *sum = total;
}

static void clear_sums(sg_partition_states *p) {
    const size_t rows = (size_t)p->rows;
    memset(p->sum, 0, 2 * (1 + rows) * sizeof(double));
    memset(p->second, 0, rows * rows * sizeof(double));
}

static double dot(const double *restrict a, const double *restrict b) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < B; i++) sum += a[i] * b[i];
    return sum;
}

static double total_of(const double *a) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < B; i++) sum += a[i];
    return sum;
}

/* The mass of a block and the first moments of its statistics [rows][B]. */
static void add_first(sg_partition_states *p, const double *e, const double *statistics) {
    add(total_of(e), &p->sum[0], &p->carry[0]);
    for (int r = 0; r < p->rows; r++) add(dot(e, statistics + (size_t)r * B), &p->sum[1 + r], &p->carry[1 + r]);
}

/* spread = (statistics - mean) sqrt(e); second += spread spread^T. */
static void add_second(sg_partition_states *p, const double *e, const double *statistics, const double *mean) {
    double root[B];
#pragma omp simd
    for (int i = 0; i < B; i++) root[i] = sqrt(e[i]);
    for (int r = 0; r < p->rows; r++) {
        const double *from = statistics + (size_t)r * B, shift = mean ? mean[r] : 0;
        double *to = p->spread + (size_t)r * B; /* may be the same */
#pragma omp simd
        for (int i = 0; i < B; i++) to[i] = (from[i] - shift) * root[i];
    }
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, p->rows, B, 1, p->spread, B, 1, p->second, p->rows);
}

/* Sums become means over the whole mass, which is returned. */
static double divide_sums(sg_partition_states *p) {
    const double total = p->sum[0] + p->carry[0];
    for (int r = 0; r <= p->rows; r++) p->sum[r] = (p->sum[r] + p->carry[r]) / total;
    return total;
}

/* ------------------------------------------------------------- kept statistics */

/* e = base + delta . dt; returns the largest. */
static double exponents(sg_partition_states *p, const double *delta) {
    double top = -INFINITY;
    for (long long b = 0; b < p->blocks; b++) {
        const double *restrict dt = p->dt + b * p->rows * B;
        double *restrict e = p->e + b * B;
        memcpy(e, p->base + b * B, B * sizeof(double));
        for (int r = 0; r < p->rows; r++, dt += B) {
            const double step = delta[r];
#pragma omp simd
            for (int i = 0; i < B; i++) e[i] += step * dt[i];
        }
#pragma omp simd reduction(max : top)
        for (int i = 0; i < B; i++) top = e[i] > top ? e[i] : top;
    }
    return top;
}

static sg_status at_kept(sg_partition_states *p, const double *delta, sg_local *local) {
    const int m = p->rows;
    const double top = exponents(p, delta), *mean = p->sum + 1;
    double far = 0;
    clear_sums(p);
    for (long long b = 0; b < p->blocks; b++) {
        double *restrict e = p->e + b * B;
#pragma omp simd
        for (int i = 0; i < B; i++) e[i] = exp(e[i] - top);
        add_first(p, e, p->dt + b * m * B);
        if (p->far) far += dot(e, p->far + b * B);
    }
    const double total = divide_sums(p);
    if (!(far <= FAR_MOST * total))
        return sg_fail(SG_UNCERTIFIED, "the nodes of %s do not carry its law so far away", p->model->text);
    local->log_z = p->log_z + (top + log(total));
    for (int j = 0; j < m; j++) local->log_z += delta[j] * p->centre[j];
    for (int j = 0; j < m && local->gradient; j++) local->gradient[j] = p->centre[j] + mean[j];
    if (!local->hessian) return SG_OK;
    for (long long b = 0; b < p->blocks; b++) add_second(p, p->e + b * B, p->dt + b * m * B, mean);
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++)
            local->hessian[j + k * m] = local->hessian[k + j * m] = p->second[j + k * m] / total;
    return SG_OK;
}

/* -------------------------------------------------------------- one block after another */

static int states_of(sg_partition_states *p, const double *theta, long long first) {
    const int count = (int)(p->n - first < CHUNK ? p->n - first : CHUNK);
    p->model->family->states(p->model, theta, (uint64_t)first, count, p->e);
    for (int i = count; i < CHUNK; i++) p->e[i] = -INFINITY;
    return (count + B - 1) / B;
}

/* log Z by sums of exp(log p - top) that are rescaled when top rises. */
static double log_total(sg_partition_states *p, const double *theta) {
    double top = -INFINITY, sum = 0, carry = 0;
    for (long long first = 0; first < p->n; first += CHUNK) {
        const int blocks = states_of(p, theta, first);
        double here = -INFINITY;
#pragma omp simd reduction(max : here)
        for (int i = 0; i < CHUNK; i++) here = p->e[i] > here ? p->e[i] : here;
        if (here == -INFINITY) continue;
        if (here > top) {
            const double factor = exp(top - here);
            sum *= factor;
            carry *= factor;
            top = here;
        }
        for (int b = 0; b < blocks; b++) {
            double *restrict e = p->e + b * B;
#pragma omp simd
            for (int i = 0; i < B; i++) e[i] = exp(e[i] - top);
            add(total_of(e), &sum, &carry);
        }
    }
    return top + log(sum + carry);
}

/* The statistics of the states from code `first`, in spread. */
static void statistics(sg_partition_states *p, const double *theta, long long first) {
    const int n = p->block.n = (int)(p->n - first < B ? p->n - first : B);
    sg_states_points(p->model, first, n, p->block.x);
    p->model->family->jet(p->model, theta, &p->block, &p->raw);
    for (int r = 0; r < p->rows; r++) {
        const double *restrict from = p->raw.dt + (size_t)p->coordinate[r] * B, centre = p->centre[r];
        double *restrict to = p->spread + (size_t)r * B;
        for (int i = 0; i < n; i++) to[i] = from[i] - centre;
        for (int i = n; i < B; i++) to[i] = 0;
    }
}

/* Means of the statistics about the centre, and on demand their second moments about it, in sum and second; the mass.
 */
static double pass(sg_partition_states *p, const double *theta, double log_z, bool second) {
    clear_sums(p);
    for (long long first = 0; first < p->n; first += CHUNK) {
        const int blocks = states_of(p, theta, first);
        for (int b = 0; b < blocks; b++) {
            double *restrict e = p->e + b * B;
#pragma omp simd
            for (int i = 0; i < B; i++) e[i] = exp(e[i] - log_z);
            statistics(p, theta, first + b * B);
            add_first(p, e, p->spread);
            if (second) add_second(p, e, p->spread, NULL);
        }
    }
    return divide_sums(p);
}

/* Along the chart: out [m,m] = basis^T second basis, from coordinates [size,size] to parameters. */
static void contract(const sg_partition_states *p, int size, const double *second, double *out) {
    const int m = p->chart->m;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, m, size, 1, second, size, p->basis, m, 0, p->half, m);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, m, size, 1, p->basis, m, p->half, m, 0, out, m);
    for (int j = 0; j < m; j++)
        for (int k = 0; k < j; k++) out[j + k * m] = out[k + j * m];
}

static void fill_gradient(const sg_partition_states *p, int size, const double *mean, double *gradient) {
    const int m = p->chart->m;
    cblas_dgemv(CblasRowMajor, CblasTrans, size, m, 1, p->basis, m, mean, 1, 0, gradient, 1);
}

static void at_passing(sg_partition_states *p, const double *theta, sg_local *local) {
    const int rows = p->rows;
    double *mean = p->sum + 1, *second = p->second;
    local->log_z = log_total(p, theta);
    if (!local->gradient && !local->hessian) return;
    const double total = pass(p, theta, local->log_z, local->hessian);
    for (int r = 0; r < rows && local->hessian; r++)
        for (int s = 0; s <= r; s++)
            second[s + r * rows] = second[r + s * rows] = second[r + s * rows] / total - mean[r] * mean[s];
    if (local->hessian) contract(p, rows, second, local->hessian);
    for (int r = 0; r < rows; r++) mean[r] += p->centre[r];
    if (local->gradient) fill_gradient(p, rows, mean, local->gradient);
}

/* ----------------------------------------------------------------- by structure */

/* The second derivatives of many coordinates are made room for when they are first asked for. */
static sg_status at_structure(sg_partition_states *p, const double *theta, sg_local *local) {
    const int full = p->rows;
    sg_status status = SG_OK;
    if (local->hessian && !p->second) status = sg_new(&p->second, (size_t)full * (size_t)full, sizeof(double));
    if (status == SG_OK)
        status = sg_log_z_at(p->structure, theta, &local->log_z, local->gradient ? p->sum : NULL,
                             local->hessian ? p->second : NULL);
    if (status != SG_OK) return status;
    if (local->gradient) fill_gradient(p, full, p->sum, local->gradient);
    if (local->hessian) contract(p, full, p->second, local->hessian);
    return SG_OK;
}

sg_status sg_partition_states_at(sg_partition_states *p, const double *delta, const double *theta, sg_local *local) {
    if (p->way == BY_STRUCTURE) return at_structure(p, theta, local);
    if (p->way == KEPT) return at_kept(p, delta, local);
    at_passing(p, theta, local);
    return SG_OK;
}

/* ----------------------------------------------------------------------- set-up */

static sg_status take_sums(sg_partition_states *p) {
    const size_t rows = (size_t)p->rows;
    sg_status status = sg_new(&p->sum, 2 * (1 + rows), sizeof(double));
    if (status == SG_OK) status = sg_new(&p->centre, rows, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->spread, rows * B, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->second, rows * rows, sizeof(double));
    if (status == SG_OK) p->carry = p->sum + 1 + rows;
    return status;
}

/* Points of cubature, which resolve p at the origin, and hence what differs little from it. */
static sg_status fill_points(const sg_nodes *nodes, sg_partition_states *p) {
    const double *logp = sg_nodes_logp(nodes);
    double top = -INFINITY;
    sg_status status = sg_new(&p->far, (size_t)p->blocks * B, sizeof(double));
    if (status != SG_OK) return status;
    p->log_z = nodes->points->log_z;
    for (long long k = 0; k < p->n; k++) top = logp[k] > top ? logp[k] : top;
    for (long long k = 0; k < p->n; k++) p->base[k] = log(nodes->mass[k]), p->far[k] = logp[k] < top - FAR_DEPTH;
    return SG_OK;
}

static sg_status fill_base(const sg_nodes *nodes, sg_partition_states *p) {
    const double *origin = p->chart->origin;
    for (long long k = p->n; k < p->blocks * B; k++) p->base[k] = -INFINITY;
    if (nodes->points) return fill_points(nodes, p);
    if (p->alike) return sg_counts_log_mass(p->model, origin, p->base, &p->log_z);
    for (long long first = 0; first < p->n; first += CHUNK) {
        const int count = (int)(p->n - first < CHUNK ? p->n - first : CHUNK);
        p->model->family->states(p->model, origin, (uint64_t)first, count, p->base + first);
        for (int i = 0; i < count; i++) p->base[first + i] -= p->log_z;
    }
    return SG_OK;
}

/* The statistics at the nodes, less their means there. */
static sg_status fill_statistics(const sg_nodes *nodes, sg_partition_states *p) {
    const int m = p->rows;
    const size_t points = (nodes->alike ? 1 : (size_t)p->model->space.d) * B;
    double weight[B];
    sg_arena *arena = NULL;
    sg_jet raw, jet;
    sg_status status = sg_arena_new(
        sg_jet_bytes(p->chart->full, 1, SG_DT) + sg_jet_bytes(m, 1, SG_DT) + points * sizeof(double), &arena);
    if (status == SG_OK) status = sg_jet_take(arena, p->chart->full, 1, SG_DT, &raw);
    if (status == SG_OK) status = sg_jet_take(arena, m, 1, SG_DT, &jet);
    if (status != SG_OK) goto out;
    sg_block block = {.x = sg_arena_take(arena, points, sizeof(double))};
    clear_sums(p);
    for (long long b = 0; b < p->blocks; b++) {
        double *dt = p->dt + b * m * B;
        sg_nodes_block(nodes, b, &block, weight);
        sg_chart_jet(p->model, p->chart, p->chart->origin, &block, &raw, &jet);
        for (int j = 0; j < m; j++) memcpy(dt + j * B, jet.dt + j * B, (size_t)block.n * sizeof(double));
        add_first(p, weight, dt);
    }
    divide_sums(p);
    memcpy(p->centre, p->sum + 1, (size_t)m * sizeof(double));
    for (long long b = 0; b < p->blocks; b++)
        for (int j = 0; j < m; j++)
            for (int i = 0; i < B; i++) p->dt[(b * m + j) * B + i] -= p->centre[j];
out:
    sg_arena_delete(arena);
    return status;
}

static sg_status keep(const sg_nodes *nodes, sg_partition_states *p) {
    const size_t places = (size_t)p->blocks * B;
    p->way = KEPT;
    p->rows = p->chart->m;
    p->basis = p->chart->basis;
    sg_status status = take_sums(p);
    if (status == SG_OK) status = sg_new(&p->base, places, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->dt, places * (size_t)p->rows, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->e, places, sizeof(double));
    if (status == SG_OK) status = fill_base(nodes, p);
    if (status == SG_OK) status = fill_statistics(nodes, p);
    return status;
}

/* The coordinates that the chart moves, and their rows of its basis. */
static sg_status take_coordinates(sg_partition_states *p) {
    const sg_chart *chart = p->chart;
    const size_t m = (size_t)chart->m;
    sg_status status = sg_new(&p->coordinate, (size_t)chart->full, sizeof(int));
    if (status == SG_OK) status = sg_new(&p->compact, (size_t)chart->full * m, sizeof(double));
    for (int i = 0; i < chart->full && status == SG_OK; i++) {
        const double *row = chart->basis + (size_t)i * m;
        bool moves = false;
        for (size_t j = 0; j < m; j++) moves |= row[j] != 0;
        if (!moves) continue;
        memcpy(p->compact + (size_t)p->rows * m, row, m * sizeof(double));
        p->coordinate[p->rows++] = i;
    }
    p->basis = p->compact;
    return status;
}

static sg_status take_states(sg_partition_states *p) {
    const size_t points = (size_t)p->model->space.d * B;
    p->way = PASSING;
    sg_status status = take_coordinates(p);
    if (status == SG_OK) status = take_sums(p);
    if (status == SG_OK) status = sg_new(&p->half, (size_t)p->rows * (size_t)p->chart->m, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->e, CHUNK, sizeof(double));
    if (status == SG_OK)
        status = sg_arena_new(sg_jet_bytes(p->chart->full, 1, SG_DT) + points * sizeof(double), &p->arena);
    if (status == SG_OK) status = sg_jet_take(p->arena, p->chart->full, 1, SG_DT, &p->raw);
    if (status != SG_OK) return status;
    p->block = (sg_block){.d = p->model->space.d, .draws = 1, .x = sg_arena_take(p->arena, points, sizeof(double))};
    pass(p, p->chart->origin, p->log_z, false);
    memcpy(p->centre, p->sum + 1, (size_t)p->rows * sizeof(double));
    return SG_OK;
}

/* Is log Z known at the origin without listing states? */
static sg_status ask_structure(sg_partition_states *p, bool *known) {
    double value;
    sg_status status = sg_log_z_new(p->model, &p->structure);
    if (status == SG_OK) status = sg_log_z_at(p->structure, p->chart->origin, &value, NULL, NULL);
    *known = status == SG_OK;
    return status == SG_REFUSED ? SG_OK : status;
}

static sg_status take_structure(sg_partition_states *p) {
    p->way = BY_STRUCTURE;
    p->rows = p->chart->full;
    p->basis = p->chart->basis;
    sg_status status = sg_new(&p->sum, (size_t)p->rows, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->half, (size_t)p->rows * (size_t)p->chart->m, sizeof(double));
    return status;
}

static sg_status choose(const sg_nodes *nodes, sg_partition_states *p) {
    bool known;
    const bool closed = p->model->space.shape == SG_SPHERE && p->model->family->log_z;
    if (nodes && !closed) {
        p->alike = nodes->alike;
        p->n = nodes->n;
        p->blocks = sg_nodes_blocks(nodes);
        p->log_z = nodes->log_z;
        const size_t kept = (size_t)p->blocks * B * ((size_t)p->chart->m + 2) * sizeof(double);
        if (p->alike || nodes->points || kept < KEPT_MOST) return keep(nodes, p);
    }
    sg_status status = ask_structure(p, &known);
    if (status != SG_OK) return status;
    if (known) return take_structure(p);
    if (nodes) return take_states(p);
    return sg_fail_within(SG_REFUSED, "log Z of %s is known from its states alone, and they were not listed",
                          p->model->text);
}

sg_status sg_partition_states_new(const sg_model *model, const sg_chart *chart, const sg_nodes *nodes,
                                  sg_partition_states **partition) {
    sg_partition_states *made = NULL;
    *partition = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    made->chart = chart;
    status = choose(nodes, made);
    if (status != SG_OK) {
        sg_partition_states_delete(made);
        return status;
    }
    *partition = made;
    return SG_OK;
}
