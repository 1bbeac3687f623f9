#include <math.h>
#include <omp.h>
#include <string.h>

#include "cell.h"
#include "figure.h"

/* Seconds on one thread: quadrature of a family, set-up of its Monte Carlo, and a replicate = fixed + slope * n. */
typedef struct {
    double analysis, setup, fixed, slope;
} cost;

static sg_status time_montecarlo(const sim_plan *plan, int group, const sim_analysis *analysis, long long n,
                                 int replicates, double *seconds) {
    const sg_asymptotic *slot[SIM_LOSSES];
    sim_cell cell = {.group = group, .n = n, .replicates = replicates};
    sim_how how = {.threads = 1, .memory = (size_t)64 << 20};
    sg_montecarlo_plan run = sim_cell_montecarlo(plan, &cell, analysis, &how, slot);
    sg_montecarlo *mc = NULL;
    double start = sim_now();
    sg_status status = sg_montecarlo_run(&run, &mc);
    *seconds = sim_now() - start;
    sg_montecarlo_delete(mc);
    return status == SG_NO_MEMORY ? status : SG_OK; /* a loss that is refused costs nothing */
}

/* Seconds a replicate beyond the set-up: more replicates until they take 20 ms, or less where there are many families.
 */
static sg_status time_replicate(const sim_plan *plan, int group, const sim_analysis *analysis, long long n,
                                double setup, double *seconds) {
    const double enough = 0.02 / (1 + plan->experiment->families / 4);
    const int most = plan->experiment->replicates;
    sg_status status = SG_OK;
    *seconds = 0;
    for (int replicates = 4;; replicates *= 4) {
        double took;
        int count = replicates < most ? replicates : most;
        status = time_montecarlo(plan, group, analysis, n, count, &took);
        *seconds = fmax(took - setup, 0) / count;
        if (status != SG_OK || took - setup > enough || count == most) return status;
    }
}

/* A replicate alone at a small sample size shows the set-up; then replicates there and at a larger size. */
static sg_status measure_montecarlo(const sim_plan *plan, int group, const sim_analysis *analysis, cost *c) {
    const long long small = 512, most = 16384;
    long long large = small;
    double at_small, at_large = 0;
    for (int k = 0; k < plan->experiment->sizes; k++)
        if (plan->experiment->size[k] > large) large = plan->experiment->size[k];
    if (large > most) large = most;
    sg_status status = time_montecarlo(plan, group, analysis, small, 1, &c->setup);
    if (status == SG_OK) status = time_replicate(plan, group, analysis, small, c->setup, &at_small);
    if (status == SG_OK && large > small) status = time_replicate(plan, group, analysis, large, c->setup, &at_large);
    if (status != SG_OK) return status;
    c->slope = large > small ? fmax(at_large - at_small, 0) / (double)(large - small) : at_small / small;
    c->fixed = fmax(at_small - c->slope * small, 0);
    return SG_OK;
}

static sg_status measure_group(const sim_plan *plan, int group, cost *c) {
    sim_analysis *analysis = NULL;
    double start = sim_now();
    *c = (cost){0};
    sg_status status =
        sim_analysis_new(&plan->group[group], plan->experiment->measure, &(sim_how){.threads = 1}, &analysis);
    c->analysis = sim_now() - start;
    if (status == SG_OK && plan->cell[0].replicates) status = measure_montecarlo(plan, group, analysis, c);
    sim_analysis_delete(analysis);
    return status;
}

/* The first and the last grid point of every family are measured; the others are taken as their mean. */
static sg_status predict(const sim_plan *plan, int threads, double *seconds) {
    const sim_experiment *e = plan->experiment;
    int points = plan->groups / e->families, sizes = plan->cells / plan->groups;
    sg_status status = SG_OK;
    *seconds = 0;
    for (int f = 0; f < e->families && status == SG_OK; f++) {
        const sim_group *group = &plan->group[f * points];
        int together = threads < group->losses ? threads : group->losses;
        cost first, last;
        status = measure_group(plan, f * points, &first);
        last = first;
        if (status == SG_OK && points > 1) status = measure_group(plan, (f + 1) * points - 1, &last);
        *seconds += points * (first.analysis + last.analysis) / 2 / together;
        for (int k = 0; k < sizes && plan->cell[k].replicates; k++) {
            double n = (double)plan->cell[k].n, one = first.fixed + last.fixed + n * (first.slope + last.slope);
            *seconds += points * ((first.setup + last.setup) / 2 + e->replicates * one / 2 / threads);
        }
    }
    return status;
}

/* Before compression; estimates hardly compress. */
static double predict_bytes(const sim_plan *plan) {
    double bytes = 0, most = 0;
    for (int g = 0; g < plan->groups; g++) most = fmax(most, plan->group[g].model->m);
    for (int c = 0; c < plan->cells; c++) {
        double numbers = 10 * most + 4 * most * most + SIM_PROFILE_PAIRS * (most + 1);
        numbers += plan->cell[c].replicates * (2 * most + 1);
        bytes += plan->group[plan->cell[c].group].losses * (8 * numbers + (double)sizeof(sg_record));
    }
    return bytes;
}

