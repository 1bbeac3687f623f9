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

sg_status sg_noise_rule_new(const sg_model *model, const double *theta, int points, sg_noise_rule *rule) {
    *rule = (sg_noise_rule){.across = 1, .beside = {.mass = {1}}};
    sg_status status = sg_round_of(model, theta, &rule->round);
    if (status || (model->space.d > 1 && rule->round.d == 0)) return status;
    if (model->space.d > 1) {
        rule->across = SG_ROUND_POINTS;
        rule->beside = sg_round_rule_of(model->space.d - 1);
    }
    status = sg_hermite_new(points, &rule->along);
    const int n = rule->along.n * rule->across;
    if (!status) status = sg_new(&rule->weight, (size_t)n, sizeof(double));
    if (status) {
        sg_noise_rule_free(rule);
        return status;
    }
    rule->n = n;
    for (int k = 0; k < n; k++)
        rule->weight[k] = rule->along.weight[k / rule->across] * rule->beside.mass[k % rule->across];
    return SG_OK;
}

void sg_noise_rule_free(sg_noise_rule *rule) {
    sg_hermite_free(&rule->along);
    sg_delete(rule->weight);
    *rule = (sg_noise_rule){0};
}

sg_status sg_noise_rule_fits(const char *what, const sg_model *model, const char *instead) {
    sg_round round;
    if (model->space.d == 1) return SG_OK;
    const sg_status status = sg_round_of(model, model->truth, &round);
    if (status || round.d) return status;
    return sg_fail(SG_MISFIT,
                   "%s is computed in one dimension, and for the weights of normals of one round variance whose means "
                   "lie on a line: take %s for %s",
                   what, instead, model->text);
}

/* y, the part of each x across the line, to z; what y is long, 0 where it is rounding, and its parts along the two
 * vectors across. */
static void split(const sg_round *r, const double *x, double *z, double *restrict length, double *restrict first,
                  double *restrict second) {
    _Alignas(SG_ALIGN) double along[SG_BLOCK] = {0};
    memset(length, 0, SG_BLOCK * sizeof *length);
    memset(first, 0, SG_BLOCK * sizeof *first);
    memset(second, 0, SG_BLOCK * sizeof *second);
    for (int a = 0; a < r->d; a++)
        for (int i = 0; i < SG_BLOCK; i++) along[i] += r->axis[a] * (x[a * SG_BLOCK + i] - r->origin[a]);
    for (int a = 0; a < r->d; a++) {
        const double *restrict from = x + a * SG_BLOCK;
        double *restrict y = z + a * SG_BLOCK;
        for (int i = 0; i < SG_BLOCK; i++) {
            y[i] = from[i] - r->origin[a] - along[i] * r->axis[a];
            length[i] += y[i] * y[i];
            first[i] += y[i] * r->across[0][a];
            second[i] += y[i] * r->across[1][a];
        }
    }
    for (int i = 0; i < SG_BLOCK; i++) length[i] = sqrt(length[i]);
    for (int i = 0; i < SG_BLOCK; i++) length[i] = length[i] > 1e-12 * fabs(along[i]) ? length[i] : 0;
}

/*
 * z = u axis + v y/|y| + w b, b the one of the two vectors across that is farther from y, made orthogonal to it and of
 * length 1; the first and the second where y = 0.
 */
void sg_noise_rule_at(const sg_noise_rule *rule, int k, const sg_block *data, double *z) {
    const sg_round *r = &rule->round;
    const int side = k % rule->across;
    const double u = rule->along.z[k / rule->across], v = rule->beside.along[side], w = rule->beside.beside[side];
    _Alignas(SG_ALIGN) double length[SG_BLOCK], first[SG_BLOCK], second[SG_BLOCK];
    if (r->d == 0) {
        for (int i = 0; i < SG_BLOCK; i++) z[i] = u;
        return;
    }
    split(r, data->x, z, length, first, second);
#pragma omp simd
    for (int i = 0; i < SG_BLOCK; i++) {
        const double scale = length[i] > 0 ? 1 / length[i] : 0, extra = length[i] > 0 ? 0 : v;
        const double one = length[i] > 0 ? first[i] * scale : 1, two = second[i] * scale;
        const double take = fabs(one) <= fabs(two) ? 1 : 0, part = take > 0 ? one : two, rest = 1 - part * part;
        const double turned = w / sqrt(rest > 0.25 ? rest : 0.25);
        length[i] = (v - turned * part) * scale; /* of y */
        first[i] = extra + take * turned;
        second[i] = turned - take * turned;
    }
    for (int a = 0; a < r->d; a++) {
        double *restrict to = z + a * SG_BLOCK;
        const double axis = u * r->axis[a], one = r->across[0][a], two = r->across[1][a];
        for (int i = 0; i < SG_BLOCK; i++) to[i] = axis + length[i] * to[i] + first[i] * one + second[i] * two;
    }
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
