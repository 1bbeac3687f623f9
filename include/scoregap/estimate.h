/*
 * scoregap/estimate.h - theta-hat from (model, loss, data); asymptotic covariance from (model, loss); relative
 * efficiency and its spectral form; Monte Carlo cells.
 */
#ifndef SCOREGAP_ESTIMATE_H
#define SCOREGAP_ESTIMATE_H

#include "scoregap/bound.h"
#include "scoregap/entropy.h"
#include "scoregap/spectrum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------- asymptotic theory */

/*
 * Asymptotic covariance of sqrt(n)(theta_hat - theta*) by quadrature at the model's truth, through QR of weighted
 * rows: R of sqrt(p) root, R_psi of sqrt(p)(psi - E psi), R_S of sqrt(p)(S - E S);
 *   gamma = B^T B, B = R_psi R^-1 R^-T;   inefficiency = squared singular values of B R_S^T;   restricted_poincare =
 * ||R_S R^-1||^2. Everything is done on two grids (the second with all panels halved); `_error` members are absolute
 * errors estimated from their difference and from the rounding amplified by the conditioning of R. All matrices [m,m],
 * symmetric.  rho: over all directions, from exact second theta-derivatives, where m <= 16 and the loss does not draw
 * or averages over all draws; otherwise by ascent from the four worst combinations, with differences of psi and the
 * loss's own draws, a lower estimate to some per cent, of losses that draw to about a third.
 */
typedef struct sg_asymptotic {
    int m;
    double *theta;             /* [m] truth of the free parameters */
    double *gamma, *gamma_mle; /* [m,m] */
    double gamma_error;        /* in operator norm, absolute */
    double *inefficiency;      /* [m] generalized eigenvalues of gamma against gamma_mle, ascending */
    double inefficiency_error; /* of the largest, absolute */
    double restricted_poincare, restricted_poincare_error;
    double *dirichlet;     /* [m,m] H; for information: nothing is computed from it */
    double *fisher;        /* [m,m] Cov S */
    double *whiten;        /* [m,m] W = R^-1: basis of the whitening chart */
    double *metric_root;   /* [m,m] R_S: inefficiency of a covariance C is the spectrum of R_S C R_S^T */
    double *cov_psi;       /* [m,m] Cov psi */
    double condition;      /* of R */
    double mean_psi;       /* max_j |E psi_j| / (E psi_j^2)^{1/2}: zero but for a lost boundary term */
    double mean_psi_error; /* of that, in the same unit: a standard error if `sampled`; 0 on finite sets */
    double *bias;          /* [m] -H^-1 E psi: what theta-hat tends to, less the truth, to first order */
    double rho; /* n * rho(n): max over v of Var(v'Av)/(v'Hv)^2, A the Hessian of one datum; a cell is asymptotic if
                   rho/n <= 0.01 */
    sg_khr_terms khr; /* terms of the KHR/QR bound; NaN for rows that are not diffusions */
    sg_status status; /* SG_OK; SG_NO_DIGITS: an error reaches the size of its value; SG_SINGULAR; SG_UNCERTIFIED: the
                         mean of psi is not 0, so that the estimate is biased, gamma being that of its spread to first
                         order */
    char message[256];
    double *noise; /* [m,m] the part of cov_psi that is due to the draws of the loss itself; zero where it draws none */
    double *gamma_mle_noised; /* [m,m] inverse information of one noised datum (QR Theorem 14), for losses on noised
                                 data; zero otherwise.  restricted_poincare is then relative to it, not to gamma_mle */
    bool sampled; /* nodes were drawn: the errors are standard errors (a jackknife over 16 groups); or, at nodes that
                     were not, the draws of a loss: they are differences of two sets of draws */
} sg_asymptotic;
/* Are gamma and what follows from it numbers, certified or not? */
static inline bool sg_asymptotic_known(const sg_asymptotic *a) {
    return a && (a->status == SG_OK || a->status == SG_UNCERTIFIED);
}
/*
 * Finite sets: by sums over all states (or over counts, where the model's and the loss's sites are alike), exactly but
 * for rounding, of which the errors are bounds; psi is divided by the c of psi = c L S, so that dirichlet, cov_psi and
 * whiten are those of the generator.  rho: by differences; over all directions where m <= 16, otherwise over those of
 * the parameters and of the worst combinations, which is a lower estimate.  Losses that draw (SG_NOISE): one draw a
 * datum.  Losses averaged over sites: psi is H times their influence, H that of all sites.  About 0.1 us for each
 * state, site and parameter at a site.
 *
 * More than 2^18 states, and more than are listed (SG_STATES_MOST): by elimination on narrow graphs, where S and L S
 * are sums of functions of a few sites; any number of states a site, hard constraints, and all losses: of single sites,
 * pooled, averaged or one alone, and of blocks, whose parts that no factor joins count as blocks.  Refused: families
 * without factors, more than 1024 free parameters, blocks that see more than 2^20 states, graphs that are not narrow
 * (pseudolikelihood: free strips of 12 sites may be 800 long, 12 x 30 take 2 s; periodic ones of 8 sites 80 long, 8 x
 * 30 take 40 s), and more than 12 free sums of tables beyond memory.  rho is then over the parameters alone where m >
 * 2, and from 4096 draws, to a few per cent while it is small, on wide strips and for losses that draw.
 */
