/*
 * Runs a plan: cells that are there are kept, the others are computed and stored one by one in x.cells/, then all are
 * merged into x.h5. A kill at any instant loses at most the cell in flight.
 */
#ifndef SCOREGAP_SIM_SWEEP_H
#define SCOREGAP_SIM_SWEEP_H

#include "cell.h"
#include "failures.h"

typedef struct {
    const char *output; /* NULL: results/NAME.h5, of a smoke run results/NAME-smoke.h5 */
    int threads;        /* >= 1 */
    size_t memory;      /* bytes a thread */
    bool fresh;         /* removes the cells of the plan first */
    bool seed_given;    /* the seed is that of the command line */
} sim_sweep_how;

typedef struct {
    int cells, kept; /* of the plan; found finished at the start */
    int finished;    /* finished when the sweep ended */
    int records;
    long long replicates, failed_fits, failed[SIM_FAILURES]; /* in all, and by kind */
    int failed_measures;
    double seconds;
    char *output; /* for sg_delete; set also on failure, if memory allows */
} sim_outcome;

/*
 * Errors: SG_CANNOT_CREATE before anything runs; SG_CANNOT_WRITE (finished cells are kept); SG_REFUSED (another run is
 * writing); SG_STOPPED by a signal; SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sim_sweep_run(const sim_plan *plan, const sim_sweep_how *how, sim_outcome *outcome);

/* Attributes and axes of the result of a plan, without records: sweep.c. */
SG_MUST_CHECK sg_status sim_sweep_frame(const sim_plan *plan, bool seed_given, sg_result **frame);

#endif
