/*
 * Losses whose parameters are estimated at each of their sites, by the loss of that site alone, and averaged
 * (sg_row.averaged): a datum moves the estimate of parameter j by the mean over its sites i of -(H_i^-1 psi_i)_j.
 * Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_SITE_FITS_H
#define SG_ESTIMATE_SITE_FITS_H

#include "estimate/lens.h"

struct sg_fitter;
typedef struct sg_site_inverses sg_site_inverses;

/* H_i^-1 of all sites, and their sum H, at the nodes of a stream (node-sums.h).  Errors: SG_SINGULAR. */
struct sg_node_stream;
SG_MUST_CHECK sg_status sg_site_inverses_at_nodes(void *stream, sg_site_inverses **inverses);
void sg_site_inverses_delete(sg_site_inverses *inverses);
/* psi [m][SG_BLOCK] = H times the mean over sites of H_i^-1 psi_i at the lens' block. */
void sg_site_inverses_influence(const sg_site_inverses *inverses, sg_lens *lens, const sg_prepared *prepared,
                                const double *theta, double *psi);

/* What a fitter needs for it, and the fit: theta [m] and, if asked, its covariance. */
typedef struct sg_site_fits sg_site_fits;
SG_MUST_CHECK sg_status sg_site_fits_new(struct sg_fitter *f);
void sg_site_fits_delete(struct sg_fitter *f);
SG_MUST_CHECK sg_status sg_site_fits_run(struct sg_fitter *f, int *iterations, double *theta);
void sg_site_fits_sandwich(struct sg_fitter *f, double *covariance);

#endif
