#include "runtime.h"
#include "base.h"
#include "boot.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  runtimeOpenFilesMax = 4096,
  runtimePortFd = 3,
  commandMaxBytes = 8 * 1024,
  commandMaxWords = 64,
};

static const char *const commandFile = "/opt/tidepool/command";

pid_t runtimePid;
int outputPipes[2] = {-1, -1};

/* The command, one word a line; "{heapMib}" becomes what is left of the limit after an eighth of it. */
static char **readCommand(void) {
  static char text[commandMaxBytes], expanded[commandMaxBytes];
  static char *words[commandMaxWords + 1];
  if (readSmallFile(commandFile, text, sizeof text) == 0) fail("%s is missing or empty", commandFile);
  int count = 0;
  size_t used = 0;
  char *rest = text;
  for (char *word; (word = strsep(&rest, "\n")) != NULL;) {
    if (*word == 0) continue;
    if (count == commandMaxWords) fail("%s has more than %d words", commandFile, commandMaxWords);
    char *mark = strstr(word, "{heapMib}");
    int length = mark == NULL
                     ? snprintf(expanded + used, sizeof expanded - used, "%s", word)
                     : snprintf(expanded + used, sizeof expanded - used, "%.*s%u%s", (int)(mark - word), word,
                                guest.memoryMib - guest.memoryMib / 8, mark + strlen("{heapMib}"));
    if (used + (size_t)length + 1 > sizeof expanded) fail("%s is too long", commandFile);
    words[count++] = expanded + used;
    used += (size_t)length + 1;
  }
  return words;
}

static void __attribute__((noreturn)) becomeRuntime(int port, int out, int err, char **command) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  mustWriteIn(runtimeCgroup, "cgroup.procs", "0");
  int nothing = open("/dev/null", O_RDWR);
  /* dup2 clears close-on-exec; everything else that init holds is close-on-exec. */
  must(dup2(nothing, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2, "giving the runtime its streams");
  must(dup2(port, runtimePortFd) == runtimePortFd, "giving the runtime its port");
  if (nothing > runtimePortFd) close(nothing);
  struct rlimit files = {runtimeOpenFilesMax, runtimeOpenFilesMax}, core = {0, 0};
  setrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_CORE, &core);
  for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) continue;
  gid_t group = runtimeGid;
  must(setgroups(1, &group) == 0, "setgroups");
  must(setresgid(runtimeGid, runtimeGid, runtimeGid) == 0, "setresgid");
  must(setresuid(runtimeUid, runtimeUid, runtimeUid) == 0, "setresuid");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  must(chdir("/var/task") == 0, "/var/task");
  char *environment[] = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=/tmp",
      "TMPDIR=/tmp",
      "LANG=C.UTF-8",
      "TZ=UTC",
      "USER=runtime",
      NULL,
  };
  execve(command[0], command, environment);
  dprintf(2, "tidepool-init: %s: %s\n", command[0], strerror(errno));
  _exit(127);
}

void startRuntime(void) {
  int port = waitForPort("tidepool.runtime");
  int out[2], err[2];
  must(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe");
  char **command = readCommand();
  /* High numbers, so that the dup2 calls in the child cannot overwrite one that is still needed. */
  int high = fcntl(port, F_DUPFD_CLOEXEC, 64), outHigh = fcntl(out[1], F_DUPFD_CLOEXEC, 64),
      errHigh = fcntl(err[1], F_DUPFD_CLOEXEC, 64);
  must(high >= 0 && outHigh >= 0 && errHigh >= 0, "dup");
  runtimePid = fork();
  must(runtimePid >= 0, "fork");
  if (runtimePid == 0) becomeRuntime(high, outHigh, errHigh, command);
  close(port), close(high), close(out[1]), close(err[1]), close(outHigh), close(errHigh);
  outputPipes[0] = out[0];
  outputPipes[1] = err[0];
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(err[0], F_SETFL, O_NONBLOCK);
}
