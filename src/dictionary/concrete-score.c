/*
 * Concrete score matching (CSM): the loss sum_i (p'/p)^2 - 2 p/p' up to a constant, p' = p(x^i), x^i being x with site
 * i flipped; the generator that flips site i at rate 2((p'/p)^2 + p/p').
 */
#include "base/vecmath.h"
#include "dictionary/flip-loss.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

extern const sg_row sg_row_concrete_score;

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

/* rho = e^{2u} - 2 e^{-u}: rho' is the rate. */
static void rho(int n, const double *u, double *value, double *slope, double *bend) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const double square = exp(2 * u[i]), inverse = exp(-u[i]);
        if (value) value[i] = square - 2 * inverse;
        if (slope) slope[i] = 2 * (square + inverse);
        if (bend) bend[i] = 4 * square - 2 * inverse;
    }
}

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    sg_flip_loss(&sg_row_concrete_score, prepared, SG_ALL_SITES, local, view, datum);
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
    .sites = sites,
    .alike = sg_sites_alike,
    .rate = rate,
    .rho = rho,
    .step = step,
};
