/*
 * Elimination where no list of states reaches: closed forms of rings, parity and Kaufman's finite torus, products of
 * matrices, draws against exact means and laws.
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
#include "family/elimination.h"
#include "finite.h"

static double *doubles(size_t n) {
    double *made = NULL;
    assert_int_equal(sg_new(&made, n + 1, sizeof(double)), SG_OK);
    return made;
}

static void close_to(const char *what, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: %.17g, expected %.17g, off by %g", what, got, want, got - want);
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

/* Derivatives in K by fourth-order differences of the closed form. */
static void check_torus(int m, int n, double K) {
    const double h = 1e-3;
    char keys[SG_TEXT];
    double value, gradient[2], hessian[4], at[5];
    snprintf(keys, sizeof keys, "graph=lattice,shape=%dx%d,beta=%.17g,free=tied", m, n, K);
    sg_model *model = finite_model("ising", keys);
    if (sg_model_log_z(model, model->truth, &value, gradient, hessian) != SG_OK) fail_msg("%s", sg_message());
    for (int k = 0; k < 5; k++) at[k] = kaufman(m, n, K + (k - 2) * h);
    close_to(keys, value, at[2], 1e-12 * fmax(1, value / 100));
    close_to(keys, gradient[0], (8 * (at[3] - at[1]) - (at[4] - at[0])) / (12 * h), 1e-8 * m * n);
    close_to(keys, hessian[0], (16 * (at[3] + at[1]) - 30 * at[2] - (at[4] + at[0])) / (12 * h * h), 1e-5 * m * n);
    close_to(keys, gradient[1], 0, 1e-11 * m * n);
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

/* A free strip with fields, column after column of all states of a column. */
static double strip(int width, int length, double beta, double h) {
    static double v[1 << 12], next[1 << 12];
    const int states = 1 << width;
    double log_z = 0;
    for (int s = 0; s < states; s++) v[s] = 1;
    for (int c = 0; c < length; c++) {
        double top = 0;
        for (int r = 0; r < width && c; r++) { /* bonds to the column before, a site at a time */
            for (int s = 0; s < states; s++) next[s] = exp(beta) * v[s] + exp(-beta) * v[s ^ 1 << r];
            memcpy(v, next, (size_t)states * sizeof(double));
        }
        for (int s = 0; s < states; s++) {
            const int up = __builtin_popcount((unsigned)s),
                      walls = __builtin_popcount((unsigned)((s ^ s >> 1) & (states / 2 - 1)));
            v[s] *= exp(h * (2 * up - width) + beta * (width - 1 - 2 * walls));
            top = fmax(top, v[s]);
        }
        for (int s = 0; s < states; s++) v[s] /= top;
        log_z += log(top);
    }
    double sum = 0;
    for (int s = 0; s < states; s++) sum += v[s];
    return log_z + log(sum);
}

static void check_strip(int width, int length, bool turned) {
    const double beta = 0.42, h = 0.03, step = 1e-3;
    char keys[SG_TEXT];
    double value, gradient[2], hessian[4], at[5];
    snprintf(keys, sizeof keys, "graph=lattice,shape=%dx%d,boundary=free,beta=%g,h=%g,free=tied",
             turned ? length : width, turned ? width : length, beta, h);
    sg_model *model = finite_model("ising", keys);
    if (sg_model_log_z(model, model->truth, &value, gradient, hessian) != SG_OK) fail_msg("%s", sg_message());
    close_to(keys, value, strip(width, length, beta, h), 1e-12 * value);
    for (int j = 0; j < 2; j++) {
        for (int k = 0; k < 5; k++)
            at[k] = strip(width, length, beta + (j ? 0 : (k - 2) * step), h + (j ? (k - 2) * step : 0));
        const double first = (8 * (at[3] - at[1]) - (at[4] - at[0])) / (12 * step);
        const double second = (16 * (at[3] + at[1]) - 30 * at[2] - (at[4] + at[0])) / (12 * step * step);
        close_to(keys, gradient[j], first, 1e-7 * width * length);
        close_to(keys, hessian[3 * j], second, 1e-4 * hessian[3 * j]);
    }
    sg_model_delete(model);
}

static void test_strips(void **unused) {
    (void)unused;
    check_strip(5, 40, false);
    check_strip(12, 20, false);
    check_strip(12, 15, true);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),         cmocka_unit_test(test_hardcore_ring),
        cmocka_unit_test(test_chain),        cmocka_unit_test(test_chain_derivatives),
        cmocka_unit_test(test_parity),       cmocka_unit_test(test_kaufman),
        cmocka_unit_test(test_strips),       cmocka_unit_test(test_draws),
        cmocka_unit_test(test_law_of_draws), cmocka_unit_test(test_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
