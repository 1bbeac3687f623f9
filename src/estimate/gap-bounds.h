/* How the bounds of a model are listed.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_GAP_BOUNDS_H
#define SG_ESTIMATE_GAP_BOUNDS_H

#include "scoregap/estimate.h"

typedef enum {
    SG_GAP_LOWER,
    SG_GAP_UPPER,
    SG_ENTROPY_LOWER,
    SG_ENTROPY_UPPER,
    SG_TENSOR_LOWER,
    SG_TENSOR_UPPER
} sg_bound_side;

/*
 * Adds a bound that was computed with `status`: unless that is SG_OK, or when the value is not finite, it does not
 * hold, for the reason of the failure or of the note.  Returns SG_NO_MEMORY and SG_STOPPED, otherwise SG_OK.
 */
SG_MUST_CHECK sg_status sg_gap_bounds_add(sg_gap_bounds *list, const char *name, sg_bound_side side, sg_status status,
                                          double log_value, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The bound added last does not hold, for this reason (if it held). */
void sg_gap_bounds_deny(sg_gap_bounds *list, const char *why);

SG_MUST_CHECK sg_status sg_gap_bounds_line(const sg_model *model, const sg_loss *loss, const sg_gap *gap,
                                           sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_circle(const sg_model *model, const sg_loss *loss, const sg_gap *gap,
                                             sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_states(const sg_model *model, const sg_loss *loss, const sg_gap *gap,
                                             sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_grid(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_lifted(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_sphere(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_kinetic(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list);
SG_MUST_CHECK sg_status sg_gap_bounds_chain(const sg_model *model, const sg_gap *gap, sg_gap_bounds *list);
/* The decomposition of a mixture of normals, of a model that is one; D = exp(log_d) where it is constant. */
SG_MUST_CHECK sg_status sg_gap_bounds_mixture(const sg_model *model, bool constant, double log_d, sg_gap_bounds *list);
/* Tensorization of entropy, after all others: bounds on C_LS bound it. */
SG_MUST_CHECK sg_status sg_gap_bounds_tensor(const sg_model *model, const sg_loss *loss, const sg_gap *gap,
                                             sg_gap_bounds *list);

#endif
