/* Bounds for diffusions on R^d.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_GAP_BOUNDS_GRID_H
#define SG_ESTIMATE_GAP_BOUNDS_GRID_H

#include "estimate/turned.h"

/*
 * Adds the bound of sg_bound_conditional_lower in the frame and box of `turned`, which `frame` names.  D = exp(log_d).
 * Solves some hundreds of lines: 0.2 s in two dimensions.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_gap_bounds_conditional(sg_turned *turned, const char *frame, double log_d,
                                                  sg_gap_bounds *list);

/*
 * Adds upper bounds by test functions: linear ones, the score functions, a smoothed indicator between two wells.  Their
 * quotients are sums over a regular grid in the frame (the trapezoidal rule converges exponentially), with what half of
 * its points a direction give as an error that is added.  Moves the box.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_gap_bounds_trial(sg_turned *turned, double log_d, sg_gap_bounds *list);

#endif
