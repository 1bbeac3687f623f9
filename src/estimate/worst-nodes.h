/*
 * The relative variance of the Hessian of one datum in the worst direction, max_v E(v'Av)^2/(E v'Av)^2 - 1, without
 * second theta-derivatives: A v by central differences of psi.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_WORST_NODES_H
#define SG_ESTIMATE_WORST_NODES_H

#include "estimate/fold.h"

/*
 * By ascent, v <- E (v'Av) A v, from the worst combinations: directions `start` [m][starts] along the chart of `whiten`
 * [m,m], in which H is near the identity; so a local maximum.  Nodes that were drawn: 4096 of them lead to directions,
 * of which 4096 others say how much it is there, to some per cent: a lower estimate.  Losses that draw: A of their own
 * number of draws, at 256 blocks of nodes at least, likewise; heavy tails of what they draw may leave an error of a
 * third.  Cost: about 20 readings of psi a start.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_worst_hessian_nodes(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                                               const sg_nodes *nodes, const double *whiten, int starts,
                                               const double *start, double *rho);

#endif
