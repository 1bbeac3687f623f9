/* The gap of Langevin's diffusion on the line from grids no deeper than the slowest mode needs. */
#ifndef SG_SPECTRUM_QUICK_H
#define SG_SPECTRUM_QUICK_H

#include "enclose.h"
#include "scoregap/family.h"
#include "scoregap/spectrum.h"

/*
 * Three grids by one search: down to e^-50 of the largest density; its halves, whose enclosure is the answer, widened
 * by the change from the one to the other, that is by the error of the coarser; and what of it lies above e^-38, whose
 * C_P is less: the change is the effect of a cut.  Once more at e^-120 and e^-90 with finer panels if need be.  p alone
 * is resolved, no statistics.  `done` only where the law leaves no doubt: tails without essential spectrum, nothing
 * slow beyond the cut, every landmark within, an enclosure as narrow as asked for.  Otherwise *done is false, and `out`
 * is not to be used.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_quick_gap(const sg_model *model, sg_gap *out, bool *done);

#endif
