#include "family/domain.h"

#include <stdio.h>
#include <string.h>

enum { NAMES_MOST = 64, LIST_TEXT = 384, DIRECTIONS_MOST = 1 << 24, WRITTEN_MOST = 16 };

static sg_status unknown_family(const char *name) {
    const char *names[NAMES_MOST];
    char list[LIST_TEXT] = "";
    int count = 0;
    for (size_t used = 0; sg_families[count] && count < NAMES_MOST; count++) {
        names[count] = sg_families[count]->name;
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", names[count]);
    }
    const char *nearest = sg_nearest(name, count, names);
    return sg_fail(SG_UNKNOWN, "unknown family '%.64s'%s%s%s (families: %s)", name, nearest ? "; the nearest is '" : "",
                   nearest ? nearest : "", nearest ? "'" : "", list);
}

/* ------------------------------------------------------------ keys and free */

/* The keys of the family followed by free, whose text stands behind the struct of keys. */
static sg_status fields_with_free(const sg_family *family, sg_field **fields) {
    int count = 0;
    while (family->keys[count].key) count++;
    sg_status status = sg_new(fields, (size_t)count + 2, sizeof(sg_field));
    if (status != SG_OK) return status;
    memcpy(*fields, family->keys, (size_t)count * sizeof(sg_field));
    (*fields)[count] = (sg_field){
        .key = "free",
        .type = SG_FIELD_TEXT,
        .role = SG_FREE,
        .offset = family->keys_size,
        .initial = family->free_initial,
        .help = "parameters to estimate: names separated by '/', a group, all, or all that begin alike (PREFIX*)"};
    return SG_OK;
}

/* The words that free= accepts, for messages: parameters first, then groups and "all". */
typedef struct {
    char parameter[NAMES_MOST][SG_NAME];
    const char *word[2 * NAMES_MOST];
    int parameters, words;
} vocabulary;

static void collect_words(const sg_model *model, vocabulary *v) {
    const char *const *groups = model->family->groups;
    *v = (vocabulary){.parameters = model->full < NAMES_MOST ? model->full : NAMES_MOST};
    for (int i = 0; i < v->parameters; i++) {
        model->family->parameter(model, i, v->parameter[i]);
        v->word[v->words++] = v->parameter[i];
    }
    for (; groups && groups[0] && v->words < 2 * NAMES_MOST - 1; groups += 2)
        if (strcmp(groups[0], "all") != 0) v->word[v->words++] = groups[0];
    v->word[v->words++] = "all";
}

static sg_status unknown_parameter(const sg_model *model, const char *word) {
    vocabulary v;
    char list[LIST_TEXT] = "";
    collect_words(model, &v);
    for (size_t k = 0, used = 0; k < (size_t)v.words && used < sizeof list; k++) {
        const char *before = k == 0 ? "" : (int)k == v.parameters ? "; or " : ", ";
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", before, v.word[k]);
    }
    const char *nearest = sg_nearest(word, v.words, v.word);
    return sg_fail(SG_UNKNOWN, "unknown parameter '%.64s' in free of family %s%s%s%s (parameters: %s)", word,
                   model->family->name, nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "",
                   list);
}

static sg_status mark_free(const sg_model *model, const char *name, bool *is_free) {
    char known[SG_NAME];
    if (name[0] == '\0')
        return sg_fail(SG_BAD_SYNTAX, "free of family %s has an empty name: write parameters separated by single '/'",
                       model->family->name);
    for (int i = 0; i < model->full; i++) {
        model->family->parameter(model, i, known);
        if (strcmp(known, name) != 0) continue;
        if (is_free[i])
            return sg_fail(SG_BAD_SYNTAX, "the parameter '%s' stands twice in free of family %s: keep one", name,
                           model->family->name);
        is_free[i] = true;
        return SG_OK;
    }
    return unknown_parameter(model, name);
}

/* A group's list; a word that is no group stands for itself. */
static const char *expand_group(const sg_family *family, const char *word) {
    for (const char *const *group = family->groups; group && group[0]; group += 2)
        if (strcmp(group[0], word) == 0) return group[1];
    return word;
}

