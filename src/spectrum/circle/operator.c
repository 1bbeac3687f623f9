#include "operator.h"

#include <math.h>

#include "base/vecmath.h"

#define ORDER SG_PANEL_ORDER

void sg_circle_operator_delete(sg_circle_operator *op) {
    if (!op) return;
    double *array[] = {op->p, op->mass, op->root, op->inverse, op->g, op->f, op->h};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(op);
}

/* Panel number k from the start on. */
static int panel_of(const sg_circle_operator *op, int k) {
    int b = op->start + k;
    return b < op->count ? b : b - op->count;
}

static double half_of(const sg_circle_operator *op, int b) {
    return 0.5 * (op->panels->edge[b + 1] - op->panels->edge[b]);
}

/*
 * out = int_mode^x f, both ways up to the start: where p is small u may be rounding and f/root any number, which must
 * not reach the mode.
 */
static void integrate_outwards(const sg_circle_operator *op, const double *f, double *out) {
    double sum = 0, inner[ORDER], total;
    for (int k = op->turn; k < op->count; k++) {
        const int b = panel_of(op, k);
        const double half = half_of(op, b);
        sg_panel_unit_left(f + b * ORDER, inner, &total);
        for (int j = 0; j < ORDER; j++) out[b * ORDER + j] = sum + half * inner[j];
        sum += half * total;
    }
    sum = 0;
    for (int k = op->turn - 1; k >= 0; k--) {
        const int b = panel_of(op, k);
        const double half = half_of(op, b);
        sg_panel_unit_right(f + b * ORDER, inner, &total);
        for (int j = 0; j < ORDER; j++) out[b * ORDER + j] = -(sum + half * inner[j]);
        sum += half * total;
    }
}

/* out = int_start^x f of mean zero, from either side up to the mode, so that it is small where little is left. */
static void integrate_inwards(const sg_circle_operator *op, const double *f, double *out) {
    double sum = 0, inner[ORDER], total;
    for (int k = 0; k < op->turn; k++) {
        const int b = panel_of(op, k);
        const double half = half_of(op, b);
        sg_panel_unit_left(f + b * ORDER, inner, &total);
        for (int j = 0; j < ORDER; j++) out[b * ORDER + j] = sum + half * inner[j];
        sum += half * total;
    }
    sum = 0;
    for (int k = op->count - 1; k >= op->turn; k--) {
        const int b = panel_of(op, k);
        const double half = half_of(op, b);
        sg_panel_unit_right(f + b * ORDER, inner, &total);
        for (int j = 0; j < ORDER; j++) out[b * ORDER + j] = -(sum + half * inner[j]);
        sum += half * total;
    }
}

static double largest(int n, const double *x) {
    double top = x[0];
    for (int i = 1; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static sg_status fill(sg_circle_operator *op, const double *log_d) {
    const sg_panels *panels = op->panels;
    const double top = largest(op->n, panels->logp);
    int highest = 0, lowest = 0;
    double sum = 0;
    for (int i = 0; i < op->n; i++) {
        op->h[i] = panels->logp[i] + (log_d ? log_d[i] : 0);
        if (!isfinite(op->h[i])) return sg_fail(SG_REFUSED, "D p is not positive and finite at x = %g", panels->x[i]);
    }
    const double top_dp = largest(op->n, op->h);
    for (int i = 0; i < op->n; i++) {
        if (panels->logp[i] < top - SG_CIRCLE_DEEPEST || op->h[i] < top_dp - SG_CIRCLE_DEEPEST)
            return sg_fail(SG_REFUSED, "p or D p is below e^-%d of its largest value at x = %g: cut the circle there",
                           SG_CIRCLE_DEEPEST, panels->x[i]);
        op->p[i] = exp(panels->logp[i]);
        op->root[i] = sqrt(panels->weight[i]) * exp(0.5 * op->h[i]);
        op->inverse[i] = exp(-op->h[i]);
        sum += op->mass[i] = panels->weight[i] * op->p[i];
        op->resistance += panels->weight[i] * op->inverse[i];
        if (panels->logp[i] > panels->logp[highest]) highest = i;
        if (op->inverse[i] > op->inverse[lowest]) lowest = i;
    }
    for (int i = 0; i < op->n; i++) op->mass[i] /= sum;
    op->start = lowest / ORDER;
    op->turn = (highest / ORDER - op->start + op->count) % op->count;
    return SG_OK;
}

sg_status sg_circle_operator_new(const sg_panels *panels, const double *log_d, sg_circle_operator **made) {
    sg_circle_operator *op = NULL;
    *made = NULL;
    if (panels->log_tail_lo > -INFINITY || panels->log_tail_hi > -INFINITY)
        return sg_fail(SG_REFUSED, "the panels were cut at [%g, %g] and do not cover the circle", panels->edge[0],
                       panels->edge[panels->count]);
    sg_status status = sg_new(&op, 1, sizeof *op);
    if (status) return status;
    op->panels = panels;
    op->n = panels->n;
    op->count = panels->count;
    double **array[] = {&op->p, &op->mass, &op->root, &op->inverse, &op->g, &op->f, &op->h};
    for (size_t k = 0; k < sizeof array / sizeof *array && !status; k++)
        status = sg_new(array[k], (size_t)op->n, sizeof(double));
    if (!status) status = fill(op, log_d);
    if (status) {
        sg_circle_operator_delete(op);
        return status;
    }
    *made = op;
    return SG_OK;
}

static void centred(sg_circle_operator *op, const double *u, double *f, double *g) {
    double mean = 0;
    for (int i = 0; i < op->n; i++) g[i] = u[i] / op->root[i];
    integrate_outwards(op, g, f);
    for (int i = 0; i < op->n; i++) mean += op->mass[i] * f[i];
    for (int i = 0; i < op->n; i++) f[i] -= mean;
}

void sg_circle_operator_apply(sg_circle_operator *op, const double *u, double *out) {
    double c = 0;
    centred(op, u, op->f, op->g);
    for (int i = 0; i < op->n; i++) op->f[i] *= op->p[i];
    integrate_inwards(op, op->f, op->h);
    for (int i = 0; i < op->n; i++) c += op->panels->weight[i] * op->inverse[i] * op->h[i];
    c /= op->resistance;
    for (int i = 0; i < op->n; i++) out[i] = (c - op->h[i]) * op->inverse[i] * op->root[i];
}

void sg_circle_operator_function(sg_circle_operator *op, const double *u, double *f, double *g) {
    centred(op, u, f, g);
}
