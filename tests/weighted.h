/*
 * Score matching with D = diag h(x_j), any h, as a row of its own that fits every model: what the loss is where it is
 * refused, too.
 */
#ifndef SG_TESTS_WEIGHTED_H
#define SG_TESTS_WEIGHTED_H

#include <math.h>

#include "dictionary/diffusion.h"

enum { H_ONE, H_MINIMUM, H_SQUARE, H_LOG };
static int h_now; /* of the row below */

static inline double h_of(double x) {
    return h_now == H_MINIMUM ? fmin(x, 3) : h_now == H_SQUARE ? x * x : h_now == H_LOG ? log1p(x) : 1;
}

static inline double h_slope(double x) {
    return h_now == H_MINIMUM ? x < 3 : h_now == H_SQUARE ? 2 * x : h_now == H_LOG ? 1 / (1 + x) : 0;
}

static inline sg_status weighted_fits(const void *options, const sg_model *model) {
    (void)options;
    (void)model;
    return SG_OK;
}

static inline sg_status weighted_prepare(const void *options, const sg_model *model, const double *theta,
                                         const sg_panels *panels, sg_prepared **prepared) {
    (void)options;
    (void)model;
    (void)theta;
    (void)panels;
    return *prepared ? SG_OK : sg_new(prepared, 1, 1);
}

static inline void weighted_release(sg_prepared *prepared) {
    sg_delete(prepared);
}

static inline sg_d_shape weighted_shape(const sg_prepared *prepared) {
    (void)prepared;
    return SG_D_DIAGONAL;
}

static inline void weighted_diffusion(const sg_prepared *prepared, const sg_block *block, double *D, double *div) {
    (void)prepared;
    for (int k = 0; k < block->d * SG_BLOCK; k++) D[k] = h_of(block->x[k]), div[k] = h_slope(block->x[k]);
}

static inline void weighted_datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block,
                                  const sg_jet *jet, sg_datum *out) {
    _Alignas(SG_ALIGN) double D[8 * SG_BLOCK], div[8 * SG_BLOCK];
    const sg_diffusivity by = {.shape = SG_D_DIAGONAL, .D = D, .div = div};
    (void)local;
    weighted_diffusion(prepared, block, D, div);
    sg_diffusion_datum(true, &by, block, jet, out);
}

static inline bool weighted_by_coordinates(const void *options) {
    (void)options;
    return true;
}

static inline int weighted_cuts(const void *options, const sg_model *model, double *at) {
    (void)options, (void)model;
    at[0] = 3;
    return h_now == H_MINIMUM;
}

static const sg_row weighted_row = {
    .name = "weighted",
    .kind = SG_DIFFUSION,
    .fit = SG_QUADRATIC,
    .fits = weighted_fits,
    .roots = sg_diffusion_roots,
    .jets = sg_diffusion_jets,
    .prepare = weighted_prepare,
    .release = weighted_release,
    .datum = weighted_datum,
    .shape = weighted_shape,
    .cuts = weighted_cuts,
    .by_coordinates = weighted_by_coordinates,
    .diffusion = weighted_diffusion,
};
static const sg_loss weighted_loss = {.row = &weighted_row, .text = "weighted"};

#endif
