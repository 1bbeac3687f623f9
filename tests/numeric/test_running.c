#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_sf_legendre.h>
#include <stdlib.h>

#include "laws.h"
#include "numeric/legendre.h"

enum { N = SG_PANEL_ORDER };

static void assert_close(const char *what, double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("%s: %.17g is off %.17g by %.3g, allowed %.3g", what, value, truth, value - truth, tolerance);
}

/* ------------------------------------------------------------------- constants */

static void nodes_and_weights(void **state) {
    (void)state;
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(N);
    assert_non_null(table);
    for (int j = 0; j < N; j++) {
        double x, w;
        gsl_integration_glfixed_point(-1, 1, (size_t)j, &x, &w, table);
        assert_close("node", sg_legendre_node[j], x, 1e-16);
        assert_close("weight", sg_legendre_weight[j], w, 1e-16);
        assert_true(sg_legendre_node[j] == -sg_legendre_node[N - 1 - j]);
    }
    gsl_integration_glfixed_table_free(table);
}

/* The columns of both matrices, from the Legendre polynomials of GSL: int_{-1}^t P_k = (P_{k+1} - P_{k-1})(t)/(2k+1).
 */
static void matrices(void **state) {
    (void)state;
    double at[N][N + 1];
    for (int i = 0; i < N; i++)
        for (int k = 0; k <= N; k++) at[i][k] = gsl_sf_legendre_Pl(k, sg_legendre_node[i]);
    for (int j = 0; j < N; j++)
        for (int i = 0; i < N; i++) {
            double integral = 0.5 * (1 + sg_legendre_node[i]);
            for (int k = 1; k < N; k++) integral += 0.5 * at[j][k] * (at[i][k + 1] - at[i][k - 1]);
            assert_close("left", sg_legendre_left[j][i], sg_legendre_weight[j] * integral, 2e-15);
            assert_close("coefficient", sg_legendre_coefficient[j][i], (i + 0.5) * sg_legendre_weight[j] * at[j][i],
                         2e-15);
        }
}

/* Powers of t have their integrals from both ends, also where these are small. */
static void unit_panel(void **state) {
    (void)state;
    for (int k = 0; k < N; k++) {
        double f[N], left[N], right[N], total, again;
        for (int j = 0; j < N; j++) f[j] = pow(sg_legendre_node[j], k);
        sg_panel_unit_left(f, left, &total);
        sg_panel_unit_right(f, right, &again);
        assert_true(total == again);
        assert_close("total", total, k % 2 ? 0 : 2.0 / (k + 1), 4e-16);
        for (int i = 0; i < N; i++) {
            double t = sg_legendre_node[i], below = (pow(t, k + 1) - pow(-1, k + 1)) / (k + 1);
            assert_close("left", left[i], below, 5e-16);
            assert_close("right", right[i], (1 - pow(t, k + 1)) / (k + 1), 5e-16);
        }
    }
}

/* Series: values, two at a time, eight at a time, slopes at the ends, and the means of running integrals up to the
 * ends. */
