/*
 * The list of bounds around the gaps of the spectrum module and the numerical log-Sobolev constant: random parameters
 * of every family on the line, the circle, and spins; and single entries against closed forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>

#include "../family/corners.h"
#include "../tier.h"
#include "scoregap/estimate.h"

/* Relative error of the quadrature behind the bounds (bound.h), and of the enclosure. */
static const double QUADRATURE = 1e-8;

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

typedef struct {
    int lower, upper, entropy, models;
} tally;

static const sg_gap_bound *find(const sg_gap_bounds *list, const char *name, const char *of, const char *side) {
    for (int k = 0; k < list->count; k++) {
        const sg_gap_bound *b = &list->bound[k];
        if (!strcmp(b->name, name) && !strcmp(b->of, of) && !strcmp(b->side, side)) return b;
    }
    fail_msg("there is no %s bound of the %s by %s", side, of, name);
    return NULL;
}

/* Sides bracket: log lo <= log gap <= log hi. */
static void check(const sg_model *model, const sg_gap *gap, const sg_gap_bounds *list, tally *seen) {
    const sg_log_sobolev *c = &list->log_sobolev;
    const sg_tensorization *t = &list->tensorization;
    const double log_gap = gap->log10_gap * M_LN10;
    seen->models++;
    assert_true(list->count > 0);
    for (int k = 0; k < list->count; k++) {
        const sg_gap_bound *b = &list->bound[k];
        const bool upper = !strcmp(b->side, "upper"), of_gap = !strcmp(b->of, "gap");
        assert_true(b->holds == isfinite(b->log_value));
        if (!b->holds) assert_true(b->note[0]);
        const bool of_entropy = !strcmp(b->of, "log-sobolev");
        const double truth = of_gap ? log_gap : of_entropy ? c->log_value : t->log_value;
        if (!b->holds || isnan(truth)) continue;
        if (of_gap && gap->status != SG_OK && gap->status != SG_UNDERFLOW) continue;
        const double slack = QUADRATURE + (of_gap && gap->gap > 0 ? log(gap->gap_upper / gap->gap) : 0);
        if (upper ? b->log_value < truth - slack : b->log_value > truth + slack)
            fail_msg("%s: %s (%s, %s) %.12g against %.12g", model->text, b->name, b->of, b->side, b->log_value, truth);
        seen->lower += of_gap && !upper;
        seen->upper += of_gap && upper;
        seen->entropy += of_entropy;
    }
    if (t->method && !isnan(t->log_value)) {
        assert_true(t->log_value >= -log_gap - QUADRATURE || gap->status != SG_OK);
        assert_true(t->log_value <= t->log_upper + QUADRATURE);
    }
    if (!c->method || isnan(c->log_value)) return;
    assert_true(c->log_value >= -log_gap - QUADRATURE || gap->status != SG_OK);
    assert_true(c->log_lower <= c->log_upper + QUADRATURE);
}

static void look(const char *family, const char *keys, const char *loss_text, sg_gap *gap, sg_gap_bounds *list,
                 tally *seen) {
    char text[SG_TEXT];
    sg_pair pairs[12];
    int count = 0;
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    tally none = {0};
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 12, pairs, &count), SG_OK);
    if (sg_model_new(family, count, pairs, &model) || sg_loss_new(loss_text, &loss) ||
        sg_spectrum_gap(model, loss, NULL, gap, NULL) || sg_gap_bounds_of(model, loss, gap, list))
        fail_msg("%s(%s): %s", family, keys, sg_message());
    check(model, gap, list, seen ? seen : &none);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* ---------------------------------------------------------------- random models */

