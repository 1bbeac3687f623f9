/*
 * Spectra on boxes in up to three dimensions: a first look by finite volumes (scout.c), elements placed by it
 * (elements.c), then eigenvalues at two orders, by shift-invert Lanczos (lanczos.c), by LOBPCG where the
 * factor does not fit (lobpcg.c), or from the conductances between wells (capacity.c) where they are too
 * small for either.
 */
#include "scoregap/grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "work.h"

enum { LEAST_ORDER = 4, ROUNDS = 12, MOST_DEGREE = 52, LEAST_DEGREE = 8, LOW_ORDER = 6 };
static const double MOST_DEEPER = 120;

/* ------------------------------------------------------------------ settings */

static sg_status read_settings(const sg_grid_problem *p, const sg_grid_settings *given, sg_grid_settings *s) {
    *s = given ? *given : (sg_grid_settings){0};
    if (s->count == 0) s->count = 1;
    if (s->order == 0) s->order = p->d == 3 ? 8 : 12;
    if (s->tol == 0) s->tol = p->d == 3 ? 1e-6 : 1e-8;
    if (s->memory == 0) s->memory = (size_t)1 << 30;
    if (p->d < 1 || p->d > SG_GRID_DIMENSIONS)
        return sg_fail(SG_OUT_OF_RANGE, "the grid has %d dimensions: it must be 1, 2 or 3", p->d);
    if (s->count < 1 || s->count > SG_GRID_MOST - 1)
        return sg_fail(SG_OUT_OF_RANGE, "%d eigenvalues were asked for: it must be 1 to %d", s->count,
                       SG_GRID_MOST - 1);
    if (s->order < LEAST_ORDER || s->order > SG_ORDER)
        return sg_fail(SG_OUT_OF_RANGE, "the order is %d: it must be %d to %d", s->order, LEAST_ORDER, SG_ORDER);
    if (!(s->tol >= 1e-12 && s->tol < 1))
        return sg_fail(SG_OUT_OF_RANGE, "the tolerance is %g: it must be in [1e-12, 1)", s->tol);
    for (int a = 0; a < p->d; a++) {
        if (!(isfinite(p->lo[a]) && isfinite(p->hi[a]) && p->lo[a] < p->hi[a]))
            return sg_fail(SG_OUT_OF_RANGE, "side %d of the box is [%g, %g]: it must be finite and not empty", a + 1,
                           p->lo[a], p->hi[a]);
        if (s->cells[a] < 0 || s->cells[a] > SG_SLABS)
            return sg_fail(SG_OUT_OF_RANGE, "%d elements a direction: at most %d", s->cells[a], SG_SLABS);
    }
    return SG_OK;
}

/* ------------------------------------------------------------------- rounds */

static double worst_error(const sg_grid_work *w) {
    double worst = 0;
    for (int k = 0; k < w->count; k++) worst = fmax(worst, w->error[k]);
    return worst;
}

/* A lower degree, or smaller elements, where polynomials that are small wherever p is not make matrices singular. */
static bool soften(sg_grid_work *w) {
    const int least = w->problem->d == 3 ? 2 * LEAST_DEGREE : LEAST_DEGREE;
    if (w->s.cells[0] || (w->s.order <= LOW_ORDER && w->most_degree <= least)) return false;
    if (w->s.order > LOW_ORDER)
        w->s.order -= 2;
    else
        w->most_degree /= 2;
    return true;
}

/* A mode may live farther out than the law: where it has not died away at the ends of what was looked at. */
static bool look_deeper(sg_grid_work *w, sg_status *status) {
    if (!(w->ends > 0.1 * w->s.tol) || w->deeper > MOST_DEEPER || w->s.cells[0]) return false;
    w->deeper *= 1.4;
    *status = sg_grid_look(w);
    return true;
}

/* Elements for another try where the matrices did not fit. */
static bool shrink(sg_grid_work *w, double *error) {
    if (w->s.cells[0] || *error > 1e3) return false;
    if (w->problem->d == 3 && w->s.order > LOW_ORDER)
        w->s.order = LOW_ORDER;
    else
        *error *= 100;
    return true;
}

/* What is reported, of the better of two rounds. */
static void take_results(sg_grid_work *to, const sg_grid_work *from) {
    to->count = from->count, to->slow = from->slow, to->unknowns = from->unknowns, to->lobpcg = from->lobpcg;
    to->log_upper = from->log_upper;
    memcpy(to->log_value, from->log_value, sizeof to->log_value);
    memcpy(to->error, from->error, sizeof to->error);
}

