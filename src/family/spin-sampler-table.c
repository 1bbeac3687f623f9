#include <math.h>

#include "family/spin-sampler.h"

sg_status sg_entry_table_new(int count, sg_entry_table *t) {
    *t = (sg_entry_table){.count = count};
    sg_status status = sg_new(&t->cumulative, (size_t)count, sizeof(double));
    if (status == SG_OK) status = sg_new(&t->guide, (size_t)count + 1, sizeof(int));
    return status;
}

void sg_entry_table_free(sg_entry_table *t) {
    sg_delete(t->cumulative);
    sg_delete(t->guide);
    *t = (sg_entry_table){0};
}

/* A guide never points beyond the entry of any u in its interval, whatever the rounding of u count. */
sg_status sg_entry_table_settle(sg_entry_table *t) {
    double *value = t->cumulative, most = -INFINITY, sum = 0;
    for (int k = 0; k < t->count; k++) most = fmax(most, value[k]);
    for (int k = 0; k < t->count; k++) sum = value[k] = sum + exp(value[k] - most);
    if (!isfinite(sum)) return sg_fail(SG_NOT_INTEGRABLE, "the sum over all states is not positive and finite");
    for (int k = 0; k < t->count; k++) value[k] /= sum;
    for (int k = 0, at = 0; k <= t->count; k++) {
        while (at < t->count - 1 && value[at] * t->count < k) at++;
        t->guide[k] = at;
    }
    return SG_OK;
}
