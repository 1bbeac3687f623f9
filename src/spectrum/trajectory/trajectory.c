/* Runs of the dynamics of a row, and the gap that their records show. */
#include "scoregap/trajectory.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dictionary/site-walk.h"
#include "observables.h"

enum { PILOT = 64, PILOT_LAG = 4, PILOT_DOUBLINGS = 60, TUNINGS = 6, TUNING_STEPS = 32, RATIO = 4 };
static const double PILOT_MOVES = 1e7;    /* of single coordinates or sites, in its last round */
static const double REFUSED = 0.005;      /* share of proposals at the small step */
static const double FIRST_STEP = 0.03125; /* of the pilot, where steps are exact */
static const double PER_TIME = 4;         /* records in a relaxation time */
static const double LAG = 0.75;           /* relaxation times */
static const double BURN = 20;            /* relaxation times */
static const double HALVES = 4;           /* standard errors between the two starts */

typedef struct {
    const sg_model *model; /* from set_up on, the law of the dynamics */
    const sg_loss *loss;
    const sg_trajectory_settings *settings;
    sg_panels *panels;
    sg_prepared *prepared;
    sg_sampler *sampler; /* NULL: half of the chains from each end */
    sg_observables *observables;
    int chains;
    double *f; /* [chains][records][count] */
} run;

static void clear(run *r) {
    sg_observables_delete(r->observables);
    sg_sampler_delete(r->sampler);
    sg_loss_release(r->loss, r->prepared);
    sg_panels_delete(r->panels);
    sg_delete(r->f);
}

/* --------------------------------------------------------------------- set-up */

/* Blocks too large to be drawn as a whole. */
static sg_status check_blocks(const run *r) {
    sg_site_lists blocks = {0};
    int most = 0, largest = 0;
    if (r->loss->row->heat_bath || !r->loss->row->lists) return SG_OK;
    while (pow(r->model->space.q, largest + 1) <= (double)(1 << SG_SITE_WALK_BLOCK)) largest++;
    sg_status status = r->loss->row->lists(r->loss->options, r->model, &blocks);
    for (int b = 0; b < blocks.count && !status; b++) {
        const int sites = blocks.start[b + 1] - blocks.start[b];
        if (sites > most) most = sites;
    }
    sg_site_lists_free(&blocks);
    if (!status && most > largest)
        status = sg_fail(SG_OUT_OF_RANGE, "a block of %s has %d sites: a trajectory draws blocks of at most %d",
                         r->loss->text, most, largest);
    return status;
}

static bool discrete(const run *r) {
    return r->loss->row->kind == SG_KERNEL;
}

static bool odd_steps(const run *r) {
    return discrete(r) && !r->loss->row->positive;
}

static sg_status check(const run *r) {
    const sg_row *row = r->loss->row;
    const bool sites = r->model->space.shape == SG_FINITE, two = r->model->space.q == 2;
    if (row->kind == SG_KINETIC)
        return sg_fail(SG_REFUSED, "%s is not reversible: its gap is no quotient that a trajectory could estimate",
                       r->loss->text);
    if (!row->step || (sites && two && row->kind == SG_JUMP && !r->model->family->log_ratio))
        return sg_fail(SG_REFUSED, "the process of %s has no step on %s", r->loss->text, r->model->text);
    if (r->chains < 8 || r->chains > SG_BLOCK)
        return sg_fail(SG_OUT_OF_RANGE, "%d chains give no interval: take 8 to %d", r->chains, SG_BLOCK);
    if (r->settings->records < 2 * PILOT)
        return sg_fail(SG_OUT_OF_RANGE, "%d steps are too few for a trajectory: take at least %d", r->settings->records,
                       2 * PILOT);
    if (r->settings->step > 0) {
        const sg_status status = sg_walk_time(r->loss, r->settings->step);
        if (status) return status;
    }
    if (odd_steps(r) && fmod(r->settings->step, 2) == 0 && r->settings->step > 0)
        return sg_fail(
            SG_OUT_OF_RANGE,
            "%s may have negative eigenvalues, which records after an even number of updates do not tell: take "
            "an odd number in place of %g",
            row->dynamics, r->settings->step);
    return sites && row->kind == SG_JUMP ? check_blocks(r) : SG_OK;
}

