/* Constant matrices D for preconditioned dynamics in R^d. */
#ifndef SG_DICTIONARY_CONSTANT_MATRIX_H
#define SG_DICTIONARY_CONSTANT_MATRIX_H

#include "scoregap/dictionary.h"

enum { SG_CONSTANT_MATRIX_MOST = 64 }; /* dimensions */

/*
 * D [d,d] by its name: "identity"; "covariance", of p_theta, by sg_nodes (where these are drawn D has a sampling error,
 * and is as constant and as admissible as any other); "hessian", the inverse of -Hess log p_theta at its mode; or
 * "@FILE", d lines of d numbers separated by commas, '#' begins a comment.  Allocates.
 * Errors: SG_OUT_OF_RANGE (d), SG_CANNOT_READ, SG_BAD_DATA (not d x d, not symmetric to 1e-12, not positive definite:
 * says where), those of sg_mode_find and sg_nodes_new.
 */
SG_MUST_CHECK sg_status sg_constant_matrix(const char *name, const sg_model *model, const double *theta, double *D);

/* Checks the name alone and seals that of a file (sg_file_seal).  Errors: SG_UNKNOWN, those of sg_file_seal. */
SG_MUST_CHECK sg_status sg_constant_matrix_settle(char name[SG_TEXT]);

#endif
