/* Maximizing Ent(f^2)/(2 E(f,f)) over the span of the constant and orthonormal eigenfunctions. */
#ifndef SG_SPECTRUM_LOG_SOBOLEV_H
#define SG_SPECTRUM_LOG_SOBOLEV_H

#include "scoregap/entropy.h"

/*
 * f = a + sum_k d_k (lambda_1/lambda_k)^{1/2} phi_k, so that E(f,f) = lambda_1 |d|^2 and the quotient is Ent(f^2)/(2
 * |d|^2) in units of C_P = 1/lambda_1.  An x [count + 1] is (a, d).
 */
typedef struct sg_entropy_space {
    int nodes, count;
    const double *mass;     /* [nodes] */
    const double *scale;    /* [count] (lambda_1/lambda_k)^{1/2} */
    const double *function; /* [count][nodes] */
    double *f, *slope;      /* [nodes] scratch */
    int iterations;         /* in and out: added to */
} sg_entropy_space;

/* f [nodes] of x. */
void sg_entropy_function(const sg_entropy_space *space, const double *x, double *f);
/* Ent(f^2) under the masses, every term of the sum positive; E f^2 in *size. */
double sg_entropy_of(int nodes, const double *mass, const double *f, double *size);
/* The quotient at x, in units of C_P. */
double sg_entropy_quotient(sg_entropy_space *space, const double *x);
/* Climbs from x; *ratio gets the larger of 1 and the quotient reached.  It gives up when `best`, the largest known, is
 * out of reach at the pace of its last steps.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_entropy_climb(sg_entropy_space *space, double best, double *x, double *ratio);
/* Var f/E f^2 of x. */
double sg_entropy_share(const sg_entropy_space *space, const double *x);

/* Climbs from the best amplitudes of +-phi_k, k < modes; better maxima replace x and *ratio.  `work` [count + 1]. */
SG_MUST_CHECK sg_status sg_entropy_modes(sg_entropy_space *space, int modes, double *work, double *x, double *ratio);
/* From the projection of f [nodes]. */
SG_MUST_CHECK sg_status sg_entropy_from(sg_entropy_space *space, const double *f, double *work, double *x,
                                        double *ratio);

#endif
