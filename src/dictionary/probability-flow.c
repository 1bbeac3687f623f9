/*
 * Minimum probability flow (MPF; pooled over sites the same as RISE): the loss sum_i sqrt(p(x^i)/p(x)), x^i being x
 * with site i flipped; the generator that flips site i at that rate.
 */
#include "base/vecmath.h"
#include "dictionary/flip-loss.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

extern const sg_row sg_row_probability_flow;

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

/* rho = e^{u/2}: rho' is half the rate. */
static void rho(int n, const double *u, double *value, double *slope, double *bend) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const double root = exp(0.5 * u[i]);
        if (value) value[i] = root;
        if (slope) slope[i] = 0.5 * root;
        if (bend) bend[i] = 0.25 * root;
    }
}

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    sg_flip_loss(&sg_row_probability_flow, prepared, SG_ALL_SITES, local, view, datum);
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
    .sites = sites,
    .factor = 0.5,
    .alike = sg_sites_alike,
    .rate = rate,
    .rho = rho,
    .step = step,
};
