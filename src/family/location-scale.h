/*
 * Location-scale families on the line, p = exp(h(z))/s with z = (x - location)/scale: a family supplies h and its
 * derivatives, the jets follow.
 */
#ifndef SG_FAMILY_LOCATION_SCALE_H
#define SG_FAMILY_LOCATION_SCALE_H

#include "family/line.h"

/*
 * A law in its standard form: h, u = z h' and v = z u' with their derivatives, row after row of SG_BLOCK numbers: h^(k)
 * at SG_STANDARD_H + k, k = 0..4; u^(k) at SG_STANDARD_U + k, k = 0..3; v^(k) at SG_STANDARD_V + k, k = 0..2.  n is a
 * multiple of 8; int exp(h) = 1.
 */
enum { SG_STANDARD_H = 0, SG_STANDARD_U = 5, SG_STANDARD_V = 9, SG_STANDARD_ROWS = 12 };
typedef void sg_standard_law(const void *own, int n, const double *z, double *row);

/* Fills u and v from z and h by the product rule: where its two terms do not cancel. */
void sg_standard_products(int n, const double *z, double *row);

/* theta = (location, scale); truth (0, scale), own a copy of `size` bytes.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_location_scale_model(sg_model *model, double scale, const void *own, size_t size);
void sg_location_scale_parameter(const sg_model *model, int index, char name[SG_NAME]);
bool sg_location_scale_inside(const sg_model *model, const double *theta);
void sg_location_scale_landmarks(const sg_model *model, const double *theta, sg_landmarks *marks);
void sg_location_scale_jet(sg_standard_law *law, const sg_model *model, const double *theta, const sg_block *block,
                           sg_jet *jet);

#endif
