#include "dictionary/block-loss.h"

#include <math.h>
#include <string.h>

#include "dictionary/block-counts.h"
#include "dictionary/block-law.h"
#include "dictionary/flip-loss.h"
#include "dictionary/gram.h"
#include "dictionary/masks.h"
#include "dictionary/site-view.h"

enum { B = SG_BLOCK };

typedef struct {
    sg_block_law law;
    sg_site_view *view;
    sg_datum *datum;
    double rate;   /* of the block at hand */
    double *total; /* [m][B] psi of all blocks, where noise is wanted without psi */
} work;

size_t sg_block_loss_bytes(const sg_site_view *view) {
    return sg_block_law_bytes(view) + sg_block_counts_bytes(view) + (size_t)view->m * B * sizeof(double);
}

static void open_work(sg_site_view *view, sg_datum *datum, work *w) {
    const size_t rows = (size_t)view->m;
    w->view = view;
    w->datum = datum;
    w->rate = 1;
    w->total = sg_arena_take(view->arena, rows * B, sizeof(double));
    sg_block_law_open(view, &w->law);
    if (datum->want & SG_NOISE) memset(w->total, 0, rows * B * sizeof(double));
    if (datum->want & SG_VALUE) memset(datum->value, 0, B * sizeof(double));
    if (datum->want & SG_PSI) memset(datum->psi, 0, rows * B * sizeof(double));
}

static void close_work(work *w, size_t mark, const sg_local *local) {
    if (w->datum->want & SG_SCORE) sg_site_view_score(w->view, local, w->datum->score);
    sg_arena_rewind(w->view->arena, mark);
}

static void gather_range(work *w, int first, int n) {
    for (int i = 0; i < n; i++) w->law.index[i] = first + i;
    sg_block_law_gather(&w->law, n);
}

static void set_mask(work *w, uint32_t mask) {
    int site[SG_BLOCK_LAW_SITES], k = 0;
    for (; mask && k < SG_BLOCK_LAW_SITES; mask &= mask - 1) site[k++] = __builtin_ctz(mask);
    sg_block_law_sites(&w->law, k, site);
}

/* ------------------------------------------------------------------- one block */

static void add_gram(const work *w, double *sum) {
    const size_t m = (size_t)w->datum->m;
    for (int k = 0; k < w->law.t; k++)
        for (int j = k; j < w->law.t; j++) {
            const int a = w->law.free[j], b = w->law.free[k];
            sum[(size_t)(a > b ? a : b) + (size_t)(a > b ? b : a) * m] += w->law.gram[j + k * w->law.t];
        }
}

static void add_psi(const work *w, double *psi) {
    const sg_block_law *law = &w->law;
    for (int j = 0; j < law->t; j++) {
        const double *mean = law->mean + (size_t)j * B;
        double *out = psi + (size_t)law->free[j] * B;
        for (int i = 0; i < law->points.n; i++) out[law->index[i]] += w->rate * mean[i];
    }
}

/* The points that were gathered, at the block of sites that was set; `noise`: it is one of those that are drawn. */
static void one_block(work *w, bool noise) {
    sg_block_law *law = &w->law;
    const int n = law->points.n, want = law->t ? w->datum->want : w->datum->want & SG_VALUE;
    const double *weight = w->view->block->weight;
    const bool spreads = want & (SG_CURVATURE | SG_DIRICHLET);
    noise = noise && law->t;
    for (int i = 0; i < n; i++) law->weight[i] = w->rate * (weight ? weight[law->index[i]] : 1);
    sg_block_law_find(law, want & SG_PSI || noise || spreads);
    for (int i = 0; want & SG_VALUE && i < n; i++) w->datum->value[law->index[i]] += w->rate * law->value[i];
    if (want & SG_PSI) add_psi(w, w->datum->psi);
    if (noise && !(want & SG_PSI)) add_psi(w, w->total);
    if (noise) sg_gram_add(n, law->weight, law->t, law->mean, law->free, w->datum->m, w->datum->noise_sum);
    if (spreads) sg_block_law_spread(law);
    if (want & SG_CURVATURE) add_gram(w, w->datum->curvature_sum);
    if (want & SG_DIRICHLET) add_gram(w, w->datum->dirichlet_sum);
    if (law->points.n != n)
        sg_block_law_gather(law, n);
    else if (law->from_zero)
        sg_block_law_restore(law);
}

