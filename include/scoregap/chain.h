/*
 * scoregap/chain.h - spectra of Markov processes on finite sets, in continuous time.
 *
 * A reversible generator L with stationary law pi is treated through its symmetric form
 *     A = -pi^{1/2} L pi^{-1/2},      A s = 0 for s = pi^{1/2},
 * whose nonzero eigenvalues are those of -L; the gap is the smallest of them on the states of positive mass.
 */
#ifndef SCOREGAP_CHAIN_H
#define SCOREGAP_CHAIN_H

#include "scoregap/spectrum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- birth-death */

/*
 * Chain on 0 .. n-1 (n >= 2) by the logs of its rates: log_up[k] of k -> k+1, log_down[k] of k+1 -> k, k < n-1, all
 * finite.  Its stationary law follows by detailed balance.
 */
typedef struct {
    int n;
    const double *log_up, *log_down;
} sg_birth_death;

/*
 * Gap with relative accuracy at any size: for g_k = f_{k+1} - f_k the discrete analogue of sg_line_gap's operator is
 * positive,
 *     (T g)_k = (1/(pi_k b_k)) sum_j P(min(j,k)) Q(max(j,k)) g_j,   P(k) = pi(0..k), Q(k) = pi(k+1..), b_k the rate up,
 * and 1/gap is its largest eigenvalue (CHEN; Miclo 1999): Collatz-Wielandt quotients enclose it.  All sums are of
 * positive terms and all numbers have an exponent of their own, so nothing over- or underflows.  Where power steps
 * converge slowly, the vector comes from bisection with Sturm counts and T encloses it.  The enclosure contains the
 * rounding, about 1e-15 n relative.  O(n) a step; no matrix.  out->status as in spectrum.h (SG_UNDERFLOW: log10_gap
 * only).  Errors: SG_OUT_OF_RANGE (n < 2, a rate that is not positive and finite), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_birth_death_gap(const sg_birth_death *chain, sg_gap *out);

/*
 * All n-1 nonzero eigenvalues, ascending, in logs [n-1], each to relative accuracy: A = B^T B with B (n-1) x n
 * bidiagonal, entries sqrt(rates), brought to a square bidiagonal matrix without subtraction, whose singular values
 * LAPACK's dbdsqr finds with relative accuracy (Demmel and Kahan 1990; dlasq1 would square the data and underflow);
 * those beyond the range of doubles by bisection.  `function` [count][n], if not NULL, gets the first `count`
 * eigenfunctions (E phi = 0, E phi^2 = 1, positive at n-1) by twisted factorization from both ends; functions of
 * eigenvalues that agree to 1e-5 or better (wells that do not see one another) are made orthogonal.  O(n^2). Errors:
 * SG_OUT_OF_RANGE, SG_NOT_CONVERGED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_birth_death_spectrum(const sg_birth_death *chain, double *log_value, int count,
                                                double *function);
/* log pi_k [n], normalized. */
SG_MUST_CHECK sg_status sg_birth_death_law(const sg_birth_death *chain, double *log_pi);

/* --------------------------------------------------------------- hypercube */

/*
 * Conditional resampling of blocks of sites on {0,1}^n (spins: bit i set means x_i = +1):
 *     L f = sum_b weight_b (E[f | x outside block b] - f).
 * Glauber: the n single sites, weights 1.  Masks: all k-subsets, weights 1/C(n,k).  log_p [2^n] unnormalized,
 * -INFINITY where forbidden.
 */
typedef struct {
    int n, blocks;
    const uint32_t *block; /* [blocks] masks of bits */
    const double *weight;  /* [blocks] */
    const double *log_p;   /* [2^n] */
} sg_cube;

/* Single flips at rate rate(log p(x^i) - log p(x)), reversible: rate(u) = e^u rate(-u).  Vectorized over n values. */
typedef void (*sg_flip_rate)(const void *context, int n, const double *log_ratio, double *rate);

/*
 * The first `count` nonzero eigenvalues of -L, ascending, as often as they are multiple: |value - an eigenvalue| <=
 * error, the computed residual and a bound of rounding.
 */
typedef struct {
    int count;
    double *value, *error;
    double largest;     /* top of the spectrum of -L: largest Ritz value and its residual, at most the sum of weights */
    long long products; /* matrix-vector products */
    size_t bytes;       /* memory that the vectors took */
    double *vector;     /* [2^n] eigenfunction f of the gap, E f = 0, E f^2 = 1, accurate in L2(p), 0 where p is; NULL
                           when the gap comes from the dense solver */
} sg_chain_spectrum;
void sg_chain_spectrum_delete(sg_chain_spectrum *spectrum);

