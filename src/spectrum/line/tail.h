/* Where the essential spectrum of a diffusion on the line begins, read off the tails of its panels. */
#ifndef SG_SPECTRUM_TAIL_H
#define SG_SPECTRUM_TAIL_H

#include "scoregap/numeric.h"

/*
 * In the coordinate dy = dx/sqrt(D) the generator is that of a Schroedinger operator with potential V'^2/4 - V''/2,
 * V = -log(p sqrt(D)).  Where V' tends to s the essential spectrum begins at s^2/4: 0 when the tail is heavier than
 * exponential, INFINITY (none) when it is lighter or y stays finite.  The limit is extrapolated from the mean slopes
 * of V between the depths 1/8, 1/4, 1/2 and 1 of the cut (Aitken: exact for V ~ y^a and for an exponential tail with a
 * correction that is a power of the depth).  The lesser of those ends of `side` (-1, 1; 0: both) that were cut,
 * INFINITY for none; NAN where the slopes follow no such law.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_tail_bottom(const sg_panels *panels, const double *log_d, int side, double *bottom);

#endif
