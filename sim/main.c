#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"

static const sim_command *const commands[] = {
    &sim_command_list,    &sim_command_gap,    &sim_command_efficiency, &sim_command_mixing, &sim_command_fit,
    &sim_command_compare, &sim_command_design, &sim_command_sample,     &sim_command_check,  &sim_command_run,
    &sim_command_replay,  &sim_command_table,  &sim_command_plot};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_overview(FILE *out) {
    fprintf(out,
            "scoregap %s - statistical efficiency of tractable losses, and the mixing of the processes behind them\n\n",
            SIM_VERSION);
    fprintf(out, "usage: scoregap COMMAND [options]\n\n");
    for (int k = 0; k < COMMANDS; k++) fprintf(out, "  %-11s %s\n", commands[k]->name, commands[k]->summary);
    fprintf(out, "\n`scoregap COMMAND --help` explains a command and shows an example.\n");
}

static void print_help(const sim_command *command) {
    printf("usage: scoregap %s\n\n%s\n\n", command->usage, command->help);
    sim_args_describe(command, stdout);
    printf("\nExample:\n  %s\n", command->example);
}

static const sim_command *find(const char *name) {
    for (int k = 0; k < COMMANDS; k++)
        if (!strcmp(commands[k]->name, name)) return commands[k];
    return NULL;
}

static int unknown(const char *name) {
    const char *names[COMMANDS];
    for (int k = 0; k < COMMANDS; k++) names[k] = commands[k]->name;
    const char *nearest = sg_nearest(name, COMMANDS, names);
    if (nearest) return sim_complain(2, "unknown command '%s'; the nearest is '%s'", name, nearest);
    return sim_complain(2, "unknown command '%s'; `scoregap --help` lists the commands", name);
}

/*
 * Threads that wait for others turn round and round by default, and on a busy machine take the processor from those
 * that they wait for.  The OpenMP runtime reads its policy before main, so the program starts itself again; where it
 * cannot, it goes on as it is.
 */
static void wait_asleep(char **argv) {
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") || setenv("OMP_WAIT_POLICY", "passive", 1)) return;
    (void)execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
    sim_args args;
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a failed write, not a death */
    if (argc < 2) {
        print_overview(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        const sim_command *command = argc > 2 ? find(argv[2]) : NULL;
        if (argc > 2 && !command) return unknown(argv[2]);
        if (command)
            print_help(command);
        else
            print_overview(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("scoregap %s\n", SIM_VERSION);
        return 0;
    }
    const sim_command *command = find(argv[1]);
    if (!command) return unknown(argv[1]);
    wait_asleep(argv);
    int leave = sim_args_read(argc - 2, argv + 2, command, &args);
    if (leave) return leave;
    if (args.help) {
        print_help(command);
        return 0;
    }
    if (args.version) {
        printf("scoregap %s\n", SIM_VERSION);
        return 0;
    }
    leave = command->run(&args);
    if (fflush(stdout) && !leave) return sim_complain(1, "writing to standard output failed");
    return leave;
}
