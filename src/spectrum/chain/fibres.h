/*
 * Fibres of a block of sites: the q^k states that agree outside it.  A fibre is its base, the state with the block in
 * state 0, and offsets that are the same for all.
 */
#ifndef SG_SPECTRUM_CHAIN_FIBRES_H
#define SG_SPECTRUM_CHAIN_FIBRES_H

#include <stdint.h>

enum { SG_FIBRES_SITES = 32 };

typedef struct {
    int q, k, others;                                      /* sites in the block and beside it */
    int64_t count, length;                                 /* of fibres, of states in each */
    int64_t step[SG_FIBRES_SITES], other[SG_FIBRES_SITES]; /* q^site of the sites in the block, beside it */
} sg_fibres;

void sg_fibres_of(int d, int q, uint32_t mask, sg_fibres *fibres);
/* Offsets of the states from `first` on within a fibre, and bases of the fibres from `first` on: [n]. */
void sg_fibres_offsets(const sg_fibres *fibres, int64_t first, int n, int32_t *out);
void sg_fibres_bases(const sg_fibres *fibres, int64_t first, int n, int32_t *out);

#endif
