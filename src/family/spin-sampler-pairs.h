/*
 * Models on finite sets whose log p is a sum over sites and pairs of sites, from their factors: what coupling from the
 * past lives on.
 */
#ifndef SG_FAMILY_SPIN_SAMPLER_PAIRS_H
#define SG_FAMILY_SPIN_SAMPLER_PAIRS_H

#include "scoregap/family.h"

typedef struct {
    int d, q, count;
    int *i, *j;    /* [count] */
    double *table; /* [count][4] log p at states s_i + 2 s_j; q > 2: NULL */
    double *field; /* [d] log p in state 1 less that in state 0, without the pairs; q > 2: NULL */
    double *gain;  /* [count] q > 2: of two sites in the same state */
} sg_spin_pairs;

/* Errors: SG_REFUSED (other factors), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_spin_pairs_new(const sg_model *model, const double *theta, sg_spin_pairs *pairs);
void sg_spin_pairs_free(sg_spin_pairs *pairs);

#endif
