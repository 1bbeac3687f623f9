/*
 * Gram sums lose the small directions of ill-conditioned statistics: errors grow with the square of the condition.  So
 * the nodes are summed again along a basis that the first sums give, in which H is near the identity and Cov S near a
 * diagonal; there the errors are those of the statistics themselves, eps times the condition.  H along the new basis is
 * -E S (L S)^T, whose part that is not symmetric tells its error.
 */
#include "estimate/asymptotic-finite.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/direction.h"

enum { PASSES_MOST = 4 };
static const double settled = 0.25;    /* |H - 1| along a basis that is good enough */
static const double rank_floor = 64;   /* eps m times this: below it an eigenvalue of sums is rounding */
static const double blind_floor = 1e3; /* eps times this: below it a contraction with the basis is rounding */

/* Everything [m,m] unless it says otherwise. */
typedef struct {
    int m;
    sg_node_stream *stream;
    sg_node_moments plain, along;
    double *basis, *inverse; /* the basis and its inverse */
    double *h;               /* along the basis */
    double *a, *b, *c, *d;   /* scratch */
    double *value, *scale;   /* [m] scratch */
    int floored;             /* eigenvalues that were raised to the floor in the last turn of the basis */
    double condition;        /* of the scaled root of H */
    double error;            /* of h, relative */
} work;

static sg_status new_finite(const sg_model *model, const sg_loss *loss, work *f) {
    sg_status status;
    const size_t m = (size_t)model->m;
    double **square[] = {&f->basis, &f->inverse, &f->h, &f->a, &f->b, &f->c, &f->d};
    f->m = model->m;
    if ((status = sg_node_stream_new(model, loss, &f->stream))) return status;
    if ((status = sg_node_moments_new(f->m, &f->plain))) return status;
    if ((status = sg_node_moments_new(f->m, &f->along))) return status;
    for (int k = 0; k < 7; k++)
        if ((status = sg_new(square[k], m * m, sizeof(double)))) return status;
    if ((status = sg_new(&f->value, m, sizeof(double)))) return status;
    return sg_new(&f->scale, m, sizeof(double));
}

static void delete_finite(work *f) {
    double *array[] = {f->basis, f->inverse, f->h, f->a, f->b, f->c, f->d, f->value, f->scale};
    sg_node_stream_delete(f->stream);
    sg_node_moments_clear(&f->plain);
    sg_node_moments_clear(&f->along);
    for (int k = 0; k < 9; k++) sg_delete(array[k]);
}

static double norm_of(int m, const double *a) {
    double sum = 0;
    for (int k = 0; k < m * m; k++) sum += a[k] * a[k];
    return sqrt(sum);
}

/* The upper triangle from the lower one. */
static void fill_upper(int m, double *a) {
    for (int k = 0; k < m; k++)
        for (int j = k + 1; j < m; j++) a[k + (size_t)j * m] = a[j + (size_t)k * m];
}

/* R with a = R^T R, upper triangular, from a with unit diagonal after scaling; false where a is not definite. */
static bool root_of(int m, const double *a, double *root) {
    for (int j = 0; j < m; j++)
        if (!(a[j + (size_t)j * m] > 0)) return false;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++)
            root[j + (size_t)k * m] = a[j + (size_t)k * m] / sqrt(a[j + (size_t)j * m]) / sqrt(a[k + (size_t)k * m]);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', m, root, m)) return false;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++)
            root[j + (size_t)k * m] = j > k ? 0 : root[j + (size_t)k * m] * sqrt(a[k + (size_t)k * m]);
    return true;
}

/* The inverse of an upper triangle. */
static void invert_upper(int m, const double *root, double *inverse) {
    memcpy(inverse, root, (size_t)m * (size_t)m * sizeof(double));
    LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', m, inverse, m);
}

/* --------------------------------------------------------------- singular directions */

