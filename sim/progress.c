#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

struct sim_progress {
    char title[128];
    const char *unit;
    double total, start, shown;
    int width;
    bool terminal, colour, drawn;
};

sim_progress *sim_progress_open(const char *title, const char *unit, double total) {
    sim_progress *p = NULL;
    if (sg_new(&p, 1, sizeof *p) != SG_OK) return NULL;
    snprintf(p->title, sizeof p->title, "%s", title);
    p->unit = unit;
    p->total = total;
    p->start = p->shown = sim_now();
    p->terminal = isatty(fileno(stderr));
    p->width = sim_width(stderr);
    p->colour = sim_colour(stderr);
    return p;
}

static void short_number(double value, char text[16]) {
    static const char suffix[] = " kMGT";
    int k = 0;
    while (value >= 1000 && k < 4) value /= 1000, k++;
    snprintf(text, 16, k ? "%.3g %c" : "%.3g", value, suffix[k]);
}

static void clock_time(double seconds, char text[24]) {
    long s = seconds < 1e8 ? lround(seconds) : 99999999;
    if (s >= 3600)
        snprintf(text, 24, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 24, "%ld:%02ld", s / 60, s % 60);
}

static void draw_bar(const sim_progress *p, double share, const char *facts, const char *note) {
    enum { BAR = 24 };
    char line[512];
    int full = (int)(share * BAR);
    snprintf(line, sizeof line, "%s  %s", facts, note);
    int room = p->width - (int)strlen(p->title) - BAR - 5;
    fprintf(stderr, "\r\033[K%s [%s", p->title, p->colour ? "\033[34m" : "");
    for (int k = 0; k < BAR; k++) fputc(k < full ? '#' : '.', stderr);
    fprintf(stderr, "%s] %.*s", p->colour ? "\033[0m" : "", room > 0 ? room : 0, line);
    fflush(stderr);
}

void sim_progress_at(sim_progress *p, double done, const char *note) {
    char rate[16], left[24], facts[160];
    if (!p) return;
    double now = sim_now(), elapsed = now - p->start, share = p->total > 0 ? fmin(done / p->total, 1) : 1;
    if (now - p->shown < (p->terminal ? 0.1 : 5)) return;
    p->shown = now;
    p->drawn = true;
    short_number(done / elapsed, rate);
    clock_time(share > 0 ? elapsed * (1 - share) / share : 0, left);
    snprintf(facts, sizeof facts, "%3.0f %%  %s%s/s  %s left", 100 * share, rate, p->unit, share > 0 ? left : "?");
    if (p->terminal)
        draw_bar(p, share, facts, note ? note : "");
    else
        fprintf(stderr, "%s: %s  %s\n", p->title, facts, note ? note : "");
}

void sim_progress_close(sim_progress *p) {
    if (p && p->terminal && p->drawn) fprintf(stderr, "\r\033[K");
    sg_delete(p);
}
