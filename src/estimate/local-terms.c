#include "estimate/local-terms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_MOST = 1024 };
static const double ENTRIES_MOST = 0x1p20, LISTS_MOST = 0x1p28;

void sg_local_terms_delete(sg_local_terms *t) {
    if (!t) return;
    sg_factors_delete(t->own);
    if (t->prepared) sg_loss_release(t->loss, t->prepared);
    sg_delete(t->term);
    sg_delete(t->start);
    sg_delete(t->meets);
    sg_delete(t->first);
    sg_delete(t->owner);
    sg_delete(t->lists);
    sg_site_lists_free(&t->masks);
    sg_delete(t);
}

/* --------------------------------------------------- log p and the free statistics */

static sg_status keep_free(const sg_model *model, const sg_factors *all, int *free_of, int *sum, sg_factors **own) {
    size_t ints = 0, doubles = 0;
    for (int f = 0; f < all->count; f++) {
        size_t entries = 1;
        for (int k = 0; k < all->factor[f].sites; k++) entries *= (size_t)all->q;
        ints += (size_t)(all->factor[f].sites + all->factor[f].sums);
        doubles += entries * (1 + (size_t)all->factor[f].sums);
    }
    sg_status status = sg_factors_new(all->d, all->q, model->m, all->count, ints, doubles, own);
    for (int f = 0; f < all->count && status == SG_OK; f++) {
        const sg_factor *from = &all->factor[f];
        sg_factor *to;
        size_t entries = 1;
        int sums = 0;
        for (int k = 0; k < from->sites; k++) entries *= (size_t)all->q;
        for (int s = 0; s < from->sums; s++)
            if (free_of[from->sum[s]] >= 0) sum[sums++] = free_of[from->sum[s]];
        status = sg_factors_add(*own, from->sites, from->site, sums, sum, &to);
        if (status != SG_OK) break;
        memcpy(to->log_p, from->log_p, entries * sizeof(double));
        for (int s = 0, at = 0; s < from->sums; s++)
            if (free_of[from->sum[s]] >= 0)
                memcpy(to->value + (size_t)at++ * entries, from->value + (size_t)s * entries, entries * sizeof(double));
    }
    return status;
}

static sg_status take_own(sg_local_terms *t) {
    const sg_model *model = t->model;
    sg_factors *all = NULL;
    int *free_of = NULL;
    sg_status status = sg_model_factors(model, model->truth, &all);
    if (status == SG_OK) status = sg_new(&free_of, 2 * (size_t)model->full + 1, sizeof(int));
    for (int a = 0; a < model->full && status == SG_OK; a++) free_of[a] = -1;
    for (int j = 0; j < model->m && status == SG_OK; j++) free_of[model->free[j]] = j;
    if (status == SG_OK) status = keep_free(model, all, free_of, free_of + model->full, &t->own);
    sg_delete(free_of);
    sg_factors_delete(all);
    return status;
}

static sg_status list_factors(sg_local_terms *t) {
    const sg_factors *own = t->own;
    size_t all = 0;
    for (int f = 0; f < own->count; f++) all += (size_t)own->factor[f].sites;
    sg_status status = sg_new(&t->start, (size_t)own->d + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&t->meets, all + 1, sizeof(int));
    if (status != SG_OK) return status;
    for (int f = 0; f < own->count; f++)
        for (int k = 0; k < own->factor[f].sites; k++) t->start[own->factor[f].site[k] + 2]++;
    for (int i = 0; i < own->d; i++) t->start[i + 2] += t->start[i + 1];
    for (int f = 0; f < own->count; f++)
        for (int k = 0; k < own->factor[f].sites; k++) t->meets[t->start[own->factor[f].site[k] + 1]++] = f;
    return SG_OK;
}

/* ------------------------------------------------------------------------- pieces */

/* Connected parts of the blocks, and where their sites stand in a list. */
typedef struct {
    int first, sites;
    double rate;
} piece;

typedef struct {
    sg_local_terms *t;
    int pieces, room, used, site_room;
    piece *piece;
    int *site;
    int *mark, stamp; /* [d] of the block at hand, -stamp: already in a piece */
} splitting;

static sg_status grow(void *list, size_t size, int used, int *room) {
    char *longer = NULL, *old;
    if (used < *room) return SG_OK;
    if (2.0 * *room * (double)size > LISTS_MOST)
        return sg_fail(SG_REFUSED, "the blocks of sites are too many for their terms to be listed: take fewer");
    const int wanted = 2 * *room + 64;
    sg_status status = sg_new(&longer, (size_t)wanted, size);
    if (status != SG_OK) return status;
    memcpy(&old, list, sizeof old);
    if (*room) memcpy(longer, old, (size_t)*room * size);
    sg_delete(old);
    memcpy(list, &longer, sizeof longer);
    *room = wanted;
    return SG_OK;
}

static sg_status push(splitting *s, int site) {
    sg_status status = grow(&s->site, sizeof(int), s->used, &s->site_room);
    if (status != SG_OK) return status;
    s->site[s->used++] = site;
    s->mark[site] = -s->stamp;
    return SG_OK;
}

