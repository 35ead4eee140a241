// Files, folders and descriptors.
#ifndef SWLOCK_FILES_H
#define SWLOCK_FILES_H

#include "libc.h"

static inline int csystem_open(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}
static inline int csystem_openat(int folder, const char *path, int flags, mode_t mode) {
  return openat(folder, path, flags, mode);
}
// renameat2(2) within one folder, onto no other file: as a system call, since not every libc has it.
static inline int csystem_rename_new(int folder, const char *name, const char *other) {
  return (int)syscall(SYS_renameat2, folder, name, folder, other, 1 /* RENAME_NOREPLACE */);
}
static inline int csystem_pipe(int *reader, int *writer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  *reader = ends[0], *writer = ends[1];
  return 0;
}

static inline int csystem_fcntl(int descriptor, int command, int argument) {
  return fcntl(descriptor, command, argument);
}
static inline int csystem_get_signal(void) { return F_GETSIG; }
static inline int csystem_set_signal(void) { return F_SETSIG; }
static inline int csystem_fcntl_lock(int descriptor, int command, struct flock *lock) {
  return fcntl(descriptor, command, lock);
}
static inline const char *csystem_entry_name(const struct dirent *entry) { return entry->d_name; }
// getdents64(2) needs no memory but the caller's; readdir(3) does. `entry` is at `offset` in what it wrote.
static inline int csystem_read_entries(int folder, void *buffer, size_t size) {
  return (int)syscall(SYS_getdents64, folder, buffer, size);
}
static inline const struct dirent64 *csystem_entry_at(const void *buffer, int offset) {
  return (const struct dirent64 *)((const char *)buffer + offset);
}
static inline const char *csystem_entry_name64(const struct dirent64 *entry) { return entry->d_name; }
// close_range(2), as a system call: an error where the kernel has none (before Linux 5.9).
static inline int csystem_close_range(unsigned first, unsigned last) {
  return (int)syscall(SYS_close_range, first, last, 0);
}
static inline int csystem_close_range_on_exec(unsigned first, unsigned last) {
  return (int)syscall(SYS_close_range, first, last, 4 /* CLOSE_RANGE_CLOEXEC */);
}
// kcmp(2): 0 if two descriptors are one open file, or two processes have one table of descriptors.
static inline long csystem_compare_descriptors(pid_t one, int first, pid_t other, int second) {
  return syscall(SYS_kcmp, one, other, KCMP_FILE, first, second);
}
static inline long csystem_compare_tables(pid_t one, pid_t other) {
  return syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0);
}

#endif
