/*
 * All means and products of pairs of the spins of an Ising model given by a graph file, by its 2^n states.
 *
 *   moments ours FILE THREADS COUNT    log p of the states included
 *   moments floor FILE THREADS COUNT   what they cannot do without: one exp of each log p, list to list, and reading
 *                                      the list once more
 *   moments value FILE                 log Z and the products x_i x_j, i < j, one a line
 *
 * The first two print milliseconds a call, after set-up: the processor time and that of the wall clock.  The lists of
 * the floor are in memory before.
 */
#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/vecmath.h"
#include "scoregap/family.h"

enum { SITES = 26, CHUNK = 1 << 14 };

typedef struct {
    sg_model *model;
    int n;
    long long states;
    double *log_p, *p; /* [states], of the floor */
    double log_z, mean[SITES], product[SITES * SITES];
    double read;
} task;

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static sg_status open_task(const char *file, bool lists, task *t) {
    char graph[4096];
    snprintf(graph, sizeof graph, "@%s", file);
    const sg_pair pair = {"graph", graph};
    sg_status status = sg_model_new("ising", 1, &pair, &t->model);
    if (status) return status;
    t->n = t->model->space.d;
    t->states = 1LL << t->n;
    if (t->n > SITES) return sg_fail(SG_OUT_OF_RANGE, "%d sites are too many: take at most %d", t->n, (int)SITES);
    if (!lists) return SG_OK;
    status = sg_new(&t->log_p, (size_t)t->states, sizeof(double));
    if (!status) status = sg_new(&t->p, (size_t)t->states, sizeof(double));
    for (long long first = 0; first < t->states && !status; first += CHUNK)
        t->model->family->states(t->model, t->model->truth, (uint64_t)first,
                                 (int)(t->states < CHUNK ? t->states : CHUNK), t->log_p + first);
    double most = -INFINITY;
    for (long long k = 0; k < t->states && !status; k++) most = fmax(most, t->log_p[k]);
    for (long long k = 0; k < t->states && !status; k++) t->log_p[k] -= most;
    return status;
}

static void floor_once(task *t) {
    const double *restrict log_p = t->log_p;
    double *restrict p = t->p, sum = 0;
#pragma omp parallel for simd schedule(static)
    for (long long k = 0; k < t->states; k++) p[k] = exp(log_p[k]);
#pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (long long k = 0; k < t->states; k++) sum += p[k];
    t->read += sum;
}

static sg_status once(task *t) {
    if (!t->log_p) return sg_model_moments(t->model, t->model->truth, &t->log_z, t->mean, t->product);
    floor_once(t);
    return SG_OK;
}

static sg_status measure(task *t, int count) {
    sg_status status = once(t);
    const double wall = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int k = 0; k < count && !status; k++) status = once(t);
    if (!status)
        printf("%.5g %.5g\n", (now(CLOCK_PROCESS_CPUTIME_ID) - processor) / count,
               (now(CLOCK_MONOTONIC) - wall) / count);
    return t->read < 0 ? SG_INTERNAL : status; /* the sums are used */
}

static sg_status print_values(task *t) {
    sg_status status = once(t);
    if (!status) printf("%.17g\n", t->log_z);
    for (int i = 0; i < t->n && !status; i++)
        for (int j = i + 1; j < t->n; j++) printf("%.17g\n", t->product[i * t->n + j]);
    return status;
}

int main(int argc, char **argv) {
    task t = {0};
    gsl_set_error_handler_off();
    const bool value = argc == 3 && !strcmp(argv[1], "value"), ours = argc == 5 && !strcmp(argv[1], "ours");
    if (!value && !ours && !(argc == 5 && !strcmp(argv[1], "floor"))) {
        fprintf(stderr, "usage: moments ours|floor FILE THREADS COUNT | moments value FILE\n");
        return 2;
    }
    if (!value) omp_set_num_threads(atoi(argv[3]));
    sg_status status = open_task(argv[2], !value && !ours, &t);
    if (!status) status = value ? print_values(&t) : measure(&t, atoi(argv[4]));
    if (status) fprintf(stderr, "moments: %s\n", sg_message());
    sg_delete(t.log_p);
    sg_delete(t.p);
    sg_model_delete(t.model);
    return status ? 1 : 0;
}
