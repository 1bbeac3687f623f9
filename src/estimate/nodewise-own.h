/* Inside node-wise fits. */
#ifndef SG_ESTIMATE_NODEWISE_OWN_H
#define SG_ESTIMATE_NODEWISE_OWN_H

#include "estimate/nodewise.h"

/* A feature is -2 x_i (alpha + gamma x_site) at the site i to which it belongs; site = d: gamma is 0. */
typedef struct {
    double alpha, gamma;
    int site;
} sg_nodewise_feature;

enum { SG_NODEWISE_DONE, SG_NODEWISE_FULL, SG_NODEWISE_CHORD, SG_NODEWISE_SINGULAR, SG_NODEWISE_SEPARATED };

/* Arrays "of all sites" have first[d] entries, or square[d] for a matrix a site. */
struct sg_nodewise {
    const sg_model *model;
    const sg_row *row;
    int d, m, widest;
    int *first;                              /* [d + 1] of each site's parameters */
    int *list;                               /* of all sites: free parameters */
    size_t *square;                          /* [d + 1] of each site's matrix */
    double *share;                           /* [m] 1 / number of sites */
    sg_nodewise_feature *feature;            /* of all sites */
    int *stage;                              /* [d] */
    double *theta, *trial, *step, *gradient; /* of all sites */
    double *hessian, *inverse;               /* matrices of all sites */
    double *slope, *length, *size;           /* [d] of the line search: first derivative, fraction of the step, step */
    double *lowest, *highest;                /* [d] what the step does to the log-ratios */
    double *a, *b, *c;                       /* [widest,widest] */
    double *joint;                           /* [m,m] */
    double *start;                           /* [full] */
    /* states */
    sg_weighted_states states;
    sg_gathered *gathered; /* of sources that are not */
    long long room;        /* data it was made for */
    sg_block block;
    double weight[SG_BLOCK];
    /* sums */
    double *fixed, *field, *mean; /* [d][d + 1] each; fixed: fields of the parameters that are not free */
    sg_four *memory;              /* of sums: for every four sites, and for every site with every four up to it */
    double *x, *x_low;            /* of a chunk */
    sg_four *slopes, *bends;      /* [chunk][fours of sites] */
    double *scratch, *moment;     /* moment [d+1,d+1] */
};

static inline int sg_nodewise_fours(int sites) {
    return (sites + 3) / 4;
}
/* Sets of sums. */
static inline int sg_nodewise_sets(int sites) {
    int sets = sg_nodewise_fours(sites);
    for (int i = 0; i < sites; i++) sets += sg_nodewise_fours(i + 1);
    return sets;
}
static inline int sg_nodewise_parameters(const sg_nodewise *w, int site) {
    return w->first[site + 1] - w->first[site];
}
static inline bool sg_nodewise_active(const sg_nodewise *w, int site) {
    return w->stage[site] == SG_NODEWISE_FULL || w->stage[site] == SG_NODEWISE_CHORD;
}

bool sg_nodewise_may(const sg_model *model);
/* Features of all sites, and fields of the parameters that are not free; *pairwise: the model has no others. */
SG_MUST_CHECK sg_status sg_nodewise_read(sg_nodewise *w, bool *pairwise);
/* Reads all points once. */
SG_MUST_CHECK sg_status sg_nodewise_load(sg_nodewise *w, const sg_source *source);

/* Means over the states at w->trial for active sites: gradient, and hessian [t,t] in stage FULL. */
void sg_nodewise_sums(sg_nodewise *w);
/* lowest and highest change of the log-ratio of each active site along w->step. */
void sg_nodewise_reach(sg_nodewise *w);
/* At w->theta: w->inverse of the Hessian of each site, and w->joint, the mean product of the influences.  SG_SINGULAR.
 */
SG_MUST_CHECK sg_status sg_nodewise_middle(sg_nodewise *w);
/* Inverse of w->hessian of a site.  SG_SINGULAR. */
SG_MUST_CHECK sg_status sg_nodewise_invert(sg_nodewise *w, int site);

#endif
