// Signals, and timers that send them.
#ifndef SWLOCK_SIGNALS_H
#define SWLOCK_SIGNALS_H

#include "libc.h"

typedef void (*csystem_signal_handler)(int);
static inline csystem_signal_handler csystem_signal_default(void) { return SIG_DFL; }
static inline int csystem_set_handler(int signal, csystem_signal_handler handler) {
  struct sigaction action = {.sa_handler = handler};
  return sigaction(signal, &action, NULL);
}
static inline int csystem_signal_count(void) { return _NSIG; }
// Of any signal: the system call itself, since glibc's sigaction(2) refuses 32 and 33, which its own posix_spawn(3)
// leaves ignored in what it starts. The kernel's structure begins with the handler, and has zeros behind SIG_DFL and
// SIG_IGN.
static inline int csystem_set_disposition(int signal, csystem_signal_handler disposition) {
  const unsigned long action[8] = {(unsigned long)disposition};
  return (int)syscall(SYS_rt_sigaction, signal, action, NULL, _NSIG / 8);
}
static inline csystem_signal_handler csystem_disposition(int signal) {
  unsigned long action[8] = {0};
  syscall(SYS_rt_sigaction, signal, NULL, action, _NSIG / 8);
  return (csystem_signal_handler)action[0];
}
static inline int csystem_reset_signal(int signal) { return csystem_set_disposition(signal, SIG_DFL); }

static inline pid_t csystem_thread(void) { return (pid_t)syscall(SYS_gettid); }
// To the calling thread: not pthread_kill(3), which may not know its number after a clone(2).
static inline int csystem_signal_thread(int signal) {
  return (int)syscall(SYS_tgkill, getpid(), csystem_thread(), signal);
}
// The same while `other` is not pending, as near to each other as the two system calls can be. Whether it was sent.
static inline int csystem_signal_thread_unless_pending(int signal, int other) {
  pid_t process = getpid(), thread = csystem_thread();
  sigset_t pending;
  sigpending(&pending);
  return !sigismember(&pending, other) && syscall(SYS_tgkill, process, thread, signal) == 0;
}
static inline int csystem_ignore(int signal) { return csystem_set_disposition(signal, SIG_IGN); }
// Has the calling process get `signal` whenever there is something new to be read (F_SETSIG, fcntl(2)).
static inline int csystem_signal_input(int descriptor, int signal) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETOWN, getpid()) < 0 ||
      fcntl(descriptor, F_SETSIG, signal) < 0)
    return -1;
  return fcntl(descriptor, F_SETFL, flags | O_ASYNC);
}
static inline int csystem_is_ignored(int signal) { return csystem_disposition(signal) == SIG_IGN; }
static inline int csystem_has_handler(int signal) {
  csystem_signal_handler disposition = csystem_disposition(signal);
  return disposition != SIG_IGN && disposition != SIG_DFL;
}

static inline int csystem_signal_descriptor(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}
static inline pid_t csystem_signal_sender(const siginfo_t *information) {
  return information->si_pid;
}
// Timers that send `signal` to one thread of this process only. The system calls
// themselves: glibc's wrappers bring its threads with them into a static binary.
static inline int csystem_create_timer(int clock, int signal, pid_t thread, int *timer) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
#ifdef __GLIBC__
  event._sigev_un._tid = thread;
#else
  event.sigev_notify_thread_id = thread;
#endif
  return (int)syscall(SYS_timer_create, clock, &event, timer);
}

// Of the calling thread, on CLOCK_MONOTONIC.
static inline int csystem_create_thread_timer(int signal, int *timer) {
  return csystem_create_timer(CLOCK_MONOTONIC, signal, csystem_thread(), timer);
}
// The same on CLOCK_BOOTTIME, which goes on while the machine is suspended.
static inline int csystem_create_boot_timer(int signal, int *timer) {
  return csystem_create_timer(CLOCK_BOOTTIME, signal, csystem_thread(), timer);
}
static inline int csystem_set_timer(int timer, int flags, const struct itimerspec *times) {
  return (int)syscall(SYS_timer_settime, timer, flags, times, NULL);
}
static inline int csystem_delete_timer(int timer) { return (int)syscall(SYS_timer_delete, timer); }
// Of timers, each of which has room for one of its own.
static inline int csystem_wakeup_signal(void) { return SIGRTMAX - 2; }
// Of what may come at any rate, to one that stands still: a real-time signal would be queued each time, up to what all
// processes of a user may have pending, timers among it (RLIMIT_SIGPENDING); this one is pending once at most. By
// default it does nothing.
static inline int csystem_news_signal(void) { return SIGURG; }
// Has a signal interrupt what the calling process waits for, and nothing else: but the signal for news that comes from the
// companion (sentry.c) calls the wait off.
int csystem_hear(int signal);
// Whether it was called off since that was asked last; threads.h: whether this thread's wait is.
bool csystem_was_called_off(void);
// Has SIGTSTP give up the posix locks of the open file from a byte on before it stops this process, and interrupt what it
// waits for afterwards; -1: nothing any more.
void csystem_hold_ticket(int descriptor, int64_t start);
bool csystem_was_stopped(void);

#endif