static void series(void **state) {
    (void)state;
    double f[N], c[2 * N], left[N], right[N];
    const double s = 1.3;
    for (int j = 0; j < N; j++) f[j] = exp(s * sg_legendre_node[j]);
    sg_legendre_apply(sg_legendre_coefficient, f, c);
    for (int k = 0; k < N; k++) c[N + k] = -2 * c[k];
    sg_legendre_means(f, left, right);
    for (int i = -50; i <= 50; i++) {
        double t = i / 50.0, value, twice, many[8];
        const double ts[8] = {t, -t, t, t, -t, t, t, t};
        const int panel[8] = {0, 0, 1, 0, 1, 1, 0, 0}, same[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        assert_close("sum", sg_legendre_sum(c, t), exp(s * t), 4e-15);
        sg_legendre_pair(c, c + N, t, &value, &twice);
        assert_true(value == sg_legendre_sum(c, t) && twice == -2 * value);
        sg_legendre_sum8(c, panel, ts, many);
        for (int l = 0; l < 8; l++) assert_true(many[l] == (panel[l] ? -2 : 1) * sg_legendre_sum(c, ts[l]));
        sg_legendre_sum8(c, same, ts, many);
        for (int l = 0; l < 8; l++) assert_true(many[l] == -2 * sg_legendre_sum(c, ts[l]));
        double below = i > -50 ? exp(-s) * expm1(s * (1 + t)) / (s * (1 + t)) : exp(-s);
        double above = i < 50 ? -exp(s) * expm1(-s * (1 - t)) / (s * (1 - t)) : exp(s);
        assert_close("left mean", sg_legendre_sum(left, t) / below, 1, 2e-14);
        assert_close("right mean", sg_legendre_sum(right, t) / above, 1, 2e-14);
    }
    assert_close("slope", sg_legendre_slope(c, 1) / (s * exp(s)), 1, 1e-12);
    assert_close("slope", sg_legendre_slope(c, -1) / (s * exp(-s)), 1, 1e-12);
}

/* The estimated rest is above the true error of interpolation, and not by more than four orders for entire functions.
 */
static void rest(void **state) {
    (void)state;
    for (int k = 1; k <= 12; k++) {
        double f[N], c[N], worst = 0;
        for (int j = 0; j < N; j++) f[j] = exp(0.5 * k * sg_legendre_node[j]);
        sg_legendre_apply(sg_legendre_coefficient, f, c);
        for (int i = -200; i <= 200; i++) worst = fmax(worst, fabs(sg_legendre_sum(c, i / 200.0) - exp(i * k / 400.0)));
        double estimate = sg_legendre_rest(f), noise = 1e-14 * exp(0.5 * k);
        assert_true(estimate > 0.5 * worst - noise);
        assert_true(estimate < 1e4 * worst + noise);
    }
}

/* ------------------------------------------------------------------- on panels */

static sg_panels *gauss(double depth) {
    sg_density density = law_density(&laws[0]);
    sg_panels *p;
    assert_int_equal(sg_panels_new(&density, 1e-13, depth, 0, &p), SG_OK);
    return p;
}

static double *vector(const sg_panels *p) {
    double *v = malloc(((size_t)p->n + 1) * sizeof *v);
    assert_non_null(v);
    return v;
}

/* Exact for a polynomial of degree 15 on each panel, to the rounding of its size there. */
static void running_polynomial(void **state) {
    (void)state;
    sg_panels *p = gauss(60);
    double *f = vector(p), *F = vector(p), *edges = vector(p), lo = p->edge[0], hi = p->edge[p->count];
    for (int k = 0; k < N; k += 3) {
        double size = pow(hi, k + 1);
        for (int i = 0; i < p->n; i++) f[i] = (k + 1) * pow(p->x[i], k);
        sg_panels_from_left(p, f, F, edges);
        for (int i = 0; i < p->n; i++)
            assert_close("left", F[i] / size, (pow(p->x[i], k + 1) - pow(lo, k + 1)) / size, 1e-14);
        for (int b = 0; b <= p->count; b++)
            assert_close("edge", edges[b] / size, (pow(p->edge[b], k + 1) - pow(lo, k + 1)) / size, 1e-14);
        assert_true(edges[0] == 0);
        sg_panels_from_right(p, f, F, edges);
        for (int i = 0; i < p->n; i++)
            assert_close("right", F[i] / size, (pow(hi, k + 1) - pow(p->x[i], k + 1)) / size, 1e-14);
        for (int b = 0; b <= p->count; b++)
            assert_close("edge", edges[b] / size, (pow(hi, k + 1) - pow(p->edge[b], k + 1)) / size, 1e-14);
        assert_true(edges[p->count] == 0);
        sg_panels_from_left(p, f, F, NULL);
        sg_panels_from_right(p, f, F, NULL);
    }
    free(f);
    free(F);
    free(edges);
    sg_panels_delete(p);
}

/* int -x p = p for the Gaussian: relative accuracy in both tails, where p is e^-150 of its maximum. */
static void running_density(void **state) {
    (void)state;
    sg_panels *p = gauss(200);
    double *f = vector(p), *F = vector(p), *edges = vector(p);
    for (int i = 0; i < p->n; i++) f[i] = -p->x[i] * exp(p->logp[i]);
    sg_panels_from_left(p, f, F, edges);
    for (int i = 0; i < p->n; i++)
        if (p->x[i] < -0.5 && p->logp[i] > -150) assert_close("left", F[i] / exp(p->logp[i]), 1, 1e-12);
    sg_panels_from_right(p, f, F, edges);
    for (int i = 0; i < p->n; i++)
        if (p->x[i] > 0.5 && p->logp[i] > -150) assert_close("right", F[i] / -exp(p->logp[i]), 1, 1e-12);
    for (int b = 1; b < p->count; b++) {
        double density = exp(-0.5 * p->edge[b] * p->edge[b] - p->log_z);
        if (p->edge[b] > 0.5 && log(density) > -150) assert_close("edge", edges[b] / -density, 1, 1e-12);
    }
    free(f);
    free(F);
    free(edges);
    sg_panels_delete(p);
}

static void interpolation(void **state) {
    (void)state;
    sg_panels *p = gauss(200);
    double *f = vector(p), *c = vector(p), x[1001], value[1001];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < p->n; i++) f[i] = k == 0 ? sin(2 * p->x[i]) : k == 1 ? p->logp[i] : exp(p->logp[i]);
        sg_panels_coefficients(p, f, c);
        for (int i = 0; i <= 1000; i++) x[i] = -15 + 0.03 * ((i * 389) % 1001);
        x[7] = p->edge[3];
        sg_panels_interpolate(p, c, 1001, x, value);
        for (int i = 0; i <= 1000; i++) {
            double logp = -0.5 * x[i] * x[i] - p->log_z;
            if (k == 0) assert_close("sin", value[i], sin(2 * x[i]), 1e-13);
            if (k == 1) assert_close("logp", value[i], logp, 2e-13);
            if (k == 2) assert_close("p", value[i] / exp(logp), 1, 1e-11);
        }
        double first = value[0], alone;
        for (int i = 0; i < 20; i++) { /* the answer does not depend on the company */
            sg_panels_interpolate(p, c, 1, x + i, &alone);
            assert_true(alone == value[i]);
        }
        assert_true(first == value[0]);
    }
    const double out[3] = {-25, 0, INFINITY}; /* constant beyond the ends */
    sg_panels_coefficients(p, p->x, c);
    sg_panels_interpolate(p, c, 3, out, value);
    assert_close("left end", value[0], p->edge[0], 1e-13);
    assert_close("middle", value[1], 0, 1e-13);
    assert_close("right end", value[2], p->edge[p->count], 1e-13);
    free(f);
    free(c);
    sg_panels_delete(p);
}

