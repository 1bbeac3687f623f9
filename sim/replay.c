#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"

/* One replicate of one loss, computed again, beside what the file holds. */
typedef struct {
    const char *loss;
    int m;
    double theta[SG_REALS], se[SG_REALS], covariance[SG_REALS * SG_REALS], kl;
    sg_fit fit;
    const double *stored_theta, *stored_se, *stored_kl; /* into the result; NULL: not there */
    sg_status stored_status;
    bool same;
} replayed;

/* What the file says it was made from. */
static sg_status read_plan(const char *path, const sg_result *result, sim_experiment **e, sim_plan **plan) {
    const char *text = sg_result_get(result, "experiment_text"), *seed = sg_result_get(result, "seed");
    const char *smoke = sg_result_get(result, "smoke");
    char place[512];
    if (!text || !seed)
        return sg_fail(SG_OTHER_SCHEMA, "%s holds no experiment: give a result of `scoregap run`", path);
    snprintf(place, sizeof place, "%s:experiment_text", path);
    sg_status status = sim_experiment_parse(place, text, smoke && !strcmp(smoke, "1"), e);
    if (status != SG_OK) return status;
    (*e)->seed = strtoull(seed, NULL, 0);
    return sim_plan_new(*e, plan);
}

static sg_status check_request(const sim_args *args, const sim_plan *plan) {
    const char *path = args->positional[0];
    if (args->cell < 0 || args->replicate < 0) return sg_fail(SG_BAD_SYNTAX, "replay needs --cell I and --replicate R");
    if (args->cell >= plan->cells)
        return sg_fail(SG_OUT_OF_RANGE, "--cell %d is out of range: %s has cells 0 to %d", args->cell, path,
                       plan->cells - 1);
    const sim_cell *cell = &plan->cell[args->cell];
    if (!cell->replicates)
        return sg_fail(SG_OUT_OF_RANGE, "cell %d of %s has no Monte Carlo replicates", args->cell, path);
    if (args->replicate >= cell->replicates)
        return sg_fail(SG_OUT_OF_RANGE, "--replicate %d is out of range: cell %d of %s has replicates 0 to %d",
                       args->replicate, args->cell, path, cell->replicates - 1);
    return SG_OK;
}

/* The record of loss l of the cell; the file must agree with its own experiment. */
static sg_status find_record(const sg_result *result, const sim_plan *plan, int c, int l, int *record) {
    const sim_cell *cell = &plan->cell[c];
    const char *loss = plan->group[cell->group].loss[l]->text;
    for (int r = 0; r < result->records; r++) {
        const sg_record *x = &result->record[r];
        if (x->cell != c || strcmp(x->loss, loss)) continue;
        *record = r;
        if (x->n == cell->n && x->replicates == cell->replicates && x->m == plan->group[cell->group].model->m)
            return SG_OK;
    }
    return sg_fail(SG_BAD_DATA, "the file has no record of cell %d with loss %s that agrees with its experiment", c,
                   loss);
}

/* A loss that could not be set up has no replicates. */
static bool was_sampled(const sg_result *result, int record) {
    const char *status = result->record[record].status_montecarlo;
    return !strcmp(status, sg_status_name(SG_OK)) || !strcmp(status, sg_status_name(SG_BAD_DATA));
}

static const double *stored(const sg_result *result, const char *name, int record, int replicate, int m) {
    const sg_array *array = sg_result_find(result, name);
    int width = m ? m : 1;
    if (!array || array->bytes || replicate >= array->shape[0]) return NULL;
    if (array->rank != (m ? 2 : 1) || (m && array->shape[1] < width)) return NULL;
    return sg_array_record(array, record) + (size_t)replicate * (m ? array->shape[1] : 1);
}

static bool same_bits(int m, const double *a, const double *b) {
    for (int j = 0; j < m; j++)
        if (!(isnan(a[j]) && isnan(b[j])) && memcmp(&a[j], &b[j], sizeof *a)) return false;
    return true;
}

