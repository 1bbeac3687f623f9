/*
 * Underdamped Langevin dynamics on the line, dX = V dt, dV = (log p)'(X) dt - friction V dt + sqrt(2 friction) dB, in
 * the basis phi_k(x) h_n(v): phi_k the eigenfunctions of Langevin's diffusion for the same p, h_n the normalized
 * Hermite polynomials.  In it -L = friction n on the diagonal, -L_{(n+1,j),(n,k)} = -sqrt(n+1) S_jk, S_jk = <phi_j,
 * phi_k'>, minus the transpose above, because v d_x + (log p)' d_v = a+ d_x - a d_x*, with a+, a the ladder of the h_n
 * and d_x* = -d_x - (log p)'.
 *
 * A dense solver finds the eigenvalues of smallest real part in a small basis; each is then followed through larger
 * ones by Rayleigh quotient iteration, whose systems are block tridiagonal.  J = (-1)^n turns -L into its transpose, so
 * that J x is the left vector of x and the quotient x^T J A x / x^T J x is exact to second order.
 */
#include <cblas.h>
#include <complex.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kinds.h"

typedef double complex number;

enum { CANDIDATES = 6, STEPS = 14, MOST = 80, SMALL_MODES = 16, SMALL_HERMITE = 20 };
static const double ROUNDING = 16 * 0x1p-52, STALLED = 1e-5;
static const double NEAR = 2.5;        /* candidates: real parts up to this times the smallest */
static const double STILL_NEAR = 1.25; /* and after the first of the larger bases */

typedef struct {
    int modes, hermite;  /* phi_0 .. phi_{modes-1}; h_0 .. h_{hermite-1} */
    const double *slope; /* [most][most] S, column-major */
    int most;
    double friction;
} basis;

/* S for j, k <= count, phi_0 = 1. */
static sg_status slopes(const sg_panels *panels, const sg_spectrum *spectrum, double **slope) {
    const int m = spectrum->count + 1, n = panels->n;
    sg_status status = sg_new(slope, (size_t)m * (size_t)m, sizeof **slope);
    if (status) return status;
    for (int k = 1; k < m; k++) {
        const double *derivative = spectrum->derivative + (size_t)(k - 1) * (size_t)n;
        for (int j = 0; j < m; j++) {
            const double *function = j ? spectrum->function + (size_t)(j - 1) * (size_t)n : NULL;
            double sum = 0;
            for (int i = 0; i < n; i++) sum += panels->mass[i] * derivative[i] * (function ? function[i] : 1);
            (*slope)[j + k * m] = sum;
        }
    }
    return SG_OK;
}

/* -------------------------------------------------------- the small basis, dense */

/* -L without the constant function, column-major; index of (n, k) is n * modes + k - 1. */
static void assemble(const basis *b, double *a) {
    const int size = b->modes * b->hermite - 1;
    memset(a, 0, (size_t)size * (size_t)size * sizeof *a);
    for (int n = 0; n < b->hermite; n++)
        for (int k = 0; k < b->modes; k++) {
            const int column = n * b->modes + k - 1;
            if (column < 0) continue;
            a[(size_t)column * (size_t)(size + 1)] = b->friction * n;
            for (int j = 0; n + 1 < b->hermite && j < b->modes; j++) {
                const int row = (n + 1) * b->modes + j - 1;
                const double g = sqrt(n + 1.0) * b->slope[j + k * b->most];
                a[row + (size_t)column * (size_t)size] = -g;
                a[column + (size_t)row * (size_t)size] = g;
            }
        }
}

/* Those of small real part, one of each conjugate pair, ascending in it. */
static int choose(int n, const double *real, const double *imaginary, number *candidate) {
    double smallest = INFINITY;
    int count = 0;
    for (int i = 0; i < n; i++) smallest = fmin(smallest, real[i]);
    for (int i = 0; i < n; i++) {
        if (imaginary[i] < 0 || real[i] > NEAR * fmax(smallest, 0) + 1e-12) continue;
        int at = count < CANDIDATES ? count++ : CANDIDATES;
        for (; at > 0 && creal(candidate[at - 1]) > real[i]; at--)
            if (at < CANDIDATES) candidate[at] = candidate[at - 1];
        if (at < CANDIDATES) candidate[at] = real[i] + I * imaginary[i];
    }
    return count;
}