static int ascending(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* From one site to those of the block that factors join to it. */
static sg_status add_piece(splitting *s, int site, double rate) {
    const sg_local_terms *t = s->t;
    sg_status status = grow(&s->piece, sizeof(piece), s->pieces, &s->room);
    const int first = s->used;
    if (status == SG_OK) status = push(s, site);
    for (int done = first; done < s->used && status == SG_OK; done++)
        for (int a = t->start[s->site[done]]; a < t->start[s->site[done] + 1] && status == SG_OK; a++) {
            const sg_factor *factor = &t->own->factor[t->meets[a]];
            for (int k = 0; k < factor->sites && status == SG_OK; k++)
                if (s->mark[factor->site[k]] == s->stamp) status = push(s, factor->site[k]);
        }
    if (status != SG_OK) return status;
    qsort(s->site + first, (size_t)(s->used - first), sizeof(int), ascending);
    s->piece[s->pieces++] = (piece){.first = first, .sites = s->used - first, .rate = rate};
    return SG_OK;
}

static sg_status split(splitting *s, int sites, const int *site, double rate) {
    sg_status status = SG_OK;
    s->stamp++;
    for (int k = 0; k < sites; k++) s->mark[site[k]] = s->stamp;
    for (int k = 0; k < sites && status == SG_OK; k++)
        if (s->mark[site[k]] == s->stamp) status = add_piece(s, site[k], rate);
    return status;
}

static int compare_sites(int n, const int *a, int m, const int *b) {
    for (int k = 0; k < n && k < m; k++)
        if (a[k] != b[k]) return a[k] < b[k] ? -1 : 1;
    return n - m;
}

static int by_sites(const void *a, const void *b, void *context) {
    const int *site = ((const splitting *)context)->site;
    const piece *x = a, *y = b;
    return compare_sites(x->sites, site + x->first, y->sites, site + y->first);
}

static void merge(splitting *s) {
    int kept = 0;
    qsort_r(s->piece, (size_t)s->pieces, sizeof(piece), by_sites, s);
    for (int k = 0; k < s->pieces; k++) {
        if (kept && by_sites(&s->piece[kept - 1], &s->piece[k], s) == 0)
            s->piece[kept - 1].rate += s->piece[k].rate;
        else
            s->piece[kept++] = s->piece[k];
    }
    s->pieces = kept;
}

/* Single sites, or the blocks of the row. */
static sg_status list_pieces(splitting *s) {
    sg_local_terms *t = s->t;
    const sg_row *row = t->loss->row;
    const bool single = row->heat_bath || !row->lists;
    const int only = row->site ? row->site(t->loss->options) : -1;
    sg_site_lists lists = {0};
    sg_status status = sg_new(&s->mark, (size_t)t->own->d, sizeof(int));
    if (status == SG_OK && !single) status = row->lists(t->loss->options, t->model, &lists);
    for (int i = 0; i < t->own->d && status == SG_OK && single; i++)
        if (only < 0 || i == only) status = split(s, 1, &i, 1);
    for (int b = 0; b < lists.count && status == SG_OK; b++)
        status = split(s, lists.start[b + 1] - lists.start[b], lists.site + lists.start[b], lists.rate[b]);
    if (status == SG_OK) merge(s);
    if (row->tag && status == SG_OK) {
        t->masks = lists;
        lists = (sg_site_lists){0};
    }
    sg_site_lists_free(&lists);
    return status;
}

/* -------------------------------------------------------------------------- terms */

/* The sites and parameters of a piece, counted or written; those seen are marked with a number of their own. */
typedef struct {
    int *place, *slot, mark; /* [d], [m] */
    int sites, count;
    int *site, *free; /* NULL: only counted */
} looking;

static void see_site(looking *l, int site) {
    if (l->place[site] == l->mark) return;
    l->place[site] = l->mark;
    if (l->site) l->site[l->sites] = site;
    l->sites++;
}

static void see_parameter(looking *l, int parameter) {
    if (l->slot[parameter] == l->mark) return;
    l->slot[parameter] = l->mark;
    if (l->free) l->free[l->count] = parameter;
    l->count++;
}

static void look(const splitting *s, const piece *p, int *site, int *free, looking *l) {
    const sg_local_terms *t = s->t;
    const int *block = s->site + p->first;
    l->mark++;
    l->sites = l->count = 0;
    l->site = site;
    l->free = free;
    for (int k = 0; k < p->sites; k++) see_site(l, block[k]);
    for (int k = 0; k < p->sites; k++)
        for (int a = t->start[block[k]]; a < t->start[block[k] + 1]; a++) {
            const sg_factor *factor = &t->own->factor[t->meets[a]];
            for (int i = 0; i < factor->sites; i++) see_site(l, factor->site[i]);
            for (int i = 0; i < factor->sums; i++) see_parameter(l, factor->sum[i]);
        }
    if (free) qsort(free, (size_t)l->count, sizeof(int), ascending);
}

static sg_status check_term(const sg_local_terms *t, int site, const piece *p, const looking *l) {
    if (pow(t->own->q, l->sites) <= ENTRIES_MOST) return SG_OK;
    return sg_fail(SG_REFUSED,
                   "the block of %d sites of %s at site %d sees %d sites of %d states each: local tables have at most "
                   "2^20 entries; take a graph of fewer neighbours",
                   p->sites, t->model->text, site, l->sites, t->own->q);
}

static sg_status count_terms(splitting *s, looking *l, size_t *ints) {
    const sg_local_terms *t = s->t;
    *ints = 0;
    for (int k = 0; k < s->pieces; k++) {
        look(s, &s->piece[k], NULL, NULL, l);
        sg_status status = check_term(t, s->site[s->piece[k].first], &s->piece[k], l);
        if (status != SG_OK) return status;
        *ints += (size_t)(l->sites + l->count);
    }
    return SG_OK;
}

static void write_terms(splitting *s, looking *l) {
    sg_local_terms *t = s->t;
    int *next = t->lists;
    for (int k = 0; k < s->pieces; k++) {
        const piece *p = &s->piece[k];
        sg_local_term *term = &t->term[t->count];
        look(s, p, NULL, NULL, l);
        if (!l->count) continue;
        look(s, p, next, next + l->sites, l);
        *term = (sg_local_term){.sites = l->sites, .block = p->sites, .count = l->count, .site = next, .rate = p->rate};
        term->free = next + l->sites;
        term->entries = (size_t)pow(t->own->q, l->sites);
        next += l->sites + l->count;
        t->widest = l->count > t->widest ? l->count : t->widest;
        t->largest = term->entries > t->largest ? term->entries : t->largest;
        t->count++;
    }
}

/* Which terms move each site. */
static sg_status list_owners(sg_local_terms *t) {
    size_t all = 0;
    for (int k = 0; k < t->count; k++) all += (size_t)t->term[k].block;
    sg_status status = sg_new(&t->first, (size_t)t->own->d + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&t->owner, all + 1, sizeof(int));
    if (status != SG_OK) return status;
    for (int k = 0; k < t->count; k++)
        for (int a = 0; a < t->term[k].block; a++) t->first[t->term[k].site[a] + 2]++;
    for (int i = 0; i < t->own->d; i++) t->first[i + 2] += t->first[i + 1];
    for (int k = 0; k < t->count; k++)
        for (int a = 0; a < t->term[k].block; a++) t->owner[t->first[t->term[k].site[a] + 1]++] = k;
    return SG_OK;
}

static sg_status take_terms(splitting *s) {
    sg_local_terms *t = s->t;
    looking l = {0};
    size_t ints = 0;
    sg_status status = sg_new(&l.place, (size_t)t->own->d, sizeof(int));
    if (status == SG_OK) status = sg_new(&l.slot, (size_t)t->model->m, sizeof(int));
    if (status == SG_OK) status = count_terms(s, &l, &ints);
    if (status == SG_OK) status = sg_new(&t->term, (size_t)s->pieces + 1, sizeof *t->term);
    if (status == SG_OK) status = sg_new(&t->lists, ints + 1, sizeof(int));
    if (status == SG_OK) write_terms(s, &l);
    if (status == SG_OK) status = list_owners(t);
    sg_delete(l.place);
    sg_delete(l.slot);
    return status;
}

/* ------------------------------------------------------------------------- set-up */

static sg_status check(const sg_model *model, const sg_loss *loss) {
    if (model->m <= PARAMETERS_MOST) return SG_OK;
    return sg_fail(SG_REFUSED,
                   "%s on %s: %d free parameters are more than the %d that are taken here, as with free=tied",
                   loss->text, model->text, model->m, (int)PARAMETERS_MOST);
}

static sg_status fill(sg_local_terms *t) {
    const sg_row *row = t->loss->row;
    splitting s = {.t = t};
    sg_status status = check(t->model, t->loss);
    if (status == SG_OK) status = take_own(t);
    if (status != SG_OK || row->kind == SG_RESAMPLE) return status;
    t->averaged = row->averaged && row->averaged(t->loss->options);
    t->flips = !row->heat_bath && !row->lists;
    status = sg_loss_prepare(t->loss, t->model, NULL, &t->prepared);
    if (status == SG_OK) status = list_factors(t);
    if (status == SG_OK) status = list_pieces(&s);
    if (status == SG_OK) status = take_terms(&s);
    sg_delete(s.piece);
    sg_delete(s.site);
    sg_delete(s.mark);
    return status;
}

sg_status sg_local_terms_new(const sg_model *model, const sg_loss *loss, sg_local_terms **terms) {
    sg_local_terms *made = NULL;
    *terms = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    made->loss = loss;
    status = fill(made);
    if (status != SG_OK) {
        sg_local_terms_delete(made);
        return status;
    }
    *terms = made;
    return SG_OK;
}
