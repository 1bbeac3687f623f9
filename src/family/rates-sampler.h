/* Exact draws from the stationary law of a chain by its rates. */
#ifndef SG_FAMILY_RATES_SAMPLER_H
#define SG_FAMILY_RATES_SAMPLER_H

#include "scoregap/family.h"

/* The law p [n], by detailed balance if the chain is reversible, otherwise by the elimination of Grassmann, Taksar and
 * Heyman.  Errors: SG_REFUSED (reducible; more than 3000 states and not reversible), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_rates_law(const sg_rates *rates, double *p);

typedef struct sg_rates_sampler sg_rates_sampler;
/* Errors: those of the law. */
SG_MUST_CHECK sg_status sg_rates_sampler_new(const sg_model *model, const double *theta, sg_rates_sampler **sampler);
void sg_rates_sampler_delete(sg_rates_sampler *sampler);
/* As sg_sampler_draw: x is the number of a state. */
void sg_rates_sampler_draw(const sg_rates_sampler *sampler, sg_stream *stream, sg_block *block);

#endif
