/*
 * scoregap/base.h - status codes, memory, random streams, hashes, and the
 * descriptors by which keys and options are read.
 *
 * Nothing here knows statistics.  Every fallible function of the library returns
 * an sg_status; the sentence that explains it is kept per thread (sg_message).
 * The library never prints, never exits and never reads the environment.
 */
#ifndef SCOREGAP_BASE_H
#define SCOREGAP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SG_MUST_CHECK __attribute__((warn_unused_result))
#define SG_ALIGN 64 /* bytes; every array of the library starts on a cache line */

/* ------------------------------------------------------------------ status */

/*
 * One list: code, name (as it stands in JSON and in HDF5), exit status of a
 * program that fails with it (1: the work failed; 2: the request was wrong),
 * sentence.
 */
#define SG_STATUS_LIST(X)                                                                    \
    X(SG_OK, "ok", 0, "done")                                                                \
    X(SG_NO_MEMORY, "no-memory", 1, "memory is exhausted")                                   \
    X(SG_UNKNOWN, "unknown", 2, "the name is not known")                                     \
    X(SG_OUT_OF_RANGE, "out-of-range", 2, "a value lies outside its range")                  \
    X(SG_BAD_TYPE, "bad-type", 2, "a value has the wrong type")                              \
    X(SG_BAD_SYNTAX, "bad-syntax", 2, "the text cannot be read")                             \
    X(SG_BAD_DATA, "bad-data", 2, "the data cannot be used")                                 \
    X(SG_MISFIT, "misfit", 2, "the loss does not fit the family")                            \
    X(SG_CANNOT_READ, "cannot-read", 2, "the file cannot be read")                           \
    X(SG_CANNOT_CREATE, "cannot-create", 2, "the output cannot be created")                  \
    X(SG_OTHER_SCHEMA, "other-schema", 2, "the file has another schema")                     \
    X(SG_CANNOT_WRITE, "cannot-write", 1, "writing failed")                                  \
    X(SG_SINGULAR, "singular", 1, "a matrix is singular to working precision")               \
    X(SG_NOT_CONVERGED, "not-converged", 1, "the iteration did not converge")                \
    X(SG_NOT_INTEGRABLE, "not-integrable", 1, "the fitted density is not integrable")        \
    X(SG_PILOT_FAILED, "pilot-failed", 1, "the pilot fit of a two-step loss failed")         \
    X(SG_REFUSED, "refused", 1, "the quantity is not defined here")                          \
    X(SG_UNCERTIFIED, "uncertified", 1, "the value could not be certified")                  \
    X(SG_NO_DIGITS, "no-digits", 1, "the error estimate leaves no correct digit")            \
    X(SG_UNDERFLOW, "underflow", 1, "the value is below the range of double precision")      \
    X(SG_NOT_ATTAINED, "not-attained", 1, "the gap is the bottom of the essential spectrum") \
    X(SG_STOPPED, "stopped", 1, "the work was stopped")                                      \
    X(SG_INTERNAL, "internal", 1, "an internal check failed")                                \
    X(SG_SEPARATED, "separated", 1, "the data are separated: the estimate lies at infinity") \
    X(SG_UNDEFINED, "undefined", 0, "the quantity does not exist for this loss")             \
    X(SG_NO_MINIMUM, "no-minimum", 1, "the loss falls for ever along a direction")

typedef enum sg_status {
#define SG_STATUS_ENUM(code, name, leave, sentence) code,
    SG_STATUS_LIST(SG_STATUS_ENUM)
#undef SG_STATUS_ENUM
        SG_STATUS_COUNT
} sg_status;

const char *sg_status_name(sg_status code);     /* "singular"; "invalid" for a number that is no code */
const char *sg_status_sentence(sg_status code); /* the general sentence of the list */
int sg_status_exit(sg_status code);             /* 0, 1 or 2, as in the list */

/*
 * The one place where an error is born.  Stores the formatted sentence (up to
 * 511 bytes, this thread's) and returns `code`, so that `return sg_fail(...)` reads well.
 * The sentence names what to change; it starts in lower case and has no full stop.
 */
