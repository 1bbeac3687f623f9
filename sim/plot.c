#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figure.h"

extern char **environ;

enum { ARGUMENTS_MOST = 256, FILES_MOST = SIM_POSITIONALS, CLAIM_LETTERS = 7 /* a centimetre */ };

/* What one call draws, and the files that it must not leave behind. */
typedef struct {
    const sim_args *args;
    const char *format;       /* pdf, png, svg, or txt for the terminal */
    char directory[PATH_MAX]; /* of the tables; empty until it is there */
    char temporary[PATH_MAX]; /* what gnuplot writes; empty until it is there */
    sg_result *result[FILES_MOST];
    int files;
    sim_figure figure;
    sim_chart *chart;
    char *definitions;
    size_t length;
} plot;

/* ------------------------------------------------------------------ output */

static const char *format_of(const char *path) {
    static const char *const formats[] = {"pdf", "png", "svg"};
    const char *dot = strrchr(path, '.');
    for (int k = 0; dot && k < 3; k++)
        if (!strcasecmp(dot + 1, formats[k])) return formats[k];
    return NULL;
}

/* A name beside the target, so that it can be renamed; made now, so that an output that cannot be created is known
 * before the work. */
static sg_status reserve_output(plot *p) {
    const char *target = p->args->output;
    struct stat st;
    if (!target) {
        snprintf(p->temporary, sizeof p->temporary, "%.4000s/drawing", p->directory);
        return SG_OK;
    }
    if (!stat(target, &st) && S_ISDIR(st.st_mode))
        return sg_fail(SG_CANNOT_CREATE, "%.300s is a directory: give -o a file", target);
    if (strlen(target) + 32 > sizeof p->temporary) return sg_fail(SG_CANNOT_CREATE, "the name after -o is too long");
    snprintf(p->temporary, sizeof p->temporary, "%s.%ld.tmp", target, (long)getpid());
    int made = open(p->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (made < 0) {
        p->temporary[0] = 0;
        return sg_fail(SG_CANNOT_CREATE, "%.300s cannot be created: %s", target, strerror(errno));
    }
    close(made);
    return SG_OK;
}

static sg_status print_drawing(const char *path) {
    char piece[4096];
    size_t count;
    FILE *file = fopen(path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "gnuplot left no drawing");
    while ((count = fread(piece, 1, sizeof piece, file))) fwrite(piece, 1, count, stdout);
    fclose(file);
    return ferror(stdout) ? sg_fail(SG_CANNOT_WRITE, "writing to standard output failed") : SG_OK;
}

static sg_status deliver(plot *p) {
    struct stat st;
    if (!p->args->output) return print_drawing(p->temporary);
    if (stat(p->temporary, &st) || !st.st_size)
        return sg_fail(SG_CANNOT_WRITE, "gnuplot wrote nothing to %.300s: is the disk full?", p->args->output);
    if (rename(p->temporary, p->args->output))
        return sg_fail(SG_CANNOT_WRITE, "%.300s cannot be written: %s", p->args->output, strerror(errno));
    p->temporary[0] = 0;
    return SG_OK;
}

/* ------------------------------------------------------------------ tables */

static sg_status make_directory(plot *p) {
    const char *base = getenv("TMPDIR");
    snprintf(p->directory, sizeof p->directory, "%.4000s/scoregap-plot-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(p->directory)) return SG_OK;
    sg_status status = sg_fail(SG_CANNOT_WRITE, "no directory for the tables of the figure can be made at %.300s: %s",
                               p->directory, strerror(errno));
    p->directory[0] = 0;
    return status;
}

static void remove_directory(const char *path) {
    char name[PATH_MAX + 300];
    DIR *open = opendir(path);
    for (struct dirent *entry; open && (entry = readdir(open));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    if (open) closedir(open);
    rmdir(path);
}

static void clean(plot *p) {
    if (p->temporary[0] && p->args->output) unlink(p->temporary);
    if (p->directory[0]) remove_directory(p->directory);
    for (int f = 0; f < p->files; f++) sg_result_delete(p->result[f]);
    sim_chart_delete(p->chart);
    free(p->definitions);
}

/* ------------------------------------------------------------- definitions */

static bool is_set(const sg_result *result, const char *attribute) {
    const char *value = sg_result_get(result, attribute);
    return value && (!strcmp(value, "1") || !strcmp(value, "yes") || !strcmp(value, "true"));
}

static const char *text_of(const sg_result *result, const char *attribute) {
    const char *value = sg_result_get(result, attribute);
    return value && *value ? value : "unknown";
}

/* "bimodal-separation, scoregap 0.1.0, commit 0d7fb99 (modified)" - of all files, where they differ */
static void put_caption(const plot *p, FILE *out) {
    char caption[1024], commit[64] = "";
    size_t used = 0;
    bool dirty = false, smoke = false, mixed = false;
    for (int f = 0; f < p->files; f++) {
        const sg_result *r = p->result[f];
        dirty = dirty || is_set(r, "git_dirty");
        smoke = smoke || is_set(r, "smoke");
        mixed = mixed || strcmp(text_of(r, "git_commit"), text_of(p->result[0], "git_commit"));
        if (f < 3 || p->files == 4)
            used += (size_t)snprintf(caption + used, sizeof caption - used, "%s%.60s", f ? ", " : "",
                                     text_of(r, "experiment"));
    }
    if (p->files > 4) used += (size_t)snprintf(caption + used, sizeof caption - used, " and %d more", p->files - 3);
    snprintf(commit, sizeof commit, "%.12s", text_of(p->result[0], "git_commit"));
    snprintf(caption + used, sizeof caption - used, "; scoregap %.20s, commit %s%s",
             text_of(p->result[0], "program_version"), mixed ? "differs from file to file" : commit,
             dirty ? " (modified)" : "");
    fputs("caption = ", out), sim_put_quoted(out, caption);
    fprintf(out, "; smoke = %d%c", smoke, 0);
}

static void put_claim(const plot *p, FILE *out) {
    char claim[512] = "";
    const char *value = p->files == 1 ? sg_result_get(p->result[0], "claim") : NULL;
    if (value) snprintf(claim, sizeof claim, "%s", value);
    sim_wrap(claim, (size_t)(p->figure.width * CLAIM_LETTERS));
    fputs("claim = ", out), sim_put_quoted(out, claim), fputc(0, out);
}

static int terminal_rows(void) {
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 12) return 30;
    return size.ws_row - 1;
}

static sg_status define(plot *p) {
    FILE *out = open_memstream(&p->definitions, &p->length);
    if (!out) return sg_fail(SG_NO_MEMORY, "no memory for the definitions of the figure");
    fprintf(out, "format = '%s'; width = %g; height = %g; colour = %d; columns = %d; rows = %d%c", p->format,
            p->figure.width, p->figure.height, sim_colour(stdout), sim_width(stdout), terminal_rows(), 0);
    fputs("directory = ", out), sim_put_quoted(out, p->directory), fputc(0, out);
    fputs("target = ", out), sim_put_quoted(out, p->temporary), fputc(0, out);
    put_claim(p, out);
    put_caption(p, out);
    sim_chart_define(p->chart, out);
    bool failed = ferror(out) != 0;
    if (fclose(out) || failed) return sg_fail(SG_NO_MEMORY, "no memory for the definitions of the figure");
    return SG_OK;
}

/* ----------------------------------------------------------------- gnuplot */

static sg_status spawn(plot *p, char **argument, pid_t *child) {
    char errors[PATH_MAX + 16];
    posix_spawn_file_actions_t actions;
    snprintf(errors, sizeof errors, "%s/errors", p->directory);
    if (posix_spawn_file_actions_init(&actions)) return sg_fail(SG_NO_MEMORY, "no memory to start gnuplot");
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int error = posix_spawnp(child, "gnuplot", &actions, NULL, argument, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == ENOENT) return sg_fail(SG_REFUSED, "gnuplot is not installed: apt-get install gnuplot-nox");
    if (error) return sg_fail(SG_REFUSED, "gnuplot cannot be started: %s", strerror(error));
    return SG_OK;
}

/* The line that names the error: gnuplot shows the command, a caret, and then says what is wrong. */
static sg_status gnuplot_failed(const plot *p) {
    char path[PATH_MAX + 16], line[512], last[512] = "it says nothing";
    snprintf(path, sizeof path, "%s/errors", p->directory);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (strspn(line, " \t^") < strlen(line)) strcpy(last, line + strspn(line, " \t"));
    }
    if (file) fclose(file);
    return sg_fail(SG_REFUSED, "gnuplot failed on figure '%s': %.300s", p->figure.name, last);
}

static sg_status draw(plot *p) {
    char style[PATH_MAX + 16], *argument[ARGUMENTS_MOST] = {"gnuplot", "-d"};
    int count = 2, leave = 0;
    pid_t child;
    for (char *at = p->definitions; at < p->definitions + p->length; at += strlen(at) + 1) {
        if (count + 5 > ARGUMENTS_MOST) return sg_fail(SG_INTERNAL, "too many definitions for gnuplot");
        argument[count++] = "-e";
        argument[count++] = at;
    }
    snprintf(style, sizeof style, "%s/style.gp", p->figure.directory);
    argument[count++] = style;
    argument[count] = p->figure.path;
    sg_status status = spawn(p, argument, &child);
    if (status != SG_OK) return status;
    while (waitpid(child, &leave, 0) < 0)
        if (errno != EINTR) return sg_fail(SG_INTERNAL, "gnuplot got lost: %s", strerror(errno));
    if (sim_stop) return sg_fail(SG_STOPPED, "stopped; nothing was written");
    if (WIFSIGNALED(leave))
        return sg_fail(SG_REFUSED, "gnuplot died of signal %d on figure '%s'", WTERMSIG(leave), p->figure.name);
    return WIFEXITED(leave) && !WEXITSTATUS(leave) ? SG_OK : gnuplot_failed(p);
}

/* ----------------------------------------------------------------- command */

static sg_status read_files(plot *p) {
    for (int f = 0; f < p->args->positionals; f++, p->files++) {
        sg_status status = sg_store_read(p->args->positional[f], &p->result[f]);
        if (status != SG_OK) return status;
    }
    return SG_OK;
}

static sg_status work(plot *p) {
    char name[80];
    const char *named = p->args->figure;
    sg_status status = read_files(p);
    if (status != SG_OK) return status;
    if (!named) {
        const char *list = sg_result_get(p->result[0], "figure"); /* FIRST/SECOND/... */
        snprintf(name, sizeof name, "%.*s", list ? (int)strcspn(list, "/") : 0, list ? list : "");
        named = *name ? name : "sweep";
    }
    if ((status = sim_figure_find(named, &p->figure))) return status;
    for (int f = 0; f < p->files; f++)
        if ((status = sim_figure_accepts(&p->figure, p->args->positional[f], p->result[f]))) return status;
    if ((status = sim_chart_new(&p->figure, p->files, p->args->positional, p->result, &p->chart))) return status;
    if ((status = make_directory(p)) || (status = reserve_output(p))) return status;
    if ((status = sim_chart_write(p->chart, p->directory)) || (status = define(p))) return status;
    if ((status = draw(p))) return status;
    return deliver(p);
}

static int run(const sim_args *args) {
    plot p = {.args = args, .format = "txt"};
    double start = sim_now();
    int leave = 0;
    if (args->output && !(p.format = format_of(args->output)))
        return sim_complain(2, "cannot tell the format of '%s': let it end in .pdf, .png or .svg", args->output);
    if (args->json && !args->output) return sim_complain(2, "--json needs -o FILE.pdf, .png or .svg");
    sim_catch_signals();
    sg_status status = work(&p);
    if (status == SG_STOPPED)
        leave = sim_complain(128 + sim_stop, "%s", sg_message());
    else if (status != SG_OK)
        leave = sim_fail(status);
    else if (args->json) {
        json_t *o = json_object();
        json_object_set_new(o, "output", json_string(args->output));
        json_object_set_new(o, "figure", json_string(p.figure.name));
        json_object_set_new(o, "seconds", sim_json_real(sim_now() - start));
        leave = sim_json_print(o) ? 0 : 1;
    }
    clean(&p);
    return leave;
}

const sim_command sim_command_plot = {
    .name = "plot",
    .usage = "plot FILE.h5 [FILE.h5 ...] [-o FILE.pdf|.png|.svg] [--figure NAME] [--json]",
    .summary = "a figure of one or several result files, in a file or in the terminal",
    .help = "Draws the figure NAME (default: the first that the experiment of the first file names, else sweep) with "
            "gnuplot.  The ending of\n"
            "FILE chooses the format; without -o the figure is drawn with letters, in colour on a terminal unless "
            "NO_COLOR is set.\n"
            "`scoregap list figures` shows the figures; the comments on top of each script say what it draws and what "
            "it needs.  The output\n"
            "is written under another name and renamed, so that a failure leaves no half of a file.",
    .example = "scoregap plot results/bimodal-separation.h5 -o bimodal.pdf",
    .takes = SIM_TAKES_OUTPUT | SIM_TAKES_FIGURE,
    .least = 1,
    .most = SIM_POSITIONALS,
    .run = run,
};
