/* Adaptive cubature in R^d: boxes that are halved along all axes. */
#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/numeric.h"

enum { B = 256, AXES = SG_CUBATURE_AXES, PARTS_MOST = 1 << AXES, DEEPEST = 48, EDGES_MOST = 512 };
static const long long POINTS_MOST = 1LL << 24;

typedef struct {
    double lo[AXES], hi[AXES];
} box;

typedef struct {
    const sg_density_space *density;
    double tol, depth, top; /* exp(log q - top) is what is added up */
    int level, order, points, sums;
    double node[16], weight[16]; /* of the rule on [-1, 1] */
    box whole;
    double *total;                                  /* [sums] of all boxes, in absolute value */
    double *change;                                 /* [sums] what halving changed */
    double *x, *logq, *test;                        /* [d][B], [B], [tests][B] */
    double *part_logq[DEEPEST], *part_sum[DEEPEST]; /* [parts][points], [parts][sums] at each depth of halving */
    sg_cubature *out;
    long long room;
    bool bad;
    unsigned short_of; /* bits 2a and 2a + 1: the cut across axis a lies too near, below or above */
} search;

/* ------------------------------------------------------------------ one box */

/* Point k of the rule on the box, and its weight. */
static double rule_point(const search *s, const box *b, int k, double *x, int stride) {
    double weight = 1;
    for (int a = 0; a < s->density->d; a++, k /= s->order) {
        const double half = 0.5 * (b->hi[a] - b->lo[a]);
        x[a * stride] = b->lo[a] + half * (1 + s->node[k % s->order]);
        weight *= half * s->weight[k % s->order];
    }
    return weight;
}

static void evaluate(search *s, int n) {
    s->density->evaluate(s->density->context, n, s->x, s->logq, s->test);
    for (int i = 0; i < n; i++) s->bad = s->bad || isnan(s->logq[i]) || s->logq[i] == INFINITY;
}

/* Where the weight is 0 the test may be infinite. */
static double weighed_square(int n, const double *restrict weight, const double *restrict test) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        const double f = weight[i] > 0 ? test[i] : 0;
        sum += weight[i] * f * f;
    }
    return sum;
}

/* log q at the points of the box, and the integrals of q and of q test^2. */
static void integrate(search *s, const box *b, double *logq, double *sum) {
    double weight[B];
    memset(sum, 0, (size_t)s->sums * sizeof *sum);
    for (int first = 0; first < s->points; first += B) {
        const int n = s->points - first < B ? s->points - first : B;
        for (int i = 0; i < n; i++) weight[i] = rule_point(s, b, first + i, s->x + i, B);
        evaluate(s, n);
        memcpy(logq + first, s->logq, (size_t)n * sizeof *logq);
        for (int i = 0; i < n; i++) weight[i] *= exp(s->logq[i] - s->top);
        for (int i = 0; i < n; i++) sum[0] += weight[i];
        for (int t = 0; t + 1 < s->sums; t++) sum[t + 1] += weighed_square(n, weight, s->test + t * B);
    }
}

static box part_of(const search *s, const box *b, int part) {
    box child = *b;
    for (int a = 0; a < s->density->d; a++) {
        const double middle = 0.5 * (b->lo[a] + b->hi[a]);
        *(part >> a & 1 ? &child.lo[a] : &child.hi[a]) = middle;
    }
    return child;
}

/* ------------------------------------------------------------------- output */

static sg_status make_room(search *s, long long more) {
    sg_cubature *c = s->out;
    if (c->n + more <= s->room) return SG_OK;
    if (c->n + more > POINTS_MOST)
        return sg_fail(SG_NOT_CONVERGED, "cubature in %d dimensions takes more than %lld points: the law is too narrow",
                       c->d, POINTS_MOST);
    const long long room = s->room ? 2 * s->room + more : 1 << 14;
    double *x = NULL, *mass = NULL, *logp = NULL;
    sg_status status = sg_new(&x, (size_t)room * (size_t)c->d, sizeof *x);
    if (!status) status = sg_new(&mass, (size_t)room, sizeof *mass);
    if (!status) status = sg_new(&logp, (size_t)room, sizeof *logp);
    if (status) {
        sg_delete(x), sg_delete(mass), sg_delete(logp);
        return status;
    }
    for (int a = 0; a < c->d && c->n; a++) memcpy(x + a * room, c->x + a * s->room, (size_t)c->n * sizeof *x);
    if (c->n) memcpy(mass, c->mass, (size_t)c->n * sizeof *mass), memcpy(logp, c->logp, (size_t)c->n * sizeof *logp);
    sg_delete((double *)c->x), sg_delete((double *)c->mass), sg_delete((double *)c->logp);
    c->x = x, c->mass = mass, c->logp = logp, s->room = room;
    return SG_OK;
}

