/*
 * Independent coordinates, each with the law of an exponential family on the line: `of` lists the factors, `copies`
 * says how often the list is repeated.  Parameters are those of the factors with the number of the coordinate behind
 * them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/line-moments.h"
#include "family/line.h"

enum { B = SG_BLOCK, FACTORS_MOST = 16, PAIRS_MOST = 16, FULL_MOST = SG_REALS, PART_MOST = 32 };

typedef struct {
    char of[SG_TEXT];
    int copies;
} product_keys;

typedef struct {
    int factors;
    sg_model *line[FACTORS_MOST];
    int first[FULL_MOST + 1]; /* coordinate a has the parameters first[a] .. first[a + 1] - 1 */
} product;

static const sg_model *line_of(const sg_model *model, int a) {
    const product *own = model->own;
    return own->line[a % own->factors];
}

/* ------------------------------------------------------------------- factors */

static sg_status check_factor(const sg_model *line) {
    const uint32_t can = line->family->can;
    if (line->space.shape == SG_LINE && can & SG_LINEAR && can & SG_NODES && !(can & SG_KINK) &&
        line->full <= PART_MOST)
        return SG_OK;
    return sg_fail(SG_MISFIT, "%s cannot be a factor of family product: take exponential families on the whole line",
                   line->family->name);
}

/* "name:key=value:key=value", which is taken apart. */
static sg_status read_factor(char *text, sg_model **line) {
    sg_pair pairs[PAIRS_MOST];
    int count = 0;
    char *name = strsep(&text, ":");
    for (char *piece; (piece = strsep(&text, ":"));) {
        char *equals = strchr(piece, '=');
        if (!equals || equals == piece || count == PAIRS_MOST)
            return sg_fail(SG_BAD_SYNTAX, "the factor %.64s of family product cannot be read: write name:key=value",
                           name);
        *equals = '\0';
        pairs[count++] = (sg_pair){piece, equals + 1};
    }
    for (int k = 0; k < count; k++)
        if (strcmp(pairs[k].key, "free") == 0)
            return sg_fail(SG_BAD_SYNTAX, "free is no key of a factor of family product: write it behind the product");
    sg_status status = sg_model_new(name, count, pairs, line);
    return status == SG_OK ? check_factor(*line) : sg_fail_within(status, "factor of family product");
}

static sg_status read_factors(const char *of, sg_model *line[FACTORS_MOST], int *count) {
    char copy[SG_TEXT];
    sg_status status = SG_OK;
    snprintf(copy, sizeof copy, "%s", of);
    *count = 0;
    for (char *rest = copy, *text; status == SG_OK && (text = strsep(&rest, "/"));) {
        if (*count == FACTORS_MOST)
            return sg_fail(SG_OUT_OF_RANGE, "of of family product has more than %d factors: repeat them with copies",
                           FACTORS_MOST);
        status = read_factor(text, &line[(*count)++]);
    }
    return status;
}

static void delete_factors(sg_model *line[FACTORS_MOST]) {
    for (int k = 0; k < FACTORS_MOST; k++) sg_model_delete(line[k]);
}

/* "bimodal(a=3)" as "bimodal:a=3". */
static void write_factor(const sg_model *line, size_t size, char *text) {
    sg_model_data_text(line, size, text);
    for (; *text; text++) *text = *text == '(' || *text == ',' ? ':' : *text == ')' ? '\0' : *text;
}

static sg_status settle(void *keys) {
    product_keys *key = keys;
    sg_model *line[FACTORS_MOST] = {NULL};
    char text[SG_TEXT] = "";
    size_t used = 0;
    int count;
    sg_status status = read_factors(key->of, line, &count);
    for (int k = 0; k < count && status == SG_OK; k++) {
        char one[SG_TEXT];
        write_factor(line[k], sizeof one, one);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", k ? "/" : "", one);
        if (used >= sizeof text)
            status =
                sg_fail(SG_OUT_OF_RANGE, "of of family product takes more than %d bytes when written out", SG_TEXT - 1);
    }
    delete_factors(line);
    if (status == SG_OK) memcpy(key->of, text, sizeof text);
    return status;
}

static void release(sg_model *model) {
    if (model->own) delete_factors(((product *)model->own)->line);
}

