/*
 * The dynamics leave p exactly invariant, are reversible, forget where they started, and are fixed by key and
 * replicate.
 *
 * Statistical tests: chains of different replicates and places are independent, so the states after any number of steps
 * are an i.i.d. sample.  Kolmogorov-Smirnov: P(sqrt(N) D > 2.7) < 1e-6 (2 exp(-2 t^2)), the level of each test.  Means:
 * 5 standard errors, 6e-7.  Seeds are fixed.
 */
#include <stdlib.h>

#include "setting.h"

static const double KS_LIMIT = 2.7;

enum { REPLICATES = 24, N = REPLICATES * B };

typedef struct {
    setting s;
    sg_sampler *sampler;
} dynamics;

static dynamics open_dynamics(const char *model, const char *loss) {
    dynamics d = {.s = open_setting(model, loss)};
    OK(sg_sampler_new(d.s.model, d.s.model->truth, d.s.panels, &d.sampler));
    return d;
}

static void close_dynamics(dynamics *d) {
    sg_sampler_delete(d->sampler);
    close_setting(&d->s);
}

static sg_walk *start(const dynamics *d, int chains, uint64_t key, uint32_t replicate, double dt) {
    sg_walk *walk;
    OK(sg_walk_new(d->s.model, d->s.model->truth, d->sampler, chains, key, replicate, dt, &walk));
    return walk;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sqrt(n) sup |F_n - F|; sorts x. */
static double kolmogorov(const sg_panels *panels, int n, double *x) {
    double sup = 0;
    qsort(x, (size_t)n, sizeof *x, by_size);
    for (int i = 0; i < n; i++) {
        double below, above;
        sg_panels_distribution(panels, x[i], &below, &above);
        sup = fmax(sup, fmax(below - (double)i / n, (double)(i + 1) / n - below));
    }
    return sqrt(n) * sup;
}

/* ------------------------------------------------------------ what is tested */

typedef struct {
    const char *model, *loss;
    double dt;
    int steps;
    double least, most; /* share of proposals accepted */
} example;

static const example list[] = {
    {"gaussian", "score-matching", 0.8, 12, 0.75, 0.95},
    {"bimodal:a=1.5", "score-matching", 0.3, 12, 0.75, 0.99},
    {"monomial:k=8", "score-matching", 0.03, 12, 0.6, 0.99},
    {"mixture:m=2,w=0.3,free=all", "score-matching", 0.5, 12, 0.7, 0.99},
    {"gaussian:s=3", "preconditioned:value=4", 0.8, 12, 0.8, 0.99},
    {"gaussian", "preconditioned:with=power,exponent=0.5", 0.4, 12, 0.5, 0.95},
    {"gaussian", "preconditioned:with=power", 0.05, 12, 0.6, 0.99},
    {"bimodal:a=2", "preconditioned:with=power,exponent=-0.25", 0.05, 12, 0.6, 0.99},
    {"bimodal:a=2", "preconditioned:with=exponential,exponent=-0.9", 0.3, 12, 0.5, 0.99},
    {"double-well:h=2,free=tilt", "preconditioned:with=stein", 0.05, 12, 0.6, 0.99},
    {"mixture:m=1,w=0.4", "preconditioned:with=stein", 0.02, 12, 0.3, 0.99},
    {"sparse-cut:a=1.5,g=1,free=cut", "preconditioned:with=stein", 0.02, 12, 0.5, 0.99},
    {"bimodal:a=2", "mle", 0.1, 12, 1, 1},
    {"mixture:m=2,w=0.3", "mle", 2, 12, 1, 1},
};
enum { EXAMPLES = sizeof list / sizeof *list };

static void test_stationary_law(void **state) {
    (void)state;
    static double x[N];
    for (int k = 0; k < EXAMPLES; k++) {
        const example *e = &list[k];
        dynamics d = open_dynamics(e->model, e->loss);
        long long proposed = 0, accepted = 0;
        for (int r = 0; r < REPLICATES; r++) {
            sg_walk *walk = start(&d, B, 77, (uint32_t)r, e->dt);
            sg_walk_advance(d.s.loss, d.s.prepared, walk, e->steps);
            memcpy(x + r * B, walk->block.x, B * sizeof *x);
            proposed += walk->proposed;
            accepted += walk->accepted;
            sg_walk_delete(walk);
        }
        double distance = kolmogorov(d.s.panels, N, x), share = (double)accepted / (double)proposed;
        if (!(distance < KS_LIMIT)) fail_msg("%s, %s: distance %g", e->model, e->loss, distance);
        if (!(share >= e->least && share <= e->most)) fail_msg("%s, %s: acceptance %g", e->model, e->loss, share);
        if (d.s.loss->row->kind == SG_DIFFUSION) assert_true(proposed == (long long)N * e->steps);
        close_dynamics(&d);
    }
}

/* The same test sees what the acceptance step removes: unadjusted Langevin at dt = 0.8 on N(0,1) has variance 1/(1 -
 * dt/2). */
static void test_the_test_has_power(void **state) {
    (void)state;
    static double x[N];
    dynamics d = open_dynamics("gaussian", "score-matching");
    const double dt = 0.8;
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, N, x);
    assert_true(kolmogorov(d.s.panels, N, x) < KS_LIMIT);
    for (int k = 0; k < 12; k++) {
        static double z[N];
        sg_stream_seek(&stream, (uint32_t)k + 1);
        sg_stream_normal(&stream, N, z);
        for (int i = 0; i < N; i++) x[i] += -dt * x[i] + sqrt(2 * dt) * z[i];
    }
    assert_true(kolmogorov(d.s.panels, N, x) > KS_LIMIT);
    close_dynamics(&d);
}

