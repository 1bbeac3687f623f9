/*
 * scoregap/trajectory.h - the gap of a reversible process estimated from its trajectories, with a confidence interval:
 * for models that are too large to diagonalize.
 *
 * For E f = 0 the autocorrelation of a stationary reversible process is rho(t) = int e^{-lambda t} mu(d lambda), mu the
 * spectral measure of f, a probability on [gap, infinity).  Two consequences:
 *
 * Integrated autocorrelation.  int_0^inf rho = int mu(d lambda)/lambda <= 1/gap, and for records at times k dt, with
 * tau* = 1 + 2 sum_{k>=1} rho(k dt) = int coth(lambda dt/2) mu(d lambda) <= coth(gap dt/2), so that
 *     gap <= (2/dt) artanh(1/tau*)  for every f, with equality for the slowest mode alone.
 * The sum is cut at five integrated times (Sokal's window; e^-5 of it is left out).
 * What is estimated is therefore a number above the
 * gap, by the slowest of the observables.
 *
 * Variational.  On the span of observables the largest mu with C(t) v = mu C(0) v, C(t) = E f(X_0) f(X_t)^T, has
 *     gap <= -log(mu)/t,
 * and the right side falls to the gap like e^{-(lambda_2 - gap) t} where the slowest mode is not orthogonal to all
 * observables.  t is about one relaxation time, and is doubled while the estimate at 2t lies below that at t by more
 * than three standard errors of the difference.
 *
 * Intervals are by the delete-one-chain jackknife on the logarithm, with Student's t: 95 %.  The jackknife takes away
 * the bias of order one over the number of samples, which an estimated largest eigenvalue has where the next one
 * is apart (by two standard errors: otherwise the status is SG_UNCERTIFIED).
 *
 * The steps of diffusions (Metropolis-adjusted Langevin) have a gap of their own, off by a multiple of their time step:
 * two runs, with steps h and 4h, h so small that about 0.5 % of proposals are refused, and (4 g(h) - g(4h))/3 without
 * the part of first order.  What is left is of order h^{3/2}: 0.2 % of the gap for a normal law and for a double well
 * with a barrier of 3.  Steps on finite sets and of mle are the process itself.
 *
 * Processes in discrete time (swendsen-wang, wolff) have rho(k) = int l^k mu(dl) over their eigenvalues l: with -log l
 * in place of lambda all of this holds, and the gap is 1 - l.  Where l may be negative the variational estimate uses
 * odd lags, at which such eigenvalues stay below the others.
 */
#ifndef SCOREGAP_TRAJECTORY_H
#define SCOREGAP_TRAJECTORY_H

#include "scoregap/spectrum.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SG_OBSERVABLES 40
#define SG_TRAJECTORY_CHAINS 32

/* An estimate of a gap, on the scale of its logarithm. */
typedef struct {
    double log_gap, se;       /* NaN: there is none */
    double gap, lower, upper; /* the 95 % confidence interval */
} sg_gap_estimate;

/*
 * f of `count` observables along `chains` independent stationary chains, a record every dt: f [chains][records][count].
 * odd: the process may have negative eigenvalues (in discrete time), dt is an odd number of updates, and only odd lags
 * tell them from positive ones.
 */
typedef struct {
    int chains, records, count;
    double dt;
    const double *f;
    bool odd;
} sg_series;

typedef struct {
    sg_gap_estimate variational, integrated;
    double next;            /* the second mode: -log of the next mu over the lag */
    int rank;               /* of the observables, after what depends linearly on others is left out */
    int lag;                /* in records */
    bool plateau;           /* the estimate does not fall any more at twice the lag */
    int slowest;            /* observable with the longest integrated time */
    double integrated_time; /* dt tau* / 2 */
    double effective;       /* independent samples of the slowest observable: chains records / tau* */
    sg_status status;       /* SG_OK; SG_UNCERTIFIED: too short, no plateau */
    char message[256];
} sg_series_gap;

/*
 * Both estimates from records.  `lag` (records) is the first one tried, about a relaxation time.  Allocates; O(chains
 * records count^2) a lag.  Errors: SG_OUT_OF_RANGE (fewer than 8 chains or 16 records, no observable), SG_NO_MEMORY,
 * SG_SINGULAR (no observable varies).
 */
SG_MUST_CHECK sg_status sg_series_gap_of(const sg_series *series, int lag, sg_series_gap *out);

typedef struct {
    int records; /* a chain, after the start */
    int chains;  /* 8 to SG_BLOCK; 0: SG_TRAJECTORY_CHAINS */
    double step; /* time between records (a whole number of updates in discrete time, odd where l may be < 0); 0: about
                    a quarter of the relaxation time, by a pilot run */
    uint64_t seed;
    size_t memory; /* bytes; 0: 1 GiB */
    const volatile int *stop;
} sg_trajectory_settings;

typedef struct {
    sg_gap_estimate variational, integrated; /* of the process, time step taken away */
    sg_series_gap fine;                      /* of the chains themselves (diffusions: with the smaller step) */
    int chains, records, observables;
    char name[SG_OBSERVABLES][SG_NAME];
    double step, lag;    /* time between records; the lag as a time */
    double inner;        /* time step of the chain; 0: exact */
    double acceptance;   /* of the smaller step */
    double burn;         /* time before the first record; 0: started by exact draws */
    char start[96];      /* "exact draws", ... */
    const char *slowest; /* name of the slowest observable */
    double seconds;
    sg_status status; /* SG_OK: the interval holds with 95 %; SG_UNCERTIFIED: message says what it lacks */
    char message[256];
} sg_trajectory;

/*
 * Runs the dynamics paired with the loss at the model's truth and estimates their gap.  On finite sets the chains start
 * by exact draws where the family has them (sg_sampler_new), otherwise half of them with all sites in their first state
 * and half in their last (as far as states are allowed), run for 20 relaxation times of the pilot, and the halves must
 * agree within 4 standard errors in every observable.  Fixed by the seed. Errors: SG_OUT_OF_RANGE (settings; blocks of
 * more than 16 sites), SG_REFUSED (a process that is not reversible, or has no step), SG_NO_MEMORY (also when records
 * need more than settings->memory: says how much), SG_STOPPED, SG_NOT_CONVERGED (the pilot does not show the relaxation
 * within its budget), those of samplers, panels and rows.
 */
SG_MUST_CHECK sg_status sg_trajectory_gap(const sg_model *model, const sg_loss *loss,
                                          const sg_trajectory_settings *settings, sg_trajectory *out);

#ifdef __cplusplus
}
#endif
#endif
