/*
 * Fits that run to infinity.  Internal to the estimate module.
 *
 * A fit that ends elsewhere than at an estimate, or far out, may have none: the loss falls for ever along a direction.
 * It does along one in which, for no datum, any of the log-ratios that the loss presses down grows, and for some they
 * fall (likelihood: each datum has the largest F . d of all states, so that the mean statistics lie on the boundary of
 * their polytope).  At theta + T d, T beyond everything else, the losses -log of a conditional probability are T times
 * the growth of the largest log-ratio: for each datum sum_i max(0, d . (F(x^i) - F(x))) for pseudolikelihood, max_y d .
 * (F(y) - F(x)) for likelihood.  So a value out there, over T, is by how much a datum resists d, and at -d by how much
 * it asks for it.  The other losses press down the same log-ratios as pseudolikelihood, which measures for them.
 */
#ifndef SG_ESTIMATE_SEPARATION_H
#define SG_ESTIMATE_SEPARATION_H

#include "scoregap/numeric.h"

/* The largest value of a datum at `scale` times the direction [m], over |scale|.  A failure means that there is none.
 */
typedef sg_status (*sg_resistance)(void *context, const double *direction, double scale, double *most);

/* Is there reason to look?  `top`: how far the search went, in the largest parameter. */
bool sg_recession_suspected(sg_status status, double top);

/*
 * Does the loss fall for ever along the Newton step at x [m], or along x itself?  *yes, and the direction in the first
 * m numbers of `work`.  Errors: SG_NO_MEMORY; others mean that nothing is known.
 */
size_t sg_recession_work(int m);
SG_MUST_CHECK sg_status sg_recession(int m, sg_objective objective, sg_resistance resistance, void *context,
                                     const double *x, double *work, bool *yes);

#endif
