/*
 * The registry, domains, tails, landmarks and exact draws of the families on the line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>

#include "corners.h"

enum { DRAWS = 400 * SG_BLOCK, LAWS = 20 };

static sg_model *model_of(const char *family, const char *keys) {
    char text[SG_TEXT];
    sg_pair pairs[4];
    int count;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 4, pairs, &count), SG_OK);
    sg_status status = sg_model_new(family, count, pairs, &model);
    if (status != SG_OK) fail_msg("%s(%s): %s", family, keys, sg_message());
    return model;
}

/* log p and its slope at up to SG_BLOCK points. */
static void evaluate(const sg_model *model, const double *theta, int n, double *x, double *logp, double *dx) {
    sg_block block = {.n = n, .d = 1, .draws = 1, .x = x};
    sg_jet jet = {.m = model->full, .d = 1, .want = SG_LOGP | SG_DX, .logp = logp, .dx = dx};
    model->family->jet(model, theta, &block, &jet);
}

static double log_density(const sg_model *model, const double *theta, double at) {
    _Alignas(64) double x[SG_BLOCK] = {at}, logp[SG_BLOCK], dx[SG_BLOCK];
    evaluate(model, theta, 1, x, logp, dx);
    return logp[0];
}

/* -------------------------------------------------------------------- registry */

static const struct {
    const char *family, *parameters, *keys, *free;
    int full;
    double truth[4];
} listed[] = {
    {"gaussian", "location/precision", "s=2", "location/precision", 2, {0, 0.25}},
    {"bimodal", "base/erf", "a=3", "base/erf", 2, {1, 0}},
    {"monomial", "quadratic/monomial", "k=6", "quadratic/monomial", 2, {1, 1}},
    {"sinusoid", "quadratic/sine", "omega=2", "quadratic/sine", 2, {1, 1}},
    {"polynomial", "x1/x2/x3", "B=4", "x1/x2/x3", 3, {0, 4, 0}},
    {"sparse-cut", "base/cut", "a=1,g=0.05", "base/cut", 2, {1, 0}},
    {"double-well", "tilt/quadratic/quartic", "h=7", "tilt/quadratic/quartic", 3, {0, 14, 7}},
    {"mixture", "w/mu1/mu2", "m=3,w=0.25", "w", 3, {0.25, -3, 3}},
    {"laplace", "rate", "scale=4", "rate", 1, {0.25}},
    {"exponential", "rate", "rate=3", "rate", 1, {3}},
    {"logistic", "location/scale", "scale=2", "location/scale", 2, {0, 2}},
    {"student", "location/scale", "nu=5,scale=2", "location/scale", 2, {0, 2}},
    {"uniform", "tilt", "lo=-1,hi=3", "tilt", 1, {0}},
    {"truncated-gaussian", "location/precision", "lo=-1,hi=3,s=2", "location/precision", 2, {0, 0.25}},
    {"von-mises", "cos/sin", "kappa=2", "cos/sin", 2, {2, 0}},
};
/* Those that do not live on the whole line. */
static const struct {
    const char *family;
    sg_shape shape;
    double lo, hi;
} elsewhere[] = {{"exponential", SG_INTERVAL, 0, INFINITY},
                 {"uniform", SG_INTERVAL, -1, 3},
                 {"truncated-gaussian", SG_INTERVAL, -1, 3},
                 {"von-mises", SG_CIRCLE, -M_PI, M_PI}};
enum { ELSEWHERE = sizeof elsewhere / sizeof *elsewhere };
enum { LISTED = sizeof listed / sizeof *listed };

static void names_of(const sg_model *model, bool free_only, char text[SG_TEXT]) {
    char name[SG_NAME];
    text[0] = '\0';
    for (int j = 0; j < (free_only ? model->m : model->full); j++) {
        model->family->parameter(model, free_only ? model->free[j] : j, name);
        if (j) strcat(text, "/");
        strcat(text, name);
    }
}

