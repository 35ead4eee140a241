// A thread that goes to its place in a queue of the kernel's loses that place with whatever it does before its turn. What
// is to be done meanwhile, for a wait that has become long, is done by a process that is forked in its name by a second
// thread, the sentry, which only sleeps: a short wait costs its start, no process and no memory but one page.
//
// The sentry has the waiting thread's errno and whatever else is a thread's own. So it calls the kernel itself, and leaves
// all memory alone but what stands here; and it forks only while the waiting thread is known to be in the kernel, so that
// the copy finds everything whole, as that thread left it.
#include "CSystem.h"
#include <stdatomic.h>

// futex(2); musl brings no headers of the kernel's.
enum { WAIT = 0, WAKE = 1, PRIVATE = 128 };

enum { ASLEEP, FORKING, FORKED, OVER };
static _Atomic int state = OVER;
// Whether the waiting thread is elsewhere than in the kernel.
static _Atomic int away;
// The kernel clears it once the sentry has ended, and its stack is free.
static _Atomic int alive;
static int companion;
static struct timespec patience;
static void (*work)(void);
static sigset_t mask;
static char stack[4096] __attribute__((aligned(64)));
static const size_t companion_stack = 1 << 20;

// Nothing but the system call: no errno.
static long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "+a"(number)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return number;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
  long result = syscall(number, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
#endif
}

static long futex(_Atomic int *word, int operation, int value, const struct timespec *time) {
  return call(SYS_futex, (long)word, operation, value, (long)time, 0, 0);
}

static int be_companion(void *unused) {
  (void)unused;
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, _NSIG / 8, 0, 0);
  work();
  _exit(0);
}

static int stand_sentry(void *unused) {
  (void)unused;
  static const struct timespec soon = {.tv_nsec = 10 * 1000 * 1000};
  for (const struct timespec *time = &patience;; time = &soon) {
    long slept = 0;
    while (atomic_load(&state) == ASLEEP && slept != -ETIMEDOUT)
      slept = futex(&state, WAIT | PRIVATE, ASLEEP, time);
    int expected = ASLEEP;
    if (!atomic_compare_exchange_strong(&state, &expected, FORKING)) return 0;
    if (!atomic_load(&away)) break;
    atomic_store(&state, ASLEEP);
    futex(&state, WAKE | PRIVATE, 1, NULL);
  }
  long memory = call(
      SYS_mmap, 0, companion_stack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  // Its end makes no signal. SIGCHLD is blocked in its parent, the sentry, so it would not be ignored but left to the
  // waiting thread, which would lose its place.
  companion = memory < 0 && memory > -4096 ? 0 : clone(be_companion, (char *)memory + companion_stack, 0, NULL);
  if (companion < 0) companion = 0;
  atomic_store(&state, FORKED);
  futex(&state, WAKE | PRIVATE, 1, NULL);
  // It may be told to end when the thread that made it ends.
  while (atomic_load(&state) == FORKED) futex(&state, WAIT | PRIVATE, FORKED, NULL);
  return 0;
}

// Has `body` run after `delay`, in a process of its own, unless the calling thread has called csystem_end_sentry by then.
// Until it does so it may only wait in the kernel.
int csystem_begin_sentry(const struct timespec *delay, void (*body)(void)) {
  csystem_join_sentry();
  csystem_was_called_off();
  patience = *delay, work = body, companion = 0;
  // The stack has no room for a handler.
  sigset_t all;
  memset(&all, 0xff, sizeof all);
  if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, _NSIG / 8) != 0) return -1;
  // Who has started us may have left it blocked.
  sigdelset(&mask, csystem_news_signal());
  atomic_store(&state, ASLEEP);
  atomic_store(&alive, 1);
  int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
  int begun = clone(stand_sentry, stack + sizeof stack, flags, NULL, NULL, NULL, &alive);
  int error = errno;
  if (begun < 0) {
    atomic_store(&state, OVER);
    atomic_store(&alive, 0);
  }
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, _NSIG / 8);
  errno = error;
  return begun < 0 ? -1 : 0;
}

// Around what the waiting thread does elsewhere than in the kernel: no process is forked until it has returned.
void csystem_leave_wait(void) {
  atomic_store(&away, 1);
  while (atomic_load(&state) == FORKING) futex(&state, WAIT | PRIVATE, FORKING, NULL);
}
void csystem_return_to_wait(void) { atomic_store(&away, 0); }

// The process that was forked meanwhile; 0: none was, and none will be.
int csystem_end_sentry(void) {
  int was = atomic_load(&state);
  while (was != OVER) {
    if (was == FORKING) {
      futex(&state, WAIT | PRIVATE, FORKING, NULL);
      was = atomic_load(&state);
    } else if (atomic_compare_exchange_strong(&state, &was, OVER)) {
      futex(&state, WAKE | PRIVATE, 1, NULL);
      return companion;
    }
  }
  return 0;
}

// The process that was forked; 0: none is there.
int csystem_companion(void) { return atomic_load(&state) == FORKED ? companion : 0; }

// Some things can be asked of the kernel by a process with one thread only.
void csystem_join_sentry(void) {
  int was;
  // The kernel wakes one that waits as for a futex between processes.
  while ((was = atomic_load(&alive)) != 0) futex(&alive, WAIT, was, NULL);
}
