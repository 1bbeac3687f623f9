#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* Aliases can make a small text a large tree: both limits end that. */
enum { DEPTH_MOST = 16, NODES_MOST = 100000 };

typedef struct {
    const char *path;
    yaml_document_t *document;
    int nodes;
} reader;

sg_status sg_yaml_within(const char *path, const sg_yaml *at, sg_status code) {
    if (!at) return sg_fail_within(code, "%s", path);
    return sg_fail_within(code, "%s:%d:%d", path, at->line, at->column);
}

sg_status sg_yaml_fail(const char *path, const sg_yaml *at, sg_status code, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    sg_status status = sg_fail(code, "%s", text);
    return sg_yaml_within(path, at, status);
}

const sg_yaml *sg_yaml_find(const sg_yaml *map, const char *key) {
    for (int k = 0; map && map->kind == SG_YAML_MAP && k < map->count; k++)
        if (strcmp(map->key[k]->text, key) == 0) return map->item[k];
    return NULL;
}

void sg_yaml_delete(sg_yaml *node) {
    if (!node) return;
    for (int k = 0; node->item && k < node->count; k++) sg_yaml_delete(node->item[k]);
    for (int k = 0; node->key && k < node->count; k++) sg_yaml_delete(node->key[k]);
    sg_delete(node->item);
    sg_delete(node->key);
    sg_delete(node->text);
    sg_delete(node);
}

/* ------------------------------------------------------ document -> tree */

static sg_status convert(reader *r, int index, int depth, sg_yaml **node);

static sg_status convert_scalar(const reader *r, const yaml_node_t *source, sg_yaml *node) {
    size_t length = source->data.scalar.length;
    const char *text = (const char *)source->data.scalar.value;
    sg_status status = sg_new(&node->text, length + 1, 1);
    if (status != SG_OK) return status;
    memcpy(node->text, text, length);
    if (strlen(node->text) != length)
        return sg_yaml_fail(r->path, node, SG_BAD_SYNTAX, "the text holds a zero character: remove it");
    return SG_OK;
}

static sg_status convert_list(reader *r, const yaml_node_t *source, int depth, sg_yaml *node) {
    const yaml_node_item_t *first = source->data.sequence.items.start;
    node->count = (int)(source->data.sequence.items.top - first);
    sg_status status = sg_new(&node->item, (size_t)node->count + 1, sizeof(sg_yaml *));
    for (int k = 0; k < node->count && status == SG_OK; k++) status = convert(r, first[k], depth + 1, &node->item[k]);
    return status;
}

static sg_status check_key(const reader *r, const sg_yaml *map, int k) {
    const sg_yaml *key = map->key[k];
    if (key->kind != SG_YAML_SCALAR || !*key->text)
        return sg_yaml_fail(r->path, key, SG_BAD_SYNTAX, "a key must be a word");
    for (int i = 0; i < k; i++)
        if (strcmp(map->key[i]->text, key->text) == 0)
            return sg_yaml_fail(r->path, key, SG_BAD_SYNTAX, "the key '%.64s' stands here and in line %d: keep one",
                                key->text, map->key[i]->line);
    return SG_OK;
}

static sg_status convert_map(reader *r, const yaml_node_t *source, int depth, sg_yaml *node) {
    const yaml_node_pair_t *first = source->data.mapping.pairs.start;
    node->count = (int)(source->data.mapping.pairs.top - first);
    sg_status status = sg_new(&node->item, (size_t)node->count + 1, sizeof(sg_yaml *));
    if (status == SG_OK) status = sg_new(&node->key, (size_t)node->count + 1, sizeof(sg_yaml *));
    for (int k = 0; k < node->count && status == SG_OK; k++) {
        status = convert(r, first[k].key, depth + 1, &node->key[k]);
        if (status == SG_OK) status = check_key(r, node, k);
        if (status == SG_OK) status = convert(r, first[k].value, depth + 1, &node->item[k]);
    }
    return status;
}

static sg_status convert(reader *r, int index, int depth, sg_yaml **result) {
    const yaml_node_t *source = yaml_document_get_node(r->document, index);
    sg_yaml *node = NULL;
    sg_status status = sg_new(&node, 1, sizeof *node);
    *result = node;
    if (status != SG_OK) return status;
    node->line = (int)source->start_mark.line + 1;
    node->column = (int)source->start_mark.column + 1;
    if (depth > DEPTH_MOST || ++r->nodes > NODES_MOST)
        return sg_yaml_fail(r->path, node, SG_BAD_SYNTAX,
                            "the text is nested too deeply or unfolds to too many values");
    switch (source->type) {
    case YAML_SCALAR_NODE:
        return convert_scalar(r, source, node);
    case YAML_SEQUENCE_NODE:
        node->kind = SG_YAML_LIST;
        return convert_list(r, source, depth, node);
    case YAML_MAPPING_NODE:
        node->kind = SG_YAML_MAP;
        return convert_map(r, source, depth, node);
    case YAML_NO_NODE:
        break;
    }
    return sg_yaml_fail(r->path, node, SG_INTERNAL, "a node of no kind");
}

/* ---------------------------------------------------------------- parsing */

/* Encoding errors carry an offset in place of a line. */
static sg_status syntax_error(const yaml_parser_t *parser, const char *path, const char *text) {
    sg_yaml at = {.line = (int)parser->problem_mark.line + 1, .column = (int)parser->problem_mark.column + 1};
    const char *problem = parser->problem ? parser->problem : "unreadable text";
    if (parser->error == YAML_MEMORY_ERROR) return sg_fail(SG_NO_MEMORY, "%s: memory is exhausted", path);
    if (parser->error == YAML_READER_ERROR) {
        at.line = at.column = 1;
        for (size_t k = 0; k < parser->problem_offset && text[k]; k++) {
            at.column = text[k] == '\n' ? 1 : at.column + 1;
            at.line += text[k] == '\n';
        }
    }
    return sg_yaml_fail(path, &at, SG_BAD_SYNTAX, "this is no YAML: %s%s%s", problem, parser->context ? " " : "",
                        parser->context ? parser->context : "");
}

static sg_status expect_end(yaml_parser_t *parser, const char *path, const char *text) {
    yaml_document_t next;
    sg_status status = SG_OK;
    if (!yaml_parser_load(parser, &next)) return syntax_error(parser, path, text);
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    if (root) {
        sg_yaml at = {.line = (int)root->start_mark.line + 1, .column = (int)root->start_mark.column + 1};
        status = sg_yaml_fail(path, &at, SG_BAD_SYNTAX, "a second document begins here: a file holds one");
    }
    yaml_document_delete(&next);
    return status;
}

sg_status sg_yaml_read(const char *path, const char *text, sg_yaml **root) {
    yaml_parser_t parser;
    yaml_document_t document;
    sg_status status;
    *root = NULL;
    if (!yaml_parser_initialize(&parser)) return sg_fail(SG_NO_MEMORY, "%s: memory is exhausted", path);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (!yaml_parser_load(&parser, &document)) {
        status = syntax_error(&parser, path, text);
        goto out;
    }
    reader r = {.path = path, .document = &document};
    status = SG_OK;
    if (!yaml_document_get_root_node(&document)) status = sg_yaml_fail(path, NULL, SG_BAD_SYNTAX, "the file is empty");
    if (status == SG_OK) status = convert(&r, 1, 0, root);
    yaml_document_delete(&document);
    if (status == SG_OK) status = expect_end(&parser, path, text);
out:
    yaml_parser_delete(&parser);
    if (status != SG_OK) {
        sg_yaml_delete(*root);
        *root = NULL;
    }
    return status;
}