/* Column k of the basis: nothing that is observed changes along it. */
static sg_status name_singular(const work *f, int k, bool information) {
    const sg_model *model = f->stream->model;
    const double *column = f->basis + (size_t)k * f->m;
    char text[256];
    double top = 0;
    for (int j = 0; j < f->m; j++) top = fmax(top, fabs(column[j]));
    for (int j = 0; j < f->m; j++) {
        f->scale[j] = column[j] / top;
        if (fabs(f->scale[j]) < 1e-9) f->scale[j] = 0;
    }
    sg_direction_text(model, f->scale, sizeof text, text);
    if (information)
        return sg_fail(SG_SINGULAR,
                       "the Fisher information of %s is singular along (%s), where its statistics are constant: fix "
                       "one of them with free=",
                       model->text, text);
    return sg_fail(SG_SINGULAR,
                   "the Dirichlet matrix of %s is singular along (%s): its moves do not connect the states that these "
                   "tell apart; fix one of them with free=, or take another loss",
                   f->stream->loss->text, text);
}

/* Is a second moment along column k of the basis what rounding of the contraction leaves? */
static bool is_blind(const work *f, int k, const double *second, const double *plain) {
    const int m = f->m;
    double size = 0;
    for (int j = 0; j < m; j++) size += fabs(f->basis[j + (size_t)k * m]) * sqrt(plain[j + (size_t)j * m]);
    const double floor = blind_floor * DBL_EPSILON * size;
    return !(second[k + (size_t)k * m] > floor * floor);
}

static sg_status check_singular(const work *f) {
    for (int k = 0; k < f->m; k++) {
        const bool score = is_blind(f, k, f->along.score2, f->plain.score2);
        if (score || is_blind(f, k, f->along.psi2, f->plain.psi2)) return name_singular(f, k, score);
    }
    return SG_OK;
}

/* ------------------------------------------------------------------------- the basis */

/* basis = basis * turn, inverse = turn^-1 * inverse. */
static void turn_basis(work *f, const double *turn, const double *back) {
    const size_t bytes = (size_t)f->m * (size_t)f->m * sizeof(double);
    sg_multiply(f->m, f->basis, turn, f->d);
    memcpy(f->basis, f->d, bytes);
    sg_multiply(f->m, back, f->inverse, f->d);
    memcpy(f->inverse, f->d, bytes);
}

/*
 * Turns the basis so that h becomes the identity, its eigenvalues (of unit diagonal) raised to the floor where they are
 * no more than rounding.
 */
static sg_status whiten(work *f, const double *h) {
    const int m = f->m;
    for (int j = 0; j < m; j++) {
        const double size = h[j + (size_t)j * m];
        f->scale[j] = size > 0 ? 1 / sqrt(size) : 1;
    }
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) f->a[j + (size_t)k * m] = h[j + (size_t)k * m] * f->scale[j] * f->scale[k];
    sg_status status = sg_symmetric_eigen(m, f->a, f->value, f->b);
    if (status) return status;
    const double top = f->value[m - 1] > 0 ? f->value[m - 1] : 1, floor = rank_floor * DBL_EPSILON * m * top;
    f->floored = 0;
    for (int k = 0; k < m; k++) {
        if (!(f->value[k] > floor)) f->floored++, f->value[k] = floor;
        const double size = sqrt(f->value[k]);
        for (int j = 0; j < m; j++) {
            f->a[j + (size_t)k * m] = f->scale[j] * f->b[j + (size_t)k * m] / size;
            f->c[k + (size_t)j * m] = f->b[j + (size_t)k * m] * size / f->scale[j];
        }
    }
    f->condition *= sqrt(top / f->value[0]);
    turn_basis(f, f->a, f->c);
    return SG_OK;
}

/* Turns the basis so that Cov S, along it, becomes diagonal. */
static sg_status align(work *f) {
    const int m = f->m;
    memcpy(f->a, f->plain.score2, (size_t)m * (size_t)m * sizeof(double));
    sg_basis_matrix(m, f->basis, f->a, f->b);
    sg_status status = sg_symmetric_eigen(m, f->a, f->value, f->b);
    if (status) return status;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) f->c[k + (size_t)j * m] = f->b[j + (size_t)k * m];
    turn_basis(f, f->b, f->c);
    return SG_OK;
}

