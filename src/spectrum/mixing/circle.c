/* Mixing times of diffusions on the circle. */
#include "circle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spectrum/finite.h"

#define SLACK 5e-7        /* relative, beyond the latest crossing: all starts are shown to be near by then */
#define MOST_TRIALS 20000 /* starts */
#define DEPTH 60          /* halvings of an arc */
#define ARCS 128          /* from which the search begins */
#define CAUTION 2         /* factor on bounds between starts, which are taken from those beside */

typedef struct {
    sg_circle_law *law;
    const sg_panels *panels;
    const double *log_d;
    double length;
    int arcs, stride; /* arc i lies between node i * stride and the next such */
    double *at_begin; /* [arcs] distances of their beginnings as starts */
    double *series;   /* [2][n] Legendre coefficients of log p and log D */
    double time;      /* by which all starts are to be near */
    int trials;
    sg_mixing best; /* from the worst start so far, at `x` */
    double x, upper;
} problem;

/* Round the circle into the panels. */
static double place_of(const problem *p, double x) {
    const double *edge = p->panels->edge, end = edge[p->panels->count];
    if (x >= edge[0] && x <= end) return x;
    return fmin(end, fmax(edge[0], x - p->length * floor((x - edge[0]) / p->length)));
}

/* Where arc i begins, any i >= -1. */
static double begin_of(const problem *p, int i) {
    const int turns = i < 0 ? -1 : i / p->arcs;
    return p->panels->x[(i - turns * p->arcs) * p->stride] + turns * p->length;
}

static sg_status look(problem *p, double x, double t, double *distance, double *error) {
    sg_circle_law_start(p->law, place_of(p, x), false);
    p->trials++;
    return sg_circle_law_distance(p->law, t, distance, error);
}

static sg_status cross(problem *p, double x, bool warm, double guess, sg_mixing *out) {
    sg_mixing_again(out);
    sg_circle_law_start(p->law, place_of(p, x), warm);
    return sg_mixing_cross(sg_circle_law_distance, p->law, sg_circle_law_at_zero(p->law), guess, out);
}

/* The distance at the crossing once more by the expansion; the difference, in time, widens the enclosure. */
static sg_status confirm(problem *p, double x, bool warm, sg_mixing *out) {
    const double t = out->mixing_time, h = 1e-3 * t;
    double again, part, later, error;
    bool known = false;
    strcpy(out->method, "inverse Laplace transform of the resolvent on the circle");
    if (!(t > 0) || out->status == SG_UNDERFLOW) return SG_OK;
    sg_status status = sg_circle_expansion(p->panels, p->log_d, place_of(p, x), warm, t, &again, &part, &known);
    if (status == SG_NO_MEMORY) return status;
    if (status || !known) return SG_OK;
    sg_circle_law_start(p->law, place_of(p, x), warm);
    if ((status = sg_circle_law_distance(p->law, t + h, &later, &error))) return status;
    const double slope = (out->epsilon - later) / h, off = fabs(again - out->epsilon);
    const double shift = slope > 0 ? off / slope : INFINITY;
    strcat(out->method, ", checked by the spectral expansion");
    if (off <= part) return SG_OK;
    out->mixing_time_lower = fmax(0, out->mixing_time_lower - shift);
    out->mixing_time_upper += shift;
    return SG_OK;
}

/* ------------------------------------------------------------------- worst */

static sg_status try_begins(problem *p, double t, int *worst) {
    double error;
    *worst = 0;
    for (int i = 0; i < p->arcs; i++) {
        sg_status status = look(p, begin_of(p, i), t, &p->at_begin[i], &error);
        if (status) return status;
        if (p->at_begin[i] > p->at_begin[*worst]) *worst = i;
    }
    return SG_OK;
}

/* The largest distance beside the beginning of an arc, by golden sections; a wrong end costs time only. */
static sg_status climb(problem *p, int arc, double t, double *x) {
    const double share = 0.5 * (sqrt(5) - 1), least = 1e-7 * p->length;
    double lo = begin_of(p, arc - 1), hi = begin_of(p, arc + 1), at[2], value[2] = {0}, error;
    sg_status status = SG_OK;
    for (int k = 0; k < 2 && !status; k++) {
        at[k] = k ? lo + share * (hi - lo) : hi - share * (hi - lo);
        status = look(p, at[k], t, &value[k], &error);
    }
    for (int i = 0; i < 40 && !status && hi - lo > least; i++) {
        const int better = value[1] > value[0];
        *(better ? &lo : &hi) = at[!better];
        at[!better] = at[better];
        value[!better] = value[better];
        at[better] = better ? lo + share * (hi - lo) : hi - share * (hi - lo);
        status = look(p, at[better], t, &value[better], &error);
    }
    *x = place_of(p, at[value[1] > value[0]]);
    return status;
}

