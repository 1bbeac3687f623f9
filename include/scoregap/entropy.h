/*
 * scoregap/entropy.h - constants of inequalities for entropy, numerically.  The logarithmic Sobolev constant:
 *     C_LS = sup_f Ent(f^2)/(2 E(f,f)),      Ent g = E g log g - E g log E g,      C_P <= C_LS,
 * E the Dirichlet form of the generator.  Near constants the quotient tends to that of C_P.  A maximizer that is not
 * constant solves -C L f = f log f with E f^2 = 1, and on a chain of two states exchanges the two masses.
 *
 * Any f gives a lower side; sides from above are closed forms (bound.h).  The value is what the ascent has found: a
 * lower bound that several starts and two bases agree on, not a proof that there is nothing larger.
 */
#ifndef SCOREGAP_ENTROPY_H
#define SCOREGAP_ENTROPY_H

#include "scoregap/chain.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double log_value;   /* log C_LS: the largest quotient found; INFINITY where there is no inequality */
    double log_lower;   /* proved but for quadrature: log_value less the errors of the energy */
    double log_upper;   /* INFINITY until a bound from above is known */
    double ratio;       /* C_LS/C_P of the same function space, >= 1 */
    double change;      /* relative, between the last two bases; 0 for a complete one */
    double share;       /* Var f/E f^2 of the maximizer: 0 when it is the limit at constants */
    int basis;          /* functions */
    int iterations;     /* of all ascents */
    const char *method; /* "Galerkin on eigenfunctions", ... */
    const char *upper;  /* name of the bound in log_upper; NULL */
    sg_status status;   /* SG_OK; SG_UNCERTIFIED: the value still changes by more than 1e-6 between bases;
                           SG_NOT_ATTAINED: no log-Sobolev inequality; SG_UNDERFLOW: no eigenfunctions */
    char message[256];
} sg_log_sobolev;

/*
 * On the line: Galerkin on the constant and the first 8, 16, ... `most` eigenfunctions of sg_line_spectrum (most 0:
 * 64), quasi-Newton ascent (BFGS) in coordinates in which the energy is the Euclidean norm, from starts along the
 * slowest modes at all amplitudes and from exponentials of x.  Of the law cut at the ends of the panels.  About 100 ms;
 * allocates. Errors: those of sg_line_spectrum (but SG_UNDERFLOW, which is a status here), SG_OUT_OF_RANGE (most not in
 * [8, 512]).
 */
SG_MUST_CHECK sg_status sg_line_log_sobolev(const sg_panels *panels, const double *log_d, int most,
                                            sg_log_sobolev *out);

/* The same on the circle, on the eigenfunctions of sg_circle_spectrum. */
SG_MUST_CHECK sg_status sg_circle_log_sobolev(const sg_panels *panels, const double *log_d, int most,
                                              sg_log_sobolev *out);

/*
 * On a reversible chain of at most 512 states: the same on all its eigenfunctions, from the slowest modes and from
 * indicators of the lightest states; the quotient of the maximizer is then formed from its differences along the edges.
 * O(n^2) an evaluation.  Errors: SG_OUT_OF_RANGE, SG_REFUSED (not reversible, reducible), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_chain_log_sobolev(const sg_chain *chain, sg_log_sobolev *out);

/*
 * Approximate tensorization of entropy: the least C with
 *     Ent f <= C sum_b w_b E Ent_b f   for all f >= 0,   Ent_b f the entropy of f given the sites outside block b.
 * Blocks of one site at rate 1: C_AT, for which KL(p, q) <= C_AT(q) sum_i E_p KL(p(.|x_-i) || q(.|x_-i)).  Products
 * have C_AT = 1; with k-subsets at rate 1/(n choose k) they have n/k.  At f = 1 + eps phi both sides are variances, so
 * C_P <= C with C_P of drawing the blocks afresh at these rates; and C <= 2 C_LS, since Var_b sqrt f <= Ent_b f.
 */
typedef struct {
    double log_value; /* log C: the largest quotient found; INFINITY where the blocks do not connect the states */
    double log_lower; /* proved: log_value less rounding */
    double log_upper; /* INFINITY until a bound from above is known */
    double ratio;     /* C/C_P, >= 1 */
    double share;     /* Var sqrt f/E f of the maximizer: 0 when it is the limit at constants */
    int states;       /* without those that are forbidden */
    int iterations;   /* of all ascents */
    const char *method;
    const char *upper; /* name of the bound in log_upper; NULL */
    sg_status status;
    char message[256];
} sg_tensorization;

/*
 * Of a law on sites with q states each by its log p [q^sites] (up to a constant; -INFINITY: forbidden).  mask [blocks]:
 * bit i is site i; rate [blocks] > 0; both NULL: one block for each site, at rate 1.  Ascent from f along the slowest
 * modes at all amplitudes and from f on single states; each step maximizes a minorant of Ent f - C sum_b w_b E Ent_b f
 * at the present quotient C, so that quotients never fall: with F = E_b f, convexity of z log z gives the maximum
 *     log f = C/(C W - 1) sum_b w_b log F_b,   W = sum_b w_b;   steps are extrapolated by Anderson's method.
 * log_f [q^sites] (may be NULL) gets the log of the best f, zeros where that is the limit at constants.
 * O(blocks q^sites) a step; allocates.  Errors: SG_OUT_OF_RANGE (more than 2^10 states, more than 2^18 pairs of a block
 * and a state, a rate that is not positive), SG_REFUSED (a state below e^-600 of the heaviest), SG_NOT_CONVERGED
 * (modes), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_law_tensorization(int sites, int q, const double *log_p, int blocks, const uint32_t *mask,
                                             const double *rate, double *log_f, sg_tensorization *out);

#ifdef __cplusplus
}
#endif
#endif
