/* The files of a run: output, directory of cells, lock, log. */
#ifndef SCOREGAP_SIM_STORE_H
#define SCOREGAP_SIM_STORE_H

#include "cell.h"

typedef struct {
    char *output, *cells, *log_path;
    char *made_by; /* provenance that a valid cell carries */
    int lock;      /* file descriptor, -1: none */
    FILE *log;     /* NULL: none */
    int threads;
    bool log_failed;
} sim_store;

/*
 * Finds the names, proves that the output can be created, takes the lock and removes what a kill left behind.  `output`
 * NULL: results/NAME.h5, and results/NAME-smoke.h5 for a smoke run, which so never replaces the whole one.  Errors:
 * SG_CANNOT_CREATE, SG_CANNOT_WRITE, SG_REFUSED (another run is writing), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sim_store_open(const char *name, bool smoke, const char *output, int threads, sim_store *store);
void sim_store_close(sim_store *store);

/* The part of a cell if a valid one is there, else NULL.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sim_store_load(const sim_store *store, const sim_cell *cell, sg_result **part);
/* Stores a part; nothing that depends on the plan or on time is in it. */
SG_MUST_CHECK sg_status sim_store_save(const sim_store *store, const sim_cell *cell, sg_result *part);
void sim_store_remove(const sim_store *store, const sim_cell *cell);
/* One line of x.log.tsv. */
void sim_store_log(sim_store *store, int number, const sg_model *model, const sim_cell *cell, double seconds);

#endif
