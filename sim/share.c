#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

/* What the directory must hold: other directories may have its name. */
static bool is_right(const char *directory, const char *what) {
    char style[PATH_MAX + 80];
    bool found = false;
    if (strcmp(what, "experiments")) {
        snprintf(style, sizeof style, "%s/style.gp", directory);
        return access(style, R_OK) == 0;
    }
    DIR *open = opendir(directory);
    for (struct dirent *entry; open && !found && (entry = readdir(open));) {
        size_t length = strlen(entry->d_name);
        found = length > 5 && !strcmp(entry->d_name + length - 5, ".yaml");
    }
    if (open) closedir(open);
    return found;
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
            if (is_right(path, what)) return path;
            snprintf(path, sizeof path, "%s/%s", self, inside);
            if (is_right(path, what)) return path;
        }
    }
    snprintf(path, sizeof path, "%s", inside);
    return path;
}
