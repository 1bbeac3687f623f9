/* The generator of jumps on all states of a model as an operator for Lanczos' method. */
#ifndef SG_SPECTRUM_CHAIN_OPERATOR_H
#define SG_SPECTRUM_CHAIN_OPERATOR_H

#include "jumps.h"
#include "sites.h"

typedef struct {
    sg_jumps jumps;
    sg_site_blocks blocks;
    uint32_t site[SG_CUBE_MOST]; /* of single flips */
    double rate[SG_CUBE_MOST];
    sg_cube cube; /* two states a site */
    sg_cube_problem on_cube;
    sg_sites sites; /* more of them */
    sg_sites_problem on_sites;
    const sg_lanczos *lanczos;
    double visits; /* of states in a product */
} sg_jumps_operator;
/* For a caller who takes `vectors` vectors of all states.  Closed also after an error.  Errors: those of sg_cube_gap,
 * sg_sites_gap and the row's. */
SG_MUST_CHECK sg_status sg_jumps_operator_open(const sg_model *model, const sg_loss *loss,
                                               const sg_spectrum_settings *settings, int vectors,
                                               sg_jumps_operator *operator);
void sg_jumps_operator_close(sg_jumps_operator *operator);
double sg_jumps_operator_floor(const sg_jumps_operator *operator, double top); /* rounding of products */

/* sg_measures_new by Lanczos' processes, whatever the size. */
SG_MUST_CHECK sg_status sg_measures_by_processes(const sg_model *model, const sg_loss *loss, int functions,
                                                 sg_measured values, void *context, int most, sg_measures **measures);

#endif
