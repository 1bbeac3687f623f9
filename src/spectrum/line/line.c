/* The gap of a diffusion on the line, by power steps with the positive integral operator. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "line.h"
#include "operator.h"
#include "shoot.h"
#include "tail.h"

#define MOST_STEPS 60
#define LOG_STEPS 12
#define WIDTH 1e-12    /* asked for */
#define PATIENCE 20    /* power steps that may still be needed before shooting is cheaper */
#define CERTIFIED 1e-6 /* wider enclosures are not certified */
#define OUTSIDE 1e-3   /* more of the energy in the tails, and there is no eigenfunction within the cut */

/* Enclosure of log C_P of the law on one set of panels. */
typedef struct {
    double log_lower, log_upper, log_value; /* of C_P */
    double floor;                           /* rounding, relative */
    double outside;                         /* share of the Dirichlet energy next to the cuts */
    int steps;
} enclosure;

typedef struct {
    sg_operator *op;
    double *gamma, *next;
    enclosure *out;
} iteration;

static void narrow(enclosure *e, double lower, double upper) {
    e->log_lower = fmax(e->log_lower, lower);
    e->log_upper = fmin(e->log_upper, upper);
}

static double width(const enclosure *e) {
    return e->log_upper - e->log_lower;
}

/* Power steps in logarithms, until all quotients are of one order and functions can be numbers. */
static void log_steps(iteration *it) {
    for (int k = 0;; k++) {
        double least, most;
        sg_operator_log_range(it->op, &least, &most);
        narrow(it->out, least, most);
        it->out->steps++;
        if (most - least < 1 || k == LOG_STEPS) break;
        for (int i = 0; i < it->op->n; i++) it->gamma[i] = it->op->log_t[i];
        sg_operator_refer(it->op, it->gamma);
    }
    sg_operator_linearize(it->op);
    for (int i = 0; i < it->op->n; i++) it->gamma[i] = exp(it->op->log_t[i] - it->op->log_g[i] - it->op->log_scale);
}

/* One power step: gamma becomes T gamma; its quotients narrow the enclosure.  Returns their spread. */
static double power_step(iteration *it) {
    sg_operator *op = it->op;
    double least = INFINITY, most = 0, top = 0;
    sg_operator_apply(op, it->gamma, it->next);
    for (int i = 0; i < op->n; i++) {
        double q = it->next[i] / it->gamma[i];
        least = q < least ? q : least;
        most = q > most ? q : most;
        top = it->next[i] > top ? it->next[i] : top;
    }
    it->out->steps++;
    it->out->log_value = op->log_scale + log(sg_operator_rayleigh(op, it->gamma, it->next));
    narrow(it->out, it->out->log_value, op->log_scale + log(most)); /* least <= Rayleigh quotient <= C_P <= most */
    for (int i = 0; i < op->n; i++) it->gamma[i] = it->next[i] / top;
    return log(most / least);
}

/* Power steps while they pay: true when done (asked for, or at the rounding floor), false when the ratio of eigenvalues
 * is near one. */
static bool power_steps(iteration *it, int most) {
    double before = INFINITY;
    int stagnant = 0;
    for (int k = 0; k < most; k++) {
        double spread = power_step(it), rate = spread / before;
        if (width(it->out) <= 0.1 * WIDTH) return true;
        stagnant = rate > 0.7 && spread < 100 * WIDTH ? stagnant + 1 : 0;
        if (stagnant == 3) return true;
        if (k > 4 && spread > WIDTH && log(WIDTH / spread) / log(fmin(rate, 0.999)) > PATIENCE) return false;
        before = spread;
    }
    return width(it->out) < 100 * WIDTH;
}

/* The eigenvalue between the ends of the enclosure by bisection on Sturm's count; its function becomes the reference,
 * if it is found. */
static sg_status shoot(iteration *it, const double *log_d) {
    sg_shoot *s = NULL;
    double lo = -it->out->log_upper - 1e-9, hi = -it->out->log_lower + 1e-9;
    sg_status status = sg_shoot_new(it->op->panels, log_d, hi, &s);
    if (status) return status == SG_NOT_CONVERGED ? SG_OK : status;
    for (int k = 0; k < 200 && hi - lo > 1e-15 * fmax(1, fabs(hi)); k++) {
        double mid = 0.5 * (lo + hi);
        if (sg_shoot_count(s, sg_scaled_exp(mid), NULL) > 0)
            hi = mid;
        else
            lo = mid;
    }
    sg_shoot_sweep(s, sg_scaled_exp(lo));
    sg_shoot_vector(s, sg_shoot_join(s, NULL), it->next, it->next, it->gamma);
    for (int i = 0; i < it->op->n; i++)
        if (it->gamma[i] == -INFINITY) it->gamma[i] = it->op->log_g[i];
    sg_operator_refer(it->op, it->gamma);
    sg_shoot_delete(s);
    return SG_OK;
}

