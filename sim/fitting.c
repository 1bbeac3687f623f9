#include "fitting.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------- the data */

static sg_status check_line(const char *path, const sg_model *model, const sim_data *data) {
    const sg_space *space = &model->space;
    for (long long k = 0; k < data->n * data->d; k++) {
        const double x = data->rows[k];
        if (space->shape <= SG_INTERVAL && (x < space->lo || x > space->hi))
            return sg_fail(SG_BAD_DATA, "datum %lld is %g, outside the support [%g, %g] of %s", k + 1, x, space->lo,
                           space->hi, model->family->name);
        if (space->shape == SG_ORTHANT && !(x > 0))
            return sg_fail(SG_BAD_DATA, "%s, row %lld, column %lld: %g is outside the orthant x > 0 of %s", path,
                           k / data->d + 1, k % data->d + 1, x, model->family->name);
    }
    return SG_OK;
}

/* Unit vectors, up to the digits of a file, are brought to unit length. */
static sg_status check_sphere(const sg_model *model, sim_data *data) {
    for (long long i = 0; i < data->n; i++) {
        double *x = data->rows + i * data->d, norm2 = 0;
        for (int a = 0; a < data->d; a++) norm2 += x[a] * x[a];
        if (!(fabs(norm2 - 1) < 1e-4))
            return sg_fail(SG_BAD_DATA, "datum %lld has length %g, and %s takes unit vectors: divide by their lengths",
                           i + 1, sqrt(norm2), model->family->name);
        for (int a = 0; a < data->d; a++) x[a] /= sqrt(norm2);
    }
    return SG_OK;
}

/* Two states: -1 and +1, or 0 and 1, one of the two in the whole file; becomes -1 and +1. */
static sg_status read_signs(const char *path, sim_data *data) {
    long long first[3] = {-1, -1, -1}; /* where -1, 0 and +1 stand for the first time */
    const long long count = data->n * data->d;
    const int d = data->d;
    for (long long k = 0; k < count; k++) {
        const double x = data->rows[k];
        if (x != -1 && x != 0 && x != 1)
            return sg_fail(SG_BAD_DATA,
                           "%s, row %lld, column %lld: %g is no state of a site: write -1 and 1, or 0 and 1", path,
                           k / d + 1, k % d + 1, x);
        if (first[(int)x + 1] < 0) first[(int)x + 1] = k;
    }
    if (first[0] >= 0 && first[1] >= 0) {
        const long long k = first[0] > first[1] ? first[0] : first[1];
        return sg_fail(SG_BAD_DATA,
                       "%s, row %lld, column %lld: %g beside %g in row %lld: write the two states as -1 and 1, or as 0 "
                       "and 1, in the whole file",
                       path, k / d + 1, k % d + 1, data->rows[k], data->rows[first[0] + first[1] - k],
                       (first[0] + first[1] - k) / d + 1);
    }
    for (long long k = 0; first[1] >= 0 && k < count; k++) data->rows[k] = data->rows[k] == 0 ? -1 : 1;
    return SG_OK;
}

static sg_status check_states(const char *path, int q, const sim_data *data) {
    for (long long k = 0; k < data->n * data->d; k++) {
        const double x = data->rows[k];
        if (!(x >= 0 && x < q) || x != (double)(int)x)
            return sg_fail(SG_BAD_DATA, "%s, row %lld, column %lld: %g is no state of a site: write 0 to %d", path,
                           k / data->d + 1, k % data->d + 1, x, q - 1);
    }
    return SG_OK;
}

/* A datum that the family forbids has no likelihood, whatever theta. */
static sg_status check_allowed(const char *path, const sg_model *model, const sim_data *data) {
    sg_arena *arena = NULL;
    sg_jet jet;
    const int d = data->d;
    const size_t bytes = sg_jet_bytes(model->full, d, SG_LOGP) + (size_t)d * SG_BLOCK * sizeof(double) + 1024;
    if (!(model->family->can & SG_HARD) || !model->family->jet) return SG_OK;
    sg_status status = sg_arena_new(bytes, &arena);
    if (status == SG_OK) status = sg_jet_take(arena, model->full, d, SG_LOGP, &jet);
    sg_block block = {.d = d, .draws = 1};
    if (status == SG_OK) block.x = sg_arena_take(arena, (size_t)d * SG_BLOCK, sizeof(double));
    for (long long at = 0; status == SG_OK && at < data->n; at += SG_BLOCK) {
        block.n = data->n - at < SG_BLOCK ? (int)(data->n - at) : SG_BLOCK;
        for (int a = 0; a < d; a++)
            for (int i = 0; i < block.n; i++) block.x[(size_t)a * SG_BLOCK + i] = data->rows[(at + i) * d + a];
        model->family->jet(model, model->truth, &block, &jet);
        for (int i = 0; i < block.n && status == SG_OK; i++)
            if (!(jet.logp[i] > -INFINITY))
                status = sg_fail(SG_BAD_DATA, "%s, row %lld is a state that %s forbids", path, at + i + 1, model->text);
    }
    sg_arena_delete(arena);
    return status;
}

static sg_status check_range(const char *path, const sg_model *model, sim_data *data) {
    if (model->space.shape == SG_SPHERE) return check_sphere(model, data);
    if (model->space.shape != SG_FINITE) return check_line(path, model, data);
    sg_status status = model->space.q == 2 ? read_signs(path, data) : check_states(path, model->space.q, data);
    return status == SG_OK ? check_allowed(path, model, data) : status;
}