/* E f(X_0) g(X_1) = E g(X_0) f(X_1) for a reversible chain started in its law. */
static void test_reversible(void **state) {
    (void)state;
    for (int k = 0; k < EXAMPLES; k++) {
        const example *e = &list[k];
        dynamics d = open_dynamics(e->model, e->loss);
        double sum = 0, squares = 0, moves = 0;
        for (int r = 0; r < REPLICATES; r++) {
            double before[B];
            sg_walk *walk = start(&d, B, 78, (uint32_t)r, e->dt);
            memcpy(before, walk->block.x, sizeof before);
            sg_walk_advance(d.s.loss, d.s.prepared, walk, 1);
            for (int i = 0; i < B; i++) {
                double f = tanh(before[i] + 0.5), g = atan(2 * before[i]), u = walk->block.x[i];
                double term = f * atan(2 * u) - g * tanh(u + 0.5);
                sum += term;
                squares += term * term;
                moves += u != before[i];
            }
            sg_walk_delete(walk);
        }
        assert_true(moves > 0.05 * N && squares > 0);
        if (fabs(sum) > 5 * sqrt(squares))
            fail_msg("%s, %s: %g standard errors", e->model, e->loss, sum / sqrt(squares));
        close_dynamics(&d);
    }
}

/* --------------------------------------------------------- from another start */

/* All chains at one point; the time is 14 or more relaxation times, exp(-14) = 1e-6 of any memory. */
static void check_converges(const char *model, const char *loss, double from, double dt, int steps) {
    static double x[N];
    dynamics d = open_dynamics(model, loss);
    for (int r = 0; r < REPLICATES; r++) {
        sg_walk *walk = start(&d, B, 79, (uint32_t)r, dt);
        for (int i = 0; i < B; i++) walk->block.x[i] = from;
        sg_walk_advance(d.s.loss, d.s.prepared, walk, steps);
        memcpy(x + r * B, walk->block.x, B * sizeof *x);
        sg_walk_delete(walk);
    }
    double distance = kolmogorov(d.s.panels, N, x);
    if (!(distance < KS_LIMIT)) fail_msg("%s, %s from %g: distance %g", model, loss, from, distance);
    close_dynamics(&d);
}

static void test_converges(void **state) {
    (void)state;
    check_converges("gaussian", "score-matching", 4, 0.5, 60);                                /* gap 1 */
    check_converges("bimodal:a=1.5", "score-matching", -1.5, 0.2, 400);                       /* gap above 0.3 */
    check_converges("double-well:h=2,free=tilt", "preconditioned:with=stein", -1, 0.05, 600); /* gap 1 */
    check_converges("gaussian", "preconditioned:with=exponential,exponent=-0.9", 3, 0.3,
                    200);                                                  /* D >= 0.4: gap above 0.4 */
    check_converges("gaussian", "preconditioned:with=power", 2, 0.1, 400); /* D >= 1 */
    check_converges("bimodal:a=2", "mle", 0, 1, 16);
}

/* Proposals to where the density or D is no number any more (dt = 10 on a law that falls like exp(-x^8)) are refused.
 */
static void test_wild_proposals(void **state) {
    (void)state;
    static const char *const losses[] = {"score-matching", "preconditioned:with=power",
                                         "preconditioned:with=power,exponent=4"};
    for (int k = 0; k < 3; k++) {
        dynamics d = open_dynamics("monomial:k=8", losses[k]);
        sg_walk *walk = start(&d, 8, 80, 0, 10);
        for (int i = 0; i < 4; i++) walk->block.x[i] = 2 + i;
        sg_walk_advance(d.s.loss, d.s.prepared, walk, 200);
        for (int i = 0; i < 8; i++) assert_true(fabs(walk->block.x[i]) < 10);
        assert_true(walk->accepted < walk->proposed && walk->proposed == 1600);
        sg_walk_delete(walk);
        close_dynamics(&d);
    }
}

/* --------------------------------------------------------------- resampling */

