// How a wait in the kernel is ended by signals, other than by the end of the process.
#include "CSystem.h"

static volatile sig_atomic_t called_off;

// The companion calls off by kill(2): of that it is always told by whom. With a value, by sigqueue(3), it comes without
// both where this user's processes may have no more signals pending.
static void hear(int signal, siginfo_t *information, void *context) {
  (void)context;
  pid_t companion = csystem_companion();
  if (signal == csystem_news_signal() && information->si_code == SI_USER && companion > 0 &&
      information->si_pid == companion)
    called_off = 1;
}

int csystem_hear(int signal) {
  struct sigaction action = {.sa_sigaction = hear, .sa_flags = SA_SIGINFO};
  return sigaction(signal, &action, NULL);
}

#ifndef SWLOCK_STATIC
static _Thread_local volatile const int *own_word;

void csystem_hear_calls(volatile const int *new_word) { own_word = new_word; }
#endif

bool csystem_was_called_off(void) {
#ifndef SWLOCK_STATIC
  if (own_word != NULL) return __atomic_load_n(own_word, __ATOMIC_ACQUIRE) != 0;
#endif
  return __atomic_exchange_n(&called_off, 0, __ATOMIC_RELAXED) != 0;
}

static volatile int ticket_file = -1;
static volatile off_t ticket_start;
static volatile sig_atomic_t stopped;

static void stop(int signal) {
  int error = errno;
  if (ticket_file >= 0) {
    struct flock ticket = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = ticket_start};
    fcntl(ticket_file, F_SETLK, &ticket);
  }
  stopped = called_off = 1;
  // It stops here, as it would have without a ticket.
  csystem_set_handler(signal, SIG_DFL);
  sigset_t set, previous;
  sigemptyset(&set);
  sigaddset(&set, signal);
  csystem_signal_thread(signal);
  pthread_sigmask(SIG_UNBLOCK, &set, &previous);
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  csystem_set_handler(signal, stop);
  errno = error;
}

void csystem_hold_ticket(int descriptor, int64_t start) {
  struct sigaction action;
  if (sigaction(SIGTSTP, NULL, &action) != 0) return;
  bool is_ours = action.sa_handler == stop;
  ticket_start = start;
  ticket_file = descriptor;
  if (descriptor >= 0 && action.sa_handler == SIG_DFL) csystem_set_handler(SIGTSTP, stop);
  if (descriptor < 0 && is_ours) csystem_set_handler(SIGTSTP, SIG_DFL);
}

bool csystem_was_stopped(void) {
  return __atomic_exchange_n(&stopped, 0, __ATOMIC_RELAXED) != 0;
}
