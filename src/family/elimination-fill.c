/*
 * Orders by least fill: the site next in order is one whose neighbours lack the fewest edges among themselves; these
 * are then joined.  Sites stand in lists by what they lack, and the one that changed last is taken first, so that the
 * order moves along a strip.
 */
#include <string.h>

#include "family/elimination.h"

enum { NEIGHBOURS = 30, LISTS = NEIGHBOURS * (NEIGHBOURS - 1) / 2 + 2, MANY = LISTS - 1 };

typedef struct {
    int n, lowest;
    int **list;                     /* [n] neighbours, among them some that are gone */
    int *length, *room;             /* [n] of the list */
    int *alive;                     /* [n] neighbours that are not gone */
    bool *gone, *own;               /* [n] the list was made anew, not part of `first` */
    int *first;                     /* lists of the graph */
    int *lack;                      /* [n] */
    int head[LISTS];                /* of the lists by lack, -1: empty */
    int *before, *after;            /* [n] */
    int *mark, stamp, *done, taken; /* [n] */
} filling;

static void unlink_site(filling *f, int site) {
    if (f->before[site] >= 0)
        f->after[f->before[site]] = f->after[site];
    else
        f->head[f->lack[site]] = f->after[site];
    if (f->after[site] >= 0) f->before[f->after[site]] = f->before[site];
}

static void link_site(filling *f, int site, int lack) {
    f->lack[site] = lack;
    f->before[site] = -1;
    f->after[site] = f->head[lack];
    if (f->after[site] >= 0) f->before[f->after[site]] = site;
    f->head[lack] = site;
    if (lack < f->lowest) f->lowest = lack;
}

/* Drops those that are gone. */
static void compact(filling *f, int site) {
    int kept = 0, *list = f->list[site];
    for (int k = 0; k < f->length[site]; k++)
        if (!f->gone[list[k]]) list[kept++] = list[k];
    f->length[site] = kept;
}

static bool joined(const filling *f, int a, int b) {
    const int short_one = f->length[a] < f->length[b] ? a : b, other = a + b - short_one;
    for (int k = 0; k < f->length[short_one]; k++)
        if (f->list[short_one][k] == other) return true;
    return false;
}

/* Pairs of neighbours that are not joined; those of two sites with long lists are taken not to be. */
static int lack_of(filling *f, int site) {
    if (f->alive[site] > NEIGHBOURS) return MANY;
    compact(f, site);
    const int *list = f->list[site], count = f->length[site], stamp = ++f->stamp;
    int ends = 0;
    for (int k = 0; k < count; k++) f->mark[list[k]] = stamp;
    for (int k = 0; k < count; k++) {
        const int a = list[k];
        for (int l = 0; l < f->length[a] && f->alive[a] <= NEIGHBOURS; l++) {
            const int b = f->list[a][l];
            if (f->mark[b] == stamp) ends += f->alive[b] <= NEIGHBOURS ? 1 : 2;
        }
    }
    return count * (count - 1) / 2 - ends / 2;
}

static void update(filling *f, int site) {
    unlink_site(f, site);
    link_site(f, site, lack_of(f, site));
}

static sg_status append(filling *f, int site, int other) {
    if (f->length[site] == f->room[site]) {
        int *longer = NULL;
        const int room = 2 * f->room[site] + 8;
        sg_status status = sg_new(&longer, (size_t)room, sizeof(int));
        if (status != SG_OK) return status;
        memcpy(longer, f->list[site], (size_t)f->length[site] * sizeof(int));
        if (f->own[site]) sg_delete(f->list[site]);
        f->list[site] = longer;
        f->room[site] = room;
        f->own[site] = true;
    }
    f->list[site][f->length[site]++] = other;
    f->alive[site]++;
    return SG_OK;
}

/* What sites lack changes where edges went, and at the neighbours of both ends of new ones. */
static void update_near(filling *f, int count, const int *around, bool filled) {
    for (int k = 0; k < count && filled; k++)
        for (int l = 0; l < f->length[around[k]] && f->alive[around[k]] <= NEIGHBOURS; l++) {
            const int site = f->list[around[k]][l];
            if (f->gone[site] || f->done[site] == f->taken) continue;
            f->done[site] = f->taken;
            update(f, site);
        }
    for (int k = 0; k < count; k++)
        if (f->done[around[k]] != f->taken) update(f, around[k]);
    f->taken++;
}

