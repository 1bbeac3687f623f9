/*
 * scoregap/grid.h - spectra of diffusions L f = div(D p grad f)/p in up to three dimensions, by tensor-product spectral
 * elements, symmetric in L2(p).
 *
 * A first look by finite volumes finds the wells of p, the passes between them, and where mass, energy and flux are.
 * Elements are placed by it, along the principal axes of the law unless told otherwise, and only where they matter;
 * what the others would have held is estimated from the solution, and they are added where it is not negligible.
 *
 * Eigenvalues come from two orders (three in three dimensions).  Their difference is an ERROR ESTIMATE, not a bound:
 * gap_lower and gap_upper are gap (1 -+ estimate), and `method` says so.  Mass and stiffness are integrated by the
 * elements' own Gauss-Lobatto points, so that the value is an upper bound only up to that quadrature error, which the
 * estimate covers.  No lower bound is certified.
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
    /* diffusion [d(d+1)/2][n] packed lower triangle, positive definite; the member itself is NULL for D = 1 */
    void (*log_p)(const void *context, int n, const double *x, double *log_p);
    void (*diffusion)(const void *context, int n, const double *x, double *diffusion);
} sg_grid_problem;

typedef struct {
    int count;                     /* nonzero eigenvalues wanted, at most 15; 0: 1 */
    int order;                     /* highest polynomial degree of an element, 6 to 24; 0: 12, or 8 for d = 3 */
    int cells[SG_GRID_DIMENSIONS]; /* elements a direction, of equal size along the axes of x; 0: chosen and refined */
    double tol;                    /* relative error aimed at; 0: 1e-8, or 1e-6 for d = 3 */
    size_t memory;                 /* for factor and vectors; 0: 4 GiB */
    int method;                    /* SG_GRID_AUTO, or one of those below */
    bool fixed_frame;              /* elements along the axes of x; else they may be turned to those of the law */
    const volatile int *stop;
} sg_grid_settings;
enum { SG_GRID_AUTO, SG_GRID_FACTOR, SG_GRID_LOBPCG, SG_GRID_METASTABLE };

typedef struct {
    int count, unknowns;
    double log_value[16], value[16]; /* ascending */
    double value_error[16];          /* relative, estimated */
} sg_grid_spectrum;

/*
 * Gap and first eigenvalues.
 * SG_GRID_FACTOR: shift-invert Lanczos (ARPACK with CHOLMOD), then Rayleigh quotients as sums of squares: correct while
 * gap/largest is above about 1e-18; below, the two orders disagree and the status is SG_UNCERTIFIED.
 * SG_GRID_LOBPCG: locally optimal preconditioned conjugate gradients, the preconditioner a factor of a sparser matrix
 * on the same nodes.
 * SG_GRID_METASTABLE: eigenvalues of the exchange between wells from a small exact problem whose entries are fluxes
 * and masses, computed without subtraction (src/spectrum/grid-capacity.h): relative accuracy at any size (10 digits at
 * 1e-42), log_value also where value underflows.  It needs two wells and serves the eigenvalues below a tenth of the
 * rate at which a well is left to its own equilibrium; the rest come from Lanczos.
 * SG_GRID_AUTO: METASTABLE where the first look finds such eigenvalues, else FACTOR, else LOBPCG where the factor would
 * not fit in `memory`; where it must fit, larger elements are tried.
 * Cost: two dimensions 0.1 s and 12000 unknowns to 1e-8 for a double well with a barrier of 5, 0.3 s for 100; three
 * dimensions half a minute to a minute to 1e-6.  Allocates.
 * Errors: SG_OUT_OF_RANGE (settings, box), SG_REFUSED (log p NaN or +infinity, D not positive definite, p vanishes
 * between two parts of the box), SG_UNDERFLOW (a barrier beyond e^-690), SG_NOT_CONVERGED, SG_SINGULAR, SG_NO_MEMORY,
 * SG_STOPPED.  out->status: SG_UNCERTIFIED when the error estimate exceeds 1e-6, SG_UNDERFLOW when only log10_gap is in
 * range.
 */
SG_MUST_CHECK sg_status sg_grid_gap(const sg_grid_problem *problem, const sg_grid_settings *settings, sg_gap *out,
                                    sg_grid_spectrum *spectrum);

/*
 * A box for a law on R^d, into problem->lo and hi: outwards from the point `at` until log p on all faces, as far as a
 * regular sample of each sees it, lies `depth` below its maximum inside.  Errors: SG_NOT_INTEGRABLE (log p not finite
 * at `at`, or it does not fall so far within 1e12), SG_OUT_OF_RANGE.
 */
SG_MUST_CHECK sg_status sg_grid_box(sg_grid_problem *problem, const double *at, double depth);

#ifdef __cplusplus
}
#endif
#endif
