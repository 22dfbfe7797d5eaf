/*
 * PID 1 of a Tidepool guest. It brings the guest up, starts the language runtime as an unprivileged user
 * inside a cgroup, and then answers the host-agent on the control port until the VM is destroyed.
 *
 * Rules the code cannot show:
 * - One thread, one poll loop, fixed buffers. What the runtime prints is read from its pipes only while
 *   there is room to pass it on, so a flood of output blocks the printing process and costs no memory.
 * - The frames are protobuf (proto/tidepool/guest/v1/guest.proto) written by hand: a handful of flat
 *   messages do not justify a C protobuf library in an initramfs.
 * - It runs from the initramfs and keeps running after the root has been switched; it never execs.
 * - A guest whose host-agent has been gone for hostGoneMaxMs ends itself, so an orphan cannot spin.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  runtimeUid = 990,
  runtimeGid = 990,
  runtimeProcessesMax = 256,
  runtimeOpenFilesMax = 4096,
  runtimePortFd = 3,
  deviceWaitMaxMs = 10000,
  hostGoneMaxMs = 10000,
  hostFrameMaxBytes = 16 * 1024,
  outputChunkMaxBytes = 32 * 1024,
  replyMaxBytes = 512,
  outgoingMaxBytes = 2 * outputChunkMaxBytes,
  commandMaxBytes = 8 * 1024,
  commandMaxWords = 64,
  templateIdMaxBytes = 128,
};

static const char *const commandFile = "/opt/tidepool/command";
static const char *const cgroupRoot = "/sys/fs/cgroup";
static const char *const runtimeCgroup = "/sys/fs/cgroup/runtime";

static char templateId[templateIdMaxBytes + 1];
static unsigned memoryMib;
static int controlPort = -1;
static pid_t runtimePid;

#include "basics.h"
#include "bring-up.h"

/* ---- the runtime process ---- */

static int outputPipes[2] = {-1, -1}; /* stdout, stderr: the ends that init reads */

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
                                memoryMib - memoryMib / 8, mark + strlen("{heapMib}"));
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

static void startRuntime(void) {
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

#include "frames.h"

/* ---- output of the runtime ---- */

static bool pipeIsOpen(int index) { return outputPipes[index] >= 0; }

static bool hasRoomForOutput(void) { return room() >= outputChunkMaxBytes + 2 * replyMaxBytes; }

static size_t waitingIn(int index) {
  int waiting = 0;
  if (pipeIsOpen(index) && ioctl(outputPipes[index], FIONREAD, &waiting) != 0) waiting = 0;
  return (size_t)waiting;
}

/* Moves one chunk from a pipe into the outgoing buffer; answers how many bytes. */
static size_t forwardChunk(int index) {
  static uint8_t chunk[outputChunkMaxBytes];
  ssize_t count = read(outputPipes[index], chunk, sizeof chunk);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
    close(outputPipes[index]);
    outputPipes[index] = -1;
  }
  if (count <= 0) return 0;
  beginFrame(4, 2 + 1 + varintBytes((uint32_t)count) + (size_t)count);
  putByte(1 << 3);
  putVarint((uint32_t)index + 1);
  putByte(2 << 3 | 2);
  putVarint((uint32_t)count);
  memcpy(outgoing + outgoingEnd, chunk, (size_t)count);
  outgoingEnd += (size_t)count;
  return (size_t)count;
}

/* What must have been forwarded before a promise can be kept: a Flushed, or the RuntimeExited. */
static size_t owed[2];
static bool flushIsDue, exitIsDue;
static uint32_t flushId;
static int exitStatus;

static void forwardOutput(void) {
  for (int index = 0; index < 2; index++) {
    if (!pipeIsOpen(index) || !hasRoomForOutput()) continue;
    size_t count = forwardChunk(index);
    owed[index] = count == 0 || count > owed[index] ? 0 : owed[index] - count;
  }
}

static void oweWaitingOutput(void) {
  owed[0] = waitingIn(0);
  owed[1] = waitingIn(1);
}

static bool memoryWasExceeded(void) {
  char path[256], text[512];
  snprintf(path, sizeof path, "%s/memory.events", runtimeCgroup);
  readSmallFile(path, text, sizeof text);
  const char *line = strstr(text, "oom_kill ");
  return line != NULL && strtoul(line + strlen("oom_kill "), NULL, 10) > 0;
}

static void sendRuntimeExited(void) {
  uint32_t code = WIFEXITED(exitStatus) ? (uint32_t)WEXITSTATUS(exitStatus) : 0;
  uint32_t signal = WIFSIGNALED(exitStatus) ? (uint32_t)WTERMSIG(exitStatus) : 0;
  beginFrame(6, 1 + varintBytes(code) + 1 + varintBytes(signal) + 2);
  putByte(1 << 3), putVarint(code);
  putByte(2 << 3), putVarint(signal);
  putByte(3 << 3), putByte(memoryWasExceeded());
}

static void keepPromises(void) {
  if (owed[0] != 0 || owed[1] != 0 || room() < replyMaxBytes) return;
  if (flushIsDue) sendNumber(5, flushId);
  flushIsDue = false;
  if (exitIsDue) sendRuntimeExited();
  exitIsDue = false;
}

static void reap(int signals) {
  struct signalfd_siginfo ignored;
  while (read(signals, &ignored, sizeof ignored) > 0) continue;
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != runtimePid) continue;
    runtimePid = 0;
    exitStatus = status;
    exitIsDue = true;
    mustWriteIn(runtimeCgroup, "cgroup.kill", "1");
    oweWaitingOutput();
  }
}

