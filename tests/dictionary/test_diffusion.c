/* The shared loss and step of diffusions in three dimensions, with a varying D and a family that is not exponential. */
#include "setting.h"

#include "dictionary/diffusion.h"

enum { D3 = 3, PAIRS3 = 6 };

/*
 * log p = -|x|^2/2 + a x0 x1 + a^2 x2 + a b cos x2, theta = (a, b).  With b = 0 it is normal: precision [1 -a; -a 1] of
 * (x0, x1), x2 ~ N(a^2, 1).
 */
static void jet3(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    const double a = theta[0], b = theta[1];
    (void)model;
    for (int i = 0; i < block->n; i++) {
        double x = block->x[i], y = block->x[B + i], z = block->x[2 * B + i], c = cos(z), s = sin(z);
        if (jet->logp) jet->logp[i] = -(x * x + y * y + z * z) / 2 + a * x * y + a * a * z + a * b * c;
        const double dx[D3] = {a * y - x, a * x - y, a * a - z - a * b * s};
        const double dxx[PAIRS3] = {-1, a, -1, 0, 0, -1 - a * b * c};
        const double dt_dx[2][D3] = {{y, x, 2 * a - b * s}, {0, 0, -a * s}};
        const double dt_dxx[2][PAIRS3] = {{0, 1, 0, 0, 0, -b * c}, {0, 0, 0, 0, 0, -a * c}};
        const double dtt_dx[3][D3] = {{0, 0, 2}, {0, 0, -s}, {0, 0, 0}};
        const double dtt_dxx[3][PAIRS3] = {{0}, {0, 0, 0, 0, 0, -c}, {0}};
        for (int k = 0; jet->dx && k < D3; k++) jet->dx[k * B + i] = dx[k];
        for (int k = 0; jet->dxx && k < PAIRS3; k++) jet->dxx[k * B + i] = dxx[k];
        for (int k = 0; jet->dt_dx && k < 2 * D3; k++) jet->dt_dx[k * B + i] = dt_dx[k / D3][k % D3];
        for (int k = 0; jet->dt_dxx && k < 2 * PAIRS3; k++) jet->dt_dxx[k * B + i] = dt_dxx[k / PAIRS3][k % PAIRS3];
        for (int k = 0; jet->dtt_dx && k < 3 * D3; k++) jet->dtt_dx[k * B + i] = dtt_dx[k / D3][k % D3];
        for (int k = 0; jet->dtt_dxx && k < 3 * PAIRS3; k++) jet->dtt_dxx[k * B + i] = dtt_dxx[k / PAIRS3][k % PAIRS3];
    }
}

static bool inside3(const sg_model *model, const double *theta) {
    (void)model;
    return fabs(theta[0]) < 1 && isfinite(theta[1]);
}

/* Exact for b = 0. */
static void draw3(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const double a = theta[0];
    double *x = block->x;
    (void)model;
    for (int k = 0; k < D3; k++) sg_stream_normal(stream, (size_t)block->n, x + k * B);
    for (int i = 0; i < block->n; i++) {
        x[i] /= sqrt(1 - a * a);
        x[B + i] += a * x[i];
        x[2 * B + i] += a * a;
    }
}

static const sg_family family3 = {.name = "three", .can = SG_SAMPLER, .jet = jet3, .inside = inside3, .draw = draw3};

static sg_model *model3(double a, double b) {
    sg_model *model;
    OK(sg_new(&model, 1, sizeof *model));
    OK(sg_new(&model->truth, 2, sizeof(double)));
    OK(sg_new(&model->free, 2, sizeof(int)));
    model->family = &family3;
    model->space = (sg_space){.shape = SG_RD, .d = D3};
    model->full = model->m = 2;
    model->free[1] = 1;
    model->truth[0] = a;
    model->truth[1] = b;
    snprintf(model->text, sizeof model->text, "three()");
    return model;
}

/* D = 1 + |x|^2/10 */
static void widening(const sg_prepared *prepared, const sg_block *block, double *D, double *grad_D) {
    (void)prepared;
    for (int i = 0; i < block->n; i++) D[i] = 1;
    for (int a = 0; a < block->d; a++)
        for (int i = 0; i < block->n; i++) {
            double x = block->x[a * B + i];
            D[i] += x * x / 10;
            grad_D[a * B + i] = x / 5;
        }
}

/* -------------------------------------------------------------------- loss */

enum { POINTS = 16 };

typedef struct {
    sg_model *model;
    sg_arena *arena;
    sg_jet jet;
    sg_datum datum;
    bool varying;
    _Alignas(SG_ALIGN) double x[D3 * B], D[B], grad_D[D3 * B];
} fixture;

static void open_fixture(fixture *f, bool varying) {
    sg_stream stream;
    f->model = model3(0.4, 0.7);
    f->varying = varying;
    int jets = sg_diffusion_jets(f->model, WANT_ALL);
    assert_int_equal(sg_diffusion_roots(f->model), D3);
    OK(sg_arena_new(sg_jet_bytes(2, D3, jets) + sg_datum_bytes(2, D3, WANT_ALL), &f->arena));
    OK(sg_jet_take(f->arena, 2, D3, jets, &f->jet));
    OK(sg_datum_take(f->arena, 2, D3, WANT_ALL, &f->datum));
    sg_stream_open(&stream, 90, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < D3; k++) sg_stream_normal(&stream, POINTS, f->x + k * B);
}

static void close_fixture(fixture *f) {
    sg_arena_delete(f->arena);
    sg_model_delete(f->model);
}

