#include "family/round.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double TWO_PI = 6.28318530717958647693;

/* ------------------------------------------------------------- is it round? */

static double dot(int d, const double *x, const double *y) {
    double sum = 0;
    for (int a = 0; a < d; a++) sum += x[a] * y[a];
    return sum;
}

/* One multiple of the identity for all? */
static bool one_variance(const sg_components *parts) {
    const int d = parts->d;
    for (int k = 0; k < parts->count; k++)
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++)
                if (parts->covariance[(k * d + a) * d + b] != (a == b ? parts->covariance[0] : 0)) return false;
    return true;
}

/* Unit vector e_a less its parts along those before it, a where that leaves most. */
static void complete(int d, int count, const double *const *before, double *out) {
    double best = -1;
    for (int a = 0; a < d; a++) {
        double vector[SG_NORMALS_D] = {0};
        vector[a] = 1;
        for (int round = 0; round < 2; round++)
            for (int k = 0; k < count; k++) {
                const double part = dot(d, vector, before[k]);
                for (int b = 0; b < d; b++) vector[b] -= part * before[k][b];
            }
        const double length = sqrt(dot(d, vector, vector));
        if (!(length > best + 1e-9)) continue;
        best = length;
        for (int b = 0; b < d; b++) out[b] = vector[b] / length;
    }
}

/* mean - origin; the length of its part along the axis to *along, and is there no other? */
static bool on_line(const sg_round *r, const double *mean, double length, double *along) {
    double apart[SG_NORMALS_D];
    for (int a = 0; a < r->d; a++) apart[a] = mean[a] - r->origin[a];
    *along = dot(r->d, apart, r->axis);
    for (int a = 0; a < r->d; a++)
        if (!(fabs(apart[a] - *along * r->axis[a]) <= 1e-13 * length)) return false;
    return true;
}

/* The line through the first mean and the one farthest from it; false unless all means lie on it. */
static bool find_line(const sg_components *parts, sg_round *r, double *length) {
    const int d = r->d = parts->d;
    *length = 0;
    r->count = parts->count;
    memcpy(r->origin, parts->mean, (size_t)d * sizeof(double));
    for (int k = 1; k < parts->count; k++) {
        double apart[SG_NORMALS_D];
        for (int a = 0; a < d; a++) apart[a] = parts->mean[k * d + a] - r->origin[a];
        const double size = sqrt(dot(d, apart, apart));
        if (!(size > *length)) continue;
        *length = size;
        for (int a = 0; a < d; a++) r->axis[a] = apart[a] / size;
    }
    if (!(*length > 0 && isfinite(*length))) return false;
    for (int k = 0; k < parts->count; k++) {
        r->weight[k] = parts->weight[k];
        if (!on_line(r, parts->mean + k * d, *length, &r->place[k])) return false;
    }
    return true;
}

/* Do all free parameters leave covariances as they are, and means on the line? */
static sg_status stays(const sg_model *model, const double *theta, const sg_components *parts, const sg_round *r,
                       double length, bool *there) {
    const size_t d = (size_t)parts->d, square = (size_t)parts->count * d * d;
    double *moved = NULL, along;
    sg_status status = sg_new(&moved, (size_t)model->full, sizeof *moved);
    *there = model->direction != NULL;
    for (int j = 0; status == SG_OK && *there && j < model->m; j++) {
        sg_components *other = NULL;
        for (int i = 0; i < model->full; i++) moved[i] = theta[i] + 0.125 * model->direction[i * model->m + j];
        status = model->family->components(model, moved, &other);
        if (status != SG_OK) break;
        *there = memcmp(other->covariance, parts->covariance, square * sizeof(double)) == 0;
        for (int k = 0; k < parts->count; k++)
            *there = on_line(r, other->mean + (size_t)k * d, length, &along) && *there;
        sg_delete(other);
    }
    sg_delete(moved);
    return status;
}

sg_status sg_round_of(const sg_model *model, const double *theta, sg_round *round) {
    sg_components *parts = NULL;
    double length;
    bool there = false;
    *round = (sg_round){0};
    if (model->space.d == 1 || !model->family->components) return SG_OK;
    sg_status status = model->family->components(model, theta, &parts);
    if (status != SG_OK) return status;
    if (one_variance(parts) && find_line(parts, round, &length))
        status = stays(model, theta, parts, round, length, &there);
    if (there) {
        const double *before[] = {round->axis, round->across[0]};
        round->variance = parts->covariance[0];
        complete(parts->d, 1, before, round->across[0]);
        if (parts->d > 2) complete(parts->d, 2, before, round->across[1]);
    } else {
        round->d = 0;
    }
    sg_delete(parts);
    return status;
}

