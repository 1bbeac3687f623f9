#include <math.h>
#include <string.h>

#include "estimate/fitter.h"
#include "estimate/fold.h"
#include "estimate/root.h"

/* Natural-log units at which the panels are cut: no datum of the model lies beyond, and where one does all the same, a
 * kernel that goes on as a constant is as admissible as any. */
static const double depth = 80;
static const sg_root_settings settings = {.tol = 1e-8, .most = 60};
/* A step of a length between these gives the derivative to three digits and above rounding. */
static const double secant_least = 1e-6, secant_most = 1e-3, difference = 1e-4;

struct sg_two_step {
    sg_fitter *pilot;
    sg_loss *pilot_loss;
    sg_panels *near, *moved; /* of p at the reference, of p at the iterate */
    double *logq;            /* [n] */
    double *base, *dt; /* [n], [m][n] log q and its derivatives at the reference, where log q is linear in theta */
    double *unchart;   /* [m,m] from free parameters to the chart */
    double *start;     /* [m,m] derivative of g to start with */
    double *at, *psi, *step; /* [m] where g was evaluated last, g there; scratch */
    sg_root_state root;
    double *work;  /* of sg_root */
    double lo, hi; /* of the data, within the panels at the reference; NAN: not looked at yet */
    int want;
};

/* ------------------------------------------------------------------ set-up */

static void delete_two_step(sg_two_step *t) {
    if (!t) return;
    sg_fitter_delete(t->pilot);
    sg_loss_delete(t->pilot_loss);
    sg_panels_delete(t->near);
    sg_panels_delete(t->moved);
    double *list[] = {t->logq, t->base, t->dt, t->unchart, t->start, t->psi, t->root.jacobian, t->work, t->step, t->at};
    for (int k = 0; k < 10; k++) sg_delete(list[k]);
    sg_delete(t);
}

void sg_two_step_delete(sg_fitter *f) {
    delete_two_step(f->two_step);
    f->two_step = NULL;
}

/* R^-1 of the loss at the reference, along `chart`, into whiten [m,m]. */
static sg_status whitening(const sg_fitter *f, const sg_loss *loss, const sg_prepared *prepared, const sg_chart *chart,
                           const sg_panels *panels, double *whiten) {
    sg_fold *rows = NULL;
    double condition;
    const sg_nodes nodes = sg_nodes_of(f->model, panels);
    sg_status status = sg_fold_new(f->model, loss, prepared, chart, &nodes, 0, sg_nodes_blocks(&nodes), false, &rows);
    if (!status) status = sg_fold_whitening(f->model, rows, whiten, &condition);
    sg_fold_delete(rows);
    return status;
}

/* The pilot's own fitter, whitened by quadrature at the reference. */
static sg_status new_pilot(sg_fitter *f, sg_two_step *t) {
    sg_status status = SG_OK;
    sg_prepared *prepared = NULL;
    sg_chart *plain = NULL;
    if ((status = sg_loss_new(f->loss->row->pilot, &t->pilot_loss))) goto out;
    if ((status = sg_loss_fits(t->pilot_loss, f->model))) goto out;
    if ((status = sg_loss_prepare(t->pilot_loss, f->model, f->panels, &prepared))) goto out;
    if ((status = sg_chart_new(f->model, f->chart->origin, NULL, &plain))) goto out;
    if ((status = whitening(f, t->pilot_loss, prepared, plain, f->panels, f->a))) goto out;
    status = sg_fitter_new(f->model, t->pilot_loss, f->chart->origin, f->a, f->nodes, &t->pilot);
out:
    sg_chart_delete(plain);
    sg_loss_release(t->pilot_loss, prepared);
    return status;
}

static sg_status new_arrays(const sg_fitter *f, sg_two_step *t) {
    sg_status status = SG_OK;
    size_t n = (size_t)t->near->n, m = (size_t)f->m;
    if ((status = sg_new(&t->logq, n, sizeof(double)))) return status;
    if ((status = sg_new(&t->unchart, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->start, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->root.jacobian, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->work, sg_root_work(f->m), sizeof(double)))) return status;
    if ((status = sg_new(&t->step, m, sizeof(double)))) return status;
    if ((status = sg_new(&t->at, m, sizeof(double)))) return status;
    if ((status = sg_new(&t->psi, m, sizeof(double)))) return status;
    if (!(f->model->family->can & SG_LINEAR)) return SG_OK;
    if ((status = sg_new(&t->base, n, sizeof(double)))) return status;
    return sg_new(&t->dt, n * m, sizeof(double));
}

