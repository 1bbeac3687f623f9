/*
 * Elimination: against sums over all states, against closed forms of the ring and of Kaufman's finite torus, draws
 * against exact means, what is refused, and every allocation that may fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../chain-file.h"
#include "../tier.h"
#include "factors.h"
#include "finite.h"

static double *doubles(size_t n) {
    double *made = NULL;
    assert_int_equal(sg_new(&made, n + 1, sizeof(double)), SG_OK);
    return made;
}

static void close_to(const char *what, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: %.17g, expected %.17g, off by %g", what, got, want, got - want);
}

/* ---------------------------------------------------- factors against all states */

typedef struct {
    double log_z, *mean, *covariance;
} law;

static law law_new(int sums) {
    return (law){.mean = doubles((size_t)sums), .covariance = doubles((size_t)sums * (size_t)sums)};
}

static void law_delete(law *l) {
    sg_delete(l->mean);
    sg_delete(l->covariance);
}

/* Three passes over all states: the largest log p, the mean, the covariance about it. */
static law enumerate(const sg_factors *factors) {
    const int sums = factors->sums;
    int state[32] = {0};
    law l = law_new(sums);
    double *sum = doubles((size_t)sums), top = -INFINITY, total = 0;
    do top = fmax(top, factors_at(factors, state, sum));
    while (factors_next(factors->d, factors->q, state));
    do {
        const double p = exp(factors_at(factors, state, sum) - top);
        total += p;
        for (int s = 0; s < sums; s++) l.mean[s] += p * sum[s];
    } while (factors_next(factors->d, factors->q, state));
    for (int s = 0; s < sums; s++) l.mean[s] /= total;
    do {
        const double p = exp(factors_at(factors, state, sum) - top) / total;
        for (int s = 0; s < sums; s++)
            for (int t = 0; t < sums; t++)
                l.covariance[s + t * sums] += p * (sum[s] - l.mean[s]) * (sum[t] - l.mean[t]);
    } while (factors_next(factors->d, factors->q, state));
    l.log_z = top + log(total);
    sg_delete(sum);
    return l;
}

static void same_law(const char *what, int sums, const law *got, const law *want) {
    close_to(what, got->log_z, want->log_z, 1e-13 * (10 + fabs(want->log_z)));
    for (int s = 0; s < sums; s++) close_to(what, got->mean[s], want->mean[s], 1e-12 * (1 + fabs(want->mean[s])));
    for (int s = 0; s < sums; s++)
        for (int t = 0; t < sums; t++) {
            const double scale = sqrt(want->covariance[s + s * sums] * want->covariance[t + t * sums]);
            close_to(what, got->covariance[s + t * sums], want->covariance[s + t * sums], 1e-11 * (1 + scale));
        }
}

/* Upwards with cuts, and downwards without. */
static void check_factors(const char *what, const sg_factors *factors) {
    law want = enumerate(factors), got = law_new(factors->sums);
    sg_elimination *plan = NULL;
    for (int cuts = 0; cuts < 2; cuts++) {
        sg_elimination_scratch scratch = {0};
        assert_int_equal(sg_elimination_plan(factors, cuts, &plan), SG_OK);
        if (!cuts || factors->sums <= SG_ELIMINATION_FEW) {
            assert_int_equal(sg_elimination_covariance(plan, factors, &got.log_z, got.mean, got.covariance), SG_OK);
            same_law(what, factors->sums, &got, &want);
        }
        if (!cuts) {
            assert_int_equal(sg_elimination_marginals(plan, factors, &scratch, &got.log_z, got.mean, got.covariance),
                             SG_OK);
            same_law(what, factors->sums, &got, &want);
        }
        sg_elimination_scratch_free(&scratch);
        sg_elimination_delete(plan);
    }
    law_delete(&want);
    law_delete(&got);
}

static void test_random_factors(void **unused) {
    sg_stream stream;
    (void)unused;
    sg_stream_open(&stream, 20261, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < 60; k++) {
        char what[64];
        const int q = 2 + factors_below(&stream, 3), d = 1 + factors_below(&stream, q == 2 ? 10 : q == 3 ? 7 : 5);
        const double strengths[] = {0, 0.5, 5, 300}, strength = strengths[k % 4];
        sg_factors *factors = factors_random(&stream, d, q, factors_below(&stream, 12),
                                             1 + factors_below(&stream, 2 * d), strength, k % 3 == 0 ? 0.2 : 0);
        snprintf(what, sizeof what, "case %d: q %d, d %d, %d factors", k, q, d, factors->count);
        check_factors(what, factors);
        sg_factors_delete(factors);
    }
}