static void look(fixture *f, double a, double b) {
    const sg_block block = {.n = POINTS, .d = D3, .draws = 1, .x = f->x};
    jet3(f->model, (double[2]){a, b}, &block, &f->jet);
    widening(NULL, &block, f->D, f->grad_D);
    const sg_diffusivity at = {.shape = SG_D_SCALAR, .D = f->D, .div = f->grad_D};
    sg_diffusion_datum(false, f->varying ? &at : NULL, &block, &f->jet, &f->datum);
}

/* Value and roots from their definitions, with D and without. */
static void check_definitions(bool varying) {
    static fixture f;
    open_fixture(&f, varying);
    look(&f, 0.4, 0.7);
    for (int i = 0; i < POINTS; i++) {
        const double *s = f.jet.dx + i, *h = f.jet.dxx + i, D = varying ? f.D[i] : 1;
        double square = 0, drift = 0, trace = h[0] + h[2 * B] + h[5 * B];
        for (int a = 0; a < D3; a++) square += s[a * B] * s[a * B];
        for (int a = 0; a < D3 && varying; a++) drift += f.grad_D[a * B + i] * s[a * B];
        assert_near(f.datum.value[i], D * square / 2 + D * trace + drift, 1e-13);
        for (int j = 0; j < 2; j++)
            for (int a = 0; a < D3; a++)
                assert_near(f.datum.root[(j * D3 + a) * B + i], sqrt(D) * f.jet.dt_dx[(j * D3 + a) * B + i], 1e-14);
    }
    close_fixture(&f);
}

static void test_definitions(void **state) {
    (void)state;
    check_definitions(false);
    check_definitions(true);
}

/* Central differences of order 2, exact for the parts of second degree in theta up to rounding; h^2/6 times the third
 * derivative else. */
static void check_derivatives(bool varying) {
    static fixture f;
    const double h = 1e-4;
    double plus[3 * POINTS], minus[3 * POINTS];
    open_fixture(&f, varying);
    for (int j = 0; j < 2; j++) {
        for (int side = -1; side <= 1; side += 2) {
            double *to = side < 0 ? minus : plus;
            look(&f, 0.4 + (j == 0 ? side * h : 0), 0.7 + (j == 1 ? side * h : 0));
            memcpy(to, f.datum.value, POINTS * sizeof *to);
            memcpy(to + POINTS, f.datum.psi, POINTS * sizeof *to);
            memcpy(to + 2 * POINTS, f.datum.psi + B, POINTS * sizeof *to);
        }
        look(&f, 0.4, 0.7);
        for (int i = 0; i < POINTS; i++) {
            assert_near(f.datum.psi[j * B + i], (plus[i] - minus[i]) / (2 * h), 1e-6);
            for (int k = 0; k < 2; k++) {
                int pair = j >= k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j;
                double slope = (plus[(k + 1) * POINTS + i] - minus[(k + 1) * POINTS + i]) / (2 * h);
                assert_near(f.datum.curvature[pair * B + i], slope, 1e-6);
            }
        }
    }
    close_fixture(&f);
}

static void test_derivatives(void **state) {
    (void)state;
    check_derivatives(false);
    check_derivatives(true);
}

/* -------------------------------------------------------------------- step */

static void step_widening(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(widening, SG_D_SCALAR, prepared, walk);
}

static void step_plain(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(NULL, SG_D_SCALAR, prepared, walk);
}

enum { REPLICATES = 40, STATISTICS = 8 };

static void statistics_of(double x, double y, double z, double out[STATISTICS]) {
    const double list[] = {x * x, y * y, x * y, z, z * z, x * z, x * x * x * x, x * x * z * z};
    memcpy(out, list, sizeof list);
}

/* Moments of N with a = 1/2: var x = var y = 4/3, cov = 2/3, z ~ N(1/4, 1).  Each within 5 standard errors (6e-7). */
static void check_moments(void (*step)(const sg_prepared *, sg_walk *), bool from_a_point) {
    const double known[STATISTICS] = {4. / 3, 4. / 3, 2. / 3, 0.25, 1.0625, 0, 16. / 3, 4. / 3 * 1.0625};
    const sg_row row = {.step = step};
    sg_loss loss = {.row = &row};
    double sum[STATISTICS] = {0}, squares[STATISTICS] = {0}, f[STATISTICS];
    sg_model *model = model3(0.5, 0);
    sg_sampler *sampler;
    long long proposed = 0, accepted = 0;
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    for (int r = 0; r < REPLICATES; r++) {
        sg_walk *walk;
        OK(sg_walk_new(model, model->truth, sampler, B, 91, (uint32_t)r, 0.3, &walk));
        for (int i = 0; from_a_point && i < D3 * B; i++) walk->block.x[i] = 1.5;
        sg_walk_advance(&loss, NULL, walk, from_a_point ? 150 : 10);
        for (int i = 0; i < B; i++) {
            statistics_of(walk->block.x[i], walk->block.x[B + i], walk->block.x[2 * B + i], f);
            for (int k = 0; k < STATISTICS; k++) sum[k] += f[k], squares[k] += f[k] * f[k];
        }
        proposed += walk->proposed;
        accepted += walk->accepted;
        sg_walk_delete(walk);
    }
    const double n = REPLICATES * B;
    for (int k = 0; k < STATISTICS; k++) {
        double mean = sum[k] / n, se = sqrt((squares[k] / n - mean * mean) / n);
        if (!(fabs(mean - known[k]) < 5 * se))
            fail_msg("moment %d: %g, known %g, standard error %g", k, mean, known[k], se);
    }
    assert_true(accepted > proposed / 2 && accepted < proposed);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

static void test_step_in_three_dimensions(void **state) {
    (void)state;
    check_moments(step_plain, false);
    check_moments(step_widening, false);
    check_moments(step_plain, true);
    check_moments(step_widening, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_step_in_three_dimensions),
    };
    return cmocka_run_group_tests_name("diffusions", tests, NULL, NULL);
}