static sg_status make(const void *keys, sg_model *model) {
    const product_keys *key = keys;
    product own = {0};
    int full = 0;
    sg_status status = read_factors(key->of, own.line, &own.factors);
    for (int a = 0; a < own.factors * key->copies && status == SG_OK; a++) {
        full += own.line[a % own.factors]->full;
        if (full > FULL_MOST)
            status = sg_fail(SG_OUT_OF_RANGE,
                             "family product has more than %d parameters: take fewer factors or copies", FULL_MOST);
        else
            own.first[a + 1] = full;
    }
    if (status == SG_OK && own.factors * key->copies < 2)
        status = sg_fail(SG_OUT_OF_RANGE, "family product needs two coordinates: give another factor, or copies = 2");
    if (status == SG_OK) status = sg_line_model(model, full, &own, sizeof own);
    if (status != SG_OK && !model->own) delete_factors(own.line);
    if (status != SG_OK) return status;
    model->space = (sg_space){.shape = SG_RD, .d = own.factors * key->copies, .lo = -INFINITY, .hi = INFINITY};
    for (int a = 0; a < model->space.d; a++) {
        const sg_model *line = line_of(model, a);
        memcpy(model->truth + own.first[a], line->named, (size_t)line->full * sizeof(double));
    }
    return SG_OK;
}

/* The coordinate to which a parameter belongs. */
static int coordinate_of(const sg_model *model, int index) {
    const product *own = model->own;
    int a = 0;
    while (own->first[a + 1] <= index) a++;
    return a;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const int a = coordinate_of(model, index);
    char part[SG_NAME], number[16];
    const sg_model *line = line_of(model, a);
    line->family->parameter(line, index - ((const product *)model->own)->first[a], part);
    snprintf(number, sizeof number, "_%d", a + 1);
    snprintf(name, SG_NAME, "%.*s%s", (int)(SG_NAME - 1 - strlen(number)), part, number);
}

static void direction(const sg_model *model, int index, bool alone, double *direction) {
    const int a = coordinate_of(model, index), first = ((const product *)model->own)->first[a];
    memset(direction, 0, (size_t)model->full * sizeof *direction);
    sg_model_direction(line_of(model, a), index - first, alone, direction + first);
}

/* --------------------------------------------------------------------- jets */

/* The rows of the derivatives along coordinate a, one after the other, go to their places. */
static void spread(int rows, int each, int place, const double *from, double *to) {
    for (int j = 0; j < rows; j++) memcpy(to + (size_t)(j * each + place) * B, from + (size_t)j * B, B * sizeof *to);
}

static void add_factor(const sg_model *model, const double *theta, const sg_block *block, int a, sg_jet *out) {
    _Alignas(SG_ALIGN) double logp[B], dxx[B], dt_dx[PART_MOST * B], dt_dxx[PART_MOST * B];
    const sg_model *line = line_of(model, a);
    const int first = ((const product *)model->own)->first[a], d = model->space.d, pairs = d * (d + 1) / 2,
              bend = a * (a + 1) / 2 + a, n = sg_line_points(block->n);
    const sg_block own = {.n = block->n, .d = 1, .draws = 1, .x = block->x + a * B};
    sg_jet jet = {.m = line->full,
                  .d = 1,
                  .want = out->want & (SG_LOGP | SG_DX | SG_DXX | SG_DT | SG_DT_DX | SG_DT_DXX),
                  .logp = out->logp ? logp : NULL,
                  .dx = out->dx ? out->dx + a * B : NULL,
                  .dxx = out->dxx ? dxx : NULL,
                  .dt = out->dt ? out->dt + first * B : NULL,
                  .dt_dx = out->dt_dx ? dt_dx : NULL,
                  .dt_dxx = out->dt_dxx ? dt_dxx : NULL};
    line->family->jet(line, theta + first, &own, &jet);
    if (out->logp)
#pragma omp simd
        for (int i = 0; i < n; i++) out->logp[i] += logp[i];
    if (out->dxx) spread(1, pairs, bend, dxx, out->dxx);
    if (out->dt_dx) spread(line->full, d, a, dt_dx, out->dt_dx + (size_t)(first * d) * B);
    if (out->dt_dxx) spread(line->full, pairs, bend, dt_dxx, out->dt_dxx + (size_t)(first * pairs) * B);
}

static void clear(double *member, int rows) {
    if (member) memset(member, 0, (size_t)rows * B * sizeof *member);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const int d = model->space.d, full = model->full, pairs = d * (d + 1) / 2, both = full * (full + 1) / 2;
    clear(out->logp, 1);
    clear(out->dxx, pairs);
    clear(out->dt_dx, full * d);
    clear(out->dt_dxx, full * pairs);
    clear(out->dtt, both);
    clear(out->dtt_dx, both * d);
    clear(out->dtt_dxx, both * pairs);
    for (int a = 0; a < d; a++) add_factor(model, theta, block, a, out);
}

