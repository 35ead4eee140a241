// threads.c: threads that may block, and what wakes them. Not in the static binary.
#ifndef SWLOCK_THREADS_H
#define SWLOCK_THREADS_H

#include "libc.h"

#ifndef SWLOCK_STATIC

// Begins a detached thread with a small stack, in which all signals are blocked but that of wakeups. An error number, or 0.
int csystem_begin_thread(void *(*body)(void *), void *argument);

// A mutex with a condition that threads wait for.
typedef struct csystem_gate csystem_gate;
csystem_gate *csystem_make_gate(void);
void csystem_destroy_gate(csystem_gate *gate);
void csystem_lock_gate(csystem_gate *gate);
void csystem_unlock_gate(csystem_gate *gate);
void csystem_wake_at_gate(csystem_gate *gate);
// Gives the mutex up until somebody wakes all who wait, or perhaps for nothing; false: `deadline`, a point in time on
// CLOCK_MONOTONIC, has passed. NULL: none.
bool csystem_wait_at_gate(csystem_gate *gate, const struct timespec *deadline);

// Sends a thread of this process its signal for wakeups now and each millisecond, by a timer that is to be deleted.
int csystem_pester_thread(pid_t thread, int *timer);

static inline pid_t csystem_thread(void) { return (pid_t)syscall(SYS_gettid); }

// From here on this thread's waits are called off while `*word` is not 0, and by nothing else; NULL: no more.
void csystem_hear_calls(volatile const int *word);
static inline void csystem_set_word(volatile int *word) { __atomic_store_n(word, 1, __ATOMIC_RELEASE); }

#endif
#endif