static void test_random_lines(void **state) {
    (void)state;
    sg_stream s;
    tally seen = {0};
    int given_up = 0;
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("score-matching", &loss), SG_OK);
    sg_stream_open(&s, 99, SG_PURPOSE_TEST, 0);
    for (int family = 0; family < CORNER_FAMILIES; family++)
        for (int trial = 0; trial < (second_tier() ? 4 : 1); trial++) {
            corner c;
            sg_gap gap;
            static sg_gap_bounds list;
            assert_int_equal(corner_new(&s, corner_makers[family].family, &c), SG_OK);
            sg_status status = sg_model_set_truth(c.model, c.model->full, c.theta);
            if (!status) status = sg_spectrum_gap(c.model, loss, NULL, &gap, NULL);
            if (!status) status = sg_gap_bounds_of(c.model, loss, &gap, &list);
            if (status || (gap.status && gap.status != SG_NOT_ATTAINED))
                given_up++; /* a corner where no gap can be had */
            else
                check(c.model, &gap, &list, &seen);
            if (!status && gap.status == SG_NOT_ATTAINED) assert_true(list.log_sobolev.log_value == INFINITY);
            sg_model_delete(c.model);
        }
    sg_loss_delete(loss);
    if (given_up > 6 || seen.lower < 3 * seen.models || seen.upper < 3 * seen.models || seen.entropy < 2 * seen.models)
        fail_msg("%d models (%d given up): %d lower, %d upper, %d of C_LS", seen.models, given_up, seen.lower,
                 seen.upper, seen.entropy);
}

static void test_other_lines(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"uniform", "hi=3", "score-matching"},
        {"truncated-gaussian", "", "score-matching"},
        {"gaussian", "s=0.5", "preconditioned:with=power,exponent=0.5"},
        {"double-well", "h=3", "preconditioned:with=power,exponent=-0.5"},
        {"double-well", "h=3", "preconditioned:with=constant,value=4"},
        {"mixture", "m=1.5,w=0.2", "score-matching"},
    };
    tally seen = {0};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_gap gap;
        static sg_gap_bounds list;
        look(cases[k][0], cases[k][1], cases[k][2], &gap, &list, &seen);
    }
    assert_true(seen.lower > 20 && seen.upper > 20);
}

static void test_circle(void **state) {
    (void)state;
    tally seen = {0};
    sg_gap gap;
    static sg_gap_bounds list;
    look("von-mises", "kappa=1", "score-matching", &gap, &list, &seen);
    assert_near(list.log_sobolev.log_value, 0, 1e-9); /* attained by exp(-kappa cos x) */
    assert_near(find(&list, "Holley-Stroock", "gap", "lower")->log_value, -2, 1e-3);
    look("von-mises", "kappa=4", "score-matching", &gap, &list, &seen);
    assert_true(seen.lower >= 8 && seen.upper == 4);
}

/* -------------------------------------------------------------------- spins */

static void test_spins(void **state) {
    (void)state;
    static const char *const graphs[] = {"ring", "path", "complete", "curie-weiss", "tree", "lattice"};
    static const char *const losses[] = {"pseudolikelihood", "probability-flow", "ratio-matching", "concrete-score"};
    sg_stream s;
    tally seen = {0};
    sg_stream_open(&s, 17, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 24; trial++) {
        char keys[160];
        sg_gap gap;
        static sg_gap_bounds list;
        const char *graph = graphs[trial % 6];
        const double beta = corner_scale(&s, 0.02, 0.8) * (trial % 5 ? 1 : -1),
                     h = trial % 3 ? corner_scale(&s, 0.01, 1) : 0;
        snprintf(keys, sizeof keys, "graph=%s,%s,beta=%.17g,h=%.17g%s", graph,
                 trial % 6 == 5 ? "shape=3x3"
                 : trial % 4    ? "n=6"
                                : "n=9",
                 beta, h, trial % 2 && trial % 6 != 3 ? ",couplings=gauss" : "");
        look("ising", keys, losses[trial % 7 < 4 ? 0 : trial % 4], &gap, &list, &seen);
    }
    if (seen.lower < 60 || seen.upper < 40 || seen.entropy < 30)
        fail_msg("%d lower, %d upper, %d of C_LS", seen.lower, seen.upper, seen.entropy);
}