/* A start gets its own crossing: the latest so far is kept, and the time by which all are to be near moves with it. */
static sg_status take(problem *p, double x) {
    sg_mixing other = p->best;
    sg_status status = cross(p, x, false, p->time > 0 ? p->time : p->best.relaxation_time, &other);
    if (status) return status;
    p->upper = fmax(p->upper, other.mixing_time_upper);
    if (!(p->time > 0) || other.mixing_time > p->best.mixing_time) p->best = other, p->x = place_of(p, x);
    p->time = fmax(p->upper, p->best.mixing_time * (1 + SLACK));
    return SG_OK;
}

/* A start with the distance from it, at most, and its rate of change, both at a time before or at p->time. */
typedef struct {
    double x, distance, rate, log_p, log_d;
} place;

typedef struct {
    place lo, hi;
    int depth;
} arc;

/* It is near by p->time then. */
static sg_status visit(problem *p, double x, place *at) {
    double d, error;
    *at = (place){.x = x};
    const double on = place_of(p, x);
    sg_panels_interpolate(p->panels, p->series, 1, &on, &at->log_p);
    sg_panels_interpolate(p->panels, p->series + p->panels->n, 1, &on, &at->log_d);
    p->trials++;
    sg_circle_law_start(p->law, on, false);
    sg_status status = sg_circle_law_rate(p->law, p->time, &d, &error, &at->rate);
    if (!status && d + error > p->best.epsilon) {
        status = take(p, x);
        if (!status) status = look(p, x, p->time, &d, &error);
    }
    at->distance = d + error;
    return status;
}

/* The distance is below its chord on the arc and this: an eighth of the second derivative in y, and the length of the
 * arc in y. */
static double rise_on(const arc *a, const place *middle) {
    double fast = -INFINITY, slow = -INFINITY, rate = 0;
    const place *at[] = {&a->lo, middle, &a->hi};
    for (int k = 0; k < 3; k++) {
        fast = fmax(fast, 2 * at[k]->log_p + at[k]->log_d);
        slow = fmax(slow, -at[k]->log_p - at[k]->log_d);
        rate = fmax(rate, at[k]->rate);
    }
    const double length = a->hi.x - a->lo.x;
    return CAUTION * rate * exp(fast + 2 * slow) * (length * length) / 8;
}

/* No start on the arc is above epsilon at p->time: by the second derivative, or by halving. */
static sg_status cover(problem *p, arc whole) {
    arc stack[DEPTH + 2];
    int count = 1;
    stack[0] = whole;
    while (count > 0) {
        const arc a = stack[--count];
        place middle;
        sg_status status = visit(p, 0.5 * (a.lo.x + a.hi.x), &middle);
        if (status) return status;
        if (fmax(a.lo.distance, a.hi.distance) + rise_on(&a, &middle) <= p->best.epsilon) continue;
        if (a.depth == DEPTH || p->trials > MOST_TRIALS) {
            p->upper = INFINITY;
            return SG_OK;
        }
        stack[count++] = (arc){a.lo, middle, a.depth + 1};
        stack[count++] = (arc){middle, a.hi, a.depth + 1};
    }
    return SG_OK;
}

/* All starts, arc by arc, also over the place where the circle was opened. */
static sg_status cover_all(problem *p) {
    place first, here, next;
    sg_status status = visit(p, begin_of(p, 0), &first);
    here = first;
    for (int i = 0; i < p->arcs && !status && isfinite(p->upper); i++) {
        if (i + 1 < p->arcs)
            status = visit(p, begin_of(p, i + 1), &next);
        else
            next = first, next.x = begin_of(p, p->arcs);
        if (!status) status = cover(p, (arc){here, next, 0});
        here = next;
    }
    return status;
}

