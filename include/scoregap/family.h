/*
 * scoregap/family.h - parametric families: derivatives of log p in x and theta, support, integrability, exact sampler,
 * quadrature.  A family knows no loss.
 *
 * A family has `full` parameters; a model has some of them free (key free=).  Everything a family computes is in full
 * coordinates theta [full], of which the parameters by name are linear combinations (mostly: the same); a chart (below)
 * selects and scales the free ones, so that no family and no row ever does.
 */
#ifndef SCOREGAP_FAMILY_H
#define SCOREGAP_FAMILY_H

#include "scoregap/numeric.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------- spaces and blocks */

typedef enum { SG_LINE, SG_INTERVAL, SG_CIRCLE, SG_RD, SG_ORTHANT, SG_SPHERE, SG_FINITE } sg_shape;
typedef struct {
    sg_shape shape;
    int d;         /* dimension, or number of sites */
    int q;         /* states a site, 0 on continuous spaces */
    double lo, hi; /* ends of the line or interval */
    bool tempered; /* the last coordinate is the noise level beta */
} sg_space;

#define SG_BLOCK 256 /* points a block: the arrays of a block of a few parameters stay in the first-level cache */

/* Structure of arrays: coordinate a of point i is x[a * SG_BLOCK + i].  The draws that belong to one datum are
 * adjacent. */
typedef struct {
    int n, d;
    int draws;            /* points a datum, 1 when nothing is drawn */
    double *x;            /* [d][SG_BLOCK], 64-byte aligned */
    const double *weight; /* [n] of quadrature; NULL for data */
} sg_block;

/* What a jet may hold; asked for by bits. */
enum {
    SG_LOGP = 1,    /* log p_theta up to log Z(theta) (exactly, when the family is SG_NORMALIZED) */
    SG_DX = 2,      /* grad_x log p */
    SG_DXX = 4,     /* second x-derivatives, packed lower triangle */
    SG_DT = 8,      /* grad_theta log p before subtracting grad log Z: the statistics F of an exponential family */
    SG_DT_DX = 16,  /* grad_x of it */
    SG_DT_DXX = 32, /* second x-derivatives of it, packed */
    SG_DTT = 64,    /* second theta-derivatives, packed; these three are zero for an exponential family */
    SG_DTT_DX = 128,
    SG_DTT_DXX = 256,
    SG_JET_ALL = 511
};

/*
 * Derivatives of log p at the points of a block.  With B = SG_BLOCK, D = d(d+1)/2, M = m(m+1)/2 (packed pairs (j,k), k
 * <= j, at j(j+1)/2 + k): logp [B]  dx [d][B]  dxx [D][B]  dt [m][B]  dt_dx [m][d][B]  dt_dxx [m][D][B]  dtt [M][B]
 * dtt_dx [M][d][B]  dtt_dxx [M][D][B] Members not asked for are NULL.  All 64-byte aligned; a family may fill the
 * padding from n to B with anything finite or not.
 */
typedef struct {
    int m, d, want;
    double *logp, *dx, *dxx, *dt, *dt_dx, *dt_dxx, *dtt, *dtt_dx, *dtt_dxx;
} sg_jet;

/* Takes the arrays of a jet from an arena; sg_jet_bytes tells how much.  Errors: SG_NO_MEMORY (arena full). */
size_t sg_jet_bytes(int m, int d, int want);
SG_MUST_CHECK sg_status sg_jet_take(sg_arena *arena, int m, int d, int want, sg_jet *jet);

/* ---------------------------------------------------- families and models */

enum {
    SG_LINEAR = 1 << 0,     /* exponential family: log p linear in theta, DTT zero */
    SG_NORMALIZED = 1 << 1, /* logp is normalized: log Z = 0 for every theta */
    SG_NODES = 1 << 2,      /* expectations by quadrature or enumeration */
    SG_SAMPLER = 1 << 3,    /* exact draws */
    SG_STATES = 1 << 4,     /* finite space, states() */
    SG_HARD = 1 << 5,       /* some of its states are forbidden, p = 0 */
    SG_RATES = 1 << 6,      /* a Markov chain by its rates(): no density and no loss, the process alone */
    SG_KINK = 1 << 8        /* the gradient of log p jumps somewhere: integration by parts loses a term there */
};