static void test_spin_values(void **state) {
    (void)state;
    sg_gap gap;
    static sg_gap_bounds list;
    look("ising", "graph=ring,n=8,beta=0.2", "pseudolikelihood", &gap, &list, NULL);
    assert_near(exp(find(&list, "Dobrushin", "gap", "lower")->log_value), 1 - 2 * tanh(0.2), 1e-12);
    assert_near(exp(find(&list, "Eldan-Koehler-Zeitouni", "gap", "lower")->log_value), 0.2, 1e-12);
    assert_near(exp(find(&list, "linear functions", "gap", "upper")->log_value), 1 - tanh(0.4), 1e-12);
    assert_near(exp(find(&list, "approximate tensorization", "log-sobolev", "upper")->log_value),
                5 * 0.8 / (2 * tanh(0.4)), 1e-12);
    look("ising", "graph=curie-weiss,n=2000,beta=0.5,h=0.1", "pseudolikelihood", &gap, &list, NULL);
    assert_near(exp(find(&list, "Eldan-Koehler-Zeitouni", "gap", "lower")->log_value), 0.5, 1e-9);
    look("ising", "graph=ring,n=5,beta=0,h=0.7", "pseudolikelihood", &gap, &list, NULL); /* independent sites */
    const double a = 1 / (1 + exp(1.4)), two_point = log((1 - a) / a) / (2 * (1 - 2 * a));
    assert_near(exp(list.log_sobolev.log_value), two_point, 1e-9);
    assert_near(exp(list.log_sobolev.log_upper), two_point, 1e-9);
    look("ising", "graph=ring,n=4,beta=0.3", "mle", &gap, &list, NULL);
    assert_near(find(&list, "least mass", "log-sobolev", "lower")->log_value,
                find(&list, "least mass", "log-sobolev", "upper")->log_value, 1e-12);
}

/* What does not apply says so and has no value. */
static void test_hypotheses(void **state) {
    (void)state;
    sg_gap gap;
    static sg_gap_bounds list;
    look("ising", "graph=ring,n=6,beta=0.6", "pseudolikelihood", &gap, &list, NULL);
    assert_false(find(&list, "Dobrushin", "gap", "lower")->holds);
    assert_false(find(&list, "Eldan-Koehler-Zeitouni", "gap", "lower")->holds);
    assert_true(find(&list, "canonical paths", "gap", "lower")->holds);
    look("parity", "n=6,k=3,J=0.4", "pseudolikelihood", &gap, &list, NULL);
    assert_string_equal(find(&list, "Dobrushin", "gap", "lower")->note, "the law is not pairwise");
    look("parity", "n=6,k=2,J=0.1", "pseudolikelihood", &gap, &list, NULL);
    assert_true(find(&list, "Dobrushin", "gap", "lower")->holds);
    look("hardcore", "graph=path,n=5", "pseudolikelihood", &gap, &list, NULL);
    assert_string_equal(find(&list, "Dobrushin", "gap", "lower")->note, "some states are forbidden");
    assert_false(find(&list, "canonical paths", "gap", "lower")->holds);
    look("double-well", "h=5", "score-matching", &gap, &list, NULL);
    assert_false(find(&list, "Bakry-Emery", "gap", "lower")->holds);
    look("gaussian", "s=2", "score-matching", &gap, &list, NULL);
    assert_near(find(&list, "Bakry-Emery", "log-sobolev", "upper")->log_value, log(4), 1e-12);
    assert_string_equal(list.log_sobolev.upper, "Bakry-Emery");
}

