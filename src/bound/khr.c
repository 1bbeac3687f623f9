#include "scoregap/bound.h"

/* Cauchy-Schwarz splits the covariance of k terms at the price of a factor k. */
void sg_bound_khr_upper(const sg_khr_terms *terms, double poincare_or_restricted, sg_khr_chain *out) {
    double c = poincare_or_restricted * terms->norm_gamma_mle, inverse = terms->norm_h_inverse;
    double parts = terms->norm_cov_drift + terms->norm_cov_laplacian, shown = terms->mean_drift + terms->mean_laplacian;
    double k = 2;
    if (terms->varying) {
        k = 3;
        parts += terms->norm_cov_divergence;
        shown += terms->mean_divergence;
    }
    out->step_inverse = inverse * inverse * terms->norm_cov_psi;
    out->step_poincare = c * c * terms->norm_cov_psi;
    out->step_split = k * c * c * parts;
    out->bound = k * c * c * shown;
}
