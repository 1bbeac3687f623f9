#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

#include "laws.h"

static const double LINE_LO = -INFINITY, LINE_HI = INFINITY;

static sg_panels *make(const sg_density *density, double depth, int level) {
    sg_panels *panels;
    sg_status status = sg_panels_new(density, 1e-13, depth, level, &panels);
    if (status) fail_msg("%s: %s", sg_status_name(status), sg_message());
    return panels;
}

static void assert_close(const char *what, double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("%s: %.17g is off %.17g by %.3g, allowed %.3g", what, value, truth, value - truth, tolerance);
}

/* ---------------------------------------------------------------- closed forms */

static void check_shape(const sg_panels *p) {
    double sum = 0;
    assert_int_equal(p->n, p->count * SG_PANEL_ORDER);
    for (int b = 0; b < p->count; b++) {
        const double *x = p->x + b * SG_PANEL_ORDER;
        double low = INFINITY, high = -INFINITY;
        assert_true(p->edge[b] < x[0] && x[SG_PANEL_ORDER - 1] < p->edge[b + 1]);
        for (int j = 0; j < SG_PANEL_ORDER; j++) {
            int i = b * SG_PANEL_ORDER + j;
            if (j) assert_true(x[j] > x[j - 1]);
            low = fmin(low, p->logp[i]);
            high = fmax(high, p->logp[i]);
            sum += p->mass[i];
            assert_true(p->log_below[i] <= 0 && p->log_above[i] <= 0);
        }
        assert_true(high - low <= 3.0001);
        assert_true(p->edge_below[b] <= p->edge_below[b + 1] && p->edge_above[b] >= p->edge_above[b + 1]);
    }
    assert_close("mass", sum, 1, 1e-14);
    assert_true(p->edge_below[0] == -INFINITY && p->edge_above[p->count] == -INFINITY);
    assert_true(p->edge_below[p->count] == 0 && p->edge_above[0] == 0);
}

/*
 * The logs of the tails to 1e-12, down to e^-150: the cut at depth 200 changes them by e^-40 there.  Cauchy's cut
 * takes off e^-100, which is e^-40 of e^-60.
 */
static void closed_forms(void **state) {
    (void)state;
    for (int k = 0; k < LAWS; k++) {
        sg_density density = law_density(&laws[k]);
        sg_panels *p = make(&density, 200, 0);
        double least = strcmp(laws[k].name, "cauchy") ? -150 : -60;
        check_shape(p);
        assert_close(laws[k].name, p->log_z, laws[k].log_z, 2e-15 * (1 + fabs(laws[k].log_z)));
        for (int i = 0; i < p->n; i++) {
            double below = laws[k].below(p->x[i]), above = laws[k].above(p->x[i]);
            if (below > least) assert_close(laws[k].name, p->log_below[i], below, 1e-12);
            if (above > least) assert_close(laws[k].name, p->log_above[i], above, 1e-12);
            assert_close(laws[k].name, p->logp[i], laws[k].logq(p->x[i]) - laws[k].log_z, 1e-13);
        }
        for (int b = 1; b < p->count; b++) {
            double below = laws[k].below(p->edge[b]), above = laws[k].above(p->edge[b]);
            if (below > least) assert_close(laws[k].name, p->edge_below[b], below, 1e-12);
            if (above > least) assert_close(laws[k].name, p->edge_above[b], above, 1e-12);
        }
        sg_panels_delete(p);
    }
}

