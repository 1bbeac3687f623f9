/* A family on R^d, d <= 3, in a turned frame: u_a = sum_b turn[a d + b] x_b.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_TURNED_H
#define SG_ESTIMATE_TURNED_H

#include "estimate/gap-bounds.h"

typedef struct {
    const sg_model *model;
    int d;
    double turn[SG_BOUND_D * SG_BOUND_D];  /* orthonormal rows */
    double lo[SG_BOUND_D], hi[SG_BOUND_D]; /* a box in the frame; set by sg_turned_box */
    double depth, top;                     /* of its faces below the largest log p seen on a lattice, and that */
    sg_jet jet;                            /* of the points looked at last */
    double *x;                             /* [d][SG_BLOCK] them */
    sg_arena *arena;
} sg_turned;

/* In the axes of x, without a box.  Jets are those of log p, its second derivatives, and the statistics with their
 * gradients. */
SG_MUST_CHECK sg_status sg_turned_new(const sg_model *model, sg_turned **turned);
void sg_turned_delete(sg_turned *turned);

/* Fills x and the jet, what `want` asks of it, at n <= SG_BLOCK points u[a * n + i] of the frame.  Allocates nothing.
 */
void sg_turned_look(sg_turned *turned, int want, int n, const double *u);
/* Hess V, V = -log p, in the frame, at the points looked at last with SG_DXX: out [d(d+1)/2][n], packed as bound.h. */
void sg_turned_hessian(const sg_turned *turned, int n, double *out);
/* Of a potential on the frame, for bound.h: context is the sg_turned. */
void sg_turned_potential(const void *turned, int n, const double *u, double *hessian);

/* A box whose faces lie `depth` below the top, around the origin of x. */
SG_MUST_CHECK sg_status sg_turned_box(sg_turned *turned, double depth);

/* The frame of least coupling (bound.h), from a lattice in the box; the box is gone after.  *same: it is that of
 * before.
 */
SG_MUST_CHECK sg_status sg_turned_least_coupling(sg_turned *turned, bool *same);

#endif
