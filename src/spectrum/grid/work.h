/*
 * The steps of sg_grid_gap and what they share: first looks and elements placed by them (place.c), eigenvalues on one
 * set of elements (solve.c), rounds of both until the error estimate is small (grid.c).
 */
#ifndef SG_SPECTRUM_GRID_WORK_H
#define SG_SPECTRUM_GRID_WORK_H

#include "scout.h"

enum { SG_GRID_MOST = 16 };

typedef struct {
    const sg_grid_problem *problem;
    sg_grid_settings s;
    sg_scout *scout;
    double deeper;   /* how far below the pass the law is looked at */
    int most_degree; /* of p along an element */
    sg_partition_of_box slabs;
    uint8_t *keep;   /* [elements of the slabs] */
    bool unresolved; /* p is too steep for the quadrature of the given elements */
    bool lobpcg;     /* the factor does not fit */
    int count, slow, unknowns, solves;
    double log_value[SG_GRID_MOST], error[SG_GRID_MOST], log_upper;
    double *coefficient;   /* [functions][SG_GRID_MOST] of the last elements; NULL: not wanted */
    double left_out, ends; /* shares, estimated: beyond the elements; of that, beyond the first and last slabs */
    double rough[SG_DIM][SG_SLABS]; /* share of the energy that elements of degree two less would miss, by slab */
} sg_grid_work;

/* Scout, from work->deeper.  Errors: those of sg_grid_fit_frame and sg_scout_new. */
SG_MUST_CHECK sg_status sg_grid_look(sg_grid_work *work);
/* Slabs and elements with an error of about `error` each; ... */
SG_MUST_CHECK sg_status sg_grid_place(sg_grid_work *work, double error);
/* ... or from the last ones, where these were too rough to reach the tolerance. */
SG_MUST_CHECK sg_status sg_grid_split(sg_grid_work *work);

/* Eigenvalues by elements of two or three degrees, error estimates and what else there is from `lobpcg` on.  Where the
 * solution says that elements are missing they are added.  Errors: those of the solvers. */
SG_MUST_CHECK sg_status sg_grid_solve(sg_grid_work *work);

#endif
