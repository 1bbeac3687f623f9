/*
 * The resolvent on the circle.  A cell between two points is a network of three conductances: from its solutions at one
 * s (cells.h with lambda = -s, y = s h^2 2^(s-u)), in units 2^u/h, link 1/B between its ends, shunts (A-1)/B and
 * (D-1)/B to the ground at the left and the right end, the series of A-1 and D-1 being those of A and D without their
 * first terms.  Ends that are eliminated one after the other around the circle leave networks of the same kind by sums,
 * products and quotients alone, whose terms stay in the cone between 1 and s: nothing cancels, at any depth and any
 * time.
 *
 * In a cell the resolvent is its values at the ends times the solutions L and R that are 1 at one end and 0 at the
 * other, L = A_t - (A/B) B_t, R = B_t/B, plus what a source in the cell itself gives with both ends grounded, B R(<)
 * L(>) for a unit of mass; that source drives the currents L and R at its place into the ends.
 */
#include "circle.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "line.h"
#include "numeric/legendre.h"
#include "spectrum/line/cells.h"

#define ORDER SG_PANEL_ORDER
#define TERMS SG_CELL_TERMS
#define MOST_CELLS 20000
#define DEEPEST 600

/* A cell at one point of the contour. */
typedef struct {
    double re[2][ORDER], im[2][ORDER]; /* L and R at the nodes */
    sg_complex shunt[2];
    sg_complex inner;       /* B over the unit of conductance */
    sg_complex first, next; /* of the value at its left end: what those at the beginning and at its right end give */
    sg_complex from_source; /* and a source there */
} piece;

/* All cells at all points of a contour, kept while the time is the same. */
typedef struct {
    double time;
    sg_contour contour;
    piece *piece;       /* [points][cells] */
    sg_complex *ground; /* [points] of the beginning, 1 over the whole shunt there */
} table;

enum { TABLES = 4 };

struct sg_circle_law {
    const sg_panels *panels;
    const double *log_d;
    sg_cells cells;
    double log_top;
    double *ph;                     /* [cells][ORDER] density over 2^s */
    double *unit, *conductance;     /* [cells] half 2^s, 2^u/half */
    double *density, *rate, *value; /* [cells][ORDER] h_t - 1, d/dt h_t, F_t - P */
    sg_complex *source, *end;       /* [cells + 1] of the left ends; the value there */
    table table[TABLES];
    double x, mass;
    bool warm, want_rate;
    int level, home;
    double t_x; /* the start in its cell */
};

/* -------------------------------------------------------------------- cells */

static void drop_tables(sg_circle_law *l) {
    for (int i = 0; i < TABLES; i++) {
        sg_delete(l->table[i].piece);
        sg_delete(l->table[i].ground);
        l->table[i] = (table){.time = NAN};
    }
}

static void drop_cells(sg_circle_law *l) {
    drop_tables(l);
    sg_cells_delete(&l->cells);
    memset(&l->cells, 0, sizeof l->cells);
    double **part[] = {&l->ph, &l->unit, &l->conductance, &l->density, &l->rate, &l->value};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        sg_delete(*part[k]);
        *part[k] = NULL;
    }
    sg_delete(l->source);
    sg_delete(l->end);
    l->source = l->end = NULL;
}

void sg_circle_law_delete(sg_circle_law *l) {
    if (!l) return;
    drop_cells(l);
    sg_delete(l);
}

/* p on a cell, over its unit, as the cells themselves took it. */
static void put_density(const sg_circle_law *l, int k) {
    const sg_cell *c = &l->cells.cell[k];
    const sg_cell_form *form = &l->cells.p;
    const double lo = l->panels->edge[c->panel], hi = l->panels->edge[c->panel + 1];
    const double *series = form->series + c->panel * ORDER, unit = (double)c->s * M_LN2;
    for (int j = 0; j < ORDER; j++) {
        const double x = 0.5 * (c->lo + c->hi) + c->half * sg_legendre_node[j];
        const double sum = sg_legendre_sum(series, ((x - lo) - (hi - x)) / (hi - lo)),
                     log_unit = form->log_unit[c->panel];
        l->ph[k * ORDER + j] = c->depth == 0     ? exp(l->panels->logp[c->panel * ORDER + j] - unit)
                               : isnan(log_unit) ? exp(sum - unit)
                                                 : sum * exp(log_unit - unit);
    }
}