/* ------------------------------------------------------------- plans */

static void plan_of(const char *family, const char *keys, sg_elimination_cost *cost) {
    sg_model *model = finite_model(family, keys);
    sg_factors *factors = NULL;
    sg_elimination *plan = NULL;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    if (sg_elimination_new(factors, &plan) != SG_OK) fail_msg("%s: %s", keys, sg_message());
    sg_elimination_costs(plan, cost);
    sg_elimination_delete(plan);
    sg_factors_delete(factors);
    sg_model_delete(model);
}

static void test_widths(void **unused) {
    sg_elimination_cost cost;
    (void)unused;
    plan_of("ising", "graph=ring,n=5000,free=tied", &cost);
    assert_int_equal(cost.width, 3);
    plan_of("ising", "graph=path,n=5000,free=tied", &cost);
    assert_int_equal(cost.width, 2);
    plan_of("ising", "graph=tree,n=5000,degree=3,free=tied", &cost);
    assert_int_equal(cost.width, 2);
    plan_of("ising", "graph=tree,n=5000,degree=900,free=tied", &cost);
    assert_int_equal(cost.width, 2);
    plan_of("ising", "graph=lattice,shape=200x6,boundary=free,free=tied", &cost);
    assert_true(cost.entries <= 1200 * 0x1p7);
    plan_of("ising", "graph=lattice,shape=6x200,boundary=free,free=tied", &cost);
    assert_true(cost.entries <= 1200 * 0x1p7);
    plan_of("ising", "graph=lattice,shape=12x100,boundary=free,free=tied", &cost);
    assert_true(cost.entries <= 1200 * 0x1p13);
    plan_of("ising", "graph=lattice,shape=3x1000,free=tied", &cost);
    assert_in_range(cost.width, 2, 8);
    plan_of("ising", "graph=lattice,shape=12x12,free=tied", &cost);
    assert_true(cost.entries <= 144 * 0x1p25);
    assert_true(6 * cost.bytes <= SG_ELIMINATION_BYTES);
}

static void refused(const char *keys, const char *part) {
    sg_model *model = finite_model("ising", keys);
    const long live = sg_memory_live();
    double value;
    const sg_status status = sg_model_log_z(model, model->truth, &value, NULL, NULL);
    if (status != SG_REFUSED || !strstr(sg_message(), part)) fail_msg("%s: %d, %s", keys, status, sg_message());
    assert_int_equal(sg_memory_live(), live);
    sg_model_delete(model);
}

/* Dense graphs: listing all states is as little work, or nothing is possible. */
static void test_refused(void **unused) {
    (void)unused;
    refused("graph=complete,n=20,couplings=sk", "as little work");
    refused("graph=complete,n=26,couplings=sk", "as little work");
    refused("graph=complete,n=40,couplings=sk", "take a narrower graph");
    refused("graph=complete,n=600,couplings=sk,free=tied", "too many");
    refused("graph=regular,n=400,degree=3,free=tied", "take a narrower graph");
    refused("graph=lattice,shape=30x30,free=tied", "take a narrower graph");
    refused("graph=lattice,shape=8x8x8,free=tied", "take a narrower graph");
}

/* ------------------------------------------- log Z of models against all states */

