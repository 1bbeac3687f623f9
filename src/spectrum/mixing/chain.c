/* Mixing times of explicit chains: all eigenpairs or powers of the matrix, all starts. */
#include <math.h>
#include <stdio.h>

#include "dense.h"
#include "spectrum/finite.h"

#define EXPECTED_MEMORY ((size_t)1 << 30)
#define SLACK 1e-11 /* relative, at which the distances of all starts are first tried against epsilon */

static sg_status check_start(const sg_chain *chain, int start, const double *law) {
    double sum = 0;
    if (start < -1 || start >= chain->n)
        return sg_fail(SG_OUT_OF_RANGE, "start %d is out of range: states are 0 to %d, -1 is the worst", start,
                       chain->n - 1);
    for (int x = 0; law && x < chain->n; x++) sum += law[x] >= 0 ? law[x] : NAN;
    if (law && !(fabs(sum - 1) < 1e-9))
        return sg_fail(SG_OUT_OF_RANGE, "the initial law must be nonnegative with sum 1, not %g", sum);
    return SG_OK;
}

static sg_status cross(sg_dense *d, double guess, sg_mixing *out) {
    sg_mixing_again(out);
    return sg_mixing_cross(sg_dense_distance, d, d->zero, guess, out);
}

static int largest(int n, const double *value) {
    int at = 0;
    for (int x = 1; x < n; x++)
        if (value[x] > value[at]) at = x;
    return at;
}

/* Moves the upper end until no start can be above epsilon there. */
static void cover(sg_dense *d, double *distance, double *error, sg_mixing *out) {
    const double t = out->mixing_time;
    for (double step = fmax(SLACK, out->mixing_time_upper / t - 1); step < 2; step *= 8) {
        double most = 0;
        sg_dense_all(d, t * (1 + step), distance, error);
        for (int x = 0; x < d->n; x++) most = fmax(most, distance[x] + error[x]);
        out->mixing_time_upper = most <= out->epsilon ? t * (1 + step) : INFINITY;
        if (most <= out->epsilon) break;
    }
    if (!(out->mixing_time_upper <= t * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the distances of all starts are too uncertain to tell the worst of them");
}

/*
 * The worst of all starts: the crossing of one, then the distances of all at that time; another that is still above
 * epsilon is later, and takes its place.
 */
static sg_status worst(sg_dense *d, double guess, sg_mixing *out) {
    const int n = d->n;
    double *distance = NULL, *error = NULL;
    int here = 0;
    sg_status status = sg_new(&distance, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&error, (size_t)n, sizeof(double));
    for (int round = 0; !status && round < 30; round++) {
        if (guess > 0) sg_dense_all(d, guess, distance, error);
        int next = largest(n, distance);
        if (round > 0 && distance[next] - 2 * error[next] <= out->epsilon) break;
        here = next;
        sg_dense_start(d, here, NULL);
        status = cross(d, guess, out);
        guess = out->mixing_time;
        if (!(guess > 0)) break;
    }
    if (!status && guess > 0 && out->status == SG_OK) cover(d, distance, error, out);
    snprintf(out->start, sizeof out->start, "worst: state %d of %d", here, n);
    out->state = here;
    sg_delete(distance);
    sg_delete(error);
    return status;
}

/*
 * 1/gap; from the relative-accuracy solver when the eigenvalues cannot tell.  *decay: the rate at which the norm in
 * L2(pi) falls from time 0 on; NAN where neither is known (chains that are not reversible, and large ones).
 */
static sg_status relaxation_time(const sg_chain *chain, const sg_dense *d, double *time, double *decay) {
    sg_gap gap;
    const bool expanded = d->matrices && d->reversible;
    if (expanded && d->value[1] > 1e-9 * d->top) {
        *time = 1 / d->value[1];
        *decay = d->value[1];
        return SG_OK;
    }
    sg_status status = sg_chain_gap(chain, NULL, &gap, NULL, decay);
    *time = gap.relaxation_time;
    if (!status && (gap.status == SG_OK || gap.status == SG_UNCERTIFIED)) return SG_OK;
    *time = expanded ? 1 / d->value[1] : NAN;
    *decay = 1 / *time;
    return status == SG_NO_MEMORY ? status : SG_OK;
}

/*
 * An eigenfunction f of -L with eigenvalue z changes by exp(-t Re z) at the place where |f| is largest, which is at
 * most 2 TV(t): the lower side of the sandwich needs no reversibility.  The upper one does not hold for chains that are
 * not reversible; there |P_t f| <= exp(-decay t) |f| gives TV <= exp(-decay t) pi_min^{-1/2}/2.
 */
static void put_sandwich(const sg_dense *d, double decay, sg_mixing *out) {
    double least = 0;
    for (int x = 0; x < d->n; x++) least = fmin(least, d->log_pi[x]);
    sg_mixing_sandwich(out->relaxation_time, -least, out);
    if (!d->reversible) out->sandwich_upper = (-0.5 * least - log(2 * out->epsilon)) / decay;
}

static void describe(const sg_dense *d, sg_mixing *out) {
    if (d->matrices && d->reversible)
        snprintf(out->method, sizeof out->method, "all %d eigenpairs%s%s", d->n, d->evolved ? ", uniformization" : "",
                 d->squared ? ", repeated squaring" : "");
    else
        snprintf(out->method, sizeof out->method, "law on %d states by %s%s%s", d->n,
                 d->evolved ? "uniformization" : "", d->evolved && d->squared ? " and " : "",
                 d->squared ? "repeated squaring" : "");
}

sg_status sg_chain_mixing(const sg_chain *chain, int start, const double *initial, const sg_mixing_settings *settings,
                          sg_mixing *out) {
    sg_dense d = {0};
    size_t memory = settings && settings->memory ? settings->memory : EXPECTED_MEMORY;
    const bool one = initial || start >= 0;
    double decay = NAN, guess, begun = sg_finite_now();
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = check_start(chain, start, initial);
    if (!status) status = sg_dense_new(chain, out->epsilon, memory, one, &d);
    if (!status) status = relaxation_time(chain, &d, &out->relaxation_time, &decay);
    if (status) goto out;
    guess = out->relaxation_time > 0 && isfinite(out->relaxation_time) ? out->relaxation_time : 1 / d.flow.q;
    if (one) {
        sg_dense_start(&d, start, initial);
        status = cross(&d, guess, out);
        snprintf(out->start, sizeof out->start, initial ? "given law" : "state %d", start);
        out->state = initial ? -1 : start;
    } else {
        status = worst(&d, guess, out);
        if (!status) put_sandwich(&d, decay, out);
    }
    if (!status) status = sg_mixing_profile(sg_dense_distance, &d, d.zero, settings, out);
    describe(&d, out);
    out->seconds = sg_finite_now() - begun;
out:
    sg_dense_delete(&d);
    return status;
}
