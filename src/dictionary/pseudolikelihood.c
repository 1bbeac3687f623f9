/*
 * Pseudolikelihood (Besag 1975, KHR): the loss -sum_i log p(x_i | x_-i), the generator sum_i (E[f | x_-i] - f),
 * Glauber's heat bath: each site is drawn afresh given the others at rate one.
 */
#include "base/vecmath.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

enum { SITES_MOST = 32 };

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    return sg_sites_fits("pseudolikelihood", model, false);
}

static void rate(const sg_prepared *prepared, int n, const double *log_ratio, double *out) {
    (void)prepared;
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = 1 / (1 + exp(-log_ratio[i]));
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
    .kind = SG_JUMP,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = sg_sites_roots,
    .jets = sg_sites_jets,
    .prepare = sg_sites_prepare,
    .release = sg_sites_release,
    .rate = rate,
    .heat_bath = true,
    .blocks = blocks,
    .step = step,
};
