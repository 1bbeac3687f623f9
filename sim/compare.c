#include <math.h>
#include <string.h>

#include "fitting.h"

/* One line of the comparison. */
typedef struct {
    sg_loss *loss;
    sim_fit *fit;
    sg_model *fitted; /* the model with truth theta-hat; NULL where there is none */
    double inefficiency, gap;
    sg_status status;
    char message[768];
} line;

/* Inefficiency and gap as if theta-hat were the truth. */
static sg_status at_estimate(const sim_args *args, line *l) {
    sg_status status;
    sg_asymptotic *a = NULL;
    sg_gap gap;
    if ((status = sg_model_new(args->positional[0], args->pairs, args->pair, &l->fitted))) goto out;
    if (args->theta.n && (status = sg_model_set_truth(l->fitted, args->theta.n, args->theta.v))) goto out;
    if ((status = sg_model_set_truth(l->fitted, l->fitted->m, l->fit->theta))) goto out;
    status = sg_spectrum_gap(l->fitted, l->loss, NULL, &gap, NULL);
    if (status == SG_NO_MEMORY) goto out;
    if (!status && gap.status == SG_OK)
        l->gap = gap.gap;
    else /* the inefficiency still stands */
        snprintf(l->message, sizeof l->message, "gap: %s", status ? sg_message() : gap.message);
    if ((status = sg_asymptotic_new(l->fitted, l->loss, &a))) goto out;
    if (a->status == SG_OK)
        l->inefficiency = a->inefficiency[a->m - 1];
    else
        snprintf(l->message, sizeof l->message, "inefficiency: %s", a->message);
out:
    sg_asymptotic_delete(a);
    return status;
}

static sg_status make_line(const sim_args *args, const sg_model *model, const sim_data *data, const char *text,
                           line *l) {
    sg_status status;
    l->inefficiency = l->gap = NAN;
    if ((status = sg_loss_new(text, &l->loss))) return status;
    if ((status = sg_loss_fits(l->loss, model))) return status;
    status = sim_fit_new(args, model, l->loss, data, &l->fit);
    if (status && sg_status_exit(status) == 2) return status;
    l->status = status ? status : l->fit->status;
    if (l->status) {
        snprintf(l->message, sizeof l->message, "%s", l->fit && *l->fit->message ? l->fit->message : sg_message());
        return status == SG_NO_MEMORY ? status : SG_OK;
    }
    status = at_estimate(args, l);
    if (status)
        snprintf(l->message, sizeof l->message, "%s", sg_message()); /* the estimate stands; its theory does not */
    return status == SG_NO_MEMORY ? status : SG_OK;
}

static json_t *line_json(const sg_model *model, const line *l) {
    json_t *o = json_object();
    json_object_set_new(o, "loss", json_string(l->loss->text));
    json_object_set_new(o, "theta", l->fit ? sim_json_vector(model->m, l->fit->theta) : json_null());
    json_object_set_new(o, "se", l->fit ? sim_json_vector(model->m, l->fit->se) : json_null());
    json_object_set_new(o, "inefficiency", sim_json_real(l->inefficiency));
    json_object_set_new(o, "gap", sim_json_real(l->gap));
    json_object_set_new(o, "relaxation_time", sim_json_real(1 / l->gap));
    json_object_set_new(o, "clock", json_string(l->loss->row->clock));
    json_object_set_new(o, "status", json_string(sg_status_name(l->status)));
    json_object_set_new(o, "message", json_string(l->message));
    return o;
}

/* The cheapest words of advice: the loss other than likelihood that gives up least at its own estimate. */
static const line *best(const line *lines, int count) {
    const line *winner = NULL;
    for (int k = 0; k < count; k++) {
        const line *l = &lines[k];
        if (l->status || !isfinite(l->inefficiency) || l->loss->row->kind == SG_RESAMPLE) continue;
        if (!winner || l->inefficiency < winner->inefficiency) winner = l;
    }
    return winner;
}

