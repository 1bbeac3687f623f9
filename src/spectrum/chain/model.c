/* The gap of a chain that a model gives by its rates. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/chain.h"
#include "spectrum/kinds.h"

static void say(bool reversible, double decay, sg_gap *out) {
    if (reversible) return;
    out->irreversible = true;
    out->decay_rate = decay;
    out->poincare = 1 / decay; /* of the Dirichlet form, which is that of the symmetric part */
    if (out->status == SG_OK && !*out->message)
        snprintf(out->message, sizeof out->message,
                 "not reversible: gap is the smallest real part of a nonzero eigenvalue of -L, decay_rate that of its "
                 "symmetric part");
}

sg_status sg_gap_of_rates(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                          sg_eigenvalues *values) {
    sg_rates rates;
    double *log_rate = NULL, *log_pi = NULL, decay = NAN;
    bool reversible = true;
    (void)loss;
    model->family->rates(model, model->truth, &rates);
    sg_status status = sg_new(&log_rate, (size_t)rates.edges, sizeof(double));
    if (!status) status = sg_new(&log_pi, (size_t)rates.n, sizeof(double));
    if (status) goto out;
    for (long long e = 0; e < rates.edges; e++) log_rate[e] = rates.log_rate[e] + log(rates.speed);
    sg_chain chain = {.n = rates.n, .edges = rates.edges, .from = rates.from, .to = rates.to, .log_rate = log_rate};
    if ((status = sg_chain_law(&chain, log_pi, &reversible))) goto out;
    chain.log_pi = log_pi;
    status = sg_chain_gap(&chain, settings, out, values, &decay);
    if (!status) say(reversible, decay, out);
out:
    sg_delete(log_rate);
    sg_delete(log_pi);
    return status;
}
