#include "family/interval.h"

#include <math.h>

sg_status sg_interval_set(const char *name, const sg_ends *ends, sg_model *model) {
    double least = 1e-12 * fmax(fabs(ends->lo), fabs(ends->hi));
    if (!(ends->hi - ends->lo > least))
        return sg_fail(SG_OUT_OF_RANGE,
                       "the support [%g, %g] of family %s is empty or too narrow for its place: hi must be beyond lo",
                       ends->lo, ends->hi, name);
    model->space.shape = SG_INTERVAL;
    model->space.lo = ends->lo;
    model->space.hi = ends->hi;
    return SG_OK;
}
