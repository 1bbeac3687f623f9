/* The step of Langevin's diffusion on the sphere. */
#ifndef SG_DICTIONARY_SPHERE_STEP_H
#define SG_DICTIONARY_SPHERE_STEP_H

#include "scoregap/dictionary.h"

/*
 * Metropolis-adjusted Langevin along great circles (Girolami and Calderhead 2011; geodesics as in Byrne and Girolami
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
