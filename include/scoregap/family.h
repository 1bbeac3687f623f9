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
    int d;         /* dimension, or number of sites; SG_SPHERE: unit vectors in R^d */
    int q;         /* states a site, 0 on continuous spaces */
    double lo, hi; /* ends of the line or interval */
    bool tempered; /* the last coordinate is the noise level beta, in [0, top] */
    double top;
} sg_space;

#define SG_BLOCK 256 /* points a block: the arrays of a block of a few parameters stay in the first-level cache */

/* Structure of arrays: coordinate a of point i is x[a * SG_BLOCK + i].  The draws that belong to one datum are
 * adjacent. */
typedef struct {
    int n, d;
    int draws;            /* points a datum, 1 when nothing is drawn */
    double *x;            /* [d][SG_BLOCK], 64-byte aligned */
    const double *weight; /* [n] of quadrature, or how often a datum occurs; NULL: 1 each */
    /*
     * Finite sets, models whose sites are alike (sg_model_exchangeable): [n] how many sites are in state 1, in place of
     * x, which is then NULL.
     */
    const double *count;
    const uint32_t *tag; /* [n] what a loss drew for each datum (a mask); NULL: nothing is drawn */
    const double *along; /* [d][SG_BLOCK] a direction that a loss drew at each point; NULL: none */
    bool face;           /* these points lie on a face of a lifted space, where the loss has its boundary term */
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
    SG_JET_ALL = 511,
    SG_DIAGONAL = 512 /* second x-derivatives: only those twice along one axis (families that are SG_DIAGONALS) */
};

/*
 * Derivatives of log p at the points of a block.  With B = SG_BLOCK, D = d(d+1)/2, M = m(m+1)/2 (packed pairs (j,k), k
 * <= j, at j(j+1)/2 + k): logp [B]  dx [d][B]  dxx [D][B]  dt [m][B]  dt_dx [m][d][B]  dt_dxx [m][D][B]  dtt [M][B]
 * dtt_dx [M][d][B]  dtt_dxx [M][D][B]; with SG_DIAGONAL, D = d.  Members not asked for are NULL.  All 64-byte aligned;
 * a family may fill the padding from n to B with anything finite or not.
 */
typedef struct {
    int m, d, want;
    double *logp, *dx, *dxx, *dt, *dt_dx, *dt_dxx, *dtt, *dtt_dx, *dtt_dxx;
    const int *parameter; /* [m] of which parameters, ascending (families that are SG_CHOICE); NULL: of all */
} sg_jet;

/* Rows of second x-derivatives, D above. */
static inline int sg_jet_seconds(const sg_jet *jet) {
    return jet->want & SG_DIAGONAL ? jet->d : jet->d * (jet->d + 1) / 2;
}

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
    SG_CHOICE = 1 << 7,     /* jets may be of some parameters only (sg_jet.parameter), also those of smooth() */
    SG_DIAGONALS = 1 << 9,  /* jets, also those of smooth(), may be SG_DIAGONAL */
    SG_KINK = 1 << 8        /* the gradient of log p jumps somewhere: integration by parts loses a term there */
};

struct sg_factors;
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
    /*
     * More than two states: [edges] which sites of the class move.  The edges of a class with the same `site` are the
     * q - 1 moves that each of these sites has, and stand one after the other.  NULL: two states.
     */
    int *site;
    int *
        composition; /* [classes][q] the numbers of sites in each state, where a class is all states with these; NULL */
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

/* The same in several dimensions: centres, and widths along the axes. */
typedef struct {
    int count;
    double at[SG_LANDMARKS][SG_CUBATURE_AXES], scale[SG_LANDMARKS][SG_CUBATURE_AXES];
    bool logarithmic; /* on the orthant, p or its statistics are not smooth at the faces: cubature goes in log x */
} sg_places;

