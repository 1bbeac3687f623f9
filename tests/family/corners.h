/*
 * Random models of every family and random parameters, biased to the corners of their ranges.
 */
#ifndef SG_TESTS_FAMILY_CORNERS_H
#define SG_TESTS_FAMILY_CORNERS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/family.h"

typedef struct {
    sg_model *model;
    double key[2];          /* structure keys: a; k; omega; degree; a, g; nu; lo, hi; d, sd */
    double theta[SG_REALS]; /* coordinates, inside */
    double reach;           /* most of the mass lies in [-reach, reach], roughly */
} corner;

static inline double corner_uniform(sg_stream *s, double lo, double hi) {
    double u;
    sg_stream_uniform(s, 1, &u);
    return lo + u * (hi - lo);
}

/* Log-uniform; one time in three an end. */
static inline double corner_scale(sg_stream *s, double lo, double hi) {
    double where = corner_uniform(s, -0.25, 1.25);
    return where < 0 ? lo : where > 1 ? hi : lo * pow(hi / lo, where);
}

static inline double corner_signed(sg_stream *s, double lo, double hi) {
    double sign = corner_uniform(s, -1, 1), size = corner_scale(s, lo, hi);
    return fabs(sign) < 0.1 ? 0 : copysign(size, sign);
}

static inline int corner_choice(sg_stream *s, int count, const int *list) {
    return list[(int)corner_uniform(s, 0, count)];
}

static inline void corner_gaussian(sg_stream *s, corner *c) {
    c->theta[1] = corner_scale(s, 1e-4, 1e4);
    c->theta[0] = corner_signed(s, 1e-3, 1e2);
    c->reach = (fabs(c->theta[0]) / c->theta[1] + 10 / sqrt(c->theta[1]));
}

static inline void corner_bimodal(sg_stream *s, corner *c) {
    c->key[0] = corner_scale(s, 0.2, 10);
    c->theta[1] = corner_signed(s, 1e-3, 20);
    c->theta[0] = corner_scale(s, 0.05, 20);
    c->reach = 2 * c->key[0] + 3;
}

static inline void corner_monomial(sg_stream *s, corner *c) {
    static const int k[] = {4, 6, 8, 10, 16, 22, 64};
    c->key[0] = corner_choice(s, 7, k);
    c->theta[0] = corner_signed(s, 0.01, 20);
    c->theta[1] = corner_scale(s, 1e-3, 100);
    c->reach = 3;
}

static inline void corner_sinusoid(sg_stream *s, corner *c) {
    c->key[0] = corner_scale(s, 0.05, 50);
    c->theta[0] = corner_scale(s, 0.01, 100);
    c->theta[1] = corner_signed(s, 0.01, 50);
    c->reach = 10 / sqrt(c->theta[0]);
}

static inline void corner_polynomial(sg_stream *s, corner *c) {
    static const int degree[] = {1, 3, 3, 5, 9, 31};
    c->key[0] = corner_choice(s, 6, degree);
    for (int j = 0; j < (int)c->key[0]; j++) c->theta[j] = corner_signed(s, 0.01, 12);
    c->reach = 4;
}

static inline void corner_sparse_cut(sg_stream *s, corner *c) {
    c->key[0] = corner_scale(s, 0.2, 10);
    c->key[1] = corner_scale(s, 1e-3, 2);
    c->theta[0] = corner_scale(s, 0.05, 20);
    c->theta[1] = corner_signed(s, 1e-3, 20);
    c->reach = 2 * c->key[0] + 3;
}

static inline void corner_double_well(sg_stream *s, corner *c) {
    c->theta[0] = corner_signed(s, 0.01, 100);
    c->theta[1] = corner_signed(s, 0.01, 100);
    c->theta[2] = corner_scale(s, 0.01, 100);
    c->reach = 2 + sqrt(fabs(c->theta[1]) / c->theta[2]);
}

static inline void corner_mixture(sg_stream *s, corner *c) {
    double w = corner_scale(s, 1e-6, 0.5);
    c->theta[0] = corner_uniform(s, 0, 1) < 0.5 ? w : 1 - w;
    c->theta[1] = corner_signed(s, 0.01, 20);
    c->theta[2] = corner_uniform(s, 0, 1) < 0.2 ? c->theta[1] : corner_signed(s, 0.01, 20);
    c->reach = 8 + fmax(fabs(c->theta[1]), fabs(c->theta[2]));
}

/* Three components on the line with one standard deviation. */
static inline void corner_gaussian_mixture(sg_stream *s, corner *c) {
    double weight[3], sum = 0;
    c->key[0] = 1;
    c->key[1] = corner_scale(s, 0.05, 5);
    for (int k = 0; k < 3; k++) sum += weight[k] = corner_scale(s, 1e-5, 1);
    for (int k = 0; k < 2; k++) c->theta[k] = weight[k] / sum;
    for (int k = 0; k < 3; k++) c->theta[2 + k] = corner_signed(s, 0.01, 20);
    if (corner_uniform(s, 0, 1) < 0.2) c->theta[4] = c->theta[3];
    c->reach = 20 + 8 * c->key[1];
}

