/*
 * The dynamics of losses on noised data: tempered Langevin on (x, beta), reflected at both ends of beta, and Langevin
 * in the law of noised data.  They leave their laws exactly invariant, are reversible, and forget where they started.
 *
 * Chains of different replicates and places are independent, so that the states after any number of steps are an i.i.d.
 * sample.  Its law is known in closed form but for beta: given beta, x is a mixture of normals, so that the
 * distribution functions of beta and of x given beta are uniform and independent.  Kolmogorov-Smirnov: P(sqrt(N) D >
 * 2.7) < 1e-6 each; correlation and means: 5 standard errors, 6e-7.  Seeds are fixed.
 */
#include <stdlib.h>

#include "setting.h"

static const double KS_LIMIT = 2.7;

enum { REPLICATES = 16, N = REPLICATES * B, AXES = 3 };

typedef struct {
    sg_model *model;
    const sg_model *law;
    sg_loss *loss;
    sg_prepared *prepared;
    sg_sampler *sampler;
    sg_components *parts;
    sg_panels *level; /* of log(1 + beta); NULL: one level */
} dynamics;

static dynamics open_dynamics(const char *model, const char *loss) {
    dynamics d = {.model = model_of(model)};
    OK(sg_loss_new(loss, &d.loss));
    OK(sg_loss_runs(d.loss, d.model));
    OK(sg_loss_prepare(d.loss, d.model, NULL, &d.prepared));
    OK(sg_loss_law(d.loss, d.prepared, d.model, &d.law));
    OK(sg_sampler_new(d.law, d.law->truth, NULL, &d.sampler));
    const sg_lift *lift = sg_model_lift_of(d.law, NULL);
    const sg_model *base = lift ? d.model : d.law;
    OK(base->family->components(base, base->truth, &d.parts));
    if (lift) OK(sg_lift_panels(lift, 200, 0, &d.level));
    return d;
}

static void close_dynamics(dynamics *d) {
    sg_delete(d->parts);
    sg_panels_delete(d->level);
    sg_sampler_delete(d->sampler);
    sg_loss_release(d->loss, d->prepared);
    sg_loss_delete(d->loss);
    sg_model_delete(d->model);
}

static sg_walk *start(const dynamics *d, int chains, uint64_t key, uint32_t replicate, double dt) {
    sg_walk *walk;
    OK(sg_walk_new(d->law, d->law->truth, d->sampler, chains, key, replicate, dt, &walk));
    return walk;
}

