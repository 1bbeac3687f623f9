#include "scoregap/family.h"

sg_status sg_pairs_new(int n, int q, long long edges, sg_pairs *pairs) {
    char *block;
    *pairs = (sg_pairs){0};
    if (edges > SG_PAIRS_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "%lld couplings are too many to be listed, the most is %d: take fewer sites",
                       edges, (int)SG_PAIRS_MOST);
    const size_t count = (size_t)edges, reals = count + (q == 2 ? (size_t)n : 0);
    sg_status status = sg_new(&block, 1, reals * sizeof(double) + 2 * count * sizeof(int) + 1);
    if (status != SG_OK) return status;
    *pairs = (sg_pairs){.n = n, .q = q, .edges = (int)edges, .J = (double *)block};
    pairs->field = q == 2 ? pairs->J + count : NULL;
    pairs->i = (int *)(pairs->J + reals);
    pairs->j = pairs->i + count;
    return SG_OK;
}

void sg_pairs_free(sg_pairs *pairs) {
    sg_delete(pairs->J);
    *pairs = (sg_pairs){0};
}
