// Network interfaces, and messages between processes.
#ifndef SWLOCK_SOCKETS_H
#define SWLOCK_SOCKETS_H

#include "libc.h"

// Whose types differ from libc to libc.
static inline int csystem_datagram_socket(int family) {
  return socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}
static inline int csystem_stream_pair(int *ends) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
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

#endif
