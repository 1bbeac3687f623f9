#include "estimate/spread.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { B = SG_BLOCK, MEMBERS = 3 };

/* value, psi and curvature of a point, and what faces add to them. */
typedef struct {
    int rows;
    double *part, *fixed, *face, *sum;
} member;

struct sg_spread_room {
    sg_arena *arena;
    sg_jet raw_all, jet_all;
    sg_datum part_all, fixed, face; /* of a point; of the faces, which have no roots */
    double *mean;                   /* [m][B] of faces drawn apart */
    double *scaled;                 /* [m * roots][B] */
    double *x, *room, *numbers;
    const double *score; /* of the last look */
    int d;
    /* Numbers that are kept, one block of data after the other; `known` blocks of them have been drawn. */
    double *store, *kept; /* `kept`: of the next look; NULL: they are not */
    size_t capacity, each;
    long long known, next;
    bool keeping;
};

sg_status sg_spread_open(int want, sg_lens *lens) {
    sg_status status;
    const sg_row *row = lens->loss->row;
    const sg_model *model = lens->model;
    const int d = model->space.d + row->more, m = lens->m, faces = want & (SG_VALUE | SG_PSI | SG_CURVATURE);
    const int inner = (want & SG_DIRICHLET ? SG_ROOT : 0) | (want & ~SG_DIRICHLET);
    const int jets = row->jets(model, inner) | (row->more ? row->jets(model, faces) | SG_DT : 0);
    sg_spread_room *r = NULL;
    if ((status = sg_new(&r, 1, sizeof *r))) return status;
    lens->spread = r;
    r->d = d;
    const size_t roots = (size_t)lens->roots, numbers = 2 * (size_t)d + 2;
    const size_t rows = (size_t)m * (2 + roots) + 2 * (size_t)d + numbers + 1;
    const size_t bytes = sg_chart_raw_bytes(model, lens->chart, d, jets) + sg_jet_bytes(m, d, jets) +
                         sg_datum_bytes(m, lens->roots, inner) + 2 * sg_datum_bytes(m, lens->roots, faces) +
                         rows * B * sizeof(double) + 8192;
    if ((status = sg_arena_new(bytes, &r->arena))) return status;
    if ((status = sg_chart_raw_take(model, lens->chart, r->arena, d, jets, &r->raw_all))) return status;
    if ((status = sg_jet_take(r->arena, m, d, jets, &r->jet_all))) return status;
    if ((status = sg_datum_take(r->arena, m, lens->roots, inner, &r->part_all))) return status;
    if ((status = sg_datum_take(r->arena, m, lens->roots, faces, &r->fixed))) return status;
    if ((status = sg_datum_take(r->arena, m, lens->roots, faces, &r->face))) return status;
    r->mean = sg_arena_take(r->arena, (size_t)m * B, sizeof(double));
    r->scaled = sg_arena_take(r->arena, (size_t)m * (roots + 1) * B, sizeof(double));
    r->x = sg_arena_take(r->arena, (size_t)d * B, sizeof(double));
    r->room = sg_arena_take(r->arena, (size_t)d * B, sizeof(double));
    r->numbers = sg_arena_take(r->arena, numbers * B, sizeof(double));
    if (!r->mean || !r->scaled || !r->x || !r->room || !r->numbers)
        return sg_fail(SG_NO_MEMORY, "no memory for the draws of loss %s", lens->loss->text);
    return SG_OK;
}

void sg_spread_close(sg_lens *lens) {
    if (!lens->spread) return;
    sg_arena_delete(lens->spread->arena);
    sg_delete(lens->spread->store);
    sg_delete(lens->spread);
    lens->spread = NULL;
}

sg_status sg_spread_keep(sg_lens *lens, const sg_prepared *prepared, const sg_source *source) {
    sg_spread_room *r = lens->spread;
    sg_spread s = {0};
    lens->loss->row->spread(prepared, &s);
    r->each = (size_t)s.draws * (size_t)(s.normals + s.uniforms) * B;
    const size_t wanted = (size_t)sg_source_blocks(source) * r->each;
    r->known = 0;
    r->kept = NULL;
    r->keeping = wanted > 0 && wanted <= source->memory / sizeof(double);
    if (!r->keeping || wanted <= r->capacity) return SG_OK;
    sg_delete(r->store);
    r->store = NULL;
    r->capacity = 0;
    sg_status status = sg_new(&r->store, wanted, sizeof(double));
    if (!status) r->capacity = wanted;
    return status;
}

void sg_spread_turn(sg_lens *lens, long long b) {
    sg_spread_room *r = lens->spread;
    r->next = b;
    r->kept = r->keeping ? r->store + (size_t)b * r->each : NULL;
}