/* The derivatives of log Z are the moments of the family's own statistics over all its states. */
static void check_model(const char *family, const char *keys) {
    sg_model *model = finite_model(family, keys);
    sg_factors *factors = NULL;
    const int full = model->full, d = model->space.d;
    const int states = (int)sg_model_states(model);
    double *logp = doubles((size_t)states), *x = doubles((size_t)d * SG_BLOCK), *dt = doubles((size_t)full);
    law want = law_new(full), got = law_new(full);
    double top = -INFINITY, total = 0;
    sg_arena *arena = NULL;
    sg_jet jet;
    assert_int_equal(sg_arena_new(sg_jet_bytes(full, d, SG_DT), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, full, d, SG_DT, &jet), SG_OK);
    model->family->states(model, model->truth, 0, states, logp);
    for (int k = 0; k < states; k++) top = fmax(top, logp[k]);
    for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < states; k++) {
            const sg_block block = {.n = 1, .d = d, .draws = 1, .x = x};
            const double p = exp(logp[k] - top) / (pass ? total : 1);
            for (int i = 0, code = k; i < d; i++, code /= model->space.q) {
                const int s = code % model->space.q;
                x[(size_t)i * SG_BLOCK] = model->space.q == 2 ? 2 * s - 1 : s;
            }
            model->family->jet(model, model->truth, &block, &jet);
            for (int j = 0; j < full; j++) dt[j] = jet.dt[(size_t)j * SG_BLOCK] - (pass ? want.mean[j] : 0);
            total += pass ? 0 : p;
            for (int j = 0; j < full && !pass; j++) want.mean[j] += p * dt[j];
            for (int j = 0; j < full * full && pass; j++) want.covariance[j] += p * dt[j / full] * dt[j % full];
        }
        for (int j = 0; j < full && !pass; j++) want.mean[j] /= total;
    }
    want.log_z = top + log(total);
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    for (int way = 0; way < 3; way++) {
        sg_elimination *plan = NULL;
        sg_elimination_scratch scratch = {0};
        assert_int_equal(sg_elimination_plan(factors, way == 1 && full <= SG_ELIMINATION_FEW, &plan), SG_OK);
        if (way < 2)
            assert_int_equal(sg_elimination_covariance(plan, factors, &got.log_z, got.mean, got.covariance), SG_OK);
        else
            assert_int_equal(sg_elimination_marginals(plan, factors, &scratch, &got.log_z, got.mean, got.covariance),
                             SG_OK);
        same_law(keys, full, &got, &want);
        sg_elimination_scratch_free(&scratch);
        sg_elimination_delete(plan);
    }
    sg_factors_delete(factors);
    law_delete(&want);
    law_delete(&got);
    sg_arena_delete(arena);
    sg_delete(logp);
    sg_delete(x);
    sg_delete(dt);
    sg_model_delete(model);
}

static void test_models(void **unused) {
    (void)unused;
    check_model("ising", "graph=ring,n=12,beta=0.7,h=0.2");
    check_model("ising", "graph=ring,n=12,beta=0.7,h=0.2,free=tied");
    check_model("ising", "graph=path,n=11,beta=-2,h=0.3,free=tied");
    check_model("ising", "graph=lattice,shape=3x4,beta=0.4,couplings=gauss");
    check_model("ising", "graph=lattice,shape=3x4,beta=3,h=-0.1,couplings=pm,free=tied");
    check_model("ising", "graph=tree,n=13,degree=4,beta=1");
    check_model("ising", "graph=complete,n=8,couplings=sk,beta=1");
    check_model("ising", "graph=bipartite,n=9,beta=0.3,free=tied");
    check_model("ising", "graph=regular,n=12,degree=3,beta=0.5");
    check_model("ising", "graph=path,n=1,h=0.5");
    check_model("potts", "graph=ring,n=7,q=3,beta=0.8");
    check_model("potts", "graph=lattice,shape=2x4,boundary=free,q=3,beta=-1,free=tied");
    check_model("potts", "graph=path,n=5,q=5,beta=2,couplings=gauss");
    check_model("potts", "graph=ring,n=9,q=2,beta=0.8");
    check_model("hardcore", "graph=ring,n=11,lambda=2");
    check_model("hardcore", "graph=lattice,shape=3x4,lambda=0.7");
    check_model("hardcore", "graph=complete,n=9,lambda=3");
    check_model("hardcore", "graph=tree,n=12,degree=4,lambda=30");
    check_model("parity", "n=9,k=5,J=0.8");
    check_model("parity", "n=6,k=6,J=-2");
    check_model("loglinear", "model=triangle");
    for (int q = 2; q <= 4; q++) {
        char keys[64];
        chain_write(q == 2 ? 10 : 8 - q, q, true, keys);
        check_model("loglinear", keys);
        chain_remove(keys);
    }
}

