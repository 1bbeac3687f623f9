/*
 * The integral operator on the circle: for closed g = f' (int g = 0)
 *     (T g)(x) = (c - int^x p (f - E f)) / (D p),    c fixed by int T g = 0,
 * bounded, symmetric and positive in the inner product int D p g h, with T g = g/lambda for eigenfunctions f of -L. Its
 * largest eigenvalues have relative accuracy, however small the gap, but no positive kernel singles out the first one.
 *
 * The circle is opened where 1/(D p) is largest: there both integrals start from zero.  Functions are u = sqrt(weight D
 * p) g, so that the inner product is Euclid's.
 */
#ifndef SG_SPECTRUM_CIRCLE_OPERATOR_H
#define SG_SPECTRUM_CIRCLE_OPERATOR_H

#include "scoregap/numeric.h"

#define SG_CIRCLE_DEEPEST 500 /* depth of p and D p below their largest value */

typedef struct {
    const sg_panels *panels; /* borrowed */
    int n, count;
    int start;         /* the panel from which integrals run */
    int turn;          /* panels from the start to that with the largest p: beyond, integrals run from the other side */
    double *p, *mass;  /* [n] density, and times the weight; sums to 1 */
    double *root;      /* [n] sqrt(weight D p) */
    double *inverse;   /* [n] 1/(D p) */
    double *raised;    /* [n] 1 where p or D p was raised, else 0 */
    double resistance; /* int 1/(D p) */
    double *g, *f, *h; /* [n] scratch */
} sg_circle_operator;

/*
 * Panels must cover the whole circle (both ends closed).  log_d [n] or NULL.  Errors: SG_NO_MEMORY; SG_REFUSED where D
 * p is not positive and finite, or an end of the panels is a cut.
 */
SG_MUST_CHECK sg_status sg_circle_operator_new(const sg_panels *panels, const double *log_d, sg_circle_operator **op);
void sg_circle_operator_delete(sg_circle_operator *op);

/* out = T u; out may be u. */
void sg_circle_operator_apply(sg_circle_operator *op, const double *u, double *out);

/* The function of mean zero whose derivative g belongs to u; f and g [n]. */
void sg_circle_operator_function(sg_circle_operator *op, const double *u, double *f, double *g);

#endif