static void check_space(const sg_model *model) {
    sg_shape shape = SG_LINE;
    double lo = -INFINITY, hi = INFINITY;
    for (int k = 0; k < ELSEWHERE; k++)
        if (strcmp(elsewhere[k].family, model->family->name) == 0)
            shape = elsewhere[k].shape, lo = elsewhere[k].lo, hi = elsewhere[k].hi;
    assert_int_equal(model->space.shape, shape);
    assert_true(model->space.lo == lo && model->space.hi == hi && model->space.d == 1);
}

/* Densities in one dimension; other spaces have tests of their own. */
static bool in_one_dimension(const sg_family *family) {
    sg_model *model = model_of(family->name, "");
    bool yes = model->space.shape <= SG_CIRCLE;
    sg_model_delete(model);
    return yes;
}

static void families_are_as_listed(void **state) {
    int count = 0;
    (void)state;
    for (int f = 0; sg_families[f]; f++) count += in_one_dimension(sg_families[f]);
    assert_int_equal(count, LISTED);
    for (int f = 0; f < LISTED; f++) {
        char text[SG_TEXT];
        const sg_family *family = sg_family_find(listed[f].family);
        assert_non_null(family);
        assert_string_equal(family->name, listed[f].family);
        sg_model *model = model_of(listed[f].family, listed[f].keys);
        assert_ptr_equal(model->family, family);
        assert_int_equal(model->full, listed[f].full);
        check_space(model);
        names_of(model, false, text);
        assert_string_equal(text, listed[f].parameters);
        names_of(model, true, text);
        assert_string_equal(text, listed[f].free);
        assert_memory_equal(model->truth, listed[f].truth, (size_t)model->full * sizeof(double));
        assert_true(family->inside(model, model->truth));
        sg_model_delete(model);
    }
    assert_null(sg_family_find("gausian"));
}

static void all_frees_every_parameter(void **state) {
    char text[SG_TEXT];
    (void)state;
    for (int f = 0; f < LISTED; f++) {
        snprintf(text, sizeof text, "%s,free=all", listed[f].keys);
        sg_model *model = model_of(listed[f].family, text);
        assert_int_equal(model->m, model->full);
        sg_model_delete(model);
    }
}

static void the_mixture_has_its_groups(void **state) {
    const char *const words[] = {"weight", "w", "means", "mu1/mu2", "all", "w/mu1/mu2"};
    char keys[SG_TEXT], text[SG_TEXT];
    (void)state;
    for (int k = 0; k < 6; k += 2) {
        snprintf(keys, sizeof keys, "free=%s", words[k]);
        sg_model *model = model_of("mixture", keys);
        names_of(model, true, text);
        assert_string_equal(text, words[k + 1]);
        sg_model_delete(model);
    }
}

/* F_2 = b + erf x, but with erf alone free the weight of b stays: the score is then that of erf x. */
static void the_second_statistic_of_bimodal(void **state) {
    const char *const keys[] = {"a=3,free=all", "a=3,free=erf"};
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        sg_model *model = model_of("bimodal", keys[alone]);
        const double here[] = {1, 0.25}, *moved = here + alone;
        double theta[2];
        sg_model_expand(model, moved, theta);
        assert_true(model->family->inside(model, theta));
        for (double x = -4; x <= 4; x += 0.5) {
            double base = x * x - x * x * x * x / 18, change = alone ? erf(x) : base + erf(x);
            assert_true(fabs(log_density(model, theta, x) - base - 0.25 * change) < 1e-13);
        }
        sg_model_delete(model);
    }
}

static void summaries_and_helps_are_one_plain_line(void **state) {
    (void)state;
    for (const sg_family *const *family = sg_families; *family; family++) {
        const char *lines[16] = {(*family)->summary};
        int count = 1;
        for (const sg_field *key = (*family)->keys; key->key; key++) lines[count++] = key->help;
        for (int k = 0; k < count; k++) {
            assert_true(strlen(lines[k]) > 5 && strlen(lines[k]) < 100);
            for (const char *c = lines[k]; *c; c++) assert_in_range(*c, ' ', '~');
        }
    }
}

