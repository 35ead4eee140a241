// Threads on which calls block, for the libraries: swlock itself has none.
#include "CSystem.h"

#ifndef SWLOCK_STATIC

// Swift's thread-local storage, and a path of PATH_MAX here and there.
static const size_t stack_size = 256 * 1024;

int csystem_begin_thread(void *(*body)(void *), void *argument) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setstacksize(&attributes, stack_size);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t signals, previous;
  sigfillset(&signals);
  sigdelset(&signals, csystem_wakeup_signal());
  pthread_sigmask(SIG_SETMASK, &signals, &previous);
  pthread_t thread;
  error = pthread_create(&thread, &attributes, body, argument);
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

// A mutex and its condition, on CLOCK_MONOTONIC.
struct csystem_gate {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
};

csystem_gate *csystem_make_gate(void) {
  csystem_gate *gate = malloc(sizeof *gate);
  if (gate == NULL) abort();
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&gate->mutex, NULL);
  pthread_cond_init(&gate->condition, &attributes);
  pthread_condattr_destroy(&attributes);
  return gate;
}

void csystem_destroy_gate(csystem_gate *gate) {
  pthread_cond_destroy(&gate->condition);
  pthread_mutex_destroy(&gate->mutex);
  free(gate);
}

void csystem_lock_gate(csystem_gate *gate) { pthread_mutex_lock(&gate->mutex); }
void csystem_unlock_gate(csystem_gate *gate) { pthread_mutex_unlock(&gate->mutex); }
void csystem_wake_at_gate(csystem_gate *gate) { pthread_cond_broadcast(&gate->condition); }

bool csystem_wait_at_gate(csystem_gate *gate, const struct timespec *deadline) {
  if (deadline == NULL) return pthread_cond_wait(&gate->condition, &gate->mutex) == 0;
  return pthread_cond_timedwait(&gate->condition, &gate->mutex, deadline) != ETIMEDOUT;
}

pid_t csystem_begin_synchronization(char *const *paths, int count, int writer) {
  pid_t child = fork();
  if (child != 0) return child;
  // Nothing from here on takes memory or a lock, which another thread may have had.
  csystem_close_range(0, (unsigned)writer - 1);
  csystem_close_range((unsigned)writer + 1, ~0U);
  for (int32_t place = 0; place < count; place++) {
    // Not to wait for the other end of a FIFO.
    int file = open(paths[place], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int32_t word[2] = {place, file < 0 || syncfs(file) != 0 ? errno : 0};
    if (file >= 0) close(file);
    if (write(writer, word, sizeof word) != sizeof word) _exit(1);
  }
  _exit(0);
}

int csystem_pester_thread(pid_t thread, int *timer) {
  if (csystem_create_timer(CLOCK_MONOTONIC, csystem_wakeup_signal(), thread, timer) != 0) return -1;
  struct itimerspec times = {.it_value = {0, 1}, .it_interval = {0, 1000000}};
  return csystem_set_timer(*timer, 0, &times);
}

#endif
