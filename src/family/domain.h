/*
 * The message of a theta without a density.
 */
#ifndef SG_FAMILY_DOMAIN_H
#define SG_FAMILY_DOMAIN_H

#include "scoregap/family.h"

/* SG_OK when p_theta is integrable, otherwise SG_NOT_INTEGRABLE with theta in the message. */
SG_MUST_CHECK sg_status sg_model_check(const sg_model *model, const double *theta);

#endif
