/*
 * What losses on noised data share: how far apart the modes of a law are, and rules for expectations over the noise.
 */
#ifndef SG_DICTIONARY_NOISED_H
#define SG_DICTIONARY_NOISED_H

#include "family/round.h"
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
 * A rule for E f(x + s Z), Z standard normal in R^d, any s, whose points depend on the datum x: on the line Hermite's,
 * for any law.  For laws that are round about a line (family/round.h) Hermite's along the line and sg_round_rule across
 * it, for functions of the place along the line and of the squared distance from it, exact up to the second degree in
 * the latter.
 */
typedef struct {
    int n, across; /* points, of which `across` stand at each along the line; n = 0: there is no rule for this law */
    double *weight;
    sg_hermite along;
    sg_round round;
    sg_round_rule beside;
} sg_noise_rule;
/* For the law of the model at theta; `points` of Hermite's rule.  Errors: SG_NO_MEMORY, SG_INTERNAL. */
SG_MUST_CHECK sg_status sg_noise_rule_new(const sg_model *model, const double *theta, int points, sg_noise_rule *rule);
void sg_noise_rule_free(sg_noise_rule *rule);
/* Point k for all data of the block, z [d][SG_BLOCK]. */
void sg_noise_rule_at(const sg_noise_rule *rule, int k, const sg_block *data, double *z);
/* Is there a rule for this model at its truth?  `what` needs one, `instead` does not.  Errors: SG_MISFIT, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_noise_rule_fits(const char *what, const sg_model *model, const char *instead);

/*
 * The smallest eigenvalue of the components' covariances and the largest squared distance of their means, of a law that
 * is a mixture of normals (sg_family.components).  Errors: SG_MISFIT, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_noised_scales(const sg_model *model, const double *theta, double *lambda, double *diameter2);

/* Reads draws=: a whole number from 1, written back in its shortest form, or inf, which is 0.  Errors: SG_OUT_OF_RANGE.
 */
SG_MUST_CHECK sg_status sg_noised_draws(const char *loss, char text[SG_TEXT], int *draws);

#endif
