/* Independent copies of a two-state chain: the distance between products of binomial laws. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "spectrum/finite.h"

#define PRECISION 0x1p-52
#define ALL_STARTS 400
#define LARGEST 100000000

typedef struct {
    int n, ones; /* copies that begin in 1 */
    double up, down, share;
    double *law[4]; /* [n + 1] of the ones among those that began in 1 and in 0: at t, and stationary */
    double rounding;
} product;

/* Binomial law by the ratios of neighbours outwards from its mode; q = 1 - p. */
static void binomial(int n, double p, double q, double *law) {
    int mode = (int)floor((n + 1.0) * p);
    double sum = 1;
    if (mode > n) mode = n;
    memset(law, 0, ((size_t)n + 1) * sizeof(double));
    law[mode] = 1;
    for (int k = mode; k < n && law[k] > 0; k++) sum += law[k + 1] = law[k] * ((n - k) * p) / ((k + 1) * q);
    for (int k = mode; k > 0 && law[k] > 0; k--) sum += law[k - 1] = law[k] * (k * q) / ((n - k + 1) * p);
    for (int k = 0; k <= n; k++) law[k] /= sum;
}

static sg_status distance(void *context, double t, double *distance, double *error) {
    product *p = context;
    const int a = p->ones, b = p->n - p->ones;
    const double decay = exp(-(p->up + p->down) * t), rise = -expm1(-(p->up + p->down) * t), rest = 1 - p->share;
    double total = 0;
    binomial(a, p->share + rest * decay, rest * rise, p->law[0]);
    binomial(b, p->share * rise, rest + p->share * decay, p->law[1]);
    binomial(a, p->share, rest, p->law[2]);
    binomial(b, p->share, rest, p->law[3]);
    for (int i = 0; i <= a; i++) {
        const double x = p->law[0][i], y = p->law[2][i];
        if (x == 0 && y == 0) continue;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int j = 0; j <= b; j++) sum += fabs(x * p->law[1][j] - y * p->law[3][j]);
        total += sum;
    }
    *distance = 0.5 * total;
    *error = p->rounding;
    return SG_OK;
}

static double at_zero(const product *p) {
    return 1 - exp(p->ones * log(p->share) + (p->n - p->ones) * log1p(-p->share));
}

static sg_status from(product *p, int ones, double guess, sg_mixing *out) {
    sg_mixing_again(out);
    p->ones = ones;
    return sg_mixing_cross(distance, p, at_zero(p), guess, out);
}

static sg_status worst(product *p, double guess, sg_mixing *out) {
    /* up = down: exchanging the states of a copy is a symmetry, all starts are equal */
    const int step = p->up == p->down ? p->n + 1 : p->n <= ALL_STARTS ? 1 : p->n;
    double d, e;
    int here = 0;
    sg_status status = from(p, 0, guess, out);
    for (int k = step; !status && k <= p->n; k += step) {
        p->ones = k;
        status = distance(p, out->mixing_time, &d, &e);
        if (status || !(out->mixing_time > 0 ? d > out->epsilon + 2 * e : at_zero(p) > out->epsilon)) continue;
        here = k;
        status = from(p, k, out->mixing_time > 0 ? out->mixing_time : guess, out);
    }
    p->ones = here;
    snprintf(out->start, sizeof out->start, "worst: %d of %d copies in 1", here, p->n);
    if (!status && step == p->n) {
        out->mixing_time_upper = INFINITY;
        sg_mixing_say(out, SG_UNCERTIFIED, "the worst start was sought among all copies in 0 and all in 1");
    }
    return status;
}

sg_status sg_product_mixing(int n, double up, double down, int start, const sg_mixing_settings *settings,
                            sg_mixing *out) {
    product p = {.n = n, .up = up, .down = down, .share = up / (up + down)};
    double begun = sg_finite_now(), guess = 0;
    sg_status status = sg_mixing_begin(settings, out);
    if (!status && (n < 1 || n > LARGEST || start < -1 || start > n))
        status =
            sg_fail(SG_OUT_OF_RANGE, "%d copies of which %d begin in 1: take 1 to %d copies and a start from -1 to n",
                    n, start, LARGEST);
    if (!status && !(up > 0 && down > 0 && isfinite(up + down)))
        status = sg_fail(SG_OUT_OF_RANGE, "the rates %g and %g must be positive and finite", up, down);
    for (int k = 0; !status && k < 4; k++) status = sg_new(&p.law[k], (size_t)n + 1, sizeof(double));
    if (status) goto out;
    /* n ratios, each of a few roundings, walks of standard length sqrt(n) where the mass is */
    p.rounding = PRECISION * (16 + 8 * sqrt((double)n));
    out->relaxation_time = 1 / (up + down);
    guess = out->relaxation_time * (1 + 0.5 * log((double)n));
    if (start < 0) {
        status = worst(&p, guess, out);
        if (!status) sg_mixing_sandwich(out->relaxation_time, -n * log(fmin(p.share, 1 - p.share)), out);
    } else {
        status = from(&p, start, guess, out);
        snprintf(out->start, sizeof out->start, "%d of %d copies in 1", start, n);
    }
    snprintf(out->method, sizeof out->method, "product of binomial laws");
    if (!status) status = sg_mixing_profile(distance, &p, at_zero(&p), settings, out);
    out->seconds = sg_finite_now() - begun;
out:
    for (int k = 0; k < 4; k++) sg_delete(p.law[k]);
    return status;
}
