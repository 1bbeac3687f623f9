#include "scoregap/base.h"

#include <gsl/gsl_rng.h>

enum { WORDS = 64 }; /* a multiple of four, so that the buffer ends with a counter */

typedef struct {
    sg_stream stream;
    uint32_t next;
    uint32_t words[WORDS];
} philox_state;

static void philox_set(void *vstate, unsigned long seed) {
    philox_state *state = vstate;
    sg_stream_open(&state->stream, seed, SG_PURPOSE_TEST, 0);
    state->next = WORDS;
}

static unsigned long philox_get(void *vstate) {
    philox_state *state = vstate;
    if (state->next == WORDS) {
        sg_stream_words(&state->stream, WORDS, state->words);
        if (state->stream.index == 0)
            sg_stream_seek(&state->stream, state->stream.block + 1); /* the block is used up */
        state->next = 0;
    }
    return state->words[state->next++];
}

/* Two words, low first, make the same uniform as in sg_stream_uniform. */
static double philox_get_double(void *vstate) {
    uint64_t low = philox_get(vstate), high = philox_get(vstate);
    return ((double)((high << 32 | low) >> 12) + 0.5) * 0x1p-52;
}

static const gsl_rng_type philox_type = {
    "philox4x32-10", 0xffffffffUL, 0, sizeof(philox_state), philox_set, philox_get, philox_get_double,
};

const void *sg_rng_philox(void) {
    return &philox_type;
}
