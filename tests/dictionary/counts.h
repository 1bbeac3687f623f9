/* Counts against their expectations.  After cmocka.h. */
#ifndef SG_TESTS_DICTIONARY_COUNTS_H
#define SG_TESTS_DICTIONARY_COUNTS_H

#include <math.h>

/*
 * Chi-square at five standard deviations (3e-7 by Wilson and Hilferty's normal approximation); cells of fewer than 10
 * expected counts go together.
 */
static inline void check_counts(const char *what, int cells, const double *count, const double *expected) {
    double chi = 0, rest = 0, rest_expected = 0, k = -1;
    for (int c = 0; c < cells; c++) {
        if (expected[c] == 0) assert_true(count[c] == 0);
        if (expected[c] < 10) {
            rest += count[c];
            rest_expected += expected[c];
            continue;
        }
        chi += (count[c] - expected[c]) * (count[c] - expected[c]) / expected[c];
        k++;
    }
    if (rest_expected >= 10) {
        chi += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
        k++;
    } else {
        assert_true(rest < 60); /* a Poisson mean below 10: less than 1e-20 */
    }
    if (k < 1) return;
    const double z = (cbrt(chi / k) - 1 + 2 / (9 * k)) / sqrt(2 / (9 * k));
    if (!(z < 5)) fail_msg("%s: chi-square %g with %g degrees of freedom", what, chi, k);
}

#endif
