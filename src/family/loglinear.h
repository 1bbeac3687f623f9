/*
 * A log-linear model as its file describes it: log p(x) = sum of terms, each theta_a times a product of spins, or times
 * the indicator that some sites are in given states, none of them state 0.
 */
#ifndef SG_FAMILY_LOGLINEAR_H
#define SG_FAMILY_LOGLINEAR_H

#include "family/codes.h"

typedef struct {
    int n, q;
    int terms, entries; /* entries: the sites of all terms together */
    int *start;         /* [terms + 1] of a term's entries */
    int *site;          /* [entries] ascending within a term */
    int *state;         /* [entries] 1 .. q-1 of an indicator; 0: a product of spins */
    double *value;      /* [terms] theta */
} sg_loglinear_terms;

/*
 * Reads a file, or with `path` NULL the usual model.  Terms are in ascending order of their number of sites, then of
 * their sites, then of their states.
 *
 *     n: 4
 *     q: 3
 *     cliques:
 *       - {sites: [0, 1], table: [.5, 0, 0, 0, .5, 0, 0, 0, .5]}
 *       - {sites: [2], table: [0, .1, .2]}
 *
 * A table holds log p of the q^k states of its sites, that of the first site changing fastest; tables add up.  Its
 * parameters are differences to state 0 (the corner-point constraints): for each subset of its sites and states 1 ..
 * q-1 there, the alternating sum over putting sites of the subset back into state 0, other sites in state 0.  They are
 * all identified, and a constant is dropped.  With two states a clique may have `weight: w` in place of a table, the
 * term w times the product of its spins; its sites must not all lie in one table.
 *
 * Errors: SG_CANNOT_READ; SG_BAD_SYNTAX, SG_BAD_TYPE, SG_OUT_OF_RANGE, SG_UNKNOWN, SG_BAD_DATA with the place in front;
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_loglinear_read(const char *path, sg_loglinear_terms *terms);
void sg_loglinear_free(sg_loglinear_terms *terms);

/* sg_family.factors.  Errors: SG_REFUSED (a term of too many sites, too many terms), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_loglinear_factors(const sg_model *model, const sg_loglinear_terms *terms,
                                             const double *theta, sg_factors **factors);

#endif
