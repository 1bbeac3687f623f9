/* Files of log-linear models: from cliques to terms, every error with its line. */
#include "family/loglinear.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"

enum { SITES_MOST = 1000000, STATES_MOST = 64, TABLE_MOST = 1 << 12, TABLE_SITES = 12, BYTES_MOST = 1 << 26 };

/* No three sites interact, each pair does. */
static const char usual[] = "n: 3\n"
                            "q: 3\n"
                            "cliques:\n"
                            "  - {sites: [0, 1], table: [.5, 0, 0, 0, .75, 0, 0, 0, 1]}\n"
                            "  - {sites: [1, 2], table: [.5, 0, 0, 0, .25, 0, 0, 0, .5]}\n"
                            "  - {sites: [0, 2], table: [0, .25, .5, .25, 0, .25, .5, .25, 0]}\n";

typedef struct {
    int start, order, line;
    double value;
} term;

typedef struct {
    const char *path;
    int n, q;
    term *term;
    int *site, *state;
    int terms, term_room, entries, entry_room;
} draft;

void sg_loglinear_free(sg_loglinear_terms *terms) {
    sg_delete(terms->start);
    sg_delete(terms->site);
    sg_delete(terms->state);
    sg_delete(terms->value);
    *terms = (sg_loglinear_terms){0};
}

/* -------------------------------------------------------------------- the text */

static sg_status slurp(const char *path, char **text) {
    FILE *file = fopen(path, "r");
    sg_status status = SG_OK;
    *text = NULL;
    if (!file) return sg_fail(SG_CANNOT_READ, "the model file %s cannot be read: %s", path, strerror(errno));
    size_t used = 0, got;
    for (size_t room = 4096; status == SG_OK; room *= 2) {
        char *more = NULL;
        if (room > BYTES_MOST)
            status = sg_fail(SG_BAD_DATA, "the model file %s has more than %d bytes", path, (int)BYTES_MOST);
        if (status == SG_OK) status = sg_new(&more, room + 1, 1);
        if (status != SG_OK) break;
        if (*text) memcpy(more, *text, used);
        sg_delete(*text);
        *text = more;
        got = fread(*text + used, 1, room - used, file);
        used += got;
        if (used < room) break;
    }
    if (status == SG_OK && ferror(file))
        status = sg_fail(SG_CANNOT_READ, "the model file %s cannot be read: %s", path, strerror(errno));
    if (status == SG_OK && strlen(*text) != used)
        status = sg_fail(SG_BAD_DATA, "the model file %s holds a zero byte: it is no text", path);
    fclose(file);
    return status;
}

/* A whole number in [lo, hi]. */
static sg_status read_int(const draft *d, const sg_yaml *node, const char *what, int lo, int hi, int *out) {
    double value;
    if (node->kind != SG_YAML_SCALAR || !sg_number_read(node->text, &value) || value != floor(value))
        return sg_yaml_fail(d->path, node, SG_BAD_TYPE, "%s must be a whole number", what);
    if (value < lo || value > hi)
        return sg_yaml_fail(d->path, node, SG_OUT_OF_RANGE, "%s = %.32s is out of range: it must be in [%d, %d]", what,
                            node->text, lo, hi);
    *out = (int)value;
    return SG_OK;
}

static sg_status read_real(const draft *d, const sg_yaml *node, const char *what, double *out) {
    if (node->kind == SG_YAML_SCALAR && sg_number_read(node->text, out)) return SG_OK;
    return sg_yaml_fail(d->path, node, SG_BAD_TYPE, "%s must be a finite number", what);
}

