#include "estimate/kl.h"

#include <math.h>
#include <string.h>

#include "estimate/lens.h"

/*
 * Exponential families: KL = log Z(theta) - log Z(theta*) - (theta - theta*) . E F.  Normalized ones: the mean of the
 * log ratio at the nodes.
 */
struct sg_kl_tool {
    const sg_model *model;
    const sg_nodes *nodes;
    sg_chart *chart;
    sg_partition *partition;
    sg_local truth, local;
    double *delta, *full, *log_ratio;
    sg_loss *loss; /* only so that a lens can be opened */
    sg_lens *lens;
};

static sg_status linear_parts(sg_kl_tool *t) {
    sg_status status = SG_OK;
    size_t m = (size_t)t->model->m;
    sg_local *locals[] = {&t->truth, &t->local};
    const bool finite = t->model->space.shape == SG_FINITE;
    if (finite && (status = sg_new(&t->truth.gradient, m, sizeof(double)))) return status;
    for (int k = 0; k < 2 && !finite; k++) {
        if ((status = sg_new(&locals[k]->gradient, m, sizeof(double)))) return status;
        if ((status = sg_new(&locals[k]->hessian, m * m, sizeof(double)))) return status;
    }
    if ((status = sg_partition_new(t->model, t->chart, t->nodes, &t->partition))) return status;
    if ((status = sg_partition_at(t->partition, t->delta, &t->truth))) return status;
    if (!isnan(t->truth.log_z)) return SG_OK;
    return sg_fail(SG_REFUSED, "log Z of %s is not known, so that it has no Kullback-Leibler divergence: leave it out",
                   t->model->text);
}

sg_status sg_kl_tool_new(const sg_model *model, const sg_nodes *nodes, sg_kl_tool **out) {
    sg_status status = SG_OK;
    sg_kl_tool *t = NULL;
    *out = NULL;
    if ((status = sg_new(&t, 1, sizeof *t))) goto out;
    t->model = model, t->nodes = nodes;
    if ((status = sg_new(&t->delta, (size_t)model->m, sizeof(double)))) goto out;
    if ((status = sg_new(&t->full, (size_t)model->full, sizeof(double)))) goto out;
    if (nodes && sg_nodes_logp(nodes) && (status = sg_new(&t->log_ratio, (size_t)nodes->n, sizeof(double)))) goto out;
    if ((status = sg_chart_new(model, model->truth, NULL, &t->chart))) goto out;
    if (model->family->can & SG_LINEAR) {
        status = linear_parts(t);
    } else {
        if ((status = sg_loss_new("mle", &t->loss))) goto out;
        status = sg_lens_new(model, t->loss, t->chart, 0, SG_LOGP, &t->lens);
    }
out:
    if (status) {
        sg_kl_tool_delete(t);
        return status;
    }
    *out = t;
    return SG_OK;
}

void sg_kl_tool_delete(sg_kl_tool *t) {
    if (!t) return;
    sg_lens_delete(t->lens);
    sg_loss_delete(t->loss);
    sg_partition_delete(t->partition);
    sg_chart_delete(t->chart);
    double *array[] = {t->delta,         t->full,           t->log_ratio,    t->truth.gradient,
                       t->truth.hessian, t->local.gradient, t->local.hessian};
    for (int k = 0; k < 7; k++) sg_delete(array[k]);
    sg_delete(t);
}

static void normalized_kl(sg_kl_tool *t, double *kl) {
    const double *logp = sg_nodes_logp(t->nodes);
    for (long long first = 0; first < t->nodes->n; first += SG_BLOCK) {
        sg_lens_nodes(t->lens, t->nodes, first / SG_BLOCK);
        sg_lens_look(t->lens, NULL, NULL, t->full, &t->lens->block, 0, SG_LOGP);
        for (int i = 0; i < t->lens->block.n; i++) t->log_ratio[first + i] = logp[first + i] - t->lens->jet.logp[i];
    }
    *kl = sg_nodes_mean(t->nodes, t->log_ratio);
}

sg_status sg_kl_tool_at(sg_kl_tool *t, const double *theta, double *kl) {
    const sg_model *model = t->model;
    *kl = NAN;
    for (int j = 0; j < model->m; j++) {
        if (isnan(theta[j])) return SG_OK;
        t->delta[j] = theta[j] - model->named[model->free[j]];
    }
    *kl = INFINITY;
    sg_model_expand(model, theta, t->full);
    if (!model->family->inside(model, t->full)) return SG_OK;
    if (t->lens) {
        normalized_kl(t, kl);
        return SG_OK;
    }
    sg_status status = sg_partition_at(t->partition, t->delta, &t->local);
    if (status) return status == SG_NO_MEMORY ? status : SG_OK;
    double value = t->local.log_z - t->truth.log_z;
    for (int j = 0; j < model->m; j++) value -= t->delta[j] * t->truth.gradient[j];
    *kl = value > 0 ? value : 0; /* rounding near the truth */
    return SG_OK;
}

sg_status sg_kl(const sg_model *model, const sg_nodes *nodes, const double *theta, double *kl) {
    sg_kl_tool *tool = NULL;
    sg_status status = sg_kl_tool_new(model, nodes, &tool);
    if (!status) status = sg_kl_tool_at(tool, theta, kl);
    sg_kl_tool_delete(tool);
    return status;
}