/* Smaller elements, or higher degrees, where they are needed until the error estimate is `tol`, or no longer falls. */
static sg_status refine(sg_grid_work *w) {
    double error = (w->problem->d == 3 ? 30 : 0.3) * w->s.tol, least = INFINITY; /* see order_error */
    bool placed = false, done = false;
    sg_grid_work *best = NULL;
    sg_status status = sg_new(&best, 1, sizeof *best);
    for (int round = 0; round < ROUNDS && !status && !done; round++) {
        status = placed ? sg_grid_split(w) : sg_grid_place(w, error);
        if (!status) status = sg_grid_solve(w);
        if (status) {
            placed = false;
            done = !((status == SG_SINGULAR && soften(w)) || (status == SG_NO_MEMORY && shrink(w, &error)));
            if (!done || isfinite(least)) status = SG_OK;
            continue;
        }
        placed = !look_deeper(w, &status);
        if (!placed) continue;
        done = !(worst_error(w) > w->s.tol) || w->s.cells[0] || worst_error(w) > least;
        if (!(worst_error(w) > least)) least = worst_error(w), *best = *w;
    }
    if (!status && isfinite(least)) take_results(w, best);
    sg_delete(best);
    return status;
}

/* ------------------------------------------------------------------- results */

static void report(const sg_grid_work *w, sg_gap *out, sg_grid_spectrum *spectrum) {
    static const char *const method[] = {
        "spectral elements, shift-invert Lanczos; upper bound: Rayleigh quotient, lower: error estimate",
        "spectral elements, conductances between wells; upper bound: Rayleigh quotient, lower: error estimate",
        "spectral elements, LOBPCG; upper bound: Rayleigh quotient, lower: error estimate"};
    const double value = exp(w->log_value[0]), error = w->error[0];
    *out = (sg_gap){.gap = value,
                    .gap_lower = value * fmax(0, 1 - error),
                    .gap_upper = error < 1 ? fmax(value, exp(w->log_upper)) : value * (1 + error),
                    .log10_gap = w->log_value[0] / M_LN10,
                    .poincare = 1 / value,
                    .relaxation_time = 1 / value,
                    .iterations = w->solves,
                    .method = method[w->slow > 0 ? 1
                                     : w->lobpcg ? 2
                                                 : 0]};
    if (value < 2.3e-308) {
        out->status = SG_UNDERFLOW;
        out->gap = out->gap_lower = out->gap_upper = 0;
        snprintf(out->message, sizeof out->message, "the gap is 10^%.6f, below double precision", out->log10_gap);
    } else if (!(error <= 1e-6)) {
        out->status = SG_UNCERTIFIED;
        if (isfinite(error))
            snprintf(out->message, sizeof out->message, "the gap is uncertain by %.1e, as two orders differ", error);
        else
            snprintf(out->message, sizeof out->message, "the elements are too large for the law: take more of them");
    }
    if (!spectrum) return;
    *spectrum = (sg_grid_spectrum){.count = w->count, .unknowns = w->unknowns, .coefficient = w->coefficient};
    for (int k = 0; k < w->count; k++) {
        spectrum->value[k] = exp(w->log_value[k]);
        spectrum->log_value[k] = w->log_value[k];
        spectrum->value_error[k] = w->error[k];
    }
}

sg_status sg_grid_gap(const sg_grid_problem *problem, const sg_grid_settings *settings, sg_gap *out,
                      sg_grid_spectrum *spectrum) {
    struct timespec start, end;
    sg_grid_work *w = NULL;
    clock_gettime(CLOCK_MONOTONIC, &start);
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status) return status;
    w->problem = problem;
    w->coefficient = spectrum && problem->functions ? spectrum->coefficient : NULL;
    if ((status = read_settings(problem, settings, &w->s))) goto out;
    w->deeper = SG_DEEPER;
    w->most_degree = MOST_DEGREE;
    if ((status = sg_grid_look(w))) goto out;
    if ((status = refine(w))) goto out;
    report(w, out, spectrum);
    clock_gettime(CLOCK_MONOTONIC, &end);
    out->seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
out:
    sg_scout_delete(w->scout);
    sg_delete(w->keep);
    sg_delete(w);
    return status;
}
