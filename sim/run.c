#include <omp.h>
#include <string.h>

#include "figure.h"
#include "sweep.h"

/* A word of a command line that can be pasted into a shell. */
static void put_word(FILE *out, const char *word) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,=+@%-";
    if (*word && !word[strspn(word, plain)]) {
        fprintf(out, " %s", word);
        return;
    }
    fputs(" '", out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

/* --fresh is left out: what this run has finished is to be kept. */
static void print_continuation(const sim_args *args) {
    fputs("scoregap: stopped; continue with: scoregap run", stderr);
    put_word(stderr, args->positional[0]);
    if (args->output) fputs(" -o", stderr), put_word(stderr, args->output);
    if (args->threads) fprintf(stderr, " --threads %d", args->threads);
    if (args->seed_given) fprintf(stderr, " --seed 0x%llx", (unsigned long long)args->seed);
    if (args->memory != (size_t)64 << 20) fprintf(stderr, " --memory %zu", args->memory);
    if (args->smoke) fputs(" --smoke", stderr);
    if (args->json) fputs(" --json", stderr);
    fputc('\n', stderr);
}

static int print_json(const sim_plan *plan, const sim_outcome *out, sg_status status) {
    const sim_experiment *e = plan->experiment;
    char figures[SIM_FIGURES_TEXT];
    json_t *o = json_object();
    sim_experiment_figures(e, figures);
    json_object_set_new(o, "experiment", json_string(e->name));
    json_object_set_new(o, "claim", json_string(e->claim));
    json_object_set_new(o, "cells", json_integer(out->cells));
    json_object_set_new(o, "finished", json_integer(out->finished));
    json_object_set_new(o, "resumed", json_integer(out->kept));
    json_object_set_new(o, "records", json_integer(plan->records));
    json_object_set_new(o, "replicates", json_integer(out->replicates));
    json_object_set_new(o, "failures", json_integer(out->failed_fits + out->failed_measures));
    json_object_set_new(o, "failed_fits", json_integer(out->failed_fits));
    json_t *kinds = json_object();
    for (int k = 0; k < SIM_FAILURES; k++)
        if (out->failed[k]) json_object_set_new(kinds, sim_failure_name(k), json_integer(out->failed[k]));
    json_object_set_new(o, "failed_fits_by_kind", kinds);
    json_object_set_new(o, "failed_measures", json_integer(out->failed_measures));
    json_object_set_new(o, "seconds", sim_json_real(out->seconds));
    json_object_set_new(o, "output", out->output ? json_string(out->output) : json_null());
    json_object_set_new(o, "figure", json_string(figures));
    json_object_set_new(o, "status", json_string(sg_status_name(status)));
    json_object_set_new(o, "message", json_string(status ? sg_message() : ""));
    return sim_json_print(o) ? 0 : 1;
}

static void print_table(const sim_plan *plan, const sim_outcome *out) {
    const sim_experiment *e = plan->experiment;
    int name = strlen(e->name) > 10 ? (int)strlen(e->name) : 10, room = sim_width(stdout) - name - 42;
    int width = room > 20 ? room : 20, bytes = width;
    if ((int)strlen(e->claim) > width) /* never cut within a character */
        while (bytes > 0 && ((unsigned char)e->claim[bytes] & 0xc0) == 0x80) bytes--;
    printf("%-*s  %-*s  %6s  %10s  %8s  %8s\n", name, "experiment", width, "claim", "cells", "replicates", "failures",
           "seconds");
    printf("%-*s  %-*.*s  %6d  %10lld  %8lld  %8.1f\n", name, e->name, width, bytes, e->claim, out->cells,
           out->replicates, out->failed_fits + out->failed_measures, out->seconds);
    printf("%s: %d records%s", out->output, out->records, out->kept ? "" : "\n");
    if (out->kept) printf(" (%d of %d cells were there)\n", out->kept, out->cells);
    for (int k = 0; k < SIM_FAILURES; k++)
        if (out->failed[k])
            printf("%lld fits %s: %s; %s\n", out->failed[k], sim_failure_name(k), sim_failures[k].meaning,
                   sim_failures[k].remedy);
    if (out->failed_fits) printf("by cell: scoregap table %s failures\n", out->output);
}

static int finish(const sim_args *args, const sim_plan *plan, const sim_outcome *out, sg_status status) {
    bool stopped = status == SG_STOPPED && sim_stop;
    int leave = 0;
    if (stopped)
        print_continuation(args);
    else if (status != SG_OK)
        leave = sim_fail(status);
    if (args->json && print_json(plan, out, status) && !leave) leave = 1;
    if (!args->json && status == SG_OK) print_table(plan, out);
    return stopped ? 128 + sim_stop : leave;
}

static int run(const sim_args *args) {
    sim_experiment *experiment = NULL;
    sim_plan *plan = NULL;
    sim_outcome out = {0};
    int leave = 0;
    sim_sweep_how how = {.output = args->output,
                         .threads = args->threads ? args->threads : omp_get_max_threads(),
                         .memory = args->memory,
                         .fresh = args->fresh,
                         .seed_given = args->seed_given};
    sg_status status = sim_experiment_read(args->positional[0], args->smoke, &experiment);
    if (status == SG_OK && args->seed_given) experiment->seed = args->seed;
    if (status == SG_OK) status = sim_plan_new(experiment, &plan);
    if (status == SG_OK) status = sim_figure_known(experiment);
    if (status != SG_OK)
        leave = sim_fail(status);
    else {
        sim_catch_signals();
        status = sim_sweep_run(plan, &how, &out);
        leave = finish(args, plan, &out, status);
    }
    sg_delete(out.output);
    sim_plan_delete(plan);
    sim_experiment_delete(experiment);
    return leave;
}

const sim_command sim_command_run = {
    .name = "run",
    .usage = "run EXPERIMENT.yaml [-o FILE.h5] [--threads N] [--smoke] [--fresh] [--seed S] [--json]",
    .summary = "run an experiment, or go on with one: every cell of its plan, then one result file",
    .help =
        "Computes every cell of the experiment that is not there yet, stores each in FILE.cells/ as soon as it is "
        "finished, and merges all\n"
        "into FILE.h5.  Without -o that is results/NAME.h5, and with --smoke results/NAME-smoke.h5.  A cell that was "
        "made by the same program\n"
        "for the same text is kept, so a run that was stopped or killed goes on where it was, and a grid value that is "
        "added later costs only\n"
        "its own cells.  The numbers do not depend on threads, on memory or on interruptions.  FILE.log.tsv says when "
        "and where each cell\n"
        "was computed.  A fit or a measure that fails is stored with its status and counted.\n"
        "Exit status: 0 done; 1 writing failed (finished cells are kept) or another run is writing; 2 wrong request; "
        "130 or 143 stopped.",
    .example = "scoregap run sim/experiments/bimodal-separation.yaml --smoke -o /tmp/bimodal.h5",
    .takes = SIM_TAKES_OUTPUT | SIM_TAKES_THREADS | SIM_TAKES_SMOKE | SIM_TAKES_FRESH,
    .least = 1,
    .most = 1,
    .run = run,
};
