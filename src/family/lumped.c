#include <string.h>

#include "scoregap/family.h"

sg_status sg_lumped_new(int classes, int edges, sg_lumped **lumped) {
    const size_t states = (size_t)classes, moves = (size_t)edges;
    sg_lumped *made = NULL;
    *lumped = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->classes = classes;
    made->edges = edges;
    status = sg_new(&made->log_p, states, sizeof(double));
    if (status == SG_OK) status = sg_new(&made->log_size, states, sizeof(double));
    if (status == SG_OK) status = sg_new(&made->from, moves, sizeof(int));
    if (status == SG_OK) status = sg_new(&made->to, moves, sizeof(int));
    if (status == SG_OK) status = sg_new(&made->flips, moves, sizeof(double));
    if (status != SG_OK) {
        sg_lumped_delete(made);
        return status;
    }
    *lumped = made;
    return SG_OK;
}

void sg_lumped_delete(sg_lumped *lumped) {
    if (!lumped) return;
    sg_delete(lumped->log_p);
    sg_delete(lumped->log_size);
    sg_delete(lumped->from);
    sg_delete(lumped->to);
    sg_delete(lumped->flips);
    sg_delete(lumped->site);
    sg_delete(lumped->composition);
    sg_delete(lumped);
}
