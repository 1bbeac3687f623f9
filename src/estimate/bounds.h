/* Terms of the KHR and QR bounds by quadrature at the truth.  Internal to the estimate module. */
#ifndef SG_ESTIMATE_BOUNDS_H
#define SG_ESTIMATE_BOUNDS_H

#include "scoregap/estimate.h"

/* All NaN for rows that are not diffusions in the coordinates of the model. */
SG_MUST_CHECK sg_status sg_khr_terms_of(const sg_model *model, const sg_loss *loss, const sg_nodes *nodes,
                                        const sg_asymptotic *asymptotic, sg_khr_terms *out);

#endif