/* ------------------------------------------------------------- keys and domains */

static const struct {
    const char *family, *key, *value;
} refused[] = {
    {"gaussian", "d", "65"},
    {"gaussian", "s", "0"},
    {"gaussian", "s", "-1"},
    {"bimodal", "a", "0"},
    {"monomial", "k", "2"},
    {"monomial", "k", "5"},
    {"sinusoid", "omega", "0"},
    {"polynomial", "degree", "2"},
    {"polynomial", "degree", "33"},
    {"polynomial", "degree", "-1"},
    {"sparse-cut", "a", "-2"},
    {"sparse-cut", "g", "0"},
    {"double-well", "h", "0"},
    {"mixture", "m", "0"},
    {"mixture", "w", "0"},
    {"mixture", "w", "1"},
    {"laplace", "scale", "0"},
    {"exponential", "rate", "-1"},
    {"logistic", "scale", "0"},
    {"student", "nu", "0.4"},
    {"student", "scale", "-2"},
    {"uniform", "lo", "1"},
    {"uniform", "hi", "-0.5"},
    {"uniform", "hi", "1e60"},
    {"truncated-gaussian", "lo", "1"},
    {"truncated-gaussian", "s", "0"},
    {"von-mises", "kappa", "-1"},
};

static void keys_out_of_range_are_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        sg_pair pair = {refused[k].key, refused[k].value};
        sg_model *model;
        assert_int_equal(sg_model_new(refused[k].family, 1, &pair, &model), SG_OUT_OF_RANGE);
        assert_null(model);
    }
    sg_pair line[] = {{"degree", "1"}, {"B", "2"}};
    sg_model *model;
    assert_int_equal(sg_model_new("polynomial", 2, line, &model), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "degree"));
}

static const struct {
    const char *family;
    bool inside;
    double theta[3];
} points[] = {
    {"gaussian", true, {-3, 1e-300}},
    {"gaussian", false, {0, 0}},
    {"gaussian", false, {0, -1}},
    {"bimodal", true, {1e-9, 1000}},
    {"bimodal", true, {1e-9, -1000}},
    {"bimodal", false, {0, 1}},
    {"bimodal", false, {-1e-9, 0}},
    {"monomial", true, {-50, 1e-9}},
    {"monomial", true, {1e-9, 0}},
    {"monomial", false, {0, 0}},
    {"monomial", false, {-1, 0}},
    {"monomial", false, {1, -1e-9}},
    {"sinusoid", true, {1e-9, -1000}},
    {"sinusoid", false, {0, 1}},
    {"sinusoid", false, {-1, 0}},
    {"polynomial", true, {-1e9, 1e9, 1e9}},
    {"sparse-cut", true, {1e-9, -1000}},
    {"sparse-cut", false, {0, 1}},
    {"sparse-cut", false, {-1, 1}},
    {"double-well", true, {9, 100, 1e-9}},
    {"double-well", true, {9, -1e-9, 0}},
    {"double-well", false, {0, 0, 0}},
    {"double-well", false, {0, 1, 0}},
    {"double-well", false, {0, -1, -1e-9}},
    {"mixture", true, {1e-300, 5, 5}},
    {"mixture", true, {1 - DBL_EPSILON / 2, 0, 1}},
    {"mixture", false, {0, -1, 1}},
    {"mixture", false, {1, -1, 1}},
    {"mixture", false, {-0.1, -1, 1}},
    {"mixture", false, {1.1, -1, 1}},
    {"laplace", true, {1e-300}},
    {"laplace", false, {0}},
    {"exponential", true, {1e-300}},
    {"exponential", false, {-1e-9}},
    {"logistic", true, {-1e9, 1e-9}},
    {"logistic", false, {0, 0}},
    {"student", true, {1e9, 1e9}},
    {"student", false, {0, -1}},
    {"uniform", true, {-1e5}},
    {"truncated-gaussian", true, {1e5, -1e5}},
    {"von-mises", true, {0, 0}},
    {"von-mises", true, {-50, 20}},
};