static sg_status small_basis(const basis *b, number *candidate, int *count) {
    const lapack_int n = b->modes * b->hermite - 1;
    double *a = NULL, *wr = NULL, *wi = NULL, *work = NULL, unused, size;
    sg_status status = sg_new(&a, (size_t)n * (size_t)n, sizeof *a);
    if (!status) status = sg_new(&wr, (size_t)n, sizeof *wr);
    if (!status) status = sg_new(&wi, (size_t)n, sizeof *wi);
    if (status) goto out;
    assemble(b, a);
    lapack_int info =
        LAPACKE_dgeev_work(LAPACK_COL_MAJOR, 'N', 'N', n, a, n, wr, wi, &unused, 1, &unused, 1, &size, -1);
    if (!info) status = sg_new(&work, (size_t)size, sizeof *work);
    if (status) goto out;
    info =
        LAPACKE_dgeev_work(LAPACK_COL_MAJOR, 'N', 'N', n, a, n, wr, wi, &unused, 1, &unused, 1, work, (lapack_int)size);
    if (info)
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of the underdamped generator did not converge");
    else
        *count = choose(n, wr, wi, candidate);
out:
    sg_delete(a);
    sg_delete(wr);
    sg_delete(wi);
    sg_delete(work);
    return status;
}

/* -------------------------------------------------------- larger ones, by blocks */

/* With K modes and N Hermite functions: S and S^T, the factors and E_n^{-1} S, vectors of K N. */
typedef struct {
    number *slope, *factor, *solved, *x, *y;
    lapack_int *pivot;
} solver;

static sg_status solver_new(int most_modes, int most_hermite, solver *s) {
    const size_t square = (size_t)most_modes * (size_t)most_modes, hermite = (size_t)most_hermite;
    sg_status status = sg_new(&s->slope, square, sizeof(number));
    if (!status) status = sg_new(&s->factor, square * hermite, sizeof(number));
    if (!status) status = sg_new(&s->solved, square * hermite, sizeof(number));
    if (!status) status = sg_new(&s->x, (size_t)most_modes * hermite, sizeof(number));
    if (!status) status = sg_new(&s->y, (size_t)most_modes * hermite, sizeof(number));
    if (!status) status = sg_new(&s->pivot, (size_t)most_modes * hermite, sizeof(lapack_int));
    return status;
}

static void solver_clear(solver *s) {
    sg_delete(s->slope);
    sg_delete(s->factor);
    sg_delete(s->solved);
    sg_delete(s->x);
    sg_delete(s->y);
    sg_delete(s->pivot);
}

/* out += scale S x, or scale S^T x. */
static void add_slope(const basis *b, const solver *s, bool transposed, double scale, const number *x, number *out) {
    const number factor = scale, one = 1;
    cblas_zgemv(CblasColMajor, transposed ? CblasTrans : CblasNoTrans, b->modes, b->modes, &factor, s->slope, b->modes,
                x, 1, &one, out, 1);
}

/*
 * E_n = (friction n - shift) I + (n+1) S^T E_{n+1}^{-1} S, from the last n to 0: for a real shift below the eigenvalues
 * of the velocity a sum of positive matrices.
 */
static bool factorize(const basis *b, number shift, solver *s) {
    const int K = b->modes, N = b->hermite;
    const size_t square = (size_t)K * (size_t)K;
    const number zero = 0;
    for (int n = N - 1; n >= 0; n--) {
        number *e = s->factor + (size_t)n * square, *t = s->solved + (size_t)n * square;
        const number weight = n + 1.0;
        if (n + 1 < N)
            cblas_zgemm(CblasColMajor, CblasTrans, CblasNoTrans, K, K, K, &weight, s->slope, K, t + square, K, &zero, e,
                        K);
        else
            memset(e, 0, square * sizeof *e);
        for (int k = 0; k < K; k++) e[(size_t)k * (size_t)(K + 1)] += b->friction * n - shift;
        if (LAPACKE_zgetrf_work(LAPACK_COL_MAJOR, K, K, e, K, s->pivot + n * K)) return false;
        memcpy(t, s->slope, square * sizeof *t);
        if (n) LAPACKE_zgetrs_work(LAPACK_COL_MAJOR, 'N', K, K, e, K, s->pivot + n * K, t, K);
    }
    return true;
}

