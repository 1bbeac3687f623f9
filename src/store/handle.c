#include "store/handle.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t inside = PTHREAD_MUTEX_INITIALIZER;

void sg_store_enter(sg_store_host *host) {
    pthread_mutex_lock(&inside);
    host->print = NULL;
    host->data = NULL;
    H5Eget_auto2(H5E_DEFAULT, &host->print, &host->data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void sg_store_leave(const sg_store_host *host) {
    H5Eclear2(H5E_DEFAULT);
    H5Eset_auto2(H5E_DEFAULT, host->print, host->data);
    pthread_mutex_unlock(&inside);
}

/* Walking upwards, the first error is the innermost: the one that says what happened. */
static herr_t innermost(unsigned n, const H5E_error2_t *error, void *text) {
    if (n == 0 && error->desc) snprintf(text, 128, "%s", error->desc);
    return 0;
}

sg_status sg_store_fail(sg_status code, const char *format, ...) {
    char sentence[384], reason[128] = "no reason given";
    va_list arguments;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, reason);
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return sg_fail(code, "%s (HDF5: %s)", sentence, reason);
}

void sg_store_close(hid_t id) {
    if (id >= 0) H5Idec_ref(id);
}

static pthread_once_t version_once = PTHREAD_ONCE_INIT;
static char version[32];

static void write_version(void) {
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(version, sizeof version, "%u.%u.%u", major, minor, release);
}

const char *sg_store_library(void) {
    pthread_once(&version_once, write_version);
    return version;
}