/* The cut lies within a panel of the depth asked for, and the mass beyond it is estimated well. */
static void cut(void **state) {
    (void)state;
    const double depth[] = {20, 60, 200, 700};
    for (int k = 0; k < LAWS; k++)
        for (int d = 0; d < 4; d++) {
            if (!strcmp(laws[k].name, "cauchy") && d == 3) continue;
            sg_density density = law_density(&laws[k]);
            sg_panels *p = make(&density, depth[d], 0);
            double lo = p->edge[0], hi = p->edge[p->count], top = -INFINITY;
            for (int i = 0; i < p->n; i++) top = fmax(top, p->logp[i] + p->log_z);
            if (isinf(laws[k].hi)) {
                double fall = top - laws[k].logq(hi);
                assert_true(fall > depth[d] - 0.1 && fall < depth[d] + 6.5);
                assert_close("tail", p->log_tail_hi, laws[k].above(hi), 1); /* a factor 2 for Cauchy */
            } else {
                assert_true(hi == laws[k].hi && p->log_tail_hi == -INFINITY);
            }
            if (isinf(laws[k].lo)) {
                double fall = top - laws[k].logq(lo);
                assert_true(fall > depth[d] - 0.1 && fall < depth[d] + 6.5);
                assert_close("tail", p->log_tail_lo, laws[k].below(lo), 1);
            } else {
                assert_true(lo == laws[k].lo && p->log_tail_lo == -INFINITY);
            }
            sg_panels_delete(p);
        }
}

/* -------------------------------------------------------------- double wells */

/*
 * V = h (x^2 - 1)^2 + x/4 with mpmath, 40 digits.  The norm is the sum of mpmath.quad over pieces of 1/sqrt(32 h); a
 * tail is the sum over pieces of min(1/sqrt(32 h), 1/|V'|) outwards from x until a piece adds 1e-30 of it.  The
 * integrand is divided by its value at the piece's end, since the stopping rule of quad is absolute.
 */
static const struct {
    double h, log_z;
    struct {
        double x, below, above;
    } at[6];
} reference[] = {
    {5,
     -0.15243926054007533109,
     {{-1.25, -3.9888551852652238651, -0.018694564517033642889},
      {-0.75, -0.60967579565342125974, -0.78422584542719978112},
      {0, -0.48367205104688987809, -0.95845569633662799172},
      {0.75, -0.39990329233169411615, -1.1098295907951558392},
      {1.125, -0.059051614090494500191, -2.8587239181312218577},
      {1.3125, -0.0027192641713723635106, -5.9087532844893345127}}},
    {50,
     -1.3490423335595376285,
     {{-1.25, -19.137938332755630466, -4.8808896405012897045e-9},
      {-0.75, -0.47480644510854268898, -0.97287546708866359801},
      {0, -0.47479874100532910488, -0.97288814463323676124},
      {0.75, -0.47479340758916250032, -0.97289692122739512334},
      {1.125, -0.0012617455181575124897, -6.6758899912602809664},
      {1.3125, -6.5316992992877547861e-14, -30.359524162882219386}}},
    {2000,
     -3.1970664748951794849,
     {{-1.25, -637.93879590608776125, 0},
      {-0.75, -0.47409468970784226432, -0.97404779338439923187},
      {0, -0.47409468970784226432, -0.97404779338439923187},
      {0.75, -0.47409468970784226432, -0.97404779338439923187},
      {1.125, 0, -145.98075995323552753},
      {1.3125, 0, -1050.5300901109980501}}},
};

static double at_point(const sg_panels *p, const double *f, double x) {
    double *c = malloc((size_t)p->n * sizeof *c), value;
    assert_non_null(c);
    sg_panels_coefficients(p, f, c);
    sg_panels_interpolate(p, c, 1, &x, &value);
    free(c);
    return value;
}

static void double_wells(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++)
        for (int marked = 0; marked < 2; marked++) {
            wells w = {reference[k].h, 0.25};
            const double place[] = {-1, 0, 1}, width[] = {0.01, 0.1, 0.01};
            sg_density density = {&w, wells_evaluate, 4, LINE_LO, LINE_HI, marked ? 3 : 0, place, width};
            sg_panels *p = make(&density, 200, 0);
            assert_close("log_z", p->log_z, reference[k].log_z, 2e-14);
            check_shape(p);
            for (int i = 0; i < 6; i++) {
                double x = reference[k].at[i].x, noise = 1e-16 * w.h; /* rounding of V itself */
                assert_close("below", at_point(p, p->log_below, x), reference[k].at[i].below, 1e-12 + 4 * noise);
                assert_close("above", at_point(p, p->log_above, x), reference[k].at[i].above, 1e-12 + 4 * noise);
            }
            double floor = fmin(-200, -w.h - 60) + 6; /* 3 for the last panel, 3 for the norm */
            assert_true(p->logp[0] < floor && p->logp[p->n - 1] < floor);
            assert_close("barrier", at_point(p, p->logp, 0), -w.h - reference[k].log_z, 1e-12 + 8e-16 * w.h);
            sg_panels_delete(p);
        }
}

