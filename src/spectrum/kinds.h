/*
 * One solver a kind of space, each from a model and a loss to gap and first eigenvalues (see sg_spectrum_gap, which
 * chooses among them).
 */
#ifndef SG_SPECTRUM_KINDS_H
#define SG_SPECTRUM_KINDS_H

#include "scoregap/spectrum.h"

typedef sg_status sg_gap_solver(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                                sg_gap *out, sg_eigenvalues *values);
SG_MUST_CHECK sg_gap_solver sg_gap_on_line;
SG_MUST_CHECK sg_gap_solver sg_gap_on_circle;
SG_MUST_CHECK sg_gap_solver sg_gap_on_grid; /* diffusions on R^2 and R^3 */
/*
 * Langevin's diffusion on spheres (sphere/sphere.h): laws around an axis on any, other laws on S^2.  The gap is an
 * enclosure where it is that of a function of the polar angle alone, otherwise a Ritz value with an error estimate
 * below it; SG_UNCERTIFIED where log p ranges over more than 1500 and the curvature of log p far down does not rule
 * out a slow mode there.  Other laws: SG_UNCERTIFIED where harmonics of degree 96 do not resolve them (second
 * derivatives of log p of more than about 300).  Errors: SG_REFUSED (other spheres, D(x)), SG_NOT_CONVERGED,
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_gap_solver sg_gap_on_sphere;
SG_MUST_CHECK sg_gap_solver sg_gap_on_states; /* jumps on finite sets */
SG_MUST_CHECK sg_gap_solver sg_gap_of_rates;  /* chains given by their rates, reversible or not */
SG_MUST_CHECK sg_gap_solver sg_gap_kinetic;   /* underdamped Langevin on the line */

/*
 * Processes in discrete time on all q^n states, reversible, by their transition matrix: gap = 1 - lambda_2.  All
 * eigenpairs up to 512 states, Lanczos' method beyond, again without the pairs known until nothing new comes among
 * them. The enclosure holds the residual of the pair, what the rows of P lack to 1, and 8 n roundings.  A negative
 * eigenvalue may be larger in size than lambda_2: out->message then says the smallest one and the absolute gap. Errors:
 * those of the row's kernel; SG_REFUSED (forbidden states), SG_OUT_OF_RANGE (log p spanning more than 1300),
 * SG_NOT_CONVERGED, SG_STOPPED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_gap_solver sg_gap_of_kernel;
/* The same, and 1 - max |lambda| over the eigenvalues but the first. */
SG_MUST_CHECK sg_status sg_kernel_gap(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                                      sg_gap *out, sg_eigenvalues *values, double *absolute);

/*
 * Real part of the gap of underdamped Langevin dynamics in the law of the panels (smooth, Langevin's spectrum
 * discrete). SG_UNCERTIFIED where two bases disagree by more than 1e-6.  Errors: SG_OUT_OF_RANGE (friction), those of
 * sg_line_spectrum.
 */
SG_MUST_CHECK sg_status sg_kinetic_gap(const sg_panels *panels, double friction, sg_gap *out);

#endif