/*
 * Share of the energy int D p g^2 in the outer halves of the tails that were cut, in units of log p: next to nothing
 * for an eigenfunction, much when nothing decays.
 */
static double energy_outside(const iteration *it) {
    const sg_panels *p = it->op->panels;
    double total = 0, outside = 0, top = -INFINITY;
    int first = 0, last = p->n - 1;
    for (int i = 0; i < p->n; i++) top = fmax(top, p->logp[i]);
    if (p->log_tail_lo > -INFINITY)
        while (p->logp[first] < 0.5 * (top + p->logp[0])) first++;
    if (p->log_tail_hi > -INFINITY)
        while (p->logp[last] < 0.5 * (top + p->logp[p->n - 1])) last--;
    for (int i = 0; i < p->n; i++) {
        double e = it->op->weight[i] * it->gamma[i] * it->gamma[i];
        total += e;
        if (i < first || i > last) outside += e;
    }
    return outside / total;
}

static sg_status enclose(const sg_panels *panels, const double *log_d, enclosure *out) {
    iteration it = {.out = out};
    size_t n = (size_t)panels->n;
    double depth = 0;
    *out = (enclosure){.log_lower = -INFINITY, .log_upper = INFINITY};
    sg_status status = sg_operator_new(panels, log_d, &it.op);
    if (status) goto out;
    if ((status = sg_new(&it.gamma, n, sizeof(double)))) goto out;
    if ((status = sg_new(&it.next, n, sizeof(double)))) goto out;
    for (size_t i = 0; i < n; i++) it.gamma[i] = log_d ? -0.5 * log_d[i] : 0;
    sg_operator_refer(it.op, it.gamma);
    log_steps(&it);
    if (!power_steps(&it, MOST_STEPS)) {
        if ((status = shoot(&it, log_d))) goto out;
        log_steps(&it);
        power_steps(&it, MOST_STEPS / 4);
    }
    for (size_t i = 0; i < n; i++) depth = fmax(depth, fmax(fabs(panels->logp[i]), fabs(it.op->log_dp[i])));
    out->floor = 0x1p-52 * (4 * depth + panels->count + 64);
    out->log_value = fmin(fmax(out->log_value, out->log_lower), out->log_upper);
    out->outside = energy_outside(&it);
out:
    sg_operator_delete(it.op);
    sg_delete(it.gamma);
    sg_delete(it.next);
    return status;
}

/* Joins the enclosures on both grids: their hull, widened by the change of the value and by rounding. */
static void join(const enclosure *e, const enclosure *finer, enclosure *all) {
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

static void cut_too_early(const enclosure *e, double bottom, sg_gap *out) {
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

static void judge(const enclosure *e, double drift, double bottom, sg_line_tails *tails, sg_gap *out) {
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

static void report(const enclosure *e, sg_gap *out) {
    set_gap(-e->log_value, out);
    out->gap_lower = exp(-e->log_upper);
    out->gap_upper = exp(-e->log_lower);
    out->iterations = e->steps;
    out->method = "integral operator";
    out->status = SG_OK;
    out->message[0] = 0;
}

/* Every cut law bounds the gap from above (but for what it has left out of the mass). */
static double least_upper(const enclosure *e, const enclosure *finer) {
    double log_lower = e->log_lower - e->floor;
    if (finer) log_lower = fmax(log_lower, finer->log_lower - finer->floor);
    return exp(-log_lower);
}

sg_status sg_line_gap_and_tails(const sg_panels *panels, const double *log_d, const sg_panels *finer,
                                const double *log_d_finer, sg_gap *out, sg_line_tails *tails) {
    struct timespec start, end;
    enclosure coarse, fine, all;
    sg_line_tails own = {.bottom = NAN};
    double drift = 0;
    *out = (sg_gap){0};
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!tails) tails = &own;
    tails->deeper = false;
    sg_status status = enclose(panels, log_d, &coarse);
    if (status) return status;
    if (finer) {
        status = enclose(finer, log_d_finer, &fine);
        if (status) return status;
        drift = 2 * fabs(fine.log_value - coarse.log_value);
    }
    if (isnan(tails->bottom))
        status = sg_tail_bottom(finer ? finer : panels, finer ? log_d_finer : log_d, 0, &tails->bottom);
    if (status) return status;
    join(&coarse, finer ? &fine : NULL, &all);
    report(&all, out);
    judge(&all, drift, tails->bottom, tails, out);
    if (out->status == SG_NOT_ATTAINED || tails->deeper) out->gap_upper = least_upper(&coarse, finer ? &fine : NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    out->seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    return SG_OK;
}

sg_status sg_line_gap(const sg_panels *panels, const double *log_d, const sg_panels *finer, const double *log_d_finer,
                      sg_gap *out) {
    return sg_line_gap_and_tails(panels, log_d, finer, log_d_finer, out, NULL);
}