/* A box that touches a cut and matters at its points next to it: the law goes on beyond. */
static void note_cuts(search *s, const box *b, const double *logq) {
    for (int a = 0, stride = 1; a < s->density->d; a++, stride *= s->order) {
        const bool below = b->lo[a] == s->whole.lo[a] && !isfinite(s->density->lo[a]);
        const bool above = b->hi[a] == s->whole.hi[a] && !isfinite(s->density->hi[a]);
        for (int k = 0; (below || above) && k < s->points; k++) {
            const int place = k / stride % s->order;
            if (!(logq[k] > s->top - s->depth)) continue;
            if (below && place == 0) s->short_of |= 1u << (2 * a);
            if (above && place == s->order - 1) s->short_of |= 2u << (2 * a);
        }
    }
}

/* The points of one box, whose log q is known; those that are too deep to matter are left out. */
static sg_status emit(search *s, const box *b, const double *logq) {
    sg_cubature *c = s->out;
    note_cuts(s, b, logq);
    sg_status status = make_room(s, s->points);
    if (status) return status;
    for (int k = 0; k < s->points; k++) {
        if (!(logq[k] > s->top - s->depth)) continue;
        const double weight = rule_point(s, b, k, (double *)c->x + c->n, (int)s->room);
        ((double *)c->mass)[c->n] = weight * exp(logq[k] - s->top);
        ((double *)c->logp)[c->n++] = logq[k];
    }
    return SG_OK;
}

static sg_status emit_parts(search *s, const box *b, int level, int deep, const double *logq) {
    if (!level) return emit(s, b, logq);
    sg_status status = SG_OK;
    for (int p = 0; p < 1 << s->density->d && !status; p++) {
        const box child = part_of(s, b, p);
        double *values = s->part_logq[deep];
        integrate(s, &child, values, s->part_sum[deep]);
        status = emit_parts(s, &child, level - 1, deep + 1, values);
    }
    return status;
}

/* --------------------------------------------------------------- refinement */

static bool is_deep(const search *s, int count, const double *logq) {
    for (int k = 0; k < count; k++)
        if (logq[k] > s->top - s->depth) return false;
    return true;
}

static sg_status refine(search *s, const box *b, const double *logq, const double *sum, int deep) {
    const int parts = 1 << s->density->d;
    double *part = s->part_sum[deep], worst = 0;
    if (deep + s->level + 1 >= DEEPEST)
        return sg_fail(SG_NOT_CONVERGED, "cubature in %d dimensions does not resolve the law near %g", s->density->d,
                       b->lo[0]);
    for (int p = 0; p < parts; p++) {
        const box child = part_of(s, b, p);
        integrate(s, &child, s->part_logq[deep] + (size_t)p * (size_t)s->points, part + (size_t)p * (size_t)s->sums);
    }
    if (s->bad) return sg_fail(SG_NOT_INTEGRABLE, "log q is not a number inside its support");
    if (is_deep(s, s->points, logq) && is_deep(s, parts * s->points, s->part_logq[deep])) return SG_OK;
    for (int t = 0; t < s->sums; t++) {
        double whole = 0;
        for (int p = 0; p < parts; p++) whole += part[(size_t)p * (size_t)s->sums + (size_t)t];
        const double change = fabs(whole - sum[t]);
        if (s->total[t] > 0 && change / s->total[t] > worst) worst = change / s->total[t];
    }
    if (worst <= s->tol) {
        for (int t = 0; t < s->sums; t++) s->change[t] += worst * s->total[t];
        return emit_parts(s, b, s->level, deep, logq);
    }
    sg_status status = SG_OK;
    for (int p = 0; p < parts && !status; p++) {
        const box child = part_of(s, b, p);
        status = refine(s, &child, s->part_logq[deep] + (size_t)p * (size_t)s->points,
                        part + (size_t)p * (size_t)s->sums, deep + 1);
    }
    return status;
}

