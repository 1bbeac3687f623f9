/*
 * What the rows share whose generator is a diffusion, L f = D Lap f + (D s + grad D) . grad f with s = grad log p and D
 * a multiple of the identity: the loss and the step.
 */
#ifndef SG_DICTIONARY_DIFFUSION_H
#define SG_DICTIONARY_DIFFUSION_H

#include "scoregap/dictionary.h"

/* As the member of sg_row: D [B] and its gradient [d][B] at the points of a block. */
typedef void sg_diffusion_at(const sg_prepared *prepared, const sg_block *block, double *D, double *grad_D);

/*
 * Where the diffusion of loss `name` exists: on any continuous space, reflected at the ends of an interval.  Errors:
 * SG_MISFIT.
 */
SG_MUST_CHECK sg_status sg_diffusion_runs(const char *name, const sg_model *model);

/*
 * Where besides its loss is valid: integration by parts has no term left at the ends (`flux`: D p does not vanish there
 * of itself), nor at a kink of log p.  Errors: SG_MISFIT.
 */
SG_MUST_CHECK sg_status sg_diffusion_fits(const char *name, bool flux, const sg_model *model);

int sg_diffusion_roots(const sg_model *model);
int sg_diffusion_jets(const sg_model *model, int want);

/*
 * The quadratic loss D |s|^2/2 + D tr Hess log p + grad D . s of p_theta, D fixed, and its theta-derivatives:
 *   psi_j = L S_j,    curvature_jk = D grad S_j . grad S_k + L T_jk,    root_ja = sqrt(D) d_a S_j,    T the second
 * theta-derivative of log p. D [B] NULL: 1.  grad_D [d][B] NULL: 0.  `linear`: T = 0.
 */
void sg_diffusion_datum(bool linear, const double *D, const double *grad_D, const sg_block *block, const sg_jet *jet,
                        sg_datum *datum);

/*
 * Metropolis-adjusted Langevin (Roberts and Tweedie 1996) with D(x): proposal x + dt (D s + grad D) + sqrt(2 D dt) xi,
 * accepted so that p_theta is exactly invariant for any D > 0.  A proposal whose density ratio is not a number, or
 * outside the support, is refused. Chain i takes numbers i of each coordinate's normals, then of the uniforms, whatever
 * the number of chains.  `at` NULL: D = 1.
 */
void sg_diffusion_step(sg_diffusion_at *at, const sg_prepared *prepared, sg_walk *walk);
size_t sg_diffusion_step_bytes(int d); /* of the walk's arena */

#endif
