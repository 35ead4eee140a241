// What has to live in one object file: argv, which Embedded Swift does not hand out, the mutex of
// Locking's registry, and what replaces parts of a static C library.
#include "CSystem.h"

static int argument_count;
static char **arguments;

__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
  argument_count = argc;
  arguments = argv;
}

int csystem_argument_count(void) { return argument_count; }
char **csystem_arguments(void) { return arguments; }

#ifdef SWLOCK_STATIC
// What glibc calls when one of its own assertions fails, and to translate its own messages. With the
// originals, a static program has all of gettext, iconv and wide-character stdio in it, 78 kB that
// never run: it asks for no locale, and so there is nothing to translate.
void __assert_fail(
    const char *assertion, const char *file, unsigned int line, const char *function) {
  (void)file, (void)line, (void)function;
  ssize_t ignored = write(STDERR_FILENO, assertion, strlen(assertion));
  (void)ignored;
  abort();
}

char *dcgettext(const char *domain, const char *message, int category) {
  (void)domain, (void)category;
  return (char *)message;
}
char *__dcgettext(const char *domain, const char *message, int category)
    __attribute__((alias("dcgettext")));
#endif

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;

void csystem_registry_lock(void) { pthread_mutex_lock(&registry); }
void csystem_registry_unlock(void) { pthread_mutex_unlock(&registry); }
