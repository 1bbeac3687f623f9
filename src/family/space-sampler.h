/*
 * Draws from p_theta on R^d or the orthant by chains, where a family has no sampler of its own.  A pool of 4096 chains
 * is brought near stationarity once.  A block of draws starts 256 chains at states of the pool, chosen by the block's
 * stream, and runs them t steps with that stream: a pure function of it.  t is what makes the correlation of every
 * watched statistic (space-statistics.h) with itself t steps later less than SG_SPACE_CORRELATION, over chains that
 * came from different places; so draws are nearly independent of the pool, and of each other but for it.
 */
#ifndef SG_FAMILY_SPACE_SAMPLER_H
#define SG_FAMILY_SPACE_SAMPLER_H

#include "scoregap/family.h"

#define SG_SPACE_CORRELATION 0.01
typedef struct sg_space_sampler sg_space_sampler;
/*
 * Errors: SG_REFUSED (the chains do not mix within 512 steps a draw, or their means contradict cubature or identities
 * by 6 standard errors; other spaces), SG_NOT_INTEGRABLE, SG_NO_MEMORY.  A second or so; more in many dimensions.
 */
SG_MUST_CHECK sg_status sg_space_sampler_new(const sg_model *model, const double *theta, sg_space_sampler **sampler);
void sg_space_sampler_delete(sg_space_sampler *sampler);
void sg_space_sampler_draw(const sg_space_sampler *sampler, sg_stream *stream, sg_block *block);
/* As sg_sampler_error and sg_sampler_method. */
double sg_space_sampler_error(const sg_space_sampler *sampler);
const char *sg_space_sampler_method(const sg_space_sampler *sampler);

#endif
