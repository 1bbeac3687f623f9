/*
 * Score matching with scalar or diagonal D for families of pairs of coordinates (sg_family.interactions), any number of
 * parameters: the normal equations coordinate by coordinate (coordinate-sums.h, coordinate-solve.h) in place of jets,
 * whose arrays would take full times d numbers a datum.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_COORDINATE_FIT_H
#define SG_ESTIMATE_COORDINATE_FIT_H

#include "estimate/coordinate-solve.h"
#include "scoregap/estimate.h"

typedef struct sg_coordinate_fit sg_coordinate_fit;

/*
 * `start` [full]: what held parameters are.  `prepared` is borrowed.  Memory: about 8 d^3 bytes, after the first
 * sandwich 8 m (m + 256) more.  Errors: SG_REFUSED (the memory exceeds 4 GiB), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_coordinate_fit_new(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                                              const double *start, sg_coordinate_fit **fit);
void sg_coordinate_fit_delete(sg_coordinate_fit *fit);

/* Is this quadratic loss one of sg_row.by_coordinates that draws nothing, and the model one of pairs? */
bool sg_coordinate_fit_may(const sg_model *model, const sg_loss *loss);

/* The sums at the data alone: n d^2 (d + 1) flops. */
void sg_coordinate_fit_sums(sg_coordinate_fit *fit, const sg_source *source);
const sg_coordinate_sums *sg_coordinate_fit_normal(const sg_coordinate_fit *fit);

/* theta [m].  Errors: SG_SINGULAR. */
SG_MUST_CHECK sg_status sg_coordinate_fit_run(sg_coordinate_fit *fit, const sg_source *source, double *theta,
                                              sg_coordinate_report *report);
/*
 * After a run, the sandwich covariance A^-1 M A^-1 / n of the estimate, M the mean of psi psi', by a dense factor of A:
 * m^3/3 + 2 n m^2 flops, and n m^2 more with `covariance` [m,m]; `se` [m] alone: the roots of its diagonal.  Either may
 * be NULL.  Errors: SG_SINGULAR, SG_REFUSED (more than 2^14 parameters), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_coordinate_fit_sandwich(sg_coordinate_fit *fit, const sg_source *source, double *covariance,
                                                   double *se);

#endif
