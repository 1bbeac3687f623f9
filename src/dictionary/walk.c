#include <math.h>
#include <string.h>

#include "dictionary/diffusion.h"
#include "dictionary/site-walk.h"
#include "dictionary/sphere.h"

enum { B = SG_BLOCK };

static sg_status check(const sg_model *model, const sg_sampler *sampler, int chains, double dt) {
    if (chains < 1 || chains > B)
        return sg_fail(SG_OUT_OF_RANGE, "%d chains cannot walk together: choose 1 to %d", chains, (int)B);
    if (!(dt > 0)) return sg_fail(SG_OUT_OF_RANGE, "the time step %g of a walk must be positive", dt);
    if (!sampler && model->space.shape != SG_FINITE)
        return sg_fail(SG_MISFIT, "a walk starts from exact draws: give it a sampler of its law");
    return SG_OK;
}

/* What the steps of any row need: those of a diffusion, which need more than resampling. */
static size_t scratch_bytes(const sg_model *model) {
    const int d = model->space.d;
    if (model->space.shape == SG_FINITE) return sg_site_walk_bytes(d);
    return model->space.shape == SG_SPHERE ? sg_sphere_step_bytes(d) : sg_diffusion_step_bytes(d);
}

static sg_status fill(const sg_model *model, const double *theta, int chains, sg_walk *walk) {
    const int d = model->space.d;
    double *copy = NULL;
    walk->block = (sg_block){.n = chains, .d = d, .draws = 1};
    sg_status status = sg_new(&copy, (size_t)model->full, sizeof(double));
    if (status != SG_OK) return status;
    memcpy(copy, theta, (size_t)model->full * sizeof(double));
    walk->theta = copy;
    status = sg_new(&walk->block.x, (size_t)d * B, sizeof(double));
    if (status == SG_OK) status = sg_arena_new(scratch_bytes(model), &walk->arena);
    if (status == SG_OK && model->space.shape != SG_FINITE)
        status = sg_new(&walk->velocity, (size_t)d * B, sizeof(double));
    return status;
}

/* Exact draws, or all sites in state 0: at -1 where they have two; velocities come from a block of their own. */
static void place(sg_walk *walk) {
    const int n = walk->block.n, d = walk->block.d;
    if (walk->sampler) sg_sampler_draw(walk->sampler, &walk->stream, &walk->block);
    const double begin = walk->model->family->rates || walk->model->space.q > 2 ? 0 : -1;
    for (int k = 0; !walk->sampler && k < d * B; k++) walk->block.x[k] = begin;
    sg_stream_seek(&walk->stream, 1);
    for (int a = 0; walk->velocity && a < d; a++) {
        const uint32_t start = walk->stream.index;
        sg_stream_normal(&walk->stream, (size_t)n, walk->velocity + a * B);
        walk->stream.index = start + B / 2;
    }
}

sg_status sg_walk_new(const sg_model *model, const double *theta, const sg_sampler *sampler, int chains, uint64_t key,
                      uint32_t replicate, double dt, sg_walk **walk) {
    sg_walk *made = NULL;
    *walk = NULL;
    sg_status status = check(model, sampler, chains, dt);
    if (status != SG_OK) goto out;
    status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) goto out;
    made->model = model;
    made->sampler = sampler;
    made->dt = dt;
    status = fill(model, theta, chains, made);
    if (status != SG_OK) goto out;
    sg_stream_open(&made->stream, key, SG_PURPOSE_START, replicate);
    place(made);
    sg_stream_open(&made->stream, key, SG_PURPOSE_DYNAMICS, replicate);
    *walk = made;
    made = NULL;
out:
    sg_walk_delete(made);
    return status;
}

void sg_walk_delete(sg_walk *walk) {
    if (!walk) return;
    sg_delete((void *)walk->theta);
    sg_delete(walk->block.x);
    sg_delete(walk->velocity);
    sg_arena_delete(walk->arena);
    sg_delete(walk);
}

sg_status sg_walk_time(const sg_loss *loss, double dt) {
    if (!loss->row->step)
        return sg_fail(SG_MISFIT,
                       "no step of %s is known: sample by langevin, or leave the dynamics out for exact draws",
                       loss->row->dynamics);
    if (!(dt > 0)) return sg_fail(SG_OUT_OF_RANGE, "the time step %g of a walk must be positive", dt);
    if (loss->row->kind != SG_KERNEL || (dt == floor(dt) && dt <= UINT32_MAX)) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "a step of %s is a whole number of updates, not %g: take 1", loss->row->dynamics,
                   dt);
}

void sg_walk_advance(const sg_loss *loss, const sg_prepared *prepared, sg_walk *walk, int steps) {
    for (int k = 0; k < steps; k++) {
        loss->row->step(prepared, walk);
        sg_stream_seek(&walk->stream, walk->stream.block + 1);
    }
}
