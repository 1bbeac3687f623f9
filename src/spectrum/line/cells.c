#include "cells.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER
#define GROWTH 8.0 /* largest sum of absolute terms, cosh(2.8) */
#define STEEP 4.0  /* largest change of log p and log D p across a cell */
#define MOST_CELLS 20000

static void range(const double *x, double *least, double *most) {
    *least = *most = x[0];
    for (int j = 1; j < ORDER; j++) {
        *least = x[j] < *least ? x[j] : *least;
        *most = x[j] > *most ? x[j] : *most;
    }
}

static sg_status new_form(const sg_panels *panels, const double *log_value, sg_cell_form *made) {
    sg_status status = sg_new(&made->series, (size_t)panels->n, sizeof(double));
    if (!status) status = sg_new(&made->log_unit, (size_t)panels->count, sizeof(double));
    if (!status) status = sg_new(&made->defect, (size_t)panels->count, sizeof(double));
    if (status) return status;
    for (int k = 0; k < panels->count; k++) {
        const double *here = log_value + k * ORDER;
        double value[ORDER], lo, hi;
        range(here, &lo, &hi);
#pragma omp simd
        for (int j = 0; j < ORDER; j++) value[j] = exp(here[j] - hi);
        double of_log = sg_legendre_rest(here), of_value = sg_legendre_rest(value) * exp(hi - lo);
        made->log_unit[k] = of_value < of_log ? hi : NAN;
        made->defect[k] = of_value < of_log ? of_value : of_log;
        sg_legendre_apply(sg_legendre_coefficient, of_value < of_log ? value : here, made->series + k * ORDER);
    }
    return SG_OK;
}

static void delete_form(sg_cell_form *f) {
    sg_delete(f->series);
    sg_delete(f->log_unit);
    sg_delete(f->defect);
}

static double form_at(const sg_cell_form *f, int panel, double t) {
    double value = sg_legendre_sum(f->series + panel * ORDER, t);
    return isnan(f->log_unit[panel]) ? value : log(value > 1e-300 ? value : 1e-300) + f->log_unit[panel];
}

/* log p and log D p at the nodes of a cell: those of the panel, or interpolated. */
static void densities(const sg_cells *s, const sg_cell *c, double *log_p, double *log_dp) {
    const int at = c->panel * ORDER;
    if (c->depth == 0) {
        memcpy(log_p, s->panels->logp + at, ORDER * sizeof *log_p);
        memcpy(log_dp, s->log_dp + at, ORDER * sizeof *log_dp);
        return;
    }
    double lo = s->panels->edge[c->panel], hi = s->panels->edge[c->panel + 1];
    for (int j = 0; j < ORDER; j++) {
        double x = 0.5 * (c->lo + c->hi) + c->half * sg_legendre_node[j], t = ((x - lo) - (hi - x)) / (hi - lo);
        log_p[j] = form_at(&s->p, c->panel, t);
        log_dp[j] = form_at(&s->dp, c->panel, t);
    }
}

static double edge_value(const double *f) {
    double sum = 0;
    for (int j = 0; j < ORDER; j++) sum += sg_legendre_weight[j] * f[j];
    return sum;
}

/*
 * Series of a pair of fundamental solutions: u_0 = 1, w_0 = int first, u_1 = int second w_0, w_1 = int first u_1, ...
 * With (first, second) = (ph, 1/rh) u is A and w is C; with (1/rh, ph) u is D and w is B.
 */
static void series(const double *first, const double *second, int u, int w, sg_cell *c, sg_cell_edge *edge) {
    double f[ORDER], (*u_node)[ORDER] = c->node[u], (*w_node)[ORDER] = c->node[w];
    edge->term[0][u] = 1;
    for (int j = 0; j < ORDER; j++) u_node[0][j] = 1;
    for (int k = 0; k < SG_CELL_TERMS; k++) {
        for (int j = 0; j < ORDER; j++) f[j] = first[j] * u_node[k][j];
        sg_legendre_apply(sg_legendre_left, f, w_node[k]);
        edge->term[k][w] = edge_value(f);
        if (k + 1 == SG_CELL_TERMS) break;
        for (int j = 0; j < ORDER; j++) f[j] = second[j] * w_node[k][j];
        sg_legendre_apply(sg_legendre_left, f, u_node[k + 1]);
        edge->term[k + 1][u] = edge_value(f);
    }
}

static double sum_of_terms(const sg_cell_edge *edge, int m, double l) {
    double sum = 0;
    for (int k = SG_CELL_TERMS - 1; k >= 0; k--) sum = sum * l + fabs(edge->term[k][m]);
    return sum;
}

