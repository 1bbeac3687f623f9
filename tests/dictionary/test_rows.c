/* Every row with many families: derivatives of the loss, and the identities of one generator at the truth. */
#include "setting.h"

/* ------------------------------------------------------------- what is tested */

typedef struct {
    const char *model, *loss;
} pair;

static const char *const models[] = {
    "gaussian",
    "gaussian:s=2,free=precision",
    "bimodal:a=3",
    "bimodal:a=0.5",
    "bimodal:a=4,free=erf",
    "monomial:k=6",
    "sinusoid:omega=3",
    "polynomial:degree=3,B=2",
    "sparse-cut:a=2,g=0.2",
    "double-well:h=3",
    "mixture:m=1.5,w=0.3,free=all",
    "mixture:m=2",
    "mixture:m=1,w=0.6,free=means",
};

static const char *const losses[] = {
    "mle",
    "score-matching",
    "preconditioned:value=2.5",
    "preconditioned:with=power",
    "preconditioned:with=power,exponent=1.5",
    "preconditioned:with=exponential",
    "preconditioned:with=exponential,exponent=2",
};

/* The Stein kernel needs a monotone score; other free parameters may stand beside it. */
static const pair stein[] = {
    {"gaussian", "preconditioned:with=stein,direction=location"},
    {"double-well:h=3", "preconditioned:with=stein,direction=tilt"},
    {"polynomial:degree=3,B=1,free=x1", "preconditioned:with=stein"},
    {"bimodal:a=3,free=erf", "preconditioned:with=stein"},
    {"bimodal:a=2", "preconditioned:with=stein,direction=erf"},
    {"sparse-cut:a=2,g=0.7,free=cut", "preconditioned:with=stein"},
    {"sparse-cut:a=2,g=0.7", "preconditioned:with=stein,direction=cut,at=1.1/-0.3"},
    {"mixture:m=1.5,w=0.3", "preconditioned:with=stein"},
    {"mixture:m=1,w=0.4,free=all", "preconditioned:with=stein,direction=w"},
};

enum { MODELS = sizeof models / sizeof *models, LOSSES = sizeof losses / sizeof *losses };
enum { STEINS = sizeof stein / sizeof *stein, PAIRS = MODELS * LOSSES + STEINS };

static pair pair_of(int k) {
    if (k >= MODELS * LOSSES) return stein[k - MODELS * LOSSES];
    return (pair){models[k / LOSSES], losses[k % LOSSES]};
}

static void over_pairs(void (*check)(setting *s, sg_stream *stream)) {
    for (int k = 0; k < PAIRS; k++) {
        pair p = pair_of(k);
        setting s = open_setting(p.model, p.loss);
        sg_stream stream;
        sg_stream_open(&stream, 20, SG_PURPOSE_TEST, (uint32_t)k);
        check(&s, &stream);
        close_setting(&s);
    }
}

/* ------------------------------------------------- numerical derivatives */

enum { POINTS = 24, STENCIL = 6 };

/* Central differences of order 6 at -3h .. 3h. */
static const double offset[STENCIL] = {-3, -2, -1, 1, 2, 3};
static const double coefficient[STENCIL] = {-1. / 60, 9. / 60, -45. / 60, 45. / 60, -9. / 60, 1. / 60};

/* Nodes where the density is not below e^-30 of its top. */
static void draw_points(const sg_panels *panels, sg_stream *stream, double *x) {
    double top = -INFINITY;
    for (int i = 0; i < panels->n; i++) top = fmax(top, panels->logp[i]);
    for (int k = 0; k < POINTS;) {
        int i = (int)draw_between(stream, 0, panels->n);
        if (panels->logp[i] > top - 30) x[k++] = panels->x[i];
    }
}

/* A parameter beside the truth, inside the domain of every family above. */
static void draw_delta(setting *s, sg_stream *stream, double *delta) {
    for (int j = 0; j < s->model->m; j++) {
        double truth = s->model->truth[s->model->free[j]];
        delta[j] = draw_between(stream, -0.1, 0.1) * fmax(0.3, fabs(truth));
    }
}

/*
 * `member` holds the derivatives along j of `below`, row for row: first the gradient of the value, then the Hessian
 * from the gradient. The truncation error is below 1e-10 of a derivative for h = 2^-8 of parameters whose scale is 0.3
 * or more; rounding adds eps/h = 6e-14 of the value.
 */
