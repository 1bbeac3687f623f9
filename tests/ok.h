/* Calls of the library that must succeed.  After cmocka.h. */
#ifndef SG_TESTS_OK_H
#define SG_TESTS_OK_H

#include "scoregap/base.h"

#define OK(call)                                                                                        \
    do {                                                                                                \
        sg_status ok_status = (call);                                                                   \
        if (ok_status != SG_OK) fail_msg("%s: %s: %s", #call, sg_status_name(ok_status), sg_message()); \
    } while (0)

#endif
