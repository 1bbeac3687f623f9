/*
 * Families on spheres: jets against the definitions, log Z against closed forms and against cubature, cubature against
 * moments of the uniform law, samplers against their laws.
 *
 * False alarms: every statistic of a sampler is held to 6 standard errors (2e-9 each, some 500 of them) or to a
 * Kolmogorov-Smirnov distance of sqrt(log(2e9)/2 n) (1e-9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_sf_bessel.h>
#include <gsl/gsl_sf_dawson.h>
#include <math.h>
#include <stdlib.h>

#include "../model.h"

enum { B = SG_BLOCK, MOST = 16, FULL = 54 };

static double uniform(sg_stream *stream, double lo, double hi) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return lo + (hi - lo) * u;
}

static sg_model *bingham(int d, const char *concentrations) {
    char text[256];
    snprintf(text, sizeof text, "bingham:d=%d,concentrations=%s", d, concentrations);
    return model_of(text);
}

static sg_model *fisher(int d, double kappa) {
    char text[128];
    snprintf(text, sizeof text, "von-mises-fisher:d=%d,kappa=%.17g", d, kappa);
    return model_of(text);
}

static void near(const char *what, double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%s: %.17g, not %.17g (tolerance %.2g)", what, value, wanted, tolerance);
}

/* ---------------------------------------------------------------------- jets */

/* Statistic j at y, as it is defined. */
static double statistic(const sg_model *model, int j, const double *y) {
    int a = 0;
    if (strcmp(model->family->name, "bingham") != 0) return y[j];
    while ((a + 1) * (a + 2) / 2 <= j) a++;
    return y[a] * y[j - a * (a + 1) / 2];
}

/* Polynomials of degree 2 have exact second differences. */
static double differ(const sg_model *model, int j, const double *x, int order, int a, int b) {
    double sum = 0;
    for (int s = -1; s <= 1; s += 2)
        for (int t = -1; t <= (order > 1 ? 1 : -1); t += 2) {
            double y[MOST];
            memcpy(y, x, sizeof y);
            y[a] += order > 0 ? s : 0;
            y[b] += order > 1 ? t : 0;
            sum += (order > 0 ? s : 0.5) * (order > 1 ? t : 1) * statistic(model, j, y);
        }
    return sum / (order == 0 ? 1 : order == 1 ? 2 : 4);
}

static void check_jet(const sg_model *model, sg_stream *stream) {
    const int d = model->space.d, full = model->full, rows[3] = {1, d, d * (d + 1) / 2};
    double theta[FULL];
    sg_arena *arena = NULL;
    sg_jet jet;
    OK(sg_arena_new(sg_jet_bytes(full, d, SG_JET_ALL) + (size_t)d * B * sizeof(double), &arena));
    OK(sg_jet_take(arena, full, d, SG_JET_ALL, &jet));
    const sg_block block = {.n = 13, .d = d, .draws = 1, .x = sg_arena_take(arena, (size_t)d * B, sizeof(double))};
    for (int j = 0; j < full; j++) theta[j] = uniform(stream, -3, 3);
    for (int k = 0; k < d * B; k++) block.x[k] = uniform(stream, -1, 1);
    model->family->jet(model, theta, &block, &jet);
    const double *sum[3] = {jet.logp, jet.dx, jet.dxx}, *each[3] = {jet.dt, jet.dt_dx, jet.dt_dxx};
    const double *zero[3] = {jet.dtt, jet.dtt_dx, jet.dtt_dxx};
    for (int i = 0; i < block.n; i++) {
        double x[MOST] = {0};
        for (int a = 0; a < d; a++) x[a] = block.x[a * B + i];
        for (int k = 0; k < 3; k++)
            for (int row = 0, a = 0, b = 0; row < rows[k]; row++) {
                if (k == 1) a = row;
                double whole = 0;
                for (int j = 0; j < full; j++) {
                    const double wanted = differ(model, j, x, k, a, b);
                    near(model->text, each[k][(j * rows[k] + row) * B + i], wanted, 1e-14);
                    whole += theta[j] * wanted;
                }
                near(model->text, sum[k][row * B + i], whole, 1e-13);
                if (k == 2 && b++ == a) a++, b = 0;
            }
        for (int k = 0; k < 3; k++)
            for (int row = 0; row < full * (full + 1) / 2 * rows[k]; row++) assert_true(zero[k][row * B + i] == 0);
    }
    sg_arena_delete(arena);
}

