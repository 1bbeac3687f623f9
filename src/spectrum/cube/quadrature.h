/*
 * The spectral measure of a vector v, sum over eigenvalues l of A of |P_l v|^2 at l, by Gauss' quadrature: k steps of
 * Lanczos' process from v give k Ritz values with weights that have the measure's first 2 k moments (Golub and Welsch
 * 1969).
 */
#ifndef SG_SPECTRUM_CUBE_QUADRATURE_H
#define SG_SPECTRUM_CUBE_QUADRATURE_H

#include "krylov.h"

typedef struct {
    int steps, count;               /* of the process; Ritz values that have a weight */
    double *value, *weight, *error; /* [count] ascending; error: estimated, of converged values */
    double *alpha, *beta;           /* [steps], [steps + 1] the tridiagonal matrix, beta[0] = 1 */
    int known;                      /* the first `known` have converged */
    double limit;                   /* what has not converged lies above; INFINITY: all has converged */
    double moment[3];               /* <v, v>, <v, A v>, <A v, A v>, v without its part along null */
    double top;                     /* of the spectrum that v sees, from above (estimated) */
} sg_quadrature;
/* No measure with these 2 steps moments has more than this at a point: Christoffel's function (Szego 1939, 3.4). */
double sg_quadrature_most(const sg_quadrature *quadrature, double value);
void sg_quadrature_clear(sg_quadrature *quadrature); /* allowed on a zeroed one */

/*
 * From start [n], at most `most` steps, until `count` of the least values have converged: residual below 1e-6 of the
 * distance to the next, so that value and weight are known to its square, 1e-12.  Values within 1e-9 of the top are
 * one.  Two vectors [n] and a dozen numbers a step of memory; the same bits for every number of threads.  count = 0:
 * the start is a multiple of null.  Errors: SG_NO_MEMORY, SG_STOPPED, SG_OUT_OF_RANGE (rates overflow),
 * SG_NOT_CONVERGED (LAPACK).
 */
SG_MUST_CHECK sg_status sg_lanczos_quadrature(const sg_lanczos *problem, const double *start, int most, int count,
                                              sg_quadrature *out);

#endif
