/* A model with a loss, as efficiency and sample take them from the command line. */
#ifndef SCOREGAP_SIM_SETTING_H
#define SCOREGAP_SIM_SETTING_H

#include "sim.h"

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_panels *panels; /* of p at the truth, on the line */
    sg_prepared *prepared;
} sim_setting;

/* Fills s (NULLs on failure: close it all the same). */
SG_MUST_CHECK sg_status sim_setting_open(const sim_args *args, sim_setting *s);
void sim_setting_close(sim_setting *s);

#endif
