#include <math.h>

#include "family/elimination.h"

/* Below SG_STATES_MOST states all of them can be listed, which beats tables that are nearly as large. */
static const double SAVING = 16;

static sg_status check(const sg_model *model, const sg_elimination *plan) {
    sg_elimination_cost cost;
    const double states = sg_model_states(model);
    sg_elimination_costs(plan, &cost);
    if (states > SG_STATES_MOST || cost.entries * SAVING <= states) return SG_OK;
    return sg_fail(SG_REFUSED, "tables of elimination for %s have %g entries: listing its %g states is as little work",
                   model->text, cost.entries, states);
}

sg_status sg_elimination_log_z(const sg_model *model, const double *theta, double *value, double *gradient,
                               double *hessian) {
    sg_factors *factors = NULL;
    sg_elimination *plan = NULL;
    if (!model->family->inside(model, theta))
        return sg_fail(SG_NOT_INTEGRABLE, "the parameters of %s are not finite", model->text);
    sg_status status = sg_model_factors(model, theta, &factors);
    if (status != SG_OK) return status;
    status = sg_elimination_new(factors, &plan);
    if (status == SG_OK) status = check(model, plan);
    if (status == SG_OK) status = sg_elimination_covariance(plan, factors, value, gradient, hessian);
    if (status != SG_OK) status = sg_fail_within(status, "%s", model->text);
    sg_elimination_delete(plan);
    sg_factors_delete(factors);
    return status;
}