/*
 * The first `count` (>= 1; lowered to the number of nonzero ones) eigenvalues by matrix-free Lanczos, one after the
 * other, each orthogonal to those before: multiple ones are found, and one that a start had missed comes later and is
 * sorted in.  Products run in passes blocked for the cache and recompute the rates from sqrt(p).  A run of Lanczos'
 * method finds the tridiagonal matrix, and the vector is the product of (A - theta) times the start over its other
 * eigenvalues theta.  So the memory is count + 2 vectors of 2^n doubles beside log_p, and one more where Ritz values
 * have come back as copies and a second run sums the vector; `settings->memory` bounds the larger one.  The roots of
 * the rates of single flips, n 2^n doubles, are kept where that leaves room for them (n = 22 in 1 GiB), and otherwise
 * found anew in every product, which then takes 5 to 8 times as long.  Results are the same bits for every number of
 * threads.  n <= 26.  The start is random with a fixed key, without symmetry and heavy on combinations of single sites.
 * gap_upper is the Ritz value (an upper bound up to rounding), gap_lower the Ritz value less its residual and rounding:
 * no eigenvalue is assumed to be simple or apart from the next, only that the start was not orthogonal to the slowest
 * mode.  SG_UNCERTIFIED when that is wider than 1e-6, in particular where gap < 1e-9 of the top of the spectrum; chains
 * of at most 1024 states and 4 million moves then go to sg_chain_gap, which keeps relative accuracy. Cost: 80-300 steps
 * of two products where gap/top > 1e-3, a product about 0.7 ns a pair of states and single site; single flips about
 * twice that; blocks of many sites that reach over distant bits cost a pass each. Errors: SG_OUT_OF_RANGE (also log p
 * spanning more than 1300, or rates that overflow), SG_NO_MEMORY (also when settings->memory is too small: says how
 * much is needed), SG_STOPPED, SG_REFUSED (more than one class of communicating states, a site in no block: the gap is
 * 0, and the message says why), SG_NOT_CONVERGED (LAPACK).
 */
SG_MUST_CHECK sg_status sg_cube_gap(const sg_cube *cube, const sg_spectrum_settings *settings, int count, sg_gap *out,
                                    sg_chain_spectrum **spectrum);
/* The same; log_p [2^n] stands for cube->log_p, and what it holds is lost: a vector less. */
SG_MUST_CHECK sg_status sg_cube_gap_over(const sg_cube *cube, double *log_p, const sg_spectrum_settings *settings,
                                         int count, sg_gap *out, sg_chain_spectrum **spectrum);
SG_MUST_CHECK sg_status sg_flip_gap(int n, const double *log_p, sg_flip_rate rate, const void *context,
                                    const sg_spectrum_settings *settings, int count, sg_gap *out,
                                    sg_chain_spectrum **spectrum);

/* -------------------------------------------------------------- sparse chain */

/*
 * Explicit chain: `edges` directed transitions from[e] -> to[e] at rate exp(log_rate[e]); log_pi [n] (normalized or
 * not) if known, NULL: found by the entrywise-accurate elimination of Grassmann, Taksar and Heyman (dense, n <= 3000).
 */
typedef struct {
    int n;
    long long edges;
    const int *from, *to;
    const double *log_rate;
    const double *log_pi;
} sg_chain;

/*
 * Fills log_pi [n], normalized, and says whether the chain is reversible (flows balance to relative 1e-10).  The law of
 * a reversible chain follows from state to state at any n.
 * Errors: SG_OUT_OF_RANGE (states, rates or log_pi that are not in range or not finite; not reversible, n > 3000 and no
 * log_pi), SG_BAD_DATA (log_pi is not stationary), SG_REFUSED (reducible: names two states), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_chain_law(const sg_chain *chain, double *log_pi, bool *reversible);

/*
 * Reversible: a path (birth-death in some order) goes to sg_birth_death_gap; n <= 1500 dense, all eigenvalues with
 * relative accuracy however metastable; else shift-invert Lanczos (ARPACK on the complement of sqrt(pi), with CHOLMOD's
 * factor of the generator without its heaviest state), or Lanczos without a factor where that needs more than
 * settings->memory; both to about 1e-15 of the top of the spectrum, SG_UNCERTIFIED where that is not 1e-6 of the gap.
 * Dense: elimination without subtraction (Grassmann, Taksar, Heyman) of the lightest states first gives A = G G^T with
 * G = (masses)^{-1/2} C (conductances)^{1/2}, C triangular and well conditioned whatever the rates; one-sided Jacobi
 * iteration after a pivoted QR (LAPACK's dgejsv) finds its singular values with relative accuracy (Drmac and Veselic
 * 2008).  About 0.2 s at n = 400, 12 s at 1500.
 * Not reversible (n <= 1500): out->gap is the real part of the nonzero eigenvalue of -L nearest the imaginary axis,
 * with the first-order rounding of the eigenvalue (SG_UNCERTIFIED where it is ill-conditioned), `values` the real
 * parts; `decay` (may be NULL) the L2 decay rate, the gap of the additive reversibilization (L + L*)/2: exp(-decay t)
 * bounds the norm from t = 0.  For a reversible chain it is the gap. Errors: those of sg_chain_law, SG_REFUSED (not
 * reversible, n > 1500), SG_STOPPED, SG_NOT_CONVERGED.
 */