static void jets_are_derivatives(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20261101, SG_PURPOSE_TEST, 0);
    for (int d = 2; d <= 16; d += 1 + d / 4) {
        sg_model *model = fisher(d, 2);
        assert_int_equal(model->space.shape, SG_SPHERE);
        check_jet(model, &stream);
        sg_model_delete(model);
        if (d > 7) continue;
        model = bingham(d, "1");
        check_jet(model, &stream);
        sg_model_delete(model);
    }
}

/* --------------------------------------------------------------------- log Z */

static double log_z_at(const sg_model *model, const double *theta, double *gradient, double *hessian) {
    double value;
    OK(sg_model_log_z(model, theta, &value, gradient, hessian));
    return value;
}

/* d = 3: log(4 pi sinh kappa/kappa), A = coth kappa - 1/kappa, A' = 1/kappa^2 - 1/sinh^2 kappa; d = 2: Bessel. */
static void fisher_has_its_closed_forms(void **state) {
    static const double kappas[] = {1e-3, 0.1, 1, 4, 17, 29.99, 30.01, 100, 500};
    (void)state;
    for (int k = 0; k < 9; k++) {
        const double kappa = kappas[k];
        sg_model *line = fisher(2, kappa), *space = fisher(3, kappa);
        double gradient[3], hessian[9];
        const double log_sinh = kappa - M_LN2 + log1p(-exp(-2 * kappa));
        near("log Z", log_z_at(space, space->truth, gradient, hessian), log(4 * M_PI) + log_sinh - log(kappa),
             3e-15 * (3 + kappa));
        const double a = kappa < 0.01 ? kappa / 3 - kappa * kappa * kappa / 45 : 1 / tanh(kappa) - 1 / kappa;
        const double slope = kappa < 0.01 ? 1. / 3 - kappa * kappa / 15 : 1 / (kappa * kappa) - exp(-2 * log_sinh);
        near("A", gradient[2], a, 1e-12 * a);
        near("A'", hessian[8], slope, (kappa < 0.2 ? 1e-10 : 1e-11) * slope);
        near("A/kappa", hessian[0], a / kappa, 1e-12);
        near("across", hessian[1], 0, 1e-16);
        const double zero = gsl_sf_bessel_I0_scaled(kappa), one = gsl_sf_bessel_I1_scaled(kappa);
        near("log Z", log_z_at(line, line->truth, gradient, hessian), log(2 * M_PI) + log(zero) + kappa,
             1e-14 * (3 + kappa));
        near("A", gradient[1], one / zero, 1e-14);
        sg_model_delete(line);
        sg_model_delete(space);
    }
}

/* kappa = 0: the surface of the sphere, and E x_a x_b = 1/d; large kappa: that of a normal law, (2 pi/kappa)^{(d-1)/2},
 * whose first correction is -(d-1)(d-3)/(8 kappa). */
static void fisher_has_its_limits(void **state) {
    (void)state;
    for (int d = 2; d <= MOST; d++) {
        double gradient[MOST], hessian[MOST * MOST], kappa = 1e6;
        sg_model *model = fisher(d, 0), *sharp = fisher(d, kappa);
        near("surface", log_z_at(model, model->truth, gradient, hessian), M_LN2 + 0.5 * d * log(M_PI) - lgamma(0.5 * d),
             1e-14);
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++) near("E x x'", hessian[a * d + b], a == b ? 1. / d : 0, 1e-15);
        const double rest =
            log_z_at(sharp, sharp->truth, gradient, hessian) - kappa - 0.5 * (d - 1) * log(2 * M_PI / kappa);
        near("Laplace", rest, -(d - 1.) * (d - 3) / (8 * kappa), 1e-9);
        near("1 - A", 1 - gradient[d - 1], 0.5 * (d - 1) / kappa, 1e-10);
        near("A' kappa^2", hessian[d * d - 1] * kappa * kappa, 0.5 * (d - 1), 1e-3);
        sg_model_delete(model);
        sg_model_delete(sharp);
    }
}

/*
 * Equal pairs of concentrations are sums of exponentials: 2 pi^{d/2} sum_i e^{a_i} prod_{j != i} 1/(a_i - a_j); d = 2
 * is a Bessel function; d = 3 around an axis Dawson's integral.
 */
