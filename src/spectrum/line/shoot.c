#include "shoot.h"

#include <string.h>

#include "base/vecmath.h"
#include "cells.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER

typedef struct {
    sg_scaled f, w;
} state;

struct sg_shoot {
    sg_cells cells;
    state *left, *right; /* [count + 1] at the left edge of a cell in its units; the last at the right end */
    double *matrix;      /* [count][4] */
    sg_scaled lambda;
    double *score; /* [count] log of f_left f_right p, up to a constant */
};

void sg_shoot_delete(sg_shoot *s) {
    if (!s) return;
    sg_cells_delete(&s->cells);
    sg_delete(s->left);
    sg_delete(s->right);
    sg_delete(s->matrix);
    sg_delete(s->score);
    sg_delete(s);
}

sg_status sg_shoot_new(const sg_panels *panels, const double *log_d, double log_top, sg_shoot **made) {
    sg_shoot *s = NULL;
    *made = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    if ((status = sg_cells_make(&s->cells, panels, log_d, log_top))) goto out;
    size_t edges = (size_t)s->cells.count + 1;
    if ((status = sg_new(&s->left, edges, sizeof *s->left))) goto out;
    if ((status = sg_new(&s->right, edges, sizeof *s->right))) goto out;
    if ((status = sg_new(&s->matrix, 4 * edges, sizeof(double)))) goto out;
    if ((status = sg_new(&s->score, edges, sizeof(double)))) goto out;
    *made = s;
    s = NULL;
out:
    sg_shoot_delete(s);
    return status;
}

int sg_shoot_cells(const sg_shoot *shoot) {
    return shoot->cells.count;
}

void sg_shoot_defects(const sg_shoot *shoot, const double **of_p, const double **of_dp) {
    *of_p = shoot->cells.p.defect;
    *of_dp = shoot->cells.dp.defect;
}

/* ------------------------------------------------------------------- sweeps */

static sg_scaled local_lambda(const sg_cell *c, sg_scaled lambda) {
    return sg_scaled_shift(lambda, c->half * c->half, c->s - c->u);
}

/* The series of all cells at -lambda. */
static void transfer(sg_shoot *s, sg_scaled lambda) {
    for (int k = 0; k < s->cells.count; k++) {
        const sg_cell *c = &s->cells.cell[k];
        double y = -sg_scaled_value(local_lambda(c, lambda)), sum[4] = {0};
        for (int j = SG_CELL_TERMS - 1; j >= 0; j--)
            for (int m = 0; m < 4; m++) sum[m] = sum[m] * y + s->cells.edge[k].term[j][m];
        memcpy(s->matrix + 4 * k, sum, sizeof sum);
    }
    s->lambda = lambda;
}

/* From the units of w in one cell to those of another. */
static sg_scaled convert(sg_scaled w, const sg_cell *from, const sg_cell *to) {
    return sg_scaled_shift(w, from->half / to->half, from->s - to->s);
}

static state forward(const double *m, sg_scaled l, state at) {
    sg_scaled lw = sg_scaled_product(l, at.w);
    return (state){sg_scaled_combine(m[0], at.f, -m[1], lw), sg_scaled_combine(m[2], at.f, m[3], at.w)};
}

static state backward(const double *m, sg_scaled l, state at) {
    sg_scaled lw = sg_scaled_product(l, at.w);
    return (state){sg_scaled_combine(m[3], at.f, m[1], lw), sg_scaled_combine(-m[2], at.f, m[0], at.w)};
}

/* (+,+), (-,+), (-,-), (+,-): the state only ever turns this way. */
static int quadrant(state at) {
    return at.w.m > 0 || (at.w.m == 0 && at.f.m > 0) ? at.f.m < 0 : 2 + (at.f.m > 0);
}

static int sweep_right(sg_shoot *s, state *end) {
    state at = {{0.5, 1}, {0, 0}};
    int now = 0;
    long turns = 0;
    for (int k = 0; k < s->cells.count; k++) {
        const sg_cell *c = &s->cells.cell[k];
        if (k > 0) at.w = convert(at.w, c - 1, c);
        s->left[k] = at;
        at = forward(s->matrix + 4 * k, local_lambda(c, s->lambda), at);
        int next = quadrant(at), step = (next - now) & 3;
        turns += step == 3 ? -1 : step;
        now = next;
    }
    s->left[s->cells.count] = *end = at;
    return (int)(turns / 2);
}

int sg_shoot_count(sg_shoot *shoot, sg_scaled lambda, sg_scaled *end) {
    state last;
    transfer(shoot, lambda);
    int count = sweep_right(shoot, &last);
    if (end) *end = last.w;
    return count;
}

static void sweep_left(sg_shoot *s) {
    state at = {{0.5, 1}, {0, 0}};
    s->right[s->cells.count] = at;
    for (int k = s->cells.count - 1; k >= 0; k--) {
        const sg_cell *c = &s->cells.cell[k];
        at = backward(s->matrix + 4 * k, local_lambda(c, s->lambda), at);
        s->right[k] = at;
        if (k > 0) at.w = convert(at.w, c, c - 1);
    }
}

/* Whether the two sweeps are joined at the left edge of cell k by f; otherwise by w. */
static bool by_value(const sg_shoot *s, int k) {
    sg_scaled f = sg_scaled_product(s->left[k].f, s->right[k].f), w = sg_scaled_product(s->left[k].w, s->right[k].w);
    if (k == 0 || k == s->cells.count || w.m == 0) return true;
    if (f.m == 0) return false;
    return sg_scaled_log(f) >= sg_scaled_log(w) + sg_scaled_log(local_lambda(&s->cells.cell[k], s->lambda));
}