/* h along the basis, by the sums that know it better: those of the first pass, or -E S psi^T. */
static void take_h(work *f) {
    const int m = f->m;
    const double *x = f->along.cross;
    double apart = 0;
    memcpy(f->h, f->plain.dirichlet, (size_t)m * (size_t)m * sizeof(double));
    sg_basis_matrix(m, f->basis, f->h, f->b);
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) {
            const double here = x[j + (size_t)k * m], there = x[k + (size_t)j * m];
            f->a[j + (size_t)k * m] = -0.5 * (here + there);
            apart += (here - there) * (here - there);
        }
    double s = 0, p = 0;
    for (int k = 0; k < m; k++) {
        s = fmax(s, f->along.score2[k + (size_t)k * m]);
        p = fmax(p, f->along.psi2[k + (size_t)k * m]);
    }
    const double direct = 4 * m * DBL_EPSILON * f->condition * f->condition;
    const double crossed = sqrt(apart) + 8 * DBL_EPSILON * sqrt(s * p);
    f->error = fmin(direct, crossed);
    if (crossed < direct) memcpy(f->h, f->a, (size_t)m * (size_t)m * sizeof(double));
}

static double from_identity(int m, const double *h) {
    double sum = 0;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) {
            const double x = h[j + (size_t)k * m] - (j == k);
            sum += x * x;
        }
    return sqrt(sum);
}

/* Sums along a basis in which h is near the identity. */
static sg_status find_basis(work *f) {
    sg_status status;
    const int m = f->m;
    for (int k = 0; k < m * m; k++) f->basis[k] = f->inverse[k] = k % (m + 1) ? 0 : 1;
    f->condition = 1;
    if ((status = sg_node_stream_moments(f->stream, NULL, &f->plain))) return status;
    fill_upper(m, f->plain.dirichlet);
    fill_upper(m, f->plain.noise);
    fill_upper(m, f->plain.score2);
    fill_upper(m, f->plain.psi2);
    if ((status = whiten(f, f->plain.dirichlet))) return status;
    for (int pass = 0; pass < PASSES_MOST; pass++) {
        if (!f->floored && (status = align(f))) return status;
        if ((status = sg_node_stream_moments(f->stream, f->basis, &f->along))) return status;
        fill_upper(m, f->along.score2);
        fill_upper(m, f->along.psi2);
        if (f->floored && (status = check_singular(f))) return status;
        take_h(f);
        if (!f->floored && from_identity(m, f->h) < settled) return SG_OK;
        if ((status = whiten(f, f->h))) return status;
    }
    f->error = 1;
    return SG_OK;
}

/* ----------------------------------------------------------------------- the answers */

static void take_plain(const work *f, sg_asymptotic *out) {
    const int m = f->m;
    out->mean_psi = 0;
    for (int j = 0; j < m; j++) {
        const double size = fabs(f->plain.psi_mean[j]) / sqrt(f->plain.psi2[j + (size_t)j * m] + DBL_MIN);
        if (!(size <= out->mean_psi)) out->mean_psi = size;
    }
    memcpy(out->dirichlet, f->plain.dirichlet, (size_t)m * (size_t)m * sizeof(double));
    memcpy(out->fisher, f->plain.score2, (size_t)m * (size_t)m * sizeof(double));
    memcpy(out->noise, f->plain.noise, (size_t)m * (size_t)m * sizeof(double));
    for (int k = 0; k < m * m; k++) out->cov_psi[k] = f->plain.psi2[k] + f->plain.noise[k];
    out->condition = f->condition;
}

static sg_status no_digits(sg_asymptotic *out) {
    out->status = SG_NO_DIGITS;
    snprintf(out->message, sizeof out->message,
             "the error estimate leaves no digit (condition of the statistics %.2g): they are too nearly dependent for "
             "double precision",
             out->condition);
    return SG_OK;
}

/*
 * Relative errors: of h; of the masses, as they are of log p; of psi along the basis, whose rounding is not correlated
 * with it and counts as a square.
 */
