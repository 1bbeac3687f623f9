/* The crossing of a nonincreasing distance with epsilon, its enclosure, and profiles. */
#include "solve.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 1e290
#define DOWN 8.0       /* most log of a factor by which times are brought down */
#define AGREE 1e-12    /* of two contours */
#define CERTIFIED 1e-6 /* wider enclosures are not certified */

void sg_mixing_clear(sg_mixing *mixing) {
    sg_delete(mixing->time);
    sg_delete(mixing->distance);
    sg_delete(mixing->distance_error);
    memset(mixing, 0, sizeof *mixing);
}

sg_status sg_mixing_begin(const sg_mixing_settings *settings, sg_mixing *out) {
    double epsilon = settings && settings->epsilon != 0 ? settings->epsilon : 0.25;
    memset(out, 0, sizeof *out);
    out->epsilon = epsilon;
    out->state = -1;
    out->mixing_time = out->mixing_time_lower = out->mixing_time_upper = NAN;
    out->relaxation_time = out->sandwich_lower = out->sandwich_upper = NAN;
    if (!(epsilon > 0 && epsilon < 1))
        return sg_fail(SG_OUT_OF_RANGE, "epsilon = %g is out of range: it must be > 0 and < 1", epsilon);
    if (settings && (settings->points < 0 || settings->points > 100000))
        return sg_fail(SG_OUT_OF_RANGE, "a profile has 0 to 100000 points, not %d", settings->points);
    if (settings && !(settings->factor >= 0 && settings->factor <= 1e6))
        return sg_fail(SG_OUT_OF_RANGE, "the profile's factor %g is out of range: it must be >= 0 and <= 1e6",
                       settings->factor);
    return SG_OK;
}

void sg_mixing_again(sg_mixing *out) {
    const sg_mixing blank = {.epsilon = out->epsilon, .relaxation_time = out->relaxation_time, .state = -1};
    *out = blank;
    out->mixing_time = out->mixing_time_lower = out->mixing_time_upper = NAN;
    out->sandwich_lower = out->sandwich_upper = NAN;
}

void sg_mixing_say(sg_mixing *out, sg_status status, const char *format, ...) {
    va_list list;
    if (out->status != SG_OK) return;
    out->status = status;
    va_start(list, format);
    vsnprintf(out->message, sizeof out->message, format, list);
    va_end(list);
}

void sg_mixing_refuse(sg_mixing *out, const char *format, ...) {
    va_list list;
    out->mixing_time = out->mixing_time_lower = out->mixing_time_upper = NAN;
    out->status = SG_REFUSED;
    va_start(list, format);
    vsnprintf(out->message, sizeof out->message, format, list);
    va_end(list);
}

void sg_mixing_sandwich(double relaxation_time, double log_inverse_pi_min, sg_mixing *out) {
    out->relaxation_time = relaxation_time;
    out->sandwich_lower = fmax(0, relaxation_time * log(0.5 / out->epsilon));
    out->sandwich_upper =
        isfinite(log_inverse_pi_min) ? relaxation_time * (log_inverse_pi_min - log(out->epsilon)) : NAN;
}

/* ---------------------------------------------------------------- crossing */

/* A distance at exp(u). */
typedef struct {
    double u, excess, error; /* distance - epsilon */
} probe;

typedef struct {
    sg_distance *distance;
    void *context;
    double epsilon;
    probe above, below; /* excess > 0 at the earlier time, <= 0 at the later */
} search;

static sg_status look(const search *s, double u, probe *p) {
    double d = NAN;
    p->u = u;
    sg_status status = s->distance(s->context, exp(u), &d, &p->error);
    p->excess = d - s->epsilon;
    if (!status && isnan(d)) status = sg_fail(SG_INTERNAL, "the distance at time %g is no number", exp(u));
    return status;
}

/*
 * An early and a late end, from the guess outwards; above.u = -INFINITY: above epsilon only at time 0.  Laws at early
 * times are costly: downwards the steps stay small, and a time that is too early for the method is a floor.
 */