/* Errors: SG_SINGULAR (H or the information; names the direction), SG_MISFIT, SG_REFUSED, SG_NO_MEMORY; otherwise see
 * out->status. */
SG_MUST_CHECK sg_status sg_asymptotic_new(const sg_model *model, const sg_loss *loss, sg_asymptotic **out);
void sg_asymptotic_delete(sg_asymptotic *asymptotic);
/*
 * The largest inefficiency alone, on the first of the two grids or on the same drawn nodes, and without its error: for
 * searches, which compare many losses.  A third of the work and less.  NaN: no digit is left
 * (finite sets).  Errors: those of sg_asymptotic_new.
 */
SG_MUST_CHECK sg_status sg_asymptotic_quick(const sg_model *model, const sg_loss *loss, double *worst);

/*
 * Spectral form (theory: section "one generator" of the manual): with -L = sum l_k <phi_k, .> phi_k and S_j = sum c_jk
 * phi_k, Cov S = sum c c^T, H = sum l c c^T, Cov LS = sum l^2 c c^T. Sums over the first `count` pairs, the parts of
 * the quadrature values that they leave, and the inefficiency of parameter j alone both ways.
 */
typedef struct sg_profile {
    int m, count;
    double *eigenvalue;                  /* [count] */
    double *weight;                      /* [m][count] c_jk^2 */
    double *remainder;                   /* [m] Var S_j - sum_k weight: what the pairs leave */
    double *remainder_h, *remainder_psi; /* [m] the same for H_jj and (Cov psi)_jj */
    double *remainder_mean;              /* [m] mean eigenvalue of what they leave; NaN where that is nothing */
    double *ratio_spectral;              /* [m] (sum w)(sum l^2 w)/(sum l w)^2 over the pairs */
    double *ratio_quadrature;            /* [m] Var S_j Cov(psi)_jj / H_jj^2 */
    double *ratio_bound;                 /* [m] how far the two may differ, from the remainders and eigenvalue errors */
    double disagreement;                 /* max_j |spectral - quadrature| / quadrature */
    sg_status
        status; /* SG_OK; SG_UNCERTIFIED: they differ by more than ratio_bound, or the solver's floor is reached */
    char message[256];
} sg_profile;
/*
 * count <= 0: a default (64).  Diffusions on the line and the circle, and on R^2 by the 6 slowest pairs at most, in 0.6
 * to 3 s (sg_grid_profile); on other spaces, and for losses on noised data, SG_UNDEFINED.  Finite sets: as
 * sg_measures_new has it, all pairs or the slowest that have converged; what they leave has its mean, and the process's
 * own moments must be those of `asymptotic`.  Errors: SG_UNDEFINED (estimates averaged over sites have no generator),
 * SG_NOT_CONVERGED (no pair has), SG_REFUSED, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_profile_new(const sg_model *model, const sg_loss *loss, const sg_asymptotic *asymptotic,
                                       int count, sg_profile **out);
void sg_profile_delete(sg_profile *profile);

/* Bounds that the efficiency command and the tables print. */
typedef struct {
    /* Upper bound on the worst inefficiency by the spectrum alone: Kantorovich's, or for losses that draw one block a
     * datum sg_bound_random_blocks_upper; INFINITY for diffusions, and for estimates averaged over sites. */
    double kantorovich;
    sg_khr_chain khr_poincare, khr_restricted;           /* upper bounds on ||Gamma||; NaN where they do not apply */
    double log_muckenhoupt_lower, log_muckenhoupt_upper; /* of C_P */
    double log_cheeger_gap_lower, log_cheeger_gap_upper;
    /*
     * Of C_P, of mixtures of normals alone: the decomposition (QR Theorem 5) of Langevin's diffusion and of the
     * tempered one on (x, beta); for the latter also QR Theorem 12 with constants, from above, and the constant of the
     * level alone, from below.
     */
    double log_mixture_upper, log_scales_upper, log_level_lower;
} sg_bounds;
SG_MUST_CHECK sg_status sg_bounds_of(const sg_model *model, const sg_loss *loss, const sg_asymptotic *asymptotic,
                                     const sg_gap *gap, sg_bounds *out);