/* ------------------------------------------------------- jumps and refinement */

static const double JUMP = 1e-6;

static void jump_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const double *place = context;
    for (int i = 0; i < n; i++) {
        double y = (x[i] - *place) / JUMP;
        logq[i] = -0.5 * x[i] * x[i];
        test[i] = erf(y);
        test[n + i] = exp(-y * y);
    }
}

/*
 * X standard Gaussian: E erf(X/w)^2 = (4/pi) atan sqrt(1 + 4/w^2) - 1,  E exp(-(X/w)^2)^2 = 1/sqrt(1 + 4/w^2),
 * E exp(-((X - c)/w)^2) = w/sqrt(w^2 + 2) exp(-c^2/(w^2 + 2)).
 */
static void jump(void **state) {
    (void)state;
    const double places[] = {0, 0.7};
    for (int k = 0; k < 2; k++) {
        double c = places[k], width = JUMP, first = 0, second = 0, narrow = 0, narrow_squared = 0;
        sg_density density = {&c, jump_evaluate, 2, LINE_LO, LINE_HI, 1, &c, &width};
        sg_panels *p = make(&density, 200, 0);
        assert_true(p->count < 300);
        for (int i = 0; i < p->n; i++) {
            double y = (p->x[i] - c) / JUMP;
            first += p->mass[i] * erf(y);
            second += p->mass[i] * erf(y) * erf(y);
            narrow += p->mass[i] * exp(-y * y);
            narrow_squared += p->mass[i] * exp(-2 * y * y);
        }
        double tail = -erf(c / sqrt(2 + JUMP * JUMP));
        assert_close("erf", first, tail, 1e-14);
        assert_close("peak", narrow / (JUMP / sqrt(JUMP * JUMP + 2) * exp(-c * c / (JUMP * JUMP + 2))), 1,
                     k == 0 ? 1e-13 : 1e-9); /* x - c has a rounding error of 1e-16/w */
        if (k == 0) {
            assert_close("erf^2", second, 4 / M_PI * atan(sqrt(1 + 4 / (JUMP * JUMP))) - 1, 1e-14);
            assert_close("peak^2", narrow_squared * sqrt(1 + 4 / (JUMP * JUMP)), 1, 1e-13);
        }
        assert_true(p->error < (k == 0 ? 1e-12 : 1e-9));
        sg_panels_delete(p);
    }
}

static void mean_squares(const sg_density *d, const sg_panels *p, double *mean) {
    double logq[SG_PANEL_ORDER], test[4 * SG_PANEL_ORDER];
    memset(mean, 0, 8 * sizeof *mean);
    for (int i = 0; i < p->n; i += SG_PANEL_ORDER) {
        d->evaluate(d->context, SG_PANEL_ORDER, p->x + i, logq, test);
        for (int t = 0; t < d->tests; t++)
            for (int j = 0; j < SG_PANEL_ORDER; j++) {
                double f = test[t * SG_PANEL_ORDER + j];
                mean[2 * t] += p->mass[i + j] * fabs(f);
                mean[2 * t + 1] += p->mass[i + j] * f * f;
            }
    }
}

/* Two modes, and the sinusoid and error function that the families use. */
static void wave_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    double a = ((const double *)context)[0], omega = ((const double *)context)[1];
    for (int i = 0; i < n; i++) {
        logq[i] = x[i] * x[i] - x[i] * x[i] * x[i] * x[i] / (2 * a * a);
        test[i] = sin(omega * x[i]);
        test[n + i] = omega * cos(omega * x[i]);
        test[2 * n + i] = erf(x[i]);
        test[3 * n + i] = x[i] * x[i];
    }
}

