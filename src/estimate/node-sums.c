#include "estimate/node-sums.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum { B = SG_BLOCK, GROUPS_MOST = 64 };
static const size_t SUMS_MOST = (size_t)128 << 20; /* bytes of all groups */

/* ----------------------------------------------------------------------- the stream */

static sg_status open_lenses(sg_node_stream *s) {
    const int want = SG_PSI | SG_SCORE | SG_DIRICHLET | SG_NOISE;
    sg_status status = sg_new(&s->lens, (size_t)s->threads, sizeof *s->lens);
    for (int t = 0; t < s->threads && !status; t++) status = sg_lens_new(s->model, s->loss, NULL, want, 0, &s->lens[t]);
    return status;
}

/* E F, the statistics being scores without a mean: as the row of likelihood gives them. */
static void add_statistics(void *context, sg_lens *lens, double *scratch, double *sum) {
    const sg_node_stream *s = context;
    const sg_block *block = &lens->block;
    sg_datum datum = {.m = s->m, .want = SG_SCORE, .score = lens->datum_all.score};
    (void)scratch;
    sg_site_view_at(lens->view, s->model->truth, block);
    sg_row_find("mle")->sites(NULL, NULL, lens->view, &datum);
    for (int j = 0; j < s->m; j++) sum[j] += cblas_ddot(block->n, block->weight, 1, datum.score + (size_t)j * B, 1);
}

sg_status sg_node_stream_new(const sg_model *model, const sg_loss *loss, sg_node_stream **out) {
    sg_status status = SG_OK;
    sg_node_stream *s = NULL;
    const sg_row *row = loss->row;
    const bool averaged = row->averaged && row->averaged(loss->options);
    *out = NULL;
    if ((status = sg_new(&s, 1, sizeof *s))) goto out;
    s->model = model, s->loss = loss, s->m = model->m;
    s->threads = omp_get_max_threads();
    s->factor = row->factor ? row->factor : 1;
    s->alike = !averaged && row->alike && row->alike(loss->options, model) && sg_model_exchangeable(model);
    if ((status = sg_nodes_new(model, model->truth, 0, s->alike, &s->nodes))) goto out;
    if ((status = sg_loss_prepare(loss, model, NULL, &s->prepared))) goto out;
    if ((status = open_lenses(s))) goto out;
    if ((status = sg_new(&s->mean, (size_t)s->m, sizeof(double)))) goto out;
    if ((status = sg_node_stream_sum(s, (size_t)s->m, 0, add_statistics, s, s->mean))) goto out;
    if (averaged) status = sg_site_inverses_at_nodes(s, &s->sites);
out:
    if (status) {
        sg_node_stream_delete(s);
        return status;
    }
    *out = s;
    return SG_OK;
}

void sg_node_stream_delete(sg_node_stream *s) {
    if (!s) return;
    for (int t = 0; s->lens && t < s->threads; t++) sg_lens_delete(s->lens[t]);
    sg_delete(s->lens);
    sg_site_inverses_delete(s->sites);
    if (s->prepared) sg_loss_release(s->loss, s->prepared);
    sg_nodes_delete(s->nodes);
    sg_delete(s->mean);
    sg_delete(s);
}

static long long groups_for(const sg_node_stream *s, size_t numbers) {
    const long long blocks = sg_nodes_blocks(s->nodes), room = (long long)(SUMS_MOST / (numbers * sizeof(double)));
    const long long groups = blocks < GROUPS_MOST ? blocks : GROUPS_MOST;
    return room < 1 ? 1 : groups < room ? groups : room;
}

/* Blocks [first, end) of one group. */
static void sum_group(const sg_node_stream *s, sg_lens *lens, long long first, long long end, sg_node_visit visit,
                      void *context, double *scratch, double *sum) {
    double weight[B];
    for (long long b = first; b < end; b++) {
        sg_nodes_block(s->nodes, b, &lens->block, weight);
        visit(context, lens, scratch, sum);
    }
}

