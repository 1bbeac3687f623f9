/*
 * Jets of mixtures of two normal laws of one round covariance, where everything that is not a polynomial in x is a
 * function of one number, T = log phi_1/phi_2 = h (mu_1 - mu_2) . (x - (mu_1 + mu_2)/2), h = 1/(variance + t).
 */
#ifndef SG_FAMILY_NORMALS_TWO_H
#define SG_FAMILY_NORMALS_TWO_H

#include "family/normals.h"

/* Is the law such a mixture? */
static inline bool sg_normals_are_two(const sg_normals *law) {
    return law->count == 2 && law->round && law->shared;
}

/* What sg_normals_jet does, some two to five times as fast; nothing is allocated, 200 kB of stack. */
void sg_normals_two_jet(const sg_normals *law, const double *theta, const sg_block *block, bool heat, sg_jet *jet);

#endif
