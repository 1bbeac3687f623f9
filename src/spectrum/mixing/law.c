/*
 * With f and g the solutions of (D p h')' = s p h without flux through the left and the right end, the resolvent from x
 * is f(y)/f(x) left and g(y)/g(x) right of x, times 1/(s (a + b)), a = int_lo^x p f / f(x), b = int_x^hi p g / g(x):
 * its mass is 1/s.  From p restricted to (lo, x), of mass P, it is 1/(s P) - b/(a+b)/(s P) f(y)/f(x) on the left and
 * a/(a+b)/(s P) g(y)/g(x) on the right.
 *
 * On cells (cells.h, with lambda = -s) the quotients int p f / f and int p g / g obey Moebius recursions whose terms
 * stay in the cone between 1 and s, which Talbot's contour keeps narrower than a half-plane, so that nothing cancels
 * and metastable times are as good as others.
 */
#include <math.h>
#include <string.h>

#include "line.h"
#include "numeric/legendre.h"
#include "spectrum/line/cells.h"

#define ORDER SG_PANEL_ORDER
#define TERMS SG_CELL_TERMS
#define MOST_CELLS 20000
#define DEEPEST 680
#define NOTHING 1e-19 /* mass in a tail that is left out */

/* Solutions on one cell at one s: at the nodes, A, B, C, D of cells.h. */
typedef struct {
    double re[4][ORDER], im[4][ORDER];
} series;

/* Series at the right edge; quotients at the left edge of a cell in its unit; what a solution is multiplied with when
 * one crosses it. */
typedef struct {
    sg_complex m[4], y, left, right, leftwards, rightwards;
} edge;

struct sg_line_law {
    const sg_panels *panels;
    const double *log_d;
    sg_cells cells;
    double log_top;
    double *below, *above; /* [cells + 1] P and Q at the edges */
    double *unit;          /* [cells] half 2^s */
    edge *edge;            /* [cells], at one point of the contour */
    double *value;         /* [cells][ORDER] F_t - P */
    double *density;       /* [cells][ORDER] h_t - 1 */
    double x, mass;        /* the start, and P(X <= x) */
    bool warm;
    int level; /* of the contour */
};

/* -------------------------------------------------------------------- cells */

static void drop_cells(sg_line_law *l) {
    sg_cells_delete(&l->cells);
    memset(&l->cells, 0, sizeof l->cells);
    void *part[] = {l->below, l->above, l->unit, l->edge, l->value, l->density};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    l->below = l->above = l->unit = l->value = l->density = NULL;
    l->edge = NULL;
}

void sg_line_law_delete(sg_line_law *l) {
    if (!l) return;
    drop_cells(l);
    sg_delete(l);
}

static double cell_mass(const sg_line_law *l, int k) {
    return l->unit[k] * l->cells.edge[k].term[0][2];
}

static sg_status make_cells(sg_line_law *l, double log_top) {
    drop_cells(l);
    l->log_top = log_top;
    sg_status status = sg_cells_make(&l->cells, l->panels, l->log_d, log_top);
    if (status) return status;
    const size_t n = (size_t)l->cells.count;
    if (l->cells.count > MOST_CELLS)
        return sg_fail(SG_NOT_CONVERGED, "laws at times near %g need more than %d cells: ask for a larger epsilon",
                       exp(-log_top), MOST_CELLS);
    double **line[] = {&l->below, &l->above, &l->unit}, **node[] = {&l->value, &l->density};
    for (int k = 0; !status && k < 3; k++) status = sg_new(line[k], n + 1, sizeof(double));
    for (int k = 0; !status && k < 2; k++) status = sg_new(node[k], n * ORDER, sizeof(double));
    if (!status) status = sg_new(&l->edge, n, sizeof *l->edge);
    if (status) return status;
    for (size_t k = 0; k < n; k++) l->unit[k] = ldexp(l->cells.cell[k].half, (int)l->cells.cell[k].s);
    for (size_t k = 0; k < n; k++) l->below[k + 1] = l->below[k] + cell_mass(l, (int)k);
    for (size_t k = n; k > 0; k--) l->above[k - 1] = l->above[k] + cell_mass(l, (int)k - 1);
    return SG_OK;
}