static sg_status make_cells(sg_circle_law *l, double log_top) {
    drop_cells(l);
    l->log_top = log_top;
    sg_status status = sg_cells_make(&l->cells, l->panels, l->log_d, log_top);
    if (status) return status;
    const size_t n = (size_t)l->cells.count;
    if (l->cells.count > MOST_CELLS)
        return sg_fail(SG_NOT_CONVERGED, "laws at times near %g need more than %d cells: ask for a larger epsilon",
                       exp(-log_top), MOST_CELLS);
    double **node[] = {&l->ph, &l->density, &l->rate, &l->value}, **line[] = {&l->unit, &l->conductance};
    for (int k = 0; !status && k < 4; k++) status = sg_new(node[k], n * ORDER, sizeof(double));
    for (int k = 0; !status && k < 2; k++) status = sg_new(line[k], n, sizeof(double));
    if (!status) status = sg_new(&l->source, n + 1, sizeof *l->source);
    if (!status) status = sg_new(&l->end, n + 1, sizeof *l->end);
    for (int k = 0; !status && k < l->cells.count; k++) {
        l->unit[k] = ldexp(l->cells.cell[k].half, (int)l->cells.cell[k].s);
        l->conductance[k] = ldexp(1 / l->cells.cell[k].half, (int)l->cells.cell[k].u);
        put_density(l, k);
    }
    return status;
}

sg_status sg_circle_law_new(const sg_panels *panels, const double *log_d, sg_circle_law **made) {
    double least = INFINITY, most = -INFINITY;
    *made = NULL;
    for (int i = 0; i < panels->n; i++) {
        least = fmin(least, panels->logp[i]);
        most = fmax(most, panels->logp[i]);
    }
    if (panels->log_tail_lo > -INFINITY || panels->log_tail_hi > -INFINITY)
        return sg_fail(SG_REFUSED, "the panels do not go round the circle: give them more depth");
    if (!(most - least < DEEPEST))
        return sg_fail(SG_UNDERFLOW, "p varies by e^%.0f on the circle: laws in time are computed up to e^%d",
                       most - least, DEEPEST);
    sg_status status = sg_new(made, 1, sizeof **made);
    if (status) return status;
    (*made)->panels = panels;
    (*made)->log_d = log_d;
    drop_tables(*made);
    return SG_OK;
}

void sg_circle_law_start(sg_circle_law *l, double x, bool warm) {
    double above;
    l->x = x;
    l->warm = warm;
    sg_panels_distribution(l->panels, x, &l->mass, &above);
}

double sg_circle_law_at_zero(const sg_circle_law *l) {
    return l->warm ? 1 - l->mass : 1;
}

/* ------------------------------------------------------------------- tables */

/* Products without the tests for infinities of Annex G. */
static inline sg_complex times(sg_complex a, sg_complex b) {
    return CMPLX(creal(a) * creal(b) - cimag(a) * cimag(b), creal(a) * cimag(b) + cimag(a) * creal(b));
}

/* One of the four series at the nodes. */
static void at_nodes(const double term[TERMS][ORDER], sg_complex y, double *re, double *im) {
    const double yr = creal(y), yi = cimag(y);
    for (int i = 0; i < ORDER; i++) re[i] = term[TERMS - 1][i], im[i] = 0;
    for (int j = TERMS - 2; j >= 0; j--) {
#pragma omp simd
        for (int i = 0; i < ORDER; i++) {
            const double a = re[i] * yr - im[i] * yi + term[j][i];
            im[i] = re[i] * yi + im[i] * yr;
            re[i] = a;
        }
    }
}

