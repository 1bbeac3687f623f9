/* Fits of one loss to a user's data: shared by fit and compare. */
#ifndef SCOREGAP_SIM_FITTING_H
#define SCOREGAP_SIM_FITTING_H

#include "sim.h"

typedef struct {
    long long n;
    int d;
    double *rows; /* [n][d] */
} sim_data;
/* Reads --data and checks it against the model's space. */
SG_MUST_CHECK sg_status sim_data_open(const sim_args *args, const sg_model *model, sim_data *data);

typedef struct {
    double *theta, *se, *covariance; /* [m], [m], [m,m]; covariance NULL: too many to write out */
    double condition;
    int iterations;
    sg_starts starts;
    sg_status status; /* of the fit */
    char message[512];
} sim_fit;
/* By --starts and --seed.  Errors of set-up; a fit that fails is in out->status. */
SG_MUST_CHECK sg_status sim_fit_new(const sim_args *args, const sg_model *model, const sg_loss *loss,
                                    const sim_data *data, sim_fit **out);
void sim_fit_delete(sim_fit *fit);

#endif
