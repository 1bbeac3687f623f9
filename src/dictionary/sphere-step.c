/* The step of Langevin's diffusion on the sphere. */
#include <math.h>

#include "base/vecmath.h"
#include "dictionary/sphere.h"

enum { B = SG_BLOCK };

/* A point, its log density, and dt g there. */
typedef struct {
    sg_block block;
    sg_jet jet;
    double *drift; /* [d][B] */
} place;

/* Rows: log p, inner product and length; for each coordinate the gradient, the drift (both ends), a point, normals, v.
 */
size_t sg_sphere_step_bytes(int d) {
    const size_t once = 2 + 4, each = 2 * 2 + 1 + 2;
    return (once + each * (size_t)d) * B * sizeof(double);
}

static bool take_place(const sg_walk *walk, double *x, place *p) {
    const int d = walk->block.d;
    p->block = walk->block;
    p->block.x = x ? x : sg_arena_take(walk->arena, (size_t)d * B, sizeof(double));
    p->drift = sg_arena_take(walk->arena, (size_t)d * B, sizeof(double));
    return p->block.x && p->drift && sg_jet_take(walk->arena, walk->model->full, d, SG_LOGP | SG_DX, &p->jet) == SG_OK;
}

static void inner(int n, int d, const double *f, const double *g, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] = 0;
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++) out[i] += f[a * B + i] * g[a * B + i];
}

/* out = scale P_x f; `along` is scratch. */
static void project(const sg_block *block, double scale, const double *f, double *along, double *out) {
    inner(block->n, block->d, block->x, f, along);
    for (int a = 0; a < block->d; a++)
        for (int i = 0; i < block->n; i++) out[a * B + i] = scale * (f[a * B + i] - along[i] * block->x[a * B + i]);
}

static void look(const sg_walk *walk, place *p, double *along) {
    walk->model->family->jet(walk->model, walk->theta, &p->block, &p->jet);
    project(&p->block, walk->dt, p->jet.dx, along, p->drift);
}

/* y = exp_x(v), brought back to unit length, and v becomes w, in the tangent space of y. */
static void shoot(const place *from, double *v, double *length, double *along, const place *to) {
    const int n = from->block.n, d = from->block.d;
    double *restrict y = to->block.x;
    inner(n, d, v, v, length);
    for (int i = 0; i < n; i++) length[i] = sqrt(length[i]);
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++) {
            const double t = length[i], unit = t > 0 ? v[a * B + i] / t : 0, x = from->block.x[a * B + i];
            y[a * B + i] = cos(t) * x + sin(t) * unit;
            v[a * B + i] = t * (sin(t) * x - cos(t) * unit);
        }
    inner(n, d, y, y, along);
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++) y[a * B + i] /= sqrt(along[i]);
    project(&to->block, 1, v, along, v);
}

/* ratio += sign |v - dt g|^2/(4 dt) */
static void add_proposal(const place *p, const double *v, double sign, double dt, double *restrict ratio) {
    for (int a = 0; a < p->block.d; a++)
        for (int i = 0; i < p->block.n; i++) {
            const double off = v[a * B + i] - p->drift[a * B + i];
            ratio[i] += sign * (off * off) / (4 * dt);
        }
}

/* Comparisons with what is not a number are false: such a proposal is refused. */
static int settle(const place *from, const place *to, const double *u, const double *ratio) {
    int accepted = 0;
    for (int i = 0; i < from->block.n; i++) {
        if (!(log(u[i]) < ratio[i])) continue;
        for (int a = 0; a < from->block.d; a++) from->block.x[a * B + i] = to->block.x[a * B + i];
        accepted++;
    }
    return accepted;
}

void sg_sphere_step(sg_walk *walk) {
    const int n = walk->block.n, d = walk->block.d;
    const size_t mark = sg_arena_mark(walk->arena), row = (size_t)d * B;
    place from, to;
    const bool taken = take_place(walk, walk->block.x, &from) && take_place(walk, NULL, &to);
    double *normal = sg_arena_take(walk->arena, row, sizeof(double));
    double *v = sg_arena_take(walk->arena, row, sizeof(double));
    double *u = sg_arena_take(walk->arena, B, sizeof(double)), *ratio = sg_arena_take(walk->arena, B, sizeof(double));
    double *along = sg_arena_take(walk->arena, B, sizeof(double));
    double *length = sg_arena_take(walk->arena, B, sizeof(double));
    if (!taken || !normal || !v || !u || !ratio || !along || !length) goto out;
    for (int a = 0; a < d; a++) {
        const uint32_t start = walk->stream.index;
        sg_stream_normal(&walk->stream, (size_t)n, normal + a * B);
        walk->stream.index = start + B / 2; /* those of the whole block */
    }
    sg_stream_uniform(&walk->stream, (size_t)n, u);
    look(walk, &from, along);
    project(&from.block, sqrt(2 * walk->dt), normal, along, v);
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++) v[a * B + i] += from.drift[a * B + i];
    for (int i = 0; i < n; i++) ratio[i] = -from.jet.logp[i];
    add_proposal(&from, v, 1, walk->dt, ratio);
    shoot(&from, v, length, along, &to);
    look(walk, &to, along);
    for (int i = 0; i < n; i++) ratio[i] += to.jet.logp[i];
    add_proposal(&to, v, -1, walk->dt, ratio);
    walk->accepted += settle(&from, &to, u, ratio);
    walk->proposed += n;
out:
    sg_arena_rewind(walk->arena, mark);
}