/* The normals of which a law on R^d is the mixture, in one block of memory, for sg_delete. */
#define SG_COMPONENTS 16
typedef struct {
    int d, count;
    double *weight, *mean, *covariance; /* [count], [count][d], [count][d][d] */
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

/*
 * Exponential families of pairs of coordinates, with functions g and v of one coordinate,
 *     log p = -1/2 sum_jk K_jk g(x_j) g(x_k) + sum_j eta_j v(x_j),   K symmetric:
 * theta is K_jk, k <= j, at j(j+1)/2 + k, and then eta_j (full = d(d+1)/2: no eta).  The functions and their first and
 * second derivatives at the points of a block, [d][SG_BLOCK] each; v is not touched where there is no eta.
 */
typedef struct {
    double *g, *g1, *g2, *v1, *v2;
} sg_interactions;

/* A family's own sampler, where draws take set-up; immutable, shared by threads. */
typedef struct sg_own_sampler {
    void (*draw)(const struct sg_own_sampler *sampler, sg_stream *stream, sg_block *block);
    void (*release)(struct sg_own_sampler *sampler);
    double error;     /* of sg_sampler_error */
    char method[160]; /* of sg_sampler_method */
} sg_own_sampler;

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
    /* Frees what own points to, before own itself; also after a make that failed.  NULL: nothing. */
    void (*release)(sg_model *model);
    void (*parameter)(const sg_model *model, int index, char name[SG_NAME]);
    /*
     * Parameters by name are linear combinations of the coordinates theta [full] in which everything else here is
     * expressed: how the coordinates move [full] when parameter `index` moves by one, beside other free parameters or
     * `alone` (then it may hold something else fixed).  NULL: each parameter is a coordinate.  Bimodal: coordinates are
     * the weights of b and of erf x; its parameter erf moves both (F_2 = b + erf x), alone only the second, which keeps
     * the weight of b and makes the score monotone.
     */
    void (*direction)(const sg_model *model, int index, bool alone, double *direction);
    /*
     * Fills what jet->want asks for (jet->m = model->full, unless jet->parameter tells which).
     * Loops over the block vectorize; nothing is allocated.  On
     * spheres x-derivatives are those of log p as it is written, in all d coordinates.
     */
    void (*jet)(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet);
    /* Is p_theta integrable (and are weights in (0,1))?  Any theta, also not finite. */
    bool (*inside)(const sg_model *model, const double *theta);
    /* Modes, barriers, narrow features at theta, for the panels; may be rough. */
    void (*landmarks)(const sg_model *model, const double *theta, sg_landmarks *marks);
    /* The same for cubature in up to SG_CUBATURE_AXES dimensions, at least one place.  NULL: in one dimension. */
    void (*places)(const sg_model *model, const double *theta, sg_places *places);
    /*
     * Spheres: an orthonormal frame in which the law is plain, row a of axes [d,d] its a-th axis: modes, rings and
     * saddles lie on axes and on the planes between them.  *sharp: about how large second derivatives of log p along
     * the sphere become.  *axial: p depends on the coordinate along the last of the axes alone.
     */
    void (*frame)(const sg_model *model, const double *theta, double *axes, double *sharp, bool *axial);
    /*
     * Finite spaces of d sites with q states each: log p, up to log Z, of the `count` consecutive states with codes
     * first, first + 1, ...; a code is sum_i s_i q^i, s_i = 0 .. q - 1 the state of site i (two states: bit i, spins: 1
     * for +1).  -INFINITY where p = 0.  Fast: it is called for all q^d states, by several threads at once, and the
     * same code has the same bits in every call.
     */
    void (*states)(const sg_model *model, const double *theta, uint64_t first, int count, double *logp);
    /* Classes under a symmetry, for sizes that cannot be enumerated.  NULL or SG_REFUSED: none is known. */
    sg_status (*lump)(const sg_model *model, const double *theta, sg_lumped **lumped);
    /*
     * Product laws: coordinate `coordinate` has the law of the line model that is returned, at the entries of theta
     * from *first on, and is independent of the others.  Draws are then made coordinate by coordinate.  NULL: none.
     */
    const sg_model *(*factor)(const sg_model *model, int coordinate, int *first);
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
    /* The law at theta as a mixture of normals; NULL: it is none.  Errors: SG_NO_MEMORY. */
    sg_status (*components)(const sg_model *model, const double *theta, sg_components **out);
    /*
     * The law convolved with a normal law of variance t in every coordinate, p_t = p_theta * N(0, t I), as a function
     * of x and t >= 0: fills the jet in d + 1 coordinates, x first and t last (dx [d + 1], dxx packed over d + 1, ...),
     * normalized, for a block of d + 1 coordinates.  By the heat equation d_t log p_t = (Lap log p_t + |grad log
     * p_t|^2)/2.  What losses on noised data live on.  NULL: no closed form.
     */
    void (*smooth)(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet);
    /*
     * Two-state sites: log p(x^i) - log p(x) for point `point` of the block, x^i being x with site i flipped; x has
     * positive probability, -INFINITY where x^i has not.  What single-site dynamics live on: O(neighbours of i).
     */
    double (*log_ratio)(const sg_model *model, const double *theta, const sg_block *block, int point, int site);
    /*
     * Finite sets, exponential families: the coordinates whose statistics depend on site `site`, ascending, how many in
     * *count; the list belongs to the model.  NULL: all coordinates, at every site.
     */
    const int *(*touched)(const sg_model *model, int site, int *count);
    /*
     * Finite sets: y is x with site `site` in its `move`-th other state, move = 1 .. q - 1: state (s + move) mod q
     * where x has s (two states: flipped).  log_ratio [SG_BLOCK] = log p(y) - log p(x), -INFINITY where p(y) = 0 < p(x)
     * (where p(x) = 0: anything but a NaN); difference [touched][SG_BLOCK] = F_a(y) - F_a(x) of the touched
     * coordinates, finite (NULL: not wanted).  Vectorized, not more work than the touched coordinates need, nothing
     * allocated.  NULL: by sg_family.jet at x and at y.
     */
    void (*move)(const sg_model *model, const double *theta, const sg_block *block, int site, int move,
                 double *log_ratio, double *difference);
    /*
     * Models on two-state sites whose free statistics and log p depend on the number of sites in state 1 alone.  NULL:
     * none.  Then `counted` gives log p of one state with k[i] such sites, logp [SG_BLOCK], and its statistics dt
     * [full][SG_BLOCK] (NULL: not wanted, either of them), for n <= SG_BLOCK numbers k.
     */
    bool (*exchangeable)(const sg_model *model);
    void (*counted)(const sg_model *model, const double *theta, int n, const double *k, double *logp, double *dt);
    /*
     * A closed form of log Z(theta) and of its derivatives in the coordinates, gradient [full] and hessian [full,full]
     * (NULL: not wanted), at a theta inside.  On continuous spaces it stands before quadrature wherever log Z is
     * wanted. NULL or SG_REFUSED: none; on finite sets the factors may give it (below).
     */
    sg_status (*log_z)(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian);
    /* The transitions of a SG_RATES family; arrays belong to the model. */
    void (*rates)(const sg_model *model, const double *theta, sg_rates *out);
    /*
     * Finite sets: log p of the q states of site `site` at point `point` of the block, the other sites as they are, up
     * to a constant: logp [q] in the order of codes.  What single-site dynamics with more than two states live on:
     * O(neighbours + q).  NULL: by `move`.
     */
    void (*conditional)(const sg_model *model, const double *theta, const sg_block *block, int point, int site,
                        double *logp);
    /*
     * Finite sets, exponential families: log p (up to a constant) and the statistics F of all coordinates, the sums, as
     * factors (below).  In each of them log p is a constant, or -INFINITY, plus sum_a theta_a F_a.  NULL or SG_REFUSED:
     * they are no sums of functions of a few sites.
     */
    sg_status (*factors)(const sg_model *model, const double *theta, struct sg_factors **factors);
    /*
     * Finite spaces whose law has couplings of pairs and fields only: fills `out`, which the caller frees by
     * sg_pairs_free.  Errors: those of sg_pairs_new.
     */
    sg_status (*pairs)(const sg_model *model, const double *theta, sg_pairs *out);
    /*
     * The orthant: as x_j -> 0, p ~ x_j^density, and the derivatives along x_j of statistics are O(x_j^slope), for the
     * worst j.  NULL: neither vanishes nor grows.
     */
    void (*faces)(const sg_model *model, const double *theta, double *density, double *slope);
    /* Families of pairs of coordinates (sg_interactions): fits by diffusions then need no jets.  NULL: others. */
    void (*interactions)(const sg_model *model, const sg_block *block, sg_interactions *out);
    /*
     * The sampler at theta, exact or by a chain (it says which).  NULL: by `draw`, or as the space has it.  Errors:
     * SG_REFUSED (no chain that forgets its start), SG_NO_MEMORY.
     */
    sg_status (*sampler)(const sg_model *model, const double *theta, sg_own_sampler **out);
};

