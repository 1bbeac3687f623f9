/* Uniform numbers of one chain of a walk within one step, whatever the other chains draw. */
#ifndef SG_DICTIONARY_NUMBERS_H
#define SG_DICTIONARY_NUMBERS_H

#include "scoregap/dictionary.h"

/* A chain has counters of its own, two numbers each, more than any step draws. */
enum { SG_NUMBERS_BUFFER = 64, SG_NUMBERS_COUNTERS = 1 << 24 };

typedef struct {
    sg_stream stream;
    double u[SG_NUMBERS_BUFFER];
    int next;
} sg_numbers;

static inline void sg_numbers_open(const sg_walk *walk, int chain, sg_numbers *r) {
    r->stream = walk->stream;
    r->stream.index += (uint32_t)chain * SG_NUMBERS_COUNTERS;
    r->next = SG_NUMBERS_BUFFER;
}

static inline double sg_numbers_draw(sg_numbers *r) {
    if (r->next == SG_NUMBERS_BUFFER) {
        sg_stream_uniform(&r->stream, SG_NUMBERS_BUFFER, r->u);
        r->next = 0;
    }
    return r->u[r->next++];
}

static inline int sg_numbers_below(sg_numbers *r, int n) {
    return (int)(sg_numbers_draw(r) * n);
}

#endif
