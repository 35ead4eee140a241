// What has to live in one object file: argv, which Embedded Swift does not hand out, the mutex of Locking's
// registry, and what the process keeps for its next wait.
#include <stdatomic.h>

#include "CSystem.h"

static int argument_count;
static char **arguments;

#ifdef SWLOCK_STATIC
// Swift's own main. (A constructor is given argv by glibc alone.)
int swlock_main(int argc, char **argv);
int main(int argc, char **argv) {
  argument_count = argc;
  arguments = argv;
  return swlock_main(argc, argv);
}
#else
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
  argument_count = argc;
  arguments = argv;
}
#endif

int csystem_argument_count(void) { return argument_count; }
char **csystem_arguments(void) { return arguments; }

#ifdef SWLOCK_STATIC
// swlock has one thread that takes locks.
void csystem_registry_lock(void) {}
void csystem_registry_unlock(void) {}
void csystem_registry_wait(void) { abort(); }
void csystem_registry_wake(void) {}
#else
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t registry_change = PTHREAD_COND_INITIALIZER;

void csystem_registry_lock(void) { pthread_mutex_lock(&registry); }
void csystem_registry_unlock(void) { pthread_mutex_unlock(&registry); }
void csystem_registry_wait(void) { pthread_cond_wait(&registry_change, &registry); }
void csystem_registry_wake(void) { pthread_cond_broadcast(&registry_change); }
#endif

static atomic_ullong spare;

unsigned long long csystem_exchange_spare(unsigned long long next) { return atomic_exchange(&spare, next); }
