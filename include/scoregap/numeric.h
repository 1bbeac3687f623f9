/*
 * scoregap/numeric.h - quadrature panels on the line, small dense linear algebra, Newton's method, and moments with
 * their Monte Carlo standard errors.
 *
 * Nothing here knows a family, a loss or a generator: a density comes in as a function of x.
 */
#ifndef SCOREGAP_NUMERIC_H
#define SCOREGAP_NUMERIC_H

#include "scoregap/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ panels */

#define SG_PANEL_ORDER 16 /* Gauss-Legendre nodes a panel */

/*
 * What panels are built for: an unnormalized log density on an interval, and further functions (statistics and
 * their derivatives) whose products with the density are to be integrated.
 */
typedef struct {
    const void *context;
    /*
     * Fills logq [n] (log density up to a constant) and test [tests][n] (row t at test + t*n) at the points x [n].
     * n <= 256 in every call.
     */
    void (*evaluate)(const void *context, int n, const double *x, double *logq, double *test);
    int tests;
    double lo, hi;          /* support; -INFINITY and INFINITY for the line */
    int landmarks;          /* places where something happens that a coarse search could miss: modes, barriers, jumps */
    const double *landmark; /* [landmarks] */
    const double *scale;    /* [landmarks] the width over which it happens, > 0 */
} sg_density;

/*
 * Composite Gauss-Legendre grid, panels graded so that log p changes by a few units at most across one.  Immutable
 * after it is made, shared by threads.  All arrays [n] unless it says otherwise, n = count * SG_PANEL_ORDER.
 */
typedef struct sg_panels {
    int count, n;
    const double *edge;              /* [count + 1] */
    const double *x;                 /* nodes, ascending */
    const double *weight;            /* Lebesgue weights: sum_i weight_i f(x_i) = int f dx */
    const double *logp;              /* normalized log density, log q - log_z */
    const double *mass;              /* weight_i exp(logp_i); sums to 1 */
    const double *log_below;         /* log P(X <= x_i), relative accuracy in the left tail */
    const double *log_above;         /* log P(X > x_i), relative accuracy in the right tail */
    const double *edge_below;        /* [count + 1] log P(X <= edge); -INFINITY at the first */
    const double *edge_above;        /* [count + 1] log P(X > edge); -INFINITY at the last */
    double log_z;                    /* log int exp(log q) dx over [edge_0, edge_count] */
    double log_tail_lo, log_tail_hi; /* estimated log of the mass cut off at either end; -INFINITY at a finite end */
    double error;                    /* estimated relative error of the integrals of the tests against p */
    int level;                       /* how often every panel was halved after the adaptive refinement */
} sg_panels;

/*
 * Builds panels for `density`.
 *
 * The cut: outwards of the modes until log q lies `depth` below its maximum (and below its lowest interior barrier
 * by 60 more: deep wells stay inside).  Refinement: a panel is halved while log q changes by more than 3 across it,
 * or while the Legendre coefficients of exp(log q - local maximum) and of the tests on it have not decayed to `tol` of
 * their size (tests: relative to the largest value of |test| sqrt(p) over the grid, so that a panel without mass is not
 * refined for them). `level` >= 0 halves every panel that many times afterwards, for error estimates by comparison.
 *
 * tol: relative, 1e-15 <= tol; 1e-13 is usual.  depth: natural-log units, 200 is usual (mass e^-200 is cut).
 * Cost: about 20 evaluations of 16 points a panel kept; a smooth unimodal law has 60-150 panels at depth 200.
 * Errors: SG_NOT_INTEGRABLE (log q does not fall below the cut within |x| <= 1e100, or is not finite in the
 * interior), SG_NOT_CONVERGED (more than 20000 panels), SG_NO_MEMORY.  Allocates.
 */
SG_MUST_CHECK sg_status sg_panels_new(const sg_density *density, double tol, double depth, int level,
                                      sg_panels **panels);
void sg_panels_delete(sg_panels *panels);

/*
 * The same nodes with another density, given by its unnormalized log q [n] at the nodes: `into` was made by
 * sg_panels_copy of the same panels and is overwritten; nothing is allocated.  For a parameter that moves a little
 * (pilots, Newton steps on the log-partition function).  Errors: SG_NOT_INTEGRABLE when the density does not fall off
 * inside the panels (more than 1e-12 of the mass estimated beyond an infinite end) or is not resolved by them (log q
 * changes by more than 8 across a panel that holds more than 1e-14 of the mass).
 */
SG_MUST_CHECK sg_status sg_panels_copy(const sg_panels *panels, sg_panels **copy);
SG_MUST_CHECK sg_status sg_panels_reweight(const sg_panels *panels, const double *logq, sg_panels *into);

