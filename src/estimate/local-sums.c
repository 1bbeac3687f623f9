/*
 * The functions of a site and its neighbours that a local loss adds up: at site i the move has the log-ratio u of the
 * factors with i in them, and the score moves by D, the difference of their statistics; L S gets rate(u) D, the
 * Dirichlet form rate(u) D D^T / 2, and the second derivatives rho''(u) D D^T / c.
 */
#include <string.h>

#include "estimate/asymptotic-local.h"

enum { SITES_MOST = 20, PARAMETERS_MOST = 256, PIECE = SG_BLOCK };

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_prepared *prepared;
    const sg_factors *own;
    int m;
    int *free_of;        /* [full] place among the free parameters, -1 */
    int *start, *meets;  /* [d + 1], factors with each site */
    int *site, *touched; /* [d], [m] of the site at hand: itself and its neighbours; free parameters */
    int *place, *slot;   /* [d], [m] where a site and a parameter stand in these lists, -1 */
    int *sum;            /* [sums] of one factor */
    int sites, count;
    double *u, *difference; /* [2^sites], [count][2^sites] */
    sg_local_sums *out;
} building;

void sg_local_sums_clear(sg_local_sums *sums) {
    sg_factors_delete(sums->first);
    sg_factors_delete(sums->second);
    *sums = (sg_local_sums){0};
}

static void release(building *b) {
    int *list[] = {b->free_of, b->start, b->meets, b->site, b->touched, b->sum, b->place, b->slot};
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) sg_delete(list[k]);
    sg_delete(b->u);
    sg_delete(b->difference);
}

/* ------------------------------------------------------------- what meets at a site */

static sg_status list_factors(building *b) {
    const sg_factors *own = b->own;
    size_t all = 0;
    for (int f = 0; f < own->count; f++) all += (size_t)own->factor[f].sites;
    sg_status status = sg_new(&b->start, (size_t)own->d + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&b->meets, all + 1, sizeof(int));
    if (status != SG_OK) return status;
    for (int f = 0; f < own->count; f++)
        for (int k = 0; k < own->factor[f].sites; k++) b->start[own->factor[f].site[k] + 2]++;
    for (int i = 0; i < own->d; i++) b->start[i + 2] += b->start[i + 1];
    for (int f = 0; f < own->count; f++)
        for (int k = 0; k < own->factor[f].sites; k++) b->meets[b->start[own->factor[f].site[k] + 1]++] = f;
    return SG_OK;
}

static void add_site(building *b, int site) {
    if (b->place[site] >= 0) return;
    b->place[site] = b->sites;
    b->site[b->sites++] = site;
}

static void add_parameter(building *b, int coordinate) {
    const int j = b->free_of[coordinate];
    if (j < 0 || b->slot[j] >= 0) return;
    b->slot[j] = b->count;
    b->touched[b->count++] = j;
}

/* The site first, its neighbours, and the free parameters of its factors. */
static void look(building *b, int site) {
    for (int k = 0; k < b->sites; k++) b->place[b->site[k]] = -1;
    for (int k = 0; k < b->count; k++) b->slot[b->touched[k]] = -1;
    b->sites = b->count = 0;
    add_site(b, site);
    for (int a = b->start[site]; a < b->start[site + 1]; a++) {
        const sg_factor *factor = &b->own->factor[b->meets[a]];
        for (int k = 0; k < factor->sites; k++) add_site(b, factor->site[k]);
        for (int s = 0; s < factor->sums; s++) add_parameter(b, factor->sum[s]);
    }
}

static int bends_at(const building *b) {
    return b->m <= 2 ? b->count * (b->count + 1) / 2 : b->count;
}

/* ------------------------------------------------------------------- the tables */

/* What one factor adds to u and to the differences, at all states of the site and its neighbours. */
static void add_move(building *b, const sg_factor *factor, int site) {
    const size_t states = (size_t)1 << b->sites, entries = (size_t)1 << factor->sites;
    size_t own = 0;
    for (int k = 0; k < factor->sites; k++)
        if (factor->site[k] == site) own = (size_t)1 << k;
    for (size_t x = 0; x < states; x++) {
        size_t at = 0;
        for (int k = 0; k < factor->sites; k++) at |= (x >> b->place[factor->site[k]] & 1) << k;
        b->u[x] += factor->log_p[at ^ own] - factor->log_p[at];
        for (int s = 0; s < factor->sums; s++) {
            const int j = b->free_of[factor->sum[s]];
            const double *value = factor->value + (size_t)s * entries;
            if (j >= 0) b->difference[(size_t)b->slot[j] * states + x] += value[at ^ own] - value[at];
        }
    }
}

static void fill_moves(building *b, int site) {
    const size_t states = (size_t)1 << b->sites;
    memset(b->u, 0, states * sizeof(double));
    memset(b->difference, 0, (size_t)b->count * states * sizeof(double));
    for (int a = b->start[site]; a < b->start[site + 1]; a++) add_move(b, &b->own->factor[b->meets[a]], site);
}

