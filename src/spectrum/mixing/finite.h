/* Mixing times of jumps on two-state sites, from their model. */
#ifndef SG_SPECTRUM_MIXING_FINITE_H
#define SG_SPECTRUM_MIXING_FINITE_H

#include "scoregap/mixing.h"
#include "spectrum/chain/jumps.h"

typedef enum { SG_FROM_WORST, SG_FROM_WARM, SG_FROM_STATE } sg_spin_start;

/* `state` of SG_FROM_STATE: bit i is site i. */
SG_MUST_CHECK sg_status sg_mixing_on_states(const sg_model *model, const sg_loss *loss, sg_spin_start start,
                                            uint64_t state, const sg_mixing_settings *settings, sg_mixing *out);
/* Chains that a model gives by their rates; `state` is a number of theirs. */
SG_MUST_CHECK sg_status sg_mixing_of_rates(const sg_model *model, sg_spin_start start, uint64_t state,
                                           const sg_mixing_settings *settings, sg_mixing *out);
/* The lower half of p by the number of ones: its density is 2 below a number, 0 above, between at it. [2^n] */
void sg_states_warm(int n, const double *log_p, double *law);
#define SG_WARM_TEXT "warm: the lower half by the number of +1 sites"

/*
 * Dynamics on n sites that do not tell them apart, with p a function of the number of ones: log_p [n + 1] of one state
 * with so many, up to a constant.  Single flips at the rates of `chain`, the number of ones (n + 1 states; log_up
 * includes the number of sites), or where that is NULL all blocks of `block` sites, drawn given the others, at rate 1
 * in all.
 *
 * All starts up to permutations of the sites: from k ones the pair (ones among those k, ones among the others) is a
 * Markov chain of (k+1)(n-k+1) states, whose law is evolved by uniformization.
 */
#define SG_EXCHANGE_BLOCK 32
typedef struct {
    int n, block;
    const double *log_p;
    const sg_birth_death *chain;
} sg_exchange;

/* out->mixing_time is a guess.  *known is false (and nothing else is done) where it takes more than `most` operations.
 */
SG_MUST_CHECK sg_status sg_exchange_worst(const sg_exchange *dynamics, double most, const sg_mixing_settings *settings,
                                          bool *known, sg_mixing *out);
/* From a state with so many ones, or from the law [n + 1] of their number, uniform otherwise; out->relaxation_time is a
 * guess.  Errors: SG_REFUSED (more than `most` operations). */
SG_MUST_CHECK sg_status sg_exchange_from(const sg_exchange *dynamics, int ones, const double *law, double most,
                                         const sg_mixing_settings *settings, sg_mixing *out);
/* The gap on all states, by blocks. */
SG_MUST_CHECK sg_status sg_exchange_gap(const sg_exchange *dynamics, sg_gap *gap);
/* A time by which E_{n-1} X_t - E_0 X_t <= epsilon: on monotone chains all starts have met with probability 1 - epsilon
 * by then. */
SG_MUST_CHECK sg_status sg_birth_death_coupling(const sg_birth_death *chain, double epsilon, double guess,
                                                double *time);
/*
 * Dynamics on {0,1}^n as a flow of laws.  Single flips with rates rate[i][x] = rate of flipping site i in state x,
 * [n][2^n], borrowed; or blocks of sites drawn given the others, pi [2^n] borrowed, all its conditional laws within the
 * range of numbers (else SG_UNDERFLOW).
 */
typedef struct sg_cube_flow sg_cube_flow;
SG_MUST_CHECK sg_status sg_cube_flow_flips(int n, const double *rate, sg_cube_flow **flow);
SG_MUST_CHECK sg_status sg_cube_flow_blocks(int n, const sg_site_blocks *blocks, const double *pi, size_t memory,
                                            sg_cube_flow **flow);
void sg_cube_flow_delete(sg_cube_flow *flow);
double sg_cube_flow_speed(const sg_cube_flow *flow); /* operations a unit of time */
/* From the law `initial` [2^n]. */
SG_MUST_CHECK sg_status sg_cube_flow_mixing(const sg_cube_flow *flow, const double *pi, const double *initial,
                                            double guess, const sg_mixing_settings *settings, sg_mixing *out);

#endif
