#include "scoregap/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 512 };

static _Thread_local char message[MESSAGE_SIZE];

static const struct {
    const char *name, *sentence;
    int leave;
} status_list[] = {
#define STATUS_ENTRY(code, name, leave, sentence) [code] = {name, sentence, leave},
    SG_STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
};

static bool is_code(sg_status code) {
    return (unsigned)code < SG_STATUS_COUNT;
}

const char *sg_status_name(sg_status code) {
    return is_code(code) ? status_list[code].name : "invalid";
}

const char *sg_status_sentence(sg_status code) {
    return is_code(code) ? status_list[code].sentence : "the number is no status code";
}

int sg_status_exit(sg_status code) {
    return is_code(code) ? status_list[code].leave : 1;
}

/* Bytes of the UTF-8 character at `text` by its first byte; 0 for a byte that starts none. */
static size_t character_bytes(const char *text) {
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first < 0xE0) return 2;
    if (first >= 0xE0 && first < 0xF0) return 3;
    return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

static bool is_character(const char *text) {
    size_t bytes = character_bytes(text);
    for (size_t i = 1; i < bytes; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80) return false;
    return bytes > 0;
}

/* Messages quote what users typed, cut where it is long, and go into JSON: what is no character becomes '?'. */
static void mend(char *text, bool cut) {
    while (*text) {
        if (is_character(text)) {
            text += character_bytes(text);
        } else if (cut && strlen(text) < character_bytes(text)) {
            *text = '\0';
        } else {
            *text++ = '?';
        }
    }
}

/* The arguments may point into the old message, so the new one is built aside. */
static void __attribute__((format(printf, 1, 0))) store(const char *format, va_list arguments, bool keep_old) {
    char fresh[MESSAGE_SIZE];
    int length = vsnprintf(fresh, sizeof fresh, format, arguments);
    if (length < 0) {
        snprintf(fresh, sizeof fresh, "%s", format);
        length = (int)strlen(fresh);
    }
    if (keep_old && length < MESSAGE_SIZE) length += snprintf(fresh + length, sizeof fresh - length, ": %s", message);
    mend(fresh, length >= MESSAGE_SIZE);
    memcpy(message, fresh, sizeof message);
}

sg_status sg_fail(sg_status code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    store(format, arguments, false);
    va_end(arguments);
    return code;
}

sg_status sg_fail_within(sg_status code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    store(format, arguments, true);
    va_end(arguments);
    return code;
}

const char *sg_message(void) {
    return message;
}

void sg_failure_keep(sg_failure *first, sg_status status) {
#pragma omp critical(sg_failure)
    if (!first->status) {
        first->status = status;
        memcpy(first->message, message, sizeof first->message);
    }
}
