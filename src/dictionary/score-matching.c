/*
 * Score matching (HYV, KHR): the loss |grad log p|^2/2 + Lap log p, the generator Lap + grad log p . grad, Langevin's
 * diffusion; on spheres with gradient and Laplacian along the sphere.
 */
#include "dictionary/diffusion.h"
#include "dictionary/sphere.h"

typedef struct {
    bool linear, sphere;
} constants;

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    if (model->space.shape == SG_SPHERE) return SG_OK;
    return sg_diffusion_fits("score-matching", true, model);
}

static sg_status runs(const void *own, const sg_model *model) {
    (void)own;
    if (model->space.shape == SG_SPHERE) return SG_OK;
    return sg_diffusion_runs("score-matching", model);
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
    made->sphere = model->space.shape == SG_SPHERE;
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    sg_delete(prepared);
}

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const constants *own = (const constants *)prepared;
    (void)local;
    if (own->sphere)
        sg_sphere_datum(own->linear, block, jet, out);
    else
        sg_diffusion_datum(own->linear, NULL, block, jet, out);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    if (((const constants *)prepared)->sphere)
        sg_sphere_step(walk);
    else
        sg_diffusion_step(NULL, SG_D_SCALAR, prepared, walk);
}

const sg_row sg_row_score_matching = {
    .name = "score-matching",
    .dynamics = "langevin",
    .clock = "unit time of the diffusion dX = grad log p dt + sqrt(2) dB",
    .generator_formula = "Lap f + grad log p . grad f",
    .summary = "|grad log p|^2/2 + Lap log p, needs no normalizing constant",
    .options = options,
    .kind = SG_DIFFUSION,
    .fit = SG_QUADRATIC,
    .fits = fits,
    .roots = sg_diffusion_roots,
    .jets = sg_diffusion_jets_diagonal,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .step = step,
    .round = true,
    .runs = runs,
};
