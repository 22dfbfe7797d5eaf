#include "base.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char line[640];
  int length = snprintf(line, sizeof line, "<0>tidepool-init: %s\n", text);
  int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (log >= 0 && write(log, line, (size_t)length) < 0) { /* nothing is left to tell it to */ }
  sync();
  reboot(RB_POWER_OFF);
  for (;;) pause();
}

void must(bool ok, const char *what) {
  if (!ok) fail("%s: %s", what, strerror(errno));
}

int64_t nowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleepMs(int ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&time, NULL);
}

size_t readSmallFile(const char *path, char *into, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  size_t length = 0;
  while (length + 1 < size) {
    ssize_t count = read(file, into + length, size - 1 - length);
    if (count <= 0) break;
    length += (size_t)count;
  }
  close(file);
  into[length] = 0;
  return length;
}

bool writeSmallFile(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool ok = write(file, text, strlen(text)) == (ssize_t)strlen(text);
  int failure = errno;
  close(file);
  errno = failure;
  return ok;
}

void mustWriteIn(const char *folder, const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  must(writeSmallFile(path, text), path);
}
