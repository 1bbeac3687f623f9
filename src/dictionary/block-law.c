#include "dictionary/block-law.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/gram.h"
#include "dictionary/site-view.h"

enum { B = SG_BLOCK };

/* -------------------------------------------------------------------- scratch */

/* Sites of the largest block of at most SG_BLOCK_STATES states. */
static int sites_most(int d, int q) {
    int k = 0;
    for (long long states = q; k < d && states <= SG_BLOCK_STATES; states *= q) k++;
    return k;
}

static int touched_most(const sg_site_view *v) {
    const long long all = (long long)sites_most(v->d, v->q) * v->widest;
    return all < v->m ? (int)all : v->m;
}

/* Doubles of each array, in the order in which `sg_block_law_open` takes them. */
enum { P, WEIGHT, HELD, ROOT, MEAN, CENTRED, SAVED, BELOW, VALUE, GRAM, FREE, PLACE, ARRAYS };
static void sizes_of(const sg_site_view *v, size_t size[ARRAYS]) {
    const size_t t = (size_t)touched_most(v), m = (size_t)v->m, k = (size_t)sites_most(v->d, v->q);
    size[P] = SG_BLOCK_LAW_NUMBERS;
    size[WEIGHT] = size[HELD] = size[VALUE] = B;
    size[ROOT] = size[MEAN] = size[CENTRED] = t * B;
    size[SAVED] = k * (size_t)v->widest * B;
    size[BELOW] = (k + 1) * B;
    size[GRAM] = t * t;
    size[FREE] = size[PLACE] = m;
}

size_t sg_block_law_bytes(const sg_site_view *view) {
    size_t size[ARRAYS], bytes = 0;
    sizes_of(view, size);
    for (int a = 0; a < ARRAYS; a++) bytes += size[a] * sizeof(double) + SG_ALIGN;
    return bytes;
}

void sg_block_law_open(sg_site_view *v, sg_block_law *w) {
    size_t size[ARRAYS];
    void *array[ARRAYS];
    sizes_of(v, size);
    for (int a = 0; a < ARRAYS; a++) array[a] = sg_arena_take(v->arena, size[a], sizeof(double));
    *w = (sg_block_law){.view = v,
                        .points = {.d = v->d, .draws = 1, .x = v->copy},
                        .from_zero = v->model->family->can & SG_HARD && v->model->family->move,
                        .by_jets = v->model->family->can & SG_HARD && !v->model->family->move,
                        .p = array[P],
                        .weight = array[WEIGHT],
                        .held = array[HELD],
                        .root = array[ROOT],
                        .mean = array[MEAN],
                        .centred = array[CENTRED],
                        .saved = array[SAVED],
                        .below = array[BELOW],
                        .value = array[VALUE],
                        .gram = array[GRAM],
                        .free = array[FREE],
                        .place = array[PLACE]};
    for (int j = 0; j < v->m; j++) w->place[j] = -1;
}

/* ----------------------------------------------------------- points and blocks */

int sg_block_law_points(int states) {
    const int most = SG_BLOCK_LAW_NUMBERS / states / 8 * 8;
    return most < B ? most : B;
}

void sg_block_law_sites(sg_block_law *w, int k, const int *site) {
    for (int j = 0; j < w->t; j++) w->place[w->free[j]] = -1;
    w->k = k;
    w->t = 0;
    w->states = 1;
    for (int l = 0; l < k; l++) {
        const int *list, length = sg_site_view_list(w->view, site[l], &list);
        w->site[l] = site[l];
        w->power[l] = w->states;
        w->states *= w->view->q;
        for (int j = 0; j < length; j++) {
            if (w->place[list[j]] >= 0) continue;
            w->place[list[j]] = w->t;
            w->free[w->t++] = list[j];
        }
    }
    w->stride = sg_block_law_points(w->states);
}

static void gather_site(sg_block_law *w, int site) {
    const double *x = w->view->block->x + (size_t)site * B;
    double *out = w->points.x + (size_t)site * B;
    for (int i = 0; i < w->points.n; i++) out[i] = x[w->index[i]];
}

