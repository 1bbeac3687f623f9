/*
 * scoregap/grid.h - spectra of diffusions L f = div(D p grad f)/p in up to three dimensions, by tensor-product elements
 * of high degree, symmetric in L2(p).
 *
 * A first look by finite volumes finds the wells of p, the passes between them, and where mass, energy and flux are.
 * Elements are placed by it, along the principal axes of the law unless told otherwise, and only where they matter.
 * They are then halved, or their degree raised, where the solution is rough, and others are added where what lies
 * beyond is not negligible.  Mass and stiffness are integrated by Gauss rules as fine as p needs, whatever the degree:
 * elements are as large as the eigenfunctions allow, and eigenvalues those of Galerkin's method.
 *
 * Which side is what.  gap_upper is the Rayleigh quotient of the computed function by still finer Gauss rules, raised
 * by what these changed, by the estimated share of what the elements leave out, and by rounding: an upper bound of the
 * gap of the law on the box, up to these three estimates.  gap is that quotient.  gap_lower is an ESTIMATE: gap less
 * the difference of two degrees of the elements (in three dimensions extrapolated from three), and less what was added
 * on the other side.  No lower bound is certified: by Kato-Temple or Lehmann-Goerisch it would take a lower bound of
 * the next eigenvalue and a flux with a divergence in L2(p), and `method` says so.
 */
#ifndef SCOREGAP_GRID_H
#define SCOREGAP_GRID_H

#include "scoregap/spectrum.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SG_GRID_DIMENSIONS 3

/* What is diagonalized: log p up to a constant (-INFINITY where p = 0), and D(x), at points x[a * n + i], i < n <= 256.
 */
typedef struct {
    const void *context;
    int d;                                                 /* 1..3 */
    double lo[SG_GRID_DIMENSIONS], hi[SG_GRID_DIMENSIONS]; /* the box: finite, reflecting */
    /* diffusion [d(d+1)/2][n] packed lower triangle, positive definite inside the box: it may vanish on faces, where it
     * is not evaluated, and so may p; the member itself is NULL for D = 1 */
    void (*log_p)(const void *context, int n, const double *x, double *log_p);
    void (*diffusion)(const void *context, int n, const double *x, double *diffusion);
    /* Coordinates, along every axis, at which D has a kink: elements end there, and their frame is not turned. */
    int cuts;
    double cut[SG_CUTS_MOST];
    /* Functions whose parts along the eigenfunctions are wanted, 0: none; number j at points, f[j * stride + i]. */
    int functions;
    void (*function)(const void *context, int n, const double *x, size_t stride, double *f);
} sg_grid_problem;

typedef struct {
    int count;                     /* nonzero eigenvalues wanted, at most 15; 0: 1 */
    int order;                     /* highest polynomial degree of an element, 4 to 24; 0: 12, or 8 for d = 3 */
    int cells[SG_GRID_DIMENSIONS]; /* elements a direction, of equal size along the axes of x; 0: chosen and refined */
    double tol;                    /* relative error aimed at; 0: 1e-8, or 1e-6 for d = 3 */
    size_t memory;                 /* bytes, for matrices and for factors, each; 0: 1 GiB */
    int method;                    /* SG_GRID_AUTO, or one of those below */
    bool fixed_frame;              /* elements along the axes of x; else they may be turned to those of the law */
    const volatile int *stop;
} sg_grid_settings;
enum { SG_GRID_AUTO, SG_GRID_FACTOR, SG_GRID_LOBPCG, SG_GRID_METASTABLE };

typedef struct {
    int count, unknowns;
    double log_value[16], value[16]; /* ascending */
    double value_error[16];          /* relative, estimated */
    double *coefficient; /* [functions][16] E f phi_k, E phi_k = 0, E phi_k^2 = 1; the caller's, NULL: not wanted */
} sg_grid_spectrum;

