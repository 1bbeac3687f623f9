/*
 * The normal law cut to an interval: F = (x, -x^2/2), theta = (0, 1/s^2).  Any theta will do, so that a negative
 * precision makes two wells at the ends.
 */
#include <math.h>

#include "family/gaussian.h"
#include "family/interval.h"

typedef struct {
    sg_ends ends;
    double s;
} truncated;

static sg_status make(const void *keys, sg_model *model) {
    const truncated *key = keys;
    sg_status status = sg_line_model(model, 2, key, sizeof *key);
    if (status != SG_OK) return status;
    model->truth[1] = 1 / (key->s * key->s);
    return sg_interval_set("truncated-gaussian", &key->ends, model);
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return sg_line_finite(2, theta);
}

/* The ends, each with the length over which log p changes by one or bends, and the critical point between them. */
static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    const double end[] = {model->space.lo, model->space.hi}, most = 0.25 * (end[1] - end[0]);
    const double bend = fmin(most, 1 / sqrt(fabs(theta[1]))), centre = theta[0] / theta[1];
    for (int k = 0; k < 2; k++) sg_line_mark(marks, end[k], fmin(bend, 1 / fabs(theta[0] - theta[1] * end[k])));
    if (centre > end[0] && centre < end[1]) sg_line_mark(marks, centre, bend);
}

static const sg_field keys[] = {
    SG_INTERVAL_KEYS(truncated, "-1", "1"),
    {.key = "s",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(truncated, s),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "standard deviation before the cut; theta = (0, 1/s^2)"},
    {0},
};

const sg_family sg_family_truncated_gaussian = {
    .name = "truncated-gaussian",
    .summary = "p(x) ~ exp(location x - precision x^2/2) on [lo, hi]",
    .keys = keys,
    .keys_size = sizeof(truncated),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = sg_gaussian_parameter,
    .jet = sg_gaussian_jet,
    .inside = inside,
    .landmarks = landmarks,
};