void sg_block_law_gather(sg_block_law *w, int n) {
    w->points.n = n;
    for (int a = 0; a < w->view->d; a++) gather_site(w, a);
}

void sg_block_law_restore(sg_block_law *w) {
    for (int l = 0; l < w->k; l++) gather_site(w, w->site[l]);
}

static void turn(sg_block_law *w, int l, int move) {
    sg_site_move(w->view->q, move, w->points.n, w->points.x + (size_t)w->site[l] * B);
}

static void move_of(sg_block_law *w, int l, int move, bool difference) {
    sg_site_view_move(w->view, &w->points, w->site[l], move, difference);
}

/* -------------------------------------------------------- from x to the root */

static double zero_state(int q) {
    return q == 2 ? -1 : 0;
}

/* Site l goes to state 0 by the move q - s where it is in state s. */
static void one_to_zero(sg_block_law *w, int l) {
    const sg_site_view *v = w->view;
    const int *list, length = sg_site_view_list(v, w->site[l], &list), n = w->points.n;
    double *x = w->points.x + (size_t)w->site[l] * B;
    for (int s = 1; s < v->q; s++) {
        const double state = v->q == 2 ? 1 : s;
        move_of(w, l, v->q - s, w->t > 0);
        for (int i = 0; i < n; i++)
            if (x[i] == state) {
                w->p[i] += v->log_ratio[i];
                w->own[i] += s * w->power[l];
            }
        for (int j = 0; w->t && j < length; j++) {
            const double *difference = v->difference + (size_t)j * B;
            double *out = w->root + (size_t)w->place[list[j]] * B;
            for (int i = 0; i < n; i++) out[i] += x[i] == state ? difference[i] : 0;
        }
    }
    for (int i = 0; i < n; i++) x[i] = zero_state(v->q);
}

static void find_root(sg_block_law *w) {
    memset(w->p, 0, (size_t)w->stride * sizeof(double));
    memset(w->own, 0, sizeof w->own);
    for (int j = 0; j < w->t; j++) memset(w->root + (size_t)j * B, 0, B * sizeof(double));
    for (int l = 0; w->from_zero && l < w->k; l++) one_to_zero(w, l);
}

/* ----------------------------------------------------- probabilities of states */

static void add_rows(int n, const double *restrict a, const double *restrict b, double *restrict out) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] = a[i] + b[i];
}

/* log p where the points stand now. */
static void look(sg_block_law *w, double *p) {
    sg_jet jet = w->view->jet;
    jet.want = SG_LOGP;
    w->view->model->family->jet(w->view->model, w->view->theta, &w->points, &jet);
    memcpy(p, jet.logp, (size_t)w->points.n * sizeof(double));
}

/*
 * log p of the states that the sites from l0 on lead to: each state once, one move from another, or by jets, with
 * log p of x in the first row.
 */
static void weigh(sg_block_law *w, int l0, int code) {
    for (int l = l0; l < w->k; l++)
        for (int move = 1; move < w->view->q; move++) {
            const int next = code + move * w->power[l];
            double *p = w->p + (size_t)next * (size_t)w->stride;
            if (!w->by_jets) {
                move_of(w, l, move, false);
                add_rows(w->points.n, w->p + (size_t)code * (size_t)w->stride, w->view->log_ratio, p);
                if (l + 1 == w->k) continue;
            }
            turn(w, l, move);
            if (w->by_jets) look(w, p);
            weigh(w, l + 1, next);
            turn(w, l, w->view->q - move);
        }
}

/* What jets gave, less log p of x, in the first row; nothing has mass where x has none. */
static void take_off(sg_block_law *w) {
    for (int i = 0; i < w->points.n; i++) {
        const double here = w->p[i];
        for (int s = 0; s < w->states; s++) {
            double *p = w->p + (size_t)s * (size_t)w->stride + i;
            *p = here > -INFINITY ? *p - here : -INFINITY;
        }
    }
}

