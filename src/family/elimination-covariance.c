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

void sg_elimination_scratch_free(sg_elimination_scratch *s) {
    sg_delete(s->given);
    sg_delete(s->index);
    sg_delete(s->message);
    sg_delete(s->table);
    sg_delete(s->result);
    sg_delete(s->conditional);
    sg_delete(s->deviation);
    sg_delete(s->probability);
    sg_delete(s->weighted);
    sg_delete(s->below);
    sg_delete(s->small);
    *s = (sg_elimination_scratch){0};
}

static sg_status take(const sg_elimination *plan, int a, int b, sg_elimination_scratch *s) {
    const size_t components = 1 + (size_t)a + (size_t)b;
    const double bytes = entries_of(plan) * (double)components * sizeof(double);
    if (s->components >= (int)components) return SG_OK;
    if (bytes > SG_ELIMINATION_BYTES)
        return sg_fail(SG_REFUSED,
                       "the tables of %d sums over these %d sites take %.3g GiB, more than 1: take fewer sums or a "
                       "narrower graph",
                       a, plan->n, bytes / 0x1p30);
    sg_elimination_scratch_free(s);
    sg_status status = sg_new(&s->given, (size_t)plan->n, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->message, plan->slots * components + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->table, (plan->largest + 1) * components, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->result, 2 * components, sizeof(double));
    if (status == SG_OK) s->components = (int)components;
    return status;
}

static void open_elimination(const sg_elimination *plan, int a, int b, const sg_elimination_scratch *s,
                             elimination *e) {
    *e = (elimination){.plan = plan,
                       .pass = {.a = a, .b = b, .given = s->given, .message = s->message, .table = s->table},
                       .given = s->given,
                       .mean = s->result,
                       .covariance = s->result + a,
                       .all_mean = s->result + a + b,
                       .all_covariance = s->result + 2 * a + b,
                       .log_z = -INFINITY};
    for (int i = 0; i < plan->n; i++) s->given[i] = 0;
    for (int k = 0; k < 2 * (a + b); k++) s->result[k] = 0;
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

static sg_status by_pairs(const sg_elimination *plan, const sg_factors *factors, sg_elimination_scratch *scratch,
                          double *log_z, double *mean, double *covariance) {
    const int a = mean || covariance ? factors->sums : 0, b = covariance ? a * (a + 1) / 2 : 0;
    elimination e;
    sg_status status = take(plan, a, b, scratch);
    if (status != SG_OK) return status;
    open_elimination(plan, a, b, scratch, &e);
    do {
        double one;
        sg_elimination_up(plan, factors, &e.pass, &one, e.mean, e.covariance);
        mix(&e, one);
    } while (next_assignment(&e));
    if (!isfinite(e.log_z))
        return sg_fail(SG_NOT_INTEGRABLE, "the sum over all states is %s: check log p of the factors",
                       e.log_z == -INFINITY ? "zero" : "not finite");
    *log_z = e.log_z;
    copy(&e, mean, covariance);
    return SG_OK;
}

sg_status sg_elimination_solve(const sg_elimination *plan, const sg_factors *factors, sg_elimination_scratch *scratch,
                               double *log_z, double *mean, double *covariance) {
    sg_status status = check_factors(plan, factors);
    if (status != SG_OK) return status;
    if (factors->sums <= SG_ELIMINATION_FEW) return by_pairs(plan, factors, scratch, log_z, mean, covariance);
    return sg_elimination_marginals(plan, factors, scratch, log_z, mean, covariance);
}

sg_status sg_elimination_covariance(const sg_elimination *plan, const sg_factors *factors, double *log_z, double *mean,
                                    double *covariance) {
    sg_elimination_scratch scratch = {0};
    sg_status status = sg_elimination_solve(plan, factors, &scratch, log_z, mean, covariance);
    sg_elimination_scratch_free(&scratch);
    return status;
}