/* One closed-form bound on a model, whatever it is, so that a table needs to know none of them. */
typedef struct {
    const char *name; /* "Muckenhoupt" */
    const char *side; /* "lower" or "upper" */
    const char *of;   /* "gap", "log-sobolev" (C_LS) or "tensorization" (C_AT) */
    double log_value; /* log of the bound; NaN unless it holds */
    bool holds;       /* its hypothesis does */
    char note[160];   /* the hypothesis or the number behind it, or why it fails; may be empty */
} sg_gap_bound;

#define SG_GAP_BOUNDS_MOST 32
typedef struct {
    int count;
    sg_gap_bound bound[SG_GAP_BOUNDS_MOST];
    sg_log_sobolev log_sobolev; /* the constant itself, log_upper the least bound above it; method NULL: not computed */
    sg_tensorization tensorization; /* likewise, of dynamics that resample blocks of sites, up to 2^10 states */
} sg_gap_bounds;

/*
 * Every bound that applies to the space of the model and the kind of the row, at the model's truth, with the numerical
 * C_LS.  Diffusions on the line with D(x): the criteria of bound.h on panels, mixtures from their components; on the
 * circle the lower sides of the circle cut open, whose gap is smaller, and Holley and Stroock's; single flips of
 * two-state sites: pairwise conditions (for rates above those of the heat bath by comparison of Dirichlet forms), paths
 * and test functions, C_LS up to 2^8 states; blocks of sites by comparison with single ones; D = 1 on R^2 and R^3:
 * convexity, conditional gaps, test functions (1 s in R^3), mixtures from their components; on spheres
 * convexity with the curvature of the sphere, and linear test functions; underdamped Langevin;
 * resampling; tensorization of entropy for rows that resample blocks of sites, of any number of states.  `gap` (may be
 * NULL) tells whether the law is cut where it matters, and gives C_P where a bound takes it.  About 0.5 s.  Errors:
 * SG_NO_MEMORY, and those of panels and rows; a bound that fails is in the list and says why.
 */
SG_MUST_CHECK sg_status sg_gap_bounds_of(const sg_model *model, const sg_loss *loss, const sg_gap *gap,
                                         sg_gap_bounds *out);

/* KL(p_truth || p_theta) by quadrature; INFINITY when p_theta is not integrable.  theta [m]: the free parameters. */
SG_MUST_CHECK sg_status sg_kl(const sg_model *model, const sg_nodes *nodes, const double *theta, double *kl);

/* -------------------------------------------------------------------- data */

/*
 * Where data come from, block by block, in any order, by several threads: a pure function of the block number.
 */
typedef struct sg_source {
    long long n; /* data */
    int d;
    const double *rows;   /* [n][d] row-major, for a user's data; or */
    const double *packed; /* [blocks][d][SG_BLOCK], drawn before and kept; or, both NULL, drawn anew at each pass: */
    /* Finite sets: the same data gathered (sg_source_gather). */
    const struct sg_gathered *gathered;
    const sg_sampler *sampler; /* block b of replicate `replicate` under `key` */
    uint64_t key;
    uint32_t replicate;
    size_t memory; /* bytes that a fit may keep of what its loss draws in R^d, which is else drawn anew at each pass */
} sg_source;
/* Fills block->x, block->n for block b (data b*SG_BLOCK ...). */
void sg_source_block(const sg_source *source, long long b, sg_block *block);
long long sg_source_blocks(const sg_source *source);
/* Draws all blocks into packed [sg_source_blocks][d][SG_BLOCK] and points source->packed at it. */
void sg_source_pack(sg_source *source, double *packed);

/*
 * Data on finite sets, gathered: EACH one in order as one 64-bit code; the DISTINCT states with how often each occurs,
 * ascending by code; how many data have k sites in state 1 (PLUSES: two states, for losses and models whose sites are
 * alike).  A fit takes the form that suits its loss and model: bits of its result depend on that form, not on what else
 * was gathered.
 */