static sg_status take_records(run *r) {
    const size_t budget = r->settings->memory ? r->settings->memory : (size_t)1 << 30;
    const double bytes = (double)r->chains * r->settings->records * r->observables->count * sizeof(double) * 2;
    if (bytes > (double)budget)
        return sg_fail(SG_NO_MEMORY, "the records of %d chains and %d steps need %.0f MiB: allow more, or take fewer",
                       r->chains, r->settings->records, ceil(bytes / 1048576));
    return sg_new(&r->f, (size_t)r->chains * (size_t)r->settings->records * (size_t)r->observables->count,
                  sizeof(double));
}

static sg_status set_up(run *r) {
    const bool sites = r->model->space.shape == SG_FINITE, line = r->model->space.d == 1 && !sites;
    sg_status status = check(r);
    if (!status && line) status = sg_model_panels(r->model, r->model->truth, 0, &r->panels);
    if (!status) status = sg_loss_prepare(r->loss, r->model, r->panels, &r->prepared);
    if (!status) status = sg_loss_law(r->loss, r->prepared, r->model, &r->model);
    if (!status) status = sg_sampler_new(r->model, r->model->truth, r->panels, &r->sampler);
    if (status == SG_REFUSED && sites && r->loss->row->kind != SG_RESAMPLE) status = SG_OK;
    if (!status) status = sg_observables_new(r->model, r->panels, &r->observables);
    return status ? status : take_records(r);
}

/* -------------------------------------------------------------------- the walk */

static bool may_rise(const run *r, const sg_walk *w, int chain, int site) {
    const sg_family *family = r->model->family;
    double logp[SG_SITE_WALK_STATES];
    if (r->model->space.q == 2 && family->log_ratio)
        return family->log_ratio(r->model, w->theta, &w->block, chain, site) > -INFINITY;
    if (!family->conditional) return true;
    family->conditional(r->model, w->theta, &w->block, chain, site, logp);
    return logp[r->model->space.q - 1] > -INFINITY;
}

/* Every other chain goes to the last state wherever that is allowed. */
static void raise(const run *r, sg_walk *w) {
    const int q = r->model->space.q;
    for (int c = 1; c < w->block.n; c += 2)
        for (int i = 0; i < w->block.d; i++)
            if (may_rise(r, w, c, i)) w->block.x[(size_t)i * SG_BLOCK + (size_t)c] = q == 2 ? 1 : q - 1;
}

static sg_status open_walk(const run *r, uint32_t replicate, double dt, sg_walk **walk) {
    sg_status status =
        sg_walk_new(r->model, r->model->truth, r->sampler, r->chains, r->settings->seed, replicate, dt, walk);
    if (!status && !r->sampler) raise(r, *walk);
    return status;
}

static bool stopped(const run *r) {
    return r->settings->stop && *r->settings->stop;
}

/* `records` records, each after `inner` steps. */
static sg_status record(const run *r, sg_walk *w, int inner, int records) {
    const int count = r->observables->count;
    for (int t = 0; t < records; t++) {
        if (stopped(r)) return sg_fail(SG_STOPPED, "the trajectory was stopped");
        sg_walk_advance(r->loss, r->prepared, w, inner);
        sg_observables_record(r->observables, w, (size_t)records * (size_t)count, r->f + (size_t)t * (size_t)count);
    }
    return SG_OK;
}

static sg_series series_of(const run *r, int records, double dt) {
    return (sg_series){.chains = r->chains,
                       .records = records,
                       .count = r->observables->count,
                       .dt = dt,
                       .f = r->f,
                       .odd = odd_steps(r)};
}

/* ------------------------------------------------------------------- the pilot */

/* A step at which the share REFUSED of the proposals is refused, which grows like its power 3/2. */
static sg_status tune(const run *r, double *step) {
    *step = 0.1;
    for (int k = 0; k < TUNINGS; k++) {
        sg_walk *w = NULL;
        sg_status status = open_walk(r, 1000 + (uint32_t)k, *step, &w);
        if (status) return status;
        sg_walk_advance(r->loss, r->prepared, w, TUNING_STEPS << (k > 2 ? k - 2 : 0) * 2);
        const double share = 1 - (double)w->accepted / (double)w->proposed;
        sg_walk_delete(w);
        *step *= fmin(4, fmax(0.0625, pow(REFUSED / fmax(share, REFUSED / 16), 2.0 / 3)));
    }
    return SG_OK;
}

/* Does the record fill the time that it measures?  Longer steps until it does. */
static sg_status look(const run *r, sg_walk *w, int inner, double step, double *relaxation) {
    sg_series_gap seen;
    const sg_series s = series_of(r, PILOT, step);
    sg_status status = record(r, w, inner, PILOT);
    if (!status) status = sg_series_gap_of(&s, PILOT_LAG, &seen);
    *relaxation = INFINITY;
    if (status == SG_SINGULAR) return SG_OK; /* nothing moved yet */
    if (!status && seen.integrated_time > 0) *relaxation = seen.integrated_time;
    return status;
}

