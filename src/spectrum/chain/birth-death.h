/*
 * What the files on birth-death chains share.  Edge k joins the states k and k+1; masses and flows are numbers with an
 * exponent of their own (scaled.h), made from ratios of neighbouring rates, so that their relative error grows with the
 * number of states and not with their logarithms.
 */
#ifndef SG_SPECTRUM_BIRTH_DEATH_H
#define SG_SPECTRUM_BIRTH_DEATH_H

#include "scoregap/chain.h"
#include "spectrum/scaled.h"

typedef struct {
    int n, edges;             /* states; n - 1 */
    sg_scaled *up, *down;     /* [edges] rates k -> k+1 and k+1 -> k */
    sg_scaled *pi;            /* [n] sums to 1 */
    sg_scaled *flow;          /* [edges] pi_k up_k */
    sg_scaled *below, *above; /* [edges] pi(0..k), pi(k+1..) */
    sg_scaled *forth, *back;  /* [edges] work of the sweeps */
    double floor;             /* relative: rounding of an eigenvalue that T or Sturm's count finds, to first order */
} sg_ladder;

SG_MUST_CHECK sg_status sg_ladder_new(const sg_birth_death *chain, sg_ladder **ladder);
void sg_ladder_delete(sg_ladder *ladder);

/* Number of nonzero eigenvalues below lambda. */
int sg_ladder_count(const sg_ladder *ladder, sg_scaled lambda);

/* Eigenvalue `index` (0: the gap) within unit*exp([lo, hi]), where the count at the ends is index or less and more than
 * index; on return the ends that the last counts left. */
void sg_ladder_bisect(const sg_ladder *ladder, int index, sg_scaled unit, double *lo, double *hi);

/* Differences g_k = f_{k+1} - f_k of the eigenfunction of the gap: false when rounding leaves one that is not positive.
 */
bool sg_ladder_slope(sg_ladder *ladder, sg_scaled lambda, sg_scaled *g);

/* The eigenfunctions of the first `count` eigenvalues, as sg_birth_death_spectrum gives them. */
SG_MUST_CHECK sg_status sg_ladder_functions(sg_ladder *ladder, const double *log_value, int count, double *function);

static inline sg_scaled sg_scaled_sum(sg_scaled x, sg_scaled y) {
    return sg_scaled_combine(1, x, 1, y);
}

/* Order of positive numbers. */
static inline bool sg_scaled_less(sg_scaled x, sg_scaled y) {
    if (x.m == 0 || y.m == 0) return x.m < y.m;
    return x.e < y.e || (x.e == y.e && x.m < y.m);
}

#endif