extern const sg_family *const sg_families[];       /* NULL-terminated: the registry */
const sg_family *sg_family_find(const char *name); /* NULL if unknown (no message) */

/*
 * Model from text: family name and pairs key=value; free=NAME/NAME/.. or a group or all; NAME may be PREFIX*.
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
/* The same with edges of panels at `cuts` <= SG_CUTS_MOST points `at` inside the space, where a function of a loss has
 * a kink. */
#define SG_CUTS_MOST 8
SG_MUST_CHECK sg_status sg_model_panels_cut(const sg_model *model, const double *theta, double depth, int level,
                                            int cuts, const double *at, sg_panels **panels);

/* ------------------------------------------------------------------- nodes */

/*
 * Where expectations under p_theta are taken: E f = sum_k mass_k f(x_k).
 * On the line: the nodes of sg_model_panels (level as there).
 * In two or three dimensions, for families with sg_family.places, and on the orthant: those of cubature
 * (sg_cubature_new, level as there). On spheres those of sg_cubature_sphere, for statistics that are linear in x around
 * an axis only as far as it is exact. On other continuous spaces of more than one dimension: `drawn`, points of equal
 * mass from sg_sampler_new, 2^(16 + level) of them, or as many as take SG_DRAWN_BYTES times 2^level.  They are a
 * function of sg_model_data_text, theta and level; no two levels share a point.  They make `groups` of n / groups
 * consecutive points, whole blocks, for a jackknife; groups are independent when the sampler's blocks are, which exact
 * samplers' are.  Every expectation then has a standard error of order n^-1/2, which is the caller's to find and to
 * state. On finite sets, exactly: node k is the state with code k (site i in state (k / q^i) mod q; with two states x =
 * -1 or +1, otherwise x = 0 .. q - 1), states that are forbidden have mass 0.  With `alike`, for a model whose sites
 * are alike, node k = 0 .. d stands for all states with k sites in state 1 (their mass together), and blocks have
 * `count` in place of x.  A mass has the relative error of exp(log p): a few eps, and eps |log p| for the rounding of
 * log p.
 */
