#include <cblas.h>
#include <math.h>
#include <string.h>

#include "estimate/separation.h"

static const double fold_condition = 1e12;
static const double difference = 1e-5; /* of a standard deviation by the loss of one datum, for derivatives of psi */

static void unpack(int m, const double *packed, double *a) {
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++) a[j + k * m] = a[k + j * m] = packed[p];
}

static sg_status new_local(int m, sg_local *local) {
    sg_status status = sg_new(&local->gradient, (size_t)m, sizeof(double));
    return status ? status : sg_new(&local->hessian, (size_t)m * (size_t)m, sizeof(double));
}

static sg_status new_scratch(sg_fitter *f) {
    sg_status status = SG_OK;
    size_t m = (size_t)f->m, full = (size_t)f->model->full, tall = (size_t)SG_BLOCK * (size_t)f->lens->roots + m;
    if ((status = sg_new(&f->delta, m, sizeof(double)))) return status;
    if ((status = sg_new(&f->start, m, sizeof(double)))) return status;
    if ((status = sg_new(&f->theta, m, sizeof(double)))) return status;
    if ((status = sg_new(&f->full, full, sizeof(double)))) return status;
    if ((status = sg_new(&f->a, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&f->b, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&f->c, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&f->stack, (tall + 2) * m, sizeof(double)))) return status;
    if ((status = sg_new(&f->work, sg_qr_work((int)tall, f->m), sizeof(double)))) return status;
    if ((status = sg_new(&f->newton, sg_newton_work(f->m), sizeof(double)))) return status;
    if ((status = sg_pass_means_new(f->m, &f->means))) return status;
    if ((status = sg_pass_means_new(f->m, &f->middle))) return status;
    return SG_OK;
}

/* E F in the free parameters at the origin of the chart, which need not be whitened for it. */
static sg_status raw_means(sg_fitter *f) {
    sg_status status = SG_OK;
    sg_chart *plain = NULL;
    sg_partition *partition = NULL;
    if ((status = sg_new(&f->raw.gradient, (size_t)f->m, sizeof(double)))) goto out;
    if (!f->lens->basis) {
        memcpy(f->raw.gradient, f->origin.gradient, (size_t)f->m * sizeof(double));
        goto out;
    }
    if ((status = sg_chart_new(f->model, f->chart->origin, NULL, &plain))) goto out;
    if ((status = sg_partition_new(f->model, plain, f->nodes, &partition))) goto out;
    status = sg_partition_at(partition, f->delta, &f->raw);
out:
    sg_partition_delete(partition);
    sg_chart_delete(plain);
    return status;
}

static sg_status new_partition(sg_fitter *f) {
    sg_status status = SG_OK;
    if (!f->loss->row->local) return SG_OK;
    if ((status = new_local(f->m, &f->origin)) || (status = new_local(f->m, &f->local))) return status;
    if ((status = sg_partition_new(f->model, f->chart, f->nodes, &f->partition))) return status;
    memset(f->delta, 0, (size_t)f->m * sizeof(double));
    if ((status = sg_partition_at(f->partition, f->delta, &f->origin))) return status;
    return f->lens->view ? raw_means(f) : SG_OK;
}

static sg_status new_coordinates(const double *reference, sg_fitter *f) {
    sg_status status = sg_new(&f->full, (size_t)f->model->full, sizeof(double));
    if (!status) status = sg_loss_prepare(f->loss, f->model, f->panels, &f->prepared);
    if (!status) status = sg_coordinate_fit_new(f->model, f->loss, f->prepared, reference, &f->coordinates);
    return status;
}

/* What a lens must be able to say for the fits of this kind. */
static int readings(const sg_fitter *f) {
    const int roots = f->loss->row->spread ? SG_DIRICHLET : SG_ROOT;
    if (f->kind == SG_QUADRATIC) return SG_PSI | SG_ROOT;
    if (f->kind == SG_SUFFICIENT) return SG_PSI;
    const int second = f->gauss ? 0 : SG_CURVATURE;
    return SG_PSI | SG_VALUE | second | (f->model->space.shape == SG_FINITE ? 0 : roots);
}

