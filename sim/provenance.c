#include "provenance.h"

#include <cblas.h>
#include <gsl/gsl_version.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "sim.h"

#ifndef SG_GIT_COMMIT
#define SG_GIT_COMMIT "unknown"
#endif
#ifndef SG_GIT_DIRTY
#define SG_GIT_DIRTY "unknown"
#endif
#ifndef SG_FLAGS
#define SG_FLAGS "unknown"
#endif

enum { FACTS = 8, VALUE = 512 };
static const char *const names[FACTS] = {"program_version", "git_commit",       "git_dirty", "compiler",
                                         "flags",           "library_versions", "cpu",       "blas_core"};

static void read_cpu(char value[VALUE]) {
    char line[VALUE];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(value, VALUE, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon) continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(value, VALUE, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file) fclose(file);
}

static void read_facts(char value[FACTS][VALUE]) {
    snprintf(value[0], VALUE, "%s", SIM_VERSION);
    snprintf(value[1], VALUE, "%s", SG_GIT_COMMIT);
    snprintf(value[2], VALUE, "%s", SG_GIT_DIRTY);
    snprintf(value[3], VALUE, "gcc %s", __VERSION__);
    snprintf(value[4], VALUE, "%s", SG_FLAGS);
    snprintf(value[5], VALUE, "GSL %s; HDF5 %s; %s; jansson %s; libyaml %s", gsl_version, sg_store_library(),
             openblas_get_config(), jansson_version_str(), yaml_get_version_string());
    read_cpu(value[6]);
    snprintf(value[7], VALUE, "%s", openblas_get_corename());
}

sg_status sim_provenance_add(sg_result *result) {
    char value[FACTS][VALUE];
    sg_status status = SG_OK;
    read_facts(value);
    for (int k = 0; k < FACTS && status == SG_OK; k++) status = sg_result_attribute(result, names[k], value[k]);
    return status;
}

/* A program that no commit names is known by its own bytes. */
static sg_status hash_program(char hex[SG_SHA256_HEX]) {
    enum { MOST = 1 << 28 };
    char *bytes = NULL;
    struct stat st;
    size_t length = 0;
    FILE *file = fopen("/proc/self/exe", "rb");
    sg_status status = SG_OK;
    snprintf(hex, SG_SHA256_HEX, "unknown");
    if (!file || fstat(fileno(file), &st) != 0 || st.st_size > MOST) goto out;
    if ((status = sg_new(&bytes, (size_t)st.st_size + 1, 1))) goto out;
    length = fread(bytes, 1, (size_t)st.st_size, file);
    sg_sha256(bytes, length, hex);
out:
    sg_delete(bytes);
    if (file) fclose(file);
    return status;
}

sg_status sim_provenance_text(char **text) {
    char value[FACTS][VALUE], hex[SG_SHA256_HEX];
    size_t used = 0;
    sg_status status = sg_new(text, (size_t)FACTS * (VALUE + 32) + 128, 1);
    if (status != SG_OK) return status;
    read_facts(value);
    for (int k = 0; k < FACTS; k++) used += (size_t)sprintf(*text + used, "%s=%s\n", names[k], value[k]);
    if (!strcmp(value[2], "no")) return SG_OK;
    status = hash_program(hex);
    sprintf(*text + used, "program=%s\n", hex);
    return status;
}