static void check_derivative(setting *s, sg_stream *stream, bool second) {
    const double h = 0x1p-8;
    const int m = s->model->m;
    _Alignas(SG_ALIGN) double x[B] = {0};
    double delta[M_MOST], moved[M_MOST];
    static double estimate[M_MOST * M_MOST * B], size[M_MOST * M_MOST * B];
    memset(estimate, 0, sizeof estimate);
    memset(size, 0, sizeof size);
    draw_points(s->panels, stream, x);
    draw_delta(s, stream, delta);
    for (int j = 0; j < m; j++)
        for (int k = 0; k < STENCIL; k++) {
            memcpy(moved, delta, sizeof moved);
            moved[j] += offset[k] * h;
            look_at(s, moved, POINTS, x);
            for (int row = 0; row < (second ? m : 1); row++)
                for (int i = 0; i < POINTS; i++) {
                    double f = second ? s->datum.psi[row * B + i] : s->datum.value[i];
                    estimate[(j * m + row) * B + i] += coefficient[k] * f / h;
                    size[(j * m + row) * B + i] = fmax(size[(j * m + row) * B + i], fabs(f));
                }
        }
    look_at(s, delta, POINTS, x);
    for (int j = 0; j < m; j++)
        for (int row = 0; row <= (second ? j : 0); row++)
            for (int i = 0; i < POINTS; i++) {
                int at = (j * m + row) * B + i;
                double f = second ? s->datum.curvature[(j * (j + 1) / 2 + row) * B + i] : s->datum.psi[j * B + i];
                if (fabs(f - estimate[at]) > 1e-8 * (fabs(f) + size[at]))
                    fail_msg("%s, %s: derivative %d,%d at x = %g is %.15g, differences give %.15g", s->model->text,
                             s->loss->text, j, row, x[i], f, estimate[at]);
            }
}

static void check_gradient(setting *s, sg_stream *stream) {
    check_derivative(s, stream, false);
}

static void check_hessian(setting *s, sg_stream *stream) {
    check_derivative(s, stream, true);
}

static void test_psi_is_the_gradient_of_the_value(void **state) {
    (void)state;
    over_pairs(check_gradient);
}

static void test_curvature_is_the_gradient_of_psi(void **state) {
    (void)state;
    over_pairs(check_hessian);
}

/* ------------------------------------------------------ identities at the truth */

typedef struct {
    double mean[M_MOST], size[M_MOST];
    double dirichlet[M_MOST][M_MOST], curvature[M_MOST][M_MOST], cross[M_MOST][M_MOST];
} means;

static void add_means(setting *s, int n, const double *mass, void *context) {
    means *e = context;
    const int m = s->model->m, roots = s->datum.roots;
    const double *psi = s->datum.psi, *root = s->datum.root;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++) {
            e->mean[j] += mass[i] * psi[j * B + i];
            e->size[j] += mass[i] * fabs(psi[j * B + i]);
            for (int k = 0; k < m; k++) {
                int packed = j > k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j;
                for (int a = 0; a < roots; a++)
                    e->dirichlet[j][k] += mass[i] * root[(j * roots + a) * B + i] * root[(k * roots + a) * B + i];
                e->curvature[j][k] += mass[i] * s->datum.curvature[packed * B + i];
                e->cross[j][k] -= mass[i] * psi[j * B + i] * s->jet.dt[k * B + i];
            }
        }
}

/* E L S = 0, and H = E(S, S) three times: from the roots, from the loss's own Hessian, and as -E S L S. */
static void check_identities(setting *s, sg_stream *stream) {
    (void)stream;
    means e = {0};
    over_panels(s, add_means, &e);
    for (int j = 0; j < s->model->m; j++) {
        if (fabs(e.mean[j]) > 1e-10 * e.size[j])
            fail_msg("%s, %s: E psi_%d = %g against E|psi| = %g", s->model->text, s->loss->text, j, e.mean[j],
                     e.size[j]);
        for (int k = 0; k < s->model->m; k++) {
            double scale = sqrt(e.dirichlet[j][j] * e.dirichlet[k][k]), H = e.dirichlet[j][k];
            if (fabs(e.curvature[j][k] - H) > 1e-10 * scale || fabs(e.cross[j][k] - H) > 1e-10 * scale)
                fail_msg("%s, %s: H_%d%d = %.15g, mean curvature %.15g, -E S L S = %.15g", s->model->text,
                         s->loss->text, j, k, H, e.curvature[j][k], e.cross[j][k]);
        }
    }
}

static void test_one_generator_three_readings(void **state) {
    (void)state;
    over_pairs(check_identities);
}

/* ---------------------------------------------------- what a row asks for suffices */

