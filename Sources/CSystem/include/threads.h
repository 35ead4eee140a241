// What the libraries for ordinary Swift take, and the static binary does not have; threads.c: threads that may block, and
// what wakes them.
#ifndef SWLOCK_THREADS_H
#define SWLOCK_THREADS_H

#include "libc.h"
#include <sys/epoll.h>

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

// Forks a child that has the file systems of `paths` on disk, one after another (syncfs(2)), and writes the place of each
// that is done and its error number, or 0, to `writer`, which is above 2. It has nothing else open.
pid_t csystem_begin_synchronization(char *const *paths, int count, int writer);

// Sends a thread of this process its signal for wakeups now and each millisecond, by a timer that is to be deleted.
int csystem_pester_thread(pid_t thread, int *timer);

// epoll(7), for reading; `key` comes back when there is something to be read, or the other end is gone.
static inline int csystem_make_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int csystem_epoll_add(int epoll, int descriptor, uint64_t key) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = key}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}
static inline int csystem_epoll_remove(int epoll, int descriptor) {
  return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
}
// The key of one that can be read; -1 after a signal.
static inline int csystem_epoll_wait(int epoll, uint64_t *key) {
  struct epoll_event event;
  int count = epoll_wait(epoll, &event, 1, -1);
  if (count > 0) *key = event.data.u64;
  return count;
}

// The numbers of setrlimit(2), which C libraries have as enumerations or as macros.
static inline int csystem_limit_of_cpu_time(void) { return RLIMIT_CPU; }
static inline int csystem_limit_of_address_space(void) { return RLIMIT_AS; }
static inline int csystem_limit_of_file_size(void) { return RLIMIT_FSIZE; }
static inline int csystem_limit_of_open_files(void) { return RLIMIT_NOFILE; }

// From here on this thread's waits are called off while `*word` is not 0, and by nothing else; NULL: no more.
void csystem_hear_calls(volatile const int *word);
static inline void csystem_set_word(volatile int *word) { __atomic_store_n(word, 1, __ATOMIC_RELEASE); }

#endif
#endif
