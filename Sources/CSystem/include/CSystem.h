// libc for Swift, in both builds: the headers, and inline wrappers for what Swift cannot import
// (variadic functions, macros, unions, globals). No logic lives here.
#ifndef SWLOCK_CSYSTEM_H
#define SWLOCK_CSYSTEM_H

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
#include <linux/kcmp.h>
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

// arguments.c
int csystem_argument_count(void);
char **csystem_arguments(void);
void csystem_registry_lock(void);
void csystem_registry_unlock(void);

static inline int csystem_errno(void) { return errno; }
static inline void csystem_clear_errno(void) { errno = 0; }
static inline const char *csystem_error_name(int code) {
#ifdef __GLIBC__
  return strerrorname_np(code);
#else
  (void)code;
  return NULL;
#endif
}
static inline char **csystem_environment(void) { return environ; }
static inline unsigned long csystem_auxiliary_value(unsigned long type) { return getauxval(type); }

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

// clone(2) with a function that runs on a stack of its own: the child of CLONE_VM|CLONE_VFORK.
static inline int csystem_clone(int (*body)(void *), void *stack_top, int flags, void *argument) {
  return clone(body, stack_top, flags, argument);
}
// fork(2), the system call itself: glibc's brings what threads need with it.
static inline int csystem_fork(void) { return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
// The same, but parent and child share one descriptor table, and with it every file lock.
static inline int csystem_fork_sharing_files(void) {
  return (int)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}
// The same, but the child's end makes no signal, and waitpid(2) does not see it without __WALL: it is no
// child of those that are waited for.
static inline int csystem_fork_apart(bool sharing_files) {
  return (int)syscall(SYS_clone, sharing_files ? CLONE_FILES : 0, 0, 0, 0, 0);
}
// The same, but the child is its parent's sibling.
static inline int csystem_fork_sibling(void) {
  return (int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}
static inline int csystem_prctl(int option, unsigned long argument) {
  return prctl(option, argument, 0, 0, 0);
}

// Of the calling process alone: libc's change all threads, and a child that shares this process's
// memory would change its parent (setxid).
static inline int csystem_set_groups(size_t count, const gid_t *groups) {
  return (int)syscall(SYS_setgroups, count, groups);
}
static inline int csystem_set_group(gid_t group) {
  return (int)syscall(SYS_setresgid, group, group, group);
}
static inline int csystem_set_user(uid_t user) {
  return (int)syscall(SYS_setresuid, user, user, user);
}
// Whether the real, effective and saved numbers are these.
static inline int csystem_is_user(uid_t user) {
  uid_t real, effective, saved;
  return syscall(SYS_getresuid, &real, &effective, &saved) == 0 && real == user && effective == user &&
         saved == user;
}
static inline int csystem_is_group(gid_t group) {
  gid_t real, effective, saved;
  return syscall(SYS_getresgid, &real, &effective, &saved) == 0 && real == group &&
         effective == group && saved == group;
}
static inline int csystem_get_priority(int *value) {
  errno = 0;
  *value = getpriority(PRIO_PROCESS, 0);
  return errno == 0 ? 0 : -1;
}
static inline int csystem_set_priority(int value) { return setpriority(PRIO_PROCESS, 0, value); }
// ioprio_set(2) of the calling process, for which libc has no function.
static inline int csystem_set_io_priority(int class, int level) {
  return (int)syscall(SYS_ioprio_set, 1, 0, class << 13 | level);
}
static inline int csystem_set_limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit = {soft, hard};
  return setrlimit(resource, &limit);
}
static inline int csystem_get_limit(int resource, rlim_t *soft, rlim_t *hard) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return -1;
  *soft = limit.rlim_cur, *hard = limit.rlim_max;
  return 0;
}
static inline void csystem_set_environment(char **variables) { environ = variables; }
static inline int csystem_take_terminal(int descriptor) { return ioctl(descriptor, TIOCSCTTY, 0); }

