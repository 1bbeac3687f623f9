/*
 * Masked prediction with one random mask K a datum (LI): the loss -log p(x_K | x_-K); k sites of a mask, each subset as
 * likely, or each site masked with probability `rate`, as in masked language models.  The generator is the average over
 * masks, block Glauber; Gamma = H^-1 there, by the information-matrix equality.
 */
#include <math.h>

#include "dictionary/block-loss.h"
#include "dictionary/masks.h"
#include "dictionary/site-view.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

typedef struct {
    int k;
    double rate;
} choices;

typedef struct {
    choices own;
    sg_site_lists blocks; /* empty where they cannot be listed */
    double *share;        /* [sites + 1] how often a mask has so many sites, where those of the model are alike */
} constants;

/* One of the two says what a mask is; without either it is one site. */
static sg_status settle(void *options) {
    choices *own = options;
    if (own->rate > 0 && own->k > 0)
        return sg_fail(SG_BAD_SYNTAX, "k = %d of loss masked-random has no meaning beside rate: keep one of the two",
                       own->k);
    if (!(own->rate > 0) && !own->k) own->k = 1;
    return SG_OK;
}

static sg_status lists(const void *options, const sg_model *model, sg_site_lists *out) {
    const choices *own = options;
    return own->rate > 0 ? sg_masks_random(model, own->rate, out)
                         : sg_masks_subsets("masked-random", model, own->k, out);
}

static sg_status blocks(const void *options, const sg_model *model, sg_site_blocks *out) {
    sg_site_lists list;
    *out = (sg_site_blocks){0};
    sg_status status = lists(options, model, &list);
    return status == SG_OK ? sg_masks_bits(model, &list, out) : status;
}

static sg_status runs(const void *options, const sg_model *model) {
    const choices *own = options;
    sg_status status = sg_sites_fits("masked-random", model, false);
    if (status != SG_OK || own->rate > 0 || own->k <= model->space.d) return status;
    return sg_fail(SG_MISFIT, "masked-random with k = %d needs at least as many sites, and %s has %d", own->k,
                   model->text, model->space.d);
}

static bool sizes(const void *options, const sg_model *model, double *rate) {
    const choices *own = options;
    const int n = model->space.d;
    if (!(own->rate > 0) && own->k > n) return false;
    for (int s = 0; s <= n; s++) {
        const double ways = lgamma(n + 1.0) - lgamma(s + 1.0) - lgamma(n - s + 1.0);
        rate[s] = own->rate > 0 ? exp(ways) * pow(own->rate, s) * pow(1 - own->rate, n - s) : s == own->k;
    }
    return true;
}

/* Masks are bits of a tag; their states are enumerated, or counted where all sites are alike. */
static sg_status fits(const void *options, const sg_model *model) {
    const choices *own = options;
    const int n = model->space.d;
    sg_site_lists list = {0};
    sg_status status = runs(options, model);
    if (status != SG_OK) return status;
    if (n > SG_MASKS_SITES)
        return sg_fail(SG_MISFIT, "masked-random draws masks of at most %d sites, and %s has %d: take masked",
                       (int)SG_MASKS_SITES, model->text, n);
    if (sg_site_view_alike(model)) return SG_OK;
    status = sg_block_loss_fits("masked-random", model, own->rate > 0 ? n : own->k);
    if (status == SG_OK) status = lists(options, model, &list);
    sg_site_lists_free(&list);
    return status;
}

static bool alike(const void *options, const sg_model *model) {
    (void)options, (void)model;
    return true;
}

/* ---------------------------------------------------------------------- constants */

static void release(sg_prepared *prepared) {
    constants *made = (constants *)prepared;
    if (!made) return;
    sg_site_lists_free(&made->blocks);
    sg_delete(made->share);
    sg_delete(made);
}

static sg_status prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    constants *made = (constants *)*prepared;
    (void)theta, (void)panels;
    if (made) return SG_OK;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->own = *(const choices *)options;
    status = lists(options, model, &made->blocks);
    if (status != SG_NO_MEMORY) status = SG_OK;
    if (status == SG_OK && sg_site_view_alike(model)) {
        status = sg_new(&made->share, (size_t)model->space.d + 1, sizeof(double));
        if (status == SG_OK) (void)sizes(options, model, made->share);
    }
    *prepared = (sg_prepared *)made;
    if (status == SG_OK) return SG_OK;
    release(*prepared);
    *prepared = NULL;
    return status;
}

/* ----------------------------------------------------------------------- the loss */

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const constants *own = (const constants *)prepared;
    const bool drawn = view->block->tag && !view->block->count;
    if (own->share && drawn)
        sg_block_loss_counted_tagged(local, view, datum);
    else if (own->share)
        sg_block_loss_counted(own->share, local, view, datum);
    else if (drawn)
        sg_block_loss_tagged(local, view, datum);
    else
        sg_block_loss(&own->blocks, local, view, datum);
}

/* The u-th of sites in turn: masked at the rate, or so that k of n are (selection sampling: Knuth). */
static uint32_t mask_of(const choices *own, int n, const double *u) {
    uint32_t mask = 0;
    for (int i = 0, taken = 0; i < n; i++) {
        const bool in = own->rate > 0 ? u[i] < own->rate : u[i] * (n - i) < own->k - taken;
        taken += in;
        mask |= (uint32_t)in << i;
    }
    return mask;
}

/* As many numbers for each point, so that its mask does not depend on how many points there are. */
static void tag(const sg_prepared *prepared, sg_stream *stream, const sg_block *block, uint32_t *out) {
    const choices *own = &((const constants *)prepared)->own;
    double u[SG_MASKS_SITES];
    for (int i = 0; i < block->n; i++) {
        sg_stream_uniform(stream, (size_t)block->d, u);
        out[i] = mask_of(own, block->d, u);
    }
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_blocks(&((const constants *)prepared)->blocks, walk);
}

static const sg_field options[] = {
    {.key = "k",
     .type = SG_FIELD_INT,
     .role = SG_OPTION,
     .offset = offsetof(choices, k),
     .initial = "0",
     .lo = 0,
     .hi = SG_MASKS_SITES,
     .help = "sites in a mask, 1 where rate does not say it"},
    {.key = "rate",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, rate),
     .initial = "0",
     .lo = 0,
     .hi = 1,
     .help = "probability that a site is masked, each by itself; 0: masks of k sites"},
    {.key = NULL},
};

const sg_row sg_row_masked_random = {
    .name = "masked-random",
    .dynamics = "random-block-glauber",
    .clock = "one mask, drawn at random; its sites are drawn given the others",
    .generator_formula = "E_K (E[f | x_-K] - f)",
    .summary = "-log p(x_K | x_-K), one random mask K a datum",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_JUMP,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = sg_sites_roots,
    .jets = sg_sites_jets,
    .prepare = prepare,
    .release = release,
    .sites = sites,
    .alike = alike,
    .tag = tag,
    .blocks = blocks,
    .lists = lists,
    .sizes = sizes,
    .settle = settle,
    .step = step,
    .runs = runs,
};
