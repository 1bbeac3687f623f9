/*
 * scoregap/bound.h - closed-form bounds on gaps and on asymptotic variances.  Each carries its side in its name.
 * Nothing here includes the spectrum module: where a bound takes a Poincare constant it is an argument, so that "the
 * bound brackets the value" compares independent code.
 */
#ifndef SCOREGAP_BOUND_H
#define SCOREGAP_BOUND_H

#include "scoregap/numeric.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Muckenhoupt (1972), with the balanced split point: B_+(m) = sup_{x>m} P(X>x) int_m^x 1/(D p), B_-(m) its mirror
 * image, at the m with B_+(m) = B_-(m) = B:   B <= C_P <= 4 B.  log_d [n] (NULL: D = 1).  Logs are returned since B may
 * overflow. Also the median form: max(B_+, B_-)/2 <= C_P <= 4 max(B_+, B_-) at the median.  O(16 n) a split point. The
 * quadrature's own error is of relative order 1e-10; values are at nodes (sup over nodes and edges). Errors:
 * SG_NO_MEMORY; SG_NOT_CONVERGED (no balance found).
 */
typedef struct {
    double split;     /* the balanced m */
    double log_lower; /* log B <= log C_P */
    double log_upper; /* log 4B >= log C_P */
    double log_lower_median, log_upper_median;
} sg_muckenhoupt;
SG_MUST_CHECK sg_status sg_bound_muckenhoupt(const sg_panels *panels, const double *log_d, sg_muckenhoupt *out);

/*
 * Cheeger: with h = inf_x sqrt(D) p / min(P, 1-P) (half-lines are the isoperimetric sets on the line), gap >= h^2/4.
 * log_gap_lower = log(h^2/4).  Upper side (Buser's needs curvature, so the test-function form): gap <= the Rayleigh
 * quotient of the best two-step function, log_gap_upper.
 */
typedef struct {
    double h_at, log_h, log_gap_lower, log_gap_upper;
} sg_cheeger;
SG_MUST_CHECK sg_status sg_bound_cheeger(const sg_panels *panels, const double *log_d, sg_cheeger *out);

/* Rayleigh quotient E D f'^2 / Var f of a test function with derivative [n] at the nodes: log of an upper bound on the
 * gap. */
SG_MUST_CHECK sg_status sg_bound_rayleigh_upper(const sg_panels *panels, const double *log_d, const double *f,
                                                const double *derivative, double *log_gap_upper);

/*
 * Chen's dual variational formulas (CHEN), with the positive integral operator
 *     (T g)(x) = 1/(D p)(x) int P(min(x,y)) (1 - P(max(x,y))) g(y) dy:
 * inf T g/g <= C_P <= sup T g/g at the nodes, for g = T^k D^{-1/2}, k < steps: the best of `steps` steps.  D^{-1/2} has
 * finite energy int D p g^2, which the lower side needs.  Of the law on the panels.  O(32 n) logarithms a step;
 * allocates. Errors: SG_OUT_OF_RANGE (steps not in [1, 1000]), SG_REFUSED (D p not positive and finite at a node),
 * SG_NO_MEMORY.
 */
typedef struct {
    double log_lower, log_upper; /* of C_P */
} sg_chen;
SG_MUST_CHECK sg_status sg_bound_chen(const sg_panels *panels, const double *log_d, int steps, sg_chen *out);

/*
 * Bakry and Emery: C_P <= C_LS <= 1/inf V'', V = -log(p sqrt D) in the coordinate dy = dx/sqrt(D), where the infimum is
 * positive.  first, second [n]: derivatives of log p in x at the nodes; slope_d [n]: (log D)', NULL with log_d.  The
 * infimum is over the panels, between nodes by interpolation.  Errors: SG_REFUSED (a derivative is not finite).
 */
typedef struct {
    double curvature, at;      /* inf V'' and where */
    double log_poincare_upper; /* also of C_LS; INFINITY where the hypothesis inf V'' > 0 fails */
} sg_bakry_emery;
SG_MUST_CHECK sg_status sg_bound_bakry_emery(const sg_panels *panels, const double *first, const double *second,
                                             const double *log_d, const double *slope_d, sg_bakry_emery *out);

