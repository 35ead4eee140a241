// The headers of libc, and its error numbers.
#ifndef SWLOCK_LIBC_H
#define SWLOCK_LIBC_H

// fd_set and an enumeration of getrusage(2) have other members with _GNU_SOURCE, and a program that
// imports Foundation as well would see both. So they are declared as everybody else sees them, before
// the rest of libc is asked for.
#include <sys/resource.h>
#include <sys/select.h>
#ifndef _GNU_SOURCE
#undef _FEATURES_H
#define _GNU_SOURCE 1
#include <features.h>
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static inline int csystem_errno(void) { return errno; }
static inline void csystem_clear_errno(void) { errno = 0; }

#endif
