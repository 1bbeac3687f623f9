/* Fits without an estimate, by kind: counted in every record, explained in words. */
#ifndef SCOREGAP_SIM_FAILURES_H
#define SCOREGAP_SIM_FAILURES_H

#include "sim.h"

typedef struct {
    sg_status kind; /* SG_OK: any other */
    size_t column;  /* offset of the count in sg_record */
    const char *meaning, *remedy;
} sim_failure;

enum { SIM_FAILURES = 7 };
extern const sim_failure sim_failures[SIM_FAILURES]; /* the last: any other */

const char *sim_failure_name(int kind); /* "separated"; "other" */
int sim_failure_count(const sg_record *record, int kind);
/* Fills the counts of a record from those by status. */
void sim_failures_record(const int failed[SG_STATUS_COUNT], sg_record *record);

/* One row a record and kind that occurs: count, share of the replicates with its binomial standard error, what it
 * means, what to do.  As text, or as JSON: an object of columns. */
void sim_failures_write(const sg_result *result, FILE *out);
json_t *sim_failures_json(const sg_result *result);

#endif
