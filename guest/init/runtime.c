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
  wordsMaxBytes = 8 * 1024,
  wordsMaxCount = 64,
};

pid_t runtimePid;
int outputPipes[2] = {-1, -1};

/* One of the files that the image has for this runtime: what it holds, one word a line. */
struct words {
  char text[wordsMaxBytes];
  char *list[wordsMaxCount + 1];
};

static const char *pathOf(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "/opt/tidepool/runtimes/%s/%s", guest.runtime, name);
  return path;
}

static void readWords(const char *name, struct words *words) {
  const char *path = pathOf(name);
  if (access(path, R_OK) != 0) fail("%s: %s", path, strerror(errno));
  if (readSmallFile(path, words->text, sizeof words->text) + 1 == sizeof words->text) fail("%s is too long", path);
  int count = 0;
  char *rest = words->text;
  for (char *word; (word = strsep(&rest, "\n")) != NULL;) {
    if (*word == 0) continue;
    if (count == wordsMaxCount) fail("%s has more than %d words", path, wordsMaxCount);
    words->list[count++] = word;
  }
  words->list[count] = NULL;
}

/* "{memoryMib}" becomes the function's limit. */
static char **readCommand(void) {
  static struct words command;
  readWords("command", &command);
  if (command.list[0] == NULL) fail("runtime %s has no command", guest.runtime);
  for (char **word = command.list; *word != NULL; word++) {
    char *mark = strstr(*word, "{memoryMib}");
    if (mark == NULL) continue;
    const char *after = mark + strlen("{memoryMib}");
    int before = (int)(mark - *word);
    if (asprintf(word, "%.*s%u%s", before, *word, guest.memoryMib, after) < 0) fail("no memory for the command");
  }
  return command.list;
}

static char **readEnvironment(void) {
  static const char *const common[] = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=/tmp",
      "TMPDIR=/tmp",
      "LANG=C.UTF-8",
      "TZ=UTC",
      "USER=runtime",
  };
  enum { commonCount = sizeof common / sizeof *common };
  static struct words own;
  static char *environment[commonCount + wordsMaxCount + 1];
  readWords("environment", &own);
  for (int index = 0; index < commonCount; index++) environment[index] = (char *)common[index];
  memcpy(environment + commonCount, own.list, sizeof own.list);
  return environment;
}

/*
 * Pages of files are counted where they are first read. Those that the runtime always executes are read here,
 * outside of its cgroup: inside, a function that fills its memory would displace them, and crawl for minutes
 * before it is out of memory.
 */
static void readResident(void) {
  static struct words files;
  static char chunk[64 * 1024];
  readWords("resident", &files);
  for (char **path = files.list; *path != NULL; path++) {
    int file = open(*path, O_RDONLY | O_CLOEXEC);
    must(file >= 0, *path);
    while (read(file, chunk, sizeof chunk) > 0) continue;
    close(file);
  }
}

static void __attribute__((noreturn)) becomeRuntime(int port, int out, int err, char **command,
                                                    char **environment) {
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
  execve(command[0], command, environment);
  dprintf(2, "tidepool-init: %s: %s\n", command[0], strerror(errno));
  _exit(127);
}

void startRuntime(void) {
  int port = waitForPort("tidepool.runtime");
  int out[2], err[2];
  must(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe");
  char **command = readCommand(), **environment = readEnvironment();
  readResident();
  /* High numbers, so that the dup2 calls in the child cannot overwrite one that is still needed. */
  int high = fcntl(port, F_DUPFD_CLOEXEC, 64), outHigh = fcntl(out[1], F_DUPFD_CLOEXEC, 64),
      errHigh = fcntl(err[1], F_DUPFD_CLOEXEC, 64);
  must(high >= 0 && outHigh >= 0 && errHigh >= 0, "dup");
  runtimePid = fork();
  must(runtimePid >= 0, "fork");
  if (runtimePid == 0) becomeRuntime(high, outHigh, errHigh, command, environment);
  close(port), close(high), close(out[1]), close(err[1]), close(outHigh), close(errHigh);
  outputPipes[0] = out[0];
  outputPipes[1] = err[0];
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(err[0], F_SETFL, O_NONBLOCK);
}