/* A name that ends in '*' stands for all parameters that begin like it. */
static sg_status mark_prefix(const sg_model *model, const char *name, bool *is_free) {
    char known[SG_NAME];
    bool found = false;
    for (int i = 0; i < model->full; i++) {
        model->family->parameter(model, i, known);
        if (strncmp(known, name, strlen(name) - 1) == 0) is_free[i] = found = true;
    }
    return found ? SG_OK : unknown_parameter(model, name);
}

static sg_status mark_word(const sg_model *model, const char *name, bool *is_free) {
    const char *star = strchr(name, '*');
    return star && star > name && !star[1] ? mark_prefix(model, name, is_free) : mark_free(model, name, is_free);
}

static sg_status mark_list(const sg_model *model, const char *word, bool *is_free) {
    char list[SG_TEXT];
    sg_status status = SG_OK;
    snprintf(list, sizeof list, "%s", expand_group(model->family, word));
    if (list[0] == '\0')
        return sg_fail(SG_BAD_SYNTAX, "free of family %s is empty: give parameters separated by '/', or all",
                       model->family->name);
    if (strcmp(list, "all") == 0) {
        memset(is_free, true, (size_t)model->full * sizeof(bool));
        return SG_OK;
    }
    for (char *rest = list, *name; status == SG_OK && (name = strsep(&rest, "/"));)
        status = mark_word(model, name, is_free);
    return status;
}

static sg_status choose_free(sg_model *model, const char *word) {
    bool *is_free = NULL;
    sg_status status = sg_new(&is_free, (size_t)model->full, sizeof(bool));
    if (status != SG_OK) goto out;
    status = mark_list(model, word, is_free);
    if (status != SG_OK) goto out;
    status = sg_new(&model->free, (size_t)model->full, sizeof(int));
    if (status != SG_OK) goto out;
    for (int i = 0; i < model->full; i++)
        if (is_free[i]) model->free[model->m++] = i;
out:
    sg_delete(is_free);
    return status;
}

/* Lists grow with the sites of finite families and with the dimension: `all`, groups and prefixes stand for themselves.
 */
static bool is_short(const sg_model *model, const char *word) {
    if (model->space.shape != SG_FINITE && (model->space.d == 1 || model->m <= WRITTEN_MOST)) return false;
    return strcmp(word, "all") == 0 || expand_group(model->family, word) != word || strchr(word, '*');
}

/* The keys that mean something beside the others, each with a comma behind it; returns the length. */
static size_t write_keys(const sg_family *family, const void *keys, size_t size, char *text) {
    size_t used = 0;
    for (const sg_field *field = family->keys; field->key && used < size; field++) {
        const sg_field alone[] = {*field, {.key = NULL}};
        if (family->idle && family->idle(keys, field->key)) continue;
        used += (size_t)sg_fields_text(alone, keys, size - used, text + used);
        if (used < size) used += (size_t)snprintf(text + used, size - used, ",");
    }
    return used;
}

/* "bimodal(a=3,free=base/erf)": keys in the order of the family, every free parameter by its name. */
static sg_status write_text(sg_model *model, const void *keys) {
    const sg_family *family = model->family;
    const size_t size = sizeof model->text;
    const char *word = (const char *)keys + family->keys_size;
    const bool brief = is_short(model, word);
    char name[SG_NAME];
    size_t used = (size_t)snprintf(model->text, size, "%s(", family->name);
    if (used < size) used += write_keys(family, keys, size - used, model->text + used);
    if (used < size) used += (size_t)snprintf(model->text + used, size - used, "free=%s", brief ? word : "");
    for (int j = 0; j < model->m && used < size && !brief; j++) {
        sg_model_parameter(model, j, name);
        used += (size_t)snprintf(model->text + used, size - used, "%s%s", j ? "/" : "", name);
    }
    if (used < size) used += (size_t)snprintf(model->text + used, size - used, ")");
    if (used < size) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "the keys of family %s take more than %zu bytes when written out: shorten them",
                   family->name, size - 1);
}

/* ------------------------------------------------------------ life of models */

/* Parameter `index` of the point with coordinates theta. */
static double named_entry(const sg_model *model, int index, const double *theta) {
    if (!model->to_named) return theta[index];
    double sum = 0;
    for (int i = 0; i < model->full; i++) sum += model->to_named[index * model->full + i] * theta[i];
    return sum;
}

