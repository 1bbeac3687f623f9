/*
 * Template of a row: score matching with the weight D(x) = 1 + (x/scale)^2, which looks harder at the tails.  The loss
 * D |s|^2/2 + D Lap log p + grad D . s, the generator div(D grad f) + D s . grad f, the diffusion dX = (D s + grad D)
 * dt
 * + sqrt(2 D) dB.  Copied to src/dictionary/growing.c and named in src/dictionary/registry.c it has its estimator, its
 * asymptotic covariance, its gap, its sampler, and its line in every table.
 */
#include <math.h>

#include "dictionary/diffusion.h"

enum { B = SG_BLOCK };

/* The options, as the user gives them. */
typedef struct {
    double scale;
} choices;

static const sg_field options[] = {
    {.key = "scale",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, scale),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "where D has doubled, in the unit of x"},
    {.key = NULL},
};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    if (model->space.shape == SG_LINE) return SG_OK;
    return sg_fail(SG_MISFIT, "loss growing needs a density on the whole line: %s is none", model->text);
}

/* What the loops need: made once, immutable then. */
typedef struct {
    bool linear;
    double curvature;
} constants;

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    constants *made = (constants *)*prepared;
    (void)theta, (void)panels;
    if (!made) {
        sg_status status = sg_new(&made, 1, sizeof *made);
        if (status != SG_OK) return status;
    }
    const double scale = ((const choices *)own)->scale;
    made->linear = model->family->can & SG_LINEAR;
    made->curvature = 1 / (scale * scale);
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    sg_delete(prepared);
}

/* The generator: D and its gradient at the points of a block. */
static void diffusion(const sg_prepared *prepared, const sg_block *block, double *D, double *grad_D) {
    const double c = ((const constants *)prepared)->curvature;
    for (int i = 0; i < block->n; i++) {
        D[i] = 1 + c * block->x[i] * block->x[i];
        grad_D[i] = 2 * c * block->x[i];
    }
}

/* The loss: what every diffusion shares, with this D. */
static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    _Alignas(SG_ALIGN) double D[B], grad_D[B];
    (void)local;
    diffusion(prepared, block, D, grad_D);
    const sg_diffusivity at = {.shape = SG_D_SCALAR, .D = D, .div = grad_D};
    sg_diffusion_datum(((const constants *)prepared)->linear, &at, block, jet, out);
}

/* The dynamics: a Metropolis-adjusted step with this D. */
static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(diffusion, SG_D_SCALAR, prepared, walk);
}

const sg_row sg_row_growing = {
    .name = "growing",
    .dynamics = "growing-langevin",
    .clock = "unit time of the diffusion dX = (D grad log p + grad D) dt + sqrt(2 D) dB",
    .generator_formula = "div(D grad f) + D grad log p . grad f, D = 1 + (x/scale)^2",
    .summary = "score matching with the weight 1 + (x/scale)^2",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_DIFFUSION,
    .fit = SG_QUADRATIC,
    .fits = fits,
    .roots = sg_diffusion_roots,
    .jets = sg_diffusion_jets,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .diffusion = diffusion,
    .step = step,
};
