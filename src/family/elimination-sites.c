#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "family/elimination.h"

static const double ENTRIES_MOST = 0x1p24;

/* Positions stand in ascending order, and tables over them have the last change fastest. */
struct sg_elimination_sites {
    const sg_elimination_law *law;
    int *root;             /* [count] the last table on the way from each */
    int *until;            /* [count] the table of lowest position that needs this one's site; -1: wanted */
    int *node, nodes;      /* [count] tables on the way, descending */
    int *place, *wanted;   /* [count] positions of all sites asked for; those below one root */
    int *digit, digits;    /* [count] of the table at hand */
    double *table, *other; /* [room] */
    size_t room;
    double *part; /* [parts] of p, where the sites stand in several trees */
    size_t parts;
};

void sg_elimination_sites_delete(sg_elimination_sites *s) {
    if (!s) return;
    int *list[] = {s->root, s->until, s->node, s->place, s->wanted, s->digit};
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) sg_delete(list[k]);
    sg_delete(s->table);
    sg_delete(s->other);
    sg_delete(s->part);
    sg_delete(s);
}

static int parent_of(const sg_elimination *plan, int k) {
    return sg_elimination_later(plan, k) ? plan->order.later[plan->order.start[k]] : -1;
}

sg_status sg_elimination_sites_new(const sg_elimination_law *law, sg_elimination_sites **sites) {
    sg_elimination_sites *s = NULL;
    const size_t count = (size_t)law->plan->order.count;
    *sites = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status != SG_OK) return status;
    int **list[] = {&s->root, &s->until, &s->node, &s->place, &s->wanted, &s->digit};
    for (size_t k = 0; k < sizeof list / sizeof *list && status == SG_OK; k++)
        status = sg_new(list[k], count + 1, sizeof(int));
    if (status != SG_OK) {
        sg_elimination_sites_delete(s);
        return status;
    }
    s->law = law;
    for (int k = (int)count - 1; k >= 0; k--) {
        const int parent = parent_of(law->plan, k);
        s->root[k] = parent < 0 ? k : s->root[parent];
        s->until[k] = (int)count;
    }
    *sites = s;
    return SG_OK;
}

