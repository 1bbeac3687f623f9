/*
 * scoregap/mixing.h - total-variation mixing times in continuous time,
 *     t_mix(eps) = inf{t : TV(law at t, pi) <= eps},
 * from the worst start, from a named one, or from a warm one.
 *
 * TV(t) never increases, so one value above and one value at most eps enclose the crossing; every distance is computed
 * with an error estimate, and the enclosure takes it in.  Laws at time t come from two kinds of methods that share no
 * code: spectral expansions, and evolved laws (the inverse Laplace transform of the resolvent along Talbot's contour on
 * the line and on birth-death chains; uniformization, all terms positive, on general chains).
 */
#ifndef SCOREGAP_MIXING_H
#define SCOREGAP_MIXING_H

#include "scoregap/chain.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SG_START_WORST,
    SG_START_POINT, /* x on the line, a state on finite sets */
    SG_START_WARM   /* p restricted to the lower half: density at most 2 */
} sg_start;

/* What is asked.  Profile: `points` times evenly spaced in [0, factor * mixing time]; 0: none. */
typedef struct {
    double epsilon; /* in (0,1); 0: 0.25 */
    int points;
    double factor; /* 0: 3 */
    size_t memory; /* bytes; 0: 1 GiB */
} sg_mixing_settings;

/*
 * mixing_time_lower <= mixing_time <= mixing_time_upper contains truncation and rounding of the distances.  status:
 * SG_OK; SG_REFUSED (there is no finite answer: message says why; times are NaN); SG_UNCERTIFIED (the value is the best
 * one known, the enclosure is wider than 1e-6 relative, or the worst start was sought among candidates only: then the
 * upper end is INFINITY or a bound over all starts); SG_UNDERFLOW (beyond 1e290).
 */
typedef struct {
    double epsilon, mixing_time, mixing_time_lower, mixing_time_upper;
    double relaxation_time; /* INFINITY when the gap is zero, NAN when it is not known */
    /* t_rel log(1/(2 eps)) <= t_mix(eps) <= t_rel log(1/(eps pi_min)) of the worst start (Levin and Peres, theorems
     * 12.4 and 12.5, with t_rel for t_rel - 1 in continuous time; chains that are not reversible: see there); NAN for
     * other starts, the upper one where pi_min = 0 */
    double sandwich_lower, sandwich_upper;
    char start[96]; /* "worst: state 0", "x = 2.5", "warm: x <= 0.1" */
    int state;      /* number of that state on finite sets; -1 where it is none */
    char method[160];
    sg_status status;
    char message[256];
    double seconds;
    int points;
    double *time, *distance,
        *distance_error; /* [points]: the profile TV(t) from the start that is worst at the crossing */
} sg_mixing;
void sg_mixing_clear(sg_mixing *mixing); /* frees the arrays and clears all; allowed on a zeroed one */

/* ------------------------------------------------------------ finite chains */

/*
 * Explicit chains, all starts at once: reversible ones of n <= 4096 states by spectral decomposition of A (all pairs,
 * O(n^3), 3 n^2 doubles), others of n <= 2048 by repeated squaring of exp(t L) for a short t, all of whose terms are
 * positive (2 n^2 doubles).  One start takes any n: where there is no expansion, or where it loses too much (from a
 * state x pi(x)^{-1/2} in accuracy, and eigenvalues far below the largest lose theirs) laws are evolved by
 * uniformization or squaring, whichever costs less.  start: -1 the worst of all n, else a state.  `initial` [n] (NULL:
 * none) is a law to start from.
 * Not reversible: relaxation_time is one over the smallest real part of a nonzero eigenvalue of -L (n <= 1500, else
 * NAN); its lower side of the sandwich holds as it stands, the upper one is log(pi_min^{-1/2}/(2 eps))/decay rate.
 * Errors: SG_OUT_OF_RANGE (n, start, epsilon, a rate or a law that is none), SG_REFUSED (two states that do not
 * communicate; too many steps), SG_UNDERFLOW (probabilities below e^-690), SG_NO_MEMORY, SG_NOT_CONVERGED.
 */
SG_MUST_CHECK sg_status sg_chain_mixing(const sg_chain *chain, int start, const double *initial,
                                        const sg_mixing_settings *settings, sg_mixing *out);
/*
 * TV at time t from one state, by uniformization: sum_k Poisson(qt; k) x P^k with q the largest exit rate.  *error
 * bounds the truncated tail and rounding.  Any chain, reversible or not; O(q t edges).
 */
SG_MUST_CHECK sg_status sg_chain_distance(const sg_chain *chain, int start, double t, double *distance, double *error);

/*
 * Birth-death chains of any size and depth: the law at t is the inverse Laplace transform of the resolvent, tridiagonal
 * and solved by continued fractions without subtraction, so that rare starts and metastable times (t to 1e290) lose
 * nothing; rare starts that need too many points of the contour are evolved by uniformization while that is cheap.
 * O(100 n) a distance.  start -1: the worst of all states for n <= 2048 (each is near at the upper end), of the two
 * ends and 64 states between them beyond, which the message says; the upper end is then that of the sandwich. Errors:
 * SG_OUT_OF_RANGE, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_birth_death_mixing(const sg_birth_death *chain, int start, const double *initial,
                                              const sg_mixing_settings *settings, sg_mixing *out);

/*
 * n independent copies of a chain on {0,1} with rates `up` and `down` (the cutoff of the product chain): TV between
 * products of binomial laws, exact for every n.  start: the number of copies that begin in 1; -1 the worst: all of them
 * are tried for n <= 400 (all are equal when up = down), beyond that 0 and n.
 */
