#include "quick.h"

#include <math.h>
#include <string.h>

#include "far.h"
#include "line.h"
#include "numeric/grid.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER
#define LEAST 1e-6   /* more of the energy in the tails, and the cut is too early */
#define NARROW 1e-12 /* wider enclosures are left to deeper grids, as far as rounding allows a narrower one */

/* How deep and how fine; depths in units of log p. */
typedef struct {
    double deep, shallow; /* of the cut, and of the cut that it is compared with */
    double steep, tol;    /* of the grid, see numeric/grid.h */
} fineness;

/* The second is for laws with a secondary well or a wide spectrum. */
static const fineness rounds[] = {{50, 38, 8, 1e-8}, {120, 90, 4, 1e-11}};

typedef struct {
    const sg_model *model;
    const fineness *want;
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
    sg_landmarks marks;
    sg_grid *grid;
    double *store;         /* edges of both grids, log p */
    bool *flux;            /* [law.count] the wave is D p g there, not g */
    sg_line_law law, fine; /* the grid, and halved */
    sg_line_law cut;       /* the part of it above the shallow cut */
    sg_operator *op;
    sg_wave g;
} search;

static void clear(search *s) {
    sg_arena_delete(s->arena);
    sg_grid_delete(s->grid);
    sg_delete(s->store);
    sg_operator_delete(s->op);
    sg_wave_delete(&s->g);
}

/* --------------------------------------------------------------------- grids */

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const search *s = context;
    sg_block block = s->block;
    sg_jet jet = s->jet;
    (void)test;
    block.n = n;
    memcpy(block.x, x, (size_t)n * sizeof(double));
    s->model->family->jet(s->model, s->model->truth, &block, &jet);
    memcpy(logq, jet.logp, (size_t)n * sizeof(double));
}

static sg_status find_grid(search *s) {
    const sg_model *model = s->model;
    const sg_grid_request request = {
        .tol = s->want->tol, .depth = s->want->deep, .steep = s->want->steep, .beyond = INFINITY, .bare = true};
    sg_status status = sg_arena_new(sg_jet_bytes(model->full, 1, SG_LOGP) + SG_BLOCK * sizeof(double), &s->arena);
    if (!status) status = sg_jet_take(s->arena, model->full, 1, SG_LOGP, &s->jet);
    if (status) return status;
    s->block = (sg_block){.d = 1, .draws = 1, .x = sg_arena_take(s->arena, SG_BLOCK, sizeof(double))};
    if (model->family->landmarks) model->family->landmarks(model, model->truth, &s->marks);
    const sg_density density = {.context = s,
                                .evaluate = evaluate,
                                .lo = model->space.lo,
                                .hi = model->space.hi,
                                .landmarks = s->marks.count,
                                .landmark = s->marks.at,
                                .scale = s->marks.scale};
    return sg_grid_new(&density, &request, &s->grid);
}

static double *writable(const double *array) {
    return (double *)array;
}

/* Room for the edges of the grid and of its halves, and for log p on the grid. */
static sg_status make_room(search *s) {
    const size_t count = (size_t)(s->grid->last - s->grid->first + 1), edges = 3 * count + 2;
    sg_status status = sg_new(&s->store, edges + count * ORDER + (count + 7) / 8, sizeof(double));
    if (status) return status;
    double *edge = s->store, *logp = edge + edges;
    s->law = (sg_line_law){.count = (int)count, .edge = edge, .logp = logp};
    s->fine = (sg_line_law){.count = 2 * (int)count, .edge = edge + count + 1};
    s->flux = (bool *)(logp + count * ORDER);
    return SG_OK;
}

/* Takes from the grid what is used of it, and lays the other two. */
static void fill(search *s) {
    const sg_grid *g = s->grid;
    double *edge = writable(s->law.edge), *half = writable(s->fine.edge);
    int first = g->last, last = g->first;
    for (int i = g->first; i <= g->last; i++) {
        const sg_piece *piece = &g->piece[g->order[i]];
        const int k = i - g->first;
        edge[k] = half[2 * k] = piece->lo;
        half[2 * k + 1] = 0.5 * piece->lo + 0.5 * piece->hi;
        edge[k + 1] = half[2 * k + 2] = piece->hi;
        memcpy(writable(s->law.logp) + k * ORDER, piece->logq, sizeof piece->logq);
        if (piece->max < g->top - s->want->shallow) continue;
        first = first < i ? first : i;
        last = i;
    }
    s->law.open_lo = edge[0] > s->model->space.lo;
    s->law.open_hi = edge[s->law.count] < s->model->space.hi;
    s->cut = (sg_line_law){.count = last - first + 1,
                           .edge = s->law.edge + (first - g->first),
                           .logp = s->law.logp + (first - g->first) * ORDER};
}

