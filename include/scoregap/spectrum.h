/*
 * scoregap/spectrum.h - spectral gap and spectrum of the generators of the dictionary.
 *
 * On the line, for L f = (D p f')'/p, the derivative g = f' of an eigenfunction is an eigenfunction of the positive
 * integral operator
 *     (T g)(x) = 1/(D(x) p(x)) int P(min(x,y)) (1 - P(max(x,y))) g(y) dy,        T g = g / lambda,
 * P the distribution function (CHEN; Chen's variational formulas are its Collatz-Wielandt bounds).  Because T has
 * positive kernel, its largest eigenvalue 1/gap comes with relative accuracy at any size, and every g > 0 gives a
 * two-sided enclosure.
 */
#ifndef SCOREGAP_SPECTRUM_H
#define SCOREGAP_SPECTRUM_H

#include "scoregap/dictionary.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A gap in the generator's own time.  gap_lower <= gap <= gap_upper is an enclosure: the Collatz-Wielandt quotients at
 * all nodes, widened by the quadrature error and by the change when the cut of the support is moved.
 */
typedef struct {
    double gap, gap_lower, gap_upper;
    double log10_gap;       /* finite also where gap underflows (then gap = 0 and status SG_UNDERFLOW) */
    double poincare;        /* 1/gap; INFINITY when that overflows */
    double relaxation_time; /* 1/gap */
    int iterations;
    double seconds;
    const char *method; /* "integral operator", "resampling", ... */
    sg_status status;   /* SG_OK; SG_UNCERTIFIED: enclosure wider than 1e-6 relative; SG_UNDERFLOW; SG_NOT_ATTAINED */
    char message[256];  /* why, when status is not SG_OK */
    /*
     * Not reversible: gap is the smallest real part of a nonzero eigenvalue of -L, the rate at which ||P_t f|| falls in
     * the long run; decay_rate is the largest r with ||P_t f|| <= exp(-r t) ||f|| from t = 0 on (E f = 0).  The two are
     * one for reversible processes, where decay_rate is not filled.
     */
    bool irreversible;
    double decay_rate;
} sg_gap;

/*
 * Gap of the diffusion with log D at the nodes (NULL: D = 1) on panels of p.  `finer` are panels of the same law cut
 * deeper and halved once (sg_panels_new with more depth, level 1), with log_d_finer there: the difference is the
 * quadrature and cut error; NULL skips that (the enclosure is then that of the truncated grid).  Power iteration from g
 * = D^{-1/2} (finite energy for every D), by Chebyshev's polynomials of T once the ratio of the first two eigenvalues
 * is seen, in numbers with an exponent a panel so that nothing over- or underflows at any depth; when that ratio is
 * near one, from the function that shooting finds (sg_line_spectrum), which T then encloses like any other.  The lower
 * side of C_P is the Rayleigh quotient.  Relative width asked for: 1e-12; what is reached is in the result.
 * Cost: 32 n multiplications an iteration; about 0.3 ms for an ordinary law and both grids, without their panels.
 * Errors: SG_NO_MEMORY; SG_REFUSED (D p not positive and finite at a node).  What cannot be certified is in
 * out->status, not an error.  SG_NOT_ATTAINED: no eigenvalue below the essential spectrum, whose bottom (the limit of
 * V'^2/4 - V''/2 in the tails, dy = dx/sqrt(D), V = -log(p sqrt(D)); extrapolated from the panels) is the gap, 0 for
 * tails heavier than exponential; gap_lower = 0, gap_upper is that of the cut law.  SG_UNCERTIFIED: the slowest mode
 * reaches into the tails below that (the cut is not deep enough), or gap is NaN: the operator is not finite at some
 * node.
 */
SG_MUST_CHECK sg_status sg_line_gap(const sg_panels *panels, const double *log_d, const sg_panels *finer,
                                    const double *log_d_finer, sg_gap *out);

/*
 * The first K nonzero eigenpairs of -L on the panels, by shooting: the panels are cut into cells whose transfer
 * matrices are short power series in lambda, eigenvalues are found by Sturm's count (none is missed; clusters, and
 * metastable eigenvalues of any size, keep relative accuracy) and functions by joining the sweeps from both ends.  T
 * only verifies them.  (Krylov spaces of T itself would need about K^1.5 steps.)  Functions are those of the law cut at
 * the ends of the panels: flat there.  Cost: about 30 ms for K = 64 on 200 panels; allocates.
 * Errors: SG_OUT_OF_RANGE (count not in [1, 2000]); SG_NOT_CONVERGED (a derivative with the wrong number of zeros, or
 * more than 20000 cells); SG_UNDERFLOW (a function on a barrier deeper than about e^-1000, where phi is beyond double
 * precision); SG_REFUSED (D p not positive and finite at a node); SG_NO_MEMORY.
 */
