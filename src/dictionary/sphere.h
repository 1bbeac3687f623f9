/*
 * Langevin's diffusion on the unit sphere of R^d: D(x) = P_x = I - x x', div D = -(d-1) x, so that
 *     L f = tr(P Hess f) + <P grad log p - (d-1) x, grad f>,
 * whatever extends f and log p from the sphere to R^d.
 */
#ifndef SG_DICTIONARY_SPHERE_H
#define SG_DICTIONARY_SPHERE_H

#include "scoregap/dictionary.h"

/*
 * Score matching (Mardia, Kent and Laha 2016): the loss |P s|^2/2 + tr(P Hess log p) - (d-1) x.s, s = grad log p, and
 *   psi_j = L S_j,    curvature_jk = <P grad S_j, grad S_k> + L T_jk,    roots_j = P grad S_j [d],    T the second
 * theta-derivative of log p.  `linear`: T = 0.
 */
void sg_sphere_datum(bool linear, const sg_block *block, const sg_jet *jet, sg_datum *datum);

/*
 * Metropolis-adjusted step along great circles (Girolami and Calderhead 2011; geodesics as in Byrne and Girolami
 * 2013): from x, with P_x = I - x x' and g = P_x grad log p, the tangent vector
 *     v = dt g(x) + sqrt(2 dt) P_x xi,   y = exp_x(v) = cos|v| x + sin|v| v/|v|,
 * and the way back is w = |v| sin|v| x - cos|v| v, exp_y(w) = x.  The map (x, v) -> (y, w) is its own inverse and keeps
 * the volume of the tangent bundle (geodesic flow, then a change of sign), so that accepting with probability
 *     p(y) N(w; dt g(y), 2 dt) / (p(x) N(v; dt g(x), 2 dt)),
 * normal densities on the tangent spaces, leaves p exactly invariant, also where |v| > pi.  Chain i takes numbers i of
 * each coordinate's normals, then of the uniforms, whatever the number of chains.
 */
void sg_sphere_step(sg_walk *walk);
size_t sg_sphere_step_bytes(int d); /* of the walk's arena */

#endif