static void domains_have_the_right_edges(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof points / sizeof *points; k++) {
        sg_model *model = model_of(points[k].family, "");
        if (model->family->inside(model, points[k].theta) != points[k].inside)
            fail_msg("%s: point %zu of the list is on the wrong side", points[k].family, k);
        for (int j = 0; j < model->full; j++) {
            const double wrong[] = {NAN, INFINITY, -INFINITY};
            for (int bad = 0; bad < 3; bad++) {
                double theta[3];
                memcpy(theta, points[k].theta, sizeof theta);
                theta[j] = wrong[bad];
                assert_false(model->family->inside(model, theta));
            }
        }
        sg_model_delete(model);
    }
}

/* ----------------------------------------------------------- tails and landmarks */

/* How deep log p must be at |x| = 1e6 where the tails are no heavier than normal. */
static double floor_of(const char *family) {
    static const char *const heavier[] = {"laplace", "exponential", "logistic", "student"};
    for (int k = 0; k < 4; k++)
        if (strcmp(family, heavier[k]) == 0) return INFINITY;
    return -1e6;
}

/* log p is a number or -inf out to 1e100, and falls there wherever p is integrable. */
static void tails_fall_without_nan(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20260911, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 60 * CORNER_FAMILIES; trial++) {
        _Alignas(64) double x[SG_BLOCK], logp[SG_BLOCK], dx[SG_BLOCK];
        corner at;
        assert_int_equal(corner_new(&stream, corner_makers[trial / 60].family, &at), SG_OK);
        assert_true(at.model->family->inside(at.model, at.theta));
        for (int i = 0; i <= 100; i++) x[i] = pow(10, i);
        for (int i = 0; i <= 100; i++) x[101 + i] = -pow(10, i);
        evaluate(at.model, at.theta, 202, x, logp, dx);
        for (int i = 0; i < 202; i++) {
            if (!corner_inside(&at, x[i])) continue;
            bool far = fabs(x[i]) > 1e6;
            if (isnan(logp[i]) || logp[i] == INFINITY || (far && !(logp[i] < floor_of(at.model->family->name))) ||
                (far && !(logp[i] < logp[i - 1] || logp[i] == -INFINITY)))
                fail_msg("%s: log p(%g) is %g", at.model->text, x[i], logp[i]);
            if (far && !(x[i] > 0 ? dx[i] < 0 : dx[i] > 0))
                fail_msg("%s: the slope of log p at %g is %g", at.model->text, x[i], dx[i]);
        }
        sg_model_delete(at.model);
    }
}

static void at_the_edge_of_the_domain_infinite_statistics_do_no_harm(void **state) {
    const double flat[] = {1, 0}, well[] = {3, -1, 0};
    (void)state;
    sg_model *model = model_of("monomial", "k=64");
    for (double x = 1; x < 1e30; x *= 10) assert_true(log_density(model, flat, x) == -0.5 * x * x);
    sg_model_delete(model);
    model = model_of("double-well", "");
    for (double x = 1e60; x < 1e120; x *= 10) assert_true(log_density(model, well, x) < -1e100);
    sg_model_delete(model);
}

