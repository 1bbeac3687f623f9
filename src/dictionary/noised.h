/*
 * What losses on noised data share: how far apart the modes of a law are, and rules for expectations over the noise.
 */
#ifndef SG_DICTIONARY_NOISED_H
#define SG_DICTIONARY_NOISED_H

#include "scoregap/dictionary.h"

/* Points and weights of Gauss and Hermite's rule for E f(Z), Z standard normal; weights sum to 1, and those below 1e-19
 * are left out. */
typedef struct {
    int n;
    double *z, *weight; /* [n] */
} sg_hermite;
/* Errors: SG_NO_MEMORY, SG_INTERNAL. */
SG_MUST_CHECK sg_status sg_hermite_new(int n, sg_hermite *rule);
void sg_hermite_free(sg_hermite *rule);

/*
 * The smallest eigenvalue of the components' covariances and the largest squared distance of their means, of a law that
 * is a mixture of normals (sg_family.components).  Errors: SG_MISFIT, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_noised_scales(const sg_model *model, const double *theta, double *lambda, double *diameter2);

/* Reads draws=: a whole number from 1, written back in its shortest form, or inf, which is 0.  Errors: SG_OUT_OF_RANGE.
 */
SG_MUST_CHECK sg_status sg_noised_draws(const char *loss, char text[SG_TEXT], int *draws);

/* The inverse distribution function of log(1 + beta) under r, for draws.  Errors: those of panels and their table. */
SG_MUST_CHECK sg_status sg_noised_inverse(const sg_lift *lift, sg_inverse **inverse);

#endif
