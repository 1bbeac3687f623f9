/* Where the a-b model has its mass: for cubature. */
#include <lapacke.h>
#include <math.h>

#include "family/ab-model.h"

/* log of the density of t = log x_j given the others, sum_k K_jk g_k = field, up to a constant. */
double sg_ab_along(const sg_ab *own, double K, double field, double eta, double t) {
    const double g = own->a > 0 ? exp(own->a * t) / sqrt(own->a) : t, v = own->b > 0 ? exp(own->b * t) / own->b : t;
    return -K / 2 * g * g - field * g + eta * v + t;
}

/* Maximum of that in t: the best of a coarse list, then sections. */
static double ascend(const sg_ab *own, double K, double field, double eta) {
    double best = 0, top = -INFINITY, step = 0.5;
    for (double t = -20; t <= 20; t += step) {
        const double value = sg_ab_along(own, K, field, eta, t);
        if (value > top) top = value, best = t;
    }
    for (; step > 1e-3; step /= 2)
        for (int side = -1; side <= 1; side += 2)
            if (sg_ab_along(own, K, field, eta, best + side * step) > sg_ab_along(own, K, field, eta, best))
                best += side * step;
    return best;
}

static double g_of(const sg_ab *own, double x) {
    return own->a > 0 ? pow(x, own->a) / sqrt(own->a) : log(x);
}

/* Coordinate-wise ascent from a few starts; returns how many, x [.][d]. */
static int modes(const sg_model *model, const double *theta, int most, double *x) {
    const sg_ab *own = model->own;
    const int d = model->space.d, starts = d + 1 < most ? d + 1 : most;
    for (int k = 0; k < starts; k++) {
        double *here = x + k * d;
        for (int j = 0; j < d; j++) here[j] = k == j ? 1e2 : 1e-2;
        for (int round = 0; round < 50; round++)
            for (int j = 0; j < d; j++) {
                double field = 0;
                for (int i = 0; i < d; i++)
                    if (i != j) field += theta[sg_ab_pair(i, j)] * g_of(own, here[i]);
                here[j] = exp(ascend(own, theta[sg_ab_pair(j, j)], field, sg_ab_eta(model, theta, j)));
            }
    }
    return starts;
}

/* The normal law: its mean, and conditional and marginal widths. */
static void normal_places(const sg_model *model, const double *theta, sg_places *out) {
    enum { D = SG_CUBATURE_AXES };
    const int d = model->space.d;
    double K[D * D], mean[D];
    sg_ab_matrix(model, theta, K);
    for (int j = 0; j < d; j++) mean[j] = sg_ab_eta(model, theta, j);
    if (LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'L', d, 1, K, d, mean, d)) return;
    out->count = 1;
    for (int j = 0; j < d; j++) out->at[0][j] = mean[j], out->scale[0][j] = 1 / sqrt(theta[sg_ab_pair(j, j)]);
}

/* Modes of the law of log x; the width at a mode, at most half the way to the face. */
void sg_ab_places(const sg_model *model, const double *theta, sg_places *out) {
    enum { D = SG_CUBATURE_AXES };
    const sg_ab *own = model->own;
    const int d = model->space.d;
    double mode[(D + 1) * D];
    if (model->space.shape == SG_RD) {
        normal_places(model, theta, out);
        return;
    }
    out->count = modes(model, theta, D + 1, mode);
    out->logarithmic = !(own->a >= 1 && own->b >= 1 && own->a == floor(own->a) && own->b == floor(own->b));
    for (int k = 0; k < out->count; k++)
        for (int j = 0; j < d; j++) {
            const double x = mode[k * d + j], K = theta[sg_ab_pair(j, j)];
            const double bend = own->a > 0 ? 2 * own->a * K * pow(x, 2 * own->a) : K;
            out->at[k][j] = x;
            out->scale[k][j] = x / sqrt(1 + bend);
        }
}
