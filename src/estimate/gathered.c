#include <math.h>
#include <string.h>

#include "estimate/source.h"

enum { B = SG_BLOCK, TABLE_MOST = 1 << 16, DIGIT = 8, BUCKETS = 1 << DIGIT };

/*
 * A code has site i at bits i * bits.  Where all states are few they are counted in a table; otherwise codes are
 * sorted.  Both give the same list.
 */
struct sg_gathered {
    int d, q, bits, want;
    long long most;
    uint64_t *code;           /* [most] each datum in order */
    uint64_t *sorted, *spare; /* [most] scratch of the sort */
    double *table;            /* [q^d] how often each state occurs */
    long long distinct, kinds;
    uint64_t *state;       /* [distinct] */
    double *times;         /* [distinct + B] */
    double *pluses, *many; /* [kinds + B] numbers of sites in state 1 that occur, and how often */
    double *x;             /* [d][B] */
};

static int bits_of(const sg_space *space) {
    int bits = 1;
    while ((1 << bits) < space->q) bits++;
    return bits;
}

static bool has_codes(const sg_space *space) {
    return space->shape == SG_FINITE && (long long)space->d * bits_of(space) <= 64;
}

static bool has_table(const sg_model *model) {
    return sg_model_states(model) <= TABLE_MOST;
}

int sg_loss_form(const sg_model *model, const sg_loss *loss) {
    const sg_row *row = loss->row;
    if (model->space.shape != SG_FINITE) return 0;
    if (row->tag) return has_codes(&model->space) ? SG_GATHER_EACH : 0;
    if (row->alike && row->alike(loss->options, model) && sg_model_exchangeable(model)) return SG_GATHER_PLUSES;
    return has_codes(&model->space) ? SG_GATHER_DISTINCT : 0;
}

size_t sg_gathered_bytes(const sg_model *model, long long n, int want) {
    const size_t count = (size_t)n + B, sites = (size_t)model->space.d;
    size_t bytes = sites * B * sizeof(double);
    if (want & SG_GATHER_EACH) bytes += count * sizeof(uint64_t);
    if (want & SG_GATHER_DISTINCT)
        bytes += has_table(model) ? ((size_t)sg_model_states(model) + B) * 3 * sizeof(double)
                                  : count * (2 * sizeof(uint64_t) + 2 * sizeof(double));
    if (want & SG_GATHER_PLUSES) bytes += (sites + B) * 2 * sizeof(double);
    return bytes;
}

static sg_status allocate(const sg_model *model, sg_gathered *g) {
    sg_status status;
    const bool table = has_table(model);
    const size_t count = (size_t)g->most + B, states = table ? (size_t)sg_model_states(model) : count;
    if ((status = sg_new(&g->x, (size_t)g->d * B, sizeof(double)))) return status;
    if (g->want & SG_GATHER_EACH && (status = sg_new(&g->code, count, sizeof *g->code))) return status;
    if (g->want & SG_GATHER_DISTINCT) {
        if (table && (status = sg_new(&g->table, states, sizeof(double)))) return status;
        if (!table && (status = sg_new(&g->sorted, count, sizeof *g->sorted))) return status;
        if (!table && (status = sg_new(&g->spare, count, sizeof *g->spare))) return status;
        if (table && (status = sg_new(&g->state, states + B, sizeof *g->state))) return status;
        if ((status = sg_new(&g->times, states + B, sizeof(double)))) return status;
    }
    if (g->want & SG_GATHER_PLUSES) {
        if ((status = sg_new(&g->pluses, (size_t)g->d + 1 + B, sizeof(double)))) return status;
        if ((status = sg_new(&g->many, (size_t)g->d + 1 + B, sizeof(double)))) return status;
    }
    return SG_OK;
}

