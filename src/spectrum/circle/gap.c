/* The gap on the circle: the first eigenvalue on two grids. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "scoregap/spectrum.h"

#define CERTIFIED 1e-6 /* wider enclosures are not certified */

/* log lambda_1 with its relative error on one grid. */
static sg_status first(const sg_panels *panels, const double *log_d, double *log_value, double *error) {
    sg_spectrum *spectrum = NULL;
    sg_status status = sg_circle_spectrum(panels, log_d, 1, &spectrum);
    if (status) return status;
    *log_value = spectrum->log_value[0];
    *error = spectrum->value_error[0];
    sg_spectrum_delete(spectrum);
    return SG_OK;
}

sg_status sg_circle_gap(const sg_panels *panels, const double *log_d, const sg_panels *finer, const double *log_d_finer,
                        sg_gap *out) {
    struct timespec start, end;
    double log_value, error, log_finer, error_finer, drift = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    *out = (sg_gap){.method = "integral operator on the circle", .iterations = 1};
    sg_status status = first(panels, log_d, &log_value, &error);
    if (status) return status;
    if (finer) {
        if ((status = first(finer, log_d_finer, &log_finer, &error_finer))) return status;
        drift = fabs(log_finer - log_value);
        log_value = log_finer;
        error = error_finer;
    }
    out->gap = exp(log_value);
    out->log10_gap = log_value / M_LN10;
    out->poincare = out->relaxation_time = exp(-log_value);
    out->gap_lower = isfinite(error) ? exp(log_value - error - drift) : 0;
    out->gap_upper = isfinite(error) ? exp(log_value + error + drift) : INFINITY;
    if (!(error + drift <= CERTIFIED)) {
        out->status = SG_UNCERTIFIED;
        if (isfinite(error))
            snprintf(out->message, sizeof out->message,
                     "the enclosure is %.2g wide, %.2g of it from the change of panels", 2 * (error + drift),
                     2 * drift);
        else
            snprintf(out->message, sizeof out->message, "an eigenvalue may have been missed below the one found");
    } else if (out->gap == 0) {
        out->status = SG_UNDERFLOW;
        snprintf(out->message, sizeof out->message, "the gap is 10^%.6f, below the range of double precision",
                 out->log10_gap);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    out->seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    return SG_OK;
}
