/*
 * Inverse distribution function: a table of cubics for most of u, and the panels themselves where the table is not
 * good enough.
 */
#include <math.h>
#include <string.h>

#include "legendre.h"

#define CELLS 8192
#define PARTS 32        /* of a cell that needs more than one cubic */
#define PROBES 7        /* points at which a cell is measured */
#define WORST 5e-10     /* largest error in the distribution function that a cubic may have at them */
#define TAIL_WORST 1e-6 /* and relative to u and 1 - u, in a part of a cell */
#define LANES 16        /* points in one round of the hot loop */

typedef struct {
    double left[SG_PANEL_ORDER], right[SG_PANEL_ORDER], density[SG_PANEL_ORDER]; /* series, see sg_legendre_means */
    double scale;                                                                /* the unit of the three */
} piece;

/*
 * Coefficients of s^0..s^3, s in [0, 1) the place in a cell or in a part of one.  A marked cell has NaN first, and then
 * the number of its first part; a part that is solved exactly has NaN.
 */
struct sg_inverse {
    sg_four *cubic; /* [CELLS + 1] */
    sg_four *part;  /* [room] */
    int parts, room;
    int panels;
    double *edge, *below, *above; /* [panels + 1] P(X <= edge), P(X > edge) */
    piece *piece;                 /* [panels] */
    double *slices;               /* [16 panels] the left series in units of the density */
    double error, share;
};

void sg_inverse_delete(sg_inverse *g) {
    if (!g) return;
    sg_delete(g->cubic);
    sg_delete(g->part);
    sg_delete(g->edge);
    sg_delete(g->below);
    sg_delete(g->above);
    sg_delete(g->piece);
    sg_delete(g->slices);
    sg_delete(g);
}

double sg_inverse_error(const sg_inverse *inverse) {
    return inverse->error;
}

double sg_inverse_exact_share(const sg_inverse *inverse) {
    return inverse->share;
}

/* ------------------------------------------------------------ exact solution */

/* Last panel whose left edge has P(X <= edge) <= v, or (from the right) P(X > edge) >= v. */
static int panel_of(const sg_inverse *g, bool left, double v) {
    const double *mass = left ? g->below : g->above;
    int first = 0, rest = g->panels;
    while (rest > 1) {
        int half = rest / 2;
        double there = mass[first + half];
        first += (left ? there <= v : there >= v) ? half : 0;
        rest -= half;
    }
    return first;
}

/* Mass in the tail up to x, x in panel b, and the density. */
static double tail_mass(const sg_inverse *g, int b, bool left, double x, double *density) {
    double lo = g->edge[b], hi = g->edge[b + 1], t = ((x - lo) - (hi - x)) / (hi - lo), mean;
    const piece *p = &g->piece[b];
    sg_legendre_pair(left ? p->left : p->right, p->density, t, &mean, density);
    *density *= p->scale;
    return left ? g->below[b] + (x - lo) * (p->scale * mean) : g->above[b + 1] + (hi - x) * (p->scale * mean);
}

/* Where the tail mass is v when its log (or itself, from nothing) is linear in x across panel b. */
static double first_guess(const sg_inverse *g, int b, bool left, double v) {
    double near = left ? g->below[b] : g->above[b + 1], far = left ? g->below[b + 1] : g->above[b];
    double share = near > 0 ? log(v / near) / log(far / near) : v / far;
    if (!(share > 0 && share < 1)) share = 0.5;
    if (!left) share = 1 - share;
    return g->edge[b] + share * (g->edge[b + 1] - g->edge[b]);
}

/*
 * Newton's method for the log of the tail mass, kept in a bracket.  1 - u is exact for u >= 1/2, so the smaller tail
 * always keeps its relative accuracy.  A guess outside the panel, or NaN, is not used.
 */