/* Softmax over the states, and its log-sum; a point without mass gets zeros. */
static void normalize(sg_block_law *w) {
    const int n = w->points.n;
    _Alignas(SG_ALIGN) double most[B], sum[B];
    for (int i = 0; i < n; i++) most[i] = -INFINITY, sum[i] = 0;
    for (int s = 0; s < w->states; s++) {
        const double *p = w->p + (size_t)s * (size_t)w->stride;
#pragma omp simd
        for (int i = 0; i < n; i++) most[i] = p[i] > most[i] ? p[i] : most[i];
    }
    for (int i = 0; i < n; i++)
        if (!(most[i] > -INFINITY)) most[i] = 0;
    for (int s = 0; s < w->states; s++) {
        double *restrict p = w->p + (size_t)s * (size_t)w->stride;
#pragma omp simd
        for (int i = 0; i < n; i++) {
            p[i] = exp(p[i] - most[i]);
            sum[i] += p[i];
        }
    }
    for (int i = 0; i < n; i++) {
        w->value[i] = sum[i] > 0 ? most[i] + log(sum[i]) : 0;
        sum[i] = sum[i] > 0 ? 1 / sum[i] : 0;
    }
    for (int s = 0; s < w->states; s++) {
        double *restrict p = w->p + (size_t)s * (size_t)w->stride;
#pragma omp simd
        for (int i = 0; i < n; i++) p[i] *= sum[i];
    }
}

/* ----------------------------------------------------------- mean and spread */

static void add_product(int n, const double *restrict a, const double *restrict b, double *restrict out) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] += a[i] * b[i];
}

static void accumulate(int n, const double *restrict a, double *restrict out) {
#pragma omp simd
    for (int i = 0; i < n; i++) out[i] += a[i];
}

/*
 * Each move carries the probability of all states that it leads to: mean += (F after - F before) P(those), without
 * that of x itself, where F(y) - F(x) = 0.  Returns the probability of the states from here on.
 */
static const double *collect(sg_block_law *w, int l0, int code) {
    const int n = w->points.n;
    const double *here = w->p + (size_t)code * (size_t)w->stride;
    if (l0 == w->k) return here;
    double *sum = w->below + (size_t)l0 * B;
    memcpy(sum, here, (size_t)n * sizeof(double));
    for (int l = l0; l < w->k; l++)
        for (int move = 1; move < w->view->q; move++) {
            const int *list, length = sg_site_view_list(w->view, w->site[l], &list);
            if (l + 1 < w->k) turn(w, l, move);
            const double *below = collect(w, l + 1, code + move * w->power[l]);
            if (l + 1 < w->k) turn(w, l, w->view->q - move);
            accumulate(n, below, sum);
            if (!length) continue;
            move_of(w, l, move, true);
            for (int j = 0; j < length; j++)
                add_product(n, w->view->difference + (size_t)j * B, below, w->mean + (size_t)w->place[list[j]] * B);
        }
    return sum;
}

static void find_mean(sg_block_law *w) {
    const int n = w->points.n;
    for (int i = 0; i < n; i++) {
        double *own = w->p + (size_t)w->own[i] * (size_t)w->stride + i;
        w->held[i] = *own;
        *own = 0;
    }
    for (int j = 0; j < w->t; j++) memset(w->mean + (size_t)j * B, 0, B * sizeof(double));
    const double *all = collect(w, 0, 0);
    for (int j = 0; w->from_zero && j < w->t; j++)
        add_product(n, w->root + (size_t)j * B, all, w->mean + (size_t)j * B);
    for (int i = 0; i < n; i++) w->p[(size_t)w->own[i] * (size_t)w->stride + (size_t)i] = w->held[i];
}