sg_status sg_fitter_new(const sg_model *model, const sg_loss *loss, const double *reference, const double *whiten,
                        const sg_nodes *nodes, sg_fitter **out) {
    sg_status status = SG_OK;
    sg_fitter *f = NULL;
    sg_at at = SG_AT_TRUTH;
    *out = NULL;
    if ((status = sg_loss_estimates(loss, model))) goto out;
    if ((status = sg_new(&f, 1, sizeof *f))) goto out;
    f->model = model, f->loss = loss, f->nodes = nodes, f->m = model->m;
    f->panels = nodes ? nodes->panels : NULL;
    f->kind = model->family->can & SG_LINEAR && !loss->row->spread ? loss->row->fit : SG_GENERAL;
    if (sg_fit_by_coordinates(model, loss)) {
        status = new_coordinates(reference, f);
        goto out;
    }
    if ((status = sg_chart_new(model, reference, whiten, &f->chart))) goto out;
    f->gauss = f->kind == SG_GENERAL && !sg_lens_bends(model, loss, f->chart);
    if ((status = sg_lens_new(model, loss, f->chart, readings(f), SG_LOGP, &f->lens))) goto out;
    if ((status = new_scratch(f))) goto out;
    if ((status = new_partition(f))) goto out;
    if ((status = sg_loss_reference(loss, model, f->full, &at))) goto out;
    if ((status = sg_loss_prepare(loss, model, f->panels, &f->prepared))) goto out;
    if (at == SG_AT_PILOT) status = sg_two_step_new(f);
    if (loss->row->averaged && loss->row->averaged(loss->options)) status = sg_site_fits_new(f);
    if (f->sites && !status) status = sg_nodewise_new(model, loss->row, reference, &f->nodewise);
out:
    if (status) {
        sg_fitter_delete(f);
        return status;
    }
    *out = f;
    return SG_OK;
}

static void delete_local(sg_local *local) {
    sg_delete(local->gradient);
    sg_delete(local->hessian);
}

void sg_fitter_delete(sg_fitter *f) {
    if (!f) return;
    sg_two_step_delete(f);
    sg_site_fits_delete(f);
    sg_nodewise_delete(f->nodewise);
    sg_coordinate_fit_delete(f->coordinates);
    sg_loss_release(f->loss, f->prepared);
    sg_partition_delete(f->partition);
    sg_chart_delete(f->chart);
    sg_lens_delete(f->lens);
    delete_local(&f->origin);
    delete_local(&f->local);
    delete_local(&f->raw);
    sg_pass_means_clear(&f->means);
    sg_pass_means_clear(&f->middle);
    double *scratch[] = {f->delta, f->start, f->theta, f->full, f->a, f->b, f->c, f->stack, f->work, f->newton};
    for (int k = 0; k < 10; k++) sg_delete(scratch[k]);
    sg_delete(f);
}

void sg_fitter_pass(sg_fitter *f, const sg_local *local, const double *delta, int want, sg_pass_means *means) {
    sg_chart_theta(f->chart, delta, f->full);
    if (f->lens->view) local = &f->raw;
    sg_pass(f->lens, f->prepared, local, f->full, f->source, want, means);
    f->passes++;
}

void sg_fitter_gram(sg_fitter *f, const sg_local *local, const double *delta, double *gram) {
    sg_fitter_pass(f, local, delta, f->loss->row->spread ? SG_DIRICHLET : SG_ROOT, &f->means);
    unpack(f->m, f->means.curvature, gram);
}

/* ---- quadratic losses: delta = -A^-1 mean psi, through a triangular factor where the Gram matrix is nearly singular
 */