typedef struct sg_nodes {
    const sg_model *model;
    long long n;
    sg_panels *panels;   /* on the line */
    sg_cubature *points; /* in more dimensions */
    bool logarithmic;    /* cubature went in log x (sg_places) */
    bool drawn;
    int groups;      /* drawn */
    double *x;       /* [d][n] drawn, or beside a line */
    double *logp;    /* [n] of these: log p where the family is SG_NORMALIZED or has a closed log Z; otherwise NULL */
    sg_panels *line; /* of laws that are round about a line: the panels along it, beside which the nodes lie */
    double *mass;    /* [n]; its own on finite sets and where drawn */
    double log_z;    /* of finite sets: log sum p; otherwise 0 */
    bool alike;
} sg_nodes;
#define SG_DRAWN_BYTES ((size_t)1 << 28)
enum { SG_DRAWN_GROUPS = 16 };
enum { SG_STATES_MOST = 1 << 26 }; /* states that are enumerated */
/*
 * Cost where drawn: that of the draws, on all threads, whose number does not change the bits; 8 (d + 2) bytes a point.
 * Cost on finite sets: one pass of sg_family.states over all q^d states, on all threads, and one that divides by Z; 8
 * bytes a state; the bits do not depend on the number of threads.  The model must outlive the nodes.
 * Errors: SG_REFUSED (more than SG_STATES_MOST states, `alike` for a model whose sites are not, no density, no
 * quadrature, no sampler), SG_NOT_INTEGRABLE, SG_NO_MEMORY, those of sg_model_panels and sg_sampler_new.
 */
SG_MUST_CHECK sg_status sg_nodes_new(const sg_model *model, const double *theta, int level, bool alike,
                                     sg_nodes **nodes);
/*
 * The same on continuous spaces for integrands that are not smooth where a coordinate, any of them, is one of cut
 * [cuts], ascending: no panel and no box of cubature goes across (drawn nodes are as above).
 */
