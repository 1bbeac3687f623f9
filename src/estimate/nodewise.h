/*
 * Node-wise fits (option sites=averaged) of pairwise models, statistics x_i and x_i x_j of up to SG_PAIRS_SITES_MOST
 * two-state sites: at every site i the loss rho(u) of that site alone in the parameters that it touches, all sites in
 * step by Newton's method; then each parameter averaged over its sites, with the covariance of the stacked estimating
 * equations,
 *   theta_hat - theta = -mean_data sum_i A_i H_i^-1 psi_i,   A_i: parameters of site i into all, times 1 / (its sites).
 * The loss is convex at each site, so that a point without gradient is the estimate, and no value is ever needed.
 * Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_NODEWISE_H
#define SG_ESTIMATE_NODEWISE_H

#include "estimate/nodewise-pairs.h"

typedef struct sg_nodewise sg_nodewise;

/*
 * *nodewise = NULL for other models, whose site fits are those of site-fits.h.  `start` [full] is where fits begin.
 * Memory: 12 bytes a distinct state, and about 8 2^(d/2) for each pair of sites, whatever the number of data.  Errors:
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_nodewise_new(const sg_model *model, const sg_row *row, const double *start,
                                        sg_nodewise **nodewise);
void sg_nodewise_delete(sg_nodewise *nodewise);

/*
 * The estimate theta [m] from the data; adds to *passes.  Allocates only for more data than ever before.  Errors:
 * SG_SEPARATED at some site, SG_SINGULAR, SG_NOT_CONVERGED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_nodewise_fit(sg_nodewise *nodewise, const sg_source *source, int *iterations, int *passes,
                                        double *theta);
/* Did the last fit find an estimate at this site? */
bool sg_nodewise_done(const sg_nodewise *nodewise, int site);
/* Its sandwich covariance [m,m], divided by n; left as it is where a site's Hessian is singular. */
void sg_nodewise_sandwich(sg_nodewise *nodewise, double *covariance);

#endif