typedef struct {
    int count, n;
    double *value;       /* [count] ascending: lambda_1 = gap, ... */
    double *value_error; /* [count] relative: residual bound, rounding floor, effect of the cut (>= 1: none of it is
                            known) */
    double *function;    /* [count][n] phi_k at the nodes, E phi_k = 0, E phi_k^2 = 1, positive at the right end */
    double *derivative;  /* [count][n] phi_k' */
    double residual; /* max_k |T g_k - g_k/lambda_k| lambda_k in the norm of D p, relative; slow modes projected out */
    double orthonormality; /* max |<phi_j, phi_k> - delta_jk| by quadrature of the functions, not of the derivatives */
    double *log_value;     /* [count] log lambda_k, also where value underflows to 0 */
} sg_spectrum;
SG_MUST_CHECK sg_status sg_line_spectrum(const sg_panels *panels, const double *log_d, int count,
                                         sg_spectrum **spectrum);
void sg_spectrum_delete(sg_spectrum *spectrum);

/*
 * The same on the circle, the ends of the panels being one point: the integral operator restricted to derivatives of
 * periodic functions, T_c g = (K g - c)/(D p) with c fixed by closure.  It has no positive kernel and its largest
 * eigenvalue may be double, so pairs come from block Krylov spaces, errors from residuals (Temple, Kato), and the
 * completeness of the list from Sturm's count of the opened circle, whose eigenvalues interlace.  Eigenvalues have
 * relative accuracy as far as 1/lambda_k is above rounding of 1/lambda_1.  value_error is INFINITY where an eigenvalue
 * may have been missed.  The number of panels limits that of pairs: eight nodes a Krylov vector.  Allocates.
 * Errors: SG_OUT_OF_RANGE (count not in [1, 200]); SG_NOT_CONVERGED (too few panels for so many pairs); SG_REFUSED
 * (panels that were cut, p or D p deeper than e^-500 of the largest, or not positive and finite); SG_NO_MEMORY; those
 * of sg_line_spectrum.
 */
SG_MUST_CHECK sg_status sg_circle_spectrum(const sg_panels *panels, const double *log_d, int count,
                                           sg_spectrum **spectrum);

/* sg_line_gap on the circle, by the first pair of sg_circle_spectrum; `finer` are halved panels of the same law. */
SG_MUST_CHECK sg_status sg_circle_gap(const sg_panels *panels, const double *log_d, const sg_panels *finer,
                                      const double *log_d_finer, sg_gap *out);

/*
 * Spectral profile of scores: weights w_jk = <S_j, phi_k>^2, from the derivatives: <S, phi_k> = <S', phi_k'>_{Dp} /
 * lambda_k. `score_derivative` [m][n] at the nodes.  weight [m][count].  And the cross weights c_jk themselves
 * (signed), [m][count], in `coefficient`.
 */
SG_MUST_CHECK sg_status sg_line_profile(const sg_panels *panels, const double *log_d, const sg_spectrum *spectrum,
                                        int m, const double *score_derivative, double *coefficient);

/* What a solver may use; a NULL pointer means all zeros. */
typedef struct {
    size_t memory; /* bytes; 0: 1 GiB */
    int threads;   /* 0: all */
    const volatile int *stop;
    void (*progress)(void *context, double done, double of); /* from one thread; may be NULL */
    void *context;
} sg_spectrum_settings;

/* The first nonzero eigenvalues of -L, ascending, in logs: the first is the gap. */
typedef struct {
    int count;
    double *log_value; /* [count] */
    double *error;     /* [count] relative error estimate; INFINITY where none is known */
} sg_eigenvalues;
SG_MUST_CHECK sg_status sg_eigenvalues_new(int count, sg_eigenvalues **values);
void sg_eigenvalues_delete(sg_eigenvalues *values);

/*
 * Gap of the dynamics paired with a loss at the model's truth (sg_loss_runs must hold, sg_loss_fits need not), by the
 * kind of the row and the space of the model: the line (with or without a velocity), the circle, grids in R^d (d <= 3),
 * finite sets, chains by their rates, processes in discrete time (generator P - 1).  `values`, if not NULL, has count
 * set by the caller and is filled; spaces with fewer nonzero eigenvalues lower it. Errors: those of the solvers;
 * SG_REFUSED for spaces without a solver.
 */
SG_MUST_CHECK sg_status sg_spectrum_gap(const sg_model *model, const sg_loss *loss,
                                        const sg_spectrum_settings *settings, sg_gap *out, sg_eigenvalues *values);

#ifdef __cplusplus
}
#endif
#endif
