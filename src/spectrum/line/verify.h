/* What is said about eigenpairs once they are found, by other means than those that found them. */
#ifndef SG_SPECTRUM_VERIFY_H
#define SG_SPECTRUM_VERIFY_H

#include "scoregap/spectrum.h"
#include "shoot.h"

/*
 * Fills value_error, residual and orthonormality of `spectrum`: residuals of the integral operator by running integrals
 * of the functions, the cut, the errors of p and D p on the panels (from `shoot`), and the Gram matrix of the
 * functions.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_spectrum_verify(const sg_panels *panels, const double *log_dp, const sg_shoot *shoot,
                                           sg_spectrum *spectrum);

#endif