/* x becomes (A - shift)^{-1} x. */
static void solve(const basis *b, solver *s, number *x) {
    const int K = b->modes, N = b->hermite;
    const size_t square = (size_t)K * (size_t)K;
    for (int n = N - 1; n >= 0; n--) {
        number *own = x + n * K;
        if (n + 1 < N) add_slope(b, s, true, -sqrt(n + 1.0), own + K, own);
        LAPACKE_zgetrs_work(LAPACK_COL_MAJOR, 'N', K, 1, s->factor + (size_t)n * square, K, s->pivot + n * K, own, K);
    }
    for (int n = 1; n < N; n++) {
        const number weight = sqrt((double)n), one = 1;
        cblas_zgemv(CblasColMajor, CblasNoTrans, K, K, &weight, s->solved + (size_t)n * square, K, x + (n - 1) * K, 1,
                    &one, x + n * K, 1);
    }
}

static void apply(const basis *b, const solver *s, const number *x, number *y) {
    const int K = b->modes, N = b->hermite;
    for (int n = 0; n < N; n++) {
        number *own = y + n * K;
        for (int k = 0; k < K; k++) own[k] = b->friction * n * x[n * K + k];
        if (n) add_slope(b, s, false, -sqrt((double)n), x + (n - 1) * K, own);
        if (n + 1 < N) add_slope(b, s, true, sqrt(n + 1.0), x + (n + 1) * K, own);
    }
}

static void normalize(int size, number *x) {
    const double norm = cblas_dznrm2(size, x, 1);
    for (int i = 0; i < size; i++) x[i] /= norm;
}

/* Its quotient, and the rounding of it: large where left and right vectors are nearly orthogonal (double eigenvalues).
 */
static number quotient(const basis *b, solver *s, double *rounding) {
    number above = 0, below = 0;
    double size = 0;
    apply(b, s, s->x, s->y);
    for (int n = 0; n < b->hermite; n++)
        for (int k = 0; k < b->modes; k++) {
            const int i = n * b->modes + k;
            const double sign = n % 2 ? -1 : 1;
            above += sign * s->x[i] * s->y[i];
            below += sign * s->x[i] * s->x[i];
            size += cabs(s->x[i]) * (cabs(s->y[i]) + b->friction * n * cabs(s->x[i]));
        }
    *rounding = ROUNDING * size / cabs(below);
    return above / below;
}

/* The eigenvalue that iteration reaches from `value`, and its error in this basis. */
static number follow(const basis *b, number value, solver *s, double *error) {
    const int K = b->modes, size = K * b->hermite;
    double before = INFINITY, rounding = INFINITY;
    for (int j = 0; j < K; j++)
        for (int k = 0; k < K; k++) s->slope[j + k * K] = b->slope[j + k * b->most];
    for (int i = 0; i < size; i++) s->x[i] = i ? 1.0 / (1 + i % K + i / K) + 0.01 * I * (i % 3) : 0; /* no constant */
    *error = INFINITY;
    for (int k = 0; k < STEPS; k++) {
        if (!factorize(b, value, s)) break; /* the shift is the eigenvalue itself */
        solve(b, s, s->x);
        normalize(size, s->x);
        const number next = quotient(b, s, &rounding);
        const double change = cabs(next - value);
        if (k || change < 0.5 * cabs(value)) value = next;
        *error = change + rounding;
        if (k > 1 && (change <= 4e-16 * cabs(value) || (change < STALLED * cabs(value) && change > before / 4))) break;
        before = change;
    }
    return value;
}

/* -------------------------------------------------------------------- levels */

