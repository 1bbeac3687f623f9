#include <signal.h>

#include "sim.h"

volatile int sim_stop;

static void remember(int number) {
    sim_stop = number;
}

/* The first signal asks for a clean end, the second one ends at once. */
void sim_catch_signals(void) {
    struct sigaction action = {.sa_handler = remember, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