static void bingham_has_its_closed_forms(void **state) {
    double gradient[FULL];
    (void)state;
    for (int trial = 0; trial < 8; trial++) {
        const double c = (trial - 3) * 3.5 + 0.2;
        char text[128];
        snprintf(text, sizeof text, "%.17g/%.17g/0", c, c);
        sg_model *four = bingham(4, text);
        const double a = -c, log_wanted = log(2 * M_PI * M_PI) + (a > 0 ? a + log(-expm1(-a) / a) : log(expm1(a) / a));
        near("pairs", log_z_at(four, four->truth, gradient, NULL), log_wanted, 1e-13);
        /* E (x_1^2 + x_2^2) = d log Z/d a */
        near("moment of a pair", gradient[0] + gradient[2], 1 / -expm1(-a) - 1 / a, 1e-12);
        sg_model_delete(four);
        snprintf(text, sizeof text, "%.17g", c);
        sg_model *two = bingham(2, text), *three = bingham(3, text);
        near("circle", log_z_at(two, two->truth, NULL, NULL),
             log(2 * M_PI) - 0.5 * c + log(gsl_sf_bessel_I0_scaled(0.5 * c)) + 0.5 * fabs(c), 1e-13 * (1 + fabs(c)));
        /* int exp(-c (1 - z^2)) = 4 pi int_0^1 exp(c (z^2 - 1)) dz = 4 pi D(sqrt c)/sqrt c */
        if (c > 0)
            near("two-sphere", log_z_at(three, three->truth, NULL, NULL),
                 log(4 * M_PI * gsl_sf_dawson(sqrt(c)) / sqrt(c)), 1e-13);
        else
            near("two-sphere", log_z_at(three, three->truth, NULL, NULL),
                 log(2 * M_PI * sqrt(M_PI / -c) * erf(sqrt(-c))) - c, 1e-13 * (1 - c));
        sg_model_delete(two);
        sg_model_delete(three);
    }
    sg_model *six = bingham(6, "3/3/-5/-5/0");
    const double e = exp(-3) / (-3 * -8.) + exp(5) / (5 * 8.) + 1 / (3 * -5.);
    near("three pairs", log_z_at(six, six->truth, NULL, NULL), log(2 * pow(M_PI, 3) * e), 1e-13);
    sg_model_delete(six);
}

/* Gradient and Hessian against differences of log Z at random theta; trace identities. */
static void derivatives_of_log_z(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20261102, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 24; trial++) {
        const int d = 2 + trial % 5;
        sg_model *model = trial % 2 ? fisher(d, 1) : bingham(d, "1");
        const int full = model->full;
        double theta[FULL], gradient[FULL], hessian[FULL * FULL], up[FULL], down[FULL];
        const double h = 1e-4, size = pow(10, uniform(&stream, -1, 1.5));
        for (int j = 0; j < full; j++) theta[j] = size * uniform(&stream, -1, 1);
        log_z_at(model, theta, gradient, hessian);
        for (int j = 0; j < full; j++) {
            theta[j] += h;
            const double above = log_z_at(model, theta, up, NULL);
            theta[j] -= 2 * h;
            const double below = log_z_at(model, theta, down, NULL);
            theta[j] += h;
            near("gradient", (above - below) / (2 * h), gradient[j], 1e-8);
            for (int k = 0; k < full; k++) {
                near("Hessian", (up[k] - down[k]) / (2 * h), hessian[j * full + k], 1e-8);
                assert_true(fabs(hessian[j * full + k] - hessian[k * full + j]) < 1e-15);
            }
        }
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------------ cubature */

/* Turns the truth: theta for a law that is not along the axes. */
static void turn_truth(sg_model *model, sg_stream *stream) {
    double theta[FULL];
    for (int j = 0; j < model->full; j++) theta[j] = model->truth[j] + 0.5 * uniform(stream, -1, 1);
    OK(sg_model_set_truth(model, model->full, theta));
}

/* log Z, means and covariances of the statistics at the nodes are those of the closed forms. */
static void check_nodes(sg_model *model, double tolerance) {
    const int full = model->full, d = model->space.d;
    double gradient[FULL], hessian[FULL * FULL], weight[B];
    const double log_z = log_z_at(model, model->truth, gradient, hessian);
    for (int level = 0; level < 2; level++) {
        sg_nodes *nodes = NULL;
        sg_arena *arena = NULL;
        sg_jet jet;
        double sum[FULL * FULL] = {0}, mean[FULL] = {0}, total = 0, longest = 0, off = 0;
        OK(sg_nodes_new(model, model->truth, level, false, &nodes));
        OK(sg_arena_new(sg_jet_bytes(full, d, SG_DT | SG_LOGP) + (size_t)d * B * sizeof(double), &arena));
        OK(sg_jet_take(arena, full, d, SG_DT | SG_LOGP, &jet));
        sg_block block = {.x = sg_arena_take(arena, (size_t)d * B, sizeof(double))};
        for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
            sg_nodes_block(nodes, b, &block, weight);
            model->family->jet(model, model->truth, &block, &jet);
            for (int i = 0; i < block.n; i++) {
                double length = 0;
                for (int a = 0; a < d; a++) length += block.x[a * B + i] * block.x[a * B + i];
                longest = fmax(longest, fabs(length - 1));
                off = fmax(off, fabs(jet.logp[i] - log_z - sg_nodes_logp(nodes)[b * B + i]));
                total += weight[i];
                for (int j = 0; j < full; j++) {
                    mean[j] += weight[i] * jet.dt[j * B + i];
                    for (int k = 0; k < full; k++)
                        sum[j * full + k] +=
                            weight[i] * (jet.dt[j * B + i] - gradient[j]) * (jet.dt[k * B + i] - gradient[k]);
                }
            }
        }
        near("mass", total, 1, 1e-12);
        near("length", longest, 0, 1e-14);
        near("log p", off, 0, tolerance * (1 + fabs(log_z)));
        for (int j = 0; j < full; j++) near(model->text, mean[j], gradient[j], tolerance);
        for (int j = 0; j < full; j++)
            for (int k = 0; k < full; k++)
                near(model->text, sum[j * full + k], hessian[j * full + k],
                     tolerance * sqrt(hessian[j * full + j] * hessian[k * full + k]) + 1e-15);
        sg_arena_delete(arena);
        sg_nodes_delete(nodes);
    }
}