/* Within dt a chain draws afresh with probability 1 - exp(-dt), and is then independent of its past. */
static void test_resampling(void **state) {
    (void)state;
    const double steps[] = {0.1, 1, INFINITY};
    dynamics d = open_dynamics("gaussian", "mle");
    for (int k = 0; k < 3; k++) {
        double moved = 0, product = 0, share = -expm1(-steps[k]);
        long long accepted = 0;
        for (int r = 0; r < REPLICATES; r++) {
            double before[B];
            sg_walk *walk = start(&d, B, 81, (uint32_t)r, steps[k]);
            memcpy(before, walk->block.x, sizeof before);
            sg_walk_advance(d.s.loss, d.s.prepared, walk, 1);
            for (int i = 0; i < B; i++) moved += walk->block.x[i] != before[i];
            for (int i = 0; i < B; i++) product += walk->block.x[i] != before[i] ? before[i] * walk->block.x[i] : 0;
            accepted += walk->accepted;
            sg_walk_delete(walk);
        }
        assert_true(fabs(moved - N * share) <= 5 * sqrt(N * share * (1 - share)));
        assert_true(fabs(product) <= 5 * sqrt(N * share)); /* Var of a product of independent normals: 1 */
        assert_true(accepted == (long long)moved);
    }
    close_dynamics(&d);
}

/* ----------------------------------------------------------- what fixes a walk */

/* Chain i does not depend on the number of chains, two walks agree bit for bit, a broken walk goes on as an unbroken
 * one. */
static void test_numbers_are_fixed(void **state) {
    (void)state;
    static const char *const losses[] = {"score-matching", "preconditioned:with=power,exponent=0.3", "mle"};
    for (int k = 0; k < 3; k++) {
        dynamics d = open_dynamics("bimodal:a=2", losses[k]);
        sg_walk *all = start(&d, B, 82, 3, 0.2), *few = start(&d, 16, 82, 3, 0.2);
        sg_walk *other = start(&d, B, 82, 4, 0.2), *key = start(&d, B, 83, 3, 0.2);
        sg_walk_advance(d.s.loss, d.s.prepared, all, 9);
        sg_walk_advance(d.s.loss, d.s.prepared, few, 4);
        sg_walk_advance(d.s.loss, d.s.prepared, few, 5);
        assert_memory_equal(all->block.x, few->block.x, 16 * sizeof(double));
        sg_walk_advance(d.s.loss, d.s.prepared, other, 9);
        sg_walk_advance(d.s.loss, d.s.prepared, key, 9);
        int same = 0;
        for (int i = 0; i < B; i++)
            same += all->block.x[i] == other->block.x[i] || all->block.x[i] == key->block.x[i] ||
                    other->block.x[i] == key->block.x[i];
        assert_int_equal(same, 0);
        assert_int_equal(all->stream.block, 9);
        sg_walk_delete(all);
        sg_walk_delete(few);
        sg_walk_delete(other);
        sg_walk_delete(key);
        close_dynamics(&d);
    }
}

static void test_steps_allocate_nothing(void **state) {
    (void)state;
    for (int k = 0; k < EXAMPLES; k++) {
        dynamics d = open_dynamics(list[k].model, list[k].loss);
        sg_walk *walk = start(&d, B, 84, 0, list[k].dt);
        size_t mark = sg_arena_mark(walk->arena);
        sg_memory_fail_after(1);
        sg_walk_advance(d.s.loss, d.s.prepared, walk, 3);
        sg_walk *none;
        sg_status status = sg_walk_new(d.s.model, d.s.model->truth, d.sampler, B, 84, 0, 1, &none);
        sg_memory_fail_after(0);
        assert_int_equal(status, SG_NO_MEMORY); /* the failure was still waiting */
        assert_null(none);
        assert_int_equal(sg_arena_mark(walk->arena), mark);
        assert_true(walk->proposed > 0);
        sg_walk_delete(walk);
        close_dynamics(&d);
    }
}

static void test_refusals(void **state) {
    (void)state;
    dynamics d = open_dynamics("gaussian", "mle");
    sg_walk *walk;
    const double *theta = d.s.model->truth;
    assert_int_equal(sg_walk_new(d.s.model, theta, d.sampler, 0, 1, 0, 1, &walk), SG_OUT_OF_RANGE);
    assert_int_equal(sg_walk_new(d.s.model, theta, d.sampler, B + 1, 1, 0, 1, &walk), SG_OUT_OF_RANGE);
    assert_string_equal(sg_message(), "257 chains cannot walk together: choose 1 to 256");
    assert_int_equal(sg_walk_new(d.s.model, theta, d.sampler, B, 1, 0, 0, &walk), SG_OUT_OF_RANGE);
    assert_int_equal(sg_walk_new(d.s.model, theta, d.sampler, B, 1, 0, NAN, &walk), SG_OUT_OF_RANGE);
    assert_int_equal(sg_walk_new(d.s.model, theta, NULL, B, 1, 0, 1, &walk), SG_MISFIT);
    assert_null(walk);
    const long live = sg_memory_live();
    for (long k = 1; k <= 4; k++) {
        sg_memory_fail_after(k);
        assert_int_equal(sg_walk_new(d.s.model, theta, d.sampler, B, 1, 0, 1, &walk), SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    close_dynamics(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stationary_law),    cmocka_unit_test(test_the_test_has_power),
        cmocka_unit_test(test_reversible),        cmocka_unit_test(test_converges),
        cmocka_unit_test(test_wild_proposals),    cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_numbers_are_fixed), cmocka_unit_test(test_steps_allocate_nothing),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("walks", tests, NULL, NULL);
}