/* ------------------------------------------------------------ the first boxes */

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Breaks along axis a. */
static int breaks_of(const sg_density_space *q, int a) {
    return a == 0 || q->every_axis ? q->breaks : 0;
}

static bool is_break(const search *s, int a, double at) {
    for (int k = 0; k < breaks_of(s->density, a); k++)
        if (at == s->density->at[k]) return true;
    return false;
}

/* Inside the whole, and not nearly at one of its breaks. */
static int add_edge(const search *s, int a, double at, double least, int count, double *edge) {
    const sg_density_space *q = s->density;
    for (int k = 0; k < breaks_of(q, a); k++)
        if (fabs(at - q->at[k]) <= 0.5 * least) return count;
    if (count < EDGES_MOST && at > s->whole.lo[a] && at < s->whole.hi[a]) edge[count++] = at;
    return count;
}

/* How far the law is smooth on either side of a place: breaks along every axis are those of the integrand alone. */
static double reach_of(const search *s, int a, double place) {
    const sg_density_space *q = s->density;
    double lo = s->whole.lo[a], hi = s->whole.hi[a];
    for (int k = 0; k < (q->every_axis ? 0 : breaks_of(q, a)); k++) {
        if (q->at[k] <= place) lo = fmax(lo, q->at[k]);
        if (q->at[k] >= place) hi = fmin(hi, q->at[k]);
    }
    return fmax(place - lo, hi - place);
}

/* Edges along axis a: the ends of the whole, and steps away from the places that grow by half each. */
static int edges_of(const search *s, int a, double edge[EDGES_MOST]) {
    const sg_density_space *q = s->density;
    int count = 0, kept = 0;
    double least = INFINITY;
    edge[count++] = s->whole.lo[a], edge[count++] = s->whole.hi[a];
    for (int k = 0; k < breaks_of(q, a) && count < EDGES_MOST; k++)
        if (q->at[k] > s->whole.lo[a] && q->at[k] < s->whole.hi[a]) edge[count++] = q->at[k];
    for (int k = 0; k < q->places; k++) least = fmin(least, q->scale[k * q->d + a]);
    for (int k = 0; k < q->places; k++) {
        const double scale = q->scale[k * q->d + a], place = q->place[k * q->d + a], far = reach_of(s, a, place);
        count = add_edge(s, a, place, least, count, edge);
        for (double step = 2 * scale; step < far && count < EDGES_MOST; step *= 1.5) {
            count = add_edge(s, a, place - step, least, count, edge);
            count = add_edge(s, a, place + step, least, count, edge);
        }
    }
    qsort(edge, (size_t)count, sizeof *edge, by_value);
    for (int k = 0; k < count; k++) {
        const bool near = kept && edge[k] - edge[kept - 1] <= 0.5 * least;
        if (!near || (is_break(s, a, edge[k]) && edge[k] > edge[kept - 1])) edge[kept++] = edge[k];
    }
    if (edge[kept - 1] < s->whole.hi[a]) {
        if (kept > 1 && !is_break(s, a, edge[kept - 1])) kept--;
        edge[kept++] = s->whole.hi[a];
    }
    return kept;
}

/* Highest log q on a regular sample of the face of the whole across axis a, at its lower or upper end. */
static double face_top(search *s, int a, bool upper) {
    enum { ACROSS = 33 };
    const int d = s->density->d;
    int total = 1, filled = 0;
    double top = -INFINITY;
    for (int c = 1; c < d; c++) total *= ACROSS;
    for (int k = 0; k < total; k++) {
        for (int c = 0, rest = k; c < d; c++) {
            double *x = s->x + c * B + filled;
            if (c == a) {
                *x = upper ? s->whole.hi[a] : s->whole.lo[a];
                continue;
            }
            *x = s->whole.lo[c] + (s->whole.hi[c] - s->whole.lo[c]) * (rest % ACROSS) / (ACROSS - 1.0);
            rest /= ACROSS;
        }
        if (++filled < B && k + 1 < total) continue;
        evaluate(s, filled);
        for (int i = 0; i < filled; i++) top = fmax(top, s->logq[i]);
        filled = 0;
    }
    return top;
}

