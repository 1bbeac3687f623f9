/*
 * Eigenvalues of (D p f')' = -lambda p f, no flux through the ends, by shooting through cells small enough that the
 * transfer matrix of each is a short power series in lambda, made once; one sweep at one lambda then costs
 * microseconds.
 *
 * State (f, v), v = int_lo^x p f = -D p f'/lambda.  All sums that build it are of one sign inside a well and every
 * number carries its own binary exponent, so eigenvalues have relative accuracy at any size: a relative error of the
 * entries of a transfer matrix is one of p and 1/(D p), to which eigenvalues are perfectly conditioned.  The number of
 * sign changes of v counts the eigenvalues below lambda (Sturm), so that none is missed and clusters need no care.
 */
#ifndef SG_SPECTRUM_SHOOT_H
#define SG_SPECTRUM_SHOOT_H

#include "scoregap/numeric.h"
#include "spectrum/scaled.h"

typedef struct sg_shoot sg_shoot;

/*
 * Cells and series for lambda up to exp(log_top).  Borrows panels; log_d [n] or NULL.  About 5 us a cell.
 * Errors: SG_NO_MEMORY; SG_NOT_CONVERGED (more than 20000 cells).
 */
SG_MUST_CHECK sg_status sg_shoot_new(const sg_panels *panels, const double *log_d, double log_top, sg_shoot **shoot);
void sg_shoot_delete(sg_shoot *shoot);
int sg_shoot_cells(const sg_shoot *shoot);

/* Estimated relative errors of p and of D p as polynomials on the panels, [panels->count] each. */
void sg_shoot_defects(const sg_shoot *shoot, const double **of_p, const double **of_dp);

/* Number of eigenvalues in (0, lambda); *end, if not NULL, gets v at the right end up to a factor (zero at
 * eigenvalues). */
int sg_shoot_count(sg_shoot *shoot, sg_scaled lambda, sg_scaled *end);

/*
 * Sweeps from both ends at lambda; they may then be joined at any cell into a function with one defect there (twisted
 * factorization).
 */
void sg_shoot_sweep(sg_shoot *shoot, sg_scaled lambda);

/*
 * The cell at which the defect is least (where f_left f_right p is largest), outside the panels that `avoid`
 * [panels->count] marks (NULL: none); -1 when they are all marked.
 */
int sg_shoot_join(const sg_shoot *shoot, const bool *avoid);

/*
 * The function joined at the left edge of a cell, f and f' at the nodes of the panels, scaled so that its largest |f|
 * over the edges is of order one; log_g, if not NULL, gets log |f'| (finite also where f' over- or underflows).
 */
void sg_shoot_vector(const sg_shoot *shoot, int join, double *f, double *g, double *log_g);

#endif
