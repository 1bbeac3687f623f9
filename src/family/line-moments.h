/* log Z of a law on the line with its derivatives: by the family's closed form, or by panels. */
#ifndef SG_FAMILY_LINE_MOMENTS_H
#define SG_FAMILY_LINE_MOMENTS_H

#include "scoregap/family.h"

/*
 * As sg_family.log_z, of an exponential family: gradient [full] and hessian [full,full] are mean and covariance of the
 * statistics (NULL: not wanted).  Builds panels, about half a millisecond.  Errors: those of sg_model_panels.
 */
SG_MUST_CHECK sg_status sg_line_log_z(const sg_model *model, const double *theta, double *value, double *gradient,
                                      double *hessian);

#endif
