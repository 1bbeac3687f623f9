/*
 * Rules on [-1, 1]: Gauss points, and nodes for polynomials under a weight.
 */
#ifndef SG_SPECTRUM_RULES_H
#define SG_SPECTRUM_RULES_H

enum { SG_ORDER = 24, SG_POINTS = 64 }; /* highest degree of an element; most Gauss points along its side */

/* Gauss-Legendre points, ascending, and weights, to rounding for any n. */
void sg_gauss_fill(int n, double *point, double *weight);

/* P_0 .. P_(n-1) at t */
void sg_legendre_fill(int n, double t, double *p);

/*
 * order + 1 ascending nodes, the ends among them, whose Vandermonde determinant in the space with the weight exp(log_w)
 * is about the largest that the given points allow (Fekete points): where the weight falls by e^40 along the element,
 * the Lagrange polynomials, each scaled to norm one, still have a Gram matrix of condition about 10, which is 1e12 for
 * Gauss-Lobatto nodes.  points >= order + 1.
 */
void sg_fekete_fill(int order, int points, const double *point, const double *log_w, double *node);

/* value [points][order + 1] and slope of the Lagrange polynomials. */
void sg_lagrange_fill(int order, const double *node, int points, const double *point, double *value, double *slope);

#endif
