/*
 * Means and covariances by one pass up, for each assignment of states to the cut sites: many of these at a time, on all
 * threads, and put together in their order.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "family/elimination.h"

enum { AT_A_TIME = 256 };

typedef struct {
    const sg_elimination *plan;
    const sg_factors *factors;
    const sg_elimination_scratch *scratch;
    int a, b;
    double log_z, *mean, *covariance; /* of the assignments so far */
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

/* Passes that go side by side, each with tables of its own. */
static int lanes_of(const sg_elimination *plan, double bytes) {
    const double most = fmin(omp_in_parallel() ? 1 : omp_get_max_threads(), fmin(plan->assignments, AT_A_TIME));
    return (int)fmax(1, fmin(most, SG_ELIMINATION_BYTES / bytes));
}

/* Doubles of a lane's message and table. */
static size_t message_size(const sg_elimination *plan, size_t components) {
    return plan->slots * components + 1;
}

static size_t table_size(const sg_elimination *plan, size_t components) {
    return (plan->largest + 1) * components;
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
    const size_t lanes = (size_t)lanes_of(plan, bytes);
    sg_status status = sg_new(&s->given, lanes * (size_t)plan->n, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->message, lanes * message_size(plan, components), sizeof(double));
    if (status == SG_OK) status = sg_new(&s->table, lanes * table_size(plan, components), sizeof(double));
    if (status == SG_OK) status = sg_new(&s->result, (1 + AT_A_TIME) * components, sizeof(double));
    if (status != SG_OK) return status;
    s->components = (int)components;
    s->lanes = (int)lanes;
    return SG_OK;
}

/* Where the result of the j-th assignment of a batch stands: log Z, mean, covariance; j = 0: that of all. */
static double *result_of(const elimination *e, int j) {
    return e->scratch->result + (size_t)j * (1 + (size_t)e->a + (size_t)e->b);
}

/* The mixture of what there is with one more law, by the law of total covariance. */
static void mix(elimination *e, const double *one) {
    const double log_z = one[0], *mean = one + 1, *covariance = mean + e->a;
    const double top = fmax(e->log_z, log_z), a = exp(e->log_z - top), b = exp(log_z - top);
    if (!(top > -INFINITY)) return;
    const double share = b / (a + b), rest = a / (a + b);
    for (int i = 0, p = 0; i < e->a && e->b; i++)
        for (int j = 0; j <= i; j++, p++)
            e->covariance[p] = rest * e->covariance[p] + share * covariance[p] +
                               share * rest * (mean[i] - e->mean[i]) * (mean[j] - e->mean[j]);
    for (int i = 0; i < e->a; i++) e->mean[i] += share * (mean[i] - e->mean[i]);
    e->log_z = top + log(a + b);
}

/* Assignment `number`, in a lane. */
static void one_assignment(const elimination *e, long long number, int lane, double *result) {
    const sg_elimination *plan = e->plan;
    const sg_elimination_scratch *s = e->scratch;
    const size_t room = (size_t)s->components;
    int *given = s->given + (size_t)lane * (size_t)plan->n;
    const sg_elimination_pass pass = {.a = e->a,
                                      .b = e->b,
                                      .given = given,
                                      .message = s->message + (size_t)lane * message_size(plan, room),
                                      .table = s->table + (size_t)lane * table_size(plan, room)};
    for (int c = 0; c < plan->cuts; c++, number /= plan->q) given[plan->cut[c]] = (int)(number % plan->q);
    sg_elimination_up(plan, e->factors, &pass, result, result + 1, result + 1 + e->a);
}

/* Assignments first .. first + count - 1. */
static void one_batch(const elimination *e, long long first, int count) {
    if (e->scratch->lanes == 1 || count == 1) { /* no team of threads, which would take memory */
        for (int j = 0; j < count; j++) one_assignment(e, first + j, 0, result_of(e, 1 + j));
        return;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(e->scratch->lanes)
    for (int j = 0; j < count; j++) one_assignment(e, first + j, omp_get_thread_num(), result_of(e, 1 + j));
}

static void all_assignments(elimination *e) {
    const long long all = llround(e->plan->assignments);
    for (long long first = 0; first < all; first += AT_A_TIME) {
        const int count = (int)(all - first < AT_A_TIME ? all - first : AT_A_TIME);
        one_batch(e, first, count);
        for (int j = 0; j < count; j++) mix(e, result_of(e, 1 + j));
    }
}

static sg_status check_factors(const sg_elimination *plan, const sg_factors *factors) {
    if (factors->d == plan->n && factors->q == plan->q && factors->count == plan->factors) return SG_OK;
    return sg_fail(SG_INTERNAL, "the plan of elimination was made for %d factors on %d sites, not for %d on %d",
                   plan->factors, plan->n, factors->count, factors->d);
}

static void copy(const elimination *e, double *mean, double *covariance) {
    const int a = e->a;
    for (int i = 0; i < a && mean; i++) mean[i] = e->mean[i];
    for (int i = 0, p = 0; i < a && covariance; i++)
        for (int j = 0; j <= i; j++, p++) covariance[i + j * a] = covariance[j + i * a] = e->covariance[p];
}

static sg_status by_pairs(const sg_elimination *plan, const sg_factors *factors, sg_elimination_scratch *scratch,
                          double *log_z, double *mean, double *covariance) {
    const int a = mean || covariance ? factors->sums : 0, b = covariance ? a * (a + 1) / 2 : 0;
    sg_status status = take(plan, a, b, scratch);
    if (status != SG_OK) return status;
    elimination e = {.plan = plan, .factors = factors, .scratch = scratch, .a = a, .b = b, .log_z = -INFINITY};
    e.mean = result_of(&e, 0) + 1;
    e.covariance = e.mean + a;
    memset(result_of(&e, 0), 0, (1 + (size_t)a + (size_t)b) * sizeof(double));
    all_assignments(&e);
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
