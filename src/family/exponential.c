#include "family/exponential.h"

#include <stdalign.h>
#include <string.h>

/* A coefficient of 0 leaves its statistic out, which may be infinite. */
static void combine(int m, const double *theta, const double *f, int n, double *out) {
    bool empty = true;
    for (int j = 0; j < m; j++, f += SG_BLOCK) {
        const double c = theta[j];
        if (c == 0) continue;
        if (empty)
#pragma omp simd
            for (int i = 0; i < n; i++) out[i] = c * f[i];
        else
#pragma omp simd
            for (int i = 0; i < n; i++) out[i] += c * f[i];
        empty = false;
    }
    if (empty) memset(out, 0, (size_t)n * sizeof *out);
}

static void clear(double *member, int rows) {
    if (member) memset(member, 0, (size_t)rows * SG_BLOCK * sizeof *member);
}

void sg_exponential_jet(const sg_exponential *law, const sg_model *model, const double *theta, const sg_block *block,
                        sg_jet *jet) {
    alignas(SG_ALIGN) double scratch[3][SG_EXPONENTIAL_ROWS * SG_BLOCK];
    const int m = model->full, n = sg_line_points(block->n), pairs = m * (m + 1) / 2;
    double *f[3] = {jet->dt, jet->dt_dx, jet->dt_dxx}, *log_density[3] = {jet->logp, jet->dx, jet->dxx};
    if (!law->log_density)
        for (int k = 0; k < 3; k++)
            if (log_density[k] && !f[k]) f[k] = scratch[k];
    if (f[0] || f[1] || f[2]) law->statistics(model->own, n, block->x, f);
    for (int k = 0; k < 3; k++) {
        if (!log_density[k]) continue;
        if (law->log_density)
            law->log_density(model->own, theta, k, n, block->x, log_density[k]);
        else
            combine(m, theta, f[k], n, log_density[k]);
    }
    clear(jet->dtt, pairs);
    clear(jet->dtt_dx, pairs);
    clear(jet->dtt_dxx, pairs);
}