typedef struct sg_family sg_family;
typedef struct sg_model {
    const sg_family *family;
    sg_space space;
    int full;          /* parameters of the family */
    int m;             /* free ones */
    int *free;         /* [m] their indices, ascending in the order of the family */
    double *direction; /* [full][m] row-major: column j is how theta moves when free parameter j moves by one; NULL in
                          models so large that it is not stored: each free parameter is a coordinate */
    double *truth;     /* [full] coordinates */
    double *named;     /* [full] the same point in the parameters by name */
    double *to_named;  /* [full][full] row-major, coordinates to parameters; NULL: they are the same */
    char text[512];    /* canonical: "bimodal(a=3,free=base/erf)" (default free is written out) */
    void *own;         /* the family's numbers */
    bool moved;        /* the truth was replaced by sg_model_set_truth */
} sg_model;            /* immutable after it is made; shared by threads */

/*
 * The classes of states under a symmetry of p: class a holds exp(log_size[a]) states, each of the same log p = log_p[a]
 * (up to log Z); a state of class from[e] has flips[e] single-site neighbours in class to[e].  So a single-flip process
 * with rates that depend on log-ratios is a chain on classes, at rate flips[e] * rate(log_p[to] - log_p[from]).
 */
typedef struct {
    int classes, edges;
    double *log_p, *log_size; /* [classes] */
    int *from, *to;           /* [edges] */
    double *flips;            /* [edges] */
    bool path;                /* class k has neighbours k - 1 and k + 1 only */
    bool attractive;          /* p is attractive (after a fixed change of signs) and the symmetry keeps the order */
    char symmetry[128];       /* "permutations of the sites", for the method's text */
    char reason[160]; /* why the gap of the heat bath is that of the classes, where attractive does not say it */
    bool counts;      /* class k: all states with k sites in state 1 (k = 0 .. d) */
} sg_lumped;
/* `reason` empty, not attractive, no path.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_lumped_new(int classes, int edges, sg_lumped **lumped);
void sg_lumped_delete(sg_lumped *lumped);

#define SG_NAME 32
#define SG_LANDMARKS 16
typedef struct {
    int count;
    double at[SG_LANDMARKS], scale[SG_LANDMARKS];
} sg_landmarks;

/* The normals of which a law on the line is the mixture. */
#define SG_COMPONENTS 16
typedef struct {
    int count;
    double weight[SG_COMPONENTS], mean[SG_COMPONENTS], sd[SG_COMPONENTS];
} sg_components;

/* A Markov chain on 0 .. n-1: `edges` directed transitions from[e] -> to[e] at rate speed * exp(log_rate[e]). */
typedef struct {
    int n;
    long long edges;
    const int *from, *to;
    const double *log_rate;
    double speed;
} sg_rates;

/*
 * Couplings of pairs of sites at a theta: for q = 2, x = -1 or +1,
 *     log p(x) = sum_e J_e x_i x_j + sum_i field_i x_i + constant;
 * for q > 2 states a site J_e stands before 1{x_i = x_j} instead, and field is NULL.  No pair of sites stands twice.
 */
typedef struct {
    int n, q, edges;
    int *i, *j;    /* [edges] the sites of a pair, i != j */
    double *J;     /* [edges], any sign, may be 0 */
    double *field; /* [n] */
} sg_pairs;
#define SG_PAIRS_MOST (1 << 24)
/* The arrays in one block of memory, zeroed.  Errors: SG_OUT_OF_RANGE (more than SG_PAIRS_MOST), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_pairs_new(int n, int q, long long edges, sg_pairs *pairs);
void sg_pairs_free(sg_pairs *pairs); /* allowed on zeroed ones */

