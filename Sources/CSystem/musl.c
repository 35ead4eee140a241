// What musl does otherwise than glibc, or not at all: the static binary is the same program with both. The linker
// takes these functions, and does not look for musl's own.
#include "CSystem.h"
#if defined(SWLOCK_STATIC) && !defined(__GLIBC__)
#include <stddef.h>

// Signals. musl keeps 34 to itself as well, and leaves it out of every set; for other programs it is SIGRTMIN.

static bool is_private(int signal) { return signal == 32 || signal == 33; }

int sigaddset(sigset_t *set, int signal) {
  if (signal < 1 || signal >= _NSIG || is_private(signal)) {
    errno = EINVAL;
    return -1;
  }
  unsigned bit = (unsigned)signal - 1, width = 8 * sizeof *set->__bits;
  set->__bits[bit / width] |= 1ul << bit % width;
  return 0;
}

int sigfillset(sigset_t *set) {
  sigemptyset(set);
  for (int signal = 1; signal < _NSIG; signal++) {
    if (!is_private(signal)) sigaddset(set, signal);
  }
  return 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict previous) {
  if (previous) sigemptyset(previous);
  return syscall(SYS_rt_sigprocmask, how, set, previous, _NSIG / 8) == 0 ? 0 : errno;
}

// musl's begins to wait anew, for the whole time, when it is interrupted: by a stop, for one.
int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict information, const struct timespec *restrict time) {
  int signal = (int)syscall(SYS_rt_sigtimedwait, set, information, time, _NSIG / 8);
  if (signal > 0 && information && information->si_code == SI_TKILL) information->si_code = SI_USER;
  return signal;
}

#if defined(__x86_64__) || defined(__aarch64__)
// musl's unblocks 33 and 34 as it sets the first handler. The kernel's structure (sigaction(2)); a handler returns
// to `restorer`, which asks the kernel to go on where the signal came. On arm64 the kernel brings that itself.
struct kernel_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};
#ifdef __x86_64__
void csystem_end_handler(void);
__asm__(".pushsection .text.csystem_end_handler, \"ax\", @progbits\n"
        "csystem_end_handler: mov $15, %eax\n"  // SYS_rt_sigreturn
        "syscall\n"
        ".popsection\n");
enum { WITH_RESTORER = SA_RESTORER };
#else
enum { WITH_RESTORER = 0 };
#define csystem_end_handler NULL
#endif

int sigaction(int signal, const struct sigaction *restrict new, struct sigaction *restrict old) {
  struct kernel_action action, previous;
  if (new) {
    action = (struct kernel_action){
        new->sa_handler, (unsigned)new->sa_flags | WITH_RESTORER, csystem_end_handler,
        new->sa_mask.__bits[0]};
  }
  if (syscall(SYS_rt_sigaction, signal, new ? &action : NULL, old ? &previous : NULL, _NSIG / 8) != 0) return -1;
  if (old) {
    *old = (struct sigaction){.sa_handler = previous.handler, .sa_flags = (int)previous.flags & ~SA_RESTORER};
    old->sa_mask.__bits[0] = previous.mask;
  }
  return 0;
}
#endif

// musl remembers the number of its thread, which is the parent's in a child that the kernel's clone(2) made.
int raise(int signal) { return csystem_signal_thread(signal); }
_Noreturn void abort(void) {
  raise(SIGABRT);
  csystem_reset_signal(SIGABRT);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGABRT);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  raise(SIGABRT);
  _exit(127);
}

// The clock's page and its code in the process are two page faults, and to find it takes longer than to ask the kernel;
// few times are asked for.
int clock_gettime(clockid_t clock, struct timespec *time) { return (int)syscall(SYS_clock_gettime, clock, time); }

// Folders, 32 KiB at once: musl reads 2 KiB, and /proc or a folder of locks may have thousands of names.

struct __dirstream {
  int descriptor, next, end;
  char entries[(1 << 15) - 64] __attribute__((aligned(16)));
};

DIR *fdopendir(int descriptor) {
  DIR *folder = malloc(sizeof *folder);
  if (!folder) return NULL;
  folder->descriptor = descriptor;
  folder->next = folder->end = 0;
  return folder;
}

DIR *opendir(const char *path) {
  int descriptor = csystem_open(path, O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC, 0);
  if (descriptor < 0) return NULL;
  DIR *folder = fdopendir(descriptor);
  if (!folder) close(descriptor);
  return folder;
}

// struct dirent is the kernel's where long has 64 bits.
_Static_assert(offsetof(struct dirent, d_name) == offsetof(struct csystem_entry, d_name), "another layout");
struct dirent *readdir(DIR *folder) {
  if (folder->next >= folder->end) {
    int count = csystem_read_entries(folder->descriptor, folder->entries, sizeof folder->entries);
    if (count <= 0) {
      // A folder that has been removed is at its end, as for glibc.
      if (count < 0 && errno == ENOENT) errno = 0;
      return NULL;
    }
    folder->next = 0, folder->end = count;
  }
  struct dirent *entry = (struct dirent *)(folder->entries + folder->next);
  folder->next += entry->d_reclen;
  return entry;
}

int dirfd(DIR *folder) { return folder->descriptor; }

int closedir(DIR *folder) {
  int result = close(folder->descriptor);
  free(folder);
  return result;
}

// Programs. musl's execvp(3) does not give a script without #! to a shell, and where there is no PATH it looks into
// /usr/local/bin first.

static void execute(const char *file, char *const *arguments, char *const *environment) {
  execve(file, arguments, environment);
  if (errno != ENOEXEC) return;
  size_t count = 0;
  while (arguments[count]) count++;
  const char *shell[count + 3];
  shell[0] = "/bin/sh";
  shell[1] = file;
  shell[2] = NULL;
  for (size_t i = 1; i <= count; i++) shell[i + 1] = arguments[i];
  execve(shell[0], (char *const *)shell, environment);
}

int execvpe(const char *name, char *const *arguments, char *const *environment) {
  if (*name == 0) {
    errno = ENOENT;
    return -1;
  }
  if (strchr(name, '/')) {
    execute(name, arguments, environment);
    return -1;
  }
  const char *path = getenv("PATH");
  if (!path) path = "/bin:/usr/bin";
  size_t length = strlen(name);
  if (length > NAME_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  size_t longest = strnlen(path, PATH_MAX);
  char file[longest + length + 2];
  bool denied = false;
  errno = ENOENT;
  for (const char *end;; path = end + 1) {
    end = path;
    while (*end != 0 && *end != ':') end++;
    size_t size = (size_t)(end - path);
    if (size < PATH_MAX) {
      memcpy(file, path, size);
      if (size > 0) file[size++] = '/';
      memcpy(file + size, name, length + 1);
      execute(file, arguments, environment);
      switch (errno) {
        case EACCES: denied = true;
        case ENOENT:
        case ESTALE:
        case ENOTDIR:
        case ENODEV:
        case ETIMEDOUT: break;
        default: return -1;
      }
    }
    if (*end == 0) break;
  }
  if (denied) errno = EACCES;
  return -1;
}

int execvp(const char *name, char *const *arguments) { return execvpe(name, arguments, environ); }

// For Embedded Swift.
void arc4random_buf(void *buffer, size_t size) {
  for (char *next = buffer; size > 0;) {
    ssize_t count = getrandom(next, size, 0);
    if (count > 0) next += count, size -= (size_t)count;
  }
}

#endif