typedef struct {
    double step, relaxation; /* time between records, and the pilot's relaxation time */
    double inner;            /* 0: exact steps */
} plan;

static double inner_steps(const plan *p) {
    return p->inner > 0 ? RATIO * ceil(p->step / (RATIO * p->inner)) : 1;
}

/* Moves of one round of the pilot. */
static double moves(const run *r, const plan *p) {
    const double each = p->inner > 0 ? inner_steps(p) : p->step;
    return each * r->model->space.d * r->chains * PILOT;
}

/* Longer and longer records until they show the relaxation, or are as long as the run that is wanted. */
static sg_status pilot(const run *r, plan *p) {
    const double given = r->settings->step;
    const bool exact = r->loss->row->kind != SG_DIFFUSION;
    sg_status status = exact ? SG_OK : tune(r, &p->inner);
    p->step = discrete(r) ? 1 : exact ? FIRST_STEP : RATIO * p->inner;
    for (int k = 0; !status; k++) {
        sg_walk *w = NULL;
        const double inner = inner_steps(p);
        status = open_walk(r, 2000 + (uint32_t)k, p->step / inner, &w);
        if (!status) status = look(r, w, (int)inner, p->step, &p->relaxation);
        sg_walk_delete(w);
        if (status || p->relaxation <= 2 * PER_TIME * p->step) break;
        p->step = p->step * 2 + odd_steps(r);
        if (given > 0 && PILOT * p->step > r->settings->records * given) break;
        if (k == PILOT_DOUBLINGS || moves(r, p) > PILOT_MOVES)
            return sg_fail(SG_NOT_CONVERGED,
                           "a pilot run of time %.3g does not show how slowly %s relaxes on %s: give the time between "
                           "records",
                           PILOT * p->step / 2, r->loss->text, r->model->text);
    }
    p->step = given > 0 ? given : fmax(p->step / 2, fmin(p->step * 2, p->relaxation / PER_TIME));
    if (discrete(r)) p->step = odd_steps(r) ? 2 * floor(p->step / 2) + 1 : fmax(1, floor(p->step));
    p->relaxation = fmin(p->relaxation, r->settings->records * p->step);
    return status;
}

/* ------------------------------------------------------------------- estimates */

static int lag_of(const plan *p) {
    return (int)fmax(1, fmin(rint(LAG * p->relaxation / p->step), 1e6));
}

static void mean_of(const run *r, int chain, int k, double *mean) {
    const int count = r->observables->count, records = r->settings->records;
    const double *f = r->f + (size_t)chain * (size_t)records * (size_t)count + k;
    *mean = 0;
    for (int t = 0; t < records; t++) *mean += f[(size_t)t * (size_t)count] / records;
}

/* Chains that began at either end must agree in the mean of every observable. */
static void compare_halves(const run *r, sg_trajectory *out) {
    for (int k = 0; k < r->observables->count; k++) {
        double sum[2] = {0}, square[2] = {0}, n[2] = {0}, mean;
        for (int c = 0; c < r->chains; c++) {
            mean_of(r, c, k, &mean);
            n[c % 2]++;
            sum[c % 2] += mean;
            square[c % 2] += mean * mean;
        }
        double variance = 0;
        for (int h = 0; h < 2; h++) variance += fmax(0, square[h] - sum[h] * sum[h] / n[h]) / ((n[h] - 1) * n[h]);
        if (fabs(sum[0] / n[0] - sum[1] / n[1]) <= HALVES * sqrt(variance) + 1e-12) continue;
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message,
                 "chains from both starts still differ in %s: they have not forgotten them", r->observables->name[k]);
        return;
    }
}

/* One run with steps of inner time `dt`, `inner` of them a record. */
static sg_status estimate(const run *r, const plan *p, uint32_t replicate, int inner, sg_trajectory *out,
                          sg_series_gap *gap) {
    sg_walk *w = NULL;
    const sg_series s = series_of(r, r->settings->records, p->step);
    sg_status status = open_walk(r, replicate, p->step / inner, &w);
    if (status) return status;
    if (!r->sampler) {
        const int steps = (int)fmin(1e7, ceil(BURN * p->relaxation / p->step));
        sg_walk_advance(r->loss, r->prepared, w, steps);
        out->burn = steps * p->step;
    }
    w->proposed = w->accepted = 0;
    status = record(r, w, inner, r->settings->records);
    if (replicate == 0 && w->proposed) out->acceptance = (double)w->accepted / (double)w->proposed;
    sg_walk_delete(w);
    if (!status) status = sg_series_gap_of(&s, lag_of(p), gap);
    if (!status && !r->sampler) compare_halves(r, out);
    return status;
}