/* Noise is what the blocks spread about their mean: sums of squares so far. */
static void take_mean_off(work *w) {
    const sg_block *block = w->view->block;
    const double *psi = w->datum->want & SG_PSI ? w->datum->psi : w->total;
    for (int i = 0; i < block->n; i++) w->law.weight[i] = block->weight ? -block->weight[i] : -1;
    sg_gram_add(block->n, w->law.weight, w->datum->m, psi, NULL, w->datum->m, w->datum->noise_sum);
}

/* ------------------------------------------------------------------ all blocks */

sg_status sg_block_loss_fits(const char *loss, const sg_model *model, int sites) {
    const double states = pow(model->space.q, sites);
    if (model->space.d > SG_BLOCK_SITES)
        return sg_fail(SG_MISFIT, "%s takes models of at most %d sites, and %s has %d: take pseudolikelihood", loss,
                       (int)SG_BLOCK_SITES, model->text, model->space.d);
    if (states <= SG_BLOCK_STATES) return SG_OK;
    return sg_fail(SG_MISFIT,
                   "%s enumerates the %.4g states of a block of %d sites of %s, at most %d: take smaller blocks", loss,
                   states, sites, model->text, (int)SG_BLOCK_STATES);
}

static int states_of(int q, int k) {
    int states = 1;
    for (int l = 0; l < k; l++) states *= q;
    return states;
}

void sg_block_loss(const sg_site_lists *blocks, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const size_t mark = sg_arena_mark(view->arena);
    const bool noise = datum->want & SG_NOISE;
    const int together = sg_block_law_points(states_of(view->q, sg_masks_largest(blocks)));
    work w;
    open_work(view, datum, &w);
    for (int first = 0; first < view->block->n; first += together) {
        const int left = view->block->n - first;
        gather_range(&w, first, left < together ? left : together);
        for (int b = 0; b < blocks->count; b++) {
            w.rate = blocks->rate[b];
            sg_block_law_sites(&w.law, blocks->start[b + 1] - blocks->start[b], blocks->site + blocks->start[b]);
            one_block(&w, noise);
        }
    }
    if (noise) take_mean_off(&w);
    close_work(&w, mark, local);
}

void sg_block_loss_single(int site, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const size_t mark = sg_arena_mark(view->arena);
    const int first = site == SG_ALL_SITES ? 0 : site, end = site == SG_ALL_SITES ? view->d : site + 1;
    work w;
    open_work(view, datum, &w);
    gather_range(&w, 0, view->block->n);
    for (int i = first; i < end; i++) {
        sg_block_law_sites(&w.law, 1, &i);
        if (w.law.t || datum->want & SG_VALUE) one_block(&w, false);
    }
    close_work(&w, mark, local);
}

/* Points of the same tag together; a point without masked sites has nothing to predict. */
void sg_block_loss_tagged(const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const size_t mark = sg_arena_mark(view->arena);
    const int n = view->block->n;
    const uint32_t *tag = view->block->tag;
    bool done[B] = {false};
    work w;
    open_work(view, datum, &w);
    for (int i = 0; i < n; i++) {
        int count = 0;
        if (done[i] || !tag[i]) continue;
        set_mask(&w, tag[i]);
        for (int j = i; j < n && count < w.law.stride; j++) {
            if (done[j] || tag[j] != tag[i]) continue;
            done[j] = true;
            w.law.index[count++] = j;
        }
        sg_block_law_gather(&w.law, count);
        one_block(&w, false);
    }
    close_work(&w, mark, local);
}
