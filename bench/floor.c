// The least a program must do to run a command under a lock: floor [-F] FILE COMMAND [ARG...]
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
  int in_place = argc > 1 && strcmp(argv[1], "-F") == 0;
  if (argc < 3 + in_place) return 64;
  char **command = argv + 2 + in_place;
  int lock = open(command[-1], O_RDWR | O_CREAT, 0600);
  if (lock < 0 || flock(lock, LOCK_EX) != 0) return 71;
  if (in_place) return execve(command[0], command, environ), 126;
  pid_t child;
  int status;
  if (posix_spawn(&child, command[0], NULL, NULL, command, environ) != 0) return 126;
  if (waitpid(child, &status, 0) < 0) return 71;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
