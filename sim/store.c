#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "provenance.h"

/* sg_new'd text. */
static sg_status write_text(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static sg_status write_text(char **text, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    sg_status status = sg_new(text, (size_t)length + 1, 1);
    if (status != SG_OK) return status;
    va_start(list, format);
    vsnprintf(*text, (size_t)length + 1, format, list);
    va_end(list);
    return SG_OK;
}

static sg_status find_names(const char *name, bool smoke, const char *output, sim_store *s) {
    sg_status status = output ? write_text(&s->output, "%s", output)
                              : write_text(&s->output, "results/%s%s.h5", name, smoke ? "-smoke" : "");
    if (status != SG_OK) return status;
    size_t length = strlen(s->output);
    int base = (int)(length > 3 && !strcmp(s->output + length - 3, ".h5") ? length - 3 : length);
    if (!base || s->output[base - 1] == '/')
        return sg_fail(SG_CANNOT_CREATE, "'%s' is no name of a file: give one after -o", s->output);
    status = write_text(&s->cells, "%.*s.cells", base, s->output);
    return status == SG_OK ? write_text(&s->log_path, "%.*s.log.tsv", base, s->output) : status;
}

static sg_status cannot_create(const char *path, int error) {
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;
    return sg_fail(full ? SG_CANNOT_WRITE : SG_CANNOT_CREATE, "%s cannot be created: %s", path, strerror(error));
}

static sg_status make_directory(const char *path) {
    struct stat old;
    if (mkdir(path, 0777) == 0) return SG_OK;
    if (errno != EEXIST) return cannot_create(path, errno);
    if (stat(path, &old) != 0 || !S_ISDIR(old.st_mode))
        return sg_fail(SG_CANNOT_CREATE, "%s is there and is no directory; give another name after -o", path);
    return access(path, W_OK | X_OK) == 0 ? SG_OK : cannot_create(path, errno);
}

static sg_status probe_output(const char *path) {
    struct stat old;
    if (stat(path, &old) != 0) return errno == ENOENT ? SG_OK : cannot_create(path, errno);
    if (!S_ISREG(old.st_mode))
        return sg_fail(SG_CANNOT_CREATE, "%s is there and is no regular file; give another name after -o", path);
    return access(path, W_OK) == 0 ? SG_OK : cannot_create(path, errno);
}

static sg_status take_lock(sim_store *s) {
    char *path = NULL;
    sg_status status = write_text(&path, "%s/lock", s->cells);
    if (status != SG_OK) return status;
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0)
        status = cannot_create(path, errno);
    else if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK
                     ? sg_fail(SG_REFUSED, "another run is writing %s: wait for it, or give another name after -o",
                               s->output)
                     : sg_fail(SG_CANNOT_WRITE, "%s cannot be locked: %s", path, strerror(errno));
    sg_delete(path);
    return status;
}

/* Removes the files of a directory whose names begin with `begin` and hold `mark`. */
static void remove_matching(const char *path, const char *begin, const char *mark) {
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (!strncmp(entry->d_name, begin, strlen(begin)) && strstr(entry->d_name, mark))
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory) closedir(directory);
}

/* Temporary files of runs that were killed: no other run is alive while the lock is ours. */
static sg_status remove_remains(const sim_store *s) {
    const char *slash = strrchr(s->output, '/');
    char *parent = NULL, *begin = NULL;
    remove_matching(s->cells, "", ".h5.tmp.");
    sg_status status = write_text(&parent, "%.*s", slash ? (int)(slash - s->output) + 1 : 1, slash ? s->output : ".");
    if (status == SG_OK) status = write_text(&begin, "%s.tmp.", slash ? slash + 1 : s->output);
    if (status == SG_OK) remove_matching(parent, begin, ".tmp.");
    sg_delete(parent);
    sg_delete(begin);
    return status;
}

static void open_log(sim_store *s) {
    struct stat old;
    bool fresh = stat(s->log_path, &old) != 0 || old.st_size == 0;
    s->log = fopen(s->log_path, "ae");
    if (s->log && fresh) fprintf(s->log, "cell\tfamily\tparameters\tn\tseconds\tthreads\thost\n");
}

sg_status sim_store_open(const char *name, bool smoke, const char *output, int threads, sim_store *s) {
    *s = (sim_store){.lock = -1, .threads = threads};
    sg_status status = find_names(name, smoke, output, s);
    if (status == SG_OK && !output) status = make_directory("results");
    if (status == SG_OK) status = probe_output(s->output);
    if (status == SG_OK) status = make_directory(s->cells);
    if (status == SG_OK) status = take_lock(s);
    if (status == SG_OK) status = sim_provenance_text(&s->made_by);
    if (status == SG_OK) status = remove_remains(s);
    if (status == SG_OK) open_log(s);
    return status;
}

void sim_store_close(sim_store *s) {
    if (s->log && fclose(s->log) != 0) s->log_failed = true;
    if (s->lock >= 0) close(s->lock);
    sg_delete(s->output);
    sg_delete(s->cells);
    sg_delete(s->log_path);
    sg_delete(s->made_by);
}

/* ------------------------------------------------------------------- cells */

static bool is_valid(const sim_store *s, const sim_cell *cell, const sg_result *part) {
    const char *text = sg_result_get(part, "cell_text"), *made_by = sg_result_get(part, "made_by");
    return text && made_by && !strcmp(text, cell->text) && !strcmp(made_by, s->made_by);
}

sg_status sim_store_load(const sim_store *s, const sim_cell *cell, sg_result **part) {
    char *path = NULL;
    *part = NULL;
    sg_status status = write_text(&path, "%s/%s", s->cells, cell->file);
    if (status != SG_OK) return status;
    if (access(path, F_OK) == 0) status = sg_store_read(path, part);
    sg_delete(path);
    if (status == SG_OK && *part && !is_valid(s, cell, *part)) {
        sg_result_delete(*part);
        *part = NULL;
    }
    return status == SG_NO_MEMORY ? status : SG_OK; /* what cannot be read is computed again */
}

sg_status sim_store_save(const sim_store *s, const sim_cell *cell, sg_result *part) {
    char *path = NULL;
    sg_status status = write_text(&path, "%s/%s", s->cells, cell->file);
    if (status == SG_OK) status = sg_result_attribute(part, "title", "one cell of a scoregap experiment");
    if (status == SG_OK) status = sg_result_attribute(part, "cell_text", cell->text);
    if (status == SG_OK) status = sg_result_attribute(part, "made_by", s->made_by);
    if (status == SG_OK) status = sg_store_write(path, part);
    sg_delete(path);
    return status;
}

void sim_store_remove(const sim_store *s, const sim_cell *cell) {
    char *path = NULL;
    if (write_text(&path, "%s/%s", s->cells, cell->file) == SG_OK) unlink(path);
    sg_delete(path);
}

void sim_store_log(sim_store *s, int number, const sg_model *model, const sim_cell *cell, double seconds) {
    char host[256] = "";
    size_t name = strlen(model->family->name);
    if (!s->log) return;
    gethostname(host, sizeof host - 1);
    fprintf(s->log, "%d\t%s\t%.*s\t%lld\t%.3f\t%d\t%s\n", number, model->family->name,
            (int)(strlen(model->text) - name - 2), model->text + name + 1, cell->n, seconds, s->threads, host);
    if (fflush(s->log) != 0) s->log_failed = true;
}
