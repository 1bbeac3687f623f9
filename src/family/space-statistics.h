/*
 * What a chain on R^d or the orthant is watched by, at a block of its points, rows [SG_BLOCK]:
 *   F_j (DT of all parameters), x_a (on the orthant log x_a), log p: their correlations say how long it takes to
 * forget; 1 + x_a d_a log p, and on R^d d_a log p and L F_j = Lap F_j + <grad log p, grad F_j>: whose means are 0.
 */
#ifndef SG_FAMILY_SPACE_STATISTICS_H
#define SG_FAMILY_SPACE_STATISTICS_H

#include "scoregap/family.h"

typedef struct {
    const sg_model *model;
    const double *theta;
    bool generator; /* L F_j is among them: not where its jets would be large */
    int rows;       /* all */
    int nulls;      /* the last of them, whose means are 0 */
} sg_space_statistics;

sg_space_statistics sg_space_statistics_of(const sg_model *model, const double *theta);
/* Scratch of one thread. */
SG_MUST_CHECK sg_status sg_space_scratch_new(const sg_space_statistics *s, sg_arena **arena, sg_jet *jet);
/* out [rows][SG_BLOCK] at x [d][SG_BLOCK]. */
void sg_space_statistics_at(const sg_space_statistics *s, sg_jet *jet, const double *x, double *out);

#endif