/* P(X_1 <= x | beta), of round components. */
static double given_level(const dynamics *d, double x, double beta) {
    const sg_lift *lift = sg_model_lift_of(d->law, NULL);
    const int axes = d->parts->d;
    double sum = 0;
    for (int k = 0; k < d->parts->count; k++) {
        const double sd = sqrt(d->parts->covariance[k * axes * axes] + (lift ? lift->lambda * beta : 0));
        sum += d->parts->weight[k] * 0.5 * erfc((d->parts->mean[k * axes] - x) / sd * M_SQRT1_2);
    }
    return sum;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sqrt(n) sup |F_n - u| of numbers that should be uniform; sorts u. */
static double kolmogorov(int n, double *u) {
    double sup = 0;
    qsort(u, (size_t)n, sizeof *u, by_size);
    for (int i = 0; i < n; i++) sup = fmax(sup, fmax(u[i] - (double)i / n, (double)(i + 1) / n - u[i]));
    return sqrt(n) * sup;
}

/* Distances of beta and of x_1 given beta from their laws, and how many standard errors they correlate by. */
typedef struct {
    double level, given, correlation, accepted;
} distances;

static distances look(const dynamics *d, int steps, double dt, double from_x, double from_level) {
    static double u[N], v[N];
    distances out = {0};
    double sum = 0, accepted = 0, proposed = 0;
    for (int r = 0; r < REPLICATES; r++) {
        sg_walk *walk = start(d, B, 77, (uint32_t)r, dt);
        const double *x = walk->block.x, *beta = walk->block.x + (d->law->space.d - 1) * B;
        for (int i = 0; i < B && isfinite(from_x); i++) walk->block.x[i] = from_x;
        for (int i = 0; i < B && isfinite(from_level) && d->level; i++)
            walk->block.x[(d->law->space.d - 1) * B + i] = from_level;
        sg_walk_advance(d->loss, d->prepared, walk, steps);
        accepted += (double)walk->accepted, proposed += (double)walk->proposed;
        for (int i = 0; i < B; i++) {
            double above;
            u[r * B + i] = 0.5;
            if (d->level) sg_panels_distribution(d->level, log1p(beta[i]), &u[r * B + i], &above);
            v[r * B + i] = given_level(d, x[i], d->level ? beta[i] : 0);
            sum += 12 * (u[r * B + i] - 0.5) * (v[r * B + i] - 0.5);
        }
        sg_walk_delete(walk);
    }
    out.correlation = sum / sqrt(N);
    out.accepted = accepted / proposed;
    out.level = d->level ? kolmogorov(N, u) : 0;
    out.given = kolmogorov(N, v);
    return out;
}

/* ------------------------------------------------------------ what is tested */

typedef struct {
    const char *model, *loss;
    double dt;
    int steps;
    double least, most; /* share of proposals accepted */
} example;

/* Steps of beta longer than its interval among them. */
static const example list[] = {
    {"mixture", "lifted", 2, 20, 0.5, 1},
    {"mixture:m=1.5,w=0.3", "lifted:beta-max=2,decay=0", 0.4, 12, 0.7, 0.99},
    {"mixture:m=1.5,w=0.3", "lifted:beta-max=2,decay=0,speed=30", 0.3, 12, 0.5, 0.99},
    {"mixture:m=1.5,w=0.3", "lifted:beta-max=2,decay=2,power=1.5,design=tapered", 0.2, 12, 0.4, 0.99},
    {"mixture:m=1,w=0.4,d=2", "lifted:beta-max=3,decay=1", 0.5, 12, 0.5, 0.99},
    {"gaussian-mixture:d=2,k=3", "lifted:beta-max=3,decay=1,design=tapered", 0.4, 12, 0.4, 0.99},
    {"mixture:m=1.5,w=0.3", "denoising:sigma=0.7", 0.7, 12, 0.6, 0.99},
    {"gaussian-mixture:d=2,k=3", "denoising:sigma=2", 1, 12, 0.6, 0.999},
};
enum { EXAMPLES = sizeof list / sizeof *list };

static void judge(const char *what, const example *e, const distances *d) {
    if (!(d->level < KS_LIMIT && d->given < KS_LIMIT && fabs(d->correlation) < 5))
        fail_msg("%s, %s, %s: distances %g and %g, correlation %g", what, e->model, e->loss, d->level, d->given,
                 d->correlation);
    if (!(d->accepted >= e->least && d->accepted <= e->most))
        fail_msg("%s, %s, %s: acceptance %g", what, e->model, e->loss, d->accepted);
}

static void test_stationary_law(void **state) {
    (void)state;
    for (int k = 0; k < EXAMPLES; k++) {
        dynamics d = open_dynamics(list[k].model, list[k].loss);
        const distances seen = look(&d, list[k].steps, list[k].dt, NAN, NAN);
        judge("from exact draws", &list[k], &seen);
        close_dynamics(&d);
    }
}

/* From one point: the time is 14 relaxation times or more, exp(-14) = 1e-6 of any memory. */
static void test_converges(void **state) {
    (void)state;
    static const struct {
        example e;
        double x, level;
    } from[] = {
        {{"mixture:m=1,w=0.3", "lifted:beta-max=4,decay=0,speed=10", 0.1, 600, 0.3, 0.99}, -4, 0.01},
        {{"mixture:m=1,w=0.3", "lifted:beta-max=4,decay=0,speed=10,design=tapered", 0.1, 600, 0.2, 0.99}, 4, 3.9},
        {{"mixture:m=1,w=0.3", "denoising:sigma=1", 0.7, 120, 0.6, 0.99}, 6, 0},
    };
    for (int k = 0; k < 3; k++) {
        const example *e = &from[k].e;
        dynamics d = open_dynamics(e->model, e->loss);
        const distances seen = look(&d, e->steps, e->dt, from[k].x, from[k].level);
        judge("from a point", e, &seen);
        close_dynamics(&d);
    }
}

/* E f(X_0) g(X_1) = E g(X_0) f(X_1), with functions that see beta near its ends. */
static void test_reversible(void **state) {
    (void)state;
    for (int k = 0; k < EXAMPLES; k++) {
        dynamics d = open_dynamics(list[k].model, list[k].loss);
        const size_t last = (size_t)(d.law->space.d - 1) * B;
        double sum = 0, squares = 0;
        for (int r = 0; r < REPLICATES; r++) {
            double before[2][B];
            sg_walk *walk = start(&d, B, 78, (uint32_t)r, list[k].dt);
            memcpy(before[0], walk->block.x, sizeof before[0]);
            memcpy(before[1], walk->block.x + last, sizeof before[1]);
            sg_walk_advance(d.loss, d.prepared, walk, 1);
            for (int i = 0; i < B; i++) {
                const double x = before[0][i], b = before[1][i], y = walk->block.x[i], c = walk->block.x[last + i];
                const double term = tanh(x + 0.5) * exp(-c * c) * y - tanh(y + 0.5) * exp(-b * b) * x;
                sum += term;
                squares += term * term;
            }
            sg_walk_delete(walk);
        }
        if (!(squares > 0 && fabs(sum) <= 5 * sqrt(squares)))
            fail_msg("%s, %s: %g standard errors", list[k].model, list[k].loss, sum / sqrt(squares));
        close_dynamics(&d);
    }
}

/* beta stays inside whatever the step; on an interval of length l the step to the end and back is that of the circle of
 * length 2 l: with p flat in beta and independent of x the acceptance knows nothing of the ends. */
static void test_long_steps(void **state) {
    (void)state;
    dynamics d = open_dynamics("mixture:m=1", "lifted:beta-max=1e-4,decay=0,speed=1");
    const double top = sg_model_lift_of(d.law, NULL)->beta_max;
    sg_walk *walk = start(&d, B, 80, 0, 0.05);
    double mean = 0;
    for (int k = 0; k < 40; k++) {
        sg_walk_advance(d.loss, d.prepared, walk, 1);
        for (int i = 0; i < B; i++) {
            const double beta = walk->block.x[B + i];
            assert_true(beta >= 0 && beta <= top);
            mean += beta / top / (40 * B);
        }
    }
    assert_true((double)walk->accepted > 0.95 * (double)walk->proposed);
    assert_near(mean, 0.5, 5 * sqrt(1. / 12 / (40 * B)) * 1.5); /* nearly independent at each step */
    sg_walk_delete(walk);
    close_dynamics(&d);
}

static void test_refusals(void **state) {
    (void)state;
    sg_model *model = model_of("mixture");
    sg_loss *loss;
    sg_prepared *prepared = NULL;
    const sg_model *law;
    OK(sg_loss_new("denoising:sigma=0.5,sigma-max=2", &loss));
    OK(sg_loss_prepare(loss, model, NULL, &prepared));
    assert_int_equal(sg_loss_law(loss, prepared, model, &law), SG_MISFIT);
    assert_null(law);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_memory_failures(void **state) {
    (void)state;
    static const char *const losses[] = {"lifted", "denoising"};
    for (int which = 0; which < 2; which++) {
        dynamics d = open_dynamics("mixture", losses[which]);
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        sg_sampler *sampler;
        int k = 1;
        for (; status == SG_NO_MEMORY && k < 100000; k += 1 + k / 8) {
            sg_memory_fail_after(k);
            status = sg_sampler_new(d.law, d.law->truth, NULL, &sampler);
            sg_memory_fail_after(0);
            if (status) assert_int_equal(sg_memory_live(), live);
        }
        OK(status);
        assert_true(k > 2);
        sg_sampler_delete(sampler);
        assert_int_equal(sg_memory_live(), live);
        sg_walk *walk = start(&d, B, 84, 0, 0.5);
        const size_t mark = sg_arena_mark(walk->arena);
        const long walking = sg_memory_live();
        sg_walk_advance(d.loss, d.prepared, walk, 3);
        assert_int_equal(sg_memory_live(), walking); /* steps allocate nothing */
        assert_int_equal(sg_arena_mark(walk->arena), mark);
        assert_true(walk->proposed == 3 * B);
        sg_walk_delete(walk);
        close_dynamics(&d);
    }
}

/* The noised law is that of its density: against the family's own convolution at points. */
static void test_noised_law(void **state) {
    (void)state;
    static const char *const models[] = {"mixture:m=1.3,w=0.2", "mixture:d=3,w=0.6",
                                         "gaussian-mixture:d=2,k=3,sd=0.5/1/2,correlation=0.3"};
    for (int k = 0; k < 3; k++) {
        sg_model *model = model_of(models[k]), *law;
        const int d = model->space.d;
        sg_arena *arena;
        sg_jet own, by_heat;
        sg_stream s;
        OK(sg_model_noised(model, model->truth, 0.7, &law));
        OK(sg_arena_new(sg_jet_bytes(1, d, SG_LOGP | SG_DX) + sg_jet_bytes(1, d + 1, SG_LOGP | SG_DX) +
                            (size_t)(d + 1) * B * sizeof(double) + SG_ALIGN,
                        &arena));
        OK(sg_jet_take(arena, 1, d, SG_LOGP | SG_DX, &own));
        OK(sg_jet_take(arena, 1, d + 1, SG_LOGP | SG_DX, &by_heat));
        double *x = sg_arena_take(arena, (size_t)(d + 1) * B, sizeof(double));
        sg_stream_open(&s, 4, SG_PURPOSE_TEST, 0);
        sg_stream_normal(&s, (size_t)d * B, x);
        for (int i = 0; i < d * B; i++) x[i] *= 3;
        for (int i = 0; i < B; i++) x[d * B + i] = 0.7;
        sg_block block = {.n = B, .d = d, .draws = 1, .x = x};
        law->family->jet(law, law->truth, &block, &own);
        block.d = d + 1;
        model->family->smooth(model, model->truth, &block, &by_heat);
        for (int i = 0; i < B; i++) assert_near(own.logp[i], by_heat.logp[i], 1e-12 * (1 + fabs(by_heat.logp[i])));
        for (int i = 0; i < d * B; i++) assert_near(own.dx[i], by_heat.dx[i], 1e-12 * (1 + fabs(by_heat.dx[i])));
        sg_arena_delete(arena);
        sg_model_delete(law);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stationary_law),  cmocka_unit_test(test_converges), cmocka_unit_test(test_reversible),
        cmocka_unit_test(test_long_steps),      cmocka_unit_test(test_refusals),  cmocka_unit_test(test_noised_law),
        cmocka_unit_test(test_memory_failures),
    };
    return cmocka_run_group_tests_name("walks on noised data", tests, NULL, NULL);
}
