/*
 * A log-linear model on q^n states by its cliques: p(x) ~ exp(sum_a theta_a F_a(x)), F_a a product of spins or the
 * indicator of some sites' states (loglinear.h).
 */
#include "family/loglinear.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SUBSETS = 1 << SG_CODES_LOW, CLASSES = SUBSETS + 1, STATES_MOST = 64 };

/* Classes of terms, by where their sites are: all low, all high, or both, by the subset of low sites. */
enum { LOW, HIGH, BOTH };

typedef struct {
    char model[SG_TEXT];
} loglinear_keys;

typedef struct {
    sg_loglinear_terms t; /* arrays in the same block of memory */
    int *first, *touched; /* [n + 1], [entries] the terms at a site, ascending */
    int *order;           /* [terms] by class */
    int *split;           /* [terms] how many of a term's sites are low */
    int *place;           /* [terms] index of its low states in the table of its subset */
    sg_codes codes;
    int begin[CLASSES + 1];               /* of the classes in `order` */
    uint8_t map[SUBSETS][SG_CODES_BLOCK]; /* of the block's states to the tables of subsets */
} loglinear;

static sg_status settle(void *keys) {
    loglinear_keys *own = keys;
    if (own->model[0] == '@') return sg_file_seal("model file", own->model);
    if (strcmp(own->model, "triangle") == 0) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE,
                   "model = '%.64s' of family loglinear is out of range: it must be @FILE.yaml or triangle",
                   own->model);
}

/* ------------------------------------------------------------------ the model */

static void list_touched(loglinear *own) {
    const sg_loglinear_terms *t = &own->t;
    for (int e = 0; e < t->entries; e++) own->first[t->site[e] + 1]++;
    for (int i = 0; i < t->n; i++) own->first[i + 1] += own->first[i];
    for (int a = 0; a < t->terms; a++)
        for (int e = t->start[a]; e < t->start[a + 1]; e++) own->touched[own->first[t->site[e]]++] = a;
    for (int i = t->n; i > 0; i--) own->first[i] = own->first[i - 1];
    own->first[0] = 0;
}

/* The low sites of a term as bits; its place in the table of that subset, whose lowest site changes fastest. */
static int low_subset(const loglinear *own, int a, int *split, int *place) {
    const sg_loglinear_terms *t = &own->t;
    int subset = 0;
    *split = *place = 0;
    for (int e = t->start[a], power = 1; e < t->start[a + 1] && t->site[e] < own->codes.low; e++, power *= t->q) {
        subset |= 1 << t->site[e];
        *place += t->state[e] * power;
        ++*split;
    }
    return subset;
}

static int class_of(const loglinear *own, int a, int subset, int split) {
    if (split == own->t.start[a + 1] - own->t.start[a]) return LOW;
    return split ? HIGH + subset : HIGH;
}

static void sort_terms(loglinear *own) {
    int next[CLASSES + 1] = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (int a = 0; a < own->t.terms; a++) {
            const int subset = low_subset(own, a, &own->split[a], &own->place[a]);
            const int class = class_of(own, a, subset, own->split[a]);
            if (pass)
                own->order[next[class]++] = a;
            else
                own->begin[class + 1]++;
        }
        for (int c = 0; c < CLASSES && !pass; c++) next[c + 1] = own->begin[c + 1] += own->begin[c];
    }
}

static void fill_maps(loglinear *own) {
    int digit[SG_CODES_LOW];
    for (int c = 0; c < own->codes.size; c++) {
        sg_codes_digits(own->codes.q, (uint64_t)c, own->codes.low, digit);
        for (int subset = 1; subset < 1 << own->codes.low; subset++) {
            int place = 0;
            for (int i = 0, power = 1; i < own->codes.low; i++) {
                if (!(subset >> i & 1)) continue;
                place += digit[i] * power;
                power *= own->codes.q;
            }
            own->map[subset][c] = (uint8_t)place;
        }
    }
}