static int pair_of(int j, int k) {
    return j > k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j;
}

static sg_status add_first(building *b, sg_factor **factor) {
    int sums = 0;
    for (int k = 0; k < b->count; k++) b->sum[sums++] = b->m + b->touched[k];
    for (int k = 0; k < b->count && b->m > 2; k++) b->sum[sums++] = 2 * b->m + b->touched[k];
    for (int j = 0; j < b->count && b->m <= 2; j++)
        for (int k = 0; k <= j; k++) b->sum[sums++] = 2 * b->m + pair_of(b->touched[j], b->touched[k]);
    return sg_factors_add(b->out->first, b->sites, b->site, sums, b->sum, factor);
}

static sg_status add_second(building *b, sg_factor **factor) {
    int sums = 0;
    for (int j = 0; j < b->count; j++)
        for (int k = 0; k <= j; k++) b->sum[sums++] = pair_of(b->touched[j], b->touched[k]);
    return sg_factors_add(b->out->second, b->sites, b->site, sums, b->sum, factor);
}

/* The tables of a piece of the states. */
static void fill_piece(const building *b, size_t at, int n, sg_factor *first, sg_factor *second) {
    const size_t states = (size_t)1 << b->sites;
    const double factor = b->loss->row->factor == 0 ? 1 : b->loss->row->factor;
    double rate[PIECE], bend[PIECE], *next = first->value + (size_t)b->count * states + at, *form = second->value + at;
    b->loss->row->rate(b->prepared, n, b->u + at, rate);
    b->loss->row->rho(n, b->u + at, NULL, NULL, bend);
    for (int j = 0; j < b->count; j++) {
        const double *x = b->difference + (size_t)j * states + at;
        double *psi = first->value + (size_t)j * states + at;
        for (int i = 0; i < n; i++) psi[i] = rate[i] * x[i];
        for (int k = 0; k <= j; k++, form += states) {
            const double *y = b->difference + (size_t)k * states + at;
            for (int i = 0; i < n; i++) form[i] = 0.5 * rate[i] * x[i] * y[i];
            if (b->m > 2 && k < j) continue;
            for (int i = 0; i < n; i++) next[i] = bend[i] * x[i] * y[i] / factor;
            next += states;
        }
    }
}

static sg_status add_local(building *b, int site) {
    sg_factor *first, *second;
    look(b, site);
    fill_moves(b, site);
    sg_status status = add_first(b, &first);
    if (status == SG_OK) status = add_second(b, &second);
    if (status != SG_OK) return status;
    const size_t states = (size_t)1 << b->sites;
    for (size_t at = 0; at < states; at += PIECE)
        fill_piece(b, at, (int)(states - at < PIECE ? states - at : PIECE), first, second);
    return SG_OK;
}

/* log p itself, with the statistics as sums of `first`. */
static sg_status add_own(building *b, const sg_factor *factor) {
    const size_t entries = (size_t)1 << factor->sites;
    sg_factor *made;
    int sums = 0;
    for (int s = 0; s < factor->sums; s++)
        if (b->free_of[factor->sum[s]] >= 0) b->sum[sums++] = b->free_of[factor->sum[s]];
    sg_status status = sg_factors_add(b->out->first, factor->sites, factor->site, sums, b->sum, &made);
    if (status != SG_OK) return status;
    memcpy(made->log_p, factor->log_p, entries * sizeof(double));
    for (int s = 0, to = 0; s < factor->sums; s++)
        if (b->free_of[factor->sum[s]] >= 0)
            memcpy(made->value + (size_t)to++ * entries, factor->value + (size_t)s * entries, entries * sizeof(double));
    status = sg_factors_add(b->out->second, factor->sites, factor->site, 0, NULL, &made);
    if (status == SG_OK) memcpy(made->log_p, factor->log_p, entries * sizeof(double));
    return status;
}

/* ---------------------------------------------------------------------- set-up */

static sg_status too_wide(const building *b, int site) {
    return sg_fail(SG_REFUSED, "site %d of %s meets %d others in its factors: local tables have at most %d sites", site,
                   b->model->text, b->sites - 1, (int)SITES_MOST);
}

