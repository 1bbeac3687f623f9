/* The gap of a diffusion on the line, by power steps with the positive integral operator. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "enclose.h"
#include "line.h"
#include "tail.h"

#define CERTIFIED 1e-6 /* wider enclosures are not certified */
#define OUTSIDE 1e-3   /* more of the energy in the tails, and there is no eigenfunction within the cut */

static double width(const sg_enclosure *e) {
    return e->log_upper - e->log_lower;
}

static sg_status enclose(const sg_line_law *law, sg_wave *g, sg_enclosure *out) {
    sg_operator *op = NULL;
    sg_status status = sg_operator_new(law->count, &op);
    if (!status) status = sg_operator_fill(op, law);
    if (!status) status = sg_enclose(law, op, g, out);
    sg_operator_delete(op);
    return status;
}

/* On the finer panels from the function found on the others. */
static sg_status enclose_both(const sg_line_law *law, const sg_line_law *finer, sg_enclosure *coarse,
                              sg_enclosure *fine) {
    sg_wave g = {0}, start = {0};
    sg_status status = sg_wave_new(law->count, &g);
    if (status) goto out;
    sg_enclose_start(law, &g);
    status = enclose(law, &g, coarse);
    if (status || !finer) goto out;
    if ((status = sg_wave_new(finer->count, &start))) goto out;
    sg_wave_carry(law, &g, finer, &start);
    status = enclose(finer, &start, fine);
out:
    sg_wave_delete(&g);
    sg_wave_delete(&start);
    return status;
}

/* Joins the enclosures on both grids: their hull, widened by the change of the value and by rounding. */
static void join(const sg_enclosure *e, const sg_enclosure *finer, sg_enclosure *all) {
    *all = finer ? *finer : *e;
    if (finer) {
        double change = fabs(finer->log_value - e->log_value);
        all->log_lower = fmin(e->log_lower, finer->log_lower) - change;
        all->log_upper = fmax(e->log_upper, finer->log_upper) + change;
        all->outside = fmax(e->outside, finer->outside);
        all->steps += e->steps;
    }
    /* crossed ends are rounding */
    double lower = fmin(all->log_lower, all->log_upper), upper = fmax(all->log_lower, all->log_upper);
    all->log_lower = lower - all->floor;
    all->log_upper = upper + all->floor;
}

static void set_gap(double log_gap, sg_gap *out) {
    out->gap = exp(log_gap);
    out->log10_gap = log_gap / M_LN10;
    out->poincare = out->relaxation_time = exp(-log_gap);
}

/*
 * No eigenfunction below the essential spectrum: its bottom is the gap.  The truncated law, whose slowest mode is not
 * slower, bounds it from above; nothing bounds it from below.
 */
static void not_attained(double bottom, sg_gap *out) {
    out->status = SG_NOT_ATTAINED;
    out->gap_lower = 0;
    set_gap(log(bottom), out);
    if (bottom == 0)
        snprintf(
            out->message, sizeof out->message,
            "there is no gap: the tails are heavier than exponential (V'^2/4 - V''/2 tends to 0), and the spectrum "
            "goes down to 0");
    else
        snprintf(
            out->message, sizeof out->message,
            "no eigenfunction: the gap is the bottom of the essential spectrum, the limit of V'^2/4 - V''/2 in the "
            "tails (extrapolated, so gap_lower is 0)");
}

static void cut_too_early(const sg_enclosure *e, double bottom, sg_gap *out) {
    out->status = SG_UNCERTIFIED;
    out->gap_lower = 0;
    if (bottom == INFINITY)
        snprintf(out->message, sizeof out->message,
                 "%.2g of the energy of the slowest mode lies in the tails, although there is no essential spectrum: "
                 "the cut is not deep enough",
                 e->outside);
    else if (isnan(bottom))
        snprintf(out->message, sizeof out->message,
                 "%.2g of the energy of the slowest mode lies in the tails, whose slope has no limit that could be "
                 "extrapolated: the gap is at most gap_upper",
                 e->outside);
    else
        snprintf(out->message, sizeof out->message,
                 "%.2g of the energy of the slowest mode lies in the tails, although the essential spectrum begins at "
                 "%.6g: the cut is not deep enough, or the mode is at its threshold",
                 e->outside, bottom);
}

