/*
 * From the tables of the sites asked for upwards to the first that sees them all: each passes on, given the sites that
 * are left, the law of those asked for so far.  In such a table the latter are the slow digits, the sites that are left
 * the fast ones, as they are in a message.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "family/elimination.h"

static const double ENTRIES_MOST = 0x1p24;
enum { TOGETHER = 1 << 12 }; /* entries of rows that are gone through together */

/* What a table has passed on and the next has not taken yet. */
typedef struct {
    int node, kept, keeps[SG_MAP_DIGITS]; /* positions asked for, slowest first */
    size_t message, rows;                 /* rows = q^kept */
    sg_table_map map;                     /* from rows of the next table to those of its own that go with them */
    size_t alike;                         /* how many of its rows go with them */
    size_t room;
    double *table; /* [rows][message] */
} passed;

struct sg_elimination_sites {
    const sg_elimination_law *law;
    int *root;            /* [count] the last table on the way from each */
    bool *asked, *listed; /* [count] */
    int *node, nodes;     /* [count] tables on the way, ascending */
    int *place, *wanted;  /* [count] positions of all sites; those below one root, ascending */
    passed *pile;         /* [piles] */
    int piles, high;      /* how many there are, and are in use */
    double *row, *spread; /* [room] rows that are gone through together */
    size_t room, spreads;
    double *law_of; /* [laws] the law that was found */
    size_t laws;
    int digits, digit[SG_MAP_DIGITS]; /* of the law that was found, slowest first */
    double *part;                     /* [parts] of p, where the sites stand in several trees */
    size_t parts;
};

void sg_elimination_sites_delete(sg_elimination_sites *s) {
    if (!s) return;
    int *list[] = {s->root, s->node, s->place, s->wanted};
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) sg_delete(list[k]);
    for (int k = 0; k < s->piles; k++) sg_delete(s->pile[k].table);
    sg_delete(s->pile);
    sg_delete(s->asked);
    sg_delete(s->listed);
    sg_delete(s->row);
    sg_delete(s->spread);
    sg_delete(s->law_of);
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
    int **list[] = {&s->root, &s->node, &s->place, &s->wanted};
    for (size_t k = 0; k < sizeof list / sizeof *list && status == SG_OK; k++)
        status = sg_new(list[k], count + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->asked, count + 1, sizeof(bool));
    if (status == SG_OK) status = sg_new(&s->listed, count + 1, sizeof(bool));
    if (status != SG_OK) {
        sg_elimination_sites_delete(s);
        return status;
    }
    s->law = law;
    for (int k = (int)count - 1; k >= 0; k--) {
        const int parent = parent_of(law->plan, k);
        s->root[k] = parent < 0 ? k : s->root[parent];
    }
    *sites = s;
    return SG_OK;
}