static int print_json(const sg_model *model, const sim_data *data, const line *lines, int count) {
    json_t *o = json_object(), *array = json_array();
    const line *winner = best(lines, count);
    for (int k = 0; k < count; k++) json_array_append_new(array, line_json(model, &lines[k]));
    json_object_set_new(o, "family", json_string(model->text));
    json_object_set_new(o, "n", json_integer(data->n));
    json_object_set_new(o, "parameters", sim_json_parameters(model));
    json_object_set_new(o, "losses", array);
    json_object_set_new(o, "recommended", winner ? json_string(winner->loss->text) : json_null());
    return sim_json_print(o) ? 0 : 1;
}

static void print_text(const sg_model *model, const sim_data *data, const line *lines, int count) {
    printf("%s, n = %lld\n%-40s", model->text, data->n, "loss");
    for (int j = 0; j < model->m; j++) {
        char name[SG_NAME];
        sg_model_parameter(model, j, name);
        printf(" %22s", name);
    }
    printf(" %13s %13s  status\n", "inefficiency", "gap");
    for (int k = 0; k < count; k++) {
        const line *l = &lines[k];
        printf("%-40s", l->loss->text);
        for (int j = 0; j < model->m; j++) {
            char cell[64];
            snprintf(cell, sizeof cell, "%.6g +- %.3g", l->fit ? l->fit->theta[j] : NAN, l->fit ? l->fit->se[j] : NAN);
            printf(" %22s", cell);
        }
        printf(" %13.6g %13.6g  %s%s%s\n", l->inefficiency, l->gap, sg_status_name(l->status), *l->message ? ": " : "",
               l->message);
    }
    const line *winner = best(lines, count);
    if (winner)
        printf("\nof the losses without the partition function, %s gives up least at its estimate (variance x %.4g in "
               "the worst direction)\n",
               winner->loss->text, winner->inefficiency);
}

/* The losses asked for, or every row of the dictionary that fits with its default options. */
static int choose(const sim_args *args, const sg_model *model, const char **text) {
    int count = 0;
    for (int k = 0; k < args->losses; k++) text[count++] = args->loss[k];
    for (int k = 0; !args->losses && sg_rows[k] && count < SIM_LOSSES; k++) {
        sg_loss *loss = NULL;
        if (!sg_loss_new(sg_rows[k]->name, &loss) && !sg_loss_fits(loss, model)) text[count++] = sg_rows[k]->name;
        sg_loss_delete(loss);
    }
    return count;
}

static int run(const sim_args *args) {
    sg_model *model = NULL;
    sim_data data = {0};
    line lines[SIM_LOSSES] = {0};
    const char *text[SIM_LOSSES];
    int count = 0, leave = 0;
    sg_status status = sim_model(args, &model);
    if (!status) status = sim_data_open(args, model, &data);
    if (!status) count = choose(args, model, text);
    for (int k = 0; k < count && !status; k++) status = make_line(args, model, &data, text[k], &lines[k]);
    if (status)
        leave = sim_fail(status);
    else if (args->json)
        leave = print_json(model, &data, lines, count);
    else
        print_text(model, &data, lines, count);
    for (int k = 0; k < count; k++) {
        if (!leave && lines[k].status) leave = 1;
        sim_fit_delete(lines[k].fit);
        sg_model_delete(lines[k].fitted);
        sg_loss_delete(lines[k].loss);
    }
    sg_delete(data.rows);
    sg_model_delete(model);
    return leave;
}

const sim_command sim_command_compare = {
    .name = "compare",
    .usage = "compare FAMILY [-p key=value]... --data FILE [--loss A --loss B ...] [--json]",
    .summary = "which loss for these data: estimates, standard errors, inefficiency and gap at each estimate",
    .help = "Fits every loss named (or all that fit the family) to the data, and computes at each estimate, as if it "
            "were the truth, the\n"
            "worst-direction inefficiency against maximum likelihood and the spectral gap of the paired dynamics.",
    .example = "scoregap compare bimodal -p a=2 --data x.csv --loss mle --loss score-matching",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DATA | SIM_TAKES_STARTS,
    .least = 1,
    .most = 1,
    .run = run,
};
