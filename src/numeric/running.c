/* Running integrals, Legendre coefficients and interpolation on panels. */
#include <math.h>
#include <string.h>

#include "legendre.h"

typedef long long four_places __attribute__((vector_size(32)));

static inline void reverse(const double *f, double *out) {
    for (int j = 0; j < SG_PANEL_ORDER; j += 4) {
        sg_four value = sg_load(f + SG_PANEL_ORDER - 4 - j);
        sg_store(out + j, __builtin_shuffle(value, (four_places){3, 2, 1, 0}));
    }
}

static double integral(const double *f) {
    sg_four sum = {0};
    for (int j = 0; j < SG_PANEL_ORDER; j += 4) {
        sum += sg_load(sg_legendre_weight + j) * sg_load(f + j);
    }
    return (sum[0] + sum[3]) + (sum[1] + sum[2]);
}

static inline void unit_left(const double *f, double *F, double *total) {
    sg_legendre_apply(sg_legendre_left, f, F);
    *total = integral(f);
}

static inline void unit_right(const double *f, double *F, double *total) {
    double mirrored[SG_PANEL_ORDER], sum[SG_PANEL_ORDER];
    reverse(f, mirrored);
    sg_legendre_apply(sg_legendre_left, mirrored, sum);
    reverse(sum, F);
    *total = integral(f);
}

void sg_panel_unit_left(const double f[SG_PANEL_ORDER], double F[SG_PANEL_ORDER], double *total) {
    unit_left(f, F, total);
}

void sg_panel_unit_right(const double f[SG_PANEL_ORDER], double F[SG_PANEL_ORDER], double *total) {
    unit_right(f, F, total);
}

/* sum += term, with the rounding error kept in `lost` (two-sum). */
#define CARRY(type, sum, lost, term)                            \
    do {                                                        \
        type carry_s = sum + (term), carry_t = carry_s - sum;   \
        lost += (sum - (carry_s - carry_t)) + ((term)-carry_t); \
        sum = carry_s;                                          \
    } while (0)

void sg_panels_from_left(const sg_panels *panels, const double *f, double *F, double *edges) {
    double sum = 0, lost = 0;
    for (int b = 0; b < panels->count; b++) {
        double half = 0.5 * (panels->edge[b + 1] - panels->edge[b]), start = sum + lost, inner[SG_PANEL_ORDER], total;
        unit_left(f + b * SG_PANEL_ORDER, inner, &total);
        for (int j = 0; j < SG_PANEL_ORDER; j++) F[b * SG_PANEL_ORDER + j] = start + half * inner[j];
        if (edges) edges[b] = start;
        double term = half * total;
        CARRY(double, sum, lost, term);
    }
    if (edges) edges[panels->count] = sum + lost;
}

void sg_panels_from_right(const sg_panels *panels, const double *f, double *F, double *edges) {
    double sum = 0, lost = 0;
    for (int b = panels->count - 1; b >= 0; b--) {
        double half = 0.5 * (panels->edge[b + 1] - panels->edge[b]), start = sum + lost, inner[SG_PANEL_ORDER], total;
        unit_right(f + b * SG_PANEL_ORDER, inner, &total);
        for (int j = 0; j < SG_PANEL_ORDER; j++) F[b * SG_PANEL_ORDER + j] = start + half * inner[j];
        if (edges) edges[b + 1] = start;
        double term = half * total;
        CARRY(double, sum, lost, term);
    }
    if (edges) edges[0] = sum + lost;
}

void sg_panels_coefficients(const sg_panels *panels, const double *f, double *c) {
    for (int i = 0; i < panels->n; i += SG_PANEL_ORDER) sg_legendre_apply(sg_legendre_coefficient, f + i, c + i);
}

/* The last panel whose left edge is <= x, at least 0. */
static int locate(const sg_panels *panels, double x) {
    int first = 0, left = panels->count;
    while (left > 1) {
        int half = left / 2;
        first += panels->edge[first + half] <= x ? half : 0;
        left -= half;
    }
    return first;
}

static double local(const sg_panels *panels, int b, double x) {
    double lo = panels->edge[b], hi = panels->edge[b + 1];
    return ((x - lo) - (hi - x)) / (hi - lo);
}

void sg_panels_interpolate(const sg_panels *panels, const double *c, int count, const double *x, double *f) {
    for (int i = 0; i < count; i += 8) {
        int most = count - i < 8 ? count - i : 8, panel[8];
        double t[8], value[8];
        for (int l = 0; l < 8; l++) {
            double at = x[i + (l < most ? l : 0)];
            panel[l] = locate(panels, at);
            t[l] = sg_larger(-1, sg_smaller(1, local(panels, panel[l], at))); /* constant beyond the ends */
        }
        sg_legendre_sum8(c, panel, t, value);
        memcpy(f + i, value, (size_t)most * sizeof *f);
    }
}

double sg_panels_mean(const sg_panels *panels, const double *f) {
    sg_four sum = {0}, lost = {0};
    for (int i = 0; i < panels->n; i += 4) {
        sg_four term = sg_load(panels->mass + i) * sg_load(f + i);
        CARRY(sg_four, sum, lost, term);
    }
    double whole = sum[0], rest = (lost[0] + lost[1]) + (lost[2] + lost[3]);
    for (int l = 1; l < 4; l++) CARRY(double, whole, rest, sum[l]);
    return whole + rest;
}

/* Integrals of the density from either edge of panel b to x, in units of exp(top). */
static void split(const sg_panels *panels, int b, double x, double *top, double *left, double *right) {
    const double *logp = panels->logp + b * SG_PANEL_ORDER;
    double f[SG_PANEL_ORDER], below[SG_PANEL_ORDER], above[SG_PANEL_ORDER], t = local(panels, b, x);
    *top = logp[0];
    for (int j = 1; j < SG_PANEL_ORDER; j++) *top = fmax(*top, logp[j]);
    for (int j = 0; j < SG_PANEL_ORDER; j++) f[j] = exp(logp[j] - *top);
    sg_legendre_means(f, below, above);
    *left = fmax(0, (x - panels->edge[b]) * sg_legendre_sum(below, t));
    *right = fmax(0, (panels->edge[b + 1] - x) * sg_legendre_sum(above, t));
}

void sg_panels_distribution(const sg_panels *panels, double x, double *below, double *above) {
    double top, left, right;
    int b = locate(panels, x);
    *below = x >= panels->edge[panels->count];
    *above = x <= panels->edge[0];
    if (*below > 0 || *above > 0 || isnan(x)) return;
    split(panels, b, x, &top, &left, &right);
    *below = fmin(1, exp(panels->edge_below[b]) + exp(top) * left);
    *above = fmin(1, exp(panels->edge_above[b + 1]) + exp(top) * right);
}
