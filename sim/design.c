#include "scoregap/design.h"

#include <math.h>
#include <string.h>

#include "sim.h"

/* ---------------------------------------------------------------- the request */

static sg_status read_range(const sg_pair *pair, sg_range *range) {
    char low[64];
    const char *dots = strstr(pair->value, "..");
    if (strlen(pair->key) >= sizeof range->key)
        return sg_fail(SG_UNKNOWN, "--vary: '%.64s' is no option of a loss", pair->key);
    strcpy(range->key, pair->key);
    range->start = NAN;
    snprintf(low, sizeof low, "%.*s", dots ? (int)(dots - pair->value) : 0, pair->value);
    if (dots && sg_number_read(low, &range->lo) && sg_number_read(dots + 2, &range->hi)) return SG_OK;
    return sg_fail(SG_BAD_SYNTAX, "--vary takes KEY=LO..HI, not '%.64s=%.64s'", pair->key, pair->value);
}

static sg_status read_request(const sim_args *args, sg_design_settings *settings) {
    char copy[1024] = "";
    sg_pair pair[SG_RANGES_MOST];
    settings->most_relaxation = args->most_relaxation > 0 ? args->most_relaxation : INFINITY;
    settings->evaluations = args->evaluations;
    if (args->losses != 1) return sg_fail(SG_BAD_SYNTAX, "give one --loss whose options are searched");
    if (!args->vary) return SG_OK;
    if (strlen(args->vary) >= sizeof copy) return sg_fail(SG_BAD_SYNTAX, "--vary is too long");
    strcpy(copy, args->vary);
    sg_status status = sg_pairs_split(copy, SG_RANGES_MOST, pair, &settings->ranges);
    for (int k = 0; k < settings->ranges && !status; k++) status = read_range(&pair[k], &settings->range[k]);
    return status;
}

static void show(void *context, int done, double least) {
    char note[64];
    snprintf(note, sizeof note, "inefficiency %.5g", least);
    sim_progress_at(context, done, isnan(least) ? NULL : note);
}

/* ----------------------------------------------------------------- the answer */

typedef struct {
    sg_model *model;
    sg_design *design;
    sg_design_value given, plain; /* references: the loss as it was given, and score matching */
    double seconds;
} answer;

static sg_status reference(const sg_model *model, const char *loss, sg_design_value *value) {
    sg_status status = sg_design_value_of(model, loss, value);
    if (status == SG_NO_MEMORY || !status) return status;
    sg_design_value_free(value); /* it does not fit */
    return SG_OK;
}

static sg_status compute(const sim_args *args, answer *a) {
    sg_design_settings settings = {0};
    sg_status status = read_request(args, &settings);
    if (!status) status = sim_model(args, &a->model);
    if (status) return status;
    const double start = sim_now();
    sim_progress *bar = sim_progress_open("design", " losses", settings.evaluations);
    settings.progress = show;
    settings.context = bar;
    status = sg_design_search(a->model, args->loss[0], &settings, &a->design);
    sim_progress_close(bar);
    if (!status) status = reference(a->model, args->loss[0], &a->given);
    if (!status && strcmp(args->loss[0], "score-matching")) status = reference(a->model, "score-matching", &a->plain);
    a->seconds = sim_now() - start;
    return status;
}

static bool has_digits(const sg_design_value *v) {
    return v->asymptotic && v->status == SG_OK;
}

static double inefficiency_of(const sg_design_value *v) {
    return has_digits(v) ? v->asymptotic->inefficiency[v->asymptotic->m - 1] : NAN;
}

static double relaxation_of(const sg_design_value *v) {
    return !v->gap.status || v->gap.status == SG_UNCERTIFIED ? v->gap.relaxation_time : NAN;
}

static json_t *value_json(const sg_design_value *v) {
    if (!v->loss) return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "loss", json_string(v->loss->text));
    json_object_set_new(o, "inefficiency", sim_json_real(inefficiency_of(v)));
    json_object_set_new(o, "inefficiency_error",
                        sim_json_real(has_digits(v) ? v->asymptotic->inefficiency_error : NAN));
    json_object_set_new(o, "sampled", json_boolean(v->asymptotic && v->asymptotic->sampled));
    json_object_set_new(o, "relaxation_time", sim_json_real(relaxation_of(v)));
    json_object_set_new(o, "points", sim_json_real(v->points));
    json_object_set_new(o, "status", json_string(sg_status_name(v->status ? v->status : v->gap.status)));
    json_object_set_new(o, "message", json_string(v->status ? v->message : v->gap.message));
    return o;
}