/* A chain by its rates that is not reversible has no log-Sobolev constant here, and says so. */
static void test_irreversible(void **state) {
    (void)state;
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    static sg_gap_bounds list;
    assert_int_equal(sg_model_new("chain", 0, NULL, &model), SG_OK);
    assert_int_equal(sg_loss_new("jumps", &loss), SG_OK);
    assert_int_equal(sg_gap_bounds_of(model, loss, NULL, &list), SG_OK);
    assert_int_equal(list.log_sobolev.status, SG_REFUSED);
    assert_non_null(strstr(list.log_sobolev.message, "reversible"));
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* --------------------------------------------------------------------- R^d */

static sg_model *model_of(const char *family, const char *keys) {
    char text[SG_TEXT];
    sg_pair pairs[12];
    int count = 0;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    if (sg_pairs_split(text, 12, pairs, &count) || sg_model_new(family, count, pairs, &model))
        fail_msg("%s(%s): %s", family, keys, sg_message());
    return model;
}

static void bounds_of(const sg_model *model, const char *loss_text, sg_gap *gap, sg_gap_bounds *list) {
    sg_loss *loss = NULL;
    if (sg_loss_new(loss_text, &loss) || (gap && sg_spectrum_gap(model, loss, NULL, gap, NULL)) ||
        sg_gap_bounds_of(model, loss, gap, list))
        fail_msg("%s: %s", model->text, sg_message());
    sg_loss_delete(loss);
}

static double value_of(const sg_gap_bounds *list, const char *name, const char *side) {
    const sg_gap_bound *b = find(list, name, "gap", side);
    if (!b->holds) fail_msg("%s: %s", name, b->note);
    return exp(b->log_value);
}

/* The bound in the frame of least coupling, which is listed after that in the axes of x. */
static double turned_value(const sg_gap_bounds *list) {
    double value = NAN;
    for (int k = 0; k < list->count; k++)
        if (!strcmp(list->bound[k].name, "conditional gaps")) value = exp(list->bound[k].log_value);
    return value;
}

/* Wells that are flat, deep, uneven, narrow across; coupled weakly and strongly; turned. */
static void test_random_planes(void **state) {
    (void)state;
    const int trials = second_tier() ? 60 : 10;
    int conditional = 0, given_up = 0;
    tally seen = {0};
    sg_stream s;
    sg_stream_open(&s, 23, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < trials; trial++) {
        char keys[96];
        sg_gap gap;
        static sg_gap_bounds list;
        const double h = corner_scale(&s, 0.01, 40), precision = corner_scale(&s, 0.1, 400);
        const double c = trial % 3 ? corner_signed(&s, 1e-3, 1) * sqrt(precision * fmin(h, 1)) : 0;
        const double tilt = trial % 2 ? corner_signed(&s, 1e-2, 0.5) * h : 0;
        const double theta[] = {tilt, trial % 5 ? 2 * h : -h, h, c, precision};
        snprintf(keys, sizeof keys, "angle=%.17g", trial % 4 ? corner_uniform(&s, -4, 4) : 0);
        sg_model *model = model_of("rotated-wells", keys);
        sg_loss *loss = NULL;
        assert_int_equal(sg_loss_new("score-matching", &loss), SG_OK);
        assert_int_equal(sg_model_set_truth(model, 5, theta), SG_OK);
        sg_status status = sg_spectrum_gap(model, loss, NULL, &gap, NULL);
        if (!status) status = sg_gap_bounds_of(model, loss, &gap, &list);
        if (status || gap.status) {
            given_up++;
        } else {
            check(model, &gap, &list, &seen);
            conditional += turned_value(&list) > 0;
        }
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
    if (given_up > trials / 8 || 2 * conditional < trials || seen.upper < 2 * seen.models)
        fail_msg("%d given up, %d conditional gaps, %d upper, %d models", given_up, conditional, seen.upper,
                 seen.models);
}

/*
 * A normal law with coupling: V = q u_1^2 + c u_1 u_2 + b u_2^2/2, whose gap is lmin [[2q, c], [c, b]], and every lower
 * bound and the linear functions give it; a coupling of another sign or size would not.
 */
static void test_normal_plane(void **state) {
    (void)state;
    sg_stream s;
    sg_stream_open(&s, 29, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 6; trial++) {
        char keys[96];
        static sg_gap_bounds list;
        const int d = 2 + trial % 3 / 2;
        const double q = corner_scale(&s, 0.1, 10), b = corner_scale(&s, 0.1, 10);
        const double c = corner_uniform(&s, -0.9, 0.9) * sqrt(2 * q * b), middle = q + b / 2;
        const double theta[] = {corner_uniform(&s, -1, 1), -q, 0, c, b, 7 * (q + b)};
        const double gap = middle - hypot(q - b / 2, c);
        snprintf(keys, sizeof keys, "d=%d,angle=%.17g", d, corner_uniform(&s, -4, 4));
        sg_model *model = model_of("rotated-wells", keys);
        assert_int_equal(sg_model_set_truth(model, d + 3, theta), SG_OK);
        bounds_of(model, trial % 2 ? "score-matching" : "preconditioned:with=constant,value=3", NULL, &list);
        const double speed = trial % 2 ? 1 : 3;
        for (int k = 0, conditional = 0; k < list.count; k++) {
            const sg_gap_bound *bound = &list.bound[k];
            const bool of_gap = !strcmp(bound->of, "gap");
            conditional += !strcmp(bound->name, "conditional gaps");
            if (!strcmp(bound->name, "conditional gaps") || !strcmp(bound->name, "Bakry-Emery") ||
                !strcmp(bound->name, "linear functions"))
                assert_near(bound->log_value, (of_gap ? 1 : -1) * log(speed * gap), 1e-8);
            if (k == list.count - 1) assert_int_equal(conditional, 2);
        }
        assert_false(find(&list, "smoothed indicator", "gap", "upper")->holds);
        sg_model_delete(model);
    }
}

/* Wells turned against the axes, without coupling: the gap of the well alone. */
static void test_turned_products(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"h=5", "h=5,angle=0.7"},
                                           {"h=100", "h=100,angle=-1.3"},
                                           {"h=20", "h=20,angle=2.1,s=0.1"},
                                           {"h=5", "h=5,angle=0.4,d=3"},
                                           {"h=60", "h=60,angle=1,d=3,s=0.3"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        static sg_gap_bounds list;
        sg_gap gap;
        sg_model *line = model_of("double-well", cases[k][0]), *model = model_of("rotated-wells", cases[k][1]);
        bounds_of(line, "score-matching", &gap, &list);
        bounds_of(model, "score-matching", NULL, &list);
        assert_near(turned_value(&list) / gap.gap, 1, 1e-8);
        assert_true(turned_value(&list) <= gap.gap * (1 + 1e-11));
        const double above = value_of(&list, "smoothed indicator", "upper") / gap.gap;
        assert_true(above >= 1 - 1e-11 && above < 1.02);
        const sg_gap_bound *convex = find(&list, "Bakry-Emery", "gap", "lower");
        assert_false(convex->holds);
        assert_non_null(strstr(convex->note, "not positive"));
        sg_model_delete(line);
        sg_model_delete(model);
    }
}

/*
 * Tempered Langevin: random separations, weights, schedules and speeds of the level, both designs; the level alone and
 * the decomposition bracket the gap of the grid (in `check`), under QR's design within 8 per cent.
 */
static void test_tempered(void **state) {
    (void)state;
    const int trials = second_tier() ? 40 : 4;
    sg_gap gap;
    sg_gap_bounds list;
    tally seen = {0};
    sg_stream s;
    sg_stream_open(&s, 17, SG_PURPOSE_TEST, 1);
    for (int k = 0; k < trials; k++) {
        char keys[64], loss[160];
        const double m = corner_uniform(&s, 0.6, 3), w = corner_uniform(&s, 0.05, 0.95);
        snprintf(keys, sizeof keys, "m=%.3f,w=%.3f", m, w);
        snprintf(loss, sizeof loss, "lifted:design=%s,decay=%.3f,power=%.3f,beta-max=%.3f,speed=%.3g",
                 k % 2 ? "tapered" : "printed", corner_uniform(&s, 0, 9), corner_uniform(&s, -1, 2),
                 corner_uniform(&s, 2, 60) * m * m, exp(corner_uniform(&s, -3, 3)));
        look("mixture", keys, loss, &gap, &list, &seen);
        assert_true(find(&list, "mixture", "gap", "lower")->holds);
        assert_false(find(&list, "QR Theorem 12", "gap", "lower")->holds);
    }
    assert_true(seen.lower == trials && seen.upper == 2 * trials);
    const double poincare[] = {169.96, 2702.9}; /* the literature's, 4 digits */
    for (int m = 1; m <= 2; m++) {
        look("mixture", m == 1 ? "m=1" : "m=2", "lifted", &gap, &list, &seen);
        assert_near(gap.poincare / poincare[m - 1], 1, 1e-4);
        const double below = value_of(&list, "mixture", "lower") / gap.gap;
        assert_true(below > 1 / 1.08 && below <= 1);
        const double scales = value_of(&list, "QR Theorem 12", "lower");
        assert_true(scales > 0 && scales < value_of(&list, "mixture", "lower"));
    }
    look("gaussian-mixture", "k=2,weights=.3/.7,means=-.9/-1.2/.9/1.2,correlation=.4", "lifted:design=tapered", &gap,
         &list, &seen);
    assert_true(find(&list, "mixture", "gap", "lower")->holds);
}

/* The decomposition of mixtures in the plane is below their gap, and of two unit normals it is that on the line. */
static void test_planar_mixtures(void **state) {
    (void)state;
    static const char *const cases[] = {"weights=1/2/3", "sd=1/1.2/.9,correlation=.3/-.4/0",
                                        "k=2,means=0/0/1/1,sd=1/.5", "k=2,means=-1/0/1/1,sd=.5,correlation=.8",
                                        "k=4,means=0/0/1/0/1/1/0/1,sd=1/.9/.8/.7,weights=1/2/1/3"};
    static sg_gap_bounds list, line;
    sg_gap gap;
    tally seen = {0};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        look("gaussian-mixture", cases[k], "score-matching", &gap, &list, &seen);
        const double below = value_of(&list, "mixture", "lower");
        assert_true(below > 0 && below < gap.gap_lower);
        look("gaussian-mixture", cases[k], "preconditioned:with=constant,value=3", &gap, &line, &seen);
        assert_near(value_of(&line, "mixture", "lower") / below, 3, 1e-12);
    }
    look("mixture", "m=1.5,w=.3", "score-matching", &gap, &line, NULL);
    look("gaussian-mixture", "k=2,weights=.3/.7,means=-.9/-1.2/.9/1.2", "score-matching", &gap, &list, NULL);
    assert_near(value_of(&list, "mixture", "lower") / value_of(&line, "mixture", "lower"), 1, 1e-12);
}

