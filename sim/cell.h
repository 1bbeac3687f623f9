/* One cell: what quadrature says of its family and losses, and its Monte Carlo, as one part of a result. */
#ifndef SCOREGAP_SIM_CELL_H
#define SCOREGAP_SIM_CELL_H

#include "experiment.h"
#include "scoregap/mixing.h"

#define SIM_PROFILE_PAIRS 48

/* What is computed of one loss without sampling; a measure that failed is data: its status and its message. */
typedef struct {
    sg_asymptotic *asymptotic; /* NULL when it failed */
    sg_profile *profile;
    sg_gap gap;
    double updates; /* sg_loss_updates: events in one unit of time a site; NaN: none */
    double points;  /* sg_loss_points */
    sg_bounds bounds;
    sg_mixing mixing;
    sg_status mixing_status, efficiency_status, gap_status, bounds_status, profile_status;
    char message[512]; /* of the first failure; empty */
} sim_reading;

/* The readings of all losses of a group: equal for all its sample sizes, so computed once. */
typedef struct {
    int losses;
    sim_reading *reading; /* [losses] */
} sim_analysis;

/* How a cell is run, and what it reports. */
typedef struct {
    int threads;
    size_t memory;
    const volatile int *stop;                            /* NULL: never */
    void (*progress)(void *context, int done);           /* replicates; NULL: silent */
    void (*theory)(void *context, int done, int losses); /* one call at a time; NULL: silent */
    void *context;
} sim_how;

/* `how->threads` losses at a time.  Errors: SG_STOPPED, SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sim_analysis_new(const sim_group *group, unsigned measure, const sim_how *how,
                                         sim_analysis **analysis);
void sim_analysis_delete(sim_analysis *analysis);

/* The Monte Carlo plan of a cell; `slot` [losses] is filled and must live as long as the plan. */
sg_montecarlo_plan sim_cell_montecarlo(const sim_plan *plan, const sim_cell *cell, const sim_analysis *analysis,
                                       const sim_how *how, const sg_asymptotic **slot);

/*
 * Computes the cell: one record a loss, arrays of the cell's own shape; number of the cell and grid values are left to
 * the merge. Errors: SG_STOPPED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sim_cell_compute(const sim_plan *plan, const sim_cell *cell, const sim_analysis *analysis,
                                         const sim_how *how, sg_result **part);

#endif
