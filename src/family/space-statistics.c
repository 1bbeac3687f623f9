#include "family/space-statistics.h"

#include <string.h>

#include "base/vecmath.h"

enum { B = SG_BLOCK };
static const size_t GENERATOR_MOST = (size_t)1 << 25;

static int wants(const sg_space_statistics *s) {
    return SG_LOGP | SG_DX | SG_DT | (s->generator ? SG_DT_DX | SG_DT_DXX : 0);
}

sg_space_statistics sg_space_statistics_of(const sg_model *model, const double *theta) {
    const int d = model->space.d, full = model->full;
    sg_space_statistics s = {.model = model, .theta = theta};
    const bool free = model->space.shape == SG_RD;
    s.generator = free && sg_jet_bytes(full, d, SG_DT_DX | SG_DT_DXX) <= GENERATOR_MOST;
    s.nulls = d + (free ? d : 0) + (s.generator ? full : 0);
    s.rows = full + d + 1 + s.nulls;
    return s;
}

sg_status sg_space_scratch_new(const sg_space_statistics *s, sg_arena **arena, sg_jet *jet) {
    sg_status status = sg_arena_new(sg_jet_bytes(s->model->full, s->model->space.d, wants(s)), arena);
    if (status == SG_OK) status = sg_jet_take(*arena, s->model->full, s->model->space.d, wants(s), jet);
    return status;
}

/* Lap F + <grad log p, grad F> of one statistic. */
static void generator_of(int d, const double *dx, const double *slope, const double *bend, double *restrict out) {
    memset(out, 0, B * sizeof *out);
    for (int a = 0; a < d; a++) {
        const double *restrict second = bend + (a * (a + 1) / 2 + a) * B, *restrict first = slope + a * B,
                               *restrict drift = dx + a * B;
#pragma omp simd
        for (int i = 0; i < B; i++) out[i] += second[i] + drift[i] * first[i];
    }
}

void sg_space_statistics_at(const sg_space_statistics *s, sg_jet *jet, const double *x, double *out) {
    const int d = s->model->space.d, full = s->model->full, pairs = d * (d + 1) / 2;
    const size_t row = B * sizeof *out;
    const sg_block block = {.n = B, .d = d, .draws = 1, .x = (double *)x};
    const bool free = s->model->space.shape == SG_RD;
    s->model->family->jet(s->model, s->theta, &block, jet);
    memcpy(out, jet->dt, (size_t)full * row);
    out += full * B;
    for (int r = 0; r < d * B; r++) out[r] = free ? x[r] : log(x[r]);
    out += d * B;
    memcpy(out, jet->logp, row);
    out += B;
    for (int r = 0; r < d * B; r++) out[r] = 1 + x[r] * jet->dx[r];
    out += d * B;
    if (free) memcpy(out, jet->dx, (size_t)d * row);
    out += free ? d * B : 0;
    for (int j = 0; j < full && s->generator; j++)
        generator_of(d, jet->dx, jet->dt_dx + j * d * B, jet->dt_dxx + j * pairs * B, out + j * B);
}
