/* What is recorded of the states of a trajectory: functions among which the slowest mode is looked for. */
#ifndef SG_SPECTRUM_TRAJECTORY_OBSERVABLES_H
#define SG_SPECTRUM_TRAJECTORY_OBSERVABLES_H

#include "scoregap/trajectory.h"

/*
 * Line and R^d: x, x^2, x^3, tanh around the quartiles (line), products (R^d), the family's statistics; circle: cos and
 * sin of one and two turns; spins: magnetization with its square and cube, log p, the statistics, all sites (up to 12)
 * or the magnetization of quarters, of alternating sign, and of one wave along the numbering of sites.  More states (up
 * to 10): shares of the states, sums of their squares and cubes, log p, the statistics, equal neighbours in the
 * numbering, all indicators of a site in a state (up to 18) or the share of state 0 in quarters.
 */
typedef struct {
    const sg_model *model;
    int count, statistics; /* statistics: how many of the family's are recorded */
    char name[SG_OBSERVABLES][SG_NAME];
    double place[3], scale; /* of the quartiles */
    sg_arena *arena;
    sg_jet jet;
} sg_observables;

/* `panels` on the line, NULL otherwise.  Errors: SG_REFUSED (other spaces), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_observables_new(const sg_model *model, const sg_panels *panels,
                                           sg_observables **observables);
void sg_observables_delete(sg_observables *observables);
/* f [count] of chain c at f + c * stride, for the chains of the walk. */
void sg_observables_record(sg_observables *observables, const sg_walk *walk, size_t stride, double *f);

#endif