/* Cuts do not change the law: a torus that is cut against the same without cuts. */
static void test_cuts(void **unused) {
    sg_model *model = finite_model("ising", "graph=lattice,shape=8x8,beta=0.45,h=0.05,couplings=gauss,free=tied");
    sg_factors *factors = NULL;
    sg_elimination *plan[2];
    sg_elimination_cost cost;
    law l[2] = {law_new(2), law_new(2)};
    (void)unused;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    for (int cuts = 0; cuts < 2; cuts++) {
        assert_int_equal(sg_elimination_plan(factors, cuts, &plan[cuts]), SG_OK);
        assert_int_equal(
            sg_elimination_covariance(plan[cuts], factors, &l[cuts].log_z, l[cuts].mean, l[cuts].covariance), SG_OK);
        sg_elimination_costs(plan[cuts], &cost);
        assert_int_equal(cost.cuts > 0, cuts);
        sg_elimination_delete(plan[cuts]);
    }
    same_law("8x8", 2, &l[1], &l[0]);
    law_delete(&l[0]);
    law_delete(&l[1]);
    sg_factors_delete(factors);
    sg_model_delete(model);
}

/* ------------------------------------------------------------- closed forms */

/* Ring in no field: Z = (2 cosh b)^n (1 + t^n), and the variance of the magnetization. */
static void test_ring(void **unused) {
    (void)unused;
    for (int n = 3; n <= 4000; n = n * 5 / 3 + 1)
        for (int k = 0; k < 4; k++) {
            const double betas[] = {-0.6, 0.1, 0.6, 2}, b = betas[k], t = tanh(b), power = pow(t, n);
            char keys[SG_TEXT];
            double value, gradient[2], hessian[4];
            snprintf(keys, sizeof keys, "graph=ring,n=%d,beta=%.17g,free=tied", n, b);
            sg_model *model = finite_model("ising", keys);
            sg_factors *factors = NULL;
            sg_elimination *plan = NULL;
            assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
            assert_int_equal(sg_elimination_new(factors, &plan), SG_OK);
            assert_int_equal(sg_elimination_covariance(plan, factors, &value, gradient, hessian), SG_OK);
            const double log_z = n * log(2 * cosh(b)) + log1p(power), mean = n * (t + power / t) / (1 + power);
            const double field = n * exp(2 * b) * (1 - power) / (1 + power);
            close_to(keys, value, log_z, 1e-14 * (10 + log_z));
            close_to(keys, gradient[0], mean, 1e-13 * n);
            close_to(keys, gradient[1], 0, 1e-13 * n);
            close_to(keys, hessian[3], field, 1e-12 * fabs(field));
            close_to(keys, hessian[1], 0, 1e-12 * field);
            sg_elimination_delete(plan);
            sg_factors_delete(factors);
            sg_model_delete(model);
        }
}

/* Hardcore on a ring: Z = a^n + b^n with a, b the roots of z^2 = z + lambda; derivatives in log lambda. */
static void test_hardcore_ring(void **unused) {
    (void)unused;
    for (int n = 3; n <= 4000; n = n * 5 / 3 + 1)
        for (int k = 0; k < 3; k++) {
            const double lambdas[] = {0.2, 1, 20}, lambda = lambdas[k], root = sqrt(1 + 4 * lambda);
            const double a = (1 + root) / 2, b = (1 - root) / 2, c = lambda / root, power = pow(b / a, n);
            /* With D = d/dlog lambda: D a = c, D b = -c, D c = c - 2 c^2 / root. */
            const double da = c / a, db = -c / b, dc = 1 - 2 * c / root;
            const double first = n * (da + power * db) / (1 + power);
            const double aa = n * (da * dc - da * da) + (double)n * n * da * da;
            const double bb = n * (db * dc - db * db) + (double)n * n * db * db;
            const double second = (aa + power * bb) / (1 + power) - first * first;
            double value, gradient, hessian;
            char keys[SG_TEXT];
            snprintf(keys, sizeof keys, "graph=ring,n=%d,lambda=%.17g", n, lambda);
            sg_model *model = finite_model("hardcore", keys);
            if (sg_model_log_z(model, model->truth, &value, &gradient, &hessian)) {
                assert_true(n <= 20 && strstr(sg_message(), "as little work"));
                sg_model_delete(model);
                continue;
            }
            close_to(keys, value, n * log(a) + log1p(power), 1e-14 * (10 + n));
            close_to(keys, gradient, first, 1e-13 * n);
            close_to(keys, hessian, second, 1e-14 * (double)n * n * da * da + 1e-12 * second);
            sg_model_delete(model);
        }
}