sg_status sg_node_stream_sum(sg_node_stream *s, size_t numbers, size_t scratch, sg_node_visit visit, void *context,
                             double *total) {
    const long long groups = groups_for(s, numbers), blocks = sg_nodes_blocks(s->nodes);
    double *sums = NULL, *rooms = NULL;
    sg_status status = sg_new(&sums, (size_t)groups * numbers, sizeof(double));
    if (!status) status = sg_new(&rooms, (size_t)s->threads * scratch + 1, sizeof(double));
    if (status) goto out;
#pragma omp parallel for schedule(dynamic, 1) num_threads(s->threads) if (groups > 1)
    for (long long g = 0; g < groups; g++) {
        const int t = omp_get_thread_num();
        sum_group(s, s->lens[t], g * blocks / groups, (g + 1) * blocks / groups, visit, context,
                  rooms + (size_t)t * scratch, sums + (size_t)g * numbers);
    }
    memset(total, 0, numbers * sizeof(double));
    for (long long g = 0; g < groups; g++)
        for (size_t k = 0; k < numbers; k++) total[k] += sums[(size_t)g * numbers + k];
out:
    sg_delete(sums);
    sg_delete(rooms);
    return status;
}

/* -------------------------------------------------------------------------- moments */

static size_t moments_size(int m) {
    return (size_t)m + 5 * (size_t)m * (size_t)m;
}

static void lay_out(int m, double *all, sg_node_moments *out) {
    const size_t square = (size_t)m * (size_t)m;
    *out = (sg_node_moments){.m = m, .all = all, .psi_mean = all, .score2 = all + m};
    out->psi2 = out->score2 + square;
    out->cross = out->psi2 + square;
    out->dirichlet = out->cross + square;
    out->noise = out->dirichlet + square;
}

sg_status sg_node_moments_new(int m, sg_node_moments *moments) {
    double *all = NULL;
    sg_status status = sg_new(&all, moments_size(m), sizeof(double));
    lay_out(m, all, moments);
    return status;
}

void sg_node_moments_clear(sg_node_moments *moments) {
    sg_delete(moments->all);
    moments->all = NULL;
}

void sg_node_psi(const sg_node_stream *s, sg_lens *lens, const double *theta, int want) {
    const sg_local local = {.gradient = s->mean};
    sg_lens_look(lens, s->prepared, &local, theta, &lens->block, want, 0);
    if (s->sites) sg_site_inverses_influence(s->sites, lens, s->prepared, theta, lens->datum.psi);
    if (s->factor != 1) cblas_dscal(B * s->m, 1 / s->factor, lens->datum.psi, 1);
}

typedef struct {
    const sg_node_stream *stream;
    const double *basis;
} moments_context;

static void add_moments(void *context, sg_lens *lens, double *scratch, double *sum) {
    const moments_context *c = context;
    const int m = c->stream->m, n = lens->block.n, spread = c->basis ? 0 : SG_DIRICHLET | SG_NOISE;
    const double *weight = lens->block.weight;
    double *score = scratch, *psi = scratch + (size_t)m * B, root[B];
    sg_node_moments to;
    lay_out(m, sum, &to);
    sg_lens_clear(lens);
    sg_node_psi(c->stream, lens, c->stream->model->truth, SG_PSI | SG_SCORE | spread);
    if (c->basis) {
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, m, 1, lens->datum.score, B, c->basis, m, 0, score,
                    B);
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, m, 1, lens->datum.psi, B, c->basis, m, 0, psi, B);
    } else {
        score = lens->datum.score, psi = lens->datum.psi;
    }
    for (int i = 0; i < n; i++) root[i] = sqrt(weight[i]);
    for (int j = 0; j < m; j++) {
        double *s = score + (size_t)j * B, *f = psi + (size_t)j * B;
        to.psi_mean[j] += cblas_ddot(n, weight, 1, f, 1);
        for (int i = 0; i < n; i++) s[i] *= root[i], f[i] *= root[i];
    }
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, m, n, 1, score, B, 1, to.score2, m);
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, m, n, 1, psi, B, 1, to.psi2, m);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, m, n, 1, score, B, psi, B, 1, to.cross, m);
    for (int k = 0; spread && k < m * m; k++) {
        to.dirichlet[k] += lens->datum.dirichlet_sum[k];
        to.noise[k] += lens->datum.noise_sum[k] / (c->stream->factor * c->stream->factor);
    }
}

sg_status sg_node_stream_moments(sg_node_stream *s, const double *basis, sg_node_moments *moments) {
    moments_context context = {.stream = s, .basis = basis};
    return sg_node_stream_sum(s, moments_size(s->m), 2 * (size_t)s->m * B, add_moments, &context, moments->all);
}