static void nodes_agree_with_log_z(void **state) {
    static const char *const concentrations[] = {"0", "2", "-7", "3/1", "40/0.5", "-20/30"};
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20261103, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 12; trial++) {
        sg_model *model = bingham(3, concentrations[trial % 6]);
        if (trial >= 6) turn_truth(model, &stream);
        check_nodes(model, 1e-12);
        sg_model_delete(model);
    }
    for (int d = 2; d <= 12; d += 1 + d / 4)
        for (int trial = 0; trial < 4; trial++) {
            sg_model *model = fisher(d, trial == 3 ? 2e4 : 5. * trial);
            if (trial == 2) turn_truth(model, &stream);
            check_nodes(model, trial == 3 ? 1e-10 : 1e-12);
            sg_model_delete(model);
        }
}

/* E prod x_a^{k_a} of the uniform law, k even: prod (k_a - 1)!! / (d (d+2) ...). */
static double moment(int d, int count, const int *power) {
    double value = 1;
    int degree = 0;
    for (int a = 0; a < count; a++) {
        if (power[a] % 2) return 0;
        for (int k = power[a] - 1; k > 0; k -= 2) value *= k;
        for (int k = 0; k < power[a]; k += 2, degree += 2) value /= d + degree;
    }
    return value;
}

static double node_moment(const sg_nodes *nodes, int d, const int *axis, int count, const int *power) {
    double sum = 0;
    for (long long i = 0; i < nodes->n; i++) {
        double product = nodes->mass[i];
        for (int a = 0; a < count; a++)
            for (int k = 0; k < power[a]; k++) product *= nodes->points->x[axis[a] * nodes->n + i];
        sum += product;
    }
    (void)d;
    return sum;
}

/* The rule across is exact for five linear factors, in every dimension: four coordinates and their powers at random. */
static void rules_are_exact_for_five_factors(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20261104, SG_PURPOSE_TEST, 0);
    for (int d = 2; d <= MOST; d++) {
        sg_model *model = fisher(d, 0);
        sg_nodes *nodes = NULL;
        OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
        for (int trial = 0; trial < 60; trial++) {
            int axis[4], power[4], degree = 0, count = d < 4 ? d : 4;
            for (int a = 0; a < count; a++) {
                bool taken = true;
                while (taken) {
                    axis[a] = (int)uniform(&stream, 0, d);
                    taken = false;
                    for (int b = 0; b < a; b++) taken = taken || axis[b] == axis[a];
                }
                power[a] = (int)uniform(&stream, 0, 6 - degree);
                degree += power[a];
            }
            near(model->text, node_moment(nodes, d, axis, count, power), moment(d, count, power), 2e-14);
        }
        sg_nodes_delete(nodes);
        sg_model_delete(model);
    }
}

