/*
 * Gaps of Ising models given by graph files: of Glauber dynamics, or of those of another loss.
 *
 *   cube write random N SEED   couplings N(0, 0.2^2) between all pairs and fields N(0, 0.2^2): no symmetry
 *   cube write equal N BETA    couplings BETA/N between all pairs, no fields: all permutations are symmetries
 *   cube gap FILE THREADS COUNT [LOSS]
 *
 * The last prints, separated by blanks: seconds a call of processor time and of the wall clock, after the model is made
 * (log p is part of the call); the gap and its enclosure; iterations; MiB of memory of the process at the peak, and
 * before the calls.
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "scoregap/spectrum.h"

#define SPREAD 0.2
enum { SITES = 32, DECIMALS = 17 };

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double peak(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_maxrss / 1024;
}

static int write_random(int n, uint32_t seed) {
    double normal[SITES * SITES];
    sg_stream stream;
    sg_stream_open(&stream, 3, SG_PURPOSE_DATA, seed);
    sg_stream_normal(&stream, sizeof normal / sizeof *normal, normal);
    for (int i = 0; i < n; i++) {
        printf("%d %.*g\n", i, DECIMALS, SPREAD * normal[i * SITES + i]);
        for (int j = 0; j < i; j++) printf("%d %d %.*g\n", i, j, DECIMALS, SPREAD * normal[i * SITES + j]);
    }
    return 0;
}

static int write_equal(int n, double beta) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) printf("%d %d %.*g\n", i, j, DECIMALS, beta / n);
    return 0;
}

static sg_status measure(const char *file, int threads, int count, const char *dynamics) {
    char graph[4096];
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_gap gap = {0};
    const sg_spectrum_settings settings = {.threads = threads, .memory = (size_t)4 << 30};
    snprintf(graph, sizeof graph, "@%s", file);
    const sg_pair pair = {"graph", graph};
    sg_status status = sg_model_new("ising", 1, &pair, &model);
    if (!status) status = sg_loss_new(dynamics, &loss);
    const double before = peak(), wall = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int k = 0; k < count && !status; k++) status = sg_spectrum_gap(model, loss, &settings, &gap, NULL);
    if (!status)
        printf("%.6g %.6g %.14g %.14g %.14g %d %.1f %.1f\n", (now(CLOCK_PROCESS_CPUTIME_ID) - processor) / count,
               (now(CLOCK_MONOTONIC) - wall) / count, gap.gap, gap.gap_lower, gap.gap_upper, gap.iterations, peak(),
               before);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status;
}

static int usage(void) {
    fprintf(stderr, "usage: cube write random N SEED | cube write equal N BETA | cube gap FILE THREADS COUNT [LOSS]\n");
    return 2;
}

int main(int argc, char **argv) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const bool gap = argc > 1 && !strcmp(argv[1], "gap");
    if (argc != 5 && !(gap && argc == 6)) return usage();
    if (gap) {
        if (measure(argv[2], atoi(argv[3]), atoi(argv[4]), argc > 5 ? argv[5] : "pseudolikelihood") == SG_OK) return 0;
        fprintf(stderr, "cube: %s\n", sg_message());
        return 1;
    }
    const int n = atoi(argv[3]);
    if (strcmp(argv[1], "write") != 0 || n < 2 || n > SITES) return usage();
    if (!strcmp(argv[2], "random")) return write_random(n, (uint32_t)atoi(argv[4]));
    if (!strcmp(argv[2], "equal")) return write_equal(n, atof(argv[4]));
    return usage();
}
