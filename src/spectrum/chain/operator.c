#include "operator.h"

#include <math.h>

static sg_status open_cube(sg_jumps_operator *o, const sg_spectrum_settings *settings, int vectors) {
    const int n = o->jumps.model->space.d;
    const bool flips = !o->jumps.loss->row->blocks;
    for (int i = 0; i < SG_CUBE_MOST; i++) o->site[i] = UINT32_C(1) << i, o->rate[i] = 1;
    o->cube = flips ? (sg_cube){n, n, o->site, o->rate, o->jumps.log_p}
                    : (sg_cube){n, o->blocks.count, o->blocks.mask, o->blocks.rate, o->jumps.log_p};
    o->on_cube = (sg_cube_problem){.cube = &o->cube, .settings = settings};
    if (flips)
        o->on_cube.rate = sg_jumps_rate, o->on_cube.context = &o->jumps;
    else
        o->on_cube.over = o->jumps.log_p; /* it is not needed beside the amplitudes */
    sg_status status = sg_cube_check(&o->on_cube);
    if (!status) status = sg_cube_open(&o->on_cube, vectors);
    o->lanczos = &o->on_cube.lanczos;
    return status;
}

static sg_status open_sites(sg_jumps_operator *o, const sg_spectrum_settings *settings, int vectors) {
    const sg_space *space = &o->jumps.model->space;
    o->sites = (sg_sites){.d = space->d,
                          .q = space->q,
                          .log_p = o->jumps.log_p,
                          .blocks = o->jumps.loss->row->blocks ? &o->blocks : NULL,
                          .rate = sg_jumps_rate,
                          .context = &o->jumps};
    o->on_sites = (sg_sites_problem){.sites = &o->sites, .settings = settings};
    sg_status status = sg_sites_check(&o->on_sites);
    if (!status) status = sg_sites_open(&o->on_sites, vectors);
    o->lanczos = &o->on_sites.lanczos;
    return status;
}

sg_status sg_jumps_operator_open(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                                 int vectors, sg_jumps_operator *o) {
    const sg_row *row = loss->row;
    *o = (sg_jumps_operator){.visits = 0};
    sg_status status = sg_jumps_open(model, loss, &o->jumps);
    if (!status && row->blocks) status = row->blocks(loss->options, model, &o->blocks);
    if (!status) status = sg_jumps_list(&o->jumps);
    if (!status) status = (model->space.q == 2 ? open_cube : open_sites)(o, settings, vectors);
    if (status) return status;
    const double moves = row->blocks ? o->blocks.count : model->space.d * (model->space.q - 1.0);
    o->visits = moves * sg_model_states(model);
    return SG_OK;
}

void sg_jumps_operator_close(sg_jumps_operator *o) {
    sg_cube_close(&o->on_cube);
    sg_sites_close(&o->on_sites);
    sg_jumps_close(&o->jumps);
    sg_delete(o->blocks.mask);
    sg_delete(o->blocks.rate);
}

double sg_jumps_operator_floor(const sg_jumps_operator *o, double top) {
    return o->jumps.model->space.q == 2 ? sg_cube_floor(&o->on_cube, top) : sg_sites_floor(&o->on_sites, top);
}
