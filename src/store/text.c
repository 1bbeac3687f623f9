#include "store/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------- lines */

typedef struct {
    const char *path;
    int file;
    bool ended;
    size_t start, end, capacity; /* unread bytes of the buffer */
    char *buffer;
    long long line; /* number of the line last returned, from 1 */
} reader;

/* Moves the unread bytes to the front, in a larger buffer if they fill this one, and reads more. */
static sg_status refill(reader *r) {
    enum { FIRST = 1 << 18, LONGEST = 1 << 24 };
    const size_t kept = r->end - r->start;
    if (kept + 1 >= r->capacity) {
        char *larger = NULL;
        if (kept >= LONGEST)
            return sg_fail(SG_BAD_DATA, "%s, line %lld is too long for a row of numbers", r->path, r->line + 1);
        const size_t capacity = r->capacity ? 2 * r->capacity : FIRST;
        sg_status status = sg_new(&larger, capacity, 1);
        if (status != SG_OK) return status;
        if (kept > 0) memcpy(larger, r->buffer + r->start, kept);
        sg_delete(r->buffer);
        r->buffer = larger;
        r->capacity = capacity;
    } else if (kept > 0) {
        memmove(r->buffer, r->buffer + r->start, kept);
    }
    r->start = 0;
    r->end = kept;
    ssize_t got;
    do got = read(r->file, r->buffer + kept, r->capacity - kept - 1);
    while (got < 0 && errno == EINTR);
    if (got < 0) return sg_fail(SG_CANNOT_READ, "%s cannot be read: %s", r->path, strerror(errno));
    r->end += (size_t)got;
    r->ended = got == 0;
    return SG_OK;
}

/* The next line without its end, closed by a zero; NULL after the last. */
static sg_status next_line(reader *r, char **line) {
    size_t searched = 0;
    char *stop = NULL;
    *line = NULL;
    for (;;) {
        const size_t unread = r->end - r->start;
        if (unread > searched) stop = memchr(r->buffer + r->start + searched, '\n', unread - searched);
        if (stop || r->ended) break;
        searched = unread;
        sg_status status = refill(r);
        if (status != SG_OK) return status;
    }
    if (!stop && r->end == r->start) return SG_OK;
    if (!stop) stop = r->buffer + r->end;
    *line = r->buffer + r->start;
    const size_t length = (size_t)(stop - *line);
    r->start = (size_t)(stop - r->buffer) + (stop < r->buffer + r->end);
    r->line++;
    if (memchr(*line, '\0', length))
        return sg_fail(SG_BAD_DATA, "%s, line %lld is not text; save the data as CSV in UTF-8", r->path, r->line);
    *stop = '\0';
    if (length > 0 && stop[-1] == '\r') stop[-1] = '\0';
    return SG_OK;
}

/* ------------------------------------------------------------------ fields */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* One mark separates the fields of a file: a semicolon, else a comma, else blanks. */
static char find_mark(const char *line) {
    return strchr(line, ';') ? ';' : strchr(line, ',') ? ',' : ' ';
}

/* A field and what follows it; `*next` is NULL after the last.  Blanks and one pair of quotes around it are dropped. */
static char *take_field(char *line, char mark, char **next) {
    while (is_blank(*line)) line++;
    char *end = line;
    if (*line == '"') {
        char *quote = strchr(line + 1, '"');
        if (quote) end = quote + 1;
    }
    while (*end && (mark == ' ' ? !is_blank(*end) : *end != mark)) end++;
    char *rest = end;
    if (mark == ' ')
        while (is_blank(*rest)) rest++;
    *next = *rest == '\0' ? NULL : mark == ' ' ? rest : rest + 1;
    while (end > line && is_blank(end[-1])) end--;
    if (end - line >= 2 && *line == '"' && end[-1] == '"') {
        line++;
        end--;
    }
    *end = '\0';
    return line;
}

/* strtod also takes nan, inf and what overflows; the caller tells these from words. */
static bool is_number(const char *field, double *value) {
    char *end;
    *value = strtod(field, &end);
    return end > field && *end == '\0';
}

/* A field as it may stand in a message: short and printable. */
static const char *shown(const char *field, char text[32]) {
    int i = 0;
    for (; field[i] && i < 24; i++) text[i] = field[i] >= ' ' && field[i] < 127 ? field[i] : '?';
    strcpy(text + i, field[i] ? "..." : "");
    return text;
}

static sg_status bad_field(const reader *r, int column, const char *field, double value) {
    char text[32];
    const char *why = "is not a number";
    if (!*field) return sg_fail(SG_BAD_DATA, "%s, line %lld, column %d is empty", r->path, r->line, column);
    if (!isfinite(value)) why = "is not finite";
    if (strchr(field, ',')) why = "is not a number (a decimal comma must become a point)";
    return sg_fail(SG_BAD_DATA, "%s, line %lld, column %d: '%s' %s", r->path, r->line, column, shown(field, text), why);
}

