/*
 * Sparse symmetric positive semidefinite matrices and their Cholesky factors (CHOLMOD).
 */
#ifndef SG_SPECTRUM_SPARSE_H
#define SG_SPECTRUM_SPARSE_H

#include "scoregap/base.h"

typedef struct sg_sparse sg_sparse;

/* Room for `entries` calls of sg_sparse_add, which adds v at (i,j) and (j,i) (once when i == j; every i == j must
 * occur); then sg_sparse_close.
 */
SG_MUST_CHECK sg_status sg_sparse_new(int n, size_t entries, sg_sparse **matrix);
void sg_sparse_add(sg_sparse *matrix, int i, int j, double v);
SG_MUST_CHECK sg_status sg_sparse_close(sg_sparse *matrix);
void sg_sparse_delete(sg_sparse *matrix);

/* y = A x */
void sg_sparse_multiply(const sg_sparse *matrix, const double *x, double *y);
double sg_sparse_norm(const sg_sparse *matrix); /* max row sum of |A|: bounds the eigenvalues */
/* block [count][count], symmetric: the rows and columns of these nodes. */
SG_MUST_CHECK sg_status sg_sparse_block(const sg_sparse *matrix, int count, const int *node, double *block);

/*
 * Factor of A + shift M (mass; NULL for 1, else filled by the same sequence of i and j), rows and columns of the
 * `grounded` nodes replaced by those of 1.  The ordering is found once and kept.  Where A + shift M is not positive
 * definite to working precision, that of a matrix whose diagonal is larger by 1e-13 or 1e-11 of itself: it serves for
 * functions of which a Rayleigh quotient is taken.  Errors: SG_NO_MEMORY (the factor takes more than `memory` bytes:
 * nothing was computed), SG_SINGULAR.
 */
SG_MUST_CHECK sg_status sg_sparse_factor(sg_sparse *matrix, double shift, const sg_sparse *mass, int grounded,
                                         const int *ground, size_t memory);
/* The bytes that the factor takes; finds the ordering. */
SG_MUST_CHECK sg_status sg_sparse_factor_bytes(sg_sparse *matrix, size_t *bytes);
/* x = (factored matrix)^-1 b for `columns` vectors one after the other; the two may be the same. */
SG_MUST_CHECK sg_status sg_sparse_solve(sg_sparse *matrix, int columns, const double *b, double *x);

#endif