/* Series m at the right end, from term `first` on over y^first. */
static sg_complex at_end(const sg_cell_edge *e, int m, int first, sg_complex y) {
    sg_complex sum = e->term[TERMS - 1][m];
    for (int j = TERMS - 2; j >= first; j--) sum = times(sum, y) + e->term[j][m];
    return sum;
}

static sg_complex fill_piece(const sg_circle_law *l, int k, sg_complex s, piece *p) {
    const sg_cell *c = &l->cells.cell[k];
    const sg_cell_edge *e = &l->cells.edge[k];
    const sg_complex y = s * ldexp(c->half * c->half, (int)(c->s - c->u));
    const sg_complex b = at_end(e, 1, 0, y), more_a = times(y, at_end(e, 0, 1, y)),
                     more_d = times(y, at_end(e, 3, 1, y));
    const sg_complex each = 1 / b, quotient = times(1 + more_a, each), link = l->conductance[k] * each;
    double re[ORDER], im[ORDER];
    p->inner = b / l->conductance[k];
    p->shunt[0] = times(link, more_a);
    p->shunt[1] = times(link, more_d);
    at_nodes(c->node[0], y, p->re[0], p->im[0]);
    at_nodes(c->node[1], y, re, im);
    for (int i = 0; i < ORDER; i++) {
        const sg_complex here = CMPLX(re[i], im[i]), l_here = times(quotient, here), r_here = times(each, here);
        p->re[0][i] -= creal(l_here);
        p->im[0][i] -= cimag(l_here);
        p->re[1][i] = creal(r_here);
        p->im[1][i] = cimag(r_here);
    }
    return link;
}

/* The network from the beginning to the left end of the next cell, cell after cell. */
static sg_complex fill_ring(const sg_circle_law *l, sg_complex s, piece *p) {
    sg_complex link = fill_piece(l, 0, s, &p[0]), here = p[0].shunt[0], there = p[0].shunt[1];
    for (int k = 1; k < l->cells.count; k++) {
        const sg_complex next = fill_piece(l, k, s, &p[k]), shunt = there + p[k].shunt[0];
        const sg_complex each = 1 / (link + next + shunt), part = times(shunt, each);
        p[k].first = times(link, each);
        p[k].next = times(next, each);
        p[k].from_source = each;
        here += times(link, part);
        there = p[k].shunt[1] + times(next, part);
        link = times(link, p[k].next);
    }
    return 1 / (here + there);
}

static sg_status find_table(sg_circle_law *l, int points, double t, table **found) {
    table *free_one = NULL;
    for (int i = 0; i < TABLES; i++) {
        *found = &l->table[i];
        if ((*found)->piece && (*found)->contour.n == points && (*found)->time == t) return SG_OK;
        if (!free_one && (!(*found)->piece || (*found)->contour.n == points)) free_one = *found;
    }
    *found = free_one; /* as many tables as contours */
    const size_t n = (size_t)l->cells.count;
    sg_status status = SG_OK;
    if (!free_one->piece) {
        status = sg_new(&free_one->piece, n * (size_t)points, sizeof(piece));
        if (!status) status = sg_new(&free_one->ground, (size_t)points, sizeof(sg_complex));
        if (status) return status;
    }
    sg_contour_make(points, &free_one->contour);
    free_one->time = t;
    for (int j = 0; j < points; j++)
        free_one->ground[j] = fill_ring(l, free_one->contour.node[j] / t, free_one->piece + (size_t)j * n);
    return SG_OK;
}

/* -------------------------------------------------------------------- laws */

static void find_home(sg_circle_law *l) {
    const sg_cell *cell = l->cells.cell;
    int lo = 0, hi = l->cells.count - 1;
    while (lo < hi) {
        const int mid = (lo + hi + 1) / 2;
        if (cell[mid].lo <= l->x)
            lo = mid;
        else
            hi = mid - 1;
    }
    l->home = lo;
    l->t_x = ((l->x - cell[lo].lo) - (cell[lo].hi - l->x)) / (cell[lo].hi - cell[lo].lo);
    l->t_x = fmin(1, fmax(-1, l->t_x));
}

