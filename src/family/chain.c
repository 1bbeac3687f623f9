/*
 * A Markov chain on finitely many states by its rates, reversible or not: the process alone, without a density.  Its
 * parameter `speed` multiplies all rates.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/family.h"

enum { STATES_MOST = 1000000, EDGES_MOST = 1 << 24, RING = 8 };

typedef struct {
    char file[SG_TEXT];
    double speed;
} chain_keys;

typedef struct {
    int n;
    int edges;
    int *from, *to;
    double *log_rate;
} chain;

typedef struct {
    int from, to, line;
    double rate;
} entry;

typedef struct {
    const char *path;
    entry *entry;
    int count, room, n, line;
} reader;

static sg_status settle(void *keys) {
    chain_keys *key = keys;
    if (key->file[0] == '@') return sg_file_seal("file of rates", key->file);
    if (strcmp(key->file, "lifted") == 0) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "file = '%.64s' of family chain is out of range: it must be @FILE or lifted",
                   key->file);
}

static sg_status add(reader *r, int from, int to, double rate) {
    if (r->count == r->room) {
        entry *more = NULL;
        if (r->room >= EDGES_MOST)
            return sg_fail(SG_BAD_DATA, "%s, line %d: a chain has at most %d rates", r->path, r->line, (int)EDGES_MOST);
        const size_t room = r->room ? 2 * (size_t)r->room : 256;
        sg_status status = sg_new(&more, room, sizeof *more);
        if (status != SG_OK) return status;
        if (r->count) memcpy(more, r->entry, (size_t)r->count * sizeof *more);
        sg_delete(r->entry);
        r->entry = more;
        r->room = (int)room;
    }
    r->entry[r->count++] = (entry){from, to, r->line, rate};
    if (from >= r->n) r->n = from + 1;
    if (to >= r->n) r->n = to + 1;
    return SG_OK;
}

/* ------------------------------------------------------------------- the file */

static bool read_state(const char *word, int *state) {
    double value;
    if (!sg_number_read(word, &value) || !(value >= 0) || value > STATES_MOST - 1 || value != (double)(int)value)
        return false;
    *state = (int)value;
    return true;
}

static sg_status read_line(reader *r, char *text) {
    char *word[4];
    int words = 0, from = 0, to = 0;
    double rate;
    text[strcspn(text, "#")] = '\0';
    for (char *rest = NULL, *piece = strtok_r(text, " \t\r\n", &rest); piece && words < 4;
         piece = strtok_r(NULL, " \t\r\n", &rest))
        word[words++] = piece;
    if (!words) return SG_OK;
    if (words != 3)
        return sg_fail(SG_BAD_DATA, "%s, line %d: a line is `i j rate`, and # begins a comment", r->path, r->line);
    for (int k = 0; k < 2; k++)
        if (!read_state(word[k], k ? &to : &from))
            return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no state: states are whole numbers from 0 to %d",
                           r->path, r->line, word[k], STATES_MOST - 1);
    if (!sg_number_read(word[2], &rate) || !(rate > 0))
        return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no rate: it must be a finite number > 0", r->path, r->line,
                       word[2]);
    if (from == to) return sg_fail(SG_BAD_DATA, "%s, line %d: a rate leads from a state to another", r->path, r->line);
    return add(r, from, to, rate);
}

static sg_status read_file(reader *r) {
    sg_status status = SG_OK;
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    FILE *file = fopen(r->path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "the file of rates %s cannot be read: %s", r->path, strerror(errno));
    while (status == SG_OK && (length = getline(&text, &room, file)) >= 0) {
        r->line++;
        if (strlen(text) != (size_t)length)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: there is a zero byte: the file is no text", r->path, r->line);
        else
            status = read_line(r, text);
    }
    if (status == SG_OK && ferror(file))
        status = sg_fail(SG_CANNOT_READ, "the file of rates %s cannot be read: %s", r->path, strerror(errno));
    if (status == SG_OK && !r->count) status = sg_fail(SG_BAD_DATA, "the file of rates %s holds no rate", r->path);
    free(text);
    fclose(file);
    return status;
}

static int by_states(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return x->line - y->line;
}