SG_MUST_CHECK sg_status sg_chain_gap(const sg_chain *chain, const sg_spectrum_settings *settings, sg_gap *out,
                                     sg_eigenvalues *values, double *decay);

/* ------------------------------------------------------------------- models */

/*
 * Spectral measures under the jumps of a loss at the model's truth: -L = sum_l l P_l, and a function f has the weight
 * E (P_l f)^2 at the eigenvalue l.  Eigenvalues on which no function has any weight are left out, those that agree to
 * rounding are one.
 */
enum { SG_SPECTRUM_STATES = 1024 };
typedef struct {
    int functions, count;
    double *value, *error; /* [count] ascending; absolute errors */
    double *weight;        /* [functions][count] */
    double limit;          /* what is left out lies above (INFINITY: nothing is left out) */
    double *moment; /* [functions][3] of order 0, 1, 2 of all of each measure: Var f, E(f, f), E (L f)^2; NULL: those of
                       the pairs are */
    double top;     /* of the spectra, from above; steps of Lanczos' processes; both 0 where there were none */
    int steps;
} sg_measures;
/*
 * Functions first .. first + functions - 1 at all states by their codes, f [functions][q^d], or (by_counts) at the
 * numbers 0 .. d of sites in state 1, f [functions][d + 1], for functions of these alone.
 */
typedef sg_status (*sg_measured)(void *context, bool by_counts, int first, int functions, double *f);
/*
 * Where a symmetry makes the numbers of sites in state 1 a path (functions are then functions of these): all pairs of
 * that, or beyond 1024 sites the first `most`.  Up to 1024 states all pairs by LAPACK's symmetric solver: 1 s.  Up to
 * 2^24 states: by a Lanczos process from each function, whose Ritz values and weights are Gauss' quadrature of its
 * measure, so that three moments are those of the whole whatever was found; the first `most` eigenvalues, as far as all
 * of them below `limit` have converged, residuals below 1e-6 of the distance to the next, values within 1e-9 of the top
 * being one.  A weight below 1e-13 of the whole is none.  A process takes up to 1000 steps, fewer where all would take
 * more than 5e9 visits of states (some ten seconds), but 40 at least. Errors: SG_REFUSED (more states and no path),
 * SG_MISFIT (no jumps on a finite set), SG_NO_MEMORY, those of the row and of sg_cube_gap.
 */
SG_MUST_CHECK sg_status sg_measures_new(const sg_model *model, const sg_loss *loss, int functions, sg_measured values,
                                        void *context, int most, sg_measures **measures);
void sg_measures_delete(sg_measures *measures);

/*
 * An upper bound on the spectrum of -L of these jumps, INFINITY where none is known: the sum of the rates of blocks
 * that are drawn afresh.  For single-site moves, up to 2^24 states, the smaller of two: the Collatz-Wielandt quotient
 * of the symmetric form with all its signs positive, to about 1e-6 (up to 2^24 pairs of neighbours; with two states a
 * site it has the same spectrum, since states of even and odd parity alternate), and the largest sum over sites of the
 * top of that site's moves (for heat bath and equal rates exact; within twice the top otherwise, as a rule).  Of the
 * path of counts where the free statistics depend on these alone.  Errors: SG_MISFIT, SG_NO_MEMORY, those of the row.
 */
SG_MUST_CHECK sg_status sg_jumps_top(const sg_model *model, const sg_loss *loss, double *top);

#ifdef __cplusplus
}
#endif
#endif