/* log p on the halved grid, a block at a time. */
static void evaluate_fine(search *s, double *logp) {
    const int most = SG_BLOCK / ORDER;
    for (int k = 0; k < s->fine.count; k += most) {
        const int panels = s->fine.count - k < most ? s->fine.count - k : most;
        for (int b = 0; b < panels; b++) {
            const double lo = s->fine.edge[k + b], hi = s->fine.edge[k + b + 1];
            const double mid = 0.5 * lo + 0.5 * hi, half = 0.5 * (hi - lo);
            for (int j = 0; j < ORDER; j++) s->block.x[b * ORDER + j] = mid + half * sg_legendre_node[j];
        }
        s->block.n = panels * ORDER;
        s->model->family->jet(s->model, s->model->truth, &s->block, &s->jet);
        memcpy(logp + k * ORDER, s->jet.logp, (size_t)s->block.n * sizeof(double));
    }
}

/* ---------------------------------------------------------------- from grid to grid */

/* Where g rises like 1/p, on a barrier, it is carried as D p g. */
static void choose(search *s) {
    for (int k = 0; k < s->law.count; k++) {
        double *g = s->g.value + k * ORDER;
        const double *dp = s->op->dp + k * ORDER;
        const double of_g = fabs(log(g[0] / g[ORDER - 1]));
        const double of_flux = fabs(log(g[0] * dp[0] / (g[ORDER - 1] * dp[ORDER - 1])));
        s->flux[k] = of_flux < of_g;
        if (!s->flux[k]) continue;
        for (int j = 0; j < ORDER; j++) g[j] *= dp[j];
        s->g.unit[k] += s->op->dp_unit[k];
    }
}

/* matrix[j]: on the left half of a panel, the polynomial that is one at node j and zero at the others. */
static void left_half(double matrix[ORDER][ORDER]) {
    _Alignas(SG_ALIGN) double legendre[ORDER][ORDER];
    for (int i = 0; i < ORDER; i++) {
        legendre[0][i] = 1;
        legendre[1][i] = 0.5 * (sg_legendre_node[i] - 1);
    }
    for (int k = 1; k + 1 < ORDER; k++)
        for (int i = 0; i < ORDER; i++)
            legendre[k + 1][i] =
                ((2.0 * k + 1) * legendre[1][i] * legendre[k][i] - (double)k * legendre[k - 1][i]) / (k + 1.0);
    for (int j = 0; j < ORDER; j++)
        sg_legendre_apply((const double(*)[ORDER])legendre, sg_legendre_coefficient[j], matrix[j]);
}

static void reverse(const double *f, double *out) {
    for (int j = 0; j < ORDER; j++) out[j] = f[ORDER - 1 - j];
}

static void carry(const search *s, sg_wave *out) {
    _Alignas(SG_ALIGN) double matrix[ORDER][ORDER];
    double mirrored[ORDER], right[ORDER];
    left_half(matrix);
    for (int k = 0; k < s->law.count; k++) {
        const double *g = s->g.value + k * ORDER;
        double *to = out->value + 2 * k * ORDER;
        sg_legendre_apply((const double(*)[ORDER])matrix, g, to);
        reverse(g, mirrored);
        sg_legendre_apply((const double(*)[ORDER])matrix, mirrored, right);
        reverse(right, to + ORDER);
        for (int half = 2 * k; half <= 2 * k + 1; half++) {
            const double *dp = s->op->dp + half * ORDER;
            double *value = out->value + half * ORDER;
            out->unit[half] = s->g.unit[k] - (s->flux[k] ? s->op->dp_unit[half] : 0);
            for (int j = 0; j < ORDER; j++)
                value[j] = sg_larger(s->flux[k] ? value[j] / dp[j] : value[j], 0x1p-60); /* starts must be positive */
        }
    }
}

/* ------------------------------------------------------------------- verdict */

static bool landmarks_inside(const search *s) {
    for (int k = 0; k < s->marks.count; k++)
        if (s->marks.at[k] < s->cut.edge[0] || s->marks.at[k] > s->cut.edge[s->cut.count]) return false;
    return true;
}

