#include "estimate/worst-nodes.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "estimate/spread.h"

enum { B = SG_BLOCK, DRAWN_BLOCKS = 16, LEAST_BLOCKS = 256, STEPS = 30 };
static const double nudge = 1e-4; /* change of the largest parameter for differences */
static const double slow = 1e-3;  /* of the ascent */

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_prepared *prepared;
    const sg_nodes *nodes;
    const double *whiten;
    sg_chart *chart; /* the free parameters themselves */
    sg_local local;
    int m;
    int first, blocks; /* what is looked at: block b of the nodes with draws b, the nodes over and over */
    sg_spread spread;  /* of a loss that draws */
    double step;
    double *along, *gradient; /* [m] the direction in the free parameters; E (v'Av) A v in them */
    double *ends;             /* [2][full] theta at both ends of the difference */
    double *sums;             /* [blocks][m + 3] mass, E v'Av, E (v'Av)^2, E (v'Av) A v of each block */
} climb;

/* The ends of the difference along v; false where there is no room in the parameter space. */
static bool place(climb *c, const double *v) {
    const int m = c->m, full = c->model->full;
    double top = 0;
    cblas_dgemv(CblasColMajor, CblasNoTrans, m, m, 1, c->whiten, m, v, 1, 0, c->along, 1);
    for (int j = 0; j < m; j++) top = fmax(top, fabs(c->along[j]));
    c->step = nudge / top;
    for (int halving = 0; halving < 30; halving++, c->step /= 2) {
        for (int i = 0; i < full; i++) {
            const double move = c->step * cblas_ddot(m, c->chart->basis + (size_t)i * m, 1, c->along, 1);
            c->ends[i] = c->chart->origin[i] + move;
            c->ends[full + i] = c->chart->origin[i] - move;
        }
        if (c->model->family->inside(c->model, c->ends) && c->model->family->inside(c->model, c->ends + full))
            return true;
    }
    return false;
}

static void look(const climb *c, sg_lens *lens, sg_stream *stream, int b, int side) {
    if (c->loss->row->spread) sg_stream_seek(stream, (uint32_t)b);
    sg_lens_look(lens, c->prepared, &c->local, c->ends + (size_t)side * c->model->full, &lens->block, SG_PSI, 0);
}

/* A v in place of psi at one end, [m][B]. */
static void read_block(const climb *c, sg_lens *lens, sg_stream *stream, int b, double *along) {
    const int m = c->m, n = lens->block.n;
    const double *mass = c->nodes->mass + b % sg_nodes_blocks(c->nodes) * B;
    double *sum = c->sums + (size_t)(b - c->first) * (m + 3), form[B] = {0};
    look(c, lens, stream, b, 0);
    memcpy(along, lens->datum.psi, (size_t)m * B * sizeof(double));
    look(c, lens, stream, b, 1);
    for (int j = 0; j < m; j++) {
        double *restrict to = along + (size_t)j * B;
        const double *restrict psi = lens->datum.psi + (size_t)j * B;
        for (int i = 0; i < n; i++) to[i] = (to[i] - psi[i]) / (2 * c->step);
        for (int i = 0; i < n; i++) form[i] += c->along[j] * to[i];
    }
    memset(sum, 0, (size_t)(m + 3) * sizeof(double));
    for (int i = 0; i < n; i++) {
        sum[0] += mass[i];
        sum[1] += mass[i] * form[i];
        sum[2] += mass[i] * form[i] * form[i];
    }
    for (int i = 0; i < n; i++) form[i] *= mass[i];
    for (int j = 0; j < m; j++) sum[3 + j] = cblas_ddot(n, form, 1, along + (size_t)j * B, 1);
}

/* Of its own draws, or of all: by the rule, or those that theory takes. */
static void open_draws(const climb *c, sg_lens *lens, sg_stream *stream) {
    if (!c->loss->row->spread) return;
    sg_fold_draws(c->model, c->loss, stream);
    lens->theory = !c->spread.draws;
    lens->draws = lens->theory && c->spread.rule ? NULL : stream;
}

/* Relative variance along the direction that is placed, and in `next`, if it is wanted, where the ascent goes from
 * there, not normalized. */
