/*
 * Ratio matching (HYV 2007): the loss sum_i (p'/(p + p'))^2, p' = p(x^i), x^i being x with site i flipped; the
 * generator that flips site i at rate 2 p p'^2/(p + p')^3.
 */
#include "base/vecmath.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    return sg_sites_fits("ratio-matching", model, true);
}

/* With r = p'/p: 2 r^2/(1 + r)^3, through a = min(r, 1/r), which cannot overflow: 2 a/(1 + a)^3 for r > 1. */
static void rate(const sg_prepared *prepared, int n, const double *log_ratio, double *out) {
    (void)prepared;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const double u = log_ratio[i], a = exp(-fabs(u)), b = 1 + a;
        out[i] = 2 * a * (u < 0 ? a : 1) / (b * b * b);
    }
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_jumps(rate, prepared, walk);
}

const sg_row sg_row_ratio_matching = {
    .name = "ratio-matching",
    .dynamics = "ratio-jumps",
    .clock = "unit time of the jumps, site i flips at rate 2 p p'^2/(p + p')^3, p' = p(x^i)",
    .generator_formula = "sum_i 2 p p'^2/(p + p')^3 (f(x^i) - f(x)), p' = p(x^i)",
    .summary = "sum_i (p(x^i)/(p(x) + p(x^i)))^2: ratios of neighbours matched",
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