/* Takes a site out and joins its neighbours. */
static sg_status take_out(filling *f, int site) {
    int around[NEIGHBOURS], count;
    bool filled = false;
    compact(f, site);
    count = f->length[site];
    memcpy(around, f->list[site], (size_t)count * sizeof(int));
    unlink_site(f, site);
    f->gone[site] = true;
    for (int k = 0; k < count; k++) {
        f->alive[around[k]]--;
        if (f->alive[around[k]] <= NEIGHBOURS) compact(f, around[k]);
    }
    for (int k = 0; k < count; k++)
        for (int l = 0; l < k; l++) {
            if (joined(f, around[k], around[l])) continue;
            sg_status status = append(f, around[k], around[l]);
            if (status == SG_OK) status = append(f, around[l], around[k]);
            if (status != SG_OK) return status;
            filled = true;
        }
    update_near(f, count, around, filled);
    return SG_OK;
}

static sg_status take_room(const sg_site_graph *graph, filling *f) {
    const size_t n = (size_t)graph->n;
    int **ints[] = {&f->length, &f->room, &f->alive, &f->lack, &f->before, &f->after, &f->mark, &f->done};
    sg_status status = sg_new(&f->list, n, sizeof(int *));
    for (size_t k = 0; k < sizeof ints / sizeof *ints && status == SG_OK; k++) status = sg_new(ints[k], n, sizeof(int));
    if (status == SG_OK) status = sg_new(&f->gone, n, sizeof(bool));
    if (status == SG_OK) status = sg_new(&f->own, n, sizeof(bool));
    if (status == SG_OK) status = sg_new(&f->first, (size_t)graph->start[graph->n], sizeof(int));
    return status;
}

static void release(filling *f) {
    for (int i = 0; i < f->n && f->list && f->own; i++)
        if (f->own[i]) sg_delete(f->list[i]);
    sg_delete(f->list);
    sg_delete(f->length);
    sg_delete(f->room);
    sg_delete(f->alive);
    sg_delete(f->lack);
    sg_delete(f->before);
    sg_delete(f->after);
    sg_delete(f->mark);
    sg_delete(f->done);
    sg_delete(f->gone);
    sg_delete(f->own);
    sg_delete(f->first);
}

static void start_lists(const sg_site_graph *graph, const bool *cut, filling *f) {
    memcpy(f->first, graph->neighbour, (size_t)graph->start[graph->n] * sizeof(int));
    for (int k = 0; k < LISTS; k++) f->head[k] = -1;
    f->lowest = MANY;
    for (int i = 0; i < f->n; i++) {
        f->list[i] = f->first + graph->start[i];
        f->length[i] = f->room[i] = graph->start[i + 1] - graph->start[i];
        f->gone[i] = cut[i];
    }
    for (int i = 0; i < f->n; i++) {
        compact(f, i);
        f->alive[i] = f->length[i];
    }
    for (int i = f->n - 1; i >= 0; i--)
        if (!cut[i]) link_site(f, i, lack_of(f, i));
}

sg_status sg_site_order_fill(const sg_site_graph *graph, const bool *cut, int *order, bool *found) {
    filling f = {.n = graph->n, .taken = 1};
    const int most = sg_site_order_most(graph->q) - 1;
    int count = 0, left = 0;
    *found = false;
    sg_status status = take_room(graph, &f);
    if (status != SG_OK) goto out;
    start_lists(graph, cut, &f);
    for (int i = 0; i < f.n; i++) left += !cut[i];
    while (count < left) {
        while (f.head[f.lowest] < 0) f.lowest++;
        const int site = f.head[f.lowest];
        if (f.lowest == MANY || f.alive[site] > most) goto out;
        order[count++] = site;
        if ((status = take_out(&f, site))) goto out;
    }
    *found = true;
out:
    release(&f);
    return status;
}
