#include "boot.h"
#include "base.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  runtimeProcessesMax = 256,
  deviceWaitMaxMs = 10000,
};

static const char *const cgroupRoot = "/sys/fs/cgroup";
const char *const runtimeCgroup = "/sys/fs/cgroup/runtime";

struct guest guest;

static void mountOrFail(const char *source, const char *target, const char *type, unsigned long flags,
                        const char *options) {
  must(mount(source, target, type, flags, options) == 0, target);
}

/* The image build wrote the modules and their order. */
static void loadModules(void) {
  static char order[4096];
  readSmallFile("/modules/order", order, sizeof order);
  char *rest = order;
  for (char *name; (name = strsep(&rest, "\n")) != NULL;) {
    if (*name == 0) continue;
    char path[256];
    snprintf(path, sizeof path, "/modules/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    must(file >= 0, path);
    must(syscall(SYS_finit_module, file, "", 0) == 0 || errno == EEXIST, path);
    close(file);
    unlink(path);
  }
}

static void readKernelCommandLine(void) {
  static char line[4096];
  readSmallFile("/proc/cmdline", line, sizeof line);
  char *rest = line;
  for (char *word; (word = strsep(&rest, " \n")) != NULL;) {
    if (strncmp(word, "tidepool.template=", 18) == 0) {
      if (strlen(word + 18) > templateIdMaxBytes) fail("template id is longer than %d", templateIdMaxBytes);
      strcpy(guest.templateId, word + 18);
    }
    if (strncmp(word, "tidepool.runtime=", 17) == 0) {
      if (strlen(word + 17) > runtimeNameMaxBytes) fail("runtime name is longer than %d", runtimeNameMaxBytes);
      strcpy(guest.runtime, word + 17);
    }
    if (strncmp(word, "tidepool.resolvers=", 19) == 0) {
      if (strlen(word + 19) > resolversMaxBytes) fail("resolvers are longer than %d", resolversMaxBytes);
      strcpy(guest.resolvers, word + 19);
    }
    if (strncmp(word, "tidepool.memory_mib=", 20) == 0) guest.memoryMib = (unsigned)strtoul(word + 20, NULL, 10);
  }
  if (guest.templateId[0] == 0) fail("no tidepool.template on the kernel command line");
  if (guest.runtime[0] == 0) fail("no tidepool.runtime on the kernel command line");
  if (guest.memoryMib == 0) fail("no tidepool.memory_mib on the kernel command line");
}

static int findPort(const char *wanted) {
  DIR *folder = opendir("/sys/class/virtio-ports");
  if (folder == NULL) return -1;
  int port = -1;
  for (struct dirent *entry; port < 0 && (entry = readdir(folder)) != NULL;) {
    char path[512], name[128];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    if (readSmallFile(path, name, sizeof name) == 0) continue;
    name[strcspn(name, "\n")] = 0;
    if (strcmp(name, wanted) != 0) continue;
    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }
  closedir(folder);
  return port;
}

int waitForPort(const char *name) {
  for (int64_t until = nowMs() + deviceWaitMaxMs; nowMs() < until; sleepMs(2)) {
    int port = findPort(name);
    if (port >= 0) return port;
  }
  fail("no virtio port %s within %d ms", name, deviceWaitMaxMs);
}

static void mountRoot(void) {
  mkdir("/root", 0755);
  int64_t until = nowMs() + deviceWaitMaxMs;
  while (mount("/dev/vda", "/root", "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) != 0) {
    bool isMissing = errno == ENOENT || errno == ENXIO || errno == ENODEV;
    if (!isMissing || nowMs() > until) fail("the root image does not mount: %s", strerror(errno));
    sleepMs(2);
  }
  mountOrFail("/dev", "/root/dev", NULL, MS_MOVE, NULL);
  mountOrFail("/proc", "/root/proc", NULL, MS_MOVE, NULL);
  mountOrFail("/sys", "/root/sys", NULL, MS_MOVE, NULL);
  must(chdir("/root") == 0, "chdir to the root image");
  mountOrFail(".", "/", NULL, MS_MOVE, NULL);
  must(chroot(".") == 0 && chdir("/") == 0, "chroot to the root image");
}

static void mountWritable(void) {
  char options[128];
  const unsigned long safe = MS_NODEV | MS_NOSUID;
  mountOrFail("tmpfs", "/tmp", "tmpfs", safe, "mode=1777");
  mountOrFail("tmpfs", "/run", "tmpfs", safe, "mode=0755,size=1m");
  mkdir("/dev/shm", 01777);
  mountOrFail("tmpfs", "/dev/shm", "tmpfs", safe, "mode=1777");
  snprintf(options, sizeof options, "mode=0755,uid=%d,gid=%d", runtimeUid, runtimeGid);
  mountOrFail("tmpfs", "/var/task", "tmpfs", safe, options);
}

static void makeCgroup(void) {
  char text[32];
  mountOrFail("cgroup2", cgroupRoot, "cgroup2", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
  mustWriteIn(cgroupRoot, "cgroup.subtree_control", "+memory +pids");
  must(mkdir(runtimeCgroup, 0755) == 0, runtimeCgroup);
  snprintf(text, sizeof text, "%uM", guest.memoryMib);
  mustWriteIn(runtimeCgroup, "memory.max", text);
  mustWriteIn(runtimeCgroup, "memory.oom.group", "1");
  snprintf(text, sizeof text, "%d", runtimeProcessesMax);
  mustWriteIn(runtimeCgroup, "pids.max", text);
}

static void raiseLoopback(void) {
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return;
  struct ifreq request = {.ifr_name = "lo"};
  request.ifr_flags = IFF_UP;
  ioctl(any, SIOCSIFFLAGS, &request);
  close(any);
}

void bringUp(void) {
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
}
