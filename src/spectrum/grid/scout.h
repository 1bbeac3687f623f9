/*
 * A cheap first look at a diffusion on a box: finite volumes of second order on equal cells (exponentially fitted
 * fluxes, an M-matrix).  It finds the wells, rough eigenvalues, where mass, energy and flux are, and from these the
 * slabs of the elements.
 */
#ifndef SG_SPECTRUM_SCOUT_H
#define SG_SPECTRUM_SCOUT_H

#include "wells.h"

#define SG_SCOUT_FLUX 1e-8 /* share above which a cell counts as passed by flux */

typedef struct {
    int d;
    sg_cells cells;
    sg_frame frame;
    double *log_p, *tensor;  /* [cells.total]; [d][cells.total] diagonal of D, NULL for 1 */
    int *number, *cell;      /* [cells.total] active number or -1; [form.n] */
    int *from, *to;          /* [edges] active numbers */
    double *log_conductance; /* [edges] */
    int edges;
    sg_form form;
    sg_wells wells;
    int slow; /* eigenvalues found by conductances */
    int count;
    double log_value[SG_WELLS]; /* [count] rough eigenvalues */
    double *relevance, *flux;   /* [cells.total] share of mass or energy of any mode; share of the flux of slow modes */
    double *energy, *rough;     /* [cells.total] share of energy; [d][cells.total] log slope of the gradient */
    uint8_t *gate;              /* [cells.total] where slow modes pass from one value to another */
    double *reach[SG_DIM][2];   /* [cells.count[a]] where an element that covers the slice has to end, down and up */
    int *up;                    /* [d][cells.total] edge to the next cell, or -1 */
} sg_scout;

/*
 * `resolution` cells a direction; `count` eigenvalues are looked for.  Errors: SG_REFUSED (log p is NaN or +infinity,
 * or vanishes between wells), SG_UNDERFLOW (a barrier beyond e^-690), those of the solvers.
 */
SG_MUST_CHECK sg_status sg_scout_new(const sg_grid_problem *problem, const sg_frame *frame, int resolution, int count,
                                     size_t memory, const volatile int *stop, sg_scout **scout);
void sg_scout_delete(sg_scout *scout);

/* Is the cell part of what the elements must cover, at this share? */
bool sg_scout_keeps(const sg_scout *scout, int cell, double share);

/*
 * In wells deeper than e^-700 harmonic functions underflow, and their flux with them: it goes on uphill, so that what
 * is kept of the law hangs together.
 */
void sg_scout_lead_uphill(sg_scout *scout);
void sg_scout_fill_reaches(sg_scout *scout); /* scout->reach */
/* Does flux pass between these places along axis a where log p rises steeply? */
bool sg_scout_steep(const sg_scout *scout, int a, double from, double to);

/* Does the problem's box cut off what matters of the law, where the frame is turned? */
bool sg_scout_cut_off(const sg_scout *scout);
/* How many cells a direction would be needed to see the narrowest features; no more than `most`. */
int sg_scout_resolution(const sg_scout *scout, int most);

/* Slabs and degrees, `least` to `most`, with which elements of degree two less have errors below about `error` each,
 * with few nodes; what has a smaller `share` is left out.  Errors: SG_NOT_CONVERGED (more than SG_SLABS). */
SG_MUST_CHECK sg_status sg_scout_slabs(const sg_scout *scout, int least, int most, double error, double share,
                                       sg_partition_of_box *slabs);
/* weight [slabs], made with sg_new: the share that each element holds of anything, 0 where it can be left out. */
SG_MUST_CHECK sg_status sg_scout_weigh(const sg_scout *scout, double share, const sg_partition_of_box *slabs,
                                       double **weight);

/*
 * Sets slabs->degree, so that the quadrature has a relative error of about `tol` of the whole, from p (and D p) along
 * a few lines through each element with a weight.  Slabs of a degree above `most`, or half of that where they are
 * steep, are halved if `split`; returns how many in *halved (weights are then those of other slabs), else how many
 * there are.
 */
SG_MUST_CHECK sg_status sg_slabs_resolve(const sg_grid_problem *problem, const sg_scout *scout, const double *weight,
                                         double tol, int most, bool split, sg_partition_of_box *slabs, int *halved);

#endif
