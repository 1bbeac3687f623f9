/*
 * Maximum likelihood: the loss -log p, the generator E_p f - f, independent resampling.
 */
#include <math.h>

#include "scoregap/dictionary.h"

enum { B = SG_BLOCK };

typedef struct {
    bool linear;
} constants;

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    if (model->family->can & (SG_NODES | SG_NORMALIZED | SG_STATES)) return SG_OK;
    return sg_fail(SG_MISFIT, "mle needs the normalizing constant, which %s cannot compute: take another loss",
                   model->text);
}

static int roots(const sg_model *model) {
    (void)model;
    return 1;
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
    .step = step,
};
