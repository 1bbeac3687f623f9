#include <string.h>

#include "scoregap/family.h"

sg_status sg_factors_new(int d, int q, int sums, int most, size_t ints, size_t doubles, sg_factors **factors) {
    sg_factors *made = NULL;
    *factors = NULL;
    const size_t head = (sizeof *made + 7) / 8 * 8, list = (size_t)most * sizeof(sg_factor);
    sg_status status = sg_new(&made, 1, head + list + doubles * sizeof(double) + ints * sizeof(int));
    if (status != SG_OK) return status;
    *made = (sg_factors){.d = d, .q = q, .sums = sums, .most = most, .ints = ints, .doubles = doubles};
    made->factor = (sg_factor *)((char *)made + head);
    made->next_double = (double *)((char *)made->factor + list);
    made->next_int = (int *)(made->next_double + doubles);
    *factors = made;
    return SG_OK;
}

void sg_factors_delete(sg_factors *factors) {
    sg_delete(factors);
}

sg_status sg_factors_add(sg_factors *factors, int sites, const int *site, int sums, const int *sum,
                         sg_factor **factor) {
    const size_t ints = (size_t)sites + (size_t)sums;
    size_t entries = 1;
    for (int k = 0; k < sites && entries <= factors->doubles; k++) entries *= (size_t)factors->q;
    const size_t doubles = entries * (1 + (size_t)sums);
    if (!factors->most || ints > factors->ints || entries > factors->doubles || doubles > factors->doubles)
        return sg_fail(SG_INTERNAL, "the list of factors has no room for one more of %d sites", sites);
    sg_factor *next = &factors->factor[factors->count++];
    next->sites = sites;
    next->sums = sums;
    next->site = factors->next_int;
    next->sum = next->site + sites;
    next->log_p = factors->next_double;
    next->value = next->log_p + entries;
    memcpy(next->site, site, (size_t)sites * sizeof(int));
    if (sums) memcpy(next->sum, sum, (size_t)sums * sizeof(int));
    factors->most--;
    factors->ints -= ints;
    factors->doubles -= doubles;
    factors->next_int += ints;
    factors->next_double += doubles;
    *factor = next;
    return SG_OK;
}

sg_status sg_model_factors(const sg_model *model, const double *theta, sg_factors **factors) {
    *factors = NULL;
    if (model->family->factors) return model->family->factors(model, theta, factors);
    return sg_fail(SG_REFUSED, "log p of %s is not known as a sum of functions of a few sites", model->text);
}
