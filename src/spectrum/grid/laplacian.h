/*
 * Small problems of the exchange between wells, to relative accuracy.
 */
#ifndef SG_SPECTRUM_LAPLACIAN_H
#define SG_SPECTRUM_LAPLACIAN_H

#include "capacity.h"

typedef double sg_square[SG_WELLS][SG_WELLS];

/*
 * L = U' D U, the Laplacian of the conductances grounded at the last well: elimination without subtraction, the
 * diagonal being the sum of what leaves.  Gives U^-1, whose entries are in [0, 1], and D; L^-1 itself would bury the
 * small relaxation times among large ones.
 * w [m][m] and out [m], the conductances to each other and to the last well, are overwritten.
 */
void sg_laplacian_eliminate(int m, sg_square w, double *out, sg_square inverse, double *diagonal);

/* Lower triangular r with r r' = c. */
void sg_square_root(int m, sg_square c, sg_square r);

#endif