static double solve(const sg_inverse *g, double u, double guess) {
    bool left = u < 0.5;
    double v = left ? u : 1 - u;
    int b = panel_of(g, left, v);
    double lo = g->edge[b], hi = g->edge[b + 1], width = hi - lo, x = guess;
    if (!(x > lo && x < hi)) x = first_guess(g, b, left, v);
    for (int i = 0; i < 200; i++) {
        double density, mass = tail_mass(g, b, left, x, &density), off = log(mass / v), step = off * mass / density;
        if ((mass < v) == left)
            lo = x;
        else
            hi = x;
        double next = left ? x - step : x + step;
        bool inside = next >= lo && next <= hi;
        if (!inside) next = 0.5 * lo + 0.5 * hi;
        if (fabs(next - x) <= 0x1p-52 * fabs(x)) return next;
        if (inside && fabs(off) < 1e-8 && fabs(step) < 1e-8 * width) return next; /* what is left is their square */
        x = next;
    }
    return x;
}

/* ------------------------------------------------------------------- making */

static sg_status copy_panels(const sg_panels *p, sg_inverse *g) {
    size_t count = (size_t)p->count, n = (size_t)p->n;
    g->panels = p->count;
    sg_status status = sg_new(&g->edge, count + 1, sizeof *g->edge);
    if (!status) status = sg_new(&g->below, count + 1, sizeof *g->below);
    if (!status) status = sg_new(&g->above, count + 1, sizeof *g->above);
    if (!status) status = sg_new(&g->piece, count, sizeof *g->piece);
    if (!status) status = sg_new(&g->slices, n, sizeof *g->slices);
    if (!status) status = sg_new(&g->cubic, CELLS + 1, sizeof *g->cubic);
    if (status) return status;
    for (int b = 0; b <= p->count; b++) {
        g->edge[b] = p->edge[b];
        g->below[b] = exp(p->edge_below[b]);
        g->above[b] = exp(p->edge_above[b]);
    }
    for (int b = 0; b < p->count; b++) {
        const double *logp = p->logp + b * SG_PANEL_ORDER;
        double top = logp[0], value[SG_PANEL_ORDER];
        for (int j = 1; j < SG_PANEL_ORDER; j++) top = sg_larger(top, logp[j]);
        for (int j = 0; j < SG_PANEL_ORDER; j++) value[j] = exp(logp[j] - top);
        sg_legendre_means(value, g->piece[b].left, g->piece[b].right);
        sg_legendre_apply(sg_legendre_coefficient, value, g->piece[b].density);
        g->piece[b].scale = exp(top);
        for (int k = 0; k < SG_PANEL_ORDER; k++) g->slices[b * SG_PANEL_ORDER + k] = g->piece[b].left[k] * exp(top);
    }
    return SG_OK;
}

static double density_at(const sg_inverse *g, int b, double x) {
    double lo = g->edge[b], hi = g->edge[b + 1];
    return g->piece[b].scale * sg_legendre_sum(g->piece[b].density, ((x - lo) - (hi - x)) / (hi - lo));
}

/* Largest |F(x_i) - u_i| over 8 ascending points, searched from panel `b` on. */
static double off_by(const sg_inverse *g, int b, const double x[8], const double u[8]) {
    int panel[8];
    double t[8], mean[8], worst = 0;
    for (int l = 0; l < 8; l++) {
        while (b + 1 < g->panels && x[l] > g->edge[b + 1]) b++;
        double lo = g->edge[b], hi = g->edge[b + 1];
        panel[l] = b;
        t[l] = ((x[l] - lo) - (hi - x[l])) / (hi - lo);
    }
    sg_legendre_sum8(g->slices, panel, t, mean);
    for (int l = 0; l < 8; l++) {
        double off = fabs(g->below[panel[l]] + (x[l] - g->edge[panel[l]]) * mean[l] - u[l]);
        worst = off <= worst ? worst : off; /* keeps a NaN */
    }
    return worst;
}

static sg_four hermite(double x0, double x1, double slope0, double slope1) {
    double rise = x1 - x0;
    return (sg_four){x0, slope0, 3 * rise - 2 * slope0 - slope1, slope0 + slope1 - 2 * rise};
}

static double value_at(sg_four c, double s) {
    return c[0] + s * (c[1] + s * (c[2] + s * c[3]));
}