static void check_one_reading(setting *s, int want, int n, double *x) {
    static const int bits[] = {SG_PSI, SG_ROOT, SG_VALUE, SG_CURVATURE};
    const sg_row *row = s->loss->row;
    const int m = s->model->m, roots = row->roots(s->model), jets = row->jets(s->model, want);
    sg_local local = {.gradient = s->gradient, .hessian = s->hessian};
    const sg_block block = {.n = n, .d = 1, .draws = 1, .x = x};
    sg_arena *arena;
    sg_jet raw, jet;
    sg_datum datum;
    OK(sg_arena_new(sg_jet_bytes(s->model->full, 1, jets) + sg_jet_bytes(m, 1, jets) + sg_datum_bytes(m, roots, want),
                    &arena));
    OK(sg_jet_take(arena, s->model->full, 1, jets, &raw));
    OK(sg_jet_take(arena, m, 1, jets, &jet));
    OK(sg_datum_take(arena, m, roots, want, &datum));
    if (row->local) OK(sg_partition_at(s->partition, (double[M_MOST]){0}, &local));
    sg_chart_jet(s->model, s->chart, s->model->truth, &block, &raw, &jet);
    row->datum(s->prepared, row->local ? &local : NULL, &block, &jet, &datum);
    const double *one[] = {datum.psi, datum.root, datum.value, datum.curvature};
    const double *all[] = {s->datum.psi, s->datum.root, s->datum.value, s->datum.curvature};
    const int rows[] = {m, m * roots, 1, m * (m + 1) / 2};
    for (int k = 0; k < 4; k++) {
        assert_true((one[k] != NULL) == ((want & bits[k]) != 0));
        for (int r = 0; one[k] && r < rows[k]; r++) assert_memory_equal(one[k] + r * B, all[k] + r * B, (size_t)n * 8);
    }
    sg_arena_delete(arena);
}

static void check_readings(setting *s, sg_stream *stream) {
    _Alignas(SG_ALIGN) double x[B] = {0};
    draw_points(s->panels, stream, x);
    look_at(s, NULL, POINTS, x);
    for (int want = 1; want <= WANT_ALL; want++) check_one_reading(s, want, POINTS, x);
}

static void test_each_reading_alone_is_the_same(void **state) {
    (void)state;
    over_pairs(check_readings);
}

/* ------------------------------------------------------------------ by hand */

/* N(t1/t2, 1/t2) in natural parameters: s = t1 - t2 x, value s^2/2 - t2, psi = (s, -x s - 1), roots (1, -x). */
static void test_score_matching_by_hand(void **state) {
    (void)state;
    _Alignas(SG_ALIGN) double x[B] = {-2, 0, 0.5, 3};
    setting s = open_setting("gaussian", "score-matching");
    const double delta[2] = {0.25, 1}; /* t = (0.25, 2) */
    look_at(&s, delta, 4, x);
    for (int i = 0; i < 4; i++) {
        double score = 0.25 - 2 * x[i];
        assert_near(s.datum.value[i], score * score / 2 - 2, 1e-14);
        assert_near(s.datum.psi[i], score, 1e-14);
        assert_near(s.datum.psi[B + i], -x[i] * score - 1, 1e-14);
        assert_near(s.datum.root[i], 1, 1e-14);
        assert_near(s.datum.root[B + i], -x[i], 1e-14);
        assert_near(s.datum.curvature[i], 1, 1e-14);
        assert_near(s.datum.curvature[B + i], -x[i], 1e-14);
        assert_near(s.datum.curvature[2 * B + i], x[i] * x[i], 1e-14);
    }
    close_setting(&s);
}

/* The same law by likelihood: -log p = log Z - t1 x + t2 x^2/2, log Z = t1^2/(2 t2) + log(2 pi/t2)/2. */
static void test_mle_by_hand(void **state) {
    (void)state;
    _Alignas(SG_ALIGN) double x[B] = {-2, 0, 0.5, 3};
    setting s = open_setting("gaussian", "mle");
    const double delta[2] = {0.25, 0.5}, t1 = 0.25, t2 = 1.5, mean = t1 / t2, square = 1 / t2 + mean * mean;
    look_at(&s, delta, 4, x);
    for (int i = 0; i < 4; i++) {
        double z = x[i] - mean;
        assert_near(s.datum.value[i], 0.5 * t2 * z * z + 0.5 * log(2 * M_PI / t2), 1e-11);
        assert_near(s.datum.psi[i], -z, 1e-11);
        assert_near(s.datum.psi[B + i], (x[i] * x[i] - square) / 2, 1e-11);
        assert_near(s.datum.root[B + i], (square - x[i] * x[i]) / 2, 1e-11);
        assert_near(s.datum.curvature[i], 1 / t2, 1e-11);
        assert_near(s.datum.curvature[B + i], -mean / t2, 1e-11);
        assert_near(s.datum.curvature[2 * B + i], 0.5 / (t2 * t2) + mean * mean / t2, 1e-11);
    }
    close_setting(&s);
}

