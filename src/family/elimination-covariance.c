/* Means and covariances by one pass up, for each assignment of states to the cut sites. */
#include <math.h>

#include "family/elimination.h"

typedef struct {
    const sg_elimination *plan;
    sg_elimination_pass pass;
    int *given;                               /* [n] */
    double *mean, *covariance;                /* of one assignment */
    double log_z, *all_mean, *all_covariance; /* of those so far */
} elimination;

static double entries_of(const sg_elimination *plan) {
    return (double)plan->slots + (double)plan->largest;
}

void sg_elimination_costs(const sg_elimination *plan, sg_elimination_cost *cost) {
    *cost = (sg_elimination_cost){.width = plan->order.width,
                                  .cuts = plan->cuts,
                                  .entries = plan->order.entries * plan->assignments,
                                  .largest = plan->order.largest,
                                  .bytes = entries_of(plan) * sizeof(double)};
}

static void release(elimination *e) {
    sg_delete(e->given);
    sg_delete(e->pass.message);
    sg_delete(e->pass.table);
    sg_delete(e->mean);
    sg_delete(e->all_mean);
}

static sg_status take(const sg_elimination *plan, int a, int b, elimination *e) {
    const size_t components = 1 + (size_t)a + (size_t)b;
    *e = (elimination){.plan = plan, .pass = {.a = a, .b = b}, .log_z = -INFINITY};
    const double bytes = entries_of(plan) * (double)components * sizeof(double);
    if (bytes > SG_ELIMINATION_BYTES)
        return sg_fail(SG_REFUSED,
                       "the tables of %d sums over these %d sites take %.3g GiB, more than 1: take fewer sums or a "
                       "narrower graph",
                       a, plan->n, bytes / 0x1p30);
    sg_status status = sg_new(&e->given, (size_t)plan->n, sizeof(int));
    if (status == SG_OK) status = sg_new(&e->pass.message, plan->slots * components + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&e->pass.table, (plan->largest + 1) * components, sizeof(double));
    if (status == SG_OK) status = sg_new(&e->mean, components, sizeof(double));
    if (status == SG_OK) status = sg_new(&e->all_mean, components, sizeof(double));
    e->covariance = e->mean + a;
    e->all_covariance = e->all_mean + a;
    e->pass.given = e->given;
    return status;
}

/* The mixture of what there is with one more law, by the law of total covariance. */
static void mix(elimination *e, double log_z) {
    const double top = fmax(e->log_z, log_z), a = exp(e->log_z - top), b = exp(log_z - top);
    if (!(top > -INFINITY)) return;
    const double share = b / (a + b), rest = a / (a + b);
    for (int i = 0, p = 0; i < e->pass.a && e->pass.b; i++)
        for (int j = 0; j <= i; j++, p++)
            e->all_covariance[p] = rest * e->all_covariance[p] + share * e->covariance[p] +
                                   share * rest * (e->mean[i] - e->all_mean[i]) * (e->mean[j] - e->all_mean[j]);
    for (int i = 0; i < e->pass.a; i++) e->all_mean[i] += share * (e->mean[i] - e->all_mean[i]);
    e->log_z = top + log(a + b);
}

static bool next_assignment(elimination *e) {
    for (int c = 0; c < e->plan->cuts; c++) {
        if (++e->given[e->plan->cut[c]] < e->plan->q) return true;
        e->given[e->plan->cut[c]] = 0;
    }
    return false;
}

static sg_status check_factors(const sg_elimination *plan, const sg_factors *factors) {
    if (factors->d == plan->n && factors->q == plan->q && factors->count == plan->factors) return SG_OK;
    return sg_fail(SG_INTERNAL, "the plan of elimination was made for %d factors on %d sites, not for %d on %d",
                   plan->factors, plan->n, factors->count, factors->d);
}

static void copy(const elimination *e, double *mean, double *covariance) {
    const int a = e->pass.a;
    for (int i = 0; i < a && mean; i++) mean[i] = e->all_mean[i];
    for (int i = 0, p = 0; i < a && covariance; i++)
        for (int j = 0; j <= i; j++, p++) covariance[i + j * a] = covariance[j + i * a] = e->all_covariance[p];
}

static sg_status by_pairs(const sg_elimination *plan, const sg_factors *factors, double *log_z, double *mean,
                          double *covariance) {
    const int a = mean || covariance ? factors->sums : 0, b = covariance ? a * (a + 1) / 2 : 0;
    elimination e;
    sg_status status = take(plan, a, b, &e);
    for (bool more = status == SG_OK; more; more = next_assignment(&e)) {
        double one;
        sg_elimination_up(plan, factors, &e.pass, &one, e.mean, e.covariance);
        mix(&e, one);
    }
    if (status == SG_OK && !isfinite(e.log_z))
        status = sg_fail(SG_NOT_INTEGRABLE, "the sum over all states is %s: check log p of the factors",
                         e.log_z == -INFINITY ? "zero" : "not finite");
    if (status == SG_OK) {
        *log_z = e.log_z;
        copy(&e, mean, covariance);
    }
    release(&e);
    return status;
}

sg_status sg_elimination_covariance(const sg_elimination *plan, const sg_factors *factors, double *log_z, double *mean,
                                    double *covariance) {
    sg_status status = check_factors(plan, factors);
    if (status != SG_OK) return status;
    if (factors->sums <= SG_ELIMINATION_FEW) return by_pairs(plan, factors, log_z, mean, covariance);
    return sg_elimination_marginals(plan, factors, log_z, mean, covariance);
}
