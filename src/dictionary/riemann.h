/* The metric of the Hessian: D(x) = |Hess log p(x)|^-1, softened. */
#ifndef SG_DICTIONARY_RIEMANN_H
#define SG_DICTIONARY_RIEMANN_H

#include "scoregap/dictionary.h"

enum { SG_RIEMANN_MOST = 8 }; /* dimensions */

/*
 * With -Hess log p_theta = Q diag(l) Q^T:  D = Q diag(f(l)) Q^T,  f(l) = 1/sqrt(l^2 + softness^2): the inverse where
 * log p is concave, as for a normal law, and at most 1/softness where it is flat.  In place of Betancourt's l coth(l/s)
 * (2013) since the differences of f have a closed form, f(k) - f(l) = -(k - l)(k + l)/(r_k r_l (r_k + r_l)), r =
 * sqrt(l^2 + s^2), without cancellation.  Hence the divergence, by Daleckii and Krein,
 *     (div D)_b = sum_a [Q (J o (Q^T d_a H Q)) Q^T]_ab,    J_kl = (f(k) - f(l))/(k - l),
 * from third derivatives of log p, which families have not: d_a H by central differences of order 6 of their Hessians,
 * at a step of 1/512 of the least width of the law along axis a.  That is exact for polynomials up to degree 8 and
 * otherwise off by about 1e-10 of the size of D over the width.  psi inherits this error; D, the dynamics (whose
 * acceptance is exact for any drift) and the spectrum do not.
 */
typedef struct {
    const sg_model *model;
    const double *theta; /* [full] */
    double softness, step[SG_RIEMANN_MOST];
} sg_riemann;
/* Errors: those of sg_mode_widths. */
SG_MUST_CHECK sg_status sg_riemann_set(const sg_model *model, const double *theta, double softness,
                                       sg_riemann *riemann);
/* D packed [d(d+1)/2][B], div [d][B].  6 d + 1 jets and an eigenproblem a point; about 0.5 MiB of stack for d = 8. */
void sg_riemann_at(const sg_riemann *riemann, const sg_block *block, double *D, double *div);

#endif
