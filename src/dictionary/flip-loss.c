#include "dictionary/flip-loss.h"

#include <math.h>
#include <string.h>

#include "dictionary/gram.h"
#include "dictionary/site-view.h"

enum { B = SG_BLOCK };

/* What a datum gathers from moves of one kind after the other. */
typedef struct {
    const sg_row *row;
    const sg_prepared *prepared;
    sg_site_view *view;
    sg_datum *datum;
    int n;
    bool moments; /* psi or a sum is wanted: differences are needed */
    _Alignas(SG_ALIGN) double value[B], slope[B], bend[B], rate[B], coefficient[B];
} gathering;

static void add_product(int n, const double *restrict a, const double *restrict b, double *restrict out) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] += a[i] * b[i];
}

static void multiply(int n, const double *restrict a, double *restrict out) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] *= a[i];
}

/* scale f, times the weights of the block. */
static const double *weighted(gathering *g, double scale, const double *f) {
    const double *weight = g->view->block->weight;
#pragma omp simd
    for (int i = 0; i < g->n; i++) g->coefficient[i] = scale * f[i];
    if (weight) multiply(g->n, weight, g->coefficient);
    return g->coefficient;
}

/* One kind of move: its log-ratios, how many such moves a point has (NULL: one), differences of the listed parameters.
 */
static void add_move(gathering *g, const double *u, const double *times, int t, const int *list,
                     const double *difference) {
    sg_datum *out = g->datum;
    const int n = g->n, want = out->want;
    if (!g->moments) t = 0;
    g->row->rho(n, u, want & SG_VALUE ? g->value : NULL, t && want & SG_PSI ? g->slope : NULL,
                t && want & SG_CURVATURE ? g->bend : NULL);
    if (want & SG_VALUE) {
        if (times) multiply(n, times, g->value);
#pragma omp simd
        for (int i = 0; i < n; i++) out->value[i] += g->value[i];
    }
    if (t && want & SG_PSI) {
        if (times) multiply(n, times, g->slope);
        for (int j = 0; j < t; j++)
            add_product(n, g->slope, difference + (size_t)j * B, out->psi + (size_t)(list ? list[j] : j) * B);
    }
    if (t && want & SG_CURVATURE) {
        if (times) multiply(n, times, g->bend);
        sg_gram_add(n, weighted(g, 1, g->bend), t, difference, list, out->m, out->curvature_sum);
    }
    if (t && want & SG_DIRICHLET) {
        g->row->rate(g->prepared, n, u, g->rate);
        if (times) multiply(n, times, g->rate);
        sg_gram_add(n, weighted(g, 0.5, g->rate), t, difference, list, out->m, out->dirichlet_sum);
    }
}

static void open_gathering(const sg_row *row, const sg_prepared *prepared, sg_site_view *view, sg_datum *datum,
                           gathering *g) {
    g->row = row;
    g->prepared = prepared;
    g->view = view;
    g->datum = datum;
    g->n = view->block->n;
    g->moments = datum->want & (SG_PSI | SG_CURVATURE | SG_DIRICHLET);
    if (datum->want & SG_VALUE) memset(datum->value, 0, B * sizeof(double));
    if (datum->want & SG_PSI) memset(datum->psi, 0, (size_t)datum->m * B * sizeof(double));
}

/* All moves of one site; not `listed`: the datum is in the parameters of this site. */
static void add_site(gathering *g, int site, bool listed) {
    const int *list, t = sg_site_view_list(g->view, site, &list);
    if (!t && !(g->datum->want & SG_VALUE)) return;
    for (int move = 1; move < g->view->q; move++) {
        sg_site_view_move(g->view, g->view->block, site, move, t && g->moments);
        add_move(g, g->view->log_ratio, NULL, t, listed ? list : NULL, g->view->difference);
    }
}

/*
 * Sites that are alike: k of them fall from state 1, d - k rise to it.  A move that no site has goes nowhere, and a
 * state with p = 0 has none.  Log-ratios and differences of one kind, into the view.
 */
static void kind_of(sg_site_view *v, const double *count, int step, bool difference) {
    const double *logp = v->count_logp;
    const int n = v->block->n, d = v->d;
    int from[B], to[B];
    for (int i = 0; i < n; i++) {
        from[i] = (int)count[i];
        to[i] = from[i] + step < 0 || from[i] + step > d ? from[i] : from[i] + step;
        v->log_ratio[i] = logp[from[i]] > -INFINITY ? logp[to[i]] - logp[from[i]] : -INFINITY;
    }
    for (int j = 0; difference && j < v->m; j++) {
        const double *dt = v->count_dt + (size_t)j * (size_t)(d + 1);
        double *out = v->difference + (size_t)j * B;
        for (int i = 0; i < n; i++) out[i] = dt[to[i]] - dt[from[i]];
    }
}

static void add_kind(gathering *g, const double *count, int step) {
    sg_site_view *v = g->view;
    _Alignas(SG_ALIGN) double many[B];
    kind_of(v, count, step, g->moments);
    for (int i = 0; i < g->n; i++) many[i] = step < 0 ? count[i] : v->d - count[i];
    add_move(g, v->log_ratio, many, v->m, NULL, v->difference);
}

void sg_flip_loss(const sg_row *row, const sg_prepared *prepared, int site, const sg_local *local, sg_site_view *view,
                  sg_datum *datum) {
    gathering g;
    open_gathering(row, prepared, view, datum, &g);
    const double *count = site == SG_ALL_SITES ? sg_site_view_counts(view) : NULL;
    if (count) {
        add_kind(&g, count, -1);
        add_kind(&g, count, 1);
    } else {
        const int first = site == SG_ALL_SITES ? 0 : site, end = site == SG_ALL_SITES ? view->d : site + 1;
        for (int i = first; i < end; i++) add_site(&g, i, true);
    }
    if (datum->want & SG_SCORE) sg_site_view_score(view, local, datum->score);
}

void sg_flip_loss_site(const sg_row *row, const sg_prepared *prepared, int site, sg_site_view *view, sg_datum *datum) {
    gathering g;
    open_gathering(row, prepared, view, datum, &g);
    add_site(&g, site, false);
}

/* -------------------------------------------------------------------- moves */

void sg_flip_moves(sg_site_view *view, bool difference, sg_flip_visit visit, void *context) {
    const int n = view->block->n;
    const double *count = sg_site_view_counts(view);
    const int *list;
    for (int step = -1; count && step <= 1; step += 2) {
        kind_of(view, count, step, difference);
        visit(context, n, view->log_ratio, view->m, NULL, view->difference);
    }
    for (int i = 0; !count && i < view->d; i++)
        for (int move = 1; move < view->q; move++) {
            const int t = sg_site_view_list(view, i, &list);
            sg_site_view_move(view, view->block, i, move, difference);
            visit(context, n, view->log_ratio, t, list, view->difference);
        }
}
