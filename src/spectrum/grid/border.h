#ifndef SG_SPECTRUM_BORDER_H
#define SG_SPECTRUM_BORDER_H

#include "elements.h"

/* share [n], zeroed by the caller, becomes the maximum of itself and each node's share of int p |h| or int p h^2, ...
 */
void sg_border_mass(const sg_mesh *mesh, const double *h, bool squared, double *share);
/* ... and of e^-shift int p D grad u . grad v, in absolute values.  scratch [n]. */
void sg_border_energy(const sg_mesh *mesh, double shift, const double *u, const double *v, double *scratch,
                      double *share);
/*
 * Estimates the share of what lies beyond the faces that end inside the box, and marks in `keep` the elements behind
 * faces where it exceeds `limit`.
 */
double sg_border_grow(const sg_mesh *mesh, const double *share, double limit, uint8_t *keep, int *grown);

#endif
