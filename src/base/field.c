#include "scoregap/base.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS_MOST = 64, RANGE_TEXT = 256, KEYS_TEXT = 384 };

/* Where text is put together; `length` goes on counting after the text is cut. */
typedef struct {
    char *text;
    size_t size, length;
} writer;

static void __attribute__((format(printf, 2, 3))) put(writer *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t used = w->length < w->size ? w->length : w->size;
    int more = vsnprintf(used < w->size ? w->text + used : NULL, w->size - used, format, arguments);
    va_end(arguments);
    if (more > 0) w->length += (size_t)more;
}

static void put_number(writer *w, double value) {
    char text[SG_NUMBER_TEXT];
    sg_number_text(value, text);
    put(w, "%s", text);
}

static int field_count(const sg_field *fields) {
    int count = 0;
    while (fields[count].key) count++;
    return count;
}

/* ------------------------------------------------------------------ ranges */

static bool has_lo(const sg_field *field) {
    return field->lo > -INFINITY;
}

static bool has_hi(const sg_field *field) {
    return field->hi < INFINITY;
}

static void put_bounds(writer *w, const sg_field *field) {
    if (has_lo(field) && has_hi(field)) {
        put(w, "%s", field->lo_open ? "(" : "[");
        put_number(w, field->lo);
        put(w, ", ");
        put_number(w, field->hi);
        put(w, "%s", field->hi_open ? ")" : "]");
    } else if (has_lo(field)) {
        put(w, field->lo_open ? "> " : ">= ");
        put_number(w, field->lo);
    } else if (has_hi(field)) {
        put(w, field->hi_open ? "< " : "<= ");
        put_number(w, field->hi);
    }
}

static void put_number_range(writer *w, const sg_field *field) {
    static const char *const parities[] = {"", "odd", "even"};
    bool bounded = has_lo(field) || has_hi(field), parity = field->parity == 1 || field->parity == 2;
    if (parity) put(w, "%s%s", parities[field->parity], bounded ? " " : "");
    put_bounds(w, field);
    if (bounded || parity) return;
    put(w, field->type == SG_FIELD_INT ? "any whole number" : "any number");
}

void sg_field_range(const sg_field *field, size_t size, char *text) {
    writer w = {text, size, 0};
    if (size > 0) text[0] = '\0';
    switch (field->type) {
    case SG_FIELD_WORD:
        put(&w, "%s", field->choices);
        break;
    case SG_FIELD_TEXT:
        put(&w, "text");
        break;
    case SG_FIELD_INT:
    case SG_FIELD_REAL:
    case SG_FIELD_REALS:
        put_number_range(&w, field);
        break;
    }
}

static bool in_range(const sg_field *field, double value) {
    bool above = field->lo_open && has_lo(field) ? value > field->lo : value >= field->lo;
    bool below = field->hi_open && has_hi(field) ? value < field->hi : value <= field->hi;
    bool parity = field->parity == 0 || (fmod(value, 2) == 0) == (field->parity == 2);
    return above && below && (field->type != SG_FIELD_INT || parity);
}

/* --------------------------------------------------------- reading a value */

/* What a value belongs to, for messages. */
typedef struct {
    const sg_field *field;
    const char *owner, *text;
} place;

static sg_status bad_type(const place *at, const char *wanted) {
    return sg_fail(SG_BAD_TYPE, "%s = '%.64s' of %s has the wrong type: it must be %s", at->field->key, at->text,
                   at->owner, wanted);
}

/* "[1, 9]" and "odd [1, 9]" in a sentence: "in [1, 9]", "odd and in [1, 9]". */
static sg_status out_of_range(const place *at) {
    char range[RANGE_TEXT];
    sg_field plain = *at->field;
    bool parity = plain.type == SG_FIELD_INT && plain.parity != 0 && (has_lo(&plain) || has_hi(&plain));
    if (parity) plain.parity = 0;
    sg_field_range(&plain, sizeof range, range);
    return sg_fail(SG_OUT_OF_RANGE, "%s = %.64s of %s is out of range: %s must be %s%s%s", plain.key, at->text,
                   at->owner, plain.type == SG_FIELD_REALS ? "each number" : "it",
                   parity ? (at->field->parity == 1 ? "odd and " : "even and ") : "",
                   range[0] == '[' || range[0] == '(' ? "in " : "", range);
}

static sg_status read_int(const place *at, int *out) {
    double value;
    if (!sg_number_read(at->text, &value) || value != trunc(value)) return bad_type(at, "a whole number");
    if (!in_range(at->field, value)) return out_of_range(at);
    if (value < INT_MIN || value > INT_MAX)
        return sg_fail(SG_OUT_OF_RANGE, "%s = %.64s of %s is out of range: it must be in [%d, %d]", at->field->key,
                       at->text, at->owner, INT_MIN, INT_MAX);
    *out = (int)value;
    return SG_OK;
}