SG_MUST_CHECK sg_status sg_product_mixing(int n, double up, double down, int start, const sg_mixing_settings *settings,
                                          sg_mixing *out);

/* -------------------------------------------------------------------- line */

/*
 * Diffusions on the line: start at a point x, or warm: from p restricted to the part left of x (NAN: the median;
 * density 1/P(X <= x)).  TV(t) is half the total variation of F_t - P, whose extremes are found on the cells, so that
 * no kink is integrated.  At the crossing the distance is computed a second time, by spectral expansion, and the
 * difference goes into the enclosure.
 * Worst start: finite ends, and infinite ones from which the process comes down (an entrance boundary: int^inf
 * P(X > y)/(D p) dy finite, judged by the power with which the integrand falls in the tail), by mean and variance of
 * the time from infinity to a place in the tail, extrapolated, plus the time from there; another such place, and an
 * extrapolation from fewer nodes, give the enclosure, which is an estimate then (1e-7 to 1e-5 relative; models bring
 * panels cut deeper for it, and reach 1e-10 to 1e-6).  Both ends and 62 quantiles are tried.  Where the process does
 * not come in from an end status is SG_REFUSED.
 * Errors: SG_OUT_OF_RANGE (x outside the panels), SG_UNDERFLOW (p varies by more than e^680 on the panels),
 * SG_NOT_CONVERGED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_line_mixing(const sg_panels *panels, const double *log_d, sg_start start, double x,
                                       const sg_mixing_settings *settings, sg_mixing *out);

/* ------------------------------------------------------------------ circle */

/*
 * Diffusions on the circle, on panels once round from any point: start at x, taken round the circle, or warm: from p
 * restricted to the arc from the beginning of the panels to x (NAN: half of the law).  The law is the inverse Laplace
 * transform of the resolvent on the ring of cells, found without subtraction, so that rare starts and metastable times
 * lose nothing; at the crossing the distance is computed a second time by the spectral expansion, where 48 pairs do,
 * with what they leave out bounded, and a difference beyond its error goes into the enclosure.
 * Worst start: by candidates and golden sections; then no start is above epsilon at the upper end, which is shown arc
 * by arc: as a function of the start the distance is the largest of P_x(X_t in A) - p(A) over sets A, whose second
 * derivatives in dy = dx/(D p) are bounded by D p^2 times half of int p |d/dt h_t| (taken at the ends of the arcs, and
 * doubled).  No pi_min, so the sandwich has its lower side only.
 * Errors: SG_OUT_OF_RANGE (x not finite), SG_REFUSED (panels that are cut), SG_UNDERFLOW (p varies by more than e^600),
 * SG_NOT_CONVERGED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_circle_mixing(const sg_panels *panels, const double *log_d, sg_start start, double x,
                                         const sg_mixing_settings *settings, sg_mixing *out);

/* ------------------------------------------------------------------ models */

/* Does the start fit the model?  Errors: those of its text, as in sg_spectrum_mixing. */
SG_MUST_CHECK sg_status sg_mixing_start_check(const sg_model *model, const char *start);

/*
 * Mixing time of the dynamics paired with a loss at the model's truth.  `start`: NULL or "worst"; "warm"; "x=NUMBER" on
 * the line and the circle; "all-plus", "all-minus", "state:0101.." (site 0 first, 1 for +1; up to 64 sites) on spins,
 * "all-0", "all-1", .., "state:0120.." on sites with more states, where warm is the lower half of p by the number of
 * sites in the last state (density at most 2); "state:NUMBER" on chains by their rates, where warm is the lower half by
 * the numbers of the states.
 * Spins: where p is a function of the number of pluses, single flips and masks of all k-subsets from all starts up to
 * permutations of the sites, at sizes where that takes less than about a minute (n = 200 below the critical temperature
 * of Curie-Weiss: under a second).  Otherwise, with any number of states a site: from all starts up to 2500 states (11
 * spins, 7 sites of 3 states: 4 s).  Beyond, single starts are evolved by uniformization (2^20 states; masks where one
 * jump is cheap enough), the worst is sought among those with all sites in one state, the status is SG_UNCERTIFIED, and
 * the upper end is a bound over all starts: the upper sandwich or, on attractive models, the monotone coupling.  With
 * more than two states and classes by the numbers of sites in each (Potts on a complete graph), single-site moves from
 * all-K and warm by the chain of the classes: n = 88 with 3 states by all eigenpairs; the relaxation time is that of
 * all modes where there are at most 2^20 states, NAN beyond. Resampling: TV(t) = e^{-t} (1 - pi(start)).  Processes in
 * discrete time (swendsen-wang, wolff): a whole number of updates, up to 2500 states, relaxation_time 1/(1 - max
 * |eigenvalue|) and the sandwich with t_rel - 1 below. Errors: those above; SG_BAD_SYNTAX, SG_UNKNOWN, SG_MISFIT (a
 * start that does not fit the space); SG_REFUSED (no solver: the message says what can be had instead).
 */
SG_MUST_CHECK sg_status sg_spectrum_mixing(const sg_model *model, const sg_loss *loss, const char *start,
                                           const sg_mixing_settings *settings, sg_mixing *out);

#ifdef __cplusplus
}
#endif
#endif
