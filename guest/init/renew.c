#include "renew.h"
#include "base.h"
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int generator = -1;

void openGenerator(void) {
  generator = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  must(generator >= 0, "/dev/urandom");
}

void setClock(struct reader timestamp) {
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

void addEntropy(struct reader bytes) {
  size_t length = (size_t)(bytes.end - bytes.at);
  union {
    struct rand_pool_info pool;
    uint8_t space[sizeof(struct rand_pool_info) + hostFrameMaxBytes];
  } request;
  request.pool.entropy_count = (int)length * 8;
  request.pool.buf_size = (int)length;
  memcpy(request.pool.buf, bytes.at, length);
  must(ioctl(generator, RNDADDENTROPY, &request) == 0, "adding randomness");
  must(ioctl(generator, RNDRESEEDCRNG) == 0, "reseeding the kernel");
}
