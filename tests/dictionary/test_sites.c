/*
 * The rows on two-state sites: rates are reversible, have the values of their formulas and belong to their losses;
 * masks are those that their names say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scoregap/dictionary.h"

static sg_model *model_of(const char *family, int n) {
    char text[SG_NUMBER_TEXT];
    sg_model *model = NULL;
    sg_number_text(n, text);
    const sg_pair pair = {"n", text};
    assert_int_equal(sg_model_new(family, 1, &pair, &model), SG_OK);
    return model;
}

static void assert_near(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fabs(want))) fail_msg("%.17g, expected %.17g", got, want);
}

/* -------------------------------------------------------------------- rates */

/* Each loss at one site as a function of u = log p'/p, and its formula for the rate, with r = p'/p. */
static double loss_flow(double r) {
    return sqrt(r);
}
static double loss_ratio(double r) {
    return pow(r / (1 + r), 2);
}
static double loss_concrete(double r) {
    return r * r - 2 / r;
}
static double loss_pseudolikelihood(double r) {
    return log1p(r);
}
static double rate_flow(double r) {
    return sqrt(r);
}
static double rate_ratio(double r) {
    return 2 * r * r / pow(1 + r, 3);
}
static double rate_concrete(double r) {
    return 2 * (r * r + 1 / r);
}
static double rate_pseudolikelihood(double r) {
    return r / (1 + r);
}

static const struct {
    const char *name;
    double (*loss)(double), (*rate)(double);
    double scale; /* of the derivative of the loss along u */
} rows[] = {{"probability-flow", loss_flow, rate_flow, 0.5},
            {"ratio-matching", loss_ratio, rate_ratio, 1},
            {"concrete-score", loss_concrete, rate_concrete, 1},
            {"pseudolikelihood", loss_pseudolikelihood, rate_pseudolikelihood, 1}};
enum { ROWS = sizeof rows / sizeof *rows, POINTS = 401 };

