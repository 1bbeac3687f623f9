/*
 * Underdamped Langevin dynamics: a position in p and a standard normal velocity, dX = V dt, dV = (log p)'(X) dt -
 * friction V dt + sqrt(2 friction) dB.  It is not reversible (only after the velocity is turned), so it has no loss:
 * psi = L S belongs to reversible generators.
 */
#include <string.h>

#include "base/vecmath.h"
#include "scoregap/dictionary.h"

enum { B = SG_BLOCK };

typedef struct {
    double friction;
} choices;

static sg_status runs(const void *own, const sg_model *model) {
    (void)own;
    if (model->space.shape == SG_LINE && !(model->family->can & SG_KINK)) return SG_OK;
    return sg_fail(SG_MISFIT, "underdamped needs a smooth density on the line: %s is none", model->text);
}

static double friction(const void *options) {
    return ((const choices *)options)->friction;
}

static int none(const sg_model *model) {
    (void)model;
    return 0;
}

static int no_jets(const sg_model *model, int want) {
    (void)model, (void)want;
    return 0;
}

static sg_status prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    (void)model, (void)theta, (void)panels;
    choices *made = (choices *)*prepared;
    if (!made) {
        sg_status status = sg_new(&made, 1, sizeof *made);
        if (status != SG_OK) return status;
    }
    *made = *(const choices *)options;
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    sg_delete(prepared);
}

/* ------------------------------------------------------------------- the step */

/* Chain i takes numbers i of the row, whatever the number of chains. */
static void normals(sg_walk *walk, double *z) {
    const uint32_t start = walk->stream.index;
    sg_stream_normal(&walk->stream, (size_t)walk->block.n, z);
    walk->stream.index = start + B / 2;
}

/* The friction alone, exactly: an Ornstein-Uhlenbeck step of the velocity. */
static void rub(int n, double keep, const double *restrict z, double *restrict v) {
    const double fresh = sqrt(1 - keep * keep);
    for (int i = 0; i < n; i++) v[i] = keep * v[i] + fresh * z[i];
}

static void look(const sg_walk *walk, double *x, sg_jet *jet) {
    sg_block block = walk->block;
    block.x = x;
    walk->model->family->jet(walk->model, walk->theta, &block, jet);
}

/* Accepted, or turned back with the velocity reversed: the flow is reversible up to that sign. */
static int settle(int n, const double *restrict u, const double *restrict logp, const double *restrict logq,
                  const double *restrict y, const double *restrict w, double *restrict x, double *restrict v) {
    int accepted = 0;
    for (int i = 0; i < n; i++) {
        const double change = logq[i] - 0.5 * w[i] * w[i] - (logp[i] - 0.5 * v[i] * v[i]);
        const bool taken = log(u[i]) < change;
        x[i] = taken ? y[i] : x[i];
        v[i] = taken ? w[i] : -v[i];
        accepted += taken;
    }
    return accepted;
}

/* Half a step of friction, a Verlet step with its acceptance, half a step of friction: p is exactly invariant. */
static void step(const sg_prepared *prepared, sg_walk *walk) {
    const int n = walk->block.n;
    const double dt = walk->dt, keep = exp(-0.5 * dt * ((const choices *)prepared)->friction);
    const size_t mark = sg_arena_mark(walk->arena);
    double *x = walk->block.x, *v = walk->velocity, *row[5];
    sg_jet jet = {.m = walk->model->full, .d = 1, .want = SG_LOGP | SG_DX};
    bool taken = true;
    for (int k = 0; k < 5; k++) taken = (row[k] = sg_arena_take(walk->arena, B, sizeof(double))) && taken;
    double *z = row[0], *y = row[1], *w = row[2], *logp = row[3], *u = row[4];
    jet.logp = sg_arena_take(walk->arena, B, sizeof(double));
    jet.dx = sg_arena_take(walk->arena, B, sizeof(double));
    if (!taken || !jet.logp || !jet.dx) goto out;
    normals(walk, z);
    rub(n, keep, z, v);
    look(walk, x, &jet);
    memcpy(logp, jet.logp, (size_t)n * sizeof(double));
    for (int i = 0; i < n; i++) {
        w[i] = v[i] + 0.5 * dt * jet.dx[i];
        y[i] = x[i] + dt * w[i];
    }
    look(walk, y, &jet);
    for (int i = 0; i < n; i++) w[i] += 0.5 * dt * jet.dx[i];
    const uint32_t start = walk->stream.index;
    sg_stream_uniform(&walk->stream, (size_t)n, u);
    walk->stream.index = start + B / 2;
    walk->accepted += settle(n, u, logp, jet.logp, y, w, x, v);
    walk->proposed += n;
    normals(walk, z);
    rub(n, keep, z, v);
out:
    sg_arena_rewind(walk->arena, mark);
}

static const sg_field options[] = {
    {.key = "friction",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, friction),
     .initial = "2",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "rate at which the velocity is forgotten"},
    {.key = NULL},
};

const sg_row sg_row_underdamped = {
    .name = "underdamped",
    .dynamics = "underdamped-langevin",
    .clock = "unit time of the motion dx = v dt, v standard normal in equilibrium",
    .generator_formula = "v f_x + (log p)' f_v - friction (v f_v - f_vv)",
    .summary = "position and velocity with friction, not reversible: no loss",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_KINETIC,
    .fit = SG_GENERAL,
    .roots = none,
    .jets = no_jets,
    .prepare = prepare,
    .release = release,
    .step = step,
    .runs = runs,
    .sampler_only = true,
    .friction = friction,
};