sg_status sg_gathered_new(const sg_model *model, long long n, int want, sg_gathered **out) {
    sg_gathered *g = NULL;
    *out = NULL;
    if (model->space.shape != SG_FINITE || (want & ~SG_GATHER_PLUSES && !has_codes(&model->space)))
        return sg_fail(SG_REFUSED, "states of %s are no 64-bit codes", model->text);
    sg_status status = sg_new(&g, 1, sizeof *g);
    if (status) return status;
    *g = (sg_gathered){.d = model->space.d, .q = model->space.q, .want = want, .most = n};
    g->bits = bits_of(&model->space);
    status = allocate(model, g);
    if (status) {
        sg_gathered_delete(g);
        return status;
    }
    *out = g;
    return SG_OK;
}

void sg_gathered_delete(sg_gathered *g) {
    if (!g) return;
    void *array[] = {g->code,  g->sorted, g->spare, g->table, g->state == g->sorted ? NULL : g->state,
                     g->times, g->pluses, g->many,  g->x};
    for (int k = 0; k < 9; k++) sg_delete(array[k]);
    sg_delete(g);
}

bool sg_gathered_has(const sg_gathered *g, int form) {
    return (g->want & form) == form;
}

/* ----------------------------------------------------------------- to and from codes */

static void encode(const sg_gathered *g, const sg_block *block, uint64_t *code) {
    memset(code, 0, (size_t)block->n * sizeof *code);
    for (int a = 0; a < g->d; a++) {
        const double *x = block->x + (size_t)a * B;
        const int shift = a * g->bits;
        if (g->q == 2)
            for (int i = 0; i < block->n; i++) code[i] |= (uint64_t)(x[i] > 0) << shift;
        else
            for (int i = 0; i < block->n; i++) code[i] |= (uint64_t)x[i] << shift;
    }
}

static void decode(const sg_gathered *g, const uint64_t *code, sg_block *block) {
    const uint64_t mask = (UINT64_C(1) << g->bits) - 1;
    for (int a = 0; a < g->d; a++) {
        double *restrict x = block->x + (size_t)a * B;
        const int shift = a * g->bits;
        if (g->q == 2)
            for (int i = 0; i < block->n; i++) x[i] = (double)(int)(2 * (code[i] >> shift & 1)) - 1;
        else
            for (int i = 0; i < block->n; i++) x[i] = (double)(int)(code[i] >> shift & mask);
    }
}

void sg_gathered_codes(const sg_gathered *g, long long first, sg_block *block) {
    decode(g, g->code + first, block);
}

/* Place in the table: base q in place of powers of two. */
static size_t place_of(const sg_gathered *g, uint64_t code) {
    size_t place = 0;
    if (g->q == 2) return (size_t)code;
    for (int a = g->d - 1; a >= 0; a--)
        place = place * (size_t)g->q + (size_t)(code >> (a * g->bits) & ((UINT64_C(1) << g->bits) - 1));
    return place;
}

static uint64_t code_at(const sg_gathered *g, size_t place) {
    uint64_t code = 0;
    if (g->q == 2) return (uint64_t)place;
    for (int a = 0; a < g->d; a++, place /= (size_t)g->q) code |= (uint64_t)(place % (size_t)g->q) << (a * g->bits);
    return code;
}

/* ---------------------------------------------------------------------- gathering */

/* Least significant digits first; the result is in *from. */
static void sort_codes(long long n, int digits, uint64_t **from, uint64_t **to) {
    for (int k = 0; k < digits; k++) {
        long long start[BUCKETS] = {0}, total = 0;
        const int shift = k * DIGIT;
        for (long long i = 0; i < n; i++) start[(*from)[i] >> shift & (BUCKETS - 1)]++;
        for (int b = 0; b < BUCKETS; b++) {
            const long long here = start[b];
            start[b] = total;
            total += here;
        }
        for (long long i = 0; i < n; i++) (*to)[start[(*from)[i] >> shift & (BUCKETS - 1)]++] = (*from)[i];
        uint64_t *swap = *from;
        *from = *to;
        *to = swap;
    }
}

