#include "dictionary/diffusion.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"

enum { B = SG_BLOCK };

/* ------------------------------------------------------------------- spaces */

sg_status sg_diffusion_runs(const char *name, const sg_model *model) {
    switch (model->space.shape) {
    case SG_LINE:
    case SG_INTERVAL:
    case SG_CIRCLE:
    case SG_RD:
        return SG_OK;
    default:
        return sg_fail(SG_MISFIT, "%s needs a density on the line, an interval, the circle or R^d: %s is none", name,
                       model->text);
    }
}

sg_status sg_diffusion_fits(const char *name, bool flux, const sg_model *model) {
    sg_status status = sg_diffusion_runs(name, model);
    if (status != SG_OK) return status;
    if (model->family->can & SG_KINK)
        return sg_fail(SG_MISFIT,
                       "%s is no valid loss for %s, whose log density has a kink, where integration by parts leaves a "
                       "term: only its dynamics are defined",
                       name, model->text);
    if (flux && model->space.shape == SG_INTERVAL)
        return sg_fail(SG_MISFIT,
                       "%s is no valid loss for %s, whose density need not vanish at the ends of its support, where "
                       "integration by parts leaves a term: only its dynamics, reflected there, are defined",
                       name, model->text);
    return SG_OK;
}

/* -------------------------------------------------------------------- loss */

int sg_diffusion_roots(const sg_model *model) {
    return model->space.d;
}

int sg_diffusion_jets(const sg_model *model, int want) {
    int jets = 0;
    if (want & SG_PSI) jets |= SG_DX | SG_DT_DX | SG_DT_DXX;
    if (want & SG_ROOT) jets |= SG_DT_DX;
    if (want & SG_VALUE) jets |= SG_DX | SG_DXX;
    if (want & SG_CURVATURE) jets |= SG_DT_DX;
    if (want & SG_CURVATURE && !(model->family->can & SG_LINEAR)) jets |= SG_DX | SG_DTT_DX | SG_DTT_DXX;
    return jets;
}

/* D and the drift at the points of one block. */
typedef struct {
    int n, d;
    const double *D, *grad_D, *score;
} field;

/* Row of the packed lower triangle that holds the second derivative along coordinate a. */
static size_t diagonal(int a) {
    return (size_t)a * ((size_t)a + 3) / 2 * B;
}

/* out = D (share s . grad + trace hessian) + grad_D . grad: L f for share 1, the value of the loss for share 1/2 and f
 * = log p. */
static void apply(const field *v, double share, const double *grad, const double *hessian, double *restrict out) {
    for (int a = 0; a < v->d; a++) {
        const double *restrict s = v->score + a * B, *restrict g = grad + a * B, *restrict h = hessian + diagonal(a);
        if (a == 0)
            for (int i = 0; i < v->n; i++) out[i] = share * (s[i] * g[i]) + h[i];
        else
            for (int i = 0; i < v->n; i++) out[i] += share * (s[i] * g[i]) + h[i];
    }
    const double *restrict D = v->D;
    if (D)
        for (int i = 0; i < v->n; i++) out[i] *= D[i];
    for (int a = 0; v->grad_D && a < v->d; a++) {
        const double *restrict g = grad + a * B, *restrict slope = v->grad_D + a * B;
        for (int i = 0; i < v->n; i++) out[i] += slope[i] * g[i];
    }
}

static void fill_roots(const field *v, const sg_jet *jet, double *root) {
    const double *restrict D = v->D;
    for (int row = 0; row < jet->m * v->d; row++) {
        const double *restrict g = jet->dt_dx + row * B;
        double *restrict out = root + row * B;
        if (D)
            for (int i = 0; i < v->n; i++) out[i] = sqrt(D[i]) * g[i];
        else
            for (int i = 0; i < v->n; i++) out[i] = g[i];
    }
}

/* out += D grad S_j . grad S_k */
static void add_product(const field *v, const double *first, const double *second, double *restrict out) {
    const double *restrict D = v->D;
    for (int a = 0; a < v->d; a++) {
        const double *f = first + a * B, *g = second + a * B;
        if (D)
            for (int i = 0; i < v->n; i++) out[i] += D[i] * (f[i] * g[i]);
        else
            for (int i = 0; i < v->n; i++) out[i] += f[i] * g[i];
    }
}

static void fill_curvature(bool linear, const field *v, const sg_jet *jet, double *curvature) {
    const int gradient = v->d * B, hessian = v->d * (v->d + 1) / 2 * B;
    for (int j = 0, pair = 0; j < jet->m; j++)
        for (int k = 0; k <= j; k++, pair++) {
            double *out = curvature + pair * B;
            if (linear)
                memset(out, 0, (size_t)v->n * sizeof(double));
            else
                apply(v, 1, jet->dtt_dx + pair * gradient, jet->dtt_dxx + pair * hessian, out);
            add_product(v, jet->dt_dx + j * gradient, jet->dt_dx + k * gradient, out);
        }
}

void sg_diffusion_datum(bool linear, const double *D, const double *grad_D, const sg_block *block, const sg_jet *jet,
                        sg_datum *datum) {
    const field v = {block->n, block->d, D, grad_D, jet->dx};
    const int gradient = v.d * B, hessian = v.d * (v.d + 1) / 2 * B;
    if (datum->want & SG_VALUE) apply(&v, 0.5, jet->dx, jet->dxx, datum->value);
    for (int j = 0; datum->want & SG_PSI && j < jet->m; j++)
        apply(&v, 1, jet->dt_dx + j * gradient, jet->dt_dxx + j * hessian, datum->psi + j * B);
    if (datum->want & SG_ROOT) fill_roots(&v, jet, datum->root);
    if (datum->want & SG_CURVATURE) fill_curvature(linear, &v, jet, datum->curvature);
}

