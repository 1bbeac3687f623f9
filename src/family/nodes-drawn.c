/* Expectations by exact draws, where there is no quadrature. */
#include <math.h>
#include <string.h>

#include "family/domain.h"
#include "family/nodes.h"

enum { LOG_POINTS = 16, LEVEL_MOST = 8 };

/* Whole blocks in each group: as many as the budget allows, at least one. */
static long long blocks_in_group(int d, int level) {
    const double points = fmin(1 << LOG_POINTS, SG_DRAWN_BYTES / ((d + 2) * sizeof(double)));
    const long long blocks = (long long)(points / (SG_DRAWN_GROUPS * SG_BLOCK));
    return (blocks > 1 ? blocks : 1) << level;
}

/* log Z, when the family knows it. */
static sg_status closed_log_z(const sg_model *model, const double *theta, double *log_z, bool *known) {
    *log_z = 0;
    *known = model->family->can & SG_NORMALIZED;
    if (*known || !model->family->log_z) return SG_OK;
    const sg_status status = model->family->log_z(model, theta, log_z, NULL, NULL);
    *known = status == SG_OK;
    return status == SG_REFUSED ? SG_OK : status;
}

/* Scratch of one thread. */
typedef struct {
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} workspace;

static sg_status open_workspace(const sg_model *model, workspace *w) {
    const int d = model->space.d;
    const size_t points = (size_t)d * SG_BLOCK;
    sg_status status = sg_arena_new(points * sizeof(double) + sg_jet_bytes(model->full, d, SG_LOGP), &w->arena);
    if (status == SG_OK) status = sg_jet_take(w->arena, model->full, d, SG_LOGP, &w->jet);
    if (status == SG_OK)
        w->block = (sg_block){.n = SG_BLOCK, .d = d, .draws = 1, .x = sg_arena_take(w->arena, points, sizeof(double))};
    return status;
}

static void fill_block(const sg_sampler *sampler, const double *theta, sg_stream stream, double log_z, long long b,
                       workspace *w, sg_nodes *nodes) {
    const long long first = b * SG_BLOCK;
    sg_stream_seek(&stream, (uint32_t)b);
    sg_sampler_draw(sampler, &stream, &w->block);
    for (int a = 0; a < w->block.d; a++)
        memcpy(nodes->x + a * nodes->n + first, w->block.x + a * SG_BLOCK, SG_BLOCK * sizeof(double));
    for (int i = 0; i < SG_BLOCK; i++) nodes->mass[first + i] = 1 / (double)nodes->n;
    if (!nodes->logp) return;
    nodes->model->family->jet(nodes->model, theta, &w->block, &w->jet);
    for (int i = 0; i < SG_BLOCK; i++) nodes->logp[first + i] = w->jet.logp[i] - log_z;
}

static sg_status fill(const sg_sampler *sampler, const double *theta, int level, double log_z, sg_nodes *nodes) {
    const long long blocks = sg_nodes_blocks(nodes);
    sg_stream stream;
    sg_status worst = SG_OK;
    sg_stream_open(&stream, sg_model_law_key(nodes->model, theta, "nodes"), SG_PURPOSE_DATA, (uint32_t)level);
#pragma omp parallel
    {
        workspace w = {0};
        sg_status status = open_workspace(nodes->model, &w);
#pragma omp for
        for (long long b = 0; b < blocks; b++)
            if (status == SG_OK) fill_block(sampler, theta, stream, log_z, b, &w, nodes);
        if (status != SG_OK)
#pragma omp critical(sg_nodes_drawn)
            worst = status;
        sg_arena_delete(w.arena);
    }
    return worst == SG_OK ? SG_OK : sg_fail(worst, "memory for points drawn from %s is exhausted", nodes->model->text);
}

sg_status sg_nodes_fill_drawn(const double *theta, int level, sg_nodes *nodes) {
    const sg_model *model = nodes->model;
    const size_t d = (size_t)model->space.d;
    sg_sampler *sampler = NULL;
    double log_z;
    bool known;
    if (level < 0 || level > LEVEL_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "the level %d of drawn points is out of range: it must be in [0, %d]", level,
                       LEVEL_MOST);
    sg_status status = sg_sampler_new(model, theta, NULL, &sampler);
    if (status == SG_OK) status = closed_log_z(model, theta, &log_z, &known);
    if (status != SG_OK) goto out;
    nodes->drawn = true;
    nodes->groups = SG_DRAWN_GROUPS;
    nodes->n = SG_DRAWN_GROUPS * SG_BLOCK * blocks_in_group(model->space.d, level);
    status = sg_new(&nodes->x, d * (size_t)nodes->n, sizeof(double));
    if (status == SG_OK) status = sg_new(&nodes->mass, (size_t)nodes->n, sizeof(double));
    if (status == SG_OK && known) status = sg_new(&nodes->logp, (size_t)nodes->n, sizeof(double));
    if (status == SG_OK) status = fill(sampler, theta, level, log_z, nodes);
out:
    sg_sampler_delete(sampler);
    return status;
}