static sg_status fold_solve(sg_fitter *f) {
    sg_status status = SG_OK;
    int m = f->m;
    double condition;
    sg_chart_theta(f->chart, f->delta, f->full);
    status = sg_pass_fold(f->lens, f->prepared, &f->origin, f->full, f->source, f->stack, f->work, f->b);
    f->passes++;
    if (!status) status = sg_invert(m, f->b, f->c, &condition);
    if (status) return status;
    double scale = sqrt((double)f->source->n);
    for (int k = 0; k < m * m; k++) f->c[k] *= scale; /* factor of the mean, not of the sum */
    sg_multiply_nt(m, f->c, f->c, f->b);
    return SG_OK;
}

static sg_status fit_quadratic(sg_fitter *f) {
    sg_status status;
    int m = f->m;
    double condition;
    sg_fitter_pass(f, &f->origin, f->delta, SG_PSI | SG_ROOT, &f->means);
    unpack(m, f->means.curvature, f->a);
    status = sg_invert(m, f->a, f->b, &condition);
    if (status == SG_SINGULAR || (!status && !(condition < fold_condition))) status = fold_solve(f);
    if (status) return status;
    for (int j = 0; j < m; j++) {
        f->delta[j] = 0;
        for (int k = 0; k < m; k++) f->delta[j] -= f->b[j + k * m] * f->means.psi[k];
    }
    return SG_OK;
}

/* ---- losses in which the data enter through one mean: Newton on log Z */

static sg_status sufficient_objective(void *context, const double *delta, double *value, double *gradient,
                                      double *hessian) {
    sg_fitter *f = context;
    int m = f->m;
    sg_status status = sg_partition_at(f->partition, delta, &f->local);
    if (status) {
        f->refusals++;
        return status;
    }
    if (value) *value = f->local.log_z - f->origin.log_z;
    for (int j = 0; j < m; j++) {
        double mean = f->origin.gradient[j] - f->means.psi[j]; /* psi = E dt - dt at the origin */
        if (value) *value -= delta[j] * mean;
        if (gradient) gradient[j] = f->local.gradient[j] - mean;
    }
    if (hessian) memcpy(hessian, f->local.hessian, (size_t)m * (size_t)m * sizeof(double));
    return SG_OK;
}

/* ---- everything else: Newton with a pass an evaluation */

static sg_status general_objective(void *context, const double *delta, double *value, double *gradient,
                                   double *hessian) {
    sg_fitter *f = context;
    const int second = !f->gauss ? SG_CURVATURE : f->loss->row->spread ? SG_DIRICHLET : SG_ROOT;
    int want = (value ? SG_VALUE : 0) | (gradient ? SG_PSI : 0) | (hessian ? second : 0);
    sg_chart_theta(f->chart, delta, f->full);
    if (!f->model->family->inside(f->model, f->full)) {
        f->refusals++;
        return SG_NOT_INTEGRABLE;
    }
    if (f->partition) {
        sg_status status = sg_partition_at(f->partition, delta, &f->local);
        if (status) return status;
    }
    sg_fitter_pass(f, &f->local, delta, want, &f->means);
    if (value) *value = f->means.value;
    if (gradient) memcpy(gradient, f->means.psi, (size_t)f->m * sizeof(double));
    if (hessian) unpack(f->m, f->means.curvature, hessian);
    return SG_OK;
}

/* Stuck against the edge of the parameter space? */
sg_status sg_fitter_verdict(const sg_fitter *f, sg_status status) {
    if (status != SG_NOT_CONVERGED || f->refusals == 0) return status;
    return sg_fail(SG_NOT_INTEGRABLE,
                   "the fit runs against the edge of the parameter space of %s: the data do not suit the family",
                   f->model->family->name);
}

/* Variances of the free parameters by the curvature along the chart, whose inverse Newton's method leaves. */
static bool suspected(sg_fitter *f, sg_status status) {
    const int m = f->m;
    double *variance = f->theta, *row = f->stack;
    for (int j = 0; j < m && !status; j++) {
        const double *basis = f->chart->basis + (size_t)f->model->free[j] * m;
        cblas_dsymv(CblasColMajor, CblasLower, m, 1, f->newton, m, basis, 1, 0, row, 1);
        variance[j] = cblas_ddot(m, basis, 1, row, 1);
    }
    return sg_separation_suspected(status, m, variance, f->source->n);
}