/* Halving every panel changes nothing at 1e-12, and the change is below the error that the panels report. */
static void doubling(void **state) {
    (void)state;
    const double parameters[][2] = {{1, 1}, {3, 10}, {5, 100}, {10, 3}, {0.1, 1000}};
    for (int k = 0; k < 5; k++) {
        sg_density density = {parameters[k], wave_evaluate, 4, LINE_LO, LINE_HI, 0, NULL, NULL};
        sg_panels *p = make(&density, 200, 0), *fine = make(&density, 200, 1);
        double coarse_mean[8], fine_mean[8];
        assert_int_equal(fine->count, 2 * p->count);
        mean_squares(&density, p, coarse_mean);
        mean_squares(&density, fine, fine_mean);
        assert_close("log_z", p->log_z, fine->log_z, 1e-13 + 1e-15 * fabs(p->log_z));
        for (int t = 0; t < 8; t++) {
            bool kink = t % 2 == 0 && t < 6; /* |sin| and its like are not smooth: only their squares converge */
            if (!kink) assert_close("mean", coarse_mean[t] / fine_mean[t], 1, fmin(1e-12, 1e-14 + p->error));
        }
        assert_true(p->error < 1e-12);
        for (int b = 0; b <= p->count; b++) {
            if (p->edge_below[b] > -180) assert_close("below", p->edge_below[b], fine->edge_below[2 * b], 1e-12);
            if (p->edge_above[b] > -180) assert_close("above", p->edge_above[b], fine->edge_above[2 * b], 1e-12);
        }
        sg_panels_delete(p);
        sg_panels_delete(fine);
    }
}

static double heaviest_tail(const law *l) {
    return strcmp(l->name, "cauchy") ? -150 : -60;
}

/* Location and scale change nothing: panels for a law seen from elsewhere, without landmarks. */
typedef struct {
    const law *base;
    double shift, scale;
} moved;

static void moved_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const moved *m = context;
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = m->base->logq((x[i] - m->shift) / m->scale);
}

static void location_and_scale(void **state) {
    (void)state;
    const double shift[] = {0, 1000, -3e5}, scale[] = {1e-8, 0.01, 1, 1e6, 1e30};
    for (int s = 0; s < 3; s++)
        for (int c = 0; c < 5; c++)
            for (int k = 0; k < 2; k++) { /* smooth laws */
                moved m = {&laws[k], shift[s], scale[c]};
                sg_density density = {&m, moved_evaluate, 0, LINE_LO, LINE_HI, 0, NULL, NULL};
                if (scale[c] < 1e-3 * fabs(shift[s])) density.landmarks = 1; /* the search must be told */
                density.landmark = &shift[s];
                density.scale = &scale[c];
                sg_panels *p = make(&density, 200, 0);
                double noise = 1e-13 + 40 * 0x1p-52 * fabs(shift[s]) / scale[c];
                assert_close("log_z", p->log_z - log(scale[c]), laws[k].log_z, noise);
                for (int i = 0; i < p->n; i++) {
                    double below = laws[k].below((p->x[i] - shift[s]) / scale[c]);
                    if (below > heaviest_tail(&laws[k])) assert_close("below", p->log_below[i], below, 10 * noise);
                }
                sg_panels_delete(p);
            }
}

/* ------------------------------------------------------------- other weights */

