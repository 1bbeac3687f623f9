/* Both sides of the Poincare constant of tempered Langevin dynamics.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_GAP_BOUNDS_LIFTED_H
#define SG_ESTIMATE_GAP_BOUNDS_LIFTED_H

#include "estimate/gap-bounds.h"

/*
 * Logs of bounds on C_P of the diffusion on (x, beta) that belongs to a loss with sg_row.more and `diffusion`, of a
 * mixture of normals: sg_bound_tempered_upper (INFINITY, its status and its message where it fails),
 * sg_bound_tempered_scales_upper (NaN, and why, unless the design is QR's and the covariance one), that of the level
 * alone from below (functions of beta), and the largest eigenvalue of Cov x.
 */
typedef struct {
    double log_decomposition_upper, log_scales_upper, log_level_lower, log_coordinates_lower;
    sg_status decomposition;
    const char *no_scales;
    char message[160];
} sg_lifted_sides;
/* Errors: those of the loss's constants, of sg_lift_panels and sg_bound_chen; SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_lifted_sides_of(const sg_model *model, const sg_loss *loss, sg_lifted_sides *out);

#endif
