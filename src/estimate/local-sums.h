/*
 * Covariances of whole sums over local terms, by elimination with a factor for each term: as exact as the moments of
 * pairs of terms (local-moments.h), with the spread of Hessians too, where graphs are so narrow, or terms so large,
 * that this is less work.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_LOCAL_SUMS_H
#define SG_ESTIMATE_LOCAL_SUMS_H

#include "estimate/local-moments.h"

typedef struct {
    int m, bends, sums;
    sg_factors *factors;
    sg_elimination *plan;
    double *mean, *covariance; /* [sums], [sums,sums] of S [m], psi [m] and the bends */
} sg_local_sums;
/* The plan alone: how much work it is.  Errors: SG_REFUSED (no order, or more memory than there may be), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_local_sums_new(sg_local_moments *moments, sg_local_sums *sums);
void sg_local_sums_clear(sg_local_sums *sums);
/* Numbers that are gone through; INFINITY: more memory than there may be. */
double sg_local_sums_work(const sg_local_sums *sums);
SG_MUST_CHECK sg_status sg_local_sums_solve(sg_local_sums *sums);

/*
 * The covariance [bends,bends] of the bends of one datum's loss from exact draws; of losses that draw, with the masks.
 * Its relative standard error is a few per cent where the bends have light tails, and larger where they have not.
 */
SG_MUST_CHECK sg_status sg_local_spread(sg_local_moments *moments, double *covariance);

#endif
