/*
 * A lens looks at one block of points through (model, chart, loss): family jet, contraction with the chart, the row's
 * datum. Quadrature, Monte Carlo and fits to data all read their blocks through it, so that each sees the same
 * arithmetic. Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_LENS_H
#define SG_ESTIMATE_LENS_H

#include "scoregap/estimate.h"

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_chart *chart;
    int m, roots;
    sg_arena *arena;
    sg_jet raw_all, jet_all; /* arrays for everything ever asked */
    sg_datum datum_all;
    sg_jet jet; /* of the last look: members not asked for are NULL */
    sg_datum datum;
    sg_block block; /* room for one block of points */
} sg_lens;

/* `want`: union of the readings that will be asked; `extra`: jet bits wanted besides those that the row needs. */
SG_MUST_CHECK sg_status sg_lens_new(const sg_model *model, const sg_loss *loss, const sg_chart *chart, int want,
                                    int extra, sg_lens **lens);
void sg_lens_delete(sg_lens *lens);
/* Fills lens->jet and lens->datum at theta [full] for `block`; no allocation. */
void sg_lens_look(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
                  const sg_block *block, int want, int extra);

/* Nodes `first`.. of panels as a block of at most SG_BLOCK points in lens->block. */
void sg_lens_nodes(sg_lens *lens, const sg_panels *panels, int first);

#endif
