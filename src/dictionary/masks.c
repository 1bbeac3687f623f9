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

static sg_status take(int count, size_t sites, sg_site_lists *out) {
    sg_status status = sg_new(&out->start, (size_t)count + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&out->site, sites + 1, sizeof(int));
    out->count = status == SG_OK ? count : 0; /* no lists, none to fill */
    return status;
}

void sg_site_lists_free(sg_site_lists *lists) {
    sg_delete(lists->start);
    sg_delete(lists->site);
    sg_delete(lists->rate);
    *lists = (sg_site_lists){0};
}

int sg_masks_largest(const sg_site_lists *lists) {
    int largest = 0;
    for (int b = 0; b < lists->count; b++) {
        const int sites = lists->start[b + 1] - lists->start[b];
        if (sites > largest) largest = sites;
    }
    return largest;
}

/* Lists are whole with equal rates, or empty. */
static sg_status finish(sg_status status, sg_site_lists *out) {
    if (status == SG_OK) status = sg_new(&out->rate, (size_t)out->count, sizeof *out->rate);
    if (status != SG_OK) sg_site_lists_free(out);
    for (int b = 0; b < out->count; b++) out->rate[b] = 1.0 / out->count;
    return status;
}

/* ----------------------------------------------------------------------- bits */

static sg_status to_bits(const sg_model *model, const sg_site_lists *lists, sg_site_blocks *out) {
    if (model->space.d > SG_MASKS_SITES)
        return sg_fail(SG_OUT_OF_RANGE, "%s has %d sites: blocks of sites are listed for at most %d", model->text,
                       model->space.d, (int)SG_MASKS_SITES);
    sg_status status = sg_new(&out->mask, (size_t)lists->count, sizeof *out->mask);
    if (status != SG_OK) return status;
    out->count = lists->count;
    for (int b = 0; b < lists->count; b++)
        for (int a = lists->start[b]; a < lists->start[b + 1]; a++) out->mask[b] |= UINT32_C(1) << lists->site[a];
    return SG_OK;
}

sg_status sg_masks_bits(const sg_model *model, sg_site_lists *lists, sg_site_blocks *out) {
    *out = (sg_site_blocks){0};
    sg_status status = to_bits(model, lists, out);
    if (status == SG_OK) {
        out->rate = lists->rate;
        lists->rate = NULL;
    }
    sg_site_lists_free(lists);
    return status;
}

/* ---------------------------------------------------------------- subsets, runs */

/* The subset whose bits come next: its lowest site that can rise does, those below it go back to the first. */
static void next_subset(int n, int k, int *site) {
    int i = 0;
    while (i < k - 1 && site[i] + 1 == site[i + 1]) i++;
    if (site[i] + 1 < n) site[i]++;
    for (int j = 0; j < i; j++) site[j] = j;
}

static sg_status subsets(const char *loss, int n, int k, sg_site_lists *out) {
    const double count = binomial(n, k);
    if (!(count <= SG_MASKS_MOST))
        return sg_fail(SG_OUT_OF_RANGE, "loss %s has %.6g masks here, at most %d can be averaged: take another k", loss,
                       count, (int)SG_MASKS_MOST);
    const size_t size = (size_t)k;
    sg_status status = take((int)count, (size_t)count * size, out);
    for (int b = 0; b < out->count; b++) {
        int *site = out->site + (size_t)b * size;
        out->start[b + 1] = (b + 1) * k;
        for (int i = 0; i < k; i++) site[i] = b ? site[i - k] : i;
        if (b) next_subset(n, k, site);
    }
    return status;
}

sg_status sg_masks_subsets(const char *loss, const sg_model *model, int k, sg_site_lists *out) {
    *out = (sg_site_lists){0};
    return finish(subsets(loss, model->space.d, k, out), out);
}

/* Ascending: a run that goes round begins with the sites from 0 on. */
sg_status sg_masks_contiguous(const sg_model *model, int k, sg_site_lists *out) {
    const int n = model->space.d, count = k == n ? 1 : n;
    sg_status status = SG_OK;
    *out = (sg_site_lists){0};
    if ((double)count * k > INT32_MAX)
        status = sg_fail(SG_OUT_OF_RANGE, "%s has %d runs of %d sites, too many to list: take shorter ones",
                         model->text, count, k);
    if (status == SG_OK) status = take(count, (size_t)count * (size_t)k, out);
    for (int b = 0; b < out->count; b++) {
        const int round = b + k > n ? b + k - n : 0;
        int *site = out->site + out->start[b];
        for (int i = 0; i < round; i++) *site++ = i;
        for (int i = b; i < b + k - round; i++) *site++ = i;
        out->start[b + 1] = out->start[b] + k;
    }
    return finish(status, out);
}