static sg_status look_along(climb *c, double *value, double *next) {
    sg_failure first = {0};
    const int m = c->m;
    double total[3] = {0}, *gradient = c->gradient;
#pragma omp parallel
    {
        sg_lens *lens = NULL;
        double *along = NULL;
        sg_stream stream;
        sg_status status = sg_lens_new(c->model, c->loss, c->chart, SG_PSI, 0, &lens);
        if (!status) status = sg_new(&along, (size_t)m * B, sizeof(double));
        if (status) sg_failure_keep(&first, status);
        if (!status) open_draws(c, lens, &stream);
#pragma omp for schedule(dynamic)
        for (int b = c->first; b < c->first + c->blocks; b++) {
            if (status) continue;
            sg_lens_nodes(lens, c->nodes, b % sg_nodes_blocks(c->nodes));
            read_block(c, lens, &stream, b, along);
        }
        sg_delete(along);
        sg_lens_delete(lens);
    }
    if (first.status) return sg_fail(first.status, "%s", first.message);
    memset(gradient, 0, (size_t)m * sizeof(double));
    for (int b = 0; b < c->blocks; b++) {
        const double *sum = c->sums + (size_t)b * (m + 3);
        for (int k = 0; k < 3; k++) total[k] += sum[k];
        for (int j = 0; j < m; j++) gradient[j] += sum[3 + j];
    }
    if (next) cblas_dgemv(CblasColMajor, CblasTrans, m, m, 1, c->whiten, m, gradient, 1, 0, next, 1);
    *value = total[0] * total[2] / (total[1] * total[1]) - 1;
    return SG_OK;
}

/* Drawn nodes, or draws, by which a direction was found make too much of it: others judge. */
static sg_status judge(climb *c, double found, double *rho) {
    double value = found;
    sg_status status = SG_OK;
    if (c->nodes->drawn || c->spread.draws) {
        c->first = c->blocks;
        status = look_along(c, &value, NULL);
        c->first = 0;
    }
    if (!status) *rho = fmax(*rho, value);
    return status;
}

/* From v, which is overwritten, as is `next` [m]. */
static sg_status ascend(climb *c, double *v, double *next, double *rho) {
    double value = 0, last = -1;
    sg_status status = SG_OK;
    for (int step = 0; step < STEPS; step++, last = value) {
        cblas_dscal(c->m, 1 / cblas_dnrm2(c->m, v, 1), v, 1);
        if (!place(c, v)) return SG_OK;
        if ((status = look_along(c, &value, next))) return status;
        if (step == 0 && (status = judge(c, value, rho))) return status;
        if (!(fabs(value - last) > slow * value)) break;
        if (step + 1 < STEPS) memcpy(v, next, (size_t)c->m * sizeof(double));
    }
    return judge(c, value, rho);
}

sg_status sg_worst_hessian_nodes(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                                 const sg_nodes *nodes, const double *whiten, int starts, const double *start,
                                 double *rho) {
    sg_status status = SG_OK;
    climb c = {.model = model, .loss = loss, .prepared = prepared, .nodes = nodes, .m = model->m, .whiten = whiten};
    const size_t m = (size_t)c.m, full = (size_t)model->full;
    const bool drawing = loss->row->spread != NULL;
    double *v = NULL, *next = NULL;
    *rho = 0;
    if (loss->row->fit == SG_SUFFICIENT && model->family->can & SG_LINEAR && !drawing) return SG_OK;
    if (drawing) loss->row->spread(prepared, &c.spread);
    const int blocks = (int)sg_nodes_blocks(nodes);
    c.blocks = blocks;
    if (c.spread.draws) c.blocks *= (LEAST_BLOCKS + blocks - 1) / blocks;
    if (nodes->drawn) c.blocks = blocks / 2 < DRAWN_BLOCKS ? blocks / 2 : DRAWN_BLOCKS;
    if ((status = sg_chart_new(model, model->truth, NULL, &c.chart))) goto out;
    if ((status = sg_new(&c.along, m, sizeof(double)))) goto out;
    if ((status = sg_new(&c.gradient, m, sizeof(double)))) goto out;
    if ((status = sg_new(&c.ends, 2 * full, sizeof(double)))) goto out;
    if ((status = sg_new(&c.sums, (size_t)c.blocks * (m + 3), sizeof(double)))) goto out;
    if ((status = sg_new(&v, m, sizeof(double)))) goto out;
    if ((status = sg_new(&next, m, sizeof(double)))) goto out;
    if ((status = sg_new(&c.local.gradient, m, sizeof(double)))) goto out; /* normalized families alone are left */
    if ((status = sg_new(&c.local.hessian, m * m, sizeof(double)))) goto out;
    for (int k = 0; k < starts && !status; k++) {
        memcpy(v, start + (size_t)k * m, m * sizeof(double));
        status = ascend(&c, v, next, rho);
    }
out:
    sg_delete(v);
    sg_delete(next);
    sg_delete(c.local.gradient);
    sg_delete(c.local.hessian);
    sg_delete(c.along);
    sg_delete(c.gradient);
    sg_delete(c.ends);
    sg_delete(c.sums);
    sg_chart_delete(c.chart);
    return status;
}
