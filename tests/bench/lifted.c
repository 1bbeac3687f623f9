/*
 * Lifted score matching of a mixture of two normals in R^8 with 10 draws a datum, n data: seconds for the value of the
 * loss with its gradient, and with its exact Hessian, at a point beside the truth.
 *
 *   lifted draw DATA N POINTS                    draws N data, doubles row by row, and writes the 10 N noised points
 * (x, beta) that the loss makes of them
 *   lifted ours DATA FREE READINGS TIMES OUT     FREE weight or means, READINGS gradient or hessian.  Prints the
 * fastest of TIMES evaluations that have their noise in memory, and of as many that draw it; writes value, gradient and
 * the lower triangle of the Hessian
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

enum { D = 8, DRAWS = 10 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
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

/* Everything that an evaluation takes. */
typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_prepared *prepared;
} subject;

static subject open_subject(const char *free_parameters) {
    subject s = {.model = two_normals(free_parameters)};
    if (sg_loss_new("lifted:design=tapered,draws=10", &s.loss)) die("loss");
    if (sg_loss_prepare(s.loss, s.model, NULL, &s.prepared)) die("constants");
    return s;
}

static void close_subject(subject *s) {
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

/* The points of one block of data, with the numbers that a pass over source 0 draws for it. */
static void write_points(const subject *s, long long b, const sg_block *data, FILE *file) {
    static double numbers[(D + 1) * SG_BLOCK] __attribute__((aligned(64)));
    static double x[(D + 1) * SG_BLOCK] __attribute__((aligned(64)));
    sg_stream stream;
    char text[320];
    sg_block out = {.n = data->n, .d = D + 1, .x = x};
    snprintf(text, sizeof text, "key=0;loss=%s", s->loss->text);
    sg_stream_open(&stream, sg_hash64(text), SG_PURPOSE_LOSS, 0);
    sg_stream_seek(&stream, (uint32_t)b);
    for (int r = 0; r < DRAWS; r++) {
        for (int k = 0; k < D; k++) sg_stream_normal(&stream, SG_BLOCK, numbers + (size_t)k * SG_BLOCK);
        sg_stream_uniform(&stream, SG_BLOCK, numbers + (size_t)D * SG_BLOCK);
        s->loss->row->point(s->prepared, data, 0, numbers, NULL, &out);
        for (int i = 0; i < data->n; i++)
            for (int a = 0; a <= D; a++) fwrite(x + a * SG_BLOCK + i, sizeof *x, 1, file);
    }
}

static void draw(const char *path, long long size, const char *points) {
    static double x[D * SG_BLOCK] __attribute__((aligned(64)));
    subject s = open_subject("weight");
    sg_sampler *sampler = NULL;
    sg_block block = {.x = x};
    FILE *file = fopen(path, "wb"), *noised = fopen(points, "wb");
    if (!file || !noised || sg_sampler_new(s.model, s.model->truth, NULL, &sampler)) die("sampler");
    sg_source source = {.n = size, .d = D, .sampler = sampler, .key = 1};
    for (long long b = 0; b < sg_source_blocks(&source); b++) {
        sg_source_block(&source, b, &block);
        for (int i = 0; i < block.n; i++)
            for (int a = 0; a < D; a++) fwrite(x + a * SG_BLOCK + i, sizeof *x, 1, file);
        write_points(&s, b, &block, noised);
    }
    if (fclose(file) || fclose(noised)) die("writing");
    sg_sampler_delete(sampler);
    close_subject(&s);
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

static void write_means(const char *path, int m, int want, const sg_pass_means *means) {
    FILE *file = fopen(path, "w");
    if (!file) die("writing");
    fprintf(file, "%.17g\n", means->value);
    for (int j = 0; j < m; j++) fprintf(file, "%.17g\n", means->psi[j]);
    for (int p = 0; want & SG_CURVATURE && p < m * (m + 1) / 2; p++) fprintf(file, "%.17g\n", means->curvature[p]);
    fclose(file);
}

static double fastest(const subject *s, sg_lens *lens, const double *theta, const sg_source *source, int want,
                      int times, sg_pass_means *means) {
    double least = INFINITY;
    if (sg_pass_open(lens, s->prepared, source)) die("memory for the noise");
    for (int k = 0; k <= times; k++) {
        const double start = now();
        sg_pass(lens, s->prepared, NULL, theta, source, want, means);
        if (k > 0) least = fmin(least, now() - start);
    }
    return least;
}

static void ours(const char *path, const char *free_parameters, int want, int times, const char *out) {
    double *rows = NULL;
    sg_source source = {.d = D, .rows = rows = read_rows(path, &source.n)};
    subject s = open_subject(free_parameters);
    sg_chart *chart = NULL;
    sg_lens *lens = NULL;
    sg_pass_means means;
    double *theta = calloc((size_t)s.model->full, sizeof *theta);
    for (int j = 0; j < s.model->full; j++) theta[j] = s.model->truth[j] + (j ? 0.05 * (j % 3) : 0.02);
    if (sg_chart_new(s.model, theta, NULL, &chart)) die("chart");
    if (sg_lens_new(s.model, s.loss, chart, want, 0, &lens) || sg_pass_means_new(s.model->m, &means)) die("lens");
    const double drawing = fastest(&s, lens, theta, &source, want, times, &means);
    source.memory = (size_t)64 << 20;
    printf("%.6g %.6g\n", fastest(&s, lens, theta, &source, want, times, &means), drawing);
    write_means(out, s.model->m, want, &means);
    sg_pass_means_clear(&means);
    sg_lens_delete(lens);
    sg_chart_delete(chart);
    close_subject(&s);
    free(theta);
    free(rows);
}

int main(int argc, char **argv) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    if (argc == 5 && !strcmp(argv[1], "draw"))
        draw(argv[2], atoll(argv[3]), argv[4]);
    else if (argc == 7 && !strcmp(argv[1], "ours"))
        ours(argv[2], argv[3], SG_VALUE | SG_PSI | (strcmp(argv[4], "hessian") ? 0 : SG_CURVATURE), atoi(argv[5]),
             argv[6]);
    else
        return fprintf(stderr, "usage: lifted draw DATA N POINTS | lifted ours DATA FREE READINGS TIMES OUT\n"), 2;
    return 0;
}