sg_status sg_line_law_new(const sg_panels *panels, const double *log_d, sg_line_law **made) {
    double least = INFINITY, most = -INFINITY;
    *made = NULL;
    for (int i = 0; i < panels->n; i++) {
        least = fmin(least, panels->logp[i]);
        most = fmax(most, panels->logp[i]);
    }
    if (!(most - least < DEEPEST))
        return sg_fail(
            SG_UNDERFLOW,
            "p varies by e^%.0f on the panels, and laws in time are computed up to e^%d: `scoregap gap` gives "
            "the logarithm of the relaxation time",
            most - least, DEEPEST);
    sg_status status = sg_new(made, 1, sizeof **made);
    if (status) return status;
    (*made)->panels = panels;
    (*made)->log_d = log_d;
    return SG_OK;
}

void sg_line_law_start(sg_line_law *l, double x, bool warm) {
    double above;
    l->x = x;
    l->warm = warm;
    sg_panels_distribution(l->panels, x, &l->mass, &above);
}

double sg_line_law_at_zero(const sg_line_law *l) {
    return l->warm ? 1 - l->mass : 1;
}

/* ------------------------------------------------------------------- sweeps */

static void evaluate(const sg_cell *c, sg_complex y, series *out) {
    const double yr = creal(y), yi = cimag(y);
    for (int m = 0; m < 4; m++) {
        double *re = out->re[m], *im = out->im[m];
        for (int i = 0; i < ORDER; i++) re[i] = c->node[m][TERMS - 1][i], im[i] = 0;
        for (int j = TERMS - 2; j >= 0; j--) {
            const double *term = c->node[m][j];
#pragma omp simd
            for (int i = 0; i < ORDER; i++) {
                double a = re[i] * yr - im[i] * yi + term[i];
                im[i] = re[i] * yi + im[i] * yr;
                re[i] = a;
            }
        }
    }
}

/* Products without the tests for infinities of Annex G. */
static inline sg_complex times(sg_complex a, sg_complex b) {
    return CMPLX(creal(a) * creal(b) - cimag(a) * cimag(b), creal(a) * cimag(b) + cimag(a) * creal(b));
}

static void at_right_edge(const sg_cell_edge *e, sg_complex y, sg_complex m[4]) {
    const double yr = creal(y), yi = cimag(y);
    double re[4], im[4] = {0};
    memcpy(re, e->term[TERMS - 1], sizeof re);
    for (int j = TERMS - 2; j >= 0; j--)
        for (int k = 0; k < 4; k++) {
            double a = re[k] * yr - im[k] * yi + e->term[j][k];
            im[k] = re[k] * yi + im[k] * yr;
            re[k] = a;
        }
    for (int k = 0; k < 4; k++) m[k] = CMPLX(re[k], im[k]);
}

static void sweep(sg_line_law *l, sg_complex s) {
    const int n = l->cells.count;
    sg_complex quotient = 0;
    for (int k = 0; k < n; k++) {
        const sg_cell *c = &l->cells.cell[k];
        edge *at = &l->edge[k];
        at->y = s * ldexp(c->half * c->half, (int)(c->s - c->u));
        at_right_edge(&l->cells.edge[k], at->y, at->m);
        at->left = quotient;
        at->leftwards = 1 / (at->m[0] + times(times(at->m[1], at->y), quotient));
        quotient = times(at->m[2] + times(at->m[3], quotient), at->leftwards);
        if (k + 1 < n) quotient *= l->unit[k] / l->unit[k + 1];
    }
    quotient = 0;
    for (int k = n - 1; k >= 0; k--) {
        edge *at = &l->edge[k];
        at->rightwards = 1 / (at->m[3] + times(times(at->m[1], at->y), quotient));
        at->right = times(at->m[2] + times(at->m[0], quotient), at->rightwards);
        quotient = k > 0 ? at->right * (l->unit[k] / l->unit[k - 1]) : 0;
    }
}

/* -------------------------------------------------------------------- laws */

