/* Two-sided bounds on the logarithmic Sobolev constant on the line. */
#include <math.h>

#include "numeric/legendre.h"
#include "outward.h"
#include "scoregap/bound.h"

/* Below this log Q the 1 in log(1 + c/Q) is beyond double precision. */
static const double NEGLIGIBLE = -40;
static const double LOG2 = 0.6931471805599453;

/* log of Q log(1 + exp(log_c)/Q) */
static double log_weight(double log_q, double log_c) {
    if (log_q == -INFINITY) return -INFINITY;
    return log_q + log(log_q < NEGLIGIBLE ? log_c - log_q : log1p(exp(log_c - log_q)));
}

static double lower_weight(double log_q) {
    return log_weight(log_q, -LOG2);
}

static double upper_weight(double log_q) {
    return log_weight(log_q, 2);
}

static double larger_side(sg_outward *o, sg_place m, sg_tail_weight weight) {
    return sg_larger(sg_outward_supremum(o, SG_TO_THE_RIGHT, m, weight),
                     sg_outward_supremum(o, SG_TO_THE_LEFT, m, weight));
}

sg_status sg_bound_log_sobolev(const sg_panels *panels, const double *log_d, sg_log_sobolev_bounds *out) {
    sg_outward *o = NULL;
    *out = (sg_log_sobolev_bounds){0};
    sg_status status = sg_outward_new(panels, log_d, &o);
    if (status) return status;
    sg_place m = sg_outward_median(o);
    /* The inequality of the source has the constant 2 C_LS. */
    out->log_lower = larger_side(o, m, lower_weight) - LOG2;
    out->log_upper = larger_side(o, m, upper_weight) + LOG2;
    sg_outward_delete(o);
    return SG_OK;
}

/* ---------------------------------------------------------------- the tails */

/* Shares of the cut's depth at which the tail is looked at; exponents below LEAST, or that fall by more than half from
 * one stretch to the next, are what the corrections to a Gaussian tail leave. */
static const double SHARE[3] = {0.25, 0.5, 0.9};
static const double LEAST = 0.02, FALLING = 0.6;

/* The exponent between the second and third place; *infinite unless it dies out. */
static double side_growth(sg_outward *o, int side, sg_place m, double cut_mass, bool *infinite) {
    const sg_panels *p = o->panels;
    const bool right = side == SG_TO_THE_RIGHT;
    const double *mass = right ? p->log_above : p->log_below;
    double depth[3], value[3];
    int found = 0;
    sg_outward_from(o, side, m);
    for (int k = 0; k < p->n && found < 3; k++) {
        const int i = right ? k : p->n - 1 - k;
        if (o->log_node[i] == -INFINITY || -mass[i] < SHARE[found] * -cut_mass) continue;
        if (right ? i / SG_PANEL_ORDER < m.panel : i / SG_PANEL_ORDER > m.panel) continue;
        depth[found] = -mass[i];
        value[found++] = lower_weight(mass[i]) + o->log_node[i];
    }
    if (found < 3 || !(depth[2] > depth[1] && depth[1] > depth[0])) return -INFINITY;
    const double before = (value[1] - value[0]) / log(depth[1] / depth[0]);
    const double after = (value[2] - value[1]) / log(depth[2] / depth[1]);
    if (after > LEAST && after > FALLING * before) *infinite = true;
    return after;
}

sg_status sg_bound_log_sobolev_tail(const sg_panels *panels, const double *log_d, double *growth, bool *infinite) {
    sg_outward *o = NULL;
    *growth = -INFINITY;
    *infinite = false;
    sg_status status = sg_outward_new(panels, log_d, &o);
    if (status) return status;
    sg_place m = sg_outward_median(o);
    if (isfinite(panels->log_tail_hi))
        *growth = sg_larger(*growth, side_growth(o, SG_TO_THE_RIGHT, m, panels->log_tail_hi, infinite));
    if (isfinite(panels->log_tail_lo))
        *growth = sg_larger(*growth, side_growth(o, SG_TO_THE_LEFT, m, panels->log_tail_lo, infinite));
    sg_outward_delete(o);
    return SG_OK;
}
