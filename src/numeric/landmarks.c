/* The first pieces: widths double away from every landmark, starting with its own. */
#include <math.h>

#include "grid.h"
#include "legendre.h"

static void sort_landmarks(sg_grid *g) {
    int kept = 0;
    for (int i = 1; i < g->landmarks; i++)
        for (int j = i; j > 0 && g->landmark[j] < g->landmark[j - 1]; j--) {
            double x = g->landmark[j], s = g->scale[j];
            g->landmark[j] = g->landmark[j - 1];
            g->scale[j] = g->scale[j - 1];
            g->landmark[j - 1] = x;
            g->scale[j - 1] = s;
        }
    for (int i = 0; i < g->landmarks; i++) {
        if (kept && g->landmark[i] - g->landmark[kept - 1] <= 64 * 0x1p-52 * fabs(g->landmark[i])) {
            g->scale[kept - 1] = sg_smaller(g->scale[kept - 1], g->scale[i]);
            continue;
        }
        g->landmark[kept] = g->landmark[i];
        g->scale[kept++] = g->scale[i];
    }
    g->landmarks = kept;
}

static sg_status read_landmarks(sg_grid *g) {
    const sg_density *d = g->density;
    for (int i = 0; i < d->landmarks; i++) {
        double c = d->landmark[i], s = d->scale[i];
        if (!isfinite(c) || !(s > 0) || !isfinite(s))
            return sg_fail(SG_OUT_OF_RANGE, "landmark %g needs to be finite and its width %g positive", c, s);
        if (c < d->lo || c > d->hi) continue;
        g->landmark[g->landmarks] = c;
        g->scale[g->landmarks++] = sg_larger(s, 1024 * 0x1p-52 * fabs(c));
    }
    sort_landmarks(g);
    if (g->landmarks) return SG_OK;
    bool left = isfinite(d->lo), right = isfinite(d->hi);
    g->landmark[0] = left && right ? 0.5 * d->lo + 0.5 * d->hi : left ? d->lo : right ? d->hi : 0;
    g->scale[0] = left && right ? 0.25 * (d->hi - d->lo) : 1;
    g->landmarks = 1;
    return SG_OK;
}

/* Pieces from a to b whose widths double from both ends, starting with u at a and v at b. */
static sg_status fill(sg_grid *g, double a, double u, double b, double v) {
    if (b - a <= 1.5 * sg_larger(u, v)) return sg_grid_append(g, a, b);
    sg_status status;
    if (u <= v) {
        status = sg_grid_append(g, a, a + u);
        return status ? status : fill(g, a + u, 2 * u, b, v);
    }
    status = fill(g, a, u, b - v, 2 * v);
    return status ? status : sg_grid_append(g, b - v, b);
}

sg_status sg_grid_seed(sg_grid *g) {
    const sg_density *d = g->density;
    sg_status status = read_landmarks(g);
    if (status) return status;
    int last = g->landmarks - 1;
    g->step_lo = g->scale[0];
    g->step_hi = g->scale[last];
    status = sg_grid_append(g, sg_larger(d->lo, g->landmark[0] - g->step_lo), g->landmark[0]);
    for (int i = 0; i < last && !status; i++)
        status = fill(g, g->landmark[i], g->scale[i], g->landmark[i + 1], g->scale[i + 1]);
    if (!status) status = sg_grid_append(g, g->landmark[last], sg_smaller(d->hi, g->landmark[last] + g->step_hi));
    g->step_lo *= 2;
    g->step_hi *= 2;
    return status;
}
