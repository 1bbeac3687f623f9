/*
 * The first nonzero eigenpairs of a Dirichlet form where they are not small beside the rounding errors of the largest.
 */
#ifndef SG_SPECTRUM_LANCZOS_H
#define SG_SPECTRUM_LANCZOS_H

#include "capacity.h"

/* Centres f and makes its variance 1; returns E(f,f).  root [n]: M^1/2. */
double sg_form_quotient(const sg_form *form, const double *root, double *f);

/*
 * Shift-invert Lanczos with the constants projected out, factor of A + shift.  value [count] ascending: Rayleigh
 * quotients E(f,f)/Var f with E the sum of squares of form->energy, so that the rounding error is of second order in
 * that of f; function [count][n], centred, Var f = 1.  Errors: those of sg_sparse_factor and sg_arpack_symmetric.
 */
SG_MUST_CHECK sg_status sg_lanczos(const sg_form *form, double shift, int count, size_t memory,
                                   const volatile int *stop, double *value, double *function);

/*
 * The same by LOBPCG (Knyazev 2001) preconditioned by the factor of `coarse` + shift, a sparser matrix on the same
 * nodes.  tol: relative change of the eigenvalues.  Errors: SG_NOT_CONVERGED, those of sg_sparse_factor.
 */
SG_MUST_CHECK sg_status sg_lobpcg(const sg_form *form, sg_sparse *coarse, double shift, int count, size_t memory,
                                  double tol, const volatile int *stop, double *value, double *function);

#endif
