/* Any law on S^2 in spherical harmonics. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum/grid/rules.h"
#include "sphere.h"

enum { B = SG_BLOCK, D = 3, DEGREE_MOST = 96 };
static const double CHANGE = 1e-10;

/* A product rule: Gauss's in z times equal angles, of which reflections leave one half and one quarter. */
typedef struct {
    const sg_model *model;
    const double *axes;
    bool reflected; /* p has the reflections of the frame */
    int degree, polar, azimuth, n;
    double *angle, *turn;     /* [polar] angle from the third axis; [azimuth] about it */
    double *root;             /* [n] square roots of the weights, node polar + azimuth * polars */
    double *along, *about;    /* [n] half the score along the two angles */
    double *legendre, *slope; /* [polar][terms] normalized functions, and their derivatives in the angle */
    size_t terms;
} rule;

/* Where the function of degree l and order m stands. */
static size_t term(int l, int m) {
    return (size_t)l * ((size_t)l + 1) / 2 + (size_t)m;
}

static void rule_free(rule *r) {
    double *array[] = {r->angle, r->turn, r->root, r->along, r->about, r->legendre, r->slope};
    for (int k = 0; k < 7; k++) sg_delete(array[k]);
}

static sg_status take(rule *r) {
    const size_t polar = (size_t)r->polar, n = (size_t)r->n;
    r->terms = term(r->degree + 1, 0);
    sg_status status = sg_new(&r->angle, polar, sizeof(double));
    if (!status) status = sg_new(&r->turn, (size_t)r->azimuth, sizeof(double));
    if (!status) status = sg_new(&r->root, n, sizeof(double));
    if (!status) status = sg_new(&r->along, n, sizeof(double));
    if (!status) status = sg_new(&r->about, n, sizeof(double));
    if (!status) status = sg_new(&r->legendre, polar * r->terms, sizeof(double));
    if (!status) status = sg_new(&r->slope, polar * r->terms, sizeof(double));
    return status;
}

/* The point of angles (theta, phi) in the frame, and the two unit vectors along them. */
static void point_at(const rule *r, double theta, double phi, double x[D], double along[D], double about[D]) {
    const double s = sin(theta), c = cos(theta), sp = sin(phi), cp = cos(phi);
    const double y[D] = {s * cp, s * sp, c}, u[D] = {c * cp, c * sp, -s}, v[D] = {-sp, cp, 0};
    for (int b = 0; b < D; b++) {
        x[b] = along[b] = about[b] = 0;
        for (int a = 0; a < D; a++) {
            x[b] += y[a] * r->axes[a * D + b];
            along[b] += u[a] * r->axes[a * D + b];
            about[b] += v[a] * r->axes[a * D + b];
        }
    }
}

static sg_status fill_scores(rule *r) {
    sg_arena *arena = NULL;
    sg_jet jet;
    double along[B][D], about[B][D];
    sg_status status = sg_arena_new(sg_jet_bytes(r->model->full, D, SG_DX) + D * B * sizeof(double), &arena);
    if (!status) status = sg_jet_take(arena, r->model->full, D, SG_DX, &jet);
    if (status) goto out;
    sg_block block = {.d = D, .draws = 1, .x = sg_arena_take(arena, D * B, sizeof(double))};
    for (int first = 0; first < r->n; first += B) {
        block.n = r->n - first < B ? r->n - first : B;
        for (int i = 0; i < B; i++) {
            const int node = first + (i < block.n ? i : 0);
            double x[D];
            point_at(r, r->angle[node % r->polar], r->turn[node / r->polar], x, along[i], about[i]);
            for (int a = 0; a < D; a++) block.x[a * B + i] = x[a];
        }
        r->model->family->jet(r->model, r->model->truth, &block, &jet);
        for (int i = 0; i < block.n; i++)
            for (int a = 0; a < D; a++) {
                r->along[first + i] += 0.5 * along[i][a] * jet.dx[a * B + i];
                r->about[first + i] += 0.5 * about[i][a] * jet.dx[a * B + i];
            }
    }
out:
    sg_arena_delete(arena);
    return status;
}

/*
 * Legendre functions of degree l <= degree and order m >= 0 with int P^2 2 pi sin = 1, up from l = m, and their
 * derivatives in the angle from the orders beside them: neither divides by the sine.
 */
static void fill_legendre(int degree, double angle, double *value, double *slope) {
    const double s = sin(angle), c = cos(angle);
    value[0] = 0.5 / sqrt(M_PI);
    for (int m = 1; m <= degree; m++) value[term(m, m)] = sqrt((2 * m + 1) / (2. * m)) * s * value[term(m - 1, m - 1)];
    for (int m = 0; m <= degree; m++)
        for (int l = m + 1; l <= degree; l++) {
            const double square = (double)(l - 1) * (l - 1), before = l > m + 1 ? value[term(l - 2, m)] : 0;
            value[term(l, m)] = sqrt((4. * l * l - 1) / ((double)(l - m) * (l + m))) *
                                (c * value[term(l - 1, m)] - sqrt((square - m * m) / (4 * square - 1)) * before);
        }
    for (int l = 0; l <= degree; l++)
        for (int m = 0; m <= l; m++) {
            const double above = m < l ? sqrt((double)(l - m) * (l + m + 1)) * value[term(l, m + 1)] : 0;
            const double below = m > 0 ? sqrt((double)(l + m) * (l - m + 1)) * value[term(l, m - 1)] : -above;
            slope[term(l, m)] = 0.5 * (below - above);
        }
}

