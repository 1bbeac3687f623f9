/* Theory of a pair from its two texts.  After cmocka.h. */
#ifndef SG_TESTS_ESTIMATE_THEORY_H
#define SG_TESTS_ESTIMATE_THEORY_H

#include "../model.h"
#include "scoregap/estimate.h"

static inline sg_asymptotic *theory_of(const char *model_text, const char *loss_text) {
    sg_model *model = model_of(model_text);
    sg_loss *loss = NULL;
    sg_asymptotic *a = NULL;
    OK(sg_loss_new(loss_text, &loss));
    if (sg_asymptotic_new(model, loss, &a)) fail_msg("%s %s: %s", model_text, loss_text, sg_message());
    sg_loss_delete(loss);
    sg_model_delete(model);
    return a;
}

#endif
