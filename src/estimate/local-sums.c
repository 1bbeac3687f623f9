#include "estimate/local-sums.h"

#include <math.h>
#include <string.h>

void sg_local_sums_clear(sg_local_sums *s) {
    sg_factors_delete(s->factors);
    sg_elimination_delete(s->plan);
    sg_delete(s->mean);
    sg_delete(s->covariance);
    *s = (sg_local_sums){0};
}

/* Bends of a term, at most. */
static int bends_of(const sg_local_moments *w, const sg_local_term *term) {
    return w->m <= 2 ? w->bends : term->count;
}

/* log p itself, with the statistics as the first sums. */
static sg_status add_own(const sg_factors *own, sg_factors *out) {
    sg_status status = SG_OK;
    for (int f = 0; f < own->count && status == SG_OK; f++) {
        const sg_factor *from = &own->factor[f];
        const size_t entries = sg_elimination_power(own->q, from->sites);
        sg_factor *to;
        status = sg_factors_add(out, from->sites, from->site, from->sums, from->sum, &to);
        if (status != SG_OK) break;
        memcpy(to->log_p, from->log_p, entries * sizeof(double));
        memcpy(to->value, from->value, entries * (size_t)from->sums * sizeof(double));
    }
    return status;
}

/* psi and the bends of a term. */
static sg_status add_term(sg_local_moments *w, const sg_local_term *term, int *sum, int *which, sg_factors *out) {
    const int bends = bends_of(w, term);
    sg_factor *to;
    for (int k = 0; k < term->count; k++) sum[k] = w->m + term->free[k];
    for (int k = 0; k < bends; k++) sum[term->count + k] = 2 * w->m + (w->m <= 2 ? k : term->free[k]);
    sg_status status = sg_factors_add(out, term->sites, term->site, term->count + bends, sum, &to);
    if (status != SG_OK) return status;
    sg_local_moments_look(w, term);
    memcpy(to->value, w->turned, (size_t)term->count * term->entries * sizeof(double));
    sg_local_moments_bends(w, term, which, to->value + (size_t)term->count * term->entries);
    return SG_OK;
}

static sg_status fill(sg_local_moments *w, sg_local_sums *s) {
    const sg_local_terms *terms = w->terms;
    const sg_factors *own = terms->own;
    size_t ints = 0, doubles = 0;
    int *list = NULL;
    for (int f = 0; f < own->count; f++) {
        ints += (size_t)(own->factor[f].sites + own->factor[f].sums);
        doubles += sg_elimination_power(own->q, own->factor[f].sites) * (1 + (size_t)own->factor[f].sums);
    }
    for (int t = 0; t < terms->count; t++) {
        const sg_local_term *term = &terms->term[t];
        const size_t sums = (size_t)(term->count + bends_of(w, term));
        ints += (size_t)term->sites + sums;
        doubles += term->entries * (1 + sums);
    }
    if ((double)doubles * sizeof(double) > SG_ELIMINATION_BYTES)
        return sg_fail(SG_REFUSED, "the tables of the terms of %s take %.3g GiB, more than 1: take smaller blocks",
                       terms->loss->text, (double)doubles * sizeof(double) / 0x1p30);
    sg_status status = sg_factors_new(own->d, own->q, s->sums, own->count + terms->count, ints, doubles, &s->factors);
    if (status == SG_OK) status = sg_new(&list, 3 * (size_t)terms->widest + 8, sizeof(int));
    if (status == SG_OK) status = add_own(own, s->factors);
    for (int t = 0; t < terms->count && status == SG_OK; t++)
        status = add_term(w, &terms->term[t], list, list + 2 * terms->widest + 4, s->factors);
    sg_delete(list);
    return status;
}

sg_status sg_local_sums_new(sg_local_moments *w, sg_local_sums *s) {
    *s = (sg_local_sums){.m = w->m, .bends = w->bends, .sums = 2 * w->m + w->bends};
    sg_status status = fill(w, s);
    if (status == SG_OK) status = sg_elimination_plan(s->factors, false, &s->plan);
    if (status != SG_OK) sg_local_sums_clear(s);
    return status;
}

double sg_local_sums_work(const sg_local_sums *s) {
    sg_elimination_cost cost;
    const double sums = s->sums, few = 1 + sums + 0.5 * sums * (sums + 1), many = 4 * sums;
    sg_elimination_costs(s->plan, &cost);
    if (s->sums > SG_ELIMINATION_FEW) return cost.entries * many;
    return cost.bytes * few <= SG_ELIMINATION_BYTES ? cost.entries * few : INFINITY;
}

sg_status sg_local_sums_solve(sg_local_sums *s) {
    const size_t sums = (size_t)s->sums;
    double log_z;
    sg_status status = sg_new(&s->mean, sums, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->covariance, sums * sums, sizeof(double));
    if (status == SG_OK) status = sg_elimination_covariance(s->plan, s->factors, &log_z, s->mean, s->covariance);
    return status;
}