static inline void corner_laplace(sg_stream *s, corner *c) {
    c->theta[0] = corner_scale(s, 1e-3, 1e3);
    c->reach = 10 / c->theta[0];
}

static inline void corner_logistic(sg_stream *s, corner *c) {
    c->theta[0] = corner_signed(s, 1e-3, 1e2);
    c->theta[1] = corner_scale(s, 1e-2, 1e2);
    c->reach = fabs(c->theta[0]) + 15 * c->theta[1];
}

static inline void corner_student(sg_stream *s, corner *c) {
    c->key[0] = corner_scale(s, 0.5, 1e6);
    corner_logistic(s, c);
}

static inline void corner_interval(sg_stream *s, corner *c) {
    c->key[0] = corner_signed(s, 0.01, 10);
    c->key[1] = c->key[0] + corner_scale(s, 1e-2, 1e2);
    c->reach = fmax(fabs(c->key[0]), fabs(c->key[1]));
}

static inline void corner_uniform_law(sg_stream *s, corner *c) {
    corner_interval(s, c);
    c->theta[0] = corner_signed(s, 0.01, 1e2);
}

static inline void corner_truncated(sg_stream *s, corner *c) {
    corner_interval(s, c);
    c->theta[0] = corner_signed(s, 0.01, 1e2);
    c->theta[1] = corner_signed(s, 0.01, 1e2);
}

static inline void corner_von_mises(sg_stream *s, corner *c) {
    c->theta[0] = corner_signed(s, 0.01, 100);
    c->theta[1] = corner_signed(s, 0.01, 100);
    c->reach = M_PI / 1.5;
}

typedef struct {
    const char *family, *key[2];
    void (*fill)(sg_stream *, corner *);
} corner_maker;

static const corner_maker corner_makers[] = {
    {"gaussian", {NULL}, corner_gaussian},         {"bimodal", {"a"}, corner_bimodal},
    {"monomial", {"k"}, corner_monomial},          {"sinusoid", {"omega"}, corner_sinusoid},
    {"polynomial", {"degree"}, corner_polynomial}, {"sparse-cut", {"a", "g"}, corner_sparse_cut},
    {"double-well", {NULL}, corner_double_well},   {"mixture", {NULL}, corner_mixture},
    {"laplace", {NULL}, corner_laplace},           {"exponential", {NULL}, corner_laplace},
    {"logistic", {NULL}, corner_logistic},         {"student", {"nu"}, corner_student},
    {"uniform", {"lo", "hi"}, corner_uniform_law}, {"truncated-gaussian", {"lo", "hi"}, corner_truncated},
    {"von-mises", {NULL}, corner_von_mises},       {"gaussian-mixture", {"d", "sd"}, corner_gaussian_mixture},
};
enum { CORNER_FAMILIES = sizeof corner_makers / sizeof *corner_makers };

/* A random model and parameters of a family; the model is the caller's to delete. */
static inline sg_status corner_new(sg_stream *s, const char *family, corner *c) {
    const corner_maker *maker = corner_makers;
    char text[2][SG_NUMBER_TEXT];
    sg_pair pairs[2];
    int count = 0;
    *c = (corner){0};
    while (maker < corner_makers + CORNER_FAMILIES && strcmp(maker->family, family) != 0) maker++;
    if (maker == corner_makers + CORNER_FAMILIES)
        return sg_fail(SG_UNKNOWN, "family %s has no random models: add a line to corner_makers", family);
    maker->fill(s, c);
    for (; count < 2 && maker->key[count]; count++) {
        sg_number_text(c->key[count], text[count]);
        pairs[count] = (sg_pair){maker->key[count], text[count]};
    }
    return sg_model_new(family, count, pairs, &c->model);
}

static inline bool corner_inside(const corner *c, double x) {
    return x >= c->model->space.lo && x <= c->model->space.hi;
}

/* A point where something happens: anywhere, near a landmark, near 0, or in a tail; outside the support, too. */
static inline double corner_point(sg_stream *s, const corner *c) {
    sg_landmarks marks = {0};
    double where = corner_uniform(s, 0, 1), sign = corner_uniform(s, 0, 1) < 0.5 ? -1 : 1;
    if (where < 0.05) return 0;
    if (where < 0.15) return sign * corner_scale(s, 1e-12, 1e-2);
    if (where < 0.25) return sign * c->reach * corner_uniform(s, 1, 4);
    if (where < 0.6) return corner_uniform(s, -c->reach, c->reach);
    c->model->family->landmarks(c->model, c->theta, &marks);
    int k = (int)corner_uniform(s, 0, marks.count);
    return marks.at[k] + corner_uniform(s, -3, 3) * marks.scale[k];
}

#endif
