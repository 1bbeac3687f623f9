#include "family/line-moments.h"

#include <string.h>

enum { B = SG_BLOCK };

/* Adds mass * (dt_j - centre_j), or mass * (dt_j - centre_j)(dt_k - centre_k), of one block. */
static void add_block(const sg_jet *jet, int n, const double *mass, const double *centre, double *first,
                      double *second) {
    const int m = jet->m;
    for (int j = 0; j < m; j++) {
        const double *f = jet->dt + j * B;
        for (int i = 0; i < n && first; i++) first[j] += mass[i] * f[i];
        for (int k = 0; k <= j && second; k++) {
            const double *g = jet->dt + k * B;
            double sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int i = 0; i < n; i++) sum += mass[i] * (f[i] - centre[j]) * (g[i] - centre[k]);
            second[j + k * m] += sum;
        }
    }
}

/* One pass over the panels. */
static void pass(const sg_model *model, const double *theta, const sg_panels *panels, double *x, sg_jet *jet,
                 const double *centre, double *first, double *second) {
    for (int start = 0; start < panels->n; start += B) {
        sg_block block = {.n = panels->n - start < B ? panels->n - start : B, .d = 1, .draws = 1, .x = x};
        memcpy(x, panels->x + start, (size_t)block.n * sizeof(double));
        model->family->jet(model, theta, &block, jet);
        add_block(jet, block.n, panels->mass + start, centre, first, second);
    }
}

sg_status sg_line_log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    const size_t m = (size_t)model->full;
    sg_panels *panels = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    if (model->family->log_z) return model->family->log_z(model, theta, value, gradient, hessian);
    sg_status status = sg_model_panels(model, theta, 0, &panels);
    if (status == SG_OK) status = sg_arena_new(sg_jet_bytes((int)m, 1, SG_DT) + (B + m) * sizeof(double) + 64, &arena);
    if (status == SG_OK) status = sg_jet_take(arena, (int)m, 1, SG_DT, &jet);
    if (status != SG_OK) goto out;
    double *x = sg_arena_take(arena, B, sizeof(double)), *mean = sg_arena_take(arena, m, sizeof(double));
    *value = panels->log_z;
    if (!gradient && !hessian) goto out;
    memset(mean, 0, m * sizeof(double));
    pass(model, theta, panels, x, &jet, NULL, mean, NULL);
    if (gradient) memcpy(gradient, mean, m * sizeof(double));
    if (!hessian) goto out;
    memset(hessian, 0, m * m * sizeof(double));
    pass(model, theta, panels, x, &jet, mean, NULL, hessian);
    for (size_t j = 0; j < m; j++)
        for (size_t k = 0; k < j; k++) hessian[k + j * m] = hessian[j + k * m];
out:
    sg_arena_delete(arena);
    sg_panels_delete(panels);
    return status;
}
