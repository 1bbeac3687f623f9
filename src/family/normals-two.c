/*
 * With R = phi_1/p, Q = phi_2/p, r = w R, q = (1 - w) Q, v = r q and P = R Q, as functions of T: r' = v, v' = v (q -
 * r), R - Q has the derivative P, and P that of v/(w (1 - w)).  Every derivative of log p in theta is f(T) U, U a
 * product of `degree` factors u_c = h (x - mu)_c: R - Q of degree 0 in w, r u_c and q u_c in the means, -(R - Q)^2 in
 * (w, w), P u_c and -P u_c in w and a mean, v u_b u_c in two means of one component, less r h where b = c, -v u_b u_c
 * in those of two. With e = mu_1 - mu_2:  d_a T = h e_a, d_t T = -h T, d_ab T = 0, d_at T = -h^2 e_a, d_tt T = 2 h^2 T,
 * d_a u_c = h 1{a = c}, d_t u_c = -h u_c, and so for f U of degree n, N_a the sum over factors u_a of the product of
 * the others, d_a   = f' h e_a U + f h N_a,      d_t = (f' T_t - n f h) U, d_ab  = f'' h^2 e_a e_b U + f' h^2 (e_a N_b
 * + e_b N_a) + f h^2 N_ab, d_at  = h e_a (f'' T_t - (n + 1) f' h) U + h (f' T_t - n f h) N_a, d_tt  = (f'' T_t^2 - 2 (n
 * + 1) f' h T_t + n (n + 1) f h^2) U. h itself is such a U of degree 1 without N.
 */
#include "family/normals-two.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"

enum { B = SG_BLOCK, Z_MOST = SG_NORMALS_D + 1, PAIRS_MOST = Z_MOST * (Z_MOST + 1) / 2 };
static const double HALF_LOG_2PI = 0.91893853320467274178;
typedef double row[B];

/* f U but for U: the coefficients above, by what stands behind them. */
typedef struct {
    _Alignas(SG_ALIGN) row value, a, aa, t, ta, tt; /* 1, e_a, e_a e_b, 1, e_a, 1 */
    row near, near_a, near_t, near_near;            /* N_a, e_b N_a, N_a, N_ab */
} profile;

typedef struct {
    int n, d, z, pairs; /* points; coordinates without and with t; second derivatives that are kept */
    bool heat;
    unsigned char first[PAIRS_MOST], second[PAIRS_MOST]; /* axes of the second derivatives */
    double w, variance, apart[SG_NORMALS_D];
    const double *mean, *x; /* [2][d], [d][B] */
    _Alignas(SG_ALIGN) row h, T, Tt, R[2], r[2], v, P, weight, lean, square, ones;
} two;

/* Loops over the points, whose number is a multiple of the lanes of a vector. */
#define EACH(i, n) _Pragma("omp simd") for (int i = 0; i < (n); i++)

/* ------------------------------------------------------------------ order 0 */

static void open_block(const sg_normals *law, const double *theta, const sg_block *block, bool heat, bool diagonal,
                       two *p) {
    p->n = (block->n + 7) & ~7;
    p->d = law->d;
    p->z = law->d + heat;
    p->heat = heat;
    p->pairs = 0;
    for (int a = 0; a < p->z; a++)
        for (int b = diagonal ? a : 0; b <= a; b++) {
            p->first[p->pairs] = (unsigned char)a;
            p->second[p->pairs++] = (unsigned char)b;
        }
    p->w = theta[0];
    p->variance = law->variance[0];
    p->mean = theta + 1;
    p->x = block->x;
    for (int a = 0; a < p->d; a++) p->apart[a] = p->mean[a] - p->mean[p->d + a];
    EACH(i, B) p->ones[i] = 1;
}