/* Low wells with a coupling: no curvature, and still a bound from both sides; deep ones have none, and say so. */
static void test_coupled_wells(void **state) {
    (void)state;
    static sg_gap_bounds list;
    sg_gap gap;
    tally seen = {0};
    look("rotated-wells", "h=0.2,c=0.5", "score-matching", &gap, &list, &seen);
    assert_false(find(&list, "Bakry-Emery", "gap", "lower")->holds);
    assert_true(value_of(&list, "conditional gaps", "lower") > 0.9 * gap.gap);
    assert_true(value_of(&list, "smoothed indicator", "upper") < 1.1 * gap.gap);
    sg_model *model = model_of("rotated-wells", "h=0.2,c=0.5,d=3,angle=0.5"); /* a normal law beside it, of gap 4 */
    bounds_of(model, "score-matching", NULL, &list);
    assert_true(turned_value(&list) > 0.9 * gap.gap && turned_value(&list) < gap.gap);
    assert_true(value_of(&list, "smoothed indicator", "upper") > gap.gap);
    sg_model_delete(model);
    look("rotated-wells", "h=20,c=0.5,angle=0.5", "score-matching", &gap, &list, &seen);
    for (int k = 0; k < list.count; k++)
        if (!strcmp(list.bound[k].name, "conditional gaps")) {
            assert_false(list.bound[k].holds);
            assert_non_null(strstr(list.bound[k].note, "couplings outweigh the conditional gaps"));
        }
    assert_true(value_of(&list, "smoothed indicator", "upper") < 1.1 * gap.gap);
}

