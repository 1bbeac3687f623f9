/*
 * Minimum probability flow (MPF; pooled over sites the same as RISE): the loss sum_i sqrt(p(x^i)/p(x)), x^i being x
 * with site i flipped; the generator that flips site i at that rate.
 */
#include "base/vecmath.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    return sg_sites_fits("probability-flow", model, true);
}

static void rate(const sg_prepared *prepared, int n, const double *log_ratio, double *out) {
    (void)prepared;
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = exp(0.5 * log_ratio[i]);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_jumps(rate, prepared, walk);
}

const sg_row sg_row_probability_flow = {
    .name = "probability-flow",
    .dynamics = "flow-jumps",
    .clock = "unit time of the jumps, site i flips at rate sqrt(p(x^i)/p(x))",
    .generator_formula = "sum_i sqrt(p(x^i)/p(x)) (f(x^i) - f(x))",
    .summary = "sum_i sqrt(p(x^i)/p(x)): minimum probability flow, RISE pooled over sites",
    .options = options,
    .kind = SG_JUMP,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = sg_sites_roots,
    .jets = sg_sites_jets,
    .prepare = sg_sites_prepare,
    .release = sg_sites_release,
    .rate = rate,
    .step = step,
};
