/* Charts on a family of three parameters in two dimensions, log p = sum_k a_k(theta) b_k(x), with every derivative. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "scoregap/family.h"

enum { FULL = 3, DIM = 2, TERMS = 3, PAIRS = 6, SECONDS = 3, POINTS = 37 };

/* a_k with gradient and packed Hessian in theta. */
static void factors(const double *t, double *a, double da[TERMS][FULL], double dda[TERMS][PAIRS]) {
    memset(da, 0, TERMS * FULL * sizeof(double));
    memset(dda, 0, TERMS * PAIRS * sizeof(double));
    a[0] = t[0] * t[1];
    da[0][0] = t[1];
    da[0][1] = t[0];
    dda[0][1] = 1;
    a[1] = sin(t[1] + 2 * t[2]);
    da[1][1] = cos(t[1] + 2 * t[2]);
    da[1][2] = 2 * da[1][1];
    dda[1][2] = -a[1];
    dda[1][4] = -2 * a[1];
    dda[1][5] = -4 * a[1];
    a[2] = t[2] * t[2] * t[2] + t[0] * t[0];
    da[2][0] = 2 * t[0];
    da[2][2] = 3 * t[2] * t[2];
    dda[2][0] = 2;
    dda[2][5] = 6 * t[2];
}

/* b_k with gradient and packed Hessian in x. */
static void shapes(double x, double y, double *b, double db[TERMS][DIM], double ddb[TERMS][SECONDS]) {
    memset(ddb, 0, TERMS * SECONDS * sizeof(double));
    b[0] = x * y;
    db[0][0] = y;
    db[0][1] = x;
    ddb[0][1] = 1;
    b[1] = exp(x / 2) + y;
    db[1][0] = exp(x / 2) / 2;
    db[1][1] = 1;
    ddb[1][0] = exp(x / 2) / 4;
    b[2] = cos(y);
    db[2][0] = 0;
    db[2][1] = -sin(y);
    ddb[2][2] = -cos(y);
}

static void fill_product(int na, int nb, const double *a, const double *b, int point, double *out) {
    if (!out) return;
    for (int i = 0; i < na; i++) {
        for (int r = 0; r < nb; r++) {
            double sum = 0;
            for (int k = 0; k < TERMS; k++) sum += a[k * na + i] * b[k * nb + r];
            out[(i * nb + r) * SG_BLOCK + point] = sum;
        }
    }
}

static void product_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    (void)model;
    for (int p = 0; p < block->n; p++) {
        double a[TERMS], da[TERMS][FULL], dda[TERMS][PAIRS], b[TERMS], db[TERMS][DIM], ddb[TERMS][SECONDS];
        factors(theta, a, da, dda);
        shapes(block->x[p], block->x[SG_BLOCK + p], b, db, ddb);
        fill_product(1, 1, a, b, p, jet->logp);
        fill_product(1, DIM, a, &db[0][0], p, jet->dx);
        fill_product(1, SECONDS, a, &ddb[0][0], p, jet->dxx);
        fill_product(FULL, 1, &da[0][0], b, p, jet->dt);
        fill_product(FULL, DIM, &da[0][0], &db[0][0], p, jet->dt_dx);
        fill_product(FULL, SECONDS, &da[0][0], &ddb[0][0], p, jet->dt_dxx);
        fill_product(PAIRS, 1, &dda[0][0], b, p, jet->dtt);
        fill_product(PAIRS, DIM, &dda[0][0], &db[0][0], p, jet->dtt_dx);
        fill_product(PAIRS, SECONDS, &dda[0][0], &ddb[0][0], p, jet->dtt_dxx);
    }
}

/* As above, the second parameter's derivatives being no numbers. */
static void poisoned_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    product_jet(model, theta, block, jet);
    for (int p = 0; p < block->n; p++) {
        jet->dt[SG_BLOCK + p] = NAN;
        for (int l = 0; l < 2; l++) jet->dtt[(1 + l) * SG_BLOCK + p] = NAN;
        jet->dtt[4 * SG_BLOCK + p] = NAN;
    }
}

static const sg_family product_family = {.name = "product", .jet = product_jet};
static const sg_family poisoned_family = {.name = "poisoned", .jet = poisoned_jet};

typedef struct {
    sg_arena *arena;
    sg_jet raw, jet;
    sg_block block;
} scratch;

