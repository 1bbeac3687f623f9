/*
 * Generalized score matching of a pairwise interaction model on the orthant, the cut normal law with linear terms, h =
 * min(x, 3), n = 1000 data in P dimensions: seconds for all elements of the quadratic loss, and for the whole fit.
 *
 *   orthant draw DATA P              draws the data, doubles row by row
 *   orthant elements DATA P TIMES    prints the fastest of TIMES passes over the data
 *   orthant fit DATA P TIMES OUT     prints the fastest of TIMES fits, without standard errors; writes theta
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../weighted.h"
#include "estimate/coordinate-fit.h"

enum { SIZE = 1000 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "orthant: %s: %s\n", what, sg_message());
    exit(1);
}

static sg_model *cut_normal(const char *p) {
    const sg_pair keys[] = {{"d", p}, {"graph", "ring"}, {"coupling", "0.3"}, {"eta", "0.5"}};
    sg_model *model = NULL;
    if (sg_model_new("ab-model", 4, keys, &model)) die("model");
    return model;
}

static void draw(const char *path, sg_model *model) {
    sg_sampler *sampler = NULL;
    const size_t d = (size_t)model->space.d;
    sg_block block = {.x = aligned_alloc(64, d * SG_BLOCK * sizeof(double))};
    FILE *file = fopen(path, "wb");
    if (!file || sg_sampler_new(model, model->truth, NULL, &sampler)) die("sampler");
    const sg_source source = {.n = SIZE, .d = model->space.d, .sampler = sampler, .key = 1};
    for (long long b = 0; b < sg_source_blocks(&source); b++) {
        sg_source_block(&source, b, &block);
        for (int i = 0; i < block.n; i++)
            for (size_t a = 0; a < d; a++) fwrite(block.x + a * SG_BLOCK + i, sizeof(double), 1, file);
    }
    if (fclose(file)) die("writing");
    sg_sampler_delete(sampler);
    free(block.x);
}

static void run(const char *path, const sg_model *model, int times, const char *out) {
    const size_t count = (size_t)SIZE * (size_t)model->space.d, m = (size_t)model->m;
    double fastest = INFINITY, *rows = malloc(count * sizeof(double)), *theta = malloc(m * sizeof(double));
    sg_prepared *prepared = NULL;
    sg_coordinate_fit *fit = NULL;
    sg_coordinate_report report = {0};
    FILE *file = fopen(path, "rb");
    if (!file || fread(rows, sizeof(double), count, file) != count) die("reading");
    fclose(file);
    const sg_source source = {.n = SIZE, .d = model->space.d, .rows = rows};
    if (weighted_prepare(NULL, model, NULL, NULL, &prepared)) die("loss");
    if (sg_coordinate_fit_new(model, &weighted_loss, prepared, model->truth, &fit)) die("fit");
    for (int k = 0; k < times; k++) {
        const double start = now();
        if (!out)
            sg_coordinate_fit_sums(fit, &source);
        else if (sg_coordinate_fit_run(fit, &source, theta, &report))
            die("fit");
        fastest = fmin(fastest, now() - start);
    }
    printf("%.6f iterations %d residual %.1e condition %.1e\n", fastest, report.iterations, report.residual,
           report.condition);
    file = out ? fopen(out, "w") : NULL;
    for (size_t k = 0; file && k < m; k++) fprintf(file, "%.17g\n", theta[k]);
    if (file) fclose(file);
    sg_coordinate_fit_delete(fit);
    weighted_release(prepared);
    free(rows);
    free(theta);
}

int main(int argc, char **argv) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    h_now = H_MINIMUM;
    if (argc < 4) return fprintf(stderr, "usage: orthant draw|elements|fit DATA P [TIMES [OUT]]\n"), 2;
    sg_model *model = cut_normal(argv[3]);
    if (!strcmp(argv[1], "draw"))
        draw(argv[2], model);
    else
        run(argv[2], model, argc > 4 ? atoi(argv[4]) : 1, argc > 5 ? argv[5] : NULL);
    sg_model_delete(model);
    return 0;
}
