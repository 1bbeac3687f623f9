#include "family/log-z.h"

#include <math.h>

#include "family/elimination.h"

/* Below SG_STATES_MOST states all of them can be listed, which beats tables that are nearly as large. */
static const double SAVING = 16;

struct sg_log_z {
    const sg_model *model;
    sg_factors *base, *factors; /* at theta = 0, and at the theta at hand; NULL: a closed form */
    sg_elimination *plan;
    sg_elimination_scratch scratch;
};

void sg_log_z_delete(sg_log_z *l) {
    if (!l) return;
    sg_factors_delete(l->base);
    sg_factors_delete(l->factors);
    sg_elimination_delete(l->plan);
    sg_elimination_scratch_free(&l->scratch);
    sg_delete(l);
}

static sg_status check_work(const sg_model *model, const sg_elimination *plan) {
    sg_elimination_cost cost;
    const double states = sg_model_states(model);
    sg_elimination_costs(plan, &cost);
    if (states > SG_STATES_MOST || cost.entries * SAVING <= states) return SG_OK;
    return sg_fail(SG_REFUSED, "tables of elimination have %g entries: listing its %g states is as little work",
                   cost.entries, states);
}

static sg_status fill(sg_log_z *l) {
    const sg_model *model = l->model;
    double *zero = NULL;
    if (model->family->log_z) return SG_OK;
    sg_status status = sg_new(&zero, (size_t)model->full, sizeof(double));
    if (status == SG_OK) status = sg_model_factors(model, zero, &l->base);
    if (status == SG_OK) status = sg_model_factors(model, zero, &l->factors);
    if (status == SG_OK) status = sg_elimination_new(l->factors, &l->plan);
    if (status == SG_OK) status = check_work(model, l->plan);
    sg_delete(zero);
    return status == SG_OK ? SG_OK : sg_fail_within(status, "%s", model->text);
}

sg_status sg_log_z_new(const sg_model *model, sg_log_z **log_z) {
    sg_log_z *made = NULL;
    *log_z = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    status = fill(made);
    if (status != SG_OK) {
        sg_log_z_delete(made);
        return status;
    }
    *log_z = made;
    return SG_OK;
}

/* log p is linear in theta, with the statistics for coefficients. */
static void tilt(const sg_factors *base, const double *theta, sg_factors *out) {
    for (int f = 0; f < base->count; f++) {
        const sg_factor *from = &base->factor[f];
        const size_t entries = sg_elimination_power(base->q, from->sites);
        double *restrict log_p = out->factor[f].log_p;
        for (size_t i = 0; i < entries; i++) log_p[i] = from->log_p[i];
        for (int s = 0; s < from->sums; s++) {
            const double weight = theta[from->sum[s]], *restrict value = from->value + (size_t)s * entries;
            for (size_t i = 0; i < entries; i++) log_p[i] += weight * value[i];
        }
    }
}

sg_status sg_log_z_at(sg_log_z *l, const double *theta, double *value, double *gradient, double *hessian) {
    const sg_model *model = l->model;
    if (!model->family->inside(model, theta))
        return sg_fail(SG_NOT_INTEGRABLE, "the parameters of %s are not finite", model->text);
    if (!l->plan) return model->family->log_z(model, theta, value, gradient, hessian);
    tilt(l->base, theta, l->factors);
    sg_status status = sg_elimination_solve(l->plan, l->factors, &l->scratch, value, gradient, hessian);
    return status == SG_OK ? SG_OK : sg_fail_within(status, "%s", model->text);
}

sg_status sg_model_log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    sg_log_z *log_z = NULL;
    sg_status status = sg_log_z_new(model, &log_z);
    if (status == SG_OK) status = sg_log_z_at(log_z, theta, value, gradient, hessian);
    sg_log_z_delete(log_z);
    return status;
}