static sg_status read_real(const place *at, double *out) {
    double value;
    if (!sg_number_read(at->text, &value)) return bad_type(at, "a number");
    if (!in_range(at->field, value)) return out_of_range(at);
    *out = value;
    return SG_OK;
}

/* The next of the words that '|' separates, or NULL at the end. */
static const char *next_choice(const char *choices, size_t *length) {
    *length = strcspn(choices, "|");
    return choices[*length] ? choices + *length + 1 : NULL;
}

static sg_status bad_word(const place *at) {
    char copy[RANGE_TEXT];
    const char *names[FIELDS_MOST];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", at->field->choices);
    for (char *rest = copy, *word; count < FIELDS_MOST && (word = strsep(&rest, "|"));) names[count++] = word;
    const char *nearest = sg_nearest(at->text, count, names);
    return sg_fail(SG_OUT_OF_RANGE, "%s = '%.64s' of %s is out of range: it must be %s%s%s%s", at->field->key, at->text,
                   at->owner, at->field->choices, nearest ? "; the nearest is '" : "", nearest ? nearest : "",
                   nearest ? "'" : "");
}

static sg_status read_word(const place *at, int *out) {
    int index = 0;
    for (const char *word = at->field->choices, *next; word; word = next, index++) {
        size_t length;
        next = next_choice(word, &length);
        if (strlen(at->text) != length || strncmp(word, at->text, length) != 0) continue;
        *out = index;
        return SG_OK;
    }
    return bad_word(at);
}

static sg_status read_text(const place *at, char out[SG_TEXT]) {
    size_t length = strlen(at->text);
    if (length >= SG_TEXT)
        return sg_fail(SG_OUT_OF_RANGE, "%s of %s has %zu bytes: it must have at most %d", at->field->key, at->owner,
                       length, SG_TEXT - 1);
    memset(out, 0, SG_TEXT);
    memcpy(out, at->text, length);
    return SG_OK;
}

static sg_status read_reals(const place *at, sg_reals *out) {
    sg_reals list = {0};
    for (const char *rest = at->text; *rest;) {
        char one[SG_TEXT];
        size_t length = strcspn(rest, "/");
        if (length >= sizeof one || (rest[length] == '/' && rest[length + 1] == '\0'))
            return bad_type(at, "numbers separated by '/'");
        memcpy(one, rest, length);
        one[length] = '\0';
        if (list.n == SG_REALS)
            return sg_fail(SG_OUT_OF_RANGE, "%s of %s has too many numbers: it must have at most %d", at->field->key,
                           at->owner, SG_REALS);
        if (!sg_number_read(one, &list.v[list.n])) return bad_type(at, "numbers separated by '/'");
        if (!in_range(at->field, list.v[list.n++])) return out_of_range(at);
        rest += length + (rest[length] == '/');
    }
    *out = list;
    return SG_OK;
}

/* A value is stored only when it is good, so that `out` never holds a wrong one. */
static sg_status read_value(const place *at, void *out) {
    void *member = (char *)out + at->field->offset;
    switch (at->field->type) {
    case SG_FIELD_INT:
        return read_int(at, member);
    case SG_FIELD_REAL:
        return read_real(at, member);
    case SG_FIELD_WORD:
        return read_word(at, member);
    case SG_FIELD_TEXT:
        return read_text(at, member);
    case SG_FIELD_REALS:
        return read_reals(at, member);
    }
    return sg_fail(SG_INTERNAL, "the type of %s of %s is no field type", at->field->key, at->owner);
}

/*
 * A default may lie outside the range, to say "not given": it is read without one, and "nan" is allowed for a REAL.
 * No default at all is the member's zero.
 */
static sg_status read_default(const sg_field *field, const char *owner, void *out) {
    void *member = (char *)out + field->offset;
    if (field->type == SG_FIELD_REAL && field->initial && strcmp(field->initial, "nan") == 0) {
        *(double *)member = NAN;
        return SG_OK;
    }
    sg_field free_field = *field;
    free_field.lo = -INFINITY;
    free_field.hi = INFINITY;
    free_field.parity = 0;
    const char *zero = field->type == SG_FIELD_TEXT || field->type == SG_FIELD_REALS ? "" : "0";
    place at = {&free_field, owner, field->initial ? field->initial : zero};
    if (field->type == SG_FIELD_WORD && !field->initial) {
        *(int *)member = 0;
        return SG_OK;
    }
    if (read_value(&at, out) == SG_OK) return SG_OK;
    return sg_fail_within(SG_INTERNAL, "the default of a descriptor is wrong");
}

