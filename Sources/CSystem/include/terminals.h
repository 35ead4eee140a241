// Terminals.
#ifndef SWLOCK_TERMINALS_H
#define SWLOCK_TERMINALS_H

#include "libc.h"

static inline int csystem_take_terminal(int descriptor) { return ioctl(descriptor, TIOCSCTTY, 0); }
// A pseudo-terminal (pts(4)): its master is open; this opens the other end, by no name that another
// mount namespace might have for another one.
static inline int csystem_open_peer(int master) {
  int unlocked = 0;
  if (ioctl(master, TIOCSPTLCK, &unlocked) != 0) return -1;
  return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static inline int csystem_ioctl(int descriptor, unsigned long request, void *argument) {
  return ioctl(descriptor, request, argument);
}

#endif