typedef struct sg_gathered sg_gathered;
enum { SG_GATHER_EACH = 1, SG_GATHER_DISTINCT = 2, SG_GATHER_PLUSES = 4 };
/* The form for a fit of the loss; 0 on other spaces and where a state takes more than 64 bits. */
int sg_loss_form(const sg_model *model, const sg_loss *loss);
/* Bytes of the forms `want` for up to n data; none but those of the tables where all states are few. */
size_t sg_gathered_bytes(const sg_model *model, long long n, int want);
/* Errors: SG_REFUSED (no finite set, states of more than 64 bits but for PLUSES), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_gathered_new(const sg_model *model, long long n, int want, sg_gathered **gathered);
void sg_gathered_delete(sg_gathered *gathered);
/* Reads or draws all data of the source, at most as many as it was made for, once, and points source->gathered at it.
 * Nothing is allocated. */
void sg_source_gather(sg_source *source, sg_gathered *gathered);

/* --------------------------------------------------------------------- fit */

/*
 * Second theta-derivatives of jets beyond 64 MiB a block are done without: the fit is then Gauss-Newton's, with the
 * Gram matrix of the roots for a Hessian, to 1e-9 in 400 steps, and the mean derivative of the standard errors by
 * central differences: for 64 means in 32 dimensions and 1000 data 2 s by score matching.
 *
 * A fitter holds all that a fit of one loss needs (whitening chart, prepared row, workspace, packed data within the
 * budget) and is used by one thread; sg_fit touches no heap except where a two-step loss or a far-away likelihood must
 * rebuild panels, or where a fit on a finite set that has failed is looked at for separation.
 */
typedef struct sg_fitter sg_fitter;
/*
 * The nodes at theta that fits by the loss need (and sg_kl, if asked): NULL by coordinates, and on finite sets where
 * they need none, because the loss knows no log Z or the family knows it without states.
 */
SG_MUST_CHECK sg_status sg_fit_nodes(const sg_model *model, const sg_loss *loss, const double *theta, bool kl,
                                     sg_nodes **nodes);
/*
 * `whiten` [m,m] (asymptotic->whiten; NULL: identity).  `reference` [full]: origin of the chart and start of the
 * iteration. `nodes` of p at `reference` (borrowed for the life of the fitter), those of sg_fit_nodes.
 */
SG_MUST_CHECK sg_status sg_fitter_new(const sg_model *model, const sg_loss *loss, const double *reference,
                                      const double *whiten, const sg_nodes *nodes, sg_fitter **fitter);
void sg_fitter_delete(sg_fitter *fitter);

enum { SG_FIT_SANDWICH = 1 }; /* also the standard errors, by a second pass at theta_hat */

typedef struct {
    double *theta;      /* [m] NaN where undefined */
    double *covariance; /* [m,m] sandwich covariance of theta_hat (already divided by n); NaN unless asked for */
    double *se;         /* [m] by coordinates: the roots of its diagonal, for less work; NULL: not wanted */
    int iterations, passes;
    sg_status status; /* SG_OK, SG_SINGULAR, SG_NOT_CONVERGED, SG_NOT_INTEGRABLE, SG_SEPARATED, SG_PILOT_FAILED: data,
                         not an error */
} sg_fit;             /* arrays belong to the caller */
/*
 * Is the loss fitted coordinate by coordinate: score matching with scalar or diagonal D on a family of pairs
 * (sg_family.interactions)?  It then takes n d^2 (d + 1) flops for the normal equations, which are solved by
 * preconditioned conjugate gradients to rounding, a few ms for 1000 parameters; no whitening (sg_fitter_new ignores it)
 * and no nodes.  fit->covariance may be NULL; standard errors take m^3/3 + 2 n m^2 flops, covariances n m^2 more.
 * SG_SINGULAR: the normal equations have a condition above 1e13.
 */
bool sg_fit_by_coordinates(const sg_model *model, const sg_loss *loss);
/* Returns an error only for SG_NO_MEMORY and the like; a fit that fails says so in fit->status. */
SG_MUST_CHECK sg_status sg_fit_source(sg_fitter *fitter, const sg_source *source, int want, sg_fit *fit);

/*
 * The same from `starts` starting points, for losses that are not convex (families that are no exponential families;
 * others take one start, whatever is asked): the first is the fitter's reference; number k = 1, 2, .. is away from it
 * by a normal vector (stream `key`) times 1, 2, 4, 1, .. in coordinates in which the Gram matrix of the loss's roots
 * there is the identity, halved until it lies inside the parameter space.  The estimate is that of the least value, of
 * equal ones the first.  Cost: `starts` fits.
 */