static sg_status worst(problem *p, sg_mixing *out) {
    int first;
    double x;
    p->best = *out;
    sg_status status = try_begins(p, out->relaxation_time, &first);
    if (!status) status = take(p, begin_of(p, first));
    if (!status) status = try_begins(p, p->best.mixing_time, &first);
    if (!status) status = climb(p, first, p->best.mixing_time, &x);
    if (!status) status = take(p, x);
    if (!status && p->best.status == SG_OK) status = cover_all(p);
    if (status) return status;
    *out = p->best;
    if (out->status != SG_UNDERFLOW)
        out->mixing_time_upper = out->status == SG_OK && isfinite(p->upper) ? p->time : INFINITY;
    status = confirm(p, p->x, false, out);
    snprintf(out->start, sizeof out->start, "worst: x = %.9g, of the whole circle", p->x);
    if (!(out->mixing_time_upper <= out->mixing_time_lower * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the starts are too much alike to tell the worst of them");
    return status;
}

/* ------------------------------------------------------------------- whole */

/* By halving: to rounding, in units of the circle. */
static double median(const sg_panels *p) {
    double lo = p->edge[0], hi = p->edge[p->count], below, above;
    for (int i = 0; i < 60; i++) {
        const double mid = 0.5 * lo + 0.5 * hi;
        sg_panels_distribution(p, mid, &below, &above);
        *(below < 0.5 ? &lo : &hi) = mid;
    }
    const double x = 0.5 * lo + 0.5 * hi;
    return fabs(x) > 1e-13 * (p->edge[p->count] - p->edge[0]) ? x : 0;
}

static sg_status named(problem *p, sg_start start, double x, sg_mixing *out) {
    const bool warm = start == SG_START_WARM;
    if (warm && isnan(x)) x = median(p->panels);
    if (!isfinite(x)) return sg_fail(SG_OUT_OF_RANGE, "the start x = %g is out of range: it must be finite", x);
    p->x = place_of(p, x);
    sg_status status = cross(p, x, warm, out->relaxation_time, out);
    if (!status) status = confirm(p, x, warm, out);
    if (warm)
        snprintf(out->start, sizeof out->start, "warm: %.9g <= x <= %.9g", p->panels->edge[0], x);
    else
        snprintf(out->start, sizeof out->start, "x = %.9g", x);
    if (!(out->mixing_time_upper <= out->mixing_time_lower * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "law and spectral expansion differ at the mixing time");
    return status;
}

static sg_status open_problem(const sg_panels *panels, const double *log_d, problem *p) {
    *p = (problem){.panels = panels, .log_d = log_d, .length = panels->edge[panels->count] - panels->edge[0]};
    p->stride = (panels->n + ARCS - 1) / ARCS;
    while (panels->n % p->stride) p->stride++;
    p->arcs = panels->n / p->stride;
    sg_status status = sg_circle_law_new(panels, log_d, &p->law);
    if (!status) status = sg_new(&p->at_begin, (size_t)p->arcs, sizeof(double));
    if (!status) status = sg_new(&p->series, 2 * (size_t)panels->n, sizeof(double));
    if (status) return status;
    sg_panels_coefficients(panels, panels->logp, p->series);
    if (log_d) sg_panels_coefficients(panels, log_d, p->series + panels->n);
    return SG_OK;
}

/* The gap of the circle, or where its operator is beyond the range of numbers that of the line it is cut to. */
static sg_status relaxation_time(const problem *p, double *time) {
    sg_gap gap;
    sg_status status = sg_circle_gap(p->panels, p->log_d, NULL, NULL, &gap);
    if (status == SG_REFUSED || status == SG_NOT_CONVERGED) status = sg_line_gap(p->panels, p->log_d, NULL, NULL, &gap);
    if (!status) *time = gap.relaxation_time;
    return status;
}

sg_status sg_circle_mixing(const sg_panels *panels, const double *log_d, sg_start start, double x,
                           const sg_mixing_settings *settings, sg_mixing *out) {
    problem p = {0};
    double begun = sg_finite_now();
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = open_problem(panels, log_d, &p);
    if (!status) status = relaxation_time(&p, &out->relaxation_time);
    if (!status) status = start == SG_START_WORST ? worst(&p, out) : named(&p, start, x, out);
    if (status) goto out;
    if (start == SG_START_WORST) sg_mixing_sandwich(out->relaxation_time, INFINITY, out);
    sg_circle_law_start(p.law, p.x, start == SG_START_WARM);
    status = sg_mixing_profile(sg_circle_law_distance, p.law, sg_circle_law_at_zero(p.law), settings, out);
    out->seconds = sg_finite_now() - begun;
out:
    sg_circle_law_delete(p.law);
    sg_delete(p.at_begin);
    sg_delete(p.series);
    return status;
}
