#include "shoot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER
#define TERMS 14        /* of a series: 2.8^28/28! is below rounding */
#define GROWTH 8.0      /* largest sum of absolute terms, cosh(2.8) */
#define STEEP 4.0       /* largest change of log p and log D p across a cell */
#define MOST_CELLS 20000

/*
 * One cell, t in [-1,1], half-length h, p = 2^s ph, D p = 2^u rh:  with v = h 2^s w and l = lambda h^2 2^(s-u),
 *     f' = -l w / rh,   w' = ph f.
 * The four fundamental solutions are power series in l: from (f,w) = (1,0) f = A(-l), w = C(-l), from (0,1) f = -l B(-l), w = D(-l).
 */
typedef struct {
    double lo, hi;
    int panel, depth;
    long s, u;
    double half;
    double node[4][TERMS][ORDER]; /* series of A, B, C, D at the nodes of the cell */
} cell;

typedef struct {
    double term[TERMS][4]; /* of A, B, C, D at t = 1 */
} edge_series;

typedef struct {
    sg_scaled f, w;
} state;

/* A positive function on the panels, each by the Legendre series of its logarithm or of itself, whichever ends sooner. */
typedef struct {
    double *series; /* [n] */
    double *log_unit; /* [count] NAN: the series is that of the logarithm; otherwise that of the function over exp(log_unit) */
    double *defect; /* [count] estimated relative error */
} form;

struct sg_shoot {
    const sg_panels *panels;
    int count, room;
    cell *cells;
    edge_series *edges; /* beside the cells, since a sweep needs no more */
    double *log_dp;                        /* [n] */
    form p, dp;
    state *left, *right;                   /* [count + 1] at the left edge of a cell in its units; the last at the right end */
    double *matrix;                        /* [count][4] */
    sg_scaled lambda;
    double *score; /* [count] log of f_left f_right p, up to a constant */
};

/* ----------------------------------------------------------- scaled numbers */

typedef union {
    double value;
    uint64_t bits;
} image;

/* Normal numbers by their bits; the others by frexp. */
static inline sg_scaled normal(double m, long e) {
    image x = {.value = m};
    int field = (int)(x.bits >> 52 & 0x7ff), shift;
    if (field == 0 || field == 0x7ff) {
        m = frexp(m, &shift);
        return (sg_scaled){m, m == 0 ? 0 : e + shift};
    }
    x.bits = (x.bits & ~((uint64_t)0x7ff << 52)) | (uint64_t)1022 << 52;
    return (sg_scaled){x.value, e + field - 1022};
}

sg_scaled sg_scaled_of(double m, long e) {
    return normal(m, e);
}

sg_scaled sg_scaled_exp(double log_value) {
    long e = lrint(log_value / M_LN2);
    return sg_scaled_of(exp((log_value - (double)e * 0x1.62e42fefa38p-1) - (double)e * 0x1.ef35793c7673p-45), e);
}

double sg_scaled_log(sg_scaled x) {
    return log(fabs(x.m)) + (double)x.e * M_LN2;
}

double sg_scaled_value(sg_scaled x) {
    return x.e > 1100 ? x.m * INFINITY : x.e < -1200 ? 0 : ldexp(x.m, (int)x.e);
}

/* 2^e for e <= 0, zero below the range. */
static inline double power(long e) {
    image x = {.bits = e < -1022 ? 0 : (uint64_t)(1023 + e) << 52};
    return x.value;
}

/* a x + b y */
static inline sg_scaled combine(double a, sg_scaled x, double b, sg_scaled y) {
    if (x.m == 0) return normal(b * y.m, y.e);
    if (y.m == 0) return normal(a * x.m, x.e);
    long e = x.e > y.e ? x.e : y.e;
    return normal(a * x.m * power(x.e - e) + b * y.m * power(y.e - e), e);
}

static inline sg_scaled shifted(sg_scaled x, double factor, long e) {
    return normal(x.m * factor, x.e + e);
}

static inline sg_scaled product(sg_scaled x, sg_scaled y) {
    return normal(x.m * y.m, x.e + y.e);
}

static inline sg_scaled quotient(sg_scaled x, sg_scaled y) {
    return normal(x.m / y.m, x.e - y.e);
}

/* -------------------------------------------------------------------- cells */

