/* What a fitter holds, for the files that fit: fit.c, and two-step.c for losses whose constants are made at a pilot. */
#ifndef SG_ESTIMATE_FITTER_H
#define SG_ESTIMATE_FITTER_H

#include "estimate/coordinate-fit.h"
#include "estimate/nodewise.h"
#include "estimate/pass.h"
#include "estimate/site-fits.h"
#include "estimate/starts.h"

typedef struct sg_two_step sg_two_step;

struct sg_fitter {
    const sg_model *model;
    const sg_loss *loss;
    const sg_nodes *nodes;   /* at the reference; NULL: none are needed */
    const sg_panels *panels; /* theirs, on the line */
    sg_fit_kind kind;
    int m;
    sg_chart *chart;
    sg_lens *lens;
    sg_prepared *prepared;
    sg_partition *partition; /* for rows that need log Z */
    sg_local origin, local;  /* at delta = 0 and at the last delta */
    sg_local raw;            /* finite sets: E F at the origin, in the free parameters */
    sg_pass_means means, middle;
    double *delta, *theta, *full; /* [m], [m], [full] */
    double *start;                /* [m] of the iteration: 0 but for fits from many starts */
    bool gauss;                   /* the Hessian is the Gram matrix of the roots */
    const sg_starts_room *many;   /* of the fit under way; NULL: one start */
    double *a, *b, *c, *stack, *work, *newton;
    const sg_source *source; /* of the fit under way */
    int passes, refusals;
    sg_two_step *two_step; /* NULL: the loss needs no pilot */
    sg_site_fits *sites;   /* NULL: all parameters are fitted at once */
    sg_nodewise *nodewise; /* the same faster, for pairwise models; NULL: others */
    /* Quadratic losses on families of pairs: nothing of chart, lens and scratch is there then.  NULL: others. */
    sg_coordinate_fit *coordinates;
};

void sg_fitter_pass(sg_fitter *f, const sg_local *local, const double *delta, int want, sg_pass_means *means);
/* Mean Gram matrix [m,m] of the roots (readings of continuous spaces and general losses). */
void sg_fitter_gram(sg_fitter *f, const sg_local *local, const double *delta, double *gram);
/* Free parameters theta [m] at f->delta; leaves the coordinates in f->full. */
void sg_fitter_theta(sg_fitter *f, double *theta);
/* Finite sets: how the free parameters [m] move along a vector of the chart [m]. */
void sg_fitter_along(const sg_fitter *f, const double *along, double *direction);
/* What sg_newton returned, with the edge of the parameter space told from other failures. */
SG_MUST_CHECK sg_status sg_fitter_verdict(const sg_fitter *f, sg_status status);

/*
 * Two-step losses.  With the constants made at theta itself the loss has the estimating equation g(theta) = mean psi =
 * 0.  Its root is where the iteration "constants at the estimate, estimate with these constants" comes to rest, if it
 * does: near the root that multiplies errors by 1 - g'/A, A the mean curvature with the constants held.  In deep wells
 * A is a mean over few data in the barrier, far from its expectation, which is that of g' (constants in error have no
 * effect of first order), and the iteration creeps, swings between two points or runs away.  So g = 0 is solved by
 * quasi-Newton steps from the pilot (root.h), beginning with the expectation of g' at the reference, the Dirichlet
 * matrix.  With the Stein kernel of the only free parameter g is the score of the likelihood, and so is its root.
 */
SG_MUST_CHECK sg_status sg_two_step_new(sg_fitter *f);
void sg_two_step_delete(sg_fitter *f);
/* Leaves the estimate in f->delta, psi and, when asked for, its products there in f->means.  `kernels`: how often the
 * constants were made.  SG_PILOT_FAILED when the pilot is undefined or the constants cannot be made there. */
SG_MUST_CHECK sg_status sg_two_step_fit(sg_fitter *f, int want, int *kernels);
/* The derivative of g at the estimate, in f->a: known from the last step of the fit, or by differences. */
SG_MUST_CHECK sg_status sg_two_step_derivative(sg_fitter *f);

#endif