sg_status sg_fail(sg_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the message of the failure in flight, for callers that know the place (file, line, cell). */
sg_status sg_fail_within(sg_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first failure among threads that share work, with its message, for the thread that returns it. */
typedef struct {
    sg_status status;
    char message[512];
} sg_failure;
/* Keeps this thread's last failure unless there is one; from any thread. */
void sg_failure_keep(sg_failure *first, sg_status status);

/* Sentence of this thread's last sg_fail; never NULL; valid until the next failure in the same thread. */
const char *sg_message(void);

/* ------------------------------------------------------------------ memory */

/*
 * The one allocator of the library: `count` * `size` zeroed bytes, SG_ALIGN-aligned, address stored in *pointer
 * (pass the address of any object pointer).  Overflow of the product and exhaustion give SG_NO_MEMORY, *pointer NULL.
 */
SG_MUST_CHECK sg_status sg_new(void *pointer, size_t count, size_t size);
void sg_delete(void *pointer); /* NULL is allowed */

/* For tests: the k-th call of sg_new from now on (1 = the next) fails, in any thread; 0 switches it off. */
void sg_memory_fail_after(long k);
long sg_memory_live(void); /* blocks made and not deleted, for leak tests */

/*
 * An arena hands out aligned pieces of one block and takes them back all at once: set-up makes it, hot loops
 * take and rewind without touching the heap.
 */
typedef struct sg_arena sg_arena;
SG_MUST_CHECK sg_status sg_arena_new(size_t bytes, sg_arena **arena);
void sg_arena_delete(sg_arena *arena);
/* count*size bytes, not cleared; NULL when the arena is full (a full arena is SG_NO_MEMORY to the caller). */
void *sg_arena_take(sg_arena *arena, size_t count, size_t size);
size_t sg_arena_mark(const sg_arena *arena);
void sg_arena_rewind(sg_arena *arena, size_t mark);

/* ----------------------------------------------------------------- streams */

/*
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), so that any block of any
 * replicate is a pure function of (key, purpose, replicate, block) and can be recomputed alone.
 * Counter words: {index within the block, block, replicate, purpose}; the 64-bit key is split low word first.
 * One counter gives four 32-bit words = two uniforms.
 */
typedef struct {
    uint64_t key;
    uint32_t purpose, replicate, block;
    uint32_t index; /* the next counter of this block */
} sg_stream;

enum { SG_PURPOSE_DATA = 0, SG_PURPOSE_LOSS = 1, SG_PURPOSE_DYNAMICS = 2, SG_PURPOSE_START = 3, SG_PURPOSE_TEST = 9 };

void sg_stream_open(sg_stream *stream, uint64_t key, uint32_t purpose, uint32_t replicate);
void sg_stream_seek(sg_stream *stream, uint32_t block); /* to the first counter of a block */

/*
 * n uniforms on (0,1), never 0 or 1: the top 52 bits b of a 64-bit word w (low 32-bit word first) as
 * (b + 1/2) 2^-52.  Consumes ceil(n/2) counters.  Vectorized over counters; n may be any number >= 0.
 */
void sg_stream_uniform(sg_stream *stream, size_t n, double *u);

/* n standard normals by Box-Muller on pairs of uniforms; consumes ceil(n/2) counters.  Exact up to rounding. */
void sg_stream_normal(sg_stream *stream, size_t n, double *z);

/* n 32-bit words; consumes ceil(n/4) counters. */
void sg_stream_words(sg_stream *stream, size_t n, uint32_t *words);

/*
 * The same generator as a GSL type, for GSL's distributions: gsl_rng_alloc(sg_rng_philox), then gsl_rng_set
 * (seed = key, purpose SG_PURPOSE_TEST, replicate 0).  Returned as const void * so that this header needs no GSL;
 * cast to const gsl_rng_type *.
 */
const void *sg_rng_philox(void);

/* ------------------------------------------------------- hashes and numbers */

#define SG_SHA256_HEX 65
void sg_sha256(const void *bytes, size_t length, char hex[SG_SHA256_HEX]);
uint64_t sg_hash64(const char *text); /* the first 8 bytes of SHA-256(text), big-endian */

/* Shortest decimal that reads back as the same double ("0.1", "1e-60", "nan", "inf", "-inf"); returns its length. */
#define SG_NUMBER_TEXT 32
int sg_number_text(double value, char text[SG_NUMBER_TEXT]);

/* Reads a whole text as one finite number ("1e-3", "0x1p-3", " 2"); false on anything else. */
bool sg_number_read(const char *text, double *value);

/* Compensated sum (Neumaier) in index order: error below 2 eps |sum| + O(n^2 eps^2) sum |x|.  No allocation. */
double sg_sum(size_t n, const double *x);

/* The name of `names` nearest to `word` (Damerau-Levenshtein, at most 1/2 of the letters changed), or NULL. */
const char *sg_nearest(const char *word, int count, const char *const *names);

/* ------------------------------------------------------------ descriptors */

/*
 * One list of descriptors drives reading, checking, canonical text, help and JSON listing of the keys of a family,
 * the options of a row and the keys of an experiment.  Values come as text (command line and YAML alike).
 */
typedef enum {
    SG_FIELD_INT,   /* int */
    SG_FIELD_REAL,  /* double */
    SG_FIELD_WORD,  /* int: index into `choices` */
    SG_FIELD_TEXT,  /* char[SG_TEXT] */
    SG_FIELD_REALS, /* sg_reals: numbers separated by '/' */
} sg_field_type;

typedef enum { SG_STRUCTURE, SG_TRUTH, SG_FREE, SG_OPTION } sg_field_role;

#define SG_TEXT 256
/*
 * Keys that name a file, "@PATH": sealed with the contents, "@PATH#0123456789abcdef" (16 digits of their SHA-256), so
 * that texts made of keys differ when files do.  A text with a seal is checked against the file.  `what` names the file
 * in messages ("graph file").  Errors: SG_CANNOT_READ, SG_BAD_DATA (another seal), SG_OUT_OF_RANGE (no room).
 */
SG_MUST_CHECK sg_status sg_file_seal(const char *what, char text[SG_TEXT]);
/* The PATH of such a text. */
void sg_file_path(const char *text, char path[SG_TEXT]);

#define SG_REALS 64
typedef struct {
    int n;
    double v[SG_REALS];
} sg_reals;

typedef struct sg_field {
    const char *key;
    sg_field_type type;
    sg_field_role role;
    size_t offset;       /* of the member in the struct that is filled */
    const char *initial; /* default, as text */
    double lo, hi;       /* range, for INT, REAL and each of REALS; -INFINITY and INFINITY for none */
    bool lo_open, hi_open;
    int parity;          /* INT: 0 any, 1 odd, 2 even */
    const char *choices; /* WORD: "constant|power|stein"; NULL otherwise */
    const char *help;    /* one line: meaning and unit */
} sg_field;              /* a list ends with a descriptor whose key is NULL */

typedef struct {
    const char *key, *value;
} sg_pair;

/*
 * Fills `out` with the defaults and then with the pairs.  `owner` ("family bimodal") goes into messages.
 * Errors: SG_UNKNOWN (names the nearest key), SG_BAD_TYPE, SG_OUT_OF_RANGE (names the range), SG_BAD_SYNTAX (a key
 * twice).
 */
SG_MUST_CHECK sg_status sg_fields_read(const sg_field *fields, const char *owner, int count, const sg_pair *pairs,
                                       void *out);

/* Canonical text of the members, "a=3,b=0.5", in list order, numbers as sg_number_text; cut to `size`. Returns the
 * length. */
int sg_fields_text(const sg_field *fields, const void *values, size_t size, char *text);

/* "> 0", "[0, 1)", "even >= 4", "constant|power|stein": the range of one descriptor, for messages and help. */
void sg_field_range(const sg_field *field, size_t size, char *text);

/*
 * Splits "key=value,key=value" (empty text: none) in place into at most `most` pairs that point into `text`.
 * Errors: SG_BAD_SYNTAX.
 */
SG_MUST_CHECK sg_status sg_pairs_split(char *text, int most, sg_pair *pairs, int *count);

#ifdef __cplusplus
}
#endif
#endif
