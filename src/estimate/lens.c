#include "estimate/lens.h"

#include <string.h>

static sg_jet narrow_jet(const sg_jet *all, int want) {
    sg_jet jet = *all;
    jet.want = want;
    double **member[] = {&jet.logp,   &jet.dx,  &jet.dxx,    &jet.dt,     &jet.dt_dx,
                         &jet.dt_dxx, &jet.dtt, &jet.dtt_dx, &jet.dtt_dxx};
    for (int k = 0; k < 9; k++)
        if (!(want & (1 << k))) *member[k] = NULL;
    return jet;
}

static sg_datum narrow_datum(const sg_datum *all, int want) {
    sg_datum datum = *all;
    datum.want = want;
    if (!(want & SG_VALUE)) datum.value = NULL;
    if (!(want & SG_PSI)) datum.psi = NULL;
    if (!(want & SG_ROOT)) datum.root = NULL;
    if (!(want & SG_CURVATURE)) datum.curvature = NULL;
    return datum;
}

sg_status sg_lens_new(const sg_model *model, const sg_loss *loss, const sg_chart *chart, int want, int extra,
                      sg_lens **out) {
    sg_status status = SG_OK;
    sg_lens *lens = NULL;
    *out = NULL;
    if ((status = sg_new(&lens, 1, sizeof *lens))) goto out;
    int d = model->space.d, jets = loss->row->jets(model, want) | extra;
    lens->model = model;
    lens->loss = loss;
    lens->chart = chart;
    lens->m = chart->m;
    lens->roots = loss->row->roots(model);
    size_t bytes = sg_jet_bytes(model->full, d, jets) + sg_jet_bytes(lens->m, d, jets) +
                   sg_datum_bytes(lens->m, lens->roots, want) + ((size_t)d * SG_BLOCK + 64) * sizeof(double) + 1024;
    if ((status = sg_arena_new(bytes, &lens->arena))) goto out;
    if ((status = sg_jet_take(lens->arena, model->full, d, jets, &lens->raw_all))) goto out;
    if ((status = sg_jet_take(lens->arena, lens->m, d, jets, &lens->jet_all))) goto out;
    if ((status = sg_datum_take(lens->arena, lens->m, lens->roots, want, &lens->datum_all))) goto out;
    lens->block.d = d;
    lens->block.draws = 1;
    lens->block.x = sg_arena_take(lens->arena, (size_t)d * SG_BLOCK, sizeof(double));
    if (!lens->block.x) status = sg_fail(SG_NO_MEMORY, "no memory for a block of %d coordinates", d);
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
    sg_delete(lens);
}

void sg_lens_look(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
                  const sg_block *block, int want, int extra) {
    int jets = lens->loss->row->jets(lens->model, want) | extra;
    sg_jet raw = narrow_jet(&lens->raw_all, jets);
    lens->jet = narrow_jet(&lens->jet_all, jets);
    lens->datum = narrow_datum(&lens->datum_all, want);
    sg_chart_jet(lens->model, lens->chart, theta, block, &raw, &lens->jet);
    if (want) lens->loss->row->datum(prepared, local, block, &lens->jet, &lens->datum);
}

void sg_lens_nodes(sg_lens *lens, const sg_panels *panels, int first) {
    int n = panels->n - first < SG_BLOCK ? panels->n - first : SG_BLOCK;
    lens->block.n = n;
    memcpy(lens->block.x, panels->x + first, (size_t)n * sizeof(double));
    /* padding keeps the last point: vector loops may run over it */
    for (int i = n; i < SG_BLOCK; i++) lens->block.x[i] = panels->x[first + n - 1];
}