/* On S^2 and the circle any smooth function is integrated. */
static void rules_on_the_two_sphere(void **state) {
    (void)state;
    for (int d = 2; d <= 3; d++)
        for (int p = 0; p <= 12; p += 2)
            for (int q = 0; q <= 12; q += 3) {
                sg_model *model = fisher(d, 0);
                sg_nodes *nodes = NULL;
                const int axis[] = {0, d - 1}, power[] = {p, q};
                OK(sg_nodes_new(model, model->truth, 1, false, &nodes));
                near("moment", node_moment(nodes, d, axis, 2, power), moment(d, 2, power), 1e-14);
                sg_nodes_delete(nodes);
                sg_model_delete(model);
            }
}

/* ------------------------------------------------------------------ samplers */

enum { BLOCKS = 80, DRAWS = BLOCKS * B };

static double *draw(const sg_model *model, int n) {
    sg_sampler *sampler = NULL;
    sg_stream stream;
    const int d = model->space.d;
    double *x = NULL, *own = NULL;
    OK(sg_new(&x, (size_t)d * DRAWS, sizeof(double)));
    OK(sg_new(&own, (size_t)d * B, sizeof(double)));
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    assert_true(sg_sampler_error(sampler) == 0);
    sg_stream_open(&stream, 20261105, SG_PURPOSE_TEST, 0);
    for (int b = 0; b < BLOCKS; b++) {
        sg_block block = {.n = n, .d = d, .draws = 1, .x = own};
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(sampler, &stream, &block);
        for (int a = 0; a < d; a++) memcpy(x + (a * BLOCKS + b) * B, own + a * B, (size_t)n * sizeof(double));
    }
    sg_sampler_delete(sampler);
    sg_delete(own);
    return x;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* d = 3: P(x_3 <= w) = (e^{kappa w} - e^{-kappa})/(e^kappa - e^{-kappa}), from 1 - w. */
static void fisher_draws_have_their_law(void **state) {
    static const double kappas[] = {1e-6, 0.7, 12, 4e5};
    (void)state;
    for (int k = 0; k < 4; k++) {
        sg_model *model = fisher(3, kappas[k]);
        double *x = draw(model, B), distance = 0, *u = x;
        for (int i = 0; i < DRAWS; i++) {
            const double s = hypot(x[i], x[DRAWS + i]), z = x[2 * DRAWS + i];
            const double below = z > 0 ? s * s / (1 + z) : 1 - z; /* 1 - z */
            u[i] = 1 - expm1(-kappas[k] * below) / expm1(-2 * kappas[k]);
        }
        qsort(u, DRAWS, sizeof *u, by_value);
        for (int i = 0; i < DRAWS; i++)
            distance = fmax(distance, fmax(fabs(u[i] - (double)i / DRAWS), fabs(u[i] - (i + 1.) / DRAWS)));
        near("Kolmogorov-Smirnov", distance, 0, sqrt(log(2e9) / (2 * DRAWS)));
        sg_delete(x);
        sg_model_delete(model);
    }
}

/* Means and second moments of the statistics, in units of their standard errors. */
static void check_moments(sg_model *model) {
    const int d = model->space.d, full = model->full;
    double gradient[FULL], hessian[FULL * FULL], *x = draw(model, B), longest = 0;
    log_z_at(model, model->truth, gradient, hessian);
    for (int i = 0; i < DRAWS; i++) {
        double length = 0;
        for (int a = 0; a < d; a++) length += x[a * DRAWS + i] * x[a * DRAWS + i];
        longest = fmax(longest, fabs(length - 1));
    }
    near("length", longest, 0, 1e-14);
    for (int j = 0; j < full; j++) {
        double sum = 0, square = 0, fourth = 0;
        for (int i = 0; i < DRAWS; i++) {
            double y[MOST];
            for (int a = 0; a < d; a++) y[a] = x[a * DRAWS + i];
            const double f = statistic(model, j, y) - gradient[j];
            sum += f, square += f * f, fourth += f * f * f * f;
        }
        const double variance = hessian[j * full + j], spread = sqrt((fourth / DRAWS - variance * variance) / DRAWS);
        near(model->text, sum / DRAWS, 0, 6 * sqrt(variance / DRAWS));
        near(model->text, square / DRAWS, variance, 6 * spread);
    }
    sg_delete(x);
}

static void draws_have_their_moments(void **state) {
    static const struct {
        int d;
        const char *concentrations;
    } laws[] = {{2, "3"}, {3, "0"}, {3, "5/1"}, {3, "-30/2"}, {3, "2000/900"}, {5, "1/2/-3/8"}, {8, "-20"}, {10, "4"}};
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20261106, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < 8; k++) {
        sg_model *model = bingham(laws[k].d, laws[k].concentrations);
        if (k % 2) turn_truth(model, &stream);
        check_moments(model);
        sg_model_delete(model);
    }
    for (int d = 2; d <= 16; d += 1 + d / 3) {
        sg_model *model = fisher(d, d == 4 ? 300 : d);
        if (d % 2) turn_truth(model, &stream);
        check_moments(model);
        sg_model_delete(model);
    }
}