/*
 * The logarithmic Sobolev constant, Ent f^2 <= 2 C_LS E(f,f), from both sides (Barthe and Roberto, Studia Math. 2003):
 * with m the median and B(c) the larger of sup_{x>m} Q log(1 + c/Q) int_m^x 1/(D p), Q = P(X > x), and its mirror
 * image, B(1/2) <= 2 C_LS <= 4 B(e^2). log_upper = INFINITY does not occur on panels: for tails heavier than Gaussian
 * it grows with the depth of the cut. Errors: SG_NO_MEMORY; SG_REFUSED (D p not positive and finite at a node).
 */
typedef struct {
    double log_lower, log_upper; /* of C_LS */
} sg_log_sobolev_bounds;
SG_MUST_CHECK sg_status sg_bound_log_sobolev(const sg_panels *panels, const double *log_d, sg_log_sobolev_bounds *out);

/*
 * Holley and Stroock (1987): for p ~ q exp(-U), C_P(p) <= exp(sup U - inf U) C_P(q), and the same for C_LS.  Here q is
 * the log-concave law whose potential is the convex envelope of -log p (on the panels), with C_P(q) bounded by
 * Muckenhoupt's and C_LS(q) by Barthe and Roberto's upper side; for log-concave p it is those.  Any D.  Errors: as
 * those, and SG_NOT_INTEGRABLE (the envelope is not resolved by the panels).
 */
typedef struct {
    double oscillation; /* sup U - inf U */
    double log_poincare_upper, log_log_sobolev_upper;
} sg_holley_stroock;
SG_MUST_CHECK sg_status sg_bound_holley_stroock(const sg_panels *panels, const double *log_d, sg_holley_stroock *out);

/*
 * The same on the circle of n nodes (the ends of the panels are one point), against the uniform law: in the coordinate
 * dy = dx/sqrt(D) of length l, C_P and C_LS are at most exp(sup V - inf V) (l/(2 pi))^2, V = -log(p sqrt D).  Errors:
 * SG_REFUSED (D p not positive and finite at a node).
 */
SG_MUST_CHECK sg_status sg_bound_holley_stroock_circle(const sg_panels *panels, const double *log_d,
                                                       sg_holley_stroock *out);

/*
 * How the lower side of sg_bound_log_sobolev grows with the depth -log Q in the tails: the exponent between 1/4, 1/2
 * and 9/10 of the cut, the larger of both ends.  Tails like exp(-|x|^a) have (2 - a)/a, Gaussian ones 0 but for a term
 * that goes away like log(depth)/depth.  `infinite`: the exponent stays away from 0, so that there is no log-Sobolev
 * inequality (an extrapolation of the law seen).  growth = -INFINITY where no end was cut.  Errors: as
 * sg_bound_log_sobolev.
 */
SG_MUST_CHECK sg_status sg_bound_log_sobolev_tail(const sg_panels *panels, const double *log_d, double *growth,
                                                  bool *infinite);

/* -------------------------------------------------- products and mixtures */

/*
 * Tensor products: Var and Ent are at most the sums of the coordinates', so C_P and C_LS of a product (of the sum of
 * the generators) are the largest of its factors' (equality: functions of one coordinate).  log_constant [count].
 */
double sg_bound_product_upper(int count, const double *log_constant);

