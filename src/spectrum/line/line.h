/* The gap on the line with what its caller may need to choose another cut. */
#ifndef SG_SPECTRUM_LINE_H
#define SG_SPECTRUM_LINE_H

#include "enclose.h"
#include "scoregap/spectrum.h"

typedef struct {
    double bottom; /* of the essential spectrum, see tail.h; set by the caller, NAN: to be extrapolated at both ends */
    bool deeper;   /* out: the slowest mode reaches into the tails, below the essential spectrum */
} sg_line_tails;

/* sg_line_gap; `tails` in and out, NULL: nothing is known. */
SG_MUST_CHECK sg_status sg_line_gap_and_tails(const sg_panels *panels, const double *log_d, const sg_panels *finer,
                                              const double *log_d_finer, sg_gap *out, sg_line_tails *tails);

/* What an enclosure means for the gap; `drift` is the part of its width that comes from the change of panels. */
void sg_line_verdict(const sg_enclosure *e, double drift, double bottom, sg_line_tails *tails, sg_gap *out);

/* Eigenvalues without functions: log lambda_k, k < count, as sg_line_spectrum finds them.  Errors: the same. */
SG_MUST_CHECK sg_status sg_line_values(const sg_panels *panels, const double *log_d, int count, double *log_value);

#endif