/*
 * Running integrals at the nodes: F_i = int_{edge_0}^{x_i} f, or from x_i to the right end.  Exact for f that is a
 * polynomial of degree < SG_PANEL_ORDER on each panel.  O(16 n), vectorized, no allocation, f and F may not overlap.
 * `edges` [count + 1], if not NULL, gets the integral at the panel edges.
 */
void sg_panels_from_left(const sg_panels *panels, const double *f, double *F, double *edges);
void sg_panels_from_right(const sg_panels *panels, const double *f, double *F, double *edges);

/* The same over one panel of the unit half-length: left_i = int_{-1}^{t_i}, with the constant matrix; for solvers that
 * scale panel by panel. */
void sg_panel_unit_left(const double f[SG_PANEL_ORDER], double F[SG_PANEL_ORDER], double *total);
void sg_panel_unit_right(const double f[SG_PANEL_ORDER], double F[SG_PANEL_ORDER], double *total);

/*
 * Interpolation at arbitrary points: panel of x by bisection (clamped to the first and last), then Legendre sum of
 * degree 15. sg_panels_coefficients fills c [n] with the Legendre coefficients of f panel by panel;
 * sg_panels_interpolate evaluates.
 */
void sg_panels_coefficients(const sg_panels *panels, const double *f, double *c);
void sg_panels_interpolate(const sg_panels *panels, const double *c, int count, const double *x, double *f);

/* E_p f = sum mass_i f_i, compensated. */
double sg_panels_mean(const sg_panels *panels, const double *f);

/* -------------------------------------------------------- cubature in R^d */

#define SG_CUBATURE_AXES 3

/* The same in several dimensions.  Axis a of point i is x[a * 256 + i]; of n points, n <= 256. */
typedef struct {
    const void *context;
    void (*evaluate)(const void *context, int n, const double *x, double *logq, double *test);
    int d, tests;          /* 1 <= d <= SG_CUBATURE_AXES; test t of point i at test[t * 256 + i] */
    const double *lo, *hi; /* [d] support, may be infinite */
    int places;            /* where a coarse search could miss something: modes, barriers; at least one */
    const double *place;   /* [places][d] */
    const double *scale;   /* [places][d] widths along the axes, > 0 */
    int breaks;            /* places where the integrand is not smooth: boxes end there */
    const double *at;      /* [breaks] ascending, along the first axis */
    bool every_axis;       /* along every axis, and the law is smooth across them */
} sg_density_space;

/*
 * Points and masses with sum_i mass_i f(x_i) = E f: Gauss-Legendre rules (10 points an axis, 7 in three dimensions) on
 * boxes that are halved along all axes until the integrals of q and of q test^2 over a box agree with those over its
 * parts.  Immutable after it is made.
 */
typedef struct {
    int d, level;
    long long n;
    const double *x;    /* [d][n] */
    const double *mass; /* [n], sums to 1 */
    const double *logp; /* [n] normalized */
    double log_z;
    double error; /* sum over the boxes of what halving them changed, the largest over the tests, relative */
} sg_cubature;

/*
 * `depth`: natural-log units below the highest log q at which the law is cut, 60 is usual; an infinite axis is cut
 * where log q lies so deep on regular samples of the faces.  `tol`: relative change of an integral that one box may
 * leave. `level` halves every box that many times afterwards, for error estimates by comparison. Cost: normal laws 2e4
 * points in the plane; about twice as many evaluations.  Errors: SG_OUT_OF_RANGE (d), SG_NOT_INTEGRABLE (log q NaN or
 * +infinity, or it does not fall by `depth` within 1e100), SG_NOT_CONVERGED (more than 2^24 points: the law is too
 * narrow or too rough), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_cubature_new(const sg_density_space *density, double tol, double depth, int level,
                                        sg_cubature **cubature);
void sg_cubature_delete(sg_cubature *cubature);

/* A density on the unit sphere of R^d, with respect to its surface. */
typedef struct {
    const void *context;
    /* x [d][256] unit vectors, otherwise as above */
    void (*evaluate)(const void *context, int n, const double *x, double *logq, double *test);
    int d, tests;
    const double *axes; /* [d,d] an orthonormal frame, one axis a row: modes and rings lie on axes and between them */
    double sharp;       /* about the largest second derivative of log q along the sphere */
    bool axial;         /* q depends on the coordinate along the last axis alone */
} sg_density_sphere;

