/* The law and its diffusion in the coordinates of the elements. */
#include <math.h>
#include <string.h>

#include "elements.h"

enum { CHUNK = 256 };

static void turn_points(const sg_frame *f, int d, int n, const double *u, int stride, double *x) {
    for (int a = 0; a < d; a++)
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int b = 0; b < d; b++) sum += f->turn[a][b] * u[(size_t)b * (size_t)stride + (size_t)i];
            x[a * n + i] = f->turned ? sum : u[(size_t)a * (size_t)stride + (size_t)i];
        }
}

/* turn' D turn at each point, in place. */
static void turn_tensor(const sg_frame *f, int d, int n, double *tensor) {
    double full[SG_DIM][SG_DIM], half[SG_DIM][SG_DIM];
    for (int i = 0; i < n; i++) {
        for (int a = 0; a < d; a++)
            for (int b = 0; b <= a; b++) full[a][b] = full[b][a] = tensor[(a * (a + 1) / 2 + b) * n + i];
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++) {
                half[a][b] = 0;
                for (int c = 0; c < d; c++) half[a][b] += full[a][c] * f->turn[c][b];
            }
        for (int a = 0; a < d; a++)
            for (int b = 0; b <= a; b++) {
                double sum = 0;
                for (int c = 0; c < d; c++) sum += f->turn[c][a] * half[c][b];
                tensor[(a * (a + 1) / 2 + b) * n + i] = sum;
            }
    }
}

static bool in_box(const sg_grid_problem *p, int n, const double *x, int i) {
    for (int a = 0; a < p->d; a++) {
        const double slack = 1e-12 * (p->hi[a] - p->lo[a]);
        if (!(x[a * n + i] >= p->lo[a] - slack && x[a * n + i] <= p->hi[a] + slack)) return false;
    }
    return true;
}

void sg_frame_evaluate(const sg_frame *frame, const sg_grid_problem *problem, int n, const double *u, double *log_p,
                       double *diffusion) {
    double x[SG_DIM * CHUNK], tensor[SG_PACKED * CHUNK];
    const int d = problem->d, packed = d * (d + 1) / 2;
    for (int first = 0; first < n; first += CHUNK) {
        const int count = n - first < CHUNK ? n - first : CHUNK;
        turn_points(frame, d, count, u + first, n, x);
        problem->log_p(problem->context, count, x, log_p + first);
        for (int i = 0; i < count; i++) {
            log_p[first + i] -= frame->top;
            if (frame->turned && !in_box(problem, count, x, i)) log_p[first + i] = -INFINITY;
        }
        if (!diffusion) continue;
        problem->diffusion(problem->context, count, x, tensor);
        if (frame->turned) turn_tensor(frame, d, count, tensor);
        for (int k = 0; k < packed; k++)
            memcpy(diffusion + (size_t)k * (size_t)n + first, tensor + k * count, (size_t)count * sizeof(double));
    }
}

void sg_frame_functions(const sg_frame *frame, const sg_grid_problem *problem, int n, const double *u, double *f) {
    double x[SG_DIM * CHUNK];
    const int d = problem->d;
    for (int first = 0; first < n; first += CHUNK) {
        const int count = n - first < CHUNK ? n - first : CHUNK;
        turn_points(frame, d, count, u + first, n, x);
        problem->function(problem->context, count, x, (size_t)n, f + first);
    }
}