/* A point does not depend on how many there are, and blocks come in any order. */
static void draws_depend_on_their_place_alone(void **state) {
    static const char *const models[] = {"von-mises-fisher:d=4,kappa=20", "bingham:d=4,concentrations=9/1/-2"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        sg_model *model = model_of(models[k]);
        double *all = draw(model, B), *few = draw(model, 5);
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < BLOCKS; b++)
                assert_memory_equal(all + (a * BLOCKS + b) * B, few + (a * BLOCKS + b) * B, 5 * sizeof(double));
        sg_delete(all);
        sg_delete(few);
        sg_model_delete(model);
    }
}

/* -------------------------------------------------------------------- frames */

/* Orthonormal; around an axis the density is that at the turned points. */
static void frames_are_orthonormal(void **state) {
    static const char *const models[] = {"von-mises-fisher:d=2,kappa=0",   "von-mises-fisher:d=7,kappa=3",
                                         "bingham:d=5,concentrations=4",   "bingham:d=5,concentrations=-4",
                                         "bingham:d=3,concentrations=7/0", "bingham:d=4,concentrations=3/2/1",
                                         "bingham:d=2,concentrations=5"};
    static const bool axial[] = {true, true, true, true, true, false, true};
    (void)state;
    for (int k = 0; k < 7; k++) {
        sg_model *model = model_of(models[k]);
        const int d = model->space.d;
        double axes[MOST * MOST], sharp;
        bool around;
        model->family->frame(model, model->truth, axes, &sharp, &around);
        assert_true(around == axial[k] && sharp >= 0);
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++) {
                double product = 0;
                for (int c = 0; c < d; c++) product += axes[a * d + c] * axes[b * d + c];
                near("frame", product, a == b, 1e-14);
            }
        sg_model_delete(model);
    }
}

static void refusals_name_what_to_change(void **state) {
    static const struct {
        const char *text, *what;
    } bad[] = {{"bingham(d=3,concentrations=1/2/3)", "give 1 or 2"},
               {"bingham(d=11)", "[2, 10]"},
               {"von-mises-fisher(d=17)", "[2, 16]"},
               {"von-mises-fisher(kappa=-1)", "kappa"}};
    (void)state;
    for (int k = 0; k < 4; k++) {
        char copy[128], *keys;
        sg_pair pairs[4];
        sg_model *model = NULL;
        int count;
        snprintf(copy, sizeof copy, "%s", bad[k].text);
        copy[strlen(copy) - 1] = '\0';
        keys = strchr(copy, '(');
        *keys++ = '\0';
        OK(sg_pairs_split(keys, 4, pairs, &count));
        assert_int_equal(sg_model_new(copy, count, pairs, &model), SG_OUT_OF_RANGE);
        if (!strstr(sg_message(), bad[k].what)) fail_msg("%s: %s", bad[k].text, sg_message());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jets_are_derivatives),
        cmocka_unit_test(fisher_has_its_closed_forms),
        cmocka_unit_test(fisher_has_its_limits),
        cmocka_unit_test(bingham_has_its_closed_forms),
        cmocka_unit_test(derivatives_of_log_z),
        cmocka_unit_test(nodes_agree_with_log_z),
        cmocka_unit_test(rules_are_exact_for_five_factors),
        cmocka_unit_test(rules_on_the_two_sphere),
        cmocka_unit_test(fisher_draws_have_their_law),
        cmocka_unit_test(draws_have_their_moments),
        cmocka_unit_test(draws_depend_on_their_place_alone),
        cmocka_unit_test(frames_are_orthonormal),
        cmocka_unit_test(refusals_name_what_to_change),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("spheres", tests, NULL, NULL);
}