/* ------------------------------------------------- blocks, and with a velocity */

static void test_blocks(void **state) {
    (void)state;
    static const char *const losses[] = {"masked:k=1", "masked:k=2", "masked:k=4", "masked:k=3,blocks=contiguous"};
    static const char *const laws[] = {"graph=ring,n=6,beta=0.2", "graph=complete,n=5,beta=0.1,couplings=gauss",
                                       "graph=path,n=7,beta=0.8,h=0.3"};
    tally seen = {0};
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++) {
            sg_gap gap;
            static sg_gap_bounds list;
            look("ising", laws[j], losses[k], &gap, &list, &seen);
            assert_true(value_of(&list, "canonical paths", "lower") > 0);
            assert_true(value_of(&list, "one site", "upper") >= gap.gap * (1 - 1e-9));
            if (j == 0) /* one site in six, whatever the size of the blocks */
                assert_near(value_of(&list, "Dobrushin", "lower"), (1 - 2 * tanh(0.2)) / 6, 1e-12);
        }
    assert_true(seen.lower >= 36);
}

static void test_kinetic(void **state) {
    (void)state;
    sg_gap gap;
    static sg_gap_bounds list;
    look("gaussian", "s=2", "underdamped:friction=2", &gap, &list, NULL);
    assert_near(value_of(&list, "synchronous coupling", "lower"), 0.125, 1e-12);
    assert_true(gap.gap >= 0.125);
    assert_false(find(&list, "Rayleigh", "gap", "upper")->holds);
    look("mixture", "m=0.6,w=0.3", "underdamped:friction=3", &gap, &list, NULL);
    assert_true(value_of(&list, "synchronous coupling", "lower") < gap.gap);
    look("double-well", "", "underdamped", &gap, &list, NULL);
    assert_false(find(&list, "synchronous coupling", "gap", "lower")->holds);
    sg_model *model = model_of("monomial", "k=4");
    bounds_of(model, "underdamped:friction=1000", NULL, &list);
    assert_string_equal(find(&list, "synchronous coupling", "gap", "lower")->note, "U'' grows in the tails");
    sg_model_delete(model);
    model = model_of("logistic", "");
    bounds_of(model, "underdamped:friction=3", NULL, &list);
    assert_string_equal(find(&list, "synchronous coupling", "gap", "lower")->note, "U'' is least in the tails");
    sg_model_delete(model);
}

