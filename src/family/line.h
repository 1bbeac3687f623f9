/*
 * What the families on the line have in common: setting up a model, names, and landmarks.
 */
#ifndef SG_FAMILY_LINE_H
#define SG_FAMILY_LINE_H

#include "scoregap/family.h"

/*
 * Points that a loop over a block runs over: n rounded up to whole vectors, so that no point is left to a scalar
 * remainder and its numbers do not depend on its place in the block.  What stands in the padding does not matter.
 */
static inline int sg_line_points(int n) {
    return (n + 7) & ~7;
}

/* Puts a model of `full` parameters on the line: truth [full] zero, own a copy of `size` bytes.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_line_model(sg_model *model, int full, const void *own, size_t size);

void sg_line_name(const char *const *names, int index, char name[SG_NAME]);

bool sg_line_finite(int full, const double *theta);

/* Adds a landmark; one that is not finite, has no width, or finds the list full is left out. */
void sg_line_mark(sg_landmarks *marks, double at, double scale);

/*
 * Adds the zeros of d/dx log p in [-radius, radius], the highest density first until the list is full, each with the
 * width 1/sqrt|(log p)''|, at most `radius`.  The search has 256 points, denser near 0; closer pairs are missed.
 */
void sg_line_mark_critical(const sg_model *model, const double *theta, double radius, sg_landmarks *marks);

#endif