/* Exact for products of two functions of degree `degree` with polynomials of degree 8. */
static sg_status rule_new(const sg_model *model, const double *axes, bool reflected, int degree, rule *r) {
    const int whole = degree + 5 + (degree + 5) % 2, around = 2 * degree + 12 + (4 - (2 * degree + 12) % 4) % 4;
    *r = (rule){.model = model, .axes = axes, .reflected = reflected, .degree = degree};
    r->polar = reflected ? whole / 2 : whole;
    r->azimuth = reflected ? around / 4 : around;
    r->n = r->polar * r->azimuth;
    double *z = NULL, *weight;
    sg_status status = take(r);
    if (!status) status = sg_new(&z, 2 * (size_t)whole, sizeof *z);
    if (status) goto out;
    weight = z + whole;
    sg_gauss_fill(whole, z, weight);
    for (int k = 0; k < r->azimuth; k++) r->turn[k] = 2 * M_PI * (k + 0.5) / around;
    for (int i = 0; i < r->polar; i++) {
        const int from = whole - 1 - i;
        r->angle[i] = acos(z[from]);
        fill_legendre(degree, r->angle[i], r->legendre + (size_t)i * r->terms, r->slope + (size_t)i * r->terms);
        for (int k = 0; k < r->azimuth; k++)
            r->root[i + k * r->polar] = sqrt(weight[from] * 2 * M_PI / around * (reflected ? 8 : 1));
    }
    status = fill_scores(r);
out:
    sg_delete(z);
    return status;
}

/* ------------------------------------------------------------------ sectors */

/* A harmonic of degree l: cos(m phi) or sin(m phi). */
typedef struct {
    int l, m;
    bool sine;
} harmonic;

/* Those of sector 0 .. 7: the bits are sine, parity of m, parity of l + m.  Sector -1: all. */
static int list_harmonics(int degree, int sector, harmonic *list) {
    int count = 0;
    for (int l = 0; l <= degree; l++)
        for (int m = 0; m <= l; m++)
            for (int sine = 0; sine <= (m > 0); sine++) {
                const int own = sine | (m % 2) << 1 | ((l + m) % 2) << 2;
                if (sector >= 0 && own != sector) continue;
                list[count++] = (harmonic){l, m, sine};
            }
    return count;
}

/* Rows of sqrt(weight) (grad psi - psi grad log p/2) for psi = the harmonic: along, then about. */
static void column_of(const rule *r, const harmonic *h, double *out) {
    const double norm = h->m ? M_SQRT2 : 1;
    const size_t at = term(h->l, h->m);
    for (int k = 0; k < r->azimuth; k++) {
        const double c = cos(h->m * r->turn[k]), s = sin(h->m * r->turn[k]);
        const double value = norm * (h->sine ? s : c), bend = norm * h->m * (h->sine ? c : -s);
        for (int i = 0; i < r->polar; i++) {
            const int node = i + k * r->polar;
            const double p = r->legendre[(size_t)i * r->terms + at], q = r->slope[(size_t)i * r->terms + at];
            out[node] = r->root[node] * (value * q - value * p * r->along[node]);
            out[r->n + node] = r->root[node] * (bend * p / sin(r->angle[i]) - value * p * r->about[node]);
        }
    }
}

/* Squares of the smallest singular values of one sector, ascending; *count is lowered to the number there are. */
static sg_status sector_values(const rule *r, int sector, int *count, double *values, double *norm) {
    const int rows = 2 * r->n;
    harmonic *list = NULL;
    double *a = NULL, *tau = NULL, *work = NULL, unused = 0;
    sg_status status = sg_new(&list, (size_t)(r->degree + 1) * (size_t)(r->degree + 1), sizeof *list);
    if (status) return status;
    const int n = list_harmonics(r->degree, sector, list), room = 64 * (n + 8);
    if (*count > n) *count = n;
    if (!n) goto out;
    status = sg_new(&a, (size_t)rows * (size_t)n, sizeof *a);
    if (!status) status = sg_new(&tau, (size_t)n, sizeof *tau);
    if (!status) status = sg_new(&work, (size_t)room, sizeof *work);
    if (status) goto out;
    for (int j = 0; j < n; j++) column_of(r, &list[j], a + (size_t)j * (size_t)rows);
    int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, n, a, rows, tau, work, room);
    for (int j = 0; j < n; j++)
        for (int i = j + 1; i < n; i++) a[i + (size_t)j * (size_t)rows] = 0;
    if (!info)
        info = LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'N', 'N', n, n, a, rows, tau, &unused, 1, &unused, 1, work, room);
    if (info) status = sg_fail(SG_NOT_CONVERGED, "the singular values of the harmonics were not found (%d)", info);
    for (int k = 0; k < *count && !status; k++) values[k] = tau[n - 1 - k] * tau[n - 1 - k];
    if (!status) *norm = fmax(*norm, tau[0]);
