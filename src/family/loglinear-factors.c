/* The terms of a log-linear model as factors: those of the same sites together. */
#include <math.h>
#include <string.h>

#include "family/loglinear.h"

static const double ENTRIES_MOST = 0x1p20, DOUBLES_MOST = 0x1p26; /* of one table; of all */

/* The terms from `first` on that have the same sites. */
static int alike_from(const sg_loglinear_terms *t, int first) {
    const int order = t->start[first + 1] - t->start[first], *site = t->site + t->start[first];
    int end = first + 1;
    while (end < t->terms && t->start[end + 1] - t->start[end] == order &&
           memcmp(t->site + t->start[end], site, (size_t)order * sizeof(int)) == 0)
        end++;
    return end;
}

static sg_status count_room(const sg_model *model, const sg_loglinear_terms *t, int *count, size_t *ints,
                            size_t *doubles) {
    double all = 0;
    *count = 0;
    *ints = 0;
    for (int a = 0, end; a < t->terms; a = end, ++*count) {
        end = alike_from(t, a);
        const int order = t->start[a + 1] - t->start[a];
        const double entries = pow(t->q, order);
        if (entries > ENTRIES_MOST)
            return sg_fail(SG_REFUSED,
                           "a term of %s has %d sites with %d states each: tables have at most 2^20 entries, take "
                           "terms of fewer sites",
                           model->text, order, t->q);
        all += entries * (1 + end - a);
        *ints += (size_t)(order + end - a);
    }
    *doubles = (size_t)all;
    if (all <= DOUBLES_MOST) return SG_OK;
    return sg_fail(SG_REFUSED,
                   "the tables of the %d terms of %s take %.3g MiB, more than 512: take fewer terms of many states",
                   t->terms, model->text, all * sizeof(double) / 0x1p20);
}

/* A product of spins, or the indicator of one entry. */
static void fill_value(const sg_loglinear_terms *t, int a, size_t entries, double *value) {
    const int order = t->start[a + 1] - t->start[a], *state = t->state + t->start[a];
    size_t at = 0, power = 1;
    for (int e = 0; e < order; e++, power *= (size_t)t->q) at += (size_t)state[e] * power;
    if (state[0])
        value[at] = 1;
    else
        for (size_t s = 0; s < entries; s++)
            value[s] = (order - __builtin_popcountll((unsigned long long)s)) % 2 ? -1 : 1;
}

static sg_status add_terms(const sg_loglinear_terms *t, int first, int end, const double *theta, int *sum,
                           sg_factors *factors) {
    const int order = t->start[first + 1] - t->start[first];
    sg_factor *factor;
    size_t entries = 1;
    for (int e = 0; e < order; e++) entries *= (size_t)t->q;
    for (int a = first; a < end; a++) sum[a - first] = a;
    sg_status status = sg_factors_add(factors, order, t->site + t->start[first], end - first, sum, &factor);
    for (int a = first; a < end && status == SG_OK; a++) {
        double *value = factor->value + (size_t)(a - first) * entries;
        fill_value(t, a, entries, value);
        for (size_t s = 0; s < entries; s++) factor->log_p[s] += theta[a] * value[s];
    }
    return status;
}

sg_status sg_loglinear_factors(const sg_model *model, const sg_loglinear_terms *terms, const double *theta,
                               sg_factors **factors) {
    int count, *sum = NULL;
    size_t ints = 0, doubles = 0;
    *factors = NULL;
    sg_status status = count_room(model, terms, &count, &ints, &doubles);
    if (status == SG_OK) status = sg_new(&sum, (size_t)terms->terms + 1, sizeof(int));
    if (status == SG_OK) status = sg_factors_new(terms->n, terms->q, terms->terms, count, ints, doubles, factors);
    for (int a = 0, end; a < terms->terms && status == SG_OK; a = end) {
        end = alike_from(terms, a);
        status = add_terms(terms, a, end, theta, sum, *factors);
    }
    sg_delete(sum);
    if (status == SG_OK) return SG_OK;
    sg_factors_delete(*factors);
    *factors = NULL;
    return status;
}
