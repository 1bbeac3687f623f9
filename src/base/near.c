#include "scoregap/base.h"

#include <string.h>

enum { LETTERS_MOST = 64 };

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
static int letters_changed(const char *a, int na, const char *b, int nb) {
    int cost[LETTERS_MOST + 1][LETTERS_MOST + 1];
    for (int i = 0; i <= na; i++) cost[i][0] = i;
    for (int j = 0; j <= nb; j++) cost[0][j] = j;
    for (int i = 1; i <= na; i++) {
        for (int j = 1; j <= nb; j++) {
            int best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = least(best, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least(best, cost[i - 2][j - 2] + 1);
            cost[i][j] = best;
        }
    }
    return cost[na][nb];
}

const char *sg_nearest(const char *word, int count, const char *const *names) {
    const char *nearest = NULL;
    int fewest = LETTERS_MOST + 1;
    size_t length = strlen(word);
    if (length > LETTERS_MOST) return NULL;
    for (int k = 0; k < count; k++) {
        size_t name_length = strlen(names[k]);
        if (name_length > LETTERS_MOST) continue;
        int changed = letters_changed(word, (int)length, names[k], (int)name_length);
        int letters = (int)(length > name_length ? length : name_length);
        if (2 * changed > letters || changed >= fewest) continue;
        fewest = changed;
        nearest = names[k];
    }
    return nearest;
}