static sg_status read_defaults(const sg_field *fields, const char *owner, void *out) {
    for (const sg_field *field = fields; field->key; field++) {
        sg_status status = read_default(field, owner, out);
        if (status != SG_OK) return status;
    }
    return SG_OK;
}

/* ---------------------------------------------------------- reading a list */

static sg_status unknown_key(const sg_field *fields, const char *owner, const char *key) {
    char keys[KEYS_TEXT] = "";
    writer w = {keys, sizeof keys, 0};
    const char *names[FIELDS_MOST];
    int count = field_count(fields);
    if (count == 0) return sg_fail(SG_UNKNOWN, "unknown key '%.64s' of %s, which takes no keys", key, owner);
    if (count > FIELDS_MOST) count = FIELDS_MOST;
    for (int k = 0; k < count; k++) {
        names[k] = fields[k].key;
        put(&w, "%s%s", k ? ", " : "", fields[k].key);
    }
    const char *nearest = sg_nearest(key, count, names);
    if (!nearest) return sg_fail(SG_UNKNOWN, "unknown key '%.64s' of %s (keys: %s)", key, owner, keys);
    return sg_fail(SG_UNKNOWN, "unknown key '%.64s' of %s; the nearest is '%s' (keys: %s)", key, owner, nearest, keys);
}

static sg_status read_pair(const sg_field *fields, const char *owner, const sg_pair *pairs, int i, void *out) {
    const char *key = pairs[i].key, *value = pairs[i].value;
    const sg_field *field = fields;
    while (field->key && strcmp(field->key, key) != 0) field++;
    if (!field->key) return unknown_key(fields, owner, key);
    for (int k = 0; k < i; k++)
        if (strcmp(pairs[k].key, key) == 0)
            return sg_fail(SG_BAD_SYNTAX, "the key '%s' of %s is given twice: keep one", key, owner);
    if (field->initial && strcmp(value, field->initial) == 0) return read_default(field, owner, out);
    place at = {field, owner, value};
    return read_value(&at, out);
}

sg_status sg_fields_read(const sg_field *fields, const char *owner, int count, const sg_pair *pairs, void *out) {
    sg_status status = read_defaults(fields, owner, out);
    for (int i = 0; i < count && status == SG_OK; i++) {
        status = read_pair(fields, owner, pairs, i, out);
        if (status != SG_OK && read_defaults(fields, owner, out) != SG_OK) return SG_INTERNAL;
    }
    return status;
}

/* ----------------------------------------------------------- canonical text */

static void put_word(writer *w, const char *choices, int index) {
    for (const char *word = choices, *next; word; word = next, index--) {
        size_t length;
        next = next_choice(word, &length);
        if (index == 0) put(w, "%.*s", (int)length, word);
    }
}

static void put_value(writer *w, const sg_field *field, const void *values) {
    const void *member = (const char *)values + field->offset;
    const sg_reals *list = member;
    switch (field->type) {
    case SG_FIELD_INT:
        put(w, "%d", *(const int *)member);
        break;
    case SG_FIELD_REAL:
        put_number(w, *(const double *)member);
        break;
    case SG_FIELD_WORD:
        put_word(w, field->choices, *(const int *)member);
        break;
    case SG_FIELD_TEXT:
        put(w, "%s", (const char *)member);
        break;
    case SG_FIELD_REALS:
        for (int k = 0; k < list->n; k++) {
            if (k > 0) put(w, "/");
            put_number(w, list->v[k]);
        }
        break;
    }
}

int sg_fields_text(const sg_field *fields, const void *values, size_t size, char *text) {
    writer w = {text, size, 0};
    if (size > 0) text[0] = '\0';
    for (const sg_field *field = fields; field->key; field++) {
        put(&w, "%s%s=", field == fields ? "" : ",", field->key);
        put_value(&w, field, values);
    }
    return (int)w.length;
}

sg_status sg_pairs_split(char *text, int most, sg_pair *pairs, int *count) {
    *count = 0;
    if (*text == '\0') return SG_OK;
    for (char *rest = text, *piece; (piece = strsep(&rest, ","));) {
        char *equals = strchr(piece, '=');
        if (!equals || equals == piece)
            return sg_fail(SG_BAD_SYNTAX, "'%.64s' cannot be read: write key=value, several separated by commas",
                           piece);
        if (*count == most)
            return sg_fail(SG_BAD_SYNTAX, "there are too many keys at '%.64s': write at most %d", piece, most);
        *equals = '\0';
        pairs[(*count)++] = (sg_pair){piece, equals + 1};
    }
    return SG_OK;
}