static sg_status sort(reader *r) {
    qsort(r->entry, (size_t)r->count, sizeof *r->entry, by_states);
    for (int k = 1; k < r->count; k++) {
        const entry *a = &r->entry[k - 1], *b = &r->entry[k];
        if (a->from == b->from && a->to == b->to)
            return sg_fail(SG_BAD_DATA, "%s, line %d: the rate from %d to %d stands already in line %d: keep one",
                           r->path, b->line, b->from, b->to, a->line);
    }
    return SG_OK;
}

/* Lifted walk: state 2 k + s is place k of the ring and direction s; it moves on at rate 1 and turns at rate 2/RING. */
static sg_status lift(reader *r) {
    sg_status status = SG_OK;
    for (int k = 0; k < RING && status == SG_OK; k++)
        for (int s = 0; s < 2 && status == SG_OK; s++) {
            status = add(r, 2 * k + s, 2 * ((k + (s ? RING - 1 : 1)) % RING) + s, 1);
            if (status == SG_OK) status = add(r, 2 * k + s, 2 * k + 1 - s, 2.0 / RING);
        }
    return status;
}

/* ------------------------------------------------------------------ the model */

/* One block of memory: the numbers, then the arrays. */
static sg_status fill(const reader *r, sg_model *model) {
    const size_t head = (sizeof(chain) + 7) / 8 * 8, edges = (size_t)r->count;
    char *block = NULL;
    sg_status status = sg_new(&block, 1, head + edges * (sizeof(double) + 2 * sizeof(int)));
    if (status != SG_OK) return status;
    chain *own = (chain *)block;
    *own = (chain){.n = r->n, .edges = r->count, .log_rate = (double *)(block + head)};
    own->from = (int *)(own->log_rate + edges);
    own->to = own->from + edges;
    for (int e = 0; e < r->count; e++) {
        own->from[e] = r->entry[e].from;
        own->to[e] = r->entry[e].to;
        own->log_rate[e] = log(r->entry[e].rate);
    }
    model->own = own;
    return SG_OK;
}

static sg_status make(const void *keys, sg_model *model) {
    const chain_keys *key = keys;
    char path[SG_TEXT];
    reader r = {.path = path};
    sg_file_path(key->file, path);
    sg_status status = key->file[0] == '@' ? read_file(&r) : lift(&r);
    if (status == SG_OK) status = sort(&r);
    if (status == SG_OK) status = fill(&r, model);
    sg_delete(r.entry);
    if (status != SG_OK) return status;
    model->space = (sg_space){.shape = SG_FINITE, .d = 1, .q = ((const chain *)model->own)->n};
    model->full = 1;
    status = sg_new(&model->truth, 1, sizeof *model->truth);
    if (status == SG_OK) model->truth[0] = key->speed;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    (void)model, (void)index;
    snprintf(name, SG_NAME, "speed");
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return theta[0] > 0 && isfinite(theta[0]);
}

/* The law does not depend on the speed, and is not known without solving for it. */
static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    (void)model, (void)theta;
    for (int i = 0; i < block->n; i++) {
        if (out->want & SG_LOGP) out->logp[i] = NAN;
        if (out->want & SG_DT) out->dt[i] = 0;
    }
}

static void rates(const sg_model *model, const double *theta, sg_rates *out) {
    const chain *own = model->own;
    *out = (sg_rates){.n = own->n,
                      .edges = own->edges,
                      .from = own->from,
                      .to = own->to,
                      .log_rate = own->log_rate,
                      .speed = theta[0]};
}

static const sg_field keys[] = {
    {.key = "file",
     .type = SG_FIELD_TEXT,
     .role = SG_STRUCTURE,
     .offset = offsetof(chain_keys, file),
     .initial = "lifted",
     .help = "@FILE with lines `i j rate`, states from 0; lifted: the lifted walk on a ring of 8"},
    {.key = "speed",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(chain_keys, speed),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "multiplies every rate"},
    {0},
};

const sg_family sg_family_chain = {
    .name = "chain",
    .summary = "a Markov chain by its rates, reversible or not: the process alone, without a loss",
    .keys = keys,
    .keys_size = sizeof(chain_keys),
    .can = SG_RATES,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .settle = settle,
    .rates = rates,
};