/* A chain of three-state sites from a file: log Z and all means by products of matrices written out here. */
static void test_chain(void **unused) {
    enum { N = 500, Q = 3 };
    static long double up[N][Q], down[N][Q];
    long double log_z = 0, total;
    char keys[64], name[SG_NAME];
    (void)unused;
    chain_write(N, Q, false, keys);
    sg_model *model = finite_model("loglinear", keys);
    double value, *gradient = doubles((size_t)model->full);
    assert_int_equal(model->full, N * 2 + (N - 1) * 4);
    assert_int_equal(sg_model_log_z(model, model->truth, &value, gradient, NULL), SG_OK);
    for (int i = 0; i < N; i++) {
        total = 0;
        for (int s = 0; s < Q; s++) {
            up[i][s] = i ? 0 : 1;
            for (int t = 0; i && t < Q; t++) up[i][s] += up[i - 1][t] * expl(chain_pair(i - 1, Q, t, s));
            total += up[i][s] *= expl(chain_field(i, s));
        }
        for (int s = 0; s < Q; s++) up[i][s] /= total;
        log_z += logl(total);
    }
    for (int i = N - 1; i >= 0; i--) {
        total = 0;
        for (int s = 0; s < Q; s++) {
            down[i][s] = i + 1 < N ? 0 : 1;
            for (int t = 0; i + 1 < N && t < Q; t++)
                down[i][s] += down[i + 1][t] * expl(chain_pair(i, Q, s, t) + chain_field(i + 1, t));
            total += down[i][s];
        }
        for (int s = 0; s < Q; s++) down[i][s] /= total;
    }
    /* The corner-point constraints drop a constant: log p of all sites in state 0. */
    for (int i = 0; i < N; i++) log_z -= chain_field(i, 0) + (i + 1 < N ? chain_pair(i, Q, 0, 0) : 0);
    close_to("log Z of a chain", value, (double)log_z, 1e-13 * fabs(value));
    for (int a = 0; a < model->full; a++) {
        int i, j, s, t;
        long double mean = 0, all = 0;
        model->family->parameter(model, a, name);
        const bool pair = sscanf(name, "t%d-%d_%d-%d", &i, &j, &s, &t) == 4;
        if (!pair) assert_int_equal(sscanf(name, "t%d_%d", &i, &s), 2);
        for (int x = 0; x < Q && !pair; x++) {
            all += up[i][x] * down[i][x];
            mean += x == s ? up[i][x] * down[i][x] : 0;
        }
        for (int x = 0; x < Q * Q && pair; x++) {
            const int y = x % Q, z = x / Q;
            const long double p = up[i][y] * down[j][z] * expl(chain_pair(i, Q, y, z) + chain_field(j, z));
            all += p;
            mean += y == s && z == t ? p : 0;
        }
        close_to(name, gradient[a], (double)(mean / all), 1e-13);
    }
    sg_delete(gradient);
    chain_remove(keys);
    sg_model_delete(model);
}

/* The second derivatives of a smaller chain against differences of the first. */
static void test_chain_derivatives(void **unused) {
    const double h = 1e-4;
    char keys[64];
    (void)unused;
    chain_write(12, 3, true, keys);
    sg_model *model = finite_model("loglinear", keys);
    const size_t full = (size_t)model->full;
    double value, *theta = doubles(full), *hessian = doubles(full * full), *lo = doubles(full), *hi = doubles(full);
    memcpy(theta, model->truth, full * sizeof(double));
    assert_int_equal(sg_model_log_z(model, theta, &value, NULL, hessian), SG_OK);
    for (size_t a = 0; a < full; a += 7) {
        for (int side = 0; side < 2; side++) {
            theta[a] = model->truth[a] + (side ? h : -h);
            assert_int_equal(sg_model_log_z(model, theta, &value, side ? hi : lo, NULL), SG_OK);
        }
        theta[a] = model->truth[a];
        for (size_t b = 0; b < full; b++)
            close_to(keys, hessian[a + b * full], (hi[b] - lo[b]) / (2 * h), 1e-8); /* h^2 times third cumulants */
    }
    sg_delete(theta);
    sg_delete(hessian);
    sg_delete(lo);
    sg_delete(hi);
    chain_remove(keys);
    sg_model_delete(model);
}

