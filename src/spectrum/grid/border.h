/*
 * What the elements left out would have held: mass and energy just inside of the faces where the mesh ends short of
 * the law.  The first look chose the elements; this checks it by the solution.
 */
#ifndef SG_SPECTRUM_BORDER_H
#define SG_SPECTRUM_BORDER_H

#include "elements.h"

/* share [points], zeroed by the caller, becomes the maximum of itself and each point's share of int p f^2 (f NULL: 1);
 * of e^-shift int p D grad f . grad f.  scratch [points]. */
void sg_border_mass(const sg_mesh *mesh, const double *f, double *scratch, double *share);
void sg_border_energy(const sg_mesh *mesh, double shift, const double *f, double *scratch, double *share);
/*
 * Estimates the share of what lies beyond the faces that end inside the law, and marks in `keep` the elements behind
 * faces where it exceeds `limit`.  ends: of that, beyond the first and last slabs.
 */
double sg_border_grow(const sg_mesh *mesh, const double *share, double limit, uint8_t *keep, int *grown, double *ends);

#endif
