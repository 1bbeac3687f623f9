/* Mixing times in discrete time. */
#ifndef SG_SPECTRUM_MIXING_KERNEL_H
#define SG_SPECTRUM_MIXING_KERNEL_H

#include "finite.h"

/*
 * Number of updates after which the law of a SG_KERNEL process is within epsilon of p, by powers P^(2^k) of its
 * transition matrix on all states (at most SG_KERNEL_STATES), whose terms are all positive; from all starts, or one.
 * Whole numbers: the enclosure is one point where the distances before and at it differ from epsilon by more than their
 * error.  relaxation_time is 1/(1 - max |lambda|), and with it the sandwich in discrete time, (t_rel - 1) log(1/2eps)
 * <= t_mix <= t_rel log(1/(eps pi_min)) (Levin and Peres, theorems 12.4 and 12.5).  SG_REFUSED in `out` where 2^40
 * updates are not enough.  Errors: SG_REFUSED (more states), SG_OUT_OF_RANGE, SG_NO_MEMORY, those of sg_kernel_gap.
 */
enum { SG_KERNEL_STATES = 2500 };
SG_MUST_CHECK sg_status sg_mixing_of_kernel(const sg_model *model, const sg_loss *loss, const sg_sites_start *start,
                                            const sg_mixing_settings *settings, sg_mixing *out);

#endif
