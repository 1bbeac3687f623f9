/* Functions from one set of panels to another. */
#include <math.h>

#include "base/vecmath.h"
#include "enclose.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER

/* sum_k c_k P_k at ORDER points. */
static void series(const double *c, const double *t, double *out) {
    double before[ORDER], here[ORDER];
    for (int j = 0; j < ORDER; j++) {
        before[j] = 1;
        here[j] = t[j];
        out[j] = c[0] + c[1] * t[j];
    }
#pragma GCC unroll 1
    for (int k = 2; k < ORDER; k++) {
        const double ahead = (2.0 * k - 1) / k, behind = (k - 1.0) / k;
        for (int j = 0; j < ORDER; j++) {
            const double next = ahead * t[j] * here[j] - behind * before[j];
            before[j] = here[j];
            here[j] = next;
            out[j] += c[k] * next;
        }
    }
}

/* At the nodes around `mid`, those beyond the panel at its end. */
static void carry_panel(const sg_line_law *from, const double *g, int panel, double mid, double half, double *out) {
    const double lo = from->edge[panel], hi = from->edge[panel + 1];
    double c[ORDER], t[ORDER];
    sg_legendre_apply(sg_legendre_coefficient, g, c);
    for (int j = 0; j < ORDER; j++) {
        const double x = mid + half * sg_legendre_node[j];
        t[j] = sg_larger(-1, sg_smaller(1, ((x - lo) - (hi - x)) / (hi - lo)));
    }
    series(c, t, out);
    for (int j = 0; j < ORDER; j++) out[j] = sg_larger(out[j], 0x1p-60); /* an iteration starts from what is positive */
}

void sg_wave_carry(const sg_line_law *from, const sg_wave *g, const sg_line_law *to, sg_wave *out) {
    const double first = from->edge[0], last = from->edge[from->count];
    int panel = 0;
    for (int k = 0; k < to->count; k++) {
        const double mid = 0.5 * to->edge[k] + 0.5 * to->edge[k + 1], half = 0.5 * (to->edge[k + 1] - to->edge[k]);
        double *value = out->value + k * ORDER;
        while (panel + 1 < from->count && from->edge[panel + 1] <= mid) panel++;
        carry_panel(from, g->value + panel * ORDER, panel, mid, half, value);
        out->unit[k] = g->unit[panel];
        if (!to->log_d || (mid > first && mid < last)) continue;
        const double end = from->log_d[mid > first ? from->count * ORDER - 1 : 0];
        for (int j = 0; j < ORDER; j++)
            value[j] *= exp(sg_smaller(sg_larger(0.5 * (end - to->log_d[k * ORDER + j]), -300), 300));
    }
}