static sg_status fit_newton(sg_fitter *f, sg_objective objective, int *iterations) {
    const sg_newton_settings settings = {
        .tol = f->gauss ? 1e-9 : 1e-10, .most = f->gauss ? 400 : 100, .radius = 10, .quasi = f->gauss};
    f->refusals = 0;
    sg_status status = sg_newton(f->m, objective, f, &settings, f->delta, iterations, f->newton);
    if (f->lens->view) return suspected(f, status) ? sg_separation(f, status) : status;
    return sg_fitter_verdict(f, status);
}

static sg_status fit_once(sg_fitter *f, int *iterations) {
    memcpy(f->delta, f->start, (size_t)f->m * sizeof(double));
    *iterations = 1;
    if (f->kind == SG_QUADRATIC) return fit_quadratic(f);
    if (f->kind == SG_GENERAL) return fit_newton(f, general_objective, iterations);
    sg_fitter_pass(f, &f->origin, f->delta, SG_PSI, &f->means);
    return fit_newton(f, sufficient_objective, iterations);
}

/* ---- standard errors: A^-1 M A^-1 / n with A the mean derivative at theta-hat, M the centred second moment of psi
 * there */

/* Central differences of mean psi, into f->a. */
static sg_status differences(sg_fitter *f) {
    sg_status status = SG_OK;
    const int m = f->m;
    double *size = f->theta;
    sg_fitter_gram(f, &f->local, f->delta, f->a);
    for (int k = 0; k < m; k++) size[k] = difference / sqrt(f->a[k + k * m]);
    for (int k = 0; k < m && !status; k++) {
        const double at = f->delta[k];
        for (int sign = -1; sign <= 1 && !status; sign += 2) {
            f->delta[k] = at + sign * size[k];
            if (f->partition) status = sg_partition_at(f->partition, f->delta, &f->local);
            if (status) break;
            sg_fitter_pass(f, &f->local, f->delta, SG_PSI, &f->means);
            for (int j = 0; j < m; j++)
                f->c[j + k * m] = (sign < 0 ? 0 : f->c[j + k * m]) + sign * f->means.psi[j] / (2 * size[k]);
        }
        f->delta[k] = at;
    }
    if (f->partition && !status) status = sg_partition_at(f->partition, f->delta, &f->local);
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) f->a[j + k * m] = 0.5 * (f->c[j + k * m] + f->c[k + j * m]);
    return status;
}

static sg_status mean_derivative(sg_fitter *f) {
    if (f->kind == SG_SUFFICIENT) {
        memcpy(f->a, f->local.hessian, (size_t)f->m * (size_t)f->m * sizeof(double));
        return SG_OK;
    }
    if (f->gauss) return differences(f);
    if (f->kind == SG_GENERAL) sg_fitter_pass(f, &f->local, f->delta, SG_CURVATURE, &f->means);
    unpack(f->m, f->means.curvature, f->a);
    return SG_OK;
}

/* A in f->a, psi and its products in f->middle; a two-step fit has the latter from its last pass. */
static sg_status sandwich_means(sg_fitter *f) {
    if (f->two_step) {
        sg_pass_means last = f->means;
        f->means = f->middle, f->middle = last;
        return sg_two_step_derivative(f);
    }
    if (f->lens->view && f->kind == SG_GENERAL) {
        sg_fitter_pass(f, NULL, f->delta, SG_PSI | SG_PASS_SQUARES | SG_CURVATURE, &f->middle);
        unpack(f->m, f->middle.curvature, f->a);
        return SG_OK;
    }
    sg_status status = mean_derivative(f);
    if (!status) sg_fitter_pass(f, &f->local, f->delta, SG_PSI | SG_PASS_SQUARES, &f->middle);
    return status;
}

