/*
 * Random models of any family and random losses of any row, from the descriptors of their keys alone: whatever is in
 * the registries is drawn.  Numbers are biased to the ends of their ranges, words are those of the descriptor, or of
 * its help; combinations that are refused are drawn again.  After cmocka.h.
 */
#ifndef SG_TESTS_DRAW_H
#define SG_TESTS_DRAW_H

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ok.h"
#include "scoregap/dictionary.h"

enum { DRAW_KEYS = 16, DRAW_STATES = 100, DRAW_FREE = 12, DRAW_TRIALS = 400 };

static inline double draw_uniform(sg_stream *stream) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return u;
}

static inline int draw_below(sg_stream *stream, int count) {
    return (int)(draw_uniform(stream) * count);
}

/* Zero, equal and round numbers are frequent. */
static inline double draw_corner(sg_stream *stream) {
    static const double some[] = {0, 0, 1e-3, -0.25, .5, .5, 1, -1, 1.5, -2};
    return draw_uniform(stream) < .7 ? some[draw_below(stream, 10)] : 3 * draw_uniform(stream) - 1.5;
}

/* One time in two near an end. */
static inline double draw_in(sg_stream *stream, double lo, double hi) {
    const double u = draw_uniform(stream), v = draw_uniform(stream);
    return u < 0.25 ? lo + 0.02 * (hi - lo) * v : u < 0.5 ? hi - 0.02 * (hi - lo) * v : lo + (hi - lo) * v;
}

static inline double draw_real(sg_stream *stream, const sg_field *field) {
    double usual = 1;
    const bool below = field->lo > -1e6, above = field->hi < 1e6; /* farther ends are none */
    if (below && above) return draw_in(stream, field->lo, field->hi);
    if (!below && !above) return draw_corner(stream);
    sg_number_read(field->initial, &usual);
    const double end = below ? field->lo : field->hi, away = fabs(usual - end);
    const double reach = (away > 0 ? away : 1) * pow(3, 2 * draw_uniform(stream) - 1);
    return below ? end + reach : end - reach;
}

/* Six of its numbers from the least. */
static inline int draw_int(sg_stream *stream, const sg_field *field) {
    int value = (int)field->lo + draw_below(stream, 6);
    if (field->parity) value += (value + field->parity) % 2;
    return value <= field->hi ? value : (int)field->hi;
}

static inline bool draw_in_word(char c) {
    return islower((unsigned char)c) || isdigit((unsigned char)c) || c == '-';
}

/* Of "a|b (what)|c": the word behind bar `which`, or, before the first one, the first or the last word. */
static inline bool draw_word(sg_stream *stream, const char *words, int which, char *text) {
    const char *begin = words, *bar = strchr(words, '|');
    int length = 0;
    if (!bar) return false;
    for (int k = 0; k < which; k++) begin = strchr(begin, '|') + 1;
    while (*begin == ' ') begin++;
    if (which == 0 && draw_uniform(stream) < 0.5)
        for (begin = bar; begin > words && draw_in_word(begin[-1]);) begin--;
    while (draw_in_word(begin[length])) length++;
    if (!length || length > 40) return false;
    snprintf(text, SG_TEXT, "%.*s", length, begin);
    return true;
}

static inline int draw_bars(const char *words) {
    int bars = 0;
    for (; *words; words++) bars += *words == '|';
    return bars;
}

/* A value of one key; false: leave it as it is. */
static inline bool draw_value(sg_stream *stream, const sg_field *field, char text[SG_TEXT]) {
    const char *words = field->type == SG_FIELD_WORD ? field->choices : field->help;
    if (draw_uniform(stream) < 0.3) return false;
    switch (field->type) {
    case SG_FIELD_INT:
        snprintf(text, SG_TEXT, "%d", draw_int(stream, field));
        return true;
    case SG_FIELD_REAL:
        sg_number_text(draw_real(stream, field), text);
        return true;
    case SG_FIELD_WORD:
    case SG_FIELD_TEXT:
        return draw_word(stream, words, draw_below(stream, 1 + draw_bars(words)), text);
    default:
        return false;
    }
}

static inline int draw_pairs(sg_stream *stream, const sg_field *fields, char text[DRAW_KEYS][SG_TEXT], sg_pair *pairs) {
    int count = 0;
    for (; fields->key && count < DRAW_KEYS - 2; fields++)
        if (draw_value(stream, fields, text[count])) {
            pairs[count].key = fields->key;
            pairs[count].value = text[count];
            count++;
        }
    return count;
}

/* --------------------------------------------------------------------- losses */

