/*
 * Mixtures of normal laws in R^d, p = sum_k w_k N(mu_k, Sigma_k), and their convolutions with N(0, t I).
 *
 * theta = (w_1 .. w_{K-1}, mu_1 .. mu_K), the means component after component; w_K is 1 less the others.  Covariances
 * are fixed.  With l_k = log w_k + log phi_k as functions of z = x, or z = (x, t) for the convolution, responsibilities
 * r_k, ratios R_k = phi_k/p, u = d_theta l_k and every index a, b a derivative in z:
 *     s_a = sum_k r_k d_a l_k,    g^k_a = d_a l_k - s_a = sum_j r_j (d_a l_k - d_a l_j),
 *     C_ab = sum_k r_k g^k_a g^k_b,    d_ab log p = sum_k r_k d_ab l_k + C_ab,
 *     d_a r_k = r_k g^k_a,    d_ab r_k = r_k G^k_ab,
 *     G^k_ab = g^k_a g^k_b - C_ab + sum_j r_j (d_ab l_k - d_ab l_j),
 * the derivative of log p in a mean is r_k u, that in weight j is R_j - R_K, and all others follow by the product rule.
 * With P = (Sigma + t I)^-1 and y = x - mu: u = P y, d_t P = -P^2, d_t l = (|P y|^2 - tr P)/2.  Differences between
 * components are taken before anything is squared or rounded: where one component has all but e of the mass, what is of
 * the order of e has its digits.
 */
#ifndef SG_FAMILY_NORMALS_H
#define SG_FAMILY_NORMALS_H

#include "scoregap/family.h"

enum { SG_NORMALS_D = 32 };

typedef struct {
    int d, count;
    bool shared;             /* one covariance for all components */
    bool round;              /* covariances are multiples of the identity */
    const double *variance;  /* [count][d] eigenvalues of the covariances */
    const double *axes;      /* [count][d][d], row e the eigenvector of variance e; NULL when round */
    const double *precision; /* [count][d][d]; NULL when round */
} sg_normals;

/*
 * In one block of memory, for sg_delete.  Round ones have `variance` [count] and covariance NULL; otherwise covariance
 * [count][d][d].  Errors: SG_OUT_OF_RANGE (no components or too many, d not in 1..SG_NORMALS_D, a covariance that is
 * not positive definite), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_normals_new(int d, int count, const double *variance, const double *covariance,
                                       sg_normals **law);

/* Parameters: count - 1 + count d. */
int sg_normals_full(const sg_normals *law);

/* Makes the law the model's own (it is freed with the model, also on failure), and its truth zeros. */
SG_MUST_CHECK sg_status sg_normals_model(sg_model *model, sg_normals *law);

/* "mu2" on the line, "mu2_1" elsewhere, for index 0 .. count d - 1. */
void sg_normals_mean_name(const sg_normals *law, int index, char name[SG_NAME]);

/* Weights in (0, 1) with sum 1, and finite means? */
bool sg_normals_inside(const sg_normals *law, const double *theta);

/* weight [count] */
void sg_normals_weights(const sg_normals *law, const double *theta, double *weight);

/*
 * The jet of log p (normalized) at the points of a block, in d coordinates, or with `heat` in d + 1, the last of which
 * is t >= 0 (sg_family.smooth).  Only what is asked for is computed: members without second derivatives in x take
 * O(K d) a point and parameter.  Nothing is allocated; about 1 MB of stack, of which small d and K touch little.
 */
void sg_normals_jet(const sg_normals *law, const double *theta, const sg_block *block, bool heat, sg_jet *jet);
/* The same by the formulas for any number of components; above, two of one round covariance go their own way. */
void sg_normals_many_jet(const sg_normals *law, const double *theta, const sg_block *block, bool heat, sg_jet *jet);

/* The components of all points first, then their normals, coordinate after coordinate. */
void sg_normals_draw(const sg_normals *law, const double *theta, sg_stream *stream, sg_block *block);

/* sg_family.places and, on the line, landmarks. */
void sg_normals_places(const sg_normals *law, const double *theta, sg_places *places);
void sg_normals_landmarks(const sg_normals *law, const double *theta, sg_landmarks *marks);

/* sg_family.components */
SG_MUST_CHECK sg_status sg_normals_components(const sg_normals *law, const double *theta, sg_components **out);

#endif