/* ---------------------------------------------------------------------- law */

static bool inside(const sg_model *model, const double *theta) {
    const product *own = model->own;
    for (int a = 0; a < model->space.d; a++) {
        const sg_model *line = line_of(model, a);
        if (!line->family->inside(line, theta + own->first[a])) return false;
    }
    return true;
}

static const sg_model *factor(const sg_model *model, int coordinate, int *first) {
    *first = ((const product *)model->own)->first[coordinate];
    return line_of(model, coordinate);
}

static void clear_blocks(int full, double *hessian) {
    if (hessian) memset(hessian, 0, (size_t)full * (size_t)full * sizeof *hessian);
}

static sg_status log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    const product *own = model->own;
    const int full = model->full;
    double block[PART_MOST * PART_MOST];
    *value = 0;
    clear_blocks(full, hessian);
    for (int a = 0; a < model->space.d; a++) {
        const sg_model *line = line_of(model, a);
        const int first = own->first[a], m = line->full;
        double part;
        sg_status status =
            sg_line_log_z(line, theta + first, &part, gradient ? gradient + first : NULL, hessian ? block : NULL);
        if (status != SG_OK) return status;
        *value += part;
        for (int j = 0; j < m && hessian; j++)
            for (int k = 0; k < m; k++) hessian[first + j + (first + k) * full] = block[j + k * m];
    }
    return SG_OK;
}

/* Of each factor the landmarks with the highest log p, as many as make 16 places together, in all combinations. */
static int highest(const sg_model *line, const double *theta, int most, sg_landmarks *marks) {
    _Alignas(SG_ALIGN) double x[B] = {0}, logp[B];
    sg_block block = {.n = SG_LANDMARKS, .d = 1, .draws = 1, .x = x};
    sg_jet jet = {.m = line->full, .d = 1, .want = SG_LOGP, .logp = logp};
    *marks = (sg_landmarks){0};
    line->family->landmarks(line, theta, marks);
    memcpy(x, marks->at, sizeof marks->at);
    line->family->jet(line, theta, &block, &jet);
    for (int k = 0; k < marks->count; k++)
        for (int l = k + 1; l < marks->count; l++)
            if (logp[l] > logp[k]) {
                const double swap[] = {logp[k], marks->at[k], marks->scale[k]};
                logp[k] = logp[l], marks->at[k] = marks->at[l], marks->scale[k] = marks->scale[l];
                logp[l] = swap[0], marks->at[l] = swap[1], marks->scale[l] = swap[2];
            }
    return marks->count < most ? marks->count : most;
}

static void places(const sg_model *model, const double *theta, sg_places *out) {
    const product *own = model->own;
    const int d = model->space.d, most = d == 2 ? 4 : 2;
    sg_landmarks marks;
    out->count = 1;
    for (int a = 0; a < d; a++) {
        const int before = out->count, count = highest(line_of(model, a), theta + own->first[a], most, &marks);
        for (int k = 0; k < count; k++)
            for (int p = 0; p < before; p++) {
                const int at = k * before + p;
                memcpy(out->at[at], out->at[p], sizeof out->at[p]);
                memcpy(out->scale[at], out->scale[p], sizeof out->scale[p]);
                out->at[at][a] = marks.at[k], out->scale[at][a] = marks.scale[k];
            }
        out->count = before * count;
    }
}

static const sg_field keys[] = {
    {.key = "of",
     .type = SG_FIELD_TEXT,
     .role = SG_STRUCTURE,
     .offset = offsetof(product_keys, of),
     .initial = "gaussian",
     .help = "factors separated by '/', each name:key=value:key=value; exponential families on the line"},
    {.key = "copies",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(product_keys, copies),
     .initial = "2",
     .lo = 1,
     .hi = FULL_MOST,
     .help = "how often the list of factors is repeated"},
    {0},
};

const sg_family sg_family_product = {
    .name = "product",
    .summary = "p(x) = product of laws on the line, one a coordinate",
    .keys = keys,
    .keys_size = sizeof(product_keys),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .settle = settle,
    .make = make,
    .release = release,
    .parameter = parameter,
    .direction = direction,
    .jet = jet,
    .inside = inside,
    .places = places,
    .factor = factor,
    .log_z = log_z,
};