/*
 * Mixtures p = sum_i w_i p_i, from the components and their overlaps (the decomposition of QR Theorem 5, here with its
 * proof).  Let X_ij = chi^2(p_j || p_i) = Var_{p_i}(p_j/p_i).  For any f with means m_i = E_{p_i} f,
 *     Var_p f = sum w_i Var_{p_i} f + Var_w(m),    (m_i - m_j)^2 = Cov_{p_i}(f, p_j/p_i)^2 <= X_ij Var_{p_i} f,
 * and the same with i and j exchanged.  If conductances Q_ij = Q_ji >= 0 have Var_w(m) <= B sum_{i<j} Q_ij (m_i -
 * m_j)^2 for all m (B the Poincare constant of the chain on the components that jumps at rate Q_ij/w_i), then C_P <=
 * max_i C_i (1 + (B/w_i) sum_j a_ij Q_ij X_ij),   any a_ij = 1 - a_ji in [0, 1], since the energies of one diffusion
 * coefficient add up: sum w_i E_i = E.  Two components (Q_01 = w_0 w_1, B = 1): the best a in closed form.  More: a =
 * 1/2 and the better of Q_ij = w_i w_j/max(X_ij, X_ji) and the same with max(1, .), the chain of Ge, Lee and Risteski
 * (2018), which gives max C_i (1 + B/2) at most; where only one of X_ij and X_ji is finite, it stands in place of the
 * larger, with a = 1 on its side. weight [count], log_poincare [count] of the components under the same D, log_chi2
 * [count][count] row-major: log X_ij. Errors: SG_OUT_OF_RANGE (weights not positive), SG_NO_DIGITS (overlaps too small
 * for the eigenvalues of the chain on the components), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_bound_mixture_upper(int count, const double *weight, const double *log_poincare,
                                               const double *log_chi2, double *log_poincare_upper);
/*
 * log chi^2(p_j || p_i) of normals on R^d with means m [d] and covariances S [d,d], finite iff 2 S_i - S_j is positive
 * definite:
 *     1 + chi^2 = det S_i/sqrt(det S_j det(2 S_i - S_j)) exp((m_i - m_j)' (2 S_i - S_j)^-1 (m_i - m_j)),
 * by the eigenvalues of S_j in the metric of S_i.  INFINITY, and -INFINITY for equal laws.  Errors: SG_OUT_OF_RANGE (a
 * covariance that is not positive definite), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_bound_normals_log_chi2(int d, const double *mean_i, const double *covariance_i,
                                                  const double *mean_j, const double *covariance_j, double *log_chi2);
/*
 * sg_bound_mixture_upper of a mixture of normals on R^d under D = 1: C_P of a normal law is the largest eigenvalue of
 * its covariance.  weight [count], mean [count][d], covariance [count][d][d].  Errors: as those two.
 */
SG_MUST_CHECK sg_status sg_bound_normals_upper(int d, int count, const double *weight, const double *mean,
                                               const double *covariance, double *log_poincare_upper);

/*
 * Tempered Langevin dynamics of such a mixture: the diffusion with D = diag(I, h(beta)) on
 *     p(x, beta) = r(beta) sum_i w_i N(m_i, S_i + lambda beta),   0 <= beta <= beta_max.
 * weight, mean, covariance as in sg_bound_normals_upper; `level`: panels of r in u = log(1 + beta); log_h [level->n]:
 * log h at their nodes.
 */
typedef struct {
    int d, count;
    const double *weight, *mean, *covariance;
    double lambda;
    const sg_panels *level;
    const double *log_h;
} sg_tempered_normals;
/*
 * Its Poincare constant from above, by sg_bound_mixture_upper (QR Theorem 5) with the two parts of QR's proof of
 * Theorem 12 made sharp.  Overlaps: chi^2(p_j || p_i) = int r(beta) chi^2(N_j || N_i) d beta.  Components: let c(beta)
 * be the largest eigenvalue of S_i + lambda beta, k(beta) = (lambda^2/4) tr (S_i + lambda beta)^-1.  Then every C > sup
 * c with
 *     C_P(r, h_C) <= C,   1/h_C = 1/h + k C/(C - c),
 * the constant of the level alone with the diffusion coefficient h_C, is one for the component.  Proof: with g(beta) =
 * E[f | beta], Var f = E Var(f | beta) + Var g; E Var(f | beta) <= E c |grad_x f|^2; g' = E[d_beta f | beta] + q, q =
 * (lambda/2) E[Lap_x f | beta] = (lambda/2) E[grad_x f . (S_i + lambda beta)^-1 (x - m_i) | beta], so q^2 <= k
 * E[|grad_x f|^2 | beta]; and h_C g'^2 <= h (d_beta part)^2 + (C - c)/C q^2/k, so that C_P(r, h_C) E h_C g'^2 <= C E h
 * (d_beta f)^2 + E (C - c) |grad_x f|^2.  The least such C is found to 1e-3 with Chen's upper side (sg_bound_chen).
 * Of the law on the panels.  Cost: some 10 times sg_bound_chen a component of new covariance.  Errors: those of
 * sg_bound_normals_upper and sg_bound_chen.
 */
