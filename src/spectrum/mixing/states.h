/* Jumps on sites: what the ways to their mixing time share. */
#ifndef SG_SPECTRUM_MIXING_STATES_H
#define SG_SPECTRUM_MIXING_STATES_H

#include "finite.h"

enum { SG_STATES_ALL = 2500, SG_STATES_SINGLE = 1 << 20 }; /* most states for all starts, for single ones */

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_prepared *prepared;
    const sg_mixing_settings *settings;
    int n, q;
    size_t states, memory; /* states: SIZE_MAX where they are too many to be numbered */
    const sg_sites_start *start;
    double *log_p; /* [q^n], NULL until needed */
} sg_states_problem;

/* Do sites move by the row's rates?  A heat bath with more than two states a site is one of blocks. */
static inline bool sg_states_moves(const sg_states_problem *p) {
    return p->loss->row->rate && (p->q == 2 || !p->loss->row->blocks);
}
SG_MUST_CHECK sg_status sg_states_need_law(sg_states_problem *p);
/* Is the named state allowed?  Errors: SG_OUT_OF_RANGE. */
SG_MUST_CHECK sg_status sg_states_check(const sg_states_problem *p);
/* Probabilities [n + 1] of the number of ones to densities of their lower half. */
void sg_states_lower_half(int n, double *density);
double sg_states_log_rate(const sg_states_problem *p, double u);

/* The relaxation time of the model where it is certified: modes without a symmetry may be slower than those with it. */
void sg_states_relaxation(const sg_states_problem *p, sg_mixing *out);
/* An upper end over all starts, for a worst start that was sought among candidates. */
void sg_states_bound_all(int q, double coupling, sg_mixing *out);

/* The classes of a model whose p is a positive function of the number of ones; *known: it is. */
SG_MUST_CHECK sg_status sg_states_numbers(const sg_model *model, bool *known, sg_lumped **lumped);
/* All subsets of *block sites are drawn at one rate, 1 in all; 0: others are. */
SG_MUST_CHECK sg_status sg_states_block(const sg_states_problem *p, int *block);

/* By the number of ones; *known is false where p or the dynamics are no function of it. */
SG_MUST_CHECK sg_status sg_states_by_number(const sg_states_problem *p, bool *known, sg_mixing *out);
/* More than two states a site: by the classes of the model, from starts that the symmetry leaves alone; *known is false
 * for others, and where there are no classes. */
SG_MUST_CHECK sg_status sg_states_by_classes(const sg_states_problem *p, bool *known, sg_mixing *out);
/* By all states and their eigenpairs; from one start on all states. */
SG_MUST_CHECK sg_status sg_states_by_listing(sg_states_problem *p, sg_mixing *out);
SG_MUST_CHECK sg_status sg_states_by_single(sg_states_problem *p, sg_mixing *out);

#endif