/* One block of memory for everything that the model keeps. */
static sg_status pack(const sg_loglinear_terms *from, sg_model *model) {
    const size_t terms = (size_t)from->terms, entries = (size_t)from->entries, n = (size_t)from->n;
    const size_t head = (sizeof(loglinear) + 7) / 8 * 8;
    char *block = NULL;
    sg_status status = sg_new(&block, 1, head + (4 * terms + 3 * entries + n + 2) * sizeof(int));
    if (status != SG_OK) return status;
    loglinear *own = (loglinear *)block;
    model->own = own;
    own->t = *from;
    own->t.value = NULL; /* they are the truth */
    own->t.start = (int *)(block + head);
    own->t.site = own->t.start + terms + 1;
    own->t.state = own->t.site + entries;
    own->touched = own->t.state + entries;
    own->first = own->touched + entries;
    own->order = own->first + n + 1;
    own->split = own->order + terms;
    own->place = own->split + terms;
    memcpy(own->t.start, from->start, (terms + 1) * sizeof(int));
    memcpy(own->t.site, from->site, entries * sizeof(int));
    memcpy(own->t.state, from->state, entries * sizeof(int));
    own->codes = sg_codes_of(from->n, from->q);
    list_touched(own);
    sort_terms(own);
    fill_maps(own);
    return SG_OK;
}

static sg_status make(const void *keys, sg_model *model) {
    const loglinear_keys *key = keys;
    char path[SG_TEXT];
    sg_loglinear_terms terms;
    sg_file_path(key->model, path);
    sg_status status = sg_loglinear_read(key->model[0] == '@' ? path : NULL, &terms);
    if (status != SG_OK) return status;
    model->space = (sg_space){.shape = SG_FINITE, .d = terms.n, .q = terms.q};
    model->full = terms.terms;
    status = pack(&terms, model);
    if (status == SG_OK) status = sg_new(&model->truth, (size_t)terms.terms, sizeof *model->truth);
    if (status == SG_OK) memcpy(model->truth, terms.value, (size_t)terms.terms * sizeof *model->truth);
    sg_loglinear_free(&terms);
    return status;
}

static bool is_product(const loglinear *own, int a) {
    return own->t.state[own->t.start[a]] == 0;
}

/* "w0-3" of a product, "t0-3_2-1" of sites 0 and 3 in states 2 and 1; by number where that is too long. */
static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const loglinear *own = model->own;
    const bool product = is_product(own, index);
    size_t used = (size_t)snprintf(name, SG_NAME, product ? "w" : "t");
    for (int pass = 0; pass < (product ? 1 : 2); pass++)
        for (int e = own->t.start[index]; e < own->t.start[index + 1] && used < SG_NAME; e++) {
            const char *before = e > own->t.start[index] ? "-" : pass ? "_" : "";
            used +=
                (size_t)snprintf(name + used, SG_NAME - used, "%s%d", before, pass ? own->t.state[e] : own->t.site[e]);
        }
    if (used >= SG_NAME) snprintf(name, SG_NAME, "%s#%d", product ? "w" : "t", index);
}

static bool inside(const sg_model *model, const double *theta) {
    double sum = 0;
    for (int a = 0; a < model->full; a++) sum += fabs(theta[a]);
    return isfinite(sum);
}

/* ------------------------------------------------------------------------- jet */

/* out *= x, or the indicator of x being in a state; with two states that is state 1, x = 1. */
static void multiply(int n, int state, const double *restrict x, double *restrict out) {
    const double wanted = state;
    if (state)
#pragma omp simd
        for (int k = 0; k < n; k++) out[k] = x[k] == wanted ? out[k] : 0.0;
    else
#pragma omp simd
        for (int k = 0; k < n; k++) out[k] *= x[k];
}

static void add(int n, double weight, const double *restrict a, double *restrict out) {
#pragma omp simd
    for (int k = 0; k < n; k++) out[k] += weight * a[k];
}

