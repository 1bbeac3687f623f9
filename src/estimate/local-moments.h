/*
 * Moments of sums over local terms (local-terms.h).  Since E[psi_t | the sites outside K_t] = 0, E psi_t psi_s^T is
 * zero unless each of the terms t, s sees sites of the other's block, and E S psi_t^T is that of the factors of the
 * term: means of functions of few sites give everything but Cov S.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_LOCAL_MOMENTS_H
#define SG_ESTIMATE_LOCAL_MOMENTS_H

#include "estimate/local-terms.h"
#include "family/elimination.h"

/*
 * psi_t is here T_t rate L_K S of the term's parameters, T_t the identity, or, where estimates of sites are averaged,
 * the inverse of the site's own H over the number of sites of each parameter: the sum is then the influence, and H
 * times it is psi.
 */
typedef struct {
    const sg_local_terms *terms;
    sg_elimination_law *law;
    sg_elimination_sites *sites;
    sg_local_tables tables;
    int m, bends;    /* bends: of the Hessian of a datum, the packed pairs where m <= 2, otherwise the diagonal */
    double *p;       /* [largest] the law of a term */
    double *h;       /* [m,m] the Dirichlet matrix */
    double *cross;   /* [m,m] E S psi^T */
    double *cov_psi; /* [m,m] */
    double *mean;    /* [m] E psi */
    size_t *at;      /* [terms] where its matrix is in: */
    double *turn;    /* T_t, column-major; NULL: the identity */
    double *turned;  /* [widest][largest] psi_t */
} sg_local_moments;

/* h, cross and mean.  Errors: SG_REFUSED (no narrow order), SG_SINGULAR (averaged: a site that does not tell its
 * parameters apart), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_local_moments_new(const sg_local_terms *terms, sg_local_moments **moments);
void sg_local_moments_delete(sg_local_moments *moments);

/* Tables of a term: moments->tables, with psi_t in moments->turned. */
void sg_local_moments_look(sg_local_moments *moments, const sg_local_term *term);
/*
 * Of the term that was looked at: its part of the bends v'Av, A the Hessian of psi: which of them, and out
 * [bends][entries]; returns how many.
 */
int sg_local_moments_bends(const sg_local_moments *moments, const sg_local_term *term, int *which, double *out);

/* cov_psi by pairs of terms.  Errors: SG_REFUSED (two terms see more than 2^22 states), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_local_moments_pairs(sg_local_moments *moments);
/* How many entries are gone through for it; INFINITY: it is refused. */
double sg_local_moments_work(sg_local_moments *moments);

/* Influences become psi = H influence, in cov_psi, cross and mean. */
SG_MUST_CHECK sg_status sg_local_moments_finish(sg_local_moments *moments);

#endif