/*
 * Points on the sphere (x [d][n]) and masses.  Cut at depth 60; tol is 1e-15, and the rounding of log q, about
 * 2e-16 sharp.
 *
 * d = 2 or 3: the cube around the sphere, in the frame, its faces in equiangular coordinates, by
 * sg_cubature_new: 2e3 points for a smooth law on S^2, any sharp.  Axial, d >= 4: a rule in the polar angle,
 * adaptive like that, times a rule of positive weights on the sphere across that is exact for polynomials of degree 5
 * in the coordinates across the last axis: 2 (d-1) points on the axes and the corners of a cube, of which an orthogonal
 * array of strength 5 from a code of Bose, Chaudhuri and Hocquenghem is enough (Stroud 1971, U_n; d = 10: 274 points).
 * Exact for products of up to five functions that are linear across, and of no use for other integrands. Errors:
 * SG_OUT_OF_RANGE (d), those of sg_cubature_new.
 */
SG_MUST_CHECK sg_status sg_cubature_sphere(const sg_density_sphere *density, int level, sg_cubature **cubature);

/* ------------------------------------------------ inverse distribution table */

/*
 * Monotone table of the inverse distribution function: 8192 cells uniform in u, a cubic in each; cells where the
 * cubic's error in the distribution function exceeds the bound, or that it would make decrease (tails, barriers), are
 * marked and solved exactly (bisection-safeguarded Newton on the panels, in the tail that keeps relative accuracy). max
 * |F(table(u)) - u| <= `error`, measured when it is made at 7 points of every cell and below 1e-9; strictly increasing.
 * Immutable, shared by threads.
 */
typedef struct sg_inverse sg_inverse;
SG_MUST_CHECK sg_status sg_inverse_new(const sg_panels *panels, sg_inverse **inverse);
void sg_inverse_delete(sg_inverse *inverse);
double sg_inverse_error(const sg_inverse *inverse);
double sg_inverse_exact_share(const sg_inverse *inverse); /* share of cells solved exactly */
/* x_i = F^-1(u_i), u in (0,1).  In the hot loop: vectorized gathers, a few ns a point; no allocation. */
void sg_inverse_draw(const sg_inverse *inverse, size_t n, const double *u, double *x);
/* Distribution function at any x from the panels: *below = P(X <= x), *above = P(X > x). */
void sg_panels_distribution(const sg_panels *panels, double x, double *below, double *above);

/* ---------------------------------------------------- dense linear algebra */

/* Small matrices are column-major, a[i + j*rows].  m below is the number of parameters. */

/*
 * Triangular factor of a tall matrix with badly scaled rows: A [rows][m] is overwritten.  Rows are sorted by their
 * largest entry, columns are pivoted, then Householder QR (row-wise backward stable: Powell and Reid 1969, Cox and
 * Higham 1998).  On return  A = Q R P^T  and `factor` [m,m] = R P^T (square, not triangular after the permutation), so
 * A^T A = factor^T factor. `work` holds at least sg_qr_work(rows, m) doubles.  Needs rows >= m; no allocation; O(rows
 * m^2).
 */
size_t sg_qr_work(int rows, int m);
SG_MUST_CHECK sg_status sg_qr_factor(int rows, int m, double *a, double *factor, double *work);

/*
 * x = factor^-1 by pivoted elimination of the m x m factor (columns first scaled).  Errors: SG_SINGULAR, when the
 * estimated condition after column scaling exceeds 1e15; the message gives the condition.
 */
SG_MUST_CHECK sg_status sg_invert(int m, const double *a, double *inverse, double *condition);

/* Singular values of an m x m matrix, descending, by one-sided Jacobi (relative accuracy for scaled columns).  No
 * allocation for m <= 64. */
SG_MUST_CHECK sg_status sg_singular_values(int m, const double *a, double *values, double *right_vectors);

/* Symmetric eigenproblem m x m, ascending values, vectors in columns (may be NULL). */
SG_MUST_CHECK sg_status sg_symmetric_eigen(int m, const double *a, double *values, double *vectors);

/* c = a b, c = a^T b, c = a b^T for m x m (c distinct). */
void sg_multiply(int m, const double *a, const double *b, double *c);
void sg_multiply_tn(int m, const double *a, const double *b, double *c);
void sg_multiply_nt(int m, const double *a, const double *b, double *c);

/* Largest singular value of an m x m matrix (the norm of oracles and bounds). */
double sg_norm2(int m, const double *a);

/* ------------------------------------------------------------ Newton method */

