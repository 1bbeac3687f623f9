/*
 * What the rows share whose generator is a diffusion, L f = tr(D Hess f) + (D s + div D) . grad f with s = grad log p:
 * the loss and the step.
 */
#ifndef SG_DICTIONARY_DIFFUSION_H
#define SG_DICTIONARY_DIFFUSION_H

#include "scoregap/dictionary.h"

/* As the member of sg_row: D, of the shape of its row, and div D [d][B] at the points of a block. */
typedef void sg_diffusion_at(const sg_prepared *prepared, const sg_block *block, double *D, double *div);

/* D and its divergence at the points of a block; div NULL: 0.  A matrix D may come with its factor (below). */
typedef struct {
    sg_d_shape shape;
    const double *D, *div, *factor;
} sg_diffusivity;

enum { SG_MATRIX_MOST = 16 }; /* dimensions in which D may be a matrix without its factor */
/* The lower Cholesky factor of D at n points, both packed; where D is only semidefinite the column of a zero pivot is
 * zero. */
void sg_diffusion_factor(int n, int d, const double *D, double *factor);

/*
 * Is a loss with D_j ~ x_j^power at the faces of the orthant valid: does h p S' -> 0 there, and are E[h S'^2] and
 * E[(L S)^2] finite (YDS; h(0) = 0 is not always enough)?  At the model's truth.  Errors: SG_MISFIT, with the powers.
 */
SG_MUST_CHECK sg_status sg_diffusion_faces(const char *name, double power, const sg_model *model);

/*
 * Where the diffusion of loss `name` exists: on any flat space, reflected at the ends of an interval and at the faces
 * of the orthant.  Errors: SG_MISFIT.
 */
SG_MUST_CHECK sg_status sg_diffusion_runs(const char *name, const sg_model *model);

/*
 * Where besides its loss is valid: integration by parts has no term left at the ends (`flux`: D p does not vanish there
 * of itself), nor at a kink of log p.  Errors: SG_MISFIT.
 */
SG_MUST_CHECK sg_status sg_diffusion_fits(const char *name, bool flux, const sg_model *model);

int sg_diffusion_roots(const sg_model *model);
int sg_diffusion_jets(const sg_model *model, int want);
/* The same where D is a scalar or a diagonal: of second derivatives the diagonal, if the family gives it alone. */
int sg_diffusion_jets_diagonal(const sg_model *model, int want);

/*
 * The quadratic loss s . D s/2 + tr(D Hess log p) + div D . s of p_theta, D fixed, and its theta-derivatives:
 *   psi_j = L S_j,    curvature_jk = grad S_j . D grad S_k + L T_jk,    root_ja = (C^T grad S_j)_a, D = C C^T,    T the
 * second theta-derivative of log p.  D NULL: 1.  `linear`: T = 0.  SG_D_MATRIX: d <= SG_MATRIX_MOST,
 * unless its factor is given.
 */
void sg_diffusion_datum(bool linear, const sg_diffusivity *D, const sg_block *block, const sg_jet *jet,
                        sg_datum *datum);

/*
 * Metropolis-adjusted Langevin (Roberts and Tweedie 1996) with D(x): proposal x + dt (D s + div D) + sqrt(2 dt) C xi,
 * D = C C^T, accepted so that p_theta is exactly invariant for any positive definite D.  A proposal whose density ratio
 * is not a number, or outside the support, is refused; on (x, beta) the level is reflected (D diagonal there).  Chain i
 * takes numbers i of each coordinate's normals, then of the uniforms, whatever the number of chains.  `at` NULL: D = 1.
 */
void sg_diffusion_step(sg_diffusion_at *at, sg_d_shape shape, const sg_prepared *prepared, sg_walk *walk);
size_t sg_diffusion_step_bytes(int d); /* of the walk's arena */

#endif
