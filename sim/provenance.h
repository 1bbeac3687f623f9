/* What made a result: program, compiler, libraries, machine.  Nothing here changes between equal runs of one program on
 * one machine. */
#ifndef SCOREGAP_SIM_PROVENANCE_H
#define SCOREGAP_SIM_PROVENANCE_H

#include "scoregap/store.h"

/* Adds program_version, git_commit, git_dirty, compiler, flags, library_versions, cpu and blas_core. */
SG_MUST_CHECK sg_status sim_provenance_add(sg_result *result);
/* The same in one text: a stored cell is valid only for the program and machine that made it. */
SG_MUST_CHECK sg_status sim_provenance_text(char **text);

#endif
