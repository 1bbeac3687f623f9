/*
 * States of d sites with q states each by their codes sum_i s_i q^i, block by block: within a block the lowest sites
 * vary.
 */
#ifndef SG_FAMILY_CODES_H
#define SG_FAMILY_CODES_H

#include "scoregap/family.h"

enum { SG_CODES_BLOCK = 256, SG_CODES_LOW = 8, SG_CODES_SITES = 64 };

typedef struct {
    int d, q;
    int low, size; /* sites that vary within a block, its q^low <= SG_CODES_BLOCK states */
} sg_codes;
sg_codes sg_codes_of(int d, int q);

/* log p of the `size` states whose sites from `low` on are those of `high`. */
typedef void sg_codes_block(const void *context, uint64_t high, double *logp);

/* sg_family.states from such blocks. */
void sg_codes_states(const sg_codes *codes, sg_codes_block *block, const void *context, uint64_t first, int count,
                     double *logp);

/* The states [n] of the n lowest sites of a code. */
void sg_codes_digits(int q, uint64_t code, int n, int *state);

/*
 * Adds one site above those of the `count` states in f: f[s count + c] = f[c] + value[s], s = 0 .. q - 1.
 */
void sg_codes_add_site(int q, int count, const double *value, double *f);

#endif
