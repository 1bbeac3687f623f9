/* What the bounds on R^d share. */
#ifndef SG_BOUND_SPACE_H
#define SG_BOUND_SPACE_H

#include "scoregap/bound.h"

enum { SG_SPACE_PAIRS = SG_BOUND_D * (SG_BOUND_D + 1) / 2, SG_SPACE_LATTICE = 27 };

/*
 * Least eigenvalue of a symmetric matrix of order d <= 3, packed lower triangle; NaN where it is not finite.  *rounding
 * bounds its error.
 */
double sg_space_least(int d, const double *packed, double *rounding);

/* A lattice of 3^d points, the first coordinate fastest: index of its coordinate a (0, 1, 2), and the number of points.
 */
int sg_space_points(int d);
int sg_space_index(int point, int a);

/*
 * Of `rows` functions [rows][3^d] on the lattice: how far they are, at most, from the multilinear interpolation of the
 * corners, in the Euclidean norm of the weighted rows, along each axis; returns the sum over the axes, NaN where one is
 * not finite.
 */
double sg_space_deviation(int d, int rows, const double *weight, const double *value, double along[SG_BOUND_D]);

#endif
