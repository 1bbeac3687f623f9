#include "dictionary/masks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double binomial(int n, int k) {
    double value = 1;
    for (int i = 1; i <= k; i++) value = value * (n - k + i) / i;
    return value;
}

static uint32_t lowest(int k) {
    return k < 32 ? (UINT32_C(1) << k) - 1 : UINT32_MAX;
}

static sg_status check_sites(const sg_model *model, int most) {
    if (model->space.d <= most) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "%s has %d sites: blocks of sites are listed for at most %d", model->text,
                   model->space.d, most);
}

static sg_status take(int count, sg_site_blocks *out) {
    sg_status status = sg_new(&out->mask, (size_t)count, sizeof *out->mask);
    out->count = status == SG_OK ? count : 0; /* no masks, none to fill */
    return status;
}

void sg_masks_free(sg_site_blocks *blocks) {
    sg_delete(blocks->mask);
    sg_delete(blocks->rate);
    *blocks = (sg_site_blocks){0};
}

int sg_masks_largest(const sg_site_blocks *blocks) {
    int largest = 0;
    for (int b = 0; b < blocks->count; b++) {
        const int sites = __builtin_popcount(blocks->mask[b]);
        if (sites > largest) largest = sites;
    }
    return largest;
}

/* A list is whole with equal rates, or empty. */
static sg_status finish(sg_status status, sg_site_blocks *out) {
    if (status == SG_OK) status = sg_new(&out->rate, (size_t)out->count, sizeof *out->rate);
    if (status != SG_OK) sg_masks_free(out);
    for (int b = 0; b < out->count; b++) out->rate[b] = 1.0 / out->count;
    return status;
}

/* ---------------------------------------------------------------- subsets, runs */

static sg_status subsets(const char *loss, int n, int k, sg_site_blocks *out) {
    const double count = binomial(n, k);
    if (count > SG_MASKS_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "loss %s has %.0f masks here, at most %d can be averaged: take another k", loss,
                       count, (int)SG_MASKS_MOST);
    sg_status status = take((int)count, out);
    if (status != SG_OK) return status;
    uint64_t mask = lowest(k);
    for (int b = 0; b < out->count; b++) {
        const uint64_t low = mask & -mask, carried = mask + low;
        out->mask[b] = (uint32_t)mask;
        mask = carried | ((mask ^ carried) >> 2) / low;
    }
    return SG_OK;
}

sg_status sg_masks_subsets(const char *loss, const sg_model *model, int k, sg_site_blocks *out) {
    *out = (sg_site_blocks){0};
    sg_status status = check_sites(model, SG_MASKS_SITES);
    if (status == SG_OK) status = subsets(loss, model->space.d, k, out);
    return finish(status, out);
}

sg_status sg_masks_contiguous(const sg_model *model, int k, sg_site_blocks *out) {
    const int n = model->space.d;
    *out = (sg_site_blocks){0};
    sg_status status = check_sites(model, SG_MASKS_SITES);
    if (status == SG_OK) status = take(k == n ? 1 : n, out);
    const uint64_t all = status == SG_OK ? lowest(n) : 0, run = lowest(k);
    for (int b = 0; b < out->count; b++) out->mask[b] = (uint32_t)((run << b | run << b >> n) & all);
    return finish(status, out);
}

sg_status sg_masks_random(const sg_model *model, double rate, sg_site_blocks *out) {
    const int n = model->space.d;
    *out = (sg_site_blocks){0};
    sg_status status = check_sites(model, SG_MASKS_RATE_SITES);
    if (status == SG_OK) status = take((int)lowest(n), out);
    status = finish(status, out);
    const int all = out->count;
    out->count = 0;
    for (uint32_t mask = 1; mask <= (uint32_t)all; mask++) {
        const int sites = __builtin_popcount(mask);
        const double chance = pow(rate, sites) * pow(1 - rate, n - sites);
        if (!(chance > 0)) continue;
        out->mask[out->count] = mask;
        out->rate[out->count++] = chance;
    }
    return status;
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
        if (*count == SG_MASKS_MOST)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: there are more than %d blocks", path, line, (int)SG_MASKS_MOST);
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
    sg_status status = sg_new(&list, SG_MASKS_MOST, sizeof *list);
    if (status == SG_OK) status = read_lines(file, path, n, list, &count);
    if (status == SG_OK && !count) status = sg_fail(SG_BAD_DATA, "the file of blocks %s is empty", path);
    if (status == SG_OK) status = take(count, out);
    if (status == SG_OK) memcpy(out->mask, list, (size_t)count * sizeof *list);
    sg_delete(list);
    fclose(file);
    return status;
}

sg_status sg_masks_file(const char *path, const sg_model *model, sg_site_blocks *out) {
    *out = (sg_site_blocks){0};
    sg_status status = check_sites(model, SG_MASKS_SITES);
    if (status == SG_OK) status = from_file(path, model->space.d, out);
    return finish(status, out);
}
