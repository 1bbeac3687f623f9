/* One pass over the data of a source: means of what the row says of each point.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_PASS_H
#define SG_ESTIMATE_PASS_H

#include "estimate/lens.h"

/* Means over the data, packed pairs (j,k), k <= j. */
typedef struct {
    double value;
    double *psi;       /* [m] */
    double *curvature; /* [m(m+1)/2]: of the row, or the Gram matrix of its roots where the row gives no curvature */
    double *psi2;      /* [m(m+1)/2] of psi_j psi_k */
} sg_pass_means;

enum { SG_PASS_SQUARES = 1 << 16 }; /* with SG_PSI: also psi2 */

SG_MUST_CHECK sg_status sg_pass_means_new(int m, sg_pass_means *means);
void sg_pass_means_clear(sg_pass_means *means);

/* `want`: SG_VALUE, SG_PSI, SG_ROOT (Gram; of losses that draw SG_DIRICHLET), SG_CURVATURE, SG_PASS_SQUARES.  No
 * allocation; blocks are added in order. Finite sets: `local` is that of the free parameters, and the means are along
 * the chart. */
void sg_pass(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
             const sg_source *source, int want, sg_pass_means *means);

/*
 * Once a fit, before its first pass: gathers or keeps what its loss draws for the data, which is the same in every
 * pass. Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_pass_open(sg_lens *lens, const sg_prepared *prepared, const sg_source *source);
/* Finite sets: the data in the form that suits the lens, with what its loss draws for them. */
long long sg_pass_blocks(const sg_lens *lens, const sg_source *source);
/* Block b in lens->block. */
void sg_pass_block(sg_lens *lens, const sg_prepared *prepared, const sg_source *source, long long b);

/* Gram matrix of the roots by triangular updates: for data so uneven that sums of squares lose the small directions.
 * `stack`: (SG_BLOCK*roots + m)*m doubles, `work`: sg_qr_work of those rows.  factor^T factor = sum over the data. */
SG_MUST_CHECK sg_status sg_pass_fold(sg_lens *lens, const sg_prepared *prepared, const sg_local *local,
                                     const double *theta, const sg_source *source, double *stack, double *work,
                                     double *factor);

#endif
