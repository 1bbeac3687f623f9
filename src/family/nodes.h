/*
 * Finite sets behind sg_nodes: all states, or classes by the number of sites in state 1; and drawn nodes.
 */
#ifndef SG_FAMILY_NODES_H
#define SG_FAMILY_NODES_H

#include "scoregap/family.h"

/* Fills nodes->n, mass and log_z, for nodes->model and nodes->alike.  Errors: those of sg_nodes_new. */
SG_MUST_CHECK sg_status sg_nodes_fill_states(const double *theta, sg_nodes *nodes);

/*
 * Logs of the masses of k = 0 .. d sites in state 1, log_mass [d + 1] (their exps sum to 1), and log Z.  Errors:
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_counts_log_mass(const sg_model *model, const double *theta, double *log_mass, double *log_z);

/* The n <= SG_BLOCK states from code `first`, a multiple of SG_BLOCK, written to x [d][SG_BLOCK]. */
void sg_states_points(const sg_model *model, long long first, int n, double *x);
/* sg_nodes_block on finite sets. */
void sg_nodes_states_block(const sg_nodes *nodes, long long b, sg_block *block, double weight[SG_BLOCK]);

/* Fills nodes->n, x, logp, mass and groups from the sampler at theta.  Errors: those of sg_nodes_new. */
SG_MUST_CHECK sg_status sg_nodes_fill_drawn(const double *theta, int level, sg_nodes *nodes);

/* Cubature of about four digits, which is cheaper.  Errors: SG_REFUSED (no cubature), those of sg_nodes_new. */
SG_MUST_CHECK sg_status sg_nodes_rough(const sg_model *model, const double *theta, sg_nodes **nodes);

#endif
