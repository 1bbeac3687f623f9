/*
 * scoregap/dictionary.h - one row, one reversible generator L, three readings of it side by side:
 * the loss (what a block of data adds to the estimating equation), the generator (what the spectrum module
 * diagonalizes), the dynamics (one step of the sampler).  A row knows no particular family.
 *
 * For S = grad_theta log p_theta at the truth, every loss here has per-datum gradient psi = c L S and population
 * Hessian |c| H, H = E(S, S^T) the Dirichlet matrix, hence asymptotic covariance H^-1 Cov(L S) H^-1 (KHR section 3, QR
 * section 3).
 */
#ifndef SCOREGAP_DICTIONARY_H
#define SCOREGAP_DICTIONARY_H

#include "scoregap/family.h"

#ifdef __cplusplus
extern "C" {
#endif

/* SG_KINETIC: a position in p and a velocity (underdamped Langevin); not reversible. */
typedef enum { SG_DIFFUSION, SG_JUMP, SG_KERNEL, SG_RESAMPLE, SG_KINETIC } sg_kind;

/* How the loss is fitted on an exponential family; on other families every row is SG_GENERAL. */
typedef enum {
    SG_QUADRATIC,  /* curvature of one datum = sum_a root_a root_a^T, constant in theta: one pass, one solve */
    SG_SUFFICIENT, /* the data enter through the mean of psi alone, at any theta: one pass, Newton on log Z */
    SG_GENERAL     /* Newton with a pass over the data an evaluation */
} sg_fit_kind;

enum { SG_PSI = 1, SG_ROOT = 2, SG_VALUE = 4, SG_CURVATURE = 8, SG_DIRICHLET = 16, SG_NOISE = 32, SG_SCORE = 64 };

/*
 * What a row says of each point of a block, B = SG_BLOCK:
 *   value [B]; psi [m][B] gradient of the loss in theta; root [m][roots][B]: roots of the Dirichlet form, E(S_j,S_k) =
 * E sum_a root_ja root_ka (diffusions: D^{1/2} grad S_j; resampling: S_j - E S_j); curvature [m(m+1)/2][B] packed
 * second theta-derivative of the loss. Members not asked for are NULL.
 */
typedef struct {
    int m, roots, want;
    double *value, *psi, *root, *curvature;
    /*
     * Finite sets (sg_row.sites) give psi and value a point, and of the rest sums over the block, to which the row
     * adds, weighted by block->weight; lower triangles [m,m] column-major: curvature_sum   of the second
     * theta-derivatives of the loss; dirichlet_sum   of the carre du champ Gamma(S_j, S_k), 1/2 sum_y rate(x,y)
     * (S_j(y)-S_j(x))(S_k(y)-S_k(x)) for jumps, whose expectation is H: sums of squares, whatever the loss; noise_sum
     * of Cov(L_v S | x) of one draw v, for losses that draw; and score [m][B] = F - E F (SG_SCORE; E F from `local`).
     */
    double *score, *curvature_sum, *dirichlet_sum, *noise_sum;
    double *scratch; /* [2 roots][B], for the row to use as it likes; NULL unless roots > 1 */
} sg_datum;
/* roots = 0 on finite sets: SG_CURVATURE is then the sum, and sums start at zero. */
size_t sg_datum_bytes(int m, int roots, int want);
SG_MUST_CHECK sg_status sg_datum_take(sg_arena *arena, int m, int roots, int want, sg_datum *datum);

/* Where a row takes its reference theta from (preconditioners that depend on theta). */
typedef enum { SG_AT_TRUTH, SG_AT_GIVEN, SG_AT_PILOT } sg_at;

/* Blocks of sites that are resampled given the rest, block b at rate[b]; bit i of a mask is site i. */
typedef struct {
    int count;
    uint32_t *mask;
    double *rate;
} sg_site_blocks;
/* The same of any number of sites: block b has site[start[b]] .. site[start[b + 1] - 1], ascending. */
typedef struct {
    int count;
    int *start, *site; /* [count + 1] */
    double *rate;
} sg_site_lists;
void sg_site_lists_free(sg_site_lists *lists);

/*
 * What rows on finite sets see of an exponential family: statistics and single-site moves in the free parameters, at
 * one theta and one block at a time.  One a thread; nothing is allocated after sg_site_view_new.  Errors: SG_NO_MEMORY.
 */
typedef struct sg_site_view sg_site_view;
SG_MUST_CHECK sg_status sg_site_view_new(const sg_model *model, sg_site_view **view);
void sg_site_view_delete(sg_site_view *view);
/* theta [full] and the block are borrowed until the next call. */
void sg_site_view_at(sg_site_view *view, const double *theta, const sg_block *block);

/*
 * The transition matrix P of a process in discrete time on the q^n states of n sites, by their codes, in whatever form
 * its row keeps it; reversible in p.  One thread at a time.
 */
typedef struct sg_kernel {
    int n, q;
    /* image = P f, both [q^n], not overlapping; the same bits for every number of threads.  Nothing is allocated. */
    void (*apply)(const struct sg_kernel *kernel, const double *f, double *image);
    void (*release)(struct sg_kernel *kernel);
} sg_kernel;
void sg_kernel_delete(sg_kernel *kernel);

/* D(x) at the points of a block: a multiple of the identity [B], a diagonal [d][B], a packed lower triangle
 * [d(d+1)/2][B]. */
typedef enum { SG_D_SCALAR, SG_D_DIAGONAL, SG_D_MATRIX } sg_d_shape;
/* Rows of [B] that D takes. */
static inline int sg_d_rows(sg_d_shape shape, int d) {
    return shape == SG_D_SCALAR ? 1 : shape == SG_D_DIAGONAL ? d : d * (d + 1) / 2;
}

/*
 * How a loss in R^d that draws (noise and its level, directions) looks at a datum: as points of its own.  They are the
 * `fixed` ones, which depend on no draw, and then `each` points for each of the draws; or those of a rule that stands
 * for the mean over all draws.  psi of a draw = psi at its inner point + the terms of faces.
 */
typedef struct {
    const sg_model *model; /* whose jets the points take: the model itself, or a view of it on more coordinates */
    const sg_model *law;   /* in which the dynamics moves: the same, or the law of noised data; NULL: there is none */
    int draws;             /* M a datum; 0: the mean over all draws, by the rule */
    int normals, uniforms; /* numbers that one draw takes */
    int fixed, each;
    int rule;         /* points of the rule; 0: there is none, and theory takes draws instead */
    bool closed;      /* Cov(L_v S | x) has a closed form: datum adds it to noise_sum at the points of the rule */
    bool independent; /* face and inner point are drawn apart, so that their spreads add up */
    bool own_hessian; /* the mean Hessian of the loss is not the Dirichlet matrix */
} sg_spread;
/* What a point counts for: psi at an inner point has `weight`; a face adds weight * factor * psi there. */
typedef enum {
    SG_POINT_INNER,
    SG_POINT_FIXED, /* face, no draw in it or its mean over draws: goes to all draws */
    SG_POINT_MEAN,  /* face, of the rule, drawn apart from the inner points (sg_spread.independent) */
    SG_POINT_FACE   /* face of the draw whose inner points follow; takes the place of the last such face */
} sg_point_kind;
typedef struct {
    sg_point_kind kind;
    double weight, factor;
} sg_point;

/*
 * An option of a loss that is a real number, and the interval where a design is looked for; where the search starts
 * (NaN: at the option's own value).
 */
#define SG_RANGES_MOST 8
typedef struct {
    char key[32];
    double lo, hi, start;
} sg_range;

struct sg_walk;
typedef struct sg_prepared sg_prepared; /* the row's own constants: opaque, immutable after prepare */

typedef struct sg_row {
    const char *name;                        /* of the loss */
    const char *dynamics;                    /* of the sampler */
    const char *clock;                       /* what happens in one unit of time of the generator */
    const char *generator_formula, *summary; /* for lists and the README's table */
    const sg_field *options;
    size_t options_size;
    sg_kind kind;
    sg_fit_kind fit;   /* on exponential families */
    bool local;        /* datum needs log Z and its derivatives (sg_local) */
    const char *pilot; /* name of the row that gives a pilot; NULL if it never needs one */

    /* Does the loss fit this model (space, capabilities, options)?  SG_MISFIT with a sentence otherwise.  NULL:
     * sampler_only. */
    sg_status (*fits)(const void *options, const sg_model *model);
    /* Where the reference comes from; fills given->v for SG_AT_GIVEN.  NULL: the row needs no reference. */
    sg_at (*reference)(const void *options, sg_reals *given);
    /* Number of roots a parameter (d for diffusions, 1 for resampling). */
    int (*roots)(const sg_model *model);
    /* Jets needed for the readings `want` (SG_PSI ...) of the datum. */
    int (*jets)(const sg_model *model, int want);
    /*
     * Makes the constants at theta [full] with panels of p_theta (either may go after the call; what is kept is
     * copied).  Called once a cell, or once an iteration of a two-step fit, where `*prepared` of the same row and
     * model, if not NULL, is reused without allocating.
     */
    sg_status (*prepare)(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared);
    void (*release)(sg_prepared *prepared);
    /*
     * The loss: fills datum->want from the jet (along any chart) of p_theta at the block.  `local` is NULL unless
     * row->local. In the hot loop: vectorized, no allocation.
     */
    void (*datum)(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *datum);
    /*
     * The loss on finite sets, in place of `datum`: what datum->want asks of the view's block, in the free parameters.
     * psi = factor * L S; where the loss draws (tag) and the block has no tags, the mean over its draws.
     */
    void (*sites)(const sg_prepared *prepared, const sg_local *local, sg_site_view *view, sg_datum *datum);
    double factor; /* c in psi = c L S; 0 stands for 1 */
    /* Does the loss, with these options, treat all sites alike?  NULL: no. */
    bool (*alike)(const void *options, const sg_model *model);
    /* Draws what the loss draws itself, once a datum: tag [block->n].  NULL: it draws nothing. */
    void (*tag)(const sg_prepared *prepared, sg_stream *stream, const sg_block *block, uint32_t *tag);
    /*
     * The generator, by kind.  SG_DIFFUSION: L f = tr(D Hess f) + (div D + D grad log p) . grad f with D(x) positive
     * semidefinite, of a shape that `shape` names (NULL: SG_D_SCALAR), and its divergence, (div D)_b = sum_a d_a D_ab
     * [d][B]; in one dimension all shapes are one.  NULL means D = 1.
     */
    sg_d_shape (*shape)(const sg_prepared *prepared);
    void (*diffusion)(const sg_prepared *prepared, const sg_block *block, double *D, double *div);
    /* Where D_j(x_j) is not smooth, for every coordinate: at [SG_CUTS_MOST], ascending; returns how many.  NULL:
     * nowhere.
     */
    int (*cuts)(const void *options, const sg_model *model, double *at);
    /* Is D the same number everywhere, or diag h(x_j), whatever theta?  What fits by coordinates live on.  NULL: only
     * where there is no `diffusion`. */
    bool (*by_coordinates)(const void *options);
    /*
     * SG_JUMP by single flips of two-state sites: rate of x -> x^i at u_i = log p(x^i) - log p(x), reversible: rate(u)
     * = e^u rate(-u).  Vectorized.  heat_bath: rate = e^u/(1 + e^u).
     */
    void (*rate)(const sg_prepared *prepared, int n, const double *log_ratio, double *rate);
    /*
     * The loss that belongs to these rates: sum_i rho(u_i), rho' = factor * rate.  Value, slope rho' and bend rho''
     * [n]; NULL: not wanted.  Vectorized, finite wherever the result is.
     */
    void (*rho)(int n, const double *u, double *value, double *slope, double *bend);
    bool heat_bath;
    /*
     * SG_JUMP by resampling blocks of sites given the rest: fills blocks->count masks of bits with their rates; arrays
     * by sg_new, freed by the caller.  Errors: SG_MISFIT, SG_OUT_OF_RANGE (options that do not fit the number of
     * sites).
     */
    sg_status (*blocks)(const void *options, const sg_model *model, sg_site_blocks *blocks);
    /* The same blocks as lists.  NULL: blocks of one site each (heat_bath), or none. */
    sg_status (*lists)(const void *options, const sg_model *model, sg_site_lists *lists);
    /*
     * Are these blocks all those of their sizes, at one rate a size?  Then rate [d + 1] is that of all blocks of k
     * sites together, without a list of them; if not, false.  NULL: they are not.
     */
    bool (*sizes)(const void *options, const sg_model *model, double *rate);
    /*
     * The dynamics: one step of size dt of every chain of the block (chain i = point i), leaving p_theta exactly
     * invariant; adds the number of accepted proposals to *accepted.  `scratch` belongs to the caller (sg_walk_new).
     */
    void (*step)(const sg_prepared *prepared, struct sg_walk *walk);
    /*
     * Checks options that were read against each other and brings them into canonical form; NULL: nothing to do.
     * Errors: SG_BAD_SYNTAX (an option without meaning beside the others), SG_BAD_TYPE, SG_OUT_OF_RANGE.
     */
    sg_status (*settle)(void *options);
    /*
     * Do the dynamics exist on this model, whatever becomes of the loss?  (Langevin's diffusion reflected at the ends
     * of an interval, or with a kink in its potential, has a gap and a sampler; score matching is invalid there.)
     * SG_MISFIT with a sentence otherwise.  NULL: wherever the loss fits.
     */
    sg_status (*runs)(const void *options, const sg_model *model);
    /* There is no loss, `fits` is not asked, and `runs` says where the process exists. */
    bool sampler_only;
    /* SG_KINETIC: the friction; the generator is v d_x + (log p)'(x) d_v - friction (v d_v - d_v^2). */
    double (*friction)(const void *options);
    /*
     * Is each parameter estimated at each of its sites, by the loss rho(u_i) of that site alone, and the estimates
     * averaged (option sites=averaged)?  `sites` then gives the sum over all sites.  NULL: no.
     */
    bool (*averaged)(const void *options);
    /* The one site that the loss is of (option sites=I); -1: all of them.  NULL: all. */
    int (*site)(const void *options);
    /*
     * SG_KERNEL: time is discrete and the generator P - 1; the kernel at the theta that was prepared, within `memory`
     * bytes.  Errors: SG_REFUSED (too many sites: says how many are not), SG_NO_MEMORY (says how much it takes).
     * positive: no eigenvalue of P is negative.
     */
    bool positive;
    sg_status (*kernel)(const sg_prepared *prepared, const sg_model *model, size_t memory, sg_kernel **kernel);
    /*
     * Losses in R^d that draw.  `datum` then sees the points of sg_spread, whose coordinates are those of the model and
     * `more` besides, in place of the data; its psi at one inner point is that of one draw but for the faces.
     */
    int more;
    /*
     * All directions are alike to the loss: it turns with the law, so that on a law that is round about a line what it
     * says of a point is a function of the place along the line and the distance from it.  Theory is then by quadrature
     * along the line in any dimension, and `prepare` has the panels along the line.
     */
    bool round;
    void (*spread)(const sg_prepared *prepared, sg_spread *spread);
    /*
     * Point k for each datum of the block: of the draw with these numbers, [normals + uniforms][SG_BLOCK], or with
     * NULL, of the fixed ones and of the rule.  out->x [d + more][SG_BLOCK] has room; sets out->face and may set
     * out->along (to `room` [d][SG_BLOCK], or to the numbers).
     */
    sg_point (*point)(const sg_prepared *prepared, const sg_block *data, int k, const double *numbers, double *room,
                      sg_block *out);
    /*
     * The designs among which a search looks unless it is told others: fills range, the number of them in *count, for
     * a loss that fits the model.  NULL: none.  Errors: those of the model's scales.
     */
    sg_status (*ranges)(const void *options, const sg_model *model, sg_range range[SG_RANGES_MOST], int *count);
    /* Why no estimator has the covariance of the loss with these options ("its ..., a clause"); NULL if one has.  NULL:
     * one always has. */
    const char *(*theory_only)(const void *options);
} sg_row;

extern const sg_row *const sg_rows[]; /* NULL-terminated: the registry */
const sg_row *sg_row_find(const char *loss_name);
const sg_row *sg_row_find_dynamics(const char *dynamics_name);

/* ------------------------------------------------------------------ losses */

/* A row with its options read, and the canonical text of both: "preconditioned:with=stein,direction=erf,at=truth". */
typedef struct sg_loss {
    const sg_row *row;
    void *options;
    char text[256];
} sg_loss;

/*
 * Reads NAME or NAME:option=value,...  Defaults are left out of the canonical text.
 * Errors: SG_UNKNOWN (loss or option, with the nearest), SG_BAD_TYPE, SG_OUT_OF_RANGE, SG_BAD_SYNTAX.
 */
SG_MUST_CHECK sg_status sg_loss_new(const char *text, sg_loss **loss);
void sg_loss_delete(sg_loss *loss);
/* Theory of an estimator needs sg_loss_fits, fits to data sg_loss_estimates; gap, mixing and sampling need sg_loss_runs
 * only. */
SG_MUST_CHECK sg_status sg_loss_fits(const sg_loss *loss, const sg_model *model);
SG_MUST_CHECK sg_status sg_loss_estimates(const sg_loss *loss, const sg_model *model);
/* Is there an estimator, whatever the model?  NULL, or why not (sg_row.theory_only). */
const char *sg_loss_theory_only(const sg_loss *loss);
SG_MUST_CHECK sg_status sg_loss_runs(const sg_loss *loss, const sg_model *model);
/*
 * Events in one unit of time of the generator, over the number of sites: what makes clocks comparable on finite spaces.
 * An event is a site drawn afresh (Glauber, blocks, resampling; it may stay what it was) or, for rates that depend on
 * the state, a jump: then E sum_i rate_i, the mean number in equilibrium, over classes of states or all of them.  NaN
 * on continuous spaces, for kernels (whose clusters have no fixed size), and beyond the states that are enumerated.
 * Errors: those of sg_row.lists, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_loss_updates(const sg_loss *loss, const sg_model *model, double *updates);
/*
 * Points at which a fit looks in one pass over the data, a datum: 1, or those that losses in R^d that draw make of it
 * (of the rule, where they take the mean over all draws).  What a pass costs is this many jets of the law, noised or
 * not.  Errors: those of sg_row.prepare.
 */
SG_MUST_CHECK sg_status sg_loss_points(const sg_loss *loss, const sg_model *model, double *points);
/*
 * Reference theta [full] of the loss when it is the truth or given (a pilot counts as the truth here: its limit).
 * Errors: SG_OUT_OF_RANGE (a wrong count of numbers), SG_NOT_INTEGRABLE.
 */
SG_MUST_CHECK sg_status sg_loss_reference(const sg_loss *loss, const sg_model *model, double *theta, sg_at *at);
/* Prepared constants at sg_loss_reference; builds panels there if the reference is not the truth (`panels` are those of
 * the truth; NULL: not in one dimension), of the same level: two levels then differ by the error of the law and of the
 * constants alike. */
SG_MUST_CHECK sg_status sg_loss_prepare(const sg_loss *loss, const sg_model *model, const sg_panels *panels,
                                        sg_prepared **prepared);
void sg_loss_release(const sg_loss *loss, sg_prepared *prepared);
/*
 * The law that the dynamics leaves invariant, on whose points it moves: `model` itself, or for losses on noised data
 * what sg_spread.law says, which lives as long as `prepared`: (x, beta), or noised data.  With sg_row.more and without
 * `diffusion` the dynamics is Langevin's in that law.  Errors: SG_MISFIT (several noise levels, none of which moves).
 */
SG_MUST_CHECK sg_status sg_loss_law(const sg_loss *loss, const sg_prepared *prepared, const sg_model *model,
                                    const sg_model **law);
/* sg_row.cuts */
int sg_loss_cuts(const sg_loss *loss, const sg_model *model, double at[SG_CUTS_MOST]);
/* log D at the nodes of panels [n], for kind SG_DIFFUSION (zeros where D = 1).  Errors: SG_MISFIT (another kind),
 * SG_UNDERFLOW (D not finite or 0). */
SG_MUST_CHECK sg_status sg_loss_log_diffusion(const sg_loss *loss, const sg_prepared *prepared, const sg_panels *panels,
                                              double *log_d);

/* ---------------------------------------------------------------- dynamics */

/* Up to SG_BLOCK chains that take steps together. */
typedef struct sg_walk {
    const sg_model *model;
    const double *theta;       /* [full] */
    const sg_sampler *sampler; /* for rows that resample */
    double dt;
    sg_stream stream;
    sg_block block; /* the chains' states */
    long long proposed, accepted;
    sg_arena *arena;  /* scratch of the steps */
    double *velocity; /* [d][SG_BLOCK] standard normal at the start; NULL on finite spaces */
} sg_walk;

/*
 * `chains` chains of the row's dynamics at theta, on the law `model` (sg_loss_law), started by exact draws from p_theta
 * (so stationary from the first step). Key and replicate fix every number drawn; chain i does not depend on how many
 * chains there are (but for samplers by composition). dt > 0; the step of mle draws afresh with probability 1 -
 * exp(-dt), so INFINITY gives independent draws.  On finite sets a step is the process itself over a time dt, without
 * error, and without a sampler all sites start in state 0: at x = -1 where they have two (x = -1 or +1), otherwise at x
 * = 0.  Errors: SG_OUT_OF_RANGE (chains, dt), SG_MISFIT (no sampler), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_walk_new(const sg_model *model, const double *theta, const sg_sampler *sampler, int chains,
                                    uint64_t key, uint32_t replicate, double dt, sg_walk **walk);
void sg_walk_delete(sg_walk *walk);
/*
 * Is dt a time step of these dynamics?  A SG_KERNEL row takes dt updates a step, which must be a whole number: dt = 1
 * is one update, and a step of dt = k is k steps of dt = 1, bit by bit.  Errors: SG_OUT_OF_RANGE.
 */
SG_MUST_CHECK sg_status sg_walk_time(const sg_loss *loss, double dt);
/* Takes `steps` steps; the stream advances one block a step (one an update for SG_KERNEL rows). */
void sg_walk_advance(const sg_loss *loss, const sg_prepared *prepared, sg_walk *walk, int steps);

#ifdef __cplusplus
}
#endif
#endif