// A pseudo-terminal (pts(4)): its master is open; this opens the other end, by no name that another
// mount namespace might have for another one.
static inline int csystem_open_peer(int master) {
  int unlocked = 0;
  if (ioctl(master, TIOCSPTLCK, &unlocked) != 0) return -1;
  return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}
// Gives `terminal` the window size of `model`.
static inline int csystem_copy_window_size(int model, int terminal) {
  struct winsize size;
  if (ioctl(model, TIOCGWINSZ, &size) != 0) return -1;
  return ioctl(terminal, TIOCSWINSZ, &size);
}
static inline int csystem_same_modes(const struct termios *one, const struct termios *other) {
  return one->c_iflag == other->c_iflag && one->c_oflag == other->c_oflag &&
         one->c_cflag == other->c_cflag && one->c_lflag == other->c_lflag;
}
static inline unsigned char csystem_end_character(const struct termios *modes) {
  return modes->c_lflag & ICANON ? modes->c_cc[VEOF] : 0;
}

// Network interfaces (netdevice(7)); `address` and `mask` as the network has them.
static inline int csystem_raise_interface(int socket, const char *name) {
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return ioctl(socket, SIOCSIFFLAGS, &request);
}
static inline int csystem_set_interface_address(
    int socket, const char *name, const void *address, const void *mask) {
  struct ifreq request = {0};
  struct sockaddr_in *value = (struct sockaddr_in *)&request.ifr_addr;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  value->sin_family = AF_INET;
  memcpy(&value->sin_addr, address, 4);
  if (ioctl(socket, SIOCSIFADDR, &request) != 0) return -1;
  memcpy(&value->sin_addr, mask, 4);
  return ioctl(socket, SIOCSIFNETMASK, &request);
}
// ipv6(7): struct in6_ifreq of linux/ipv6.h, which does not go with netinet/in.h everywhere.
static inline int csystem_add_interface_address6(
    int socket, const char *name, const void *address, unsigned prefix) {
  struct ifreq interface = {0};
  struct {
    struct in6_addr address;
    uint32_t prefix;
    int index;
  } request = {.prefix = prefix};
  strncpy(interface.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(socket, SIOCGIFINDEX, &interface) != 0) return -1;
  memcpy(&request.address, address, 16);
  request.index = interface.ifr_ifindex;
  return ioctl(socket, SIOCSIFADDR, &request);
}
// Whether a socket of AF_INET6 can be bound to ::1.
static inline int csystem_can_bind_loopback6(int socket) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  return bind(socket, (struct sockaddr *)&address, sizeof address) == 0;
}

// A pair of sockets that keep messages apart; on the first each message comes with its sender's number,
// as this process sees it (SO_PASSCRED, unix(7)), and makes `signal` for this process.
static inline int csystem_message_pair(int *reader, int *writer, int signal) {
  int ends[2], on = 1;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  *reader = ends[0], *writer = ends[1];
  if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
      fcntl(ends[0], F_SETOWN, getpid()) < 0 || fcntl(ends[0], F_SETSIG, signal) < 0 ||
      fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK) < 0) {
    int error = errno;
    close(ends[0]), close(ends[1]);
    errno = error;
    return -1;
  }
  return 0;
}
// Takes the next message, which is `size` bytes: 1, or 0 where there is none yet, -1 where none will
// come.
static inline int csystem_receive(int descriptor, void *message, size_t size, pid_t *sender) {
  struct iovec part = {message, size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred))];
  } control;
  struct msghdr header = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t count = recvmsg(descriptor, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  struct cmsghdr *first = CMSG_FIRSTHDR(&header);
  if (count != (ssize_t)size || !first || first->cmsg_type != SCM_CREDENTIALS) return -1;
  struct ucred credentials;
  memcpy(&credentials, CMSG_DATA(first), sizeof credentials);
  *sender = credentials.pid;
  return 1;
}
// kill(2), marked as sent by swlock (SI_QUEUE).
static inline int csystem_signal_marked(pid_t process, int signal) {
  return sigqueue(process, signal, (union sigval){0});
}

