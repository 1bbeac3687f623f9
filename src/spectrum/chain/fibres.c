#include "fibres.h"

void sg_fibres_of(int d, int q, uint32_t mask, sg_fibres *fibres) {
    int64_t power = 1;
    *fibres = (sg_fibres){.q = q, .count = 1, .length = 1};
    for (int i = 0; i < d; i++, power *= q) {
        if (mask >> i & 1) {
            fibres->step[fibres->k++] = power;
            fibres->length *= q;
        } else {
            fibres->other[fibres->others++] = power;
            fibres->count *= q;
        }
    }
}

/* sum_l digit_l(index) step[l] for consecutive indices, counting up. */
static void count_up(int q, int sites, const int64_t *step, int64_t first, int n, int32_t *out) {
    int digit[SG_FIBRES_SITES] = {0};
    int64_t at = 0;
    for (int l = 0; l < sites; l++, first /= q) {
        digit[l] = (int)(first % q);
        at += digit[l] * step[l];
    }
    for (int i = 0; i < n; i++) {
        out[i] = (int32_t)at;
        int l = 0;
        for (; l < sites && digit[l] == q - 1; l++) {
            at -= digit[l] * step[l];
            digit[l] = 0;
        }
        if (l == sites) continue;
        digit[l]++;
        at += step[l];
    }
}

void sg_fibres_offsets(const sg_fibres *fibres, int64_t first, int n, int32_t *out) {
    count_up(fibres->q, fibres->k, fibres->step, first, n, out);
}

void sg_fibres_bases(const sg_fibres *fibres, int64_t first, int n, int32_t *out) {
    count_up(fibres->q, fibres->others, fibres->other, first, n, out);
}
