/*
 * The first nonzero eigenpairs of a Dirichlet form where they are not small beside the rounding errors of the largest.
 */
#ifndef SG_SPECTRUM_LANCZOS_H
#define SG_SPECTRUM_LANCZOS_H

#include "capacity.h"

/*
 * Vectors orthonormal in M, in the variable in which the form's matrices are scaled; the constants are taken out of
 * all of them.  sg_basis_push makes columns [from, to) of v orthonormal to each other and to those before, dropping
 * what is nothing but rounding error, and returns how many columns there are then; coefficient, if not NULL, gets the
 * products of what they were with the columns that stay, [column - from][stride].
 */
typedef struct {
    const sg_form *form;
    double *constant, *weighed; /* [n]: the constant of norm one, M times it */
    double *scratch;            /* [n] */
} sg_basis;
SG_MUST_CHECK sg_status sg_basis_open(const sg_form *form, sg_basis *basis);
void sg_basis_close(sg_basis *basis);
int sg_basis_push(const sg_basis *basis, int from, int to, double *v, double *coefficient, int stride);
/* M x */
void sg_form_weigh(const sg_form *form, const double *x, double *out);
/* From that variable to functions, for `count` columns, in place. */
void sg_form_unscale(const sg_form *form, int count, double *f);

double sg_basis_dot(int n, const double *x, const double *y);
void sg_basis_add(int n, double c, const double *x, double *y); /* y += c x */

/*
 * Block Lanczos (full orthogonalization) with the factor of A + shift M, the constants taken out: multiple eigenvalues
 * are found as often as they occur, up to the block.  value [count] ascending, of the small matrix; function
 * [count][n].  Errors: those of sg_sparse_factor, SG_NOT_CONVERGED, SG_STOPPED.
 */
SG_MUST_CHECK sg_status sg_lanczos(const sg_form *form, double shift, int count, size_t memory,
                                   const volatile int *stop, double *value, double *function);

/*
 * The same by LOBPCG (Knyazev 2001).  tol: relative change of the eigenvalues.  Errors: SG_NOT_CONVERGED, SG_STOPPED,
 * those of `precondition`, which applies an approximate inverse of A + shift M to `columns` vectors in place.
 */
typedef sg_status sg_precondition(void *context, int columns, double *x);
SG_MUST_CHECK sg_status sg_lobpcg(const sg_form *form, sg_precondition *precondition, void *context, int count,
                                  double tol, const volatile int *stop, double *value, double *function);

#endif