static int list_members(const sg_lens *lens, int want, member list[MEMBERS]) {
    const sg_spread_room *r = lens->spread;
    const int m = lens->m;
    int count = 0;
    if (want & SG_VALUE)
        list[count++] = (member){1, r->part_all.value, r->fixed.value, r->face.value, lens->datum.value};
    if (want & SG_PSI) list[count++] = (member){m, r->part_all.psi, r->fixed.psi, r->face.psi, lens->datum.psi};
    if (want & SG_CURVATURE)
        list[count++] = (member){m * (m + 1) / 2, r->part_all.curvature, r->fixed.curvature, r->face.curvature,
                                 lens->datum.curvature};
    return count;
}

/* to += factor * from, or to = factor * from. */
static void add_rows(int rows, int n, double factor, const double *from, bool anew, double *to) {
    for (int r = 0; r < rows; r++) {
        const double *restrict f = from + (size_t)r * B;
        double *restrict t = to + (size_t)r * B;
        for (int i = 0; i < n; i++) t[i] = (anew ? 0 : t[i]) + factor * f[i];
    }
}

/* The row's words on one point. */
static void look_at(sg_lens *lens, const sg_prepared *prepared, const sg_spread *s, const double *theta,
                    const sg_block *point, int want, bool score) {
    sg_spread_room *r = lens->spread;
    const int jets = lens->loss->row->jets(lens->model, want) | (score ? SG_DT : 0);
    sg_jet raw = sg_lens_narrow_jet(&r->raw_all, jets), jet = sg_lens_narrow_jet(&r->jet_all, jets);
    sg_datum part = sg_lens_narrow_datum(&r->part_all, want);
    part.noise_sum = want & SG_NOISE ? lens->datum.noise_sum : NULL;
    sg_chart_jet(s->model, lens->chart, theta, point, &raw, &jet);
    lens->loss->row->datum(prepared, NULL, point, &jet, &part);
    r->score = jet.dt;
}

/* sum_i mass_i u_i v_i */
static double weighted_dot(int n, const double *restrict mass, const double *restrict u, const double *restrict v) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) sum += mass[i] * u[i] * v[i];
    return sum;
}

enum { FEW = 8 };

static void add_few(int m, int n, int width, const double *v, const double *mass, double weight, double *sum) {
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++) {
            double entry = 0;
            for (int r = 0; r < width; r++)
                entry += weighted_dot(n, mass, v + (size_t)(j * width + r) * B, v + (size_t)(k * width + r) * B);
            sum[j + k * m] += weight * entry;
        }
}

/* sum += sum_i mass_i weight v_i v_i^T over `width` stacked rows of v, lower triangle. */
static void add_gram(const sg_lens *lens, int n, int width, const double *v, const double *mass, double weight,
                     double *sum) {
    const int m = lens->m, rows = m * width;
    double *scaled = lens->spread->scaled;
    _Alignas(SG_ALIGN) double root[B] = {0};
    if (m <= FEW) {
        add_few(m, n, width, v, mass, weight, sum);
        return;
    }
    for (int i = 0; i < n; i++) root[i] = sqrt(fabs(weight) * mass[i]);
    for (int r = 0; r < rows; r++) {
        const double *restrict from = v + (size_t)r * B;
        double *restrict to = scaled + (size_t)r * B;
        for (int i = 0; i < n; i++) to[i] = root[i] * from[i];
        for (int i = n; i < B; i++) to[i] = 0;
    }
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, m, width * B, weight > 0 ? 1 : -1, scaled, width * B, 1, sum, m);
}

/* What one draw says: the inner point and the faces. */
static void add_inner(sg_lens *lens, const sg_point *p, int n, const double *mass, int want, int count,
                      const member *list) {
    sg_spread_room *r = lens->spread;
    for (int k = 0; k < count; k++) {
        for (int row = 0; row < list[k].rows; row++) {
            double *restrict part = list[k].part + (size_t)row * B, *restrict sum = list[k].sum + (size_t)row * B;
            const double *restrict fixed = list[k].fixed + (size_t)row * B, *restrict face =
                                                                                list[k].face + (size_t)row * B;
            for (int i = 0; i < n; i++) {
                part[i] += fixed[i] + face[i];
                sum[i] += p->weight * part[i];
            }
        }
    }
    if (want & SG_DIRICHLET)
        add_gram(lens, n, lens->roots, r->part_all.root, mass, p->weight, lens->datum.dirichlet_sum);
    if (want & SG_NOISE) add_gram(lens, n, 1, r->part_all.psi, mass, p->weight, lens->datum.noise_sum);
}

static void add_face(sg_lens *lens, const sg_point *p, int n, const double *mass, int want, int count,
                     const member *list) {
    const double share = p->weight * p->factor;
    for (int k = 0; k < count; k++) {
        double *to = p->kind == SG_POINT_FACE ? list[k].face : list[k].fixed;
        add_rows(list[k].rows, n, share, list[k].part, p->kind == SG_POINT_FACE, to);
    }
    if (p->kind != SG_POINT_MEAN || !(want & SG_NOISE)) return;
    const double *psi = lens->spread->part_all.psi;
    add_rows(lens->m, n, share, psi, false, lens->spread->mean);
    add_gram(lens, n, 1, psi, mass, p->weight * p->factor * p->factor, lens->datum.noise_sum);
}