/* -------------------------------------------------------------------- rows */

typedef struct {
    double *value;
    size_t count, capacity;
    int columns; /* of the first row; 0 before it */
    bool first;  /* no header and no row was seen yet */
    char mark;
} table;

static sg_status append(table *t, double value) {
    if (t->count == t->capacity) {
        double *larger = NULL;
        const size_t capacity = t->capacity ? 2 * t->capacity : 4096;
        sg_status status = sg_new(&larger, capacity, sizeof *larger);
        if (status != SG_OK) return status;
        if (t->count > 0) memcpy(larger, t->value, t->count * sizeof *larger);
        sg_delete(t->value);
        t->value = larger;
        t->capacity = capacity;
    }
    t->value[t->count++] = value;
    return SG_OK;
}

static sg_status other_width(const reader *r, int column, int columns) {
    if (column > columns)
        return sg_fail(SG_BAD_DATA, "%s, line %lld, column %d: the first row has only %d columns", r->path, r->line,
                       column, columns);
    return sg_fail(SG_BAD_DATA, "%s, line %lld, column %d is missing: the first row has %d columns", r->path, r->line,
                   column + 1, columns);
}

/* "1,5" and "3x" are no numbers, but no names of columns either. */
static bool starts_like_number(const char *field) {
    field += *field == '+' || *field == '-';
    field += *field == '.';
    return *field >= '0' && *field <= '9';
}

/* The first line is a header when it has words and no number; a word among numbers is an error of the data. */
static sg_status add_row(const reader *r, char *line, table *t) {
    int column = 0, numbers = 0, words = 0, bad_column = 0;
    const char *bad = NULL;
    double bad_value = 0;
    while (line && column < INT_MAX) {
        double value;
        const char *field = take_field(line, t->mark, &line);
        const bool number = is_number(field, &value);
        column++;
        numbers += number || starts_like_number(field);
        words += !number && *field;
        if (number && isfinite(value) && !bad) {
            if (t->columns > 0 && column > t->columns) return other_width(r, column, t->columns);
            sg_status status = append(t, value);
            if (status != SG_OK) return status;
        } else if (!bad) {
            bad = field;
            bad_column = column;
            bad_value = value;
        }
        if (bad && !t->first) break;
    }
    if (bad && t->first && words > 0 && numbers == 0) return SG_OK;
    if (bad) return bad_field(r, bad_column, bad, bad_value);
    if (t->columns == 0) t->columns = column;
    return column == t->columns ? SG_OK : other_width(r, column, t->columns);
}

static sg_status add_line(const reader *r, char *line, table *t) {
    if (r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) line += 3;
    char *comment = strchr(line, '#');
    if (comment) *comment = '\0';
    while (is_blank(*line)) line++;
    size_t length = strlen(line);
    while (length > 0 && is_blank(line[length - 1])) line[--length] = '\0';
    if (length == 0) return SG_OK;
    if (t->columns == 0) t->mark = find_mark(line);
    sg_status status = add_row(r, line, t);
    t->first = false;
    return status;
}

static sg_status read_rows(reader *r, table *t) {
    sg_status status;
    char *line;
    while ((status = next_line(r, &line)) == SG_OK && line) {
        if (r->line == 1 && strncmp(line, "\211HDF", 4) == 0)
            status = sg_fail(SG_BAD_DATA, "%s is an HDF5 file; name the dataset, as in FILE.h5:/data", r->path);
        else
            status = add_line(r, line, t);
        if (status != SG_OK) return status;
    }
    if (status == SG_OK && t->count == 0) return sg_fail(SG_BAD_DATA, "%s has no rows of numbers", r->path);
    return status;
}

/* A program may have set a locale with a decimal comma; the files of this library never follow it. */
static sg_status read_rows_in_c(reader *r, table *t) {
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale) return sg_fail(SG_NO_MEMORY, "memory is exhausted");
    locale_t outer = uselocale(c_locale);
    sg_status status = read_rows(r, t);
    uselocale(outer);
    freelocale(c_locale);
    return status;
}

sg_status sg_store_read_text(const char *path, long long *n, int *d, double **rows) {
    const bool input = strcmp(path, "-") == 0;
    reader r = {.path = input ? "standard input" : path,
                .file = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
    table t = {.first = true};
    if (r.file < 0) return sg_fail(SG_CANNOT_READ, "%s cannot be opened: %s", path, strerror(errno));
    sg_status status = read_rows_in_c(&r, &t);
    if (!input) close(r.file);
    sg_delete(r.buffer);
    *rows = t.value;
    if (status != SG_OK) return status;
    *n = (long long)(t.count / (size_t)t.columns);
    *d = t.columns;
    return SG_OK;
}
