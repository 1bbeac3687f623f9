#include "tail.h"

#include <math.h>

#define LEVELS 4
#define SETTLED 1e-7  /* relative change of the slope below which it has its limit */
#define VANISHING 0.1 /* a limit below that share of the slope at the cut is zero */
#define GROWING 0.97  /* ratio of successive changes from which a rising slope counts as unbounded */
#define FINITE 0.75   /* ratio of successive stretches of y from which y counts as bounded */

typedef struct {
    const sg_panels *panels;
    const double *log_d; /* NULL: zero */
    double *inverse;     /* [n] D^-1/2 on the side of the mode that is looked at */
    double *y;           /* [n] distance from the mode */
} tail;

static double potential(const tail *t, int i) {
    return -t->panels->logp[i] - 0.5 * (t->log_d ? t->log_d[i] : 0);
}

/* The outermost node on a side whose log p is at least `level`. */
static int outermost(const sg_panels *p, int side, double level) {
    int i = side < 0 ? 0 : p->n - 1;
    while (p->logp[i] < level) i -= side; /* the top is above every level */
    return i;
}

/* Limit of the slope V' from its means over three stretches, each twice as deep as the one before. */
static double limit_of(const double slope[3]) {
    double before = slope[1] - slope[0], last = slope[2] - slope[1], ratio = last / before;
    if (fabs(last) <= SETTLED * slope[2]) return slope[2];
    if (last > 0 && !(ratio < GROWING)) return INFINITY;
    if (!(ratio >= 0 && ratio < 1)) return last < 0 && slope[2] < VANISHING * slope[0] ? 0 : NAN;
    double limit = slope[2] - last * last / (last - before);
    return limit < VANISHING * slope[2] ? 0 : limit;
}

static double bottom_at(const tail *t, int side) {
    const sg_panels *p = t->panels;
    double top = -INFINITY, stretch[LEVELS - 1], slope[LEVELS - 1];
    int at[LEVELS];
    for (int i = 0; i < p->n; i++) top = fmax(top, p->logp[i]);
    double depth = top - p->logp[side < 0 ? 0 : p->n - 1];
    for (int k = 0; k < LEVELS; k++) at[k] = outermost(p, side, top - ldexp(depth, k + 1 - LEVELS));
    for (int k = 0; k + 1 < LEVELS; k++) {
        if (at[k] == at[k + 1]) return NAN;
        stretch[k] = fabs(t->y[at[k + 1]] - t->y[at[k]]);
        slope[k] = fabs(potential(t, at[k + 1]) - potential(t, at[k])) / stretch[k];
    }
    if (stretch[1] < FINITE * stretch[0] && stretch[2] < FINITE * stretch[1]) return INFINITY;
    if (!isfinite(slope[2])) return isnan(slope[2]) ? NAN : INFINITY;
    double limit = limit_of(slope);
    return 0.25 * limit * limit;
}

/* y outwards from the panel of the mode: the other tail may be longer by any factor. */
static void measure(tail *t, int side) {
    const sg_panels *p = t->panels;
    int mode = 0;
    for (int i = 0; i < p->n; i++)
        if (p->logp[i] > p->logp[mode]) mode = i;
    mode /= SG_PANEL_ORDER;
    for (int i = 0; i < p->n; i++) {
        bool inner = side < 0 ? i / SG_PANEL_ORDER > mode : i / SG_PANEL_ORDER < mode;
        t->inverse[i] = inner ? 0 : exp(fmin(-0.5 * (t->log_d ? t->log_d[i] : 0), 600));
    }
    if (side < 0)
        sg_panels_from_right(p, t->inverse, t->y, NULL);
    else
        sg_panels_from_left(p, t->inverse, t->y, NULL);
}

sg_status sg_tail_bottom(const sg_panels *panels, const double *log_d, int side, double *bottom) {
    tail t = {.panels = panels, .log_d = log_d};
    const double cut[] = {panels->log_tail_lo, panels->log_tail_hi};
    *bottom = INFINITY;
    sg_status status = sg_new(&t.inverse, (size_t)panels->n, sizeof(double));
    if (status) goto out;
    if ((status = sg_new(&t.y, (size_t)panels->n, sizeof(double)))) goto out;
    for (int k = 0; k < 2; k++) {
        const int here_side = k ? 1 : -1;
        if (cut[k] == -INFINITY || here_side == -side) continue;
        measure(&t, here_side);
        double here = bottom_at(&t, here_side);
        if (isnan(here) || here < *bottom) *bottom = here;
        if (isnan(here)) break;
    }
out:
    sg_delete(t.inverse);
    sg_delete(t.y);
    return status;
}
