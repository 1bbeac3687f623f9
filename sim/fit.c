#include <math.h>
#include <string.h>

#include "fitting.h"

static const double quantile = 1.959963984540054; /* of .975 */

static int print_json(const sg_model *model, const sg_loss *loss, const sim_data *data, const sim_fit *fit) {
    json_t *o = json_object(), *intervals = json_array();
    for (int j = 0; j < model->m; j++) {
        double ends[2] = {fit->theta[j] - quantile * fit->se[j], fit->theta[j] + quantile * fit->se[j]};
        json_array_append_new(intervals, sim_json_vector(2, ends));
    }
    json_object_set_new(o, "family", json_string(model->text));
    json_object_set_new(o, "loss", json_string(loss->text));
    json_object_set_new(o, "parameters", sim_json_parameters(model));
    json_object_set_new(o, "theta", sim_json_vector(model->m, fit->theta));
    json_object_set_new(o, "se", sim_json_vector(model->m, fit->se));
    json_object_set_new(o, "interval", intervals);
    json_object_set_new(o, "covariance", fit->covariance ? sim_json_matrix(model->m, fit->covariance) : json_null());
    json_object_set_new(o, "n", json_integer(data->n));
    json_object_set_new(o, "iterations", json_integer(fit->iterations));
    json_object_set_new(o, "starts", json_integer(fit->starts.starts));
    json_object_set_new(o, "best_starts", json_integer(fit->starts.best));
    json_object_set_new(o, "other_starts", json_integer(fit->starts.other));
    json_object_set_new(o, "failed_starts", json_integer(fit->starts.failed));
    json_object_set_new(o, "status", json_string(sg_status_name(fit->status)));
    json_object_set_new(o, "message", json_string(fit->message));
    return sim_json_print(o) ? 0 : 1;
}

static void print_text(const sg_model *model, const sg_loss *loss, const sim_data *data, const sim_fit *fit) {
    printf("%s, %s, n = %lld\n", model->text, loss->text, data->n);
    printf("  %-12s %14s %12s   95 %% interval\n", "parameter", "estimate", "se");
    for (int j = 0; j < model->m; j++) {
        char name[SG_NAME];
        sg_model_parameter(model, j, name);
        printf("  %-12s %14.8g %12.4g   [%.6g, %.6g]\n", name, fit->theta[j], fit->se[j],
               fit->theta[j] - quantile * fit->se[j], fit->theta[j] + quantile * fit->se[j]);
    }
    if (fit->starts.starts > 1)
        printf("%d starts: %d gave this minimum, %d others of a larger loss, %d none\n", fit->starts.starts,
               fit->starts.best, fit->starts.other, fit->starts.failed);
    printf("standard errors: sandwich, with the mean derivative of the estimating equation (valid under "
           "misspecification)\n");
    printf("status: %s%s%s\n", sg_status_name(fit->status), *fit->message ? ": " : "", fit->message);
}

static int run(const sim_args *args) {
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sim_data data = {0};
    sim_fit *fit = NULL;
    int leave = 0;
    sg_status status = sim_model(args, &model);
    if (!status) status = sim_loss(args, model, &loss);
    if (!status) status = sim_data_open(args, model, &data);
    if (!status) status = sim_fit_new(args, model, loss, &data, &fit);
    if (status)
        leave = sim_fail(status);
    else if (args->json)
        leave = print_json(model, loss, &data, fit);
    else
        print_text(model, loss, &data, fit);
    if (!leave && fit->status) leave = 1;
    sim_fit_delete(fit);
    sg_delete(data.rows);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return leave;
}

const sim_command sim_command_fit = {
    .name = "fit",
    .usage = "fit FAMILY [-p key=value]... --loss LOSS --data FILE [--starts N] [--theta T1,..] [--json]",
    .summary = "estimate from your data, with sandwich standard errors and intervals",
    .help =
        "Fits the free parameters to data by one loss.  Structure keys define the model; truth keys and --theta "
        "only start fits that\n"
        "are not convex (those of families that are no exponential families, from --starts points: the first is the "
        "truth, the others\n"
        "are drawn about it, and the estimate of the least loss is kept), and are the reference of preconditioners "
        "with at=truth.  Standard errors are those of the "
        "estimating equation,\n"
        "H^-1 M H^-1 / n with H its mean derivative: valid when the model is wrong.  DATA is a CSV of numbers (one "
        "row a datum,\n"
        "optional header line) or FILE.h5:/dataset.  A fit that fails is printed with its status, exit status 1.",
    .example =
        "scoregap sample gaussian -p s=2 -n 1000 -o x.csv && scoregap fit gaussian --loss score-matching --data x.csv",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DATA | SIM_TAKES_STARTS,
    .least = 1,
    .most = 1,
    .run = run,
};