/* h and T. */
static void load_ratio(two *p) {
    const double *restrict t = p->x + p->d * B;
    EACH(i, p->n) p->h[i] = 1 / (p->heat ? p->variance + t[i] : p->variance);
    memset(p->T, 0, sizeof p->T);
    for (int a = 0; a < p->d; a++) {
        const double apart = p->apart[a], middle = 0.5 * p->mean[a] + 0.5 * p->mean[p->d + a];
        const double *restrict x = p->x + a * B;
        if (apart != 0) EACH(i, p->n) p->T[i] += apart * (x[i] - middle);
    }
    EACH(i, p->n) {
        p->T[i] *= p->h[i];
        p->Tt[i] = -p->h[i] * p->T[i];
    }
}

/* R and Q are the larger component's 1/(w + (1 - w) exp(-|T|)), or the mirror of it, and that times exp(-|T|). */
static void load_responsibilities(two *p) {
    const double w = p->w, rest = 1 - p->w;
    EACH(i, p->n) {
        const double T = p->T[i], e = exp(-fabs(T)), one = T > 0 ? 1 : e, other = T > 0 ? e : 1;
        const double inverse = 1 / (w * one + rest * other), R = one * inverse, Q = other * inverse;
        p->R[0][i] = R;
        p->R[1][i] = Q;
        p->r[0][i] = w * R;
        p->r[1][i] = rest * Q;
        p->v[i] = w * R * (rest * Q);
        p->P[i] = R * Q;
        p->lean[i] = rest * Q - w * R;
    }
}

/* R - Q: the larger of the two times 1 - exp(-|T|) = 2 tanh(|T|/2)/(1 + tanh(|T|/2)). */
static void load_weight(two *p) {
    EACH(i, p->n) {
        const double s = tanh(0.5 * p->T[i]), large = p->R[0][i] > p->R[1][i] ? p->R[0][i] : p->R[1][i];
        p->weight[i] = large * (2 * s / (1 + fabs(s)));
    }
}

/* ------------------------------------------------------------------ log p */

static void log_density(const two *p, double *restrict out) {
    row first = {0}, second = {0};
    for (int a = 0; a < p->d; a++) {
        const double one = p->mean[a], other = p->mean[p->d + a], *restrict x = p->x + a * B;
        EACH(i, p->n) {
            first[i] += (x[i] - one) * (x[i] - one);
            second[i] += (x[i] - other) * (x[i] - other);
        }
    }
    EACH(i, p->n) {
        const double T = p->T[i], e = exp(-fabs(T)), sum = T > 0 ? p->w + (1 - p->w) * e : p->w * e + (1 - p->w);
        const double norm = 0.5 * p->d * log(p->h[i]) - p->d * HALF_LOG_2PI;
        out[i] = norm - 0.5 * p->h[i] * (T > 0 ? first[i] : second[i]) + log(sum);
    }
}

/* -(r u_1 + q u_2) along x, and in `square` r |u_1|^2 + q |u_2|^2. */
static void slopes(two *p, double *dx) {
    if (p->heat) memset(p->square, 0, sizeof p->square);
    for (int a = 0; a < p->d; a++) {
        const double one = p->mean[a], other = p->mean[p->d + a];
        const double *restrict x = p->x + a * B, *restrict h = p->h, *restrict r = p->r[0], *restrict q = p->r[1];
        double *restrict out = dx ? dx + a * B : NULL, *restrict square = p->square;
        if (out) EACH(i, p->n) out[i] = -(r[i] * (h[i] * (x[i] - one)) + q[i] * (h[i] * (x[i] - other)));
        if (p->heat) EACH(i, p->n) {
                const double u = h[i] * (x[i] - one), s = h[i] * (x[i] - other);
                square[i] += r[i] * (u * u) + q[i] * (s * s);
            }
    }
    double *restrict out = dx ? dx + p->d * B : NULL;
    if (out && p->heat) EACH(i, p->n) out[i] = 0.5 * (p->square[i] - p->d * p->h[i]);
}

