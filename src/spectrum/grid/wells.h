/*
 * Equal cells of a box, and the wells of log p on them: its maxima, the height at which each is joined to a higher one.
 */
#ifndef SG_SPECTRUM_WELLS_H
#define SG_SPECTRUM_WELLS_H

#include "elements.h"

#define SG_DEEPER 36.0 /* how far below the pass, or below the top, one looks at first */

typedef struct {
    int d, total, count[SG_DIM]; /* 1 beyond the dimension */
    double lo[SG_DIM], width[SG_DIM];
} sg_cells;

void sg_cells_set(const sg_frame *frame, int d, int resolution, sg_cells *cells);
void sg_cells_index(const sg_cells *cells, int cell, int *at);            /* [3] */
int sg_cells_step(const sg_cells *cells, int a);                          /* between neighbours along axis a */
int sg_cells_neighbour(const sg_cells *cells, int cell, int a, int side); /* -1: none */
void sg_cells_centre(const sg_cells *cells, int cell, double *u);         /* [3] */

/* Maxima that lie 1.5 above where they join a higher one, at most SG_WELLS, the deepest of them, the top first. */
typedef struct {
    int count, cell[SG_WELLS];
    double pass; /* log p at the highest level at which they are all joined; 0 for one well */
} sg_wells;

/* log_p [total], 0 at the top.  Errors: SG_REFUSED (p vanishes between two parts), SG_UNDERFLOW (a pass below e^-690),
 * SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_cells_wells(const sg_cells *cells, const double *log_p, sg_wells *wells);

/*
 * Finds, by levels of log p alone, the part of the frame's box that matters, the principal axes of the mean of
 * grad log p grad log p' there, and turns and shrinks the frame accordingly.  A few rounds; where the law is cut off by
 * a face of the problem's box the frame is not turned.  Also sets frame->top and deeper, and *pass (see sg_wells; NULL:
 * not wanted).  Errors: as above, and SG_REFUSED (log p is NaN or +infinity at a point, p vanishes on the whole box).
 */
SG_MUST_CHECK sg_status sg_grid_fit_frame(const sg_grid_problem *problem, bool turn, double deeper, sg_frame *frame,
                                          double *pass);

#endif
