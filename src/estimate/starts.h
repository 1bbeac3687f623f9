/* Fits of losses that are not convex, from many starts.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_STARTS_H
#define SG_ESTIMATE_STARTS_H

#include "scoregap/estimate.h"

typedef struct sg_starts_room {
    int starts;
    uint64_t key;
    sg_starts *report;
} sg_starts_room;

/* Fits by `fit` from every start and leaves the best estimate in f->delta; SG_OK if one start has converged, otherwise
 * what the first gave. */
SG_MUST_CHECK sg_status sg_starts_run(sg_fitter *f, const sg_starts_room *room,
                                      sg_status (*fit)(sg_fitter *f, int *iterations), int *iterations);

#endif
