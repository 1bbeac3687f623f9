/* YAML text as a tree whose nodes know where they stand, for messages that name line and column. */
#ifndef SCOREGAP_SIM_YAML_H
#define SCOREGAP_SIM_YAML_H

#include "scoregap/base.h"

typedef enum { SIM_SCALAR, SIM_LIST, SIM_MAP } sim_node_kind;

typedef struct sim_node {
    sim_node_kind kind;
    int line, column; /* from 1 */
    char *text;       /* scalar; empty for a key without a value */
    int count;
    struct sim_node **item; /* [count] items of a list, values of a map */
    struct sim_node **key;  /* [count] keys of a map, scalars */
} sim_node;

/*
 * Reads one YAML document.  `path` goes into messages: "path:line:column: ...".
 * Errors: SG_BAD_SYNTAX (no YAML, several documents, a key twice, keys that are no words, nesting too deep),
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sim_yaml_read(const char *path, const char *text, sim_node **root);
void sim_yaml_delete(sim_node *node);

/* Value of a key of a map; NULL when absent. */
const sim_node *sim_yaml_find(const sim_node *map, const char *key);

/* sg_fail with the place in front; `at` may be NULL (then only the path). */
sg_status sim_yaml_fail(const char *path, const sim_node *at, sg_status code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts the place before the message of the failure in flight. */
sg_status sim_yaml_within(const char *path, const sim_node *at, sg_status code);

#endif
