/*
 * What the a-b model shares between its density and its sampler.
 */
#ifndef SG_FAMILY_AB_MODEL_H
#define SG_FAMILY_AB_MODEL_H

#include "scoregap/family.h"

enum { SG_AB_MOST = 512 }; /* dimension */

typedef struct {
    double a, b;
    bool centred; /* eta = 0 is no parameter */
} sg_ab;

/* Where K_ij stands in theta. */
static inline size_t sg_ab_pair(int i, int j) {
    return i > j ? (size_t)i * ((size_t)i + 1) / 2 + (size_t)j : (size_t)j * ((size_t)j + 1) / 2 + (size_t)i;
}

static inline double sg_ab_eta(const sg_model *model, const double *theta, int j) {
    const size_t d = (size_t)model->space.d;
    return ((const sg_ab *)model->own)->centred ? 0 : theta[d * (d + 1) / 2 + (size_t)j];
}

/*
 * log of the density of t = log x_j given the other coordinates, up to a constant: field = sum_k K_jk g(x_k) over them.
 * It has a maximum inside even where p is infinite at a face.
 */
double sg_ab_along(const sg_ab *own, double K, double field, double eta, double t);

/* K [d,d] column-major, symmetric. */
void sg_ab_matrix(const sg_model *model, const double *theta, double *K);

/* sg_family.places */
void sg_ab_places(const sg_model *model, const double *theta, sg_places *out);

/* sg_family.sampler */
SG_MUST_CHECK sg_status sg_ab_sampler_new(const sg_model *model, const double *theta, sg_own_sampler **out);

#endif