static sg_status compare(const sg_result *result, int record, int replicate, replayed *x) {
    const sg_array *status = sg_result_find(result, "status");
    x->stored_theta = stored(result, "theta", record, replicate, x->m);
    x->stored_se = stored(result, "se", record, replicate, x->m);
    x->stored_kl = stored(result, "kl", record, replicate, 0);
    if (!status || !status->bytes || status->rank != 1 || replicate >= status->shape[0] || !x->stored_theta ||
        !x->stored_se)
        return sg_fail(SG_BAD_DATA, "the file has no estimates of replicate %d", replicate);
    x->stored_status = (sg_status)sg_array_record_bytes(status, record)[replicate];
    x->same = same_bits(x->m, x->theta, x->stored_theta) && same_bits(x->m, x->se, x->stored_se) &&
              x->stored_status == x->fit.status && (!x->stored_kl || same_bits(1, &x->kl, x->stored_kl));
    return SG_OK;
}

/* ---------------------------------------------------------------- printing */

static json_t *replayed_json(const replayed *x) {
    json_t *o = json_object();
    json_object_set_new(o, "loss", json_string(x->loss));
    json_object_set_new(o, "theta", sim_json_vector(x->m, x->theta));
    json_object_set_new(o, "se", sim_json_vector(x->m, x->se));
    json_object_set_new(o, "kl", sim_json_real(x->kl));
    json_object_set_new(o, "status", json_string(sg_status_name(x->fit.status)));
    json_object_set_new(o, "iterations", json_integer(x->fit.iterations));
    json_object_set_new(o, "passes", json_integer(x->fit.passes));
    json_object_set_new(o, "stored_theta", sim_json_vector(x->m, x->stored_theta));
    json_object_set_new(o, "stored_se", sim_json_vector(x->m, x->stored_se));
    json_object_set_new(o, "stored_status", json_string(sg_status_name(x->stored_status)));
    json_object_set_new(o, "same", json_boolean(x->same));
    return o;
}

static void print_replayed(const sg_model *model, const replayed *x) {
    printf("%s: %s, %d iterations, %d passes over the data\n", x->loss, sg_status_name(x->fit.status),
           x->fit.iterations, x->fit.passes);
    for (int j = 0; j < x->m; j++) {
        char name[SG_NAME];
        sg_model_parameter(model, j, name);
        printf("  %-12s %24.17g  se %-24.17g  stored %24.17g  se %.17g\n", name, x->theta[j], x->se[j],
               x->stored_theta[j], x->stored_se[j]);
    }
    if (!isnan(x->kl)) printf("  %-12s %24.17g\n", "KL", x->kl);
    printf("  the stored bits %s\n", x->same ? "agree" : "DIFFER");
}

static int print_all(const sim_args *args, const sim_plan *plan, int count, const replayed *list) {
    const sim_cell *cell = &plan->cell[args->cell];
    const sg_model *model = plan->group[cell->group].model;
    bool same = true;
    for (int k = 0; k < count; k++) same &= list[k].same;
    if (args->json) {
        json_t *o = json_object(), *losses = json_array();
        for (int k = 0; k < count; k++) json_array_append_new(losses, replayed_json(&list[k]));
        json_object_set_new(o, "family", json_string(model->text));
        json_object_set_new(o, "n", json_integer(cell->n));
        json_object_set_new(o, "cell", json_integer(args->cell));
        json_object_set_new(o, "replicate", json_integer(args->replicate));
        json_object_set_new(o, "parameters", sim_json_parameters(model));
        json_object_set_new(o, "losses", losses);
        json_object_set_new(o, "same", json_boolean(same));
        if (!sim_json_print(o)) return 1;
    } else {
        printf("%s, n = %lld, cell %d, replicate %d\n", model->text, cell->n, args->cell, args->replicate);
        for (int k = 0; k < count; k++) print_replayed(model, &list[k]);
    }
    return same ? 0 : 1;
}

/* ---------------------------------------------------------------- replaying */