struct sg_family {
    const char *name;
    const char *summary;  /* one line: the density */
    const sg_field *keys; /* NULL-key terminated; roles SG_STRUCTURE and SG_TRUTH; `free` is added by the registry */
    size_t keys_size;
    uint32_t can;
    const char *free_initial;  /* "all" or a group or list of names */
    const char *const *groups; /* name, list, name, list, ..., NULL: further words that free= accepts; may be NULL */
    /* Fills space, full, truth (of the parameters by name) and own from the struct of keys.  The registry frees truth
     * and own with sg_delete. */
    sg_status (*make)(const void *keys, sg_model *model);
    void (*parameter)(const sg_model *model, int index, char name[SG_NAME]);
    /*
     * Parameters by name are linear combinations of the coordinates theta [full] in which everything else here is
     * expressed: how the coordinates move [full] when parameter `index` moves by one, beside other free parameters or
     * `alone` (then it may hold something else fixed).  NULL: each parameter is a coordinate.  Bimodal: coordinates are
     * the weights of b and of erf x; its parameter erf moves both (F_2 = b + erf x), alone only the second, which keeps
     * the weight of b and makes the score monotone.
     */
    void (*direction)(const sg_model *model, int index, bool alone, double *direction);
    /* Fills what jet->want asks for (jet->m = model->full).  Loops over the block vectorize; nothing is allocated. */
    void (*jet)(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet);
    /* Is p_theta integrable (and are weights in (0,1))?  Any theta, also not finite. */
    bool (*inside)(const sg_model *model, const double *theta);
    /* Modes, barriers, narrow features at theta, for the panels; may be rough. */
    void (*landmarks)(const sg_model *model, const double *theta, sg_landmarks *marks);
    /*
     * Finite spaces of d sites with two states each: log p, up to log Z, of the `count` consecutive states with codes
     * first, first + 1, ...  Bit i of a code is the state of site i (spins: 1 for +1).  -INFINITY where p = 0.  Fast:
     * it is called for all 2^d states.
     */
    void (*states)(const sg_model *model, const double *theta, uint64_t first, int count, double *logp);
    /* Classes under a symmetry, for sizes that cannot be enumerated.  NULL or SG_REFUSED: none is known. */
    sg_status (*lump)(const sg_model *model, const double *theta, sg_lumped **lumped);
    /* Exact draws by composition: fills block->x for block->n points.  NULL: by the inverse distribution table. */
    void (*draw)(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block);
    /*
     * Checks keys that were read against each other and brings them into canonical form, before make; NULL: nothing to
     * do.  Errors: SG_BAD_SYNTAX (a key without meaning beside the others), SG_OUT_OF_RANGE, SG_CANNOT_READ,
     * SG_BAD_DATA.
     */
    sg_status (*settle)(void *keys);
    /* Has this key no meaning beside the others?  It is then left out of the canonical text.  NULL: every key has one.
     */
    bool (*idle)(const void *keys, const char *key);
    /* The law at theta as a mixture of normals; NULL: it is none. */
    void (*components)(const sg_model *model, const double *theta, sg_components *out);
    /*
     * Two-state sites: log p(x^i) - log p(x) for point `point` of the block, x^i being x with site i flipped; x has
     * positive probability, -INFINITY where x^i has not.  What single-site dynamics live on: O(neighbours of i).
     */
    double (*log_ratio)(const sg_model *model, const double *theta, const sg_block *block, int point, int site);
    /* The transitions of a SG_RATES family; arrays belong to the model. */
    void (*rates)(const sg_model *model, const double *theta, sg_rates *out);
    /*
     * Finite spaces whose law has couplings of pairs and fields only: fills `out`, which the caller frees by
     * sg_pairs_free.  Errors: those of sg_pairs_new.
     */
    sg_status (*pairs)(const sg_model *model, const double *theta, sg_pairs *out);
};

extern const sg_family *const sg_families[];       /* NULL-terminated: the registry */
const sg_family *sg_family_find(const char *name); /* NULL if unknown (no message) */

/*
 * Model from text: family name and pairs key=value; free=NAME/NAME/.. or a group or all.
 * Errors: SG_UNKNOWN (family, key or free name, with the nearest), SG_BAD_TYPE, SG_OUT_OF_RANGE, SG_BAD_SYNTAX,
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_model_new(const char *family, int count, const sg_pair *pairs, sg_model **model);
void sg_model_delete(sg_model *model);

/*
 * The same model with another truth: `theta` has m entries (free parameters) or full entries (all parameters).
 * Errors: SG_OUT_OF_RANGE (wrong count), SG_NOT_INTEGRABLE.
 */
SG_MUST_CHECK sg_status sg_model_set_truth(sg_model *model, int count, const double *theta);

/* sg_family.direction, or the unit vector.  Stein kernels belong to the direction of a parameter alone. */
void sg_model_direction(const sg_model *model, int index, bool alone, double *direction);
/* Coordinates [full] of a point given by all its parameters [full]. */
void sg_model_coordinates(const sg_model *model, const double *named, double *theta);
/* The free parameters [m] of a point given by its coordinates [full]; linear, so that it also takes directions. */
void sg_model_free(const sg_model *model, const double *theta, double *free_theta);

/* Coordinates theta [full] of the truth with the free parameters moved to free_theta [m] along their directions. */
void sg_model_expand(const sg_model *model, const double *free_theta, double *theta);
/* Name of free parameter j. */
void sg_model_parameter(const sg_model *model, int j, char name[SG_NAME]);
/* Text of structure and truth keys and of truth values, without free=: what the data depend on.  Written to text
 * [size]. */
void sg_model_data_text(const sg_model *model, size_t size, char *text);
/* Number of jet calls a block of quadrature needs is hidden here: panels of p_theta with tests F, F', F''; see
 * sg_panels_new for `level`. */