static void list_sorted(sg_gathered *g, long long n) {
    sort_codes(n, (g->d * g->bits + DIGIT - 1) / DIGIT, &g->sorted, &g->spare);
    g->distinct = 0;
    g->state = g->sorted; /* the list never overtakes what is read */
    for (long long i = 0; i < n; i++) {
        if (g->distinct && g->state[g->distinct - 1] == g->sorted[i]) {
            g->times[g->distinct - 1]++;
            continue;
        }
        g->state[g->distinct] = g->sorted[i];
        g->times[g->distinct++] = 1;
    }
}

static void list_table(sg_gathered *g, size_t states) {
    g->distinct = 0;
    for (size_t k = 0; k < states; k++) {
        if (g->table[k] == 0) continue;
        g->state[g->distinct] = code_at(g, k);
        g->times[g->distinct++] = g->table[k];
    }
}

static void take_states(sg_gathered *g, const sg_block *block, long long first, const uint64_t *code) {
    if (g->code) memcpy(g->code + first, code, (size_t)block->n * sizeof *code);
    if (g->sorted) memcpy(g->sorted + first, code, (size_t)block->n * sizeof *code);
    for (int i = 0; g->table && i < block->n; i++) g->table[place_of(g, code[i])]++;
}

/* Numbers of pluses are counted in `many` itself, and then listed. */
static void take_pluses(sg_gathered *g, const sg_block *block) {
    int count[B] = {0};
    for (int a = 0; a < g->d; a++)
        for (int i = 0; i < block->n; i++) count[i] += block->x[(size_t)a * B + i] > 0;
    for (int i = 0; i < block->n; i++) g->many[count[i]]++;
}

static void list_pluses(sg_gathered *g) {
    g->kinds = 0;
    for (int k = 0; k <= g->d; k++) {
        if (g->many[k] == 0) continue;
        g->pluses[g->kinds] = k;
        g->many[g->kinds++] = g->many[k];
    }
}

void sg_source_gather(sg_source *source, sg_gathered *g) {
    sg_source from = *source;
    sg_block block = {.x = g->x};
    uint64_t code[B];
    const bool codes = g->want & (SG_GATHER_EACH | SG_GATHER_DISTINCT);
    size_t states = 1;
    for (int a = 0; g->table && a < g->d; a++) states *= (size_t)g->q;
    if (g->table) memset(g->table, 0, states * sizeof(double));
    if (g->many) memset(g->many, 0, ((size_t)g->d + 1) * sizeof(double));
    from.gathered = NULL;
    for (long long b = 0; b < sg_source_blocks(&from); b++) {
        sg_source_block(&from, b, &block);
        if (codes) encode(g, &block, code);
        if (codes) take_states(g, &block, b * B, code);
        if (g->many) take_pluses(g, &block);
    }
    if (g->table) list_table(g, states);
    if (g->sorted) list_sorted(g, source->n);
    if (g->many) list_pluses(g);
    source->gathered = g;
}

/* -------------------------------------------------------------------------- blocks */

int sg_source_form(const sg_source *source, int form) {
    return form && source->gathered && sg_gathered_has(source->gathered, form) ? form : 0;
}

static long long points_of(const sg_source *source, int form) {
    if (form == SG_GATHER_DISTINCT) return source->gathered->distinct;
    return form == SG_GATHER_PLUSES ? source->gathered->kinds : source->n;
}

long long sg_source_form_blocks(const sg_source *source, int form) {
    return (points_of(source, form) + B - 1) / B;
}

void sg_source_form_block(const sg_source *source, int form, long long b, sg_block *block) {
    const sg_gathered *g = source->gathered;
    if (form != SG_GATHER_DISTINCT && form != SG_GATHER_PLUSES) {
        sg_source_block(source, b, block);
        return;
    }
    const long long first = b * B, left = points_of(source, form) - first;
    const int rows = form == SG_GATHER_PLUSES ? 1 : g->d;
    *block = (sg_block){.n = left < B ? (int)left : B, .d = source->d, .draws = 1, .x = block->x};
    block->weight = (form == SG_GATHER_PLUSES ? g->many : g->times) + first;
    if (form == SG_GATHER_PLUSES)
        memcpy(block->x, g->pluses + first, (size_t)block->n * sizeof(double));
    else
        decode(g, g->state + first, block);
    for (int a = 0; a < rows; a++)
        for (int i = block->n; i < B; i++) block->x[(size_t)a * B + i] = block->x[(size_t)a * B + block->n - 1];
    if (form == SG_GATHER_PLUSES) block->count = block->x;
}

