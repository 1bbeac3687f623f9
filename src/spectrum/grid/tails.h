/*
 * Whether a diffusion on R^d or an orthant has a gap at all: what its potential tends to along rays.  A box hides it,
 * for every truncated law has one.
 */
#ifndef SG_SPECTRUM_TAILS_H
#define SG_SPECTRUM_TAILS_H

#include "scoregap/grid.h"

typedef enum {
    SG_TAILS_RISE,  /* the potential grows along all rays: the spectrum is discrete */
    SG_TAILS_LEVEL, /* it tends to a limit, the bottom of the essential spectrum */
    SG_TAILS_FALL   /* it tends to 0 along some ray: there is no gap */
} sg_tails;

/*
 * Along rays from `at` (both ways along the axes, the diagonals and 64 fixed random directions; into the orthant alone
 * if `above`) the generator is that of a process on a half-line with D_r = r' D r and, in the coordinate dy = dr/sqrt
 * D_r, the potential Q = W_y^2/4, W = -log(p sqrt D_r), up to terms that vanish where W grows.  Q is compared where
 * log p has fallen by 60, 120 and 240: its slope in the logarithm of the depth decides, so that exp(-r^q) counts as
 * heavy for q < 0.97.  bottom: least Q at the last depth, INFINITY if it grows.  A test of the tails along rays, not a
 * proof.  Source: Persson 1960.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_grid_tails(const sg_grid_problem *problem, const double *at, bool above, sg_tails *tails,
                                      double *bottom);

#endif
