/* Classes of the Potts model on the complete graph: by the numbers of sites in each state. */
#ifndef SG_FAMILY_POTTS_CLASSES_H
#define SG_FAMILY_POTTS_CLASSES_H

#include "scoregap/family.h"

/*
 * All C(n+q-1, q-1) classes for equal couplings J.  Two states: class k has k sites in state 1, a path.  More: an upper
 * bound on the gap, for no reason is known why the slowest mode should be symmetric.  Errors: SG_REFUSED (more than
 * 2^20 classes), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_potts_classes(int n, int q, double J, sg_lumped **lumped);

#endif