/* Where the start is: its cell and place there. */
static int find_cell(const sg_line_law *l, double *t) {
    const sg_cell *cell = l->cells.cell;
    int lo = 0, hi = l->cells.count - 1;
    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;
        if (cell[mid].lo <= l->x)
            lo = mid;
        else
            hi = mid - 1;
    }
    *t = ((l->x - cell[lo].lo) - (cell[lo].hi - l->x)) / (cell[lo].hi - cell[lo].lo);
    *t = fmin(1, fmax(-1, *t));
    return lo;
}

static sg_complex at_place(const double *re, const double *im, double t) {
    double cr[ORDER], ci[ORDER], r, i;
    sg_legendre_apply(sg_legendre_coefficient, re, cr);
    sg_legendre_apply(sg_legendre_coefficient, im, ci);
    sg_legendre_pair(cr, ci, t, &r, &i);
    return r + i * I;
}

/* out = a + b q of two series at the nodes */
static void combine(const series *s, int a, int b, sg_complex q, double sign, double *re, double *im) {
    const double qr = creal(q), qi = cimag(q);
#pragma omp simd
    for (int i = 0; i < ORDER; i++) {
        re[i] = sign * (s->re[a][i] + s->re[b][i] * qr - s->im[b][i] * qi);
        im[i] = sign * (s->im[a][i] + s->re[b][i] * qi + s->im[b][i] * qr);
    }
}

/* f and its integral (or g and its integral to the right) on a cell, at the nodes, for 1 at the left edge. */
typedef struct {
    double re[2][ORDER], im[2][ORDER];
} solution;

static void solve_cell(const sg_line_law *l, int k, bool left, solution *out) {
    const edge *e = &l->edge[k];
    series s;
    evaluate(&l->cells.cell[k], e->y, &s);
    combine(&s, 0, 1, left ? times(e->y, e->left) : -times(e->y, e->right), 1, out->re[0], out->im[0]);
    combine(&s, 2, 3, left ? e->left : -e->right, left ? 1 : -1, out->re[1], out->im[1]);
}

/* Adds Re(factor solution) to density and value at the nodes of cell k that lie on the solution's side of t_x. */
static void add_cell(sg_line_law *l, int k, const solution *s, sg_complex factor, bool left, double t_x) {
    const double fr = creal(factor), fi = cimag(factor), per_mass = 1 / l->unit[k];
    double *density = l->density + k * ORDER, *value = l->value + k * ORDER;
    for (int i = 0; i < ORDER; i++) {
        if ((sg_legendre_node[i] < t_x) != left) continue;
        density[i] += (fr * s->re[0][i] - fi * s->im[0][i]) * per_mass;
        value[i] += (left ? 1 : -1) * (fr * s->re[1][i] - fi * s->im[1][i]);
    }
}

static bool is_nothing(double mass, sg_complex factor, sg_complex quotient) {
    return mass < NOTHING && cabs(factor) * (1 + cabs(quotient)) < NOTHING;
}

static void add_contour_point(sg_line_law *l, sg_complex s, sg_complex weight, int home, double t_x) {
    const edge *at = l->edge;
    solution left, right;
    sweep(l, s);
    solve_cell(l, home, true, &left);
    solve_cell(l, home, false, &right);
    const sg_complex f = at_place(left.re[0], left.im[0], t_x), g = at_place(right.re[0], right.im[0], t_x);
    const sg_complex a = at_place(left.re[1], left.im[1], t_x) / f, b = at_place(right.re[1], right.im[1], t_x) / g;
    sg_complex to_left = weight / (s * (a + b)), to_right = to_left;
    if (l->warm) {
        to_left *= -b * (l->unit[home] / l->mass);
        to_right *= a * (l->unit[home] / l->mass);
    }
    /* factor of a cell: the solution at its left edge over that at x, in units of mass of the cell */
    sg_complex factor = to_left / f;
    add_cell(l, home, &left, factor, true, t_x);
    for (int k = home - 1; k >= 0; k--) {
        factor = times(factor, at[k].leftwards) * (l->unit[k] / l->unit[k + 1]);
        if (is_nothing(l->below[k + 1], factor, at[k].left)) break;
        solve_cell(l, k, true, &left);
        add_cell(l, k, &left, factor, true, 2);
    }
    factor = to_right / g;
    add_cell(l, home, &right, factor, false, t_x);
    for (int k = home + 1; k < l->cells.count; k++) {
        factor = times(factor, at[k - 1].rightwards) * (l->unit[k] / l->unit[k - 1]);
        if (is_nothing(l->above[k], factor, at[k].right)) break;
        solve_cell(l, k, false, &right);
        add_cell(l, k, &right, factor, false, -2);
    }
}

