/*
 * Lifted score matching of a mixture of two normals in R^8 with 10 draws a datum, n data: seconds for the value of the
 * loss with its gradient, and with its exact Hessian, at a point beside the truth.
 *
 *   lifted draw DATA N                         draws N data, doubles row by row
 *   lifted ours DATA FREE READINGS TIMES       FREE weight or means; READINGS gradient or hessian.  Prints the fastest of
 *                                              TIMES evaluations, and the value of the loss
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "estimate/pass.h"
#include "scoregap/estimate.h"

enum { D = 8 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "lifted: %s: %s\n", what, sg_message());
    exit(1);
}

static sg_model *two_normals(const char *free) {
    const sg_pair keys[] = {{"d", "8"}, {"m", "2"}, {"w", "0.3"}, {"free", free}};
    sg_model *model = NULL;
    if (sg_model_new("mixture", 4, keys, &model)) die("model");
    return model;
}

static void draw(const char *path, long long size) {
    static double x[D * SG_BLOCK] __attribute__((aligned(64)));
    sg_model *model = two_normals("weight");
    sg_sampler *sampler = NULL;
    sg_block block = {.x = x};
    FILE *file = fopen(path, "wb");
    if (!file || sg_sampler_new(model, model->truth, NULL, &sampler)) die("sampler");
    sg_source source = {.n = size, .d = D, .sampler = sampler, .key = 1};
    for (long long b = 0; b < sg_source_blocks(&source); b++) {
        sg_source_block(&source, b, &block);
        for (int i = 0; i < block.n; i++)
            for (int a = 0; a < D; a++) fwrite(x + a * SG_BLOCK + i, sizeof *x, 1, file);
    }
    if (fclose(file)) die("writing");
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

static double *read_rows(const char *path, long long *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) die("reading");
    *size = ftell(file) / (long)(D * sizeof(double));
    double *rows = malloc((size_t)*size * D * sizeof *rows);
    rewind(file);
    if (!rows || fread(rows, D * sizeof *rows, (size_t)*size, file) != (size_t)*size) die("reading");
    fclose(file);
    return rows;
}

static void ours(const char *path, const char *free_parameters, int want, int times) {
    double fastest = INFINITY, *rows = NULL;
    sg_source source = {.d = D, .rows = rows = read_rows(path, &source.n)};
    sg_model *model = two_normals(free_parameters);
    sg_loss *loss = NULL;
    sg_chart *chart = NULL;
    sg_lens *lens = NULL;
    sg_prepared *prepared = NULL;
    sg_pass_means means;
    double *theta = calloc((size_t)model->full, sizeof *theta);
    for (int j = 0; j < model->full; j++) theta[j] = model->truth[j] + (j ? 0.05 * (j % 3) : 0.02);
    if (sg_loss_new("lifted:design=tapered,draws=10", &loss)) die("loss");
    if (sg_chart_new(model, theta, NULL, &chart) || sg_lens_new(model, loss, chart, want, 0, &lens)) die("lens");
    if (sg_loss_prepare(loss, model, NULL, &prepared) || sg_pass_means_new(model->m, &means)) die("constants");
    for (int k = 0; k < times; k++) {
        const double start = now();
        sg_pass(lens, prepared, NULL, theta, &source, want, &means);
        fastest = fmin(fastest, now() - start);
    }
    printf("%.6g %.12g\n", fastest, means.value);
    sg_pass_means_clear(&means);
    sg_loss_release(loss, prepared);
    sg_lens_delete(lens);
    sg_chart_delete(chart);
    sg_loss_delete(loss);
    sg_model_delete(model);
    free(theta);
    free(rows);
}

int main(int argc, char **argv) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    if (argc == 4 && !strcmp(argv[1], "draw"))
        draw(argv[2], atoll(argv[3]));
    else if (argc == 6 && !strcmp(argv[1], "ours"))
        ours(argv[2], argv[3], SG_VALUE | SG_PSI | (strcmp(argv[4], "hessian") ? 0 : SG_CURVATURE), atoi(argv[5]));
    else
        return fprintf(stderr, "usage: lifted draw DATA N | lifted ours DATA FREE gradient|hessian TIMES\n"), 2;
    return 0;
}