/* Whether the cubic rises throughout the cell: its derivative at the ends and at its vertex. */
static bool rises(sg_four c) {
    double rise = c[1] + c[2] + c[3], end = c[1] + 2 * c[2] + 3 * c[3], least = 1e-3 * rise;
    if (!(rise > 0 && c[1] > least && end > least)) return false;
    double vertex = -c[2] / (3 * c[3]);
    return !(c[3] > 0 && vertex > 0 && vertex < 1) || c[1] + c[2] * vertex > least;
}

/* Largest error at the probes of the piece [u0, u0 + width] of the table, whose cubic is c; b is the panel where it
 * begins. */
static double probe(const sg_inverse *g, sg_four c, double u0, double width, int b) {
    double x[8], u[8];
    bool table = !isnan(c[0]);
    for (int l = 0; l < 8; l++) {
        double s = (l < PROBES ? l + 1 : PROBES) / (double)(PROBES + 1);
        u[l] = u0 + width * s;
        x[l] = table ? value_at(c, s) : solve(g, u[l], NAN);
    }
    return off_by(g, b, x, u);
}

/* A border of the table: where F = u, and width dx/du there. */
typedef struct {
    double x, slope;
    int panel;
} border;

static border border_at(const sg_inverse *g, border from, double u, double width, double guess) {
    border made = {g->edge[g->panels], 0, from.panel};
    if (u < 1) made.x = solve(g, u, guess);
    while (made.panel + 1 < g->panels && made.x > g->edge[made.panel + 1]) made.panel++;
    made.slope = width / density_at(g, made.panel, made.x);
    return made;
}

/* The cubic of one piece of the table between two borders, or false when it will not do. */
static bool fit(const sg_inverse *g, border from, border to, double u0, double width, double bound, sg_four *c,
                double *error) {
    *c = hermite(from.x, to.x, from.slope, to.slope);
    if (!rises(*c)) return false;
    *error = probe(g, *c, u0, width, from.panel);
    return *error <= bound;
}

static sg_status divide(sg_inverse *g, int k, border from) {
    const double width = 1.0 / ((double)CELLS * PARTS);
    const sg_four none = {NAN, NAN, NAN, NAN};
    if (g->parts + PARTS > g->room) {
        sg_four *wider;
        int room = g->room ? 2 * g->room : 64 * PARTS;
        sg_status status = sg_new(&wider, (size_t)room, sizeof *wider);
        if (status) return status;
        if (g->parts) memcpy(wider, g->part, (size_t)g->parts * sizeof *wider);
        sg_delete(g->part);
        g->part = wider;
        g->room = room;
    }
    g->cubic[k] = (sg_four){NAN, g->parts, 0, 0};
    from.slope /= PARTS;
    for (int i = 0; i < PARTS; i++) {
        double u0 = (k * (double)PARTS + i) * width, error;
        double tail = TAIL_WORST * sg_smaller(u0, 1 - u0 - width);
        border to = border_at(g, from, u0 + width, width, NAN);
        sg_four *c = &g->part[g->parts++];
        if (!fit(g, from, to, u0, width, sg_smaller(WORST, tail), c, &error)) {
            *c = none;
            error = probe(g, none, u0, width, from.panel);
            g->share += width;
        }
        g->error = sg_larger(error, g->error);
        from = to;
    }
    return SG_OK;
}

static sg_status make_cells(sg_inverse *g) {
    const double width = 1.0 / CELLS;
    border from = {g->edge[0], width / density_at(g, 0, g->edge[0]), 0};
    double guess = NAN;
    for (int k = 0; k < CELLS; k++) {
        double error;
        border to = border_at(g, from, (k + 1) * width, width, guess);
        if (fit(g, from, to, k * width, width, WORST, &g->cubic[k], &error)) {
            g->error = sg_larger(error, g->error);
            guess = value_at(g->cubic[k], 2); /* the cubic foresees the next border */
        } else {
            sg_status status = divide(g, k, from);
            if (status) return status;
            guess = NAN;
        }
        from = to;
    }
    g->cubic[CELLS] = (sg_four){NAN, -1, 0, 0};
    g->error = 1.1 * g->error + 0x1p-52; /* the probes may miss the very top */
    return SG_OK;
}

