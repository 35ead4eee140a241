// bench/floor.c without libc, so without any start but the kernel's: limit [-F] FILE COMMAND [ARG...]
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>

#include "bare.h"

static inline __attribute__((always_inline)) int run(long *stack) {
  long argc = stack[0];
  char **argv = (char **)stack + 1, **environment = argv + argc + 1;
  int in_place = argc > 1 && argv[1][0] == '-' && argv[1][1] == 'F';
  if (argc < 3 + in_place) return 64;
  char **command = argv + 2 + in_place;
  long lock = call(CALL_OPEN, AT_FDCWD, (long)command[-1], O_RDWR | O_CREAT, 0600);
  if (lock < 0 || call(CALL_FLOCK, lock, LOCK_EX, 0, 0) != 0) return 71;
  long child = in_place ? 0 : call(CALL_CLONE, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0);
  if (child < 0) return 126;
  if (child == 0) {
    call(CALL_EXEC, (long)command[0], (long)command, (long)environment, 0);
    return 126;
  }
  int status;
  if (call(CALL_WAIT, child, (long)&status, 0, 0) != child) return 71;
  return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

__attribute__((noreturn)) void begin(long *stack) {
  int status = run(stack);
  for (;;) call(CALL_EXIT, status, 0, 0, 0);
}
