/* Bounds for tempered Langevin dynamics, the diffusion on (x, beta) of the lifted loss, from the components of a
 * mixture of normals and the law of the level. */
#include "estimate/gap-bounds-lifted.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 16 };
static const double USUAL = 200, MOST = 5000; /* depth of the cut of r: it goes down to beta = 0 as far as that */

typedef struct {
    sg_components *parts;
    sg_prepared *prepared;
    sg_panels *level;
    double *log_h, *log_d; /* [n] in beta, and in log(1 + beta) */
    sg_lift lift;
    int d;
    bool unit; /* h = 1 */
} lifted;

static void clear(const sg_loss *loss, lifted *l) {
    sg_delete(l->parts);
    sg_loss_release(loss, l->prepared);
    sg_panels_delete(l->level);
    sg_delete(l->log_h);
    sg_delete(l->log_d);
}

/* h is the last entry of the row's diagonal, which does not depend on x. */
static sg_status level_diffusion(const sg_loss *loss, lifted *l) {
    const size_t d = (size_t)l->d + 1, n = (size_t)l->level->n;
    double *x = NULL;
    sg_status status = sg_new(&x, 3 * d * SG_BLOCK, sizeof *x);
    if (!status) status = sg_new(&l->log_h, n, sizeof(double));
    if (!status) status = sg_new(&l->log_d, n, sizeof(double));
    if (status) goto out;
    double *D = x + d * SG_BLOCK, *div = D + d * SG_BLOCK, *beta = x + (d - 1) * SG_BLOCK;
    l->unit = true;
    for (size_t first = 0; first < n; first += SG_BLOCK) {
        const int count = n - first < SG_BLOCK ? (int)(n - first) : SG_BLOCK;
        const sg_block block = {.n = count, .d = (int)d, .draws = 1, .x = x};
        for (int i = 0; i < SG_BLOCK; i++) beta[i] = expm1(l->level->x[first + (size_t)(i < count ? i : 0)]);
        loss->row->diffusion(l->prepared, &block, D, div);
        for (size_t i = 0; i < (size_t)count; i++) {
            const double h = D[(d - 1) * SG_BLOCK + i];
            l->unit = l->unit && h == 1;
            l->log_h[first + i] = log(h);
            l->log_d[first + i] = log(h) - 2 * l->level->x[first + i];
        }
    }
out:
    sg_delete(x);
    return status;
}

static sg_status take(const sg_model *model, const sg_loss *loss, lifted *l) {
    const sg_model *law;
    l->d = model->space.d;
    sg_status status = model->family->components(model, model->truth, &l->parts);
    if (!status) status = sg_loss_prepare(loss, model, NULL, &l->prepared);
    if (!status) status = sg_loss_law(loss, l->prepared, model, &law);
    if (status) return status;
    l->lift = *sg_model_lift_of(law, NULL);
    const double fall = l->lift.decay + fabs(l->lift.power) * log1p(l->lift.beta_max) + 50;
    status = sg_lift_panels(&l->lift, fmin(MOST, fmax(USUAL, fall)), 0, &l->level);
    return status ? status : level_diffusion(loss, l);
}

/* ------------------------------------------------------------------- the sides */

static sg_status decomposition(const lifted *l, double *log_poincare) {
    const sg_components *c = l->parts;
    const sg_tempered_normals law = {.d = l->d,
                                     .count = c->count,
                                     .weight = c->weight,
                                     .mean = c->mean,
                                     .covariance = c->covariance,
                                     .lambda = l->lift.lambda,
                                     .level = l->level,
                                     .log_h = l->log_h};
    return sg_bound_tempered_upper(&law, log_poincare);
}

/* Largest squared distance of two means; false unless the components have one covariance. */
static bool scales(const sg_components *c, double *least, double *largest, double *diameter2, sg_status *status) {
    const int square = c->d * c->d;
    double *value = NULL;
    bool one = true;
    *diameter2 = 0;
    for (int i = 0; i < c->count; i++)
        for (int j = 0; j < i; j++) {
            double sum = 0;
            for (int a = 0; a < c->d; a++) sum += pow(c->mean[i * c->d + a] - c->mean[j * c->d + a], 2);
            *diameter2 = fmax(*diameter2, sum);
            for (int k = 0; k < square; k++)
                one = one && c->covariance[i * square + k] == c->covariance[j * square + k];
        }
    *status = sg_new(&value, (size_t)c->d, sizeof *value);
    if (!*status) *status = sg_symmetric_eigen(c->d, c->covariance, value, NULL);
    if (!*status) *least = value[0], *largest = value[c->d - 1];
    sg_delete(value);
    return one;
}