typedef struct {
    int starts, best, other, failed; /* taken; that gave the least value to 1e-9, a larger one, none */
    double value;                    /* the mean loss at the estimate; NaN where one start is taken */
} sg_starts;
/* 8, or 1 where the loss is convex. */
int sg_starts_usual(const sg_model *model, const sg_loss *loss);
SG_MUST_CHECK sg_status sg_fit_starts(sg_fitter *fitter, const sg_source *source, int want, int starts, uint64_t key,
                                      sg_fit *fit, sg_starts *report);

/* Factor R of the Dirichlet matrix of the data at theta [full], block by block (triangular update); whiten = R^-1.  For
 * a user's data. */
SG_MUST_CHECK sg_status sg_data_whitening(const sg_model *model, const sg_loss *loss, const double *theta,
                                          const sg_nodes *nodes, const sg_source *source, double *whiten,
                                          double *condition);

/* ------------------------------------------------------------- Monte Carlo */

/* One cell: a model, a sample size, several losses that read the same data (paired). */
typedef struct {
    const sg_model *model;
    int losses;
    const sg_loss *const *loss;
    const sg_asymptotic *const *asymptotic; /* [losses] entries may be NULL (whitening is then the identity) */
    long long n;
    int replicates;
    uint64_t key;             /* data key: sg_cell_key */
    size_t memory;            /* bytes a thread for data kept between passes */
    int threads;              /* <= 0: what OpenMP gives */
    bool kl;                  /* KL of every fit by quadrature */
    bool skip_se;             /* leave out the second pass that gives standard errors (they are then NaN) */
    const volatile int *stop; /* polled between replicates; may be NULL */
    void (*progress)(void *context, int done); /* called by any thread after a replicate, under a lock; may be NULL */
    void *context;
} sg_montecarlo_plan;

/* hash(seed, data text, n) */
uint64_t sg_cell_key(uint64_t seed, const sg_model *model, long long n);

/* What the replicates of one loss gave.  m of the model. */
typedef struct {
    double *theta;   /* [replicates][m] */
    uint8_t *status; /* [replicates] sg_status */
    double *se;      /* [replicates][m] sandwich standard errors of theta_hat */
    double *kl;      /* [replicates]; NaN unless asked for */
} sg_replicates;

typedef struct sg_montecarlo {
    int losses, replicates, m;
    sg_replicates *loss; /* [losses] */
} sg_montecarlo;
/*
 * Runs the replicates under OpenMP; results do not depend on the number of threads.
 * Errors: SG_STOPPED (nothing is returned), SG_NO_MEMORY, errors of set-up.
 */
SG_MUST_CHECK sg_status sg_montecarlo_run(const sg_montecarlo_plan *plan, sg_montecarlo **out);
void sg_montecarlo_delete(sg_montecarlo *montecarlo);
/* One replicate alone, one loss: the same bits as in the run. */
SG_MUST_CHECK sg_status sg_montecarlo_replay(const sg_montecarlo_plan *plan, int loss, int replicate, double *theta,
                                             double *se, double *kl, sg_fit *fit);

/* What a table says of the replicates of one loss. */
typedef struct sg_summary {
    int m, used, failed[SG_STATUS_COUNT]; /* failures by kind; failed[SG_OK] = used */
    double *bias, *bias_se;               /* [m] */
    double *covariance, *covariance_se;   /* [m,m] n Cov(theta_hat) */
    double *coverage, *coverage_se;       /* [m] share of 95 % intervals that hold the truth, over used replicates */
    double *robust;                       /* [m] n (IQR/1.349)^2 */
    double *quantile;                     /* [m][5] of sqrt(n)(theta_hat - theta): 0.025 0.25 0.5 0.75 0.975 */
    /*
     * n Var of v . theta_hat over that of maximum likelihood, v the direction that is worst in theory, with its
     * jackknife standard error; NaN where gamma is not known.  Unbiased for the worst inefficiency, as the largest
     * eigenvalue of n Cov is not (1.5 in place of 1 for 21 parameters and 400 replicates).
     */
    double worst, worst_se;
    double kl_median, kl_mean, kl_mean_se; /* +inf possible */
    double kl_lo, kl_hi;                   /* 2.5 % and 97.5 % quantiles */
    bool asymptotic;                       /* rho/n <= 0.01 */
    sg_status status; /* SG_OK, or SG_BAD_DATA: fewer than 3 usable replicates, no summary over nothing */
} sg_summary;
SG_MUST_CHECK sg_status sg_summary_new(const sg_montecarlo_plan *plan, const sg_montecarlo *montecarlo, int loss,
                                       sg_summary **out);
void sg_summary_delete(sg_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