/* Keys are among those named. */
static sg_status check_keys(const draft *d, const sg_yaml *map, const char *what, int count, const char *const *names) {
    if (map->kind != SG_YAML_MAP) return sg_yaml_fail(d->path, map, SG_BAD_TYPE, "%s must be keys with values", what);
    for (int k = 0; k < map->count; k++) {
        bool known = false;
        for (int i = 0; i < count; i++) known = known || strcmp(map->key[k]->text, names[i]) == 0;
        if (known) continue;
        const char *nearest = sg_nearest(map->key[k]->text, count, names);
        return sg_yaml_fail(d->path, map->key[k], SG_UNKNOWN, "unknown key '%.64s' of %s%s%s%s", map->key[k]->text,
                            what, nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
    }
    return SG_OK;
}

static sg_status need(const draft *d, const sg_yaml *map, const char *key, const sg_yaml **value) {
    *value = sg_yaml_find(map, key);
    if (*value) return SG_OK;
    return sg_yaml_fail(d->path, map, SG_BAD_SYNTAX, "the key '%s' is missing", key);
}

/* ------------------------------------------------------------------------ terms */

static sg_status grow(int used, int more, int *room, size_t size, void *array) {
    char *old, *made = NULL;
    memcpy(&old, array, sizeof old);
    if (used + more <= *room) return SG_OK;
    const int wanted = 2 * (used + more);
    sg_status status = sg_new(&made, (size_t)wanted, size);
    if (status != SG_OK) return status;
    if (old) memcpy(made, old, (size_t)used * size);
    sg_delete(old);
    memcpy(array, &made, sizeof made);
    *room = wanted;
    return SG_OK;
}

static sg_status add_term(draft *d, int line, int order, const int *site, const int *state, double value) {
    int room = d->entry_room;
    sg_status status = grow(d->terms, 1, &d->term_room, sizeof *d->term, &d->term);
    if (status == SG_OK) status = grow(d->entries, order, &room, sizeof(int), &d->site);
    if (status == SG_OK) status = grow(d->entries, order, &d->entry_room, sizeof(int), &d->state);
    if (status != SG_OK) return status;
    d->term[d->terms++] = (term){.start = d->entries, .order = order, .line = line, .value = value};
    memcpy(d->site + d->entries, site, (size_t)order * sizeof(int));
    memcpy(d->state + d->entries, state, (size_t)order * sizeof(int));
    d->entries += order;
    return SG_OK;
}

typedef struct {
    int site, place; /* among the sites of its clique */
} member;

static int by_site(const void *a, const void *b) {
    return ((const member *)a)->site - ((const member *)b)->site;
}

static sg_status read_sites(const draft *d, const sg_yaml *node, member *list) {
    if (node->kind != SG_YAML_LIST || node->count < 1)
        return sg_yaml_fail(d->path, node, SG_BAD_TYPE, "sites must be a list, as in [0, 1]");
    for (int k = 0; k < node->count; k++) {
        list[k].place = k;
        sg_status status = read_int(d, node->item[k], "a site", 0, d->n - 1, &list[k].site);
        if (status != SG_OK) return status;
    }
    qsort(list, (size_t)node->count, sizeof *list, by_site);
    for (int k = 1; k < node->count; k++)
        if (list[k].site == list[k - 1].site)
            return sg_yaml_fail(d->path, node, SG_BAD_DATA, "site %d stands twice in its clique: keep one",
                                list[k].site);
    return SG_OK;
}

/* table[s] -= table[s with that site in state 0], site after site: what is left at s belongs to its sites not in 0. */
static void to_corner(int q, int sites, double *table) {
    int count = 1;
    for (int k = 0; k < sites; k++) count *= q;
    for (int k = 0, power = 1; k < sites; k++, power *= q)
        for (int s = 0; s < count; s++)
            if (s / power % q) table[s] -= table[s - s / power % q * power];
}

/* The subset of sites that are not in state 0, ascending. */
static int subset_of(int q, int s, int sites, const member *list, int *site, int *state) {
    int digit[TABLE_SITES], order = 0;
    sg_codes_digits(q, (uint64_t)s, sites, digit);
    for (int k = 0; k < sites; k++) {
        if (!digit[list[k].place]) continue;
        site[order] = list[k].site;
        state[order++] = digit[list[k].place];
    }
    return order;
}

static sg_status add_table(draft *d, const sg_yaml *node, int sites, const member *list) {
    int site[TABLE_SITES], state[TABLE_SITES];
    double *table = NULL;
    const double count = pow(d->q, sites);
    if (count > TABLE_MOST)
        return sg_yaml_fail(d->path, node, SG_OUT_OF_RANGE,
                            "a table of %d sites has %.4g entries, more than %d: take "
                            "fewer sites",
                            sites, count, (int)TABLE_MOST);
    if (node->kind != SG_YAML_LIST || node->count != (int)count)
        return sg_yaml_fail(d->path, node, SG_BAD_DATA,
                            "a table of %d sites is a list of %d numbers, the state of the first site changing fastest",
                            sites, (int)count);
    sg_status status = sg_new(&table, (size_t)node->count, sizeof(double));
    for (int s = 0; s < node->count && status == SG_OK; s++)
        status = read_real(d, node->item[s], "an entry of a table", &table[s]);
    if (status == SG_OK) to_corner(d->q, sites, table);
    for (int s = 1; s < node->count && status == SG_OK; s++)
        status = add_term(d, node->line, subset_of(d->q, s, sites, list, site, state), site, state, table[s]);
    sg_delete(table);
    return status;
}

static sg_status add_weight(draft *d, const sg_yaml *node, int sites, const member *list) {
    int *site = NULL, *state = NULL;
    double value = 0;
    if (d->q != 2)
        return sg_yaml_fail(d->path, node, SG_BAD_DATA,
                            "a weight multiplies a product of spins, and q = %d: give a "
                            "table",
                            d->q);
    sg_status status = read_real(d, node, "weight", &value);
    if (status == SG_OK) status = sg_new(&site, (size_t)sites, sizeof(int));
    if (status == SG_OK) status = sg_new(&state, (size_t)sites, sizeof(int));
    for (int k = 0; k < sites && status == SG_OK; k++) site[k] = list[k].site;
    if (status == SG_OK) status = add_term(d, node->line, sites, site, state, value);
    sg_delete(site);
    sg_delete(state);
    return status;
}

static sg_status add_clique(draft *d, const sg_yaml *clique) {
    static const char *const names[] = {"sites", "table", "weight"};
    const sg_yaml *sites;
    member *list = NULL;
    sg_status status = check_keys(d, clique, "a clique", 3, names);
    if (status == SG_OK) status = need(d, clique, "sites", &sites);
    if (status != SG_OK) return status;
    const sg_yaml *table = sg_yaml_find(clique, "table"), *weight = sg_yaml_find(clique, "weight");
    if (!table == !weight)
        return sg_yaml_fail(d->path, clique, SG_BAD_SYNTAX, "a clique has either a table or a weight");
    status = sg_new(&list, (size_t)sites->count + 1, sizeof *list);
    if (status == SG_OK) status = read_sites(d, sites, list);
    if (status == SG_OK)
        status = table ? add_table(d, table, sites->count, list) : add_weight(d, weight, sites->count, list);
    sg_delete(list);
    return status;
}

/* --------------------------------------------------------------- order and sums */

static int compare_lists(int count, const int *a, const int *b) {
    for (int k = 0; k < count; k++)
        if (a[k] != b[k]) return a[k] < b[k] ? -1 : 1;
    return 0;
}

static int same_sites(const draft *d, const term *a, const term *b) {
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return compare_lists(a->order, d->site + a->start, d->site + b->start);
}

static int by_content(const void *a, const void *b, void *context) {
    const draft *d = context;
    const term *x = a, *y = b;
    int sign = same_sites(d, x, y);
    if (!sign) sign = compare_lists(x->order, d->state + x->start, d->state + y->start);
    return sign ? sign : x->line - y->line;
}

/* Products come before indicators, and only indicators may stand several times. */
static sg_status check_products(const draft *d) {
    for (int k = 1; k < d->terms; k++) {
        const term *a = &d->term[k - 1], *b = &d->term[k];
        if (same_sites(d, a, b) != 0 || d->state[a->start]) continue;
        const bool twice = !d->state[b->start];
        const sg_yaml at = {.line = twice ? b->line : a->line, .column = 1};
        return sg_yaml_fail(d->path, &at, SG_BAD_DATA,
                            twice ? "these sites have a weight already in line %d: keep one"
                                  : "these sites lie in the table of line %d: add the weight to the table",
                            twice ? a->line : b->line);
    }
    return SG_OK;
}

/* Equal indicators become one. */
static void merge(draft *d) {
    int kept = 0;
    for (int k = 0; k < d->terms; k++) {
        const term *a = kept ? &d->term[kept - 1] : NULL, *b = &d->term[k];
        if (a && same_sites(d, a, b) == 0 && compare_lists(a->order, d->state + a->start, d->state + b->start) == 0)
            d->term[kept - 1].value += b->value;
        else
            d->term[kept++] = *b;
    }
    d->terms = kept;
}

static sg_status give(draft *d, sg_loglinear_terms *out) {
    *out = (sg_loglinear_terms){.n = d->n, .q = d->q, .terms = d->terms};
    for (int k = 0; k < d->terms; k++) out->entries += d->term[k].order;
    sg_status status = sg_new(&out->start, (size_t)d->terms + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&out->site, (size_t)out->entries, sizeof(int));
    if (status == SG_OK) status = sg_new(&out->state, (size_t)out->entries, sizeof(int));
    if (status == SG_OK) status = sg_new(&out->value, (size_t)d->terms, sizeof(double));
    for (int k = 0; k < d->terms && status == SG_OK; k++) {
        const size_t bytes = (size_t)d->term[k].order * sizeof(int);
        memcpy(out->site + out->start[k], d->site + d->term[k].start, bytes);
        memcpy(out->state + out->start[k], d->state + d->term[k].start, bytes);
        out->value[k] = d->term[k].value;
        out->start[k + 1] = out->start[k] + d->term[k].order;
    }
    if (status != SG_OK) sg_loglinear_free(out);
    return status;
}

static sg_status read_root(draft *d, const sg_yaml *root) {
    static const char *const names[] = {"n", "q", "cliques"};
    const sg_yaml *n, *q, *cliques;
    sg_status status = check_keys(d, root, "a log-linear model", 3, names);
    if (status == SG_OK) status = need(d, root, "n", &n);
    if (status == SG_OK) status = need(d, root, "q", &q);
    if (status == SG_OK) status = need(d, root, "cliques", &cliques);
    if (status == SG_OK) status = read_int(d, n, "n", 1, SITES_MOST, &d->n);
    if (status == SG_OK) status = read_int(d, q, "q", 2, STATES_MOST, &d->q);
    if (status != SG_OK) return status;
    if (cliques->kind != SG_YAML_LIST || cliques->count < 1)
        return sg_yaml_fail(d->path, cliques, SG_BAD_TYPE, "cliques must be a list of at least one clique");
    for (int k = 0; k < cliques->count && status == SG_OK; k++) status = add_clique(d, cliques->item[k]);
    return status;
}

sg_status sg_loglinear_read(const char *path, sg_loglinear_terms *terms) {
    draft d = {.path = path ? path : "the usual model"};
    char *text = NULL;
    sg_yaml *root = NULL;
    *terms = (sg_loglinear_terms){0};
    sg_status status = path ? slurp(path, &text) : SG_OK;
    if (status == SG_OK) status = sg_yaml_read(d.path, path ? text : usual, &root);
    if (status == SG_OK) status = read_root(&d, root);
    if (status != SG_OK) goto out;
    qsort_r(d.term, (size_t)d.terms, sizeof *d.term, by_content, &d);
    status = check_products(&d);
    if (status != SG_OK) goto out;
    merge(&d);
    status = give(&d, terms);
out:
    sg_yaml_delete(root);
    sg_delete(text);
    sg_delete(d.term);
    sg_delete(d.site);
    sg_delete(d.state);
    return status;
}
