/*
 * A double well in one direction and normal laws in the others, turned against the axes: with u = R x,
 *     log p = tilt u_1 + quadratic u_1^2 - quartic u_1^4 - coupling u_1 u_2 - sum_a>=2 precision_a u_a^2 / 2.
 * At its truth this is a product, V_1 = h (u_1^2 - 1)^2 up to a constant, whose gap is known, unless coupling is not 0.
 * R turns by `angle` in the plane of the first two axes, in three dimensions then also in that of the last two.
 */
#include <math.h>
#include <string.h>

#include "family/line.h"

enum { D = 3, PAIRS = 6, TILT = 0, QUADRATIC, QUARTIC, COUPLING, PRECISION };

typedef struct {
    int d;
    double h, s, angle, c;
} rotated_wells;

typedef struct {
    double turn[D][D]; /* u_a = sum_b turn[a][b] x_b */
} own_data;

static void turn_plane(double turn[D][D], int a, double angle) {
    const double cosine = cos(angle), sine = sin(angle);
    for (int b = 0; b < D; b++) {
        const double first = turn[a][b], second = turn[a + 1][b];
        turn[a][b] = cosine * first + sine * second;
        turn[a + 1][b] = cosine * second - sine * first;
    }
}

static sg_status make(const void *keys, sg_model *model) {
    const rotated_wells *key = keys;
    own_data own = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    for (int a = 0; a + 1 < key->d; a++) turn_plane(own.turn, a, key->angle);
    sg_status status = sg_line_model(model, PRECISION + key->d - 1, &own, sizeof own);
    if (status != SG_OK) return status;
    model->space = (sg_space){.shape = SG_RD, .d = key->d, .lo = -INFINITY, .hi = INFINITY};
    model->truth[QUADRATIC] = 2 * key->h;
    model->truth[QUARTIC] = key->h;
    model->truth[COUPLING] = key->c;
    for (int a = 1; a < key->d; a++) model->truth[PRECISION + a - 1] = 1 / (key->s * key->s);
    return SG_OK;
}

/* The wells and the barrier; widths from the coordinates u, turned. */
static void places(const sg_model *model, const double *theta, sg_places *out) {
    const own_data *own = model->own;
    const int d = model->space.d;
    const double quadratic = theta[QUADRATIC], quartic = theta[QUARTIC];
    const double well = quadratic > 0 ? sqrt(quadratic / (2 * quartic)) : 0;
    double width[D] = {1 / sqrt(4 * fabs(quadratic) + sqrt(quartic))};
    for (int a = 1; a < d; a++) width[a] = 1 / sqrt(theta[PRECISION + a - 1]);
    out->count = well > 0 ? 3 : 1;
    for (int k = 0; k < out->count; k++)
        for (int b = 0; b < d; b++) {
            out->at[k][b] = (k == 1 ? well : k == 2 ? -well : 0) * own->turn[0][b];
            out->scale[k][b] = INFINITY;
            for (int a = 0; a < d; a++)
                out->scale[k][b] = fmin(out->scale[k][b], width[a] / (fabs(own->turn[a][b]) + 1e-3));
        }
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    static const char *const names[] = {"tilt", "quadratic", "quartic", "coupling", "precision2", "precision3"};
    (void)model;
    sg_line_name(names, index, name);
}

/* -------------------------------------------------------------------- jets */

/* The turned coordinates of a block. */
typedef struct {
    int d, n;
    double turn[D][D];
    _Alignas(SG_ALIGN) double u[D][SG_BLOCK];
} turned;

static void turn_block(const sg_model *model, const sg_block *block, turned *t) {
    const own_data *own = model->own;
    t->d = model->space.d;
    t->n = sg_line_points(block->n);
    memcpy(t->turn, own->turn, sizeof t->turn);
    for (int a = 0; a < t->d; a++) {
        double *restrict u = t->u[a];
        const double first = t->turn[a][0];
#pragma omp simd
        for (int i = 0; i < t->n; i++) u[i] = first * block->x[i];
        for (int b = 1; b < t->d; b++) {
            const double *restrict x = block->x + b * SG_BLOCK;
            const double part = t->turn[a][b];
#pragma omp simd
            for (int i = 0; i < t->n; i++) u[i] += part * x[i];
        }
    }
}

static void value_of(const turned *t, int j, double *restrict out) {
    const double *u = t->u[0], *v = j == COUPLING ? t->u[1] : j >= PRECISION ? t->u[j - PRECISION + 1] : u;
#pragma omp simd
    for (int i = 0; i < t->n; i++) {
        const double square = v[i] * v[i];
        out[i] = j == TILT        ? u[i]
                 : j == QUADRATIC ? square
                 : j == QUARTIC   ? -square * square
                 : j == COUPLING  ? -u[i] * v[i]
                                  : -0.5 * square;
    }
}

/* The slope of statistic j along u_a, one of its variables. */
static void slope_of(const turned *t, int j, int a, double *restrict out) {
    const int other = j == COUPLING ? 1 - a : j >= PRECISION ? j - PRECISION + 1 : 0;
    const double *u = t->u[other];
#pragma omp simd
    for (int i = 0; i < t->n; i++)
        out[i] = j == TILT ? 1 : j == QUADRATIC ? 2 * u[i] : j == QUARTIC ? -4 * u[i] * (u[i] * u[i]) : -u[i];
}

