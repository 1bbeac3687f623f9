#include "tails.h"

#include <math.h>
#include <string.h>

#include "scoregap/base.h"

enum { RANDOM = 64, MOST = RANDOM + 2 * SG_GRID_DIMENSIONS + 8, DEPTHS = 3, PAIRS = 6, DOUBLINGS = 400, HALVINGS = 60 };
static const double depths[DEPTHS] = {60, 120, 240}, level = 0.06; /* change of log Q as the depth doubles */

typedef struct {
    const sg_grid_problem *problem;
    const double *at;
    int d, n;
    double direction[SG_GRID_DIMENSIONS * MOST]; /* [d][n] */
    double x[SG_GRID_DIMENSIONS * MOST], D[PAIRS * MOST];
    double top;
} rays;

static void add_ray(rays *s, const double *direction) {
    double square = 0;
    for (int a = 0; a < s->d; a++) square += direction[a] * direction[a];
    for (int a = 0; a < s->d; a++) s->direction[a * MOST + s->n] = direction[a] / sqrt(square);
    s->n++;
}

static void lay_rays(rays *s, bool above) {
    double one[SG_GRID_DIMENSIONS], random[SG_GRID_DIMENSIONS * RANDOM];
    sg_stream stream;
    for (int a = 0; a < s->d; a++)
        for (int sign = above ? 1 : -1; sign <= 1; sign += 2) {
            memset(one, 0, sizeof one);
            one[a] = sign;
            add_ray(s, one);
        }
    for (int k = 0; k < (above ? 1 : 1 << s->d); k++) {
        for (int a = 0; a < s->d; a++) one[a] = k >> a & 1 ? -1 : 1;
        add_ray(s, one);
    }
    sg_stream_open(&stream, 0, SG_PURPOSE_TEST, 2);
    sg_stream_normal(&stream, (size_t)(s->d * RANDOM), random);
    for (int k = 0; k < RANDOM; k++) {
        for (int a = 0; a < s->d; a++) one[a] = above ? fabs(random[k * s->d + a]) : random[k * s->d + a];
        add_ray(s, one);
    }
}

/* log p at distance r [n] along every ray, less that where they begin. */
static void fall(rays *s, const double *r, double *out) {
    for (int a = 0; a < s->d; a++)
        for (int k = 0; k < s->n; k++) s->x[a * s->n + k] = s->at[a] + r[k] * s->direction[a * MOST + k];
    s->problem->log_p(s->problem->context, s->n, s->x, out);
    for (int k = 0; k < s->n; k++) out[k] -= s->top;
}

/* r where log p has fallen by `depth`; INFINITY where it does not. */
static void find(rays *s, double depth, double *r) {
    double lo[MOST], hi[MOST], value[MOST];
    for (int k = 0; k < s->n; k++) lo[k] = 0, hi[k] = 1;
    for (int step = 0; step < DOUBLINGS; step++) {
        bool all = true;
        fall(s, hi, value);
        for (int k = 0; k < s->n; k++)
            if (value[k] > -depth) lo[k] = hi[k], hi[k] *= 2, all = false;
        if (all) break;
    }
    fall(s, hi, value);
    for (int k = 0; k < s->n; k++) r[k] = value[k] > -depth ? INFINITY : hi[k];
    for (int step = 0; step < HALVINGS; step++) {
        double middle[MOST];
        for (int k = 0; k < s->n; k++) middle[k] = 0.5 * (lo[k] + hi[k]);
        fall(s, middle, value);
        for (int k = 0; k < s->n; k++) *(value[k] > -depth ? &lo[k] : &hi[k]) = middle[k];
    }
    for (int k = 0; k < s->n; k++)
        if (isfinite(r[k])) r[k] = 0.5 * (lo[k] + hi[k]);
}

/* r' D r along every ray, where log p was evaluated last. */
static void along(rays *s, double *out) {
    for (int k = 0; k < s->n; k++) out[k] = 1;
    if (!s->problem->diffusion) return;
    s->problem->diffusion(s->problem->context, s->n, s->x, s->D);
    for (int k = 0; k < s->n; k++) {
        double sum = 0;
        for (int a = 0, row = 0; a < s->d; a++)
            for (int b = 0; b <= a; b++, row++)
                sum +=
                    (a == b ? 1 : 2) * s->D[row * s->n + k] * s->direction[a * MOST + k] * s->direction[b * MOST + k];
        out[k] = sum;
    }
}

/* Q by central differences; 0 where log p does not fall so far. */
static void potential(rays *s, double depth, double *q) {
    double r[MOST], near[MOST], value[2][MOST], D[2][MOST];
    find(s, depth, r);
    for (int side = 0; side < 2; side++) {
        for (int k = 0; k < s->n; k++) near[k] = isfinite(r[k]) ? r[k] * (1 + (side ? 1e-4 : -1e-4)) : 1;
        fall(s, near, value[side]);
        along(s, D[side]);
    }
    for (int k = 0; k < s->n; k++) {
        const double slope =
            (value[1][k] - value[0][k] + 0.5 * log(D[1][k] / D[0][k])) / (2e-4 * (isfinite(r[k]) ? r[k] : 1));
        q[k] = isfinite(r[k]) ? 0.25 * sqrt(D[0][k] * D[1][k]) * slope * slope : 0;
    }
}

sg_status sg_grid_tails(const sg_grid_problem *problem, const double *at, bool above, sg_tails *tails, double *bottom) {
    rays *s = NULL;
    double q[DEPTHS][MOST];
    *tails = SG_TAILS_RISE, *bottom = INFINITY;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    s->problem = problem, s->at = at, s->d = problem->d;
    lay_rays(s, above);
    double start[SG_GRID_DIMENSIONS];
    memcpy(start, at, (size_t)s->d * sizeof *at);
    problem->log_p(problem->context, 1, start, &s->top);
    for (int k = 0; k < DEPTHS; k++) potential(s, depths[k], q[k]);
    for (int k = 0; k < s->n; k++) {
        const double first = log(q[1][k] / q[0][k]), last = log(q[2][k] / q[1][k]);
        if (!(q[2][k] > 0) || (first < -level && last < -level))
            *tails = SG_TAILS_FALL;
        else if (last < level && *tails != SG_TAILS_FALL)
            *tails = SG_TAILS_LEVEL;
        if (last < level) *bottom = fmin(*bottom, q[2][k]);
    }
    sg_delete(s);
    return SG_OK;
}
