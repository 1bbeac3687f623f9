/* How the solvers on finite sets report: seconds, and a gap with its enclosure from a scaled number. */
#ifndef SG_SPECTRUM_FINITE_H
#define SG_SPECTRUM_FINITE_H

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "scaled.h"
#include "scoregap/chain.h"

#define SG_FINITE_CERTIFIED 1e-6 /* wider enclosures, relative, are not certified */

static inline double sg_finite_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* `below`, `above` >= 0: the enclosure is gap (1 - below), gap (1 + above); below may be 1 or more (no lower bound). */
static inline void sg_finite_report(sg_scaled gap, double below, double above, int iterations, const char *method,
                                    sg_gap *out) {
    *out = (sg_gap){.gap = sg_scaled_value(gap), .iterations = iterations, .method = method};
    out->log10_gap = sg_scaled_log(gap) / M_LN10;
    out->gap_lower = below < 1 ? out->gap * (1 - below) : 0;
    out->gap_upper = out->gap * (1 + above);
    out->poincare = out->relaxation_time = sg_scaled_value(sg_scaled_quotient(sg_scaled_of(1, 0), gap));
    if (!(below + above <= SG_FINITE_CERTIFIED)) {
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message, "the enclosure is %.2g wide, relative to the gap", below + above);
    } else if (out->gap == 0) {
        out->status = SG_UNDERFLOW;
        snprintf(out->message, sizeof out->message, "the gap is 10^%.6f, below the range of double precision",
                 out->log10_gap);
    }
}

#endif
