/*
 * The adaptive search behind sg_panels_new: where the density lives, and a partition that resolves it.
 */
#ifndef SG_NUMERIC_GRID_H
#define SG_NUMERIC_GRID_H

#include "scoregap/numeric.h"

/* One interval of the partition. */
typedef struct {
    double lo, hi;
    double logq[SG_PANEL_ORDER]; /* at the Legendre nodes */
    double max, min;             /* of the numbers among logq */
    double mass;                 /* int exp(logq - max) */
    double rest, before;         /* what the Legendre series of exp(logq - max) leaves out; its parent's */
    bool bad;                    /* a node where log q is NaN or +infinity */
} sg_piece;

/* A test function on one interval. */
typedef struct {
    double size, peak;   /* max |test|, max |test| exp((logq - max)/2) */
    double mass;         /* int |test| exp(logq - max) */
    double rest, before; /* of its Legendre series */
} sg_trace;

/* What is asked of the search: see sg_panels_new. */
typedef struct {
    double tol, depth;
    double steep;  /* largest change of log q across a piece */
    double beyond; /* the cut lies that far below the lowest barrier, too; INFINITY: wherever the barriers are */
    int level;
    bool bare; /* only the partition and log q: masses, series and errors are left out where they decide nothing */
} sg_grid_request;

typedef struct {
    const sg_density *density;
    double tol, depth, steep, beyond;
    bool bare;
    int count, most; /* pieces in order; room for */
    int used;        /* pieces in the pool */
    int fresh;       /* pieces not yet evaluated */
    int first, last; /* the first and the last piece that reach above the cut */
    double top, cut;
    double step_lo, step_hi; /* widths of the next pieces outwards */
    double error;
    sg_piece *piece;              /* [most] pool, in order of birth */
    sg_trace *trace;              /* [most][tests] */
    int *order, *spare, *waiting; /* [most] */
    double *peak;                 /* [tests] largest |test| exp((logq - top)/2) */
    double *landmark, *scale;     /* [landmarks or 1] sorted, inside the support */
    int landmarks;
    double *test; /* [tests][256] */
    double x[256], logq[256];
} sg_grid;

/* Pieces order[first..last] are the partition.  The grid is made even on failure and is the caller's to delete. */
SG_MUST_CHECK sg_status sg_grid_new(const sg_density *density, const sg_grid_request *request, sg_grid **grid);
void sg_grid_delete(sg_grid *grid);

/* A piece at the right end; empty ones are left out.  May move the arrays. */
SG_MUST_CHECK sg_status sg_grid_append(sg_grid *grid, double lo, double hi);

/* Reads the landmarks of the density and lays the first pieces. */
SG_MUST_CHECK sg_status sg_grid_seed(sg_grid *grid);

#endif
