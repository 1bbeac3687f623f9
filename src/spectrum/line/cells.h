/*
 * The line cut into cells on which the solutions of (D p f')' = -lambda p f are short power series in lambda.
 *
 * One cell, t in [-1,1], half-length h, p = 2^s ph, D p = 2^u rh; with v = int_lo^x p f = h 2^s w and l = lambda h^2
 * 2^(s-u) f' = -l w / rh,   w' = ph f   (derivatives in t). Fundamental solutions: from (f,w) = (1,0) at the left edge
 * f = A(-l), w = C(-l); from (0,1) f = -l B(-l), w = D(-l).
 */
#ifndef SG_SPECTRUM_CELLS_H
#define SG_SPECTRUM_CELLS_H

#include "scoregap/numeric.h"

#define SG_CELL_TERMS 14 /* of a series: 2.8^28/28! is below rounding */

typedef struct {
    double lo, hi, half;
    int panel, depth; /* halved that many times */
    long s, u;
    double node[4][SG_CELL_TERMS][SG_PANEL_ORDER]; /* series of A, B, C, D at the nodes of the cell */
} sg_cell;

typedef struct {
    double term[SG_CELL_TERMS][4]; /* of A, B, C, D at t = 1 */
} sg_cell_edge;

/* A positive function on the panels, on each by the Legendre series of its logarithm or of itself, whichever ends
 * sooner. */
typedef struct {
    double *series;   /* [n] */
    double *log_unit; /* [count] NAN: the series is that of the logarithm; otherwise that of the function over
                         exp(log_unit) */
    double *defect;   /* [count] estimated relative error */
} sg_cell_form;

typedef struct {
    const sg_panels *panels; /* borrowed */
    int count, room;
    sg_cell *cell;
    sg_cell_edge *edge; /* beside the cells, since a sweep needs no more */
    double *log_dp;     /* [n] */
    sg_cell_form p, dp;
} sg_cells;

/* Cells for lambda up to exp(log_top); deletes nothing on failure: sg_cells_delete takes what is there. */
SG_MUST_CHECK sg_status sg_cells_make(sg_cells *cells, const sg_panels *panels, const double *log_d, double log_top);
void sg_cells_delete(sg_cells *cells);

#endif
