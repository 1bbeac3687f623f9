/*
 * Roots of estimating equations whose derivative is not at hand: quasi-Newton steps from a start that is good as a
 * rule, guarded for when it is not.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_ROOT_H
#define SG_ESTIMATE_ROOT_H

#include "scoregap/base.h"

/* g [m] at x [m]; SG_NOT_INTEGRABLE where it is not defined (the step is then shortened).  Any other failure ends the
 * search. */
typedef sg_status (*sg_root_equation)(void *context, const double *x, double *g);

typedef struct {
    double tol; /* of x, whose natural unit is 1 */
    int most;   /* evaluations */
} sg_root_settings;

/* What is known where the search ended. */
typedef struct {
    double *jacobian; /* [m,m], the caller's: derivative of g; in: what to start with, out: as corrected on the way */
    double last_step; /* length of the last step that corrected it; NAN: none did */
    int evaluations;  /* those that gave a value */
} sg_root_state;

/*
 * x in/out.  The derivative follows Broyden's update (the secant where m = 1), shortened so that it does not shrink its
 * determinant to less than a tenth: where g is flat the steps then grow tenfold at most.  m = 1: once g has had both
 * signs the root is kept between them, and a step that leaves the bracket, or follows two that did not halve g, goes to
 * its middle.  m > 1: a step is halved until the next one, by the same derivative, would be shorter; where that fails
 * the derivative is taken by differences, and where it fails again the search ends.
 *
 * Ends when s, the next step, is below tol (x_i counts in units of max(1, |x_i|)); for m = 1 also when both s times its
 * ratio to the step before and s times that step are, for so far the secant may be off.  s is still taken: the last
 * evaluation was at x - s.  Errors: SG_NOT_CONVERGED, SG_SINGULAR (the derivative), SG_NOT_INTEGRABLE (at the start),
 * those of the equation.  `work`: sg_root_work(m) doubles.  No allocation for m <= 64.
 */
size_t sg_root_work(int m);
SG_MUST_CHECK sg_status sg_root(int m, sg_root_equation equation, void *context, const sg_root_settings *settings,
                                double *x, sg_root_state *state, double *work);

#endif
