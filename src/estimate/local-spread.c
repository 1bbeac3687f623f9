/* How much the Hessian of one datum's loss varies, from draws. */
#include <math.h>
#include <string.h>

#include "estimate/local-sums.h"

enum { B = SG_BLOCK, BLOCKS = 16, STREAM = 71 };
static const double STATES_MOST = 0x1p28; /* of all sites of all draws */

typedef struct {
    sg_local_moments *moments;
    int blocks, draws;
    uint8_t *state; /* [d][draws] */
    double *sum;    /* [bends][draws] v'Av */
    double *table;  /* [widest or bends][largest] */
    int *which;
    uint32_t *index; /* [draws] */
} spreading;

static sg_status take(sg_local_moments *moments, spreading *s) {
    const sg_local_terms *terms = moments->terms;
    const size_t rows = (size_t)(moments->m <= 2 ? moments->bends : terms->widest);
    const int blocks = (int)fmax(1, fmin(BLOCKS, STATES_MOST / B / terms->own->d));
    const size_t draws = (size_t)blocks * B;
    *s = (spreading){.moments = moments, .blocks = blocks, .draws = blocks * B};
    sg_status status = sg_new(&s->state, (size_t)terms->own->d * draws, 1);
    if (status == SG_OK) status = sg_new(&s->sum, (size_t)moments->bends * draws, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->table, rows * (terms->largest + 1), sizeof(double));
    if (status == SG_OK) status = sg_new(&s->which, rows + 1, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->index, draws, sizeof *s->index);
    return status;
}

static void release(spreading *s) {
    sg_delete(s->state);
    sg_delete(s->sum);
    sg_delete(s->table);
    sg_delete(s->which);
    sg_delete(s->index);
}

static sg_status draw_states(spreading *s) {
    const int d = s->moments->terms->own->d, q = s->moments->terms->own->q;
    double *x = NULL;
    sg_stream stream;
    sg_status status = sg_new(&x, (size_t)d * B, sizeof(double));
    if (status != SG_OK) return status;
    sg_stream_open(&stream, STREAM, SG_PURPOSE_DATA, 0);
    for (int b = 0; b < s->blocks; b++) {
        sg_block block = {.n = B, .d = d, .draws = 1, .x = x};
        sg_stream_seek(&stream, (uint32_t)b);
        sg_elimination_law_draw(s->moments->law, &stream, &block);
        for (int i = 0; i < d; i++)
            for (int k = 0; k < B; k++)
                s->state[(size_t)i * (size_t)s->draws + (size_t)(b * B + k)] =
                    q == 2 ? x[(size_t)i * B + (size_t)k] > 0 : (uint8_t)x[(size_t)i * B + (size_t)k];
    }
    sg_delete(x);
    return SG_OK;
}

/* Where draws [from, from + n) are in the tables of a term. */
static void find_entries(spreading *s, const sg_local_term *term, int from, int n) {
    const uint32_t q = (uint32_t)s->moments->terms->own->q;
    uint32_t *restrict index = s->index, power = 1;
    for (int k = 0; k < n; k++) index[k] = 0;
    for (int a = 0; a < term->sites; a++, power *= q) {
        const uint8_t *restrict state = s->state + (size_t)term->site[a] * (size_t)s->draws + (size_t)from;
        for (int k = 0; k < n; k++) index[k] += power * state[k];
    }
}

/* `weight` times the bends of a term at these draws. */
static void add_term(spreading *s, const sg_local_term *term, double weight, int from, int n) {
    sg_local_moments_look(s->moments, term);
    const int bends = sg_local_moments_bends(s->moments, term, s->which, s->table);
    find_entries(s, term, from, n);
    for (int j = 0; j < bends; j++) {
        const double *table = s->table + (size_t)j * term->entries;
        double *sum = s->sum + (size_t)s->which[j] * (size_t)s->draws + (size_t)from;
        for (int k = 0; k < n; k++) sum[k] += weight * table[s->index[k]];
    }
}

/* ------------------------------------------------------------------ masks that are drawn */

/* The term that a part of the block is: the largest with this site that has all its sites marked; NULL: none. */
static const sg_local_term *part_of(const sg_local_terms *t, int site, const int *mark) {
    const sg_local_term *term = NULL;
    for (int a = t->first[site]; a < t->first[site + 1]; a++) {
        const sg_local_term *other = &t->term[t->owner[a]];
        bool inside = true;
        for (int k = 0; k < other->block; k++) inside &= mark[other->site[k]] != 0;
        if (inside && (!term || other->block > term->block)) term = other;
    }
    return term;
}

static void add_masked(spreading *s, const int *site, int sites, int draw, int *mark) {
    for (int k = 0; k < sites; k++) mark[site[k]] = 1;
    for (int k = 0; k < sites; k++) {
        const sg_local_term *term = mark[site[k]] ? part_of(s->moments->terms, site[k], mark) : NULL;
        mark[site[k]] = 0;
        for (int i = 0; term && i < term->block; i++) mark[term->site[i]] = 0;
        if (term) add_term(s, term, 1 / term->rate, draw, 1);
    }
}

static int choose(const sg_site_lists *masks, double u) {
    int b = 0;
    while (b < masks->count && u >= masks->rate[b]) u -= masks->rate[b++];
    return b;
}

static sg_status add_masks(spreading *s) {
    const sg_site_lists *masks = &s->moments->terms->masks;
    double *u = NULL;
    int *mark = NULL;
    sg_stream stream;
    sg_status status = sg_new(&u, (size_t)s->draws, sizeof(double));
    if (status == SG_OK) status = sg_new(&mark, (size_t)s->moments->terms->own->d, sizeof(int));
    if (status == SG_OK) {
        sg_stream_open(&stream, STREAM, SG_PURPOSE_LOSS, 0);
        sg_stream_uniform(&stream, (size_t)s->draws, u);
    }
    for (int k = 0; k < s->draws && status == SG_OK; k++) {
        const int b = choose(masks, u[k]);
        if (b == masks->count) continue;
        add_masked(s, masks->site + masks->start[b], masks->start[b + 1] - masks->start[b], k, mark);
    }
    sg_delete(u);
    sg_delete(mark);
    return status;
}

/* -------------------------------------------------------------------------------- moments */

static void covariances(const spreading *s, double *covariance) {
    const int n = s->moments->bends;
    for (int j = 0; j < n; j++) {
        double mean = 0, *row = s->sum + (size_t)j * (size_t)s->draws;
        for (int k = 0; k < s->draws; k++) mean += row[k] / s->draws;
        for (int k = 0; k < s->draws; k++) row[k] -= mean;
    }
    for (int j = 0; j < n; j++)
        for (int i = 0; i <= j; i++) {
            const double *a = s->sum + (size_t)i * (size_t)s->draws, *b = s->sum + (size_t)j * (size_t)s->draws;
            double sum = 0;
            for (int k = 0; k < s->draws; k++) sum += a[k] * b[k];
            covariance[i + (size_t)j * (size_t)n] = covariance[j + (size_t)i * (size_t)n] = sum / (s->draws - 1);
        }
}

sg_status sg_local_spread(sg_local_moments *moments, double *covariance) {
    spreading s;
    sg_status status = take(moments, &s);
    if (status == SG_OK) status = draw_states(&s);
    if (status == SG_OK && moments->terms->masks.count) status = add_masks(&s);
    for (int t = 0; t < moments->terms->count && status == SG_OK && !moments->terms->masks.count; t++)
        add_term(&s, &moments->terms->term[t], 1, 0, s.draws);
    if (status == SG_OK) covariances(&s, covariance);
    release(&s);
    return status;
}
