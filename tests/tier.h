/* The second tier of tests (make test TIER=2): cases that take more than a few seconds. */
#ifndef SG_TESTS_TIER_H
#define SG_TESTS_TIER_H

#include <stdlib.h>
#include <string.h>

static inline int second_tier(void) {
    const char *tier = getenv("TIER");
    return tier && strcmp(tier, "2") == 0;
}

#endif
