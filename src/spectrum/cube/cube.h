/*
 * Symmetric operators on functions of n spins, A = -pi^{1/2} L pi^{-1/2}, of which nothing is stored but sqrt(pi) (or
 * log pi): products in passes over tiles of the cube, and the smallest eigenvalues by Lanczos' method.
 *
 * A tile fixes all but `bits` of the bits; the free ones are the `run` lowest and some higher ones, so that a tile is a
 * set of contiguous runs.  Blocks of sites that lie within the free bits of one tiling are done in one pass; blocks
 * with too many high bits ("wide") have a pass each.
 */
#ifndef SG_SPECTRUM_CUBE_H
#define SG_SPECTRUM_CUBE_H

#include "scoregap/chain.h"

enum { SG_CUBE_TILE_BITS = 12, SG_CUBE_RUN_BITS = 6, SG_CUBE_MOST = 26, SG_CUBE_CHUNK = 4096 };

#define SG_CUBE_NARROW 85.0

typedef struct {
    uint32_t mask; /* of bits: of the tile, or of the cube for wide blocks */
    double weight;
} sg_cube_term;

typedef struct {
    uint32_t high;    /* free bits above the run, as bits of the cube */
    int run;          /* tiles are runs of 2^run states: all of it or that of the plan */
    int first, terms; /* in sg_cube_plan.term */
    double weight;    /* of all terms */
    uint32_t *offset; /* [2^(bits-run)] of the runs */
} sg_cube_pass;

typedef struct {
    int n, bits, run, passes, terms, wide;
    sg_cube_pass *pass;
    sg_cube_term *term, *wide_term;
} sg_cube_plan;

SG_MUST_CHECK sg_status sg_cube_plan_new(int n, int blocks, const uint32_t *block, const double *weight,
                                         sg_cube_plan **plan);
void sg_cube_plan_delete(sg_cube_plan *plan);

/* The operator: resampling with amplitudes s (rate NULL), or single flips with log p in `s`. */
typedef struct {
    const sg_cube_plan *plan;
    const double *s, *null; /* amplitudes or log p; amplitudes */
    sg_flip_rate rate;
    const void *context;
    const double *roots; /* of all rates [n 2^n], NULL: from log p in every product */
    bool narrow;         /* |log s| <= SG_CUBE_NARROW everywhere: products of four squares are numbers */
    int threads;
    double *scratch; /* [threads][sg_cube_scratch] */
    double *partial; /* sums of chunks */
} sg_cube_operator;
size_t sg_cube_tile_size(const sg_cube_plan *plan);
size_t sg_cube_scratch(const sg_cube_plan *plan);

/*
 * y = scale_y y + scale_x (A - shift) x; states that are forbidden keep x = 0 as y = 0.  Where sum is not NULL: <y, x>,
 * <y, null> and <x, null>.
 */
void sg_cube_apply(void *cube_operator, const double *x, double scale_x, double shift, double *y, double scale_y,
                   double sum[3]);
/* The work of one tile: t += sum of weight r for the terms of one pass, see tile.c. */
void sg_cube_tile(const sg_cube_operator *op, const sg_cube_pass *pass, const double *p, const double *g, double *t);
/* Single flips: t += A x on a tile, from log p there or from the roots of its rates. */
void sg_cube_flips(const sg_cube_operator *op, const sg_cube_pass *pass, const double *log_p, const double *roots,
                   const double *x, double *t);
/* The roots of the rates of one tile, and of all; where those of a tile begin. */
void sg_cube_roots(const sg_cube_operator *op, const sg_cube_pass *pass, const double *log_p, double *roots);
void sg_cube_fill_roots(const sg_cube_operator *op, double *roots);
size_t sg_cube_roots_at(const sg_cube_plan *plan, const sg_cube_pass *pass, long tile);

/* ------------------------------------------------------------------ Lanczos */

typedef struct {
    size_t n;
    /* y = scale_y y + scale_x (A - shift) x; if sum is not NULL, also <y, x>, <y, null> and <x, null> */
    void (*apply)(void *context, const double *x, double scale_x, double shift, double *y, double scale_y,
                  double sum[3]);
    void *context;
    const double *null; /* [n] A null = 0; zero where a state does not exist */
    double bound;       /* of the spectrum from above; INFINITY if none is known */
    int sites;          /* the start contains a random combination of the lowest `sites` bits of the index */
    int threads;
    const sg_spectrum_settings *settings;
} sg_lanczos;

typedef struct {
    double value, residual; /* Ritz value of the vector; norm of A y - value y, computed */
    double top;             /* of the spectrum, from above (estimated) */
    long long products;
    int steps;
    bool hopeless; /* stopped where the value sank below what rounding lets certify, or at the limit of steps */
} sg_lanczos_result;

/*
 * Smallest eigenpair of A orthogonal to null and to `locked` vectors [n] each: *y [n] is new, norm 1.  Takes two
 * vectors beside it at most, and none where the rest of the spectrum is well apart.  Sums run in fixed order, so the
 * result does not depend on the number of threads.
 */
SG_MUST_CHECK sg_status sg_lanczos_smallest(const sg_lanczos *problem, int locked, double *const *lock, double **y,
                                            sg_lanczos_result *out);

/*
 * An operator on the cube, ready for Lanczos' method.  The caller fills cube, rate and context (flips), settings (NULL:
 * plain ones) and over, then checks, then opens.  Moves, law and classes are checked first.
 */
typedef struct {
    const sg_cube *cube;
    sg_flip_rate rate;
    const void *context;
    const sg_spectrum_settings *settings;
    double *over; /* [2^n] log p, to be lost to the amplitudes; NULL: it is not */
    /* From the check: */
    size_t states;     /* of positive probability */
    double top, shift; /* max log p, log of the largest amplitude */
    bool narrow;       /* as in sg_cube_operator */
    /* From opening: */
    size_t bytes; /* of memory, the caller's vectors too */
    bool keep;    /* all rates are kept */
    sg_cube_plan *plan;
    double *root, *rates; /* amplitudes; roots of the rates of flips [n 2^n], or NULL */
    sg_cube_operator op;
    sg_lanczos lanczos;
} sg_cube_problem;
/* Errors: SG_OUT_OF_RANGE, SG_REFUSED (as sg_cube_gap), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_cube_check(sg_cube_problem *problem);
/* For a caller who takes `vectors` of 2^n doubles.  Errors: SG_NO_MEMORY (says how much is needed). */
SG_MUST_CHECK sg_status sg_cube_open(sg_cube_problem *problem, int vectors);
void sg_cube_close(sg_cube_problem *problem);
/*
 * Rounding of products where the top of the spectrum is this: terms of every block are added up one after the other,
 * and resampling is what is left of the sum of weights.
 */
double sg_cube_floor(const sg_cube_problem *problem, double top);

/* Fixed-order parallel sums over chunks; partial [2 * chunks]. */
double sg_cube_dot(size_t n, int threads, const double *x, const double *y, double *partial);

/* Two states that no moves join: false if there are none.  [2^n] log_p. */
SG_MUST_CHECK sg_status sg_cube_classes(const sg_cube *cube, uint32_t *a, uint32_t *b, bool *apart);

/*
 * The answer of the dense chain in place of one that is not certified, where states and moves are few; otherwise
 * nothing changes.
 */
SG_MUST_CHECK sg_status sg_cube_small(const sg_cube *cube, sg_flip_rate rate, const void *context, size_t states,
                                      int count, sg_gap *out, sg_chain_spectrum *spectrum);
bool sg_cube_is_small(const sg_cube *cube); /* few moves, and log p is needed to the end */

#endif