static void report(number value, double error, double friction, sg_gap *out) {
    const double gap = creal(value), turn = fabs(cimag(value));
    *out = (sg_gap){.gap = gap,
                    .gap_lower = fmax(0, gap - error),
                    .gap_upper = gap + error,
                    .log10_gap = log10(gap),
                    .poincare = INFINITY, /* E(f,f) sees no motion in x */
                    .relaxation_time = 1 / gap,
                    .method = "Hermite functions on Langevin's eigenfunctions; error estimate from two bases",
                    .status = SG_OK,
                    .irreversible = true,
                    .decay_rate = 0};
    if (!(gap > 0) || !(error <= 1e-6 * gap)) {
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message,
                 "the real part is %.6g with an error estimate of %.2g: smaller friction and deeper wells need more "
                 "functions than there are",
                 gap, error);
    } else {
        snprintf(out->message, sizeof out->message,
                 "the eigenvalue is %.12g%s%.12gi; the decay rate is 0, for friction %g acts on the velocity alone",
                 gap, turn > 1e-9 * gap ? " +- " : " + ", turn > 1e-9 * gap ? turn : 0.0, friction);
    }
}

/* Drops candidates that are no longer near the smallest real part. */
static int keep(int count, number *candidate, double smallest) {
    int kept = 0;
    for (int k = 0; k < count; k++)
        if (creal(candidate[k]) <= STILL_NEAR * smallest) candidate[kept++] = candidate[k];
    return kept;
}

sg_status sg_kinetic_gap(const sg_panels *panels, double friction, sg_gap *out) {
    /* the basis grows until its gap stays: functions of x, of v */
    static const int sizes[][2] = {{20, 32}, {28, 56}, {40, 96}, {60, 160}, {MOST, 240}};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    sg_spectrum *spectrum = NULL;
    solver s = {0};
    double *slope = NULL, error = INFINITY;
    number candidate[CANDIDATES + 1], best = NAN, before;
    int count = 0;
    if (!(friction > 0) || !isfinite(friction))
        return sg_fail(SG_OUT_OF_RANGE, "friction = %g is out of range: it must be > 0", friction);
    sg_status status = sg_line_spectrum(panels, NULL, MOST, &spectrum);
    if (!status) status = slopes(panels, spectrum, &slope);
    if (!status) status = solver_new(sizes[SIZES - 1][0], sizes[SIZES - 1][1], &s);
    if (status) goto out;
    basis b = {SMALL_MODES, SMALL_HERMITE, slope, spectrum->count + 1, friction};
    if ((status = small_basis(&b, candidate, &count))) goto out;
    for (int level = 0; level < SIZES; level++) {
        double own = INFINITY;
        b.modes = sizes[level][0];
        b.hermite = sizes[level][1];
        before = best;
        best = INFINITY;
        for (int k = 0; k < count; k++) {
            double residual;
            const number value = candidate[k] = follow(&b, candidate[k], &s, &residual);
            if (creal(value) < creal(best)) best = value, own = residual;
        }
        count = keep(count, candidate, creal(best));
        error = cabs(best - before) + own;
        if (cabs(best - before) <= 1e-12 * cabs(best) + own) break;
    }
    report(best, error, friction, out);
out:
    sg_spectrum_delete(spectrum);
    sg_delete(slope);
    solver_clear(&s);
    return status;
}

/* The eigenfunctions of Langevin's diffusion are a basis where its spectrum is discrete. */
sg_status sg_gap_kinetic(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                         sg_eigenvalues *values) {
    sg_loss *langevin = NULL;
    sg_panels *panels = NULL;
    sg_status status = sg_loss_new("score-matching", &langevin);
    if (!status) status = sg_gap_on_line(model, langevin, settings, out, NULL);
    if (!status && !(out->gap > 0))
        status = sg_fail(SG_REFUSED,
                         "the spectrum of Langevin's diffusion on %s is not discrete or its gap is 0 in double "
                         "precision: the underdamped process is expanded in its eigenfunctions",
                         model->text);
    if (!status && out->status == SG_NOT_ATTAINED)
        status = sg_fail(SG_REFUSED,
                         "the spectrum of Langevin's diffusion on %s is not discrete: the underdamped process is "
                         "expanded in its eigenfunctions",
                         model->text);
    if (!status) status = sg_model_panels(model, model->truth, 0, &panels);
    if (!status) status = sg_kinetic_gap(panels, loss->row->friction(loss->options), out);
    if (!status && values) {
        values->count = 1;
        values->log_value[0] = log(out->gap);
        values->error[0] = out->gap_upper / out->gap - 1;
    }
    sg_loss_delete(langevin);
    sg_panels_delete(panels);
    return status;
}
