/*
 * A lens looks at one block of points through (model, chart, loss): family jet, contraction with the chart, the row's
 * datum. Quadrature, Monte Carlo and fits to data all read their blocks through it, so that each sees the same
 * arithmetic. On finite sets it looks through a site view, in the free parameters themselves; the chart comes in when
 * blocks have been summed.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_LENS_H
#define SG_ESTIMATE_LENS_H

#include "estimate/source.h"

typedef struct sg_spread_room sg_spread_room;
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
    /*
     * Finite sets: datum is in the free parameters, and its sums over blocks grow with every look until
     * sg_lens_clear.
     */
    sg_site_view *view;
    int form;   /* in which it reads data (sg_loss_form) */
    bool pairs; /* it reads them from `drawn`, which is its own */
    sg_drawn *drawn;
    uint32_t *tag;     /* [SG_BLOCK] for losses that draw */
    double *basis;     /* [m,m] column-major: free parameters along the chart; NULL: the identity */
    double *raw[2];    /* [m,m] scratch of passes */
    double *line;      /* [m] scratch of passes */
    sg_datum site;     /* of losses averaged over sites: that of one site */
    double *influence; /* [m][SG_BLOCK] scratch of theirs */
    /* Losses in R^d that draw: the jet is of the data, the datum of the points that they become (spread.h). */
    sg_spread_room *spread;
    sg_stream *draws; /* of the next look; NULL: the mean over all draws */
    bool theory;
    const double *mass; /* [n] of the next look, for sums */
    double *score_sum;  /* [m,m] second moments of the score at the points, of the noised law; NULL: not wanted */
} sg_lens;

/* The members that `want` names, the others NULL. */
sg_jet sg_lens_narrow_jet(const sg_jet *all, int want);
sg_datum sg_lens_narrow_datum(const sg_datum *all, int want);

/* `want`: union of the readings that will be asked; `extra`: jet bits wanted besides those that the row needs (not on
 * finite sets). */
SG_MUST_CHECK sg_status sg_lens_new(const sg_model *model, const sg_loss *loss, const sg_chart *chart, int want,
                                    int extra, sg_lens **lens);
/* Are the second theta-derivatives of the loss small enough to be looked at, 64 MiB a block? */
bool sg_lens_bends(const sg_model *model, const sg_loss *loss, const sg_chart *chart);
void sg_lens_delete(sg_lens *lens);
/* Fills lens->jet and lens->datum at theta [full] for `block`; no allocation.  Finite sets: `local` is that of the free
 * parameters. */
void sg_lens_look(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
                  const sg_block *block, int want, int extra);
/* Sums of the datum start at zero. */
void sg_lens_clear(sg_lens *lens);

/* Panels as nodes, which borrow them. */
static inline sg_nodes sg_nodes_of(const sg_model *model, const sg_panels *panels) {
    return (sg_nodes){.model = model, .n = panels->n, .panels = (sg_panels *)panels, .mass = (double *)panels->mass};
}
/* Block b of the nodes of a continuous space in lens->block, without their masses. */
void sg_lens_nodes(sg_lens *lens, const sg_nodes *nodes, long long b);

/* Finite sets: from sums in the free parameters to the chart, vector [m] and lower triangle [m,m] (all of it on
 * return); `half` [m,m] scratch.  basis NULL: the identity. */
void sg_basis_vector(int m, const double *basis, double *vector, double *half);
void sg_basis_matrix(int m, const double *basis, double *matrix, double *half);

#endif