static sg_status sandwich(sg_fitter *f, double *covariance) {
    int m = f->m;
    double condition, *basis = f->newton; /* [m,m] free parameters along the chart */
    sg_status status = SG_OK;
    if (f->partition && (status = sg_partition_at(f->partition, f->delta, &f->local))) return status;
    if ((status = sandwich_means(f))) return status;
    if ((status = sg_invert(m, f->a, f->b, &condition))) return status;
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++) f->middle.psi2[p] -= f->middle.psi[j] * f->middle.psi[k];
    unpack(m, f->middle.psi2, f->a);
    for (int k = 0; k < m; k++) {
        for (int i = 0; i < f->model->full; i++) f->full[i] = f->chart->basis[i * m + k];
        sg_model_free(f->model, f->full, basis + k * m);
    }
    sg_multiply(m, basis, f->b, f->c); /* W A^-1 */
    sg_multiply(m, f->c, f->a, f->b);
    sg_multiply_nt(m, f->b, f->c, covariance);
    for (int k = 0; k < m * m; k++) covariance[k] /= (double)f->source->n;
    return SG_OK;
}

void sg_fitter_along(const sg_fitter *f, const double *along, double *direction) {
    for (int j = 0; j < f->m; j++) {
        const double *row = f->chart->basis + (size_t)f->model->free[j] * f->m;
        direction[j] = 0;
        for (int k = 0; k < f->m; k++) direction[j] += row[k] * along[k];
    }
}

void sg_fitter_theta(sg_fitter *f, double *theta) {
    sg_chart_theta(f->chart, f->delta, f->full);
    sg_model_free(f->model, f->full, theta);
}

/* Separation at any site says more than what else went wrong. */
static sg_status fit_nodewise(sg_fitter *f, sg_fit *fit) {
    sg_status status = sg_nodewise_fit(f->nodewise, f->source, &fit->iterations, &f->passes, fit->theta);
    const bool unknown = status == SG_SINGULAR || status == SG_NOT_CONVERGED;
    for (int i = 0; unknown && i < f->model->space.d; i++) {
        const sg_status here = sg_nodewise_done(f->nodewise, i) ? status : sg_separation_site(f, i, status);
        if (here != status) return here;
    }
    return status;
}

static sg_status fit_any(sg_fitter *f, int want, sg_fit *fit) {
    if (f->nodewise) return fit_nodewise(f, fit);
    if (f->sites) return sg_site_fits_run(f, &fit->iterations, fit->theta);
    if (f->two_step) return sg_two_step_fit(f, want, &fit->iterations);
    if (f->many) return sg_starts_run(f, f->many, fit_once, &fit->iterations);
    return fit_once(f, &fit->iterations);
}

/* An estimate without standard errors is still one: the interval then counts as missing. */
static sg_status add_errors(sg_fitter *f, int want, double *covariance) {
    if (!(want & SG_FIT_SANDWICH)) return SG_OK;
    if (f->nodewise)
        sg_nodewise_sandwich(f->nodewise, covariance);
    else if (f->sites)
        sg_site_fits_sandwich(f, covariance);
    else if (sandwich(f, covariance) == SG_NO_MEMORY)
        return SG_NO_MEMORY;
    return SG_OK;
}

bool sg_fit_by_coordinates(const sg_model *model, const sg_loss *loss) {
    return sg_coordinate_fit_may(model, loss);
}

static sg_status fit_coordinates(sg_fitter *f, const sg_source *source, int want, sg_fit *fit) {
    sg_coordinate_report report;
    const size_t m = (size_t)f->m;
    for (size_t k = 0; fit->covariance && k < m * m; k++) fit->covariance[k] = NAN;
    for (size_t k = 0; fit->se && k < m; k++) fit->se[k] = NAN;
    fit->status = sg_coordinate_fit_run(f->coordinates, source, fit->theta, &report);
    fit->iterations = report.iterations;
    fit->passes = 1;
    if (fit->status) {
        for (size_t k = 0; k < m; k++) fit->theta[k] = NAN;
        return SG_OK;
    }
    sg_model_expand(f->model, fit->theta, f->full);
    if (!f->model->family->inside(f->model, f->full)) fit->status = SG_NOT_INTEGRABLE;
    if (!(want & SG_FIT_SANDWICH)) return SG_OK;
    fit->passes++;
    const sg_status status = sg_coordinate_fit_sandwich(f->coordinates, source, fit->covariance, fit->se);
    return status == SG_SINGULAR ? SG_OK : status;
}

