/* Result files as tab-separated text, for `table` and for the figures. */
#ifndef SCOREGAP_SIM_TABLE_H
#define SCOREGAP_SIM_TABLE_H

#include "sim.h"

/*
 * Writes the table `name` of a result: "cells" (one row a cell and loss), "attributes", or the name of an array (one
 * row an entry: record, cell, family, parameters, loss, n, grid values, indices, value).  SG_UNKNOWN names the tables
 * there are.
 */
SG_MUST_CHECK sg_status sim_table_write(const sg_result *result, const char *name, FILE *out);

#endif