/* -h 1{a = b} + v T_a T_b; with t, (h (r u_1 + q u_2)_a) + v T_a T_t; d h^2/2 - h square + v T_t^2. */
static void bends(const two *p, double *dxx) {
    for (int e = 0; e < p->pairs; e++) {
        const int a = p->first[e], b = p->second[e];
        const double *restrict h = p->h, *restrict v = p->v, *restrict Tt = p->Tt;
        double *restrict out = dxx + e * B;
        if (a < p->d) {
            const double apart = p->apart[a] * p->apart[b], own = a == b ? 1 : 0;
            EACH(i, p->n) out[i] = v[i] * (h[i] * h[i] * apart) - own * h[i];
        } else if (b < p->d) {
            const double one = p->mean[b], other = p->mean[p->d + b], apart = p->apart[b], *restrict x = p->x + b * B;
            const double *restrict r = p->r[0], *restrict q = p->r[1];
            EACH(i, p->n)
            out[i] = h[i] * h[i] * (r[i] * (x[i] - one) + q[i] * (x[i] - other)) + v[i] * (h[i] * apart * Tt[i]);
        } else {
            EACH(i, p->n) out[i] = 0.5 * p->d * h[i] * h[i] - h[i] * p->square[i] + v[i] * (Tt[i] * Tt[i]);
        }
    }
}

/* ----------------------------------------------------------------- profiles */

/* From f, f' and f''. */
static void fill_profile(const two *p, int degree, const double *restrict f, const double *restrict f1,
                         const double *restrict f2, profile *to) {
    const double n = degree;
    EACH(i, p->n) {
        const double h = p->h[i];
        to->value[i] = f[i];
        to->a[i] = f1[i] * h;
        to->aa[i] = f2[i] * (h * h);
        to->near[i] = f[i] * h;
        to->near_a[i] = f1[i] * (h * h);
        to->near_near[i] = f[i] * (h * h);
    }
    if (p->heat) EACH(i, p->n) {
            const double h = p->h[i], Tt = p->Tt[i];
            to->t[i] = f1[i] * Tt - n * f[i] * h;
            to->ta[i] = h * (f2[i] * Tt - (n + 1) * f1[i] * h);
            to->tt[i] = f2[i] * (Tt * Tt) - 2 * (n + 1) * f1[i] * (h * Tt) + n * (n + 1) * f[i] * (h * h);
            to->near_t[i] = h * (f1[i] * Tt - n * f[i] * h);
        }
}

/* R - Q, and minus its square. */
static void weight_profile(const two *p, bool squared, profile *to) {
    row f, f1, f2;
    EACH(i, p->n) {
        const double W = p->weight[i], P = p->P[i], bend = P * p->lean[i];
        f[i] = squared ? -W * W : W;
        f1[i] = squared ? -2 * W * P : P;
        f2[i] = squared ? -2 * (P * P + W * bend) : bend;
    }
    fill_profile(p, 0, f, f1, f2, to);
}

/* r or q. */
static void mean_profile(const two *p, int component, profile *to) {
    const double sign = component == 0 ? 1 : -1;
    row f1, f2;
    EACH(i, p->n) {
        f1[i] = sign * p->v[i];
        f2[i] = sign * p->v[i] * p->lean[i];
    }
    fill_profile(p, 1, p->r[component], f1, f2, to);
}

/* v, or P: v' = v lean, v'' = v (1 - 6 v). */
static void overlap_profile(const two *p, int degree, const double *restrict f, profile *to) {
    row f1, f2;
    EACH(i, p->n) {
        f1[i] = f[i] * p->lean[i];
        f2[i] = f[i] * (1 - 6 * p->v[i]);
    }
    fill_profile(p, degree, f, f1, f2, to);
}

/* ----------------------------------------------------------------- members */

/* U = sign times its factors, as a row; their axes, and sign times the product of the others. */
typedef struct {
    int factors, axis[2];
    double sign;
    const double *row, *others[2];
} polynomial;

/* Where a jet has the derivatives of one order in theta. */
typedef struct {
    double *value, *slope, *bend;
} target;

static bool wanted(const target *to) {
    return to->value || to->slope || to->bend;
}

