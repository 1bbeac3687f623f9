/*
 * Langevin's diffusion on the unit sphere S of R^d, L f = Lap_S f + <grad_S log p, grad_S f>.
 *
 * Around an axis (p depends on the polar angle alone): with t = log tan(angle/2), s = sin(angle) = 1/cosh t and
 * spherical harmonics Y of degree l across (l(l+d-3) the eigenvalue of their Laplacian), f = s^l v(t) Y has
 *     E(f, f) = int [(v' - l tanh(t) v)^2 + l(l+d-3) v^2] p s^{2l+d-3} dt,   E f^2 = int v^2 p s^{2l+d-1} dt.
 * l = 0 is a diffusion on the line, with density p s^{d-1} and D = 1/s^2.
 */
#ifndef SG_SPECTRUM_SPHERE_H
#define SG_SPECTRUM_SPHERE_H

#include "scoregap/spectrum.h"

/* An eigenvalue and how far it may lie below and above. */
typedef struct {
    double value, lower, upper;
} sg_sphere_level;

/*
 * Panels in t of the density p s^{d-1} of the model's law, cut at `depth`, and log D = -2 log s at the nodes.  Errors:
 * those of sg_panels_new.
 */
SG_MUST_CHECK sg_status sg_sphere_polar(const sg_model *model, const double *axes, double sharp, double depth,
                                        int level, sg_panels **panels, double **log_d);

/*
 * The first `count` eigenvalues with l >= 1 by Galerkin's method, piecewise polynomials v of degree 8 on panels and on
 * their halves: `upper` is a Ritz value (an upper bound, but for quadrature and rounding), `lower` lies
 * twice the change below it.  O(panels count^2) an iteration.  In d = 2 only l = 1 is left, odd functions.  Errors:
 * SG_NO_MEMORY, SG_NOT_CONVERGED.
 */
SG_MUST_CHECK sg_status sg_sphere_across(int d, const sg_panels *coarse, const sg_panels *fine, int l, int count,
                                         sg_sphere_level *levels);

/*
 * Any law on S^2: f = psi/sqrt(p), psi in real spherical harmonics up to degree N in the frame, E(f,f) = int |grad psi
 * - psi grad log p/2|^2, as the squares of the singular values of the matrix of these vectors at the nodes of a product
 * rule: eigenvalues have errors of 2 eps |B| sqrt(lambda), so that small ones keep digits.  If p has the three
 * reflections of the frame, eight problems of an eighth of the size.  N grows until the first `count` nonzero
 * eigenvalues change by less than 1e-10 (lower and upper as above), up to 96; *degree is the last.  Errors:
 * SG_NO_MEMORY, SG_NOT_CONVERGED.
 */
SG_MUST_CHECK sg_status sg_sphere_harmonics(const sg_model *model, const double *axes, double sharp, int count,
                                            sg_sphere_level *levels, int *degree);

#endif