SG_MUST_CHECK sg_status sg_bound_tempered_upper(const sg_tempered_normals *law, double *log_poincare_upper);
/*
 * The same from four scales, whatever the weights, for QR's design with one covariance, h = 1: lambda_min, lambda_max
 * its least and largest eigenvalues, diameter2 = D^2 the largest squared distance of two means, R = D^2/lambda_min,
 * r ~ exp(-7 R/(1 + beta)) on [0, 14 R - 1].  QR Theorem 12 says that it is polynomial, without constants; this is its
 * chain with the constants of the steps:
 *     C_P <= C (1 + max(1, chi^2)/2)    (QR Theorem 5, of Ge, Lee and Risteski 2018),
 *     chi^2 <= 14 R                     (QR's; in truth <= 2e - 1, since R/(1 + beta) <= log 2e in the mean of exp),
 *     C = (b + sqrt(b^2 - 4 c B))/2,  b = c + B (1 + d lambda_min/4),  c = lambda_max + lambda_min (14 R - 1),
 * the least C above with constant c and k, and B = ((14 R - 1)/pi)^2 for the level alone (QR Lemma 29, corrected: the
 * square; by Payne and Weinberger, since r is log-concave).  Returns the log; NaN unless 14 R > 1, 0 < lambda_min <=
 * lambda_max.
 */
double sg_bound_tempered_scales_upper(int d, double lambda_min, double lambda_max, double diameter2);

/* ------------------------------------------------------------- R^d, d <= 3 */

/*
 * Bounds for D = 1 on R^d, p ~ exp(-V).  They need infima over all of R^d, of which numbers can only be taken in a box:
 * each of the two lower bounds below covers a box with an allowance between the points it looks at, and says what it
 * saw outside.  That allowance is twice the deviation from multilinear interpolation seen at the middles, which is
 * exact by half for quadratic functions and an assumption on others; that nothing lower lies beyond what was seen is
 * another. Symmetric matrices are packed lower triangles, (i,j), j <= i, at i(i+1)/2 + j.
 */
#define SG_BOUND_D 3

/* Hess V at n <= SG_BOUND_POINTS points x[a * n + i]: hessian [d(d+1)/2][n]. */
#define SG_BOUND_POINTS 32
typedef struct {
    const void *context;
    int d;
    void (*hessian)(const void *context, int n, const double *x, double *hessian);
} sg_potential;

/*
 * Bakry and Emery (1985): gap >= 1/C_LS >= inf lmin(Hess V) where that is positive.  By branch and bound on the box
 * [lo, hi] to a relative 1e-3, or as far as 2^15 cells lead (the value is then lower still, `cells` at its most); it
 * stops early where a value <= 0 is seen.  Rounding of the eigenvalues is allowed for.  lmin is concave, so that over a
 * cell it is at least its least value at the corners of an interpolation.
 * Errors: SG_OUT_OF_RANGE (d, box), SG_REFUSED (a derivative is not finite), SG_NO_MEMORY.
 */
typedef struct {
    double curvature;            /* lower bound over the box; -INFINITY where `seen` <= 0 */
    double seen, at[SG_BOUND_D]; /* the least value that was seen in the box, and where */
    double beyond;               /* outside, up to 1000 times as far from the middle; rounding in its favour */
    int cells;
    double log_gap_lower; /* -INFINITY where the hypothesis fails: curvature <= 0, or beyond < curvature */
} sg_convexity;
SG_MUST_CHECK sg_status sg_bound_convexity_lower(const sg_potential *potential, const double *lo, const double *hi,
                                                 sg_convexity *out);

/*
 * Gaps of the conditional laws (Helffer 1998; Ledoux 2001; Otto and Reznikoff 2007, here with constants that depend on
 * x): let g_a(x) be the gap of the law of x_a given the other coordinates, M_aa = g_a, M_ab = d_a d_b V, a != b.  Then
 *     gap >= inf_x lmin(M(x)).
 * Proof: by Bochner's formula E (Lf)^2 = E [sum_ab (d_ab f)^2 + <grad f, Hess V grad f>].  Leave out (d_ab f)^2 >= 0
 * for a != b; for each a, E[(d_aa f)^2 + V_aa (d_a f)^2 | rest] = E[(L_a f)^2 | rest] >= g_a E[(d_a f)^2 | rest], L_a
 * the one-dimensional generator.  So E (Lf)^2 >= E <grad f, M grad f> >= inf lmin(M) E |grad f|^2, which is the claim.
 * It holds in every orthonormal frame; it is exact for products in theirs and for normal laws in any (M = Hess V).
 * M is given at the nodes of a tensor grid, first axis fastest, count[a] >= 3 and odd nodes a direction; cells have 3^d
 * nodes.  log_gap[a]: of lower bounds on g_a, over the nodes of the other axes.  coupling [d(d-1)/2][nodes]: V_21,
 * V_31, V_32.  noise [nodes]: couplings that are not larger are rounding and count as none.  Beside the eigenvalues of
 * M, whose rounding is relative to the largest, lmin(M) >= min g_a (1 - max_a sum_b |M_ab|/sqrt(g_a g_b)), so that
 * products keep their digits at any size of the gap. Errors: SG_OUT_OF_RANGE (d, count), SG_REFUSED (a coupling is not
 * finite).
 */
