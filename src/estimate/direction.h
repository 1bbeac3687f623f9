/* Directions in the free parameters, for messages.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_DIRECTION_H
#define SG_ESTIMATE_DIRECTION_H

#include "scoregap/family.h"

/* "1 J, -0.5 h": the entries of direction [m] that matter, the eight largest where there are more. */
void sg_direction_text(const sg_model *model, const double *direction, size_t size, char *text);

#endif
