/*
 * Ratio matching (HYV 2007): the loss sum_i (p'/(p + p'))^2, p' = p(x^i), x^i being x with site i flipped; the
 * generator that flips site i at rate 2 p p'^2/(p + p')^3.
 */
#include "base/vecmath.h"
#include "dictionary/flip-loss.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

extern const sg_row sg_row_ratio_matching;

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

/* rho = s^2 with s = p'/(p + p'): rho' = 2 s^2 (1 - s) is the rate. */
static void rho(int n, const double *u, double *value, double *slope, double *bend) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const double a = exp(-fabs(u[i])), b = 1 + a, s = (u[i] < 0 ? a : 1) / b;
        const double first = 2 * a * (u[i] < 0 ? a : 1) / (b * b * b);
        if (value) value[i] = s * s;
        if (slope) slope[i] = first;
        if (bend) bend[i] = first * (2 - 3 * s);
    }
}

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    sg_flip_loss(&sg_row_ratio_matching, prepared, SG_ALL_SITES, local, view, datum);
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
    .sites = sites,
    .alike = sg_sites_alike,
    .rate = rate,
    .rho = rho,
    .step = step,
};