void sg_shoot_sweep(sg_shoot *s, sg_scaled lambda) {
    state end;
    transfer(s, lambda);
    sweep_right(s, &end);
    sweep_left(s);
    for (int k = 0; k < s->cells.count; k++) {
        const sg_cell *c = &s->cells.cell[k];
        sg_scaled f = sg_scaled_product(s->left[k].f, s->right[k].f),
                  w = sg_scaled_product(s->left[k].w, s->right[k].w);
        double a = f.m != 0 ? sg_scaled_log(f) : -INFINITY;
        double b = w.m != 0 ? sg_scaled_log(w) + sg_scaled_log(local_lambda(c, lambda)) : -INFINITY;
        s->score[k] = (a > b ? a : b) + (double)c->s * M_LN2;
    }
}

int sg_shoot_join(const sg_shoot *s, const bool *avoid) {
    int best = -1;
    for (int k = 0; k < s->cells.count; k++)
        if (!(avoid && avoid[s->cells.cell[k].panel]) && (best < 0 || s->score[k] > s->score[best])) best = k;
    return best;
}

/* ------------------------------------------------------------------ vectors */

/* f and w of a cell at its nodes, relative to the exponents fe and we of f and w. */
static void nodes_of(const sg_cell *c, sg_scaled l, state at, double *f, long *fe, double *w, long *we) {
    double y = -sg_scaled_value(l), sum[4][ORDER] = {{0}};
    for (int j = SG_CELL_TERMS - 1; j >= 0; j--)
        for (int m = 0; m < 4; m++)
            for (int i = 0; i < ORDER; i++) sum[m][i] = sum[m][i] * y + c->node[m][j][i];
    sg_scaled lw = sg_scaled_product(l, at.w);
    *fe = at.f.m == 0 ? lw.e : lw.m == 0 || at.f.e > lw.e ? at.f.e : lw.e;
    *we = at.f.m == 0 ? at.w.e : at.w.m == 0 || at.f.e > at.w.e ? at.f.e : at.w.e;
    double ff = at.f.m * sg_scaled_power(at.f.e - *fe), fw = lw.m * sg_scaled_power(lw.e - *fe);
    double wf = at.f.m * sg_scaled_power(at.f.e - *we), ww = at.w.m * sg_scaled_power(at.w.e - *we);
    for (int i = 0; i < ORDER; i++) {
        f[i] = sum[0][i] * ff - sum[1][i] * fw;
        w[i] = sum[2][i] * wf + sum[3][i] * ww;
    }
}

/* Values at the nodes of a cell to the nodes of its panel that lie in it; first and count of those. */
static int resample(const sg_shoot *s, const sg_cell *c, int *first, double *f, double *w) {
    *first = c->panel * ORDER;
    if (c->depth == 0) return ORDER;
    const double *x = s->cells.panels->x + *first;
    double cf[ORDER], cw[ORDER];
    int count = 0, skip = 0;
    sg_legendre_apply(sg_legendre_coefficient, f, cf);
    sg_legendre_apply(sg_legendre_coefficient, w, cw);
    for (int i = 0; i < ORDER; i++) {
        if (x[i] < c->lo) skip++;
        if (x[i] < c->lo || x[i] >= c->hi) continue;
        double t = ((x[i] - c->lo) - (c->hi - x[i])) / (c->hi - c->lo);
        sg_legendre_pair(cf, cw, t, &f[count], &w[count]);
        count++;
    }
    *first += skip;
    return count;
}

void sg_shoot_vector(const sg_shoot *s, int join, double *f, double *g, double *log_g) {
    sg_scaled one = {0.5, 1}, top = {0, 0};
    const state *left = &s->left[join], *right = &s->right[join];
    sg_scaled ratio = by_value(s, join) ? sg_scaled_quotient(left->f, right->f) : sg_scaled_quotient(left->w, right->w);
    for (int k = 0; k < s->cells.count; k++) {
        sg_scaled at = k < join ? s->left[k].f : sg_scaled_product(s->right[k].f, ratio);
        if (at.m != 0 && (top.m == 0 || at.e > top.e)) top = (sg_scaled){0.5, at.e};
    }
    sg_scaled scale = sg_scaled_quotient(one, top);
    for (int k = 0; k < s->cells.count; k++) {
        const sg_cell *c = &s->cells.cell[k];
        sg_scaled l = local_lambda(c, s->lambda), factor = k < join ? scale : sg_scaled_product(scale, ratio);
        double fc[ORDER], wc[ORDER];
        long fe, we;
        int first;
        nodes_of(c, l, k < join ? s->left[k] : s->right[k], fc, &fe, wc, &we);
        int count = resample(s, c, &first, fc, wc);
        /* f' = -lambda v / (D p), v = h 2^s w */
        sg_scaled value = sg_scaled_of(factor.m, fe + factor.e);
        sg_scaled slope = sg_scaled_of(-s->lambda.m * c->half * factor.m, s->lambda.e + c->s - c->u + we + factor.e);
        double unit = sg_scaled_value(value), steep = sg_scaled_value(slope), log_u = (double)c->u * M_LN2;
#pragma omp simd
        for (int i = 0; i < count; i++) {
            wc[i] *= exp(log_u - s->cells.log_dp[first + i]);
            f[first + i] = fc[i] * unit;
            g[first + i] = wc[i] * steep;
        }
        for (int i = 0; log_g && i < count; i++) log_g[first + i] = log(fabs(wc[i])) + sg_scaled_log(slope);
    }
}
