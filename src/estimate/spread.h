/*
 * Looks at a block through the draws of a loss (sg_row.spread): every datum becomes points, and what the row says of
 * them is averaged.  Part of the lens.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_SPREAD_H
#define SG_ESTIMATE_SPREAD_H

#include "estimate/lens.h"

/* Theory takes so many draws a datum where the loss has no rule for the mean over them. */
enum { SG_SPREAD_DRAWS = 8 };

/* Arrays for the points, beside those of the lens.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_spread_open(int want, sg_lens *lens);
void sg_spread_close(sg_lens *lens);
/*
 * Once a fit: from here on the numbers of all draws are kept when they are first drawn, if they take no more than
 * source->memory; passes are the faster for it and have the same bits.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_spread_keep(sg_lens *lens, const sg_prepared *prepared, const sg_source *source);
/* The next look is at block b of that source.  Whole passes alone, in order. */
void sg_spread_turn(sg_lens *lens, long long b);
/*
 * Fills lens->datum at theta [full] for the data of `block`: the mean over the loss's own draws, whose numbers are the
 * next ones of lens->draws, or over SG_SPREAD_DRAWS of them (lens->theory), or over all draws by the rule (draws NULL).
 * Sums (SG_DIRICHLET, SG_NOISE) take lens->mass [n] and grow until sg_lens_clear; noise_sum, of one draw: the spread
 * about the mean of those taken, divided by their number.
 */
void sg_spread_look(sg_lens *lens, const sg_prepared *prepared, const double *theta, const sg_block *block, int want);

#endif
