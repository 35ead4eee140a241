// Files, folders and descriptors.
#ifndef SWLOCK_FILES_H
#define SWLOCK_FILES_H

#include "libc.h"

// musl's open(2) sets O_CLOEXEC with a second call.
#ifdef __GLIBC__
static inline int csystem_open(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}
static inline int csystem_openat(int folder, const char *path, int flags, mode_t mode) {
  return openat(folder, path, flags, mode);
}
#else
static inline int csystem_openat(int folder, const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}
static inline int csystem_open(const char *path, int flags, mode_t mode) {
  return csystem_openat(AT_FDCWD, path, flags, mode);
}
#endif
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
// The kernel's own, which not every libc declares.
struct csystem_entry {
  uint64_t d_ino;
  int64_t d_off;
  uint16_t d_reclen;
  uint8_t d_type;
  char d_name[];
};
// getdents64(2) needs no memory but the caller's; readdir(3) does. `entry` is at `offset` in what it wrote.
static inline int csystem_read_entries(int folder, void *buffer, size_t size) {
  return (int)syscall(SYS_getdents64, folder, buffer, size);
}
static inline const struct csystem_entry *csystem_entry_at(const void *buffer, int offset) {
  return (const struct csystem_entry *)((const char *)buffer + offset);
}
static inline const char *csystem_kernel_name(const struct csystem_entry *entry) {
  return entry->d_name;
}
// close_range(2), as a system call: an error where the kernel has none (before Linux 5.9).
static inline int csystem_close_range(unsigned first, unsigned last) {
  return (int)syscall(SYS_close_range, first, last, 0);
}
static inline int csystem_close_range_on_exec(unsigned first, unsigned last) {
  return (int)syscall(SYS_close_range, first, last, 4 /* CLOSE_RANGE_CLOEXEC */);
}
// kcmp(2): 0 if two descriptors are one open file, or two processes have one table of descriptors.
static inline long csystem_compare_descriptors(pid_t one, int first, pid_t other, int second) {
  return syscall(SYS_kcmp, one, other, 0 /* KCMP_FILE */, first, second);
}
static inline long csystem_compare_tables(pid_t one, pid_t other) {
  return syscall(SYS_kcmp, one, other, 2 /* KCMP_FILES */, 0, 0);
}

// statx(2), which musl has since 1.2.5.
#ifndef STATX_TYPE
#define STATX_TYPE 0x1u
#define STATX_INO 0x100u
#define STATX_BASIC_STATS 0x7ffu
#define AT_STATX_FORCE_SYNC 0x2000
#define AT_STATX_DONT_SYNC 0x4000
struct statx_timestamp {
  int64_t tv_sec;
  uint32_t tv_nsec;
  int32_t reserved;
};
struct statx {
  uint32_t stx_mask;
  uint32_t stx_blksize;
  uint64_t stx_attributes;
  uint32_t stx_nlink;
  uint32_t stx_uid;
  uint32_t stx_gid;
  uint16_t stx_mode;
  uint16_t reserved;
  uint64_t stx_ino;
  uint64_t stx_size;
  uint64_t stx_blocks;
  uint64_t stx_attributes_mask;
  struct statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
  uint32_t stx_rdev_major;
  uint32_t stx_rdev_minor;
  uint32_t stx_dev_major;
  uint32_t stx_dev_minor;
  uint64_t more[14];
};
static inline int statx(int folder, const char *name, int flags, unsigned mask, struct statx *status) {
  return (int)syscall(SYS_statx, folder, name, flags, mask, status);
}
#endif

#endif