typedef struct {
    int d, count[SG_BOUND_D];
    const double *log_gap[SG_BOUND_D];
    const double *coupling, *noise;
} sg_conditional_gaps;
typedef struct {
    double log_gap_lower; /* -INFINITY where it is not positive */
    double log_seen;      /* the least log lmin(M) at nodes; -INFINITY where one is not positive */
    double seen;          /* the same, negative values as they are */
    int at;               /* that node */
} sg_conditional_bound;
SG_MUST_CHECK sg_status sg_bound_conditional_lower(const sg_conditional_gaps *gaps, sg_conditional_bound *out);

/*
 * The frame for it: an orthonormal basis, rows of turn [d][d], in which the second derivatives off the diagonal vary
 * least over `count` points (joint diagonalization of Hess V - E Hess V by Jacobi's rotations, in the mean of the
 * weights), and where their variation leaves the choice, in which E Hess V is diagonal.  So a function of one direction
 * plus a quadratic form is turned to that direction.  hessian [d(d+1)/2][count], weight [count] >= 0.
 * Errors: SG_OUT_OF_RANGE (d, count), SG_REFUSED (no weight; a derivative is not finite).
 */
SG_MUST_CHECK sg_status sg_bound_least_coupling(int d, int count, const double *hessian, const double *weight,
                                                double *turn);

/*
 * Rayleigh and Ritz: gap <= least quotient a'Ea / a'Ca over combinations of `count` functions f, E_jk = E <grad f_j,
 * grad f_k>, C = Cov f, [count,count] both.  Coordinates have E = I: gap <= 1/lmax(Cov x).  The best a [count] as well;
 * functions that are combinations of the others to 1e-10 are left out.  The value has the rounding of such a problem:
 * take a, and sum the quotient itself.  Errors: SG_OUT_OF_RANGE (count not in [1, 64]), SG_REFUSED (every function is
 * constant), SG_NOT_CONVERGED.
 */
SG_MUST_CHECK sg_status sg_bound_ritz_upper(int count, const double *energy, const double *covariance, double *a,
                                            double *log_gap_upper);

/*
 * Underdamped Langevin, dX = V dt, dV = -U'(X) dt - g V dt + sqrt(2 g) dB with m <= U'' <= M: real parts of the nonzero
 * eigenvalues are at least min(m/g, g - M/g) where that is positive (after Dalalyan and Riou-Durand 2020).  Proof: two
 * solutions with the same noise differ by (x, v) with v' = -g v - H x, m <= H <= M; for a = v + g x this gives
 * d/dt (a^2 + v^2)/2 = -(H/g) a^2 - (g - H/g) v^2, so gradients of P_t f, and by their density eigenfunctions, fall at
 * that rate.  Log; -INFINITY where it is not positive.
 */
double sg_bound_kinetic_lower(double least_curvature, double largest_curvature, double friction);

/* ------------------------------------------------------------ finite spaces */

/*
 * Sites x in {-1,+1}^n with p ~ exp(sum_{i<j} J_ij x_i x_j + sum h_i x_i).  J [n][n] symmetric (its diagonal is not
 * read), h [n]; NULL: all couplings are `coupling`, all fields `field`, at any n.  The bounds below are for the heat
 * bath in continuous time, each site resampled at rate 1.
 */
typedef struct {
    int n;
    const double *J, *h;
    double coupling, field;
} sg_pairwise;

