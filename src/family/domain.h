/*
 * A theta without a density, and the name of one with.
 */
#ifndef SG_FAMILY_DOMAIN_H
#define SG_FAMILY_DOMAIN_H

#include "scoregap/family.h"

/* SG_OK when p_theta is integrable, otherwise SG_NOT_INTEGRABLE with theta in the message. */
SG_MUST_CHECK sg_status sg_model_check(const sg_model *model, const double *theta);

/* Key of random numbers for a purpose that depends on the law alone: the data text, and theta where it is not the
 * truth.
 */
uint64_t sg_model_law_key(const sg_model *model, const double *theta, const char *purpose);

#endif