out:
    sg_delete(list), sg_delete(a), sg_delete(tau), sg_delete(work);
    return status;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first `count` + 1 eigenvalues, the zero among them. */
static sg_status values_at(const rule *r, int count, double *values, double *norm) {
    const int sectors = r->reflected ? 8 : 1, each = count + 1;
    double *all = NULL;
    int found = 0;
    sg_status status = sg_new(&all, (size_t)sectors * (size_t)each, sizeof *all);
    for (int s = 0; s < sectors && !status; s++) {
        int own = each;
        status = sector_values(r, r->reflected ? s : -1, &own, all + found, norm);
        found += own;
    }
    if (!status && found < each) status = sg_fail(SG_NOT_CONVERGED, "there are too few harmonics");
    if (!status) {
        qsort(all, (size_t)found, sizeof *all, by_value);
        memcpy(values, all, (size_t)each * sizeof *values);
    }
    sg_delete(all);
    return status;
}

/* Is log p the same at the mirror images of 32 points, but for rounding? */
static sg_status look_reflected(const sg_model *model, const double *axes, bool *reflected) {
    sg_arena *arena = NULL;
    sg_jet jet;
    const rule r = {.axes = axes};
    sg_status status = sg_arena_new(sg_jet_bytes(model->full, D, SG_LOGP) + D * B * sizeof(double), &arena);
    if (!status) status = sg_jet_take(arena, model->full, D, SG_LOGP, &jet);
    if (status) goto out;
    const sg_block block = {.n = B, .d = D, .draws = 1, .x = sg_arena_take(arena, D * B, sizeof(double))};
    for (int i = 0; i < B; i++) {
        const double theta = M_PI_2 * (i / 8 + 0.5) / 32, phi = M_PI_2 * (i / 8 * 7 % 32 + 0.5) / 32;
        double x[D], u[D], v[D];
        point_at(&r, i & 1 ? M_PI - theta : theta, (i & 2 ? M_PI : 0) + (i & 4 ? -phi : phi), x, u, v);
        for (int a = 0; a < D; a++) block.x[a * B + i] = x[a];
    }
    model->family->jet(model, model->truth, &block, &jet);
    double largest = 1;
    for (int i = 0; i < B; i++) largest = fmax(largest, fabs(jet.logp[i]));
    *reflected = true;
    for (int i = 0; i < B; i++) *reflected = *reflected && fabs(jet.logp[i] - jet.logp[i / 8 * 8]) <= 1e-13 * largest;
out:
    sg_arena_delete(arena);
    return status;
}

/* A step of N by about a quarter. */
static int next_degree(int degree) {
    const int next = degree + degree / 4 + 2;
    return next > DEGREE_MOST && degree < DEGREE_MOST ? DEGREE_MOST : next;
}

sg_status sg_sphere_harmonics(const sg_model *model, const double *axes, double sharp, int count,
                              sg_sphere_level *levels, int *degree) {
    double *now = NULL, *before = NULL, change = INFINITY, norm = 0;
    bool reflected = false;
    sg_status status = sg_new(&now, 2 * (size_t)(count + 1), sizeof *now);
    if (!status) status = look_reflected(model, axes, &reflected);
    if (status) goto out;
    before = now + count + 1;
    for (int k = 0; k <= count; k++) before[k] = INFINITY;
    int n = (int)fmin(DEGREE_MOST, 6 + sqrt((double)count) + 2 * sqrt(sharp));
    for (; n <= DEGREE_MOST && change > CHANGE; n = next_degree(n)) {
        rule r = {0};
        status = rule_new(model, axes, reflected, n, &r);
        if (!status) status = values_at(&r, count, now, &norm);
        rule_free(&r);
        if (status) goto out;
        change = 0;
        for (int k = 1; k <= count; k++) {
            const double small = 0x1p-52 * norm; /* of a singular value, a few times */
            const double rounding = 16 * small * (sqrt(now[k]) + small);
            const double moved = fabs(now[k] - before[k]);
            levels[k - 1] = (sg_sphere_level){now[k], fmax(0, now[k] - 2 * moved - rounding), now[k] + rounding};
            change = fmax(change, fmax(0, moved - rounding) / now[k]);
        }
        memcpy(before, now, (size_t)(count + 1) * sizeof *now);
        *degree = n;
    }
out:
    sg_delete(now);
    return status;
}
