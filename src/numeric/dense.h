/* What the files of this module share about small dense matrices, column-major. */
#ifndef SG_NUMERIC_DENSE_H
#define SG_NUMERIC_DENSE_H

#include "scoregap/numeric.h"

enum { SG_DENSE_STACK = 64, SG_DENSE_BLOCK = 32 }; /* largest m whose workspace is automatic; LAPACK's block size */

/* Power of two that brings x > 0 into [1/2, 1), within the range where it and its inverse are normal numbers; 1 for 0.
 */
double sg_dense_power(double x);

/* SG_BAD_DATA naming the entry when one is not finite; `what` goes into the message. */
SG_MUST_CHECK sg_status sg_dense_check(int rows, int m, const double *a, const char *what);

/*
 * Inverse and condition of sg_invert with the limit and the workspace (sg_dense_invert_work(m) doubles) given by the
 * caller; nothing is allocated.  `condition` is the product of 1-norms after the scaling of the columns.
 */
size_t sg_dense_invert_work(int m);
SG_MUST_CHECK sg_status sg_dense_invert(int m, const double *a, double limit, double *inverse, double *condition,
                                        double *work);

/* Lower triangle of a, symmetric: eigenvalues ascending; a becomes the vectors.  `work`: sg_dense_eigen_work(m)
 * doubles. */
size_t sg_dense_eigen_work(int m);
SG_MUST_CHECK sg_status sg_dense_eigen(int m, double *a, double *values, double *work);

#endif
