/*
 * What the families on two-state sites have in common: setting up a model, and log p of all states block by block.
 */
#ifndef SG_FAMILY_SPINS_H
#define SG_FAMILY_SPINS_H

#include "scoregap/family.h"

enum { SG_SPINS_LOW = 8, SG_SPINS_STATES = 1 << SG_SPINS_LOW }; /* sites that vary within a block of states */

/* Puts a model of `full` parameters on n sites of two states: truth [full] zero.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_spins_model(sg_model *model, int n, int full);

/* log p of the SG_SPINS_STATES states whose sites from SG_SPINS_LOW on are those of `high` << SG_SPINS_LOW. */
typedef void sg_spins_block(const void *context, uint64_t high, double *logp);

/* sg_family.states from such blocks. */
void sg_spins_states(sg_spins_block *block, const void *context, uint64_t first, int count, double *logp);

#endif
