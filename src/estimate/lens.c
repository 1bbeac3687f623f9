#include "estimate/lens.h"

#include <cblas.h>
#include <string.h>

#include "dictionary/site-view.h"
#include "estimate/spread.h"

sg_jet sg_lens_narrow_jet(const sg_jet *all, int want) {
    sg_jet jet = *all;
    jet.want = want;
    double **member[] = {&jet.logp,   &jet.dx,  &jet.dxx,    &jet.dt,     &jet.dt_dx,
                         &jet.dt_dxx, &jet.dtt, &jet.dtt_dx, &jet.dtt_dxx};
    for (int k = 0; k < 9; k++)
        if (!(want & (1 << k))) *member[k] = NULL;
    return jet;
}

sg_datum sg_lens_narrow_datum(const sg_datum *all, int want) {
    sg_datum datum = *all;
    datum.want = want;
    if (!(want & SG_VALUE)) datum.value = NULL;
    if (!(want & SG_PSI)) datum.psi = NULL;
    if (!(want & SG_ROOT)) datum.root = NULL;
    if (!(want & SG_CURVATURE)) datum.curvature = datum.curvature_sum = NULL;
    if (!(want & SG_DIRICHLET)) datum.dirichlet_sum = NULL;
    if (!(want & SG_NOISE)) datum.noise_sum = NULL;
    if (!(want & SG_SCORE)) datum.score = NULL;
    return datum;
}

/* ------------------------------------------------------------------ finite sets */

/* The rows of the chart's basis that belong to the free parameters, each of which is a coordinate. */
static sg_status take_basis(const sg_chart *chart, sg_lens *lens) {
    const int m = lens->m, *free = lens->model->free;
    bool identity = true;
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) identity &= chart->basis[(size_t)free[j] * m + k] == (double)(j == k);
    if (identity) return SG_OK;
    sg_status status = sg_new(&lens->basis, (size_t)m * (size_t)m, sizeof(double));
    for (int j = 0; j < m && !status; j++)
        for (int k = 0; k < m; k++) lens->basis[j + (size_t)k * m] = chart->basis[(size_t)free[j] * m + k];
    return status;
}

enum { SITE_WANT = SG_VALUE | SG_PSI | SG_CURVATURE | SG_DIRICHLET };

/* The parameters of the site that has most; 0 where nothing is averaged over sites. */
static int widest_site(const sg_lens *lens) {
    const sg_row *row = lens->loss->row;
    const int *list;
    int most = 0;
    if (!row->averaged || !row->averaged(lens->loss->options)) return 0;
    for (int i = 0; i < lens->model->space.d; i++) {
        const int t = sg_site_view_list(lens->view, i, &list);
        if (t > most) most = t;
    }
    return most;
}

static sg_status open_sites(int want, sg_lens *lens) {
    sg_status status;
    const size_t m = (size_t)lens->m, d = (size_t)lens->model->space.d;
    lens->roots = 0;
    lens->form = sg_loss_form(lens->model, lens->loss);
    if ((status = sg_site_view_new(lens->model, &lens->view))) return status;
    if (lens->chart && (status = take_basis(lens->chart, lens))) return status;
    if ((status = sg_new(&lens->raw[0], m * m, sizeof(double)))) return status;
    if ((status = sg_new(&lens->raw[1], m * m, sizeof(double)))) return status;
    if ((status = sg_new(&lens->line, m, sizeof(double)))) return status;
    if ((status = sg_new(&lens->tag, SG_BLOCK, sizeof *lens->tag))) return status;
    const int widest = widest_site(lens);
    const size_t bytes = sg_datum_bytes(lens->m, 0, want) + sg_datum_bytes(widest, 0, SITE_WANT) +
                         (d + m) * SG_BLOCK * sizeof(double) + 4096;
    if ((status = sg_arena_new(bytes, &lens->arena))) return status;
    if ((status = sg_datum_take(lens->arena, lens->m, 0, want, &lens->datum_all)) || !widest) return status;
    lens->influence = sg_arena_take(lens->arena, m * SG_BLOCK, sizeof(double));
    return sg_datum_take(lens->arena, widest, 0, SITE_WANT, &lens->site);
}

void sg_lens_clear(sg_lens *lens) {
    const size_t bytes = (size_t)lens->m * (size_t)lens->m * sizeof(double);
    double *sum[] = {lens->datum_all.curvature_sum, lens->datum_all.dirichlet_sum, lens->datum_all.noise_sum};
    for (int k = 0; k < 3; k++)
        if (sum[k]) memset(sum[k], 0, bytes);
}

void sg_basis_vector(int m, const double *basis, double *vector, double *half) {
    if (!basis) return;
    cblas_dgemv(CblasColMajor, CblasTrans, m, m, 1, basis, m, vector, 1, 0, half, 1);
    memcpy(vector, half, (size_t)m * sizeof(double));
}

