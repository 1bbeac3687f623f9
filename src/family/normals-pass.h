/*
 * What every member of a jet of a mixture of normals is made of, at SG_LANES points at a time (normals.h has the
 * formulas).
 */
#ifndef SG_FAMILY_NORMALS_PASS_H
#define SG_FAMILY_NORMALS_PASS_H

#include "family/normals.h"

enum {
    SG_LANES = 16,
    SG_NORMALS_Z = SG_NORMALS_D + 1,
    SG_NORMALS_PAIRS = SG_NORMALS_Z * (SG_NORMALS_Z + 1) / 2,
};
typedef double sg_lanes[SG_LANES];
/* Left alone, gcc takes loops of 16 apart before it can make vectors of them. */
#define SG_EACH_LANE(i) _Pragma("omp simd") for (int i = 0; i < SG_LANES; i++)

typedef struct {
    const sg_normals *law;
    int d, z, pairs; /* z = d, or d + 1 with t; second derivatives in z that are kept */
    bool heat, logp_wanted;
    unsigned char row[SG_NORMALS_PAIRS], column[SG_NORMALS_PAIRS]; /* of the second derivatives */
    double weight[SG_COMPONENTS];
    const double *mean;                         /* [count][d] */
    double turned[SG_COMPONENTS][SG_NORMALS_D]; /* along the axes of the covariance of the component */
    /* At the points, by component. */
    _Alignas(SG_ALIGN) sg_lanes h[SG_COMPONENTS][SG_NORMALS_D];                /* eigenvalues of P */
    sg_lanes y[SG_COMPONENTS][SG_NORMALS_D];                                   /* x - mu along the axes */
    sg_lanes u[SG_COMPONENTS][SG_NORMALS_D];                                   /* P (x - mu) */
    sg_lanes u2[SG_COMPONENTS][SG_NORMALS_D], u3[SG_COMPONENTS][SG_NORMALS_D]; /* P^2 and P^3, with heat */
    sg_lanes log_phi[SG_COMPONENTS];                                           /* up to d log(2 pi)/2 */
    sg_lanes r[SG_COMPONENTS], R[SG_COMPONENTS], rest[SG_COMPONENTS];          /* rest = 1 - r */
    sg_lanes g[SG_COMPONENTS][SG_NORMALS_Z];
    sg_lanes C[SG_NORMALS_PAIRS];
    sg_lanes logp; /* if wanted */
} sg_normals_pass;

/* What is the same for all points of a block. */
void sg_normals_open(const sg_normals *law, const double *theta, bool heat, bool diagonal, sg_normals_pass *p);
/* Responsibilities and all of order 0 at points first .. of the block. */
void sg_normals_load(sg_normals_pass *p, const sg_block *block, int first);
/* g, and C where `bends`. */
void sg_normals_slopes(sg_normals_pass *p, bool bends);

/* d_a l_k, and its second derivative e. */
void sg_normals_slope(const sg_normals_pass *p, int k, int a, double *out);
void sg_normals_bend(const sg_normals_pass *p, int k, int e, double *out);
/* delta [z]: d_a l_k - d_a l_j; the same of second derivatives: false where that is 0. */
void sg_normals_slopes_between(const sg_normals_pass *p, int k, int j, sg_lanes *delta);
bool sg_normals_bend_between(const sg_normals_pass *p, int k, int j, int e, double *out);
/* G^k of second derivative e. */
void sg_normals_ratio_bend(const sg_normals_pass *p, int k, int e, double *out);
/* R_j - R_K, K the last component. */
void sg_normals_weight_row(const sg_normals_pass *p, int j, double *out);
/* (P^power)_ab of component k, power 1 to 3; false where that is 0. */
bool sg_normals_precision(const sg_normals_pass *p, int k, int power, int a, int b, double *out);

#endif