/* Parity: Z = 2^n cosh J at any number of sites, with a table and without. */
static void test_parity(void **unused) {
    (void)unused;
    for (int k = 5; k <= 150; k += 29)
        for (int sign = -1; sign <= 1; sign += 2) {
            const double J = sign * (k > 100 ? 700 : 0.8);
            double value, gradient, hessian;
            char keys[SG_TEXT];
            snprintf(keys, sizeof keys, "n=200,k=%d,J=%g", k, J);
            sg_model *model = finite_model("parity", keys);
            assert_int_equal(sg_model_log_z(model, model->truth, &value, &gradient, &hessian), SG_OK);
            const long double want = 199 * logl(2) + fabsl(J) + log1pl(expl(-2 * fabsl(J)));
            close_to(keys, value, (double)want, 1e-12);
            close_to(keys, gradient, tanh(J), 1e-15);
            close_to(keys, hessian, (double)(4 / powl(expl(J) + expl(-J), 2)), 1e-15 * hessian);
            sg_model_delete(model);
        }
}

/*
 * Kaufman (Phys. Rev. 76, 1232, 1949): an m by n torus with equal couplings K,
 * Z = 1/2 (2 sinh 2K)^{mn/2} (prod 2 cosh(m g_odd/2) + prod 2 sinh(m g_odd/2) + the same with g_even), with
 * cosh g_l = cosh^2 2K / sinh 2K - cos(l pi/n) and g_0 = 2K + log tanh K, with its sign.
 */
static double kaufman(int m, int n, double K) {
    double product[4] = {1, 1, 1, 1}, scale = 0;
    for (int l = 0; l < 2 * n; l++) {
        const double c = cosh(2 * K) * cosh(2 * K) / sinh(2 * K) - cos(l * M_PI / n);
        const double g = l ? acosh(c) : 2 * K + log(tanh(K)), part = fabs(m * g / 2);
        const int at = l % 2 ? 0 : 2;
        product[at] *= 1 + exp(-2 * part);
        product[at + 1] *= copysign(1, g) * -expm1(-2 * part);
        if (!at) scale += part;
    }
    double even = 0;
    for (int l = 0; l < 2 * n; l += 2) {
        const double c = cosh(2 * K) * cosh(2 * K) / sinh(2 * K) - cos(l * M_PI / n);
        even += fabs(m * (l ? acosh(c) : 2 * K + log(tanh(K))) / 2);
    }
    const double sum = product[0] + product[1] + exp(even - scale) * (product[2] + product[3]);
    return -log(2) + 0.5 * m * n * log(2 * sinh(2 * K)) + scale + log(sum);
}

static void check_torus(int m, int n, double K) {
    char keys[SG_TEXT];
    double value;
    snprintf(keys, sizeof keys, "graph=lattice,shape=%dx%d,beta=%.17g,free=tied", m, n, K);
    sg_model *model = finite_model("ising", keys);
    if (sg_model_log_z(model, model->truth, &value, NULL, NULL) != SG_OK) fail_msg("%s", sg_message());
    close_to(keys, value, kaufman(m, n, K), 1e-12 * fmax(1, value / 100));
    sg_model_delete(model);
}

static void test_kaufman(void **unused) {
    const double critical = 0.5 * log(1 + sqrt(2));
    (void)unused;
    check_torus(4, 6, 0.3);
    check_torus(8, 8, 0.2);
    check_torus(8, 8, critical);
    check_torus(8, 8, 0.8);
    check_torus(5, 60, critical);
    if (second_tier()) check_torus(12, 12, critical);
}

/* ----------------------------------------------------------------- draws */

/*
 * Means of the free statistics over draws, in standard errors from the exact variance; a bound of 6 on each of the
 * about 2500 is exceeded by chance with probability 5e-6.
 */
static void check_draws(const char *family, const char *keys, int blocks) {
    sg_model *model = finite_model(family, keys);
    const int full = model->full, d = model->space.d;
    double value, *gradient = doubles((size_t)full), *hessian = doubles((size_t)full * (size_t)full),
                  *sum = doubles((size_t)full), *x = doubles((size_t)d * SG_BLOCK);
    sg_sampler *sampler = NULL;
    sg_arena *arena = NULL;
    sg_stream stream;
    sg_jet jet;
    sg_block block = {.n = SG_BLOCK, .d = d, .draws = 1, .x = x};
    if (sg_model_log_z(model, model->truth, &value, gradient, hessian)) fail_msg("%s", sg_message());
    if (sg_sampler_new(model, model->truth, NULL, &sampler)) fail_msg("%s", sg_message());
    assert_int_equal(sg_arena_new(sg_jet_bytes(full, d, SG_DT), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, full, d, SG_DT, &jet), SG_OK);
    sg_stream_open(&stream, 77, SG_PURPOSE_TEST, 0);
    for (int b = 0; b < blocks; b++) {
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(sampler, &stream, &block);
        model->family->jet(model, model->truth, &block, &jet);
        for (int j = 0; j < full; j++)
            for (int i = 0; i < SG_BLOCK; i++) sum[j] += jet.dt[(size_t)j * SG_BLOCK + (size_t)i];
    }
    for (int j = 0; j < full; j++) {
        const double count = blocks * SG_BLOCK, variance = hessian[(size_t)j * (size_t)full + (size_t)j];
        const double z = (sum[j] / count - gradient[j]) / sqrt(variance / count);
        if (!(fabs(z) < 6)) fail_msg("%s: statistic %d is %g standard errors off", keys, j, z);
    }
    sg_sampler_delete(sampler);
    sg_arena_delete(arena);
    sg_delete(gradient);
    sg_delete(hessian);
    sg_delete(sum);
    sg_delete(x);
    sg_model_delete(model);
}

