#include "scoregap/base.h"

#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "base/vecmath.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* no vector crosses a call: everything below is inlined */

/*
 * Four counters go through the rounds together, each 32-bit word in a 64-bit lane, so that a round is two
 * 32x32 -> 64 bit multiplications; what is left above the low half of a lane is never read.  Whole groups of counters
 * are computed, the last one padded: the numbers of a counter are then the same bits whatever its place and whatever
 * the calls.
 */
typedef uint64_t lanes __attribute__((vector_size(32)));
typedef uint32_t halves __attribute__((vector_size(32)));

enum {
    ROUNDS = 10,
    QUADS = 4,           /* lanes in flight together, to hide the latency of the multiplication */
    PAIRS = 4 * QUADS,   /* counters of a group */
    NUMBERS = 2 * PAIRS, /* doubles of a group */
    WORDS = 2 * NUMBERS,
};

typedef struct {
    lanes k0[ROUNDS], k1[ROUNDS];
} key_schedule;

void sg_stream_open(sg_stream *stream, uint64_t key, uint32_t purpose, uint32_t replicate) {
    *stream = (sg_stream){.key = key, .purpose = purpose, .replicate = replicate};
}

void sg_stream_seek(sg_stream *stream, uint32_t block) {
    stream->block = block;
    stream->index = 0;
}

static inline lanes all(uint64_t x) {
    return (lanes){x, x, x, x};
}

static inline key_schedule schedule(uint64_t key) {
    key_schedule keys;
    for (uint32_t r = 0; r < ROUNDS; r++) {
        keys.k0[r] = all((uint32_t)key + r * 0x9E3779B9u);
        keys.k1[r] = all((uint32_t)(key >> 32) + r * 0xBB67AE85u);
    }
    return keys;
}

/* Product of the low halves.  Written as x * y with masks, gcc takes it apart into shifts or three products. */
static inline lanes times(lanes x, lanes y) {
#ifdef __AVX2__
    return (lanes)_mm256_mul_epu32((__m256i)x, (__m256i)y);
#else
    return (x & 0xffffffff) * (y & 0xffffffff);
#endif
}

/* The low halves of x and y, side by side: x is the low half of the result. */
static inline lanes beside(lanes x, lanes y) {
    return (lanes)__builtin_shuffle((halves)x, (halves)(y << 32), (halves){0, 9, 2, 11, 4, 13, 6, 15});
}

/* The words of a group of counters in the order of the stream, two in an element: element 2i, 2i+1 are counter i's. */
static inline void philox(const sg_stream *s, const key_schedule *keys, uint32_t index, lanes words[2 * QUADS]) {
    lanes c0[QUADS], c1[QUADS], c2[QUADS], c3[QUADS];
    for (int q = 0; q < QUADS; q++) {
        uint32_t first = index + 4 * (uint32_t)q;
        c0[q] = (lanes){first, first + 2, first + 1, first + 3}; /* the order that unpacking undoes */
        c1[q] = all(s->block);
        c2[q] = all(s->replicate);
        c3[q] = all(s->purpose);
    }
#pragma GCC unroll 10
    for (int r = 0; r < ROUNDS; r++) {
        for (int q = 0; q < QUADS; q++) {
            lanes p0 = times(c0[q], all(0xD2511F53)), p1 = times(c2[q], all(0xCD9E8D57));
            c0[q] = (p1 >> 32) ^ (c1[q] ^ keys->k0[r]);
            c1[q] = p1;
            c2[q] = (p0 >> 32) ^ (c3[q] ^ keys->k1[r]);
            c3[q] = p0;
        }
    }
    for (int q = 0; q < QUADS; q++) {
        lanes low = beside(c0[q], c1[q]), high = beside(c2[q], c3[q]);
        words[2 * q] = __builtin_shuffle(low, high, (lanes){0, 4, 2, 6});
        words[2 * q + 1] = __builtin_shuffle(low, high, (lanes){1, 5, 3, 7});
    }
}

/* 52 bits below the exponent of 1 make 1 + b 2^-52; taking 1 - 2^-53 away is exact. */
static inline void uniforms(const sg_stream *s, const key_schedule *keys, uint32_t index, double u[NUMBERS]) {
    typedef double reals __attribute__((vector_size(32)));
    lanes words[2 * QUADS];
    philox(s, keys, index, words);
    for (int q = 0; q < 2 * QUADS; q++) {
        reals x = (reals)(words[q] >> 12 | 0x3ff0000000000000) - (1 - 0x1p-53);
        memcpy(u + 4 * q, &x, sizeof x);
    }
}

/*
 * The pair (u1, u2) of a counter gives sqrt(-2 log u1) times (cos, sin) of the angle 2 pi (u2 - 1/2), in this order.
 * Sine and cosine have loops of their own: gcc turns the two of one angle in one loop into scalar sincos.
 */
static inline void normals(const sg_stream *s, const key_schedule *keys, uint32_t index, double z[NUMBERS]) {
    double u[NUMBERS], radius[PAIRS], angle[PAIRS], sine[PAIRS], cosine[PAIRS];
    uniforms(s, keys, index, u);
#pragma omp simd
    for (int i = 0; i < PAIRS; i++) radius[i] = sqrt(-2 * log(u[2 * i]));
#pragma omp simd
    for (int i = 0; i < PAIRS; i++) angle[i] = 2 * M_PI * (u[2 * i + 1] - 0.5);
#pragma omp simd
    for (int i = 0; i < PAIRS; i++) sine[i] = sin(angle[i]);
#pragma omp simd
    for (int i = 0; i < PAIRS; i++) cosine[i] = cos(angle[i]);
#pragma omp simd
    for (int i = 0; i < PAIRS; i++) {
        z[2 * i] = radius[i] * cosine[i];
        z[2 * i + 1] = radius[i] * sine[i];
    }
}

typedef void group_maker(const sg_stream *, const key_schedule *, uint32_t, double[NUMBERS]);

/* Inlined, with `make_group`, into the two functions below. */
static inline __attribute__((always_inline)) void fill(sg_stream *stream, size_t n, double *out,
                                                       group_maker make_group) {
    const sg_stream start = *stream;
    const key_schedule keys = schedule(start.key);
    uint32_t index = start.index;
    size_t done = 0;
    for (; n - done >= NUMBERS; done += NUMBERS, index += PAIRS) make_group(&start, &keys, index, out + done);
    if (done < n) {
        double last[NUMBERS];
        make_group(&start, &keys, index, last);
        memcpy(out + done, last, (n - done) * sizeof *out);
    }
    stream->index = start.index + (uint32_t)((n + 1) / 2);
}

void sg_stream_uniform(sg_stream *stream, size_t n, double *u) {
    fill(stream, n, u, uniforms);
}

void sg_stream_normal(sg_stream *stream, size_t n, double *z) {
    fill(stream, n, z, normals);
}

void sg_stream_words(sg_stream *stream, size_t n, uint32_t *words) {
    const sg_stream start = *stream;
    const key_schedule keys = schedule(start.key);
    uint32_t index = start.index;
    for (size_t done = 0; done < n; done += WORDS, index += PAIRS) {
        lanes group[2 * QUADS];
        philox(&start, &keys, index, group);
        memcpy(words + done, group, (n - done < WORDS ? n - done : WORDS) * sizeof *words);
    }
    stream->index = start.index + (uint32_t)((n + 3) / 4);
}