/* -------------------------------------------------------------------- step */

/* One end of a proposed move. */
typedef struct {
    sg_block block;
    sg_jet jet;
    double *D, *grad_D;
} place;

/* Rows of B numbers: log p, D and u or the ratio once, x, s, grad D and the normals for each coordinate; both ends. */
size_t sg_diffusion_step_bytes(int d) {
    size_t once = 2 * 2 + 2, each = 2 * 2 + 2;
    return (once + each * (size_t)d) * B * sizeof(double);
}

static bool take_place(sg_arena *arena, const sg_walk *walk, double *x, place *p) {
    const int d = walk->block.d;
    p->block = walk->block;
    p->block.x = x ? x : sg_arena_take(arena, (size_t)d * B, sizeof(double));
    p->D = sg_arena_take(arena, B, sizeof(double));
    p->grad_D = sg_arena_take(arena, (size_t)d * B, sizeof(double));
    return p->block.x && p->D && p->grad_D &&
           sg_jet_take(arena, walk->model->full, d, SG_LOGP | SG_DX, &p->jet) == SG_OK;
}

static void look(sg_diffusion_at *at, const sg_prepared *prepared, const sg_walk *walk, place *p) {
    walk->model->family->jet(walk->model, walk->theta, &p->block, &p->jet);
    if (at) {
        at(prepared, &p->block, p->D, p->grad_D);
        return;
    }
    for (int i = 0; i < p->block.n; i++) p->D[i] = 1;
    for (int i = 0; i < p->block.d * B; i++) p->grad_D[i] = 0;
}

/* Numbers of the whole block are passed over, so that chain i's do not depend on how many chains there are. */
static void skip_row(sg_stream *stream, uint32_t start) {
    stream->index = start + B / 2;
}

static void propose(const place *from, double dt, const double *normal, place *to) {
    const int n = from->block.n;
    for (int a = 0; a < from->block.d; a++) {
        const double *restrict x = from->block.x + a * B, *restrict s = from->jet.dx + a * B, *restrict D = from->D;
        const double *restrict slope = from->grad_D + a * B, *restrict z = normal + a * B;
        double *restrict out = to->block.x + a * B;
        for (int i = 0; i < n; i++) out[i] = x[i] + dt * (D[i] * s[i] + slope[i]) + sqrt(2 * dt * D[i]) * z[i];
    }
}

/* log p(y) q(y, x) - log p(x) q(x, y), q the density of the proposal, y = to. */
static void log_ratio(const place *from, const place *to, double dt, const double *normal, double *restrict out) {
    const int n = from->block.n;
    const double half = 0.5 * from->block.d, *restrict D = from->D, *restrict E = to->D;
    const double *restrict here = from->jet.logp, *restrict there = to->jet.logp;
    for (int i = 0; i < n; i++) out[i] = there[i] - here[i] + half * (log(D[i]) - log(E[i]));
    for (int a = 0; a < from->block.d; a++) {
        const double *restrict x = from->block.x + a * B, *restrict y = to->block.x + a * B,
                               *restrict z = normal + a * B;
        const double *restrict s = to->jet.dx + a * B, *restrict slope = to->grad_D + a * B;
        for (int i = 0; i < n; i++) {
            double back = x[i] - y[i] - dt * (E[i] * s[i] + slope[i]);
            out[i] += 0.5 * z[i] * z[i] - back * back / (4 * dt * E[i]);
        }
    }
}

/* A move out of the support, or to no number, gets the ratio of a move that is never made. */
static void refuse_outside(const sg_space *space, const place *to, double *restrict ratio) {
    if (space->shape != SG_LINE && space->shape != SG_INTERVAL) return;
    const double *restrict y = to->block.x, lo = space->lo, hi = space->hi;
    for (int i = 0; i < to->block.n; i++) ratio[i] = y[i] > lo && y[i] < hi ? ratio[i] : -INFINITY;
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

void sg_diffusion_step(sg_diffusion_at *at, const sg_prepared *prepared, sg_walk *walk) {
    const int n = walk->block.n, d = walk->block.d;
    const size_t mark = sg_arena_mark(walk->arena);
    place from, to;
    bool taken = take_place(walk->arena, walk, walk->block.x, &from) && take_place(walk->arena, walk, NULL, &to);
    double *normal = sg_arena_take(walk->arena, (size_t)d * B, sizeof(double));
    double *u = sg_arena_take(walk->arena, B, sizeof(double)), *ratio = sg_arena_take(walk->arena, B, sizeof(double));
    if (!taken || !normal || !u || !ratio) goto out;
    for (int a = 0; a < d; a++) {
        uint32_t start = walk->stream.index;
        sg_stream_normal(&walk->stream, (size_t)n, normal + a * B);
        skip_row(&walk->stream, start);
    }
    sg_stream_uniform(&walk->stream, (size_t)n, u);
    look(at, prepared, walk, &from);
    propose(&from, walk->dt, normal, &to);
    look(at, prepared, walk, &to);
    log_ratio(&from, &to, walk->dt, normal, ratio);
    refuse_outside(&walk->model->space, &to, ratio);
    walk->accepted += settle(&to, u, ratio, &from);
    wrap(&walk->model->space, n, walk->block.x);
    walk->proposed += n;
out:
    sg_arena_rewind(walk->arena, mark);
}