/* log q at the places is where the search begins. */
static void look_at_places(search *s) {
    const sg_density_space *q = s->density;
    s->top = -INFINITY;
    for (int k = 0; k < q->places; k++) {
        for (int a = 0; a < q->d; a++) s->x[a * B] = q->place[k * q->d + a];
        evaluate(s, 1);
        s->top = fmax(s->top, s->logq[0]);
    }
}

static sg_status widen(search *s, int side) {
    const int a = side / 2;
    const double width = s->whole.hi[a] - s->whole.lo[a];
    if (s->bad || width > 1e100) return sg_fail(SG_NOT_INTEGRABLE, "the density does not fall off along axis %d", a);
    *(side % 2 ? &s->whole.hi[a] : &s->whole.lo[a]) += side % 2 ? 0.25 * width : -0.25 * width;
    return SG_OK;
}

static sg_status find_whole(search *s) {
    const sg_density_space *q = s->density;
    for (int a = 0; a < q->d; a++) {
        s->whole.lo[a] = INFINITY, s->whole.hi[a] = -INFINITY;
        for (int k = 0; k < q->places; k++) {
            const double at = q->place[k * q->d + a], reach = 8 * q->scale[k * q->d + a];
            s->whole.lo[a] = fmin(s->whole.lo[a], at - reach), s->whole.hi[a] = fmax(s->whole.hi[a], at + reach);
        }
        if (q->lo[a] > -INFINITY) s->whole.lo[a] = q->lo[a];
        if (q->hi[a] < INFINITY) s->whole.hi[a] = q->hi[a];
    }
    for (bool grown = true; grown;) {
        grown = false;
        for (int side = 0; side < 2 * q->d; side++) {
            const int a = side / 2;
            if (isfinite(side % 2 ? q->hi[a] : q->lo[a]) || !(face_top(s, a, side % 2) > s->top - s->depth)) continue;
            sg_status status = widen(s, side);
            if (status) return status;
            grown = true;
        }
    }
    return s->bad ? sg_fail(SG_NOT_INTEGRABLE, "log q is not a number inside its support") : SG_OK;
}

typedef struct {
    int count[AXES];
    double edge[AXES][EDGES_MOST];
} lattice;

static box cell_of(const lattice *l, int d, long long cell) {
    box b = {0};
    for (int a = 0; a < d; a++) {
        const int k = (int)(cell % (l->count[a] - 1));
        b.lo[a] = l->edge[a][k], b.hi[a] = l->edge[a][k + 1];
        cell /= l->count[a] - 1;
    }
    return b;
}

/* All first boxes once for the totals that tolerances are relative to and for the top, then each by itself. */
static sg_status integrate_all(search *s, const lattice *l) {
    const int d = s->density->d;
    long long cells = 1;
    double *logq = s->part_logq[DEEPEST - 1], *sum = s->part_sum[DEEPEST - 1], top = s->top;
    for (int a = 0; a < d; a++) cells *= l->count[a] - 1;
    for (int pass = 0; pass < 2; pass++) {
        memset(s->total, 0, (size_t)s->sums * sizeof *s->total);
        for (long long c = 0; c < cells; c++) {
            const box b = cell_of(l, d, c);
            integrate(s, &b, logq, sum);
            for (int k = 0; k < s->points; k++) top = fmax(top, logq[k]);
            for (int t = 0; t < s->sums; t++) s->total[t] += sum[t];
        }
        if (s->bad) return sg_fail(SG_NOT_INTEGRABLE, "log q is not a number inside its support");
        if (top == s->top) break;
        s->top = top;
    }
    for (long long c = 0; c < cells; c++) {
        const box b = cell_of(l, d, c);
        integrate(s, &b, logq, sum);
        sg_status status = refine(s, &b, logq, sum, 0);
        if (status) return status;
    }
    return SG_OK;
}

/* -------------------------------------------------------------------- whole */

