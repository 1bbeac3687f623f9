/* Exact draws of states of finite sets, by the first of several methods that a model admits. */
#ifndef SG_FAMILY_SPIN_SAMPLER_H
#define SG_FAMILY_SPIN_SAMPLER_H

#include "scoregap/family.h"

typedef struct sg_spin_sampler sg_spin_sampler;

/* Errors: SG_REFUSED (no method is known, or it takes too long), SG_NOT_INTEGRABLE, SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_spin_sampler_new(const sg_model *model, const double *theta, sg_spin_sampler **sampler);
void sg_spin_sampler_delete(sg_spin_sampler *sampler);
/* As sg_sampler_draw: x = -1 or +1, or 0 .. q - 1.  Point i takes the same numbers however many points there are. */
void sg_spin_sampler_draw(const sg_spin_sampler *sampler, sg_stream *stream, sg_block *block);
/* As sg_sampler_error and sg_sampler_method. */
double sg_spin_sampler_error(const sg_spin_sampler *sampler);
const char *sg_spin_sampler_method(const sg_spin_sampler *sampler);

/* Entries 0 .. count - 1 with given weights, by the inverse of their cumulative probabilities and a guide to it. */
typedef struct {
    int count;
    double *cumulative; /* [count] */
    int *guide;         /* [count + 1] the first entry above k / count */
} sg_entry_table;
/* Room for the logs of the weights, table->cumulative, to be filled before sg_entry_table_settle. */
SG_MUST_CHECK sg_status sg_entry_table_new(int count, sg_entry_table *table);
/* Errors: SG_NOT_INTEGRABLE (no weight is positive, or one not finite). */
SG_MUST_CHECK sg_status sg_entry_table_settle(sg_entry_table *table);
void sg_entry_table_free(sg_entry_table *table);
/* First entry whose cumulative probability exceeds u in (0,1); O(1) on average. */
static inline int sg_entry_table_at(const sg_entry_table *t, double u) {
    int k = t->guide[(int)(u * t->count)];
    while (t->cumulative[k] <= u && k < t->count - 1) k++;
    return k;
}

#endif