/* -------------------------------------------------------------- printing */

static json_t *cell_json(const sim_plan *plan, int c) {
    const sim_cell *cell = &plan->cell[c];
    const sim_group *group = &plan->group[cell->group];
    json_t *o = json_object(), *losses = json_array();
    for (int l = 0; l < group->losses; l++) json_array_append_new(losses, json_string(group->loss[l]->text));
    json_object_set_new(o, "cell", json_integer(c));
    json_object_set_new(o, "family", json_string(group->model->text));
    json_object_set_new(o, "n", json_integer(cell->n));
    json_object_set_new(o, "replicates", json_integer(cell->replicates));
    json_object_set_new(o, "losses", losses);
    return o;
}

static int print_json(const sim_plan *plan, double seconds, double bytes, int threads) {
    const sim_experiment *e = plan->experiment;
    json_t *o = json_object(), *cells = json_array();
    for (int c = 0; c < plan->cells; c++) json_array_append_new(cells, cell_json(plan, c));
    json_object_set_new(o, "experiment", json_string(e->name));
    json_object_set_new(o, "claim", json_string(e->claim));
    json_object_set_new(o, "cells", json_integer(plan->cells));
    json_object_set_new(o, "records", json_integer(plan->records));
    json_object_set_new(o, "replicates", json_integer((json_int_t)plan->cell[0].replicates * plan->cells));
    json_object_set_new(o, "seconds", sim_json_real(seconds));
    json_object_set_new(o, "threads", json_integer(threads));
    json_object_set_new(o, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(o, "plan", cells);
    json_object_set_new(o, "status", json_string(sg_status_name(SG_OK)));
    return sim_json_print(o) ? 0 : 1;
}

static void print_text(const sim_plan *plan, double seconds, double bytes, int threads) {
    const sim_experiment *e = plan->experiment;
    printf("%s: %s\n", e->name, e->claim);
    printf("measures:");
    for (int k = 0; k < SIM_MEASURES; k++)
        if (e->measure & 1u << k) printf(" %s", sim_measure_names[k]);
    printf("; seed 0x%016llx\n", (unsigned long long)e->seed);
    for (int c = 0; c < plan->cells; c++) {
        const sim_cell *cell = &plan->cell[c];
        const sim_group *group = &plan->group[cell->group];
        printf("cell %-4d %s", c, group->model->text);
        if (cell->n) printf("  n = %lld, %d replicates", cell->n, cell->replicates);
        printf("\n");
        if (c && cell->group == plan->cell[c - 1].group) continue;
        for (int l = 0; l < group->losses; l++) printf("          %s\n", group->loss[l]->text);
    }
    printf("%d cells, %d records; about %.2g s on %d thread%s, %.3g MB (and as much for the cells)\n", plan->cells,
           plan->records, seconds, threads, threads > 1 ? "s" : "", bytes / 1e6);
}

/* The values that were not asked for, smoke or full, must be right too. */
static sg_status check_other(const char *path, bool smoke) {
    sim_experiment *e = NULL;
    sim_plan *plan = NULL;
    sg_status status = sim_experiment_read(path, !smoke, &e);
    if (status == SG_OK) status = sim_plan_new(e, &plan);
    if (status == SG_OK) status = sim_figure_known(e);
    sim_plan_delete(plan);
    sim_experiment_delete(e);
    return status;
}

static int check(const sim_args *args) {
    sim_experiment *experiment = NULL;
    sim_plan *plan = NULL;
    double seconds = 0;
    int leave = 0, threads = args->threads ? args->threads : omp_get_max_threads();
    sg_status status = sim_experiment_read(args->positional[0], args->smoke, &experiment);
    if (status == SG_OK && args->seed_given) experiment->seed = args->seed;
    if (status == SG_OK) status = sim_plan_new(experiment, &plan);
    if (status == SG_OK) status = sim_figure_known(experiment);
    if (status == SG_OK) status = check_other(args->positional[0], args->smoke);
    if (status == SG_OK) status = predict(plan, threads, &seconds);
    if (status != SG_OK)
        leave = sim_fail(status);
    else if (args->json)
        leave = print_json(plan, seconds, predict_bytes(plan), threads);
    else
        print_text(plan, seconds, predict_bytes(plan), threads);
    sim_plan_delete(plan);
    sim_experiment_delete(experiment);
    return leave;
}

const sim_command sim_command_check = {
    .name = "check",
    .usage = "check EXPERIMENT.yaml [--smoke] [--threads N] [--seed S] [--json]",
    .summary = "validate an experiment file, print its plan and what it will cost",
    .help = "Reads the file and every cell of its plan (family, parameters, losses, sample sizes), also those of its "
            "smoke version, and\n"
            "says what is wrong with file and line.  Then measures a few cells for a moment and prints the seconds and "
            "bytes to expect.\n\n"
            "Keys of an experiment file:\n" SIM_EXPERIMENT_HELP,
    .example = "scoregap check sim/experiments/bimodal-separation.yaml",
    .takes = SIM_TAKES_SMOKE | SIM_TAKES_THREADS,
    .least = 1,
    .most = 1,
    .run = check,
};
