/*
 * Chains by their rates: exact draws from the stationary law, and the process jump by jump.  Statistical tests are at
 * five standard errors (6e-7 each) with fixed seeds; about 200 of them: a false alarm in 1e4 runs of new seeds.
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

#include "../ok.h"
#include "scoregap/dictionary.h"

enum { STATES = 6, B = SG_BLOCK, REPLICATES = 200 };

/* Rates by rows; two of them, one reversible (a weighted graph), one not. */
typedef struct {
    double rate[STATES][STATES];
    double p[STATES], move[STATES][STATES]; /* the law, and exp(dt L) */
    sg_model *model;
    sg_loss *loss;
    sg_prepared *prepared;
    sg_sampler *sampler;
} process;

static void fill_rates(bool reversible, process *s) {
    static const double weight[STATES] = {1, 0.2, 3, 0.5, 2, 0.05};
    sg_stream stream;
    double u[2];
    memset(s->rate, 0, sizeof s->rate);
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, reversible);
    for (int x = 0; x < STATES; x++)
        for (int y = 0; y < x; y++) {
            sg_stream_uniform(&stream, 2, u);
            if (u[0] < 0.3 && y + 1 < x) continue;
            s->rate[x][y] = reversible ? u[1] / weight[x] : 2 * u[0];
            s->rate[y][x] = reversible ? u[1] / weight[y] : u[1];
        }
}

/* exp(dt L) and, at a long time, the law, by squaring of the Taylor series in long double. */
static void exponentiate(const process *s, double speed, double dt, double out[STATES][STATES]) {
    enum { HALVINGS = 20 };
    static long double l[STATES][STATES], sum[STATES][STATES], term[STATES][STATES], next[STATES][STATES];
    memset(l, 0, sizeof l);
    for (int x = 0; x < STATES; x++)
        for (int y = 0; y < STATES; y++) {
            const long double small = speed * s->rate[x][y] * dt / (1 << HALVINGS);
            l[x][y] += small, l[x][x] -= small;
        }
    for (int x = 0; x < STATES; x++)
        for (int y = 0; y < STATES; y++) sum[x][y] = term[x][y] = x == y;
    for (int k = 1; k < 12 + HALVINGS; k++) {
        const long double(*right)[STATES] = k < 12 ? l : sum, (*left)[STATES] = k < 12 ? term : sum;
        for (int x = 0; x < STATES; x++)
            for (int y = 0; y < STATES; y++) {
                next[x][y] = 0;
                for (int z = 0; z < STATES; z++) next[x][y] += left[x][z] * right[z][y] / (k < 12 ? k : 1);
            }
        memcpy(k < 12 ? term : sum, next, sizeof next);
        for (int i = 0; k < 12 && i < STATES * STATES; i++) (&sum[0][0])[i] += (&term[0][0])[i];
    }
    for (int x = 0; x < STATES; x++)
        for (int y = 0; y < STATES; y++) out[x][y] = (double)sum[x][y];
}

static process open_process(bool reversible, double dt) {
    process s;
    double late[STATES][STATES];
    char name[] = "/tmp/test_jumps_XXXXXX", key[64];
    fill_rates(reversible, &s);
    FILE *file = fdopen(mkstemp(name), "w");
    assert_non_null(file);
    for (int x = 0; x < STATES; x++)
        for (int y = 0; y < STATES; y++)
            if (s.rate[x][y] > 0) fprintf(file, "%d %d %.17g\n", x, y, s.rate[x][y]);
    assert_int_equal(fclose(file), 0);
    snprintf(key, sizeof key, "@%s", name);
    const sg_pair pairs[] = {{"file", key}, {"speed", "1.5"}};
    OK(sg_model_new("chain", 2, pairs, &s.model));
    remove(name);
    OK(sg_loss_new("jumps", &s.loss));
    OK(sg_loss_prepare(s.loss, s.model, NULL, &s.prepared));
    OK(sg_sampler_new(s.model, s.model->truth, NULL, &s.sampler));
    exponentiate(&s, 1.5, dt, s.move);
    exponentiate(&s, 1.5, 400, late);
    memcpy(s.p, late[0], sizeof s.p);
    return s;
}

