/*
 * Laws on R^d that are round about a line: mixtures of normals of one variance in all directions whose means lie on the
 * line, of which the free parameters move weights, and means along the line, alone.  With x = origin + u axis + y, y at
 * right angles to the axis, log p is a function of u less |y|^2/(2 variance), the statistics of the free parameters are
 * functions of u, and the same holds of the law with noise added.  So L S of a generator to which all directions are
 * alike is a function of u for those of x alone, and of the first degree in |y|^2 where it acts on the noise level too
 * (d log p_t/dt has |y|^2): products of two of them, and of their means over noise, are of the second degree.
 */
#ifndef SG_FAMILY_ROUND_H
#define SG_FAMILY_ROUND_H

#include "family/normals.h"

typedef struct {
    int d, count;
    double variance;
    double origin[SG_NORMALS_D], axis[SG_NORMALS_D]; /* unit vector */
    double across[2][SG_NORMALS_D];                  /* orthonormal, across the line; the second from d = 3 on */
    double weight[SG_COMPONENTS], place[SG_COMPONENTS];
} sg_round;

/* d = 0: the model at theta is not round about a line, or d = 1.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_round_of(const sg_model *model, const double *theta, sg_round *round);

/*
 * A rule for E f(|y + s Y|^2), Y standard normal in n >= 1 dimensions, exact for any y and s and polynomials f of
 * degree up to 2: points along y by `along` and at right angles to y by `beside` (0 where n = 1), of the masses `mass`,
 * which sum to 1.  With a the part of Y along y and q = |Y|^2, |y + s Y|^2 = |y|^2 + 2 s |y| a + s^2 q, so that E a = E
 * aq = 0, E a^2 = 1, E q = n and E q^2 = n^2 + 2n are what it takes: a = +-3^1/2, q = n + 2 n^1/2 of mass 1/6 each, and
 * a = 0, q = n - n^1/2 (n = 1: the Hermite rule of three points).  At y = 0 the first, of twice the mass, and the last
 * are enough.
 */
enum { SG_ROUND_POINTS = 3 };
typedef struct {
    double along[SG_ROUND_POINTS], beside[SG_ROUND_POINTS], mass[SG_ROUND_POINTS];
} sg_round_rule;
sg_round_rule sg_round_rule_of(int n);

/*
 * Nodes for such laws, for functions of u and |y|^2, exact up to the second degree in |y|^2: those of panels along the
 * line, cut at e^-depth, at two values of |y| each (nodes->line has the panels).  *nodes NULL: the law is not round.
 * Errors: those of sg_model_panels_deep.
 */
SG_MUST_CHECK sg_status sg_nodes_round(const sg_model *model, const double *theta, double depth, int level,
                                       sg_nodes **nodes);

#endif
