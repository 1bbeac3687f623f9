/*
 * Normal equations of score matching with diagonal D on a family of pairs of coordinates (sg_interactions).  The part
 * of coordinate j of the loss, D_j ((d_j log p)^2/2 + d_jj log p) + (div D)_j d_j log p, sees the parameters
 * theta_j = (K_j., eta_j) alone, since
 *     d_j log p = -g'_j sum_k K_jk g_k + eta_j v'_j,   d_jj log p = -g''_j sum_k K_jk g_k - K_jj g'_j^2 + eta_j v''_j:
 * a quadratic 1/2 theta_j' A_j theta_j + b_j' theta_j (YDS) with means over the data
 *     A_j(k,l) = D_j g'_j^2 g_k g_l,   A_j(k,eta) = -D_j g'_j v'_j g_k,   A_j(eta,eta) = D_j v'_j^2,
 *     b_j(k) = -(D_j g''_j + div_j g'_j) g_k - [k = j] D_j g'_j^2,   b_j(eta) = D_j v''_j + div_j v'_j.
 * The A_j are one product of all pairs g_k g_l with the d weights D_j g'_j^2: n d^2 (d + 1) flops.
 * Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_COORDINATE_SUMS_H
#define SG_ESTIMATE_COORDINATE_SUMS_H

#include "scoregap/dictionary.h"

typedef struct {
    int d;
    bool linear; /* are there eta? */
    size_t pairs;
    double *gram;   /* [pairs][d] column-major: A_j of pair (k,l), l <= k, at k(k+1)/2 + l + j pairs */
    double *cross;  /* [d,d] column-major: A_j(k, eta) at k + j d */
    double *square; /* [d] A_j(eta, eta) */
    double *slope;  /* [d,d] column-major: b_j(k) at k + j d */
    double *shift;  /* [d] b_j(eta) */
    int filled;     /* data in the chunk */
    double *g, *weight, *mixed, *bend; /* [d][SG_COORDINATE_CHUNK] g, D g'^2, -D g' v', -(D g'' + div g') */
    double *product;                   /* [SG_COORDINATE_PANEL][SG_COORDINATE_CHUNK] */
} sg_coordinate_sums;

enum { SG_COORDINATE_CHUNK = 2 * SG_BLOCK, SG_COORDINATE_PANEL = 256 };

/* Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_coordinate_sums_new(int d, bool linear, sg_coordinate_sums **sums);
void sg_coordinate_sums_delete(sg_coordinate_sums *sums);
void sg_coordinate_sums_clear(sg_coordinate_sums *sums);
/*
 * Adds the first n points of a block with D_j and (div D)_j [d][SG_BLOCK] (div NULL: 0).  The sums are complete after
 * sg_coordinate_sums_end, which divides by `count`.  Nothing is allocated; data are added in order.
 */
void sg_coordinate_sums_add(sg_coordinate_sums *sums, int n, const sg_interactions *f, const double *D,
                            const double *div);
void sg_coordinate_sums_end(sg_coordinate_sums *sums, double count);

#endif