/* No point of a fine search is much likelier than the best landmark. */
static void check_highest(const corner *at) {
    _Alignas(64) double x[SG_BLOCK], logp[SG_BLOCK], dx[SG_BLOCK];
    sg_landmarks marks = {0};
    double best = -INFINITY, highest = -INFINITY, where = 0;
    at->model->family->landmarks(at->model, at->theta, &marks);
    assert_in_range(marks.count, 1, SG_LANDMARKS);
    for (int k = 0; k < marks.count; k++) {
        assert_true(isfinite(marks.at[k]) && isfinite(marks.scale[k]) && marks.scale[k] > 0);
        best = fmax(best, log_density(at->model, at->theta, marks.at[k]));
    }
    for (int part = 0; part < 64; part++) {
        for (int i = 0; i < SG_BLOCK; i++)
            x[i] = 1.5 * at->reach * (2.0 * (part * SG_BLOCK + i) / (64.0 * SG_BLOCK - 1) - 1);
        evaluate(at->model, at->theta, SG_BLOCK, x, logp, dx);
        for (int i = 0; i < SG_BLOCK; i++)
            if (corner_inside(at, x[i]) && logp[i] > highest) highest = logp[i], where = x[i];
    }
    if (highest > best + 3)
        fail_msg("%s: log p(%g) = %g, the best landmark has %g", at->model->text, where, highest, best);
}

static void landmarks_find_the_highest_mode(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20260912, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 100 * CORNER_FAMILIES; trial++) {
        corner at;
        assert_int_equal(corner_new(&stream, corner_makers[trial / 100].family, &at), SG_OK);
        check_highest(&at);
        sg_model_delete(at.model);
    }
}

static bool marked(const sg_model *model, double at, double error) {
    sg_landmarks marks = {0};
    model->family->landmarks(model, model->truth, &marks);
    for (int k = 0; k < marks.count; k++)
        if (fabs(marks.at[k] - at) <= error) return true;
    return false;
}

