/* Bringing the guest up: kernel modules, root image, writable folders, cgroup, and what the command line says. */
#pragma once

enum {
  runtimeUid = 990,
  runtimeGid = 990,
  templateIdMaxBytes = 128,
  runtimeNameMaxBytes = 32,
  resolversMaxBytes = 128,
};

/* Where the runtime and all its children live, and end. */
extern const char *const runtimeCgroup;

struct guest {
  char templateId[templateIdMaxBytes + 1];
  char runtime[runtimeNameMaxBytes + 1];
  unsigned memoryMib;
  /* Addresses with commas between them; empty in a guest without a network card. */
  char resolvers[resolversMaxBytes + 1];
};

/* From the kernel command line; constant once bringUp has returned. */
extern struct guest guest;

void bringUp(void);

/* Opens the virtio port of this name, when the device has appeared. */
int waitForPort(const char *name);