SG_MUST_CHECK sg_status sg_model_panels(const sg_model *model, const double *theta, int level, sg_panels **panels);
/* The same cut at another depth (sg_panels_new; 200 above): what a deeper cut changes is the error of the cut. */
SG_MUST_CHECK sg_status sg_model_panels_deep(const sg_model *model, const double *theta, double depth, int level,
                                             sg_panels **panels);

/* ------------------------------------------------------------------ charts */

/*
 * Linear coordinates on the free parameters: theta = origin + basis delta, basis [full][m] row-major (row of parameter
 * i at basis + i*m). With basis = direction * R^-1, R the factor of the Dirichlet matrix, the derivatives along delta
 * are the whitened statistics, in which Gram sums are well conditioned.
 */
typedef struct sg_chart {
    int full, m;
    double *origin; /* [full] */
    double *basis;  /* [full][m] */
} sg_chart;
/* origin = theta [full]; whiten [m,m] column-major (NULL: identity): basis = direction * whiten. */
SG_MUST_CHECK sg_status sg_chart_new(const sg_model *model, const double *theta, const double *whiten,
                                     sg_chart **chart);
void sg_chart_delete(sg_chart *chart);
/* theta [full] = origin + basis delta */
void sg_chart_theta(const sg_chart *chart, const double *delta, double *theta);

/*
 * Jet along the chart at theta: calls the family, then contracts every theta-index with the basis.  `raw` has m = full,
 * `jet` m = chart->m; both want the same.  A chart that is the identity on all parameters is passed through without
 * copying (jet then aliases raw).
 */
void sg_chart_jet(const sg_model *model, const sg_chart *chart, const double *theta, const sg_block *block, sg_jet *raw,
                  sg_jet *jet);

/* --------------------------------------------- log-partition and sampling */

/* log Z(theta) and its derivatives along a chart: what likelihood needs.  All zero for SG_NORMALIZED families. */
typedef struct {
    double log_z;
    double *gradient; /* [m]   E_theta DT */
    double *hessian;  /* [m,m] Cov_theta DT (+ E DTT outside exponential families) */
} sg_local;           /* arrays belong to the caller */

/*
 * Evaluates sg_local near a reference theta, the chart's origin, on the nodes of `panels` (which were built there;
 * chart and panels are borrowed by sg_partition_new only, panels may be NULL for SG_NORMALIZED).  For exponential
 * families the statistics along the chart are kept at the nodes, so that one evaluation is one exp and m(m+3)/2 sums a
 * node: about 5 us for bimodal, without allocation.  Far from the reference, where the nodes do not carry p_theta,
 * panels are built for that one evaluation (about 0.5 ms, allocates).  Panels lighter than e^-75 of the heaviest node
 * are left out of the sums. One object a thread (it holds scratch).  A NULL gradient or hessian is not wanted.
 * sg_partition_new errors: SG_REFUSED for a family that is neither linear nor normalized, SG_NO_MEMORY.
 * sg_partition_at errors: SG_NOT_INTEGRABLE when theta is not inside, or p_theta is not resolved by the panels and
 * panels rebuilt at theta fail too.
 */
typedef struct sg_partition sg_partition;
SG_MUST_CHECK sg_status sg_partition_new(const sg_model *model, const sg_chart *chart, const sg_panels *panels,
                                         sg_partition **partition);
void sg_partition_delete(sg_partition *partition);
SG_MUST_CHECK sg_status sg_partition_at(sg_partition *partition, const double *delta, sg_local *local);

/*
 * Exact sampler of p_theta; immutable, shared by threads.  `panels` of p_theta are borrowed by sg_sampler_new only;
 * NULL: built there if needed.  On spins (x = -1 or +1): by classes where p depends on the number of +1 sites alone,
 * otherwise by all states, up to 20 sites.  The model must outlive it.  Errors: SG_NOT_INTEGRABLE, SG_NO_MEMORY,
 * SG_REFUSED (no exact draws: larger spin models), and those of sg_model_panels.
 */
typedef struct sg_sampler sg_sampler;
SG_MUST_CHECK sg_status sg_sampler_new(const sg_model *model, const double *theta, const sg_panels *panels,
                                       sg_sampler **sampler);
void sg_sampler_delete(sg_sampler *sampler);
/* Fills block->x for block->n points from the stream (which the caller has put at its block). */
void sg_sampler_draw(const sg_sampler *sampler, sg_stream *stream, sg_block *block);
double sg_sampler_error(
    const sg_sampler *sampler); /* bound on the error of the distribution function; 0 for exact composition */

#ifdef __cplusplus
}
#endif
#endif
