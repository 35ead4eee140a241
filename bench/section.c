// A command that says when it began and ended: section LOG MILLISECONDS
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
  long long began = now();
  if (argc != 3) return 64;
  int log = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
  usleep(atoi(argv[2]) * 1000);
  char line[64];
  int length = snprintf(line, sizeof line, "%lld %lld\n", began, now());
  return write(log, line, length) != length;
}