sg_status sim_data_open(const sim_args *args, const sg_model *model, sim_data *data) {
    sg_status status;
    memset(data, 0, sizeof *data);
    if (model->space.d < 1 || (model->space.shape == SG_FINITE && !(model->family->can & SG_STATES)))
        return sg_fail(SG_REFUSED, "%s has no loss to fit: `scoregap gap` takes it, this command does not",
                       model->text);
    if (!args->data) return sg_fail(SG_BAD_SYNTAX, "give the data with --data FILE");
    if ((status = sg_data_read(args->data, &data->n, &data->d, &data->rows))) return status;
    if (data->d != model->space.d)
        return sg_fail(SG_BAD_DATA, "%s has %d columns where %s has dimension %d", args->data, data->d, model->text,
                       model->space.d);
    /* every coordinate of a datum tells something of its own */
    if (data->n * (model->space.shape == SG_FINITE ? 1 : data->d) <= model->m)
        return sg_fail(SG_BAD_DATA, "%s has %lld data, too few for %d parameters", args->data, data->n, model->m);
    return check_range(args->data, model, data);
}

void sim_fit_delete(sim_fit *fit) {
    if (!fit) return;
    sg_delete(fit->theta);
    sg_delete(fit->se);
    sg_delete(fit->covariance);
    sg_delete(fit);
}

/* More are not written out, and their covariances not computed where standard errors take less. */
enum { COVARIANCES_MOST = 1024 };

static sg_status allocate(int m, bool squares, sim_fit **out) {
    sg_status status;
    sim_fit *fit = NULL;
    if ((status = sg_new(&fit, 1, sizeof *fit))) return status;
    *out = fit;
    if ((status = sg_new(&fit->theta, (size_t)m, sizeof(double)))) return status;
    if ((status = sg_new(&fit->se, (size_t)m, sizeof(double)))) return status;
    return squares ? sg_new(&fit->covariance, (size_t)m * (size_t)m, sizeof(double)) : SG_OK;
}

/* -------------------------------------------------------------------- the fit */

/* The whitening of the data themselves: coordinates in which the estimating equation is well conditioned, whatever the
 * start. */
static sg_status whitened_fit(const sim_args *args, const sg_model *model, const sg_loss *loss, const sg_nodes *nodes,
                              const sg_source *source, double *whiten, sim_fit *out) {
    const int starts = args->starts ? args->starts : sg_starts_usual(model, loss);
    sg_fitter *fitter = NULL;
    sg_fit fit = {.theta = out->theta, .covariance = out->covariance, .se = out->se};
    sg_status status = SG_OK;
    if (whiten) status = sg_data_whitening(model, loss, model->truth, nodes, source, whiten, &out->condition);
    if (!status) status = sg_fitter_new(model, loss, model->truth, whiten, nodes, &fitter);
    if (!status) status = sg_fit_starts(fitter, source, SG_FIT_SANDWICH, starts, args->seed, &fit, &out->starts);
    sg_fitter_delete(fitter);
    out->status = fit.status;
    out->iterations = fit.iterations;
    return status;
}

/* On finite sets, in the form that suits the loss. */
static sg_status gather(const sg_model *model, const sg_loss *loss, sg_source *source, sg_gathered **gathered) {
    const int form = sg_loss_form(model, loss);
    sg_status status = form ? sg_gathered_new(model, source->n, form, gathered) : SG_OK;
    if (status == SG_OK && form) sg_source_gather(source, *gathered);
    return status;
}

sg_status sim_fit_new(const sim_args *args, const sg_model *model, const sg_loss *loss, const sim_data *data,
                      sim_fit **out) {
    sg_status status = SG_OK;
    sg_nodes *nodes = NULL;
    sg_gathered *gathered = NULL;
    double *whiten = NULL;
    sim_fit *fit = NULL;
    sg_source source = {.n = data->n, .d = data->d, .rows = data->rows, .memory = args->memory};
    int m = model->m;
    *out = NULL;
    const bool coordinates = sg_fit_by_coordinates(model, loss);
    if ((status = allocate(m, !coordinates || m <= COVARIANCES_MOST, &fit))) goto out;
    if (!coordinates && (status = sg_new(&whiten, (size_t)m * (size_t)m, sizeof(double)))) goto out;
    if ((status = sg_fit_nodes(model, loss, model->truth, false, &nodes))) goto out;
    if ((status = gather(model, loss, &source, &gathered))) goto out;
    status = whitened_fit(args, model, loss, nodes, &source, whiten, fit);
    if (status == SG_SINGULAR) { /* of the data: an answer, not a failure of the program */
        fit->status = status;
        for (int j = 0; j < m; j++) fit->theta[j] = fit->se[j] = NAN;
        for (int k = 0; fit->covariance && k < m * m; k++) fit->covariance[k] = NAN;
        status = SG_OK;
    }
    if (fit->status)
        snprintf(fit->message, sizeof fit->message, "%s",
                 *sg_message() ? sg_message() : sg_status_sentence(fit->status));
    for (int j = 0; j < m && !coordinates; j++) fit->se[j] = sqrt(fit->covariance[j + j * m]);
out:
    sg_delete(whiten);
    sg_gathered_delete(gathered);
    sg_nodes_delete(nodes);
    if (status) {
        sim_fit_delete(fit);
        return status;
    }
    *out = fit;
    return SG_OK;
}
