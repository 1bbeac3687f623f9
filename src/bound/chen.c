/* Chen's dual variational formulas for the Poincare constant in one dimension, after a few steps from a start of finite
 * energy. */
#include <math.h>
#include <string.h>

#include "numeric/legendre.h"
#include "scoregap/bound.h"

#define ORDER SG_PANEL_ORDER

/* log(e^a + e^b) */
static double log_add(double a, double b) {
    double top = sg_larger(a, b);
    return top == -INFINITY ? top : top + log1p(exp(sg_smaller(a, b) - top));
}

/* Running integrals of exp(log_f) in logs from the left (side < 0) or from the right, at the nodes. */
static void run(const sg_panels *p, int side, const double *log_f, double *out) {
    double before = -INFINITY;
    for (int b = 0; b < p->count; b++) {
        int k = side < 0 ? b : p->count - 1 - b;
        const double *in = log_f + k * ORDER, half = 0.5 * (p->edge[k + 1] - p->edge[k]);
        double f[ORDER], inner[ORDER], total, top = -INFINITY;
        for (int j = 0; j < ORDER; j++) top = sg_larger(top, in[j]);
        for (int j = 0; j < ORDER; j++) f[j] = half * exp(in[j] - top);
        if (side < 0)
            sg_panel_unit_left(f, inner, &total);
        else
            sg_panel_unit_right(f, inner, &total);
        for (int j = 0; j < ORDER; j++) out[k * ORDER + j] = log_add(before, top + log(sg_larger(inner[j], 0)));
        before = log_add(before, top + log(sg_larger(total, 0)));
    }
}

/* log T g from log g; a and b are scratch. */
static void step(const sg_panels *p, const double *log_d, const double *log_g, double *a, double *b, double *log_tg) {
    for (int i = 0; i < p->n; i++) b[i] = p->log_below[i] + log_g[i];
    run(p, -1, b, a);
    for (int i = 0; i < p->n; i++) log_tg[i] = p->log_above[i] + a[i];
    for (int i = 0; i < p->n; i++) b[i] = p->log_above[i] + log_g[i];
    run(p, 1, b, a);
    for (int i = 0; i < p->n; i++)
        log_tg[i] = log_add(log_tg[i], p->log_below[i] + a[i]) - p->logp[i] - (log_d ? log_d[i] : 0);
}

sg_status sg_bound_chen(const sg_panels *panels, const double *log_d, int steps, sg_chen *out) {
    const int n = panels->n;
    double *memory = NULL;
    *out = (sg_chen){.log_lower = -INFINITY, .log_upper = INFINITY};
    if (steps < 1 || steps > 1000) return sg_fail(SG_OUT_OF_RANGE, "Chen's bounds take 1 to 1000 steps, not %d", steps);
    sg_status status = sg_new(&memory, 4 * (size_t)n, sizeof *memory);
    if (status) return status;
    double *log_g = memory, *log_tg = memory + n, *a = log_tg + n, *b = a + n;
    for (int i = 0; i < n; i++) log_g[i] = log_d ? -0.5 * log_d[i] : 0;
    for (int k = 0; k < steps; k++) {
        double least = INFINITY, most = -INFINITY;
        step(panels, log_d, log_g, a, b, log_tg);
        for (int i = 0; i < n; i++) {
            least = sg_smaller(least, log_tg[i] - log_g[i]);
            most = sg_larger(most, log_tg[i] - log_g[i]);
        }
        out->log_lower = sg_larger(out->log_lower, least);
        out->log_upper = sg_smaller(out->log_upper, most);
        memcpy(log_g, log_tg, (size_t)n * sizeof *log_g);
    }
    sg_delete(memory);
    if (!isfinite(out->log_lower) || !isfinite(out->log_upper))
        return sg_fail(SG_REFUSED, "Chen's bounds need D p positive and finite at every node");
    return SG_OK;
}