SG_MUST_CHECK sg_status sg_nodes_cut(const sg_model *model, const double *theta, int level, int cuts, const double *cut,
                                     sg_nodes **nodes);
void sg_nodes_delete(sg_nodes *nodes);
/* E f of f [n] at the nodes. */
double sg_nodes_mean(const sg_nodes *nodes, const double *f);
/* log p [n] at the nodes of a continuous space; NULL where they are drawn and log Z is not known. */
const double *sg_nodes_logp(const sg_nodes *nodes);
long long sg_nodes_blocks(const sg_nodes *nodes);
/*
 * Block b of the nodes: n, d, draws = 1, no tag, weight (the masses), and points written to block->x [d][SG_BLOCK],
 * which has room (alike: to its first row, and block->count points at it; block->x stays, for the next call).  Padding
 * repeats the last point, with weight 0.
 */
void sg_nodes_block(const sg_nodes *nodes, long long b, sg_block *block, double weight[SG_BLOCK]);
/* Do all sites play the same part in p and in the free statistics (sg_family.exchangeable)? */
bool sg_model_exchangeable(const sg_model *model);
/* Number of states q^d as a double; INFINITY on other spaces. */
double sg_model_states(const sg_model *model);
/*
 * log Z, mean E x_i [d] and product E x_i x_j [d,d] (all of it, 1 on the diagonal) of sites with two states, x = -1 or
 * +1, at theta: by counts where the sites are alike, otherwise by all states, of which none is kept.  A state takes one
 * exp and three additions after its log p, on all threads, whose number does not change the bits; absolute errors are a
 * few eps.  Allocates 32 KiB for each of up to 16 groups of states and 104 bytes for every 4096 of them.  Errors:
 * SG_REFUSED (other spaces, no density, more than SG_STATES_MOST states), SG_NOT_INTEGRABLE, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_model_moments(const sg_model *model, const double *theta, double *log_z, double *mean,
                                         double *product);

/* ------------------------------------------------------------------ lifting */

/*
 * A law on (x, beta): x has the law at variance lambda beta added to every coordinate, and beta the density
 *     r(beta) ~ exp(-decay/(1 + beta) + sum_k shape_k P_k(t)) (1 + beta)^-power    on [0, beta_max],
 *     t = 2 log(1 + beta)/log(1 + beta_max) - 1, P_k Legendre's polynomials, k = 1 .. shapes,
 * so that any r without zeros is approached by few numbers and is smooth for every rule.
 * QR's has lambda = lmin, the least eigenvalue of the components' covariances, decay = 7 R, power = 0 and beta_max =
 * 14 R - 1, R = D^2/lmin, D the diameter of the means.  decay = 0: uniform in beta (power 0) or in log(1 + beta) (1).
 */
enum { SG_LIFT_SHAPES = 8 };
typedef struct {
    double lambda, beta_max, decay, power;
    int shapes;
    double shape[SG_LIFT_SHAPES];
} sg_lift;
/* log r normalized, and its derivatives in beta (NULL: not wanted); beta in [0, beta_max].  log_norm: sg_lift_norm. */
double sg_lift_log_rate(const sg_lift *lift, double log_norm, double beta, double *slope, double *bend);
/* log of the integral of the unnormalized r, by composite Gauss-Legendre rules in log(1 + beta): a few eps. */
double sg_lift_norm(const sg_lift *lift);
/*
 * Levels beta [count] and weights [count], summing to 1, of a rule for expectations under r: Gauss-Legendre panels of
 * 16 points in log(1 + beta), `panels` to a unit; those lighter than 1e-18 are left out.  Errors:
 * SG_NO_MEMORY, SG_OUT_OF_RANGE.  The caller frees both by sg_delete.
 */