/* D = (p/max p)^e on N(0,1): D = exp(-e x^2/2), D' = -e x D. */
static void test_power_by_hand(void **state) {
    (void)state;
    _Alignas(SG_ALIGN) double x[B] = {-2, 0, 0.5, 3};
    setting s = open_setting("gaussian", "preconditioned:with=power,exponent=0.75");
    look_at(&s, NULL, 4, x);
    for (int i = 0; i < 4; i++) {
        double D = exp(-0.375 * x[i] * x[i]);
        assert_near(s.datum.value[i], D * (x[i] * x[i] / 2 - 1) + 0.75 * x[i] * x[i] * D, 1e-13);
        assert_near(s.datum.psi[i], -x[i] * D - 0.75 * x[i] * D, 1e-13);
        assert_near(s.datum.root[i], sqrt(D), 1e-13);
    }
    close_setting(&s);
}

/* ------------------------------------------------------------ D and its gradient */

/*
 * D' against differences of order 6, from far outside the panels to far outside, with a step of 1/64 of the scale on
 * which log D changes: truncation below 1e-11, rounding eps/h, and interpolation of a Stein kernel 1e-13/h of D.
 */
static void check_slope(setting *s, double at) {
    _Alignas(SG_ALIGN) double x[B] = {at}, D[B], slope[B];
    sg_block block = {.n = 1, .d = 1, .draws = 1, .x = x};
    s->loss->row->diffusion(s->prepared, &block, D, slope);
    const double here = D[0], given = slope[0], h = 0x1p-6 / (16 + fabs(given / here));
    if (!(here >= 0) || isinf(here)) fail_msg("%s, %s: D(%g) = %g", s->model->text, s->loss->text, at, here);
    if (here < 1e-290 || here > 1e290) return;
    for (int j = 0; j < STENCIL; j++) x[j] = at + offset[j] * h;
    block.n = STENCIL;
    s->loss->row->diffusion(s->prepared, &block, D, slope);
    double estimate = 0;
    for (int j = 0; j < STENCIL; j++) estimate += coefficient[j] * D[j] / h;
    if (fabs(estimate - given) > 1e-9 * fabs(given) + 1e-12 * here / h)
        fail_msg("%s, %s: D' = %.15g at x = %g, differences give %.15g", s->model->text, s->loss->text, given, at,
                 estimate);
}

static void check_slopes(setting *s, sg_stream *stream) {
    const double lo = 1.2 * s->panels->edge[0], hi = 1.2 * s->panels->edge[s->panels->count];
    if (s->loss->row->diffusion)
        for (int i = 0; i < 60; i++) check_slope(s, draw_between(stream, lo, hi));
}

static void test_gradient_of_the_diffusion(void **state) {
    (void)state;
    over_pairs(check_slopes);
}

/* ---------------------------------------------------------------- the registry */

static void test_registry(void **state) {
    (void)state;
    assert_int_equal(sg_row_find("mle")->kind, SG_RESAMPLE);
    assert_int_equal(sg_row_find("score-matching")->fit, SG_QUADRATIC);
    assert_ptr_equal(sg_row_find_dynamics("preconditioned-langevin"), sg_row_find("preconditioned"));
    assert_ptr_equal(sg_row_find_dynamics("langevin"), sg_row_find("score-matching"));
    assert_ptr_equal(sg_row_find_dynamics("resampling"), sg_row_find("mle"));
    assert_null(sg_row_find("langevin"));
    assert_null(sg_row_find_dynamics("mle"));
    for (int i = 0; sg_rows[i]; i++) {
        const sg_row *row = sg_rows[i];
        assert_ptr_equal(sg_row_find(row->name), row);
        assert_ptr_equal(sg_row_find_dynamics(row->dynamics), row);
        assert_true(row->clock[0] && row->generator_formula[0] && row->summary[0]);
        assert_true(!row->pilot || (sg_row_find(row->pilot) && !sg_row_find(row->pilot)->reference));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_psi_is_the_gradient_of_the_value),
        cmocka_unit_test(test_curvature_is_the_gradient_of_psi),
        cmocka_unit_test(test_one_generator_three_readings),
        cmocka_unit_test(test_each_reading_alone_is_the_same),
        cmocka_unit_test(test_score_matching_by_hand),
        cmocka_unit_test(test_mle_by_hand),
        cmocka_unit_test(test_power_by_hand),
        cmocka_unit_test(test_gradient_of_the_diffusion),
        cmocka_unit_test(test_registry),
    };
    return cmocka_run_group_tests_name("dictionary rows", tests, NULL, NULL);
}