static sg_status fill_base(const sg_fitter *f, sg_two_step *t) {
    sg_lens *lens = NULL;
    const sg_nodes nodes = sg_nodes_of(f->model, t->near);
    int n = t->near->n;
    if (!t->base) return SG_OK;
    sg_status status = sg_lens_new(f->model, f->loss, f->chart, 0, SG_LOGP | SG_DT, &lens);
    for (int first = 0; first < n && !status; first += SG_BLOCK) {
        sg_lens_nodes(lens, &nodes, first / SG_BLOCK);
        sg_lens_look(lens, f->prepared, NULL, f->chart->origin, &lens->block, 0, SG_LOGP | SG_DT);
        size_t length = (size_t)lens->block.n * sizeof(double);
        memcpy(t->base + first, lens->jet.logp, length);
        for (int j = 0; j < f->m; j++) memcpy(t->dt + (size_t)j * n + first, lens->jet.dt + j * SG_BLOCK, length);
    }
    sg_lens_delete(lens);
    return status;
}

/* unchart and start, from the chart's basis and the row's Dirichlet form. */
static sg_status fill_matrices(sg_fitter *f, sg_two_step *t) {
    int m = f->m;
    double condition;
    for (int k = 0; k < m; k++) {
        for (int i = 0; i < f->model->full; i++) f->full[i] = f->chart->basis[i * m + k];
        sg_model_free(f->model, f->full, f->a + k * m);
    }
    sg_status status = sg_invert(m, f->a, t->unchart, &condition);
    if (!status) status = whitening(f, f->loss, f->prepared, f->chart, t->near, f->a);
    if (!status) status = sg_invert(m, f->a, f->b, &condition);
    if (!status) sg_multiply_tn(m, f->b, f->b, t->start);
    return status;
}

sg_status sg_two_step_new(sg_fitter *f) {
    sg_status status = SG_OK;
    if ((status = sg_new(&f->two_step, 1, sizeof *f->two_step))) return status;
    sg_two_step *t = f->two_step;
    if ((status = new_pilot(f, t))) return status;
    if ((status = sg_model_panels_deep(f->model, f->chart->origin, depth, 0, &t->near))) return status;
    if ((status = sg_panels_copy(t->near, &t->moved))) return status;
    if ((status = new_arrays(f, t))) return status;
    if ((status = fill_base(f, t))) return status;
    return fill_matrices(f, t);
}

/* ---------------------------------------------------- the constants at theta */

static void log_density(sg_fitter *f, const double *delta) {
    sg_two_step *t = f->two_step;
    const sg_nodes nodes = sg_nodes_of(f->model, t->near);
    const int n = t->near->n;
    if (!t->base) {
        for (int first = 0; first < n; first += SG_BLOCK) {
            sg_lens_nodes(f->lens, &nodes, first / SG_BLOCK);
            sg_lens_look(f->lens, f->prepared, NULL, f->full, &f->lens->block, 0, SG_LOGP);
            memcpy(t->logq + first, f->lens->jet.logp, (size_t)f->lens->block.n * sizeof(double));
        }
        return;
    }
    memcpy(t->logq, t->base, (size_t)n * sizeof(double));
    for (int j = 0; j < f->m; j++) {
        const double step = delta[j], *restrict row = t->dt + (size_t)j * n;
        double *restrict logq = t->logq;
        for (int i = 0; i < n; i++) logq[i] += step * row[i];
    }
}

static void find_range(sg_fitter *f) {
    sg_two_step *t = f->two_step;
    const double *edge = t->near->edge, first = edge[0], last = edge[t->near->count];
    t->lo = last, t->hi = first;
    for (long long b = 0; b < sg_source_blocks(f->source); b++) {
        sg_source_block(f->source, b, &f->lens->block);
        for (int i = 0; i < f->lens->block.n; i++) {
            t->lo = fmin(t->lo, f->lens->block.x[i]);
            t->hi = fmax(t->hi, f->lens->block.x[i]);
        }
    }
    t->lo = fmax(t->lo, first), t->hi = fmin(t->hi, last);
}

/* Panels made anew for a theta far out may have lost whole wells: constants made there mean nothing to the data in
 * them, and an equation without these data has roots of its own. */
static sg_status check_range(sg_fitter *f, const sg_panels *panels) {
    sg_two_step *t = f->two_step;
    if (isnan(t->lo)) find_range(f);
    if (panels->edge[0] <= t->lo && panels->edge[panels->count] >= t->hi) return SG_OK;
    return sg_fail(SG_NOT_INTEGRABLE, "data between %g and %g lie where the density has practically no mass", t->lo,
                   t->hi);
}

