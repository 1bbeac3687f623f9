/* The law of noised data, p * N(0, t I), of a model that is a mixture of normals: it is one too. */
#include <string.h>

#include "family/normals.h"

static void widen(sg_components *parts, double t) {
    const int d = parts->d;
    for (int k = 0; k < parts->count; k++)
        for (int a = 0; a < d; a++) parts->covariance[(k * d + a) * d + a] += t;
}

static bool round_ones(const sg_components *parts, double *variance) {
    const int d = parts->d;
    bool round = true;
    for (int k = 0; k < parts->count; k++) {
        const double *covariance = parts->covariance + k * d * d;
        variance[k] = covariance[0];
        for (int a = 0; a < d * d; a++) round = round && covariance[a] == (a % (d + 1) ? 0 : variance[k]);
    }
    return round;
}

/* All parameters are free: weights but the last, and means. */
static sg_status fill(const sg_model *base, const sg_components *parts, sg_model *law) {
    double variance[SG_COMPONENTS];
    sg_normals *own = NULL;
    const bool round = round_ones(parts, variance);
    sg_status status = sg_normals_new(parts->d, parts->count, variance, round ? NULL : parts->covariance, &own);
    if (!status) status = sg_normals_model(law, own);
    if (status) return status;
    const size_t full = (size_t)law->full, weights = (size_t)parts->count - 1;
    memcpy(law->truth, parts->weight, weights * sizeof(double));
    memcpy(law->truth + weights, parts->mean, (full - weights) * sizeof(double));
    law->m = law->full;
    memcpy(law->text, base->text, sizeof law->text);
    if ((status = sg_new(&law->free, full, sizeof(int)))) return status;
    if ((status = sg_new(&law->named, full, sizeof(double)))) return status;
    for (size_t i = 0; i < full; i++) law->free[i] = (int)i;
    memcpy(law->named, law->truth, full * sizeof(double));
    return SG_OK;
}

sg_status sg_model_noised(const sg_model *base, const double *theta, double t, sg_model **law) {
    sg_components *parts = NULL;
    sg_model *made = NULL;
    *law = NULL;
    if (!(t >= 0)) return sg_fail(SG_OUT_OF_RANGE, "the variance %g of noise must not be negative", t);
    if (!base->family->components)
        return sg_fail(SG_MISFIT, "the noised law of %s is not known: take a mixture of normals", base->text);
    sg_status status = base->family->components(base, theta, &parts);
    if (!status) status = sg_new(&made, 1, sizeof *made);
    if (status) goto out;
    widen(parts, t);
    made->family = sg_family_find("gaussian-mixture");
    status = fill(base, parts, made);
out:
    sg_delete(parts);
    if (status) {
        sg_model_delete(made);
        return status;
    }
    *law = made;
    return SG_OK;
}
