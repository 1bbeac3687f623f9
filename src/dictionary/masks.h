/* Lists of blocks of sites: subsets, runs, those of a file, random ones. */
#ifndef SG_DICTIONARY_MASKS_H
#define SG_DICTIONARY_MASKS_H

#include "scoregap/dictionary.h"

enum { SG_MASKS_SITES = 32, SG_MASKS_MOST = 1 << 20, SG_MASKS_RATE_SITES = 20 };

/*
 * All k-subsets of n sites in ascending order of their bits; the n runs of k sites, cyclically (k = n: one); the blocks
 * of a file, sites of a block a line; all masks but the empty one.  Rates are equal and sum to one, of the last
 * rate^|K| (1 - rate)^(n - |K|), where that is positive.  `loss` goes into messages.
 * Errors: SG_OUT_OF_RANGE (the last: n > SG_MASKS_RATE_SITES; more than SG_MASKS_MOST masks), SG_CANNOT_READ,
 * SG_BAD_DATA, SG_NO_MEMORY; *out is then empty.
 */
SG_MUST_CHECK sg_status sg_masks_subsets(const char *loss, const sg_model *model, int k, sg_site_lists *out);
SG_MUST_CHECK sg_status sg_masks_contiguous(const sg_model *model, int k, sg_site_lists *out);
SG_MUST_CHECK sg_status sg_masks_file(const char *path, const sg_model *model, sg_site_lists *out);
SG_MUST_CHECK sg_status sg_masks_random(const sg_model *model, double rate, sg_site_lists *out);

/* The lists as masks of bits; they are freed, whatever happens.  Errors: SG_OUT_OF_RANGE (n > SG_MASKS_SITES),
 * SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_masks_bits(const sg_model *model, sg_site_lists *lists, sg_site_blocks *out);

/* Sites of the largest block. */
int sg_masks_largest(const sg_site_lists *lists);

#endif