static void mean(void **state) {
    (void)state;
    sg_panels *p = gauss(200);
    double *f = vector(p), fact = 1;
    for (int k = 0; k <= 10; k += 2) {
        fact *= k ? k - 1 : 1; /* E X^k = (k-1)!! */
        for (int i = 0; i < p->n; i++) f[i] = pow(p->x[i], k);
        assert_close("moment", sg_panels_mean(p, f) / fact, 1, 4e-15);
    }
    free(f);
    sg_panels_delete(p);
}

/* Summed plainly, the ones would be lost beside 1e16. */
static void mean_is_compensated(void **state) {
    (void)state;
    double ones[N], f[N];
    for (int j = 0; j < N; j++) ones[j] = f[j] = 1;
    f[0] = f[6] = 1e16;
    f[3] = f[8] = -1e16;
    sg_panels p = {.count = 1, .n = N, .mass = ones};
    assert_true(sg_panels_mean(&p, f) == N - 4);
}

static void distribution(void **state) {
    (void)state;
    for (int k = 0; k < LAWS; k++) {
        sg_density density = law_density(&laws[k]);
        sg_panels *p;
        assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &p), SG_OK);
        for (int i = 1; i < 400; i++) {
            double x = isinf(laws[k].hi) ? (isinf(laws[k].lo) ? 0.085 * (i - 200) : 0.05 * i) : i / 400.0;
            if (i == 399 && !isinf(laws[k].lo)) x = 1e-12; /* near a finite end */
            double below, above;
            sg_panels_distribution(p, x, &below, &above);
            assert_close(laws[k].name, log(below), laws[k].below(x), 1e-12);
            assert_close(laws[k].name, log(above), laws[k].above(x), 1e-12);
        }
        double below, above;
        sg_panels_distribution(p, p->edge[0], &below, &above);
        assert_true(below == 0 && above == 1);
        sg_panels_distribution(p, INFINITY, &below, &above);
        assert_true(below == 1 && above == 0);
        sg_panels_delete(p);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_weights),
        cmocka_unit_test(matrices),
        cmocka_unit_test(unit_panel),
        cmocka_unit_test(series),
        cmocka_unit_test(rest),
        cmocka_unit_test(running_polynomial),
        cmocka_unit_test(running_density),
        cmocka_unit_test(interpolation),
        cmocka_unit_test(mean),
        cmocka_unit_test(mean_is_compensated),
        cmocka_unit_test(distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
