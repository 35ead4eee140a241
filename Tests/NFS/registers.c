// Loaded into user-mode Linux before its libraries, on processors with larger registers than it knows
// of (AMX). It sets as much of a process's state as it has, 2,696 bytes, and Linux takes only the whole:
// the guest's first process would end by SIGSEGV. Linux 6.14 knows better. Here the rest is added.

#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LARGEST = 64 << 10 };

static long set_state(long process, const struct iovec *part) {
  static _Thread_local char bytes[LARGEST];
  struct iovec whole = {bytes, sizeof bytes};
  if (syscall(SYS_ptrace, PTRACE_GETREGSET, process, NT_X86_XSTATE, &whole) != 0) return -1;
  if (part->iov_len < whole.iov_len) {
    memcpy(bytes, part->iov_base, part->iov_len);
  } else {
    whole = *part;
  }
  return syscall(SYS_ptrace, PTRACE_SETREGSET, process, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...) {
  va_list arguments;
  va_start(arguments, request);
  long process = va_arg(arguments, int);
  void *address = va_arg(arguments, void *);
  void *data = va_arg(arguments, void *);
  va_end(arguments);
  if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) return set_state(process, data);
  // Unlike the system call, the C library's function returns what was read.
  if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) {
    long word = 0;
    long result = syscall(SYS_ptrace, request, process, address, &word);
    return result < 0 ? result : word;
  }
  return syscall(SYS_ptrace, request, process, address, data);
}