/* What h_t - 1 and F_t - P are at all nodes without the contour's sum. */
static void begin(sg_line_law *l, int home, double t_x) {
    const double extra = l->warm ? 1 / l->mass : 0;
    for (int k = 0; k < l->cells.count; k++) {
        const double *inner = l->cells.cell[k].node[2][0]; /* int ph from the left edge */
        for (int i = 0; i < ORDER; i++) {
            const bool left = k < home || (k == home && sg_legendre_node[i] < t_x);
            const double part = l->unit[k] * inner[i];
            l->density[k * ORDER + i] = left ? extra - 1 : -1;
            l->value[k * ORDER + i] =
                left ? (extra - 1) * (l->below[k] + part) : l->above[k + 1] + (cell_mass(l, k) - part);
        }
    }
}

static sg_status distance_by(void *context, int points, double t, double *distance) {
    sg_line_law *l = context;
    sg_contour contour;
    sg_contour_make(points, &contour);
    const double want = log(sg_contour_reach(&contour) / t);
    if (!(l->cells.count && want <= l->log_top && want > l->log_top - 7)) {
        sg_status status = make_cells(l, want + 0.7);
        if (status) {
            drop_cells(l);
            return status;
        }
    }
    double t_x;
    int home = find_cell(l, &t_x);
    begin(l, home, t_x);
    for (int j = 0; j < points; j++) add_contour_point(l, contour.node[j] / t, contour.weight[j] / t, home, t_x);
    *distance = sg_half_variation(l->cells.count, l->value, l->density);
    return SG_OK;
}

sg_status sg_line_law_distance(void *context, double t, double *distance, double *error) {
    sg_line_law *l = context;
    return sg_contour_distance(distance_by, l, t, &l->level, distance, error);
}

sg_status sg_line_law_look(sg_line_law *l, double t, double *distance) {
    return distance_by(l, sg_contour_points(l->level > 0 ? l->level - 1 : 0), t, distance);
}

/* --------------------------------------------------------------- variation */

/* The value where the slope loses the sign that it has at lo, before hi. */
static double extreme(const double *value, const double *slope, bool positive, double lo, double hi) {
    double c[ORDER];
    sg_legendre_apply(sg_legendre_coefficient, slope, c);
    for (int i = 0; i < 40; i++) {
        double mid = 0.5 * (lo + hi);
        if ((sg_legendre_sum(c, mid) > 0) == positive)
            lo = mid;
        else
            hi = mid;
    }
    sg_legendre_apply(sg_legendre_coefficient, value, c);
    return sg_legendre_sum(c, lo);
}

/* The same between the last node of cell k and the first of the next. */
static double extreme_at_edge(int k, const double *value, const double *slope, bool positive) {
    const double first = sg_legendre_node[0];
    double c[ORDER];
    sg_legendre_apply(sg_legendre_coefficient, slope + k * ORDER, c);
    if ((sg_legendre_sum(c, 1) > 0) == positive)
        return extreme(value + (k + 1) * ORDER, slope + (k + 1) * ORDER, positive, -1, first);
    return extreme(value + k * ORDER, slope + k * ORDER, positive, -first, 1);
}

double sg_half_variation(int count, const double *value, const double *slope) {
    double total = 0, last = 0;
    for (int i = 0; i + 1 < count * ORDER; i++) {
        const bool positive = slope[i] > 0;
        if (positive == (slope[i + 1] > 0)) continue;
        int k = i / ORDER, j = i % ORDER;
        double here = value[i];
        if (fabs(here) > 1e-15)
            here = j + 1 < ORDER ? extreme(value + k * ORDER, slope + k * ORDER, positive, sg_legendre_node[j],
                                           sg_legendre_node[j + 1])
                                 : extreme_at_edge(k, value, slope, positive);
        total += fabs(here - last);
        last = here;
    }
    return 0.5 * (total + fabs(last));
}
