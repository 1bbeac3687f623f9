#include "family/spins.h"

#include <string.h>

sg_status sg_spins_model(sg_model *model, int n, int full) {
    model->space = (sg_space){.shape = SG_FINITE, .d = n, .q = 2};
    model->full = full;
    return sg_new(&model->truth, (size_t)full, sizeof *model->truth);
}

void sg_spins_states(sg_spins_block *block, const void *context, uint64_t first, int count, double *logp) {
    _Alignas(SG_ALIGN) double whole[SG_SPINS_STATES];
    for (int done = 0; done < count;) {
        const uint64_t code = first + (uint64_t)done, high = code >> SG_SPINS_LOW;
        const int skip = (int)(code & (SG_SPINS_STATES - 1)), left = count - done;
        const int taken = left < SG_SPINS_STATES - skip ? left : SG_SPINS_STATES - skip;
        if (taken == SG_SPINS_STATES) {
            block(context, high, logp + done);
        } else {
            block(context, high, whole);
            memcpy(logp + done, whole + skip, (size_t)taken * sizeof(double));
        }
        done += taken;
    }
}
