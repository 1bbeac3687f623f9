/* Where flux passes, and how far elements may reach there. */
#include <math.h>

#include "scout.h"

/*
 * Most that log p may rise by on an element: from where a slow mode changes, since rounding errors of the function in
 * wells would have its energy; and from where flux passes, since rounding errors of the stiffness matrix where p is
 * large act elsewhere on the element like a sink, e^(change/2) times as large.
 */
static const double RISE = 12, CHANGE = 24;

void sg_scout_lead_uphill(sg_scout *s) {
    for (int i = 0; i < s->cells.total; i++) {
        if (!(s->flux[i] > SG_SCOUT_FLUX)) continue;
        for (int at = i, next = -1; s->relevance[at] < 1e-9; at = next) {
            double top = s->log_p[at];
            next = -1;
            for (int k = 0; k < 2 * s->d; k++) {
                const int j = sg_cells_neighbour(&s->cells, at, k / 2, k % 2 ? 1 : -1);
                if (j >= 0 && s->number[j] >= 0 && s->log_p[j] > top) top = s->log_p[j], next = j;
            }
            if (next < 0 || s->flux[next] > SG_SCOUT_FLUX) break;
            s->flux[next] = 10 * SG_SCOUT_FLUX;
        }
    }
}

/* How far along the axis an element may reach that covers the cell. */
static double reach(const sg_scout *s, int cell, int a, int side) {
    const double here = s->log_p[cell], top = fmax(here, s->wells.pass) + RISE;
    int at[SG_DIM], last = cell, j = cell;
    for (; j >= 0; j = sg_cells_neighbour(&s->cells, j, a, side)) {
        last = j;
        if (s->log_p[j] > here + CHANGE || (s->gate[cell] && s->log_p[j] > top)) break;
    }
    if (j < 0) return side * INFINITY;
    sg_cells_index(&s->cells, last, at);
    return s->cells.lo[a] + (at[a] + 0.5) * s->cells.width[a];
}

void sg_scout_fill_reaches(sg_scout *s) {
    int at[SG_DIM];
    for (int a = 0; a < s->d; a++)
        for (int i = 0; i < s->cells.count[a]; i++) s->reach[a][0][i] = -INFINITY, s->reach[a][1][i] = INFINITY;
    for (int i = 0; i < s->cells.total; i++) {
        if (s->number[i] < 0 || !(s->flux[i] > SG_SCOUT_FLUX)) continue;
        sg_cells_index(&s->cells, i, at);
        for (int a = 0; a < s->d; a++) {
            double *lo = s->reach[a][0] + at[a], *hi = s->reach[a][1] + at[a];
            *lo = fmax(*lo, reach(s, i, a, -1));
            *hi = fmin(*hi, reach(s, i, a, 1));
        }
    }
}

bool sg_scout_steep(const sg_scout *s, int a, double from, double to) {
    const double origin = s->cells.lo[a], w = s->cells.width[a];
    const int first = (int)fmax(0, floor((from - origin) / w + 1e-6)),
              last = (int)fmin(s->cells.count[a] - 1, ceil((to - origin) / w - 1e-6) - 1);
    bool steep = false;
    for (int i = first; i <= last; i++) steep |= isfinite(s->reach[a][0][i]) || isfinite(s->reach[a][1][i]);
    return steep;
}