/* The panels of the reference carry the new density where they resolve it. */
static sg_status make_constants(sg_fitter *f, const double *delta) {
    sg_two_step *t = f->two_step;
    sg_panels *rebuilt = NULL;
    const sg_panels *panels = t->moved;
    sg_chart_theta(f->chart, delta, f->full);
    if (!f->model->family->inside(f->model, f->full)) {
        f->refusals = 2;
        return SG_NOT_INTEGRABLE;
    }
    log_density(f, delta);
    sg_status status = sg_panels_reweight(t->near, t->logq, t->moved);
    if (status == SG_NOT_INTEGRABLE) {
        status = sg_model_panels_deep(f->model, f->full, depth, 0, &rebuilt);
        panels = rebuilt;
        if (!status) status = check_range(f, panels);
    }
    if (!status) status = f->loss->row->prepare(f->loss->options, f->model, f->full, panels, &f->prepared);
    sg_panels_delete(rebuilt);
    return status;
}

/* mean psi at delta, into f->means. */
static sg_status evaluate(sg_fitter *f, const double *delta, int want) {
    sg_status status = make_constants(f, delta);
    if (!status && f->partition) status = sg_partition_at(f->partition, delta, &f->local);
    if (!status) sg_fitter_pass(f, &f->local, delta, SG_PSI | want, &f->means);
    return status;
}

/* ------------------------------------------------------------ the equation */

/* Where the constants cannot be made there is no equation: a shorter step, then. */
static sg_status equation(void *context, const double *delta, double *g) {
    sg_fitter *f = context;
    sg_two_step *t = f->two_step;
    sg_status status = evaluate(f, delta, t->want);
    if (status) return status == SG_NO_MEMORY ? status : SG_NOT_INTEGRABLE;
    if (f->refusals > 0) f->refusals--; /* what counts at the end is the edge nearby */
    memcpy(t->at, delta, (size_t)f->m * sizeof(double));
    memcpy(t->psi, f->means.psi, (size_t)f->m * sizeof(double));
    memcpy(g, f->means.psi, (size_t)f->m * sizeof(double));
    return SG_OK;
}

static sg_status fit_pilot(sg_fitter *f) {
    sg_two_step *t = f->two_step;
    int m = f->m;
    sg_fit pilot = {.theta = f->theta, .covariance = f->c};
    sg_status status = sg_fit_source(t->pilot, f->source, 0, &pilot);
    f->passes += pilot.passes;
    if (status) return status;
    if (pilot.status)
        return sg_fail(SG_PILOT_FAILED, "the pilot by %s failed (%s): the data do not suit it", t->pilot_loss->text,
                       sg_status_name(pilot.status));
    sg_model_free(f->model, f->chart->origin, t->step);
    for (int j = 0; j < m; j++) {
        f->delta[j] = 0;
        for (int k = 0; k < m; k++) f->delta[j] += t->unchart[j + k * m] * (f->theta[k] - t->step[k]);
    }
    return SG_OK;
}

sg_status sg_two_step_fit(sg_fitter *f, int want, int *kernels) {
    sg_two_step *t = f->two_step;
    *kernels = 0;
    sg_status status = fit_pilot(f);
    if (status) return status;
    memcpy(t->root.jacobian, t->start, (size_t)f->m * (size_t)f->m * sizeof(double));
    t->lo = t->hi = NAN;
    t->want = want & SG_FIT_SANDWICH ? SG_PASS_SQUARES : 0;
    f->refusals = 0;
    status = sg_root(f->m, equation, f, &settings, f->delta, &t->root, t->work);
    *kernels = t->root.evaluations;
    if (status && status != SG_NO_MEMORY && t->root.evaluations == 0)
        return sg_fail(SG_PILOT_FAILED,
                       "loss %s cannot be prepared at the pilot by %s, which is too far out: take at=", f->loss->text,
                       t->pilot_loss->text);
    return sg_fitter_verdict(f, status);
}

/* ------------------------------------------------------ for standard errors */

sg_status sg_two_step_derivative(sg_fitter *f) {
    sg_two_step *t = f->two_step;
    int m = f->m;
    sg_status status = SG_OK;
    memcpy(f->a, t->root.jacobian, (size_t)m * (size_t)m * sizeof(double));
    if (m == 1 && t->root.last_step >= secant_least && t->root.last_step <= secant_most) return SG_OK;
    for (int k = 0; k < m && !status; k++) {
        memcpy(t->step, t->at, (size_t)m * sizeof(double));
        const double step = difference * fmax(1, fabs(t->at[k]));
        t->step[k] += step;
        status = evaluate(f, t->step, 0);
        for (int j = 0; j < m; j++) f->a[j + k * m] = (f->means.psi[j] - t->psi[j]) / step;
    }
    return status;
}