static int ascending(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* ------------------------------------------------------------- the tables on the way */

/* Parents have higher positions: the lower of two goes up until they are the same. */
static int meeting(const sg_elimination *plan, int count, const int *wanted) {
    int top = wanted[0];
    for (int k = 1; k < count; k++)
        for (int other = wanted[k]; top != other;) {
            if (top < other)
                top = parent_of(plan, top);
            else
                other = parent_of(plan, other);
        }
    return top;
}

static void need(sg_elimination_sites *s, int position, int node) {
    if (node < s->until[position]) s->until[position] = node;
}

/* From the wanted positions up to where they meet; until[] of a table's own site marks the tables that are listed. */
static void list_nodes(sg_elimination_sites *s, int count, const int *wanted) {
    const sg_elimination *plan = s->law->plan;
    const int top = meeting(plan, count, wanted), none = plan->order.count;
    s->nodes = 0;
    for (int k = 0; k < count; k++)
        for (int at = wanted[k]; s->until[at] == none; at = parent_of(plan, at)) {
            s->node[s->nodes++] = at;
            s->until[at] = none - 1;
            if (at == top) break;
        }
    qsort(s->node, (size_t)s->nodes, sizeof(int), ascending);
    for (int a = 0, b = s->nodes - 1; a < b; a++, b--) {
        const int turn = s->node[a];
        s->node[a] = s->node[b];
        s->node[b] = turn;
    }
    for (int k = 0; k < s->nodes; k++) s->until[s->node[k]] = s->node[k];
    for (int k = 1; k < s->nodes; k++)
        for (int a = plan->order.start[s->node[k]]; a < plan->order.start[s->node[k] + 1]; a++)
            need(s, plan->order.later[a], s->node[k]);
    for (int k = 0; k < count; k++) s->until[wanted[k]] = -1;
}

static void forget_nodes(sg_elimination_sites *s) {
    const sg_elimination *plan = s->law->plan;
    for (int k = 0; k < s->nodes; k++) {
        s->until[s->node[k]] = plan->order.count;
        for (int a = plan->order.start[s->node[k]]; a < plan->order.start[s->node[k] + 1]; a++)
            s->until[plan->order.later[a]] = plan->order.count;
    }
}

/* ---------------------------------------------------------------------- the walk */

static size_t size_of(const sg_elimination_sites *s) {
    return sg_elimination_power(s->law->plan->q, s->digits);
}

/* Digits that tables from position `next` on do not need are left out; returns how many stay. */
static int stay(const sg_elimination_sites *s, int next, int *list) {
    int kept = 0;
    for (int d = 0; d < s->digits; d++)
        if (s->until[s->digit[d]] <= next) list[kept++] = s->digit[d];
    return kept;
}

static void swap(sg_elimination_sites *s) {
    double *turn = s->table;
    s->table = s->other;
    s->other = turn;
}

static void reduce(sg_elimination_sites *s, int next, bool write) {
    int list[SG_MAP_DIGITS];
    const int q = s->law->plan->q, kept = stay(s, next, list);
    if (kept == s->digits) return;
    if (write) {
        sg_table_map map;
        sg_table_map_lists(q, s->digits, s->digit, kept, list, &map);
        memset(s->other, 0, sg_elimination_power(q, kept) * sizeof(double));
        sg_table_gather(&map, s->table, s->other);
        swap(s);
    }
    s->digits = kept;
    memcpy(s->digit, list, (size_t)kept * sizeof(int));
}

/* The site of table k joins, the slowest digit, with its probability given the sites that are left there. */
static void extend(sg_elimination_sites *s, int k, bool write) {
    const sg_elimination *plan = s->law->plan;
    const size_t size = size_of(s), states = (size_t)plan->q;
    if (write) {
        const size_t entries = sg_elimination_power(plan->q, sg_elimination_later(plan, k));
        sg_table_map map;
        sg_table_map_lists(plan->q, s->digits, s->digit, sg_elimination_later(plan, k),
                           plan->order.later + plan->order.start[k], &map);
        memset(s->other, 0, states * size * sizeof(double));
        for (size_t a = 0; a < states; a++) {
            double *restrict to = s->other + a * size;
            const double *restrict from = s->table;
            sg_table_spread(&map, s->law->conditional + plan->table[k] + a * entries, to);
#pragma omp simd
            for (size_t i = 0; i < size; i++) to[i] *= from[i];
        }
        swap(s);
    }
    memmove(s->digit + 1, s->digit, (size_t)s->digits * sizeof(int));
    s->digit[0] = k;
    s->digits++;
}

/* The tables one after the other; without `write` their entries are counted only, of all and of the largest. */
static double walk(sg_elimination_sites *s, bool write, double *largest) {
    const sg_elimination *plan = s->law->plan;
    const int top = s->node[0];
    double work = *largest = 0;
    s->digits = sg_elimination_later(plan, top);
    memcpy(s->digit, plan->order.later + plan->order.start[top], (size_t)s->digits * sizeof(int));
    if (write) memcpy(s->table, s->law->probability + plan->message[top], size_of(s) * sizeof(double));
    for (int k = 0; k < s->nodes; k++) {
        if (k) reduce(s, s->node[k], write);
        const double entries = pow(plan->q, s->digits + 1);
        work += entries;
        *largest = fmax(*largest, entries);
        if (entries > ENTRIES_MOST) return INFINITY;
        extend(s, s->node[k], write);
    }
    reduce(s, -1, write);
    return work;
}

static sg_status make_room(size_t wanted, size_t *room, double **array) {
    if (wanted <= *room) return SG_OK;
    sg_delete(*array);
    *array = NULL;
    *room = 0;
    sg_status status = sg_new(array, wanted, sizeof(double));
    if (status == SG_OK) *room = wanted;
    return status;
}

/* The law of `count` wanted positions below one root, in s->table. */
static sg_status one_tree(sg_elimination_sites *s, int count) {
    double largest;
    size_t room = s->room;
    list_nodes(s, count, s->wanted);
    sg_status status = SG_OK;
    if (!isfinite(walk(s, false, &largest)))
        status = sg_fail(SG_REFUSED,
                         "the law of sites that elimination keeps far apart needs a table of more than 2^24 entries: "
                         "take a narrower graph");
    if (status == SG_OK) status = make_room((size_t)largest, &room, &s->table);
    if (status == SG_OK) status = make_room((size_t)largest, &s->room, &s->other);
    if (status == SG_OK) walk(s, true, &largest);
    forget_nodes(s);
    return status;
}

/* The wanted positions below the root of the first that is not done, ascending; 0: all are. */
static int next_tree(sg_elimination_sites *s, int count, const int *site, int *root) {
    int found = 0, next = -1;
    for (int k = 0; k < count; k++) {
        s->place[k] = s->law->plan->order.position[site[k]];
        const int own = s->root[s->place[k]];
        if (own > *root && (next < 0 || own < next)) next = own;
    }
    for (int k = 0; k < count && next >= 0; k++)
        if (s->root[s->place[k]] == next) s->wanted[found++] = s->place[k];
    *root = next;
    qsort(s->wanted, (size_t)found, sizeof(int), ascending);
    return found;
}

/* From p to the table at hand. */
static void map_places(const sg_elimination_sites *s, int count, sg_table_map *map) {
    const int q = s->law->plan->q;
    size_t stride[SG_MAP_DIGITS] = {0}, power = 1;
    for (int a = s->digits - 1; a >= 0; a--, power *= (size_t)q)
        for (int d = 0; d < count; d++)
            if (s->place[d] == s->digit[a]) stride[d] = power;
    sg_table_map_strides(q, count, stride, map);
}

sg_status sg_elimination_sites_at(sg_elimination_sites *s, int count, const int *site, double *p) {
    const int q = s->law->plan->q;
    const size_t size = sg_elimination_power(q, count);
    sg_table_map map;
    int root = -1, found = next_tree(s, count, site, &root);
    sg_status status = one_tree(s, found);
    if (status != SG_OK) return status;
    map_places(s, count, &map);
    memset(p, 0, size * sizeof(double));
    sg_table_spread(&map, s->table, p);
    while ((found = next_tree(s, count, site, &root))) {
        if ((status = make_room(size, &s->parts, &s->part))) return status;
        if ((status = one_tree(s, found))) return status;
        map_places(s, count, &map);
        memset(s->part, 0, size * sizeof(double));
        sg_table_spread(&map, s->table, s->part);
        for (size_t x = 0; x < size; x++) p[x] *= s->part[x];
    }
    return SG_OK;
}

double sg_elimination_sites_work(sg_elimination_sites *s, int count, const int *site) {
    double work = 0, largest;
    int root = -1, found;
    while ((found = next_tree(s, count, site, &root))) {
        list_nodes(s, found, s->wanted);
        work += walk(s, false, &largest);
        forget_nodes(s);
    }
    return work;
}