static void judge(const sg_enclosure *e, double drift, double bottom, sg_line_tails *tails, sg_gap *out) {
    if (!isfinite(e->log_value)) {
        out->status = SG_UNCERTIFIED;
        out->gap = out->log10_gap = out->poincare = out->relaxation_time = NAN;
        out->gap_lower = 0;
        out->gap_upper = INFINITY;
        snprintf(out->message, sizeof out->message,
                 "the integral operator is not finite at some node: p falls faster than x can be resolved");
    } else if (bottom < INFINITY && -e->log_value > log(bottom) - e->floor) {
        not_attained(bottom, out);
    } else if (e->outside > OUTSIDE) {
        tails->deeper = !isnan(bottom);
        cut_too_early(e, bottom, out);
    } else if (!(width(e) <= CERTIFIED)) {
        tails->deeper = e->outside > 1e-12;
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message, "the enclosure is %.2g wide, %.2g of it from the change of panels",
                 width(e), drift);
    } else if (out->gap == 0) {
        out->status = SG_UNDERFLOW;
        snprintf(out->message, sizeof out->message, "the gap is 10^%.6f, below the range of double precision",
                 out->log10_gap);
    }
}

static void report(const sg_enclosure *e, sg_gap *out) {
    set_gap(-e->log_value, out);
    out->gap_lower = exp(-e->log_upper);
    out->gap_upper = exp(-e->log_lower);
    out->iterations = e->steps;
    out->method = "integral operator";
    out->status = SG_OK;
    out->message[0] = 0;
}

void sg_line_verdict(const sg_enclosure *e, double drift, double bottom, sg_line_tails *tails, sg_gap *out) {
    report(e, out);
    judge(e, drift, bottom, tails, out);
}

/* Every cut law bounds the gap from above (but for what it has left out of the mass). */
static double least_upper(const sg_enclosure *e, const sg_enclosure *finer) {
    double log_lower = e->log_lower - e->floor;
    if (finer) log_lower = fmax(log_lower, finer->log_lower - finer->floor);
    return exp(-log_lower);
}

sg_status sg_line_gap_and_tails(const sg_panels *panels, const double *log_d, const sg_panels *finer,
                                const double *log_d_finer, sg_gap *out, sg_line_tails *tails) {
    struct timespec start, end;
    sg_enclosure coarse, fine, all;
    sg_line_tails own = {.bottom = NAN};
    double drift = 0;
    *out = (sg_gap){0};
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!tails) tails = &own;
    tails->deeper = false;
    const sg_line_law law = sg_line_law_of(panels, log_d);
    const sg_line_law next = finer ? sg_line_law_of(finer, log_d_finer) : law;
    sg_status status = enclose_both(&law, finer ? &next : NULL, &coarse, &fine);
    if (status) return status;
    if (finer) drift = 2 * fabs(fine.log_value - coarse.log_value);
    if (isnan(tails->bottom))
        status = sg_tail_bottom(finer ? finer : panels, finer ? log_d_finer : log_d, 0, &tails->bottom);
    if (status) return status;
    join(&coarse, finer ? &fine : NULL, &all);
    sg_line_verdict(&all, drift, tails->bottom, tails, out);
    if (out->status == SG_NOT_ATTAINED || tails->deeper) out->gap_upper = least_upper(&coarse, finer ? &fine : NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    out->seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    return SG_OK;
}

sg_status sg_line_gap(const sg_panels *panels, const double *log_d, const sg_panels *finer, const double *log_d_finer,
                      sg_gap *out) {
    return sg_line_gap_and_tails(panels, log_d, finer, log_d_finer, out, NULL);
}
