/*
 * Pseudolikelihood (Besag 1975, KHR): the loss -sum_i log p(x_i | x_-i), the generator sum_i (E[f | x_-i] - f),
 * Glauber's heat bath: each site is drawn afresh given the others at rate one.  Two states a site: rho = log(1 + e^u);
 * more: blocks of one site.
 */
#include "base/vecmath.h"
#include "dictionary/block-loss.h"
#include "dictionary/flip-loss.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

enum { SITES_MOST = 32 };

extern const sg_row sg_row_pseudolikelihood;

typedef struct {
    sg_sites_choice sites;
} choices;

typedef struct {
    int q, site;
} constants;

static const sg_field options[] = {
    SG_SITES_FIELD(choices, sites, "pooled"),
    {.key = NULL},
};

static sg_status settle(void *own) {
    return sg_sites_settle("pseudolikelihood", &((choices *)own)->sites);
}

static sg_status fits(const void *own, const sg_model *model) {
    const choices *chosen = own;
    sg_status status = sg_sites_fits("pseudolikelihood", model, false);
    if (status == SG_OK) status = sg_sites_choice_fits("pseudolikelihood", &chosen->sites, model);
    if (status != SG_OK || model->space.q == 2 || chosen->sites.site != SG_SITES_AVERAGED) return status;
    return sg_fail(SG_MISFIT, "sites=averaged of pseudolikelihood needs two states a site, and %s has %d: take pooled",
                   model->text, model->space.q);
}

static sg_status runs(const void *own, const sg_model *model) {
    sg_status status = sg_sites_fits("pseudolikelihood", model, false);
    return status == SG_OK ? sg_sites_choice_runs("pseudolikelihood", &((const choices *)own)->sites) : status;
}

static bool alike(const void *own, const sg_model *model) {
    return ((const choices *)own)->sites.site == SG_SITES_POOLED && model->space.q == 2;
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
    (void)theta, (void)panels;
    if (made) return SG_OK;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    *made = (constants){.q = model->space.q, .site = site < 0 ? SG_ALL_SITES : site};
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void rate(const sg_prepared *prepared, int n, const double *log_ratio, double *out) {
    (void)prepared;
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = 1 / (1 + exp(-log_ratio[i]));
}

/* rho = log(1 + e^u): rho' = e^u/(1 + e^u) is the rate; 0 at u = -INFINITY, where x^i is forbidden. */
static void rho(int n, const double *u, double *value, double *slope, double *bend) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const double a = exp(-fabs(u[i])), b = 1 + a;
        if (value) value[i] = (u[i] > 0 ? u[i] : 0) + log1p(a);
        if (slope) slope[i] = (u[i] > 0 ? 1 : a) / b;
        if (bend) bend[i] = a / (b * b);
    }
}

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const constants *own = (const constants *)prepared;
    if (own->q == 2)
        sg_flip_loss(&sg_row_pseudolikelihood, prepared, own->site, local, view, datum);
    else
        sg_block_loss_single(own->site, local, view, datum);
}

static sg_status blocks(const void *own, const sg_model *model, sg_site_blocks *out) {
    const int n = model->space.d;
    (void)own;
    *out = (sg_site_blocks){.count = n};
    if (n > SITES_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "%s has %d sites: blocks of sites are listed for at most %d", model->text, n,
                       (int)SITES_MOST);
    sg_status status = sg_new(&out->mask, (size_t)n, sizeof *out->mask);
    if (status == SG_OK) status = sg_new(&out->rate, (size_t)n, sizeof *out->rate);
    if (status != SG_OK) {
        sg_delete(out->mask);
        *out = (sg_site_blocks){0};
        return status;
    }
    for (int i = 0; i < n; i++) {
        out->mask[i] = UINT32_C(1) << i;
        out->rate[i] = 1;
    }
    return SG_OK;
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    (void)prepared;
    sg_site_walk_heat_bath(walk);
}

const sg_row sg_row_pseudolikelihood = {
    .name = "pseudolikelihood",
    .dynamics = "glauber",
    .clock = "n site updates: each site is drawn given the others at rate 1",
    .generator_formula = "sum_i (E[f | x_-i] - f)",
    .summary = "-sum_i log p(x_i | x_-i): each site predicted from the others",
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
    .alike = alike,
    .rate = rate,
    .rho = rho,
    .heat_bath = true,
    .blocks = blocks,
    .step = step,
    .settle = settle,
    .runs = runs,
    .averaged = averaged,
    .site = site,
};