static sg_status bracket(search *s, double guess, bool *found) {
    const double most = log(LONGEST), step = log(3.0);
    double u = fmin(fmax(log(guess), -most), most), floor = -INFINITY;
    s->above = (probe){.u = -INFINITY};
    s->below = (probe){.u = INFINITY};
    *found = false;
    for (double reach = step; fabs(u) <= most; reach *= 1.5) {
        probe p;
        sg_status status = look(s, u, &p);
        const bool early = status == SG_NOT_CONVERGED && s->below.u - u > 1e-3;
        if (status && !early) return status;
        if (early)
            floor = u;
        else if (p.excess > 0)
            s->above = p;
        else
            s->below = p;
        *found = isfinite(s->above.u) && isfinite(s->below.u);
        if (*found) return SG_OK;
        if (early && isinf(s->below.u))
            u += reach;
        else if (isfinite(floor))
            u = 0.5 * (floor + s->below.u);
        else
            u += p.excess > 0 ? reach : -fmin(reach, DOWN);
    }
    return SG_OK;
}

/* False position with Anderson and Bjorck's weights, halving now and then; ends at rounding or below the error. */
static sg_status narrow(search *s, probe *best) {
    double fa = s->above.excess, fb = s->below.excess;
    int last = 0;
    *best = fa < -fb ? s->above : s->below;
    for (int i = 0; i < 200; i++) {
        double a = s->above.u, b = s->below.u, x = i % 6 == 5 ? 0.5 * (a + b) : b - fb * ((b - a) / (fb - fa));
        probe p;
        if (!(x > a && x < b)) x = 0.5 * (a + b);
        if (!(x > a && x < b) || b - a < 0x1p-51 * fmax(1, fabs(a))) break;
        sg_status status = look(s, x, &p);
        if (status) return status;
        double before = p.excess > 0 ? s->above.excess : s->below.excess, damp = 1 - p.excess / before;
        if (!(damp > 0)) damp = 0.5;
        if (p.excess > 0) {
            s->above = p;
            fb *= last > 0 ? damp : 1;
            fa = p.excess;
        } else {
            s->below = p;
            fa *= last < 0 ? damp : 1;
            fb = p.excess;
        }
        last = p.excess > 0 ? 1 : -1;
        *best = p;
        if (fabs(p.excess) <= 0.25 * p.error || fabs(p.excess) < 0x1p-54) break;
    }
    return SG_OK;
}

/* Moves from u to one side until the distance is on that side of epsilon with certainty. */
static sg_status certify(const search *s, double u, double step, int side, double *end) {
    *end = side < 0 ? -INFINITY : INFINITY;
    for (; step < 20; step *= 4) {
        probe p;
        double at = u + side * step;
        if (at == u) continue;
        sg_status status = look(s, at, &p);
        if (status) return status;
        if (side < 0 ? p.excess - p.error <= 0 : p.excess + p.error > 0) continue;
        *end = at;
        break;
    }
    return SG_OK;
}

