/*
 * RISE (Vuffray et al. 2016, Lokhov et al. 2018): at each site i the loss sqrt(p(x^i)/p(x)) in the parameters of that
 * site, x^i being x with site i flipped; the generator L_i that flips site i at that rate.  A parameter of several
 * sites is estimated at each and averaged; pooled over sites RISE is probability flow.
 */
#include "base/vecmath.h"
#include "dictionary/flip-loss.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

extern const sg_row sg_row_rise;

typedef struct {
    sg_sites_choice sites;
} choices;

typedef struct {
    int site;
} constants;

static const sg_field options[] = {
    SG_SITES_FIELD(choices, sites, "averaged"),
    {.key = NULL},
};

static sg_status settle(void *own) {
    return sg_sites_settle("rise", &((choices *)own)->sites);
}

static sg_status fits(const void *own, const sg_model *model) {
    sg_status status = sg_sites_fits("rise", model, true);
    return status == SG_OK ? sg_sites_choice_fits("rise", &((const choices *)own)->sites, model) : status;
}

static sg_status runs(const void *own, const sg_model *model) {
    sg_status status = sg_sites_fits("rise", model, true);
    return status == SG_OK ? sg_sites_choice_runs("rise", &((const choices *)own)->sites) : status;
}

static bool alike(const void *own, const sg_model *model) {
    (void)model;
    return ((const choices *)own)->sites.site == SG_SITES_POOLED;
}

static bool averaged(const void *own) {
    return ((const choices *)own)->sites.site == SG_SITES_AVERAGED;
}

static int site(const void *own) {
    const int chosen = ((const choices *)own)->sites.site;
    return chosen < 0 ? -1 : chosen;
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    const int site = ((const choices *)own)->sites.site;
    constants *made = (constants *)*prepared;
    (void)model, (void)theta, (void)panels;
    if (made) return SG_OK;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->site = site < 0 ? SG_ALL_SITES : site;
    *prepared = (sg_prepared *)made;
    return SG_OK;
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
    sg_flip_loss(&sg_row_rise, prepared, ((const constants *)prepared)->site, local, view, datum);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_jumps(rate, prepared, walk);
}

const sg_row sg_row_rise = {
    .name = "rise",
    .dynamics = "rise-jumps",
    .clock = "unit time of the jumps, site i flips at rate sqrt(p(x^i)/p(x))",
    .generator_formula = "L_i f = sqrt(p(x^i)/p(x)) (f(x^i) - f(x)) a site; all together: their sum",
    .summary = "sqrt(p(x^i)/p(x)) at each site i, its parameters averaged over their sites: RISE",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_JUMP,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = sg_sites_roots,
    .jets = sg_sites_jets,
    .prepare = prepare,
    .release = sg_sites_release,
    .sites = sites,
    .factor = 0.5,
    .alike = alike,
    .rate = rate,
    .rho = rho,
    .step = step,
    .settle = settle,
    .runs = runs,
    .averaged = averaged,
    .site = site,
};