/* ------------------------------------------------------------ data with their draws */

struct sg_drawn {
    long long most, pairs;
    uint64_t *key, *spare; /* [most + B] the draw above the code; key: after it is listed, the code alone */
    uint32_t *tag;         /* [most + B] */
    double *times;         /* [most + B] */
};

static int code_bits(const sg_gathered *g) {
    return g->d * g->bits;
}

bool sg_drawn_can(const sg_source *source) {
    return sg_source_form(source, SG_GATHER_EACH) && source->gathered->d <= 32 &&
           code_bits(source->gathered) + source->gathered->d <= 64;
}

void sg_drawn_delete(sg_drawn *drawn) {
    if (!drawn) return;
    sg_delete(drawn->key);
    sg_delete(drawn->spare);
    sg_delete(drawn->tag);
    sg_delete(drawn->times);
    sg_delete(drawn);
}

static sg_status make_room(long long n, sg_drawn **drawn) {
    sg_status status;
    const size_t room = (size_t)n + B;
    if (*drawn && (*drawn)->most >= n) return SG_OK;
    sg_drawn_delete(*drawn);
    *drawn = NULL;
    if ((status = sg_new(drawn, 1, sizeof **drawn))) return status;
    (*drawn)->most = n;
    if ((status = sg_new(&(*drawn)->key, room, sizeof(uint64_t)))) return status;
    if ((status = sg_new(&(*drawn)->spare, room, sizeof(uint64_t)))) return status;
    if ((status = sg_new(&(*drawn)->tag, room, sizeof(uint32_t)))) return status;
    return sg_new(&(*drawn)->times, room, sizeof(double));
}

static void list_pairs(int bits, long long n, sg_drawn *to) {
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    to->pairs = 0;
    for (long long i = 0, end; i < n; i = end) {
        const uint64_t key = to->key[i];
        for (end = i + 1; end < n && to->key[end] == key; end++) {
        }
        to->times[to->pairs] = (double)(end - i);
        to->tag[to->pairs] = (uint32_t)(key >> bits);
        to->key[to->pairs++] = key & mask;
    }
}

sg_status sg_drawn_fill(const sg_source *source, sg_draw_tags draw, void *context, sg_block *block, sg_drawn **drawn) {
    const sg_gathered *g = source->gathered;
    const int bits = code_bits(g);
    sg_status status = make_room(source->n, drawn);
    if (status) {
        sg_drawn_delete(*drawn);
        *drawn = NULL;
        return status;
    }
    for (long long b = 0; b < sg_source_blocks(source); b++) {
        sg_source_block(source, b, block);
        draw(context, source, b, block);
        for (int i = 0; i < block->n; i++)
            (*drawn)->key[b * B + i] = g->code[b * B + i] | (uint64_t)block->tag[i] << bits;
    }
    sort_codes(source->n, (bits + g->d + DIGIT - 1) / DIGIT, &(*drawn)->key, &(*drawn)->spare);
    list_pairs(bits, source->n, *drawn);
    return SG_OK;
}

long long sg_drawn_blocks(const sg_drawn *drawn) {
    return (drawn->pairs + B - 1) / B;
}

void sg_drawn_block(const sg_drawn *drawn, const sg_source *source, long long b, sg_block *block) {
    const sg_gathered *g = source->gathered;
    const long long first = b * B, left = drawn->pairs - first;
    *block = (sg_block){.n = left < B ? (int)left : B, .d = source->d, .draws = 1, .x = block->x};
    block->weight = drawn->times + first;
    block->tag = drawn->tag + first;
    decode(g, drawn->key + first, block);
    for (int a = 0; a < g->d; a++)
        for (int i = block->n; i < B; i++) block->x[(size_t)a * B + i] = block->x[(size_t)a * B + block->n - 1];
}
