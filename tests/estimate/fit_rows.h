/* Fits to data given as rows.  After cmocka.h. */
#ifndef SG_TESTS_ESTIMATE_FIT_ROWS_H
#define SG_TESTS_ESTIMATE_FIT_ROWS_H

#include <string.h>

#include "../model.h"
#include "scoregap/estimate.h"

enum { FIT_ROWS_M = 16 };

/* The estimate theta [m <= FIT_ROWS_M] and its status. */
static inline sg_status fit_rows(const char *model_text, const char *loss_text, long long n, const double *rows,
                                 double *theta) {
    sg_model *model = model_of(model_text);
    sg_loss *loss = NULL;
    sg_nodes *nodes = NULL;
    sg_fitter *fitter = NULL;
    double covariance[FIT_ROWS_M * FIT_ROWS_M];
    sg_source source = {.n = n, .d = model->space.d, .rows = rows};
    sg_fit fit = {.theta = theta, .covariance = covariance};
    OK(sg_loss_new(loss_text, &loss));
    OK(sg_fit_nodes(model, loss, model->truth, false, &nodes));
    OK(sg_fitter_new(model, loss, model->truth, NULL, nodes, &fitter));
    OK(sg_fit_source(fitter, &source, SG_FIT_SANDWICH, &fit));
    if (fit.status == SG_SEPARATED && !strstr(sg_message(), "separated")) fail_msg("%s", sg_message());
    sg_fitter_delete(fitter);
    sg_nodes_delete(nodes);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return fit.status;
}

#endif
