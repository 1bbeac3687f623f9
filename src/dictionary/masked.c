/*
 * Masked prediction (LI): the loss avg_K -log p(x_K | x_-K) over masks K, the generator avg_K (E[f | x_-K] - f), block
 * Glauber: at rate one a mask is chosen at random and its sites are drawn given the others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dictionary/site-walk.h"
#include "dictionary/sites.h"

enum { SITES_MOST = 32, MASKS_MOST = 1 << 20, USUAL_K = 1 };

typedef struct {
    int k;
    char blocks[SG_TEXT];
} choices;

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

static sg_status fits(const void *options, const sg_model *model) {
    const choices *own = options;
    sg_status status = sg_sites_fits("masked", model, false);
    if (status != SG_OK || own->k <= model->space.d) return status;
    return sg_fail(SG_MISFIT, "masked with k = %d needs at least as many sites, and %s has %d", own->k, model->text,
                   model->space.d);
}

/* ---------------------------------------------------------------------- masks */

static double binomial(int n, int k) {
    double value = 1;
    for (int i = 1; i <= k; i++) value = value * (n - k + i) / i;
    return value;
}

static uint32_t lowest(int k) {
    return k < 32 ? (UINT32_C(1) << k) - 1 : UINT32_MAX;
}

static sg_status take(double count, sg_site_blocks *out) {
    if (count > MASKS_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "loss masked has %.0f masks here, at most %d can be averaged: take another k",
                       count, (int)MASKS_MOST);
    out->count = (int)count;
    return sg_new(&out->mask, (size_t)count, sizeof *out->mask);
}

/* All k-subsets in ascending order of their bits. */
static sg_status subsets(int n, int k, sg_site_blocks *out) {
    sg_status status = take(binomial(n, k), out);
    if (status != SG_OK) return status;
    uint64_t mask = lowest(k);
    for (int b = 0; b < out->count; b++) {
        const uint64_t low = mask & -mask, carried = mask + low;
        out->mask[b] = (uint32_t)mask;
        mask = carried | ((mask ^ carried) >> 2) / low;
    }
    return SG_OK;
}

/* The n runs of k sites, cyclically; k = n has one. */
static sg_status runs_of(int n, int k, sg_site_blocks *out) {
    const uint64_t all = lowest(n), run = lowest(k);
    sg_status status = take(k == n ? 1 : n, out);
    if (status != SG_OK) return status;
    for (int b = 0; b < out->count; b++) out->mask[b] = (uint32_t)((run << b | run << b >> n) & all);
    return SG_OK;
}

/* ----------------------------------------------------------- a file of blocks */

static sg_status read_block(const char *path, int line, char *text, int n, uint32_t *mask) {
    *mask = 0;
    text[strcspn(text, "#")] = '\0';
    for (char *rest = NULL, *word = strtok_r(text, " \t\r\n", &rest); word; word = strtok_r(NULL, " \t\r\n", &rest)) {
        double site;
        if (!sg_number_read(word, &site) || !(site >= 0) || site > n - 1 || site != (double)(int)site)
            return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no site: sites are whole numbers from 0 to %d", path,
                           line, word, n - 1);
        if (*mask >> (int)site & 1)
            return sg_fail(SG_BAD_DATA, "%s, line %d: site %d stands twice in its block: keep one", path, line,
                           (int)site);
        *mask |= UINT32_C(1) << (int)site;
    }
    return SG_OK;
}

static sg_status read_lines(FILE *file, const char *path, int n, uint32_t *list, int *count) {
    sg_status status = SG_OK;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    for (int line = 1; status == SG_OK && (length = getline(&text, &room, file)) >= 0; line++) {
        uint32_t mask = 0;
        if (strlen(text) != (size_t)length)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: there is a zero byte: the file is no text", path, line);
        else
            status = read_block(path, line, text, n, &mask);
        if (status != SG_OK || !mask) continue;
        if (*count == MASKS_MOST)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: there are more than %d blocks", path, line, (int)MASKS_MOST);
        else
            list[(*count)++] = mask;
    }
    if (status == SG_OK && ferror(file))
        status = sg_fail(SG_CANNOT_READ, "the file of blocks %s cannot be read: %s", path, strerror(errno));
    free(text);
    return status;
}

static sg_status from_file(const char *path, int n, sg_site_blocks *out) {
    uint32_t *list = NULL;
    int count = 0;
    FILE *file = fopen(path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "the file of blocks %s cannot be read: %s", path, strerror(errno));
    sg_status status = sg_new(&list, MASKS_MOST, sizeof *list);
    if (status == SG_OK) status = read_lines(file, path, n, list, &count);
    if (status == SG_OK && !count) status = sg_fail(SG_BAD_DATA, "the file of blocks %s is empty", path);
    if (status == SG_OK) status = take(count, out);
    if (status == SG_OK) memcpy(out->mask, list, (size_t)count * sizeof *list);
    sg_delete(list);
    fclose(file);
    return status;
}

static sg_status blocks(const void *options, const sg_model *model, sg_site_blocks *out) {
    const choices *own = options;
    const int n = model->space.d;
    char path[SG_TEXT];
    sg_status status;
    *out = (sg_site_blocks){0};
    if (n > SITES_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "%s has %d sites: blocks of sites are listed for at most %d", model->text, n,
                       (int)SITES_MOST);
    sg_file_path(own->blocks, path);
    if (is_file(own))
        status = from_file(path, n, out);
    else
        status = own->blocks[0] == 's' ? subsets(n, own->k, out) : runs_of(n, own->k, out);
    if (status == SG_OK) status = sg_new(&out->rate, (size_t)out->count, sizeof *out->rate);
    if (status != SG_OK) {
        sg_delete(out->mask);
        *out = (sg_site_blocks){0};
        return status;
    }
    for (int b = 0; b < out->count; b++) out->rate[b] = 1.0 / out->count;
    return SG_OK;
}

/* Where blocks cannot be listed there are none, and no step: a gap needs the list itself and says why. */
static sg_status prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    sg_site_blocks *made = (sg_site_blocks *)*prepared;
    (void)theta, (void)panels;
    if (made) return SG_OK;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    status = blocks(options, model, made);
    if (status == SG_NO_MEMORY) {
        sg_delete(made);
        return status;
    }
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    sg_site_blocks *made = (sg_site_blocks *)prepared;
    if (!made) return;
    sg_delete(made->mask);
    sg_delete(made->rate);
    sg_delete(made);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_site_walk_blocks((const sg_site_blocks *)prepared, walk);
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
    .blocks = blocks,
    .settle = settle,
    .step = step,
};
