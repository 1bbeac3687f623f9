/* Mixing times of jumps on two-state sites, from their model. */
#ifndef SG_SPECTRUM_MIXING_FINITE_H
#define SG_SPECTRUM_MIXING_FINITE_H

#include "scoregap/mixing.h"

typedef enum { SG_FROM_WORST, SG_FROM_WARM, SG_FROM_STATE } sg_spin_start;

/* `state` of SG_FROM_STATE: bit i is site i. */
SG_MUST_CHECK sg_status sg_mixing_on_states(const sg_model *model, const sg_loss *loss, sg_spin_start start,
                                            uint64_t state, const sg_mixing_settings *settings, sg_mixing *out);
/* log p of all states, normalized [2^n]. */
SG_MUST_CHECK sg_status sg_states_law(const sg_model *model, double **log_p);
/* The lower half of p by the number of ones: its density is 2 below a number, 0 above, between at it. [2^n] */
void sg_states_warm(int n, const double *log_p, double *law);
#define SG_WARM_TEXT "warm: the lower half by the number of +1 sites"

/*
 * Chains on the number of ones, where the rates of single flips depend on that number only.  All starts up to
 * permutations of the sites: from k ones the pair (ones among those k, ones among the others) is a Markov chain of
 * (k+1)(n-k+1) states.  *known is false (and nothing else is done) where that takes more than `most` operations.
 * chain->n is n + 1; chain->log_up includes the number of sites.
 */
SG_MUST_CHECK sg_status sg_exchangeable_mixing(const sg_birth_death *chain, double most,
                                               const sg_mixing_settings *settings, bool *known, sg_mixing *out);
/* A time by which E_{n-1} X_t - E_0 X_t <= epsilon: on monotone chains all starts have met with probability 1 - epsilon
 * by then. */
SG_MUST_CHECK sg_status sg_birth_death_coupling(const sg_birth_death *chain, double epsilon, double guess,
                                                double *time);
/*
 * One start of single flips with rates rate[i][x] = rate of flipping site i in state x, [n][2^n], by uniformization.
 */
SG_MUST_CHECK sg_status sg_flips_mixing(int n, const double *rate, const double *pi, const double *initial,
                                        double guess, const sg_mixing_settings *settings, sg_mixing *out);

#endif