/* What the halved grid says, widened by rounding, by its change from the grid and by that of the grid with the cut. */
static sg_enclosure join(const sg_enclosure *law, const sg_enclosure *fine, double cut, double *drift) {
    const double halving = fabs(fine->log_value - law->log_value), cutting = fabs(law->log_value - cut);
    const double room = halving + cutting + law->floor;
    sg_enclosure all = *fine;
    all.log_lower = fmin(fine->log_lower, fine->log_upper) - room; /* crossed ends are rounding */
    all.log_upper = fmax(fine->log_lower, fine->log_upper) + room;
    all.floor = law->floor;
    all.outside = law->outside;
    all.steps += law->steps + 1;
    *drift = 2 * (halving + cutting);
    return all;
}

static sg_status enclose_law(search *s, sg_enclosure *law) {
    sg_status status = sg_operator_new(s->law.count, &s->op);
    if (!status) status = sg_operator_fill(s->op, &s->law);
    if (!status) status = sg_wave_new(s->law.count, &s->g);
    if (status) return status;
    sg_enclose_start(&s->law, &s->g);
    return sg_enclose(&s->law, s->op, &s->g, law);
}

/* Puts the operator on the halved grid in the place of the other. */
static sg_status enclose_fine(search *s, sg_enclosure *fine) {
    sg_wave g = {0};
    choose(s);
    sg_operator_delete(s->op);
    sg_status status = sg_operator_new(s->fine.count, &s->op);
    if (status) goto out;
    sg_line_law law = s->fine;
    law.logp = s->op->dp;
    evaluate_fine(s, s->op->dp);
    if ((status = sg_operator_fill(s->op, &law))) goto out;
    if ((status = sg_wave_new(law.count, &g))) goto out;
    carry(s, &g);
    status = sg_enclose(&s->fine, s->op, &g, fine);
out:
    sg_wave_delete(&g);
    return status;
}

/* A lower bound of log C_P of the law with the cut, by the slowest mode of the law without. */
static sg_status find_cut(const search *s, double *log_value) {
    const size_t first = (size_t)(s->cut.edge - s->law.edge), count = (size_t)s->cut.count;
    sg_wave g;
    sg_status status = sg_wave_new(s->cut.count, &g);
    if (status) return status;
    memcpy(g.value, s->g.value + first * ORDER, count * ORDER * sizeof(double));
    memcpy(g.unit, s->g.unit + first, count * sizeof(long));
    status = sg_enclose_below(&s->cut, &g, log_value);
    sg_wave_delete(&g);
    return status;
}

static sg_status solve(search *s, sg_enclosure *all, double *drift) {
    sg_enclosure law, fine;
    sg_status status = enclose_law(s, &law);
    double cut = law.log_value;
    if (!status && s->cut.count < s->law.count) status = find_cut(s, &cut);
    if (!status) status = enclose_fine(s, &fine);
    if (!status) *all = join(&law, &fine, cut, drift);
    return status;
}

static bool beyond_doubt(const sg_enclosure *e) {
    return e->log_upper - e->log_lower < fmax(NARROW, 4 * e->floor) && e->outside < LEAST;
}

typedef enum { ANSWERED, DOUBTFUL, HOPELESS } verdict;

static sg_status look(search *s, sg_gap *out, verdict *said) {
    sg_enclosure all;
    sg_line_tails tails = {0};
    double bottom, drift, depth;
    *said = HOPELESS;
    sg_status status = find_grid(s);
    if (!status) status = make_room(s);
    if (status) return status;
    fill(s);
    sg_grid_delete(s->grid);
    s->grid = NULL;
    if ((status = sg_far_bottom(s->model, &s->law, &bottom))) return status;
    if (bottom != INFINITY) return SG_OK;
    *said = DOUBTFUL;
    if (!landmarks_inside(s)) return SG_OK;
    if ((status = solve(s, &all, &drift))) return status;
    if (!beyond_doubt(&all)) return SG_OK;
    if ((status = sg_far_depth(s->model, &s->law, &s->marks, true, -all.log_value, &depth))) return status;
    if (depth > 0) return SG_OK;
    sg_line_verdict(&all, drift, bottom, &tails, out);
    if (out->status == SG_OK || out->status == SG_UNDERFLOW) *said = ANSWERED;
    return SG_OK;
}

sg_status sg_quick_gap(const sg_model *model, sg_gap *out, bool *done) {
    verdict said = DOUBTFUL;
    sg_status status = SG_OK;
    if (!(model->family->can & SG_NODES)) said = HOPELESS;
    for (size_t k = 0; k < sizeof rounds / sizeof *rounds && said == DOUBTFUL && status != SG_NO_MEMORY; k++) {
        search s = {.model = model, .want = &rounds[k]};
        status = look(&s, out, &said);
        clear(&s);
    }
    *done = said == ANSWERED && !status;
    return status == SG_NO_MEMORY ? status : SG_OK;
}
