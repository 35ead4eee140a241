// What the static binary leaves out of glibc, if it is linked with that.
//
// glibc refers to stdio, gettext, iconv and locales from functions that every static program has:
// from malloc's reports about itself, from failed assertions, from the table of the C locale. With
// them a program of a few lines has 600 kB, of which it runs a tenth. swlock writes with write(2),
// asks for no locale and for none of malloc's reports, so that none of this is ever called; the
// definitions here only keep the linker from looking further (250 kB less, and fewer pages to map).
// A linker flag (--allow-multiple-definition) makes these the ones taken if another glibc brings its
// own in by some other way: the binary is larger then, not broken.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(SWLOCK_STATIC) && defined(__GLIBC__)

const char *csystem_error_text(int code);

// Called when one of the library's own assertions fails.
void __assert_fail(
    const char *assertion, const char *file, unsigned int line, const char *function) {
  (void)file, (void)line, (void)function;
  ssize_t ignored = write(STDERR_FILENO, assertion, strlen(assertion));
  (void)ignored;
  abort();
}

// Translations: the message itself.
char *dcgettext(const char *domain, const char *message, int category) {
  (void)domain, (void)category;
  return (char *)message;
}
char *__dcgettext(const char *domain, const char *message, int category)
    __attribute__((alias("dcgettext")));

// Texts of errors, as the library says them of itself.
char *strerror(int code) {
  const char *text = csystem_error_text(code);
  return (char *)(text ? text : "Unknown error");
}
char *__strerror_r(int code, char *buffer, size_t size) {
  (void)buffer, (void)size;
  return strerror(code);
}

// malloc_stats(3) and malloc_info(3), which stand in one object file with malloc. Without <stdio.h>, whose
// stderr is no variable that could be defined here.
#pragma clang diagnostic ignored "-Wincompatible-library-redeclaration"
#pragma clang diagnostic ignored "-Wbuiltin-requires-header"
void *stderr;
int fprintf(void *file, const char *format, ...) {
  (void)file, (void)format;
  return -1;
}
int _IO_fputs(const char *text, void *file) {
  (void)text, (void)file;
  return -1;
}
size_t fwrite(const void *data, size_t size, size_t count, void *file) {
  (void)data, (void)size, (void)count, (void)file;
  return 0;
}

// glibc has half a dozen of each, one a kind of processor, 35 kB, and chooses when the program starts. Here
// they compare a few options and names.
int strncmp(const char *one, const char *other, size_t count) {
  for (; count > 0; count--, one++, other++) {
    int difference = (unsigned char)*one - (unsigned char)*other;
    if (difference != 0 || *one == 0) return difference;
  }
  return 0;
}
int strcmp(const char *one, const char *other) { return strncmp(one, other, SIZE_MAX); }

// The same of these, which only the library itself calls, 27 kB: as it finds a program in PATH, or a real path.
#define PLAIN __attribute__((no_builtin))
#define ALSO(name) __attribute__((alias(#name)))

PLAIN char *__stpcpy(char *to, const char *from) {
  while ((*to = *from++) != 0) to++;
  return to;
}
char *stpcpy(char *to, const char *from) ALSO(__stpcpy);

PLAIN char *strcpy(char *to, const char *from) {
  for (char *next = to; (*next = *from++) != 0;) next++;
  return to;
}

PLAIN char *__strchrnul(const char *text, int character) {
  while (*text != 0 && *text != (char)character) text++;
  return (char *)text;
}
char *strchrnul(const char *text, int character) ALSO(__strchrnul);

PLAIN char *strchr(const char *text, int character) {
  char *found = __strchrnul(text, character);
  return *found == (char)character ? found : NULL;
}
char *index(const char *text, int character) ALSO(strchr);

PLAIN char *strrchr(const char *text, int character) {
  char *found = NULL;
  do {
    if (*text == (char)character) found = (char *)text;
  } while (*text++ != 0);
  return found;
}
char *rindex(const char *text, int character) ALSO(strrchr);

PLAIN size_t __strnlen(const char *text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length] != 0) length++;
  return length;
}
size_t strnlen(const char *text, size_t limit) ALSO(__strnlen);

PLAIN void *__rawmemchr(const void *bytes, int byte) {
  const unsigned char *next = bytes;
  while (*next != (unsigned char)byte) next++;
  return (void *)next;
}
void *rawmemchr(const void *bytes, int byte) ALSO(__rawmemchr);

PLAIN char *strstr(const char *text, const char *part) {
  for (;; text++) {
    size_t length = 0;
    while (part[length] != 0 && text[length] == part[length]) length++;
    if (part[length] == 0) return (char *)text;
    if (*text == 0) return NULL;
  }
}

// The C locale's conversions between bytes and wide characters.
const void *const __wcsmbs_gconv_fcts_c[8];
#endif