static void range(const double *x, double *least, double *most) {
    *least = *most = x[0];
    for (int j = 1; j < ORDER; j++) {
        *least = x[j] < *least ? x[j] : *least;
        *most = x[j] > *most ? x[j] : *most;
    }
}

static sg_status new_form(const sg_panels *panels, const double *log_value, form *made) {
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

static void delete_form(form *f) {
    sg_delete(f->series);
    sg_delete(f->log_unit);
    sg_delete(f->defect);
}

static double form_at(const form *f, int panel, double t) {
    double value = sg_legendre_sum(f->series + panel * ORDER, t);
    return isnan(f->log_unit[panel]) ? value : log(value > 1e-300 ? value : 1e-300) + f->log_unit[panel];
}

/* log p and log D p at the nodes of a cell: those of the panel, or interpolated. */
static void densities(const sg_shoot *s, const cell *c, double *log_p, double *log_dp) {
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
static void series(const double *first, const double *second, int u, int w, cell *c, edge_series *edge) {
    double f[ORDER], (*u_node)[ORDER] = c->node[u], (*w_node)[ORDER] = c->node[w];
    edge->term[0][u] = 1;
    for (int j = 0; j < ORDER; j++) u_node[0][j] = 1;
    for (int k = 0; k < TERMS; k++) {
        for (int j = 0; j < ORDER; j++) f[j] = first[j] * u_node[k][j];
        sg_legendre_apply(sg_legendre_left, f, w_node[k]);
        edge->term[k][w] = edge_value(f);
        if (k + 1 == TERMS) break;
        for (int j = 0; j < ORDER; j++) f[j] = second[j] * w_node[k][j];
        sg_legendre_apply(sg_legendre_left, f, u_node[k + 1]);
        edge->term[k + 1][u] = edge_value(f);
    }
}

static double sum_of_terms(const edge_series *edge, int m, double l) {
    double sum = 0;
    for (int k = TERMS - 1; k >= 0; k--) sum = sum * l + fabs(edge->term[k][m]);
    return sum;
}

/* Fills a cell; false when it must be halved. */
static bool fill(const sg_shoot *shoot, cell *c, edge_series *edge, double log_top) {
    double log_p[ORDER], log_dp[ORDER], ph[ORDER], rest[ORDER], lo[2], hi[2];
    c->half = 0.5 * (c->hi - c->lo);
    densities(shoot, c, log_p, log_dp);
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

static sg_status make_room(sg_shoot *s) {
    if (s->count < s->room) return SG_OK;
    int room = 2 * s->room;
    cell *old = s->cells;
    edge_series *old_edges = s->edges;
    if (s->count >= MOST_CELLS)
        return sg_fail(SG_NOT_CONVERGED, "eigenfunctions oscillate on more than %d cells: ask for fewer eigenpairs", MOST_CELLS);
    sg_status status = sg_new(&s->cells, (size_t)room, sizeof *s->cells);
    if (status) {
        s->cells = old;
        return status;
    }
    memcpy(s->cells, old, (size_t)s->count * sizeof *old);
    sg_delete(old);
    status = sg_new(&s->edges, (size_t)room, sizeof *s->edges);
    if (status) {
        s->edges = old_edges;
        return status;
    }
    memcpy(s->edges, old_edges, (size_t)s->count * sizeof *old_edges);
    sg_delete(old_edges);
    s->room = room;
    return SG_OK;
}

static sg_status split(sg_shoot *s, int panel, int depth, double lo, double hi, double log_top) {
    sg_status status = make_room(s);
    if (status) return status;
    cell *c = &s->cells[s->count];
    c->panel = panel;
    c->depth = depth;
    c->lo = lo;
    c->hi = hi;
    if (fill(s, c, &s->edges[s->count], log_top)) {
        s->count++;
        return SG_OK;
    }
    double mid = 0.5 * (lo + hi);
    if (depth > 40) return sg_fail(SG_NOT_CONVERGED, "log(D p) is not resolved near x = %g", mid);
    status = split(s, panel, depth + 1, lo, mid, log_top);
    return status ? status : split(s, panel, depth + 1, mid, hi, log_top);
}

void sg_shoot_delete(sg_shoot *s) {
    if (!s) return;
    sg_delete(s->cells);
    sg_delete(s->edges);
    sg_delete(s->log_dp);
    delete_form(&s->p);
    delete_form(&s->dp);
    sg_delete(s->left);
    sg_delete(s->right);
    sg_delete(s->matrix);
    sg_delete(s->score);
    sg_delete(s);
}

sg_status sg_shoot_new(const sg_panels *panels, const double *log_d, double log_top, sg_shoot **made) {
    sg_shoot *s = NULL;
    size_t n = (size_t)panels->n;
    *made = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    s->panels = panels;
    s->room = panels->count + 16;
    if ((status = sg_new(&s->cells, (size_t)s->room, sizeof *s->cells))) goto out;
    if ((status = sg_new(&s->edges, (size_t)s->room, sizeof *s->edges))) goto out;
    if ((status = sg_new(&s->log_dp, n, sizeof(double)))) goto out;
    for (size_t i = 0; i < n; i++) s->log_dp[i] = panels->logp[i] + (log_d ? log_d[i] : 0);
    if ((status = new_form(panels, panels->logp, &s->p))) goto out;
    if ((status = new_form(panels, s->log_dp, &s->dp))) goto out;
    for (int k = 0; k < panels->count; k++)
        if ((status = split(s, k, 0, panels->edge[k], panels->edge[k + 1], log_top))) goto out;
    size_t edges = (size_t)s->count + 1;
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
    return shoot->count;
}

void sg_shoot_defects(const sg_shoot *shoot, const double **of_p, const double **of_dp) {
    *of_p = shoot->p.defect;
    *of_dp = shoot->dp.defect;
}

/* ------------------------------------------------------------------- sweeps */

static sg_scaled local_lambda(const cell *c, sg_scaled lambda) {
    return shifted(lambda, c->half * c->half, c->s - c->u);
}

/* The series of all cells at -lambda. */
static void transfer(sg_shoot *s, sg_scaled lambda) {
    for (int k = 0; k < s->count; k++) {
        const cell *c = &s->cells[k];
        double y = -sg_scaled_value(local_lambda(c, lambda)), sum[4] = {0};
        for (int j = TERMS - 1; j >= 0; j--)
            for (int m = 0; m < 4; m++) sum[m] = sum[m] * y + s->edges[k].term[j][m];
        memcpy(s->matrix + 4 * k, sum, sizeof sum);
    }
    s->lambda = lambda;
}

/* From the units of w in one cell to those of another. */
static sg_scaled convert(sg_scaled w, const cell *from, const cell *to) {
    return shifted(w, from->half / to->half, from->s - to->s);
}

static state forward(const double *m, sg_scaled l, state at) {
    sg_scaled lw = product(l, at.w);
    return (state){combine(m[0], at.f, -m[1], lw), combine(m[2], at.f, m[3], at.w)};
}

static state backward(const double *m, sg_scaled l, state at) {
    sg_scaled lw = product(l, at.w);
    return (state){combine(m[3], at.f, m[1], lw), combine(-m[2], at.f, m[0], at.w)};
}

/* (+,+), (-,+), (-,-), (+,-): the state only ever turns this way. */
static int quadrant(state at) {
    return at.w.m > 0 || (at.w.m == 0 && at.f.m > 0) ? at.f.m < 0 : 2 + (at.f.m > 0);
}

static int sweep_right(sg_shoot *s, state *end) {
    state at = {{0.5, 1}, {0, 0}};
    int now = 0;
    long turns = 0;
    for (int k = 0; k < s->count; k++) {
        const cell *c = &s->cells[k];
        if (k > 0) at.w = convert(at.w, c - 1, c);
        s->left[k] = at;
        at = forward(s->matrix + 4 * k, local_lambda(c, s->lambda), at);
        int next = quadrant(at), step = (next - now) & 3;
        turns += step == 3 ? -1 : step;
        now = next;
    }
    s->left[s->count] = *end = at;
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
    s->right[s->count] = at;
    for (int k = s->count - 1; k >= 0; k--) {
        const cell *c = &s->cells[k];
        at = backward(s->matrix + 4 * k, local_lambda(c, s->lambda), at);
        s->right[k] = at;
        if (k > 0) at.w = convert(at.w, c, c - 1);
    }
}

/* Whether the two sweeps are joined at the left edge of cell k by f; otherwise by w. */
static bool by_value(const sg_shoot *s, int k) {
    sg_scaled f = product(s->left[k].f, s->right[k].f), w = product(s->left[k].w, s->right[k].w);
    if (k == 0 || k == s->count || w.m == 0) return true;
    if (f.m == 0) return false;
    return sg_scaled_log(f) >= sg_scaled_log(w) + sg_scaled_log(local_lambda(&s->cells[k], s->lambda));
}

void sg_shoot_sweep(sg_shoot *s, sg_scaled lambda) {
    state end;
    transfer(s, lambda);
    sweep_right(s, &end);
    sweep_left(s);
    for (int k = 0; k < s->count; k++) {
        const cell *c = &s->cells[k];
        sg_scaled f = product(s->left[k].f, s->right[k].f), w = product(s->left[k].w, s->right[k].w);
        double a = f.m != 0 ? sg_scaled_log(f) : -INFINITY;
        double b = w.m != 0 ? sg_scaled_log(w) + sg_scaled_log(local_lambda(c, lambda)) : -INFINITY;
        s->score[k] = (a > b ? a : b) + (double)c->s * M_LN2;
    }
}

int sg_shoot_join(const sg_shoot *s, const bool *avoid) {
    int best = -1;
    for (int k = 0; k < s->count; k++)
        if (!(avoid && avoid[s->cells[k].panel]) && (best < 0 || s->score[k] > s->score[best])) best = k;
    return best;
}

/* ------------------------------------------------------------------ vectors */

/* f and w of a cell at its nodes, relative to the exponents fe and we of f and w. */
static void nodes_of(const cell *c, sg_scaled l, state at, double *f, long *fe, double *w, long *we) {
    double y = -sg_scaled_value(l), sum[4][ORDER] = {{0}};
    for (int j = TERMS - 1; j >= 0; j--)
        for (int m = 0; m < 4; m++)
            for (int i = 0; i < ORDER; i++) sum[m][i] = sum[m][i] * y + c->node[m][j][i];
    sg_scaled lw = product(l, at.w);
    *fe = at.f.m == 0 ? lw.e : lw.m == 0 || at.f.e > lw.e ? at.f.e : lw.e;
    *we = at.f.m == 0 ? at.w.e : at.w.m == 0 || at.f.e > at.w.e ? at.f.e : at.w.e;
    double ff = at.f.m * power(at.f.e - *fe), fw = lw.m * power(lw.e - *fe);
    double wf = at.f.m * power(at.f.e - *we), ww = at.w.m * power(at.w.e - *we);
    for (int i = 0; i < ORDER; i++) {
        f[i] = sum[0][i] * ff - sum[1][i] * fw;
        w[i] = sum[2][i] * wf + sum[3][i] * ww;
    }
}

/* Values at the nodes of a cell to the nodes of its panel that lie in it; first and count of those. */
static int resample(const sg_shoot *s, const cell *c, int *first, double *f, double *w) {
    *first = c->panel * ORDER;
    if (c->depth == 0) return ORDER;
    const double *x = s->panels->x + *first;
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
    sg_scaled ratio = by_value(s, join) ? quotient(left->f, right->f) : quotient(left->w, right->w);
    for (int k = 0; k < s->count; k++) {
        sg_scaled at = k < join ? s->left[k].f : product(s->right[k].f, ratio);
        if (at.m != 0 && (top.m == 0 || at.e > top.e)) top = (sg_scaled){0.5, at.e};
    }
    sg_scaled scale = quotient(one, top);
    for (int k = 0; k < s->count; k++) {
        const cell *c = &s->cells[k];
        sg_scaled l = local_lambda(c, s->lambda), factor = k < join ? scale : product(scale, ratio);
        double fc[ORDER], wc[ORDER];
        long fe, we;
        int first;
        nodes_of(c, l, k < join ? s->left[k] : s->right[k], fc, &fe, wc, &we);
        int count = resample(s, c, &first, fc, wc);
        /* f' = -lambda v / (D p), v = h 2^s w */
        sg_scaled value = normal(factor.m, fe + factor.e);
        sg_scaled slope = normal(-s->lambda.m * c->half * factor.m, s->lambda.e + c->s - c->u + we + factor.e);
        double unit = sg_scaled_value(value), steep = sg_scaled_value(slope), log_u = (double)c->u * M_LN2;
#pragma omp simd
        for (int i = 0; i < count; i++) {
            wc[i] *= exp(log_u - s->log_dp[first + i]);
            f[first + i] = fc[i] * unit;
            g[first + i] = wc[i] * steep;
        }
        for (int i = 0; log_g && i < count; i++) log_g[first + i] = log(fabs(wc[i])) + sg_scaled_log(slope);
    }
}
