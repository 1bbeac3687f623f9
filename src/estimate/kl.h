/* KL(p || p_theta) many times from one reference: for Monte Carlo.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_KL_H
#define SG_ESTIMATE_KL_H

#include "scoregap/estimate.h"

typedef struct sg_kl_tool sg_kl_tool; /* one a thread */
/* `nodes` of p at the model's truth, borrowed; NULL as for sg_partition_new. */
SG_MUST_CHECK sg_status sg_kl_tool_new(const sg_model *model, const sg_nodes *nodes, sg_kl_tool **tool);
void sg_kl_tool_delete(sg_kl_tool *tool);
/* theta [m] free parameters; INFINITY where p_theta is not integrable, NaN for NaN. */
SG_MUST_CHECK sg_status sg_kl_tool_at(sg_kl_tool *tool, const double *theta, double *kl);

#endif
