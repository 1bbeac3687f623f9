/* The normal law in its natural parameters, F = (x, -x^2/2): what it shares with its truncation. */
#ifndef SG_FAMILY_GAUSSIAN_H
#define SG_FAMILY_GAUSSIAN_H

#include "scoregap/family.h"

/* Members of sg_family. */
void sg_gaussian_parameter(const sg_model *model, int index, char name[SG_NAME]);
void sg_gaussian_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out);

#endif