/* The statistic of a term, without the factor of site `but`. */
static void statistic(const loglinear *own, int a, int but, const sg_block *block, double *restrict out) {
    const sg_loglinear_terms *t = &own->t;
    for (int k = 0; k < block->n; k++) out[k] = 1;
    for (int e = t->start[a]; e < t->start[a + 1]; e++)
        if (t->site[e] != but) multiply(block->n, t->state[e], block->x + (size_t)t->site[e] * SG_BLOCK, out);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const loglinear *own = model->own;
    double row[SG_BLOCK];
    if (out->want & SG_LOGP) memset(out->logp, 0, SG_BLOCK * sizeof(double));
    for (int a = 0; a < own->t.terms; a++) {
        double *f = out->want & SG_DT ? out->dt + (size_t)a * SG_BLOCK : row;
        statistic(own, a, -1, block, f);
        if (out->want & SG_LOGP) add(block->n, theta[a], f, out->logp);
    }
}

/* -------------------------------------------------------------------- one site */

static const int *touched(const sg_model *model, int site, int *count) {
    const loglinear *own = model->own;
    *count = own->first[site + 1] - own->first[site];
    return own->touched + own->first[site];
}

static int state_at(const loglinear *own, int a, int site) {
    int e = own->t.start[a];
    while (own->t.site[e] != site) e++;
    return own->t.state[e];
}

/* out *= 1{y = state} - 1{x = state}, of a product y - x. */
static void change(int n, int state, const double *restrict x, const double *restrict y, double *restrict out) {
    const double wanted = state;
    if (state)
#pragma omp simd
        for (int k = 0; k < n; k++) out[k] *= (y[k] == wanted ? 1.0 : 0.0) - (x[k] == wanted ? 1.0 : 0.0);
    else
#pragma omp simd
        for (int k = 0; k < n; k++) out[k] *= y[k] - x[k];
}

static void move(const sg_model *model, const double *theta, const sg_block *block, int site, int which,
                 double *restrict log_ratio, double *restrict difference) {
    const loglinear *own = model->own;
    const int n = block->n, q = own->t.q;
    const double *x = block->x + (size_t)site * SG_BLOCK;
    double y[SG_BLOCK], row[SG_BLOCK];
    int count;
    const int *list = touched(model, site, &count);
    for (int k = 0; k < n; k++) {
        const double next = x[k] + which;
        y[k] = q == 2 ? -x[k] : next >= q ? next - q : next;
        log_ratio[k] = 0;
    }
    for (int r = 0; r < count; r++) {
        double *f = difference ? difference + (size_t)r * SG_BLOCK : row;
        statistic(own, list[r], site, block, f);
        change(n, state_at(own, list[r], site), x, y, f);
        add(n, theta[list[r]], f, log_ratio);
    }
}

static void conditional(const sg_model *model, const double *theta, const sg_block *block, int point, int site,
                        double *logp) {
    const loglinear *own = model->own;
    const sg_loglinear_terms *t = &own->t;
    const double *x = block->x + point;
    for (int s = 0; s < t->q; s++) logp[s] = 0;
    for (int r = own->first[site]; r < own->first[site + 1]; r++) {
        const int a = own->touched[r];
        double rest = theta[a];
        int here = 0;
        for (int e = t->start[a]; e < t->start[a + 1] && rest != 0; e++) {
            const double value = x[(size_t)t->site[e] * SG_BLOCK];
            if (t->site[e] == site)
                here = t->state[e];
            else
                rest = !t->state[e] ? rest * value : value == t->state[e] ? rest : 0;
        }
        if (here || !rest) {
            logp[here] += rest;
        } else {
            logp[0] -= rest;
            logp[1] += rest;
        }
    }
}

static double log_ratio(const sg_model *model, const double *theta, const sg_block *block, int point, int site) {
    double logp[STATES_MOST];
    const int here = block->x[(size_t)site * SG_BLOCK + (size_t)point] > 0;
    conditional(model, theta, block, point, site, logp);
    return logp[1 - here] - logp[here];
}

/* ----------------------------------------------------------------- all states */

typedef struct {
    const loglinear *own;
    const double *theta;
    double low[SG_CODES_BLOCK];
} energy;