/* ---- frames in ---- */

static void setClock(struct reader timestamp) {
  struct timespec now = {0};
  while (timestamp.at < timestamp.end) {
    uint64_t value;
    struct reader bytes;
    unsigned field = getField(&timestamp, &value, &bytes);
    if (field == 1) now.tv_sec = (time_t)value;
    if (field == 2) now.tv_nsec = (long)value;
  }
  must(clock_settime(CLOCK_REALTIME, &now) == 0, "setting the clock");
}

static void addEntropy(struct reader bytes) {
  size_t length = (size_t)(bytes.end - bytes.at);
  union {
    struct rand_pool_info pool;
    uint8_t space[sizeof(struct rand_pool_info) + hostFrameMaxBytes];
  } request;
  request.pool.entropy_count = (int)length * 8;
  request.pool.buf_size = (int)length;
  memcpy(request.pool.buf, bytes.at, length);
  int device = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  must(device >= 0, "/dev/urandom");
  must(ioctl(device, RNDADDENTROPY, &request) == 0, "adding randomness");
  must(ioctl(device, RNDRESEEDCRNG) == 0, "reseeding the kernel");
  close(device);
}

/* A guest that is not what the host thinks it cloned answers with its own id and changes nothing. */
static void restore(struct reader message) {
  struct reader id = {0}, now = {0}, entropy = {0};
  while (message.at < message.end) {
    uint64_t value;
    struct reader bytes = {0};
    unsigned field = getField(&message, &value, &bytes);
    if (field == 1) id = bytes;
    if (field == 2) now = bytes;
    if (field == 3) entropy = bytes;
  }
  size_t length = (size_t)(id.end - id.at);
  if (length == strlen(templateId) && memcmp(id.at, templateId, length) == 0) {
    setClock(now);
    addEntropy(entropy);
  }
  sendTemplateId(2);
}

static void take(struct reader frame) {
  uint64_t value;
  struct reader body = {0}, inner = {0};
  switch (getField(&frame, &value, &body)) {
  case 1:
    restore(body);
    return;
  case 2:
    getField(&body, &value, &inner);
    setClock(inner);
    beginFrame(3, 0);
    return;
  case 3:
    value = 0; /* proto3 leaves a zero out */
    if (body.at < body.end) getField(&body, &value, &inner);
    flushId = (uint32_t)value;
    flushIsDue = true;
    oweWaitingOutput();
    return;
  default:
    fail("an unknown control message came");
  }
}

static uint8_t incoming[4 + hostFrameMaxBytes];
static size_t incomingBytes;

static void receive(void) {
  ssize_t count = read(controlPort, incoming + incomingBytes, sizeof incoming - incomingBytes);
  if (count <= 0) return;
  incomingBytes += (size_t)count;
}

static void takeFrames(void) {
  while (incomingBytes >= 4 && room() >= replyMaxBytes) {
    uint32_t length = (uint32_t)incoming[0] | (uint32_t)incoming[1] << 8 | (uint32_t)incoming[2] << 16 |
                      (uint32_t)incoming[3] << 24;
    if (length == 0 || length > hostFrameMaxBytes) fail("a control frame of %u bytes came, limit is %d", length, hostFrameMaxBytes);
    if (incomingBytes < 4 + (size_t)length) return;
    take((struct reader){incoming + 4, incoming + 4 + length});
    incomingBytes -= 4 + (size_t)length;
    memmove(incoming, incoming + 4 + length, incomingBytes);
  }
}

/* ---- the loop ---- */

static void serve(int signals) {
  int64_t hostGoneSinceMs = 0;
  for (;;) {
    bool wantsOutput = hasRoomForOutput();
    struct pollfd waits[] = {
        {controlPort, (short)(POLLIN | (outgoingStart < outgoingEnd ? POLLOUT : 0)), 0},
        {signals, POLLIN, 0},
        {wantsOutput ? outputPipes[0] : -1, POLLIN, 0},
        {wantsOutput ? outputPipes[1] : -1, POLLIN, 0},
    };
    if (poll(waits, 4, -1) < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
    if (waits[0].revents & POLLHUP) {
      if (hostGoneSinceMs == 0) hostGoneSinceMs = nowMs();
      if (nowMs() - hostGoneSinceMs > hostGoneMaxMs) fail("the host-agent has been gone for %d ms", hostGoneMaxMs);
      sleepMs(50);
    } else {
      hostGoneSinceMs = 0;
    }
    if (waits[0].revents & POLLIN) receive();
    takeFrames();
    if (waits[1].revents & POLLIN) reap(signals);
    if ((waits[2].revents | waits[3].revents) != 0 || owed[0] != 0 || owed[1] != 0) forwardOutput();
    keepPromises();
    sendOutgoing();
  }
}

int main(void) {
  mkdir("/dev", 0755), mkdir("/proc", 0755), mkdir("/sys", 0755);
  mountOrFail("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
  mountOrFail("proc", "/proc", "proc", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
  mountOrFail("sysfs", "/sys", "sysfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
  umask(022);
  readKernelCommandLine();
  loadModules();
  mountRoot();
  mountWritable();
  makeCgroup();
  raiseLoopback();
  must(sethostname("tidepool", strlen("tidepool")) == 0, "sethostname");
  mustWriteIn("/proc/sys", "user/max_user_namespaces", "0");

  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  int signals = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
  must(signals >= 0, "signalfd");

  controlPort = waitForPort("tidepool.control");
  startRuntime();
  sendTemplateId(1);
  sendOutgoing();
  serve(signals);
}