static sg_complex at_place(const double *re, const double *im, double t) {
    double cr[ORDER], ci[ORDER];
    sg_legendre_apply(sg_legendre_coefficient, re, cr);
    sg_legendre_apply(sg_legendre_coefficient, im, ci);
    return CMPLX(sg_legendre_sum(cr, t), sg_legendre_sum(ci, t));
}

/* int from the left end of ph times L or R, at the nodes. */
static void masses(const sg_circle_law *l, const piece *p, int which, double *re, double *im) {
    const double *ph = l->ph + l->home * ORDER;
    double a[ORDER], b[ORDER];
    for (int i = 0; i < ORDER; i++) a[i] = ph[i] * p->re[which][i], b[i] = ph[i] * p->im[which][i];
    sg_legendre_apply(sg_legendre_left, a, re);
    sg_legendre_apply(sg_legendre_left, b, im);
}

/* What the source in the home cell gives there with grounded ends; its currents into them go to `source`. */
static void from_point(const sg_circle_law *l, const piece *p, sg_complex *inside) {
    const sg_complex left = at_place(p->re[0], p->im[0], l->t_x), right = at_place(p->re[1], p->im[1], l->t_x);
    const sg_complex of_left = times(p->inner, right), of_right = times(p->inner, left);
    for (int i = 0; i < ORDER; i++) {
        const bool before = sg_legendre_node[i] < l->t_x;
        inside[i] =
            before ? times(of_right, CMPLX(p->re[1][i], p->im[1][i])) : times(of_left, CMPLX(p->re[0][i], p->im[0][i]));
    }
    l->source[l->home] += left;
    l->source[l->home + 1] += right;
}

static void from_part(const sg_circle_law *l, const piece *p, sg_complex *inside) {
    double re[2][ORDER], im[2][ORDER];
    for (int m = 0; m < 2; m++) masses(l, p, m, re[m], im[m]);
    const double density = l->unit[l->home] / l->mass;
    const sg_complex left = at_place(re[0], im[0], l->t_x), right = at_place(re[1], im[1], l->t_x);
    for (int i = 0; i < ORDER; i++) {
        const sg_complex at_left = CMPLX(p->re[0][i], p->im[0][i]), at_right = CMPLX(p->re[1][i], p->im[1][i]);
        const bool before = sg_legendre_node[i] < l->t_x;
        const sg_complex sum =
            before ? times(at_left, CMPLX(re[1][i], im[1][i])) + times(at_right, left - CMPLX(re[0][i], im[0][i]))
                   : times(at_left, right);
        inside[i] = density * times(p->inner, sum);
    }
    l->source[l->home] += density * left;
    l->source[l->home + 1] += density * right;
}

/* The values at the left ends of all cells. */
static void solve_ring(const sg_circle_law *l, const piece *p, sg_complex ground) {
    const int n = l->cells.count;
    for (int k = 1; k < n; k++) {
        const sg_complex here = l->source[k];
        l->source[0] += times(here, p[k].first);
        l->source[k + 1] += times(here, p[k].next);
    }
    l->end[0] = l->end[n] = times(l->source[0] + l->source[n], ground);
    for (int k = n - 1; k > 0; k--)
        l->end[k] =
            times(l->source[k], p[k].from_source) + times(p[k].first, l->end[0]) + times(p[k].next, l->end[k + 1]);
}

/* out += Re(a L + b R) at the nodes */
static void add(const piece *p, sg_complex a, sg_complex b, double *out) {
    const double ar = creal(a), ai = cimag(a), br = creal(b), bi = cimag(b);
#pragma omp simd
    for (int i = 0; i < ORDER; i++) out[i] += ar * p->re[0][i] - ai * p->im[0][i] + br * p->re[1][i] - bi * p->im[1][i];
}

