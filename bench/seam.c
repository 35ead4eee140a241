/* As `swlock run -m etcd NAME -- CMD`, but for what it does beyond the lock: starts the engine, waits for `held`, runs
 * the command, says `release` and waits for `released`. usage: seam ENGINE NAME COMMAND [WORD...] */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(FILE *lines, const char *verb) {
  char line[4096];
  while (fgets(line, sizeof line, lines))
    if (!strncmp(line, verb, strlen(verb))) return 1;
  return 0;
}

int main(int argc, char **argv) {
  int ends[2];
  if (argc < 4 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return 64;
  signal(SIGPIPE, SIG_IGN);
  pid_t engine = vfork();
  if (engine == 0) {
    dup2(ends[1], 0);
    dup2(ends[1], 1);
    setsid();
    execl(argv[1], "engine", "lock", argv[2], "ttl=15", "kind=exclusive", "info=host=h pid=1 user=u since=1 command=c",
          (char *)0);
    _exit(127);
  }
  close(ends[1]);
  FILE *lines = fdopen(ends[0], "r");
  if (!wait_for(lines, "held ")) return 69;
  pid_t command = vfork();
  if (command == 0) {
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  int status = 0;
  waitpid(command, &status, 0);
  if (write(ends[0], "release\n", 8) != 8 || !wait_for(lines, "released")) return 76;
  return WEXITSTATUS(status);
}
