#include "failures.h"

#include <math.h>
#include <stddef.h>

#include "table.h"

const sim_failure sim_failures[SIM_FAILURES] = {
    {SG_SEPARATED, offsetof(sg_record, failed_separated),
     "along some combination of the parameters no state that the loss compares a datum with becomes more likely and "
     "some become less: the loss falls for ever and the estimate lies at infinity",
     "take a larger sample or a higher temperature, or fix parameters with free="},
    {SG_NO_MINIMUM, offsetof(sg_record, failed_no_minimum),
     "the loss is not convex and falls for ever along some direction, although the data are not separated (concrete "
     "score without bound, ratio matching towards a limit)",
     "take a larger sample, or a convex loss such as pseudolikelihood"},
    {SG_SINGULAR, offsetof(sg_record, failed_singular),
     "the data do not tell some combinations of the parameters apart: the system that gives the estimate is singular",
     "take a larger sample, or fix parameters with free="},
    {SG_NOT_CONVERGED, offsetof(sg_record, failed_not_converged), "the search for the estimate did not come to rest",
     "take a larger sample, or a convex loss"},
    {SG_NOT_INTEGRABLE, offsetof(sg_record, failed_not_integrable),
     "the estimate lies outside the parameter space: no density belongs to it",
     "take a larger sample, or a loss that stays inside, such as mle"},
    {SG_PILOT_FAILED, offsetof(sg_record, failed_pilot), "the pilot estimate that a two-step loss begins with failed",
     "give the reference with at=, or take a larger sample"},
    {SG_OK, offsetof(sg_record, failed_other), "another status, which table status has by number",
     "replay one of them"},
};

const char *sim_failure_name(int kind) {
    return sim_failures[kind].kind ? sg_status_name(sim_failures[kind].kind) : "other";
}

static int32_t *count_of(sg_record *record, int kind) {
    return (int32_t *)((char *)record + sim_failures[kind].column);
}

int sim_failure_count(const sg_record *record, int kind) {
    return *count_of((sg_record *)record, kind);
}

void sim_failures_record(const int failed[SG_STATUS_COUNT], sg_record *record) {
    int left = record->replicates - failed[SG_OK];
    for (int k = 0; k < SIM_FAILURES; k++) {
        *count_of(record, k) = sim_failures[k].kind ? failed[sim_failures[k].kind] : left;
        left -= failed[sim_failures[k].kind];
    }
}

static double share_of(const sg_record *record, int kind, double *se) {
    const double n = record->replicates, share = sim_failure_count(record, kind) / n;
    *se = sqrt(share * (1 - share) / n);
    return share;
}

void sim_failures_write(const sg_result *result, FILE *out) {
    double se;
    sim_table_key_names(result, out);
    fputs("replicates\tkind\tcount\tshare\tshare_se\tmeaning\tremedy\n", out);
    for (int r = 0; r < result->records; r++)
        for (int k = 0; k < SIM_FAILURES; k++) {
            const sg_record *record = &result->record[r];
            if (!sim_failure_count(record, k)) continue;
            const double share = share_of(record, k, &se);
            sim_table_key(result, r, out);
            fprintf(out, "%d\t%s\t%d\t%.6g\t%.2g\t%s\t%s\n", (int)record->replicates, sim_failure_name(k),
                    sim_failure_count(record, k), share, se, sim_failures[k].meaning, sim_failures[k].remedy);
        }
}

json_t *sim_failures_json(const sg_result *result) {
    static const char *const names[] = {"record", "cell",  "family", "parameters", "loss",    "n",     "replicates",
                                        "kind",   "count", "share",  "share_se",   "meaning", "remedy"};
    enum { COLUMNS = sizeof names / sizeof *names };
    json_t *o = json_object(), *column[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) json_object_set_new(o, names[c], column[c] = json_array());
    for (int r = 0; r < result->records; r++)
        for (int k = 0; k < SIM_FAILURES; k++) {
            const sg_record *x = &result->record[r];
            double se;
            if (!sim_failure_count(x, k)) continue;
            const double share = share_of(x, k, &se);
            json_t *const value[COLUMNS] = {json_integer(r),
                                            json_integer(x->cell),
                                            json_string(x->family),
                                            json_string(x->parameters),
                                            json_string(x->loss),
                                            json_integer(x->n),
                                            json_integer(x->replicates),
                                            json_string(sim_failure_name(k)),
                                            json_integer(sim_failure_count(x, k)),
                                            sim_json_real(share),
                                            sim_json_real(se),
                                            json_string(sim_failures[k].meaning),
                                            json_string(sim_failures[k].remedy)};
            for (int c = 0; c < COLUMNS; c++) json_array_append_new(column[c], value[c]);
        }
    return o;
}