sg_status sg_model_check(const sg_model *model, const double *theta) {
    char text[256] = "";
    if (model->family->inside(model, theta)) return SG_OK;
    for (int i = 0, used = 0; i < model->full && used + SG_NUMBER_TEXT + 2 < (int)sizeof text; i++) {
        if (i > 0) text[used++] = '/';
        used += sg_number_text(named_entry(model, i, theta), text + used);
    }
    return sg_fail(SG_NOT_INTEGRABLE,
                   "theta = %s is no density of family %s: not integrable, or a parameter outside its range", text,
                   model->family->name);
}

/* Columns of the map from parameters to coordinates, and its inverse; NULL where they are the same. */
static sg_status fill_names(sg_model *model) {
    const size_t full = (size_t)model->full;
    double *columns = NULL, condition;
    sg_status status = sg_new(&model->named, full, sizeof(double));
    if (status != SG_OK) return status;
    memcpy(model->named, model->truth, full * sizeof(double));
    if (!model->family->direction) return SG_OK;
    status = sg_new(&columns, 2 * full * full, sizeof(double));
    if (status == SG_OK) status = sg_new(&model->to_named, full * full, sizeof(double));
    if (status != SG_OK) goto out;
    for (int j = 0; j < model->full; j++) sg_model_direction(model, j, false, columns + (size_t)j * full);
    status = sg_invert(model->full, columns, columns + full * full, &condition);
    for (size_t i = 0; i < full; i++)
        for (size_t j = 0; j < full; j++) model->to_named[i * full + j] = columns[full * full + i + j * full];
    sg_model_coordinates(model, model->named, model->truth);
out:
    sg_delete(columns);
    return status;
}

/* Several free parameters span the same space whatever each would do alone. */
static sg_status fill_directions(sg_model *model) {
    const size_t full = (size_t)model->full, m = (size_t)model->m;
    double *column = NULL;
    if (!model->family->direction && full * m > DIRECTIONS_MOST) return SG_OK;
    sg_status status = sg_new(&model->direction, full * m, sizeof(double));
    if (status == SG_OK) status = sg_new(&column, full, sizeof(double));
    if (status != SG_OK) return status;
    for (size_t j = 0; j < m; j++) {
        sg_model_direction(model, model->free[j], m == 1, column);
        for (size_t i = 0; i < full; i++) model->direction[i * m + j] = column[i];
    }
    sg_delete(column);
    return SG_OK;
}

static sg_status fill(sg_model *model, const sg_field *fields, int count, const sg_pair *pairs, char *keys) {
    const sg_family *family = model->family;
    char owner[64];
    snprintf(owner, sizeof owner, "family %s", family->name);
    sg_status status = sg_fields_read(fields, owner, count, pairs, keys);
    if (status == SG_OK && family->settle) status = family->settle(keys);
    if (status == SG_OK) status = family->make(keys, model);
    if (status == SG_OK) status = fill_names(model);
    if (status == SG_OK) status = choose_free(model, keys + family->keys_size);
    if (status == SG_OK) status = fill_directions(model);
    if (status == SG_OK) status = write_text(model, keys);
    if (status == SG_OK) status = sg_model_check(model, model->truth);
    return status;
}

sg_status sg_model_new(const char *name, int count, const sg_pair *pairs, sg_model **model) {
    sg_field *fields = NULL;
    char *keys = NULL;
    *model = NULL;
    const sg_family *family = sg_family_find(name);
    if (!family) return unknown_family(name);
    sg_status status = fields_with_free(family, &fields);
    if (status != SG_OK) goto out;
    status = sg_new(&keys, 1, family->keys_size + SG_TEXT);
    if (status != SG_OK) goto out;
    status = sg_new(model, 1, sizeof(sg_model));
    if (status != SG_OK) goto out;
    (*model)->family = family;
    status = fill(*model, fields, count, pairs, keys);
out:
    sg_delete(fields);
    sg_delete(keys);
    if (status != SG_OK) {
        sg_model_delete(*model);
        *model = NULL;
    }
    return status;
}

void sg_model_delete(sg_model *model) {
    if (!model) return;
    if (model->family->release) model->family->release(model);
    sg_delete(model->own);
    sg_delete(model->truth);
    sg_delete(model->free);
    sg_delete(model->direction);
    sg_delete(model->named);
    sg_delete(model->to_named);
    sg_delete(model);
}

