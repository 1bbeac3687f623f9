/* The law of a diffusion on the circle at time t, by the inverse Laplace transform of its resolvent on cells. */
#ifndef SG_SPECTRUM_MIXING_CIRCLE_H
#define SG_SPECTRUM_MIXING_CIRCLE_H

#include "solve.h"

typedef struct sg_circle_law sg_circle_law;

/* Borrows panels once round, from any point, and log_d [n] (or NULL).  Errors: SG_NO_MEMORY, SG_REFUSED (the panels are
 * cut), SG_UNDERFLOW (p varies by more than e^600). */
SG_MUST_CHECK sg_status sg_circle_law_new(const sg_panels *panels, const double *log_d, sg_circle_law **law);
void sg_circle_law_delete(sg_circle_law *law);
/* The start x on the panels; or p restricted to the part from their beginning to x. */
void sg_circle_law_start(sg_circle_law *law, double x, bool warm);
double sg_circle_law_at_zero(const sg_circle_law *law);
/* Context sg_circle_law.  Errors: those of cells. */
sg_distance sg_circle_law_distance;
/*
 * With the distance its rate: half of int p |d/dt h_t|, the largest |d/dt P(X_t in A)| over sets A.  As a function of
 * the start the distance is the largest of P_x(X_t in A) - p(A), and d/dt is L: in dy = dx/(D p) their second
 * derivatives are at most D p^2 rate.
 */
SG_MUST_CHECK sg_status sg_circle_law_rate(sg_circle_law *law, double t, double *distance, double *error, double *rate);

/*
 * The same distance by the first eigenpairs, at one time; *known is false where 48 of them do not suffice, or where the
 * start is so rare that they lose too much.  What is left out is at most
 *     1/2 (sup_{l >= l_K} l e^{-2 l t} R/4)^{1/2},   R = int 1/(D p),
 * since |f(x)|^2 <= R/4 E(f,f) for functions of mean zero, so that sum phi_k(x)^2/l_k <= R/4.  Errors: those of
 * sg_circle_spectrum.
 */
SG_MUST_CHECK sg_status sg_circle_expansion(const sg_panels *panels, const double *log_d, double x, bool warm, double t,
                                            double *distance, double *error, bool *known);

#endif