/* (4 g(h) - g(4h))/3 of two independent runs. */
static sg_gap_estimate extrapolate(int chains, const sg_gap_estimate *fine, const sg_gap_estimate *coarse) {
    const double gap = (RATIO * fine->gap - coarse->gap) / (RATIO - 1);
    const double se = hypot(RATIO * fine->gap * fine->se, coarse->gap * coarse->se) / (RATIO - 1) / gap;
    const double width = gsl_cdf_tdist_Pinv(0.975, chains - 1) * se, log_gap = gap > 0 ? log(gap) : NAN;
    return (sg_gap_estimate){.log_gap = log_gap,
                             .se = se,
                             .gap = exp(log_gap),
                             .lower = exp(log_gap - width),
                             .upper = exp(log_gap + width)};
}

/* In discrete time: from -log l to 1 - l, which grows with it. */
static sg_gap_estimate of_updates(const sg_gap_estimate *rate) {
    return (sg_gap_estimate){.log_gap = log(-expm1(-rate->gap)),
                             .se = rate->se * rate->gap / expm1(rate->gap),
                             .gap = -expm1(-rate->gap),
                             .lower = -expm1(-rate->lower),
                             .upper = -expm1(-rate->upper)};
}

static void judge(const sg_series_gap *gap, sg_trajectory *out) {
    if (!gap->status || out->status) return;
    out->status = gap->status;
    memcpy(out->message, gap->message, sizeof out->message);
}

static void describe(const run *r, const plan *p, sg_trajectory *out) {
    out->chains = r->chains;
    out->records = r->settings->records;
    out->observables = r->observables->count;
    memcpy(out->name, r->observables->name, sizeof out->name);
    out->slowest = out->name[out->fine.slowest];
    out->step = p->step;
    out->lag = out->fine.lag * p->step;
    out->inner = p->inner > 0 ? p->step / inner_steps(p) : 0;
    if (r->sampler)
        snprintf(out->start, sizeof out->start, "%s",
                 sg_sampler_exact(r->sampler) ? "exact draws" : "draws that are not exact");
    else
        snprintf(out->start, sizeof out->start,
                 "half of the chains with all sites in state %d, half in %d, burn-in %.4g",
                 r->model->space.q == 2 ? -1 : 0, r->model->space.q == 2 ? 1 : r->model->space.q - 1, out->burn);
}

static sg_status solve(run *r, sg_trajectory *out) {
    plan p = {0};
    sg_status status = set_up(r);
    if (!status) status = pilot(r, &p);
    const int inner = status ? 1 : (int)inner_steps(&p);
    if (!status) status = estimate(r, &p, 0, inner, out, &out->fine);
    if (status) return status;
    out->variational = out->fine.variational;
    out->integrated = out->fine.integrated;
    if (discrete(r)) {
        out->variational = of_updates(&out->fine.variational);
        out->integrated = of_updates(&out->fine.integrated);
    }
    judge(&out->fine, out);
    describe(r, &p, out);
    if (!(p.inner > 0)) return SG_OK;
    sg_series_gap coarse;
    if ((status = estimate(r, &p, 1, inner / RATIO, out, &coarse))) return status;
    judge(&coarse, out);
    out->variational = extrapolate(r->chains, &out->fine.variational, &coarse.variational);
    out->integrated = extrapolate(r->chains, &out->fine.integrated, &coarse.integrated);
    return SG_OK;
}

sg_status sg_trajectory_gap(const sg_model *model, const sg_loss *loss, const sg_trajectory_settings *settings,
                            sg_trajectory *out) {
    struct timespec start, end;
    run r = {.model = model, .loss = loss, .settings = settings};
    r.chains = settings->chains ? settings->chains : SG_TRAJECTORY_CHAINS;
    clock_gettime(CLOCK_MONOTONIC, &start);
    memset(out, 0, sizeof *out);
    out->acceptance = NAN;
    sg_status status = solve(&r, out);
    if (!status && !out->status && !isfinite(out->variational.upper)) {
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message, "the trajectories are too short for an estimate: take more steps");
    }
    clear(&r);
    clock_gettime(CLOCK_MONOTONIC, &end);
    out->seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    return status;
}
