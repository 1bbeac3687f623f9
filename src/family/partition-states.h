/*
 * log Z of exponential families on finite sets, on R^d by cubature, and by a closed form, for sg_partition.
 */
#ifndef SG_FAMILY_PARTITION_STATES_H
#define SG_FAMILY_PARTITION_STATES_H

#include "scoregap/family.h"

/*
 * The chart must outlive it, the nodes need not; NULL nodes: by the structure of the model (log-z.h).
 * Errors: SG_REFUSED (no nodes and no such structure), SG_NO_MEMORY, those of log-z.h.
 */
typedef struct sg_partition_states sg_partition_states;
SG_MUST_CHECK sg_status sg_partition_states_new(const sg_model *model, const sg_chart *chart, const sg_nodes *nodes,
                                                sg_partition_states **partition);
void sg_partition_states_delete(sg_partition_states *partition);
/* At the point delta of the chart, whose coordinates are theta [full].  Errors: SG_UNCERTIFIED (points of cubature that
 * do not resolve p_theta, which is too far from the origin of the chart), SG_REFUSED (drawn points, away from it). */
SG_MUST_CHECK sg_status sg_partition_states_at(sg_partition_states *partition, const double *delta, const double *theta,
                                               sg_local *local);

#endif