static void close_process(process *s) {
    sg_sampler_delete(s->sampler);
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

static void assert_share(double count, double n, double p) {
    const double se = sqrt(n * p * (1 - p)) + 1e-9;
    if (!(fabs(count - n * p) <= 5 * se)) fail_msg("%g of %g, expected a share of %g", count, n, p);
}

static void test_draws(void **state) {
    (void)state;
    for (int reversible = 0; reversible < 2; reversible++) {
        process s = open_process(reversible, 1);
        double x[B], first[B], count[STATES] = {0};
        sg_stream stream;
        sg_block block = {.n = B, .d = 1, .draws = 1, .x = x};
        sg_stream_open(&stream, 5, SG_PURPOSE_DATA, 0);
        for (uint32_t b = 0; b < REPLICATES; b++) {
            sg_stream_seek(&stream, b);
            sg_sampler_draw(s.sampler, &stream, &block);
            if (!b) memcpy(first, x, sizeof x);
            for (int i = 0; i < B; i++) {
                assert_true(x[i] >= 0 && x[i] < STATES && x[i] == floor(x[i]));
                count[(int)x[i]]++;
            }
        }
        for (int k = 0; k < STATES; k++) assert_share(count[k], B * REPLICATES, s.p[k]);
        sg_stream_seek(&stream, 0); /* point i does not depend on their number */
        block.n = 7;
        sg_sampler_draw(s.sampler, &stream, &block);
        for (int i = 0; i < 7; i++) assert_true(x[i] == first[i]);
        close_process(&s);
    }
}

/* Pairs of states now and after dt, from the law and from state 0. */
static void test_steps(void **state) {
    (void)state;
    for (int reversible = 0; reversible < 2; reversible++)
        for (int drawn = 0; drawn < 2; drawn++) {
            const double dt = reversible ? 0.3 : 1.1;
            process s = open_process(reversible, dt);
            double count[STATES][STATES] = {{0}}, now[B];
            for (uint32_t r = 0; r < REPLICATES; r++) {
                sg_walk *walk;
                OK(sg_walk_new(s.model, s.model->truth, drawn ? s.sampler : NULL, B, 8, r, dt, &walk));
                memcpy(now, walk->block.x, sizeof now);
                sg_walk_advance(s.loss, s.prepared, walk, 1);
                for (int i = 0; i < B; i++) count[(int)now[i]][(int)walk->block.x[i]]++;
                assert_true(walk->accepted == walk->proposed && walk->proposed > 0);
                sg_walk_delete(walk);
            }
            for (int x = 0; x < STATES; x++)
                for (int y = 0; y < STATES; y++) {
                    const double start = drawn ? s.p[x] : x == 0;
                    assert_share(count[x][y], B * REPLICATES, start * s.move[x][y]);
                }
            close_process(&s);
        }
}

/* A walk of five steps is one of the same chains, whatever their number. */
static void test_chains_are_alone(void **state) {
    (void)state;
    process s = open_process(false, 1);
    sg_walk *many, *few;
    OK(sg_walk_new(s.model, s.model->truth, s.sampler, B, 8, 0, 0.5, &many));
    OK(sg_walk_new(s.model, s.model->truth, s.sampler, 3, 8, 0, 0.5, &few));
    sg_walk_advance(s.loss, s.prepared, many, 5);
    sg_walk_advance(s.loss, s.prepared, few, 5);
    for (int i = 0; i < 3; i++) assert_true(many->block.x[i] == few->block.x[i]);
    sg_walk_delete(many);
    sg_walk_delete(few);
    close_process(&s);
}

static sg_status sampler_of(const char *text) {
    char name[] = "/tmp/test_jumps_XXXXXX", key[64];
    sg_model *model = NULL;
    sg_sampler *sampler = NULL;
    FILE *file = fdopen(mkstemp(name), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    snprintf(key, sizeof key, "@%s", name);
    const sg_pair pair = {"file", key};
    OK(sg_model_new("chain", 1, &pair, &model));
    remove(name);
    sg_status status = sg_sampler_new(model, model->truth, NULL, &sampler);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
    return status;
}

static void test_refusals(void **state) {
    (void)state;
    assert_int_equal(sampler_of("0 1 1\n1 0 1\n2 0 1\n"), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "state 2 cannot be reached from state 0"));
    assert_int_equal(sampler_of("0 1 1\n1 0 1\n0 2 1\n"), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "state 0 cannot be reached from state 2"));
    sg_status status = SG_NO_MEMORY;
    const sg_pair none[1] = {{"file", "lifted"}};
    sg_model *model;
    OK(sg_model_new("chain", 1, none, &model));
    const long live = sg_memory_live();
    for (long k = 1; status != SG_OK; k++) {
        sg_sampler *sampler;
        assert_true(k < 100);
        sg_memory_fail_after(k);
        status = sg_sampler_new(model, model->truth, NULL, &sampler);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        sg_sampler_delete(sampler);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_model_delete(model);
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_chains_are_alone),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
