/* Result files as tab-separated text, for `table` and for the figures. */
#ifndef SCOREGAP_SIM_TABLE_H
#define SCOREGAP_SIM_TABLE_H

#include "sim.h"

/*
 * Writes the table `name` of a result: "cells" (one row a cell and loss), "failures", "attributes", or the name of an
 * array (one row an entry: record, cell, family, parameters, loss, n, grid values, indices, value).  SG_UNKNOWN names
 * the tables there are.
 */
SG_MUST_CHECK sg_status sim_table_write(const sg_result *result, const char *name, FILE *out);

/* The first columns of a table with rows for each record, and their values for record r; a tab ends each. */
void sim_table_key_names(const sg_result *result, FILE *out);
void sim_table_key(const sg_result *result, int r, FILE *out);

#endif