static json_t *varied_json(const sg_design *d) {
    json_t *array = json_array();
    for (int k = 0; k < d->ranges; k++) {
        json_t *o = json_object();
        json_object_set_new(o, "key", json_string(d->range[k].key));
        json_object_set_new(o, "value", sim_json_real(d->value[k]));
        json_object_set_new(o, "lo", sim_json_real(d->range[k].lo));
        json_object_set_new(o, "hi", sim_json_real(d->range[k].hi));
        json_object_set_new(o, "at_end", json_boolean(d->at_end[k]));
        json_array_append_new(array, o);
    }
    return array;
}

static int print_json(const answer *a) {
    const sg_design *d = a->design;
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(a->model->text));
    json_object_set_new(o, "best", value_json(&d->best));
    json_object_set_new(o, "varied", varied_json(d));
    json_object_set_new(o, "given", value_json(&a->given));
    json_object_set_new(o, "score_matching", value_json(&a->plain));
    json_object_set_new(o, "clock", json_string(d->best.loss->row->clock));
    json_object_set_new(o, "evaluations", json_integer(d->evaluations));
    json_object_set_new(o, "too_slow", json_integer(d->beyond));
    json_object_set_new(o, "without_inefficiency", json_integer(d->failed));
    json_object_set_new(o, "settled", json_boolean(d->settled));
    json_object_set_new(o, "seconds", sim_json_real(a->seconds));
    return sim_json_print(o) ? 0 : 1;
}

static void print_value(const char *title, const sg_design_value *v) {
    if (!v->loss) return;
    printf("%-15s %-13.8g %-9.2g %-15.7g %-9g %s\n", title, inefficiency_of(v),
           has_digits(v) ? v->asymptotic->inefficiency_error : NAN, relaxation_of(v), v->points, v->loss->text);
    if (v->status) printf("                %s: %s\n", sg_status_name(v->status), v->message);
    if (v->gap.status) printf("                gap %s: %s\n", sg_status_name(v->gap.status), v->gap.message);
}

static void print_text(const answer *a) {
    const sg_design *d = a->design;
    const bool sampled = d->best.asymptotic && d->best.asymptotic->sampled;
    printf("%s (%.3f s)\n%-15s %-13s %-9s %-15s %-9s loss\n", a->model->text, a->seconds, "", "inefficiency",
           sampled ? "se" : "error", "relaxation time", "points");
    print_value("best", &d->best);
    print_value("as given", &a->given);
    print_value("score matching", &a->plain);
    for (int k = 0; k < d->ranges; k++)
        printf("%-15s %.5g in [%g, %g]%s\n", d->range[k].key, d->value[k], d->range[k].lo, d->range[k].hi,
               d->at_end[k] ? ", at its end: a wider range may do better" : "");
    printf("%d losses looked at, %d too slow, %d without an inefficiency; %s\n", d->evaluations, d->beyond, d->failed,
           d->settled ? "the search has settled" : "the search was still moving: allow more --evaluations");
}

static void close_answer(answer *a) {
    sg_design_value_free(&a->given);
    sg_design_value_free(&a->plain);
    sg_design_delete(a->design);
    sg_model_delete(a->model);
}

static int run(const sim_args *args) {
    answer a = {0};
    int leave = 0;
    const sg_status status = compute(args, &a);
    if (status)
        leave = sim_fail(status);
    else if (args->json)
        leave = print_json(&a);
    else
        print_text(&a);
    if (!leave && !has_digits(&a.design->best)) leave = 1;
    close_answer(&a);
    return leave;
}

const sim_command sim_command_design = {
    .name = "design",
    .usage = "design FAMILY [-p key=value]... --loss LOSS [--vary KEY=LO..HI,..] [--max-relaxation T] "
             "[--evaluations N] [--theta T1,..] [--json]",
    .summary = "the options of a loss that give up least against maximum likelihood",
    .help = "Searches options of the loss that are real numbers for the smallest worst-direction inefficiency at the "
            "family's truth (or at\n"
            "--theta), among those whose process has relaxation time T or less.  Without --vary the options are those "
            "that the loss has ranges\n"
            "for (lifted: decay, power, range, speed; denoising: sigma; preconditioned by power or exponential: "
            "exponent), except the ones\n"
            "that --loss gives.  Ranges of a decade or more are searched by the logarithm.  Halton's points come "
            "first, then Nelder and Mead's\n"
            "simplex from the best of them: a local minimum, found by the same steps in every run.  Printed beside it: "
            "the loss as given and\n"
            "score matching; the error is an estimate from a second grid, or a standard error where nodes are drawn; "
            "points are those at\n"
            "which one pass of a fit looks, a datum.",
    .example = "scoregap design mixture -p m=3 --loss denoising",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DESIGN,
    .least = 1,
    .most = 1,
    .run = run,
};
