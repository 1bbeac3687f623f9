/* Jumps on two-state sites: what the ways to their mixing time share. */
#ifndef SG_SPECTRUM_MIXING_STATES_H
#define SG_SPECTRUM_MIXING_STATES_H

#include "finite.h"

enum { SG_STATES_ALL = 11, SG_STATES_SINGLE = 20 }; /* most sites for all starts, for single ones */

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_prepared *prepared;
    const sg_mixing_settings *settings;
    int n;
    size_t states, memory;
    sg_spin_start start;
    uint64_t state;
    double *log_p; /* [2^n], NULL until needed */
} sg_states_problem;

SG_MUST_CHECK sg_status sg_states_need_law(sg_states_problem *p);
/* Is the named state allowed?  Errors: SG_OUT_OF_RANGE. */
SG_MUST_CHECK sg_status sg_states_check(const sg_states_problem *p);
uint64_t sg_states_all_plus(int n); /* beyond 64 sites the bits stand for those of both uniform states only */
void sg_states_name(const sg_states_problem *p, const char *prefix, uint64_t state, sg_mixing *out);
/* Probabilities [n + 1] of the number of ones to densities of their lower half. */
void sg_states_lower_half(int n, double *density);
double sg_states_log_rate(const sg_states_problem *p, double u);

/* The relaxation time of the model where it is certified: modes without a symmetry may be slower than those with it. */
void sg_states_relaxation(const sg_states_problem *p, sg_mixing *out);
/* An upper end over all starts, for a worst start that was sought among candidates. */
void sg_states_bound_all(double coupling, sg_mixing *out);

/* The classes of a model whose p is a positive function of the number of ones; *known: it is. */
SG_MUST_CHECK sg_status sg_states_numbers(const sg_model *model, bool *known, sg_lumped **lumped);
/* All subsets of *block sites are drawn at one rate, 1 in all; 0: others are. */
SG_MUST_CHECK sg_status sg_states_block(const sg_states_problem *p, int *block);

/* By the number of ones; *known is false where p or the dynamics are no function of it. */
SG_MUST_CHECK sg_status sg_states_by_number(const sg_states_problem *p, bool *known, sg_mixing *out);
/* By all states and their eigenpairs; from one start on all states. */
SG_MUST_CHECK sg_status sg_states_by_listing(sg_states_problem *p, sg_mixing *out);
SG_MUST_CHECK sg_status sg_states_by_single(sg_states_problem *p, sg_mixing *out);

#endif