void sg_basis_matrix(int m, const double *basis, double *matrix, double *half) {
    if (basis) {
        cblas_dsymm(CblasColMajor, CblasLeft, CblasLower, m, m, 1, matrix, m, basis, m, 0, half, m);
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, m, m, 1, basis, m, half, m, 0, matrix, m);
    }
    for (int k = 0; k < m; k++)
        for (int j = k + 1; j < m; j++) matrix[k + (size_t)j * m] = matrix[j + (size_t)k * m];
}

/* ------------------------------------------------------------------------- both */

/* Jets at the data themselves; those of points belong to spread.c. */
static int jets_of(const sg_lens *lens, int want, int extra) {
    return lens->loss->row->spread ? extra : lens->loss->row->jets(lens->model, want) | extra;
}

static sg_status open_jets(int want, int extra, sg_lens *lens) {
    sg_status status;
    const sg_model *model = lens->model;
    int d = model->space.d, jets = jets_of(lens, want, extra);
    lens->roots = lens->loss->row->roots(model);
    size_t bytes = sg_chart_raw_bytes(model, lens->chart, d, jets) + sg_jet_bytes(lens->m, d, jets) +
                   sg_datum_bytes(lens->m, lens->roots, want) + ((size_t)d * SG_BLOCK + 64) * sizeof(double) + 1024;
    if ((status = sg_arena_new(bytes, &lens->arena))) return status;
    if ((status = sg_chart_raw_take(model, lens->chart, lens->arena, d, jets, &lens->raw_all))) return status;
    if ((status = sg_jet_take(lens->arena, lens->m, d, jets, &lens->jet_all))) return status;
    if (lens->loss->row->spread && (status = sg_spread_open(want, lens))) return status;
    return sg_datum_take(lens->arena, lens->m, lens->roots, want, &lens->datum_all);
}

static const size_t seconds_most = (size_t)64 << 20;

bool sg_lens_bends(const sg_model *model, const sg_loss *loss, const sg_chart *chart) {
    const sg_row *row = loss->row;
    const int d = model->space.d + row->more;
    if (model->space.shape == SG_FINITE || model->family->can & SG_LINEAR) return true;
    const int jets = row->jets(model, SG_VALUE | SG_PSI | SG_CURVATURE);
    return sg_chart_raw_bytes(model, chart, d, jets) + sg_jet_bytes(chart->m, d, jets) <= seconds_most;
}

sg_status sg_lens_new(const sg_model *model, const sg_loss *loss, const sg_chart *chart, int want, int extra,
                      sg_lens **out) {
    sg_status status = SG_OK;
    sg_lens *lens = NULL;
    *out = NULL;
    if ((status = sg_new(&lens, 1, sizeof *lens))) goto out;
    lens->model = model;
    lens->loss = loss;
    lens->chart = chart;
    lens->m = chart ? chart->m : model->m;
    status = model->space.shape == SG_FINITE ? open_sites(want, lens) : open_jets(want, extra, lens);
    if (status) goto out;
    lens->block.d = model->space.d;
    lens->block.draws = 1;
    lens->block.x = sg_arena_take(lens->arena, (size_t)model->space.d * SG_BLOCK, sizeof(double));
    if (!lens->block.x) status = sg_fail(SG_NO_MEMORY, "no memory for a block of %d coordinates", model->space.d);
out:
    if (status) {
        sg_lens_delete(lens);
        return status;
    }
    *out = lens;
    return SG_OK;
}

void sg_lens_delete(sg_lens *lens) {
    if (!lens) return;
    sg_arena_delete(lens->arena);
    sg_spread_close(lens);
    sg_site_view_delete(lens->view);
    sg_delete(lens->basis);
    sg_delete(lens->raw[0]);
    sg_delete(lens->raw[1]);
    sg_delete(lens->line);
    sg_delete(lens->tag);
    sg_drawn_delete(lens->drawn);
    sg_delete(lens);
}

void sg_lens_look(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
                  const sg_block *block, int want, int extra) {
    lens->datum = sg_lens_narrow_datum(&lens->datum_all, want);
    if (lens->view) {
        sg_site_view_at(lens->view, theta, block);
        lens->loss->row->sites(prepared, local, lens->view, &lens->datum);
        return;
    }
    int jets = jets_of(lens, want, extra);
    sg_jet raw = sg_lens_narrow_jet(&lens->raw_all, jets);
    lens->jet = sg_lens_narrow_jet(&lens->jet_all, jets);
    if (jets) sg_chart_jet(lens->model, lens->chart, theta, block, &raw, &lens->jet);
    if (want && lens->spread)
        sg_spread_look(lens, prepared, theta, block, want);
    else if (want)
        lens->loss->row->datum(prepared, local, block, &lens->jet, &lens->datum);
}

void sg_lens_nodes(sg_lens *lens, const sg_nodes *nodes, long long b) {
    _Alignas(SG_ALIGN) double weight[SG_BLOCK];
    sg_nodes_block(nodes, b, &lens->block, weight);
    lens->block.weight = NULL;
}