static sg_status normalize(search *s) {
    sg_cubature *c = s->out;
    double *mass = (double *)c->mass, *logp = (double *)c->logp;
    const double z = sg_sum((size_t)c->n, mass);
    if (!(z > 0) || !isfinite(z)) return sg_fail(SG_NOT_INTEGRABLE, "the density has no mass where it was looked for");
    c->log_z = s->top + log(z);
    for (long long i = 0; i < c->n; i++) mass[i] /= z, logp[i] -= c->log_z;
    for (int a = 1; a < c->d; a++) memmove((double *)c->x + a * c->n, c->x + a * s->room, (size_t)c->n * sizeof *c->x);
    for (int t = 0; t < s->sums; t++)
        if (s->total[t] > 0) c->error = fmax(c->error, s->change[t] / s->total[t]);
    return SG_OK;
}

static sg_status open_search(const sg_density_space *density, search *s, sg_arena **arena) {
    const int d = density->d;
    s->order = d == 3 ? 7 : d == 2 ? 10 : 16;
    s->points = d == 1 ? s->order : d == 2 ? s->order * s->order : s->order * s->order * s->order;
    s->sums = 1 + density->tests;
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc((size_t)s->order);
    if (!table) return sg_fail(SG_NO_MEMORY, "no memory for a Gauss rule");
    for (int k = 0; k < s->order; k++)
        gsl_integration_glfixed_point(-1, 1, (size_t)k, &s->node[k], &s->weight[k], table);
    gsl_integration_glfixed_table_free(table);
    const size_t parts = (size_t)PARTS_MOST * (size_t)(s->points + s->sums), rows = (size_t)(d + 1 + density->tests);
    sg_status status = sg_arena_new(
        (DEEPEST * parts + rows * B + 2 * (size_t)s->sums + 64 * (2 * DEEPEST + 8)) * sizeof(double), arena);
    if (status) return status;
    for (int k = 0; k < DEEPEST; k++) {
        s->part_logq[k] = sg_arena_take(*arena, (size_t)PARTS_MOST * (size_t)s->points, sizeof(double));
        s->part_sum[k] = sg_arena_take(*arena, (size_t)PARTS_MOST * (size_t)s->sums, sizeof(double));
    }
    s->x = sg_arena_take(*arena, (size_t)d * B, sizeof(double));
    s->logq = sg_arena_take(*arena, B, sizeof(double));
    s->test = sg_arena_take(*arena, (size_t)(density->tests ? density->tests : 1) * B, sizeof(double));
    s->total = sg_arena_take(*arena, (size_t)s->sums, sizeof(double));
    s->change = sg_arena_take(*arena, (size_t)s->sums, sizeof(double));
    memset(s->change, 0, (size_t)s->sums * sizeof(double));
    return SG_OK;
}

sg_status sg_cubature_new(const sg_density_space *density, double tol, double depth, int level, sg_cubature **out) {
    search s = {.density = density, .tol = tol, .depth = depth, .level = level};
    sg_arena *arena = NULL;
    lattice *l = NULL;
    *out = NULL;
    if (density->d < 1 || density->d > AXES)
        return sg_fail(SG_OUT_OF_RANGE, "cubature is for 1 to %d dimensions, not %d", AXES, density->d);
    sg_status status = sg_new(&s.out, 1, sizeof *s.out);
    if (!status) status = sg_new(&l, 1, sizeof *l);
    if (status) goto out;
    s.out->d = density->d, s.out->level = level;
    if ((status = open_search(density, &s, &arena))) goto out;
    look_at_places(&s);
    if ((status = find_whole(&s))) goto out;
    do {
        for (int side = 0; side < 2 * density->d && !status; side++)
            if (s.short_of >> side & 1) status = widen(&s, side);
        if (status) goto out;
        s.short_of = 0, s.out->n = 0;
        memset(s.change, 0, (size_t)s.sums * sizeof *s.change);
        for (int a = 0; a < density->d; a++) l->count[a] = edges_of(&s, a, l->edge[a]);
        if ((status = integrate_all(&s, l))) goto out;
    } while (s.short_of);
    status = normalize(&s);
out:
    sg_arena_delete(arena);
    sg_delete(l);
    if (status) {
        sg_cubature_delete(s.out);
        return status;
    }
    *out = s.out;
    return SG_OK;
}

void sg_cubature_delete(sg_cubature *c) {
    if (!c) return;
    sg_delete((double *)c->x);
    sg_delete((double *)c->mass);
    sg_delete((double *)c->logp);
    sg_delete(c);
}
