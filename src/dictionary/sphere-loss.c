/* Score matching on the sphere. */
#include <string.h>

#include "dictionary/sphere.h"

enum { B = SG_BLOCK };

/* The points of one block, and the part of the score along x. */
typedef struct {
    int n, d;
    const double *x, *score;
    double across[B];
} field;

/* out = x . grad */
static void radial(const field *v, const double *grad, double *restrict out) {
    memset(out, 0, (size_t)v->n * sizeof *out);
    for (int a = 0; a < v->d; a++) {
        const double *restrict x = v->x + a * B, *restrict g = grad + a * B;
        for (int i = 0; i < v->n; i++) out[i] += x[i] * g[i];
    }
}

/* out = share <P s, grad> + tr(P hessian) - (d-1) x . grad: L f for share 1, the loss for share 1/2 and f = log p. */
static void apply(const field *v, double share, const double *grad, const double *hessian, double *restrict out) {
    double own[B];
    radial(v, grad, own);
    for (int i = 0; i < v->n; i++) out[i] = -(share * v->across[i] + (v->d - 1)) * own[i];
    for (int a = 0; a < v->d; a++) {
        const double *restrict x = v->x + a * B, *restrict s = v->score + a * B, *restrict g = grad + a * B;
        for (int i = 0; i < v->n; i++) out[i] += share * (s[i] * g[i]);
        for (int b = 0; b < a; b++, hessian += B) {
            const double *restrict y = v->x + b * B;
            for (int i = 0; i < v->n; i++) out[i] -= 2 * (x[i] * y[i]) * hessian[i];
        }
        for (int i = 0; i < v->n; i++) out[i] += (1 - x[i] * x[i]) * hessian[i];
        hessian += B;
    }
}

/* out [d][B] = P grad */
static void project(const field *v, const double *grad, double *out) {
    double own[B];
    radial(v, grad, own);
    for (int a = 0; a < v->d; a++)
        for (int i = 0; i < v->n; i++) out[a * B + i] = grad[a * B + i] - own[i] * v->x[a * B + i];
}

static void fill_curvature(bool linear, const field *v, const sg_jet *jet, double *curvature) {
    const int gradient = v->d * B, hessian = v->d * (v->d + 1) / 2 * B;
    double first[B], second[B];
    for (int j = 0, pair = 0; j < jet->m; j++)
        for (int k = 0; k <= j; k++, pair++) {
            const double *f = jet->dt_dx + j * gradient, *g = jet->dt_dx + k * gradient;
            double *restrict out = curvature + pair * B;
            if (linear)
                memset(out, 0, (size_t)v->n * sizeof(double));
            else
                apply(v, 1, jet->dtt_dx + pair * gradient, jet->dtt_dxx + pair * hessian, out);
            radial(v, f, first), radial(v, g, second);
            for (int i = 0; i < v->n; i++) out[i] -= first[i] * second[i];
            for (int a = 0; a < v->d; a++)
                for (int i = 0; i < v->n; i++) out[i] += f[a * B + i] * g[a * B + i];
        }
}

void sg_sphere_datum(bool linear, const sg_block *block, const sg_jet *jet, sg_datum *datum) {
    field v = {.n = block->n, .d = block->d, .x = block->x, .score = jet->dx};
    const int gradient = v.d * B, hessian = v.d * (v.d + 1) / 2 * B;
    if (jet->dx) radial(&v, jet->dx, v.across);
    if (datum->want & SG_VALUE) apply(&v, 0.5, jet->dx, jet->dxx, datum->value);
    for (int j = 0; datum->want & SG_PSI && j < jet->m; j++)
        apply(&v, 1, jet->dt_dx + j * gradient, jet->dt_dxx + j * hessian, datum->psi + j * B);
    for (int j = 0; datum->want & SG_ROOT && j < jet->m; j++)
        project(&v, jet->dt_dx + j * gradient, datum->root + j * gradient);
    if (datum->want & SG_CURVATURE) fill_curvature(linear, &v, jet, datum->curvature);
}
