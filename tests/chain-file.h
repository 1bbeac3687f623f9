/* Model files of log-linear models for tests: written to a temporary file.  After cmocka.h. */
#ifndef SG_TESTS_CHAIN_FILE_H
#define SG_TESTS_CHAIN_FILE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scoregap/family.h"

/* Numbers of a text, so that a test can make them again. */
static inline double chain_number(int k, int site, int state) {
    return 0.9 * sin(1 + 2.3 * k + 0.7 * site + 1.9 * state + 0.013 * site * state);
}

/* log p of site i in state s is f(i, s), of i and i + 1 in states s and t g(i, s, t). */
static inline double chain_field(int site, int s) {
    return chain_number(0, site, s);
}
static inline double chain_pair(int site, int q, int s, int t) {
    return chain_number(1, site, s + q * t);
}

/* A path of n sites with q states each, or with `triples` three sites in a table: "model=@FILE"; the file is removed by
 * the caller, by `chain_remove`. */
static inline void chain_write(int n, int q, bool triples, char keys[64]) {
    char name[] = "/tmp/scoregap-chain-XXXXXX";
    const int file = mkstemp(name);
    assert_true(file >= 0);
    FILE *out = fdopen(file, "w");
    assert_non_null(out);
    fprintf(out, "n: %d\nq: %d\ncliques:\n", n, q);
    for (int i = 0; i < n; i++) {
        fprintf(out, "  - {sites: [%d], table: [", i);
        for (int s = 0; s < q; s++) fprintf(out, "%s%.17g", s ? ", " : "", chain_field(i, s));
        fprintf(out, "]}\n");
        if (i + 1 == n) continue;
        fprintf(out, "  - {sites: [%d, %d], table: [", i, i + 1);
        for (int s = 0; s < q * q; s++) fprintf(out, "%s%.17g", s ? ", " : "", chain_pair(i, q, s % q, s / q));
        fprintf(out, "]}\n");
        if (!triples || i + 2 >= n) continue;
        fprintf(out, "  - {sites: [%d, %d, %d], table: [", i, i + 1, i + 2);
        for (int s = 0; s < q * q * q; s++) fprintf(out, "%s%.17g", s ? ", " : "", 0.4 * chain_number(2, i, s));
        fprintf(out, "]}\n");
    }
    assert_int_equal(fclose(out), 0);
    snprintf(keys, 64, "model=@%s", name);
}

static inline void chain_remove(const char *keys) {
    unlink(strchr(keys, '@') + 1);
}

#endif