static void open_scratch(int m, int want, scratch *s) {
    size_t bytes = sg_jet_bytes(FULL, DIM, want) + sg_jet_bytes(m, DIM, want) + DIM * SG_BLOCK * sizeof(double);
    assert_int_equal(sg_arena_new(bytes, &s->arena), SG_OK);
    assert_int_equal(sg_jet_take(s->arena, FULL, DIM, want, &s->raw), SG_OK);
    assert_int_equal(sg_jet_take(s->arena, m, DIM, want, &s->jet), SG_OK);
    s->block = (sg_block){.n = POINTS, .d = DIM, .draws = 1};
    s->block.x = sg_arena_take(s->arena, DIM * SG_BLOCK, sizeof(double));
    assert_non_null(s->block.x);
    assert_null(sg_arena_take(s->arena, 1, 1)); /* sg_jet_bytes is exact */
    sg_stream stream;
    sg_stream_open(&stream, 7, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, DIM * SG_BLOCK, s->block.x);
}

/* Every free parameter is a coordinate. */
static sg_model model_of(const sg_family *family, int m, int *free_ones) {
    static double direction[FULL * FULL];
    memset(direction, 0, sizeof direction);
    for (int j = 0; j < m; j++) direction[free_ones[j] * m + j] = 1;
    return (sg_model){.family = family,
                      .space = {.shape = SG_RD, .d = DIM},
                      .full = FULL,
                      .m = m,
                      .free = free_ones,
                      .direction = direction};
}

static int packed(int i, int l) {
    return i >= l ? i * (i + 1) / 2 + l : l * (l + 1) / 2 + i;
}

static void near_to(double value, double wanted, double size) {
    if (!(fabs(value - wanted) <= 1e-14 * size)) fail_msg("%.17g instead of %.17g", value, wanted);
}

/* out_j = sum_i B_ij in_i and out_jk = sum_il B_ij in_il B_lk by plain loops. */
static void check_once(const sg_chart *c, int rows, const double *in, const double *out) {
    for (int j = 0; j < c->m; j++) {
        for (int r = 0; r < rows; r++) {
            for (int p = 0; p < POINTS; p++) {
                double sum = 0, size = 0;
                for (int i = 0; i < FULL; i++) {
                    double term = c->basis[i * c->m + j] * in[(i * rows + r) * SG_BLOCK + p];
                    sum += term;
                    size += fabs(term);
                }
                near_to(out[(j * rows + r) * SG_BLOCK + p], sum, size);
            }
        }
    }
}

static void check_twice(const sg_chart *c, int rows, const double *in, const double *out) {
    for (int j = 0; j < c->m; j++) {
        for (int k = 0; k <= j; k++) {
            for (int q = 0; q < rows * POINTS; q++) {
                int r = q / POINTS, p = q % POINTS;
                double sum = 0, size = 0;
                for (int i = 0; i < FULL; i++) {
                    for (int l = 0; l < FULL; l++) {
                        double term = c->basis[i * c->m + j] * c->basis[l * c->m + k] *
                                      in[(packed(i, l) * rows + r) * SG_BLOCK + p];
                        sum += term;
                        size += fabs(term);
                    }
                }
                near_to(out[(packed(j, k) * rows + r) * SG_BLOCK + p], sum, size);
            }
        }
    }
}

static const double theta_zero[FULL] = {0.7, -0.4, 1.1};

static void check_chart(int m, int *free_ones, const double *whiten) {
    sg_model model = model_of(&product_family, m, free_ones);
    sg_chart *chart = NULL;
    scratch s;
    open_scratch(m, SG_JET_ALL, &s);
    assert_int_equal(sg_chart_new(&model, theta_zero, whiten, &chart), SG_OK);
    sg_chart_jet(&model, chart, theta_zero, &s.block, &s.raw, &s.jet);
    for (int p = 0; p < POINTS; p++) assert_true(s.jet.logp[p] == s.raw.logp[p]);
    for (int a = 0; a < DIM; a++)
        for (int p = 0; p < POINTS; p++) assert_true(s.jet.dx[a * SG_BLOCK + p] == s.raw.dx[a * SG_BLOCK + p]);
    for (int a = 0; a < SECONDS; a++)
        for (int p = 0; p < POINTS; p++) assert_true(s.jet.dxx[a * SG_BLOCK + p] == s.raw.dxx[a * SG_BLOCK + p]);
    check_once(chart, 1, s.raw.dt, s.jet.dt);
    check_once(chart, DIM, s.raw.dt_dx, s.jet.dt_dx);
    check_once(chart, SECONDS, s.raw.dt_dxx, s.jet.dt_dxx);
    check_twice(chart, 1, s.raw.dtt, s.jet.dtt);
    check_twice(chart, DIM, s.raw.dtt_dx, s.jet.dtt_dx);
    check_twice(chart, SECONDS, s.raw.dtt_dxx, s.jet.dtt_dxx);
    assert_int_equal(s.jet.m, m);
    sg_chart_delete(chart);
    sg_arena_delete(s.arena);
}

