/*
 * Local losses that are not convex and have no minimum although the data are not separated (separation.h).  Internal to
 * the estimate module.
 *
 * Far out along a direction d the slope of sum rho(u) is sum d.D rho'(d.D t), where rho'(u) ~ exp(a u) for u -> -inf
 * and exp(b u) for u -> inf.  It is negative when the slowest of the terms that press the loss down, exp(-a |d.D| t),
 * outweighs all others, exp(b d.D t), and the loss then falls for ever along d.  Concrete score (a = -1, b = 2): some
 * log-ratio falls more than twice as fast as any grows; the loss falls without bound and has no minimum.  Ratio
 * matching (a = 2, b = -1): each log-ratio that grows does so more than twice as fast as some falls; the loss falls
 * towards a limit, and a search that went this way has not found a minimum before.
 */
#ifndef SG_ESTIMATE_NO_MINIMUM_H
#define SG_ESTIMATE_NO_MINIMUM_H

#include "estimate/fitter.h"

/*
 * Such a direction [m] near the way of a search that has ended at f->delta; *endless: without bound.  Where a < 0 < b
 * directions in which one of the log-ratios that fall fastest along the way does so are found whatever they are, for a
 * few of these.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_no_minimum(sg_fitter *f, double *direction, bool *found, bool *endless);

#endif
