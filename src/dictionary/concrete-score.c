/*
 * Concrete score matching (CSM): the loss sum_i (p'/p)^2 - 2 p/p' up to a constant, p' = p(x^i), x^i being x with site
 * i flipped; the generator that flips site i at rate 2((p'/p)^2 + p/p').
 */
#include "base/vecmath.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    return sg_sites_fits("concrete-score", model, true);
}

static void rate(const sg_prepared *prepared, int n, const double *log_ratio, double *out) {
    (void)prepared;
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = 2 * (exp(2 * log_ratio[i]) + exp(-log_ratio[i]));
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_jumps(rate, prepared, walk);
}

const sg_row sg_row_concrete_score = {
    .name = "concrete-score",
    .dynamics = "concrete-jumps",
    .clock = "unit time of the jumps, site i flips at rate 2((p'/p)^2 + p/p'), p' = p(x^i)",
    .generator_formula = "sum_i 2((p'/p)^2 + p/p') (f(x^i) - f(x)), p' = p(x^i)",
    .summary = "sum_i (p(x^i)/p(x))^2 - 2 p(x)/p(x^i): concrete score matching",
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
