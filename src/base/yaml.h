/* YAML text as a tree whose nodes know where they stand, for messages that name line and column. */
#ifndef SG_BASE_YAML_H
#define SG_BASE_YAML_H

#include "scoregap/base.h"

typedef enum { SG_YAML_SCALAR, SG_YAML_LIST, SG_YAML_MAP } sg_yaml_kind;

typedef struct sg_yaml {
    sg_yaml_kind kind;
    int line, column; /* from 1 */
    char *text;       /* scalar; empty for a key without a value */
    int count;
    struct sg_yaml **item; /* [count] items of a list, values of a map */
    struct sg_yaml **key;  /* [count] keys of a map, scalars */
} sg_yaml;

/*
 * Reads one YAML document.  `path` goes into messages: "path:line:column: ...".
 * Errors: SG_BAD_SYNTAX (no YAML, several documents, a key twice, keys that are no words, nesting too deep),
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_yaml_read(const char *path, const char *text, sg_yaml **root);
void sg_yaml_delete(sg_yaml *node);

/* Value of a key of a map; NULL when absent. */
const sg_yaml *sg_yaml_find(const sg_yaml *map, const char *key);

/* sg_fail with the place in front; `at` may be NULL (then only the path). */
sg_status sg_yaml_fail(const char *path, const sg_yaml *at, sg_status code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts the place before the message of the failure in flight. */
sg_status sg_yaml_within(const char *path, const sg_yaml *at, sg_status code);

#endif
