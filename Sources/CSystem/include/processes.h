// Processes: how they come, what they are, how they end.
#ifndef SWLOCK_PROCESSES_H
#define SWLOCK_PROCESSES_H

#include "libc.h"

static inline char **csystem_environment(void) { return environ; }
static inline void csystem_set_environment(char **variables) { environ = variables; }
static inline unsigned long csystem_auxiliary_value(unsigned long type) { return getauxval(type); }
// clone(2) with a function that runs in this process's memory while that waits, as vfork(2): also on its stack, below
// what this function and clone need, where there is a page already. All signals have to be blocked.
__attribute__((noinline)) static int csystem_clone_vfork(int (*body)(void *), void *argument) {
  char *stack = (char *)__builtin_frame_address(0) - 1024;
  return clone(body, stack, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
}
// fork(2). The shipped program has one thread, and takes the system call itself. In a program with threads another
// one may hold the locks of malloc(3), which only libc's own fork takes care of.
#ifdef SWLOCK_STATIC
static inline int csystem_fork(void) { return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
#else
static inline int csystem_fork(void) { return fork(); }
#endif
// The same, but parent and child share one descriptor table, and with it every file lock.
static inline int csystem_fork_sharing_files(void) {
  return (int)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}
// The same, but the child's end makes no signal, and waitpid(2) does not see it without __WALL: it is no
// child of those that are waited for.
static inline int csystem_fork_apart(bool sharing_files) {
  return (int)syscall(SYS_clone, sharing_files ? CLONE_FILES : 0, 0, 0, 0, 0);
}

// The same, but the child is its parent's sibling.
static inline int csystem_fork_sibling(void) {
  return (int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}
// The program of this very process, whatever its file is called by now.
static inline int csystem_execute_self(char *const *arguments, char *const *environment) {
  return execve("/proc/self/exe", arguments, environment);
}
static inline int csystem_open_process(pid_t process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}
static inline int csystem_signal_process(int process, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, process, signal, NULL, 0);
}
// kill(2), marked as sent by swlock (SI_QUEUE).
static inline int csystem_signal_marked(pid_t process, int signal) {
  return sigqueue(process, signal, (union sigval){0});
}
static inline int csystem_prctl(int option, unsigned long argument) {
  return prctl(option, argument, 0, 0, 0);
}
static inline void csystem_name_process(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
// Of the calling process alone: libc's change all threads, and a child that shares this process's
// memory would change its parent (setxid).
static inline int csystem_set_groups(size_t count, const gid_t *groups) {
  return (int)syscall(SYS_setgroups, count, groups);
}

static inline int csystem_set_group(gid_t group) {
  return (int)syscall(SYS_setresgid, group, group, group);
}
static inline int csystem_set_user(uid_t user) {
  return (int)syscall(SYS_setresuid, user, user, user);
}
static inline int csystem_get_priority(int *value) {
  errno = 0;
  *value = getpriority(PRIO_PROCESS, 0);
  return errno == 0 ? 0 : -1;
}

static inline int csystem_set_priority(int value) { return setpriority(PRIO_PROCESS, 0, value); }
// ioprio_set(2) of the calling process, for which libc has no function.
static inline int csystem_set_io_priority(int class, int level) {
  return (int)syscall(SYS_ioprio_set, 1, 0, class << 13 | level);
}
static inline int csystem_set_limit(int resource, rlim_t soft, rlim_t hard) {
  uint64_t limit[2] = {soft, hard};
  return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}
static inline int csystem_get_limit(int resource, rlim_t *soft, rlim_t *hard) {
  uint64_t limit[2];
  if (syscall(SYS_prlimit64, 0, resource, NULL, limit) != 0) return -1;
  *soft = limit[0], *hard = limit[1];
  return 0;
}

// What is done beside a wait in the kernel: sentry.c.
int csystem_begin_sentry(const struct timespec *delay, void (*body)(void));
int csystem_end_sentry(void);
int csystem_companion(void);
void csystem_join_sentry(void);
void csystem_leave_wait(void);
void csystem_return_to_wait(void);

// A number in memory that two processes share.
static inline int64_t csystem_load(const int64_t *number) {
  return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}
static inline void csystem_store(int64_t *number, int64_t value) {
  __atomic_store_n(number, value, __ATOMIC_SEQ_CST);
}
// wait4(2): of a child that has ended, with those that it has waited for, the processor's time in microseconds and the
// largest resident set in KiB.
struct csystem_usage {
  int64_t user, system, resident;
};
static inline pid_t csystem_wait(
    pid_t process, int *status, int options, struct csystem_usage *usage) {
  struct rusage all;
  pid_t waited = wait4(process, status, options, &all);
  if (waited > 0) {
    usage->user = all.ru_utime.tv_sec * INT64_C(1000000) + all.ru_utime.tv_usec;
    usage->system = all.ru_stime.tv_sec * INT64_C(1000000) + all.ru_stime.tv_usec;
    usage->resident = all.ru_maxrss;
  }
  return waited;
}
static inline int csystem_exited(int status) { return WIFEXITED(status); }
static inline int csystem_exit_code(int status) { return WEXITSTATUS(status); }
static inline int csystem_stopped(int status) { return WIFSTOPPED(status); }
static inline int csystem_continued(int status) { return WIFCONTINUED(status); }
static inline int csystem_stop_signal(int status) { return WSTOPSIG(status); }
static inline int csystem_termination_signal(int status) { return WTERMSIG(status); }
static inline int csystem_dumped_core(int status) { return WCOREDUMP(status) != 0; }

#endif
