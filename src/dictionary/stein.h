/*
 * The Stein kernel of one score on the line: kappa = D S' = -(1/p) int_{-inf}^x p S, with which L S = -S (LYU; NY).
 */
#ifndef SG_DICTIONARY_STEIN_H
#define SG_DICTIONARY_STEIN_H

#include "scoregap/dictionary.h"

enum { SG_STEIN_PARAMETERS = 64 }; /* most parameters of a family: bounds the jets that stand on the stack */

/*
 * D = kappa/S' for the score of parameter `index` alone (sg_model_direction) at theta [full] and its gradient
 * -S/S' - D (s + S''/S'), from panels of p_theta, on which kappa is kept by its Legendre coefficients.  Beyond their
 * ends kappa stays at its value there (any such D is admissible); D is 0 where it would be out of the range of double
 * precision.
 */
typedef struct sg_stein sg_stein;

/*
 * `*stein` is made, or, if not NULL, made anew in its own memory (which grows only when the panels are more than ever
 * before, with slack). After a failure it may only be prepared again or deleted. Errors: SG_REFUSED (S' changes sign),
 * SG_UNDERFLOW (S' or kappa leaves the range of double precision on the panels), SG_NOT_CONVERGED (kappa is not
 * resolved by the panels), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_stein_prepare(const sg_model *model, const double *theta, int index, const sg_panels *panels,
                                         sg_stein **stein);
void sg_stein_delete(sg_stein *stein);
void sg_stein_at(const sg_stein *stein, const sg_block *block, double *D, double *grad_D);

#endif
