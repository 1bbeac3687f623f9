/* Events in one unit of time of a generator on sites: what makes clocks comparable. */
#include <math.h>
#include <omp.h>

#include "dictionary/site-view.h"

enum { B = SG_BLOCK };

static sg_status by_sizes(const sg_loss *loss, const sg_model *model, bool *known, double *updates) {
    double *rate = NULL;
    *known = false;
    if (!loss->row->sizes) return SG_OK;
    sg_status status = sg_new(&rate, (size_t)model->space.d + 1, sizeof(double));
    if (status == SG_OK) *known = loss->row->sizes(loss->options, model, rate);
    if (*known) *updates = 0;
    for (int k = 1; *known && k <= model->space.d; k++) *updates += rate[k] * k / model->space.d;
    sg_delete(rate);
    return status;
}

static sg_status of_blocks(const sg_loss *loss, const sg_model *model, double *updates) {
    sg_site_lists blocks = {0};
    bool known;
    sg_status status = by_sizes(loss, model, &known, updates);
    if (status != SG_OK || known) return status;
    status = loss->row->lists(loss->options, model, &blocks);
    if (status == SG_OK) *updates = 0;
    for (int b = 0; b < blocks.count; b++)
        *updates += blocks.rate[b] * (blocks.start[b + 1] - blocks.start[b]) / model->space.d;
    sg_site_lists_free(&blocks);
    return status;
}

/* -------------------------------------------- moves whose rates depend on the state */

static double weighted_sum(int n, const double *weight, const double *rate) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        if (weight[i] > 0) sum += weight[i] * rate[i];
    return sum;
}

/* Of the states of one block: sum over sites and moves of mass times rate. */
static double block_jumps(const sg_loss *loss, const sg_prepared *prepared, const sg_nodes *nodes, long long b,
                          sg_site_view *view, double *x) {
    _Alignas(SG_ALIGN) double weight[B], rate[B];
    const sg_model *model = nodes->model;
    sg_block block = {.x = x};
    double sum = 0;
    sg_nodes_block(nodes, b, &block, weight);
    sg_site_view_at(view, model->truth, &block);
    for (int site = 0; site < model->space.d; site++)
        for (int move = 1; move < model->space.q; move++) {
            sg_site_view_move(view, &block, site, move, false);
            loss->row->rate(prepared, B, view->log_ratio, rate);
            sum += weighted_sum(block.n, weight, rate);
        }
    return sum;
}

/* The sums of blocks stand in their order: the number of threads does not change the bits. */
static sg_status all_states(const sg_loss *loss, const sg_prepared *prepared, const sg_nodes *nodes, double *jumps) {
    const long long blocks = sg_nodes_blocks(nodes);
    const int d = nodes->model->space.d;
    double *part = NULL;
    sg_status failed = sg_new(&part, (size_t)blocks, sizeof *part);
    if (failed) return failed;
#pragma omp parallel
    {
        sg_site_view *view = NULL;
        double *x = NULL;
        sg_status status = sg_site_view_new(nodes->model, &view);
        if (!status) status = sg_new(&x, (size_t)d * B, sizeof *x);
        if (status) {
#pragma omp critical(sg_updates)
            failed = status;
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (long long b = 0; b < blocks; b++)
            if (!failed) part[b] = block_jumps(loss, prepared, nodes, b, view, x);
        sg_site_view_delete(view);
        sg_delete(x);
    }
    *jumps = sg_sum((size_t)blocks, part);
    sg_delete(part);
    return failed;
}

/* The same by classes of states. */
static sg_status all_classes(const sg_loss *loss, const sg_prepared *prepared, const sg_lumped *lumped, double *jumps) {
    const size_t edges = (size_t)lumped->edges;
    double *ratio = NULL, most = -INFINITY, z = 0;
    sg_status status = sg_new(&ratio, 2 * edges + 1, sizeof *ratio);
    if (status != SG_OK) return status;
    double *rate = ratio + edges;
    for (int a = 0; a < lumped->classes; a++) most = fmax(most, lumped->log_size[a] + lumped->log_p[a]);
    for (int a = 0; a < lumped->classes; a++) z += exp(lumped->log_size[a] + lumped->log_p[a] - most);
    for (size_t e = 0; e < edges; e++) ratio[e] = lumped->log_p[lumped->to[e]] - lumped->log_p[lumped->from[e]];
    loss->row->rate(prepared, lumped->edges, ratio, rate);
    *jumps = 0;
    for (size_t e = 0; e < edges; e++) {
        const int a = lumped->from[e];
        const double mass = exp(lumped->log_size[a] + lumped->log_p[a] - most) / z;
        if (mass > 0) *jumps += mass * lumped->flips[e] * rate[e];
    }
    sg_delete(ratio);
    return SG_OK;
}

static sg_status of_jumps(const sg_loss *loss, const sg_model *model, double *updates) {
    sg_nodes *nodes = NULL;
    sg_lumped *lumped = NULL;
    sg_prepared *prepared = NULL;
    double jumps = NAN;
    sg_status status = model->family->lump ? model->family->lump(model, model->truth, &lumped) : SG_REFUSED;
    if (status == SG_REFUSED) status = sg_nodes_new(model, model->truth, 0, false, &nodes);
    if (status == SG_REFUSED) return SG_OK;
    if (!status) status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (!status)
        status = lumped ? all_classes(loss, prepared, lumped, &jumps) : all_states(loss, prepared, nodes, &jumps);
    *updates = jumps / model->space.d;
    sg_loss_release(loss, prepared);
    sg_lumped_delete(lumped);
    sg_nodes_delete(nodes);
    return status;
}

sg_status sg_loss_updates(const sg_loss *loss, const sg_model *model, double *updates) {
    const sg_row *row = loss->row;
    *updates = NAN;
    if (model->space.shape != SG_FINITE) return SG_OK;
    if (row->heat_bath || row->kind == SG_RESAMPLE) {
        *updates = 1;
        return SG_OK;
    }
    if (row->lists) return of_blocks(loss, model, updates);
    return row->rate ? of_jumps(loss, model, updates) : SG_OK;
}
