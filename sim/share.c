#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim.h"

static bool is_directory(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* The executable stands in build/ (or build/something/) of a source tree, or in PREFIX/bin. */
const char *sim_share(const char *what) {
    static char path[PATH_MAX + 64];
    char self[PATH_MAX];
    const char *inside = strcmp(what, "experiments") ? what : "sim/experiments";
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = 0;
        for (int up = 0; up < 4; up++) {
            char *slash = strrchr(self, '/');
            if (!slash || slash == self) break;
            *slash = 0;
            snprintf(path, sizeof path, "%s/share/scoregap/%s", self, what);
            if (is_directory(path)) return path;
            snprintf(path, sizeof path, "%s/%s", self, inside);
            if (is_directory(path)) return path;
        }
    }
    snprintf(path, sizeof path, "%s", inside);
    return path;
}
