/*
 * What the families on a finite interval have in common: its ends as keys.
 */
#ifndef SG_FAMILY_INTERVAL_H
#define SG_FAMILY_INTERVAL_H

#include "family/line.h"

typedef struct {
    double lo, hi;
} sg_ends;

/* Puts a model on the interval.  Errors: SG_OUT_OF_RANGE unless lo < hi, with the name of the family. */
SG_MUST_CHECK sg_status sg_interval_set(const char *name, const sg_ends *ends, sg_model *model);

/* Keys lo and hi of a struct of keys `owner` with a member `ends`. */
#define SG_INTERVAL_KEYS(owner, first, last)                                                               \
    {.key = "lo",                                                                                          \
     .type = SG_FIELD_REAL,                                                                                \
     .role = SG_STRUCTURE,                                                                                 \
     .offset = offsetof(owner, ends) + offsetof(sg_ends, lo),                                              \
     .initial = first,                                                                                     \
     .lo = -1e50,                                                                                          \
     .hi = 1e50,                                                                                           \
     .help = "left end of the support"},                                                                   \
    {                                                                                                      \
        .key = "hi", .type = SG_FIELD_REAL, .role = SG_STRUCTURE,                                          \
        .offset = offsetof(owner, ends) + offsetof(sg_ends, hi), .initial = last, .lo = -1e50, .hi = 1e50, \
        .help = "right end of the support, beyond lo"                                                      \
    }

#endif
