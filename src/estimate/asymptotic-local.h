/* Asymptotic covariances of local losses on graphs that are narrow, of any size.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_ASYMPTOTIC_LOCAL_H
#define SG_ESTIMATE_ASYMPTOTIC_LOCAL_H

#include "scoregap/estimate.h"

/*
 * As sg_asymptotic_finite, without states: S and L S are sums of functions of a site and its neighbours, whose means
 * and covariances elimination gives.  For maximum likelihood, and rows that move single two-state sites, all pooled.
 * Tables span a site, its neighbours and those that elimination ties to them: 3 and 5 sites on path and ring, about 2 W
 * + 1 on free strips of width W.  rho: over all directions where m <= 2, otherwise over the parameters, a lower
 * estimate. Errors: SG_REFUSED (another loss, a family without factors, more than 256 free parameters, a site of more
 * than 20 factors' sites, no narrow order), SG_SINGULAR, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_asymptotic_local(const sg_model *model, const sg_loss *loss, sg_asymptotic *out);

/*
 * The sums behind it.  first: S [m], L S [m] and of the second derivatives of one datum's loss (over c) the pairs
 * (m <= 2) or the diagonal; second: the Dirichlet form of all pairs of scores.  Both have the same sites, so that one
 * plan serves both.
 */
typedef struct {
    int m, bends; /* sums of second derivatives */
    sg_factors *first, *second;
} sg_local_sums;
SG_MUST_CHECK sg_status sg_local_sums_new(const sg_model *model, const sg_loss *loss, sg_local_sums *sums);
void sg_local_sums_clear(sg_local_sums *sums);

#endif
