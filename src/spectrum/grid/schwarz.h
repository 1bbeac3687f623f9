/*
 * Eigenvalues where the factor of the whole matrix does not fit: LOBPCG preconditioned by a factor of the same elements
 * at degree 2, and by those of the elements one by one (additive Schwarz, two levels).
 */
#ifndef SG_SPECTRUM_SCHWARZ_H
#define SG_SPECTRUM_SCHWARZ_H

#include "elements.h"

/* Arguments as of sg_lobpcg.  Errors: SG_NO_MEMORY (the small factors do not fit either), SG_SINGULAR, those of
 * sg_mesh_new and sg_lobpcg. */
SG_MUST_CHECK sg_status sg_schwarz_lobpcg(const sg_grid_problem *problem, const sg_frame *frame, const uint8_t *keep,
                                          const sg_mesh *mesh, double shift, int count, size_t memory, double tol,
                                          const volatile int *stop, double *value, double *function);

#endif
