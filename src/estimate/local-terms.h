/*
 * Losses on finite sets as sums over local terms.  A term moves the sites of a block K given the others: it is made of
 * the factors that have a site in K, and sees K and the sites that these tie to it.  With L_K the part of the generator
 * that moves K, rate L_K S is a function of these sites, and E[L_K S | the sites outside K] = 0.  Internal to the
 * estimate module.
 */
#ifndef SG_ESTIMATE_LOCAL_TERMS_H
#define SG_ESTIMATE_LOCAL_TERMS_H

#include "scoregap/estimate.h"

/* Tables over a term: entry sum_k s_k q^k where site[k] is in state s_k; `entries` = q^sites of them. */
typedef struct {
    int sites, block, count; /* sites it sees; of them in K, which stand first; free parameters that it touches */
    const int *site, *free;
    double rate;
    size_t entries;
} sg_local_term;

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_factors *own; /* log p and the statistics of the free parameters, at the truth */
    sg_prepared *prepared;
    bool flips;    /* K is a site, with moves at rates; otherwise K is drawn given the rest */
    bool averaged; /* estimates of sites are averaged */
    int count;
    sg_local_term *term;
    int widest;          /* parameters of a term, at most */
    size_t largest;      /* entries of a table, at most */
    int *start, *meets;  /* [d + 1] factors with each site */
    int *first, *owner;  /* [d + 1] terms with each site in K */
    int *lists;          /* of all terms */
    sg_site_lists masks; /* what the loss draws; none: it draws nothing */
} sg_local_terms;

/*
 * Blocks fall apart where no factor joins their sites, and equal ones become one at the sum of their rates; terms that
 * touch no free parameter are left out.  Errors: SG_REFUSED (a family without factors, a term of more than 2^20
 * entries, more than 1024 free parameters), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_local_terms_new(const sg_model *model, const sg_loss *loss, sg_local_terms **terms);
void sg_local_terms_delete(sg_local_terms *terms);

/* Room for the tables of any term, and what they are; one a thread. */
typedef struct {
    double *weight; /* [entries] log p of the factors of the term */
    double *score;  /* [count][entries] their statistics */
    double *psi;    /* [count][entries] rate L_K S */
    double *form;   /* [pairs][entries] rate Gamma_K(S_j, S_k), k <= j, at j (j + 1)/2 + k */
    double *bend;   /* [pairs][entries] second derivatives of the loss of one datum over c; may be `form` */
} sg_local_tables;
SG_MUST_CHECK sg_status sg_local_tables_new(const sg_local_terms *terms, sg_local_tables *tables);
void sg_local_tables_free(const sg_local_terms *terms, sg_local_tables *tables);
void sg_local_tables_fill(const sg_local_terms *terms, const sg_local_term *term, sg_local_tables *tables);

#endif
