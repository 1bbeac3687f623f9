/*
 * The fast road of node-wise fits: statistics x_i and x_i x_j of two-state sites.  For each site i the features are -2
 * x_i (alpha + gamma x_j), and all sums over data that Newton's method and the sandwich need are moments E v x_a x_b of
 * pairs of sites under some weight v.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_NODEWISE_PAIRS_H
#define SG_ESTIMATE_NODEWISE_PAIRS_H

#include "scoregap/estimate.h"

/* States with weights, ascending by code (bit i: site i is +1). */
typedef struct {
    int d;
    long long n, most;
    uint32_t *code; /* [most] */
    double *weight; /* [most] */
    double total;   /* sum of the weights */
} sg_weighted_states;
enum { SG_PAIRS_SITES_MOST = 24, SG_PAIRS_CHUNK = 512 };

/* Four weights v at once: four sites, or four pairs of sites. */
typedef double sg_four __attribute__((vector_size(32)));

/*
 * sum_k v_k x_a x_b over states.  States that share their high sites stand together: of each such list the sum and the
 * first moments in the low sites are taken, from which the products with the high sites follow; those of low sites
 * among themselves come from the sum of all lists, `lows` [2^low].
 */
typedef struct {
    sg_four *lows, *across, *high; /* across [d - low][low]; high: lower triangle, with the diagonal for single sites */
} sg_pair_sums;
size_t sg_pair_sums_fours(int d);
/* Where the arrays stand in `memory` [sg_pair_sums_fours]. */
void sg_pair_sums_at(int d, sg_four *memory, sg_pair_sums *sums);
/* moment [d + 1,d + 1] of the weight in one lane; index d is the constant 1.  `scratch` [sg_pair_scratch] doubles. */
void sg_pair_sums_moments(int d, const sg_pair_sums *sums, int lane, double *scratch, double *moment);
size_t sg_pair_scratch(int d);

/* States first .. of a chunk, unpacked: sites as rows, low sites also point by point, and where the high sites change.
 */
typedef struct {
    int n, d, pieces;
    int start[SG_PAIRS_CHUNK + 1]; /* piece p is start[p] .. start[p + 1] */
    uint32_t high[SG_PAIRS_CHUNK]; /* of each piece */
    uint32_t low[SG_PAIRS_CHUNK];
    const double *weight;
    double *x, *x_low; /* [d][SG_PAIRS_CHUNK], [SG_PAIRS_CHUNK][low] */
} sg_pair_chunk;
void sg_pair_chunk_read(const sg_weighted_states *states, long long first, sg_pair_chunk *chunk);
void sg_pair_sums_add(const sg_pair_chunk *chunk, const sg_four *v, sg_pair_sums *sums);
/* moment [d + 1] += sum_k v_k x_a, the last of 1. */
void sg_pair_means_add(const sg_pair_chunk *chunk, const double *v, double *moment);
/* u = -2 x_i (field[d] + sum_j field[j] x_j); field[i] is not read. */
void sg_pair_log_ratio(const sg_pair_chunk *chunk, int site, const double *field, double *u);

#endif
