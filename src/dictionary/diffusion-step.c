/* Metropolis-adjusted Langevin steps with D(x). */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/diffusion.h"

enum { B = SG_BLOCK };

static size_t packed(int a, int b) {
    return ((size_t)a * ((size_t)a + 1) / 2 + (size_t)b) * B;
}

/*
 * One end of a proposed move.  C is a root of D, D = C C^T, of the same shape (a matrix: its lower Cholesky factor).
 */
typedef struct {
    sg_block block;
    sg_jet jet;
    double *D, *div, *root;
} place;

/* Rows of B numbers at both ends: log p; x, s and div D for each coordinate, D and its root; and once the normals, a
 * vector, u, the ratio and an image. */
size_t sg_diffusion_step_bytes(int d) {
    const size_t rows = (size_t)d * ((size_t)d + 1) / 2, each = 1 + 3 * (size_t)d + 2 * rows;
    return (2 * each + 2 * (size_t)d + 3) * B * sizeof(double);
}

static bool take_place(sg_arena *arena, const sg_walk *walk, int rows, double *x, place *p) {
    const int d = walk->block.d;
    p->block = walk->block;
    p->block.x = x ? x : sg_arena_take(arena, (size_t)d * B, sizeof(double));
    p->D = sg_arena_take(arena, (size_t)rows * B, sizeof(double));
    p->root = sg_arena_take(arena, (size_t)rows * B, sizeof(double));
    p->div = sg_arena_take(arena, (size_t)d * B, sizeof(double));
    return p->block.x && p->D && p->root && p->div &&
           sg_jet_take(arena, walk->model->full, d, SG_LOGP | SG_DX, &p->jet) == SG_OK;
}

static void look(sg_diffusion_at *at, sg_d_shape shape, const sg_prepared *prepared, const sg_walk *walk, place *p) {
    const int n = p->block.n, d = p->block.d, rows = sg_d_rows(shape, d);
    walk->model->family->jet(walk->model, walk->theta, &p->block, &p->jet);
    if (at) {
        at(prepared, &p->block, p->D, p->div);
    } else {
        for (int i = 0; i < n; i++) p->D[i] = 1;
        for (int i = 0; i < d * B; i++) p->div[i] = 0;
    }
    if (shape == SG_D_MATRIX) {
        sg_diffusion_factor(n, d, p->D, p->root);
        return;
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++) p->root[r * B + i] = sqrt(p->D[r * B + i]);
}

/* Numbers of the whole block are passed over, so that chain i's do not depend on how many chains there are. */
static void skip_row(sg_stream *stream, uint32_t start) {
    stream->index = start + B / 2;
}

/* Row of D or of its root that multiplies coordinate b in row a; NULL: none does. */
static const double *entry(sg_d_shape shape, const double *matrix, int a, int b) {
    if (shape == SG_D_SCALAR) return a == b ? matrix : NULL;
    if (shape == SG_D_DIAGONAL) return a == b ? matrix + a * B : NULL;
    return matrix + (a >= b ? packed(a, b) : packed(b, a));
}

/* out = x + dt (D s + div D) */
static void drift(sg_d_shape shape, const place *at, double dt, int a, double *restrict out) {
    const int n = at->block.n, d = at->block.d;
    const double *restrict x = at->block.x + a * B, *restrict slope = at->div + a * B;
    for (int i = 0; i < n; i++) out[i] = slope[i];
    for (int b = 0; b < d; b++) {
        const double *restrict D = entry(shape, at->D, a, b), *restrict s = at->jet.dx + b * B;
        for (int i = 0; D && i < n; i++) out[i] = D[i] * s[i] + out[i];
    }
    for (int i = 0; i < n; i++) out[i] = x[i] + dt * out[i];
}

static void propose(sg_d_shape shape, const place *from, double dt, const double *normal, place *to) {
    const int n = from->block.n, d = from->block.d;
    const double size = sqrt(2 * dt);
    for (int a = 0; a < d; a++) {
        double *restrict out = to->block.x + a * B;
        drift(shape, from, dt, a, out);
        for (int b = 0; b <= a; b++) {
            const double *restrict c = entry(shape, from->root, a, b), *restrict z = normal + b * B;
            for (int i = 0; c && i < n; i++) out[i] += size * c[i] * z[i];
        }
    }
}

/* v becomes C^-1 v, by forward substitution. */
static void solve(sg_d_shape shape, const place *at, double *v) {
    const int n = at->block.n, d = at->block.d;
    for (int a = 0; a < d; a++) {
        double *restrict to = v + a * B;
        for (int b = 0; shape == SG_D_MATRIX && b < a; b++) {
            const double *restrict c = at->root + packed(a, b), *restrict w = v + b * B;
            for (int i = 0; i < n; i++) to[i] -= c[i] * w[i];
        }
        const double *restrict c = entry(shape, at->root, a, a);
        for (int i = 0; i < n; i++) to[i] /= c[i];
    }
}

/*
 * A noise level is reflected at 0 and at the top, as if p and D were continued beyond them evenly and with period 2
 * top: the move to y is that to its image in [0, top], and the same reflection takes x to the place from which the way
 * back would start.  Each pair of images is in detailed balance with itself.  image [B]: x, or that place.
 */
