/*
 * Fits that run to infinity.  Internal to the estimate module.
 *
 * Let D be the changes F(y) - F(x) of the free statistics from the data x to the states y that the loss compares them
 * with: those one move away, those of a block, all of them for likelihood.  The data are separated when there is a
 * direction d with d.D <= 0 for all D and < 0 for some.  Along d every loss here falls for ever, and its estimate lies
 * at infinity; without one, the convex losses have a minimum.  sg_cone_direction decides.  The gradient of a loss
 * is a sum of D with positive weights, and far out along d one of the D of largest d.D (for a sum over sites, a sum of
 * D that grow), so that the losses themselves hold these sets: of several local losses with the same D
 * pseudolikelihood's.
 */
#ifndef SG_ESTIMATE_SEPARATION_H
#define SG_ESTIMATE_SEPARATION_H

#include "estimate/fitter.h"

/*
 * Is there reason to look?  A fit has failed, or the curvature at its estimate leaves a standard error above one, for
 * variance [m] of the parameters by one datum: where an estimate exists, a share 1/n of the data at least resists every
 * direction, and the standard error is about one over that of a change of the statistics.  With separated data rounding
 * may yet end the search.
 */
bool sg_separation_suspected(sg_status status, int m, const double *variance, long long n);

/* A finite set's fit of all parameters that has ended at f->delta with `status`: SG_SEPARATED or SG_NO_MINIMUM where
 * it has run to infinity, otherwise `status`.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_separation(sg_fitter *f, sg_status status);

/* The same for the fit of one site, in the parameters that it touches: SG_SEPARATED, otherwise `status`. */
SG_MUST_CHECK sg_status sg_separation_site(sg_fitter *f, int site, sg_status status);

#endif