static double relative_error(const work *f) {
    const int m = f->m;
    double psi = 0;
    for (int k = 0; k < m; k++) {
        double size = 0;
        for (int j = 0; j < m; j++) size += fabs(f->basis[j + (size_t)k * m]) * sqrt(f->plain.psi2[j + (size_t)j * m]);
        psi = fmax(psi, DBL_EPSILON * size / sqrt(f->along.psi2[k + (size_t)k * m]));
    }
    return 4 * f->error + 8 * DBL_EPSILON * (16 + fabs(f->stream->nodes->log_z)) + 16 * psi * psi;
}

/* In a: B R_S^T, whose squared singular values are the inefficiencies; in b: B = R_M H^-1; in c: R_S; in d: W R_H^-1,
 * the basis that whitens. */
static bool combine(work *f, double *restricted) {
    const int m = f->m;
    memcpy(f->c, f->plain.noise, (size_t)m * (size_t)m * sizeof(double));
    sg_basis_matrix(m, f->basis, f->c, f->a);
    for (int k = 0; k < m * m; k++) f->c[k] += f->along.psi2[k];
    if (!root_of(m, f->c, f->a) || !root_of(m, f->h, f->c)) return false;
    invert_upper(m, f->c, f->d);         /* R_H^-1 */
    sg_multiply(m, f->a, f->d, f->c);    /* R_M R_H^-1 */
    sg_multiply_nt(m, f->c, f->d, f->b); /* R_M H^-1 */
    if (!root_of(m, f->along.score2, f->c)) return false;
    sg_multiply(m, f->c, f->d, f->a);
    *restricted = sg_norm2(m, f->a) * sg_norm2(m, f->a);
    sg_multiply(m, f->basis, f->d, f->a);
    memcpy(f->d, f->a, (size_t)m * (size_t)m * sizeof(double));
    sg_multiply_nt(m, f->b, f->c, f->a);
    return true;
}

/* Directions in which the estimates of the worst combinations move, along the whitened basis: R_H B^T y. */
static void worst_directions(work *f, const double *right, double *worst) {
    const int m = f->m;
    sg_multiply(m, f->a, right, f->h);    /* columns y sigma */
    sg_multiply_tn(m, f->b, f->h, worst); /* B^T y, along the basis, where R_H is near the identity */
}

static sg_status answers(work *f, sg_asymptotic *out) {
    sg_status status;
    const int m = f->m;
    double *right = out->gamma, *worst = out->gamma_mle; /* until they are filled */
    take_plain(f, out);
    const double relative = relative_error(f);
    if (!combine(f, &out->restricted_poincare)) return no_digits(out);
    if ((status = sg_singular_values(m, f->a, f->value, right))) return status;
    for (int j = 0; j < m; j++) out->inefficiency[j] = f->value[m - 1 - j] * f->value[m - 1 - j];
    worst_directions(f, right, worst);
    if ((status = sg_worst_hessian_finite(f->stream, f->d, worst, &out->rho))) return status;
    memcpy(out->whiten, f->d, (size_t)m * (size_t)m * sizeof(double));
    sg_multiply(m, f->c, f->inverse, out->metric_root);
    sg_multiply_nt(m, f->b, f->basis, f->a); /* B W^T */
    sg_multiply_tn(m, f->a, f->a, out->gamma);
    invert_upper(m, f->c, f->b);
    sg_multiply(m, f->basis, f->b, f->a);
    sg_multiply_nt(m, f->a, f->a, out->gamma_mle);
    out->gamma_error = relative * norm_of(m, out->gamma);
    out->inefficiency_error = relative * out->inefficiency[m - 1];
    out->restricted_poincare_error = relative * out->restricted_poincare;
    return relative < 0.1 ? SG_OK : no_digits(out);
}

sg_status sg_asymptotic_finite(const sg_model *model, const sg_loss *loss, sg_asymptotic *out) {
    work f = {0};
    sg_status status = new_finite(model, loss, &f);
    if (!status) status = find_basis(&f);
    if (!status) status = answers(&f, out);
    delete_finite(&f);
    return status;
}
