/* Bounds for Langevin's diffusion on spheres. */
#include <math.h>

#include "estimate/gap-bounds.h"

enum { B = SG_BLOCK, D = 16 };

/* ---------------------------------------------------------- Bakry and Emery */

typedef enum { MERIDIAN, ACROSS, FACE } chart;

/*
 * Ric + Hess_S V, V = -log p, in orthonormal tangent vectors at the points of a chart: Ric is d - 2, and <u, Hess_S V
 * v> = u' Hess V v - (x . grad V) u . v for whatever extends V.
 */
typedef struct {
    const sg_model *model;
    const double *axes; /* [d,d] */
    chart chart;
    int face;
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} curvature;

/* A point in the frame and its one or two tangent vectors.  Meridian: through the first axis, by its angle from the
 * last; the vectors along it or across.  Faces of the cube around S^2: the outward axis and two angles. */
static int place(const curvature *c, const double *u, double *y, double *first, double *second) {
    const int d = c->model->space.d;
    for (int a = 0; a < d; a++) y[a] = first[a] = second[a] = 0;
    if (c->chart != FACE) {
        y[0] = sin(u[0]), y[d - 1] = cos(u[0]);
        if (c->chart == ACROSS)
            first[1] = 1;
        else
            first[0] = cos(u[0]), first[d - 1] = -sin(u[0]);
        return 1;
    }
    const int a = c->face / 2, b = (a + 1) % 3, e = (a + 2) % 3;
    const double s = tan(u[0]), t = tan(u[1]), sign = c->face % 2 ? -1 : 1, r = sqrt(1 + s * s + t * t),
                 q = hypot(1, s);
    y[a] = sign / r, y[b] = s / r, y[e] = t / r;
    first[b] = 1 / q, first[a] = -sign * s / q; /* across the third */
    second[e] = q / r, second[a] = -sign * t / (q * r), second[b] = -s * t / (q * r);
    return 2;
}

static void turn(int d, const double *axes, const double *y, double *x) {
    for (int b = 0; b < d; b++) {
        x[b] = 0;
        for (int a = 0; a < d; a++) x[b] += y[a] * axes[a * d + b];
    }
}

/* -(u' Hess log p v) at point i */
static double bend(const curvature *c, int i, const double *u, const double *v) {
    double sum = 0;
    for (int a = 0, pair = 0; a < c->model->space.d; a++)
        for (int b = 0; b <= a; b++, pair++)
            sum -= c->jet.dxx[pair * B + i] * (a == b ? u[a] * v[a] : u[a] * v[b] + u[b] * v[a]);
    return sum;
}

static void hessian(const void *context, int n, const double *x, double *value) {
    curvature *c = (curvature *)context;
    const int d = c->model->space.d;
    double tangent[B][2][D];
    int vectors = 1;
    c->block.n = n;
    for (int i = 0; i < n; i++) {
        const double u[2] = {x[i], c->chart == FACE ? x[n + i] : 0};
        double y[D], first[D], second[D], at[D];
        vectors = place(c, u, y, first, second);
        turn(d, c->axes, y, at), turn(d, c->axes, first, tangent[i][0]), turn(d, c->axes, second, tangent[i][1]);
        for (int a = 0; a < d; a++) c->block.x[a * B + i] = at[a];
    }
    c->model->family->jet(c->model, c->model->truth, &c->block, &c->jet);
    for (int i = 0; i < n; i++) {
        double across = d - 2;
        for (int a = 0; a < d; a++) across += c->block.x[a * B + i] * c->jet.dx[a * B + i];
        value[i] = across + bend(c, i, tangent[i][0], tangent[i][0]);
        if (vectors == 1) continue;
        value[n + i] = bend(c, i, tangent[i][1], tangent[i][0]);
        value[2 * n + i] = across + bend(c, i, tangent[i][1], tangent[i][1]);
    }
}

/* The least over a chart: `least` a lower bound where it is positive, otherwise what was seen. */
static sg_status chart_least(curvature *c, double *least, int *cells) {
    const bool face = c->chart == FACE;
    const double lo[2] = {face ? -M_PI_4 : 0, -M_PI_4}, hi[2] = {face ? M_PI_4 : M_PI, M_PI_4};
    const sg_potential potential = {.context = c, .d = face ? 2 : 1, .hessian = hessian};
    sg_convexity b = {0};
    sg_status status = sg_bound_convexity_lower(&potential, lo, hi, &b);
    *least = fmin(*least, b.seen > 0 ? b.curvature : b.seen);
    *cells += b.cells;
    return status;
}