/* --------------------------------------------------------------------- rules */

sg_round_rule sg_round_rule_of(int n) {
    const double out = 3, far = n + 2 * sqrt(n), near = n - sqrt(n);
    return (sg_round_rule){
        .along = {sqrt(out), -sqrt(out), 0},
        .beside = {n > 1 ? sqrt(far - out) : 0, n > 1 ? sqrt(far - out) : 0, n > 1 ? sqrt(near) : 0},
        .mass = {1. / 6, 1. / 6, 2. / 3},
    };
}

/* --------------------------------------------------------------------- nodes */

/* The law along the line, for its panels alone. */
static void line_jet(const sg_model *line, const double *theta, const sg_block *block, sg_jet *out) {
    sg_normals_jet(line->own, theta, block, false, out);
}

static bool line_inside(const sg_model *line, const double *theta) {
    return sg_normals_inside(line->own, theta);
}

static void line_landmarks(const sg_model *line, const double *theta, sg_landmarks *marks) {
    sg_normals_landmarks(line->own, theta, marks);
}

static const sg_family along_line = {
    .name = "along",
    .can = SG_NORMALIZED | SG_NODES,
    .jet = line_jet,
    .inside = line_inside,
    .landmarks = line_landmarks,
};

static sg_status panels_along(const sg_model *model, const sg_round *r, double depth, int level, sg_panels **panels) {
    double variance[SG_COMPONENTS];
    sg_model line = {.family = &along_line};
    sg_normals *law = NULL;
    for (int k = 0; k < r->count; k++) variance[k] = r->variance;
    sg_status status = sg_normals_new(1, r->count, variance, NULL, &law);
    if (status == SG_OK) status = sg_normals_model(&line, law);
    if (status != SG_OK) goto out;
    memcpy(line.truth, r->weight, (size_t)(r->count - 1) * sizeof(double));
    memcpy(line.truth + r->count - 1, r->place, (size_t)r->count * sizeof(double));
    memcpy(line.text, model->text, sizeof line.text);
    status = sg_model_panels_deep(&line, line.truth, depth, level, panels);
out:
    sg_delete(line.truth);
    sg_delete(law);
    return status;
}

/* The nodes at |y| = size standard deviations. */
static void fill_ring(const sg_round *r, double size, double mass, long long first, sg_nodes *nodes) {
    const sg_panels *panels = nodes->line;
    const double out = sqrt(r->variance) * size;
    const double logp = -0.5 * size * size - 0.5 * (r->d - 1) * log(TWO_PI * r->variance);
    for (int i = 0; i < panels->n; i++) {
        const long long at = first + i;
        nodes->mass[at] = mass * panels->mass[i];
        nodes->logp[at] = panels->logp[i] + logp;
        for (int a = 0; a < r->d; a++)
            nodes->x[a * nodes->n + at] = r->origin[a] + panels->x[i] * r->axis[a] + out * r->across[0][a];
    }
}

sg_status sg_nodes_round(const sg_model *model, const double *theta, double depth, int level, sg_nodes **nodes) {
    sg_nodes *made = NULL;
    sg_round round;
    *nodes = NULL;
    sg_status status = sg_round_of(model, theta, &round);
    if (status != SG_OK || round.d == 0) return status;
    status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    if ((status = panels_along(model, &round, depth, level, &made->line)) != SG_OK) goto out;
    const sg_round_rule rule = sg_round_rule_of(round.d - 1);
    const size_t n = 2 * (size_t)made->line->n;
    made->n = (long long)n;
    if ((status = sg_new(&made->x, n * (size_t)round.d, sizeof(double))) != SG_OK) goto out;
    if ((status = sg_new(&made->logp, n, sizeof(double))) != SG_OK) goto out;
    if ((status = sg_new(&made->mass, n, sizeof(double))) != SG_OK) goto out;
    fill_ring(&round, hypot(rule.along[0], rule.beside[0]), 2 * rule.mass[0], 0, made);
    fill_ring(&round, rule.beside[2], rule.mass[2], made->line->n, made);
out:
    if (status != SG_OK) {
        sg_nodes_delete(made);
        return status;
    }
    *nodes = made;
    return SG_OK;
}
