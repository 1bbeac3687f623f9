/*
 * What the families on the unit sphere of R^d have in common.  Points are unit vectors x [d]; jets are the derivatives
 * of log p, as it is written, in all d coordinates of R^d, and what belongs to the sphere follows by projection.
 */
#ifndef SG_FAMILY_SPHERE_H
#define SG_FAMILY_SPHERE_H

#include "scoregap/family.h"

/* Puts a model of `full` parameters on the sphere of R^d: truth [full] zero, own a copy of `size` bytes.  Errors:
 * SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_sphere_model(sg_model *model, int d, int full, const void *own, size_t size);

/* out [rows][SG_BLOCK] is zero; NULL: nothing. */
void sg_sphere_clear(double *out, int rows);
/* row [n] is one number; n rounded up to whole vectors. */
void sg_sphere_constant(double *row, int n, double value);

/* An orthonormal basis, row a of axes [d,d] its a-th vector, whose last vector is u [d] of unit length (a reflection of
 * the axes of R^d).  u = 0: the axes themselves. */
void sg_sphere_frame(int d, const double *u, double *axes);

/*
 * Rejection: point i of a block reads its numbers from counters of its own, so that they depend on no other point and
 * not on how many there are.  The stream, put at its base, goes to those of point i, and after the last point behind
 * them all.
 */
enum { SG_SPHERE_COUNTERS = 1 << 20 };
void sg_sphere_seek(sg_stream *stream, uint32_t base, int i);

/*
 * log Z of von Mises and Fisher's law, Z(kappa) = int exp(kappa x_d) over the sphere of R^d (its surface, not
 * normalized), and its derivatives: out[0] = log Z, out[1] = A/kappa, out[2] = A', where A(kappa) = (log Z)' = E x_d.
 * log Z = (d/2) log 2 pi - nu log kappa + log I_nu(kappa), nu = d/2 - 1.  Relative errors of A/kappa and A' and
 * absolute ones of log Z below 1e-13 (log Z: of its size), any kappa >= 0, 2 <= d <= SG_SPHERE_MOST: by the power
 * series and by continued fractions of A and A', beyond kappa = max(30, nu^2) by the asymptotic series.
 */
enum { SG_SPHERE_MOST = 16 };
void sg_sphere_fisher(int d, double kappa, double out[3]);

/*
 * log Z of Bingham's law in its principal axes, Z = int exp(sum_i lambda_i y_i^2), and the moments
 *   second [d] E y_i^2,   fourth [d,d] E y_i^2 y_j^2,   spread [d,d] Cov(y_i^2, y_j^2);
 * NULL: not wanted.  By Z = 2 pi^{d/2} (1/2 pi i) int e^s prod_i (s - lambda_i)^{-1/2} ds on a parabola through the
 * saddle point, around all lambda, where the trapezoidal rule converges geometrically (for saddle points see Kume and
 * Wood 2005); derivatives in lambda multiply the integrand by 1/(2 (s - lambda_i)).  2 <= d <= SG_BINGHAM_MOST. Returns
 * an estimate of the relative error of Z and of the moments: what the last halving of the step changed, and rounding.
 */
enum { SG_BINGHAM_MOST = 10 };
double sg_sphere_bingham(int d, const double *lambda, double *log_z, double *second, double *fourth, double *spread);

#endif
