/* Bounds for chains that are given by their rates. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/gap-bounds.h"

enum { ENTROPY_MOST = 512 };

/* From C_P and the least mass; of reversible chains. */
static sg_status least_mass(const sg_chain *chain, const sg_gap *gap, sg_gap_bounds *list) {
    double *log_pi = NULL, least = INFINITY;
    bool reversible;
    if (!gap || gap->status != SG_OK) return SG_OK;
    sg_status status = sg_new(&log_pi, (size_t)chain->n, sizeof *log_pi);
    sg_status code = status ? status : sg_chain_law(chain, log_pi, &reversible);
    if (!code && !reversible) code = sg_fail(SG_REFUSED, "the chain is not reversible");
    for (int x = 0; x < chain->n && !code; x++) least = fmin(least, log_pi[x]);
    status = sg_gap_bounds_add(list, "least mass", SG_ENTROPY_UPPER, code,
                               sg_bound_least_mass_upper(least, -log(gap->gap_lower)), "from C_P; log least mass %.6g",
                               least);
    sg_delete(log_pi);
    return status;
}

static sg_status constant_of(const sg_chain *chain, sg_log_sobolev *entropy) {
    if (chain->n > ENTROPY_MOST) return SG_OK;
    sg_status status = sg_chain_log_sobolev(chain, entropy);
    if (!status || status == SG_NO_MEMORY) return status;
    entropy->status = status;
    snprintf(entropy->message, sizeof entropy->message, "%s", sg_message());
    return SG_OK;
}

sg_status sg_gap_bounds_chain(const sg_model *model, const sg_gap *gap, sg_gap_bounds *list) {
    sg_rates rates;
    double *log_rate = NULL;
    model->family->rates(model, model->truth, &rates);
    sg_status status = sg_new(&log_rate, (size_t)rates.edges, sizeof *log_rate);
    if (status) return status;
    for (long long e = 0; e < rates.edges; e++) log_rate[e] = rates.log_rate[e] + log(rates.speed);
    const sg_chain chain = {
        .n = rates.n, .edges = rates.edges, .from = rates.from, .to = rates.to, .log_rate = log_rate};
    status = least_mass(&chain, gap, list);
    if (!status) status = constant_of(&chain, &list->log_sobolev);
    sg_delete(log_rate);
    return status;
}
