/*
 * Masked prediction (LI): the loss avg_K -log p(x_K | x_-K) over masks K, the generator avg_K (E[f | x_-K] - f), block
 * Glauber: at rate one a mask is chosen at random and its sites are drawn given the others.
 */
#include <string.h>

#include "dictionary/block-loss.h"
#include "dictionary/masks.h"
#include "dictionary/site-view.h"
#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

enum { SITES_MOST = 1 << 20, USUAL_K = 1 };

typedef struct {
    int k;
    char blocks[SG_TEXT];
} choices;

typedef struct {
    sg_site_lists blocks; /* empty where they cannot be listed */
    double *share;        /* [sites + 1] one for subsets of k sites, where the sites of the model are alike; or NULL */
} constants;

static bool is_file(const choices *own) {
    return own->blocks[0] == '@';
}

static sg_status settle(void *options) {
    static const char *const names[] = {"subsets", "contiguous"};
    choices *own = options;
    if (is_file(own) && own->k != USUAL_K)
        return sg_fail(SG_BAD_SYNTAX, "k = %d of loss masked has no meaning beside a file of blocks: leave it out",
                       own->k);
    if (is_file(own)) return sg_file_seal("file of blocks", own->blocks);
    for (int c = 0; c < 2; c++)
        if (strcmp(own->blocks, names[c]) == 0) return SG_OK;
    const char *nearest = sg_nearest(own->blocks, 2, names);
    return sg_fail(SG_OUT_OF_RANGE,
                   "blocks = '%.64s' of loss masked is out of range: it must be subsets|contiguous|@FILE%s%s%s",
                   own->blocks, nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
}

static bool alike(const void *options, const sg_model *model) {
    (void)model;
    return ((const choices *)options)->blocks[0] == 's';
}

static sg_status lists(const void *options, const sg_model *model, sg_site_lists *out) {
    const choices *own = options;
    char path[SG_TEXT];
    sg_file_path(own->blocks, path);
    if (is_file(own)) return sg_masks_file(path, model, out);
    return own->blocks[0] == 's' ? sg_masks_subsets("masked", model, own->k, out)
                                 : sg_masks_contiguous(model, own->k, out);
}

static sg_status blocks(const void *options, const sg_model *model, sg_site_blocks *out) {
    sg_site_lists list;
    *out = (sg_site_blocks){0};
    sg_status status = lists(options, model, &list);
    return status == SG_OK ? sg_masks_bits(model, &list, out) : status;
}

static bool sizes(const void *options, const sg_model *model, double *rate) {
    const int k = ((const choices *)options)->k;
    if (!alike(options, model) || k > model->space.d) return false;
    memset(rate, 0, ((size_t)model->space.d + 1) * sizeof(double));
    rate[k] = 1;
    return true;
}

static sg_status runs(const void *options, const sg_model *model) {
    const choices *own = options;
    sg_status status = sg_sites_fits("masked", model, false);
    if (status != SG_OK || own->k <= model->space.d) return status;
    return sg_fail(SG_MISFIT, "masked with k = %d needs at least as many sites, and %s has %d", own->k, model->text,
                   model->space.d);
}

/* Blocks are listed and enumerated, or counted where all sites are alike. */
static sg_status fits(const void *options, const sg_model *model) {
    sg_site_lists list;
    sg_status status = runs(options, model);
    if (status != SG_OK || (alike(options, model) && sg_site_view_alike(model))) return status;
    status = lists(options, model, &list);
    if (status == SG_OK) status = sg_block_loss_fits("masked", model, sg_masks_largest(&list));
    sg_site_lists_free(&list);
    return status;
}

static void release(sg_prepared *prepared) {
    constants *made = (constants *)prepared;
    if (!made) return;
    sg_site_lists_free(&made->blocks);
    sg_delete(made->share);
    sg_delete(made);
}

/* Where blocks cannot be listed there are none, and no step: a gap needs the list itself and says why. */
static sg_status prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    const choices *own = options;
    constants *made = (constants *)*prepared;
    (void)theta, (void)panels;
    if (made) return SG_OK;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    status = lists(options, model, &made->blocks);
    if (status != SG_NO_MEMORY) status = SG_OK;
    if (status == SG_OK && alike(options, model) && sg_site_view_alike(model) && own->k <= model->space.d) {
        status = sg_new(&made->share, (size_t)model->space.d + 1, sizeof(double));
        if (status == SG_OK) (void)sizes(options, model, made->share);
    }
    *prepared = (sg_prepared *)made;
    if (status == SG_OK) return SG_OK;
    release(*prepared);
    *prepared = NULL;
    return status;
}

static void sites(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const constants *own = (const constants *)prepared;
    const int want = datum->want;
    datum->want &= ~SG_NOISE; /* nothing is drawn */
    if (own->share)
        sg_block_loss_counted(own->share, local, view, datum);
    else
        sg_block_loss(&own->blocks, local, view, datum);
    datum->want = want;
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_blocks(&((const constants *)prepared)->blocks, walk);
}

static const sg_field options[] = {
    {.key = "k",
     .type = SG_FIELD_INT,
     .role = SG_OPTION,
     .offset = offsetof(choices, k),
     .initial = "1",
     .lo = 1,
     .hi = SITES_MOST,
     .help = "sites in a mask"},
    {.key = "blocks",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(choices, blocks),
     .initial = "subsets",
     .help = "masks: subsets|contiguous (runs of sites, cyclically)|@FILE (the sites of a block a line)"},
    {.key = NULL},
};

const sg_row sg_row_masked = {
    .name = "masked",
    .dynamics = "block-glauber",
    .clock = "one block: a mask chosen at random, its sites drawn given the others",
    .generator_formula = "avg_K (E[f | x_-K] - f)",
    .summary = "avg_K -log p(x_K | x_-K): the masked sites predicted from the others",
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
    .blocks = blocks,
    .lists = lists,
    .sizes = sizes,
    .settle = settle,
    .step = step,
    .runs = runs,
};
