/*
 * Node-wise fits of an Ising model by pseudolikelihood or RISE, n = 20 spins, all couplings and fields free: seconds a
 * fit with the joint sandwich covariance, from data in memory as rows of doubles.
 *
 *   nodewise draw DATA SIZE           draws SIZE data, a byte -1 or +1 a spin, row by row
 *   nodewise ours DATA LOSS FITS OUT  fits FITS times, all Newton steps from zero; prints the fastest fit's seconds and
 *                                     writes the estimates and their standard errors, couplings J0-1, J0-2, ... and
 *                                     then fields, a line each
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scoregap/estimate.h"

enum { SPINS = 20 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "nodewise: %s: %s\n", what, sg_message());
    exit(1);
}

/* A spin glass in a field, warm enough that most of the data are different. */
static sg_model *spin_glass(void) {
    const sg_pair keys[] = {{"n", "20"},     {"graph", "complete"}, {"couplings", "sk"},
                            {"beta", "0.8"}, {"h", "0.1"},          {"free", "all"}};
    sg_model *model = NULL;
    if (sg_model_new("ising", 6, keys, &model)) die("model");
    return model;
}

static void draw(const char *path, long long size) {
    static double x[SPINS * SG_BLOCK] __attribute__((aligned(64)));
    sg_model *model = spin_glass();
    sg_sampler *sampler = NULL;
    sg_block block = {.x = x};
    FILE *file = fopen(path, "wb");
    if (!file || sg_sampler_new(model, model->truth, NULL, &sampler)) die("sampler");
    sg_source source = {.n = size, .d = SPINS, .sampler = sampler, .key = 1};
    for (long long b = 0; b < sg_source_blocks(&source); b++) {
        sg_source_block(&source, b, &block);
        for (int i = 0; i < block.n; i++)
            for (int a = 0; a < SPINS; a++) fputc((signed char)x[a * SG_BLOCK + i], file);
    }
    if (fclose(file)) die("writing");
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

static double *read_rows(const char *path, long long *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) die("reading");
    const long bytes = ftell(file);
    double *rows = malloc((size_t)bytes * sizeof(double));
    rewind(file);
    for (long k = 0; k < bytes; k++) rows[k] = (signed char)fgetc(file);
    fclose(file);
    *size = bytes / SPINS;
    return rows;
}

static void write_fit(const char *path, int m, const sg_fit *fit) {
    FILE *file = fopen(path, "w");
    if (!file) die("writing");
    for (int j = 0; j < m; j++) fprintf(file, "%.17g %.17g\n", fit->theta[j], sqrt(fit->covariance[j + j * m]));
    fclose(file);
}

static void ours(const char *path, const char *name, int fits, const char *out) {
    char text[64];
    long long size;
    double fastest = INFINITY, *rows = read_rows(path, &size);
    sg_model *model = spin_glass();
    sg_loss *loss = NULL;
    sg_fitter *fitter = NULL;
    const size_t m = (size_t)model->m;
    double *zero = calloc((size_t)model->full, sizeof(double));
    sg_fit fit = {.theta = malloc(m * sizeof(double)), .covariance = malloc(m * m * sizeof(double))};
    snprintf(text, sizeof text, "%s:sites=averaged", name);
    if (sg_loss_new(text, &loss)) die("loss");
    if (sg_fitter_new(model, loss, zero, NULL, NULL, &fitter)) die("fitter");
    const sg_source source = {.n = size, .d = SPINS, .rows = rows};
    for (int k = 0; k < fits; k++) {
        const double start = now();
        if (sg_fit_source(fitter, &source, SG_FIT_SANDWICH, &fit) || fit.status) die("fit");
        fastest = fmin(fastest, now() - start);
    }
    printf("%.6f %d\n", fastest, fit.iterations);
    write_fit(out, model->m, &fit);
    sg_fitter_delete(fitter);
    sg_loss_delete(loss);
    sg_model_delete(model);
    free(fit.theta);
    free(fit.covariance);
    free(zero);
    free(rows);
}

int main(int argc, char **argv) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    if (argc == 4 && !strcmp(argv[1], "draw"))
        draw(argv[2], atoll(argv[3]));
    else if (argc == 6 && !strcmp(argv[1], "ours"))
        ours(argv[2], argv[3], atoi(argv[4]), argv[5]);
    else
        return fprintf(stderr, "usage: nodewise draw DATA SIZE | nodewise ours DATA LOSS FITS OUT\n"), 2;
    return 0;
}