/* table += weight times the low part of a term. */
static void add_low_part(const loglinear *own, int a, double weight, double *table) {
    if (is_product(own, a))
        for (int c = 0; c < 1 << own->split[a]; c++)
            table[c] += (own->split[a] - __builtin_popcount((unsigned)c)) % 2 ? -weight : weight;
    else
        table[own->place[a]] += weight;
}

static void spread(int size, const uint8_t *restrict map, const double *restrict table, double *restrict out) {
#pragma omp simd
    for (int c = 0; c < size; c++) out[c] += table[map[c]];
}

static int table_size(const loglinear *own, int subset) {
    int size = 1;
    for (; subset; subset &= subset - 1) size *= own->t.q;
    return size;
}

/* The terms among low sites alone; their subsets are found from their sites. */
static void fill_low(energy *e) {
    const loglinear *own = e->own;
    memset(e->low, 0, sizeof e->low);
    for (int k = own->begin[LOW]; k < own->begin[HIGH]; k++) {
        const int a = own->order[k];
        double table[SG_CODES_BLOCK];
        int split, place;
        const int subset = low_subset(own, a, &split, &place);
        memset(table, 0, (size_t)table_size(own, subset) * sizeof(double));
        add_low_part(own, a, e->theta[a], table);
        spread(own->codes.size, own->map[subset], table, e->low);
    }
}

/* theta times the high part of a term. */
static double high_part(const energy *e, int a, const int *digit) {
    const sg_loglinear_terms *t = &e->own->t;
    double value = e->theta[a];
    for (int k = t->start[a] + e->own->split[a]; k < t->start[a + 1]; k++) {
        const int s = digit[t->site[k] - e->own->codes.low];
        if (t->state[k] ? s != t->state[k] : !s) value = t->state[k] ? 0 : -value;
    }
    return value;
}

static void one_block(const void *context, uint64_t high, double *logp) {
    const energy *e = context;
    const loglinear *own = e->own;
    const int *begin = own->begin;
    double table[SG_CODES_BLOCK], base = 0;
    int digit[SG_CODES_SITES];
    sg_codes_digits(own->codes.q, high, own->codes.d - own->codes.low, digit);
    for (int k = begin[HIGH]; k < begin[HIGH + 1]; k++) base += high_part(e, own->order[k], digit);
    for (int c = 0; c < own->codes.size; c++) logp[c] = e->low[c] + base;
    for (int subset = 1; subset < 1 << own->codes.low; subset++) {
        const int from = begin[HIGH + subset], to = begin[HIGH + subset + 1];
        if (from == to) continue;
        memset(table, 0, (size_t)table_size(own, subset) * sizeof(double));
        for (int k = from; k < to; k++) {
            const double weight = high_part(e, own->order[k], digit);
            if (weight != 0) add_low_part(own, own->order[k], weight, table);
        }
        spread(own->codes.size, own->map[subset], table, logp);
    }
}

static void states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    energy e = {.own = model->own, .theta = theta};
    fill_low(&e);
    sg_codes_states(&e.own->codes, one_block, &e, first, count, logp);
}

static sg_status factors(const sg_model *model, const double *theta, sg_factors **made) {
    return sg_loglinear_factors(model, &((const loglinear *)model->own)->t, theta, made);
}

static const sg_field keys[] = {
    {.key = "model",
     .type = SG_FIELD_TEXT,
     .role = SG_STRUCTURE,
     .offset = offsetof(loglinear_keys, model),
     .initial = "triangle",
     .help = "@FILE.yaml: n, q, cliques {sites: [..], table: [..]}, or weight: w; triangle: q = 3"},
    {0},
};

const sg_family sg_family_loglinear = {
    .name = "loglinear",
    .summary = "p(x) ~ exp(sum over cliques of a table or of a weight times a product of spins)",
    .keys = keys,
    .keys_size = sizeof(loglinear_keys),
    .can = SG_LINEAR | SG_STATES,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .states = states,
    .settle = settle,
    .log_ratio = log_ratio,
    .touched = touched,
    .move = move,
    .conditional = conditional,
    .factors = factors,
};
