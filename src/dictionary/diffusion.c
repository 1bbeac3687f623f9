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
    case SG_ORTHANT:
        return SG_OK;
    default:
        return sg_fail(SG_MISFIT,
                       "%s needs a density on the line, an interval, the circle, R^d or the orthant: %s is none", name,
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
    if (flux && model->space.shape == SG_ORTHANT) return sg_diffusion_faces(name, 0, model);
    if (flux && model->space.shape == SG_INTERVAL)
        return sg_fail(SG_MISFIT,
                       "%s is no valid loss for %s, whose density need not vanish at the ends of its support, where "
                       "integration by parts leaves a term: only its dynamics, reflected there, are defined",
                       name, model->text);
    return SG_OK;
}

sg_status sg_diffusion_faces(const char *name, double power, const sg_model *model) {
    double density = 0, slope = 0;
    if (model->space.shape != SG_ORTHANT) return SG_OK;
    if (model->family->faces) model->family->faces(model, model->truth, &density, &slope);
    const double flux = power + density + slope, root = power + density + 2 * slope;
    const double psi = 2 * (power + fmin(2 * slope, slope - 1)) + density;
    if (flux > 0 && root > -1 && psi > -1) return SG_OK;
    return sg_fail(SG_MISFIT,
                   "%s is no valid loss for %s: at a face of the orthant D is of order x^%g, the density x^%g and the "
                   "slopes of statistics x^%g, where integration by parts leaves a term or the loss has no variance: "
                   "take a D = diag h(x_a) that vanishes faster",
                   name, model->text, power, density, slope);
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

int sg_diffusion_jets_diagonal(const sg_model *model, int want) {
    return sg_diffusion_jets(model, want) | (model->family->can & SG_DIAGONALS ? SG_DIAGONAL : 0);
}

/* D, its divergence and the drift at the points of one block; D NULL: 1. */
typedef struct {
    int n, d;
    sg_d_shape shape;
    const double *D, *div, *factor, *score;
    bool diagonal; /* so are second derivatives */
} field;

/* Row of the packed lower triangle that holds the second derivative along coordinates a >= b. */
static size_t packed(int a, int b) {
    return ((size_t)a * ((size_t)a + 1) / 2 + (size_t)b) * B;
}

/* The row of the second derivative twice along coordinate a. */
static size_t twice(const field *v, int a) {
    return v->diagonal ? (size_t)a * B : packed(a, a);
}

/* D scalar: D (share s . grad + trace hessian), the first row anew. */
static void apply_scalar(const field *v, double share, const double *grad, const double *hessian,
                         double *restrict out) {
    for (int a = 0; a < v->d; a++) {
        const double *restrict s = v->score + a * B, *restrict g = grad + a * B, *restrict h = hessian + twice(v, a);
        if (a == 0)
            for (int i = 0; i < v->n; i++) out[i] = share * (s[i] * g[i]) + h[i];
        else
            for (int i = 0; i < v->n; i++) out[i] += share * (s[i] * g[i]) + h[i];
    }
    const double *restrict D = v->D;
    if (D)
        for (int i = 0; i < v->n; i++) out[i] *= D[i];
}

static void apply_diagonal(const field *v, double share, const double *grad, const double *hessian,
                           double *restrict out) {
    for (int a = 0; a < v->d; a++) {
        const double *restrict s = v->score + a * B, *restrict g = grad + a * B, *restrict h = hessian + twice(v, a);
        const double *restrict D = v->D + a * B;
        if (a == 0)
            for (int i = 0; i < v->n; i++) out[i] = D[i] * (share * (s[i] * g[i]) + h[i]);
        else
            for (int i = 0; i < v->n; i++) out[i] += D[i] * (share * (s[i] * g[i]) + h[i]);
    }
}

static void apply_matrix(const field *v, double share, const double *grad, const double *hessian,
                         double *restrict out) {
    memset(out, 0, (size_t)v->n * sizeof *out);
    for (int a = 0; a < v->d; a++)
        for (int b = 0; b <= a; b++) {
            const double *restrict s = v->score + a * B, *restrict g = grad + b * B;
            const double *restrict t = v->score + b * B, *restrict f = grad + a * B;
            const double *restrict D = v->D + packed(a, b), *restrict h = hessian + packed(a, b);
            const double half = a == b ? 0.5 : 1;
            for (int i = 0; i < v->n; i++) out[i] += half * D[i] * (share * (s[i] * g[i] + t[i] * f[i]) + 2 * h[i]);
        }
}

/* out = share s . D grad + tr(D hessian) + div D . grad: L f for share 1, the value of the loss for share 1/2 and f =
 * log p. */
static void apply(const field *v, double share, const double *grad, const double *hessian, double *restrict out) {
    if (!v->D || v->shape == SG_D_SCALAR)
        apply_scalar(v, share, grad, hessian, out);
    else if (v->shape == SG_D_DIAGONAL)
        apply_diagonal(v, share, grad, hessian, out);
    else
        apply_matrix(v, share, grad, hessian, out);
    for (int a = 0; v->div && a < v->d; a++) {
        const double *restrict g = grad + a * B, *restrict slope = v->div + a * B;
        for (int i = 0; i < v->n; i++) out[i] += slope[i] * g[i];
    }
}

static void root_row(const field *v, const double *restrict D, const double *restrict g, double *restrict out) {
    if (D)
        for (int i = 0; i < v->n; i++) out[i] = sqrt(D[i]) * g[i];
    else
        for (int i = 0; i < v->n; i++) out[i] = g[i];
}

/* Root row b of D = C C^T is C^T grad: sum over a >= b of C_ab g_a. */
static void root_matrix(const field *v, const double *factor, const double *grad, double *out) {
    for (int b = 0; b < v->d; b++) {
        double *restrict to = out + b * B;
        for (int a = b; a < v->d; a++) {
            const double *restrict c = factor + packed(a, b), *restrict g = grad + a * B;
            for (int i = 0; i < v->n; i++) to[i] = (a == b ? 0 : to[i]) + c[i] * g[i];
        }
    }
}

static void root_matrices(const field *v, const double *factor, const sg_jet *jet, double *root) {
    for (int j = 0; j < jet->m; j++) root_matrix(v, factor, jet->dt_dx + j * v->d * B, root + j * v->d * B);
}

static void factor_and_root(const field *v, const sg_jet *jet, double *root) {
    _Alignas(SG_ALIGN) double factor[SG_MATRIX_MOST * (SG_MATRIX_MOST + 1) / 2 * B];
    sg_diffusion_factor(v->n, v->d, v->D, factor);
    root_matrices(v, factor, jet, root);
}

static void fill_roots(const field *v, const sg_jet *jet, double *root) {
    if (v->D && v->shape == SG_D_MATRIX) {
        if (v->factor)
            root_matrices(v, v->factor, jet, root);
        else
            factor_and_root(v, jet, root);
        return;
    }
    for (int j = 0; j < jet->m; j++)
        for (int a = 0; a < v->d; a++) {
            const int row = (j * v->d + a) * B;
            root_row(v, v->D ? v->D + (v->shape == SG_D_DIAGONAL ? a * B : 0) : NULL, jet->dt_dx + row, root + row);
        }
}

void sg_diffusion_factor(int n, int d, const double *D, double *factor) {
    for (int b = 0; b < d; b++) {
        double *restrict pivot = factor + packed(b, b);
        memcpy(pivot, D + packed(b, b), (size_t)n * sizeof *pivot);
        for (int k = 0; k < b; k++) {
            const double *restrict c = factor + packed(b, k);
            for (int i = 0; i < n; i++) pivot[i] -= c[i] * c[i];
        }
        /* a pivot that is rounding of 0 belongs to a direction in which nothing diffuses */
        const double *restrict size = D + packed(b, b);
        for (int i = 0; i < n; i++) pivot[i] = pivot[i] > 1e-14 * size[i] ? sqrt(pivot[i]) : 0;
        for (int a = b + 1; a < d; a++) {
            double *restrict c = factor + packed(a, b);
            memcpy(c, D + packed(a, b), (size_t)n * sizeof *c);
            for (int k = 0; k < b; k++) {
                const double *restrict f = factor + packed(a, k), *restrict g = factor + packed(b, k);
                for (int i = 0; i < n; i++) c[i] -= f[i] * g[i];
            }
            for (int i = 0; i < n; i++) c[i] = pivot[i] > 0 ? c[i] / pivot[i] : 0;
        }
    }
}

/* out += grad S_j . D grad S_k */
static void add_product(const field *v, const double *first, const double *second, double *restrict out) {
    const bool matrix = v->D && v->shape == SG_D_MATRIX, diagonal = v->D && v->shape == SG_D_DIAGONAL;
    for (int a = 0; a < v->d; a++)
        for (int b = matrix ? 0 : a; b <= a; b++) {
            const double *restrict f = first + a * B, *restrict g = second + b * B, *restrict D = v->D;
            const double *restrict e = first + b * B, *restrict h = second + a * B;
            if (matrix || diagonal) D += matrix ? packed(a, b) : (size_t)a * B;
            if (!D)
                for (int i = 0; i < v->n; i++) out[i] += f[i] * g[i];
            else if (a == b)
                for (int i = 0; i < v->n; i++) out[i] += D[i] * (f[i] * g[i]);
            else
                for (int i = 0; i < v->n; i++) out[i] += D[i] * (f[i] * g[i] + e[i] * h[i]);
        }
}

static void fill_curvature(bool linear, const field *v, const sg_jet *jet, double *curvature) {
    const int gradient = v->d * B, hessian = sg_jet_seconds(jet) * B;
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

void sg_diffusion_datum(bool linear, const sg_diffusivity *D, const sg_block *block, const sg_jet *jet,
                        sg_datum *datum) {
    const sg_diffusivity at = D ? *D : (sg_diffusivity){.shape = SG_D_SCALAR};
    const field v = {block->n, block->d, at.shape, at.D, at.div, at.factor, jet->dx, jet->want & SG_DIAGONAL};
    const int gradient = v.d * B, hessian = sg_jet_seconds(jet) * B;
    if (datum->want & SG_VALUE) apply(&v, 0.5, jet->dx, jet->dxx, datum->value);
    for (int j = 0; datum->want & SG_PSI && j < jet->m; j++)
        apply(&v, 1, jet->dt_dx + j * gradient, jet->dt_dxx + j * hessian, datum->psi + j * B);
    if (datum->want & SG_ROOT) fill_roots(&v, jet, datum->root);
    if (datum->want & SG_CURVATURE) fill_curvature(linear, &v, jet, datum->curvature);
}