static void bend_of(const turned *t, int j, double *restrict out) {
    const double *u = t->u[0];
    const double constant = j == QUADRATIC ? 2 : j == COUPLING || j >= PRECISION ? -1 : 0;
#pragma omp simd
    for (int i = 0; i < t->n; i++) out[i] = j == QUARTIC ? -12 * (u[i] * u[i]) : constant;
}

/* The statistic depends on u_a for these a. */
static int variables(int j, int *list) {
    list[0] = j >= PRECISION ? j - PRECISION + 1 : 0;
    list[1] = 1;
    return j == COUPLING ? 2 : 1;
}

static void gradient_of(const turned *t, int j, double *out) {
    _Alignas(SG_ALIGN) double slope[SG_BLOCK];
    int list[2];
    memset(out, 0, (size_t)t->d * SG_BLOCK * sizeof *out);
    for (int k = variables(j, list) - 1; k >= 0; k--) {
        slope_of(t, j, list[k], slope);
        for (int b = 0; b < t->d; b++) {
            const double part = t->turn[list[k]][b];
            double *restrict to = out + b * SG_BLOCK;
#pragma omp simd
            for (int i = 0; i < t->n; i++) to[i] += part * slope[i];
        }
    }
}

static void hessian_of(const turned *t, int j, double *out) {
    _Alignas(SG_ALIGN) double bend[SG_BLOCK];
    int list[2];
    const bool two = variables(j, list) == 2;
    bend_of(t, j, bend);
    for (int b = 0, pair = 0; b < t->d; b++)
        for (int c = 0; c <= b; c++, pair++) {
            const double *r = t->turn[list[0]], *q = t->turn[1];
            const double part = two ? r[b] * q[c] + r[c] * q[b] : r[b] * r[c];
            double *restrict to = out + pair * SG_BLOCK;
#pragma omp simd
            for (int i = 0; i < t->n; i++) to[i] = part * bend[i];
        }
}

/* sum += theta_j times the rows of a statistic; a coefficient of 0 leaves it out. */
static void accumulate(int rows, int n, double theta, const double *restrict from, double *restrict sum) {
    if (theta == 0) return;
    for (int r = 0; r < rows; r++)
#pragma omp simd
        for (int i = 0; i < n; i++) sum[r * SG_BLOCK + i] += theta * from[r * SG_BLOCK + i];
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    _Alignas(SG_ALIGN) double scratch[PAIRS * SG_BLOCK];
    turned t;
    const int full = model->full, d = model->space.d, pairs = full * (full + 1) / 2;
    const int rows[3] = {1, d, d * (d + 1) / 2};
    double *const sum[3] = {out->logp, out->dx, out->dxx}, *const statistic[3] = {out->dt, out->dt_dx, out->dt_dxx};
    double *const zero[3] = {out->dtt, out->dtt_dx, out->dtt_dxx};
    turn_block(model, block, &t);
    for (int k = 0; k < 3; k++) {
        if (zero[k]) memset(zero[k], 0, (size_t)(pairs * rows[k]) * SG_BLOCK * sizeof(double));
        if (sum[k]) memset(sum[k], 0, (size_t)rows[k] * SG_BLOCK * sizeof(double));
        for (int j = 0; j < full && (sum[k] || statistic[k]); j++) {
            double *f = statistic[k] ? statistic[k] + j * rows[k] * SG_BLOCK : scratch;
            if (k == 0) value_of(&t, j, f);
            if (k == 1) gradient_of(&t, j, f);
            if (k == 2) hessian_of(&t, j, f);
            if (sum[k]) accumulate(rows[k], t.n, theta[j], f, sum[k]);
        }
    }
}

/* ------------------------------------------------------------------ domain */

static bool inside(const sg_model *model, const double *theta) {
    if (!sg_line_finite(model->full, theta) || theta[QUARTIC] < 0) return false;
    for (int j = PRECISION; j < model->full; j++)
        if (!(theta[j] > 0)) return false;
    if (theta[QUARTIC] > 0) return true;
    return theta[QUADRATIC] < 0 && -2 * theta[QUADRATIC] * theta[PRECISION] > theta[COUPLING] * theta[COUPLING];
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(rotated_wells, d),
     .initial = "2",
     .lo = 2,
     .hi = 3,
     .help = "dimension"},
    {.key = "angle",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(rotated_wells, angle),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "turn of the wells against the axes, in radians; d = 3: in two planes"},
    {.key = "h",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(rotated_wells, h),
     .initial = "5",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "height of the true barrier between the wells at u_1 = -1 and 1"},
    {.key = "s",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(rotated_wells, s),
     .initial = "0.5",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "true standard deviation of the other coordinates"},
    {.key = "c",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(rotated_wells, c),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true coupling: the potential has the term c u_1 u_2"},
    {0},
};

const sg_family sg_family_rotated_wells = {
    .name = "rotated-wells",
    .summary = "p(x) ~ exp(-h (u_1^2 - 1)^2 - c u_1 u_2 - sum_a u_a^2/(2 s^2)), u = R x, on R^2 or R^3",
    .keys = keys,
    .keys_size = sizeof(rotated_wells),
    .can = SG_LINEAR | SG_NODES,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .places = places,
};