/*
 * Draw number `draw` of a row into text: first its name alone, then with options; a line that is drawn twice is drawn
 * again.
 */
static inline void draw_loss(const sg_row *row, int draw, char text[SG_TEXT]) {
    static char all[64][SG_TEXT];
    char value[DRAW_KEYS][SG_TEXT];
    sg_pair pairs[DRAW_KEYS];
    sg_stream stream;
    int made = 0;
    sg_stream_open(&stream, sg_hash64(row->name), SG_PURPOSE_TEST, 0);
    for (int trial = 0; made <= draw && trial < DRAW_TRIALS; trial++) {
        const int count = trial ? draw_pairs(&stream, row->options, value, pairs) : 0;
        size_t used = (size_t)snprintf(text, SG_TEXT, "%s", row->name);
        bool known = false;
        sg_loss *loss = NULL;
        for (int k = 0; k < count && used < SG_TEXT; k++)
            used +=
                (size_t)snprintf(text + used, SG_TEXT - used, "%c%s=%s", k ? ',' : ':', pairs[k].key, pairs[k].value);
        if (sg_loss_new(text, &loss)) continue;
        for (int k = 0; k < made; k++) known = known || !strcmp(all[k], loss->text);
        if (!known) snprintf(all[made++], SG_TEXT, "%s", loss->text);
        sg_loss_delete(loss);
    }
    snprintf(text, SG_TEXT, "%s", made > draw ? all[draw] : "");
}

/* --------------------------------------------------------------------- models */

/* A list of free parameters that the family has a word for, or its own choice. */
static inline int draw_group(sg_stream *stream, const sg_family *family, int count, sg_pair *pairs) {
    int groups = 0;
    while (family->groups && family->groups[2 * groups]) groups++;
    const int which = draw_below(stream, groups + 2);
    if (which < groups) pairs[count++] = (sg_pair){"free", family->groups[2 * which]};
    return count;
}

/* A list of a few parameters in place of too many. */
static inline sg_status draw_fewer(sg_stream *stream, const char *family, int count, sg_pair *pairs, sg_model **model) {
    char names[SG_TEXT] = "", name[SG_NAME];
    size_t used = 0;
    for (int j = 0; j < (*model)->full; j++) {
        if (draw_uniform(stream) > 5. / (*model)->full || used + SG_NAME > SG_TEXT) continue;
        (*model)->family->parameter(*model, j, name);
        used += (size_t)snprintf(names + used, SG_TEXT - used, "%s%s", used ? "/" : "", name);
    }
    sg_model_delete(*model);
    *model = NULL;
    if (count && !strcmp(pairs[count - 1].key, "free")) count--;
    pairs[count] = (sg_pair){"free", names};
    return used ? sg_model_new(family, count + 1, pairs, model) : SG_OUT_OF_RANGE;
}

static inline sg_status draw_finite_truth(sg_stream *stream, sg_model *model) {
    static const double sizes[] = {.3, .7, 1.2};
    double theta[DRAW_FREE], size = sizes[draw_below(stream, 3)];
    for (int j = 0; j < model->m; j++) theta[j] = size * draw_corner(stream);
    return sg_model_set_truth(model, model->m, theta);
}

static inline bool draw_suits(const sg_model *model) {
    const double many = sg_model_states(model);
    return model->space.shape != SG_FINITE || (many >= 4 && many <= DRAW_STATES && model->full <= 64);
}

/* Model number `draw` of a family; NULL: it has no keys to draw, or what they give is too large. */
static inline sg_model *draw_model(const sg_family *family, int draw) {
    char text[DRAW_KEYS][SG_TEXT];
    sg_pair pairs[DRAW_KEYS];
    sg_stream stream;
    sg_stream_open(&stream, sg_hash64(family->name), SG_PURPOSE_TEST, (uint32_t)draw);
    for (int trial = 0; trial < DRAW_TRIALS; trial++) {
        sg_model *model = NULL;
        int count = draw_pairs(&stream, family->keys, text, pairs);
        count = draw_group(&stream, family, count, pairs);
        sg_status status = sg_model_new(family->name, count, pairs, &model);
        if (!status && model->space.shape == SG_FINITE && model->m > DRAW_FREE && draw_suits(model))
            status = draw_fewer(&stream, family->name, count, pairs, &model);
        if (!status && !draw_suits(model)) status = SG_OUT_OF_RANGE;
        if (!status && model->space.shape == SG_FINITE) status = draw_finite_truth(&stream, model);
        if (!status) return model;
        sg_model_delete(model);
    }
    return NULL;
}

#endif