/* gram += sum_y p(y) (F(y) - E F)(F(y) - E F)^T over the states from here on. */
static void spread(sg_block_law *w, int l0, int code) {
    const int n = w->points.n;
    _Alignas(SG_ALIGN) double coefficient[B];
    const double *p = w->p + (size_t)code * (size_t)w->stride;
#pragma omp simd
    for (int i = 0; i < n; i++) coefficient[i] = w->weight[i] * p[i];
    sg_gram_add(n, coefficient, w->t, w->centred, NULL, w->t, w->gram);
    for (int l = l0; l < w->k; l++)
        for (int move = 1; move < w->view->q; move++) {
            const int *list, length = sg_site_view_list(w->view, w->site[l], &list);
            double *saved = w->saved + (size_t)l * (size_t)w->view->widest * B;
            move_of(w, l, move, length > 0);
            for (int j = 0; j < length; j++) {
                double *row = w->centred + (size_t)w->place[list[j]] * B;
                memcpy(saved + (size_t)j * B, row, (size_t)n * sizeof(double));
                accumulate(n, w->view->difference + (size_t)j * B, row);
            }
            if (l + 1 < w->k) turn(w, l, move);
            spread(w, l + 1, code + move * w->power[l]);
            if (l + 1 < w->k) turn(w, l, w->view->q - move);
            for (int j = 0; j < length; j++)
                memcpy(w->centred + (size_t)w->place[list[j]] * B, saved + (size_t)j * B, (size_t)n * sizeof(double));
        }
}

/* -------------------------------------------- points that agree outside the block */

enum { SLOTS = 2 * B };

/* The sites outside as one number, exact where q^d < 2^64. */
static void keys_outside(const sg_block_law *w, uint64_t key[B]) {
    const sg_site_view *v = w->view;
    const double zero = zero_state(v->q), step = v->q == 2 ? 0.5 : 1;
    memset(key, 0, B * sizeof *key);
    for (int a = 0, l = 0; a < v->d; a++) {
        const double *x = w->points.x + (size_t)a * B;
        const bool inside = l < w->k && w->site[l] == a;
        l += inside;
        for (int i = 0; !inside && i < w->points.n; i++)
            key[i] = key[i] * (uint64_t)v->q + (uint64_t)((x[i] - zero) * step);
    }
}

/* One of each kind stands for all, with their weights; chosen [n] lists them.  Points without weight are left out. */
static int choose(sg_block_law *w, int chosen[B]) {
    uint64_t key[B];
    short slot[SLOTS];
    int count = 0;
    keys_outside(w, key);
    memset(slot, -1, sizeof slot);
    for (int i = 0; i < w->points.n; i++) {
        unsigned at = (unsigned)(key[i] * UINT64_C(0x9E3779B97F4A7C15) >> 55) % SLOTS;
        if (w->weight[i] == 0) continue;
        while (slot[at] >= 0 && key[chosen[slot[at]]] != key[i]) at = (at + 1) % SLOTS;
        if (slot[at] >= 0) {
            w->weight[chosen[slot[at]]] += w->weight[i];
            continue;
        }
        slot[at] = (short)count;
        chosen[count++] = i;
    }
    return count;
}

static void keep(int count, const int *chosen, double *row) {
    for (int i = 0; i < count; i++) row[i] = row[chosen[i]];
}

static void take_together(sg_block_law *w) {
    int chosen[B];
    if (w->view->d * log2(w->view->q) > 63) return;
    const int count = choose(w, chosen);
    for (int s = 0; s < w->states; s++) keep(count, chosen, w->p + (size_t)s * (size_t)w->stride);
    for (int j = 0; j < w->t; j++) {
        keep(count, chosen, w->mean + (size_t)j * B);
        keep(count, chosen, w->root + (size_t)j * B);
    }
    for (int a = 0; a < w->view->d; a++) keep(count, chosen, w->points.x + (size_t)a * B);
    keep(count, chosen, w->weight);
    w->points.n = count;
}

/* ---------------------------------------------------------------------- together */

void sg_block_law_find(sg_block_law *w, bool mean) {
    find_root(w);
    if (w->by_jets) look(w, w->p);
    weigh(w, 0, 0);
    if (w->by_jets) take_off(w);
    normalize(w);
    if (mean) find_mean(w);
}

void sg_block_law_spread(sg_block_law *w) {
    memset(w->gram, 0, (size_t)w->t * (size_t)w->t * sizeof(double));
    take_together(w);
    for (int j = 0; j < w->t; j++)
        for (int i = 0; i < w->points.n; i++)
            w->centred[(size_t)j * B + (size_t)i] =
                w->root[(size_t)j * B + (size_t)i] - w->mean[(size_t)j * B + (size_t)i];
    spread(w, 0, 0);
}
