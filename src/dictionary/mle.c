/*
 * Maximum likelihood: the loss -log p, the generator E_p f - f, independent resampling.
 */
#include <math.h>

#include "dictionary/gram.h"
#include "dictionary/site-view.h"

enum { B = SG_BLOCK };

typedef struct {
    bool linear;
} constants;

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    if (model->space.shape == SG_FINITE && model->full > SG_SITE_VIEW_STATISTICS && !sg_site_view_alike(model))
        return sg_fail(SG_MISFIT, "mle takes at most %d statistics of a state, and %s has %d: take pseudolikelihood",
                       (int)SG_SITE_VIEW_STATISTICS, model->text, model->full);
    if (model->family->can & (SG_NODES | SG_NORMALIZED | SG_STATES)) return SG_OK;
    return sg_fail(SG_MISFIT, "mle needs the normalizing constant, which %s cannot compute: take another loss",
                   model->text);
}

static bool alike(const void *own, const sg_model *model) {
    (void)own, (void)model;
    return true;
}

static int roots(const sg_model *model) {
    return model->space.shape == SG_FINITE ? 0 : 1;
}

static int jets(const sg_model *model, int want) {
    int bits = want & (SG_PSI | SG_ROOT) ? SG_DT : 0;
    if (want & SG_VALUE) bits |= SG_LOGP;
    if (want & SG_CURVATURE && !(model->family->can & SG_LINEAR)) bits |= SG_DTT;
    return bits;
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    (void)own, (void)theta, (void)panels;
    constants *made = (constants *)*prepared;
    if (!made) {
        sg_status status = sg_new(&made, 1, sizeof *made);
        if (status != SG_OK) return status;
    }
    made->linear = model->family->can & SG_LINEAR;
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    sg_delete(prepared);
}

/* ------------------------------------------------------------- the loss */

/* out = constant + sign t */
static void shift(int n, double constant, double sign, const double *restrict t, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] = constant + sign * t[i];
}

static void fill_curvature(bool linear, const sg_local *local, int n, const sg_jet *jet, double *curvature) {
    for (int j = 0, pair = 0; j < jet->m; j++)
        for (int k = 0; k <= j; k++, pair++) {
            const double constant = local->hessian[j + k * jet->m];
            double *out = curvature + pair * B;
            if (linear)
                for (int i = 0; i < n; i++) out[i] = constant;
            else
                shift(n, constant, -1, jet->dtt + pair * B, out);
        }
}

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const int n = block->n;
    if (out->want & SG_VALUE) shift(n, local->log_z, -1, jet->logp, out->value);
    for (int j = 0; j < jet->m; j++) {
        const double mean = local->gradient[j];
        if (out->want & SG_PSI) shift(n, mean, -1, jet->dt + j * B, out->psi + j * B);
        if (out->want & SG_ROOT) shift(n, -mean, 1, jet->dt + j * B, out->root + j * B);
    }
    if (out->want & SG_CURVATURE) fill_curvature(((const constants *)prepared)->linear, local, n, jet, out->curvature);
}

/* out = sign t */
static void turn(int n, double sign, const double *restrict t, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] = sign * t[i];
}

/* S S^T, whose expectation is the Dirichlet matrix of E_p f - f; scratch [m + 2][B]. */
static void add_sums(const sg_local *local, const sg_block *block, int m, double *scratch, sg_datum *out) {
    double *weight = scratch + (size_t)m * B, total = 0;
    for (int i = 0; i < block->n; i++) total += weight[i] = block->weight ? block->weight[i] : 1;
    if (out->want & SG_DIRICHLET) sg_gram_add(block->n, weight, m, scratch, NULL, m, out->dirichlet_sum);
    for (int k = 0; out->want & SG_CURVATURE && k < m; k++)
        for (int j = k; j < m; j++) out->curvature_sum[j + k * m] += total * local->hessian[j + k * m];
}

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *out) {
    const sg_block *block = view->block;
    const int n = block->n, m = view->m;
    const size_t mark = sg_arena_mark(view->arena);
    double *score = sg_arena_take(view->arena, (size_t)(m + 2) * B, sizeof(double));
    double *logp = score + (size_t)(m + 1) * B;
    (void)prepared;
    if (out->want & SG_VALUE) {
        sg_site_view_logp(view, logp);
        shift(n, local->log_z, -1, logp, out->value);
    }
    if (out->want & ~SG_VALUE) sg_site_view_score(view, local, score);
    for (int j = 0; j < m; j++) {
        if (out->want & SG_PSI) turn(n, -1, score + (size_t)j * B, out->psi + (size_t)j * B);
        if (out->want & SG_SCORE) turn(n, 1, score + (size_t)j * B, out->score + (size_t)j * B);
    }
    add_sums(local, block, m, score, out);
    sg_arena_rewind(view->arena, mark);
}

/* ----------------------------------------------------------- the dynamics */

/* The generator's own semigroup: within dt a chain draws afresh with probability 1 - exp(-dt). */
static void step(const sg_prepared *prepared, sg_walk *walk) {
    (void)prepared;
    const int n = walk->block.n, d = walk->block.d;
    const size_t mark = sg_arena_mark(walk->arena);
    const double share = -expm1(-walk->dt);
    const uint32_t start = walk->stream.index;
    sg_block fresh = walk->block;
    fresh.x = sg_arena_take(walk->arena, (size_t)d * B, sizeof(double));
    double *u = sg_arena_take(walk->arena, B, sizeof(double));
    if (!fresh.x || !u) goto out;
    sg_stream_uniform(&walk->stream, (size_t)n, u);
    walk->stream.index = start + B / 2;
    sg_sampler_draw(walk->sampler, &walk->stream, &fresh);
    int moved = 0;
    for (int i = 0; i < n; i++) moved += u[i] < share;
    for (int a = 0; a < d; a++) {
        const double *restrict y = fresh.x + a * B;
        double *restrict x = walk->block.x + a * B;
        for (int i = 0; i < n; i++) x[i] = u[i] < share ? y[i] : x[i];
    }
    walk->proposed += moved;
    walk->accepted += moved;
out:
    sg_arena_rewind(walk->arena, mark);
}

const sg_row sg_row_mle = {
    .name = "mle",
    .dynamics = "resampling",
    .clock = "one independent draw from p",
    .generator_formula = "E_p f - f",
    .summary = "-log p: maximum likelihood",
    .options = options,
    .kind = SG_RESAMPLE,
    .fit = SG_SUFFICIENT,
    .local = true,
    .fits = fits,
    .roots = roots,
    .jets = jets,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .sites = sites,
    .alike = alike,
    .step = step,
    .round = true,
};
