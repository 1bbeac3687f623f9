/* Models from text, for tests of several modules.  After cmocka.h. */
#ifndef SG_TESTS_MODEL_H
#define SG_TESTS_MODEL_H

#include <stdio.h>
#include <string.h>

#include "ok.h"
#include "scoregap/family.h"

/* "family", "family:key=value,..." or "family(key=value,...)". */
static inline sg_model *model_of(const char *text) {
    char copy[1024], nothing[] = "";
    sg_pair pairs[16];
    sg_model *model = NULL;
    int count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    char *keys = strpbrk(copy, ":("), *last = copy + strlen(copy) - 1;
    if (keys && *keys == '(') *last = '\0';
    if (keys) *keys++ = '\0';
    OK(sg_pairs_split(keys ? keys : nothing, 16, pairs, &count));
    OK(sg_model_new(copy, count, pairs, &model));
    return model;
}

#endif
