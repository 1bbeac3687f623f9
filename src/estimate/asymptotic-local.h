/* Asymptotic covariances of local losses on graphs that are narrow, of any size.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_ASYMPTOTIC_LOCAL_H
#define SG_ESTIMATE_ASYMPTOTIC_LOCAL_H

#include "scoregap/estimate.h"

/*
 * As sg_asymptotic_finite, without states: S and L S are sums of functions of a few sites, whose moments elimination
 * gives.  Any number of states a site, hard constraints, maximum likelihood, and all losses that move single sites or
 * resample blocks.  Cov psi by pairs of terms (local-moments.h), which takes tables of about the sites that two of them
 * see beyond those of log Z: on free strips of width W, W + 5 or so; or (`way`) by covariances of whole sums, with
 * tables over a term and those that elimination ties to it, 2 W + 1.  rho: over all directions where m <= 2, otherwise
 * over the parameters, a lower estimate; by whole sums exactly, otherwise from 4096 draws, to a few per cent while it
 * is small and less well where tails are heavy.
 *
 * Errors: SG_REFUSED (a family without factors, more than 1024 free parameters, a block that sees more than 2^20
 * states, no narrow order), SG_SINGULAR, SG_NO_MEMORY.
 */
/* SG_LOCAL_QUICK: the cheapest, refused where a list of states may be as little work. */
typedef enum { SG_LOCAL_CHEAPEST, SG_LOCAL_PAIRS, SG_LOCAL_SUMS, SG_LOCAL_QUICK } sg_local_way;
SG_MUST_CHECK sg_status sg_asymptotic_local(const sg_model *model, const sg_loss *loss, sg_local_way way,
                                            sg_asymptotic *out);

#endif