static void write_row(const two *p, bool add, double scale, const double *restrict x, double *restrict out) {
    if (add) {
        if (scale != 0) EACH(i, p->n) out[i] += scale * x[i];
    } else if (scale == 0) {
        memset(out, 0, (size_t)p->n * sizeof *out);
    } else {
        EACH(i, p->n) out[i] = scale * x[i];
    }
}

static void add_product(const two *p, double scale, const double *restrict x, const double *restrict y,
                        double *restrict out) {
    if (scale != 0) EACH(i, p->n) out[i] += scale * (x[i] * y[i]);
}

static const double *times(const two *p, const double *restrict x, const double *restrict y, double *restrict out) {
    EACH(i, p->n) out[i] = x[i] * y[i];
    return out;
}

static void write_slopes(const two *p, bool add, const profile *f, const polynomial *U, double *out) {
    row both;
    times(p, f->a, U->row, both);
    for (int a = 0; a < p->d; a++) write_row(p, add, p->apart[a], both, out + a * B);
    for (int k = 0; k < U->factors; k++) add_product(p, 1, f->near, U->others[k], out + U->axis[k] * B);
    if (p->heat) write_row(p, add, 1, times(p, f->t, U->row, both), out + p->d * B);
}

/* What N adds to a second derivative. */
static void add_near(const two *p, const profile *f, const polynomial *U, int a, int b, double *out) {
    for (int k = 0; k < U->factors; k++) {
        if (a == p->d && b == U->axis[k]) add_product(p, 1, f->near_t, U->others[k], out);
        if (a < p->d && a == U->axis[k]) add_product(p, p->apart[b], f->near_a, U->others[k], out);
        if (a < p->d && b == U->axis[k]) add_product(p, p->apart[a], f->near_a, U->others[k], out);
    }
    if (U->factors < 2 || a == p->d) return;
    const int c = U->axis[0], s = U->axis[1];
    write_row(p, true, U->sign * ((a == c && b == s) + (a == s && b == c)), f->near_near, out);
}

static void write_bends(const two *p, bool add, const profile *f, const polynomial *U, double *out) {
    row plain, mixed, both;
    times(p, f->aa, U->row, plain);
    if (p->heat) times(p, f->ta, U->row, mixed);
    for (int e = 0; e < p->pairs; e++) {
        const int a = p->first[e], b = p->second[e];
        if (a < p->d)
            write_row(p, add, p->apart[a] * p->apart[b], plain, out + e * B);
        else if (b < p->d)
            write_row(p, add, p->apart[b], mixed, out + e * B);
        else
            write_row(p, add, 1, times(p, f->tt, U->row, both), out + e * B);
        add_near(p, f, U, a, b, out + e * B);
    }
}

static void write_members(const two *p, bool add, const profile *f, const polynomial *U, const target *to, int index) {
    row both;
    if (to->value) write_row(p, add, 1, times(p, f->value, U->row, both), to->value + (size_t)index * B);
    if (to->slope) write_slopes(p, add, f, U, to->slope + (size_t)index * (size_t)p->z * B);
    if (to->bend) write_bends(p, add, f, U, to->bend + (size_t)index * (size_t)p->pairs * B);
}

/* ----------------------------------------------------------------- parameters */

/* The weight, component -1, or a mean along an axis. */
typedef struct {
    int component, axis;
} place;

static place place_of(const two *p, const sg_jet *jet, int entry) {
    const int j = jet->parameter ? jet->parameter[entry] : entry;
    return j == 0 ? (place){-1, 0} : (place){(j - 1) / p->d, (j - 1) % p->d};
}

/* u_c of the mean, with a sign. */
static void load_factor(const two *p, place at, double sign, double *restrict u) {
    const double mean = p->mean[at.component * p->d + at.axis], *restrict x = p->x + at.axis * B;
    EACH(i, p->n) u[i] = sign * (p->h[i] * (x[i] - mean));
}

