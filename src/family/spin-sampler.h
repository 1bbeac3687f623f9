/* Exact draws of states of two-state sites: by classes of equal numbers of sites in state 1, or from all states. */
#ifndef SG_FAMILY_SPIN_SAMPLER_H
#define SG_FAMILY_SPIN_SAMPLER_H

#include "scoregap/family.h"

typedef struct sg_spin_sampler sg_spin_sampler;

/* Errors: SG_REFUSED (too many sites, and no classes), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_spin_sampler_new(const sg_model *model, const double *theta, sg_spin_sampler **sampler);
void sg_spin_sampler_delete(sg_spin_sampler *sampler);
/* As sg_sampler_draw: x = -1 or +1. */
void sg_spin_sampler_draw(const sg_spin_sampler *sampler, sg_stream *stream, sg_block *block);

#endif
