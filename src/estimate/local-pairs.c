/* Cov psi from the laws of the sites that two terms see. */
#include <math.h>
#include <string.h>

#include "estimate/local-moments.h"

static const double ENTRIES_MOST = 0x1p22, NUMBERS_MOST = 0x1p26;

typedef struct {
    sg_local_moments *moments;
    int *seen;         /* [terms] the term that has looked at it last */
    int *site, sites;  /* [d] of the union */
    double *mine;      /* [widest][largest] psi of the first term */
    double *p, *x, *y; /* [room], [room], [widest][room] */
    size_t room;
} pairing;

static void add_site(pairing *w, int site) {
    for (int k = 0; k < w->sites; k++)
        if (w->site[k] == site) return;
    w->site[w->sites++] = site;
}

static void unite(pairing *w, const sg_local_term *a, const sg_local_term *b) {
    w->sites = 0;
    for (int k = 0; k < a->sites; k++) w->site[w->sites++] = a->site[k];
    for (int k = 0; k < b->sites; k++) add_site(w, b->site[k]);
}

static bool sees(const sg_local_term *term, const sg_local_term *other) {
    for (int k = 0; k < other->block; k++)
        for (int a = 0; a < term->sites; a++)
            if (term->site[a] == other->site[k]) return true;
    return false;
}

/* The next term from place *a, *k on that is not before term t and pairs with it; -1: none is left. */
static int next_partner(pairing *w, int t, int *a, int *k) {
    const sg_local_terms *terms = w->moments->terms;
    const sg_local_term *term = &terms->term[t];
    for (; *a < term->sites; ++*a, *k = 0) {
        const int first = terms->first[term->site[*a]], count = terms->first[term->site[*a] + 1] - first;
        while (*k < count) {
            const int other = terms->owner[first + (*k)++];
            if (other < t || w->seen[other] == t + 1) continue;
            w->seen[other] = t + 1;
            if (sees(&terms->term[other], term)) return other;
        }
    }
    return -1;
}

/* From the states of the union to those of a term. */
static void map_of(const pairing *w, const sg_local_term *term, sg_table_map *map) {
    const int q = w->moments->terms->own->q;
    size_t stride[SG_MAP_DIGITS] = {0}, power = 1;
    for (int k = 0; k < term->sites; k++, power *= (size_t)q)
        for (int a = 0; a < w->sites; a++)
            if (w->site[a] == term->site[k]) stride[a] = power;
    sg_table_map_strides(q, w->sites, stride, map);
}

static double dot(size_t n, const double *restrict x, const double *restrict y) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static void add_products(pairing *w, const sg_local_term *a, const sg_local_term *b, size_t entries) {
    sg_local_moments *moments = w->moments;
    const size_t m = (size_t)moments->m;
    sg_table_map of_a, of_b;
    map_of(w, a, &of_a);
    map_of(w, b, &of_b);
    memset(w->y, 0, (size_t)b->count * entries * sizeof(double));
    for (int k = 0; k < b->count; k++)
        sg_table_spread(&of_b, moments->turned + (size_t)k * b->entries, w->y + (size_t)k * entries);
    for (int j = 0; j < a->count; j++) {
        memset(w->x, 0, entries * sizeof(double));
        sg_table_spread(&of_a, w->mine + (size_t)j * a->entries, w->x);
        for (size_t i = 0; i < entries; i++) w->x[i] *= w->p[i];
        for (int k = 0; k < b->count; k++) {
            const double mean = dot(entries, w->x, w->y + (size_t)k * entries);
            moments->cov_psi[(size_t)a->free[j] + (size_t)b->free[k] * m] += mean;
            if (a != b) moments->cov_psi[(size_t)b->free[k] + (size_t)a->free[j] * m] += mean;
        }
    }
}

static sg_status refuse(const pairing *w) {
    return sg_fail(
        SG_REFUSED,
        "two terms of %s see %d sites of %d states each: together they may have 2^22 states; take a graph of "
        "fewer neighbours or smaller blocks",
        w->moments->terms->loss->text, w->sites, w->moments->terms->own->q);
}

static sg_status make_room(pairing *w, size_t entries) {
    if (entries <= w->room) return SG_OK;
    double **array[] = {&w->p, &w->x, &w->y};
    w->room = 0;
    for (int k = 0; k < 3; k++) {
        sg_delete(*array[k]);
        *array[k] = NULL;
    }
    for (int k = 0; k < 3; k++) {
        sg_status status = sg_new(array[k], entries * (k == 2 ? (size_t)w->moments->terms->widest : 1), sizeof(double));
        if (status != SG_OK) return status;
    }
    w->room = entries;
    return SG_OK;
}

static bool fits(const pairing *w) {
    const double entries = pow(w->moments->terms->own->q, w->sites);
    return entries <= ENTRIES_MOST && entries * w->moments->terms->widest <= NUMBERS_MOST;
}

static sg_status add_pair(pairing *w, int t, int s) {
    sg_local_moments *moments = w->moments;
    const sg_local_term *a = &moments->terms->term[t], *b = &moments->terms->term[s];
    unite(w, a, b);
    if (!fits(w)) return refuse(w);
    const size_t entries = sg_elimination_power(moments->terms->own->q, w->sites);
    sg_status status = make_room(w, entries);
    if (status == SG_OK) status = sg_elimination_sites_at(moments->sites, w->sites, w->site, w->p);
    if (status != SG_OK) return status;
    sg_local_moments_look(moments, b);
    add_products(w, a, b, entries);
    return SG_OK;
}

static sg_status open_pairing(sg_local_moments *moments, pairing *w) {
    const sg_local_terms *terms = moments->terms;
    *w = (pairing){.moments = moments};
    sg_status status = sg_new(&w->seen, (size_t)terms->count + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&w->site, 2 * (size_t)terms->own->d, sizeof(int));
    if (status == SG_OK) status = sg_new(&w->mine, (size_t)terms->widest * (terms->largest + 1), sizeof(double));
    return status;
}

static void close_pairing(pairing *w) {
    sg_delete(w->seen);
    sg_delete(w->site);
    sg_delete(w->mine);
    sg_delete(w->p);
    sg_delete(w->x);
    sg_delete(w->y);
}

sg_status sg_local_moments_pairs(sg_local_moments *moments) {
    pairing w;
    sg_status status = open_pairing(moments, &w);
    for (int t = 0; t < moments->terms->count && status == SG_OK; t++) {
        const sg_local_term *term = &moments->terms->term[t];
        sg_local_moments_look(moments, term);
        memcpy(w.mine, moments->turned, (size_t)term->count * term->entries * sizeof(double));
        for (int a = 0, k = 0, other; status == SG_OK && (other = next_partner(&w, t, &a, &k)) >= 0;)
            status = add_pair(&w, t, other);
    }
    close_pairing(&w);
    return status;
}

double sg_local_moments_work(sg_local_moments *moments) {
    const sg_local_terms *terms = moments->terms;
    double work = 0;
    pairing w;
    sg_status status = open_pairing(moments, &w);
    for (int t = 0; t < terms->count && status == SG_OK && isfinite(work); t++)
        for (int a = 0, k = 0, other; isfinite(work) && (other = next_partner(&w, t, &a, &k)) >= 0;) {
            unite(&w, &terms->term[t], &terms->term[other]);
            work += fits(&w) ? sg_elimination_sites_work(moments->sites, w.sites, w.site) : INFINITY;
        }
    close_pairing(&w);
    return status == SG_OK ? work : INFINITY;
}
