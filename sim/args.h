/* Reading a command line by one table of options. */
#ifndef SCOREGAP_SIM_ARGS_H
#define SCOREGAP_SIM_ARGS_H

#include "sim.h"

/* Fills args from the words after the command's name; 0, or an exit status after a message. */
int sim_args_read(int count, char **word, const sim_command *command, sim_args *args);
/* Prints the options that the command takes. */
void sim_args_describe(const sim_command *command, FILE *out);

#endif