static inline void csystem_name_process(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline const char *csystem_entry_name(const struct dirent *entry) { return entry->d_name; }
static inline int csystem_open_process(pid_t process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}
// kcmp(2): 0 if two descriptors are one open file, or two processes have one table of descriptors.
static inline long csystem_compare_descriptors(pid_t one, int first, pid_t other, int second) {
  return syscall(SYS_kcmp, one, other, KCMP_FILE, first, second);
}
static inline long csystem_compare_tables(pid_t one, pid_t other) {
  return syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0);
}
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
// The program of this very process, whatever its file is called by now.
static inline int csystem_execute_self(char *const *arguments, char *const *environment) {
  return execve("/proc/self/exe", arguments, environment);
}
static inline int csystem_signal_process(int process, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, process, signal, NULL, 0);
}

// A number in memory that two processes share.
static inline int64_t csystem_load(const int64_t *number) {
  return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}
static inline void csystem_store(int64_t *number, int64_t value) {
  __atomic_store_n(number, value, __ATOMIC_SEQ_CST);
}

typedef void (*csystem_signal_handler)(int);
static inline csystem_signal_handler csystem_signal_default(void) { return SIG_DFL; }
static inline csystem_signal_handler csystem_signal_ignored(void) { return SIG_IGN; }
static inline int csystem_set_handler(int signal, csystem_signal_handler handler) {
  struct sigaction action = {.sa_handler = handler};
  return sigaction(signal, &action, NULL);
}
static inline int csystem_signal_count(void) { return _NSIG; }
// Sets any signal to SIG_DFL: the system call itself, since glibc's sigaction(2) refuses 32 and 33,
// which its own posix_spawn(3) leaves ignored in what it starts. The kernel's structure is all zeros.
static inline int csystem_reset_signal(int signal) {
  static const unsigned long action[8];
  return (int)syscall(SYS_rt_sigaction, signal, action, NULL, _NSIG / 8);
}
static inline int csystem_is_ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}
static inline int csystem_has_handler(int signal) {
  struct sigaction action;
  return sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN &&
         action.sa_handler != SIG_DFL;
}
static inline int csystem_signal_descriptor(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}
static inline pid_t csystem_signal_sender(const siginfo_t *information) {
  return information->si_pid;
}

// Timers on CLOCK_MONOTONIC that send `signal` to the calling thread only. The system calls
// themselves: glibc's wrappers bring its threads with them into a static binary.
static inline int csystem_create_timer(int clock, int signal, int *timer) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  return (int)syscall(SYS_timer_create, clock, &event, timer);
}
static inline int csystem_create_thread_timer(int signal, int *timer) {
  return csystem_create_timer(CLOCK_MONOTONIC, signal, timer);
}
// The same on CLOCK_BOOTTIME, which goes on while the machine is suspended.
static inline int csystem_create_boot_timer(int signal, int *timer) {
  return csystem_create_timer(CLOCK_BOOTTIME, signal, timer);
}
static inline int csystem_set_timer(int timer, int flags, const struct itimerspec *times) {
  return (int)syscall(SYS_timer_settime, timer, flags, times, NULL);
}
static inline int csystem_delete_timer(int timer) { return (int)syscall(SYS_timer_delete, timer); }
static inline int csystem_wakeup_signal(void) { return SIGRTMAX - 2; }

static inline int csystem_exited(int status) { return WIFEXITED(status); }
static inline int csystem_exit_code(int status) { return WEXITSTATUS(status); }
static inline int csystem_stopped(int status) { return WIFSTOPPED(status); }
static inline int csystem_continued(int status) { return WIFCONTINUED(status); }
static inline int csystem_stop_signal(int status) { return WSTOPSIG(status); }
static inline int csystem_termination_signal(int status) { return WTERMSIG(status); }
static inline int csystem_dumped_core(int status) { return WCOREDUMP(status) != 0; }

#endif