static void reflect(const sg_space *space, const place *from, place *to, double *restrict image) {
    const int n = from->block.n, last = (from->block.d - 1) * B;
    const double *restrict x = from->block.x + last;
    double *restrict y = to->block.x + last;
    const double top = space->top;
    for (int i = 0; i < n; i++) {
        const double turns = 2 * top * floor(y[i] / (2 * top)), rest = y[i] - turns;
        const bool turned = rest > top;
        image[i] = turned ? 2 * top - (x[i] - turns) : x[i] - turns;
        y[i] = turned ? 2 * top - rest : rest;
    }
}

/* log p(y) q(y, x) - log p(x) q(x, y), q the density of the proposal, y = to; the last coordinate of x is `last`; v
 * [d][B] is scratch. */
static void log_ratio(sg_d_shape shape, const place *from, const place *to, double dt, const double *normal,
                      const double *last, double *v, double *restrict out) {
    const int n = from->block.n, d = from->block.d;
    const double *restrict here = from->jet.logp, *restrict there = to->jet.logp;
    for (int i = 0; i < n; i++) out[i] = there[i] - here[i];
    for (int a = 0; a < d; a++) {
        const double *restrict x = a + 1 < d ? from->block.x + a * B : last;
        double *restrict back = v + a * B;
        drift(shape, to, dt, a, back);
        for (int i = 0; i < n; i++) back[i] = x[i] - back[i];
    }
    solve(shape, to, v);
    for (int a = 0; a < d; a++) {
        const double *restrict c = entry(shape, from->root, a, a), *restrict e = entry(shape, to->root, a, a);
        const double *restrict z = normal + a * B, *restrict back = v + a * B;
        for (int i = 0; i < n; i++) out[i] += log(c[i] / e[i]) + 0.5 * z[i] * z[i] - back[i] * back[i] / (4 * dt);
    }
}

/* A move out of the support, or to no number, gets the ratio of a move that is never made. */
static void refuse_outside(const sg_space *space, const place *to, double *restrict ratio) {
    if (space->shape == SG_CIRCLE || (space->shape == SG_RD && !space->tempered)) return;
    for (int a = 0; a < to->block.d; a++) {
        const bool level = space->tempered && a + 1 == to->block.d;
        const double *restrict y = to->block.x + a * B, lo = level ? 0 : space->lo, hi = level ? space->top : space->hi;
        for (int i = 0; i < to->block.n; i++) ratio[i] = y[i] > lo && y[i] < hi ? ratio[i] : -INFINITY;
    }
}

/*
 * On the circle a move keeps its winding until it is settled (each winding is in detailed balance with its reverse);
 * then coordinates return to [lo, hi).
 */
static void wrap(const sg_space *space, int n, double *restrict x) {
    if (space->shape != SG_CIRCLE) return;
    const double lo = space->lo, length = space->hi - lo;
    for (int i = 0; i < n; i++) {
        double turned = x[i] - length * floor((x[i] - lo) / length);
        x[i] = turned < space->hi ? turned : lo;
    }
}

/* Comparisons with what is not a number are false: such a proposal is refused. */
static int settle(const place *to, const double *restrict u, double *restrict ratio, place *from) {
    const int n = from->block.n;
    int accepted = 0;
    for (int i = 0; i < n; i++) ratio[i] = log(u[i]) < ratio[i] ? 1 : 0;
    for (int a = 0; a < from->block.d; a++) {
        const double *restrict y = to->block.x + a * B;
        double *restrict x = from->block.x + a * B;
        for (int i = 0; i < n; i++) x[i] = ratio[i] > 0 ? y[i] : x[i];
    }
    for (int i = 0; i < n; i++) accepted += ratio[i] > 0;
    return accepted;
}

void sg_diffusion_step(sg_diffusion_at *at, sg_d_shape shape, const sg_prepared *prepared, sg_walk *walk) {
    const int n = walk->block.n, d = walk->block.d, rows = sg_d_rows(shape, d);
    const size_t mark = sg_arena_mark(walk->arena);
    place from, to;
    bool taken =
        take_place(walk->arena, walk, rows, walk->block.x, &from) && take_place(walk->arena, walk, rows, NULL, &to);
    double *normal = sg_arena_take(walk->arena, (size_t)d * B, sizeof(double));
    double *v = sg_arena_take(walk->arena, (size_t)d * B, sizeof(double));
    double *u = sg_arena_take(walk->arena, B, sizeof(double)), *ratio = sg_arena_take(walk->arena, B, sizeof(double));
    double *image = sg_arena_take(walk->arena, B, sizeof(double));
    if (!taken || !normal || !v || !u || !ratio || !image) goto out;
    for (int a = 0; a < d; a++) {
        uint32_t start = walk->stream.index;
        sg_stream_normal(&walk->stream, (size_t)n, normal + a * B);
        skip_row(&walk->stream, start);
    }
    sg_stream_uniform(&walk->stream, (size_t)n, u);
    look(at, shape, prepared, walk, &from);
    propose(shape, &from, walk->dt, normal, &to);
    if (walk->model->space.tempered) reflect(&walk->model->space, &from, &to, image);
    look(at, shape, prepared, walk, &to);
    log_ratio(shape, &from, &to, walk->dt, normal, walk->model->space.tempered ? image : walk->block.x + (d - 1) * B, v,
              ratio);
    refuse_outside(&walk->model->space, &to, ratio);
    walk->accepted += settle(&to, u, ratio, &from);
    wrap(&walk->model->space, n, walk->block.x);
    walk->proposed += n;
out:
    sg_arena_rewind(walk->arena, mark);
}
