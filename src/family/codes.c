#include "family/codes.h"

#include <string.h>

sg_codes sg_codes_of(int d, int q) {
    sg_codes codes = {.d = d, .q = q, .size = 1};
    while (codes.low < d && codes.size * q <= SG_CODES_BLOCK) {
        codes.size *= q;
        codes.low++;
    }
    return codes;
}

void sg_codes_states(const sg_codes *codes, sg_codes_block *block, const void *context, uint64_t first, int count,
                     double *logp) {
    _Alignas(SG_ALIGN) double whole[SG_CODES_BLOCK];
    const uint64_t size = (uint64_t)codes->size;
    for (int done = 0; done < count;) {
        const uint64_t code = first + (uint64_t)done, high = code / size;
        const int skip = (int)(code - high * size), left = count - done;
        const int taken = left < codes->size - skip ? left : codes->size - skip;
        if (taken == codes->size) {
            block(context, high, logp + done);
        } else {
            block(context, high, whole);
            memcpy(logp + done, whole + skip, (size_t)taken * sizeof(double));
        }
        done += taken;
    }
}

void sg_codes_digits(int q, uint64_t code, int n, int *state) {
    for (int i = 0; i < n; i++, code /= (uint64_t)q) state[i] = (int)(code % (uint64_t)q);
}

static void shift(int count, double value, const double *restrict f, double *restrict out) {
#pragma omp simd
    for (int c = 0; c < count; c++) out[c] = f[c] + value;
}

void sg_codes_add_site(int q, int count, const double *value, double *f) {
    for (int s = q - 1; s > 0; s--) shift(count, value[s], f, f + s * count);
#pragma omp simd
    for (int c = 0; c < count; c++) f[c] += value[0];
}
