/*
 * Extreme eigenpairs of a symmetric operator by ARPACK's restarted Lanczos method, where the operator is a function:
 * (A - shift)^-1 by a factorization, or a product with a matrix that is nowhere stored.
 */
#ifndef SG_SPECTRUM_ARPACK_H
#define SG_SPECTRUM_ARPACK_H

#include "scoregap/base.h"

/* y = A x, both [n], y not overlapping x.  An error ends the iteration and is returned. */
typedef sg_status sg_arpack_apply(void *context, const double *x, double *y);

typedef struct {
    int n;
    int count;   /* eigenpairs, those of the largest eigenvalues (`smallest`: of the smallest), 1 <= count < n */
    int vectors; /* of the Krylov space, count + 1 .. n; 0: max(2 count + 1, 20), at most n */
    int most;    /* restarts; 0: 300 */
    double tol;  /* of a Ritz value, relative to it; 0: rounding */
    bool smallest;
    const double *start; /* [n]; NULL: a fixed vector without pattern */
    const volatile int *stop;
} sg_arpack_settings;

/*
 * value [count] in the order of extremeness (the most extreme first), vector [count][n] orthonormal (may be NULL), and
 * how many products it took (may be NULL).  To deflate a known vector, let `apply` project it out and `start` be free
 * of it.  Equal arguments give equal bits.  ARPACK keeps its state in static variables: one lock holds for the whole
 * solve, `apply` included, so `apply` must not call this.  Memory: n (vectors + 5) numbers.
 * Errors: SG_OUT_OF_RANGE, SG_NOT_CONVERGED, SG_STOPPED, SG_NO_MEMORY, those of `apply`.
 */
SG_MUST_CHECK sg_status sg_arpack_symmetric(const sg_arpack_settings *settings, sg_arpack_apply *apply, void *context,
                                            double *value, double *vector, int *products);

#endif