static bool equal(double a, double b) {
    return fabs(a - b) <= 1e-12 * fabs(b);
}

/* QR's design, whose constants the theorem is about. */
static sg_status from_scales(const lifted *l, double *log_poincare, const char **why) {
    double least = NAN, largest = NAN, diameter2;
    sg_status status;
    *log_poincare = NAN;
    *why = "the components have different covariances";
    if (!scales(l->parts, &least, &largest, &diameter2, &status) || status) return status;
    const double R = diameter2 / least;
    *why = "it is about the printed design alone";
    if (!l->unit || !equal(l->lift.decay, 7 * R) || l->lift.power != 0 || !equal(l->lift.beta_max, 14 * R - 1) ||
        !equal(l->lift.lambda, least))
        return SG_OK;
    *log_poincare = sg_bound_tempered_scales_upper(l->d, least, largest, diameter2);
    return SG_OK;
}

/* f(x) = a . x: Var f <= C_P |a|^2. */
static sg_status coordinates(const lifted *l, double *log_poincare) {
    const sg_components *c = l->parts;
    const int d = l->d;
    const size_t square = (size_t)d * (size_t)d;
    double *covariance = NULL, beta = 0;
    sg_status status = sg_new(&covariance, square + 2 * (size_t)d, sizeof *covariance);
    if (status) return status;
    double *mean = covariance + square, *value = mean + d;
    for (int i = 0; i < l->level->n; i++) beta += l->level->mass[i] * expm1(l->level->x[i]);
    for (int k = 0; k < c->count; k++)
        for (int a = 0; a < d; a++) mean[a] += c->weight[k] * c->mean[k * d + a];
    for (int k = 0; k < c->count; k++)
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++)
                covariance[a + b * d] +=
                    c->weight[k] * (c->covariance[(k * d + a) * d + b] +
                                    (c->mean[k * d + a] - mean[a]) * (c->mean[k * d + b] - mean[b]));
    for (int a = 0; a < d; a++) covariance[a + a * d] += l->lift.lambda * beta;
    status = sg_symmetric_eigen(d, covariance, value, NULL);
    *log_poincare = status ? NAN : log(value[d - 1]);
    sg_delete(covariance);
    return status;
}

sg_status sg_lifted_sides_of(const sg_model *model, const sg_loss *loss, sg_lifted_sides *out) {
    lifted l = {0};
    sg_chen chen = {.log_lower = NAN};
    *out = (sg_lifted_sides){NAN, NAN, NAN, NAN, SG_OK, "", ""};
    sg_status status = take(model, loss, &l);
    if (!status) status = sg_bound_chen(l.level, l.log_d, STEPS, &chen);
    out->log_level_lower = chen.log_lower;
    if (!status) status = coordinates(&l, &out->log_coordinates_lower);
    if (!status) status = from_scales(&l, &out->log_scales_upper, &out->no_scales);
    if (!status) {
        out->decomposition = decomposition(&l, &out->log_decomposition_upper);
        if (out->decomposition) snprintf(out->message, sizeof out->message, "%s", sg_message());
        if (out->decomposition == SG_NO_MEMORY) status = SG_NO_MEMORY;
    }
    clear(loss, &l);
    return status;
}

sg_status sg_gap_bounds_lifted(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list) {
    sg_lifted_sides s;
    sg_status status = sg_lifted_sides_of(model, loss, &s);
    if (!status)
        status = sg_gap_bounds_add(list, "mixture", SG_GAP_LOWER, SG_OK, -s.log_decomposition_upper, "%s",
                                   s.decomposition ? s.message
                                                   : "decomposition by the overlaps of the components on (x, beta)");
    if (!status)
        status = sg_gap_bounds_add(
            list, "QR Theorem 12", SG_GAP_LOWER, SG_OK, -s.log_scales_upper, "%s",
            isnan(s.log_scales_upper) ? s.no_scales : "with the constants of its steps, from D, lmin and lmax");
    if (!status)
        status = sg_gap_bounds_add(list, "level alone", SG_GAP_UPPER, SG_OK, -s.log_level_lower,
                                   "Chen, %d steps, functions of beta", (int)STEPS);
    if (!status)
        status =
            sg_gap_bounds_add(list, "Rayleigh", SG_GAP_UPPER, SG_OK, -s.log_coordinates_lower, "f(x, beta) = a . x");
    return status;
}
