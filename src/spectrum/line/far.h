/* What lies beyond the cut of a law's panels: by the law itself, not by extrapolation. */
#ifndef SG_SPECTRUM_FAR_H
#define SG_SPECTRUM_FAR_H

#include "enclose.h"
#include "scoregap/family.h"

/*
 * Bottom of the essential spectrum for D = 1 (see tail.h) from the slopes of log p at distances that double from the
 * cut on to 1e90; a finite end has none.  NAN where the slopes follow no law.
 */
SG_MUST_CHECK sg_status sg_far_bottom(const sg_model *model, const sg_line_law *law, double *bottom);

/*
 * The depth of the deepest place beyond the cut where eigenfunctions up to the rate exp(log_rate) may live, 0 when
 * there is none: wells that are left towards the mode more slowly than that; and, with D = 1 (`unit`), stretches where
 * 0 <= V'^2/4 - V''/2 < rate over half a radian of phase (barriers and plateaus).  Panels must reach there.  `marks`
 * are the family's landmarks, NULL when they are not at hand.
 */
SG_MUST_CHECK sg_status sg_far_depth(const sg_model *model, const sg_line_law *law, const sg_landmarks *marks,
                                     bool unit, double log_rate, double *depth);

#endif