/*
 * Dobrushin's condition (Wu, Ann. Probab. 2006): gap >= 1 - r, r the spectral radius of the influences c_ij, where
 * flipping x_j moves the conditional law of x_i by at most c_ij in total variation.  Proof: the oscillations d of f
 * obey d(P_t f) <= exp(-t(I - c)) d(f), so an eigenvalue is at least 1 - r.  Here c_ij = (tanh(u + |J_ij|) - tanh(u -
 * |J_ij|))/2 <= tanh |J_ij|, u = max(0, |h_i| - sum_{k != j} |J_ik|) the least field that x_i can feel.  *radius is an
 * upper bound (Collatz and Wielandt); log_gap_lower = -INFINITY where it is 1 or more.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_bound_dobrushin_lower(const sg_pairwise *model, double *radius, double *log_gap_lower);

/*
 * Eldan, Koehler and Zeitouni (PTRF 2022): gap >= 1 - s with s = lmax(J) - lmin(J), J with zero diagonal and p ~
 * exp(x'Jx/2
 * + h'x) (their J is shifted to be positive semidefinite, which changes no law).  log_gap_lower = -INFINITY where s is
 * 1 or more.  Errors: SG_NO_MEMORY, SG_NOT_CONVERGED (eigenvalues).
 */
SG_MUST_CHECK sg_status sg_bound_spectral_lower(const sg_pairwise *model, double *spread, double *log_gap_lower);

/*
 * Under the same condition entropy tensorizes approximately (Anari, Jain, Koehler, Pham and Vuong 2021), Ent f <= C_AT
 * sum_i E Ent_i f with C_AT <= 1/(1 - s); with the constant of a two-point law at every site, C_LS <= C_AT max_i
 * C_2(a_i), a_i the least conditional probability at site i.  Logs; INFINITY where s is 1 or more.
 */
SG_MUST_CHECK sg_status sg_bound_tensorization_upper(const sg_pairwise *model, double *log_tensorization_upper,
                                                     double *log_log_sobolev_upper);

/*
 * Entropy against a product (after Holley and Stroock): with blocks that redraw every site at a total rate of at least
 * `coverage`, any law p > 0 on `sites` sites of q states has
 *     Ent f <= C sum_b w_b E Ent_b f,   C <= exp(sup U - inf U)/coverage,   U = log p/r,  r a product.
 * Proof: Ent_p f = inf_c E_p[f log(f/c) - f + c] <= sup(p/r) Ent_r f; likewise E_r Ent_b f <= sup(r/p) E_p Ent_b f; and
 * for products Shearer's inequality for entropy.  Here log r is the additive part of log p, by means over all states.
 * log_p [q^sites]; *oscillation = sup U - inf U; log_upper = INFINITY where a state is forbidden.  Errors:
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_bound_product_tensorization_upper(int sites, int q, const double *log_p, double coverage,
                                                             double *oscillation, double *log_upper);

/*
 * Canonical paths (Jerrum and Sinclair; Diaconis and Stroock 1991) that flip sites in the order 0 .. n-1, through the
 * cuts between sites < k and >= k of weights c_k = sum_{i < k <= j} |J_ij| (on a ring at most 2|J|):
 *     gap >= 1/(n max_k (exp(4 c_k) + exp(4 c_{k+1}))).
 * Proof: the pairs whose path flips site k of z to z' are those with x_{>=k} = z_{>=k} and y_{<=k} = z'_{<=k}; with the
 * partition functions of the two sides of a cut P(x_{>=k}) P(y_{<k}) <= exp(4 c_k) p(z), P(x_{>k}) P(y_{<=k}) <= exp(4
 * c_{k+1}) p(z'), and the heat bath has 1/flow = 1/p(z) + 1/p(z').
 */
double sg_bound_paths_lower(const sg_pairwise *model);

/* Rate of x -> x^i at u = log p(x^i) - log p(x), reversible: rate(u) = e^u rate(-u).  Of n values. */
typedef void (*sg_bound_rate)(const void *context, int n, const double *log_ratio, double *rate);

/*
 * The same with the congestion A of these paths computed exactly from all states, for single flips of any law and rate:
 * gap >= 1/A, A = max over moves (z, z') of sum_{paths through it} length p(x) p(y) / (p(z) rate(z, z')).  log_p [2^n]
 * up to a constant.  2 <= n <= 16.  O(n^2 2^n).  Errors: SG_OUT_OF_RANGE (n), SG_REFUSED (a state without mass, or
 * below e^-600 of the heaviest), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_bound_congestion_lower(int n, const double *log_p, sg_bound_rate rate, const void *context,
                                                  double *log_gap_lower);

/*
 * From above, test functions on all states: the best sum_i a_i x_i (`log_linear`; its energy is diagonal: sum 2 a_i^2
 * E rate_i), and the best indicator of {sum_i x_i < m} (`log_cut`).  n <= 20, forbidden states allowed.  Errors:
 * SG_OUT_OF_RANGE, SG_NO_MEMORY.  INFINITY where every such function is constant.
 */