static void test_draws(void **unused) {
    (void)unused;
    check_draws("ising", "graph=ring,n=2000,beta=0.6,h=0.05,free=tied", 20);
    check_draws("hardcore", "graph=ring,n=2000,lambda=3", 20);
    check_draws("hardcore", "graph=lattice,shape=8x30,lambda=0.8", 20);
    char keys[64];
    chain_write(60, 3, true, keys);
    check_draws("loglinear", keys, 40);
    chain_remove(keys);
    check_draws("ising", "graph=lattice,shape=5x30,boundary=free,beta=0.4,couplings=gauss", 40);
    check_draws("ising", "graph=lattice,shape=4x40,beta=0.44,free=tied", 40);
    check_draws("potts", "graph=lattice,shape=3x25,boundary=free,q=3,beta=0.9", 40);
    check_draws("ising", "graph=tree,n=1000,degree=5,beta=0.5", 20);
    check_draws("potts", "graph=ring,n=8,q=3,beta=0.9", 40); /* by its list of states */
}

/* Whole states, not means alone: chi-squared of the 2^12 states of 12 sites, by elimination asked for directly. */
static void test_law_of_draws(void **unused) {
    enum { D = 12, STATES = 1 << D, BLOCKS = 800 };
    static double logp[STATES], seen[STATES];
    static double x[D * SG_BLOCK];
    sg_model *model = finite_model("ising", "graph=lattice,shape=3x4,beta=0.3,couplings=gauss,h=0.1");
    sg_elimination_law *sampler = NULL;
    sg_factors *factors = NULL;
    sg_stream stream;
    sg_block block = {.n = SG_BLOCK, .d = D, .draws = 1, .x = x};
    double total = 0, chi = 0, rest = 0, seen_rest = 0;
    int cells = 0;
    (void)unused;
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_OK);
    assert_int_equal(sg_elimination_law_new(factors, false, &sampler), SG_OK);
    sg_factors_delete(factors);
    sg_stream_open(&stream, 78, SG_PURPOSE_TEST, 0);
    for (int b = 0; b < BLOCKS; b++) {
        sg_stream_seek(&stream, (uint32_t)b);
        sg_elimination_law_draw(sampler, &stream, &block);
        for (int i = 0; i < SG_BLOCK; i++) {
            int code = 0;
            for (int a = 0; a < D; a++) code |= (x[a * SG_BLOCK + i] > 0) << a;
            seen[code]++;
        }
    }
    model->family->states(model, model->truth, 0, STATES, logp);
    for (int k = 0; k < STATES; k++) total += exp(logp[k]);
    for (int k = 0; k < STATES; k++) {
        const double want = exp(logp[k]) / total * BLOCKS * SG_BLOCK;
        if (want < 10) {
            rest += want;
            seen_rest += seen[k];
            continue;
        }
        chi += (seen[k] - want) * (seen[k] - want) / want;
        cells++;
    }
    chi += (seen_rest - rest) * (seen_rest - rest) / rest;
    /* The chi-squared law with `cells` degrees of freedom: 5 standard deviations, probability below 1e-6. */
    if (!(fabs(chi - cells) < 5 * sqrt(2.0 * cells))) fail_msg("chi-squared %g with %d cells", chi, cells);
    sg_elimination_law_delete(sampler);
    sg_model_delete(model);
}