static void reweight(void **state) {
    (void)state;
    wells from = {5, 0.25}, to = {5.3, 0.31};
    const double place[] = {-1, 0, 1}, width[] = {0.1, 0.1, 0.1};
    sg_density here = {&from, wells_evaluate, 4, LINE_LO, LINE_HI, 3, place, width}, there = here;
    there.context = &to;
    sg_panels *p = make(&here, 200, 0), *rebuilt = make(&there, 200, 0), *into;
    double *logq = malloc(5 * (size_t)p->n * sizeof *logq), moments[8], truth[8];
    assert_non_null(logq);
    assert_int_equal(sg_panels_copy(p, &into), SG_OK);
    assert_ptr_not_equal(into->x, p->x);
    assert_memory_equal(into->log_below, p->log_below, (size_t)p->n * sizeof(double));
    there.evaluate(&to, p->n, p->x, logq, logq + p->n);
    assert_int_equal(sg_panels_reweight(p, logq, into), SG_OK);
    assert_close("log_z", into->log_z, rebuilt->log_z, 1e-14);
    mean_squares(&there, into, moments);
    mean_squares(&there, rebuilt, truth);
    for (int t = 2; t < 8; t++)
        if (t != 2 && t != 6) assert_close("moment", moments[t] / truth[t], 1, 1e-12);
    for (int k = -12; k <= 12; k++) {
        double x = k / 8.0;
        assert_close("below", at_point(into, into->log_below, x), at_point(rebuilt, rebuilt->log_below, x), 2e-12);
        assert_close("above", at_point(into, into->log_above, x), at_point(rebuilt, rebuilt->log_above, x), 2e-12);
    }
    here.evaluate(&from, p->n, p->x, logq, logq + p->n);
    assert_int_equal(sg_panels_reweight(p, logq, into), SG_OK);
    assert_memory_equal(into->log_above, p->log_above, (size_t)p->n * sizeof(double));
    assert_memory_equal(into->mass, p->mass, (size_t)p->n * sizeof(double));
    free(logq);
    sg_panels_delete(into);
    sg_panels_delete(rebuilt);
    sg_panels_delete(p);
}

static void reweight_refuses(void **state) {
    (void)state;
    sg_density density = law_density(&laws[0]), other = law_density(&laws[3]);
    sg_panels *p = make(&density, 200, 0), *into, *small;
    double *logq = malloc((size_t)p->n * sizeof *logq);
    assert_non_null(logq);
    assert_int_equal(sg_panels_copy(p, &into), SG_OK);
    for (int i = 0; i < p->n; i++) logq[i] = -0.01 * p->x[i] * p->x[i];
    assert_int_equal(sg_panels_reweight(p, logq, into), SG_NOT_INTEGRABLE); /* e^-4 beyond the ends */
    assert_non_null(strstr(sg_message(), "fall off"));
    for (int i = 0; i < p->n; i++) logq[i] = 0.01 * p->x[i];
    assert_int_equal(sg_panels_reweight(p, logq, into), SG_NOT_INTEGRABLE);
    for (int i = 0; i < p->n; i++) logq[i] = -500 * p->x[i] * p->x[i];
    assert_int_equal(sg_panels_reweight(p, logq, into), SG_NOT_INTEGRABLE);
    assert_non_null(strstr(sg_message(), "resolve"));
    logq[p->n / 2] = NAN;
    assert_int_equal(sg_panels_reweight(p, logq, into), SG_NOT_INTEGRABLE);
    assert_int_equal(sg_panels_new(&other, 1e-13, 200, 0, &small), SG_OK);
    assert_int_equal(sg_panels_reweight(p, logq, small), SG_INTERNAL);
    free(logq);
    sg_panels_delete(small);
    sg_panels_delete(into);
    sg_panels_delete(p);
}

/* -------------------------------------------------------------------- refusals */

static double flat_logq(double x) {
    return 0 * x;
}
static double inverse_logq(double x) {
    return -log1p(fabs(x));
}
static double rising_logq(double x) {
    return x * x;
}
static double hole_logq(double x) {
    return x > 0.4 && x < 0.6 ? NAN : -x * x;
}
static double gap_logq(double x) {
    return x > 0.4 && x < 0.6 ? -INFINITY : -x * x;
}
static double infinite_logq(double x) {
    return fabs(x) < 0.1 ? INFINITY : -x * x;
}
static double short_logq(double x) {
    return x > 3 ? NAN : -x * x;
}
static double nowhere_logq(double x) {
    return x < INFINITY ? -INFINITY : x;
}

static void refusals(void **state) {
    (void)state;
    double (*const bad[])(double) = {flat_logq,     inverse_logq, rising_logq,  hole_logq, gap_logq,
                                     infinite_logq, short_logq,   nowhere_logq, NULL};
    for (int k = 0; bad[k]; k++) {
        law l = {"bad", bad[k], LINE_LO, LINE_HI, 0, NULL, NULL};
        sg_density density = law_density(&l);
        sg_panels *p = (sg_panels *)&l;
        sg_status status = sg_panels_new(&density, 1e-13, 200, 0, &p);
        if (status != SG_NOT_INTEGRABLE) fail_msg("case %d gave %s", k, sg_status_name(status));
        assert_null(p);
    }
    assert_int_equal(sg_memory_live(), 0);
}