SG_MUST_CHECK sg_status sg_lift_levels(const sg_lift *lift, double panels, int *count, double **beta, double **weight);
/* Panels of u = log(1 + beta) under r, cut at `depth` (sg_panels_new).  Errors: those of sg_panels_new. */
SG_MUST_CHECK sg_status sg_lift_panels(const sg_lift *lift, double depth, int level, sg_panels **panels);
/* The inverse distribution function of u, for draws.  Errors: those of panels and their table. */
SG_MUST_CHECK sg_status sg_lift_inverse(const sg_lift *lift, sg_inverse **inverse);
/*
 * The law on (x, beta) as a model of its own on R^d x [0, beta_max] (space.tempered), with the parameters, free ones
 * and truth of `base`, whose family must have `smooth` and which must outlive it.  Its jets are in d + 1 coordinates
 * and include r, normalized.  Its sampler is that of `base` with noise of a random level.  Errors: SG_MISFIT (no
 * `smooth`), SG_OUT_OF_RANGE, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_model_lift(const sg_model *base, const sg_lift *lift, sg_model **view);
/* The lift of such a view; NULL: the model is none. */
const sg_lift *sg_model_lift_of(const sg_model *view, double *log_norm);
/*
 * The law of noised data, p_theta * N(0, t I), of a model that is a mixture of normals (sg_family.components): a model
 * of its own, with weights and means as parameters, all of them free.  Errors: SG_MISFIT (no mixture of normals),
 * SG_OUT_OF_RANGE (t < 0), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_model_noised(const sg_model *base, const double *theta, double t, sg_model **law);

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
    int moved;      /* parameters that move: rows of the basis that are not 0 */
    int *parameter; /* [moved] which, ascending */
} sg_chart;
/* origin = theta [full]; whiten [m,m] column-major (NULL: identity): basis = direction * whiten. */
SG_MUST_CHECK sg_status sg_chart_new(const sg_model *model, const double *theta, const double *whiten,
                                     sg_chart **chart);
void sg_chart_delete(sg_chart *chart);
/* theta [full] = origin + basis delta */
void sg_chart_theta(const sg_chart *chart, const double *delta, double *theta);

/*
 * The arrays of `raw` below, for a family that is SG_CHOICE of the parameters that move alone, in d coordinates.
 * Errors: SG_NO_MEMORY (arena full).
 */
size_t sg_chart_raw_bytes(const sg_model *model, const sg_chart *chart, int d, int want);
SG_MUST_CHECK sg_status sg_chart_raw_take(const sg_model *model, const sg_chart *chart, sg_arena *arena, int d,
                                          int want, sg_jet *raw);
/*
 * Jet along the chart at theta: calls the family, then contracts every theta-index with the basis.  `raw` has m = full
 * or is of some parameters, `jet` m = chart->m; both want the same.  Blocks of counts (sg_block.count): SG_LOGP, of one
 * state, and SG_DT.  A chart that is the identity on all parameters is passed through without copying (jet then aliases
 * raw).
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
 * Evaluates sg_local near a reference theta, the chart's origin, on `nodes` (which were built there; chart and nodes
 * are borrowed by sg_partition_new only; NULL for SG_NORMALIZED, and for models with sg_model_log_z).  One object a
 * thread (it holds scratch).  A NULL gradient or hessian is not wanted.
 *
 * Drawn nodes, where log Z has no closed form: at the reference alone, gradient and Hessian are the mean and the
 * covariance of the nodes and log_z is a NaN; elsewhere SG_REFUSED.
 *
 * On the line the statistics along the chart are kept at the nodes, so that one evaluation is one exp and m(m+3)/2 sums
 * a node: about 5 us for bimodal, without allocation.  Far from the reference, where the nodes do not carry p_theta,
 * panels are built for that one evaluation (about 0.5 ms, allocates).  Panels lighter than e^-75 of the heaviest node
 * are left out of the sums.
 *
 * Finite sets, at any theta: the same sums, exactly, over all states or counts while log p and the statistics take less
 * than 64 MiB; beyond that as sg_model_log_z, with one plan; where that refuses, states pass in blocks, with the
 * statistics of the coordinates that the chart moves (210 of 2^20 states: 0.2 s, 1.6 s with the Hessian).  All on this
 * thread, and after the first Hessian without allocation.
 *
 * sg_partition_new errors: SG_REFUSED (a family that is neither linear nor normalized; a finite set without nodes that
 * sg_model_log_z refuses), SG_NO_MEMORY.  sg_partition_at errors: SG_NOT_INTEGRABLE when theta is not
 * inside, or p_theta is not resolved by the panels and panels rebuilt at theta fail too; those of sg_model_log_z.
 */
