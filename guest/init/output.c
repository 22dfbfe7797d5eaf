#include "output.h"
#include "base.h"
#include "boot.h"
#include "frames.h"
#include "runtime.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static bool pipeIsOpen(int index) { return outputPipes[index] >= 0; }

bool hasRoomForOutput(void) { return room() >= outputChunkMaxBytes + 2 * replyMaxBytes; }

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
  putBytes(chunk, (size_t)count);
  return (size_t)count;
}

/* What must have been forwarded before a promise can be kept: a Flushed, or the RuntimeExited. */
static size_t owed[2];
static bool flushIsDue, exitIsDue;
static uint32_t flushId;
static int exitStatus;

void forwardOutput(void) {
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

bool owesOutput(void) { return owed[0] != 0 || owed[1] != 0; }

void promiseFlushed(uint32_t id) {
  flushId = id;
  flushIsDue = true;
  oweWaitingOutput();
}

void keepPromises(void) {
  if (owesOutput() || room() < replyMaxBytes) return;
  if (flushIsDue) sendNumber(5, flushId);
  flushIsDue = false;
  if (exitIsDue) sendRuntimeExited();
  exitIsDue = false;
}

void reap(int signals) {
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
