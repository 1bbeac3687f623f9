#include "dictionary/noised.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DRAWS_MOST = 100000 };
static const double LIGHTEST = 1e-19; /* weight of a rule that is kept */

sg_status sg_hermite_new(int n, sg_hermite *rule) {
    sg_status status;
    *rule = (sg_hermite){.n = n};
    gsl_integration_fixed_workspace *w = NULL;
    if ((status = sg_new(&rule->z, (size_t)n, sizeof(double)))) goto out;
    if ((status = sg_new(&rule->weight, (size_t)n, sizeof(double)))) goto out;
    w = gsl_integration_fixed_alloc(gsl_integration_fixed_hermite, (size_t)n, 0, 0.5, 0, 0);
    if (!w) {
        status = sg_fail(SG_NO_MEMORY, "no memory for a Hermite rule of %d points", n);
        goto out;
    }
    double sum = 0;
    for (int k = 0; k < n; k++) sum += gsl_integration_fixed_weights(w)[k];
    rule->n = 0;
    for (int k = 0; k < n; k++) {
        const double weight = gsl_integration_fixed_weights(w)[k] / sum;
        if (!(weight > LIGHTEST)) continue;
        rule->z[rule->n] = gsl_integration_fixed_nodes(w)[k];
        rule->weight[rule->n++] = weight;
    }
out:
    if (w) gsl_integration_fixed_free(w);
    if (status) sg_hermite_free(rule);
    return status;
}

void sg_hermite_free(sg_hermite *rule) {
    sg_delete(rule->z);
    sg_delete(rule->weight);
    *rule = (sg_hermite){0};
}

static double squared_distance(int d, const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < d; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

sg_status sg_noised_scales(const sg_model *model, const double *theta, double *lambda, double *diameter2) {
    sg_components *parts = NULL;
    double *value = NULL;
    if (!model->family->components || !model->family->smooth)
        return sg_fail(SG_MISFIT,
                       "%s is no mixture of normals, whose convolution with noise is known: take mixture or "
                       "gaussian-mixture",
                       model->text);
    sg_status status = model->family->components(model, theta, &parts);
    if (!status) status = sg_new(&value, (size_t)parts->d, sizeof *value);
    *lambda = INFINITY;
    *diameter2 = 0;
    for (int k = 0; !status && k < parts->count; k++) {
        const int d = parts->d;
        status = sg_symmetric_eigen(d, parts->covariance + (size_t)(k * d) * (size_t)d, value, NULL);
        if (!status) *lambda = fmin(*lambda, value[0]);
        for (int j = 0; j < k; j++)
            *diameter2 = fmax(*diameter2, squared_distance(d, parts->mean + k * d, parts->mean + j * d));
    }
    sg_delete(value);
    sg_delete(parts);
    return status;
}

sg_status sg_noised_inverse(const sg_lift *lift, sg_inverse **inverse) {
    sg_panels *panels = NULL;
    *inverse = NULL;
    sg_status status = sg_lift_panels(lift, 200, 0, &panels);
    if (!status) status = sg_inverse_new(panels, inverse);
    sg_panels_delete(panels);
    return status;
}

sg_status sg_noised_draws(const char *loss, char text[SG_TEXT], int *draws) {
    double number = 0;
    *draws = 0;
    if (strcmp(text, "inf") == 0) return SG_OK;
    if (!sg_number_read(text, &number) || !(number >= 1 && number <= DRAWS_MOST) || number != (double)(int)number)
        return sg_fail(SG_OUT_OF_RANGE,
                       "draws = '%.64s' of loss %s is out of range: it must be a whole number from 1 to %d, or inf",
                       text, loss, DRAWS_MOST);
    *draws = (int)number;
    snprintf(text, SG_TEXT, "%d", *draws);
    return SG_OK;
}
