/* The highest maximum of a density, for what is taken from the law there. */
#ifndef SG_DICTIONARY_MODE_H
#define SG_DICTIONARY_MODE_H

#include "scoregap/dictionary.h"

/*
 * The highest maximum of log p_theta that Newton's method finds inside the space from the places (on the line the
 * landmarks) that the family names, or else from eight draws, and if that finds none from the origin, or (1, .., 1) on
 * the orthant: x [d], *logp as the family's jet gives it, and curvature [d,d] = -Hess log p, positive definite.  x,
 * logp, curvature may be NULL.  A maximum that is nowhere near these is missed.  Allocates; O(d^3) and a jet an
 * iteration.  Errors: SG_REFUSED (no maximum inside), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_mode_find(const sg_model *model, const double *theta, double *x, double *logp,
                                     double *curvature);

/* The least width [d] of the law along each axis, of those that the family names; or else (-d_a^2 log p)^-1/2 at the
 * mode.  Errors: those of sg_mode_find. */
SG_MUST_CHECK sg_status sg_mode_widths(const sg_model *model, const double *theta, double *width);

#endif
