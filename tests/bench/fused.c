/*
 * Monte Carlo score matching on bimodal(a = 3), n = 10^4: microseconds a fit.
 *
 *   fused ours REPLICATES THREADS    the library's kernel, as sweeps run it (estimates only, as the peers)
 *   fused floor REPLICATES           a hand-written kernel without any of the library's care: random numbers, a bare
 * table of the inverse distribution function (no error control, no tails), statistics and sums in one loop
 *
 * Prints one line: microseconds a fit, and n times the variance of the first parameter as a check that the work was
 * done.
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/vecmath.h"
#include "scoregap/estimate.h"

enum { N = 10000, CELLS = 8192, GRID = 1 << 20 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "fused: %s: %s\n", what, sg_message());
    exit(1);
}

static double n_variance(int count, const double *theta, int stride) {
    double mean = 0, sum = 0;
    for (int r = 0; r < count; r++) mean += theta[r * stride] / count;
    for (int r = 0; r < count; r++) sum += (theta[r * stride] - mean) * (theta[r * stride] - mean);
    return N * sum / (count - 1);
}

static void ours(int replicates, int threads) {
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_asymptotic *a = NULL;
    sg_montecarlo *out = NULL;
    const sg_pair pair = {"a", "3"};
    if (sg_model_new("bimodal", 1, &pair, &model) || sg_loss_new("score-matching", &loss)) die("set-up");
    if (sg_asymptotic_new(model, loss, &a)) die("asymptotic covariance");
    const sg_loss *losses[] = {loss};
    const sg_asymptotic *theory[] = {a};
    sg_montecarlo_plan plan = {.model = model,
                               .losses = 1,
                               .loss = losses,
                               .asymptotic = theory,
                               .n = N,
                               .replicates = 2 * threads,
                               .key = sg_cell_key(1, model, N),
                               .memory = (size_t)64 << 20,
                               .threads = threads,
                               .skip_se = true};
    if (sg_montecarlo_run(&plan, &out)) die("warming up"); /* the threads exist from here on, as in a sweep */
    sg_montecarlo_delete(out);
    plan.replicates = replicates;
    double start = now();
    if (sg_montecarlo_run(&plan, &out)) die("Monte Carlo");
    double seconds = now() - start;
    printf("%.4f %.4f\n", 1e6 * seconds / replicates, n_variance(replicates, out->loss[0].theta, 2));
    sg_montecarlo_delete(out);
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static double log_density(double x) {
    return x * x - x * x * x * x / 18;
}

/* Cubic through the values and slopes of the inverse distribution function at the ends of a cell, coefficients
 * adjacent. */
static void bare_table(double (*cell)[4]) {
    const double lo = -9, hi = 9, h = (hi - lo) / GRID;
    double *cumulative = malloc((GRID + 1) * sizeof(double)), x[CELLS + 1], slope[CELLS + 1];
    cumulative[0] = 0;
    for (int i = 0; i < GRID; i++)
        cumulative[i + 1] =
            cumulative[i] + h / 6 *
                                (exp(log_density(lo + i * h)) + 4 * exp(log_density(lo + (i + .5) * h)) +
                                 exp(log_density(lo + (i + 1) * h)));
    double z = cumulative[GRID];
    for (int k = 0, i = 0; k <= CELLS; k++) {
        double u = z * fmin(fmax((double)k / CELLS, 1e-9), 1 - 1e-9);
        while (i < GRID - 1 && cumulative[i + 1] < u) i++;
        x[k] = lo + h * (i + (u - cumulative[i]) / (cumulative[i + 1] - cumulative[i]));
        slope[k] = z * exp(-log_density(x[k])) / CELLS;
    }
    for (int k = 0; k < CELLS; k++) {
        double d = x[k + 1] - x[k];
        cell[k][0] = x[k], cell[k][1] = slope[k], cell[k][2] = 3 * d - 2 * slope[k] - slope[k + 1],
        cell[k][3] = slope[k] + slope[k + 1] - 2 * d;
    }
    free(cumulative);
}

/* Sums of one block in one loop: A = sum F'F'^T, b = sum F''. */
static void add_block(int n, const double *u, const double (*cell)[4], double sums[5]) {
    double a11 = 0, a12 = 0, a22 = 0, b1 = 0, b2 = 0;
#pragma omp simd reduction(+ : a11, a12, a22, b1, b2)
    for (int i = 0; i < n; i++) {
        double v = u[i] * CELLS, t;
        int k = (int)v;
        t = v - k;
        double x = cell[k][0] + t * (cell[k][1] + t * (cell[k][2] + t * cell[k][3]));
        double x2 = x * x, e = 1.1283791670955126 * exp(-x2), f = 2 * x - x * x2 * (2. / 9), g = f + e;
        a11 += f * f, a12 += f * g, a22 += g * g;
        b1 += 2 - x2 * (6. / 9), b2 += 2 - x2 * (6. / 9) - 2 * x * e;
    }
    sums[0] += a11, sums[1] += a12, sums[2] += a22, sums[3] += b1, sums[4] += b2;
}

static void bare(int replicates) {
    static double cell[CELLS][4] __attribute__((aligned(64))), u[SG_BLOCK] __attribute__((aligned(64)));
    double *theta = malloc((size_t)replicates * 2 * sizeof(double));
    sg_stream stream;
    bare_table(cell);
    double start = now();
    for (int r = 0; r < replicates; r++) {
        double s[5] = {0};
        sg_stream_open(&stream, 1, SG_PURPOSE_DATA, (uint32_t)r);
        for (int first = 0; first < N; first += SG_BLOCK) {
            int n = N - first < SG_BLOCK ? N - first : SG_BLOCK;
            sg_stream_seek(&stream, (uint32_t)(first / SG_BLOCK));
            sg_stream_uniform(&stream, (size_t)n, u);
            add_block(n, u, (const double(*)[4])cell, s);
        }
        double det = s[0] * s[2] - s[1] * s[1];
        theta[2 * r] = -(s[2] * s[3] - s[1] * s[4]) / det;
        theta[2 * r + 1] = -(s[0] * s[4] - s[1] * s[3]) / det;
    }
    double seconds = now() - start;
    printf("%.4f %.4f\n", 1e6 * seconds / replicates, n_variance(replicates, theta, 2));
    free(theta);
}

int main(int argc, char **argv) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    if (argc == 4 && !strcmp(argv[1], "ours"))
        ours(atoi(argv[2]), atoi(argv[3]));
    else if (argc == 3 && !strcmp(argv[1], "floor"))
        bare(atoi(argv[2]));
    else
        return fprintf(stderr, "usage: fused ours REPLICATES THREADS | fused floor REPLICATES\n"), 2;
    return 0;
}