/*
 * Gap and first eigenvalues.
 * SG_GRID_FACTOR: block Lanczos with the factor of the shifted matrix (CHOLMOD), then Rayleigh quotients as sums of
 * squares: correct while gap/largest is above about 1e-18; below, the error estimate exceeds 1 and the status is
 * SG_UNCERTIFIED.
 * SG_GRID_LOBPCG: locally optimal preconditioned conjugate gradients, the preconditioner a factor of degree 2 on the
 * same elements and those of the elements one by one: 10 to 40 steps, about four times the time of a factor in three
 * dimensions.
 * SG_GRID_METASTABLE: eigenvalues of the exchange between wells from a small exact problem whose entries are fluxes
 * and masses, computed without subtraction (src/spectrum/grid/capacity.h), then Rayleigh quotients of its functions,
 * which are constant in wells, exactly: 12 digits at 1e-42, log_value also where value underflows, for barriers up to
 * e^-1700.  It needs two wells and serves the eigenvalues below a tenth of the rate at which a well is left to its own
 * equilibrium; the rest come from Lanczos.
 * SG_GRID_AUTO: METASTABLE where the first look finds such eigenvalues, else FACTOR, else LOBPCG where the factor would
 * not fit in `memory`; where the matrices do not fit, lower degrees and larger elements are tried.
 * Cost: two dimensions 0.03 to 0.1 s and 300 to 2000 unknowns for double wells with barriers up to 100, also turned;
 * seconds for curved laws.  Three dimensions 0.2 to 2 s for such products and turns of them, 10 to 30 s where all three
 * axes are coupled; barriers above 500 may fail there, the first look being too coarse.  Allocates.
 * Errors: SG_OUT_OF_RANGE (settings, box), SG_REFUSED (log p NaN or +infinity, D not positive definite, p vanishes
 * between two parts of the box), SG_UNDERFLOW (a barrier beyond e^-1700), SG_NOT_CONVERGED, SG_SINGULAR (p too steep
 * for the elements that were tried), SG_NO_MEMORY, SG_STOPPED.  out->status: SG_UNCERTIFIED when the error estimate
 * exceeds 1e-6, SG_UNDERFLOW when only log10_gap is in range.
 */
SG_MUST_CHECK sg_status sg_grid_gap(const sg_grid_problem *problem, const sg_grid_settings *settings, sg_gap *out,
                                    sg_grid_spectrum *spectrum);

/*
 * Spectral profiles on R^2 and R^3: the first nonzero eigenvalues of the diffusion paired with a loss, and the parts of
 * the derivatives of log p in all parameters along its eigenfunctions, coefficient [full][values->count], count at most
 * 15; sums of their squares over equal eigenvalues are what has a meaning.  Errors: as sg_spectrum_gap on such spaces,
 * SG_REFUSED (another space).
 */
SG_MUST_CHECK sg_status sg_grid_profile(const sg_model *model, const sg_loss *loss,
                                        const sg_spectrum_settings *settings, sg_eigenvalues *values,
                                        double *coefficient);

/*
 * A box for a law on R^d, into problem->lo and hi: outwards from the point `at` until log p on all faces, as far as a
 * regular sample of each sees it, lies `depth` below its maximum inside.  Errors: SG_NOT_INTEGRABLE (log p not finite
 * at `at`, or it does not fall so far within 1e12), SG_OUT_OF_RANGE.
 */
SG_MUST_CHECK sg_status sg_grid_box(sg_grid_problem *problem, const double *at, double depth);

/* The same along some axes; the faces of the others stay where they are, and reflect: as for a noise level in
 * [0, beta_max] beside x in R. */
SG_MUST_CHECK sg_status sg_grid_box_along(sg_grid_problem *problem, const bool *along, const double *at, double depth);

/* The same above problem->lo, whose faces stay and reflect, or D vanishes there: the orthant.  p may be infinite on
 * them. */
SG_MUST_CHECK sg_status sg_grid_box_above(sg_grid_problem *problem, const double *at, double depth);

#ifdef __cplusplus
}
#endif
#endif
