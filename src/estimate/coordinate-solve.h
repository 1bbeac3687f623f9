/*
 * The normal equations A theta = -b of coordinate-sums.h with K symmetric: A = sum_j P_j' A_j P_j, where P_j picks the
 * d + 1 parameters of coordinate j, two coordinates sharing K_jk.  A is never formed: conjugate gradients,
 * preconditioned by the inverses of the A_j with what is shared weighed by halves (Neumann-Neumann), take O(d^3) an
 * iteration where a Cholesky factor of A would take O(d^6).  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_COORDINATE_SOLVE_H
#define SG_ESTIMATE_COORDINATE_SOLVE_H

#include "estimate/coordinate-sums.h"

typedef struct sg_coordinate_solver sg_coordinate_solver;

/*
 * `free` [m] ascending: the parameters that are solved for, pair (k,l), l <= k, at k(k+1)/2 + l and eta_j at
 * d(d+1)/2 + j; the others are held.  Memory: 4 d^3 bytes besides vectors.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_coordinate_solver_new(int d, bool linear, int m, const int *free,
                                                 sg_coordinate_solver **solver);
void sg_coordinate_solver_delete(sg_coordinate_solver *solver);

typedef struct {
    int iterations;
    double residual; /* |A theta + b| / |b|, A with a unit diagonal */
    double
        condition; /* estimate of that of A with a unit diagonal: a lower estimate, seldom by more than a few times */
} sg_coordinate_report;

/*
 * theta [full] with its held entries as they are: the others are solved for, to rounding (refined by the true
 * residual). No allocation.  Errors: SG_SINGULAR when the condition exceeds 1e13, or no solution with residual 1e-10 is
 * found; the message has the numbers.
 */
SG_MUST_CHECK sg_status sg_coordinate_solve(sg_coordinate_solver *solver, const sg_coordinate_sums *sums, double *theta,
                                            sg_coordinate_report *report);
/* A [m,m] column-major, both triangles. */
void sg_coordinate_matrix(const sg_coordinate_solver *solver, const sg_coordinate_sums *sums, double *matrix);

#endif
