/* Mixing times of diffusions on the line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "line.h"
#include "spectrum/finite.h"

#define CANDIDATES 62
#define NEGLECTED 0.05 /* of what the variance of the time to come down changes: what its third moment may */
#define NOISE 1e-10    /* relative */

typedef struct {
    const sg_panels *panels, *far; /* far: the same law cut much deeper, or NULL */
    const double *log_d, *log_d_far;
    sg_line_law *law;
    double guess;
    /* the start of the answer, for its profile: from infinity it is a place in the tail, reached after `delay` */
    double x, delay;
    bool warm;
} line;

static sg_status cross(line *l, double x, bool warm, sg_mixing *out) {
    sg_mixing_again(out);
    sg_line_law_start(l->law, x, warm);
    l->x = x, l->warm = warm, l->delay = 0;
    return sg_mixing_cross(sg_line_law_distance, l->law, sg_line_law_at_zero(l->law), l->guess, out);
}

/* The distance at the crossing once more by the expansion; the difference, in time, widens the enclosure. */
static sg_status confirm(line *l, double x, bool warm, sg_mixing *out) {
    const double t = out->mixing_time, h = 1e-3 * t;
    double again, later, error;
    bool known = false;
    strcpy(out->method, "inverse Laplace transform of the resolvent");
    if (!(t > 0)) return SG_OK;
    sg_status status = sg_line_expansion(l->panels, l->log_d, x, warm, t, &again, &known);
    if (status == SG_NO_MEMORY) return status;
    if (status || !known) return SG_OK;
    if ((status = sg_line_law_distance(l->law, t + h, &later, &error))) return status;
    double slope = (out->epsilon - later) / h, shift = slope > 0 ? fabs(again - out->epsilon) / slope : INFINITY;
    strcat(out->method, ", checked by the spectral expansion");
    out->mixing_time_lower = fmax(0, out->mixing_time_lower - shift);
    out->mixing_time_upper += shift;
    if (!(out->mixing_time_upper <= out->mixing_time_lower * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the spectral expansion gives %.9g for the distance at the mixing time",
                      again);
    return SG_OK;
}

/* ------------------------------------------------------------------- ends */

static double median(const sg_panels *p) {
    int i = 0;
    while (i < p->n - 1 && p->log_below[i] < -M_LN2) i++;
    if (i == 0) return p->x[0];
    double a = exp(p->log_below[i - 1]), b = exp(p->log_below[i]);
    double x = p->x[i - 1] + (p->x[i] - p->x[i - 1]) * (0.5 - a) / (b - a), below, above;
    for (int k = 0; k < 60; k++) { /* safeguarded Newton; the density is that of the nodes beside */
        sg_panels_distribution(p, x, &below, &above);
        double step = (below - 0.5) / exp(0.5 * (p->logp[i - 1] + p->logp[i]));
        x = fmin(p->x[i], fmax(p->x[i - 1], x - step));
        if (fabs(step) <= 1e-15 * fabs(x)) break;
    }
    return fabs(x) > 1e-13 * (p->edge[p->count] - p->edge[0]) ? x : 0;
}

/*
 * The law from infinity is the mean of laws from x over the time to come down there, which is independent of them: to
 * second order the distance at t is d(t - mean) + variance/2 d''(t - mean), d the distance from x.  In time at the
 * crossing s of d: variance/2 d''/|d'|.
 */
static sg_status shift_by_variance(line *l, double s, double variance, double *shift) {
    const double h = 0.01 * s;
    double d[3], error;
    for (int k = 0; k < 3; k++) {
        sg_status status = sg_line_law_distance(l->law, s + (k - 1) * h, &d[k], &error);
        if (status) return status;
    }
    *shift = variance * fabs((d[2] - 2 * d[1] + d[0]) / h / (d[2] - d[0]));
    return SG_OK;
}

/*
 * From infinity: the time to come down to a place in the tail plus the mixing time from there; a second place, nearer,
 * and an extrapolation from fewer nodes tell the error.
 */
static sg_status from_infinity(line *l, const sg_descent *t, bool right, sg_mixing *out) {
    double time[2] = {0}, width = 0, shift = 0;
    for (int k = 1; k >= 0; k--) {
        sg_status status = cross(l, t->x[k], false, out);
        if (status || out->status == SG_UNDERFLOW || !(out->mixing_time > 0)) return status;
        l->guess = out->mixing_time;
        if ((status = shift_by_variance(l, out->mixing_time, t->variance[k], &shift))) return status;
        time[k] = out->mixing_time + t->time[k] + shift;
        width = fmax(width, out->mixing_time_upper - out->mixing_time_lower);
    }
    width += 2 * fabs(time[0] - time[1]) + t->doubt + NEGLECTED * shift + NOISE * time[0];
    l->delay = t->time[0] + shift;
    out->mixing_time = time[0];
    out->mixing_time_lower = fmax(0, time[0] - width);
    out->mixing_time_upper = time[0] + width;
    snprintf(out->start, sizeof out->start, "worst: %s infinity", right ? "plus" : "minus");
    snprintf(out->method, sizeof out->method,
             "inverse Laplace transform of the resolvent from x = %.6g, and the time to come down to it", t->x[0]);
    if (!(width <= SG_FINITE_CERTIFIED * time[0]))
        sg_mixing_say(out, SG_UNCERTIFIED, "the time from infinity is known to about %.1g", width);
    return SG_OK;
}

static sg_status from_end(line *l, const sg_descent *t, bool right, sg_mixing *out) {
    if (t->infinite) return from_infinity(l, t, right, out);
    sg_status status = cross(l, t->x[0], false, out);
    if (!status) status = confirm(l, t->x[0], false, out);
    snprintf(out->start, sizeof out->start, "worst: x = %.9g, the %s end", t->x[0], right ? "right" : "left");
    return status;
}

/* Starts between the ends, at the mixing time: none of them should be above epsilon. */
static sg_status try_between(line *l, sg_mixing *out) {
    const sg_panels *p = l->panels;
    double best = l->x, delay = l->delay;
    int next = 0;
    for (int k = 1; k <= CANDIDATES && out->mixing_time > 0; k++) {
        double d, e = 0, log_level = log(k / (CANDIDATES + 1.0));
        while (next < p->n - 1 && p->log_below[next] < log_level) next++;
        sg_line_law_start(l->law, p->x[next], false);
        sg_status status = sg_line_law_look(l->law, out->mixing_time_upper, &d);
        if (!status && d > out->epsilon * (1 - 1e-3))
            status = sg_line_law_distance(l->law, out->mixing_time_upper, &d, &e);
        if (status) return status;
        if (d <= out->epsilon + 2 * e + 1e-12) continue;
        sg_mixing found = {.epsilon = out->epsilon, .relaxation_time = out->relaxation_time};
        l->guess = out->mixing_time_upper;
        if ((status = cross(l, p->x[next], false, &found))) return status;
        *out = found;
        best = p->x[next], delay = 0;
        snprintf(out->start, sizeof out->start, "worst: x = %.9g, of %d and the ends", p->x[next], CANDIDATES);
        strcpy(out->method, "inverse Laplace transform of the resolvent");
    }
    l->x = best, l->delay = delay;
    return SG_OK;
}

static sg_status worst(line *l, sg_mixing *out) {
    sg_descent end[2];
    const double centre = median(l->panels);
    sg_mixing other = *out;
    for (int k = 0; k < 2; k++) {
        sg_status status = sg_descent_find(l->panels, l->log_d, l->far, l->log_d_far, k == 1, centre, &end[k]);
        if (status) return status;
        if (!end[k].infinite || end[k].comes_down) continue;
        sg_mixing_refuse(out,
                         end[k].doubtful ? "whether the process comes in from the %s end cannot be told from the "
                                           "tail: give a start (--start x=NUMBER or warm)"
                                         : "the mixing time from the %s end is infinite, since the process does not "
                                           "come in from there: give a start (--start x=NUMBER or warm)",
                         k ? "right" : "left");
        snprintf(out->start, sizeof out->start, "worst: the %s end", k ? "right" : "left");
        strcpy(out->method, "time to come in from the ends");
        return SG_OK;
    }
    sg_status status = from_end(l, &end[0], false, &other);
    const double x = l->x, delay = l->delay;
    if (!status) status = from_end(l, &end[1], true, out);
    if (!status && other.mixing_time > out->mixing_time) {
        *out = other;
        l->x = x, l->delay = delay;
    }
    return status ? status : try_between(l, out);
}

/* ------------------------------------------------------------------- whole */

static sg_status named(line *l, sg_start start, double x, sg_mixing *out) {
    const sg_panels *p = l->panels;
    const bool warm = start == SG_START_WARM;
    if (warm && isnan(x)) x = median(p);
    if (!(x >= p->edge[0] && x <= p->edge[p->count]))
        return sg_fail(SG_OUT_OF_RANGE, "the start x = %g is out of range: it must lie between %g and %g", x,
                       p->edge[0], p->edge[p->count]);
    sg_status status = cross(l, x, warm, out);
    if (!status) status = confirm(l, x, warm, out);
    snprintf(out->start, sizeof out->start, warm ? "warm: x <= %.9g" : "x = %.9g", x);
    return status;
}

static sg_status delayed(void *context, double t, double *distance, double *error) {
    const line *l = context;
    *distance = 1, *error = 0;
    return t > l->delay ? sg_line_law_distance(l->law, t - l->delay, distance, error) : SG_OK;
}

sg_status sg_line_mixing(const sg_panels *panels, const double *log_d, sg_start start, double x,
                         const sg_mixing_settings *settings, sg_mixing *out) {
    return sg_line_mixing_far(panels, log_d, NULL, NULL, start, x, settings, out);
}

sg_status sg_line_mixing_far(const sg_panels *panels, const double *log_d, const sg_panels *far,
                             const double *log_d_far, sg_start start, double x, const sg_mixing_settings *settings,
                             sg_mixing *out) {
    line l = {.panels = panels, .log_d = log_d, .far = far, .log_d_far = log_d_far};
    sg_gap gap;
    double begun = sg_finite_now();
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = sg_line_gap(panels, log_d, NULL, NULL, &gap);
    if (!status) status = sg_line_law_new(panels, log_d, &l.law);
    if (status) goto out;
    if (gap.status == SG_OK || gap.status == SG_UNCERTIFIED) out->relaxation_time = gap.relaxation_time;
    l.guess = out->relaxation_time > 0 && isfinite(out->relaxation_time) ? out->relaxation_time : 1;
    status = start == SG_START_WORST ? worst(&l, out) : named(&l, start, x, out);
    if (!status && start == SG_START_WORST && out->status != SG_REFUSED)
        sg_mixing_sandwich(out->relaxation_time, INFINITY, out);
    if (!status && out->status != SG_REFUSED) {
        sg_line_law_start(l.law, l.x, l.warm);
        status = sg_mixing_profile(delayed, &l, sg_line_law_at_zero(l.law), settings, out);
    }
    out->seconds = sg_finite_now() - begun;
out:
    sg_line_law_delete(l.law);
    return status;
}
