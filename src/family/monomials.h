/*
 * All monomials of total degree 1 to `degree` in d variables: by degree, and within a degree the earlier variables'
 * powers first (x1^2, x1 x2, x2^2).  C(d + degree, degree) - 1 of them.
 */
#ifndef SG_FAMILY_MONOMIALS_H
#define SG_FAMILY_MONOMIALS_H

#include "scoregap/family.h"

enum { SG_MONOMIALS_MOST = 1000 };

/* One block of memory. */
typedef struct {
    int d, degree, count;
    int *lower;     /* [count][d] which monomial is left when one power of a variable is taken, counted from 1; 0: the
                       constant 1; -1: there is no such power */
    uint8_t *power; /* [count][d] */
} sg_monomials;

/* How many there are, as a double. */
double sg_monomials_count(int d, int degree);
/* Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_monomials_new(int d, int degree, sg_monomials **monomials);
/* The index of the monomial with these powers [d], -1: none. */
int sg_monomials_find(const sg_monomials *m, const uint8_t *power);
/*
 * Statistics and their derivatives as in a jet (NULL: not wanted), and the derivatives of
 * sum_j theta_j f_j - sum_a x_a^(degree + 1), at n points of a block.  Vectorized, nothing allocated.
 */
void sg_monomials_jet(const sg_monomials *m, const double *theta, const sg_block *block, sg_jet *out);

#endif