static void contraction_matches_plain_loops(void **state) {
    (void)state;
    double whiten[9];
    sg_stream stream;
    sg_stream_open(&stream, 11, SG_PURPOSE_TEST, 0);
    int lists[][FULL] = {{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}};
    int counts[] = {1, 1, 1, 2, 2, 2, 3};
    for (int c = 0; c < 7; c++) {
        check_chart(counts[c], lists[c], NULL);
        for (int trial = 0; trial < 5; trial++) {
            sg_stream_normal(&stream, 9, whiten);
            if (trial == 3) whiten[0] = 0;
            if (trial == 4) memset(whiten, 0, sizeof whiten);
            check_chart(counts[c], lists[c], whiten);
        }
    }
}

static void selection_without_whitening(void **state) {
    (void)state;
    int free_ones[] = {0, 2};
    sg_model model = model_of(&product_family, 2, free_ones);
    sg_chart *chart = NULL;
    assert_int_equal(sg_chart_new(&model, theta_zero, NULL, &chart), SG_OK);
    const double wanted[] = {1, 0, 0, 0, 0, 1}, delta[] = {0.25, -0.5};
    double theta[FULL];
    assert_memory_equal(chart->basis, wanted, sizeof wanted);
    sg_chart_theta(chart, delta, theta);
    assert_true(theta[0] == theta_zero[0] + 0.25 && theta[1] == theta_zero[1] && theta[2] == theta_zero[2] - 0.5);
    sg_chart_delete(chart);
}

static void whitening_is_column_major(void **state) {
    (void)state;
    int free_ones[] = {1, 2};
    const double whiten[] = {1, 2, 3, 4}; /* columns (1,2), (3,4) */
    sg_model model = model_of(&product_family, 2, free_ones);
    sg_chart *chart = NULL;
    assert_int_equal(sg_chart_new(&model, theta_zero, whiten, &chart), SG_OK);
    const double wanted[] = {0, 0, 1, 3, 2, 4};
    assert_memory_equal(chart->basis, wanted, sizeof wanted);
    sg_chart_delete(chart);
}

static void identity_is_passed_through(void **state) {
    (void)state;
    int free_ones[] = {0, 1, 2};
    sg_model model = model_of(&product_family, FULL, free_ones);
    sg_chart *chart = NULL;
    scratch s;
    open_scratch(FULL, SG_JET_ALL, &s);
    assert_int_equal(sg_chart_new(&model, theta_zero, NULL, &chart), SG_OK);
    sg_chart_jet(&model, chart, theta_zero, &s.block, &s.raw, &s.jet);
    assert_ptr_equal(s.jet.dt, s.raw.dt);
    assert_ptr_equal(s.jet.dtt_dxx, s.raw.dtt_dxx);
    sg_chart_delete(chart);
    sg_arena_delete(s.arena);
}

static void fixed_parameters_are_not_touched(void **state) {
    (void)state;
    int free_ones[] = {0, 2};
    const double whiten[] = {1, 0.5, -0.25, 2};
    sg_model model = model_of(&poisoned_family, 2, free_ones);
    sg_chart *chart = NULL;
    scratch s;
    open_scratch(2, SG_LOGP | SG_DT | SG_DTT, &s);
    assert_int_equal(sg_chart_new(&model, theta_zero, whiten, &chart), SG_OK);
    sg_chart_jet(&model, chart, theta_zero, &s.block, &s.raw, &s.jet);
    for (int j = 0; j < 2; j++)
        for (int p = 0; p < POINTS; p++) assert_true(isfinite(s.jet.dt[j * SG_BLOCK + p]));
    for (int j = 0; j < 3; j++)
        for (int p = 0; p < POINTS; p++) assert_true(isfinite(s.jet.dtt[j * SG_BLOCK + p]));
    assert_null(s.jet.dx);
    assert_null(s.jet.dt_dx);
    sg_chart_delete(chart);
    sg_arena_delete(s.arena);
}