static void evaluate(const char *name, int n, const double *u, double *rate) {
    sg_loss *loss = NULL;
    sg_prepared *prepared = NULL;
    sg_model *model = model_of("ising", 8);
    assert_int_equal(sg_loss_new(name, &loss), SG_OK);
    assert_int_equal(sg_loss_fits(loss, model), SG_OK);
    assert_int_equal(sg_loss_prepare(loss, model, NULL, &prepared), SG_OK);
    loss->row->rate(prepared, n, u, rate);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* p(x) rate(x -> x^i) is the same from both ends, for all log-ratios whose rates are numbers. */
static void rates_are_reversible(void **state) {
    (void)state;
    for (int k = 0; k < ROWS; k++) {
        double u[2 * POINTS], rate[2 * POINTS];
        for (int i = 0; i < POINTS; i++) {
            u[i] = 340.0 * (i - POINTS / 2) / (POINTS / 2);
            u[POINTS + i] = -u[i];
        }
        evaluate(rows[k].name, 2 * POINTS, u, rate);
        for (int i = 0; i < POINTS; i++) {
            if (!(rate[i] > 0) || isinf(rate[i])) fail_msg("%s: rate %g at %g", rows[k].name, rate[i], u[i]);
            assert_near(log(rate[i]) - log(rate[POINTS + i]) + 1000, u[i] + 1000, 1e-14);
        }
    }
}

static void rates_have_their_formulas(void **state) {
    (void)state;
    for (int k = 0; k < ROWS; k++) {
        double u[POINTS], rate[POINTS];
        for (int i = 0; i < POINTS; i++) u[i] = 0.05 * (i - POINTS / 2) + 0.01;
        evaluate(rows[k].name, POINTS, u, rate);
        for (int i = 0; i < POINTS; i++) assert_near(rate[i], rows[k].rate(exp(u[i])), 1e-13);
    }
}

/* The gradient of the loss at one site is scale * rate(u) grad u: so psi = c L S with that rate. */
static void rates_belong_to_their_losses(void **state) {
    (void)state;
    for (int k = 0; k < ROWS; k++) {
        double u[POINTS], rate[POINTS];
        const double h = 1e-4;
        for (int i = 0; i < POINTS; i++) u[i] = 0.02 * (i - POINTS / 2);
        evaluate(rows[k].name, POINTS, u, rate);
        for (int i = 0; i < POINTS; i++) {
            const double far = rows[k].loss(exp(u[i] + 2 * h)) - rows[k].loss(exp(u[i] - 2 * h));
            const double near = rows[k].loss(exp(u[i] + h)) - rows[k].loss(exp(u[i] - h));
            assert_near((8 * near - far) / (12 * h), rows[k].scale * rate[i], 1e-8);
        }
    }
}

/* Far out rates go to 0 or infinity, never to NaN. */
static void extreme_ratios_do_no_harm(void **state) {
    (void)state;
    const double u[] = {-INFINITY, -1e300, -2000, -710, 710, 2000, 1e300};
    double rate[7];
    for (int k = 0; k < ROWS; k++) {
        evaluate(rows[k].name, 7, u, rate);
        for (int i = 0; i < 7; i++) assert_false(isnan(rate[i]));
    }
    evaluate("pseudolikelihood", 7, u, rate);
    assert_true(rate[0] == 0 && rate[6] == 1);
}

/* -------------------------------------------------------------------- masks */

static sg_status blocks_of(const char *text, int n, sg_site_blocks *blocks) {
    sg_loss *loss = NULL;
    sg_model *model = model_of("ising", n);
    if (sg_loss_new(text, &loss) != SG_OK) fail_msg("%s: %s", text, sg_message());
    assert_int_equal(sg_loss_runs(loss, model), SG_OK);
    sg_status status = loss->row->blocks(loss->options, model, blocks);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status;
}

static void free_blocks(sg_site_blocks *blocks) {
    sg_delete(blocks->mask);
    sg_delete(blocks->rate);
}

static void subsets_are_all_there(void **state) {
    (void)state;
    static const int table[][3] = {{8, 1, 8},   {8, 3, 56},  {8, 8, 1},  {24, 2, 276},
                                   {32, 1, 32}, {32, 32, 1}, {10, 9, 10}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        char text[64];
        sg_site_blocks blocks;
        double sum = 0;
        snprintf(text, sizeof text, "masked:k=%d", table[t][1]);
        assert_int_equal(blocks_of(text, table[t][0], &blocks), SG_OK);
        assert_int_equal(blocks.count, table[t][2]);
        for (int b = 0; b < blocks.count; b++) {
            assert_int_equal(__builtin_popcount(blocks.mask[b]), table[t][1]);
            assert_true(table[t][0] == 32 || blocks.mask[b] >> table[t][0] == 0);
            assert_true(b == 0 || blocks.mask[b] > blocks.mask[b - 1]);
            sum += blocks.rate[b];
        }
        assert_near(sum, 1, 1e-13);
        free_blocks(&blocks);
    }
    sg_site_blocks blocks;
    assert_int_equal(blocks_of("masked:k=16", 32, &blocks), SG_OUT_OF_RANGE);
    assert_null(blocks.mask);
    assert_int_equal(blocks_of("masked", 40, &blocks), SG_OUT_OF_RANGE);
    assert_int_equal(blocks_of("pseudolikelihood", 40, &blocks), SG_OUT_OF_RANGE);
}

static void runs_go_round(void **state) {
    (void)state;
    for (int n = 3; n <= 32; n++)
        for (int k = 1; k <= n; k++) {
            char text[64];
            sg_site_blocks blocks;
            snprintf(text, sizeof text, "masked:k=%d,blocks=contiguous", k);
            assert_int_equal(blocks_of(text, n, &blocks), SG_OK);
            assert_int_equal(blocks.count, k == n ? 1 : n);
            for (int b = 0; b < blocks.count; b++) {
                uint32_t want = 0;
                for (int s = 0; s < k; s++) want |= UINT32_C(1) << (b + s) % n;
                assert_true(blocks.mask[b] == want);
            }
            free_blocks(&blocks);
        }
}

/* Lists go beyond 32 sites, and are the masks below. */
static void lists_of_any_number_of_sites(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int n, count, size;
    } table[] = {{"masked:k=3,blocks=contiguous", 20, 20, 3},
                 {"masked:k=3,blocks=contiguous", 1000, 1000, 3},
                 {"masked:k=1000,blocks=contiguous", 1000, 1, 1000},
                 {"masked:k=2", 12, 66, 2},
                 {"masked:k=2", 100, 4950, 2},
                 {"masked:k=99", 100, 100, 99},
                 {"masked-random:k=2", 32, 496, 2}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        sg_site_lists lists;
        sg_site_blocks blocks;
        sg_loss *loss = NULL;
        sg_model *model = model_of("ising", table[t].n);
        double sum = 0;
        assert_int_equal(sg_loss_new(table[t].text, &loss), SG_OK);
        assert_int_equal(loss->row->lists(loss->options, model, &lists), SG_OK);
        assert_int_equal(lists.count, table[t].count);
        const bool bits = table[t].n <= 32;
        assert_int_equal(loss->row->blocks(loss->options, model, &blocks), bits ? SG_OK : SG_OUT_OF_RANGE);
        for (int b = 0; b < lists.count; b++) {
            uint32_t mask = 0;
            assert_int_equal(lists.start[b + 1] - lists.start[b], table[t].size);
            for (int a = lists.start[b]; a < lists.start[b + 1]; a++) {
                assert_in_range(lists.site[a], 0, table[t].n - 1);
                assert_true(a == lists.start[b] || lists.site[a] > lists.site[a - 1]);
                mask |= bits ? UINT32_C(1) << lists.site[a] : 0;
            }
            if (bits) assert_true(mask == blocks.mask[b] && lists.rate[b] == blocks.rate[b]);
            sum += lists.rate[b];
        }
        assert_near(sum, 1, 1e-12);
        sg_site_lists_free(&lists);
        free_blocks(&blocks);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

static void glauber_updates_single_sites(void **state) {
    (void)state;
    sg_site_blocks blocks;
    assert_int_equal(blocks_of("pseudolikelihood", 32, &blocks), SG_OK);
    assert_int_equal(blocks.count, 32);
    for (int b = 0; b < 32; b++) assert_true(blocks.mask[b] == UINT32_C(1) << b && blocks.rate[b] == 1);
    free_blocks(&blocks);
}

static void blocks_from_a_file(void **state) {
    (void)state;
    static const struct {
        const char *text;
        sg_status status;
        const char *part;
    } table[] = {{"0 1\n# none\n\n 7 2 3 # three\n", SG_OK, ""},
                 {"0 1\n8\n", SG_BAD_DATA, "line 2: '8' is no site: sites are whole numbers from 0 to 7"},
                 {"0 1\n\n-1\n", SG_BAD_DATA, "line 3: '-1' is no site"},
                 {"x\n", SG_BAD_DATA, "line 1: 'x' is no site"},
                 {"0 1 0\n", SG_BAD_DATA, "line 1: site 0 stands twice"},
                 {"# nothing\n", SG_BAD_DATA, "is empty"}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        char name[] = "/tmp/scoregap-blocks-XXXXXX", text[64];
        sg_site_blocks blocks;
        const int file = mkstemp(name);
        assert_true(file >= 0);
        assert_int_equal(write(file, table[t].text, strlen(table[t].text)), (int)strlen(table[t].text));
        close(file);
        snprintf(text, sizeof text, "masked:blocks=@%s", name);
        sg_status status = blocks_of(text, 8, &blocks);
        unlink(name);
        if (status != table[t].status || (status && !strstr(sg_message(), table[t].part))) fail_msg("%s", sg_message());
        if (status) continue;
        assert_int_equal(blocks.count, 2);
        assert_true(blocks.mask[0] == 3 && blocks.mask[1] == (128 | 8 | 4) && blocks.rate[1] == 0.5);
        free_blocks(&blocks);
    }
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("masked:blocks=@/nowhere/blocks", &loss), SG_CANNOT_READ);
}

/* -------------------------------------------------------------------- misfits */

static void check_fit(const char *loss_text, const char *family, int n, sg_status expected, const char *part) {
    sg_loss *loss = NULL;
    sg_model *model = n ? model_of(family, n) : NULL;
    if (!n) assert_int_equal(sg_model_new(family, 0, NULL, &model), SG_OK);
    assert_int_equal(sg_loss_new(loss_text, &loss), SG_OK);
    assert_int_equal(sg_loss_fits(loss, model), expected);
    if (expected) assert_non_null(strstr(sg_message(), part));
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void rows_fit_where_they_should(void **state) {
    (void)state;
    static const char *const names[] = {"pseudolikelihood", "masked", "probability-flow", "ratio-matching",
                                        "concrete-score"};
    for (int k = 0; k < 5; k++) {
        check_fit(names[k], "gaussian", 0, SG_MISFIT, "finite space");
        check_fit(names[k], "parity", 6, SG_OK, "");
        check_fit(names[k], "hardcore", 6, k < 2 ? SG_OK : SG_MISFIT, "forbids some");
    }
    check_fit("mle", "ising", 6, SG_OK, "");
    check_fit("score-matching", "ising", 6, SG_MISFIT, "density");
    check_fit("masked:k=6", "parity", 6, SG_OK, "");
    check_fit("masked:k=7", "parity", 6, SG_MISFIT, "at least as many sites");
}

static void options_are_checked(void **state) {
    (void)state;
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("masked:k=0", &loss), SG_OUT_OF_RANGE);
    assert_int_equal(sg_loss_new("masked:k=1048577", &loss), SG_OUT_OF_RANGE);
    assert_int_equal(sg_loss_new("masked:blocks=contigous", &loss), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "nearest is 'contiguous'"));
    assert_int_equal(sg_loss_new("masked:k=2,blocks=@x", &loss), SG_BAD_SYNTAX);
    assert_int_equal(sg_loss_new("pseudolikelihood:k=2", &loss), SG_UNKNOWN);
    assert_int_equal(sg_loss_new("masked:k=3,blocks=contiguous", &loss), SG_OK);
    assert_string_equal(loss->text, "masked:k=3,blocks=contiguous");
    sg_loss_delete(loss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_reversible),         cmocka_unit_test(rates_have_their_formulas),
        cmocka_unit_test(rates_belong_to_their_losses), cmocka_unit_test(extreme_ratios_do_no_harm),
        cmocka_unit_test(subsets_are_all_there),        cmocka_unit_test(runs_go_round),
        cmocka_unit_test(lists_of_any_number_of_sites), cmocka_unit_test(glauber_updates_single_sites),
        cmocka_unit_test(blocks_from_a_file),           cmocka_unit_test(rows_fit_where_they_should),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests_name("rows on sites", tests, NULL, NULL);
}