sg_status sg_model_set_truth(sg_model *model, int count, const double *theta) {
    double *whole = NULL;
    if (count != model->m && count != model->full) {
        if (model->m == model->full)
            return sg_fail(SG_OUT_OF_RANGE, "theta has %d numbers: %s needs %d", count, model->text, model->full);
        return sg_fail(SG_OUT_OF_RANGE, "theta has %d numbers: %s needs %d (its free parameters) or %d (all)", count,
                       model->text, model->m, model->full);
    }
    sg_status status = sg_new(&whole, (size_t)model->full, sizeof(double));
    if (status != SG_OK) goto out;
    if (count == model->full)
        sg_model_coordinates(model, theta, whole);
    else
        sg_model_expand(model, theta, whole);
    status = sg_model_check(model, whole);
    if (status != SG_OK) goto out;
    memcpy(model->truth, whole, (size_t)model->full * sizeof(double));
    for (int i = 0; i < model->full; i++) model->named[i] = named_entry(model, i, whole);
    model->moved = true;
out:
    sg_delete(whole);
    return status;
}

/* ------------------------------------------------------- parameters and text */

void sg_model_expand(const sg_model *model, const double *free_theta, double *theta) {
    memcpy(theta, model->truth, (size_t)model->full * sizeof(double));
    for (int j = 0; j < model->m && model->direction; j++) {
        double moved = free_theta[j] - model->named[model->free[j]];
        for (int i = 0; i < model->full; i++)
            if (model->direction[i * model->m + j] != 0) theta[i] += model->direction[i * model->m + j] * moved;
    }
    if (model->to_named) return;
    for (int j = 0; j < model->m; j++)
        theta[model->free[j]] = free_theta[j]; /* without the rounding of the difference */
}

void sg_model_direction(const sg_model *model, int index, bool alone, double *direction) {
    for (int i = 0; i < model->full; i++) direction[i] = i == index;
    if (model->family->direction) model->family->direction(model, index, alone, direction);
}

void sg_model_coordinates(const sg_model *model, const double *named, double *theta) {
    double column[SG_REALS];
    memcpy(theta, named, (size_t)model->full * sizeof(double));
    if (!model->to_named) return;
    for (int i = 0; i < model->full; i++) theta[i] = 0;
    for (int j = 0; j < model->full; j++) {
        sg_model_direction(model, j, false, column);
        for (int i = 0; i < model->full; i++) theta[i] += column[i] * named[j];
    }
}

void sg_model_free(const sg_model *model, const double *theta, double *free_theta) {
    for (int j = 0; j < model->m; j++) free_theta[j] = named_entry(model, model->free[j], theta);
}

void sg_model_parameter(const sg_model *model, int j, char name[SG_NAME]) {
    model->family->parameter(model, model->free[j], name);
}

/* Length of the canonical text before its last key, which is free. */
static size_t length_before_free(const char *text) {
    size_t length = strlen(text), word = strlen(",free=");
    for (size_t at = length - word; at > 0; at--)
        if (strncmp(text + at, ",free=", word) == 0 || strncmp(text + at, "(free=", word) == 0) return at;
    return length;
}

void sg_model_data_text(const sg_model *model, size_t size, char *text) {
    char number[SG_NUMBER_TEXT];
    size_t length = length_before_free(model->text);
    const char *close = model->text[length] == '(' ? "" : ")";
    size_t used = (size_t)snprintf(text, size, "%.*s%s", (int)length, model->text, close);
    for (int i = 0; model->moved && i < model->full && used < size; i++) {
        sg_number_text(model->named[i], number);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "/" : ";theta=", number);
    }
}

uint64_t sg_model_law_key(const sg_model *model, const double *theta, const char *purpose) {
    char data[640], text[768], hex[SG_SHA256_HEX] = "";
    const size_t bytes = (size_t)model->full * sizeof *theta;
    sg_model_data_text(model, sizeof data, data);
    if (memcmp(theta, model->truth, bytes) != 0) sg_sha256(theta, bytes, hex);
    snprintf(text, sizeof text, "%s;%s;%s", purpose, data, hex);
    return sg_hash64(text);
}
