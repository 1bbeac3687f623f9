/* A model on two-state sites read as a pairwise one.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_PAIRWISE_H
#define SG_ESTIMATE_PAIRWISE_H

#include "scoregap/estimate.h"

/*
 * Couplings and fields of log p: as the family gives them (sg_family.pairs; up to 1024 sites, where no symmetry says it
 * in two numbers), or from the states with at most two pluses, checked on all states up to 12 sites and on 1024 random
 * ones beyond; above 64 sites from the classes of a symmetry under all permutations.  *is: the law is
 * pairwise; otherwise `why` says what it is.  J and h are the caller's to free by sg_delete (both in J's block).
 */
typedef struct {
    bool is;
    char why[128];
    sg_pairwise model;
    double *memory;
} sg_pairwise_reading;
SG_MUST_CHECK sg_status sg_pairwise_read(const sg_model *model, sg_pairwise_reading *out);

#endif
