/* Mixing times of jumps on sites, from their model. */
#ifndef SG_SPECTRUM_MIXING_FINITE_H
#define SG_SPECTRUM_MIXING_FINITE_H

#include "scoregap/mixing.h"
#include "spectrum/chain/jumps.h"

typedef enum { SG_FROM_WORST, SG_FROM_WARM, SG_FROM_STATE } sg_start_kind;

/* A start on a finite set: of SG_FROM_STATE the code of a state, with `same`, in which state all sites are, or -1;
 * where codes are too large there is only that. */
typedef struct {
    sg_start_kind kind;
    uint64_t state;
    int same;
} sg_sites_start;

SG_MUST_CHECK sg_status sg_mixing_on_states(const sg_model *model, const sg_loss *loss, const sg_sites_start *start,
                                            const sg_mixing_settings *settings, sg_mixing *out);
/* Chains that a model gives by their rates; the code is a number of theirs. */
SG_MUST_CHECK sg_status sg_mixing_of_rates(const sg_model *model, const sg_sites_start *start,
                                           const sg_mixing_settings *settings, sg_mixing *out);
/* The lower half of p by the number of sites in the last state: its density is 2 below a number, 0 above, between at
 * it. [q^n] */
void sg_states_warm(int n, int q, const double *log_p, double *law);
void sg_states_warm_text(int q, sg_mixing *out);
/* "all +1", "all in state 2", "state 0120". */
void sg_states_name(int n, int q, const char *prefix, uint64_t state, int same, sg_mixing *out);
int sg_states_same(int n, int q, uint64_t state);   /* in which state all sites are, or -1 */
uint64_t sg_states_uniform(int n, int q, int same); /* the code of that */
bool sg_states_codes(int n, int q);                 /* do codes fit in 64 bits? */
int sg_states_sites(int q, double most);            /* sites whose states are at most so many */

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
 * Dynamics on n sites with q states each as a flow of laws.  Single sites that move m states on, m = 1 .. q - 1, at
 * rate[i][m - 1][x] in state x, [n][q - 1][q^n], borrowed; or blocks of sites drawn given the others, pi [q^n]
 * borrowed, all its conditional laws within the range of numbers (else SG_UNDERFLOW).
 */
typedef struct sg_sites_flow sg_sites_flow;
SG_MUST_CHECK sg_status sg_sites_flow_moves(int n, int q, const double *rate, sg_sites_flow **flow);
SG_MUST_CHECK sg_status sg_sites_flow_blocks(int n, int q, const sg_site_blocks *blocks, const double *pi,
                                             size_t memory, sg_sites_flow **flow);
void sg_sites_flow_delete(sg_sites_flow *flow);
double sg_sites_flow_speed(const sg_sites_flow *flow); /* operations a unit of time */
/* From the law `initial` [q^n]. */
SG_MUST_CHECK sg_status sg_sites_flow_mixing(const sg_sites_flow *flow, const double *pi, const double *initial,
                                             double guess, const sg_mixing_settings *settings, sg_mixing *out);

#endif