/* Values that overflow far out are no reason to refuse, and a hard end inside an infinite support is found. */
static double steep_logq(double x) {
    return fabs(x) < 1e6 ? x * x - pow(x, 16) : NAN;
}
static double ended_logq(double x) {
    return x > 1.3 ? -INFINITY : -x * x;
}

static void far_out(void **state) {
    (void)state;
    law steep = {"steep", steep_logq, LINE_LO, LINE_HI, 0, NULL, NULL}, ended = steep;
    double far = 0.5, wide = 1e5;
    sg_density density = law_density(&steep);
    density.landmarks = 1;
    density.landmark = &far;
    density.scale = &wide; /* the first pieces soon reach beyond 1e6 */
    sg_panels *p = make(&density, 200, 0);
    assert_close("log_z", p->log_z, 1.0227044989577314179, 1e-14); /* mpmath.quad, 30 digits */
    sg_panels_delete(p);
    ended.logq = ended_logq;
    density = law_density(&ended);
    p = make(&density, 200, 0);
    assert_close("log_z", p->log_z, log(0.5 * sqrt(M_PI) * (1 + erf(1.3))), 1e-12);
    assert_close("end", p->edge[p->count], 1.3, 1e-12);
    assert_true(p->log_tail_hi == -INFINITY);
    sg_panels_delete(p);
}

static void rough_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    (void)context;
    for (int i = 0; i < n; i++) {
        logq[i] = -0.5 * x[i] * x[i];
        test[i] = sin(1e7 * x[i]);
    }
}

static void unresolvable_and_out_of_range(void **state) {
    (void)state;
    sg_density density = {NULL, rough_evaluate, 1, LINE_LO, LINE_HI, 0, NULL, NULL};
    sg_panels *p;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &p), SG_NOT_CONVERGED);
    density = law_density(&laws[0]);
    assert_int_equal(sg_panels_new(&density, 1e-17, 200, 0, &p), SG_OUT_OF_RANGE);
    assert_int_equal(sg_panels_new(&density, 1e-13, 0, 0, &p), SG_OUT_OF_RANGE);
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, -1, &p), SG_OUT_OF_RANGE);
    density.lo = density.hi = 0;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &p), SG_OUT_OF_RANGE);
    double place = 0, width = 0;
    density = law_density(&laws[0]);
    density.landmarks = 1;
    density.landmark = &place;
    density.scale = &width;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &p), SG_OUT_OF_RANGE);
    assert_int_equal(sg_memory_live(), 0);
}

/* The k-th allocation fails, for every k; h = 500 outgrows the first pool. */
static void memory(void **state) {
    (void)state;
    wells w = {500, 0};
    sg_density density = {&w, wells_evaluate, 4, LINE_LO, LINE_HI, 0, NULL, NULL};
    sg_panels *p = NULL, *copy;
    long k = 1;
    for (;; k++) {
        sg_memory_fail_after(k);
        sg_status status = sg_panels_new(&density, 1e-13, 200, 0, &p);
        sg_memory_fail_after(0);
        if (!status) break;
        assert_int_equal(status, SG_NO_MEMORY);
        assert_null(p);
        assert_int_equal(sg_memory_live(), 0);
    }
    assert_true(k > 10);
    sg_memory_fail_after(1);
    assert_int_equal(sg_panels_copy(p, &copy), SG_NO_MEMORY);
    sg_memory_fail_after(0);
    sg_panels_delete(p);
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(cut),
        cmocka_unit_test(double_wells),
        cmocka_unit_test(jump),
        cmocka_unit_test(doubling),
        cmocka_unit_test(location_and_scale),
        cmocka_unit_test(reweight),
        cmocka_unit_test(reweight_refuses),
        cmocka_unit_test(refusals),
        cmocka_unit_test(far_out),
        cmocka_unit_test(unresolvable_and_out_of_range),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
