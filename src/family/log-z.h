/* log Z of finite sets where their structure gives it: by a closed form, or by elimination. */
#ifndef SG_FAMILY_LOG_Z_H
#define SG_FAMILY_LOG_Z_H

#include "scoregap/family.h"

/*
 * Plan, factors and scratch of one model, for one theta after the other.  Errors: SG_REFUSED (neither is known, or
 * listing all states is as little work), SG_NO_MEMORY.
 */
typedef struct sg_log_z sg_log_z;
SG_MUST_CHECK sg_status sg_log_z_new(const sg_model *model, sg_log_z **log_z);
void sg_log_z_delete(sg_log_z *log_z);
/*
 * Value, gradient [full] and Hessian [full,full] in the coordinates (NULL: not wanted); allocates nothing once a call
 * that wanted as much has been made.  Errors: SG_NOT_INTEGRABLE, SG_REFUSED (too much memory for so many derivatives),
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_log_z_at(sg_log_z *log_z, const double *theta, double *value, double *gradient,
                                    double *hessian);

#endif
