/*
 * scoregap/bound.h - closed-form bounds on gaps and on asymptotic variances.  Each carries its side in its name.
 * Nothing here includes the spectrum module: where a bound takes a Poincare constant it is an argument, so that "the
 * bound brackets the value" compares independent code.
 */
#ifndef SCOREGAP_BOUND_H
#define SCOREGAP_BOUND_H

#include "scoregap/numeric.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Muckenhoupt (1972), with the balanced split point: B_+(m) = sup_{x>m} P(X>x) int_m^x 1/(D p), B_-(m) its mirror
 * image, at the m with B_+(m) = B_-(m) = B:   B <= C_P <= 4 B.  log_d [n] (NULL: D = 1).  Logs are returned since B may
 * overflow. Also the median form: max(B_+, B_-)/2 <= C_P <= 4 max(B_+, B_-) at the median.  O(16 n) a split point. The
 * quadrature's own error is of relative order 1e-10; values are at nodes (sup over nodes and edges). Errors:
 * SG_NO_MEMORY; SG_NOT_CONVERGED (no balance found).
 */
typedef struct {
    double split;     /* the balanced m */
    double log_lower; /* log B <= log C_P */
    double log_upper; /* log 4B >= log C_P */
    double log_lower_median, log_upper_median;
} sg_muckenhoupt;
SG_MUST_CHECK sg_status sg_bound_muckenhoupt(const sg_panels *panels, const double *log_d, sg_muckenhoupt *out);

/*
 * Cheeger: with h = inf_x sqrt(D) p / min(P, 1-P) (half-lines are the isoperimetric sets on the line), gap >= h^2/4.
 * log_gap_lower = log(h^2/4).  Upper side (Buser's needs curvature, so the test-function form): gap <= the Rayleigh
 * quotient of the best two-step function, log_gap_upper.
 */
typedef struct {
    double h_at, log_h, log_gap_lower, log_gap_upper;
} sg_cheeger;
SG_MUST_CHECK sg_status sg_bound_cheeger(const sg_panels *panels, const double *log_d, sg_cheeger *out);

/* Rayleigh quotient E D f'^2 / Var f of a test function with derivative [n] at the nodes: log of an upper bound on the
 * gap. */
SG_MUST_CHECK sg_status sg_bound_rayleigh_upper(const sg_panels *panels, const double *log_d, const double *f,
                                                const double *derivative, double *log_gap_upper);

/*
 * Kantorovich (Marshall and Olkin 1990): Gamma <= (lmin + lmax)^2/(4 lmin lmax) Gamma_MLE with the ends of the spectrum
 * of -L on the cyclic subspace of the scores.  Returns the factor; INFINITY for lmax = INFINITY (diffusions).
 */
double sg_bound_kantorovich_upper(double lambda_min, double lambda_max);

/*
 * The chain of KHR Theorem 2, step by step, all in operator norm (L2 -> L2 of m x m):
 *   norm_gamma <= step_inverse   = ||H^-1||^2 ||Cov psi||
 *              <= step_poincare  = C^2 ||Gamma_MLE||^2 ||Cov psi||
 *              <= step_split     = k C^2 ||Gamma_MLE||^2 (||Cov(JF D s)|| + ||Cov(D Delta F)|| [+ ||Cov(grad D . grad
 * F)||])
 *              <= bound          = k C^2 ||Gamma_MLE||^2 (E||JF||^2 D^2 |s|^2 + E|D Delta F|^2 [+ E|JF grad D|^2])
 * k = 2 for constant D (KHR Theorem 2), 3 when D varies (QR Theorem 6, corrected).  C is C_res or C_P: two chains.
 * With a base measure h the drift term takes s in place of JF theta (the base counts as a statistic with coefficient
 * 1).
 */
typedef struct {
    double norm_gamma, norm_gamma_mle, norm_h_inverse, norm_cov_psi; /* inputs of the chain */
    double norm_cov_drift, norm_cov_laplacian, norm_cov_divergence;  /* the split */
    double mean_drift, mean_laplacian, mean_divergence;              /* the displayed expectations */
    bool varying;                                                    /* D varies */
} sg_khr_terms;
typedef struct {
    double step_inverse, step_poincare, step_split, bound;
} sg_khr_chain;
void sg_bound_khr_upper(const sg_khr_terms *terms, double poincare_or_restricted, sg_khr_chain *out);

#ifdef __cplusplus
}
#endif
#endif
