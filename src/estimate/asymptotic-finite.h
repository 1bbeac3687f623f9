/* Asymptotic covariances on finite sets.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_ASYMPTOTIC_FINITE_H
#define SG_ESTIMATE_ASYMPTOTIC_FINITE_H

#include "estimate/node-sums.h"

/* Fills all of `out` but theta and khr; its arrays are there. */
SG_MUST_CHECK sg_status sg_asymptotic_finite(const sg_model *model, const sg_loss *loss, sg_asymptotic *out);

/*
 * max over directions v of Var(v'Av)/(v'Hv)^2, A the Hessian of one datum along the basis `whiten` [m,m], in which E A
 * is the identity: by differences of psi, to five digits or so.  m <= 16: over all directions, by ascent from many
 * starts; otherwise the largest over `worst` [m,m] (columns in these coordinates) and over the parameters, as many of
 * them as take some seconds, which is a lower estimate.  So it is for losses that draw, where their draws cannot be
 * listed.
 */
SG_MUST_CHECK sg_status sg_worst_hessian_finite(sg_node_stream *stream, const double *whiten, const double *worst,
                                                double *rho);

#endif