/* Central differences along delta of `rows` rows; their error is O(h^2) with derivatives of order 10, and rounding. */
static void check_difference(int rows, const double *minus, const double *plus, double h, const double *derivative,
                             int stride_rows) {
    for (int r = 0; r < rows; r++) {
        for (int p = 0; p < POINTS; p++) {
            double slope = (plus[r * SG_BLOCK + p] - minus[r * SG_BLOCK + p]) / (2 * h);
            double value = derivative[(stride_rows + r) * SG_BLOCK + p];
            if (!(fabs(slope - value) <= 1e-7 * (1 + fabs(value))))
                fail_msg("%.12g by differences, %.12g from the jet", slope, value);
        }
    }
}

static void jets_are_derivatives_along_delta(void **state) {
    (void)state;
    enum { M = 2 };
    int free_ones[] = {0, 2};
    const double whiten[] = {0.9, -0.3, 0.4, 1.2}, h = 1e-5;
    sg_model model = model_of(&product_family, M, free_ones);
    sg_chart *chart = NULL;
    scratch at, minus, plus;
    open_scratch(M, SG_JET_ALL, &at);
    open_scratch(M, SG_JET_ALL, &minus);
    open_scratch(M, SG_JET_ALL, &plus);
    assert_int_equal(sg_chart_new(&model, theta_zero, whiten, &chart), SG_OK);
    double delta[M] = {0.2, -0.1}, theta[FULL];
    sg_chart_theta(chart, delta, theta);
    sg_chart_jet(&model, chart, theta, &at.block, &at.raw, &at.jet);
    for (int j = 0; j < M; j++) {
        double moved[M] = {delta[0], delta[1]};
        moved[j] = delta[j] - h;
        sg_chart_theta(chart, moved, theta);
        sg_chart_jet(&model, chart, theta, &minus.block, &minus.raw, &minus.jet);
        moved[j] = delta[j] + h;
        sg_chart_theta(chart, moved, theta);
        sg_chart_jet(&model, chart, theta, &plus.block, &plus.raw, &plus.jet);
        check_difference(1, minus.jet.logp, plus.jet.logp, h, at.jet.dt, j);
        check_difference(DIM, minus.jet.dx, plus.jet.dx, h, at.jet.dt_dx, j * DIM);
        check_difference(SECONDS, minus.jet.dxx, plus.jet.dxx, h, at.jet.dt_dxx, j * SECONDS);
        for (int k = 0; k < M; k++) {
            int pair = packed(j, k);
            check_difference(1, minus.jet.dt + k * SG_BLOCK, plus.jet.dt + k * SG_BLOCK, h, at.jet.dtt, pair);
            check_difference(DIM, minus.jet.dt_dx + k * DIM * SG_BLOCK, plus.jet.dt_dx + k * DIM * SG_BLOCK, h,
                             at.jet.dtt_dx, pair * DIM);
            check_difference(SECONDS, minus.jet.dt_dxx + k * SECONDS * SG_BLOCK,
                             plus.jet.dt_dxx + k * SECONDS * SG_BLOCK, h, at.jet.dtt_dxx, pair * SECONDS);
        }
    }
    sg_chart_delete(chart);
    sg_arena_delete(at.arena);
    sg_arena_delete(minus.arena);
    sg_arena_delete(plus.arena);
}

static void a_small_arena_is_refused(void **state) {
    (void)state;
    sg_arena *arena = NULL;
    sg_jet jet;
    assert_int_equal(sg_arena_new(sg_jet_bytes(2, 1, SG_JET_ALL) - SG_ALIGN, &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, 2, 1, SG_JET_ALL, &jet), SG_NO_MEMORY);
    sg_arena_delete(arena);
    assert_int_equal(sg_jet_bytes(2, 1, SG_JET_ALL), (3 + 6 + 9) * SG_BLOCK * 8);
    assert_int_equal(sg_jet_bytes(2, 3, SG_DXX | SG_DT_DX), (6 + 6) * SG_BLOCK * 8);
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    int free_ones[] = {0, 1, 2};
    sg_model model = model_of(&product_family, FULL, free_ones);
    sg_chart *chart = NULL;
    long live = sg_memory_live();
    sg_memory_fail_after(1);
    assert_int_equal(sg_chart_new(&model, theta_zero, NULL, &chart), SG_NO_MEMORY);
    sg_memory_fail_after(0);
    assert_null(chart);
    assert_int_equal(sg_memory_live(), live);
    sg_chart_delete(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contraction_matches_plain_loops),  cmocka_unit_test(selection_without_whitening),
        cmocka_unit_test(whitening_is_column_major),        cmocka_unit_test(identity_is_passed_through),
        cmocka_unit_test(fixed_parameters_are_not_touched), cmocka_unit_test(jets_are_derivatives_along_delta),
        cmocka_unit_test(a_small_arena_is_refused),         cmocka_unit_test(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