static sg_status enclose(const search *s, const probe *best, sg_mixing *out) {
    double slope = (s->above.excess - s->below.excess) / (s->below.u - s->above.u), lower, upper;
    double step = fmax(0x1p-51 * fmax(1, fabs(best->u)), slope > 0 ? 2 * best->error / slope : 0);
    sg_status status = certify(s, best->u, step, -1, &lower);
    if (!status) status = certify(s, best->u, step, 1, &upper);
    if (status) return status;
    out->mixing_time = exp(best->u);
    out->mixing_time_lower = fmin(out->mixing_time, exp(lower) * (1 - 0x1p-50));
    out->mixing_time_upper = fmax(out->mixing_time, exp(upper) * (1 + 0x1p-50));
    if (!(out->mixing_time_upper <= out->mixing_time_lower * (1 + CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the error of the distance leaves an enclosure wider than %g", CERTIFIED);
    return SG_OK;
}

sg_status sg_mixing_cross(sg_distance *distance, void *context, double at_zero, double guess, sg_mixing *out) {
    search s = {.distance = distance, .context = context, .epsilon = out->epsilon};
    probe best;
    bool found;
    if (at_zero <= out->epsilon) {
        out->mixing_time = out->mixing_time_lower = out->mixing_time_upper = 0;
        return SG_OK;
    }
    sg_status status = bracket(&s, guess > 0 && isfinite(guess) ? guess : 1, &found);
    if (status) return status;
    if (!found) {
        if (isfinite(s.above.u))
            sg_mixing_say(out, SG_UNDERFLOW, "the distance is still %g at time %g: the mixing time is beyond that",
                          s.above.excess + s.epsilon, LONGEST);
        else
            sg_mixing_say(out, SG_UNDERFLOW, "the mixing time is below %g", 1 / LONGEST);
        return SG_OK;
    }
    status = narrow(&s, &best);
    return status ? status : enclose(&s, &best, out);
}

/* ---------------------------------------------------------------- profiles */

sg_status sg_mixing_profile(sg_distance *distance, void *context, double at_zero, const sg_mixing_settings *settings,
                            sg_mixing *out) {
    int points = settings ? settings->points : 0;
    double unit = out->mixing_time > 0 ? out->mixing_time : out->relaxation_time;
    double last = unit * (settings && settings->factor > 0 ? settings->factor : 3);
    if (points == 0 || !(last > 0 && last < LONGEST)) return SG_OK;
    double **array[] = {&out->time, &out->distance, &out->distance_error};
    for (int k = 0; k < 3; k++) {
        sg_status status = sg_new(array[k], (size_t)points, sizeof(double));
        if (status) return status;
    }
    out->points = points;
    out->distance[0] = at_zero;
    for (int i = 1; i < points; i++) {
        out->time[i] = last * i / (points - 1);
        sg_status status = distance(context, out->time[i], &out->distance[i], &out->distance_error[i]);
        if (status) return status;
        out->distance[i] = fmin(fmax(out->distance[i], 0), 1);
    }
    return SG_OK;
}

/* ----------------------------------------------------------------- contour */

void sg_contour_make(int n, sg_contour *contour) {
    contour->n = n;
    for (int j = 0; j < n; j++) {
        double a = M_PI * (2 * j + 1) / (2.0 * n), c = 0.6407 * a, scale = 2.0 * n;
        double cot = cos(c) / sin(c), slope = 0.5017 * (cot - c / (sin(c) * sin(c)));
        sg_complex z = scale * (0.5017 * a * cot - 0.6122 + 0.2645 * a * I), dz = scale * (slope + 0.2645 * I);
        contour->node[j] = z;
        /* (1/2 pi i) (2 pi / 2n) sum over both halves = Re of twice the upper one */
        contour->weight[j] = cexp(z) * dz / (n * I);
    }
}

double sg_contour_reach(const sg_contour *contour) {
    double most = 0;
    for (int j = 0; j < contour->n; j++) most = fmax(most, cabs(contour->node[j]));
    return most;
}

static const int points[] = {12, 20, 28, 40};
enum { LEVELS = sizeof points / sizeof *points };

int sg_contour_points(int level) {
    return points[level];
}

sg_status sg_contour_distance(sg_status (*by)(void *context, int n, double t, double *distance), void *context,
                              double t, int *level, double *distance, double *error) {
    double before, here = NAN;
    int k = *level > 0 ? *level - 1 : 0;
    sg_status status = by(context, points[k], t, &here);
    do {
        before = here;
        if (!status) status = by(context, points[++k], t, &here);
        *error = fabs(here - before) + 0x1p-52 * exp(0.34 * points[k]);
    } while (!status && !(fabs(here - before) < AGREE) && k + 1 < LEVELS);
    *level = k;
    *distance = here;
    return status;
}
