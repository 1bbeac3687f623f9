#include "fitting.h"

#include <math.h>
#include <string.h>

static sg_status check_range(const sg_model *model, const sim_data *data) {
    const sg_space *space = &model->space;
    for (long long i = 0; i < data->n; i++) {
        double x = data->rows[i * data->d];
        if (space->shape <= SG_INTERVAL && (x < space->lo || x > space->hi))
            return sg_fail(SG_BAD_DATA, "datum %lld is %g, outside the support [%g, %g] of %s", i + 1, x, space->lo,
                           space->hi, model->family->name);
    }
    return SG_OK;
}

sg_status sim_data_open(const sim_args *args, const sg_model *model, sim_data *data) {
    sg_status status;
    memset(data, 0, sizeof *data);
    if (model->space.shape == SG_FINITE)
        return sg_fail(SG_REFUSED, "%s is a family on a finite set: `scoregap gap` takes it, this command does not",
                       model->text);
    if (!args->data) return sg_fail(SG_BAD_SYNTAX, "give the data with --data FILE");
    if ((status = sg_data_read(args->data, &data->n, &data->d, &data->rows))) return status;
    if (data->d != model->space.d)
        return sg_fail(SG_BAD_DATA, "%s has %d columns where %s has dimension %d", args->data, data->d, model->text,
                       model->space.d);
    if (data->n <= model->m)
        return sg_fail(SG_BAD_DATA, "%s has %lld data, too few for %d parameters", args->data, data->n, model->m);
    return check_range(model, data);
}

void sim_fit_delete(sim_fit *fit) {
    if (!fit) return;
    sg_delete(fit->theta);
    sg_delete(fit->se);
    sg_delete(fit->covariance);
    sg_delete(fit);
}

static sg_status allocate(int m, sim_fit **out) {
    sg_status status;
    sim_fit *fit = NULL;
    if ((status = sg_new(&fit, 1, sizeof *fit))) return status;
    *out = fit;
    if ((status = sg_new(&fit->theta, (size_t)m, sizeof(double)))) return status;
    if ((status = sg_new(&fit->se, (size_t)m, sizeof(double)))) return status;
    return sg_new(&fit->covariance, (size_t)m * (size_t)m, sizeof(double));
}

/* The whitening of the data themselves: coordinates in which the estimating equation is well conditioned, whatever the
 * start. */
static sg_status whitened_fit(const sg_model *model, const sg_loss *loss, const sg_panels *panels,
                              const sg_source *source, double *whiten, sim_fit *out) {
    sg_fitter *fitter = NULL;
    sg_fit fit = {.theta = out->theta, .covariance = out->covariance};
    sg_status status = sg_data_whitening(model, loss, model->truth, panels, source, whiten, &out->condition);
    if (!status) status = sg_fitter_new(model, loss, model->truth, whiten, panels, &fitter);
    if (!status) status = sg_fit_source(fitter, source, SG_FIT_SANDWICH, &fit);
    sg_fitter_delete(fitter);
    out->status = fit.status;
    out->iterations = fit.iterations;
    return status;
}

sg_status sim_fit_new(const sg_model *model, const sg_loss *loss, const sim_data *data, sim_fit **out) {
    sg_status status = SG_OK;
    sg_panels *panels = NULL;
    double *whiten = NULL;
    sim_fit *fit = NULL;
    sg_source source = {.n = data->n, .d = data->d, .rows = data->rows};
    int m = model->m;
    *out = NULL;
    if ((status = allocate(m, &fit))) goto out;
    if ((status = sg_new(&whiten, (size_t)m * (size_t)m, sizeof(double)))) goto out;
    if ((status = sg_model_panels(model, model->truth, 0, &panels))) goto out;
    status = whitened_fit(model, loss, panels, &source, whiten, fit);
    if (status == SG_SINGULAR) { /* of the data: an answer, not a failure of the program */
        fit->status = status;
        for (int j = 0; j < m; j++) fit->theta[j] = NAN;
        for (int k = 0; k < m * m; k++) fit->covariance[k] = NAN;
        status = SG_OK;
    }
    if (fit->status)
        snprintf(fit->message, sizeof fit->message, "%s",
                 *sg_message() ? sg_message() : sg_status_sentence(fit->status));
    for (int j = 0; j < m; j++) fit->se[j] = sqrt(fit->covariance[j + j * m]);
out:
    sg_delete(whiten);
    sg_panels_delete(panels);
    if (status) {
        sim_fit_delete(fit);
        return status;
    }
    *out = fit;
    return SG_OK;
}