/*
 * Minimizes a smooth function of m variables.  `evaluate` fills value, gradient [m] and hessian [m,m] at theta (NULL:
 * not wanted) and may refuse a point outside the domain with SG_NOT_INTEGRABLE (the step is then shortened). Convex or
 * not: eigenvalues of the Hessian are replaced by their absolute values with a floor, then backtracking (Armijo 1e-4)
 * and a trust radius.  Converged when every component of the Newton step is below `tol` (variables are scaled so that 1
 * is natural). Theta in/out.  Errors: SG_NOT_CONVERGED after `most` iterations, SG_SINGULAR (the smallest |eigenvalue|
 * below 1e-13 of the largest), or what evaluate returned at the start.  `work`: sg_newton_work(m) doubles, which
 * hold on return the inverse [m,m] of the last Hessian (as modified), and behind it the last step [m].  No allocation.
 */
typedef sg_status (*sg_objective)(void *context, const double *theta, double *value, double *gradient, double *hessian);
typedef struct {
    double tol;    /* 1e-11 */
    int most;      /* 100 */
    double radius; /* initial trust radius, 10 */
    bool root;     /* find the zero of the gradient without a value (estimating equations without a potential) */
    bool quasi;    /* `hessian` is only near the Hessian, and positive semidefinite: convergence is linear, and near the
                      end, where differences of the value drown in rounding, any contraction of the step is good enough */
} sg_newton_settings;
size_t sg_newton_work(int m);
SG_MUST_CHECK sg_status sg_newton(int m, sg_objective evaluate, void *context, const sg_newton_settings *settings,
                                  double *theta, int *iterations, double *work);

/* --------------------------------------------------------------------- cones */

/*
 * Of a finite set of vectors a [m]: is there a direction d with a.d <= 0 for all of them and a.d < 0 for some?  There
 * is none exactly when positive weights make them sum to zero (Stiemke 1915), and d is what nonnegative least squares
 * leaves of -sum (Lawson and Hanson 1974, chapter 23): the rest has a.rest <= 0 for every a, and sum.rest = -|rest|^2.
 *
 * `sum` [m]: a sum of all vectors with positive weights.  `support` fills vector [m] with one of them, or with a sum of
 * some, that grows along the direction [m], if any does: a.direction > 0.  *found, and d [m] of unit length.  A vector
 * at less than 1e-10 to the plane across d counts as lying in it.  Where *found is false d is lost; rounding may leave
 * sets undecided that are that near to having one.  About 2 m calls of support; allocates 2 m^2 doubles.  Errors:
 * SG_NO_MEMORY, those of support.
 */
typedef sg_status (*sg_cone_support)(void *context, const double *direction, double *vector);
SG_MUST_CHECK sg_status sg_cone_direction(int m, const double *sum, sg_cone_support support, void *context,
                                          double *direction, bool *found);

/* ------------------------------------------------- moments and their errors */

/*
 * Over `count` replicates of estimates theta [count][m] (row-major, replicate r at theta + r*m; rows with use[r] == 0
 * are left out): mean and n*covariance with Monte Carlo standard errors. bias_r  = mean - truth,      se sqrt(var / R)
 * (Morris, White, Crowther 2019, Table 6) cov_jk  = sum (t_j - mean)(t_k - mean)/(R-1),  se by the delete-one jackknife
 * over replicates, in closed form from fourth moments All in fixed order (bit-identical for any number of threads).
 */
typedef struct {
    int count;                          /* replicates used */
    double *mean;                       /* [m] */
    double *bias, *bias_se;             /* [m] */
    double *covariance, *covariance_se; /* [m,m] */
} sg_moments;                           /* arrays belong to the caller */
SG_MUST_CHECK sg_status sg_moments_of(int count, int m, const double *theta, const uint8_t *use, const double *truth,
                                      sg_moments *out);

/* Share k/count with its binomial standard error sqrt(p(1-p)/count). */
void sg_share(int k, int count, double *share, double *se);

/*
 * Integrated autocorrelation time 1 + 2 sum_k rho_k of `chains` stationary series of `length` numbers, x
 * [length][chains]: n numbers of one of them are worth n over this time as many independent ones.  Correlations are
 * about the mean of all chains, so that chains which stay apart count as correlated; the sum ends as Geyer's initial
 * monotone sequence does (1992, section 3.3).  1 for constants; INFINITY where it has not ended within the series.
 * O(chains length^2).
 */
double sg_autocorrelation_time(int chains, int length, const double *x);

/*
 * Quantiles (type 7 of Hyndman and Fan) of n values at `probs`; NaNs must have been removed; +inf is allowed and sorts
 * last. x is sorted in place.
 */
void sg_quantiles(int n, double *x, int count, const double *probs, double *out);

#ifdef __cplusplus
}
#endif
#endif