/* Losses asked for: --loss in any spelling of it, or all. */
static sg_status wanted(const sim_args *args, const sim_group *group, bool *want) {
    for (int l = 0; l < group->losses; l++) want[l] = !args->losses;
    for (int k = 0; k < args->losses; k++) {
        sg_loss *loss = NULL;
        int found = 0;
        sg_status status = sg_loss_new(args->loss[k], &loss);
        if (status != SG_OK) return status;
        for (int l = 0; l < group->losses; l++)
            if (!strcmp(group->loss[l]->text, loss->text)) want[l] = true, found = 1;
        if (!found) status = sg_fail(SG_UNKNOWN, "cell %d has no loss '%s'", args->cell, loss->text);
        sg_loss_delete(loss);
        if (status != SG_OK) return status;
    }
    return SG_OK;
}

static sg_status replay_loss(const sg_montecarlo_plan *run, int l, int replicate, replayed *x) {
    x->loss = run->loss[l]->text;
    x->m = run->model->m;
    if (x->m > SG_REALS) return sg_fail(SG_OUT_OF_RANGE, "replay handles at most %d parameters", SG_REALS);
    x->fit.covariance = x->covariance;
    return sg_montecarlo_replay(run, l, replicate, x->theta, x->se, &x->kl, &x->fit);
}

static sg_status replay_cell(const sim_args *args, const sim_plan *plan, const sg_result *result, int *count,
                             replayed *list) {
    const sim_cell *cell = &plan->cell[args->cell];
    const sim_group *group = &plan->group[cell->group];
    const sg_asymptotic *slot[SIM_LOSSES];
    bool want[SIM_LOSSES];
    sim_analysis *analysis = NULL;
    sim_how how = {.threads = omp_get_max_threads(), .memory = args->memory};
    sg_status status = wanted(args, group, want);
    if (status == SG_OK) status = sim_analysis_new(group, SIM_MONTECARLO, &how, &analysis);
    for (int l = 0; l < group->losses && status == SG_OK; l++) {
        int record = 0;
        if (!want[l]) continue;
        sg_montecarlo_plan run = sim_cell_montecarlo(plan, cell, analysis, &how, slot);
        replayed *x = &list[*count];
        status = find_record(result, plan, args->cell, l, &record);
        if (status == SG_OK && !args->losses && !was_sampled(result, record)) continue;
        (*count)++;
        if (status == SG_OK) status = replay_loss(&run, l, args->replicate, x);
        if (status == SG_OK) status = compare(result, record, args->replicate, x);
    }
    sim_analysis_delete(analysis);
    return status;
}

static int replay(const sim_args *args) {
    sg_result *result = NULL;
    sim_experiment *experiment = NULL;
    sim_plan *plan = NULL;
    replayed *list = NULL;
    int count = 0, leave;
    sg_status status = sg_store_read(args->positional[0], &result);
    if (status == SG_OK) status = read_plan(args->positional[0], result, &experiment, &plan);
    if (status == SG_OK) status = check_request(args, plan);
    if (status == SG_OK) status = sg_new(&list, SIM_LOSSES, sizeof *list);
    if (status == SG_OK) status = replay_cell(args, plan, result, &count, list);
    leave = status == SG_OK ? print_all(args, plan, count, list) : sim_fail(status);
    sg_delete(list);
    sim_plan_delete(plan);
    sim_experiment_delete(experiment);
    sg_result_delete(result);
    return leave;
}

const sim_command sim_command_replay = {
    .name = "replay",
    .usage = "replay FILE.h5 --cell I --replicate R [--loss LOSS]... [--json]",
    .summary = "compute one replicate of a result again, alone, and compare it bit by bit",
    .help = "Draws the data of the replicate again from the seed in the file, fits each loss of the cell (or those "
            "given), and prints the\n"
            "estimates with standard errors, the status, the number of iterations and of passes over the data, and "
            "what the file holds.\n"
            "Cells and replicates are counted from 0; `scoregap table` shows the cells.\n"
            "Exit status: 0 the bits agree; 1 they differ; 2 there is no such cell or replicate.",
    .example = "scoregap replay results/bimodal-separation.h5 --cell 0 --replicate 99",
    .takes = SIM_TAKES_CELL | SIM_TAKES_LOSS,
    .least = 1,
    .most = 1,
    .run = replay,
};