/* Heavy tails: no gap from below, no log-Sobolev inequality. */
static void test_heavy_tails(void **state) {
    (void)state;
    static const char *const family[] = {"laplace", "exponential", "logistic", "student"};
    for (int k = 0; k < 4; k++) {
        sg_gap gap;
        static sg_gap_bounds list;
        look(family[k], "", "score-matching", &gap, &list, NULL);
        assert_int_equal(gap.status, SG_NOT_ATTAINED);
        assert_int_equal(list.log_sobolev.status, SG_NOT_ATTAINED);
        assert_true(list.log_sobolev.log_value == INFINITY && list.log_sobolev.log_upper == INFINITY);
        for (int j = 0; j < list.count; j++) {
            const sg_gap_bound *b = &list.bound[j];
            const bool lower = !strcmp(b->side, "lower"), of_gap = !strcmp(b->of, "gap");
            if (lower == of_gap) assert_false(b->holds); /* lower on the gap, upper on C_LS */
            if (of_gap && !lower) assert_true(b->holds);
        }
    }
}

static void test_memory(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"gaussian", "score-matching"},      {"ising", "pseudolikelihood"}, {"ising", "masked"},
        {"rotated-wells", "score-matching"}, {"gaussian", "underdamped"},
    };
    for (int c = 0; c < 5; c++) {
        sg_model *model = NULL;
        sg_loss *loss = NULL;
        static sg_gap_bounds list;
        const sg_pair pairs[] = {{"n", "5"}};
        assert_int_equal(sg_model_new(cases[c][0], c == 1 || c == 2, pairs, &model), SG_OK);
        assert_int_equal(sg_loss_new(cases[c][1], &loss), SG_OK);
        const long live = sg_memory_live();
        for (int k = 1; k < 120; k += c == 1 ? 3 : 17) {
            sg_memory_fail_after(k);
            sg_status status = sg_gap_bounds_of(model, loss, NULL, &list);
            sg_memory_fail_after(0);
            if (status != SG_OK && status != SG_NO_MEMORY) fail_msg("%d: %s", k, sg_message());
            assert_int_equal(sg_memory_live(), live);
        }
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lines),  cmocka_unit_test(test_other_lines),
        cmocka_unit_test(test_circle),        cmocka_unit_test(test_spins),
        cmocka_unit_test(test_spin_values),   cmocka_unit_test(test_hypotheses),
        cmocka_unit_test(test_heavy_tails),   cmocka_unit_test(test_irreversible),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_random_planes),
        cmocka_unit_test(test_tempered),      cmocka_unit_test(test_planar_mixtures),
        cmocka_unit_test(test_normal_plane),  cmocka_unit_test(test_turned_products),
        cmocka_unit_test(test_coupled_wells), cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_kinetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