typedef struct sg_partition sg_partition;
SG_MUST_CHECK sg_status sg_partition_new(const sg_model *model, const sg_chart *chart, const sg_nodes *nodes,
                                         sg_partition **partition);
void sg_partition_delete(sg_partition *partition);
SG_MUST_CHECK sg_status sg_partition_at(sg_partition *partition, const double *delta, sg_local *local);

/*
 * Sampler of p_theta, exact but where sg_sampler_method says otherwise; immutable, shared by threads.  `panels` of
 * p_theta are borrowed by sg_sampler_new only; NULL: built there if needed.  The model must outlive it.
 *
 * Finite sets (x = -1 or +1, or 0 .. q - 1), the first of these that there is: sg_family.draw; the law of the number of
 * +1 sites, where p depends on nothing else; all states, up to 2^20; elimination, on narrow graphs (below).  Then,
 * where log p is a sum over sites and pairs, coupling from the past: of bounds of single sites, with two states
 * (ferromagnets with any fields, and whatever is one after some sites are turned; anything at high temperature); bond
 * after bond of the random-cluster model (ferromagnets with fields of one sign, also after turning sites, and Potts
 * models; at any temperature where that takes few sweeps).  They are tried when the sampler is made, for at most a
 * second or so each; later draws run until they are done.  Last, without hard constraints or on pairs of two-state
 * sites, a chain of heat-bath sweeps: not exact.
 *
 * On R^d and the orthant, d > 1: sg_family.draw; the samplers of sg_family.factor; otherwise Langevin chains with
 * Metropolis's correction, as many steps a draw as make the correlation of every statistic F_j, coordinate and log p
 * over them less than 0.01 (estimated with a standard error of 0.0025).  They start in a fixed pool of 4096 states, so
 * that a block is a function of its stream alone.  Means over 40 x 4096 states must agree, within 6 standard errors,
 * with cubature where there is one, and with E L F_j = 0 and other identities of the law.  It takes about 4e6
 * evaluations of log p to make, more where chains are slow, and is refused beyond 512 steps a draw.
 *
 * Errors: SG_NOT_INTEGRABLE, SG_NO_MEMORY, SG_REFUSED (none of these), and those of sg_model_panels.
 */
typedef struct sg_sampler sg_sampler;
SG_MUST_CHECK sg_status sg_sampler_new(const sg_model *model, const double *theta, const sg_panels *panels,
                                       sg_sampler **sampler);
void sg_sampler_delete(sg_sampler *sampler);
/* Fills block->x for block->n points from the stream (which the caller has put at its block). */
void sg_sampler_draw(const sg_sampler *sampler, sg_stream *stream, sg_block *block);
/*
 * On the line a bound on the error of the distribution function; 0: exact, up to rounding.  Where the method is not
 * exact, an estimate (not a bound) of the total-variation error of a draw: with 64 pairs of chains, half from all sites
 * in one state or the other and half from random states and their opposites, all met within t sweeps, and draws are
 * states after 8 t; with 95% confidence fewer than 1 - 0.05^(1/64) of such pairs meet later, and this to the power 8 is
 * the estimate.  It rests on pairs from other starts being no later.  Of chains on R^d an estimate of the largest bias
 * of a watched mean, in standard deviations: what the pool is off by, times 0.01.
 */
double sg_sampler_error(const sg_sampler *sampler);
/* Are draws exact, up to rounding and the bound on the line? */
bool sg_sampler_exact(const sg_sampler *sampler);
/* How it draws, in a few words; the text belongs to the sampler. */
const char *sg_sampler_method(const sg_sampler *sampler);

/* ------------------------------------------------- factors and elimination */

/* A function of a few sites.  Tables [q^sites]: entry sum_k s_k q^k where site[k] is in state s_k = 0 .. q - 1. */
typedef struct {
    int sites, sums;
    int *site;     /* [sites] distinct */
    int *sum;      /* [sums] to which of the sums it adds, distinct */
    double *log_p; /* [q^sites] its part of log p, -INFINITY where p = 0 */
    double *value; /* [sums][q^sites] what it adds to these sums */
} sg_factor;

