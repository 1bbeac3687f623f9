/*
 * What a loss says of the nodes of the law, folded: triangular factors of tall matrices with one weighted row a node
 * (and a root) and one column a parameter, read through a lens along a chart.  Nodes may be folded in groups, which are
 * then joined: all of them for the answer, all but one for a jackknife.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_FOLD_H
#define SG_ESTIMATE_FOLD_H

#include "estimate/lens.h"

/* Up to so many parameters the worst direction of the Hessian of one datum is looked for among all. */
enum { SG_WHOLE_MOST = 16 };

/* Matrices [m,m] column-major, vectors [m]; sums over the nodes of the group, weighted by their mass. */
typedef struct {
    int m;
    double mass;                   /* of the nodes */
    double *root;                  /* root^T root = sum of roots of the Dirichlet form, squared */
    double *psi, *score;           /* factors of second moments about the group's means */
    double *mean_psi, *mean_score; /* the means */
    double *square_psi;            /* sum psi_j^2 */
    double *noise;                 /* sum of Cov(psi of one draw | datum); zero where the loss draws nothing */
    double *noised;                /* sum of second moments of the score of the noised law; zero without noise */
    double *hessian;               /* sum of the loss's second derivatives, where it has a Hessian of its own */
    double *moment; /* [pairs,pairs] second moments of the packed Hessian of one datum; NULL: m > SG_WHOLE_MOST, or not
                       asked for */
    int draws;      /* psi is the mean of so many draws a datum; 0: of all, or there are none */
    bool own_hessian;
} sg_fold;

/* Folds blocks first .. first + count - 1 of the nodes at theta = the chart's origin, with the moments of Hessians if
 * `bends`.  Allocates; tall tables are freed before it
 * returns. */
SG_MUST_CHECK sg_status sg_fold_new(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                                    const sg_chart *chart, const sg_nodes *nodes, long long first, long long count,
                                    bool bends, sg_fold **rows);
/* All parts but number `skip` (-1: all), as if they had been one group, normalized to mass 1. */
SG_MUST_CHECK sg_status sg_fold_join(int count, sg_fold *const *parts, int skip, sg_fold **rows);
/* The same in other coordinates, delta = whiten delta', [m,m] column-major.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_fold_turn(sg_fold *fold, const double *whiten);
void sg_fold_delete(sg_fold *rows);

/* R^-1 of the Dirichlet rows, at the chart's coordinates: SG_SINGULAR names the direction by parameter names. */
SG_MUST_CHECK sg_status sg_fold_whitening(const sg_model *model, const sg_fold *rows, double *whiten,
                                          double *condition);
/*
 * A root [m,m], root^T root = Cov of psi of a loss with `draws` draws a datum (0: their mean; it is psi where the loss
 * draws nothing).
 */
SG_MUST_CHECK sg_status sg_fold_middle(const sg_fold *rows, int draws, double *root);

/* What theory draws for a loss without a rule: the same for every theta, chart and options, so that designs compare in
 * pairs. */
void sg_fold_draws(const sg_model *model, const sg_loss *loss, sg_stream *stream);

/* max over directions v of E (v'Av)^2 / (v'v)^2 - 1 in whitened coordinates, by ascent from many starts; NaN where
 * there are no moments. */
double sg_fold_worst_hessian(const sg_fold *rows);
/* The same from the second moments of the packed Hessians, [pairs,pairs]; m <= SG_WHOLE_MOST. */
double sg_worst_quartic(int m, const double *moment);

#endif