/* Room for both lists; `moves`: the loss has functions of its own beside the statistics. */
static sg_status take_room(building *b, bool moves) {
    const int m = b->m, d = b->own->d, most = b->own->count + (moves ? d : 0), pairs = m * (m + 1) / 2;
    size_t ints[2] = {0}, doubles[2] = {0}, largest = 1, widest = 1;
    for (int f = 0; f < b->own->count; f++) {
        const sg_factor *factor = &b->own->factor[f];
        const size_t entries = (size_t)1 << factor->sites;
        ints[0] += (size_t)(factor->sites + factor->sums);
        ints[1] += (size_t)factor->sites;
        doubles[0] += entries * (1 + (size_t)factor->sums);
        doubles[1] += entries;
    }
    for (int i = 0; i < d && moves; i++) {
        look(b, i);
        if (b->sites > SITES_MOST) return too_wide(b, i);
        const size_t states = (size_t)1 << b->sites, sums = (size_t)(b->count + bends_at(b)),
                     forms = (size_t)b->count * ((size_t)b->count + 1) / 2;
        ints[0] += (size_t)b->sites + sums;
        ints[1] += (size_t)b->sites + forms;
        doubles[0] += states * (1 + sums);
        doubles[1] += states * (1 + forms);
        largest = states > largest ? states : largest;
        widest = (size_t)b->count > widest ? (size_t)b->count : widest;
    }
    b->out->bends = moves ? (m <= 2 ? pairs : m) : 0;
    sg_status status =
        sg_factors_new(d, 2, (moves ? 2 * m : m) + b->out->bends, most, ints[0], doubles[0], &b->out->first);
    if (status == SG_OK) status = sg_factors_new(d, 2, pairs, most, ints[1], doubles[1], &b->out->second);
    if (status == SG_OK) status = sg_new(&b->u, largest, sizeof(double));
    if (status == SG_OK) status = sg_new(&b->difference, largest * widest, sizeof(double));
    return status;
}

static sg_status take_lists(building *b) {
    const size_t m = (size_t)b->m, d = (size_t)b->own->d;
    sg_status status = sg_new(&b->free_of, (size_t)b->model->full, sizeof(int));
    if (status == SG_OK) status = sg_new(&b->site, d, sizeof(int));
    if (status == SG_OK) status = sg_new(&b->place, d, sizeof(int));
    if (status == SG_OK) status = sg_new(&b->touched, m, sizeof(int));
    if (status == SG_OK) status = sg_new(&b->slot, m, sizeof(int));
    if (status == SG_OK) status = sg_new(&b->sum, m * (m + 1) / 2 + 2 * m + (size_t)b->model->full, sizeof(int));
    if (status != SG_OK) return status;
    for (int a = 0; a < b->model->full; a++) b->free_of[a] = -1;
    for (int j = 0; j < b->m; j++) b->free_of[b->model->free[j]] = j;
    for (size_t i = 0; i < d; i++) b->place[i] = -1;
    for (size_t j = 0; j < m; j++) b->slot[j] = -1;
    return list_factors(b);
}

/* Single-site moves, all sites pooled. */
static sg_status check(const sg_model *model, const sg_loss *loss, bool *moves) {
    const sg_row *row = loss->row;
    *moves = row->kind != SG_RESAMPLE;
    const bool averaged = row->averaged && row->averaged(loss->options);
    const bool pooled = row->rate && row->rho && row->alike && row->alike(loss->options, model) && !averaged;
    if (model->space.shape != SG_FINITE || model->space.q != 2)
        return sg_fail(SG_REFUSED, "%s has no two-state sites", model->text);
    if (*moves && !pooled)
        return sg_fail(SG_REFUSED,
                       "%s has no functions of a site and its neighbours that are added over the sites: take a loss "
                       "that moves single sites, pooled, or a smaller model",
                       loss->text);
    if (model->m > PARAMETERS_MOST)
        return sg_fail(SG_REFUSED, "%s has %d free parameters: at most %d are taken here, as with free=tied",
                       model->text, model->m, (int)PARAMETERS_MOST);
    return SG_OK;
}

static sg_status build(building *b, bool moves) {
    sg_status status = take_lists(b);
    if (status == SG_OK) status = take_room(b, moves);
    for (int f = 0; f < b->own->count && status == SG_OK; f++) status = add_own(b, &b->own->factor[f]);
    for (int i = 0; i < b->own->d && status == SG_OK && moves; i++) status = add_local(b, i);
    return status;
}

sg_status sg_local_sums_new(const sg_model *model, const sg_loss *loss, sg_local_sums *sums) {
    building b = {.model = model, .loss = loss, .m = model->m, .out = sums};
    sg_factors *own = NULL;
    sg_prepared *prepared = NULL;
    bool moves;
    *sums = (sg_local_sums){.m = model->m};
    sg_status status = check(model, loss, &moves);
    if (status == SG_OK) status = sg_model_factors(model, model->truth, &own);
    if (status == SG_OK && moves) status = sg_loss_prepare(loss, model, NULL, &prepared);
    b.own = own;
    b.prepared = prepared;
    if (status == SG_OK) status = build(&b, moves);
    release(&b);
    if (prepared) sg_loss_release(loss, prepared);
    sg_factors_delete(own);
    if (status != SG_OK) sg_local_sums_clear(sums);
    return status;
}