sg_status sg_fit_source(sg_fitter *f, const sg_source *source, int want, sg_fit *fit) {
    if (f->coordinates) return fit_coordinates(f, source, want, fit);
    f->source = source;
    f->passes = 0;
    for (int k = 0; k < f->m * f->m; k++) fit->covariance[k] = NAN;
    sg_status status = sg_pass_open(f->lens, f->prepared, source);
    if (!status) status = fit_any(f, want, fit);
    if (status == SG_NO_MEMORY) return status;
    fit->status = status;
    if (status) {
        for (int j = 0; j < f->m; j++) fit->theta[j] = NAN;
    } else {
        if (!f->sites) sg_fitter_theta(f, fit->theta);
        for (int j = 0; j < f->m; j++)
            if (!isfinite(fit->theta[j])) fit->status = SG_SINGULAR;
        if (f->sites) sg_model_expand(f->model, fit->theta, f->full);
        if (!fit->status && !f->model->family->inside(f->model, f->full)) fit->status = SG_NOT_INTEGRABLE;
        if ((status = add_errors(f, want, fit->covariance))) return status;
    }
    fit->passes = f->passes;
    return SG_OK;
}

sg_status sg_fit_starts(sg_fitter *f, const sg_source *source, int want, int starts, uint64_t key, sg_fit *fit,
                        sg_starts *report) {
    const sg_starts_room many = {.starts = starts, .key = key, .report = report};
    const bool whole = f->coordinates || f->nodewise || f->sites || f->two_step;
    if (!whole) f->many = &many;
    const sg_status status = sg_fit_source(f, source, want, fit);
    f->many = NULL;
    if (whole) *report = (sg_starts){.starts = 1, .best = fit->status ? 0 : 1, .failed = fit->status ? 1 : 0};
    return status;
}

sg_status sg_data_whitening(const sg_model *model, const sg_loss *loss, const double *theta, const sg_nodes *nodes,
                            const sg_source *source, double *whiten, double *condition) {
    sg_status status = SG_OK;
    sg_fitter *f = NULL;
    if ((status = sg_fitter_new(model, loss, theta, NULL, nodes, &f))) return status;
    f->source = source;
    if (f->kind == SG_QUADRATIC && !f->coordinates) {
        status = sg_pass_fold(f->lens, f->prepared, &f->origin, theta, source, f->stack, f->work, f->b);
        if (!status) status = sg_invert(f->m, f->b, whiten, condition);
        for (int k = 0; !status && k < f->m * f->m; k++) whiten[k] *= sqrt((double)source->n);
    } else {
        *condition = 1;
        for (int k = 0; k < f->m * f->m; k++) whiten[k] = k % (f->m + 1) ? 0 : 1;
    }
    sg_fitter_delete(f);
    return status;
}

/* Up to so many states are listed although the structure may give log Z without them. */
enum { STATES_LISTED = 1 << 14 };

sg_status sg_fit_nodes(const sg_model *model, const sg_loss *loss, const double *theta, bool kl, sg_nodes **nodes) {
    double value;
    *nodes = NULL;
    if (model->space.shape == SG_SPHERE && model->family->log_z) return SG_OK;
    if (!kl && sg_fit_by_coordinates(model, loss)) return SG_OK;
    if (model->space.shape != SG_FINITE) return sg_nodes_new(model, theta, 0, false, nodes);
    if (!kl && !loss->row->local) return SG_OK;
    if (sg_model_exchangeable(model)) return sg_nodes_new(model, theta, 0, true, nodes);
    if (!(sg_model_states(model) <= STATES_LISTED)) {
        sg_status status = sg_model_log_z(model, theta, &value, NULL, NULL);
        if (status != SG_REFUSED) return status;
    }
    return sg_nodes_new(model, theta, 0, false, nodes);
}
