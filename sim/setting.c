#include "setting.h"

#include <string.h>

sg_status sim_setting_open(const sim_args *args, sim_setting *s) {
    sg_status status;
    memset(s, 0, sizeof *s);
    if ((status = sim_model(args, &s->model))) return status;
    if ((status = sim_loss(args, s->model, &s->loss))) return status;
    const sg_space *space = &s->model->space;
    if (space->shape == SG_FINITE || space->shape == SG_ORTHANT || space->d > 1)
        return sg_loss_prepare(s->loss, s->model, NULL, &s->prepared);
    if ((status = sg_model_panels(s->model, s->model->truth, 0, &s->panels))) return status;
    return sg_loss_prepare(s->loss, s->model, s->panels, &s->prepared);
}

void sim_setting_close(sim_setting *s) {
    if (s->loss) sg_loss_release(s->loss, s->prepared);
    sg_panels_delete(s->panels);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}
