/* Graph files: one edge or field a line, every error with its line. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family/graph.h"

enum { WORDS_MOST = 4, SITES_MOST = 1000000, ENTRIES_MOST = 1 << 24 };

typedef struct {
    const char *path;
    int line;
    bool weighted;
    sg_spin_graph_entry *entry;
    int count, room, n;
} reader;

static sg_status wrong(const reader *r, const char *what) {
    return sg_fail(SG_BAD_DATA, "%s, line %d: %s", r->path, r->line, what);
}

static sg_status bad_line(const reader *r) {
    return wrong(r, r->weighted ? "a line is `i j J_ij` (a coupling) or `i h_i` (a field), and # begins a comment"
                                : "a line is `i j` (an edge without a weight), and # begins a comment");
}

static sg_status read_site(const reader *r, const char *word, int *site) {
    double value;
    if (sg_number_read(word, &value) && value >= 0 && value <= SITES_MOST - 1 && value == (double)(int)value) {
        *site = (int)value;
        return SG_OK;
    }
    return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no site: sites are whole numbers from 0 to %d", r->path,
                   r->line, word, SITES_MOST - 1);
}

static sg_status grow(reader *r) {
    sg_spin_graph_entry *more = NULL;
    if (r->count < r->room) return SG_OK;
    if (r->room >= ENTRIES_MOST) return wrong(r, "a graph has at most 16777216 edges and fields");
    sg_status status = sg_new(&more, r->room ? 2 * (size_t)r->room : 256, sizeof *more);
    if (status != SG_OK) return status;
    if (r->count) memcpy(more, r->entry, (size_t)r->count * sizeof *more);
    r->room = r->room ? 2 * r->room : 256;
    sg_delete(r->entry);
    r->entry = more;
    return SG_OK;
}

static sg_status read_words(reader *r, int words, char *const *word) {
    sg_spin_graph_entry entry = {.j = -1, .line = r->line, .value = 1};
    const bool field = r->weighted && words == 2;
    if (words != 2 && !(r->weighted && words == 3)) return bad_line(r);
    sg_status status = read_site(r, word[0], &entry.i);
    if (status == SG_OK && !field) status = read_site(r, word[1], &entry.j);
    if (status != SG_OK) return status;
    if (entry.i == entry.j) return wrong(r, "an edge joins two different sites");
    if (r->weighted && !sg_number_read(word[words - 1], &entry.value))
        return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no finite number", r->path, r->line, word[words - 1]);
    if (entry.i >= r->n) r->n = entry.i + 1;
    if (entry.j >= r->n) r->n = entry.j + 1;
    if ((status = grow(r))) return status;
    r->entry[r->count++] = entry;
    return SG_OK;
}

static sg_status read_line(reader *r, char *text, size_t length) {
    char *word[WORDS_MOST];
    int words = 0;
    if (strlen(text) != length) return wrong(r, "there is a zero byte: the file is no text");
    text[strcspn(text, "#")] = '\0';
    for (char *rest = NULL, *piece = strtok_r(text, " \t\r\n", &rest); piece;
         piece = strtok_r(NULL, " \t\r\n", &rest)) {
        if (words == WORDS_MOST) return bad_line(r);
        word[words++] = piece;
    }
    return words ? read_words(r, words, word) : SG_OK;
}

/* ------------------------------------------------------------- what stands twice */

static int ends(const sg_spin_graph_entry *e, int high) {
    return (e->i > e->j) == high ? e->i : e->j;
}

static int by_sites(const void *a, const void *b) {
    const sg_spin_graph_entry *x = a, *y = b;
    for (int high = 0; high < 2; high++)
        if (ends(x, high) != ends(y, high)) return ends(x, high) < ends(y, high) ? -1 : 1;
    return x->line - y->line;
}

static sg_status check_pairs(const reader *r) {
    sg_spin_graph_entry *sorted = NULL;
    sg_status status = sg_new(&sorted, (size_t)r->count, sizeof *sorted);
    if (status != SG_OK) return status;
    memcpy(sorted, r->entry, (size_t)r->count * sizeof *sorted);
    qsort(sorted, (size_t)r->count, sizeof *sorted, by_sites);
    for (int k = 1; k < r->count && status == SG_OK; k++) {
        const sg_spin_graph_entry *a = &sorted[k - 1], *b = &sorted[k];
        if (ends(a, 0) != ends(b, 0) || ends(a, 1) != ends(b, 1)) continue;
        if (b->j < 0)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: site %d has a field already in line %d: keep one", r->path,
                             b->line, b->i, a->line);
        else
            status = sg_fail(SG_BAD_DATA, "%s, line %d: the edge of %d and %d stands already in line %d: keep one",
                             r->path, b->line, b->i, b->j, a->line);
    }
    sg_delete(sorted);
    return status;
}

sg_status sg_spin_graph_read(const char *path, bool weighted, int *n, int *count, sg_spin_graph_entry **entries) {
    reader r = {.path = path, .weighted = weighted};
    sg_status status = SG_OK;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    *entries = NULL;
    FILE *file = fopen(path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "the graph file %s cannot be read: %s", path, strerror(errno));
    while (status == SG_OK && (length = getline(&text, &room, file)) >= 0) {
        r.line++;
        status = read_line(&r, text, (size_t)length);
    }
    if (status == SG_OK && ferror(file))
        status = sg_fail(SG_CANNOT_READ, "the graph file %s cannot be read: %s", path, strerror(errno));
    if (status == SG_OK && !r.count)
        status = sg_fail(SG_BAD_DATA, "the graph file %s holds neither an edge nor a field", path);
    if (status == SG_OK) status = check_pairs(&r);
    free(text);
    fclose(file);
    if (status != SG_OK) {
        sg_delete(r.entry);
        return status;
    }
    *n = r.n;
    *count = r.count;
    *entries = r.entry;
    return SG_OK;
}