typedef struct {
    double log_linear, log_cut; /* of upper bounds on the gap */
} sg_test_functions;
SG_MUST_CHECK sg_status sg_bound_test_functions_upper(int n, const double *log_p, sg_bound_rate rate,
                                                      const void *context, sg_test_functions *out);

/*
 * Blocks of sites resampled given the rest, block K at rate r_K.  For i in K the variance given x_-K is at least the
 * mean of that given x_-i, so its Dirichlet form E_K is at least the average of those E_i of the sites in it: sum_K r_K
 * E_K >= w sum_i E_i,  w = min_i sum_{K with i} r_K/|K|, and a lower bound on the gap of the single-site heat bath
 * (rate 1 a site) times w is one for the blocks; returns log w. From above: E_K f <= Var f, and 0 for functions of
 * sites outside K, so that gap <= min_i sum_{K with i} r_K; its log in *log_gap_upper.  Bit i of mask [count] is site i
 * < n <= 32.
 */
double sg_bound_blocks(int n, int count, const uint32_t *mask, const double *rate, double *log_gap_upper);

/*
 * Two-point law (a, 1-a), L f = E f - f: C_2 = log((1-a)/a)/(2(1-2a)) is its C_LS (Diaconis and Saloff-Coste 1996);
 * returns log C_2 from log a, a <= 1/2.
 */
double sg_bound_two_point(double log_a);

/*
 * Diaconis and Saloff-Coste (1996), Corollary A.4: on a finite set C_LS <= C_2(pi_min) C_P, pi_min <= 1/2 the least
 * mass of a state.
 */
double sg_bound_least_mass_upper(double log_pi_min, double log_poincare_upper);

/*
 * Kantorovich (Marshall and Olkin 1990): Gamma <= (lmin + lmax)^2/(4 lmin lmax) Gamma_MLE with the ends of the spectrum
 * of -L on the cyclic subspace of the scores.  Returns the factor; INFINITY for lmax = INFINITY (diffusions).
 */
double sg_bound_kantorovich_upper(double lambda_min, double lambda_max);
/*
 * One random block K a datum (LI): psi = E[S | x_-K] - S is a projection of S, so that E psi psi^T = E(S, S) = H, Gamma
 * = H^-1 <= Gamma_MLE/gap, the gap that of the averaged dynamics with the blocks' probabilities as rates. Kantorovich's
 * factor, which refers to averaged blocks, may be exceeded.  Returns 1/gap.
 */
double sg_bound_random_blocks_upper(double gap);

/*
 * The chain of KHR Theorem 2, step by step, all in operator norm (L2 -> L2 of m x m):
 *   norm_gamma <= step_inverse   = ||H^-1||^2 ||Cov psi||
 *              <= step_poincare  = C^2 ||Gamma_MLE||^2 ||Cov psi||
 *              <= step_split     = k C^2 ||Gamma_MLE||^2 (||Cov(JF D s)|| + ||Cov(D Delta F)|| [+ ||Cov(grad D . grad
 * F)||])
 *              <= bound          = k C^2 ||Gamma_MLE||^2 (E||JF||^2 D^2 |s|^2 + E|D Delta F|^2 [+ E|JF grad D|^2])
 * k = 2 for constant D (KHR Theorem 2), 3 when D varies (QR Theorem 6, corrected).  C is C_res or C_P: two chains.
 * With a base measure h the drift term takes s in place of JF theta (the base counts as a statistic with coefficient
 * 1).
 */
typedef struct {
    double norm_gamma, norm_gamma_mle, norm_h_inverse, norm_cov_psi; /* inputs of the chain */
    double norm_cov_drift, norm_cov_laplacian, norm_cov_divergence;  /* the split */
    double mean_drift, mean_laplacian, mean_divergence;              /* the displayed expectations */
    bool varying;                                                    /* D varies */
} sg_khr_terms;
typedef struct {
    double step_inverse, step_poincare, step_split, bound;
} sg_khr_chain;
void sg_bound_khr_upper(const sg_khr_terms *terms, double poincare_or_restricted, sg_khr_chain *out);

#ifdef __cplusplus
}
#endif
#endif