/* Point i does not depend on how many points there are. */
static void test_prefix(void **unused) {
    enum { D = 24 };
    static double whole[D * SG_BLOCK], part[D * SG_BLOCK];
    sg_model *model = finite_model("ising", "graph=ring,n=24,beta=0.6,free=tied");
    sg_sampler *sampler = NULL;
    sg_stream a, b;
    sg_block all = {.n = SG_BLOCK, .d = D, .draws = 1, .x = whole}, some = {.n = 17, .d = D, .draws = 1, .x = part};
    (void)unused;
    assert_int_equal(sg_sampler_new(model, model->truth, NULL, &sampler), SG_OK);
    sg_stream_open(&a, 1, SG_PURPOSE_TEST, 0);
    b = a;
    sg_sampler_draw(sampler, &a, &all);
    sg_sampler_draw(sampler, &b, &some);
    assert_int_equal(a.index, b.index);
    for (int s = 0; s < D; s++)
        for (int i = 0; i < some.n; i++) assert_true(whole[s * SG_BLOCK + i] == part[s * SG_BLOCK + i]);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

/* ---------------------------------------------------------------- failures */

static void test_memory(void **unused) {
    const char *const keys[] = {"graph=lattice,shape=3x7,beta=0.3", "graph=ring,n=30,beta=0.3,free=tied"};
    (void)unused;
    for (int k = 0; k < 2; k++) {
        sg_model *model = finite_model("ising", keys[k]);
        double value, *gradient = doubles((size_t)model->full),
                      *hessian = doubles((size_t)model->full * (size_t)model->full);
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        for (long fail = 1; status != SG_OK; fail++) {
            sg_sampler *sampler = NULL;
            sg_memory_fail_after(fail);
            status = sg_model_log_z(model, model->truth, &value, gradient, hessian);
            if (status == SG_OK) status = sg_sampler_new(model, model->truth, NULL, &sampler);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK || status == SG_NO_MEMORY);
            sg_sampler_delete(sampler);
            assert_int_equal(sg_memory_live(), live);
        }
        sg_delete(gradient);
        sg_delete(hessian);
        sg_model_delete(model);
    }
}

static void test_errors(void **unused) {
    sg_factors *factors = NULL, *other = NULL;
    sg_elimination *plan = NULL;
    sg_elimination_scratch scratch = {0};
    sg_factor *factor;
    const int pair[] = {0, 1};
    double value;
    (void)unused;
    assert_int_equal(sg_factors_new(2, 2, 0, 1, 2, 4, &factors), SG_OK);
    assert_int_equal(sg_factors_new(3, 2, 0, 0, 0, 0, &other), SG_OK);
    assert_int_equal(sg_factors_add(factors, 2, pair, 0, NULL, &factor), SG_OK);
    sg_factor *second;
    assert_int_equal(sg_factors_add(factors, 2, pair, 0, NULL, &second), SG_INTERNAL);
    assert_int_equal(sg_elimination_new(factors, &plan), SG_OK);
    assert_int_equal(sg_elimination_covariance(plan, other, &value, NULL, NULL), SG_INTERNAL);
    assert_int_equal(sg_elimination_covariance(plan, factors, &value, NULL, NULL), SG_OK);
    close_to("two free sites", value, log(4), 1e-15);
    for (int s = 0; s < 4; s++) factor->log_p[s] = -INFINITY;
    assert_int_equal(sg_elimination_covariance(plan, factors, &value, NULL, NULL), SG_NOT_INTEGRABLE);
    assert_int_equal(sg_elimination_marginals(plan, factors, &scratch, &value, NULL, NULL), SG_NOT_INTEGRABLE);
    sg_elimination_scratch_free(&scratch);
    sg_elimination_delete(plan);
    sg_factors_delete(factors);
    sg_factors_delete(other);
    sg_model *model = finite_model("parity", "n=30,k=29");
    assert_int_equal(sg_model_factors(model, model->truth, &factors), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "product of 29 sites"));
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_factors), cmocka_unit_test(test_widths),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_models),         cmocka_unit_test(test_cuts),    cmocka_unit_test(test_ring),
        cmocka_unit_test(test_hardcore_ring),  cmocka_unit_test(test_chain),   cmocka_unit_test(test_chain_derivatives),
        cmocka_unit_test(test_parity),         cmocka_unit_test(test_kaufman), cmocka_unit_test(test_draws),
        cmocka_unit_test(test_law_of_draws),   cmocka_unit_test(test_prefix),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
