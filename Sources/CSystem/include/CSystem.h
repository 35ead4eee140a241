// libc for Swift, in both builds: the headers, and inline wrappers for what Swift cannot import
// (variadic functions, macros, unions, globals). No logic lives here.
#ifndef SWLOCK_CSYSTEM_H
#define SWLOCK_CSYSTEM_H

#include "files.h"
#include "libc.h"
#include "processes.h"
#include "signals.h"
#include "sockets.h"
#include "terminals.h"
#include "threads.h"

// errors.c: what strerror(3) and strerrorname_np(3) say, in the words of glibc whatever libc there is; NULL for
// an unknown number.
const char *csystem_error_text(int code);
const char *csystem_error_name(int code);

// arguments.c
int csystem_argument_count(void);
char **csystem_arguments(void);
void csystem_registry_lock(void);
void csystem_registry_unlock(void);
// Gives up the registry's lock until somebody wakes all who wait so.
void csystem_registry_wait(void);
void csystem_registry_wake(void);
// Leaves `next` for whoever calls this next, in any thread, and returns what was left before; 0: nothing.
unsigned long long csystem_exchange_spare(unsigned long long next);

#endif
