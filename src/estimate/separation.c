#include "estimate/separation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/direction.h"
#include "estimate/fitter.h"
#include "estimate/source.h"

static const double far = 1e9, resisting = 1e-4;
/* Change of a parameter on a statistic of unit size: beyond it even a fit that has converged is looked at. */
static const double far_out = 15;

bool sg_recession_suspected(sg_status status, double top) {
    return status ? status != SG_NO_MEMORY : !(top <= far_out);
}

size_t sg_recession_work(int m) {
    const size_t size = (size_t)m;
    return 4 * size + 2 * size * size;
}

/* The Newton step at x, without eigenvalues that are too small. */
static sg_status far_step(int m, sg_objective objective, void *context, const double *x, double *work) {
    double *step = work, *gradient = step + m, *scale = gradient + m, *lambda = scale + m, *a = lambda + m;
    double *vector = a + (size_t)m * (size_t)m, value;
    sg_status status = objective(context, x, &value, gradient, a);
    if (status) return status;
    for (int j = 0; j < m; j++) scale[j] = a[j + (size_t)j * m] > 0 ? 1 / sqrt(a[j + (size_t)j * m]) : 1;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) a[j + (size_t)k * m] *= scale[j] * scale[k];
    if ((status = sg_symmetric_eigen(m, a, lambda, vector))) return status;
    const double top = fmax(fabs(lambda[0]), fabs(lambda[m - 1]));
    memset(step, 0, (size_t)m * sizeof(double));
    for (int k = 0; k < m; k++) {
        double along = 0;
        for (int j = 0; j < m; j++) along += vector[j + (size_t)k * m] * scale[j] * gradient[j];
        along /= fmax(fabs(lambda[k]), 1e-13 * top);
        for (int j = 0; j < m; j++) step[j] -= scale[j] * vector[j + (size_t)k * m] * along;
    }
    return SG_OK;
}

static double largest(int m, const double *x) {
    double top = 0;
    for (int j = 0; j < m; j++) top = fmax(top, fabs(x[j]));
    return top;
}

static sg_status recedes(int m, sg_resistance resistance, void *context, double *direction, bool *yes) {
    const double top = largest(m, direction);
    double against, along;
    *yes = false;
    if (!(top > 0) || !isfinite(top)) return SG_OK;
    for (int j = 0; j < m; j++) direction[j] /= top;
    sg_status status = resistance(context, direction, far, &against);
    if (!status) status = resistance(context, direction, -far, &along);
    if (status) return status == SG_NO_MEMORY ? status : SG_OK;
    *yes = isfinite(along) && along > 0 && against <= resisting * along;
    return SG_OK;
}

sg_status sg_recession(int m, sg_objective objective, sg_resistance resistance, void *context, const double *x,
                       double *work, bool *yes) {
    *yes = false;
    sg_status status = far_step(m, objective, context, x, work);
    if (status == SG_NO_MEMORY) return status;
    if (!status) status = recedes(m, resistance, context, work, yes);
    if (status || *yes) return status;
    memcpy(work, x, (size_t)m * sizeof(double));
    return recedes(m, resistance, context, work, yes);
}

/* ------------------------------------------------------------ fits of all parameters */

typedef struct {
    sg_fitter *f;
    sg_objective objective;
    sg_lens *lens; /* of the loss that measures */
    sg_loss *own;  /* it, where it is not that of the fitter */
    sg_prepared *prepared;
    double *full; /* [full] */
    double *work; /* of sg_recession */
} gauge;

/* Where the loss is that of one site, so is the measure. */
static sg_status open_gauge(sg_fitter *f, gauge *g) {
    sg_status status;
    const sg_row *row = f->loss->row;
    const sg_loss *loss = f->loss;
    char text[sizeof f->loss->text + 32];
    if (row->rho && !row->heat_bath) {
        const char *sites = strstr(f->loss->text, "sites=");
        snprintf(text, sizeof text, "pseudolikelihood%s%s", sites ? ":" : "", sites ? sites : "");
        if ((status = sg_loss_new(text, &g->own))) return status;
        if ((status = sg_loss_prepare(g->own, f->model, f->panels, &g->prepared))) return status;
        loss = g->own;
    }
    if ((status = sg_new(&g->full, (size_t)f->model->full, sizeof(double)))) return status;
    if ((status = sg_new(&g->work, sg_recession_work(f->m), sizeof(double)))) return status;
    if ((status = sg_lens_new(f->model, loss, f->chart, SG_VALUE, 0, &g->lens))) return status;
    return sg_pass_open(g->lens, g->own ? g->prepared : f->prepared, f->source);
}

static void close_gauge(gauge *g) {
    sg_lens_delete(g->lens);
    if (g->prepared) sg_loss_release(g->own, g->prepared);
    sg_loss_delete(g->own);
    sg_delete(g->full);
    sg_delete(g->work);
}

static sg_status resistance(void *context, const double *direction, double scale, double *most) {
    gauge *g = context;
    sg_fitter *f = g->f;
    const sg_prepared *prepared = g->own ? g->prepared : f->prepared;
    sg_local local = {0};
    *most = 0;
    for (int j = 0; j < f->m; j++) f->theta[j] = scale * direction[j];
    sg_chart_theta(f->chart, f->theta, g->full);
    if (f->partition) {
        sg_status status = sg_partition_at(f->partition, f->theta, &local);
        if (status) return status;
    }
    for (long long b = 0; b < sg_pass_blocks(g->lens, f->source); b++) {
        sg_pass_block(g->lens, prepared, f->source, b);
        sg_lens_look(g->lens, prepared, &local, g->full, &g->lens->block, SG_VALUE, 0);
        for (int i = 0; i < g->lens->block.n; i++) *most = fmax(*most, g->lens->datum.value[i]);
    }
    *most /= fabs(scale);
    return SG_OK;
}

static sg_status objective_of(void *context, const double *delta, double *value, double *gradient, double *hessian) {
    gauge *g = context;
    return g->objective(g->f, delta, value, gradient, hessian);
}

/* Free parameters [m] along a direction of the chart, the largest of them one. */
static void in_parameters(const sg_fitter *f, const double *step, double *direction) {
    const int m = f->m;
    for (int j = 0; j < m; j++) {
        const double *row = f->chart->basis + (size_t)f->model->free[j] * m;
        direction[j] = 0;
        for (int k = 0; k < m; k++) direction[j] += row[k] * step[k];
    }
}

sg_status sg_fitter_separation(sg_fitter *f, sg_objective objective, sg_status status) {
    gauge g = {.f = f, .objective = objective};
    double *direction = f->theta;
    char text[256], before[512];
    bool yes = false;
    in_parameters(f, f->delta, direction);
    if (!sg_recession_suspected(status, largest(f->m, direction))) return status;
    snprintf(before, sizeof before, "%s", sg_message());
    sg_status looked = open_gauge(f, &g);
    if (!looked) looked = sg_recession(f->m, objective_of, resistance, &g, f->delta, g.work, &yes);
    if (yes) {
        in_parameters(f, g.work, direction);
        const double top = largest(f->m, direction);
        for (int j = 0; j < f->m; j++) direction[j] /= top;
        sg_direction_text(f->model, direction, sizeof text, text);
    }
    close_gauge(&g);
    if (looked == SG_NO_MEMORY) return looked;
    if (!yes) return status ? sg_fail(status, "%s", before) : SG_OK;
    return sg_fail(SG_SEPARATED,
                   "the data are separated: the loss falls for ever along (%s), so that the estimate lies at infinity; "
                   "take more data, or fix parameters with free=",
                   text);
}