/* log p, up to a constant, on d sites of q states and `sums` further functions, all of them sums over factors. */
typedef struct sg_factors {
    int d, q, sums, count;
    sg_factor *factor; /* [count] */
    int most;          /* the room that is left: factors, ints and doubles, for sg_factors_add */
    size_t ints, doubles;
    int *next_int;
    double *next_double;
} sg_factors;
/*
 * No factors, with room for `most` of them whose lists of sites and sums have `ints` entries in all and their tables
 * `doubles`.  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_factors_new(int d, int q, int sums, int most, size_t ints, size_t doubles,
                                       sg_factors **factors);
void sg_factors_delete(sg_factors *factors);
/* One more factor, its tables zero, for the caller to fill; lists are copied.  Errors: SG_INTERNAL (no room left). */
SG_MUST_CHECK sg_status sg_factors_add(sg_factors *factors, int sites, const int *site, int sums, const int *sum,
                                       sg_factor **factor);
/* sg_family.factors.  Errors: SG_REFUSED, SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_model_factors(const sg_model *model, const double *theta, sg_factors **factors);

/*
 * Variable elimination: sites are summed out one after the other, each with a table over itself and those that factors
 * and earlier steps have tied it to; a few sites (cuts) may be gone through state by state instead, which saves memory.
 * The order is the cheapest of five: as the sites are numbered, the reverse, across the rows of a lattice, along the
 * graph from an end, and by least fill.
 */
typedef struct sg_elimination sg_elimination;
typedef struct {
    int width;      /* sites of the largest table */
    int cuts;       /* sites that are gone through */
    double entries; /* of all tables, times q^cuts: a pass takes a few ns for each */
    double largest; /* entries of the largest table */
    double bytes;   /* of memory for log Z; with sums 1 + sums + sums (sums + 1)/2 times as much */
} sg_elimination_cost;
#define SG_ELIMINATION_ENTRIES 0x1p34 /* the most */
#define SG_ELIMINATION_BYTES 0x1p30
/*
 * A plan for these factors; it depends on their sites alone, not on their tables.  Ring and path: tables of 3 and 2
 * sites; free strips of width W: W + 1, periodic along: 2 W + 1 or 2.  Of two-state sites with two sums, which maximum
 * likelihood takes: free strips up to 20 sites wide (12 x 30: 0.05 s, 20 x 20: 5 s), periodic ones up to 12 x 40 (12 x
 * 12: 8 s, 12 x 30: 170 s of one core, 30 MB; cuts go on all threads).  Draws, and the law of any few sites, keep all
 * tables: free strips of 12 sites up to 800 long, periodic ones of 8 up to 80.  Errors: SG_REFUSED (no order within
 * SG_ELIMINATION_ENTRIES and SG_ELIMINATION_BYTES was found), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_elimination_new(const sg_factors *factors, sg_elimination **plan);
void sg_elimination_delete(sg_elimination *plan);
void sg_elimination_costs(const sg_elimination *plan, sg_elimination_cost *cost);
/*
 * log of the sum of exp(log p) over all states, and under p the means [sums] and covariances [sums,sums] of the sums
 * (NULL: not wanted), exactly.  Up to 12 sums: means and covariances given the sites that are left go from table to
 * table, 1 + sums + sums (sums + 1)/2 numbers an entry; covariances are sums of positive semidefinite terms and nothing
 * cancels; assignments to cut sites go on all threads, without changing a bit.  More: means from the marginals of all
 * tables, and covariances with up to 64 sums at a time by a further pass, without cuts.  Errors: SG_REFUSED (more than
 * SG_ELIMINATION_BYTES for that many sums), SG_NO_MEMORY, SG_NOT_INTEGRABLE (p = 0 everywhere), SG_INTERNAL (factors on
 * other sites).
 */
SG_MUST_CHECK sg_status sg_elimination_covariance(const sg_elimination *plan, const sg_factors *factors, double *log_z,
                                                  double *mean, double *covariance);
/*
 * log Z(theta) and its derivatives in the coordinates, gradient [full] and hessian [full,full] (NULL: not wanted),
 * without quadrature or listing states: by sg_family.log_z or elimination.  Errors: SG_REFUSED (neither is known, or
 * listing all states is as little work), SG_NOT_INTEGRABLE, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_model_log_z(const sg_model *model, const double *theta, double *value, double *gradient,
                                       double *hessian);

#ifdef __cplusplus
}
#endif
#endif