static void clear(const sg_lens *lens, int count, const member *list) {
    for (int k = 0; k < count; k++) {
        const size_t bytes = (size_t)list[k].rows * B * sizeof(double);
        memset(list[k].fixed, 0, bytes);
        memset(list[k].face, 0, bytes);
        memset(list[k].sum, 0, bytes);
    }
    memset(lens->spread->mean, 0, (size_t)lens->m * B * sizeof(double));
}

/* Numbers of the whole block, so that those of a datum do not depend on how many there are. */
static void draw_numbers(const sg_spread *s, sg_stream *stream, double *numbers) {
    for (int k = 0; k < s->normals; k++) sg_stream_normal(stream, B, numbers + (size_t)k * B);
    for (int k = 0; k < s->uniforms; k++) sg_stream_uniform(stream, B, numbers + (size_t)(s->normals + k) * B);
}

/* Those of draw k. */
static const double *numbers_of(sg_lens *lens, const sg_spread *s, int k) {
    sg_spread_room *r = lens->spread;
    double *numbers = r->kept ? r->kept + (size_t)k * (size_t)(s->normals + s->uniforms) * B : r->numbers;
    if (!r->kept || r->next >= r->known) draw_numbers(s, lens->draws, numbers);
    return numbers;
}

typedef struct {
    const sg_prepared *prepared;
    const sg_spread *spread;
    const double *theta, *mass;
    const sg_block *data;
    int want, count;
    bool closed; /* the row adds its noise itself */
    member list[MEMBERS];
} scene;

static void take_point(sg_lens *lens, const scene *c, int k, const double *numbers, double share) {
    sg_spread_room *r = lens->spread;
    const int n = c->data->n, faces = c->want & (SG_VALUE | SG_PSI | SG_CURVATURE);
    const int inner = (c->want & SG_DIRICHLET ? SG_ROOT : 0) | (c->want & ~(SG_DIRICHLET | SG_NOISE));
    sg_block out = {.n = n, .d = r->d, .draws = 1, .x = r->x};
    sg_point p = lens->loss->row->point(c->prepared, c->data, k, numbers, r->room, &out);
    if (p.kind != SG_POINT_INNER) {
        look_at(lens, c->prepared, c->spread, c->theta, &out, faces, false);
        add_face(lens, &p, n, c->mass, c->want, c->count, c->list);
        return;
    }
    p.weight *= share;
    out.weight = c->mass;
    look_at(lens, c->prepared, c->spread, c->theta, &out, c->closed ? inner | SG_NOISE : inner,
            lens->score_sum != NULL);
    if (lens->score_sum) add_gram(lens, n, 1, lens->spread->score, c->mass, p.weight, lens->score_sum);
    add_inner(lens, &p, n, c->mass, c->closed ? c->want & ~SG_NOISE : c->want, c->count, c->list);
}

/* From second moments of draws to their spread about the mean of each datum. */
static void centre_noise(sg_lens *lens, const scene *c) {
    add_gram(lens, c->data->n, 1, lens->datum.psi, c->mass, -1, lens->datum.noise_sum);
    if (c->spread->independent) add_gram(lens, c->data->n, 1, lens->spread->mean, c->mass, -1, lens->datum.noise_sum);
}

void sg_spread_look(sg_lens *lens, const sg_prepared *prepared, const double *theta, const sg_block *block, int want) {
    sg_spread s = {0};
    lens->loss->row->spread(prepared, &s);
    lens->datum = sg_lens_narrow_datum(&lens->datum_all, want);
    scene c = {.prepared = prepared, .spread = &s, .theta = theta, .mass = lens->mass, .data = block, .want = want};
    c.closed = s.closed && !lens->draws && want & SG_NOISE;
    c.count = list_members(lens, want, c.list);
    clear(lens, c.count, c.list);
    const int draws = lens->theory ? SG_SPREAD_DRAWS : s.draws;
    if (!lens->draws) {
        for (int k = 0; k < s.rule; k++) take_point(lens, &c, k, NULL, 1);
    } else {
        for (int k = 0; k < s.fixed; k++) take_point(lens, &c, k, NULL, 1);
        for (int r = 0; r < draws; r++) {
            const double *numbers = numbers_of(lens, &s, r);
            for (int k = 0; k < s.each; k++) take_point(lens, &c, s.fixed + k, numbers, 1.0 / draws);
        }
        if (lens->spread->kept && lens->spread->next == lens->spread->known) lens->spread->known++;
    }
    if (want & SG_NOISE && !c.closed) centre_noise(lens, &c);
}
