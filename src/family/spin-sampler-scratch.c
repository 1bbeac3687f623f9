#include <omp.h>
#include <sched.h>

#include "family/spin-sampler-past.h"

sg_status sg_past_scratch_new(size_t bytes, sg_past_scratch *s) {
    const int threads = omp_get_max_threads();
    *s = (sg_past_scratch){.count = threads > 1 ? threads : 1, .bytes = (bytes + 63) / 64 * 64};
    sg_status status = sg_new(&s->busy, (size_t)s->count, 1);
    if (status == SG_OK) status = sg_new(&s->memory, (size_t)s->count, s->bytes);
    return status;
}

void sg_past_scratch_free(sg_past_scratch *s) {
    sg_delete(s->busy);
    sg_delete(s->memory);
    *s = (sg_past_scratch){0};
}

void *sg_past_scratch_take(const sg_past_scratch *s, int *which) {
    for (;; sched_yield())
        for (int k = 0; k < s->count; k++)
            if (!__atomic_test_and_set(&s->busy[k], __ATOMIC_ACQUIRE)) {
                *which = k;
                return s->memory + (size_t)k * s->bytes;
            }
}

void sg_past_scratch_give(const sg_past_scratch *s, int which) {
    __atomic_clear(&s->busy[which], __ATOMIC_RELEASE);
}