static void first_derivatives(const two *p, const sg_jet *jet, const target *to) {
    profile f;
    row u;
    int held = -2;
    for (int j = 0; j < jet->m; j++) {
        const place at = place_of(p, jet, j);
        polynomial U = {.row = p->ones};
        if (at.component != held) {
            held = at.component;
            if (held < 0)
                weight_profile(p, false, &f);
            else
                mean_profile(p, held, &f);
        }
        if (held >= 0) {
            load_factor(p, at, 1, u);
            U = (polynomial){1, {at.axis}, 1, u, {p->ones}};
        }
        write_members(p, false, &f, &U, to, j);
    }
}

/* Profiles of the pairs, made when they are first used. */
typedef struct {
    bool has_means, has_mixed, has_own[2];
    profile means, mixed, own[2];
} pairing;

static void pair_of_means(const two *p, place at, place other, const target *to, int index, pairing *w) {
    const bool same = at.component == other.component;
    const double sign = same ? 1 : -1;
    row first, second, both;
    if (!w->has_means) overlap_profile(p, 2, p->v, &w->means);
    w->has_means = true;
    load_factor(p, at, sign, first);
    load_factor(p, other, 1, second);
    times(p, first, second, both);
    load_factor(p, other, sign, second);
    const polynomial U = {2, {at.axis, other.axis}, sign, both, {second, first}};
    write_members(p, false, &w->means, &U, to, index);
    if (!same || at.axis != other.axis) return;
    const int k = at.component;
    if (!w->has_own[k]) mean_profile(p, k, &w->own[k]);
    w->has_own[k] = true;
    EACH(i, p->n) both[i] = -p->h[i];
    write_members(p, true, &w->own[k], &(polynomial){.row = both}, to, index);
}

static void mean_and_weight(const two *p, place mean, const target *to, int index, pairing *w) {
    const double sign = mean.component == 0 ? 1 : -1;
    row u, signs;
    if (!w->has_mixed) overlap_profile(p, 1, p->P, &w->mixed);
    w->has_mixed = true;
    load_factor(p, mean, sign, u);
    EACH(i, p->n) signs[i] = sign;
    write_members(p, false, &w->mixed, &(polynomial){1, {mean.axis}, sign, u, {signs}}, to, index);
}

static void second_derivatives(const two *p, const sg_jet *jet, const target *to) {
    pairing w;
    w.has_means = w.has_mixed = w.has_own[0] = w.has_own[1] = false;
    for (int j = 0, index = 0; j < jet->m; j++)
        for (int k = 0; k <= j; k++, index++) {
            const place at = place_of(p, jet, j), other = place_of(p, jet, k);
            if (at.component < 0) { /* so is the other: parameters ascend */
                profile f;
                weight_profile(p, true, &f);
                write_members(p, false, &f, &(polynomial){.row = p->ones}, to, index);
            } else if (other.component < 0) {
                mean_and_weight(p, at, to, index, &w);
            } else {
                pair_of_means(p, at, other, to, index, &w);
            }
        }
}

void sg_normals_two_jet(const sg_normals *law, const double *theta, const sg_block *block, bool heat, sg_jet *jet) {
    const target once = {jet->dt, jet->dt_dx, jet->dt_dxx}, twice = {jet->dtt, jet->dtt_dx, jet->dtt_dxx};
    two p;
    open_block(law, theta, block, heat, jet->want & SG_DIAGONAL, &p);
    load_ratio(&p);
    load_responsibilities(&p);
    if (jet->dt || wanted(&twice))
        load_weight(&p);
    else
        memset(p.weight, 0, sizeof p.weight); /* its derivatives do without */
    if (jet->logp) log_density(&p, jet->logp);
    if (jet->dx || jet->dxx) slopes(&p, jet->dx);
    if (jet->dxx) bends(&p, jet->dxx);
    if (wanted(&once)) first_derivatives(&p, jet, &once);
    if (wanted(&twice)) second_derivatives(&p, jet, &twice);
}