/* Fills a cell; false when it must be halved. */
static bool fill(const sg_cells *s, sg_cell *c, sg_cell_edge *edge, double log_top) {
    double log_p[ORDER], log_dp[ORDER], ph[ORDER], rest[ORDER], lo[2], hi[2];
    c->half = 0.5 * (c->hi - c->lo);
    densities(s, c, log_p, log_dp);
    range(log_p, &lo[0], &hi[0]);
    range(log_dp, &lo[1], &hi[1]);
    if (c->depth < 20 && (hi[0] - lo[0] > STEEP || hi[1] - lo[1] > STEEP)) return false;
    c->s = lrint(0.5 * (lo[0] + hi[0]) / M_LN2);
    c->u = lrint(0.5 * (lo[1] + hi[1]) / M_LN2);
    double log_l = log_top + 2 * log(c->half) + (double)(c->s - c->u) * M_LN2;
    if (log_l > 2 * M_LN10) return false;
#pragma omp simd
    for (int j = 0; j < ORDER; j++) {
        ph[j] = exp(log_p[j] - (double)c->s * M_LN2);
        rest[j] = exp((double)c->u * M_LN2 - log_dp[j]);
    }
    series(ph, rest, 0, 2, c, edge);
    series(rest, ph, 3, 1, c, edge);
    double l = exp(log_l);
    return sum_of_terms(edge, 0, l) < GROWTH && sum_of_terms(edge, 3, l) < GROWTH;
}

static sg_status make_room(sg_cells *s) {
    if (s->count < s->room) return SG_OK;
    int room = 2 * s->room;
    sg_cell *old = s->cell;
    sg_cell_edge *old_edges = s->edge;
    if (s->count >= MOST_CELLS)
        return sg_fail(SG_NOT_CONVERGED, "eigenfunctions oscillate on more than %d cells: ask for fewer eigenpairs",
                       MOST_CELLS);
    sg_status status = sg_new(&s->cell, (size_t)room, sizeof *s->cell);
    if (status) {
        s->cell = old;
        return status;
    }
    memcpy(s->cell, old, (size_t)s->count * sizeof *old);
    sg_delete(old);
    status = sg_new(&s->edge, (size_t)room, sizeof *s->edge);
    if (status) {
        s->edge = old_edges;
        return status;
    }
    memcpy(s->edge, old_edges, (size_t)s->count * sizeof *old_edges);
    sg_delete(old_edges);
    s->room = room;
    return SG_OK;
}

static sg_status split(sg_cells *s, int panel, int depth, double lo, double hi, double log_top) {
    sg_status status = make_room(s);
    if (status) return status;
    sg_cell *c = &s->cell[s->count];
    c->panel = panel;
    c->depth = depth;
    c->lo = lo;
    c->hi = hi;
    if (fill(s, c, &s->edge[s->count], log_top)) {
        s->count++;
        return SG_OK;
    }
    double mid = 0.5 * (lo + hi);
    if (depth > 40) return sg_fail(SG_NOT_CONVERGED, "log(D p) is not resolved near x = %g", mid);
    status = split(s, panel, depth + 1, lo, mid, log_top);
    return status ? status : split(s, panel, depth + 1, mid, hi, log_top);
}

void sg_cells_delete(sg_cells *s) {
    sg_delete(s->cell);
    sg_delete(s->edge);
    sg_delete(s->log_dp);
    delete_form(&s->p);
    delete_form(&s->dp);
}

sg_status sg_cells_make(sg_cells *s, const sg_panels *panels, const double *log_d, double log_top) {
    sg_status status;
    size_t n = (size_t)panels->n;
    s->panels = panels;
    s->room = panels->count + 16;
    if ((status = sg_new(&s->cell, (size_t)s->room, sizeof *s->cell))) return status;
    if ((status = sg_new(&s->edge, (size_t)s->room, sizeof *s->edge))) return status;
    if ((status = sg_new(&s->log_dp, n, sizeof(double)))) return status;
    for (size_t i = 0; i < n; i++) s->log_dp[i] = panels->logp[i] + (log_d ? log_d[i] : 0);
    if ((status = new_form(panels, panels->logp, &s->p))) return status;
    if ((status = new_form(panels, s->log_dp, &s->dp))) return status;
    for (int k = 0; k < panels->count; k++)
        if ((status = split(s, k, 0, panels->edge[k], panels->edge[k + 1], log_top))) return status;
    return SG_OK;
}