static void landmarks_know_wells_and_barriers(void **state) {
    static const struct {
        const char *family, *keys;
        double at[3];
    } known[] = {
        {"bimodal", "a=3", {-3, 0, 3}},
        {"sparse-cut", "a=4,g=0.001", {-4, 0, 4}},
        {"double-well", "h=40", {-1, 0, 1}},
        {"polynomial", "B=8", {-2, 0, 2}},
        {"mixture", "m=5", {-5, 0, 5}},
        {"truncated-gaussian", "lo=-2,hi=3", {-2, 0, 3}},
        {"von-mises", "kappa=9", {-M_PI, 0, M_PI}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        sg_model *model = model_of(known[k].family, known[k].keys);
        for (int i = 0; i < 3; i++) assert_true(marked(model, known[k].at[i], 1e-12));
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------------ exact draws */

/* The trapezoid rule on the line converges faster than any power of the step for these densities. */
static void the_mixture_integrates_to_one(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20260913, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 200; trial++) {
        const double step = 0.125;
        corner at;
        double sum = 0;
        assert_int_equal(corner_new(&stream, "mixture", &at), SG_OK);
        for (double x = -40; x <= 40; x += step) sum += step * exp(log_density(at.model, at.theta, x));
        assert_true(fabs(sum - 1) < 1e-13);
        sg_model_delete(at.model);
    }
}

static double normal_below(double x) {
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double gaussian_below(const double *theta, double x) {
    return normal_below((x - theta[0] / theta[1]) * sqrt(theta[1]));
}

static double mixture_below(const double *theta, double x) {
    return theta[0] * normal_below(x - theta[1]) + (1 - theta[0]) * normal_below(x - theta[2]);
}

static double laplace_below(const double *theta, double x) {
    return x < 0 ? 0.5 * exp(theta[0] * x) : 1 - 0.5 * exp(-theta[0] * x);
}

static double exponential_below(const double *theta, double x) {
    return x < 0 ? 0 : -expm1(-theta[0] * x);
}

static double logistic_below(const double *theta, double x) {
    return 1 / (1 + exp(-(x - theta[0]) / theta[1]));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov distance of DRAWS points, drawn block by block of uneven sizes. */
static double distance(const corner *at, double (*below)(const double *, double), sg_stream *stream) {
    static double x[DRAWS];
    _Alignas(64) double point[SG_BLOCK];
    sg_block block = {.d = 1, .draws = 1, .x = point};
    double largest = 0;
    uint32_t number = 0;
    for (int done = 0; done < DRAWS; done += block.n, number++) {
        block.n = number % 3 == 0 ? SG_BLOCK : 101;
        if (block.n > DRAWS - done) block.n = DRAWS - done;
        sg_stream_seek(stream, number);
        at->model->family->draw(at->model, at->theta, stream, &block);
        memcpy(x + done, point, (size_t)block.n * sizeof *x);
    }
    qsort(x, DRAWS, sizeof *x, ascending);
    for (int i = 0; i < DRAWS; i++) {
        double p = below(at->theta, x[i]);
        largest = fmax(largest, fmax((i + 1.0) / DRAWS - p, p - (double)i / DRAWS));
    }
    return largest;
}

static const struct {
    const char *family;
    double (*below)(const double *, double);
} composed[] = {{"gaussian", gaussian_below},
                {"mixture", mixture_below},
                {"laplace", laplace_below},
                {"exponential", exponential_below},
                {"logistic", logistic_below}};
enum { COMPOSED = sizeof composed / sizeof *composed };

/* Massart's bound, P(distance > e) <= 2 exp(-2 n e^2), at a false-alarm rate of 1e-6 over all tests. */
static void exact_draws_have_the_right_law(void **state) {
    const double bound = sqrt(log(2 * LAWS / 1e-6) / (2.0 * DRAWS));
    sg_stream corners, stream;
    (void)state;
    sg_stream_open(&corners, 20260914, SG_PURPOSE_TEST, 0);
    for (uint32_t trial = 0; trial < LAWS; trial++) {
        corner at;
        assert_int_equal(corner_new(&corners, composed[trial % COMPOSED].family, &at), SG_OK);
        sg_stream_open(&stream, 20260915, SG_PURPOSE_DATA, trial);
        double d = distance(&at, composed[trial % COMPOSED].below, &stream);
        if (d > bound) fail_msg("%s, trial %u: distance %g, at most %g", at.model->text, trial, d, bound);
        sg_model_delete(at.model);
    }
}

/* The table of Student's law, whose tails are heavier than any other here, against GSL; one false alarm in 1e6. */
static void the_table_of_student_has_the_right_law(void **state) {
    const char *const keys[] = {"nu=0.5", "nu=1", "nu=3", "nu=50", "nu=1e5"};
    const double nu[] = {0.5, 1, 3, 50, 1e5}, bound = sqrt(log(2 * 5 / 1e-6) / (2.0 * DRAWS));
    static double x[DRAWS];
    (void)state;
    for (int k = 0; k < 5; k++) {
        sg_model *model = model_of("student", keys[k]);
        sg_sampler *sampler = NULL;
        sg_stream stream;
        double largest = 0;
        if (sg_sampler_new(model, model->truth, NULL, &sampler)) fail_msg("%s", sg_message());
        assert_true(sg_sampler_error(sampler) < 1e-9);
        sg_stream_open(&stream, 20260916, SG_PURPOSE_DATA, (uint32_t)k);
        for (int done = 0; done < DRAWS; done += SG_BLOCK) {
            sg_block block = {.n = SG_BLOCK, .d = 1, .draws = 1, .x = x + done};
            sg_stream_seek(&stream, (uint32_t)(done / SG_BLOCK));
            sg_sampler_draw(sampler, &stream, &block);
        }
        qsort(x, DRAWS, sizeof *x, ascending);
        for (int i = 0; i < DRAWS; i++) {
            double p = gsl_cdf_tdist_P(x[i], nu[k]);
            largest = fmax(largest, fmax((i + 1.0) / DRAWS - p, p - (double)i / DRAWS));
        }
        if (largest > bound) fail_msg("%s: distance %g, at most %g", model->text, largest, bound);
        sg_sampler_delete(sampler);
        sg_model_delete(model);
    }
}

/* log Z of the panels: 0 for laws that come normalized, and the closed forms. */
static void panels_have_the_right_mass(void **state) {
    static const struct {
        const char *family, *keys;
        double log_z;
    } known[] = {{"logistic", "scale=0.03", 0},
                 {"student", "nu=0.5", 0},
                 {"student", "nu=3,scale=1e5", 0},
                 {"student", "nu=1e6", 0},
                 {"laplace", "scale=7", 2.63905732961525861},        /* log 14 */
                 {"exponential", "rate=0.125", 2.07944154167983593}, /* log 8 */
                 {"uniform", "lo=-3,hi=17", 2.99573227355399099},    /* log 20 */
                 {"truncated-gaussian", "", 0.537223386902547},      /* log(sqrt(2 pi) erf(sqrt(1/2))) */
                 {"von-mises", "kappa=0", 1.83787706640934548},      /* log 2 pi */
                 {"von-mises", "kappa=2", 2.661870607892302}};       /* log(2 pi I0(2)) */
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        sg_model *model = model_of(known[k].family, known[k].keys);
        sg_panels *panels = NULL;
        if (sg_model_panels(model, model->truth, 0, &panels)) fail_msg("%s", sg_message());
        if (!(fabs(panels->log_z - known[k].log_z) < 1e-12)) fail_msg("%s: log Z is %.17g", model->text, panels->log_z);
        sg_panels_delete(panels);
        sg_model_delete(model);
    }
}

static bool is_among(const char *name, int count, const char *const *names) {
    for (int k = 0; k < count; k++)
        if (strcmp(name, names[k]) == 0) return true;
    return false;
}

static void families_say_what_they_can(void **state) {
    static const char *const normalized[] = {"mixture", "logistic", "student"};
    static const char *const drawn[] = {"mixture", "gaussian", "laplace", "exponential", "logistic"};
    (void)state;
    for (const sg_family *const *family = sg_families; *family; family++) {
        const char *name = (*family)->name;
        const uint32_t can = (*family)->can;
        if (!in_one_dimension(*family)) continue;
        assert_int_equal(can & (SG_NODES | SG_SAMPLER), SG_NODES | SG_SAMPLER);
        assert_int_equal((can & SG_NORMALIZED) != 0, is_among(name, 3, normalized));
        assert_int_equal((can & SG_LINEAR) != 0, !is_among(name, 3, normalized));
        assert_int_equal((can & SG_KINK) != 0, strcmp(name, "laplace") == 0);
        assert_int_equal((*family)->draw != NULL, is_among(name, 5, drawn));
    }
}

static void memory_failures_are_reported(void **state) {
    (void)state;
    long live = sg_memory_live();
    for (int f = 0; f < LISTED; f++) {
        sg_status status = SG_NO_MEMORY;
        for (long k = 1; status != SG_OK; k++) {
            sg_model *model;
            sg_memory_fail_after(k);
            status = sg_model_new(listed[f].family, 0, NULL, &model);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK || status == SG_NO_MEMORY);
            sg_model_delete(model);
            assert_int_equal(sg_memory_live(), live);
        }
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_as_listed),
        cmocka_unit_test(all_frees_every_parameter),
        cmocka_unit_test(the_mixture_has_its_groups),
        cmocka_unit_test(the_second_statistic_of_bimodal),
        cmocka_unit_test(summaries_and_helps_are_one_plain_line),
        cmocka_unit_test(keys_out_of_range_are_refused),
        cmocka_unit_test(domains_have_the_right_edges),
        cmocka_unit_test(tails_fall_without_nan),
        cmocka_unit_test(at_the_edge_of_the_domain_infinite_statistics_do_no_harm),
        cmocka_unit_test(landmarks_find_the_highest_mode),
        cmocka_unit_test(landmarks_know_wells_and_barriers),
        cmocka_unit_test(the_mixture_integrates_to_one),
        cmocka_unit_test(exact_draws_have_the_right_law),
        cmocka_unit_test(the_table_of_student_has_the_right_law),
        cmocka_unit_test(panels_have_the_right_mass),
        cmocka_unit_test(families_say_what_they_can),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests_name("families", tests, NULL, NULL);
}