static sg_status bakry_emery(curvature *c, bool axial, sg_gap_bounds *list) {
    double least = INFINITY;
    int cells = 0;
    sg_status code = SG_OK, status = SG_OK;
    for (int part = 0; part < (axial ? 2 : 6) && !code; part++) {
        if (axial && part && c->model->space.d == 2) break;
        c->chart = !axial ? FACE : part ? ACROSS : MERIDIAN;
        c->face = part;
        code = chart_least(c, &least, &cells);
    }
    for (int side = 0; side < 2 && !status; side++)
        status = sg_gap_bounds_add(list, "Bakry-Emery", side ? SG_ENTROPY_UPPER : SG_GAP_LOWER, code,
                                   (side ? -1 : 1) * (least > 0 ? log(least) : NAN),
                                   "inf lmin(Ric + Hess V) %s %.6g on %d cells of the sphere, Ric = %d",
                                   least > 0 ? ">=" : "=", least, cells, c->model->space.d - 2);
    return status;
}

/* -------------------------------------------------------- linear functions */

/* The least quotient E(f, f)/Var f of f = v . x: 1 over the largest eigenvalue of H^-1/2 Cov(x) H^-1/2, H = I - E x x'.
 */
static sg_status linear_quotient(const sg_nodes *nodes, double *log_value) {
    const int d = nodes->model->space.d;
    double mean[D] = {0}, second[D * D] = {0}, h[D * D], value[D], vector[D * D], half[D * D], c[D * D], weight[B];
    double x[D * B];
    sg_block block = {.x = x};
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        for (int i = 0; i < block.n; i++)
            for (int j = 0; j < d; j++) {
                mean[j] += weight[i] * x[j * B + i];
                for (int k = 0; k < d; k++) second[j + k * d] += weight[i] * x[j * B + i] * x[k * B + i];
            }
    }
    for (int j = 0; j < d; j++)
        for (int k = 0; k < d; k++) h[j + k * d] = (j == k) - second[j + k * d];
    sg_status status = sg_symmetric_eigen(d, h, value, vector);
    if (status) return status;
    if (!(value[0] > 1e-12)) return sg_fail(SG_SINGULAR, "the law is too narrow for sums on the sphere");
    for (int j = 0; j < d; j++)
        for (int k = 0; k < d; k++) half[j + k * d] = vector[j + k * d] / sqrt(value[k]);
    for (int j = 0; j < d; j++)
        for (int k = 0; k < d; k++) h[j + k * d] = second[j + k * d] - mean[j] * mean[k];
    sg_multiply(d, h, half, c);
    sg_multiply_tn(d, half, c, h);
    status = sg_symmetric_eigen(d, h, value, NULL);
    *log_value = -log(value[d - 1]);
    return status;
}

static sg_status test_functions(const sg_model *model, sg_gap_bounds *list) {
    sg_nodes *nodes = NULL;
    double log_value = NAN;
    sg_status code = sg_nodes_new(model, model->truth, 0, false, &nodes);
    if (!code && nodes->drawn) code = sg_fail(SG_REFUSED, "expectations are by draws");
    if (!code) code = linear_quotient(nodes, &log_value);
    sg_nodes_delete(nodes);
    return sg_gap_bounds_add(list, "test functions", SG_GAP_UPPER, code, log_value, "linear functions of x");
}

sg_status sg_gap_bounds_sphere(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list) {
    const int d = model->space.d, want = SG_DX | SG_DXX;
    double axes[D * D], sharp;
    bool axial;
    curvature c = {.model = model, .axes = axes, .block = {.d = d, .draws = 1}};
    if (loss->row->diffusion || d > D) return SG_OK;
    model->family->frame(model, model->truth, axes, &sharp, &axial);
    sg_status status = sg_arena_new(sg_jet_bytes(model->full, d, want) + (size_t)d * B * sizeof(double), &c.arena);
    if (!status) status = sg_jet_take(c.arena, model->full, d, want, &c.jet);
    if (!status) {
        c.block.x = sg_arena_take(c.arena, (size_t)d * B, sizeof(double));
        if (axial || d == 3) status = bakry_emery(&c, axial, list);
    }
    if (!status) status = test_functions(model, list);
    sg_arena_delete(c.arena);
    return status;
}