sg_status sg_inverse_new(const sg_panels *panels, sg_inverse **inverse) {
    sg_inverse *g = NULL;
    *inverse = NULL;
    sg_status status = sg_new(&g, 1, sizeof *g);
    if (!status) status = copy_panels(panels, g);
    if (!status) status = make_cells(g);
    if (status) goto out;
    if (!(g->error < 1e-9)) {
        status = sg_fail(SG_NOT_CONVERGED,
                         "the inverse distribution function has an error of %.2g; the panels need a smaller tolerance",
                         g->error);
        goto out;
    }
    *inverse = g;
    g = NULL;
out:
    sg_inverse_delete(g);
    return status;
}

/* ------------------------------------------------------------------ drawing */

typedef int four_ints __attribute__((vector_size(16)));
typedef long long four_flags __attribute__((vector_size(32)));

/* Four points: each loads the 32 bytes of its cell, and a transposition brings equal powers together. */
static inline sg_four draw_four(const sg_four *cubic, sg_four u) {
    sg_four place = u * (double)CELLS; /* exact, as is the fraction below */
    four_ints cell = __builtin_convertvector(place, four_ints);
    sg_four s = place - __builtin_convertvector(cell, sg_four);
    sg_four r0 = cubic[cell[0]], r1 = cubic[cell[1]], r2 = cubic[cell[2]], r3 = cubic[cell[3]];
    const four_flags even = {0, 4, 2, 6}, odd = {1, 5, 3, 7}, low = {0, 1, 4, 5}, high = {2, 3, 6, 7};
    sg_four e01 = __builtin_shuffle(r0, r1, even), o01 = __builtin_shuffle(r0, r1, odd);
    sg_four e23 = __builtin_shuffle(r2, r3, even), o23 = __builtin_shuffle(r2, r3, odd);
    sg_four c0 = __builtin_shuffle(e01, e23, low), c2 = __builtin_shuffle(e01, e23, high);
    sg_four c1 = __builtin_shuffle(o01, o23, low), c3 = __builtin_shuffle(o01, o23, high);
    return c0 + s * (c1 + s * (c2 + s * c3));
}

/* A point of a marked cell. */
static double draw_marked(const sg_inverse *g, double u) {
    double place = u * ((double)CELLS * PARTS), whole = floor(place), first = g->cubic[(int)(u * CELLS)][1];
    if (first < 0) return g->edge[g->panels]; /* u = 1 */
    sg_four c = g->part[(long)first + (long)whole % PARTS];
    return isnan(c[0]) ? solve(g, u, NAN) : value_at(c, place - whole);
}

/* Sixteen points; those of marked cells come out as NaN and are drawn afterwards. */
static inline void draw_round(const sg_inverse *g, const double *u, double *x) {
    sg_four in[LANES / 4], out[LANES / 4];
    four_flags marked = {0};
    for (int v = 0; v < LANES / 4; v++) in[v] = sg_load(u + 4 * v);
    for (int v = 0; v < LANES / 4; v++) {
        out[v] = draw_four(g->cubic, in[v]);
        marked |= out[v] != out[v];
        sg_store(x + 4 * v, out[v]);
    }
    if (__builtin_expect(!(marked[0] | marked[1] | marked[2] | marked[3]), 1)) return;
    for (int l = 0; l < LANES; l++)
        if (isnan(x[l])) x[l] = draw_marked(g, in[l / 4][l % 4]);
}

void sg_inverse_draw(const sg_inverse *inverse, size_t n, const double *u, double *x) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) draw_round(inverse, u + i, x + i);
    if (i == n) return;
    double in[LANES], out[LANES];
    for (int l = 0; l < LANES; l++) in[l] = u[i + (size_t)l < n ? i + (size_t)l : i];
    draw_round(inverse, in, out);
    memcpy(x + i, out, (n - i) * sizeof *x);
}