sg_status sg_masks_random(const sg_model *model, double rate, sg_site_lists *out) {
    const int n = model->space.d;
    sg_status status = SG_OK;
    *out = (sg_site_lists){0};
    if (n > SG_MASKS_RATE_SITES)
        status = sg_fail(SG_OUT_OF_RANGE, "%s has %d sites: blocks of sites are listed for at most %d", model->text, n,
                         (int)SG_MASKS_RATE_SITES);
    const int all = status == SG_OK ? 1 << n : 0;
    if (status == SG_OK) status = finish(take(all - 1, (size_t)all / 2 * (size_t)n, out), out);
    out->count = 0;
    for (int mask = 1, used = 0; mask < all && status == SG_OK; mask++) {
        const int sites = __builtin_popcount((unsigned)mask);
        const double chance = pow(rate, sites) * pow(1 - rate, n - sites);
        if (!(chance > 0)) continue;
        for (int rest = mask; rest; rest &= rest - 1) out->site[used++] = __builtin_ctz((unsigned)rest);
        out->rate[out->count++] = chance;
        out->start[out->count] = used;
    }
    return status;
}

/* ----------------------------------------------------------- a file of blocks */

typedef struct {
    const char *path;
    int n, line;
    int *block;                     /* [n] the line whose block a site stands in */
    int count, used, starts, sites; /* blocks and sites so far, and the room for them */
    int *start, *site;
} reading;

static sg_status grow(int **list, int used, int *room) {
    int *longer = NULL;
    if (used < *room) return SG_OK;
    const int wanted = 2 * *room + 64;
    sg_status status = sg_new(&longer, (size_t)wanted, sizeof(int));
    if (status != SG_OK) return status;
    if (*room) memcpy(longer, *list, (size_t)*room * sizeof(int));
    sg_delete(*list);
    *list = longer;
    *room = wanted;
    return SG_OK;
}

static sg_status read_site(reading *r, const char *word) {
    double site;
    if (!sg_number_read(word, &site) || !(site >= 0) || site > r->n - 1 || site != (double)(int)site)
        return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no site: sites are whole numbers from 0 to %d", r->path,
                       r->line, word, r->n - 1);
    if (r->block[(int)site] == r->line)
        return sg_fail(SG_BAD_DATA, "%s, line %d: site %d stands twice in its block: keep one", r->path, r->line,
                       (int)site);
    sg_status status = grow(&r->site, r->used, &r->sites);
    if (status != SG_OK) return status;
    r->block[(int)site] = r->line;
    r->site[r->used++] = (int)site;
    return SG_OK;
}

static int ascending(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static sg_status read_block(reading *r, char *text) {
    const int first = r->used;
    sg_status status = grow(&r->start, r->count + 1, &r->starts);
    text[strcspn(text, "#")] = '\0';
    for (char *rest = NULL, *word = strtok_r(text, " \t\r\n", &rest); word && status == SG_OK;
         word = strtok_r(NULL, " \t\r\n", &rest))
        status = read_site(r, word);
    if (status != SG_OK || r->used == first) return status;
    if (r->count == SG_MASKS_MOST)
        return sg_fail(SG_BAD_DATA, "%s, line %d: there are more than %d blocks", r->path, r->line, (int)SG_MASKS_MOST);
    qsort(r->site + first, (size_t)(r->used - first), sizeof(int), ascending);
    r->start[++r->count] = r->used;
    return SG_OK;
}

static sg_status read_lines(FILE *file, reading *r) {
    sg_status status = SG_OK;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    for (r->line = 1; status == SG_OK && (length = getline(&text, &room, file)) >= 0; r->line++) {
        if (strlen(text) != (size_t)length)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: there is a zero byte: the file is no text", r->path, r->line);
        else
            status = read_block(r, text);
    }
    if (status == SG_OK && ferror(file))
        status = sg_fail(SG_CANNOT_READ, "the file of blocks %s cannot be read: %s", r->path, strerror(errno));
    free(text);
    return status;
}

static sg_status from_file(const char *path, int n, sg_site_lists *out) {
    reading r = {.path = path, .n = n};
    FILE *file = fopen(path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "the file of blocks %s cannot be read: %s", path, strerror(errno));
    sg_status status = sg_new(&r.block, (size_t)n, sizeof(int));
    if (status == SG_OK) status = read_lines(file, &r);
    if (status == SG_OK && !r.count) status = sg_fail(SG_BAD_DATA, "the file of blocks %s is empty", path);
    if (status == SG_OK) status = take(r.count, (size_t)r.used, out);
    if (status == SG_OK) memcpy(out->start, r.start, ((size_t)r.count + 1) * sizeof(int));
    if (status == SG_OK) memcpy(out->site, r.site, (size_t)r.used * sizeof(int));
    sg_delete(r.block);
    sg_delete(r.start);
    sg_delete(r.site);
    fclose(file);
    return status;
}

sg_status sg_masks_file(const char *path, const sg_model *model, sg_site_lists *out) {
    *out = (sg_site_lists){0};
    return finish(from_file(path, model->space.d, out), out);
}