static void add_point(sg_circle_law *l, const piece *p, sg_complex ground, sg_complex s, sg_complex weight) {
    const int n = l->cells.count;
    sg_complex inside[ORDER];
    memset(l->source, 0, ((size_t)n + 1) * sizeof *l->source);
    const sg_complex uniform = l->warm ? 1 / (s * l->mass) : 0;
    for (int k = 0; l->warm && k < l->home; k++) {
        l->source[k] += times(uniform, p[k].shunt[0]);
        l->source[k + 1] += times(uniform, p[k].shunt[1]);
    }
    if (l->warm)
        from_part(l, &p[l->home], inside);
    else
        from_point(l, &p[l->home], inside);
    solve_ring(l, p, ground);
    for (int k = 0; k < n; k++) {
        const sg_complex level = k < l->home ? uniform : 0; /* (1 - L - R) of it, beside the ends */
        const sg_complex a = times(weight, l->end[k] - level), b = times(weight, l->end[k + 1] - level);
        const double flat = creal(times(weight, level)), flat_rate = creal(times(times(weight, level), s));
        add(&p[k], a, b, l->density + k * ORDER);
        for (int i = 0; k < l->home && l->warm && i < ORDER; i++) l->density[k * ORDER + i] += flat;
        if (!l->want_rate) continue;
        add(&p[k], times(a, s), times(b, s), l->rate + k * ORDER);
        for (int i = 0; k < l->home && l->warm && i < ORDER; i++) l->rate[k * ORDER + i] += flat_rate;
    }
    for (int i = 0; i < ORDER; i++) {
        const sg_complex here = times(weight, inside[i]);
        l->density[l->home * ORDER + i] += creal(here);
        if (l->want_rate) l->rate[l->home * ORDER + i] += creal(times(here, s));
    }
}

/* F_t - P from the beginning on, from the density. */
static void integrate(sg_circle_law *l) {
    double sum = 0;
    for (int k = 0; k < l->cells.count; k++) {
        const double *ph = l->ph + k * ORDER, *density = l->density + k * ORDER;
        double *value = l->value + k * ORDER, f[ORDER], inner[ORDER], total = 0;
        for (int i = 0; i < ORDER; i++) f[i] = ph[i] * density[i], total += sg_legendre_weight[i] * f[i];
        sg_legendre_apply(sg_legendre_left, f, inner);
        for (int i = 0; i < ORDER; i++) value[i] = sum + l->unit[k] * inner[i];
        sum += l->unit[k] * total;
    }
}

static sg_status distance_by(void *context, int points, double t, double *distance) {
    sg_circle_law *l = context;
    sg_contour contour;
    table *at;
    sg_contour_make(points, &contour);
    const double want = log(sg_contour_reach(&contour) / t);
    if (!(l->cells.count && want <= l->log_top && want > l->log_top - 7)) {
        sg_status status = make_cells(l, want + 0.7);
        if (status) {
            drop_cells(l);
            return status;
        }
    }
    sg_status status = find_table(l, points, t, &at);
    if (status) return status;
    find_home(l);
    const int n = l->cells.count;
    for (int i = 0; i < n * ORDER; i++) l->density[i] = -1, l->rate[i] = 0;
    for (int j = 0; j < points; j++)
        add_point(l, at->piece + (size_t)j * (size_t)n, at->ground[j], at->contour.node[j] / t,
                  at->contour.weight[j] / t);
    integrate(l);
    *distance = sg_half_variation(n, l->value, l->density);
    return SG_OK;
}

sg_status sg_circle_law_distance(void *context, double t, double *distance, double *error) {
    sg_circle_law *l = context;
    sg_status status = sg_contour_distance(distance_by, l, t, &l->level, distance, error);
    *error += l->panels->error;
    return status;
}

sg_status sg_circle_law_rate(sg_circle_law *l, double t, double *distance, double *error, double *rate) {
    l->want_rate = true;
    sg_status status = sg_circle_law_distance(l, t, distance, error);
    l->want_rate = false;
    *rate = 0;
    for (int k = 0; !status && k < l->cells.count; k++)
        for (int i = 0; i < ORDER; i++)
            *rate += 0.5 * l->unit[k] * sg_legendre_weight[i] * l->ph[k * ORDER + i] * fabs(l->rate[k * ORDER + i]);
    return status;
}