static int ascending(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static sg_status make_room(double entries, size_t *room, double **array) {
    if (entries <= (double)*room) return SG_OK;
    sg_delete(*array);
    *array = NULL;
    *room = 0;
    sg_status status = sg_new(array, (size_t)entries, sizeof(double));
    if (status == SG_OK) *room = (size_t)entries;
    return status;
}

/* ------------------------------------------------------------- the tables on the way */

/* Parents have higher positions.  Is this one among the sites of table `top`, or below it? */
static bool covers(const sg_elimination *plan, int top, int position) {
    for (int a = plan->order.start[top]; a < plan->order.start[top + 1]; a++)
        if (plan->order.later[a] == position) return true;
    while (position >= 0 && position < top) position = parent_of(plan, position);
    return position == top;
}

static void list_nodes(sg_elimination_sites *s, int count) {
    const sg_elimination *plan = s->law->plan;
    int top = s->wanted[0];
    for (int k = 0; k < count; k++) {
        while (!covers(plan, top, s->wanted[k])) top = parent_of(plan, top);
        s->asked[s->wanted[k]] = true;
    }
    s->nodes = 0;
    for (int k = 0; k < count; k++)
        for (int at = s->wanted[k]; at <= top && !s->listed[at]; at = at < top ? parent_of(plan, at) : top) {
            s->listed[at] = true;
            s->node[s->nodes++] = at;
        }
    qsort(s->node, (size_t)s->nodes, sizeof(int), ascending);
}

static void forget_nodes(sg_elimination_sites *s, int count) {
    for (int k = 0; k < s->nodes; k++) s->listed[s->node[k]] = false;
    for (int k = 0; k < count; k++) s->asked[s->wanted[k]] = false;
}

/* ---------------------------------------------------------------------- going up */

static bool goes_to(const sg_elimination_sites *s, const passed *from, int node) {
    return parent_of(s->law->plan, from->node) == node;
}

/* One more place on the pile. */
static sg_status push(sg_elimination_sites *s) {
    if (s->high < s->piles) {
        s->high++;
        return SG_OK;
    }
    passed *more = NULL;
    sg_status status = sg_new(&more, (size_t)s->piles + 8, sizeof *more);
    if (status != SG_OK) return status;
    if (s->piles) memcpy(more, s->pile, (size_t)s->piles * sizeof *more);
    sg_delete(s->pile);
    s->pile = more;
    s->piles += 8;
    s->high++;
    return SG_OK;
}

/* A table: its entries, rows of what is kept, and how many rows are gone through together. */
typedef struct {
    int node, kept, keeps[SG_MAP_DIGITS];
    size_t size, rows, together;
} table;

/* The positions that what goes into a table has kept, first come slowest.  False: too many. */
static bool open_table(const sg_elimination_sites *s, int node, table *t) {
    const int q = s->law->plan->q, width = sg_elimination_later(s->law->plan, node) + 1;
    *t = (table){.node = node, .together = 1};
    for (int p = 0; p < s->high; p++) {
        const passed *from = &s->pile[p];
        if (!goes_to(s, from, node)) continue;
        if (width + t->kept + from->kept >= SG_MAP_DIGITS) return false;
        for (int k = 0; k < from->kept; k++) t->keeps[t->kept++] = from->keeps[k];
    }
    if (pow(q, width + t->kept) > ENTRIES_MOST) return false;
    t->size = sg_elimination_power(q, width);
    t->rows = sg_elimination_power(q, t->kept);
    while (t->together < t->rows && t->size * t->together * (size_t)q <= TOGETHER) t->together *= (size_t)q;
    return true;
}

/* From rows that are gone through together to what each of those below has passed on. */
static void map_passed(sg_elimination_sites *s, const table *t) {
    const sg_elimination *plan = s->law->plan;
    const size_t q = (size_t)plan->q;
    size_t left = t->together;
    for (int p = s->high - 1; p >= 0; p--) {
        passed *from = &s->pile[p];
        size_t stride[SG_MAP_DIGITS], rows = t->together / left;
        int digits = sg_elimination_later(plan, t->node) + 1;
        if (!goes_to(s, from, t->node)) continue;
        sg_table_map_message(plan, t->node, from->node, &from->map);
        for (int d = 0; d < digits; d++) stride[d] = from->map.stride[d];
        for (size_t k = 1; k < rows; k *= q) stride[digits++] = 0;
        from->alike = 1;
        for (; left > 1 && from->alike < from->rows; left /= q, from->alike *= q)
            stride[digits++] = from->message * from->alike;
        for (size_t k = rows * from->alike; k < t->together; k *= q) stride[digits++] = 0;
        sg_table_map_strides((int)q, digits, stride, &from->map);
    }
}

/* The law of the sites of a table given those that are left, in rows from b on, in s->row. */
static void fill_rows(const sg_elimination_sites *s, const table *t, size_t b) {
    const double *conditional = s->law->conditional + s->law->plan->table[t->node];
    const size_t entries = t->size * t->together;
    size_t slow = b / t->together;
    double *restrict row = s->row;
    const double *restrict spread = s->spread;
    for (size_t r = 0; r < t->together; r++) memcpy(row + r * t->size, conditional, t->size * sizeof(double));
    for (int p = s->high - 1; p >= 0; p--) {
        const passed *from = &s->pile[p];
        if (!goes_to(s, from, t->node)) continue;
        const size_t slower = from->rows / from->alike;
        memset(s->spread, 0, entries * sizeof(double));
        sg_table_spread(&from->map, from->table + slow % slower * from->alike * from->message, s->spread);
        slow /= slower;
#pragma omp simd
        for (size_t i = 0; i < entries; i++) row[i] *= spread[i];
    }
}

/* Those that went into this table leave the pile. */
static void drop(sg_elimination_sites *s, int node) {
    for (int p = 0; p < s->high;) {
        if (!goes_to(s, &s->pile[p], node)) {
            p++;
            continue;
        }
        const passed done = s->pile[p];
        s->high--;
        memmove(&s->pile[p], &s->pile[p + 1], (size_t)(s->high - p) * sizeof done);
        s->pile[s->high] = done;
    }
}

/* On to the next table: the site is summed out unless it is asked for. */
static void sum_out(const double *restrict row, size_t states, size_t message, double *restrict out) {
    memcpy(out, row, message * sizeof(double));
    for (size_t x = 1; x < states; x++)
#pragma omp simd
        for (size_t i = 0; i < message; i++) out[i] += row[x * message + i];
}

static sg_status pass_on(sg_elimination_sites *s, const table *t, bool write) {
    const size_t states = (size_t)s->law->plan->q, message = t->size / states;
    const bool asked = s->asked[t->node];
    sg_status status = push(s);
    if (status != SG_OK) return status;
    passed *to = &s->pile[--s->high]; /* not yet among those that go on */
    to->node = t->node;
    to->kept = t->kept;
    memcpy(to->keeps, t->keeps, (size_t)t->kept * sizeof(int));
    if (asked) to->keeps[to->kept++] = t->node;
    to->rows = asked ? t->rows * states : t->rows;
    to->message = message;
    if (write) status = make_room((double)to->rows * (double)message, &to->room, &to->table);
    for (size_t b = 0; b < t->rows && write && status == SG_OK; b += t->together) {
        fill_rows(s, t, b);
        if (asked) memcpy(to->table + b * t->size, s->row, t->together * t->size * sizeof(double));
        for (size_t r = 0; r < t->together && !asked; r++)
            sum_out(s->row + r * t->size, states, message, to->table + (b + r) * message);
    }
    s->high++;
    return status;
}

/* At the top the sites that are left have their law too; what is not asked for is summed out. */
static sg_status finish(sg_elimination_sites *s, const table *t, bool write) {
    const sg_elimination *plan = s->law->plan;
    const int later = sg_elimination_later(plan, t->node), *left = plan->order.later + plan->order.start[t->node];
    const size_t message = t->size / (size_t)plan->q;
    int place[SG_MAP_DIGITS], count = 0;
    sg_table_map map;
    place[0] = t->node;
    for (int a = 0; a < later; a++) place[a + 1] = left[a];
    memcpy(s->digit, t->keeps, (size_t)t->kept * sizeof(int));
    for (int a = 0; a <= later; a++)
        if (s->asked[place[a]]) s->digit[t->kept + count++] = place[a];
    s->digits = t->kept + count;
    if (!write) return SG_OK;
    const size_t rest = sg_elimination_power(plan->q, count);
    sg_status status = make_room((double)t->rows * (double)rest, &s->laws, &s->law_of);
    if (status != SG_OK) return status;
    memset(s->law_of, 0, t->rows * rest * sizeof(double));
    sg_table_map_lists(plan->q, later + 1, place, count, s->digit + t->kept, &map);
    for (size_t b = 0; b < t->rows; b++) {
        const double *restrict law = s->law->probability + plan->message[t->node];
        double *restrict row = s->row + b % t->together * t->size;
        if (b % t->together == 0) fill_rows(s, t, b);
        for (size_t x = 0; x < t->size; x += message)
            for (size_t i = 0; i < message; i++) row[x + i] *= law[i];
        sg_table_gather(&map, row, s->law_of + b * rest);
    }
    return SG_OK;
}

/* The law of the wanted positions, or without `write` only how many entries that takes. */
static sg_status walk(sg_elimination_sites *s, bool write, double *work) {
    sg_status status = SG_OK;
    *work = 0;
    s->high = 0;
    for (int k = 0; k < s->nodes && status == SG_OK; k++) {
        table t;
        if (!open_table(s, s->node[k], &t)) *work = INFINITY;
        if (!isfinite(*work)) break;
        const double entries = (double)(t.size * t.together);
        *work += (double)t.size * (double)t.rows;
        if (write) status = make_room(entries, &s->room, &s->row);
        if (write && status == SG_OK) status = make_room(entries, &s->spreads, &s->spread);
        if (write && status == SG_OK) map_passed(s, &t);
        if (status == SG_OK) status = k + 1 < s->nodes ? pass_on(s, &t, write) : finish(s, &t, write);
        drop(s, t.node);
    }
    s->high = 0;
    return status;
}

static sg_status one_tree(sg_elimination_sites *s, int count) {
    double work;
    list_nodes(s, count);
    sg_status status = walk(s, false, &work);
    if (status == SG_OK && !isfinite(work))
        status = sg_fail(SG_REFUSED,
                         "the law of %d sites that elimination does not keep together needs a table of more than 2^24 "
                         "entries: take a narrower graph",
                         count);
    if (status == SG_OK) status = walk(s, true, &work);
    forget_nodes(s, count);
    return status;
}

/* ------------------------------------------------------------------- all sites */

/* The positions below the next root after *root, ascending; 0: there is none. */
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

/* From p to the law that was found. */
static void map_places(const sg_elimination_sites *s, int count, sg_table_map *map) {
    const int q = s->law->plan->q;
    size_t stride[SG_MAP_DIGITS] = {0}, power = 1;
    for (int a = s->digits - 1; a >= 0; a--, power *= (size_t)q)
        for (int d = 0; d < count; d++)
            if (s->place[d] == s->digit[a]) stride[d] = power;
    sg_table_map_strides(q, count, stride, map);
}

sg_status sg_elimination_sites_at(sg_elimination_sites *s, int count, const int *site, double *p) {
    const size_t size = sg_elimination_power(s->law->plan->q, count);
    bool first = true;
    for (int root = -1, found; (found = next_tree(s, count, site, &root)); first = false) {
        sg_table_map map;
        sg_status status = first ? SG_OK : make_room((double)size, &s->parts, &s->part);
        if (status == SG_OK) status = one_tree(s, found);
        if (status != SG_OK) return status;
        double *to = first ? p : s->part;
        map_places(s, count, &map);
        memset(to, 0, size * sizeof(double));
        sg_table_spread(&map, s->law_of, to);
        for (size_t x = 0; x < size && !first; x++) p[x] *= to[x];
    }
    return SG_OK;
}

double sg_elimination_sites_work(sg_elimination_sites *s, int count, const int *site) {
    double all = 0, work;
    for (int root = -1, found; (found = next_tree(s, count, site, &root));) {
        list_nodes(s, found);
        if (walk(s, false, &work) != SG_OK) work = INFINITY;
        forget_nodes(s, found);
        all += work;
    }
    return all;
}
